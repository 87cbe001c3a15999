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
    /// What it does, where the name does not say.
    pub(crate) about: Option<&'static str>,
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

    /// The call; what it sets aside goes to `scratch` where it heeds `TMPDIR`, for `/tmp` is memory on some machines.
    pub(crate) fn command(&self, output: &Path, scratch: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env("RAYON_NUM_THREADS", self.threads.to_string())
            .env("TMPDIR", scratch);
        match self.output {
            Output::None => {}
            Output::Tables => drop(command.arg("--output").arg(output)),
            Output::Features(_) => drop(command.arg(output)),
        }
        command
    }

    /// Where our own tables are, below the folder of all outputs.
    pub(crate) fn our_tables(&self, outputs: &Path) -> Option<PathBuf> {
        matches!(self.output, Output::Tables).then(|| outputs.join(self.name))
    }

    /// For a peer: the columns that are compared less strictly.
    pub(crate) fn loose_columns(&self) -> Option<&'static [&'static str]> {
        match self.output {
            Output::Features(peer) => Some(peer.loose_columns()),
            Output::None | Output::Tables => None,
        }
    }
}

/// The whole theft job; `memory_limit` where it shall not be the default.
pub(crate) fn theft_job(release: &Path, lake: &Lake, threads: u32, memory_limit: Option<&str>) -> Contender {
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
    let mut arguments = arguments.map(str::to_owned).to_vec();
    if let Some(limit) = memory_limit {
        arguments.extend(["--conf".to_owned(), format!("memory_limit={limit}")]);
    }
    Contender {
        name: "theft-detection",
        program: release.join("theft-detection"),
        arguments,
        threads,
        output: Output::Tables,
        about: None,
    }
}

/// The examples that read `measurements` without working on them.
pub(crate) struct Scans {
    folder: PathBuf,
    config: PathBuf,
}

/// What a key, its newest row and the row's energy need, and nothing of its standing.
const LEAST_COLUMNS: [&str; 4] = ["measuring_component_id", "measured_at", "value", "updated_at"];

impl Scans {
    /// Builds them.
    pub(crate) fn build(root: &Path, metadata: &Metadata, folder: &Path) -> Result<Option<Self>> {
        let examples = ["decode", "scan"];
        let has_them = |package: &&Package| {
            let has = |example| package.targets_of("example").any(|name| name == example);
            examples.into_iter().all(has)
        };
        let Some(package) = metadata.members().find(has_them) else {
            eprintln!("left out: the scans alone (no crate has the examples `decode` and `scan`)");
            return Ok(None);
        };
        let mut command = cargo(root);
        command.args(["build", "--locked", "--release", "--package", &package.name]);
        run(command.args(examples.iter().flat_map(|example| ["--example", example])))?;
        let config = folder.join("scan.config.json");
        fs::write(&config, "{\"preset\": \"oracle_mdm\"}\n")?;
        Ok(Some(Self {
            folder: metadata.target_directory.join("release/examples"),
            config,
        }))
    }

    /// Their calls on a lake: what no job over the same files can go below, and what our own reader adds.
    pub(crate) fn contenders(&self, lake: &Lake, threads: u32) -> [Contender; 3] {
        let contender = |name, example: &str, more: Vec<String>, about| Contender {
            name,
            program: self.folder.join(example),
            arguments: [vec![lake.path.display().to_string()], more].concat(),
            threads,
            output: Output::None,
            about: Some(about),
        };
        [
            contender(
                "scan only",
                "decode",
                Vec::new(),
                "the parquet crate decodes the seven columns that the job needs (component, time, value, condition \
                 code, use flag, update time, version), and that is all",
            ),
            contender(
                "scan only, 4 columns",
                "decode",
                LEAST_COLUMNS.map(str::to_owned).to_vec(),
                "the same without condition code, use flag and version",
            ),
            contender(
                "read and check",
                "scan",
                vec![self.config.display().to_string()],
                "the job's own reader: the first with columns converted, values checked, and faults told by file and row",
            ),
        ]
    }
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
        about: None,
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
    use crate::bench::lake::{Layout, Scale};

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
    fn the_job_is_told_its_memory_and_where_to_set_rows_aside() {
        let lake = Scale::Million.lake(Layout::Daily, Path::new("b")).unwrap();
        let job = theft_job(Path::new("bin"), &lake, 2, Scale::Million.memory_limit());
        let command = job.command(Path::new("o"), Path::new("aside"));
        assert_eq!(
            shown(&command),
            "theft-detection --lake b/lakes/1000000x31x1800 --preset oracle_mdm --master local[2] --quiet \
             --conf memory_limit=6GB --output o"
        );
        assert!(
            command
                .get_envs()
                .any(|(name, value)| name == "TMPDIR" && value == Some("aside".as_ref()))
        );
        let lake = Scale::City.lake(Layout::OneFile, Path::new("b")).unwrap();
        let job = theft_job(Path::new("bin"), &lake, 2, Scale::City.memory_limit());
        assert!(!job.arguments.iter().any(|argument| argument == "--conf"));
    }

    #[test]
    fn the_scans_are_told_apart_by_their_columns() {
        let scans = Scans {
            folder: PathBuf::from("examples"),
            config: PathBuf::from("c.json"),
        };
        let lake = Scale::Small.lake(Layout::Daily, Path::new("b")).unwrap();
        let calls = scans
            .contenders(&lake, 2)
            .map(|scan| shown(&scan.command(Path::new("o"), Path::new("aside"))));
        assert_eq!(
            calls,
            [
                "decode b/lakes/200x60x1800",
                "decode b/lakes/200x60x1800 measuring_component_id measured_at value updated_at",
                "scan b/lakes/200x60x1800 c.json",
            ]
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
