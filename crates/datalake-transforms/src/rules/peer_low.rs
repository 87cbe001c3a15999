//! `PEER_LOW`: far below the peer group.
//!
//! Robust z of the home's level (ln of the mean kWh a day over its last 90 whole days, less what the peers' index was on those days) in its
//! group: `(x - median) / max(1.4826 MAD, spread_floor)`. Small homes exist: the rule supports others and opens no case
//! alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::model::MICRO;

/// Whole days that the level is taken from, and the least of them.
const DAYS: (usize, usize) = (90, 28);

/// Thresholds of `PEER_LOW`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PeerLowConfig {
    /// Robust z that a hit must not exceed; below zero.
    pub max_robust_z: f64,
    /// Least spread of ln kWh a day in a group.
    pub spread_floor: f64,
    /// Weight in the score, 0..1; from `case_threshold` on it opens cases alone.
    pub weight: f64,
}

impl Default for PeerLowConfig {
    fn default() -> Self {
        Self {
            max_robust_z: -3.5,
            spread_floor: 0.25,
            weight: 0.1,
        }
    }
}

impl PeerLowConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("peer_low.max_robust_z", self.max_robust_z, -100.0, -0.5)?;
        within("peer_low.spread_floor", self.spread_floor, 0.01, 10.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.peer_low;
    let levels = context.levels;
    let not_judged = |gap| RuleEvidence::not_judged(Rule::PeerLow, gap, config.max_robust_z);
    if levels.len() < DAYS.1 {
        return not_judged(Gap::TooFewDays);
    }
    let Some((group, median)) = context
        .group
        .and_then(|group| Some((group, group.ln_mean_median?)))
    else {
        return not_judged(Gap::TooFewPeers);
    };
    let recent = levels.len().saturating_sub(DAYS.0)..levels.len();
    let mut usual = 0.0;
    let mut kwh = 0.0;
    for position in recent.clone() {
        usual += levels.factor[position];
        kwh += levels.kwh[position];
    }
    let level = (kwh.max(0.001) / usual).ln();
    let z = (level - median) / group.ln_mean_spread.max(config.spread_floor);
    let hit = z <= config.max_robust_z;
    let strength = if hit {
        0.6 + 0.4 * ramp(z, config.max_robust_z, 2.0 * config.max_robust_z)
    } else {
        0.6 * ramp(z, 0.0, config.max_robust_z)
    };
    RuleEvidence {
        rule: Rule::PeerLow,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: z as f32,
        threshold: config.max_robust_z as f32,
        onset_day: levels.day[recent.start],
        end_day: levels.day[recent.end - 1],
        strength: strength as f32,
        kwh_micro: ((usual * median.exp() - kwh).max(0.0) * MICRO as f64).round() as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed};
    use proptest::prelude::*;

    /// Peers from 5 to 20 kWh a day: 2.5 kWh apart by a factor of 2^(1/15).
    fn judged(kwh: &[f64]) -> RuleEvidence {
        let peers = |peer: usize, _| 5.0 * 2.0_f64.powf((peer - 1) as f64 / 14.5);
        let world = World::new(installed(), &peers, kwh.len());
        world.rule(&Profiles::daily(0, FIRST_DAY, kwh), Rule::PeerLow).0
    }

    #[test]
    fn a_sixteenth_of_the_median_is_low() {
        // Median 10 kWh; the deviations of ln run evenly from 0 to ln 2, their median is ln 2 / 2 = 0.35: spread 0.51.
        let evidence = judged(&vec![10.0 / 16.0; 120]);
        let z = (1.0_f64 / 16.0).ln() / (1.4826 * 0.5 * std::f64::consts::LN_2);
        assert!(
            (f64::from(evidence.value) - z).abs() < 0.4,
            "{} {z}",
            evidence.value
        );
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY + 30, FIRST_DAY + 119)
        );
    }

    #[test]
    fn a_quarter_of_the_median_is_not() {
        let evidence = judged(&home(1, 120, 2.5));
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!(evidence.strength > 0.2 && evidence.strength < 0.6);
    }

    #[test]
    fn four_weeks_are_needed_and_peers() {
        assert_eq!(
            judged(&home(1, 27, 1.0)).verdict,
            Verdict::NotJudged(Gap::TooFewDays)
        );
        let mut world = World::steady(installed(), 100);
        world.peers = crate::peers::PeerBuilder::new(&world.registry).finish(20);
        let (evidence, _) = world.rule(&Profiles::daily(0, FIRST_DAY, &home(1, 100, 1.0)), Rule::PeerLow);
        assert_eq!(evidence.verdict, Verdict::NotJudged(Gap::TooFewPeers));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn z_grows_with_the_level(kwh in 0.05_f64..20.0) {
            prop_assert!(judged(&vec![kwh; 60]).value < judged(&vec![kwh * 1.3; 60]).value);
        }
    }

    #[test]
    fn twice_the_least_distance_is_as_low_as_it_gets() {
        // All peers at 10 kWh: the least spread, 0.25. Half way from -3.5 to -7.
        let world = World::new(installed(), &|_, _| 10.0, 120);
        let judged = |kwh: f64| {
            let kwh = vec![kwh; 120];
            world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::PeerLow).0
        };
        let found = judged(10.0 * (-0.25 * 5.25_f64).exp());
        // Medians of peers are known to a bin of four percent or so: 0.17 in units of 0.25.
        assert!((found.value + 5.25).abs() < 0.17, "{found:?}");
        let way = (-3.5 - found.value) / 3.5;
        assert!((found.strength - 0.6 - 0.4 * way).abs() < 1e-5, "{found:?}");
        // No energy at all counts as a watt-hour in ninety days.
        let z = (0.001_f64 / 900.0).ln() / 0.25;
        assert!(
            (f64::from(judged(0.0).value) - z).abs() < 0.17,
            "{}",
            judged(0.0).value
        );
    }

    #[test]
    fn twenty_eight_days_are_enough() {
        assert_eq!(judged(&[10.0; 28]).verdict, Verdict::Miss);
    }
}
