//! Learns from outcomes of inspections which service points steal.
use std::process::ExitCode;

fn main() -> ExitCode {
    datalake_jobs::train_theft_model::main(std::env::args_os()).into()
}
