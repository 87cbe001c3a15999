//! What the resolver needs to know of a site: condition codes and use flags.

use crate::conditions::{ConditionConfig, ConditionMap};
use crate::error::TransformError;
use crate::model::Condition;

/// Condition codes, use flags, and what to make of unknown conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveConfig {
    /// What condition codes mean.
    pub conditions: ConditionMap,
    /// Use flags of rows that must not be used.
    pub unusable_use_flags: Vec<String>,
    /// Whether a value whose condition is unknown may serve as an actual one.
    pub unknown_condition_is_actual: bool,
}

impl ResolveConfig {
    /// From the site's config; an error names ranges that overlap.
    pub fn new(config: &ConditionConfig) -> Result<Self, TransformError> {
        Ok(Self {
            conditions: ConditionMap::new(&config.ranges)?,
            unusable_use_flags: config.unusable_use_flags.clone(),
            unknown_condition_is_actual: config.unknown_is_actual,
        })
    }

    /// Whether a row with this use flag must not be used.
    #[must_use]
    pub fn is_unusable(&self, use_flag: &str) -> bool {
        let flag = use_flag.trim();
        self.unusable_use_flags
            .iter()
            .any(|unusable| unusable.trim() == flag)
    }

    /// Whether a rule may rest on values of this condition.
    #[must_use]
    pub fn is_actual(&self, condition: Condition) -> bool {
        match condition {
            Condition::Actual | Condition::Override => true,
            Condition::Unknown => self.unknown_condition_is_actual,
            Condition::Estimated | Condition::Missing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn use_flags_are_trimmed_and_unknown_conditions_follow_the_config() {
        let config = ResolveConfig::new(&ConditionConfig::default()).unwrap();
        assert!(config.is_unusable("D101 ") && !config.is_unusable("D102"));
        assert!(config.is_actual(Condition::Unknown));
        let strict = ResolveConfig {
            unknown_condition_is_actual: false,
            ..config
        };
        assert!(!strict.is_actual(Condition::Unknown) && strict.is_actual(Condition::Override));
        assert!(!strict.is_actual(Condition::Estimated) && !strict.is_actual(Condition::Missing));
    }
}
