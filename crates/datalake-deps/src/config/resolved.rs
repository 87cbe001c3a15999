//! The outcome of the layers, and the errors that name a key and its origin.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment};

use super::error::Fault;
use super::layers::leaves;
use super::{ConfigError, KeyPath, Origin, is_secret, redact};

/// A config with all layers applied.
#[derive(Debug, Clone)]
pub struct Resolved<Raw> {
    /// The config.
    pub value: Raw,
    /// The origin of every leaf by its dotted path; lists and empty objects are leaves.
    pub origins: BTreeMap<String, Origin>,
    json: Value,
}

impl<Raw> Resolved<Raw> {
    /// The resolved config as JSON, **with** its secrets: for fingerprints, never for showing.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// What may be shown and recorded: `{"config": .., "origins": {"a.b": "file x.json", ..}}` without secrets.
    /// The `config` part has the form of a config file.
    #[must_use]
    pub fn record(&self) -> Value {
        json!({"config": redact(&self.json), "origins": self.origins})
    }

    /// [`Resolved::record`] as text for `--print-config`: pretty, ends in a line break.
    #[must_use]
    pub fn print_text(&self) -> String {
        format!("{:#}\n", self.record())
    }

    /// A fault that a job's own validation found at the dotted `path`: the error names path and origin.
    #[must_use]
    pub fn error_at(&self, path: &str, why: impl Into<String>) -> ConfigError {
        let origin = self.origins.get(path).cloned().or_else(|| {
            let path = KeyPath::parse(path).ok()?;
            let near = |other: &str| KeyPath::parse(other).is_ok_and(|o| path.holds(&o) || o.holds(&path));
            self.origins
                .iter()
                .filter(|(other, origin)| **origin != Origin::Default && near(other))
                .map(|(_, origin)| origin.clone())
                .next()
        });
        ConfigError::Key {
            path: path.to_owned(),
            origin: origin.unwrap_or(Origin::Default),
            fault: Fault::new(why),
            known: Vec::new(),
        }
    }
}

/// Reads the merged layers as `Raw` and settles the origin of every leaf.
pub(super) fn read_value<Raw: Serialize + DeserializeOwned>(
    merged: Value,
    set: &BTreeMap<KeyPath, Origin>,
) -> Result<Resolved<Raw>, ConfigError> {
    let value: Raw = serde_path_to_error::deserialize(merged).map_err(|error| key_error(&error, set))?;
    let json = serde_json::to_value(&value).map_err(|source| ConfigError::Write { source })?;
    let origins = leaves(&json, &KeyPath::default())
        .into_iter()
        .map(|(path, _)| (path.to_string(), origin_of(&path, set).unwrap_or(Origin::Default)))
        .collect();
    Ok(Resolved { value, origins, json })
}

/// The layer that set `path`, or what holds it, or the last of those that set something below it.
fn origin_of(path: &KeyPath, set: &BTreeMap<KeyPath, Origin>) -> Option<Origin> {
    let holder = set.iter().rfind(|(other, _)| other.holds(path));
    let inner = || set.iter().rfind(|(other, _)| path.holds(other));
    holder.or_else(inner).map(|(_, origin)| origin.clone())
}

fn key_error(
    error: &serde_path_to_error::Error<serde_json::Error>,
    set: &BTreeMap<KeyPath, Origin>,
) -> ConfigError {
    let (keys, path) = config_keys(error.path());
    let message = error.inner().to_string();
    let (fault, known) = match message.strip_prefix("unknown field ") {
        Some(rest) => (
            format!("unknown key {}", rest.split(',').next().unwrap_or_default()),
            quoted_names(rest),
        ),
        None if keys.keys().iter().any(|key| is_secret(key)) => (
            "its value has the wrong form; it is not shown, since the key looks secret".to_owned(),
            Vec::new(),
        ),
        // The name of a struct in the code says nothing to who writes a config.
        None => match message.split_once("expected struct ") {
            Some((start, _)) => (format!("{start}expected an object"), Vec::new()),
            None => (message, Vec::new()),
        },
    };
    let origin = origin_of(&keys, set).unwrap_or(Origin::Default);
    ConfigError::Key {
        path,
        origin,
        fault: Fault::new(fault),
        known,
    }
}

/// The names between backticks, but for the first, which is the unknown key itself.
fn quoted_names(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .skip(1)
        .map(str::to_owned)
        .collect()
}

/// The keys down to the first list, which is the leaf that has an origin; and the whole path as it is shown, with
/// the places in lists as `[0]`.
fn config_keys(path: &Path) -> (KeyPath, String) {
    let mut keys = Vec::new();
    let mut shown = String::new();
    let mut in_list = false;
    for segment in path {
        match segment {
            Segment::Map { key } | Segment::Enum { variant: key } => {
                let dot = if shown.is_empty() { "" } else { "." };
                // Writing to a String cannot fail.
                let _ = write!(shown, "{dot}{}", KeyPath::new([key]));
                if !in_list {
                    keys.push(key.clone());
                }
            }
            Segment::Seq { index } => {
                let _ = write!(shown, "[{index}]");
                in_list = true;
            }
            Segment::Unknown => {}
        }
    }
    (KeyPath::new(keys), shown)
}
