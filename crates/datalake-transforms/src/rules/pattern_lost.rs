//! `PATTERN_LOST`: the rhythm of the days, or of the weeks, disappears.
//!
//! Of components with hours: the median correlation of a day with the mean day before the onset falls, and the mean day
//! becomes flat while the single days stay as uneven as they were (noise in the place of a life). Of others: the
//! autocorrelation of the days at a lag of seven falls between the halves around the step of the level (Zheng et al. 2018);
//! that much happens to honest homes too, and counts little.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::levels::Levels;

/// How much flatter (ln) the mean day must become, in part and wholly.
const FLATTER: (f64, f64) = (0.45, 1.0);

/// Days on each side that a correlation from week to week needs.
const WEEKLY_DAYS: usize = 56;

/// What a lost weekly rhythm counts of what a lost daily one does.
const WEEKLY_SHARE: f64 = 0.3;

/// Lag, days.
const LAG: usize = 7;

/// Thresholds of `PATTERN_LOST`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PatternLostConfig {
    /// By how much the correlation must fall for a hit, 0..2.
    pub min_fall: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for PatternLostConfig {
    fn default() -> Self {
        Self {
            min_fall: 0.4,
            weight: 0.48,
        }
    }
}

impl PatternLostConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("pattern_lost.min_fall", self.min_fall, 0.05, 2.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>, onset: Option<i32>) -> RuleEvidence {
    let config = &context.config.pattern_lost;
    let found = |fall: f64, strength: f64, hit: bool, days: (i32, i32)| RuleEvidence {
        rule: Rule::PatternLost,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: fall as f32,
        threshold: config.min_fall as f32,
        onset_day: days.0,
        end_day: days.1,
        strength: strength as f32,
        kwh_micro: 0,
    };
    let of_hours = context.best_of_hours(|hours| {
        let fall = hours.before.rhythm - hours.after.rhythm;
        let flatter = ramp(hours.flattened(), FLATTER.0, FLATTER.1);
        let hit = fall >= config.min_fall && flatter >= 0.5;
        let days = (hours.onset_day, hours.last_day);
        found(fall, flatter * ramp(fall, 0.0, config.min_fall), hit, days)
    });
    if let Some(found) = of_hours {
        return found;
    }
    let levels = context.levels;
    let weekly = onset.filter(|_| !context.is_register()).and_then(|onset| {
        let split = levels.positions(i32::MIN..onset).end;
        let before = lag_correlation(levels, 0..split)?;
        Some((onset, before - lag_correlation(levels, split..levels.len())?))
    });
    match weekly {
        Some((onset, fall)) => {
            let strength = WEEKLY_SHARE * ramp(fall, 0.0, 2.0 * config.min_fall);
            let last = levels.day[levels.len() - 1];
            found(fall, strength, fall >= config.min_fall, (onset, last))
        }
        None => RuleEvidence::not_judged(Rule::PatternLost, Gap::TooFewDays, config.min_fall),
    }
}

/// Correlation of the days' logarithms, less the peers', with those seven days earlier; `None` of too few pairs.
fn lag_correlation(levels: &Levels, positions: std::ops::Range<usize>) -> Option<f64> {
    let level = |position: usize| {
        let index = levels.index[position];
        levels.ln_kwh[position] - if index.is_finite() { index } else { 0.0 }
    };
    let (mut n, mut a, mut b, mut aa, mut bb, mut ab) = (0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for position in positions.start + LAG..positions.end {
        if levels.day[position] - levels.day[position - LAG] != LAG as i32 {
            continue;
        }
        let (now, then) = (level(position), level(position - LAG));
        n += 1;
        a += now;
        b += then;
        aa += now * now;
        bb += then * then;
        ab += now * then;
    }
    if n < WEEKLY_DAYS - LAG {
        return None;
    }
    let n = f64::from(n as u32);
    let (aa, bb) = (aa - a * a / n, bb - b * b / n);
    (aa > 1e-9 && bb > 1e-9).then(|| (ab - a * b / n) / (aa * bb).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{
        FIRST_DAY, Profiles, World, from_day, home, hour_change, hourly_home, installed, judge_hourly, noise,
        scaled, side,
    };

    const RULE: Rule = Rule::PatternLost;

    #[test]
    fn noise_in_the_place_of_a_life_hits() {
        let replaced = from_day(hourly_home(1, 160), 80, |day, hours| {
            let mean = hours.iter().sum::<f64>() / 24.0;
            for (hour, kwh) in hours.iter_mut().enumerate() {
                *kwh = mean * (0.1 + 1.8 * noise(5, day * 24 + hour));
            }
        });
        let (found, _) = judge_hourly(&replaced, RULE);
        assert_eq!(found.verdict, Verdict::Hit);
        assert_eq!(found.onset_day, FIRST_DAY + 80);
        // From nearly 1 to nearly 0.
        assert!((found.value - 0.93).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn half_of_everything_keeps_the_pattern() {
        let half = from_day(hourly_home(1, 160), 80, |_, day| {
            for kwh in day.iter_mut() {
                *kwh *= 0.5;
            }
        });
        let (found, _) = judge_hourly(&half, RULE);
        assert_eq!(found.verdict, Verdict::Miss);
        assert!(found.value.abs() < 0.05, "{found:?}");
    }

    #[test]
    fn an_empty_home_is_calmer_and_no_noise() {
        let empty = from_day(hourly_home(1, 160), 80, |day, hours| {
            for (hour, kwh) in hours.iter_mut().enumerate() {
                *kwh = 0.15 + 0.02 * noise(5, day * 24 + hour);
            }
        });
        assert_eq!(judge_hourly(&empty, RULE).0.verdict, Verdict::Miss);
    }

    #[test]
    fn the_rhythm_of_the_week_counts_a_little() {
        // Twice as much on weekends; from day 140 on the level is half and the days are all alike.
        let kwh = |day: usize| {
            let noise = 0.9 + 0.2 * noise(2, day);
            let weekend = if day % 7 >= 5 && day < 140 { 2.0 } else { 1.0 };
            4.0 * noise * weekend
        };
        let days: Vec<f64> = (0..280).map(kwh).collect();
        let world = World::steady(installed(), 280);
        let lost = world
            .rule(&Profiles::daily(0, FIRST_DAY, &scaled(days, 140..280, 0.5)), RULE)
            .0;
        assert!(lost.is_hit(), "{lost:?}");
        assert!(lost.strength > 0.15 && lost.strength <= 0.3, "{lost:?}");
        let plain = world
            .rule(
                &Profiles::daily(0, FIRST_DAY, &scaled(home(1, 280, 8.0), 140..280, 0.5)),
                RULE,
            )
            .0;
        assert_eq!(plain.verdict, Verdict::Miss);
    }

    /// A rhythm that falls from 0.9 by so much, and a mean day that was half at 50 and half at 150 Wh, and is so far from 100.
    fn flattened(fall: f64, apart: f64) -> RuleEvidence {
        let half = |low: f64, high: f64| side(std::array::from_fn(|hour| if hour < 12 { low } else { high }));
        let mut change = hour_change(&half(50.0, 150.0), &half(100.0 - apart, 100.0 + apart));
        (change.before.rhythm, change.after.rhythm) = (0.9, 0.9 - fall);
        let world = World::steady(installed(), 200);
        world.at_stay(&Profiles::daily(0, FIRST_DAY, &home(1, 200, 8.0)), |context| {
            let hours = [change];
            let context = StayContext {
                hours: &hours,
                ..context.clone()
            };
            judge(&context, None)
        })
    }

    #[test]
    fn a_mean_day_half_as_varied_is_flat_enough() {
        // From 0.5 of the mean to 0.226 of it: ln (0.53 / 0.256) = 0.7277, half of the way from 0.45 to 1 and a little more.
        let found = flattened(0.5, 22.6);
        assert_eq!(found.verdict, Verdict::Hit);
        let part = ((0.53_f64 / 0.256).ln() - 0.45) / 0.55;
        assert!((f64::from(found.strength) - part).abs() < 1e-6, "{found:?}");
        // ln (0.53 / 0.257) = 0.7238, a little less.
        assert_eq!(flattened(0.5, 22.7).verdict, Verdict::Miss);
    }

    #[test]
    fn two_fifths_of_the_rhythm_must_go() {
        assert_eq!(flattened(0.41, 0.0).verdict, Verdict::Hit);
        let found = flattened(0.39, 0.0);
        assert_eq!(found.verdict, Verdict::Miss);
        assert!((found.strength - 0.975).abs() < 1e-6, "{found:?}");
    }

    /// Weeks that repeat each other, and from day 56 on so many days of weeks each of which turns the one before round.
    fn turned_weeks(days: usize) -> RuleEvidence {
        let level = |day: usize| -> f64 {
            let of_week = [0.3, -0.3, 0.3, -0.3, 0.3, -0.3, 0.0][day % 7];
            if day >= 56 && day / 7 % 2 == 1 {
                -of_week
            } else {
                of_week
            }
        };
        let kwh: Vec<f64> = (0..56 + days).map(|day| 8.0 * level(day).exp()).collect();
        let mut world = World::new(installed(), &|_, _| 10.0, 56 + days);
        world.config.pattern_lost.min_fall = 1.6;
        world.at_stay(&Profiles::daily(0, FIRST_DAY, &kwh), |context| {
            judge(context, Some(FIRST_DAY + 56))
        })
    }

    #[test]
    fn a_weekly_rhythm_is_told_from_eight_weeks_on_each_side() {
        let found = turned_weeks(56);
        assert_eq!(found.verdict, Verdict::Hit);
        // From 1 to -1, of twice 1.6 that are a whole loss; three tenths of that.
        assert!((found.value - 2.0).abs() < 1e-5, "{found:?}");
        assert!((found.strength - 0.3 * 2.0 / 3.2).abs() < 1e-5, "{found:?}");
        assert_eq!(turned_weeks(55).verdict, Verdict::NotJudged(Gap::TooFewDays));
    }
}
