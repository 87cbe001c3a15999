//! First reading of the measurements: who has how much data.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, TimeUnit, TimestampMicrosecondType};
use rayon::prelude::*;

use datalake_deps::session::StopFlag;

use super::customers::Customer;
use crate::synthetic::columns::TableBatch;
use crate::synthetic::error::ToolError;
use crate::synthetic::files::FileBatches;

/// The table.
pub(super) const TABLE: &str = "measurements";

/// What there is of one customer. Times are seconds since 1970-01-01 on the measurement clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) rows: u64,
    pub(super) sum_micro: i128,
}

impl Extent {
    pub(super) const NONE: Self = Self {
        first: i64::MAX,
        last: i64::MIN,
        rows: 0,
        sum_micro: 0,
    };

    fn merge(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.rows += other.rows;
        self.sum_micro += other.sum_micro;
    }
}

/// The three columns that every reading needs.
pub(super) struct Measurements {
    pub(super) id: arrow::array::StringArray,
    /// Microseconds of `measured_at`.
    pub(super) at: ArrayRef,
    /// Decimal of six places.
    pub(super) value: ArrayRef,
}

impl Measurements {
    pub(super) fn of(batch: &TableBatch<'_>) -> Result<Self, ToolError> {
        let schema = batch.schema();
        let field = schema.field(batch.required("measured_at")?);
        if !matches!(field.data_type(), DataType::Timestamp(_, _)) {
            return Err(ToolError::Input {
                path: batch.file.to_owned(),
                what: format!("`{}` is {}, not a timestamp", field.name(), field.data_type()),
                hint: "write the measurements as Parquet timestamps first".to_owned(),
            });
        }
        Ok(Self {
            id: batch.text("measuring_component_id")?,
            at: batch.column("measured_at", &DataType::Timestamp(TimeUnit::Microsecond, None))?,
            value: batch.column("value", &DataType::Decimal128(38, 6))?,
        })
    }

    /// Seconds of `measured_at` and millionths of the value; `None` where either is missing.
    pub(super) fn get(&self, i: usize) -> Option<(i64, i64)> {
        let (at, value) = (
            self.at.as_primitive::<TimestampMicrosecondType>(),
            self.value.as_primitive::<Decimal128Type>(),
        );
        if at.is_null(i) || value.is_null(i) {
            return None;
        }
        Some((
            at.value(i).div_euclid(1_000_000),
            i64::try_from(value.value(i)).ok()?,
        ))
    }
}

/// One extent per customer.
pub(super) fn survey(
    files: &[PathBuf],
    customers: &[Customer],
    stop: &StopFlag,
) -> Result<Vec<Extent>, ToolError> {
    let index = customer_of_component(customers);
    let parts = files
        .par_iter()
        .map(|file| survey_file(file, &index, customers.len(), stop))
        .collect::<Result<Vec<_>, _>>()?;
    let mut extents = vec![Extent::NONE; customers.len()];
    for part in parts {
        for (customer, extent) in part {
            extents[customer].merge(extent);
        }
    }
    Ok(extents)
}

fn customer_of_component(customers: &[Customer]) -> HashMap<&str, usize> {
    customers
        .iter()
        .enumerate()
        .flat_map(|(i, c)| c.components.iter().map(move |id| (id.as_str(), i)))
        .collect()
}

fn survey_file(
    file: &Path,
    index: &HashMap<&str, usize>,
    customers: usize,
    stop: &StopFlag,
) -> Result<Vec<(usize, Extent)>, ToolError> {
    let mut extents = vec![Extent::NONE; customers];
    for batch in FileBatches::open(file, TABLE)? {
        stop.check()?;
        let rows = Measurements::of(&batch?)?;
        for i in 0..rows.id.len() {
            let Some(&customer) = index.get(rows.id.value(i).trim()) else {
                continue;
            };
            if let Some((at, micro)) = rows.get(i) {
                extents[customer].merge(Extent {
                    first: at,
                    last: at,
                    rows: 1,
                    sum_micro: i128::from(micro),
                });
            }
        }
    }
    Ok(extents
        .into_iter()
        .enumerate()
        .filter(|(_, e)| e.rows > 0)
        .collect())
}
