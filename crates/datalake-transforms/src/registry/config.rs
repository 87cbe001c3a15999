//! How the dimension tables are read: codes, clocks and joins.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::{ClockConfig, LegalClock};
use crate::component_type::merged_component_types;
use crate::conditions::{ConditionConfig, ConditionMap};
use crate::error::TransformError;
use crate::model::{ComponentType, InstallStatus};

use super::device_events::{self, DeviceEventKind};

/// How the dimension tables are read. The entries of each map are merged over the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// Component type codes, compared exactly.
    pub component_types: BTreeMap<String, ComponentType>,
    /// Status codes of install events, compared without regard to ASCII case.
    pub install_status: BTreeMap<String, InstallStatus>,
    /// Status codes of devices, compared without regard to ASCII case.
    pub device_status: BTreeMap<String, DeviceStatus>,
    /// States of the on/off history, compared without regard to ASCII case.
    pub on_off_state: BTreeMap<String, OnOff>,
    /// Codes of device events, compared without regard to ASCII case, blanks and dashes as underscores.
    pub device_event_codes: BTreeMap<String, DeviceEventKind>,
    /// Whether `device_config_id` and `device_id` are the same ids, for lakes that have no `device_config` table.
    pub device_config_is_device: bool,
    /// The clocks of measurements and of install events.
    pub clocks: ClockConfig,
    /// Condition codes and use flags of measurements.
    pub conditions: ConditionConfig,
}

/// What a status code of a device stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStatus {
    /// In use or in store.
    Active,
    /// Out of service for good.
    Retired,
}

/// A state of the on/off history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnOff {
    /// Connected.
    On,
    /// Disconnected.
    Off,
}

/// A config that was found sound, with the defaults merged in.
#[derive(Debug, Clone)]
pub struct RegistryRules {
    /// Component types by code.
    pub component_types: BTreeMap<String, ComponentType>,
    /// Statuses of install events.
    pub install_status: CodeMap<InstallStatus>,
    /// Statuses of devices.
    pub device_status: CodeMap<DeviceStatus>,
    /// States of the on/off history.
    pub on_off_state: CodeMap<OnOff>,
    /// Codes of device events.
    pub device_event_codes: EventCodes,
    /// Whether `device_config_id` and `device_id` are the same ids.
    pub device_config_is_device: bool,
    /// From legal time to the measurement clock.
    pub clock: LegalClock,
    /// Condition codes.
    pub conditions: ConditionMap,
}

impl RegistryConfig {
    /// Checks every value; an error names the first that is wrong and says what is allowed.
    pub fn validate(&self) -> Result<RegistryRules, TransformError> {
        Ok(RegistryRules {
            component_types: merged_component_types(&self.component_types)?,
            install_status: CodeMap::new("install_status", &INSTALL_STATUS, &self.install_status)?,
            device_status: CodeMap::new("device_status", &DEVICE_STATUS, &self.device_status)?,
            on_off_state: CodeMap::new("on_off_state", &ON_OFF_STATE, &self.on_off_state)?,
            device_event_codes: EventCodes::new(&self.device_event_codes)?,
            device_config_is_device: self.device_config_is_device,
            clock: LegalClock::new(&self.clocks)?,
            conditions: ConditionMap::new(&self.conditions.ranges)?,
        })
    }
}

const INSTALL_STATUS: [(&str, InstallStatus); 11] = [
    ("CONNECTED", InstallStatus::On),
    ("DISCONNECTED", InstallStatus::Off),
    ("INSTALLED", InstallStatus::On),
    ("INSTALLED_OFF", InstallStatus::Off),
    ("INSTALLED_ON", InstallStatus::On),
    ("OFF", InstallStatus::Off),
    ("ON", InstallStatus::On),
    ("PENDING", InstallStatus::Pending),
    ("PLANNED", InstallStatus::Pending),
    ("REMOVE", InstallStatus::Removed),
    ("REMOVED", InstallStatus::Removed),
];

const DEVICE_STATUS: [(&str, DeviceStatus); 2] = [
    ("ACTIVE", DeviceStatus::Active),
    ("RETIRED", DeviceStatus::Retired),
];

/// `D1ON` and `D1OF` are the flags of Oracle's on/off history.
const ON_OFF_STATE: [(&str, OnOff); 4] = [
    ("D1OF", OnOff::Off),
    ("D1ON", OnOff::On),
    ("OFF", OnOff::Off),
    ("ON", OnOff::On),
];

/// Codes of device events, which head-end systems write with blanks, dashes or underscores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCodes(CodeMap<DeviceEventKind>);

impl EventCodes {
    fn new(site: &BTreeMap<String, DeviceEventKind>) -> Result<Self, TransformError> {
        let mut written: BTreeMap<String, DeviceEventKind> = BTreeMap::new();
        for (code, &kind) in site {
            if written
                .insert(device_events::code_of(code), kind)
                .is_some_and(|other| other != kind)
            {
                return Err(mapped_twice("device_event_codes", code));
            }
        }
        let codes = CodeMap::new("device_event_codes", &device_events::CODES, &written)?;
        Ok(Self(codes))
    }

    /// What a code means; `None` for a code that is not mapped.
    #[must_use]
    pub fn get(&self, code: &str) -> Option<DeviceEventKind> {
        self.0
            .get(code)
            .or_else(|| self.0.get(&device_events::code_of(code)))
    }
}

fn mapped_twice(name: &str, code: &str) -> TransformError {
    TransformError::Parameter {
        name: format!("{name}.{code}"),
        value: "mapped twice".to_owned(),
        why: "codes are compared without regard to case, so one code must have one meaning".to_owned(),
    }
}

/// Codes without regard to ASCII case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeMap<T> {
    by_code: BTreeMap<String, T>,
}

impl<T: Copy + PartialEq> CodeMap<T> {
    fn new(name: &str, defaults: &[(&str, T)], site: &BTreeMap<String, T>) -> Result<Self, TransformError> {
        let mut own: BTreeMap<String, T> = BTreeMap::new();
        for (code, &meaning) in site {
            if own
                .insert(code.trim().to_ascii_uppercase(), meaning)
                .is_some_and(|other| other != meaning)
            {
                return Err(mapped_twice(name, code));
            }
        }
        let mut by_code: BTreeMap<String, T> = defaults
            .iter()
            .map(|&(code, meaning)| (code.to_owned(), meaning))
            .collect();
        by_code.append(&mut own);
        Ok(Self { by_code })
    }

    /// What a code means; `None` for a code that is not mapped.
    #[must_use]
    pub fn get(&self, code: &str) -> Option<T> {
        self.by_code
            .get(code)
            .or_else(|| self.by_code.get(&code.to_ascii_uppercase()))
            .copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_default_codes_in_any_case() {
        let rules = RegistryConfig::default().validate().unwrap();
        for (code, status) in [
            ("ON", Some(InstallStatus::On)),
            ("Installed", Some(InstallStatus::On)),
            ("INSTALLED_ON", Some(InstallStatus::On)),
            ("CONNECTED", Some(InstallStatus::On)),
            ("Off", Some(InstallStatus::Off)),
            ("INSTALLED_OFF", Some(InstallStatus::Off)),
            ("DISCONNECTED", Some(InstallStatus::Off)),
            ("REMOVE", Some(InstallStatus::Removed)),
            ("removed", Some(InstallStatus::Removed)),
            ("PENDING", Some(InstallStatus::Pending)),
            ("PLANNED", Some(InstallStatus::Pending)),
            ("LIMBO", None),
        ] {
            assert_eq!(rules.install_status.get(code), status, "{code}");
        }
        assert_eq!(rules.device_status.get("retired"), Some(DeviceStatus::Retired));
        assert_eq!(rules.device_status.get("ACTIVE"), Some(DeviceStatus::Active));
        for (state, meaning) in [
            ("D1OF", OnOff::Off),
            ("off", OnOff::Off),
            ("D1ON", OnOff::On),
            ("on", OnOff::On),
        ] {
            assert_eq!(rules.on_off_state.get(state), Some(meaning), "{state}");
        }
        assert!(!rules.device_config_is_device);
    }

    #[test]
    fn a_site_is_merged_over_the_defaults() {
        let config: RegistryConfig = serde_json::from_str(
            r#"{
                "component_types": {"KWH30": {"uom": "kWh", "direction": "delivered", "kind": "interval", "interval_seconds": 1800}},
                "install_status": {"connected": "on", "installed": "off"},
                "clocks": {"measurement_time_zone": "+01:00"},
                "device_config_is_device": true
            }"#,
        )
        .unwrap();
        let rules = config.validate().unwrap();
        assert_eq!(rules.component_types["KWH30"].interval_seconds, Some(1800));
        assert_eq!(rules.component_types["E-KWH-15-DEL"].interval_seconds, Some(900));
        assert_eq!(rules.install_status.get("INSTALLED"), Some(InstallStatus::Off));
        assert_eq!(rules.install_status.get("OFF"), Some(InstallStatus::Off));
        assert_eq!(config.clocks.install_time_zone, None);
    }

    #[test]
    fn a_code_with_two_meanings_is_refused() {
        let config = RegistryConfig {
            install_status: BTreeMap::from([
                ("Live".to_owned(), InstallStatus::On),
                ("live".to_owned(), InstallStatus::Off),
            ]),
            ..RegistryConfig::default()
        };
        insta::assert_snapshot!(config.validate().unwrap_err(), @"parameter `install_status.live` is mapped twice: codes are compared without regard to case, so one code must have one meaning");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = serde_json::from_str::<RegistryConfig>(r#"{"component_type": {}}"#).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `component_type`"),
            "{error}"
        );
    }
}
