//! Statistics in one fixed order of additions, so that they are the same bits on every run.
//!
//! Sums of squares are taken around the mean (two passes). Every function gives `None` where the statistic is
//! undefined: too few numbers, or nothing that varies.

/// Arithmetic mean.
pub(crate) fn mean(x: &[f64]) -> Option<f64> {
    (!x.is_empty()).then(|| x.iter().sum::<f64>() / x.len() as f64)
}

/// Sample standard deviation (n - 1).
pub(crate) fn stddev(x: &[f64]) -> Option<f64> {
    if x.len() < 2 {
        return None;
    }
    let mean = mean(x)?;
    let squares: f64 = x.iter().map(|x| (x - mean) * (x - mean)).sum();
    Some((squares / (x.len() - 1) as f64).sqrt())
}

/// Sums around the means: of x x, x y, y y.
fn moments(x: &[f64], y: &[f64]) -> Option<(f64, f64, f64)> {
    let (mean_x, mean_y) = (mean(x)?, mean(y)?);
    Some(x.iter().zip(y).fold((0.0, 0.0, 0.0), |(xx, xy, yy), (x, y)| {
        let (x, y) = (x - mean_x, y - mean_y);
        (xx + x * x, xy + x * y, yy + y * y)
    }))
}

/// Pearson's correlation of pairs, -1 to 1.
pub(crate) fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let (xx, xy, yy) = moments(x, y)?;
    let scale = xx.sqrt() * yy.sqrt();
    (scale > 0.0).then(|| (xy / scale).clamp(-1.0, 1.0))
}

/// Slope of the least-squares line `y = a + b x`.
pub(crate) fn slope(x: &[f64], y: &[f64]) -> Option<f64> {
    let (xx, xy, _) = moments(x, y)?;
    (xx > 0.0).then(|| xy / xx)
}

/// Quantile `q` of 0..=1 with linear interpolation at `(n - 1) q`, as SQL's `percentile_cont`; reorders `x`.
pub(crate) fn quantile(x: &mut [f64], q: f64) -> Option<f64> {
    if x.is_empty() {
        return None;
    }
    let position = (x.len() - 1) as f64 * q;
    let (below, fraction) = (position.floor(), position.fract());
    let (_, low, above) = x.select_nth_unstable_by(below as usize, f64::total_cmp);
    let low = *low;
    // The next greater number is the least of those above; there is none where the position is the last one.
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(low + (high - low) * fraction)
}

/// Median; the mean of the middle two where their number is even. Reorders `x`.
pub(crate) fn median(x: &mut [f64]) -> Option<f64> {
    quantile(x, 0.5)
}

/// `a / b`, unless `b` is zero.
pub(crate) fn ratio(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| a / b)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn worked_by_hand() {
        let x = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&x), Some(5.0));
        assert_eq!(stddev(&x), Some((32.0_f64 / 7.0).sqrt()));
        assert_eq!(median(&mut x.clone()), Some(4.5));
        // Position 7 x 0.95 = 6.65: 7 + 0.65 x 2.
        assert!((quantile(&mut x.clone(), 0.95).unwrap() - 8.3).abs() < 1e-12);
        assert_eq!(quantile(&mut x.clone(), 1.0), Some(9.0));
        assert_eq!(quantile(&mut x.clone(), 0.0), Some(2.0));
        // y = 1 + 2 x but for one point that is 3 too high: xx = 10, xy = 20 + 2 x 3, yy worked out.
        let x = [0.0, 1.0, 2.0, 3.0, 4.0];
        let y = [1.0, 3.0, 5.0, 7.0, 12.0];
        assert!((slope(&x, &y).unwrap() - 2.6).abs() < 1e-12);
        // mean y 5.6: yy = 21.16 + 6.76 + 0.36 + 1.96 + 40.96 = 71.2.
        assert!((correlation(&x, &y).unwrap() - 26.0 / 712.0_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn undefined_where_nothing_varies() {
        assert_eq!(mean(&[]), None);
        assert_eq!(stddev(&[1.0]), None);
        assert_eq!(stddev(&[1.0, 1.0]), Some(0.0));
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(correlation(&[1.0, 2.0], &[1.0, 1.0]), None);
        assert_eq!(slope(&[1.0], &[1.0]), None);
        assert_eq!(quantile(&mut [], 0.5), None);
        assert_eq!(ratio(1.0, 0.0), None);
    }
}
