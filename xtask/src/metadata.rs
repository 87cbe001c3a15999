//! What cargo knows about the workspace and its dependencies.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::process;

/// The parts of `cargo metadata` that the tasks use.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// Every package of the lock file that some target uses.
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
    workspace_default_members: Vec<String>,
    /// Where cargo builds to.
    pub(crate) target_directory: PathBuf,
}

/// One package: a crate of ours, or one that we depend on.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Unique id.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) targets: Vec<Target>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// Something that cargo builds from a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    kind: Vec<String>,
}

/// A package's declared dependency.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Metadata {
    /// Reads it from the checkout at `root`, without touching the lock file.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut command = process::cargo(root);
        command.args(["metadata", "--format-version", "1", "--locked"]);
        let json = process::output(&mut command)?;
        Self::parse(&json).map_err(|source| Error::Output {
            command: process::shown(&command),
            source: source.into(),
        })
    }

    fn parse(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    /// The project's own crates.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The crates that a plain `cargo build` builds.
    pub(crate) fn default_members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_default_members.contains(&package.id))
    }

    /// Names of the jobs: the binaries of the default members, sorted.
    pub(crate) fn jobs(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .default_members()
            .flat_map(|package| package.targets_of("bin"))
            .collect();
        names.sort_unstable();
        names
    }

    /// The version that an archive of all jobs carries.
    pub(crate) fn version_of_jobs(&self) -> Result<&str> {
        let mut owners = self
            .default_members()
            .filter(|package| package.targets_of("bin").next().is_some());
        let hint = "add a job with `cargo xtask new-job NAME`";
        owners
            .next()
            .map(|package| package.version.as_str())
            .ok_or(Error::Missing {
                path: "crates/datalake-jobs/src/bin".into(),
                hint,
            })
    }
}

impl Package {
    /// Names of the targets of one kind: `bin`, `example`, `lib`, ...
    pub(crate) fn targets_of(&self, kind: &str) -> impl Iterator<Item = &str> {
        let kind = kind.to_owned();
        self.targets
            .iter()
            .filter(move |target| target.kind.contains(&kind))
            .map(|target| target.name.as_str())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A workspace of `jobs` (default member, two binaries and a library) and `tool` (one binary) that uses `dep`.
    pub(crate) fn example() -> Metadata {
        Metadata::parse(
            br#"{
              "packages": [
                {"id": "jobs", "name": "jobs", "version": "0.2.0", "dependencies": [{"name": "dep", "kind": null}],
                 "targets": [{"name": "jobs", "kind": ["lib"]}, {"name": "theft", "kind": ["bin"]},
                             {"name": "forecast", "kind": ["bin"]}]},
                {"id": "tool", "name": "tool", "version": "0.2.0", "dependencies": [],
                 "targets": [{"name": "tool", "kind": ["bin"]}]},
                {"id": "dep", "name": "dep", "version": "1.4.0", "dependencies": [],
                 "targets": [{"name": "dep", "kind": ["lib"]}]}
              ],
              "workspace_members": ["jobs", "tool"],
              "workspace_default_members": ["jobs"],
              "target_directory": "target"
            }"#,
        )
        .unwrap()
    }

    #[test]
    fn jobs_are_the_binaries_of_the_default_members() {
        assert_eq!(example().jobs(), ["forecast", "theft"]);
    }

    #[test]
    fn members_leave_the_dependencies_out() {
        let metadata = example();
        let names: Vec<_> = metadata.members().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["jobs", "tool"]);
    }
}
