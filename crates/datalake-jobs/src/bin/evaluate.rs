//! `evaluate`: judges scores and cases against the truth.
use std::process::ExitCode;

use clap::Parser;
use datalake_deps::diagnostic::{Diagnostic, render};
use datalake_jobs::evaluate::{Args, run};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn main() -> ExitCode {
    match run(&Cli::parse().args) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", render(&error));
            error.exit_code().into()
        }
    }
}
