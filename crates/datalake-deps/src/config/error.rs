//! What can be wrong with a config.

use std::path::PathBuf;

use super::layers::Origin;
use crate::diagnostic::Diagnostic;
use crate::exit_code::ExitCode;

/// A config that cannot be used. Always ends a job with [`ExitCode::Config`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("cannot read the config `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not JSON, holds one key twice, or is no object.
    #[error("the config is not a JSON object: {place}")]
    Syntax {
        /// `file:line:column`, with `literal` for a string in the code.
        place: String,
        /// What is wrong there.
        #[source]
        fault: Fault,
    },
    /// A key that no layer may set, a value of the wrong type, or one that the job refuses.
    #[error("config key `{path}` ({origin})")]
    Key {
        /// Dotted path of the key.
        path: String,
        /// Where its value comes from.
        origin: Origin,
        /// What is wrong with it.
        #[source]
        fault: Fault,
        /// The keys that exist at that place, where the key is unknown.
        known: Vec<String>,
    },
    /// A `--set` flag or a `DATALAKE__` variable that does not name a key.
    #[error("cannot read the setting `{text}`")]
    Assignment {
        /// The key as it was given; never the value.
        text: String,
        /// What is wrong with it.
        #[source]
        fault: Fault,
    },
    /// The job needs a config and was given none.
    #[error("job `{job}` needs a config, and none was given")]
    Missing {
        /// Name of the job.
        job: String,
    },
    /// The resolved config cannot be written as JSON.
    #[error("this is a bug, please report it: the resolved config cannot be written as JSON")]
    Write {
        /// Why.
        source: serde_json::Error,
    },
}

/// The innermost cause: a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

impl Fault {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl ConfigError {
    pub(super) fn assignment(text: &str, fault: String) -> Self {
        // Whatever follows the first `=` is a value and may be a secret.
        let key = text.split_once('=').map_or(text, |(key, _)| key);
        Self::Assignment {
            text: key.to_owned(),
            fault: Fault::new(fault),
        }
    }
}

impl Diagnostic for ConfigError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Write { .. } => ExitCode::Bug,
            _ => ExitCode::Config,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Key { known, .. } if !known.is_empty() => {
                Some(format!("known keys are {}", known.join(", ")))
            }
            Self::Assignment { .. } => Some(
                "write a dotted key and a value: `--set a.b=1`, or `DATALAKE__A__B=1` in the environment"
                    .to_owned(),
            ),
            Self::Read { .. } => Some(
                "give `--config` a JSON file that this user may read; `--print-config` without one prints the defaults"
                    .to_owned(),
            ),
            Self::Missing { .. } => Some(
                "give `--config FILE`, or `--files` with one file whose name ends in `config.json`"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}
