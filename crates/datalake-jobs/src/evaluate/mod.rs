//! Judges the theft job's scores and cases against what is known: a truth table or inspections.

mod input;
pub mod metrics;
pub mod report;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser};
use datalake_deps::exit_code::ExitCode;
use datalake_deps::session::{SessionArgs, StopFlag};

use crate::synthetic::error::ToolError;
use crate::synthetic::tool::{self, Tool};
use crate::synthetic::truth;
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
    /// Write JSON instead of text.
    #[arg(long)]
    pub json: bool,
    /// Session flags.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// Reads everything and judges it.
pub fn evaluate(args: &Args) -> Result<Report, ToolError> {
    let labels = match (&args.truth, &args.lake) {
        (Some(path), _) => truth::read(path)?,
        (None, Some(lake)) => input::inspections(&lake.join("inspection"))?,
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

/// Evaluates and writes the report to standard output.
pub fn run(args: &Args) -> Result<Report, ToolError> {
    let report = evaluate(args)?;
    let text = if args.json {
        let json = serde_json::to_string_pretty(&report).map_err(|e| ToolError::Io(e.into()))?;
        format!("{json}\n")
    } else {
        report.text()
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(report)
}

#[cfg(test)]
mod tests;
