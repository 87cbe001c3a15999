#![allow(clippy::unwrap_used, clippy::float_cmp)]
use super::super::Bills;
use super::*;
use crate::model::{Condition, DAY_SECONDS};
use crate::register_periods::BilledPeriod;
use crate::registry::{Component, Registry, ServicePoint};
use crate::resolve::Codes;

/// Service points in one region, with components enough, and one in another.
fn registry(places: usize) -> Registry {
    let service_points = (0..places)
        .map(|place| ServicePoint {
            id: format!("SP{place:03}"),
            region: Some(if place + 1 < places { "north" } else { "south" }.to_owned()),
            connected_at: Some(-30 * DAY_SECONDS),
            ..ServicePoint::default()
        })
        .collect();
    let components = (0..3 * places)
        .map(|component| Component {
            id: format!("C{component:03}"),
            device_type: Some(if component % 2 == 0 { "A" } else { "B" }.to_owned()),
            ..Component::default()
        })
        .collect();
    Registry::new(components, service_points)
}

/// A bill of 100 days that begins on a day, at so many kWh a day; readings go on from `reading`.
fn bill(place: u32, component: u32, first_day: i64, rate: f64, reading: f64) -> BilledPeriod {
    let micro = |kwh: f64| (kwh * 1e6).round() as i64;
    BilledPeriod {
        component,
        service_point: Some(place),
        start: first_day * DAY_SECONDS,
        end: (first_day + 100) * DAY_SECONDS,
        value_micro: Some(micro(100.0 * rate)),
        previous_reading_micro: Some(micro(reading)),
        reading_micro: Some(micro(reading + 100.0 * rate)),
        is_actual: true,
        condition: Condition::Actual,
        codes: Codes {
            condition: 6,
            tariff: 11,
            meter_status: 1,
        },
        coverage: crate::registry::Coverage::On(0),
        overlaps: false,
        by_readings_micro: None,
    }
}

#[track_caller]
fn check(bills: &Bills, place: u32, expected: &[(&str, Option<f64>)]) {
    let found = bills.of(Some(place), 0);
    for &(name, expected) in expected {
        let at = |names: &[Named]| names.iter().position(|(known, _)| *known == name);
        let number = match (at(&NAMES), at(&DATED)) {
            (Some(at), _) => found.further[at],
            (None, at) => found.further_dated[at.unwrap()],
        };
        let near = number
            .zip(expected)
            .map_or(number == expected, |(a, b)| (a - b).abs() < 1e-9);
        assert!(near, "{name}: {number:?}, expected {expected:?}");
    }
}

#[test]
fn a_step_down_is_where_the_means_part_most() {
    let points: Vec<(f64, f64)> = (0..8)
        .map(|i| (f64::from(i) * 100.0, if i < 4 { 1.0 } else { -1.0 }))
        .collect();
    let [fall, rise] = steps(&points).unwrap();
    // Squares of 1 around a mean of 0, over 7; four of eight on either side.
    let spread = (8.0_f64 / 7.0).sqrt() + 0.1;
    assert!((fall.score + 2.0 * 2.0_f64.sqrt() / spread).abs() < 1e-12);
    assert_eq!((fall.size, fall.day), (-2.0, 400.0));
    // Nothing rises: the weakest fall, of three against five, or of five against three.
    assert!((rise.size + 1.6).abs() < 1e-12);
    assert!(steps(&points[..7]).is_none());
}

#[test]
fn a_correlation_is_that_of_neighbours() {
    assert_eq!(correlation(&[1.0, 2.0, 3.0]), None);
    assert_eq!(correlation(&[1.0; 9]), None);
    assert!((correlation(&[1.0, 2.0, 3.0, 4.0]).unwrap() - 1.0).abs() < 1e-12);
    assert!((correlation(&[1.0, -1.0, 1.0, -1.0, 1.0]).unwrap() + 1.0).abs() < 1e-12);
}

/// Three homes in the north whose meters were exchanged on days 100, 105 and 400, one in the south on day 101.
fn exchanges() -> Bills {
    let mut bills = Vec::new();
    for (place, day) in [(0, 100), (1, 105), (2, 400), (3, 101)] {
        bills.push(bill(place, 3 * place, day - 150, 3.0, 50.0));
        bills.push(bill(place, 3 * place + 1, day, 1.0, 0.0));
    }
    Bills::of_periods(&bills, &registry(4))
}

#[test]
fn exchanges_of_others_near_ones_own_are_counted() {
    let bills = exchanges();
    check(
        &bills,
        0,
        &[
            ("area_exchanges_10_days", Some(1.0 / 3.0)),
            ("area_exchanges_45_days", Some(1.0 / 3.0)),
            ("area_exchanges_180_days", Some(1.0 / 3.0)),
            ("exchanges_45_days", Some(2.0 / 4.0)),
            // Devices 1 and 4 are of kinds B and A.
            ("area_kind_exchanges_45_days", Some(0.0)),
            // First registers began on days -50, -45 and 250.
            ("area_installs_45_days", Some(0.0)),
            ("bill_old_last_day", Some(50.0)),
            ("bill_old_last_reading", Some(350.0)),
            ("bill_zero_start_share", Some(0.5)),
            ("connected_day", Some(-30.0)),
            ("connected_before_days", Some(-20.0)),
        ],
    );
    check(&bills, 2, &[("area_exchanges_180_days", Some(0.0))]);
    check(&bills, 3, &[("area_exchanges_10_days", Some(0.0))]);
    // Where nothing was exchanged, nothing is near.
    let single = Bills::of_periods(&[bill(0, 0, 0, 1.0, 0.0)], &registry(2));
    check(
        &single,
        0,
        &[("area_exchanges_10_days", None), ("bill_old_last_day", None)],
    );
}

#[test]
fn codes_count_by_how_common_they_are_in_the_lake() {
    let mut bills: Vec<BilledPeriod> = (0..10)
        .map(|i| bill(0, 0, 100 * i, 1.0, 100.0 * i as f64))
        .collect();
    for (at, condition) in [(1, 8), (2, 8), (7, 9)] {
        bills[at].codes.condition = condition;
    }
    bills[4].codes.meter_status = 5;
    bills[9].codes.tariff = 40;
    let bills = Bills::of_periods(&bills, &Registry::default());
    check(
        &bills,
        0,
        &[
            ("bill_condition1_share", Some(0.7)),
            ("bill_condition2_share", Some(0.2)),
            ("bill_condition3_share", Some(0.1)),
            // 6 8 8 6 6 6 6 9 6 6.
            ("bill_condition_change_share", Some(4.0 / 9.0)),
            ("bill_condition2_day", Some(300.0)),
            ("bill_condition3_day", Some(800.0)),
            ("bill_status2_share", Some(0.1)),
            ("bill_status2_day", Some(500.0)),
            ("bill_status3_share", None),
            ("bill_status_change_share", Some(2.0 / 9.0)),
            ("bill_tariff_share", Some(0.1)),
            ("bill_tariff_change_share", Some(1.0 / 9.0)),
            ("bill_tariffs", Some(2.0)),
            ("bill_last_short_day", None),
            ("bill_last_jump_day", None),
        ],
    );
}

#[test]
fn a_new_register_is_held_against_the_old_one_beside_peers() {
    // Forty homes at 1 kWh a day all along; one at 1, then 0.2 at the end of the old meter, then 2 at the new one.
    let mut bills = Vec::new();
    for place in 1..41 {
        bills.extend((0..12).map(|i| bill(place, 3 * place, 100 * i, 1.0, 100.0 * i as f64)));
    }
    bills.extend((0..3).map(|i| bill(0, 0, 100 * i, 1.0, 100.0 * i as f64)));
    bills.extend((3..6).map(|i| bill(0, 0, 100 * i, 0.2, 300.0 + 20.0 * (i - 3) as f64)));
    bills.extend((6..12).map(|i| bill(0, 1, 100 * i, 2.0, 200.0 * (i - 6) as f64)));
    let bills = Bills::of_periods(&bills, &registry(42));
    let low = 0.3_f64.ln() - 1.1_f64.ln();
    let high = 2.1_f64.ln() - 1.1_f64.ln();
    check(
        &bills,
        0,
        &[
            ("bill_old_mean", Some(low / 2.0)),
            ("bill_old_least", Some(low)),
            ("bill_old_last", Some(low)),
            ("bill_old_last3", Some(low)),
            ("bill_new_first", Some(high)),
            ("bill_new_change3", Some(high - low)),
            ("bill_new_change6", Some(high - low / 2.0)),
            ("bill_new_change", Some(high - low / 2.0)),
            ("bill_area_greatest", Some(high)),
            ("bill_area_last", Some(high)),
            ("bill_peer_p90", Some(high)),
            // The last bills end on days 1200, 1100, 1000 and 900.
            ("bill_peer_year1", Some(high)),
            // Those of days 800 and 700, then 600 and 500.
            ("bill_peer_year2", Some((2.0 * high + 2.0 * low) / 4.0)),
            ("bill_rise_day", Some(700.0)),
            ("bill_rise_size", Some(high - low / 2.0)),
        ],
    );
}
