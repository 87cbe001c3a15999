//! Licences, sources and versions of the dependencies, by cargo-deny and `.cargo/deny.toml`.
//!
//! Where cargo-deny is not installed it is built into the target folder: about two CPU minutes, once. Its
//! advisories need a checkout of the advisory database from a git host, which a build machine may not reach, so
//! they are no part of this check: run `cargo deny check advisories` where the network allows it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Result;
use crate::metadata::Metadata;
use crate::process;

/// The version that is installed where none is there.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Checks what the lock file brings in.
pub(crate) fn run(root: &Path) -> Result<()> {
    let program = program(root, &Metadata::read(root)?.target_directory)?;
    process::run(
        Command::new(program)
            .current_dir(root)
            .args(["check", "bans", "licenses", "sources"]),
    )
}

/// `cargo-deny` of PATH, else the one under the target folder, installed first where needed.
fn program(root: &Path, target: &Path) -> Result<OsString> {
    if process::succeeds(Command::new("cargo-deny").arg("--version")) {
        return Ok("cargo-deny".into());
    }
    let tools: PathBuf = target.join("tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        // Unoptimized and without the features for fetching advisories: it is built for one short run.
        process::run(
            process::cargo(root)
                .args([
                    "install",
                    "--quiet",
                    "--locked",
                    "--debug",
                    "--no-default-features",
                    CARGO_DENY,
                    "--root",
                ])
                .arg(&tools),
        )?;
    }
    Ok(program.into_os_string())
}
