//! The config of the job: what a file, the environment and flags may say, and its defaults.

use std::collections::BTreeMap;
use std::ops::Range;

use datalake_deps::config::{ConfigError, Resolved};
use datalake_deps::lake::{CsvConfig, LakeConfig, Preset, TableConfig};
use datalake_transforms::clock::ClockConfig;
use datalake_transforms::conditions::ConditionConfig;
use datalake_transforms::error::TransformError;
use datalake_transforms::model::{ComponentType, InstallStatus};
use datalake_transforms::registry::{DeviceEventKind, DeviceStatus, OnOff, RegistryConfig};
use datalake_transforms::resolve::ResolveConfig;
use datalake_transforms::rules::RuleConfig;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compact::CompactConfig;
use crate::train_theft_model::LearningConfig;

/// Config of `theft-detection`. Every key has a default but `lake` and `output`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "theft-detection config")]
pub struct RawConfig {
    /// Folder of the lake: a folder or file per table, named after it.
    pub lake: Option<String>,
    /// Folder that the tables and `run.json` are published in.
    pub output: Option<String>,
    /// File of a model that `train-theft-model` has written; without one there is no `model_score`.
    pub model: Option<String>,
    /// Column names of the system that delivered the lake.
    pub preset: Preset,
    /// Clock of the measurements, never shifted for daylight saving: a fixed offset such as `+01:00`, or `UTC`.
    pub measurement_time_zone: String,
    /// Legal clock of install events and on/off history: an IANA zone such as `Europe/London`. Without it the clock of
    /// the measurements is taken, and within two hours of an install, a removal or a switch nobody is accused.
    pub install_time_zone: Option<String>,
    /// Whether `device_config_id` and `device_id` are the same ids, for lakes without a `device_config` table.
    pub device_config_is_device: bool,
    /// Component type codes, merged over the built-in ones.
    pub component_types: BTreeMap<String, ComponentType>,
    /// Condition codes and use flags of measurements.
    pub conditions: ConditionConfig,
    /// Status codes of install events, merged over the built-in ones.
    pub install_status: BTreeMap<String, InstallStatus>,
    /// Status codes of devices, merged over the built-in ones.
    pub device_status: BTreeMap<String, DeviceStatus>,
    /// States of the on/off history, merged over the built-in ones.
    pub on_off_state: BTreeMap<String, OnOff>,
    /// Codes of device events, merged over the built-in ones, which are names; bare numbers differ between systems and are yours
    /// to map. What means nothing is `harmless`.
    pub device_event_codes: BTreeMap<String, DeviceEventKind>,
    /// How CSV files are written, in every table that does not say otherwise.
    pub csv: CsvConfig,
    /// Further formats of text timestamps (Oracle elements, as in `DD-MON-YYYY HH24:MI:SS`), tried before the built-in ones.
    pub timestamp_formats: Vec<String>,
    /// Whether numbers in text have a decimal comma.
    pub decimal_comma: bool,
    /// Deviations of single tables, by canonical table name.
    pub tables: BTreeMap<String, TableConfig>,
    /// Highest share of rejected rows in any table, 0 to 1; above it the job fails and nothing is published. Up to ten
    /// rows of a table pass in any case, if they are within this share of all rows of the lake.
    pub max_rejected_share: f64,
    /// First day that is judged, as `2024-01-31`; none: the first that there is.
    pub first_day: Option<String>,
    /// Last day that is judged; none: the last that there is.
    pub last_day: Option<String>,
    /// Whether day profiles are kept in the output folder, so that the next run reads only what is new.
    pub keep_day_profiles: bool,
    /// Thresholds of the rules, suppressors, loss and score.
    pub rules: RuleConfig,
    /// What the job `compact` does with the lake's measurements; `theft-detection` does not look at it.
    pub compact: CompactConfig,
    /// How the job `train-theft-model` learns; `theft-detection` does not look at it.
    pub learning: LearningConfig,
}

impl Default for RawConfig {
    fn default() -> Self {
        let lake = LakeConfig::default();
        Self {
            lake: None,
            output: None,
            model: None,
            preset: lake.preset,
            measurement_time_zone: lake.measurement_time_zone,
            install_time_zone: lake.install_time_zone,
            device_config_is_device: false,
            component_types: BTreeMap::new(),
            conditions: ConditionConfig::default(),
            install_status: BTreeMap::new(),
            device_status: BTreeMap::new(),
            on_off_state: BTreeMap::new(),
            device_event_codes: BTreeMap::new(),
            csv: lake.csv,
            timestamp_formats: lake.timestamp_formats,
            decimal_comma: lake.decimal_comma,
            tables: lake.tables,
            max_rejected_share: 0.01,
            first_day: None,
            last_day: None,
            keep_day_profiles: true,
            rules: RuleConfig::default(),
            compact: CompactConfig::default(),
            learning: LearningConfig::default(),
        }
    }
}

/// A config that was found sound.
#[derive(Debug, Clone)]
pub(super) struct Config {
    /// How the lake's tables look.
    pub lake: LakeConfig,
    /// How the dimension tables are joined.
    pub registry: RegistryConfig,
    /// Condition codes and use flags.
    pub conditions: ResolveConfig,
    /// 0 to 1.
    pub max_rejected_share: f64,
    /// Days that are judged, since 1970-01-01.
    pub window: Range<i32>,
    /// Thresholds.
    pub rules: RuleConfig,
}

impl RawConfig {
    /// How the lake's tables look.
    #[must_use]
    pub fn lake_config(&self) -> LakeConfig {
        LakeConfig {
            preset: self.preset,
            measurement_time_zone: self.measurement_time_zone.clone(),
            install_time_zone: self.install_time_zone.clone(),
            csv: self.csv.clone(),
            timestamp_formats: self.timestamp_formats.clone(),
            decimal_comma: self.decimal_comma,
            tables: self.tables.clone(),
        }
    }

    fn registry_config(&self) -> RegistryConfig {
        RegistryConfig {
            component_types: self.component_types.clone(),
            install_status: self.install_status.clone(),
            device_status: self.device_status.clone(),
            on_off_state: self.on_off_state.clone(),
            device_event_codes: self.device_event_codes.clone(),
            device_config_is_device: self.device_config_is_device,
            clocks: ClockConfig {
                measurement_time_zone: self.measurement_time_zone.clone(),
                install_time_zone: self.install_time_zone.clone(),
            },
            conditions: self.conditions.clone(),
        }
    }
}

/// Checks every value; an error names the key, where its value came from, and what is allowed.
pub(super) fn validate(resolved: &Resolved<RawConfig>) -> Result<Config, ConfigError> {
    let raw = &resolved.value;
    if !(0.0..=1.0).contains(&raw.max_rejected_share) {
        let why = format!(
            "{} is no share: it must lie between 0 and 1",
            raw.max_rejected_share
        );
        return Err(resolved.error_at("max_rejected_share", why));
    }
    let at = |error: TransformError| match &error {
        TransformError::Parameter { name, value, why } => {
            resolved.error_at(name, format!("{value} is not allowed: {why}"))
        }
        other => resolved.error_at("", other.to_string()),
    };
    let registry = raw.registry_config();
    registry.validate().map_err(at)?;
    let conditions = ResolveConfig::new(&raw.conditions).map_err(at)?;
    raw.rules.validate().map_err(at)?;
    let window = window(resolved)?;
    Ok(Config {
        window,
        lake: raw.lake_config(),
        registry,
        conditions,
        max_rejected_share: raw.max_rejected_share,
        rules: raw.rules.clone(),
    })
}

/// The days to judge; a bound that is not given is none.
fn window(resolved: &Resolved<RawConfig>) -> Result<Range<i32>, ConfigError> {
    let day = |key: &'static str, text: Option<&String>| -> Result<Option<i32>, ConfigError> {
        let Some(text) = text else { return Ok(None) };
        let date: Date = text
            .parse()
            .map_err(|_| resolved.error_at(key, format!("`{text}` is no date such as 2024-01-31")))?;
        let since = date.since(Date::constant(1970, 1, 1)).map(|span| span.get_days());
        since
            .map(Some)
            .map_err(|error| resolved.error_at(key, error.to_string()))
    };
    let first = day("first_day", resolved.value.first_day.as_ref())?;
    let last = day("last_day", resolved.value.last_day.as_ref())?;
    if let (Some(first), Some(last)) = (first, last)
        && first > last
    {
        return Err(resolved.error_at("first_day", "it is after `last_day`: no day is left".to_owned()));
    }
    Ok(first.unwrap_or(i32::MIN)..last.map_or(i32::MAX, |last| last + 1))
}
