//! What a step of the level does to the noise of the days.
//!
//! Days go up and down around their level. A wrong multiplier or a lost phase keeps that: days spread as before, relative to
//! their level. A share that varies at random from day to day, or a constant amount that goes missing, makes the days noisier, and
//! the noise has no memory: a high day says nothing of the next. Life does otherwise: who is away now and then is away for days in a
//! row, and who moves in brings other habits. So noise tells a step that a hand made from one that a life made.
//!
//! All of it is measured on days adjusted by the peers' index, in natural logarithms.

use crate::levels::Levels;
use crate::quantiles::{median, quantile};
use crate::rules::ramp;

/// Days on each side that the noise needs.
const DAYS: usize = 21;

/// Days of a year: what was longer ago says little of the habits before a step.
const BEFORE_DAYS: usize = 365;

/// A day below this share of the median day counts as this much.
const FLOOR_SHARE: f64 = 0.05;

/// Least noise, ln.
const NOISE_FLOOR: f64 = 0.02;

/// Growth of the noise (ln) that chance makes, and that no even step makes.
const OTHER_NOISE: (f64, f64) = (0.2, 0.7);

/// Fall of the lower decile (ln, against the level) likewise.
const OTHER_LOWER: (f64, f64) = (0.15, 0.6);

/// What each of the changes above takes from an even step at most.
const OTHER_SHARE: f64 = 0.7;

/// Growth of the noise (ln) of a restless step, in part and wholly.
const RESTLESS: (f64, f64) = (0.15, 0.6);

/// Memory of the days after the step, from which on noise is a life's own.
const MEMORY: (f64, f64) = (0.4, 0.8);

/// Median distance (ln) of a day from the one before it of days that nobody makes, and from which on somebody may.
const MACHINE: (f64, f64) = (0.02, 0.05);

/// Median distance of two independent normal numbers, in standard deviations.
const MEDIAN_DISTANCE: f64 = 0.954;

/// The noise of the days after a step against that before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayNoise {
    /// ln(after / before) of the median distance of a day from the day before it.
    pub by_day: f64,
    /// The same of a day from the same weekday a week before.
    pub by_week: f64,
    /// Lower decile less median, after less before.
    pub lower: f64,
    /// How much a day after the step says of the next one: about its autocorrelation, 0 of independent days, 1 at most.
    pub memory: f64,
    /// Median distance of a day from the day before it, before the step.
    pub by_day_before: f64,
}

/// Days of one side of a step.
struct Side {
    by_day: f64,
    by_week: f64,
    lower: f64,
    spread: f64,
}

impl Side {
    fn new(levels: &Levels, range: std::ops::Range<usize>, elasticity: f64) -> Option<Self> {
        let days = &levels.day[range.clone()];
        let mut kwh = levels.kwh[range.clone()].to_vec();
        let floor = FLOOR_SHARE * median(&mut kwh)?;
        if floor <= 0.0 {
            return None;
        }
        let level =
            |position: usize| levels.kwh[position].max(floor).ln() - elasticity * levels.index[position];
        let level: Vec<f64> = range.map(level).collect();
        let mut finite: Vec<f64> = level.iter().copied().filter(|level| level.is_finite()).collect();
        if finite.len() < DAYS {
            return None;
        }
        let (centre, low) = (median(&mut finite)?, quantile(&mut finite, 0.1)?);
        for level in &mut finite {
            *level = (*level - centre).abs();
        }
        Some(Self {
            by_day: distance(days, &level, 1)?,
            by_week: distance(days, &level, 7)?,
            lower: low - centre,
            spread: 1.4826 * median(&mut finite)?,
        })
    }
}

/// Median distance of a day's level from that of the day `lag` days before; `None` of too few such days.
fn distance(days: &[i32], level: &[f64], lag: i32) -> Option<f64> {
    let mut earlier = 0;
    let mut distances = Vec::with_capacity(days.len());
    for (&day, &now) in days.iter().zip(level) {
        while days[earlier] < day - lag {
            earlier += 1;
        }
        let distance = (now - level[earlier]).abs();
        if days[earlier] == day - lag && distance.is_finite() {
            distances.push(distance);
        }
    }
    (2 * distances.len() >= DAYS).then(|| median(&mut distances))?
}

/// What the values' resolution makes of a level: half of the gaps between values next to each other are as wide, in kWh.
fn resolution(kwh: &[f64]) -> f64 {
    let mut sorted = kwh.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let gaps = sorted.windows(2).map(|pair| pair[1] - pair[0]);
    let mut gaps: Vec<f64> = gaps.filter(|&gap| gap > 1e-9).collect();
    median(&mut gaps).unwrap_or(0.0)
}

impl DayNoise {
    /// The noise of the days from position `split` on against that of the year before; `None` of too few days.
    #[must_use]
    pub fn at(levels: &Levels, split: usize, elasticity: f64) -> Option<Self> {
        let from = split.saturating_sub(BEFORE_DAYS);
        let before = Side::new(levels, from..split, elasticity)?;
        let after = Side::new(levels, split..levels.len(), elasticity)?;
        // Coarse values make a low level noisy by themselves.
        let mut kwh = levels.kwh[split..].to_vec();
        let coarse = resolution(&kwh) / median(&mut kwh)?;
        let change =
            |before: f64, after: f64| ((after + NOISE_FLOOR) / (before.hypot(coarse) + NOISE_FLOOR)).ln();
        let alike = after.by_day / (MEDIAN_DISTANCE * after.spread + 1e-3);
        Some(Self {
            by_day: change(before.by_day, after.by_day),
            by_week: change(before.by_week, after.by_week),
            lower: after.lower - before.lower,
            memory: 1.0 - alike * alike,
            by_day_before: before.by_day,
        })
    }

    /// 0..1: how well the noise fits a step that scales all days alike. Where days hardly vary nobody lives, and a machine that was
    /// switched off keeps what noise there is.
    #[must_use]
    pub fn kept(&self) -> f64 {
        let other = |change: f64, (from, to): (f64, f64)| 1.0 - OTHER_SHARE * ramp(change, from, to);
        // Days that became calmer are what a suppressor looks at: it names itself.
        let lived_in = ramp(self.by_day_before, MACHINE.0, MACHINE.1);
        lived_in
            * other(self.by_day, OTHER_NOISE)
            * other(self.by_week, OTHER_NOISE)
            * other(-self.lower, OTHER_LOWER)
    }

    /// 0..1: how much the days became noisier, without a memory.
    #[must_use]
    pub fn restless(&self) -> f64 {
        let noisier = ramp(self.by_day.min(self.by_week), RESTLESS.0, RESTLESS.1);
        noisier * (1.0 - ramp(self.memory, MEMORY.0, MEMORY.1))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::testing::{home, noise};

    fn levels(kwh: &[f64]) -> Levels {
        Levels {
            day: (0..).take(kwh.len()).collect(),
            kwh: kwh.to_vec(),
            index: vec![0.0; kwh.len()],
            ..Levels::default()
        }
    }

    fn at(kwh: &[f64]) -> DayNoise {
        DayNoise::at(&levels(kwh), 200, 1.0).unwrap()
    }

    fn from_200(factor: impl Fn(usize) -> f64) -> Vec<f64> {
        let days = home(1, 400, 8.0).into_iter().enumerate();
        days.map(|(day, kwh)| if day < 200 { kwh } else { kwh * factor(day) })
            .collect()
    }

    #[test]
    fn a_share_of_all_days_keeps_their_noise() {
        let noise = at(&from_200(|_| 0.4));
        assert!(noise.by_day.abs() < 0.1 && noise.by_week.abs() < 0.3, "{noise:?}");
        assert!(noise.lower.abs() < 0.15);
        assert!(noise.kept() > 0.9);
        assert!(noise.restless() < 1e-9);
    }

    #[test]
    fn days_that_hardly_vary_have_no_noise_to_keep() {
        // Uniform within `share` of the level: two days lie 0.59 x share apart in the median.
        let machine = |share: f64| {
            let days = (0..400).map(|day| {
                let kwh = 8.0 * (1.0 - share + 2.0 * share * noise(1, day));
                if day < 200 { kwh } else { 0.4 * kwh }
            });
            at(&days.collect::<Vec<_>>()).kept()
        };
        assert!(machine(0.03) < 1e-9);
        assert!((0.2..0.8).contains(&machine(0.06)), "{}", machine(0.06));
        assert!(machine(0.1) > 0.9);
    }

    #[test]
    fn another_share_each_day_is_restless() {
        let noise = at(&from_200(|day| 0.2 + 0.6 * noise(5, day)));
        assert!(
            noise.by_day > 0.6 && noise.by_week > 0.6 && noise.memory < 0.4,
            "{noise:?}"
        );
        assert!((noise.restless() - 1.0).abs() < 1e-9, "{noise:?}");
        assert!(noise.kept() < 0.2);
    }

    #[test]
    fn who_is_away_for_days_in_a_row_is_not() {
        // Weeks at home and weeks away, of three to nine days.
        let away = |day: usize| [1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0][(day / 2) % 18] == 0;
        let noise = at(&from_200(|day| if away(day) { 0.3 } else { 0.9 }));
        assert!(noise.memory > 0.8, "{noise:?}");
        assert!(noise.restless() < 1e-9);
    }

    #[test]
    fn kilowatt_hours_without_decimals_are_no_noise_of_a_home() {
        let whole: Vec<f64> = from_200(|_| 0.2).iter().map(|kwh| kwh.round()).collect();
        let noise = at(&whole);
        assert!(noise.by_day < RESTLESS.0, "{noise:?}");
    }

    #[test]
    fn distances_are_of_days_a_lag_apart_by_hand() {
        // Of the days 0, 1, 2, 4, 5 the distances at a lag of one are 1, 3 and 4; day 4 has no day before it.
        let days: Vec<i32> = [0, 1, 2, 4, 5].into_iter().chain(10..30).collect();
        let mut level = vec![0.0, 1.0, 4.0, 50.0, 54.0];
        level.extend((0..20).map(|_| 2.0));
        // And 19 of nought: the median of 1, 3, 4 and those is 0.
        assert_eq!(distance(&days, &level, 1), Some(0.0));
        assert_eq!(distance(&days[..5], &level[..5], 1), None, "too few");
        // At a lag of seven: 13 pairs from day 17 on.
        assert_eq!(distance(&days, &level, 7), Some(0.0));
    }

    #[test]
    fn the_step_of_values_by_hand() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(resolution(&[3.0, 1.0, 1.0, 2.0, 5.0, 2.0]), 1.0);
        near(resolution(&[0.1, 0.2, 0.4, 0.4]), 0.15);
        near(resolution(&[2.0, 2.0]), 0.0);
    }

    #[test]
    fn three_weeks_on_each_side_are_needed() {
        let kwh = home(1, 60, 8.0);
        assert!(DayNoise::at(&levels(&kwh), 30, 1.0).is_some());
        assert_eq!(DayNoise::at(&levels(&kwh), 20, 1.0), None);
        assert_eq!(DayNoise::at(&levels(&kwh), 40, 1.0), None);
        assert!(DayNoise::at(&levels(&kwh[..51]), 30, 1.0).is_some());
        assert!(DayNoise::at(&levels(&kwh), 21, 1.0).is_some());
    }

    #[test]
    fn half_of_three_weeks_of_pairs_are_a_distance() {
        let days: Vec<i32> = (0..12).collect();
        assert_eq!(distance(&days, &[0.0; 12], 1), Some(0.0), "eleven pairs");
        assert_eq!(distance(&days[1..], &[0.0; 11], 1), None, "ten");
    }

    #[test]
    fn what_is_longer_ago_than_a_year_says_nothing() {
        let kwh = home(1, 460, 8.0);
        let at = |from: usize| DayNoise::at(&levels(&kwh[from..]), 400 - from, 1.0);
        assert_eq!(at(0), at(35));
        assert_ne!(at(0), at(36), "a day of the year");
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }

    #[test]
    fn a_side_by_hand() {
        // Days that grow by one percent each, from 0 to 1 in logarithms: a decile 0.4 below the middle, half of the days within
        // 0.25 of it.
        let kwh: Vec<f64> = (0..=100).map(|day| (f64::from(day) / 100.0).exp()).collect();
        let side = Side::new(&levels(&kwh), 0..101, 1.0).unwrap();
        near(side.by_day, 0.01);
        near(side.by_week, 0.07);
        near(side.lower, -0.4);
        near(side.spread, 1.4826 * 0.25);
        // A day without use counts as a twentieth of the usual one.
        let kwh: Vec<f64> = (0..50).map(|day| if day % 5 == 0 { 0.0 } else { 3.0 }).collect();
        near(Side::new(&levels(&kwh), 0..50, 1.0).unwrap().lower, 0.05_f64.ln());
    }

    #[test]
    fn the_changes_by_hand() {
        let day = |day: usize, odd: f64| if day.is_multiple_of(2) { 1.0 } else { odd };
        let up = 0.1_f64.exp();
        // Days of ten percent up and down, and all alike from day 40 on.
        let calmer: Vec<f64> = (0..80)
            .map(|at| if at < 40 { day(at, up) } else { 1.0 })
            .collect();
        let noise = DayNoise::at(&levels(&calmer), 40, 1.0).unwrap();
        near(noise.by_day, (0.02_f64 / 0.12).ln());
        near(noise.by_week, (0.02_f64 / 0.12).ln());
        near(noise.memory, 1.0);
        // The same every week is no noise from week to week.
        let weekly: Vec<f64> = (0..80)
            .map(|at| if at < 40 && at % 7 < 3 { up } else { 1.0 })
            .collect();
        near(DayNoise::at(&levels(&weekly), 40, 1.0).unwrap().by_week, 0.0);
        // Days that turn back each time have less memory than none: their distance is twice the half of 0.1 by which they lie off
        // the middle, in units of 1.4826 of which independent days would be 0.954 apart.
        let restless: Vec<f64> = (0..80)
            .map(|at| if at < 40 { 1.0 } else { day(at, up) })
            .collect();
        let alike: f64 = 0.1 / (0.954 * 1.4826 * 0.05 + 0.001);
        near(
            DayNoise::at(&levels(&restless), 40, 1.0).unwrap().memory,
            1.0 - alike * alike,
        );
    }

    #[test]
    fn each_change_takes_seven_tenths_at_most() {
        let even = DayNoise {
            by_day: 0.0,
            by_week: 0.0,
            by_day_before: 0.2,
            lower: 0.0,
            memory: 0.0,
        };
        near(even.kept(), 1.0);
        for (change, kept) in [
            (-1.0, 1.0),
            (0.2, 1.0),
            (0.3, 0.86),
            (0.45, 0.65),
            (0.6, 0.44),
            (0.7, 0.3),
        ] {
            near(
                DayNoise {
                    by_day: change,
                    ..even
                }
                .kept(),
                kept,
            );
            near(
                DayNoise {
                    by_week: change,
                    ..even
                }
                .kept(),
                kept,
            );
        }
        for (change, kept) in [
            (1.0, 1.0),
            (-0.15, 1.0),
            (-0.24, 0.86),
            (-0.375, 0.65),
            (-0.6, 0.3),
        ] {
            near(
                DayNoise {
                    lower: change,
                    ..even
                }
                .kept(),
                kept,
            );
        }
        let noisy = DayNoise {
            by_day: 0.7,
            by_week: 0.7,
            by_day_before: 0.2,
            lower: -0.6,
            memory: 0.0,
        };
        near(noisy.kept(), 0.027);
    }

    #[test]
    fn noise_is_restless_by_what_it_grew_and_by_what_it_forgot() {
        let noise = |by_day, by_week, memory| {
            let noise = DayNoise {
                by_day,
                by_week,
                by_day_before: 0.2,
                lower: 0.0,
                memory,
            };
            noise.restless()
        };
        for (grown, restless) in [(0.15, 0.0), (0.24, 0.2), (0.375, 0.5), (0.51, 0.8), (0.6, 1.0)] {
            near(noise(grown, 2.0, 0.0), restless);
            near(noise(2.0, grown, 0.0), restless);
        }
        for (memory, restless) in [(0.4, 1.0), (0.48, 0.8), (0.6, 0.5), (0.72, 0.2), (0.8, 0.0)] {
            near(noise(2.0, 2.0, memory), restless);
        }
    }

    #[test]
    fn days_that_somebody_may_make_lie_two_to_five_percent_apart() {
        let kept = |by_day_before: f64| {
            DayNoise {
                by_day: 0.0,
                by_week: 0.0,
                by_day_before,
                lower: 0.0,
                memory: 0.0,
            }
            .kept()
        };
        for (apart, part) in [(0.02, 0.0), (0.026, 0.2), (0.035, 0.5), (0.05, 1.0)] {
            near(kept(apart), part);
        }
    }
}
