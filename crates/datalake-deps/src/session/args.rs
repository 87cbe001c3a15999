//! The flags that every job has.

use std::path::PathBuf;

use crate::env_vars;
use crate::logging::LogArgs;

/// Session flags of every job, to be flattened into its command line. Call
/// [`load_dotenv`](super::load_dotenv) before parsing, so that `.env` may hold their variables.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Session")]
pub struct SessionArgs {
    /// Where to run: `local[*]` (all cores, the default), `local[N]`, or the URL of a cluster.
    #[arg(long, global = true, env = env_vars::MASTER)]
    pub master: Option<String>,
    /// Files for the job, separated by commas; the one whose name ends in `config.json` is its config. Repeatable.
    #[arg(long, global = true, value_name = "FILE,..", value_delimiter = ',', env = env_vars::FILES)]
    pub files: Vec<PathBuf>,
    /// The job's config file, whatever its name.
    #[arg(long, global = true, value_name = "FILE", env = env_vars::CONFIG)]
    pub config: Option<PathBuf>,
    /// A session setting: `threads`, `memory_limit`, `batch_rows` or `spill_folder`. Repeatable.
    #[arg(long, global = true, value_name = "KEY=VALUE,..", value_delimiter = ',', env = env_vars::CONF)]
    pub conf: Vec<String>,
    /// Log flags.
    #[command(flatten)]
    pub log: LogArgs,
}
