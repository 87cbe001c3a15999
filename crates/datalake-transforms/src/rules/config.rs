//! Thresholds of all rules: serde, JSON schema, defaults and validation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Rule;
use super::clipped_peaks::ClippedPeaksConfig;
use super::drop_after_exchange::DropAfterExchangeConfig;
use super::flatline::FlatlineConfig;
use super::gradual_decline::GradualDeclineConfig;
use super::load_shifted::LoadShiftedConfig;
use super::mean_shape::MeanShapeConfig;
use super::missing_before_drop::MissingBeforeDropConfig;
use super::multiplier_changed::MultiplierChangedConfig;
use super::overlapping_install::OverlappingInstallConfig;
use super::partial_bypass::PartialBypassConfig;
use super::pattern_lost::PatternLostConfig;
use super::peer_low::PeerLowConfig;
use super::prolonged_estimation::ProlongedEstimationConfig;
use super::register_mismatch::RegisterMismatchConfig;
use super::repeated_day::RepeatedDayConfig;
use super::reverse_flow::ReverseFlowConfig;
use super::sibling_mismatch::SiblingMismatchConfig;
use super::sustained_drop::SustainedDropConfig;
use super::tamper_then_drop::TamperThenDropConfig;
use super::transformer_balance::TransformerBalanceConfig;
use super::usage_disconnected::UsageDisconnectedConfig;
use super::usage_not_installed::UsageNotInstalledConfig;
use super::zero_while_on::ZeroWhileOnConfig;
use crate::error::TransformError;
use crate::ranking::OddityConfig;
use crate::suppressors::SuppressorConfig;

/// Thresholds and weights of the rules, the suppressors and the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuleConfig {
    /// A service point whose score from hits reaches this is a case, 0..1.
    pub case_threshold: f64,
    /// What a near miss counts of what a hit would, 0..1; near misses order the scores and never open a case.
    pub near_miss_share: f64,
    /// What the weaker rules of one family count of what they would alone, 0..1: they see the same fact from other sides.
    pub corroboration_share: f64,
    /// Peer groups of fewer stays lean on the wider group.
    pub min_peers: u32,
    /// Whole days before a change that a rule needs to trust the level before; fewer make it a new install.
    pub baseline_days: u32,
    /// Energy lost is counted for at most so many months back from the last day with an actual value.
    pub back_billing_months: u32,
    /// Price of a kWh, for `lost_amount`; absent: no amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tariff_per_kwh: Option<f64>,
    /// Usage while no install event covers it.
    pub usage_not_installed: UsageNotInstalledConfig,
    /// Usage while installed but off.
    pub usage_disconnected: UsageDisconnectedConfig,
    /// Actual zeros while installed and on.
    pub zero_while_on: ZeroWhileOnConfig,
    /// The level falls and stays down.
    pub sustained_drop: SustainedDropConfig,
    /// The level falls slowly against the peers.
    pub gradual_decline: GradualDeclineConfig,
    /// The level steps by a fraction that wrong multipliers make.
    pub multiplier_changed: MultiplierChangedConfig,
    /// Reads go missing around a fall.
    pub missing_before_drop: MissingBeforeDropConfig,
    /// A part of the day is missing.
    pub partial_bypass: PartialBypassConfig,
    /// Values stop at a cap.
    pub clipped_peaks: ClippedPeaksConfig,
    /// The day is replaced by its mirror.
    pub mean_shape: MeanShapeConfig,
    /// Energy of some hours is reported in others.
    pub load_shifted: LoadShiftedConfig,
    /// The rhythm disappears.
    pub pattern_lost: PatternLostConfig,
    /// Whole days repeated exactly.
    pub repeated_day: RepeatedDayConfig,
    /// One value repeated.
    pub flatline: FlatlineConfig,
    /// Negative energy without a channel for it.
    pub reverse_flow: ReverseFlowConfig,
    /// Install events that contradict each other.
    pub overlapping_install: OverlappingInstallConfig,
    /// A new meter reads far less than the one before.
    pub drop_after_exchange: DropAfterExchangeConfig,
    /// One meter falls and its siblings stand still.
    pub sibling_mismatch: SiblingMismatchConfig,
    /// The intervals count less than the register.
    pub register_mismatch: RegisterMismatchConfig,
    /// A tamper or power event, then a fall.
    pub tamper_then_drop: TamperThenDropConfig,
    /// The transformer goes on supplying what the home counts less.
    pub transformer_balance: TransformerBalanceConfig,
    /// Nothing actual for long.
    pub prolonged_estimation: ProlongedEstimationConfig,
    /// Far below the peer group.
    pub peer_low: PeerLowConfig,
    /// How odd a service point is among the others.
    pub oddity: OddityConfig,
    /// Reasons that explain a hit without theft.
    pub suppressors: SuppressorConfig,
}

impl Default for RuleConfig {
    fn default() -> Self {
        Self {
            case_threshold: 0.5,
            near_miss_share: 0.5,
            corroboration_share: 0.15,
            min_peers: 20,
            baseline_days: 60,
            back_billing_months: 12,
            tariff_per_kwh: None,
            usage_not_installed: UsageNotInstalledConfig::default(),
            usage_disconnected: UsageDisconnectedConfig::default(),
            zero_while_on: ZeroWhileOnConfig::default(),
            sustained_drop: SustainedDropConfig::default(),
            gradual_decline: GradualDeclineConfig::default(),
            multiplier_changed: MultiplierChangedConfig::default(),
            missing_before_drop: MissingBeforeDropConfig::default(),
            partial_bypass: PartialBypassConfig::default(),
            clipped_peaks: ClippedPeaksConfig::default(),
            mean_shape: MeanShapeConfig::default(),
            load_shifted: LoadShiftedConfig::default(),
            pattern_lost: PatternLostConfig::default(),
            repeated_day: RepeatedDayConfig::default(),
            flatline: FlatlineConfig::default(),
            reverse_flow: ReverseFlowConfig::default(),
            overlapping_install: OverlappingInstallConfig::default(),
            drop_after_exchange: DropAfterExchangeConfig::default(),
            sibling_mismatch: SiblingMismatchConfig::default(),
            register_mismatch: RegisterMismatchConfig::default(),
            tamper_then_drop: TamperThenDropConfig::default(),
            transformer_balance: TransformerBalanceConfig::default(),
            prolonged_estimation: ProlongedEstimationConfig::default(),
            peer_low: PeerLowConfig::default(),
            oddity: OddityConfig::default(),
            suppressors: SuppressorConfig::default(),
        }
    }
}

impl RuleConfig {
    /// Weight of a rule in the score.
    #[must_use]
    pub fn weight(&self, rule: Rule) -> f64 {
        match rule {
            Rule::UsageNotInstalled => self.usage_not_installed.weight,
            Rule::UsageDisconnected => self.usage_disconnected.weight,
            Rule::ZeroWhileOn => self.zero_while_on.weight,
            Rule::SustainedDrop => self.sustained_drop.weight,
            Rule::GradualDecline => self.gradual_decline.weight,
            Rule::MultiplierChanged => self.multiplier_changed.weight,
            Rule::MissingBeforeDrop => self.missing_before_drop.weight,
            Rule::PartialBypass => self.partial_bypass.weight,
            Rule::ClippedPeaks => self.clipped_peaks.weight,
            Rule::MeanShape => self.mean_shape.weight,
            Rule::LoadShifted => self.load_shifted.weight,
            Rule::PatternLost => self.pattern_lost.weight,
            Rule::RepeatedDay => self.repeated_day.weight,
            Rule::Flatline => self.flatline.weight,
            Rule::ReverseFlow => self.reverse_flow.weight,
            Rule::OverlappingInstall => self.overlapping_install.weight,
            Rule::DropAfterExchange => self.drop_after_exchange.weight,
            Rule::SiblingMismatch => self.sibling_mismatch.weight,
            Rule::RegisterMismatch => self.register_mismatch.weight,
            Rule::TamperThenDrop => self.tamper_then_drop.weight,
            Rule::TransformerBalance => self.transformer_balance.weight,
            Rule::ProlongedEstimation => self.prolonged_estimation.weight,
            Rule::PeerLow => self.peer_low.weight,
        }
    }

    /// Refuses what makes no sense, naming the parameter, its value and what is allowed.
    pub fn validate(&self) -> Result<(), TransformError> {
        for rule in Rule::ALL {
            let name = format!("{}.weight", rule.code().to_ascii_lowercase());
            within(&name, self.weight(rule), 0.0, 1.0)?;
        }
        within("case_threshold", self.case_threshold, 0.05, 1.0)?;
        within("near_miss_share", self.near_miss_share, 0.0, 1.0)?;
        within("corroboration_share", self.corroboration_share, 0.0, 1.0)?;
        whole("min_peers", self.min_peers, 3, 1_000_000)?;
        whole("baseline_days", self.baseline_days, 14, 365)?;
        whole("back_billing_months", self.back_billing_months, 1, 240)?;
        if let Some(tariff) = self.tariff_per_kwh {
            within("tariff_per_kwh", tariff, 0.0, 1_000_000.0)?;
        }
        self.usage_not_installed.validate()?;
        self.usage_disconnected.validate()?;
        self.zero_while_on.validate()?;
        self.sustained_drop.validate()?;
        self.gradual_decline.validate()?;
        self.multiplier_changed.validate()?;
        self.missing_before_drop.validate()?;
        self.partial_bypass.validate()?;
        self.clipped_peaks.validate()?;
        self.mean_shape.validate()?;
        self.load_shifted.validate()?;
        self.pattern_lost.validate()?;
        self.repeated_day.validate()?;
        self.flatline.validate()?;
        self.reverse_flow.validate()?;
        self.drop_after_exchange.validate()?;
        self.sibling_mismatch.validate()?;
        self.register_mismatch.validate()?;
        self.tamper_then_drop.validate()?;
        self.transformer_balance.validate()?;
        self.prolonged_estimation.validate()?;
        self.peer_low.validate()?;
        self.oddity.validate()?;
        self.suppressors.validate()
    }
}

/// Refuses a number outside `low..=high`, and NaN.
pub(crate) fn within(name: &str, value: f64, low: f64, high: f64) -> Result<(), TransformError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(TransformError::Parameter {
        name: format!("rules.{name}"),
        value: value.to_string(),
        why: format!("must be a number from {low} to {high}"),
    })
}

/// Refuses a whole number outside `low..=high`.
pub(crate) fn whole(name: &str, value: u32, low: u32, high: u32) -> Result<(), TransformError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(TransformError::Parameter {
        name: format!("rules.{name}"),
        value: value.to_string(),
        why: format!("must be a whole number from {low} to {high}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::field_reassign_with_default)]
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_json() {
        let config = RuleConfig::default();
        config.validate().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<RuleConfig>(&json).unwrap(), config);
        assert_eq!(serde_json::from_str::<RuleConfig>("{}").unwrap(), config);
    }

    #[test]
    fn defaults_of_the_detections() {
        let config = RuleConfig::default();
        assert!((config.usage_not_installed.min_kwh_per_day - 0.1).abs() < 1e-12);
        assert!((config.usage_disconnected.min_kwh_per_day - 0.2).abs() < 1e-12);
        assert_eq!(config.usage_not_installed.min_days, 2);
        assert_eq!(config.usage_disconnected.min_days, 2);
        assert_eq!(config.zero_while_on.min_days, 14);
        assert!((config.zero_while_on.min_baseline_kwh_per_day - 1.0).abs() < 1e-12);
        assert!((config.sustained_drop.max_ratio - 0.6).abs() < 1e-12);
        assert_eq!(config.sustained_drop.min_days, 21);
        assert_eq!(config.flatline.min_equal_intervals, 24);
        assert!((config.flatline.max_day_variation - 0.02).abs() < 1e-12);
        assert_eq!(config.reverse_flow.min_days, 2);
        assert!((config.drop_after_exchange.max_ratio - 0.6).abs() < 1e-12);
        assert_eq!(config.drop_after_exchange.min_days, 21);
        assert_eq!(config.prolonged_estimation.min_days, 30);
        assert!((config.peer_low.max_robust_z + 3.5).abs() < 1e-12);
        assert_eq!(config.min_peers, 20);
        assert_eq!(config.baseline_days, 60);
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let error =
            serde_json::from_str::<RuleConfig>(r#"{"sustained_drop": {"max_ration": 0.5}}"#).unwrap_err();
        assert!(error.to_string().contains("max_ration"), "{error}");
    }

    #[test]
    fn a_partial_section_keeps_the_other_defaults() {
        let config: RuleConfig = serde_json::from_str(r#"{"usage_disconnected": {"weight": 0.5}}"#).unwrap();
        assert!((config.usage_disconnected.min_kwh_per_day - 0.2).abs() < 1e-12);
    }

    /// What validation says of the defaults with another value at a path.
    fn validated(path: &str, value: serde_json::Value) -> bool {
        let mut config = serde_json::to_value(RuleConfig::default()).unwrap();
        let mut at = &mut config;
        for key in path.split('.') {
            at = &mut at[key];
        }
        *at = value;
        serde_json::from_value::<RuleConfig>(config)
            .unwrap()
            .validate()
            .is_ok()
    }

    #[test]
    fn numbers_are_allowed_up_to_their_bounds_and_refused_beyond() {
        let bounds = [
            ("clipped_peaks.min_share", 0.05, 1.0),
            ("case_threshold", 0.05, 1.0),
            ("near_miss_share", 0.0, 1.0),
            ("corroboration_share", 0.0, 1.0),
            ("tariff_per_kwh", 0.0, 1_000_000.0),
            ("drop_after_exchange.max_ratio", 0.05, 0.95),
            ("flatline.max_day_variation", 0.0, 0.5),
            ("flatline.min_level_ratio", 0.0, 10.0),
            ("gradual_decline.max_ratio", 0.05, 0.95),
            ("load_shifted.min_share", 0.02, 1.0),
            ("mean_shape.min_mirrored", 0.05, 2.0),
            ("missing_before_drop.min_excess", 0.01, 1.0),
            ("multiplier_changed.tolerance", 0.005, 0.2),
            ("partial_bypass.min_hours", 1.0, 20.0),
            ("partial_bypass.min_zero_days", 0.05, 1.0),
            ("pattern_lost.min_fall", 0.05, 2.0),
            ("peer_low.max_robust_z", -100.0, -0.5),
            ("peer_low.spread_floor", 0.01, 10.0),
            ("register_mismatch.min_shortfall", 0.001, 0.9),
            ("reverse_flow.min_kwh_per_day", 0.000_001, 1000.0),
            ("sibling_mismatch.max_share", 0.0, 0.5),
            ("sustained_drop.max_ratio", 0.05, 0.95),
            ("sustained_drop.min_explained", 0.0, 1.0),
            ("sustained_drop.max_hours_ratio", 0.05, 0.99),
            ("transformer_balance.technical_loss", 0.0, 0.5),
            ("transformer_balance.min_share", 0.05, 1.0),
            ("usage_disconnected.min_kwh_per_day", 0.0, 1000.0),
            ("usage_not_installed.min_kwh_per_day", 0.0, 1000.0),
            ("zero_while_on.min_baseline_kwh_per_day", 0.0, 10_000.0),
            ("oddity.weight", 0.0, 0.5),
        ];
        for (path, low, high) in bounds {
            let beyond = 1e-7;
            assert!(
                validated(path, low.into()) && validated(path, high.into()),
                "{path}"
            );
            assert!(!validated(path, (low - beyond).into()), "{path} below {low}");
            assert!(!validated(path, (high + beyond).into()), "{path} above {high}");
        }
    }

    #[test]
    fn whole_numbers_are_allowed_up_to_their_bounds_and_refused_beyond() {
        let bounds = [
            ("min_peers", 3, 1_000_000),
            ("baseline_days", 14, 365),
            ("back_billing_months", 1, 240),
            ("drop_after_exchange.min_days", 7, 365),
            ("flatline.min_equal_intervals", 4, 288),
            ("flatline.min_days", 3, 3650),
            ("missing_before_drop.days", 4, 120),
            ("prolonged_estimation.min_days", 1, 3650),
            ("register_mismatch.min_weeks", 4, 520),
            ("repeated_day.min_days", 2, 3650),
            ("reverse_flow.min_days", 1, 3650),
            ("sustained_drop.min_days", 14, 3650),
            ("tamper_then_drop.max_days", 0, 30),
            ("transformer_balance.min_weeks", 2, 52),
            ("usage_disconnected.min_days", 1, 3650),
            ("usage_not_installed.min_days", 1, 3650),
            ("zero_while_on.min_days", 1, 3650),
            ("oddity.trees", 10, 10_000),
            ("oddity.sample", 16, 65_536),
        ];
        for (path, low, high) in bounds {
            assert!(
                validated(path, low.into()) && validated(path, high.into()),
                "{path}"
            );
            assert!(
                low == 0 || !validated(path, (low - 1_u32).into()),
                "{path} below {low}"
            );
            assert!(!validated(path, (high + 1).into()), "{path} above {high}");
        }
    }

    #[test]
    fn messages_say_what_is_allowed() {
        let mut config = RuleConfig::default();
        config.sustained_drop.max_ratio = 1.5;
        insta::assert_snapshot!(config.validate().unwrap_err(), @"parameter `rules.sustained_drop.max_ratio` is 1.5: must be a number from 0.05 to 0.95");
        let mut config = RuleConfig::default();
        config.zero_while_on.min_days = 0;
        insta::assert_snapshot!(config.validate().unwrap_err(), @"parameter `rules.zero_while_on.min_days` is 0: must be a whole number from 1 to 3650");
        let mut config = RuleConfig::default();
        config.peer_low.weight = f64::NAN;
        insta::assert_snapshot!(config.validate().unwrap_err(), @"parameter `rules.peer_low.weight` is NaN: must be a number from 0 to 1");
        let mut config = RuleConfig::default();
        config.min_peers = 2;
        insta::assert_snapshot!(config.validate().unwrap_err(), @"parameter `rules.min_peers` is 2: must be a whole number from 3 to 1000000");
    }
}
