//! Rules for registers with long periods ([`crate::register_periods::long_registers`]): bills judged as bills.
//!
//! Spread over its days, a bill of four months says a hundred times what it says once. So such registers take no part in
//! the rules by day; what the catalogue asks of bills is asked here, under the same codes and thresholds:
//!
//! | code | by bills | strength |
//! |---|---|---|
//! | `SUSTAINED_DROP` | strongest step of `r` (level against the peers' bills of the month; against whole years of its own where peers are few) that lasts to the register's last bill: score -4 or less | see below |
//! | `ZERO_WHILE_ON` | bills of exactly 0 for 60 days or more after three used ones | 0.8 where other use of the place (gas) went on, else 0.5 |
//! | `REVERSE_FLOW` | bills below 0, or readings that fell and no roll-over makes up for; in days | 0.4 |
//! | `REGISTER_MISMATCH` | bills of less than the difference of their readings, added up: no more thefts than chance | 0.05 |
//! | `SIBLING_MISMATCH` | a fall or zeros beside registers and other use (gas) that stood still | that of the fall |
//! | `OVERLAPPING_INSTALL` | as for all meters | |
//!
//! A fall that goes on says little of a cause: of real bills, such homes held no more thefts than others did. So falls,
//! zeros and readings that fell carry `billing_register` and open no case alone. One thing does: the level fell while the home
//! was lived in, the register was exchanged, and the next one read again what had been read before the fall
//! (`exchange` says what that takes). Half of such homes were thefts.
//!
//! Rules rest on [`BilledPeriod::is_usable`] bills only. Where other use fell as well, `vacancy` stands against a hit; where
//! registers beside made up for half of it, `sibling_rose`.

mod days;
mod exchange;
mod readings;
mod windows;
mod zeros;

use rayon::prelude::*;

use super::falls::{short_of, strongest};
use super::{Period, hold_against, order};
use crate::judge::StayEvidence;
use crate::loss::{Loss, first_billable_day};
use crate::model::DAY_SECONDS;
use crate::register_periods::{BilledPeriod, overlap_allowed};
use crate::registry::{Component, Registry};
use crate::rules::{
    Gap, Lack, Rule, RuleConfig, RuleEvidence, Verdict, overlapping_install, ramp, sibling_mismatch,
};
use crate::suppressors::{Suppression, Suppressor};

pub use days::{answer, questions_of_days};
pub use exchange::TakenBack;

/// Score of a fall that is clear, and one that is as clear as it gets.
const CLEAR: (f64, f64) = (4.0, 10.0);
/// `r` above which a home that fell is lived in: about a fifth of the peers' use.
const LIVED_IN: f64 = -1.5;
/// The same without peers, kWh a day.
const LIVED_IN_KWH: f64 = 1.0;
/// Share of a fall that a register which follows takes back, for the fall to have been the register's.
const TAKEN_BACK: f64 = 0.5;
/// Days before and after the last bill of a register in which the one begins that follows it.
const FOLLOWS_DAYS: (i64, i64) = (60, 200);
/// Days at zero that a hit needs at least, whatever the days of daily meters: one short bill of nothing is a holiday.
const ZERO_DAYS: u32 = 60;
/// Used bills before zeros.
const USED_BILLS: usize = 3;
/// Days before an onset that other use is held against, and most days after it.
const OTHER_DAYS: i64 = 365;
/// Share of a fall that registers beside make up for where the use moved to them.
const MADE_UP: f64 = 0.5;
/// Share of the other use before that it keeps where the place is still lived in.
const OTHER_KEPT: f64 = 0.5;

/// Judges the delivered-kWh registers among `periods`; those of other units at the same service points are other use.
/// One item for each component and service point, in no order that means anything. `periods` in any order.
#[must_use]
pub fn judge_bills(periods: &[BilledPeriod], registry: &Registry, config: &RuleConfig) -> Vec<StayEvidence> {
    let lake = BillLake::of(periods, registry);
    lake.judge(registry, config)
}

/// The bills of a lake beside their peers: made once, judged under any config.
#[derive(Debug, Clone, Default)]
pub struct BillLake {
    /// Usable ones with energy, by service point, component and end.
    usable: Vec<Period>,
    /// All of delivered-kWh registers, likewise.
    all: Vec<BilledPeriod>,
    /// Usable ones of other units, by service point and end.
    other: Vec<BilledPeriod>,
}

fn place_of(bill: &BilledPeriod) -> (u32, u32) {
    let place = bill.service_point.unwrap_or(u32::MAX);
    (place, bill.component)
}

impl BillLake {
    /// Of all periods of long registers, in any order.
    #[must_use]
    pub fn of(periods: &[BilledPeriod], registry: &Registry) -> Self {
        let mut periods = periods.to_vec();
        let moved = order::repair(&mut periods) > 0;
        periods.retain(|bill| bill.end > bill.start);
        periods.sort_unstable_by_key(|bill| (place_of(bill), bill.end, bill.start, bill.value_micro));
        let component = |bill: &BilledPeriod| registry.components.get(bill.component as usize);
        if moved {
            // What was said of them was said of wrong dates.
            for at in 0..periods.len() {
                let before = at.checked_sub(1).map(|before| periods[before]);
                let bill = &mut periods[at];
                let allowed = overlap_allowed(bill.end - bill.start);
                let same = before.filter(|before| before.component == bill.component);
                bill.overlaps = same.is_some_and(|before| before.end - bill.start > allowed);
                let covered = registry.components.get(bill.component as usize);
                bill.coverage = covered.map_or(bill.coverage, |component| {
                    component.coverage(bill.start, bill.end)
                });
            }
        }
        let homes = |bill: &BilledPeriod| {
            component(bill).is_some_and(Component::is_delivered)
                && bill
                    .service_point
                    .is_none_or(|place| registry.transformers.metered_at(place).is_none())
        };
        let all: Vec<BilledPeriod> = periods.iter().copied().filter(homes).collect();
        let mut usable: Vec<Period> = all
            .iter()
            .filter(|bill| bill.is_usable())
            .filter_map(Period::of)
            .collect();
        hold_against(&mut usable, |_| (), |bill, r| bill.peer = Some(r));
        usable.sort_unstable_by_key(|bill| {
            (
                place_of(&bill.billed),
                bill.billed.end,
                bill.billed.start,
                bill.billed.value_micro,
            )
        });
        let is_other =
            |bill: &BilledPeriod| bill.is_usable() && component(bill).is_some_and(Component::is_other_use);
        let mut other: Vec<BilledPeriod> = periods.into_iter().filter(is_other).collect();
        other.sort_unstable_by_key(|bill| (bill.service_point, bill.end, bill.start, bill.value_micro));
        Self { usable, all, other }
    }

    /// The evidence of every component at every service point.
    #[must_use]
    pub fn judge(&self, registry: &Registry, config: &RuleConfig) -> Vec<StayEvidence> {
        let stays: Vec<&[BilledPeriod]> = self.all.chunk_by(|a, b| place_of(a) == place_of(b)).collect();
        stays
            .into_par_iter()
            .map(|bills| {
                let (place, component) = place_of(&bills[0]);
                let from = self
                    .usable
                    .partition_point(|bill| place_of(&bill.billed).0 < place);
                let to = self
                    .usable
                    .partition_point(|bill| place_of(&bill.billed).0 <= place);
                let at_place = if bills[0].service_point.is_some() {
                    &self.usable[from..to]
                } else {
                    // Components that never hung anywhere are no neighbours.
                    let of = &self.usable[from..to];
                    let start = of.partition_point(|bill| bill.billed.component < component);
                    &of[start..of.partition_point(|bill| bill.billed.component <= component)]
                };
                let start = at_place.partition_point(|bill| bill.billed.component < component);
                let end = at_place.partition_point(|bill| bill.billed.component <= component);
                let key = bills[0].service_point;
                let first = self.other.partition_point(|bill| bill.service_point < key);
                let last = self.other.partition_point(|bill| bill.service_point <= key);
                let judge = Judge {
                    registry,
                    config,
                    bills,
                    usable: &at_place[start..end],
                    at_place,
                    other: if key.is_some() {
                        &self.other[first..last]
                    } else {
                        &[]
                    },
                };
                judge.stay()
            })
            .collect()
    }
}

/// Day (since 1970-01-01) on which a bill begins, and its last one.
fn days(bill: &BilledPeriod) -> (i32, i32) {
    let day = |at: i64| i32::try_from(at.div_euclid(DAY_SECONDS)).unwrap_or(i32::MAX);
    (day(bill.start), day(bill.end - 1))
}

fn length(bill: &BilledPeriod) -> u32 {
    let (first, last) = days(bill);
    (i64::from(last) - i64::from(first) + 1).unsigned_abs() as u32
}

/// Days of some bills together.
fn days_of<'b>(bills: impl Iterator<Item = &'b BilledPeriod>) -> u32 {
    bills.map(length).fold(0, u32::saturating_add)
}

/// First day of some bills and their last.
fn span<'b>(bills: impl Iterator<Item = &'b BilledPeriod>) -> (i32, i32) {
    bills.map(days).fold((i32::MAX, i32::MIN), |span, (first, last)| {
        (span.0.min(first), span.1.max(last))
    })
}

/// One register at one service point.
struct Judge<'a> {
    registry: &'a Registry,
    config: &'a RuleConfig,
    /// All of its bills, by end; at least one.
    bills: &'a [BilledPeriod],
    /// The usable ones.
    usable: &'a [Period],
    /// Those of all registers of the service point, by component and end.
    at_place: &'a [Period],
    /// Bills of other units there, by end.
    other: &'a [BilledPeriod],
}

/// A hit of a level rule: evidence, first bill of it, and what speaks against it.
struct Found {
    evidence: RuleEvidence,
    /// Positions among the usable bills.
    bills: std::ops::Range<usize>,
    /// What the next register says, where nothing but this one explains it.
    taken_back: Option<TakenBack>,
}

impl Judge<'_> {
    fn stay(&self) -> StayEvidence {
        let (first_day, last_day) = span(self.bills.iter());
        let last_actual_day = self.usable.last().map_or(last_day, |bill| days(&bill.billed).1);
        let drop = self.drop();
        let zero = self.zero();
        let fallen = if zero.evidence.is_hit() { &zero } else { &drop };
        let sibling = self.sibling(fallen);
        let mut suppressions = Vec::new();
        for found in [&drop, &zero] {
            self.against(found, &mut suppressions);
        }
        let reverse = self.reverse();
        if reverse.is_hit() {
            suppressions.push(self.totals_only(&reverse));
        }
        let of_bills = [zero.evidence, drop.evidence, reverse, self.mismatch(), sibling];
        let paperwork = overlapping_install::found(
            self.registry,
            self.bills[0].component,
            self.bills[0].service_point,
            (first_day, last_actual_day),
        );
        let rules = Rule::ALL
            .into_iter()
            .filter(|rule| *rule != Rule::DropAfterExchange)
            .map(|rule| {
                let known = of_bills
                    .iter()
                    .chain([&paperwork])
                    .find(|found| found.rule == rule);
                known
                    .copied()
                    .unwrap_or_else(|| RuleEvidence::not_judged(rule, Gap::LongPeriods, f64::NAN))
            })
            .collect();
        let usable_days = days_of(self.usable.iter().map(|bill| &bill.billed));
        let all_days = days_of(self.bills.iter());
        StayEvidence {
            component: self.bills[0].component,
            service_point: self.bills[0].service_point,
            first_day,
            last_day,
            last_actual_day,
            days_observed: all_days.min((last_day - first_day + 1).unsigned_abs()),
            actual_share: (f64::from(usable_days) / f64::from(all_days.max(1))) as f32,
            rules,
            suppressions,
            edges: None,
            weeks: Vec::new(),
            loss: self.loss(&drop, &zero, last_actual_day),
            taken_back: drop.taken_back,
            usage_micro: 0,
        }
    }

    /// Energy that the bills of a hit lack, and its band, within the billable time.
    fn loss(&self, drop: &Found, zero: &Found, last_actual_day: i32) -> Option<Loss> {
        let hits = [drop, zero].into_iter().filter(|found| found.evidence.is_hit());
        let first = hits.min_by_key(|found| found.bills.start)?;
        let billable = first_billable_day(last_actual_day, self.config.back_billing_months);
        let bills = &self.usable[first.bills.clone()];
        short_of(
            &self.usable[..first.bills.start],
            bills,
            i64::from(billable) * DAY_SECONDS,
        )
    }

    fn drop(&self) -> Found {
        let rule = Rule::SustainedDrop;
        let max_ratio = self.config.sustained_drop.max_ratio;
        let n = self.usable.len();
        let none = |evidence| Found {
            evidence,
            bills: n..n,
            taken_back: None,
        };
        let Some(fall) = strongest(self.usable) else {
            return none(RuleEvidence::not_judged(rule, Gap::TooFewDays, max_ratio));
        };
        let ratio = fall.size.exp();
        let (low, clear) = (ratio <= max_ratio, fall.score <= -CLEAR.0);
        let verdict = match (low, clear) {
            (true, true) => Verdict::Hit,
            (true, false) => Verdict::MissFor(Lack::Unclear),
            (false, _) => Verdict::Miss,
        };
        let is_hit = verdict == Verdict::Hit;
        let taken_back = if is_hit { self.taken_back(&fall) } else { None };
        let sure = ramp(-fall.score, CLEAR.0, CLEAR.1);
        let strength = match (is_hit, &taken_back) {
            (true, Some(back)) => 0.6 + 0.2 * sure + 0.2 * f64::from(back.closeness),
            (true, None) => 0.5 + 0.3 * sure,
            (false, _) => 0.3 * ramp(ratio, 1.0, max_ratio) * ramp(-fall.score, 0.0, CLEAR.0),
        };
        let after = fall.first..n;
        let (onset_day, end_day) = span(self.usable[after.clone()].iter().map(|bill| &bill.billed));
        let missing = short_of(&self.usable[..fall.first], &self.usable[after.clone()], i64::MIN);
        Found {
            evidence: RuleEvidence {
                rule,
                verdict,
                value: ratio as f32,
                threshold: max_ratio as f32,
                onset_day,
                end_day,
                strength: strength as f32,
                kwh_micro: missing.map_or(0, |loss| loss.lost_micro),
            },
            bills: after,
            taken_back,
        }
    }

    fn sibling(&self, fallen: &Found) -> RuleEvidence {
        let found = Some(&fallen.evidence).filter(|evidence| evidence.is_hit());
        let fall = found.and_then(|evidence| {
            let by_other = self.other_kept((evidence.onset_day, evidence.end_day));
            let by_other = by_other.map(|kept| kept - 1.0);
            let share = match (by_other, self.made_up(evidence)) {
                (Some(other), Some(beside)) => other.max(beside),
                (one, other) => one.or(other)?,
            };
            Some((evidence, share))
        });
        sibling_mismatch::judge(fall, &self.config.sibling_mismatch)
    }

    /// What speaks against a fall or zeros.
    fn against(&self, found: &Found, suppressions: &mut Vec<Suppression>) {
        let evidence = &found.evidence;
        if !evidence.is_hit() || found.taken_back.is_some() {
            return;
        }
        suppressions.push(self.totals_only(evidence));
        if let Some(share) = self.made_up(evidence).filter(|share| *share >= MADE_UP) {
            suppressions.push(Suppression {
                suppressor: Suppressor::SiblingRose,
                rule: evidence.rule,
                factor: self.config.suppressors.factor(Suppressor::SiblingRose) as f32,
                measured: share as f32,
            });
        }
        if let Some(kept) = self
            .other_kept((evidence.onset_day, evidence.end_day))
            .filter(|kept| *kept < OTHER_KEPT)
        {
            suppressions.push(Suppression {
                suppressor: Suppressor::Vacancy,
                rule: evidence.rule,
                factor: self.config.suppressors.factor(Suppressor::Vacancy) as f32,
                // Below 0 for the text; nothing at all is as little as can be told.
                measured: -(kept.max(0.001) as f32),
            });
        }
    }

    fn totals_only(&self, evidence: &RuleEvidence) -> Suppression {
        Suppression {
            suppressor: Suppressor::BillingRegister,
            rule: evidence.rule,
            factor: self.config.suppressors.factor(Suppressor::BillingRegister) as f32,
            measured: (evidence.end_day - evidence.onset_day + 1) as f32,
        }
    }
}

#[cfg(test)]
mod tests;
