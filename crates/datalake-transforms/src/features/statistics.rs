//! Statistics in one fixed order of additions, so that they are the same bits on every run.
//!
//! Sums of squares are taken around the mean (two passes). Every function gives `None` where the statistic is
//! undefined: too few numbers, or nothing that varies.

/// Sums of pairs `(x, y)` around their means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    n: usize,
    mean_y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Moments {
    /// `None` of no pairs.
    pub(super) fn of(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Self> {
        let (mut n, mut sum_x, mut sum_y) = (0, 0.0, 0.0);
        for (x, y) in pairs.clone() {
            n += 1;
            sum_x += x;
            sum_y += y;
        }
        if n == 0 {
            return None;
        }
        let (mean_x, mean_y) = (sum_x / n as f64, sum_y / n as f64);
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for (x, y) in pairs {
            let (x, y) = (x - mean_x, y - mean_y);
            xx += x * x;
            xy += x * y;
            yy += y * y;
        }
        Some(Self {
            n,
            mean_y,
            xx,
            xy,
            yy,
        })
    }

    /// Arithmetic mean of `y`.
    pub(super) fn mean(&self) -> f64 {
        self.mean_y
    }

    /// Sample standard deviation (n - 1) of `y`.
    pub(super) fn stddev(&self) -> Option<f64> {
        (self.n >= 2).then(|| (self.yy / (self.n - 1) as f64).sqrt())
    }

    /// Pearson's correlation, -1 to 1.
    pub(super) fn correlation(&self) -> Option<f64> {
        let scale = self.xx.sqrt() * self.yy.sqrt();
        (scale > 0.0).then(|| (self.xy / scale).clamp(-1.0, 1.0))
    }

    /// Slope of the least-squares line `y = a + b x`.
    pub(super) fn slope(&self) -> Option<f64> {
        (self.xx > 0.0).then(|| self.xy / self.xx)
    }
}

/// Arithmetic mean.
pub(super) fn mean(x: &[f64]) -> Option<f64> {
    (!x.is_empty()).then(|| x.iter().sum::<f64>() / x.len() as f64)
}

/// `a / b`, unless `b` is zero.
pub(super) fn ratio(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| a / b)
}

/// Windows that are added up side by side: each in its own order, and none waits for another.
const LANES: usize = 8;

/// Least mean of `length` numbers one after another; `None` where there are fewer.
pub(super) fn least_mean(x: &[f64], length: usize) -> Option<f64> {
    // Each window is added up anew: a running sum would carry its rounding along.
    let windows = (x.len() + 1)
        .checked_sub(length)
        .filter(|&n| n > 0 && length > 0)?;
    let mut least = f64::INFINITY;
    let mut first = 0;
    while first + LANES <= windows {
        let mut sums = [0.0; LANES];
        for offset in first..first + length {
            for (sum, x) in sums.iter_mut().zip(&x[offset..offset + LANES]) {
                *sum += x;
            }
        }
        for sum in sums {
            least = least.min(sum);
        }
        first += LANES;
    }
    for window in first..windows {
        least = least.min(x[window..window + length].iter().fold(0.0, |sum, x| sum + x));
    }
    Some(least / length as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use proptest::prelude::*;

    fn of(x: &[f64], y: &[f64]) -> Option<Moments> {
        Moments::of(x.iter().copied().zip(y.iter().copied()))
    }

    #[test]
    fn worked_by_hand() {
        let x = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&x), Some(5.0));
        assert_eq!(of(&x, &x).unwrap().mean(), 5.0);
        assert_eq!(of(&x, &x).unwrap().stddev(), Some((32.0_f64 / 7.0).sqrt()));
        // y = 1 + 2 x but for one point that is 3 too high: xx = 10, xy = 20 + 2 x 3, yy worked out.
        let x = [0.0, 1.0, 2.0, 3.0, 4.0];
        let y = [1.0, 3.0, 5.0, 7.0, 12.0];
        let moments = of(&x, &y).unwrap();
        assert!((moments.slope().unwrap() - 2.6).abs() < 1e-12);
        // mean y 5.6: yy = 21.16 + 6.76 + 0.36 + 1.96 + 40.96 = 71.2.
        assert!((moments.correlation().unwrap() - 26.0 / 712.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn undefined_where_nothing_varies() {
        assert_eq!(mean(&[]), None);
        assert!(of(&[], &[]).is_none());
        assert_eq!(of(&[1.0], &[1.0]).unwrap().stddev(), None);
        assert_eq!(of(&[1.0; 2], &[1.0; 2]).unwrap().stddev(), Some(0.0));
        assert_eq!(of(&[1.0, 1.0], &[1.0, 2.0]).unwrap().correlation(), None);
        assert_eq!(of(&[1.0, 2.0], &[1.0, 1.0]).unwrap().correlation(), None);
        assert_eq!(of(&[1.0], &[1.0]).unwrap().slope(), None);
        assert_eq!(ratio(1.0, 0.0), None);
        assert_eq!(least_mean(&[1.0; 29], 30), None);
    }

    proptest! {
        #[test]
        fn the_least_mean_window_by_window(x in prop::collection::vec(-5.0_f64..5.0, 0..60), length in 1_usize..40) {
            let expected = x.windows(length).filter_map(mean).min_by(f64::total_cmp);
            prop_assert_eq!(least_mean(&x, length), expected);
        }
    }
}
