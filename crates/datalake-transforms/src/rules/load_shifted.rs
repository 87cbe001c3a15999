//! `LOAD_SHIFTED`: energy that was used in some hours is reported in others.
//!
//! The share of the day's energy that left some hours and turned up in others at once, while the day's energy stays, beyond
//! what two halves of the home's own former days lie apart. Honest homes shift a little when life changes (a baby, a
//! night shift, a car that charges at night and was not charged in the evening before): alone it opens no case.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::hours::HourChange;

/// Change of the level (ln) at which the energy has stayed, and has not.
const STAYED: (f64, f64) = (0.15, 0.35);

/// Share moved beyond the home's own noise that counts in part, and wholly.
const BEYOND_NOISE: (f64, f64) = (0.04, 0.16);

/// Thresholds of `LOAD_SHIFTED`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoadShiftedConfig {
    /// Share of the day's energy, 0..1, that a hit needs to have moved.
    pub min_share: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for LoadShiftedConfig {
    fn default() -> Self {
        Self {
            min_share: 0.15,
            weight: 0.48,
        }
    }
}

impl LoadShiftedConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("load_shifted.min_share", self.min_share, 0.02, 1.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.load_shifted;
    let found = context.best_of_hours(|hours| at_change(hours, config));
    found.unwrap_or_else(|| RuleEvidence::not_judged(Rule::LoadShifted, Gap::NoHours, config.min_share))
}

fn at_change(hours: &HourChange, config: &LoadShiftedConfig) -> RuleEvidence {
    let moved = hours.moved();
    let beyond = moved - hours.noise;
    let strength =
        ramp(hours.level().abs(), STAYED.1, STAYED.0) * ramp(beyond, BEYOND_NOISE.0, BEYOND_NOISE.1);
    let hit = moved >= config.min_share && strength >= 0.5;
    RuleEvidence {
        rule: Rule::LoadShifted,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: moved as f32,
        threshold: config.min_share as f32,
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

    const RULE: Rule = Rule::LoadShifted;

    /// Days of 2.4 kWh of which a share went from the mornings to the afternoons, in a home of some noise whose level went up or
    /// down (ln).
    fn of(share: f64, noise: f64, level: f64) -> RuleEvidence {
        let moved = 200.0 * share;
        let after = std::array::from_fn(|hour| if hour < 12 { 100.0 - moved } else { 100.0 + moved });
        let mut change = hour_change(&side([100.0; 24]), &side(after));
        change.noise = noise;
        change.after.kwh = 2.401 * level.exp() - 0.001;
        at_change(&change, &LoadShiftedConfig::default())
    }

    #[test]
    fn fifteen_percent_moved_are_a_hit_and_less_is_none() {
        assert!(of(0.151, 0.0, 0.0).is_hit() && !of(0.149, 0.0, 0.0).is_hit());
        assert!((of(0.151, 0.0, 0.0).value - 0.151).abs() < 1e-6);
    }

    #[test]
    fn what_moved_must_leave_the_noise_behind() {
        let near = |noise, strength: f32| {
            let found = of(0.3, noise, 0.0);
            assert!((found.strength - strength).abs() < 1e-5, "{noise} {found:?}");
        };
        // From 4 to 16 percent beyond the noise.
        near(0.26, 0.0);
        near(0.23, 0.25);
        near(0.17, 0.75);
        near(0.14, 1.0);
        assert!(of(0.3, 0.199, 0.0).is_hit() && !of(0.3, 0.201, 0.0).is_hit());
    }

    #[test]
    fn the_level_must_have_stayed() {
        for level in [1.0, -1.0] {
            let near = |by: f64, strength: f32| {
                let found = of(0.3, 0.0, level * by);
                assert!((found.strength - strength).abs() < 1e-5, "{by} {found:?}");
            };
            near(0.15, 1.0);
            near(0.2, 0.75);
            near(0.3, 0.25);
            near(0.35, 0.0);
        }
    }

    /// A share of the evening, from day 80 of 160 on, spread over the night.
    fn shifted(share: f64) -> Vec<Vec<f64>> {
        from_day(hourly_home(1, 160), 80, |_, day| {
            let moved: f64 = day[18..22].iter().map(|kwh| kwh * share).sum();
            for kwh in &mut day[18..22] {
                *kwh *= 1.0 - share;
            }
            for kwh in &mut day[..6] {
                *kwh += moved / 6.0;
            }
        })
    }

    #[test]
    fn half_of_the_evening_in_the_night_hits() {
        let (found, _) = judge_hourly(&shifted(0.5), RULE);
        assert_eq!(found.verdict, Verdict::Hit);
        assert_eq!(found.onset_day, FIRST_DAY + 80);
        // 0.5 x 4 x 1.6 of 4 x 1.6 + 0.8 + 19 x 0.2 kWh: 3.2 of 11.
        assert!((found.value - 0.29).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn a_tenth_of_it_is_a_near_miss() {
        let (found, _) = judge_hourly(&shifted(0.12), RULE);
        assert_eq!(found.verdict, Verdict::Miss);
        assert!(found.strength < 0.5);
    }

    #[test]
    fn a_car_at_night_adds_and_moves_nothing() {
        let car = from_day(hourly_home(1, 160), 80, |_, day| {
            for kwh in &mut day[1..5] {
                *kwh += 2.0;
            }
        });
        let (found, _) = judge_hourly(&car, RULE);
        assert_eq!(found.verdict, Verdict::Miss, "{found:?}");
        assert!(found.value < 0.03);
    }
}
