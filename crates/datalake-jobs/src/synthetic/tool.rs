//! What the three tools' command lines have in common.

use std::ffi::OsString;

use clap::Parser;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::session::{SessionArgs, StopFlag};

use super::error::ToolError;
use crate::start;

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
    start::from_command_line(command_line, |tool: &T| {
        start::in_session(T::NAME, tool.session(), |session, _, _| {
            tool.work(session.stop_flag())
        })
    })
}
