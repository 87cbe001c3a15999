//! How every job starts and ends: `.env`, the command line, the session, and an error's way to standard error and the exit code.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::Parser;
use datalake_deps::config::JobConfig;
use datalake_deps::diagnostic::{Diagnostic, render};
use datalake_deps::exit_code::ExitCode;
use datalake_deps::logging::Logger;
use datalake_deps::session::{Session, SessionArgs, SessionOptions, load_dotenv, start_session};

/// Runs a job as its command line says, and returns how the process ends.
pub(crate) fn from_command_line<A: Parser>(
    command_line: impl IntoIterator<Item = OsString>,
    run: impl FnOnce(&A) -> ExitCode,
) -> ExitCode {
    // Before parsing, so that `.env` may hold the variables behind the flags.
    if let Err(error) = load_dotenv() {
        return fail(&error);
    }
    match A::try_parse_from(command_line) {
        Ok(args) => run(&args),
        Err(error) => {
            // Help and version are no errors; where standard output is closed there is nobody to tell.
            let _ = error.print();
            if error.use_stderr() {
                ExitCode::Usage
            } else {
                ExitCode::Ok
            }
        }
    }
}

/// Does a job's work on the threads of a session of its own, and returns how the process ends.
pub(crate) fn in_session<E: Diagnostic + Send>(
    app_name: &'static str,
    args: &SessionArgs,
    work: impl FnOnce(&Session, &Logger, Option<JobConfig>) -> Result<(), E> + Send,
) -> ExitCode {
    let options = SessionOptions {
        app_name,
        args: Some(args),
        ..SessionOptions::default()
    };
    let (session, log, config) = match start_session(options) {
        Ok(started) => started,
        Err(error) => return fail(&error),
    };
    match log.run(|| session.install(|| work(&session, &log, config))) {
        Ok(()) => ExitCode::Ok,
        Err(error) => fail(&error),
    }
}

/// Says what went wrong, and returns how the process ends.
pub(crate) fn fail(error: &dyn Diagnostic) -> ExitCode {
    // Where standard error is closed there is nobody to tell; the exit code still says it.
    let _ = write!(io::stderr(), "{}", render(error));
    error.exit_code()
}

/// Writes to standard output, wholly.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}
