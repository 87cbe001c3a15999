//! Errors of transformations: a batch that is not what the schema promised, or a number that does not fit.

/// Why a transformation gave up. Faults of single rows are never errors: they are rejections or findings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// A column that the transformation needs is not in the batch.
    #[error("table `{table}` has no column `{column}`")]
    MissingColumn {
        /// Table of the lake.
        table: String,
        /// Canonical column name.
        column: String,
    },
    /// Two tables that are joined have no id in common.
    #[error(
        "no id of `{column}` (for example `{id}`) is met by one of `{other_column}` (for example `{other_id}`)"
    )]
    NothingJoins {
        /// Table and column of the one side.
        column: String,
        /// The least id there.
        id: String,
        /// Table and column of the other side.
        other_column: String,
        /// The least id there.
        other_id: String,
    },
    /// A column has another type than the canonical one.
    #[error("column `{table}.{column}` is {found}, expected {expected}")]
    ColumnType {
        /// Table of the lake.
        table: String,
        /// Canonical column name.
        column: String,
        /// The type found.
        found: String,
        /// The type that the canonical schema has.
        expected: String,
    },
    /// A sum of energy left the range of 64-bit integers, or of the eighteen digits of a published column.
    #[error("the sum of {what} for {key} is too large to be exact")]
    Overflow {
        /// What was added up.
        what: String,
        /// For which component and day.
        key: String,
    },
    /// A parameter that the validated config should have refused.
    #[error("parameter `{name}` is {value}: {why}")]
    Parameter {
        /// Name of the parameter.
        name: String,
        /// The value.
        value: String,
        /// What is allowed.
        why: String,
    },
    /// Arrow could not build what it was asked for.
    #[error("cannot build a record batch")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A broken invariant of this crate.
    #[error("this is a bug, please report it: {0}")]
    Bug(String),
}

/// A row that could not be used: the row's position in the batch it came in, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Which of the batches given (0 where there is one).
    pub batch: usize,
    /// Row of that batch.
    pub row: usize,
    /// Reason code, lower case with underscores.
    pub reason: &'static str,
    /// The offending column, canonical name.
    pub column: &'static str,
    /// The offending value as text.
    pub value: String,
}
