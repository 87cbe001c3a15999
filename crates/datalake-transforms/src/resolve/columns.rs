//! The columns of a measurements batch, checked once.

use std::ops::Range;

use arrow::array::{Array, AsArray, DictionaryArray, Int64Array, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{ArrowPrimitiveType, Int32Type, Int64Type, TimestampMicrosecondType};

use crate::error::TransformError;

/// Name of the table.
pub(super) const TABLE: &str = "measurements";

/// A dictionary column: keys and entries.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) keys: &'a PrimitiveArray<Int32Type>,
    pub(super) values: &'a StringArray,
}

/// A batch with the canonical columns of measurements.
pub(super) struct Columns<'a> {
    pub(super) component: Text<'a>,
    pub(super) measured_at: &'a PrimitiveArray<TimestampMicrosecondType>,
    pub(super) value: &'a Int64Array,
    pub(super) condition: Option<Text<'a>>,
    pub(super) use_flag: Option<Text<'a>>,
    pub(super) tariff: Option<Text<'a>>,
    pub(super) meter_status: Option<Text<'a>>,
    pub(super) updated_at: Option<&'a PrimitiveArray<TimestampMicrosecondType>>,
    pub(super) version: Option<&'a Int64Array>,
    pub(super) period_start: Option<&'a PrimitiveArray<TimestampMicrosecondType>>,
    pub(super) reading: Option<&'a Int64Array>,
    pub(super) previous_reading: Option<&'a Int64Array>,
    pub(super) combined_multiplier: Option<&'a Int64Array>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Result<Self, TransformError> {
        let missing = |column: &str| TransformError::MissingColumn {
            table: TABLE.to_owned(),
            column: column.to_owned(),
        };
        Ok(Self {
            component: text(batch, "measuring_component_id")?
                .ok_or_else(|| missing("measuring_component_id"))?,
            measured_at: primitive(batch, "measured_at")?.ok_or_else(|| missing("measured_at"))?,
            value: primitive::<Int64Type>(batch, "value_micro")?.ok_or_else(|| missing("value_micro"))?,
            condition: text(batch, "condition_code")?,
            use_flag: text(batch, "use_flag")?,
            tariff: text(batch, "tariff")?,
            meter_status: text(batch, "meter_status")?,
            updated_at: given(primitive(batch, "updated_at")?),
            version: given(primitive(batch, "version")?),
            period_start: given(primitive(batch, "period_start")?),
            reading: given(primitive(batch, "reading_micro")?),
            previous_reading: given(primitive(batch, "previous_reading_micro")?),
            combined_multiplier: given(primitive(batch, "combined_multiplier_micro")?),
        })
    }
}

/// A column without any value is as good as none.
fn given<T: ArrowPrimitiveType>(column: Option<&PrimitiveArray<T>>) -> Option<&PrimitiveArray<T>> {
    column.filter(|column| column.null_count() < column.len())
}

impl Text<'_> {
    /// The text of a row, blanks around it left out; blank text is none.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let key = self.keys.is_valid(row).then(|| self.keys.value(row) as usize)?;
        let text = self.values.is_valid(key).then(|| self.values.value(key).trim())?;
        (!text.is_empty()).then_some(text)
    }
}

impl Columns<'_> {
    /// Whether an id, a time or a value of these rows is null.
    pub(super) fn has_nulls(&self, rows: &Range<usize>) -> bool {
        let nulls = [
            self.component.keys.nulls(),
            self.measured_at.nulls(),
            self.value.nulls(),
        ];
        let mut nulls = nulls.into_iter().flatten();
        nulls.any(|nulls| nulls.null_count() > 0 && nulls.slice(rows.start, rows.len()).null_count() > 0)
    }
}

pub(crate) fn primitive<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<Option<&'a PrimitiveArray<T>>, TransformError> {
    let Some(column) = batch.column_by_name(name) else {
        return Ok(None);
    };
    // A zone would mean another clock: only naive times are canonical.
    match column
        .as_primitive_opt::<T>()
        .filter(|_| *column.data_type() == T::DATA_TYPE)
    {
        Some(typed) => Ok(Some(typed)),
        None => Err(wrong_type(name, column, &T::DATA_TYPE.to_string())),
    }
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Result<Option<Text<'a>>, TransformError> {
    let Some(column) = batch.column_by_name(name) else {
        return Ok(None);
    };
    let wrong = || wrong_type(name, column, "Dictionary(Int32, Utf8)");
    let dictionary: &DictionaryArray<Int32Type> =
        column.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
    let values = dictionary.values().as_string_opt::<i32>().ok_or_else(wrong)?;
    Ok(Some(Text {
        keys: dictionary.keys(),
        values,
    }))
}

pub(crate) fn wrong_type(name: &str, column: &dyn Array, expected: &str) -> TransformError {
    TransformError::ColumnType {
        table: TABLE.to_owned(),
        column: name.to_owned(),
        found: column.data_type().to_string(),
        expected: expected.to_owned(),
    }
}

/// The item of an optional column.
#[inline]
pub(super) fn item<T: ArrowPrimitiveType>(
    column: Option<&PrimitiveArray<T>>,
    row: usize,
) -> Option<T::Native> {
    column
        .filter(|column| column.is_valid(row))
        .map(|column| column.value(row))
}
