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
        * ramp(hours.likeness_turned_round(), LIKE_MIRROR.0, LIKE_MIRROR.1);
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
    use crate::rules::testing::{FIRST_DAY, from_day, hour_change, hourly_home, judge_hourly, side};

    const RULE: Rule = Rule::MeanShape;

    /// Days around 1 kWh an hour that rise by `rise` Wh an hour, and fall by as much after the change; before and after they go up
    /// and down by `before` and `after` Wh, the same from the front and from the back: that has nothing to do with the rise.
    fn days(rise: f64, before: f64, after: f64) -> HourChange {
        let day = |rise: f64, wave: f64| {
            std::array::from_fn(|hour| {
                let sign = if hour % 4 == 0 || hour % 4 == 3 { 1.0 } else { -1.0 };
                1000.0 + rise * (hour as f64 - 11.5) + wave * sign
            })
        };
        hour_change(&side(day(rise, before)), &side(day(-rise, after)))
    }

    fn of(change: &HourChange) -> RuleEvidence {
        at_change(change, &MeanShapeConfig::default())
    }

    #[test]
    fn how_like_its_mirror_a_day_must_be() {
        // A wave of w and a rise of 20 Wh: squares of 24 w^2 and 20^2 x 1150. A mirror that is like the day by r is unlike the day
        // as it was by as much.
        let near = |r: f64, strength: f32| {
            let wave = (460_000.0 * (1.0 / (r * r) - 1.0) / 24.0).sqrt();
            let found = of(&days(20.0, 0.0, wave));
            assert!((found.strength - strength).abs() < 1e-5, "{r} {found:?}");
            assert_eq!(found.is_hit(), strength >= 0.5, "{r} {found:?}");
        };
        near(0.5, 0.0);
        near(0.56, 0.2);
        near(0.649, 0.49667);
        near(0.651, 0.50333);
        near(0.74, 0.8);
        near(0.8, 1.0);
    }

    #[test]
    fn how_far_the_day_must_have_turned_round() {
        // With the same wave before and after, the mirror fits wholly; twice the rise's share of the squares has turned.
        let turned = |turned: f64| {
            let wave = (460_000.0 * (2.0 / turned - 1.0) / 24.0).sqrt();
            of(&days(20.0, wave, wave))
        };
        assert!(turned(0.501).is_hit() && !turned(0.499).is_hit());
        // From -0.1 on: 0.9 of 1.1.
        assert!((turned(0.8).strength - 0.818_18).abs() < 1e-4);
        assert!((turned(1.0).strength - 1.0).abs() < 1e-5);
        assert!((turned(0.5).strength - 0.545_45).abs() < 1e-4);
    }

    #[test]
    fn a_day_that_hardly_moved_has_not_turned() {
        // A rise of b Wh an hour moves 6 b of each 1000 Wh.
        let near = |rise: f64, strength: f32| {
            let found = of(&days(rise, 0.0, 0.0));
            assert!((found.strength - strength).abs() < 1e-5, "{rise} {found:?}");
        };
        near(50.0 / 6.0, 0.0);
        near(60.0 / 6.0, 0.2);
        near(90.0 / 6.0, 0.8);
        near(100.0 / 6.0, 1.0);
    }

    #[test]
    fn the_level_must_have_stayed_with_the_season_and_without() {
        let near = |level: f64, peers: f64, strength: f32| {
            let mut change = days(20.0, 0.0, 0.0);
            change.after.kwh = (change.before.kwh + 0.001) * level.exp() - 0.001;
            change.peers = peers;
            change.after.mean = change.after.mean.map(|wh| wh * peers.exp());
            let found = of(&change);
            assert!(
                (found.strength - strength).abs() < 1e-5,
                "{level} {peers} {found:?}"
            );
        };
        near(0.25, 0.0, 1.0);
        near(0.3, 0.0, 0.8);
        near(-0.45, 0.0, 0.2);
        near(0.5, 0.0, 0.0);
        // Peers that fell by as much leave the level where it was, and the home has fallen all the same.
        near(-0.45, -0.45, 0.2);
    }

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
