//! `REGISTER_MISMATCH`: the intervals of a device count less than its own register.
//!
//! Both are taken by weeks, the register's periods spread over their days. A comparison begins where a period of the
//! register does (the first of two weeks alike that follow one that differs), because within a period the spreading
//! puts energy where it was not used, and it goes on to the end. The greatest shortfall over `min_weeks` or more counts (or an earlier one nearly as great), one way only: a register
//! that counts less than the intervals is a fault of the register.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, Verdict, ramp};
use crate::error::TransformError;
use crate::levels::{WEEK, Week};
use crate::model::MICRO;

/// Weeks of one period differ by no more than this share.
const ALIKE: f32 = 1e-3;

/// The earliest shortfall counts that comes so near to the greatest: theft goes on, chance comes and goes.
const AS_GREAT: f64 = 0.1;

/// Shortfall that is as clear as it gets.
const SURE: f64 = 0.4;

/// Thresholds of `REGISTER_MISMATCH`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegisterMismatchConfig {
    /// Share of the register's energy that the intervals must lack for a hit.
    pub min_shortfall: f64,
    /// Weeks that a comparison needs.
    pub min_weeks: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for RegisterMismatchConfig {
    fn default() -> Self {
        Self {
            min_shortfall: 0.1,
            min_weeks: 6,
            weight: 0.75,
        }
    }
}

impl RegisterMismatchConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("register_mismatch.min_shortfall", self.min_shortfall, 0.001, 0.9)?;
        whole("register_mismatch.min_weeks", self.min_weeks, 4, 520)
    }
}

/// Compares the weeks of a device's intervals with those of its register, if it has one.
pub(crate) fn judge(
    intervals: &[Week],
    register: Option<&[Week]>,
    config: &RegisterMismatchConfig,
) -> RuleEvidence {
    let not_judged = |gap| RuleEvidence::not_judged(Rule::RegisterMismatch, gap, config.min_shortfall);
    let Some(register) = register else {
        return not_judged(Gap::NoRegister);
    };
    // (week, by intervals, by the register) of the weeks that both know wholly.
    let mut common: Vec<(i32, f32, f32)> = Vec::new();
    for week in intervals.iter().filter(|week| i32::from(week.days) == WEEK) {
        if let Ok(at) = register.binary_search_by_key(&week.number, |week| week.number)
            && i32::from(register[at].days) == WEEK
        {
            common.push((week.number, week.kwh, register[at].kwh));
        }
    }
    let differ = |a: usize, b: usize| {
        (common[a].2 - common[b].2).abs() > ALIKE * common[a].2.max(common[b].2)
            || common[b].0 - common[a].0 != 1
    };
    let begins = |week: usize| {
        week + 1 < common.len() && !differ(week, week + 1) && (week == 0 || differ(week - 1, week))
    };
    let (mut counted, mut passed) = (0.0, 0.0);
    // (shortfall, first week, missing energy), the latest first.
    let mut found: Vec<(f64, usize, f64)> = Vec::new();
    for week in (0..common.len()).rev() {
        counted += f64::from(common[week].1);
        passed += f64::from(common[week].2);
        let weeks = common.len() - week;
        if weeks >= config.min_weeks as usize && begins(week) && passed > 0.0 {
            found.push((1.0 - counted / passed, week, passed - counted));
        }
    }
    let most = found
        .iter()
        .map(|(shortfall, ..)| *shortfall)
        .fold(f64::NEG_INFINITY, f64::max);
    let as_great = |(shortfall, ..): &&(f64, usize, f64)| *shortfall >= most - AS_GREAT * most.abs();
    let Some(&(shortfall, week, missing)) = found.iter().rev().find(as_great) else {
        return not_judged(Gap::TooFewDays);
    };
    let hit = shortfall >= config.min_shortfall;
    RuleEvidence {
        rule: Rule::RegisterMismatch,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: shortfall as f32,
        threshold: config.min_shortfall as f32,
        onset_day: common[week].0 * WEEK,
        end_day: common[common.len() - 1].0 * WEEK + WEEK - 1,
        strength: if hit {
            (0.4 + 0.6
                * ramp(
                    shortfall,
                    config.min_shortfall,
                    SURE.max(config.min_shortfall + 0.01),
                )) as f32
        } else {
            (0.3 * ramp(shortfall, 0.0, config.min_shortfall)) as f32
        },
        kwh_micro: if hit {
            (missing.max(0.0) * MICRO as f64).round() as i64
        } else {
            0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(kwh: impl Fn(i32) -> f32) -> Vec<Week> {
        (0..40)
            .map(|number| Week {
                number,
                days: 7,
                kwh: kwh(number),
            })
            .collect()
    }

    /// A register read every four weeks: the mean of its period.
    fn read_monthly(passed: impl Fn(i32) -> f32) -> Vec<Week> {
        weeks(|week| (0..4).map(|part| passed(week / 4 * 4 + part)).sum::<f32>() / 4.0)
    }

    /// 70 kWh a week, 30 more in one of three, and one more from week to week.
    fn passed(week: i32) -> f32 {
        70.0 + if week % 3 == 0 { 30.0 } else { 0.0 } + week as f32
    }

    fn judged(intervals: &[Week]) -> RuleEvidence {
        judge(
            intervals,
            Some(&read_monthly(passed)),
            &RegisterMismatchConfig::default(),
        )
    }

    #[test]
    fn intervals_at_half_of_the_register_hit_from_the_period_on() {
        let found = judged(&weeks(|week| {
            if week < 20 {
                passed(week)
            } else {
                0.5 * passed(week)
            }
        }));
        assert_eq!(found.verdict, Verdict::Hit);
        assert!((found.value - 0.5).abs() < 1e-6, "{found:?}");
        assert_eq!((found.onset_day, found.end_day), (20 * WEEK, 40 * WEEK - 1));
        // Weeks 20 to 39: 20 x 70 + 7 x 30 + (20 + ... + 39 = 590) = 2,200 kWh, half of them missing.
        assert_eq!(found.kwh_micro, 1_100_000_000);
    }

    #[test]
    fn intervals_that_add_up_do_not() {
        let found = judged(&weeks(passed));
        assert_eq!(found.verdict, Verdict::Miss);
        assert!(found.value.abs() < 1e-6, "{found:?}");
        // A register that stands still is no theft.
        assert_eq!(judged(&weeks(|week| 2.0 * passed(week))).verdict, Verdict::Miss);
    }

    #[test]
    fn a_twentieth_is_a_near_miss_and_no_register_no_comparison() {
        let found = judged(&weeks(|week| 0.95 * passed(week)));
        assert_eq!(found.verdict, Verdict::Miss);
        assert!((found.strength - 0.15).abs() < 1e-3, "{found:?}");
        let none = judge(&weeks(passed), None, &RegisterMismatchConfig::default());
        assert_eq!(none.verdict, Verdict::NotJudged(Gap::NoRegister));
        let short = judge(
            &weeks(passed)[..5],
            Some(&read_monthly(passed)),
            &RegisterMismatchConfig::default(),
        );
        assert_eq!(short.verdict, Verdict::NotJudged(Gap::TooFewDays));
    }

    /// Judges weeks of intervals against weeks of a register.
    fn compared(
        intervals: impl Fn(i32) -> f32,
        register: impl Fn(i32) -> f32,
        min_shortfall: f64,
    ) -> RuleEvidence {
        let config = RegisterMismatchConfig {
            min_shortfall,
            ..RegisterMismatchConfig::default()
        };
        judge(&weeks(intervals), Some(&weeks(register)), &config)
    }

    #[test]
    fn a_quarter_is_half_of_the_way_to_a_sure_shortfall() {
        let strength = |left: f32, min_shortfall| compared(|_| left, |_| 100.0, min_shortfall).strength;
        // From 0.1, which counts 0.4, to 0.4, which counts wholly.
        assert!((strength(75.0, 0.1) - 0.7).abs() < 1e-5);
        assert!((strength(60.0, 0.1) - 1.0).abs() < 1e-5);
        // Where more than that is asked for, a hundredth more than what is asked for is sure.
        assert!((strength(49.5, 0.5) - 0.7).abs() < 1e-3);
    }

    #[test]
    fn six_weeks_are_enough_to_compare() {
        // A period of the register that begins so many weeks before the end, in which half is missing.
        let shortfall = |last: i32| {
            let register = |week: i32| if week < 40 - last { 100.0 } else { 90.0 };
            let intervals = |week: i32| if week < 40 - last { 100.0 } else { 45.0 };
            compared(intervals, register, 0.1).value
        };
        assert!((shortfall(6) - 0.5).abs() < 1e-6);
        // Five weeks lack 225 of all 3,950 kWh.
        assert!((shortfall(5) - 225.0 / 3_950.0).abs() < 1e-6);
    }

    #[test]
    fn an_earlier_shortfall_within_a_tenth_of_the_greatest_counts() {
        // From week 20 on half of 1,800 kWh is missing; of 2,000 before that so much that the whole lacks a share.
        let onset = |share: f32| {
            let before = (3_800.0 * share - 900.0) / 20.0;
            let register = |week: i32| if week < 20 { 100.0 } else { 90.0 };
            let intervals = |week: i32| if week < 20 { 100.0 - before } else { 45.0 };
            compared(intervals, register, 0.1).onset_day
        };
        assert_eq!((onset(0.46), onset(0.44)), (0, 20 * WEEK));
    }

    #[test]
    fn weeks_that_differ_by_a_thousandth_are_of_one_period() {
        let verdict = |other: f32| {
            let register = |week: i32| if week % 2 == 0 { 100.0 } else { other };
            compared(|_| 50.0, register, 0.1).verdict
        };
        assert_eq!(verdict(100.09), Verdict::Hit);
        assert_eq!(verdict(100.11), Verdict::NotJudged(Gap::TooFewDays));
    }
}
