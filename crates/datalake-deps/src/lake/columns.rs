//! Which column of a file a canonical column is read from.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};

use super::clock::{Clocks, ToClock, zone};
use super::config::{LakeConfig, TableConfig};
use super::dialect::CsvDialect;
use super::discover::DataFile;
use super::error::LakeError;
use super::model::{ColumnSpec, Need, TableSpec};
use super::preset::Preset;
use super::timestamp::TimestampParser;

/// Everything that reading a table's files needs to know, checked once.
#[derive(Debug)]
pub(crate) struct TablePlan {
    pub(crate) spec: &'static TableSpec,
    /// The columns to read, in canonical order.
    pub(crate) columns: Vec<PlannedColumn>,
    /// Schema of the canonical batches.
    pub(crate) schema: SchemaRef,
    /// Whether text comes as dictionaries.
    pub(crate) dictionary: bool,
    pub(crate) csv: CsvDialect,
    pub(crate) timestamps: TimestampParser,
    pub(crate) clock: ToClock,
    pub(crate) decimal_comma: bool,
    /// Rows of a batch at most.
    pub(crate) batch_rows: usize,
    preset: Preset,
}

/// A canonical column and its name in the files.
#[derive(Debug, Clone)]
pub(crate) struct PlannedColumn {
    pub(crate) spec: ColumnSpec,
    pub(crate) source_name: String,
}

/// Where a file holds a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// At this position among the file's columns.
    Field(usize),
    /// In the name of a folder, the same for every row.
    Partition(Option<String>),
    /// Nowhere.
    Absent,
}

impl TablePlan {
    /// A plan to read the columns of `spec` that `wanted` accepts, besides those that the table needs.
    pub(crate) fn new(
        spec: &'static TableSpec,
        config: &LakeConfig,
        clocks: &Clocks,
        wanted: impl Fn(&str) -> bool,
        dictionary: bool,
        batch_rows: usize,
    ) -> Result<Self, LakeError> {
        let fallback = TableConfig::default();
        let table = config.tables.get(spec.name).unwrap_or(&fallback);
        let key = |name: &str| format!("tables.{}.{name}", spec.name);
        for name in table.columns.keys() {
            if spec.column(name).is_none() {
                return Err(LakeError::Config {
                    key: key("columns"),
                    problem: format!("`{name}` is no canonical column"),
                    hint: format!(
                        "the table has the columns {}",
                        spec.columns
                            .iter()
                            .map(|column| column.name)
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                });
            }
        }
        let columns: Vec<PlannedColumn> = spec
            .columns
            .iter()
            .filter(|column| column.need != Need::Optional || wanted(column.name))
            .map(|column| PlannedColumn {
                spec: *column,
                source_name: table
                    .columns
                    .get(column.name)
                    .cloned()
                    .unwrap_or_else(|| config.preset.source_name(spec.name, column.name).to_owned()),
            })
            .collect();
        let fields: Vec<Field> = columns
            .iter()
            .map(|column| {
                let data_type = column.spec.column_type.data_type(dictionary);
                Field::new(column.spec.canonical_name(), data_type, true)
            })
            .collect();
        let formats = table
            .timestamp_formats
            .as_ref()
            .unwrap_or(&config.timestamp_formats);
        let timestamps = TimestampParser::new(formats).map_err(|problem| LakeError::Config {
            key: match table.timestamp_formats {
                Some(_) => key("timestamp_formats"),
                None => "timestamp_formats".to_owned(),
            },
            problem,
            hint: "write it in the elements YYYY RR MM MON DD HH24 HH12 MI SS FF AM TZH TZM, with [ ] around what may \
                   be absent"
                .to_owned(),
        })?;
        let naive = table
            .time_zone
            .as_deref()
            .map(|text| zone(&key("time_zone"), text))
            .transpose()?;
        Ok(Self {
            spec,
            columns,
            schema: Arc::new(Schema::new(fields)),
            dictionary,
            csv: match &table.csv {
                Some(csv) => CsvDialect::new(csv, &key("csv"))?,
                None => CsvDialect::new(&config.csv, "csv")?,
            },
            timestamps,
            clock: ToClock::new(clocks.of(spec.clock).clone(), naive),
            decimal_comma: table.decimal_comma.unwrap_or(config.decimal_comma),
            batch_rows: batch_rows.max(1),
            preset: config.preset,
        })
    }

    /// Where a file with the columns `names` holds each planned column.
    pub(crate) fn resolve(&self, file: &DataFile, names: &[&str]) -> Result<Vec<Source>, LakeError> {
        let sources = self
            .columns
            .iter()
            .map(|column| {
                if let Some(at) = find(&file.path, &column.source_name, names)? {
                    return Ok(Source::Field(at));
                }
                partition(file, &column.source_name)
            })
            .collect::<Result<Vec<_>, LakeError>>()?;
        self.check(&file.path, names, |at| sources[at] != Source::Absent)?;
        Ok(sources)
    }

    /// An error that names everything the table needs and a file with the columns `names` lacks.
    pub(crate) fn check<N: AsRef<str>>(
        &self,
        file: &Path,
        names: &[N],
        present: impl Fn(usize) -> bool,
    ) -> Result<(), LakeError> {
        let describe = |column: &PlannedColumn| {
            if column.source_name == column.spec.name {
                format!("`{}`", column.source_name)
            } else {
                format!("`{}` ({})", column.source_name, column.spec.name)
            }
        };
        let position = |name: &str| self.columns.iter().position(|column| column.spec.name == name);
        let mut wanted: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .filter(|(at, column)| column.spec.need != Need::Optional && !present(*at))
            .map(|(_, column)| describe(column))
            .collect();
        for group in self.spec.one_of {
            let satisfied = group
                .iter()
                .any(|all| all.iter().all(|name| position(name).is_some_and(&present)));
            if !satisfied {
                let alternatives: Vec<String> = group
                    .iter()
                    .map(|all| {
                        let columns = all.iter().filter_map(|name| position(name));
                        columns
                            .map(|at| describe(&self.columns[at]))
                            .collect::<Vec<_>>()
                            .join(" with ")
                    })
                    .collect();
                wanted.push(format!("either {}", alternatives.join(" or ")));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        Err(LakeError::ColumnMissing {
            table: self.spec.name,
            file: file.to_owned(),
            wanted,
            existing: names.iter().map(|name| name.as_ref().to_owned()).collect(),
            preset: self.preset.name(),
        })
    }
}

/// What the folders' names say of a column.
pub(crate) fn partition(file: &DataFile, source_name: &str) -> Result<Source, LakeError> {
    let keys: Vec<&str> = file.partitions.iter().map(|(key, _)| key.as_str()).collect();
    Ok(match find(&file.path, source_name, &keys)? {
        Some(at) => Source::Partition(file.partitions[at].1.clone()),
        None => Source::Absent,
    })
}

/// The position of `wanted` among `names`: exact, else without regard to case if that fits one name only.
fn find(file: &Path, wanted: &str, names: &[&str]) -> Result<Option<usize>, LakeError> {
    let matching = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..names.len()).filter(|at| fits(names[*at])).collect()
    };
    let mut fitting = matching(&|name| name == wanted);
    if fitting.is_empty() {
        fitting = matching(&|name| name.eq_ignore_ascii_case(wanted));
    }
    match fitting.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => Err(LakeError::ColumnAmbiguous {
            file: file.to_owned(),
            source_name: wanted.to_owned(),
            candidates: several.iter().map(|at| names[*at].to_owned()).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::PathBuf;

    use super::*;
    use crate::diagnostic::render;
    use crate::lake::config::FileFormat;
    use crate::lake::model::{MEASUREMENTS, MEASURING_COMPONENT};

    fn file(partitions: &[(&str, &str)]) -> DataFile {
        DataFile {
            path: PathBuf::from("lake/t/part-0.parquet"),
            relative: "t/part-0.parquet".into(),
            format: FileFormat::Parquet,
            bytes: 0,
            modified: None,
            partitions: partitions
                .iter()
                .map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())))
                .collect(),
            object: None,
        }
    }

    fn plan(spec: &'static TableSpec, config: &str) -> Result<TablePlan, LakeError> {
        let config: LakeConfig = serde_json::from_str(config).unwrap();
        let clocks = Clocks::new(&config)?;
        TablePlan::new(spec, &config, &clocks, |_| true, false, 8_192)
    }

    #[test]
    fn exact_names_win_over_names_in_another_case() {
        let plan = plan(&MEASUREMENTS, r#"{"preset":"oracle_mdm"}"#).unwrap();
        let names = ["msrmt_val", "MSRMT_VAL", "measr_comp_id", "Msrmt_Dttm", "extra"];
        let sources = plan.resolve(&file(&[]), &names).unwrap();
        assert_eq!(
            sources[..3],
            [Source::Field(2), Source::Field(3), Source::Field(1)]
        );
        assert!(sources[3..].iter().all(|source| *source == Source::Absent));
    }

    #[test]
    fn a_site_overrides_single_columns_of_the_preset() {
        let config = r#"{"preset":"oracle_mdm","tables":{"measurements":{"columns":{"value":"KWH"}}}}"#;
        let plan = plan(&MEASUREMENTS, config).unwrap();
        let sources = plan
            .resolve(&file(&[]), &["KWH", "MSRMT_DTTM", "MEASR_COMP_ID", "MSRMT_VAL"])
            .unwrap();
        assert_eq!(
            sources[..3],
            [Source::Field(2), Source::Field(1), Source::Field(0)]
        );
    }

    #[test]
    fn partitions_stand_in_for_columns_that_the_file_lacks() {
        let plan = plan(&MEASUREMENTS, "{}").unwrap();
        let file = file(&[("Measuring_Component_Id", "007"), ("value", "1")]);
        let sources = plan.resolve(&file, &["measured_at", "value"]).unwrap();
        assert_eq!(
            sources[..3],
            [
                Source::Partition(Some("007".to_owned())),
                Source::Field(0),
                Source::Field(1)
            ]
        );
    }

    #[test]
    fn missing_columns_are_named_with_those_that_exist() {
        let oracle = plan(&MEASUREMENTS, r#"{"preset":"oracle_mdm"}"#).unwrap();
        let error = oracle
            .resolve(&file(&[]), &["measuring_component_id", "value"])
            .unwrap_err();
        insta::assert_snapshot!(render(&error), @r"
        error: `lake/t/part-0.parquet` lacks `MEASR_COMP_ID` (measuring_component_id) and `MSRMT_DTTM` (measured_at) and `MSRMT_VAL` (value) of the table `measurements`
        hint: the preset is `oracle_mdm` and the file has the columns `measuring_component_id`, `value`; map them in the config's `tables.measurements.columns`, or choose another `preset`
        ");
        let components = plan(&MEASURING_COMPONENT, "{}").unwrap();
        let error = components
            .resolve(&file(&[]), &["measuring_component_id", "uom", "kind"])
            .unwrap_err();
        insta::assert_snapshot!(render(&error), @r"
        error: `lake/t/part-0.parquet` lacks either `device_config_id` or `device_id` and either `component_type` or `uom` with `direction` with `kind` with `interval_seconds` of the table `measuring_component`
        hint: the preset is `canonical` and the file has the columns `measuring_component_id`, `uom`, `kind`; map them in the config's `tables.measuring_component.columns`, or choose another `preset`
        ");
    }

    #[test]
    fn two_names_that_differ_in_case_only_are_ambiguous() {
        let plan = plan(&MEASUREMENTS, "{}").unwrap();
        let error = plan
            .resolve(&file(&[]), &["VALUE", "Value", "measured_at"])
            .unwrap_err();
        insta::assert_snapshot!(render(&error), @r"
        error: `value` in `lake/t/part-0.parquet` could be any of `VALUE`, `Value`
        hint: map the column in the config to the exact name, or rename the others
        ");
    }

    #[test]
    fn a_wrong_config_says_which_key() {
        for config in [
            r#"{"tables":{"measurements":{"columns":{"kwh":"KWH"}}}}"#,
            r#"{"timestamp_formats":["DD.MM.JJJJ"]}"#,
            r#"{"tables":{"measurements":{"time_zone":"Mars"}}}"#,
        ] {
            let error = plan(&MEASUREMENTS, config).unwrap_err();
            assert!(matches!(error, LakeError::Config { .. }), "{error}");
        }
        let error = plan(
            &MEASUREMENTS,
            r#"{"tables":{"measurements":{"columns":{"kwh":"KWH"}}}}"#,
        )
        .unwrap_err();
        insta::assert_snapshot!(render(&error), @r"
        error: the config's `tables.measurements.columns` is wrong: `kwh` is no canonical column
        hint: the table has the columns measuring_component_id, measured_at, value, condition_code, use_flag, reading, previous_reading, period_start, combined_multiplier, updated_at, version, tariff, meter_status
        ");
    }
}
