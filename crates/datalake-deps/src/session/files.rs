//! The files that a job is given, and which of them is its config.

use std::path::{Path, PathBuf};

use super::SessionError;
use crate::store;

/// A file whose name ends so is the job's config.
const CONFIG_SUFFIX: &str = "config.json";

/// The config among `files`, or the one given by `config`.
pub(super) fn find_config(files: &[PathBuf], config: Option<&Path>) -> Result<Option<PathBuf>, SessionError> {
    let named = |path: &&Path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.ends_with(CONFIG_SUFFIX))
    };
    let mut candidates = config
        .into_iter()
        .chain(files.iter().map(PathBuf::as_path).filter(named));
    let Some(first) = candidates.next() else {
        return Ok(None);
    };
    // The same file twice is one file.
    match candidates.find(|other| *other != first) {
        None => Ok(Some(first.to_owned())),
        Some(second) => Err(SessionError::TwoConfigs {
            first: first.to_owned(),
            second: second.to_owned(),
        }),
    }
}

/// Refuses files that are not there, before hours of work.
pub(super) fn check(files: &[PathBuf]) -> Result<(), SessionError> {
    for path in files {
        store::exists(path).map_err(|source| SessionError::File {
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diagnostic::render;

    fn find(files: &[&str], config: Option<&str>) -> Result<Option<PathBuf>, SessionError> {
        let files: Vec<_> = files.iter().map(PathBuf::from).collect();
        find_config(&files, config.map(Path::new))
    }

    #[test]
    fn the_end_of_the_name_makes_the_config() {
        let found = |files: &[&str]| find(files, None).unwrap().map(|path| path.display().to_string());
        assert_eq!(
            found(&["a.csv", "configs/datalake_config.json"]).as_deref(),
            Some("configs/datalake_config.json")
        );
        assert_eq!(found(&["config.json"]).as_deref(), Some("config.json"));
        assert_eq!(
            found(&["config.json/a.csv", "config.json.bak", "Config.JSON"]),
            None
        );
        assert_eq!(found(&[]), None);
        assert_eq!(find(&["a.csv"], Some("any.txt")).unwrap(), Some("any.txt".into()));
        assert_eq!(
            find(&["x/config.json"], Some("x/config.json")).unwrap(),
            Some("x/config.json".into())
        );
    }

    #[test]
    fn two_configs_are_both_named() {
        insta::assert_snapshot!(render(&find(&["a/config.json", "b_config.json"], None).unwrap_err()), @r"
        error: both `a/config.json` and `b_config.json` could be the job's config
        hint: give one config: by `--config`, or among `--files`
        ");
        assert!(find(&["a/config.json"], Some("b.json")).is_err());
    }
}
