//! One style for every message: the lower-case cause chain, then `hint:`.

use std::error::Error;

use crate::config::redact_text;
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

/// The error's own text and then those of its causes, outermost first, without the secrets of URLs: what `run.json`
/// keeps and what is printed.
#[must_use]
pub fn cause_chain(error: &dyn Error) -> Vec<String> {
    std::iter::successors(Some(error), |&error| error.source())
        .map(|error| redact_text(&error.to_string()))
        .collect()
}

/// The text that goes to standard error.
///
/// Control characters that arrived with data are escaped, so that a hostile value cannot steer a terminal.
///
/// ```text
/// error: cannot read the config `a.json`
/// Caused by: unknown field `treshold` at rules.sustained_drop.treshold
/// hint: known keys are ratio, min_days
/// ```
#[must_use]
pub fn render(error: &dyn Diagnostic) -> String {
    let mut text = String::new();
    let mut label = "error";
    for cause in cause_chain(error) {
        push_line(&mut text, label, &cause);
        label = "Caused by";
    }
    if let Some(hint) = error.hint() {
        push_line(&mut text, "hint", &hint);
    }
    text
}

fn push_line(text: &mut String, label: &str, message: &str) {
    text.push_str(label);
    text.push_str(": ");
    push_escaped(text, message);
    text.push('\n');
}

/// Appends `message` with its control characters written as escapes (`\n`, `\u{1b}`).
pub(crate) fn push_escaped(text: &mut String, message: &str) {
    for character in message.chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the config `{0}`")]
    struct Outer(String, #[source] std::io::Error);

    impl Diagnostic for Outer {
        fn exit_code(&self) -> ExitCode {
            ExitCode::Config
        }

        fn hint(&self) -> Option<String> {
            Some("check the path".to_owned())
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the job found itself broken")]
    struct Bare;

    impl Diagnostic for Bare {
        fn exit_code(&self) -> ExitCode {
            ExitCode::Bug
        }
    }

    #[test]
    fn the_chain_comes_before_the_hint() {
        let error = Outer("a.json".to_owned(), std::io::Error::other("permission denied"));
        insta::assert_snapshot!(render(&error), @r"
        error: cannot read the config `a.json`
        Caused by: permission denied
        hint: check the path
        ");
        assert_eq!(
            cause_chain(&error),
            ["cannot read the config `a.json`", "permission denied"]
        );
    }

    #[test]
    fn without_cause_and_hint_one_line_is_left() {
        assert_eq!(render(&Bare), "error: the job found itself broken\n");
    }

    #[test]
    fn control_characters_are_escaped() {
        let error = Outer("a\n\u{1b}[2Jb".to_owned(), std::io::Error::other("x\ty"));
        insta::assert_snapshot!(render(&error), @r"
        error: cannot read the config `a\n\u{1b}[2Jb`
        Caused by: x\ty
        hint: check the path
        ");
    }
}
