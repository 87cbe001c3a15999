//! `REPEATED_DAY`: whole days repeated to the last digit, as from a recording that is played again.
//!
//! Days are compared by the hash of their values in slot order. A day counts if it has the values of an earlier one, is not
//! nearly empty, and is not flat (that is `FLATLINE`). A meter of coarse steps repeats days by chance, a load at its limit (a
//! heater in the cold) does so, and so does a load that never changes or that a clock switches: so the repeated days must have
//! many different hours, be lived in, not even, and new to the home.
//!
//! Where only the energy of days is known, a day repeats one of seven days before to the last digit. By chance some do, but not
//! two weeks of days in a row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::whole;
use super::{Gap, Lack, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::day_profile::{HOURS, UNKNOWN_HOUR};
use crate::error::TransformError;
use crate::levels::WEEK;
use crate::model::MICRO;

/// Intervals a day from which a day has a shape of its own.
const SHAPED: u16 = 24;

/// Different hours of a day that is not coarse, and not at its limit.
const DIFFERENT_HOURS: usize = 10;

/// Days in a row with the energy of seven days before that a hit needs where there is one value a day; and the different
/// energies among them, of seven.
const WEEKLY: (usize, usize) = (14, 5);

/// Days that may lie between two whole days of such a row.
const BRIDGED_DAYS: i32 = 3;

/// Level of a day / the usual one from which the day is lived in.
const LIVED_IN: f64 = 0.4;

/// Longest run of one value within a day, as a share of the day, that is not yet flat.
const FLAT: f64 = 0.3;

/// Greatest interval of a day / its mean from which the day is one of a home: a load that never changes repeats days.
const LIVELY: f64 = 1.5;

/// Days (of those that count) before the first repeated one that repeat nothing: what repeats itself from the beginning is
/// a load that a clock switches.
const NEW_DAYS: usize = 28;

/// Repeated days that make a hit as sure as it gets.
const SURE_DAYS: f64 = 10.0;

/// Thresholds of `REPEATED_DAY`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepeatedDayConfig {
    /// Days with one and the same shape that a hit needs.
    pub min_days: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for RepeatedDayConfig {
    fn default() -> Self {
        Self {
            min_days: 3,
            weight: 0.8,
        }
    }
}

impl RepeatedDayConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        whole("repeated_day.min_days", self.min_days, 2, 3650)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.repeated_day;
    let levels = context.levels;
    let threshold = f64::from(config.min_days);
    let not_judged = |gap| RuleEvidence::not_judged(Rule::RepeatedDay, gap, threshold);
    if context.intervals == 1 && !context.is_register() {
        if levels.len() < NEW_DAYS + WEEKLY.0 {
            return RuleEvidence::not_judged(Rule::RepeatedDay, Gap::TooFewDays, WEEKLY.0 as f64);
        }
        return weeks(context);
    }
    if context.intervals < SHAPED {
        return not_judged(Gap::NoHours);
    }
    let series = context.series;
    let flat = FLAT * f64::from(context.intervals);
    let counts = |position: &usize| {
        let row = levels.row[*position] as usize;
        series.shape_hash[row] != 0
            && levels.kwh[*position] >= LIVED_IN * levels.median_kwh
            && levels.kwh[*position] > 0.1
            && series.max_kwh[row] as f64 / MICRO as f64 * f64::from(context.intervals)
                >= LIVELY * levels.kwh[*position]
            && f64::from(series.longest_equal_run[row]) <= flat
            && different_hours(context, row) >= DIFFERENT_HOURS
    };
    let mut days: Vec<(u64, usize)> = (0..levels.len())
        .filter(counts)
        .map(|position| (series.shape_hash[levels.row[position] as usize], position))
        .collect();
    if days.len() < config.min_days as usize {
        return not_judged(Gap::TooFewDays);
    }
    days.sort_unstable();
    // All days of shapes that occur often enough; the most frequent shape is the value.
    let (mut most, mut repeated) = (1_usize, 0_usize);
    let (mut first, mut last) = (usize::MAX, 0);
    for shape in days.chunk_by(|a, b| a.0 == b.0) {
        most = most.max(shape.len());
        if shape.len() >= 2 {
            repeated += shape.len();
            // The first of them may be the one that was recorded.
            first = first.min(shape[1].1);
            last = last.max(shape[shape.len() - 1].1);
        }
    }
    let new = days.iter().filter(|(_, position)| *position < first).count();
    let often = most >= config.min_days as usize;
    let verdict = if !often {
        Verdict::Miss
    } else if new < NEW_DAYS {
        Verdict::MissFor(Lack::NotNew)
    } else {
        Verdict::Hit
    };
    let days = if repeated > 0 { (first, last) } else { (0, 0) };
    evidence(context, verdict, (most, repeated, config.min_days as usize), days)
}

/// Number of different hours of a day; 0 where they are not known.
fn different_hours(context: &StayContext<'_>, row: usize) -> usize {
    let Some(hours) = context.series.hourly_wh.get(row * HOURS..(row + 1) * HOURS) else {
        return 0;
    };
    (0..hours.len())
        .filter(|&hour| hours[hour] != UNKNOWN_HOUR && !hours[..hour].contains(&hours[hour]))
        .count()
}

/// One value a day: the longest row of days that repeat those of a week before.
fn weeks(context: &StayContext<'_>) -> RuleEvidence {
    let levels = context.levels;
    let energy = |position: usize| context.series.usable_kwh[levels.row[position] as usize];
    let repeats = |position: usize| {
        let week_before = levels.day[..position].binary_search(&(levels.day[position] - WEEK));
        levels.kwh[position] >= LIVED_IN * levels.median_kwh
            && energy(position) != 0
            && week_before.is_ok_and(|earlier| energy(earlier) == energy(position))
    };
    let (mut best, mut run, mut new) = (0..0, 0..0, 0);
    let mut before = 0;
    for position in 0..levels.len() {
        if !repeats(position) {
            before += 1;
            continue;
        }
        let goes_on = run.end == position
            && position > 0
            && levels.day[position] - levels.day[position - 1] <= BRIDGED_DAYS;
        run = if goes_on { run.start } else { position }..position + 1;
        if run.len() > best.len() {
            best = run.clone();
            new = before;
        }
    }
    let mut different: Vec<i64> = best.clone().map(energy).collect();
    different.sort_unstable();
    different.dedup();
    let verdict = if best.len() < WEEKLY.0 || different.len() < WEEKLY.1 {
        Verdict::Miss
    } else if new < NEW_DAYS {
        Verdict::MissFor(Lack::NotNew)
    } else {
        Verdict::Hit
    };
    let days = if best.is_empty() {
        (0, 0)
    } else {
        (best.start, best.end - 1)
    };
    evidence(context, verdict, (best.len(), best.len(), WEEKLY.0), days)
}

/// `counts`: days that repeat one another, days that repeat any, and what a hit needs; `days`: positions of the first and the last.
fn evidence(
    context: &StayContext<'_>,
    verdict: Verdict,
    counts: (usize, usize, usize),
    days: (usize, usize),
) -> RuleEvidence {
    let levels = context.levels;
    let hit = verdict == Verdict::Hit;
    let (most, repeated, threshold) = (counts.0 as f64, counts.1 as f64, counts.2 as f64);
    let missing: f64 = (days.0..=days.1)
        .filter(|_| hit)
        .map(|position| (levels.median_kwh - levels.kwh[position]).max(0.0))
        .sum();
    let day = |position: usize| levels.day.get(position).copied().unwrap_or(0);
    RuleEvidence {
        rule: Rule::RepeatedDay,
        verdict,
        value: most as f32,
        threshold: threshold as f32,
        onset_day: day(days.0),
        end_day: day(days.1),
        strength: if hit {
            (0.7 + 0.3 * ramp(repeated, threshold, SURE_DAYS.max(threshold + 1.0))) as f32
        } else {
            (0.1 * ramp(most, 1.0, threshold)) as f32
        },
        kwh_micro: (missing * MICRO as f64).round() as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{
        FIRST_DAY, Profiles, World, from_day, home, hourly_home, installed, judge_hourly, period, typed,
    };

    const RULE: Rule = Rule::RepeatedDay;

    /// Day 10 is played again on some of the days from day 60 on.
    fn played(again: &[usize]) -> Vec<Vec<f64>> {
        let days = hourly_home(1, 120);
        let recorded = days[10].clone();
        from_day(days, 60, |day, hours| {
            if again.contains(&day) {
                hours.clone_from(&recorded);
            }
        })
    }

    /// One day played on some of the days of a home.
    fn of(days: &[usize], hours: &[f64], size: f64) -> RuleEvidence {
        let home = hourly_home(1, 120).into_iter();
        let mut home: Vec<Vec<f64>> = home
            .map(|day| day.iter().map(|kwh| kwh * size).collect())
            .collect();
        for &day in days {
            home[day] = hours.to_vec();
        }
        judge_hourly(&home, RULE).0
    }

    /// So many different hours, none like the one before it, of 8 kWh in all.
    fn different(hours: usize) -> Vec<f64> {
        let all: Vec<f64> = (0..24).map(|hour| 2.0 + (hour % hours) as f64).collect();
        let sum: f64 = all.iter().sum();
        all.iter().map(|kwh| 8.0 * kwh / sum).collect()
    }

    #[test]
    fn ten_different_hours_are_a_shape_and_nine_are_none() {
        assert!(of(&[60, 70, 80], &different(10), 1.0).is_hit());
        assert!(!of(&[60, 70, 80], &different(9), 1.0).is_hit());
    }

    #[test]
    fn a_day_with_one_value_in_a_third_of_its_hours_is_flat() {
        let run = |length: usize| {
            let mut hours = different(12);
            hours[..length].fill(0.25);
            of(&[60, 70, 80], &hours, 1.0).is_hit()
        };
        assert!(run(7) && !run(8));
    }

    #[test]
    fn a_day_of_two_fifths_of_the_usual_energy_is_lived_in() {
        let mut usual: Vec<f64> = hourly_home(1, 120).iter().map(|day| day.iter().sum()).collect();
        let usual = crate::quantiles::median(&mut usual).unwrap_or(0.0);
        let share = |share: f64| {
            let hours: Vec<f64> = different(12)
                .iter()
                .map(|kwh| kwh / 8.0 * share * usual)
                .collect();
            of(&[60, 70, 80], &hours, 1.0).is_hit()
        };
        assert!(share(0.42) && !share(0.38));
    }

    #[test]
    fn a_lively_day_peaks_at_one_and_a_half_times_its_mean() {
        let peak = |times: f64| {
            // Eleven pairs around a third of a kilowatt hour, one hour above them and one below.
            let mut hours: Vec<f64> = (0..24)
                .map(|hour| {
                    let off = f64::from(hour / 2) / 100.0;
                    if hour % 2 == 0 { 0.33 + off } else { 0.33 - off }
                })
                .collect();
            hours[22] = 0.33 * times;
            hours[23] = 0.33 * (2.0 - times);
            of(&[60, 70, 80], &hours, 1.0).is_hit()
        };
        assert!(peak(1.55) && !peak(1.45));
    }

    #[test]
    fn a_day_of_a_tenth_of_a_kilowatt_hour_is_too_little() {
        let little = |other: f64| {
            let hours: Vec<f64> = (0..24)
                .map(|hour| match hour {
                    0..10 => f64::from(hour) / 1e3,
                    _ if hour % 2 == 0 => other,
                    _ => other + 0.001,
                })
                .collect();
            // Homes of a little more, none of their days like another.
            let mut home: Vec<Vec<f64>> = (0..120)
                .map(|day| {
                    let watts = |hour: usize| ((hour + day) % 12) as f64 / 1e3;
                    let mut hours: Vec<f64> = (0..24).map(watts).collect();
                    hours[0] += day as f64 / 1e6;
                    hours
                })
                .collect();
            for day in [60, 70, 80] {
                home[day].clone_from(&hours);
            }
            judge_hourly(&home, RULE).0.is_hit()
        };
        // 45 Wh, and 14 times 4.5 or 3.5: 108 and 94.
        assert!(little(0.004) && !little(0.003));
    }

    #[test]
    fn four_weeks_of_other_days_come_first() {
        assert!(of(&[10, 28, 29], &different(12), 1.0).is_hit());
        assert_eq!(
            of(&[10, 27, 29], &different(12), 1.0).verdict,
            Verdict::MissFor(Lack::NotNew)
        );
    }

    #[test]
    fn ten_repeated_days_are_sure_and_two_are_a_hint() {
        let near = |days: &[usize], strength: f32| {
            let found = of(days, &different(12), 1.0);
            assert!((found.strength - strength).abs() < 1e-6, "{found:?}");
        };
        near(&[60, 61], 0.05);
        near(&[60, 61, 62], 0.7);
        // Three sevenths of the way from 3 days to 10.
        near(&[60, 61, 62, 63, 64, 65], 0.7 + 0.3 * 3.0 / 7.0);
        let days: Vec<usize> = (60..70).collect();
        near(&days, 1.0);
        near(&days[..9], 0.7 + 0.3 * 6.0 / 7.0);
    }

    /// A week of daily values from day 60 on, played three times; NaN days are missing.
    fn replayed(values: [f64; 7], missing: std::ops::Range<usize>) -> RuleEvidence {
        let mut kwh = home(1, 120, 8.0);
        for day in 60..81 {
            kwh[day] = values[day % 7];
        }
        kwh[missing].fill(f64::NAN);
        World::steady(installed(), 120)
            .rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE)
            .0
    }

    #[test]
    fn five_different_values_make_a_week_of_them_a_replay() {
        assert!(replayed([7.1, 7.2, 7.3, 7.4, 7.5, 7.1, 7.2], 0..0).is_hit());
        assert!(!replayed([7.1, 7.2, 7.3, 7.4, 7.1, 7.2, 7.3], 0..0).is_hit());
    }

    #[test]
    fn two_days_without_a_value_are_bridged_and_three_are_not() {
        let value = |missing| replayed([7.1, 7.2, 7.3, 7.4, 7.5, 7.6, 7.7], missing).value;
        // Days 67 to 73, and 76 to 80.
        assert_eq!(value(74..76) as i32, 12);
        assert_eq!(value(74..77) as i32, 7);
    }

    #[test]
    fn three_days_of_one_shape_hit() {
        let (found, _) = judge_hourly(&played(&[70, 90]), RULE);
        assert_eq!((found.verdict, found.value), (Verdict::Hit, 3.0));
        assert_eq!((found.onset_day, found.end_day), (FIRST_DAY + 70, FIRST_DAY + 90));
        assert!((found.strength - 0.7).abs() < 1e-6);
    }

    #[test]
    fn two_do_not() {
        let (found, _) = judge_hourly(&played(&[70]), RULE);
        assert_eq!((found.verdict, found.value), (Verdict::Miss, 2.0));
    }

    #[test]
    fn a_load_that_a_clock_switches_repeats_from_the_beginning() {
        let lamp = vec![(0..24).map(|hour| 0.1 + 0.03 * f64::from(hour)).collect(); 120];
        let lamp = from_day(lamp, 0, |day, hours| hours[12] = 0.1 + 0.1 * (day % 3) as f64);
        let (found, _) = judge_hourly(&lamp, RULE);
        assert_eq!(found.verdict, Verdict::MissFor(Lack::NotNew));
    }

    #[test]
    fn an_empty_homes_days_do_not_count() {
        let empty = from_day(hourly_home(1, 120), 100, |_, hours| {
            hours.fill(0.05);
            hours[3] = 0.06;
        });
        assert_eq!(judge_hourly(&empty, RULE).0.verdict, Verdict::Miss);
    }

    #[test]
    fn days_of_few_different_hours_do_not_count() {
        // Whole kWh, and a heater at its limit of 2 kWh for half of the day.
        let coarse = |hours: &mut Vec<f64>| hours.iter_mut().for_each(|kwh| *kwh = (2.0 * *kwh).round());
        let limit = |hours: &mut Vec<f64>| {
            hours.fill(0.05);
            for hour in [0, 1, 2, 3, 5, 6, 7, 8, 20, 21] {
                hours[hour] = 2.0;
            }
        };
        for change in [&coarse as &dyn Fn(&mut Vec<f64>), &limit] {
            let mut days = played(&[70, 80, 90, 100]);
            for day in [10, 70, 80, 90, 100] {
                change(&mut days[day]);
            }
            let (found, _) = judge_hourly(&days, RULE);
            assert_eq!((found.verdict, found.value), (Verdict::Miss, 1.0));
        }
    }

    /// One value a day; from day 60 on the week before day 60 is played over and over for so many days.
    fn weekly(days: usize) -> RuleEvidence {
        let mut kwh = home(1, 120, 8.0);
        for day in 60..60 + days {
            kwh[day] = kwh[day - 7];
        }
        let world = World::steady(installed(), 120);
        world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE).0
    }

    #[test]
    fn two_weeks_of_daily_values_played_again_hit() {
        let found = weekly(14);
        assert_eq!((found.verdict, found.value), (Verdict::Hit, 14.0));
        assert_eq!((found.onset_day, found.end_day), (FIRST_DAY + 60, FIRST_DAY + 73));
        assert_eq!(weekly(13).verdict, Verdict::Miss);
        assert!((weekly(60).strength - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_week_that_a_clock_plays_from_the_beginning_does_not() {
        let kwh: Vec<f64> = (0..120).map(|day| 5.0 + 0.1 * f64::from(day % 7)).collect();
        let world = World::steady(installed(), 120);
        let (found, _) = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE);
        assert_eq!(found.verdict, Verdict::MissFor(Lack::NotNew));
        // One value every day is for another rule.
        let mut kwh = home(1, 120, 8.0);
        kwh[60..].fill(8.0);
        let (found, _) = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE);
        assert_eq!(found.verdict, Verdict::Miss);
    }

    #[test]
    fn twenty_values_a_day_have_no_hours() {
        let world = World::steady(typed("MC-0", Some(4_320), &[period(0, 0, i64::MAX)]), 3);
        let days = vec![vec![1.0; 20]; 60];
        let found = world
            .rule(&Profiles::intervals(0, FIRST_DAY, &days), Rule::RepeatedDay)
            .0;
        assert_eq!(found.verdict, Verdict::NotJudged(Gap::NoHours));
    }
}
