//! `PROLONGED_ESTIMATION`: nothing actual for long, while estimates keep coming.
//!
//! A stretch runs from one usable day to the next and counts in calendar days; half of its days must have an estimated or missing row, so
//! that a mere gap in the delivery is not taken for estimation. A register must be silent for more than twice its usual
//! period besides: one reading that was skipped is nothing. No case rests on it alone: it says what is not known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::whole;
use super::{Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;

/// Days without an actual value that make a hit as sure as it gets.
const SURE_DAYS: f64 = 90.0;

/// What a spell that ended counts of one that goes on.
const ENDED: f64 = 0.3;

/// Thresholds of `PROLONGED_ESTIMATION`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProlongedEstimationConfig {
    /// A hit needs more days without an actual value; a register more than twice its usual period besides.
    pub min_days: u32,
    /// Weight in the score, 0..1; from `case_threshold` on it opens cases alone.
    pub weight: f64,
}

impl Default for ProlongedEstimationConfig {
    fn default() -> Self {
        Self {
            min_days: 30,
            weight: 0.45,
        }
    }
}

impl ProlongedEstimationConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        whole("prolonged_estimation.min_days", self.min_days, 1, 3650)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.prolonged_estimation;
    let series = context.series;
    let least = if context.is_register() {
        config.min_days.max(2 * usual_period(context))
    } else {
        config.min_days
    };
    let threshold = f64::from(least);
    let mut longest = (0_i32, 0_i32, 0_i32);
    let mut open: Option<(i32, i32, i32)> = None;
    for row in context.rows.clone() {
        let day = series.day[row];
        if series.actual[row] > 0 || series.usable[row] > 0 {
            open = None;
            continue;
        }
        let estimated = i32::from(series.estimated[row] > 0 || series.missing[row] > 0);
        let (first, _, count) = open.unwrap_or((day, day, 0));
        let stretch = (first, day, count + estimated);
        open = Some(stretch);
        let days = day - first + 1;
        if 2 * stretch.2 >= days && days > longest.0 {
            longest = (days, first, day);
        }
    }
    let days = f64::from(longest.0);
    let hit = days > threshold;
    // A spell that ended is over: what came then was read from the meter.
    let goes_on = longest.2 == series.day[context.rows.end - 1];
    let strength = if hit {
        let sure = 0.5 + 0.5 * ramp(days, threshold, SURE_DAYS.max(threshold + 1.0));
        if goes_on { sure } else { ENDED * sure }
    } else {
        0.3 * days / threshold
    };
    RuleEvidence {
        rule: Rule::ProlongedEstimation,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: days as f32,
        threshold: threshold as f32,
        onset_day: longest.1,
        end_day: longest.2,
        strength: strength as f32,
        kwh_micro: 0,
    }
}

/// Days of the period that the median usable day of a register lies in; 0 where none has energy.
///
/// The days of a period have one share each, give or take 10^-6 kWh; days that two periods meet in are periods of a day
/// here, too few to bear on the median.
fn usual_period(context: &StayContext<'_>) -> u32 {
    let series = context.series;
    let mut lengths: Vec<u32> = Vec::new();
    let mut before: Option<(i32, i64)> = None;
    for row in context.rows.clone() {
        let (day, kwh) = (series.day[row], series.usable_kwh[row]);
        // Zeros tell nothing: the periods of an empty home cannot be told apart.
        if series.usable[row] == 0 || kwh == 0 {
            before = None;
            continue;
        }
        let goes_on = before.is_some_and(|(last, share)| last + 1 == day && share.abs_diff(kwh) <= 1);
        match lengths.last_mut().filter(|_| goes_on) {
            Some(length) => *length += 1,
            None => lengths.push(1),
        }
        before = Some((day, kwh));
    }
    lengths.sort_unstable();
    let half = lengths.iter().sum::<u32>().div_ceil(2);
    let mut days = 0;
    for length in lengths {
        days += length;
        if days >= half {
            return length;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, period, typed};

    fn judged(kwh: &[f64], rows: std::ops::Range<usize>) -> RuleEvidence {
        let world = World::steady(installed(), 200);
        let profiles = Profiles::daily(0, FIRST_DAY, kwh).estimate(rows);
        world.rule(&profiles, Rule::ProlongedEstimation).0
    }

    #[test]
    fn more_than_thirty_days_hit() {
        let evidence = judged(&home(1, 200, 8.0), 100..131);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 31.0).abs() < 1e-6);
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY + 100, FIRST_DAY + 130)
        );
    }

    #[test]
    fn thirty_days_are_a_near_miss() {
        let evidence = judged(&home(1, 200, 8.0), 100..130);
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!((evidence.strength - 0.3).abs() < 1e-6);
    }

    #[test]
    fn a_register_is_silent_for_more_than_two_of_its_periods() {
        // Twelve periods of 30 days with a level of their own.
        let kwh: Vec<f64> = (0..360).map(|day| 5.0 + f64::from(day / 30)).collect();
        let mut world = World::steady(typed("MC-0", None, &[period(0, 0, i64::MAX)]), 360);
        world.config.prolonged_estimation.min_days = 45;
        let verdict = |days: std::ops::Range<usize>| {
            let profiles = Profiles::daily(0, FIRST_DAY, &kwh).estimate(days);
            let evidence = world.rule(&profiles, Rule::ProlongedEstimation).0;
            (evidence.verdict, evidence.value, evidence.threshold)
        };
        assert_eq!(verdict(120..180), (Verdict::Miss, 60.0, 60.0));
        assert_eq!(verdict(120..181), (Verdict::Hit, 61.0, 60.0));
        // Without a usual period the days of the config count.
        assert_eq!(verdict(0..360), (Verdict::Hit, 360.0, 45.0));
    }

    #[test]
    fn a_gap_in_the_delivery_is_no_estimation() {
        let mut kwh = home(1, 200, 8.0);
        kwh[101..140].fill(f64::NAN);
        // One estimated day before the gap and one after it.
        let evidence = judged(&kwh, 100..102);
        assert_eq!(evidence.verdict, Verdict::Miss);
    }

    #[test]
    fn ninety_days_are_sure_and_what_ended_counts_three_tenths() {
        // Sixty days are half of the way from 30 to 90: 0.5 + 0.5 x 0.5.
        let strength = |rows: std::ops::Range<usize>| judged(&home(1, 200, 8.0), rows).strength;
        assert!((strength(140..200) - 0.75).abs() < 1e-6);
        assert!((strength(110..200) - 1.0).abs() < 1e-6);
        assert!((strength(139..199) - 0.225).abs() < 1e-6);
    }
}
