//! Everything that can end the job early.

use std::path::PathBuf;

use arrow::error::ArrowError;
use datalake_deps::config::ConfigError;
use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::lake::LakeError;
use datalake_deps::publish::PublishError;
use datalake_deps::session::Stopped;
use datalake_transforms::error::TransformError;

use super::learned::ModelFileError;
use super::profile_store::StoreError;
use super::row_store::RowStoreError;
use super::state::StateError;
use super::transform::JudgeError;
use crate::inspections::InspectionError;
use crate::synthetic::error::ToolError;

/// Why the job did not publish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Reading or writing a table.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Publishing.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The model's file.
    #[error(transparent)]
    Model(#[from] ModelFileError),
    /// The inspections.
    #[error(transparent)]
    Inspections(#[from] InspectionError),
    /// The truth that came with a made lake.
    #[error(transparent)]
    Truth(#[from] ToolError),
    /// `what-if` was asked for something that it cannot vary.
    #[error("`{key}` cannot be varied by what-if: {why}")]
    WhatIf {
        /// The key, as it was written.
        key: String,
        /// Why not.
        why: &'static str,
    },
    /// A signal.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Day profiles or rows could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Kept day profiles could not be listed or forgotten.
    #[error(transparent)]
    State(#[from] StateError),
    /// A transformation gave up.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// A key without which there is nothing to do.
    #[error("no {what} is given")]
    Missing {
        /// `lake` or `output`.
        what: &'static str,
    },
    /// A file that was there when the lake was listed cannot be read.
    #[error("cannot take the fingerprint of an input file")]
    Fingerprint(#[source] std::io::Error),
    /// Too much of a table is unusable to trust what the rest says.
    #[error(
        "{rejected} of {read} rows of `{table}`{} cannot be used: more than the allowed share of {allowed}{reasons}{}",
        if *stopped_early { " read so far" } else { "" },
        if *components > 0 { format!("; rejected rows of `measuring_component`: {components}") } else { String::new() }
    )]
    TooManyRejected {
        /// The table.
        table: &'static str,
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
        /// Of `measurements`: rows of `measuring_component` kept aside, which make unknown components of theirs.
        components: u64,
    },
    /// `explain` was asked for something that has no data.
    #[error(
        "service point `{id}` has no score: it is not in the lake, or nothing of it measures delivered kWh"
    )]
    UnknownServicePoint {
        /// What was asked for.
        id: String,
    },
    /// A table could not be laid out.
    #[error("cannot build a table")]
    Arrow(#[from] ArrowError),
    /// The schema could not be written as JSON.
    #[error("cannot write the schema of the config: this is a bug, please report it")]
    Schema(#[source] serde_json::Error),
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
    /// The tables are there, and the record is not.
    #[error("the tables are published, but the run's record cannot be written")]
    Record(#[source] std::io::Error),
    /// The report cannot be written.
    #[error("cannot write the report `{}`", path.display())]
    Report {
        /// Its file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A report was asked for where nothing is judged for all.
    #[error("a report is written by a run, not by a command")]
    ReportWithCommand,
    /// The packs of the report could not be compressed.
    #[error("cannot compress the report: this is a bug, please report it")]
    Packing(#[source] std::io::Error),
    /// Standard output is closed or full.
    #[error("cannot write to standard output")]
    Stdout(#[source] std::io::Error),
}

impl From<JudgeError> for JobError {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Store(error) => Self::Store(error),
            JudgeError::Transform(error) => Self::Transform(error),
        }
    }
}

impl From<RowStoreError> for JobError {
    fn from(error: RowStoreError) -> Self {
        match error {
            RowStoreError::Store(error) => Self::Store(error),
            RowStoreError::Transform(error) => Self::Transform(error),
        }
    }
}

/// The config's path below `tables` of `table.column`.
fn mapped(column: &str) -> String {
    column.replacen('.', ".columns.", 1)
}

impl Diagnostic for JobError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(error) => error.exit_code(),
            Self::Lake(error) => error.exit_code(),
            Self::Publish(error) => error.exit_code(),
            Self::Model(error) => error.exit_code(),
            Self::Inspections(error) => error.exit_code(),
            Self::Truth(error) => error.exit_code(),
            Self::Stopped(error) => error.exit_code(),
            // A file that may not be read is as good as not there.
            Self::Fingerprint(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                ExitCode::NoInput
            }
            Self::Store(_) | Self::State(_) | Self::Fingerprint(_) | Self::Stdout(_) => ExitCode::Io,
            Self::Record(_) | Self::Report { .. } => ExitCode::CannotCreate,
            Self::OutputInTable { .. } | Self::Transform(TransformError::Parameter { .. }) => {
                ExitCode::Config
            }
            Self::Transform(TransformError::Bug(_)) | Self::Arrow(_) | Self::Schema(_) | Self::Packing(_) => {
                ExitCode::Bug
            }
            Self::Transform(_) | Self::TooManyRejected { .. } => ExitCode::BadData,
            Self::Missing { .. } | Self::WhatIf { .. } | Self::ReportWithCommand => ExitCode::Usage,
            Self::UnknownServicePoint { .. } => ExitCode::NoInput,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Lake(error) => error.hint(),
            Self::Publish(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Inspections(error) => error.hint(),
            Self::Truth(error) => error.hint(),
            Self::WhatIf { .. } => Some("give a key below `rules`, such as --at rules.sustained_drop.max_ratio=0.4,0.5".to_owned()),
            Self::Stopped(error) => error.hint(),
            Self::Store(_) => Some(
                "free space, or name a folder on a larger disk with --conf spill_folder=FOLDER".to_owned(),
            ),
            Self::Transform(TransformError::Overflow { .. }) => {
                Some(
                    "look for values in a wrong unit, or lower conditions.max_kwh_per_interval to reject them"
                        .to_owned(),
                )
            }
            Self::Transform(TransformError::Parameter { .. }) => {
                Some("see configs/datalake_config.schema.json for what every key allows".to_owned())
            }
            Self::Transform(TransformError::MissingColumn { table, column }) => {
                Some(format!("map the column with tables.{table}.columns.{column} in the config"))
            }
            Self::Transform(TransformError::NothingJoins { column, other_column, .. }) => Some(format!(
                "without install events every meter would seem to hang nowhere; deliver both with the same ids, \
                 prefixes and leading zeros included, or map other columns with tables.{} or tables.{} in the config",
                mapped(column),
                mapped(other_column)
            )),
            Self::Missing { what } => {
                Some(format!("give --{what} FOLDER, or the key `{what}` in the config"))
            }
            Self::TooManyRejected { .. } => Some(
                "a wrong preset, column map or clock shows as many rejected rows; \
                 `--dry-run` lists them by reason, max_rejected_share allows more"
                    .to_owned(),
            ),
            Self::OutputInTable { .. } => Some("publish beside the lake, or in a folder of its own".to_owned()),
            Self::State(_) => Some("`state drop` forgets all of it; the next run makes it again".to_owned()),
            Self::Report { .. } => Some("name a file in a folder that is there and that this user may write to".to_owned()),
            Self::ReportWithCommand => Some("leave out `--report`, or the command".to_owned()),
            Self::Record(_) => Some("make the output folder writable and run again with --force".to_owned()),
            Self::UnknownServicePoint { .. } => {
                Some("ids are compared exactly, leading zeros included; a meter that was never installed goes by its measuring component's id".to_owned())
            }
            Self::Transform(_)
            | Self::Arrow(_)
            | Self::Fingerprint(_)
            | Self::Stdout(_)
            | Self::Packing(_)
            | Self::Schema(_) => None,
        }
    }
}
