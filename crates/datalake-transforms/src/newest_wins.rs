//! De-duplication of a table of any shape: of rows with one key, the newest wins.

use std::cmp::Ordering;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::row::{RowConverter, Rows, SortField};
use rayon::slice::ParallelSliceMut as _;

use crate::error::TransformError;

/// Keeps one row per key: the one that is greatest by the `order` columns, nulls lowest; of those that are equal
/// there, the greatest by the content of all remaining columns, in the batch's order of columns. So rows that differ
/// anywhere are never chosen by where they stood.
///
/// The output has the input's schema and is sorted by key, ascending, nulls first. Applying it twice changes nothing.
///
/// # Errors
/// A column that isn't there, or whose type Arrow cannot order.
pub fn newest_wins(
    batch: &RecordBatch,
    keys: &[&str],
    order: &[&str],
) -> Result<RecordBatch, TransformError> {
    if u32::try_from(batch.num_rows()).is_err() {
        return Err(TransformError::Parameter {
            name: "batch".to_owned(),
            value: format!("{} rows", batch.num_rows()),
            why: "newest_wins takes at most 2^32 - 1 rows at a time".to_owned(),
        });
    }
    let schema = batch.schema();
    let named = |names: &[&str]| {
        names
            .iter()
            .map(|name| {
                schema.index_of(name).map_err(|_| TransformError::MissingColumn {
                    table: "newest_wins".to_owned(),
                    column: (*name).to_owned(),
                })
            })
            .collect::<Result<Vec<usize>, _>>()
    };
    let key_columns = named(keys)?;
    let order_columns = named(order)?;
    let rest = (0..batch.num_columns()).filter(|c| !key_columns.contains(c) && !order_columns.contains(c));
    let version_columns: Vec<usize> = order_columns.iter().copied().chain(rest).collect();
    let key = comparable(batch, &key_columns)?;
    let version = comparable(batch, &version_columns)?;

    let compare_key = |a: u32, b: u32| compare(key.as_ref(), a, b);
    let mut rows: Vec<u32> = (0..batch.num_rows() as u32).collect();
    // Rows equal in every column are the same row: an unstable sort cannot show.
    rows.par_sort_unstable_by(|&a, &b| compare_key(a, b).then_with(|| compare(version.as_ref(), a, b)));
    let winners: Vec<u32> = rows
        .chunk_by(|&a, &b| compare_key(a, b).is_eq())
        .filter_map(|same_key| same_key.last().copied())
        .collect();
    Ok(take_record_batch(batch, &UInt32Array::from(winners))?)
}

/// Rows that compare as byte strings; `None` for no columns, where all rows are equal.
fn comparable(batch: &RecordBatch, columns: &[usize]) -> Result<Option<Rows>, TransformError> {
    if columns.is_empty() {
        return Ok(None);
    }
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|&column| batch.column(column).clone())
        .collect();
    let fields = arrays
        .iter()
        .map(|array| SortField::new(array.data_type().clone()))
        .collect();
    Ok(Some(RowConverter::new(fields)?.convert_columns(&arrays)?))
}

fn compare(rows: Option<&Rows>, a: u32, b: u32) -> Ordering {
    rows.map_or(Ordering::Equal, |rows| {
        rows.row(a as usize).cmp(&rows.row(b as usize))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    type Row = (
        Option<&'static str>,
        Option<i64>,
        Option<i64>,
        Option<&'static str>,
    );

    fn table(rows: &[Row]) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([
            (
                "id",
                Arc::new(rows.iter().map(|r| r.0).collect::<StringArray>()) as ArrayRef,
                true,
            ),
            (
                "updated",
                Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>()) as ArrayRef,
                true,
            ),
            (
                "version",
                Arc::new(rows.iter().map(|r| r.2).collect::<Int64Array>()) as ArrayRef,
                true,
            ),
            (
                "value",
                Arc::new(rows.iter().map(|r| r.3).collect::<StringArray>()) as ArrayRef,
                true,
            ),
        ])
        .unwrap()
    }

    fn newest(batch: &RecordBatch) -> RecordBatch {
        newest_wins(batch, &["id"], &["updated", "version"]).unwrap()
    }

    #[test]
    fn update_then_version_then_content() {
        let batch = table(&[
            (Some("c"), None, None, Some("only")),
            (Some("a"), Some(1), Some(9), Some("old")),
            (Some("a"), Some(2), Some(1), Some("new")),
            (Some("b"), Some(1), Some(1), Some("lower version")),
            (Some("b"), Some(1), Some(2), Some("higher version")),
            (Some("d"), Some(1), Some(1), Some("x")),
            (Some("d"), Some(1), Some(1), Some("y")),
            (Some("e"), None, Some(7), Some("no time")),
            (Some("e"), Some(0), None, Some("a time")),
            (None, None, None, Some("no key")),
        ]);
        let expected = table(&[
            (None, None, None, Some("no key")),
            (Some("a"), Some(2), Some(1), Some("new")),
            (Some("b"), Some(1), Some(2), Some("higher version")),
            (Some("c"), None, None, Some("only")),
            (Some("d"), Some(1), Some(1), Some("y")),
            (Some("e"), Some(0), None, Some("a time")),
        ]);
        assert_eq!(newest(&batch), expected);
    }

    #[test]
    fn empty_table_and_no_keys() {
        assert_eq!(newest(&table(&[])).num_rows(), 0);
        let batch = table(&[(Some("a"), Some(1), None, None), (Some("b"), Some(2), None, None)]);
        let whole = newest_wins(&batch, &[], &["updated"]).unwrap();
        assert_eq!(whole, table(&[(Some("b"), Some(2), None, None)]));
    }

    #[test]
    fn an_unknown_column_is_named() {
        let refused = newest_wins(&table(&[]), &["id"], &["when"]).unwrap_err();
        insta::assert_snapshot!(refused, @"table `newest_wins` has no column `when`");
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let text = prop::sample::select(vec![None, Some("p"), Some("q"), Some("r")]);
        let number = prop::option::of(0_i64..3);
        prop::collection::vec((text.clone(), number.clone(), number, text), 0..40)
    }

    proptest! {
        #[test]
        fn applying_twice_changes_nothing(rows in rows()) {
            let once = newest(&table(&rows));
            prop_assert_eq!(newest(&once), once);
        }

        #[test]
        fn the_order_of_rows_does_not_matter((rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle()))) {
            prop_assert_eq!(newest(&table(&rows)), newest(&table(&shuffled)));
        }

        /// A map from key to the greatest (updated, version, value) is the same table.
        #[test]
        fn equals_a_map_of_maxima(rows in rows()) {
            let mut best = BTreeMap::new();
            for &(id, updated, version, value) in &rows {
                let kept = best.entry(id).or_insert((updated, version, value));
                *kept = (*kept).max((updated, version, value));
            }
            let expected: Vec<Row> = best.into_iter().map(|(id, (u, v, x))| (id, u, v, x)).collect();
            prop_assert_eq!(newest(&table(&rows)), table(&expected));
        }
    }
}
