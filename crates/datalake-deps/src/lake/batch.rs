//! Batches on their way from a file to the canonical columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;

use super::columns::TablePlan;
use super::convert::ColumnConverter;
use super::error::LakeError;
use super::reject::{BadRows, RejectReason, RejectedRow};

/// Which rows of a file a batch holds, counted from 1 without a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowNumbers {
    /// Consecutive rows.
    From(u64),
    /// Rows with others left out between them.
    List(Vec<u64>),
}

impl RowNumbers {
    /// The number of the batch's row at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> u64 {
        match self {
            Self::From(first) => first + index as u64,
            Self::List(numbers) => numbers[index],
        }
    }
}

/// Canonical rows of one file, and the rows between them that were kept aside.
#[derive(Debug, Clone)]
pub struct TableBatch {
    /// The rows, in the plan's schema.
    pub batch: RecordBatch,
    /// Where each of them stands in the file.
    pub rows: RowNumbers,
    /// What could not be read, by row.
    pub rejected: Vec<RejectedRow>,
    /// The rejected rows as far as their other columns could be read, in the same schema; `None` where the reader does
    /// not keep them. Cells that are wrong hold anything.
    pub unreadable: Option<RecordBatch>,
}

/// Rows as a decoder yields them: one entry a planned column, `None` where the file has no such column.
#[derive(Debug)]
pub(crate) struct SourceBatch {
    pub(crate) len: usize,
    pub(crate) columns: Vec<Option<ArrayRef>>,
    pub(crate) rows: RowNumbers,
    /// Lines on which the rows start, in text files.
    pub(crate) lines: Option<Vec<u64>>,
    /// Rows that the decoder itself could not read.
    pub(crate) malformed: Vec<Malformed>,
}

/// A row that a decoder could not read.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) row: u64,
    pub(crate) line: u64,
    pub(crate) reason: RejectReason,
    /// Position among the planned columns.
    pub(crate) column: Option<usize>,
    pub(crate) value: Option<String>,
}

/// Turns the batches of one file, or of one row group, into canonical ones.
#[derive(Debug)]
pub(crate) struct Canonicalizer<'a> {
    plan: &'a TablePlan,
    source_file: Arc<str>,
    columns: Vec<ColumnConverter>,
    keep_unreadable: bool,
}

/// A column whose type does not hold what it should.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TypeMismatch {
    pub(crate) found: String,
    pub(crate) expected: &'static str,
}

impl<'a> Canonicalizer<'a> {
    pub(crate) fn new(plan: &'a TablePlan, source_file: Arc<str>) -> Self {
        let columns = plan
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| ColumnConverter::new(plan, at, column.spec));
        Self {
            columns: columns.collect(),
            plan,
            source_file,
            keep_unreadable: false,
        }
    }

    /// Keeps what can be read of rejected rows.
    pub(crate) fn keep_unreadable(mut self) -> Self {
        self.keep_unreadable = true;
        self
    }

    /// Converts a batch; `file` is for errors.
    pub(crate) fn convert(
        &mut self,
        source: SourceBatch,
        file: &std::path::Path,
    ) -> Result<TableBatch, LakeError> {
        let mut bad = BadRows::default();
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (at, converter) in self.columns.iter_mut().enumerate() {
            let array = source.columns.get(at).and_then(Option::as_ref);
            let converted = converter.convert(array, source.len, self.plan, &mut bad);
            arrays.push(converted.map_err(|mismatch| LakeError::ColumnType {
                file: file.to_owned(),
                column: self.plan.columns[at].source_name.clone(),
                found: mismatch.found,
                expected: mismatch.expected,
            })?);
        }
        let all = RecordBatch::try_new(self.plan.schema.clone(), arrays)
            .map_err(|error| LakeError::corrupt(file, "a table", error))?;
        let mut rejected: Vec<RejectedRow> = source
            .malformed
            .into_iter()
            .map(|row| self.malformed(row))
            .collect();
        if bad.is_empty() {
            return Ok(TableBatch {
                batch: all,
                rows: source.rows,
                rejected,
                unreadable: None,
            });
        }
        let good: BooleanArray = (0..source.len).map(|row| Some(!bad.contains(row))).collect();
        let filter = |rows: &BooleanArray| {
            filter_record_batch(&all, rows).map_err(|error| LakeError::corrupt(file, "a table", error))
        };
        let batch = filter(&good)?;
        let unreadable = if self.keep_unreadable {
            let bad: BooleanArray = good.values().iter().map(|good| Some(!good)).collect();
            Some(filter(&bad)?)
        } else {
            None
        };
        let rows = (0..source.len)
            .filter(|row| good.value(*row))
            .map(|row| source.rows.get(row))
            .collect();
        for (row, fault) in bad.into_faults() {
            rejected.push(RejectedRow {
                table: self.plan.spec.name,
                source_file: self.source_file.clone(),
                row_number: source.rows.get(row),
                line: source.lines.as_ref().map(|lines| lines[row]),
                reason: fault.reason,
                column: Some(self.plan.columns[fault.column].spec.name),
                value: fault.value,
            });
        }
        rejected.sort_by_key(|row| row.row_number);
        Ok(TableBatch {
            batch,
            rows: RowNumbers::List(rows),
            rejected,
            unreadable,
        })
    }

    fn malformed(&self, row: Malformed) -> RejectedRow {
        RejectedRow {
            table: self.plan.spec.name,
            source_file: self.source_file.clone(),
            row_number: row.row,
            line: Some(row.line),
            reason: row.reason,
            column: row.column.map(|at| self.plan.columns[at].spec.name),
            value: row.value,
        }
    }
}
