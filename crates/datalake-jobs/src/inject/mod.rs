//! Puts synthetic theft into a lake of real data, and says where.
//!
//! Customers are chosen by service point, each gets a kind of theft and an onset in the middle of its own data;
//! from then on the values of its delivered-kWh components are what the attack reports. Files, partitions, rows
//! and types stay as they are; the truth table tells who was chosen.

mod customers;
mod install_events;
mod plan;
mod rewrite;
mod series;
mod survey;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::session::{SessionArgs, StopFlag};
use rayon::prelude::*;

use crate::synthetic::error::ToolError;
use crate::synthetic::files::{self, Staging};
use crate::synthetic::theft::TheftKind;
use crate::synthetic::tool::{self, Tool};
use crate::synthetic::truth::{self, HONEST, Truth};

/// Put synthetic theft into a lake.
#[derive(Debug, Clone, Parser)]
#[command(name = "inject", version)]
pub struct Args {
    /// The lake: a folder of Parquet tables, in canonical or Oracle names.
    #[arg(long)]
    pub lake: PathBuf,
    /// Where the changed lake goes; must be absent or empty.
    #[arg(long)]
    pub output: PathBuf,
    /// Share of the customers that steal.
    #[arg(long, default_value_t = 0.06)]
    pub share: f64,
    /// Kinds of theft, separated by commas [default: all that the lake's intervals allow].
    #[arg(long, value_enum, value_delimiter = ',')]
    pub kinds: Vec<TheftKind>,
    /// The same seed makes the same choices.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Session flags.
    #[command(flatten)]
    pub session: SessionArgs,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Service points with delivered energy.
    pub customers: usize,
    /// Of those, with enough data to steal from.
    pub eligible: usize,
    /// Of those, thieves now.
    pub thieves: usize,
    /// Rows whose value changed.
    pub rows_changed: u64,
}

impl Tool for Args {
    const NAME: &'static str = "inject";

    fn session(&self) -> &SessionArgs {
        &self.session
    }

    fn work(&self, stop: &StopFlag) -> Result<(), ToolError> {
        run(self, stop).map(|_| ())
    }
}

/// Runs the tool as its command line says, and returns how the process ends.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    tool::main::<Args>(command_line)
}

/// Kinds that cannot be put into measurements alone.
fn check(args: &Args) -> Result<Vec<TheftKind>, ToolError> {
    if !(args.share > 0.0 && args.share <= 1.0) {
        return Err(ToolError::Option {
            option: "--share",
            value: args.share.to_string(),
            why: "a share is above 0 and at most 1".to_owned(),
        });
    }
    if args.kinds.contains(&TheftKind::SlowExchange) {
        return Err(ToolError::Option {
            option: "--kinds",
            value: TheftKind::SlowExchange.name().to_owned(),
            why: "an exchange needs a meter that the lake does not have; synthetic-lake makes it".to_owned(),
        });
    }
    let truth = args.lake.join("truth");
    if truth.exists() {
        return Err(ToolError::Input {
            path: truth,
            what: "the lake has a truth table already".to_owned(),
            hint: "inject into the lake that it was made from, or remove the table".to_owned(),
        });
    }
    let mut kinds = if args.kinds.is_empty() {
        TheftKind::ALL.to_vec()
    } else {
        args.kinds.clone()
    };
    kinds.retain(|k| *k != TheftKind::SlowExchange);
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

/// Reads the lake three times (who has data, whose values change, write) and publishes the copy by one rename.
///
/// Memory holds the rows of the thieves and of those whose profile they borrow, not the lake.
pub fn run(args: &Args, stop: &StopFlag) -> Result<Summary, ToolError> {
    let kinds = check(args)?;
    let measurements = args.lake.join("measurements");
    let files = files::parquet_files(&measurements)?;
    let staging = Staging::new(&args.output)?;

    let customers = customers::read(&args.lake)?;
    let survey = survey::survey(&files, &customers, stop)?;
    let plan = plan::plan(&customers, &survey, &kinds, args.share, args.seed);
    let recorded = series::read(&files, &plan.components(), stop)?;
    let injected = series::inject(&plan, &recorded, args.seed);

    let rows_changed = files
        .par_iter()
        .map(|file| {
            let inner = file.strip_prefix(&measurements).unwrap_or(file);
            rewrite::rewrite(
                file,
                &staging.path().join("measurements").join(inner),
                &injected,
                stop,
            )
        })
        .sum::<Result<u64, ToolError>>()?;
    copy_other_tables(args, &staging)?;
    install_events::rewrite(&args.lake, staging.path(), &plan)?;

    let rows: Vec<Truth> = customers
        .iter()
        .enumerate()
        .map(|(i, customer)| {
            let thief = plan.thieves.iter().position(|t| t.customer == i);
            Truth {
                service_point_id: customer.service_point_id.clone(),
                kind: thief.map_or(HONEST, |t| plan.thieves[t].kind.name()).to_owned(),
                is_theft: thief.is_some(),
                onset_date: thief.map(|t| plan.thieves[t].onset),
                end_date: None,
                lost_kwh: thief.map_or(0.0, |t| injected.lost_micro[t] as f64 / 1e6),
            }
        })
        .collect();
    truth::write(&staging.path().join("truth").join("part-0.parquet"), &rows)?;
    staging.publish()?;
    let summary = Summary {
        customers: customers.len(),
        eligible: plan.eligible,
        thieves: plan.thieves.len(),
        rows_changed,
    };
    tracing::info!(?summary, output = %args.output.display(), "injected");
    Ok(summary)
}

fn copy_other_tables(args: &Args, staging: &Staging) -> Result<(), ToolError> {
    let mut others = Vec::new();
    files::collect(&args.lake, &mut others)?;
    others.sort();
    for file in others {
        let inner = file.strip_prefix(&args.lake).unwrap_or(&file);
        if inner.starts_with("measurements") || inner.starts_with("install_event") {
            continue;
        }
        let to = staging.path().join(inner);
        if let Some(folder) = to.parent() {
            fs_err::create_dir_all(folder)?;
        }
        fs_err::copy(&file, &to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
