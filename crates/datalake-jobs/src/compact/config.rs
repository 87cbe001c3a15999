//! The job's part of the config, and what it takes from the rest.

use datalake_deps::config::{ConfigError, Resolved};
use datalake_deps::fingerprint::sha256_hex;
use datalake_deps::lake::LakeConfig;
use datalake_transforms::compact::{Period, Soundness};
use datalake_transforms::error::TransformError;
use datalake_transforms::resolve::ResolveConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::theft_detection::RawConfig;

/// Where and how `compact` writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompactConfig {
    /// Folder that becomes the compacted lake.
    pub output: Option<String>,
    /// What one file holds.
    pub by: Period,
}

/// A config that was found sound.
#[derive(Debug, Clone)]
pub(super) struct Config {
    /// How the lake's tables look.
    pub(super) lake: LakeConfig,
    /// What one file holds.
    pub(super) by: Period,
    /// Which rows may hide older ones.
    pub(super) sound: Soundness,
    /// 0 to 1.
    pub(super) max_rejected_share: f64,
    /// Changes with everything that the output depends on.
    pub(super) fingerprint: String,
}

/// Checks every value that the job looks at; an error names the key, where its value came from, and what is allowed.
pub(super) fn validate(resolved: &Resolved<RawConfig>) -> Result<Config, ConfigError> {
    let raw = &resolved.value;
    if !(0.0..=1.0).contains(&raw.max_rejected_share) {
        let why = format!(
            "{} is no share: it must lie between 0 and 1",
            raw.max_rejected_share
        );
        return Err(resolved.error_at("max_rejected_share", why));
    }
    let conditions = ResolveConfig::new(&raw.conditions).map_err(|error| match &error {
        TransformError::Parameter { name, value, why } => {
            resolved.error_at(name, format!("{value} is not allowed: {why}"))
        }
        other => resolved.error_at("", other.to_string()),
    })?;
    let lake = raw.lake_config();
    let depends = serde_json::json!({
        "lake": lake,
        "by": raw.compact.by,
        "max_kwh_per_interval": raw.conditions.max_kwh_per_interval,
        "max_rejected_share": raw.max_rejected_share,
    });
    Ok(Config {
        by: raw.compact.by,
        sound: Soundness::new(&conditions),
        max_rejected_share: raw.max_rejected_share,
        fingerprint: sha256_hex(depends.to_string().as_bytes()),
        lake,
    })
}
