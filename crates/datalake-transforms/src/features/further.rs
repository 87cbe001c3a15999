//! Features beyond the core: shares of conditions, gaps, rhythm, shape of the load.

use super::core::{Core, RECENT_DAYS, kwh, micro_sum};
use super::days::Days;
use super::statistics::{Moments, least_mean, mean, ratio};
use crate::day_profile::{HOURS, UNKNOWN_HOUR, column};
use crate::quantiles::{Position, quantile_of};
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
    /// `core` has been made of the same series; `buffers` are overwritten.
    pub(super) fn of(
        block: &SeriesBlock,
        series: &DaySeries<'_>,
        days: &Days<'_>,
        (moments, core): (Option<&Moments>, &Core),
        buffers: &mut Buffers,
    ) -> Self {
        let (from, to) = series.rows;
        let extra = |position| &column::u16s(&block.batch, position)[from..to];
        let intervals = total(series.intervals);
        let valued = total(series.valued);
        let first_day = series.day.first().copied().unwrap_or_default();
        let last_day = series.day.last().copied().unwrap_or_default();
        let gap_days = (last_day - first_day + 1) as u32 - series.day.len() as u32;
        let gaps = series.day.windows(2).map(|pair| (pair[1] - pair[0] - 1) as u32);
        let longest_gap = if gap_days == 0 { None } else { gaps.max() };
        let actual = series.actual.iter().zip(extra(column::OVERRIDDEN));
        let last_actual = actual
            .clone()
            .rposition(|(actual, overridden)| *actual > 0 || *overridden > 0);
        let actual = actual.map(|(actual, overridden)| u64::from(actual.saturating_add(*overridden)));
        let [median_kwh, p05_kwh] = [days.median, days.p05];
        Self {
            first_day,
            last_day,
            gap_days,
            longest_gap_days: longest_gap.unwrap_or(0),
            days_since_actual: last_actual.map(|row| (last_day - series.day[row]) as u32),
            actual_share: ratio(actual.sum::<u64>() as f64, intervals),
            estimated_share: ratio(total(series.estimated), intervals),
            missing_share: ratio(total(series.missing), intervals),
            unknown_share: ratio(total(extra(column::UNKNOWN)), intervals),
            usable_days: series.usable.iter().filter(|usable| **usable > 0).count() as u32,
            usable_share: ratio(total(series.usable), intervals),
            cut_intervals: series.cut.iter().map(|cut| u32::from(*cut)).sum(),
            zero_interval_share: ratio(total(extra(column::ZERO)), valued),
            negative_days: days.kwh.iter().filter(|kwh| **kwh < 0.0).count() as u32,
            negative_kwh: micro_sum(series.usable_negative_kwh),
            off_kwh: micro_sum(series.off_kwh),
            uninstalled_kwh: micro_sum(series.uninstalled_kwh),
            median_kwh,
            p05_kwh,
            variation: moments.and_then(|moments| ratio(moments.stddev()?, moments.mean())),
            load_factor: core
                .max_interval_kwh
                .and_then(|max| ratio(core.total_kwh, valued * max))
                .filter(|factor| (0.0..=1.0).contains(factor)),
            base_load_kw: base_load_kw(series, buffers),
            weekend_ratio: weekend_ratio(days),
            night_share_change: night_share_change(series),
            lag1_corr: days.lag_correlation(1),
            // Days with values, one after another, though there be gaps.
            lowest_month_ratio: least_mean(&days.kwh, MONTH_ROWS).and_then(|least| ratio(least, median_kwh?)),
            year_ratio: year_ratio(days),
            longest_flat_run_days: longest_flat_run(series),
            longest_equal_run_intervals: series.longest_equal_run.iter().copied().max().unwrap_or(0),
        }
    }
}

fn total(counts: &[u16]) -> f64 {
    // So many counts do not leave 32 bits.
    let parts = counts.chunks(1 << 16);
    parts
        .map(|part| u64::from(part.iter().map(|n| u32::from(*n)).sum::<u32>()))
        .sum::<u64>() as f64
}

/// Low quantile of the known hours; where there are none, of the usable days, spread over 24 hours.
fn base_load_kw(series: &DaySeries<'_>, buffers: &mut Buffers) -> Option<f64> {
    low_quantile(series.hourly_wh, BASE_QUANTILE, buffers).or_else(|| {
        let usable = series.usable_kwh.iter().zip(series.usable);
        let mut days: Vec<i64> = usable
            .filter(|(_, usable)| **usable > 0)
            .map(|(micro, _)| *micro)
            .collect();
        quantile_of(&mut days, BASE_QUANTILE, |micro| kwh(micro) / HOURS as f64)
    })
}

/// Days of a sample of the hours; few more are not worth a sample.
const SAMPLE_DAYS: usize = 32;

/// What a sample is asked for: so many times the quantile that is looked for.
const SAMPLE_MARGINS: [f64; 2] = [2.5, 6.0];

/// Hours of a component, overwritten for each.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    sample: Vec<i32>,
    low: Vec<i32>,
}

/// kWh of a number of watt-hours.
fn kwh_of_wh(wh: i32) -> f64 {
    f64::from(wh) / 1_000.0
}

/// A quantile of the known hours, in kWh; the lower, the quicker.
///
/// The hours of some days tell below what the quantile must lie, and only what lies there is looked at closely. Where
/// they misled, all hours are.
fn low_quantile(hours: &[i32], q: f64, buffers: &mut Buffers) -> Option<f64> {
    let Buffers {
        sample: buffer,
        low: kept,
    } = buffers;
    let days = hours.len() / HOURS;
    if days >= 4 * SAMPLE_DAYS {
        buffer.clear();
        for day in hours.chunks_exact(HOURS).step_by(days / SAMPLE_DAYS) {
            buffer.extend_from_slice(day);
        }
        // Unknown hours lie below everything.
        let unknown = buffer.iter().filter(|hour| **hour == UNKNOWN_HOUR).count();
        for margin in SAMPLE_MARGINS {
            let bound = unknown + (margin * q * (buffer.len() - unknown) as f64) as usize;
            if bound < buffer.len() {
                let bound = *buffer.select_nth_unstable(bound).1;
                if let Some(found) = quantile_below(hours, q, bound, kept) {
                    return Some(found);
                }
            }
        }
    }
    buffer.clear();
    buffer.extend(hours.iter().filter(|hour| **hour != UNKNOWN_HOUR));
    quantile_of(buffer, q, kwh_of_wh)
}

/// The quantile if it and its neighbour are `bound` at most.
fn quantile_below(hours: &[i32], q: f64, bound: i32, kept: &mut Vec<i32>) -> Option<f64> {
    kept.clear();
    let mut unknown = 0;
    for day in hours.as_chunks::<HOURS>().0 {
        let mut low = 0_u32;
        for (place, &hour) in day.iter().enumerate() {
            low |= u32::from(hour <= bound) << place;
        }
        while low != 0 {
            let hour = day[low.trailing_zeros() as usize];
            if hour == UNKNOWN_HOUR {
                unknown += 1;
            } else {
                kept.push(hour);
            }
            low &= low - 1;
        }
    }
    let known = hours.len() - unknown;
    let at = Position::of(known, q)?;
    if kept.len() < (at.lower + 2).min(known) {
        return None;
    }
    let (_, &mut low, above) = kept.select_nth_unstable(at.lower);
    let high = above.iter().copied().min().unwrap_or(low);
    Some(at.between(kwh_of_wh(low), kwh_of_wh(high)))
}

/// Mean of Saturdays and Sundays over the mean of the other days.
fn weekend_ratio(days: &Days<'_>) -> Option<f64> {
    let (mut sums, mut numbers) = ([0.0; 2], [0_u32; 2]);
    // Mostly the next day of the week comes next.
    let (mut before, mut weekday) = (None, 0);
    for (&day, kwh) in days.day.iter().zip(days.kwh.iter()) {
        weekday = match before {
            Some(before) if day == before + 1 => {
                if weekday == 6 {
                    0
                } else {
                    weekday + 1
                }
            }
            // 1970-01-01 was a Thursday.
            _ => (day + 3).rem_euclid(7),
        };
        before = Some(day);
        let kind = usize::from(weekday >= 5);
        sums[kind] += kwh;
        numbers[kind] += 1;
    }
    let mean = |kind: usize| (numbers[kind] > 0).then(|| sums[kind] / f64::from(numbers[kind]));
    ratio(mean(1)?, mean(0)?)
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
            micro_sum(&series.night_kwh[rows.clone()]),
            micro_sum(&series.kwh[rows]),
        )
    };
    Some(share(split..series.day.len())? - share(0..split)?)
}

/// Energy of the last 30 calendar days over that of the same days 364 days before, on days that both years have.
fn year_ratio(days: &Days<'_>) -> Option<f64> {
    let last = days.last?;
    if *days.day.first()? > last - YEAR_DAYS {
        return None;
    }
    let (mut now, mut then) = (Vec::new(), Vec::new());
    for (day, kwh) in days
        .day
        .iter()
        .zip(days.kwh.iter())
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
    let (mut longest, mut run) = (0_u32, 0);
    let mut before = (i32::MIN, 0);
    for ((&day, &kwh), &usable) in series.day.iter().zip(series.usable_kwh).zip(series.usable) {
        let counts = usable > 0 && kwh != 0;
        let continues = day == before.0 + 1 && kwh == before.1;
        run = match (counts, continues) {
            (false, _) => 0,
            (true, true) => run + 1,
            (true, false) => 1,
        };
        longest = longest.max(run);
        before = (day, kwh);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hours of many days: low at night, some unknown, some equal.
    fn hours(seed: i64, days: i64, unknown: i64, steps: i64) -> Vec<i32> {
        let any =
            |i: i64| (i.wrapping_mul(0x9e37_79b9).wrapping_add(seed * 7_919) >> 7).rem_euclid(1_000_003);
        (0..24 * days)
            .map(|i| {
                if any(i) % 100 < unknown {
                    return UNKNOWN_HOUR;
                }
                let level = if i % 24 < 6 { 1 } else { 4 };
                (level * any(3 * i + 1) / 1000 / steps * steps - 50) as i32
            })
            .collect()
    }

    proptest! {
        #[test]
        fn the_base_load_by_sorting_all_hours(
            seed in 0_i64..1_000,
            days in 0_i64..200,
            unknown in 0_i64..=100,
            steps in prop_oneof![Just(1), Just(200), Just(5_000)],
            q in prop_oneof![Just(BASE_QUANTILE), 0.0_f64..=1.0],
        ) {
            let hours = hours(seed, days, unknown, steps);
            let mut known: Vec<f64> = hours.iter().filter(|h| **h != UNKNOWN_HOUR).map(|h| kwh_of_wh(*h)).collect();
            let found = low_quantile(&hours, q, &mut Buffers::default());
            prop_assert_eq!(found, crate::quantiles::quantile(&mut known, q));
        }
    }
}
