#![allow(clippy::unwrap_used)]
use super::super::tests::{BESIDE, FIRST, GAS, SAME_DEVICE, SECOND, bills, judged, near, of, own};
use super::*;
use crate::register_periods::BilledPeriod;
use crate::rules::Rule;
use crate::suppressors::Suppressor;

/// What the next register says of a fall of the first one.
fn said(of_home: Vec<BilledPeriod>) -> Option<TakenBack> {
    let stays = judged(of_home);
    let (found, _) = of(&stays[0], Rule::SustainedDrop);
    assert!(found.is_hit(), "a fall to begin with: {found:?}");
    stays[0].taken_back
}

/// Twelve bills of the first register, from the ninth on at 0.4 of the level, and three of the one that follows.
fn exchanged() -> Vec<BilledPeriod> {
    let mut all = bills(0, FIRST, 0, &own(0..12, 8, 0.4));
    all.extend(bills(0, SECOND, 12, &own(12..15, 99, 1.0)));
    all
}

/// The same with other bills after the exchange.
fn followed_by(rates: &[f64]) -> Vec<BilledPeriod> {
    let mut all = bills(0, FIRST, 0, &own(0..12, 8, 0.4));
    all.extend(bills(0, SECOND, 12, rates));
    all
}

fn times(rates: &[f64], factor: f64) -> Vec<f64> {
    rates.iter().map(|rate| rate * factor).collect()
}

#[test]
fn the_next_register_speaks_with_figures_of_the_same_season() {
    let back = said(exchanged()).unwrap();
    assert_eq!((back.component, back.first_day, back.days), (SECOND, 1_440, 360));
    near(f64::from(back.after_kwh), 8.0);
    // Eight bills of 8, 9.6 and 6.4 kWh a day in turn, the last 9.6; then four of 0.4 times 6.4, 8, 9.6 and 6.4.
    near(f64::from(back.before_kwh), 8.2);
    near(f64::from(back.fallen_kwh), 3.04);
    assert!(back.closeness > 0.99);
    let text = back.text("MC-B");
    assert!(
        text.starts_with(
            "the register fitted next, MC-B, read 8.0 kWh a day in its first 360 days; in such seasons 8.2 had been read \
             before the fall and 3.0 after it, so the fall ended with the register; a household that left"
        ),
        "{text}"
    );
    // One bill of the second season, in which everybody uses 9.6.
    let mut all = bills(0, FIRST, 0, &own(0..13, 8, 0.4));
    all.extend(bills(0, SECOND, 13, &own(13..14, 99, 1.0)));
    let back = said(all).unwrap();
    assert_eq!(back.days, 120);
    near(f64::from(back.after_kwh), 9.6);
    // Bills of 120 days do not meet the year quite.
    assert!((f64::from(back.before_kwh) - 9.6).abs() < 0.2, "{back:?}");
}

#[test]
fn closeness_is_one_at_the_level_before_and_nothing_at_either_limit() {
    let back = |after: f64| Levels {
        before: 7.9,
        fallen: 0.9,
        after,
    };
    assert!((back(7.9).closeness() - 1.0).abs() < 1e-9);
    // Half of ln(8 / 1) is more than ln 2, which is the limit on both sides then.
    let off = |ln: f64| back(8.0 * ln.exp() - 0.1).closeness();
    assert!((off(0.34657) - 0.5).abs() < 1e-3 && (off(-0.34657) - 0.5).abs() < 1e-3);
    assert!(off(0.7) < 1e-9 && off(-0.7) < 1e-9);
}

#[test]
fn a_bill_or_two_that_were_back_before_the_exchange_change_little() {
    assert!(said(exchanged()).is_some());
    let with_last = |last: [f64; 2]| {
        let mut rates = own(0..15, 6, 0.25);
        rates[13..].copy_from_slice(&last);
        let mut all = bills(0, FIRST, 0, &rates);
        all.extend(bills(0, SECOND, 15, &[8.0]));
        let stays = judged(all);
        (
            of(&stays[0], Rule::SustainedDrop).0.is_hit(),
            stays[0].taken_back.is_some(),
        )
    };
    assert_eq!(with_last([2.4, 1.6]), (true, true));
    assert_eq!(
        with_last([2.4, 6.4]),
        (true, true),
        "the last one may be anything"
    );
    assert_eq!(with_last([7.5, 5.0]), (true, true));
    // Estimates, whatever they are called: what bills lack, the last one makes up for.
    assert!(!with_last([2.4, 40.0]).1);
}

#[test]
fn a_home_that_came_back_after_the_exchange_had_none_either() {
    let with_first = |factor: f64| {
        let mut rates = own(12..15, 99, 1.0);
        rates[0] *= factor;
        said(followed_by(&rates))
    };
    assert_eq!(with_first(0.4), None);
    // A quarter of the way back from 0.4 is 0.5.
    assert_eq!(with_first(0.48), None);
    assert!(with_first(0.52).is_some());
}

#[test]
fn one_wrong_reading_is_no_level() {
    let of =
        |rates: &[f64]| -> Vec<Period> { bills(0, FIRST, 0, rates).iter().filter_map(Period::of).collect() };
    let fall = Fall {
        first: 9,
        size: -1.5,
        score: -4.4,
        before: 0.0,
        after: -1.5,
        has_peers: false,
    };
    let before = of(&[8.0; 9]);
    assert!(stayed_down(&before, &of(&[2.0, 2.0, 2.0]), &fall));
    // A mean that a single bill below nothing makes.
    assert!(!stayed_down(&before, &of(&[8.0, 7.9, -20.0]), &fall));
    assert!(stayed_down(&before, &of(&[2.0, 2.0, 8.0]), &fall));
    assert!(!stayed_down(&before, &of(&[2.0, 2.0, 8.0, 8.0, 8.0]), &fall));
}

#[test]
fn a_level_far_above_the_one_before_the_fall_is_less_sure() {
    let usual = own(12..15, 99, 1.0);
    let closeness = |factor: f64| said(followed_by(&times(&usual, factor))).unwrap().closeness;
    assert!(closeness(1.0) > 0.95);
    // Half of ln(8.3 / 3.14) is 0.49: 1 - ln 1.3 / 0.49 is 0.46, were there no seasons.
    let near = closeness(1.3);
    assert!((near - 0.46).abs() < 0.05, "{near}");
    assert!(closeness(2.05) <= 0.0);
}

#[test]
fn a_season_of_its_own_takes_nothing_back() {
    // Heating by electricity: more in the second season than the peers, less in the others.
    let season = |at: usize| if at % 3 == 1 { 1.4 } else { 0.8 };
    let rates = |bills_of: std::ops::Range<usize>, from: usize, factor: f64| -> Vec<f64> {
        let all = own(bills_of.clone(), from, factor);
        bills_of.zip(all).map(|(at, rate)| rate * season(at)).collect()
    };
    let with_next = |factor: f64| {
        let mut all = bills(0, FIRST, 0, &rates(0..13, 7, 0.3));
        all.extend(bills(0, SECOND, 13, &rates(13..14, 0, factor)));
        said(all)
    };
    assert!(with_next(1.0).is_some());
    // 0.5 x 1.4 beside a mean of 1.0 would be more than half of the way from 0.3; beside 1.4 it is not.
    assert_eq!(with_next(0.5), None);
}

#[test]
fn use_that_moved_to_a_register_beside_was_not_lost() {
    let beside = |after: f64, last: usize| {
        let mut rates = vec![3.0; 8];
        rates.resize(last, after);
        bills(0, BESIDE, 0, &rates)
    };
    let mut all = exchanged();
    all.extend(beside(3.0, 15));
    assert!(said(all).is_some(), "it stood still");
    // It gained what the other lost, and the next register takes over both.
    let mut all = exchanged();
    all.extend(beside(7.8, 12));
    let stays = judged(all);
    assert_eq!(stays[0].taken_back, None);
    let (found, against) = of(&stays[0], Rule::SustainedDrop);
    assert!(found.is_hit());
    assert_eq!(against, [Suppressor::BillingRegister, Suppressor::SiblingRose]);
    assert!(!of(&stays[0], Rule::SiblingMismatch).0.is_hit());
    let text = stays[0].suppressions[1].text();
    assert!(text.contains("made up for 99 % of the fall"), "{text}");
}

#[test]
fn what_moves_from_a_register_beside_to_the_next_one_is_nothing_that_was_lost() {
    // A day and a night register, of which both fell a little, and one meter for all that is no higher.
    let mut all = bills(0, FIRST, 0, &own(0..12, 8, 0.4));
    all.extend(bills(0, BESIDE, 0, &[6.0; 12]));
    all.extend(bills(0, SECOND, 12, &[9.2; 3]));
    assert_eq!(said(all), None);
}

#[test]
fn a_second_register_of_the_same_meter_is_no_exchange() {
    let mut all = exchanged();
    for bill in &mut all {
        if bill.component == SECOND {
            bill.component = SAME_DEVICE;
        }
    }
    assert_eq!(said(all), None);
    // Nor is a meter that began late beside one that goes on.
    let mut all = bills(0, FIRST, 0, &own(0..12, 8, 0.4));
    let mut beside = bills(0, BESIDE, 11, &[8.0]);
    beside[0].start += 70 * DAY_SECONDS;
    all.extend(beside);
    assert_eq!(said(all), None);
}

#[test]
fn gas_that_is_given_up_with_the_exchange_explains_what_the_next_register_reads() {
    let with_gas = |after: f64| {
        let mut all = exchanged();
        all.extend(bills(0, GAS, 0, &[[2.0; 12].as_slice(), &[after; 3]].concat()));
        said(all)
    };
    assert!(with_gas(2.0).is_some());
    assert!(with_gas(1.1).is_some());
    assert_eq!(with_gas(0.9), None);
}

#[test]
fn a_register_that_counted_next_to_nothing_may_have_stopped_and_been_exchanged_for_that() {
    let mut all = bills(0, FIRST, 0, &own(0..12, 8, 0.02));
    all.extend(bills(0, SECOND, 12, &own(12..15, 99, 1.0)));
    all.extend(bills(0, GAS, 0, &[2.0; 15]));
    assert_eq!(said(all), None);
}

#[test]
fn less_than_a_year_before_a_fall_is_no_level_to_come_back_to() {
    let with_start = |first: i64| {
        let mut all = bills(0, FIRST, 0, &own(0..12, 4, 0.4));
        // Four bills: a long one, two of a day, and one of 120 days more.
        let spans = [(first, 358), (358, 359), (359, 360), (360, 480)];
        for (bill, (start, end)) in all.iter_mut().zip(spans) {
            (bill.start, bill.end) = (start * DAY_SECONDS, end * DAY_SECONDS);
            bill.value_micro = Some((end - start) * 8_000_000);
        }
        all.extend(bills(0, SECOND, 12, &own(12..15, 99, 1.0)));
        said(all)
    };
    assert!(with_start(150).is_some());
    assert_eq!(with_start(151), None);
}
