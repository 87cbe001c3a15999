//! JSON schema of a config, generated from the structs that parse it.

use schemars::{JsonSchema, generate::SchemaSettings};

/// The JSON schema (draft 2020-12) of `T` as text: pretty, the same on every call, with a line break at the end,
/// so that it can be committed and compared.
///
/// # Errors
/// Where the schema cannot be written as JSON, which is a bug.
pub fn schema_text<T: JsonSchema>() -> Result<String, serde_json::Error> {
    let schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>();
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Limits of a rule.
    #[derive(Default, serde::Deserialize, serde::Serialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Raw {
        /// Days to look at.
        min_days: u32,
    }

    #[test]
    fn the_schema_carries_docs_defaults_and_closedness() {
        insta::assert_snapshot!(schema_text::<Raw>().unwrap(), @r#"
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "Raw",
          "description": "Limits of a rule.",
          "type": "object",
          "properties": {
            "min_days": {
              "description": "Days to look at.",
              "type": "integer",
              "format": "uint32",
              "minimum": 0,
              "default": 0
            }
          },
          "additionalProperties": false
        }
        "#);
        assert_eq!(schema_text::<Raw>().unwrap(), schema_text::<Raw>().unwrap());
        assert!(schema_text::<Raw>().unwrap().ends_with("}\n"));
    }
}
