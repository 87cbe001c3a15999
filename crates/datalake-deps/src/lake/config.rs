//! The part of a job's config that says how the lake's tables look.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::preset::Preset;

/// How the lake's tables look, and on which clocks they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LakeConfig {
    /// Column names of the system that delivered the lake.
    pub preset: Preset,
    /// Clock of `measurements` and `temperature`: a fixed offset such as `+01:00`, or `UTC`.
    pub measurement_time_zone: String,
    /// Clock of all other tables: an IANA zone such as `Europe/Berlin`, or an offset; that of the measurements if absent.
    pub install_time_zone: Option<String>,
    /// How CSV files are written, in every table that does not say otherwise.
    pub csv: CsvConfig,
    /// Further formats of text timestamps, tried before the built-in ones; `DD-MM-YYYY` is no longer
    /// accepted by itself once one of them puts a numeric month before the day.
    pub timestamp_formats: Vec<String>,
    /// Whether numbers in text have a decimal comma.
    pub decimal_comma: bool,
    /// Deviations by canonical table name.
    pub tables: BTreeMap<String, TableConfig>,
}

impl Default for LakeConfig {
    fn default() -> Self {
        Self {
            preset: Preset::Canonical,
            measurement_time_zone: "UTC".to_owned(),
            install_time_zone: None,
            csv: CsvConfig::default(),
            timestamp_formats: Vec::new(),
            decimal_comma: false,
            tables: BTreeMap::new(),
        }
    }
}

/// How one table deviates from the rest of the lake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableConfig {
    /// File or folder, relative to the lake; absent: the table's name.
    pub path: Option<String>,
    /// Format of files whose extension names none.
    pub format: Option<FileFormat>,
    /// Canonical column name to the column's name in the files; wins over the preset.
    pub columns: BTreeMap<String, String>,
    /// How its CSV files are written.
    pub csv: Option<CsvConfig>,
    /// Further formats of its text timestamps.
    pub timestamp_formats: Option<Vec<String>>,
    /// Whether its numbers in text have a decimal comma.
    pub decimal_comma: Option<bool>,
    /// Zone of its timestamps that carry none: an IANA name or an offset; absent: the table's own clock.
    pub time_zone: Option<String>,
}

/// File formats that the lake is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Apache Parquet, of any writer.
    Parquet,
    /// Delimited text, plain or compressed.
    Csv,
    /// One JSON object a line, plain or compressed.
    Json,
}

/// How CSV files are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvConfig {
    /// Between fields: one ASCII character.
    pub delimiter: char,
    /// Around fields that hold a delimiter; doubled inside. `null`: quotes are ordinary characters.
    pub quote: Option<char>,
    /// A label of the WHATWG Encoding Standard, for instance `utf-8`, `latin1`, `windows-1252`, `utf-16le`. A byte order mark wins over it.
    pub encoding: String,
    /// Whether the first record names the columns.
    pub header: bool,
    /// Names of the columns where there is no header.
    pub column_names: Vec<String>,
    /// Texts that stand for null, besides the empty field.
    pub null_values: Vec<String>,
    /// A record over more lines than this has lost a closing quote.
    pub max_record_lines: u32,
}

impl Default for CsvConfig {
    fn default() -> Self {
        Self {
            delimiter: ',',
            quote: Some('"'),
            encoding: "utf-8".to_owned(),
            header: true,
            column_names: Vec::new(),
            null_values: Vec::new(),
            max_record_lines: 16,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_empty_object_is_the_default() {
        assert_eq!(
            serde_json::from_str::<LakeConfig>("{}").unwrap(),
            LakeConfig::default()
        );
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_lists_the_keys() {
        let error = serde_json::from_str::<LakeConfig>(r#"{"tables":{"device":{"colums":{}}}}"#).unwrap_err();
        insta::assert_snapshot!(error, @"unknown field `colums`, expected one of `path`, `format`, `columns`, `csv`, `timestamp_formats`, `decimal_comma`, `time_zone` at line 1 column 29");
        assert!(serde_json::from_str::<LakeConfig>(r#"{"preset":"oracle"}"#).is_err());
    }
}
