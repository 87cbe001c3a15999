//! Transform: cross-validation, calibration and the final model.

use datalake_transforms::error::TransformError;
use datalake_transforms::learning::Matrix;
use datalake_transforms::learning::boosting::{BoostingConfig, Trees};
use datalake_transforms::learning::calibration::Calibration;
use datalake_transforms::learning::encoding::Groups;
use datalake_transforms::learning::folds::fold;
use datalake_transforms::learning::logistic::{Logistic, LogisticConfig};
use datalake_transforms::learning::model::{AtInspections, FORMAT, Figures, KIND, Learner, Model, Training};
use datalake_transforms::subject_features::model_features;

use super::config::{LearnerKind, LearningConfig};
use crate::evaluate::metrics::{
    Scored, auc, average_precision, map_at, order, precision_at, recall_at, tpr_at_fpr,
};
use crate::theft_detection::JobError;

/// Numbers of inspections that figures are given for; and one of a hundred service points.
const INSPECTIONS: [usize; 2] = [100, 200];

/// Rows with labels.
#[derive(Clone, Copy)]
pub(super) struct Examples<'a> {
    /// Their features, those that the model may look at.
    pub(super) features: &'a Matrix,
    /// Their groups, likewise.
    pub(super) groups: &'a Groups,
    /// Whether each steals.
    pub(super) thefts: &'a [bool],
}

/// Cross-validates, calibrates and fits; `check_stop` is asked between fits.
pub(super) fn train(
    examples: Examples<'_>,
    config: &LearningConfig,
    training: Training,
    check_stop: impl Fn() -> Result<(), JobError>,
) -> Result<Model, JobError> {
    let raw = out_of_fold(examples, config, config.learner, &check_stop)?;
    let cross_validation = figures(examples, &raw, config.folds);
    let baseline = match config.learner {
        LearnerKind::Logistic => cross_validation.clone(),
        LearnerKind::BoostedTrees => {
            let raw = out_of_fold(examples, config, LearnerKind::Logistic, &check_stop)?;
            figures(examples, &raw, config.folds)
        }
    };
    check_stop()?;
    Ok(Model {
        format: FORMAT,
        kind: KIND.to_owned(),
        cross_validation,
        baseline,
        calibration: Calibration::fit(&raw, examples.thefts),
        features: model_features(training.counts_and_dates),
        training,
        encodings: examples.groups.encodings(examples.thefts),
        learner: fit(examples, config, config.learner)?,
    })
}

/// Fitted on features and on shares of thefts in groups, each row's without its own label.
fn fit(
    examples: Examples<'_>,
    config: &LearningConfig,
    kind: LearnerKind,
) -> Result<Learner, TransformError> {
    let Examples {
        features,
        groups,
        thefts,
    } = examples;
    let shares = groups.out_of_fold(thefts, config.seed);
    let features = &features.clone().with_added(shares)?;
    Ok(match kind {
        LearnerKind::BoostedTrees => {
            let hyperparameters = BoostingConfig {
                positive_weight: config.theft_weight,
                seed: config.seed,
                ..BoostingConfig::default()
            };
            Learner::BoostedTrees {
                fitted: Trees::fit(features, thefts, &hyperparameters),
                hyperparameters,
            }
        }
        LearnerKind::Logistic => {
            let hyperparameters = LogisticConfig {
                positive_weight: config.theft_weight,
                ..LogisticConfig::default()
            };
            Learner::Logistic {
                fitted: Logistic::fit(features, thefts, &hyperparameters),
                hyperparameters,
            }
        }
    })
}

/// Raw score of each row by a model that was fitted without its fold.
fn out_of_fold(
    examples: Examples<'_>,
    config: &LearningConfig,
    kind: LearnerKind,
    check_stop: impl Fn() -> Result<(), JobError>,
) -> Result<Vec<f64>, JobError> {
    let Examples {
        features,
        groups,
        thefts,
    } = examples;
    let fold_of: Vec<u32> = features
        .ids()
        .iter()
        .map(|id| fold(id, config.folds, config.seed))
        .collect();
    let mut raw = vec![0.0; thefts.len()];
    let mut row = Vec::new();
    for held_out in 0..config.folds {
        check_stop()?;
        let (out, kept): (Vec<u32>, Vec<u32>) =
            (0..thefts.len() as u32).partition(|&at| fold_of[at as usize] == held_out);
        let kept_thefts: Vec<bool> = kept.iter().map(|&at| thefts[at as usize]).collect();
        let kept_groups = groups.select(&kept);
        let learner = fit(
            Examples {
                features: &features.select(&kept),
                groups: &kept_groups,
                thefts: &kept_thefts,
            },
            config,
            kind,
        )?;
        let shares = groups.select(&out).encoded(&kept_groups.encodings(&kept_thefts));
        let judged = features.select(&out).with_added(shares)?;
        for (position, at) in out.into_iter().enumerate() {
            judged.row_into(position, &mut row);
            raw[at as usize] = match &learner {
                Learner::BoostedTrees { fitted, .. } => fitted.raw(&row),
                Learner::Logistic { fitted, .. } => fitted.raw(&row),
            };
        }
        tracing::info!(held_out, folds = config.folds, learner = ?kind, "a fold is judged");
    }
    Ok(raw)
}

/// How scores rank the rows.
pub(super) fn figures(examples: Examples<'_>, raw: &[f64], folds: u32) -> Figures {
    let Examples { features, thefts, .. } = examples;
    let of = |label: bool| -> Vec<f64> {
        let scored = raw.iter().zip(thefts);
        scored
            .filter(|(_, theft)| **theft == label)
            .map(|(raw, _)| *raw)
            .collect()
    };
    let (stealing, others) = (of(true), of(false));
    let mut ranked: Vec<Scored> = features
        .ids()
        .iter()
        .zip(raw.iter().zip(thefts))
        .map(|(id, (&score, &label))| Scored {
            id: id.clone(),
            score,
            label,
        })
        .collect();
    order(&mut ranked);
    let labels: Vec<bool> = ranked.iter().map(|row| row.label).collect();
    let mut numbers = INSPECTIONS.to_vec();
    numbers.push(labels.len().div_ceil(100));
    numbers.sort_unstable();
    numbers.dedup();
    Figures {
        folds,
        auc: auc(&stealing, &others),
        average_precision: average_precision(&labels),
        theft_share_at_1_percent_false: tpr_at_fpr(&stealing, &others, 0.01),
        map_100: map_at(&labels, 100),
        map_200: map_at(&labels, 200),
        at: numbers
            .into_iter()
            .map(|inspections| AtInspections {
                inspections: inspections as u64,
                precision: precision_at(&labels, inspections),
                recall: recall_at(&labels, inspections),
            })
            .collect(),
    }
}
