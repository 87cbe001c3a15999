//! `SUSTAINED_DROP`: the level falls and stays down.
//!
//! The step comes from [`crate::change_point`]. Homes change for honest reasons, so a drop is believed only as far as every way
//! of looking at it agrees: the median level, the upper decile of the days (a home that is empty now and then keeps it) and the
//! same season a year before. A hit needs the agreed level after the step to be at most `max_ratio` of that
//! before, for `min_days` up to the end of the series, the step to explain `min_explained` of the variance of the
//! weekly levels, and the level to lie below any that the home has shown before over four weeks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::change_point::{Step, step_down};
use crate::error::TransformError;
use crate::levels::Block;
use crate::model::MICRO;

/// Weeks before the step that the fit needs; register periods instead of weeks for registers.
const BLOCKS_BEFORE: (usize, usize) = (4, 3);

/// Weeks after the step; register periods for registers.
const BLOCKS_AFTER: (usize, usize) = (3, 1);

/// Thresholds of `SUSTAINED_DROP`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SustainedDropConfig {
    /// Level after / before that a hit must not exceed.
    pub max_ratio: f64,
    /// Days at the lower level that a hit needs, up to the end of the series.
    pub min_days: u32,
    /// Share of the variance of the weekly levels that the step must explain, 0..1.
    pub min_explained: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for SustainedDropConfig {
    fn default() -> Self {
        Self {
            max_ratio: 0.6,
            min_days: 21,
            min_explained: 0.6,
            weight: 0.8,
        }
    }
}

impl SustainedDropConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("sustained_drop.max_ratio", self.max_ratio, 0.05, 0.95)?;
        whole("sustained_drop.min_days", self.min_days, 14, 3650)?;
        within("sustained_drop.min_explained", self.min_explained, 0.0, 1.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>, blocks: &[Block]) -> (RuleEvidence, Option<Step>) {
    let config = &context.config.sustained_drop;
    let register = usize::from(context.is_register());
    let pick = |pair: (usize, usize)| [pair.0, pair.1][register];
    let step = step_down(context.levels, blocks, pick(BLOCKS_BEFORE), pick(BLOCKS_AFTER));
    let Some(step) = step else {
        return (
            RuleEvidence::not_judged(Rule::SustainedDrop, Gap::TooFewDays, config.max_ratio),
            None,
        );
    };
    let days = step.last_day - step.onset_day + 1;
    let depth = -step.agreed_drop();
    let ratio = (-depth).exp();
    let hit = ratio <= config.max_ratio
        && days >= config.min_days as i32
        && step.explained >= config.min_explained
        && step.below_shown < 0.0;
    let strength = strength(&step);
    let lost = context
        .levels
        .median_over(context.levels.positions(i32::MIN..step.onset_day));
    let kwh = lost.unwrap_or(0.0) * (1.0 - ratio).max(0.0) * f64::from(days);
    (
        RuleEvidence {
            rule: Rule::SustainedDrop,
            verdict: if hit { Verdict::Hit } else { Verdict::Miss },
            value: ratio as f32,
            threshold: config.max_ratio as f32,
            onset_day: step.onset_day,
            end_day: step.last_day,
            strength: strength as f32,
            kwh_micro: (kwh * MICRO as f64).round() as i64,
        },
        Some(step),
    )
}

/// 0..1: how deep, and how clear against the home's own noise.
fn strength(step: &Step) -> f64 {
    let depth = ramp(-step.agreed_drop(), 0.0, 1.0);
    let clear = ramp(step.explained, 0.0, 0.8);
    depth * clear
}
