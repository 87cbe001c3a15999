//! Compaction: of all measurements, the rows that a later job may still need, sorted by component and time.
//!
//! The key is the component's id without the blanks around it and `measured_at`. No registry is asked, so units,
//! registers and components that nobody knows stay.
//!
//! | rows of one key | what becomes of them |
//! |---|---|
//! | older by (`updated_at`, `version`), nulls lowest, than a sound row | superseded |
//! | as new as the newest sound row, and newer ones that are not sound | all kept, exact duplicates once |
//! | none of them sound | all kept, exact duplicates once |
//!
//! A row is *sound* where no job can refuse it: it has a value within the config's limit, and its period, if it has
//! one, has a length that is believed. A row that a job may refuse (no value, a wild one) must not hide an older one
//! that the job would then use. So a job finds the same winner, and the same contradictions of the newest rows, before
//! and after.
//!
//! Kept rows are in one total order, in which only exact duplicates are equal: the output depends on the set of rows,
//! not on their order, their spread over runs, or how often a part of them was compacted before.

mod batch;
mod merge;
mod period;
mod read;
mod row;
#[cfg(test)]
mod tests;
mod texts;

use crate::resolve::{MAX_PERIOD_DAYS, ResolveConfig};

pub use batch::{canonical_batch, rows_from_batch, rows_to_batch, spill_schema};
pub use merge::merge;
pub use period::Period;
pub use read::{NUMBER_OUT_OF_RANGE, RowReader};
pub use row::Row;
pub use texts::{ReadTexts, Texts};

/// Numbers stay below this, 10^-6 units: the eighteen digits of a published decimal.
pub const NUMBER_LIMIT_MICRO: i64 = 1_000_000_000_000_000_000;

/// What makes a row sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Soundness {
    /// Greatest value of either sign, 10^-6 units.
    limit_micro: i64,
}

impl Soundness {
    /// By the limit for intervals, which is the least of all limits.
    #[must_use]
    pub fn new(config: &ResolveConfig) -> Self {
        Self {
            limit_micro: config.limit_micro,
        }
    }

    /// Whether no job can refuse the row for what it says.
    fn holds(self, row: &Row) -> bool {
        let second = |micros: i64| micros.div_euclid(1_000_000);
        let value = row.value_micro();
        let length = row
            .period_start()
            .map(|start| i128::from(second(row.measured_at())) - i128::from(second(start)));
        value.is_some_and(|value| value.unsigned_abs() <= self.limit_micro.unsigned_abs())
            && length.is_none_or(|seconds| {
                seconds > 0 && seconds <= i128::from(MAX_PERIOD_DAYS * crate::model::DAY_SECONDS)
            })
    }
}

/// Sorts rows by component id, time, age and content.
pub fn sort(rows: &mut [Row], texts: &ReadTexts<'_>) {
    // Ids are compared once each; the rows by the ranks of their ids.
    let mut codes: Vec<u32> = rows.iter().map(|row| row.component).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.sort_unstable_by_key(|&code| texts.get(code));
    let mut ranks = vec![0_u32; codes.iter().max().map_or(0, |&code| code as usize + 1)];
    for (rank, &code) in (0..).zip(&codes) {
        ranks[code as usize] = rank;
    }
    for row in rows.iter_mut() {
        row.component = ranks[row.component as usize];
    }
    rows.sort_unstable_by(|a, b| a.component.cmp(&b.component).then_with(|| a.compare(b, texts)));
    for row in rows.iter_mut() {
        row.component = codes[row.component as usize];
    }
}

/// Keeps the rows that a later job may need of sorted rows, and returns how many went.
pub fn newest(rows: &mut Vec<Row>, sound: Soundness) -> u64 {
    let before = rows.len();
    let mut kept = 0;
    let mut start = 0;
    while start < before {
        let key = rows[start].key();
        let length = rows[start..].iter().take_while(|row| row.key() == key).count();
        let end = start + length;
        let floor = rows[start..end]
            .iter()
            .rev()
            .find(|row| sound.holds(row))
            .map(Row::age);
        for at in start..end {
            let row = rows[at];
            let superseded = floor.is_some_and(|floor| row.age() < floor);
            let repeated = at > start && rows[at - 1] == row && !superseded;
            if !superseded && !repeated {
                // `kept` is never ahead of `at`, so no row is written over before it was read.
                rows[kept] = row;
                kept += 1;
            }
        }
        start = end;
    }
    rows.truncate(kept);
    (before - kept) as u64
}
