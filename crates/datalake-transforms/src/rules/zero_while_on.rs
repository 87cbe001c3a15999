//! `ZERO_WHILE_ON`: actual zeros for days on end while the meter is installed and on.
//!
//! Looks for runs of whole days at exactly zero. A hit needs `min_days` of them and, before the run, a home that used
//! more than `min_baseline_kwh_per_day` (median of the year before). The longest run that qualifies counts, the
//! latest of equals.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::model::MICRO;
use crate::peers::YEAR_DAYS;

/// Days without a whole day that a run may bridge: silence proves neither zeros nor use.
const BRIDGED_DAYS: i32 = 7;

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
    /// Whole days before the run.
    pub(crate) days_before: usize,
    /// Zero days of the year before the run.
    pub(crate) zero_days_before: usize,
}

/// All runs, in the order of time.
fn runs(context: &StayContext<'_>) -> Vec<Range<usize>> {
    let levels = context.levels;
    let mut runs: Vec<Range<usize>> = Vec::new();
    for position in 0..levels.len() {
        if !is_zero(context, position) {
            continue;
        }
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

fn is_zero(context: &StayContext<'_>, position: usize) -> bool {
    let row = context.levels.row[position] as usize;
    context.series.usable_kwh[row] == 0 && context.series.usable_negative[row] == 0
}

fn with_baseline(context: &StayContext<'_>, positions: Range<usize>) -> ZeroRun {
    let levels = context.levels;
    let onset = levels.day[positions.start];
    let before = levels.positions(onset.saturating_sub(YEAR_DAYS)..onset);
    let baseline_kwh = if before.len() < BASELINE_MIN {
        0.0
    } else {
        levels.median_over(before.clone()).unwrap_or(0.0)
    };
    ZeroRun {
        days_before: positions.start,
        zero_days_before: before.filter(|&position| is_zero(context, position)).count(),
        baseline_kwh,
        positions,
    }
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
    let mut runs = runs(context);
    // Longest first, the latest of equals.
    runs.sort_by_key(|run| (std::cmp::Reverse(run.len()), std::cmp::Reverse(run.start)));
    let longest = runs.first().cloned();
    let hit = runs
        .into_iter()
        .take_while(|run| run.len() >= config.min_days as usize)
        .map(|run| with_baseline(context, run))
        .find(|run| run.baseline_kwh > config.min_baseline_kwh_per_day);
    let evidence = |verdict, positions: Option<Range<usize>>, strength: f64, kwh: f64| {
        let days = positions.as_ref().map_or(0, ExactSizeIterator::len);
        RuleEvidence {
            rule: Rule::ZeroWhileOn,
            verdict,
            value: days as f32,
            threshold: threshold as f32,
            onset_day: positions.as_ref().map_or(0, |run| levels.day[run.start]),
            end_day: positions.as_ref().map_or(0, |run| levels.day[run.end - 1]),
            strength: strength as f32,
            kwh_micro: (kwh * MICRO as f64).round() as i64,
        }
    };
    if let Some(run) = hit {
        let days = run.positions.len() as f64;
        let strength = 0.7 + 0.3 * ramp(days, threshold, SURE_DAYS.max(threshold + 1.0));
        let kwh = run.baseline_kwh * days;
        let found = evidence(Verdict::Hit, Some(run.positions.clone()), strength, kwh);
        return (found, Some(run));
    }
    let strength = longest.clone().map_or(0.0, |run| {
        let run = with_baseline(context, run);
        if run.baseline_kwh > config.min_baseline_kwh_per_day {
            0.3 * (run.positions.len() as f64 / threshold).min(1.0)
        } else {
            0.0
        }
    });
    (evidence(Verdict::Miss, longest, strength, 0.0), None)
}
