//! Binaries that do not tell where they were built.
//!
//! Source paths end up in panic messages and debug information. They are rewritten to fixed names: the checkout,
//! the target folder, cargo's home and the toolchain's own sources, for rustc and for the C compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::error::{Error, Result};
use crate::process::{cargo, output, run, shown};
use crate::sources;

/// Builds all jobs of the checkout at `root` into `target`; returns the folder of the binaries.
pub(crate) fn binaries(root: &Path, target: &Path, profile: &str) -> Result<PathBuf> {
    let prefixes = prefixes(root, target)?;
    run(cargo(root)
        .args([
            "build",
            "--locked",
            "--bins",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(target)
        // Arguments may hold spaces, so they are joined by cargo's own separator. This also shuts out the
        // environment's RUSTFLAGS, with which the same sources would give other bytes.
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&prefixes))
        .env("CFLAGS", c_flags(&prefixes))
        .env("CC_SHELL_ESCAPED_FLAGS", "1")
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", "0"))?;
    // Cargo's folder for the profile `dev` has another name.
    Ok(target.join(if profile == "dev" { "debug" } else { profile }))
}

/// Where paths start, and what stands there instead; of several that match, the last one counts.
fn prefixes(root: &Path, target: &Path) -> Result<Vec<(PathBuf, String)>> {
    let version = rustc(&["--version", "--verbose"])?;
    let sysroot = PathBuf::from(rustc(&["--print", "sysroot"])?.trim());
    let commit = field(&version, "commit-hash")?;
    Ok(vec![
        (cargo_home()?, "/cargo".to_owned()),
        // What the prebuilt standard library calls its sources, also where those are installed.
        (sysroot.join("lib/rustlib/src/rust"), format!("/rustc/{commit}")),
        (root.to_path_buf(), "/datalake".to_owned()),
        (target.to_path_buf(), "/datalake/target".to_owned()),
    ])
}

fn rust_flags(prefixes: &[(PathBuf, String)]) -> String {
    let flags: Vec<String> = prefixes
        .iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect();
    flags.join("\u{1f}")
}

fn c_flags(prefixes: &[(PathBuf, String)]) -> String {
    let flags: Vec<String> = prefixes
        .iter()
        .map(|(from, to)| format!("'-ffile-prefix-map={}={to}'", from.display()))
        .collect();
    flags.join(" ")
}

fn cargo_home() -> Result<PathBuf> {
    let home = |name: &str| std::env::var_os(name).map(PathBuf::from);
    home("CARGO_HOME")
        .or_else(|| home("HOME").map(|folder| folder.join(".cargo")))
        .ok_or(Error::Missing {
            path: "$HOME/.cargo".into(),
            hint: "set HOME or CARGO_HOME",
        })
}

/// The machine that the binaries run on, as rustc names it.
pub(crate) fn host() -> Result<String> {
    field(&rustc(&["--version", "--verbose"])?, "host")
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let text = output(command.args(arguments))?;
    String::from_utf8(text).map_err(|source| Error::Output {
        command: shown(&command),
        source: source.into(),
    })
}

/// Value of a `name: value` line of `rustc --version --verbose`.
fn field(version: &str, name: &str) -> Result<String> {
    version
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .map(str::to_owned)
        .ok_or_else(|| Error::Bug(format!("rustc tells no `{name}`")))
}

/// Calls `build` with a copy of the sources in a new folder, and removes that folder.
pub(crate) fn copied<T>(root: &Path, target: &Path, build: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    // Beside the first build's files, which the disk had room for, not on a temporary file system. One name, so that
    // what a killed run left is taken away by the next.
    let folder = target.join("second-build");
    let clear = || {
        if folder.exists() {
            fs::remove_dir_all(&folder)
        } else {
            Ok(())
        }
    };
    clear()?;
    sources::copy(root, &folder)?;
    let result = build(&folder);
    clear()?;
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn flags_rewrite_each_prefix_and_keep_spaces() {
        let prefixes = vec![
            (PathBuf::from("/a b"), "/cargo".to_owned()),
            ("/c".into(), "/datalake".into()),
        ];
        assert_eq!(
            rust_flags(&prefixes),
            "--remap-path-prefix=/a b=/cargo\u{1f}--remap-path-prefix=/c=/datalake"
        );
        assert_eq!(
            c_flags(&prefixes),
            "'-ffile-prefix-map=/a b=/cargo' '-ffile-prefix-map=/c=/datalake'"
        );
    }

    #[test]
    fn the_target_folder_is_rewritten_after_the_checkout_that_holds_it() {
        let prefixes = prefixes(Path::new("/x"), Path::new("/x/target/package")).unwrap();
        let last: Vec<_> = prefixes[2..]
            .iter()
            .map(|(from, to)| (from.to_str().unwrap(), to.as_str()))
            .collect();
        assert_eq!(
            last,
            [("/x", "/datalake"), ("/x/target/package", "/datalake/target")]
        );
    }

    #[test]
    fn reads_a_field_of_the_verbose_version() {
        let text = "rustc 1.95.0\nbinary: rustc\ncommit-hash: abc\nhost: x86_64-unknown-linux-gnu\n";
        assert_eq!(field(text, "host").unwrap(), "x86_64-unknown-linux-gnu");
        assert_eq!(field(text, "commit-hash").unwrap(), "abc");
        assert!(field(text, "release").is_err());
    }
}
