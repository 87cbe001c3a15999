//! The theft job beside what others would use for the core of its work: DuckDB, Polars, DataFusion, Spark.
//!
//! All run on one synthetic lake, in turn, several times, with the same number of threads. The peers compute the
//! core features only (`xtask/bench/*_peer.py`); the job computes them too and then the rest of its work, all of
//! it measured. Figures count only where the features agree. What is not installed is left out, with a line that
//! says so. Beside them stand scans, which only read: nothing over the same files can take less. Lakes, outputs, what
//! is set aside and the Python environment are kept below `target/bench`.

mod contender;
mod lake;
mod measure;
mod report;
mod work;

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::bench::contender::{Contender, Peer, Python, Scans};
use crate::bench::lake::{Lake, Layout, Scale};
use crate::bench::measure::Usage;
use crate::bench::report::{Row, Size};
use crate::bench::work::Work;
use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::process::{cargo, run as run_command};

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Size of the lake.
    #[arg(long, value_enum, default_value_t = Scale::Small)]
    scale: Scale,
    /// How rows are spread over files; a table for each, separated by commas. A million service points come by days
    /// only.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "daily")]
    layout: Vec<Layout>,
    /// How often each contender runs; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Threads that each may use.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    threads: u32,
    /// Which peers [default: all that are installed; none on a million service points].
    #[arg(long, value_enum, value_delimiter = ',')]
    peers: Option<Vec<Peer>>,
    /// Where the tables go, beside standard output.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let metadata = Metadata::read(root)?;
    let folder = metadata.target_directory.join("bench");
    // Before the build: what cannot be meant is told at once.
    let lakes = args
        .layout
        .iter()
        .map(|layout| args.scale.lake(*layout, &folder))
        .collect::<Result<Vec<_>>>()?;
    fs::create_dir_all(&folder)?;
    run_command(cargo(root).args([
        "build",
        "--locked",
        "--release",
        "--package",
        "datalake-jobs",
        "--bins",
    ]))?;
    let release = metadata.target_directory.join("release");
    let scans = Scans::build(root, &metadata, &folder)?;
    let peers = args.peers();
    let python = if peers.is_empty() {
        None
    } else {
        Python::find(root, &folder)
    };
    // All of them before anything is measured: where one cannot be made, no hour is lost.
    let program = release.join("synthetic-lake");
    let made = |lakes: Vec<Lake>| -> Result<Vec<Lake>> {
        lakes.into_iter().map(|lake| lake::made(lake, &program)).collect()
    };
    let (smaller, lakes) = (made(args.scale.smaller(&folder))?, made(lakes)?);

    let bench = Bench {
        root,
        args,
        folder,
        release,
        scans,
        peers,
        python,
    };
    let mut sizes = Vec::new();
    for lake in &smaller {
        let job = [bench.theft_job(lake)];
        let runs = bench.in_turn(&job)?;
        sizes.push(Size {
            service_points: lake.service_points,
            work: bench.work(&job)?,
            median: report::medians(&runs[0]),
        });
    }
    let mut report = String::new();
    for lake in &lakes {
        let (mut text, size) = bench.side_by_side(lake)?;
        if !sizes.is_empty() {
            sizes.push(size);
            text.extend(["\n", &report::growth(&sizes)]);
        }
        // A blank line between tables.
        let between = if report.is_empty() { "" } else { "\n" };
        report.extend([between, &text]);
        report::print(&format!("{between}{text}"))?;
        let path = if let Some(path) = &args.report {
            fs::write(path, &report)?;
            path.clone()
        } else {
            let path = bench.folder.join(format!("{}.md", lake.name()));
            fs::write(&path, &text)?;
            path
        };
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}

impl Args {
    /// The peers to measure, with a line where none is.
    fn peers(&self) -> Vec<Peer> {
        match &self.peers {
            Some(peers) => peers.clone(),
            None if self.scale.has_peers() => <Peer as clap::ValueEnum>::value_variants().to_vec(),
            None => {
                eprintln!("left out: all peers ({NO_PEERS})");
                Vec::new()
            }
        }
    }
}

/// Why no peer runs on the largest lake.
const NO_PEERS: &str = "at this size they run only where `--peers` asks for them";

/// What is measured, and with what.
struct Bench<'a> {
    root: &'a Path,
    args: &'a Args,
    folder: PathBuf,
    release: PathBuf,
    scans: Option<Scans>,
    peers: Vec<Peer>,
    python: Option<Python>,
}

impl Bench<'_> {
    fn theft_job(&self, lake: &Lake) -> Contender {
        let limit = self.args.scale.memory_limit();
        contender::theft_job(&self.release, lake, self.args.threads, limit)
    }

    fn outputs(&self) -> PathBuf {
        self.folder.join("outputs")
    }

    /// The table of a lake, and the job's own figures.
    fn side_by_side(&self, lake: &Lake) -> Result<(String, Size)> {
        let args = self.args;
        let mut contenders = vec![self.theft_job(lake)];
        if let Some(scans) = &self.scans {
            contenders.extend(scans.contenders(lake, args.threads));
        }
        for peer in &self.peers {
            match self.python.as_ref().filter(|python| python.has(peer.module())) {
                Some(python) => {
                    contenders.push(contender::peer(*peer, python, self.root, lake, args));
                }
                None => eprintln!(
                    "left out: {peer:?} (Python's `{}` is not installed)",
                    peer.module()
                ),
            }
        }
        let runs = self.in_turn(&contenders)?;
        let work = self.work(&contenders)?;
        let outputs = self.outputs();
        let rows: Vec<Row> = contenders
            .iter()
            .zip(&runs)
            .map(|(contender, runs)| {
                let ours = contender.our_tables(&outputs).and(work.spilled_bytes);
                Row::new(contender.name(), runs, ours, contender.about)
            })
            .collect();
        let agreeing = match &self.python {
            Some(python) => compare(self.root, python, &contenders, &outputs)?,
            None => Vec::new(),
        };
        let mut conditions = vec![
            lake.to_string(),
            format!(
                "medians of {} runs in turn, {} threads each",
                args.repeats, args.threads
            ),
        ];
        if let Some(limit) = args.scale.memory_limit() {
            conditions.push(format!("the job's memory limit is {limit}"));
        }
        if self.peers.is_empty() {
            conditions.push(format!("no peers: {NO_PEERS}"));
        }
        let conditions = conditions.join("; ");
        let size = Size {
            service_points: lake.service_points,
            work,
            median: report::medians(&runs[0]),
        };
        Ok((report::table(&rows, work.rows, &conditions, &agreeing), size))
    }

    /// What the job's last run did.
    fn work(&self, contenders: &[Contender]) -> Result<Work> {
        let outputs = self.outputs();
        let output = contenders.iter().find_map(|each| each.our_tables(&outputs));
        Work::read(&output.ok_or_else(|| Error::Bug("the job is not among the contenders".to_owned()))?)
    }

    /// Every contender once, then every contender again: what disturbs the machine disturbs all of them alike.
    fn in_turn(&self, contenders: &[Contender]) -> Result<Vec<Vec<Usage>>> {
        let (outputs, scratch) = (self.outputs(), self.folder.join("scratch"));
        fs::create_dir_all(&outputs)?;
        fs::create_dir_all(&scratch)?;
        let repeats = self.args.repeats;
        let mut runs = vec![Vec::new(); contenders.len()];
        for repeat in 1..=repeats {
            for (contender, runs) in contenders.iter().zip(&mut runs) {
                let output = outputs.join(contender.name());
                clear(&output)?;
                let usage = measure::run(&mut contender.command(&output, &scratch))?;
                eprintln!("{repeat}/{repeats} {:<20} {usage}", contender.name());
                runs.push(usage);
            }
        }
        Ok(runs)
    }
}

/// Removes what an earlier run left, a folder or a file: every run starts from nothing.
fn clear(path: &Path) -> Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else if path.exists() {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Fails where a peer's features differ from the job's; returns the peers that agree.
fn compare<'a>(
    root: &Path,
    python: &Python,
    contenders: &'a [Contender],
    outputs: &Path,
) -> Result<Vec<&'a str>> {
    let mut agreeing = Vec::new();
    let Some(ours) = contenders
        .iter()
        .find_map(|contender| contender.our_tables(outputs))
    else {
        return Ok(agreeing);
    };
    let ours = ours.join("meter_features");
    for contender in contenders {
        if let Some(loose) = contender.loose_columns() {
            let mut command: Command = python.script(root, "compare.py");
            command.arg(&ours).arg(outputs.join(contender.name()));
            command.args(loose.iter().flat_map(|column| ["--loose", column]));
            contender::must_agree(&mut command, contender.name())?;
            agreeing.push(contender.name());
        }
    }
    Ok(agreeing)
}
