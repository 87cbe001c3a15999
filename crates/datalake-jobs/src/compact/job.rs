//! The run: extract, transform, load, and the record of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use datalake_deps::config::{ConfigLayers, JobConfig, Resolved};
use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::lake::Lake;
use datalake_deps::lake::model::MEASUREMENTS;
use datalake_deps::logging::Logger;
use datalake_deps::publish::{Output, OutputLock, Provenance, PublishError};
use datalake_deps::run_record::{RunRecord, Status};
use datalake_deps::session::Session;
use datalake_deps::store::{self, Located};

use super::args::Args;
use super::config::{Config, validate};
use super::error::CompactError;
use super::extract::{self, InputFile};
use super::gather::{Gather, Gathered, gather};
use super::load::{self, REJECTED_ROWS};
use crate::start;
use crate::theft_detection::RawConfig;

/// Name of the job: in logs, in `run.json`, on the command line.
pub const NAME: &str = "compact";

/// Version of the code: what it writes may differ from one to the next.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the job as its command line says, and returns how the process ends.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    start::from_command_line(command_line, run)
}

/// Runs the job, and returns how the process ends.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    start::in_session(NAME, &args.session, |session, log, config| {
        dispatch(args, session, log, config)
    })
}

fn print(text: &str) -> Result<(), CompactError> {
    start::print(text).map_err(CompactError::Stdout)
}

fn dispatch(
    args: &Args,
    session: &Session,
    log: &Logger,
    config: Option<JobConfig>,
) -> Result<(), CompactError> {
    let resolved = resolve(args, config);
    if args.config.print_config {
        return print(&resolved?.print_text());
    }
    // A config that cannot be read may still be recorded where the command line names the output.
    let folder = match (&resolved, &args.output) {
        (Ok(resolved), _) => resolved.value.compact.output.clone(),
        (Err(_), Some(output)) => Some(output.display().to_string()),
        (Err(_), None) => None,
    };
    let Some(folder) = folder else {
        resolved?;
        return Err(CompactError::Missing {
            what: "output",
            key: "compact.output",
        });
    };
    let output = Output::open(&folder)?;
    if let Ok(resolved) = &resolved {
        refuse_output_in_the_lake(resolved, &output)?;
    }
    refuse_output_of_another_job(&output)?;
    let mut lock = output.lock(session.run_id(), session.spill_folder())?;
    let mut record = RunRecord::start(session, VERSION);
    let outcome = resolved.and_then(|resolved| {
        record.set_config(&resolved);
        let config = validate(&resolved)?;
        let lake = resolved.value.lake.as_deref().ok_or(CompactError::Missing {
            what: "lake",
            key: "lake",
        })?;
        let job = Job {
            session,
            log,
            config: &config,
            lake: Lake::open(lake, config.lake.clone())?,
        };
        job.run(&output, &mut lock, &mut record, args.force)
    });
    let ended = outcome
        .as_ref()
        .map(|(status, _)| *status)
        .map_err(|error| error as &dyn Diagnostic);
    record.end(ended);
    // The record there is that of the run whose tables stand.
    if let Err(CompactError::Publish(PublishError::Overtaken { .. })) = outcome {
        return outcome.map(drop);
    }
    let recorded = record.write(output.folder(), log);
    let (_, text) = outcome?;
    print(&text)?;
    // The tables are published, but who reads run.json would believe the run before.
    recorded.map_err(CompactError::Record)
}

fn resolve(args: &Args, config: Option<JobConfig>) -> Result<Resolved<RawConfig>, CompactError> {
    let mut layers = ConfigLayers::new().with_environment(std::env::vars_os())?;
    if let Some(config) = config {
        layers = layers.with_job_config(config);
    }
    Ok(layers.with_flags(&args.config_args()).resolve::<RawConfig>()?)
}

/// What is published into the lake would be read by the next run.
fn refuse_output_in_the_lake(resolved: &Resolved<RawConfig>, output: &Output) -> Result<(), CompactError> {
    let Some(folder) = &resolved.value.lake else {
        return Ok(());
    };
    let out = output.folder();
    let real = |path: &Path| fs_err::canonicalize(path).ok();
    let same = match (real(Path::new(folder)), real(out)) {
        (Some(lake), Some(out)) => lake == out || lake.starts_with(out.join(".versions")),
        // URLs, or a folder that is not there yet.
        _ => {
            matches!(store::locate(Path::new(folder)), Ok(Located::Object(lake)) if Path::new(&lake.url()) == out)
        }
    };
    if same {
        return Err(CompactError::OutputIsLake {
            output: out.display().to_string(),
        });
    }
    // What is wrong with the lake itself is said, and recorded, by the run.
    let around = Lake::open(folder, resolved.value.lake_config())
        .ok()
        .and_then(|lake| lake.table_around(out));
    match around {
        Some((table, folder)) => Err(CompactError::OutputInTable {
            output: out.display().to_string(),
            table,
            folder,
        }),
        None => Ok(()),
    }
}

/// One job's tables go when another's are published.
fn refuse_output_of_another_job(output: &Output) -> Result<(), CompactError> {
    match output.published_job()? {
        Some(job) if job != NAME => Err(CompactError::OutputOfAnotherJob {
            output: output.folder().display().to_string(),
            job,
        }),
        _ => Ok(()),
    }
}

struct Job<'a> {
    session: &'a Session,
    log: &'a Logger,
    config: &'a Config,
    lake: Lake,
}

impl Job<'_> {
    /// Compacts and publishes where anything changed; returns how it ended and what to print.
    fn run(
        &self,
        output: &Output,
        lock: &mut OutputLock<'_>,
        record: &mut RunRecord,
        force: bool,
    ) -> Result<(Status, String), CompactError> {
        let folder = output.folder().display();
        let inputs = record.time("list the inputs", || extract::inputs(&self.lake))?;
        for input in &inputs {
            record.add_input(input.spec.name, &input.file.relative, input.fingerprint.clone());
        }
        let provenance = Provenance {
            job: NAME.to_owned(),
            code_version: VERSION.to_owned(),
            input_fingerprint: extract::input_fingerprint(&inputs),
            config_fingerprint: self.config.fingerprint.clone(),
        };
        if let Some(manifest) = lock.published()?
            && manifest.provenance == provenance
            && !force
        {
            record.set_output(&manifest);
            record.keep_rows(output.folder(), &manifest);
            return Ok((Status::Unchanged, format!("unchanged: {folder} is up to date\n")));
        }
        let others = || inputs.iter().filter(|input| input.spec.name != MEASUREMENTS.name);
        let mut tables = vec![MEASUREMENTS.name, REJECTED_ROWS];
        tables.extend(others().map(|input| input.spec.name));
        tables.dedup();
        let staging = lock.stage(&tables)?;
        let mut gathered = self.gather(&staging.table_folder(MEASUREMENTS.name)?, record)?;
        load::rejected_rows(&staging, &mut gathered.rejected)?;
        let copied = record.time("copy the other tables", || {
            load::copy_tables(&self.lake, &staging, others())
        })?;
        self.session.check_stop()?;
        let manifest = record.time("publish", || staging.publish(provenance))?;
        record.set_output(&manifest);
        let mut text = summary(&gathered, &copied);
        let _ = writeln!(text, "published in {folder}");
        text.extend(self.note_on_paths(&inputs));
        Ok((Status::Succeeded, text))
    }

    fn gather(&self, folder: &Path, record: &mut RunRecord) -> Result<Gathered, CompactError> {
        let scan = record.time("plan", || {
            extract::plan_measurements(&self.lake, self.session.batch_rows())
        })?;
        let files = self.lake.measurement_files()?;
        let bar = self.log.progress_bar(
            scan.pieces().iter().map(|piece| piece.bytes).sum(),
            "measurements",
        );
        let parameters = Gather {
            session: self.session,
            scan: &scan,
            files: &files,
            folder,
            by: self.config.by,
            sound: self.config.sound,
            max_rejected_share: self.config.max_rejected_share,
        };
        let gathered = record.time("compact", || gather(parameters, &|bytes| bar.inc(bytes)));
        bar.finish_and_clear();
        let gathered = gathered?;
        record.rows = Some(gathered.rows.clone());
        tracing::info!(
            rows = gathered.rows.read,
            files = gathered.files,
            spilled_bytes = gathered.spilled_bytes,
            "the measurements are compacted"
        );
        Ok(gathered)
    }

    /// A config that says where tables lie says it of the source: in the output each has its own name.
    fn note_on_paths(&self, inputs: &[InputFile]) -> Option<String> {
        let mut moved: Vec<String> = inputs
            .iter()
            .filter(|input| self.lake.configured_path(input.spec).is_some())
            .map(|input| format!(" --set tables.{0}.path={0}", input.spec.name))
            .collect();
        moved.dedup();
        (!moved.is_empty()).then(|| {
            format!(
                "the config says where tables of the source lie; to read the output, add{}\n",
                moved.concat()
            )
        })
    }
}

/// Where the rows went, and what else is there, as plain text.
fn summary(gathered: &Gathered, copied: &BTreeMap<&'static str, u64>) -> String {
    let rows = &gathered.rows;
    let mut text = format!(
        "measurements: {} rows read = {} kept + {} superseded or repeated + {} rejected\n",
        rows.read,
        rows.used,
        rows.superseded,
        rows.rejected.values().sum::<u64>(),
    );
    // Writing to a String cannot fail.
    for (reason, count) in &rows.rejected {
        let _ = writeln!(text, "  rejected: {count} {reason}");
    }
    let _ = writeln!(text, "files written: {}", gathered.files);
    if !copied.is_empty() {
        let names: Vec<&str> = copied.keys().copied().collect();
        let _ = writeln!(text, "copied as they are: {}", names.join(", "));
    }
    text
}
