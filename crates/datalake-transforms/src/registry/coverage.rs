//! How an interval stands to the install periods of its component.
//!
//! An interval `(start, end]` is covered by a period with `period.start <= start` and `period.end >= end`. Where
//! several cover it, the one that began last counts, then the one with the greatest event id: with periods sorted by
//! (start, event id), the one with the greatest position. An interval that a period touches without covering it, or
//! in which a switch changes the state, is cut.

use super::{Component, Coverage, InstallPeriod};
use crate::model::DAY_SECONDS;

/// Periods in a block of [`Component::block_ends`].
const BLOCK: usize = 64;

impl InstallPeriod {
    /// Whether it was on during the whole of `(start, end]`; `None` where a switch changes the state inside.
    ///
    /// A period is on until its first switch.
    #[must_use]
    pub fn on_during(&self, start: i64, end: i64) -> Option<bool> {
        let next = self.switches.partition_point(|switch| switch.at <= start);
        let on = next.checked_sub(1).is_none_or(|last| self.switches[last].on);
        self.switches[next..]
            .iter()
            .take_while(|switch| switch.at < end)
            .all(|switch| switch.on == on)
            .then_some(on)
    }
}

impl Component {
    /// Sorts the periods by (start, event id) and fills [`Component::block_ends`]. Few periods need no index.
    pub fn index_periods(&mut self) {
        self.periods
            .sort_unstable_by(|a, b| (a.start, &a.event_id).cmp(&(b.start, &b.event_id)));
        self.block_ends = if self.periods.len() > BLOCK {
            self.periods
                .chunks(BLOCK)
                .map(|block| block.iter().map(|period| period.end).max().unwrap_or(i64::MIN))
                .collect()
        } else {
            Vec::new()
        };
    }

    /// How the interval `(start, end]` stands to the periods; seconds on the measurement clock, `start < end`.
    #[must_use]
    pub fn coverage(&self, start: i64, end: i64) -> Coverage {
        let begun = self.periods.partition_point(|period| period.start <= start);
        if let Some(position) = self.last_reaching(begun, end) {
            return self.state(position, start, end);
        }
        let begun = begun + self.periods[begun..].partition_point(|period| period.start < end);
        match self.last_reaching(begun, start.saturating_add(1)) {
            Some(_) => Coverage::Cut,
            None => Coverage::Uninstalled,
        }
    }

    /// The coverage that every interval inside a day has; `None` where they differ. `day` counts from 1970-01-01 on
    /// the measurement clock.
    #[must_use]
    pub fn uniform_day(&self, day: i32) -> Option<Coverage> {
        let start = i64::from(day) * DAY_SECONDS;
        let end = start + DAY_SECONDS;
        // Of all periods that touch the day, the last one takes every interval that it covers. So the day is
        // uniform only if that one covers the day whole.
        let begun = self.periods.partition_point(|period| period.start < end);
        let Some(position) = self.last_reaching(begun, start + 1) else {
            return Some(Coverage::Uninstalled);
        };
        let period = &self.periods[position];
        if period.start > start || period.end < end {
            return None;
        }
        match self.state(position, start, end) {
            Coverage::Cut => None,
            uniform => Some(uniform),
        }
    }

    fn state(&self, position: usize, start: i64, end: i64) -> Coverage {
        match self.periods[position].on_during(start, end) {
            Some(true) => Coverage::On(position as u32),
            Some(false) => Coverage::Off(position as u32),
            None => Coverage::Cut,
        }
    }

    /// Greatest position below `below` whose period ends at `end` or later.
    fn last_reaching(&self, below: usize, end: i64) -> Option<usize> {
        let mut below = below;
        while below > 0 {
            let block = (below - 1) / BLOCK;
            if self.block_ends.get(block).is_none_or(|&greatest| greatest >= end) {
                let from = block * BLOCK;
                let found = self.periods[from..below]
                    .iter()
                    .rposition(|period| period.end >= end);
                if let Some(offset) = found {
                    return Some(from + offset);
                }
            }
            below = block * BLOCK;
        }
        None
    }
}
