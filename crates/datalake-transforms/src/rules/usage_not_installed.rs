//! `USAGE_NOT_INSTALLED`: usage while no install event covers the interval: the meter was removed, or never installed, and still
//! counts.
//!
//! A day counts if its actual intervals that no install event covers add up to more than `min_kwh_per_day`; a hit needs `min_days`
//! such days. The energy at stake is all of that usage: it is real, and billed to nobody.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Rule, RuleEvidence, StayContext};
use crate::error::TransformError;

/// Thresholds of `USAGE_NOT_INSTALLED`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UsageNotInstalledConfig {
    /// A day counts if its usage is greater, kWh.
    pub min_kwh_per_day: f64,
    /// Days that a hit needs.
    pub min_days: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for UsageNotInstalledConfig {
    fn default() -> Self {
        Self {
            min_kwh_per_day: 0.1,
            min_days: 2,
            weight: 0.9,
        }
    }
}

impl UsageNotInstalledConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within(
            "usage_not_installed.min_kwh_per_day",
            self.min_kwh_per_day,
            0.0,
            1000.0,
        )?;
        whole("usage_not_installed.min_days", self.min_days, 1, 3650)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.usage_not_installed;
    super::usage::judge(
        context,
        Rule::UsageNotInstalled,
        context.series.uninstalled_kwh,
        config.min_kwh_per_day,
        config.min_days,
    )
}
