//! `REVERSE_FLOW`: negative energy, or a register that fell without rolling over, where no channel receives energy.
//!
//! A meter turned round counts backwards. A hit needs `min_days` days whose negative intervals add up to `min_kwh_per_day` or more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::model::MICRO;

/// Days with negative energy that make a hit as sure as it gets.
const SURE_DAYS: f64 = 14.0;

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
    if context.received {
        return RuleEvidence::not_judged(Rule::ReverseFlow, Gap::ReceivedChannel, threshold);
    }
    let least = (config.min_kwh_per_day * MICRO as f64).round() as i64;
    let mut days = 0_u32;
    let mut span = (0, 0);
    let mut total = 0_i64;
    for row in context.rows.clone() {
        let negative = context.series.usable_negative_kwh[row].saturating_neg();
        total = total.saturating_add(negative);
        if negative >= least {
            let day = context.series.day[row];
            if days == 0 {
                span.0 = day;
            }
            span.1 = day;
            days += 1;
        }
    }
    let hit = days >= config.min_days;
    let strength = if hit {
        0.7 + 0.3 * ramp(f64::from(days), threshold, SURE_DAYS.max(threshold + 1.0))
    } else {
        0.3 * f64::from(days) / threshold
    };
    RuleEvidence {
        rule: Rule::ReverseFlow,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: days as f32,
        threshold: threshold as f32,
        onset_day: span.0,
        end_day: span.1,
        strength: strength as f32,
        kwh_micro: total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Direction;
    use crate::registry::Registry;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, period, places, typed};

    fn turned_round() -> Profiles {
        let mut kwh = home(1, 120, 8.0);
        kwh[100..110].fill(-2.0);
        Profiles::daily(0, FIRST_DAY, &kwh)
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
    }
}
