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
        Rule::UsageDisconnected,
        context.series.off_kwh,
        config.min_kwh_per_day,
        config.min_days,
    )
}
