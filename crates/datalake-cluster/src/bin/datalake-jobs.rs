//! All jobs in one program, for object stores and clusters.

fn main() -> std::process::ExitCode {
    datalake_cluster::jobs::main(std::env::args_os()).into()
}
