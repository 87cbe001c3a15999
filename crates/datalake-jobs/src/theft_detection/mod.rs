//! Job `theft-detection`: from the four tables of the lake to a ranked, explained list of suspected service
//! points.
//!
//! Extract reads the dimension tables into the registry and plans the measurements; transform makes day profiles
//! and judges them; load publishes the tables together. What the tables hold is in the crate
//! `datalake-transforms`; this module decides what is read when, and within which memory.

mod args;
mod bills;
mod config;
mod error;
mod extract;
mod job;
mod learned;
mod load;
mod measure;
mod profile_store;
mod provenance;
pub(crate) mod rejected;
pub(crate) mod report;
mod row_store;
mod share;
mod state;
mod subjects;
mod summary;
mod sweeps;
mod transform;
mod what_if;
pub(crate) mod windows;

pub use args::{Args, Command};
pub use config::RawConfig;
pub use error::JobError;
pub(crate) use job::resolve;
pub use job::{NAME, main, run};
pub use learned::ModelFileError;
pub(crate) use subjects::{Subjects, subjects};
pub use what_if::WhatIfArgs;
