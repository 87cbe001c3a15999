//! Day profiles put in order by component: what features and rules read.

mod collate;

use std::ops::Range;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use rayon::prelude::*;

use crate::day_profile::{HOURS, column};

pub use collate::collate;

/// All days of a range of components, sorted by (component, day), one row per pair.
///
/// The batch has the schema of [`crate::day_profile::SCHEMA`]. [`collate`] makes a block, and sees to it that fixed
/// values stand below nulls, which [`SeriesBlock::series`] shows.
#[derive(Debug, Clone)]
pub struct SeriesBlock {
    /// The rows.
    pub batch: RecordBatch,
    /// The dense indices of the components that have rows, ascending.
    pub components: Vec<u32>,
    /// `offsets[i]..offsets[i + 1]` are the rows of `components[i]`.
    pub offsets: Vec<usize>,
}

/// One component's days: slices of equal length, one item per day that has a row, days ascending.
///
/// Energy in 10^-6 kWh. Days without a row are gaps: compare `day` of neighbours.
#[derive(Debug, Clone, Copy)]
pub struct DaySeries<'a> {
    /// Dense index of the component.
    pub component: u32,
    /// Days since 1970-01-01, ascending.
    pub day: &'a [i32],
    /// See [`crate::day_profile::SCHEMA`] for this and all that follow.
    pub intervals: &'a [u16],
    /// Rows with a value.
    pub valued: &'a [u16],
    /// Rows read from the meter.
    pub actual: &'a [u16],
    /// Estimated rows.
    pub estimated: &'a [u16],
    /// Rows marked missing.
    pub missing: &'a [u16],
    /// Sum of all values; 0 where `valued` is 0.
    pub kwh: &'a [i64],
    /// Intervals that start before 06:00; 0 where null.
    pub night_kwh: &'a [i64],
    /// Whether `night_kwh` is known for this component.
    pub has_night: bool,
    /// Least interval of the day; 0 where `valued` is 0.
    pub min_kwh: &'a [i64],
    /// Greatest interval of the day; 0 where `valued` is 0.
    pub max_kwh: &'a [i64],
    /// Intervals that a rule may rest on.
    pub usable: &'a [u16],
    /// Of those, zeros.
    pub usable_zero: &'a [u16],
    /// Of those, negatives.
    pub usable_negative: &'a [u16],
    /// Energy of the usable intervals.
    pub usable_kwh: &'a [i64],
    /// Energy (below zero) of the usable negative intervals.
    pub usable_negative_kwh: &'a [i64],
    /// Actual intervals while off.
    pub off: &'a [u16],
    /// Their energy.
    pub off_kwh: &'a [i64],
    /// Actual intervals that no install event covers.
    pub uninstalled: &'a [u16],
    /// Their energy.
    pub uninstalled_kwh: &'a [i64],
    /// Intervals cut by an install, a removal or a switch.
    pub cut: &'a [u16],
    /// Longest run of equal non-zero usable values.
    pub longest_equal_run: &'a [u16],
    /// Hourly energy, 24 items a day, `i64::MIN` where unknown; empty where the component has none.
    pub hourly_kwh: &'a [i64],
    /// Rows of the block that these slices are.
    pub rows: (usize, usize),
}

impl SeriesBlock {
    /// Positions in `components`.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        0..self.components.len()
    }

    /// The days of `components[position]`. The slices are views of the batch: nothing is copied.
    #[must_use]
    pub fn series(&self, position: usize) -> DaySeries<'_> {
        let rows = self.offsets[position]..self.offsets[position + 1];
        let batch = &self.batch;
        let count = |column: usize| &column::u16s(batch, column)[rows.clone()];
        let energy = |column: usize| &column::energies(batch, column)[rows.clone()];
        let night = batch.column(column::NIGHT_KWH);
        DaySeries {
            component: self.components[position],
            day: &column::days(batch)[rows.clone()],
            intervals: count(column::INTERVALS),
            valued: count(column::VALUED),
            actual: count(column::ACTUAL),
            estimated: count(column::ESTIMATED),
            missing: count(column::MISSING),
            kwh: energy(column::KWH),
            night_kwh: energy(column::NIGHT_KWH),
            has_night: rows.clone().any(|row| night.is_valid(row)),
            min_kwh: energy(column::MIN_KWH),
            max_kwh: energy(column::MAX_KWH),
            usable: count(column::USABLE),
            usable_zero: count(column::USABLE_ZERO),
            usable_negative: count(column::USABLE_NEGATIVE),
            usable_kwh: energy(column::USABLE_KWH),
            usable_negative_kwh: energy(column::USABLE_NEGATIVE_KWH),
            off: count(column::OFF),
            off_kwh: energy(column::OFF_KWH),
            uninstalled: count(column::UNINSTALLED),
            uninstalled_kwh: energy(column::UNINSTALLED_KWH),
            cut: count(column::CUT),
            longest_equal_run: count(column::LONGEST_EQUAL_RUN),
            hourly_kwh: self.hours(&rows),
            rows: (rows.start, rows.end),
        }
    }

    fn hours(&self, rows: &Range<usize>) -> &[i64] {
        let lists = self.batch.column(column::HOURLY_KWH).as_fixed_size_list();
        if rows.clone().all(|row| lists.is_null(row)) {
            return &[];
        }
        let items = lists.values().as_primitive::<Int64Type>().values();
        let first = lists.value_offset(rows.start) as usize;
        &items[first..first + rows.len() * HOURS]
    }

    /// Calls `f` for every component, in parallel, and returns the answers in the order of the components.
    pub fn par_map<T: Send>(&self, f: impl Fn(DaySeries<'_>) -> T + Sync + Send) -> Vec<T> {
        self.range()
            .into_par_iter()
            .map(|position| f(self.series(position)))
            .collect()
    }

    /// The same with something that `f` may overwrite and use again: `init` makes one for each share of the work.
    pub fn par_map_with<S, T: Send>(
        &self,
        init: impl Fn() -> S + Sync + Send,
        f: impl Fn(&mut S, DaySeries<'_>) -> T + Sync + Send,
    ) -> Vec<T> {
        self.range()
            .into_par_iter()
            .map_init(init, |scratch, position| f(scratch, self.series(position)))
            .collect()
    }
}
