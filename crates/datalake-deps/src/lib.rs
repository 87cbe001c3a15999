//! What every job of the lake shares: session, logging, config, tables and publishing.

pub mod diagnostic;
pub mod exit_code;
pub mod lake;
