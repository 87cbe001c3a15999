//! Tables of the lake, as a job reads and writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bad_files;
mod bad_rows;
mod column_types;
mod dimension_tables;
mod foreign_writers;
mod layouts;
mod support;
mod text_files;
mod writing;
