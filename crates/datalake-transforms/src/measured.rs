//! What one row of the measurements says, packed into 64 bits whose order decides between rows of equal age.

use crate::model::Condition;

/// Values stay below this: 16 decimal digits, six of them after the point, as the data model has it.
///
/// It is what makes a day's sum safe: a day has at most 288 intervals, and 288 x 10^16 fits into an `i64`. What is
/// believed of a meter is far less, see [`crate::resolve::ResolveConfig::limit_micro`].
pub const VALUE_LIMIT_MICRO: i64 = 10_000_000_000_000_000;

/// Value, condition and use of a row; the greater of two wins where neither was updated later.
///
/// From the highest bit down: present, may be used, rank of the condition (3 bits), value + 2^58 (59 bits; 0 for
/// no value). So a row that may be used beats one that may not, then override beats actual beats unknown beats
/// estimated beats missing, then the greater value wins: an order on the content alone, whatever came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Measured(u64);

/// The upper byte of a [`Measured`]: everything but the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u8);

const PRESENT: u8 = 0b1000_0000;
const ALLOWED: u8 = 0b0100_0000;
const RANK_SHIFT: u32 = 3;
const RANK_MASK: u8 = 0b0011_1000;
const MARK_SHIFT: u32 = 56;
const VALUE_MASK: u64 = (1 << 59) - 1;
const VALUE_BIAS: i64 = 1 << 58;

/// Conditions by rank.
const BY_RANK: [Condition; 8] = [
    Condition::Missing,
    Condition::Estimated,
    Condition::Unknown,
    Condition::Actual,
    Condition::Override,
    // Ranks that no row has: `Mark::new` is the only source of them.
    Condition::Missing,
    Condition::Missing,
    Condition::Missing,
];

impl Mark {
    /// Marks a row of this condition, `allowed` to be used or not.
    #[must_use]
    pub const fn new(condition: Condition, allowed: bool) -> Self {
        let rank = match condition {
            Condition::Missing => 0,
            Condition::Estimated => 1,
            Condition::Unknown => 2,
            Condition::Actual => 3,
            Condition::Override => 4,
        };
        Self(PRESENT | if allowed { ALLOWED } else { 0 } | rank << RANK_SHIFT)
    }

    /// The same, but not to be used.
    #[must_use]
    pub const fn forbidden(self) -> Self {
        Self(self.0 & !ALLOWED)
    }

    /// Whether a row with this mark may lack a value: it says so itself, or is not to be used anyway.
    #[must_use]
    pub const fn may_lack_value(self) -> bool {
        self.0 & ALLOWED == 0 || self.0 & RANK_MASK == 0
    }
}

impl Measured {
    /// No row.
    pub const ABSENT: Self = Self(0);

    /// Packs a row; `value` lies within [`VALUE_LIMIT_MICRO`] on both sides.
    #[must_use]
    #[inline]
    pub const fn new(mark: Mark, value_micro: i64) -> Self {
        debug_assert!(value_micro.unsigned_abs() < VALUE_LIMIT_MICRO as u64);
        Self((mark.0 as u64) << MARK_SHIFT | (value_micro + VALUE_BIAS) as u64)
    }

    /// As [`Self::new`] if `is_given`, else [`Self::ABSENT`], whatever the value is.
    #[must_use]
    #[inline]
    pub(crate) const fn given(is_given: bool, mark: Mark, value_micro: i64) -> Self {
        let bits = (mark.0 as u64) << MARK_SHIFT | value_micro.wrapping_add(VALUE_BIAS) as u64;
        Self(bits & (is_given as u64).wrapping_neg())
    }

    /// Packs a row without a value.
    #[must_use]
    pub const fn without_value(mark: Mark) -> Self {
        Self((mark.0 as u64) << MARK_SHIFT)
    }

    /// Whether there is a row.
    #[must_use]
    #[inline]
    pub const fn is_present(self) -> bool {
        self.0 != 0
    }

    /// Whether the row may be used.
    #[must_use]
    #[inline]
    pub const fn is_allowed(self) -> bool {
        self.0 >> MARK_SHIFT & ALLOWED as u64 != 0
    }

    /// The condition's rank: 0 missing, 1 estimated, 2 unknown, 3 actual, 4 override.
    #[must_use]
    #[inline]
    pub const fn rank(self) -> usize {
        (self.0 >> (MARK_SHIFT + RANK_SHIFT) & 7) as usize
    }

    /// The condition of the row.
    #[must_use]
    #[inline]
    pub const fn condition(self) -> Condition {
        BY_RANK[self.rank()]
    }

    /// The value in 10^-6 units.
    #[must_use]
    #[inline]
    pub const fn value_micro(self) -> Option<i64> {
        let biased = self.0 & VALUE_MASK;
        if biased == 0 {
            None
        } else {
            Some(biased as i64 - VALUE_BIAS)
        }
    }

    /// The value of a row that is as nearly all are: actual, with a value, and to be used.
    #[must_use]
    #[inline]
    pub const fn plain_value(self) -> Option<i64> {
        match self.as_plain() {
            (value, 0) => Some(value),
            _ => None,
        }
    }

    /// [`Self::plain_value`] without a branch: the value, and 0 if the row is plain.
    #[inline]
    pub(crate) const fn as_plain(self) -> (i64, u64) {
        const PLAIN: u64 = Mark::new(Condition::Actual, true).0 as u64 >> RANK_SHIFT;
        // The value alone, above 0, if the upper bits are those of a plain row.
        let biased = self.0 ^ PLAIN << (MARK_SHIFT + RANK_SHIFT);
        let value = (biased & VALUE_MASK) as i64 - VALUE_BIAS;
        (value, (biased | biased.wrapping_sub(1)) & !VALUE_MASK)
    }

    /// Whether two rows of one key and age give different values, and nothing but the values decides between them.
    ///
    /// Rows that may not be used, and rows without a value, contradict nothing; of two conditions the better one wins.
    #[must_use]
    pub const fn contradicts(self, other: Self) -> bool {
        self.0 != other.0
            && self.0 & !VALUE_MASK == other.0 & !VALUE_MASK
            && self.is_allowed()
            && self.0 & VALUE_MASK != 0
            && other.0 & VALUE_MASK != 0
    }

    /// The bits, to be written to a spill file.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// Bits that [`Self::to_bits`] gave.
    pub(crate) const fn from_sound_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Bits that [`Self::to_bits`] gave; `None` for bits that no row has.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Option<Self> {
        let measured = Self(bits);
        let sound = bits >> 63 == 1
            && measured.rank() <= 4
            && match measured.value_micro() {
                Some(value) => value.unsigned_abs() < VALUE_LIMIT_MICRO as u64,
                None => true,
            };
        if sound { Some(measured) } else { None }
    }
}

/// Code of the finding that counts keys whose newest rows contradict each other.
pub(crate) const CONTRADICTING_DUPLICATE: &str = "contradicting_duplicate";

/// Its message.
pub(crate) const CONTRADICTING_DUPLICATE_MESSAGE: &str = "rows of one component and time differ in their value, and neither updated_at nor version nor the condition says which one holds: the greatest was used";

/// Order of a nullable moment or version: null is least.
#[must_use]
#[inline]
pub const fn order_key(value: Option<i64>) -> u64 {
    match value {
        None => 0,
        Some(value) => {
            let key = (value as u64) ^ (1 << 63);
            if key == 0 { 1 } else { key }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ALL: [Condition; 5] = [
        Condition::Missing,
        Condition::Estimated,
        Condition::Unknown,
        Condition::Actual,
        Condition::Override,
    ];

    #[test]
    fn packing_is_lossless_and_ordered() {
        let limit = VALUE_LIMIT_MICRO - 1;
        let mut previous = Measured::ABSENT;
        for allowed in [false, true] {
            for condition in ALL {
                let mark = Mark::new(condition, allowed);
                for value in [None, Some(-limit), Some(-1), Some(0), Some(1), Some(limit)] {
                    let m = value.map_or(Measured::without_value(mark), |v| Measured::new(mark, v));
                    assert!(m > previous, "{condition:?} {value:?}");
                    previous = m;
                    assert!(m.is_present());
                    assert_eq!(
                        (m.is_allowed(), m.condition(), m.value_micro()),
                        (allowed, condition, value)
                    );
                    let plain = allowed && condition == Condition::Actual;
                    assert_eq!(m.plain_value(), value.filter(|_| plain));
                    let (unbranched, is_other) = m.as_plain();
                    assert_eq!((is_other == 0).then_some(unbranched), m.plain_value());
                    assert_eq!(Measured::from_bits(m.to_bits()), Some(m));
                }
                assert!(!mark.forbidden().eq(&mark) || !allowed);
                assert_eq!(mark.may_lack_value(), !allowed || condition == Condition::Missing);
            }
        }
    }

    #[test]
    fn values_of_equal_rank_contradict_each_other() {
        let actual = Mark::new(Condition::Actual, true);
        let estimated = Mark::new(Condition::Estimated, true);
        let missing = Mark::new(Condition::Missing, true);
        let five = Measured::new(actual, 5);
        assert!(five.contradicts(Measured::new(actual, -5)) && Measured::new(actual, -5).contradicts(five));
        assert!(!five.contradicts(five));
        assert!(
            !five.contradicts(Measured::new(estimated, 7)),
            "the condition decides"
        );
        assert!(!Measured::without_value(missing).contradicts(Measured::new(missing, 7)));
        let (a, b) = (
            Measured::new(actual.forbidden(), 5),
            Measured::new(actual.forbidden(), 7),
        );
        assert!(!a.contradicts(b), "neither is used");
    }

    #[test]
    fn bits_that_no_row_has_are_refused() {
        let rank_7 = 0xff_u64 << 56 | 1 << 58;
        let too_great = (u64::from(PRESENT) << 56) | (VALUE_BIAS + VALUE_LIMIT_MICRO) as u64;
        for bits in [0, 1, rank_7, too_great] {
            assert_eq!(Measured::from_bits(bits), None, "{bits:x}");
        }
    }

    #[test]
    fn null_is_the_least_moment() {
        assert!(order_key(None) < order_key(Some(i64::MIN)));
        assert!(order_key(Some(-1)) < order_key(Some(0)));
        assert!(order_key(Some(0)) < order_key(Some(i64::MAX)));
    }
}
