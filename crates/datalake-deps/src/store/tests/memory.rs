//! An object store in memory, whose promises can be taken away.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::super::{Condition, ObjectInfo, ObjectStore, OpenStore, install};

/// What goes wrong in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Conditions are taken and not kept.
    IgnoresConditions,
    /// The write with this number, from 0, is not done, nor any after it.
    DiesAtWrite(usize),
    /// The write with this number is done, and its answer lost.
    LosesAnswer(usize),
    /// The write with this number is not done, and nobody says so.
    LosesRequest(usize),
}

#[derive(Debug, Default)]
struct Inner {
    name: String,
    objects: BTreeMap<String, (Bytes, u64, SystemTime)>,
    writes: u64,
    faults: Vec<Fault>,
    since_fault: usize,
    bytes_read: u64,
}

/// One bucket in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore(Mutex<Inner>);

static BUCKETS: Mutex<BTreeMap<String, Arc<MemoryStore>>> = Mutex::new(BTreeMap::new());

struct Opener;

impl OpenStore for Opener {
    fn knows(&self, scheme: &str) -> bool {
        scheme == "mem" || scheme == "s3"
    }

    fn open(&self, _scheme: &str, bucket: &str) -> io::Result<Arc<dyn ObjectStore>> {
        Ok(bucket_of(bucket))
    }
}

fn bucket_of(name: &str) -> Arc<MemoryStore> {
    BUCKETS
        .lock()
        .unwrap()
        .entry(name.to_owned())
        .or_default()
        .clone()
}

/// The bucket `mem://NAME`; each test has its own.
pub(crate) fn memory_store(name: &str) -> Arc<MemoryStore> {
    install(&Opener);
    let store = bucket_of(name);
    name.clone_into(&mut store.0.lock().unwrap().name);
    store
}

fn no_such(key: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no object {key}"))
}

impl MemoryStore {
    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap().objects.keys().cloned().collect()
    }

    pub(crate) fn content(&self, key: &str) -> Bytes {
        self.0.lock().unwrap().objects[key].0.clone()
    }

    pub(crate) fn url(&self, key: &str) -> String {
        format!("mem://{}/{key}", self.0.lock().unwrap().name)
    }

    /// From now on, and with no other.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        let mut inner = self.0.lock().unwrap();
        inner.faults = faults.to_vec();
        inner.since_fault = 0;
    }

    /// Makes everything that is there older.
    pub(crate) fn age(&self, by: Duration) {
        for (_, _, time) in self.0.lock().unwrap().objects.values_mut() {
            *time -= by;
        }
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.0.lock().unwrap().bytes_read
    }

    /// How many writes there were since the last [`Self::fail`].
    pub(crate) fn writes(&self) -> usize {
        self.0.lock().unwrap().since_fault
    }
}

fn info(key: &str, (content, tag, modified): &(Bytes, u64, SystemTime)) -> ObjectInfo {
    ObjectInfo {
        key: key.to_owned(),
        bytes: content.len() as u64,
        modified: Some(*modified),
        tag: format!("\"t{tag}\""),
    }
}

impl ObjectStore for MemoryStore {
    fn head(&self, key: &str) -> io::Result<ObjectInfo> {
        let inner = self.0.lock().unwrap();
        let object = inner.objects.get(key).ok_or_else(|| no_such(key))?;
        Ok(info(key, object))
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<ObjectInfo>> {
        let below = format!("{prefix}/");
        let inner = self.0.lock().unwrap();
        let objects = inner.objects.iter();
        Ok(objects
            .filter(|(key, _)| prefix.is_empty() || *key == prefix || key.starts_with(&below))
            .map(|(key, object)| info(key, object))
            .collect())
    }

    fn children(&self, prefix: &str) -> io::Result<(Vec<String>, Vec<ObjectInfo>)> {
        let skip = if prefix.is_empty() { 0 } else { prefix.len() + 1 };
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for info in self.list(prefix)? {
            match info.key[skip.min(info.key.len())..].split_once('/') {
                Some((folder, _)) => folders.push(folder.to_owned()),
                None => files.push(info),
            }
        }
        folders.dedup();
        Ok((folders, files))
    }

    fn read(&self, key: &str, tag: Option<&str>, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let mut inner = self.0.lock().unwrap();
        inner.bytes_read += ranges.iter().map(|range| range.end - range.start).sum::<u64>();
        let object = inner.objects.get(key).ok_or_else(|| no_such(key))?;
        if tag.is_some_and(|tag| tag != info(key, object).tag) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let part = |range: &Range<u64>| object.0.slice(range.start as usize..range.end as usize);
        Ok(ranges.iter().map(part).collect())
    }

    fn read_tails(&self, objects: &[(&str, u64)], bytes: u64) -> Vec<io::Result<Bytes>> {
        let tail = |(key, length): &(&str, u64)| {
            let range = length.saturating_sub(bytes)..*length;
            Ok(self.read(key, None, &[range])?.remove(0))
        };
        objects.iter().map(tail).collect()
    }

    fn write(&self, key: &str, content: Bytes, condition: Condition<'_>) -> io::Result<String> {
        let mut inner = self.0.lock().unwrap();
        let number = inner.since_fault;
        inner.since_fault += 1;
        let (mut ignores, mut loses) = (false, false);
        for fault in &inner.faults {
            match fault {
                Fault::IgnoresConditions => ignores = true,
                Fault::DiesAtWrite(at) if number >= *at => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the store is gone"));
                }
                Fault::LosesAnswer(at) => loses |= number == *at,
                Fault::LosesRequest(at) if number == *at => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
                }
                Fault::DiesAtWrite(_) | Fault::LosesRequest(_) => {}
            }
        }
        let there = inner.objects.get(key).map(|object| info(key, object).tag);
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => there.is_none(),
            Condition::Tag(tag) => there.as_deref() == Some(tag),
        };
        if !holds && !ignores {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        inner.writes += 1;
        let object = (content, inner.writes, SystemTime::now());
        let tag = info(key, &object).tag;
        // As `object_store` has it: a slash at the end is not told.
        inner.objects.insert(key.trim_end_matches('/').to_owned(), object);
        if loses {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
        }
        Ok(tag)
    }

    fn upload(&self, key: &str, file: &Path) -> io::Result<String> {
        self.write(key, fs_err::read(file)?.into(), Condition::Always)
    }

    fn remove(&self, keys: &[String]) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.objects.retain(|key, _| !keys.contains(key));
        Ok(())
    }
}
