//! What the tests share: running the job, reading its tables, rewriting a lake.

pub(crate) mod job;
pub(crate) mod rewrite;
pub(crate) mod small;
pub(crate) mod table;

pub(crate) use job::{Folder, Outcome, job};
pub(crate) use table::Table;
