//! Job `compact`: the lake's `measurements` as daily or monthly Parquet files, sorted by component and time, with the
//! newest update applied.
//!
//! What is kept, and why a later job finds the same in it, is in [`datalake_transforms::compact`]. This module decides
//! what is read when, and within which memory: files laid out by time are taken by windows of days, all others are read
//! once, set aside by day, and spilled as sorted runs where they outgrow the memory.
//!
//! The job reads the config of `theft-detection`, because a lake has one look: the same file says how the source is
//! read, and reads what comes of it. The other tables are copied byte by byte, so that the output is a lake of one
//! moment by itself.

mod args;
mod config;
mod error;
mod extract;
mod gather;
mod job;
mod load;
mod run_store;

pub use args::Args;
pub use config::CompactConfig;
pub use error::CompactError;
pub use job::{NAME, main, run};
