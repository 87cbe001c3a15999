//! `FLATLINE`: one value repeated where a home used to vary.
//!
//! A day is flat if at least half of it is one run of `min_equal_intervals` or more equal non-zero values, or if it
//! stands in a row of `min_days` days that vary by less than `max_day_variation`. An empty home's standby is flat too, all
//! the more on meters of low resolution: so the flat days must lie at `min_level_ratio` or more of the level of the
//! days that are not flat. A hit needs `min_days` flat days in a row.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::levels::{Levels, median};
use crate::model::MICRO;

/// Whole days that are not flat, to know the home's level by.
const VARIED_DAYS: usize = 14;

/// Days between two whole days of one row of flat days.
const BRIDGED_DAYS: i32 = 3;

/// Flat days that make a hit as sure as it gets.
const SURE_DAYS: f64 = 30.0;

/// Thresholds of `FLATLINE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlatlineConfig {
    /// Equal non-zero intervals in a row that make a day flat.
    pub min_equal_intervals: u32,
    /// Coefficient of variation of daily kWh below which days are flat.
    pub max_day_variation: f64,
    /// Flat days in a row that a hit needs.
    pub min_days: u32,
    /// Level of the flat days / level of the others that a hit needs.
    pub min_level_ratio: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for FlatlineConfig {
    fn default() -> Self {
        Self {
            min_equal_intervals: 24,
            max_day_variation: 0.02,
            min_days: 10,
            min_level_ratio: 0.6,
            weight: 0.7,
        }
    }
}

impl FlatlineConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        whole("flatline.min_equal_intervals", self.min_equal_intervals, 4, 288)?;
        within("flatline.max_day_variation", self.max_day_variation, 0.0, 0.5)?;
        whole("flatline.min_days", self.min_days, 3, 3650)?;
        within("flatline.min_level_ratio", self.min_level_ratio, 0.0, 10.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.flatline;
    let levels = context.levels;
    let threshold = f64::from(config.min_days);
    let not_judged = RuleEvidence::not_judged(Rule::Flatline, Gap::TooFewDays, threshold);
    // A register's days are shares of a period: flat by construction.
    if context.is_register() || levels.len() < config.min_days as usize + VARIED_DAYS {
        return not_judged;
    }
    let flat = flat_days(context);
    let mut varied: Vec<f64> = (0..levels.len())
        .filter(|&position| !flat[position])
        .map(|position| levels.kwh[position])
        .collect();
    if varied.len() < VARIED_DAYS {
        return not_judged;
    }
    let usual = median(&mut varied).unwrap_or(0.0);
    let level_of = |run: &Range<usize>| levels.median_over(run.clone()).unwrap_or(0.0);
    let mut best: Option<Range<usize>> = None;
    for run in runs(levels, &flat) {
        let high = level_of(&run) > 0.0 && level_of(&run) >= config.min_level_ratio * usual;
        if high && best.as_ref().is_none_or(|best| run.len() >= best.len()) {
            best = Some(run);
        }
    }
    let days = best.as_ref().map_or(0, ExactSizeIterator::len);
    let hit = days >= config.min_days as usize;
    let strength = if hit {
        0.75 + 0.25 * ramp(days as f64, threshold, SURE_DAYS.max(threshold + 1.0))
    } else {
        0.3 * days as f64 / threshold
    };
    // What a day between flat days hides is unknown: the home's usual level less what was counted, if that is less.
    let kwh: f64 = best.clone().map_or(0.0, |run| {
        run.map(|position| (usual - levels.kwh[position]).max(0.0)).sum()
    });
    RuleEvidence {
        rule: Rule::Flatline,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: days as f32,
        threshold: threshold as f32,
        onset_day: best.as_ref().map_or(0, |run| levels.day[run.start]),
        end_day: best.as_ref().map_or(0, |run| levels.day[run.end - 1]),
        strength: strength as f32,
        kwh_micro: (kwh * MICRO as f64).round() as i64,
    }
}

/// Which whole days are flat.
fn flat_days(context: &StayContext<'_>) -> Vec<bool> {
    let config = &context.config.flatline;
    let levels = context.levels;
    let equal = config.min_equal_intervals.max(u32::from(context.intervals) / 2);
    let mut flat: Vec<bool> = levels
        .row
        .iter()
        .map(|&row| u32::from(context.series.longest_equal_run[row as usize]) >= equal)
        .collect();
    let width = config.min_days as usize;
    for start in 0..(levels.len() + 1).saturating_sub(width) {
        let days = start..start + width;
        let span = levels.day[days.end - 1] - levels.day[start];
        if span < width as i32 + BRIDGED_DAYS
            && variation(&levels.kwh[days.clone()]) < config.max_day_variation
        {
            flat[days].fill(true);
        }
    }
    flat
}

/// Coefficient of variation; infinite where the mean is not above zero.
fn variation(kwh: &[f64]) -> f64 {
    let n = kwh.len() as f64;
    let mean = kwh.iter().sum::<f64>() / n;
    if mean <= 0.0 {
        return f64::INFINITY;
    }
    let variance = kwh.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    variance.sqrt() / mean
}

fn runs(levels: &Levels, flat: &[bool]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for position in (0..flat.len()).filter(|&position| flat[position]) {
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
