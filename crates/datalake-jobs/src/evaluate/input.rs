//! Reads what is judged and what it is judged by.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};

use crate::synthetic::columns::{column, text};
use crate::synthetic::error::ToolError;
use crate::synthetic::files::{FileBatches, parquet_files};
use crate::synthetic::names;
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

/// Scores by service point, from the table `theft_scores`.
pub(super) fn scores(path: &Path) -> Result<BTreeMap<String, f64>, ToolError> {
    let mut scores = BTreeMap::new();
    for file in parquet_files(path)? {
        for batch in FileBatches::open(&file)? {
            let batch = batch?;
            let id = text(&batch, &file, "service_point_id")?;
            let score = column(&batch, &file, "score", &DataType::Float64)?;
            let score = score.as_primitive::<Float64Type>();
            for i in 0..batch.num_rows() {
                let id = id.value(i).trim().to_owned();
                if score.is_null(i) || !score.value(i).is_finite() {
                    return Err(ToolError::Input {
                        path: file,
                        what: format!("the score of service point `{id}` is not a finite number"),
                        hint: "scores lie between 0 and 1; leave out service points without one".to_owned(),
                    });
                }
                if scores.insert(id.clone(), score.value(i)).is_some() {
                    return Err(ToolError::Input {
                        path: file,
                        what: format!("service point `{id}` has two scores"),
                        hint: "give the table of one run".to_owned(),
                    });
                }
            }
        }
    }
    Ok(scores)
}

/// Cases by service point, from the table `theft_cases`; of several the first by rank.
pub(super) fn cases(path: &Path) -> Result<BTreeMap<String, Case>, ToolError> {
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for file in parquet_files(path)? {
        for batch in FileBatches::open(&file)? {
            let batch = batch?;
            let id = text(&batch, &file, "service_point_id")?;
            let rank = column(&batch, &file, "rank", &DataType::Int64)?;
            let onset = column(&batch, &file, "onset_date", &DataType::Date32)?;
            let kwh = |name: &str| column(&batch, &file, name, &DataType::Float64);
            let (lost, low, high) = (kwh("lost_kwh")?, kwh("lost_kwh_p10")?, kwh("lost_kwh_p90")?);
            let (rank, onset) = (
                rank.as_primitive::<Int64Type>(),
                onset.as_primitive::<Date32Type>(),
            );
            let float = |array: &arrow::array::ArrayRef, i: usize| {
                array
                    .is_valid(i)
                    .then(|| array.as_primitive::<Float64Type>().value(i))
            };
            for i in 0..batch.num_rows() {
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
        }
    }
    Ok(cases)
}

/// Labels from the table `inspection`: theft where any visit found theft, honest where a visit found none, and
/// no label where nobody got in or only a fault was found.
pub(super) fn inspections(path: &Path) -> Result<Vec<Truth>, ToolError> {
    let mut labels: BTreeMap<String, (bool, f64)> = BTreeMap::new();
    for file in parquet_files(path)? {
        for batch in FileBatches::open(&file)? {
            let batch = batch?;
            let id = text(&batch, &file, "service_point_id")?;
            let outcome = text(&batch, &file, "outcome")?;
            let recovered = match names::position(&batch.schema(), "recovered_kwh") {
                Some(_) => Some(column(&batch, &file, "recovered_kwh", &DataType::Float64)?),
                None => None,
            };
            for i in 0..batch.num_rows() {
                let is_theft = match outcome.value(i).trim() {
                    "theft" => true,
                    "no_theft" => false,
                    _ => continue,
                };
                let kwh = recovered
                    .as_ref()
                    .filter(|a| a.is_valid(i))
                    .map_or(0.0, |a| a.as_primitive::<Float64Type>().value(i));
                let label = labels
                    .entry(id.value(i).trim().to_owned())
                    .or_insert((false, 0.0));
                label.0 |= is_theft;
                label.1 += kwh;
            }
        }
    }
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
