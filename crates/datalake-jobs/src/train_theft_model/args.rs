//! The command line.

use std::path::PathBuf;

use clap::Parser;
use datalake_deps::config::{Assignment, ConfigArgs, KeyPath};
use datalake_deps::lake::Preset;
use datalake_deps::session::SessionArgs;
use jiff::civil::Date;
use serde::de::DeserializeOwned;

/// Learns from outcomes of inspections which service points steal, and writes a model for theft-detection.
#[derive(Debug, Parser)]
#[command(name = "train-theft-model", version)]
pub struct Args {
    /// Folder of the lake: a folder or file per table, `inspection` among them.
    #[arg(long, value_name = "DIR")]
    pub lake: Option<PathBuf>,
    /// File that the model is written to.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Column names of the system that delivered the lake: `canonical` or `oracle_mdm`.
    #[arg(long, value_name = "NAME", value_parser = named::<Preset>)]
    pub preset: Option<Preset>,
    /// First day to learn from, as `2024-01-31`; without it the first that there is.
    #[arg(long, value_name = "DATE")]
    pub from: Option<Date>,
    /// Last day to learn from; without it the last that there is.
    #[arg(long, value_name = "DATE")]
    pub to: Option<Date>,
    /// Leave out counts and dates, which labels may follow for reasons other than theft.
    #[arg(long)]
    pub without_counts_and_dates: bool,
    /// Print the figures as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
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
        let day = |day: Option<Date>| day.map(|day| day.to_string().into());
        let own: [(&[&str], _, Option<serde_json::Value>); 5] = [
            (
                &["lake"],
                "--lake",
                self.lake
                    .as_ref()
                    .map(|folder| folder.display().to_string().into()),
            ),
            (
                &["preset"],
                "--preset",
                self.preset.map(|preset| preset.name().into()),
            ),
            (&["first_day"], "--from", day(self.from)),
            (&["last_day"], "--to", day(self.to)),
            (
                &["learning", "counts_and_dates"],
                "--without-counts-and-dates",
                self.without_counts_and_dates.then_some(false.into()),
            ),
        ];
        for (key, flag, value) in own {
            // As a JSON text, so that a folder called `1` or `null` stays a text.
            args.set.extend(value.map(|value| Assignment {
                path: KeyPath::new(key.iter().copied()),
                text: value.to_string(),
                flag,
            }));
        }
        args
    }
}
