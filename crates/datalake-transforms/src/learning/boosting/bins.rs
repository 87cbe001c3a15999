//! Bins: every column as bytes, cut at its quantiles.

use rayon::prelude::*;

use super::super::Matrix;

/// The code of an unknown value; known ones have less.
pub(super) const UNKNOWN: u8 = u8::MAX;
/// Codes, that of unknown values included.
pub(super) const CODES: usize = 256;
/// Bins of a column at most.
const MAX_BINS: usize = 255;

/// A matrix as codes.
#[derive(Debug)]
pub(super) struct Bins {
    /// By column: where bins end, ascending. A value lies in the first bin whose end is not below it, or in the last.
    pub(super) ends: Vec<Vec<f32>>,
    /// By column, then row.
    pub(super) codes: Vec<Vec<u8>>,
}

impl Bins {
    pub(super) fn of(matrix: &Matrix) -> Self {
        let (ends, codes) = (0..matrix.names().len())
            .into_par_iter()
            .map(|column| {
                let values = matrix.column(column);
                let ends = ends(values);
                let codes = values.iter().map(|&value| code(&ends, value)).collect();
                (ends, codes)
            })
            .unzip();
        Self { ends, codes }
    }
}

fn code(ends: &[f32], value: f32) -> u8 {
    if value.is_nan() {
        return UNKNOWN;
    }
    ends.partition_point(|end| *end < value) as u8
}

/// Ends of all bins but the last: half-way between neighbours, each bin with about as many rows.
fn ends(values: &[f32]) -> Vec<f32> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let groups: Vec<(f32, usize)> = sorted
        .chunk_by(|a, b| a.total_cmp(b).is_eq())
        .map(|group| (group[0], group.len()))
        .collect();
    let mut ends = Vec::new();
    let (mut filled, mut rest, mut bins) = (0, sorted.len(), MAX_BINS);
    for (position, pair) in groups.windows(2).enumerate() {
        let [(value, rows), (next, _)] = [pair[0], pair[1]];
        filled += rows;
        rest -= rows;
        // As many bins as are left for the rows that are left, so that one value of many rows takes one bin.
        let values_left = groups.len() - position - 1;
        let target = (filled + rest).div_ceil(bins);
        if bins > 1 && (filled >= target || values_left < bins) {
            ends.push(between(value, next));
            bins -= 1;
            filled = 0;
        }
    }
    ends
}

/// A number at or above `low` and below `high`, as near to their middle as it can be.
fn between(low: f32, high: f32) -> f32 {
    let middle = (f64::midpoint(f64::from(low), f64::from(high))) as f32;
    if middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_take_a_bin_each() {
        let values = [3.0, 1.0, f32::NAN, 1.0, 2.0];
        let ends = ends(&values);
        assert_eq!(ends, [1.5, 2.5]);
        let codes: Vec<u8> = values.iter().map(|&value| code(&ends, value)).collect();
        assert_eq!(codes, [2, 0, UNKNOWN, 0, 1]);
        assert_eq!(code(&ends, f32::MAX), 2);
    }

    #[test]
    fn a_value_of_many_rows_takes_one_bin_and_the_others_share_the_rest() {
        let mut values = vec![0.0; 10_000];
        values.extend((1..=2_540).map(|i| i as f32));
        let ends = ends(&values);
        assert_eq!(ends.len(), 254);
        assert_eq!(ends[0], 0.5);
        // 2540 values in 254 bins.
        assert_eq!(ends[1], 10.5);
        assert_eq!(ends[253], 2_530.5);
    }

    #[test]
    fn neighbours_that_nothing_lies_between_are_parted() {
        let next = f32::from_bits(1.0_f32.to_bits() + 1);
        let ends = ends(&[1.0, next]);
        assert!(ends[0] >= 1.0 && ends[0] < next);
        assert_eq!(super::ends(&[f32::NAN, 1.0]), [0.0; 0]);
    }

    proptest! {
        #[test]
        fn codes_keep_the_order_and_fit(values in prop::collection::vec(-1e30_f32..1e30, 2..2_000)) {
            let ends = ends(&values);
            prop_assert!(ends.len() < MAX_BINS);
            prop_assert!(ends.is_sorted_by(|a, b| a < b));
            for pair in values.windows(2) {
                let (a, b) = (code(&ends, pair[0]), code(&ends, pair[1]));
                prop_assert!(a != UNKNOWN && (a < b || pair[0] >= pair[1]) || a == b);
            }
        }
    }
}
