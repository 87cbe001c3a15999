//! What a service point used in a stretch of time, register by register, and times of the same season in other years.

use std::ops::Range;

use super::{Judge, OTHER_DAYS};
use crate::billing::Period;
use crate::judge::COMPONENTS_OF_A_PLACE;
use crate::model::DAY_SECONDS;
use crate::rules::RuleEvidence;

/// Seconds from a time to the same one a year later, near enough for bills.
pub(super) const YEAR: i64 = OTHER_DAYS * DAY_SECONDS;

/// The bills of a register overlap a window by more than half of the time that it was there.
fn is_known(covered: i64, there: i64) -> bool {
    2 * covered > there
}

/// Seconds that two stretches of time share.
fn shared(a: &Range<i64>, b: &Range<i64>) -> i64 {
    (a.end.min(b.end) - a.start.max(b.start)).max(0)
}

fn time_of(bill: &Period) -> Range<i64> {
    bill.billed.start..bill.billed.end
}

/// `window` so many whole years earlier that it ends by `end`; `None` where it would begin before `first`.
pub(super) fn same_season(window: &Range<i64>, first: i64, end: i64) -> Option<Range<i64>> {
    let years = (window.end - end).max(0).div_euclid(YEAR) + i64::from((window.end - end).max(0) % YEAR > 0);
    let found = window.start - years * YEAR..window.end - years * YEAR;
    (found.start >= first).then_some(found)
}

impl Judge<'_> {
    /// The registers of the place, each with its bills; none of a placeholder for places unknown.
    pub(super) fn registers(&self) -> impl Iterator<Item = &[Period]> {
        let by_register = || {
            self.at_place
                .chunk_by(|a, b| a.billed.component == b.billed.component)
        };
        let is_home = by_register().nth(COMPONENTS_OF_A_PLACE).is_none();
        by_register().filter(move |_| is_home)
    }

    /// Mean kWh a day of some registers of the place together, over what the peers' bills of the month are (as they are where
    /// there are no peers). A register counts for the time from its first bill to its last; `None` where half of that time, or
    /// more, has no usable bill.
    pub(super) fn use_of(
        &self,
        window: &Range<i64>,
        against_peers: bool,
        of: impl Fn(u32) -> bool,
    ) -> Option<f64> {
        let mut sum = 0.0;
        for bills in self.registers().filter(|bills| of(bills[0].billed.component)) {
            let first = bills.iter().map(|bill| bill.billed.start).min()?;
            let there = shared(window, &(first..bills[bills.len() - 1].billed.end));
            let (mut used, mut covered) = (0.0, 0);
            for bill in bills {
                let of_bill = shared(window, &time_of(bill));
                let usual = bill
                    .peer
                    .filter(|_| against_peers)
                    .map_or(1.0, |r| (bill.ln - r).exp());
                used += of_bill as f64 * bill.kwh_a_day() / usual;
                covered += of_bill;
            }
            if there > 0 && !is_known(covered, there) {
                return None;
            }
            if covered > 0 {
                sum += used / covered as f64 * there as f64 / (window.end - window.start) as f64;
            }
        }
        Some(sum)
    }

    /// Share of a fall, or of zeros, that registers beside this one made up for in its first year; `None` where there are none
    /// in half of that time, or not enough is known of them.
    pub(super) fn made_up(&self, found: &RuleEvidence) -> Option<f64> {
        let own = self.bills[0].component;
        let from = i64::from(found.onset_day) * DAY_SECONDS;
        let window = from..((i64::from(found.end_day) + 1) * DAY_SECONDS).min(from + YEAR);
        let beside = |bills: &&[Period]| {
            let time = bills[0].billed.start..bills[bills.len() - 1].billed.end;
            bills[0].billed.component != own && is_known(shared(&window, &time), window.end - window.start)
        };
        let beside: Vec<u32> = self
            .registers()
            .filter(beside)
            .map(|bills| bills[0].billed.component)
            .collect();
        if beside.is_empty() {
            return None;
        }
        let earlier = window.start - YEAR..window.end - YEAR;
        let change = |of: &dyn Fn(u32) -> bool| {
            Some(self.use_of(&window, false, of)? - self.use_of(&earlier, false, of)?)
        };
        let fell = -change(&|component| component == own)?;
        let rose = change(&|component| beside.binary_search(&component).is_ok())?;
        (fell > 0.0).then(|| rose / fell)
    }

    /// Mean use of other units a day in a window; `None` where half of it, or more, has no bill.
    fn other_use(&self, window: &Range<i64>) -> Option<f64> {
        let (mut used, mut covered) = (0.0, 0);
        for bill in self.other {
            let of_bill = shared(window, &(bill.start..bill.end));
            if of_bill > 0 {
                let share = of_bill as f64 / (bill.end - bill.start) as f64;
                used += share * bill.value_micro.unwrap_or(0) as f64;
                covered += of_bill;
            }
        }
        is_known(covered, window.end - window.start).then(|| used / covered as f64)
    }

    /// Other use of the place from `onset` on, for a year at most, as a share of that on the same days of the year before.
    /// `None` where half of either time, or more, has no bill, or nothing was used before.
    pub(super) fn other_kept(&self, (onset, end): (i32, i32)) -> Option<f64> {
        let onset = i64::from(onset) * DAY_SECONDS;
        let end = ((i64::from(end) + 1) * DAY_SECONDS).min(onset + YEAR);
        self.other_change(&(onset - YEAR..end - YEAR), &(onset..end))
    }

    /// Other use in a window as a share of that in an earlier one; `None` where half of either, or more, has no bill, or nothing
    /// was used in the earlier one.
    pub(super) fn other_change(&self, earlier: &Range<i64>, window: &Range<i64>) -> Option<f64> {
        let (before, now) = (self.other_use(earlier)?, self.other_use(window)?);
        (before > 0.0).then(|| now / before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_season_is_whole_years_earlier_and_never_before_the_first_bill() {
        let day = |n: i64| n * DAY_SECONDS;
        let window = day(1_000)..day(1_100);
        assert_eq!(
            same_season(&window, 0, day(1_000)),
            Some(day(635)..day(735)),
            "a year"
        );
        assert_eq!(same_season(&window, 0, day(735)), Some(day(635)..day(735)));
        assert_eq!(
            same_season(&window, 0, day(734)),
            Some(day(270)..day(370)),
            "a day short of it"
        );
        assert_eq!(same_season(&window, day(271), day(734)), None);
        assert_eq!(
            same_season(&window, 0, day(1_100)),
            Some(window.clone()),
            "nothing to move"
        );
    }
}
