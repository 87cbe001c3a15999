//! Why a session cannot start.

use std::io;
use std::path::PathBuf;

use super::master::MASTER_FORMS;
use super::settings::KNOWN_SETTINGS;
use crate::config::ConfigError;
use crate::diagnostic::Diagnostic;
use crate::exit_code::ExitCode;
use crate::logging::FilterError;

/// Why a session cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The master has none of the known forms.
    #[error("cannot read the master `{master}`")]
    Master {
        /// The text given.
        master: String,
    },
    /// The master is a cluster, which this build cannot reach.
    #[error("this build runs on one machine and cannot reach the cluster `{master}`")]
    Cluster {
        /// The URL given.
        master: String,
    },
    /// A session setting that does not exist.
    #[error("there is no session setting `{key}`")]
    UnknownSetting {
        /// The key given.
        key: String,
    },
    /// A session setting with a value that it cannot have.
    #[error("the session setting `{key}` cannot be `{value}`: {why}")]
    Setting {
        /// The key given.
        key: String,
        /// The value given.
        value: String,
        /// What is allowed.
        why: String,
    },
    /// A session setting without `=`.
    #[error("the session setting `{text}` has no value")]
    SettingForm {
        /// The text given.
        text: String,
    },
    /// The log filter cannot be read.
    #[error(transparent)]
    LogFilter(#[from] FilterError),
    /// A file that the job was given is not there.
    #[error("cannot open the file `{}` that the job was given", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Two files could be the config.
    #[error("both `{}` and `{}` could be the job's config", first.display(), second.display())]
    TwoConfigs {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The config cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file `.env` cannot be read.
    #[error("cannot read `{place}`: {why}")]
    Dotenv {
        /// The file, and the line where that is known.
        place: String,
        /// What is wrong; never what stands in the file.
        why: String,
    },
    /// The spill folder cannot be made.
    #[error("cannot make a spill folder in `{}`", folder.display())]
    Spill {
        /// The folder that it should be in.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gave no threads or no signal handlers.
    #[error("cannot start {what}")]
    System {
        /// What was being started.
        what: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Diagnostic for SessionError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Master { .. }
            | Self::Cluster { .. }
            | Self::UnknownSetting { .. }
            | Self::Setting { .. }
            | Self::SettingForm { .. }
            | Self::LogFilter(_) => ExitCode::Usage,
            Self::File { .. } => ExitCode::NoInput,
            Self::TwoConfigs { .. } | Self::Dotenv { .. } => ExitCode::Config,
            Self::Config(error) => error.exit_code(),
            Self::Spill { .. } => ExitCode::CannotCreate,
            Self::System { .. } => ExitCode::TryAgain,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Master { .. } => Some(format!("known forms are {MASTER_FORMS}")),
            Self::Cluster { .. } => Some("leave `--master` out, or give `--master local[*]`".to_owned()),
            Self::UnknownSetting { .. } | Self::SettingForm { .. } => Some(format!(
                "write `--conf key=value`; known keys are {}",
                KNOWN_SETTINGS.map(|(key, _)| key).join(", ")
            )),
            Self::LogFilter(_) => {
                Some("write a level (`debug`) or levels by module (`info,datalake_deps=debug`)".to_owned())
            }
            Self::File { .. } => Some("check the paths given by `--files`".to_owned()),
            Self::TwoConfigs { .. } => Some("give one config: by `--config`, or among `--files`".to_owned()),
            Self::Dotenv { .. } => {
                Some("each line is `NAME=value`, a comment after `#`, or empty".to_owned())
            }
            Self::Spill { .. } => Some("name a folder with space by `--conf spill_folder=FOLDER`".to_owned()),
            Self::Config(error) => error.hint(),
            Self::Setting { .. } | Self::System { .. } => None,
        }
    }
}
