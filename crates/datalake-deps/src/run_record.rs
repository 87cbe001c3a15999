//! `run.json`: what a run read, did and wrote, also when it failed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::config::{Resolved, redact_url};
use crate::diagnostic::{Diagnostic, cause_chain};
use crate::exit_code::ExitCode;
use crate::fingerprint::Fingerprint;
use crate::logging::Logger;
use crate::publish::{Manifest, PublishedFile};
use crate::session::{Session, peak_memory_bytes};
use crate::store;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The tables were published.
    Succeeded,
    /// Input, config and code were those of the published tables.
    Unchanged,
    /// An error ended it; what was published before stands.
    Failed,
    /// It was stopped, or another run held the output; what was published before stands.
    Aborted,
}

/// Rows of the measurements by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// All rows read.
    pub read: u64,
    /// Rows that the result rests on.
    pub used: u64,
    /// Rows that a newer one of the same key replaced.
    pub superseded: u64,
    /// Rows left out by rule, by reason.
    pub out_of_scope: BTreeMap<String, u64>,
    /// Rows that could not be used, by reason.
    pub rejected: BTreeMap<String, u64>,
}

/// Rows got lost or were counted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is a bug, please report it: {read} rows were read and {accounted} accounted for")]
pub struct RowsNotConserved {
    /// Rows read.
    pub read: u64,
    /// Rows used, superseded, out of scope and rejected.
    pub accounted: u128,
}

impl Diagnostic for RowsNotConserved {
    fn exit_code(&self) -> ExitCode {
        ExitCode::Bug
    }
}

impl Rows {
    /// Checks `read = used + superseded + out of scope + rejected`.
    ///
    /// # Errors
    /// [`RowsNotConserved`].
    pub fn check_conserved(&self) -> Result<(), RowsNotConserved> {
        let counts = [self.used, self.superseded].into_iter();
        let counts = counts
            .chain(self.out_of_scope.values().copied())
            .chain(self.rejected.values().copied());
        let accounted = counts.map(u128::from).sum();
        if accounted == u128::from(self.read) {
            Ok(())
        } else {
            Err(RowsNotConserved {
                read: self.read,
                accounted,
            })
        }
    }
}

/// An input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputFile {
    /// Table of the lake that it belongs to.
    pub table: String,
    /// Its path or URL.
    pub path: String,
    /// What it looked like.
    pub fingerprint: Fingerprint,
}

/// How long a step took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepTiming {
    /// Name of the step.
    pub step: String,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorRecord {
    /// The error and its causes, outermost first.
    pub chain: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The content of `run.json`. A job fills it in on its way; [`RunRecord::end`] settles how it ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRecord {
    /// Id of the run, as in its log lines.
    pub run_id: String,
    /// Name of the job.
    pub job: String,
    /// Version of the code.
    pub version: String,
    /// How it ended.
    pub status: Status,
    /// What the process ended with.
    pub exit_code: u8,
    /// Start, UTC, RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub started_at: Timestamp,
    /// End, UTC, RFC 3339.
    #[serde(serialize_with = "as_text")]
    pub ended_at: Timestamp,
    /// The resolved config and the origin of every value, without secrets; none where it could not be resolved.
    pub config: Option<Value>,
    /// Input files.
    pub inputs: Vec<InputFile>,
    /// Rows of the measurements; none where the run did not read them.
    pub rows: Option<Rows>,
    /// Timings, in the order of the steps.
    pub steps: Vec<StepTiming>,
    /// The most memory that the process held.
    pub peak_memory_bytes: Option<u64>,
    /// What did not fit into memory and was written to the spill folder; none where the run did not get that far.
    pub spilled_bytes: Option<u64>,
    /// The version of the tables that this run published or found unchanged.
    pub output_version: Option<String>,
    /// The files of that version.
    pub outputs: Vec<PublishedFile>,
    /// Why it failed or was aborted.
    pub error: Option<ErrorRecord>,
}

impl RunRecord {
    /// The record of a run that has just started: failed, until it is known better.
    #[must_use]
    pub fn start(session: &Session, version: &str) -> Self {
        Self {
            run_id: session.run_id().to_owned(),
            job: session.app_name().to_owned(),
            version: version.to_owned(),
            status: Status::Failed,
            exit_code: ExitCode::Bug.code(),
            started_at: session.started(),
            ended_at: session.started(),
            config: None,
            inputs: Vec::new(),
            rows: None,
            steps: Vec::new(),
            peak_memory_bytes: None,
            spilled_bytes: None,
            output_version: None,
            outputs: Vec::new(),
            error: None,
        }
    }

    /// Notes the config.
    pub fn set_config<Raw>(&mut self, resolved: &Resolved<Raw>) {
        self.config = Some(resolved.record());
    }

    /// Notes an input file; the user part of a URL is left out.
    pub fn add_input(&mut self, table: &str, path: &str, fingerprint: Fingerprint) {
        self.inputs.push(InputFile {
            table: table.to_owned(),
            path: redact_url(path),
            fingerprint,
        });
    }

    /// Takes over the account of the rows behind the version in `manifest` from the record that lies in `folder`, for a
    /// run that found nothing to do: the newest record still says what the published tables rest on.
    pub fn keep_rows(&mut self, folder: &Path, manifest: &Manifest) {
        let kept = store::read(&folder.join("run.json"))
            .ok()
            .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
            .filter(|record| record["output_version"] == manifest.version.as_str())
            .and_then(|mut record| serde_json::from_value(record["rows"].take()).ok());
        if let Some(rows) = kept {
            self.rows = rows;
        }
    }

    /// Notes what is published.
    pub fn set_output(&mut self, manifest: &Manifest) {
        self.output_version = Some(manifest.version.clone());
        self.outputs.clone_from(&manifest.files);
    }

    /// Runs a step and notes how long it took, also if it fails.
    pub fn time<T>(&mut self, step: &str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.steps.push(StepTiming {
            step: step.to_owned(),
            seconds: start.elapsed().as_secs_f64(),
        });
        result
    }

    /// Settles the end: [`Status::Failed`] or, with exit code 75, [`Status::Aborted`] where there is an error,
    /// else what the job says.
    ///
    /// Returns what the process should end with.
    pub fn end(&mut self, outcome: Result<Status, &dyn Diagnostic>) -> ExitCode {
        let code = outcome
            .as_ref()
            .map_or_else(|error| error.exit_code(), |_| ExitCode::Ok);
        self.status = match outcome {
            Ok(status) => status,
            Err(_) if code == ExitCode::TryAgain => Status::Aborted,
            Err(_) => Status::Failed,
        };
        self.error = outcome.err().map(|error| ErrorRecord {
            chain: cause_chain(error),
            hint: error.hint(),
        });
        self.exit_code = code.code();
        self.ended_at = Timestamp::now();
        self.peak_memory_bytes = peak_memory_bytes();
        code
    }

    /// Writes `run.json` into `folder`, whole or not at all. Where that cannot be done the log gets a warning with the
    /// reason as well, for callers that have an error of their own to end with.
    pub fn write(&self, folder: &Path, logger: &Logger) -> std::io::Result<()> {
        let path = folder.join("run.json");
        let write = || -> std::io::Result<()> {
            let text = serde_json::to_string_pretty(self)? + "\n";
            store::make_folder(folder)?;
            store::write(&path, text.as_bytes())
        };
        write().inspect_err(|error| {
            logger.warn(format_args!(
                "cannot write the run's record `{}`: {error}",
                path.display()
            ));
        })
    }
}

fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;

    use proptest::prelude::*;

    use super::*;
    use crate::config::{ConfigLayers, JobConfig};
    use crate::publish::PublishError;
    use crate::session::{SessionOptions, Stopped, start_session};

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Raw {
        output: String,
        password: String,
    }

    fn run() -> (Session, Logger, RunRecord) {
        let options = SessionOptions {
            app_name: "theft-detection",
            ..SessionOptions::default()
        };
        let (session, logger, _) = start_session(options).unwrap();
        let record = RunRecord::start(&session, "0.1.0");
        (session, logger, record)
    }

    /// The record with what differs from run to run replaced, after checking its form.
    fn text_of(folder: &Path, session: &Session) -> String {
        let text = fs_err::read_to_string(folder.join("run.json")).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        assert!(text.ends_with("}\n"));
        assert_eq!(value["run_id"], session.run_id());
        assert_eq!(value["started_at"], session.started().to_string());
        let ended_at: Timestamp = value["ended_at"].as_str().unwrap().parse().unwrap();
        assert!(ended_at >= session.started());
        assert!(value["peak_memory_bytes"].as_u64().unwrap() > 0);
        for key in ["run_id", "started_at", "ended_at", "peak_memory_bytes"] {
            value[key] = "-".into();
        }
        for step in value["steps"].as_array_mut().unwrap() {
            assert!(step["seconds"].as_f64().unwrap() >= 0.0);
            step["seconds"] = "-".into();
        }
        format!("{value:#}")
    }

    #[test]
    fn a_whole_run_is_recorded_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let (session, logger, mut record) = run();
        let config = JobConfig::parse(r#"{"output": "out", "password": "hunter2"}"#).unwrap();
        record.set_config(
            &ConfigLayers::new()
                .with_job_config(config)
                .resolve::<Raw>()
                .unwrap(),
        );
        let fingerprint = Fingerprint {
            bytes: 3,
            modified_ns: Some(5),
            sha256: "ab".to_owned(),
        };
        record.add_input("device", "s3://me:hunter2@bucket/device.csv", fingerprint);
        record.rows = Some(Rows {
            read: 10,
            used: 4,
            superseded: 3,
            out_of_scope: BTreeMap::from([("not_energy".to_owned(), 2)]),
            rejected: BTreeMap::from([("off_grid".to_owned(), 1)]),
        });
        assert_eq!(record.time("extract", || 7), 7);
        let file = PublishedFile {
            path: "theft_cases/part-0.parquet".to_owned(),
            rows: Some(2),
            bytes: 9,
            sha256: "cd".to_owned(),
        };
        record.output_version = Some("1f".to_owned());
        record.outputs = vec![file];
        assert_eq!(record.end(Ok(Status::Succeeded)), ExitCode::Ok);
        record.write(folder.path(), &logger).unwrap();
        insta::assert_snapshot!(text_of(folder.path(), &session), @r#"
        {
          "run_id": "-",
          "job": "theft-detection",
          "version": "0.1.0",
          "status": "succeeded",
          "exit_code": 0,
          "started_at": "-",
          "ended_at": "-",
          "config": {
            "config": {
              "output": "out",
              "password": "***"
            },
            "origins": {
              "output": "literal",
              "password": "literal"
            }
          },
          "inputs": [
            {
              "table": "device",
              "path": "s3://***@bucket/device.csv",
              "fingerprint": {
                "bytes": 3,
                "modified_ns": 5,
                "sha256": "ab"
              }
            }
          ],
          "rows": {
            "read": 10,
            "used": 4,
            "superseded": 3,
            "out_of_scope": {
              "not_energy": 2
            },
            "rejected": {
              "off_grid": 1
            }
          },
          "steps": [
            {
              "step": "extract",
              "seconds": "-"
            }
          ],
          "peak_memory_bytes": "-",
          "spilled_bytes": null,
          "output_version": "1f",
          "outputs": [
            {
              "path": "theft_cases/part-0.parquet",
              "rows": 2,
              "bytes": 9,
              "sha256": "cd"
            }
          ],
          "error": null
        }
        "#);
    }

    #[test]
    fn a_failed_run_is_recorded_with_its_chain_and_hint() {
        let folder = tempfile::tempdir().unwrap();
        let (session, logger, mut record) = run();
        let source = io::Error::other("disk full");
        let error = PublishError::Folder {
            folder: "out".into(),
            source,
        };
        assert_eq!(record.end(Err(&error)), ExitCode::CannotCreate);
        // The folder is made where it is missing.
        let output = folder.path().join("a/b");
        record.write(&output, &logger).unwrap();
        insta::assert_snapshot!(text_of(&output, &session), @r#"
        {
          "run_id": "-",
          "job": "theft-detection",
          "version": "0.1.0",
          "status": "failed",
          "exit_code": 73,
          "started_at": "-",
          "ended_at": "-",
          "config": null,
          "inputs": [],
          "rows": null,
          "steps": [],
          "peak_memory_bytes": "-",
          "spilled_bytes": null,
          "output_version": null,
          "outputs": [],
          "error": {
            "chain": [
              "cannot use `out` as the output folder",
              "disk full"
            ],
            "hint": "name a folder that this user may write to"
          }
        }
        "#);
    }

    #[test]
    fn a_stopped_run_is_aborted_and_an_unchanged_one_ends_well() {
        let (_, _, mut record) = run();
        assert_eq!((record.status, record.exit_code), (Status::Failed, 70));
        assert_eq!(record.end(Err(&Stopped)), ExitCode::TryAgain);
        assert_eq!((record.status, record.exit_code), (Status::Aborted, 75));
        assert!(record.error.is_some());
        assert_eq!(record.end(Ok(Status::Unchanged)), ExitCode::Ok);
        assert_eq!((record.status, record.exit_code), (Status::Unchanged, 0));
        assert_eq!(record.error, None);
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_a_warning() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (_, logger, record) = run();
        record.write(file.path(), &logger).unwrap_err();
        record.write(Path::new("/proc/nothing"), &logger).unwrap_err();
        assert_eq!(fs_err::read(file.path()).unwrap(), b"");
    }

    proptest! {
        #[test]
        fn rows_are_conserved_exactly(counts in proptest::array::uniform4(0..u64::MAX / 4), off in 1_u64..100) {
            let [used, superseded, out_of_scope, rejected] = counts;
            let mut rows = Rows {
                read: counts.iter().sum(),
                used,
                superseded,
                out_of_scope: BTreeMap::from([("a".to_owned(), out_of_scope)]),
                rejected: BTreeMap::from([("b".to_owned(), rejected)]),
            };
            prop_assert_eq!(rows.check_conserved(), Ok(()));
            rows.read += off;
            prop_assert!(rows.check_conserved().is_err());
        }
    }

    #[test]
    fn counts_that_overflow_are_not_conserved() {
        let rows = Rows {
            read: 1,
            used: u64::MAX,
            superseded: 2,
            ..Rows::default()
        };
        let error = rows.check_conserved().unwrap_err();
        assert_eq!(
            (error.accounted, error.exit_code()),
            (u128::from(u64::MAX) + 2, ExitCode::Bug)
        );
    }
}
