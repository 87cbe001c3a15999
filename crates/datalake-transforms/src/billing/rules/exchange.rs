//! A fall that ended with its register: what the one fitted next says of it.
//!
//! Households change, appliances come and go, and now and then that falls together with an exchange. So all of this must
//! hold, and of most lives that look alike something does not:
//!
//! | asked | what it tells apart |
//! |---|---|
//! | a year or more of bills before the fall | a few bills are no level |
//! | the bills from the fall on are low as a rule | one wrong reading; low estimates that the last bill makes up for |
//! | lived in, by what was counted | a home that stood empty; a register that stopped, which is why it was exchanged |
//! | another device follows, within months, and outlasts it | a second register of the same meter, a second meter beside it |
//! | the place as a whole fell, by half or more of what the register fell | use that moved to a register beside it |
//! | the place is back by half or more of the fall within the first year, and by a quarter in the first bill, held against the same season | a household that came later; use that was on other registers; a heating season |
//! | other use did not end with the exchange | gas given up for a heat pump |
//!
//! What is left and cannot be told from it: a household that left, and one that uses as much as the one before it and moved in
//! with the exchange, or was back some weeks before it. The nearer the new level is to the old one, the less that is chance:
//! see [`TakenBack`]. Of real homes, those where the last bill before the exchange was high again, and those that used far
//! more after it than ever before, held as many thefts as the others: neither speaks against a case.

use std::ops::Range;

use super::windows::{YEAR, same_season};
use super::{FOLLOWS_DAYS, Judge, LIVED_IN, LIVED_IN_KWH, TAKEN_BACK};
use crate::billing::falls::{Fall, SEASONS_DAYS};
use crate::billing::{LN_OFFSET, Period};
use crate::model::DAY_SECONDS;
use crate::quantiles::median;

/// Share of a fall that the first bill of the next register takes back.
const BEGINS: f64 = 0.25;
/// Bills of fewer days say little of a level.
const SHORT_DAYS: f64 = 14.0;
/// How far from the level before the next register may be and still be near it, ln: twice as much, or half.
const NEAR: f64 = std::f64::consts::LN_2;
/// Other use that fell below this with the exchange: what it did before is electricity's now.
const OTHER_ENDED: f64 = 0.5;

/// What the register that was fitted next read, kWh a day of all registers of the place as they were billed. Where less than a
/// year of the new one is known, the others are of its season.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TakenBack {
    /// Dense index of the component that followed.
    pub component: u32,
    /// First day of its first bill, since 1970-01-01.
    pub first_day: i32,
    /// Days from there that the comparison rests on.
    pub days: i32,
    /// Before the fall.
    pub before_kwh: f32,
    /// From the fall to the exchange.
    pub fallen_kwh: f32,
    /// After it.
    pub after_kwh: f32,
    /// 1 where the level, held against the peers, is that before the fall, down to 0 where it is half of the fall, or a factor
    /// of two, away from it.
    pub closeness: f32,
}

impl TakenBack {
    /// As text, with `id` of the register that followed.
    #[must_use]
    pub fn text(&self, id: &str) -> String {
        format!(
            "the register fitted next, {id}, read {:.1} kWh a day in its first {} days; in such seasons {:.1} had been read \
             before the fall and {:.1} after it, so the fall ended with the register; a household that left, and another that \
             came with the exchange, would look alike",
            self.after_kwh, self.days, self.before_kwh, self.fallen_kwh
        )
    }
}

/// Use of a place before a fall, from it on, and after the exchange, kWh a day at the season of a window after it.
struct Levels {
    before: f64,
    fallen: f64,
    after: f64,
}

impl Levels {
    fn ln(kwh: f64) -> f64 {
        (kwh.max(0.0) + LN_OFFSET).ln()
    }

    /// Share of the fall that was taken back, ln.
    fn taken_back(&self) -> f64 {
        let fell = Self::ln(self.before) - Self::ln(self.fallen);
        if fell > 0.0 {
            (Self::ln(self.after) - Self::ln(self.fallen)) / fell
        } else {
            0.0
        }
    }

    fn closeness(&self) -> f64 {
        let off = (Self::ln(self.after) - Self::ln(self.before)).abs();
        let fell = Self::ln(self.before) - Self::ln(self.fallen);
        (1.0 - off / (TAKEN_BACK * fell).clamp(f64::MIN_POSITIVE, NEAR)).max(0.0)
    }

    /// Whether the place fell by half or more of what the register did.
    fn fell_as_a_whole(&self, fall: &Fall) -> bool {
        Self::ln(self.before) - Self::ln(self.fallen) >= -TAKEN_BACK * fall.size
    }
}

/// The times before a fall and from it on, or, for a window of less than a year, what of them has its season.
fn earlier(window: &Range<i64>, start: i64, fallen: &Range<i64>) -> [Range<i64>; 2] {
    let all = [start..fallen.start, fallen.clone()];
    if (window.end - window.start) as f64 >= SEASONS_DAYS * DAY_SECONDS as f64 {
        return all;
    }
    all.map(|all| same_season(window, all.start, all.end).unwrap_or(all))
}

impl Judge<'_> {
    /// What the register that followed says of a fall, if it was the register's.
    pub(super) fn taken_back(&self, fall: &Fall) -> Option<TakenBack> {
        let (before, fallen) = self.usable.split_at(fall.first);
        let (first, last) = (before.first()?, fallen.last()?);
        let (start, onset) = (first.billed.start, fallen.first()?.billed.start);
        let known = (onset - start) as f64 / DAY_SECONDS as f64;
        let stayed = known >= SEASONS_DAYS && stayed_down(before, fallen, fall);
        if !stayed || !self.is_lived_in(fall) {
            return None;
        }
        let time = onset..last.billed.end;
        let next = self.next(last)?;
        // What both counted at the same time says nothing.
        let from = next[0].billed.start.max(time.end);
        let end = next[next.len() - 1].billed.end.min(from + YEAR);
        let mut counted = 0.0;
        let early = next.iter().find(|bill| {
            counted +=
                (bill.billed.end - from).min(bill.billed.end - bill.billed.start) as f64 / DAY_SECONDS as f64;
            counted >= SHORT_DAYS
        })?;
        let back = |until: i64, least: f64| {
            let window = from..until;
            let earlier = earlier(&window, start, &time);
            let levels = self.levels(&window, &earlier)?;
            (levels.taken_back() >= least).then_some((window, earlier, levels))
        };
        back(early.billed.end.min(end), BEGINS)?;
        let (window, [before, fallen], levels) = back(end, TAKEN_BACK)?;
        if !levels.fell_as_a_whole(fall) {
            return None;
        }
        let length = window.end - window.start;
        let same_days = window.start - YEAR..window.start - YEAR + length;
        let ended = self.other_change(&same_days, &window);
        if ended.is_some_and(|change| change < OTHER_ENDED) {
            return None;
        }
        let days = |seconds: i64| i32::try_from(seconds.div_euclid(DAY_SECONDS)).ok();
        Some(TakenBack {
            component: next[0].billed.component,
            first_day: days(from)?,
            days: days(end - from)?,
            before_kwh: self.use_of(&before, false, |_| true)? as f32,
            fallen_kwh: self.use_of(&fallen, false, |_| true)? as f32,
            after_kwh: levels.after as f32,
            closeness: levels.closeness() as f32,
        })
    }

    fn levels(&self, window: &Range<i64>, [before, fallen]: &[Range<i64>; 2]) -> Option<Levels> {
        let has_peers = self.at_place.iter().all(|bill| bill.peer.is_some());
        let of = |window: &Range<i64>| self.use_of(window, has_peers, |_| true);
        let (after, against_peers) = (self.use_of(window, false, |_| true)?, of(window)?);
        // Levels against the peers, at what the peers used in the window.
        let scale = if against_peers > 0.0 {
            after / against_peers
        } else {
            1.0
        };
        Some(Levels {
            before: scale * of(before)?,
            fallen: scale * of(fallen)?,
            after,
        })
    }

    fn is_lived_in(&self, fall: &Fall) -> bool {
        if fall.has_peers {
            return fall.after > LIVED_IN;
        }
        let mut rates: Vec<f64> = self.usable[fall.first..].iter().map(Period::kwh_a_day).collect();
        median(&mut rates).is_some_and(|kwh| kwh > LIVED_IN_KWH)
    }

    /// Bills of the register of another device that began nearest to the end of this one's last bill, and outlasts it.
    fn next(&self, last: &Period) -> Option<&[Period]> {
        let end = last.billed.end;
        let follows = end - FOLLOWS_DAYS.0 * DAY_SECONDS..=end + FOLLOWS_DAYS.1 * DAY_SECONDS;
        let device = |bill: &Period| {
            let component = self.registry.components.get(bill.billed.component as usize)?;
            component.device_id.as_deref()
        };
        let own = device(last);
        let energy = |bills: &[Period]| -> i128 {
            let micro = bills.iter().filter_map(|bill| bill.billed.value_micro);
            micro.map(i128::from).sum()
        };
        self.registers()
            .filter(|bills| bills[0].billed.component != last.billed.component)
            .filter(|bills| own.is_none() || device(&bills[0]) != own)
            .filter(|bills| follows.contains(&bills[0].billed.start))
            .filter(|bills| bills[bills.len() - 1].billed.end > end)
            // Of two that began together the one that counted more.
            .min_by_key(|bills| ((bills[0].billed.start - end).abs(), -energy(bills)))
    }
}

/// Whether more than single bills fell.
fn stayed_down(before: &[Period], fallen: &[Period], fall: &Fall) -> bool {
    let level = |bill: &Period| bill.peer.filter(|_| fall.has_peers).unwrap_or(bill.ln);
    let middle = |bills: &[Period]| median(&mut bills.iter().map(level).collect::<Vec<f64>>());
    let levels = middle(before).zip(middle(fallen));
    levels.is_some_and(|(usual, low)| low - usual <= TAKEN_BACK * fall.size)
}

#[cfg(test)]
mod tests;
