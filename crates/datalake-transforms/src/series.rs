//! Day profiles put in order by component: what features and rules read.

mod collate;

use std::ops::Range;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int32Type, UInt64Type};
use rayon::prelude::*;

use crate::day_profile::{HOURS, column};

pub use collate::{Share, collate, collate_shares};

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
    /// Hash of the day's values in slot order; 0 unless every slot is usable.
    pub shape_hash: &'a [u64],
    /// Hourly energy in Wh, 24 items a day, [`crate::day_profile::UNKNOWN_HOUR`] where unknown; empty where the component has none.
    pub hourly_wh: &'a [i32],
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
        Columns::of(self).series(position)
    }

    /// Calls `f` for every component, in parallel, and returns the answers in the order of the components.
    pub fn par_map<T: Send>(&self, f: impl Fn(DaySeries<'_>) -> T + Sync + Send) -> Vec<T> {
        self.par_map_with(|| (), |(), series| f(series))
    }

    /// The same with something that `f` may overwrite and use again: `init` makes one for each share of the work.
    pub fn par_map_with<S, T: Send>(
        &self,
        init: impl Fn() -> S + Sync + Send,
        f: impl Fn(&mut S, DaySeries<'_>) -> T + Sync + Send,
    ) -> Vec<T> {
        let columns = Columns::of(self);
        self.range()
            .into_par_iter()
            .map_init(init, |scratch, position| f(scratch, columns.series(position)))
            .collect()
    }

    /// The days of every component, one after another.
    pub fn iter(&self) -> impl Iterator<Item = DaySeries<'_>> {
        let columns = Columns::of(self);
        self.range().map(move |position| columns.series(position))
    }
}

/// The columns of a block as slices: looked up once, not once for every component.
struct Columns<'a> {
    block: &'a SeriesBlock,
    /// All rows, as if they were one component's.
    all: DaySeries<'a>,
    /// Which rows have a night; `None` where all have.
    nights: Option<&'a NullBuffer>,
    /// Which rows have hours; `None` where all have.
    hours: Option<&'a NullBuffer>,
}

impl<'a> Columns<'a> {
    fn of(block: &'a SeriesBlock) -> Self {
        let batch = &block.batch;
        let count = |column: usize| column::u16s(batch, column);
        let energy = |column: usize| column::energies(batch, column);
        let lists = batch.column(column::HOURLY_WH).as_fixed_size_list();
        let hours = lists.values().as_primitive::<Int32Type>().values();
        let first = lists.value_offset(0) as usize;
        Self {
            block,
            all: DaySeries {
                component: 0,
                day: column::days(batch),
                intervals: count(column::INTERVALS),
                valued: count(column::VALUED),
                actual: count(column::ACTUAL),
                estimated: count(column::ESTIMATED),
                missing: count(column::MISSING),
                kwh: energy(column::KWH),
                night_kwh: energy(column::NIGHT_KWH),
                has_night: false,
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
                shape_hash: batch
                    .column(column::SHAPE_HASH)
                    .as_primitive::<UInt64Type>()
                    .values(),
                hourly_wh: &hours[first..],
                rows: (0, batch.num_rows()),
            },
            nights: batch.column(column::NIGHT_KWH).nulls(),
            hours: lists.nulls(),
        }
    }

    fn series(&self, position: usize) -> DaySeries<'a> {
        let (from, to) = (self.block.offsets[position], self.block.offsets[position + 1]);
        let all = &self.all;
        let count = |column: &'a [u16]| &column[from..to];
        let energy = |column: &'a [i64]| &column[from..to];
        let has_any = |nulls: Option<&NullBuffer>| {
            nulls.is_none_or(|nulls| nulls.slice(from, to - from).null_count() < to - from)
        };
        DaySeries {
            component: self.block.components[position],
            day: &all.day[from..to],
            intervals: count(all.intervals),
            valued: count(all.valued),
            actual: count(all.actual),
            estimated: count(all.estimated),
            missing: count(all.missing),
            kwh: energy(all.kwh),
            night_kwh: energy(all.night_kwh),
            has_night: has_any(self.nights),
            min_kwh: energy(all.min_kwh),
            max_kwh: energy(all.max_kwh),
            usable: count(all.usable),
            usable_zero: count(all.usable_zero),
            usable_negative: count(all.usable_negative),
            usable_kwh: energy(all.usable_kwh),
            usable_negative_kwh: energy(all.usable_negative_kwh),
            off: count(all.off),
            off_kwh: energy(all.off_kwh),
            uninstalled: count(all.uninstalled),
            uninstalled_kwh: energy(all.uninstalled_kwh),
            cut: count(all.cut),
            longest_equal_run: count(all.longest_equal_run),
            shape_hash: &all.shape_hash[from..to],
            hourly_wh: if has_any(self.hours) {
                &all.hourly_wh[from * HOURS..to * HOURS]
            } else {
                &[]
            },
            rows: (from, to),
        }
    }
}
