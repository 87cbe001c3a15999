//! Runs of the binary.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::table::Table;

/// The tables that a run publishes.
pub(crate) const TABLES: [&str; 5] = [
    "theft_cases",
    "theft_scores",
    "meter_features",
    "findings",
    "rejected_rows",
];

/// The lake that ships with the project.
pub(crate) fn bundled_lake() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../test_data")
        .canonicalize()
        .unwrap()
}

/// The config that goes with it.
pub(crate) fn bundled_config() -> PathBuf {
    bundled_lake().join("datalake_config.json")
}

/// A temporary folder with a lake, an output, and whatever else a test wants.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder whose lake holds these files.
    pub(crate) fn with_lake(files: &BTreeMap<String, String>) -> Self {
        let folder = Self::new();
        folder.write_lake(files);
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.path().join("lake")
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.path().join("output")
    }

    pub(crate) fn write_lake(&self, files: &BTreeMap<String, String>) {
        for (path, text) in files {
            self.write(&format!("lake/{path}"), text.as_bytes());
        }
    }

    /// Writes a file below the folder.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let file = self.path().join(path);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(&file, bytes).unwrap();
        file
    }

    /// A run over the folder's own lake, with the bundled lake's config.
    pub(crate) fn run(&self, more: &[&str]) -> Outcome {
        job(&self.lake(), &self.output())
            .config(&bundled_config())
            .args(more)
            .run()
    }
}

/// A run to be.
pub(crate) struct Job {
    command: Command,
    hidden: Vec<(PathBuf, &'static str)>,
    home: tempfile::TempDir,
}

/// The job over a lake. Nothing of the caller's environment reaches it but what a test adds.
pub(crate) fn job(lake: &Path, output: &Path) -> Job {
    bare()
        .arg("--lake")
        .arg(lake)
        .arg("--output")
        .arg(output)
        .hide(lake, "[lake]")
        .hide(output, "[output]")
}

/// The job without a single argument.
pub(crate) fn bare() -> Job {
    bare_of(env!("CARGO_BIN_EXE_theft-detection"))
}

/// The job `compact` over a lake.
pub(crate) fn compact(lake: &Path, output: &Path) -> Job {
    bare_of(env!("CARGO_BIN_EXE_compact"))
        .arg("--lake")
        .arg(lake)
        .arg("--output")
        .arg(output)
        .hide(lake, "[lake]")
        .hide(output, "[output]")
}

/// The job `train-theft-model` over a lake.
pub(crate) fn train(lake: &Path, model: &Path) -> Job {
    bare_of(env!("CARGO_BIN_EXE_train-theft-model"))
        .arg("--lake")
        .arg(lake)
        .arg("--model")
        .arg(model)
        .hide(lake, "[lake]")
        .hide(model, "[model]")
}

fn bare_of(program: &str) -> Job {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("TMPDIR", std::env::temp_dir())
        .env("NO_COLOR", "1")
        .current_dir(home.path())
        .stdin(Stdio::null());
    Job {
        command,
        hidden: Vec::new(),
        home,
    }
}

impl Job {
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn config(self, file: &Path) -> Self {
        self.arg("--config").arg(file)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// A file in the folder that the job is started in.
    pub(crate) fn beside(self, name: &str, text: &str) -> Self {
        fs_err::write(self.home.path().join(name), text).unwrap();
        self
    }

    /// Shows a path as `name` in what the run said.
    pub(crate) fn hide(mut self, path: &Path, name: &'static str) -> Self {
        self.hidden.push((path.to_owned(), name));
        self
    }

    pub(crate) fn run(mut self) -> Outcome {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command.output().unwrap();
        let clean = |bytes: Vec<u8>| {
            let mut text = String::from_utf8(bytes).expect("a job speaks UTF-8");
            for (path, name) in &self.hidden {
                text = text.replace(path.to_str().unwrap(), name);
            }
            text.replace(self.home.path().to_str().unwrap(), "[home]")
        };
        Outcome {
            code: status.code(),
            stdout: clean(stdout),
            stderr: clean(stderr),
        }
    }

    /// Starts it and does not wait.
    pub(crate) fn spawn(mut self) -> (std::process::Child, tempfile::TempDir) {
        let child = self
            .command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        (child, self.home)
    }
}

/// What came of a run.
pub(crate) struct Outcome {
    /// `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The run, which must have ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// Exit code and the error with its causes and hint, without the log around it.
    pub(crate) fn verdict(&self) -> String {
        let lines: Vec<&str> = self
            .stderr
            .lines()
            .skip_while(|line| !line.starts_with("error:"))
            .collect();
        let error = lines.join("\n");
        let error = if error.is_empty() { &self.stderr } else { &error };
        format!(
            "exit {}\n{error}",
            self.code.map_or("by signal".to_owned(), |code| code.to_string())
        )
    }
}

/// The bytes of every published table.
pub(crate) fn published(output: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    TABLES
        .into_iter()
        .map(|table| (table, fs_err::read(table_file(output, table)).unwrap()))
        .collect()
}

/// The one file of a published table.
pub(crate) fn table_file(output: &Path, table: &str) -> PathBuf {
    output.join(table).join("part-0.parquet")
}

/// A published table.
pub(crate) fn table(output: &Path, name: &str) -> Table {
    Table::read(&table_file(output, name))
}

/// The record of the last run.
pub(crate) fn run_record(output: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs_err::read(output.join("run.json")).unwrap()).unwrap()
}
