//! Tasks around the project: checks, packaging, scaffolding and benchmarks. Run as `cargo xtask`.
//!
//! Every task is a file of its own; what they share is [`process`] (running commands), [`metadata`] (what cargo
//! knows about the workspace) and [`error`]. The crate depends on none of the project's crates: it builds in
//! seconds, and it can check them when they do not compile.

mod bench;
mod browser;
mod ci;
mod codegen;
mod dependencies;
mod error;
mod metadata;
mod new_job;
mod package;
mod process;
mod readme;
mod s3;
mod sources;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{Error, Result};

/// The command line, also used to check the commands that the README shows.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version, about)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything that must pass before a change lands.
    Ci(ci::Args),
    /// The repository's own rules.
    Tidy,
    /// Licences, sources and versions of the dependencies.
    Dependencies,
    /// Rewrite the generated files.
    Codegen(codegen::Args),
    /// Build the reproducible archive of all jobs.
    Package(package::Args),
    /// Scaffold a job that compiles and passes its test.
    NewJob(new_job::Args),
    /// Measure the theft job beside its peers.
    Bench(bench::Args),
    /// Look at the report in a headless Chromium, or time how long one takes to open.
    Browser(browser::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", error.render());
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    let root = project_root()?;
    std::env::set_current_dir(&root).map_err(|source| Error::Root {
        root: root.clone(),
        source,
    })?;
    match task {
        Task::Ci(args) => ci::run(&root, args),
        Task::Tidy => tidy::run(&root),
        Task::Dependencies => dependencies::run(&root),
        Task::Codegen(args) => codegen::run(&root, args),
        Task::Package(args) => package::run(&root, args),
        Task::NewJob(args) => new_job::run(&root, args),
        Task::Bench(args) => bench::run(&root, args),
        Task::Browser(args) => browser::run(&root, args),
    }
}

/// The checkout's root: the folder above this crate's manifest. Cargo names that folder at run time; the folder
/// known at compile time serves where the binary is started by hand.
fn project_root() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest
        .parent()
        .map(Path::to_path_buf)
        .ok_or(Error::Bug("the manifest has no folder above it".into()))
}
