//! How what a job found is printed.

/// Form of a job's answer on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For machines.
    Json,
}
