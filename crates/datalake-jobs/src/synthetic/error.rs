//! What can go wrong in the tools that make, change and judge lakes.

use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::session::Stopped;
use parquet::errors::ParquetError;

use crate::inspections::InspectionError;

/// Why a tool gave up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// An option that cannot be meant.
    #[error("{option} is {value}: {why}")]
    Option {
        /// The option as typed.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        why: String,
    },
    /// The output is there already.
    #[error("the output `{}` exists and is not empty", path.display())]
    OutputExists {
        /// The output folder.
        path: PathBuf,
    },
    /// A table has no file.
    #[error("no Parquet file under `{}`", path.display())]
    NoTable {
        /// Where the table was looked for.
        path: PathBuf,
    },
    /// A column that the tool needs is not there.
    #[error("`{}` has no column `{column}`", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// Canonical name of the column.
        column: String,
        /// The columns that it does have.
        found: String,
    },
    /// Something in the input contradicts itself or the request.
    #[error("`{}`: {what}", path.display())]
    Input {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Reading, creating or writing a file failed; the cause names the path.
    #[error("cannot read or write the lake")]
    Io(#[from] std::io::Error),
    /// A Parquet file is damaged, or cannot be written.
    #[error("cannot read or write Parquet in `{}`", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: ParquetError,
    },
    /// A column cannot be brought to the type that the tool works with.
    #[error("cannot convert a column of `{}`", path.display())]
    Arrow {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: ArrowError,
    },
    /// The inspections.
    #[error(transparent)]
    Inspections(#[from] InspectionError),
    /// The report cannot be written.
    #[error("cannot write the report `{}`", path.display())]
    Report {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The run was asked to end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A text format could not be written.
    #[error("cannot write `{}` as text", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ToolError {
    pub(crate) fn parquet(path: &Path) -> impl FnOnce(ParquetError) -> Self {
        let path = path.to_owned();
        move |source| Self::Parquet { path, source }
    }

    pub(crate) fn arrow(path: &Path) -> impl FnOnce(ArrowError) -> Self {
        let path = path.to_owned();
        move |source| Self::Arrow { path, source }
    }

    pub(crate) fn text<E>(path: &Path) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let path = path.to_owned();
        move |source| Self::Text {
            path,
            source: Box::new(source),
        }
    }
}

impl Diagnostic for ToolError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Option { .. } => ExitCode::Usage,
            Self::OutputExists { .. } | Self::Report { .. } => ExitCode::CannotCreate,
            Self::Inspections(error) => error.exit_code(),
            Self::NoTable { .. } => ExitCode::NoInput,
            Self::Io(e) if e.kind() == std::io::ErrorKind::NotFound => ExitCode::NoInput,
            Self::Io(_) => ExitCode::Io,
            Self::Stopped(stopped) => stopped.exit_code(),
            Self::MissingColumn { .. }
            | Self::Input { .. }
            | Self::Parquet { .. }
            | Self::Arrow { .. }
            | Self::Text { .. } => ExitCode::BadData,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::OutputExists { .. } => Some("choose another folder, or remove this one first".to_owned()),
            Self::NoTable { path } => Some(format!(
                "a table is a folder of `.parquet` files: look for a spelling mistake in `{}`",
                path.display()
            )),
            Self::MissingColumn { found, .. } => Some(format!("the columns are {found}")),
            Self::Input { hint, .. } => Some(hint.clone()),
            Self::Inspections(error) => error.hint(),
            Self::Report { .. } => {
                Some("name a file in a folder that is there and that this user may write to".to_owned())
            }
            Self::Stopped(_) => Some("nothing was published; run it again".to_owned()),
            Self::Option { .. }
            | Self::Io(_)
            | Self::Parquet { .. }
            | Self::Arrow { .. }
            | Self::Text { .. } => None,
        }
    }
}
