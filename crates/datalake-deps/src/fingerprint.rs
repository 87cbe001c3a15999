//! Fingerprints: whether an input is the one that the last run saw, without reading all of it.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Files up to this many bytes are read whole, and their time of change does not count.
const WHOLE_UP_TO_BYTES: u64 = 256 * 1024;

/// Of larger files this many bytes at the end are read: in Parquet the footer, which changes with every rewrite.
const TAIL_BYTES: u64 = 64 * 1024;

const NANOSECONDS: i64 = 1_000_000_000;

/// What a file looked like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Length in bytes.
    pub bytes: u64,
    /// Last change in nanoseconds since 1970 UTC; none where the whole content was digested.
    pub modified_ns: Option<i64>,
    /// SHA-256, lower-case hex: of the whole content up to 256 KiB, else of the last 64 KiB; of an object's tag where
    /// it lies in a store.
    pub sha256: String,
}

impl Fingerprint {
    /// Takes the fingerprint of a file.
    ///
    /// # Errors
    /// The I/O error, which names the path.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = fs_err::File::open(path)?;
        let metadata = file.metadata()?;
        let bytes = metadata.len();
        let whole = bytes <= WHOLE_UP_TO_BYTES;
        if !whole {
            file.seek(SeekFrom::Start(bytes - TAIL_BYTES))?;
        }
        let (_, sha256) = sha256_of_reader(file.take(if whole { bytes } else { TAIL_BYTES }))?;
        let modified_ns = metadata
            .mtime()
            .saturating_mul(NANOSECONDS)
            .saturating_add(metadata.mtime_nsec());
        Ok(Self {
            bytes,
            modified_ns: (!whole).then_some(modified_ns),
            sha256,
        })
    }
}

impl Fingerprint {
    /// The fingerprint of an object whose store marks each content by a tag.
    #[must_use]
    pub fn of_tag(bytes: u64, tag: &str) -> Self {
        Self {
            bytes,
            modified_ns: None,
            sha256: sha256_hex(tag.as_bytes()),
        }
    }
}

/// One fingerprint, 64 hex digits, of many named files; their order does not count.
pub fn combine<'a>(files: impl IntoIterator<Item = (&'a str, &'a Fingerprint)>) -> String {
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by_key(|(name, file)| (*name, file.bytes, file.modified_ns, file.sha256.as_str()));
    let mut hash = Sha256::new();
    for (name, file) in files {
        // The length before the name keeps `a` + `bc` and `ab` + `c` apart; the rest has one length.
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update(file.bytes.to_le_bytes());
        hash.update(file.modified_ns.unwrap_or(i64::MIN).to_le_bytes());
        hash.update(&file.sha256);
    }
    hex(&hash.finalize())
}

/// SHA-256 in lower-case hex, as `sha256sum` prints it.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Length and SHA-256 of a whole file.
///
/// # Errors
/// The I/O error, which names the path.
pub fn sha256_of_file(path: &Path) -> io::Result<(u64, String)> {
    sha256_of_reader(fs_err::File::open(path)?)
}

fn sha256_of_reader(mut reader: impl Read) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; TAIL_BYTES as usize];
    let mut length = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((length, hex(&hash.finalize()))),
            Ok(count) => {
                hash.update(&buffer[..count]);
                length += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| char::from(DIGITS[usize::from(half)]))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, SystemTime};

    use fs_err as fs;

    use super::*;

    fn set_time(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, 5);
        std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    }

    #[test]
    fn sha256_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn small_files_are_known_by_content_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, vec![7; 256 * 1024]).unwrap();
        set_time(&path, 1000);
        let first = Fingerprint::of_file(&path).unwrap();
        set_time(&path, 2000);
        assert_eq!(Fingerprint::of_file(&path).unwrap(), first);
        assert_eq!(first.modified_ns, None);
        assert_eq!(first.sha256, sha256_hex(&vec![7; 256 * 1024]));
        assert_eq!(sha256_of_file(&path).unwrap(), (256 * 1024, first.sha256));
    }

    #[test]
    fn large_files_are_known_by_size_time_and_tail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut content = vec![7; 256 * 1024 + 1];
        fs::write(&path, &content).unwrap();
        set_time(&path, 1000);
        let first = Fingerprint::of_file(&path).unwrap();
        assert_eq!(first.bytes, 256 * 1024 + 1);
        assert_eq!(first.modified_ns, Some(1_000_000_000_005));
        assert_eq!(first.sha256, sha256_hex(&vec![7; 64 * 1024]));
        // The first byte of the tail counts, the one before does not.
        let tail = content.len() - 64 * 1024;
        content[tail - 1] = 8;
        fs::write(&path, &content).unwrap();
        set_time(&path, 1000);
        assert_eq!(Fingerprint::of_file(&path).unwrap(), first);
        content[tail] = 8;
        fs::write(&path, &content).unwrap();
        set_time(&path, 1000);
        assert_ne!(Fingerprint::of_file(&path).unwrap(), first);
    }

    #[test]
    fn the_combined_one_heeds_names_and_every_field_but_no_order() {
        let one = Fingerprint {
            bytes: 1,
            modified_ns: Some(2),
            sha256: sha256_hex(b"x"),
        };
        let two = Fingerprint {
            bytes: 2,
            modified_ns: None,
            sha256: sha256_hex(b"x"),
        };
        let all = combine([("a", &one), ("b", &two)]);
        assert_eq!(all.len(), 64);
        assert_eq!(combine([("b", &two), ("a", &one)]), all);
        let others = [
            combine([("a", &one)]),
            combine([("a", &two), ("b", &one)]),
            combine([("a", &one), ("c", &two)]),
            combine([
                (
                    "a",
                    &Fingerprint {
                        modified_ns: Some(3),
                        ..one.clone()
                    },
                ),
                ("b", &two),
            ]),
            combine([
                (
                    "a",
                    &Fingerprint {
                        bytes: 3,
                        ..one.clone()
                    },
                ),
                ("b", &two),
            ]),
            combine([
                (
                    "a",
                    &Fingerprint {
                        sha256: sha256_hex(b"y"),
                        ..one.clone()
                    },
                ),
                ("b", &two),
            ]),
        ];
        assert!(others.iter().all(|other| *other != all));
    }
}
