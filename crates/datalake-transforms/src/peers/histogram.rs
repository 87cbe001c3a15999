//! Integer histograms of logarithms: counts add up in any order, so a median of them never depends on how the
//! work was shared out.

use std::f64::consts::{LOG2_E, SQRT_2};

/// Bins per octave: a bin is 4.4 % wide, and the median is interpolated inside it.
const BINS_PER_OCTAVE: i32 = 16;

/// Share of a bin at either end where [`rough_log2`], which errs by less than 10^-6 of a bin, is not trusted.
const EDGE: f64 = 1e-4;

/// log2 of a positive normal number within 5 x 10^-8, by the series of the inverse hyperbolic tangent around the root of 2.
fn rough_log2(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let mantissa = f64::from_bits((bits & MANTISSA) | 1.0_f64.to_bits());
    let s = (mantissa - SQRT_2) / (mantissa + SQRT_2);
    let square = s * s;
    let series = s * (1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0))));
    f64::from(exponent) + 0.5 + 2.0 * LOG2_E * series
}

/// A histogram of log2 values between `-half` and `+half` octaves; what lies outside counts in the end bins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// Octaves on each side of zero.
    pub(super) half_octaves: i32,
}

impl Scale {
    /// Bins of a histogram on this scale.
    #[must_use]
    pub(super) const fn bins(self) -> usize {
        (2 * self.half_octaves * BINS_PER_OCTAVE) as usize
    }

    /// Bin of a positive ratio; zero and less fall into the first.
    #[must_use]
    pub(super) fn bin(self, ratio: f64) -> usize {
        self.bin_near(ratio, || ratio)
    }

    /// Bin of `exact()`, given a number that is the same but for rounding.
    pub(super) fn bin_near(self, near: f64, exact: impl Fn() -> f64) -> usize {
        if near > 0.0 {
            // Nearly all values lie so far inside a bin that a rough logarithm tells which.
            let rough = self.position(rough_log2(near)).clamp(0.0, self.bins() as f64);
            let bin = rough as i32;
            if (EDGE..1.0 - EDGE).contains(&(rough - f64::from(bin))) {
                return bin as usize;
            }
        }
        self.exact_bin(exact())
    }

    fn exact_bin(self, ratio: f64) -> usize {
        if ratio <= 0.0 {
            return 0;
        }
        let position = self.position(ratio.log2());
        (position.floor().max(0.0) as usize).min(self.bins() - 1)
    }

    /// Position of a logarithm, measured in bins from the left end.
    fn position(self, log2: f64) -> f64 {
        (log2 + f64::from(self.half_octaves)) * f64::from(BINS_PER_OCTAVE)
    }

    /// log2 at a position measured in bins from the left end.
    fn log2_at(self, position: f64) -> f64 {
        position / f64::from(BINS_PER_OCTAVE) - f64::from(self.half_octaves)
    }

    /// Number of values counted and their median as log2, interpolated inside its bin; `None` if empty.
    #[must_use]
    pub(super) fn median(self, counts: &[u32]) -> (u64, Option<f64>) {
        let (total, [median]) = self.quantiles(counts, [0.5]);
        (total, median)
    }

    /// Number of values counted and their quantiles as log2, each interpolated inside its bin; `None` if empty.
    #[must_use]
    pub(super) fn quantiles<const N: usize>(self, counts: &[u32], q: [f64; N]) -> (u64, [Option<f64>; N]) {
        let total: u64 = counts.iter().map(|&n| u64::from(n)).sum();
        let quantiles = q.map(|q| {
            let share = q * total as f64;
            let mut below = 0_u64;
            for (bin, &n) in counts.iter().enumerate() {
                let upto = below + u64::from(n);
                if n > 0 && upto as f64 >= share {
                    let inside = (share - below as f64) / f64::from(n);
                    return Some(self.log2_at(bin as f64 + inside));
                }
                below = upto;
            }
            None
        });
        (total, quantiles)
    }

    /// Median of the absolute deviations (log2) from `centre`, each value taken at the middle of its bin.
    #[must_use]
    pub(super) fn mad(self, counts: &[u32], centre: f64) -> Option<f64> {
        let mut deviations: Vec<(f64, u32)> = counts
            .iter()
            .enumerate()
            .filter(|&(_, &n)| n > 0)
            .map(|(bin, &n)| ((self.log2_at(bin as f64 + 0.5) - centre).abs(), n))
            .collect();
        deviations.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: u64 = deviations.iter().map(|&(_, n)| u64::from(n)).sum();
        let mut seen = 0;
        for (deviation, n) in deviations {
            seen += u64::from(n);
            if 2 * seen >= total {
                return Some(deviation);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const SCALE: Scale = Scale { half_octaves: 4 };

    fn count(values: &[f64]) -> Vec<u32> {
        let mut counts = vec![0; SCALE.bins()];
        for &value in values {
            counts[SCALE.bin(value)] += 1;
        }
        counts
    }

    #[test]
    fn bins_by_hand() {
        assert_eq!(SCALE.bins(), 128);
        assert_eq!(SCALE.bin(1.0), 64);
        assert_eq!(SCALE.bin(2.0), 80);
        assert_eq!(SCALE.bin(0.5), 48);
        assert_eq!((SCALE.bin(0.0), SCALE.bin(-3.0), SCALE.bin(1e-9)), (0, 0, 0));
        assert_eq!(SCALE.bin(1e9), 127);
    }

    #[test]
    fn median_and_mad_by_hand() {
        assert_eq!(SCALE.median(&count(&[])), (0, None));
        // Four values in bin 64: half of them lie below the middle of the bin, log2 = 0.5 / 16.
        let (n, median) = SCALE.median(&count(&[1.0; 4]));
        assert_eq!((n, median), (4, Some(0.5 / 16.0)));
        // Ten values in ten bins: a tenth of them is the first, and lies whole below the end of its bin.
        let mut steps = vec![0; SCALE.bins()];
        steps[60..70].fill(1);
        let (n, tenths) = SCALE.quantiles(&steps, [0.1, 0.25, 0.9]);
        assert_eq!(
            (n, tenths),
            (10, [Some(-3.0 / 16.0), Some(-1.5 / 16.0), Some(5.0 / 16.0)])
        );
        assert_eq!(SCALE.quantiles(&count(&[]), [0.9]), (0, [None]));
        // Deviations of 1/2, 1, 1, 1, 8 from 1: the middle one of five is none at all.
        let counts = count(&[0.5, 1.0, 1.0, 1.0, 8.0]);
        let centre = SCALE.median(&counts).1.unwrap();
        assert!(SCALE.mad(&counts, centre).unwrap() < 1.0 / 16.0);
        // Spread evenly over -2, -1, 0, 1, 2 octaves: the median deviation is one octave.
        let counts = count(&[0.25, 0.5, 1.0, 2.0, 4.0]);
        let centre = SCALE.median(&counts).1.unwrap();
        assert!((SCALE.mad(&counts, centre).unwrap() - 1.0).abs() < 1.0 / 16.0);
    }

    #[test]
    fn the_rough_logarithm_errs_by_little() {
        for step in 1..200_000 {
            let x = f64::from(step) / 10_000.0;
            assert!((rough_log2(x) - x.log2()).abs() < 5e-8, "{x}");
        }
    }

    #[test]
    fn bins_at_their_very_edges() {
        for half_octaves in [4, 12] {
            let scale = Scale { half_octaves };
            for edge in -16 * half_octaves - 2..=16 * half_octaves + 2 {
                let at = (f64::from(edge) / 16.0).exp2();
                let mut ratio = at * (1.0 - 1e-15);
                for _ in 0..20 {
                    assert_eq!(scale.bin(ratio), scale.exact_bin(ratio), "{ratio}");
                    ratio = ratio.next_up();
                }
            }
            for ratio in [
                0.0,
                -0.0,
                -1.0,
                f64::MIN_POSITIVE / 4.0,
                f64::MAX,
                f64::INFINITY,
                f64::NAN,
            ] {
                assert_eq!(scale.bin(ratio), scale.exact_bin(ratio), "{ratio}");
            }
        }
    }

    proptest! {
        #[test]
        fn bins_by_the_exact_logarithm(ratio in prop_oneof![0.0_f64..20.0, 0.0_f64..1e-3, 0.0_f64..1e5]) {
            prop_assert_eq!(SCALE.bin(ratio), SCALE.exact_bin(ratio));
        }

        #[test]
        fn bins_near_by_the_inverse(kwh in -1.0_f64..50.0, usual in prop_oneof![0.1_f64..50.0, Just(1e-320)]) {
            let bin = SCALE.bin_near(kwh * (1.0 / usual), || kwh / usual);
            prop_assert_eq!(bin, SCALE.exact_bin(kwh / usual));
        }

        #[test]
        fn the_median_is_within_a_bin_of_the_exact_one(mut values in prop::collection::vec(0.07_f64..15.0, 1..60)) {
            let (_, median) = SCALE.median(&count(&values));
            values.sort_by(f64::total_cmp);
            let lower = values[(values.len() - 1) / 2].log2();
            let upper = values[values.len() / 2].log2();
            let bin = 1.0 / f64::from(BINS_PER_OCTAVE) + 1e-9;
            let median = median.unwrap();
            prop_assert!(median >= lower - bin && median <= upper + bin, "{lower} {median} {upper}");
        }
    }
}
