//! From readings to periods: where each one starts, and what becomes of estimates once an actual reading comes.

use super::energy::{self, Energy};
use super::notes::{Note, Notes};
use super::{Period, overlap_allowed};
use crate::model::{Condition, DAY_SECONDS};
use crate::registry::Component;
use crate::resolve::{MAX_PERIOD_DAYS, RegisterRow, ResolveConfig};

/// An estimated period whose energy no actual reading has settled yet.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    row: &'a RegisterRow,
    start: i64,
    /// What the row before shows, if the period starts right there.
    previous: Option<i64>,
    overlaps: bool,
}

/// What stands where a period starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// [`Chain::base`].
    Base,
    /// The pending estimate of this position.
    Estimate(usize),
    /// A row without a reading.
    Missing,
    /// No row: the period is believed as it is given.
    Unknown,
}

/// The periods of one component; takes its rows in the order of time.
#[derive(Debug)]
pub(super) struct Chain<'a, 'n> {
    component: &'a Component,
    config: &'a ResolveConfig,
    notes: &'n mut Notes,
    /// The last reading before the pending estimates.
    base: Option<&'a RegisterRow>,
    /// Whether it is actual, and the pending estimates follow it without a break.
    anchored: bool,
    /// Each starts where the one before ends.
    pending: Vec<Part<'a>>,
    /// Missing rows since the last reading, with the start of their periods.
    missing: Vec<(Option<i64>, &'a RegisterRow)>,
    periods: Vec<Period<'a>>,
}

impl<'a, 'n> Chain<'a, 'n> {
    pub(super) fn new(component: &'a Component, config: &'a ResolveConfig, notes: &'n mut Notes) -> Self {
        Self {
            component,
            config,
            notes,
            base: None,
            anchored: false,
            pending: Vec::new(),
            missing: Vec::new(),
            periods: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, row: &'a RegisterRow) {
        let condition = row.measured.condition();
        if condition == Condition::Missing {
            self.add_missing(row);
            return;
        }
        let actual = self.config.is_actual(condition);
        let Some(start) = self.start(row) else {
            self.close_missing(i64::MAX);
            self.flush();
            (self.base, self.anchored) = (Some(row), actual);
            return;
        };
        let origin = self.origin(row, start);
        self.close_missing(start);
        if actual {
            self.add_actual(row, start, origin);
        } else {
            self.add_estimate(row, start, origin);
        }
    }

    /// What is left at the end stays estimated or missing.
    pub(super) fn finish(mut self) -> Vec<Period<'a>> {
        self.close_missing(i64::MAX);
        self.flush();
        self.periods
    }

    fn add_missing(&mut self, row: &'a RegisterRow) {
        let before = self.missing.last().map(|(_, row)| *row).or(self.last_reading());
        let start = row.period_start.or(before.map(|before| before.measured_at));
        let believed = |start: &i64| row.measured_at - start <= MAX_PERIOD_DAYS * DAY_SECONDS;
        self.missing.push((start.filter(believed), row));
    }

    fn add_estimate(&mut self, row: &'a RegisterRow, start: i64, origin: Origin) {
        let part = Part {
            row,
            start,
            previous: self.reading_at(start),
            overlaps: self.overlaps(row, start),
        };
        let follows = match origin {
            Origin::Base => self.pending.is_empty(),
            Origin::Estimate(position) => position + 1 == self.pending.len(),
            Origin::Missing | Origin::Unknown => false,
        };
        if !follows {
            self.flush();
            self.anchored = false;
        }
        self.pending.push(part);
    }

    fn add_actual(&mut self, row: &'a RegisterRow, start: i64, origin: Origin) {
        let kept = match origin {
            Origin::Base => 0,
            Origin::Estimate(position) => position + 1,
            Origin::Missing | Origin::Unknown => {
                let from = start - overlap_allowed(row.measured_at - start);
                self.pending.partition_point(|part| part.start < from)
            }
        };
        for part in self.pending.drain(kept..) {
            self.notes.add(Note::EstimateReplaced, part.row);
        }
        let settled = match origin {
            Origin::Base => self.base.is_some_and(|base| self.is_actual(base)),
            Origin::Unknown => true,
            Origin::Estimate(_) | Origin::Missing => false,
        };
        let merged = match origin {
            Origin::Estimate(_) => self.merged(row, start),
            _ => None,
        };
        if let Some(period) = merged {
            self.pending.clear();
            self.periods.push(period);
        } else {
            let part = Part {
                row,
                start,
                previous: self.reading_at(start),
                overlaps: self.overlaps(row, start),
            };
            self.flush();
            self.push(part, settled);
        }
        (self.base, self.anchored) = (Some(row), true);
    }

    fn is_actual(&self, row: &RegisterRow) -> bool {
        self.config.is_actual(row.measured.condition())
    }

    fn last_reading(&self) -> Option<&'a RegisterRow> {
        self.pending.last().map(|part| part.row).or(self.base)
    }

    /// What the last row shows, if it was read at `start`.
    fn reading_at(&self, start: i64) -> Option<i64> {
        let last = self.last_reading().filter(|last| last.measured_at == start)?;
        last.reading_micro
    }

    fn overlaps(&mut self, row: &RegisterRow, start: i64) -> bool {
        let overlaps = self
            .last_reading()
            .is_some_and(|last| last.measured_at - start > overlap_allowed(row.measured_at - start));
        if overlaps {
            self.notes.add(Note::Overlap, row);
        }
        overlaps
    }

    /// Where the row's period starts, or `None` (with a note) where that is not known.
    fn start(&mut self, row: &RegisterRow) -> Option<i64> {
        if let Some(start) = row.period_start {
            // A row that shows no more than a reading says nothing of a time at which there is none.
            let bare = row.measured.value_micro().is_none() && row.previous_reading_micro.is_none();
            let nothing_there = self.missing.iter().any(|(_, row)| row.measured_at == start);
            if !(bare && nothing_there) {
                return Some(start);
            }
        }
        let Some(last) = self.last_reading() else {
            self.notes.add(Note::WithoutStart, row);
            return None;
        };
        let before = self
            .base
            .filter(|base| self.anchored && goes_on_from(row, base) && !goes_on_from(row, last))
            .unwrap_or(last);
        if row.measured_at - before.measured_at > MAX_PERIOD_DAYS * DAY_SECONDS {
            self.notes.add(Note::Gap, row);
            return None;
        }
        Some(before.measured_at)
    }

    /// The nearest row within what periods may overlap; of two equally near, the later.
    fn origin(&self, row: &RegisterRow, start: i64) -> Origin {
        let allowed = overlap_allowed(row.measured_at - start);
        let mut nearest = (allowed, i64::MIN, Origin::Unknown);
        let mut offer = |at: i64, origin: Origin| {
            let distance = (at - start).abs();
            if distance < nearest.0 || distance == nearest.0 && at > nearest.1 {
                nearest = (distance, at, origin);
            }
        };
        if let Some(base) = self.base {
            offer(base.measured_at, Origin::Base);
        }
        let after = self.pending.partition_point(|part| part.row.measured_at < start);
        for position in after.saturating_sub(1)..(after + 1).min(self.pending.len()) {
            offer(self.pending[position].row.measured_at, Origin::Estimate(position));
        }
        let after = self.missing.partition_point(|(_, row)| row.measured_at < start);
        for (_, missing) in &self.missing[after.saturating_sub(1)..(after + 1).min(self.missing.len())] {
            // Where a row leaves its start open, it is that of the last reading.
            if row.period_start.is_some() {
                offer(missing.measured_at, Origin::Missing);
            }
        }
        nearest.2
    }

    /// One period from the last actual reading to this one, over all pending estimates.
    fn merged(&mut self, row: &'a RegisterRow, start: i64) -> Option<Period<'a>> {
        let first = *self.pending.first()?;
        if !self.anchored || row.measured_at - first.start > MAX_PERIOD_DAYS * DAY_SECONDS {
            return None;
        }
        let energy = self.energy_since_base(row, start)?;
        Some(Period {
            row,
            start: first.start,
            end: row.measured_at,
            energy: Some(energy),
            start_reading: first.row.previous_reading_micro.or(first.previous),
            condition: row.measured.condition(),
            actual: true,
            coverage: self.component.coverage(first.start, row.measured_at),
            overlaps: self.pending.iter().any(|part| part.overlaps),
        })
    }

    /// The difference of the two actual readings, or the sum of the periods between them: what an estimate had too
    /// much, the period after it has too little.
    fn energy_since_base(&self, row: &RegisterRow, start: i64) -> Option<Energy> {
        let component = self.component;
        let last = self.pending.last()?.row;
        let multiplier = energy::multiplier(component, row);
        let chained = row.measured.value_micro().is_none()
            && (row.previous_reading_micro.is_none() || goes_on_from(row, last))
            && self
                .pending
                .iter()
                .all(|part| energy::multiplier(component, part.row) == multiplier);
        let base = self.base.and_then(|base| base.reading_micro);
        if let Some(base) = base.filter(|_| chained && row.reading_micro.is_some()) {
            return energy::difference(component, row, base);
        }
        let last_part = Part {
            row,
            start,
            previous: self.reading_at(start),
            overlaps: false,
        };
        let mut sum = 0_i128;
        for part in self.pending.iter().chain([&last_part]) {
            let energy = energy::own(component, part.row, part.previous)?;
            if energy.rolled_micro.is_some() {
                return None;
            }
            sum = sum.saturating_add(energy.micro);
        }
        Some(Energy::plain(sum))
    }

    /// The pending estimates as periods of their own.
    fn flush(&mut self) {
        let parts = std::mem::take(&mut self.pending);
        if let Some(last) = parts.last() {
            (self.base, self.anchored) = (Some(last.row), false);
        }
        for part in parts {
            self.push(part, false);
        }
    }

    fn push(&mut self, part: Part<'a>, settled: bool) {
        let Part { row, start, .. } = part;
        let energy = energy::own(self.component, row, part.previous);
        if energy.is_none() && row.reading_micro.is_some() {
            self.notes.add(Note::WithoutPrevious, row);
        }
        let condition = row.measured.condition();
        let estimated = !settled && self.is_actual(row);
        self.periods.push(Period {
            row,
            start,
            end: row.measured_at,
            energy,
            start_reading: row.previous_reading_micro.or(part.previous),
            // The reading is actual, the energy is not.
            condition: if estimated {
                Condition::Estimated
            } else {
                condition
            },
            actual: settled,
            coverage: self.component.coverage(start, row.measured_at),
            overlaps: part.overlaps,
        });
    }

    /// Missing rows become periods without energy, up to where a reading's period begins.
    fn close_missing(&mut self, until: i64) {
        for (start, row) in self.missing.drain(..) {
            let end = row.measured_at.min(until);
            let Some(start) = start.filter(|start| *start < end) else {
                continue;
            };
            self.periods.push(Period {
                row,
                start,
                end,
                energy: None,
                start_reading: None,
                condition: Condition::Missing,
                actual: false,
                coverage: self.component.coverage(start, end),
                overlaps: false,
            });
        }
    }
}

/// Whether the row names the other's reading as the one it starts from.
fn goes_on_from(row: &RegisterRow, other: &RegisterRow) -> bool {
    row.previous_reading_micro.is_some() && row.previous_reading_micro == other.reading_micro
}
