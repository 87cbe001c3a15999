//! `inject`: puts synthetic theft into a lake of real data.
use std::process::ExitCode;

fn main() -> ExitCode {
    datalake_jobs::inject::main(std::env::args_os()).into()
}
