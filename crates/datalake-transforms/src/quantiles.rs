//! Quantiles by selection.
//!
//! A quantile lies at position `q (n - 1)` of the sorted numbers, with linear interpolation between the neighbours, as
//! SQL's `percentile_cont`. Numbers sort by [`f64::total_cmp`], so what is found does not depend on how they stood.

/// Median by the mean of the two middle values; `None` of nothing. Reorders `values`.
pub fn median(values: &mut [f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Quantile with linear interpolation between the neighbours; `None` of nothing. Reorders `values`.
pub fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let at = Position::of(values.len(), q)?;
    let (_, &mut low, above) = values.select_nth_unstable_by(at.lower, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(at.between(low, high))
}

/// The same of integers, each of which stands for `value(integer)`; `value` must not fall.
pub(crate) fn quantile_of(values: &mut [i64], q: f64, value: impl Fn(i64) -> f64) -> Option<f64> {
    let at = Position::of(values.len(), q)?;
    let (_, &mut low, above) = values.select_nth_unstable(at.lower);
    let high = above.iter().copied().min().unwrap_or(low);
    Some(at.between(value(low), value(high)))
}

/// Where a quantile lies among sorted numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    /// Position of the lower neighbour.
    pub(crate) lower: usize,
    /// Way from there to the next one, 0..1.
    fraction: f64,
}

impl Position {
    /// `None` among no numbers.
    pub(crate) fn of(numbers: usize, q: f64) -> Option<Self> {
        let last = numbers.checked_sub(1)?;
        let position = q * last as f64;
        let lower = (position.floor() as usize).min(last);
        Some(Self {
            lower,
            fraction: position - lower as f64,
        })
    }

    pub(crate) fn between(self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.fraction
    }
}

/// The number at a position of what two sorted slices are together; the position must exist.
pub(crate) fn nth_of_two(a: &[i64], b: &[i64], position: usize) -> i64 {
    // How many of the numbers before the position are of `a`: the least that leaves none of `a` behind that is smaller
    // than the last one taken of `b`.
    let (mut from, mut to) = (position.saturating_sub(b.len()), position.min(a.len()));
    while from < to {
        let middle = usize::midpoint(from, to);
        if a[middle] < b[position - middle - 1] {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    let (next_a, next_b) = (a.get(from), b.get(position - from));
    match (next_a, next_b) {
        (Some(a), Some(b)) => *a.min(b),
        (Some(next), None) | (None, Some(next)) => *next,
        (None, None) => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn worked_by_hand() {
        let x = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(median(&mut x.clone()), Some(4.5));
        // Position 7 x 0.95 = 6.65: 7 + 0.65 x 2.
        assert!((quantile(&mut x.clone(), 0.95).unwrap() - 8.3).abs() < 1e-12);
        assert_eq!(quantile(&mut x.clone(), 1.0), Some(9.0));
        assert_eq!(quantile(&mut x.clone(), 0.0), Some(2.0));
        assert_eq!(quantile(&mut [], 0.5), None);
    }

    proptest! {
        #[test]
        fn quantiles_by_sorting(values in prop::collection::vec(-50.0_f64..50.0, 1..40), q in 0.0_f64..=1.0) {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let position = q * (sorted.len() - 1) as f64;
            let low = sorted[position.floor() as usize];
            let high = sorted[position.ceil() as usize];
            let expected = low + (high - low) * position.fract();
            let found = quantile(&mut values.clone(), q).unwrap();
            prop_assert!((found - expected).abs() < 1e-9);
        }

        #[test]
        fn integers_as_the_numbers_that_they_stand_for(mut values in prop::collection::vec(-90_i64..90, 0..40), q in 0.0_f64..=1.0) {
            let value = |micro: i64| micro as f64 / 1e6;
            let mut numbers: Vec<f64> = values.iter().map(|&micro| value(micro)).collect();
            prop_assert_eq!(quantile_of(&mut values, q, value), quantile(&mut numbers, q));
        }

        #[test]
        fn any_of_two_slices_by_sorting(
            mut a in prop::collection::vec(-9_i64..9, 0..20),
            mut b in prop::collection::vec(-9_i64..9, 0..20),
        ) {
            a.sort_unstable();
            b.sort_unstable();
            let mut all = [a.clone(), b.clone()].concat();
            all.sort_unstable();
            let found: Vec<i64> = (0..all.len()).map(|position| nth_of_two(&a, &b, position)).collect();
            prop_assert_eq!(found, all);
        }
    }
}
