//! Rows of scalar registers: kept aside, because a period reaches over many days.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt32Type, UInt64Type};

use super::rows::spilled;
use crate::error::TransformError;
use crate::measured::Measured;

/// One reading of a register. Times in seconds since 1970-01-01 on the measurement clock, readings in 10^-6.
///
/// The derived order puts the rows of a component by time, and of rows with one time the newest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegisterRow {
    /// Dense index of the component.
    pub component: u32,
    /// End of the period.
    pub measured_at: i64,
    /// Order of `updated_at`, see [`crate::measured::order_key`]; 0 is null.
    pub updated: u64,
    /// Order of `version`; 0 is null.
    pub version: u64,
    /// What was consumed, its condition and use.
    pub measured: Measured,
    /// Start of the period, where the row says so.
    pub period_start: Option<i64>,
    /// What the register showed at the end.
    pub reading_micro: Option<i64>,
    /// What it showed at the start.
    pub previous_reading_micro: Option<i64>,
    /// The multiplier from reading to consumption, where the row says so.
    pub combined_multiplier_micro: Option<i64>,
    /// What else the row says.
    pub codes: Codes,
}

/// Texts of a row as numbers that tell them apart; 0 is no text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Codes {
    /// Of the condition, whatever the config makes of it.
    pub condition: u32,
    /// Of the tariff that was billed.
    pub tariff: u32,
    /// Of the state of the meter.
    pub meter_status: u32,
}

impl Codes {
    /// The number of a text: FNV-1a in 32 bits, so that no order of rows decides on it.
    #[must_use]
    pub fn of(text: Option<&str>) -> u32 {
        const BASIS: u32 = 0x811c_9dc5;
        const PRIME: u32 = 0x0100_0193;
        let Some(text) = text else { return 0 };
        let hash = text
            .bytes()
            .fold(BASIS, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME));
        hash.max(1)
    }
}

/// Sorts rows the way that [`crate::register_periods::register_periods`] wants them, whatever their order was.
pub fn sort_register_rows(rows: &mut [RegisterRow]) {
    rows.sort_unstable();
}

/// Cuts sorted rows into runs of whole components, each of about `target_rows` rows or one component.
#[must_use]
pub fn component_chunks(rows: &[RegisterRow], target_rows: usize) -> Vec<&[RegisterRow]> {
    let mut chunks = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let last = rest[target_rows.clamp(1, rest.len()) - 1].component;
        let (chunk, after) = rest.split_at(rest.partition_point(|row| row.component <= last));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

static SPILL_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("component", DataType::UInt32, false),
        Field::new("measured_at", DataType::Int64, false),
        Field::new("updated", DataType::UInt64, false),
        Field::new("version", DataType::UInt64, false),
        Field::new("measured", DataType::UInt64, false),
        Field::new("period_start", DataType::Int64, true),
        Field::new("reading_micro", DataType::Int64, true),
        Field::new("previous_reading_micro", DataType::Int64, true),
        Field::new("combined_multiplier_micro", DataType::Int64, true),
        Field::new("condition", DataType::UInt32, false),
        Field::new("tariff", DataType::UInt32, false),
        Field::new("meter_status", DataType::UInt32, false),
    ]))
});

/// Register rows as a batch, to be spilled to a file.
pub fn register_rows_to_batch(rows: &[RegisterRow]) -> Result<RecordBatch, TransformError> {
    let optional = |get: fn(&RegisterRow) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<Int64Array>())
    };
    let code = |get: fn(&Codes) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(
            rows.iter().map(|row| get(&row.codes)),
        ))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(
            rows.iter().map(|row| row.component),
        )),
        Arc::new(Int64Array::from_iter_values(
            rows.iter().map(|row| row.measured_at),
        )),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.updated))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.version))),
        Arc::new(UInt64Array::from_iter_values(
            rows.iter().map(|row| row.measured.to_bits()),
        )),
        optional(|row| row.period_start),
        optional(|row| row.reading_micro),
        optional(|row| row.previous_reading_micro),
        optional(|row| row.combined_multiplier_micro),
        code(|codes| codes.condition),
        code(|codes| codes.tariff),
        code(|codes| codes.meter_status),
    ];
    Ok(RecordBatch::try_new(SPILL_SCHEMA.clone(), columns)?)
}

/// Appends what [`register_rows_to_batch`] wrote.
pub fn register_rows_from_batch(
    batch: &RecordBatch,
    rows: &mut Vec<RegisterRow>,
) -> Result<(), TransformError> {
    let component = spilled::<UInt32Type>(batch, "component")?;
    let measured_at = spilled::<Int64Type>(batch, "measured_at")?;
    let updated = spilled::<UInt64Type>(batch, "updated")?;
    let version = spilled::<UInt64Type>(batch, "version")?;
    let measured = spilled::<UInt64Type>(batch, "measured")?;
    let optional = |name: &str| -> Result<&Int64Array, TransformError> {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| TransformError::MissingColumn {
                table: "spilled register rows".to_owned(),
                column: name.to_owned(),
            })
    };
    let period_start = optional("period_start")?;
    let reading = optional("reading_micro")?;
    let previous = optional("previous_reading_micro")?;
    let multiplier = optional("combined_multiplier_micro")?;
    let condition = spilled::<UInt32Type>(batch, "condition")?;
    let tariff = spilled::<UInt32Type>(batch, "tariff")?;
    let meter_status = spilled::<UInt32Type>(batch, "meter_status")?;
    let item = |column: &Int64Array, i: usize| column.is_valid(i).then(|| column.value(i));
    rows.reserve(batch.num_rows());
    for i in 0..batch.num_rows() {
        rows.push(RegisterRow {
            component: component[i],
            measured_at: measured_at[i],
            updated: updated[i],
            version: version[i],
            measured: Measured::from_bits(measured[i]).ok_or_else(|| {
                TransformError::Bug(format!("row {i} of a spilled batch holds no measurement"))
            })?,
            period_start: item(period_start, i),
            reading_micro: item(reading, i),
            previous_reading_micro: item(previous, i),
            combined_multiplier_micro: item(multiplier, i),
            codes: Codes {
                condition: condition[i],
                tariff: tariff[i],
                meter_status: meter_status[i],
            },
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measured::Mark;
    use crate::model::Condition;

    fn row(component: u32, measured_at: i64) -> RegisterRow {
        RegisterRow {
            component,
            measured_at,
            updated: 1,
            version: 0,
            measured: Measured::new(Mark::new(Condition::Actual, true), measured_at),
            period_start: Some(measured_at - 5),
            reading_micro: None,
            previous_reading_micro: Some(-1),
            combined_multiplier_micro: None,
            codes: Codes {
                condition: Codes::of(Some("6")),
                tariff: Codes::of(Some("11")),
                meter_status: 0,
            },
        }
    }

    #[test]
    fn a_text_is_its_fnv_hash_and_none_is_zero() {
        // The published vector of FNV-1a for "a".
        assert_eq!((Codes::of(Some("a")), Codes::of(None)), (0xe40c_292c, 0));
    }

    #[test]
    fn spilling_and_reading_back_changes_nothing() {
        let rows = vec![
            row(1, 10),
            row(2, 20),
            RegisterRow {
                period_start: None,
                ..row(2, 30)
            },
        ];
        let mut back = Vec::new();
        register_rows_from_batch(&register_rows_to_batch(&rows).unwrap(), &mut back).unwrap();
        assert_eq!(back, rows);
    }

    #[test]
    fn chunks_never_split_a_component() {
        let rows: Vec<RegisterRow> = [(0, 1), (0, 2), (0, 3), (1, 1), (2, 1), (2, 2)]
            .map(|(c, t)| row(c, t))
            .to_vec();
        let sizes = |target| {
            component_chunks(&rows, target)
                .iter()
                .map(|c| c.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(0), [3, 1, 2]);
        assert_eq!(sizes(2), [3, 3]);
        assert_eq!(sizes(4), [4, 2]);
        assert_eq!(sizes(100), [6]);
        assert!(component_chunks(&[], 4).is_empty());
    }
}
