//! What bills and readings have to do with each other: readings that fell, and bills of less than was read.

use super::{Judge, days_of, span};
use crate::billing::Period;
use crate::model::MICRO;
use crate::register_periods::BilledPeriod;
use crate::rules::{Gap, Rule, RuleEvidence, Verdict};

/// Bills differ from their readings by more than this share of them, and a unit of the register.
const DIFFERENCE: f64 = 0.001;

impl Judge<'_> {
    pub(super) fn reverse(&self) -> RuleEvidence {
        let rule = Rule::ReverseFlow;
        let needed = self.config.reverse_flow.min_days;
        let place = self.bills[0].service_point;
        let received = |place| self.registry.received_channels(place, i64::MIN, i64::MAX).next();
        if place.and_then(received).is_some() {
            return RuleEvidence::not_judged(rule, Gap::ReceivedChannel, f64::from(needed));
        }
        let fell: Vec<&BilledPeriod> = self
            .usable
            .iter()
            .map(|bill| &bill.billed)
            .filter(|bill| runs_backwards(bill))
            .collect();
        let days = days_of(fell.iter().copied());
        let hit = days >= needed;
        let energy = |bill: &&BilledPeriod| {
            let by_readings = bill.by_readings_micro.unwrap_or(0).min(0);
            bill.value_micro
                .unwrap_or(0)
                .min(by_readings)
                .saturating_neg()
                .max(0)
        };
        RuleEvidence {
            verdict: if hit { Verdict::Hit } else { Verdict::Miss },
            value: days as f32,
            threshold: needed as f32,
            kwh_micro: fell.iter().map(energy).fold(0, i64::saturating_add),
            ..over(rule, &fell, if hit { 0.4 } else { 0.0 })
        }
    }

    pub(super) fn mismatch(&self) -> RuleEvidence {
        let rule = Rule::RegisterMismatch;
        let least = self.config.register_mismatch.min_shortfall;
        let read = |bill: &Period| {
            let by_readings = bill.billed.by_readings_micro?;
            Some((by_readings, by_readings.saturating_sub(bill.billed.value_micro?)))
        };
        if !self.usable.iter().any(|bill| read(bill).is_some()) {
            return RuleEvidence::not_judged(rule, Gap::NoRegister, least);
        }
        let is_short = |bill: &Period| {
            read(bill).is_some_and(|(by_readings, missing)| {
                missing > MICRO && missing as f64 > DIFFERENCE * by_readings as f64
            })
        };
        let first = self.usable.iter().position(is_short).unwrap_or(0);
        let last = self.usable.iter().rposition(is_short).unwrap_or(0);
        let (mut passed, mut missing) = (0.0, 0_i64);
        let within = &self.usable[first..=last];
        for bill in within {
            let Some((by_readings, short)) = read(bill) else {
                continue;
            };
            passed += by_readings.max(0) as f64;
            if is_short(bill) {
                missing = missing.saturating_add(short);
            }
        }
        let shortfall = if missing > 0 && passed > 0.0 {
            missing as f64 / passed
        } else {
            0.0
        };
        let short: Vec<&BilledPeriod> = within
            .iter()
            .filter(|bill| is_short(bill))
            .map(|bill| &bill.billed)
            .collect();
        let hit = shortfall >= least;
        let strength = if hit { 0.05 } else { 0.05 * shortfall / least };
        RuleEvidence {
            verdict: if hit { Verdict::Hit } else { Verdict::Miss },
            value: shortfall as f32,
            threshold: least as f32,
            kwh_micro: missing,
            ..over(rule, &short, strength)
        }
    }
}

/// Evidence of a sum over some bills, in any order.
fn over(rule: Rule, bills: &[&BilledPeriod], strength: f64) -> RuleEvidence {
    let (onset_day, end_day) = if bills.is_empty() {
        (0, 0)
    } else {
        span(bills.iter().copied())
    };
    RuleEvidence {
        rule,
        verdict: Verdict::Miss,
        value: 0.0,
        threshold: 0.0,
        onset_day,
        end_day,
        strength: strength as f32,
        kwh_micro: 0,
    }
}

/// Whether a bill is below 0, or its reading fell and what was billed is no roll-over of a register with as many digits as
/// the reading before has, or more.
fn runs_backwards(bill: &BilledPeriod) -> bool {
    let Some(value) = bill.value_micro else {
        return false;
    };
    if value < 0 {
        return true;
    }
    let (Some(before), Some(after)) = (bill.previous_reading_micro, bill.reading_micro) else {
        return false;
    };
    let Some(by_readings) = bill.by_readings_micro else {
        return false;
    };
    if after >= before || by_readings >= 0 {
        return false;
    }
    let fell = after.saturating_sub(before);
    let multiplier = by_readings as f64 / fell as f64;
    let mut range = MICRO;
    for _ in 0..12 {
        let passed = fell.saturating_add(range) as f64 * multiplier;
        if range > before && (passed - value as f64).abs() <= MICRO as f64 * multiplier {
            return false;
        }
        range = range.saturating_mul(10);
    }
    true
}
