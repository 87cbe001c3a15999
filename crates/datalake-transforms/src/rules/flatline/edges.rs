//! What lies just inside and just outside of a threshold, of one value a day.
use super::*;
use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed};

fn judged(kwh: &[f64]) -> RuleEvidence {
    let world = World::steady(installed(), kwh.len());
    world.rule(&Profiles::daily(0, FIRST_DAY, kwh), Rule::Flatline).0
}

/// A home of about 8 kWh a day whose days in a range are at `kwh`.
fn flat(days: Range<usize>, kwh: f64) -> Vec<f64> {
    let mut home = home(1, 120, 8.0);
    home[days].fill(kwh);
    home
}

#[test]
fn thirty_days_are_sure_and_five_are_a_hint() {
    let near = |days: usize, strength: f32| {
        let found = judged(&flat(60..60 + days, 8.0));
        assert!((found.strength - strength).abs() < 1e-6, "{days} {found:?}");
    };
    near(5, 0.15);
    near(10, 0.75);
    near(20, 0.875);
    near(28, 0.975);
    near(30, 1.0);
    near(40, 1.0);
}

#[test]
fn two_weeks_that_vary_come_first() {
    assert!(judged(&flat(14..30, 8.0)).is_hit());
    assert_eq!(judged(&flat(13..30, 8.0)).verdict, Verdict::MissFor(Lack::NotNew));
}

#[test]
fn half_of_the_usual_level_is_enough() {
    assert!(judged(&flat(60..80, 4.3)).is_hit());
    assert_eq!(judged(&flat(60..80, 3.7)).verdict, Verdict::MissFor(Lack::TooLow));
}

#[test]
fn two_days_without_a_value_are_bridged_and_three_are_not() {
    let value = |missing: Range<usize>| {
        let mut kwh = flat(60..80, 8.0);
        kwh[missing].fill(f64::NAN);
        judged(&kwh).value as i32
    };
    assert_eq!(value(68..70), 18);
    assert_eq!(value(68..71), 9);
}

#[test]
fn a_load_that_strays_by_half_of_a_percent_varies() {
    let strays = |by: f64| {
        let mut kwh: Vec<f64> = (0..120)
            .map(|day| 8.0 * if day % 2 == 0 { by } else { -by }.exp())
            .collect();
        kwh[60..80].fill(8.0);
        judged(&kwh).verdict
    };
    assert_eq!(strays(0.0045), Verdict::NotJudged(Gap::NeverVaried));
    assert_ne!(strays(0.0055), Verdict::NotJudged(Gap::NeverVaried));
}

#[test]
fn a_meter_that_shows_half_as_many_values_as_days_is_not_coarse() {
    // Sixty days that vary, by so many values in turn, and ten that do not.
    let steps = |values: usize| {
        let mut kwh: Vec<f64> = (0..60).map(|day| 8.0 + (day % values) as f64 / 10.0).collect();
        kwh.extend([9.05; 10]);
        judged(&kwh).verdict
    };
    assert_eq!(steps(30), Verdict::Hit);
    assert_eq!(steps(29), Verdict::NotJudged(Gap::CoarseSteps));
}
