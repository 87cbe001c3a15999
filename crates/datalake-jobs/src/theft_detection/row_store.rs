//! Rows on their way from files to day grids, where the files are not laid out by time.
//!
//! Rows are kept by day, in memory up to a budget; past it what is held goes to the spill folder as one
//! compressed Arrow IPC file with a batch per day.

use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arrow::ipc::CompressionType;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use datalake_transforms::day_rows::{DayRow, day_rows_from_batch, day_rows_to_batch};
use datalake_transforms::error::TransformError;
use fs_err::File;

use super::profile_store::StoreError;

/// Why rows could not be set aside or taken back.
#[derive(Debug, thiserror::Error)]
pub enum RowStoreError {
    /// The spill folder failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Rows could not be turned into a batch or back.
    #[error(transparent)]
    Transform(#[from] TransformError),
}

type ByDay = BTreeMap<i32, Vec<Vec<DayRow>>>;

#[derive(Debug, Default)]
struct Inner {
    held: ByDay,
    held_rows: usize,
    /// A file and the days of its batches.
    files: Vec<(PathBuf, Vec<i32>)>,
    file_count: usize,
    spilled_bytes: u64,
}

/// Rows by day, in any order of arrival.
#[derive(Debug)]
pub(super) struct RowStore {
    budget_rows: usize,
    folder: PathBuf,
    inner: Mutex<Inner>,
}

impl RowStore {
    /// A store that holds `budget_bytes` in memory and the rest in `folder`, which must exist.
    #[must_use]
    pub(super) fn new(budget_bytes: usize, folder: &Path) -> Self {
        Self {
            budget_rows: budget_bytes / size_of::<DayRow>(),
            folder: folder.to_owned(),
            inner: Mutex::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A poisoned lock means that a task panicked while adding; the run fails with that panic anyway.
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Adds rows, grouped by day.
    pub(super) fn add(&self, by_day: Vec<(i32, Vec<DayRow>)>) -> Result<(), RowStoreError> {
        let (path, full) = {
            let mut inner = self.lock();
            for (day, rows) in by_day {
                inner.held_rows += rows.len();
                inner.held.entry(day).or_default().push(rows);
            }
            if inner.held_rows <= self.budget_rows {
                return Ok(());
            }
            inner.held_rows = 0;
            inner.file_count += 1;
            let path = self.folder.join(format!("rows-{}.arrow", inner.file_count));
            (path, std::mem::take(&mut inner.held))
        };
        // The file is written without the lock, so that other tasks go on reading meanwhile.
        let days = write_file(&path, &full)?;
        let bytes = fs_err::metadata(&path).map_or(0, |m| m.len());
        let mut inner = self.lock();
        inner.spilled_bytes += bytes;
        inner.files.push((path, days));
        Ok(())
    }

    /// The days that have rows, ascending.
    #[must_use]
    pub(super) fn days(&self) -> Vec<i32> {
        let inner = self.lock();
        let mut days: Vec<i32> = inner.held.keys().copied().collect();
        days.extend(inner.files.iter().flat_map(|(_, days)| days));
        days.sort_unstable();
        days.dedup();
        days
    }

    /// Takes the rows of a day out of the memory and reads those that were spilled.
    pub(super) fn take(&self, day: i32) -> Result<Vec<Vec<DayRow>>, RowStoreError> {
        let (mut chunks, files) = {
            let mut inner = self.lock();
            let chunks = inner.held.remove(&day).unwrap_or_default();
            let files: Vec<(PathBuf, usize)> = inner
                .files
                .iter()
                .filter_map(|(path, days)| Some((path.clone(), days.binary_search(&day).ok()?)))
                .collect();
            (chunks, files)
        };
        for (path, position) in files {
            let file = File::open(&path).map_err(|source| StoreError::Io {
                path: path.clone(),
                source,
            })?;
            let arrow = |source| StoreError::Arrow {
                path: path.clone(),
                source,
            };
            let mut reader = FileReader::try_new(BufReader::new(file), None).map_err(arrow)?;
            reader.set_index(position).map_err(arrow)?;
            if let Some(batch) = reader.next() {
                chunks.push(day_rows_from_batch(&batch.map_err(arrow)?)?);
            }
        }
        Ok(chunks)
    }

    /// Bytes written to the spill folder so far.
    #[must_use]
    pub(super) fn spilled_bytes(&self) -> u64 {
        self.lock().spilled_bytes
    }
}

fn write_file(path: &Path, by_day: &ByDay) -> Result<Vec<i32>, RowStoreError> {
    let arrow = |source| StoreError::Arrow {
        path: path.to_owned(),
        source,
    };
    let file = File::create(path).map_err(|source| StoreError::Io {
        path: path.to_owned(),
        source,
    })?;
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::LZ4_FRAME))
        .map_err(arrow)?;
    let schema = day_rows_to_batch(&[])?.schema();
    let mut writer =
        FileWriter::try_new_with_options(BufWriter::new(file), &schema, options).map_err(arrow)?;
    for chunks in by_day.values() {
        writer.write(&day_rows_to_batch(chunks)?).map_err(arrow)?;
    }
    writer.finish().map_err(arrow)?;
    Ok(by_day.keys().copied().collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use arrow::array::{RecordBatch, UInt32Array, UInt64Array};
    use datalake_transforms::measured::{Mark, Measured};
    use datalake_transforms::model::Condition;

    use super::*;

    fn row(cell: u32) -> DayRow {
        let measured = Measured::new(Mark::new(Condition::Actual, true), 1_000_000);
        let batch = RecordBatch::try_from_iter([
            ("cell", Arc::new(UInt32Array::from(vec![cell])) as _),
            (
                "measured",
                Arc::new(UInt64Array::from(vec![measured.to_bits()])) as _,
            ),
            ("age", Arc::new(UInt64Array::from(vec![3])) as _),
        ])
        .unwrap();
        day_rows_from_batch(&batch).unwrap()[0]
    }

    #[test]
    fn spilled_rows_come_back_with_those_held() {
        let folder = tempfile::tempdir().unwrap();
        let store = RowStore::new(5 * size_of::<DayRow>(), folder.path());
        for cell in 0..8 {
            store
                .add(vec![(3, vec![row(cell)]), (20, vec![row(100 + cell)])])
                .unwrap();
        }
        assert!(store.spilled_bytes() > 0);
        assert_eq!(store.days(), [3, 20]);
        for (day, first) in [(3, 0), (20, 100)] {
            let rows = store.take(day).unwrap().concat();
            assert_eq!(rows.len(), 8);
            for cell in first..first + 8 {
                assert!(rows.contains(&row(cell)), "{cell}");
            }
        }
        assert!(store.take(4).unwrap().is_empty());
    }
}
