//! What the job prints.

use std::fmt::Write as _;

use datalake_transforms::learning::model::{Figures, Learner, Model};

/// The figures as a table, beside those of the baseline.
pub(super) fn text(model: &Model) -> String {
    let mut out = String::new();
    let training = &model.training;
    let what = match &model.learner {
        Learner::BoostedTrees { fitted, .. } => format!("{} boosted trees", fitted.trees.len()),
        Learner::Logistic { .. } => "a logistic regression".to_owned(),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{what} over {} features, learned from {} service points, {} of them with theft\n",
        model.features.len(),
        training.labelled,
        training.thefts
    );
    let _ = writeln!(
        out,
        "of service points held out, {} folds      model   logistic regression",
        model.cross_validation.folds
    );
    for (name, model, baseline) in rows(&model.cross_validation, &model.baseline) {
        let _ = writeln!(out, "{name:<40} {:>6}   {:>6}", number(model), number(baseline));
    }
    out
}

fn rows(model: &Figures, baseline: &Figures) -> Vec<(String, Option<f64>, Option<f64>)> {
    let mut rows = vec![
        ("AUC".to_owned(), model.auc, baseline.auc),
        (
            "average precision".to_owned(),
            model.average_precision,
            baseline.average_precision,
        ),
        (
            "thefts found at 1 % false positives".to_owned(),
            model.theft_share_at_1_percent_false,
            baseline.theft_share_at_1_percent_false,
        ),
        ("MAP@100".to_owned(), model.map_100, baseline.map_100),
        ("MAP@200".to_owned(), model.map_200, baseline.map_200),
    ];
    for (model, baseline) in model.at.iter().zip(&baseline.at) {
        let k = model.inspections;
        rows.push((
            format!("precision of {k} inspections"),
            model.precision,
            baseline.precision,
        ));
        rows.push((
            format!("recall of {k} inspections"),
            model.recall,
            baseline.recall,
        ));
    }
    rows
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}
