//! Labels: what inspections say of service points, as far as it may be learned from.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMicrosecondType;
use datalake_deps::lake::Lake;
use datalake_deps::lake::model::INSPECTION;
use datalake_transforms::learning::Matrix;

use super::error::TrainError;

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// One inspection that found theft, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inspection {
    /// Whether it found theft.
    pub(super) is_theft: bool,
    /// Day of it, since 1970-01-01; `None` where the label is for the whole history.
    pub(super) day: Option<i32>,
}

/// What the table `inspection` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inspections {
    /// By service point.
    pub(super) of: BTreeMap<String, Vec<Inspection>>,
    /// Rows that say neither: a fault, or nobody let the inspector in.
    pub(super) neither: u64,
    /// Rows that could not be read.
    pub(super) rejected: u64,
}

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
    /// Reads the table; fails where it is not there.
    pub(super) fn read(lake: &Lake) -> Result<Self, TrainError> {
        let data = lake.read_table(&INSPECTION)?;
        let mut found = Self {
            rejected: data.rejected.len() as u64,
            ..Self::default()
        };
        for part in &data.batches {
            let batch = &part.table.batch;
            let text = |name: &str| batch[name].as_string::<i32>();
            let (ids, outcomes) = (text("service_point_id"), text("outcome"));
            let times = batch["inspected_at"].as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                let outcome = if outcomes.is_valid(row) {
                    outcomes.value(row).trim()
                } else {
                    ""
                };
                let is_theft = match outcome.to_ascii_lowercase().as_str() {
                    "theft" => true,
                    "no_theft" => false,
                    "fault" | "no_access" | "" => {
                        found.neither += 1;
                        continue;
                    }
                    _ => {
                        return Err(TrainError::UnknownOutcome {
                            value: outcome.chars().take(100).collect(),
                        });
                    }
                };
                let day = times
                    .is_valid(row)
                    .then(|| times.value(row).div_euclid(DAY_MICROS) as i32);
                found
                    .of
                    .entry(ids.value(row).trim().to_owned())
                    .or_default()
                    .push(Inspection { is_theft, day });
            }
        }
        if data.rows_read == 0 {
            return Err(TrainError::NoInspections);
        }
        Ok(found)
    }

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
