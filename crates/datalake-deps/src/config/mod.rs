//! Layered config: defaults < file < environment < flags, each value with its origin.
//!
//! A job describes its config as a *raw* struct that derives `Default`, `Serialize` and `Deserialize`, with
//! `#[serde(default, deny_unknown_fields)]`, made of structs, maps, lists and plain values; never `flatten` or
//! `untagged`, which lose the path of a bad key. [`ConfigLayers::resolve`] merges the layers key by key:
//! objects merge, everything else (lists too) is replaced whole. The job then turns the raw struct into a
//! validated one and reports faults by [`Resolved::error_at`].
//!
//! ```
//! use datalake_deps::config::{ConfigLayers, JobConfig, Origin};
//!
//! #[derive(Default, serde::Serialize, serde::Deserialize)]
//! #[serde(default, deny_unknown_fields)]
//! struct Raw {
//!     output: String,
//!     min_days: u32,
//! }
//!
//! let config = JobConfig::parse(r#"{"output": "out"}"#)?;
//! let resolved = ConfigLayers::new().with_job_config(config).resolve::<Raw>()?;
//! assert_eq!(resolved.value.output, "out");
//! assert_eq!(resolved.origins["output"], Origin::Literal);
//! assert_eq!(resolved.origins["min_days"], Origin::Default);
//! # Ok::<(), datalake_deps::config::ConfigError>(())
//! ```

mod args;
mod error;
mod job_config;
mod json;
mod key_path;
mod layers;
mod redact;
mod resolved;
mod schema;

#[cfg(test)]
mod tests;

pub use args::{Assignment, ConfigArgs};
pub use error::ConfigError;
pub use job_config::JobConfig;
pub use key_path::KeyPath;
pub use layers::{ConfigLayers, Origin};
pub use redact::{is_secret, redact, redact_text, redact_url};
pub use resolved::Resolved;
pub use schema::schema_text;
