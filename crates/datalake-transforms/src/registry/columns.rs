//! Reading the canonical columns of a dimension table.

use arrow::array::{
    Array, AsArray as _, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};

use crate::error::TransformError;

/// The columns of one batch of a table. A column that is not there reads as all null.
pub(super) struct Columns<'a> {
    table: &'static str,
    batch: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    pub(super) fn new(table: &'static str, batch: &'a RecordBatch) -> Self {
        Self { table, batch }
    }

    pub(super) fn text(&self, column: &'static str) -> Result<Text<'a>, TransformError> {
        let array = self.typed(column, &DataType::Utf8)?;
        Ok(Text(array.and_then(|array| array.as_string_opt())))
    }

    pub(super) fn integer(&self, column: &'static str) -> Result<Integer<'a>, TransformError> {
        let array = self.typed(column, &DataType::Int64)?;
        Ok(Integer(
            array.and_then(|array| array.as_primitive_opt::<Int64Type>()),
        ))
    }

    pub(super) fn float(&self, column: &'static str) -> Result<Float<'a>, TransformError> {
        let array = self.typed(column, &DataType::Float64)?;
        Ok(Float(
            array.and_then(|array| array.as_primitive_opt::<Float64Type>()),
        ))
    }

    pub(super) fn time(&self, column: &'static str) -> Result<Time<'a>, TransformError> {
        let array = self.typed(column, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
        Ok(Time(array.and_then(|array| {
            array.as_primitive_opt::<TimestampMicrosecondType>()
        })))
    }

    /// An error where a column that the table cannot do without is not there.
    pub(super) fn require(&self, columns: &[&'static str]) -> Result<(), TransformError> {
        match columns
            .iter()
            .find(|column| self.batch.column_by_name(column).is_none())
        {
            None => Ok(()),
            Some(column) => Err(TransformError::MissingColumn {
                table: self.table.to_owned(),
                column: (*column).to_owned(),
            }),
        }
    }

    fn typed(
        &self,
        column: &'static str,
        expected: &DataType,
    ) -> Result<Option<&'a dyn Array>, TransformError> {
        match self.batch.column_by_name(column) {
            None => Ok(None),
            Some(array) if array.data_type() == expected => Ok(Some(array.as_ref())),
            Some(array) if *array.data_type() == DataType::Null => Ok(None),
            Some(array) => Err(TransformError::ColumnType {
                table: self.table.to_owned(),
                column: column.to_owned(),
                found: array.data_type().to_string(),
                expected: expected.to_string(),
            }),
        }
    }
}

/// A text column; blank text is null.
pub(super) struct Text<'a>(Option<&'a StringArray>);

impl<'a> Text<'a> {
    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        let array = self.0.filter(|array| array.is_valid(row))?;
        Some(array.value(row).trim()).filter(|text| !text.is_empty())
    }
}

/// An integer column.
pub(super) struct Integer<'a>(Option<&'a Int64Array>);

impl Integer<'_> {
    pub(super) fn get(&self, row: usize) -> Option<i64> {
        self.0
            .filter(|array| array.is_valid(row))
            .map(|array| array.value(row))
    }
}

/// A column of measured numbers.
pub(super) struct Float<'a>(Option<&'a Float64Array>);

impl Float<'_> {
    pub(super) fn get(&self, row: usize) -> Option<f64> {
        self.0
            .filter(|array| array.is_valid(row))
            .map(|array| array.value(row))
    }
}

/// A column of naive times, in microseconds.
pub(super) struct Time<'a>(Option<&'a TimestampMicrosecondArray>);

impl Time<'_> {
    pub(super) fn get(&self, row: usize) -> Option<i64> {
        self.0
            .filter(|array| array.is_valid(row))
            .map(|array| array.value(row))
    }
}
