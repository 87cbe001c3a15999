//! Judges the theft job's scores and cases against what is known: a truth table or inspections.

mod curves;
mod html;
pub(crate) mod input;
pub mod metrics;
pub mod report;
mod text;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser};
use datalake_deps::exit_code::ExitCode;
use datalake_deps::lake::{Lake, LakeConfig};
use datalake_deps::session::{SessionArgs, StopFlag};
use datalake_deps::store;
use jiff::civil::Date;

use crate::format::Format;
use crate::inspections::{InspectionError, Inspections};
use crate::synthetic::error::ToolError;
use crate::synthetic::tool::{self, Tool};
use crate::synthetic::truth;
pub(crate) use html::section;
use input::Known;
use report::Report;

/// Judge scores and cases against the truth.
#[derive(Debug, Clone, Parser)]
#[command(name = "evaluate", version)]
#[command(group(ArgGroup::new("labels").required(true).args(["truth", "lake"])))]
pub struct Args {
    /// The theft job's output folder, or its table `theft_scores` alone: a folder or a Parquet file.
    #[arg(long)]
    pub scores: PathBuf,
    /// The table `theft_cases`, a folder or a Parquet file [default: that of the output folder].
    #[arg(long)]
    pub cases: Option<PathBuf>,
    /// The truth table of a synthetic lake: a folder or a Parquet file.
    #[arg(long)]
    pub truth: Option<PathBuf>,
    /// A lake with the table `inspection`; only inspected service points count.
    #[arg(long)]
    pub lake: Option<PathBuf>,
    /// Only outcomes of inspections from this day on, as `2024-01-31`, and those without a day.
    #[arg(long, value_name = "DATE", requires = "lake")]
    pub inspected_from: Option<Date>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Also write the figures with their curves into one HTML file, for a browser without a network.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Session flags.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// Reads everything and judges it.
pub fn evaluate(args: &Args) -> Result<Report, ToolError> {
    let labels = match (&args.truth, &args.lake) {
        (Some(path), _) => Known::of_truth(truth::read(path)?),
        (None, Some(lake)) => inspected(lake, args.inspected_from)?,
        (None, None) => {
            return Err(ToolError::Option {
                option: "--truth",
                value: "absent".to_owned(),
                why: "give the truth table, or a lake with inspections".to_owned(),
            });
        }
    };
    let (scores, published_cases) = published(&args.scores)?;
    let scores = input::scores(&scores)?;
    let cases = args
        .cases
        .clone()
        .or(published_cases)
        .map(|path| input::cases(&path))
        .transpose()?;
    Ok(report::judge(&labels, &scores, cases.as_ref()))
}

/// What inspections say, in a lake of canonical names.
fn inspected(folder: &Path, from: Option<Date>) -> Result<Known, ToolError> {
    let lake = Lake::open(folder, LakeConfig::default()).map_err(InspectionError::from)?;
    let inspections = Inspections::read(&lake)?.ok_or_else(|| ToolError::Input {
        path: folder.to_owned(),
        what: "the lake has no table `inspection`, or it is empty".to_owned(),
        hint: "deliver service_point_id, inspected_at and outcome (theft, no_theft, fault, no_access)"
            .to_owned(),
    })?;
    let day = |date: Date| {
        date.since(Date::constant(1970, 1, 1))
            .map_or(i32::MIN, |span| span.get_days())
    };
    Ok(Known::of_inspections(&inspections, from.map(day)))
}

/// The tables of an output folder, both of one version; the path itself where it is none.
fn published(path: &Path) -> Result<(PathBuf, Option<PathBuf>), ToolError> {
    let scores = path.join("theft_scores");
    if !scores.exists() {
        return Ok((path.to_owned(), None));
    }
    // The table is a link into the published version, and so is its neighbour.
    let scores = fs_err::canonicalize(scores)?;
    let cases = scores.with_file_name("theft_cases");
    Ok((scores, cases.exists().then_some(cases)))
}

impl Tool for Args {
    const NAME: &'static str = "evaluate";

    fn session(&self) -> &SessionArgs {
        &self.session
    }

    fn work(&self, _stop: &StopFlag) -> Result<(), ToolError> {
        run(self).map(|_| ())
    }
}

/// Runs the tool as its command line says, and returns how the process ends.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    tool::main::<Args>(command_line)
}

/// Evaluates, writes the HTML file where one is asked for, and prints.
pub fn run(args: &Args) -> Result<Report, ToolError> {
    let report = evaluate(args)?;
    if let Some(path) = &args.report {
        let page = html::page(&report);
        store::write(path, page.as_bytes()).map_err(|source| ToolError::Report {
            path: path.clone(),
            source,
        })?;
    }
    let text = match args.format {
        Format::Table => report.text(),
        Format::Json => {
            let json = serde_json::to_string_pretty(&report).map_err(|e| ToolError::Io(e.into()))?;
            format!("{json}\n")
        }
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(report)
}

#[cfg(test)]
mod tests;
