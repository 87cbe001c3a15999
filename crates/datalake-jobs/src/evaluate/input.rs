//! Reads what is judged and what it is judged by.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Int64Type};

use crate::inspections::{Inspection, Inspections};
use crate::synthetic::columns::float;
use crate::synthetic::error::ToolError;
use crate::synthetic::files::each_batch;
use crate::synthetic::truth::{HONEST, Truth};

/// What is known of service points.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// A row a service point.
    pub(super) rows: Vec<Truth>,
    /// Where the energy is known: of inspections only where somebody wrote down what was recovered.
    pub(super) energy: bool,
    /// Of inspections.
    pub(super) visits: Option<Visits>,
}

/// What inspections say besides their outcomes.
#[derive(Debug, Default)]
pub(super) struct Visits {
    /// Day of the first visit that found theft, by service point.
    pub(super) found: BTreeMap<String, i32>,
    /// Rows without an answer: a fault, or nobody let the inspector in.
    pub(super) without_answer: u64,
}

impl Known {
    /// Of a truth table.
    pub(super) fn of_truth(rows: Vec<Truth>) -> Self {
        Self {
            rows,
            energy: true,
            visits: None,
        }
    }

    /// Of inspections from a day on, and of those for the whole history: theft where any visit found theft, honest where one
    /// found none, and no label where nobody got in or only a fault was found.
    pub(crate) fn of_inspections(inspections: &Inspections, from: Option<i32>) -> Self {
        let mut known = Self::default();
        let mut visits = Visits {
            without_answer: inspections.neither,
            ..Visits::default()
        };
        for (id, all) in &inspections.of {
            let counts =
                |visit: &&Inspection| visit.day.is_none_or(|day| from.is_none_or(|from| day >= from));
            let counting: Vec<&Inspection> = all.iter().filter(counts).collect();
            if counting.is_empty() {
                continue;
            }
            let is_theft = counting.iter().any(|visit| visit.is_theft);
            let found = counting
                .iter()
                .filter(|visit| visit.is_theft)
                .filter_map(|visit| visit.day)
                .min();
            visits.found.extend(found.map(|day| (id.clone(), day)));
            let recovered = || counting.iter().filter_map(|visit| visit.recovered_kwh);
            known.energy |= recovered().next().is_some();
            known.rows.push(Truth {
                service_point_id: id.clone(),
                kind: if is_theft { "inspected" } else { HONEST }.to_owned(),
                is_theft,
                onset_date: None,
                end_date: None,
                // The sum of nothing is -0.
                lost_kwh: recovered().sum::<f64>() + 0.0,
            });
        }
        known.visits = Some(visits);
        known
    }
}

/// Scores by service point.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    /// What the list is ordered by.
    pub(crate) score: BTreeMap<String, f64>,
    /// Probabilities of a model; empty without one.
    pub(crate) model: BTreeMap<String, f64>,
}

/// What the evaluation needs of a row of `theft_cases`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Case {
    /// 1 is the first to inspect.
    pub(crate) rank: i64,
    /// Days since 1970-01-01.
    pub(crate) onset_date: Option<i32>,
    /// Energy lost, kWh.
    pub(crate) lost_kwh: Option<f64>,
    /// p10 and p90.
    pub(crate) band: Option<(f64, f64)>,
}

/// Scores by service point, from the table `theft_scores`. Meters that never hung anywhere have no service
/// point, and no label could name them: they are left out.
pub(super) fn scores(path: &Path) -> Result<Scores, ToolError> {
    let mut scores = Scores::default();
    each_batch(path, "theft_scores", |batch| {
        let id = batch.text("service_point_id")?;
        let score = batch.column("score", &DataType::Float64)?;
        let model = batch.optional("model_score", &DataType::Float64)?;
        let bad = |what, hint: &str| ToolError::Input {
            path: batch.file.to_owned(),
            what,
            hint: hint.to_owned(),
        };
        for i in 0..batch.rows() {
            let id = id.value(i).trim();
            if id.is_empty() {
                continue;
            }
            let Some(score) = float(&score, i).filter(|s| s.is_finite()) else {
                let what = format!("the score of service point `{id}` is not a finite number");
                return Err(bad(
                    what,
                    "scores lie between 0 and 1; leave out service points without one",
                ));
            };
            let probability = model.as_ref().and_then(|model| float(model, i));
            scores
                .model
                .extend(probability.map(|probability| (id.to_owned(), probability)));
            if scores.score.insert(id.to_owned(), score).is_some() {
                return Err(bad(
                    format!("service point `{id}` has two scores"),
                    "give the table of one run",
                ));
            }
        }
        Ok(())
    })?;
    Ok(scores)
}

/// Cases by service point, from the table `theft_cases`; of several the first by rank.
pub(super) fn cases(path: &Path) -> Result<BTreeMap<String, Case>, ToolError> {
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    each_batch(path, "theft_cases", |batch| {
        let id = batch.text("service_point_id")?;
        let rank = batch.column("rank", &DataType::Int64)?;
        let onset = batch.column("onset_date", &DataType::Date32)?;
        let kwh = |name| batch.column(name, &DataType::Float64);
        let (lost, low, high) = (kwh("lost_kwh")?, kwh("lost_kwh_p10")?, kwh("lost_kwh_p90")?);
        let (rank, onset) = (
            rank.as_primitive::<Int64Type>(),
            onset.as_primitive::<Date32Type>(),
        );
        for i in 0..batch.rows() {
            let case = Case {
                rank: rank.value(i),
                onset_date: onset.is_valid(i).then(|| onset.value(i)),
                lost_kwh: float(&lost, i),
                band: float(&low, i).zip(float(&high, i)),
            };
            cases
                .entry(id.value(i).trim().to_owned())
                .and_modify(|kept| {
                    if case.rank < kept.rank {
                        *kept = case;
                    }
                })
                .or_insert(case);
        }
        Ok(())
    })?;
    Ok(cases)
}
