//! `evaluate`: judges scores and cases against the truth.
use std::process::ExitCode;

fn main() -> ExitCode {
    datalake_jobs::evaluate::main(std::env::args_os()).into()
}
