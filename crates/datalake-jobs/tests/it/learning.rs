//! `train-theft-model`, and `theft-detection` with the model that it wrote.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

use base64::Engine as _;
use insta::assert_snapshot;

use crate::lake;
use crate::support::job::{Outcome, bundled_config, published, run_record, table, train};
use crate::support::{Folder, job};

/// The bundled lake with inspections of every service point: theft where `steals` says so.
fn inspected(steals: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let mut files = lake::files();
    let mut rows = "service_point_id,inspected_at,outcome\n".to_owned();
    for line in files["service_point/service_point.csv"].lines().skip(1) {
        let id = line.split(',').next().unwrap();
        let outcome = if steals(id) { "theft" } else { "no_theft" };
        writeln!(rows, "{id},,{outcome}").unwrap();
    }
    files.insert("inspection/inspection.csv".to_owned(), rows);
    files
}

fn learn(folder: &Folder, more: &[&str]) -> Outcome {
    train(&folder.lake(), &folder.path().join("model.json"))
        .config(&bundled_config())
        .args(&["--set", "learning.min_labels=5"])
        .args(more)
        .run()
}

fn with_model(folder: &Folder, more: &[&str]) -> Outcome {
    let model = folder.path().join("model.json");
    let mut args = vec!["--model", model.to_str().unwrap()];
    args.extend(more);
    job(&folder.lake(), &folder.output())
        .hide(folder.path(), "[folder]")
        .config(&bundled_config())
        .args(&args)
        .run()
}

/// The packs of a report, unpacked as its page does it.
fn packs(html: &str) -> Vec<String> {
    let groups = html.split("<script type=\"text/plain\" id=g").skip(1);
    let unpacked = |group: &str| {
        let base64 = group.split_once('>').unwrap().1.split('<').next().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*bytes)
            .read_to_string(&mut text)
            .unwrap();
        text.split('\u{1e}').map(str::to_owned).collect::<Vec<_>>()
    };
    groups.flat_map(unpacked).collect()
}

#[test]
fn a_model_is_learned_and_fills_the_scores() {
    let folder = Folder::with_lake(&inspected(|id| id.contains("HIT")));
    let learned = learn(&folder, &["--set", "learning.learner=logistic"]).ok();
    assert!(
        learned.stdout.contains("a logistic regression over"),
        "{}",
        learned.stdout
    );
    let first = fs_err::read(folder.path().join("model.json")).unwrap();
    learn(
        &folder,
        &["--set", "learning.learner=logistic", "--conf", "threads=1"],
    )
    .ok();
    assert_eq!(fs_err::read(folder.path().join("model.json")).unwrap(), first);

    folder.run(&[]).ok();
    let without = published(&folder.output());
    let scores = table(&folder.output(), "theft_scores");
    assert!((0..scores.rows()).all(|row| scores.text(row, "model_score").is_empty()));
    // The model makes it another run, and the next one is the same.
    let judged = with_model(&folder, &[]).ok();
    assert!(!judged.stdout.contains("unchanged"), "{}", judged.stdout);
    let scores = table(&folder.output(), "theft_scores");
    let probability = |row: usize| scores.text(row, "model_score").parse::<f64>().unwrap();
    assert!((0..scores.rows()).all(|row| (0.0..=1.0).contains(&probability(row))));
    assert!(with_model(&folder, &[]).ok().stdout.contains("unchanged"));
    let with = published(&folder.output());
    assert_eq!(with["meter_features"], without["meter_features"]);
    assert_ne!(with["theft_cases"], without["theft_cases"], "contributions");

    // The report says it in words; the lake's inspections say what the list is worth.
    let path = folder.path().join("report.html");
    with_model(&folder, &["--report", path.to_str().unwrap()]).ok();
    let html = fs_err::read_to_string(path).unwrap();
    assert!(
        html.contains("<b>The model’s probabilities</b>"),
        "no calibration of the model"
    );
    let cases = table(&folder.output(), "theft_cases");
    let features: std::collections::BTreeMap<String, String> =
        datalake_transforms::subject_features::model_features(true)
            .into_iter()
            .map(|feature| (feature.name, feature.meaning))
            .collect();
    let packs = packs(&html);
    assert_eq!(packs.len(), cases.rows());
    let contributions = cases.lines(&["model_contributions"]);
    for (pack, line) in packs.iter().zip(contributions.lines()) {
        let first = line
            .split("feature: ")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        let meaning = &features[first.unwrap_or_else(|| panic!("{line}"))];
        assert!(
            pack.contains("<h3>What the model says</h3>") && pack.contains(meaning),
            "{meaning}: {pack}"
        );
    }

    let explained = with_model(&folder, &["explain", "SP-DROP-HIT"]).ok().stdout;
    assert!(explained.contains("model: probability of theft"), "{explained}");
    assert!(
        explained.lines().filter(|line| line.contains(" = ")).count() >= 10,
        "{explained}"
    );

    // Another model is another run, though it has the same name.
    learn(
        &folder,
        &["--set", "learning.learner=logistic", "--without-counts-and-dates"],
    )
    .ok();
    let judged = with_model(&folder, &[]).ok();
    assert!(!judged.stdout.contains("unchanged"), "{}", judged.stdout);
    assert_eq!(run_record(&folder.output())["status"], "succeeded");
}

#[test]
fn trees_are_learned_too_and_figures_are_printed_as_json() {
    let folder = Folder::with_lake(&inspected(|id| id.contains("HIT")));
    let learned = learn(&folder, &["--json"]).ok();
    let figures: serde_json::Value = serde_json::from_str(&learned.stdout).unwrap();
    assert_eq!(figures["cross_validation"]["folds"], 5);
    assert!(figures["baseline"]["auc"].is_number());
    with_model(&folder, &["--dry-run"]).ok();
}

#[test]
fn a_lake_without_labels_that_can_be_learned_from() {
    let folder = Folder::with_lake(&lake::files());
    assert_snapshot!(learn(&folder, &[]).verdict(), @r"
    exit 66
    error: the lake has no table `inspection`, or it is empty
    hint: deliver outcomes of inspections: service_point_id, inspected_at and outcome (theft, no_theft, fault, no_access)
    ");
    let folder = Folder::with_lake(&inspected(|_| false));
    assert_snapshot!(learn(&folder, &[]).verdict(), @r"
    exit 65
    error: 0 service points with theft and 107 without can be learned from; 5 of each are needed: 5 are not in the lake or have no data
    hint: without labels theft-detection works by its rules; learning.min_labels says how many are needed
    ");
    let mut files = lake::files();
    let row = "service_point_id,inspected_at,outcome\nSP-ELSEWHERE,,theft\n";
    files.insert("inspection/inspection.csv".to_owned(), row.to_owned());
    assert_snapshot!(learn(&Folder::with_lake(&files), &[]).verdict(), @r"
    exit 65
    error: no inspection names a service point with data: 1 name others, such as `SP-ELSEWHERE`
    hint: ids are compared exactly, leading zeros included; map another column with tables.inspection.columns.service_point_id
    ");
    let row = "service_point_id,inspected_at,outcome\nSP-DROP-HIT,,guilty\n";
    files.insert("inspection/inspection.csv".to_owned(), row.to_owned());
    assert_snapshot!(learn(&Folder::with_lake(&files), &[]).verdict(), @r"
    exit 65
    error: `guilty` in inspection.outcome is no outcome
    hint: outcomes are theft, no_theft, fault and no_access
    ");
}

#[test]
fn a_file_that_is_no_model() {
    let folder = Folder::with_lake(&lake::files());
    assert_snapshot!(with_model(&folder, &[]).verdict(), @r"
    exit 66
    error: cannot read the model
    Caused by: failed to open file `[folder]/model.json`: No such file or directory (os error 2)
    hint: --model names a file that train-theft-model has written
    ");
    folder.write("model.json", b"{\"format\": 1}");
    assert_snapshot!(with_model(&folder, &[]).verdict(), @r"
    exit 65
    error: `[folder]/model.json` is not the file of a model
    Caused by: missing field `kind` at line 1 column 13
    hint: train it again with this version's train-theft-model
    ");
    folder.write("model.json", "[".repeat(100_000).as_bytes());
    assert_snapshot!(with_model(&folder, &[]).verdict(), @r"
    exit 65
    error: `[folder]/model.json` is not the file of a model
    Caused by: invalid type: sequence, expected u32 at line 1 column 1
    hint: train it again with this version's train-theft-model
    ");
}
