#![allow(clippy::unwrap_used)]

mod plausible;

use proptest::prelude::*;

use super::*;
use crate::model::MICRO;
use crate::registry::Switch;
use crate::resolve::{ResolvedRows, Resolver, component_chunks, sort_register_rows};
use crate::test_lake::{self, Row, batch, config, interval, register, row, stay};

const DAY: i64 = DAY_SECONDS;

fn registers() -> Registry {
    let mut large = register("B");
    large.register_digits = Some(4);
    large.multiplier_micro = 40 * MICRO;
    test_lake::registry(vec![register("A"), large, interval("I", 1800)])
}

fn resolved(registry: &Registry, rows: &[Row]) -> ResolvedRows {
    let mut out = ResolvedRows::default();
    Resolver::new(registry, config())
        .unwrap()
        .resolve(&batch(rows), &mut out)
        .unwrap();
    sort_register_rows(&mut out.register_rows);
    out
}

fn periods(registry: &Registry, rows: &[Row]) -> (Vec<DayProfile>, RowCounts, Vec<String>) {
    let resolved = resolved(registry, rows);
    let output = register_periods(registry, &config(), &resolved.register_rows).unwrap();
    let mut counts = resolved.counts;
    counts.merge(&output.counts);
    counts.check().unwrap();
    let profiles = (0..output.profiles.num_rows())
        .map(|row| DayProfile::read(&output.profiles, row))
        .collect();
    let findings = output
        .findings
        .iter()
        .map(|f| format!("{} {} {}", f.code, f.rows, f.example_key))
        .collect();
    (profiles, counts, findings)
}

fn energy(profiles: &[DayProfile]) -> Vec<(i32, i64)> {
    profiles
        .iter()
        .map(|profile| (profile.day, profile.kwh))
        .collect()
}

fn since(start: i64, row: Row) -> Row {
    Row {
        period_start: Some(start),
        ..row
    }
}

#[test]
fn a_period_runs_from_the_reading_before() {
    let rows = [
        row("A", 5 * DAY, 10),
        row("A", 2 * DAY, 99),
        row("A", 6 * DAY + DAY / 2, 3),
    ];
    let (profiles, counts, findings) = periods(&registers(), &rows);
    // 10 over days 2, 3, 4; 3 over one and a half days.
    assert_eq!(energy(&profiles), [(2, 3), (3, 3), (4, 4), (5, 2), (6, 1)]);
    assert_eq!(counts.used, 3);
    assert_eq!(findings, ["register_without_start 1 A at 1970-01-03 00:00:00"]);
    let first = DayProfile {
        component: 0,
        day: 2,
        intervals: 1,
        valued: 1,
        actual: 1,
        kwh: 3,
        min_kwh: 3,
        max_kwh: 3,
        usable: 1,
        usable_kwh: 3,
        spread: true,
        ..DayProfile::default()
    };
    assert_eq!(profiles[0], first);
}

#[test]
fn daily_readings_are_days() {
    let rows: Vec<Row> = (1..=40).map(|day| row("A", day * DAY, day)).collect();
    let (profiles, ..) = periods(&registers(), &rows);
    assert_eq!(
        energy(&profiles),
        (1..40).map(|day| (day, i64::from(day) + 1)).collect::<Vec<_>>()
    );
    assert!(profiles.iter().all(|p| (p.intervals, p.usable) == (1, 1)));
}

#[test]
fn periods_that_meet_inside_a_day_share_it() {
    let rows = [since(0, row("A", DAY + DAY / 2, 30)), row("A", 3 * DAY, 60)];
    let (profiles, ..) = periods(&registers(), &rows);
    assert_eq!(energy(&profiles), [(0, 20), (1, 10 + 20), (2, 40)]);
    let shared = &profiles[1];
    assert_eq!(
        (shared.intervals, shared.min_kwh, shared.max_kwh, shared.usable),
        (2, 10, 20, 2)
    );
}

#[test]
fn the_newest_row_wins_and_one_that_may_not_be_used_is_no_reading() {
    let newer = |row: Row| Row {
        updated: Some(9),
        ..row
    };
    let forbidden = Row {
        use_flag: Some("D101".to_owned()),
        ..row("A", 2 * DAY, 77)
    };
    let rows = [
        row("A", DAY, 1),
        newer(row("A", 3 * DAY, 6)),
        row("A", 3 * DAY, 8),
        forbidden,
        newer(row("A", DAY, 2)),
    ];
    let (profiles, counts, _) = periods(&registers(), &rows);
    assert_eq!(energy(&profiles), [(1, 3), (2, 3)]);
    assert_eq!((counts.used, counts.superseded), (2, 2));
    assert_eq!(counts.out_of_scope, [(reason::DO_NOT_USE, 1)].into());
}

#[test]
fn energy_from_readings_with_multiplier_and_roll_over() {
    let reading = |at: i64, shows: i64| Row {
        value: None,
        reading: Some(shows * MICRO),
        ..row("B", at, 0)
    };
    let rows = [
        reading(DAY, 9_990),
        reading(2 * DAY, 9_995), // 5 x 40
        reading(3 * DAY, 3),     // 8 x 40 past 9,999
        reading(4 * DAY, 1),     // fell by 2: reversed
        Row {
            previous_reading: Some(0),
            ..reading(5 * DAY, 2)
        }, // the row's own previous reading
        Row {
            multiplier: Some(MICRO / 2),
            ..reading(6 * DAY, 5)
        }, // 3 x 0.5
        row("B", 7 * DAY, 8 * MICRO),
        reading(8 * DAY, 9), // no reading before to take it from
    ];
    let (profiles, _, findings) = periods(&registers(), &rows);
    let kwh: Vec<_> = profiles.iter().map(|p| (p.valued, p.kwh * 10 / MICRO)).collect();
    assert_eq!(
        kwh,
        [
            (1, 2000),
            (1, 3200),
            (1, -800),
            (1, 800),
            (1, 15),
            (1, 80),
            (0, 0)
        ]
    );
    assert_eq!((profiles[2].negative, profiles[2].usable_negative), (1, 1));
    assert_eq!(
        findings,
        [
            "register_rolled_over 1 B at 1970-01-04 00:00:00",
            "register_without_previous 1 B at 1970-01-09 00:00:00",
            "register_without_start 1 B at 1970-01-02 00:00:00",
        ]
    );
}

#[test]
fn a_roll_over_is_a_fall_by_more_than_half_the_range() {
    let falls_to = |shows: i64, previous: i64| {
        let mut row = row("B", DAY, 0);
        row.value = None;
        (row.reading, row.previous_reading) = (Some(shows * MICRO), Some(previous * MICRO));
        let (profiles, ..) = periods(&registers(), &[since(0, row)]);
        profiles[0].kwh / (40 * MICRO)
    };
    assert_eq!(falls_to(4_000, 9_000), -5_000);
    assert_eq!(falls_to(3_999, 9_000), 4_999);
    assert_eq!(falls_to(0, 9_999), 1);
    assert_eq!(falls_to(0, 25_000), -25_000, "more than the register can show");
}

#[test]
fn a_difference_that_fits_nowhere_gives_no_energy() {
    let mut huge = row("A", DAY, 0);
    huge.value = None;
    (huge.reading, huge.previous_reading, huge.multiplier) = (Some(i64::MAX), Some(i64::MIN), Some(i64::MAX));
    let (profiles, _, findings) = periods(&registers(), &[since(0, huge)]);
    assert_eq!(
        (profiles[0].valued, profiles[0].intervals, profiles[0].actual),
        (0, 1, 1)
    );
    assert_eq!(
        findings,
        ["register_delta_out_of_range 1 A at 1970-01-02 00:00:00"]
    );
}

#[test]
fn gaps_of_more_than_400_days_are_not_bridged() {
    let rows = [
        row("A", DAY, 1),
        row("A", 401 * DAY, 400),
        row("A", 801 * DAY + 1, 7),
    ];
    let (profiles, counts, findings) = periods(&registers(), &rows);
    assert_eq!((profiles.len(), counts.used), (400, 3));
    assert!(profiles.iter().all(|p| p.kwh == 1));
    assert_eq!(findings[0], "register_gap 1 A at 1972-03-12 00:00:01");
}

#[test]
fn overlapping_periods_count_in_full_but_are_not_usable() {
    let rows = [
        since(0, row("A", 10 * DAY, 10)),
        since(9 * DAY, row("A", 12 * DAY, 30)), // a day's overlap is how dates are written
        since(12 * DAY - DAY - 1, row("A", 14 * DAY, 100_000)),
    ];
    let (profiles, _, findings) = periods(&registers(), &rows);
    assert_eq!(profiles.iter().map(|p| p.kwh).sum::<i64>(), 100_040);
    assert_eq!((profiles[9].kwh, profiles[9].usable), (11, 2));
    let last = &profiles[13];
    assert_eq!((last.intervals, last.usable, last.usable_kwh), (1, 0, 0));
    assert_eq!(
        (
            profiles[11].intervals,
            profiles[11].usable,
            profiles[11].usable_kwh
        ),
        (2, 1, 10)
    );
    assert_eq!(findings, ["register_overlap 1 A at 1970-01-15 00:00:00"]);
    // A tenth of a long period's length is allowed.
    let usable_from = |start: i64| {
        let rows = [
            since(0, row("A", 60 * DAY, 1)),
            since(start, row("A", start + 100 * DAY, 100)),
        ];
        let (profiles, ..) = periods(&registers(), &rows);
        profiles[profiles.len() - 1].usable
    };
    assert_eq!((usable_from(50 * DAY), usable_from(50 * DAY - 10)), (1, 0));
    // A period inside the one before.
    let inside = [
        since(0, row("A", 10 * DAY, 10)),
        since(2 * DAY, row("A", 11 * DAY, 9)),
    ];
    let (profiles, ..) = periods(&registers(), &inside);
    assert_eq!(energy(&profiles)[1..4], [(1, 1), (2, 2), (3, 2)]);
    assert_eq!(profiles.len(), 11);
}

#[test]
fn the_whole_period_must_be_covered() {
    let mut component = register("A");
    component.periods = vec![stay(2 * DAY, 20 * DAY)];
    component.periods[0].switches.push(Switch {
        at: 10 * DAY,
        on: false,
    });
    let registry = test_lake::registry(vec![component]);
    let rows = [
        since(0, row("A", DAY, 1)),
        row("A", 3 * DAY, 2),
        row("A", 6 * DAY, 3),
        row("A", 11 * DAY, 5),
        row("A", 12 * DAY, 7),
        row("A", 30 * DAY, 18),
    ];
    let (profiles, ..) = periods(&registry, &rows);
    let of = |day: usize| {
        let p = &profiles[day];
        (
            p.usable,
            p.off,
            p.uninstalled,
            p.cut,
            p.usable_kwh + p.off_kwh + p.uninstalled_kwh,
        )
    };
    assert_eq!(of(0), (0, 0, 1, 0, 1));
    assert_eq!(of(2), (0, 0, 0, 1, 0), "installed within the period");
    assert_eq!(of(4), (1, 0, 0, 0, 1));
    assert_eq!(of(9), (0, 0, 0, 1, 0), "switched off within the period");
    assert_eq!(of(11), (0, 1, 0, 0, 7));
    assert_eq!(of(29), (0, 0, 0, 1, 0), "removed within the period");
}

#[test]
fn estimated_and_missing_periods_are_not_usable() {
    let with = |condition: &str, row: Row| Row {
        condition: Some(condition.to_owned()),
        ..row
    };
    let missing = Row {
        value: None,
        ..with(test_lake::MISSING, row("A", 3 * DAY, 0))
    };
    let rows = [
        since(0, with(test_lake::ESTIMATED, row("A", 2 * DAY, 4))),
        missing,
    ];
    let (profiles, ..) = periods(&registers(), &rows);
    let of = |p: &DayProfile| (p.estimated, p.missing, p.valued, p.usable, p.kwh);
    assert_eq!(
        profiles.iter().map(of).collect::<Vec<_>>(),
        [(1, 0, 1, 0, 2), (1, 0, 1, 0, 2), (0, 1, 0, 0, 0)]
    );
}

fn with(condition: &str, row: Row) -> Row {
    Row {
        condition: Some(condition.to_owned()),
        ..row
    }
}

/// A row that shows a reading in kWh, without a value.
fn shows(at: i64, kwh: i64) -> Row {
    Row {
        value: None,
        reading: Some(kwh * MICRO),
        ..row("A", at, 0)
    }
}

/// Register readings on every thirtieth day, from day 30 on.
fn monthly(kwh: &[i64]) -> Vec<Row> {
    (1..)
        .zip(kwh)
        .map(|(month, kwh)| shows(month * 30 * DAY, *kwh))
        .collect()
}

/// The energy in kWh and the usable days of each stretch of 30 days, from day 30 on.
fn by_month(profiles: &[DayProfile]) -> Vec<(i64, u32)> {
    let mut months = Vec::new();
    for profile in profiles {
        let month = (profile.day / 30 - 1) as usize;
        months.resize(months.len().max(month + 1), (0, 0));
        months[month].0 += profile.kwh;
        months[month].1 += u32::from(profile.usable);
    }
    months
        .into_iter()
        .map(|(micro, days)| (micro / MICRO, days))
        .collect()
}

fn a_digit_register(digits: u8) -> Registry {
    let mut component = register("A");
    component.register_digits = Some(digits);
    test_lake::registry(vec![component])
}

#[test]
fn an_estimate_and_the_reading_after_it_are_one_period() {
    // Truly 300 a month; the reading of month 3 is estimated 600 too high.
    let mut rows = monthly(&[1000, 1300, 2200, 1900, 2200]);
    rows[2] = with(test_lake::ESTIMATED, rows[2].clone());
    let (profiles, counts, findings) = periods(&registers(), &rows);
    assert_eq!(by_month(&profiles), [(300, 30), (300, 30), (300, 30), (300, 30)]);
    assert!(
        profiles
            .iter()
            .all(|p| (p.actual, p.estimated, p.negative) == (1, 0, 0))
    );
    assert_eq!(counts.used, 5);
    assert_eq!(findings, ["register_without_start 1 A at 1970-01-31 00:00:00"]);

    // The same where the row gives its consumption: 900 and -300 are 600 in two months.
    let rows = [
        row("A", 30 * DAY, 5 * MICRO),
        row("A", 60 * DAY, 300 * MICRO),
        with(test_lake::ESTIMATED, row("A", 90 * DAY, 900 * MICRO)),
        since(90 * DAY, row("A", 120 * DAY, -300 * MICRO)),
    ];
    let (profiles, ..) = periods(&registers(), &rows);
    assert_eq!(by_month(&profiles), [(300, 30), (300, 30), (300, 30)]);
}

#[test]
fn without_an_actual_reading_at_both_ends_all_is_estimated() {
    let estimated = |mut rows: Vec<Row>, which: &[usize]| {
        for &month in which {
            rows[month] = with(test_lake::ESTIMATED, rows[month].clone());
        }
        periods(&registers(), &rows).0
    };
    let last = estimated(monthly(&[1000, 1300, 1600, 1900]), &[2, 3]);
    assert_eq!(by_month(&last), [(300, 30), (300, 0), (300, 0)]);
    assert!(last[30..].iter().all(|p| (p.actual, p.estimated) == (0, 1)));
    // The second period ends with an actual reading, but starts from an estimate.
    let first = estimated(monthly(&[1000, 1300, 1600]), &[0]);
    assert_eq!(by_month(&first), [(300, 0), (300, 30)]);
    // More than 400 days are no period: 13 estimates of 30 days and the reading that follows.
    let kwh: Vec<i64> = (0..16).map(|month| 1000 + 300 * month).collect();
    let long = estimated(monthly(&kwh), &(1..14).collect::<Vec<_>>());
    let months = by_month(&long);
    assert!(months[..14].iter().all(|month| *month == (300, 0)));
    assert_eq!(months[14], (300, 30));
}

#[test]
fn an_estimate_that_an_actual_period_covers_gives_no_energy() {
    let estimate = with(test_lake::ESTIMATED, row("A", 60 * DAY, 900 * MICRO));
    let actual = row("A", 90 * DAY, 600 * MICRO);
    let rows = [row("A", 30 * DAY, 0), estimate, since(30 * DAY, actual)];
    let (profiles, counts, findings) = periods(&registers(), &rows);
    assert_eq!(by_month(&profiles), [(300, 30), (300, 30)]);
    assert_eq!(counts.used, 3);
    assert_eq!(
        findings,
        [
            "register_estimate_replaced 1 A at 1970-03-02 00:00:00",
            "register_without_start 1 A at 1970-01-31 00:00:00",
        ]
    );
    // The same where the row names the actual reading that it starts from.
    let mut rows = monthly(&[1000, 1900, 1600]);
    rows[1] = with(test_lake::ESTIMATED, rows[1].clone());
    rows[2].previous_reading = Some(1000 * MICRO);
    let (profiles, ..) = periods(&registers(), &rows);
    assert_eq!(by_month(&profiles), [(300, 30), (300, 30)]);
}

#[test]
fn a_missing_row_is_no_reading() {
    let mut rows = monthly(&[1000, 1300, 0, 1900, 2200]);
    rows[2] = with(test_lake::MISSING, rows[2].clone());
    let (profiles, counts, findings) = periods(&a_digit_register(4), &rows);
    assert_eq!(by_month(&profiles), [(300, 30), (300, 30), (300, 30), (300, 30)]);
    assert!(profiles.iter().all(|p| (p.intervals, p.missing) == (1, 0)));
    assert_eq!(counts.used, 5);
    assert_eq!(findings, ["register_without_start 1 A at 1970-01-31 00:00:00"]);

    // A consumption that starts at the missing row rests on what nobody read.
    let rows = [
        row("A", 30 * DAY, 0),
        with(test_lake::MISSING, row("A", 60 * DAY, 0)),
        since(60 * DAY, row("A", 90 * DAY, 300 * MICRO)),
        row("A", 120 * DAY, 300 * MICRO),
    ];
    let (profiles, ..) = periods(&registers(), &rows);
    assert_eq!(by_month(&profiles), [(0, 0), (300, 0), (300, 30)]);
    assert!(profiles[..30].iter().all(|p| (p.missing, p.valued) == (1, 0)));
}

#[test]
fn a_misread_is_no_energy_that_ran_backwards() {
    for (kwh, wrong) in [
        (vec![1000, 1300, 1600, 1900, 12_200, 2500, 2800, 3100], 3..5),
        (vec![1000, 1300, 1600, 1900, 1800, 2500, 2800, 3100], 3..5),
    ] {
        let (profiles, _, findings) = periods(&registers(), &monthly(&kwh));
        let months = by_month(&profiles);
        for (month, (micro, days)) in months.iter().enumerate() {
            assert_eq!(*days, if wrong.contains(&month) { 0 } else { 30 }, "{month}");
            assert_eq!(*micro, kwh[month + 1] - kwh[month]);
        }
        assert_eq!(findings[0].split(' ').next(), Some("register_contradicting"));
    }
    // A meter that was turned round: nothing beside the fall makes up for it.
    let (profiles, ..) = periods(
        &registers(),
        &monthly(&[1000, 1300, 1600, 1900, 1700, 2000, 2300]),
    );
    assert_eq!(by_month(&profiles)[3], (-200, 30));
}

#[test]
fn a_roll_over_must_be_plausible_and_between_actual_readings() {
    let registry = a_digit_register(4);
    let months = |kwh: &[i64]| {
        let (profiles, _, findings) = periods(&registry, &monthly(kwh));
        let noted = findings.iter().filter(|text| text.contains("roll"));
        (
            by_month(&profiles),
            noted.map(|text| text[..27].trim().to_owned()).collect::<Vec<_>>(),
        )
    };
    // 9,700 to 200 is 500: less than ten times the usual 300.
    let (kwh, notes) = months(&[8500, 8800, 9100, 9400, 9700, 200, 500]);
    assert_eq!(kwh[4], (500, 30));
    assert_eq!(notes, ["register_rolled_over 1 A at"]);
    // 8,700 to 2,700 would be 4,000.
    let (kwh, notes) = months(&[7500, 7800, 8100, 8400, 8700, 2700, 3000]);
    assert_eq!(kwh[4], (-6000, 30));
    assert_eq!(notes, ["register_roll_over_doubted "].map(str::trim));
    // Too few other periods to tell.
    assert_eq!(months(&[8400, 8700, 2700]).0[1], (4000, 30));
    // An estimate does not roll over; the actual reading after it does.
    let mut rows = monthly(&[9400, 9700, 50, 300]);
    rows[2] = with(test_lake::ESTIMATED, rows[2].clone());
    let (profiles, ..) = periods(&registry, &rows);
    assert_eq!(by_month(&profiles), [(300, 30), (300, 30), (300, 30)]);
    let (profiles, ..) = periods(&registry, &rows[..3]);
    assert_eq!(by_month(&profiles), [(300, 30), (-9650, 0)]);
}

#[test]
fn rows_of_one_moment_that_contradict_each_other_are_counted() {
    let mut estimate = shows(60 * DAY, 1700);
    estimate.condition = Some(test_lake::ESTIMATED.to_owned());
    let newer = Row {
        updated: Some(1),
        ..shows(90 * DAY, 1900)
    };
    let rows = [
        shows(30 * DAY, 1000),
        shows(30 * DAY, 1000),
        shows(60 * DAY, 1300),
        estimate,
        shows(90 * DAY, 1600),
        newer,
        shows(120 * DAY, 2200),
        shows(120 * DAY, 2100),
        row("A", 150 * DAY, 1),
        row("A", 150 * DAY, 2),
    ];
    let (_, counts, findings) = periods(&registers(), &rows);
    assert_eq!((counts.used, counts.superseded), (5, 5));
    assert_eq!(findings[0], "contradicting_duplicate 2 A at 1970-05-01 00:00:00");
}

#[test]
fn unsorted_rows_and_strange_components_are_bugs() {
    let registry = registers();
    let mut rows = resolved(&registry, &[row("A", DAY, 1), row("B", DAY, 1)]).register_rows;
    rows.reverse();
    let refuse = |rows: &[RegisterRow]| register_periods(&registry, &config(), rows).unwrap_err();
    assert!(matches!(refuse(&rows), TransformError::Bug(_)));
    rows[0].component = 9;
    assert!(matches!(refuse(&rows[..1]), TransformError::Bug(_)));
}

fn any_row() -> impl Strategy<Value = Row> {
    let start = prop::option::weighted(0.4, 0_i64..200);
    let id = prop::sample::select(vec!["A", "B"]);
    (
        id,
        1_i64..4000,
        start,
        -50_i64..500,
        prop::option::of(0_i64..3),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(id, hour, start, value, updated, unusable)| Row {
            period_start: start.map(|days| hour * 3600 - days * DAY),
            updated,
            use_flag: unusable.then(|| "D101".to_owned()),
            ..row(id, hour * 3600, value)
        })
}

proptest! {
    #[test]
    fn days_add_up_to_the_periods(rows in prop::collection::vec(any_row(), 0..60)) {
        let registry = registers();
        let (profiles, counts, _) = periods(&registry, &rows);
        let keys: Vec<_> = profiles.iter().map(|p| (p.component, p.day)).collect();
        prop_assert!(keys.is_sorted_by(|a, b| a < b));
        // By the definitions: winners by key, then those that have a start.
        let mut sorted = resolved(&registry, &rows).register_rows;
        sorted.dedup_by(|next, kept| {
            let same = (next.component, next.measured_at) == (kept.component, kept.measured_at);
            if same { *kept = *next; }
            same
        });
        sorted.retain(|row| row.measured.is_allowed());
        let mut expected = 0;
        for (i, row) in sorted.iter().enumerate() {
            let follows = i > 0 && sorted[i - 1].component == row.component;
            if row.period_start.is_some() || follows {
                expected += row.measured.value_micro().unwrap();
            }
        }
        prop_assert_eq!(profiles.iter().map(|p| p.kwh).sum::<i64>(), expected);
        prop_assert_eq!(counts.used, sorted.len() as u64);
    }

    /// Where each row goes on from the one before, no energy is lost or made up, whatever is estimated; and what is
    /// usable lies between two actual rows.
    #[test]
    fn settled_periods_add_up(months in prop::collection::vec((0_i64..1000, 0_u8..3), 1..40)) {
        let mut reads = 0;
        let mut rows = Vec::new();
        let mut actual = Vec::new();
        for (month, (kwh, kind)) in (1..).zip(&months) {
            reads += kwh;
            let shown = shows(month * 30 * DAY, reads);
            rows.push(match kind {
                0 => with(test_lake::ESTIMATED, shown),
                1 => with(test_lake::MISSING, Row { reading: Some(0), ..shown }),
                _ => {
                    actual.push((month * 30, reads));
                    shown
                }
            });
        }
        let (profiles, ..) = periods(&registers(), &rows);
        let readings: Vec<i64> = rows
            .iter()
            .filter(|row| row.condition.as_deref() != Some(test_lake::MISSING))
            .filter_map(|row| row.reading)
            .collect();
        // More than 13 months without a reading are a gap.
        let bridged = rows.len() < 14;
        let all = readings.last().unwrap_or(&0) - readings.first().unwrap_or(&0);
        prop_assert!(!bridged || profiles.iter().map(|p| p.kwh).sum::<i64>() == all);
        for profile in &profiles {
            let day = i64::from(profile.day);
            let between = actual.iter().any(|(at, _)| *at <= day) && actual.iter().any(|(at, _)| *at > day);
            prop_assert!(profile.usable == 0 || between);
            prop_assert!(!bridged || profile.intervals == 1);
            prop_assert!(!bridged || profile.usable == u16::from(between));
        }
        if let (true, Some((first, from)), Some((last, to))) = (bridged, actual.first(), actual.last()) {
            let usable: i64 = profiles.iter().map(|p| p.usable_kwh).sum();
            prop_assert_eq!(usable, (to - from) * MICRO, "from day {} to {}", first, last);
        }
    }

    #[test]
    fn order_and_chunks_do_not_matter(
        (rows, shuffled) in prop::collection::vec(any_row(), 0..60)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        size in 1_usize..30,
    ) {
        let registry = registers();
        let (expected, counts, _) = periods(&registry, &rows);
        let other = resolved(&registry, &shuffled);
        let mut found = Vec::new();
        let mut same = other.counts.clone();
        for chunk in component_chunks(&other.register_rows, size) {
            let output = register_periods(&registry, &config(), chunk).unwrap();
            same.merge(&output.counts);
            found.extend((0..output.profiles.num_rows()).map(|row| DayProfile::read(&output.profiles, row)));
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(same, counts);
    }
}
