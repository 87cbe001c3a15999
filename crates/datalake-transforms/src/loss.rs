//! Energy lost: what the home's own baseline says it would have used, less what was counted.
//!
//! `expected = level of the day type x exp(elasticity x peers' index of the day) x smear`, fitted on the whole days of the
//! year before the onset. Where temperatures are known and explain those days better than the peers do (see `weather`), what
//! their model makes of the day's temperature takes the place of the peers. `smear` makes the sum over the baseline
//! come out right (a median is below the mean). Lost = `max(0, sum of expected - actual)` over the whole days from the onset
//! that count. The sum is taken with its sign, because a home's days lie above and below any expectation: what adds up the days
//! below alone calls noise a loss. Where theft spares some days, those are as expected in sum and add nothing. The band scales
//! the expectation by two errors, joined by the root of their squares, and may reach down to 0: the baseline's own (the 10th and
//! 90th percentile of actual / expected over stretches of 28
//! days, 7 where there are few), and the drift of a home after the days that it was fitted on.

use std::ops::Range;

use crate::change_point::elasticity;
use crate::levels::{Block, Levels};
use crate::model::MICRO;
use crate::peers::YEAR_DAYS;
use crate::quantiles::{median, quantile};
use crate::weather::WeatherModel;

/// Whole days before the onset that an expectation needs.
const MIN_DAYS: usize = 14;

/// Days of a stretch that the band is taken from; the shorter where there are fewer than [`STRETCHES`].
const STRETCH_DAYS: (usize, usize) = (28, 7);

/// Stretches that a band needs.
const STRETCHES: usize = 4;

/// Drift: what honest homes stray from their baseline in the months after it, as a standard deviation of ln(actual / expected).
/// By this much, 80 % of the homes of a daily lake of London that were set to zero at a random day lay within the band.
const DRIFT: f64 = 0.1;

/// From a standard deviation to the 90th percentile of a normal distribution.
const P90: f64 = 1.2816;

/// Band where the baseline is too short for one of its own.
const WIDE_BAND: (f64, f64) = (0.7, 1.3);

/// Days of a month, on average.
const MONTH_DAYS: f64 = 30.4375;

/// Energy lost at one stay, 10^-6 kWh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loss {
    /// Expected over the whole days from the onset.
    pub expected_micro: i64,
    /// Counted on the same days.
    pub actual_micro: i64,
    /// max(0, expected - actual).
    pub lost_micro: i64,
    /// The same with the expectation at its 10th percentile.
    pub lost_p10_micro: i64,
    /// The same with the expectation at its 90th percentile.
    pub lost_p90_micro: i64,
}

/// First day that counts when the loss is capped at `months` back from `last_day`.
#[must_use]
pub fn first_billable_day(last_day: i32, months: u32) -> i32 {
    last_day.saturating_sub((f64::from(months) * MONTH_DAYS).round() as i32) + 1
}

/// Loss over the whole days in `days` that `counts` (given their positions in `levels`), by the baseline of the year
/// before `onset`; `None` without a baseline. `blocks` are those of the levels.
#[must_use]
pub fn loss(
    levels: &Levels,
    blocks: &[Block],
    onset: i32,
    days: Range<i32>,
    counts: impl Fn(usize) -> bool,
) -> Option<Loss> {
    let expectation = Expectation::fit(levels, blocks, onset)?;
    let (mut expected, mut actual) = (0_i64, 0_i64);
    for position in levels.positions(days).filter(|&position| counts(position)) {
        expected = expected.saturating_add(micro(expectation.kwh(levels, position)));
        actual = actual.saturating_add(micro(levels.kwh[position]));
    }
    let short = |factor: f64| {
        let expected = (expected as f64 * factor).round() as i64;
        expected.saturating_sub(actual).max(0)
    };
    let (low, high) = expectation.band;
    Some(Loss {
        expected_micro: expected,
        actual_micro: actual,
        lost_micro: expected.saturating_sub(actual).max(0),
        lost_p10_micro: short(low),
        lost_p90_micro: short(high),
    })
}

/// ln of a factor on the expectation, widened by [`DRIFT`]; without its sign.
pub(crate) fn with_drift(factor: f64) -> f64 {
    factor.ln().hypot(P90 * DRIFT)
}

fn micro(kwh: f64) -> i64 {
    (kwh * MICRO as f64).round() as i64
}

/// The home's own baseline.
#[derive(Debug)]
pub(crate) struct Expectation {
    by_peers: Baseline,
    /// Where the temperatures of the days tell more.
    by_weather: Option<Baseline>,
    band: (f64, f64),
}

/// Levels of the day types, beside what moves the days.
#[derive(Debug)]
struct Baseline {
    moved_by: MovedBy,
    /// ln kWh a day: Monday to Friday, weekend.
    level: [f64; 2],
    smear: f64,
}

/// What moves a home's days.
#[derive(Debug, Clone, Copy)]
enum MovedBy {
    /// The peers, with this elasticity.
    Peers(f64),
    /// The weather.
    Weather(WeatherModel),
}

impl MovedBy {
    /// ln of what the day at `position` is moved by; `None` where its temperature is not known.
    fn ln(&self, levels: &Levels, position: usize) -> Option<f64> {
        match self {
            Self::Peers(elasticity) => Some(elasticity * index(levels, position)),
            Self::Weather(model) => {
                let kwh = model.kwh(levels.celsius_at(position)?);
                Some(kwh.max(levels.floor_kwh()).ln())
            }
        }
    }
}

/// 0 from Monday to Friday, 1 on the weekend. 1970-01-01 was a Thursday.
fn day_type(day: i32) -> usize {
    usize::from((day + 3).rem_euclid(7) >= 5)
}

impl Baseline {
    /// Fitted on the days at `before`; `None` where nothing is known of them.
    fn fit(levels: &Levels, before: &Range<usize>, moved_by: MovedBy) -> Option<Self> {
        let adjusted = |position: usize| Some(levels.ln_kwh[position] - moved_by.ln(levels, position)?);
        let overall = median(&mut before.clone().filter_map(adjusted).collect::<Vec<_>>())?;
        let mut baseline = Self {
            moved_by,
            level: [0.0; 2],
            smear: 1.0,
        };
        for (kind, level) in baseline.level.iter_mut().enumerate() {
            let mut days: Vec<f64> = before
                .clone()
                .filter(|&position| day_type(levels.day[position]) == kind)
                .filter_map(adjusted)
                .collect();
            *level = median(&mut days).unwrap_or(overall);
        }
        let (mut actual, mut expected) = (0.0, 0.0);
        for position in before.clone() {
            if let Some(kwh) = baseline.unsmeared(levels, position) {
                actual += levels.kwh[position];
                expected += kwh;
            }
        }
        // A few feasts are no reason to expect one every day.
        baseline.smear = (actual / expected).clamp(0.5, 2.0);
        Some(baseline)
    }

    /// What a median day would have been at `position`, kWh; `None` where its temperature is not known.
    fn unsmeared(&self, levels: &Levels, position: usize) -> Option<f64> {
        let level = self.level[day_type(levels.day[position])];
        Some((level + self.moved_by.ln(levels, position)?).exp())
    }

    /// What the home would have used on the day at `position`, kWh.
    fn kwh(&self, levels: &Levels, position: usize) -> Option<f64> {
        Some(self.unsmeared(levels, position)? * self.smear)
    }
}

impl Expectation {
    /// The expectation by the whole days of the year before `onset`; `None` where they are few.
    pub(crate) fn fit(levels: &Levels, blocks: &[Block], onset: i32) -> Option<Self> {
        let before = levels.positions(onset.saturating_sub(YEAR_DAYS)..onset);
        if before.len() < MIN_DAYS {
            return None;
        }
        let first = blocks.partition_point(|block| block.first_day < onset.saturating_sub(YEAR_DAYS));
        let end = blocks.partition_point(|block| block.last_day < onset);
        let blocks = blocks.get(first..end).unwrap_or_default();
        let b = if levels.has_peers { elasticity(blocks) } else { 0.0 };
        let by_peers = Baseline::fit(levels, &before, MovedBy::Peers(b))?;
        let by_weather = weather_baseline(levels, &before, &by_peers);
        let mut expectation = Self {
            by_peers,
            by_weather,
            band: WIDE_BAND,
        };
        let sum = |range: Range<usize>, kwh: &dyn Fn(usize) -> f64| range.map(kwh).sum::<f64>();
        let ratios = |stretch: usize| -> Vec<f64> {
            let ends = (before.start + stretch..=before.end).step_by(stretch);
            ends.map(|end| {
                let days = end - stretch..end;
                let expected = sum(days.clone(), &|position| expectation.unsmeared(levels, position));
                sum(days, &|position| levels.kwh[position]) / (expectation.smear() * expected)
            })
            .collect()
        };
        let mut errors = ratios(STRETCH_DAYS.0);
        if errors.len() < STRETCHES {
            errors = ratios(STRETCH_DAYS.1);
        }
        if errors.len() >= STRETCHES
            && let (Some(low), Some(high)) = (quantile(&mut errors.clone(), 0.1), quantile(&mut errors, 0.9))
        {
            expectation.band = ((-with_drift(low.min(1.0))).exp(), with_drift(high.max(1.0)).exp());
        }
        Some(expectation)
    }

    /// What the home would have used on the day at `position`, kWh.
    pub(crate) fn kwh(&self, levels: &Levels, position: usize) -> f64 {
        self.unsmeared(levels, position) * self.smear()
    }

    fn smear(&self) -> f64 {
        self.by_weather.as_ref().unwrap_or(&self.by_peers).smear
    }

    /// What is to be multiplied by the smear; a day whose temperature is not known follows the peers.
    fn unsmeared(&self, levels: &Levels, position: usize) -> f64 {
        let by_peers = || self.by_peers.unsmeared(levels, position).unwrap_or(0.0);
        match &self.by_weather {
            None => by_peers(),
            Some(baseline) => baseline
                .unsmeared(levels, position)
                .unwrap_or_else(|| by_peers() * self.by_peers.smear / baseline.smear),
        }
    }
}

/// The baseline by the weather, where there is a good model of it that comes nearer to the days than the peers do.
fn weather_baseline(levels: &Levels, before: &Range<usize>, by_peers: &Baseline) -> Option<Baseline> {
    let model = WeatherModel::fit(&levels.by_temperature(before.clone()))?;
    let by_weather = Baseline::fit(levels, before, MovedBy::Weather(model))?;
    let mut squares = (0.0, 0.0);
    for position in before.clone() {
        let Some(kwh) = by_weather.kwh(levels, position) else {
            continue;
        };
        let error = |kwh: f64| (levels.kwh[position] - kwh) * (levels.kwh[position] - kwh);
        squares.0 += error(kwh);
        squares.1 += error(by_peers.kwh(levels, position)?);
    }
    (squares.0 < squares.1).then_some(by_weather)
}

fn index(levels: &Levels, position: usize) -> f64 {
    let index = levels.index[position];
    if index.is_finite() { index } else { 0.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::testing::{FIRST_DAY, home};
    use proptest::prelude::*;

    fn levels(kwh: &[f64]) -> Levels {
        Levels::of(FIRST_DAY, kwh)
    }

    fn lost(kwh: &[f64], onset: i32) -> Loss {
        let end = FIRST_DAY + kwh.len() as i32;
        let levels = levels(kwh);
        let days = FIRST_DAY + onset..end;
        loss(&levels, &levels.blocks(false), days.start, days, |_| true).unwrap()
    }

    #[test]
    fn a_steady_home_by_hand() {
        let mut kwh = vec![10.0; 150];
        kwh[100..].fill(4.0);
        let loss = lost(&kwh, 100);
        assert!((loss.expected_micro - 500_000_000).abs() < 100);
        assert_eq!(loss.actual_micro, 200_000_000);
        assert!((loss.lost_micro - 300_000_000).abs() < 100);
        // Nothing ever went wrong with the expectation, so only drift is left: 500 x exp(0.128) - 200, in kWh.
        assert!((loss.lost_p90_micro - 368_370_000).abs() < 10_000, "{loss:?}");
        assert!((loss.lost_p10_micro - 239_850_000).abs() < 10_000, "{loss:?}");
    }

    #[test]
    fn the_band_joins_own_error_and_drift() {
        // A baseline that was 0.8 or 1.25 times the expectation: |ln| = 0.2231; with 0.1282 of drift 0.2573.
        assert!((with_drift(0.8) - 0.2573).abs() < 1e-4);
        assert!((with_drift(1.25) - 0.2573).abs() < 1e-4);
        // One that stood still for weeks.
        assert!((-with_drift(0.0)).exp().abs() < 1e-12);
    }

    #[test]
    fn two_weeks_before_the_onset_are_a_baseline() {
        let known = |before: i32| {
            let levels = levels(&[10.0; 60]);
            let onset = FIRST_DAY + before;
            loss(&levels, &levels.blocks(false), onset, onset..onset + 30, |_| true).is_some()
        };
        assert!(known(14) && !known(13));
    }

    #[test]
    fn less_than_four_weeks_before_the_onset_have_a_wide_band() {
        let near = |a: i64, b: i64| assert!((a - b).abs() < 10_000, "{a} {b}");
        let mut kwh = vec![10.0; 60];
        kwh[27..].fill(4.0);
        // 330 kWh expected and 132 counted: 231 - 132, and 429 - 132.
        let short = lost(&kwh, 27);
        near(short.lost_p10_micro, 99_000_000);
        near(short.lost_p90_micro, 297_000_000);
        kwh[27] = 10.0;
        // Four weeks that never strayed: 320 x exp(-0.12816) - 128, and 320 x exp(0.12816) - 128.
        let own = lost(&kwh, 28);
        near(own.lost_p10_micro, 153_508_000);
        near(own.lost_p90_micro, 235_755_000);
    }

    #[test]
    fn a_few_feasts_or_returns_move_the_expectation_by_half_at_most() {
        let expected = |usual: f64, seldom: f64| {
            let mut kwh: Vec<f64> = (0..90)
                .map(|day| if day % 4 == 0 { seldom } else { usual })
                .collect();
            kwh[80..].fill(0.0);
            lost(&kwh, 80).expected_micro
        };
        let near = |a: i64, b: i64| assert!((a - b).abs() < 100, "{a} {b}");
        // Twenty days of 100 kWh and sixty of 1 are 25.75 a day: 2 are expected. At 2 kWh, the mean itself.
        near(expected(1.0, 100.0), 20_000_000);
        near(expected(1.0, 2.0), 12_500_000);
        // Days on which 20 kWh were given back leave 2.5 a day of 10: 5 are expected. At -2 they leave 7.
        near(expected(10.0, -20.0), 50_000_000);
        near(expected(10.0, -2.0), 70_000_000);
    }

    #[test]
    fn weekends_have_a_level_of_their_own() {
        // 2012-01-02 is a Monday: 10 kWh a day, 20 on the weekend.
        let mut kwh: Vec<f64> = (0..147)
            .map(|day| if day % 7 >= 5 { 20.0 } else { 10.0 })
            .collect();
        kwh[140..].fill(0.0);
        let loss = lost(&kwh, 140);
        assert!((loss.lost_micro - 90_000_000).abs() < 1_000, "{loss:?}");
    }

    #[test]
    fn the_peers_share_the_expectation() {
        // Peers and home fall by half together at day 100; from day 150 on the home falls by half again.
        let mut all = levels(&[vec![8.0; 100], vec![4.0; 50], vec![2.0; 50]].concat());
        for index in &mut all.index[100..] {
            *index = -std::f64::consts::LN_2;
        }
        let onset = FIRST_DAY + 150;
        let loss = loss(&all, &all.blocks(false), onset, onset..onset + 50, |_| true).unwrap();
        assert!((loss.expected_micro - 200_000_000).abs() < 10_000_000, "{loss:?}");
        assert!((loss.lost_micro - 100_000_000).abs() < 10_000_000, "{loss:?}");
    }

    /// 120 days from 20 degrees down to 0 and 80 days at 15; the home heats below 16 degrees, 2 kWh a degree and day.
    fn heated() -> Levels {
        let celsius = |day: usize| match day {
            0..120 => 20.0 - 20.0 * ((day * 7) % 120) as f64 / 119.0,
            _ => 15.0,
        };
        let kwh: Vec<f64> = (0..200)
            .map(|day| 5.0 + 2.0 * (16.0 - celsius(day)).max(0.0))
            .collect();
        let mut levels = levels(&kwh);
        levels.celsius = (0..200).map(celsius).collect();
        levels
    }

    #[test]
    fn where_temperatures_are_known_they_say_what_was_to_be_expected() {
        // At 15 degrees the home uses 7 kWh a day; half of it is stolen. By the median of the cold days it would use more.
        let lost = |levels: &Levels| {
            let onset = FIRST_DAY + 120;
            loss(levels, &levels.blocks(false), onset, onset..onset + 80, |_| true).unwrap()
        };
        let mut levels = heated();
        for kwh in &mut levels.kwh[120..] {
            *kwh /= 2.0;
        }
        let found = lost(&levels);
        assert!(
            (found.expected_micro - 560_000_000).abs() < 1_000_000,
            "{found:?}"
        );
        assert!((found.lost_micro - 280_000_000).abs() < 1_000_000, "{found:?}");
        // A day without a temperature is expected to be like the days before.
        levels.celsius[150] = f64::NAN;
        let without_a_day = lost(&levels);
        assert!(
            without_a_day.expected_micro > found.expected_micro + 2_000_000,
            "{without_a_day:?}"
        );
        levels.celsius.clear();
        assert!(lost(&levels).expected_micro > 900_000_000);
    }

    #[test]
    fn a_home_above_its_baseline_lost_nothing() {
        let mut kwh = home(1, 150, 8.0);
        for value in &mut kwh[100..] {
            *value += 10.0;
        }
        let loss = lost(&kwh, 100);
        assert_eq!((loss.lost_micro, loss.lost_p90_micro), (0, 0));
    }

    #[test]
    fn noise_is_no_loss() {
        // 8 kWh a day, 20 % up and down, before and after: half of the days lie below what was expected.
        let loss = lost(&home(1, 300, 8.0), 150);
        let short = loss.expected_micro - loss.actual_micro;
        assert_eq!(loss.lost_micro, short.max(0));
        assert!(loss.lost_micro < loss.expected_micro / 50, "{loss:?}");
        assert_eq!(loss.lost_p10_micro, 0);
    }

    #[test]
    fn days_that_theft_spares_add_nothing() {
        // From day 150 on every third day is at zero: a third of 150 days of 8 kWh.
        let mut kwh = home(1, 300, 8.0);
        for day in (150..300).step_by(3) {
            kwh[day] = 0.0;
        }
        let loss = lost(&kwh, 150);
        assert!((loss.lost_micro as f64 / 400e6 - 1.0).abs() < 0.05, "{loss:?}");
    }

    #[test]
    fn thirteen_days_are_no_baseline() {
        let levels = levels(&[8.0; 50]);
        let days = FIRST_DAY + 13..FIRST_DAY + 50;
        assert_eq!(
            loss(&levels, &levels.blocks(false), days.start, days, |_| true),
            None
        );
    }

    #[test]
    fn the_cap_counts_months_back() {
        assert_eq!(first_billable_day(1000, 12), 1000 - 365 + 1);
        assert_eq!(first_billable_day(1000, 1), 1000 - 30 + 1);
    }

    proptest! {
        #[test]
        fn the_band_holds_the_loss_and_scales(seed in 0_u64..500, factor in 0.0_f64..0.9) {
            let mut kwh = home(seed, 300, 8.0);
            for value in &mut kwh[200..] {
                *value *= factor;
            }
            let found = lost(&kwh, 200);
            prop_assert!(found.lost_p10_micro <= found.lost_micro && found.lost_micro <= found.lost_p90_micro);
            prop_assert_eq!(found.lost_micro, (found.expected_micro - found.actual_micro).max(0));
            let double: Vec<f64> = kwh.iter().map(|kwh| 2.0 * kwh).collect();
            let doubled = lost(&double, 200);
            prop_assert!((doubled.lost_micro - 2 * found.lost_micro).abs() < 1_000);
        }
    }
}
