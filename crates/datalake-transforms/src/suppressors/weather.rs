//! What the weather says against evidence: a home that heats falls in spring, whatever its peers do.
//!
//! The model is fitted on the days before the fall ([`crate::weather`]) and asked what the home would have used on the days
//! after it. What is left of the level against that is the fall that the weather leaves unexplained: a thief in a heated home is
//! found by it in spring as well.

use std::ops::Range;

use super::Suppressor;
use super::find::Suppressing;
use crate::peers::YEAR_DAYS;
use crate::quantiles::median;
use crate::rules::zero_while_on::ZeroRun;
use crate::rules::{Rule, RuleEvidence, ramp};
use crate::weather::WeatherModel;

/// Days after the onset whose weather must be like that of the days before.
const MIN_DAYS: usize = 14;

/// Expected level after / before that is a fall by the weather.
const COLDER_BEFORE: f64 = 0.85;

/// Days at the end of a slow decline that are compared with its first half.
const LAST_DAYS: usize = 28;

/// Expected level after / before at which a meter that heats and does nothing else stands still.
const STANDS_STILL: f64 = 0.1;

/// What the weather makes of the days after an onset.
struct Explained {
    /// Expected level after / expected level before.
    expected: f64,
    /// Level after / what was to be expected.
    left: f64,
}

impl Suppressing<'_, '_> {
    /// A fall of the level that the weather explains, wholly or in part.
    pub(super) fn weather(&mut self, evidence: &RuleEvidence) {
        let levels = self.levels();
        let onset = evidence.onset_day;
        let (before, after) = if evidence.rule == Rule::GradualDecline {
            let positions = |days| levels.positions(days);
            // It has no onset: the first half of the slope still knows how the home was.
            let middle = i32::midpoint(onset, evidence.end_day);
            let last = levels
                .len()
                .saturating_sub(LAST_DAYS)
                .max(positions(i32::MIN..middle).end);
            (
                positions(middle.saturating_sub(YEAR_DAYS)..middle),
                last..levels.len(),
            )
        } else {
            self.around(evidence)
        };
        let Some(Explained { expected, left }) = self.explained(before, after) else {
            return;
        };
        let config = self.context.config;
        let needed = match evidence.rule {
            Rule::MultiplierChanged => config.sustained_drop.max_ratio,
            _ => f64::from(evidence.threshold),
        };
        let part = ramp(left, needed, f64::midpoint(needed, 1.0));
        if expected <= COLDER_BEFORE && part > 0.0 {
            self.add_in_part(Suppressor::Weather, evidence.rule, left, part);
        }
    }

    /// Whether there is a model of the days before an onset that speaks of the days after it.
    pub(super) fn knows_the_weather(&self, evidence: &RuleEvidence) -> bool {
        let (before, after) = self.around(evidence);
        self.explained(before, after).is_some()
    }

    /// Positions of the year before an onset, and of the days from it on.
    fn around(&self, evidence: &RuleEvidence) -> (Range<usize>, Range<usize>) {
        let (levels, onset) = (self.levels(), evidence.onset_day);
        (
            levels.positions(onset.saturating_sub(YEAR_DAYS)..onset),
            levels.positions(onset..evidence.end_day.saturating_add(1)),
        )
    }

    /// Zeros of a meter that does nothing but heat, or cool.
    pub(super) fn weather_of_zeros(&mut self, run: &ZeroRun) {
        let levels = self.levels();
        let onset = levels.day[run.positions.start];
        let before = levels.positions(onset.saturating_sub(YEAR_DAYS)..onset);
        let explained = self.explained(before, run.positions.clone());
        if let Some(explained) = explained.filter(|explained| explained.expected <= STANDS_STILL) {
            self.add(Suppressor::Weather, Rule::ZeroWhileOn, explained.expected);
        }
    }

    /// `None` without a good model, or where few of the days after are like those that it was fitted on.
    fn explained(&self, before: Range<usize>, after: Range<usize>) -> Option<Explained> {
        let levels = self.levels();
        let days = levels.by_temperature(before);
        let model = WeatherModel::fit(&days)?;
        let floor = levels.floor_kwh();
        let known = levels.by_temperature(after.clone()).into_iter();
        let known: Vec<(f64, f64)> = known.filter(|&(celsius, _)| model.knows(celsius)).collect();
        if known.len() < MIN_DAYS || 2 * known.len() < after.len() {
            return None;
        }
        let mean = |days: &[(f64, f64)]| {
            let expected = days.iter().map(|&(celsius, _)| model.kwh(celsius));
            expected.sum::<f64>() / days.len() as f64
        };
        let left = known
            .iter()
            .map(|&(celsius, kwh)| kwh.max(floor) / model.kwh(celsius).max(floor));
        Some(Explained {
            expected: mean(&known) / mean(&days),
            left: median(&mut left.collect::<Vec<_>>())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{DayTemperatures, Weather};
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, noise};
    use crate::rules::{Gap, Verdict};

    /// From a first of October on: 10 degrees, falling to 0 in the middle of January and rising to 13 at the end of May; a few
    /// degrees up and down every day.
    fn celsius(day: usize) -> f64 {
        let turn = ((day as f64 - 105.0) / 365.0 * std::f64::consts::TAU).cos();
        8.0 - 8.0 * turn + 5.0 * (noise(3, day) - 0.5)
    }

    /// 4 kWh a day, and 1.6 for each degree below 14, on 240 days.
    fn heated() -> Vec<f64> {
        let days = home(1, 240, 4.0).into_iter().enumerate();
        days.map(|(day, kwh)| kwh + 1.6 * (14.0 - celsius(day)).max(0.0))
            .collect()
    }

    /// A home among peers that do not heat by electricity.
    fn judged(kwh: &[f64], with_weather: bool, rule: Rule) -> (RuleEvidence, Vec<Suppressor>) {
        let mut world = World::steady(installed(), kwh.len());
        if with_weather {
            let days: Vec<f64> = (0..kwh.len()).map(celsius).collect();
            let places = world.registry.service_points.len();
            world.registry.weather = Weather::everywhere(DayTemperatures::of(FIRST_DAY, &days), places);
        }
        world.rule(&Profiles::daily(0, FIRST_DAY, kwh), rule)
    }

    #[test]
    fn heating_that_ends_in_spring_is_explained_by_the_weather() {
        let (blind, against) = judged(&heated(), false, Rule::SustainedDrop);
        assert!(blind.is_hit(), "{blind:?}");
        assert!(!against.contains(&Suppressor::Weather));
        let (found, against) = judged(&heated(), true, Rule::SustainedDrop);
        assert!(found.is_hit(), "{found:?}");
        assert!(against.contains(&Suppressor::Weather), "{against:?}");
    }

    #[test]
    fn a_theft_in_a_heated_home_in_spring_is_still_found() {
        let mut kwh = heated();
        for kwh in &mut kwh[190..] {
            *kwh *= 0.4;
        }
        let (found, against) = judged(&kwh, true, Rule::SustainedDrop);
        assert!(found.is_hit(), "{found:?}");
        assert!(!against.contains(&Suppressor::Weather), "{found:?} {against:?}");
    }

    #[test]
    fn a_fall_in_the_cold_is_none_of_the_weather() {
        let mut kwh = heated();
        for kwh in &mut kwh[100..] {
            *kwh *= 0.35;
        }
        let (found, against) = judged(&kwh[..165], true, Rule::SustainedDrop);
        assert!(found.is_hit(), "{found:?}");
        assert!(!against.contains(&Suppressor::Weather), "{against:?}");
    }

    #[test]
    fn a_meter_that_heats_and_does_nothing_else_stands_still_in_summer() {
        let only = |base: f64| -> Vec<f64> {
            let kwh = |day: usize| {
                let heating = 2.0 * (10.0 - celsius(day)).max(0.0);
                if day < 245 { base + heating } else { 0.0 }
            };
            (0..280).map(kwh).collect()
        };
        let (found, against) = judged(&only(0.0), true, Rule::ZeroWhileOn);
        assert!(found.is_hit(), "{found:?}");
        assert!(against.contains(&Suppressor::Weather), "{against:?}");
        // One that lights the house as well does not.
        let (found, against) = judged(&only(4.0), true, Rule::ZeroWhileOn);
        assert!(found.is_hit(), "{found:?}");
        assert!(!against.contains(&Suppressor::Weather), "{against:?}");
    }

    /// 0, 7 and 14 degrees in turn on 99 days, at which a home uses `base` and 1.6 kWh for each degree below 14; then days of
    /// some temperature, each at so much of what is to be expected of it.
    fn spring(base: f64, celsius: f64, after: &[f64], rule: Rule) -> Vec<Suppressor> {
        let mut degrees: Vec<f64> = (0..99).map(|day| 7.0 * f64::from(day % 3)).collect();
        degrees.extend(after.iter().map(|_| celsius));
        let usual = |celsius: f64| base + 1.6 * (14.0 - celsius);
        let mut kwh: Vec<f64> = degrees.iter().map(|&celsius| usual(celsius)).collect();
        for (kwh, share) in kwh[99..].iter_mut().zip(after) {
            *kwh *= share;
        }
        let mut world = World::steady(installed(), 3);
        let places = world.registry.service_points.len();
        world.registry.weather = Weather::everywhere(DayTemperatures::of(FIRST_DAY, &degrees), places);
        let last = FIRST_DAY + kwh.len() as i32 - 1;
        let evidence = RuleEvidence {
            verdict: Verdict::Hit,
            onset_day: if rule == Rule::GradualDecline {
                FIRST_DAY + 198 - (last - FIRST_DAY)
            } else {
                FIRST_DAY + 99
            },
            end_day: last,
            strength: 1.0,
            ..RuleEvidence::not_judged(rule, Gap::NoFall, 0.6)
        };
        world.at_stay(&Profiles::daily(0, FIRST_DAY, &kwh), |context| {
            let mut suppressing = Suppressing::new(context);
            if rule == Rule::ZeroWhileOn {
                suppressing.weather_of_zeros(&ZeroRun {
                    positions: 99..kwh.len(),
                    baseline_kwh: 10.0,
                    zero_days_before: 0,
                    zero_days: after.len(),
                    scattered: false,
                });
            } else {
                suppressing.weather(&evidence);
            }
            suppressing.found.iter().map(|found| found.suppressor).collect()
        })
    }

    #[test]
    fn two_weeks_of_weather_are_needed() {
        let explained =
            |days: usize| !spring(4.0, 7.0 + 3.0, &vec![1.0; days], Rule::SustainedDrop).is_empty();
        assert!(explained(14) && !explained(13));
    }

    #[test]
    fn weather_that_takes_fifteen_percent_is_a_spring() {
        // On average 4 + 1.6 x 7 = 15.2 kWh; 85 % of that are 12.92, as at 8.425 degrees.
        let explained = |celsius: f64| !spring(4.0, celsius, &[1.0; 30], Rule::SustainedDrop).is_empty();
        assert!(explained(8.5) && !explained(8.35));
    }

    #[test]
    fn a_slow_decline_ends_with_four_weeks() {
        // Of the last 28 days 15 are as the weather has them, most of them early; the others, and those before, fell.
        let mut after = vec![0.3; 100];
        after[72..77].fill(1.0);
        after[87..97].fill(1.0);
        assert!(!spring(4.0, 10.0, &after, Rule::GradualDecline).is_empty());
        after[72] = 0.3;
        after[73] = 0.3;
        assert!(spring(4.0, 10.0, &after, Rule::GradualDecline).is_empty());
        // Those before the four weeks do not help.
        after[40..72].fill(1.0);
        assert!(spring(4.0, 10.0, &after, Rule::GradualDecline).is_empty());
    }

    #[test]
    fn a_tenth_of_the_usual_heat_stands_still() {
        // Nothing but heat, 11.2 kWh on average: a tenth is 0.7 degrees of it.
        let explained = |celsius: f64| !spring(0.0, celsius, &[0.0; 30], Rule::ZeroWhileOn).is_empty();
        assert!(explained(13.33) && !explained(13.27));
    }
}
