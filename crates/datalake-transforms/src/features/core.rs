//! The core features: the figures that the side-by-side job computes in SQL, with the same definitions.

use super::days::Days;
use super::statistics::{Moments, ratio};
use crate::model::DAY_SECONDS;
use crate::registry::Component;
use crate::series::DaySeries;

/// Days of the recent window.
pub(crate) const RECENT_DAYS: i32 = 30;
/// Rows between a day and the one it is correlated with.
const WEEK_ROWS: usize = 7;

/// Where a component's last removal and disconnection lie, days since 1970 on the measurement clock.
///
/// The side-by-side job takes the raw dates of the legal clock; here they are brought to the measurement clock, so
/// that a removal within an hour or so of midnight may fall on the day next to it. And like that job this one does
/// not see that a meter was installed again later: `uninstalled_kwh` and `off_kwh` judge interval by interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoreInstall {
    /// Day of the latest removal.
    pub removed_day: Option<i32>,
    /// Day of the latest disconnection that was not undone in its install period.
    pub off_day: Option<i32>,
}

impl CoreInstall {
    /// From the install periods of a component.
    #[must_use]
    pub fn of(component: &Component) -> Self {
        let day = |at: i64| at.div_euclid(DAY_SECONDS) as i32;
        let removals = component.periods.iter().filter(|period| period.end < i64::MAX);
        let last_switches = component
            .periods
            .iter()
            .filter_map(|period| period.switches.last());
        Self {
            removed_day: removals.map(|period| day(period.end)).max(),
            off_day: last_switches
                .filter(|switch| !switch.on)
                .map(|switch| day(switch.at))
                .max(),
        }
    }
}

/// The core features of one component; see [`super::meter_features`] for their meaning and units.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Core {
    pub(super) days: u32,
    pub(super) total_kwh: f64,
    pub(super) mean_kwh: Option<f64>,
    pub(super) stddev_kwh: Option<f64>,
    pub(super) zero_days: u32,
    pub(super) longest_zero_run_days: u32,
    pub(super) recent_ratio: Option<f64>,
    pub(super) p95_kwh: Option<f64>,
    pub(super) night_share: Option<f64>,
    pub(super) min_interval_kwh: Option<f64>,
    pub(super) max_interval_kwh: Option<f64>,
    pub(super) lag7_corr: Option<f64>,
    pub(super) slope_kwh_per_day: Option<f64>,
    pub(super) kwh_not_installed: f64,
    pub(super) kwh_off: f64,
}

impl Core {
    pub(super) fn of(
        series: &DaySeries<'_>,
        days: &Days<'_>,
        moments: Option<&Moments>,
        install: CoreInstall,
    ) -> Self {
        let total_kwh = days.total_kwh();
        let after = |limit: Option<i32>| limit.map_or(0.0, |limit| days.kwh_after(limit));
        let valued = || (0..series.day.len()).filter(|row| series.valued[*row] > 0);
        let zeros = series.kwh.iter().zip(series.valued);
        let zero_days = zeros.filter(|(kwh, valued)| **valued > 0 && **kwh == 0).count() as u32;
        Self {
            days: series.day.len() as u32,
            total_kwh,
            mean_kwh: moments.map(Moments::mean),
            stddev_kwh: moments.and_then(Moments::stddev),
            zero_days,
            longest_zero_run_days: if zero_days > 0 {
                longest_zero_run(series)
            } else {
                0
            },
            recent_ratio: recent_ratio(days),
            p95_kwh: days.p95,
            night_share: if series.has_night {
                ratio(days.sum_of(series.night_kwh), total_kwh)
            } else {
                None
            },
            min_interval_kwh: valued().map(|row| series.min_kwh[row]).min().map(kwh),
            max_interval_kwh: valued().map(|row| series.max_kwh[row]).max().map(kwh),
            lag7_corr: days.lag_correlation(WEEK_ROWS),
            slope_kwh_per_day: moments.and_then(Moments::slope),
            kwh_not_installed: after(install.removed_day),
            kwh_off: after(install.off_day),
        }
    }
}

/// 10^-6 kWh to kWh.
pub(super) fn kwh(micro: i64) -> f64 {
    micro as f64 / 1e6
}

/// An exact sum, rounded once.
pub(super) fn micro_sum(micros: &[i64]) -> f64 {
    // By halves of the numbers, none of which leaves 64 bits before there are 2^31 of them.
    let (mut high, mut low) = (0_i64, 0_i64);
    for micro in micros {
        high += micro >> 32;
        low += micro & 0xffff_ffff;
    }
    ((i128::from(high) << 32) + i128::from(low)) as f64 / 1e6
}

/// Rows one after another whose energy is zero; gaps between days do not end a run, rows without a value do.
fn longest_zero_run(series: &DaySeries<'_>) -> u32 {
    let (mut longest, mut run) = (0, 0);
    for (kwh, valued) in series.kwh.iter().zip(series.valued) {
        run = if *valued > 0 && *kwh == 0 { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Median of the last 30 calendar days over the median of the days before.
fn recent_ratio(days: &Days<'_>) -> Option<f64> {
    ratio(days.recent_median?, days.median_before?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_sum_by_halves_is_exact(
            micros in prop::collection::vec(prop_oneof![any::<i64>(), -1_000_000_000_i64..1_000_000_000], 0..50)
        ) {
            let exact = micros.iter().map(|micro| i128::from(*micro)).sum::<i128>();
            prop_assert_eq!(micro_sum(&micros), exact as f64 / 1e6);
        }
    }
}
