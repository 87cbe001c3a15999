//! What lies just inside and just outside of a threshold, of one value a day.
use super::*;
use crate::rules::testing::{
    FIRST_DAY, Profiles, World, home, installed, judge_hourly, noise, period, typed,
};

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

/// Hourly days of a home, 60 to 80 of which are others.
fn judged_hourly(usual: impl Fn(usize) -> f64, other: impl Fn(usize, usize) -> f64) -> RuleEvidence {
    hourly(120, 60..80, usual, other)
}

/// So many hourly days of a home, some of which are others by day and hour.
fn hourly(
    days: usize,
    others: Range<usize>,
    usual: impl Fn(usize) -> f64,
    other: impl Fn(usize, usize) -> f64,
) -> RuleEvidence {
    let value = |day: usize, hour: usize| {
        if others.contains(&day) {
            other(day - others.start, hour)
        } else {
            usual(hour)
        }
    };
    let days: Vec<Vec<f64>> = (0..days)
        .map(|day| (0..24).map(|hour| value(day, hour)).collect())
        .collect();
    judge_hourly(&days, Rule::Flatline).0
}

/// So much in every other hour, and so much in those between.
fn in_turn(low: f64, high: f64) -> impl Fn(usize) -> f64 {
    move |hour| if hour % 2 == 0 { low } else { high }
}

#[test]
fn half_of_the_range_is_less_than_two_percent_of_a_flat_day() {
    let flat = |apart: f64| {
        let found = judged_hourly(in_turn(0.5, 1.5), |_, hour| {
            in_turn(1.0 - apart, 1.0 + apart)(hour)
        });
        found.value as i32
    };
    assert_eq!((flat(0.0195), flat(0.0205)), (20, 0));
}

#[test]
fn half_of_the_range_is_less_than_three_tenths_of_a_load_that_never_varied() {
    let verdict = |apart: f64| judged_hourly(in_turn(1.0 - apart, 1.0 + apart), |_, _| 1.0).verdict;
    assert_eq!(verdict(0.29), Verdict::NotJudged(Gap::NeverVaried));
    assert_eq!(verdict(0.31), Verdict::Hit);
}

#[test]
fn one_value_all_day_lies_a_fifth_above_the_base_load() {
    // 14.4 kWh a day above a base of 2.4, counted in steps of 0.1 kWh.
    let verdict = |kwh: f64| judged_hourly(in_turn(0.1, 1.1), |_, _| kwh).verdict;
    assert_eq!(verdict(0.121), Verdict::Hit);
    assert_eq!(verdict(0.119), Verdict::MissFor(Lack::TooLow));
    // Nine days of ten: on the others one hour has a watt-hour more.
    let verdict = |uneven: usize| {
        let other = |day: usize, hour: usize| {
            if day < uneven && hour == 7 { 0.131 } else { 0.13 }
        };
        judged_hourly(in_turn(0.1, 1.1), other).verdict
    };
    assert_eq!(verdict(2), Verdict::Hit);
    assert_eq!(verdict(3), Verdict::MissFor(Lack::TooLow));
}

#[test]
fn no_load_holds_still_to_one_step_in_two_hundred() {
    // 0.3 and 1.301 kWh: counted in watt-hours, which are a thousandth of a kWh. All below the base load.
    let verdict = |kwh: f64| judged_hourly(in_turn(0.3, 1.301), |_, _| kwh).verdict;
    assert_eq!(verdict(0.2), Verdict::Hit);
    assert_eq!(verdict(0.199), Verdict::MissFor(Lack::TooLow));
}

#[test]
fn a_level_within_a_tenth_of_the_base_load_may_be_at_rest() {
    // The last twenty days of 120, half of the way from ten days to thirty, e^x above the base of 0.6.
    let strength = |x: f64| hourly(120, 100..120, in_turn(0.6, 1.4), |_, _| 0.6 * x.exp()).strength;
    assert!((strength(0.11) - 0.875).abs() < 1e-5);
    assert!((strength(0.09) - 0.5 * 0.875).abs() < 1e-5);
}

#[test]
fn what_varies_again_above_the_same_base_counts_two_fifths() {
    let strength = |x: f64| {
        let other = |day: usize, hour: usize| {
            if day < 20 {
                1.0
            } else {
                in_turn(0.6 * x.exp(), 1.6)(hour)
            }
        };
        hourly(120, 60..120, in_turn(0.6, 1.4), other).strength
    };
    assert!((strength(0.09) - 0.4 * 0.875).abs() < 1e-5, "{}", strength(0.09));
    assert!((strength(0.11) - 0.875).abs() < 1e-5, "{}", strength(0.11));
}

#[test]
fn twenty_values_a_day_have_no_shape() {
    // Days of one value each, another one from day to day.
    let world = World::steady(typed("MC-0", Some(4_320), &[period(0, 0, i64::MAX)]), 3);
    let days: Vec<Vec<f64>> = (0..60).map(|day| vec![1.0 + 0.2 * noise(3, day); 20]).collect();
    let found = world
        .rule(&Profiles::intervals(0, FIRST_DAY, &days), Rule::Flatline)
        .0;
    assert_eq!((found.verdict, found.value as i32), (Verdict::Miss, 0));
}
