//! The jobs of the meter data lake and the tools that try them out: one binary each, all logic in here.

pub mod evaluate;
pub mod inject;
pub mod synthetic;
