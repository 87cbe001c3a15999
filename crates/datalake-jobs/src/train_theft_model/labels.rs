//! Labels: what inspections say of service points, as far as it may be learned from.

use datalake_transforms::learning::Matrix;

use super::error::TrainError;
use crate::inspections::{Inspection, Inspections};

/// Labels of rows, and what was left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Labels {
    /// Positions of the rows that have one, ascending.
    pub(super) rows: Vec<u32>,
    /// Whether each of them steals.
    pub(super) thefts: Vec<bool>,
    /// Service points with a label and without data, and one of them.
    pub(super) unknown: (u64, Option<String>),
    /// Service points whose data go on after all of their inspections.
    pub(super) too_late: u64,
}

impl Inspections {
    /// Labels of the rows of a matrix whose data end on `last_days`.
    ///
    /// An inspection counts if it is for the whole history, or took place after the last day with data: what was
    /// measured after it must not be learned from, for nothing of it is known when the next inspections are chosen.
    /// Of several that count, one theft makes a theft.
    pub(super) fn labels(&self, features: &Matrix, last_days: &[i32]) -> Labels {
        let mut labels = Labels::default();
        // By id, as the rows of the matrix.
        for (id, inspections) in &self.of {
            let Some(row) = features.position(id) else {
                labels.unknown.0 += 1;
                labels.unknown.1.get_or_insert_with(|| id.clone());
                continue;
            };
            let counts = |inspection: &&Inspection| inspection.day.is_none_or(|day| day > last_days[row]);
            let mut counting = inspections.iter().filter(counts).peekable();
            if counting.peek().is_none() {
                labels.too_late += 1;
                continue;
            }
            labels.rows.push(row as u32);
            labels.thefts.push(counting.any(|inspection| inspection.is_theft));
        }
        labels
    }
}

impl Labels {
    /// Service points that steal, and that do not.
    pub(super) fn counts(&self) -> (u64, u64) {
        let thefts = self.thefts.iter().filter(|theft| **theft).count() as u64;
        (thefts, self.thefts.len() as u64 - thefts)
    }

    /// Fails where there is nothing, too little, or one kind only to learn from.
    pub(super) fn check(&self, needed: u64) -> Result<(), TrainError> {
        let (thefts, others) = self.counts();
        if let (0, 0, (unknown, Some(example))) = (thefts + others, self.too_late, &self.unknown) {
            return Err(TrainError::NothingJoins {
                unknown: *unknown,
                example: example.chars().take(100).collect(),
            });
        }
        if thefts.min(others) >= needed {
            return Ok(());
        }
        let mut left_out = Vec::new();
        if self.too_late > 0 {
            left_out.push(format!("{} have data after their inspection", self.too_late));
        }
        if self.unknown.0 > 0 {
            left_out.push(format!("{} are not in the lake or have no data", self.unknown.0));
        }
        Err(TrainError::TooFewLabels {
            thefts,
            others,
            needed,
            left_out: if left_out.is_empty() {
                String::new()
            } else {
                format!(": {}", left_out.join(", "))
            },
        })
    }
}
