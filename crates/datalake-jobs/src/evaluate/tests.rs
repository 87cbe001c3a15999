#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use datalake_deps::session::SessionArgs;
use insta::assert_snapshot;

use super::*;
use crate::synthetic::files;
use crate::synthetic::truth::Truth;

fn table(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, a)| Field::new(*name, a.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, a)| a).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    files::write(path, &batch).unwrap();
}

fn known(id: &str, kind: &str, is_theft: bool, onset_date: Option<i32>, lost_kwh: f64) -> Truth {
    Truth {
        service_point_id: id.to_owned(),
        kind: kind.to_owned(),
        is_theft,
        onset_date,
        end_date: None,
        lost_kwh,
    }
}

/// Ranking: S1 (theft), S3, S2 (theft), then S4 at 0.1, S5 without a score, S9 without a label.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        known("S1", "fdi1", true, Some(100), 50.0),
        known("S2", "ramp", true, Some(200), 80.0),
        known("S3", "vacancy", false, Some(90), 0.0),
        known("S4", "honest", false, None, 0.0),
        known("S5", "honest", false, None, 0.0),
    ];
    truth::write(&folder.path().join("truth").join("part-0.parquet"), &rows).unwrap();
    table(
        &folder.path().join("scores.parquet"),
        vec![
            (
                "service_point_id",
                Arc::new(StringArray::from(vec!["S4", "S2", "S1", "S3", "S9"])),
            ),
            (
                "score",
                Arc::new(Float64Array::from(vec![0.1, 0.6, 0.9, 0.7, 0.95])),
            ),
        ],
    );
    table(
        &folder.path().join("cases.parquet"),
        vec![
            (
                "service_point_id",
                Arc::new(StringArray::from(vec!["S1", "S3", "S1"])),
            ),
            ("rank", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            ("onset_date", Arc::new(Date32Array::from(vec![107, 95, 300]))),
            ("lost_kwh", Arc::new(Float64Array::from(vec![40.0, 9.0, 1.0]))),
            ("lost_kwh_p10", Arc::new(Float64Array::from(vec![35.0, 5.0, 0.0]))),
            (
                "lost_kwh_p90",
                Arc::new(Float64Array::from(vec![55.0, 12.0, 2.0])),
            ),
        ],
    );
    folder
}

fn args(folder: &Path) -> Args {
    Args {
        scores: folder.join("scores.parquet"),
        cases: Some(folder.join("cases.parquet")),
        truth: Some(folder.join("truth")),
        lake: None,
        inspected_from: None,
        format: Format::Table,
        report: None,
        session: SessionArgs::default(),
    }
}

#[test]
fn the_report_by_hand() {
    let folder = folder();
    let report = evaluate(&args(folder.path())).unwrap();
    // S1 beats all three honest ones, S2 two of them: 5 of 6 pairs.
    assert_eq!(report.auc, Some(5.0 / 6.0));
    // Hits at 1 and 3.
    assert_eq!(report.average_precision, Some(f64::midpoint(1.0, 2.0 / 3.0)));
    assert_eq!((report.without_score, report.without_label), (1, 1));
    assert_eq!(report.at[2].k, 1);
    assert_eq!(report.at[2].precision, Some(1.0));
    // S1 took 50 kWh, S2 80; five service points are inspected at most.
    assert_eq!(
        (report.at[2].kwh, report.at[0].kwh_per_inspection),
        (Some(50.0), Some(26.0))
    );
    let until: Vec<_> = report.until.iter().map(|until| until.inspections).collect();
    assert_eq!(until, [Some(1), None, None, None, None, None]);
    let gains: Vec<_> = report
        .gains
        .iter()
        .map(|at| (at.inspections, at.thefts))
        .collect();
    assert_eq!(gains, [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]);
    // (0.9 - 1)^2, (0.7)^2, (0.6 - 1)^2, (0.1)^2 and 0 of S5, who has no score.
    let calibration = report.calibration.as_ref().unwrap();
    assert!((calibration.brier - (0.01 + 0.49 + 0.16 + 0.01) / 5.0).abs() < 1e-12);
    assert!((calibration.expected_error - (0.1 + 0.7 + 0.4 + 0.1 + 0.0) / 5.0).abs() < 1e-12);
    assert_eq!(report.model_calibration, None);
    assert_eq!(report.kinds[0].auc, Some(1.0));
    assert_eq!(report.kinds[1].auc, Some(2.0 / 3.0));
    let cases = report.cases.as_ref().unwrap();
    assert_eq!((cases.cases, cases.thefts, cases.recall), (2, 1, Some(0.5)));
    assert_eq!(cases.delay_days.median, Some(7.0));
    assert_eq!(cases.lost_error.median, Some(40.0 / 50.0 - 1.0));
    assert_eq!(cases.in_band, Some(1.0));
    assert_eq!(cases.onset_error_days.p90, Some(7.0));
    assert_eq!(
        (cases.lost_error_kwh.median, cases.days_to_visit.n),
        (Some(10.0), 0)
    );
    assert_snapshot!(report.text(), @r"
    5 service points, 2 thieves; 1 without a score, 1 scores without a label
    AUC 0.833  average precision 0.833  MAP@100 0.833  MAP@200 0.833  TPR at 1 % FPR 0.500
    first    100: precision 0.400  recall 1.000  130 kWh, 26 an inspection
    first    200: precision 0.400  recall 1.000  130 kWh, 26 an inspection
    first      1: precision 1.000  recall 0.500  50 kWh, 50 an inspection
    thefts found by so many inspections: 1 by 1
    scores as probabilities: Brier score 0.134, expected calibration error 0.260
      mean score -> share of theft: 0.00 -> 0.00 of 1, 0.10 -> 0.00 of 1, 0.60 -> 1.00 of 1, 0.70 -> 0.00 of 1, 0.90 -> 1.00 of 1

    kind of theft              thieves     AUC   TPR@1%FPR   cases  median delay
    fdi1                             1   1.000       1.000       1           7 d
    ramp                             1   0.667       0.000       0             -

    honest                    customers  mean score in first 1%   cases
    (nothing odd)                     2      0.0500      0.0000       0
    vacancy                           1      0.7000      0.0000       1

    2 cases, 1 of them theft; recall 0.500
    days from the true onset to the case's: 7 .. 7 .. 7 (p10, median, p90 of 1)
    without the sign: 7 .. 7 .. 7 (p10, median, p90 of 1)
    lost energy: 50 kWh truly, 40 kWh by the cases; error -0.20 .. -0.20 .. -0.20 (p10, median, p90 of 1); truth in the band of 1.000 of 1 estimates
      without the sign: 10 .. 10 .. 10 (p10, median, p90 of 1) kWh
    ");
}

#[test]
fn json_says_the_same() {
    let folder = folder();
    let report = evaluate(&args(folder.path())).unwrap();
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!(json["at"][0]["recall"], 1.0);
    assert_eq!(json["honest"][1]["kind"], "vacancy");
    assert_eq!(json["honest"][1]["cases"], 1);
    assert_eq!(json["kinds"][1]["median_delay_days"], serde_json::Value::Null);
}

/// S1: no theft on day 105, theft on day 120 with 30 kWh; S3: no theft on day 110; S2 and S4 without an answer.
fn inspected(folder: &Path) -> Args {
    let day = |days: i64| Some(days * 86_400_000_000);
    table(
        &folder.join("inspection").join("part-0.parquet"),
        vec![
            (
                "service_point_id",
                Arc::new(StringArray::from(vec!["S1", "S1", "S2", "S3", "S4"])),
            ),
            (
                "inspected_at",
                Arc::new(TimestampMicrosecondArray::from(vec![
                    day(105),
                    day(120),
                    day(111),
                    day(110),
                    None,
                ])),
            ),
            (
                "outcome",
                Arc::new(StringArray::from(vec![
                    "no_theft",
                    "theft",
                    "no_access",
                    "no_theft",
                    "fault",
                ])),
            ),
            (
                "recovered_kwh",
                Arc::new(Float64Array::from(vec![None, Some(30.0), None, None, None])),
            ),
        ],
    );
    Args {
        truth: None,
        lake: Some(folder.to_owned()),
        ..args(folder)
    }
}

#[test]
fn inspections_label_those_who_were_visited() {
    let folder = folder();
    let args = inspected(folder.path());
    let report = evaluate(&args).unwrap();
    assert_eq!(
        (report.service_points, report.thieves, report.auc),
        (2, 1, Some(1.0))
    );
    assert_eq!(report.without_answer, Some(2));
    // The first of one is S1: 30 kWh; two visits of the first hundred bring 15 each.
    assert_eq!(
        (report.at[2].kwh_per_inspection, report.at[0].kwh_per_inspection),
        (Some(30.0), Some(15.0))
    );
    let cases = report.cases.as_ref().unwrap();
    // S1's case begins on day 107, and theft was found on day 120.
    assert_eq!(cases.days_to_visit.median, Some(13.0));
    assert_eq!(cases.lost_error_kwh.median, Some(10.0));
    assert!(
        report.text().contains("2 inspections without an answer"),
        "{}",
        report.text()
    );

    // From day 111 on the visit of S3 does not count.
    let later = Args {
        inspected_from: Some(jiff::civil::date(1970, 4, 22)),
        ..args
    };
    let report = evaluate(&later).unwrap();
    assert_eq!((report.service_points, report.thieves), (1, 1));
}

#[test]
fn what_was_recovered_adds_up_alike_in_any_order_of_the_rows() {
    let recovered = |kwh: [f64; 3]| {
        let folder = folder();
        let args = inspected(folder.path());
        table(
            &folder.path().join("inspection").join("part-0.parquet"),
            vec![
                ("service_point_id", Arc::new(StringArray::from(vec!["S1"; 3]))),
                (
                    "inspected_at",
                    Arc::new(TimestampMicrosecondArray::from(vec![None::<i64>; 3])),
                ),
                ("outcome", Arc::new(StringArray::from(vec!["theft"; 3]))),
                ("recovered_kwh", Arc::new(Float64Array::from(kwh.to_vec()))),
            ],
        );
        evaluate(&args).unwrap().at[0].kwh
    };
    // As they stand there these would be 0.6000000000000001 and 0.6.
    assert_eq!(recovered([0.1, 0.2, 0.3]), recovered([0.3, 0.2, 0.1]));
}

#[test]
fn days_at_either_end_of_the_calendar_are_far_apart_and_no_panic() {
    let mut row = known("S1", "fdi1", true, Some(i32::MIN), 50.0);
    let case = input::Case {
        rank: 1,
        onset_date: Some(i32::MAX),
        lost_kwh: None,
        band: None,
    };
    let cases = [("S1".to_owned(), case)].into();
    let delay = |row: &Truth| {
        let labels = Known::of_truth(vec![row.clone()]);
        let report = report::judge(&labels, &input::Scores::default(), Some(&cases));
        report.cases.unwrap().delay_days.median
    };
    assert_eq!(delay(&row), Some(f64::from(u32::MAX)));
    row.onset_date = None;
    assert_eq!(delay(&row), None);
}

#[test]
fn a_lake_without_inspections_is_told() {
    let folder = folder();
    let args = Args {
        truth: None,
        lake: Some(folder.path().to_owned()),
        ..args(folder.path())
    };
    let error = evaluate(&args).unwrap_err().to_string();
    assert!(error.contains("no table `inspection`"), "{error}");
}

#[test]
fn the_page_has_the_curves_and_asks_nothing_of_a_network() {
    let folder = folder();
    let path = folder.path().join("evaluation.html");
    let args = Args {
        report: Some(path.clone()),
        ..args(folder.path())
    };
    run(&args).unwrap();
    let html = fs_err::read_to_string(&path).unwrap();
    assert_eq!(html.matches("<path class=m ").count(), 3);
    assert!(html.contains("script-src 'none'; style-src 'sha256-"));
    for word in ["http:", "https:", "src=", "url(", "@import", "<script", "style="] {
        assert!(!html.contains(word), "`{word}`");
    }
    // Gains: S1 is a thief, S3 none, S2 one of five.
    assert!(
        html.contains("<path class=m d=\"m0 1000 200-500 200 0 200-500 200 0 200 0\"/>"),
        "{html}"
    );
    run(&args).unwrap();
    assert_eq!(fs_err::read_to_string(&path).unwrap(), html);
    let nowhere = Args {
        report: Some(folder.path().join("no/where.html")),
        ..args
    };
    assert!(
        run(&nowhere)
            .unwrap_err()
            .to_string()
            .contains("cannot write the report")
    );
}

#[test]
fn bad_scores_are_told() {
    let folder = folder();
    let scores = |ids: Vec<&str>, values: Vec<f64>| {
        table(
            &folder.path().join("scores.parquet"),
            vec![
                ("service_point_id", Arc::new(StringArray::from(ids))),
                ("score", Arc::new(Float64Array::from(values))),
            ],
        );
        evaluate(&args(folder.path())).unwrap_err().to_string()
    };
    assert!(scores(vec!["S1"], vec![f64::NAN]).contains("`S1` is not a finite number"));
    assert!(scores(vec!["S1", "S1 "], vec![0.1, 0.2]).contains("`S1` has two scores"));
}

#[test]
fn an_output_folder_brings_its_cases_along() {
    let folder = folder();
    let output = tempfile::tempdir().unwrap();
    for table in ["theft_scores", "theft_cases"] {
        fs_err::create_dir(output.path().join(table)).unwrap();
        let from = folder.path().join(format!("{}.parquet", &table[6..]));
        fs_err::copy(from, output.path().join(table).join("part-0.parquet")).unwrap();
    }
    let by_folder = Args {
        scores: output.path().to_owned(),
        cases: None,
        ..args(folder.path())
    };
    assert_eq!(
        evaluate(&by_folder).unwrap(),
        evaluate(&args(folder.path())).unwrap()
    );
}

#[test]
fn meters_without_a_service_point_do_not_count() {
    let folder = folder();
    table(
        &folder.path().join("scores.parquet"),
        vec![
            (
                "service_point_id",
                Arc::new(StringArray::from(vec![None, Some("S1"), None])),
            ),
            ("score", Arc::new(Float64Array::from(vec![0.9, 0.8, 0.7]))),
        ],
    );
    let report = evaluate(&args(folder.path())).unwrap();
    assert_eq!((report.without_score, report.without_label), (4, 0));
}
