//! One object, or the place below which objects lie.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};

use super::{Condition, ObjectInfo, ObjectStore};

/// Bytes of the first and of the largest request of a stream; each is twice the one before, because many streams end early.
const STREAM_BYTES: (u64, u64) = (256 << 10, 8 << 20);

/// How often an object is read that others keep replacing.
const TRIES: u32 = 4;

/// An object of a store by its key, whether it is there or not.
#[derive(Clone)]
pub struct Object {
    store: Arc<dyn ObjectStore>,
    root: Arc<str>,
    key: Arc<str>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        (&self.root, &self.key) == (&other.root, &other.key)
    }
}

impl Eq for Object {}

impl Object {
    /// The object at `key` of a store whose URL is `root`.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, root: &str, key: &str) -> Self {
        let parts: Vec<&str> = key.split('/').filter(|part| !part.is_empty()).collect();
        Self {
            store,
            root: root.into(),
            key: parts.join("/").into(),
        }
    }

    /// The store that it is in.
    #[must_use]
    pub fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(&self.key)
    }

    /// The URL of another object of the same store.
    #[must_use]
    pub fn url_of(&self, key: &str) -> String {
        format!("{}/{key}", self.root)
    }

    /// The object at a path below this one.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        Self::new(
            Arc::clone(&self.store),
            &self.root,
            &format!("{}/{path}", self.key),
        )
    }

    /// What the store tells of it.
    pub fn head(&self) -> io::Result<ObjectInfo> {
        self.store.head(&self.key)
    }

    /// What lies at its key or below, by key.
    pub fn list(&self) -> io::Result<Vec<ObjectInfo>> {
        self.store.list(&self.key)
    }

    /// All of its content, and its tag.
    pub fn read_whole(&self) -> io::Result<(Bytes, String)> {
        let mut tries = 1;
        loop {
            let info = self.head()?;
            if info.bytes == 0 {
                return Ok((Bytes::new(), info.tag));
            }
            match self.read_range(&info.tag, 0..info.bytes) {
                // Replaced between the two requests.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < TRIES => tries += 1,
                read => return Ok((read?, info.tag)),
            }
        }
    }

    /// A range of the content that has this tag.
    pub fn read_range(&self, tag: &str, range: Range<u64>) -> io::Result<Bytes> {
        let mut read = self.read(tag, std::slice::from_ref(&range))?;
        Ok(read.pop().unwrap_or_default())
    }

    /// Ranges of the content that has this tag.
    pub fn read(&self, tag: &str, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        self.store.read(&self.key, Some(tag), ranges)
    }

    /// Its content from the beginning to the end, some megabytes at a time.
    pub fn stream(&self) -> io::Result<ObjectStream> {
        let info = self.head()?;
        Ok(self.stream_of(&info.tag, info.bytes))
    }

    /// The same of content whose tag and length are known.
    #[must_use]
    pub fn stream_of(&self, tag: &str, bytes: u64) -> ObjectStream {
        ObjectStream {
            object: self.clone(),
            tag: tag.to_owned(),
            next: 0,
            end: bytes,
            request: STREAM_BYTES.0,
            held: Bytes::new(),
        }
    }

    /// Writes it, whole or not at all; the tag that it has now.
    pub fn write(&self, content: Bytes, condition: Condition<'_>) -> io::Result<String> {
        self.store.write(&self.key, content, condition)
    }

    /// Uploads a local file; the tag that it has now.
    pub fn upload(&self, file: &Path) -> io::Result<String> {
        self.store.upload(&self.key, file)
    }

    /// Removes it.
    pub fn remove(&self) -> io::Result<()> {
        self.store.remove(&[self.key.to_string()])
    }
}

/// An object that is read from its beginning to its end.
#[derive(Debug)]
pub struct ObjectStream {
    object: Object,
    tag: String,
    next: u64,
    end: u64,
    request: u64,
    held: Bytes,
}

impl Read for ObjectStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.held.is_empty() && self.next < self.end {
            let upto = self.end.min(self.next + self.request);
            self.request = (self.request * 2).min(STREAM_BYTES.1);
            self.held = self.object.read_range(&self.tag, self.next..upto)?;
            if self.held.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.next += self.held.len() as u64;
        }
        let count = buffer.len().min(self.held.len());
        self.held.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
