//! Files that are there whole or not at all.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use fs_err as fs;

const SUFFIX: &str = ".tmp";

/// A temporary file of this age belongs to no living run: writing one takes milliseconds.
const STALE: Duration = Duration::from_hours(1);

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, also after a crash or a power cut:
/// a temporary file beside it, synced, renamed over it, and the folder synced.
///
/// # Errors
/// The I/O error of the step that failed; the old file is whole then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or("file");
    let prefix = format!(".{name}.");
    remove_stale(folder, &prefix);
    let mut file = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(SUFFIX)
        // The usual permissions, less the umask; the default of a temporary file shuts other users out.
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync(folder)
}

/// Makes sure that a file's content, or a folder's list of names, survives a power cut.
///
/// # Errors
/// The I/O error.
pub fn sync(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Removes what killed runs left; failing is no reason not to write.
fn remove_stale(folder: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(prefix) && name.ends_with(SUFFIX));
        let age = || {
            entry
                .metadata()
                .and_then(|data| data.modified())
                .ok()?
                .elapsed()
                .ok()
        };
        if ours && age().is_some_and(|age| age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::SystemTime;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_new_content_replaces_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["run.json"]);
        // Readable as any other file that the process makes.
        fs::write(folder.path().join("plain"), b"").unwrap();
        let mode = |name: &str| {
            fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("run.json"), mode("plain"));
    }

    #[test]
    fn only_old_leftovers_of_the_same_file_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".run.json.old.tmp", ".run.json.new.tmp", ".other.json.old.tmp"] {
            fs::write(folder.path().join(name), b"").unwrap();
            if name.contains("old") {
                let file = std::fs::File::options()
                    .write(true)
                    .open(folder.path().join(name))
                    .unwrap();
                file.set_modified(SystemTime::now() - Duration::from_mins(61))
                    .unwrap();
            }
        }
        write(&folder.path().join("run.json"), b"x").unwrap();
        assert_eq!(
            names(folder.path()),
            [".other.json.old.tmp", ".run.json.new.tmp", "run.json"]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        assert!(write(Path::new("/nonexistent/run.json"), b"x").is_err());
    }
}
