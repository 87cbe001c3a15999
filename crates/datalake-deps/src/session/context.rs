//! Who decides: the command line or the call.

use std::ffi::OsStr;
use std::fmt;

/// How the session was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// By a command: flags and environment decide.
    CommandLine,
    /// By a command with `DEBUG` set: the call decides, flags and environment fill in what it leaves open.
    Debug,
    /// Without a command line (test, example, REPL): the call decides alone.
    Interactive,
}

impl Context {
    /// `debug` is the value of the variable `DEBUG`, which counts unless it is empty, `0` or `false`.
    pub(super) fn find(has_command_line: bool, debug: Option<&OsStr>) -> Self {
        let debug = debug.is_some_and(|value| !["", "0", "false"].iter().any(|off| value == *off));
        match (has_command_line, debug) {
            (false, _) => Self::Interactive,
            (true, true) => Self::Debug,
            (true, false) => Self::CommandLine,
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CommandLine => "command line: flags and environment decide",
            Self::Debug => "DEBUG is set: the call's arguments go before flags and environment",
            Self::Interactive => "no command line: the call's arguments decide",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_counts_unless_it_says_no() {
        let find = |command_line, debug: Option<&str>| Context::find(command_line, debug.map(OsStr::new));
        assert_eq!(find(true, None), Context::CommandLine);
        for off in ["", "0", "false"] {
            assert_eq!(find(true, Some(off)), Context::CommandLine, "{off}");
        }
        for on in ["1", "true", "yes"] {
            assert_eq!(find(true, Some(on)), Context::Debug, "{on}");
        }
        assert_eq!(find(false, None), Context::Interactive);
        assert_eq!(find(false, Some("1")), Context::Interactive);
    }
}
