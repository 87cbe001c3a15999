//! Features beyond the core: shares of conditions, gaps, rhythm, shape of the load.

use super::core::{RECENT_DAYS, kwh, lag_correlation, micro_sum};
use super::days::Days;
use super::statistics::{mean, median, quantile, ratio};
use crate::day_profile::{HOURS, UNKNOWN_HOUR, column};
use crate::series::{DaySeries, SeriesBlock};

/// Days of a year that keep the weekday.
const YEAR_DAYS: i32 = 364;
/// Days that must have a counterpart a year before.
const YEAR_PAIRS: usize = 20;
/// Rows of the lowest month.
const MONTH_ROWS: usize = 30;
/// Quantile that stands for the base load.
const BASE_QUANTILE: f64 = 0.05;

/// See [`super::meter_features`] for meaning and units.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Further {
    pub(super) first_day: i32,
    pub(super) last_day: i32,
    pub(super) gap_days: u32,
    pub(super) longest_gap_days: u32,
    pub(super) days_since_actual: Option<u32>,
    pub(super) actual_share: Option<f64>,
    pub(super) estimated_share: Option<f64>,
    pub(super) missing_share: Option<f64>,
    pub(super) unknown_share: Option<f64>,
    pub(super) usable_days: u32,
    pub(super) usable_share: Option<f64>,
    pub(super) cut_intervals: u32,
    pub(super) zero_interval_share: Option<f64>,
    pub(super) negative_days: u32,
    pub(super) negative_kwh: f64,
    pub(super) off_kwh: f64,
    pub(super) uninstalled_kwh: f64,
    pub(super) median_kwh: Option<f64>,
    pub(super) p05_kwh: Option<f64>,
    pub(super) variation: Option<f64>,
    pub(super) load_factor: Option<f64>,
    pub(super) base_load_kw: Option<f64>,
    pub(super) weekend_ratio: Option<f64>,
    pub(super) night_share_change: Option<f64>,
    pub(super) lag1_corr: Option<f64>,
    pub(super) lowest_month_ratio: Option<f64>,
    pub(super) year_ratio: Option<f64>,
    pub(super) longest_flat_run_days: u32,
    pub(super) longest_equal_run_intervals: u16,
}

impl Further {
    pub(super) fn of(block: &SeriesBlock, series: &DaySeries<'_>, days: &Days) -> Self {
        let (from, to) = series.rows;
        let extra = |position| &column::u16s(&block.batch, position)[from..to];
        let intervals = total(series.intervals);
        let valued = total(series.valued);
        let actual: Vec<u16> = series
            .actual
            .iter()
            .zip(extra(column::OVERRIDDEN))
            .map(|(actual, overridden)| actual.saturating_add(*overridden))
            .collect();
        let first_day = series.day.first().copied().unwrap_or_default();
        let last_day = series.day.last().copied().unwrap_or_default();
        let longest_gap = series
            .day
            .windows(2)
            .map(|pair| (pair[1] - pair[0] - 1) as u32)
            .max();
        let last_actual = actual.iter().rposition(|actual| *actual > 0);
        let mean_kwh = mean(&days.kwh);
        let median_kwh = median(&mut days.kwh.clone());
        let max_interval = (0..series.day.len())
            .filter(|row| series.valued[*row] > 0)
            .map(|row| series.max_kwh[row])
            .max();
        Self {
            first_day,
            last_day,
            gap_days: (last_day - first_day + 1) as u32 - series.day.len() as u32,
            longest_gap_days: longest_gap.unwrap_or(0),
            days_since_actual: last_actual.map(|row| (last_day - series.day[row]) as u32),
            actual_share: ratio(total(&actual), intervals),
            estimated_share: ratio(total(series.estimated), intervals),
            missing_share: ratio(total(series.missing), intervals),
            unknown_share: ratio(total(extra(column::UNKNOWN)), intervals),
            usable_days: series.usable.iter().filter(|usable| **usable > 0).count() as u32,
            usable_share: ratio(total(series.usable), intervals),
            cut_intervals: series.cut.iter().map(|cut| u32::from(*cut)).sum(),
            zero_interval_share: ratio(total(extra(column::ZERO)), valued),
            negative_days: days.kwh.iter().filter(|kwh| **kwh < 0.0).count() as u32,
            negative_kwh: micro_sum(series.usable_negative_kwh.iter().copied()),
            off_kwh: micro_sum(series.off_kwh.iter().copied()),
            uninstalled_kwh: micro_sum(series.uninstalled_kwh.iter().copied()),
            median_kwh,
            p05_kwh: quantile(&mut days.kwh.clone(), BASE_QUANTILE),
            variation: super::statistics::stddev(&days.kwh)
                .zip(mean_kwh)
                .and_then(|(sd, mean)| ratio(sd, mean)),
            load_factor: max_interval
                .and_then(|max| ratio(days.sum_kwh(|_| true), valued * kwh(max)))
                .filter(|factor| (0.0..=1.0).contains(factor)),
            base_load_kw: base_load_kw(series),
            weekend_ratio: weekend_ratio(days),
            night_share_change: night_share_change(series),
            lag1_corr: lag_correlation(series, 1),
            lowest_month_ratio: lowest_month_ratio(days, median_kwh),
            year_ratio: year_ratio(days),
            longest_flat_run_days: longest_flat_run(series),
            longest_equal_run_intervals: series.longest_equal_run.iter().copied().max().unwrap_or(0),
        }
    }
}

fn total(counts: &[u16]) -> f64 {
    counts.iter().map(|n| u64::from(*n)).sum::<u64>() as f64
}

/// Low quantile of the known hours; where there are none, of the usable days, spread over 24 hours.
fn base_load_kw(series: &DaySeries<'_>) -> Option<f64> {
    let mut hours: Vec<f64> = series
        .hourly_kwh
        .iter()
        .filter(|kwh| **kwh != UNKNOWN_HOUR)
        .map(|micro| kwh(*micro))
        .collect();
    if hours.is_empty() {
        let usable = series
            .usable_kwh
            .iter()
            .zip(series.usable)
            .filter(|(_, usable)| **usable > 0);
        hours = usable.map(|(micro, _)| kwh(*micro) / HOURS as f64).collect();
    }
    quantile(&mut hours, BASE_QUANTILE)
}

/// Mean of Saturdays and Sundays over the mean of the other days.
fn weekend_ratio(days: &Days) -> Option<f64> {
    let of = |weekend: bool| -> Vec<f64> {
        let picked = days
            .day
            .iter()
            .zip(&days.kwh)
            .filter(|(day, _)| is_weekend(**day) == weekend);
        picked.map(|(_, kwh)| *kwh).collect()
    };
    ratio(mean(&of(true))?, mean(&of(false))?)
}

/// 1970-01-01 was a Thursday.
fn is_weekend(day: i32) -> bool {
    (day + 3).rem_euclid(7) >= 5
}

/// Night share of the last 30 calendar days less that of the days before.
fn night_share_change(series: &DaySeries<'_>) -> Option<f64> {
    if !series.has_night {
        return None;
    }
    let first_recent = series.day.last()? - RECENT_DAYS + 1;
    let split = series.day.partition_point(|day| *day < first_recent);
    let share = |rows: std::ops::Range<usize>| {
        ratio(
            micro_sum(series.night_kwh[rows.clone()].iter().copied()),
            micro_sum(series.kwh[rows].iter().copied()),
        )
    };
    Some(share(split..series.day.len())? - share(0..split)?)
}

/// Least mean of 30 days one after another (days with values) over the median of all days.
fn lowest_month_ratio(days: &Days, median_kwh: Option<f64>) -> Option<f64> {
    // Each window is added up anew: a running sum would carry its rounding along.
    let least = days
        .kwh
        .windows(MONTH_ROWS)
        .filter_map(mean)
        .min_by(f64::total_cmp)?;
    ratio(least, median_kwh?)
}

/// Energy of the last 30 calendar days over that of the same days 364 days before, on days that both years have.
fn year_ratio(days: &Days) -> Option<f64> {
    let last = days.last?;
    let (mut now, mut then) = (Vec::new(), Vec::new());
    for (day, kwh) in days
        .day
        .iter()
        .zip(&days.kwh)
        .filter(|(day, _)| **day > last - RECENT_DAYS)
    {
        if let Ok(row) = days.day.binary_search(&(day - YEAR_DAYS)) {
            now.push(*kwh);
            then.push(days.kwh[row]);
        }
    }
    if now.len() < YEAR_PAIRS {
        return None;
    }
    ratio(mean(&now)?, mean(&then)?)
}

/// Longest run of calendar days with one and the same usable energy, not zero.
fn longest_flat_run(series: &DaySeries<'_>) -> u32 {
    let (mut longest, mut run) = (0, 0);
    for row in 0..series.day.len() {
        let counts = series.usable[row] > 0 && series.usable_kwh[row] != 0;
        let continues = run > 0
            && series.day[row] == series.day[row - 1] + 1
            && series.usable_kwh[row] == series.usable_kwh[row - 1];
        run = match (counts, continues) {
            (false, _) => 0,
            (true, true) => run + 1,
            (true, false) => 1,
        };
        longest = longest.max(run);
    }
    longest
}
