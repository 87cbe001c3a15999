//! Column names of the presets.

use arrow::datatypes::Schema;
use datalake_deps::lake::Preset;

/// Reads a preset's name from the command line.
pub(crate) fn preset(text: &str) -> Result<Preset, String> {
    [Preset::Canonical, Preset::OracleMdm]
        .into_iter()
        .find(|preset| preset.name() == text)
        .ok_or_else(|| "the presets are `canonical` and `oracle_mdm`".to_owned())
}

/// Position of a column, whichever preset the file follows; upper and lower case are the same.
#[must_use]
pub(crate) fn position(schema: &Schema, table: &str, column: &'static str) -> Option<usize> {
    let oracle = Preset::OracleMdm.source_name(table, column);
    schema.fields().iter().position(|field| {
        field.name().eq_ignore_ascii_case(column) || field.name().eq_ignore_ascii_case(oracle)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field};

    #[test]
    fn a_column_is_found_under_either_name() {
        let schema = Schema::new(vec![
            Field::new("msrmt_val", DataType::Int64, true),
            Field::new("measured_at", DataType::Int64, true),
        ]);
        assert_eq!(position(&schema, "measurements", "value"), Some(0));
        assert_eq!(position(&schema, "measurements", "measured_at"), Some(1));
        assert_eq!(position(&schema, "measurements", "version"), None);
        assert_eq!(position(&schema, "device", "value"), None);
    }

    #[test]
    fn presets_by_name() {
        assert_eq!(preset("oracle_mdm"), Ok(Preset::OracleMdm));
        assert!(preset("oracle").is_err());
    }
}
