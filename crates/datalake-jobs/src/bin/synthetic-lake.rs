//! `synthetic-lake`: makes a lake of synthetic meter data.
use std::process::ExitCode;

fn main() -> ExitCode {
    datalake_jobs::synthetic::main(std::env::args_os()).into()
}
