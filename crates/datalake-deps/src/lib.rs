//! What every job of the lake shares: session, logging, config, tables and publishing.

pub mod atomic_file;
pub mod config;
pub mod diagnostic;
pub mod env_vars;
pub mod exit_code;
pub mod fingerprint;
pub mod lake;
pub mod logging;
pub mod publish;
pub mod run_record;
pub mod session;
pub mod store;
