//! Job `train-theft-model`: learns from outcomes of inspections which service points steal.
//!
//! Extract reads the lake as `theft-detection` does, and the table `inspection`; transform holds service points out by
//! folds, fits a model to the others, judges it by what it says of those held out, and fits the final one to all; load
//! writes it as one file, which `theft-detection --model FILE` reads.

mod args;
mod config;
mod error;
mod job;
mod labels;
mod report;
#[cfg(test)]
mod tests;
mod train;

pub use args::Args;
pub use config::{LearnerKind, LearningConfig};
pub use error::TrainError;
pub use job::{NAME, main, run};
