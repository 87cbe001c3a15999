#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use arrow::array::{Array, RecordBatch};
use proptest::prelude::*;
use rayon::prelude::*;

use super::*;
use crate::day_profile::{DayProfile, HOURS, UNKNOWN_HOUR, watt_hours};
use crate::day_rows::{DayCells, DayRow, DayRows};
use crate::measured::order_key;
use crate::model::{Condition, Kind};
use crate::registry::{Coverage, Switch};
use crate::resolve::{ResolvedRows, Resolver};
use crate::test_lake::{self, Row, batch, config, day_rows, interval, register, row, stay, typed};

mod contests;
mod set_aside;

const DAY: i64 = DAY_SECONDS;

/// Resolves and profiles all rows in one window.
fn profile(registry: &Registry, rows: &[Row], days: Range<i32>) -> (Vec<DayProfile>, RowCounts) {
    let mut resolver = Resolver::new(registry, config()).unwrap();
    let mut resolved = ResolvedRows::default();
    resolver.resolve(&batch(rows), &mut resolved).unwrap();
    let all = 0..registry.components.len() as u32;
    let mut grid = DayGrid::new(registry, &config(), days, all).unwrap();
    assert_eq!(grid.insert(&resolved.rows).unwrap(), 0);
    let output = grid.finish().unwrap();
    let mut counts = resolved.counts;
    counts.merge(&output.counts);
    counts.check().unwrap();
    (read(&output.batches), counts)
}

fn read(batches: &[(i32, RecordBatch)]) -> Vec<DayProfile> {
    let rows = |batch: &RecordBatch| {
        (0..batch.num_rows())
            .map(|row| DayProfile::read(batch, row))
            .collect::<Vec<_>>()
    };
    batches.iter().flat_map(|(_, batch)| rows(batch)).collect()
}

#[test]
fn a_day_of_six_hour_intervals_worked_by_hand() {
    let registry = test_lake::registry(vec![interval("A", 21_600)]);
    let (rows, counts) = profile(&registry, &day_rows("A", 3, &[5, 0, -2, 5]), 3..4);
    assert_eq!(
        rows,
        [DayProfile {
            component: 0,
            day: 3,
            intervals: 4,
            valued: 4,
            actual: 4,
            zero: 1,
            negative: 1,
            kwh: 8,
            min_kwh: -2,
            max_kwh: 5,
            usable: 4,
            usable_zero: 1,
            usable_negative: 1,
            usable_kwh: 8,
            usable_negative_kwh: -2,
            longest_equal_run: 1,
            shape_hash: rows[0].shape_hash,
            ..DayProfile::default()
        }]
    );
    assert!(rows[0].shape_hash.is_some());
    assert_eq!((counts.read, counts.used), (4, 4));
}

#[test]
fn a_day_of_half_hours_knows_night_hours_and_runs() {
    let registry = test_lake::registry(vec![interval("A", 1800)]);
    let mut values = [2_000_i64; 48];
    values[..12].fill(1_000); // 00:00 to 06:00
    values[20] = 9_499;
    let mut rows = day_rows("A", 0, &values);
    rows[30].condition = Some(test_lake::ESTIMATED.to_owned()); // 15:00
    rows.remove(40); // 20:00
    let (profiles, _) = profile(&registry, &rows, 0..1);
    let day = &profiles[0];
    assert_eq!(day.night_kwh, Some(12_000));
    assert_eq!(
        (day.intervals, day.actual, day.estimated, day.usable),
        (47, 46, 1, 46)
    );
    assert_eq!(
        (day.kwh, day.usable_kwh),
        (12_000 + 34 * 2_000 + 9_499, 12_000 + 33 * 2_000 + 9_499)
    );
    assert_eq!(day.shape_hash, None);
    // Slots 0..12 of 1 Wh, 12..20 of 2, the 9, 21..30 of 2, 31..40, 41..48.
    assert_eq!(day.longest_equal_run, 12);
    let hours = day.hourly_wh.unwrap();
    assert_eq!(
        (hours[0], hours[5], hours[6], hours[10], hours[23]),
        (2, 2, 4, 11, 4)
    );
    assert_eq!((hours[15], hours[20]), (UNKNOWN_HOUR, UNKNOWN_HOUR));
}

#[test]
fn which_intervals_have_a_night_and_hours() {
    let known = |seconds: u32| {
        let registry = test_lake::registry(vec![interval("A", seconds)]);
        let slots = (DAY as u32 / seconds) as usize;
        let (rows, _) = profile(&registry, &day_rows("A", 0, &vec![1_000; slots]), 0..1);
        (rows[0].night_kwh, rows[0].hourly_wh.map(|hours| hours[23]))
    };
    assert_eq!(known(300), (Some(72_000), Some(12)));
    assert_eq!(known(900), (Some(24_000), Some(4)));
    assert_eq!(known(1200), (Some(18_000), Some(3)));
    assert_eq!(known(3600), (Some(6_000), Some(1)));
    // 45 minutes: 8 of them start before 06:00; none fits into hours.
    assert_eq!(known(2700), (Some(8_000), None));
    assert_eq!(known(7200), (None, None));
    assert_eq!(known(86_400), (None, None));
}

#[test]
fn the_newest_row_of_a_cell_wins_and_the_others_are_superseded() {
    let registry = test_lake::registry(vec![interval("A", 86_400)]);
    let at = |value: i64, updated: Option<i64>, version: Option<i64>| Row {
        updated,
        version,
        ..row("A", DAY, value)
    };
    let winner = |rows: &[Row]| {
        let (profiles, counts) = profile(&registry, rows, 0..1);
        assert_eq!((counts.used, counts.superseded), (1, rows.len() as u64 - 1));
        profiles[0].kwh
    };
    assert_eq!(
        winner(&[at(1, Some(5), None), at(2, Some(6), None), at(3, None, Some(9))]),
        2
    );
    assert_eq!(
        winner(&[
            at(1, Some(5), Some(1)),
            at(2, Some(5), Some(2)),
            at(3, Some(4), Some(9))
        ]),
        2
    );
    assert_eq!(
        winner(&[at(9, None, None), at(1, None, Some(0)), at(2, None, Some(-1))]),
        1
    );
    assert_eq!(winner(&[at(9, None, None), at(1, Some(-7), None)]), 1);
    assert_eq!(winner(&[at(1, None, None), at(2, None, None)]), 2);
    let estimated = Row {
        condition: Some(test_lake::ESTIMATED.to_owned()),
        ..at(9, Some(1), None)
    };
    assert_eq!(winner(&[at(1, Some(1), None), estimated.clone()]), 1);
    let overridden = Row {
        condition: Some(test_lake::OVERRIDE.to_owned()),
        ..at(0, Some(1), None)
    };
    assert_eq!(winner(&[at(1, Some(1), None), overridden]), 0);
    assert_eq!(
        winner(&[
            at(1, Some(1), None),
            Row {
                updated: Some(2),
                ..estimated
            }
        ]),
        9
    );
}

#[test]
fn a_winner_that_may_not_be_used_leaves_the_slot_absent() {
    let registry = test_lake::registry(vec![interval("A", 43_200)]);
    let forbidden = |at: i64| Row {
        use_flag: Some("D101".to_owned()),
        updated: Some(2),
        ..row("A", at, 7)
    };
    let rows = [
        row("A", DAY / 2, 1),
        forbidden(DAY / 2),
        row("A", DAY, 3),
        forbidden(2 * DAY),
    ];
    let (profiles, counts) = profile(&registry, &rows, 0..2);
    assert_eq!(profiles.len(), 1, "a day of nothing but such rows has no profile");
    assert_eq!((profiles[0].intervals, profiles[0].kwh), (1, 3));
    assert_eq!((counts.used, counts.superseded), (1, 1));
    assert_eq!(counts.out_of_scope, [(reason::DO_NOT_USE, 2)].into());
}

#[test]
fn coverage_decides_what_a_rule_may_rest_on() {
    let mut component = interval("A", 21_600);
    // Installed from 03:00 of day 1, off from 12:00, on again from 18:00, removed at the end of day 1.
    let six = DAY / 4;
    component.periods = vec![crate::registry::InstallPeriod {
        switches: vec![
            Switch {
                at: DAY + six / 2,
                on: true,
            },
            Switch {
                at: DAY + 2 * six,
                on: false,
            },
            Switch {
                at: DAY + 3 * six,
                on: true,
            },
        ],
        ..stay(DAY + six / 2, 2 * DAY)
    }];
    let registry = test_lake::registry(vec![component]);
    let mut rows = day_rows("A", 1, &[1, 10, 100, 1000]);
    rows.extend(day_rows("A", 2, &[1, 2, -3, 0]));
    rows[7].condition = Some(test_lake::ESTIMATED.to_owned());
    let (profiles, _) = profile(&registry, &rows, 1..3);
    let one = &profiles[0];
    assert_eq!((one.kwh, one.cut, one.usable, one.usable_kwh), (1111, 1, 2, 1010));
    assert_eq!((one.off, one.off_kwh, one.uninstalled), (1, 100, 0));
    assert_eq!(one.longest_equal_run, 1, "the off interval stands between");
    let two = &profiles[1];
    assert_eq!((two.uninstalled, two.uninstalled_kwh, two.usable), (3, 0, 0));
    assert_eq!((two.kwh, two.intervals, two.negative), (0, 4, 1));
}

#[test]
fn missing_rows_need_no_value_and_unknown_ones_follow_the_config() {
    let registry = test_lake::registry(vec![interval("A", 43_200)]);
    let missing = Row {
        value: None,
        condition: Some(test_lake::MISSING.to_owned()),
        ..row("A", DAY / 2, 0)
    };
    let unknown = Row {
        condition: None,
        ..row("A", 2 * DAY, 4)
    };
    let rows = batch(&[missing, unknown]);
    let strict = ResolveConfig {
        unknown_condition_is_actual: false,
        ..config()
    };
    for (config, usable) in [(config(), 1), (strict, 0)] {
        let mut resolved = ResolvedRows::default();
        Resolver::new(&registry, config.clone())
            .unwrap()
            .resolve(&rows, &mut resolved)
            .unwrap();
        let mut grid = DayGrid::new(&registry, &config, 0..2, 0..1).unwrap();
        grid.insert(&resolved.rows).unwrap();
        let output = grid.finish().unwrap();
        assert!(output.batches[0].1.column_by_name("kwh").unwrap().is_null(0));
        let profiles = read(&output.batches);
        let of = |p: &DayProfile| (p.intervals, p.valued, p.missing, p.unknown, p.usable);
        assert_eq!(of(&profiles[0]), (1, 0, 1, 0, 0));
        assert_eq!(of(&profiles[1]), (1, 1, 0, 1, usable));
    }
}

#[test]
fn rows_of_other_days_and_components_are_left_to_other_grids() {
    let registry = test_lake::registry(vec![
        interval("A", 86_400),
        interval("B", 86_400),
        interval("C", 86_400),
    ]);
    let rows: Vec<Row> = ["A", "B", "C"]
        .iter()
        .flat_map(|id| (1..=4).map(|day| row(id, day * DAY, day)))
        .collect();
    let mut resolved = ResolvedRows::default();
    Resolver::new(&registry, config())
        .unwrap()
        .resolve(&batch(&rows), &mut resolved)
        .unwrap();
    let mut grid = DayGrid::new(&registry, &config(), 1..3, 1..2).unwrap();
    assert_eq!(grid.insert(&resolved.rows).unwrap(), 10);
    let output = grid.finish().unwrap();
    assert_eq!(
        output.counts,
        RowCounts {
            used: 2,
            ..RowCounts::default()
        }
    );
    let found: Vec<_> = read(&output.batches)
        .iter()
        .map(|p| (p.component, p.day, p.kwh))
        .collect();
    assert_eq!(found, [(1, 1, 2), (1, 2, 3)]);
    // The same grid, moved: nothing of the first window is left.
    grid.restart(3..9).unwrap();
    assert_eq!(grid.insert(&resolved.rows).unwrap(), 11);
    let found: Vec<_> = read(&grid.finish().unwrap().batches)
        .iter()
        .map(|p| (p.component, p.day, p.kwh))
        .collect();
    assert_eq!(found, [(1, 3, 4)]);
    assert!(
        grid.finish().unwrap().batches.is_empty(),
        "finishing empties the grid"
    );
}

#[test]
fn memory_is_known_before_it_is_taken() {
    let registry = test_lake::registry(vec![
        interval("A", 1800),
        interval("B", 300),
        typed("G", "m3", Kind::Interval, Some(300)),
        register("R"),
    ]);
    assert_eq!(
        DayGrid::bytes_needed(&registry, 1, 0..1).unwrap(),
        48 * CELL_BYTES + 48 / 8 + PROFILE_BYTES + 8
    );
    let days = |n: usize| DayGrid::bytes_needed(&registry, n, 0..4).unwrap();
    let cells = 48 + 288;
    assert_eq!(
        days(2) - days(1),
        cells * CELL_BYTES + cells / 8 + 4 * PROFILE_BYTES
    );
    assert!(DayGrid::new(&registry, &config(), 0..1, 2..5).is_err());
    assert!(DayGrid::bytes_needed(&registry, 1, 0..5).is_err());
    // 20,000 components of half-hours for a day.
    let many: Vec<_> = (0..20_000).map(|i| interval(&format!("{i:05}"), 1800)).collect();
    let bytes = DayGrid::bytes_needed(&test_lake::registry(many), 1, 0..20_000).unwrap();
    assert!(bytes < 40_000_000, "{bytes}");
}

#[test]
fn a_row_that_no_resolver_gives_is_a_bug() {
    let registry = test_lake::registry(vec![interval("A", 86_400)]);
    let mut grid = DayGrid::new(&registry, &config(), 0..1, 0..1).unwrap();
    let measured = Measured::new(crate::measured::Mark::new(Condition::Actual, true), 1);
    let sound = ResolvedRow {
        component: 0,
        day: 0,
        slot: 0,
        measured,
        updated: 0,
        version: 0,
    };
    for wrong in [
        ResolvedRow { slot: 1, ..sound },
        ResolvedRow {
            measured: Measured::ABSENT,
            ..sound
        },
    ] {
        assert!(matches!(grid.insert(&[wrong]), Err(TransformError::Bug(_))));
    }
}

/// The definitions of the table, one row at a time, on maps.
#[allow(clippy::too_many_lines, reason = "one definition a column")]
fn twin(registry: &Registry, rows: &[Row]) -> Vec<DayProfile> {
    let config = config();
    let mut cells: BTreeMap<(i32, u32, i64), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let index = registry.components.iter().position(|c| c.id == row.id).unwrap();
        let seconds = i64::from(registry.components[index].interval_seconds().unwrap());
        let start = row.at - seconds;
        let day = start.div_euclid(DAY) as i32;
        cells.entry((day, index as u32, start)).or_default().push(row);
    }
    let rank = |row: &Row| match config.conditions.classify(row.condition.as_deref()) {
        Condition::Missing => 0,
        Condition::Estimated => 1,
        Condition::Unknown => 2,
        Condition::Actual => 3,
        Condition::Override => 4,
    };
    let age = |row: &Row| {
        (
            order_key(row.updated),
            order_key(row.version),
            row.use_flag.is_none(),
            rank(row),
            row.value,
        )
    };
    let mut days: BTreeMap<(i32, u32), Vec<(i64, &Row)>> = BTreeMap::new();
    for ((day, index, start), rows) in cells {
        let winner = rows.into_iter().max_by_key(|row| age(row)).unwrap();
        if winner.use_flag.is_none() {
            days.entry((day, index)).or_default().push((start, winner));
        }
    }
    let mut profiles = Vec::new();
    for ((day, index), slots) in days {
        let component = &registry.components[index as usize];
        let seconds = i64::from(component.interval_seconds().unwrap());
        let valued: Vec<(i64, i64)> = slots
            .iter()
            .filter_map(|(start, row)| Some((*start, row.value?)))
            .collect();
        let coverage = |start: i64| component.coverage(start, start + seconds);
        let actual: Vec<(i64, i64)> = slots
            .iter()
            .filter(|(_, row)| rank(row) >= 2)
            .filter_map(|(start, row)| Some((*start, row.value?)))
            .collect();
        let of = |wanted: fn(Coverage) -> bool| -> Vec<(i64, i64)> {
            actual
                .iter()
                .copied()
                .filter(|(start, _)| wanted(coverage(*start)))
                .collect()
        };
        let usable = of(|c| matches!(c, Coverage::On(_)));
        let off = of(|c| matches!(c, Coverage::Off(_)));
        let uninstalled = of(|c| c == Coverage::Uninstalled);
        let count = |wanted: usize| slots.iter().filter(|(_, row)| rank(row) == wanted).count() as u16;
        let sum = |values: &[(i64, i64)]| values.iter().map(|(_, value)| value).sum::<i64>();
        let all_slots = usable.len() as i64 * seconds == DAY;
        let mut longest = 0;
        for from in 0..usable.len() {
            let same = usable[from..].iter().enumerate().take_while(|(i, u)| {
                u.1 == usable[from].1 && u.1 != 0 && u.0 == usable[from].0 + *i as i64 * seconds
            });
            longest = longest.max(same.count() as u16);
        }
        let hours = (3600 % seconds == 0).then(|| {
            let mut hours = [UNKNOWN_HOUR; HOURS];
            for (hour, kwh) in (0_i64..).zip(&mut hours) {
                let inside: Vec<_> = usable
                    .iter()
                    .copied()
                    .filter(|(start, _)| start.rem_euclid(DAY) / 3600 == hour)
                    .collect();
                if inside.len() as i64 * seconds == 3600 {
                    *kwh = watt_hours(sum(&inside));
                }
            }
            hours
        });
        let night: Vec<_> = valued
            .iter()
            .copied()
            .filter(|(start, _)| start.rem_euclid(DAY) < 6 * 3600)
            .collect();
        let negative: Vec<_> = usable.iter().copied().filter(|(_, value)| *value < 0).collect();
        profiles.push(DayProfile {
            component: index,
            day,
            intervals: slots.len() as u16,
            valued: valued.len() as u16,
            actual: count(3),
            estimated: count(1),
            missing: count(0),
            overridden: count(4),
            unknown: count(2),
            zero: valued.iter().filter(|(_, value)| *value == 0).count() as u16,
            negative: valued.iter().filter(|(_, value)| *value < 0).count() as u16,
            kwh: sum(&valued),
            night_kwh: (seconds <= 3600).then(|| sum(&night)),
            min_kwh: valued.iter().map(|(_, value)| *value).min().unwrap_or(0),
            max_kwh: valued.iter().map(|(_, value)| *value).max().unwrap_or(0),
            usable: usable.len() as u16,
            usable_zero: usable.iter().filter(|(_, value)| *value == 0).count() as u16,
            usable_negative: negative.len() as u16,
            usable_kwh: sum(&usable),
            usable_negative_kwh: sum(&negative),
            off: off.len() as u16,
            off_kwh: sum(&off),
            uninstalled: uninstalled.len() as u16,
            uninstalled_kwh: sum(&uninstalled),
            cut: slots
                .iter()
                .filter(|(start, _)| coverage(*start) == Coverage::Cut)
                .count() as u16,
            longest_equal_run: longest,
            // Which hash is another test's matter: here only when there is one.
            shape_hash: all_slots.then_some(0),
            hourly_wh: hours,
            spread: false,
        });
    }
    profiles
}

/// Four components whose lengths differ, with installs, removals and switches on days 0 to 2.
fn eventful() -> Registry {
    let mut a = interval("A", 1800);
    a.periods = vec![stay(DAY / 3, DAY + 1000), stay(DAY + 7200, i64::MAX)];
    a.periods[1].switches.push(Switch {
        at: DAY + 40_000,
        on: false,
    });
    a.periods[1].switches.push(Switch {
        at: 2 * DAY,
        on: true,
    });
    let mut c = interval("C", 14_400);
    c.periods.clear();
    test_lake::registry(vec![a, interval("B", 2700), c, interval("D", 43_200)])
}

fn any_row() -> impl Strategy<Value = Row> {
    let place = (0_usize..4).prop_flat_map(|component| {
        let (id, seconds) = [("A", 1800), ("B", 2700), ("C", 14_400), ("D", 43_200)][component];
        // Mostly one day, so that cells collide and days fill up.
        (
            Just(id),
            (1..=3 * DAY / seconds).prop_map(move |slot| slot * seconds),
        )
    });
    let value = prop_oneof![3 => Just(2_i64), 1 => -3_i64..4];
    let condition = prop::sample::select(vec![
        "501000", "501000", "501000", "301000", "901000", "101000", "7",
    ]);
    // Now and then an age that does not fit into one number, which changes how all are kept.
    let updated = prop_oneof![60 => 0_i64..3, 1 => Just(-5)];
    let version = prop_oneof![60 => 0_i64..2, 1 => Just(5_000)];
    let age = (prop::option::of(updated), prop::option::of(version));
    (place, value, condition, prop::bool::weighted(0.05), age).prop_map(
        |((id, at), value, condition, unusable, (updated, version))| Row {
            id: id.to_owned(),
            at,
            value: (condition != "101000" || value > 0).then_some(value),
            condition: Some(condition.to_owned()),
            use_flag: unusable.then(|| "D101".to_owned()),
            // Seconds become 10^-6 seconds in the batch; the order is the same.
            updated,
            version,
            ..Row::default()
        },
    )
}

/// A day of component A whose slots are nearly all there, then anything.
fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let full = prop::collection::vec(0_i64..3, 48).prop_map(|values| day_rows("A", 2, &values));
    let daily = prop::collection::vec(-1_i64..2, 2).prop_map(|values| day_rows("D", 1, &values));
    (full, daily, prop::collection::vec(any_row(), 0..250))
        .prop_map(|(full, daily, rest)| full.into_iter().chain(daily).chain(rest).collect())
}

type ByDay = Vec<(i32, Vec<DayRow>)>;

/// The whole way, days in parallel on so many threads, each with a grid and a resolver of its own.
fn in_parallel(
    registry: &Registry,
    batches: &[Vec<Row>],
    threads: usize,
) -> (Vec<(i32, RecordBatch)>, RowCounts) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    let shared = Resolver::new(registry, config()).unwrap();
    let cells = DayCells::new(registry).unwrap();
    let resolved: Vec<(RowCounts, ByDay)> = pool.install(|| {
        batches
            .par_iter()
            .map(|rows| {
                let mut resolved = ResolvedRows::default();
                let mut aside = DayRows::new(&cells);
                let mut resolver = shared.fork();
                resolver
                    .resolve_into(&batch(rows), &mut resolved, &mut aside)
                    .unwrap();
                (resolved.counts, aside.take_all().unwrap())
            })
            .collect()
    });
    let outputs: Vec<GridOutput> = pool.install(|| {
        (0..3)
            .into_par_iter()
            .map(|day| {
                let mut grid = DayGrid::new(registry, &config(), day..day + 1, 0..4).unwrap();
                for (of, rows) in resolved.iter().flat_map(|(_, by_day)| by_day) {
                    assert_eq!(grid.insert_day(*of, rows).unwrap() == 0, *of == day);
                }
                grid.finish().unwrap()
            })
            .collect()
    });
    let mut counts = RowCounts::default();
    for (resolved, _) in &resolved {
        counts.merge(resolved);
    }
    for output in &outputs {
        counts.merge(&output.counts);
    }
    counts.check().unwrap();
    (
        outputs.into_iter().flat_map(|output| output.batches).collect(),
        counts,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_the_definitions(rows in any_rows()) {
        let registry = eventful();
        let (mut found, counts) = profile(&registry, &rows, 0..3);
        for profile in &mut found {
            profile.shape_hash = profile.shape_hash.map(|_| 0);
        }
        prop_assert_eq!(found, twin(&registry, &rows));
        prop_assert!(counts.rejected.is_empty());
    }

    #[test]
    fn order_split_and_threads_do_not_matter(
        (rows, shuffled) in any_rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        size in 1_usize..100,
    ) {
        let registry = eventful();
        let (expected, counts) = in_parallel(&registry, &[rows], 1);
        let split: Vec<Vec<Row>> = shuffled.chunks(size).map(<[Row]>::to_vec).collect();
        for threads in [1, 2, 7] {
            let (found, same) = in_parallel(&registry, &split, threads);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(&same, &counts);
        }
    }

    #[test]
    fn everything_twice_changes_nothing_but_superseded(rows in any_rows()) {
        let registry = eventful();
        let (once, counts) = profile(&registry, &rows, 0..3);
        let doubled: Vec<Row> = rows.iter().chain(&rows).cloned().collect();
        let (twice, after) = profile(&registry, &doubled, 0..3);
        prop_assert_eq!(once, twice);
        prop_assert_eq!(after.superseded, counts.superseded + rows.len() as u64);
        prop_assert_eq!(after.used, counts.used);
        prop_assert_eq!(after.out_of_scope, counts.out_of_scope);
    }
}

#[test]
fn the_greatest_values_of_the_shortest_intervals_add_up() {
    let registry = test_lake::registry(vec![interval("A", 300)]);
    let limit = crate::measured::VALUE_LIMIT_MICRO - 1;
    // Whatever the config believes, a day holds it.
    let config = ResolveConfig {
        limit_micro: limit,
        ..config()
    };
    let mut rows = ResolvedRows::default();
    let batch = batch(&day_rows("A", 0, &[limit; 288]));
    Resolver::new(&registry, config.clone())
        .unwrap()
        .resolve(&batch, &mut rows)
        .unwrap();
    let mut grid = DayGrid::new(&registry, &config, 0..1, 0..1).unwrap();
    grid.insert(&rows.rows).unwrap();
    let profiles = read(&grid.finish().unwrap().batches);
    assert_eq!(profiles[0].kwh, limit * 288);
    assert_eq!(profiles[0].hourly_wh.unwrap()[23], watt_hours(limit * 12));
}
