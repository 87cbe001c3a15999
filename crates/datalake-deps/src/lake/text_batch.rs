//! Batches built cell by cell, from text files.

use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, StringArray, StringDictionaryBuilder};
use arrow::datatypes::Int32Type;

use super::batch::{Malformed, RowNumbers, SourceBatch};
use super::columns::Source;
use super::reject::{RejectReason, excerpt};

/// Gathers rows of text up to a batch.
pub(crate) struct TextBatchBuilder {
    columns: Vec<Column>,
    /// Number of the row read last.
    row: u64,
    rows: Vec<u64>,
    lines: Vec<u64>,
    malformed: Vec<Malformed>,
}

enum Column {
    Cells(Box<StringDictionaryBuilder<Int32Type>>),
    Constant(Option<String>),
    Absent,
}

impl TextBatchBuilder {
    pub(crate) fn new(sources: &[Source]) -> Self {
        let columns = sources.iter().map(|source| match source {
            Source::Field(_) => Column::Cells(Box::default()),
            Source::Partition(value) => Column::Constant(value.clone()),
            Source::Absent => Column::Absent,
        });
        Self {
            columns: columns.collect(),
            row: 0,
            rows: Vec::new(),
            lines: Vec::new(),
            malformed: Vec::new(),
        }
    }

    /// Rows gathered, good and bad.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() + self.malformed.len()
    }

    /// Adds a row; cells of columns that the file does not hold are not looked at.
    pub(crate) fn push<'a>(&mut self, line: u64, cell: impl Fn(usize) -> Option<&'a str>) {
        self.row += 1;
        self.rows.push(self.row);
        self.lines.push(line);
        for (at, column) in self.columns.iter_mut().enumerate() {
            if let Column::Cells(builder) = column {
                builder.append_option(cell(at));
            }
        }
    }

    /// Keeps a row aside.
    pub(crate) fn reject(&mut self, line: u64, reason: RejectReason, column: Option<usize>, value: &[u8]) {
        self.row += 1;
        self.malformed.push(Malformed {
            row: self.row,
            line,
            reason,
            column,
            value: Some(excerpt(
                String::from_utf8_lossy(value).trim_end_matches(['\r', '\n']),
            )),
        });
    }

    /// The batch; `None` if nothing was gathered.
    pub(crate) fn finish(&mut self) -> Option<SourceBatch> {
        if self.len() == 0 {
            return None;
        }
        let len = self.rows.len();
        let columns = self.columns.iter_mut().map(|column| match column {
            Column::Cells(builder) => Some(Arc::new(builder.finish()) as ArrayRef),
            Column::Constant(value) => Some(constant(value.as_deref(), len)),
            Column::Absent => None,
        });
        let columns = columns.collect();
        let numbers = std::mem::take(&mut self.rows);
        let rows = match (numbers.first(), numbers.last()) {
            (Some(first), Some(last)) if last - first + 1 == len as u64 => RowNumbers::From(*first),
            _ => RowNumbers::List(numbers),
        };
        Some(SourceBatch {
            len,
            columns,
            rows,
            lines: Some(std::mem::take(&mut self.lines)),
            malformed: std::mem::take(&mut self.malformed),
        })
    }
}

/// A text column that holds one value in every row.
pub(crate) fn constant(value: Option<&str>, len: usize) -> ArrayRef {
    let keys = match value {
        Some(_) => Int32Array::from_value(0, len),
        None => Int32Array::new_null(len),
    };
    let values = StringArray::from_iter_values([value.unwrap_or_default()]);
    // Every key is 0 or null, and the values have an entry at 0.
    Arc::new(DictionaryArray::new(keys, Arc::new(values)))
}
