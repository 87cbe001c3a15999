//! Does a scaffold still compile and pass its tests against today's crates? Tried in a copy of the workspace.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::process::{cargo, run_keeping};
use crate::sources;

/// The job that is scaffolded.
const NAME: &str = "sample-job";

/// Scaffolds a job in a copy of the checkout, tests it, and returns the closing lines of the test runner.
pub(crate) fn run(root: &Path, keep: impl Fn(&str) -> bool) -> (Vec<String>, Result<()>) {
    let target = match Metadata::read(root) {
        Ok(metadata) => metadata.target_directory,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let prepared = tempfile::tempdir().map_err(Error::from).and_then(|folder| {
        let copy = copy(root, folder.path())?;
        super::run(
            &copy,
            &super::Args {
                name: NAME.to_owned(),
            },
        )?;
        Ok((folder, copy))
    });
    let (_folder, copy) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut test = cargo(&copy);
    test.args([
        "test",
        "--locked",
        "--quiet",
        "--package",
        "datalake-jobs",
        "--lib",
        "--bin",
        NAME,
    ]);
    // Compiled once and run once: what the optimizer would take it would not give back.
    test.args(["--config", "profile.dev.opt-level=0", &super::module(NAME)]);
    let (lines, result) = run_keeping(test.env("CARGO_TARGET_DIR", target), keep);
    let tests = lines.iter().filter(|line| !line.contains(" 0 passed")).count();
    let result = result.and_then(|()| {
        if tests > 0 {
            Ok(())
        } else {
            Err(Error::NoTests { job: NAME })
        }
    });
    (lines, result)
}

/// A copy of the workspace, one folder deeper than the original: so cargo gives the copied crates other names in
/// the target folder that both share, and takes the dependencies from there as they are.
fn copy(root: &Path, to: &Path) -> Result<PathBuf> {
    let copy = to.join("copy");
    sources::copy(root, &copy)?;
    let manifest = fs::read_to_string(copy.join("Cargo.toml"))?;
    fs::write(to.join("Cargo.toml"), deeper(&manifest))?;
    fs::remove_file(copy.join("Cargo.toml"))?;
    fs::rename(copy.join("Cargo.lock"), to.join("Cargo.lock"))?;
    Ok(copy)
}

/// The root manifest with the members' paths below `copy`.
fn deeper(manifest: &str) -> String {
    manifest
        .replace("\"crates/", "\"copy/crates/")
        .replace("\"xtask\"", "\"copy/xtask\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_path_dependencies_move_down() {
        let manifest = "members = [\"crates/*\", \"xtask\"]\na = { path = \"crates/a\" }\n";
        assert_eq!(
            deeper(manifest),
            "members = [\"copy/crates/*\", \"copy/xtask\"]\na = { path = \"copy/crates/a\" }\n"
        );
    }
}
