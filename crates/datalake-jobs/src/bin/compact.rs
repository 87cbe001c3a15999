//! Rewrites the lake's measurements into sorted files of the newest rows.
use std::process::ExitCode;

fn main() -> ExitCode {
    datalake_jobs::compact::main(std::env::args_os()).into()
}
