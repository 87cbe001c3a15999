//! `FLATLINE`: one value repeated where a home used to vary.
//!
//! A day is flat if half of it is one run of `min_equal_intervals` or more equal non-zero values, or if half the range of
//! its intervals is below `max_day_variation` of their mean. Of components with fewer than 24 intervals a day, days
//! are flat that repeat the energy of the day before to the last digit. A hit needs `min_days` flat days in a row.
//!
//! What looks flat and is no theft: an empty home's standby, so the flat days must lie at `min_level_ratio` or more of the level
//! of the other days, or be one value all day, of so many steps of the meter that no load holds still to it. A meter that counts
//! in coarse steps: so the other days must not repeat values too. A load whose cooling rests: so days that vary must come before,
//! and what then varies again, or rests at the base load of the other days, counts less.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Lack, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::levels::Levels;
use crate::model::MICRO;
use crate::quantiles::median;

/// Whole days that are not flat, to know the home's level by.
const VARIED_DAYS: usize = 14;

/// Days between two whole days of one row of flat days.
const BRIDGED_DAYS: i32 = 3;

/// Intervals a day from which a day has a shape of its own.
const SHAPED: u16 = 24;

/// Days of energies all of their own / days that are not zero, below which a meter counts too coarsely to tell.
const DISTINCT_SHARE: f64 = 0.5;

/// Half the range of a day / its mean, and distance (ln) of a day from the usual one, below which a load never varied.
const NEVER_VARIED: (f64, f64) = (0.3, 0.005);

/// Level of days of one value all day / base load of the other days that is enough.
const ABOVE_BASE: f64 = 1.2;

/// Steps of the meter in one value all day that no load holds still to: half a percent.
const FINE_STEPS: i64 = 200;

/// Distance (ln) between two levels that are one and the same.
const SAME_LEVEL: f64 = 0.1;

/// What a flat level counts that is the base load of the other days, and one that ended while that base went on.
const AT_BASE: f64 = 0.5;

/// See [`AT_BASE`].
const RESUMED: f64 = 0.4;

/// Flat days that make a hit as sure as it gets.
const SURE_DAYS: f64 = 30.0;

/// Thresholds of `FLATLINE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlatlineConfig {
    /// Equal non-zero intervals in a row that make a day flat.
    pub min_equal_intervals: u32,
    /// Half the range of a day's intervals / their mean, below which the day is flat.
    pub max_day_variation: f64,
    /// Flat days in a row that a hit needs.
    pub min_days: u32,
    /// Level of the flat days / level of the others that a hit needs.
    pub min_level_ratio: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for FlatlineConfig {
    fn default() -> Self {
        Self {
            min_equal_intervals: 24,
            max_day_variation: 0.02,
            min_days: 10,
            min_level_ratio: 0.5,
            weight: 0.7,
        }
    }
}

impl FlatlineConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        whole("flatline.min_equal_intervals", self.min_equal_intervals, 4, 288)?;
        within("flatline.max_day_variation", self.max_day_variation, 0.0, 0.5)?;
        whole("flatline.min_days", self.min_days, 3, 3650)?;
        within("flatline.min_level_ratio", self.min_level_ratio, 0.0, 10.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.flatline;
    let levels = context.levels;
    let threshold = f64::from(config.min_days);
    let not_judged = |gap| RuleEvidence::not_judged(Rule::Flatline, gap, threshold);
    // A register's days are shares of a period: flat by construction.
    if context.is_register() || levels.len() < config.min_days as usize + VARIED_DAYS {
        return not_judged(Gap::TooFewDays);
    }
    let flat = flat_days(context);
    let others = || (0..levels.len()).filter(|&position| !flat[position]);
    if others().count() < VARIED_DAYS {
        return not_judged(Gap::TooFewDays);
    }
    if never_varied(context, others()) {
        return not_judged(Gap::NeverVaried);
    }
    if counts_coarsely(context, others()) {
        return not_judged(Gap::CoarseSteps);
    }
    let usual = if flat.contains(&true) {
        let mut varied: Vec<f64> = others().map(|position| levels.kwh[position]).collect();
        median(&mut varied).unwrap_or(0.0)
    } else {
        levels.median_kwh
    };
    let level_of = |run: &Range<usize>| levels.median_over(run.clone()).unwrap_or(0.0);
    let base = base_load(context, others());
    let step = step_of(context, others());
    // What stands in the way of a run, if anything does, its length, and the run.
    let mut best: Option<(Option<Lack>, Range<usize>)> = None;
    for run in runs(levels, &flat) {
        let level = level_of(&run);
        // An empty home's standby is no more than what the home always drew, and not the same to the last step of the meter.
        let one_value = || {
            runs_exactly(context, run.clone()) && (level >= ABOVE_BASE * base || is_fine(context, &run, step))
        };
        let lack = if level < config.min_level_ratio * usual && !one_value() {
            Some(Lack::TooLow)
        } else if flat[..run.start].iter().filter(|flat| !**flat).count() < VARIED_DAYS {
            Some(Lack::NotNew)
        } else {
            None
        };
        let rank = |lack: Option<Lack>, days: usize| (lack.is_none(), days);
        let longer =
            |(other, best): &(Option<Lack>, Range<usize>)| rank(lack, run.len()) >= rank(*other, best.len());
        if best.as_ref().is_none_or(longer) {
            best = Some((lack, run));
        }
    }
    let (lack, best) = best.unzip();
    let lack = lack.flatten();
    let days = best.as_ref().map_or(0, ExactSizeIterator::len);
    let long = days >= config.min_days as usize;
    let hit = long && lack.is_none();
    let strength = match &best {
        Some(run) if hit => {
            let sure = 0.75 + 0.25 * ramp(days as f64, threshold, SURE_DAYS.max(threshold + 1.0));
            let fine = runs_exactly(context, run.clone()) && is_fine(context, run, step);
            sure * at_rest(context, &flat, run, (!fine).then(|| level_of(run)), base)
        }
        Some(_) if lack.is_none() => 0.3 * days as f64 / threshold,
        _ => 0.0,
    };
    // What a day between flat days hides is unknown: the home's usual level less what was counted, if that is less.
    let kwh: f64 = best.clone().map_or(0.0, |run| {
        run.map(|position| (usual - levels.kwh[position]).max(0.0)).sum()
    });
    RuleEvidence {
        rule: Rule::Flatline,
        verdict: match lack {
            Some(lack) if long => Verdict::MissFor(lack),
            _ if hit => Verdict::Hit,
            _ => Verdict::Miss,
        },
        value: days as f32,
        threshold: threshold as f32,
        onset_day: best.as_ref().map_or(0, |run| levels.day[run.start]),
        end_day: best.as_ref().map_or(0, |run| levels.day[run.end - 1]),
        strength: strength as f32,
        kwh_micro: (kwh * MICRO as f64).round() as i64,
    }
}

/// What a flat run counts, 0..1, of which a load at rest is a likelier cause: one that is the base load of the days that vary
/// (a cabinet whose cooling rests), or one that was followed by days that vary above the same base. `level`: of the run; `None` of
/// one value that no load holds still to.
fn at_rest(
    context: &StayContext<'_>,
    flat: &[bool],
    run: &Range<usize>,
    level: Option<f64>,
    base: f64,
) -> f64 {
    if context.intervals < SHAPED {
        return 1.0;
    }
    let same = |a: f64, b: f64| (a.max(1e-6) / b.max(1e-6)).ln().abs() <= SAME_LEVEL;
    let varied = |days: Range<usize>| days.filter(|&position| !flat[position]);
    let mut counts = 1.0;
    if level.is_some_and(|level| same(level, base)) {
        counts *= AT_BASE;
    }
    let after = || varied(run.end..flat.len());
    if after().count() >= VARIED_DAYS
        && same(
            base_load(context, varied(0..run.start)),
            base_load(context, after()),
        )
    {
        counts *= RESUMED;
    }
    counts
}

/// Step that the meter counts in, 10^-6 kWh: what the least and greatest intervals of some days are multiples of; 0 of none.
fn step_of(context: &StayContext<'_>, days: impl Iterator<Item = usize>) -> i64 {
    days.fold(0, |step, position| {
        let row = context.levels.row[position] as usize;
        let step = greatest_divisor(step, context.series.min_kwh[row]);
        greatest_divisor(step, context.series.max_kwh[row])
    })
}

/// Greatest common divisor of two numbers that are not negative, else 1.
fn greatest_divisor(mut a: i64, mut b: i64) -> i64 {
    if a < 0 || b < 0 {
        return 1;
    }
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Whether the value of a run that is one value all day takes so many steps of the meter that no load holds still to it.
fn is_fine(context: &StayContext<'_>, run: &Range<usize>, step: i64) -> bool {
    let row = context.levels.row[run.start] as usize;
    step > 0 && context.series.min_kwh[row] / step >= FINE_STEPS
}

/// Median of the least intervals of some days, as kWh a day.
fn base_load(context: &StayContext<'_>, days: impl Iterator<Item = usize>) -> f64 {
    let least = days.map(|position| {
        let row = context.levels.row[position] as usize;
        context.series.min_kwh[row] as f64 / MICRO as f64 * f64::from(context.intervals)
    });
    median(&mut least.collect::<Vec<_>>()).unwrap_or(0.0)
}

/// Whether nearly all days of a run are one value all day.
fn runs_exactly(context: &StayContext<'_>, run: Range<usize>) -> bool {
    let series = context.series;
    let days = run.len();
    let exact = run.filter(|&position| {
        let row = context.levels.row[position] as usize;
        series.max_kwh[row] == series.min_kwh[row]
    });
    context.intervals >= SHAPED && 10 * exact.count() >= 9 * days
}

/// Equal intervals in a row that make a day flat: the threshold, and half of the day.
fn equal_intervals(context: &StayContext<'_>) -> u16 {
    let least = context.config.flatline.min_equal_intervals as u16;
    least.max(context.intervals / 2)
}

/// Which whole days are flat.
fn flat_days(context: &StayContext<'_>) -> Vec<bool> {
    let levels = context.levels;
    let series = context.series;
    if context.intervals < SHAPED {
        let mut flat: Vec<bool> = (0..levels.len()).map(|day| repeats(context, day)).collect();
        // The first day of a row is as flat as those that repeat it.
        for day in 1..flat.len() {
            if flat[day] && !flat[day - 1] {
                flat[day - 1] = true;
            }
        }
        return flat;
    }
    let equal = equal_intervals(context);
    let half_range = context.config.flatline.max_day_variation;
    levels
        .row
        .iter()
        .zip(&levels.kwh)
        .map(|(&row, &kwh)| {
            let row = row as usize;
            let range = series.max_kwh[row].saturating_sub(series.min_kwh[row]) as f64 / MICRO as f64;
            let mean = kwh / f64::from(context.intervals);
            series.longest_equal_run[row] >= equal || (mean > 0.0 && range / 2.0 < half_range * mean)
        })
        .collect()
}

/// Whether a whole day has the energy of the one before, to the last digit, and not zero.
fn repeats(context: &StayContext<'_>, position: usize) -> bool {
    let levels = context.levels;
    let energy = |position: usize| context.series.usable_kwh[levels.row[position] as usize];
    position > 0
        && energy(position) != 0
        && energy(position) == energy(position - 1)
        && levels.day[position] - levels.day[position - 1] <= BRIDGED_DAYS
}

/// Whether even the days that are not flat are nearly so: a load that never changes (a cabinet, a lamp) whose rows lack or
/// differ now and then.
fn never_varied(context: &StayContext<'_>, others: impl Iterator<Item = usize>) -> bool {
    let levels = context.levels;
    if context.intervals < SHAPED {
        let days = others.map(|position| (levels.kwh[position] / levels.median_kwh.max(1e-6)).ln().abs());
        return median(&mut days.collect::<Vec<_>>()).is_some_and(|spread| spread < NEVER_VARIED.1);
    }
    let series = context.series;
    let variation = others.map(|position| {
        let row = levels.row[position] as usize;
        let range = series.max_kwh[row].saturating_sub(series.min_kwh[row]) as f64 / MICRO as f64;
        range / 2.0 * f64::from(context.intervals) / levels.kwh[position].max(1e-6)
    });
    median(&mut variation.collect::<Vec<_>>()).is_some_and(|variation| variation < NEVER_VARIED.0)
}

/// Whether even the days that are not flat repeat values as only a meter of coarse steps does.
fn counts_coarsely(context: &StayContext<'_>, others: impl Iterator<Item = usize>) -> bool {
    let rows = others.map(|position| context.levels.row[position] as usize);
    if context.intervals < SHAPED {
        let mut energies: Vec<i64> = rows.map(|row| context.series.usable_kwh[row]).collect();
        energies.retain(|&energy| energy != 0);
        let enough = DISTINCT_SHARE * energies.len() as f64;
        if f64::from(distinct_at_least(&energies)) >= enough {
            return false;
        }
        energies.sort_unstable();
        energies.dedup();
        return (energies.len() as f64) < enough;
    }
    let runs = rows.map(|row| context.series.longest_equal_run[row]);
    median_exceeds_half(runs, equal_intervals(context))
}

/// A number of values that are surely distinct; mostly nearly all of a few hundred.
fn distinct_at_least(values: &[i64]) -> u32 {
    // Values in different ones of 1,024 places are different values.
    let mut places = [0_u64; 16];
    for value in values {
        let hash = (*value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        places[hash as usize / 64] |= 1 << (hash % 64);
    }
    places.iter().map(|place| place.count_ones()).sum()
}

/// Whether the median of some counts is greater than half of a number.
fn median_exceeds_half(counts: impl Iterator<Item = u16>, number: u16) -> bool {
    let (mut below, mut above) = (0_usize, 0_usize);
    let (mut greatest_below, mut least_above) = (0, u16::MAX);
    for count in counts {
        if 2 * u32::from(count) > u32::from(number) {
            above += 1;
            least_above = least_above.min(count);
        } else {
            below += 1;
            greatest_below = greatest_below.max(count);
        }
    }
    // Where as many lie above as below, the median is the mean of the two in the middle.
    let middle = u32::from(greatest_below) + u32::from(least_above);
    above > below || (above == below && above > 0 && middle > u32::from(number))
}

fn runs(levels: &Levels, flat: &[bool]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for position in (0..flat.len()).filter(|&position| flat[position]) {
        match runs.last_mut() {
            Some(run)
                if run.end == position && levels.day[position] - levels.day[position - 1] <= BRIDGED_DAYS =>
            {
                run.end = position + 1;
            }
            _ => runs.push(position..position + 1),
        }
    }
    runs
}

#[cfg(test)]
mod edges;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, noise, period, typed};
    use crate::suppressors::Suppressor;
    use proptest::prelude::*;

    fn judged(kwh: &[f64]) -> (RuleEvidence, Vec<Suppressor>) {
        let world = World::steady(installed(), kwh.len());
        world.rule(&Profiles::daily(0, FIRST_DAY, kwh), Rule::Flatline)
    }

    #[test]
    fn ten_equal_days_hit() {
        let mut kwh = home(1, 120, 8.0);
        kwh[110..].fill(6.0);
        let (evidence, against) = judged(&kwh);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 10.0).abs() < 1e-6 && (evidence.strength - 0.75).abs() < 1e-6);
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY + 110, FIRST_DAY + 119)
        );
        assert_eq!(against, []);
    }

    #[test]
    fn nine_equal_days_are_none() {
        let mut kwh = home(1, 120, 8.0);
        kwh[111..].fill(6.0);
        assert_eq!(judged(&kwh).0.verdict, Verdict::Miss);
    }

    #[test]
    fn a_meter_of_whole_kwh_repeats_itself_and_is_not_judged() {
        let mut kwh: Vec<f64> = home(1, 120, 8.0).into_iter().map(f64::round).collect();
        kwh[110..].fill(8.0);
        assert_eq!(judged(&kwh).0.verdict, Verdict::NotJudged(Gap::CoarseSteps));
    }

    #[test]
    fn half_hours_within_four_percent_are_flat() {
        let flat = |spread: f64| -> Verdict {
            let day = |day: usize| -> Vec<f64> {
                let wide = if day < 60 { 0.2 } else { spread };
                (0..48)
                    .map(|slot| 0.2 + wide * (noise(day as u64, slot) - 0.5))
                    .collect()
            };
            let days: Vec<Vec<f64>> = (0..75).map(day).collect();
            let world = World::steady(typed("MC-0", Some(1800), &[period(0, 0, i64::MAX)]), 3);
            world
                .rule(&Profiles::intervals(0, FIRST_DAY, &days), Rule::Flatline)
                .0
                .verdict
        };
        assert_eq!(flat(0.007), Verdict::Hit);
        assert_eq!(flat(0.02), Verdict::Miss);
    }

    #[test]
    fn an_empty_homes_standby_is_flat_and_no_hit() {
        let mut kwh = home(1, 120, 8.0);
        kwh[60..].fill(1.4);
        assert_eq!(judged(&kwh).0.verdict, Verdict::MissFor(Lack::TooLow));
    }

    /// 5-minute values in steps of so many kWh: an afternoon of use on the first 60 days, then standby alone.
    fn emptied(step: f64) -> Verdict {
        let day = |day: usize| -> Vec<f64> {
            (0..288)
                .map(|slot| {
                    let afternoon = (110..250).contains(&slot) && day < 60;
                    let kwh = if afternoon {
                        0.005 + 0.15 * noise(day as u64, slot)
                    } else {
                        0.005
                    };
                    let kwh = if day < 60 {
                        kwh + 0.002 * noise(3, day * 288 + slot)
                    } else {
                        kwh
                    };
                    (kwh / step).round() * step
                })
                .collect()
        };
        let days: Vec<Vec<f64>> = (0..90).map(day).collect();
        let world = World::steady(typed("MC-0", Some(300), &[period(0, 0, i64::MAX)]), 3);
        let (evidence, _) = world.rule(&Profiles::intervals(0, FIRST_DAY, &days), Rule::Flatline);
        evidence.verdict
    }

    #[test]
    fn standby_is_no_hit_at_any_resolution() {
        assert_eq!(emptied(0.005), Verdict::NotJudged(Gap::CoarseSteps));
        assert_eq!(emptied(0.000_1), Verdict::MissFor(Lack::TooLow));
    }

    /// Half-hours in steps of 0.001 kWh that vary from `least` kWh upwards by as much again, but for those that `fixed` gives a
    /// value.
    fn half_hours(days: usize, least: f64, fixed: impl Fn(usize, usize) -> Option<f64>) -> RuleEvidence {
        let day = |day: usize| -> Vec<f64> {
            let varied = |slot| least * (1.0 + noise(day as u64, slot));
            let value = |slot| fixed(day, slot).unwrap_or_else(|| (1000.0 * varied(slot)).round() / 1000.0);
            (0..48).map(value).collect()
        };
        let days: Vec<Vec<f64>> = (0..days).map(day).collect();
        let world = World::steady(typed("MC-0", Some(1800), &[period(0, 0, i64::MAX)]), 3);
        world
            .rule(&Profiles::intervals(0, FIRST_DAY, &days), Rule::Flatline)
            .0
    }

    #[test]
    fn one_value_at_a_fine_resolution_hits_at_any_level() {
        // Half-hours of 1 to 2 kWh, then one of 0.266 every time, a quarter of the base load: 266 steps of the meter.
        let found = half_hours(100, 1.0, |day, _| (day >= 60).then_some(0.266));
        assert_eq!((found.verdict, found.value), (Verdict::Hit, 40.0));
        assert!((found.strength - 1.0).abs() < 1e-6, "{found:?}");
        // 20 steps may be the standby of an empty home: the run is shown all the same.
        let found = half_hours(100, 1.0, |day, _| (day >= 60).then_some(0.02));
        assert_eq!(found.verdict, Verdict::MissFor(Lack::TooLow));
        assert!(
            (found.value - 40.0).abs() < 1e-6 && found.strength < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn a_cabinet_that_was_flat_from_the_first_day_is_no_hit() {
        let found = half_hours(150, 0.5, |day, _| (day < 60).then_some(0.6));
        assert_eq!(found.verdict, Verdict::MissFor(Lack::NotNew));
        assert!((found.value - 60.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn what_rests_at_its_base_load_or_varies_again_counts_less() {
        // The least of 48 half-hours is 0.51 of 0.5 to 1; a winter of 40 days at rest, then it varies again.
        let winter = |level: f64, end: usize| {
            let wobble = |slot: usize| level + 0.001 * (slot % 2) as f64;
            let found = half_hours(160, 0.5, |day, slot| {
                (60..end).contains(&day).then(|| wobble(slot))
            });
            assert_eq!(found.verdict, Verdict::Hit);
            f64::from(found.strength)
        };
        assert!((winter(0.7, 160) - 1.0).abs() < 1e-6);
        assert!((winter(0.5, 160) - AT_BASE).abs() < 1e-6);
        assert!((winter(0.7, 100) - RESUMED).abs() < 1e-6);
        assert!((winter(0.5, 100) - AT_BASE * RESUMED).abs() < 1e-6);
        // No cabinet rests at one value of 500 steps.
        let found = half_hours(160, 0.5, |day, _| (day >= 60).then_some(0.5));
        assert!((found.strength - 1.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn steps_by_hand() {
        assert_eq!(greatest_divisor(0, 12_000), 12_000);
        assert_eq!(greatest_divisor(12_000, 18_000), 6_000);
        assert_eq!(greatest_divisor(12_000, -1), 1);
        assert_eq!(greatest_divisor(0, 0), 0);
    }

    #[test]
    fn one_half_hourly_value_for_half_the_day_hits() {
        let day = |day: usize| -> Vec<f64> {
            let mut values: Vec<f64> = (0..48).map(|slot| 0.1 + 0.2 * noise(day as u64, slot)).collect();
            if day >= 60 {
                values[..24].fill(0.2);
            }
            values
        };
        let days: Vec<Vec<f64>> = (0..75).map(day).collect();
        let component = typed("MC-0", Some(1800), &[period(0, 0, i64::MAX)]);
        let world = World::steady(component, 3);
        let (evidence, _) = world.rule(&Profiles::intervals(0, FIRST_DAY, &days), Rule::Flatline);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 15.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn never_more_than_are_distinct(mut values in prop::collection::vec(-40_i64..40, 0..200)) {
            let found = distinct_at_least(&values) as usize;
            values.sort_unstable();
            values.dedup();
            prop_assert!(found <= values.len() && (found > 0 || values.is_empty()));
        }

        #[test]
        fn the_median_of_counts_by_sorting(counts in prop::collection::vec(0_u16..9, 0..12), number in 0_u16..18) {
            let mut sorted: Vec<f64> = counts.iter().map(|&count| f64::from(count)).collect();
            let exceeds = median(&mut sorted).unwrap_or(0.0) > f64::from(number) / 2.0;
            prop_assert_eq!(median_exceeds_half(counts.into_iter(), number), exceeds);
        }
    }
}
