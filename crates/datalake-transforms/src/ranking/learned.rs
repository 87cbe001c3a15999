//! What a model says of subjects: probabilities for all, and for cases what speaks for and against theft.

use std::sync::Arc;

use arrow::array::{ArrayBuilder, ArrayRef, Float64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow::datatypes::{DataType, Field, Fields};
use rayon::prelude::*;

use super::combine::combine_with_model;
use super::{Assessment, Subject, cases};
use crate::error::TransformError;
use crate::learning::Matrix;
use crate::learning::model::Model;
use crate::peers::Peers;
use crate::registry::Registry;
use crate::rules::RuleConfig;
use crate::subject_features::row_id;

/// Contributions that are kept of a subject, the largest first.
pub const CONTRIBUTIONS: usize = 10;

/// What a model says of a subject.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelVerdict {
    /// Probability of theft, calibrated.
    pub probability: f64,
    /// The largest contributions, by size; empty of subjects that are no cases.
    pub contributions: Vec<Contribution>,
}

/// What one feature adds to the model's raw score (log-odds).
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// Name of the feature.
    pub feature: Arc<str>,
    /// Its value; `None` where it is unknown.
    pub value: Option<f64>,
    /// Above 0 it speaks for theft.
    pub contribution: f64,
}

impl Assessment {
    /// Adds what a model says, and ranks anew. `matrix` holds the features of all subjects, those of the model in
    /// its order. Contributions are worked out for cases, and for the subject called `explained`.
    ///
    /// Fails as a bug where a subject has no row.
    pub fn judge_by(
        &mut self,
        model: &Model,
        matrix: &Matrix,
        (registry, peers, config): (&Registry, &Peers, &RuleConfig),
        explained: Option<&str>,
    ) -> Result<(), TransformError> {
        let names: Vec<Arc<str>> = matrix
            .names()
            .iter()
            .map(|name| Arc::from(name.as_str()))
            .collect();
        let evidence = &self.evidence;
        self.subjects
            .par_iter_mut()
            .try_for_each_init(Vec::new, |row, subject| {
                let stay = &evidence[subject.strongest];
                let id = row_id(stay, registry);
                let at = matrix
                    .position(&id)
                    .ok_or_else(|| TransformError::Bug(format!("no features of `{id}`")))?;
                matrix.row_into(at, row);
                // Six decimals, as of the score.
                let probability = (model.judge(row).probability * 1e6).round() / 1e6;
                let wanted = subject.is_case || explained == Some(super::score::subject_id(stay, registry));
                subject.score = combine_with_model(
                    subject.rules_score,
                    probability,
                    subject.is_case,
                    config.case_threshold,
                );
                subject.model = Some(ModelVerdict {
                    probability,
                    contributions: if wanted {
                        largest(model, row, &names)
                    } else {
                        Vec::new()
                    },
                });
                Ok::<_, TransformError>(())
            })?;
        self.rank_anew(registry, peers, config)
    }
}

fn largest(model: &Model, row: &[f32], names: &[Arc<str>]) -> Vec<Contribution> {
    let (_, contributions) = model.contributions(row);
    let mut order: Vec<usize> = (0..contributions.len()).collect();
    order.sort_by(|&a, &b| {
        let size = |at: usize| contributions[at].abs();
        size(b).total_cmp(&size(a)).then(a.cmp(&b))
    });
    order.truncate(CONTRIBUTIONS);
    let of = |at: usize| Contribution {
        feature: Arc::clone(&names[at]),
        value: (!row[at].is_nan()).then(|| cases::shortest(row[at])),
        contribution: (contributions[at] * 1e6).round() / 1e6 + 0.0,
    };
    order.into_iter().map(of).collect()
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("feature", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("contribution", DataType::Float64, false),
    ])
}

fn item() -> Field {
    Field::new("item", DataType::Struct(fields()), false)
}

/// The field `model_contributions` of `theft_cases`; null without a model.
pub(super) fn field() -> Field {
    Field::new("model_contributions", DataType::List(Arc::new(item())), true)
}

/// The column of [`field`].
pub(super) fn column<'a>(subjects: impl Iterator<Item = &'a Subject>) -> Result<ArrayRef, TransformError> {
    fn part<T: ArrayBuilder>(row: &mut StructBuilder, at: usize) -> Result<&mut T, TransformError> {
        row.field_builder::<T>(at).ok_or_else(|| {
            TransformError::Bug(format!("field {at} of `model_contributions` has another type"))
        })
    }
    let mut list = ListBuilder::new(StructBuilder::from_fields(fields(), 0)).with_field(item());
    for subject in subjects {
        let Some(model) = &subject.model else {
            list.append(false);
            continue;
        };
        for found in &model.contributions {
            let row = list.values();
            part::<StringBuilder>(row, 0)?.append_value(&found.feature);
            part::<Float64Builder>(row, 1)?.append_option(found.value);
            part::<Float64Builder>(row, 2)?.append_value(found.contribution);
            row.append(true);
        }
        list.append(true);
    }
    Ok(Arc::new(list.finish()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Float64Type;

    use crate::billing::Bills;
    use crate::features::meter_features;
    use crate::learning::model::tests::regression;
    use crate::ranking::assemble;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, scaled};
    use crate::series::collate;
    use crate::subject_features::{SubjectData, subject_matrix};

    #[test]
    fn scores_hold_probabilities_and_cases_what_speaks_for_them() {
        let world = World::steady(installed(), 240);
        let fallen = Profiles::daily(0, FIRST_DAY, &scaled(home(1, 240, 8.0), 150..240, 0.3));
        let steady = Profiles::daily(1, FIRST_DAY, &home(2, 240, 8.0));
        let features = meter_features(
            &world.registry,
            &collate(&[fallen.batch(), steady.batch()]).unwrap(),
        )
        .unwrap();
        let stays = [&fallen, &steady]
            .into_iter()
            .flat_map(|of| world.judge(of))
            .collect();
        let mut found = assemble(stays, &world.registry, &world.peers, &world.config).unwrap();
        assert!(found.cases["model_contributions"].is_null(0));
        assert_eq!(found.scores["model_score"].null_count(), 2);
        let data = SubjectData {
            registry: &world.registry,
            meter_features: &features,
            bills: &Bills::default(),
        };
        let matrix = subject_matrix(&found, &data)
            .unwrap()
            .with_columns(|name| ["sustained_drop_hit", "days", "off_share"].contains(&name));
        // Log-odds: -1, and 3 where it fell.
        let model = regression(
            -1.0,
            &[("sustained_drop_hit", 3.0), ("off_share", 0.0), ("days", 0.0)],
        );
        let context = (&world.registry, &world.peers, &world.config);
        let steady_id = world.registry.service_points[11].id.clone();
        found
            .judge_by(&model, &matrix, context, Some(&steady_id))
            .unwrap();

        let probability = |odds: f64| 1.0 / (1.0 + (-odds).exp());
        let scores = found.scores["model_score"].as_primitive::<Float64Type>();
        assert!((scores.value(0) - probability(2.0)).abs() < 1e-6);
        assert!((scores.value(1) - probability(-1.0)).abs() < 1e-6);
        assert_eq!(found.cases.num_rows(), 1);
        let list = found.cases["model_contributions"].as_list::<i32>().value(0);
        let list = list.as_struct();
        assert_eq!(list.len(), 3);
        assert_eq!(list.column(0).as_string::<i32>().value(0), "sustained_drop_hit");
        let number = |column: usize, row: usize| list.column(column).as_primitive::<Float64Type>().value(row);
        assert_eq!((number(1, 0), number(2, 0), number(2, 1)), (1.0, 3.0, 0.0));

        let explain = |id: &str| {
            found
                .explain(id, &world.registry, &world.peers, &world.config)
                .unwrap()
        };
        let text = explain(&world.registry.service_points[0].id).to_string();
        assert!(text.contains("model: probability of theft 0.881"), "{text}");
        assert!(text.contains("\n  +3.000 sustained_drop_hit = 1\n"), "{text}");
        assert_eq!(explain(&steady_id).model.unwrap().contributions.len(), 3);
    }
}
