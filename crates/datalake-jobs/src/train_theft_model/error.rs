//! Everything that can end the job early.

use std::path::PathBuf;

use arrow::error::ArrowError;
use datalake_deps::config::ConfigError;
use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::lake::LakeError;
use datalake_deps::session::Stopped;

use crate::inspections::InspectionError;
use crate::theft_detection::JobError;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// What `theft-detection` would fail of, too.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Reading the lake.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The inspections.
    #[error(transparent)]
    Inspections(#[from] InspectionError),
    /// A signal.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Nothing to learn from.
    #[error("the lake has no table `inspection`, or it is empty")]
    NoInspections,
    /// Labels of other service points only.
    #[error("no inspection names a service point with data: {unknown} name others, such as `{example}`")]
    NothingJoins {
        /// Labels without a service point.
        unknown: u64,
        /// One of them.
        example: String,
    },
    /// Not enough to learn from, or one kind of outcome only.
    #[error(
        "{thefts} service points with theft and {others} without can be learned from; {needed} of each are needed{left_out}"
    )]
    TooFewLabels {
        /// Service points that steal.
        thefts: u64,
        /// Those that do not.
        others: u64,
        /// Needed of each.
        needed: u64,
        /// What was left out and why, led in by a colon; empty where nothing was.
        left_out: String,
    },
    /// A table could not be read as it should be.
    #[error("cannot read the inspections")]
    Arrow(#[from] ArrowError),
    /// The file could not be written.
    #[error("cannot write the model `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The model could not be laid out.
    #[error("cannot lay out the model: this is a bug, please report it")]
    Json(#[from] serde_json::Error),
    /// Standard output is closed or full.
    #[error("cannot write to standard output")]
    Stdout(#[source] std::io::Error),
}

impl Diagnostic for TrainError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Job(error) => error.exit_code(),
            Self::Config(error) => error.exit_code(),
            Self::Lake(error) => error.exit_code(),
            Self::Inspections(error) => error.exit_code(),
            Self::Stopped(error) => error.exit_code(),
            Self::NoInspections => ExitCode::NoInput,
            Self::NothingJoins { .. } | Self::TooFewLabels { .. } => ExitCode::BadData,
            Self::Write { .. } => ExitCode::CannotCreate,
            Self::Arrow(_) | Self::Json(_) => ExitCode::Bug,
            Self::Stdout(_) => ExitCode::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Job(error) => error.hint(),
            Self::Config(error) => error.hint(),
            Self::Lake(error) => error.hint(),
            Self::Stopped(error) => error.hint(),
            Self::NoInspections => Some(
                "deliver outcomes of inspections: service_point_id, inspected_at and outcome (theft, no_theft, fault, \
                 no_access)"
                    .to_owned(),
            ),
            Self::NothingJoins { .. } => Some(
                "ids are compared exactly, leading zeros included; map another column with \
                 tables.inspection.columns.service_point_id"
                    .to_owned(),
            ),
            Self::TooFewLabels { left_out, .. } if left_out.contains("after") => Some(
                "--to DATE learns from the data up to a day, for inspections after it; without labels \
                 theft-detection works by its rules"
                    .to_owned(),
            ),
            Self::TooFewLabels { .. } => Some(
                "without labels theft-detection works by its rules; learning.min_labels says how many are needed"
                    .to_owned(),
            ),
            Self::Inspections(error) => error.hint(),
            Self::Write { .. } => Some("--model names a file in a folder that is there and may be written to".to_owned()),
            Self::Arrow(_) | Self::Json(_) | Self::Stdout(_) => None,
        }
    }
}
