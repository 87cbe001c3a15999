//! The steps from staged tables to published ones; [the module](super) says why their order is safe.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::symlink;

use super::manifest::{DescribeError, FILE_NAME};
use super::output::{CURRENT, LOCK, PREVIOUS, TableLink};
use super::remote::RemoteOutput;
use super::{Manifest, Output, Provenance, PublishError, PublishedFile};
use crate::atomic_file::sync;

const STAGING: &str = ".staging";
const NEW_LINK: &str = ".new-link";

/// Tables on their way. Dropped unpublished, they are removed.
#[derive(Debug)]
pub struct Staging<'a> {
    output: &'a Output,
    tables: BTreeSet<String>,
    /// Where the output is in an object store: what publishes there, and the folder where tables wait.
    remote: Option<(&'a RemoteOutput, &'a Path)>,
}

impl<'a> Staging<'a> {
    pub(super) fn new(
        output: &'a Output,
        tables: &[&str],
        remote: Option<(&'a RemoteOutput, &'a Path)>,
    ) -> Result<Self, PublishError> {
        for table in tables {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if table.is_empty() || !table.chars().all(plain) {
                return Err(PublishError::Bug(format!("`{table}` is no name of a table")));
            }
            if remote.is_none() && output.link(table) == TableLink::Foreign {
                return Err(PublishError::Foreign {
                    path: output.folder().join(table),
                });
            }
        }
        let staging = Self {
            output,
            tables: tables.iter().map(|&table| table.to_owned()).collect(),
            remote,
        };
        let error = |source| output.step("stage tables", source);
        remove_all(&staging.folder()).map_err(error)?;
        fs::create_dir(staging.folder()).map_err(error)?;
        Ok(staging)
    }

    /// The folder that the files of `table` belong in; it is made here. All files in it are published, also
    /// those of sub-folders (`day=2024-01-31/part-0.parquet`).
    ///
    /// # Errors
    /// [`PublishError::Bug`] for a table that was not announced, [`PublishError::Step`] for an I/O error.
    pub fn table_folder(&self, table: &str) -> Result<PathBuf, PublishError> {
        if !self.tables.contains(table) {
            return Err(PublishError::Bug(format!(
                "the table `{table}` was not announced"
            )));
        }
        let folder = self.folder().join(table);
        fs::create_dir_all(&folder).map_err(|source| self.output.step("stage tables", source))?;
        Ok(folder)
    }

    /// Where a table of one file is written: `part-0.parquet` in [`Staging::table_folder`].
    ///
    /// # Errors
    /// As [`Staging::table_folder`].
    pub fn table_path(&self, table: &str) -> Result<PathBuf, PublishError> {
        Ok(self.table_folder(table)?.join("part-0.parquet"))
    }

    /// Publishes all tables in one step and removes what is older than the version before.
    ///
    /// # Errors
    /// Any [`PublishError`]; what was published before is whole then.
    pub fn publish(self, provenance: Provenance) -> Result<Manifest, PublishError> {
        let sealed = self.seal(provenance)?;
        if let Some((remote, staged)) = sealed.staging.remote {
            remote.publish(&staged.join(STAGING), &sealed.manifest)?;
            return Ok(sealed.manifest);
        }
        for step in Sealed::STEPS {
            step(&sealed)?;
        }
        Ok(sealed.manifest)
    }

    /// Syncs and digests every file, then writes the manifest.
    pub(super) fn seal(self, provenance: Provenance) -> Result<Sealed<'a>, PublishError> {
        let error = |source| self.output.step("seal the staged tables", source);
        let folder = self.folder();
        let (files, folders) = list(&folder).map_err(error)?;
        let staged: BTreeSet<_> = files
            .iter()
            .filter_map(|file| Some(file.split_once('/')?.0))
            .collect();
        if staged.len() != self.tables.len() {
            let missing: Vec<_> = self
                .tables
                .iter()
                .filter(|t| !staged.contains(t.as_str()))
                .cloned()
                .collect();
            return Err(PublishError::Bug(format!(
                "nothing was staged for {}",
                missing.join(", ")
            )));
        }
        let mut described = Vec::with_capacity(files.len());
        for path in files {
            let full = folder.join(&path);
            sync(&full).map_err(error)?;
            described.push(
                PublishedFile::describe(&folder, path).map_err(|fault| match fault {
                    DescribeError::Io(source) => error(source),
                    DescribeError::Parquet(source) => PublishError::NotParquet { path: full, source },
                })?,
            );
        }
        for inner in folders {
            sync(&inner).map_err(error)?;
        }
        let manifest = Manifest::new(provenance, described)?;
        crate::atomic_file::write(&folder.join(FILE_NAME), manifest.to_text()?.as_bytes()).map_err(error)?;
        let version = match self.remote {
            Some(_) => PathBuf::from(&manifest.version),
            None => self.free_or_same(&manifest),
        };
        Ok(Sealed {
            staging: self,
            manifest,
            version,
        })
    }

    /// The folder name for this version: its id, or the id with a number where that name is taken by a damaged
    /// version that readers may still have open.
    fn free_or_same(&self, manifest: &Manifest) -> PathBuf {
        let usable = |name: &PathBuf| {
            let folder = self.output.versions().join(name);
            !folder.exists() || Manifest::read_whole(&folder).is_ok_and(|other| other == *manifest)
        };
        let id = &manifest.version;
        let numbered = (2_u64..).map(|number| PathBuf::from(format!("{id}-{number}")));
        let mut names = std::iter::once(PathBuf::from(id)).chain(numbered);
        names.find(usable).unwrap_or_else(|| PathBuf::from(id))
    }

    fn folder(&self) -> PathBuf {
        match self.remote {
            Some((_, staged)) => staged.join(STAGING),
            None => self.output.versions().join(STAGING),
        }
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = remove_all(&self.folder());
    }
}

/// Staged tables with their manifest.
pub(super) struct Sealed<'a> {
    staging: Staging<'a>,
    manifest: Manifest,
    version: PathBuf,
}

type Step = fn(&Sealed<'_>) -> Result<(), PublishError>;

impl Sealed<'_> {
    /// What is left to do, in this order.
    pub(super) const STEPS: [Step; 5] = [
        |sealed| sealed.place(),
        |sealed| sealed.staging.output.make_links(sealed.manifest.tables()),
        |sealed| sealed.remember(),
        |sealed| sealed.switch(),
        |sealed| {
            sealed.clean();
            Ok(())
        },
    ];

    fn place(&self) -> Result<(), PublishError> {
        let versions = self.staging.output.versions();
        let target = versions.join(&self.version);
        let placed = if target.exists() {
            // The very same version is there and whole: what was staged goes when the staging is dropped.
            Ok(())
        } else {
            fs::rename(self.staging.folder(), target).and_then(|()| sync(&versions))
        };
        placed.map_err(|error| self.staging.output.step("place a version", error))
    }

    fn remember(&self) -> Result<(), PublishError> {
        match self.staging.output.link_target(CURRENT) {
            Some(current) if current != self.version => self.point(PREVIOUS, &current),
            _ => Ok(()),
        }
    }

    fn switch(&self) -> Result<(), PublishError> {
        self.point(CURRENT, &self.version)
    }

    /// Replaces a link in one step; a link that points there already is left alone.
    fn point(&self, name: &str, target: &Path) -> Result<(), PublishError> {
        let output = self.staging.output;
        if output.link_target(name).is_some_and(|present| present == target) {
            return Ok(());
        }
        let (versions, new_link) = (output.versions(), output.versions().join(NEW_LINK));
        remove_all(&new_link)
            .and_then(|()| symlink(target, &new_link))
            .and_then(|()| fs::rename(&new_link, versions.join(name)))
            .and_then(|()| sync(&versions))
            .map_err(|error| output.step("switch to the new version", error))
    }

    /// What cannot be removed is only in the way: the tables are published, so a warning has to do.
    fn clean(&self) {
        let output = self.staging.output;
        let kept = [
            PathBuf::from(LOCK),
            CURRENT.into(),
            PREVIOUS.into(),
            self.version.clone(),
        ];
        let previous = output.link_target(PREVIOUS);
        let old_versions = names(&output.versions())
            .into_iter()
            .filter(|name| !kept.contains(name) && previous.as_ref() != Some(name))
            .map(|name| output.versions().join(name));
        let tables = self.manifest.tables();
        let old_links = names(output.folder())
            .into_iter()
            .filter_map(|name| name.into_os_string().into_string().ok())
            .filter(|name| !tables.contains(name.as_str()) && output.link(name) == TableLink::Ours)
            .map(|name| output.folder().join(name));
        for path in old_versions.chain(old_links) {
            if let Err(error) = remove_all(&path) {
                tracing::warn!(
                    "cannot remove `{}`, which is no longer needed: {error}",
                    path.display()
                );
            }
        }
    }
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| PathBuf::from(entry.file_name())).collect()
}

/// Removes what a run staged and did not publish.
pub(super) fn clear(versions: &Path) -> io::Result<()> {
    remove_all(&versions.join(STAGING))
}

/// Removes a file, a link or a folder with all it holds; what is not there is removed already.
fn remove_all(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// All files below `folder` as sorted paths with `/`, and all folders, the innermost first.
fn list(folder: &Path) -> io::Result<(Vec<String>, Vec<PathBuf>)> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    let mut open = vec![(String::new(), folder.to_owned())];
    while let Some((prefix, folder)) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|name| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the file name {} is not UTF-8", name.display()),
                )
            })?;
            if entry.file_type()?.is_dir() {
                open.push((format!("{prefix}{name}/"), entry.path()));
            } else {
                files.push(format!("{prefix}{name}"));
            }
        }
        folders.push(folder);
    }
    files.sort();
    folders.reverse();
    Ok((files, folders))
}
