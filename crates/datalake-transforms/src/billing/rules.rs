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
//! | `SIBLING_MISMATCH` | a fall or zeros beside other use (gas) that stood still | that of the fall |
//! | `OVERLAPPING_INSTALL` | as for all meters | |
//!
//! A fall that goes on says little of a cause: of real bills, such homes held no more thefts than others did. So falls,
//! zeros and readings that fell carry `billing_register` and open no case alone. One thing does: the level fell while the home
//! was lived in, the register was exchanged, and the next one counted at least half of the way back. Half of
//! such homes were thefts.
//!
//! Rules rest on [`BilledPeriod::is_usable`] bills only. Where other use fell as well, `vacancy` stands against a hit.

mod days;
mod readings;

use rayon::prelude::*;

use super::falls::{Fall, short_of, strongest};
use super::{Period, hold_against, order};
use crate::judge::StayEvidence;
use crate::loss::{Loss, first_billable_day};
use crate::model::DAY_SECONDS;
use crate::quantiles::median;
use crate::register_periods::{BilledPeriod, overlap_allowed};
use crate::registry::{Component, Registry};
use crate::rules::{
    Gap, Lack, Rule, RuleConfig, RuleEvidence, Verdict, overlapping_install, ramp, sibling_mismatch,
};
use crate::suppressors::{Suppression, Suppressor};

pub use days::{answer, questions_of_days};

/// Score of a fall that is clear, and one that is as clear as it gets.
const CLEAR: (f64, f64) = (4.0, 10.0);
/// `r` above which a home that fell is lived in: about a fifth of the peers' use.
const LIVED_IN: f64 = -1.5;
/// The same without peers, kWh a day.
const LIVED_IN_KWH: f64 = 1.0;
/// Share of a fall that a register which follows takes back, for the fall to have been the register's.
const TAKEN_BACK: f64 = 0.5;
/// First bills of a register that its level is taken from.
const FIRST_BILLS: usize = 3;
/// Days before and after the last bill of a register in which the one begins that follows it.
const FOLLOWS_DAYS: (i64, i64) = (60, 200);
/// Days at zero that a hit needs at least, whatever the days of daily meters: one short bill of nothing is a holiday.
const ZERO_DAYS: u32 = 60;
/// Used bills before zeros.
const USED_BILLS: usize = 3;
/// Days before an onset that other use is held against, and most days after it.
const OTHER_DAYS: i64 = 365;
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
    (last - first + 1).unsigned_abs()
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
    /// Whether nothing but the register explains it.
    confirmed: bool,
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
        let usable_days: u32 = self.usable.iter().map(|bill| length(&bill.billed)).sum();
        let all_days: u32 = self.bills.iter().map(length).sum();
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
            confirmed: false,
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
        let confirmed = is_hit && self.is_lived_in(&fall) && self.is_taken_back(&fall);
        let sure = ramp(-fall.score, CLEAR.0, CLEAR.1);
        let strength = match (is_hit, confirmed) {
            (true, true) => 0.7 + 0.3 * sure,
            (true, false) => 0.5 + 0.3 * sure,
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
            confirmed,
        }
    }

    fn is_lived_in(&self, fall: &Fall) -> bool {
        if fall.has_peers {
            return fall.after > LIVED_IN;
        }
        let mut rates: Vec<f64> = self.usable[fall.first..].iter().map(Period::kwh_a_day).collect();
        median(&mut rates).is_some_and(|kwh| kwh > LIVED_IN_KWH)
    }

    /// Whether a register followed whose level is at least half of the way back to that before the fall.
    fn is_taken_back(&self, fall: &Fall) -> bool {
        let Some(last) = self.usable.last() else {
            return false;
        };
        let end = last.billed.end;
        let follows = end - FOLLOWS_DAYS.0 * DAY_SECONDS..=end + FOLLOWS_DAYS.1 * DAY_SECONDS;
        let others = self
            .at_place
            .chunk_by(|a, b| a.billed.component == b.billed.component)
            .filter(|bills| bills[0].billed.component != last.billed.component)
            .filter(|bills| follows.contains(&bills[0].billed.start));
        others.into_iter().any(|bills| {
            let level = |bill: &Period| if fall.has_peers { bill.peer } else { Some(bill.ln) };
            let mut levels: Vec<f64> = bills.iter().filter_map(level).take(FIRST_BILLS).collect();
            median(&mut levels).is_some_and(|level| level >= fall.after - TAKEN_BACK * fall.size)
        })
    }

    fn zero(&self) -> Found {
        let rule = Rule::ZeroWhileOn;
        let config = &self.config.zero_while_on;
        let needed = config.min_days.max(ZERO_DAYS);
        let is_zero = |bill: &Period| bill.billed.value_micro == Some(0);
        let n = self.usable.len();
        let mut longest: Option<(u32, std::ops::Range<usize>)> = None;
        let mut start = 0;
        while start < n {
            let mut end = start;
            while end < n && is_zero(&self.usable[end]) {
                end += 1;
            }
            let days: u32 = self.usable[start..end]
                .iter()
                .map(|bill| length(&bill.billed))
                .sum();
            let mut used: Vec<f64> = self.usable[..start]
                .iter()
                .filter(|bill| bill.kwh > 0.0)
                .map(Period::kwh_a_day)
                .collect();
            let lived_in = used.len() >= USED_BILLS
                && median(&mut used).is_some_and(|kwh| kwh > config.min_baseline_kwh_per_day);
            // The latest of equals.
            if end > start && lived_in && longest.as_ref().is_none_or(|(most, _)| days >= *most) {
                longest = Some((days, start..end));
            }
            start = end.max(start + 1);
        }
        let (found, bills) = longest.unwrap_or((0, n..n));
        let hit = found >= needed;
        let (onset_day, end_day) = if bills.is_empty() {
            (0, 0)
        } else {
            span(self.usable[bills.clone()].iter().map(|bill| &bill.billed))
        };
        let goes_on = hit
            && self
                .other_kept((onset_day, end_day))
                .is_some_and(|kept| kept >= OTHER_KEPT);
        let strength = match (hit, goes_on) {
            (true, true) => 0.8,
            (true, false) => 0.5,
            (false, _) => 0.3 * f64::from(found) / f64::from(needed),
        };
        let missing = short_of(&self.usable[..bills.start], &self.usable[bills.clone()], i64::MIN);
        Found {
            evidence: RuleEvidence {
                rule,
                verdict: if n == 0 {
                    Verdict::NotJudged(Gap::TooFewDays)
                } else if hit {
                    Verdict::Hit
                } else {
                    Verdict::Miss
                },
                value: found as f32,
                threshold: needed as f32,
                onset_day,
                end_day,
                strength: strength as f32,
                kwh_micro: missing.map_or(0, |loss| loss.lost_micro),
            },
            bills,
            confirmed: false,
        }
    }

    /// Other use of the place from `onset` on, as a share of that of the year before; `None` where half of either time, or
    /// more, has no bill, or nothing was used before.
    fn other_kept(&self, (onset, end): (i32, i32)) -> Option<f64> {
        let onset = i64::from(onset) * DAY_SECONDS;
        let end = ((i64::from(end) + 1) * DAY_SECONDS).min(onset + OTHER_DAYS * DAY_SECONDS);
        let rate = |from: i64, to: i64| {
            let (mut used, mut covered) = (0.0, 0);
            for bill in self.other {
                let shared = bill.end.min(to) - bill.start.max(from);
                if shared > 0 {
                    let share = shared as f64 / (bill.end - bill.start) as f64;
                    used += share * bill.value_micro.unwrap_or(0) as f64;
                    covered += shared;
                }
            }
            (2 * covered > to - from).then(|| used / covered as f64)
        };
        let before = rate(onset - OTHER_DAYS * DAY_SECONDS, onset)?;
        let after = rate(onset, end)?;
        (before > 0.0).then(|| after / before)
    }

    fn sibling(&self, fallen: &Found) -> RuleEvidence {
        let found = Some(&fallen.evidence).filter(|evidence| evidence.is_hit());
        let fall = found.and_then(|evidence| {
            let kept = self.other_kept((evidence.onset_day, evidence.end_day))?;
            Some((evidence, kept - 1.0))
        });
        sibling_mismatch::judge(fall, &self.config.sibling_mismatch)
    }

    /// What speaks against a fall or zeros.
    fn against(&self, found: &Found, suppressions: &mut Vec<Suppression>) {
        let evidence = &found.evidence;
        if !evidence.is_hit() || found.confirmed {
            return;
        }
        suppressions.push(self.totals_only(evidence));
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
