//! One regression tree of a model, and what each feature contributes to what it says.

use serde::{Deserialize, Serialize};

/// Where a row goes whose value is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// With those at or below the threshold.
    Low,
    /// With those above it.
    High,
}

/// A node; the root stands first, and every other one after the node that leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Node {
    /// Parts rows by one feature.
    Split {
        /// Position in the model's features.
        feature: u32,
        /// Rows at or below it go to `low`.
        threshold: f32,
        /// Where unknown values go.
        unknown: Side,
        /// Position of a node.
        low: u32,
        /// Position of a node.
        high: u32,
        /// Rows of the training that came by.
        rows: u32,
    },
    /// Ends with a number to add to the raw score (log-odds).
    Leaf {
        /// The number.
        value: f32,
        /// Rows of the training that ended here.
        rows: u32,
    },
}

impl Node {
    fn rows(&self) -> f64 {
        match self {
            Self::Split { rows, .. } | Self::Leaf { rows, .. } => f64::from(*rows),
        }
    }
}

/// Nodes of a tree at most, and cuts from its root to a leaf at most.
pub(super) const MAX_NODES: usize = 4_096;
/// See [`MAX_NODES`].
pub(super) const MAX_DEPTH: usize = 40;

/// One tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// What a tree adds up to: of what its features say, and of rows about which nothing is known.
struct Path {
    steps: Vec<Step>,
}

/// One feature on the way to a leaf (Lundberg, Erion and Lee 2018, algorithm 2).
#[derive(Debug, Clone, Copy)]
struct Step {
    /// `None` of the root.
    feature: Option<u32>,
    /// Share of the rows that go this way where the feature is not known.
    zero: f64,
    /// 1 where this row goes this way, else 0.
    one: f64,
    /// Weight of the subsets of features of each size.
    weight: f64,
}

impl Tree {
    pub(super) fn new(nodes: Vec<Node>) -> Self {
        Self { nodes }
    }

    /// The same tree with a share of what its leaves say.
    pub(super) fn scaled(mut self, share: f64) -> Self {
        for node in &mut self.nodes {
            if let Node::Leaf { value, .. } = node {
                *value = (f64::from(*value) * share) as f32;
            }
        }
        self
    }

    /// Its nodes, the root first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Why this is no tree over so many features, where it is none: every node but the root must be reached once, from
    /// a node before it.
    pub(super) fn fault(&self, features: usize) -> Option<String> {
        let n = self.nodes.len();
        if n == 0 || n > MAX_NODES {
            return Some(format!("it has {n} nodes; 1 to {MAX_NODES} are allowed"));
        }
        // Cuts on the way to each node, once something has led to it.
        let mut depth: Vec<Option<usize>> = vec![None; n];
        depth[0] = Some(0);
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(here) = depth[at] else {
                return Some(format!("nothing leads to its node {at}"));
            };
            match *node {
                Node::Leaf { value, .. } => {
                    if !value.is_finite() {
                        return Some(format!("the value of its node {at} is no number"));
                    }
                }
                Node::Split {
                    feature,
                    threshold,
                    low,
                    high,
                    rows,
                    ..
                } => {
                    if feature as usize >= features {
                        return Some(format!("its node {at} asks for feature {feature} of {features}"));
                    }
                    if !threshold.is_finite() {
                        return Some(format!("the threshold of its node {at} is no number"));
                    }
                    if here + 1 > MAX_DEPTH {
                        return Some(format!("its node {at} lies deeper than {MAX_DEPTH} cuts"));
                    }
                    let mut below = 0_u64;
                    for next in [low as usize, high as usize] {
                        if next >= n {
                            return Some(format!("its node {at} leads to node {next} of {n}"));
                        }
                        if next <= at || depth[next].is_some() {
                            return Some(format!(
                                "its node {at} leads to node {next}, which is not one of its own"
                            ));
                        }
                        depth[next] = Some(here + 1);
                        below += self.nodes[next].rows() as u64;
                    }
                    if rows == 0 || below != u64::from(rows) {
                        return Some(format!("the rows below its node {at} do not add up"));
                    }
                }
            }
        }
        None
    }

    /// Where a row goes from a node: position of the next one, and of the one that it does not go to.
    fn next(node: &Node, row: &[f32]) -> Option<(u32, u32)> {
        let Node::Split {
            feature,
            threshold,
            unknown,
            low,
            high,
            ..
        } = *node
        else {
            return None;
        };
        let value = row[feature as usize];
        let is_low = value <= threshold || (value.is_nan() && unknown == Side::Low);
        Some(if is_low { (low, high) } else { (high, low) })
    }

    /// What it says of a row, values by feature.
    #[must_use]
    pub fn value(&self, row: &[f32]) -> f64 {
        let mut node = &self.nodes[0];
        while let Some((next, _)) = Self::next(node, row) {
            node = &self.nodes[next as usize];
        }
        match node {
            Node::Leaf { value, .. } => f64::from(*value),
            Node::Split { .. } => 0.0,
        }
    }

    /// Mean over the rows of the training.
    #[must_use]
    pub fn expected(&self) -> f64 {
        let total = self.nodes[0].rows().max(1.0);
        let part = |node: &Node| match node {
            Node::Leaf { value, rows } => f64::from(*value) * f64::from(*rows) / total,
            Node::Split { .. } => 0.0,
        };
        self.nodes.iter().map(part).sum()
    }

    /// Adds to `contributions`, by feature, the Shapley values of this row: path-dependent `TreeSHAP` (Lundberg, Erion
    /// and Lee 2018). They add up to [`Tree::value`] less [`Tree::expected`].
    pub fn contribute(&self, row: &[f32], contributions: &mut [f64]) {
        let path = Path {
            steps: Vec::with_capacity(MAX_DEPTH + 2),
        };
        self.walk(0, row, path, (1.0, 1.0, None), contributions);
    }

    fn walk(
        &self,
        at: u32,
        row: &[f32],
        mut path: Path,
        (zero, one, feature): (f64, f64, Option<u32>),
        contributions: &mut [f64],
    ) {
        path.extend(zero, one, feature);
        let node = &self.nodes[at as usize];
        let split = match node {
            Node::Leaf { value, .. } => {
                for (i, step) in path.steps.iter().enumerate().skip(1) {
                    if let Some(feature) = step.feature {
                        contributions[feature as usize] +=
                            path.unwound_sum(i) * (step.one - step.zero) * f64::from(*value);
                    }
                }
                return;
            }
            Node::Split { feature, rows, .. } => (*feature, f64::from(*rows)),
        };
        let Some((hot, cold)) = Self::next(node, row) else {
            return;
        };
        let (feature, rows) = split;
        let (mut zero, mut one) = (1.0, 1.0);
        // A feature that was asked before takes its step back.
        if let Some(before) = path.steps.iter().position(|step| step.feature == Some(feature)) {
            (zero, one) = (path.steps[before].zero, path.steps[before].one);
            path.unwind(before);
        }
        let share = |next: u32| self.nodes[next as usize].rows() / rows;
        let copy = Path {
            steps: path.steps.clone(),
        };
        self.walk(
            hot,
            row,
            copy,
            (zero * share(hot), one, Some(feature)),
            contributions,
        );
        self.walk(
            cold,
            row,
            path,
            (zero * share(cold), 0.0, Some(feature)),
            contributions,
        );
    }
}

impl Path {
    fn extend(&mut self, zero: f64, one: f64, feature: Option<u32>) {
        let depth = self.steps.len();
        self.steps.push(Step {
            feature,
            zero,
            one,
            weight: if depth == 0 { 1.0 } else { 0.0 },
        });
        let n = (depth + 1) as f64;
        for i in (0..depth).rev() {
            self.steps[i + 1].weight += one * self.steps[i].weight * (i + 1) as f64 / n;
            self.steps[i].weight *= zero * (depth - i) as f64 / n;
        }
    }

    fn unwind(&mut self, at: usize) {
        let depth = self.steps.len() - 1;
        let Step { zero, one, .. } = self.steps[at];
        let n = (depth + 1) as f64;
        let mut next = self.steps[depth].weight;
        for i in (0..depth).rev() {
            let weight = self.steps[i].weight;
            if one == 0.0 {
                self.steps[i].weight = weight * n / (zero * (depth - i) as f64);
            } else {
                self.steps[i].weight = next * n / ((i + 1) as f64 * one);
                next = weight - self.steps[i].weight * zero * (depth - i) as f64 / n;
            }
        }
        for i in at..depth {
            let Step {
                feature, zero, one, ..
            } = self.steps[i + 1];
            let weight = self.steps[i].weight;
            self.steps[i] = Step {
                feature,
                zero,
                one,
                weight,
            };
        }
        self.steps.pop();
    }

    /// Sum of the weights that would be left without step `at`.
    fn unwound_sum(&self, at: usize) -> f64 {
        let depth = self.steps.len() - 1;
        let Step { zero, one, .. } = self.steps[at];
        let n = (depth + 1) as f64;
        let mut next = self.steps[depth].weight;
        let mut total = 0.0;
        for i in (0..depth).rev() {
            if one == 0.0 {
                total += self.steps[i].weight * n / (zero * (depth - i) as f64);
            } else {
                let weight = next * n / ((i + 1) as f64 * one);
                total += weight;
                next = self.steps[i].weight - weight * zero * (depth - i) as f64 / n;
            }
        }
        total
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::learning::random::Stream;
    use proptest::prelude::*;

    pub(in crate::learning) fn split(
        feature: u32,
        threshold: f32,
        (low, high): (u32, u32),
        rows: u32,
    ) -> Node {
        Node::Split {
            feature,
            threshold,
            unknown: Side::High,
            low,
            high,
            rows,
        }
    }

    pub(in crate::learning) fn leaf(value: f32, rows: u32) -> Node {
        Node::Leaf { value, rows }
    }

    /// A random tree over `features`, every node with rows.
    fn random(stream: &mut Stream, features: usize, depth: usize) -> Tree {
        fn add(
            nodes: &mut Vec<Node>,
            at: usize,
            rows: u32,
            stream: &mut Stream,
            (features, depth): (usize, usize),
        ) {
            if depth == 0 || rows < 2 || stream.unit() < 0.1 {
                nodes[at] = leaf(stream.unit() as f32 - 0.5, rows);
                return;
            }
            let next = nodes.len();
            let low_rows = 1 + stream.below(rows as usize - 1) as u32;
            nodes[at] = Node::Split {
                feature: stream.below(features) as u32,
                threshold: stream.unit() as f32,
                unknown: if stream.unit() < 0.5 {
                    Side::Low
                } else {
                    Side::High
                },
                low: next as u32,
                high: next as u32 + 1,
                rows,
            };
            nodes.extend([leaf(0.0, 0); 2]);
            add(nodes, next, low_rows, stream, (features, depth - 1));
            add(nodes, next + 1, rows - low_rows, stream, (features, depth - 1));
        }
        let mut nodes = vec![leaf(0.0, 0)];
        add(&mut nodes, 0, 1_000, stream, (features, depth));
        Tree::new(nodes)
    }

    /// Mean of the tree where only the features of `known` are known of the row.
    fn conditional(tree: &Tree, at: u32, row: &[f32], known: u32) -> f64 {
        let node = &tree.nodes[at as usize];
        match node {
            Node::Leaf { value, .. } => f64::from(*value),
            Node::Split { feature, rows, .. } => {
                let (hot, cold) = Tree::next(node, row).unwrap();
                if known & (1 << feature) != 0 {
                    return conditional(tree, hot, row, known);
                }
                let part = |next: u32| {
                    conditional(tree, next, row, known) * tree.nodes[next as usize].rows() / f64::from(*rows)
                };
                part(hot) + part(cold)
            }
        }
    }

    /// Shapley values by their definition, over all subsets of features.
    fn shapley(tree: &Tree, row: &[f32], features: u32) -> Vec<f64> {
        let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
        (0..features)
            .map(|feature| {
                (0..1_u32 << features)
                    .filter(|known| known & (1 << feature) == 0)
                    .map(|known| {
                        let size = known.count_ones();
                        let weight = factorial(size) * factorial(features - size - 1) / factorial(features);
                        weight
                            * (conditional(tree, 0, row, known | 1 << feature)
                                - conditional(tree, 0, row, known))
                    })
                    .sum()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn contributions_are_shapley_values_and_add_up(seed in 0_u64..100_000, unknown in 0_usize..8) {
            let mut stream = Stream::new(seed, 0);
            let tree = random(&mut stream, 5, 7);
            prop_assert_eq!(tree.fault(5), None);
            let mut row: Vec<f32> = (0..5).map(|_| stream.unit() as f32).collect();
            if unknown < 5 {
                row[unknown] = f32::NAN;
            }
            let mut found = vec![0.0; 5];
            tree.contribute(&row, &mut found);
            for (found, expected) in found.iter().zip(shapley(&tree, &row, 5)) {
                prop_assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
            let sum = found.iter().sum::<f64>() + tree.expected();
            prop_assert!((sum - tree.value(&row)).abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn a_tree_worked_by_hand() {
        // x0 <= 1: -1 (30 rows); else x1 <= 2: 0.5 (50 rows), else 2 (20 rows).
        let tree = Tree::new(vec![
            split(0, 1.0, (1, 2), 100),
            leaf(-1.0, 30),
            split(1, 2.0, (3, 4), 70),
            leaf(0.5, 50),
            leaf(2.0, 20),
        ]);
        assert_eq!(tree.value(&[1.0, 9.0]), -1.0);
        assert_eq!(tree.value(&[1.5, 2.0]), 0.5);
        // Unknown values go high.
        assert_eq!(tree.value(&[f32::NAN, f32::NAN]), 2.0);
        assert!((tree.expected() - 0.35).abs() < 1e-12);
        // Of (2, 3): nothing known 0.35; x0 alone (0.5 x 5 + 2 x 2) / 7 = 6.5 / 7; x1 alone -0.3 + 1.4 = 1.1; both 2.
        let mut found = [0.0; 2];
        tree.contribute(&[2.0, 3.0], &mut found);
        let x0 = (6.5 / 7.0 - 0.35 + 2.0 - 1.1) / 2.0;
        let x1 = (1.1 - 0.35 + 2.0 - 6.5 / 7.0) / 2.0;
        assert!(
            (found[0] - x0).abs() < 1e-12 && (found[1] - x1).abs() < 1e-12,
            "{found:?}"
        );
    }

    #[test]
    fn what_is_no_tree_is_told() {
        let fault = |nodes: Vec<Node>| Tree::new(nodes).fault(2).unwrap_or_default();
        assert!(fault(vec![]).contains("0 nodes"));
        assert!(fault(vec![leaf(0.0, 1); MAX_NODES + 1]).contains("4097 nodes"));
        let leaves = |root: Node| vec![root, leaf(0.0, 1), leaf(0.0, 1)];
        assert_eq!(fault(leaves(split(1, 0.0, (1, 2), 2))), "");
        assert!(fault(leaves(split(2, 0.0, (1, 2), 2))).contains("feature 2 of 2"));
        assert!(fault(leaves(split(1, 0.0, (1, 3), 2))).contains("node 3 of 3"));
        assert!(fault(leaves(split(1, 0.0, (1, 1), 2))).contains("not one of its own"));
        assert!(fault(leaves(split(1, 0.0, (0, 1), 2))).contains("not one of its own"));
        assert!(fault(leaves(split(1, 0.0, (1, 2), 3))).contains("add up"));
        assert!(fault(leaves(split(1, f32::INFINITY, (1, 2), 2))).contains("threshold"));
        assert!(fault(vec![leaf(f32::NAN, 1)]).contains("no number"));
        assert!(fault(vec![leaf(1.0, 1), leaf(1.0, 1)]).contains("nothing leads to its node 1"));
        let chain = |cuts: u32| -> Vec<Node> {
            let mut nodes = Vec::new();
            for cut in 0..cuts {
                nodes.push(split(0, 0.0, (2 * cut + 1, 2 * cut + 2), cuts + 1 - cut));
                nodes.push(leaf(0.0, 1));
            }
            nodes.push(leaf(0.0, 1));
            // A split stands before its leaf, and the next split after that.
            nodes
        };
        assert_eq!(fault(chain(MAX_DEPTH as u32)), "");
        assert!(fault(chain(MAX_DEPTH as u32 + 1)).contains("deeper than 40"));
    }
}
