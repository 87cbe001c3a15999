//! Reads what is judged and what it is judged by.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Int64Type};

use crate::synthetic::columns::float;
use crate::synthetic::error::ToolError;
use crate::synthetic::files::each_batch;
use crate::synthetic::truth::{HONEST, Truth};

/// What the evaluation needs of a row of `theft_cases`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Case {
    /// 1 is the first to inspect.
    pub(super) rank: i64,
    /// Days since 1970-01-01.
    pub(super) onset_date: Option<i32>,
    pub(super) lost_kwh: Option<f64>,
    /// p10 and p90.
    pub(super) band: Option<(f64, f64)>,
}

/// Scores by service point, from the table `theft_scores`. Meters that never hung anywhere have no service
/// point, and no label could name them: they are left out.
pub(super) fn scores(path: &Path) -> Result<BTreeMap<String, f64>, ToolError> {
    let mut scores = BTreeMap::new();
    each_batch(path, "theft_scores", |batch| {
        let id = batch.text("service_point_id")?;
        let score = batch.column("score", &DataType::Float64)?;
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
            if scores.insert(id.to_owned(), score).is_some() {
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

/// Labels from the table `inspection`: theft where any visit found theft, honest where a visit found none, and
/// no label where nobody got in or only a fault was found.
pub(super) fn inspections(path: &Path) -> Result<Vec<Truth>, ToolError> {
    let mut labels: BTreeMap<String, (bool, f64)> = BTreeMap::new();
    each_batch(path, "inspection", |batch| {
        let (id, outcome) = (batch.text("service_point_id")?, batch.text("outcome")?);
        let recovered = batch.optional("recovered_kwh", &DataType::Float64)?;
        for i in 0..batch.rows() {
            let is_theft = match outcome.value(i).trim() {
                "theft" => true,
                "no_theft" => false,
                _ => continue,
            };
            let label = labels
                .entry(id.value(i).trim().to_owned())
                .or_insert((false, 0.0));
            label.0 |= is_theft;
            label.1 += recovered.as_ref().and_then(|kwh| float(kwh, i)).unwrap_or(0.0);
        }
        Ok(())
    })?;
    Ok(labels
        .into_iter()
        .map(|(service_point_id, (is_theft, lost_kwh))| Truth {
            service_point_id,
            kind: if is_theft { "inspected" } else { HONEST }.to_owned(),
            is_theft,
            onset_date: None,
            end_date: None,
            lost_kwh,
        })
        .collect())
}
