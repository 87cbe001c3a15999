//! JSON, read strictly: a key that stands twice in one object is an error, where `serde_json` keeps the last.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::ConfigError;
use super::error::Fault;

/// Reads one JSON object. `name` is what stands before `line:column` in an error.
pub(super) fn parse_object(text: &str, name: &str) -> Result<Value, ConfigError> {
    // Editors on Windows begin UTF-8 files with a mark that JSON does not know.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_json::from_str::<Strict>(text) {
        Ok(Strict(value)) if value.is_object() => Ok(value),
        Ok(_) => Err(ConfigError::Syntax {
            place: format!("{name}:1:1"),
            fault: Fault::new("the outermost value must be an object: `{ .. }`"),
        }),
        Err(error) => {
            let position = format!(" at line {} column {}", error.line(), error.column());
            let message = error.to_string();
            Err(ConfigError::Syntax {
                place: format!("{name}:{}:{}", error.line(), error.column()),
                fault: Fault::new(message.strip_suffix(&position).unwrap_or(&message)),
            })
        }
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "the key `{key}` stands twice in one object"
                )));
            }
            let Strict(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diagnostic::render;

    fn fault(text: &str) -> String {
        render(&parse_object(text, "a.json").unwrap_err())
    }

    #[test]
    fn every_kind_of_value_is_read_as_serde_json_reads_it() {
        let text = r#"{"a": [1, -2, 2.5, null, true, "x"], "b": {"c": 18446744073709551615}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse_object(text, "").unwrap(), expected);
        assert_eq!(parse_object(&format!("\u{feff}{text}"), "").unwrap(), expected);
    }

    #[test]
    fn faults_name_line_and_column() {
        insta::assert_snapshot!(fault("{\n  \"a\": 1\n  \"b\": 2\n}"), @r"
        error: the config is not a JSON object: a.json:3:3
        Caused by: expected `,` or `}`
        ");
        insta::assert_snapshot!(fault("{\"a\": {\"b\": 1,\n \"b\": 2}}"), @r"
        error: the config is not a JSON object: a.json:2:4
        Caused by: the key `b` stands twice in one object
        ");
        insta::assert_snapshot!(fault("[1]"), @r"
        error: the config is not a JSON object: a.json:1:1
        Caused by: the outermost value must be an object: `{ .. }`
        ");
        insta::assert_snapshot!(fault(""), @r"
        error: the config is not a JSON object: a.json:1:0
        Caused by: EOF while parsing a value
        ");
        insta::assert_snapshot!(fault("{} trailing"), @r"
        error: the config is not a JSON object: a.json:1:4
        Caused by: trailing characters
        ");
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        assert!(parse_object(&"{\"a\":".repeat(100_000), "").is_err());
    }
}
