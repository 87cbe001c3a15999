//! How odd subjects are among each other, by an isolation forest over what the rules measured at them.
//!
//! What nobody else shows is no evidence of theft: a bakery is odd. So the forest opens no case. It moves scores a little, by
//! `weight` at most, so that of two homes with the same evidence the odder one is looked at first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Assessment;
use super::combine::combine;
use crate::error::TransformError;
use crate::learning::forest::{ForestConfig, isolation_scores};
use crate::peers::Peers;
use crate::registry::Registry;
use crate::rules::{RuleConfig, ramp};
use crate::subject_features::{oddity_matrix, row_id};

/// Forest score that adds nothing, and that adds all of the weight.
const ODD: (f64, f64) = (0.45, 0.75);

/// The isolation forest, and what it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OddityConfig {
    /// What the oddest service point gains in score, 0..0.5; 0 leaves the forest out of the score.
    pub weight: f64,
    /// Trees; 0 grows none, and `forest_score` is null.
    pub trees: u32,
    /// Service points that each tree is grown from.
    pub sample: u32,
    /// Seed of samples and cuts.
    pub seed: u64,
}

impl Default for OddityConfig {
    fn default() -> Self {
        Self {
            weight: 0.05,
            trees: 200,
            sample: 256,
            seed: 1,
        }
    }
}

impl OddityConfig {
    pub(crate) fn validate(&self) -> Result<(), TransformError> {
        use crate::rules::{whole, within};
        within("oddity.weight", self.weight, 0.0, 0.5)?;
        if self.trees > 0 {
            whole("oddity.trees", self.trees, 10, 10_000)?;
        }
        whole("oddity.sample", self.sample, 16, 65_536)
    }

    /// What a forest score adds, 0..1.
    fn part(&self, forest_score: f64) -> f64 {
        self.weight * ramp(forest_score, ODD.0, ODD.1)
    }
}

impl Assessment {
    /// Adds the forest's scores, and ranks anew.
    pub fn look_for_the_odd(
        &mut self,
        (registry, peers, config): (&Registry, &Peers, &RuleConfig),
    ) -> Result<(), TransformError> {
        let oddity = &config.oddity;
        if oddity.trees == 0 || self.subjects.is_empty() {
            return Ok(());
        }
        let matrix = oddity_matrix(self, registry)?;
        let forest = ForestConfig {
            trees: oddity.trees,
            sample_rows: oddity.sample,
            seed: oddity.seed,
        };
        let scores = isolation_scores(&matrix, &forest);
        for subject in &mut self.subjects {
            let id = row_id(&self.evidence[subject.strongest], registry);
            let at = matrix
                .position(&id)
                .ok_or_else(|| TransformError::Bug(format!("no features of `{id}`")))?;
            // Six decimals, as of the score.
            let score = (scores[at] * 1e6).round() / 1e6;
            subject.forest_score = Some(score);
            subject.rules_score = combine(
                subject.rules_score,
                oddity.part(score),
                subject.is_case,
                config.case_threshold,
            );
            subject.score = subject.rules_score;
        }
        self.rank_anew(registry, peers, config)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Float64Type;

    use super::*;
    use crate::ranking::assemble;
    use crate::rules::testing::{FIRST_DAY, PEERS, Profiles, World, home, installed, scaled};

    /// Thirty homes alike, and one that fell.
    fn assessed(world: &World) -> Assessment {
        let profiles: Vec<Profiles> = (0..=PEERS as u32)
            .map(|at| {
                let kwh = home(u64::from(at), 240, 8.0);
                let kwh = if at == 0 { scaled(kwh, 120..240, 0.3) } else { kwh };
                Profiles::daily(at, FIRST_DAY, &kwh)
            })
            .collect();
        let stays = profiles.iter().flat_map(|of| world.judge(of)).collect();
        let mut found = assemble(stays, &world.registry, &world.peers, &world.config).unwrap();
        let context = (&world.registry, &world.peers, &world.config);
        found.look_for_the_odd(context).unwrap();
        found
    }

    fn column(found: &Assessment, name: &str) -> Vec<f64> {
        found.scores[name].as_primitive::<Float64Type>().values().to_vec()
    }

    #[test]
    fn the_one_that_differs_is_the_oddest_and_no_more_than_the_weight_is_added() {
        let mut world = World::steady(installed(), 240);
        let found = assessed(&world);
        let odd = column(&found, "forest_score");
        assert!(odd[1..].iter().all(|score| *score < odd[0]), "{odd:?}");
        assert!(odd[0] > 0.6, "{odd:?}");
        let with = column(&found, "score");
        world.config.oddity.weight = 0.0;
        let without = column(&assessed(&world), "score");
        // 1 - (1 - score) (1 - 0.05 part).
        let part = 0.05 * ((odd[0] - 0.45) / 0.3).clamp(0.0, 1.0);
        assert!((with[0] - (1.0 - (1.0 - without[0]) * (1.0 - part))).abs() < 2e-6);
        assert_eq!(found.cases.num_rows(), assessed(&world).cases.num_rows());
    }

    #[test]
    fn no_trees_no_score() {
        let mut world = World::steady(installed(), 240);
        world.config.oddity.trees = 0;
        let found = assessed(&world);
        assert_eq!(found.scores["forest_score"].null_count(), found.scores.num_rows());
    }

    #[test]
    fn a_score_of_the_forest_counts_from_forty_five_to_seventy_five_hundredths() {
        let part = |score: f64| OddityConfig::default().part(score);
        for (score, expected) in [
            (0.45, 0.0),
            (0.525, 0.0125),
            (0.6, 0.025),
            (0.75, 0.05),
            (0.9, 0.05),
        ] {
            assert!((part(score) - expected).abs() < 1e-9, "{score}");
        }
    }

    #[test]
    fn scores_are_those_of_two_hundred_trees_by_six_decimals() {
        let world = World::steady(installed(), 240);
        let found = assessed(&world);
        let matrix = oddity_matrix(&found, &world.registry).unwrap();
        let forest = ForestConfig {
            trees: 200,
            sample_rows: 256,
            seed: 1,
        };
        let scores = isolation_scores(&matrix, &forest);
        for subject in &found.subjects {
            let id = row_id(&found.evidence[subject.strongest], &world.registry);
            let exact = scores[matrix.position(&id).unwrap()];
            assert!((subject.forest_score.unwrap() - exact).abs() <= 5.1e-7, "{exact}");
        }
    }
}
