//! Rows of the `day_profile` table as plain structs, and the columns that they become.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, FixedSizeListArray, Int32Array, Int64Array, RecordBatch,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::DataType;

use super::{HOURS, SCHEMA, UNKNOWN_HOUR, column};
use crate::error::TransformError;

/// One row of the table; the columns' meaning stands at [`SCHEMA`].
///
/// `kwh`, `min_kwh` and `max_kwh` are 0, and null in the table, where `valued` is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are the table's columns, documented at SCHEMA"
)]
pub struct DayProfile {
    pub component: u32,
    pub day: i32,
    pub intervals: u16,
    pub valued: u16,
    pub actual: u16,
    pub estimated: u16,
    pub missing: u16,
    pub overridden: u16,
    pub unknown: u16,
    pub zero: u16,
    pub negative: u16,
    pub kwh: i64,
    pub night_kwh: Option<i64>,
    pub min_kwh: i64,
    pub max_kwh: i64,
    pub usable: u16,
    pub usable_zero: u16,
    pub usable_negative: u16,
    pub usable_kwh: i64,
    pub usable_negative_kwh: i64,
    pub off: u16,
    pub off_kwh: i64,
    pub uninstalled: u16,
    pub uninstalled_kwh: i64,
    pub cut: u16,
    pub longest_equal_run: u16,
    pub shape_hash: Option<u64>,
    /// [`UNKNOWN_HOUR`] stands for null.
    pub hourly_wh: Option<[i32; HOURS]>,
    pub spread: bool,
}

impl DayProfile {
    /// Adds another row of the same component and day, for instance two periods of a register that meet inside
    /// the day. Counts stop at `u16::MAX`. The shape and the hours of such a day are unknown.
    pub fn add(&mut self, other: &Self) -> Result<(), TransformError> {
        let key = format!("component {} on day {}", self.component, self.day);
        let sum = |what: &str, a: i64, b: i64| {
            a.checked_add(b).ok_or_else(|| TransformError::Overflow {
                what: what.to_owned(),
                key: key.clone(),
            })
        };
        (self.min_kwh, self.max_kwh) = match (self.valued, other.valued) {
            (_, 0) => (self.min_kwh, self.max_kwh),
            (0, _) => (other.min_kwh, other.max_kwh),
            _ => (self.min_kwh.min(other.min_kwh), self.max_kwh.max(other.max_kwh)),
        };
        for (mine, theirs) in [
            (&mut self.intervals, other.intervals),
            (&mut self.valued, other.valued),
            (&mut self.actual, other.actual),
            (&mut self.estimated, other.estimated),
            (&mut self.missing, other.missing),
            (&mut self.overridden, other.overridden),
            (&mut self.unknown, other.unknown),
            (&mut self.zero, other.zero),
            (&mut self.negative, other.negative),
            (&mut self.usable, other.usable),
            (&mut self.usable_zero, other.usable_zero),
            (&mut self.usable_negative, other.usable_negative),
            (&mut self.off, other.off),
            (&mut self.uninstalled, other.uninstalled),
            (&mut self.cut, other.cut),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        self.kwh = sum("kwh", self.kwh, other.kwh)?;
        self.night_kwh = match (self.night_kwh, other.night_kwh) {
            (Some(a), Some(b)) => Some(sum("night_kwh", a, b)?),
            _ => None,
        };
        self.usable_kwh = sum("usable_kwh", self.usable_kwh, other.usable_kwh)?;
        self.usable_negative_kwh = sum(
            "usable_negative_kwh",
            self.usable_negative_kwh,
            other.usable_negative_kwh,
        )?;
        self.off_kwh = sum("off_kwh", self.off_kwh, other.off_kwh)?;
        self.uninstalled_kwh = sum("uninstalled_kwh", self.uninstalled_kwh, other.uninstalled_kwh)?;
        self.longest_equal_run = self.longest_equal_run.max(other.longest_equal_run);
        self.shape_hash = None;
        self.hourly_wh = match (self.hourly_wh, other.hourly_wh) {
            (None, None) => None,
            _ => Some([UNKNOWN_HOUR; HOURS]),
        };
        self.spread |= other.spread;
        Ok(())
    }

    /// Reads a row of a batch with the table's schema.
    #[must_use]
    pub fn read(batch: &RecordBatch, row: usize) -> Self {
        let count = |i: usize| column::u16s(batch, i)[row];
        let energy = |i: usize| column::energy(batch, i, row);
        Self {
            component: column::components(batch)[row],
            day: column::days(batch)[row],
            intervals: count(column::INTERVALS),
            valued: count(column::VALUED),
            actual: count(column::ACTUAL),
            estimated: count(column::ESTIMATED),
            missing: count(column::MISSING),
            overridden: count(column::OVERRIDDEN),
            unknown: count(column::UNKNOWN),
            zero: count(column::ZERO),
            negative: count(column::NEGATIVE),
            kwh: energy(column::KWH).unwrap_or(0),
            night_kwh: energy(column::NIGHT_KWH),
            min_kwh: energy(column::MIN_KWH).unwrap_or(0),
            max_kwh: energy(column::MAX_KWH).unwrap_or(0),
            usable: count(column::USABLE),
            usable_zero: count(column::USABLE_ZERO),
            usable_negative: count(column::USABLE_NEGATIVE),
            usable_kwh: energy(column::USABLE_KWH).unwrap_or(0),
            usable_negative_kwh: energy(column::USABLE_NEGATIVE_KWH).unwrap_or(0),
            off: count(column::OFF),
            off_kwh: energy(column::OFF_KWH).unwrap_or(0),
            uninstalled: count(column::UNINSTALLED),
            uninstalled_kwh: energy(column::UNINSTALLED_KWH).unwrap_or(0),
            cut: count(column::CUT),
            longest_equal_run: count(column::LONGEST_EQUAL_RUN),
            shape_hash: column::shape_hash(batch, row),
            hourly_wh: column::hourly(batch, row),
            spread: column::spread(batch, row),
        }
    }
}

macro_rules! columns {
    ($($name:ident: $type:ty,)*) => {
        /// Gathers rows into a batch with the table's schema.
        #[derive(Debug, Default)]
        pub struct DayProfileBuilder {
            $($name: Vec<$type>,)*
            night_known: Vec<bool>,
            shape_known: Vec<bool>,
            hourly_wh: Vec<i32>,
            hourly_known: Vec<bool>,
        }

        impl DayProfileBuilder {
            /// Reserves memory for so many rows.
            #[must_use]
            pub fn with_capacity(rows: usize) -> Self {
                Self {
                    $($name: Vec::with_capacity(rows),)*
                    night_known: Vec::with_capacity(rows),
                    shape_known: Vec::with_capacity(rows),
                    hourly_wh: Vec::new(),
                    hourly_known: Vec::with_capacity(rows),
                }
            }
        }
    };
}

columns! {
    component: u32,
    day: i32,
    intervals: u16,
    valued: u16,
    actual: u16,
    estimated: u16,
    missing: u16,
    overridden: u16,
    unknown: u16,
    zero: u16,
    negative: u16,
    kwh: i64,
    night_kwh: i64,
    min_kwh: i64,
    max_kwh: i64,
    usable: u16,
    usable_zero: u16,
    usable_negative: u16,
    usable_kwh: i64,
    usable_negative_kwh: i64,
    off: u16,
    off_kwh: i64,
    uninstalled: u16,
    uninstalled_kwh: i64,
    cut: u16,
    longest_equal_run: u16,
    shape_hash: u64,
    spread: bool,
}

impl DayProfileBuilder {
    /// Appends a row.
    pub fn push(&mut self, row: &DayProfile) {
        self.component.push(row.component);
        self.day.push(row.day);
        self.intervals.push(row.intervals);
        self.valued.push(row.valued);
        self.actual.push(row.actual);
        self.estimated.push(row.estimated);
        self.missing.push(row.missing);
        self.overridden.push(row.overridden);
        self.unknown.push(row.unknown);
        self.zero.push(row.zero);
        self.negative.push(row.negative);
        self.kwh.push(row.kwh);
        self.night_kwh.push(row.night_kwh.unwrap_or(0));
        self.night_known.push(row.night_kwh.is_some());
        self.min_kwh.push(row.min_kwh);
        self.max_kwh.push(row.max_kwh);
        self.usable.push(row.usable);
        self.usable_zero.push(row.usable_zero);
        self.usable_negative.push(row.usable_negative);
        self.usable_kwh.push(row.usable_kwh);
        self.usable_negative_kwh.push(row.usable_negative_kwh);
        self.off.push(row.off);
        self.off_kwh.push(row.off_kwh);
        self.uninstalled.push(row.uninstalled);
        self.uninstalled_kwh.push(row.uninstalled_kwh);
        self.cut.push(row.cut);
        self.longest_equal_run.push(row.longest_equal_run);
        self.shape_hash.push(row.shape_hash.unwrap_or(0));
        self.shape_known.push(row.shape_hash.is_some());
        self.push_hours(row.hourly_wh.as_ref());
        self.spread.push(row.spread);
    }

    /// Hours are by far the widest column: rows before the first known one cost nothing until then.
    fn push_hours(&mut self, hours: Option<&[i32; HOURS]>) {
        let row = self.hourly_known.len();
        self.hourly_known.push(hours.is_some());
        if let Some(hours) = hours {
            self.hourly_wh.resize(row * HOURS, UNKNOWN_HOUR);
            self.hourly_wh.extend_from_slice(hours);
        }
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.component.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.component.is_empty()
    }

    /// The batch, rows in the order they came.
    pub fn finish(self) -> Result<RecordBatch, TransformError> {
        let valued = nulls(self.valued.len(), |row| self.valued[row] > 0);
        let hourly = hours_array(self.hourly_wh, &self.hourly_known)?;
        let shape = nulls(self.shape_known.len(), |row| self.shape_known[row]);
        let night = nulls(self.night_known.len(), |row| self.night_known[row]);
        let energy = |values: Vec<i64>, nulls: Option<NullBuffer>| -> ArrayRef {
            Arc::new(Int64Array::new(values.into(), nulls))
        };
        let count = |values: Vec<u16>| -> ArrayRef { Arc::new(UInt16Array::from(values)) };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from(self.component)),
            Arc::new(Date32Array::from(self.day)),
            count(self.intervals),
            count(self.valued),
            count(self.actual),
            count(self.estimated),
            count(self.missing),
            count(self.overridden),
            count(self.unknown),
            count(self.zero),
            count(self.negative),
            energy(self.kwh, valued.clone()),
            energy(self.night_kwh, night),
            energy(self.min_kwh, valued.clone()),
            energy(self.max_kwh, valued),
            count(self.usable),
            count(self.usable_zero),
            count(self.usable_negative),
            energy(self.usable_kwh, None),
            energy(self.usable_negative_kwh, None),
            count(self.off),
            energy(self.off_kwh, None),
            count(self.uninstalled),
            energy(self.uninstalled_kwh, None),
            count(self.cut),
            count(self.longest_equal_run),
            Arc::new(UInt64Array::new(self.shape_hash.into(), shape)),
            hourly,
            Arc::new(BooleanArray::from(self.spread)),
        ];
        Ok(RecordBatch::try_new(SCHEMA.clone(), columns)?)
    }
}

/// Validity from flags; none where all rows are valid.
fn nulls(rows: usize, is_known: impl FnMut(usize) -> bool) -> Option<NullBuffer> {
    let buffer = NullBuffer::new(BooleanBuffer::collect_bool(rows, is_known));
    (buffer.null_count() > 0).then_some(buffer)
}

/// The `hourly_wh` column of rows whose hours lie one after another; [`UNKNOWN_HOUR`] becomes null, and stays
/// as the value below the null, which is what [`crate::series::DaySeries`] shows.
pub fn hours_array(mut hours: Vec<i32>, known: &[bool]) -> Result<ArrayRef, TransformError> {
    let DataType::FixedSizeList(item, size) = SCHEMA.field(column::HOURLY_WH).data_type().clone() else {
        return Err(TransformError::Bug(
            "hourly_wh is not a list of fixed size".to_owned(),
        ));
    };
    if !known.contains(&true) {
        return Ok(Arc::new(FixedSizeListArray::new_null(item, size, known.len())));
    }
    hours.resize(known.len() * HOURS, UNKNOWN_HOUR);
    let items = hours
        .contains(&UNKNOWN_HOUR)
        .then(|| nulls(hours.len(), |item| hours[item] != UNKNOWN_HOUR));
    let values = Arc::new(Int32Array::new(hours.into(), items.flatten()));
    let lists = nulls(known.len(), |row| known[row]);
    Ok(Arc::new(FixedSizeListArray::try_new(item, size, values, lists)?))
}
