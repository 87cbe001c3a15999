//! The theft job beside what others would use for the core of its work: DuckDB, Polars, DataFusion, Spark.
//!
//! All run on one synthetic lake, in turn, several times, with the same number of threads. The peers compute the
//! core features only (`xtask/bench/*_peer.py`); the job computes them too and then the rest of its work, all of
//! it measured. Figures count only where the features agree. What is not installed is left out, with a line that
//! says so. Lakes, outputs and the Python environment are kept below `target/bench`.

mod contender;
mod lake;
mod measure;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::bench::contender::{Contender, Python};
use crate::bench::measure::Usage;
use crate::bench::report::Row;
use crate::error::Result;
use crate::metadata::Metadata;
use crate::process::{cargo, run as run_command};

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Size of the lake.
    #[arg(long, value_enum, default_value_t = lake::Scale::Small)]
    scale: lake::Scale,
    /// How often each contender runs; the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Threads that each may use.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    threads: u32,
    /// Which peers; all that are installed by default.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "duckdb,polars,datafusion,spark"
    )]
    peers: Vec<contender::Peer>,
    /// Where the table goes, beside standard output.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let metadata = Metadata::read(root)?;
    let folder = metadata.target_directory.join("bench");
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
    let lake = lake::made(args.scale, &folder, &release.join("synthetic-lake"))?;
    let python = Python::find(root, &folder);

    let mut contenders = vec![contender::theft_job(&release, &lake, args.threads)];
    contenders.extend(contender::scan(root, &metadata, &lake, &folder, args.threads)?);
    for peer in &args.peers {
        match python.as_ref().filter(|python| python.has(peer.module())) {
            Some(python) => contenders.push(contender::peer(*peer, python, root, &lake, args)),
            None => eprintln!(
                "left out: {peer:?} (Python's `{}` is not installed)",
                peer.module()
            ),
        }
    }

    let outputs = folder.join("outputs");
    let runs = in_turn(&contenders, &outputs, args.repeats)?;
    let rows: Vec<Row> = contenders
        .iter()
        .zip(&runs)
        .map(|(contender, runs)| Row::new(contender.name(), runs))
        .collect();
    let agreeing = match &python {
        Some(python) => compare(root, python, &contenders, &outputs)?,
        None => Vec::new(),
    };
    let conditions = format!(
        "{lake}; medians of {} runs in turn, {} threads each",
        args.repeats, args.threads
    );
    let text = report::table(&rows, &conditions, &agreeing);
    let path = args
        .report
        .clone()
        .unwrap_or_else(|| folder.join(format!("{}.md", lake.name())));
    fs::write(&path, &text)?;
    eprintln!("wrote {}", path.display());
    report::print(&text)
}

/// Every contender once, then every contender again: what disturbs the machine disturbs all of them alike.
fn in_turn(contenders: &[Contender], outputs: &Path, repeats: u32) -> Result<Vec<Vec<Usage>>> {
    let mut runs = vec![Vec::new(); contenders.len()];
    for repeat in 1..=repeats {
        for (contender, runs) in contenders.iter().zip(&mut runs) {
            let output = outputs.join(contender.name());
            clear(&output)?;
            fs::create_dir_all(outputs)?;
            let usage = measure::run(&mut contender.command(&output))?;
            eprintln!("{repeat}/{repeats} {:<16} {usage}", contender.name());
            runs.push(usage);
        }
    }
    Ok(runs)
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
        .find_map(|contender| contender.our_features(outputs))
    else {
        return Ok(agreeing);
    };
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
