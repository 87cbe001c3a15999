//! Who is measured, and how each is called.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::bench::Args;
use crate::bench::lake::Lake;
use crate::error::{Error, Result};
use crate::metadata::{Metadata, Package};
use crate::process::{cargo, run, shown, succeeds};

/// What others would use for the core features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peer {
    Duckdb,
    Polars,
    Datafusion,
    Spark,
}

impl Peer {
    /// The Python module that it needs.
    pub(crate) fn module(self) -> &'static str {
        match self {
            Self::Duckdb => "duckdb",
            Self::Polars => "polars",
            Self::Datafusion => "datafusion",
            Self::Spark => "pyspark",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Duckdb => "duckdb_peer.py",
            Self::Polars => "polars_peer.py",
            Self::Datafusion => "datafusion_peer.py",
            Self::Spark => "spark_peer.py",
        }
    }

    /// Columns that it computes less exactly than the rest, as `column=tolerance`.
    fn loose_columns(self) -> &'static [&'static str] {
        match self {
            // Its `percentile_cont` interpolates coarsely.
            Self::Datafusion => &["p95_kwh=1e-5"],
            Self::Duckdb | Self::Polars | Self::Spark => &[],
        }
    }
}

/// A program with all of its arguments but the output.
pub(crate) struct Contender {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    /// For those that take no argument for it.
    threads: u32,
    output: Output,
}

/// How a contender is told where its output goes, and what that is.
#[derive(Clone, Copy)]
enum Output {
    /// None is written.
    None,
    /// Our job's: `--output FOLDER`, with the features in a table of their own.
    Tables,
    /// A peer's: the last argument.
    Features(Peer),
}

impl Contender {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn command(&self, output: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env("RAYON_NUM_THREADS", self.threads.to_string());
        match self.output {
            Output::None => {}
            Output::Tables => drop(command.arg("--output").arg(output)),
            Output::Features(_) => drop(command.arg(output)),
        }
        command
    }

    /// Where our own features are, below the folder of all outputs.
    pub(crate) fn our_features(&self, outputs: &Path) -> Option<PathBuf> {
        matches!(self.output, Output::Tables).then(|| outputs.join(self.name).join("meter_features"))
    }

    /// For a peer: the columns that are compared less strictly.
    pub(crate) fn loose_columns(&self) -> Option<&'static [&'static str]> {
        match self.output {
            Output::Features(peer) => Some(peer.loose_columns()),
            Output::None | Output::Tables => None,
        }
    }
}

/// The whole theft job.
pub(crate) fn theft_job(release: &Path, lake: &Lake, threads: u32) -> Contender {
    let lake = lake.path.display().to_string();
    let master = format!("local[{threads}]");
    let arguments = [
        "--lake",
        &lake,
        "--preset",
        "oracle_mdm",
        "--master",
        &master,
        "--quiet",
    ];
    Contender {
        name: "theft-detection",
        program: release.join("theft-detection"),
        arguments: arguments.map(str::to_owned).to_vec(),
        threads,
        output: Output::Tables,
    }
}

/// Only decoding the needed columns of `measurements`: what no job over the same files can go below.
pub(crate) fn scan(
    root: &Path,
    metadata: &Metadata,
    lake: &Lake,
    folder: &Path,
    threads: u32,
) -> Result<Option<Contender>> {
    let with_scan = |package: &&Package| package.targets_of("example").any(|name| name == "scan");
    let Some(package) = metadata.members().find(with_scan) else {
        eprintln!("left out: the scan alone (no crate has an example `scan`)");
        return Ok(None);
    };
    let name = package.name.as_str();
    run(cargo(root).args([
        "build",
        "--locked",
        "--release",
        "--package",
        name,
        "--example",
        "scan",
    ]))?;
    let config = folder.join("scan.config.json");
    fs::write(&config, "{\"preset\": \"oracle_mdm\"}\n")?;
    Ok(Some(Contender {
        name: "scan only",
        program: metadata.target_directory.join("release/examples/scan"),
        arguments: [&lake.path, &config]
            .map(|path| path.display().to_string())
            .to_vec(),
        threads,
        output: Output::None,
    }))
}

/// One of the Python scripts.
pub(crate) fn peer(peer: Peer, python: &Python, root: &Path, lake: &Lake, args: &Args) -> Contender {
    let script = root.join("xtask/bench").join(peer.script()).display().to_string();
    let (interval, threads) = (lake.interval_seconds.to_string(), args.threads.to_string());
    let lake = lake.path.display().to_string();
    let arguments = [
        &script,
        "--interval-seconds",
        &interval,
        "--threads",
        &threads,
        &lake,
    ];
    Contender {
        name: peer.module(),
        program: python.program.clone(),
        arguments: arguments.map(str::to_owned).to_vec(),
        threads: args.threads,
        output: Output::Features(peer),
    }
}

/// Runs a comparison; a report on its standard output means that the features differ.
pub(crate) fn must_agree(command: &mut Command, peer: &str) -> Result<()> {
    let output = command.output().map_err(|source| Error::Spawn {
        command: shown(command),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let report = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Err(Error::FeaturesDiffer {
        peer: peer.to_owned(),
        report,
    })
}

/// A Python that runs the peers.
pub(crate) struct Python {
    program: PathBuf,
}

impl Python {
    /// An environment of our own with the pinned packages, made once; else the machine's Python as it is; else none.
    pub(crate) fn find(root: &Path, folder: &Path) -> Option<Self> {
        let environment = folder.join("python");
        let own = environment.join("bin/python");
        let complete = environment.join("complete");
        let requirements = root.join("xtask/bench/requirements.txt");
        let wanted = fs::read(&requirements).ok()?;
        if fs::read(&complete).is_ok_and(|installed| installed == wanted) {
            return Some(Self { program: own });
        }
        let made = succeeds(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&environment),
        ) && run(Command::new(&own)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(requirements))
        .is_ok();
        if made && fs::write(&complete, wanted).is_ok() {
            return Some(Self { program: own });
        }
        let machine = PathBuf::from("python3");
        let found = succeeds(Command::new(&machine).arg("--version"));
        let serves = if found {
            "the machine's Python serves as it is"
        } else {
            "no peer is measured"
        };
        eprintln!("the pinned Python packages cannot be installed: {serves}");
        found.then_some(Self { program: machine })
    }

    /// Whether a module can be imported.
    pub(crate) fn has(&self, module: &str) -> bool {
        succeeds(Command::new(&self.program).args(["-c", &format!("import {module}")]))
    }

    /// A call of one of our scripts.
    pub(crate) fn script(&self, root: &Path, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(root.join("xtask/bench").join(name));
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_that_fails_hands_its_report_on() {
        must_agree(Command::new("sh").args(["-c", "exit 0"]), "duckdb").unwrap();
        let error = must_agree(
            Command::new("sh").args(["-c", "echo a days: ours 1, theirs 2; exit 1"]),
            "duckdb",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the features of duckdb differ from ours:\na days: ours 1, theirs 2\n"
        );
    }

    #[test]
    fn every_peer_has_its_script_and_its_pinned_package() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench");
        let requirements = fs::read_to_string(folder.join("requirements.txt")).unwrap();
        for peer in <Peer as clap::ValueEnum>::value_variants() {
            assert!(folder.join(peer.script()).is_file(), "{peer:?}");
            let pin = format!("\n{}==", peer.module());
            assert!(requirements.contains(&pin), "{peer:?}");
        }
    }
}
