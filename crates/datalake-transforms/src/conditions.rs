//! What condition codes and use flags say of a measurement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TransformError;
use crate::model::{Condition, ConditionRange};

/// Meaning of condition codes and use flags, and which values cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConditionConfig {
    /// Ranges of condition codes. A config that gives ranges replaces all of the defaults.
    pub ranges: Vec<ConditionRange>,
    /// Whether a value with a code outside every range, or with none, counts as actual.
    pub unknown_is_actual: bool,
    /// Use flags that mark a measurement as not to be used.
    pub unusable_use_flags: Vec<String>,
    /// Greatest value of an interval that is believed, kWh, of either sign; rows beyond it are rejected. The period of
    /// a register may last 400 days, and have 400 times as much. The default is a day of a line of 40 MW.
    #[schemars(range(min = 1))]
    pub max_kwh_per_interval: u32,
}

impl Default for ConditionConfig {
    fn default() -> Self {
        let range = |from, to, condition| ConditionRange { from, to, condition };
        Self {
            ranges: vec![
                range(100_000, 299_999, Condition::Missing),
                range(300_000, 499_999, Condition::Estimated),
                range(500_000, 599_999, Condition::Actual),
                range(900_000, 999_999, Condition::Override),
            ],
            unknown_is_actual: true,
            unusable_use_flags: vec!["D101".to_owned()],
            max_kwh_per_interval: 1_000_000,
        }
    }
}

/// Looks condition codes up. Ranges sorted, none overlaps another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionMap {
    ranges: Vec<ConditionRange>,
}

impl ConditionMap {
    /// Sorts the ranges; an error names a range that ends before it begins, or two that overlap.
    pub fn new(ranges: &[ConditionRange]) -> Result<Self, TransformError> {
        let wrong = |value: String, why: String| TransformError::Parameter {
            name: "conditions.ranges".to_owned(),
            value,
            why,
        };
        let mut ranges = ranges.to_vec();
        ranges.sort_unstable_by_key(|range| (range.from, range.to));
        for range in &ranges {
            if range.from > range.to {
                let value = format!("{}-{}", range.from, range.to);
                return Err(wrong(value, "a range must not end before it begins".to_owned()));
            }
        }
        for pair in ranges.windows(2) {
            if let [a, b] = pair
                && b.from <= a.to
            {
                let value = format!("{}-{}", b.from, b.to);
                return Err(wrong(value, format!("it overlaps the range {}-{}", a.from, a.to)));
            }
        }
        Ok(Self { ranges })
    }

    /// What a code means. A code that is absent, no number, or in no range is unknown.
    #[must_use]
    pub fn classify(&self, code: Option<&str>) -> Condition {
        let number = code
            .map(str::trim)
            .filter(|code| code.bytes().all(|b| b.is_ascii_digit()));
        let Some(number) = number.and_then(|code| code.parse::<u32>().ok()) else {
            return Condition::Unknown;
        };
        let candidate = self.ranges.partition_point(|range| range.from <= number);
        candidate
            .checked_sub(1)
            .map(|position| &self.ranges[position])
            .filter(|range| number <= range.to)
            .map_or(Condition::Unknown, |range| range.condition)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_default_ranges_at_their_edges() {
        let map = ConditionMap::new(&ConditionConfig::default().ranges).unwrap();
        for (code, condition) in [
            ("099999", Condition::Unknown),
            ("100000", Condition::Missing),
            ("299999", Condition::Missing),
            ("300000", Condition::Estimated),
            ("301000", Condition::Estimated),
            ("499999", Condition::Estimated),
            ("500000", Condition::Actual),
            ("501008", Condition::Actual),
            ("599999", Condition::Actual),
            ("600000", Condition::Unknown),
            ("899999", Condition::Unknown),
            ("900000", Condition::Override),
            ("999999", Condition::Override),
            ("1000000", Condition::Unknown),
            ("99999999999999999999", Condition::Unknown),
            (" 500000 ", Condition::Actual),
            ("+500000", Condition::Unknown),
            ("50A000", Condition::Unknown),
            ("", Condition::Unknown),
        ] {
            assert_eq!(map.classify(Some(code)), condition, "{code}");
        }
        assert_eq!(map.classify(None), Condition::Unknown);
    }

    #[test]
    fn wrong_ranges_are_named() {
        let range = |from, to| ConditionRange {
            from,
            to,
            condition: Condition::Actual,
        };
        let refuse = |ranges: &[ConditionRange]| ConditionMap::new(ranges).unwrap_err().to_string();
        insta::assert_snapshot!(refuse(&[range(9, 8)]), @"parameter `conditions.ranges` is 9-8: a range must not end before it begins");
        insta::assert_snapshot!(refuse(&[range(20, 30), range(10, 20)]), @"parameter `conditions.ranges` is 20-30: it overlaps the range 10-20");
        assert!(ConditionMap::new(&[range(21, 30), range(10, 20)]).is_ok());
    }

    #[test]
    fn a_config_that_is_silent_has_the_defaults() {
        let config: ConditionConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config, ConditionConfig::default());
        assert_eq!(config.unusable_use_flags, ["D101"]);
        assert!(config.unknown_is_actual);
        assert_eq!(config.max_kwh_per_interval, 1_000_000);
        assert!(serde_json::from_str::<ConditionConfig>(r#"{"range": []}"#).is_err());
    }
}
