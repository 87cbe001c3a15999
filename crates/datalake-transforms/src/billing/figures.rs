//! The numbers of one service point's bills.

use super::lake::{Kinds, Lake};
use super::{Bill, DATED, NAMES, Period};
use crate::model::{Condition, DAY_SECONDS, MICRO};
use crate::quantiles::{median, quantile};

/// Bills below so many kWh a day are near zero.
const NEAR_ZERO: f64 = 0.3;
/// A bill a year before ended so many days earlier.
const YEAR: std::ops::RangeInclusive<i64> = 335 * DAY_SECONDS..=395 * DAY_SECONDS;
const DAYS_OF_A_YEAR: f64 = 365.0;
/// Days between bills from which on there is a gap.
const GAP_DAYS: f64 = 3.0;
/// Bills that slopes are taken over at most, evenly picked: pairs are the square of them.
const SLOPE_BILLS: usize = 100;
/// Bills that a register's last, or first, level is taken from.
const FEW: usize = 3;

/// Bills of a service point.
pub(super) struct Series<'a> {
    /// By register, then end.
    pub(super) by_register: &'a [Period],
    /// By end; those that end together by energy, so that no id decides.
    pub(super) by_end: Vec<Period>,
}

/// Numbers of [`Series::levels`], of [`Series::changes`] and of [`Series::readings`]; those of an exchange follow.
const LEVELS: usize = 12;
const CHANGES: usize = 20;
const READINGS: usize = 17;
const EXCHANGE: usize = 5;
const _: () = assert!(LEVELS + CHANGES + READINGS + EXCHANGE == NAMES.len());

pub(super) fn share_of(count: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| count as f64 / all as f64)
}

fn is_override(period: &Period) -> bool {
    period.billed.condition == Condition::Override
}

/// Mean and sample standard deviation, in the order given.
pub(super) fn mean_spread(values: &[f64]) -> (Option<f64>, Option<f64>) {
    let n = values.len() as f64;
    if values.is_empty() {
        return (None, None);
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (
        Some(mean),
        (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()),
    )
}

pub(super) fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

pub(super) fn greatest(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

/// Median of the slopes of all pairs (Theil 1950, Sen 1968), a year; points are (day, value).
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let step = points.len().div_ceil(SLOPE_BILLS).max(1);
    let picked: Vec<(f64, f64)> = points.iter().copied().step_by(step).collect();
    let mut slopes = Vec::new();
    for (i, a) in picked.iter().enumerate() {
        for b in &picked[i + 1..] {
            if b.0 > a.0 {
                slopes.push((b.1 - a.1) / (b.0 - a.0) * DAYS_OF_A_YEAR);
            }
        }
    }
    median(&mut slopes)
}

/// The bill that ended nearest to a year before `end`, of two as near the later one; `before` by end.
pub(super) fn a_year_before(before: &[Period], end: i64) -> Option<&Period> {
    let wanted = end.saturating_sub(365 * DAY_SECONDS);
    let later = before.partition_point(|bill| bill.billed.end <= wanted);
    let nearest_later = before.get(later).map(|bill| bill.billed.end);
    let of_later = nearest_later.and_then(|end| {
        let last = before.partition_point(|bill| bill.billed.end <= end);
        before[..last].last()
    });
    let off = |bill: &&Period| bill.billed.end.abs_diff(wanted);
    of_later
        .into_iter()
        .chain(before[..later].last())
        .min_by_key(off)
        .filter(|bill| YEAR.contains(&end.saturating_sub(bill.billed.end)))
}

impl<'a> Series<'a> {
    /// Bills sorted by register, then end.
    pub(super) fn of(by_register: &'a [Period]) -> Self {
        let mut by_end = by_register.to_vec();
        by_end.sort_unstable_by(|a, b| {
            let key = |period: &Period| (period.billed.end, period.billed.start);
            key(a).cmp(&key(b)).then(a.kwh.total_cmp(&b.kwh))
        });
        Self { by_register, by_end }
    }

    /// The bills of the register that began last, and those of the others by end; `None` with one register only.
    pub(super) fn exchange(&self) -> Option<(&[Period], Vec<&Period>)> {
        let registers = || {
            self.by_register
                .chunk_by(|a, b| a.billed.component == b.billed.component)
        };
        if registers().count() < 2 {
            return None;
        }
        // Of those that began together, the one that ends last, then the one that counted more: no id decides.
        let newest = registers().max_by(|a, b| {
            let key = |bills: &[Period]| {
                let start = bills.iter().map(|period| period.billed.start).min();
                let micro: i128 = bills
                    .iter()
                    .map(|period| i128::from(period.billed.value_micro.unwrap_or(0)))
                    .sum();
                (start, bills.last().map(|period| period.billed.end), micro)
            };
            key(a).cmp(&key(b))
        })?;
        let component = newest[0].billed.component;
        let others = self
            .by_end
            .iter()
            .filter(|period| period.billed.component != component);
        Some((newest, others.collect()))
    }

    /// The numbers of an exchange of registers, as [`NAMES`] ends with them.
    fn exchange_numbers(&self) -> [Option<f64>; EXCHANGE] {
        let first_reading = |bills: &[Period]| {
            let reading = bills[0].billed.previous_reading_micro?;
            Some(reading as f64 / MICRO as f64)
        };
        let Some((newest, others)) = self.exchange() else {
            return [None, None, None, None, first_reading(self.by_register)];
        };
        let mut before: Vec<f64> = others.iter().map(|period| period.ln).collect();
        let mut after: Vec<f64> = newest.iter().map(|period| period.ln).collect();
        let late = mean_spread(&before[before.len().saturating_sub(FEW)..]).0;
        let (before, after) = (median(&mut before), median(&mut after));
        let less = |a: Option<f64>, b: Option<f64>| Some(a? - b?);
        let start = newest.iter().map(|period| period.billed.start).min();
        let end = others.last().map(|period| period.billed.end);
        [
            Some(newest.len() as f64 / self.by_end.len() as f64),
            less(after, before),
            less(late, before),
            start
                .zip(end)
                .map(|(start, end)| (start - end) as f64 / DAY_SECONDS as f64),
            first_reading(newest),
        ]
    }

    /// Bills of one register one after the other.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Period, &Period)> {
        let same = |pair: &&[Period]| pair[0].billed.component == pair[1].billed.component;
        self.by_register
            .windows(2)
            .filter(same)
            .map(|pair| (&pair[0], &pair[1]))
    }

    /// Changes of `l` against the bill of the same register a year before, by end.
    fn year_changes(&self) -> Vec<f64> {
        let mut changes = Vec::new();
        for register in self
            .by_register
            .chunk_by(|a, b| a.billed.component == b.billed.component)
        {
            for (at, period) in register.iter().enumerate() {
                let best = a_year_before(&register[..at], period.billed.end);
                if let Some(before) = best {
                    changes.push((period.billed.end, period.ln - before.ln));
                }
            }
        }
        changes.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        changes.into_iter().map(|(_, change)| change).collect()
    }

    /// Share of the bills for which something holds.
    pub(super) fn share(&self, holds: impl Fn(&Period) -> bool) -> Option<f64> {
        let count = self.by_end.iter().filter(|period| holds(period)).count();
        (!self.by_end.is_empty()).then(|| count as f64 / self.by_end.len() as f64)
    }

    pub(super) fn bill(&self, lake: &Lake, kinds: &Kinds, connected_day: Option<f64>) -> Bill {
        let (further, further_dated) = self.further(lake, kinds, connected_day);
        Bill {
            numbers: self.numbers(),
            dated: self.dated(),
            further,
            further_dated,
        }
    }

    /// The numbers that [`NAMES`] names, in its order.
    fn numbers(&self) -> [Option<f64>; NAMES.len()] {
        let rates: Vec<f64> = self.by_end.iter().map(Period::kwh_a_day).collect();
        let mut numbers = [None; NAMES.len()];
        let found = self.levels(&rates).into_iter().chain(self.changes(&rates));
        let found = found.chain(self.readings()).chain(self.exchange_numbers());
        for (number, found) in numbers.iter_mut().zip(found) {
            *number = found;
        }
        numbers
    }

    /// How much was billed.
    fn levels(&self, rates: &[f64]) -> [Option<f64>; LEVELS] {
        let lns: Vec<f64> = self.by_end.iter().map(|period| period.ln).collect();
        let of = |values: &[f64], q: f64| quantile(&mut values.to_vec(), q);
        let (mean, spread) = mean_spread(rates);
        let ln = |rate: Option<f64>| rate.map(|rate| (rate.max(0.0) + super::LN_OFFSET).ln());
        let near_zero: Vec<bool> = rates.iter().map(|rate| *rate < NEAR_ZERO).collect();
        let runs = near_zero.chunk_by(|a, b| a == b).filter(|run| run[0]);
        let longest_run = runs.map(<[bool]>::len).max().unwrap_or(0);
        let last_run = near_zero.iter().rev().take_while(|zero| **zero).count();
        [
            ln(of(rates, 0.5)),
            ln(mean),
            ln(greatest(rates)),
            ln(least(rates)),
            of(&lns, 0.1),
            of(&lns, 0.9),
            spread
                .zip(mean)
                .and_then(|(spread, mean)| (mean > 0.0).then(|| spread / mean)),
            mean_spread(&lns).1,
            self.share(|period| period.billed.value_micro == Some(0)),
            self.share(|period| period.kwh_a_day() < NEAR_ZERO),
            share_of(longest_run, rates.len()),
            share_of(last_run, rates.len()),
        ]
    }

    /// How it changed, beside the peers and beside itself.
    fn changes(&self, rates: &[f64]) -> [Option<f64>; CHANGES] {
        let bills = &self.by_end;
        let of = |values: &[f64], q: f64| quantile(&mut values.to_vec(), q);
        let usual = of(rates, 0.5);
        let over_usual = |rate: Option<f64>| {
            Some((rate?.max(0.0) + super::LN_OFFSET) / (usual?.max(0.0) + super::LN_OFFSET))
        };
        let n = bills.len();
        let few = FEW.min(n);
        let peers: Vec<f64> = bills.iter().filter_map(|period| period.peer).collect();
        let peer_mean = |values: &[f64]| mean_spread(values).0;
        let late = peers.len() - peers.len().div_ceil(4);
        let changes: Vec<f64> = self.pairs().map(|(a, b)| b.ln - a.ln).collect();
        let sizes = |values: &[f64]| values.iter().map(|value| value.abs()).collect::<Vec<f64>>();
        let steps = changes
            .iter()
            .filter(|change| change.abs() >= std::f64::consts::LN_2);
        let years = self.year_changes();

        let points = |get: fn(&Period) -> Option<f64>| -> Vec<(f64, f64)> {
            let point = |period: &Period| Some((period.end_day(), get(period)?));
            bills.iter().filter_map(point).collect()
        };
        [
            peer_mean(&peers),
            mean_spread(&peers).1,
            least(&peers),
            greatest(&peers),
            peer_mean(&peers[..FEW.min(peers.len())]),
            peers.last().copied(),
            peer_mean(&peers[peers.len().saturating_sub(FEW)..]),
            peer_mean(&peers[late..])
                .zip(peer_mean(&peers[..late]))
                .map(|(late, early)| late - early),
            least(&changes),
            greatest(&changes),
            mean_spread(&sizes(&changes)).0,
            share_of(steps.count(), changes.len()),
            least(&years),
            years.last().copied(),
            mean_spread(&sizes(&years)).0,
            over_usual(rates.last().copied()),
            over_usual(of(&rates[n - few..], 0.5)),
            over_usual(of(&rates[..few], 0.5)),
            slope(&points(|period| Some(period.ln))),
            slope(&points(|period| period.peer)),
        ]
    }

    /// What readings say, and how long bills are.
    fn readings(&self) -> [Option<f64>; READINGS] {
        let bills = &self.by_end;
        // Billed less read, kWh, where both readings are there.
        let mismatches: Vec<f64> = bills
            .iter()
            .filter_map(|period| {
                let read = period
                    .billed
                    .reading_micro?
                    .saturating_sub(period.billed.previous_reading_micro?);
                Some(period.kwh - read as f64 / MICRO as f64)
            })
            .collect();
        let mismatched = mismatches.iter().filter(|kwh| kwh.abs() > 1e-3).count();
        let read = bills.iter().filter_map(|period| {
            period
                .billed
                .reading_micro
                .zip(period.billed.previous_reading_micro)
        });
        let fallen = read.filter(|(reading, previous)| reading < previous).count();
        let jumps: Vec<i64> = self
            .pairs()
            .filter_map(|(a, b)| {
                Some(
                    b.billed
                        .previous_reading_micro?
                        .saturating_sub(a.billed.reading_micro?),
                )
            })
            .collect();
        let jumped = |holds: fn(&i64) -> bool| jumps.iter().filter(|jump| holds(jump)).count();

        let lengths: Vec<f64> = bills.iter().map(|period| period.days).collect();
        let (mean_days, spread_days) = mean_spread(&lengths);
        let between: Vec<f64> = self.pairs().map(|(a, b)| b.end_day() - a.end_day()).collect();
        let gaps: Vec<f64> = self.gaps();
        let is_whole_tens = |period: &Period| {
            period
                .billed
                .value_micro
                .is_some_and(|value| value % (10 * MICRO) == 0)
        };
        [
            self.share(is_whole_tens),
            self.share(|period| !period.billed.is_actual),
            share_of(mismatched, mismatches.len()),
            mean_spread(&mismatches).0,
            share_of(fallen, mismatches.len()),
            share_of(jumped(|jump| *jump != 0), jumps.len()),
            share_of(jumped(|jump| *jump > 0), jumps.len()),
            mean_days,
            spread_days,
            greatest(&lengths),
            self.share(Period::is_long),
            self.share(Period::is_short),
            median(&mut between.clone()),
            mean_spread(&between).1,
            share_of(gaps.iter().filter(|gap| **gap > GAP_DAYS).count(), gaps.len()),
            share_of(gaps.iter().filter(|gap| **gap < 0.0).count(), gaps.len()),
            self.share(is_override),
        ]
    }

    /// Days from the end of a bill to the start of the next of its register.
    fn gaps(&self) -> Vec<f64> {
        let day = |at: i64| at as f64 / DAY_SECONDS as f64;
        self.pairs()
            .map(|(a, b)| day(b.billed.start) - a.end_day())
            .collect()
    }

    fn dated(&self) -> [Option<f64>; DATED.len()] {
        let bills = &self.by_end;
        let day = |at: i64| at as f64 / DAY_SECONDS as f64;
        let registers = self
            .by_register
            .chunk_by(|a, b| a.billed.component == b.billed.component);
        let gaps = self.gaps();
        let is_zero = |period: &&Period| period.billed.value_micro == Some(0);
        let read = |micro: i64| micro as f64 / MICRO as f64;
        let last = bills.last();
        let overrides = || bills.iter().filter(|period| is_override(period));
        let began = self
            .exchange()
            .and_then(|(newest, _)| newest.iter().map(|period| period.billed.start).min());
        [
            Some(bills.len() as f64),
            Some(registers.count() as f64),
            Some(bills.iter().map(|period| period.kwh).sum()),
            Some(bills.iter().map(|period| period.days).sum()),
            bills.iter().map(|period| period.billed.start).min().map(day),
            last.map(Period::end_day),
            Some(gaps.iter().sum()),
            greatest(&gaps),
            Some(bills.iter().filter(is_zero).count() as f64),
            bills.iter().rfind(is_zero).map(Period::end_day),
            Some(bills.iter().filter(|period| period.is_long()).count() as f64),
            last.and_then(|period| period.billed.reading_micro).map(read),
            bills
                .iter()
                .filter_map(|period| period.billed.reading_micro)
                .max()
                .map(read),
            Some(overrides().count() as f64),
            overrides().next_back().map(Period::end_day),
            began.map(day),
            began
                .map(day)
                .zip(last)
                .map(|(began, last)| last.end_day() - began),
            last.map(|period| (period.end_day() * 12.0 / 365.2425).rem_euclid(12.0)),
        ]
    }
}
