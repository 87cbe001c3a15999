//! Calibration: from a raw score to a probability, by a logistic curve (Platt 1999).
//!
//! The curve has two parameters, so that few thefts suffice, and it never falls, so that no two rows change places.
//! It is fitted on scores of rows that the model behind them had not seen.

use serde::{Deserialize, Serialize};

/// `p = 1 / (1 + exp(-(slope x raw + intercept)))`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Change of the log-odds for each unit of the raw score; 0 or more.
    pub slope: f64,
    /// Log-odds at a raw score of 0.
    pub intercept: f64,
}

/// Steps of Newton's method; it needs about ten.
const STEPS: usize = 100;

impl Calibration {
    /// Fits the curve by Newton's method with halved steps (Lin, Lin and Weng 2007), towards Platt's targets
    /// `(n+ + 1) / (n+ + 2)` and `1 / (n- + 2)`, which keep it finite where scores part the labels fully.
    ///
    /// Scores that fall with the label give the flat curve of the overall share.
    #[must_use]
    pub fn fit(raw: &[f64], labels: &[bool]) -> Self {
        let positive = labels.iter().filter(|label| **label).count() as f64;
        let negative = labels.len() as f64 - positive;
        let targets = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
        let target = |label: bool| if label { targets.0 } else { targets.1 };
        let flat = Self {
            slope: 0.0,
            intercept: ((positive + 1.0) / (negative + 1.0)).ln(),
        };
        let loss = |curve: &Self| -> f64 {
            raw.iter()
                .zip(labels)
                .map(|(&raw, &label)| {
                    let odds = curve.slope * raw + curve.intercept;
                    log_one_plus_exp(odds) - target(label) * odds
                })
                .sum()
        };
        let mut curve = flat;
        let mut best = loss(&curve);
        for _ in 0..STEPS {
            let (mut ga, mut gb) = (0.0, 0.0);
            let (mut aa, mut ab, mut bb) = (1e-12, 0.0, 1e-12);
            for (&raw, &label) in raw.iter().zip(labels) {
                let p = curve.probability(raw);
                let (d, w) = (p - target(label), p * (1.0 - p));
                ga += d * raw;
                gb += d;
                aa += w * raw * raw;
                ab += w * raw;
                bb += w;
            }
            let determinant = aa * bb - ab * ab;
            if determinant.is_nan() || determinant <= 0.0 {
                break;
            }
            let step = (
                (bb * ga - ab * gb) / determinant,
                (aa * gb - ab * ga) / determinant,
            );
            let mut size = 1.0;
            let better = loop {
                let next = Self {
                    slope: curve.slope - size * step.0,
                    intercept: curve.intercept - size * step.1,
                };
                let value = loss(&next);
                if value < best {
                    break Some((next, value));
                }
                size /= 2.0;
                if size < 1e-10 {
                    break None;
                }
            };
            let Some((next, value)) = better else { break };
            let gain = best - value;
            (curve, best) = (next, value);
            if gain < 1e-12 * best.abs() {
                break;
            }
        }
        let usable = curve.slope.is_finite() && curve.intercept.is_finite() && curve.slope >= 0.0;
        if usable { curve } else { flat }
    }

    /// Probability of the label.
    #[must_use]
    pub fn probability(&self, raw: f64) -> f64 {
        sigmoid(self.slope * raw + self.intercept)
    }
}

/// `1 / (1 + exp(-x))`.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + exp(x))` without overflow.
pub(super) fn log_one_plus_exp(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;
    use crate::learning::random::Stream;

    #[test]
    fn a_curve_that_made_the_labels_is_found_again() {
        let mut stream = Stream::new(3, 0);
        let truth = Calibration {
            slope: 0.7,
            intercept: -1.5,
        };
        let raw: Vec<f64> = (0..40_000).map(|_| 8.0 * stream.unit() - 4.0).collect();
        let labels: Vec<bool> = raw
            .iter()
            .map(|&x| stream.unit() < truth.probability(x))
            .collect();
        let found = Calibration::fit(&raw, &labels);
        assert!((found.slope - 0.7).abs() < 0.03, "{found:?}");
        assert!((found.intercept + 1.5).abs() < 0.05, "{found:?}");
        // At the optimum the mean probability is the mean target.
        let mean = raw.iter().map(|&x| found.probability(x)).sum::<f64>() / 4e4;
        let share = labels.iter().filter(|label| **label).count() as f64 / 4e4;
        assert!((mean - share).abs() < 1e-4, "{mean} {share}");
    }

    #[test]
    fn scores_that_part_the_labels_stay_finite() {
        let found = Calibration::fit(&[-2.0, -1.0, 1.0, 2.0], &[false, false, true, true]);
        assert!(found.slope > 0.0 && found.slope < 10.0, "{found:?}");
        // Platt's targets for two of each: 3/4 and 1/4, so by symmetry the intercept is 0.
        assert!(found.intercept.abs() < 1e-6, "{found:?}");
        // At the optimum the sum of (p - target) x raw is 0: (p(1) - 3/4) + 2 (p(2) - 3/4) = 0.
        let p = (found.probability(1.0) + 2.0 * found.probability(2.0)) / 3.0;
        assert!((p - 0.75).abs() < 1e-6, "{p}");
    }

    #[test]
    fn useless_scores_give_the_share() {
        // Of four rows one is a theft: (1 + 1) / (3 + 1) as odds.
        let flat = Calibration::fit(&[0.0; 4], &[true, false, false, false]);
        assert!((flat.probability(5.0) - 1.0 / 3.0).abs() < 0.05, "{flat:?}");
        let falling = Calibration::fit(&[3.0, -1.0, -1.5, -2.0, 4.0], &[false, true, true, true, false]);
        assert_eq!(falling.slope, 0.0);
    }
}
