//! The day grid: one cell for every slot of every day and component, so that newest-wins is a position.
//!
//! Of the rows of one cell the one with the greatest (`updated_at`, `version`) wins, nulls lowest; a tie is
//! decided by the content ([`Measured`]), never by which row came first. So any order, any split into batches
//! and any repetition of the input yields the same profiles. Where nothing but the value decided, a finding counts
//! the key.

mod contests;
mod facts;
mod profile;

use std::cmp::Ordering;
use std::hint::black_box;
use std::ops::Range;

use arrow::array::RecordBatch;

use crate::accounting::RowCounts;
use crate::age;
use crate::day_profile::DayProfileBuilder;
use crate::day_rows::{DayRow, Said};
use crate::error::TransformError;
use crate::findings::Findings;
use crate::measured::Measured;
use crate::model::DAY_SECONDS;
use crate::registry::{Component, Registry};
use crate::resolve::{BLOCK_ROWS, ResolveConfig, ResolvedRow, RowBlock, RowSink, reason};

use contests::Contests;
pub use facts::DayFacts;
use profile::{MAX_SLOTS, Summary, summarize};

/// Bytes of a cell where an age takes two numbers; 8 less where one will do.
const CELL_BYTES: usize = size_of::<Cell>() + size_of::<u64>();
/// Bytes of a row of the day profile while it is built and handed over.
const PROFILE_BYTES: usize = 2 * 330;

/// Cells of a window of days and a range of components, filled by [`DayGrid::insert`] or as a [`RowSink`].
///
/// One grid serves one thread. Memory is taken once and kept: the window moves on over days that are complete
/// ([`DayGrid::advance`]), or to wholly other days ([`DayGrid::restart`]).
#[derive(Debug)]
pub struct DayGrid<'r> {
    registry: &'r Registry,
    config: ResolveConfig,
    /// First open day.
    first_day: i32,
    /// Days that are open at once; their cells are a ring.
    open: usize,
    /// Position of the first open day in the ring.
    head: usize,
    components: Range<u32>,
    /// Cells of a day before those of the range.
    first_cell: u32,
    /// Cells of one day before each component of the range, and of all of them at the end.
    offsets: Vec<u32>,
    cells_per_day: usize,
    /// By position in the ring, component and slot.
    cells: Vec<Cell>,
    /// Order of the version of each cell; empty while every age fits into one number. Means nothing where the cell is
    /// absent.
    versions: Vec<u64>,
    /// By position in the ring.
    contests: Vec<Contests>,
    /// Rows put into each day of the ring.
    inserted: Vec<u64>,
    outside: u64,
    /// Component, day and slot of a row that no resolver makes.
    misplaced: Option<(u32, i32, u16)>,
}

/// The row that a slot holds; both halves in one cache line, because rows come in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    measured: Measured,
    /// Its age ([`age::pack`]); where `versions` are kept, the order of its update time alone.
    age: u64,
}

impl Cell {
    const ABSENT: Self = Self {
        measured: Measured::ABSENT,
        age: 0,
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

/// One day of [`DayGrid::advance`]: the days are independent, and each can be kept by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct GridDay {
    /// Days since 1970-01-01.
    pub day: i32,
    /// Its day profiles, by component; `None` where no row may be used.
    pub profiles: Option<RecordBatch>,
    /// The rows inserted.
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
        let mut grid = Self {
            registry,
            config: config.clone(),
            first_day: 0,
            open: 0,
            head: 0,
            components: 0..0,
            cells_per_day: 0,
            first_cell: 0,
            offsets: Vec::new(),
            cells: Vec::new(),
            versions: Vec::new(),
            contests: Vec::new(),
            inserted: Vec::new(),
            outside: 0,
            misplaced: None,
        };
        grid.move_to(days, components)?;
        Ok(grid)
    }

    /// Empties the grid and moves it to other days and components, keeping its memory.
    pub fn move_to(&mut self, days: Range<i32>, components: Range<u32>) -> Result<(), TransformError> {
        if self.offsets.is_empty() || self.components != components {
            let mut cells = 0_u32;
            let mut offsets = vec![cells];
            for component in in_range(self.registry, &components)? {
                cells = cells
                    .checked_add(slots(component))
                    .ok_or_else(|| too_large(&components))?;
                offsets.push(cells);
            }
            let before = in_range(self.registry, &(0..components.start))?;
            self.first_cell = before.iter().map(slots).fold(0, u32::wrapping_add);
            self.cells_per_day = cells as usize;
            self.offsets = offsets;
            self.components = components;
        }
        self.restart(days)
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
            .cells_per_day
            .checked_mul(days.len())
            .ok_or_else(|| too_large(&self.components))?;
        self.first_day = days.start;
        self.open = days.len();
        self.head = 0;
        self.cells.clear();
        self.cells.resize(cells, Cell::ABSENT);
        self.versions.clear();
        self.contests.clear();
        self.contests.resize_with(self.open, Contests::default);
        self.inserted.clear();
        self.inserted.resize(self.open, 0);
        self.outside = 0;
        self.misplaced = None;
        Ok(())
    }

    /// The days that take rows now.
    #[must_use]
    pub fn days(&self) -> Range<i32> {
        self.first_day..self.first_day.saturating_add(self.open as i32)
    }

    /// Puts rows into their cells, and returns how many lay outside the grid's days and components: those are
    /// for another grid, and not counted here.
    pub fn insert(&mut self, rows: &[ResolvedRow]) -> Result<u64, TransformError> {
        let mut block = RowBlock::default();
        for rows in rows.chunks(BLOCK_ROWS) {
            block.fill(rows);
            self.put(&block);
            let absent = rows.iter().find(|row| !row.measured.is_present());
            if let Some(row) = absent {
                self.misplaced = Some((row.component, row.day, row.slot));
            }
        }
        self.check()
    }

    /// As [`Self::insert`], for rows of one day that were set aside.
    pub fn insert_day(&mut self, day: i32, rows: &[DayRow]) -> Result<u64, TransformError> {
        let offset = day.wrapping_sub(self.first_day) as u32 as usize;
        let is_open = offset < self.open;
        let ring = if is_open { self.ring(offset) } else { 0 };
        let base = ring * self.cells_per_day;
        let mut places = [NOWHERE; BLOCK_ROWS];
        let mut measured = [Measured::ABSENT; BLOCK_ROWS];
        let mut ages = [0; BLOCK_ROWS];
        let mut orders = None;
        let (mut inserted, mut outside) = (0, 0);
        for rows in rows.chunks(BLOCK_ROWS) {
            let mut placed = 0;
            for row in rows {
                let (cell, value, age) = match row.said() {
                    Said::Orders(updated, version) => {
                        orders = Some((updated, version));
                        continue;
                    }
                    Said::Row(cell, value, age) => (cell, value, age),
                };
                let orders = orders.take();
                let in_day = cell.wrapping_sub(self.first_cell) as usize;
                if !is_open || in_day >= self.cells_per_day {
                    outside += 1;
                    continue;
                }
                inserted += 1;
                if let Some((updated, version)) = orders {
                    self.keep_versions();
                    self.put_version(base + in_day, value, (updated, version));
                    continue;
                }
                places[placed % BLOCK_ROWS] = base + in_day;
                measured[placed % BLOCK_ROWS] = value;
                ages[placed % BLOCK_ROWS] = age;
                placed += 1;
            }
            self.settle(&places[..placed], &measured, &ages);
        }
        if is_open {
            self.inserted[ring] += inserted;
        }
        self.outside += outside;
        self.check()
    }

    /// How many of the rows put since the last call lay outside; fails where one cannot be.
    pub fn check(&mut self) -> Result<u64, TransformError> {
        match self.misplaced.take() {
            Some((component, day, slot)) => Err(misplaced(component, day, slot)),
            None => Ok(std::mem::take(&mut self.outside)),
        }
    }

    /// The cells of the rows of a block; [`NOWHERE`] for what is no row, and for rows of other days and components, which are
    /// counted.
    fn places(&mut self, rows: &RowBlock, places: &mut [usize; BLOCK_ROWS]) {
        let length = rows.len.min(BLOCK_ROWS);
        let (mut placed, mut from) = (0, 0);
        while from < length {
            // Rows of a day come together, mostly all of a block.
            let day = rows.day[from];
            let same = rows.day[from..length].iter().take_while(|other| **other == day);
            let to = from + same.count();
            let offset = day.wrapping_sub(self.first_day) as u32 as usize;
            if offset < self.open {
                let ring = self.ring(offset);
                let inserted = self.places_of_day(rows, from..to, ring * self.cells_per_day, places);
                self.inserted[ring] += inserted;
                placed += inserted;
            } else {
                places[from..to].fill(NOWHERE);
            }
            from = to;
        }
        self.outside += rows.present as u64 - placed;
    }

    /// The same for rows of one day, whose cells begin at `base`; returns how many have one.
    fn places_of_day(
        &mut self,
        rows: &RowBlock,
        range: Range<usize>,
        base: usize,
        places: &mut [usize; BLOCK_ROWS],
    ) -> u64 {
        let first_component = self.components.start;
        let (starts, ends) = (&self.offsets[..], &self.offsets[1..]);
        let fields = rows.component[range.clone()]
            .iter()
            .zip(&rows.slot[range.clone()]);
        let fields = fields.zip(&rows.measured[range.clone()]);
        let (mut placed, mut all_fit) = (0, true);
        for (place, ((component, slot), measured)) in places[range.clone()].iter_mut().zip(fields) {
            let component = component.wrapping_sub(first_component) as usize;
            *place = NOWHERE;
            if let Some(&end) = ends.get(component)
                && measured.is_present()
            {
                let in_day = starts[component] + u32::from(*slot);
                placed += 1;
                all_fit &= in_day < end;
                *place = if in_day < end {
                    base + in_day as usize
                } else {
                    NOWHERE
                };
            }
        }
        // Whatever has a component and a day here has a slot: one that has none is a bug of whoever resolved it.
        if !all_fit {
            self.misplace(rows, range, places);
        }
        placed
    }

    /// Remembers the row that cannot be.
    #[cold]
    fn misplace(&mut self, rows: &RowBlock, range: Range<usize>, places: &[usize; BLOCK_ROWS]) {
        let is_misplaced = |at: &usize| {
            let component = rows.component[*at].wrapping_sub(self.components.start) as usize;
            places[*at] == NOWHERE && rows.measured[*at].is_present() && component + 1 < self.offsets.len()
        };
        let mut range = range;
        self.misplaced = range
            .find(is_misplaced)
            .map(|at| (rows.component[at], rows.day[at], rows.slot[at]));
    }

    /// Two rows of one cell: keeps the one that wins.
    #[inline(never)]
    fn decide(&mut self, position: usize, cell: Cell, version: u64) {
        let kept = self.cells[position];
        let kept_version = self.versions.get(position).copied().unwrap_or(0);
        let challenger = (cell.age, version, cell.measured);
        let holder = (kept.age, kept_version, kept.measured);
        if challenger != holder {
            let (ring, in_day) = (position / self.cells_per_day, position % self.cells_per_day);
            self.contests[ring].between(in_day, challenger, holder, self.cells_per_day);
        }
        if challenger > holder {
            self.cells[position] = cell;
            if let Some(kept) = self.versions.get_mut(position) {
                *kept = version;
            }
        }
    }

    /// Puts rows into their cells; a place that is no cell is left out.
    fn settle(&mut self, places: &[usize], measured: &[Measured; BLOCK_ROWS], ages: &[u64; BLOCK_ROWS]) {
        if !self.versions.is_empty() {
            for ((&place, &measured), &age) in places.iter().zip(measured).zip(ages) {
                self.put_version(place, measured, age::unpack(age));
            }
            return;
        }
        let cells = &mut self.cells[..];
        // All cells are asked for before the first is needed.
        let present = |&place: &usize| cells.get(place).map_or(0, |cell| cell.measured.to_bits());
        black_box(places.iter().map(present).fold(0, |all, bits| all | bits));
        let (mut met, mut meetings) = ([0_u8; BLOCK_ROWS], 0);
        for at in 0..places.len().min(BLOCK_ROWS) {
            if let Some(cell) = cells.get_mut(places[at]) {
                // Two of the rows may be of one cell.
                if cell.measured.is_present() {
                    met[meetings % BLOCK_ROWS] = at as u8;
                    meetings += 1;
                } else {
                    *cell = Cell {
                        measured: measured[at],
                        age: ages[at],
                    };
                }
            }
        }
        for &at in &met[..meetings] {
            let at = usize::from(at);
            let arrived = Cell {
                measured: measured[at],
                age: ages[at],
            };
            self.decide(places[at], arrived, 0);
        }
    }

    /// Puts a row into its cell, where ages are two numbers.
    #[cold]
    fn put_version(&mut self, place: usize, measured: Measured, (updated, version): (u64, u64)) {
        let Some(cell) = self.cells.get_mut(place) else {
            return;
        };
        let arrived = Cell {
            measured,
            age: updated,
        };
        if cell.measured.is_present() {
            self.decide(place, arrived, version);
        } else {
            *cell = arrived;
            self.versions[place] = version;
        }
    }

    /// From now on an age is two numbers, until the grid starts anew: one that came does not fit into one.
    #[cold]
    fn keep_versions(&mut self) {
        if self.versions.is_empty() {
            self.versions.resize(self.cells.len(), 0);
            for (cell, version) in self.cells.iter_mut().zip(&mut self.versions) {
                (cell.age, *version) = age::unpack(cell.age);
            }
        }
    }

    /// The day profiles of what was inserted. Leaves the grid empty, on the same days.
    pub fn finish(&mut self) -> Result<GridOutput, TransformError> {
        let mut output = GridOutput {
            batches: Vec::new(),
            counts: RowCounts::default(),
            findings: Findings::default(),
        };
        for day in self.finish_days()? {
            output.counts.merge(&day.counts);
            output.findings.merge(day.findings);
            output
                .batches
                .extend(day.profiles.map(|profiles| (day.day, profiles)));
        }
        Ok(output)
    }

    /// As [`Self::finish`], day by day; days without a row are left out.
    pub fn finish_days(&mut self) -> Result<Vec<GridDay>, TransformError> {
        self.close(self.open)
    }

    /// The open days before `day`, which are complete: as many days after the open ones are opened.
    pub fn advance(&mut self, day: i32) -> Result<Vec<GridDay>, TransformError> {
        let ahead = i64::from(day) - i64::from(self.first_day);
        let complete = ahead.clamp(0, self.open as i64) as usize;
        let days = self.close(complete)?;
        if ahead > 0 {
            self.head = (self.head + complete) % self.open.max(1);
            self.first_day = day;
        }
        Ok(days)
    }

    /// Position in the ring of the open day at `offset`.
    #[inline]
    fn ring(&self, offset: usize) -> usize {
        let ring = self.head + offset;
        if ring < self.open { ring } else { ring - self.open }
    }

    /// Profiles and empties the first open days.
    fn close(&mut self, days: usize) -> Result<Vec<GridDay>, TransformError> {
        let mut closed = Vec::new();
        for offset in 0..days {
            let ring = self.ring(offset);
            if self.inserted[ring] == 0 {
                continue;
            }
            let day = self.first_day + offset as i32;
            let (profiles, counts) = self.profile_day(ring, day)?;
            closed.push(GridDay {
                day,
                profiles,
                counts,
                findings: self.contradictions_of(ring, day),
            });
            let per_day = self.cells_per_day;
            self.cells[ring * per_day..(ring + 1) * per_day].fill(Cell::ABSENT);
            self.contests[ring].clear();
            self.inserted[ring] = 0;
        }
        Ok(closed)
    }

    fn profile_day(&self, ring: usize, day: i32) -> Result<(Option<RecordBatch>, RowCounts), TransformError> {
        let per_day = self.cells_per_day;
        let cells = &self.cells[ring * per_day..(ring + 1) * per_day];
        let mut occupied = 0_u64;
        let mut unusable = 0_u64;
        let mut rows = DayProfileBuilder::with_capacity(self.components.len());
        let mut values = [0; MAX_SLOTS];
        for (index, span) in self.components.clone().zip(self.offsets.windows(2)) {
            let cells = &cells[span[0] as usize..span[1] as usize];
            if cells.iter().all(|cell| !cell.measured.is_present()) {
                continue;
            }
            let component = &self.registry.components[index as usize];
            let Summary {
                profile,
                unusable: do_not_use,
            } = summarize(component, index, day, cells, &self.config, &mut values);
            occupied += u64::from(profile.intervals) + do_not_use;
            unusable += do_not_use;
            if profile.intervals > 0 {
                rows.push(&profile);
            }
        }
        let mut counts = RowCounts {
            used: occupied - unusable,
            superseded: self.inserted[ring] - occupied,
            ..RowCounts::default()
        };
        counts.add_out_of_scope(reason::DO_NOT_USE, unusable);
        let profiles = if rows.is_empty() {
            None
        } else {
            Some(rows.finish()?)
        };
        Ok((profiles, counts))
    }

    /// A finding that counts the slots of a day whose newest rows contradict each other.
    fn contradictions_of(&self, ring: usize, day: i32) -> Findings {
        let id = |component: u32| self.registry.components[component as usize].id.as_str();
        let mut keys = 0;
        let mut least: Option<(u32, i64)> = None;
        for in_day in self.contests[ring].contradicting() {
            let offset = self.offsets.partition_point(|&first| first as usize <= in_day) - 1;
            let component = self.components.start + offset as u32;
            let seconds = self.registry.components[component as usize].interval_seconds();
            let slot = in_day as i64 - i64::from(self.offsets[offset]);
            let at = i64::from(day) * DAY_SECONDS + (slot + 1) * i64::from(seconds.unwrap_or(0));
            keys += 1;
            let is_less = |(other, then): (u32, i64)| match contests::by_key(id(component), id(other)) {
                Ordering::Less => true,
                Ordering::Equal => at < then,
                Ordering::Greater => false,
            };
            if least.is_none_or(is_less) {
                least = Some((component, at));
            }
        }
        let mut findings = Findings::default();
        if let Some((component, at)) = least {
            findings.merge_one(contests::finding(keys, id(component), at));
        }
        findings
    }
}

impl RowSink for DayGrid<'_> {
    fn put(&mut self, rows: &RowBlock) {
        let mut places = [NOWHERE; BLOCK_ROWS];
        self.places(rows, &mut places);
        let places = &places[..rows.len.min(BLOCK_ROWS)];
        if rows.ages_fit {
            return self.settle(places, &rows.measured, &rows.age);
        }
        self.keep_versions();
        for (at, &place) in places.iter().enumerate() {
            self.put_version(place, rows.measured[at], rows.orders[at]);
        }
    }
}

/// The place of a row that has none.
const NOWHERE: usize = usize::MAX;

/// Slots of a component's day: 0 unless it measures intervals of kWh.
pub(crate) fn slots(component: &Component) -> u32 {
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

/// A row of a slot that is none: a bug of whoever resolved it.
pub(crate) fn misplaced(component: u32, day: i32, slot: u16) -> TransformError {
    TransformError::Bug(format!("component {component} has no slot {slot} on day {day}"))
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
