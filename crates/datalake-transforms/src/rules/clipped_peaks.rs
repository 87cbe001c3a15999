//! `CLIPPED_PEAKS`: values stop at a cap that they used to pass.
//!
//! The cap is looked for where it must be if there is one: at the 90th percentile of the greatest intervals of the last
//! eight weeks. The onset is the day that parts best the days that end within one per cent of the cap from those that
//! passed it. A meter of coarse steps repeats its greatest interval anyway: what the days before the onset do of that
//! counts against it. Of components with few intervals a day the days themselves are looked at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::model::MICRO;
use crate::quantiles::quantile;

/// Days that tell the cap.
const CAP_DAYS: usize = 56;

/// Days on each side of the onset.
const SIDE_DAYS: usize = 14;

/// The same where only days have values: there are fewer of them.
const SIDE_OF_DAYS: usize = 28;

/// Intervals a day from which the greatest of them is looked at.
const SHAPED: u16 = 12;

/// Distance from the cap, as a share of it, at which a value stops there.
const AT_CAP: f64 = 0.01;

/// Level after / before from which the home is lived in: an empty one repeats its standby.
const LIVED_IN: f64 = 0.3;

/// Days above the cap after the onset, against those at it, from which there is no cap but a habit.
const ABOVE: f64 = 0.15;

/// A value above the cap by this share has passed it.
const PASSED: f64 = 0.05;

/// Share of the energy of the days before, as the peers go, that must be gone.
const GONE: f64 = 0.05;

/// Share of the days that makes a hit as sure as it gets.
const SURE: f64 = 0.6;

/// Thresholds of `CLIPPED_PEAKS`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClippedPeaksConfig {
    /// Share of the days, 0..1, that must end at the cap, and must have passed it before, for a hit.
    pub min_share: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for ClippedPeaksConfig {
    fn default() -> Self {
        Self {
            min_share: 0.3,
            weight: 0.75,
        }
    }
}

impl ClippedPeaksConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("clipped_peaks.min_share", self.min_share, 0.05, 1.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.clipped_peaks;
    let levels = context.levels;
    let not_judged = |gap| RuleEvidence::not_judged(Rule::ClippedPeaks, gap, config.min_share);
    let side = if context.intervals < SHAPED {
        SIDE_OF_DAYS
    } else {
        SIDE_DAYS
    };
    if context.is_register() || levels.len() < 2 * side + CAP_DAYS / 4 {
        return not_judged(Gap::TooFewDays);
    }
    let peak = |position: usize| -> f64 {
        if context.intervals < SHAPED {
            levels.kwh[position]
        } else {
            context.series.max_kwh[levels.row[position] as usize] as f64 / MICRO as f64
        }
    };
    let peaks: Vec<f64> = (0..levels.len()).map(peak).collect();
    let cap_of = |peaks: &[f64]| quantile(&mut peaks[peaks.len().saturating_sub(CAP_DAYS)..].to_vec(), 0.9);
    let Some(cap) = cap_of(&peaks).filter(|cap| *cap > 0.0) else {
        return not_judged(Gap::MostlyZeros);
    };
    let stops = |peak: &f64, cap: f64| (peak - cap).abs() <= AT_CAP * cap;
    let passes = |peak: &f64| *peak > (1.0 + PASSED) * cap;
    let count = |peaks: &[f64], is: &dyn Fn(&f64) -> bool| peaks.iter().filter(|peak| is(peak)).count();
    let (all_stop, all_pass) = (count(&peaks, &|peak| stops(peak, cap)), count(&peaks, &passes));
    let (mut stopped, mut passed) = (0_usize, 0_usize);
    let mut best = (0.0, side);
    for split in 0..=peaks.len() - side {
        if split >= side {
            let (before, after) = (split as f64, (peaks.len() - split) as f64);
            let stop_after = (all_stop - stopped) as f64 / after;
            let pass = passed as f64 / before - (all_pass - passed) as f64 / after;
            let share = stop_after.min(pass) - stopped as f64 / before;
            if share > best.0 {
                best = (share, split);
            }
        }
        if let Some(peak) = peaks.get(split) {
            stopped += usize::from(stops(peak, cap));
            passed += usize::from(passes(peak));
        }
    }
    let (share, split) = best;
    let coarse = cap_of(&peaks[..split]).map_or(0.0, |cap| {
        count(&peaks[..split], &|peak| stops(peak, cap)) as f64 / split as f64
    });
    let level = |positions: std::ops::Range<usize>| levels.median_over(positions).unwrap_or(0.0);
    let (before, after) = (level(0..split), level(split..levels.len()));
    let above = count(&peaks[split..], &|peak| *peak > (1.0 + AT_CAP) * cap);
    let at = count(&peaks[split..], &|peak| stops(peak, cap));
    // What a cap takes is gone; peaks that moved to other hours are not.
    let expected = |positions: std::ops::Range<usize>| -> f64 {
        let factors = &levels.factor[positions.clone()];
        levels.kwh[positions].iter().sum::<f64>() / factors.iter().sum::<f64>().max(1e-9)
    };
    let gone = expected(split..levels.len()) <= (1.0 - GONE) * expected(0..split);
    let share = if gone && after >= LIVED_IN * before && above as f64 <= ABOVE * at as f64 {
        (share - coarse).max(0.0)
    } else {
        0.0
    };
    let hit = share >= config.min_share;
    let lost: f64 = (split..levels.len())
        .filter(|_| hit)
        .map(|position| levels.kwh[position])
        .sum();
    let expected = before * (levels.len() - split) as f64;
    RuleEvidence {
        rule: Rule::ClippedPeaks,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: share as f32,
        threshold: config.min_share as f32,
        onset_day: levels.day[split],
        end_day: levels.day[levels.len() - 1],
        strength: ramp(share, config.min_share / 2.0, SURE.max(config.min_share)) as f32,
        kwh_micro: if hit {
            ((expected - lost).max(0.0) * MICRO as f64).round() as i64
        } else {
            0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{
        FIRST_DAY, Profiles, World, from_day, home, hourly_home, installed, judge_hourly, period, typed,
    };

    const RULE: Rule = Rule::ClippedPeaks;

    #[test]
    fn evenings_that_stop_at_one_value_hit() {
        // Evenings of 1.04 to 2.16 kWh an hour stop at 1.0.
        let capped = from_day(hourly_home(1, 120), 60, |_, day| {
            for kwh in day.iter_mut() {
                *kwh = kwh.min(1.0);
            }
        });
        let (found, _) = judge_hourly(&capped, RULE);
        assert_eq!(found.verdict, Verdict::Hit);
        assert_eq!(found.onset_day, FIRST_DAY + 60);
        // All days, less the nine of sixty before that ended near the cap of their own.
        assert!((found.value - 0.85).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn days_that_stop_at_one_value_hit() {
        let capped: Vec<f64> = home(1, 200, 8.0)
            .into_iter()
            .enumerate()
            .map(|(day, kwh)| if day < 100 { kwh } else { kwh.min(7.5) })
            .collect();
        let world = World::steady(installed(), 200);
        let found = world.rule(&Profiles::daily(0, FIRST_DAY, &capped), RULE).0;
        // 6.4 to 9.6 kWh a day: about half of the days lie 5 % above 7.5, less some per cent near it and near 9.3.
        assert!(found.is_hit() && (found.value - 0.4).abs() < 0.1, "{found:?}");
        assert!((found.onset_day - FIRST_DAY - 100).abs() <= 2, "{found:?}");
    }

    #[test]
    fn smaller_peaks_without_a_cap_do_not() {
        let smaller = from_day(hourly_home(1, 120), 60, |_, day| {
            for kwh in day.iter_mut() {
                *kwh *= 0.5;
            }
        });
        let (found, _) = judge_hourly(&smaller, RULE);
        assert_eq!(found.verdict, Verdict::Miss);
        assert!(found.value < 0.15, "{found:?}");
    }

    #[test]
    fn an_empty_homes_standby_is_no_cap() {
        let mut kwh = home(1, 200, 8.0);
        kwh[100..].fill(1.4);
        let world = World::steady(installed(), 200);
        let found = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE).0;
        assert_eq!((found.verdict, found.value), (Verdict::Miss, 0.0));
    }

    #[test]
    fn a_meter_that_always_ended_at_one_value_does_not() {
        // A boiler of 2 kW is the greatest hour of nearly every day; before day 60 another one of 3 kW was.
        let boiler = from_day(hourly_home(1, 120), 0, |day, hours| {
            hours[12] = if day < 60 { 3.0 } else { 2.2 }
        });
        let (found, _) = judge_hourly(&boiler, RULE);
        assert_eq!(found.verdict, Verdict::Miss, "{found:?}");
    }

    /// A hundred days whose last digits go round ten levels, none of which lies within one per cent of their 90th percentile,
    /// and then a hundred others.
    fn two_sides(level: impl Fn(usize) -> f64, after: impl Fn(usize) -> f64) -> RuleEvidence {
        let kwh: Vec<f64> = (0..200)
            .map(|day| {
                if day < 100 {
                    level(day % 10)
                } else {
                    after(day - 100)
                }
            })
            .collect();
        let world = World::new(installed(), &|_, _| 10.0, 200);
        world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE).0
    }

    /// 8.0 to 11.6 kWh, 9.8 on average.
    fn usual(at: usize) -> f64 {
        8.0 + 0.4 * at as f64
    }

    #[test]
    fn an_empty_home_has_less_than_three_tenths_of_the_level() {
        // The median before is 9.8: three tenths of it are 2.94.
        assert!((two_sides(usual, |_| 3.0).value - 1.0).abs() < 1e-6);
        assert!(two_sides(usual, |_| 2.9).value.abs() < 1e-6);
    }

    #[test]
    fn a_twentieth_of_the_energy_must_be_gone() {
        // 0.95 x 9.8 = 9.31. Half of the days before passed that by a twentieth: half of the way from 0.15 to 0.6 and more.
        let found = two_sides(usual, |_| 9.3);
        assert_eq!(found.verdict, Verdict::Hit);
        assert!((found.value - 0.5).abs() < 1e-6, "{found:?}");
        assert!((found.strength - 0.35 / 0.45).abs() < 1e-5, "{found:?}");
        assert!(two_sides(usual, |_| 9.32).value.abs() < 1e-6);
    }

    #[test]
    fn days_above_the_cap_are_a_habit_from_three_in_twenty_on() {
        // Every third day of the first weeks lies 3 % above the cap, which is neither at it nor past it.
        let above = |n: usize| {
            let after = move |day: usize| {
                if day % 3 == 1 && day < 3 * n { 7.2 } else { 7.0 }
            };
            two_sides(usual, after)
        };
        // 13 of 87, and 14 of 86.
        assert!((above(13).value - 0.87).abs() < 1e-6, "{:?}", above(13));
        assert!(above(14).value.abs() < 1e-6, "{:?}", above(14));
    }

    #[test]
    fn a_day_has_passed_the_cap_that_lies_a_twentieth_above() {
        // Half of the days before lie far above 7, the others at so much of it.
        let passed = |share: f64| {
            let level = move |at: usize| if at < 5 { 7.0 * share } else { usual(at) };
            two_sides(level, |_| 7.0).value
        };
        assert!((passed(1.055) - 1.0).abs() < 1e-6);
        assert!((passed(1.045) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn two_weeks_on_each_side_and_two_that_tell_the_cap_are_needed() {
        let verdict = |intervals: usize, days: usize| {
            let seconds = 86_400 / intervals as u32;
            let world = World::steady(typed("MC-0", Some(seconds), &[period(0, 0, i64::MAX)]), 3);
            let days = vec![vec![1.0; intervals]; days];
            world
                .rule(&Profiles::intervals(0, FIRST_DAY, &days), RULE)
                .0
                .verdict
        };
        assert_eq!(verdict(12, 42), Verdict::Miss);
        assert_eq!(verdict(12, 41), Verdict::NotJudged(Gap::TooFewDays));
        // Four weeks on each side where there are fewer than twelve values a day.
        assert_eq!(verdict(10, 70), Verdict::Miss);
        assert_eq!(verdict(10, 69), Verdict::NotJudged(Gap::TooFewDays));
    }
}
