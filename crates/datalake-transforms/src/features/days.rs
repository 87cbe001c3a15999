//! The days of a component that have energy, as floats and in order of size.

use std::borrow::Cow;

use super::core::{RECENT_DAYS, kwh, micro_sum};
use super::statistics::Moments;
use crate::quantiles::{Position, nth_of_two};
use crate::series::DaySeries;

/// Memory that is used again for every component.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) kwh: Vec<f64>,
    pub(super) sorted: Vec<i64>,
    pub(super) hours: Vec<i64>,
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
    /// Energy in order of size: of the last 30 calendar days, and of the days before.
    recent: &'a [i64],
    before: &'a [i64],
}

impl<'a> Days<'a> {
    /// `kwh` and `sorted` are overwritten.
    pub(super) fn of(series: &DaySeries<'a>, kwh_of: &'a mut Vec<f64>, sorted: &'a mut Vec<i64>) -> Self {
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
        sorted.clear();
        sorted.extend_from_slice(&micro);
        let (before, recent) = sorted.split_at_mut(split);
        before.sort_unstable();
        recent.sort_unstable();
        Self {
            day,
            kwh,
            micro,
            by_row,
            valued: series.valued,
            complete,
            last,
            recent,
            before,
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

    /// Of the energy of the days.
    pub(super) fn quantile(&self, q: f64) -> Option<f64> {
        quantile_of_two(self.before, self.recent, q)
    }

    /// Median of the last 30 calendar days.
    pub(super) fn recent_median(&self) -> Option<f64> {
        quantile_of_two(self.recent, &[], 0.5)
    }

    /// Median of the days before those.
    pub(super) fn median_before(&self) -> Option<f64> {
        quantile_of_two(self.before, &[], 0.5)
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

/// Quantile, in kWh, of what two sorted slices are together.
fn quantile_of_two(a: &[i64], b: &[i64], q: f64) -> Option<f64> {
    let numbers = a.len() + b.len();
    let at = Position::of(numbers, q)?;
    let nth = |position| kwh(nth_of_two(a, b, position));
    Some(at.between(nth(at.lower), nth((at.lower + 1).min(numbers - 1))))
}
