//! The report's file: refused before the work begins where it cannot be written, and there whole or not at all.

use std::path::{Path, PathBuf};

use datalake_deps::store::{self, Located};
use fs_err as fs;

use crate::theft_detection::error::JobError;

/// Fails where the file could not be written: its folder is not there or shut, or the path is a folder.
pub(in crate::theft_detection) fn check(path: &Path) -> Result<(), JobError> {
    let cannot = |source: std::io::Error| JobError::Report {
        path: path.to_owned(),
        source,
    };
    let path = match store::locate(path).map_err(cannot)? {
        Located::Local(path) => path,
        Located::Object(object) if object.key().is_empty() => {
            return Err(cannot(std::io::ErrorKind::IsADirectory.into()));
        }
        // Whether it may be written shows when it is.
        Located::Object(_) => return Ok(()),
    };
    if path.file_name().is_none() || path.is_dir() {
        return Err(cannot(std::io::ErrorKind::IsADirectory.into()));
    }
    let folder = folder_of(&path);
    if !fs::metadata(&folder).map_err(cannot)?.is_dir() {
        return Err(cannot(std::io::ErrorKind::NotADirectory.into()));
    }
    // Gone again as soon as it is made.
    tempfile::tempfile_in(&folder).map(drop).map_err(cannot)
}

/// Writes the file over the one that is there, and says where it is; nothing where none was asked for.
pub(in crate::theft_detection) fn write(path: Option<&Path>, html: Option<&str>) -> Result<String, JobError> {
    let (Some(path), Some(html)) = (path, html) else {
        return Ok(String::new());
    };
    store::write(path, html.as_bytes()).map_err(|source| JobError::Report {
        path: path.to_owned(),
        source,
    })?;
    Ok(format!("report in {}\n", path.display()))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
