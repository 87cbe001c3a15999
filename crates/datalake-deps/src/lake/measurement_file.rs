//! Canonical measurements, written so that the config which read them reads them again, to the same rows.
//!
//! Columns have the names that the config gives, and all of them are there, with or without values. Numbers are
//! decimals of eighteen digits, ids and codes are text. Times are written as they are, on the measurement clock, without
//! a zone; but where the config has times without a zone on another clock, as instants, which no clock moves.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;

use super::columns::TablePlan;
use super::error::LakeError;
use super::model::{ColumnType, MEASUREMENTS};
use super::write::{TableWriter, WriteOptions, WrittenFile};

/// Digits of a decimal: those that 64 bits hold.
const DIGITS: u8 = 18;

/// Numbers must stay below this, 10^-6 units.
pub const DECIMAL_LIMIT_MICRO: i64 = 1_000_000_000_000_000_000;

/// How files of measurements look.
#[derive(Debug, Clone)]
pub struct MeasurementFiles {
    schema: SchemaRef,
    columns: Vec<WrittenColumn>,
    /// Microseconds from an instant to the clock, where times are written as instants.
    instant_shift: Option<i64>,
    id_column: String,
}

/// A canonical column that is written.
#[derive(Debug, Clone)]
struct WrittenColumn {
    canonical: String,
    column_type: ColumnType,
}

impl MeasurementFiles {
    /// An error where one name of the config stands for columns of two kinds.
    pub(super) fn new(plan: &TablePlan) -> Result<Self, LakeError> {
        let instant_shift = (!plan.clock.naive_is_on_clock())
            .then(|| plan.clock.instant_shift())
            .flatten();
        let mut fields: Vec<Field> = Vec::new();
        let mut columns: Vec<WrittenColumn> = Vec::new();
        for column in &plan.columns {
            let (spec, name) = (column.spec, &column.source_name);
            if let Some(before) = fields.iter().position(|field| field.name() == name) {
                // Both were read from the one column: what the first holds, the second does.
                if columns[before].column_type == spec.column_type {
                    continue;
                }
                return Err(LakeError::Config {
                    key: format!("tables.{}.columns.{}", MEASUREMENTS.name, spec.name),
                    problem: format!(
                        "`{name}` is `{}` as well, which is of another type",
                        columns[before].canonical
                    ),
                    hint: "give each of them a column of its own".to_owned(),
                });
            }
            let data_type = match spec.column_type {
                ColumnType::Text => DataType::Utf8,
                ColumnType::Timestamp => {
                    let zone = instant_shift.map(|_| Arc::from("UTC"));
                    DataType::Timestamp(TimeUnit::Microsecond, zone)
                }
                ColumnType::Decimal6 => DataType::Decimal128(DIGITS, 6),
                ColumnType::Integer => DataType::Int64,
                ColumnType::Float => DataType::Float64,
            };
            fields.push(Field::new(name, data_type, true));
            columns.push(WrittenColumn {
                canonical: spec.canonical_name(),
                column_type: spec.column_type,
            });
        }
        Ok(Self {
            id_column: fields
                .first()
                .map(|field| field.name().clone())
                .unwrap_or_default(),
            schema: Arc::new(Schema::new(fields)),
            columns,
            instant_shift,
        })
    }

    /// Schema of every file.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Creates a file, or empties it.
    pub fn create(&self, path: &Path) -> Result<MeasurementWriter<'_>, LakeError> {
        let options = WriteOptions {
            id_column: Some(self.id_column.clone()),
            ..WriteOptions::default()
        };
        Ok(MeasurementWriter {
            files: self,
            writer: TableWriter::create(path, &self.schema, &options)?,
        })
    }

    /// Canonical rows as rows of a file.
    fn encode(&self, canonical: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self
            .columns
            .iter()
            .map(|column| {
                let name = &column.canonical;
                let array = canonical
                    .column_by_name(name)
                    .ok_or_else(|| ArrowError::SchemaError(format!("no column `{name}`")))?;
                self.column(array, column.column_type)
                    .ok_or_else(|| ArrowError::SchemaError(format!("`{name}` is {}", array.data_type())))
            })
            .collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(self.schema.clone(), columns)
    }

    /// A canonical column as it is written; `None` where its type is not the canonical one.
    fn column(&self, array: &ArrayRef, column_type: ColumnType) -> Option<ArrayRef> {
        Some(match column_type {
            ColumnType::Text => {
                let _: &StringArray = array.as_string_opt::<i32>()?;
                array.clone()
            }
            ColumnType::Timestamp => {
                let times = array.as_primitive_opt::<TimestampMicrosecondType>()?;
                match self.instant_shift {
                    None => array.clone(),
                    Some(shift) => {
                        // What is canonical lies far from the ends of 64 bits.
                        let instants: TimestampMicrosecondArray =
                            times.unary(|time: i64| time.saturating_sub(shift));
                        Arc::new(instants.with_timezone("UTC"))
                    }
                }
            }
            ColumnType::Decimal6 => {
                let micro = array.as_primitive_opt::<Int64Type>()?;
                let decimals: Decimal128Array = micro.unary(i128::from);
                Arc::new(decimals.with_precision_and_scale(DIGITS, 6).ok()?)
            }
            ColumnType::Integer | ColumnType::Float => array.clone(),
        })
    }
}

/// Writes one file of measurements.
pub struct MeasurementWriter<'a> {
    files: &'a MeasurementFiles,
    writer: TableWriter,
}

impl MeasurementWriter<'_> {
    /// Adds rows with every canonical column of measurements, text as plain text.
    pub fn write(&mut self, canonical: &RecordBatch) -> Result<(), LakeError> {
        let rows = self
            .files
            .encode(canonical)
            .map_err(|error| LakeError::write(self.writer.path(), error))?;
        self.writer.write(&rows)
    }

    /// Ends the file and waits until it is on the disk.
    pub fn finish(self) -> Result<WrittenFile, LakeError> {
        self.writer.finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diagnostic::render;
    use crate::lake::clock::Clocks;
    use crate::lake::config::LakeConfig;

    fn files(config: &str) -> Result<MeasurementFiles, LakeError> {
        let config: LakeConfig = serde_json::from_str(config).unwrap();
        let clocks = Clocks::new(&config)?;
        let plan = TablePlan::new(&MEASUREMENTS, &config, &clocks, |_| true, true, 8_192)?;
        MeasurementFiles::new(&plan)
    }

    fn names(config: &str) -> Vec<String> {
        let files = files(config).unwrap();
        files
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    #[test]
    fn columns_have_the_names_of_the_config() {
        assert_eq!(
            names(r#"{"preset":"oracle_mdm","tables":{"measurements":{"columns":{"value":"KWH"}}}}"#)[..4],
            ["MEASR_COMP_ID", "MSRMT_DTTM", "KWH", "MSRMT_COND_FLG"]
        );
        // One column of the source that is two of the data model stays one.
        let shared = names(r#"{"tables":{"measurements":{"columns":{"value":"X","reading":"X"}}}}"#);
        assert_eq!(shared.iter().filter(|name| *name == "X").count(), 1);
        assert_eq!(shared.len(), MEASUREMENTS.columns.len() - 1);
    }

    #[test]
    fn a_column_of_two_types_is_refused() {
        let error =
            files(r#"{"tables":{"measurements":{"columns":{"value":"X","updated_at":"X"}}}}"#).unwrap_err();
        insta::assert_snapshot!(render(&error), @r"
        error: the config's `tables.measurements.columns.updated_at` is wrong: `X` is `value_micro` as well, which is of another type
        hint: give each of them a column of its own
        ");
    }

    #[test]
    fn times_are_instants_only_where_a_clock_would_move_them() {
        let zone = |config: &str| match files(config).unwrap().schema().field(1).data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, zone) => zone.as_deref().map(str::to_owned),
            other => Some(other.to_string()),
        };
        assert_eq!(zone(r#"{"measurement_time_zone":"+01:00"}"#), None);
        let same = r#"{"measurement_time_zone":"+01:00","tables":{"measurements":{"time_zone":"+01:00"}}}"#;
        assert_eq!(zone(same), None);
        let other =
            r#"{"measurement_time_zone":"+01:00","tables":{"measurements":{"time_zone":"Europe/Berlin"}}}"#;
        assert_eq!(zone(other).as_deref(), Some("UTC"));
    }
}
