//! Measurements to day profiles: each piece of the files is read, resolved to dense positions, and put into the
//! grids of its days.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use datalake_deps::lake::{MeasurementBatch, MeasurementScan, Piece};
use datalake_deps::session::Session;
use datalake_transforms::accounting::RowCounts;
use datalake_transforms::day_grid::{DayGrid, GridOutput};
use datalake_transforms::findings::Findings;
use datalake_transforms::model::DAY_SECONDS;
use datalake_transforms::register_periods::register_periods;
use datalake_transforms::registry::{Component, Registry};
use datalake_transforms::resolve::{
    RegisterRow, ResolveConfig, ResolvedRows, Resolver, component_chunks, sort_register_rows,
};
use rayon::prelude::*;

use super::error::JobError;
use super::profile_store::ProfileStore;
use super::rejected::RejectedRow;
use super::row_store::RowStore;
use super::sweeps::{self, Span, Sweep, sweeps};
use super::windows::{Limits, PieceSpan, Plan, Window, plan};

/// Table that all of this is about.
const TABLE: &str = "measurements";

/// Rejected rows before a run asks itself whether it makes sense to go on.
const REJECTED_BEFORE_CHECK: u64 = 1_000_000;

/// Rows of a task between two hand-overs to the row store.
const HANDOVER_ROWS: usize = 1 << 19;

/// Rows of register components that one task turns into day profiles.
const REGISTER_CHUNK_ROWS: usize = 1 << 11;

/// Everything that reading the measurements needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure<'a> {
    /// Threads, memory and the stop flag.
    pub session: &'a Session,
    /// The files.
    pub scan: &'a MeasurementScan,
    /// What rows are joined with.
    pub registry: &'a Registry,
    /// Condition codes and use flags.
    pub conditions: &'a ResolveConfig,
    /// Where the profiles go.
    pub store: &'a ProfileStore,
    /// Highest share of rejected rows; `None` reads on whatever is rejected, and keeps the first of them only.
    pub max_rejected_share: Option<f64>,
    /// Rows of `measuring_component` that were kept aside.
    pub rejected_components: u64,
}

/// What came of the measurements, besides the profiles.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// Where the rows went.
    pub counts: RowCounts,
    /// What was noticed.
    pub findings: Findings,
    /// Rows kept aside, in no particular order.
    pub rejected: Vec<RejectedRow>,
    /// Bytes of rows that did not fit into memory.
    pub spilled_bytes: u64,
    /// Rows of scalar registers, sorted as `register_periods` wants them. A period becomes a day profile for each
    /// of its days, hundreds for one row, so profiles of registers are made where they are read.
    pub(super) register_rows: Vec<RegisterRow>,
}

impl Measured {
    fn merge(&mut self, other: Self) {
        self.counts.merge(&other.counts);
        self.findings.merge(other.findings);
        self.rejected.extend(other.rejected);
        self.spilled_bytes += other.spilled_bytes;
        self.register_rows.extend(other.register_rows);
    }
}

/// Fills the store with the day profiles of all measurements. `progress` is told the bytes that were read.
pub(super) fn day_profiles(
    measure: Measure<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Measured, JobError> {
    let run = Run {
        measure,
        resolver: Resolver::new(measure.registry, measure.conditions.clone())?,
        gathered: Mutex::default(),
        read: AtomicU64::new(0),
        rejected: AtomicU64::new(0),
        progress,
    };
    match run.plan()? {
        Reading::Sweeps(sweeps, parts) => {
            tracing::info!(
                sweeps = sweeps.len(),
                open_days = sweeps.iter().map(|sweep| sweep.open_days).max(),
                component_ranges = parts.len(),
                pieces = measure.scan.pieces().len(),
                "reading the measurements day by day"
            );
            run.sweeps(&sweeps, &parts)?;
        }
        Reading::Tiles(days, tiles) => {
            tracing::info!(
                component_ranges = tiles.len(),
                pieces = measure.scan.pieces().len(),
                "reading the measurements by ranges of components"
            );
            run.tiles(&days, &tiles)?;
        }
        Reading::Shuffle => {
            tracing::info!(
                pieces = measure.scan.pieces().len(),
                "the files are laid out neither by time nor by component: shuffling the measurements by day"
            );
            run.shuffle()?;
        }
    }
    let gathered = run
        .gathered
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut measured = gathered;
    account_registers(measure, &mut measured)?;
    measured.counts.check()?;
    Ok(measured)
}

/// How the measurements are read.
enum Reading {
    /// Day by day, by ranges of components where a day of all of them is too much.
    Sweeps(Vec<Sweep>, Vec<Range<u32>>),
    /// All days of a range of components at a time.
    Tiles(Range<i32>, Vec<Window>),
    /// Every piece once, rows set aside by day.
    Shuffle,
}

/// Highest cost of a plan, as a multiple of reading everything once: a shuffle costs more than that.
const MAX_AMPLIFICATION: f64 = 1.25;

/// Days that are open at once in a lake laid out by time, months together at most; with more, ranges of components are
/// looked at first.
const USUAL_OPEN_DAYS: usize = 70;

/// `components` in `parts` ranges of about equal length.
fn component_ranges(components: u32, parts: usize) -> Vec<Range<u32>> {
    let step = components.div_ceil((parts as u32).max(1)).max(1);
    (0..components)
        .step_by(step as usize)
        .map(|from| from..(from + step).min(components))
        .collect()
}

struct Run<'a> {
    measure: Measure<'a>,
    resolver: Resolver<'a>,
    gathered: Mutex<Measured>,
    read: AtomicU64,
    rejected: AtomicU64,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Run<'_> {
    /// Chooses how to read, by what the footers say each piece holds.
    fn plan(&self) -> Result<Reading, JobError> {
        let registry = self.measure.registry;
        let components = registry.components.len() as u32;
        let threads = self.measure.session.threads();
        let pieces = self.measure.scan.pieces();
        let Some(days) = self.days_of_pieces() else {
            return Ok(Reading::Shuffle);
        };
        let spans: Vec<Span> = days
            .iter()
            .zip(pieces)
            .map(|(&days, piece)| Span {
                days,
                cost: piece.bytes,
            })
            .collect();
        let by_id: Option<Vec<(u32, u32)>> = pieces.iter().map(|piece| self.components_of(piece)).collect();
        let (budget, day_bytes) = (self.grid_budget(), self.day_bytes()?);
        let parts = component_ranges(components, day_bytes.div_ceil(budget));
        let part_bytes = day_bytes.div_ceil(parts.len().max(1));
        let limits = sweeps::Limits {
            threads,
            max_open_days: (budget / part_bytes.max(1)).max(1),
            max_amplification: MAX_AMPLIFICATION,
        };
        let swept = sweeps(&spans, limits).filter(|_| {
            // Each range reads the pieces that may hold it.
            let cost = |part: &Range<u32>| -> u64 {
                let held = |at: usize| by_id.as_ref().is_none_or(|by_id| meets(by_id[at], part));
                spans
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| held(*at))
                    .map(|(_, span)| span.cost)
                    .sum()
            };
            let total: u64 = spans.iter().map(|span| span.cost).sum();
            parts.iter().map(cost).sum::<u64>() as f64 <= MAX_AMPLIFICATION * total as f64
        });
        let open = |sweeps: &[Sweep]| sweeps.iter().map(|sweep| sweep.open_days).max().unwrap_or(1);
        if let Some(swept) = &swept
            && open(swept) <= USUAL_OPEN_DAYS
        {
            return Ok(Reading::Sweeps(swept.clone(), parts));
        }
        let first = spans.iter().map(|span| span.days.0).min().unwrap_or(0);
        let last = spans.iter().map(|span| span.days.1).max().unwrap_or(0);
        let all_days = first..last.saturating_add(1);
        if let Some(by_id) = by_id {
            let component_bytes = (day_bytes / components.max(1) as usize + 1).saturating_mul(all_days.len());
            let most = (budget / component_bytes.max(1)).min(components as usize / (2 * threads).max(1) + 1);
            let spans: Vec<PieceSpan> = by_id
                .iter()
                .zip(pieces)
                .map(|(&(from, to), piece)| PieceSpan {
                    days: Some((from as i32, to as i32)),
                    cost: piece.bytes,
                })
                .collect();
            let limits = Limits {
                max_days: most as u32,
                threads,
                max_amplification: MAX_AMPLIFICATION,
            };
            if most > 0
                && let Plan::Windows(tiles) = plan(&spans, limits)
            {
                return Ok(Reading::Tiles(all_days, tiles));
            }
        }
        Ok(swept.map_or(Reading::Shuffle, |swept| Reading::Sweeps(swept, parts)))
    }

    /// Bytes of one task's grids.
    fn grid_budget(&self) -> usize {
        let session = self.measure.session;
        (session.memory_limit_bytes() as usize / 2 / session.threads().max(1)).max(1)
    }

    /// Bytes of a day of all components.
    fn day_bytes(&self) -> Result<usize, JobError> {
        let components = self.measure.registry.components.len() as u32;
        Ok(DayGrid::bytes_needed(self.measure.registry, 1, 0..components)?.max(1))
    }

    /// First and last day of the interval starts that each piece may hold; `None` where some footer does not tell.
    fn days_of_pieces(&self) -> Option<Vec<(i32, i32)>> {
        let components = &self.measure.registry.components;
        let longest = components
            .iter()
            .filter(|component| component.is_energy())
            .filter_map(Component::interval_seconds)
            .max();
        // `measured_at` is the end of an interval: the first one may have started a whole interval before.
        let longest = longest.map_or(DAY_SECONDS, i64::from);
        let day = |seconds: i64| i32::try_from(seconds.div_euclid(DAY_SECONDS)).ok();
        let span = |piece: &Piece| {
            let (first, last) = piece.range?;
            Some((
                day(first.saturating_sub(longest))?,
                day(last.saturating_sub(1).max(first - longest))?,
            ))
        };
        self.measure.scan.pieces().iter().map(span).collect()
    }

    /// First and last component that a piece may hold, by the bounds of its ids; `None` where they do not tell.
    ///
    /// A piece without known ids is put beside the place where they would be.
    fn components_of(&self, piece: &Piece) -> Option<(u32, u32)> {
        let (least, greatest) = piece.ids.as_ref()?;
        // Padded ids have another order than the trimmed ones that components are sorted by.
        let is_plain = |id: &str| !id.is_empty() && id.trim() == id;
        if !is_plain(least) || !is_plain(greatest) {
            return None;
        }
        let components = &self.measure.registry.components;
        let from = components.partition_point(|component| component.id.as_str() < least.as_str());
        let end = components.partition_point(|component| component.id.as_str() <= greatest.as_str());
        let last = components.len().saturating_sub(1);
        Some((
            from.min(last) as u32,
            end.saturating_sub(1).clamp(from.min(last), last) as u32,
        ))
    }

    fn sweeps(&self, sweeps: &[Sweep], parts: &[Range<u32>]) -> Result<(), JobError> {
        let pieces = self.measure.scan.pieces();
        let by_id: Vec<Option<(u32, u32)>> = pieces.iter().map(|piece| self.components_of(piece)).collect();
        let tasks: Vec<(&Sweep, usize)> = sweeps
            .iter()
            .flat_map(|sweep| (0..parts.len()).map(move |part| (sweep, part)))
            .collect();
        tasks.par_iter().try_for_each_init(
            || Task::new(self),
            |task, &(sweep, part)| -> Result<(), JobError> {
                let open = sweep.days.start..sweep.days.start.saturating_add(sweep.open_days as i32);
                task.reset(open, parts[part].clone())?;
                for step in &sweep.steps {
                    // The range that holds its first component accounts for a piece.
                    let span = by_id[step.piece].filter(|_| parts.len() > 1);
                    let home = span.map_or(part == 0, |(from, _)| parts[part].contains(&from));
                    if span.is_none_or(|span| meets(span, &parts[part])) {
                        task.fill(step.piece, step.home && home)?;
                    }
                    task.advance(step.complete_before)?;
                }
                task.hand_over();
                Ok(())
            },
        )
    }

    fn tiles(&self, days: &Range<i32>, tiles: &[Window]) -> Result<(), JobError> {
        tiles
            .par_iter()
            .filter(|tile| !tile.pieces.is_empty())
            .try_for_each_init(
                || Task::new(self),
                |task, tile| -> Result<(), JobError> {
                    task.reset(days.clone(), tile.days.start as u32..tile.days.end as u32)?;
                    for &(piece, home) in &tile.pieces {
                        task.fill(piece, home)?;
                    }
                    task.finish()
                },
            )
    }

    fn shuffle(&self) -> Result<(), JobError> {
        let (budget, day_bytes) = (self.grid_budget(), self.day_bytes()?);
        let components = self.measure.registry.components.len() as u32;
        let parts = component_ranges(components, day_bytes.div_ceil(budget));
        let rows = RowStore::new(budget, self.measure.session.spill_folder());
        let pieces: Vec<usize> = (0..self.measure.scan.pieces().len()).collect();
        pieces
            .par_iter()
            .try_for_each_init(|| Task::new(self), |task, &piece| task.set_aside(piece, &rows))?;
        // A day alone makes a small grid for daily values: take days together up to what the caches hold.
        let days = rows.days();
        let together = ((8 << 20) / day_bytes).clamp(1, 64) as i32;
        let groups: Vec<&[i32]> = days
            .chunk_by(|a, b| a.div_euclid(together) == b.div_euclid(together))
            .collect();
        groups.par_iter().try_for_each_init(
            || Task::new(self),
            |task, group| -> Result<(), JobError> {
                let (Some(first), Some(last)) = (group.first(), group.last()) else {
                    return Ok(());
                };
                let mut chunks = Vec::new();
                for &day in *group {
                    chunks.extend(rows.take(day)?);
                }
                for part in &parts {
                    task.reset(*first..last + 1, part.clone())?;
                    for rows in &chunks {
                        task.insert(rows)?;
                    }
                    task.finish()?;
                }
                Ok(())
            },
        )?;
        self.lock().spilled_bytes += rows.spilled_bytes();
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Measured> {
        // A poisoned lock means that a task panicked; the run fails with that panic anyway.
        self.gathered
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether so many rows were kept aside that the next ones are only counted.
    fn has_examples_enough(&self) -> bool {
        self.measure.max_rejected_share.is_none()
            && self.rejected.load(Ordering::Relaxed) > REJECTED_BEFORE_CHECK
    }

    /// Stops a run that keeps aside far more than it may, before the memory is full of rejected rows.
    fn check_rejected(&self, read: u64, rejected: u64) -> Result<(), JobError> {
        let read = self.read.fetch_add(read, Ordering::Relaxed) + read;
        let rejected = self.rejected.fetch_add(rejected, Ordering::Relaxed) + rejected;
        let known: u64 = self
            .measure
            .scan
            .pieces()
            .iter()
            .filter_map(|piece| piece.rows)
            .sum();
        let share = rejected as f64 / read.max(known) as f64;
        if let Some(allowed) = self.measure.max_rejected_share
            && rejected > REJECTED_BEFORE_CHECK
            && share > allowed
        {
            return Err(JobError::TooManyRejected {
                table: TABLE,
                rejected,
                read,
                allowed,
                stopped_early: true,
                reasons: String::new(),
                components: self.measure.rejected_components,
            });
        }
        Ok(())
    }
}

/// A thread's own grid and buffers.
struct Task<'r, 'a> {
    run: &'r Run<'a>,
    resolver: Resolver<'a>,
    rows: ResolvedRows,
    grid: Option<(Range<u32>, DayGrid<'a>)>,
    gathered: Measured,
}

impl<'r, 'a> Task<'r, 'a> {
    fn new(run: &'r Run<'a>) -> Self {
        Self {
            run,
            resolver: run.resolver.fork(),
            rows: ResolvedRows::default(),
            grid: None,
            gathered: Measured::default(),
        }
    }

    /// An empty grid for these days and components.
    fn reset(&mut self, days: Range<i32>, components: Range<u32>) -> Result<(), JobError> {
        match &mut self.grid {
            Some((held, grid)) if *held == components => grid.restart(days)?,
            _ => {
                let measure = &self.run.measure;
                let grid = DayGrid::new(measure.registry, measure.conditions, days, components.clone())?;
                self.grid = Some((components, grid));
            }
        }
        Ok(())
    }

    fn insert(&mut self, rows: &[datalake_transforms::resolve::ResolvedRow]) -> Result<(), JobError> {
        if let Some((_, grid)) = &mut self.grid {
            grid.insert(rows)?;
        }
        Ok(())
    }

    /// Reads a piece into the grid; `account` for its rows where this is the one place to do so.
    fn fill(&mut self, piece: usize, account: bool) -> Result<(), JobError> {
        let run = self.run;
        let piece = &run.measure.scan.pieces()[piece];
        run.measure.session.check_stop()?;
        run.measure.scan.read(piece, |batch| -> Result<(), JobError> {
            self.rows.clear();
            if let Some((_, grid)) = &mut self.grid {
                self.resolver.resolve_into(&batch.batch, &mut self.rows, grid)?;
                grid.check()?;
            }
            if account {
                self.account(piece, batch)
            } else {
                Ok(())
            }
        })?;
        let findings = self.resolver.take_findings();
        if account {
            self.gathered.findings.merge(findings);
            (run.progress)(piece.bytes);
        }
        Ok(())
    }

    /// Reads a piece into the row store.
    fn set_aside(&mut self, piece: usize, store: &RowStore) -> Result<(), JobError> {
        let run = self.run;
        let piece = &run.measure.scan.pieces()[piece];
        run.measure.session.check_stop()?;
        self.rows.clear();
        run.measure.scan.read(piece, |batch| -> Result<(), JobError> {
            self.rows.batches = 0;
            self.resolver.resolve(&batch.batch, &mut self.rows)?;
            self.account(piece, batch)?;
            if self.rows.rows.len() >= HANDOVER_ROWS {
                store.add(self.rows.partition_by_day())?;
                self.rows.rows.clear();
            }
            Ok(())
        })?;
        if !self.rows.rows.is_empty() {
            store.add(self.rows.partition_by_day())?;
            self.rows.rows.clear();
        }
        self.gathered.findings.merge(self.resolver.take_findings());
        run.lock().merge(std::mem::take(&mut self.gathered));
        (run.progress)(piece.bytes);
        Ok(())
    }

    /// Takes over what the reader and the resolver kept aside of the batch just resolved.
    fn account(&mut self, piece: &Piece, batch: MeasurementBatch) -> Result<(), JobError> {
        let source_file = &self.run.measure.scan.files()[piece.file].relative;
        let gathered = &mut self.gathered;
        let mut counts = std::mem::take(&mut self.rows.counts);
        let kept_aside = (batch.rejected.len() + self.rows.rejections.len()) as u64;
        counts.read += batch.rejected.len() as u64;
        let keep = !self.run.has_examples_enough();
        for row in batch.rejected {
            counts.add_rejected(row.reason.code(), 1);
            if keep {
                gathered.rejected.push(row.into());
            }
        }
        for rejection in self.rows.rejections.drain(..) {
            let row_number = batch.rows.get(rejection.row);
            let row = RejectedRow::refused(TABLE, source_file, row_number, rejection);
            if keep {
                gathered.rejected.push(row);
            }
        }
        gathered.register_rows.append(&mut self.rows.register_rows);
        gathered.counts.merge(&counts);
        self.run.check_rejected(counts.read, kept_aside)
    }

    /// Hands the profiles of the days before `day`, which are complete, to the store.
    fn advance(&mut self, day: i32) -> Result<(), JobError> {
        match &mut self.grid {
            Some((_, grid)) if day > grid.days().start => {
                let output = grid.advance(day)?;
                self.keep(output)
            }
            _ => Ok(()),
        }
    }

    /// Hands all of the grid's profiles to the store and what was gathered to the run.
    fn finish(&mut self) -> Result<(), JobError> {
        if let Some((_, grid)) = &mut self.grid {
            let output = grid.finish()?;
            self.keep(output)?;
        }
        self.hand_over();
        Ok(())
    }

    fn keep(&mut self, output: GridOutput) -> Result<(), JobError> {
        self.gathered.counts.merge(&output.counts);
        self.gathered.findings.merge(output.findings);
        for (_, batch) in output.batches {
            self.run.measure.store.add(batch)?;
        }
        Ok(())
    }

    fn hand_over(&mut self) {
        self.run.lock().merge(std::mem::take(&mut self.gathered));
    }
}

/// Whether components from the first to the last, both included, meet a range.
fn meets((from, to): (u32, u32), range: &Range<u32>) -> bool {
    from < range.end && to >= range.start
}

/// Sorts the register rows, whose periods span days and files, and counts what becomes of them.
fn account_registers(measure: Measure<'_>, measured: &mut Measured) -> Result<(), JobError> {
    sort_register_rows(&mut measured.register_rows);
    let outputs = component_chunks(&measured.register_rows, REGISTER_CHUNK_ROWS)
        .into_par_iter()
        .map(|chunk| {
            measure.session.check_stop()?;
            let output = register_periods(measure.registry, measure.conditions, chunk)?;
            Ok((output.counts, output.findings))
        })
        .collect::<Result<Vec<_>, JobError>>()?;
    for (counts, findings) in outputs {
        measured.counts.merge(&counts);
        measured.findings.merge(findings);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_ranges_cover_all_once() {
        assert_eq!(component_ranges(10, 3), [0..4, 4..8, 8..10]);
        assert_eq!(component_ranges(10, 1), vec![0..10]);
        assert_eq!(component_ranges(2, 9), [0..1, 1..2]);
        assert!(component_ranges(0, 1).is_empty());
    }
}
