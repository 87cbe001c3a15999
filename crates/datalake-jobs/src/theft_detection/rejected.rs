//! Rows that could not be used: the `rejected_rows` table and the findings that sum it up.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use datalake_deps::lake;
use datalake_transforms::error::Rejection;
use datalake_transforms::findings::{Finding, Findings, Severity};
use datalake_transforms::resolve::reason;

/// A row that was kept aside. Ordered as the table is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RejectedRow {
    /// Table of the lake.
    pub table: &'static str,
    /// File, relative to the lake.
    pub source_file: Arc<str>,
    /// Row of the file, from 1, headers not counted.
    pub row_number: u64,
    /// Reason code.
    pub reason: &'static str,
    /// The offending column, canonical name.
    pub column: Option<&'static str>,
    /// The offending value.
    pub value: Option<String>,
}

impl From<lake::RejectedRow> for RejectedRow {
    fn from(row: lake::RejectedRow) -> Self {
        Self {
            table: row.table,
            source_file: row.source_file,
            row_number: row.row_number,
            reason: row.reason.code(),
            column: row.column,
            value: row.value,
        }
    }
}

impl RejectedRow {
    /// A row that a transformation refused.
    #[must_use]
    pub(crate) fn refused(
        table: &'static str,
        source_file: &Arc<str>,
        row_number: u64,
        rejection: Rejection,
    ) -> Self {
        Self {
            table,
            source_file: Arc::clone(source_file),
            row_number,
            reason: rejection.reason,
            column: Some(rejection.column),
            value: Some(rejection.value),
        }
    }

    /// An example that does not depend on how rows are spread over files.
    fn key(&self) -> String {
        match (self.column, &self.value) {
            (Some(column), Some(value)) => format!("{column}={value}"),
            (Some(column), None) => format!("{column} is null"),
            (None, Some(value)) => value.clone(),
            (None, None) => String::new(),
        }
    }
}

/// One finding for each reason in each table; a reason that `known` has already is left to it.
#[must_use]
pub(crate) fn findings(rows: &[RejectedRow], known: &Findings) -> Findings {
    let mut findings = Findings::default();
    for row in rows {
        if known.iter().any(|f| f.table == row.table && f.code == row.reason) {
            continue;
        }
        findings.merge_one(Finding {
            table: row.table.to_owned(),
            code: row.reason.to_owned(),
            severity: Severity::Rejected,
            rows: 1,
            example_key: row.key(),
            message: reason::describe(row.reason)
                .unwrap_or("the row could not be read; it is kept aside in rejected_rows")
                .to_owned(),
        });
    }
    findings
}

/// The table; `rows` in their order.
pub(crate) fn to_batch(rows: &[RejectedRow]) -> Result<RecordBatch, ArrowError> {
    let text =
        |get: fn(&RejectedRow) -> Option<&str>| Arc::new(rows.iter().map(get).collect::<StringArray>());
    RecordBatch::try_new(
        schema(),
        vec![
            text(|r| Some(r.table)),
            text(|r| Some(&*r.source_file)),
            Arc::new(rows.iter().map(|r| r.row_number).collect::<UInt64Array>()),
            text(|r| Some(r.reason)),
            text(|r| r.column),
            text(|r| r.value.as_deref()),
        ],
    )
}

pub(super) fn schema() -> SchemaRef {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text("table", false),
        text("source_file", false),
        Field::new("row_number", DataType::UInt64, false),
        text("reason", false),
        text("column", true),
        text("value", true),
    ]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(file: &str, row_number: u64, value: &str) -> RejectedRow {
        RejectedRow {
            table: "measurements",
            source_file: Arc::from(file),
            row_number,
            reason: reason::UNKNOWN_COMPONENT,
            column: Some("measuring_component_id"),
            value: Some(value.to_owned()),
        }
    }

    #[test]
    fn the_example_is_the_least_value_whatever_the_file() {
        let one = findings(&[row("a", 1, "MC-2"), row("a", 2, "MC-1")], &Findings::default());
        let other = findings(&[row("b", 9, "MC-1"), row("a", 7, "MC-2")], &Findings::default());
        assert_eq!(one, other);
        let finding = one.iter().next().unwrap();
        assert_eq!(
            (finding.rows, finding.example_key.as_str()),
            (2, "measuring_component_id=MC-1")
        );
        assert_eq!(
            findings(&[row("a", 1, "MC-2")], &one),
            Findings::default(),
            "counted already"
        );
    }

    #[test]
    fn the_table_has_a_line_per_row() {
        let batch = to_batch(&[row("m/a.csv", 3, "MC-9")]).unwrap();
        insta::assert_snapshot!(arrow::util::pretty::pretty_format_batches(&[batch]).unwrap());
    }
}
