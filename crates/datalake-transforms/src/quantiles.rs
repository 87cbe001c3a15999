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
    if values.len() <= FEW {
        sort_few(values);
        let high = values[(at.lower + 1).min(values.len() - 1)];
        return Some(at.between(values[at.lower], high));
    }
    let (_, &mut low, above) = values.select_nth_unstable_by(at.lower, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(at.between(low, high))
}

/// Numbers that are sorted more quickly than selected from: the days of a week.
const FEW: usize = 8;

/// Sorts up to [`FEW`] numbers by a network of exchanges, which leaves the processor nothing to guess.
fn sort_few(values: &mut [f64]) {
    // Integers that sort as `f64::total_cmp` has it; what is not given stands last.
    let key = |bits: i64| bits ^ (((bits >> 63) as u64) >> 1) as i64;
    let mut keys = [i64::MAX; FEW];
    for (place, value) in keys.iter_mut().zip(&*values) {
        *place = key(value.to_bits() as i64);
    }
    // Places are constants, so that all keys stay in registers.
    macro_rules! exchange {
        ($($a:literal $b:literal,)*) => {
            $((keys[$a], keys[$b]) = (keys[$a].min(keys[$b]), keys[$a].max(keys[$b]));)*
        };
    }
    exchange!(0 2, 1 3, 4 6, 5 7, 0 4, 1 5, 2 6, 3 7, 0 1, 2 3, 4 5, 6 7, 2 4, 3 5, 1 4, 3 6, 1 2, 3 4, 5 6,);
    for (value, sorted) in values.iter_mut().zip(keys) {
        *value = f64::from_bits(key(sorted) as u64);
    }
}

/// The same of integers, each of which stands for `value(integer)`; `value` must not fall.
pub(crate) fn quantile_of<T: Ord + Copy>(values: &mut [T], q: f64, value: impl Fn(T) -> f64) -> Option<f64> {
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

/// Several quantiles of integers, the highest first; each search goes on in what lies below the one before.
pub(crate) fn quantiles_of<const N: usize>(
    values: &mut [i64],
    descending: [f64; N],
    value: impl Fn(i64) -> f64,
) -> [Option<f64>; N] {
    let n = values.len();
    let mut end = n;
    let mut neighbours = (0, 0);
    descending.map(|q| {
        let at = Position::of(n, q)?;
        if at.lower < end {
            let low = *values[..end].select_nth_unstable(at.lower).1;
            // The first of what lies above the part searched is its least.
            let above = &values[at.lower + 1..(end + 1).min(n)];
            neighbours = (low, above.iter().copied().min().unwrap_or(low));
            end = at.lower;
        }
        let (low, high) = neighbours;
        Some(at.between(value(low), value(high)))
    })
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

    #[test]
    fn the_network_sorts_every_pattern() {
        for pattern in 0..1_u32 << FEW {
            for few in 0..=FEW {
                let mut values: Vec<f64> = (0..few).map(|bit| f64::from(pattern >> bit & 1) - 0.5).collect();
                let mut sorted = values.clone();
                sorted.sort_by(f64::total_cmp);
                sort_few(&mut values);
                assert_eq!(values, sorted);
            }
        }
        let mut odd = [f64::NAN, 0.0, f64::INFINITY, -0.0, -1.0, f64::NEG_INFINITY];
        sort_few(&mut odd);
        assert_eq!(format!("{odd:?}"), "[-inf, -1.0, -0.0, 0.0, inf, NaN]");
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
        fn several_at_once_as_one_by_one(
            values in prop::collection::vec(-9_i64..90, 0..40),
            mut q in prop::array::uniform3(0.0_f64..=1.0),
        ) {
            q.sort_by(|a, b| b.total_cmp(a));
            let found = quantiles_of(&mut values.clone(), q, |value| value as f64);
            let one = |q| quantile_of(&mut values.clone(), q, |value| value as f64);
            prop_assert_eq!(found, q.map(one));
        }
    }
}
