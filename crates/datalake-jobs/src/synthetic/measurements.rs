//! Rows of measurements as record batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use datalake_transforms::model::Condition;

use super::day::Row;
use datalake_deps::lake::Preset;

/// Turns rows into batches: the schema and the ids, made once.
pub(crate) struct Encoder {
    pub(crate) schema: SchemaRef,
    preset: Preset,
    registers: bool,
    /// Position = number of the component.
    ids: Vec<String>,
}

impl Encoder {
    /// `ids` by the number of the component; the columns of scalar registers only where there are any.
    pub(crate) fn new(preset: Preset, registers: bool, ids: Vec<String>) -> Self {
        let decimal = DataType::Decimal128(16, 6);
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        let mut columns = vec![
            ("measuring_component_id", DataType::Utf8, false),
            ("measured_at", time.clone(), false),
            // Exports of Oracle's table never leave the value out.
            ("value", decimal.clone(), preset == Preset::Canonical),
            ("condition_code", DataType::Utf8, false),
            ("use_flag", DataType::Utf8, true),
            ("updated_at", time.clone(), false),
            ("version", DataType::Int64, false),
        ];
        if registers {
            columns.push(("reading", decimal, true));
            columns.push(("period_start", time, true));
        }
        let fields: Vec<Field> = columns
            .into_iter()
            .map(|(name, data_type, nullable)| {
                Field::new(preset.source_name("measurements", name), data_type, nullable)
            })
            .collect();
        Self {
            schema: Arc::new(Schema::new(fields)),
            preset,
            registers,
            ids,
        }
    }

    pub(crate) fn batch(&self, rows: &[Row]) -> Result<RecordBatch, ArrowError> {
        let id = StringArray::from_iter_values(rows.iter().map(|r| {
            let id = &self.ids[r.component as usize];
            if r.padded {
                std::borrow::Cow::Owned(format!("{id}  "))
            } else {
                id.into()
            }
        }));
        let times = |seconds: &dyn Fn(&Row) -> Option<i64>| -> ArrayRef {
            Arc::new(
                rows.iter()
                    .map(|r| seconds(r).map(|s| s * 1_000_000))
                    .collect::<TimestampMicrosecondArray>(),
            )
        };
        let decimals = |micro: &dyn Fn(&Row) -> Option<i64>| -> Result<ArrayRef, ArrowError> {
            let array: Decimal128Array = rows.iter().map(|r| micro(r).map(i128::from)).collect();
            Ok(Arc::new(array.with_precision_and_scale(16, 6)?))
        };
        let absent = |r: &Row| r.condition == Condition::Missing && self.preset == Preset::Canonical;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(id),
            times(&|r| Some(r.end)),
            decimals(&|r| (!absent(r)).then_some(r.micro))?,
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|r| code(r.condition)),
            )),
            Arc::new(
                rows.iter()
                    .map(|r| r.do_not_use.then_some("D101"))
                    .collect::<StringArray>(),
            ),
            times(&|r| Some(r.updated)),
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|r| i64::from(r.version)),
            )),
        ];
        if self.registers {
            columns.push(decimals(&|r| r.register.map(|(reading, _)| reading))?);
            columns.push(times(&|r| r.register.map(|(_, since)| since)));
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

fn code(condition: Condition) -> &'static str {
    match condition {
        Condition::Actual => "501000",
        Condition::Estimated => "401000",
        Condition::Missing => "201000",
        Condition::Override => "901000",
        Condition::Unknown => "000000",
    }
}
