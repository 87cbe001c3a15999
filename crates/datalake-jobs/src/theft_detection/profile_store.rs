//! Day profiles between the step that makes them (by days) and the steps that read them (by components).
//!
//! Batches are kept in memory up to a budget and then in the session's spill folder as compressed Arrow IPC
//! files, cut into ranges of components so that one is read without touching the rest.

use fs_err::File;
use std::io::{BufReader, BufWriter};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::UInt32Type;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};

/// Profiles that are read together, about: blocks that the caches and the allocator keep.
const TOGETHER: u32 = 128 * 365;

/// Components that are read together at least, and at most.
const COMPONENTS: (u32, u32) = (128, 8_192);

/// Ranges for each thread at least, so that none waits long for the others.
const RANGES_PER_THREAD: usize = 8;

/// Components that are read together, in a lake of so many days.
pub(super) fn components_together(components: u32, days: u32, threads: usize) -> u32 {
    let (least, most) = COMPONENTS;
    let per_thread = components as usize / (RANGES_PER_THREAD * threads.max(1));
    (TOGETHER / days.max(1))
        .min(u32::try_from(per_thread).unwrap_or(u32::MAX))
        .clamp(least, most)
}

/// Why the store could not keep or return day profiles.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The spill folder failed.
    #[error("cannot use the spill file `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Arrow could not write or read its own format.
    #[error("cannot use the spill file `{}`", path.display())]
    Arrow {
        /// The file.
        path: PathBuf,
        /// What arrow said.
        source: ArrowError,
    },
}

#[derive(Debug)]
enum Part {
    Memory(Arc<RecordBatch>),
    /// A file and, for each of its batches, the number of the range of components that it holds.
    File(PathBuf, Vec<u32>),
}

#[derive(Debug, Default)]
struct Inner {
    parts: Vec<Part>,
    held_bytes: usize,
    spilled_bytes: u64,
    files: usize,
}

/// Day profiles of all components, in any order of arrival.
#[derive(Debug)]
pub(super) struct ProfileStore {
    budget_bytes: usize,
    folder: PathBuf,
    /// Components of a range.
    step: u32,
    inner: Mutex<Inner>,
}

impl ProfileStore {
    /// A store that holds `budget_bytes` in memory and the rest in `folder`, which must exist, and is read by ranges of
    /// `step` components.
    #[must_use]
    pub(super) fn new(budget_bytes: usize, folder: &Path, step: u32) -> Self {
        Self {
            budget_bytes,
            folder: folder.to_owned(),
            step: step.max(1),
            inner: Mutex::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A poisoned lock means that a task panicked while adding; the run fails with that panic anyway.
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Adds a batch of day profiles that is sorted by component.
    pub(super) fn add(&self, batch: RecordBatch) -> Result<(), StoreError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let bytes = batch.get_array_memory_size();
        let path = {
            let mut inner = self.lock();
            if inner.held_bytes + bytes <= self.budget_bytes {
                inner.held_bytes += bytes;
                inner.parts.push(Part::Memory(Arc::new(batch)));
                return Ok(());
            }
            inner.files += 1;
            self.folder.join(format!("day-profiles-{}.arrow", inner.files))
        };
        let ranges = write_file(&path, &batch, self.step)?;
        let length = fs_err::metadata(&path).map_or(0, |m| m.len());
        let mut inner = self.lock();
        inner.spilled_bytes += length;
        inner.parts.push(Part::File(path, ranges));
        Ok(())
    }

    /// Every row of the components in `range`: rows of batches that are sorted by component, in no particular order.
    ///
    /// `range` must be one of [`Self::ranges`], or lie within one.
    pub(super) fn read(&self, range: &Range<u32>) -> Result<Vec<HeldRows>, StoreError> {
        let mut batches = Vec::new();
        let mut files = Vec::new();
        for part in &self.lock().parts {
            match part {
                Part::Memory(batch) => {
                    batches.extend(rows_of(batch, range).map(|rows| (Arc::clone(batch), rows)));
                }
                Part::File(path, ranges) => {
                    let wanted: Vec<usize> = (0..ranges.len())
                        .filter(|&i| {
                            let first = ranges[i].saturating_mul(self.step);
                            first < range.end && range.start < first.saturating_add(self.step)
                        })
                        .collect();
                    if !wanted.is_empty() {
                        files.push((path.clone(), wanted));
                    }
                }
            }
        }
        for (path, wanted) in files {
            for batch in read_file(&path, &wanted)? {
                batches.extend(rows_of(&batch, range).map(|rows| (Arc::new(batch), rows)));
            }
        }
        Ok(batches)
    }

    /// The ranges of components that a lake of `components` is read in.
    pub(super) fn ranges(&self, components: u32) -> impl Iterator<Item = Range<u32>> + use<> {
        ranges(components, self.step)
    }

    /// Bytes written to the spill folder so far.
    #[must_use]
    pub(super) fn spilled_bytes(&self) -> u64 {
        self.lock().spilled_bytes
    }
}

fn ranges(components: u32, step: u32) -> impl Iterator<Item = Range<u32>> {
    (0..components.div_ceil(step)).map(move |i| {
        let from = i * step;
        from..from.saturating_add(step).min(components)
    })
}

/// Some rows of a batch of day profiles.
pub(super) type HeldRows = (Arc<RecordBatch>, Range<usize>);

/// The rows of `range` in a batch that is sorted by component; `None` where there are none.
fn rows_of(batch: &RecordBatch, range: &Range<u32>) -> Option<Range<usize>> {
    let components = batch.column(0).as_primitive::<UInt32Type>().values();
    let from = components.partition_point(|&c| c < range.start);
    let to = components.partition_point(|&c| c < range.end);
    (to > from).then_some(from..to)
}

fn write_file(path: &Path, batch: &RecordBatch, step: u32) -> Result<Vec<u32>, StoreError> {
    let io = |source| StoreError::Io {
        path: path.to_owned(),
        source,
    };
    let arrow = |source| StoreError::Arrow {
        path: path.to_owned(),
        source,
    };
    let file = File::create(path).map_err(io)?;
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::LZ4_FRAME))
        .map_err(arrow)?;
    let mut writer =
        FileWriter::try_new_with_options(BufWriter::new(file), &batch.schema(), options).map_err(arrow)?;
    let last = batch
        .column(0)
        .as_primitive::<UInt32Type>()
        .value(batch.column(0).len() - 1);
    let mut held = Vec::new();
    for (number, range) in ranges(last.saturating_add(1), step).enumerate() {
        if let Some(rows) = rows_of(batch, &range) {
            writer
                .write(&batch.slice(rows.start, rows.len()))
                .map_err(arrow)?;
            held.push(number as u32);
        }
    }
    writer.finish().map_err(arrow)?;
    Ok(held)
}

fn read_file(path: &Path, wanted: &[usize]) -> Result<Vec<RecordBatch>, StoreError> {
    let arrow = |source| StoreError::Arrow {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(|source| StoreError::Io {
        path: path.to_owned(),
        source,
    })?;
    let mut reader = FileReader::try_new(BufReader::new(file), None).map_err(arrow)?;
    let mut batches = Vec::with_capacity(wanted.len());
    for &position in wanted {
        reader.set_index(position).map_err(arrow)?;
        if let Some(batch) = reader.next() {
            batches.push(batch.map_err(arrow)?);
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use arrow::array::{Int64Array, UInt32Array};
    use arrow::compute::concat_batches;

    use super::*;

    fn batch(components: &[u32], day: i64) -> RecordBatch {
        let days = Int64Array::from(vec![day; components.len()]);
        RecordBatch::try_from_iter([
            ("component", Arc::new(UInt32Array::from(components.to_vec())) as _),
            ("day", Arc::new(days) as _),
        ])
        .unwrap()
    }

    /// What the store returns for every range, as sorted (component, day) pairs.
    fn contents(store: &ProfileStore, components: u32) -> Vec<(u32, i64)> {
        let mut rows = Vec::new();
        for range in store.ranges(components) {
            let parts = store.read(&range).unwrap();
            let parts: Vec<_> = parts
                .iter()
                .map(|(batch, rows)| batch.slice(rows.start, rows.len()))
                .collect();
            let Some(first) = parts.first() else { continue };
            let all = concat_batches(&first.schema(), &parts).unwrap();
            let ids = all.column(0).as_primitive::<UInt32Type>();
            let days = all.column(1).as_primitive::<arrow::datatypes::Int64Type>();
            assert!(ids.values().iter().all(|c| range.contains(c)));
            rows.extend(ids.values().iter().copied().zip(days.values().iter().copied()));
        }
        rows.sort_unstable();
        rows
    }

    #[test]
    fn memory_and_spill_return_the_same_rows() {
        let folder = tempfile::tempdir().unwrap();
        let step = 128;
        let ids = [0, 5, step - 1, step, 2 * step + 3];
        let roomy = ProfileStore::new(usize::MAX, folder.path(), step);
        let tight = ProfileStore::new(0, folder.path(), step);
        for day in 0..4 {
            roomy.add(batch(&ids, day)).unwrap();
            tight.add(batch(&ids, day)).unwrap();
        }
        let expected: Vec<(u32, i64)> = ids.iter().flat_map(|&c| (0..4).map(move |d| (c, d))).collect();
        assert_eq!(contents(&roomy, 3 * step), expected);
        assert_eq!(contents(&tight, 3 * step), expected);
        assert_eq!(roomy.spilled_bytes(), 0);
        assert!(tight.spilled_bytes() > 0);
    }

    #[test]
    fn few_days_are_read_for_many_components() {
        let together = |components, days| components_together(components, days, 2);
        assert_eq!(together(1_000_000, 365), 128);
        assert_eq!(together(1_000_000, 31), 1_507);
        assert_eq!(together(1_000_000, 1), 8_192);
        assert_eq!(together(1_000_000, 0), 8_192);
        assert_eq!(together(1_000_000, 4_000), 128);
        // Sixteen ranges for two threads.
        assert_eq!(together(4_000, 31), 250);
        assert_eq!(together(100, 31), 128);
    }

    #[test]
    fn a_spill_folder_that_is_gone_is_an_error_that_names_the_file() {
        let store = ProfileStore::new(0, Path::new("/nonexistent"), 128);
        let error = store.add(batch(&[1], 0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot use the spill file `/nonexistent/day-profiles-1.arrow`"
        );
    }
}
