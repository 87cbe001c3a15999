//! Measurements from the files of the lake to files by period.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use datalake_deps::lake::{MeasurementBatch, MeasurementFiles, MeasurementScan, Piece};
use datalake_deps::run_record::Rows;
use datalake_deps::session::Session;
use datalake_transforms::compact::{Period, Row, RowReader, Soundness, Texts, canonical_batch};
use rayon::prelude::*;

use super::error::CompactError;
use super::run_store::{RunStore, Spill};
use crate::theft_detection::rejected::RejectedRow;
use crate::theft_detection::windows::{Limits, PieceSpan, Plan, Window, plan};

/// Table that all of this is about.
const TABLE: &str = "measurements";

/// Rejected rows before a run asks itself whether it makes sense to go on.
const REJECTED_BEFORE_CHECK: u64 = 1_000_000;

/// Rows of a task between two hand-overs to the store, at most.
const HANDOVER_ROWS: usize = 1 << 17;

/// What a row takes while its period is sorted and written: itself twice, and the columns it becomes.
const ROW_BYTES: u64 = 3 * size_of::<Row>() as u64;

/// Longest window: by then few pieces straddle its ends.
const MAX_WINDOW_PERIODS: u64 = 4_096;

/// Everything that compaction needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gather<'a> {
    /// Threads, memory and the stop flag.
    pub(super) session: &'a Session,
    /// The files that are read.
    pub(super) scan: &'a MeasurementScan,
    /// How files are written.
    pub(super) files: &'a MeasurementFiles,
    /// The folder that they go to.
    pub(super) folder: &'a Path,
    /// What one file holds.
    pub(super) by: Period,
    /// Which rows may hide older ones.
    pub(super) sound: Soundness,
    /// Highest share of rejected rows.
    pub(super) max_rejected_share: f64,
}

/// What became of the rows.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Where they went.
    pub(super) rows: Rows,
    /// Rows kept aside, in no particular order.
    pub(super) rejected: Vec<RejectedRow>,
    /// Files written.
    pub(super) files: u64,
    /// Bytes of rows that did not fit into memory.
    pub(super) spilled_bytes: u64,
}

/// Writes all files. `progress` is told the bytes that were read.
pub(super) fn gather(gather: Gather<'_>, progress: &(dyn Fn(u64) + Sync)) -> Result<Gathered, CompactError> {
    let session = gather.session;
    let texts = Texts::default();
    let spill = Spill::new(session.spill_folder());
    let run = Run {
        gather,
        texts: &texts,
        spill: &spill,
        gathered: Mutex::default(),
        read: AtomicU64::new(0),
        rejected: AtomicU64::new(0),
        progress,
    };
    let spans = run.spans();
    let share = session.memory_limit_bytes() / 2 / session.threads().max(1) as u64;
    let needed = rows_of_fullest_period(&spans, gather.scan.pieces()).saturating_mul(ROW_BYTES);
    let limits = Limits {
        max_days: (share / needed.max(1)).clamp(1, MAX_WINDOW_PERIODS) as u32,
        threads: session.threads(),
        max_amplification: 1.25,
    };
    match plan(&spans, limits) {
        Plan::Windows(windows) => {
            tracing::info!(
                windows = windows.len(),
                pieces = spans.len(),
                "compacting the measurements by windows of {}s",
                gather.by.name()
            );
            run.windows(&windows, share as usize)?;
        }
        Plan::Shuffle => {
            tracing::info!(
                pieces = spans.len(),
                "the files are not laid out by time: setting the measurements aside by {}",
                gather.by.name()
            );
            run.shuffle((session.memory_limit_bytes() / 4) as usize)?;
        }
    }
    let mut gathered = run.gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
    gathered.spilled_bytes = spill.bytes();
    gathered.rows.check_conserved()?;
    gathered.check_share(gather.max_rejected_share)?;
    if gathered.files == 0 {
        // A table without rows is one nevertheless.
        gather
            .files
            .create(&gather.folder.join("part-0.parquet"))?
            .finish()?;
        gathered.files = 1;
    }
    Ok(gathered)
}

/// About the rows of the period that has most; 0 where a piece does not say what it holds.
fn rows_of_fullest_period(spans: &[PieceSpan], pieces: &[Piece]) -> u64 {
    // Differences from period to period: a piece spreads its rows evenly over those it spans.
    let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
    for (span, piece) in spans.iter().zip(pieces) {
        let (Some((first, last)), Some(rows)) = (span.days, piece.rows) else {
            return 0;
        };
        let end = i64::from(last) + 1;
        let each = rows.div_ceil((end - i64::from(first)).max(1) as u64) as i64;
        *changes.entry(i64::from(first)).or_default() += each;
        *changes.entry(end).or_default() -= each;
    }
    let mut rows = 0_i64;
    let heights = changes.values().map(|change| {
        rows += change;
        rows
    });
    heights.max().unwrap_or(0).max(0) as u64
}

impl Gathered {
    fn merge(&mut self, other: Self) {
        let (rows, more) = (&mut self.rows, other.rows);
        rows.read += more.read;
        rows.used += more.used;
        rows.superseded += more.superseded;
        for (reason, count) in more.rejected {
            *rows.rejected.entry(reason).or_default() += count;
        }
        self.rejected.extend(other.rejected);
        self.files += other.files;
    }

    fn check_share(&self, allowed: f64) -> Result<(), CompactError> {
        let rejected: u64 = self.rows.rejected.values().sum();
        if rejected as f64 <= allowed * self.rows.read as f64 {
            return Ok(());
        }
        let reasons: Vec<String> = self
            .rows
            .rejected
            .iter()
            .map(|(reason, rows)| format!("{rows} {reason}"))
            .collect();
        Err(CompactError::TooManyRejected {
            rejected,
            read: self.rows.read,
            allowed,
            stopped_early: false,
            reasons: format!(": {}", reasons.join(", ")),
        })
    }
}

struct Run<'a> {
    gather: Gather<'a>,
    texts: &'a Texts,
    spill: &'a Spill<'a>,
    gathered: Mutex<Gathered>,
    read: AtomicU64,
    rejected: AtomicU64,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Run<'_> {
    /// What the footers say each piece holds, as periods.
    fn spans(&self) -> Vec<PieceSpan> {
        let by = self.gather.by;
        let pieces = self.gather.scan.pieces().iter();
        pieces
            .map(|piece| PieceSpan {
                days: piece
                    .range
                    .map(|(first, last)| (by.of_second(first), by.of_second(last))),
                cost: piece.bytes,
            })
            .collect()
    }

    /// Each window reads the pieces that may touch it, and writes its files.
    fn windows(&self, windows: &[Window], budget: usize) -> Result<(), CompactError> {
        windows.par_iter().try_for_each_init(
            || Task::new(self),
            |task, window| -> Result<(), CompactError> {
                // Two thirds of the share are for sorting and writing.
                let store = RunStore::new(budget / 3, self.spill, self.texts, self.gather.sound);
                for &(piece, home) in &window.pieces {
                    task.read(piece, home, &store, |period| window.days.contains(&period))?;
                }
                for period in store.periods() {
                    task.write(period, &store)?;
                }
                task.gathered.rows.superseded += store.superseded();
                task.hand_over();
                Ok(())
            },
        )
    }

    /// Each piece is read once, then each period is written.
    fn shuffle(&self, budget: usize) -> Result<(), CompactError> {
        let store = RunStore::new(budget, self.spill, self.texts, self.gather.sound);
        let pieces: Vec<usize> = (0..self.gather.scan.pieces().len()).collect();
        pieces.par_iter().try_for_each_init(
            || Task::new(self),
            |task, &piece| -> Result<(), CompactError> {
                task.read(piece, true, &store, |_| true)?;
                task.hand_over();
                Ok(())
            },
        )?;
        store.periods().par_iter().try_for_each_init(
            || Task::new(self),
            |task, &period| -> Result<(), CompactError> {
                task.write(period, &store)?;
                task.hand_over();
                Ok(())
            },
        )?;
        self.lock().rows.superseded += store.superseded();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        // A poisoned lock means that a task panicked; the run fails with that panic anyway.
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops a run that keeps aside far more than it may, before the memory is full of rejected rows.
    fn check_rejected(&self, read: u64, rejected: u64) -> Result<(), CompactError> {
        let read = self.read.fetch_add(read, Ordering::Relaxed) + read;
        let rejected = self.rejected.fetch_add(rejected, Ordering::Relaxed) + rejected;
        let known: u64 = self
            .gather
            .scan
            .pieces()
            .iter()
            .filter_map(|piece| piece.rows)
            .sum();
        let allowed = self.gather.max_rejected_share;
        if rejected > REJECTED_BEFORE_CHECK && rejected as f64 / read.max(known) as f64 > allowed {
            return Err(CompactError::TooManyRejected {
                rejected,
                read,
                allowed,
                stopped_early: true,
                reasons: String::new(),
            });
        }
        Ok(())
    }
}

/// A thread's own buffers.
struct Task<'r> {
    run: &'r Run<'r>,
    reader: RowReader<'r>,
    rows: Vec<Row>,
    gathered: Gathered,
}

impl<'r> Task<'r> {
    fn new(run: &'r Run<'_>) -> Self {
        Self {
            run,
            reader: RowReader::new(run.texts),
            rows: Vec::new(),
            gathered: Gathered::default(),
        }
    }

    /// Reads a piece into the store, the rows of periods that `wanted` accepts; `account` for the piece where this is
    /// the one place to do so.
    fn read(
        &mut self,
        piece: usize,
        account: bool,
        store: &RunStore<'_>,
        wanted: impl Fn(i32) -> bool,
    ) -> Result<(), CompactError> {
        let gather = self.run.gather;
        let piece = &gather.scan.pieces()[piece];
        gather.session.check_stop()?;
        let add = |rows: &mut Vec<Row>| -> Result<(), CompactError> {
            let mut parts = gather.by.split(rows);
            parts.retain(|(period, _)| wanted(*period));
            rows.clear();
            store.add(parts)
        };
        gather.scan.read(piece, |batch| -> Result<(), CompactError> {
            let mut refused = Vec::new();
            self.reader.read(&batch.batch, &mut self.rows, &mut refused)?;
            if account {
                let refused = refused
                    .into_iter()
                    .map(|rejection| {
                        let row_number = batch.rows.get(rejection.row);
                        let source_file = &gather.scan.files()[piece.file].relative;
                        RejectedRow::refused(TABLE, source_file, row_number, rejection)
                    })
                    .collect();
                self.account(batch, refused)?;
            }
            if self.rows.len() >= store.handover_rows(HANDOVER_ROWS) {
                add(&mut self.rows)?;
            }
            Ok(())
        })?;
        add(&mut self.rows)?;
        if account {
            (self.run.progress)(piece.bytes);
        }
        Ok(())
    }

    /// Counts a batch, and takes over what was kept aside of it.
    fn account(&mut self, batch: MeasurementBatch, refused: Vec<RejectedRow>) -> Result<(), CompactError> {
        let read = (batch.batch.num_rows() + batch.rejected.len()) as u64;
        self.gathered.rows.read += read;
        let before = self.gathered.rejected.len();
        self.gathered
            .rejected
            .extend(batch.rejected.into_iter().map(RejectedRow::from));
        self.gathered.rejected.extend(refused);
        let rejected = &self.gathered.rejected[before..];
        for row in rejected {
            *self
                .gathered
                .rows
                .rejected
                .entry(row.reason.to_owned())
                .or_default() += 1;
        }
        self.run.check_rejected(read, rejected.len() as u64)
    }

    /// Writes the file of a period.
    fn write(&mut self, period: i32, store: &RunStore<'_>) -> Result<(), CompactError> {
        let gather = self.run.gather;
        gather.session.check_stop()?;
        let folder = gather.folder.join(gather.by.folder(period));
        fs_err::create_dir_all(&folder).map_err(CompactError::Folder)?;
        let mut writer = gather.files.create(&folder.join("part-0.parquet"))?;
        self.gathered.rows.superseded += store.take(period, |rows, texts| {
            Ok(writer.write(&canonical_batch(rows, texts)?)?)
        })?;
        // What the file says, not what went in.
        self.gathered.rows.used += writer.finish()?.rows;
        self.gathered.files += 1;
        Ok(())
    }

    fn hand_over(&mut self) {
        self.run.lock().merge(std::mem::take(&mut self.gathered));
    }
}
