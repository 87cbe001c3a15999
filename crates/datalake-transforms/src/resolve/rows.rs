//! What the resolver yields: rows with dense indices instead of ids, and positions in a day instead of times.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, RecordBatch, UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Field, Schema, SchemaRef, UInt16Type, UInt32Type, UInt64Type,
};

use super::register_rows::RegisterRow;
use crate::accounting::RowCounts;
use crate::age;
use crate::error::{Rejection, TransformError};
use crate::measured::Measured;

/// One interval of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolvedRow {
    /// Dense index of the component.
    pub component: u32,
    /// Day of the interval's start.
    pub day: i32,
    /// The interval's position in that day.
    pub slot: u16,
    /// Value, condition and use.
    pub measured: Measured,
    /// Order of `updated_at`, see [`crate::measured::order_key`]; 0 is null.
    pub updated: u64,
    /// Order of `version`; 0 is null.
    pub version: u64,
}

/// Rows of a [`RowBlock`] at most: their cells are looked at together, so that the memory answers for many at once, which
/// is most of the time of rows in no order.
pub const BLOCK_ROWS: usize = 64;

/// A few resolved rows, field by field: what is done to all of them runs through the processor without a branch.
#[derive(Debug, Clone)]
pub struct RowBlock {
    /// Places that hold a row or nothing.
    pub(crate) len: usize,
    /// Of them, those that hold a row.
    pub(crate) present: usize,
    pub(crate) component: [u32; BLOCK_ROWS],
    pub(crate) day: [i32; BLOCK_ROWS],
    pub(crate) slot: [u16; BLOCK_ROWS],
    /// Absent where there is no row.
    pub(crate) measured: [Measured; BLOCK_ROWS],
    /// See [`age::pack`]; means something while `ages_fit`.
    pub(crate) age: [u64; BLOCK_ROWS],
    pub(crate) ages_fit: bool,
    /// Orders of `updated_at` and version, unless `ages_fit`.
    pub(crate) orders: [(u64, u64); BLOCK_ROWS],
}

impl Default for RowBlock {
    fn default() -> Self {
        Self {
            len: 0,
            present: 0,
            component: [0; BLOCK_ROWS],
            day: [0; BLOCK_ROWS],
            slot: [0; BLOCK_ROWS],
            measured: [Measured::ABSENT; BLOCK_ROWS],
            age: [0; BLOCK_ROWS],
            ages_fit: true,
            orders: [(0, 0); BLOCK_ROWS],
        }
    }
}

impl RowBlock {
    /// Fills the block anew, with [`BLOCK_ROWS`] rows at most.
    pub(crate) fn fill(&mut self, rows: &[ResolvedRow]) {
        self.len = rows.len();
        self.ages_fit = true;
        for (at, row) in rows.iter().enumerate() {
            self.set(at, row);
        }
        self.count();
    }

    /// Counts the places that hold a row.
    pub(crate) fn count(&mut self) {
        let places = self.measured[..self.len].iter();
        self.present = places.filter(|measured| measured.is_present()).count();
    }

    /// Puts a row at `at`, which is below the length; the rows are to be counted anew.
    pub(crate) fn set(&mut self, at: usize, row: &ResolvedRow) {
        self.component[at] = row.component;
        self.day[at] = row.day;
        self.slot[at] = row.slot;
        self.measured[at] = row.measured;
        let (age, fits) = age::pack(row.updated, row.version);
        if self.ages_fit && fits {
            self.age[at] = age;
        } else {
            self.keep_orders();
            self.orders[at] = (row.updated, row.version);
        }
    }

    /// From now on the ages are pairs.
    pub(crate) fn keep_orders(&mut self) {
        if self.ages_fit {
            self.ages_fit = false;
            self.orders = self.age.map(age::unpack);
        }
    }

    /// The rows, in the order of their places.
    pub(crate) fn rows(&self) -> impl Iterator<Item = ResolvedRow> {
        let held = (0..self.len).filter(|&at| self.measured[at].is_present());
        held.map(|at| {
            let (updated, version) = self.orders_of(at);
            ResolvedRow {
                component: self.component[at],
                day: self.day[at],
                slot: self.slot[at],
                measured: self.measured[at],
                updated,
                version,
            }
        })
    }

    /// Orders of `updated_at` and version of the row at `at`.
    pub(crate) fn orders_of(&self, at: usize) -> (u64, u64) {
        if self.ages_fit {
            age::unpack(self.age[at])
        } else {
            self.orders[at]
        }
    }
}

/// Takes resolved rows.
pub trait RowSink {
    /// Takes all rows of a block.
    fn put(&mut self, rows: &RowBlock);
}

impl RowSink for Vec<ResolvedRow> {
    fn put(&mut self, rows: &RowBlock) {
        self.extend(rows.rows());
    }
}

/// Rows of one or more batches. [`ResolvedRows::clear`] keeps the memory.
#[derive(Debug, Clone, Default)]
pub struct ResolvedRows {
    /// Rows of interval components, in the order they came.
    pub rows: Vec<ResolvedRow>,
    /// Rows of scalar registers, in the order they came.
    pub register_rows: Vec<RegisterRow>,
    /// Rows kept aside; `batch` counts the batches since the last [`ResolvedRows::clear`].
    pub rejections: Vec<Rejection>,
    /// Rows read, rejected, and out of scope so far; the rest is counted by the grid and the register periods.
    pub counts: RowCounts,
    /// Batches resolved since the last [`ResolvedRows::clear`].
    pub batches: usize,
}

/// Columns of spilled rows: an internal format, whose meaning may change with the version.
static SPILL_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("component", DataType::UInt32, false),
        Field::new("day", DataType::Date32, false),
        Field::new("slot", DataType::UInt16, false),
        Field::new("measured", DataType::UInt64, false),
        Field::new("updated", DataType::UInt64, false),
        Field::new("version", DataType::UInt64, false),
    ]))
});

impl ResolvedRows {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.register_rows.clear();
        self.rejections.clear();
        self.counts = RowCounts::default();
        self.batches = 0;
    }

    /// The interval rows as a batch, to be spilled to a file and read by [`rows_from_batch`].
    pub fn to_batch(&self) -> Result<RecordBatch, TransformError> {
        rows_to_batch(&self.rows)
    }

    /// The interval rows of each day, days ascending, rows in the order they came.
    #[must_use]
    pub fn partition_by_day(&self) -> Vec<(i32, Vec<ResolvedRow>)> {
        let Some(first) = self.rows.iter().map(|row| row.day).min() else {
            return Vec::new();
        };
        // Days lie within 1970 to 2200, so a table by day stays small.
        let last = self.rows.iter().map(|row| row.day).max().unwrap_or(first);
        let mut counts = vec![0_usize; (last - first) as usize + 1];
        for row in &self.rows {
            counts[(row.day - first) as usize] += 1;
        }
        let mut days: Vec<Vec<ResolvedRow>> = counts.into_iter().map(Vec::with_capacity).collect();
        for row in &self.rows {
            days[(row.day - first) as usize].push(*row);
        }
        (first..).zip(days).filter(|(_, rows)| !rows.is_empty()).collect()
    }
}

/// Interval rows as a batch, to be spilled to a file.
pub fn rows_to_batch(rows: &[ResolvedRow]) -> Result<RecordBatch, TransformError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(
            rows.iter().map(|row| row.component),
        )),
        Arc::new(Date32Array::from_iter_values(rows.iter().map(|row| row.day))),
        Arc::new(UInt16Array::from_iter_values(rows.iter().map(|row| row.slot))),
        Arc::new(UInt64Array::from_iter_values(
            rows.iter().map(|row| row.measured.to_bits()),
        )),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.updated))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.version))),
    ];
    Ok(RecordBatch::try_new(SPILL_SCHEMA.clone(), columns)?)
}

/// Appends what [`rows_to_batch`] wrote. A batch that is anything else is an error, never a wrong row.
pub fn rows_from_batch(batch: &RecordBatch, rows: &mut Vec<ResolvedRow>) -> Result<(), TransformError> {
    let component = spilled::<UInt32Type>(batch, "component")?;
    let day = spilled::<Date32Type>(batch, "day")?;
    let slot = spilled::<UInt16Type>(batch, "slot")?;
    let measured = spilled::<UInt64Type>(batch, "measured")?;
    let updated = spilled::<UInt64Type>(batch, "updated")?;
    let version = spilled::<UInt64Type>(batch, "version")?;
    rows.reserve(batch.num_rows());
    for i in 0..batch.num_rows() {
        rows.push(ResolvedRow {
            component: component[i],
            day: day[i],
            slot: slot[i],
            measured: Measured::from_bits(measured[i]).ok_or_else(|| {
                TransformError::Bug(format!("row {i} of a spilled batch holds no measurement"))
            })?,
            updated: updated[i],
            version: version[i],
        });
    }
    Ok(())
}

/// A column of a spilled batch.
pub(super) fn spilled<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    column: &str,
) -> Result<&'a [T::Native], TransformError> {
    let table = || "spilled rows".to_owned();
    let array = batch
        .column_by_name(column)
        .ok_or_else(|| TransformError::MissingColumn {
            table: table(),
            column: column.to_owned(),
        })?;
    let typed = array
        .as_primitive_opt::<T>()
        .filter(|typed| typed.null_count() == 0);
    typed
        .map(|typed| typed.values().as_ref())
        .ok_or_else(|| TransformError::ColumnType {
            table: table(),
            column: column.to_owned(),
            found: array.data_type().to_string(),
            expected: format!("{} without nulls", T::DATA_TYPE),
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measured::Mark;
    use crate::model::Condition;

    fn row(component: u32, day: i32, slot: u16) -> ResolvedRow {
        let measured = Measured::new(Mark::new(Condition::Actual, true), i64::from(slot) - 3);
        ResolvedRow {
            component,
            day,
            slot,
            measured,
            updated: 7,
            version: u64::from(component),
        }
    }

    #[test]
    fn spilling_and_reading_back_changes_nothing() {
        let rows = ResolvedRows {
            rows: vec![row(3, -1, 0), row(0, 84_000, 287)],
            ..ResolvedRows::default()
        };
        let mut back = Vec::new();
        rows_from_batch(&rows.to_batch().unwrap(), &mut back).unwrap();
        assert_eq!(back, rows.rows);
    }

    #[test]
    fn a_damaged_spill_is_an_error() {
        let batch = rows_to_batch(&[row(1, 1, 1)]).unwrap();
        let mut columns = batch.columns().to_vec();
        columns[3] = Arc::new(UInt64Array::from(vec![1]));
        let damaged = RecordBatch::try_new(batch.schema(), columns).unwrap();
        let error = rows_from_batch(&damaged, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, TransformError::Bug(_)), "{error}");
        let short = batch.project(&[0, 1]).unwrap();
        let error = rows_from_batch(&short, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "table `spilled rows` has no column `slot`");
    }

    #[test]
    fn days_come_apart_in_order() {
        let rows = [row(0, 5, 1), row(1, -2, 0), row(2, 5, 0), row(0, -2, 9)];
        let parts = ResolvedRows {
            rows: rows.to_vec(),
            ..ResolvedRows::default()
        }
        .partition_by_day();
        assert_eq!(
            parts,
            vec![(-2, vec![rows[1], rows[3]]), (5, vec![rows[0], rows[2]])]
        );
        assert!(ResolvedRows::default().partition_by_day().is_empty());
    }
}
