//! From a time to a position in a day, without a division by a length that only the registry knows.

use super::reason;
use crate::error::TransformError;
use crate::model::DAY_SECONDS;

/// Shortest interval, seconds; with it a day has at most 288 slots.
pub const MIN_INTERVAL_SECONDS: u32 = 300;

/// 2201-01-01 00:00, in 10^-6 seconds since 1970: the last moment that may end an interval.
pub(super) const LAST_MEASURED_AT_MICROS: u64 = 7_289_654_400_000_000;

const MICROS: u64 = 1_000_000;
const DAY: u64 = DAY_SECONDS as u64;
/// With 40 bits the product of an interval's number since 1970 and the reciprocal of those of a day is exact:
/// `2^25 x 288 < 2^40`.
const RECIPROCAL_BITS: u32 = 40;
/// With 90 bits the product of a time and the reciprocal of a length, both in 10^-6 seconds, is exact: a time takes 53 bits
/// and a length 37.
const FINE_BITS: u32 = 90;

/// An interval length, and reciprocals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IntervalLength {
    pub(super) seconds: u64,
    /// The length in 10^-6 seconds, and its reciprocal.
    micros: u64,
    fine: u64,
    /// Intervals of a day, and the reciprocal of their number.
    slots: u64,
    by_slots: u64,
    /// The last moment an interval may start at.
    last_start: u64,
}

impl IntervalLength {
    /// Longer than any time: no moment ends such an interval.
    pub(super) const NONE: Self = Self {
        seconds: u64::MAX,
        micros: 0,
        fine: 0,
        slots: 0,
        by_slots: 0,
        last_start: 0,
    };

    /// The length must divide a day, and be at least [`MIN_INTERVAL_SECONDS`].
    pub(super) fn new(seconds: u32) -> Result<Self, TransformError> {
        let day = DAY_SECONDS as u32;
        if !(MIN_INTERVAL_SECONDS..=day).contains(&seconds) || !day.is_multiple_of(seconds) {
            return Err(TransformError::Parameter {
                name: "interval_seconds".to_owned(),
                value: seconds.to_string(),
                why: format!("must divide {day} and be at least {MIN_INTERVAL_SECONDS}"),
            });
        }
        let seconds = u64::from(seconds);
        Ok(Self {
            seconds,
            micros: seconds * MICROS,
            fine: (1_u128 << FINE_BITS).div_ceil(u128::from(seconds * MICROS)) as u64,
            slots: DAY / seconds,
            by_slots: (1_u64 << RECIPROCAL_BITS).div_ceil(DAY / seconds),
            last_start: LAST_MEASURED_AT_MICROS - seconds * MICROS,
        })
    }

    /// As [`Self::position`], without a branch: day, slot, and whether they mean anything.
    #[inline]
    pub(super) fn place(self, measured_at: i64) -> (i32, u16, bool) {
        // A moment before the first interval's end becomes a huge number.
        let start = (measured_at as u64).wrapping_sub(self.micros);
        // Its number, counted from 1970.
        let interval = ((u128::from(start) * u128::from(self.fine)) >> FINE_BITS) as u64;
        let day = interval.wrapping_mul(self.by_slots) >> RECIPROCAL_BITS;
        let slot = interval.wrapping_sub(day * self.slots);
        let is_known =
            (start <= self.last_start) & (interval.wrapping_mul(self.micros) == start) && self.slots != 0;
        (day as i32, slot as u16, is_known)
    }

    /// Day and slot of the interval that ends at `measured_at` (10^-6 seconds since 1970), or the reason why
    /// it has none.
    pub(super) fn position(self, measured_at: i64) -> Result<(i32, u16), &'static str> {
        let (day, slot, is_known) = self.place(measured_at);
        if is_known {
            return Ok((day, slot));
        }
        // A negative time becomes a huge one.
        let at = measured_at as u64;
        if at > LAST_MEASURED_AT_MICROS || at / MICROS < self.seconds {
            return Err(reason::MEASURED_AT_OUT_OF_RANGE);
        }
        Err(reason::OFF_GRID)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn micros(text: &str) -> i64 {
        let at: jiff::civil::DateTime = text.parse().unwrap();
        at.to_zoned(jiff::tz::TimeZone::UTC)
            .unwrap()
            .timestamp()
            .as_microsecond()
    }

    #[test]
    fn an_interval_belongs_to_the_day_of_its_start() {
        let half_hour = IntervalLength::new(1800).unwrap();
        let day = IntervalLength::new(86_400).unwrap();
        // 2024-01-01 is day 19,723.
        for (at, expected) in [
            ("2024-01-01T00:30:00", Ok((19_723, 0))),
            ("2024-01-02T00:00:00", Ok((19_723, 47))),
            ("2024-01-02T00:15:00", Err(reason::OFF_GRID)),
            ("2024-01-02T00:00:01", Err(reason::OFF_GRID)),
            ("2024-01-02T00:00:00.000001", Err(reason::OFF_GRID)),
            ("1970-01-01T00:30:00", Ok((0, 0))),
            ("1970-01-01T00:00:00", Err(reason::MEASURED_AT_OUT_OF_RANGE)),
            ("1969-12-31T00:00:00", Err(reason::MEASURED_AT_OUT_OF_RANGE)),
            ("2201-01-01T00:00:00", Ok((84_370, 47))),
            ("2201-01-01T00:30:00", Err(reason::MEASURED_AT_OUT_OF_RANGE)),
        ] {
            assert_eq!(half_hour.position(micros(at)), expected, "{at}");
            let (day, slot, is_known) = half_hour.place(micros(at));
            assert_eq!(is_known.then_some((day, slot)), expected.ok(), "{at}");
        }
        assert_eq!(day.position(micros("2024-01-02T00:00:00")), Ok((19_723, 0)));
        assert_eq!(day.position(micros("2024-01-02T12:00:00")), Err(reason::OFF_GRID));
        for at in [i64::MIN, i64::MAX, -1, 0] {
            assert_eq!(day.position(at), Err(reason::MEASURED_AT_OUT_OF_RANGE));
            assert!(!day.place(at).2 && !IntervalLength::NONE.place(at).2, "{at}");
        }
        assert!(!IntervalLength::NONE.place(micros("2024-01-02T00:00:00")).2);
    }

    #[test]
    fn the_reciprocal_divides_every_second_of_a_day_by_every_length() {
        for seconds in (MIN_INTERVAL_SECONDS..=86_400).filter(|s| 86_400 % s == 0) {
            let length = IntervalLength::new(seconds).unwrap();
            for second in 0..86_400_u64 {
                // The second of the day at which an interval starts on 1970-01-03.
                let end = (2 * DAY + second + u64::from(seconds)) * MICROS;
                let quotient = (second % u64::from(seconds) == 0).then_some(second / u64::from(seconds));
                let found = length.position(end as i64).ok().map(|(_, slot)| u64::from(slot));
                assert_eq!(found, quotient, "{second} / {seconds}");
            }
            // Every interval until 2201, and moments beside its ends.
            let micros = i64::from(seconds) * 1_000_000;
            let intervals = LAST_MEASURED_AT_MICROS as i64 / micros;
            for number in 1..=intervals {
                let (day, slot, is_known) = length.place(number * micros);
                let found = i64::from(day) * (86_400 / i64::from(seconds)) + i64::from(slot);
                assert!(is_known && found == number - 1, "{number} x {seconds}");
                assert!(u64::from(slot) < length.slots, "{number} x {seconds}");
                let beside = [
                    number * micros - 1,
                    number * micros + 1,
                    number * micros + micros / 2,
                ];
                assert!(
                    beside.iter().all(|at| !length.place(*at).2),
                    "{number} x {seconds}"
                );
            }
        }
    }

    #[test]
    fn other_lengths_are_refused() {
        for seconds in [0, 60, 299, 301, 7000, 86_401, 172_800] {
            assert!(IntervalLength::new(seconds).is_err(), "{seconds}");
        }
    }
}
