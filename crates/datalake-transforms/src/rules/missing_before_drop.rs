//! `MISSING_BEFORE_DROP`: reads go missing around a fall of the level.
//!
//! Who opens a meter or its communication interrupts it. Share of the intervals that did not arrive, or not as actual
//! values, in the days around the onset, less the share of the days before them. It counts only where the level fell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;

/// Level after / before below which the level fell, wholly and in part.
const FALLEN: (f64, f64) = (0.6, 0.85);

/// Excess that is as much as it gets.
const SURE: f64 = 0.5;

/// Days of the baseline at least.
const BASELINE_DAYS: i32 = 28;

/// Thresholds of `MISSING_BEFORE_DROP`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MissingBeforeDropConfig {
    /// Days around the onset, half before and half after.
    pub days: u32,
    /// Share missing there less the share before that a hit must exceed, 0..1.
    pub min_excess: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for MissingBeforeDropConfig {
    fn default() -> Self {
        Self {
            days: 14,
            min_excess: 0.2,
            weight: 0.25,
        }
    }
}

impl MissingBeforeDropConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        whole("missing_before_drop.days", self.days, 4, 120)?;
        within("missing_before_drop.min_excess", self.min_excess, 0.01, 1.0)
    }
}

/// `fall`: onset and level after / before of the fall that is looked around.
pub(crate) fn judge(context: &StayContext<'_>, fall: Option<(i32, f64)>) -> RuleEvidence {
    let config = &context.config.missing_before_drop;
    let not_judged = |gap| RuleEvidence::not_judged(Rule::MissingBeforeDrop, gap, config.min_excess);
    let Some((onset, ratio)) = fall.filter(|_| !context.is_register()) else {
        return not_judged(Gap::NoFall);
    };
    let series = context.series;
    let (first, last) = (series.day[context.rows.start], series.day[context.rows.end - 1]);
    let half = (config.days / 2) as i32;
    let around = (onset - half).max(first)..(onset + half).min(last + 1);
    let before = first..around.start;
    if before.end - before.start < BASELINE_DAYS || around.is_empty() {
        return not_judged(Gap::TooFewDays);
    }
    let missing = |days: std::ops::Range<i32>| -> f64 {
        let rows = &series.day[context.rows.clone()];
        let from = context.rows.start + rows.partition_point(|&day| day < days.start);
        let to = context.rows.start + rows.partition_point(|&day| day < days.end);
        let usable: u64 = series.usable[from..to].iter().map(|&n| u64::from(n)).sum();
        let all = f64::from(days.end - days.start) * f64::from(context.intervals);
        1.0 - (usable as f64 / all).min(1.0)
    };
    let excess = missing(around.clone()) - missing(before);
    let fell = ramp(ratio, FALLEN.1, FALLEN.0);
    let hit = excess > config.min_excess && fell >= 0.5;
    RuleEvidence {
        rule: Rule::MissingBeforeDrop,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: excess as f32,
        threshold: config.min_excess as f32,
        onset_day: around.start,
        end_day: around.end - 1,
        strength: (fell * ramp(excess, 0.0, SURE)) as f32,
        kwh_micro: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, scaled};

    /// The level is times `factor` from day 100 of 200 on; some days are missing.
    fn judged(factor: f64, missing: &[usize]) -> RuleEvidence {
        let mut kwh = scaled(home(1, 200, 8.0), 100..200, factor);
        for &day in missing {
            kwh[day] = f64::NAN;
        }
        let world = World::steady(installed(), 200);
        world
            .rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::MissingBeforeDrop)
            .0
    }

    #[test]
    fn four_of_fourteen_days_around_the_onset_hit() {
        let found = judged(0.4, &[95, 96, 98, 102]);
        assert_eq!(found.verdict, Verdict::Hit);
        assert!((found.value - 4.0 / 14.0).abs() < 1e-6, "{found:?}");
        assert_eq!(
            (found.onset_day, found.end_day),
            (FIRST_DAY + 93, FIRST_DAY + 106)
        );
    }

    #[test]
    fn two_do_not() {
        let found = judged(0.4, &[95, 98]);
        assert_eq!(found.verdict, Verdict::Miss);
        assert!((found.value - 2.0 / 14.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn a_meter_that_always_misses_days_does_not() {
        let every_third: Vec<usize> = (0..130).step_by(3).collect();
        assert_eq!(judged(0.4, &every_third).verdict, Verdict::Miss);
    }

    #[test]
    fn nothing_fell_and_nothing_is_said() {
        assert_eq!(judged(0.95, &[95, 96, 98, 102]).verdict, Verdict::Miss);
    }

    /// What is said of a fall to `ratio` so many days after the first, where a few days are missing.
    fn around(onset: i32, ratio: f64, missing: &[usize]) -> RuleEvidence {
        let mut kwh = home(1, 200, 8.0);
        for &day in missing {
            kwh[day] = f64::NAN;
        }
        let world = World::steady(installed(), 200);
        world.at_stay(&Profiles::daily(0, FIRST_DAY, &kwh), |context| {
            judge(context, Some((FIRST_DAY + onset, ratio)))
        })
    }

    #[test]
    fn half_of_the_way_from_eighty_five_to_sixty_percent_is_a_fall() {
        let four = |ratio| around(100, ratio, &[95, 96, 98, 102]);
        assert_eq!(four(0.724).verdict, Verdict::Hit);
        assert_eq!(four(0.726).verdict, Verdict::Miss);
        // 0.6 of the way, and 4/14 of the half that is as much as it gets.
        assert!((four(0.7).strength - 0.6 * (4.0 / 14.0) / 0.5).abs() < 1e-6);
    }

    #[test]
    fn more_than_a_fifth_of_the_days_must_be_missing_beyond_the_usual() {
        assert_eq!(around(100, 0.5, &[95, 96, 98]).verdict, Verdict::Hit);
        // 3/14 less the 2/93 that were missing before: 0.193.
        let found = around(100, 0.5, &[30, 60, 95, 96, 98]);
        assert_eq!(found.verdict, Verdict::Miss);
        assert!(
            (found.value - (3.0 / 14.0 - 2.0 / 93.0)).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn four_weeks_before_tell_what_is_usual() {
        assert_eq!(around(35, 0.5, &[]).verdict, Verdict::Miss);
        assert_eq!(around(34, 0.5, &[]).verdict, Verdict::NotJudged(Gap::TooFewDays));
    }
}
