//! Rows as record batches: canonical measurements, and an internal form for the spill folder.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, PrimitiveArray, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt8Array, UInt32Array,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, UInt8Type, UInt32Type,
};

use super::row::{NUMBERS, Row, number};
use super::texts::ReadTexts;
use crate::error::TransformError;

/// Position among a row's numbers, canonical column, and whether it is a time.
pub(super) const NUMBER_COLUMNS: [(usize, &str, bool); NUMBERS] = [
    (number::VALUE, "value_micro", false),
    (number::READING, "reading_micro", false),
    (number::PREVIOUS_READING, "previous_reading_micro", false),
    (number::PERIOD_START, "period_start", true),
    (number::COMBINED_MULTIPLIER, "combined_multiplier_micro", false),
    (number::UPDATED_AT, "updated_at", true),
    (number::VERSION, "version", false),
];

/// Rows with every canonical column of measurements, in the data model's order; text as text.
pub fn canonical_batch(rows: &[Row], texts: &ReadTexts<'_>) -> Result<RecordBatch, TransformError> {
    let text = |get: fn(&Row) -> u32| -> ArrayRef {
        Arc::new(
            rows.iter()
                .map(|row| texts.get(get(row)))
                .collect::<StringArray>(),
        )
    };
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    let mut fields = vec![
        Field::new("measuring_component_id", DataType::Utf8, true),
        Field::new("measured_at", time.clone(), true),
    ];
    let times = rows.iter().map(|row| row.measured_at);
    let mut columns: Vec<ArrayRef> = vec![
        text(|row| row.component),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
    ];
    for (at, name, is_time) in NUMBER_COLUMNS {
        let numbers = rows.iter().map(|row| row.number(at));
        if is_time {
            fields.push(Field::new(name, time.clone(), true));
            columns.push(Arc::new(numbers.collect::<TimestampMicrosecondArray>()));
        } else {
            fields.push(Field::new(name, DataType::Int64, true));
            columns.push(Arc::new(numbers.collect::<Int64Array>()));
        }
        if at == number::VALUE {
            fields.push(Field::new("condition_code", DataType::Utf8, true));
            columns.push(text(|row| row.condition));
            fields.push(Field::new("use_flag", DataType::Utf8, true));
            columns.push(text(|row| row.use_flag));
        }
    }
    fields.push(Field::new("tariff", DataType::Utf8, true));
    columns.push(text(|row| row.tariff));
    fields.push(Field::new("meter_status", DataType::Utf8, true));
    columns.push(text(|row| row.meter_status));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Columns of spilled rows: an internal format, whose meaning may change with the version.
static SPILL_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = vec![
        Field::new("component", DataType::UInt32, false),
        Field::new("condition", DataType::UInt32, false),
        Field::new("use_flag", DataType::UInt32, false),
        Field::new("tariff", DataType::UInt32, false),
        Field::new("meter_status", DataType::UInt32, false),
        Field::new("given", DataType::UInt8, false),
        Field::new("measured_at", DataType::Int64, false),
    ];
    fields.extend(NUMBER_COLUMNS.map(|(_, name, _)| Field::new(name, DataType::Int64, false)));
    Arc::new(Schema::new(fields))
});

/// Schema of [`rows_to_batch`].
#[must_use]
pub fn spill_schema() -> SchemaRef {
    SPILL_SCHEMA.clone()
}

/// Rows as a batch, to be spilled to a file and read by [`rows_from_batch`]; codes stay what they are.
pub fn rows_to_batch(rows: &[Row]) -> Result<RecordBatch, TransformError> {
    let code =
        |get: fn(&Row) -> u32| -> ArrayRef { Arc::new(UInt32Array::from_iter_values(rows.iter().map(get))) };
    let mut columns = vec![
        code(|row| row.component),
        code(|row| row.condition),
        code(|row| row.use_flag),
        code(|row| row.tariff),
        code(|row| row.meter_status),
        Arc::new(UInt8Array::from_iter_values(rows.iter().map(|row| row.given))),
        Arc::new(Int64Array::from_iter_values(
            rows.iter().map(|row| row.measured_at),
        )),
    ];
    for (at, _, _) in NUMBER_COLUMNS {
        let numbers = rows.iter().map(|row| row.numbers[at]);
        columns.push(Arc::new(Int64Array::from_iter_values(numbers)));
    }
    Ok(RecordBatch::try_new(SPILL_SCHEMA.clone(), columns)?)
}

/// Reads what [`rows_to_batch`] wrote. A batch that is anything else is an error.
pub fn rows_from_batch(batch: &RecordBatch) -> Result<Vec<Row>, TransformError> {
    let component = spilled::<UInt32Type>(batch, "component")?;
    let condition = spilled::<UInt32Type>(batch, "condition")?;
    let use_flag = spilled::<UInt32Type>(batch, "use_flag")?;
    let tariff = spilled::<UInt32Type>(batch, "tariff")?;
    let meter_status = spilled::<UInt32Type>(batch, "meter_status")?;
    let given = spilled::<UInt8Type>(batch, "given")?;
    let measured_at = spilled::<Int64Type>(batch, "measured_at")?;
    let mut rows: Vec<Row> = (0..batch.num_rows())
        .map(|row| Row {
            measured_at: measured_at.value(row),
            numbers: [0; NUMBERS],
            component: component.value(row),
            condition: condition.value(row),
            use_flag: use_flag.value(row),
            tariff: tariff.value(row),
            meter_status: meter_status.value(row),
            given: given.value(row),
        })
        .collect();
    for (at, name, _) in NUMBER_COLUMNS {
        let column = spilled::<Int64Type>(batch, name)?;
        for (row, &number) in rows.iter_mut().zip(column.values()) {
            row.set_number(at, row.number(at).map(|_| number));
        }
    }
    Ok(rows)
}

fn spilled<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>, TransformError> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_primitive_opt::<T>())
        .filter(|column| column.null_count() == 0)
        .ok_or_else(|| TransformError::MissingColumn {
            table: "spilled measurements".to_owned(),
            column: name.to_owned(),
        })
}
