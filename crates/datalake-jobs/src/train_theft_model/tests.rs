#![allow(clippy::unwrap_used, clippy::float_cmp)]
use datalake_deps::diagnostic::{Diagnostic as _, render};
use datalake_transforms::learning::Matrix;
use datalake_transforms::learning::encoding::{Grouping, Groups};
use datalake_transforms::learning::model::{Learner, Model, Training};
use datalake_transforms::subject_features::{features, group_features, model_features};

use super::config::{LearnerKind, LearningConfig};
use super::labels::Labels;
use super::report;
use super::train::{Examples, figures, train};
use crate::inspections::{Inspection, Inspections};
use crate::synthetic::random::mix;

/// Service points `SP-0000` and so on, each feature a number that follows from both.
fn matrix(rows: usize, names: &[String]) -> Matrix {
    let uniform = |seed: usize| (mix(seed as u64) >> 40) as f32 / (1 << 24) as f32;
    let columns = names.iter().enumerate().map(|(column, name)| {
        let values = (0..rows).map(|row| uniform(row * 1_000 + column)).collect();
        (name.clone(), values)
    });
    Matrix::new(
        (0..rows).map(|row| format!("SP-{row:04}")).collect(),
        columns.collect(),
    )
    .unwrap()
}

fn inspections(rows: &[(&str, bool, Option<i32>)]) -> Inspections {
    let mut found = Inspections::default();
    for &(id, is_theft, day) in rows {
        let of = found.of.entry(id.to_owned()).or_default();
        of.push(Inspection {
            is_theft,
            day,
            recovered_kwh: None,
        });
    }
    found
}

#[test]
fn an_inspection_counts_if_no_data_came_after_it() {
    let features = matrix(4, &["x".to_owned()]);
    let last_days = [100, 100, 100, 100];
    let found = inspections(&[
        ("SP-0000", true, None),
        // The day of the inspection itself may hold what the inspector changed.
        ("SP-0001", true, Some(100)),
        ("SP-0002", false, Some(101)),
        ("SP-0003", false, Some(120)),
        ("SP-0003", true, Some(130)),
        ("SP-0003", true, Some(50)),
        ("SP-9999", true, None),
    ])
    .labels(&features, &last_days);
    let expected = Labels {
        rows: vec![0, 2, 3],
        thefts: vec![true, false, true],
        unknown: (1, Some("SP-9999".to_owned())),
        too_late: 1,
    };
    assert_eq!(found, expected);
    assert_eq!(found.counts(), (2, 1));
}

#[test]
fn too_few_labels_are_told_with_what_was_left_out() {
    let features = matrix(2, &["x".to_owned()]);
    let check = |rows: &[(&str, bool, Option<i32>)], needed: u64| {
        let labels = inspections(rows).labels(&features, &[100, 100]);
        labels.check(needed).map_err(|error| render(&error))
    };
    let both = [("SP-0000", true, None), ("SP-0001", false, None)];
    assert_eq!(check(&both, 1), Ok(()));
    let few = check(&both, 20).unwrap_err();
    assert!(
        few.contains(
            "1 service points with theft and 1 without can be learned from; 20 of each are needed\n"
        ),
        "{few}"
    );
    let one_kind = check(&[("SP-0000", true, None), ("SP-0001", false, Some(3))], 1).unwrap_err();
    assert!(
        one_kind.contains("needed: 1 have data after their inspection"),
        "{one_kind}"
    );
    assert!(one_kind.contains("hint: --to DATE"), "{one_kind}");
    let strangers = check(&[("SP-7", true, None), ("SP-8", false, None)], 1).unwrap_err();
    assert!(strangers.contains("2 name others, such as `SP-7`"), "{strangers}");
}

fn learning(learner: LearnerKind) -> LearningConfig {
    LearningConfig {
        learner,
        folds: 3,
        counts_and_dates: false,
        ..LearningConfig::default()
    }
}

fn training(labelled: u64) -> Training {
    Training {
        job: "a test".to_owned(),
        job_version: "1".to_owned(),
        input_fingerprint: String::new(),
        config_fingerprint: String::new(),
        counts_and_dates: false,
        labelled,
        thefts: 0,
    }
}

fn names() -> Vec<String> {
    features(false).into_iter().map(|feature| feature.name).collect()
}

fn fit_grouped(features: &Matrix, groups: &Groups, thefts: &[bool], learner: LearnerKind) -> Model {
    let examples = Examples {
        features,
        groups,
        thefts,
    };
    train(
        examples,
        &learning(learner),
        training(thefts.len() as u64),
        || Ok(()),
    )
    .unwrap()
}

fn fit(features: &Matrix, thefts: &[bool], learner: LearnerKind) -> Model {
    // Groups that nothing is known of.
    let grouping = |feature: datalake_transforms::learning::model::Feature| Grouping {
        name: feature.name,
        groups: vec![None; thefts.len()],
    };
    let groupings = group_features(false).into_iter().map(grouping).collect();
    let groups = Groups::new(features.ids(), groupings).unwrap();
    fit_grouped(features, &groups, thefts, learner)
}

#[test]
fn what_labels_follow_is_learned_by_both_and_calibrated() {
    // About two rows a feature, or chance alone decides what a regression learns.
    let all = matrix(450, &names());
    let follows: Vec<bool> = all.column(3).iter().map(|x| *x > 0.7).collect();
    let thefts = follows.iter().filter(|theft| **theft).count() as f64;
    for learner in [LearnerKind::Logistic, LearnerKind::BoostedTrees] {
        let model = fit(&all, &follows, learner);
        model.check(&model_features(false)).unwrap();
        let auc = model.cross_validation.auc.unwrap();
        assert!(auc > 0.85, "{learner:?}: {auc}");
        assert!(model.baseline.auc.unwrap() > 0.85);
        // Calibrated: on the whole about as many thefts are expected as there are.
        let mut row = Vec::new();
        let mut expected = 0.0;
        for at in 0..450 {
            all.row_into(at, &mut row);
            row.extend(group_features(false).iter().map(|_| f32::NAN));
            expected += model.judge(&row).probability;
        }
        assert!(
            (expected - thefts).abs() < 0.3 * thefts,
            "{learner:?}: {expected} {thefts}"
        );
        let is_logistic = matches!(model.learner, Learner::Logistic { .. });
        assert_eq!(is_logistic, learner == LearnerKind::Logistic);
        let text = report::text(&model);
        assert!(text.contains("learned from 450 service points"), "{text}");
    }
}

#[test]
fn labels_that_follow_nothing_score_a_half() {
    let all = matrix(2_000, &names()[..5]);
    let noise: Vec<bool> = (0..2_000_u64)
        .map(|row| mix(row + 77).is_multiple_of(5))
        .collect();
    let model = fit(&all, &noise, LearnerKind::Logistic);
    let auc = model.cross_validation.auc.unwrap();
    assert!((0.45..0.55).contains(&auc), "{auc}");
    let again = fit(&all, &noise, LearnerKind::Logistic);
    assert_eq!(
        serde_json::to_string(&again).unwrap(),
        serde_json::to_string(&model).unwrap()
    );
}

#[test]
fn thefts_that_run_together_in_groups_are_learned_and_groups_that_mean_nothing_are_not() {
    let rows = 3_000;
    let all = matrix(rows, &names()[..3]);
    // One of twelve steals; in ten of a hundred groups half of the rows do.
    let group = |row: usize| mix(row as u64) % 100;
    let steals = |row: usize| {
        let chance = if group(row) < 10 { 50 } else { 8 };
        mix(row as u64 + 1_000_000) % 100 < chance
    };
    let thefts: Vec<bool> = (0..rows).map(steals).collect();
    let auc = |of: &dyn Fn(usize) -> u64| {
        let grouping = Grouping {
            name: "g".to_owned(),
            groups: (0..rows)
                .map(|row| Some(std::sync::Arc::from(of(row).to_string())))
                .collect(),
        };
        let groups = Groups::new(all.ids(), vec![grouping]).unwrap();
        let model = fit_grouped(&all, &groups, &thefts, LearnerKind::Logistic);
        assert_eq!(model.encodings.len(), 1);
        model.cross_validation.auc.unwrap()
    };
    let (real, random) = (auc(&group), auc(&|row| mix(row as u64 + 9) % 100));
    assert!(real > 0.6, "{real}");
    assert!((0.45..0.55).contains(&random), "{random}");
}

#[test]
fn figures_of_five_service_points_by_hand() {
    let features = matrix(5, &["x".to_owned()]);
    let examples = Examples {
        features: &features,
        groups: &Groups::default(),
        thefts: &[true, false, true, false, false],
    };
    // Ranked: theft, other, theft, other, other.
    let found = figures(examples, &[0.9, 0.8, 0.7, 0.2, 0.1], 5);
    assert_eq!(found.auc, Some(5.0 / 6.0));
    assert_eq!(found.average_precision, Some(f64::midpoint(1.0, 2.0 / 3.0)));
    assert_eq!(found.map_100, found.average_precision);
    let at: Vec<u64> = found.at.iter().map(|at| at.inspections).collect();
    assert_eq!(at, [1, 100, 200]);
    assert_eq!(
        (found.at[0].precision, found.at[0].recall),
        (Some(1.0), Some(0.5))
    );
}

#[test]
fn exit_codes_say_whose_fault_it_is() {
    let error = super::TrainError::NoInspections;
    assert_eq!(error.exit_code() as u8, 66);
    assert!(render(&error).contains("hint: deliver outcomes"));
}
