#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::{StringArray, TimestampSecondArray};
use proptest::prelude::*;

use super::pass::micro_text;
use super::*;
use crate::measured::{Measured, order_key};
use crate::model::DAY_SECONDS;
use crate::model::{Kind, MICRO};
use crate::test_lake::{self, Row, batch, config, interval, padded_ids, register, row, stay, typed};

const DAY: i64 = DAY_SECONDS;

fn registry() -> Registry {
    let unmapped = crate::registry::Component {
        id: "UNMAPPED".to_owned(),
        ..Default::default()
    };
    test_lake::registry(vec![
        interval("A", 1800),
        interval("B", 900),
        typed("GAS", "m3", Kind::Interval, Some(3600)),
        register("R"),
        unmapped,
    ])
}

fn resolve(rows: &[Row]) -> (ResolvedRows, Findings) {
    let registry = registry();
    let mut resolver = Resolver::new(&registry, config()).unwrap();
    let mut out = ResolvedRows::default();
    resolver.resolve(&batch(rows), &mut out).unwrap();
    (out, resolver.take_findings())
}

#[test]
fn rows_find_their_component_day_and_slot() {
    let midnight = Row {
        updated: Some(7),
        ..row("B", 2 * DAY, -3)
    };
    let (out, findings) = resolve(&[row("A", DAY + 1800, 5), midnight, row("GAS", DAY, 1)]);
    let actual = Mark::new(Condition::Actual, true);
    assert_eq!(
        out.rows,
        [
            ResolvedRow {
                component: 0,
                day: 1,
                slot: 0,
                measured: Measured::new(actual, 5),
                updated: 0,
                version: 0
            },
            ResolvedRow {
                component: 1,
                day: 1,
                slot: 95,
                measured: Measured::new(actual, -3),
                updated: order_key(Some(7 * MICRO)),
                version: 0
            },
        ]
    );
    assert_eq!(out.counts.read, 3);
    assert_eq!(out.counts.out_of_scope, [(reason::NOT_ENERGY, 1)].into());
    assert!(out.rejections.is_empty() && findings.is_empty());
}

#[test]
fn rows_that_mean_nothing_are_kept_aside_with_what_was_wrong() {
    let limit = config().limit_micro;
    let at = DAY + 1800;
    let no_value = Row {
        value: None,
        ..row("A", at, 0)
    };
    let missing = Row {
        condition: Some(test_lake::MISSING.to_owned()),
        ..no_value.clone()
    };
    let unused = Row {
        use_flag: Some("D101 ".to_owned()),
        ..no_value.clone()
    };
    let (out, _) = resolve(&[
        row("ZZZ", at, 1),
        row("UNMAPPED", at, 1),
        row("A", at + 1, 1),
        row("A", at + 900, 1),
        row("A", -1800, 1),
        row("A", 8_000_000_000, 1),
        no_value,
        missing,
        unused,
        row("A", at, limit + 1),
        row("A", at, -limit - 1),
        row("A", at, limit),
        row("A", at + 1800, -limit),
    ]);
    let seen: Vec<String> = out
        .rejections
        .iter()
        .map(|r| format!("{} {} {} {:?}", r.row, r.reason, r.column, r.value))
        .collect();
    insta::assert_snapshot!(seen.join("\n"), @r#"
    0 unknown_component measuring_component_id "ZZZ"
    1 unmapped_component_type measuring_component_id "UNMAPPED"
    2 off_grid measured_at "1970-01-02 00:30:01"
    3 off_grid measured_at "1970-01-02 00:45:00"
    4 measured_at_out_of_range measured_at "1969-12-31 23:30:00"
    5 measured_at_out_of_range measured_at "2223-07-06 14:13:20"
    6 value_missing value ""
    9 value_out_of_range value "1000000.000001"
    10 value_out_of_range value "-1000000.000001"
    "#);
    let kept: Vec<_> = out
        .rows
        .iter()
        .map(|row| (row.measured.value_micro(), row.measured.is_allowed()))
        .collect();
    assert_eq!(
        kept,
        [
            (None, true),
            (None, false),
            (Some(limit), true),
            (Some(-limit), true)
        ]
    );
    assert_eq!(out.counts.rejected.values().sum::<u64>(), 9);
    assert!(
        out.counts
            .rejected
            .keys()
            .all(|reason| reason::describe(reason).is_some())
    );
}

#[test]
fn ids_are_trimmed_per_entry_and_null_keys_are_rejected() {
    let registry = registry();
    let mut resolver = Resolver::new(&registry, config()).unwrap();
    let rows = batch(&[row("A", DAY, 1), row("A", DAY, 1), row("A", DAY, 1)]);
    let mut columns = rows.columns().to_vec();
    columns[0] = padded_ids(&[Some("B"), None, Some("")]);
    let padded = RecordBatch::try_new(rows.schema(), columns).unwrap();
    let mut out = ResolvedRows::default();
    resolver.resolve(&rows, &mut out).unwrap();
    resolver.resolve(&padded, &mut out).unwrap();
    assert_eq!(
        out.rows.iter().map(|row| row.component).collect::<Vec<_>>(),
        [0, 0, 0, 1]
    );
    let rejected: Vec<_> = out
        .rejections
        .iter()
        .map(|r| (r.batch, r.row, r.reason))
        .collect();
    assert_eq!(
        rejected,
        [(1, 1, reason::KEY_MISSING), (1, 2, reason::KEY_MISSING)]
    );
    out.clear();
    assert_eq!((out.rows.len(), out.batches, out.counts.read), (0, 0, 0));
}

#[test]
fn optional_columns_may_be_absent() {
    let registry = registry();
    let mut resolver = Resolver::new(&registry, config()).unwrap();
    let bare = batch(&[row("A", DAY, 1)]).project(&[0, 1, 2]).unwrap();
    let mut out = ResolvedRows::default();
    resolver.resolve(&bare, &mut out).unwrap();
    assert_eq!(out.rows[0].measured.condition(), Condition::Unknown);
    assert!(
        resolver.take_findings().is_empty(),
        "no code is not an unknown code"
    );
}

#[test]
fn a_batch_of_another_shape_is_an_error_that_names_the_column() {
    let registry = registry();
    let mut resolver = Resolver::new(&registry, config()).unwrap();
    let good = batch(&[row("A", DAY, 1)]);
    let mut refuse = |position: usize, column: arrow::array::ArrayRef| {
        let mut columns: Vec<_> = good
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .zip(good.columns().to_vec())
            .collect();
        columns[position].1 = column;
        let wrong = RecordBatch::try_from_iter(columns).unwrap();
        resolver
            .resolve(&wrong, &mut ResolvedRows::default())
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(refuse(0, Arc::new(StringArray::from(vec!["A"]))), @"column `measurements.measuring_component_id` is Utf8, expected Dictionary(Int32, Utf8)");
    insta::assert_snapshot!(refuse(1, Arc::new(TimestampSecondArray::from(vec![1]))), @"column `measurements.measured_at` is Timestamp(s), expected Timestamp(µs)");
    insta::assert_snapshot!(refuse(3, good.column(2).clone()), @"column `measurements.condition_code` is Int64, expected Dictionary(Int32, Utf8)");
    insta::assert_snapshot!(refuse(6, Arc::new(StringArray::from(vec!["1"]))), @"column `measurements.version` is Utf8, expected Int64");
    let short = good.project(&[0, 1]).unwrap();
    let error = resolver
        .resolve(&short, &mut ResolvedRows::default())
        .unwrap_err();
    insta::assert_snapshot!(error, @"table `measurements` has no column `value_micro`");
}

#[test]
fn a_component_type_without_a_usable_length_is_an_error() {
    for length in [None, Some(0), Some(7000)] {
        let registry = test_lake::registry(vec![typed("X", "kWh", Kind::Interval, length)]);
        assert!(Resolver::new(&registry, config()).is_err(), "{length:?}");
    }
    let voltage = test_lake::registry(vec![typed("X", "V", Kind::Interval, None)]);
    assert!(
        Resolver::new(&voltage, config()).is_ok(),
        "only kWh components need a grid"
    );
}

#[test]
fn combined_multipliers_are_compared_with_those_of_the_install_periods() {
    let mut exchanged = interval("C", 3600);
    exchanged.multiplier_micro = 10 * MICRO;
    let second = crate::registry::InstallPeriod {
        constant_micro: 4 * MICRO,
        ..stay(5 * DAY, i64::MAX)
    };
    exchanged.periods = vec![stay(0, 5 * DAY), second];
    let mut never = interval("D", 3600);
    never.periods.clear();
    let registry = test_lake::registry(vec![interval("A", 1800), exchanged, never]);
    let given = |id: &str, at: i64, multiplier: i64| Row {
        multiplier: Some(multiplier),
        ..row(id, at, 1)
    };
    let mut resolver = Resolver::new(&registry, config()).unwrap();
    let rows = [
        given("A", DAY, MICRO),
        given("A", DAY, MICRO + 1), // rounding
        given("A", 3 * DAY, MICRO + 2),
        given("A", 2 * DAY, 40 * MICRO),
        given("C", 2 * DAY, 10 * MICRO),
        given("C", 5 * DAY, 10 * MICRO),
        given("C", 5 * DAY + 3600, 40 * MICRO),
        given("C", 5 * DAY + 3600, 10 * MICRO),
        given("D", DAY, 7),
        row("A", DAY, 1),
    ];
    resolver
        .resolve(&batch(&rows), &mut ResolvedRows::default())
        .unwrap();
    let findings = resolver.take_findings();
    let finding = findings.iter().next().unwrap();
    assert_eq!(
        (finding.code.as_str(), finding.rows),
        ("combined_multiplier_differs", 3)
    );
    assert_eq!(finding.example_key, "A at 1970-01-03 00:00:00");
    assert!(resolver.take_findings().is_empty());
}

#[test]
fn unknown_condition_codes_are_counted() {
    let with = |code: &str| Row {
        condition: Some(code.to_owned()),
        ..row("A", DAY, 1)
    };
    let (out, findings) = resolve(&[with("77"), with("501000"), with("6"), with("77")]);
    let finding = findings.iter().next().unwrap();
    assert_eq!(
        (finding.code.as_str(), finding.rows),
        ("unknown_condition_code", 3)
    );
    assert_eq!(
        (finding.example_key.as_str(), finding.severity),
        ("6", Severity::Note)
    );
    let conditions: Vec<_> = out.rows.iter().map(|row| row.measured.condition()).collect();
    assert_eq!(
        conditions,
        [
            Condition::Unknown,
            Condition::Actual,
            Condition::Unknown,
            Condition::Unknown
        ]
    );
}

#[test]
fn register_rows_go_aside() {
    let no_value = Row {
        value: None,
        reading: Some(3),
        ..row("R", DAY + 7, 0)
    };
    let (out, _) = resolve(&[
        Row {
            period_start: Some(DAY),
            previous_reading: Some(2),
            multiplier: Some(MICRO),
            tariff: Some(" 11 ".to_owned()),
            meter_status: Some(" ".to_owned()),
            ..no_value.clone()
        },
        Row {
            reading: None,
            ..no_value.clone()
        },
        Row {
            period_start: Some(DAY + 7),
            ..no_value.clone()
        },
        Row {
            period_start: Some(DAY + 7 - 400 * DAY),
            ..no_value.clone()
        },
        Row {
            period_start: Some(DAY + 6 - 400 * DAY),
            ..no_value.clone()
        },
        row("R", 0, 1),
        row("R", DAY, config().register_limit_micro() + 1),
        row("R", DAY + 9, config().register_limit_micro()),
    ]);
    let reasons: Vec<_> = out
        .rejections
        .iter()
        .map(|r| (r.row, r.reason, r.column))
        .collect();
    assert_eq!(
        reasons,
        [
            (1, reason::VALUE_MISSING, "value"),
            (2, reason::PERIOD_NOT_POSITIVE, "period_start"),
            (4, reason::PERIOD_TOO_LONG, "period_start"),
            (5, reason::MEASURED_AT_OUT_OF_RANGE, "measured_at"),
            (6, reason::VALUE_OUT_OF_RANGE, "value"),
        ]
    );
    let kept = &out.register_rows[0];
    assert_eq!(
        (kept.component, kept.measured_at, kept.period_start),
        (3, DAY + 7, Some(DAY))
    );
    assert_eq!(
        (kept.reading_micro, kept.previous_reading_micro),
        (Some(3), Some(2))
    );
    let codes = Codes {
        condition: Codes::of(Some(test_lake::ACTUAL)),
        tariff: Codes::of(Some("11")),
        meter_status: 0,
    };
    assert_eq!(kept.codes, codes);
    assert_eq!((out.register_rows.len(), out.rows.len()), (3, 0));
}

#[test]
fn values_are_shown_as_decimals() {
    assert_eq!(micro_text(-1_500_000), "-1.500000");
    assert_eq!(micro_text(i64::MIN), "-9223372036854.775808");
    assert_eq!(time_text(1_500_000), "1970-01-01 00:00:01.5");
    assert_eq!(time_text(i64::MAX), "9223372036854775807 microseconds since 1970");
}

/// One row at a time, by the definitions.
fn twin(registry: &Registry, row: &Row) -> Option<(u32, i32, u16, Option<i64>, Condition, bool)> {
    let config = config();
    let (index, component) = (0..)
        .zip(&registry.components)
        .find(|(_, c)| c.id == row.id.trim() && c.is_energy())?;
    let seconds = i64::from(component.interval_seconds()?);
    let start = row.at - seconds;
    let condition = config.conditions.classify(row.condition.as_deref());
    let allowed = row.use_flag.as_deref().is_none_or(|flag| flag.trim() != "D101");
    let lacks = row.value.is_none() && allowed && condition != Condition::Missing;
    if lacks || start < 0 || row.at > 7_289_654_400 || start % seconds != 0 {
        return None;
    }
    let slot = (start % DAY / seconds) as u16;
    Some((index, (start / DAY) as i32, slot, row.value, condition, allowed))
}

fn any_row() -> impl Strategy<Value = Row> {
    let id = prop::sample::select(vec!["A", "B", "GAS", "UNMAPPED", "ZZZ", " A "]);
    let at = prop_oneof![
        (0_i64..20_000).prop_map(|n| n * 900),
        -4000_i64..4000,
        Just(7_289_654_400)
    ];
    let condition = prop::option::of(prop::sample::select(vec!["501000", "301000", "101000", "7", ""]));
    let flag = prop::option::of(prop::sample::select(vec!["D101", "D100"]));
    (id, at, prop::option::of(-5_i64..5), condition, flag).prop_map(|(id, at, value, condition, flag)| Row {
        id: id.to_owned(),
        at,
        value,
        condition: condition.map(str::to_owned),
        use_flag: flag.map(str::to_owned),
        ..Row::default()
    })
}

proptest! {
    #[test]
    fn agrees_with_a_row_at_a_time(rows in prop::collection::vec(any_row(), 0..200)) {
        let registry = registry();
        let (out, _) = resolve(&rows);
        let found: Vec<_> = out
            .rows
            .iter()
            .map(|r| {
                let m = r.measured;
                (r.component, r.day, r.slot, m.value_micro(), m.condition(), m.is_allowed())
            })
            .collect();
        let expected: Vec<_> = rows.iter().filter_map(|row| twin(&registry, row)).collect();
        prop_assert_eq!(&found, &expected);
        let aside = out.counts.accounted();
        prop_assert_eq!(rows.len() as u64, found.len() as u64 + aside);
        prop_assert_eq!(out.rejections.len() as u64, out.counts.rejected.values().sum::<u64>());
    }
}

#[test]
fn a_fork_resolves_alike() {
    let registry = registry();
    let first = Resolver::new(&registry, config()).unwrap();
    let mut out = ResolvedRows::default();
    first
        .fork()
        .resolve(&batch(&[row("A", DAY, 1)]), &mut out)
        .unwrap();
    assert_eq!(out.rows.len(), 1);
}
