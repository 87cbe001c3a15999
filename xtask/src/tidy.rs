//! The repository's own rules as code. Every message says where, what, and how to mend it.
//!
//! What rustfmt, clippy and cargo-deny check is not repeated here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use fs_err as fs;

use crate::error::{Error, Result};
use crate::metadata::{Metadata, Package};
use crate::{readme, sources};

/// What may lie at the top of the repository, beside dotfiles.
const TOP_LEVEL: [&str; 10] = [
    "ARCHITECTURE.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "configs",
    "crates",
    "rust-toolchain.toml",
    "test_data",
    "xtask",
];

/// A source file past this many bytes is two things.
const SOURCE_BYTES: usize = 25 * 1024;

/// A tracked file past this many bytes belongs outside of the repository.
const FILE_BYTES: usize = 1024 * 1024;

/// Texts that must not stand in a file, in two halves so that this file may hold them, and what to do instead.
const BANNED: [(&str, &str, &str); 11] = [
    (
        "/ho",
        "me/",
        "a path of one person's machine: use a path relative to the project",
    ),
    (
        "/ro",
        "ot/",
        "a path of one person's machine: use a path relative to the project",
    ),
    (
        "/Us",
        "ers/",
        "a path of one person's machine: use a path relative to the project",
    ),
    (
        "/wo",
        "rk/",
        "a path of one machine: use a path relative to the project",
    ),
    (
        "/tmp/",
        "wt/",
        "a path of one machine: use a temporary folder made for the purpose",
    ),
    ("to", "do!(", "a stub: write the code, or leave the function out"),
    (
        "unimple",
        "mented!(",
        "a stub: write the code, or leave the function out",
    ),
    (
        "#[ig",
        "nore",
        "a test that never runs: make it pass, or remove it",
    ),
    ("db", "g!(", "a debugging print: remove it"),
    (
        "TO",
        "DO",
        "a note to oneself: do it, or say why it is left in plain words",
    ),
    (
        "FIX",
        "ME",
        "a note to oneself: do it, or say why it is left in plain words",
    ),
];

/// What the transformations must not touch, so that they stay functions of their input.
const IMPURE: [(&str, &str); 7] = [
    ("std::fs", "reads files"),
    ("fs_err", "reads files"),
    ("std::env", "reads the environment"),
    ("std::net", "talks to the network"),
    ("SystemTime", "reads a clock"),
    ("Instant::now", "reads a clock"),
    ("tracing::", "logs"),
];

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    path: String,
    /// From 1; 0 where the whole file is meant.
    line: usize,
    text: String,
    /// Printed, but no failure.
    warning: bool,
}

impl Problem {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            text: text.into(),
            warning: false,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.warning { "warning: " } else { "error: " })?;
        f.write_str(&self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.text)
    }
}

pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = Metadata::read(root)?;
    let mut problems = Vec::new();
    let files = sources::list(root)?;
    problems.extend(top_level(&files));
    let mut variables = Vec::new();
    for path in &files {
        let bytes = fs::read(root.join(path))?;
        if bytes.len() > FILE_BYTES {
            let text = format!(
                "{} KB: keep large data outside, or make it in a test",
                bytes.len() / 1024
            );
            problems.push(Problem::new(path, 0, text));
        }
        let Ok(text) = std::str::from_utf8(&bytes) else {
            continue;
        };
        problems.extend(banned(path, text));
        if Path::new(path).extension() == Some("rs".as_ref()) {
            problems.extend(source(path, text));
            variables.extend(
                environment_variables(path, text)
                    .into_iter()
                    .map(|name| (path.clone(), name)),
            );
        }
        if path.ends_with("/Cargo.toml") {
            problems.extend(manifest(path, text));
        }
    }
    for member in metadata.members() {
        problems.extend(layering(member));
    }
    let text = readme::read(root)?;
    let mut guides = text.clone();
    for name in ["ARCHITECTURE.md", ".env.example"] {
        guides += &fs::read_to_string(root.join(name)).unwrap_or_default();
    }
    problems.extend(undocumented(&variables, &guides));
    problems.extend(
        readme::problems(&text, &metadata)
            .into_iter()
            .map(|(line, p)| Problem::new("README.md", line, p)),
    );

    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.iter().filter(|problem| !problem.warning).count() {
        0 => Ok(()),
        count => Err(Error::Rules { count }),
    }
}

fn top_level(files: &[String]) -> Vec<Problem> {
    let mut tops: Vec<&str> = files.iter().filter_map(|path| path.split('/').next()).collect();
    tops.dedup();
    tops.iter()
        .filter(|top| !top.starts_with('.') && !TOP_LEVEL.contains(top))
        .map(|top| {
            Problem::new(
                top,
                0,
                "does not belong at the top: move it below crates, configs or xtask",
            )
        })
        .collect()
}

fn banned(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for (start, end, mend) in BANNED {
            let word = [start, end].concat();
            if line.contains(&word) {
                problems.push(Problem::new(path, number + 1, format!("`{word}` is {mend}")));
            }
        }
    }
    problems
}

fn source(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if text.len() > SOURCE_BYTES {
        let size = format!(
            "{} KB: a file past 25 KB is two things, split it",
            text.len() / 1024
        );
        problems.push(Problem {
            warning: true,
            ..Problem::new(path, 0, size)
        });
    }
    if path.starts_with("crates/datalake-transforms/src/") {
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for (word, does) in IMPURE {
                if line.contains(word) {
                    let mend = "a transformation is a function of its input, move this to datalake-deps";
                    problems.push(Problem::new(path, number + 1, format!("`{word}` {does}: {mend}")));
                }
            }
        }
    }
    problems
}

/// Versions stand once, in the root manifest, and lints are the workspace's.
fn manifest(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut section = "";
    let mut lints = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && line.contains('=') && !line.starts_with('#') {
            let inherits = line.contains(".workspace = true") || line.contains("workspace = true,");
            let inherits = inherits || line.contains("workspace = true }");
            if !inherits {
                let text =
                    "name the version in the root Cargo.toml, with its reason, and write `.workspace = true`";
                problems.push(Problem::new(path, number + 1, text));
            }
        }
        lints |= section == "[lints]" && line == "workspace = true";
    }
    if !lints {
        problems.push(Problem::new(path, 0, "has no `[lints] workspace = true`"));
    }
    problems
}

/// Which crate may know which: data flows one way.
fn layering(package: &Package) -> Vec<Problem> {
    let banned: &[&str] = match package.name.as_str() {
        "datalake-transforms" => &["datalake-deps", "datalake-jobs", "fs-err", "tracing", "clap"],
        "datalake-deps" => &["datalake-transforms", "datalake-jobs"],
        "xtask" => &["datalake-deps", "datalake-transforms", "datalake-jobs"],
        _ => &[],
    };
    let normal = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind.is_none());
    normal
        .filter(|dependency| banned.contains(&dependency.name.as_str()))
        .map(|dependency| {
            let text = format!("`{}` must not depend on `{}`", package.name, dependency.name);
            let manifest = format!("crates/{}/Cargo.toml", package.name);
            Problem::new(
                &manifest,
                0,
                format!("{text}: jobs are the only glue between the two sides"),
            )
        })
        .collect()
}

/// Names of the project's environment variables that a source names as whole string literals, tests left out:
/// they make names up.
fn environment_variables(path: &str, text: &str) -> Vec<String> {
    if path.ends_with("/tests.rs") || path.contains("/tests/") {
        return Vec::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or("");
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|literal| {
            literal.strip_prefix("DATALAKE_").is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            }) && !literal.contains("__")
        })
        .map(str::to_owned)
        .collect()
}

/// Variables that neither guide names, each with the first file that reads it.
fn undocumented(variables: &[(String, String)], guides: &str) -> Vec<Problem> {
    let missing = variables
        .iter()
        .filter(|(_, name)| !guides.contains(name.as_str()));
    // The files are sorted: the first one stays.
    let first: BTreeMap<&str, &str> = missing
        .rev()
        .map(|(path, name)| (name.as_str(), path.as_str()))
        .collect();
    first
        .into_iter()
        .map(|(name, path)| {
            Problem::new(
                path,
                0,
                format!("`{name}` is in no guide: say in README.md or .env.example what it does"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
