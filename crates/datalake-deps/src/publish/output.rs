//! An output folder: what is published there, and the lock of the run that writes.

use std::fs::TryLockError;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Component, Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::symlink;

use super::remote::RemoteOutput;
use super::staging::clear;
use super::{Manifest, PublishError, Staging};
use crate::store::{self, Located, Object};

pub(super) const VERSIONS: &str = ".versions";
pub(super) const CURRENT: &str = "current";
pub(super) const PREVIOUS: &str = "previous";
pub(super) const LOCK: &str = ".lock";

/// The folder that a job publishes its tables in. Looking at it changes nothing; [`Output::lock`] does.
#[derive(Debug, Clone)]
pub struct Output {
    folder: PathBuf,
    /// Where the output is in an object store.
    remote: Option<Object>,
}

impl Output {
    /// The output at `folder`, which need not be there yet.
    ///
    /// # Errors
    /// [`PublishError::Url`] for a URL that this program cannot use, [`PublishError::Folder`] where the path is something
    /// else than a folder.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, PublishError> {
        let folder = folder.into();
        store::check(&folder).map_err(PublishError::Url)?;
        let folder = match store::locate(&folder) {
            Ok(Located::Local(path)) => path.into_owned(),
            Ok(Located::Object(object)) => {
                return Ok(Self {
                    folder: object.url().into(),
                    remote: Some(object),
                });
            }
            Err(source) => return Err(PublishError::Folder { folder, source }),
        };
        match fs::metadata(&folder) {
            Ok(metadata) if !metadata.is_dir() => {
                let source = io::Error::from(io::ErrorKind::NotADirectory);
                Err(PublishError::Folder { folder, source })
            }
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(PublishError::Folder { folder, source })
            }
            _ => Ok(Self { folder, remote: None }),
        }
    }

    /// The output folder, or its URL.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the published version, for readers that want several tables of one version; none where
    /// nothing is published.
    #[must_use]
    pub fn current(&self) -> Option<PathBuf> {
        Some(self.versions().join(self.link_target(CURRENT)?))
    }

    /// The job whose tables are published, as their manifest says; the tables themselves are not looked at.
    ///
    /// # Errors
    /// [`PublishError::Step`] where an object store does not tell.
    pub fn published_job(&self) -> Result<Option<String>, PublishError> {
        if let Some(root) = &self.remote {
            return RemoteOutput::job(root);
        }
        let manifest = self
            .current()
            .and_then(|folder| Manifest::read_unchecked(&folder));
        Ok(manifest.map(|manifest| manifest.provenance.job))
    }

    /// The manifest of what is published, after checking the size and SHA-256 of every file and that every
    /// table's link is in place. None where nothing is published, or where it is damaged: the log says what.
    #[must_use]
    pub fn published(&self) -> Option<Manifest> {
        let manifest = self.published_files()?;
        let unlinked = manifest
            .tables()
            .into_iter()
            .find(|table| !matches!(self.link(table), TableLink::Ours));
        match unlinked {
            None => Some(manifest),
            Some(table) => {
                tracing::warn!(
                    "the table `{table}` is published but not linked in {}",
                    self.folder.display()
                );
                None
            }
        }
    }

    /// Takes the output for this run; the lock ends when the value is dropped or the process dies. Of an output in an
    /// object store it only notes what is published: who publishes first wins there. `scratch` is where its tables wait.
    ///
    /// # Errors
    /// [`PublishError::Locked`] where another run holds it, [`PublishError::Folder`] where it cannot be made,
    /// [`PublishError::NoConditions`] where the object store could let two runs win.
    pub fn lock(&self, run_id: &str, scratch: &Path) -> Result<OutputLock<'_>, PublishError> {
        if let Some(root) = &self.remote {
            let remote = RemoteOutput::open(root, run_id)?;
            let scratch = tempfile::Builder::new().prefix("staged-").tempdir_in(scratch);
            let staged = scratch.map_err(|source| PublishError::Folder {
                folder: self.folder.clone(),
                source,
            })?;
            return Ok(OutputLock {
                output: self,
                held: Held::Remote {
                    remote: Box::new(remote),
                    staged,
                },
            });
        }
        let folder_error = |source| PublishError::Folder {
            folder: self.folder.clone(),
            source,
        };
        fs::create_dir_all(self.versions()).map_err(folder_error)?;
        // Never removed: a second run could hold the removed file and a third lock a new one.
        let mut file = std::fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.versions().join(LOCK))
            .map_err(folder_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder may be writing its name just now: then it stays unnamed.
                let _ = file.take(200).read_to_string(&mut holder);
                if holder.is_empty() {
                    "a run that has just started".clone_into(&mut holder);
                }
                return Err(PublishError::Locked {
                    folder: self.folder.clone(),
                    holder,
                });
            }
            Err(TryLockError::Error(source)) => return Err(folder_error(source)),
        }
        let note = format!("run {run_id}, process {}", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .map_err(folder_error)?;
        file.write_all(note.as_bytes()).map_err(folder_error)?;
        // What a killed run left; the run that finds nothing to do would never come to staging.
        clear(&self.versions()).map_err(folder_error)?;
        Ok(OutputLock {
            output: self,
            held: Held::Local(file),
        })
    }

    pub(super) fn versions(&self) -> PathBuf {
        self.folder.join(VERSIONS)
    }

    /// The version that `current` or `previous` points to. A link that leads out of the folder counts as none.
    pub(super) fn link_target(&self, name: &str) -> Option<PathBuf> {
        let target = fs::read_link(self.versions().join(name)).ok()?;
        let plain = matches!(
            target.components().collect::<Vec<_>>()[..],
            [Component::Normal(_)]
        );
        plain.then_some(target)
    }

    /// What stands where the link of `table` belongs.
    pub(super) fn link(&self, table: &str) -> TableLink {
        let path = self.folder.join(table);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => TableLink::Missing,
            Ok(_) if fs::read_link(&path).is_ok_and(|target| target == link_to(table)) => TableLink::Ours,
            _ => TableLink::Foreign,
        }
    }

    /// Makes the links of these tables where they are missing.
    pub(super) fn make_links<'a>(
        &self,
        tables: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), PublishError> {
        for table in tables {
            let path = self.folder.join(table);
            match self.link(table) {
                TableLink::Ours => {}
                TableLink::Foreign => return Err(PublishError::Foreign { path }),
                TableLink::Missing => {
                    symlink(link_to(table), path).map_err(|error| self.step("link a table", error))?;
                }
            }
        }
        crate::atomic_file::sync(&self.folder).map_err(|error| self.step("link a table", error))
    }

    pub(super) fn step(&self, step: &'static str, source: io::Error) -> PublishError {
        PublishError::Step {
            step,
            folder: self.folder.clone(),
            source,
        }
    }

    fn published_files(&self) -> Option<Manifest> {
        let folder = self.current()?;
        match Manifest::read_whole(&folder) {
            Ok(manifest) => Some(manifest),
            Err(reason) => {
                tracing::warn!(
                    "the tables published in {} are damaged: {reason}",
                    self.folder.display()
                );
                None
            }
        }
    }
}

/// What stands where a table's link belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableLink {
    Missing,
    Ours,
    Foreign,
}

/// The target of a table's link; relative, so that the output folder can be moved.
pub(super) fn link_to(table: &str) -> PathBuf {
    Path::new(VERSIONS).join(CURRENT).join(table)
}

/// The right to write to an output, held by one run at a time.
#[derive(Debug)]
pub struct OutputLock<'a> {
    output: &'a Output,
    pub(super) held: Held,
}

/// What a run has in hand.
#[derive(Debug)]
pub(super) enum Held {
    /// The locked file.
    Local(std::fs::File),
    /// What it found in the object store, and where its tables wait.
    Remote {
        remote: Box<RemoteOutput>,
        staged: tempfile::TempDir,
    },
}

impl OutputLock<'_> {
    /// As [`Output::published`], but puts back links of tables that are missing.
    ///
    /// # Errors
    /// [`PublishError::Foreign`] where something else stands in a link's place.
    pub fn published(&self) -> Result<Option<Manifest>, PublishError> {
        if let Held::Remote { remote, .. } = &self.held {
            return remote.published();
        }
        let Some(manifest) = self.output.published_files() else {
            return Ok(None);
        };
        self.output.make_links(manifest.tables())?;
        Ok(Some(manifest))
    }

    /// An empty place for these tables. Two at once are not possible: this borrows the lock.
    ///
    /// # Errors
    /// [`PublishError::Foreign`] where a table's link cannot be made: better before the work than after it.
    pub fn stage(&mut self, tables: &[&str]) -> Result<Staging<'_>, PublishError> {
        let remote = match &self.held {
            Held::Local(_) => None,
            Held::Remote { remote, staged } => Some((&**remote, staged.path())),
        };
        Staging::new(self.output, tables, remote)
    }
}

impl Drop for OutputLock<'_> {
    fn drop(&mut self) {
        // Closing would not do where another thread is just starting a process: until that has begun its program,
        // it holds a copy of the file and with it the lock.
        if let Held::Local(file) = &self.held {
            let _ = file.unlock();
        }
    }
}
