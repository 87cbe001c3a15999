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
            weight: 0.2,
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
        let index = levels.index[position];
        usual += if index.is_finite() { index.exp() } else { 1.0 };
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
