//! The days of a component that have energy, as floats and their quantiles.

use std::borrow::Cow;

use super::core::{RECENT_DAYS, kwh, micro_sum};
use super::further::Buffers;
use super::statistics::Moments;
use crate::quantiles::quantiles_of;
use crate::series::DaySeries;

/// Memory that is used again for every component.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) kwh: Vec<f64>,
    /// For quantiles.
    pub(super) buffer: Vec<i64>,
    pub(super) hours: Buffers,
}

/// Days with at least one value, ascending.
pub(super) struct Days<'a> {
    /// Days since 1970.
    pub(super) day: Cow<'a, [i32]>,
    /// Their energy.
    pub(super) kwh: Cow<'a, [f64]>,
    micro: Cow<'a, [i64]>,
    /// Energy of every row of the series, with a value or without.
    by_row: &'a [f64],
    valued: &'a [u16],
    /// Whether every row has a value.
    complete: bool,
    /// Last day that has a row, with a value or without.
    pub(super) last: Option<i32>,
    /// Quantiles of the energy of the days.
    pub(super) p95: Option<f64>,
    pub(super) median: Option<f64>,
    pub(super) p05: Option<f64>,
    /// Median of the last 30 calendar days.
    pub(super) recent_median: Option<f64>,
    /// Median of the days before those.
    pub(super) median_before: Option<f64>,
}

impl<'a> Days<'a> {
    /// `kwh_of` and `buffer` are overwritten.
    pub(super) fn of(series: &DaySeries<'a>, kwh_of: &'a mut Vec<f64>, buffer: &mut Vec<i64>) -> Self {
        kwh_of.clear();
        kwh_of.extend(series.kwh.iter().map(|micro| kwh(*micro)));
        let by_row: &[f64] = kwh_of;
        let complete = series.valued.iter().all(|valued| *valued > 0);
        let (day, kwh, micro) = if complete {
            (
                Cow::Borrowed(series.day),
                Cow::Borrowed(by_row),
                Cow::Borrowed(series.kwh),
            )
        } else {
            (
                Cow::Owned(valued_only(series.day, series.valued)),
                Cow::Owned(valued_only(by_row, series.valued)),
                Cow::Owned(valued_only(series.kwh, series.valued)),
            )
        };
        let last = series.day.last().copied();
        let first_recent = last.map_or(i32::MIN, |last| last - RECENT_DAYS + 1);
        let split = day.partition_point(|day| *day < first_recent);
        let mut quantiles = |part: &[i64], descending| {
            buffer.clear();
            buffer.extend_from_slice(part);
            quantiles_of(buffer, descending, super::core::kwh)
        };
        let [p95, median, p05] = quantiles(&micro, [0.95, 0.5, 0.05]);
        let [median_before, ..] = quantiles(&micro[..split], [0.5; 3]);
        let [recent_median, ..] = quantiles(&micro[split..], [0.5; 3]);
        Self {
            day,
            kwh,
            micro,
            by_row,
            valued: series.valued,
            complete,
            last,
            p95,
            median,
            p05,
            median_before,
            recent_median,
        }
    }

    /// Exact sum of the energy.
    pub(super) fn total_kwh(&self) -> f64 {
        micro_sum(&self.micro)
    }

    /// Exact sum of the energy after a day.
    pub(super) fn kwh_after(&self, day: i32) -> f64 {
        micro_sum(&self.micro[self.day.partition_point(|at| *at <= day)..])
    }

    /// Exact sum of another column over the rows with a value.
    pub(super) fn sum_of(&self, column: &[i64]) -> f64 {
        if self.complete {
            micro_sum(column)
        } else {
            micro_sum(&valued_only(column, self.valued))
        }
    }

    /// Days and their energy.
    pub(super) fn moments(&self) -> Option<Moments> {
        let days = self.day.iter().map(|day| f64::from(*day));
        Moments::of(days.zip(self.kwh.iter().copied()))
    }

    /// Correlation of each row with the one `lag` rows earlier; pairs with a row without a value are left out.
    pub(super) fn lag_correlation(&self, lag: usize) -> Option<f64> {
        let now = self.by_row.get(lag..)?.iter().copied();
        let pairs = now.zip(self.by_row.iter().copied());
        let moments = if self.complete {
            Moments::of(pairs)
        } else {
            let valued = self.valued[lag..].iter().zip(self.valued);
            let known = pairs.zip(valued);
            Moments::of(known.filter_map(|(pair, (now, earlier))| (*now > 0 && *earlier > 0).then_some(pair)))
        };
        moments?.correlation()
    }
}

/// The items of the rows that have a value.
fn valued_only<T: Copy>(items: &[T], valued: &[u16]) -> Vec<T> {
    let rows = items.iter().zip(valued);
    rows.filter(|(_, valued)| **valued > 0)
        .map(|(item, _)| *item)
        .collect()
}
