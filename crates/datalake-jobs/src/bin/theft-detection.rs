//! Finds service points where energy is probably stolen, and says why.
use std::process::ExitCode;

fn main() -> ExitCode {
    datalake_jobs::theft_detection::main(std::env::args_os()).into()
}
