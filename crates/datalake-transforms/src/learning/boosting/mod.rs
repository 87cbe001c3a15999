//! Gradient-boosted trees for a binary label: histograms of at most 255 bins, trees grown best leaf first, unknown
//! values on the side that suits them better.
//!
//! Written here because the crates that do this add up floats in the order of their threads, lack class weights or
//! have not been kept up. The method is that of Friedman (2001) with second-order steps (Chen and Guestrin 2016) and
//! histograms (Ke and others 2017).

mod bins;
mod grow;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Matrix;
use super::calibration::{log_one_plus_exp, sigmoid};
use super::folds::fold;
use super::random::{least, mix, unit};
use super::tree::{Node, Tree};
use bins::Bins;
use grow::{Grower, Slope};

/// How trees are grown and weighed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoostingConfig {
    /// Trees at most; early stopping finds how many.
    pub max_trees: u32,
    /// Share of each tree's step that is taken.
    pub learning_rate: f64,
    /// Leaves of a tree at most.
    pub max_leaves: u32,
    /// Rows that a leaf needs.
    pub min_rows_in_leaf: u32,
    /// Sum of hessians `w p (1 - p)` that a leaf needs.
    pub min_child_weight: f64,
    /// Added to the sum of hessians: L2 on the numbers of leaves.
    pub l2: f64,
    /// Share of the rows that a tree is grown from.
    pub row_share: f64,
    /// Share of the features that a tree may ask for.
    pub column_share: f64,
    /// Weight of a row with the label; others have 1.
    pub positive_weight: f64,
    /// Held-out parts that the number of trees is chosen by.
    pub inner_folds: u32,
    /// Trees without a better loss on a held-out part after which growing ends there.
    pub patience: u32,
    /// Fits with samples of their own whose mean is taken, 1 or more: what one sample makes of chance, the others do not.
    pub fits: u32,
    /// Seed of samples and of the held-out parts.
    pub seed: u64,
}

impl Default for BoostingConfig {
    fn default() -> Self {
        Self {
            max_trees: 600,
            learning_rate: 0.06,
            max_leaves: 31,
            min_rows_in_leaf: 20,
            min_child_weight: 1e-3,
            l2: 5.0,
            row_share: 0.8,
            column_share: 0.4,
            positive_weight: 1.0,
            inner_folds: 3,
            patience: 40,
            fits: 3,
            seed: 1,
        }
    }
}

/// Trees that were grown on one another's errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trees {
    /// Raw score (log-odds) before any tree.
    pub base: f64,
    /// The trees.
    pub trees: Vec<Tree>,
}

impl Trees {
    /// Raw score (log-odds) of a row, values by feature.
    #[must_use]
    pub fn raw(&self, row: &[f32]) -> f64 {
        self.base + self.trees.iter().map(|tree| tree.value(row)).sum::<f64>()
    }

    /// What each feature adds to the raw score, and the mean that they start from; together they are the raw score.
    #[must_use]
    pub fn contributions(&self, row: &[f32]) -> (f64, Vec<f64>) {
        let mut contributions = vec![0.0; row.len()];
        for tree in &self.trees {
            tree.contribute(row, &mut contributions);
        }
        let mean = self.base + self.trees.iter().map(Tree::expected).sum::<f64>();
        (mean, contributions)
    }

    /// Adds trees, as many as did best on held-out parts of the rows (see [`BoostingConfig::inner_folds`]), grown from all rows;
    /// the mean of [`BoostingConfig::fits`].
    #[must_use]
    pub fn fit(matrix: &Matrix, labels: &[bool], config: &BoostingConfig) -> Self {
        let rounds = if config.inner_folds < 2 {
            config.max_trees
        } else {
            best_rounds(matrix, labels, config)
        };
        let share = 1.0 / f64::from(config.fits.max(1));
        let mut found = Self {
            base: base(labels, config.positive_weight),
            trees: Vec::new(),
        };
        for fit in 0..config.fits.max(1) {
            let own = BoostingConfig {
                // The first is the one that a single fit would be.
                seed: if fit == 0 {
                    config.seed
                } else {
                    mix(config.seed ^ mix(u64::from(fit)))
                },
                ..*config
            };
            let trees = Self::fit_rounds(matrix, labels, &own, rounds, |_| true).trees;
            found
                .trees
                .extend(trees.into_iter().map(|tree| tree.scaled(share)));
        }
        found
    }

    /// Exactly so many trees; ends early where `go_on`, given each new tree, says no.
    fn fit_rounds(
        matrix: &Matrix,
        labels: &[bool],
        config: &BoostingConfig,
        rounds: u32,
        mut go_on: impl FnMut(&Self) -> bool,
    ) -> Self {
        let weight = |label: bool| if label { config.positive_weight } else { 1.0 };
        let mut found = Self {
            base: base(labels, config.positive_weight),
            trees: Vec::new(),
        };
        let bins = Bins::of(matrix);
        let mut raw = vec![found.base; labels.len()];
        for round in 0..u64::from(rounds) {
            let slopes: Vec<Slope> = raw
                .par_iter()
                .zip(labels)
                .map(|(&raw, &label)| {
                    let (p, w) = (sigmoid(raw), weight(label));
                    let target = f64::from(u8::from(label));
                    [(w * (p - target)) as f32, (w * p * (1.0 - p)) as f32]
                })
                .collect();
            let salt = mix(mix(config.seed) ^ round);
            let in_sample = |row: &u32| unit(mix(matrix.hash(*row as usize) ^ salt)) < config.row_share;
            let rows: Vec<u32> = (0..matrix.rows() as u32).filter(in_sample).collect();
            let features = sampled(matrix.names(), config.column_share, salt);
            let grower = Grower {
                bins: &bins,
                config,
                slopes: &slopes,
                features: &features,
            };
            let tree = grower.grow(rows);
            raw.par_iter_mut().enumerate().for_each(|(row, raw)| {
                *raw += value_at(&tree, matrix, row);
            });
            found.trees.push(tree);
            if !go_on(&found) {
                break;
            }
        }
        found
    }
}

/// What a tree says of a row of a matrix.
fn value_at(tree: &Tree, matrix: &Matrix, row: usize) -> f64 {
    let nodes = tree.nodes();
    let mut at = 0_usize;
    loop {
        match nodes[at] {
            Node::Leaf { value, .. } => return f64::from(value),
            Node::Split {
                feature,
                threshold,
                unknown,
                low,
                high,
                ..
            } => {
                let value = matrix.column(feature as usize)[row];
                let is_low = value <= threshold || (value.is_nan() && unknown == super::tree::Side::Low);
                at = if is_low { low } else { high } as usize;
            }
        }
    }
}

/// Log-odds of the weighted labels.
fn base(labels: &[bool], positive_weight: f64) -> f64 {
    let positive = labels.iter().filter(|label| **label).count() as f64;
    let negative = labels.len() as f64 - positive;
    // Half a row either way keeps it finite.
    ((positive * positive_weight + 0.5) / (negative + 0.5)).ln()
}

/// A share of the features, at least one, by hashes of their names; ascending.
fn sampled(names: &[String], share: f64, salt: u64) -> Vec<u32> {
    let wanted = ((names.len() as f64 * share).ceil() as usize).clamp(1.min(names.len()), names.len());
    let hashes = names
        .iter()
        .map(|name| mix(super::random::hash_text(name) ^ salt));
    let mut features = least(&hashes, wanted);
    features.sort_unstable();
    features
}

/// The number of trees with the least loss over the inner folds together.
fn best_rounds(matrix: &Matrix, labels: &[bool], config: &BoostingConfig) -> u32 {
    // Parts of its own: they must not follow those of an outer loop.
    let seed = mix(config.seed ^ 0x1221);
    let mut total: Vec<f64> = Vec::new();
    for part in 0..config.inner_folds {
        let losses = losses(matrix, labels, config, |id| {
            fold(id, config.inner_folds, seed) == part
        });
        if total.is_empty() {
            total = losses;
        } else {
            total.truncate(losses.len());
            total.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss);
        }
    }
    let best = (0..total.len()).min_by(|&a, &b| total[a].total_cmp(&total[b]));
    best.map_or(1, |best| best as u32 + 1)
}

/// Loss on the held-out rows after each tree, grown from the others.
fn losses(
    matrix: &Matrix,
    labels: &[bool],
    config: &BoostingConfig,
    held_out: impl Fn(&str) -> bool,
) -> Vec<f64> {
    let (out, kept): (Vec<u32>, Vec<u32>) =
        (0..matrix.rows() as u32).partition(|&row| held_out(&matrix.ids()[row as usize]));
    let of = |rows: &[u32]| -> Vec<bool> { rows.iter().map(|&row| labels[row as usize]).collect() };
    let (out_labels, kept_labels) = (of(&out), of(&kept));
    let out = matrix.select(&out);
    let mut raw = vec![base(&kept_labels, config.positive_weight); out.rows()];
    let mut losses: Vec<f64> = Vec::new();
    let mut best = (f64::INFINITY, 0);
    Trees::fit_rounds(
        &matrix.select(&kept),
        &kept_labels,
        config,
        config.max_trees,
        |found| {
            if let Some(tree) = found.trees.last() {
                raw.par_iter_mut().enumerate().for_each(|(row, raw)| {
                    *raw += value_at(tree, &out, row);
                });
            }
            let loss: f64 = raw
                .iter()
                .zip(&out_labels)
                .map(|(&raw, &label)| {
                    if label {
                        config.positive_weight * log_one_plus_exp(-raw)
                    } else {
                        log_one_plus_exp(raw)
                    }
                })
                .sum();
            losses.push(loss);
            if loss < best.0 {
                best = (loss, losses.len());
            }
            losses.len() - best.1 < config.patience as usize
        },
    );
    losses
}

#[cfg(test)]
mod tests;
