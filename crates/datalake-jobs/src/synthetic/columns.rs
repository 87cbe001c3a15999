//! A batch of a table's file, with its columns by their canonical names.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, SchemaRef, TimeUnit};

use super::error::ToolError;
use super::names;

/// A batch and where it came from.
pub(crate) struct TableBatch<'a> {
    pub(crate) batch: RecordBatch,
    pub(crate) file: &'a Path,
    pub(crate) table: &'static str,
}

impl TableBatch<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.batch.schema()
    }

    /// Position of a column.
    pub(crate) fn position(&self, column: &'static str) -> Option<usize> {
        names::position(&self.schema(), self.table, column)
    }

    /// Position of a column that has to be there.
    pub(crate) fn required(&self, column: &'static str) -> Result<usize, ToolError> {
        self.position(column).ok_or_else(|| ToolError::MissingColumn {
            path: self.file.to_owned(),
            column: column.to_owned(),
            found: self
                .schema()
                .fields()
                .iter()
                .map(|f| f.name().as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// A column brought to a type.
    pub(crate) fn column(&self, column: &'static str, to: &DataType) -> Result<ArrayRef, ToolError> {
        let at = self.required(column)?;
        cast(self.batch.column(at), to).map_err(ToolError::arrow(self.file))
    }

    /// As [`TableBatch::column`], or `None` where the file lacks the column.
    pub(crate) fn optional(
        &self,
        column: &'static str,
        to: &DataType,
    ) -> Result<Option<ArrayRef>, ToolError> {
        self.position(column).map(|_| self.column(column, to)).transpose()
    }

    /// A column of moments: microseconds, without zone.
    pub(crate) fn moments(&self, column: &'static str) -> Result<Option<ArrayRef>, ToolError> {
        self.optional(column, &DataType::Timestamp(TimeUnit::Microsecond, None))
    }

    /// A text column without nulls in it: a null reads as the empty text.
    pub(crate) fn text(&self, column: &'static str) -> Result<StringArray, ToolError> {
        let array = self.column(column, &DataType::Utf8)?;
        let array = array.as_string::<i32>();
        Ok(if array.null_count() == 0 {
            array.clone()
        } else {
            array.iter().map(|v| Some(v.unwrap_or_default())).collect()
        })
    }

    /// As [`TableBatch::text`], or `None` where the file lacks the column.
    pub(crate) fn optional_text(&self, column: &'static str) -> Result<Option<StringArray>, ToolError> {
        self.position(column).map(|_| self.text(column)).transpose()
    }

    /// The batch with other columns, in the same order.
    pub(crate) fn with_columns(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch, ToolError> {
        RecordBatch::try_new(Arc::clone(&self.schema()), columns).map_err(ToolError::arrow(self.file))
    }
}

/// A number of a column of floats, where there is one.
pub(crate) fn float(array: &ArrayRef, row: usize) -> Option<f64> {
    array
        .is_valid(row)
        .then(|| array.as_primitive::<Float64Type>().value(row))
}
