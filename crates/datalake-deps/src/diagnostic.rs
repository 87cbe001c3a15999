//! One style for every message: the lower-case cause chain, then `hint:`.

use std::error::Error;
use std::fmt::Write as _;

use crate::exit_code::ExitCode;

/// An error that knows how the job ends with it and what the user can do.
pub trait Diagnostic: Error + Send + Sync + 'static {
    /// How the process ends.
    fn exit_code(&self) -> ExitCode;

    /// What to do about it, one sentence without a final full stop.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// The text that goes to standard error.
///
/// ```text
/// error: cannot read the config `a.json`
/// Caused by: unknown field `treshold` at rules.sustained_drop.treshold
/// hint: known keys are ratio, min_days
/// ```
#[must_use]
pub fn render(error: &dyn Diagnostic) -> String {
    let mut text = format!("error: {error}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "Caused by: {cause}");
        source = cause.source();
    }
    if let Some(hint) = error.hint() {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}
