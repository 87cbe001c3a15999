#![allow(clippy::unwrap_used, clippy::float_cmp)]
use super::*;
use crate::model::Condition;
use crate::quantiles::median;
use crate::resolve::Codes;
use crate::rules::testing::noise;
use proptest::prelude::*;

/// A bill of register `component` at service point 7, which begins right where `from` says; readings go on from 100.
fn bill(component: u32, days: (i64, i64), kwh: f64, readings: (f64, f64)) -> BilledPeriod {
    let micro = |kwh: f64| (kwh * 1e6).round() as i64;
    BilledPeriod {
        component,
        service_point: Some(7),
        start: days.0 * DAY_SECONDS,
        end: days.1 * DAY_SECONDS,
        value_micro: Some(micro(kwh)),
        previous_reading_micro: Some(micro(readings.0)),
        reading_micro: Some(micro(readings.1)),
        is_actual: true,
        condition: Condition::Actual,
        codes: Codes::default(),
        coverage: crate::registry::Coverage::On(0),
        overlaps: false,
        by_readings_micro: None,
    }
}

/// Five bills of 120 days with 3, 2, 0, 0 and 4 kWh a day; the third begins five days late, the last was not read.
fn five() -> Vec<BilledPeriod> {
    let mut bills = vec![
        bill(1, (0, 120), 360.0, (100.0, 460.0)),
        bill(1, (120, 240), 240.0, (460.0, 700.0)),
        bill(1, (245, 365), 0.0, (700.0, 690.0)),
        bill(1, (365, 485), 0.0, (690.0, 690.0)),
        bill(1, (485, 605), 480.0, (800.0, 1_275.0)),
    ];
    bills[4].is_actual = false;
    bills[1].condition = Condition::Override;
    bills
}

fn number(bill: &Bill, name: &str) -> Option<f64> {
    let find = |names: &[Named]| names.iter().position(|(known, _)| *known == name);
    match (find(&NAMES), find(&DATED)) {
        (Some(at), _) => bill.numbers[at],
        (None, at) => bill.dated[at.unwrap()],
    }
}

#[track_caller]
fn check(bill: &Bill, expected: &[(&str, f64)]) {
    for &(name, expected) in expected {
        let found = number(bill, name).unwrap_or(f64::NAN);
        assert!(
            (found - expected).abs() < 1e-9,
            "{name}: {found}, expected {expected}"
        );
    }
}

#[test]
fn five_bills_worked_by_hand() {
    let found = Bills::of_periods(&five(), &Registry::default()).of(Some(7), 0);
    let l = |rate: f64| (rate + 0.1_f64).ln();
    // Rates 3, 2, 0, 0, 4: median 2, mean 1.8.
    let squares = 1.2_f64.powi(2) + 0.2_f64.powi(2) + 2.0 * 1.8_f64.powi(2) + 2.2_f64.powi(2);
    check(
        &found,
        &[
            ("bill_ln_median", l(2.0)),
            ("bill_ln_mean", l(1.8)),
            ("bill_ln_greatest", l(4.0)),
            ("bill_ln_least", l(0.0)),
            ("bill_variation", (squares / 4.0).sqrt() / 1.8),
            ("bill_zero_share", 0.4),
            ("bill_near_zero_share", 0.4),
            ("bill_longest_zero_run_share", 0.4),
            ("bill_last_zero_share", 0.0),
            ("bill_worst_fall", l(0.0) - l(2.0)),
            ("bill_greatest_rise", l(4.0) - l(0.0)),
            ("bill_step_share", 0.5),
            // The fourth is 365 days after the first, the fifth after the second.
            ("bill_worst_year_fall", l(0.0) - l(3.0)),
            ("bill_last_year_change", l(4.0) - l(2.0)),
            ("bill_last_over_median", 4.1 / 2.1),
            // Of 0, 0, 4 the median is 0; of 3, 2, 0 it is 2.
            ("bill_last3_over_median", 0.1 / 2.1),
            ("bill_first3_over_median", 1.0),
            ("bill_round_share", 1.0),
            ("bill_not_actual_share", 0.2),
            // -0 against a reading that fell by 10, and 480 against 475.
            ("bill_mismatch_share", 0.4),
            ("bill_mismatch_mean_kwh", 15.0 / 5.0),
            ("bill_fall_share", 0.2),
            ("bill_jump_share", 0.25),
            ("bill_jump_up_share", 0.25),
            ("bill_mean_days", 120.0),
            ("bill_spread_days", 0.0),
            ("bill_long_share", 0.0),
            ("bill_short_share", 0.0),
            ("bill_step_days", 120.0),
            ("bill_gap_share", 0.25),
            ("bill_overlap_share", 0.0),
            ("bill_override_share", 0.2),
            ("bill_overrides", 1.0),
            ("bill_last_override_day", 240.0),
            ("bill_first_reading", 100.0),
            ("bills", 5.0),
            ("bill_registers", 1.0),
            ("bill_total_kwh", 1_080.0),
            ("bill_days", 600.0),
            ("bill_first_day", 0.0),
            ("bill_last_day", 605.0),
            ("bill_gap_days", 5.0),
            ("bill_longest_gap_days", 5.0),
            ("bill_zeros", 2.0),
            ("bill_last_zero_day", 485.0),
            ("bill_last_reading", 1_275.0),
            ("bill_greatest_reading", 1_275.0),
        ],
    );
    assert_eq!(number(&found, "bill_peer_mean"), None, "nobody else was billed");
}

#[test]
fn bills_are_held_against_those_of_the_same_month() {
    // 40 homes with 1 kWh a day, and service point 7 with 2.
    let mut periods: Vec<BilledPeriod> = (0..40)
        .map(|home| BilledPeriod {
            service_point: Some(100 + home),
            ..bill(100 + home, (0, 100), 100.0, (0.0, 100.0))
        })
        .collect();
    periods.push(bill(1, (10, 102), 184.0, (0.0, 184.0)));
    let found = Bills::of_periods(&periods, &Registry::default());
    let above = 2.1_f64.ln() - 1.1_f64.ln();
    check(
        &found.of(Some(7), 0),
        &[("bill_peer_mean", above), ("bill_peer_last", above)],
    );
    check(&found.of(Some(100), 0), &[("bill_peer_mean", 0.0)]);
    assert_eq!(found.of(Some(8), 0), NO_BILL);
    // One peer too few.
    let found = Bills::of_periods(&periods[12..], &Registry::default());
    assert_eq!(number(&found.of(Some(7), 0), "bill_peer_mean"), None);
}

#[test]
fn a_register_that_follows_another_starts_a_chain_of_its_own() {
    let mut periods = five();
    periods[3].component = 2;
    periods[4].component = 2;
    let found = Bills::of_periods(&periods, &Registry::default()).of(Some(7), 0);
    check(
        &found,
        &[
            ("bill_registers", 2.0),
            // Within the registers: 3 to 2, 2 to 0, 0 to 4.
            ("bill_step_share", 2.0 / 3.0),
            ("bill_gap_share", 1.0 / 3.0),
        ],
    );
    assert_eq!(number(&found, "bill_worst_year_fall"), None);
}

#[test]
fn what_was_never_installed_goes_by_its_component() {
    let of = |component: u32| BilledPeriod {
        service_point: None,
        ..bill(component, (0, 100), f64::from(component), (0.0, 0.0))
    };
    let found = Bills::of_periods(&[of(3), of(4)], &Registry::default());
    check(&found.of(None, 4), &[("bill_total_kwh", 4.0)]);
    assert_eq!(found.of(Some(0), 4), NO_BILL);
    let unknown = BilledPeriod {
        value_micro: None,
        ..of(3)
    };
    assert_eq!(
        Bills::of_periods(&[unknown], &Registry::default()).of(None, 3),
        NO_BILL
    );
}

/// Bills of a home with some noise.
fn noisy(seed: u64, bills: usize) -> Vec<BilledPeriod> {
    (0..bills)
        .map(|i| {
            let kwh = 500.0 * noise(seed, i) - 20.0;
            let start = 100 * i as i64 + (8.0 * noise(seed, 1_000 + i)) as i64;
            let component = u32::from(i > bills / 2);
            bill(component, (start, start + 97), kwh, (kwh, 2.0 * kwh))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn neither_the_order_of_rows_nor_ids_matter(seed in 0_u64..10_000, bills in 1_usize..25, turn in 0_usize..25) {
        let periods = noisy(seed, bills);
        let expected = Bills::of_periods(&periods, &Registry::default()).of(Some(7), 0);
        let mut turned = periods.clone();
        turned.rotate_left(turn % bills);
        for period in &mut turned {
            // The later register gets the lower index.
            period.component = 9 - period.component;
            period.service_point = Some(3);
        }
        let found = Bills::of_periods(&turned, &Registry::default()).of(Some(3), 0);
        for (name, _) in NAMES.iter().chain(&DATED) {
            let (found, expected) = (number(&found, name), number(&expected, name));
            // Sums over chains may be rounded otherwise.
            let near = found.zip(expected).map_or(found == expected, |(a, b)| (a - b).abs() <= 1e-9 * b.abs().max(1.0));
            prop_assert!(near, "{name}: {found:?} {expected:?}");
        }
    }

    #[test]
    fn slopes_are_those_of_all_pairs(seed in 0_u64..10_000, bills in 2_usize..30) {
        let periods = noisy(seed, bills);
        let found = number(&Bills::of_periods(&periods, &Registry::default()).of(Some(7), 0), "bill_trend");
        let point = |period: &BilledPeriod| {
            let days = (period.end - period.start) as f64 / 86_400.0;
            let rate = period.value_micro.unwrap() as f64 / 1e6 / days;
            (period.end as f64 / 86_400.0, (rate.max(0.0) + 0.1).ln())
        };
        let mut slopes = Vec::new();
        for a in &periods {
            for b in &periods {
                let ((x, y), (u, v)) = (point(a), point(b));
                if x < u {
                    slopes.push(365.0 * (v - y) / (u - x));
                }
            }
        }
        prop_assert!((found.unwrap() - median(&mut slopes).unwrap()).abs() < 1e-9);
    }
}

proptest! {
    #[test]
    fn the_bill_of_a_year_before_is_the_one_that_looking_at_all_finds(
        gaps in proptest::collection::vec(0_i64..90, 0..40), last in 0_i64..90
    ) {
        let mut end = 0;
        let bills: Vec<Period> = gaps
            .iter()
            .map(|gap| {
                end += gap;
                Period::of(&bill(1, (end - 10, end), 5.0, (0.0, 5.0))).unwrap()
            })
            .collect();
        let end = (end + last) * DAY_SECONDS;
        let age = |other: &Period| end - other.billed.end;
        let expected = (0..bills.len())
            .rev()
            .filter(|&at| (335 * DAY_SECONDS..=395 * DAY_SECONDS).contains(&age(&bills[at])))
            .min_by_key(|&at| (age(&bills[at]) - 365 * DAY_SECONDS).abs());
        let found = figures::a_year_before(&bills, end);
        let expected = expected.map(|at| &bills[at]);
        prop_assert_eq!(found.map(std::ptr::from_ref), expected.map(std::ptr::from_ref));
    }
}
