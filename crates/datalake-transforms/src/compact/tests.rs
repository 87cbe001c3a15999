#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, DictionaryArray, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use proptest::prelude::*;

use super::*;
use crate::conditions::ConditionConfig;
use crate::error::TransformError;

/// Id, hour, `updated_at`, version, value, condition, start of the period in hours.
type Case = (
    &'static str,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<&'static str>,
    Option<i64>,
);

const HOUR: i64 = 3_600_000_000;

fn batch(cases: &[Case]) -> RecordBatch {
    let text = |get: fn(&Case) -> Option<&'static str>| -> ArrayRef {
        Arc::new(cases.iter().map(get).collect::<DictionaryArray<Int32Type>>())
    };
    let integer = |get: fn(&Case) -> Option<i64>| -> ArrayRef {
        Arc::new(cases.iter().map(get).collect::<Int64Array>())
    };
    let time = |get: fn(&Case) -> Option<i64>| -> ArrayRef {
        let times = cases.iter().map(|case| get(case).map(|hours| hours * HOUR));
        Arc::new(times.collect::<TimestampMicrosecondArray>())
    };
    RecordBatch::try_from_iter_with_nullable([
        ("measuring_component_id", text(|c| Some(c.0)), true),
        ("measured_at", time(|c| Some(c.1)), true),
        ("value_micro", integer(|c| c.4), true),
        ("condition_code", text(|c| c.5), true),
        ("period_start", time(|c| c.6), true),
        ("updated_at", time(|c| c.2), true),
        ("version", integer(|c| c.3), true),
    ])
    .unwrap()
}

fn sound() -> Soundness {
    Soundness::new(&ResolveConfig::new(&ConditionConfig::default()).unwrap())
}

fn read(cases: &[Case], texts: &Texts) -> Vec<Row> {
    let (mut rows, mut rejections) = (Vec::new(), Vec::new());
    RowReader::new(texts)
        .read(&batch(cases), &mut rows, &mut rejections)
        .unwrap();
    assert!(rejections.is_empty());
    rows
}

fn compacted(mut rows: Vec<Row>, texts: &Texts) -> (Vec<Row>, u64) {
    sort(&mut rows, &texts.read());
    let gone = newest(&mut rows, sound());
    (rows, gone)
}

/// The table of kept rows as text: independent of codes.
fn shown(rows: &[Row], texts: &Texts) -> String {
    let batch = canonical_batch(rows, &texts.read()).unwrap();
    let shown = [
        "measuring_component_id",
        "measured_at",
        "value_micro",
        "condition_code",
        "period_start",
        "updated_at",
        "version",
    ];
    let columns: Vec<ArrayFormatter<'_>> = shown
        .iter()
        .map(|name| {
            let column = batch.column_by_name(name).unwrap();
            ArrayFormatter::try_new(column, &FormatOptions::default().with_null("-")).unwrap()
        })
        .collect();
    let mut text = shown.join(" ") + "\n";
    for row in 0..batch.num_rows() {
        let cells: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
        text += &cells.join(" ");
        text += "\n";
    }
    text
}

#[test]
fn the_newest_sound_row_hides_the_older_ones() {
    let texts = Texts::default();
    let too_much = 1_000_000_000_001;
    let rows = read(
        &[
            // Update, then version; blanks around an id do not make another one.
            ("B", 2, Some(5), Some(1), Some(10), None, None),
            (" B ", 2, Some(5), Some(2), Some(20), None, None),
            ("B", 2, Some(4), Some(9), Some(30), None, None),
            ("B", 2, None, Some(9), Some(40), None, None),
            // A tie with other content is kept whole, an exact duplicate once.
            ("A", 1, None, None, Some(1), Some("501000"), None),
            ("A", 1, None, None, Some(2), Some("501000"), None),
            ("A", 1, None, None, Some(2), Some("501000 "), None),
            ("A", 1, None, None, Some(2), None, None),
            // A row that a job may refuse hides nothing, and is hidden by what is newer and sound.
            ("C", 1, Some(1), None, None, Some("501000"), None),
            ("C", 1, Some(2), None, Some(7), None, None),
            ("C", 1, Some(3), None, Some(too_much), None, None),
            ("C", 1, Some(4), None, None, Some("501000"), None),
            // A period of no length, and one of 401 days.
            ("R", 9_999, Some(1), None, Some(1), None, Some(9_000)),
            ("R", 9_999, Some(2), None, Some(2), None, Some(9_999)),
            ("R", 9_999, Some(3), None, Some(3), None, Some(9_999 - 401 * 24)),
        ],
        &texts,
    );
    let (kept, gone) = compacted(rows, &texts);
    assert_eq!(gone, 5);
    insta::assert_snapshot!(shown(&kept, &texts), @r"
    measuring_component_id measured_at value_micro condition_code period_start updated_at version
    A 1970-01-01T01:00:00 1 501000 - - -
    A 1970-01-01T01:00:00 2 - - - -
    A 1970-01-01T01:00:00 2 501000 - - -
    B 1970-01-01T02:00:00 20 - - 1970-01-01T05:00:00 2
    C 1970-01-01T01:00:00 7 - - 1970-01-01T02:00:00 -
    C 1970-01-01T01:00:00 1000000000001 - - 1970-01-01T03:00:00 -
    C 1970-01-01T01:00:00 - 501000 - 1970-01-01T04:00:00 -
    R 1971-02-21T15:00:00 1 - 1971-01-11T00:00:00 1970-01-01T01:00:00 -
    R 1971-02-21T15:00:00 2 - 1971-02-21T15:00:00 1970-01-01T02:00:00 -
    R 1971-02-21T15:00:00 3 - 1970-01-16T15:00:00 1970-01-01T03:00:00 -
    ");
}

#[test]
fn rows_without_a_key_and_numbers_without_a_place_are_rejected() {
    let texts = Texts::default();
    let (mut rows, mut rejections) = (Vec::new(), Vec::new());
    let cases: [Case; 3] = [
        ("  ", 1, None, None, Some(1), None, None),
        ("A", 1, None, None, Some(-NUMBER_LIMIT_MICRO), None, None),
        ("A", 1, None, None, Some(NUMBER_LIMIT_MICRO - 1), None, None),
    ];
    RowReader::new(&texts)
        .read(&batch(&cases), &mut rows, &mut rejections)
        .unwrap();
    assert_eq!(rows.len(), 1);
    let shown: Vec<_> = rejections
        .iter()
        .map(|r| (r.row, r.reason, r.value.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (0, "key_missing", ""),
            (1, "number_out_of_range", "-1000000000000.000000")
        ]
    );
}

#[test]
fn tariffs_and_states_of_the_meter_come_out_as_they_went_in() {
    let text = |values: [Option<&str>; 2]| -> ArrayRef {
        Arc::new(values.into_iter().collect::<DictionaryArray<Int32Type>>())
    };
    let times = TimestampMicrosecondArray::from(vec![HOUR, 2 * HOUR]);
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("measuring_component_id", text([Some("A"), Some("A")]), true),
        ("measured_at", Arc::new(times) as ArrayRef, true),
        ("tariff", text([Some("11"), None]), true),
        ("meter_status", text([None, Some("5")]), true),
    ])
    .unwrap();
    let (texts, mut rows, mut rejections) = (Texts::default(), Vec::new(), Vec::new());
    RowReader::new(&texts)
        .read(&batch, &mut rows, &mut rejections)
        .unwrap();
    let spilled = rows_from_batch(&rows_to_batch(&rows).unwrap()).unwrap();
    assert_eq!(spilled, rows);
    let written = canonical_batch(&spilled, &texts.read()).unwrap();
    let column = |name: &str| -> Vec<Option<String>> {
        let texts = written[name].as_string::<i32>();
        texts.iter().map(|text| text.map(str::to_owned)).collect()
    };
    assert_eq!(column("tariff"), [Some("11".to_owned()), None]);
    assert_eq!(column("meter_status"), [None, Some("5".to_owned())]);
}

#[test]
fn a_run_that_is_not_sorted_is_a_bug() {
    let texts = Texts::default();
    let mut rows = read(
        &[
            ("A", 1, None, None, Some(1), None, None),
            ("A", 2, None, None, Some(1), None, None),
        ],
        &texts,
    );
    rows.reverse();
    let run = rows.into_iter().map(Ok::<_, TransformError>);
    let merged = merge(vec![run], &texts.read(), sound(), |_| Ok(()));
    assert!(matches!(merged, Err(TransformError::Bug(_))));
}

/// What the table of the module says, word by word, over all rows of a key.
fn brute_force(cases: &[Case]) -> BTreeSet<Case> {
    let mut keys: BTreeMap<(&str, i64), Vec<Case>> = BTreeMap::new();
    for case in cases {
        let trimmed = (
            case.0.trim(),
            case.1,
            case.2,
            case.3,
            case.4,
            case.5.map(str::trim),
            case.6,
        );
        keys.entry((trimmed.0, trimmed.1)).or_default().push(trimmed);
    }
    let is_sound = |case: &Case| {
        case.4.is_some_and(|value| value.abs() <= 1_000_000_000_000)
            && case
                .6
                .is_none_or(|start| start < case.1 && case.1 - start <= 400 * 24)
    };
    let mut kept = BTreeSet::new();
    for rows in keys.values() {
        for row in rows {
            let hidden = rows
                .iter()
                .any(|other| is_sound(other) && (other.2, other.3) > (row.2, row.3));
            if !hidden {
                kept.insert(*row);
            }
        }
    }
    kept
}

fn cases() -> impl Strategy<Value = Vec<Case>> {
    let few = || prop::option::of(0_i64..3);
    let value = prop::sample::select(vec![None, Some(0), Some(5), Some(-5), Some(1_000_000_000_001)]);
    let condition = prop::sample::select(vec![None, Some("501000"), Some("301000 "), Some("x")]);
    let start = prop::sample::select(vec![None, None, Some(0), Some(1), Some(-9_600), Some(-9_599)]);
    let id = prop::sample::select(vec!["A", "A ", "B", "AA"]);
    prop::collection::vec((id, 1_i64..3, few(), few(), value, condition, start), 0..40)
}

fn shuffled() -> impl Strategy<Value = (Vec<Case>, Vec<Case>)> {
    cases().prop_flat_map(|cases| (Just(cases.clone()), Just(cases).prop_shuffle()))
}

proptest! {
    #[test]
    fn equals_the_brute_force_twin(cases in cases()) {
        let texts = Texts::default();
        let (kept, gone) = compacted(read(&cases, &texts), &texts);
        prop_assert_eq!(kept.len() as u64 + gone, cases.len() as u64);
        let expected: Vec<Case> = brute_force(&cases).into_iter().collect();
        let (twin, none) = compacted(read(&expected, &texts), &texts);
        prop_assert_eq!(none, 0, "compacting twice changes nothing");
        prop_assert_eq!(shown(&kept, &texts), shown(&twin, &texts));
    }

    /// Whatever the order of rows and the codes of texts, however the rows are cut into runs, and whether runs were
    /// compacted and spilled before.
    #[test]
    fn runs_and_order_do_not_matter((cases, shuffled) in shuffled(), runs in 1_usize..5, early in any::<bool>()) {
        let texts = Texts::default();
        let (expected, gone) = compacted(read(&cases, &texts), &texts);
        let others = Texts::default();
        let mut gone_early = 0;
        let runs: Vec<_> = shuffled
            .chunks(shuffled.len().div_ceil(runs).max(1))
            .map(|chunk| {
                let mut rows = read(chunk, &others);
                sort(&mut rows, &others.read());
                if early {
                    gone_early += newest(&mut rows, sound());
                }
                let spilled = rows_from_batch(&rows_to_batch(&rows).unwrap()).unwrap();
                assert_eq!(spilled, rows);
                spilled.into_iter().map(Ok::<_, TransformError>)
            })
            .collect();
        let mut kept = Vec::new();
        let gone_late = merge(runs, &others.read(), sound(), |rows| {
            kept.extend_from_slice(rows);
            Ok(())
        })
        .unwrap();
        prop_assert_eq!(gone_early + gone_late, gone);
        prop_assert_eq!(shown(&kept, &others), shown(&expected, &texts));
    }
}
