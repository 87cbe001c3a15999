//! Positions of the columns of the `day_profile` table, and their values as slices.
//!
//! The functions take a batch with exactly [`super::SCHEMA`]; [`check`] says whether it has it.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int32Type, Int64Type, UInt16Type, UInt32Type, UInt64Type};

use super::{HOURS, SCHEMA, TABLE, UNKNOWN_HOUR};
use crate::error::TransformError;

macro_rules! positions {
    ($($name:ident = $position:literal,)*) => {
        $(
            #[doc = concat!("Position of the column; ", stringify!($name), " in lower case is its name.")]
            pub const $name: usize = $position;
        )*

        #[cfg(test)]
        const POSITIONS: &[(&str, usize)] = &[$((stringify!($name), $position),)*];
    };
}

positions! {
    COMPONENT = 0,
    DAY = 1,
    INTERVALS = 2,
    VALUED = 3,
    ACTUAL = 4,
    ESTIMATED = 5,
    MISSING = 6,
    OVERRIDDEN = 7,
    UNKNOWN = 8,
    ZERO = 9,
    NEGATIVE = 10,
    KWH = 11,
    NIGHT_KWH = 12,
    MIN_KWH = 13,
    MAX_KWH = 14,
    USABLE = 15,
    USABLE_ZERO = 16,
    USABLE_NEGATIVE = 17,
    USABLE_KWH = 18,
    USABLE_NEGATIVE_KWH = 19,
    OFF = 20,
    OFF_KWH = 21,
    UNINSTALLED = 22,
    UNINSTALLED_KWH = 23,
    CUT = 24,
    LONGEST_EQUAL_RUN = 25,
    SHAPE_HASH = 26,
    HOURLY_WH = 27,
    SPREAD = 28,
}

/// Fails where the batch has other columns or types than the table; nullability and metadata may differ, as
/// they do after a round trip through a file.
pub fn check(batch: &RecordBatch) -> Result<(), TransformError> {
    if Arc::ptr_eq(batch.schema_ref(), &SCHEMA) {
        // Whoever made the batch looked at all of this.
        return Ok(());
    }
    let found = batch.schema();
    for (position, field) in SCHEMA.fields().iter().enumerate() {
        let Some(same) = found.fields().get(position).filter(|f| f.name() == field.name()) else {
            return Err(TransformError::MissingColumn {
                table: TABLE.to_owned(),
                column: field.name().clone(),
            });
        };
        if !same.data_type().equals_datatype(field.data_type()) {
            return Err(TransformError::ColumnType {
                table: TABLE.to_owned(),
                column: field.name().clone(),
                found: same.data_type().to_string(),
                expected: field.data_type().to_string(),
            });
        }
        if !field.is_nullable() && batch.column(position).null_count() > 0 {
            return Err(TransformError::ColumnType {
                table: TABLE.to_owned(),
                column: field.name().clone(),
                found: "a column with nulls".to_owned(),
                expected: "one without".to_owned(),
            });
        }
    }
    Ok(())
}

/// Dense indices of the components.
#[must_use]
pub fn components(batch: &RecordBatch) -> &[u32] {
    batch.column(COMPONENT).as_primitive::<UInt32Type>().values()
}

/// Days since 1970-01-01.
#[must_use]
pub fn days(batch: &RecordBatch) -> &[i32] {
    batch.column(DAY).as_primitive::<Date32Type>().values()
}

/// A column of counts.
#[must_use]
pub fn u16s(batch: &RecordBatch, position: usize) -> &[u16] {
    batch.column(position).as_primitive::<UInt16Type>().values()
}

/// A column of energy in 10^-6 kWh; what stands below nulls is 0 in a [`crate::series::SeriesBlock`] only.
#[must_use]
pub fn energies(batch: &RecordBatch, position: usize) -> &[i64] {
    batch.column(position).as_primitive::<Int64Type>().values()
}

/// One energy, with its nullness.
#[must_use]
pub fn energy(batch: &RecordBatch, position: usize, row: usize) -> Option<i64> {
    let column = batch.column(position).as_primitive::<Int64Type>();
    column.is_valid(row).then(|| column.value(row))
}

/// The hash of a day's shape.
#[must_use]
pub fn shape_hash(batch: &RecordBatch, row: usize) -> Option<u64> {
    let column = batch.column(SHAPE_HASH).as_primitive::<UInt64Type>();
    column.is_valid(row).then(|| column.value(row))
}

/// The hours of a day, [`UNKNOWN_HOUR`] for null items.
#[must_use]
pub fn hourly(batch: &RecordBatch, row: usize) -> Option<[i32; HOURS]> {
    let column = batch.column(HOURLY_WH).as_fixed_size_list();
    if column.is_null(row) {
        return None;
    }
    let items = column.values().as_primitive::<Int32Type>();
    let first = column.value_offset(row) as usize;
    Some(std::array::from_fn(|hour| {
        let item = first + hour;
        if items.is_valid(item) {
            items.value(item)
        } else {
            UNKNOWN_HOUR
        }
    }))
}

/// Whether the row is a share of a register's period.
#[must_use]
pub fn spread(batch: &RecordBatch, row: usize) -> bool {
    batch.column(SPREAD).as_boolean().value(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_schema() {
        let of_schema: Vec<(String, usize)> = SCHEMA
            .fields()
            .iter()
            .enumerate()
            .map(|(i, f)| (f.name().to_uppercase(), i))
            .collect();
        let here: Vec<(String, usize)> = POSITIONS.iter().map(|(n, i)| ((*n).to_owned(), *i)).collect();
        assert_eq!(here, of_schema);
    }
}
