//! What the resolver yields: rows with dense indices instead of ids, and positions in a day instead of times.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::ArrowPrimitiveType;

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

/// Takes resolved rows: what this crate makes of them, a grid, a list, or rows by day.
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

impl ResolvedRows {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.register_rows.clear();
        self.rejections.clear();
        self.counts = RowCounts::default();
        self.batches = 0;
    }
}

/// A column of a spilled batch.
pub(crate) fn spilled<'a, T: ArrowPrimitiveType>(
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
