//! Generated files: written here, committed, and checked in CI.

use std::path::Path;

use fs_err as fs;

use crate::error::{Error, Result};
use crate::process::{cargo, output};

/// The config's JSON schema, for editors and for checks of a site's own config.
pub(crate) const SCHEMA: &str = "configs/datalake_config.schema.json";

/// Options of `codegen`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail where a file is out of date.
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let schema = output(cargo(root).args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "datalake-jobs",
        "--bin",
        "theft-detection",
        "--",
        "--print-schema",
    ]))?;
    settle(&root.join(SCHEMA), &schema, args.check)
}

/// Writes the text, or with `check` compares it with what is there.
fn settle(path: &Path, text: &[u8], check: bool) -> Result<()> {
    let current = fs::read(path).ok();
    if current.as_deref() == Some(text) {
        return Ok(());
    }
    if check {
        return Err(Error::Stale {
            path: path.to_path_buf(),
        });
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stale_file_fails_the_check_and_is_mended_by_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("configs/schema.json");
        assert!(matches!(settle(&path, b"{}\n", true), Err(Error::Stale { .. })));
        assert!(!path.exists(), "a check writes nothing");
        settle(&path, b"{}\n", false).unwrap();
        settle(&path, b"{}\n", true).unwrap();
        assert!(matches!(settle(&path, b"[]\n", true), Err(Error::Stale { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"{}\n");
    }
}
