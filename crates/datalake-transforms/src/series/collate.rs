//! Collating: batches of day profiles in any order become one block, sorted by component and day.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::interleave;
use arrow::datatypes::Int64Type;

use super::SeriesBlock;
use crate::day_profile::{DayProfile, DayProfileBuilder, HOURS, SCHEMA, UNKNOWN_HOUR, column, hours_array};
use crate::error::TransformError;

/// Columns whose nulls read as 0 in [`super::DaySeries`].
const NULL_IS_ZERO: [usize; 4] = [column::KWH, column::NIGHT_KWH, column::MIN_KWH, column::MAX_KWH];

/// All rows of the batches, sorted by component and day; rows of one component and day are added up.
///
/// The batches have the schema of [`crate::day_profile::SCHEMA`], and come in any order.
pub fn collate(batches: &[RecordBatch]) -> Result<SeriesBlock, TransformError> {
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    // Component and day in one number that sorts like the pair.
    let mut keys: Vec<(u64, u32, u32)> = Vec::with_capacity(rows);
    for (position, batch) in batches.iter().enumerate() {
        column::check(batch)?;
        let pairs = column::components(batch).iter().zip(column::days(batch));
        keys.extend(pairs.enumerate().map(|(row, (component, day))| {
            let day = (*day as u32) ^ (1 << 31);
            (
                u64::from(*component) << 32 | u64::from(day),
                position as u32,
                row as u32,
            )
        }));
    }
    keys.sort_unstable();
    let repeated = keys.windows(2).any(|pair| pair[0].0 == pair[1].0);
    let batch = if repeated {
        add_repeated(batches, &keys)?
    } else {
        gather(batches, &keys)?
    };
    let mut components = Vec::new();
    let mut offsets = vec![0];
    for run in column::components(&batch).chunk_by(|a, b| a == b) {
        components.push(run[0]);
        offsets.push(offsets[offsets.len() - 1] + run.len());
    }
    Ok(SeriesBlock {
        batch,
        components,
        offsets,
    })
}

/// Row by row, for the rare input in which a pair of component and day occurs twice. Adding is commutative, so
/// the order within a pair does not show.
fn add_repeated(batches: &[RecordBatch], keys: &[(u64, u32, u32)]) -> Result<RecordBatch, TransformError> {
    let mut rows = DayProfileBuilder::with_capacity(keys.len());
    for pair in keys.chunk_by(|a, b| a.0 == b.0) {
        let mut parts = pair
            .iter()
            .map(|(_, batch, row)| DayProfile::read(&batches[*batch as usize], *row as usize));
        if let Some(mut sum) = parts.next() {
            for part in parts {
                sum.add(&part)?;
            }
            rows.push(&sum);
        }
    }
    rows.finish()
}

/// The rows in the order of the keys, under the table's own schema, with fixed values below nulls: a reader of
/// files may leave anything there.
fn gather(batches: &[RecordBatch], keys: &[(u64, u32, u32)]) -> Result<RecordBatch, TransformError> {
    if batches.is_empty() {
        return Ok(RecordBatch::new_empty(SCHEMA.clone()));
    }
    let order: Vec<(usize, usize)> = keys
        .iter()
        .map(|(_, batch, row)| (*batch as usize, *row as usize))
        .collect();
    let mut columns = Vec::with_capacity(SCHEMA.fields().len());
    for position in 0..SCHEMA.fields().len() {
        if position == column::HOURLY_KWH {
            columns.push(gather_hours(batches, &order)?);
            continue;
        }
        let parts: Vec<&dyn Array> = batches
            .iter()
            .map(|batch| batch.column(position).as_ref())
            .collect();
        let gathered = interleave(&parts, &order)?;
        columns.push(if NULL_IS_ZERO.contains(&position) {
            zero_below_nulls(gathered.as_primitive::<Int64Type>())
        } else {
            gathered
        });
    }
    Ok(RecordBatch::try_new(SCHEMA.clone(), columns)?)
}

fn zero_below_nulls(energy: &Int64Array) -> ArrayRef {
    let Some(nulls) = energy.nulls().filter(|nulls| nulls.null_count() > 0) else {
        return Arc::new(energy.clone());
    };
    let values: Vec<i64> = energy
        .values()
        .iter()
        .zip(nulls.iter())
        .map(|(kwh, known)| if known { *kwh } else { 0 })
        .collect();
    Arc::new(Int64Array::new(values.into(), Some(nulls.clone())))
}

/// The widest column by far, with nulls on two levels: one copy brings its items into order and fills the nulls.
fn gather_hours(batches: &[RecordBatch], order: &[(usize, usize)]) -> Result<ArrayRef, TransformError> {
    let lists: Vec<_> = batches
        .iter()
        .map(|batch| batch.column(column::HOURLY_KWH).as_fixed_size_list())
        .collect();
    let known: Vec<bool> = order
        .iter()
        .map(|(batch, row)| lists[*batch].is_valid(*row))
        .collect();
    if !known.contains(&true) {
        return hours_array(Vec::new(), &known);
    }
    let items: Vec<_> = lists
        .iter()
        .map(|lists| lists.values().as_primitive::<Int64Type>())
        .collect();
    let mut hours = Vec::with_capacity(order.len() * HOURS);
    for ((batch, row), known) in order.iter().zip(&known) {
        if !known {
            hours.extend_from_slice(&[UNKNOWN_HOUR; HOURS]);
            continue;
        }
        let first = lists[*batch].value_offset(*row) as usize;
        let from = hours.len();
        hours.extend_from_slice(&items[*batch].values()[first..first + HOURS]);
        if let Some(nulls) = items[*batch].nulls() {
            for (hour, item) in hours[from..].iter_mut().zip(first..) {
                if nulls.is_null(item) {
                    *hour = UNKNOWN_HOUR;
                }
            }
        }
    }
    hours_array(hours, &known)
}

#[cfg(test)]
mod tests;
