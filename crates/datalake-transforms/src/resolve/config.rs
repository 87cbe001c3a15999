//! What the resolver needs to know of a site: condition codes, use flags and the greatest value.

use super::MAX_PERIOD_DAYS;
use crate::conditions::{ConditionConfig, ConditionMap};
use crate::error::TransformError;
use crate::measured::VALUE_LIMIT_MICRO;
use crate::model::{Condition, MICRO};

/// Condition codes, use flags, and what to make of unknown conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveConfig {
    /// What condition codes mean.
    pub conditions: ConditionMap,
    /// Use flags of rows that must not be used.
    pub unusable_use_flags: Vec<String>,
    /// Whether a value whose condition is unknown may serve as an actual one.
    pub unknown_condition_is_actual: bool,
    /// Greatest value of an interval that is believed, 10^-6 kWh, of either sign; less than [`VALUE_LIMIT_MICRO`].
    pub limit_micro: i64,
}

impl ResolveConfig {
    /// From the site's config; an error names ranges that overlap, or a limit of zero.
    pub fn new(config: &ConditionConfig) -> Result<Self, TransformError> {
        if config.max_kwh_per_interval == 0 {
            return Err(TransformError::Parameter {
                name: "conditions.max_kwh_per_interval".to_owned(),
                value: "0".to_owned(),
                why: "must be at least 1".to_owned(),
            });
        }
        Ok(Self {
            conditions: ConditionMap::new(&config.ranges)?,
            unusable_use_flags: config.unusable_use_flags.clone(),
            unknown_condition_is_actual: config.unknown_is_actual,
            // 2^32 kWh are less than 10^10.
            limit_micro: i64::from(config.max_kwh_per_interval) * MICRO,
        })
    }

    /// Greatest energy of a register's period: as much a day as an interval may have.
    #[must_use]
    pub fn register_limit_micro(&self) -> i64 {
        self.limit_micro
            .saturating_mul(MAX_PERIOD_DAYS)
            .min(VALUE_LIMIT_MICRO - 1)
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

    #[test]
    fn the_greatest_values_add_up_within_64_bits() {
        let limits = |max_kwh_per_interval| {
            let config = ConditionConfig {
                max_kwh_per_interval,
                ..ConditionConfig::default()
            };
            ResolveConfig::new(&config).map(|config| (config.limit_micro, config.register_limit_micro()))
        };
        let (interval, register) = limits(ConditionConfig::default().max_kwh_per_interval).unwrap();
        assert_eq!((interval, register), (1_000_000 * MICRO, 400_000_000 * MICRO));
        // 100 years of days and of half-hours; 80 years of the shortest intervals there are.
        for (intervals, years) in [(1, 100), (48, 100), (288, 80)] {
            assert!(interval.checked_mul(intervals * years * 366).is_some());
        }
        // A year's energy of any meter fits the 18 digits of a case.
        assert!(interval * 288 * 366 < 1_000_000_000_000_000_000);
        let (interval, register) = limits(u32::MAX).unwrap();
        assert!(interval < VALUE_LIMIT_MICRO && register < VALUE_LIMIT_MICRO);
        insta::assert_snapshot!(limits(0).unwrap_err(), @"parameter `conditions.max_kwh_per_interval` is 0: must be at least 1");
    }
}
