//! Column names of the two presets.

use arrow::datatypes::Schema;
use clap::ValueEnum;

/// Which names a lake's columns carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Preset {
    /// The project's own names.
    Canonical,
    /// The names of Oracle Utilities MDM.
    OracleMdm,
}

/// Canonical name and Oracle name, sorted by the former. A column that is not in here has one name only.
const ORACLE: &[(&str, &str)] = &[
    ("at", "EVT_DTTM"),
    ("component_type", "MEASR_COMP_TYPE_CD"),
    ("condition_code", "MSRMT_COND_FLG"),
    ("device_config_id", "DEVICE_CONFIG_ID"),
    ("device_id", "D1_DEVICE_ID"),
    ("device_type", "DEVICE_TYPE_CD"),
    ("install_constant", "INSTALLATION_CONST"),
    ("install_event_id", "INSTALL_EVT_ID"),
    ("installed_at", "D1_INSTALL_DTTM"),
    ("manufacturer", "MANUFACTURER_CD"),
    ("measured_at", "MSRMT_DTTM"),
    ("measuring_component_id", "MEASR_COMP_ID"),
    ("model", "D1_MODEL_CD"),
    ("multiplier", "MEASR_COMP_MULTIPLIER"),
    ("period_start", "PREV_MSRMT_DTTM"),
    ("reading", "READING_VAL"),
    ("register_digits", "D1_NBR_OF_DGTS_LFT"),
    ("removed_at", "D1_REMOVAL_DTTM"),
    ("service_point_id", "D1_SP_ID"),
    ("state", "ONOFF_HIST_FLG"),
    ("status", "BO_STATUS_CD"),
    ("status_updated_at", "STATUS_UPD_DTTM"),
    ("updated_at", "LAST_UPDATE_DTTM"),
    ("use_flag", "MSRMT_USE_FLG"),
    ("value", "MSRMT_VAL"),
    ("version", "VERSION"),
];

fn oracle(canonical: &str) -> Option<&'static str> {
    let at = ORACLE.binary_search_by_key(&canonical, |(name, _)| name).ok()?;
    Some(ORACLE[at].1)
}

impl Preset {
    /// The name that a column carries under this preset.
    #[must_use]
    pub fn column(self, canonical: &str) -> &str {
        match self {
            Self::Canonical => canonical,
            Self::OracleMdm => oracle(canonical).unwrap_or(canonical),
        }
    }
}

/// Position of a column, whichever preset the file follows; upper and lower case are the same.
#[must_use]
pub fn position(schema: &Schema, canonical: &str) -> Option<usize> {
    schema.fields().iter().position(|field| {
        field.name().eq_ignore_ascii_case(canonical)
            || oracle(canonical).is_some_and(|name| field.name().eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field};

    #[test]
    fn the_table_is_sorted_so_that_every_name_is_found() {
        for (canonical, name) in ORACLE {
            assert_eq!(oracle(canonical), Some(*name));
        }
        assert_eq!(Preset::OracleMdm.column("value"), "MSRMT_VAL");
        assert_eq!(Preset::OracleMdm.column("rate_class"), "rate_class");
        assert_eq!(Preset::Canonical.column("value"), "value");
    }

    #[test]
    fn a_column_is_found_under_either_name() {
        let schema = Schema::new(vec![
            Field::new("msrmt_val", DataType::Int64, true),
            Field::new("measured_at", DataType::Int64, true),
        ]);
        assert_eq!(position(&schema, "value"), Some(0));
        assert_eq!(position(&schema, "measured_at"), Some(1));
        assert_eq!(position(&schema, "version"), None);
    }
}
