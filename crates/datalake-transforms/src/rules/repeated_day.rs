//! `REPEATED_DAY`: whole days repeated to the last digit, as from a recording that is played again.
//!
//! Days are compared by the hash of their values in slot order. A day counts if it has the values of an earlier one, is not
//! nearly empty, and is not flat (that is `FLATLINE`). A meter of coarse steps in an empty home repeats days by
//! chance, and so does a load that never changes or that a clock switches: so the repeated days must be lived in, not even,
//! and new to the home.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::whole;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::model::MICRO;

/// Intervals a day from which a day has a shape of its own.
const SHAPED: u16 = 12;

/// Level of a day / the usual one from which the day is lived in.
const LIVED_IN: f64 = 0.4;

/// Longest run of one value within a day, as a share of the day, that is not yet flat.
const FLAT: f64 = 0.3;

/// Greatest interval of a day / its mean from which the day is one of a home: a load that never changes repeats days.
const LIVELY: f64 = 1.5;

/// Days (of those that count) before the first repeated one that repeat nothing: what repeats itself from the beginning is
/// a load that a clock switches.
const NEW_DAYS: usize = 28;

/// Repeated days that make a hit as sure as it gets.
const SURE_DAYS: f64 = 10.0;

/// Thresholds of `REPEATED_DAY`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RepeatedDayConfig {
    /// Days with one and the same shape that a hit needs.
    pub min_days: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for RepeatedDayConfig {
    fn default() -> Self {
        Self {
            min_days: 3,
            weight: 0.8,
        }
    }
}

impl RepeatedDayConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        whole("repeated_day.min_days", self.min_days, 2, 3650)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.repeated_day;
    let levels = context.levels;
    let threshold = f64::from(config.min_days);
    let not_judged = |gap| RuleEvidence::not_judged(Rule::RepeatedDay, gap, threshold);
    if context.intervals < SHAPED {
        return not_judged(Gap::NoHours);
    }
    let series = context.series;
    let flat = FLAT * f64::from(context.intervals);
    let counts = |position: &usize| {
        let row = levels.row[*position] as usize;
        series.shape_hash[row] != 0
            && levels.kwh[*position] >= LIVED_IN * levels.median_kwh
            && levels.kwh[*position] > 0.1
            && series.max_kwh[row] as f64 / MICRO as f64 * f64::from(context.intervals)
                >= LIVELY * levels.kwh[*position]
            && f64::from(series.longest_equal_run[row]) <= flat
    };
    let mut days: Vec<(u64, usize)> = (0..levels.len())
        .filter(counts)
        .map(|position| (series.shape_hash[levels.row[position] as usize], position))
        .collect();
    if days.len() < config.min_days as usize {
        return not_judged(Gap::TooFewDays);
    }
    days.sort_unstable();
    // All days of shapes that occur often enough; the most frequent shape is the value.
    let (mut most, mut repeated) = (1_usize, 0_usize);
    let (mut first, mut last) = (usize::MAX, 0);
    for shape in days.chunk_by(|a, b| a.0 == b.0) {
        most = most.max(shape.len());
        if shape.len() >= 2 {
            repeated += shape.len();
            // The first of them may be the one that was recorded.
            first = first.min(shape[1].1);
            last = last.max(shape[shape.len() - 1].1);
        }
    }
    let new = days.iter().filter(|(_, position)| *position < first).count();
    let hit = most >= config.min_days as usize && new >= NEW_DAYS;
    let (first, last) = if repeated > 0 { (first, last) } else { (0, 0) };
    let missing: f64 = (first..=last)
        .filter(|_| hit)
        .map(|position| (levels.median_kwh - levels.kwh[position]).max(0.0))
        .sum();
    RuleEvidence {
        rule: Rule::RepeatedDay,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: most as f32,
        threshold: threshold as f32,
        onset_day: levels.day[first],
        end_day: levels.day[last],
        strength: if hit {
            (0.7 + 0.3 * ramp(repeated as f64, threshold, SURE_DAYS.max(threshold + 1.0))) as f32
        } else {
            (0.1 * ramp(most as f64, 1.0, threshold)) as f32
        },
        kwh_micro: (missing * MICRO as f64).round() as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{FIRST_DAY, from_day, hourly_home, judge_hourly};

    const RULE: Rule = Rule::RepeatedDay;

    /// Day 10 is played again on some of the days from day 60 on.
    fn played(again: &[usize]) -> Vec<Vec<f64>> {
        let days = hourly_home(1, 120);
        let recorded = days[10].clone();
        from_day(days, 60, |day, hours| {
            if again.contains(&day) {
                hours.clone_from(&recorded);
            }
        })
    }

    #[test]
    fn three_days_of_one_shape_hit() {
        let (found, _) = judge_hourly(&played(&[70, 90]), RULE);
        assert_eq!((found.verdict, found.value), (Verdict::Hit, 3.0));
        assert_eq!((found.onset_day, found.end_day), (FIRST_DAY + 70, FIRST_DAY + 90));
        assert!((found.strength - 0.7).abs() < 1e-6);
    }

    #[test]
    fn two_do_not() {
        let (found, _) = judge_hourly(&played(&[70]), RULE);
        assert_eq!((found.verdict, found.value), (Verdict::Miss, 2.0));
    }

    #[test]
    fn a_load_that_a_clock_switches_repeats_from_the_beginning() {
        let lamp = vec![[vec![0.5; 6], vec![0.1; 12], vec![0.5; 6]].concat(); 120];
        let lamp = from_day(lamp, 0, |day, hours| hours[12] = 0.1 + 0.1 * (day % 3) as f64);
        let (found, _) = judge_hourly(&lamp, RULE);
        assert_eq!(found.verdict, Verdict::Miss);
    }

    #[test]
    fn an_empty_homes_days_do_not_count() {
        let empty = from_day(hourly_home(1, 120), 100, |_, hours| {
            hours.fill(0.05);
            hours[3] = 0.06;
        });
        assert_eq!(judge_hourly(&empty, RULE).0.verdict, Verdict::Miss);
    }
}
