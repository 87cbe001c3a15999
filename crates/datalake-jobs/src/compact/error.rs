//! Everything that can end the job early.

use std::path::PathBuf;

use arrow::error::ArrowError;
use datalake_deps::config::ConfigError;
use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::lake::LakeError;
use datalake_deps::publish::PublishError;
use datalake_deps::run_record::RowsNotConserved;
use datalake_deps::session::Stopped;
use datalake_transforms::error::TransformError;

/// Why the job did not publish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// The config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Reading or writing a table.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Publishing.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A signal.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A transformation gave up.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// Rows got lost.
    #[error(transparent)]
    Rows(#[from] RowsNotConserved),
    /// A key without which there is nothing to do.
    #[error("no {what} is given")]
    Missing {
        /// `lake` or `output`.
        what: &'static str,
        /// Its key in the config.
        key: &'static str,
    },
    /// A file that was there when the lake was listed cannot be read.
    #[error("cannot take the fingerprint of an input file")]
    Fingerprint(#[source] std::io::Error),
    /// A table could not be carried over.
    #[error("cannot copy a file of the table `{table}`")]
    Copy {
        /// The table.
        table: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A folder of the output could not be made.
    #[error("cannot make a folder of the output")]
    Folder(#[source] std::io::Error),
    /// The spill folder failed.
    #[error("cannot keep rows in `{}`", path.display())]
    Spill {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Rows could not be written to the spill folder, or read back.
    #[error("cannot keep rows in `{}`", path.display())]
    SpillFormat {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ArrowError,
    },
    /// Too much of the table is unreadable to trust what the rest says.
    #[error("{rejected} of {read} rows of `measurements`{} cannot be used: more than the allowed share of {allowed}{reasons}",
        if *stopped_early { " read so far" } else { "" })]
    TooManyRejected {
        /// Rows kept aside.
        rejected: u64,
        /// Rows read.
        read: u64,
        /// Share allowed.
        allowed: f64,
        /// Whether reading was broken off.
        stopped_early: bool,
        /// The reasons with their counts, led in by a colon; empty where not known.
        reasons: String,
    },
    /// A table could not be laid out.
    #[error("cannot build a table")]
    Arrow(#[from] ArrowError),
    /// The output would become input.
    #[error("the output `{output}` lies in the folder of the table `{table}`, `{}`", folder.display())]
    OutputInTable {
        /// Where the tables should go.
        output: String,
        /// The table.
        table: &'static str,
        /// Its folder.
        folder: PathBuf,
    },
    /// The output is the input.
    #[error("the output `{output}` is the lake itself")]
    OutputIsLake {
        /// Where the tables should go.
        output: String,
    },
    /// Publishing would take another job's tables away.
    #[error("`{output}` holds the tables of the job `{job}`")]
    OutputOfAnotherJob {
        /// Where the tables should go.
        output: String,
        /// Who published there.
        job: String,
    },
    /// The tables are there, and the record is not.
    #[error("the tables are published, but the run's record cannot be written")]
    Record(#[source] std::io::Error),
    /// Standard output is closed or full.
    #[error("cannot write to standard output")]
    Stdout(#[source] std::io::Error),
}

impl Diagnostic for CompactError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(error) => error.exit_code(),
            Self::Lake(error) => error.exit_code(),
            Self::Publish(error) => error.exit_code(),
            Self::Stopped(error) => error.exit_code(),
            Self::Rows(error) => error.exit_code(),
            // A file that may not be read is as good as not there.
            Self::Fingerprint(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                ExitCode::NoInput
            }
            Self::Fingerprint(_)
            | Self::Copy { .. }
            | Self::Folder(_)
            | Self::Spill { .. }
            | Self::SpillFormat { .. }
            | Self::Stdout(_) => ExitCode::Io,
            Self::Record(_) => ExitCode::CannotCreate,
            Self::OutputInTable { .. } | Self::OutputIsLake { .. } | Self::OutputOfAnotherJob { .. } => {
                ExitCode::Config
            }
            Self::Transform(TransformError::Bug(_)) | Self::Arrow(_) => ExitCode::Bug,
            Self::Transform(_) | Self::TooManyRejected { .. } => ExitCode::BadData,
            Self::Missing { .. } => ExitCode::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Lake(error) => error.hint(),
            Self::Publish(error) => error.hint(),
            Self::Stopped(error) => error.hint(),
            Self::Rows(error) => error.hint(),
            Self::Spill { .. } | Self::SpillFormat { .. } => Some(
                "free space, or name a folder on a larger disk with --conf spill_folder=FOLDER".to_owned(),
            ),
            Self::Copy { .. } | Self::Folder(_) => Some(
                "see that the disk has space and the folder may be written to, then run again; the tables published \
                 before are whole"
                    .to_owned(),
            ),
            Self::Missing { what, key } => {
                Some(format!("give --{what} FOLDER, or the key `{key}` in the config"))
            }
            Self::TooManyRejected { .. } => Some(
                "a wrong preset, column map or format shows as many rejected rows; max_rejected_share allows more"
                    .to_owned(),
            ),
            Self::OutputInTable { .. } => Some("publish beside the lake, or in a folder of its own".to_owned()),
            Self::OutputIsLake { .. } => {
                Some("name another folder; a compacted lake is compacted anew from its source".to_owned())
            }
            Self::OutputOfAnotherJob { .. } => Some("give the compacted lake a folder of its own".to_owned()),
            Self::Record(_) => Some("make the output folder writable and run again with --force".to_owned()),
            Self::Transform(_) | Self::Arrow(_) | Self::Fingerprint(_) | Self::Stdout(_) => None,
        }
    }
}
