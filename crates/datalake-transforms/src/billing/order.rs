//! Dates of bills whose day and month changed places.
//!
//! A reader that takes `03/08` for the eighth of March wherever there is such a day leaves every date of the first
//! twelve days of a month with day and month swapped, and the others right. No date shows it, but readings do: a register
//! goes on from what it showed, so bills that follow each other by their readings must follow each other in time.

use crate::model::DAY_SECONDS;
use crate::register_periods::BilledPeriod;

/// Pairs of bills from which on readings may decide.
const MIN_PAIRS: usize = 100;
/// Of so many pairs one falls back in time as dates are, at least; swapped, of so many at most one does.
const FALLS_ONE_IN: (usize, usize) = (10, 50);

/// Swaps day and month of all ends that may have been swapped, if readings say that they were; starts keep their distance.
/// Returns how many bills were moved. `periods` in any order; they are sorted by component and readings.
pub(super) fn repair(periods: &mut [BilledPeriod]) -> usize {
    let key = |period: &BilledPeriod| {
        (
            period.component,
            period.previous_reading_micro,
            period.reading_micro,
            period.end,
            period.start,
            period.value_micro,
        )
    };
    periods.sort_unstable_by_key(key);
    let (mut pairs, mut falls_given, mut falls_swapped) = (0, 0, 0);
    for pair in periods.windows(2) {
        let [a, b] = [&pair[0], &pair[1]];
        let counted = |period: &BilledPeriod| period.reading_micro > period.previous_reading_micro;
        let follow = a.component == b.component
            && a.reading_micro.is_some()
            && a.reading_micro == b.previous_reading_micro
            && counted(a)
            && counted(b);
        let (after, before) = (swapped(b.end), swapped(a.end));
        if follow && (after != b.end || before != a.end) {
            pairs += 1;
            falls_given += usize::from(b.end < a.end);
            falls_swapped += usize::from(after < before);
        }
    }
    let wrong = pairs >= MIN_PAIRS
        && FALLS_ONE_IN.0 * falls_given >= pairs
        && FALLS_ONE_IN.1 * falls_swapped <= pairs;
    if !wrong {
        return 0;
    }
    let mut moved = 0;
    for period in periods {
        let end = swapped(period.end);
        moved += usize::from(end != period.end);
        period.start += end - period.end;
        period.end = end;
    }
    moved
}

/// The same time of the day on which day and month have changed places; the time itself where there is no such day.
fn swapped(at: i64) -> i64 {
    let epoch = jiff::civil::date(1970, 1, 1);
    let day = i32::try_from(at.div_euclid(DAY_SECONDS)).ok();
    let date = day.and_then(|day| epoch.checked_add(jiff::Span::new().try_days(day).ok()?).ok());
    let other = date.and_then(|date| jiff::civil::Date::new(date.year(), date.day(), date.month()).ok());
    let (Some(date), Some(other)) = (date, other) else {
        return at;
    };
    let days = other.duration_since(date).as_secs();
    at + days
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Condition;
    use crate::resolve::Codes;

    fn seconds(year: i16, month: i8, day: i8) -> i64 {
        let date = jiff::civil::date(year, month, day);
        date.duration_since(jiff::civil::date(1970, 1, 1)).as_secs()
    }

    /// Nine bills each of some registers, every four months; they end within the first `days` days of a month.
    fn bills(registers: u32, days: i16) -> Vec<BilledPeriod> {
        let of = move |component: u32| {
            (0..9_i16).map(move |i| {
                let day = 1 + (5 * i + 3 * component as i16) % days;
                let end = seconds(2010 + i / 3, [2, 6, 10][i as usize % 3], day as i8);
                let reading = |i: i16| Some(i64::from(i) * 400_000_000);
                BilledPeriod {
                    component,
                    service_point: None,
                    start: end - 120 * DAY_SECONDS,
                    end,
                    value_micro: Some(400_000_000),
                    previous_reading_micro: reading(i),
                    reading_micro: reading(i + 1),
                    is_actual: true,
                    condition: Condition::Actual,
                    codes: Codes::default(),
                    coverage: crate::registry::Coverage::On(0),
                    overlaps: false,
                    by_readings_micro: None,
                }
            })
        };
        (0..registers).flat_map(of).collect()
    }

    #[test]
    fn day_and_month_change_places_where_both_may_be_a_month() {
        assert_eq!(swapped(seconds(2010, 3, 8) + 7_200), seconds(2010, 8, 3) + 7_200);
        assert_eq!(swapped(seconds(2010, 3, 13)), seconds(2010, 3, 13));
        assert_eq!(swapped(seconds(1969, 2, 1)), seconds(1969, 1, 2));
        assert_eq!(swapped(i64::MAX), i64::MAX);
    }

    #[test]
    fn swapped_dates_are_found_by_readings_and_put_right() {
        let right = bills(40, 28);
        let mut read = right.clone();
        for bill in &mut read {
            let end = swapped(bill.end);
            bill.start += end - bill.end;
            bill.end = end;
        }
        let wrong = right
            .iter()
            .zip(&read)
            .filter(|(right, read)| right != read)
            .count();
        assert!(wrong > 100, "{wrong}");
        read.reverse();
        assert_eq!(repair(&mut read), wrong);
        assert_eq!(read, right);
        // What is right is left alone.
        assert_eq!(repair(&mut read), 0);
    }

    #[test]
    fn a_few_pairs_prove_nothing() {
        let mut read = bills(5, 28);
        for bill in &mut read {
            bill.end = swapped(bill.end);
        }
        assert_eq!(repair(&mut read), 0);
    }

    #[test]
    fn dates_that_agree_with_readings_stay_as_they_are() {
        for days in [12, 28] {
            let right = bills(40, days);
            let mut found = right.clone();
            assert_eq!(repair(&mut found), 0);
            assert_eq!(found, right);
        }
    }
}
