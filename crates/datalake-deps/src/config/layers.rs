//! The layers and how they merge.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::resolved::read_value;
use super::{Assignment, ConfigArgs, ConfigError, JobConfig, KeyPath, Resolved};
use crate::env_vars;

/// Where a value of the config comes from; later variants win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The job's built-in default.
    Default,
    /// A config file.
    File(PathBuf),
    /// A config given as a string in the code.
    Literal,
    /// An environment variable of this name.
    Environment(String),
    /// This flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Literal => f.write_str("literal"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The layers of one config, gathered and then resolved.
#[derive(Debug, Clone, Default)]
pub struct ConfigLayers {
    config: Option<JobConfig>,
    environment: Vec<(KeyPath, String, Origin)>,
    flags: Vec<Assignment>,
}

impl ConfigLayers {
    /// No layer but the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the config that came with the job.
    #[must_use]
    pub fn with_job_config(mut self, config: JobConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Adds the variables `DATALAKE__A__B=value` among `variables`; pass [`std::env::vars_os`].
    ///
    /// Names meet existing keys whatever their case, and are lower-cased where there is none.
    ///
    /// # Errors
    /// [`ConfigError::Assignment`] for an empty key or a value that is not UTF-8.
    pub fn with_environment(
        mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        // Sorted, so that the outcome does not hang on the order in which the system lists its variables.
        let variables: BTreeMap<_, _> = variables.into_iter().collect();
        for (name, value) in variables {
            let name = name.to_string_lossy();
            let Some(keys) = name.strip_prefix(env_vars::CONFIG_PREFIX) else {
                continue;
            };
            let path = KeyPath::new(keys.split("__"));
            if path.keys().iter().any(String::is_empty) {
                return Err(ConfigError::assignment(&name, "a key is empty".to_owned()));
            }
            let text = value
                .into_string()
                .map_err(|_| ConfigError::assignment(&name, "the value is not UTF-8".to_owned()))?;
            let origin = Origin::Environment(name.clone().into_owned());
            self.environment.push((path, text, origin));
        }
        Ok(self)
    }

    /// Adds the flags, in their order.
    #[must_use]
    pub fn with_flags(mut self, args: &ConfigArgs) -> Self {
        self.flags.extend(args.set.iter().cloned());
        self
    }

    /// Merges the layers over `Raw::default()` and reads the outcome as `Raw`.
    ///
    /// # Errors
    /// [`ConfigError::Key`] with the path, origin and known keys of what is wrong.
    pub fn resolve<Raw>(self) -> Result<Resolved<Raw>, ConfigError>
    where
        Raw: Default + Serialize + DeserializeOwned,
    {
        let defaults =
            serde_json::to_value(Raw::default()).map_err(|source| ConfigError::Write { source })?;
        let mut merged = Merged {
            value: defaults,
            origins: BTreeMap::new(),
        };
        if let Some(config) = self.config {
            merged.merge(config.value, &config.origin);
        }
        for (path, text, origin) in &self.environment {
            let path = merged.existing_case(path);
            merged.assign(&path, text, origin);
        }
        for Assignment { path, text, flag } in &self.flags {
            merged.assign(path, text, &Origin::Flag(flag));
        }
        read_value(merged.value, &merged.origins)
    }
}

/// The layers merged so far, and where every leaf that is no default comes from.
struct Merged {
    value: Value,
    origins: BTreeMap<KeyPath, Origin>,
}

impl Merged {
    fn merge(&mut self, layer: Value, origin: &Origin) {
        merge_at(
            &mut self.value,
            layer,
            &KeyPath::default(),
            origin,
            &mut self.origins,
        );
    }

    fn assign(&mut self, path: &KeyPath, text: &str, origin: &Origin) {
        let leaf = value_of_text(text, self.get(path));
        let layer = path.keys().iter().rev().fold(leaf, |inner, key| {
            let mut object = Map::new();
            object.insert(key.clone(), inner);
            Value::Object(object)
        });
        self.merge(layer, origin);
    }

    fn get(&self, path: &KeyPath) -> Option<&Value> {
        path.keys()
            .iter()
            .try_fold(&self.value, |value, key| value.as_object()?.get(key))
    }

    /// The path with each key as it is spelt in the config so far.
    fn existing_case(&self, path: &KeyPath) -> KeyPath {
        let mut value = Some(&self.value);
        let mut keys = Vec::new();
        for key in path.keys() {
            let object = value.and_then(Value::as_object);
            let found =
                object.and_then(|object| object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)));
            value = found.map(|(_, inner)| inner);
            keys.push(found.map_or_else(|| key.to_ascii_lowercase(), |(name, _)| name.clone()));
        }
        KeyPath::new(keys)
    }
}

/// A text from the environment or a flag: itself where the config holds a text so far, else JSON where it is JSON.
fn value_of_text(text: &str, present: Option<&Value>) -> Value {
    let json = serde_json::from_str(text).ok();
    match (json, present) {
        (Some(json @ (Value::String(_) | Value::Null)), _) => json,
        (Some(json), present) if !matches!(present, Some(Value::String(_))) => json,
        _ => Value::String(text.to_owned()),
    }
}

fn merge_at(
    value: &mut Value,
    layer: Value,
    path: &KeyPath,
    origin: &Origin,
    origins: &mut BTreeMap<KeyPath, Origin>,
) {
    match (value, layer) {
        (Value::Object(entries), Value::Object(layer)) => {
            if !layer.is_empty() {
                // An object set as empty is a leaf until it gets entries.
                origins.remove(path);
            }
            for (key, inner) in layer {
                let child = path.child(&key);
                if let Some(present) = entries.get_mut(&key) {
                    merge_at(present, inner, &child, origin, origins);
                } else {
                    note_leaves(&inner, &child, origin, origins);
                    entries.insert(key, inner);
                }
            }
        }
        (value, layer) => {
            origins.retain(|other, _| !path.holds(other));
            note_leaves(&layer, path, origin, origins);
            *value = layer;
        }
    }
}

fn note_leaves(value: &Value, path: &KeyPath, origin: &Origin, origins: &mut BTreeMap<KeyPath, Origin>) {
    for (leaf, _) in leaves(value, path) {
        origins.insert(leaf, origin.clone());
    }
}

/// All values that are no object with entries, with their paths; a list is one leaf.
pub(super) fn leaves<'a>(value: &'a Value, path: &KeyPath) -> Vec<(KeyPath, &'a Value)> {
    match value {
        Value::Object(entries) if !entries.is_empty() => entries
            .iter()
            .flat_map(|(key, inner)| leaves(inner, &path.child(key)))
            .collect(),
        leaf => vec![(path.clone(), leaf)],
    }
}
