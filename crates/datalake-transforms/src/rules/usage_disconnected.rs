//! `USAGE_DISCONNECTED`: usage while the meter is installed but off: the supply was reconnected without leave.
//!
//! A day counts if its actual intervals while off add up to more than `min_kwh_per_day`; a hit needs `min_days`
//! such days. The energy at stake is all of that usage: it is real, and billed to nobody.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Rule, RuleEvidence, StayContext};
use crate::error::TransformError;

/// Thresholds of `USAGE_DISCONNECTED`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UsageDisconnectedConfig {
    /// A day counts if its usage is greater, kWh.
    pub min_kwh_per_day: f64,
    /// Days that a hit needs.
    pub min_days: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for UsageDisconnectedConfig {
    fn default() -> Self {
        Self {
            min_kwh_per_day: 0.2,
            min_days: 2,
            weight: 0.9,
        }
    }
}

impl UsageDisconnectedConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within(
            "usage_disconnected.min_kwh_per_day",
            self.min_kwh_per_day,
            0.0,
            1000.0,
        )?;
        whole("usage_disconnected.min_days", self.min_days, 1, 3650)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.usage_disconnected;
    super::usage::judge(
        context,
        context.rows.clone(),
        Rule::UsageDisconnected,
        context.series.off_kwh,
        config.min_kwh_per_day,
        config.min_days,
    )
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::{FIRST_DAY, Profiles, World, installed};
    use crate::rules::{Rule, Verdict};

    const RULE: Rule = Rule::UsageDisconnected;

    #[test]
    fn usage_while_off_hits_and_is_exactly_what_was_counted() {
        let world = World::steady(installed(), 100);
        let profiles = Profiles::daily(0, FIRST_DAY, &vec![2.5; 100]).switch_off(90..100);
        let (evidence, _) = world.rule(&profiles, RULE);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY + 90, FIRST_DAY + 99)
        );
        assert_eq!(evidence.kwh_micro, 25_000_000);
    }

    #[test]
    fn two_tenths_of_a_kwh_a_day_are_not_more_than_two_tenths() {
        let world = World::steady(installed(), 100);
        let profiles = Profiles::daily(0, FIRST_DAY, &vec![0.2; 100]).switch_off(90..100);
        assert_eq!(world.rule(&profiles, RULE).0.verdict, Verdict::Miss);
        let profiles = Profiles::daily(0, FIRST_DAY, &vec![0.200_001; 100]).switch_off(90..100);
        assert_eq!(world.rule(&profiles, RULE).0.verdict, Verdict::Hit);
    }

    #[test]
    fn a_home_that_is_off_and_silent_is_no_hit() {
        let world = World::steady(installed(), 100);
        let mut kwh = vec![10.0; 100];
        kwh[90..].fill(0.0);
        let profiles = Profiles::daily(0, FIRST_DAY, &kwh).switch_off(90..100);
        let stays = world.judge(&profiles);
        assert!(
            stays[0].rules.iter().all(|rule| !rule.is_hit()),
            "{:?}",
            stays[0].rules
        );
    }
}
