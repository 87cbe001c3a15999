//! The archive that goes to a server or a cluster's worker: all jobs, configs and units, with checksums.
//!
//! ```text
//! dist/datalake-<version>-<target>.tar.gz      dist/SHA256SUMS
//! datalake-<version>-<target>/
//!   bin/<job>...   configs/   cron/datalake   systemd/datalake@.{service,timer}
//!   LICENSE   README.md   SHA256SUMS
//! ```
//!
//! The same sources give the same bytes, from whatever folder they are built: see [`build`] for the binaries and
//! [`archive`] for the file around them.

mod archive;
mod build;
mod verify;

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::codegen::SCHEMA;
use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::package::archive::Archive;

/// Options of `package`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Unpack the archive in an empty folder, check its checksums and run the theft job of it on `test_data`.
    #[arg(long)]
    verify: bool,
    /// Build a second time from a copy of the sources in another folder, and demand the same bytes.
    #[arg(long)]
    twice: bool,
    /// Cargo profile of the binaries; `dist` is what ships.
    #[arg(long, default_value = "dist", value_name = "PROFILE")]
    profile: String,
}

impl Args {
    /// All checks, with another profile than the one that ships.
    pub(crate) fn checking(profile: &str) -> Self {
        Self {
            verify: true,
            twice: true,
            profile: profile.to_owned(),
        }
    }
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let metadata = Metadata::read(root)?;
    // A folder of its own: the flags differ from those of everyday builds, which must not be thrown away.
    let target = metadata.target_directory.join("package");
    let archive = collect(root, &metadata, &build::binaries(root, &target, &args.profile)?)?;
    let path = publish(&root.join("dist"), &archive)?;
    if args.twice {
        let again = build::copied(root, &metadata.target_directory, |copy| {
            collect(
                copy,
                &Metadata::read(copy)?,
                &build::binaries(copy, &copy.join("target"), &args.profile)?,
            )
        })?;
        archive.must_equal(&again)?;
        eprintln!("a second build in another folder gave the same bytes");
    }
    if args.verify {
        verify::run(&path, &root.join("test_data"))?;
    }
    Ok(())
}

/// Puts together what ships: `binaries` is the folder that cargo built them in.
fn collect(root: &Path, metadata: &Metadata, binaries: &Path) -> Result<Archive> {
    let jobs = metadata.jobs();
    let version = metadata.version_of_jobs()?;
    let mut archive = Archive::new(format!("datalake-{version}-{}", build::host()?));
    for job in &jobs {
        archive.add_file(&format!("bin/{job}"), &binaries.join(job), true)?;
    }
    for name in ["LICENSE", "README.md"] {
        archive.add_file(name, &root.join(name), false)?;
    }
    if !root.join(SCHEMA).is_file() {
        return Err(Error::Missing {
            path: root.join(SCHEMA),
            hint: "write it with `cargo xtask codegen`",
        });
    }
    for path in files_below(&root.join("configs"))? {
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        archive.add_file(&name, &path, false)?;
    }
    let assets = root.join("xtask/assets");
    for name in [
        "cron/datalake",
        "systemd/datalake@.service",
        "systemd/datalake@.timer",
    ] {
        archive.add_file(name, &assets.join(name), false)?;
    }
    archive.seal();
    Ok(archive)
}

/// Writes the archive and its checksum below `dist`, each whole or not at all.
fn publish(dist: &Path, archive: &Archive) -> Result<PathBuf> {
    fs::create_dir_all(dist)?;
    let name = format!("{}.tar.gz", archive.name());
    let bytes = archive.to_bytes()?;
    let sums = archive::sums(&[(name.as_str(), &bytes)]);
    let path = dist.join(&name);
    replace(&path, &bytes)?;
    replace(&dist.join("SHA256SUMS"), sums.as_bytes())?;
    eprint!("wrote {} ({} KB)\n{sums}", path.display(), bytes.len() / 1024);
    Ok(path)
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes)?;
    fs::rename(&partial, path)?;
    Ok(())
}

/// Files of a folder and all below it, without hidden ones.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
        {
            continue;
        }
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::metadata::tests::example;

    /// A checkout with everything that ships, and a folder of binaries.
    fn checkout(folder: &Path) -> PathBuf {
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        for name in [
            "cron/datalake",
            "systemd/datalake@.service",
            "systemd/datalake@.timer",
        ] {
            let to = folder.join("xtask/assets").join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(assets.join(name), to).unwrap();
        }
        fs::create_dir_all(folder.join("configs/presets")).unwrap();
        for name in [
            "LICENSE",
            "README.md",
            SCHEMA,
            "configs/presets/b.json",
            "configs/.secret",
        ] {
            fs::write(folder.join(name), name).unwrap();
        }
        let binaries = folder.join("target/dist");
        fs::create_dir_all(&binaries).unwrap();
        fs::write(binaries.join("theft"), "theft").unwrap();
        fs::write(binaries.join("forecast"), "forecast").unwrap();
        binaries
    }

    #[test]
    fn every_job_and_config_ships_in_a_fixed_order() {
        let folder = tempfile::tempdir().unwrap();
        let binaries = checkout(folder.path());
        let archive = collect(folder.path(), &example(), &binaries).unwrap();
        assert_eq!(
            archive.names(),
            [
                "LICENSE",
                "README.md",
                "SHA256SUMS",
                "bin/forecast",
                "bin/theft",
                "configs/datalake_config.schema.json",
                "configs/presets/b.json",
                "cron/datalake",
                "systemd/datalake@.service",
                "systemd/datalake@.timer",
            ]
        );
        assert!(archive.name().starts_with("datalake-0.2.0-"));
    }

    #[test]
    fn units_and_cron_line_run_a_job_of_the_archive_with_a_config() {
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let service = fs::read_to_string(assets.join("systemd/datalake@.service")).unwrap();
        let cron = fs::read_to_string(assets.join("cron/datalake")).unwrap();
        let line = |job: &str| format!("/opt/datalake/bin/{job} --config /etc/datalake/{job}.config.json\n");
        assert!(service.contains(&format!("\nExecStart={}", line("%i"))));
        assert!(cron.ends_with(&line("theft-detection")));
        // Every code of a fault that time does not mend.
        assert!(service.contains("\nRestartPreventExitStatus=2 65 66 70 73 78\n"));
        for line in [
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "CapabilityBoundingSet=",
            "ProtectHome=yes",
        ] {
            assert!(service.lines().any(|found| found == line), "{line}");
        }
    }

    #[test]
    fn publishing_writes_the_archive_with_its_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let binaries = checkout(folder.path());
        let archive = collect(folder.path(), &example(), &binaries).unwrap();
        let dist = folder.path().join("dist");
        let path = publish(&dist, &archive).unwrap();
        let sums = fs::read_to_string(dist.join("SHA256SUMS")).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(sums, archive::sums(&[(name, &fs::read(&path).unwrap())]));
        assert_eq!(fs::read_dir(&dist).unwrap().count(), 2, "nothing partial is left");
    }

    #[test]
    fn a_missing_schema_says_how_to_make_it() {
        let folder = tempfile::tempdir().unwrap();
        let binaries = checkout(folder.path());
        fs::remove_file(folder.path().join(SCHEMA)).unwrap();
        let error = collect(folder.path(), &example(), &binaries).unwrap_err();
        assert!(
            error
                .render()
                .ends_with("hint: write it with `cargo xtask codegen`\n")
        );
    }
}
