//! What the output, and what is kept beside it, depend on.

use datalake_deps::config::Resolved;
use datalake_deps::fingerprint::sha256_hex;
use datalake_deps::publish::Provenance;

use super::config::RawConfig;
use super::extract::{self, InputFile};
use super::job::{NAME, VERSION};

/// The config as text, without these keys.
fn config_without(resolved: &Resolved<RawConfig>, keys: &[&str]) -> String {
    let mut config = resolved.json().clone();
    if let Some(object) = config.as_object_mut() {
        for key in keys {
            object.remove(*key);
        }
    }
    config.to_string()
}

/// Digest of all that day profiles depend on besides the lake.
pub(super) fn basis(resolved: &Resolved<RawConfig>) -> String {
    const OTHER: [&str; 11] = [
        "lake",
        "output",
        "model",
        "rules",
        "max_rejected_share",
        "keep_day_profiles",
        "first_day",
        "last_day",
        "compact",
        "learning",
        "device_event_codes",
    ];
    sha256_hex(format!("{VERSION} {}", config_without(resolved, &OTHER)).as_bytes())
}

/// What the output depends on: unchanged, and there is nothing to do. Of a model its file's SHA-256 counts.
pub(super) fn provenance(
    resolved: &Resolved<RawConfig>,
    inputs: &[InputFile],
    model: Option<&str>,
) -> Provenance {
    Provenance {
        job: NAME.to_owned(),
        code_version: VERSION.to_owned(),
        input_fingerprint: extract::input_fingerprint(inputs),
        config_fingerprint: config_fingerprint(resolved, model),
    }
}

/// Digest of the config and of a model's SHA-256.
pub(super) fn config_fingerprint(resolved: &Resolved<RawConfig>, model: Option<&str>) -> String {
    // Where the lake, the output and the model lie does not change what is in them.
    const OTHER: [&str; 6] = [
        "lake",
        "output",
        "model",
        "keep_day_profiles",
        "compact",
        "learning",
    ];
    let config = config_without(resolved, &OTHER);
    let text = model.map_or_else(|| config.clone(), |model| format!("{config} model {model}"));
    sha256_hex(text.as_bytes())
}
