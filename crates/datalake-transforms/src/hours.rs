//! How the hours of a stay changed, where they did: the shape of its days before and after the days that part them best.
//!
//! The day's energy is taken in eight parts of three hours, each against its own median in units of its own spread, clipped at
//! three. The split that minimises the squared error around the two means (binary segmentation, Scott and Knott 1974, on a
//! multivariate mean) is a change, and so is the best split of one of its sides where that explains enough: a season may
//! part the days better than what happened within it. What follows a change is compared with what came before in
//! several ways, and a rule picks those that it rests on. Levels are natural logarithms, less what the peers' level did meanwhile.

mod compare;

use std::ops::Range;

use crate::day_profile::{HOURS, UNKNOWN_HOUR};
use crate::levels::Levels;
use crate::quantiles::median;
use crate::series::DaySeries;

/// Parts of a day that the split is looked for in.
const PARTS: usize = 8;

const HOURS_OF_A_PART: usize = HOURS / PARTS;

/// Days that each side of the split needs.
const SIDE_DAYS: usize = 14;

/// Days after a change that say what followed it at once.
const FIRST_DAYS: i32 = 28;

/// Days below which no split is looked for.
pub(crate) const LEAST_DAYS: usize = 2 * SIDE_DAYS + 7;

/// What the best split of a side must lower the squared error by, as a share of what the first split did.
const SECOND: f64 = 0.2;

/// Bounds of a part's distance from its median, in spreads.
const CLIP: f64 = 3.0;

/// Least spread of a part: this share of its median, and this share of an eighth of the day's energy.
const SPREAD_FLOORS: (f64, f64) = (0.1, 0.02);

/// Quantiles of all hours that are compared.
const QUANTILES: [f64; 6] = [0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// Hours above this quantile count as much as it in a mean day: a single feast has no shape.
const CLIPPED_ABOVE: f64 = 0.98;

/// Low quantile of an hour of the day, and of all hours.
const LOW: f64 = 0.1;

/// Days whose greatest interval reaches this share of the usual one are lived in.
const LIVED_IN: f64 = 0.3;

/// Share of a day's intervals at zero that makes it a day with zeros.
const ZERO_SHARE: f64 = 0.08;

/// Median kWh a day below which a home has no shape.
const LEAST_KWH: f64 = 0.1;

/// The days of one side of the split.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Side {
    /// Days.
    pub(crate) days: usize,
    /// Median energy by hour of the day, Wh.
    pub(crate) median: [f64; HOURS],
    /// Mean of the same, hours above their 98th percentile counted as that.
    pub(crate) mean: [f64; HOURS],
    /// 10th percentile of the same.
    pub(crate) low: [f64; HOURS],
    /// 90th percentile of the same.
    pub(crate) high: [f64; HOURS],
    /// 5th, 25th, 50th, 75th, 95th and 99th percentile of all hours, Wh.
    pub(crate) quantiles: [f64; QUANTILES.len()],
    /// Median over the days of greatest hour / mean hour.
    pub(crate) peak: f64,
    /// Median over the days of the mean distance of an hour from the middle of its neighbours / mean hour.
    pub(crate) roughness: f64,
    /// Median over the days of standard deviation / mean of the hours.
    pub(crate) within: f64,
    /// Share of the days with zeros.
    pub(crate) zeros: f64,
    /// Share of the days that have zeros and are lived in.
    pub(crate) zeros_lived_in: f64,
    /// Mean hours a day at zero.
    pub(crate) zero_hours: f64,
    /// Median correlation of the days with the mean day of the earlier side.
    pub(crate) rhythm: f64,
    /// Median kWh a day.
    pub(crate) kwh: f64,
    /// Greatest common divisor of all hours, Wh; 0 where all are zero.
    pub(crate) step: u32,
}

/// The four weeks that follow a change, on their own.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct FirstWeeks {
    /// Median over the days of greatest hour / mean hour.
    peak: f64,
    /// Median over the days of the mean distance of an hour from the middle of its neighbours / mean hour.
    roughness: f64,
    /// Median kWh a day.
    kwh: f64,
}

#[cfg(test)]
impl FirstWeeks {
    /// Weeks like those that lasted.
    pub(crate) fn like(side: &Side) -> Self {
        Self {
            peak: side.peak,
            roughness: side.roughness,
            kwh: side.kwh,
        }
    }
}

/// The change of shape that explains most, lasting to the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HourChange {
    /// First day of the later side.
    pub(crate) onset_day: i32,
    /// Last day with known hours.
    pub(crate) last_day: i32,
    /// The earlier days.
    pub(crate) before: Side,
    /// The later days.
    pub(crate) after: Side,
    /// The first weeks of the later days.
    pub(crate) first_weeks: FirstWeeks,
    /// ln of the peers' level over the later days less that over the earlier.
    pub(crate) peers: f64,
    /// Distance between the means of two halves of the earlier days, as a share of their energy: the home's own noise.
    pub(crate) noise: f64,
}

/// Memory that is used again for every stay.
#[derive(Debug, Default)]
pub(crate) struct HourScratch {
    /// Positions in the levels of the days with known hours.
    positions: Vec<u32>,
    parts: Vec<[f64; PARTS]>,
    sums: Vec<[f64; PARTS]>,
    column: Vec<i32>,
    values: Vec<f64>,
}

/// Counts by size: exact below 32 Wh, sixteenths of an octave above.
struct Histogram {
    counts: [u32; Self::BINS],
    total: u32,
}

impl Histogram {
    const EXACT: u32 = 32;
    const BINS: usize = 32 + 27 * 16;

    fn new() -> Self {
        Self {
            counts: [0; Self::BINS],
            total: 0,
        }
    }

    fn bin(wh: u32) -> usize {
        if wh < Self::EXACT {
            return wh as usize;
        }
        let octave = wh.ilog2();
        32 + (octave as usize - 5) * 16 + (wh >> (octave - 4) & 15) as usize
    }

    /// Least value of a bin.
    fn start(bin: usize) -> f64 {
        if bin < 32 {
            return bin as f64;
        }
        let (octave, part) = ((bin - 32) / 16 + 5, (bin - 32) % 16);
        (1_u64 << octave) as f64 * (1.0 + part as f64 / 16.0)
    }

    fn add(&mut self, wh: i32) {
        self.counts[Self::bin(wh.max(0) as u32)] += 1;
        self.total += 1;
    }

    /// A quantile, straight within its bin; exact values where bins hold one.
    fn quantile(&self, q: f64) -> f64 {
        let at = q * f64::from(self.total.saturating_sub(1));
        let mut below = 0.0;
        for (bin, &count) in self.counts.iter().enumerate() {
            let count = f64::from(count);
            if count > 0.0 && at < below + count {
                let (start, end) = (Self::start(bin), Self::start(bin + 1));
                let inside = if bin < 32 {
                    0.0
                } else {
                    (at - below + 0.5) / count * (end - start)
                };
                return start + inside;
            }
            below += count;
        }
        0.0
    }
}

/// The hours of the whole days of a stay.
struct Hours<'a> {
    series: &'a DaySeries<'a>,
    levels: &'a Levels,
    /// Positions in the levels.
    positions: &'a [u32],
}

impl Hours<'_> {
    fn day(&self, index: usize) -> &[i32] {
        &self.series.hourly_wh[self.row(index) * HOURS..][..HOURS]
    }

    /// Row of the series.
    fn row(&self, index: usize) -> usize {
        self.levels.row[self.positions[index] as usize] as usize
    }
}

/// Value at a rank of some integers; 0 of none. Reorders them.
fn select(values: &mut [i32], q: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = (q * (values.len() - 1) as f64).round() as usize;
    f64::from(*values.select_nth_unstable(at).1)
}

impl HourChange {
    /// Looks for changes, at most two, into `changes`: none where hours are known of too few days, or the home used nothing.
    pub(crate) fn find(
        series: &DaySeries<'_>,
        levels: &Levels,
        scratch: &mut HourScratch,
        changes: &mut Vec<Self>,
    ) {
        changes.clear();
        if series.hourly_wh.is_empty() || levels.len() < LEAST_DAYS || levels.median_kwh < LEAST_KWH {
            return;
        }
        let HourScratch {
            positions,
            parts,
            sums,
            column,
            values,
        } = scratch;
        positions.clear();
        let known = |position: &u32| {
            let row = levels.row[*position as usize] as usize;
            !series.hourly_wh[row * HOURS..][..HOURS].contains(&UNKNOWN_HOUR)
        };
        positions.extend((0..levels.len() as u32).filter(known));
        let days = positions.len();
        if days < LEAST_DAYS {
            return;
        }
        let hours = Hours {
            series,
            levels,
            positions,
        };
        scale_parts(&hours, parts, column);
        let sums = add_up(parts, sums);
        let Some((first, gain)) = best_split(sums, 0..days) else {
            return;
        };
        changes.push(Self::between(&hours, 0..first, first..days, column, values));
        let enough = |(_, of_side): &(usize, f64)| *of_side >= SECOND * gain;
        let earlier = best_split(sums, 0..first).filter(enough);
        let later = best_split(sums, first..days).filter(enough);
        match (earlier, later) {
            (Some((split, gain)), later) if later.is_none_or(|(_, of_later)| gain >= of_later) => {
                changes.push(Self::between(&hours, 0..split, split..days, column, values));
            }
            (_, Some((split, _))) => {
                changes.push(Self::between(&hours, first..split, split..days, column, values));
            }
            (_, None) => {}
        }
    }

    fn between(
        hours: &Hours<'_>,
        earlier: Range<usize>,
        later: Range<usize>,
        column: &mut Vec<i32>,
        values: &mut Vec<f64>,
    ) -> Self {
        let index = |days: Range<usize>, values: &mut Vec<f64>| {
            values.clear();
            let index = hours.positions[days]
                .iter()
                .map(|&at| hours.levels.index[at as usize]);
            values.extend(index.filter(|index| index.is_finite()));
            median(values).unwrap_or(0.0)
        };
        let peers = index(later.clone(), values) - index(earlier.clone(), values);
        let (before, usual_max) = side(hours, earlier.clone(), None, column, values);
        let (after, _) = side(hours, later.clone(), Some((&before, usual_max)), column, values);
        let day = |index: usize| hours.levels.day[hours.positions[index] as usize];
        let until = day(later.start) + FIRST_DAYS;
        let first = later.clone().take_while(|&index| day(index) < until).count();
        let first = later.start..later.start + first;
        let (peak, roughness) = lively(hours, first.clone(), values);
        let first_weeks = FirstWeeks {
            peak,
            roughness,
            kwh: median_kwh(hours, first, values),
        };
        Self {
            onset_day: day(later.start),
            last_day: day(later.end - 1),
            noise: noise(hours, earlier, &before),
            before,
            after,
            first_weeks,
            peers,
        }
    }
}

/// Each part of each day against its median, in spreads, clipped.
fn scale_parts(hours: &Hours<'_>, parts: &mut Vec<[f64; PARTS]>, column: &mut Vec<i32>) {
    let days = hours.positions.len();
    let wh_a_day = 1_000.0 * hours.levels.median_kwh;
    parts.clear();
    parts.resize(days, [0.0; PARTS]);
    for part in 0..PARTS {
        let of_day = |day: usize| -> i32 {
            let hours = &hours.day(day)[part * HOURS_OF_A_PART..][..HOURS_OF_A_PART];
            hours.iter().fold(0, |sum: i32, &wh| sum.saturating_add(wh))
        };
        column.clear();
        column.extend((0..days).map(of_day));
        for (day, wh) in parts.iter_mut().zip(&*column) {
            day[part] = f64::from(*wh);
        }
        let centre = select(column, 0.5);
        for wh in column.iter_mut() {
            *wh = (f64::from(*wh) - centre).abs() as i32;
        }
        let floor = SPREAD_FLOORS.0 * centre.abs() + SPREAD_FLOORS.1 * wh_a_day / PARTS as f64;
        let spread = 1.4826 * select(column, 0.5) + floor.max(1e-9);
        for day in parts.iter_mut() {
            day[part] = ((day[part] - centre) / spread).clamp(-CLIP, CLIP);
        }
    }
}

/// Sums of the parts over the first days; one item more than there are days.
fn add_up<'s>(parts: &[[f64; PARTS]], sums: &'s mut Vec<[f64; PARTS]>) -> &'s [[f64; PARTS]] {
    sums.clear();
    let mut sum = [0.0; PARTS];
    sums.push(sum);
    for day in parts {
        for (sum, part) in sum.iter_mut().zip(day) {
            *sum += part;
        }
        sums.push(sum);
    }
    sums
}

/// The day whose split lowers the squared error over some days most, and by how much; `None` where they are too few.
fn best_split(sums: &[[f64; PARTS]], range: Range<usize>) -> Option<(usize, f64)> {
    let (start, end) = (&sums[range.start], &sums[range.end]);
    let mut best: Option<(usize, f64)> = None;
    let splits = range.start + SIDE_DAYS..range.end.checked_sub(SIDE_DAYS)? + 1;
    for (split, here) in splits.clone().zip(sums.get(splits)?) {
        let (before, after) = ((split - range.start) as f64, (range.end - split) as f64);
        let mut distance = 0.0;
        for part in 0..PARTS {
            let apart = (here[part] - start[part]) / before - (end[part] - here[part]) / after;
            distance += apart * apart;
        }
        let gain = distance * before * after / (before + after);
        if best.is_none_or(|(_, most)| gain > most) {
            best = Some((split, gain));
        }
    }
    best
}

/// Looks at the days of one side, and returns their usual greatest interval (10^-6 kWh) too. `usual`: the earlier side and its
/// greatest interval, by which days have a rhythm and count as lived in; `None` for the earlier side itself.
fn side(
    hours: &Hours<'_>,
    range: Range<usize>,
    usual: Option<(&Side, f64)>,
    column: &mut Vec<i32>,
    values: &mut Vec<f64>,
) -> (Side, f64) {
    let mut found = Side {
        days: range.len(),
        ..Side::default()
    };
    let mut histogram = Histogram::new();
    for day in range.clone() {
        for &wh in hours.day(day) {
            histogram.add(wh);
            if found.step != 1 {
                found.step = common_step(found.step, wh.unsigned_abs());
            }
        }
    }
    for (quantile, q) in found.quantiles.iter_mut().zip(QUANTILES) {
        *quantile = histogram.quantile(q);
    }
    let most = histogram.quantile(CLIPPED_ABOVE);
    for hour in 0..HOURS {
        column.clear();
        column.extend(range.clone().map(|day| hours.day(day)[hour]));
        let clipped = column.iter().map(|&wh| f64::from(wh).min(most)).sum::<f64>();
        found.mean[hour] = clipped / range.len() as f64;
        found.median[hour] = select(column, 0.5);
        found.low[hour] = select(column, LOW);
        found.high[hour] = select(column, 1.0 - LOW);
    }
    let of_days =
        |values: &mut Vec<f64>, of: &dyn Fn(&[i32]) -> f64| median_of_days(hours, range.clone(), values, of);
    (found.peak, found.roughness) = lively(hours, range.clone(), values);
    found.within = of_days(values, &|day| {
        let mean = mean_wh(day);
        let squares = day.iter().map(|&wh| (f64::from(wh) - mean).powi(2)).sum::<f64>();
        (squares / HOURS as f64).sqrt() / (mean.abs() + 1.0)
    });
    let series = hours.series;
    values.clear();
    values.extend(range.clone().map(|day| series.max_kwh[hours.row(day)] as f64));
    let max = median(values).unwrap_or(0.0);
    let lived_in = LIVED_IN * usual.map_or(max, |(_, usual_max)| usual_max);
    let usual_day = usual.map(|(side, _)| &side.mean);
    for day in range.clone() {
        let row = hours.row(day);
        let share = f64::from(series.usable_zero[row]) / f64::from(series.usable[row].max(1));
        found.zero_hours += share * HOURS as f64;
        if share >= ZERO_SHARE {
            found.zeros += 1.0;
            if series.max_kwh[row] as f64 >= lived_in {
                found.zeros_lived_in += 1.0;
            }
        }
    }
    found.zeros /= range.len() as f64;
    found.zeros_lived_in /= range.len() as f64;
    found.zero_hours /= range.len() as f64;
    found.rhythm = of_days(values, &|day| {
        correlation(
            day.iter().map(|&wh| f64::from(wh)),
            usual_day.unwrap_or(&found.mean),
        )
    });
    found.kwh = median_kwh(hours, range, values);
    (found, max)
}

/// Mean Wh of the hours of a day.
fn mean_wh(day: &[i32]) -> f64 {
    day.iter().map(|&wh| f64::from(wh)).sum::<f64>() / HOURS as f64
}

fn median_of_days(
    hours: &Hours<'_>,
    range: Range<usize>,
    values: &mut Vec<f64>,
    of: impl Fn(&[i32]) -> f64,
) -> f64 {
    values.clear();
    values.extend(range.map(|day| of(hours.day(day))));
    median(values).unwrap_or(0.0)
}

fn median_kwh(hours: &Hours<'_>, range: Range<usize>, values: &mut Vec<f64>) -> f64 {
    values.clear();
    values.extend(range.map(|day| hours.levels.kwh[hours.positions[day] as usize]));
    median(values).unwrap_or(0.0)
}

/// How lively some days are: medians of greatest hour / mean hour, and of the mean distance of an hour from the middle of
/// its neighbours / mean hour.
fn lively(hours: &Hours<'_>, range: Range<usize>, values: &mut Vec<f64>) -> (f64, f64) {
    let peak = median_of_days(hours, range.clone(), values, |day| {
        f64::from(day.iter().copied().max().unwrap_or(0)) / (mean_wh(day) + 1.0)
    });
    let roughness = median_of_days(hours, range, values, |day| {
        let distance = |hours: &[i32]| {
            (f64::from(hours[1]) - f64::midpoint(f64::from(hours[0]), f64::from(hours[2]))).abs()
        };
        day.windows(3).map(distance).sum::<f64>() / (HOURS - 2) as f64 / (mean_wh(day).abs() + 1.0)
    });
    (peak, roughness)
}

/// How far two halves of the earlier days lie apart, as a share of their energy.
fn noise(hours: &Hours<'_>, earlier: Range<usize>, before: &Side) -> f64 {
    let most = before.quantiles[QUANTILES.len() - 1];
    let half = usize::midpoint(earlier.start, earlier.end);
    let mean = |range: Range<usize>| {
        let mut mean = [0.0; HOURS];
        let days = range.len() as f64;
        for day in range {
            for (mean, &wh) in mean.iter_mut().zip(hours.day(day)) {
                *mean += f64::from(wh).min(most) / days;
            }
        }
        mean
    };
    let (first, second) = (mean(earlier.start..half), mean(half..earlier.end));
    let apart = first.iter().zip(&second).map(|(a, b)| (a - b).abs()).sum::<f64>();
    apart / before.mean.iter().sum::<f64>().max(1.0) / 2.0
}

/// Greatest common divisor.
fn common_step(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Pearson's correlation; 0 where one side does not vary.
fn correlation(a: impl Iterator<Item = f64> + Clone, b: &[f64; HOURS]) -> f64 {
    let n = HOURS as f64;
    let (mean_a, mean_b) = (a.clone().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in a.zip(b) {
        aa += (a - mean_a).powi(2);
        bb += (b - mean_b).powi(2);
        ab += (a - mean_a) * (b - mean_b);
    }
    if aa > 1e-9 && bb > 1e-9 {
        ab / (aa * bb).sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests;
