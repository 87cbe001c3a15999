//! What the resolver needs to know of a site: condition codes and use flags.

use crate::model::{Condition, ConditionRange};

/// Condition codes, use flags, and what to make of unknown conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveConfig {
    /// Ranges of condition codes; they do not overlap.
    pub conditions: Vec<ConditionRange>,
    /// Use flags of rows that must not be used.
    pub unusable_use_flags: Vec<String>,
    /// Whether a value whose condition is unknown may serve as an actual one.
    pub unknown_condition_is_actual: bool,
}

impl Default for ResolveConfig {
    /// The ranges of the data model, the use flag `D101`, and unknown conditions taken as actual.
    fn default() -> Self {
        let range = |from, to, condition| ConditionRange { from, to, condition };
        Self {
            conditions: vec![
                range(100_000, 299_999, Condition::Missing),
                range(300_000, 499_999, Condition::Estimated),
                range(500_000, 599_999, Condition::Actual),
                range(900_000, 999_999, Condition::Override),
            ],
            unusable_use_flags: vec!["D101".to_owned()],
            unknown_condition_is_actual: true,
        }
    }
}

impl ResolveConfig {
    /// What a condition code means; a code that is no number or in no range is unknown.
    #[must_use]
    pub fn condition(&self, code: &str) -> Condition {
        code.trim()
            .parse::<u32>()
            .ok()
            .and_then(|code| self.conditions.iter().find(|range| (range.from..=range.to).contains(&code)))
            .map_or(Condition::Unknown, |range| range.condition)
    }

    /// Whether a row with this use flag must not be used.
    #[must_use]
    pub fn is_unusable(&self, use_flag: &str) -> bool {
        let flag = use_flag.trim();
        self.unusable_use_flags.iter().any(|unusable| unusable.trim() == flag)
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
    use super::*;

    #[test]
    fn codes_fall_into_their_ranges() {
        let config = ResolveConfig::default();
        for (code, condition) in [
            ("100000", Condition::Missing),
            ("299999", Condition::Missing),
            ("300000", Condition::Estimated),
            ("499999", Condition::Estimated),
            (" 501000 ", Condition::Actual),
            ("599999", Condition::Actual),
            ("600000", Condition::Unknown),
            ("900000", Condition::Override),
            ("999999", Condition::Override),
            ("1000000", Condition::Unknown),
            ("6", Condition::Unknown),
            ("-501000", Condition::Unknown),
            ("N/A", Condition::Unknown),
            ("", Condition::Unknown),
        ] {
            assert_eq!(config.condition(code), condition, "{code:?}");
        }
        assert!(config.is_unusable("D101 ") && !config.is_unusable("D102"));
        assert!(config.is_actual(Condition::Unknown));
        let strict = ResolveConfig { unknown_condition_is_actual: false, ..config };
        assert!(!strict.is_actual(Condition::Unknown) && strict.is_actual(Condition::Override));
    }
}
