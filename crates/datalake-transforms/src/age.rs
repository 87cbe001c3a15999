//! How new a row is, as one number.

/// Bits of the version; 2^53 microseconds after 1970 are in the year 2255.
const VERSION_BITS: u32 = 11;

/// Order of 0, see [`crate::measured::order_key`].
const ZERO: u64 = 1 << 63;

/// A number that orders rows like the pair of the orders of `updated_at` and version, and whether there is one: it takes
/// more than 64 bits to say times before 1970 or after 2255, and versions below 0 or above 2046.
#[inline]
pub(crate) fn pack(updated: u64, version: u64) -> (u64, bool) {
    let (updated, version) = (from_zero(updated), from_zero(version));
    let beyond = updated >> (64 - VERSION_BITS) | version >> VERSION_BITS;
    (updated << VERSION_BITS | version, beyond == 0)
}

/// The same of the values themselves; the second number is 0 if there is one.
#[inline]
pub(crate) fn pack_known(updated: i64, version: i64) -> (u64, u64) {
    let (updated, version) = (updated as u64, version as u64);
    let (one_updated, one_version) = (updated.wrapping_add(1), version.wrapping_add(1));
    let beyond = (updated | one_updated) >> (64 - VERSION_BITS) | (version | one_version) >> VERSION_BITS;
    (one_updated << VERSION_BITS | one_version, beyond)
}

/// The orders that were packed.
pub(crate) fn unpack(age: u64) -> (u64, u64) {
    let order = |from_zero: u64| if from_zero == 0 { 0 } else { ZERO - 1 + from_zero };
    (order(age >> VERSION_BITS), order(age & ((1 << VERSION_BITS) - 1)))
}

/// 0 for null, 1 for 0, and so on; negative numbers become great ones.
#[inline]
fn from_zero(order: u64) -> u64 {
    if order == 0 {
        0
    } else {
        order.wrapping_sub(ZERO).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::order_key;

    #[test]
    fn what_fits_is_packed_in_order_and_comes_back() {
        let longest = (1_i64 << 53) - 2;
        let mut last = None;
        for updated in [None, Some(0), Some(1), Some(1_700_000_000_000_000), Some(longest)] {
            for version in [None, Some(0), Some(1), Some(2_046)] {
                let orders = (order_key(updated), order_key(version));
                let (age, fits) = pack(orders.0, orders.1);
                assert!(fits, "{updated:?} {version:?}");
                if let Some((updated, version)) = updated.zip(version) {
                    assert_eq!(pack_known(updated, version), (age, 0));
                }
                assert_eq!(unpack(age), orders, "{updated:?} {version:?}");
                assert!(last.is_none_or(|last| last < age), "{updated:?} {version:?}");
                last = Some(age);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_not_packed() {
        for updated in [i64::MIN, -1, (1 << 53) - 1, i64::MAX] {
            assert!(!pack(order_key(Some(updated)), 0).1, "{updated}");
            assert_ne!(pack_known(updated, 0).1, 0, "{updated}");
        }
        for version in [i64::MIN, -1, 2_047, i64::MAX] {
            assert!(!pack(order_key(Some(1)), order_key(Some(version))).1, "{version}");
            assert_ne!(pack_known(1, version).1, 0, "{version}");
        }
    }
}
