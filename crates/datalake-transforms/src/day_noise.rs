//! What a step of the level does to the noise of the days.
//!
//! Days go up and down around their level. A wrong multiplier or a lost phase keeps that: days spread as before, relative to
//! their level. A share that varies at random from day to day, or a constant amount that goes missing, makes the days noisier, and
//! the noise has no memory: a high day says nothing of the next. Life does otherwise: who is away now and then is away for days in a
//! row, and who moves in brings other habits. So noise tells a step that a hand made from one that a life made.
//!
//! All of it is measured on days adjusted by the peers' index, in natural logarithms.

use crate::levels::Levels;
use crate::quantiles::{median, quantile};
use crate::rules::ramp;

/// Days on each side that the noise needs.
const DAYS: usize = 21;

/// Days of a year: what was longer ago says little of the habits before a step.
const BEFORE_DAYS: usize = 365;

/// A day below this share of the median day counts as this much.
const FLOOR_SHARE: f64 = 0.05;

/// Least noise, ln.
const NOISE_FLOOR: f64 = 0.02;

/// Change of the noise (ln) that chance makes, and that no even step makes.
const OTHER_NOISE: (f64, f64) = (0.2, 0.7);

/// Change of the lower decile (ln, against the level) likewise.
const OTHER_LOWER: (f64, f64) = (0.15, 0.6);

/// What each of the changes above takes from an even step at most.
const OTHER_SHARE: f64 = 0.7;

/// Growth of the noise (ln) of a restless step, in part and wholly.
const RESTLESS: (f64, f64) = (0.15, 0.6);

/// Memory of the days after the step, from which on noise is a life's own.
const MEMORY: (f64, f64) = (0.4, 0.8);

/// Median distance of two independent normal numbers, in standard deviations.
const MEDIAN_DISTANCE: f64 = 0.954;

/// The noise of the days after a step against that before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayNoise {
    /// ln(after / before) of the median distance of a day from the day before it.
    pub by_day: f64,
    /// The same of a day from the same weekday a week before.
    pub by_week: f64,
    /// Lower decile less median, after less before.
    pub lower: f64,
    /// How much a day after the step says of the next one: about its autocorrelation, 0 of independent days, 1 at most.
    pub memory: f64,
}

/// Days of one side of a step.
struct Side {
    by_day: f64,
    by_week: f64,
    lower: f64,
    spread: f64,
}

impl Side {
    fn new(levels: &Levels, range: std::ops::Range<usize>, elasticity: f64) -> Option<Self> {
        let days = &levels.day[range.clone()];
        let mut kwh = levels.kwh[range.clone()].to_vec();
        let floor = FLOOR_SHARE * median(&mut kwh)?;
        if floor <= 0.0 {
            return None;
        }
        let level = |position: usize| levels.kwh[position].max(floor).ln() - elasticity * levels.index[position];
        let level: Vec<f64> = range.map(level).collect();
        let mut finite: Vec<f64> = level.iter().copied().filter(|level| level.is_finite()).collect();
        if finite.len() < DAYS {
            return None;
        }
        let (centre, low) = (median(&mut finite)?, quantile(&mut finite, 0.1)?);
        for level in &mut finite {
            *level = (*level - centre).abs();
        }
        Some(Self {
            by_day: distance(days, &level, 1)?,
            by_week: distance(days, &level, 7)?,
            lower: low - centre,
            spread: 1.4826 * median(&mut finite)?,
        })
    }
}

/// Median distance of a day's level from that of the day `lag` days before; `None` of too few such days.
fn distance(days: &[i32], level: &[f64], lag: i32) -> Option<f64> {
    let mut earlier = 0;
    let mut distances = Vec::with_capacity(days.len());
    for (&day, &now) in days.iter().zip(level) {
        while days[earlier] < day - lag {
            earlier += 1;
        }
        let distance = (now - level[earlier]).abs();
        if days[earlier] == day - lag && distance.is_finite() {
            distances.push(distance);
        }
    }
    (2 * distances.len() >= DAYS).then(|| median(&mut distances))?
}

/// What the values' resolution makes of a level: half of the gaps between values next to each other are as wide, in kWh.
fn resolution(kwh: &[f64]) -> f64 {
    let mut sorted = kwh.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let gaps = sorted.windows(2).map(|pair| pair[1] - pair[0]);
    let mut gaps: Vec<f64> = gaps.filter(|&gap| gap > 1e-9).collect();
    median(&mut gaps).unwrap_or(0.0)
}

impl DayNoise {
    /// The noise of the days from position `split` on against that of the year before; `None` of too few days.
    #[must_use]
    pub fn at(levels: &Levels, split: usize, elasticity: f64) -> Option<Self> {
        let from = split.saturating_sub(BEFORE_DAYS);
        let before = Side::new(levels, from..split, elasticity)?;
        let after = Side::new(levels, split..levels.len(), elasticity)?;
        // Coarse values make a low level noisy by themselves.
        let mut kwh = levels.kwh[split..].to_vec();
        let coarse = resolution(&kwh) / median(&mut kwh)?;
        let change = |before: f64, after: f64| ((after + NOISE_FLOOR) / (before.hypot(coarse) + NOISE_FLOOR)).ln();
        let alike = after.by_day / (MEDIAN_DISTANCE * after.spread + 1e-3);
        Some(Self {
            by_day: change(before.by_day, after.by_day),
            by_week: change(before.by_week, after.by_week),
            lower: after.lower - before.lower,
            memory: 1.0 - alike * alike,
        })
    }

    /// 0..1: how well the noise fits a step that scales all days alike.
    #[must_use]
    pub fn kept(&self) -> f64 {
        let other = |change: f64, (from, to): (f64, f64)| 1.0 - OTHER_SHARE * ramp(change.abs(), from, to);
        other(self.by_day, OTHER_NOISE) * other(self.by_week, OTHER_NOISE) * other(self.lower, OTHER_LOWER)
    }

    /// 0..1: how much the days became noisier, without a memory.
    #[must_use]
    pub fn restless(&self) -> f64 {
        let noisier = ramp(self.by_day.min(self.by_week), RESTLESS.0, RESTLESS.1);
        noisier * (1.0 - ramp(self.memory, MEMORY.0, MEMORY.1))
    }
}
