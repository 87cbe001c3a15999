//! `SUSTAINED_DROP`: the level falls and stays down.
//!
//! The step comes from [`crate::change_point`]. Homes change for honest reasons, so a drop is believed only as far as every way
//! of looking at it agrees: the median level, the upper decile of the days (a home that is empty now and then keeps it) and the
//! same season a year before. A hit needs the agreed level after the step to be at most `max_ratio` of that
//! before, for `min_days` up to the end of the series, the step to explain `min_explained` of the variance of the
//! weekly levels, and the level to lie below any that the home has shown before over four weeks. How the days scatter around
//! the level (module `day_noise`) says how far to believe it: a step that scales all days keeps their noise, and days that
//! became restless, without a memory from one to the next, are a hit of their own, up to `max_hours_ratio`.
//!
//! Where the hours are known (module `hours`) they say more: what takes a share of everything lowers small hours and great
//! ones, nights and evenings alike, and leaves the days as lively as they were. Life does not: who leaves takes the peaks along,
//! an appliance that goes leaves the other hours alone. So a fall of all hours alike hits by itself, and where hours kept
//! their level the step counts less (see the suppressor `hours_kept`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Lack, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::change_point::{Step, step_down};
use crate::day_noise::DayNoise;
use crate::error::TransformError;
use crate::hours::HourChange;
use crate::levels::Block;
use crate::loss::loss;

/// Weeks before the step that the fit needs; register periods instead of weeks for registers.
const BLOCKS_BEFORE: (usize, usize) = (4, 3);

/// Weeks after the step; register periods for registers.
const BLOCKS_AFTER: (usize, usize) = (3, 1);

/// What a fall of all hours alike loses for days that became calmer: a fall (ln) of the peaks against the mean, less a little,
/// times this.
const CALMER: (f64, f64) = (0.05, 1.5);

/// Even fall (ln) that counts in part, and wholly.
const EVEN_FALL: (f64, f64) = (0.1, 0.5);

/// What a step of the daily level counts of a fall of all hours alike, where the noise of the days says nothing or the hours
/// say more: a home that changes hands looks the same from afar.
const STEP_ALONE: f64 = 0.65;

/// The same of a step that keeps the noise of the days, wholly or in part.
const EVEN_STEP: f64 = 0.72;

/// The same of a step that makes the days restless, which a new household hardly does.
const RESTLESS_STEP: f64 = 0.95;

/// Strength of a step, and of its restlessness, from which on they count wholly.
const RESTLESS_FULL: (f64, f64) = (0.6, 0.7);

/// Days from which restless days count in part, and wholly.
const RESTLESS_DAYS: (f64, f64) = (21.0, 60.0);

/// Agreed drop that is as deep as it gets: to 45 % of the level before.
const FULL_DEPTH: f64 = 0.8;

/// Share of the variance explained that is as clear as it gets.
const FULL_CLEARNESS: f64 = 0.8;

/// Days from which a lower level counts in part, and wholly: three weeks may be a journey.
const LASTING_DAYS: (f64, f64) = (21.0, 45.0);

/// Thresholds of `SUSTAINED_DROP`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SustainedDropConfig {
    /// Level after / before that a hit must not exceed.
    pub max_ratio: f64,
    /// Days at the lower level that a hit needs, up to the end of the series.
    pub min_days: u32,
    /// Share of the variance of the weekly levels that the step must explain, 0..1.
    pub min_explained: f64,
    /// Level after / before that no hour of the day and no size of hours may exceed, where hours are known, for a hit by the
    /// hours alone.
    pub max_hours_ratio: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for SustainedDropConfig {
    fn default() -> Self {
        Self {
            max_ratio: 0.6,
            min_days: 21,
            min_explained: 0.6,
            max_hours_ratio: 0.74,
            weight: 0.8,
        }
    }
}

impl SustainedDropConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("sustained_drop.max_ratio", self.max_ratio, 0.05, 0.95)?;
        whole("sustained_drop.min_days", self.min_days, 14, 3650)?;
        within("sustained_drop.min_explained", self.min_explained, 0.0, 1.0)?;
        within("sustained_drop.max_hours_ratio", self.max_hours_ratio, 0.05, 0.99)
    }
}

/// What a change of the hours says of a fall: all that fell alike (ln, above 0), less what calmer days take from it.
fn even_fall_at(hours: &HourChange, step: Option<&Step>) -> f64 {
    let elasticity = step.map_or(1.0, |step| step.elasticity);
    let calmer = (-hours.liveliness() - CALMER.0).max(0.0);
    hours.even_fall(elasticity) - CALMER.1 * calmer
}

/// The greatest fall of all hours alike; `None` where the hours are not known.
pub(crate) fn even_fall(context: &StayContext<'_>, step: Option<&Step>) -> Option<f64> {
    let falls = context.hours.iter().map(|hours| even_fall_at(hours, step));
    falls.reduce(f64::max)
}

pub(crate) fn judge(context: &StayContext<'_>, blocks: &[Block]) -> (RuleEvidence, Option<Step>) {
    let config = &context.config.sustained_drop;
    let register = usize::from(context.is_register());
    let pick = |pair: (usize, usize)| [pair.0, pair.1][register];
    let step = step_down(context.levels, blocks, pick(BLOCKS_BEFORE), pick(BLOCKS_AFTER));
    let of_step = step.as_ref().map(|step| by_level(context, step));
    let of_hours = by_hours(context, step.as_ref());
    let mut found = match (of_step, of_hours) {
        (Some(step), Some(hours)) if hours.strength > step.strength => hours,
        (Some(step), _) => step,
        (None, Some(hours)) => hours,
        (None, None) => {
            return (
                RuleEvidence::not_judged(Rule::SustainedDrop, Gap::TooFewDays, config.max_ratio),
                None,
            );
        }
    };
    if mostly_zeros(context, found.onset_day) {
        return (
            RuleEvidence::not_judged(Rule::SustainedDrop, Gap::MostlyZeros, config.max_ratio),
            None,
        );
    }
    if found.is_hit() {
        // At stake is what the home's own baseline, moved along with its peers, says it would have used.
        let fallen = found.onset_day..found.end_day + 1;
        let lost = loss(context.levels, blocks, found.onset_day, fallen, |_| true);
        found.kwh_micro = lost.map_or(0, |loss| loss.lost_micro);
    }
    (found, step)
}

/// A step of the daily level.
fn by_level(context: &StayContext<'_>, step: &Step) -> RuleEvidence {
    let config = &context.config.sustained_drop;
    let days = step.last_day - step.onset_day + 1;
    let ratio = step.agreed_drop().exp();
    let noise = step
        .noise
        .filter(|_| context.hours.is_empty() && !context.is_register());
    let (even, restless) = strengths(step, noise.as_ref());
    let plain_hit = ratio <= config.max_ratio && step.explained >= config.min_explained;
    let restless_hit = ratio <= config.max_hours_ratio && 2.0 * restless >= RESTLESS_STEP;
    let verdict = if ratio > config.max_ratio && !restless_hit {
        Verdict::Miss
    } else if days < config.min_days as i32 {
        Verdict::MissFor(Lack::TooShort)
    } else if step.below_shown >= 0.0 {
        Verdict::MissFor(Lack::ShownBefore)
    } else if plain_hit || restless_hit {
        Verdict::Hit
    } else {
        Verdict::MissFor(Lack::Unclear)
    };
    RuleEvidence {
        rule: Rule::SustainedDrop,
        verdict,
        value: ratio as f32,
        threshold: config.max_ratio as f32,
        onset_day: step.onset_day,
        end_day: step.last_day,
        strength: even.max(restless) as f32,
        kwh_micro: 0,
    }
}

/// A fall of all hours alike; `None` where hours are not known, or nothing fell.
fn by_hours(context: &StayContext<'_>, step: Option<&Step>) -> Option<RuleEvidence> {
    let found = context.best_of_hours(|hours| at_change(context, hours, step))?;
    (found.strength > 0.0).then_some(found)
}

fn at_change(context: &StayContext<'_>, hours: &HourChange, step: Option<&Step>) -> RuleEvidence {
    let config = &context.config.sustained_drop;
    let fall = even_fall_at(hours, step);
    let days = hours.lasting_days();
    let lasting = 0.7 + 0.3 * ramp(f64::from(days), LASTING_DAYS.0, LASTING_DAYS.1);
    // A home that was empty for weeks and is lived in again has other people in it.
    let strength = ramp(fall, EVEN_FALL.0, EVEN_FALL.1) * lasting * (1.0 - hours.empty_at_first());
    let deep = (-fall).exp() <= config.max_hours_ratio && strength > 0.0;
    let hit = deep && days >= config.min_days as i32;
    RuleEvidence {
        rule: Rule::SustainedDrop,
        verdict: if hit {
            Verdict::Hit
        } else if deep {
            Verdict::MissFor(Lack::TooShort)
        } else {
            Verdict::Miss
        },
        value: (-fall).exp() as f32,
        threshold: config.max_hours_ratio as f32,
        onset_day: hours.onset_day,
        end_day: hours.last_day,
        strength: if hit { 0.5 + 0.5 * strength } else { strength } as f32,
        kwh_micro: 0,
    }
}

/// Whether half of the days from the onset are at zero: they are judged by `ZERO_WHILE_ON`, once.
fn mostly_zeros(context: &StayContext<'_>, onset: i32) -> bool {
    let after = context.levels.positions(onset..i32::MAX);
    2 * context.levels.zeros_among(after.clone()) >= after.len()
}

/// 0..1: how deep, how clear against the home's own noise, and for how long, as far as the noise of the days allows; and the
/// same of days that became restless.
fn strengths(step: &Step, noise: Option<&DayNoise>) -> (f64, f64) {
    let depth = ramp(-step.agreed_drop(), 0.0, FULL_DEPTH);
    let clear = ramp(step.explained, 0.0, FULL_CLEARNESS);
    let days = f64::from(step.last_day - step.onset_day + 1);
    let plain = depth * clear * (0.7 + 0.3 * ramp(days, LASTING_DAYS.0, LASTING_DAYS.1));
    let Some(noise) = noise else {
        return (STEP_ALONE * plain, 0.0);
    };
    let lasting = ramp(days, RESTLESS_DAYS.0, RESTLESS_DAYS.1);
    let restless = noise.restless() * lasting * ramp(plain, 0.0, RESTLESS_FULL.0);
    (
        EVEN_STEP * plain * noise.kept(),
        RESTLESS_STEP * ramp(restless, 0.0, RESTLESS_FULL.1),
    )
}

#[cfg(test)]
mod edges;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{
        FIRST_DAY, Profiles, World, from_day, home, hourly_home, installed, judge_hourly, noise, period,
        scaled, typed,
    };
    use crate::suppressors::Suppressor;

    const RULE: Rule = Rule::SustainedDrop;

    fn judged(kwh: &[f64]) -> (RuleEvidence, Vec<Suppressor>) {
        let world = World::steady(installed(), kwh.len());
        world.rule(&Profiles::daily(0, FIRST_DAY, kwh), RULE)
    }

    /// A step of so much (ln) that explains a share of the variance and has lasted so many days.
    fn of(drop: f64, explained: f64, days: i32) -> Step {
        Step {
            onset_day: FIRST_DAY,
            last_day: FIRST_DAY + days - 1,
            days_before: 100,
            elasticity: 0.0,
            drop,
            raw_drop: drop,
            upper_drop: drop,
            year_drop: None,
            below_shown: -1.0,
            explained,
            earlier_step: 0.0,
            spread_before: 0.0,
            spread_after: 0.0,
            spread_kept: 1.0,
            scatter_before: 0.0,
            scatter_after: 0.0,
            noise: None,
        }
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }

    #[test]
    fn a_step_that_nothing_else_is_known_of_is_sure_by_two_thirds() {
        let alone = |drop, explained, days| strengths(&of(drop, explained, days), None).0;
        near(alone(-0.8, 0.8, 45), 0.65);
        near(alone(-2.0, 1.0, 400), 0.65);
        near(alone(-0.4, 0.8, 45), 0.325);
        near(alone(-0.8, 0.4, 45), 0.325);
        // Seven tenths of three weeks, and half of the way to 45 days.
        near(alone(-0.8, 0.8, 21), 0.65 * 0.7);
        near(alone(-0.8, 0.8, 33), 0.65 * 0.85);
    }

    #[test]
    fn the_noise_of_the_days_tells_an_even_step_from_a_restless_one() {
        let noise = |by: f64| DayNoise {
            by_day: by,
            by_week: by,
            by_day_before: 0.2,
            lower: 0.0,
            memory: 0.0,
        };
        let both = |step: &Step, by| strengths(step, Some(&noise(by)));
        let even = both(&of(-0.8, 0.8, 60), 0.0);
        near(even.0, 0.72);
        near(even.1, 0.0);
        // Two changes take seven tenths each.
        let restless = both(&of(-0.8, 0.8, 60), 1.0);
        near(restless.0, 0.72 * 0.09);
        near(restless.1, 0.95);
        // Half of the way from 21 days to 60, or half of the 0.6 that it takes to count wholly: half of 0.7.
        let days = |days| both(&of(-0.8, 0.8, days), 1.0).1;
        near(days(21), 0.0);
        near(days(34), 0.95 * (13.0 / 39.0) / 0.7);
        near(both(&of(-0.24, 0.8, 60), 1.0).1, 0.95 * 0.5 / 0.7);
    }

    #[test]
    fn half_of_the_level_to_the_end_hits_on_the_day() {
        let (evidence, against) = judged(&scaled(home(1, 400, 8.0), 200..400, 0.5));
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY + 200, FIRST_DAY + 399)
        );
        assert!((evidence.value - 0.5).abs() < 0.05, "{}", evidence.value);
        // ln 2 of 0.8 deep, clear and lasting: 0.87 of what a step counts that keeps the noise of the days, 0.72.
        assert!((evidence.strength - 0.62).abs() < 0.03, "{}", evidence.strength);
        assert!((evidence.kwh_micro - 800_000_000).abs() < 80_000_000);
        assert_eq!(against, []);
    }

    #[test]
    fn seven_tenths_of_the_level_are_a_near_miss() {
        let (evidence, _) = judged(&scaled(home(1, 400, 8.0), 200..400, 0.7));
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!(
            evidence.strength > 0.19 && evidence.strength < 0.39,
            "{}",
            evidence.strength
        );
    }

    #[test]
    fn a_level_shown_before_is_no_evidence() {
        // Every other month at half of the level.
        let mut kwh = home(1, 480, 8.0);
        for month in (1..16).step_by(2) {
            kwh = scaled(kwh, month * 30..month * 30 + 30, 0.5);
        }
        assert_eq!(judged(&kwh[..480]).0.verdict, Verdict::Miss);
    }

    #[test]
    fn a_home_away_half_of_the_days_keeps_its_full_days() {
        let mut kwh = home(1, 400, 8.0);
        for (day, value) in kwh.iter_mut().enumerate().skip(200) {
            if noise(5, day) < 0.6 {
                *value *= 0.15;
            }
        }
        assert_eq!(judged(&kwh).0.verdict, Verdict::Miss);
    }

    /// Peers that use three times as much in winter.
    fn winter(day: usize) -> f64 {
        (1.0 - (day as f64 / 365.0 * std::f64::consts::TAU).cos()) / 2.0
    }

    #[test]
    fn a_season_that_the_peers_share_is_no_drop() {
        let level = |day: usize| (1.1 * (1.0 - winter(day))).exp();
        let world = World::new(
            installed(),
            &|peer, day| level(day) * (8.0 + noise(peer as u64, day)),
            240,
        );
        // Twice as elastic as the peers: heated by electricity.
        let kwh: Vec<f64> = (0..240)
            .map(|day| level(day).powi(2) * (4.0 + noise(3, day)))
            .collect();
        let (evidence, _) = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE);
        assert_eq!(evidence.verdict, Verdict::Miss, "{evidence:?}");
        // The same home without peers to compare it with.
        let alone = World::steady(installed(), 240);
        let (evidence, _) = alone.rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE);
        assert!(evidence.is_hit(), "{evidence:?}");
    }

    #[test]
    fn calmer_days_and_a_standby_look_like_an_empty_home() {
        let mut kwh = home(1, 400, 8.0);
        for (day, value) in kwh.iter_mut().enumerate().skip(200) {
            *value = 1.5 + 0.05 * noise(7, day);
        }
        let (evidence, against) = judged(&kwh);
        assert!(evidence.is_hit());
        assert_eq!(against, [Suppressor::Vacancy]);
    }

    #[test]
    fn zeros_are_judged_elsewhere() {
        let (evidence, _) = judged(&scaled(home(1, 400, 8.0), 200..400, 0.0));
        assert_eq!(evidence.verdict, Verdict::NotJudged(Gap::MostlyZeros));
    }

    #[test]
    fn forty_days_before_are_few_and_a_gap_hides_what_happened() {
        let (evidence, against) = judged(&scaled(home(1, 200, 8.0), 40..200, 0.4));
        assert!(evidence.is_hit());
        assert!(against.contains(&Suppressor::NewInstall), "{against:?}");
        let mut kwh = scaled(home(1, 400, 8.0), 200..400, 0.4);
        kwh[195..215].fill(f64::NAN);
        let (evidence, against) = judged(&kwh);
        assert!(evidence.is_hit());
        assert!(against.contains(&Suppressor::DataGap), "{against:?}");
    }

    #[test]
    fn energy_that_fell_around_midday_alone_is_solar() {
        let day = |day: usize| -> Vec<f64> {
            (0..48)
                .map(|slot| {
                    let midday = (18..34).contains(&slot);
                    let used = if midday { 0.6 } else { 0.1 } * (0.8 + 0.4 * noise(day as u64, slot));
                    if midday && day >= 150 { 0.1 * used } else { used }
                })
                .collect()
        };
        let days: Vec<Vec<f64>> = (0..300).map(day).collect();
        let world = World::steady(typed("MC-0", Some(1800), &[period(0, 0, i64::MAX)]), 3);
        let (evidence, against) = world.rule(&Profiles::intervals(0, FIRST_DAY, &days), RULE);
        assert!(evidence.is_hit(), "{evidence:?}");
        assert!(against.contains(&Suppressor::Solar), "{against:?}");
    }

    /// From day 100 of 220 on a home that uses a third of everything, but for `empty` days before with a quarter of the base load.
    fn a_third_after(empty: usize) -> Vec<Vec<f64>> {
        from_day(hourly_home(1, 220), 100, |day, hours| {
            for (hour, kwh) in hours.iter_mut().enumerate() {
                *kwh = if day < 100 + empty {
                    0.05 * (0.9 + 0.2 * noise(2, day * 24 + hour))
                } else {
                    0.33 * *kwh
                };
            }
        })
    }

    #[test]
    fn who_lives_there_after_weeks_of_emptiness_is_somebody_else() {
        let (evidence, against) = judge_hourly(&a_third_after(0), RULE);
        assert!(evidence.is_hit() && evidence.strength > 0.99, "{evidence:?}");
        assert_eq!(against, []);
        // A journey of ten days is not enough.
        let (evidence, against) = judge_hourly(&a_third_after(10), RULE);
        assert!(evidence.strength > 0.99, "{evidence:?}");
        assert_eq!(against, []);
        let (evidence, against) = judge_hourly(&a_third_after(42), RULE);
        assert!(evidence.strength <= STEP_ALONE as f32, "{evidence:?}");
        assert!(against.contains(&Suppressor::Vacancy), "{against:?}");
    }
}
