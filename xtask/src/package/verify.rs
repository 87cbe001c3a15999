//! The archive as its receiver sees it: unpacked into an empty folder, checked, and run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;
use fs_err as fs;

use crate::error::{Error, Result};
use crate::package::archive::{SUMS, sha256};
use crate::process::run as run_command;

/// Unpacks the archive, checks every file, and runs the theft job of it over the lake at `lake`.
pub(crate) fn run(archive: &Path, lake: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    tar::Archive::new(GzDecoder::new(fs::File::open(archive)?)).unpack(folder.path())?;
    let mut tops = fs::read_dir(folder.path())?.collect::<std::io::Result<Vec<_>>>()?;
    let (Some(top), None) = (tops.pop(), tops.pop()) else {
        return Err(Error::Archive("it must hold one top folder".into()));
    };
    let top = top.path();
    let files = check_sums(&top)?;
    eprintln!("{files} files agree with {SUMS}");

    let output = folder.path().join("output");
    // Nothing of this environment and no path of the checkout but the lake: the archive must stand alone.
    run_command(
        Command::new(top.join("bin/theft-detection"))
            .current_dir(&top)
            .env_clear()
            .arg("--lake")
            .arg(lake)
            .arg("--output")
            .arg(&output),
    )?;
    for name in ["theft_cases/part-0.parquet", "run.json"] {
        if !output.join(name).is_file() {
            return Err(Error::Archive(format!("its theft job wrote no `{name}`")));
        }
    }
    eprintln!("the unpacked theft job ran");
    Ok(())
}

/// Every file is listed and every listed file is there with its checksum; returns how many.
fn check_sums(top: &Path) -> Result<usize> {
    let list = fs::read_to_string(top.join(SUMS))?;
    let mut listed = BTreeMap::new();
    for line in list.lines() {
        let (sum, name) = line
            .split_once("  ")
            .ok_or_else(|| Error::Archive(format!("{SUMS} has the line `{line}`")))?;
        listed.insert(name.to_owned(), sum.to_owned());
    }
    let count = listed.len();
    for path in super::files_below(top)? {
        let name = path
            .strip_prefix(top)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        if name == SUMS {
            continue;
        }
        match listed.remove(&name) {
            None => return Err(Error::Archive(format!("`{name}` is not listed in {SUMS}"))),
            Some(sum) if sum != sha256(&fs::read(&path)?) => {
                return Err(Error::Archive(format!(
                    "`{name}` has another checksum than {SUMS} says"
                )));
            }
            Some(_) => {}
        }
    }
    match listed.keys().next() {
        Some(name) => Err(Error::Archive(format!("`{name}` is listed in {SUMS} but absent"))),
        None => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::package::archive::Archive;

    /// An archive whose theft job is a shell script.
    fn archive(folder: &Path, job: &str) -> std::path::PathBuf {
        let mut archive = Archive::new("datalake-1-x".into());
        archive.add(
            "bin/theft-detection",
            format!("#!/bin/sh\n{job}\n").into_bytes(),
            true,
        );
        archive.add("LICENSE", b"free".to_vec(), false);
        archive.seal();
        let path = folder.join("a.tar.gz");
        fs::write(&path, archive.to_bytes().unwrap()).unwrap();
        path
    }

    #[test]
    fn runs_the_unpacked_job_on_the_lake_without_this_environment() {
        let folder = tempfile::tempdir().unwrap();
        let job = "[ \"$1 $2 $3\" = '--lake /lake --output' ] && [ -z \"$HOME\" ] && [ -f LICENSE ] || exit 9\n\
                   /bin/mkdir -p $4/theft_cases && : > $4/theft_cases/part-0.parquet && : > $4/run.json";
        run(&archive(folder.path(), job), Path::new("/lake")).unwrap();
    }

    #[test]
    fn a_job_that_fails_or_writes_nothing_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(&archive(folder.path(), "exit 78"), Path::new("/lake")).unwrap_err();
        assert!(matches!(&error, Error::Failed { status, .. } if status.code() == Some(78)));
        let error = run(&archive(folder.path(), "exit 0"), Path::new("/lake")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the archive is damaged: its theft job wrote no `theft_cases/part-0.parquet`"
        );
    }

    #[test]
    fn damage_of_each_kind_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        fs::write(top.join("a"), "a").unwrap();
        let line = format!("{}  a\n", sha256(b"a"));
        let check = |sums: &str| {
            fs::write(top.join(SUMS), sums).unwrap();
            check_sums(top).map_err(|error| error.to_string())
        };
        assert_eq!(check(&line), Ok(1));
        assert_eq!(
            check("").unwrap_err(),
            "the archive is damaged: `a` is not listed in SHA256SUMS"
        );
        assert_eq!(
            check(&format!("{line}{}  b\n", sha256(b"b"))).unwrap_err(),
            "the archive is damaged: `b` is listed in SHA256SUMS but absent"
        );
        assert_eq!(
            check("x\n").unwrap_err(),
            "the archive is damaged: SHA256SUMS has the line `x`"
        );
        fs::write(top.join("a"), "b").unwrap();
        assert_eq!(
            check(&line).unwrap_err(),
            "the archive is damaged: `a` has another checksum than SHA256SUMS says"
        );
    }
}
