//! A gzipped tar whose bytes are a function of its entries alone.
//!
//! Entries are sorted by name, owned by 0:0, dated 1970-01-01, with mode 755 for programs and 644 for the rest;
//! the gzip header carries neither time nor file name.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use flate2::{Compression, GzBuilder};
use fs_err as fs;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The list of checksums inside the archive.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// What goes into the archive, by name below its top folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Archive {
    name: String,
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    bytes: Vec<u8>,
    program: bool,
}

impl Archive {
    /// An empty archive; `name` is its top folder.
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            entries: BTreeMap::new(),
        }
    }

    /// Its top folder, and its file's name without the ending.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    #[cfg(test)]
    pub(crate) fn names(&self) -> Vec<&str> {
        self.entries.keys().map(String::as_str).collect()
    }

    /// Adds bytes under a name.
    pub(crate) fn add(&mut self, name: &str, bytes: Vec<u8>, program: bool) {
        self.entries.insert(name.to_owned(), Entry { bytes, program });
    }

    /// Adds a file under a name.
    pub(crate) fn add_file(&mut self, name: &str, path: &Path, program: bool) -> Result<()> {
        self.add(name, fs::read(path)?, program);
        Ok(())
    }

    /// Adds the checksums of all entries, in the form that `sha256sum --check` reads.
    pub(crate) fn seal(&mut self) {
        let listed: Vec<(&str, &[u8])> = self
            .entries
            .iter()
            .map(|(name, entry)| (name.as_str(), entry.bytes.as_slice()))
            .collect();
        let sums = sums(&listed);
        self.add(SUMS, sums.into_bytes(), false);
    }

    /// The file's bytes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let gzip = GzBuilder::new()
            .mtime(0)
            .write(Vec::new(), Compression::default());
        let mut tar = tar::Builder::new(gzip);
        for (name, entry) in &self.entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(entry.bytes.len() as u64);
            header.set_mode(if entry.program { 0o755 } else { 0o644 });
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            tar.append_data(
                &mut header,
                format!("{}/{name}", self.name),
                entry.bytes.as_slice(),
            )?;
        }
        Ok(tar.into_inner()?.finish()?)
    }

    /// Fails with the first entry that differs from the other archive's.
    pub(crate) fn must_equal(&self, other: &Self) -> Result<()> {
        let digest = |archive: &Self, name: &str| {
            archive
                .entries
                .get(name)
                .map_or("absent".to_owned(), |entry| sha256(&entry.bytes))
        };
        // The checksums differ with whatever differs: name the cause instead.
        let names = self
            .entries
            .keys()
            .chain(other.entries.keys())
            .filter(|name| *name != SUMS);
        for name in names {
            let (first, second) = (digest(self, name), digest(other, name));
            if first != second {
                return Err(Error::NotReproducible {
                    entry: name.clone(),
                    first,
                    second,
                });
            }
        }
        // The rest of the bytes is a function of names and modes.
        if self == other {
            Ok(())
        } else {
            let bug = "two archives of one content differ in a name or a mode";
            Err(Error::Bug(bug.to_owned()))
        }
    }
}

/// One line an entry: `<sha256>  <name>`.
pub(crate) fn sums(entries: &[(&str, impl AsRef<[u8]>)]) -> String {
    let line = |(name, bytes): &(&str, _)| [&sha256(AsRef::as_ref(bytes)), "  ", name, "\n"].concat();
    entries.iter().map(line).collect()
}

/// SHA-256 in lower-case hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use flate2::read::GzDecoder;

    fn archive(order: [&str; 2]) -> Archive {
        let mut archive = Archive::new("datalake-1-x".into());
        for name in order {
            archive.add(name, name.as_bytes().to_vec(), name.starts_with("bin/"));
        }
        archive.seal();
        archive
    }

    #[test]
    fn sha256_is_the_published_one() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn the_order_of_adding_leaves_no_trace() {
        let (one, other) = (archive(["bin/a", "LICENSE"]), archive(["LICENSE", "bin/a"]));
        assert_eq!(one.to_bytes().unwrap(), other.to_bytes().unwrap());
        one.must_equal(&other).unwrap();
    }

    #[test]
    fn headers_hold_neither_time_nor_owner() {
        let bytes = archive(["bin/a", "LICENSE"]).to_bytes().unwrap();
        // RFC 1952: flags 0 (no file name), modification time 0.
        assert_eq!(bytes[3..8], [0; 5]);
        let mut tar = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
        let headers: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let owner = (
                    header.uid().unwrap(),
                    header.gid().unwrap(),
                    header.mtime().unwrap(),
                );
                assert_eq!(owner, (0, 0, 0));
                (
                    entry.path().unwrap().display().to_string(),
                    header.mode().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            headers,
            [
                ("datalake-1-x/LICENSE".to_owned(), 0o644),
                ("datalake-1-x/SHA256SUMS".to_owned(), 0o644),
                ("datalake-1-x/bin/a".to_owned(), 0o755),
            ]
        );
    }

    #[test]
    fn a_difference_is_named_by_its_entry() {
        let one = archive(["bin/a", "LICENSE"]);
        let mut other = archive(["bin/a", "LICENSE"]);
        other.add("bin/a", b"abc".to_vec(), true);
        other.seal();
        let error = one.must_equal(&other).unwrap_err();
        assert!(matches!(&error, Error::NotReproducible { entry, second, .. }
            if entry == "bin/a" && *second == sha256(b"abc")));
        let mut more = archive(["bin/a", "LICENSE"]);
        more.add("configs/b", Vec::new(), false);
        assert!(
            matches!(one.must_equal(&more), Err(Error::NotReproducible { first, .. }) if first == "absent")
        );
    }
}
