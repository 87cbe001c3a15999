//! The config that came with the job: a file, or a string in the code.

use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use super::ConfigError;
use super::error::Fault;
use super::json::parse_object;
use super::layers::Origin;
use crate::store;

/// A config of more bytes than this is none: somebody gave a data file.
const MAX_CONFIG_BYTES: u64 = 16 * 1024 * 1024;

/// A parsed JSON object and where it stood.
#[derive(Debug, Clone, PartialEq)]
pub struct JobConfig {
    /// The object.
    pub value: Value,
    /// [`Origin::File`] or [`Origin::Literal`].
    pub origin: Origin,
}

impl JobConfig {
    /// Parses a config that stands in the code as a string: `JobConfig::parse(r#"{"output": "out"}"#)`.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            value: parse_object(text, "literal")?,
            origin: Origin::Literal,
        })
    }

    /// Reads a config file.
    ///
    /// # Errors
    /// [`ConfigError::Read`] and [`ConfigError::Syntax`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let read_error = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = String::new();
        let file = store::open(path).map_err(read_error)?;
        file.take(MAX_CONFIG_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(read_error)?;
        let name = path.display().to_string();
        if text.len() as u64 > MAX_CONFIG_BYTES {
            return Err(ConfigError::Syntax {
                place: name,
                fault: Fault::new(format!("the file is larger than {MAX_CONFIG_BYTES} bytes")),
            });
        }
        Ok(Self {
            value: parse_object(&text, &name)?,
            origin: Origin::File(path.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_and_a_literal_differ_in_origin_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a_config.json");
        fs_err::write(&path, r#"{"a": 1}"#).unwrap();
        let read = JobConfig::read(&path).unwrap();
        let parsed = JobConfig::parse(r#"{"a": 1}"#).unwrap();
        assert_eq!(read.value, parsed.value);
        assert_eq!(
            (read.origin, parsed.origin),
            (Origin::File(path), Origin::Literal)
        );
    }

    #[test]
    fn what_is_not_a_config_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a_config.json");
        assert!(matches!(JobConfig::read(&path), Err(ConfigError::Read { .. })));
        fs_err::write(&path, b"{\"a\": \"\xff\"}").unwrap();
        assert!(matches!(JobConfig::read(&path), Err(ConfigError::Read { .. })));
        fs_err::write(&path, " ".repeat(16 * 1024 * 1024 + 1)).unwrap();
        let error = JobConfig::read(&path).unwrap_err();
        assert!(crate::diagnostic::render(&error).contains("larger than 16777216 bytes"));
    }
}
