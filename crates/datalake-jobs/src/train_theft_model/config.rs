//! The job's part of the config.

use datalake_deps::config::{ConfigError, Resolved};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::theft_detection::RawConfig;

/// What a model is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LearnerKind {
    /// Gradient-boosted trees.
    #[default]
    BoostedTrees,
    /// L2 logistic regression, the baseline.
    Logistic,
}

/// How `train-theft-model` learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LearningConfig {
    /// What the model is made of.
    pub learner: LearnerKind,
    /// Parts that are held out in turn, 2 to 20; a service point is in one of them.
    pub folds: u32,
    /// Seed of the parts, and of all samples.
    pub seed: u64,
    /// Whether the model may look at counts of days and bills and at first and last days.
    pub counts_and_dates: bool,
    /// Thefts, and other outcomes, that are needed at least.
    pub min_labels: u64,
    /// Weight of a theft, above 0 and up to 1000; other outcomes have 1.
    pub theft_weight: f64,
}

impl Default for LearningConfig {
    fn default() -> Self {
        Self {
            learner: LearnerKind::BoostedTrees,
            folds: 5,
            seed: 1,
            counts_and_dates: true,
            min_labels: 20,
            theft_weight: 1.0,
        }
    }
}

/// Checks the values; an error names the key, where its value came from, and what is allowed.
pub(super) fn validate(resolved: &Resolved<RawConfig>) -> Result<LearningConfig, ConfigError> {
    let config = &resolved.value.learning;
    if !(2..=20).contains(&config.folds) {
        let why = format!("{} parts: 2 to 20 are allowed", config.folds);
        return Err(resolved.error_at("learning.folds", why));
    }
    if config.min_labels < u64::from(config.folds) {
        let why = format!(
            "{} is less than the number of folds, {}",
            config.min_labels, config.folds
        );
        return Err(resolved.error_at("learning.min_labels", why));
    }
    if !(config.theft_weight > 0.0 && config.theft_weight <= 1000.0) {
        let why = format!("{} is not above 0 and up to 1000", config.theft_weight);
        return Err(resolved.error_at("learning.theft_weight", why));
    }
    Ok(config.clone())
}
