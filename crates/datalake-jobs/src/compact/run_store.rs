//! Rows on their way from files to files, by period: in memory up to a budget, then in the spill folder.
//!
//! What is spilled is sorted and compacted first, so a period comes back as a few sorted runs, to be merged row by row.
//! A spill file holds an Arrow IPC stream for each period, found by its position.

use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Take, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow::ipc::CompressionType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use datalake_transforms::compact::{
    Row, Soundness, Texts, merge, newest, rows_from_batch, rows_to_batch, sort, spill_schema,
};
use fs_err::File;

use super::error::CompactError;

/// Rows of a spilled batch: what a merge holds of each run.
const SPILL_BATCH_ROWS: usize = 4_096;

/// Rows that are handed out at a time.
const CHUNK_ROWS: usize = 8_192;

/// Where rows are spilled; shared by all stores of a run.
#[derive(Debug)]
pub(super) struct Spill<'a> {
    folder: &'a Path,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl<'a> Spill<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn next_path(&self) -> PathBuf {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("measurements-{number}.arrow"))
    }
}

/// A sorted run in a spill file.
#[derive(Debug, Clone)]
struct RunAt {
    path: PathBuf,
    offset: u64,
    length: u64,
}

type ByPeriod = BTreeMap<i32, Vec<Vec<Row>>>;

#[derive(Debug, Default)]
struct Inner {
    held: ByPeriod,
    held_rows: usize,
    runs: BTreeMap<i32, Vec<RunAt>>,
    superseded: u64,
}

/// Rows by period, in any order of arrival.
#[derive(Debug)]
pub(super) struct RunStore<'a> {
    budget_rows: usize,
    spill: &'a Spill<'a>,
    texts: &'a Texts,
    sound: Soundness,
    inner: Mutex<Inner>,
}

impl<'a> RunStore<'a> {
    /// A store that holds about `budget_bytes` in memory.
    pub(super) fn new(budget_bytes: usize, spill: &'a Spill<'a>, texts: &'a Texts, sound: Soundness) -> Self {
        Self {
            budget_rows: budget_bytes / size_of::<Row>(),
            spill,
            texts,
            sound,
            inner: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock means that a task panicked while adding; the run fails with that panic anyway.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds rows, grouped by period.
    pub(super) fn add(&self, by_period: Vec<(i32, Vec<Row>)>) -> Result<(), CompactError> {
        let full = {
            let mut inner = self.lock();
            for (period, rows) in by_period {
                inner.held_rows += rows.len();
                inner.held.entry(period).or_default().push(rows);
            }
            if inner.held_rows <= self.budget_rows {
                return Ok(());
            }
            inner.held_rows = 0;
            std::mem::take(&mut inner.held)
        };
        // The file is written without the lock, so that other tasks go on reading meanwhile.
        let (runs, superseded) = self.write_runs(full)?;
        let mut inner = self.lock();
        inner.superseded += superseded;
        for (period, run) in runs {
            inner.runs.entry(period).or_default().push(run);
        }
        Ok(())
    }

    /// Rows that a task may gather before it adds them: `most`, or less where the budget is small.
    pub(super) fn handover_rows(&self, most: usize) -> usize {
        (self.budget_rows / 4).clamp(1, most)
    }

    /// The periods that have rows, ascending.
    pub(super) fn periods(&self) -> Vec<i32> {
        let inner = self.lock();
        let mut periods: Vec<i32> = inner.held.keys().chain(inner.runs.keys()).copied().collect();
        periods.sort_unstable();
        periods.dedup();
        periods
    }

    /// Rows that went while others were spilled.
    pub(super) fn superseded(&self) -> u64 {
        self.lock().superseded
    }

    /// Takes a period out, and shows its kept rows in order; returns how many went.
    pub(super) fn take(
        &self,
        period: i32,
        mut visit: impl FnMut(&[Row], &datalake_transforms::compact::ReadTexts<'_>) -> Result<(), CompactError>,
    ) -> Result<u64, CompactError> {
        let (held, runs) = {
            let mut inner = self.lock();
            let held = inner.held.remove(&period).unwrap_or_default();
            inner.held_rows -= held.iter().map(Vec::len).sum::<usize>().min(inner.held_rows);
            (held, inner.runs.remove(&period).unwrap_or_default())
        };
        let (rows, mut superseded) = self.compacted(held);
        if runs.is_empty() {
            for chunk in rows.chunks(CHUNK_ROWS) {
                // Held for a chunk only: other tasks may be waiting to add texts.
                visit(chunk, &self.texts.read())?;
            }
            return Ok(superseded);
        }
        let mut sorted = vec![Run::Held(rows.into_iter())];
        for run in &runs {
            sorted.push(Run::Spilled(Box::new(SpilledRun::open(run)?)));
        }
        let texts = self.texts.read();
        let mut chunk = Vec::with_capacity(CHUNK_ROWS);
        superseded += merge(sorted, &texts, self.sound, |rows| {
            chunk.extend_from_slice(rows);
            if chunk.len() >= CHUNK_ROWS {
                visit(&chunk, &texts)?;
                chunk.clear();
            }
            Ok::<_, CompactError>(())
        })?;
        if !chunk.is_empty() {
            visit(&chunk, &texts)?;
        }
        Ok(superseded)
    }

    /// The kept rows of these, sorted, and how many went.
    fn compacted(&self, held: Vec<Vec<Row>>) -> (Vec<Row>, u64) {
        let mut rows = Vec::with_capacity(held.iter().map(Vec::len).sum());
        for chunk in held {
            rows.extend_from_slice(&chunk);
        }
        sort(&mut rows, &self.texts.read());
        let superseded = newest(&mut rows, self.sound);
        (rows, superseded)
    }

    fn write_runs(&self, by_period: ByPeriod) -> Result<(Vec<(i32, RunAt)>, u64), CompactError> {
        let path = self.spill.next_path();
        let io = |source| CompactError::Spill {
            path: path.clone(),
            source,
        };
        let arrow = |source| CompactError::SpillFormat {
            path: path.clone(),
            source,
        };
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(io)?);
        let mut runs = Vec::with_capacity(by_period.len());
        let (mut offset, mut superseded) = (0, 0);
        for (period, held) in by_period {
            let (rows, gone) = self.compacted(held);
            superseded += gone;
            let options = IpcWriteOptions::default()
                .try_with_compression(Some(CompressionType::LZ4_FRAME))
                .map_err(arrow)?;
            let mut writer =
                StreamWriter::try_new_with_options(&mut file, &spill_schema(), options).map_err(arrow)?;
            for chunk in rows.chunks(SPILL_BATCH_ROWS) {
                writer.write(&rows_to_batch(chunk)?).map_err(arrow)?;
            }
            writer.finish().map_err(arrow)?;
            drop(writer);
            let end = file.stream_position().map_err(io)?;
            runs.push((
                period,
                RunAt {
                    path: path.clone(),
                    offset,
                    length: end - offset,
                },
            ));
            offset = end;
        }
        file.flush().map_err(io)?;
        self.spill.bytes.fetch_add(offset, Ordering::Relaxed);
        Ok((runs, superseded))
    }
}

/// Sorted rows, in memory or in a file.
enum Run {
    Held(std::vec::IntoIter<Row>),
    Spilled(Box<SpilledRun>),
}

impl Iterator for Run {
    type Item = Result<Row, CompactError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Held(rows) => rows.next().map(Ok),
            Self::Spilled(run) => run.next(),
        }
    }
}

struct SpilledRun {
    path: PathBuf,
    reader: StreamReader<BufReader<Take<File>>>,
    rows: std::vec::IntoIter<Row>,
}

impl SpilledRun {
    fn open(run: &RunAt) -> Result<Self, CompactError> {
        let io = |source| CompactError::Spill {
            path: run.path.clone(),
            source,
        };
        let mut file = File::open(&run.path).map_err(io)?;
        file.seek(SeekFrom::Start(run.offset)).map_err(io)?;
        let reader =
            StreamReader::try_new(BufReader::new(file.take(run.length)), None).map_err(|source| {
                CompactError::SpillFormat {
                    path: run.path.clone(),
                    source,
                }
            })?;
        Ok(Self {
            path: run.path.clone(),
            reader,
            rows: Vec::new().into_iter(),
        })
    }

    fn next(&mut self) -> Option<Result<Row, CompactError>> {
        loop {
            if let Some(row) = self.rows.next() {
                return Some(Ok(row));
            }
            let rows = match self.reader.next()? {
                Ok(batch) => rows_from_batch(&batch).map_err(CompactError::from),
                Err(source) => Err(CompactError::SpillFormat {
                    path: self.path.clone(),
                    source,
                }),
            };
            match rows {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
