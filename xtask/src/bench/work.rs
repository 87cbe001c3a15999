//! What a run of the job did, as its own record tells.

use std::path::Path;

use fs_err as fs;
use serde::Deserialize;

use crate::error::{Error, Result};

/// The parts of `run.json` that the figures need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    /// Rows of measurements read.
    pub(crate) rows: u64,
    /// Bytes written to the spill folder.
    pub(crate) spilled_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Record {
    rows: Rows,
    spilled_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Rows {
    read: u64,
}

impl Work {
    /// Reads the record in the job's output folder.
    pub(crate) fn read(output: &Path) -> Result<Self> {
        let path = output.join("run.json");
        let record: Record = serde_json::from_slice(&fs::read(&path)?).map_err(|source| Error::Output {
            command: format!("theft-detection` in `{}", path.display()),
            source: source.into(),
        })?;
        Ok(Self {
            rows: record.rows.read,
            spilled_bytes: record.spilled_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_and_the_spill_of_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            fs::write(folder.path().join("run.json"), text).unwrap();
            Work::read(folder.path())
        };
        let work = read(r#"{"job": "a", "rows": {"read": 7, "used": 6}, "spilled_bytes": 5}"#).unwrap();
        assert_eq!((work.rows, work.spilled_bytes), (7, Some(5)));
        assert_eq!(read(r#"{"rows": {"read": 7}}"#).unwrap().spilled_bytes, None);
        assert!(read(r#"{"rows": null}"#).is_err());
    }
}
