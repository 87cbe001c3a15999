//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use datalake_deps::config::{Assignment, ConfigArgs, KeyPath};
use datalake_deps::lake::Preset;
use datalake_deps::session::SessionArgs;
use jiff::civil::Date;

use super::what_if::WhatIfArgs;

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
    /// Model that train-theft-model has written: fills `model_score`.
    #[arg(long, value_name = "FILE", global = true)]
    pub model: Option<PathBuf>,
    /// First day to judge, as `2024-01-31`; without it the first that there is.
    #[arg(long, value_name = "DATE")]
    pub from: Option<Date>,
    /// Last day to judge; without it the last that there is.
    #[arg(long, value_name = "DATE")]
    pub to: Option<Date>,
    /// Judge as if this day were the last that there is: the same as `--to`.
    #[arg(long, value_name = "DATE", conflicts_with = "to")]
    pub as_of: Option<Date>,
    /// Read and check everything, print what a run would find, write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Compute again even where nothing has changed since the last run.
    #[arg(long)]
    pub force: bool,
    /// Also write the cases with their evidence into one HTML file, for a browser without a network.
    ///
    /// It is written after the tables are published. A run that finds nothing changed leaves the tables alone, but has to
    /// judge again to write the file.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub report: Option<PathBuf>,
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
    /// Print how many cases there would be at other thresholds, so that a workload can be chosen. Writes nothing.
    ///
    /// Without flags: the thresholds of every rule that decide most, at values around those of the config, and the threshold of
    /// the score. Every count is that of a run with that config; all of them take about as long as one run. What comes before
    /// the rules (clocks, conditions, `rules.min_peers`) cannot be varied.
    WhatIf(WhatIfArgs),
    /// Look at, or forget, the day profiles that the output keeps for the next run.
    State {
        /// What to do with them.
        #[command(subcommand)]
        action: StateAction,
    },
}

/// What to do with kept day profiles.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum StateAction {
    /// Print a line for each day that is kept.
    List,
    /// Forget days: the next run makes them again. Without dates, all of them.
    Drop {
        /// First day to forget.
        #[arg(long, value_name = "DATE")]
        first: Option<Date>,
        /// Last day to forget.
        #[arg(long, value_name = "DATE")]
        last: Option<Date>,
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
            ("model", "--model", folder(&self.model)),
            (
                "preset",
                "--preset",
                self.preset.map(|preset| preset.name().to_owned()),
            ),
        ];
        let day = |day: Option<Date>| day.map(|day| day.to_string());
        let days = [
            ("first_day", "--from", day(self.from)),
            ("last_day", "--to", day(self.to)),
            ("last_day", "--as-of", day(self.as_of)),
        ];
        for (key, flag, value) in own.into_iter().chain(days) {
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
