//! The session: what a job gets from outside (threads, memory, files, config, the signal to stop) in one value.
//!
//! ```
//! use datalake_deps::session::{SessionOptions, start_session};
//!
//! let (session, log, config) = start_session(SessionOptions {
//!     app_name: "console",
//!     master: Some("local[2]"),
//!     session_config: &[("memory_limit", "512MiB")],
//!     ..SessionOptions::default()
//! })?;
//! let sum: u64 = session.install(|| (1..=10).sum());
//! log.info(format_args!("{sum} on {} threads", session.threads()));
//! assert!(config.is_none());
//! # Ok::<(), datalake_deps::session::SessionError>(())
//! ```
//!
//! # Who decides
//! A job passes the command line it parsed ([`SessionArgs`]) in [`SessionOptions::args`]. Then flags and environment
//! decide, and of the call's other arguments only `app_name` counts. In a test, an example or a REPL there is no
//! command line: the call's arguments decide, and no flag or variable changes what a test sees. Under `DEBUG` the
//! call's arguments decide too, and the flags fill in what the call leaves open. [`Context`] names the three; the
//! log says which was found.

mod args;
mod context;
mod dotenv;
mod error;
mod files;
mod master;
mod memory;
mod run_id;
mod settings;
mod spill;
mod start;
mod stop;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use rayon::ThreadPool;

pub use args::SessionArgs;
pub use context::Context;
pub use dotenv::load_dotenv;
pub use error::SessionError;
pub use master::Master;
pub use memory::{parse_bytes, peak_memory_bytes};
pub use start::{SessionOptions, start_session};
pub use stop::{StopFlag, Stopped};

use self::settings::Settings;
use self::spill::SpillFolder;
use self::stop::SignalHandlers;
use crate::config::{ConfigError, JobConfig};

/// What a job runs in. Made by [`start_session`]; dropping it removes the spill folder.
#[derive(Debug)]
pub struct Session {
    app_name: String,
    run_id: String,
    context: Context,
    master: Master,
    settings: Settings,
    files: Vec<PathBuf>,
    started: jiff::Timestamp,
    pool: ThreadPool,
    spill: SpillFolder,
    stop: StopFlag,
    _handlers: SignalHandlers,
}

impl Session {
    /// Name of the job.
    #[must_use]
    pub fn app_name(&self) -> &str {
        &self.app_name
    }

    /// Id of this run: unique, and sorting by it sorts by start time. Fit for file names.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// Whose arguments decided.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context
    }

    /// Where the job runs.
    #[must_use]
    pub fn master(&self) -> &Master {
        &self.master
    }

    /// Threads of the pool.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Bytes that the job's large structures together may take; beyond that they are done in parts or spilled.
    #[must_use]
    pub fn memory_limit_bytes(&self) -> u64 {
        self.settings.memory_limit_bytes
    }

    /// Rows of one record batch.
    #[must_use]
    pub fn batch_rows(&self) -> usize {
        self.settings.batch_rows
    }

    /// A folder of this run alone, empty at the start, removed at the end.
    #[must_use]
    pub fn spill_folder(&self) -> &Path {
        self.spill.path()
    }

    /// The files that the job was given, its config among them.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// When the session started.
    #[must_use]
    pub fn started(&self) -> jiff::Timestamp {
        self.started
    }

    /// Runs `work` on the session's threads: what it does with rayon stays on them.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }

    /// Ends the work between two steps once SIGINT or SIGTERM came.
    ///
    /// # Errors
    /// [`Stopped`], with which the job ends as `aborted` and with exit code 75.
    pub fn check_stop(&self) -> Result<(), Stopped> {
        self.stop.check()
    }

    /// The flag behind [`Session::check_stop`], for work that outlives a borrow of the session.
    #[must_use]
    pub fn stop_flag(&self) -> &StopFlag {
        &self.stop
    }

    /// The config of a job that cannot do without.
    ///
    /// # Errors
    /// [`ConfigError::Missing`], with exit code 78 and a hint.
    pub fn require_config(&self, config: Option<JobConfig>) -> Result<JobConfig, ConfigError> {
        config.ok_or_else(|| ConfigError::Missing {
            job: self.app_name.clone(),
        })
    }
}
