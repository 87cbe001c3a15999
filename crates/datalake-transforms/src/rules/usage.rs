//! What the two rules about usage without a contract share.

use std::ops::Range;

use super::{Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::model::MICRO;

/// Days with usage that make a hit as sure as it gets.
const SURE_DAYS: f64 = 14.0;

/// Energy in 10^-6 kWh that a day must be above to count.
pub(super) fn least(min_kwh_per_day: f64) -> i64 {
    (min_kwh_per_day * MICRO as f64).round() as i64
}

/// Counts the days of `rows` whose `kwh` (10^-6) is greater than `min_kwh_per_day`.
pub(super) fn judge(
    context: &StayContext<'_>,
    rows: Range<usize>,
    rule: Rule,
    kwh: &[i64],
    min_kwh_per_day: f64,
    min_days: u32,
) -> RuleEvidence {
    let least = least(min_kwh_per_day);
    // Most meters count nothing without a contract: then there is nothing to look for.
    let rows = if kwh[rows.clone()].iter().all(|&kwh| kwh == 0) {
        rows.start..rows.start
    } else {
        rows
    };
    let mut days = 0_u32;
    let mut span = (0, 0);
    let mut total = 0_i64;
    for row in rows {
        total = total.saturating_add(kwh[row].max(0));
        if kwh[row] > least {
            let day = context.series.day[row];
            if days == 0 {
                span.0 = day;
            }
            span.1 = day;
            days += 1;
        }
    }
    let hit = days >= min_days;
    let strength = if hit {
        0.6 + 0.4
            * ramp(
                f64::from(days),
                f64::from(min_days),
                SURE_DAYS.max(f64::from(min_days) + 1.0),
            )
    } else {
        0.3 * f64::from(days) / f64::from(min_days)
    };
    RuleEvidence {
        rule,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: days as f32,
        threshold: min_days as f32,
        onset_day: span.0,
        end_day: span.1,
        strength: strength as f32,
        kwh_micro: total,
    }
}
