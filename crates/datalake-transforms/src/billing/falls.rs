//! Steps of a register's level, bill by bill, and what they cost.

use super::Period;
use crate::loss::{Loss, with_drift};
use crate::model::MICRO;
use crate::quantiles::quantile;

/// Bills before a fall, and from it on, at least.
const BEFORE: usize = 4;
const AFTER: usize = 3;

/// Days that both sides span at least where there are no peers to take the season out.
pub(super) const SEASONS_DAYS: f64 = 330.0;

/// Added to the spread that a fall is held against.
const LEAST_SPREAD: f64 = 0.1;

/// Bills from which on a band of the expectation is their own; with fewer it is this one.
const BAND_BILLS: usize = 8;
const WIDE_BAND: (f64, f64) = (0.7, 1.3);

/// The strongest fall of a register's level that lasts to the end of its bills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fall {
    /// Position of the first bill after it.
    pub(super) first: usize,
    /// Mean level from then on less that before, ln.
    pub(super) size: f64,
    /// The same over the spread of the bills around both means, times `sqrt(k (n - k) / n)`.
    pub(super) score: f64,
    /// Mean level before, and from then on: `r`, or `l` where there are no peers.
    pub(super) before: f64,
    pub(super) after: f64,
    /// Whether levels are held against peers.
    pub(super) has_peers: bool,
}

/// The fall of the greatest score, of bills by end; `None` where there are too few bills, or no time for the seasons.
pub(super) fn strongest(bills: &[Period]) -> Option<Fall> {
    let has_peers = bills.iter().all(|bill| bill.peer.is_some());
    let levels: Vec<f64> = bills.iter().map(|bill| bill.peer.unwrap_or(bill.ln)).collect();
    let levels: &[f64] = if has_peers {
        &levels
    } else {
        &bills.iter().map(|bill| bill.ln).collect::<Vec<_>>()
    };
    let n = bills.len();
    if n < BEFORE + AFTER {
        return None;
    }
    let total: f64 = levels.iter().sum();
    let squares: f64 = levels.iter().map(|level| level * level).sum();
    let mut sum: f64 = levels[..BEFORE - 1].iter().sum();
    let mut found: Option<Fall> = None;
    for first in BEFORE..=n - AFTER {
        sum += levels[first - 1];
        let days = |part: &[Period]| part[part.len() - 1].end_day() - part[0].start_day();
        let seasons = || days(&bills[..first]).min(days(&bills[first..])) >= SEASONS_DAYS;
        if !has_peers && !seasons() {
            continue;
        }
        let (k, rest) = (first as f64, (n - first) as f64);
        let (before, after) = (sum / k, (total - sum) / rest);
        let around = (squares - k * before * before - rest * after * after).max(0.0);
        let spread = (around / n as f64).sqrt() + LEAST_SPREAD;
        let size = after - before;
        let fall = Fall {
            first,
            size,
            score: size * (k * rest / n as f64).sqrt() / spread,
            before,
            after,
            has_peers,
        };
        if found.is_none_or(|found| fall.score < found.score) {
            found = Some(fall);
        }
    }
    found
}

/// What `bills` would have been at the level of the bills `before` them, less what was billed: from the bill that begins
/// on or after `billable`, seconds. `None` without bills before, or without any that may be claimed.
///
/// Where there are peers, the expectation of a bill is `exp(mean r before + median l of the peers) - 0.1` kWh a day, else the
/// mean of the bills before, times what makes the sum over those come out right. The band is the 10th and 90th percentile of
/// billed / expected among them, widened by the drift of homes (see [`crate::loss`]).
pub(super) fn short_of(before: &[Period], bills: &[Period], billable: i64) -> Option<Loss> {
    if before.is_empty() {
        return None;
    }
    let has_peers = before.iter().chain(bills).all(|bill| bill.peer.is_some());
    let mean = before.iter().filter_map(|bill| bill.peer).sum::<f64>() / before.len() as f64;
    let sum = |of: &dyn Fn(&Period) -> f64| before.iter().map(of).sum::<f64>();
    let usual = sum(&|bill| bill.kwh) / sum(&|bill| bill.days);
    let raw = |bill: &Period| {
        let by_peers = bill.peer.filter(|_| has_peers);
        let a_day = by_peers.map_or(usual, |r| (mean + bill.ln - r).exp() - super::LN_OFFSET);
        a_day.max(0.0) * bill.days
    };
    let smear = (sum(&|bill| bill.kwh) / sum(&raw)).clamp(0.5, 2.0);
    if !smear.is_finite() {
        return None;
    }
    let mut ratios: Vec<f64> = before
        .iter()
        .filter(|bill| raw(bill) > 0.0)
        .map(|bill| bill.kwh / (smear * raw(bill)))
        .collect();
    let band = if ratios.len() < BAND_BILLS {
        WIDE_BAND
    } else {
        let (low, high) = (quantile(&mut ratios, 0.1)?, quantile(&mut ratios, 0.9)?);
        // A bill of nothing would make the band reach down to nothing wherever it stands.
        (
            (-with_drift(low.clamp(0.01, 1.0))).exp(),
            with_drift(high.max(1.0)).exp(),
        )
    };
    let claimed = || bills.iter().filter(|bill| bill.billed.start >= billable);
    claimed().next()?;
    let expected: f64 = claimed().map(|bill| smear * raw(bill)).sum();
    let actual = claimed().fold(0_i64, |sum, bill| {
        sum.saturating_add(bill.billed.value_micro.unwrap_or(0))
    });
    let micro = |factor: f64| (expected * factor * MICRO as f64).round() as i64;
    let short = |factor: f64| micro(factor).saturating_sub(actual).max(0);
    Some(Loss {
        expected_micro: micro(1.0),
        actual_micro: actual,
        lost_micro: short(1.0),
        lost_p10_micro: short(band.0),
        lost_p90_micro: short(band.1),
    })
}
