//! What can go wrong with a table as a whole.

use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::exit_code::ExitCode;

/// A table cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// A key of the config's lake part has a value that means nothing.
    #[error("the config's `{key}` is wrong: {problem}")]
    Config {
        /// Path of the key, below the lake's part of the config.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        hint: String,
    },
    /// A required table is not there.
    #[error("the table `{table}` is missing: looked for {}", list(looked))]
    TableMissing {
        /// The table.
        table: &'static str,
        /// Where it was looked for.
        looked: Vec<String>,
    },
    /// Two things claim to be the table.
    #[error("the table `{table}` is there more than once: {}", list(found))]
    TableTwice {
        /// The table.
        table: &'static str,
        /// What was found.
        found: Vec<String>,
    },
    /// A required table has files but no row.
    #[error("the table `{table}` has no rows in any of its files ({files}), the first being `{}`", first.display())]
    TableEmpty {
        /// The table.
        table: &'static str,
        /// How many files it has.
        files: usize,
        /// The first of them.
        first: PathBuf,
    },
    /// A file's extension names no format.
    #[error("cannot tell the format of `{}` in the table `{table}`", file.display())]
    FormatUnknown {
        /// The table.
        table: &'static str,
        /// The file.
        file: PathBuf,
    },
    /// The folder is a Delta table, whose log says which of its files count.
    #[error("the table `{table}` in `{}` is a Delta table", folder.display())]
    DeltaTable {
        /// The table.
        table: &'static str,
        /// Its folder.
        folder: PathBuf,
    },
    /// A file lacks columns that the table needs.
    #[error("`{}` lacks {} of the table `{table}`", file.display(), wanted.join(" and "))]
    ColumnMissing {
        /// The table.
        table: &'static str,
        /// The file.
        file: PathBuf,
        /// What it lacks, canonical and source names.
        wanted: Vec<String>,
        /// The columns that it has.
        existing: Vec<String>,
        /// Name of the preset in force.
        preset: &'static str,
    },
    /// A column's name fits several columns of the file.
    #[error("`{source_name}` in `{}` could be any of {}", file.display(), list(candidates))]
    ColumnAmbiguous {
        /// The file.
        file: PathBuf,
        /// The name that was looked for.
        source_name: String,
        /// What it fits.
        candidates: Vec<String>,
    },
    /// A column's type cannot be read as what the column holds.
    #[error("the column `{column}` in `{}` is {found}, which does not hold {expected}", file.display())]
    ColumnType {
        /// The file.
        file: PathBuf,
        /// Name of the column in the file.
        column: String,
        /// Its type there.
        found: String,
        /// What the canonical column holds.
        expected: &'static str,
    },
    /// A file is not what its format asks for.
    #[error("`{}` cannot be read as {format}", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The format it should have.
        format: &'static str,
        /// What the decoder says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A JSON file is one list.
    #[error("`{}` is one JSON list, not one object a line", file.display())]
    JsonList {
        /// The file.
        file: PathBuf,
    },
    /// A file's statistics exclude times that its rows hold, so days would be lost.
    #[error(
        "`{}` holds a row at {found} in a row group whose statistics end at {first} and {last}",
        file.display()
    )]
    Statistics {
        /// The file.
        file: PathBuf,
        /// Least time by the statistics, seconds on the measurement clock.
        first: i64,
        /// Greatest time by the statistics.
        last: i64,
        /// The time found outside.
        found: i64,
    },
    /// A file changed between planning and reading.
    #[error("`{}` was changed while the job was running", file.display())]
    Changed {
        /// The file.
        file: PathBuf,
    },
    /// An input cannot be opened or read; the I/O error names the path.
    #[error("cannot read the lake")]
    Read(#[source] std::io::Error),
    /// An output file cannot be created; the I/O error names the path.
    #[error("cannot create a table file")]
    Create(#[source] std::io::Error),
    /// Writing failed on the way.
    #[error("cannot write `{}`", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the encoder or the disk says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl LakeError {
    /// A decoder's error about a file.
    pub(crate) fn corrupt(
        file: &Path,
        format: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Corrupt {
            file: file.to_owned(),
            format,
            source: source.into(),
        }
    }

    /// An encoder's error about a file.
    pub(crate) fn write(file: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Write {
            file: file.to_owned(),
            source: source.into(),
        }
    }
}

impl Diagnostic for LakeError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config { .. }
            | Self::TableTwice { .. }
            | Self::FormatUnknown { .. }
            | Self::DeltaTable { .. } => ExitCode::Config,
            Self::TableMissing { .. } => ExitCode::NoInput,
            Self::TableEmpty { .. }
            | Self::ColumnMissing { .. }
            | Self::ColumnAmbiguous { .. }
            | Self::ColumnType { .. }
            | Self::Corrupt { .. }
            | Self::JsonList { .. }
            | Self::Statistics { .. } => ExitCode::BadData,
            Self::Changed { .. } => ExitCode::TryAgain,
            Self::Read(error) => match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => ExitCode::NoInput,
                _ => ExitCode::Io,
            },
            Self::Create(_) => ExitCode::CannotCreate,
            Self::Write { .. } => ExitCode::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Config { hint, .. } => hint.clone(),
            Self::TableMissing { table, .. } => {
                format!("put the table's files there, or say in the config's `tables.{table}.path` where they are")
            }
            Self::TableTwice { table, .. } => {
                format!("remove one of them, or choose one by the config's `tables.{table}.path`")
            }
            Self::TableEmpty { table, .. } => {
                format!("check that the extract of `{table}` ran and that its filter fits the data")
            }
            Self::FormatUnknown { table, .. } => format!(
                "name the file .parquet, .csv, .json, .ndjson or .jsonl (text also with .gz or .zst), set the config's \
                 `tables.{table}.format`, or start the names of files that hold no data with `_` or `.`"
            ),
            Self::DeltaTable { .. } => {
                "read as plain files it would bring deleted rows back; export it to Parquet first".to_owned()
            }
            Self::ColumnMissing {
                table,
                existing,
                preset,
                ..
            } => match existing.as_slice() {
                // One column that holds what separates columns elsewhere.
                [only] if only.contains([';', '\t', '|', ',']) => {
                    format!("the file has one column, {}: set `csv.delimiter` in the config", list(existing))
                }
                _ => format!(
                    "the preset is `{preset}` and the file has the columns {}; map them in the config's \
                     `tables.{table}.columns`, or choose another `preset`",
                    list(existing)
                ),
            },
            Self::ColumnAmbiguous { .. } => {
                "map the column in the config to the exact name, or rename the others".to_owned()
            }
            Self::ColumnType { .. } => {
                "map another column in the config, or write the extract with a fitting type; text always fits".to_owned()
            }
            Self::Corrupt { .. } => {
                "the file may be cut off or still being written; deliver it again, or move it out of the table".to_owned()
            }
            Self::JsonList { .. } => "write each object on a line of its own, as `jq -c '.[]'` does".to_owned(),
            Self::Statistics { .. } => {
                "the writer of the file is at fault; write the file again with another one".to_owned()
            }
            Self::Changed { .. } => "run the job again once the delivery is complete".to_owned(),
            Self::Read(_) => "check that the file is there and readable for the job's user".to_owned(),
            Self::Create(_) => "check that the output folder exists and is writable for the job's user".to_owned(),
            Self::Write { .. } => "check the free space of the output's disk".to_owned(),
        })
    }
}

/// `a`, `b` and so on, cut where it gets long.
fn list(items: &[String]) -> String {
    const SHOWN: usize = 40;
    if items.is_empty() {
        return "(none)".to_owned();
    }
    let shown = items
        .iter()
        .take(SHOWN)
        .map(|item| format!("`{item}`"))
        .collect::<Vec<_>>()
        .join(", ");
    match items.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
