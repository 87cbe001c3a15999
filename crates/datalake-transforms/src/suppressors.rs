//! Suppressors: reasons that explain a hit without theft. Each names itself, the rules it lowers, by what factor, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change_point::Step;
use crate::error::TransformError;
use crate::levels::{Levels, WEEK, median};
use crate::peers::YEAR_DAYS;
use crate::rules::zero_while_on::ZeroRun;
use crate::rules::{Rule, RuleEvidence, StayContext, ramp};

/// Factors of the suppressors: what is left of a rule's strength, 0 (nothing) to 1 (all of it).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SuppressorConfig {
    /// The home looks empty: its days vary far less, or far more, than they did.
    pub vacancy: f64,
    /// The home was at zero now and then before: the mains are switched off when nobody is there.
    pub mains_off_before: f64,
    /// Zeros ended by themselves.
    pub resumed: f64,
    /// Many meters were silent on the same days.
    pub area_outage: f64,
    /// The peers fell alike.
    pub season: f64,
    /// The same pattern a year before.
    pub seasonal_premise: f64,
    /// Solar: a channel for received energy, or energy that fell around midday alone.
    pub solar: f64,
    /// The meter was exchanged and its successor reads as it had read before.
    pub exchange_with_continuity: f64,
    /// Few of the values since the onset are actual.
    pub mostly_estimated: f64,
    /// Too short a time before the onset.
    pub new_install: f64,
    /// No data around the onset: what happened then was not seen.
    pub data_gap: f64,
    /// The removal of the meter was recorded soon after.
    pub planned_removal: f64,
    /// Usage before the first install event, up to it: the paperwork came later than the meter.
    pub late_paperwork: f64,
}

impl Default for SuppressorConfig {
    fn default() -> Self {
        Self {
            vacancy: 0.5,
            mains_off_before: 0.5,
            resumed: 0.5,
            area_outage: 0.2,
            season: 0.5,
            seasonal_premise: 0.3,
            solar: 0.3,
            exchange_with_continuity: 0.3,
            mostly_estimated: 0.3,
            new_install: 0.5,
            data_gap: 0.7,
            planned_removal: 0.3,
            late_paperwork: 0.3,
        }
    }
}

impl SuppressorConfig {
    /// The factor of a suppressor.
    #[must_use]
    pub fn factor(&self, suppressor: Suppressor) -> f64 {
        match suppressor {
            Suppressor::Vacancy => self.vacancy,
            Suppressor::MainsOffBefore => self.mains_off_before,
            Suppressor::Resumed => self.resumed,
            Suppressor::AreaOutage => self.area_outage,
            Suppressor::Season => self.season,
            Suppressor::SeasonalPremise => self.seasonal_premise,
            Suppressor::Solar => self.solar,
            Suppressor::ExchangeWithContinuity => self.exchange_with_continuity,
            Suppressor::MostlyEstimated => self.mostly_estimated,
            Suppressor::NewInstall => self.new_install,
            Suppressor::DataGap => self.data_gap,
            Suppressor::PlannedRemoval => self.planned_removal,
            Suppressor::LatePaperwork => self.late_paperwork,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), TransformError> {
        for suppressor in Suppressor::ALL {
            let value = self.factor(suppressor);
            if !(0.0..=1.0).contains(&value) {
                return Err(TransformError::Parameter {
                    name: format!("rules.suppressors.{}", suppressor.name()),
                    value: value.to_string(),
                    why: "must be a number from 0 (silences the rule) to 1 (changes nothing)".to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// The suppressors, in the order in which explanations show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Suppressor {
    /// See [`SuppressorConfig::vacancy`]; the same for those that follow.
    Vacancy,
    /// Zeros before.
    MainsOffBefore,
    /// Zeros ended.
    Resumed,
    /// Others silent too.
    AreaOutage,
    /// Peers fell alike.
    Season,
    /// The same a year before.
    SeasonalPremise,
    /// Received energy.
    Solar,
    /// Exchanged, and as before.
    ExchangeWithContinuity,
    /// Few actual values.
    MostlyEstimated,
    /// Short baseline.
    NewInstall,
    /// Nothing seen around the onset.
    DataGap,
    /// Removed soon after.
    PlannedRemoval,
    /// Usage up to the first install event.
    LatePaperwork,
}

impl Suppressor {
    /// All suppressors.
    pub const ALL: [Self; 13] = [
        Self::Vacancy,
        Self::MainsOffBefore,
        Self::Resumed,
        Self::AreaOutage,
        Self::Season,
        Self::SeasonalPremise,
        Self::Solar,
        Self::ExchangeWithContinuity,
        Self::MostlyEstimated,
        Self::NewInstall,
        Self::DataGap,
        Self::PlannedRemoval,
        Self::LatePaperwork,
    ];

    /// Name, as in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vacancy => "vacancy",
            Self::MainsOffBefore => "mains_off_before",
            Self::Resumed => "resumed",
            Self::AreaOutage => "area_outage",
            Self::Season => "season",
            Self::SeasonalPremise => "seasonal_premise",
            Self::Solar => "solar",
            Self::ExchangeWithContinuity => "exchange_with_continuity",
            Self::MostlyEstimated => "mostly_estimated",
            Self::NewInstall => "new_install",
            Self::DataGap => "data_gap",
            Self::PlannedRemoval => "planned_removal",
            Self::LatePaperwork => "late_paperwork",
        }
    }
}

/// A suppressor at work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suppression {
    /// Which one.
    pub suppressor: Suppressor,
    /// The one rule that it lowers.
    pub rule: Rule,
    /// What is left of the rule's strength.
    pub factor: f32,
    /// What was measured, for the text.
    pub measured: f32,
}

impl Suppression {
    /// Why, as text with the numbers that it rests on.
    #[must_use]
    pub fn text(&self) -> String {
        let x = self.measured;
        match self.suppressor {
            Suppressor::Vacancy => format!("the home looks empty: its days vary {x:.2} times as much as before"),
            Suppressor::MainsOffBefore => format!("the home was at zero on {x:.0} days of the year before as well"),
            Suppressor::Resumed => format!("use came back by itself, {x:.0} whole days of it follow"),
            Suppressor::AreaOutage => format!("{:.0} % of the days fall into an outage of the area", 100.0 * x),
            Suppressor::Season => format!("the peers fell alike: against them the level is {x:.2} of that before"),
            Suppressor::SeasonalPremise => {
                format!("the same happened a year before: the level is {x:.2} of that in the same season")
            }
            Suppressor::Solar if x < 0.0 => "a channel receives energy at the service point".to_owned(),
            Suppressor::Solar => format!("energy fell around midday alone: nights keep {x:.2} of their level"),
            Suppressor::ExchangeWithContinuity => {
                format!("the meter was exchanged and the new one reads {x:.2} of the level before the onset")
            }
            Suppressor::MostlyEstimated => {
                format!("{:.0} % of the values since the onset are actual", 100.0 * x)
            }
            Suppressor::NewInstall => format!("{x:.0} days before the onset are few to know the home by"),
            Suppressor::DataGap => format!("no whole day was seen for {x:.0} days around the onset"),
            Suppressor::PlannedRemoval => format!("the meter was removed as planned {x:.0} days after the onset"),
            Suppressor::LatePaperwork => {
                format!("the usage runs up to the first install event, {x:.0} days: it was recorded late")
            }
        }
    }
}

/// Days before the onset below which a new install counts wholly; from there to the baseline needed, in part.
const NO_BASELINE_DAYS: f64 = 14.0;

/// Days silent in an area: this share of the peers, or of the meters under the transformer.
const OUTAGE_SHARES: (f64, f64) = (0.3, 0.5);

/// Days without a whole day around an onset that make a gap.
const GAP_DAYS: i32 = 14;

/// Days from the onset to a recorded removal that make it planned.
const REMOVAL_DAYS: i32 = 45;

/// Scatter of the days after / before: calmer days than the first mean that fewer people live there, the second leaves no
/// doubt. Theft takes from the level and leaves the days as uneven as they were.
const CALM: (f64, f64) = (0.8, 0.55);

/// A drop that deep (ln) leaves an empty home's standby.
const STANDBY_DROP: f64 = 2.5;

/// A drop of at least the first (ln) with a spread grown by the second: a home that is visited now and then.
const VISITED: (f64, f64) = (1.2, 2.5);

/// Gathers what speaks against the rules of one stay.
pub(crate) struct Suppressing<'a, 'b> {
    context: &'a StayContext<'b>,
    found: Vec<Suppression>,
}

impl<'a, 'b> Suppressing<'a, 'b> {
    fn add(&mut self, suppressor: Suppressor, rule: Rule, measured: f64) {
        self.add_in_part(suppressor, rule, measured, 1.0);
    }

    /// Lowers by part of what the factor says, 0..1.
    fn add_in_part(&mut self, suppressor: Suppressor, rule: Rule, measured: f64, part: f64) {
        let factor = 1.0 - part * (1.0 - self.context.config.suppressors.factor(suppressor));
        self.found.push(Suppression {
            suppressor,
            rule,
            factor: factor as f32,
            measured: measured as f32,
        });
    }

    fn levels(&self) -> &'a Levels {
        self.context.levels
    }

    /// What holds for every rule that compares a level with the one before.
    fn around_the_onset(&mut self, evidence: &RuleEvidence) {
        let (rule, onset) = (evidence.rule, evidence.onset_day);
        let levels = self.levels();
        let split = levels.positions(i32::MIN..onset).end;
        if let Some(&first) = levels.day.first() {
            let (days, needed) = (f64::from(onset - first), f64::from(self.context.config.baseline_days));
            if days < needed {
                self.add_in_part(Suppressor::NewInstall, rule, days, ramp(days, needed, NO_BASELINE_DAYS));
            }
        }
        if split > 0 && split < levels.len() {
            let gap = levels.day[split] - levels.day[split - 1] - 1;
            if gap >= GAP_DAYS && !self.context.is_register() {
                self.add(Suppressor::DataGap, rule, f64::from(gap));
            }
        }
        let removal = self.context.stay.removal_day();
        if self.context.stay.removal_recorded && removal >= onset && removal - onset <= REMOVAL_DAYS {
            self.add(Suppressor::PlannedRemoval, rule, f64::from(removal - onset));
        }
        let series = self.context.series;
        let (mut actual, mut rows) = (0_u64, 0_u64);
        for row in self.context.rows.clone() {
            if (onset..=evidence.end_day).contains(&series.day[row]) {
                actual += u64::from(series.usable[row]);
                rows += u64::from(series.intervals[row]);
            }
        }
        if !self.context.is_register() && rows > 0 && 2 * actual < rows {
            self.add(Suppressor::MostlyEstimated, rule, actual as f64 / rows as f64);
        }
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
            self.add(Suppressor::AreaOutage, rule, silent as f64 / run.positions.len() as f64);
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
        if let Some(year) = step.year_drop.filter(|year| fell && year.exp() > max_ratio) {
            self.add(Suppressor::SeasonalPremise, rule, year.exp());
        }
        if self.context.received {
            self.add(Suppressor::Solar, rule, -1.0);
        } else if let Some(nights) = self.midday_only(evidence.onset_day) {
            self.add(Suppressor::Solar, rule, nights);
        }
        if !self.context.is_register() {
            self.vacancy(step);
        }
    }

    fn vacancy(&mut self, step: &Step) {
        let calm = step.scatter_after.max(0.02) / step.scatter_before.max(0.02);
        let grown = step.spread_after / step.spread_before.max(0.02);
        let visited = -step.drop >= VISITED.0 && grown >= VISITED.1;
        let standby = -step.drop >= STANDBY_DROP;
        let part = if visited { 1.0 } else { ramp(calm, CALM.0, CALM.1).max(if standby { 0.5 } else { 0.0 }) };
        if part > 0.0 {
            let measured = if visited { grown } else { calm };
            self.add_in_part(Suppressor::Vacancy, Rule::SustainedDrop, measured, part);
        }
    }

    /// Level of the nights after / before the onset, where they kept it and midday fell.
    fn midday_only(&self, onset: i32) -> Option<f64> {
        let hourly = self.context.series.hourly_kwh;
        if hourly.is_empty() {
            return None;
        }
        let levels = self.levels();
        let ratio = |hours: &[usize]| {
            let mean = |range: std::ops::Range<usize>| {
                let mut days: Vec<f64> = Vec::with_capacity(range.len());
                for position in range {
                    let row = levels.row[position] as usize * 24;
                    let mut values = hours.iter().map(|&hour| hourly[row + hour]);
                    if values.clone().all(|value| value != i64::MIN) {
                        days.push(values.by_ref().map(|value| value as f64).sum());
                    }
                }
                median(&mut days)
            };
            let split = levels.positions(i32::MIN..onset).end;
            let (before, after) = (mean(0..split)?, mean(split..levels.len())?);
            (before > 0.0).then(|| after / before)
        };
        let midday = ratio(&[10, 11, 12, 13, 14, 15])?;
        let nights = ratio(&[0, 1, 2, 3, 4, 5, 20, 21, 22, 23])?;
        (midday <= 0.5 && nights >= 0.8).then_some(nights)
    }
}

/// Everything that speaks against the evidence of one stay, in the order of rules.
pub(crate) fn suppress(
    context: &StayContext<'_>,
    evidence: &[RuleEvidence],
    run: Option<&ZeroRun>,
    step: Option<&Step>,
) -> Vec<Suppression> {
    let mut suppressing = Suppressing {
        context,
        found: Vec::new(),
    };
    for rule in evidence {
        match rule.rule {
            Rule::ZeroWhileOn if rule.is_hit() => {
                suppressing.around_the_onset(rule);
                if let Some(run) = run {
                    suppressing.zero(run);
                }
            }
            Rule::SustainedDrop => {
                if let Some(step) = step {
                    suppressing.around_the_onset(rule);
                    suppressing.drop(rule, step);
                }
            }
            Rule::UsageNotInstalled if rule.is_hit() => {
                if let Some(installed) = context.stay.installed {
                    let day = installed.div_euclid(crate::model::DAY_SECONDS) as i32;
                    if rule.end_day <= day {
                        suppressing.add(Suppressor::LatePaperwork, rule.rule, f64::from(day - rule.onset_day));
                    }
                }
            }
            Rule::PeerLow if context.received => suppressing.add(Suppressor::Solar, rule.rule, -1.0),
            _ => {}
        }
    }
    suppressing.found
}
