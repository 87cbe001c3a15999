//! Why an output cannot be written.

use std::io;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::exit_code::ExitCode;
use crate::store::UrlError;

/// Why publishing failed. The tables published before are whole in every case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The output folder cannot be made or written to.
    #[error("cannot use `{}` as the output folder", folder.display())]
    Folder {
        /// The output folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The output is a URL that cannot be used.
    #[error("the output cannot be used")]
    Url(#[source] UrlError),
    /// The object store does not keep conditions of writes, or not all of them.
    #[error("the object store of `{output}` does not refuse a write whose condition does not hold")]
    NoConditions {
        /// The output's URL.
        output: String,
    },
    /// Another run has published since this one began.
    #[error("another run has published to `{output}` since this one began")]
    Overtaken {
        /// The output's URL.
        output: String,
    },
    /// Another run holds the output.
    #[error("another run is writing to `{}` ({holder})", folder.display())]
    Locked {
        /// The output folder.
        folder: PathBuf,
        /// The run that holds it, as far as it said so.
        holder: String,
    },
    /// Where a table's link belongs stands something that this project did not put there.
    #[error("`{}` is not a link to a published table", path.display())]
    Foreign {
        /// The place of the link.
        path: PathBuf,
    },
    /// Reading or writing failed on the way.
    #[error("cannot {step} in the output folder `{}`", folder.display())]
    Step {
        /// What was being done.
        step: &'static str,
        /// The output folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A staged file with the name of a Parquet file is none.
    #[error("the staged file `{}` is not readable as Parquet", path.display())]
    NotParquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// The job staged something it did not announce, or a name that is no table's.
    #[error("this is a bug, please report it: {0}")]
    Bug(String),
}

impl Diagnostic for PublishError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Folder { .. } | Self::Foreign { .. } => ExitCode::CannotCreate,
            Self::Url(_) | Self::NoConditions { .. } => ExitCode::Config,
            Self::Locked { .. } | Self::Overtaken { .. } => ExitCode::TryAgain,
            Self::Step { .. } => ExitCode::Io,
            Self::NotParquet { .. } | Self::Bug(_) => ExitCode::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Folder { .. } => Some("name a folder that this user may write to".to_owned()),
            Self::Url(error) => Some(error.hint()),
            Self::NoConditions { .. } => Some(
                "two runs at once could mix their tables there: use a store with conditional writes (If-Match, \
                 If-None-Match), or publish to a local folder and copy"
                    .to_owned(),
            ),
            Self::Overtaken { .. } => Some("its tables stand; run again where they are older".to_owned()),
            Self::Locked { .. } => {
                Some("wait until that run has ended, or write to another folder".to_owned())
            }
            Self::Foreign { .. } => {
                Some("move it away or choose another output folder; nothing was changed".to_owned())
            }
            Self::Step { .. } => Some(
                "see that there is space and that the place may be written to, then run again; the tables \
                 published before are whole"
                    .to_owned(),
            ),
            Self::NotParquet { .. } | Self::Bug(_) => None,
        }
    }
}
