//! Job `theft-detection`: from the four tables of the lake to a ranked, explained list of suspected service
//! points.
//!
//! Extract reads the dimension tables into the registry and plans the measurements; transform makes day profiles
//! and judges them; load publishes the tables together. What the tables hold is in the crate
//! `datalake-transforms`; this module decides what is read when, and within which memory.

mod args;
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
mod row_store;
mod state;
mod summary;
mod sweeps;
mod transform;
pub(crate) mod windows;

pub use args::{Args, Command};
pub use config::RawConfig;
pub use error::JobError;
pub use job::{NAME, main, run};
pub(crate) use job::{Subjects, resolve, subjects};
pub use learned::ModelFileError;
