//! What the three tools' command lines have in common.

use std::ffi::OsString;
use std::io::Write as _;

use clap::Parser;
use datalake_deps::diagnostic::{Diagnostic, render};
use datalake_deps::exit_code::ExitCode;
use datalake_deps::session::{SessionArgs, SessionOptions, StopFlag, load_dotenv, start_session};

use super::error::ToolError;

/// A tool: its command line and what it does.
pub(crate) trait Tool: Parser + Sync {
    /// Name in logs.
    const NAME: &'static str;

    /// The session flags of the command line.
    fn session(&self) -> &SessionArgs;

    /// Does the work on the session's threads, and ends early where the flag says so.
    fn work(&self, stop: &StopFlag) -> Result<(), ToolError>;
}

/// Runs a tool as its command line says, and returns how the process ends.
pub(crate) fn main<T: Tool>(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Before parsing, so that `.env` may hold the variables behind the flags.
    if let Err(error) = load_dotenv() {
        return fail(&error);
    }
    let tool = match T::try_parse_from(command_line) {
        Ok(tool) => tool,
        Err(error) => {
            // Help and version are no errors; where standard output is closed there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::Usage
            } else {
                ExitCode::Ok
            };
        }
    };
    let options = SessionOptions {
        app_name: T::NAME,
        args: Some(tool.session()),
        ..SessionOptions::default()
    };
    let (session, log, _) = match start_session(options) {
        Ok(started) => started,
        Err(error) => return fail(&error),
    };
    match log.run(|| session.install(|| tool.work(session.stop_flag()))) {
        Ok(()) => ExitCode::Ok,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn Diagnostic) -> ExitCode {
    // Where standard error is closed there is nobody to tell; the exit code still says it.
    let _ = write!(std::io::stderr(), "{}", render(error));
    error.exit_code()
}
