//! The day grid: one cell for every slot of every day and component, so that newest-wins is a position.
//!
//! Of the rows of one cell the one with the greatest (`updated_at`, `version`) wins, nulls lowest; a tie is
//! decided by the content ([`Measured`]), never by which row came first. So any order, any split into batches
//! and any repetition of the input yields the same profiles. Where nothing but the value decided, a finding counts
//! the key.

mod contests;
mod profile;

use std::cmp::Ordering;
use std::ops::Range;

use arrow::array::RecordBatch;

use crate::accounting::RowCounts;
use crate::day_profile::DayProfileBuilder;
use crate::error::TransformError;
use crate::findings::Findings;
use crate::measured::Measured;
use crate::model::DAY_SECONDS;
use crate::registry::{Component, Registry};
use crate::resolve::{ResolveConfig, ResolvedRow, reason};

use contests::Contests;
use profile::{Summary, summarize};

/// Bytes of a cell where rows carry a version; 8 less where they don't.
const CELL_BYTES: usize = size_of::<Cell>() + size_of::<u64>();
/// Bytes of a row of the day profile while it is built and handed over.
const PROFILE_BYTES: usize = 2 * 330;

/// Cells of a window of days and a range of components, filled by [`DayGrid::insert`].
///
/// One grid serves one thread. Memory is taken once and kept from window to window ([`DayGrid::restart`]).
#[derive(Debug)]
pub struct DayGrid<'r> {
    registry: &'r Registry,
    config: ResolveConfig,
    days: Range<i32>,
    components: Range<u32>,
    /// Cells of one day before each component of the range, and of all of them at the end.
    offsets: Vec<u32>,
    /// By day, component and slot.
    cells: Vec<Cell>,
    /// Order of the version of each cell; empty until a row has one. Means nothing where the cell is absent.
    versions: Vec<u64>,
    contests: Contests,
    inserted: u64,
}

/// The row that a slot holds; both halves in one cache line, because rows come in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    measured: Measured,
    /// Order of its update time, 0 for null.
    updated: u64,
}

impl Cell {
    const ABSENT: Self = Self {
        measured: Measured::ABSENT,
        updated: 0,
    };
}

/// What [`DayGrid::finish`] yields.
#[derive(Debug, Clone, PartialEq)]
pub struct GridOutput {
    /// For each day of the window that has rows, ascending: its day profiles, by component.
    pub batches: Vec<(i32, RecordBatch)>,
    /// The rows inserted: used, superseded, or out of scope. Nothing of it is counted as read here.
    pub counts: RowCounts,
    /// What was noticed.
    pub findings: Findings,
}

impl<'r> DayGrid<'r> {
    /// An empty grid for the days and the components (dense indices) given.
    ///
    /// Components without intervals of kWh have no cells. Fails where the window is too large to address.
    pub fn new(
        registry: &'r Registry,
        config: &ResolveConfig,
        days: Range<i32>,
        components: Range<u32>,
    ) -> Result<Self, TransformError> {
        let mut offsets = Vec::with_capacity(components.len() + 1);
        let mut cells = 0_u32;
        offsets.push(cells);
        for component in in_range(registry, &components)? {
            cells = cells
                .checked_add(slots(component))
                .ok_or_else(|| too_large(&components))?;
            offsets.push(cells);
        }
        let mut grid = Self {
            registry,
            config: config.clone(),
            days: 0..0,
            components,
            offsets,
            cells: Vec::new(),
            versions: Vec::new(),
            contests: Contests::default(),
            inserted: 0,
        };
        grid.restart(days)?;
        Ok(grid)
    }

    /// Bytes that a grid and its output need at most, so that windows can be planned to fit a memory limit.
    pub fn bytes_needed(
        registry: &Registry,
        days: usize,
        components: Range<u32>,
    ) -> Result<usize, TransformError> {
        let cells = in_range(registry, &components)?
            .iter()
            .map(|c| slots(c) as usize)
            .sum::<usize>();
        let per_day = cells * CELL_BYTES + cells.div_ceil(8) + components.len() * PROFILE_BYTES;
        Ok(per_day.saturating_mul(days) + (components.len() + 1) * size_of::<u32>())
    }

    /// Empties the grid and moves it to other days, keeping its memory.
    pub fn restart(&mut self, days: Range<i32>) -> Result<(), TransformError> {
        let cells = self
            .cells_per_day()
            .checked_mul(days.len())
            .ok_or_else(|| too_large(&self.components))?;
        self.days = days;
        self.cells.clear();
        self.cells.resize(cells, Cell::ABSENT);
        if !self.versions.is_empty() {
            self.versions.resize(cells, 0);
        }
        self.contests.clear();
        self.inserted = 0;
        Ok(())
    }

    /// Puts rows into their cells, and returns how many lay outside the grid's days and components: those are
    /// for another grid, and not counted here.
    pub fn insert(&mut self, rows: &[ResolvedRow]) -> Result<u64, TransformError> {
        if self.versions.is_empty() && rows.iter().any(|row| row.version != 0) {
            self.versions.resize(self.cells.len(), 0);
        }
        if self.versions.is_empty() {
            self.insert_rows::<false>(rows)
        } else {
            self.insert_rows::<true>(rows)
        }
    }

    fn insert_rows<const VERSIONED: bool>(&mut self, rows: &[ResolvedRow]) -> Result<u64, TransformError> {
        let cells_per_day = self.cells_per_day();
        let cells = self.cells.len();
        let days = self.days.len();
        let mut outside = 0_u64;
        for row in rows {
            let day = row.day.wrapping_sub(self.days.start) as u32 as usize;
            let component = row.component.wrapping_sub(self.components.start) as usize;
            if day >= days || component >= self.offsets.len() - 1 {
                outside += 1;
                continue;
            }
            let first = self.offsets[component] as usize;
            let slot = usize::from(row.slot);
            if slot >= self.offsets[component + 1] as usize - first || !row.measured.is_present() {
                return Err(TransformError::Bug(format!(
                    "component {} has no slot {slot} on day {}",
                    row.component, row.day
                )));
            }
            let position = day * cells_per_day + first + slot;
            let kept = &mut self.cells[position];
            let wins = !kept.measured.is_present() || {
                let kept_version = if VERSIONED { self.versions[position] } else { 0 };
                let challenger = (row.updated, row.version, row.measured);
                let holder = (kept.updated, kept_version, kept.measured);
                if challenger != holder {
                    self.contests.between(position, challenger, holder, cells);
                }
                challenger > holder
            };
            if wins {
                *kept = Cell {
                    measured: row.measured,
                    updated: row.updated,
                };
                if VERSIONED {
                    self.versions[position] = row.version;
                }
            }
        }
        self.inserted += rows.len() as u64 - outside;
        Ok(outside)
    }

    /// The day profiles of what was inserted. Leaves the grid empty, on the same days.
    pub fn finish(&mut self) -> Result<GridOutput, TransformError> {
        let mut batches = Vec::new();
        let mut occupied = 0_u64;
        let mut unusable = 0_u64;
        for (day, cells) in self
            .days
            .clone()
            .zip(self.cells.chunks(self.cells_per_day().max(1)))
        {
            let mut rows = DayProfileBuilder::with_capacity(self.components.len());
            for (index, span) in self.components.clone().zip(self.offsets.windows(2)) {
                let cells = &cells[span[0] as usize..span[1] as usize];
                if cells.iter().all(|cell| !cell.measured.is_present()) {
                    continue;
                }
                let component = &self.registry.components[index as usize];
                let Summary {
                    profile,
                    unusable: do_not_use,
                } = summarize(component, index, day, cells, &self.config);
                occupied += u64::from(profile.intervals) + do_not_use;
                unusable += do_not_use;
                if profile.intervals > 0 {
                    rows.push(&profile);
                }
            }
            if !rows.is_empty() {
                batches.push((day, rows.finish()?));
            }
        }
        let mut counts = RowCounts {
            used: occupied - unusable,
            superseded: self.inserted - occupied,
            ..RowCounts::default()
        };
        counts.add_out_of_scope(reason::DO_NOT_USE, unusable);
        let findings = self.contradictions();
        self.cells.fill(Cell::ABSENT);
        self.contests.clear();
        self.inserted = 0;
        Ok(GridOutput {
            batches,
            counts,
            findings,
        })
    }

    /// A finding that counts the slots whose newest rows contradict each other.
    fn contradictions(&self) -> Findings {
        let mut keys = 0;
        let mut least: Option<(&Component, i64)> = None;
        let cells_per_day = self.cells_per_day().max(1);
        for position in self.contests.contradicting() {
            let (day, in_day) = (position / cells_per_day, (position % cells_per_day) as u32);
            let offset = self.offsets.partition_point(|&first| first <= in_day) - 1;
            let component = &self.registry.components[self.components.start as usize + offset];
            let seconds = i64::from(component.interval_seconds().unwrap_or(0));
            let start = (i64::from(self.days.start) + day as i64) * DAY_SECONDS;
            let at = start + i64::from(in_day - self.offsets[offset] + 1) * seconds;
            keys += 1;
            if least.is_none_or(|(other, then)| match contests::by_key(&component.id, &other.id) {
                Ordering::Less => true,
                Ordering::Equal => at < then,
                Ordering::Greater => false,
            }) {
                least = Some((component, at));
            }
        }
        let mut findings = Findings::default();
        if let Some((component, at)) = least {
            findings.merge_one(contests::finding(keys, &component.id, at));
        }
        findings
    }

    fn cells_per_day(&self) -> usize {
        self.offsets.last().copied().unwrap_or(0) as usize
    }
}

/// Slots of a component's day: 0 unless it measures intervals of kWh.
fn slots(component: &Component) -> u32 {
    match component.interval_seconds() {
        Some(seconds) if component.is_energy() && seconds > 0 => DAY_SECONDS as u32 / seconds,
        _ => 0,
    }
}

fn in_range<'r>(registry: &'r Registry, range: &Range<u32>) -> Result<&'r [Component], TransformError> {
    registry
        .components
        .get(range.start as usize..range.end as usize)
        .ok_or_else(|| TransformError::Parameter {
            name: "components".to_owned(),
            value: format!("{}..{}", range.start, range.end),
            why: format!("the registry has {} components", registry.components.len()),
        })
}

fn too_large(components: &Range<u32>) -> TransformError {
    TransformError::Parameter {
        name: "components".to_owned(),
        value: format!("{}..{}", components.start, components.end),
        why: "the grid would have more cells than can be addressed: take fewer components or days".to_owned(),
    }
}

#[cfg(test)]
mod tests;
