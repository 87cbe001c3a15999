//! Options of the generator.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use datalake_deps::session::SessionArgs;
use jiff::civil::Date;

use super::dirt::{Dirt, check_share};
use super::error::ToolError;
use super::life::LifeKind;
use super::theft::TheftKind;
use datalake_deps::lake::Preset;

/// How rows are spread over files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Layout {
    /// A folder a day, rows in no order.
    Daily,
    /// A folder a month, rows in no order within a day.
    Monthly,
    /// A file per some hundred service points, sorted by component and time.
    Component,
    /// Any row in any file.
    Shuffled,
    /// One file with all rows in no order; on their way there they take 47 bytes of disk each.
    OneFile,
}

/// Which file of a folder a row goes to, where there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Share {
    /// Any of them.
    Chance,
    /// Each holds a range of service points, as systems write that export in parallel (`daily` and `monthly` only).
    Range,
}

/// How tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Format {
    /// Parquet with zstd.
    Parquet,
    /// Comma-separated with a header line.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Make a lake of synthetic meter data, with theft and with what looks like it.
#[derive(Debug, Clone, Parser)]
#[command(name = "synthetic-lake", version)]
pub struct Args {
    /// Folder of the lake; must be absent or empty.
    #[arg(long)]
    pub output: PathBuf,
    /// Number of service points.
    #[arg(long)]
    pub service_points: u32,
    /// Number of days.
    #[arg(long)]
    pub days: u32,
    /// First day of the data.
    #[arg(long, default_value = "2024-01-01")]
    pub first_day: Date,
    /// Length of an interval: 300, 600, 900, 1800, 3600 or 86400.
    #[arg(long, default_value_t = 1_800)]
    pub interval_seconds: u32,
    /// The same seed makes the same lake, whatever the number of threads.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Column names: `canonical` or `oracle_mdm`.
    #[arg(long, value_name = "NAME", default_value = "canonical", value_parser = super::names::preset)]
    pub preset: Preset,
    /// Share of the service points that steal.
    #[arg(long, default_value_t = 0.05)]
    pub theft_share: f64,
    /// Kinds of theft, separated by commas [default: all that the interval allows].
    #[arg(long, value_enum, value_delimiter = ',')]
    pub kinds: Vec<TheftKind>,
    /// Share of the service points that are honest but odd.
    #[arg(long, default_value_t = 0.15)]
    pub hard_negative_share: f64,
    /// Kinds of honest oddities, separated by commas [default: all].
    #[arg(long, value_enum, value_delimiter = ',')]
    pub hard_negatives: Vec<LifeKind>,
    /// Share of the meters with a scalar register beside the interval channel.
    #[arg(long, default_value_t = 0.05)]
    pub register_share: f64,
    /// Share of the meters with a voltage channel.
    #[arg(long, default_value_t = 0.0)]
    pub voltage_share: f64,
    /// Faults.
    #[command(flatten)]
    pub dirt: Dirt,
    /// Zone of legal time, in which install events are kept.
    #[arg(long, default_value = "Europe/London")]
    pub time_zone: String,
    /// How rows are spread over files.
    #[arg(long, value_enum, default_value_t = Layout::Daily)]
    pub layout: Layout,
    /// Files of a folder; the layout `component` makes one per 500 service points instead, `one_file` one of all.
    #[arg(long, default_value_t = 1)]
    pub files_per_day: u32,
    /// Which of the files of a folder a row goes to.
    #[arg(long, value_enum, default_value_t = Share::Chance)]
    pub file_share: Share,
    /// How tables are written.
    #[arg(long, value_enum, default_value_t = Format::Parquet)]
    pub format: Format,
    /// Session flags.
    #[command(flatten)]
    pub session: SessionArgs,
}

impl Args {
    /// Slots of a day.
    pub(crate) fn slots(&self) -> usize {
        (86_400 / self.interval_seconds.max(1)) as usize
    }

    /// Refuses what cannot be meant.
    pub(crate) fn check(&self) -> Result<(), ToolError> {
        let bounded = |option, value: u32, least, most| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(ToolError::Option {
                option,
                value: value.to_string(),
                why: format!("it lies between {least} and {most}"),
            })
        };
        bounded("--service-points", self.service_points, 1, 20_000_000)?;
        bounded("--days", self.days, 1, 7_320)?;
        bounded("--files-per-day", self.files_per_day, 1, 1_000)?;
        if super::component_type::code(
            self.interval_seconds,
            datalake_transforms::model::Direction::Delivered,
        )
        .is_none()
        {
            return Err(ToolError::Option {
                option: "--interval-seconds",
                value: self.interval_seconds.to_string(),
                why: "component types are known for 300, 600, 900, 1800, 3600 and 86400".to_owned(),
            });
        }
        if self.file_share == Share::Range && !matches!(self.layout, Layout::Daily | Layout::Monthly) {
            return Err(ToolError::Option {
                option: "--file-share",
                value: "range".to_owned(),
                why: "only the layouts `daily` and `monthly` have folders to share out".to_owned(),
            });
        }
        check_share("--theft-share", self.theft_share)?;
        check_share("--hard-negative-share", self.hard_negative_share)?;
        check_share("--register-share", self.register_share)?;
        check_share("--voltage-share", self.voltage_share)?;
        if self.theft_share + self.hard_negative_share > 1.0 {
            return Err(ToolError::Option {
                option: "--hard-negative-share",
                value: self.hard_negative_share.to_string(),
                why: "with --theft-share it is more than all service points".to_owned(),
            });
        }
        self.dirt.check()?;
        self.theft_kinds().map(|_| ())
    }

    /// The kinds of theft to draw from.
    pub(crate) fn theft_kinds(&self) -> Result<Vec<TheftKind>, ToolError> {
        if let Some(kind) = self.kinds.iter().find(|k| !k.suits(self.slots())) {
            return Err(ToolError::Option {
                option: "--kinds",
                value: kind.name().to_owned(),
                why: format!(
                    "it means nothing with intervals of {} seconds",
                    self.interval_seconds
                ),
            });
        }
        let all: &[TheftKind] = if self.kinds.is_empty() {
            &TheftKind::ALL
        } else {
            &self.kinds
        };
        Ok(all.iter().copied().filter(|k| k.suits(self.slots())).collect())
    }

    /// The kinds of honest oddities to draw from.
    pub(crate) fn life_kinds(&self) -> Vec<LifeKind> {
        if self.hard_negatives.is_empty() {
            LifeKind::ALL.to_vec()
        } else {
            self.hard_negatives.clone()
        }
    }
}
