#![allow(clippy::unwrap_used, clippy::float_cmp)]

use arrow::array::{Array, AsArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Date32Type, Float64Type, UInt16Type, UInt32Type};
use proptest::prelude::*;

use super::*;
use crate::day_grid::DayGrid;
use crate::day_profile::{DayProfile, DayProfileBuilder, watt_hours};
use crate::model::DAY_SECONDS;
use crate::registry::Switch;
use crate::resolve::{ResolvedRows, Resolver};
use crate::series::collate;
use crate::test_lake::{self, ACTUAL, ESTIMATED, Row, batch, config, interval, row, stay};

const DAY: i64 = DAY_SECONDS;

fn number(features: &RecordBatch, column: &str, row: usize) -> Option<f64> {
    let column = features
        .column_by_name(column)
        .unwrap()
        .as_primitive::<Float64Type>();
    column.is_valid(row).then(|| column.value(row))
}

fn count(features: &RecordBatch, column: &str, row: usize) -> u32 {
    features
        .column_by_name(column)
        .unwrap()
        .as_primitive::<UInt32Type>()
        .value(row)
}

/// Features of profiles given in any order.
fn features(registry: &Registry, profiles: &[DayProfile]) -> RecordBatch {
    let mut builder = DayProfileBuilder::default();
    for profile in profiles {
        builder.push(profile);
    }
    meter_features(registry, &collate(&[builder.finish().unwrap()]).unwrap()).unwrap()
}

/// Three hourly meters over 75 days from 2024-01-01: zeros, negatives, gaps, estimates, late corrections, a removal
/// and a disconnection.
fn fixed_lake() -> (Registry, Vec<Row>) {
    let first = 19_723;
    let start = first * DAY;
    let mut meters = ["M0", "M1", "M2"].map(|id| interval(id, 3600));
    meters[1].periods = vec![stay(0, start + 60 * DAY + 36_000)];
    meters[2].periods[0].switches.push(Switch {
        at: start + 55 * DAY + 18_000,
        on: false,
    });
    let value = |k: i64, d: i64, s: i64| {
        let any = (k * 7919 + d * 104_729 + s * 1_299_709) % 1000 * 1000;
        match k {
            0 if (20..26).contains(&d) => 0,
            1 if d % 9 == 3 => any - 600_000,
            2 if d >= 50 => any / 4,
            _ => any,
        }
    };
    let mut rows = Vec::new();
    for k in 0..3 {
        for (d, s) in (0..75).flat_map(|d| (0..24).map(move |s| (d, s))) {
            if (k == 1 && d % 17 == 5) || (k != 2 && (d * 24 + s) % 31 == 7) {
                continue;
            }
            let condition = if (d + s) % 13 == 0 { ESTIMATED } else { ACTUAL };
            let good = Row {
                condition: Some(condition.to_owned()),
                updated: Some(start + 100 * DAY),
                ..row(&format!("M{k}"), start + d * DAY + (s + 1) * 3600, value(k, d, s))
            };
            if (d * 24 + s) % 50 == 11 {
                let older = Row {
                    value: Some(123_000_000),
                    updated: Some(start + 99 * DAY),
                    ..good.clone()
                };
                rows.push(older);
            }
            rows.push(good);
        }
    }
    (test_lake::registry(meters.to_vec()), rows)
}

/// The features of the fixed lake, by the whole way from rows.
fn fixed_features(registry: &Registry, rows: &[Row]) -> RecordBatch {
    let mut resolved = ResolvedRows::default();
    Resolver::new(registry, config())
        .unwrap()
        .resolve(&batch(rows), &mut resolved)
        .unwrap();
    let mut grid = DayGrid::new(registry, &config(), 19_700..19_900, 0..3).unwrap();
    assert_eq!(grid.insert(&resolved.rows).unwrap(), 0);
    let batches: Vec<RecordBatch> = grid
        .finish()
        .unwrap()
        .batches
        .into_iter()
        .map(|(_, batch)| batch)
        .collect();
    meter_features(registry, &collate(&batches).unwrap()).unwrap()
}

#[test]
fn the_core_equals_that_of_the_side_by_side_job() {
    let (registry, rows) = fixed_lake();
    let found = fixed_features(&registry, &rows);
    // What the side-by-side job's SQL gives for the same rows, by DuckDB 2.0.
    let expected: [(&str, [f64; 3]); 15] = [
        ("days", [75.0, 70.0, 75.0]),
        (
            "total_kwh",
            [799.922, 710.592_000_000_000_3, 673.325_000_000_000_2],
        ),
        (
            "mean_kwh",
            [
                10.665_626_666_666_666,
                10.151_314_285_714_29,
                8.977_666_666_666_67,
            ],
        ),
        (
            "stddev_kwh",
            [
                3.194_882_461_033_553_3,
                4.254_005_497_100_136,
                4.263_465_816_183_563_5,
            ],
        ),
        ("zero_days", [6.0, 0.0, 0.0]),
        ("longest_zero_run_days", [6.0, 0.0, 0.0]),
        (
            "recent_ratio",
            [
                1.016_566_657_970_258_4,
                1.011_187_833_231_360_9,
                0.248_597_822_500_824_8,
            ],
        ),
        ("p95_kwh", [12.282_499_999_999_999, 12.1328, 12.2704]),
        (
            "night_share",
            [
                0.250_946_967_329_314_54,
                0.253_740_543_096_460_2,
                0.249_684_402_034_678_68,
            ],
        ),
        ("min_interval_kwh", [0.0, -0.599, 0.0]),
        ("max_interval_kwh", [0.999, 0.999, 0.998]),
        (
            "lag7_corr",
            [
                -0.074_935_456_509_566_32,
                -0.131_397_280_686_347_15,
                0.785_683_656_446_944_8,
            ],
        ),
        (
            "slope_kwh_per_day",
            [
                0.031_252_944_523_472_7,
                0.012_271_888_155_274_807,
                -0.160_087_482_219_061_22,
            ],
        ),
        ("kwh_not_installed", [0.0, 137.894_999_999_999_98, 0.0]),
        ("kwh_off", [0.0, 0.0, 56.921]),
    ];
    for (column, values) in expected {
        let integers = found
            .column_by_name(column)
            .unwrap()
            .as_primitive_opt::<UInt32Type>()
            .is_some();
        for (meter, expected) in values.into_iter().enumerate() {
            let value = if integers {
                f64::from(count(&found, column, meter))
            } else {
                number(&found, column, meter).unwrap()
            };
            assert!(
                (value - expected).abs() <= 1e-9 * expected.abs(),
                "{column} of meter {meter}: {value} instead of {expected}"
            );
        }
    }
}

#[test]
fn the_ids_come_from_the_registry() {
    let (mut registry, rows) = fixed_lake();
    registry.components[2].periods.clear();
    registry.components[2].device_id = None;
    let found = fixed_features(&registry, &rows);
    let text = |column: &str| -> Vec<Option<String>> {
        let column = found.column_by_name(column).unwrap().as_string::<i32>();
        column.iter().map(|item| item.map(str::to_owned)).collect()
    };
    let some = |items: [&str; 3]| {
        items
            .map(|item| (!item.is_empty()).then(|| item.to_owned()))
            .to_vec()
    };
    assert_eq!(text("measuring_component_id"), some(["M0", "M1", "M2"]));
    assert_eq!(text("device_id"), some(["D-M0", "D-M1", ""]));
    assert_eq!(text("service_point_id"), some(["SP-1", "SP-1", ""]));
    let off_and_uninstalled: Vec<_> = ["off_kwh", "uninstalled_kwh"]
        .iter()
        .map(|c| number(&found, c, 2).unwrap())
        .collect();
    assert_eq!(off_and_uninstalled[0], 0.0);
    assert!(off_and_uninstalled[1] > 600.0);
}

/// A day of one usable hourly component.
fn day(day: i32, kwh: i64) -> DayProfile {
    DayProfile {
        day,
        intervals: 24,
        valued: 24,
        actual: 24,
        usable: 24,
        kwh,
        usable_kwh: kwh,
        min_kwh: kwh / 24,
        max_kwh: kwh / 12,
        night_kwh: Some(kwh / 4),
        hourly_wh: Some([watt_hours(kwh / 24); 24]),
        ..DayProfile::default()
    }
}

#[test]
fn further_features_worked_by_hand() {
    let registry = test_lake::registry(vec![interval("A", 3600)]);
    // 1970-01-01 is a Thursday: days 2 and 3 are a weekend. Twelve 24-kWh days; then a gap of 3 days, then 12 kWh.
    let mut days: Vec<DayProfile> = (0..12).map(|d| day(d, 24_000_000)).collect();
    days.extend((15..55).map(|d| day(d, 12_000_000)));
    days[2].kwh = 48_000_000;
    days[0] = DayProfile {
        actual: 6,
        overridden: 2,
        estimated: 12,
        missing: 3,
        unknown: 1,
        valued: 20,
        zero: 5,
        usable: 9,
        cut: 4,
        longest_equal_run: 7,
        ..days[0].clone()
    };
    days[51] = DayProfile {
        actual: 0,
        estimated: 24,
        usable: 0,
        usable_kwh: 0,
        night_kwh: Some(9_000_000),
        ..days[51].clone()
    };
    days[40].usable_negative_kwh = -1_500_000;
    let found = features(&registry, &days);
    let n = |column: &str| number(&found, column, 0).unwrap();
    let c = |column: &str| count(&found, column, 0);
    let intervals = 52.0 * 24.0;
    assert_eq!(
        (
            c("days"),
            c("gap_days"),
            c("longest_gap_days"),
            c("days_since_actual")
        ),
        (52, 3, 3, 1)
    );
    let date = |column: &str| {
        found
            .column_by_name(column)
            .unwrap()
            .as_primitive::<Date32Type>()
            .value(0)
    };
    assert_eq!((date("first_day"), date("last_day")), (0, 54));
    assert_eq!(n("actual_share"), (50.0 * 24.0 + 8.0) / intervals);
    assert_eq!(n("estimated_share"), 36.0 / intervals);
    assert_eq!(
        (n("missing_share"), n("unknown_share")),
        (3.0 / intervals, 1.0 / intervals)
    );
    assert_eq!((c("usable_days"), c("cut_intervals")), (51, 4));
    assert_eq!(n("usable_share"), (50.0 * 24.0 + 9.0) / intervals);
    assert_eq!(n("zero_interval_share"), 5.0 / (intervals - 4.0));
    assert_eq!((c("negative_days"), n("negative_kwh")), (0, -1.5));
    assert_eq!((n("median_kwh"), n("p05_kwh")), (12.0, 12.0));
    // 11 x 24 + 48 + 40 x 12 = 792.
    assert_eq!(n("total_kwh"), 792.0);
    assert!((n("variation") - n("stddev_kwh") / (792.0 / 52.0)).abs() < 1e-12);
    assert_eq!(n("load_factor"), 792.0 / (intervals - 4.0) / 2.0);
    assert_eq!(n("base_load_kw"), 0.5);
    // Weekend days: 2, 3, 9, 10 (48 + 3 x 24), then of 15..=54: 16, 17, 23, 24, .. 51, 52 (12 of 12 kWh).
    assert_eq!(
        n("weekend_ratio"),
        ((48.0 + 72.0 + 144.0) / 16.0) / ((792.0 - 264.0) / 36.0)
    );
    // Recent days 25..=54: 29 x 3 + 9 of 360; before: 11 x 6 + 6 + 10 x 3 of 432.
    assert!((n("night_share_change") - (96.0 / 360.0 - 102.0 / 432.0)).abs() < 1e-12);
    assert_eq!(n("lowest_month_ratio"), 1.0);
    assert_eq!(number(&found, "year_ratio", 0), None);
    // Days 15..54 are equal; the last one is not usable. Days 0 to 11 are equal in usable kWh.
    assert_eq!(c("longest_flat_run_days"), 39);
    let run = found
        .column_by_name("longest_equal_run_intervals")
        .unwrap()
        .as_primitive::<UInt16Type>();
    assert_eq!(run.value(0), 7);
    assert_eq!(n("lag1_corr"), {
        let kwh: Vec<f64> = days.iter().map(|d| d.kwh as f64 / 1e6).collect();
        let pairs = kwh[1..].iter().copied().zip(kwh[..51].iter().copied());
        statistics::Moments::of(pairs).unwrap().correlation().unwrap()
    });
}

#[test]
fn a_year_before_is_the_same_weekday() {
    let registry = test_lake::registry(vec![interval("A", 3600)]);
    let year = |pairs: i32| {
        let before = (0..30).map(|d| day(1000 + d, 10_000_000));
        let now = (30 - pairs..30).map(|d| day(1364 + d, 5_000_000));
        number(
            &features(&registry, &before.chain(now).collect::<Vec<_>>()),
            "year_ratio",
            0,
        )
    };
    assert_eq!(year(30), Some(0.5));
    assert_eq!(year(20), Some(0.5));
    assert_eq!(year(19), None);
}

#[test]
fn days_without_values_count_as_days_only() {
    let registry = test_lake::registry(vec![interval("A", 86_400)]);
    let daily = |d: i32, kwh: i64| DayProfile {
        intervals: 1,
        valued: 1,
        actual: 1,
        usable: 1,
        night_kwh: None,
        hourly_wh: None,
        ..day(d, kwh)
    };
    let empty = |d: i32| DayProfile {
        valued: 0,
        missing: 1,
        actual: 0,
        usable: 0,
        usable_kwh: 0,
        min_kwh: 0,
        max_kwh: 0,
        ..daily(d, 0)
    };
    let found = features(
        &registry,
        &[
            daily(0, 0),
            empty(1),
            daily(2, 0),
            daily(3, 0),
            daily(4, 48_000_000),
            empty(40),
        ],
    );
    let c = |column: &str| count(&found, column, 0);
    assert_eq!((c("days"), c("zero_days"), c("longest_zero_run_days")), (6, 3, 2));
    assert_eq!(number(&found, "mean_kwh", 0), Some(12.0));
    assert_eq!(number(&found, "night_share", 0), None);
    assert_eq!(
        number(&found, "recent_ratio", 0),
        None,
        "the last 30 days from day 40 on have no value"
    );
    assert_eq!(number(&found, "base_load_kw", 0), Some(0.0));
    assert_eq!(c("days_since_actual"), 36);

    let found = features(&registry, &[empty(0), empty(1)]);
    for column in [
        "mean_kwh",
        "stddev_kwh",
        "recent_ratio",
        "p95_kwh",
        "max_interval_kwh",
        "load_factor",
        "lag1_corr",
    ] {
        assert_eq!(number(&found, column, 0), None, "{column}");
    }
    assert!(found.column_by_name("days_since_actual").unwrap().is_null(0));
    assert_eq!(number(&found, "total_kwh", 0), Some(0.0));
}

#[test]
fn removals_and_disconnections_by_day() {
    let mut component = interval("A", 3600);
    assert_eq!(
        CoreInstall::of(&component),
        CoreInstall {
            removed_day: None,
            off_day: None
        }
    );
    component.periods = vec![stay(0, 3 * DAY + 5), stay(9 * DAY, i64::MAX)];
    component.periods[0].switches.push(Switch { at: DAY, on: false });
    component.periods[1].switches.push(Switch {
        at: 11 * DAY,
        on: false,
    });
    component.periods[1].switches.push(Switch {
        at: 12 * DAY,
        on: true,
    });
    assert_eq!(
        CoreInstall::of(&component),
        CoreInstall {
            removed_day: Some(3),
            off_day: Some(1)
        }
    );
}

#[test]
fn no_components_no_rows_and_a_component_from_nowhere_is_a_bug() {
    let registry = test_lake::registry(Vec::new());
    let empty = meter_features(&registry, &collate(&[]).unwrap()).unwrap();
    assert_eq!((empty.num_rows(), empty.num_columns()), (0, 47));
    let mut builder = DayProfileBuilder::default();
    builder.push(&day(0, 1));
    let block = collate(&[builder.finish().unwrap()]).unwrap();
    assert!(matches!(
        meter_features(&registry, &block),
        Err(TransformError::Bug(_))
    ));
}

/// Textbook formulas over plain vectors, `None` for a day without a value.
fn twin(rows: &[(i32, Option<i64>)]) -> Vec<(&'static str, Option<f64>)> {
    let kwh = |v: i64| v as f64 / 1e6;
    let valued: Vec<(f64, f64)> = rows
        .iter()
        .filter_map(|(d, v)| Some((f64::from(*d), kwh((*v)?))))
        .collect();
    let n = valued.len() as f64;
    let sum = |f: &dyn Fn(f64, f64) -> f64| valued.iter().map(|(d, v)| f(*d, *v)).sum::<f64>();
    let last = rows.last().unwrap().0;
    let sorted = |keep: &dyn Fn(i32) -> bool| {
        let mut values: Vec<f64> = rows
            .iter()
            .filter(|(d, _)| keep(*d))
            .filter_map(|(_, v)| v.map(kwh))
            .collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let at = |values: &[f64], q: f64| {
        let position = (values.len().checked_sub(1)?) as f64 * q;
        let (low, high) = (
            values[position.floor() as usize],
            values[position.ceil() as usize],
        );
        Some(low + (high - low) * (position - position.floor()))
    };
    let pairs: Vec<(f64, f64)> = (7..rows.len())
        .filter_map(|i| Some((kwh(rows[i].1?), kwh(rows[i - 7].1?))))
        .collect();
    let corr = {
        let n = pairs.len() as f64;
        let s = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(x, y)| f(*x, *y)).sum::<f64>();
        let (sx, sy) = (s(&|x, _| x), s(&|_, y| y));
        let cov = s(&|x, y| x * y) - sx * sy / n;
        let scale = ((s(&|x, _| x * x) - sx * sx / n) * (s(&|_, y| y * y) - sy * sy / n)).sqrt();
        (scale > 1e-9).then(|| cov / scale)
    };
    let mean_day = sum(&|d, _| d) / n;
    let spread = sum(&|d, _| (d - mean_day) * (d - mean_day));
    let sd = (sum(&|_, v| v * v) - sum(&|_, v| v) * sum(&|_, v| v) / n) / (n - 1.0);
    let before = at(&sorted(&|d| d <= last - 30), 0.5).filter(|median| *median != 0.0);
    vec![
        ("total_kwh", Some(sum(&|_, v| v))),
        ("mean_kwh", (n > 0.0).then(|| sum(&|_, v| v) / n)),
        ("stddev_kwh", (n > 1.0).then(|| sd.max(0.0).sqrt())),
        ("p95_kwh", at(&sorted(&|_| true), 0.95)),
        ("median_kwh", at(&sorted(&|_| true), 0.5)),
        (
            "recent_ratio",
            at(&sorted(&|d| d > last - 30), 0.5)
                .zip(before)
                .map(|(a, b)| a / b),
        ),
        ("lag7_corr", corr),
        (
            "slope_kwh_per_day",
            (spread > 0.0).then(|| sum(&|d, v| (d - mean_day) * v) / spread),
        ),
    ]
}

fn any_days() -> impl Strategy<Value = Vec<(i32, Option<i64>)>> {
    let value = prop::option::weighted(0.9, prop_oneof![Just(0_i64), -9_000_000_i64..90_000_000]);
    prop::collection::btree_map(0_i32..120, value, 1..90).prop_map(|days| days.into_iter().collect())
}

proptest! {
    #[test]
    fn agrees_with_the_textbook(rows in any_days()) {
        let registry = test_lake::registry(vec![interval("A", 3600)]);
        let profiles: Vec<DayProfile> = rows
            .iter()
            .map(|(d, value)| match value {
                Some(value) => day(*d, *value),
                None => DayProfile { valued: 0, min_kwh: 0, max_kwh: 0, ..day(*d, 0) },
            })
            .collect();
        let found = features(&registry, &profiles);
        for (column, expected) in twin(&rows) {
            match (number(&found, column, 0), expected) {
                (Some(value), Some(expected)) => {
                    prop_assert!((value - expected).abs() < 1e-6 * expected.abs().max(1.0), "{}: {} {}", column, value, expected);
                }
                // Where next to nothing varies the two ways of taking sums may disagree on whether anything does.
                (value, expected) => prop_assert!(value == expected || column == "lag7_corr", "{}: {:?} {:?}", column, value, expected),
            }
        }
        // The longest run of zeros, by trying all of them.
        let zero = |i: usize| rows[i].1 == Some(0);
        let longest = (0..rows.len()).map(|from| (from..rows.len()).take_while(|i| zero(*i)).count()).max();
        prop_assert_eq!(count(&found, "longest_zero_run_days", 0) as usize, longest.unwrap());
        prop_assert_eq!(count(&found, "zero_days", 0) as usize, (0..rows.len()).filter(|i| zero(*i)).count());
    }

    #[test]
    fn blocks_and_threads_do_not_matter(of in prop::collection::vec(any_days(), 1..6), size in 1_usize..5) {
        let ids = ["A", "B", "C", "D", "E"];
        let registry = test_lake::registry(ids.iter().map(|id| interval(id, 3600)).collect());
        let profiles: Vec<Vec<DayProfile>> = (0..)
            .zip(&of)
            .map(|(component, rows)| {
                rows.iter().map(|(d, v)| DayProfile { component, ..day(*d, v.unwrap_or(7)) }).collect()
            })
            .collect();
        let whole = features(&registry, &profiles.concat());
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let parts: Vec<RecordBatch> = profiles
                .chunks(size)
                .map(|chunk| pool.install(|| features(&registry, &chunk.concat())))
                .collect();
            prop_assert_eq!(&concat_batches(&whole.schema(), &parts).unwrap(), &whole);
        }
    }
}

#[test]
fn meters_ahead_of_the_lake_are_counted() {
    let findings = |ends: &[i32]| -> Vec<String> {
        let meters = (0..ends.len())
            .map(|n| interval(&format!("M{n:03}"), 86_400))
            .collect();
        let profiles: Vec<DayProfile> = (0..)
            .zip(ends)
            .map(|(component, &day)| DayProfile {
                component,
                day,
                intervals: 1,
                ..DayProfile::default()
            })
            .collect();
        let features = features(&test_lake::registry(meters), &profiles);
        let found = ahead_of_the_lake(&features).unwrap();
        found
            .iter()
            .map(|f| format!("{} {} {}", f.code, f.rows, f.example_key))
            .collect()
    };
    // Of 20 meters 19 have ended by day 100, of 200 meters 198.
    let mut ends = vec![100; 19];
    ends[3] = 7;
    ends.insert(5, 163);
    assert_eq!(findings(&ends), ["ahead_of_the_lake 1 M005"]);
    ends[5] = 162;
    assert!(findings(&ends).is_empty());
    let mut ends = vec![100; 200];
    (ends[17], ends[150]) = (2000, 30_000);
    assert_eq!(findings(&ends), ["ahead_of_the_lake 2 M017"]);
    // Three of 200 are no longer a few, and two meters do not say where a lake ends.
    (ends[20], ends[150]) = (2000, 2000);
    assert!(findings(&ends).is_empty());
    assert!(findings(&[1, 1000]).is_empty());
}
