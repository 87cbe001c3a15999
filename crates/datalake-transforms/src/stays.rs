//! Stays: a component's time at one service point.
//!
//! A meter that moves is judged apart at every place it hung at, and what it shows there belongs to that
//! service point. Consecutive install periods at one service point are one stay. Days on which nothing covers
//! the meter belong to the service point it hung at last; days before its first installation belong to
//! the first stay, because that is where the meter turned up.

use std::ops::Range;

use crate::model::DAY_SECONDS;
use crate::registry::Component;

/// One component at one service point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Index of the service point; `None` for a component that was never installed anywhere that is known.
    pub service_point: Option<u32>,
    /// Days whose rows belong to the stay: `i32::MIN` and `i32::MAX` where nothing bounds it.
    pub days: Range<i32>,
    /// First moment of the first install period, seconds on the measurement clock; `None` if never installed.
    pub installed: Option<i64>,
    /// Last moment of the last install period; `None` while it hangs there, or if it never did.
    pub removed: Option<i64>,
    /// Whether that removal stands in the status as well as in the date.
    pub removal_recorded: bool,
}

impl Stay {
    /// First day that lies wholly inside the stay.
    #[must_use]
    pub fn first_whole_day(&self) -> i32 {
        self.installed.map_or(i32::MIN, |at| day_of(at + DAY_SECONDS - 1))
    }

    /// First day that the removal cuts or that follows it; `i32::MAX` while the meter hangs there.
    #[must_use]
    pub fn removal_day(&self) -> i32 {
        self.removed.map_or(i32::MAX, day_of)
    }
}

/// Day (since 1970-01-01) of a moment, clamped to what a day number can hold.
fn day_of(seconds: i64) -> i32 {
    let day = seconds.div_euclid(DAY_SECONDS);
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}

/// Cuts a component's time into stays, in the order of time; together they hold every day once.
///
/// `component.periods` is sorted by start, as the registry has it.
#[must_use]
pub fn stays(component: &Component) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::with_capacity(1);
    for period in &component.periods {
        let removed = (period.end != i64::MAX).then_some(period.end);
        match stays.last_mut() {
            Some(last) if last.service_point == Some(period.service_point) => {
                let ends_later = match (last.removed, removed) {
                    (Some(old), Some(new)) => new >= old,
                    (Some(_), None) => true,
                    (None, _) => false,
                };
                if ends_later {
                    last.removed = removed;
                    last.removal_recorded = period.removal_recorded;
                }
            }
            previous => {
                let from = match previous {
                    Some(last) => {
                        let from = day_of(period.start).max(last.days.start);
                        last.days.end = from;
                        from
                    }
                    None => i32::MIN,
                };
                stays.push(Stay {
                    service_point: Some(period.service_point),
                    days: from..i32::MAX,
                    installed: Some(period.start),
                    removed,
                    removal_recorded: period.removal_recorded,
                });
            }
        }
    }
    if stays.is_empty() {
        stays.push(Stay {
            service_point: component.last_service_point(),
            days: i32::MIN..i32::MAX,
            installed: None,
            removed: None,
            removal_recorded: false,
        });
    }
    stays
}

/// Positions of `days` (ascending) that fall into the stay.
#[must_use]
pub fn rows_of(stay: &Stay, days: &[i32]) -> Range<usize> {
    let start = days.partition_point(|&day| day < stay.days.start);
    let end = if stay.days.end == i32::MAX {
        days.len()
    } else {
        days.partition_point(|&day| day < stay.days.end)
    };
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::testing::{component, period};

    const D: i64 = DAY_SECONDS;

    #[test]
    fn never_installed_is_one_stay_without_a_service_point() {
        let all = stays(&component(&[]));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].service_point, None);
        assert_eq!(rows_of(&all[0], &[1, 2, 3]), 0..3);
    }

    #[test]
    fn periods_at_one_place_are_one_stay() {
        let all = stays(&component(&[
            period(4, 10 * D, 20 * D),
            period(4, 25 * D, i64::MAX),
        ]));
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].installed, all[0].removed), (Some(10 * D), None));
        assert_eq!(all[0].removal_day(), i32::MAX);
    }

    #[test]
    fn a_move_splits_and_the_gap_belongs_to_the_place_before() {
        let all = stays(&component(&[
            period(4, 10 * D, 20 * D),
            period(7, 30 * D + D / 2, 40 * D),
        ]));
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].days, i32::MIN..30);
        assert_eq!(all[1].days, 30..i32::MAX);
        assert_eq!((all[0].first_whole_day(), all[0].removal_day()), (10, 20));
        assert_eq!((all[1].first_whole_day(), all[1].removal_day()), (31, 40));
        let days = [5, 15, 25, 29, 30, 31, 45];
        assert_eq!(rows_of(&all[0], &days), 0..4);
        assert_eq!(rows_of(&all[1], &days), 4..7);
    }

    #[test]
    fn there_and_back_again_is_three_stays_that_hold_every_day_once() {
        let all = stays(&component(&[
            period(4, 0, 10 * D),
            period(7, 10 * D, 20 * D),
            period(4, 20 * D, i64::MAX),
        ]));
        let days: Vec<i32> = (-3..30).collect();
        let rows: Vec<_> = all.iter().map(|stay| rows_of(stay, &days)).collect();
        assert_eq!(rows, [0..13, 13..23, 23..33]);
    }
}
