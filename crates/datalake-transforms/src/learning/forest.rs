//! Isolation forest (Liu, Ting and Zhou 2008): rows that few random cuts part from the others are odd.
//!
//! `s = 2^(-E[h] / c(psi))` with `h` the number of cuts that part a row in one tree, plus `c(n)` where `n` rows were
//! left together, `c(n) = 2 H(n - 1) - 2 (n - 1) / n`, and `psi` the rows that a tree is grown from. About 0.5 is
//! usual, near 1 is odd.
//!
//! An unknown value goes the way of most rows of the cut whose value is known: not knowing something parts nobody
//! from the crowd. (The reference packages impute by the median, which comes to nearly the same.) That is on purpose:
//! how much is unknown of a home follows where readings fail, and says little of theft.

use rayon::prelude::*;

use super::Matrix;
use super::random::{Stream, least, mix};

/// How a forest is grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForestConfig {
    /// Trees.
    pub trees: u32,
    /// Rows that each is grown from.
    pub sample_rows: u32,
    /// Seed of samples and cuts.
    pub seed: u64,
}

impl Default for ForestConfig {
    fn default() -> Self {
        Self {
            trees: 200,
            sample_rows: 256,
            seed: 1,
        }
    }
}

/// A cut; of an end, both ways lead to itself.
#[derive(Debug, Clone, Copy)]
struct Node {
    threshold: f32,
    feature: u32,
    /// The node of values at or below the threshold; the other one follows it.
    low: u32,
    /// Where unknown values go: 1 is the other one.
    unknown_high: bool,
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    /// Path length at each node, `c(n)` included.
    length: Vec<f32>,
}

/// Rows scored together: their values fit into the cache of a core.
const BLOCK_ROWS: usize = 512;

/// Rows that go down a tree side by side.
const TOGETHER: usize = 8;

/// How odd each row is among the others, 0 to 1, by row. Constant columns and rows beyond the sample do no harm; of
/// fewer than two rows all score 0.5.
#[must_use]
pub fn isolation_scores(matrix: &Matrix, config: &ForestConfig) -> Vec<f64> {
    let rows = matrix.rows();
    let psi = rows.min(config.sample_rows as usize);
    if psi < 2 || matrix.names().is_empty() || config.trees == 0 {
        return vec![0.5; rows];
    }
    let height = (usize::BITS - (psi - 1).leading_zeros()) as usize;
    let trees: Vec<Tree> = (0..u64::from(config.trees))
        .into_par_iter()
        .map(|tree| grow(matrix, psi, height, config.seed, tree))
        .collect();
    let columns = matrix.names().len();
    let normal = f64::from(config.trees) * usual_length(psi);
    let mut scores = vec![0.0; rows];
    scores
        .par_chunks_mut(BLOCK_ROWS)
        .enumerate()
        .for_each_init(Vec::new, |values, (block, scores)| {
            let first = block * BLOCK_ROWS;
            values.clear();
            values.resize(scores.len() * columns, 0.0_f32);
            for column in 0..columns {
                let from = &matrix.column(column)[first..first + scores.len()];
                for (row, value) in from.iter().enumerate() {
                    values[row * columns + column] = *value;
                }
            }
            for tree in &trees {
                let rows = values.chunks(columns * TOGETHER);
                for (scores, rows) in scores.chunks_mut(TOGETHER).zip(rows) {
                    tree.add_paths(rows, columns, height, scores);
                }
            }
            for score in scores {
                *score = (-*score / normal).exp2();
            }
        });
    scores
}

/// `c(n)`: mean path length of an unsuccessful search in a binary search tree of `n` keys.
fn usual_length(n: usize) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let harmonic: f64 = (1..n).map(|i| 1.0 / i as f64).sum();
    2.0 * harmonic - 2.0 * (n - 1) as f64 / n as f64
}

impl Tree {
    /// Adds the path lengths of up to [`TOGETHER`] rows, whose values lie one after the other. All rows take `height`
    /// steps, side by side: ends lead to themselves, so that no step has to be guessed and none waits for another row.
    fn add_paths(&self, rows: &[f32], columns: usize, height: usize, scores: &mut [f64]) {
        let mut at = [0_usize; TOGETHER];
        let at = &mut at[..scores.len()];
        for _ in 0..height {
            for (lane, at) in at.iter_mut().enumerate() {
                let node = &self.nodes[*at];
                let value = rows[lane * columns + node.feature as usize];
                let high = (value > node.threshold) | (value.is_nan() & node.unknown_high);
                *at = node.low as usize + usize::from(high);
            }
        }
        for (score, at) in scores.iter_mut().zip(at) {
            *score += f64::from(self.length[*at]);
        }
    }
}

fn grow(matrix: &Matrix, psi: usize, height: usize, seed: u64, tree: u64) -> Tree {
    let salt = mix(mix(seed) ^ tree);
    // By hashes of ids, so that a row is in the sample wherever it stands.
    let sample = least(&(0..matrix.rows()).map(|row| mix(matrix.hash(row) ^ salt)), psi);
    let mut grower = Grower {
        matrix,
        height,
        stream: Stream::new(salt, 1),
        tree: Tree {
            nodes: vec![END],
            length: vec![0.0],
        },
    };
    grower.split(0, sample, 0);
    grower.tree
}

const END: Node = Node {
    threshold: f32::INFINITY,
    feature: 0,
    low: 0,
    unknown_high: false,
};

struct Grower<'a> {
    matrix: &'a Matrix,
    height: usize,
    stream: Stream,
    tree: Tree,
}

impl Grower<'_> {
    fn split(&mut self, at: usize, rows: Vec<u32>, depth: usize) {
        let cut = if rows.len() > 1 && depth < self.height {
            self.cut(&rows)
        } else {
            None
        };
        let Some((feature, threshold)) = cut else {
            self.tree.nodes[at].low = at as u32;
            self.tree.length[at] = (depth as f64 + usual_length(rows.len())) as f32;
            return;
        };
        let values = self.matrix.column(feature);
        let count = |side: fn(f32, f32) -> bool| {
            let is_there = |row: &&u32| side(values[**row as usize], threshold);
            rows.iter().filter(is_there).count()
        };
        let unknown_high =
            count(|value, threshold| value > threshold) > count(|value, threshold| value <= threshold);
        let is_high = |&row: &u32| {
            let value = values[row as usize];
            value > threshold || (value.is_nan() && unknown_high)
        };
        let (high, low): (Vec<u32>, Vec<u32>) = rows.into_iter().partition(is_high);
        let next = self.tree.nodes.len();
        self.tree.nodes[at] = Node {
            threshold,
            feature: feature as u32,
            low: next as u32,
            unknown_high,
        };
        self.tree.nodes.extend([END; 2]);
        self.tree.length.extend([0.0; 2]);
        self.split(next, low, depth + 1);
        self.split(next + 1, high, depth + 1);
    }

    /// A random column among those that vary over these rows, and a random place between its least and its greatest.
    fn cut(&mut self, rows: &[u32]) -> Option<(usize, f32)> {
        let mut columns: Vec<u32> = (0..self.matrix.names().len() as u32).collect();
        while !columns.is_empty() {
            let column = columns.swap_remove(self.stream.below(columns.len())) as usize;
            let values = self.matrix.column(column);
            // NaN is neither less nor greater.
            let (mut least, mut greatest) = (f32::INFINITY, f32::NEG_INFINITY);
            for &row in rows {
                least = least.min(values[row as usize]);
                greatest = greatest.max(values[row as usize]);
            }
            if least < greatest {
                let (from, to) = (f64::from(least), f64::from(greatest));
                let threshold = (from + self.stream.unit() * (to - from)) as f32;
                // Rounding may reach the greatest, which leaves nothing above.
                return Some((column, if threshold < greatest { threshold } else { least }));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::matrix::tests::uniform;
    use super::*;

    #[test]
    fn usual_lengths_by_hand() {
        // c(2) = 2 x 1 - 2 x 1/2; c(3) = 2 x 1.5 - 2 x 2/3; c(4) = 2 x 11/6 - 2 x 3/4.
        assert_eq!(usual_length(1), 0.0);
        assert!((usual_length(2) - 1.0).abs() < 1e-12);
        assert!((usual_length(3) - 5.0 / 3.0).abs() < 1e-12);
        assert!((usual_length(4) - 13.0 / 6.0).abs() < 1e-12);
        // H(255) is 6.120344: 2 x 6.120344 - 2 x 255/256. The paper's ln(255) + 0.5772 for H gives 10.2448.
        assert!((usual_length(256) - 10.248_689_93).abs() < 1e-6);
    }

    #[test]
    fn of_two_rows_every_tree_takes_one_cut() {
        let matrix = uniform(2, 1, 0.0, 1);
        // h = 1 = c(2): s = 2^-1.
        assert_eq!(isolation_scores(&matrix, &ForestConfig::default()), [0.5, 0.5]);
    }

    fn with_outliers() -> Matrix {
        let base = uniform(3_000, 4, 0.1, 9);
        let columns = (0..4)
            .map(|column| {
                let mut values = base.column(column).to_vec();
                values[100] = 3.0;
                values[2_000] = -2.0;
                (format!("f{column}"), values)
            })
            .collect();
        Matrix::new(base.ids().to_vec(), columns).unwrap()
    }

    #[test]
    fn rows_far_from_the_others_score_highest() {
        let scores = isolation_scores(&with_outliers(), &ForestConfig::default());
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        order.truncate(2);
        order.sort_unstable();
        assert_eq!(order, [100, 2_000]);
        assert!(scores[100] > 0.65, "{}", scores[100]);
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        assert!((0.35..0.5).contains(&mean), "{mean}");
    }

    #[test]
    fn rows_of_nothing_but_unknowns_are_not_odd() {
        let base = with_outliers();
        let columns = (0..4).map(|column| {
            let mut values = base.column(column).to_vec();
            values[7] = f32::NAN;
            (format!("f{column}"), values)
        });
        let matrix = Matrix::new(base.ids().to_vec(), columns.collect()).unwrap();
        let scores = isolation_scores(&matrix, &ForestConfig::default());
        let below = scores.iter().filter(|score| **score < scores[7]).count();
        assert!(below < 300, "{below} of 3000 are less odd");
    }

    #[test]
    fn neither_order_nor_threads_change_a_bit() {
        let matrix = with_outliers();
        let expected = isolation_scores(&matrix, &ForestConfig::default());
        let reversed: Vec<String> = matrix.ids().iter().rev().cloned().collect();
        let columns = (0..4).map(|column| {
            let values = matrix.column(column).iter().rev().copied().collect();
            (matrix.names()[column].clone(), values)
        });
        let reversed = Matrix::new(reversed, columns.collect()).unwrap();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let found = pool.install(|| isolation_scores(&reversed, &ForestConfig::default()));
            assert_eq!(found, expected);
        }
        let other_seed = ForestConfig {
            seed: 2,
            ..ForestConfig::default()
        };
        assert_ne!(isolation_scores(&matrix, &other_seed), expected);
    }

    #[test]
    fn rows_that_are_all_alike_and_rows_too_few_score_alike() {
        let ids: Vec<String> = (0..300).map(|i| i.to_string()).collect();
        let matrix = Matrix::new(ids, vec![("x".to_owned(), vec![1.0; 300])]).unwrap();
        // No cut is possible: h = c(256) in every tree.
        let scores = isolation_scores(&matrix, &ForestConfig::default());
        assert!(scores.iter().all(|score| (score - 0.5).abs() < 1e-6));
        assert_eq!(
            isolation_scores(&uniform(1, 2, 0.0, 1), &ForestConfig::default()),
            [0.5]
        );
        assert!(isolation_scores(&Matrix::default(), &ForestConfig::default()).is_empty());
    }
}
