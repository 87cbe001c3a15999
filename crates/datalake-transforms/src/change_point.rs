//! Change point of a level: the joint fit `y = a + b x + c [t >= tau]` by weeks.
//!
//! `y` is ln kWh a day, `x` the peers' index of the same days, `b` the component's own elasticity to it (a home heated by
//! electricity follows the cold more than its peers do), `c` the step. For every `tau` the fit is closed
//! form over prefix sums; the `tau` with the least squared error and `c < 0` is taken. `b` is drawn towards 1 (ridge) and kept in
//! 0..=3, so that a short series cannot explain its own drop by the season.

use crate::day_noise::DayNoise;
use crate::levels::{Block, Levels};
use crate::quantiles::{median, quantile};

/// Strength of the pull of the elasticity towards 1, in units of the squared index.
const RIDGE: f64 = 0.15;

/// Bounds of the elasticity.
const ELASTICITY: (f64, f64) = (0.0, 3.0);

/// Least noise of a weekly level, ln.
const NOISE_FLOOR: f64 = 0.05;

/// A drop (ln) from which on a home may be one that is visited now and then: its days spread more than they did.
pub(crate) const DEEP: f64 = 1.2;

/// A drop (ln) from which on it is worth a look at the noise of the days.
const NOTABLE: f64 = 0.1;

/// Weeks of a level that a home has shown before.
const SHOWN_WEEKS: usize = 4;

/// Weeks with the same week a year before that a comparison over the year needs.
const YEAR_AGO_WEEKS: usize = 3;

/// The upper decile must have fallen by 2/3 of what the median fell: theft that varies from day to day spares some days.
const UPPER_SHARE: f64 = 1.5;

/// Days of 52 weeks: the same weekday a year before.
const YEAR_OF_WEEKS: i32 = 364;

/// A step down. All levels are natural logarithms, adjusted by elasticity x peer index unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// First day at the lower level.
    pub onset_day: i32,
    /// Last whole day of the stay.
    pub last_day: i32,
    /// Days from the first block to the onset.
    pub days_before: i32,
    /// Elasticity to the peers' index.
    pub elasticity: f64,
    /// Median level after less median level before.
    pub drop: f64,
    /// The same without the peers' index.
    pub raw_drop: f64,
    /// 90th percentile of the days after less that before: a home that is merely empty now and then keeps it.
    pub upper_drop: f64,
    /// Median of (week after less the same week a year before); `None` where the series is too short.
    pub year_drop: Option<f64>,
    /// Level after less the lowest level shown before over four weeks.
    pub below_shown: f64,
    /// Share of the variance that the step explains, 0..1.
    pub explained: f64,
    /// Step (below zero) that the weeks before would show if they were all there is.
    pub earlier_step: f64,
    /// Robust spread of the days before and after; 0 of a drop less deep than `DEEP`, where nobody asks for it.
    pub spread_before: f64,
    /// See `spread_before`.
    pub spread_after: f64,
    /// Robust spread of the days in kWh after / before; 1 of a drop less deep than `DEEP`.
    pub spread_kept: f64,
    /// Median distance of a day from the level of its week, before and after.
    pub scatter_before: f64,
    /// See `scatter_before`.
    pub scatter_after: f64,
    /// What the step did to the noise of the days; `None` of a drop less deep than `NOTABLE`, and of too few days.
    pub noise: Option<DayNoise>,
}

impl Step {
    /// The drop that every way of looking agrees on: the mildest of level, upper decile and same season last year.
    #[must_use]
    pub fn agreed_drop(&self) -> f64 {
        let drop = self.drop.max(UPPER_SHARE * self.upper_drop);
        self.year_drop.map_or(drop, |year| drop.max(year))
    }
}

/// Sums of the regressors over the first blocks.
#[derive(Clone, Copy, Default)]
struct Sum {
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

/// One item more than there are blocks.
struct Sums(Vec<Sum>);

/// Sums of squares around the mean over a range of blocks.
#[derive(Clone, Copy)]
struct Moments {
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    fn new(blocks: &[Block]) -> Self {
        let mut sum = Sum::default();
        let mut sums = Vec::with_capacity(blocks.len() + 1);
        sums.push(sum);
        for Block { level, index, .. } in blocks {
            sum.x += index;
            sum.y += level;
            sum.xx += index * index;
            sum.xy += index * level;
            sum.yy += level * level;
            sums.push(sum);
        }
        Self(sums)
    }

    fn moments(&self, from: usize, to: usize) -> Moments {
        let n = (to - from) as f64;
        let (from, to) = (&self.0[from], &self.0[to]);
        let (x, y) = (to.x - from.x, to.y - from.y);
        Moments {
            mean_x: x / n,
            mean_y: y / n,
            xx: (to.xx - from.xx - x * x / n).max(0.0),
            xy: to.xy - from.xy - x * y / n,
            yy: (to.yy - from.yy - y * y / n).max(0.0),
        }
    }
}

/// Elasticity and squared error of one or two segments with a level each.
fn fit(segments: &[Moments]) -> (f64, f64) {
    let sum = |part: fn(&Moments) -> f64| segments.iter().map(part).sum::<f64>();
    let (xx, xy, yy) = (sum(|m| m.xx), sum(|m| m.xy), sum(|m| m.yy));
    let b = ((xy + RIDGE) / (xx + RIDGE)).clamp(ELASTICITY.0, ELASTICITY.1);
    (b, (yy - 2.0 * b * xy + b * b * xx).max(0.0))
}

/// Elasticity of a series without a step; 1 where nothing is known.
#[must_use]
pub fn elasticity(blocks: &[Block]) -> f64 {
    if blocks.is_empty() {
        return 1.0;
    }
    fit(&[Sums::new(blocks).moments(0, blocks.len())]).0
}

/// (position of the first block after, elasticity, step, squared error with it, squared error without)
fn best_split(blocks: &[Block], before: usize, after: usize) -> Option<(usize, f64, f64, f64, f64)> {
    let k = blocks.len();
    if k < before + after || before == 0 || after == 0 {
        return None;
    }
    let sums = Sums::new(blocks);
    let mut best: Option<(usize, f64, f64, f64)> = None;
    for t in before..=k - after {
        let (left, right) = (sums.moments(0, t), sums.moments(t, k));
        let (b, error) = fit(&[left, right]);
        let step = (right.mean_y - b * right.mean_x) - (left.mean_y - b * left.mean_x);
        if step < 0.0 && best.is_none_or(|(.., least)| error < least) {
            best = Some((t, b, step, error));
        }
    }
    let (t, b, step, error) = best?;
    let (_, without) = fit(&[sums.moments(0, k)]);
    Some((t, b, step, error, without))
}

fn median_of(values: impl Iterator<Item = f64>) -> f64 {
    median(&mut values.collect::<Vec<_>>()).unwrap_or(0.0)
}

/// Robust standard deviation: 1.4826 x median absolute deviation. Overwrites `values`.
fn spread(values: &mut [f64]) -> f64 {
    let centre = median(values).unwrap_or(0.0);
    for value in values.iter_mut() {
        *value = (*value - centre).abs();
    }
    1.4826 * median(values).unwrap_or(0.0)
}

/// The step down that explains most, lasting to the end; at least `before` blocks before it and `after` after.
///
/// `None` where there are too few blocks or no split lowers the level.
#[must_use]
pub fn step_down(levels: &Levels, blocks: &[Block], before: usize, after: usize) -> Option<Step> {
    let (t, b, _, error, without) = best_split(blocks, before, after)?;
    let adjusted: Vec<f64> = blocks.iter().map(|block| block.level - b * block.index).collect();
    let (pre, post) = adjusted.split_at(t);
    let level_before = median_of(pre.iter().copied());
    let level_after = median_of(post.iter().copied());

    let mut shown_weeks = [0.0; SHOWN_WEEKS];
    let shown_weeks = &mut shown_weeks[..SHOWN_WEEKS.min(pre.len()).min(post.len())];
    let shown = pre
        .windows(shown_weeks.len())
        .filter_map(|weeks| {
            shown_weeks.copy_from_slice(weeks);
            median(shown_weeks)
        })
        .fold(f64::INFINITY, f64::min);
    let mut over_the_year: Vec<f64> = Vec::new();
    for (block, level) in blocks[t..].iter().zip(post) {
        let day = block.first_day - YEAR_OF_WEEKS;
        let position = blocks[..t].partition_point(|earlier| earlier.last_day < day);
        if let Some(earlier) = blocks[..t].get(position)
            && earlier.first_day <= day + 6
        {
            over_the_year.push(level - adjusted[position]);
        }
    }
    let year_drop = if over_the_year.len() >= YEAR_AGO_WEEKS {
        median(&mut over_the_year)
    } else {
        None
    };

    let onset_day = refine(levels, blocks, t, b, level_before, level_after);
    let split = levels.positions(i32::MIN..onset_day).end;
    let days = |range: std::ops::Range<usize>| -> Vec<f64> {
        let mut adjusted = Vec::with_capacity(range.len());
        let days = levels.ln_kwh[range.clone()].iter().zip(&levels.index[range]);
        let days = days.map(|(level, index)| level - b * index);
        adjusted.extend(days.filter(|level| level.is_finite()));
        adjusted
    };
    let (mut days_pre, mut days_post) = (days(0..split), days(split..levels.len()));
    let upper_drop = quantile(&mut days_post, 0.9)? - quantile(&mut days_pre, 0.9)?;
    let drop = level_after - level_before;
    let is_deep = -drop >= DEEP;
    let kwh_spread = |range: std::ops::Range<usize>| spread(&mut levels.kwh[range].to_vec());
    Some(Step {
        onset_day,
        last_day: *levels.day.last()?,
        days_before: onset_day - blocks[0].first_day,
        elasticity: b,
        drop,
        raw_drop: median_of(blocks[t..].iter().map(|block| block.level))
            - median_of(blocks[..t].iter().map(|block| block.level)),
        upper_drop,
        year_drop,
        below_shown: level_after - shown,
        explained: 1.0 - error / (without + blocks.len() as f64 * NOISE_FLOOR * NOISE_FLOOR),
        earlier_step: best_split(&blocks[..t], 3, 3).map_or(0.0, |(_, _, step, ..)| step),
        spread_before: if is_deep { spread(&mut days_pre) } else { 0.0 },
        spread_after: if is_deep { spread(&mut days_post) } else { 0.0 },
        spread_kept: if is_deep {
            kwh_spread(split..levels.len()) / kwh_spread(0..split).max(1e-6)
        } else {
            1.0
        },
        scatter_before: scatter(levels, &blocks[..t]),
        scatter_after: scatter(levels, &blocks[t..]),
        noise: if -drop >= NOTABLE {
            DayNoise::at(levels, split, b)
        } else {
            None
        },
    })
}

/// Median distance of the days from the level of their week.
fn scatter(levels: &Levels, weeks: &[Block]) -> f64 {
    let Some(first) = weeks.first() else {
        return 0.0;
    };
    let mut position = levels.positions(first.first_day..first.first_day).start;
    let mut distances = Vec::with_capacity(levels.len() - position);
    for week in weeks {
        while position < levels.len() && levels.day[position] < week.first_day {
            position += 1;
        }
        while position < levels.len() && levels.day[position] <= week.last_day {
            if levels.index[position].is_finite() {
                distances.push((levels.ln_kwh[position] - week.level).abs());
            }
            position += 1;
        }
    }
    median(&mut distances).unwrap_or(0.0)
}

/// The day within a week of the split's week from which the days lie nearer to the level after than to that before.
fn refine(levels: &Levels, blocks: &[Block], t: usize, b: f64, before: f64, after: f64) -> i32 {
    let first = blocks[t].first_day;
    let window = levels.positions(first - 7..blocks[t].last_day.min(first + 7) + 1);
    let mut best = (f64::INFINITY, first);
    let mut cost = 0.0;
    for position in window {
        if cost < best.0 {
            best = (cost, levels.day[position]);
        }
        let level = levels.ln_kwh[position] - b * levels.index[position];
        if level.is_finite() {
            // What the day costs if it is counted before the step rather than after.
            cost += (level - before).abs() - (level - after).abs();
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::testing::noise;
    use proptest::prelude::*;

    fn blocks(levels: &[(f64, f64)]) -> Vec<Block> {
        levels
            .iter()
            .zip(0..)
            .map(|(&(level, index), week)| Block {
                first_day: 7 * week,
                last_day: 7 * week + 6,
                level,
                index,
            })
            .collect()
    }

    #[test]
    fn the_joint_fit_tells_elasticity_from_a_step() {
        // y = 1 + 2 x - 0.7 [week >= 20], x a wave of two quarters.
        let weeks: Vec<(f64, f64)> = (0..40)
            .map(|week| {
                let x = (f64::from(week) / 6.5).sin();
                (1.0 + 2.0 * x - if week >= 20 { 0.7 } else { 0.0 }, x)
            })
            .collect();
        let (t, b, step, error, without) = best_split(&blocks(&weeks), 4, 3).unwrap();
        assert_eq!(t, 20);
        // The ridge draws it towards 1 by a little.
        assert!((b - 2.0).abs() < 0.05, "{b}");
        assert!((step + 0.7).abs() < 0.05, "{step}");
        assert!(error < 0.01 * without);
    }

    #[test]
    fn without_a_season_the_elasticity_is_one() {
        assert!((elasticity(&blocks(&[(1.0, 0.0); 10])) - 1.0).abs() < 1e-12);
        assert!((elasticity(&[]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_rise_is_no_step_down() {
        let rise: Vec<(f64, f64)> = (0..20)
            .map(|week| (if week < 10 { 0.0 } else { 1.0 }, 0.0))
            .collect();
        assert_eq!(best_split(&blocks(&rise), 4, 3), None);
    }

    /// The same fit by brute force: least squares of every split, by the residuals themselves.
    fn brute_force(blocks: &[Block], before: usize, after: usize) -> Option<(usize, f64)> {
        let mut best: Option<(usize, f64, f64)> = None;
        for t in before..=blocks.len() - after {
            let (mut xx, mut xy) = (0.15, 0.15);
            let segments = [&blocks[..t], &blocks[t..]];
            let means: Vec<(f64, f64)> = segments
                .iter()
                .map(|part| {
                    let n = part.len() as f64;
                    let x = part.iter().map(|b| b.index).sum::<f64>() / n;
                    (x, part.iter().map(|b| b.level).sum::<f64>() / n)
                })
                .collect();
            for (part, (x, y)) in segments.iter().zip(&means) {
                for block in *part {
                    xx += (block.index - x).powi(2);
                    xy += (block.index - x) * (block.level - y);
                }
            }
            let b = (xy / xx).clamp(0.0, 3.0);
            let mut error = 0.0;
            for (part, (x, y)) in segments.iter().zip(&means) {
                for block in *part {
                    error += (block.level - y - b * (block.index - x)).powi(2);
                }
            }
            let step = (means[1].1 - b * means[1].0) - (means[0].1 - b * means[0].0);
            if step < 0.0 && best.is_none_or(|(.., least)| error < least - 1e-9) {
                best = Some((t, step, error));
            }
        }
        best.map(|(t, step, _)| (t, step))
    }

    #[test]
    fn scatter_by_looking_up_every_week() {
        let kwh: Vec<f64> = (0..200).map(|day| 5.0 + noise(3, day)).collect();
        let mut levels = Levels::of(15_000, &kwh);
        levels.index[50..60].fill(f64::NAN);
        let weeks = levels.blocks(false);
        for part in [&weeks[..0], &weeks[..9], &weeks[9..], &weeks[3..4]] {
            let distances = part.iter().flat_map(|week| {
                let days = levels.positions(week.first_day..week.last_day + 1);
                let known = days.filter(|&position| levels.index[position].is_finite());
                known.map(|position| (levels.ln_kwh[position] - week.level).abs())
            });
            assert!((scatter(&levels, part) - median_of(distances)).abs() < 1e-15);
        }
    }

    proptest! {
        #[test]
        fn prefix_sums_agree_with_brute_force(seed in 0_u64..10_000, at in 5_usize..30, depth in 0.05_f64..2.0) {
            let weeks: Vec<(f64, f64)> = (0..40)
                .map(|week| {
                    let x = noise(seed, week) - 0.5;
                    let step = if week >= at { depth } else { 0.0 };
                    (0.8 * x + 0.3 * noise(seed + 1, week) - step, x)
                })
                .collect();
            let blocks = blocks(&weeks);
            let fast = best_split(&blocks, 4, 3).map(|(t, _, step, ..)| (t, step));
            let slow = brute_force(&blocks, 4, 3);
            prop_assert_eq!(fast.map(|(t, _)| t), slow.map(|(t, _)| t));
            if let (Some((_, fast)), Some((_, slow))) = (fast, slow) {
                prop_assert!((fast - slow).abs() < 1e-9);
            }
        }
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn an_elasticity_is_drawn_to_one_and_is_three_at_most() {
        // Sums of squares 2 and products 4, both with a ridge of 0.15.
        near(elasticity(&blocks(&[(-2.0, -1.0), (2.0, 1.0)])), 4.15 / 2.15);
        // 6.3 of products would make exactly three.
        near(elasticity(&blocks(&[(-3.1, -1.0), (3.1, 1.0)])), 6.35 / 2.15);
        near(elasticity(&blocks(&[(-3.5, -1.0), (3.5, 1.0)])), 3.0);
        near(elasticity(&blocks(&[(2.0, -1.0), (-2.0, 1.0)])), 0.0);
    }

    #[test]
    fn a_robust_spread_by_hand() {
        // Distances from 3: 2, 1, 0, 1 and 97.
        near(spread(&mut [1.0, 2.0, 3.0, 4.0, 100.0]), 1.4826);
    }

    /// Days from a Monday on at some levels (ln kWh) by day.
    fn days(n: usize, ln_kwh: impl Fn(usize) -> f64) -> Levels {
        let kwh: Vec<f64> = (0..n).map(|day| ln_kwh(day).exp()).collect();
        Levels::of(crate::rules::testing::FIRST_DAY, &kwh)
    }

    fn step_of(levels: &Levels) -> Step {
        step_down(levels, &levels.blocks(false), 4, 3).unwrap()
    }

    #[test]
    fn a_level_that_never_wavered_has_a_noise_of_five_percent() {
        // Eight weeks a twentieth above and below 1 in turn, and eight about 0.5: squares of 16 x 0.0025 = 0.04 around the two
        // levels and of 16 x 0.0625 = 1 between them.
        let step = step_of(&days(112, |day| {
            let wavers = if day / 7 % 2 == 0 { 0.05 } else { -0.05 };
            wavers + if day < 56 { 1.0 } else { 0.5 }
        }));
        near(step.explained, 1.0 - 0.04 / (1.04 + 16.0 * 0.0025));
    }

    #[test]
    fn a_deep_drop_is_looked_at_closely_and_a_slight_one_is_not() {
        let of = |drop: f64| {
            step_of(&days(112, |day| {
                let wavers = 0.1 * (noise(1, day) - 0.5) * f64::from(u8::from(day % 7 > 3));
                wavers + if day < 56 { 2.0 } else { 2.0 - drop }
            }))
        };
        // To three tenths and a little.
        let (deep, less) = (of(1.21), of(1.19));
        assert!(deep.spread_kept < 0.9, "{deep:?}");
        assert_eq!((less.spread_kept, less.spread_before), (1.0, 0.0));
        assert!(of(0.11).noise.is_some() && of(0.09).noise.is_none());
    }

    #[test]
    fn the_upper_days_must_fall_by_two_thirds_of_the_level() {
        let agreed = |upper_drop: f64| {
            let step = Step {
                upper_drop,
                ..crate::rules::testing::step_to((-0.9_f64).exp())
            };
            step.agreed_drop()
        };
        near(agreed(-0.5), -0.75);
        near(agreed(-0.61), -0.9);
    }

    #[test]
    fn the_upper_decile_of_the_days_by_hand() {
        // Every week from -0.3 to 0.3 in steps of 0.1, but for one day on each side, which stands out. Of 70 days the 90th percentile
        // lies among the nine others at 0.3.
        let step = step_of(&days(140, |day| {
            let of_week = 0.1 * ((day % 7) as f64 - 3.0);
            let level = if day < 70 { 0.0 } else { -1.0 };
            match day {
                6 => 0.6,
                76 => -0.2,
                _ => level + of_week,
            }
        }));
        near(step.upper_drop, -1.0);
    }

    #[test]
    fn three_weeks_of_the_year_before_are_a_comparison() {
        // So many weeks at 1 kWh, of which the fourth to the tenth are at 0.1 less; and then three weeks at half.
        let of = |weeks: usize| {
            step_of(&days(7 * (weeks + 3), |day| {
                let of_week = if (3..10).contains(&(day / 7)) { -0.1 } else { 0.0 };
                of_week - if day < 7 * weeks { 0.0 } else { 0.7 }
            }))
            .year_drop
        };
        near(of(55).unwrap(), -0.6);
        // The weeks that follow 51 have a week before the first, the first and the second a year before.
        assert_eq!(of(51), None);
    }

    #[test]
    fn a_week_of_the_year_before_begins_up_to_six_days_late() {
        let kwh = vec![1.0; 7 * 60];
        let levels = Levels::of(0, &kwh);
        let late = |days: i32| {
            let mut weeks: Vec<Block> = blocks(&[(0.0, 0.0); 60]);
            for week in &mut weeks[57..] {
                week.level = -1.0;
            }
            // Those of three weeks 52 before the last ones.
            for week in &mut weeks[5..8] {
                week.first_day += days;
                week.last_day += days;
            }
            weeks.remove(8);
            step_down(&levels, &weeks, 4, 3).unwrap().year_drop
        };
        near(late(6).unwrap(), -1.0);
        assert_eq!(late(7), None);
    }

    #[test]
    fn an_earlier_step_takes_three_weeks_on_each_side() {
        let earlier = |first: usize, second: usize| {
            step_of(&days(7 * (first + second + 6), |day| match day / 7 {
                week if week < first => 0.0,
                week if week < first + second => -0.3,
                _ => -3.0,
            }))
            .earlier_step
        };
        near(earlier(3, 3), -0.3);
        near(earlier(2, 3), 0.0);
        near(earlier(3, 2), 0.0);
    }

    #[test]
    fn the_day_of_a_step_lies_within_a_week_of_the_first_week_after_it() {
        // Days at 1 kWh and from some day on at a tenth; a block of five weeks that begins on day 70.
        let onset = |fall: usize| {
            let levels = Levels::of(
                0,
                &(0..140)
                    .map(|day| if day < fall { 1.0 } else { 0.1 })
                    .collect::<Vec<_>>(),
            );
            let mut block = blocks(&[(0.0, 0.0)])[0];
            (block.first_day, block.last_day) = (70, 104);
            refine(&levels, &[block], 0, 1.0, 0.0, 0.1_f64.ln())
        };
        assert_eq!((onset(66), onset(63), onset(60)), (66, 63, 63));
        assert_eq!((onset(74), onset(77), onset(80)), (74, 77, 77));
    }
}
