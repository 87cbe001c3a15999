//! Spreading the energy of a period over its days by their seconds, exactly.

use crate::model::DAY_SECONDS;

/// The days that `(start, end]` touches, each with its share of `value`; `start < end`, in seconds since 1970.
///
/// With `C(t) = floor(value (t - start) / (end - start))`, a day from `a` to `b` has `C(b) - C(a)`. The sum
/// telescopes to `value`, and no share is off by 1 or more.
pub(super) fn spread(start: i64, end: i64, value: Option<i64>) -> impl Iterator<Item = (i32, Option<i64>)> {
    let length = end - start;
    let cumulated = move |at: i64| {
        value.map(|value| {
            let elapsed = at.clamp(start, end) - start;
            match value.checked_mul(elapsed) {
                Some(product) => product.div_euclid(length),
                None => (i128::from(value) * i128::from(elapsed)).div_euclid(i128::from(length)) as i64,
            }
        })
    };
    let first = start.div_euclid(DAY_SECONDS);
    let last = (end - 1).div_euclid(DAY_SECONDS);
    let mut so_far = cumulated(start);
    (first..=last).map(move |day| {
        let then = cumulated((day + 1) * DAY_SECONDS);
        let share = then.zip(so_far).map(|(then, before)| then - before);
        so_far = then;
        (day as i32, share)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_period_of_two_and_a_half_days() {
        // 18:00 of day 0 to 06:00 of day 3: 6 + 24 + 24 + 6 hours. 100 / 60 h: C = 10, 50, 90, 100.
        let shares: Vec<_> = spread(18 * 3600, 3 * DAY_SECONDS + 6 * 3600, Some(100)).collect();
        assert_eq!(
            shares,
            [(0, Some(10)), (1, Some(40)), (2, Some(40)), (3, Some(10))]
        );
        // 10 over three days: C = 3, 6, 10.
        let shares: Vec<_> = spread(0, 3 * DAY_SECONDS, Some(10)).collect();
        assert_eq!(shares, [(0, Some(3)), (1, Some(3)), (2, Some(4))]);
        // -10: C = floor(-3.3) = -4, floor(-6.6) = -7, -10.
        let shares: Vec<_> = spread(0, 3 * DAY_SECONDS, Some(-10)).collect();
        assert_eq!(shares, [(0, Some(-4)), (1, Some(-3)), (2, Some(-3))]);
    }

    #[test]
    fn midnight_belongs_to_the_day_before() {
        let one_day: Vec<_> = spread(DAY_SECONDS, 2 * DAY_SECONDS, Some(7)).collect();
        assert_eq!(one_day, [(1, Some(7))]);
        let before_1970: Vec<_> = spread(-DAY_SECONDS, 0, Some(7)).collect();
        assert_eq!(before_1970, [(-1, Some(7))]);
        let unknown: Vec<_> = spread(0, DAY_SECONDS + 1, None).collect();
        assert_eq!(unknown, [(0, None), (1, None)]);
    }

    proptest! {
        #[test]
        fn shares_add_up_and_are_fair(
            start in 0_i64..4_000_000_000,
            length in 1_i64..400 * DAY_SECONDS,
            value in -9_999_999_999_999_999_i64..=9_999_999_999_999_999,
        ) {
            let shares: Vec<_> = spread(start, start + length, Some(value)).collect();
            prop_assert_eq!(shares.iter().filter_map(|(_, share)| *share).sum::<i64>(), value);
            for (day, share) in shares {
                let from = start.max(i64::from(day) * DAY_SECONDS);
                let to = (start + length).min((i64::from(day) + 1) * DAY_SECONDS);
                prop_assert!(from < to);
                let exact = i128::from(value) * i128::from(to - from);
                let off = i128::from(share.unwrap_or(0)) * i128::from(length) - exact;
                prop_assert!(off.abs() < i128::from(length), "day {} is off by 1 or more", day);
            }
        }
    }
}
