//! The jobs of the meter data lake. Each is one module (extract, transform, load) and one small binary.

pub mod compact;
pub mod evaluate;
pub mod format;
pub mod inject;
pub(crate) mod inspections;
pub(crate) mod start;
pub mod synthetic;
pub mod theft_detection;
pub mod train_theft_model;
