//! `MEAN_SHAPE`: the day is replaced by its mirror.
//!
//! From the onset on the mean day resembles the mirrored former one more than the former one as it was, while the energy of
//! the day stays: who pays by the hour moves the evening into the morning. (Days replaced by their very mean are
//! `FLATLINE`; days that lost their rhythm are `PATTERN_LOST`.)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::hours::HourChange;

/// Change of the level (ln) at which the energy has stayed, and has not.
const STAYED: (f64, f64) = (0.25, 0.5);

/// Share of the day's energy that must have moved, in part and wholly: flat days resemble their mirror anyway.
const MOVED: (f64, f64) = (0.05, 0.1);

/// Correlation with the mirrored former day that counts in part, and wholly: who works at night lives by a day of another shape,
/// a clock that is wrong turns nothing round.
const LIKE_MIRROR: (f64, f64) = (0.5, 0.8);

/// Differences of the correlations that count in part, and wholly.
const MIRRORED: (f64, f64) = (-0.1, 1.0);

/// Thresholds of `MEAN_SHAPE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MeanShapeConfig {
    /// Correlation with the mirrored former day less that with the former day which a hit needs, -2..2.
    pub min_mirrored: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for MeanShapeConfig {
    fn default() -> Self {
        Self {
            min_mirrored: 0.5,
            weight: 0.75,
        }
    }
}

impl MeanShapeConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("mean_shape.min_mirrored", self.min_mirrored, 0.05, 2.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.mean_shape;
    let found = context.best_of_hours(|hours| at_change(hours, config));
    found.unwrap_or_else(|| RuleEvidence::not_judged(Rule::MeanShape, Gap::NoHours, config.min_mirrored))
}

fn at_change(hours: &HourChange, config: &MeanShapeConfig) -> RuleEvidence {
    let mirrored = hours.turned_round();
    // With the season and without.
    let change = hours.level().abs().max((hours.level() + hours.peers).abs());
    let part = ramp(change, STAYED.1, STAYED.0)
        * ramp(hours.moved(), MOVED.0, MOVED.1)
        * ramp(hours.mirror(), LIKE_MIRROR.0, LIKE_MIRROR.1);
    let strength = part * ramp(mirrored, MIRRORED.0, MIRRORED.1);
    let hit = mirrored >= config.min_mirrored && part >= 0.5;
    RuleEvidence {
        rule: Rule::MeanShape,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: mirrored as f32,
        threshold: config.min_mirrored as f32,
        onset_day: hours.onset_day,
        end_day: hours.last_day,
        strength: strength as f32,
        // The energy stays; what is lost is the difference between tariffs.
        kwh_micro: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{FIRST_DAY, from_day, hourly_home, judge_hourly};

    const RULE: Rule = Rule::MeanShape;

    #[test]
    fn a_mirrored_day_hits_on_the_day() {
        let mirrored = from_day(hourly_home(1, 160), 90, |_, day| day.reverse());
        let (found, _) = judge_hourly(&mirrored, RULE);
        assert_eq!(found.verdict, Verdict::Hit);
        assert_eq!(found.onset_day, FIRST_DAY + 90);
        // It is the mirror itself: 1, less the correlation of the day with its mirror, which is about -0.2.
        assert!((found.value - 1.2).abs() < 0.15, "{found:?}");
        assert!(found.strength > 0.95);
    }

    #[test]
    fn a_home_that_rises_two_hours_later_does_not() {
        let later = from_day(hourly_home(1, 160), 90, |_, day| day.rotate_right(2));
        let (found, _) = judge_hourly(&later, RULE);
        assert_eq!(found.verdict, Verdict::Miss);
    }

    #[test]
    fn a_mirror_with_less_energy_is_another_household() {
        let tenant = from_day(hourly_home(1, 160), 90, |_, day| {
            day.reverse();
            for kwh in day.iter_mut() {
                *kwh *= 0.5;
            }
        });
        let (found, _) = judge_hourly(&tenant, RULE);
        assert_eq!((found.verdict, found.strength), (Verdict::Miss, 0.0), "{found:?}");
    }

    #[test]
    fn who_works_at_night_turns_nothing_round() {
        // Asleep by day, two short meals and a long evening's worth of light before dawn.
        let nights = from_day(hourly_home(1, 160), 90, |_, day| {
            let people: f64 = day[18..22].iter().map(|kwh| kwh - 0.2).sum::<f64>() + day[7] - 0.2;
            day[7] = 0.2;
            day[18..22].fill(0.2);
            for hour in [10, 13, 14, 15, 16, 23] {
                day[hour] += people / 6.0;
            }
        });
        let (found, _) = judge_hourly(&nights, RULE);
        assert_eq!(found.verdict, Verdict::Miss, "{found:?}");
    }
}
