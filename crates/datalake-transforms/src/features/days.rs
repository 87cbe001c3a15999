//! The days of a component that have energy, as floats.

use super::core::{kwh, micro_sum};
use crate::series::DaySeries;

/// Days with at least one value, ascending, and the last day of all.
pub(super) struct Days {
    /// Days since 1970.
    pub(super) day: Vec<i32>,
    /// Their energy.
    pub(super) kwh: Vec<f64>,
    micro: Vec<i64>,
    rows: Vec<usize>,
    /// Last day that has a row, with a value or without.
    pub(super) last: Option<i32>,
}

impl Days {
    pub(super) fn of(series: &DaySeries<'_>) -> Self {
        let rows: Vec<usize> = (0..series.day.len())
            .filter(|row| series.valued[*row] > 0)
            .collect();
        let micro: Vec<i64> = rows.iter().map(|row| series.kwh[*row]).collect();
        Self {
            day: rows.iter().map(|row| series.day[*row]).collect(),
            kwh: micro.iter().map(|micro| kwh(*micro)).collect(),
            micro,
            rows,
            last: series.day.last().copied(),
        }
    }

    /// Exact sum of the energy of the rows (of the series) that `wanted` picks.
    pub(super) fn sum_kwh(&self, wanted: impl Fn(usize) -> bool) -> f64 {
        micro_sum(
            self.rows
                .iter()
                .zip(&self.micro)
                .filter(|(row, _)| wanted(**row))
                .map(|(_, micro)| *micro),
        )
    }

    /// The days as numbers for a regression.
    pub(super) fn day_numbers(&self) -> Vec<f64> {
        self.day.iter().map(|day| f64::from(*day)).collect()
    }
}
