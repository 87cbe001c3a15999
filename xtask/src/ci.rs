//! Everything that must pass before a change lands, one step after the other.
//!
//! Steps go on after a failure, so that one run shows all there is to mend. At the end stand the time of each
//! step and the closing lines of the test runners.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::ValueEnum as _;

use crate::error::{Error, Result};
use crate::process::{cargo, run as run_command, run_keeping, succeeds};
use crate::{browser, codegen, dependencies, new_job, package, readme, s3, tidy};

/// Options of `ci`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run only this step; may be given several times.
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
}

/// The steps, in the order they run: what a newcomer types first, then what is quick to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// The README's commands.
    Readme,
    /// Formatting.
    Fmt,
    /// The repository's own rules.
    Tidy,
    /// Lints, all targets, warnings are errors.
    Clippy,
    /// Unit and integration tests of all crates but those of the cluster; left out where the README's commands run them.
    Test,
    /// The examples in the documentation; left out where the README's commands run them.
    Doctest,
    /// The crates for object stores and clusters: their tests, against an S3 and one that fails.
    Cluster,
    /// A scaffolded job compiles and passes its tests.
    NewJob,
    /// The documentation builds without a warning.
    Doc,
    /// Licences, sources and versions of the dependencies.
    Dependencies,
    /// Generated files are current.
    Codegen,
    /// The report works in a browser; skipped where there is none to be had.
    Browser,
    /// The archive builds twice to one hash and works from an empty folder; runs only when named.
    Package,
}

/// How a step ended.
struct Outcome {
    step: Step,
    time: Duration,
    passed: bool,
    closing_lines: Vec<String>,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let all = Step::value_variants();
    let covered = readme::covers_tests(root);
    let wanted = all.iter().filter(|step| match (args.only.is_empty(), step) {
        // Every test once is enough: the README's own command runs them all.
        (true, Step::Test | Step::Doctest) => !covered,
        // Builds everything twice more: for a release, by name.
        (true, Step::Package) => false,
        (true, _) => true,
        (false, step) => args.only.contains(step),
    });
    let outcomes: Vec<Outcome> = wanted.map(|step| run_step(root, *step)).collect();

    eprintln!();
    for outcome in &outcomes {
        let state = if outcome.passed { "passed" } else { "FAILED" };
        eprintln!(
            "{state} {:<12} {:>6.1} s",
            name(outcome.step),
            outcome.time.as_secs_f64()
        );
    }
    for line in outcomes.iter().flat_map(|outcome| &outcome.closing_lines) {
        eprintln!("{line}");
    }
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|o| !o.passed)
        .map(|o| name(o.step))
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Error::Steps { steps: failed })
    }
}

fn run_step(root: &Path, step: Step) -> Outcome {
    eprintln!("\n== {}", name(step));
    let start = Instant::now();
    let (closing_lines, result) = match step {
        Step::Readme => readme::run(root, is_closing_line),
        Step::Test => tests(root),
        Step::Cluster => s3::tests(root, is_closing_line),
        Step::NewJob => new_job::check(root, is_closing_line),
        Step::Doctest => run_keeping(
            cargo(root).args(["test", "--locked", "--doc", "--quiet"]),
            is_closing_line,
        ),
        _ => (Vec::new(), check(root, step)),
    };
    if let Err(error) = &result {
        eprint!("{}", error.render());
    }
    Outcome {
        step,
        time: start.elapsed(),
        passed: result.is_ok(),
        closing_lines,
    }
}

/// Runs a step whose output nobody collects.
fn check(root: &Path, step: Step) -> Result<()> {
    match step {
        Step::Fmt => run_command(cargo(root).args(["fmt", "--all", "--check"])),
        Step::Tidy => tidy::run(root),
        Step::Clippy => run_command(cargo(root).args([
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])),
        Step::Doc => run_command(
            cargo(root)
                .args(["doc", "--locked", "--workspace", "--no-deps", "--quiet"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        ),
        Step::Dependencies => dependencies::run(root),
        Step::Codegen => codegen::run(root, &codegen::Args { check: true }),
        Step::Browser => browser::run(root, &browser::Args::default()),
        // The cheap profile: what is checked does not depend on the optimizer, and a release build takes long.
        Step::Package => package::run(root, &package::Args::checking("dev")),
        Step::Readme | Step::Test | Step::Doctest | Step::Cluster | Step::NewJob => {
            Err(Error::Bug("a step with output has no check".into()))
        }
    }
}

/// All tests but those in the documentation, by nextest where it is installed.
fn tests(root: &Path) -> (Vec<String>, Result<()>) {
    let mut command = cargo(root);
    if succeeds(cargo(root).args(["nextest", "--version"])) {
        command.args(["nextest", "run", "--locked", "--no-fail-fast"]);
        command.args([
            "--status-level",
            "slow",
            "--final-status-level",
            "fail",
            "--cargo-quiet",
        ]);
    } else {
        command.args(["test", "--locked", "--no-fail-fast", "--quiet"]);
        command.args(["--lib", "--bins", "--tests", "--examples"]);
    }
    // A snapshot that differs fails; none is written in passing.
    run_keeping(command.env("INSTA_UPDATE", "no"), is_closing_line)
}

/// Whether a test runner closes with this line: libtest's `test result:` or nextest's `Summary`.
fn is_closing_line(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("test result:") || (line.starts_with("Summary [") && line.contains("tests run"))
}

/// The step as `--only` takes it.
fn name(step: Step) -> String {
    step.to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_both_runners_are_known() {
        assert!(is_closing_line(
            "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s"
        ));
        assert!(is_closing_line(
            "     Summary [   0.012s] 12 tests run: 12 passed, 0 skipped"
        ));
        assert!(is_closing_line(
            "     Summary [   0.012s] 1/12 tests run: 0 passed, 1 failed, 0 skipped"
        ));
        assert!(!is_closing_line("running 4 tests"));
        assert!(!is_closing_line("Summary [of the month]"));
    }
}
