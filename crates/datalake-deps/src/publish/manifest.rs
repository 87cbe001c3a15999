//! The manifest of a version: which files it holds and what they were made of.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;
use serde::{Deserialize, Serialize};

use super::PublishError;
use crate::fingerprint::{sha256_hex, sha256_of_file};

/// Name of the manifest in a version's folder.
pub(super) const FILE_NAME: &str = "manifest.json";

/// What a version was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Name of the job.
    pub job: String,
    /// Version of the code.
    pub code_version: String,
    /// Combined fingerprint of the input files.
    pub input_fingerprint: String,
    /// Digest of the resolved config.
    pub config_fingerprint: String,
}

/// One file of a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedFile {
    /// Path below the output folder, with `/`: `theft_cases/part-0.parquet`.
    pub path: String,
    /// Rows by the footer of a Parquet file; none for other files.
    pub rows: Option<u64>,
    /// Length.
    pub bytes: u64,
    /// SHA-256 of the content, as `sha256sum` prints it.
    pub sha256: String,
}

/// What a version holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version's id: a digest of everything below.
    pub version: String,
    /// What it was made of.
    pub provenance: Provenance,
    /// Its files, by path.
    pub files: Vec<PublishedFile>,
}

impl Manifest {
    pub(super) fn new(provenance: Provenance, mut files: Vec<PublishedFile>) -> Result<Self, PublishError> {
        files.sort();
        let version = version_of(&provenance, &files)?;
        Ok(Self {
            version,
            provenance,
            files,
        })
    }

    /// The tables it holds: the outermost folders of its files.
    #[must_use]
    pub fn tables(&self) -> BTreeSet<&str> {
        self.files
            .iter()
            .filter_map(|file| Some(file.path.split_once('/')?.0))
            .collect()
    }

    pub(super) fn to_text(&self) -> Result<String, PublishError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| not_json(&error))?;
        Ok(text + "\n")
    }

    /// What the manifest of a version's folder says, whatever became of the files.
    pub(super) fn read_unchecked(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs_err::read(folder.join(FILE_NAME)).ok()?).ok()
    }

    /// Reads the manifest of a version's folder and checks it and every file against it; the error says what is
    /// damaged.
    pub(super) fn read_whole(folder: &Path) -> Result<Self, String> {
        let text = fs_err::read_to_string(folder.join(FILE_NAME)).map_err(|error| error.to_string())?;
        let manifest: Self =
            serde_json::from_str(&text).map_err(|error| format!("its manifest cannot be read: {error}"))?;
        let version = version_of(&manifest.provenance, &manifest.files).map_err(|error| error.to_string())?;
        if version != manifest.version {
            return Err("its manifest was changed".to_owned());
        }
        for file in &manifest.files {
            check(folder, file)?;
        }
        Ok(manifest)
    }
}

impl PublishedFile {
    /// Describes the file `path` below `folder`.
    pub(super) fn describe(folder: &Path, path: String) -> Result<Self, DescribeError> {
        let full = folder.join(&path);
        let (bytes, sha256) = sha256_of_file(&full)?;
        let rows = match full.extension() {
            Some(extension) if extension == "parquet" => Some(parquet_rows(&full)?),
            _ => None,
        };
        Ok(Self {
            path,
            rows,
            bytes,
            sha256,
        })
    }
}

/// Why a staged file cannot be described.
#[derive(Debug, thiserror::Error)]
pub(super) enum DescribeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Parquet(#[from] parquet::errors::ParquetError),
}

fn parquet_rows(path: &Path) -> Result<u64, DescribeError> {
    let reader = SerializedFileReader::new(fs_err::File::open(path)?.into_file())?;
    let rows = reader.metadata().file_metadata().num_rows();
    // A footer with a negative count would not have come from our writer.
    Ok(u64::try_from(rows).unwrap_or(0))
}

fn check(folder: &Path, file: &PublishedFile) -> Result<(), String> {
    let path = folder.join(&file.path);
    // The length first: it is free, and most damage shows in it.
    let length = fs_err::metadata(&path).map_err(|error| error.to_string())?.len();
    let same = length == file.bytes
        && sha256_of_file(&path).map_err(|error| error.to_string())? == (file.bytes, file.sha256.clone());
    if same {
        Ok(())
    } else {
        Err(format!("`{}` is not the file that was published", file.path))
    }
}

/// 32 hex digits over what the version holds and was made of: a run that repeats another gives the same id.
fn version_of(provenance: &Provenance, files: &[PublishedFile]) -> Result<String, PublishError> {
    let bytes = serde_json::to_vec(&(provenance, files)).map_err(|error| not_json(&error))?;
    let mut version = sha256_hex(&bytes);
    version.truncate(32);
    Ok(version)
}

fn not_json(error: &serde_json::Error) -> PublishError {
    PublishError::Bug(format!("a manifest cannot be written as JSON: {error}"))
}
