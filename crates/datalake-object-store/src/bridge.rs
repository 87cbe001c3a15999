//! From the calls of the jobs, which wait, to those of `object_store`, which do not.

use std::future::Future;
use std::io::{self, Read as _};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use datalake_deps::config::redact_text;
use datalake_deps::store::{Condition, ObjectInfo, ObjectStore};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
};
use tokio::runtime::{Builder, Handle, Runtime};

/// Requests of one call that are on their way at once.
const AT_ONCE: usize = 32;

/// Bytes of a part of a long upload; S3 takes 10,000 parts, so that a file may have 78 GiB.
const PART_BYTES: u64 = 8 << 20;

/// A bucket of `object_store`.
#[derive(Debug)]
pub struct Bridge {
    store: Arc<dyn object_store::ObjectStore>,
    url: String,
    runtime: Handle,
}

impl Bridge {
    /// A bucket whose URL is `url`.
    ///
    /// # Errors
    /// Where no threads can be had for it.
    pub fn new(store: Arc<dyn object_store::ObjectStore>, url: &str) -> io::Result<Self> {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        if RUNTIME.get().is_none() {
            // They only wait and decrypt: two are enough for many requests.
            let made = Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("object-store")
                .enable_all()
                .build()?;
            // Where another thread was faster, its own counts.
            let _ = RUNTIME.set(made);
        }
        let runtime = RUNTIME.get().ok_or(io::ErrorKind::Other)?;
        Ok(Self {
            store,
            url: url.to_owned(),
            runtime: runtime.handle().clone(),
        })
    }

    fn wait<T>(&self, key: &str, work: impl Future<Output = object_store::Result<T>>) -> io::Result<T> {
        self.runtime
            .block_on(work)
            .map_err(|error| io_error(&format!("{}/{key}", self.url), &error))
    }

    fn path(&self, key: &str) -> io::Result<Path> {
        Path::parse(key).map_err(|error| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{}/{key}: {error}", self.url),
            )
        })
    }

    async fn get(&self, path: &Path, tag: Option<&str>, range: Range<u64>) -> object_store::Result<Bytes> {
        let options = GetOptions {
            if_match: tag.map(str::to_owned),
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        self.store.get_opts(path, options).await?.bytes().await
    }
}

/// The error of a request, with the object's URL, and without what a message may hold of another.
pub(crate) fn io_error(url: &str, error: &object_store::Error) -> io::Error {
    use object_store::Error;
    let kind = match error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => io::ErrorKind::AlreadyExists,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        Error::NotSupported { .. } | Error::NotImplemented { .. } => io::ErrorKind::Unsupported,
        Error::InvalidPath { .. } => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::TimedOut,
    };
    io::Error::new(kind, format!("{url}: {}", without_body(&error.to_string())))
}

/// The text of an error up to what the server answered, which may hold what it was sent: of that only its code and message.
fn without_body(text: &str) -> String {
    const ANSWERS: [&str; 2] = [
        "Server returned non-2xx status code: ",
        "Server returned error response: ",
    ];
    let Some((at, mark)) = ANSWERS.iter().find_map(|mark| Some((text.find(mark)?, mark))) else {
        return redact_text(text);
    };
    let (known, answer) = text.split_at(at + mark.len());
    let status = answer.split([':', '<', '{']).next().unwrap_or_default().trim();
    let tag = |name: &str| -> Option<&str> {
        let (_, after) = answer.split_once(&format!("<{name}>"))?;
        Some(after.split('<').next()?.trim())
    };
    let said: Vec<&str> = [Some(status), tag("Code"), tag("Message")]
        .into_iter()
        .flatten()
        .collect();
    redact_text(&format!("{known}{}", said.join(", ")))
}

fn info(meta: ObjectMeta) -> ObjectInfo {
    let modified = meta.last_modified.into();
    ObjectInfo {
        bytes: meta.size,
        // Every store of ours has tags; where one has none, length and time have to do.
        tag: meta
            .e_tag
            .unwrap_or_else(|| format!("{}-{}", meta.size, meta.last_modified.timestamp_micros())),
        modified: Some(modified),
        key: meta.location.into(),
    }
}

/// Sorted by key.
fn files(all: Vec<ObjectMeta>) -> Vec<ObjectInfo> {
    let mut files: Vec<ObjectInfo> = all.into_iter().map(info).collect();
    files.sort_by(|a, b| a.key.cmp(&b.key));
    files
}

impl ObjectStore for Bridge {
    fn head(&self, key: &str) -> io::Result<ObjectInfo> {
        let path = self.path(key)?;
        self.wait(key, self.store.head(&path)).map(info)
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<ObjectInfo>> {
        let path = self.path(prefix)?;
        let below = self.store.list(Some(&path)).try_collect();
        let found = files(self.wait(prefix, below)?);
        if !found.is_empty() || prefix.is_empty() {
            return Ok(found);
        }
        match self.head(prefix) {
            Ok(info) => Ok(vec![info]),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(found),
            Err(error) => Err(error),
        }
    }

    fn children(&self, prefix: &str) -> io::Result<(Vec<String>, Vec<ObjectInfo>)> {
        let path = self.path(prefix)?;
        let listed = self.wait(prefix, self.store.list_with_delimiter(Some(&path)))?;
        let name = |folder: &Path| folder.filename().map(str::to_owned);
        let mut folders: Vec<String> = listed.common_prefixes.iter().filter_map(name).collect();
        folders.sort_unstable();
        Ok((folders, files(listed.objects)))
    }

    fn read(&self, key: &str, tag: Option<&str>, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let path = self.path(key)?;
        let asked = futures::stream::iter(ranges.iter().cloned());
        let all = asked
            .map(|range| self.get(&path, tag, range))
            .buffered(AT_ONCE)
            .try_collect();
        self.wait(key, all)
    }

    fn read_tails(&self, objects: &[(&str, u64)], bytes: u64) -> Vec<io::Result<Bytes>> {
        let one = |(key, length): (String, u64)| async move {
            let path = self.path(&key)?;
            if length == 0 {
                return Ok(Bytes::new());
            }
            self.get(&path, None, length.saturating_sub(bytes)..length)
                .await
                .map_err(|error| io_error(&format!("{}/{key}", self.url), &error))
        };
        let asked: Vec<(String, u64)> = objects
            .iter()
            .map(|(key, length)| ((*key).to_owned(), *length))
            .collect();
        self.runtime
            .block_on(futures::stream::iter(asked).map(one).buffered(AT_ONCE).collect())
    }

    fn write(&self, key: &str, content: Bytes, condition: Condition<'_>) -> io::Result<String> {
        let path = self.path(key)?;
        let mode = match condition {
            Condition::Always => PutMode::Overwrite,
            Condition::Absent => PutMode::Create,
            Condition::Tag(tag) => PutMode::Update(UpdateVersion {
                e_tag: Some(tag.to_owned()),
                version: None,
            }),
        };
        let options = PutOptions::from(mode);
        let written = self.wait(
            key,
            self.store.put_opts(&path, PutPayload::from(content), options),
        )?;
        match written.e_tag {
            Some(tag) => Ok(tag),
            None => Ok(self.head(key)?.tag),
        }
    }

    fn upload(&self, key: &str, file: &std::path::Path) -> io::Result<String> {
        let length = fs_err::metadata(file)?.len();
        if length <= PART_BYTES {
            return self.write(key, fs_err::read(file)?.into(), Condition::Always);
        }
        let path = self.path(key)?;
        let mut source = fs_err::File::open(file)?;
        let mut upload = self.wait(key, self.store.put_multipart(&path))?;
        let parts = || -> io::Result<String> {
            loop {
                let mut part = Vec::new();
                source.by_ref().take(PART_BYTES).read_to_end(&mut part)?;
                if part.is_empty() {
                    break;
                }
                self.wait(key, upload.put_part(part.into()))?;
            }
            let written = self.wait(key, upload.complete())?;
            Ok(written.e_tag.unwrap_or_default())
        };
        let mut parts = parts;
        match parts() {
            Ok(tag) if !tag.is_empty() => Ok(tag),
            Ok(_) => Ok(self.head(key)?.tag),
            Err(error) => {
                // Parts that nobody completes cost money until they are removed.
                let _ = self.wait(key, upload.abort());
                Err(error)
            }
        }
    }

    fn remove(&self, keys: &[String]) -> io::Result<()> {
        let paths: Vec<Path> = keys.iter().map(|key| self.path(key)).collect::<io::Result<_>>()?;
        let Some(first) = keys.first() else { return Ok(()) };
        let asked = futures::stream::iter(paths.into_iter().map(Ok)).boxed();
        let removed = self.store.delete_stream(asked).try_for_each(|_| async { Ok(()) });
        match self.wait(first, removed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_answers_is_not_told_but_for_its_code_and_message() {
        let answer = "Error performing GET http://me:word@host/b/k?X-Token=secret in 3s - Server returned non-2xx status code: \
                      400 Bad Request: <?xml version=\"1.0\"?><Error><Code>ExpiredToken</Code><Message>The provided token has \
                      expired.</Message><Token-0>secret</Token-0></Error>";
        assert_eq!(
            without_body(answer),
            "Error performing GET http://***@host/b/k?*** in 3s - Server returned non-2xx status code: 400 Bad Request, \
             ExpiredToken, The provided token has expired."
        );
        let json = "x - Server returned error response: {\"token\": \"secret\"}";
        assert_eq!(without_body(json), "x - Server returned error response: ");
        assert_eq!(
            without_body("HTTP error: connection refused"),
            "HTTP error: connection refused"
        );
    }
}
