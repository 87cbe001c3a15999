//! The command line.

use std::path::PathBuf;

use clap::Parser;
use datalake_deps::config::{Assignment, ConfigArgs, KeyPath};
use datalake_deps::lake::Preset;
use datalake_deps::session::SessionArgs;
use datalake_transforms::compact::Period;
use serde::de::DeserializeOwned;

/// Rewrites the lake's measurements: newest updates applied, sorted, a file a day or a month.
#[derive(Debug, Parser)]
#[command(name = "compact", version)]
pub struct Args {
    /// Folder of the lake: a folder or file per table, named after it.
    #[arg(long, value_name = "DIR")]
    pub lake: Option<PathBuf>,
    /// Folder that becomes the compacted lake; else the config's `compact.output`.
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// What one file holds: `day` or `month`; else the config's `compact.by`.
    #[arg(long, value_name = "PERIOD", value_parser = named::<Period>)]
    pub by: Option<Period>,
    /// Column names of the system that delivered the lake: `canonical` or `oracle_mdm`.
    #[arg(long, value_name = "NAME", value_parser = named::<Preset>)]
    pub preset: Option<Preset>,
    /// Compact again even where nothing has changed since the last run.
    #[arg(long)]
    pub force: bool,
    /// Config flags.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Session flags.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// A value by its name in the config; the error lists the names.
fn named<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|error| error.to_string())
}

impl Args {
    /// The config flags, with the job's own flags as what they stand for.
    #[must_use]
    pub fn config_args(&self) -> ConfigArgs {
        let mut args = self.config.clone();
        let folder = |folder: &Option<PathBuf>| folder.as_ref().map(|folder| folder.display().to_string());
        let own: [(&[&str], _, Option<String>); 4] = [
            (&["lake"], "--lake", folder(&self.lake)),
            (&["compact", "output"], "--output", folder(&self.output)),
            (&["compact", "by"], "--by", self.by.map(|by| by.name().to_owned())),
            (
                &["preset"],
                "--preset",
                self.preset.map(|preset| preset.name().to_owned()),
            ),
        ];
        for (key, flag, value) in own {
            // As a JSON text, so that a folder called `1` or `null` stays a text.
            args.set.extend(value.map(|value| Assignment {
                path: KeyPath::new(key.iter().copied()),
                text: serde_json::Value::from(value).to_string(),
                flag,
            }));
        }
        args
    }
}
