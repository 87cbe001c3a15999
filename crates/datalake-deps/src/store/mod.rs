//! Files by path, on this host or in an object store: a path may be the URL of one, `s3://bucket/lake`.
//!
//! This crate knows no object store, so that jobs of one host build without HTTP and TLS. A program that has one calls
//! [`install`] first thing in `main`; from then on tables, configs, models and outputs may be URLs. `file://` is
//! a local path everywhere.
//!
//! An object has no name of its own but its key: there are no folders, no links, and no renames. It is there whole or
//! not at all, which is why [`write()`] needs no temporary file there; [`Condition`] tells one of two writers that it lost.

mod object;
#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

pub use object::Object;

use crate::atomic_file;
use crate::config::redact_url;

/// The scheme of local paths.
const FILE: &str = "file";

/// What a store tells of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key: the path below the bucket, without a slash at its beginning.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written.
    pub modified: Option<SystemTime>,
    /// The store's mark of its content (the `ETag`), which changes with every change.
    pub tag: String,
}

/// What has to hold for a write to happen. A store that cannot promise it must refuse, not try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Nothing: the last writer wins.
    Always,
    /// There is no such object yet.
    Absent,
    /// The object still has this tag.
    Tag(&'a str),
}

/// One bucket. Keys have no slash at either end. Implementations retry what may pass, with growing pauses, and name the
/// object in their errors, but never a secret.
///
/// # Errors
/// Those of [`io::Error`], with these kinds: `NotFound`; `AlreadyExists` where a [`Condition`] did not hold;
/// `PermissionDenied`; `TimedOut` where the store did not answer in the end; `Unsupported` where it cannot do it.
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// What is known of one object.
    fn head(&self, key: &str) -> io::Result<ObjectInfo>;
    /// All objects whose key is `prefix` or begins with it and a slash, by key; all of the bucket for an empty one.
    fn list(&self, prefix: &str) -> io::Result<Vec<ObjectInfo>>;
    /// What lies right below a prefix: the names of what looks like folders, and the objects, both sorted.
    fn children(&self, prefix: &str) -> io::Result<(Vec<String>, Vec<ObjectInfo>)>;
    /// Ranges of an object, many at a time; `tag` fails with `AlreadyExists` where the object is another by now.
    fn read(&self, key: &str, tag: Option<&str>, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>>;
    /// The last bytes of many objects, at most so many of each, many at a time.
    fn read_tails(&self, objects: &[(&str, u64)], bytes: u64) -> Vec<io::Result<Bytes>>;
    /// Writes an object, whole or not at all; the tag that it has now.
    fn write(&self, key: &str, content: Bytes, condition: Condition<'_>) -> io::Result<String>;
    /// Uploads a local file, in parts where it is long; the tag that it has now.
    fn upload(&self, key: &str, file: &Path) -> io::Result<String>;
    /// Removes objects; one that is not there is removed already.
    fn remove(&self, keys: &[String]) -> io::Result<()>;
}

/// Opens the stores that a program can reach.
pub trait OpenStore: Sync {
    /// Whether it has stores of this kind.
    fn knows(&self, scheme: &str) -> bool;
    /// The bucket of a URL `scheme://bucket` of a kind that it knows.
    fn open(&self, scheme: &str, bucket: &str) -> io::Result<Arc<dyn ObjectStore>>;
}

static OPENER: OnceLock<&'static dyn OpenStore> = OnceLock::new();
static OPENED: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>> = Mutex::new(BTreeMap::new());

/// Gives the program its object stores, for good; a second call changes nothing.
pub fn install(opener: &'static dyn OpenStore) {
    let _ = OPENER.set(opener);
}

/// Why a path cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nobody here knows this kind of URL.
    #[error("`{scheme}://` is no local folder")]
    Scheme {
        /// What stands before `://`.
        scheme: String,
        /// Whether this program reads any object store.
        has_stores: bool,
    },
    /// A user, a password, a query or a fragment: credentials in a URL end up in logs.
    #[error("the URL `{url}` holds more than a bucket and a path")]
    Extra {
        /// The URL, cut down.
        url: String,
    },
    /// A `file://` of another host, or with a relative path.
    #[error("the URL `{url}` is no path of this host")]
    Host {
        /// The URL.
        url: String,
    },
    /// No bucket.
    #[error("the URL `{url}` names no bucket")]
    NoBucket {
        /// The URL.
        url: String,
    },
}

impl UrlError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Scheme {
                has_stores: false, ..
            } => "this build reads and writes local folders: mount or copy it, or use the build for clusters"
                .to_owned(),
            Self::Scheme { has_stores: true, .. } => {
                "use s3://BUCKET/PATH, file:///PATH or a path".to_owned()
            }
            Self::Extra { .. } => {
                "credentials come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or a role)"
                    .to_owned()
            }
            Self::NoBucket { .. } => "write s3://BUCKET/PATH".to_owned(),
            Self::Host { .. } => "write file:///PATH, or the path alone".to_owned(),
        }
    }
}

impl From<UrlError> for io::Error {
    fn from(error: UrlError) -> Self {
        Self::new(io::ErrorKind::Unsupported, format!("{error}; {}", error.hint()))
    }
}

/// Where a path leads.
#[derive(Debug)]
pub enum Located<'a> {
    /// To this host's file system.
    Local(Cow<'a, Path>),
    /// To an object, or to all that begin with its key and a slash.
    Object(Object),
}

/// Whether a path is the URL of something that is not a local file.
#[must_use]
pub fn is_remote(path: &Path) -> bool {
    scheme_of(path).is_some_and(|(scheme, _)| scheme != FILE)
}

/// Checks a path without asking its store.
///
/// # Errors
/// [`UrlError`].
pub fn check(path: &Path) -> Result<(), UrlError> {
    let Some((scheme, rest)) = scheme_of(path) else {
        return Ok(());
    };
    if scheme == FILE {
        return if local_part(rest).starts_with('/') {
            Ok(())
        } else {
            Err(UrlError::Host {
                url: redact_url(&format!("{scheme}://{rest}")),
            })
        };
    }
    let unknown = |has_stores| UrlError::Scheme {
        scheme: scheme.to_owned(),
        has_stores,
    };
    match OPENER.get() {
        None => return Err(unknown(false)),
        Some(opener) if !opener.knows(canonical(scheme)) => return Err(unknown(true)),
        Some(_) => {}
    }
    if rest.contains(['@', '?', '#']) {
        let cut = rest.split(['?', '#']).next().unwrap_or_default();
        return Err(UrlError::Extra {
            url: redact_url(&format!("{scheme}://{cut}")),
        });
    }
    if rest.split('/').next().is_none_or(str::is_empty) {
        return Err(UrlError::NoBucket {
            url: format!("{scheme}://{rest}"),
        });
    }
    Ok(())
}

/// What Hadoop calls `s3a` and `s3n` is the same place: two names of it must not count as two.
fn canonical(scheme: &str) -> &str {
    match scheme {
        "s3a" | "s3n" => "s3",
        other => other,
    }
}

/// The path of a `file://`: `file://localhost/a` and `file:///a` are the same file.
fn local_part(rest: &str) -> &str {
    let local = rest.strip_prefix("localhost");
    local.filter(|path| path.starts_with('/')).unwrap_or(rest)
}

/// Finds out where a path leads, and opens its store.
///
/// # Errors
/// Those of [`check`], and what the store says of its own settings.
pub fn locate(path: &Path) -> io::Result<Located<'_>> {
    let Some((scheme, rest)) = scheme_of(path) else {
        return Ok(Located::Local(Cow::Borrowed(path)));
    };
    check(path)?;
    if scheme == FILE {
        return Ok(Located::Local(Cow::Owned(PathBuf::from(local_part(rest)))));
    }
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let scheme = canonical(scheme);
    let root = format!("{scheme}://{bucket}");
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(store) = opened.get(&root) {
        return Ok(Located::Object(Object::new(Arc::clone(store), &root, key)));
    }
    let opener = OPENER.get().ok_or(io::ErrorKind::Unsupported)?;
    let store = opener.open(scheme, bucket)?;
    opened.insert(root.clone(), Arc::clone(&store));
    Ok(Located::Object(Object::new(store, &root, key)))
}

fn scheme_of(path: &Path) -> Option<(&str, &str)> {
    let (scheme, rest) = path.to_str()?.split_once("://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    (scheme.len() > 1 && scheme.chars().all(plain)).then_some((scheme, rest))
}

/// Reads a whole file.
///
/// # Errors
/// The I/O error, which names the path.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    match locate(path)? {
        Located::Local(path) => fs_err::read(path),
        Located::Object(object) => object.read_whole().map(|(content, _)| content.to_vec()),
    }
}

/// Reads a file from its beginning to its end.
///
/// # Errors
/// The I/O error, which names the path.
pub fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    Ok(match locate(path)? {
        Located::Local(path) => Box::new(fs_err::File::open(path.into_owned())?),
        Located::Object(object) => Box::new(object.stream()?),
    })
}

/// Writes a file so that a reader sees the old one or the new one; its local folder must be there.
///
/// # Errors
/// The I/O error of the step that failed; the old file is whole then.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    match locate(path)? {
        Located::Local(path) => atomic_file::write(&path, content),
        Located::Object(object) => object
            .write(Bytes::copy_from_slice(content), Condition::Always)
            .map(drop),
    }
}

/// Fails where there is no such file.
///
/// # Errors
/// The I/O error, which names the path.
pub fn exists(path: &Path) -> io::Result<()> {
    match locate(path)? {
        Located::Local(path) => fs_err::metadata(&*path).map(drop),
        Located::Object(object) => object.head().map(drop),
    }
}

/// As [`write()`], but in a local folder that is there already, and without waiting for the disk: for what can be made
/// again, and is checked before it is trusted.
///
/// # Errors
/// The I/O error; the old file is whole then.
pub fn keep(path: &Path, content: &[u8]) -> io::Result<()> {
    match locate(path)? {
        Located::Local(path) => {
            let mut partial = path.clone().into_owned().into_os_string();
            partial.push(".partial");
            fs_err::write(&partial, content)?;
            fs_err::rename(partial, path)
        }
        Located::Object(object) => object
            .write(Bytes::copy_from_slice(content), Condition::Always)
            .map(drop),
    }
}

/// Makes a local folder ready for files; an object store needs none.
///
/// # Errors
/// The I/O error.
pub fn make_folder(path: &Path) -> io::Result<()> {
    match locate(path)? {
        Located::Local(path) => fs_err::create_dir_all(path),
        Located::Object(_) => Ok(()),
    }
}

/// The names of the files right in a folder, sorted; none where it is not there.
///
/// # Errors
/// The I/O error.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = match locate(folder)? {
        Located::Local(path) => match fs_err::read_dir(&*path) {
            Ok(entries) => entries
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        },
        Located::Object(object) => {
            let (_, files) = object.store().children(object.key())?;
            let name = |info: ObjectInfo| info.key.rsplit('/').next().map(str::to_owned);
            files.into_iter().filter_map(name).collect()
        }
    };
    names.sort_unstable();
    Ok(names)
}

/// Removes files of a folder; those that are not there are removed already.
///
/// # Errors
/// The I/O error.
pub fn remove(folder: &Path, names: &[String]) -> io::Result<()> {
    match locate(folder)? {
        Located::Local(path) => {
            names
                .iter()
                .try_for_each(|name| match fs_err::remove_file(path.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                })
        }
        Located::Object(object) => {
            let keys: Vec<String> = names
                .iter()
                .map(|name| object.join(name).key().to_owned())
                .collect();
            object.store().remove(&keys)
        }
    }
}
