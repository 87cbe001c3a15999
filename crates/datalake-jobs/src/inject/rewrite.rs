//! Third reading: the measurements again, with the reported values in their places.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Datum, Decimal128Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::compute::kernels::zip::zip;

use datalake_deps::session::StopFlag;

use super::series::{Injected, is_missing};
use super::survey::{Measurements, TABLE};
use crate::synthetic::columns::TableBatch;
use crate::synthetic::error::ToolError;
use crate::synthetic::files::{FileBatches, create};

/// The code of rows that the estimate kind marks.
const ESTIMATED: &str = "401000";

/// Copies one file; returns how many rows have another value than before.
pub(super) fn rewrite(
    from: &Path,
    to: &Path,
    injected: &Injected,
    stop: &StopFlag,
) -> Result<u64, ToolError> {
    let batches = FileBatches::open(from, TABLE)?;
    let mut writer = create(to, Arc::clone(&batches.schema))?;
    let mut changed = 0;
    for batch in batches {
        stop.check()?;
        let batch = batch?;
        let (batch, rows) = rewrite_batch(&batch, injected)?;
        changed += rows;
        writer.write(&batch).map_err(ToolError::parquet(to))?;
    }
    writer.close().map_err(ToolError::parquet(to))?;
    Ok(changed)
}

fn rewrite_batch(batch: &TableBatch<'_>, injected: &Injected) -> Result<(RecordBatch, u64), ToolError> {
    let file = batch.file;
    let rows = Measurements::of(batch)?;
    let condition = batch.optional_text("condition_code")?;
    let mut new = vec![None; batch.rows()];
    let mut estimated = vec![false; batch.rows()];
    let mut changed = 0;
    for i in 0..batch.rows() {
        let Some(reported) = injected.reported.get(rows.id.value(i).trim()) else {
            continue;
        };
        let Some((at, micro)) = rows.get(i) else { continue };
        if condition.as_ref().is_some_and(|c| is_missing(c.value(i))) {
            continue;
        }
        let Ok(position) = reported.values.binary_search_by_key(&at, |row| row.0) else {
            continue;
        };
        let value = reported.values[position].1;
        new[i] = Some(i128::from(value));
        estimated[i] = reported.estimated;
        changed += u64::from(value != micro);
    }
    if new.iter().all(Option::is_none) {
        return Ok((batch.batch.clone(), 0));
    }
    let mut columns = batch.batch.columns().to_vec();
    let value = batch.required("value")?;
    let mask = new.iter().map(|v| Some(v.is_some())).collect::<BooleanArray>();
    let decimals: ArrayRef = Arc::new(
        Decimal128Array::from(new)
            .with_precision_and_scale(38, 6)
            .map_err(ToolError::arrow(file))?,
    );
    columns[value] = replace(&mask, &decimals, &columns[value], file)?;
    if let Some(at) = batch.position("condition_code") {
        let code = StringArray::new_scalar(ESTIMATED);
        columns[at] = replace(&BooleanArray::from(estimated), &code, &columns[at], file)?;
    }
    Ok((batch.with_columns(columns)?, changed))
}

/// `new` where the mask says so, in the type that the column has; the rest keeps its bits.
pub(super) fn replace(
    mask: &BooleanArray,
    new: &dyn Datum,
    old: &ArrayRef,
    file: &Path,
) -> Result<ArrayRef, ToolError> {
    let (array, is_scalar) = new.get();
    let new = cast(array, old.data_type()).map_err(ToolError::arrow(file))?;
    let replaced = if is_scalar {
        zip(mask, &arrow::array::Scalar::new(new), old)
    } else {
        zip(mask, &new, old)
    };
    replaced.map_err(ToolError::arrow(file))
}
