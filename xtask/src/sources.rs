//! The project's own files: what is committed, or would be.

use std::path::Path;
use std::process::Command;

use fs_err as fs;

use crate::error::Result;
use crate::process;

/// Paths of all files below `root`, sorted, with `/`. Ignored files, and links, are none of ours.
pub(crate) fn list(root: &Path) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.current_dir(root);
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = process::output(&mut command)?;
    let mut files: Vec<String> = list
        .split(|byte| *byte == 0)
        .map(|path| String::from_utf8_lossy(path).into_owned())
        // A file removed but not yet committed is still listed.
        .filter(|path| root.join(path).is_file() && !root.join(path).is_symlink())
        .collect();
    files.sort_unstable();
    files.dedup();
    Ok(files)
}

/// Copies all of them to the folder `to`.
pub(crate) fn copy(root: &Path, to: &Path) -> Result<()> {
    for name in list(root)? {
        let target = to.join(&name);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(root.join(name), target)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_and_removed_files_are_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("a")).unwrap();
        let git =
            |arguments: &[&str]| process::output(Command::new("git").current_dir(&from).args(arguments));
        git(&["init", "--quiet"]).unwrap();
        for name in ["a/b.rs", "c.txt", "gone", "target"] {
            fs::write(from.join(name), name).unwrap();
        }
        fs::write(from.join(".gitignore"), "/target\n").unwrap();
        git(&["add", "gone"]).unwrap();
        fs::remove_file(from.join("gone")).unwrap();
        assert_eq!(list(&from).unwrap(), [".gitignore", "a/b.rs", "c.txt"]);
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/b.rs")).unwrap(), "a/b.rs");
        assert!(!to.join("target").exists());
    }
}
