//! Cost of a row on its way into the day profile: 20,000 half-hourly meters, one day, dictionary batches of 8,192
//! rows as the Parquet reader gives them, in three orders of rows; each step alone, and with those before it.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use datalake_transforms::day_grid::DayGrid;
use datalake_transforms::resolve::{ResolvedRow, ResolvedRows, Resolver};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

mod meters;

use meters::{SLOTS, config, registry};

const METERS: usize = 20_000;
const ROWS: usize = METERS * SLOTS;
const BATCH_ROWS: usize = 8_192;
const DAY: i32 = 19_723;

fn main() {
    divan::main();
}

#[derive(Debug, Clone, Copy)]
enum Order {
    /// By component, then time: how a well-kept lake is sorted.
    Component,
    /// By time, then component: how a head end delivers.
    Time,
    /// Neither: every row hits another cache line.
    Scattered,
}

const ORDERS: [Order; 3] = [Order::Component, Order::Time, Order::Scattered];

/// Meter and slot of the `i`-th row.
fn place(order: Order, i: usize) -> (usize, usize) {
    match order {
        Order::Component => (i / SLOTS, i % SLOTS),
        Order::Time => (i % METERS, i / METERS),
        Order::Scattered => {
            // A multiplier without a common divisor visits every place once.
            let place = i * 600_011 % ROWS;
            (place / SLOTS, place % SLOTS)
        }
    }
}

fn batches(order: Order) -> Vec<RecordBatch> {
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..METERS).map(|meter| format!("{meter:012}")),
    ));
    let codes: ArrayRef = Arc::new(StringArray::from(vec!["501000", "301000"]));
    let dictionary = |keys: Vec<i32>, values: &ArrayRef| -> ArrayRef {
        Arc::new(DictionaryArray::<Int32Type>::new(
            Int32Array::from(keys),
            Arc::clone(values),
        ))
    };
    let rows: Vec<usize> = (0..ROWS).collect();
    let batch = |rows: &[usize]| {
        let midnight = i64::from(DAY) * 86_400;
        let at = |i: &usize| (midnight + 1800 * (1 + place(order, *i).1 as i64)) * 1_000_000;
        let value = |i: &usize| (*i as i64 * 7_919) % 900_000;
        let columns: [(&str, ArrayRef); 6] = [
            (
                "measuring_component_id",
                dictionary(rows.iter().map(|i| place(order, *i).0 as i32).collect(), &ids),
            ),
            (
                "measured_at",
                Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(at))),
            ),
            (
                "value_micro",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(value))),
            ),
            (
                "condition_code",
                dictionary(rows.iter().map(|i| i32::from(i % 50 == 0)).collect(), &codes),
            ),
            (
                "updated_at",
                Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(at))),
            ),
            ("version", Arc::new(Int64Array::from_value(1, rows.len()))),
        ];
        RecordBatch::try_from_iter(columns).unwrap_or_else(|error| unreachable!("{error}"))
    };
    rows.chunks(BATCH_ROWS).map(batch).collect()
}

fn resolve_and_insert(
    resolver: &mut Resolver<'_>,
    grid: &mut DayGrid<'_>,
    rows: &mut ResolvedRows,
    batches: &[RecordBatch],
) {
    for batch in batches {
        rows.clear();
        let done = resolver
            .resolve_into(batch, rows, grid)
            .and_then(|()| grid.check());
        assert!(matches!(done, Ok(0)));
    }
}

#[divan::bench(args = ORDERS)]
fn resolve(bencher: Bencher<'_, '_>, order: Order) {
    let registry = registry(METERS);
    let batches = batches(order);
    let Ok(mut resolver) = Resolver::new(&registry, config()) else {
        return;
    };
    let mut rows = ResolvedRows::default();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        for batch in &batches {
            rows.clear();
            assert!(resolver.resolve(black_box(batch), &mut rows).is_ok());
        }
    });
}

#[divan::bench(args = ORDERS)]
fn resolve_insert(bencher: Bencher<'_, '_>, order: Order) {
    let registry = registry(METERS);
    let batches = batches(order);
    let Ok(mut resolver) = Resolver::new(&registry, config()) else {
        return;
    };
    let Ok(mut grid) = DayGrid::new(&registry, &config(), DAY..DAY + 1, 0..METERS as u32) else {
        return;
    };
    let mut rows = ResolvedRows::default();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        assert!(grid.restart(DAY..DAY + 1).is_ok());
        resolve_and_insert(&mut resolver, &mut grid, &mut rows, black_box(&batches));
    });
}

#[divan::bench(args = ORDERS)]
fn resolve_insert_finish(bencher: Bencher<'_, '_>, order: Order) {
    let registry = registry(METERS);
    let batches = batches(order);
    let Ok(mut resolver) = Resolver::new(&registry, config()) else {
        return;
    };
    let Ok(mut grid) = DayGrid::new(&registry, &config(), DAY..DAY + 1, 0..METERS as u32) else {
        return;
    };
    let mut rows = ResolvedRows::default();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        resolve_and_insert(&mut resolver, &mut grid, &mut rows, black_box(&batches));
        grid.finish()
    });
}

/// The rows of all batches, resolved.
fn resolved(resolver: &mut Resolver<'_>, order: Order) -> Vec<Vec<ResolvedRow>> {
    let mut rows = ResolvedRows::default();
    let mut resolve = |batch: &RecordBatch| {
        rows.clear();
        assert!(resolver.resolve(batch, &mut rows).is_ok());
        rows.rows.clone()
    };
    batches(order).iter().map(&mut resolve).collect()
}

#[divan::bench(args = ORDERS)]
fn insert(bencher: Bencher<'_, '_>, order: Order) {
    let registry = registry(METERS);
    let Ok(mut resolver) = Resolver::new(&registry, config()) else {
        return;
    };
    let Ok(mut grid) = DayGrid::new(&registry, &config(), DAY..DAY + 1, 0..METERS as u32) else {
        return;
    };
    let batches = resolved(&mut resolver, order);
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        assert!(grid.restart(DAY..DAY + 1).is_ok());
        for rows in &batches {
            assert!(matches!(grid.insert(black_box(rows)), Ok(0)));
        }
    });
}

/// A full grid summarized into day profiles; the order in which it was filled does not matter.
#[divan::bench(sample_count = 20)]
fn summarize(bencher: Bencher<'_, '_>) {
    let registry = registry(METERS);
    let Ok(mut resolver) = Resolver::new(&registry, config()) else {
        return;
    };
    let batches = resolved(&mut resolver, Order::Component);
    let full = || {
        let grid = DayGrid::new(&registry, &config(), DAY..DAY + 1, 0..METERS as u32);
        let mut grid = grid.unwrap_or_else(|error| unreachable!("{error}"));
        for rows in &batches {
            assert!(matches!(grid.insert(rows), Ok(0)));
        }
        grid
    };
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(full)
        .bench_local_values(|mut grid| grid.finish());
}
