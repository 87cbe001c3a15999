//! A folder for what does not fit into memory, which goes with the session, or with the next one after a kill.
//!
//! Beside the folder `datalake-spill-RUN` lies the file `datalake-spill-RUN.lock`, which the session holds locked.
//! The system takes the lock back from a dead process, so a lock that can be had marks what nobody uses; unlike a
//! process id it is never given to another.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;

const PREFIX: &str = "datalake-spill-";
const LOCK_SUFFIX: &str = ".lock";

/// The folder of one session; dropping it removes folder and lock file.
#[derive(Debug)]
pub(super) struct SpillFolder {
    path: PathBuf,
    // Dropping the file ends the lock.
    _lock: File,
}

impl SpillFolder {
    /// Makes the folder of this run in `base`, after removing those of dead ones.
    pub(super) fn create(base: &Path, run_id: &str) -> io::Result<Self> {
        fs::create_dir_all(base)?;
        remove_stale(base);
        let path = base.join(format!("{PREFIX}{run_id}"));
        let lock = lock_new(&lock_path(&path))?;
        // Readings are personal data: no other user may look in.
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by a later session.
        remove(&self.path);
    }
}

fn lock_path(folder: &Path) -> PathBuf {
    let mut path = folder.as_os_str().to_owned();
    path.push(LOCK_SUFFIX);
    PathBuf::from(path)
}

/// Makes and locks a lock file. A cleaner that came between the two steps took the file for a dead one and removed
/// it: then the file at the path is another or none, and a new one is made.
fn lock_new(path: &Path) -> io::Result<File> {
    loop {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        file.lock()?;
        match fs::metadata(path) {
            Ok(there) if there.ino() == file.metadata()?.ino() => return Ok(file),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
}

fn remove_stale(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_suffix(LOCK_SUFFIX)) else {
            continue;
        };
        if name.starts_with(PREFIX) {
            // Another user's file cannot be opened or its folder not removed: that is that user's business.
            let lock = fs_err::File::open(entry.path())
                .ok()
                .filter(|file| file.try_lock().is_ok());
            if lock.is_some() {
                remove(&base.join(name));
            }
        }
    }
}

/// The folder before its lock file, so that a kill in between leaves the mark.
fn remove(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!("cannot remove a spill folder: {error}");
        }
        _ => {
            let _ = fs::remove_file(lock_path(folder));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(base: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(base)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_goes_with_its_session() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().join("deep/spill");
        let spill = SpillFolder::create(&base, "1").unwrap();
        assert_eq!(
            fs::metadata(spill.path()).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::create_dir(spill.path().join("sub")).unwrap();
        fs::write(spill.path().join("sub/file"), "x").unwrap();
        drop(spill);
        assert!(names(&base).is_empty());
    }

    #[test]
    fn folders_of_dead_sessions_go_and_those_of_living_ones_stay() {
        let base = tempfile::tempdir().unwrap();
        let living = SpillFolder::create(base.path(), "living").unwrap();
        // What a killed session leaves: folder and lock file, but no lock.
        fs::create_dir(base.path().join("datalake-spill-dead")).unwrap();
        fs::write(base.path().join("datalake-spill-dead/file"), "x").unwrap();
        fs::write(base.path().join("datalake-spill-dead.lock"), "").unwrap();
        fs::write(base.path().join("datalake-spill-half.lock"), "").unwrap();
        fs::create_dir(base.path().join("other-dead")).unwrap();
        fs::write(base.path().join("other-dead.lock"), "").unwrap();
        let new = SpillFolder::create(base.path(), "new").unwrap();
        let expected = [
            "datalake-spill-living",
            "datalake-spill-living.lock",
            "datalake-spill-new",
            "datalake-spill-new.lock",
            "other-dead",
            "other-dead.lock",
        ];
        assert_eq!(names(base.path()), expected);
        drop((living, new));
        assert_eq!(names(base.path()), ["other-dead", "other-dead.lock"]);
    }

    #[test]
    fn many_at_once_do_not_remove_each_other() {
        let base = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let base = base.path();
                scope.spawn(move || {
                    for round in 0..50 {
                        let spill = SpillFolder::create(base, &format!("{thread}-{round}")).unwrap();
                        fs::write(spill.path().join("file"), "x").unwrap();
                        assert!(spill.path().join("file").exists());
                    }
                });
            }
        });
        assert!(names(base.path()).is_empty());
    }
}
