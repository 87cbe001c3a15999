//! The run: extract, transform, load, and the record of it.

use std::ffi::OsString;
use std::path::Path;

use datalake_deps::config::{ConfigArgs, ConfigLayers, JobConfig, Resolved, schema_text};
use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::fingerprint::sha256_hex;
use datalake_deps::lake::model::MEASUREMENTS;
use datalake_deps::lake::{DataFile, Lake, MeasurementScan};
use datalake_deps::logging::Logger;
use datalake_deps::publish::{Output, OutputLock, PublishError};
use datalake_deps::run_record::{RunRecord, Status};
use datalake_deps::session::Session;
use datalake_transforms::accounting::RowCounts;
use datalake_transforms::findings::{Finding, Severity};
use datalake_transforms::model::DAY_SECONDS;
use datalake_transforms::registry::Registry;

use super::args::{Args, Command, StateAction};
use super::bills::set_bills_aside;
use super::config::{Config, RawConfig, validate};
use super::error::JobError;
use super::extract::{self, InputFile, TableRows};
use super::learned::{Features, LoadedModel, features_of};
use super::load::{self, Tables, findings_batch};
use super::measure::{Keeping, Measure, day_profiles, rows_of};
use super::profile_store::{ProfileStore, components_together};
use super::provenance::{basis, provenance};
use super::rejected::{self, RejectedRow};
use super::report::{self, Drawings, Report};
use super::share::{check_share, rejected_components};
use super::state::{self, State};
use super::summary;
use super::transform::{Outcome, Profiles, judge_all};
use super::what_if::WhatIf;
use crate::inspections::Inspections;
use crate::start;

/// Name of the job: in logs, in `run.json`, on the command line.
pub const NAME: &str = "theft-detection";

/// Version of the code: what it computes may differ from one to the next.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the job as its command line says, and returns how the process ends.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    start::from_command_line(command_line, run)
}

/// Runs the job, and returns how the process ends.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    if args.print_schema {
        let printed = schema_text::<RawConfig>()
            .map_err(JobError::Schema)
            .and_then(|text| print(&text));
        return printed.map_or_else(|error| start::fail(&error), |()| ExitCode::Ok);
    }
    start::in_session(NAME, &args.session, |session, log, config| {
        dispatch(args, session, log, config.as_ref())
    })
}

pub(super) fn print(text: &str) -> Result<(), JobError> {
    start::print(text).map_err(JobError::Stdout)
}

fn dispatch(
    args: &Args,
    session: &Session,
    log: &Logger,
    config: Option<&JobConfig>,
) -> Result<(), JobError> {
    let resolved = resolve(&args.config_args(), config.cloned());
    if args.config.print_config {
        return print(&resolved?.print_text());
    }
    if args.report.is_some() && args.command.is_some() {
        return Err(JobError::ReportWithCommand);
    }
    if let Some(Command::State { action }) = args.command {
        let resolved = resolved?;
        let folder = resolved
            .value
            .output
            .ok_or(JobError::Missing { what: "output" })?;
        return on_state(&Output::open(folder)?, action, session);
    }
    if args.dry_run || args.command.is_some() {
        let resolved = resolved?;
        let settings = validate(&resolved)?;
        let model = model_of(&resolved)?;
        let explained = match &args.command {
            Some(Command::Explain { id }) => Some(id.as_str()),
            _ => None,
        };
        let job = Job {
            session,
            log,
            config: &settings,
            lake: lake_folder(&resolved)?,
            dry_run: args.dry_run && args.command.is_none(),
            report: None,
            state: None,
            model: model.as_ref(),
            explained,
            what_if: None,
            wants_features: false,
        };
        if let Some(Command::WhatIf(asked)) = &args.command {
            return job.what_if(asked, &resolved, &args.config_args(), config);
        }
        return explained.map_or_else(|| job.dry_run(), |id| job.explain(id));
    }
    // A config that cannot be read may still be recorded where the command line names the output.
    let folder = match (&resolved, &args.output) {
        (Ok(resolved), _) => resolved.value.output.clone(),
        (Err(_), Some(output)) => Some(output.display().to_string()),
        (Err(_), None) => None,
    };
    let Some(folder) = folder else {
        resolved?;
        return Err(JobError::Missing { what: "output" });
    };
    let output = Output::open(&folder)?;
    if let Ok(resolved) = &resolved {
        refuse_output_in_a_table(resolved, output.folder())?;
        if let Some(file) = &args.report {
            refuse_output_in_a_table(resolved, file)?;
        }
    }
    let mut lock = output.lock(session.run_id(), session.spill_folder())?;
    let mut record = RunRecord::start(session, VERSION);
    let outcome = resolved.and_then(|resolved| {
        record.set_config(&resolved);
        let config = validate(&resolved)?;
        let model = model_of(&resolved)?;
        let job = Job {
            session,
            log,
            config: &config,
            lake: lake_folder(&resolved)?,
            dry_run: false,
            report: args.report.as_deref(),
            state: None,
            model: model.as_ref(),
            explained: None,
            what_if: None,
            wants_features: false,
        };
        job.run(&output, &mut lock, &mut record, &resolved, args.force)
    });
    let ended = outcome
        .as_ref()
        .map(|(status, _)| *status)
        .map_err(|error| error as &dyn Diagnostic);
    record.end(ended);
    // The record there is that of the run whose tables stand.
    if let Err(JobError::Publish(PublishError::Overtaken { .. })) = outcome {
        return outcome.map(drop);
    }
    let recorded = record.write(output.folder(), log);
    let (_, text) = outcome?;
    print(&text)?;
    // The tables are published, but who reads run.json would believe the run before.
    recorded.map_err(JobError::Record)
}

/// Lists or forgets what the output keeps.
fn on_state(output: &Output, action: StateAction, session: &Session) -> Result<(), JobError> {
    match action {
        StateAction::List => {
            let listed = state::list(output.folder())?;
            print(&listed.unwrap_or_else(|| "no day profiles are kept\n".to_owned()))
        }
        StateAction::Drop { first, last } => {
            // Not under the hands of a run.
            let _lock = output.lock(session.run_id(), session.spill_folder())?;
            let day = |date: jiff::civil::Date| {
                let since = date.since(jiff::civil::Date::constant(1970, 1, 1));
                since.map_or(i32::MAX, |span| span.get_days())
            };
            let days = (first.is_some() || last.is_some())
                .then(|| (first.map_or(i32::MIN, day), last.map_or(i32::MAX, day)));
            let dropped = state::drop_days(output.folder(), days)?;
            print(&format!("{dropped} days are forgotten\n"))
        }
    }
}

/// What is published into a table's folder would be read as that table by the next run.
fn refuse_output_in_a_table(resolved: &Resolved<RawConfig>, output: &Path) -> Result<(), JobError> {
    let Some(lake) = &resolved.value.lake else {
        return Ok(());
    };
    // What is wrong with the lake itself is said, and recorded, by the run.
    let around = Lake::open(lake, resolved.value.lake_config())
        .ok()
        .and_then(|lake| lake.table_around(output));
    match around {
        Some((table, folder)) => Err(JobError::OutputInTable {
            output: output.display().to_string(),
            table,
            folder,
        }),
        None => Ok(()),
    }
}

/// The config of a command line's flags over the file's and the environment.
pub(crate) fn resolve(
    flags: &ConfigArgs,
    config: Option<JobConfig>,
) -> Result<Resolved<RawConfig>, JobError> {
    let mut layers = ConfigLayers::new().with_environment(std::env::vars_os())?;
    if let Some(config) = config {
        layers = layers.with_job_config(config);
    }
    Ok(layers.with_flags(flags).resolve::<RawConfig>()?)
}

pub(super) fn lake_folder(resolved: &Resolved<RawConfig>) -> Result<&str, JobError> {
    resolved
        .value
        .lake
        .as_deref()
        .ok_or(JobError::Missing { what: "lake" })
}

/// What every way of running has.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) session: &'a Session,
    pub(super) log: &'a Logger,
    pub(super) config: &'a Config,
    pub(super) lake: &'a str,
    /// Reads on where too many rows are rejected, to list them.
    pub(super) dry_run: bool,
    /// Where a report is to go.
    pub(super) report: Option<&'a Path>,
    /// What earlier runs left in the output, and the digests of this run's input files.
    pub(super) state: Option<(&'a State, &'a [InputFile])>,
    pub(super) model: Option<&'a LoadedModel>,
    /// The service point that is asked about.
    pub(super) explained: Option<&'a str>,
    /// Other thresholds that are asked about.
    pub(super) what_if: Option<&'a WhatIf>,
    /// Whether features of service points are made without a model, too.
    pub(super) wants_features: bool,
}

fn model_of(resolved: &Resolved<RawConfig>) -> Result<Option<LoadedModel>, JobError> {
    let path = resolved.value.model.as_deref();
    Ok(path.map(LoadedModel::read).transpose()?)
}

/// What a run found, ready to be published.
struct Found {
    tables: Tables,
    summary: String,
    /// Where one was asked for.
    report: Option<String>,
    /// In a dry run, what would have ended another one.
    too_many_rejected: Option<JobError>,
}

impl Job<'_> {
    /// Computes and publishes where anything changed; returns how it ended and what to print.
    fn run(
        self,
        output: &Output,
        lock: &mut OutputLock<'_>,
        record: &mut RunRecord,
        resolved: &Resolved<RawConfig>,
        force: bool,
    ) -> Result<(Status, String), JobError> {
        let folder = output.folder().display();
        if let Some(path) = self.report {
            report::file::check(path)?;
        }
        let lake = Lake::open(self.lake, self.config.lake.clone())?;
        let inputs = record.time("list the inputs", || extract::inputs(&lake))?;
        for input in &inputs {
            record.add_input(input.table, &input.file.relative, input.fingerprint.clone());
        }
        let provenance = provenance(resolved, &inputs, self.model.map(|model| model.sha256.as_str()));
        let unchanged = lock
            .published()?
            .filter(|manifest| manifest.provenance == provenance && !force);
        let up_to_date = format!("unchanged: {folder} is up to date\n");
        if let Some(manifest) = &unchanged {
            record.set_output(manifest);
            record.keep_rows(output.folder(), manifest);
            if self.report.is_none() {
                return Ok((Status::Unchanged, up_to_date));
            }
        }
        let basis = basis(resolved);
        let state = resolved.value.keep_day_profiles.then(|| {
            if force {
                State::empty(output.folder(), &basis)
            } else {
                State::open(output.folder(), &basis)
            }
        });
        let with_state = Job {
            state: state.as_ref().map(|state| (state, inputs.as_slice())),
            ..self
        };
        let found = with_state.compute(&lake, record)?;
        self.session.check_stop()?;
        if unchanged.is_some() {
            return Ok((
                Status::Unchanged,
                up_to_date + &report::file::write(self.report, found.report.as_deref())?,
            ));
        }
        let manifest = record.time("publish", || load::publish(lock, &found.tables, provenance))?;
        record.set_output(&manifest);
        let written = report::file::write(self.report, found.report.as_deref())?;
        Ok((
            Status::Succeeded,
            format!("{}\npublished in {folder}\n{written}", found.summary),
        ))
    }

    fn dry_run(self) -> Result<(), JobError> {
        let lake = Lake::open(self.lake, self.config.lake.clone())?;
        let found = self.compute(&lake, &mut RunRecord::start(self.session, VERSION))?;
        print(&format!("{}\ndry run: nothing was written\n", found.summary))?;
        found.too_many_rejected.map_or(Ok(()), Err)
    }

    fn compute(self, lake: &Lake, record: &mut RunRecord) -> Result<Found, JobError> {
        // Before the work begins: what cannot be used is told at once.
        let inspections = match self.report {
            Some(_) => Inspections::read(lake)?,
            None => None,
        };
        let assessed = self.assess(lake, record)?;
        let Assessed {
            counts,
            mut findings,
            mut rejected,
            rows,
            outcome,
            registry,
            drawings,
            too_many_rejected,
            features: _,
        } = assessed;
        if counts.used == 0 {
            findings.merge_one(Finding {
                table: MEASUREMENTS.name.to_owned(),
                code: "nothing_to_judge".to_owned(),
                severity: Severity::Warning,
                rows: counts.read,
                example_key: String::new(),
                message: "no row is usable energy in kWh: check component types, units and preset".to_owned(),
            });
        }
        rejected.sort_unstable();
        let of_rejected = rejected::findings(&rejected, &findings);
        findings.merge(of_rejected);
        let cases = &outcome.assessment.cases;
        let scored = outcome.assessment.scores.num_rows();
        let report = drawings.as_ref().map(|drawings| Report {
            counts: &counts,
            tables: &rows,
            findings: &findings,
            features: &outcome.features,
            assessment: &outcome.assessment,
            registry: &registry,
            peers: &outcome.peers,
            config: self.config,
            drawings,
            inspections: inspections.as_ref(),
        });
        let report = report
            .map(|report| record.time("report", || report.html()))
            .transpose()?;
        Ok(Found {
            report,
            summary: summary::text(&counts, &rows, &findings, cases, scored),
            tables: Tables {
                theft_cases: outcome.assessment.cases.clone(),
                theft_scores: outcome.assessment.scores.clone(),
                meter_features: outcome.features,
                findings: findings_batch(&findings)?,
                rejected_rows: rejected::to_batch(&rejected)?,
            },
            too_many_rejected,
        })
    }

    fn explain(self, id: &str) -> Result<(), JobError> {
        let lake = Lake::open(self.lake, self.config.lake.clone())?;
        let mut record = RunRecord::start(self.session, VERSION);
        let Assessed {
            registry, outcome, ..
        } = self.assess(&lake, &mut record)?;
        let explanation = outcome
            .assessment
            .explain(id, &registry, &outcome.peers, &self.config.rules)
            .ok_or_else(|| JobError::UnknownServicePoint { id: id.to_owned() })?;
        print(&explanation.to_string())
    }

    /// What is taken over and kept, with the digests of the scan's files.
    fn keeping<'s>(&'s self, files: Option<&'s [String]>) -> Option<Keeping<'s>> {
        let (state, _) = self.state?;
        Some(Keeping {
            state,
            files: files?,
            // A part of the lake would drop the rest.
            save: self.config.window == (i32::MIN..i32::MAX),
        })
    }

    /// The features of all subjects, where something looks at them; a model judges by them what was found.
    fn learned(
        self,
        profiles: Profiles<'_>,
        outcome: &mut Outcome,
        record: &mut RunRecord,
    ) -> Result<Option<Features>, JobError> {
        if !self.wants_features && self.model.is_none() {
            return Ok(None);
        }
        let features = record.time("features of service points", || features_of(profiles, outcome))?;
        if let Some(model) = self.model {
            let rules = &self.config.rules;
            record.time("model", || {
                model.judge(profiles, outcome, (&features, rules), self.explained)
            })?;
        }
        Ok(Some(features))
    }

    /// Extract and transform: everything but the tables' layout.
    pub(super) fn assess(self, lake: &Lake, record: &mut RunRecord) -> Result<Assessed, JobError> {
        let Self {
            session, log, config, ..
        } = self;
        warn_of_clocks(config);
        let dimensions = record.time("read the registry", || extract::dimensions(lake, config))?;
        let registry = dimensions.registry;
        let (mut too_many_rejected, allowed) = (None, config.max_rejected_share);
        let mut check = |table: &TableRows, of_lake: Option<u64>, rejected: &[RejectedRow]| match check_share(
            table, of_lake, rejected, allowed,
        ) {
            Err(error) if self.dry_run => {
                too_many_rejected.get_or_insert(error);
                Ok(())
            }
            checked => checked,
        };
        for table in &dimensions.rows {
            check(table, None, &dimensions.rejected)?;
        }
        session.check_stop()?;
        let scan = record.time("plan", || {
            extract::plan_measurements(lake, &registry, session.batch_rows())
        })?;
        let memory = session.memory_limit_bytes() as usize;
        let components = registry.components.len() as u32;
        let together = components_together(components, days_of(&scan), session.threads());
        let store = ProfileStore::new(memory / 4, session.spill_folder(), together);
        let files = self.state.map(|(_, inputs)| file_digests(&scan, inputs));
        let measure = Measure {
            session,
            scan: &scan,
            registry: &registry,
            conditions: &config.conditions,
            store: &store,
            max_rejected_share: (!self.dry_run).then_some(config.max_rejected_share),
            rejected_components: rejected_components(&dimensions.rejected),
            window: &config.window,
            state: self.keeping(files.as_deref()),
        };
        let bar = log.progress_bar(
            scan.pieces().iter().map(|piece| piece.bytes).sum(),
            "measurements",
        );
        let measured = record.time("day profiles", || day_profiles(measure, &|bytes| bar.inc(bytes)));
        bar.finish_and_clear();
        let measured = measured?;
        let counts = measured.counts;
        record.rows = Some(rows_of(&counts));
        let spilled_bytes = measured.spilled_bytes + store.spilled_bytes();
        record.spilled_bytes = Some(spilled_bytes);
        tracing::info!(
            rows = counts.read,
            spilled_bytes,
            days_taken_over = measured.days_taken_over,
            "day profiles are made"
        );
        let mut rejected = dimensions.rejected;
        rejected.extend(measured.rejected);
        let mut tables = dimensions.rows;
        tables.push(TableRows {
            table: MEASUREMENTS.name,
            read: counts.read,
            rejected: counts.rejected.values().sum(),
        });
        let lake_rows = tables.iter().map(|table| table.read).sum();
        for table in &tables {
            check(table, Some(lake_rows), &rejected)?;
        }
        tables.pop();
        session.check_stop()?;
        let (bill_rows, register_rows) = set_bills_aside(&registry, measured.register_rows);
        let profiles = Profiles {
            store: &store,
            register_rows: &register_rows,
            bill_rows: &bill_rows,
            registry: &registry,
            conditions: &config.conditions,
        };
        let bar = log.progress_bar(2 * profiles.ranges().len() as u64, "components");
        let outcome = record.time("rules", || {
            judge_all(profiles, &config.rules, self.what_if, &|done| bar.inc(done))
        });
        bar.finish_and_clear();
        let mut outcome = outcome?;
        let mut findings = dimensions.findings;
        findings.merge(measured.findings);
        findings.merge(outcome.findings.clone());
        let features = self.learned(profiles, &mut outcome, record)?;
        Ok(Assessed {
            // A model may have changed the order of the cases.
            drawings: report::draw(self.report, profiles, &outcome, log, record)?,
            counts,
            findings,
            rejected,
            rows: tables,
            features,
            outcome,
            registry,
            too_many_rejected,
        })
    }
}

fn warn_of_clocks(config: &Config) {
    if config.lake.install_time_zone.is_none() {
        tracing::warn!(
            "install_time_zone is not set: within two hours of installs, removals and switches nothing is decided"
        );
    }
}

/// Everything that the tables are laid out from.
pub(super) struct Assessed {
    pub(super) registry: Registry,
    pub(super) counts: RowCounts,
    pub(super) findings: datalake_transforms::findings::Findings,
    pub(super) rejected: Vec<RejectedRow>,
    pub(super) rows: Vec<TableRows>,
    pub(super) outcome: Outcome,
    /// Where a report was asked for.
    pub(super) drawings: Option<Drawings>,
    /// Of all subjects, where they were wanted.
    pub(super) features: Option<Features>,
    pub(super) too_many_rejected: Option<JobError>,
}

/// Days that the measurements may span, as far as the footers tell; a year where they don't.
fn days_of(scan: &MeasurementScan) -> u32 {
    const USUAL: u32 = 365;
    let ranges = || scan.pieces().iter().map(|piece| piece.range);
    if ranges().any(|range| range.is_none()) {
        return USUAL;
    }
    let first = ranges().flatten().map(|(first, _)| first).min();
    let last = ranges().flatten().map(|(_, last)| last).max();
    let seconds = first
        .zip(last)
        .map_or(0, |(first, last)| last.saturating_sub(first));
    u32::try_from(seconds / DAY_SECONDS + 1).unwrap_or(USUAL)
}

/// A digest of each file of the scan: its path within the lake, and its fingerprint.
fn file_digests(scan: &MeasurementScan, inputs: &[InputFile]) -> Vec<String> {
    let by_path: std::collections::HashMap<&str, &InputFile> = inputs
        .iter()
        .filter(|input| input.table == MEASUREMENTS.name)
        .map(|input| (&*input.file.relative, input))
        .collect();
    let digest = |file: &DataFile| {
        let fingerprint = by_path.get(&*file.relative).map(|input| &input.fingerprint);
        // A file that came after the list was made has no fingerprint, and is known to no run.
        let text = fingerprint.map_or_else(
            || format!("{} {:?}", file.relative, std::time::SystemTime::now()),
            |found| {
                format!(
                    "{} {} {:?} {}",
                    file.relative, found.bytes, found.modified_ns, found.sha256
                )
            },
        );
        sha256_hex(text.as_bytes())
    };
    scan.files().iter().map(digest).collect()
}
