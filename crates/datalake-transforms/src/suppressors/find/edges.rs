//! What lies just inside and just outside of a threshold.
use super::*;
use crate::day_noise::DayNoise;
use crate::judge::{Scratch, each_stay};
use crate::peers::PeerBuilder;
use crate::registry::Registry;
use crate::rules::testing::{
    FIRST_DAY, Profiles, World, from_day, home, hour_change, hourly_home, installed, period, scaled, side,
    step_to, typed,
};
use crate::rules::{Gap, Verdict};

/// A step to three tenths that nothing else is known of.
fn step() -> Step {
    step_to(0.3)
}

/// What is said of a steady home of 200 days; NaN days are missing.
fn said(kwh: &[f64], say: impl Fn(&mut Suppressing<'_, '_>)) -> Vec<Suppression> {
    let world = World::steady(installed(), 200);
    let mut found = Vec::new();
    let profiles = Profiles::daily(0, FIRST_DAY, kwh);
    let lake = (&world.registry, &world.peers, &world.config);
    each_stay(&mut Scratch::default(), &profiles.series(), lake, |context| {
        let mut suppressing = Suppressing::new(context);
        say(&mut suppressing);
        found.append(&mut suppressing.found);
    });
    found
}

fn evidence() -> RuleEvidence {
    RuleEvidence {
        verdict: Verdict::Hit,
        onset_day: FIRST_DAY + 100,
        end_day: FIRST_DAY + 199,
        strength: 1.0,
        ..RuleEvidence::not_judged(Rule::SustainedDrop, Gap::NoFall, 0.6)
    }
}

/// What vacancy or the season leave of a step, 1 where they say nothing.
fn left(suppressor: Suppressor, step: &Step) -> f32 {
    let found = said(&home(1, 200, 8.0), |suppressing| {
        if suppressor == Suppressor::Vacancy {
            suppressing.vacancy(Rule::SustainedDrop, step);
        } else {
            suppressing.drop(&evidence(), step);
        }
    });
    let mut of = found.iter().filter(|found| found.suppressor == suppressor);
    of.next().map_or(1.0, |found| found.factor)
}

fn near(found: f32, expected: f32) {
    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
}

#[test]
fn calmer_days_are_a_vacancy_in_part() {
    let calm = |after| {
        let step = Step {
            scatter_before: 0.1,
            scatter_after: after,
            ..step()
        };
        left(Suppressor::Vacancy, &step)
    };
    // From 0.8 of the scatter to 0.55; the suppressor takes half.
    near(calm(0.081), 1.0);
    near(calm(0.075), 0.9);
    near(calm(0.0675), 0.75);
    near(calm(0.06), 0.6);
    near(calm(0.055), 0.5);
    near(calm(0.03), 0.5);
    // Two percent are as calm as days can be told to be: 0.02 of 0.03 is 8/15 of the way.
    let least = Step {
        scatter_before: 0.03,
        scatter_after: 0.0,
        ..step()
    };
    near(left(Suppressor::Vacancy, &least), 1.0 - 0.5 * 8.0 / 15.0);
}

#[test]
fn an_empty_home_keeps_its_standby() {
    let of = |drop| left(Suppressor::Vacancy, &Step { drop, ..step() });
    near(of(-2.51), 0.75);
    near(of(-2.49), 1.0);
    // Days that did not vary before either, by less than two percent, vary as much as before.
    let still = Step {
        drop: -2.6,
        scatter_before: 0.0,
        scatter_after: 0.0,
        ..step()
    };
    let found = said(&home(1, 200, 8.0), |suppressing| {
        suppressing.vacancy(Rule::SustainedDrop, &still);
    });
    near(found[0].measured, 1.0);
}

#[test]
fn a_home_that_is_visited_spreads_two_and_a_half_times_as_far() {
    let visited = Step {
        drop: -1.3,
        spread_before: 0.0,
        spread_after: 0.051,
        spread_kept: 0.59,
        ..step()
    };
    let of = |step| left(Suppressor::Vacancy, &step);
    near(of(visited), 0.5);
    // 2.45 times the least spread; days that only moved; a fall that is not deep; days without a memory.
    near(
        of(Step {
            spread_after: 0.049,
            ..visited
        }),
        1.0,
    );
    near(
        of(Step {
            spread_kept: 0.61,
            ..visited
        }),
        1.0,
    );
    near(
        of(Step {
            drop: -1.19,
            ..visited
        }),
        1.0,
    );
    near(
        of(Step {
            drop: -1.21,
            ..visited
        }),
        0.5,
    );
    let noise = |by_day| {
        Some(DayNoise {
            by_day,
            by_week: 1.0,
            by_day_before: 0.2,
            lower: 0.0,
            memory: 0.0,
        })
    };
    // Half of the way from 0.15 to 0.6.
    near(
        of(Step {
            noise: noise(0.38),
            ..visited
        }),
        1.0,
    );
    near(
        of(Step {
            noise: noise(0.37),
            ..visited
        }),
        0.5,
    );
}

#[test]
fn a_home_that_follows_its_peers_far_may_heat() {
    let spring = Step {
        elasticity: 1.6,
        drop: 0.4_f64.ln(),
        upper_drop: 0.4_f64.ln(),
        raw_drop: 0.4_f64.ln() - 0.1,
        ..step()
    };
    let of = |step: Step| left(Suppressor::Season, &step);
    near(of(spring), 0.5);
    near(
        of(Step {
            elasticity: 1.2,
            ..spring
        }),
        1.0,
    );
    near(
        of(Step {
            elasticity: 1.3,
            ..spring
        }),
        0.875,
    );
    near(
        of(Step {
            elasticity: 1.5,
            ..spring
        }),
        0.625,
    );
    // No spring takes four fifths of a home's use; three quarters it may, in part.
    let deep = |ratio: f64| {
        let drop = ratio.ln();
        of(Step {
            drop,
            upper_drop: drop,
            raw_drop: drop - 0.1,
            ..spring
        })
    };
    near(deep(0.2), 1.0);
    near(deep(0.225), 0.875);
    near(deep(0.275), 0.625);
    near(deep(0.3), 0.5);
    // The peers must have fallen by three percent.
    let peers = |by: f64| {
        of(Step {
            raw_drop: spring.drop - by,
            ..spring
        })
    };
    near(peers(0.031), 0.5);
    near(peers(0.029), 1.0);
}

#[test]
fn two_weeks_without_data_are_a_gap() {
    let gap = |days: usize| {
        let mut kwh = home(1, 200, 8.0);
        kwh[100 - days..100].fill(f64::NAN);
        let found = said(&kwh, |suppressing| suppressing.around_the_onset(&evidence()));
        found.iter().any(|found| found.suppressor == Suppressor::DataGap)
    };
    assert!(gap(14) && !gap(13));
}

#[test]
fn a_removal_within_six_weeks_and_a_half_was_planned() {
    let planned = |days: i32| {
        let removed = i64::from(FIRST_DAY + 100 + days) * DAY_SECONDS;
        let component = crate::rules::testing::component(&[crate::rules::testing::period(0, 0, removed)]);
        let world = World::steady(component, 200);
        let profiles = Profiles::daily(0, FIRST_DAY, &home(1, 100 + days as usize, 8.0));
        let lake = (&world.registry, &world.peers, &world.config);
        let mut planned = false;
        each_stay(&mut Scratch::default(), &profiles.series(), lake, |context| {
            let mut suppressing = Suppressing::new(context);
            suppressing.around_the_onset(&evidence());
            let mut found = suppressing.found.iter();
            planned = found.any(|found| found.suppressor == Suppressor::PlannedRemoval);
        });
        planned
    };
    assert!(planned(45) && !planned(46));
}

/// Whether only midday fell, of a home of 1 kWh in every hour that is at so much of it in each from day 100 on.
fn only_midday_fell(level: impl Fn(usize) -> f64) -> bool {
    let period = crate::rules::testing::period(0, 0, i64::MAX);
    let world = World::steady(crate::rules::testing::typed("MC-0", Some(3600), &[period]), 3);
    let mut days = vec![vec![1.0; 24]; 100];
    days.extend(vec![(0..24).map(level).collect::<Vec<f64>>(); 100]);
    let profiles = Profiles::intervals(0, FIRST_DAY, &days);
    let lake = (&world.registry, &world.peers, &world.config);
    let mut found = false;
    each_stay(&mut Scratch::default(), &profiles.series(), lake, |context| {
        let suppressing = Suppressing::new(context);
        found = suppressing.midday_only(FIRST_DAY + 100).is_some();
    });
    found
}

#[test]
fn panels_take_half_of_the_six_hours_around_noon_and_leave_the_nights() {
    let midday = 10..16;
    let at = |level: f64, night: f64| {
        only_midday_fell(|hour| match hour {
            10..16 => level,
            0..6 | 20..24 => night,
            _ => 1.0,
        })
    };
    assert!(at(0.5, 1.0) && !at(0.51, 1.0));
    assert!(at(0.3, 0.8) && !at(0.3, 0.79));
    // One of the six that rose by more than the others fell: 0.1 of five hours and 2.6 of one are more than half of six.
    for risen in midday.clone() {
        assert!(!only_midday_fell(|hour| match hour {
            _ if hour == risen => 2.6,
            10..16 => 0.1,
            _ => 1.0,
        }));
    }
    // One hour of the ten of the night without use: nine times 0.85 are less than eight.
    for dark in (0..6).chain(20..24) {
        assert!(!only_midday_fell(|hour| match hour {
            _ if hour == dark => 0.0,
            10..16 => 0.1,
            0..6 | 20..24 => 0.85,
            _ => 1.0,
        }));
    }
    assert!(at(0.1, 0.85));
}

/// An hourly home whose hours are at 100 Wh, and from day 100 on at what they are then.
fn said_hourly<T>(wh: impl Fn(usize) -> f64, say: impl Fn(&mut Suppressing<'_, '_>) -> T) -> T {
    let world = World::steady(typed("MC-0", Some(3600), &[period(0, 0, i64::MAX)]), 3);
    let days: Vec<Vec<f64>> = (0..200)
        .map(|day| {
            let hours = (0..24).map(|hour| if day < 100 { 100.0 } else { wh(hour) });
            hours.map(|wh| wh / 1_000.0).collect()
        })
        .collect();
    world.at_stay(&Profiles::intervals(0, FIRST_DAY, &days), |context| {
        let mut suppressing = Suppressing::new(context);
        say(&mut suppressing)
    })
}

#[test]
fn a_change_of_the_hours_within_three_weeks_is_the_same_change() {
    // Nobody is at home from day 100 on.
    let left = |onset: i32| {
        let days = from_day(hourly_home(1, 200), 100, |_, hours| hours.fill(0.05));
        let world = World::steady(typed("MC-0", Some(3600), &[period(0, 0, i64::MAX)]), 3);
        world.at_stay(&Profiles::intervals(0, FIRST_DAY, &days), |context| {
            let mut suppressing = Suppressing::new(context);
            suppressing.left_at_first(Rule::SustainedDrop, FIRST_DAY + onset);
            !suppressing.found.is_empty()
        })
    };
    assert!(left(79) && left(121));
    assert!(!left(78) && !left(122));
}

/// Whether a block that is missing from day 100 on is taken for panels.
fn midday_is_solar(after: impl Fn(usize) -> f64) -> bool {
    let bypass = RuleEvidence {
        rule: Rule::PartialBypass,
        ..evidence()
    };
    said_hourly(after, |suppressing| {
        suppressing.midday_block(&bypass);
        !suppressing.found.is_empty()
    })
}

#[test]
fn panels_take_three_hours_of_the_day_to_three_fifths() {
    // From noon on so many hours are at so much, and the nights at so much.
    let solar = |hours: usize, wh: f64, nights: f64| {
        let after = |hour: usize| match hour {
            22.. | 0..4 => nights,
            _ if (12..12 + hours).contains(&hour) => wh,
            _ => 100.0,
        };
        midday_is_solar(after)
    };
    assert!(solar(3, 59.0, 100.0));
    assert!(!solar(3, 61.0, 100.0));
    assert!(!solar(2, 59.0, 100.0));
    // Against nights that fell to four fifths with the season: 48.
    assert!(solar(3, 47.0, 80.0));
    assert!(!solar(3, 49.0, 80.0));
}

#[test]
fn a_part_of_the_day_may_keep_half_more_than_the_mean() {
    // All hours at one half, but for the last one of a part: the part is at p, the mean of six at (2.5 + p) / 6, and half more than
    // that is 5/6 where p is.
    let all = |part: f64, last: usize| {
        let wh = |hour: usize| if hour == last { 400.0 * part - 150.0 } else { 50.0 };
        said_hourly(wh, |suppressing| suppressing.fell_at_all_hours(FIRST_DAY + 100))
    };
    for last in [3, 15, 23] {
        assert!(all(0.83, last), "{last}");
        assert!(!all(0.84, last), "{last}");
    }
}

#[test]
fn thirty_days_before_a_fall_of_all_hours_are_enough() {
    let new = |days: usize| {
        let world = World::steady(typed("MC-0", Some(3600), &[period(0, 0, i64::MAX)]), 3);
        let days = from_day(hourly_home(1, 100), days, |_, hours| {
            for kwh in hours.iter_mut() {
                *kwh *= 0.4;
            }
        });
        let against = world
            .rule(&Profiles::intervals(0, FIRST_DAY, &days), Rule::SustainedDrop)
            .1;
        against.contains(&Suppressor::NewInstall)
    };
    assert!(new(29) && !new(30));
}

#[test]
fn an_outage_takes_three_tenths_of_the_peers() {
    let outage = |silent: usize| {
        let peers = |peer: usize, day: usize| {
            if peer <= silent && (180..195).contains(&day) {
                0.0
            } else {
                10.0
            }
        };
        let world = World::new(installed(), &peers, 200);
        let kwh = scaled(home(1, 200, 8.0), 180..195, 0.0);
        let found = world
            .rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::ZeroWhileOn)
            .1;
        found.contains(&Suppressor::AreaOutage)
    };
    // Nine and eight of thirty.
    assert!(outage(9) && !outage(8));
}

#[test]
fn a_fifth_of_the_baseline_a_year_ago_is_an_empty_season() {
    // Zeros of days 390 to 424; so much on the days of a year before.
    let seasonal = |year_ago: f64| {
        let mut kwh = vec![8.0; 430];
        kwh[10..75].fill(year_ago);
        kwh[390..425].fill(0.0);
        let run = ZeroRun {
            positions: 390..425,
            baseline_kwh: 8.0,
            zero_days_before: 0,
            zero_days: 35,
            scattered: false,
        };
        let found = said(&kwh, |suppressing| suppressing.zero(&run));
        found
            .iter()
            .any(|found| found.suppressor == Suppressor::SeasonalPremise)
    };
    assert!(seasonal(1.59) && !seasonal(1.61));
}

#[test]
fn a_home_without_a_rhythm_that_lost_two_fifths_may_have_been_left() {
    let vacant = |drop: f64| {
        let step = Step {
            drop,
            scatter_after: 0.03,
            ..step()
        };
        let lost = RuleEvidence {
            rule: Rule::PatternLost,
            ..evidence()
        };
        let world = World::steady(installed(), 200);
        let found = world.at_stay(&Profiles::daily(0, FIRST_DAY, &home(1, 200, 8.0)), |context| {
            suppress(context, &[lost], None, Some(&step))
        });
        found.iter().any(|found| found.suppressor == Suppressor::Vacancy)
    };
    assert!(vacant(-0.51) && !vacant(-0.49));
}

#[test]
fn hours_that_kept_their_level_count_from_a_fall_of_fifteen_percent_down() {
    let left = |wh: f64| {
        let hours = [hour_change(&side([100.0; 24]), &side([wh; 24]))];
        let world = World::steady(installed(), 200);
        let found = world.at_stay(&Profiles::daily(0, FIRST_DAY, &home(1, 200, 8.0)), |context| {
            let context = StayContext {
                hours: &hours,
                ..context.clone()
            };
            let mut suppressing = Suppressing::new(&context);
            suppressing.drop(&evidence(), &step());
            suppressing.found
        });
        let mut kept = found
            .iter()
            .filter(|found| found.suppressor == Suppressor::HoursKept);
        kept.next().map_or(1.0, |found| found.factor)
    };
    // ln (100.1 / 95.1) = 0.051 of the way from 0.15 to -0.1; the suppressor takes half.
    let part = (0.15 - (100.1_f64 / 95.1).ln()) / 0.25;
    near(left(95.0), (1.0 - 0.5 * part) as f32);
    near(left(86.0), 1.0);
    assert!(left(86.2) < 1.0);
    near(left(115.0), 0.5);
}

#[test]
fn an_outage_takes_half_of_the_meters_under_a_transformer() {
    let outage = |silent: usize| {
        // Ten of thirty peers hang under the transformer of the home.
        let mut world = World::steady(installed(), 200);
        let mut places = crate::rules::testing::places(world.registry.service_points.len());
        for place in [0].into_iter().chain(11..21) {
            places[place].transformer_id = Some("T".to_owned());
        }
        world.registry = Registry::new(world.registry.components, places);
        let mut builder = PeerBuilder::new(&world.registry);
        for peer in 1..=30 {
            let kwh = if peer <= silent {
                scaled(vec![10.0; 200], 180..195, 0.0)
            } else {
                vec![10.0; 200]
            };
            let profiles = Profiles::daily(peer as u32, FIRST_DAY, &kwh);
            builder.observe_series(&profiles.series(), &world.registry);
        }
        world.peers = builder.finish(20);
        let kwh = scaled(home(1, 200, 8.0), 180..195, 0.0);
        let found = world
            .rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::ZeroWhileOn)
            .1;
        found.contains(&Suppressor::AreaOutage)
    };
    assert!(outage(5) && !outage(4));
}

#[test]
fn shares_are_told_in_percent() {
    for suppressor in [
        Suppressor::AreaOutage,
        Suppressor::MostlyEstimated,
        Suppressor::SiblingRose,
    ] {
        let text = Suppression {
            suppressor,
            rule: Rule::ZeroWhileOn,
            factor: 0.5,
            measured: 0.25,
        }
        .text();
        assert!(text.contains("25 %"), "{text}");
    }
}

#[test]
fn panels_yield_from_four_to_nine_in_the_evening() {
    // Three hours from noon on fell by half, and one more.
    let solar = |other: usize| {
        let after = |hour: usize| {
            if (12..15).contains(&hour) || hour == other {
                50.0
            } else {
                100.0
            }
        };
        midday_is_solar(after)
    };
    assert!(solar(4) && solar(20));
    assert!(!solar(3) && !solar(21));
}

#[test]
fn the_night_is_from_ten_to_four() {
    // Half of its six hours at four fifths: the middle is nine tenths, three fifths of which are 54.
    let solar = |midday: f64| {
        let after = |hour: usize| match hour {
            22 | 23 | 0 => 80.0,
            12..15 => midday,
            _ => 100.0,
        };
        midday_is_solar(after)
    };
    assert!(solar(53.0) && !solar(55.0));
}
