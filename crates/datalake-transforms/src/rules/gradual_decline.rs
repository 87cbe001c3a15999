//! `GRADUAL_DECLINE`: the level falls slowly against the peers.
//!
//! Slope of the weekly levels by Theil and Sen (median of the slopes between all pairs of weeks), over the last half year and
//! over the last year; the steeper fall counts. A slope is believed as far as the weeks agree on it: the share of
//! pairs that fall less the share that rise (Kendall's tau). Where a year earlier is known the same weeks must have stood
//! higher then. All of this must hold with and without the peers' index: what the peers fell is no fall of the home, and what
//! they rose is none either, because not every home heats when its peers do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Lack, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::levels::Block;
use crate::model::MICRO;
use crate::quantiles::median;

/// Weeks that a slope is taken over.
const WINDOWS: [usize; 2] = [26, 52];

/// Weeks that a slope needs at least.
const LEAST_WEEKS: usize = 13;

/// Kendall's tau (of a fall) that counts in part, and wholly.
const AGREED: (f64, f64) = (0.4, 0.75);

/// Fall (ln) over the window that is as deep as it gets.
const FULL_DEPTH: f64 = 1.0;

/// Thresholds of `GRADUAL_DECLINE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GradualDeclineConfig {
    /// Level at the end of the slope / at its start that a hit must not exceed.
    pub max_ratio: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for GradualDeclineConfig {
    fn default() -> Self {
        Self {
            max_ratio: 0.6,
            weight: 0.35,
        }
    }
}

impl GradualDeclineConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("gradual_decline.max_ratio", self.max_ratio, 0.05, 0.95)
    }
}

/// Slope a week and Kendall's tau of some levels, one a week; `None` of fewer than two.
fn theil_sen(levels: &[f64]) -> Option<(f64, f64)> {
    let mut slopes = Vec::with_capacity(levels.len() * levels.len().saturating_sub(1) / 2);
    let mut agreed = 0_i64;
    for (late, level) in levels.iter().enumerate() {
        for (early, before) in levels[..late].iter().enumerate() {
            let change = level - before;
            agreed += i64::from(change > 0.0) - i64::from(change < 0.0);
            slopes.push(change / (late - early) as f64);
        }
    }
    let pairs = slopes.len() as f64;
    Some((median(&mut slopes)?, agreed as f64 / pairs))
}

pub(crate) fn judge(context: &StayContext<'_>, blocks: &[Block]) -> RuleEvidence {
    let config = &context.config.gradual_decline;
    if context.is_register() || blocks.len() < LEAST_WEEKS {
        return RuleEvidence::not_judged(Rule::GradualDecline, Gap::TooFewDays, config.max_ratio);
    }
    let mut best = (0.0, 0.0, blocks.len());
    for window in WINDOWS {
        let weeks = window.min(blocks.len());
        let part = &blocks[blocks.len() - weeks..];
        let fallen = |levels: Vec<f64>| {
            let (slope, tau) = theil_sen(&levels)?;
            let fall = -slope * (weeks - 1) as f64;
            Some((fall, ramp(fall, 0.0, FULL_DEPTH) * ramp(-tau, AGREED.0, AGREED.1)))
        };
        let counted = fallen(part.iter().map(|block| block.level).collect());
        let adjusted = fallen(part.iter().map(|block| block.level - block.index).collect());
        let Some((counted, adjusted)) = counted.zip(adjusted) else {
            continue;
        };
        let strength = counted.1.min(adjusted.1);
        if strength > best.1 {
            best = (counted.0.min(adjusted.0), strength, weeks);
        }
    }
    let (fall, mut strength, weeks) = best;
    let part = &blocks[blocks.len() - weeks.min(blocks.len())..];
    if let Some(year) = year_change(context, blocks) {
        strength *= ramp(-year, 0.0, fall.max(0.1));
    }
    let deep = (-fall).exp() <= config.max_ratio;
    let hit = deep && strength >= 0.5;
    let (onset, last) = (part[0].first_day, part[part.len() - 1].last_day);
    RuleEvidence {
        rule: Rule::GradualDecline,
        verdict: if hit {
            Verdict::Hit
        } else if deep {
            Verdict::MissFor(Lack::Unclear)
        } else {
            Verdict::Miss
        },
        value: (-fall).exp() as f32,
        threshold: config.max_ratio as f32,
        onset_day: onset,
        end_day: last,
        strength: strength as f32,
        kwh_micro: if hit { lost(context, onset, fall) } else { 0 },
    }
}

/// Median of the last four weeks less the same weeks a year before (ln, with and without the peers whichever fell less); `None`
/// where they are unknown.
fn year_change(context: &StayContext<'_>, blocks: &[Block]) -> Option<f64> {
    const YEAR: i32 = 364;
    let index = |block: &Block| {
        if context.levels.has_peers {
            block.index
        } else {
            0.0
        }
    };
    let mut changes: Vec<f64> = blocks
        .iter()
        .rev()
        .take(4)
        .filter_map(|block| {
            let at = blocks.partition_point(|earlier| earlier.last_day < block.first_day - YEAR);
            let earlier = blocks
                .get(at)
                .filter(|earlier| earlier.first_day <= block.first_day - YEAR + 6)?;
            let counted = block.level - earlier.level;
            Some(counted.max(counted - (index(block) - index(earlier))))
        })
        .collect();
    if changes.len() < 3 {
        return None;
    }
    median(&mut changes)
}

/// What the level at the start of the slope would have added, 10^-6 kWh: the fall grows in a straight line.
fn lost(context: &StayContext<'_>, onset: i32, fall: f64) -> i64 {
    let levels = context.levels;
    let positions = levels.positions(onset..i32::MAX);
    let span = f64::from(levels.day[levels.len() - 1] - onset).max(1.0);
    let kwh: f64 = positions
        .map(|position| {
            let way = f64::from(levels.day[position] - onset) / span;
            levels.kwh[position] * ((fall * way).exp() - 1.0)
        })
        .sum();
    (kwh.max(0.0) * MICRO as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, noise};

    const RULE: Rule = Rule::GradualDecline;

    /// 364 days; from day 182 on the level falls in a straight line (of its logarithm) to `floor`.
    fn declining(floor: f64) -> Vec<f64> {
        let way = |day: usize| day.saturating_sub(182) as f64 / 182.0;
        let days = home(1, 364, 8.0).into_iter().enumerate();
        days.map(|(day, kwh)| kwh * floor.powf(way(day))).collect()
    }

    fn judged(kwh: &[f64]) -> RuleEvidence {
        let world = World::steady(installed(), kwh.len());
        world.rule(&Profiles::daily(0, FIRST_DAY, kwh), RULE).0
    }

    #[test]
    fn a_slope_by_hand() {
        // Of 0, -1, -1, -3 the pairs have slopes -1, -1/2, 0, -1, -1, -2: the median is -1; five fall, one stands.
        let (slope, tau) = theil_sen(&[0.0, -1.0, -1.0, -3.0]).unwrap_or_default();
        assert!((slope + 1.0).abs() < 1e-12);
        assert!((tau + 5.0 / 6.0).abs() < 1e-12);
        assert_eq!(theil_sen(&[1.0]), None);
    }

    #[test]
    fn a_fall_to_a_third_within_half_a_year_hits() {
        let found = judged(&declining(0.33));
        assert_eq!(found.verdict, Verdict::Hit);
        assert!((found.value - 0.35).abs() < 0.06, "{found:?}");
        assert!((found.onset_day - FIRST_DAY - 182).abs() <= 7);
    }

    #[test]
    fn a_fall_to_four_fifths_does_not() {
        let found = judged(&declining(0.8));
        assert_eq!(found.verdict, Verdict::Miss);
        assert!(found.strength < 0.3, "{found:?}");
    }

    #[test]
    fn what_the_peers_rise_is_no_decline_of_the_home() {
        // Peers that heat use e times as much after half a year, the home goes on as before.
        let rise = |day: usize| (day.saturating_sub(182) as f64 / 182.0).exp();
        let judged = |kwh: &[f64]| {
            let peers = |peer: usize, day: usize| 10.0 * rise(day) * (0.95 + 0.1 * noise(peer as u64, day));
            let world = World::new(installed(), &peers, 364);
            world.rule(&Profiles::daily(0, FIRST_DAY, kwh), RULE).0
        };
        let found = judged(&home(1, 364, 8.0));
        assert_eq!(found.verdict, Verdict::Miss);
        assert!(found.strength < 0.1, "{found:?}");
        assert_eq!(judged(&declining(0.33)).verdict, Verdict::Hit);
    }

    #[test]
    fn a_season_that_comes_every_year_does_not() {
        // Two years of a home that uses a third in summer, among peers that do not.
        let season = |day: usize| 0.6 + 0.4 * (day as f64 / 364.0 * std::f64::consts::TAU).cos();
        let kwh: Vec<f64> = (0..728 + 182)
            .map(|day| 8.0 * season(day) * (0.9 + 0.2 * noise(1, day)))
            .collect();
        assert_eq!(judged(&kwh).verdict, Verdict::MissFor(Lack::Unclear));
    }

    /// Weeks at some levels (ln).
    fn weeks(levels: impl IntoIterator<Item = f64>) -> Vec<Block> {
        let weeks = levels.into_iter().zip(0..);
        weeks
            .map(|(level, week)| Block {
                first_day: FIRST_DAY + 7 * week,
                last_day: FIRST_DAY + 7 * week + 6,
                level,
                index: 0.0,
            })
            .collect()
    }

    fn look<T>(blocks: &[Block], look: impl Fn(&StayContext<'_>, &[Block]) -> T) -> T {
        let kwh = vec![8.0; 7 * blocks.len()];
        let world = World::new(installed(), &|_, _| 10.0, kwh.len());
        world.at_stay(&Profiles::daily(0, FIRST_DAY, &kwh), |context| {
            look(context, blocks)
        })
    }

    #[test]
    fn a_slope_is_taken_over_half_a_year_and_over_a_year() {
        // One percent a week for a hundred weeks: 51 of them in the last year.
        let found = look(&weeks((0..100).map(|week| -0.01 * f64::from(week))), judge);
        assert!(
            (f64::from(found.value) - (-0.51_f64).exp()).abs() < 1e-6,
            "{found:?}"
        );
        assert_eq!(found.onset_day, FIRST_DAY + 7 * 48);
        // Three percent a week in the last 26 weeks of sixty: 25 of them, of which 1 is as deep as it gets.
        let found = look(
            &weeks((0..60).map(|week| -0.03 * f64::from((week - 34).max(0)))),
            judge,
        );
        assert!(
            (f64::from(found.value) - (-0.75_f64).exp()).abs() < 1e-6,
            "{found:?}"
        );
        assert_eq!(found.onset_day, FIRST_DAY + 7 * 34);
    }

    #[test]
    fn a_fall_by_two_thirds_is_as_deep_as_it_gets() {
        let strength =
            |fall: f64| look(&weeks((0..26).map(|week| -fall * f64::from(week) / 25.0)), judge).strength;
        assert!((strength(0.8) - 0.8).abs() < 1e-6);
        assert!((strength(1.0) - 1.0).abs() < 1e-6);
        assert!((strength(1.5) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn thirteen_weeks_are_a_slope() {
        let verdict = |n: i32| look(&weeks((0..n).map(|week| -0.1 * f64::from(week))), judge).verdict;
        assert_eq!(verdict(13), Verdict::Hit);
        assert_eq!(verdict(12), Verdict::NotJudged(Gap::TooFewDays));
    }

    #[test]
    fn weeks_must_agree_on_the_slope() {
        // Thirteen weeks that fall by e each, the first six of them in turned order, and one or two pairs of the others:
        // 16 or 17 of 78 pairs rise.
        let levels = |swapped: &[usize]| {
            let mut order: Vec<i32> = (0..13).collect();
            order[..6].reverse();
            for &at in swapped {
                order.swap(at, at + 1);
            }
            look(&weeks(order.into_iter().map(|week| -f64::from(week))), judge)
        };
        // 62 fall; the share that they are more counts from 0.4 to 0.75.
        let found = levels(&[6]);
        assert_eq!(found.verdict, Verdict::Hit);
        assert!(
            (f64::from(found.strength) - (46.0 / 78.0 - 0.4) / 0.35).abs() < 1e-6,
            "{found:?}"
        );
        let found = levels(&[6, 8]);
        assert_eq!(found.verdict, Verdict::MissFor(Lack::Unclear));
        assert!(
            (f64::from(found.strength) - (44.0 / 78.0 - 0.4) / 0.35).abs() < 1e-6,
            "{found:?}"
        );
    }

    #[test]
    fn a_fall_over_the_year_of_a_tenth_is_asked_of_the_flattest_slope() {
        // A thousandth a week: 0.051 in the last year, and 0.052 less than the same weeks of the year before.
        let found = look(&weeks((0..60).map(|week| -0.001 * f64::from(week))), judge);
        assert!((found.strength - 0.051 * 0.52).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn the_last_four_weeks_are_compared_with_those_of_a_year_before() {
        let levels = |week: usize| match week {
            44..48 => 0.5,
            96 => -0.1,
            97 => -0.2,
            98 => -0.4,
            99 => -0.8,
            _ => 0.0,
        };
        let blocks = weeks((0..100).map(levels));
        let change = |blocks: &[Block]| look(blocks, year_change);
        // -0.6, -0.7, -0.9 and -1.3.
        assert!((change(&blocks).unwrap_or_default() + 0.8).abs() < 1e-9);
        // Three of the four are enough, two are not.
        let without = |missing: &[usize]| {
            let kept = (0..100).filter(|week| !missing.contains(week));
            kept.map(|week| blocks[week]).collect::<Vec<_>>()
        };
        assert!((change(&without(&[45])).unwrap_or_default() + 0.9).abs() < 1e-9);
        assert_eq!(change(&without(&[45, 46])), None);
        // A week of the year before that begins six days late is the same week; seven days late it is another.
        let late = |days: i32| {
            let mut blocks = without(&[45]);
            blocks[45].first_day = FIRST_DAY + 7 * 45 + days;
            blocks[45].level = 0.1;
            change(&blocks).unwrap_or_default()
        };
        // What begins there stands for the week after as well: -0.6, -0.3, -0.5 and -1.3, or -0.6, -0.5 and -1.3.
        assert!((late(6) + 0.55).abs() < 1e-9, "{}", late(6));
        assert!((late(7) + 0.6).abs() < 1e-9, "{}", late(7));
    }
}
