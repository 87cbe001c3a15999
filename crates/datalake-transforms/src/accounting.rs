//! Row counts: every row of the measurements is used, superseded, out of scope or rejected, and nothing else.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::TransformError;

/// Where rows of the measurements went.
///
/// Readers, the resolver, the day grid and the register periods each fill in their part; the merged sum obeys
/// `read = used + superseded + out of scope + rejected`, which [`RowCounts::check`] asserts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// Rows that were read, the rejected ones among them.
    pub read: u64,
    /// Rows that stand in a day profile or that bound a register's period.
    pub used: u64,
    /// Rows that a newer row with the same component and time replaced.
    pub superseded: u64,
    /// Rows that are well but not looked at, by reason.
    pub out_of_scope: BTreeMap<&'static str, u64>,
    /// Rows that were kept aside, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

impl RowCounts {
    /// Counts rows out of scope.
    pub fn add_out_of_scope(&mut self, reason: &'static str, rows: u64) {
        if rows > 0 {
            *self.out_of_scope.entry(reason).or_default() += rows;
        }
    }

    /// Counts rejected rows.
    pub fn add_rejected(&mut self, reason: &'static str, rows: u64) {
        if rows > 0 {
            *self.rejected.entry(reason).or_default() += rows;
        }
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.read += other.read;
        self.used += other.used;
        self.superseded += other.superseded;
        for (reason, rows) in &other.out_of_scope {
            self.add_out_of_scope(reason, *rows);
        }
        for (reason, rows) in &other.rejected {
            self.add_rejected(reason, *rows);
        }
    }

    /// Rows whose fate is known.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.used
            + self.superseded
            + self.out_of_scope.values().sum::<u64>()
            + self.rejected.values().sum::<u64>()
    }

    /// Fails as a bug where a row was lost or counted twice.
    pub fn check(&self) -> Result<(), TransformError> {
        if self.read == self.accounted() {
            return Ok(());
        }
        Err(TransformError::Bug(format!(
            "{} rows of measurements were read, but {} accounted for: {self:?}",
            self.read,
            self.accounted()
        )))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn merging_adds_reason_by_reason_and_the_sum_is_checked() {
        let mut counts = RowCounts {
            read: 10,
            used: 4,
            superseded: 1,
            ..RowCounts::default()
        };
        counts.add_out_of_scope("not_energy", 2);
        counts.add_rejected("off_grid", 0);
        assert!(counts.rejected.is_empty(), "no row, no reason");
        let mut other = RowCounts {
            read: 3,
            ..RowCounts::default()
        };
        other.add_rejected("off_grid", 3);
        other.add_rejected("value_missing", 2);
        other.add_out_of_scope("not_energy", 1);
        counts.merge(&other);
        assert_eq!(counts.read, 13);
        assert_eq!(counts.out_of_scope["not_energy"], 3);
        assert_eq!(counts.accounted(), 13);
        counts.check().unwrap();
        counts.used += 1;
        assert!(counts.check().unwrap_err().to_string().contains("13 rows"));
    }
}
