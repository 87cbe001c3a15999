//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use datalake_deps::config::{Assignment, ConfigArgs, KeyPath};
use datalake_deps::lake::Preset;
use datalake_deps::session::SessionArgs;

/// Finds service points where energy is probably stolen, and says why.
#[derive(Debug, Parser)]
#[command(name = "theft-detection", version)]
pub struct Args {
    /// Folder of the lake: a folder or file per table, named after it.
    #[arg(long, value_name = "DIR", global = true)]
    pub lake: Option<PathBuf>,
    /// Folder that the tables and run.json are published in.
    #[arg(long, value_name = "DIR", global = true)]
    pub output: Option<PathBuf>,
    /// Column names of the system that delivered the lake: `canonical` or `oracle_mdm`.
    #[arg(long, value_name = "NAME", global = true, value_parser = preset)]
    pub preset: Option<Preset>,
    /// Read and check everything, print what a run would find, write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Compute again even where nothing has changed since the last run.
    #[arg(long)]
    pub force: bool,
    /// Print the JSON schema of the config, and end.
    #[arg(long)]
    pub print_schema: bool,
    /// Config flags.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Session flags.
    #[command(flatten)]
    pub session: SessionArgs,
    /// What to do other than a run.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do other than a run.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Print why a service point has its score: every rule, hit or not, with the values. Writes nothing.
    Explain {
        /// Id of the service point, or of the measuring component where it was never installed.
        #[arg(value_name = "SERVICE_POINT")]
        id: String,
    },
}

fn preset(text: &str) -> Result<Preset, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "the presets are `canonical` and `oracle_mdm`".to_owned())
}

impl Args {
    /// The config flags, with the job's own flags as what they stand for.
    #[must_use]
    pub fn config_args(&self) -> ConfigArgs {
        let mut args = self.config.clone();
        let folder = |folder: &Option<PathBuf>| folder.as_ref().map(|folder| folder.display().to_string());
        let own = [
            ("lake", "--lake", folder(&self.lake)),
            ("output", "--output", folder(&self.output)),
            (
                "preset",
                "--preset",
                self.preset.map(|preset| preset.name().to_owned()),
            ),
        ];
        for (key, flag, value) in own {
            // As a JSON text, so that a folder called `1` or `null` stays a text.
            args.set.extend(value.map(|value| Assignment {
                path: KeyPath::new([key]),
                text: serde_json::Value::from(value).to_string(),
                flag,
            }));
        }
        args
    }
}
