//! What can go wrong in a task, and what to do about it.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Result of a task.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The checkout's root cannot be entered.
    #[error("cannot enter the project's root `{}`", root.display())]
    Root { root: PathBuf, source: io::Error },
    /// A command could not be started.
    #[error("cannot start `{command}`")]
    Spawn { command: String, source: io::Error },
    /// A command ended with another status than 0.
    #[error("`{command}` failed: {status}")]
    Failed { command: String, status: ExitStatus },
    /// A command printed something that this program does not understand.
    #[error("cannot read what `{command}` printed")]
    Output {
        command: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file could not be read or written; the path is in the text.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file that the task needs is not there.
    #[error("`{}` is missing", path.display())]
    Missing { path: PathBuf, hint: &'static str },
    /// Steps of the CI run failed.
    #[error("failed: {}", steps.join(", "))]
    Steps { steps: Vec<String> },
    /// The repository breaks its own rules.
    #[error("{count} places break the project's rules")]
    Rules { count: usize },
    /// A generated file is not what its generator yields.
    #[error("`{}` is out of date", path.display())]
    Stale { path: PathBuf },
    /// Two builds of one source differ.
    #[error("two builds differ in `{entry}`: {first} and {second}")]
    NotReproducible {
        entry: String,
        first: String,
        second: String,
    },
    /// An archive does not hold what its checksums say.
    #[error("the archive is damaged: {0}")]
    Archive(String),
    /// A job's name that cannot be a binary and a module.
    #[error("`{name}` cannot be a job's name: {why}")]
    JobName { name: String, why: &'static str },
    /// A file that a scaffold would overwrite.
    #[error("`{}` is there already", .0.display())]
    Exists(PathBuf),
    /// A scaffold whose tests were not found.
    #[error("the scaffold `{job}` ran no test")]
    NoTests { job: &'static str },
    /// A contender of the benchmark found other features than ours.
    #[error("the features of {peer} differ from ours:\n{report}")]
    FeaturesDiffer { peer: String, report: String },
    /// A lake would not fit on the disk.
    #[error("`{}` has {free_mb} MB free, and {needed_mb} MB are needed for a lake", folder.display())]
    Space {
        folder: PathBuf,
        needed_mb: u64,
        free_mb: u64,
    },
    /// A size that is not to be had in this layout.
    #[error("the lake of a million service points comes in the layout `daily` only")]
    NoSuchLake,
    /// The report does not do in a browser what it should.
    #[error("the report in a browser: {0}")]
    Page(String),
    /// A broken invariant of this program.
    #[error("this is a bug, please report it: {0}")]
    Bug(String),
}

impl Error {
    /// What to do about it, one sentence without a final full stop.
    fn hint(&self) -> Option<&str> {
        Some(match self {
            Self::Root { .. } => "run it as `cargo xtask` from inside the checkout",
            Self::Spawn { .. } => "install the program, or put it on PATH",
            Self::Missing { hint, .. } => hint,
            Self::Steps { .. } => "repeat one step with `cargo xtask ci --only STEP`",
            Self::Rules { .. } => "each line above says how to mend it; `cargo xtask tidy` checks again",
            Self::Stale { .. } => "run `cargo xtask codegen` and commit what it writes",
            Self::NotReproducible { .. } => {
                "look for a path, a time or an unordered walk: unpack both and compare with `strings` or `cmp`"
            }
            Self::JobName { .. } => "use lower-case words joined by hyphens, such as `load-forecast`",
            Self::NoTests { .. } => "its template under xtask/assets/new_job must hold one",
            Self::Exists(_) => "choose another name, or remove it first",
            Self::FeaturesDiffer { .. } => {
                "figures for different work say nothing: mend the job or the peer first"
            }
            Self::Space { .. } => {
                "make room, or let `target/bench/lakes` be a link to a folder on a larger disk"
            }
            Self::NoSuchLake => "other layouts are measured at the sizes `small` and `city`",
            Self::Page(_) => "make a report with `theft-detection --report FILE` and look at it in a browser",
            Self::Failed { .. } | Self::Output { .. } | Self::Io(_) | Self::Archive(_) | Self::Bug(_) => {
                return None;
            }
        })
    }

    /// The text for standard error: the cause chain, then the hint.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("error: {self}\n");
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "Caused by: {cause}");
            source = cause.source();
        }
        if let Some(hint) = self.hint() {
            let _ = writeln!(text, "hint: {hint}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_the_cause_chain_then_the_hint() {
        let error = Error::Spawn {
            command: "cargo".into(),
            source: io::Error::other("no such file"),
        };
        assert_eq!(
            error.render(),
            "error: cannot start `cargo`\nCaused by: no such file\nhint: install the program, or put it on PATH\n"
        );
    }

    #[test]
    fn an_error_without_advice_has_no_hint() {
        let error = Error::Archive("`bin/a` is not listed".into());
        assert_eq!(
            error.render(),
            "error: the archive is damaged: `bin/a` is not listed\n"
        );
    }
}
