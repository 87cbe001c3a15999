//! The thresholds of each rule that a site may want to move, with values worth a look.

use super::Rule;

/// A threshold of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Its key in the rule's section of the config.
    pub key: &'static str,
    /// Values worth a look, ascending.
    pub values: &'static [f64],
}

const fn threshold(key: &'static str, values: &'static [f64]) -> Threshold {
    Threshold { key, values }
}

impl Rule {
    /// Section of the rule in the config, below `rules`.
    #[must_use]
    pub fn section(self) -> String {
        self.code().to_ascii_lowercase()
    }

    /// What decides most whether it hits. Of a rule without a threshold its weight, from which it opens a case alone.
    #[must_use]
    pub fn thresholds(self) -> &'static [Threshold] {
        const RATIOS: &[f64] = &[0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
        const DAYS_OF_USAGE: Threshold = threshold("min_days", &[1.0, 2.0, 5.0, 10.0, 30.0]);
        match self {
            Self::UsageNotInstalled => {
                const {
                    &[
                        DAYS_OF_USAGE,
                        threshold("min_kwh_per_day", &[0.05, 0.1, 0.5, 1.0, 5.0]),
                    ]
                }
            }
            Self::UsageDisconnected => {
                const {
                    &[
                        DAYS_OF_USAGE,
                        threshold("min_kwh_per_day", &[0.1, 0.2, 0.5, 1.0, 5.0]),
                    ]
                }
            }
            Self::ZeroWhileOn => const { &[threshold("min_days", &[7.0, 14.0, 21.0, 30.0, 60.0])] },
            Self::SustainedDrop => {
                const {
                    &[
                        threshold("max_ratio", RATIOS),
                        threshold("min_days", &[14.0, 21.0, 30.0, 60.0, 90.0]),
                    ]
                }
            }
            Self::MultiplierChanged => const { &[threshold("tolerance", &[0.02, 0.03, 0.05, 0.08, 0.1])] },
            Self::MissingBeforeDrop => const { &[threshold("min_excess", &[0.1, 0.2, 0.3, 0.5])] },
            Self::PartialBypass => const { &[threshold("min_hours", &[2.0, 3.0, 4.0, 5.0, 6.0, 8.0])] },
            Self::ClippedPeaks => const { &[threshold("min_share", &[0.1, 0.2, 0.3, 0.4, 0.5])] },
            Self::MeanShape => const { &[threshold("min_mirrored", &[0.1, 0.2, 0.3, 0.5, 0.8])] },
            Self::LoadShifted => const { &[threshold("min_share", &[0.05, 0.1, 0.15, 0.2, 0.3])] },
            Self::PatternLost => const { &[threshold("min_fall", &[0.2, 0.3, 0.4, 0.5, 0.6])] },
            Self::Flatline => const { &[threshold("min_days", &[5.0, 7.0, 10.0, 14.0, 30.0])] },
            Self::RepeatedDay => const { &[threshold("min_days", &[2.0, 3.0, 5.0, 10.0])] },
            Self::ReverseFlow => const { &[threshold("min_days", &[1.0, 2.0, 5.0, 10.0])] },
            Self::OverlappingInstall => const { &[threshold("weight", &[0.2, 0.3, 0.5, 0.65])] },
            Self::GradualDecline | Self::DropAfterExchange => const { &[threshold("max_ratio", RATIOS)] },
            Self::SiblingMismatch => const { &[threshold("max_share", &[0.05, 0.1, 0.2, 0.3, 0.4])] },
            Self::RegisterMismatch => const { &[threshold("min_shortfall", &[0.02, 0.05, 0.1, 0.2, 0.3])] },
            Self::TamperThenDrop => const { &[threshold("max_days", &[1.0, 2.0, 3.0, 5.0, 7.0])] },
            Self::TransformerBalance => const { &[threshold("min_share", &[0.3, 0.4, 0.5, 0.6, 0.8])] },
            Self::ProlongedEstimation => const { &[threshold("min_days", &[14.0, 30.0, 60.0, 90.0, 180.0])] },
            Self::PeerLow => const { &[threshold("max_robust_z", &[-5.0, -4.0, -3.5, -3.0, -2.5])] },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::RuleConfig;

    #[test]
    fn every_threshold_is_a_key_of_its_section_and_every_value_is_allowed() {
        for rule in Rule::ALL {
            assert!(!rule.thresholds().is_empty(), "{}", rule.code());
            for threshold in rule.thresholds() {
                assert!(threshold.values.is_sorted(), "{}: {}", rule.code(), threshold.key);
                for value in threshold.values {
                    let text = format!(r#"{{"{}": {{"{}": {value}}}}}"#, rule.section(), threshold.key);
                    let config: RuleConfig = serde_json::from_str(&text).unwrap();
                    config.validate().unwrap();
                }
            }
        }
    }
}
