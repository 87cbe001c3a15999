//! `PARTIAL_BYPASS`: a part of the day is missing while the home is lived in.
//!
//! Two ways lead here. A *block*: some hours of the day, one after another, fall below all that was usual in them, base load
//! included, while the other hours stay as they were. *Zeros*: days on which intervals are at exactly zero though the
//! greatest interval of the day shows people at home, where such days were rare before. A fridge does not pause at two
//! every night, and nobody switches the mains off for lunch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::hours::HourChange;
use crate::model::MICRO;

/// Longest block: what is missing nearly all day is a level that fell.
const LONGEST_BLOCK: usize = 20;

/// What the other hours must keep of their level, in part and wholly.
const KEPT: (f64, f64) = (0.55, 0.8);

/// Hours of a block that count in part, and wholly.
const BLOCK_HOURS: (f64, f64) = (2.0, 6.0);

/// Share of the days with zeros that counts in part, and wholly.
const ZERO_DAYS: (f64, f64) = (0.1, 0.6);

/// A day with zeros before counts against as many after.
const BEFORE: f64 = 2.0;

/// Thresholds of `PARTIAL_BYPASS`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PartialBypassConfig {
    /// Hours a day that a hit needs: of the block, or at zero.
    pub min_hours: f64,
    /// Share of the days after the onset, 0..1, that must have zeros where there is no block.
    pub min_zero_days: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for PartialBypassConfig {
    fn default() -> Self {
        Self {
            min_hours: 3.0,
            min_zero_days: 0.3,
            weight: 0.7,
        }
    }
}

impl PartialBypassConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("partial_bypass.min_hours", self.min_hours, 1.0, 20.0)?;
        within("partial_bypass.min_zero_days", self.min_zero_days, 0.05, 1.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.partial_bypass;
    let not_judged = |gap| RuleEvidence::not_judged(Rule::PartialBypass, gap, config.min_hours);
    if context.received {
        return not_judged(Gap::ReceivedChannel);
    }
    let found = context.best_of_hours(|hours| at_change(hours, config));
    found.unwrap_or_else(|| not_judged(Gap::NoHours))
}

fn at_change(hours: &HourChange, config: &PartialBypassConfig) -> RuleEvidence {
    let (block, kept) = hours.missing_block();
    let block = if block <= LONGEST_BLOCK { block as f64 } else { 0.0 };
    let of_block = ramp(block, BLOCK_HOURS.0, BLOCK_HOURS.1) * ramp(kept.exp(), KEPT.0, KEPT.1);
    let zero_days = hours.after.zeros_lived_in - BEFORE * hours.before.zeros;
    let zero_hours = (hours.after.zero_hours - hours.before.zero_hours).max(0.0);
    let of_zeros = ramp(zero_days, ZERO_DAYS.0, ZERO_DAYS.1);
    let (value, strength, enough) = if of_block >= of_zeros {
        (block, of_block, of_block > 0.0)
    } else {
        (zero_hours, of_zeros, zero_days >= config.min_zero_days)
    };
    let hit = enough && value >= config.min_hours;
    RuleEvidence {
        rule: Rule::PartialBypass,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: value as f32,
        threshold: config.min_hours as f32,
        onset_day: hours.onset_day,
        end_day: hours.last_day,
        strength: (if hit { 0.4 + 0.6 * strength } else { 0.6 * strength }) as f32,
        kwh_micro: if hit { fallen_micro(hours) } else { 0 },
    }
}

/// Energy that the hours that fell would have had, at the level before, over the days after; 10^-6 kWh.
pub(super) fn fallen_micro(hours: &HourChange) -> i64 {
    let pairs = hours.before.mean.iter().zip(&hours.after.mean);
    let wh: f64 = pairs.map(|(before, after)| (before - after).max(0.0)).sum();
    (wh * hours.after.days as f64 * (MICRO / 1_000) as f64).round() as i64
}
