//! Collating: batches of day profiles in any order become one block, sorted by component and day.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Int32Type, Int64Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::SeriesBlock;
use crate::day_profile::{DayProfile, DayProfileBuilder, HOURS, SCHEMA, UNKNOWN_HOUR, column, hours_array};
use crate::error::TransformError;

/// Some rows of a batch of day profiles. To slice the batch instead would cost more than the rows, where they are few.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    batch: &'a RecordBatch,
    from: usize,
    to: usize,
}

impl<'a> Share<'a> {
    /// The rows of `rows`; fails where the batch has not the schema of [`crate::day_profile::SCHEMA`], or fewer rows.
    pub fn new(batch: &'a RecordBatch, rows: Range<usize>) -> Result<Self, TransformError> {
        column::check(batch)?;
        if rows.start > rows.end || rows.end > batch.num_rows() {
            return Err(TransformError::Bug(format!(
                "rows {rows:?} of {} day profiles",
                batch.num_rows()
            )));
        }
        Ok(Self {
            batch,
            from: rows.start,
            to: rows.end,
        })
    }

    fn len(&self) -> usize {
        self.to - self.from
    }

    fn components(&self) -> &'a [u32] {
        &column::components(self.batch)[self.from..self.to]
    }

    fn days(&self) -> &'a [i32] {
        &column::days(self.batch)[self.from..self.to]
    }
}

/// All rows of the batches, sorted by component and day; rows of one component and day are added up.
///
/// The batches have the schema of [`crate::day_profile::SCHEMA`], and come in any order.
pub fn collate(batches: &[RecordBatch]) -> Result<SeriesBlock, TransformError> {
    let whole = batches.iter().map(|batch| Share::new(batch, 0..batch.num_rows()));
    collate_shares(whole.collect::<Result<_, _>>()?)
}

/// As [`collate`], of some rows of batches.
pub fn collate_shares(mut batches: Vec<Share<'_>>) -> Result<SeriesBlock, TransformError> {
    batches.retain(|share| share.len() > 0);
    // Day profiles come a day at a time: in the order of the days, each component's rows are in order, too.
    batches.sort_by_key(|share| share.days()[0]);
    if batches.is_empty() {
        return Ok(SeriesBlock {
            batch: RecordBatch::new_empty(SCHEMA.clone()),
            components: Vec::new(),
            offsets: vec![0],
        });
    }
    let batch = if let Some(places) = places_by_day(&batches) {
        scatter(&batches, &places)?
    } else {
        let keys = sorted_keys(&batches);
        if keys.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            add_repeated(&batches, &keys)?
        } else {
            scatter(&batches, &places_by_key(&batches, &keys))?
        }
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

/// Where each row goes, by counting: the rows of a component stay in the order they come. `None` where the days of some
/// component then do not ascend, or where counting would take more memory than the rows.
fn places_by_day(batches: &[Share<'_>]) -> Option<Vec<u32>> {
    let rows: usize = batches.iter().map(Share::len).sum();
    let all = || batches.iter().flat_map(Share::components);
    let (least, greatest) = all().fold((u32::MAX, 0), |(least, greatest), &component| {
        (least.min(component), greatest.max(component))
    });
    let span = (greatest - least) as usize + 1;
    if span > 4 * rows + 4_096 || u32::try_from(rows).is_err() {
        return None;
    }
    let mut next = vec![0_u32; span + 1];
    for component in all() {
        next[(component - least) as usize + 1] += 1;
    }
    for component in 0..span {
        next[component + 1] += next[component];
    }
    let mut last_day = vec![i64::MIN; span];
    let mut places = Vec::with_capacity(rows);
    for batch in batches {
        for (component, &day) in batch.components().iter().zip(batch.days()) {
            let component = (component - least) as usize;
            if i64::from(day) <= last_day[component] {
                return None;
            }
            last_day[component] = i64::from(day);
            places.push(next[component]);
            next[component] += 1;
        }
    }
    Some(places)
}

/// Component and day in one number that sorts like the pair, batch and row; sorted.
type Key = (u64, u32, u32);

fn sorted_keys(batches: &[Share<'_>]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::with_capacity(batches.iter().map(Share::len).sum());
    for (position, batch) in batches.iter().enumerate() {
        let pairs = batch.components().iter().zip(batch.days());
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
    keys
}

/// Where each row goes, by the sorted keys.
fn places_by_key(batches: &[Share<'_>], keys: &[Key]) -> Vec<u32> {
    let mut before = vec![0];
    for batch in batches {
        before.push(before[before.len() - 1] + batch.len());
    }
    let mut places = vec![0; keys.len()];
    for (place, &(_, batch, row)) in (0_u32..).zip(keys) {
        places[before[batch as usize] + row as usize] = place;
    }
    places
}

/// Row by row, for the rare input in which a pair of component and day occurs twice. Adding is commutative, so
/// the order within a pair does not show.
fn add_repeated(batches: &[Share<'_>], keys: &[Key]) -> Result<RecordBatch, TransformError> {
    let mut rows = DayProfileBuilder::with_capacity(keys.len());
    for pair in keys.chunk_by(|a, b| a.0 == b.0) {
        let mut parts = pair.iter().map(|(_, batch, row)| {
            let share = &batches[*batch as usize];
            DayProfile::read(share.batch, share.from + *row as usize)
        });
        if let Some(mut sum) = parts.next() {
            for part in parts {
                sum.add(&part)?;
            }
            rows.push(&sum);
        }
    }
    rows.finish()
}

/// Every row at its place, under the table's own schema, with fixed values below nulls: a reader of files may leave
/// anything there.
fn scatter(batches: &[Share<'_>], places: &[u32]) -> Result<RecordBatch, TransformError> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(SCHEMA.fields().len());
    for (position, field) in SCHEMA.fields().iter().enumerate() {
        columns.push(match field.data_type() {
            DataType::UInt16 => Arc::new(primitives::<UInt16Type>(batches, position, places)),
            DataType::UInt32 => Arc::new(primitives::<UInt32Type>(batches, position, places)),
            DataType::UInt64 => Arc::new(primitives::<UInt64Type>(batches, position, places)),
            DataType::Int64 => Arc::new(primitives::<Int64Type>(batches, position, places)),
            DataType::Date32 => Arc::new(primitives::<Date32Type>(batches, position, places)),
            DataType::Boolean => Arc::new(flags(batches, position, places)),
            _ => hours(batches, places)?,
        });
    }
    Ok(RecordBatch::try_new(SCHEMA.clone(), columns)?)
}

/// A column of numbers; 0 stands below nulls.
fn primitives<T: ArrowPrimitiveType>(
    batches: &[Share<'_>],
    position: usize,
    places: &[u32],
) -> PrimitiveArray<T> {
    let zero = T::Native::default();
    let mut values = vec![zero; places.len()];
    let mut known = Known::default();
    let mut rest = places;
    for batch in batches {
        let (here, after) = rest.split_at(batch.len());
        rest = after;
        let column = batch.batch.column(position).as_primitive::<T>();
        let given = &column.values()[batch.from..batch.to];
        // Much of a day is nothing, and to see that is quicker than to carry it over.
        if given.iter().any(|value| *value != zero) {
            for (&value, &place) in given.iter().zip(here) {
                values[place as usize] = value;
            }
        }
        let nulls = column.nulls().map(|nulls| nulls.slice(batch.from, batch.len()));
        if let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) {
            for (is_known, &place) in nulls.iter().zip(here) {
                if !is_known {
                    values[place as usize] = zero;
                    known.forget(place, places.len());
                }
            }
        }
    }
    PrimitiveArray::new(values.into(), known.into_nulls())
}

/// Which rows are not null.
#[derive(Default)]
struct Known {
    /// Empty while all are known.
    flags: Vec<bool>,
}

impl Known {
    fn forget(&mut self, place: u32, rows: usize) {
        self.flags.resize(rows, true);
        self.flags[place as usize] = false;
    }

    fn into_nulls(self) -> Option<NullBuffer> {
        (!self.flags.is_empty()).then(|| NullBuffer::from(self.flags))
    }
}

fn flags(batches: &[Share<'_>], position: usize, places: &[u32]) -> BooleanArray {
    let mut values = vec![false; places.len()];
    let mut rest = places;
    for batch in batches {
        let (here, after) = rest.split_at(batch.len());
        rest = after;
        let given = batch.batch.column(position).as_boolean().values();
        for (row, &place) in (batch.from..).zip(here) {
            values[place as usize] = given.value(row);
        }
    }
    BooleanArray::from(values)
}

/// The widest column by far, with nulls on two levels: one copy brings its items into order and fills the nulls.
fn hours(batches: &[Share<'_>], places: &[u32]) -> Result<ArrayRef, TransformError> {
    let lists = || {
        batches
            .iter()
            .map(|share| (share, share.batch.column(column::HOURLY_WH).as_fixed_size_list()))
    };
    let mut known = vec![false; places.len()];
    let mut hours = Vec::new();
    if lists().any(|(_, list)| list.null_count() < list.len()) {
        hours.resize(places.len() * HOURS, UNKNOWN_HOUR);
    }
    let mut rest = places;
    for (share, list) in lists() {
        let (here, after) = rest.split_at(share.len());
        rest = after;
        let items = list.values().as_primitive::<Int32Type>();
        for (row, &place) in (share.from..).zip(here) {
            if list.is_null(row) {
                continue;
            }
            known[place as usize] = true;
            let first = list.value_offset(row) as usize;
            let to = &mut hours[place as usize * HOURS..][..HOURS];
            to.copy_from_slice(&items.values()[first..first + HOURS]);
            if items.null_count() > 0 {
                for (hour, wh) in to.iter_mut().enumerate() {
                    if items.is_null(first + hour) {
                        *wh = UNKNOWN_HOUR;
                    }
                }
            }
        }
    }
    hours_array(hours, &known)
}

#[cfg(test)]
mod tests;
