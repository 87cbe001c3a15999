//! Measurements to day profiles: each piece of the files is read, resolved to dense positions, and put into the
//! grids of its days. What an earlier run made of the same pieces is taken over.

mod saver;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use datalake_deps::fingerprint::sha256_hex;
use datalake_deps::lake::{MeasurementScan, Piece};
use datalake_deps::run_record::Rows;
use datalake_deps::session::Session;
use datalake_transforms::accounting::RowCounts;
use datalake_transforms::day_grid::DayGrid;
use datalake_transforms::day_rows::{DayCells, DayRows};
use datalake_transforms::error::TransformError;
use datalake_transforms::findings::Findings;
use datalake_transforms::model::DAY_SECONDS;
use datalake_transforms::register_periods::account_for;
use datalake_transforms::registry::{Component, Registry};
use datalake_transforms::resolve::{
    RegisterRow, ResolveConfig, Resolver, component_chunks, sort_register_rows,
};
use rayon::prelude::*;

use super::error::JobError;
use super::profile_store::ProfileStore;
use super::rejected::RejectedRow;
use super::row_store::RowStore;
use super::state::{DayOutcome, PieceKey, PieceOutcome, State, Takeover};
use super::sweeps::{self, Span, Sweep, sweeps};
use super::windows::{Limits, PieceSpan, Plan, Window, plan};
use saver::Saver;
use task::Task;

/// Table that all of this is about.
const TABLE: &str = "measurements";

/// No interval that is believed starts after this day, 2201-01-01.
const LAST_DAY: i64 = 84_371;

/// Why rows of days that are not to be judged are out of scope.
const OUTSIDE_WINDOW: &str = "outside_window";

/// Rejected rows before a run asks itself whether it makes sense to go on.
const REJECTED_BEFORE_CHECK: u64 = 1_000_000;

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
    /// Days that are wanted: pieces without any of them are not read.
    pub window: &'a Range<i32>,
    /// What earlier runs left and this one leaves; `None` where nothing is taken over.
    pub state: Option<Keeping<'a>>,
}

/// The state, and how the pieces are known in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping<'a> {
    /// What is kept.
    pub state: &'a State,
    /// Digest of each file of the scan.
    pub files: &'a [String],
    /// Whether what this run makes is kept, too.
    pub save: bool,
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
    /// Days whose profiles were taken over from earlier runs.
    pub days_taken_over: usize,
    /// Rows of scalar registers, sorted as `register_periods` wants them. A period becomes a day profile for each
    /// of its days, hundreds for one row, so profiles of registers are made where they are read.
    pub(super) register_rows: Vec<RegisterRow>,
}

/// Fills the store with the day profiles of all measurements. `progress` is told the bytes that were read.
pub(super) fn day_profiles(
    measure: Measure<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Measured, JobError> {
    let pieces = measure.scan.pieces();
    let resolver = Resolver::new(measure.registry, measure.conditions.clone())?;
    let footer_days = footer_days(measure);
    let keys = measure
        .state
        .map(|keeping| piece_keys(measure, keeping, &footer_days));
    let takeover = match (&measure.state, &keys) {
        (Some(keeping), Some(keys)) => {
            let state = keeping.state;
            state.take_over(keys, measure.window, measure.registry, &resolver)
        }
        _ => Takeover::default(),
    };
    for (_, profiles) in takeover.profiles {
        measure.store.add(profiles)?;
    }
    let taken: BTreeSet<i32> = takeover.days.keys().copied().collect();
    let mut outcomes = takeover.pieces;
    outcomes.resize(pieces.len(), None);
    for (outcome, days) in outcomes.iter_mut().zip(&footer_days) {
        if days.is_some_and(|(first, last)| last < measure.window.start || first >= measure.window.end) {
            *outcome = Some(PieceOutcome::default());
        }
    }
    let to_read: Vec<usize> = (0..pieces.len())
        .filter(|&piece| outcomes[piece].is_none())
        .collect();
    let saver = measure.state.filter(|keeping| keeping.save).and_then(|keeping| {
        let ready = keeping.state.prepare();
        Saver::new(keeping.state, measure.registry, ready)
    });
    let run = Run {
        measure,
        resolver,
        footer_days,
        to_read,
        taken,
        outcomes: Mutex::new(outcomes),
        days: Mutex::new(takeover.days),
        saver,
        read: AtomicU64::new(0),
        rejected: AtomicU64::new(0),
        spilled: AtomicU64::new(0),
        progress,
    };
    if !run.to_read.is_empty() {
        run.read_pieces()?;
    }
    run.end(keys.as_deref())
}

/// How each piece is known to the state; `days` are those of the footers.
fn piece_keys(measure: Measure<'_>, keeping: Keeping<'_>, days: &[Option<(i32, i32)>]) -> Vec<PieceKey> {
    let known = keeping.state.days_of();
    let pieces = measure.scan.pieces().iter().zip(days);
    pieces
        .map(|(piece, days)| {
            let row_group = piece
                .row_group
                .map_or_else(String::new, |group| group.to_string());
            let key = sha256_hex(format!("{}:{row_group}", keeping.files[piece.file]).as_bytes());
            let days = (*days).or_else(|| known.get(key.as_str()).copied());
            PieceKey { key, days }
        })
        .collect()
}

/// First and last day of the interval starts that each piece may hold; `None` where its footer does not tell.
fn footer_days(measure: Measure<'_>) -> Vec<Option<(i32, i32)>> {
    let components = &measure.registry.components;
    let longest = components
        .iter()
        .filter(|component| component.is_energy())
        .filter_map(Component::interval_seconds)
        .max();
    // `measured_at` is the end of an interval: the first one may have started a whole interval before.
    let longest = longest.map_or(DAY_SECONDS, i64::from);
    // Rows beyond the calendar's bounds are rejected, whatever day they claim.
    let day = |seconds: i64| seconds.div_euclid(DAY_SECONDS).clamp(0, LAST_DAY) as i32;
    let span = |piece: &Piece| {
        let (first, last) = piece.range?;
        let first = first.saturating_sub(longest);
        Some((day(first), day(last.saturating_sub(1).max(first))))
    };
    measure.scan.pieces().iter().map(span).collect()
}

/// Row counts as `run.json` and the state have them.
pub(super) fn rows_of(counts: &RowCounts) -> Rows {
    let named = |reasons: &BTreeMap<&'static str, u64>| {
        reasons
            .iter()
            .map(|(reason, rows)| ((*reason).to_owned(), *rows))
            .collect()
    };
    Rows {
        read: counts.read,
        used: counts.used,
        superseded: counts.superseded,
        out_of_scope: named(&counts.out_of_scope),
        rejected: named(&counts.rejected),
    }
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
    footer_days: Vec<Option<(i32, i32)>>,
    /// Pieces whose outcome was not taken over.
    to_read: Vec<usize>,
    /// Days whose profiles were taken over: rows of theirs that are read again are left alone.
    taken: BTreeSet<i32>,
    /// By piece.
    outcomes: Mutex<Vec<Option<PieceOutcome>>>,
    days: Mutex<BTreeMap<i32, DayOutcome>>,
    saver: Option<Saver<'a>>,
    read: AtomicU64,
    rejected: AtomicU64,
    spilled: AtomicU64,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Run<'_> {
    fn read_pieces(&self) -> Result<(), JobError> {
        let pieces = self.to_read.len();
        match self.plan()? {
            Reading::Sweeps(sweeps, parts) => {
                tracing::info!(
                    sweeps = sweeps.len(),
                    open_days = sweeps.iter().map(|sweep| sweep.open_days).max(),
                    component_ranges = parts.len(),
                    pieces,
                    "reading the measurements day by day"
                );
                self.sweeps(&sweeps, &parts)
            }
            Reading::Tiles(days, tiles) => {
                tracing::info!(
                    component_ranges = tiles.len(),
                    pieces,
                    "reading the measurements by ranges of components"
                );
                self.tiles(&days, &tiles)
            }
            Reading::Shuffle => {
                tracing::info!(
                    pieces,
                    "the files are laid out neither by time nor by component: shuffling the measurements by day"
                );
                self.shuffle()
            }
        }
    }

    /// Adds everything up, in the order of pieces and days, and keeps it for the next run.
    fn end(self, keys: Option<&[PieceKey]>) -> Result<Measured, JobError> {
        let outcomes: Option<Vec<PieceOutcome>> = unlocked(self.outcomes).into_iter().collect();
        let outcomes = outcomes.ok_or_else(|| {
            TransformError::Bug("a piece of the measurements was read by nobody".to_owned())
        })?;
        let days = unlocked(self.days);
        if let (Some(saver), Some(keys)) = (self.saver, keys) {
            saver.end(keys, &outcomes, &days, &self.taken);
        }
        let mut measured = Measured {
            spilled_bytes: self.spilled.into_inner(),
            days_taken_over: self.taken.len(),
            ..Measured::default()
        };
        for day in days.into_values() {
            measured.counts.merge(&day.counts);
            measured.findings.merge(day.findings);
        }
        for mut piece in outcomes {
            let all = piece.register_rows.len();
            let window = self.measure.window;
            piece.register_rows.retain(|row| {
                let day = (row.measured_at - 1).div_euclid(DAY_SECONDS);
                (i64::from(window.start)..i64::from(window.end)).contains(&day)
            });
            let outside = (all - piece.register_rows.len()) as u64;
            piece.counts.add_out_of_scope(OUTSIDE_WINDOW, outside);
            measured.counts.merge(&piece.counts);
            measured.findings.merge(piece.findings);
            measured.rejected.extend(piece.rejected);
            measured.register_rows.extend(piece.register_rows);
        }
        account_registers(self.measure, &mut measured)?;
        measured.counts.check()?;
        Ok(measured)
    }

    /// Chooses how to read, by what the footers say each piece holds.
    fn plan(&self) -> Result<Reading, JobError> {
        let registry = self.measure.registry;
        let components = registry.components.len() as u32;
        let threads = self.measure.session.threads();
        let all = self.measure.scan.pieces();
        let pieces: Vec<&Piece> = self.to_read.iter().map(|&piece| &all[piece]).collect();
        let days: Option<Vec<(i32, i32)>> = self.to_read.iter().map(|&piece| self.days_of(piece)).collect();
        let Some(days) = days else {
            return Ok(Reading::Shuffle);
        };
        let spans: Vec<Span> = days
            .iter()
            .zip(&pieces)
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
                .zip(&pieces)
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

    /// First and last day that a piece may hold, as its footer says.
    fn days_of(&self, piece: usize) -> Option<(i32, i32)> {
        self.footer_days[piece]
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
        let of_piece = |piece: &usize| self.components_of(&pieces[*piece]);
        // By position among the pieces to read, as in the steps.
        let by_id: Vec<Option<(u32, u32)>> = self.to_read.iter().map(of_piece).collect();
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
                        task.fill(self.to_read[step.piece], step.home && home)?;
                    }
                    task.advance(step.complete_before)?;
                }
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
                        task.fill(self.to_read[piece], home)?;
                    }
                    task.finish(false)
                },
            )
    }

    fn shuffle(&self) -> Result<(), JobError> {
        let (budget, day_bytes) = (self.grid_budget(), self.day_bytes()?);
        let components = self.measure.registry.components.len() as u32;
        let parts = component_ranges(components, day_bytes.div_ceil(budget));
        let rows = RowStore::new(budget, self.measure.session.spill_folder());
        let cells = DayCells::new(self.measure.registry)?;
        self.to_read.par_iter().try_for_each_init(
            || (Task::new(self), DayRows::new(&cells)),
            |(task, aside), &piece| task.set_aside(piece, aside, &rows),
        )?;
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
                    chunks.extend(rows.take(day)?.into_iter().map(|rows| (day, rows)));
                }
                for part in &parts {
                    task.reset(*first..last + 1, part.clone())?;
                    for (day, rows) in &chunks {
                        task.insert(*day, rows)?;
                    }
                    task.finish(true)?;
                }
                Ok(())
            },
        )?;
        self.spilled.fetch_add(rows.spilled_bytes(), Ordering::Relaxed);
        Ok(())
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
            Ok(account_for(measure.registry, measure.conditions, chunk)?)
        })
        .collect::<Result<Vec<_>, JobError>>()?;
    for (counts, findings) in outputs {
        measured.counts.merge(&counts);
        measured.findings.merge(findings);
    }
    Ok(())
}

/// What a lock guards, once nobody else has it. A poisoned lock means that a task panicked; the run fails with that
/// panic anyway.
fn unlocked<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
