//! Judges the theft job's scores and cases against what is known: a truth table or inspections.

mod input;
pub mod metrics;
pub mod report;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs};

use crate::synthetic::error::ToolError;
use crate::synthetic::truth;
use report::Report;

/// Judge scores and cases against the truth.
#[derive(Debug, Clone, ClapArgs)]
#[command(group(ArgGroup::new("labels").required(true).args(["truth", "lake"])))]
pub struct Args {
    /// The table `theft_scores`: a folder or a Parquet file.
    #[arg(long)]
    pub scores: PathBuf,
    /// The table `theft_cases`: a folder or a Parquet file.
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
    let scores = input::scores(&args.scores)?;
    let cases = args.cases.as_deref().map(input::cases).transpose()?;
    Ok(report::judge(&labels, &scores, cases.as_ref()))
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
