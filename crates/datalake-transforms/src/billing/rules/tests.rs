#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::model::{Condition, MICRO};
use crate::registry::{Coverage, InstallPeriod, ServicePoint};
use crate::resolve::Codes;
use crate::rules::testing::{noise, period, typed};

/// Homes beside the one that is looked at.
pub(super) const HOMES: u32 = 34;
/// Registers of that home: the first, the one that follows it, and gas.
pub(super) const FIRST: u32 = 0;
pub(super) const SECOND: u32 = 1;
pub(super) const GAS: u32 = 2;
/// A register of another meter beside them, and a second one of the first meter.
pub(super) const BESIDE: u32 = HOMES + 3;
pub(super) const SAME_DEVICE: u32 = HOMES + 4;

pub(super) fn registry() -> Registry {
    let installed: [InstallPeriod; 1] = [period(0, 0, i64::MAX)];
    let mut components = vec![typed("A", None, &installed), typed("B", None, &installed)];
    let mut gas = typed("G", None, &installed);
    if let Some(kind) = &mut gas.component_type {
        kind.uom = "m3".to_owned();
    }
    components.push(gas);
    for home in 1..=HOMES {
        components.push(typed(&format!("P{home:02}"), None, &[period(home, 0, i64::MAX)]));
    }
    components.push(typed("Y", None, &installed));
    components.push(typed("Z", None, &installed));
    components[SAME_DEVICE as usize].device_id = Some("D-A".to_owned());
    let point = |place: u32| ServicePoint {
        id: format!("SP-{place:02}"),
        ..ServicePoint::default()
    };
    Registry::new(components, (0..=HOMES).map(point).collect())
}

/// Bills of 120 days one after another from day `120 x first` on, at so many units a day; readings go on from 1,000.
pub(super) fn bills(place: u32, component: u32, first: usize, rates: &[f64]) -> Vec<BilledPeriod> {
    let micro = |kwh: f64| (kwh * 1e6).round() as i64;
    let mut reading = micro(1_000.0);
    let bill = |(at, rate): (usize, &f64)| {
        let day = 120 * (first + at) as i64;
        let value = micro(120.0 * rate);
        let before = reading;
        reading += value;
        BilledPeriod {
            component,
            service_point: Some(place),
            start: day * DAY_SECONDS,
            end: (day + 120) * DAY_SECONDS,
            value_micro: Some(value),
            previous_reading_micro: Some(before),
            reading_micro: Some(reading),
            is_actual: true,
            condition: Condition::Actual,
            codes: Codes::default(),
            coverage: Coverage::On(0),
            overlaps: false,
            by_readings_micro: Some(value),
        }
    };
    rates.iter().enumerate().map(bill).collect()
}

/// Fifteen bills of every other home: 8 kWh a day, and a fifth of that up and down with the season.
pub(super) fn others() -> Vec<BilledPeriod> {
    let rate = |at: usize| 8.0 * [1.0, 1.2, 0.8][at % 3];
    (1..=HOMES)
        .flat_map(|home| bills(home, home + 2, 0, &(0..15).map(rate).collect::<Vec<_>>()))
        .collect()
}

/// The home's own: 8 kWh a day like the others, from bill `from` on times `factor`.
pub(super) fn own(bills_of: std::ops::Range<usize>, from: usize, factor: f64) -> Vec<f64> {
    bills_of
        .map(|at| {
            let rate = 8.0 * [1.0, 1.2, 0.8][at % 3];
            if at >= from { rate * factor } else { rate }
        })
        .collect()
}

pub(super) fn judged_under(mut of_home: Vec<BilledPeriod>, config: &RuleConfig) -> Vec<StayEvidence> {
    of_home.extend(others());
    let mut stays = judge_bills(&of_home, &registry(), config);
    stays.sort_by_key(|stay| stay.component);
    stays.retain(|stay| stay.service_point == Some(0));
    stays
}

pub(super) fn judged(of_home: Vec<BilledPeriod>) -> Vec<StayEvidence> {
    judged_under(of_home, &RuleConfig::default())
}

pub(super) fn of(stay: &StayEvidence, rule: Rule) -> (RuleEvidence, Vec<Suppressor>) {
    let found = stay.rules.iter().find(|found| found.rule == rule).unwrap();
    let against = stay.suppressions.iter().filter(|against| against.rule == rule);
    (*found, against.map(|against| against.suppressor).collect())
}

pub(super) fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-3 * b.abs().max(1.0), "{a}, expected {b}");
}

#[test]
fn a_fall_that_goes_on_is_found_and_opens_nothing() {
    let stays = judged(bills(0, FIRST, 0, &own(0..15, 9, 0.4)));
    let (found, against) = of(&stays[0], Rule::SustainedDrop);
    assert_eq!(found.verdict, Verdict::Hit);
    // ln(0.4 x 8 + 0.1) less ln(8.1) and so on by the season: near ln 0.4, drawn up by the 0.1.
    assert!((0.40..0.42).contains(&found.value), "{}", found.value);
    assert_eq!((found.onset_day, found.end_day), (9 * 120, 15 * 120 - 1));
    assert_eq!(against, [Suppressor::BillingRegister]);
    // Six bills at 60 % less of 8, 9.6, 6.4, 8, 9.6 and 6.4 kWh a day: 0.6 x 48 x 120.
    near(found.kwh_micro as f64 / 1e6, 0.6 * 48.0 * 120.0);
    // Of those the last 365 days may be claimed, and a bill that began before them may not.
    let loss = stays[0].loss.unwrap();
    near(loss.lost_micro as f64 / 1e6, 0.6 * 24.0 * 120.0);
    assert_eq!(loss.actual_micro, (0.4 * 24.0 * 120.0 * 1e6) as i64);
    assert!(loss.lost_p10_micro < loss.lost_micro && loss.lost_micro < loss.lost_p90_micro);
    let score = 0.8 * f64::from(found.strength) * 0.55;
    assert!(score < 0.5, "{score}");
}

#[test]
fn a_fall_that_the_next_register_takes_back_opens_a_case() {
    let with_next = |factor: f64, rates: &[f64], first: usize| {
        let mut all = bills(0, FIRST, 0, &own(0..12, 8, factor));
        all.extend(bills(0, SECOND, first, rates));
        of(&judged(all)[0], Rule::SustainedDrop)
    };
    let (found, against) = with_next(0.4, &own(12..15, 99, 1.0), 12);
    assert_eq!((found.verdict, against.as_slice()), (Verdict::Hit, &[][..]));
    assert!(0.8 * found.strength >= 0.5, "{}", found.strength);
    // The next register counts as little, or less than half of the way back: not the register's fault.
    let half = |factor| with_next(0.4, &own(12..15, 0, factor), 12).1;
    assert_eq!(half(0.4), [Suppressor::BillingRegister]);
    assert_eq!(half(0.6), [Suppressor::BillingRegister]);
    assert_eq!(half(0.66), []);
    // It began before the first one fell silent, or long after: it does not follow.
    assert_eq!(
        with_next(0.4, &own(5..15, 99, 1.0), 5).1,
        [Suppressor::BillingRegister]
    );
    assert_eq!(
        with_next(0.4, &own(14..15, 99, 1.0), 14).1,
        [Suppressor::BillingRegister]
    );
    // A home that stood all but empty.
    assert_eq!(
        with_next(0.05, &own(12..15, 99, 1.0), 12).1,
        [Suppressor::BillingRegister]
    );
}

#[test]
fn a_fall_of_less_is_a_near_miss_and_one_that_all_peers_share_none() {
    let drop = |factor| {
        of(
            &judged(bills(0, FIRST, 0, &own(0..15, 9, factor)))[0],
            Rule::SustainedDrop,
        )
        .0
    };
    assert_eq!(drop(0.57).verdict, Verdict::Hit);
    let miss = drop(0.63);
    assert_eq!(miss.verdict, Verdict::Miss);
    assert!((0.6..0.66).contains(&miss.value) && miss.strength > 0.2);
    // Everybody uses less from the tenth bill on.
    let mut all = Vec::new();
    for home in 0..=HOMES {
        all.extend(bills(
            home,
            if home == 0 { FIRST } else { home + 2 },
            0,
            &own(0..15, 9, 0.4),
        ));
    }
    let stays = judge_bills(&all, &registry(), &RuleConfig::default());
    let fallen = stays
        .iter()
        .filter(|stay| of(stay, Rule::SustainedDrop).0.is_hit());
    assert_eq!(fallen.count(), 0);
}

#[test]
fn without_peers_a_fall_needs_whole_years_on_both_sides() {
    let alone = |rates: &[f64]| {
        let stays = judge_bills(&bills(0, FIRST, 0, rates), &registry(), &RuleConfig::default());
        of(&stays[0], Rule::SustainedDrop).0
    };
    let fallen = alone(&own(0..15, 9, 0.4));
    assert_eq!((fallen.verdict, fallen.onset_day), (Verdict::Hit, 9 * 120));
    // Nine bills of 40 days: two seasons on no side.
    let mut short = bills(0, FIRST, 0, &own(0..9, 5, 0.4));
    for (at, bill) in (0..).zip(&mut short) {
        (bill.start, bill.end) = (40 * at * DAY_SECONDS, 40 * (at + 1) * DAY_SECONDS);
    }
    let stays = judge_bills(&short, &registry(), &RuleConfig::default());
    let found = of(&stays[0], Rule::SustainedDrop).0;
    assert_eq!(found.verdict, Verdict::NotJudged(Gap::TooFewDays));
}

#[test]
fn zeros_beside_gas_that_is_used_weigh_more_than_zeros_of_an_empty_home() {
    let zeros = |gas: &[f64]| {
        let mut all = bills(0, FIRST, 0, &own(0..15, 13, 0.0));
        all.extend(bills(0, GAS, 0, gas));
        judged(all).remove(0)
    };
    let stay = zeros(&[2.0; 15]);
    let (found, against) = of(&stay, Rule::ZeroWhileOn);
    assert_eq!(
        (found.verdict, found.value, found.threshold),
        (Verdict::Hit, 240.0, 60.0)
    );
    assert_eq!((found.onset_day, found.end_day), (13 * 120, 15 * 120 - 1));
    near(f64::from(found.strength), 0.8);
    assert_eq!(against, [Suppressor::BillingRegister]);
    let (sibling, _) = of(&stay, Rule::SiblingMismatch);
    assert_eq!((sibling.verdict, sibling.value), (Verdict::Hit, 0.0));
    // 8 and 9.6 kWh a day, the second and the first of three seasons.
    near(found.kwh_micro as f64 / 1e6, (9.6 + 6.4) * 120.0);
    // Gas falls with the power: nobody is there.
    let empty = zeros(&own(0..15, 13, 0.1));
    let (found, against) = of(&empty, Rule::ZeroWhileOn);
    assert_eq!(found.verdict, Verdict::Hit);
    near(f64::from(found.strength), 0.5);
    assert_eq!(against, [Suppressor::BillingRegister, Suppressor::Vacancy]);
    assert_eq!(of(&empty, Rule::SiblingMismatch).0.verdict, Verdict::Miss);
    let text = empty.suppressions.last().unwrap().text();
    assert!(
        text.starts_with("other use of the service point fell as well, to 0.1"),
        "{text}"
    );
    // Nothing is known of gas.
    let alone = judged(bills(0, FIRST, 0, &own(0..15, 13, 0.0))).remove(0);
    near(f64::from(of(&alone, Rule::ZeroWhileOn).0.strength), 0.5);
    let sibling = of(&alone, Rule::SiblingMismatch).0;
    assert_eq!(sibling.verdict, Verdict::NotJudged(Gap::NoSiblings));
}

#[test]
fn zeros_need_a_home_that_was_used_and_two_months() {
    let zeros = |rates: &[f64]| of(&judged(bills(0, FIRST, 0, rates))[0], Rule::ZeroWhileOn).0;
    assert_eq!(zeros(&[8.0, 8.0, 0.0, 8.0, 8.0]).verdict, Verdict::Miss);
    assert_eq!(zeros(&[8.0, 8.0, 8.0, 0.0, 8.0]).verdict, Verdict::Hit);
    // The usual 1 kWh a day is not more than 1.
    assert_eq!(zeros(&[1.0, 1.0, 1.0, 0.0]).verdict, Verdict::Miss);
    let mut short = bills(0, FIRST, 0, &[8.0, 8.0, 8.0, 0.0]);
    short[3].end = short[3].start + 59 * DAY_SECONDS;
    let found = of(&judged(short.clone())[0], Rule::ZeroWhileOn).0;
    assert_eq!((found.verdict, found.value), (Verdict::Miss, 59.0));
    short[3].end += DAY_SECONDS;
    assert!(of(&judged(short)[0], Rule::ZeroWhileOn).0.is_hit());
}

#[test]
fn bills_that_are_not_actual_or_not_covered_carry_no_rule() {
    let all = bills(0, FIRST, 0, &own(0..15, 9, 0.0));
    assert!(of(&judged(all.clone())[0], Rule::ZeroWhileOn).0.is_hit());
    let changes: [fn(&mut BilledPeriod); 4] = [
        |bill| bill.is_actual = false,
        |bill| bill.coverage = Coverage::Cut,
        |bill| bill.overlaps = true,
        |bill| bill.value_micro = None,
    ];
    for change in changes {
        let mut doubtful = all.clone();
        doubtful[9..].iter_mut().for_each(change);
        let stay = judged(doubtful).remove(0);
        assert!(stay.rules.iter().all(|found| !found.is_hit()));
        assert_eq!(stay.last_actual_day, 9 * 120 - 1);
        assert_eq!(stay.last_day, 15 * 120 - 1);
    }
}

#[test]
fn a_reading_that_falls_counts_unless_it_rolled_over() {
    let fell = |after: i64, value: i64| {
        let mut all = bills(0, FIRST, 0, &own(0..6, 99, 1.0));
        let bill = &mut all[5];
        bill.previous_reading_micro = Some(99_800 * MICRO);
        bill.reading_micro = Some(after * MICRO);
        bill.by_readings_micro = Some((after - 99_800) * MICRO);
        bill.value_micro = Some(value * MICRO);
        of(&judged(all)[0], Rule::ReverseFlow)
    };
    // From 99,800 over 100,000 to 100 are 300.
    assert_eq!(fell(100, 300).0.verdict, Verdict::Miss);
    let (found, against) = fell(100, 0);
    assert_eq!((found.verdict, found.value), (Verdict::Hit, 120.0));
    assert_eq!(against, [Suppressor::BillingRegister]);
    assert_eq!(fell(99_700, -100).0.kwh_micro, 100 * MICRO);
    assert_eq!((found.onset_day, found.end_day), (5 * 120, 6 * 120 - 1));
}

#[test]
fn bills_of_less_than_their_readings_say_add_up_one_way_only() {
    let mismatch = |differences: &[i64]| {
        let mut all = bills(0, FIRST, 0, &[10.0; 6]);
        for (bill, difference) in all.iter_mut().zip(differences) {
            bill.value_micro = bill.value_micro.map(|value| value + difference * MICRO);
        }
        of(&judged(all)[0], Rule::RegisterMismatch).0
    };
    // 300 of the 3,600 kWh of three bills; the one between them was billed as it was read.
    let found = mismatch(&[0, -150, 0, -150]);
    assert_eq!(found.verdict, Verdict::Miss);
    near(f64::from(found.value), 300.0 / 3_600.0);
    let found = mismatch(&[0, -300, 0, -150, 0]);
    assert_eq!(
        (found.verdict, found.onset_day, found.end_day),
        (Verdict::Hit, 120, 4 * 120 - 1)
    );
    near(f64::from(found.value), 450.0 / 3_600.0);
    assert_eq!(found.kwh_micro, 450 * MICRO);
    // Too much, and a unit too little.
    assert_eq!(mismatch(&[500, 300, -1, -1]).value.to_bits(), 0.0_f32.to_bits());
}

#[test]
fn what_only_days_tell_is_asked_of_days_and_taken_over() {
    let mut all = bills(0, FIRST, 0, &own(0..6, 99, 1.0));
    all.extend(bills(0, GAS, 0, &[1.0; 6]));
    assert_eq!(questions_of_days(&all, &registry()), [0_u32; 0]);
    all[5].coverage = Coverage::Uninstalled;
    all[8].coverage = Coverage::Uninstalled;
    assert_eq!(questions_of_days(&all, &registry()), [FIRST]);
    let mut stays = judged(all.clone());
    assert!(stays[0].rules.iter().is_sorted_by_key(|found| found.rule));
    let (before, _) = of(&stays[0], Rule::UsageNotInstalled);
    assert_eq!(before.verdict, Verdict::NotJudged(Gap::LongPeriods));
    let mut days = stays[0].clone();
    days.usage_micro = 7;
    for found in &mut days.rules {
        (found.verdict, found.value) = (Verdict::Hit, 120.0);
    }
    answer(&mut stays, vec![days]);
    assert_eq!(of(&stays[0], Rule::UsageNotInstalled).0.verdict, Verdict::Hit);
    assert_eq!(
        of(&stays[0], Rule::PeerLow).0.verdict,
        Verdict::NotJudged(Gap::LongPeriods)
    );
    assert_eq!(stays[0].usage_micro, 7);
    assert!(stays[0].rules.iter().is_sorted_by_key(|found| found.rule));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn neither_the_order_of_bills_nor_threads_change_anything(seed in 0_u64..1_000, turn in 0_usize..500) {
        let mut all = others();
        let rates: Vec<f64> = (0..15).map(|at| 8.0 * (0.2 + noise(seed, at))).collect();
        all.extend(bills(0, FIRST, 0, &rates));
        all.extend(bills(0, GAS, 0, &rates));
        let config = RuleConfig::default();
        let text = |all: &[BilledPeriod], threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut stays = pool.install(|| judge_bills(all, &registry(), &config));
            stays.sort_by_key(|stay| (stay.service_point, stay.component));
            format!("{stays:?}")
        };
        let expected = text(&all, 1);
        let n = all.len();
        all.rotate_left(turn % n);
        prop_assert_eq!(text(&all, 3), expected);
    }
}

#[test]
fn zeros_of_a_winter_are_held_against_the_gas_of_the_winter_before() {
    // Gas for heating: 4 in the second of three seasons, 1 in the others, and half of it in the empty winter.
    let gas = |factor: f64| -> Vec<f64> {
        (0..15)
            .map(|at| if at % 3 == 1 { 4.0 } else { 1.0 } * if at == 13 { factor } else { 1.0 })
            .collect()
    };
    let strength = |factor: f64| {
        let mut rates = own(0..15, 99, 1.0);
        rates[13] = 0.0;
        let mut all = bills(0, FIRST, 0, &rates);
        all.extend(bills(0, GAS, 0, &gas(factor)));
        of(&judged(all)[0], Rule::ZeroWhileOn).0.strength
    };
    near(f64::from(strength(1.0)), 0.8);
    near(f64::from(strength(0.55)), 0.8);
    // 1.8 is nine tenths of the year's mean, and less than half of a winter's.
    near(f64::from(strength(0.45)), 0.5);
}

#[test]
fn zeros_need_more_used_bills_above_the_least_baseline_than_below() {
    let hit = |rates: &[f64]| {
        of(&judged(bills(0, FIRST, 0, rates))[0], Rule::ZeroWhileOn)
            .0
            .is_hit()
    };
    assert!(hit(&[8.0, 0.9, 8.0, 0.0]));
    assert!(!hit(&[8.0, 0.9, 8.0, 0.9, 0.0]));
    // The latest of two as long; bills of nothing count on neither side.
    let all = bills(0, FIRST, 0, &[8.0, 8.0, 8.0, 0.0, 8.0, 0.0, 8.0]);
    let found = of(&judged(all)[0], Rule::ZeroWhileOn).0;
    assert_eq!(found.onset_day, 5 * 120);
}

#[test]
fn readings_of_any_size_are_judged() {
    let mut all = bills(0, FIRST, 0, &own(0..6, 99, 1.0));
    for (bill, (before, after)) in all.iter_mut().zip([
        (i64::MAX, i64::MIN),
        (i64::MIN, i64::MAX),
        (0, i64::MIN),
        (i64::MAX, 0),
    ]) {
        (bill.previous_reading_micro, bill.reading_micro) = (Some(before), Some(after));
        bill.by_readings_micro = Some(after.saturating_sub(before));
    }
    let stays = judged(all);
    assert!(of(&stays[0], Rule::ReverseFlow).0.is_hit());
}
