//! How the two sides of a change compare, in the ways that rules rest on.

use super::{HourChange, Side, correlation};
use crate::day_profile::HOURS;
use crate::quantiles::median;
use crate::rules::ramp;

/// An hour of the day is missing if it falls below this share of its low, and of [`BASE`] times the low of all hours.
const MISSING: f64 = 0.35;

/// What base load may be in an hour that people are up in; and in one that never was below [`HIDDEN`] times the low of all
/// hours: what heats or charges in it every night hides the base load, which may be no more than that.
const BASE: (f64, f64) = (2.0, 1.0);
const HIDDEN: f64 = 4.0;

/// Level of the first weeks / before at most, and fall (ln) of their liveliness in part and wholly, of a home that was left.
const EMPTY_LEVEL: f64 = 0.35;
const EMPTY_CALM: (f64, f64) = (0.35, 0.6);

/// The greatest of the hours' falls that need not have fallen: one of seven.
const SPARED: f64 = 0.85;

/// Steps (Wh) from which on values are coarse.
const COARSE_WH: u32 = 100;

/// An hour that was below this, in Wh, says nothing by its logarithm.
const LEAST_WH: f64 = 2.0;

/// ln of a ratio of watt-hours, with a tenth of a watt-hour on both sides.
fn ln_ratio(after: f64, before: f64) -> f64 {
    ((after.max(0.0) + 0.1) / (before.max(0.0) + 0.1)).ln()
}

/// Standard deviation / mean of a mean day.
fn variation(mean: &[f64; HOURS]) -> f64 {
    let centre = mean.iter().sum::<f64>() / HOURS as f64;
    let squares = mean.iter().map(|wh| (wh - centre).powi(2)).sum::<f64>();
    (squares / HOURS as f64).sqrt() / centre.max(1.0)
}

impl HourChange {
    /// Whether the values became coarse: then zeros and equal values mean nothing.
    pub(crate) fn coarser(&self) -> bool {
        self.after.step >= COARSE_WH && self.after.step >= 10 * self.before.step
    }

    /// Days of the later side.
    pub(crate) fn lasting_days(&self) -> i32 {
        self.last_day - self.onset_day + 1
    }

    /// ln of the level after / before, by the medians of the days.
    pub(crate) fn level(&self) -> f64 {
        ((self.after.kwh.max(0.0) + 1e-3) / (self.before.kwh.max(0.0) + 1e-3)).ln() - self.peers
    }

    /// Share of the energy expected, as the peers go, that the days after lack; below 0 where they have more.
    pub(crate) fn net_fall(&self) -> f64 {
        let wh = |side: &Side| side.mean.iter().sum::<f64>();
        1.0 - wh(&self.after) / (wh(&self.before) * self.peers.exp()).max(1.0)
    }

    /// Least and greatest fall (ln) among the quantiles of all hours, as the peers go; above 0 for a fall.
    pub(crate) fn falls(&self) -> (f64, f64) {
        let pairs = self.after.quantiles.iter().zip(&self.before.quantiles);
        let falls = pairs
            .filter(|(_, before)| **before >= LEAST_WH)
            .map(|(&after, &before)| self.peers - ln_ratio(after, before));
        falls.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), fall| {
            (least.min(fall), most.max(fall))
        })
    }

    /// By how much (ln) everything fell: the least fall among the quantiles of all hours and, but for one hour in
    /// seven, among the hours of the day; above 0 for a fall. `elasticity`: how the home follows its peers. Only what
    /// the peers fell is taken from the fall; what they rose is not added to it, because not every home heats when
    /// its peers do.
    ///
    /// People who leave take their peaks with them and leave the base load; an appliance that goes leaves the other
    /// hours as they were. What takes a share of everything is not people.
    pub(crate) fn even_fall(&self, elasticity: f64) -> f64 {
        let peers = (elasticity * self.peers).min(0.0);
        let quantiles = self.falls().0 - self.peers + peers;
        let mut falls: Vec<f64> = self
            .after
            .median
            .iter()
            .zip(&self.before.median)
            .map(|(&after, &before)| peers - ln_ratio(after, before))
            .collect();
        falls.sort_by(f64::total_cmp);
        let spared = ((1.0 - SPARED) * (HOURS - 1) as f64).round() as usize;
        quantiles.min(falls[spared])
    }

    /// ln of how lively the days are after / before: how far the peaks stand out, and how much one hour differs from the
    /// next, whichever fell more; below 0 where days became calmer.
    pub(crate) fn liveliness(&self) -> f64 {
        self.livelier(self.after.peak, self.after.roughness)
    }

    fn livelier(&self, peak: f64, roughness: f64) -> f64 {
        let ln = |after: f64, before: f64| (after.max(1e-3) / before.max(1e-3)).ln();
        ln(peak, self.before.peak).min(ln(roughness, self.before.roughness))
    }

    /// The same of the weeks that followed the change.
    pub(crate) fn liveliness_at_first(&self) -> f64 {
        self.livelier(self.first_weeks.peak, self.first_weeks.roughness)
    }

    /// 0..1: how empty the home looked in the weeks that followed: a low level, and days without the peaks that people make.
    /// What becomes lively again after that is another household.
    pub(crate) fn empty_at_first(&self) -> f64 {
        if self.first_weeks.kwh <= EMPTY_LEVEL * self.before.kwh {
            ramp(-self.liveliness_at_first(), EMPTY_CALM.0, EMPTY_CALM.1)
        } else {
            0.0
        }
    }

    /// Correlation of the mean day after with the mirrored one before.
    pub(crate) fn likeness_turned_round(&self) -> f64 {
        correlation(self.before.mean.iter().rev().copied(), &self.after.mean)
    }

    /// Correlation of the mean day after with the mirrored one before, less that with the one before as it was: -2 to 2.
    pub(crate) fn turned_round(&self) -> f64 {
        self.likeness_turned_round() - correlation(self.before.mean.iter().copied(), &self.after.mean)
    }

    /// Share of the day's energy that came out of some hours and turned up in others.
    pub(crate) fn moved(&self) -> f64 {
        let scale = (-self.peers).exp();
        let total = self.before.mean.iter().sum::<f64>().max(1.0);
        let (mut fell, mut rose) = (0.0, 0.0);
        for (after, before) in self.after.mean.iter().zip(&self.before.mean) {
            let change = (after * scale - before) / total;
            if change < 0.0 {
                fell -= change;
            } else {
                rose += change;
            }
        }
        f64::min(fell, rose)
    }

    /// ln of how much flatter the mean day became, less what the single days became flatter: high where days vary as
    /// before and no longer at the hours at which they did.
    pub(crate) fn flattened(&self) -> f64 {
        let flatter = ((variation(&self.before.mean) + 0.03) / (variation(&self.after.mean) + 0.03)).ln();
        let calmer = ((self.before.within + 0.02) / (self.after.within + 0.02)).ln();
        flatter - (calmer - 0.2).max(0.0)
    }

    /// Which hours of the day fell below all that was usual in them, `of` the days after (their median, their high). What the
    /// peers fell may be missing too.
    fn missing_hours(&self, of: &[f64; HOURS]) -> [bool; HOURS] {
        let base = self.before.quantiles[0];
        let missing = MISSING * self.peers.min(0.0).exp();
        std::array::from_fn(|hour| {
            let low = self.before.low[hour];
            let times = if low < HIDDEN * base { BASE.0 } else { BASE.1 };
            of[hour] < missing * low.min(times * base)
        })
    }

    /// Whether some hours are missing on nearly all days, bright or dark.
    pub(crate) fn misses_always(&self) -> bool {
        self.missing_hours(&self.after.high)
            .iter()
            .filter(|is| **is)
            .count()
            >= 3
    }

    /// Whether any of some hours of the day is at zero one day in ten, and was not before.
    pub(crate) fn zeros_came_to(&self, mut hours: impl Iterator<Item = usize>) -> bool {
        hours.any(|hour| self.after.low[hour] < LEAST_WH && self.before.low[hour] >= LEAST_WH)
    }

    /// Length, in hours, of the longest stretch of the day (which may pass midnight) that fell below all that was
    /// usual in it, and ln of the median change of the other hours.
    pub(crate) fn missing_block(&self) -> (usize, f64) {
        let missing = self.missing_hours(&self.after.median);
        let (mut longest, mut run) = (0, 0);
        for hour in 0..2 * HOURS {
            run = if missing[hour % HOURS] { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        let mut others: Vec<f64> = (0..HOURS)
            .filter(|&hour| !missing[hour])
            .map(|hour| ln_ratio(self.after.median[hour], self.before.median[hour]) - self.peers)
            .collect();
        let kept = median(&mut others).unwrap_or(f64::NEG_INFINITY);
        (longest.min(HOURS), kept)
    }
}
