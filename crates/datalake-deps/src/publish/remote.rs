//! An output in an object store, which has no links and no renames: one object says which version counts.
//!
//! ```text
//! OUTPUT/current.json                            which version is published, its manifest, and the tags of its files
//! OUTPUT/.versions/1f0c..-RUN/theft_cases/part-0.parquet
//! ```
//!
//! A version's files are uploaded below a prefix of their own, and then `current.json` is replaced, on the condition that
//! it still is what this run saw when it began. So there is no lock that a dead run could leave behind: of two runs at
//! once the slower is refused, and its files go. A kill before that one write leaves the old tables, a kill after it the
//! new ones. The version before is kept for those who are reading it. What killed runs uploaded is removed when it is
//! [`ABANDONED`] old.

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Manifest, PublishError};
use crate::store::{Condition, Object, ObjectInfo};

/// Uploads of this age that no published version names belong to no living run.
const ABANDONED: Duration = Duration::from_hours(7 * 24);

const POINTER: &str = "current.json";
const VERSIONS: &str = ".versions";

/// How often the one write is tried that nothing but its answer tells the end of.
const TRIES: u32 = 4;

const SWITCH: &str = "switch to the new version";

/// What `current.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pointer {
    /// The folder below `.versions` that holds the files.
    folder: String,
    /// The folder of the version before.
    previous: Option<String>,
    /// The store's tag of each file of the manifest.
    tags: Vec<String>,
    manifest: Manifest,
}

/// An output as one run found it.
#[derive(Debug)]
pub(super) struct RemoteOutput {
    root: Object,
    run_id: String,
    /// What `current.json` said, where it could be understood, and its tag.
    found: Option<(Option<Pointer>, String)>,
}

impl RemoteOutput {
    /// Looks at the output, and makes sure that the store keeps its promise about conditions.
    pub(super) fn open(root: &Object, run_id: &str) -> Result<Self, PublishError> {
        let output = Self {
            root: root.clone(),
            run_id: run_id.to_owned(),
            found: read_pointer(root).map_err(|error| step(root, "look at what is published", error))?,
        };
        if let Some((None, _)) = &output.found
            && !output.is_cut_off()?
        {
            return Err(PublishError::Foreign {
                path: root.join(POINTER).url().into(),
            });
        }
        output.probe()?;
        Ok(output)
    }

    /// Whether what stands in the pointer's place is the beginning of one, or nothing: damage, not somebody else's file.
    fn is_cut_off(&self) -> Result<bool, PublishError> {
        let read = self.root.join(POINTER).read_whole();
        let (text, _) = read.map_err(|error| step(&self.root, "look at what is published", error))?;
        let begins = text.is_empty() || text.starts_with(b"{\n  \"folder\": \"");
        Ok(begins && serde_json::from_slice::<serde_json::Value>(&text).is_err())
    }

    /// A store that ignores conditions would let the slower of two runs win in silence.
    fn probe(&self) -> Result<(), PublishError> {
        let object = self.root.join(&format!("{VERSIONS}/.probe-{}", self.run_id));
        let failed = |error| step(&self.root, "write", error);
        let held = |content: &'static [u8], condition: Condition<'_>| {
            let mut tries = 1;
            loop {
                match object.write(Bytes::from_static(content), condition) {
                    Ok(_) => return Ok(false),
                    Err(error) => match error.kind() {
                        io::ErrorKind::AlreadyExists => return Ok(true),
                        io::ErrorKind::Unsupported => return Ok(false),
                        io::ErrorKind::PermissionDenied => return Err(failed(error)),
                        _ if tries == TRIES => return Err(failed(error)),
                        _ => tries += 1,
                    },
                }
            }
        };
        object
            .write(Bytes::from_static(b"1"), Condition::Always)
            .map_err(failed)?;
        let absent = held(b"2", Condition::Absent);
        let tag = held(b"3", Condition::Tag("\"0\""));
        // In the way of nobody where it stays.
        let _ = object.remove();
        if absent? && tag? {
            Ok(())
        } else {
            Err(PublishError::NoConditions {
                output: self.root.url(),
            })
        }
    }

    /// The job whose tables are published.
    pub(super) fn job(root: &Object) -> Result<Option<String>, PublishError> {
        let found = read_pointer(root).map_err(|error| step(root, "look at what is published", error))?;
        let pointer = found.and_then(|(pointer, _)| pointer);
        Ok(pointer.map(|pointer| pointer.manifest.provenance.job))
    }

    /// The manifest of what is published, if every file is the one that was uploaded.
    pub(super) fn published(&self) -> Result<Option<Manifest>, PublishError> {
        let Some((pointer, _)) = &self.found else {
            return Ok(None);
        };
        let folder = pointer.as_ref().map(|pointer| self.version(&pointer.folder));
        let (Some(pointer), Some(folder)) = (pointer, folder) else {
            tracing::warn!("what `{}/{POINTER}` says cannot be understood", self.root.url());
            return Ok(None);
        };
        let there = folder
            .list()
            .map_err(|error| step(&self.root, "look at what is published", error))?;
        let files = &pointer.manifest.files;
        let whole = files.len() == pointer.tags.len()
            && files.iter().zip(&pointer.tags).all(|(file, tag)| {
                let key = format!("{}/{}", folder.key(), file.path);
                let found = there
                    .binary_search_by(|info| info.key.cmp(&key))
                    .map(|at| &there[at]);
                found.is_ok_and(|info| info.bytes == file.bytes && info.tag == *tag)
            });
        if whole {
            return Ok(Some(pointer.manifest.clone()));
        }
        tracing::warn!("the tables published in {} are damaged", self.root.url());
        Ok(None)
    }

    /// Uploads the files of a manifest from `staged`, and publishes them by one write.
    pub(super) fn publish(&self, staged: &Path, manifest: &Manifest) -> Result<(), PublishError> {
        let folder = format!("{}-{}", manifest.version, self.run_id);
        let place = self.version(&folder);
        let uploaded: Result<Vec<String>, io::Error> = manifest
            .files
            .par_iter()
            .map(|file| place.join(&file.path).upload(&staged.join(&file.path)))
            .collect();
        let tags = match uploaded {
            Ok(tags) => tags,
            Err(error) => {
                self.clear(&place);
                return Err(step(&self.root, "upload the tables", error));
            }
        };
        let before = self.found.as_ref().and_then(|(pointer, _)| pointer.as_ref());
        let pointer = Pointer {
            folder: folder.clone(),
            previous: before.map(|before| before.folder.clone()),
            tags,
            manifest: manifest.clone(),
        };
        let text = serde_json::to_vec_pretty(&pointer)
            .map_err(|error| PublishError::Bug(format!("{POINTER} cannot be written: {error}")))?;
        self.switch(&folder, &Bytes::from(text), &place)?;
        self.clean(&pointer, before);
        Ok(())
    }

    /// Replaces `current.json`, unless another run did so first. Where no answer comes, what it says now tells whether the
    /// write was done; if nobody's was, it is tried again: the condition keeps a late one from being done twice.
    fn switch(&self, folder: &str, text: &Bytes, place: &Object) -> Result<(), PublishError> {
        let pointer = self.root.join(POINTER);
        let condition = match &self.found {
            Some((_, tag)) => Condition::Tag(tag),
            None => Condition::Absent,
        };
        let mut tries = 1;
        loop {
            let Err(error) = pointer.write(text.clone(), condition) else {
                return Ok(());
            };
            let now = read_pointer(&self.root).map_err(|error| step(&self.root, SWITCH, error))?;
            let tag = |found: &Option<(Option<Pointer>, String)>| found.as_ref().map(|(_, tag)| tag.clone());
            let unchanged = tag(&now) == tag(&self.found);
            if now.is_some_and(|(now, _)| now.is_some_and(|now| now.folder == folder)) {
                return Ok(());
            }
            if !unchanged {
                self.clear(place);
                return Err(PublishError::Overtaken {
                    output: self.root.url(),
                });
            }
            if tries == TRIES || error.kind() == io::ErrorKind::PermissionDenied {
                return Err(step(&self.root, SWITCH, error));
            }
            tries += 1;
        }
    }

    /// Removes the version before the last, and what killed runs left long ago. A version that is neither may be on its
    /// way up from another run.
    fn clean(&self, now: &Pointer, before: Option<&Pointer>) {
        let Ok(all) = self.root.join(VERSIONS).list() else {
            return;
        };
        let prefix = self.root.join(VERSIONS).key().len() + 1;
        let older = before.and_then(|before| before.previous.as_deref());
        let old = |info: &&ObjectInfo| {
            let folder = info.key.get(prefix..).and_then(|rest| rest.split('/').next());
            let kept = [Some(now.folder.as_str()), now.previous.as_deref()].contains(&folder);
            let age = info
                .modified
                .and_then(|time| SystemTime::now().duration_since(time).ok());
            !kept && (folder == older || age.is_some_and(|age| age > ABANDONED))
        };
        let keys: Vec<String> = all.iter().filter(old).map(|info| info.key.clone()).collect();
        self.remove(&keys);
    }

    /// Removes what this run uploaded in vain.
    fn clear(&self, place: &Object) {
        let keys: Vec<String> = place
            .list()
            .map(|all| all.into_iter().map(|info| info.key).collect())
            .unwrap_or_default();
        self.remove(&keys);
    }

    fn remove(&self, keys: &[String]) {
        if let Err(error) = self.root.store().remove(keys) {
            tracing::warn!(
                "cannot remove what is no longer needed in {}: {error}",
                self.root.url()
            );
        }
    }

    fn version(&self, folder: &str) -> Object {
        self.root.join(&format!("{VERSIONS}/{folder}"))
    }
}

/// Where the published version of an output lies that holds this table; `None` where no such is published.
pub(crate) fn current_of(root: &Object, table: &str) -> io::Result<Option<Object>> {
    let pointer = read_pointer(root)?.and_then(|(pointer, _)| pointer);
    let pointer = pointer.filter(|pointer| pointer.manifest.tables().contains(table));
    Ok(pointer.map(|pointer| root.join(&format!("{VERSIONS}/{}", pointer.folder))))
}

/// What `current.json` says, and its tag; `None` where there is none.
#[allow(clippy::type_complexity, reason = "there or not, understood or not")]
fn read_pointer(root: &Object) -> io::Result<Option<(Option<Pointer>, String)>> {
    match root.join(POINTER).read_whole() {
        Ok((text, tag)) => {
            let pointer = serde_json::from_slice::<Pointer>(&text).ok();
            // A folder that leads elsewhere is none of ours.
            Ok(Some((
                pointer.filter(|pointer| !pointer.folder.contains('/')),
                tag,
            )))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn step(root: &Object, step: &'static str, source: io::Error) -> PublishError {
    PublishError::Step {
        step,
        folder: root.url().into(),
        source,
    }
}
