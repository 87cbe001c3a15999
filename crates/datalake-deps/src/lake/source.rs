//! What the decoder of Parquet reads from: a file of this host, or ranges of an object that were fetched before.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;

use bytes::{Buf as _, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use rayon::prelude::*;

use super::config::FileFormat;
use super::discover::DataFile;
use super::error::LakeError;
use crate::store::Object;

/// Bytes at the end of an object that are fetched at once: most footers fit.
pub(super) const TAIL_BYTES: u64 = 64 << 10;

/// Ranges of an object that are so close to each other are fetched as one: a request costs more than these bytes.
const GAP_BYTES: u64 = 512 << 10;

/// A Parquet file that is being read.
#[derive(Debug)]
pub(super) enum Source {
    /// On this host.
    File(File),
    /// In an object store.
    Object(Fetched),
}

/// An object, and what was fetched of it.
#[derive(Debug)]
pub(super) struct Fetched {
    object: Object,
    tag: String,
    bytes: u64,
    /// Where each part begins; ascending, without overlaps.
    parts: Vec<(u64, Bytes)>,
}

/// Objects whose last bytes are fetched together.
const TOGETHER: usize = 512;

/// Calls `visit` with each file and, where it is an object, its last bytes, which are fetched for many at once; the results
/// in the order of the files.
pub(super) fn with_tails<T: Send>(
    files: &[DataFile],
    visit: impl Fn(&DataFile, Option<Bytes>) -> Result<T, LakeError> + Sync,
) -> Result<Vec<T>, LakeError> {
    let mut results = Vec::with_capacity(files.len());
    let remote = files.iter().any(|file| file.object.is_some());
    for files in files.chunks(if remote { TOGETHER } else { files.len().max(1) }) {
        let mut tails: Vec<Option<Bytes>> = vec![None; files.len()];
        let objects: Vec<(usize, &Object, u64)> = (0..)
            .zip(files)
            .filter(|(_, file)| file.format == FileFormat::Parquet)
            .filter_map(|(at, file)| Some((at, &file.object.as_ref()?.0, file.bytes)))
            .collect();
        if let Some((_, first, _)) = objects.first() {
            let asked: Vec<(&str, u64)> = objects
                .iter()
                .map(|(_, object, bytes)| (object.key(), *bytes))
                .collect();
            let fetched = first.store().read_tails(&asked, TAIL_BYTES);
            for ((at, _, _), tail) in objects.iter().zip(fetched) {
                tails[*at] = Some(tail.map_err(LakeError::Read)?);
            }
        }
        let visited: Vec<T> = files
            .par_iter()
            .zip(tails)
            .map(|(file, tail)| visit(file, tail))
            .collect::<Result<_, LakeError>>()?;
        results.extend(visited);
    }
    Ok(results)
}

impl Source {
    /// Opens a file to read its footer; `tail` are the last bytes of an object that somebody fetched already.
    pub(super) fn footer(file: &DataFile, tail: Option<Bytes>) -> Result<Self, LakeError> {
        let Some((object, tag)) = &file.object else {
            return Ok(Self::File(open(file)?));
        };
        let tail = if let Some(tail) = tail {
            tail
        } else {
            let last = file.bytes.saturating_sub(TAIL_BYTES)..file.bytes;
            fetch(file, object, tag, std::slice::from_ref(&last))?.remove(0)
        };
        let from = file.bytes.saturating_sub(tail.len() as u64);
        Ok(Self::Object(Fetched::new(file, object, tag, vec![(from, tail)])))
    }

    /// Opens a file to read these ranges of it, which are fetched at once where it is an object.
    pub(super) fn ranges(
        file: &DataFile,
        ranges: impl Iterator<Item = Range<u64>>,
    ) -> Result<Self, LakeError> {
        let Some((object, tag)) = &file.object else {
            let handle = open(file)?;
            let bytes = handle.metadata().map_err(LakeError::Read)?.len();
            if bytes != file.bytes {
                return Err(LakeError::Changed {
                    file: file.path.clone(),
                });
            }
            return Ok(Self::File(handle));
        };
        let wanted = joined(ranges.map(|range| range.start.min(file.bytes)..range.end.min(file.bytes)));
        let fetched = fetch(file, object, tag, &wanted)?;
        let parts = wanted.iter().map(|range| range.start).zip(fetched).collect();
        Ok(Self::Object(Fetched::new(file, object, tag, parts)))
    }
}

fn open(file: &DataFile) -> Result<File, LakeError> {
    let handle = fs_err::File::open(&file.path).map_err(LakeError::Read)?;
    Ok(handle.into_file())
}

fn fetch(
    file: &DataFile,
    object: &Object,
    tag: &str,
    ranges: &[Range<u64>],
) -> Result<Vec<Bytes>, LakeError> {
    if ranges.iter().all(Range::is_empty) {
        return Ok(vec![Bytes::new(); ranges.len()]);
    }
    let fetched = object.read(tag, ranges).map_err(|error| match error.kind() {
        // Replaced, or removed: a run that begins anew sees what is there.
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => LakeError::Changed {
            file: file.path.clone(),
        },
        _ => LakeError::Read(error),
    })?;
    let cut = fetched
        .iter()
        .zip(ranges)
        .any(|(bytes, range)| bytes.len() as u64 != range.end - range.start);
    if cut || fetched.len() != ranges.len() {
        return Err(LakeError::Changed {
            file: file.path.clone(),
        });
    }
    Ok(fetched)
}

/// The ranges in order, those that overlap or nearly meet as one, without empty ones.
fn joined(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> = ranges.filter(|range| !range.is_empty()).collect();
    sorted.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP_BYTES) => {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined
}

impl Fetched {
    fn new(file: &DataFile, object: &Object, tag: &str, parts: Vec<(u64, Bytes)>) -> Self {
        Self {
            object: object.clone(),
            tag: tag.to_owned(),
            bytes: file.bytes,
            parts,
        }
    }

    /// What was fetched from `start` on, up to the end of its part.
    fn held(&self, start: u64) -> Option<Bytes> {
        let after = self.parts.partition_point(|(first, _)| *first <= start);
        let (first, bytes) = self.parts.get(after.checked_sub(1)?)?;
        let skip = usize::try_from(start - first).ok()?;
        (skip < bytes.len()).then(|| bytes.slice(skip..))
    }

    /// What was not foreseen is fetched now: a footer longer than its guess.
    fn fetch(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.saturating_add(length as u64);
        if end > self.bytes {
            let problem = format!("bytes {start} to {end} lie beyond the end at {}", self.bytes);
            return Err(ParquetError::EOF(problem));
        }
        let read = self.object.read_range(&self.tag, start..end);
        let read = read.map_err(|error| ParquetError::External(Box::new(error)))?;
        if read.len() == length {
            Ok(read)
        } else {
            Err(ParquetError::EOF(format!(
                "the object has no {length} bytes at {start}"
            )))
        }
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(file),
            Self::Object(fetched) => fetched.bytes,
        }
    }
}

/// The bytes from a place on.
pub(super) enum SourceRead {
    File(BufReader<File>),
    Held(bytes::buf::Reader<Bytes>),
}

impl Read for SourceRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Held(held) => held.read(buffer),
        }
    }
}

impl ChunkReader for Source {
    type T = SourceRead;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        match self {
            Self::File(file) => Ok(SourceRead::File(file.get_read(start)?)),
            Self::Object(fetched) => {
                let held = if let Some(held) = fetched.held(start) {
                    held
                } else {
                    let rest = fetched.bytes.saturating_sub(start).min(TAIL_BYTES);
                    fetched.fetch(start, rest as usize)?
                };
                Ok(SourceRead::Held(held.reader()))
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Object(fetched) => match fetched.held(start).filter(|held| held.len() >= length) {
                Some(held) => Ok(held.slice(..length)),
                None => fetched.fetch(start, length),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_nearly_meet_are_one_request() {
        let joined = |ranges: &[Range<u64>]| -> Vec<(u64, u64)> {
            let joined = joined(ranges.iter().cloned()).into_iter();
            joined.map(|range| (range.start, range.end)).collect()
        };
        assert_eq!(joined(&[10..20, 0..5, 7..7]), [(0, 20)]);
        let far = 20 + GAP_BYTES;
        assert_eq!(joined(&[0..20, far..far + 1]), [(0, far + 1)]);
        assert_eq!(joined(&[0..20, far + 1..far + 2]), [(0, 20), (far + 1, far + 2)]);
        // One within the other.
        assert_eq!(joined(&[0..20, 3..5, 19..30]), [(0, 30)]);
    }
}
