//! Exit codes of all jobs, with the numbers of `sysexits.h`.

/// How a job ended, as its caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// The job did its work, or there was none to do.
    Ok = 0,
    /// The command line is wrong.
    Usage = 2,
    /// The input holds data that the job must not go on with.
    BadData = 65,
    /// An input is not there or cannot be opened.
    NoInput = 66,
    /// The job found itself broken: a bug to report.
    Bug = 70,
    /// An output cannot be created.
    CannotCreate = 73,
    /// Reading or writing failed on the way.
    Io = 74,
    /// Another run holds the output, or the run was stopped: try again.
    TryAgain = 75,
    /// The config is missing or wrong.
    Config = 78,
}

impl ExitCode {
    /// All codes, ascending.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Usage,
        Self::BadData,
        Self::NoInput,
        Self::Bug,
        Self::CannotCreate,
        Self::Io,
        Self::TryAgain,
        Self::Config,
    ];

    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it means, in one clause, for the README's table.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done, or nothing to do",
            Self::Usage => "the command line is wrong",
            Self::BadData => "the input holds data that the job must not go on with",
            Self::NoInput => "an input is not there or cannot be opened",
            Self::Bug => "a bug in the job: please report it",
            Self::CannotCreate => "an output cannot be created",
            Self::Io => "reading or writing failed on the way",
            Self::TryAgain => "another run holds the output, or the run was stopped: try again",
            Self::Config => "the config is missing or wrong",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_pinned() {
        let table: Vec<_> = ExitCode::ALL
            .iter()
            .map(|code| format!("{:>2} {}", code.code(), code.meaning()))
            .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
         0 done, or nothing to do
         2 the command line is wrong
        65 the input holds data that the job must not go on with
        66 an input is not there or cannot be opened
        70 a bug in the job: please report it
        73 an output cannot be created
        74 reading or writing failed on the way
        75 another run holds the output, or the run was stopped: try again
        78 the config is missing or wrong
        ");
    }

    #[test]
    fn all_codes_are_distinct_and_ascending() {
        assert!(ExitCode::ALL.is_sorted_by(|a, b| a.code() < b.code()));
    }
}
