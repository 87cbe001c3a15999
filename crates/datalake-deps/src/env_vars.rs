//! Every environment variable that the jobs read.

/// Prefix of the variables that set config keys: `DATALAKE__RULES__RATIO=0.5` sets `rules.ratio`.
pub const CONFIG_PREFIX: &str = "DATALAKE__";

/// `local[*]`, `local[N]` or a cluster's URL, as `--master`.
pub const MASTER: &str = "DATALAKE_MASTER";

/// Files that the job is given, separated by commas, as `--files`.
pub const FILES: &str = "DATALAKE_FILES";

/// The job's config file, as `--config`.
pub const CONFIG: &str = "DATALAKE_CONFIG";

/// Session settings `key=value`, separated by commas, as `--conf`.
pub const CONF: &str = "DATALAKE_CONF";

/// `human` or `json`, as `--log-format`.
pub const LOG_FORMAT: &str = "DATALAKE_LOG_FORMAT";

/// Filter of the log by level and module, for instance `info,datalake_deps=debug`; `-v` and `-q` win.
pub const LOG: &str = "DATALAKE_LOG";

/// How many steps more is logged, as `-v`.
pub const VERBOSE: &str = "DATALAKE_VERBOSE";

/// How many steps less is logged, as `-q`.
pub const QUIET: &str = "DATALAKE_QUIET";

/// Print the resolved config and end, as `--print-config`.
pub const PRINT_CONFIG: &str = "DATALAKE_PRINT_CONFIG";

/// Set (and not empty, `0` or `false`): the arguments of the call to `start_session` go before flags.
pub const DEBUG: &str = "DEBUG";

/// Set and not empty: no colour (<https://no-color.org>).
pub const NO_COLOR: &str = "NO_COLOR";

/// All of them with what they do, for the docs and for telling a mistyped name.
pub const ALL: [(&str, &str); 11] = [
    (CONF, "session settings key=value, separated by commas (--conf)"),
    (CONFIG, "the job's config file (--config)"),
    (FILES, "files for the job, separated by commas (--files)"),
    (
        LOG,
        "filter of the log by level and module, for instance info,datalake_deps=debug",
    ),
    (LOG_FORMAT, "human or json (--log-format)"),
    (MASTER, "local[*], local[N] or a cluster's URL (--master)"),
    (PRINT_CONFIG, "print the resolved config and end (--print-config)"),
    (QUIET, "steps less in the log (-q)"),
    (VERBOSE, "steps more in the log (-v)"),
    (DEBUG, "the call's arguments go before the flags"),
    (NO_COLOR, "no colour"),
];
