//! From the call and the command line to a session.

use std::path::{Path, PathBuf};

use super::settings::Given;
use super::spill::SpillFolder;
use super::stop::SignalHandlers;
use super::{Context, Master, Session, SessionArgs, SessionError, StopFlag};
use super::{dotenv, files, run_id};
use crate::config::JobConfig;
use crate::env_vars;
use crate::logging::Logger;

/// The arguments of [`start_session`]; [the module](super) says when which of them count.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionOptions<'a> {
    /// Name of the job: in every log line and in `run.json`.
    pub app_name: &'a str,
    /// As `--master`.
    pub master: Option<&'a str>,
    /// As `--files`.
    pub files: &'a [&'a str],
    /// As `--config`.
    pub config: Option<&'a str>,
    /// As `--conf`.
    pub session_config: &'a [(&'a str, &'a str)],
    /// The command line; none in a test, an example or a REPL.
    pub args: Option<&'a SessionArgs>,
}

/// Starts a session: reads `.env`, decides between call and command line, reads the config, starts the log, the
/// threads and the spill folder. From a command line SIGINT and SIGTERM then stop the run cleanly.
///
/// # Errors
/// Any [`SessionError`].
pub fn start_session(
    options: SessionOptions<'_>,
) -> Result<(Session, Logger, Option<JobConfig>), SessionError> {
    let dotenv_names = dotenv::read(Path::new(".env"))?;
    let context = Context::find(
        options.args.is_some(),
        std::env::var_os(env_vars::DEBUG).as_deref(),
    );
    let request = Request::new(context, &options)?;
    let started = jiff::Timestamp::now();
    let run_id = run_id::new(started);
    let log_args = options.args.map(|args| args.log.clone()).unwrap_or_default();
    let logger = Logger::start(options.app_name, &run_id, &log_args)?;
    log_surroundings(&logger, context, &dotenv_names);

    if matches!(request.master, Master::Cluster(_)) {
        return Err(SessionError::Cluster {
            master: request.master.to_string(),
        });
    }
    let config_path = files::find_config(&request.files, request.config.as_deref())?;
    files::check(&request.files)?;
    let config = config_path.as_deref().map(JobConfig::read).transpose()?;
    match &config_path {
        Some(path) => logger.info(format_args!("config: {}", path.display())),
        None => logger.info("config: none given"),
    }

    let settings = request.given.settle(&request.master);
    let thread_logger = logger.clone();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .thread_name(|index| format!("datalake-{index}"))
        .start_handler(move |_| thread_logger.own_thread())
        .build()
        .map_err(|error| SessionError::System {
            what: "the session's threads",
            source: error.into(),
        })?;
    let spill = SpillFolder::create(&settings.spill_base, &run_id).map_err(|source| SessionError::Spill {
        folder: settings.spill_base.clone(),
        source,
    })?;
    let stop = StopFlag::default();
    let handlers = match context {
        // Ctrl-C in a console or a test belongs to that console or test.
        Context::Interactive => SignalHandlers::default(),
        Context::CommandLine | Context::Debug => {
            SignalHandlers::install(&stop).map_err(|error| SessionError::System {
                what: "the signal handlers",
                source: error.into(),
            })?
        }
    };
    let session = Session {
        app_name: options.app_name.to_owned(),
        run_id,
        context,
        master: request.master,
        settings,
        files: request.files,
        started,
        pool,
        spill,
        stop,
        _handlers: handlers,
    };
    logger.info(format_args!(
        "session: master {}, {} threads, {} MiB memory limit, {} rows a batch, spilling to {}",
        session.master(),
        session.threads(),
        session.memory_limit_bytes() >> 20,
        session.batch_rows(),
        session.spill_folder().display(),
    ));
    Ok((session, logger, config))
}

/// What is asked for, once it is clear who decides.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) master: Master,
    pub(super) files: Vec<PathBuf>,
    pub(super) config: Option<PathBuf>,
    pub(super) given: Given,
}

impl Request {
    pub(super) fn new(context: Context, options: &SessionOptions<'_>) -> Result<Self, SessionError> {
        let flags = options.args;
        let call_counts = context != Context::CommandLine;
        let call_master = options.master.filter(|_| call_counts);
        let flag_master = || flags.and_then(|args| args.master.as_deref());
        let mut given = Given::default();
        for text in flags.into_iter().flat_map(|args| &args.conf) {
            given.set_text(text)?;
        }
        let call_settings = options.session_config.iter().filter(|_| call_counts);
        call_settings
            .into_iter()
            .try_for_each(|(key, value)| given.set(key, value))?;
        // A config is a file as well: a call that gives either leaves neither open.
        let call_has_files = call_counts && !(options.files.is_empty() && options.config.is_none());
        let (files, config) = if call_has_files {
            (
                options.files.iter().map(PathBuf::from).collect(),
                options.config.map(PathBuf::from),
            )
        } else {
            flags
                .map(|args| (args.files.clone(), args.config.clone()))
                .unwrap_or_default()
        };
        Ok(Self {
            master: call_master.or_else(flag_master).unwrap_or("local[*]").parse()?,
            files,
            config,
            given,
        })
    }
}

fn log_surroundings(logger: &Logger, context: Context, dotenv_names: &[String]) {
    logger.info(format_args!("context: {context}"));
    if !dotenv_names.is_empty() {
        logger.info(format_args!("read .env: {}", dotenv_names.join(", ")));
    }
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in unknown_variables(names) {
        logger.warn(format_args!(
            "the environment variable `{name}` means nothing to this program"
        ));
    }
}

/// The names that look like this project's and are not: slips that would otherwise be ignored in silence.
pub(super) fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<String> {
    let known = |name: &str| {
        name.starts_with(env_vars::CONFIG_PREFIX) || env_vars::ALL.iter().any(|(known, _)| *known == name)
    };
    let mut unknown: Vec<_> = names
        .filter(|name| name.starts_with("DATALAKE_") && !known(name))
        .collect();
    unknown.sort();
    unknown
}
