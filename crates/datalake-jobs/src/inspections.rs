//! Outcomes of inspections, as the lake's table `inspection` has them.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, TimestampMicrosecondType};
use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::lake::model::INSPECTION;
use datalake_deps::lake::{Lake, LakeError};

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// Why the inspections cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectionError {
    /// The table cannot be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// An outcome that has no meaning here.
    #[error("`{value}` in inspection.outcome is no outcome")]
    UnknownOutcome {
        /// As it stands there.
        value: String,
    },
}

impl Diagnostic for InspectionError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Lake(error) => error.exit_code(),
            Self::UnknownOutcome { .. } => ExitCode::BadData,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lake(error) => error.hint(),
            Self::UnknownOutcome { .. } => {
                Some("outcomes are theft, no_theft, fault and no_access".to_owned())
            }
        }
    }
}

/// One inspection that found theft, or none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Inspection {
    /// Whether it found theft.
    pub(crate) is_theft: bool,
    /// Day of it, since 1970-01-01; `None` where the label is for the whole history.
    pub(crate) day: Option<i32>,
    /// Energy that was billed because of it, kWh; `None` where nobody says.
    pub(crate) recovered_kwh: Option<f64>,
}

/// What the table `inspection` says.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Inspections {
    /// By service point.
    pub(crate) of: BTreeMap<String, Vec<Inspection>>,
    /// Rows that say neither: a fault, or nobody let the inspector in.
    pub(crate) neither: u64,
    /// Rows that could not be read.
    pub(crate) rejected: u64,
}

impl Inspections {
    /// Reads the table; `None` where it is not there, or empty.
    pub(crate) fn read(lake: &Lake) -> Result<Option<Self>, InspectionError> {
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
            let recovered = batch["recovered_kwh"].as_primitive::<Float64Type>();
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
                        return Err(InspectionError::UnknownOutcome {
                            value: outcome.chars().take(100).collect(),
                        });
                    }
                };
                let day = times
                    .is_valid(row)
                    .then(|| times.value(row).div_euclid(DAY_MICROS) as i32);
                let kwh = recovered.is_valid(row).then(|| recovered.value(row));
                found
                    .of
                    .entry(ids.value(row).trim().to_owned())
                    .or_default()
                    .push(Inspection {
                        is_theft,
                        day,
                        recovered_kwh: kwh.filter(|kwh| kwh.is_finite()),
                    });
            }
        }
        // Sums over visits must not follow the order of the rows.
        let energy = |visit: &Inspection| visit.recovered_kwh.unwrap_or(f64::NEG_INFINITY);
        for visits in found.of.values_mut() {
            visits.sort_by(|a, b| {
                (a.day, a.is_theft)
                    .cmp(&(b.day, b.is_theft))
                    .then(energy(a).total_cmp(&energy(b)))
            });
        }
        Ok((data.rows_read > 0).then_some(found))
    }

    /// Whether any visit found theft, by service point.
    pub(crate) fn thefts(&self) -> BTreeMap<String, bool> {
        let any = |visits: &[Inspection]| visits.iter().any(|visit| visit.is_theft);
        self.of
            .iter()
            .map(|(id, visits)| (id.clone(), any(visits)))
            .collect()
    }
}
