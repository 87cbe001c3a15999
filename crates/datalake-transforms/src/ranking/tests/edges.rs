//! What lies just inside and just outside of a threshold.
use super::*;
use crate::levels::{WEEK, Week};
use crate::ranking::score::compare_meters;

#[test]
fn fifty_meters_are_a_place_and_fifty_one_are_a_placeholder() {
    let first = FIRST_DAY / WEEK;
    let compared = |meters: u32| {
        let stay = |component: u32| {
            let mut stay = stay(component, &[]);
            stay.service_point = Some(0);
            let kwh = if component == 0 { [70.0, 28.0] } else { [7.0, 7.0] };
            let week = |at: i32| Week {
                number: first - 12 + at,
                days: 7,
                kwh: kwh[usize::from(at >= 12)],
            };
            stay.weeks = (0..24).map(week).collect();
            (stay.first_day, stay.last_actual_day) = ((first - 12) * WEEK, (first + 12) * WEEK - 1);
            stay
        };
        let mut stays: Vec<StayEvidence> = (0..meters).map(stay).collect();
        let mut drop = evidence(Rule::SustainedDrop, Verdict::Hit, 1.0);
        drop.onset_day = first * WEEK;
        stays[0].rules.push(drop);
        compare_meters(&mut stays, &registry(51), &RuleConfig::default());
        let mut rules = stays[0].rules.iter();
        rules.any(|rule| rule.rule == Rule::SiblingMismatch && rule.is_hit())
    };
    assert!(compared(50) && !compared(51));
}

#[test]
fn a_fault_that_ended_two_months_before_the_exchange_was_mended_by_it() {
    // Zeros from day 60 to day 79.
    let mended = |exchange: usize| {
        let mut old = home(1, exchange, 9.0);
        old[60..80].fill(0.0);
        let (found, _) = exchanged(&old, &home(2, 100, 9.0));
        let mut old = found.evidence().iter().filter(|stay| stay.component == 0);
        old.any(|stay| {
            let mut against = stay.suppressions.iter();
            against.any(|found| {
                found.rule == Rule::ZeroWhileOn && found.suppressor == Suppressor::ExchangeWithContinuity
            })
        })
    };
    assert!(mended(139) && !mended(140));
}

#[test]
fn the_band_of_an_exchange_is_a_quarter_of_what_was_expected() {
    let (found, _) = exchanged(&home(1, 100, 9.0), &home(2, 100, 3.0));
    let micro = |column: &str| {
        let column = found.cases[column].as_primitive::<Decimal128Type>();
        column.value(0) as f64
    };
    let (expected, actual) = (micro("expected_kwh"), micro("actual_kwh"));
    assert!((micro("lost_kwh_p10") - (0.75 * expected - actual)).abs() < 10.0);
    assert!((micro("lost_kwh_p90") - (1.25 * expected - actual)).abs() < 10.0);
}

#[test]
fn energy_that_went_missing_at_another_home_is_no_loss_of_this_one() {
    let mut points = places(3);
    for point in &mut points[..2] {
        point.transformer_id = Some("SP-002".to_owned());
    }
    let components = (0..3).map(|at| typed(&format!("MC-{at}"), Some(86_400), &[period(at, 0, i64::MAX)]));
    let registry = Registry::new(components.collect(), points);
    let home = |component: u32, kwh_micro: i64, more: &[Rule]| {
        let claim = RuleEvidence {
            value: 1.0,
            threshold: 0.5,
            kwh_micro,
            ..evidence(Rule::TransformerBalance, Verdict::Hit, 1.0)
        };
        let more = more.iter().map(|&rule| evidence(rule, Verdict::Hit, 1.0));
        let mut stay = stay(component, &more.chain([claim]).collect::<Vec<_>>());
        stay.loss = Some(Loss {
            lost_micro: kwh_micro,
            ..Loss::default()
        });
        stay
    };
    // The second home fell by nine tenths of what both fell, and all of what is missing is one home's.
    let lost = |more: &[Rule]| {
        let stays = vec![home(0, 100_000_000, more), home(1, 900_000_000, &[])];
        let found = assemble(stays, &registry, &Peers::default(), &RuleConfig::default()).unwrap();
        let mut stays = found.evidence().to_vec();
        stays.sort_by_key(|stay| stay.component);
        [0, 1].map(|at| stays[at].loss.map(|loss| loss.lost_micro))
    };
    assert_eq!(lost(&[]), [None, Some(900_000_000)]);
    assert_eq!(lost(&[Rule::UsageDisconnected]), [None, Some(900_000_000)]);
    assert_eq!(
        lost(&[Rule::SustainedDrop]),
        [Some(100_000_000), Some(900_000_000)]
    );
}
