//! `REVERSE_FLOW`: negative energy, or a register that fell without rolling over, where no channel receives energy.
//!
//! A meter turned round counts backwards. A hit needs `min_days` days whose negative intervals add up to `min_kwh_per_day` or more,
//! none of them more than 60 days from the next. How sure it is depends on how many there are, and on how much of the
//! home's usual day they are: corrections that were booked as negative values are few or small.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::model::MICRO;

/// Days with negative energy that make a hit as sure as it gets.
const SURE_DAYS: f64 = 14.0;

/// Days between two days with negative energy that still belong together.
const APART_DAYS: i32 = 60;

/// Share of the usual day that the negative energy of a day must be to count wholly; from nothing on it counts half.
const FULL_SHARE: f64 = 0.05;

/// Thresholds of `REVERSE_FLOW`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReverseFlowConfig {
    /// A day counts if its negative intervals add up to so much, kWh without the sign.
    pub min_kwh_per_day: f64,
    /// Days that a hit needs.
    pub min_days: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for ReverseFlowConfig {
    fn default() -> Self {
        Self {
            min_kwh_per_day: 0.01,
            min_days: 2,
            weight: 0.8,
        }
    }
}

impl ReverseFlowConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within(
            "reverse_flow.min_kwh_per_day",
            self.min_kwh_per_day,
            0.000_001,
            1000.0,
        )?;
        whole("reverse_flow.min_days", self.min_days, 1, 3650)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.reverse_flow;
    let threshold = f64::from(config.min_days);
    if context.received.is_some() {
        return RuleEvidence::not_judged(Rule::ReverseFlow, Gap::ReceivedChannel, threshold);
    }
    let least = (config.min_kwh_per_day * MICRO as f64).round() as i64;
    let run = longest(context, least);
    let days = f64::from(run.days);
    let hit = run.days >= config.min_days;
    let strength = if hit {
        let number = 0.7 + 0.3 * ramp(days, threshold, SURE_DAYS.max(threshold + 1.0));
        let usual = context.levels.median_kwh.abs();
        let share = run.total as f64 / MICRO as f64 / days / usual;
        // Without a usual day there is nothing to be small against.
        let size = if usual > 0.0 {
            ramp(share, 0.0, FULL_SHARE)
        } else {
            1.0
        };
        number * (0.5 + 0.5 * size)
    } else {
        0.3 * days / threshold
    };
    RuleEvidence {
        rule: Rule::ReverseFlow,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: days as f32,
        threshold: threshold as f32,
        onset_day: run.span.0,
        end_day: run.span.1,
        strength: strength as f32,
        kwh_micro: run.total,
    }
}

/// Days with negative energy that lie near each other.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    days: u32,
    span: (i32, i32),
    /// Negative energy, 10^-6 kWh without the sign.
    total: i64,
}

/// The run of most days, the latest of equals.
fn longest(context: &StayContext<'_>, least: i64) -> Run {
    let mut best = Run::default();
    let mut run = Run::default();
    for row in context.rows.clone() {
        let negative = context.series.usable_negative_kwh[row].saturating_neg();
        if negative < least {
            continue;
        }
        let day = context.series.day[row];
        if run.days == 0 || day - run.span.1 > APART_DAYS {
            run = Run {
                span: (day, day),
                ..Run::default()
            };
        }
        run.days += 1;
        run.span.1 = day;
        run.total = run.total.saturating_add(negative);
        if run.days >= best.days {
            best = run;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Direction;
    use crate::peers::PeerBuilder;
    use crate::registry::Registry;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, period, places, typed};
    use crate::rules::testing::{from_day, hourly_home, judge_hourly};

    fn turned_round() -> Profiles {
        let mut kwh = home(1, 120, 8.0);
        kwh[100..110].fill(-2.0);
        Profiles::daily(0, FIRST_DAY, &kwh)
    }

    #[test]
    fn fourteen_days_are_sure_and_one_is_a_hint() {
        let near = |days: usize, strength: f32| {
            let home = from_day(hourly_home(1, 100), 50, |day, hours| {
                if day < 50 + days {
                    hours[3] = -2.0;
                }
            });
            let (found, _) = judge_hourly(&home, Rule::ReverseFlow);
            assert!((found.strength - strength).abs() < 1e-6, "{days} {found:?}");
        };
        near(1, 0.15);
        near(2, 0.7);
        near(8, 0.85);
        near(12, 0.95);
        near(14, 1.0);
    }

    #[test]
    fn days_far_apart_do_not_add_up() {
        let mut kwh = home(1, 120, 8.0);
        let world = World::steady(installed(), 120);
        (kwh[10], kwh[71]) = (-2.0, -2.0);
        let (evidence, _) = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::ReverseFlow);
        assert_eq!((evidence.verdict, evidence.value as i32), (Verdict::Miss, 1));
        assert_eq!(evidence.onset_day, FIRST_DAY + 71);
        kwh[70] = -2.0;
        let (evidence, _) = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::ReverseFlow);
        assert_eq!((evidence.verdict, evidence.value as i32), (Verdict::Hit, 3));
    }

    #[test]
    fn what_is_next_to_nothing_of_a_day_is_half_as_sure() {
        let world = World::steady(installed(), 120);
        let strength = |negative: f64| {
            let mut kwh = vec![8.0; 120];
            kwh[50..52].fill(-negative);
            f64::from(
                world
                    .rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::ReverseFlow)
                    .0
                    .strength,
            )
        };
        // Two days are 0.7; 0.01 of 8 kWh is 1/40 of the full share, 0.4 and more all of it.
        assert!((strength(0.01) - 0.7 * (0.5 + 0.5 / 40.0)).abs() < 1e-6);
        assert!((strength(0.4) - 0.7).abs() < 1e-6);
        assert!((strength(8.0) - 0.7).abs() < 1e-6);
    }

    #[test]
    fn ten_days_backwards_hit() {
        let world = World::steady(installed(), 120);
        let (evidence, _) = world.rule(&turned_round(), Rule::ReverseFlow);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 10.0).abs() < 1e-6);
        assert_eq!(evidence.kwh_micro, 20_000_000);
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY + 100, FIRST_DAY + 109)
        );
    }

    #[test]
    fn one_day_is_a_near_miss() {
        let world = World::steady(installed(), 120);
        let mut kwh = home(1, 120, 8.0);
        kwh[100] = -2.0;
        let (evidence, _) = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::ReverseFlow);
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!((evidence.strength - 0.15).abs() < 1e-6);
    }

    #[test]
    fn a_channel_for_received_energy_explains_it() {
        let mut world = World::steady(installed(), 120);
        let mut components = world.registry.components.clone();
        let mut solar = typed("MC-999", Some(86_400), &[period(0, 0, i64::MAX)]);
        if let Some(kind) = &mut solar.component_type {
            kind.direction = Direction::Received;
        }
        components.push(solar);
        world.registry = Registry::new(components, places(50));
        let (evidence, _) = world.rule(&turned_round(), Rule::ReverseFlow);
        assert_eq!(evidence.verdict, Verdict::NotJudged(Gap::ReceivedChannel));
        // One that counts, and one that never counted anything.
        for (kwh, is_judged) in [(0.2, false), (0.0, true)] {
            let mut builder = PeerBuilder::new(&world.registry);
            let channel = Profiles::daily(31, FIRST_DAY, &[kwh; 120]);
            builder.observe_series(&channel.series(), &world.registry);
            world.peers = builder.finish(20);
            let (evidence, _) = world.rule(&turned_round(), Rule::ReverseFlow);
            assert_eq!(evidence.is_hit(), is_judged, "{evidence:?}");
        }
    }
}
