//! Ids of runs.

use std::hash::{BuildHasher as _, RandomState};

/// `20250131T123456789Z-5f3a9c01d2e4b678`: the time in milliseconds, then a random number. Ids sort by time.
pub(super) fn new(now: jiff::Timestamp) -> String {
    // The standard library seeds each state anew from the system's randomness.
    let random = RandomState::new().hash_one(std::process::id());
    format!("{}-{random:016x}", now.strftime("%Y%m%dT%H%M%S%3fZ"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ() {
        let time: jiff::Timestamp = "2025-01-31T12:34:56.789Z".parse().unwrap();
        let later = time.checked_add(jiff::SignedDuration::from_millis(1)).unwrap();
        assert!(new(time).starts_with("20250131T123456789Z-"));
        assert_eq!(new(time).len(), 36);
        assert!(new(time) < new(later));
        let ids: BTreeSet<_> = (0..1000).map(|_| new(time)).collect();
        assert_eq!(ids.len(), 1000);
    }
}
