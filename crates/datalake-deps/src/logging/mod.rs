//! The log: lines on standard error, each with the job's name and the run's id.
//!
//! # What the levels mean
//! | level | meaning | seen with |
//! |---|---|---|
//! | ERROR | the run fails, or data would be lost: a person must act | `-qq` |
//! | WARN | the run goes on, but a person should look: damage mended, a setting ignored | `-q` |
//! | INFO | the few milestones of a run that worked: context, inputs, what was published | default |
//! | DEBUG | decisions worth knowing when a run surprises: one line a step or a file | `-v` |
//! | TRACE | one line a batch or a range; never one a row | `-vv` |
//!
//! Rows that cannot be used are no matter for the log: they are findings. Values from secret places (`.env`,
//! secret-looking config keys) are logged at no level.
//!
//! Library code logs by the macros of `tracing`; jobs by the [`Logger`] that `start_session` returns. Both end in
//! the same lines. On a terminal they are meant for people, elsewhere each is one JSON object; `--log-format`
//! chooses otherwise.

mod format;

use std::fmt;
use std::io::{self, IsTerminal as _, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::Dispatch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use self::format::Format;
use crate::env_vars;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line of text, for people.
    Human,
    /// One JSON object a line, for machines.
    Json,
}

/// Log flags of every job.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Form of the log lines; by default `human` on a terminal and `json` elsewhere.
    #[arg(long, global = true, value_enum, env = env_vars::LOG_FORMAT)]
    pub log_format: Option<LogFormat>,
    /// Log by level and module, for instance `info,datalake_deps=debug`; `-v` and `-q` go before it.
    #[arg(long, global = true, value_name = "FILTER", env = env_vars::LOG)]
    pub log: Option<String>,
    /// Log more: `-v` decisions, `-vv` everything.
    #[arg(global = true, short, long, action = clap::ArgAction::Count, env = env_vars::VERBOSE)]
    pub verbose: u8,
    /// Log less: `-q` warnings and errors, `-qq` errors, `-qqq` nothing.
    #[arg(global = true, short, long, action = clap::ArgAction::Count, env = env_vars::QUIET)]
    pub quiet: u8,
}

/// The log of one run. Clones write to the same log.
#[derive(Clone)]
pub struct Logger {
    dispatch: Dispatch,
    bars: MultiProgress,
    with_bars: bool,
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger")
            .field("with_bars", &self.with_bars)
            .finish_non_exhaustive()
    }
}

/// A log filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the log filter `{filter}`")]
pub struct FilterError {
    /// The filter.
    pub filter: String,
    /// Why.
    #[source]
    pub source: tracing_subscriber::filter::ParseError,
}

impl Logger {
    /// Starts the log of a run on standard error. The first one of a process also takes the lines that library
    /// code writes on threads that belong to no session.
    ///
    /// # Errors
    /// [`FilterError`].
    pub fn start(job: &str, run_id: &str, args: &LogArgs) -> Result<Self, FilterError> {
        let terminal = io::stderr().is_terminal();
        let no_color = std::env::var_os(env_vars::NO_COLOR).is_some_and(|value| !value.is_empty());
        let bars = MultiProgress::new();
        let writer_bars = bars.clone();
        let writer = move || BesideBars {
            bars: writer_bars.clone(),
            out: io::stderr(),
        };
        let look = Look::new(args, terminal, no_color);
        let logger = Self::with_writer(job, run_id, args, look, bars, writer)?;
        // A second session of the process (tests, a console) keeps its lines to its own threads.
        let _ = tracing::dispatcher::set_global_default(logger.dispatch.clone());
        Ok(logger)
    }

    fn with_writer<W>(
        job: &str,
        run_id: &str,
        args: &LogArgs,
        look: Look,
        bars: MultiProgress,
        writer: W,
    ) -> Result<Self, FilterError>
    where
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let filter = filter_of(args);
        let env_filter = EnvFilter::builder()
            .parse(&filter)
            .map_err(|source| FilterError {
                filter: filter.clone(),
                source,
            })?;
        let subscriber = tracing_subscriber::fmt()
            .event_format(Format {
                job: job.to_owned(),
                run_id: run_id.to_owned(),
                look,
            })
            .with_env_filter(env_filter)
            .with_writer(writer)
            .finish();
        if !look.bars {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        Ok(Self {
            dispatch: Dispatch::new(subscriber),
            bars,
            with_bars: look.bars,
        })
    }

    /// Logs that the run fails or that a person must act.
    pub fn error(&self, message: impl fmt::Display) {
        self.run(|| tracing::error!(target: TARGET, "{message}"));
    }

    /// Logs what a person should look at.
    pub fn warn(&self, message: impl fmt::Display) {
        self.run(|| tracing::warn!(target: TARGET, "{message}"));
    }

    /// Logs a milestone.
    pub fn info(&self, message: impl fmt::Display) {
        self.run(|| tracing::info!(target: TARGET, "{message}"));
    }

    /// Logs a decision.
    pub fn debug(&self, message: impl fmt::Display) {
        self.run(|| tracing::debug!(target: TARGET, "{message}"));
    }

    /// Runs `work` so that what library code logs on this thread meanwhile goes to this log.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    /// Sends what library code logs on this thread to this log, until the thread ends.
    pub(crate) fn own_thread(&self) {
        // Threads of a session's pool never log for anybody else, so the guard never has to end.
        std::mem::forget(tracing::dispatcher::set_default(&self.dispatch));
    }

    /// A progress bar over `total` steps called `what`. It is drawn on a terminal only, in human format and
    /// without `-q`; otherwise it counts unseen.
    #[must_use]
    pub fn progress_bar(&self, total: u64, what: &'static str) -> ProgressBar {
        let bar = if self.with_bars {
            ProgressBar::new(total)
        } else {
            ProgressBar::hidden()
        };
        bar.set_length(total);
        bar.set_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {human_pos}/{human_len} {eta}") {
            bar.set_style(style.progress_chars("=> "));
        }
        if self.with_bars { self.bars.add(bar) } else { bar }
    }
}

/// Where the lines of a [`Logger`] say they come from.
const TARGET: &str = "job";

/// What the terminal and the flags make of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    format: LogFormat,
    colour: bool,
    bars: bool,
}

impl Look {
    fn new(args: &LogArgs, terminal: bool, no_color: bool) -> Self {
        let format = args.log_format.unwrap_or(if terminal {
            LogFormat::Human
        } else {
            LogFormat::Json
        });
        let for_people = terminal && format == LogFormat::Human;
        Self {
            format,
            colour: for_people && !no_color,
            bars: for_people && args.quiet == 0,
        }
    }
}

fn filter_of(args: &LogArgs) -> String {
    let level = match i16::from(args.verbose) - i16::from(args.quiet) {
        ..=-3 => "off",
        -2 => "error",
        -1 => "warn",
        0 => "info",
        1 => "debug",
        2.. => "trace",
    };
    match &args.log {
        Some(filter) if args.verbose == 0 && args.quiet == 0 => filter.clone(),
        _ => level.to_owned(),
    }
}

/// Writes lines so that they do not tear the progress bars.
struct BesideBars<W> {
    bars: MultiProgress,
    out: W,
}

impl<W: Write> Write for BesideBars<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { bars, out } = self;
        bars.suspend(|| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
