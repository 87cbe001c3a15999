//! `ZERO_WHILE_ON`: actual zeros for days on end while the meter is installed and on.
//!
//! Looks for runs of whole days at exactly zero. A hit needs `min_days` of them and, before the run, a home that used
//! more than `min_baseline_kwh_per_day` (median of the year before). The longest run that qualifies counts, the
//! latest of equals. Where there is none, `min_days` zero days scattered over 60 days hit too if the days between them keep
//! half of the baseline and part them into four spells or more: a home that is lived in is never at zero for a day, and two or three
//! long spells are journeys with the mains switched off.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::levels::Levels;
use crate::model::MICRO;
use crate::peers::YEAR_DAYS;
use crate::quantiles::median;

/// Days without a whole day that a run may bridge: silence proves neither zeros nor use.
const BRIDGED_DAYS: i32 = 7;

/// Days of a stretch in which scattered zero days are counted.
const SCATTERED_DAYS: i32 = 60;

/// Spells of zero days that scattered ones need.
const SCATTERED_SPELLS: usize = 4;

/// Share of the baseline that a day must have to part two spells: a meter counts a watt-hour now and then by itself.
const SPELL_ENDS: f64 = 0.1;

/// Whole days before a run that its baseline needs.
const BASELINE_MIN: usize = 14;

/// Days at zero that make a hit as sure as it gets.
const SURE_DAYS: f64 = 60.0;

/// Thresholds of `ZERO_WHILE_ON`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ZeroWhileOnConfig {
    /// Days at zero that a hit needs.
    pub min_days: u32,
    /// Median of the year before must be greater, kWh a day.
    pub min_baseline_kwh_per_day: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for ZeroWhileOnConfig {
    fn default() -> Self {
        Self {
            min_days: 14,
            min_baseline_kwh_per_day: 1.0,
            weight: 0.8,
        }
    }
}

impl ZeroWhileOnConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        whole("zero_while_on.min_days", self.min_days, 1, 3650)?;
        within(
            "zero_while_on.min_baseline_kwh_per_day",
            self.min_baseline_kwh_per_day,
            0.0,
            10_000.0,
        )
    }
}

/// A run of zero days, by position in the levels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ZeroRun {
    pub(crate) positions: Range<usize>,
    /// Median kWh a day of the year before; 0 where there are too few days.
    pub(crate) baseline_kwh: f64,
    /// Zero days of the year before the run.
    pub(crate) zero_days_before: usize,
    /// Zero days of the run.
    pub(crate) zero_days: usize,
    /// Whether other days lie between them.
    pub(crate) scattered: bool,
}

/// All runs, in the order of time.
fn runs(levels: &Levels) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for &position in &levels.zeros {
        match runs.last_mut() {
            Some(run)
                if run.end == position && levels.day[position] - levels.day[position - 1] <= BRIDGED_DAYS =>
            {
                run.end = position + 1;
            }
            _ => runs.push(position..position + 1),
        }
    }
    runs
}

fn with_baseline(levels: &Levels, positions: Range<usize>) -> ZeroRun {
    let onset = levels.day[positions.start];
    let before = levels.positions(onset.saturating_sub(YEAR_DAYS)..onset);
    let baseline_kwh = if before.len() < BASELINE_MIN {
        0.0
    } else {
        levels.median_over(before.clone()).unwrap_or(0.0)
    };
    ZeroRun {
        zero_days_before: levels.zeros_among(before),
        baseline_kwh,
        zero_days: positions.len(),
        scattered: false,
        positions,
    }
}

/// Zero days scattered among days of normal use, from the first stretch of 60 days that has `min_days` of them.
fn scattered(context: &StayContext<'_>) -> Option<ZeroRun> {
    let config = &context.config.zero_while_on;
    let levels = context.levels;
    let zeros = &levels.zeros;
    let first = zeros
        .windows(config.min_days as usize)
        .position(|window| levels.day[window[window.len() - 1]] - levels.day[window[0]] < SCATTERED_DAYS)?;
    let mut last = first;
    while last + 1 < zeros.len()
        && levels.day[zeros[last + 1]] - levels.day[zeros[last]] <= SCATTERED_DAYS / 2
    {
        last += 1;
    }
    let mut run = with_baseline(levels, zeros[first]..zeros[last] + 1);
    let used = |position: usize| levels.kwh[position] >= SPELL_ENDS * run.baseline_kwh;
    let parted = zeros[first..=last]
        .windows(2)
        .filter(|pair| (pair[0] + 1..pair[1]).any(used));
    if parted.count() + 1 < SCATTERED_SPELLS {
        return None;
    }
    run.zero_days = last + 1 - first;
    run.scattered = true;
    let mut between: Vec<f64> = run
        .positions
        .clone()
        .filter(|&position| !levels.is_zero(position))
        .map(|position| levels.kwh[position])
        .collect();
    let lived_in = between.len() >= run.zero_days / 2 && median(&mut between)? >= 0.5 * run.baseline_kwh;
    (lived_in && run.baseline_kwh > config.min_baseline_kwh_per_day).then_some(run)
}

/// What zeros count that still go on where the data end: so far they may be a journey with the mains switched off.
fn journey(days: f64, threshold: f64) -> f64 {
    0.8 + 0.2 * ramp(days, threshold, 2.0 * threshold)
}

pub(crate) fn judge(context: &StayContext<'_>) -> (RuleEvidence, Option<ZeroRun>) {
    let config = &context.config.zero_while_on;
    let levels = context.levels;
    let threshold = f64::from(config.min_days);
    if levels.len() < BASELINE_MIN {
        return (
            RuleEvidence::not_judged(Rule::ZeroWhileOn, Gap::TooFewDays, threshold),
            None,
        );
    }
    let mut runs = runs(levels);
    // Longest first, the latest of equals.
    runs.sort_by_key(|run| (std::cmp::Reverse(run.len()), std::cmp::Reverse(run.start)));
    let longest = runs.first().cloned();
    let hit = runs
        .into_iter()
        .take_while(|run| run.len() >= config.min_days as usize)
        .map(|run| with_baseline(levels, run))
        .find(|run| run.baseline_kwh > config.min_baseline_kwh_per_day)
        .or_else(|| scattered(context));
    let evidence =
        |verdict, days: usize, positions: Option<Range<usize>>, strength: f64, kwh: f64| RuleEvidence {
            rule: Rule::ZeroWhileOn,
            verdict,
            value: days as f32,
            threshold: threshold as f32,
            onset_day: positions.as_ref().map_or(0, |run| levels.day[run.start]),
            end_day: positions.as_ref().map_or(0, |run| levels.day[run.end - 1]),
            strength: strength as f32,
            kwh_micro: (kwh * MICRO as f64).round() as i64,
        };
    if let Some(run) = hit {
        let days = run.zero_days as f64;
        let sure = 0.7 + 0.3 * ramp(days, threshold, SURE_DAYS.max(threshold + 1.0));
        let goes_on = run.positions.end == levels.len();
        let strength = if goes_on {
            sure * journey(days, threshold)
        } else {
            sure
        };
        let kwh = run.baseline_kwh * days;
        let found = evidence(
            Verdict::Hit,
            run.zero_days,
            Some(run.positions.clone()),
            strength,
            kwh,
        );
        return (found, Some(run));
    }
    let strength = longest.clone().map_or(0.0, |run| {
        let run = with_baseline(levels, run);
        if run.baseline_kwh > config.min_baseline_kwh_per_day {
            0.3 * (run.positions.len() as f64 / threshold).min(1.0)
        } else {
            0.0
        }
    });
    let days = longest.as_ref().map_or(0, ExactSizeIterator::len);
    (evidence(Verdict::Miss, days, longest, strength, 0.0), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{FIRST_DAY, PEERS, Profiles, World, home, installed, scaled};
    use crate::suppressors::Suppressor;

    const RULE: Rule = Rule::ZeroWhileOn;

    fn judged(kwh: &[f64]) -> (RuleEvidence, Vec<Suppressor>) {
        let world = World::steady(installed(), kwh.len());
        world.rule(&Profiles::daily(0, FIRST_DAY, kwh), RULE)
    }

    #[test]
    fn fourteen_days_at_zero_to_the_end_hit() {
        let (evidence, against) = judged(&scaled(vec![8.0; 200], 186..200, 0.0));
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 14.0).abs() < 1e-6);
        assert!((evidence.strength - 0.7 * 0.8).abs() < 1e-6);
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY + 186, FIRST_DAY + 199)
        );
        assert_eq!(evidence.kwh_micro, 14 * 8_000_000);
        assert_eq!(against, []);
    }

    #[test]
    fn zeros_that_end_or_last_are_surer_than_a_journey() {
        let strength = |zeros| f64::from(judged(&scaled(vec![8.0; 200], zeros, 0.0)).0.strength);
        assert!((strength(176..190) - 0.7).abs() < 1e-6);
        // 21 days: 0.7 + 0.3 x 7/46, half way from 0.8 to 1.
        assert!((strength(179..200) - 0.9 * (0.7 + 0.3 * 7.0 / 46.0)).abs() < 1e-6);
        assert!((strength(172..200) - (0.7 + 0.3 * 14.0 / 46.0)).abs() < 1e-6);
    }

    #[test]
    fn thirteen_days_are_a_near_miss() {
        let (evidence, _) = judged(&scaled(home(1, 200, 8.0), 187..200, 0.0));
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!((evidence.strength - 0.3 * 13.0 / 14.0).abs() < 1e-6);
    }

    #[test]
    fn a_home_that_never_used_much_is_no_hit() {
        let (evidence, _) = judged(&scaled(vec![1.0; 200], 150..200, 0.0));
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!(evidence.strength < 1e-6);
    }

    #[test]
    fn estimated_zeros_are_no_zeros() {
        let world = World::steady(installed(), 200);
        let profiles = Profiles::daily(0, FIRST_DAY, &scaled(home(1, 200, 8.0), 150..200, 0.0));
        let (evidence, _) = world.rule(&profiles.estimate(150..200), RULE);
        assert_eq!(evidence.verdict, Verdict::Miss);
    }

    #[test]
    fn an_empty_house_that_fills_again_and_was_empty_before() {
        let kwh = scaled(scaled(home(1, 300, 8.0), 150..180, 0.0), 60..65, 0.0);
        let (evidence, against) = judged(&kwh);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert_eq!(against, [Suppressor::MainsOffBefore, Suppressor::Resumed]);
    }

    #[test]
    fn an_outage_of_the_area_speaks_against_it() {
        let dark = |peer: usize, day: usize| {
            let out = peer <= PEERS / 2 && (180..195).contains(&day);
            if out { 0.0 } else { 10.0 }
        };
        let world = World::new(installed(), &dark, 200);
        let profiles = Profiles::daily(0, FIRST_DAY, &scaled(home(1, 200, 8.0), 180..195, 0.0));
        let (evidence, against) = world.rule(&profiles, RULE);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert_eq!(against, [Suppressor::Resumed, Suppressor::AreaOutage]);
    }

    #[test]
    fn a_holiday_home_is_empty_every_winter() {
        let kwh = scaled(scaled(home(1, 500, 8.0), 30..60, 0.0), 390..425, 0.0);
        let (evidence, against) = judged(&kwh);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!(against.contains(&Suppressor::SeasonalPremise), "{against:?}");
    }

    /// `spells` of `days` at zero from day 120 on, with six days of use after each.
    fn spells(spells: usize, days: usize) -> RuleEvidence {
        let mut kwh = home(1, 200, 8.0);
        for spell in 0..spells {
            let first = 120 + spell * (days + 6);
            kwh = scaled(kwh, first..first + days, 0.0);
        }
        judged(&kwh).0
    }

    #[test]
    fn zero_days_scattered_among_days_of_use_hit_and_a_few_journeys_do_not() {
        let found = spells(5, 3);
        assert!(found.is_hit(), "{found:?}");
        assert!((found.value - 15.0).abs() < 1e-6);
        // Twelve in all are too few.
        assert_eq!(spells(6, 2).verdict, Verdict::Miss);
        // Four spells are a habit of nobody, three are three journeys.
        assert!(spells(4, 4).is_hit());
        assert_eq!(spells(3, 5).verdict, Verdict::Miss);
        // A watt-hour in the middle of two of three journeys ends none of them.
        let mut kwh = scaled(home(1, 200, 8.0), 120..136, 0.0);
        (kwh[126], kwh[131]) = (0.001, 0.001);
        kwh = scaled(kwh, 145..150, 0.0);
        assert_eq!(judged(&kwh).0.verdict, Verdict::Miss);
        (kwh[126], kwh[131]) = (0.9, 0.9);
        assert!(judged(&kwh).0.is_hit());
        // Longer than the days between them: the home is empty rather than lived in.
        assert_eq!(spells(4, 13).verdict, Verdict::Miss);
    }

    #[test]
    fn six_days_without_a_value_are_bridged_and_seven_are_not() {
        let value = |missing: Range<usize>| {
            let mut kwh = scaled(vec![8.0; 200], 100..130, 0.0);
            kwh[missing].fill(f64::NAN);
            judged(&kwh).0.value as i32
        };
        assert_eq!(value(114..120), 24);
        assert_eq!(value(113..120), 13);
    }

    /// Fourteen single days at zero, from day 100 on over so many days, among days of so much of the 8 kWh before.
    fn among(days: usize, share: f64) -> Verdict {
        let mut kwh = vec![8.0; 240];
        kwh[100..].fill(8.0 * share);
        for zero in 0..14 {
            kwh[100 + zero * (days - 1) / 13] = 0.0;
        }
        judged(&kwh).0.verdict
    }

    #[test]
    fn scattered_zeros_lie_within_sixty_days_and_among_days_of_half_the_use() {
        assert_eq!(among(60, 1.0), Verdict::Hit);
        assert_eq!(among(61, 1.0), Verdict::Miss);
        assert_eq!(among(60, 0.51), Verdict::Hit);
        assert_eq!(among(60, 0.49), Verdict::Miss);
    }

    #[test]
    fn two_weeks_before_the_zeros_are_a_baseline() {
        let verdict = |first: usize| judged(&scaled(vec![8.0; 100], first..100, 0.0)).0.verdict;
        assert_eq!((verdict(14), verdict(13)), (Verdict::Hit, Verdict::Miss));
    }

    #[test]
    fn a_day_of_a_tenth_of_the_baseline_parts_two_spells() {
        // Three spells of five days at zero, with six days of use between them; a day in the middle of the first one has so much.
        let verdict = |share: f64| {
            let mut kwh = vec![8.0; 200];
            for first in [120, 132, 143] {
                kwh[first..first + 5].fill(0.0);
            }
            (kwh[122], kwh[125]) = (8.0 * share, 0.0);
            judged(&kwh).0.verdict
        };
        assert_eq!((verdict(0.11), verdict(0.09)), (Verdict::Hit, Verdict::Miss));
    }
}
