//! The run: extract, transform, load.

use std::ffi::OsString;

use datalake_deps::config::JobConfig;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::fingerprint::sha256_hex;
use datalake_deps::lake::Lake;
use datalake_deps::lake::model::INSPECTION;
use datalake_deps::logging::Logger;
use datalake_deps::session::Session;
use datalake_deps::store;
use datalake_transforms::learning::model::Training;
use datalake_transforms::subject_features::model_features;

use super::args::Args;
use super::config::validate;
use super::error::TrainError;
use super::report;
use super::train::{Examples, train};
use crate::inspections::Inspections;
use crate::start;
use crate::theft_detection::{JobError, Subjects, resolve, subjects};

/// Name of the job: in logs, on the command line, in the model.
pub const NAME: &str = "train-theft-model";

/// Version of the code: what it learns may differ from one to the next.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the job as its command line says, and returns how the process ends.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    start::from_command_line(command_line, run)
}

/// Runs the job, and returns how the process ends.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    start::in_session(NAME, &args.session, |session, log, config| {
        learn(args, session, log, config)
    })
}

fn print(text: &str) -> Result<(), TrainError> {
    start::print(text).map_err(TrainError::Stdout)
}

fn learn(args: &Args, session: &Session, log: &Logger, config: Option<JobConfig>) -> Result<(), TrainError> {
    let resolved = resolve(&args.config_args(), config)?;
    if args.config.print_config {
        return print(&resolved.print_text());
    }
    let learning = validate(&resolved)?;

    let Subjects {
        lake,
        features: all,
        last_days,
        input_fingerprint,
        config_fingerprint,
    } = subjects(session, log, &resolved)?;
    let inspections = Inspections::read(&lake)?.ok_or(TrainError::NoInspections)?;
    let labels = inspections.labels(&all.numbers, &last_days);
    labels.check(learning.min_labels)?;
    tracing::info!(
        labelled = labels.rows.len(),
        without_data = labels.unknown.0,
        data_after_inspection = labels.too_late,
        fault_or_no_access = inspections.neither,
        rejected = inspections.rejected,
        "labels are read"
    );
    if labels.too_late > 0 {
        tracing::warn!(
            "{} service points are left out, because they have data after their inspection; --to DATE learns from the data up to a day",
            labels.too_late
        );
    }

    let wanted = model_features(learning.counts_and_dates);
    let is_wanted = |name: &str| wanted.iter().any(|feature| feature.name == name);
    let (thefts, _) = labels.counts();
    let training = Training {
        job: NAME.to_owned(),
        job_version: VERSION.to_owned(),
        input_fingerprint: with_inspections(&lake, &input_fingerprint)?,
        config_fingerprint: sha256_hex(
            format!("{config_fingerprint} {}", serde_json::to_string(&learning)?).as_bytes(),
        ),
        counts_and_dates: learning.counts_and_dates,
        labelled: labels.rows.len() as u64,
        thefts,
    };
    let examples = Examples {
        features: &all.numbers.select(&labels.rows).with_columns(is_wanted),
        groups: &all.groups.select(&labels.rows).with_groupings(is_wanted),
        thefts: &labels.thefts,
    };
    let model = train(examples, &learning, training, || Ok(session.check_stop()?))?;

    let file = serde_json::to_string(&model)? + "\n";
    store::write(&args.model, file.as_bytes()).map_err(|source| TrainError::Write {
        path: args.model.clone(),
        source,
    })?;
    if args.json {
        let figures = serde_json::json!({
            "model": args.model.display().to_string(),
            "training": model.training,
            "cross_validation": model.cross_validation,
            "baseline": model.baseline,
        });
        return print(&(serde_json::to_string_pretty(&figures)? + "\n"));
    }
    print(&format!(
        "{}\nwritten to {}\n",
        report::text(&model),
        args.model.display()
    ))
}

/// One fingerprint of the files that features depend on, and of those of the labels.
fn with_inspections(lake: &Lake, features: &str) -> Result<String, TrainError> {
    let mut text = features.to_owned();
    for file in lake.files(&INSPECTION)? {
        let fingerprint = file.fingerprint().map_err(JobError::Fingerprint)?;
        text = format!("{text} {} {}", file.relative, fingerprint.sha256);
    }
    Ok(sha256_hex(text.as_bytes()))
}
