//! Presets: under which names a system delivers the canonical columns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A set of column names. Table folders have the canonical names in every preset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The canonical names.
    #[default]
    Canonical,
    /// The names of Oracle Utilities MDM / Customer to Meter; a column that it has no name for keeps the canonical one.
    OracleMdm,
}

impl Preset {
    /// The name that the config uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::OracleMdm => "oracle_mdm",
        }
    }

    /// The name under which a canonical column is delivered.
    #[must_use]
    pub fn source_name(self, table: &str, column: &'static str) -> &'static str {
        match self {
            Self::Canonical => column,
            Self::OracleMdm => ORACLE_MDM
                .iter()
                .find(|(of, canonical, _)| *of == table && *canonical == column)
                .map_or(column, |(_, _, source)| source),
        }
    }
}

/// Table, canonical column, Oracle's column.
const ORACLE_MDM: &[(&str, &str, &str)] = &[
    ("device", "device_id", "D1_DEVICE_ID"),
    ("device", "device_type", "DEVICE_TYPE_CD"),
    ("device", "status", "BO_STATUS_CD"),
    ("device", "manufacturer", "MANUFACTURER_CD"),
    ("device", "model", "D1_MODEL_CD"),
    ("measuring_component", "measuring_component_id", "MEASR_COMP_ID"),
    ("measuring_component", "device_config_id", "DEVICE_CONFIG_ID"),
    ("measuring_component", "device_id", "D1_DEVICE_ID"),
    ("measuring_component", "component_type", "MEASR_COMP_TYPE_CD"),
    ("measuring_component", "multiplier", "MEASR_COMP_MULTIPLIER"),
    ("measuring_component", "register_digits", "D1_NBR_OF_DGTS_LFT"),
    ("measurements", "measuring_component_id", "MEASR_COMP_ID"),
    ("measurements", "measured_at", "MSRMT_DTTM"),
    ("measurements", "value", "MSRMT_VAL"),
    ("measurements", "condition_code", "MSRMT_COND_FLG"),
    ("measurements", "use_flag", "MSRMT_USE_FLG"),
    ("measurements", "reading", "READING_VAL"),
    ("measurements", "period_start", "PREV_MSRMT_DTTM"),
    ("measurements", "combined_multiplier", "COMBINED_MULTIPLIER"),
    ("measurements", "updated_at", "LAST_UPDATE_DTTM"),
    ("measurements", "version", "VERSION"),
    ("install_event", "install_event_id", "INSTALL_EVT_ID"),
    ("install_event", "device_config_id", "DEVICE_CONFIG_ID"),
    ("install_event", "device_id", "D1_DEVICE_ID"),
    ("install_event", "service_point_id", "D1_SP_ID"),
    ("install_event", "installed_at", "D1_INSTALL_DTTM"),
    ("install_event", "removed_at", "D1_REMOVAL_DTTM"),
    ("install_event", "status", "BO_STATUS_CD"),
    ("install_event", "status_updated_at", "STATUS_UPD_DTTM"),
    ("install_event", "install_constant", "INSTALLATION_CONST"),
    ("device_config", "device_config_id", "DEVICE_CONFIG_ID"),
    ("device_config", "device_id", "D1_DEVICE_ID"),
    ("on_off_history", "install_event_id", "INSTALL_EVT_ID"),
    ("on_off_history", "at", "EVT_DTTM"),
    ("on_off_history", "state", "ONOFF_HIST_FLG"),
    ("service_point", "service_point_id", "D1_SP_ID"),
    ("device_event", "device_id", "D1_DEVICE_ID"),
    ("inspection", "service_point_id", "D1_SP_ID"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::model;

    #[test]
    fn every_entry_names_a_canonical_column_once() {
        for (index, (table, column, source)) in ORACLE_MDM.iter().enumerate() {
            assert!(
                model::table(table).is_some_and(|spec| spec.column(column).is_some()),
                "{table}.{column}"
            );
            for (of, other, other_source) in &ORACLE_MDM[..index] {
                assert!(
                    of != table || (other != column && other_source != source),
                    "{table}.{column}"
                );
            }
        }
    }

    #[test]
    fn columns_without_an_oracle_name_keep_their_own() {
        assert_eq!(
            Preset::OracleMdm.source_name("measurements", "value"),
            "MSRMT_VAL"
        );
        assert_eq!(
            Preset::OracleMdm.source_name("measurements", "previous_reading"),
            "previous_reading"
        );
        assert_eq!(Preset::OracleMdm.source_name("device", "status"), "BO_STATUS_CD");
        assert_eq!(Preset::Canonical.source_name("measurements", "value"), "value");
    }
}
