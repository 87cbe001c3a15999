#![allow(clippy::unwrap_used)]

use arrow::array::{Array, FixedSizeListArray};
use arrow::buffer::NullBuffer;
use proptest::prelude::*;

use arrow::array::{Int32Array, Int64Array};

use super::*;

/// Columns whose nulls read as 0 in [`super::super::DaySeries`].
const NULL_IS_ZERO: [usize; 4] = [column::KWH, column::NIGHT_KWH, column::MIN_KWH, column::MAX_KWH];

fn profile(component: u32, day: i32, kwh: i64) -> DayProfile {
    DayProfile {
        component,
        day,
        intervals: 1,
        valued: 1,
        kwh,
        min_kwh: kwh,
        max_kwh: kwh,
        night_kwh: Some(kwh),
        hourly_wh: Some([kwh as i32; HOURS]),
        shape_hash: Some(1),
        ..DayProfile::default()
    }
}

fn batch(rows: &[DayProfile]) -> RecordBatch {
    let mut builder = DayProfileBuilder::default();
    for row in rows {
        builder.push(row);
    }
    builder.finish().unwrap()
}

fn rows(batch: &RecordBatch) -> Vec<DayProfile> {
    (0..batch.num_rows())
        .map(|row| DayProfile::read(batch, row))
        .collect()
}

#[test]
fn rows_come_by_component_and_day() {
    let block = collate(&[
        batch(&[profile(7, 3, 1), profile(2, 3, 2)]),
        batch(&[profile(2, -1, 3)]),
        batch(&[]),
        batch(&[profile(2, 4, 4)]),
    ])
    .unwrap();
    assert_eq!(
        (block.components.as_slice(), block.offsets.as_slice()),
        (&[2, 7][..], &[0, 3, 4][..])
    );
    let series = block.series(0);
    assert_eq!(
        (series.component, series.day, series.kwh),
        (2, &[-1, 3, 4][..], &[3, 2, 4][..])
    );
    assert_eq!((series.rows, series.hourly_wh.len()), ((0, 3), 3 * HOURS));
    assert_eq!(block.series(1).hourly_wh, [1; HOURS]);
    assert_eq!(
        block.par_map(|series| (series.component, series.day.len())),
        [(2, 3), (7, 1)]
    );
}

#[test]
fn nothing_is_a_block_too() {
    for batches in [vec![], vec![batch(&[])]] {
        let block = collate(&batches).unwrap();
        assert_eq!((block.range(), block.offsets), (0..0, vec![0]));
    }
}

#[test]
fn nulls_read_as_fixed_values_whatever_stands_below_them() {
    let unknown = DayProfile {
        valued: 0,
        kwh: 0,
        min_kwh: 0,
        max_kwh: 0,
        night_kwh: None,
        hourly_wh: None,
        ..profile(1, 2, 0)
    };
    let mut some_hours = [5; HOURS];
    some_hours[3] = UNKNOWN_HOUR;
    let known = DayProfile {
        hourly_wh: Some(some_hours),
        ..profile(1, 1, 5)
    };
    let good = batch(&[known.clone(), unknown.clone()]);
    // The same rows as a file reader may give them: other values below the nulls.
    let mut columns = good.columns().to_vec();
    for position in NULL_IS_ZERO {
        let nulls = NullBuffer::from(vec![true, false]);
        columns[position] = Arc::new(Int64Array::new(vec![5, 77].into(), Some(nulls)));
    }
    let lists = columns[column::HOURLY_WH].as_fixed_size_list();
    let items = lists.values().as_primitive::<Int32Type>();
    let stale: Vec<i32> = items
        .values()
        .iter()
        .map(|wh| if *wh == UNKNOWN_HOUR { 88 } else { *wh })
        .collect();
    let stale = Int32Array::new(stale.into(), items.nulls().cloned());
    let (field, size) = match lists.data_type() {
        arrow::datatypes::DataType::FixedSizeList(field, size) => (field.clone(), *size),
        other => unreachable!("{other}"),
    };
    columns[column::HOURLY_WH] = Arc::new(FixedSizeListArray::new(
        field,
        size,
        Arc::new(stale),
        lists.nulls().cloned(),
    ));
    let dirty = RecordBatch::try_new(good.schema(), columns).unwrap();

    let block = collate(&[dirty]).unwrap();
    assert_eq!(rows(&block.batch), [known, unknown]);
    let series = block.series(0);
    assert_eq!(
        (series.kwh, series.min_kwh, series.max_kwh),
        (&[5, 0][..], &[5, 0][..], &[5, 0][..])
    );
    assert_eq!((series.night_kwh, series.has_night), (&[5, 0][..], true));
    assert_eq!(series.hourly_wh[..5], [5, 5, 5, UNKNOWN_HOUR, 5]);
    assert_eq!(series.hourly_wh[HOURS..], [UNKNOWN_HOUR; HOURS]);
}

#[test]
fn a_component_without_hours_and_nights_says_so() {
    let bare = |component, day| DayProfile {
        night_kwh: None,
        hourly_wh: None,
        ..profile(component, day, 1)
    };
    let block = collate(&[batch(&[bare(0, 1), profile(1, 1, 1), bare(2, 1), bare(2, 2)])]).unwrap();
    let known: Vec<_> = block.par_map(|series| (series.has_night, series.hourly_wh.len()));
    assert_eq!(known, [(false, 0), (true, HOURS), (false, 0)]);
}

#[test]
fn parts_of_one_day_are_added_up() {
    let part = |kwh: i64, usable: u16| DayProfile {
        usable,
        usable_kwh: kwh * i64::from(usable),
        night_kwh: None,
        hourly_wh: None,
        shape_hash: None,
        spread: true,
        ..profile(1, 5, kwh)
    };
    let empty = DayProfile {
        valued: 0,
        kwh: 0,
        min_kwh: 0,
        max_kwh: 0,
        missing: 1,
        ..part(0, 0)
    };
    let block = collate(&[
        batch(&[part(-3, 1)]),
        batch(&[profile(0, 5, 1), empty, part(4, 0)]),
    ])
    .unwrap();
    let expected = DayProfile {
        intervals: 3,
        valued: 2,
        missing: 1,
        min_kwh: -3,
        max_kwh: 4,
        usable: 1,
        usable_kwh: -3,
        ..part(1, 0)
    };
    assert_eq!(rows(&block.batch), [profile(0, 5, 1), expected]);

    let hours_of_parts = collate(&[batch(&[profile(1, 5, 1), profile(1, 5, 2)])]).unwrap();
    let sum = &rows(&hours_of_parts.batch)[0];
    assert_eq!((sum.kwh, sum.night_kwh, sum.shape_hash), (3, Some(3), None));
    assert_eq!(sum.hourly_wh, Some([UNKNOWN_HOUR; HOURS]));
}

#[test]
fn a_sum_beyond_64_bits_is_an_error() {
    let error = collate(&[batch(&[profile(3, 5, i64::MAX), profile(3, 5, 1)])]).unwrap_err();
    insta::assert_snapshot!(error, @"the sum of kwh for component 3 on day 5 is too large to be exact");
}

#[test]
fn another_table_is_an_error() {
    let good = batch(&[profile(1, 1, 1)]);
    let order: Vec<usize> = (0..good.num_columns() - 1).collect();
    let error = collate(&[good.project(&order).unwrap()]).unwrap_err();
    insta::assert_snapshot!(error, @"table `day_profile` has no column `spread`");
    let mut columns = good.columns().to_vec();
    columns[2] = Arc::new(Int64Array::from(vec![1]));
    let names = SCHEMA.fields().iter().map(|field| field.name().clone());
    let error = collate(&[RecordBatch::try_from_iter(names.zip(columns)).unwrap()]).unwrap_err();
    insta::assert_snapshot!(error, @"column `day_profile.intervals` is Int64, expected UInt16");
}

proptest! {
    #[test]
    fn order_and_split_do_not_matter(
        (pairs, shuffled) in prop::collection::vec((0_u32..4, -3_i32..3, -9_i64..9), 0..40)
            .prop_flat_map(|pairs| (Just(pairs.clone()), Just(pairs).prop_shuffle())),
        size in 1_usize..40,
    ) {
        let of = |pairs: &[(u32, i32, i64)]| {
            batch(&pairs.iter().map(|(component, day, kwh)| profile(*component, *day, *kwh)).collect::<Vec<_>>())
        };
        let block = collate(&[of(&pairs)]).unwrap();
        let split: Vec<RecordBatch> = shuffled.chunks(size).map(of).collect();
        let same = collate(&split).unwrap();
        prop_assert!(pairs.is_empty() || block.batch == same.batch);
        prop_assert_eq!(&block.components, &same.components);
        let sum: i64 = pairs.iter().map(|(.., kwh)| kwh).sum();
        prop_assert_eq!(column::energies(&block.batch, column::KWH).iter().sum::<i64>(), sum);
        let keys: Vec<_> = rows(&block.batch).iter().map(|row| (row.component, row.day)).collect();
        prop_assert!(keys.is_sorted_by(|a, b| a < b));
    }
}
