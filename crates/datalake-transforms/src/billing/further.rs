//! Further numbers of one service point's bills: beside peers of a kind and of an area, by the codes on them, at the
//! strongest step, and around the last exchange of its register.

use super::Period;
use super::figures::{Series, greatest, least, mean_spread, share_of};
use super::lake::{AROUND, Commonness, Kinds, Lake};
use crate::model::MICRO;
use crate::quantiles::{median, quantile};
use crate::subject_features::Named;

const PEERS: usize = 18;
const CODES: usize = 13;
const STEPS: usize = 4;
const EXCHANGE: usize = 17;
const N: usize = PEERS + CODES + STEPS + EXCHANGE + AROUND;

/// Numbers that may be compared between service points.
pub(crate) const NAMES: [Named; N] = [
    (
        "bill_kind_mean",
        "mean l less that of bills of the month at the same kind of device",
    ),
    ("bill_kind_greatest", "the greatest such difference"),
    ("bill_kind_p90", "90th percentile of it"),
    ("bill_kind_last3", "mean of it at the last 3 bills"),
    (
        "bill_area_p10",
        "10th percentile of l less that of bills of the month in the same area",
    ),
    ("bill_area_p90", "90th percentile of it"),
    ("bill_area_greatest", "the greatest such difference"),
    ("bill_area_last", "the last such difference"),
    ("bill_peer_p10", "10th percentile of r"),
    ("bill_peer_median", "median r"),
    ("bill_peer_p90", "90th percentile of r"),
    (
        "bill_peer_correlation",
        "correlation of r with that of the bill before",
    ),
    ("bill_peer_year1", "mean r of the last 365 days"),
    ("bill_peer_year2", "mean r of the 365 days before those"),
    ("bill_peer_year3", "mean r of the third year from the end"),
    ("bill_peer_year4", "mean r of the fourth year from the end"),
    ("bill_peer_year5", "mean r of the fifth year from the end"),
    ("bill_peer_year6", "mean r of the sixth year from the end"),
    (
        "bill_condition1_share",
        "share of bills with the commonest condition code of the lake",
    ),
    ("bill_condition2_share", "share of bills with the second"),
    ("bill_condition3_share", "share of bills with the third"),
    (
        "bill_condition_change_share",
        "share of bills with another condition code than the one before",
    ),
    (
        "bill_condition2_difference",
        "mean r of bills with the second condition code less that of the others",
    ),
    ("bill_condition3_difference", "the same of the third"),
    (
        "bill_status2_share",
        "share of bills with the second commonest state of the meter",
    ),
    ("bill_status3_share", "share of bills with the third"),
    (
        "bill_status_change_share",
        "share of bills with another state of the meter than the one before",
    ),
    (
        "bill_tariff_share",
        "share of all bills of the lake with the tariff of the last one",
    ),
    (
        "bill_tariff_change_share",
        "share of bills with another tariff than the one before",
    ),
    ("bill_tariffs", "number of tariffs"),
    (
        "bill_zero_start_share",
        "share of bills that begin at a reading of 0",
    ),
    (
        "bill_fall_score",
        "strongest fall of r between two parts of the bills, over its spread",
    ),
    ("bill_fall_size", "mean r after that fall less that before"),
    (
        "bill_rise_score",
        "strongest rise of r between two parts of the bills, over its spread",
    ),
    ("bill_rise_size", "mean r after that rise less that before"),
    ("bill_old_mean", "mean r of the registers before the last one"),
    ("bill_old_p90", "90th percentile of it"),
    ("bill_old_least", "least such r"),
    ("bill_old_last", "r of their last bill"),
    ("bill_old_last3", "mean r of their last 3 bills"),
    ("bill_old_last6", "mean r of their last 6 bills"),
    ("bill_old_zero_share", "share of their bills of exactly 0"),
    ("bill_old_last_zero_share", "the same of their last 4"),
    (
        "bill_old_last_status_share",
        "share of their last 4 bills with another state of the meter than the commonest",
    ),
    (
        "bill_old_condition2_share",
        "share of their last 6 bills with the second condition code",
    ),
    ("bill_old_condition3_share", "the same of the third"),
    ("bill_new_first", "r of the first bill of the last register"),
    ("bill_new_first3", "mean r of its first 3 bills"),
    ("bill_new_first6", "mean r of its first 6 bills"),
    (
        "bill_new_change3",
        "mean r of its first 3 bills less that of the last 3 before",
    ),
    ("bill_new_change6", "the same of 6"),
    (
        "bill_new_change",
        "its median r less that of the registers before",
    ),
    (
        "area_exchanges_10_days",
        "registers of others exchanged in the area within 10 days of the last exchange, for each service point",
    ),
    ("area_exchanges_45_days", "the same within 45 days"),
    ("area_exchanges_180_days", "the same within 180 days"),
    ("exchanges_45_days", "the same anywhere within 45 days"),
    (
        "area_kind_exchanges_45_days",
        "the same in the area, for the same kind of new device",
    ),
    (
        "area_installs_45_days",
        "first registers of others that began in the area within 45 days of the last one",
    ),
];

/// Counts and dates among them; dates as days since 1970-01-01.
pub(crate) const DATED: [Named; 13] = [
    (
        "bill_old_last_day",
        "end of the last bill of the registers before the last one",
    ),
    (
        "bill_old_last_reading",
        "what the register before the last one last showed",
    ),
    (
        "bill_condition2_day",
        "end of the last bill with the second condition code",
    ),
    ("bill_condition3_day", "end of the last bill with the third"),
    (
        "bill_status2_day",
        "end of the last bill with the second state of the meter",
    ),
    ("bill_status3_day", "end of the last bill with the third"),
    ("bill_fall_day", "end of the first bill after the strongest fall"),
    ("bill_rise_day", "end of the first bill after the strongest rise"),
    (
        "bill_last_jump_day",
        "end of the last bill that begins at another reading than the one before ended with",
    ),
    (
        "bill_last_short_day",
        "end of the last bill shorter than 100 days",
    ),
    ("bill_last_long_day", "end of the last bill longer than 130 days"),
    ("connected_day", "day on which the service point was connected"),
    ("connected_before_days", "days from there to the first bill"),
];

/// Bills that a part of them has at least, where a step is looked for.
const PART: usize = 3;
/// Bills from which on a step is looked for.
const STEP_BILLS: usize = 8;
/// Added to the spread that a step is held against.
const LEAST_SPREAD: f64 = 0.1;
/// Days of a year of [`NAMES`]' years from the end.
const YEAR_DAYS: f64 = 365.0;

/// A step of `r`.
#[derive(Debug, Clone, Copy)]
struct Step {
    score: f64,
    size: f64,
    day: f64,
}

/// The strongest fall and the strongest rise: `d sqrt(k (n - k) / n) / (spread + 0.1)` for the difference `d` between the
/// means of the first `k` and of the other bills.
fn steps(points: &[(f64, f64)]) -> Option<[Step; 2]> {
    let n = points.len();
    if n < STEP_BILLS {
        return None;
    }
    let values: Vec<f64> = points.iter().map(|(_, r)| *r).collect();
    let total: f64 = values.iter().sum();
    let spread = mean_spread(&values).1.unwrap_or(0.0) + LEAST_SPREAD;
    let mut before: f64 = values[..PART - 1].iter().sum();
    let (mut fall, mut rise): (Option<Step>, Option<Step>) = (None, None);
    for k in PART..=n - PART {
        before += values[k - 1];
        let size = (total - before) / (n - k) as f64 - before / k as f64;
        let step = Step {
            score: size * (k as f64 * (n - k) as f64 / n as f64).sqrt() / spread,
            size,
            day: points[k].0,
        };
        if fall.is_none_or(|fall| step.score < fall.score) {
            fall = Some(step);
        }
        if rise.is_none_or(|rise| step.score > rise.score) {
            rise = Some(step);
        }
    }
    Some([fall?, rise?])
}

fn mean(values: &[f64]) -> Option<f64> {
    mean_spread(values).0
}

fn tail<T>(values: &[T], n: usize) -> &[T] {
    &values[values.len().saturating_sub(n)..]
}

fn head<T>(values: &[T], n: usize) -> &[T] {
    &values[..n.min(values.len())]
}

fn share<'p>(bills: impl Iterator<Item = &'p Period>, holds: impl Fn(&Period) -> bool) -> Option<f64> {
    let (mut all, mut count) = (0, 0);
    for bill in bills {
        all += 1;
        count += usize::from(holds(bill));
    }
    share_of(count, all)
}

fn difference(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? - b?)
}

impl Series<'_> {
    /// The numbers that [`NAMES`] names, and those that [`DATED`] names.
    pub(super) fn further(
        &self,
        lake: &Lake,
        kinds: &Kinds,
        connected_day: Option<f64>,
    ) -> ([Option<f64>; N], [Option<f64>; DATED.len()]) {
        let points: Vec<(f64, f64)> = self
            .by_end
            .iter()
            .filter_map(|period| Some((period.end_day(), period.peer?)))
            .collect();
        let steps = steps(&points);
        let [fall, rise] = steps.map_or([None; 2], |steps| steps.map(Some));
        let of_steps = [
            fall.map(|step| step.score),
            fall.map(|step| step.size),
            rise.map(|step| step.score),
            rise.map(|step| step.size),
        ];
        let mut numbers = [None; N];
        let found = self
            .beside_peers(&points)
            .into_iter()
            .chain(self.codes(lake))
            .chain(of_steps)
            .chain(self.around_exchange(lake))
            .chain(lake.around(self.by_register, kinds));
        for (number, found) in numbers.iter_mut().zip(found) {
            *number = found;
        }
        let dated = self.further_dated(
            lake,
            [fall, rise].map(|step| step.map(|step| step.day)),
            connected_day,
        );
        (numbers, dated)
    }

    fn beside_peers(&self, points: &[(f64, f64)]) -> [Option<f64>; PEERS] {
        let of =
            |get: fn(&Period) -> Option<f64>| -> Vec<f64> { self.by_end.iter().filter_map(get).collect() };
        let (kind, area) = (of(|period| period.kind_peer), of(|period| period.area_peer));
        let peer: Vec<f64> = points.iter().map(|(_, r)| *r).collect();
        let at = |values: &[f64], q: f64| quantile(&mut values.to_vec(), q);
        let end = self.by_end.last().map_or(0.0, Period::end_day);
        let year = |number: usize| {
            let years = number as f64 * YEAR_DAYS..(number + 1) as f64 * YEAR_DAYS;
            let within = points.iter().filter(|(day, _)| years.contains(&(end - day)));
            mean(&within.map(|(_, r)| *r).collect::<Vec<f64>>())
        };
        [
            mean(&kind),
            greatest(&kind),
            at(&kind, 0.9),
            mean(tail(&kind, 3)),
            at(&area, 0.1),
            at(&area, 0.9),
            greatest(&area),
            area.last().copied(),
            at(&peer, 0.1),
            at(&peer, 0.5),
            at(&peer, 0.9),
            correlation(&peer),
            year(0),
            year(1),
            year(2),
            year(3),
            year(4),
            year(5),
        ]
    }

    fn codes(&self, lake: &Lake) -> [Option<f64>; CODES] {
        let bills = &self.by_end;
        let ranked = |common: &Commonness, rank: usize, get: fn(&Period) -> u32| {
            let share = || self.share(|period| common.is(rank, get(period)));
            common.has(rank).then(share).flatten()
        };
        let condition = |rank| ranked(&lake.conditions, rank, |period| period.billed.codes.condition);
        let status = |rank| ranked(&lake.statuses, rank, |period| period.billed.codes.meter_status);
        let changed = |get: fn(&Period) -> u32| {
            let (mut all, mut count) = (0, 0);
            for (a, b) in self.pairs() {
                all += 1;
                count += usize::from(get(a) != get(b));
            }
            share_of(count, all)
        };
        let apart = |rank: usize| {
            let is = |period: &&Period| lake.conditions.is(rank, period.billed.codes.condition);
            let (with, without): (Vec<&Period>, Vec<&Period>) = bills.iter().partition(is);
            let mean_of = |bills: &[&Period]| {
                mean(
                    &bills
                        .iter()
                        .filter_map(|period| period.peer)
                        .collect::<Vec<f64>>(),
                )
            };
            difference(mean_of(&with), mean_of(&without))
        };
        let mut tariffs: Vec<u32> = bills.iter().map(|period| period.billed.codes.tariff).collect();
        let last_tariff = tariffs.last().and_then(|code| lake.tariffs.share(*code));
        tariffs.sort_unstable();
        tariffs.dedup();
        [
            condition(0),
            condition(1),
            condition(2),
            changed(|period| period.billed.codes.condition),
            apart(1),
            apart(2),
            status(1),
            status(2),
            changed(|period| period.billed.codes.meter_status),
            last_tariff,
            changed(|period| period.billed.codes.tariff),
            Some(tariffs.iter().filter(|code| **code != 0).count() as f64),
            self.share(|period| period.billed.previous_reading_micro == Some(0)),
        ]
    }

    fn around_exchange(&self, lake: &Lake) -> [Option<f64>; EXCHANGE] {
        let Some((newest, others)) = self.exchange() else {
            return [None; EXCHANGE];
        };
        let old: Vec<f64> = others.iter().filter_map(|period| period.peer).collect();
        let new: Vec<f64> = newest.iter().filter_map(|period| period.peer).collect();
        let last = |n: usize| tail(&others, n).iter().copied();
        let is_zero = |period: &Period| period.billed.value_micro == Some(0);
        let condition = |rank: usize| {
            let is = |period: &Period| lake.conditions.is(rank, period.billed.codes.condition);
            lake.conditions.has(rank).then(|| share(last(6), is)).flatten()
        };
        let status = |period: &Period| !lake.statuses.is(0, period.billed.codes.meter_status);
        [
            mean(&old),
            quantile(&mut old.clone(), 0.9),
            least(&old),
            old.last().copied(),
            mean(tail(&old, 3)),
            mean(tail(&old, 6)),
            share(others.iter().copied(), is_zero),
            share(last(4), is_zero),
            lake.statuses.has(0).then(|| share(last(4), status)).flatten(),
            condition(1),
            condition(2),
            new.first().copied(),
            mean(head(&new, 3)),
            mean(head(&new, 6)),
            difference(mean(head(&new, 3)), mean(tail(&old, 3))),
            difference(mean(head(&new, 6)), mean(tail(&old, 6))),
            difference(median(&mut new.clone()), median(&mut old.clone())),
        ]
    }

    fn further_dated(
        &self,
        lake: &Lake,
        steps: [Option<f64>; 2],
        connected_day: Option<f64>,
    ) -> [Option<f64>; DATED.len()] {
        let last = |holds: &dyn Fn(&Period) -> bool| {
            let found = self.by_end.iter().rfind(|period| holds(period));
            found.map(Period::end_day)
        };
        let condition = |rank| last(&|period| lake.conditions.is(rank, period.billed.codes.condition));
        let status = |rank| last(&|period| lake.statuses.is(rank, period.billed.codes.meter_status));
        let old = self.exchange().and_then(|(_, others)| others.last().copied());
        let jump = self
            .pairs()
            .filter(|(a, b)| {
                let readings = a.billed.reading_micro.zip(b.billed.previous_reading_micro);
                readings.is_some_and(|(ended, began)| ended != began)
            })
            .map(|(_, b)| b.end_day())
            .max_by(f64::total_cmp);
        let first = self.by_end.iter().map(Period::start_day).min_by(f64::total_cmp);
        [
            old.map(Period::end_day),
            old.and_then(|period| period.billed.reading_micro)
                .map(|micro| micro as f64 / MICRO as f64),
            condition(1),
            condition(2),
            status(1),
            status(2),
            steps[0],
            steps[1],
            jump,
            last(&Period::is_short),
            last(&Period::is_long),
            connected_day,
            difference(first, connected_day),
        ]
    }
}

/// Correlation of numbers with those before them; `None` of fewer than four, or where they do not vary.
fn correlation(values: &[f64]) -> Option<f64> {
    if values.len() < 4 {
        return None;
    }
    let (before, after) = (&values[..values.len() - 1], &values[1..]);
    let (a, b) = (mean(before)?, mean(after)?);
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| -> f64 { before.iter().zip(after).map(|(x, y)| f(x - a, y - b)).sum() };
    let spread = (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
    (spread > 0.0).then(|| sum(&|x, y| x * y) / spread)
}

#[cfg(test)]
mod tests;
