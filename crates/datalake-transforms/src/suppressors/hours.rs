//! What the hours of the day say against evidence.

use std::ops::Range;

use super::Suppressor;
use super::find::Suppressing;
use crate::day_profile::{HOURS, UNKNOWN_HOUR};
use crate::quantiles::median;
use crate::rules::RuleEvidence;

/// Hours in which panels may yield, of the longest day.
const DAYLIGHT: Range<usize> = 4..21;

/// Hours of the night, past midnight.
const NIGHT: Range<usize> = 22..28;

/// Level of an hour after / before, against that of the night, below which it fell.
const FALLEN: f64 = 0.6;

/// A part of the day that fell so much less than the whole day did is none that fell with it. Half of the baseline
/// is enough for a drop of all parts alike.
const EVEN: f64 = 1.5;

impl Suppressing<'_, '_> {
    /// A block around midday on bright days, and nothing else: panels without a channel of their own, or older ones as
    /// the days grow longer. Hours fell if they did against the night, which may have fallen with the season.
    pub(super) fn midday_block(&mut self, evidence: &RuleEvidence) {
        let rule = evidence.rule;
        let mut changes = self.context.hours.iter();
        let Some(hours) = changes.find(|hours| hours.onset_day == evidence.onset_day) else {
            return;
        };
        // Panels yield nothing by night: zeros there are something else.
        let dark = (0..HOURS).filter(|hour| !DAYLIGHT.contains(hour));
        if hours.misses_always() || hours.zeros_came_to(dark) {
            return;
        }
        let ratio = |hour: usize| hours.after.median[hour] / hours.before.median[hour].max(1.0);
        let mut nights: Vec<f64> = NIGHT.map(|hour| ratio(hour % HOURS)).collect();
        let night = median(&mut nights).unwrap_or(1.0).min(1.0);
        let fallen = |hour: &usize| ratio(*hour) < FALLEN * night;
        let (mut midday, mut other) = (0, 0);
        for hour in (0..HOURS).filter(fallen) {
            if DAYLIGHT.contains(&hour) {
                midday += 1;
            } else {
                other += 1;
            }
        }
        if midday >= 3 && other == 0 {
            self.add(Suppressor::Solar, rule, 1.0);
        }
    }

    /// Level of the nights after / before the onset, where they kept it and midday fell.
    pub(super) fn midday_only(&self, onset: i32) -> Option<f64> {
        self.hours_ratio(onset, &[10, 11, 12, 13, 14, 15], 0.5)?;
        let nights = self.hours_ratio(onset, &[0, 1, 2, 3, 4, 5, 20, 21, 22, 23], f64::INFINITY)?;
        (nights >= 0.8).then_some(nights)
    }

    /// Whether every part of the day fell, and none much less than the others. People who leave take their evenings with
    /// them and leave the base load behind; what takes a share of everything is not people.
    pub(super) fn fell_at_all_hours(&self, onset: i32) -> bool {
        let max_ratio = self.context.config.sustained_drop.max_ratio;
        let mut parts = [0.0; 6];
        for (first, part) in (0..).step_by(4).zip(&mut parts) {
            let hours = [first, first + 1, first + 2, first + 3];
            // Whatever the other parts did, none may have kept more.
            let Some(ratio) = self.hours_ratio(onset, &hours, EVEN * max_ratio) else {
                return false;
            };
            *part = ratio;
        }
        let mean = parts.iter().sum::<f64>() / parts.len() as f64;
        parts.iter().all(|&part| part <= EVEN * mean.min(max_ratio))
    }

    /// Median energy of some hours of the day after the onset / before; `None` where it is unknown, was none, or is more
    /// than `limit`.
    fn hours_ratio<const N: usize>(&self, onset: i32, hours: &[usize; N], limit: f64) -> Option<f64> {
        let hourly = self.context.series.hourly_wh;
        if hourly.is_empty() {
            return None;
        }
        let levels = self.levels();
        let days = |positions: Range<usize>| {
            let rows = levels.row[positions].iter();
            rows.filter_map(|&row| {
                let day = &hourly[row as usize * HOURS..][..HOURS];
                let known = hours.iter().all(|&hour| day[hour] != UNKNOWN_HOUR);
                known.then(|| hours.iter().map(|&hour| f64::from(day[hour])).sum::<f64>())
            })
        };
        let split = levels.positions(i32::MIN..onset).end;
        let mut after = Vec::with_capacity(levels.len() - split);
        after.extend(days(split..levels.len()));
        ratio_to_median(median(&mut after)?, days(0..split), split, limit)
    }
}

/// `after` / the median of `before`; `None` of nothing, where the median is not above zero, or where the ratio is more than
/// `limit`. There are at most `most` values.
pub(super) fn ratio_to_median(
    after: f64,
    before: impl Iterator<Item = f64>,
    most: usize,
    limit: f64,
) -> Option<f64> {
    // With more than half of the values below this the median is, and the ratio is too high; the rest need not be looked
    // at. Less than it could be, so that no rounding of the ratio matters.
    let enough = (after / limit) * (1.0 - 1e-9);
    let mut below = 0;
    let mut values = Vec::with_capacity(most);
    for value in before {
        below += usize::from(value < enough);
        if below > most / 2 {
            return None;
        }
        values.push(value);
    }
    let before = median(&mut values)?;
    (before > 0.0)
        .then(|| after / before)
        .filter(|ratio| *ratio <= limit)
}
