//! Looks for what speaks against the evidence of one stay.

use std::ops::Range;

use super::{Suppression, Suppressor};
use crate::change_point::Step;
use crate::judge::COMPONENTS_OF_A_PLACE;
use crate::levels::{Levels, WEEK};
use crate::model::DAY_SECONDS;
use crate::peers::YEAR_DAYS;
use crate::registry::InstallPeriod;
use crate::rules::sustained_drop::even_fall;
use crate::rules::zero_while_on::ZeroRun;
use crate::rules::{Rule, RuleEvidence, StayContext, ramp, usage_not_installed};

/// Days before the onset below which a new install counts wholly; from there to the baseline needed, in part.
const NO_BASELINE_DAYS: f64 = 14.0;

/// Days silent in an area: this share of the peers, or of the meters under the transformer.
const OUTAGE_SHARES: (f64, f64) = (0.3, 0.5);

/// Days without a whole day around an onset that make a gap.
const GAP_DAYS: i32 = 14;

/// Days from the onset to a recorded removal that make it planned.
const REMOVAL_DAYS: i32 = 45;

/// A drop (ln) from which on a home without a rhythm may be one that people left.
const LEFT_DROP: f64 = 0.5;

/// Elasticity to the peers from which on a home may heat when they hardly do, in part and wholly: without the season of a
/// year before, its spring looks like a fall.
const FOLLOWS: (f64, f64) = (1.2, 1.6);

/// Level after / before that no spring makes, and that it may.
const ALL_SEASON: (f64, f64) = (0.2, 0.3);

/// Fall of the level (ln) that the peers explain, from which on the season is at work.
const PEERS_FELL: f64 = 0.03;

/// Even fall (ln) of the hours at which some kept their level, and at which all fell.
const EVEN_FALL: (f64, f64) = (-0.1, 0.15);

/// Days from a removal to the next install within which usage is an error of paperwork, and days of usage at most that
/// may be a test of the meter.
pub(crate) const PAPERWORK_DAYS: i32 = 14;

/// A test lies fewer days than these from the removal before or the install after it.
const TEST_DAYS: i32 = 30;

fn day_of(seconds: i64) -> i32 {
    seconds.div_euclid(DAY_SECONDS) as i32
}

/// Gathers what speaks against the rules of one stay.
pub(crate) struct Suppressing<'a, 'b> {
    pub(super) context: &'a StayContext<'b>,
    pub(super) found: Vec<Suppression>,
}

impl<'a, 'b> Suppressing<'a, 'b> {
    pub(super) fn new(context: &'a StayContext<'b>) -> Self {
        Self {
            context,
            found: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, suppressor: Suppressor, rule: Rule, measured: f64) {
        self.add_in_part(suppressor, rule, measured, 1.0);
    }

    /// Lowers by part of what the factor says, 0..1.
    pub(super) fn add_in_part(&mut self, suppressor: Suppressor, rule: Rule, measured: f64, part: f64) {
        let factor = 1.0 - part * (1.0 - self.context.config.suppressors.factor(suppressor));
        self.found.push(Suppression {
            suppressor,
            rule,
            factor: factor as f32,
            measured: measured as f32,
        });
    }

    pub(super) fn levels(&self) -> &'a Levels {
        self.context.levels
    }

    /// What holds for every rule that compares a level with the one before.
    fn around_the_onset(&mut self, evidence: &RuleEvidence) {
        let (rule, onset) = (evidence.rule, evidence.onset_day);
        let levels = self.levels();
        let split = levels.positions(i32::MIN..onset).end;
        if let Some(&first) = levels.day.first() {
            let days = f64::from(onset - first);
            let mut needed = f64::from(self.context.config.baseline_days);
            if rule == Rule::SustainedDrop && days < needed && self.fell_at_all_hours(onset) {
                needed /= 2.0;
            }
            if days < needed {
                self.add_in_part(
                    Suppressor::NewInstall,
                    rule,
                    days,
                    ramp(days, needed, NO_BASELINE_DAYS),
                );
            }
        }
        if split > 0 && split < levels.len() {
            let gap = levels.day[split] - levels.day[split - 1] - 1;
            if gap >= GAP_DAYS && !self.context.is_register() {
                self.add(Suppressor::DataGap, rule, f64::from(gap));
            }
        }
        if self.context.is_register() {
            let days = evidence.end_day - onset + 1;
            self.add(Suppressor::BillingRegister, rule, f64::from(days));
        }
        let removal = self.context.stay.removal_day();
        if self.context.stay.removal_recorded && removal >= onset && removal - onset <= REMOVAL_DAYS {
            self.add(Suppressor::PlannedRemoval, rule, f64::from(removal - onset));
        }
        if !self.context.is_register() {
            let (actual, rows) = self.actual_intervals(onset, evidence.end_day);
            if rows > 0 && 2 * actual < rows {
                self.add(Suppressor::MostlyEstimated, rule, actual as f64 / rows as f64);
            }
        }
    }

    /// Usable intervals and all intervals of the days from `first` to `last`.
    fn actual_intervals(&self, first: i32, last: i32) -> (u64, u64) {
        let series = self.context.series;
        let rows = self.context.rows.clone();
        let days = &series.day[rows.clone()];
        let from = rows.start + days.partition_point(|&day| day < first);
        let to = rows.start + days.partition_point(|&day| day <= last);
        let sum = |counts: &[u16]| {
            let counts = counts.get(from..to).unwrap_or_default();
            counts.iter().map(|&n| u64::from(n)).sum::<u64>()
        };
        (sum(series.usable), sum(series.intervals))
    }

    /// Usage while not installed that paperwork explains, or a test of the meter.
    fn late_paperwork(&mut self, evidence: &RuleEvidence) {
        let context = self.context;
        if let Some(installed) = context.stay.installed
            && evidence.end_day <= day_of(installed)
        {
            let days = f64::from(day_of(installed) - evidence.onset_day);
            self.add(Suppressor::LatePaperwork, evidence.rule, days);
            return;
        }
        let mut ends: Vec<(i64, u32)> = context
            .component
            .periods
            .iter()
            .map(|period| (period.end, period.service_point))
            .collect();
        ends.sort_unstable();
        let days = usage_not_installed::days(context);
        let used: Vec<(Option<usize>, i32)> = days
            .map(|day| {
                let midnight = (i64::from(day) + 1) * DAY_SECONDS;
                let past = ends.partition_point(|&(end, _)| end < midnight);
                (past.checked_sub(1), day)
            })
            .collect();
        // Days after one removal are one group, those before the first install another.
        let explained = used.chunk_by(|a, b| a.0 == b.0).all(|group| {
            let (first, last) = (group[0].1, group[group.len() - 1].1);
            match group[0].0.map(|removal| ends[removal]) {
                None => self
                    .own_install(i64::MIN)
                    .is_some_and(|first_ever| last <= day_of(first_ever.start)),
                Some((removed, from)) => {
                    self.recorded_early(removed, last) || self.tested(removed, from, first..last + 1)
                }
            }
        });
        if explained {
            self.add(Suppressor::LatePaperwork, evidence.rule, -(used.len() as f64));
        }
    }

    /// Whether usage from a removal to the day `last` ends with the next install of the meter, or of another one where it
    /// hung, and that follows so soon that the removal must have been recorded too early. Not where another meter
    /// hung there meanwhile: then the place was supplied without this one.
    fn recorded_early(&self, removed: i64, last: i32) -> bool {
        let Some(installed) = self
            .own_install(removed)
            .map(|period| period.start)
            .into_iter()
            .chain(
                self.other_meters()
                    .map(|period| period.start)
                    .filter(|&start| start >= removed),
            )
            .min()
        else {
            return false;
        };
        day_of(installed) - day_of(removed) <= PAPERWORK_DAYS
            && last <= day_of(installed)
            && !self
                .other_meters()
                .any(|period| period.start < installed && period.end > removed)
    }

    /// Whether a few days of usage between a place and another one, near one of them, look like a test in the workshop.
    fn tested(&self, removed: i64, from: u32, days: Range<i32>) -> bool {
        self.own_install(removed).is_some_and(|next| {
            let (after, before) = (days.start - day_of(removed), day_of(next.start) - (days.end - 1));
            next.service_point != from
                && days.end - days.start <= PAPERWORK_DAYS
                && after.min(before) < TEST_DAYS
        })
    }

    /// The meter's next period after a removal.
    fn own_install(&self, removed: i64) -> Option<&'a InstallPeriod> {
        let periods = &self.context.component.periods;
        periods.get(periods.partition_point(|period| period.start < removed))
    }

    /// Periods of other meters of delivered energy at the service point.
    fn other_meters(&self) -> impl Iterator<Item = &'a InstallPeriod> {
        let context = self.context;
        let place = context.stay.service_point;
        let components = place.map_or(&[][..], |place| context.registry.components_at(place));
        let few = components.len() <= COMPONENTS_OF_A_PLACE;
        let own = context.component.device_id.as_deref();
        components
            .iter()
            .filter(move |&&index| few && index != context.series.component)
            .map(|&index| &context.registry.components[index as usize])
            .filter(move |other| other.is_delivered() && (own.is_none() || other.device_id.as_deref() != own))
            .flat_map(|other| &other.periods)
            .filter(move |period| Some(period.service_point) == place)
    }

    fn zero(&mut self, run: &ZeroRun) {
        let levels = self.levels();
        let rule = Rule::ZeroWhileOn;
        if run.zero_days_before > 0 {
            self.add(Suppressor::MainsOffBefore, rule, run.zero_days_before as f64);
        }
        let after = levels.len() - run.positions.end;
        if after > 0 && !run.scattered {
            self.add(Suppressor::Resumed, rule, after as f64);
        }
        let days = run.positions.clone().map(|position| levels.day[position]);
        let silent = days.filter(|&day| self.is_outage(day)).count();
        if 2 * silent >= run.positions.len() {
            self.add(
                Suppressor::AreaOutage,
                rule,
                silent as f64 / run.positions.len() as f64,
            );
        }
        let year_ago = |day: i32| day - YEAR_DAYS;
        let (first, last) = (levels.day[run.positions.start], levels.day[run.positions.end - 1]);
        let before = levels.positions(year_ago(first) - WEEK..year_ago(last) + WEEK);
        if before.len() >= run.positions.len() / 2
            && let Some(level) = levels.median_over(before)
            && level <= 0.2 * run.baseline_kwh
        {
            self.add(Suppressor::SeasonalPremise, rule, level / run.baseline_kwh);
        }
    }

    fn is_outage(&self, day: i32) -> bool {
        let group = self
            .context
            .group
            .and_then(|group| group.index.as_ref())
            .and_then(|index| index.silent_share(day));
        let transformer = self
            .context
            .stay
            .service_point
            .and_then(|place| self.context.peers.transformer_silent_share(place, day));
        group.is_some_and(|share| share >= OUTAGE_SHARES.0)
            || transformer.is_some_and(|share| share >= OUTAGE_SHARES.1)
    }

    fn drop(&mut self, evidence: &RuleEvidence, step: &Step) {
        let rule = Rule::SustainedDrop;
        let max_ratio = self.context.config.sustained_drop.max_ratio;
        let fell = step.raw_drop.min(step.drop).exp() <= max_ratio;
        if fell && step.drop.exp() > max_ratio {
            self.add(Suppressor::Season, rule, step.drop.exp());
        }
        let follows = ramp(step.elasticity, FOLLOWS.0, FOLLOWS.1);
        let deep = ramp(step.agreed_drop().exp(), ALL_SEASON.0, ALL_SEASON.1);
        let may_heat = step.year_drop.is_none() && step.raw_drop < step.drop - PEERS_FELL;
        // Where the weather is known it says itself what it explains.
        if may_heat && follows * deep > 0.0 && !self.knows_the_weather(evidence) {
            self.add_in_part(Suppressor::Season, rule, step.drop.exp(), follows * deep);
        }
        if let Some(year) = step.year_drop.filter(|year| fell && year.exp() > max_ratio) {
            self.add(Suppressor::SeasonalPremise, rule, year.exp());
        }
        if self.context.panels_since(evidence.onset_day) {
            self.add(Suppressor::Solar, rule, -1.0);
        } else if let Some(nights) = self.midday_only(evidence.onset_day) {
            self.add(Suppressor::Solar, rule, nights);
        }
        match even_fall(self.context, Some(step)) {
            // All hours fell alike: nobody moved out.
            Some(fall) if fall >= EVEN_FALL.1 => self.left_at_first(rule, evidence.onset_day),
            Some(fall) => {
                let part = ramp(fall, EVEN_FALL.1, EVEN_FALL.0);
                self.add_in_part(Suppressor::HoursKept, rule, (-fall).exp(), part);
                self.vacancy(rule, step);
            }
            None if self.context.is_register() => {}
            None => self.vacancy(rule, step),
        }
    }
}

/// Everything that speaks against the evidence of one stay, in the order of rules.
pub(crate) fn suppress(
    context: &StayContext<'_>,
    evidence: &[RuleEvidence],
    run: Option<&ZeroRun>,
    step: Option<&Step>,
) -> Vec<Suppression> {
    let mut suppressing = Suppressing::new(context);
    for rule in evidence {
        match rule.rule {
            Rule::ZeroWhileOn if rule.is_hit() => {
                suppressing.around_the_onset(rule);
                if let Some(run) = run {
                    suppressing.zero(run);
                    suppressing.weather_of_zeros(run);
                }
            }
            Rule::SustainedDrop => {
                if let Some(step) = step {
                    suppressing.around_the_onset(rule);
                    suppressing.drop(rule, step);
                }
                if rule.is_hit() {
                    suppressing.weather(rule);
                }
            }
            Rule::GradualDecline | Rule::MultiplierChanged if rule.is_hit() => {
                suppressing.around_the_onset(rule);
                suppressing.weather(rule);
            }
            Rule::PartialBypass if rule.is_hit() => {
                suppressing.around_the_onset(rule);
                suppressing.midday_block(rule);
            }
            Rule::PatternLost if rule.is_hit() => {
                suppressing.around_the_onset(rule);
                // A fridge alone has no rhythm.
                if let Some(step) = step.filter(|step| -step.drop >= LEFT_DROP) {
                    suppressing.vacancy(rule.rule, step);
                }
            }
            Rule::MeanShape | Rule::LoadShifted | Rule::ClippedPeaks if rule.is_hit() => {
                suppressing.around_the_onset(rule);
            }
            Rule::UsageNotInstalled if rule.is_hit() => {
                suppressing.late_paperwork(rule);
            }
            Rule::PeerLow if context.received.is_some() => {
                suppressing.add(Suppressor::Solar, rule.rule, -1.0);
            }
            _ => {}
        }
    }
    suppressing.found
}

#[cfg(test)]
mod edges;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantiles::median;
    use crate::rules::testing::{
        FIRST_DAY, Profiles, World, component, from_day, home, hourly_home, installed, judge_hourly, noise,
        period, scaled, typed,
    };
    use crate::suppressors::hours::ratio_to_median;
    use proptest::prelude::*;

    fn against(world: &World, profiles: &Profiles, rule: Rule) -> Vec<Suppressor> {
        world.rule(profiles, rule).1
    }

    #[test]
    fn a_removal_soon_after_was_planned() {
        let removed = i64::from(FIRST_DAY + 220) * DAY_SECONDS;
        let profiles = Profiles::daily(0, FIRST_DAY, &scaled(home(1, 220, 8.0), 200..220, 0.0));
        let world = World::steady(component(&[period(0, 0, removed)]), 220);
        assert_eq!(
            against(&world, &profiles, Rule::ZeroWhileOn),
            [Suppressor::PlannedRemoval]
        );
        // A date without the status is no plan.
        let mut unplanned = period(0, 0, removed);
        unplanned.removal_recorded = false;
        let world = World::steady(component(&[unplanned]), 220);
        assert_eq!(against(&world, &profiles, Rule::ZeroWhileOn), []);
    }

    #[test]
    fn a_level_of_a_register_is_weak_evidence() {
        let world = World::steady(typed("MC-0", None, &[period(0, 0, i64::MAX)]), 400);
        for (factor, rule) in [(0.0, Rule::ZeroWhileOn), (0.3, Rule::SustainedDrop)] {
            let profiles = Profiles::daily(0, FIRST_DAY, &scaled(home(1, 400, 8.0), 200..400, factor));
            let (evidence, against) = world.rule(&profiles, rule);
            assert!(evidence.is_hit(), "{evidence:?}");
            assert_eq!(against, [Suppressor::BillingRegister]);
        }
    }

    #[test]
    fn few_actual_values_since_the_onset() {
        let world = World::steady(installed(), 400);
        let mut profiles = Profiles::daily(0, FIRST_DAY, &scaled(home(1, 400, 8.0), 200..400, 0.3));
        for month in 0..6 {
            profiles = profiles.estimate(210 + 30 * month..230 + 30 * month);
        }
        let (evidence, against) = world.rule(&profiles, Rule::SustainedDrop);
        assert!(evidence.is_hit());
        assert!(against.contains(&Suppressor::MostlyEstimated), "{against:?}");
    }

    #[test]
    fn what_the_peers_did_too_is_the_season() {
        let half = |day: usize| if day < 120 { 10.0 } else { 4.5 };
        let world = World::new(installed(), &|_, day| half(day), 240);
        let kwh: Vec<f64> = home(1, 240, 1.0)
            .iter()
            .zip(0..)
            .map(|(kwh, day)| kwh * half(day))
            .collect();
        let (evidence, against) = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::SustainedDrop);
        assert!(!evidence.is_hit());
        assert!(
            against.is_empty() || against.contains(&Suppressor::Season),
            "{against:?}"
        );
    }

    #[test]
    fn the_same_season_last_year_was_as_low() {
        // Low from day 100 to 200 and from day 465 on: a year later to the day.
        let kwh = scaled(scaled(home(1, 565, 8.0), 100..200, 0.4), 465..565, 0.4);
        let world = World::steady(installed(), 565);
        let (evidence, against) = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), Rule::SustainedDrop);
        assert!(!evidence.is_hit());
        assert!(against.contains(&Suppressor::SeasonalPremise), "{against:?}");
    }

    #[test]
    fn a_new_install_counts_in_part_up_to_the_baseline() {
        let world = World::steady(installed(), 300);
        let factor = |onset: usize| {
            let kwh = scaled(home(1, 300, 8.0), onset..300, 0.0);
            let stays = world.judge(&Profiles::daily(0, FIRST_DAY, &kwh));
            let found = stays[0]
                .suppressions
                .iter()
                .find(|found| found.rule == Rule::ZeroWhileOn);
            found.map(|found| (found.suppressor, f64::from(found.factor)))
        };
        assert_eq!(factor(60), None);
        // Half way from 60 to 14 days: half of the way from 1 to 0.5.
        assert_eq!(factor(37), Some((Suppressor::NewInstall, 0.75)));
        assert_eq!(factor(14), Some((Suppressor::NewInstall, 0.5)));
    }

    #[test]
    fn a_drop_of_all_hours_needs_half_of_the_baseline() {
        let world = World::steady(typed("MC-0", Some(1800), &[period(0, 0, i64::MAX)]), 3);
        // 35 days before: the days fall to 40 % as a whole, or all of it but the nights, which keep what they had.
        let found = |nights_too: bool| {
            let day = |day: usize| -> Vec<f64> {
                let factor = |slot: usize| {
                    if day < 35 || (slot < 8 && !nights_too) {
                        1.0
                    } else {
                        0.4
                    }
                };
                (0..48)
                    .map(|slot| 0.2 * factor(slot) * (0.8 + 0.4 * noise(day as u64, slot)))
                    .collect()
            };
            let days: Vec<Vec<f64>> = (0..100).map(day).collect();
            let (evidence, against) =
                world.rule(&Profiles::intervals(0, FIRST_DAY, &days), Rule::SustainedDrop);
            assert!(evidence.is_hit(), "{evidence:?}");
            against.contains(&Suppressor::NewInstall)
        };
        assert!(!found(true));
        assert!(found(false));
    }

    #[test]
    fn every_suppressor_has_a_name_and_a_text() {
        for suppressor in Suppressor::ALL {
            let text = Suppression {
                suppressor,
                rule: Rule::ZeroWhileOn,
                factor: 0.5,
                measured: 0.25,
            }
            .text();
            assert!(text.len() > 20 && !suppressor.name().is_empty());
        }
    }

    proptest! {
        #[test]
        fn the_ratio_by_both_medians(
            after in -1_i32..6,
            before in prop::collection::vec(-1_i32..6, 0..12),
            more in 0_usize..4,
            limit in prop_oneof![Just(0.5), Just(0.9), Just(f64::INFINITY)],
        ) {
            let (after, mut values) = (f64::from(after), before.into_iter().map(f64::from).collect::<Vec<_>>());
            let found = ratio_to_median(after, values.iter().copied(), values.len() + more, limit);
            let usual = median(&mut values).filter(|usual| *usual > 0.0);
            prop_assert_eq!(found, usual.map(|usual| after / usual).filter(|ratio| *ratio <= limit));
        }
    }

    #[test]
    fn the_first_spring_of_a_home_that_heats_when_its_peers_hardly_do() {
        // 0 in winter, 1 in summer, with cold and warm weeks in between.
        let warmth = |day: usize| {
            let spring = ((day as f64 - 90.0) / 60.0).clamp(0.0, 1.0);
            spring + 0.3 * (day as f64 / 6.0).sin()
        };
        let world = World::new(
            installed(),
            &|peer, day| (-0.3 * warmth(day)).exp() * (8.0 + noise(peer as u64, day)),
            240,
        );
        let kwh: Vec<f64> = (0..240)
            .map(|day| (-1.1 * warmth(day)).exp() * (20.0 + noise(3, day)))
            .collect();
        let profiles = Profiles::daily(0, FIRST_DAY, &kwh);
        let found = against(&world, &profiles, Rule::SustainedDrop);
        assert!(found.contains(&Suppressor::Season), "{found:?}");
        // To a tenth of that is no spring.
        let kwh = scaled(kwh, 120..240, 0.1);
        let found = against(&world, &Profiles::daily(0, FIRST_DAY, &kwh), Rule::SustainedDrop);
        assert!(!found.contains(&Suppressor::Season), "{found:?}");
    }

    #[test]
    fn a_fridge_left_alone_has_no_rhythm_and_that_proves_nothing() {
        let left = from_day(hourly_home(1, 200), 100, |day, hours| {
            // It runs one hour in three, at another one each day.
            let phase = (3.0 * noise(5, day)) as usize;
            for (hour, kwh) in hours.iter_mut().enumerate() {
                *kwh = if (hour + phase).is_multiple_of(3) {
                    0.26
                } else {
                    0.05
                };
            }
        });
        let (found, against) = judge_hourly(&left, Rule::PatternLost);
        assert!(found.is_hit(), "{found:?}");
        assert!(against.contains(&Suppressor::Vacancy), "{against:?}");
    }
}
