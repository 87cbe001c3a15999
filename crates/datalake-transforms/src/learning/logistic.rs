//! L2 logistic regression: the baseline that trees have to beat.
//!
//! Each feature is standardised over its known values and held within [`REACH`] standard deviations, so that one wild
//! value does not tilt the rest. An unknown value counts as the mean; a feature that was unknown in some rows has a
//! second coefficient for being unknown. Fitted by Newton's method (iteratively reweighted least squares).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Matrix;
use super::calibration::{log_one_plus_exp, sigmoid};

/// How the coefficients are fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogisticConfig {
    /// Penalty `l2 / 2 x sum of squares` of all coefficients but the intercept.
    pub l2: f64,
    /// Weight of a row with the label; others have 1.
    pub positive_weight: f64,
}

impl Default for LogisticConfig {
    fn default() -> Self {
        Self {
            l2: 10.0,
            positive_weight: 1.0,
        }
    }
}

/// What one feature counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coefficient {
    /// Mean of its known values.
    pub mean: f64,
    /// Their standard deviation; 1 where nothing varies.
    pub deviation: f64,
    /// Log-odds for each standard deviation above the mean.
    pub slope: f64,
    /// Log-odds where it is unknown; 0 where it never was.
    pub unknown: f64,
}

/// A fitted regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logistic {
    /// Log-odds of a row with nothing but means.
    pub intercept: f64,
    /// By feature.
    pub coefficients: Vec<Coefficient>,
}

/// Standard deviations that a value counts at most.
pub const REACH: f64 = 5.0;
/// Steps of Newton's method; it needs about eight.
const STEPS: usize = 30;
/// Rows added up together: sums of chunks are joined in their order.
const CHUNK: usize = 1_024;

impl Coefficient {
    /// Of known values, with slopes still 0.
    fn of(values: &[f32]) -> Self {
        let known = || {
            values
                .iter()
                .filter(|value| !value.is_nan())
                .map(|&value| f64::from(value))
        };
        let n = known().count().max(1) as f64;
        let mean = known().sum::<f64>() / n;
        let variance = known().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n;
        let deviation = variance.sqrt();
        Self {
            mean,
            deviation: if deviation > 0.0 && deviation.is_finite() {
                deviation
            } else {
                1.0
            },
            slope: 0.0,
            unknown: 0.0,
        }
    }

    fn standardised(&self, value: f32) -> f64 {
        ((f64::from(value) - self.mean) / self.deviation).clamp(-REACH, REACH)
    }

    fn contribution(&self, value: f32) -> f64 {
        if value.is_nan() {
            self.unknown
        } else {
            self.slope * self.standardised(value)
        }
    }
}

impl Logistic {
    /// Raw score (log-odds) of a row, values by feature.
    #[must_use]
    pub fn raw(&self, row: &[f32]) -> f64 {
        let (mean, parts) = self.contributions(row);
        mean + parts.iter().sum::<f64>()
    }

    /// What each feature adds to the raw score, and what they start from.
    #[must_use]
    pub fn contributions(&self, row: &[f32]) -> (f64, Vec<f64>) {
        let parts = self.coefficients.iter().zip(row);
        (
            self.intercept,
            parts
                .map(|(coefficient, &value)| coefficient.contribution(value))
                .collect(),
        )
    }

    /// The coefficients with the least penalised loss.
    #[must_use]
    pub fn fit(matrix: &Matrix, labels: &[bool], config: &LogisticConfig) -> Self {
        let features = matrix.names().len();
        let mut coefficients: Vec<Coefficient> = (0..features)
            .map(|column| Coefficient::of(matrix.column(column)))
            .collect();
        let partly = |column: &usize| matrix.column(*column).iter().any(|value| value.is_nan());
        let unknown: Vec<usize> = (0..features).filter(partly).collect();
        // Intercept, slopes, then what being unknown counts.
        let design = Design {
            matrix,
            labels,
            coefficients: coefficients.clone(),
            unknown: unknown.clone(),
            config: *config,
        };
        let mut beta = vec![0.0; 1 + features + unknown.len()];
        let mut loss = design.loss(&beta);
        for _ in 0..STEPS {
            let Some(step) = design.step(&beta) else { break };
            let mut size = 1.0;
            let better = loop {
                let next: Vec<f64> = beta.iter().zip(&step).map(|(b, s)| b - size * s).collect();
                let value = design.loss(&next);
                if value < loss {
                    break Some((next, value));
                }
                size /= 2.0;
                if size < 1e-6 {
                    break None;
                }
            };
            let Some((next, value)) = better else { break };
            let gain = loss - value;
            (beta, loss) = (next, value);
            if gain < 1e-9 * loss.abs() {
                break;
            }
        }
        for (coefficient, slope) in coefficients.iter_mut().zip(&beta[1..]) {
            coefficient.slope = *slope;
        }
        for (column, weight) in unknown.iter().zip(&beta[1 + features..]) {
            coefficients[*column].unknown = *weight;
        }
        Self {
            intercept: beta[0],
            coefficients,
        }
    }
}

struct Design<'a> {
    matrix: &'a Matrix,
    labels: &'a [bool],
    coefficients: Vec<Coefficient>,
    unknown: Vec<usize>,
    config: LogisticConfig,
}

impl Design<'_> {
    /// Rows of the design, one after the other: 1, standardised values, marks of unknown ones.
    fn rows(&self, range: std::ops::Range<usize>) -> Vec<f64> {
        let features = self.coefficients.len();
        let width = 1 + features + self.unknown.len();
        let mut rows = vec![0.0; width * range.len()];
        for (row, at) in rows.chunks_exact_mut(width).zip(range) {
            row[0] = 1.0;
            for (column, coefficient) in self.coefficients.iter().enumerate() {
                let value = self.matrix.column(column)[at];
                if !value.is_nan() {
                    row[1 + column] = coefficient.standardised(value);
                }
            }
            for (i, &column) in self.unknown.iter().enumerate() {
                row[1 + features + i] = f64::from(u8::from(self.matrix.column(column)[at].is_nan()));
            }
        }
        rows
    }

    fn chunks(&self) -> impl IndexedParallelIterator<Item = std::ops::Range<usize>> {
        let rows = self.labels.len();
        (0..rows.div_ceil(CHUNK))
            .into_par_iter()
            .map(move |chunk| chunk * CHUNK..((chunk + 1) * CHUNK).min(rows))
    }

    fn weight(&self, row: usize) -> f64 {
        if self.labels[row] {
            self.config.positive_weight
        } else {
            1.0
        }
    }

    fn loss(&self, beta: &[f64]) -> f64 {
        let parts: Vec<f64> = self
            .chunks()
            .map(|range| {
                let rows = self.rows(range.clone());
                let of_row = |(row, at): (&[f64], usize)| {
                    let raw = dot(row, beta);
                    self.weight(at) * log_one_plus_exp(if self.labels[at] { -raw } else { raw })
                };
                rows.chunks_exact(beta.len()).zip(range).map(of_row).sum()
            })
            .collect();
        let squares: f64 = beta[1..].iter().map(|b| b * b).sum();
        parts.iter().sum::<f64>() + 0.5 * self.config.l2 * squares
    }

    /// The Newton step; `None` where the system cannot be solved.
    fn step(&self, beta: &[f64]) -> Option<Vec<f64>> {
        let width = beta.len();
        let parts: Vec<(Vec<f64>, Vec<f64>)> = self
            .chunks()
            .map(|range| {
                let rows = self.rows(range.clone());
                let mut gradient = vec![0.0; width];
                let mut hessian = vec![0.0; width * width];
                for (row, at) in rows.chunks_exact(width).zip(range) {
                    let (p, w) = (sigmoid(dot(row, beta)), self.weight(at));
                    let d = w * (p - f64::from(u8::from(self.labels[at])));
                    let h = w * p * (1.0 - p);
                    for (i, &x) in row.iter().enumerate() {
                        gradient[i] += d * x;
                        let hx = h * x;
                        if hx != 0.0 {
                            let lower = &mut hessian[i * width..=i * width + i];
                            lower.iter_mut().zip(row).for_each(|(sum, y)| *sum += hx * y);
                        }
                    }
                }
                (gradient, hessian)
            })
            .collect();
        let mut gradient = vec![0.0; width];
        let mut hessian = vec![0.0; width * width];
        for (g, h) in parts {
            gradient.iter_mut().zip(g).for_each(|(sum, part)| *sum += part);
            hessian.iter_mut().zip(h).for_each(|(sum, part)| *sum += part);
        }
        for i in 0..width {
            if i > 0 {
                gradient[i] += self.config.l2 * beta[i];
                hessian[i * width + i] += self.config.l2;
            }
            // Keeps the system solvable where a column never varies.
            hessian[i * width + i] += 1e-9;
        }
        solve(hessian, gradient)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `x` of `A x = b` by Cholesky's factors; only the lower triangle of `A` is read. `None` where `A` is not positive.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let sum = a[i * n + j] - dot(&a[i * n..i * n + j], &a[j * n..j * n + j]);
            if i == j {
                if sum.is_nan() || sum <= 0.0 {
                    return None;
                }
                a[i * n + i] = sum.sqrt();
            } else {
                a[i * n + j] = sum / a[j * n + j];
            }
        }
    }
    for i in 0..n {
        b[i] = (b[i] - dot(&a[i * n..i * n + i], &b[..i])) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let above: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = (b[i] - above) / a[i * n + i];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::matrix::tests::uniform;
    use super::super::random::Stream;
    use super::*;

    #[test]
    fn a_system_solved_by_hand() {
        // [4 2; 2 3] x = [2; 5]: x = (-0.5, 2).
        let x = solve(vec![4.0, 99.0, 2.0, 3.0], vec![2.0, 5.0]).unwrap();
        assert!((x[0] + 0.5).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12, "{x:?}");
        assert_eq!(solve(vec![1.0, 0.0, 2.0, 1.0], vec![1.0, 1.0]), None);
    }

    #[test]
    fn coefficients_that_made_the_labels_are_found_again() {
        let matrix = uniform(20_000, 3, 0.2, 11);
        let mut stream = Stream::new(4, 0);
        let z = |column: usize, row: usize| (f64::from(matrix.column(column)[row]) - 0.5) * 12_f64.sqrt();
        let labels: Vec<bool> = (0..matrix.rows())
            .map(|row| {
                let first = if z(0, row).is_nan() { 1.0 } else { 0.8 * z(0, row) };
                let second = if z(1, row).is_nan() { 0.0 } else { -0.5 * z(1, row) };
                stream.unit() < sigmoid(-1.0 + first + second)
            })
            .collect();
        let config = LogisticConfig {
            l2: 1e-3,
            ..LogisticConfig::default()
        };
        let found = Logistic::fit(&matrix, &labels, &config);
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 0.08, "{found} {expected}");
        near(found.intercept, -1.0);
        near(found.coefficients[0].slope, 0.8);
        near(found.coefficients[0].unknown, 1.0);
        near(found.coefficients[1].slope, -0.5);
        near(found.coefficients[1].unknown, 0.0);
        near(found.coefficients[2].slope, 0.0);
        // Unpenalised, the intercept makes the mean probability the share.
        let mut row = Vec::new();
        let sum: f64 = (0..matrix.rows())
            .map(|at| {
                matrix.row_into(at, &mut row);
                sigmoid(found.raw(&row))
            })
            .sum();
        let thefts = labels.iter().filter(|label| **label).count() as f64;
        assert!((sum - thefts).abs() < 1.0, "{sum} {thefts}");
    }

    #[test]
    fn the_penalty_shrinks_and_weights_move_the_intercept() {
        let matrix = uniform(1_000, 1, 0.0, 1);
        let labels: Vec<bool> = matrix.column(0).iter().map(|x| *x > 0.5).collect();
        let slope = |l2: f64| {
            let config = LogisticConfig {
                l2,
                positive_weight: 1.0,
            };
            Logistic::fit(&matrix, &labels, &config).coefficients[0].slope
        };
        assert!(slope(1.0) > 2.0 * slope(100.0) && slope(100.0) > 0.3);
        let constant = Matrix::new(matrix.ids().to_vec(), vec![("x".to_owned(), vec![2.0; 1_000])]).unwrap();
        let labels: Vec<bool> = (0..1_000).map(|row| row < 100).collect();
        let config = LogisticConfig {
            l2: 1.0,
            positive_weight: 3.0,
        };
        let found = Logistic::fit(&constant, &labels, &config);
        assert!(
            (found.intercept - (300.0_f64 / 900.0).ln()).abs() < 1e-6,
            "{found:?}"
        );
        assert!(found.coefficients[0].slope.abs() < 1e-6);
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let matrix = uniform(5_000, 4, 0.1, 2);
        let labels: Vec<bool> = matrix.column(1).iter().map(|x| *x > 0.7).collect();
        let fit = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| Logistic::fit(&matrix, &labels, &LogisticConfig::default()))
        };
        assert_eq!(fit(1), fit(3));
    }

    #[test]
    fn a_wild_value_counts_no_more_than_its_reach() {
        let coefficient = Coefficient {
            mean: 1.0,
            deviation: 2.0,
            slope: 0.5,
            unknown: -0.25,
        };
        assert_eq!(coefficient.contribution(3.0), 0.5);
        assert_eq!(coefficient.contribution(1e30), 2.5);
        assert_eq!(coefficient.contribution(f32::NAN), -0.25);
    }
}
