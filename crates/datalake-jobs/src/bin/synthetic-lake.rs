//! `synthetic-lake`: makes a lake of synthetic meter data.
use std::process::ExitCode;

use clap::Parser;
use datalake_deps::diagnostic::{Diagnostic, render};
use datalake_jobs::synthetic::{Args, run};

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
