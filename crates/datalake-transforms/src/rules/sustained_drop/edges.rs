//! What lies just inside and just outside of a threshold.
use super::*;
use crate::hours::FirstWeeks;
use crate::rules::testing::{
    FIRST_DAY, Profiles, World, home, hour_change, installed, period, scaled, side, step_to, typed,
};

/// A hundred days of 100 Wh in every hour, and so many days of so much, with peaks that stand out by so much (ln) less.
fn of_hours(wh: f64, days: i32, calmer: f64) -> RuleEvidence {
    let mut change = hour_change(&side([100.0; 24]), &side([wh; 24]));
    change.last_day = change.onset_day + days - 1;
    (change.before.peak, change.after.peak) = (4.0, 4.0 * (-calmer).exp());
    change.first_weeks = FirstWeeks::like(&change.after);
    let world = World::steady(installed(), 200);
    world.at_stay(&Profiles::daily(0, FIRST_DAY, &home(1, 200, 8.0)), |context| {
        at_change(context, &change, None)
    })
}

fn near(found: f32, expected: f64) {
    assert!((f64::from(found) - expected).abs() < 1e-6, "{found} {expected}");
}

#[test]
fn a_fall_of_all_hours_by_a_quarter_hits() {
    // A tenth of a watt-hour stands on both sides: 74.1 / 100.1 = 0.7403, and 74.0 / 100.1 = 0.7393.
    assert_eq!(of_hours(74.0, 100, 0.0).verdict, Verdict::Miss);
    assert_eq!(of_hours(73.9, 100, 0.0).verdict, Verdict::Hit);
}

#[test]
fn an_even_fall_to_three_fifths_is_as_deep_as_it_gets() {
    // ln (100.1 / 70.1) = 0.356, of which 0.1 counts nothing and 0.5 wholly; a hit begins at one half.
    let depth = ((100.1_f64 / 70.1).ln() - 0.1) / 0.4;
    near(of_hours(70.0, 100, 0.0).strength, 0.5 + 0.5 * depth);
    near(of_hours(60.0, 100, 0.0).strength, 1.0);
    // Seven tenths after three weeks, and half of the rest after 33 days.
    near(of_hours(70.0, 21, 0.0).strength, 0.5 + 0.5 * depth * 0.7);
    near(of_hours(70.0, 33, 0.0).strength, 0.5 + 0.5 * depth * 0.85);
    // What is no hit is as far as it came.
    let depth = ((100.1_f64 / 80.1).ln() - 0.1) / 0.4;
    near(of_hours(80.0, 100, 0.0).strength, depth);
}

#[test]
fn calmer_days_take_one_and_a_half_times_from_a_fall() {
    let half = 50.1 / 100.1;
    near(of_hours(50.0, 100, 0.05).value, half);
    // A tenth more than the twentieth that takes nothing.
    near(of_hours(50.0, 100, 0.15).value, half * 0.15_f64.exp());
}

#[test]
fn seven_weeks_are_needed_and_four_periods_of_a_register() {
    let verdict = |interval: Option<u32>, before: i32, after: i32| {
        let block = |week: i32| Block {
            first_day: FIRST_DAY + 7 * week,
            last_day: FIRST_DAY + 7 * week + 6,
            level: if week < before { 2.0 } else { 1.0 },
            index: 0.0,
        };
        let blocks: Vec<Block> = (0..before + after).map(block).collect();
        let days = 7 * blocks.len();
        let kwh = scaled(home(1, days, 8.0), 7 * before as usize..days, 0.4);
        let world = World::steady(typed("MC-0", interval, &[period(0, 0, i64::MAX)]), days);
        world.at_stay(&Profiles::daily(0, FIRST_DAY, &kwh), |context| {
            judge(context, &blocks).0.verdict
        })
    };
    let (daily, few) = (Some(86_400), Verdict::NotJudged(Gap::TooFewDays));
    assert_ne!(verdict(daily, 4, 3), few);
    assert_eq!((verdict(daily, 3, 3), verdict(daily, 4, 2)), (few, few));
    assert_ne!(verdict(None, 3, 1), few);
    assert_eq!(verdict(None, 2, 1), few);
}

#[test]
fn restless_days_of_seven_tenths_hit_from_half_of_the_sureness_on() {
    // A drop to 0.7 is 0.446 deep, three quarters of the 0.6 that counts wholly; half of the 0.7 that restlessness takes is
    // 0.35, so it takes 0.35 / 0.743 = 0.471 of the way from 0.15 to 0.6.
    let verdict = |by_day: f64| {
        let step = Step {
            explained: 1.0,
            noise: Some(DayNoise {
                by_day,
                by_week: 1.0,
                by_day_before: 0.2,
                lower: 0.0,
                memory: 0.0,
            }),
            ..step_to(0.7)
        };
        let world = World::steady(installed(), 200);
        world.at_stay(&Profiles::daily(0, FIRST_DAY, &home(1, 200, 8.0)), |context| {
            by_level(context, &step).verdict
        })
    };
    assert_eq!(verdict(0.364), Verdict::Hit);
    assert_eq!(verdict(0.360), Verdict::Miss);
}
