//! Levels: the whole days of a stay, as kWh a day, beside what the peers did on those days.
//!
//! Only usable intervals count. A day is whole if three quarters of its intervals are usable and none is cut; what is
//! missing is filled up in proportion. Logarithms are natural: a level that falls by half falls by ln 2 = 0.69.

use std::ops::Range;

use crate::model::{DAY_SECONDS, MICRO};
use crate::peers::DayIndex;
use crate::registry::Component;
use crate::series::DaySeries;
use crate::stays::Stay;

/// Days of a week.
pub const WEEK: i32 = 7;

/// Whole days needed for a week to have a level.
const DAYS_OF_A_LEVEL: usize = 4;

/// A level below this share of the own median counts as this much: the logarithm of zero is no level.
const FLOOR_SHARE: f64 = 0.02;

/// The whole days of a stay; vectors of equal length, one item a day, days ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Levels {
    /// Days since 1970-01-01.
    pub day: Vec<i32>,
    /// Usable energy, kWh a day.
    pub kwh: Vec<f64>,
    /// Row of the series.
    pub row: Vec<u32>,
    /// ln of the peers' level of the day against their usual level; NaN where too few peers have one.
    pub index: Vec<f64>,
    /// Whether the peers' level is known on most of the days; where not, nothing is adjusted by it.
    pub has_peers: bool,
    /// Median of `kwh`; 0 where there are no days.
    pub median_kwh: f64,
}

/// Level of a week, or of a register's period where that is longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// First day.
    pub first_day: i32,
    /// Last day, included.
    pub last_day: i32,
    /// Median of ln kWh a day.
    pub level: f64,
    /// Median of the peers' index over the same days.
    pub index: f64,
}

/// Energy of the whole days of one week, from Thursday to Wednesday.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Week {
    /// Weeks since 1970-01-01.
    pub number: i32,
    /// Whole days.
    pub days: u8,
    /// Their energy, kWh.
    pub kwh: f32,
}

/// Intervals that a whole day has; 1 for registers, whose days are shares of a period.
#[must_use]
pub fn intervals_of_a_day(component: &Component) -> u16 {
    component.interval_seconds().map_or(1, |seconds| {
        (DAY_SECONDS / i64::from(seconds.max(1))).clamp(1, 288) as u16
    })
}

/// Usable kWh of a whole day; `None` for a day that is not whole.
#[must_use]
pub fn whole_day_kwh(series: &DaySeries<'_>, row: usize, intervals: u16) -> Option<f64> {
    let usable = series.usable[row];
    if usable == 0 || series.cut[row] > 0 || 4 * u32::from(usable) < 3 * u32::from(intervals) {
        return None;
    }
    let kwh = series.usable_kwh[row] as f64 / MICRO as f64;
    Some(kwh * f64::from(intervals.max(usable)) / f64::from(usable))
}

/// Median by the mean of the two middle values; `None` of nothing. Reorders `values`.
pub fn median(values: &mut [f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Quantile with linear interpolation between the neighbours; `None` of nothing. Reorders `values`.
pub fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let position = q * last as f64;
    let lower = (position.floor() as usize).min(last);
    let (_, &mut low, above) = values.select_nth_unstable_by(lower, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(low + (high - low) * (position - lower as f64))
}

impl Levels {
    /// The whole days among `rows` of a series.
    #[must_use]
    pub fn new(
        series: &DaySeries<'_>,
        rows: Range<usize>,
        stay: &Stay,
        intervals: u16,
        index: Option<&DayIndex>,
    ) -> Self {
        let mut levels = Self::default();
        let days = stay.first_whole_day()..stay.removal_day();
        let mut known = 0;
        for row in rows {
            let day = series.day[row];
            if !days.contains(&day) {
                continue;
            }
            let Some(kwh) = whole_day_kwh(series, row, intervals) else {
                continue;
            };
            let ln = index.and_then(|index| index.ln(day)).unwrap_or(f64::NAN);
            known += usize::from(ln.is_finite());
            levels.day.push(day);
            levels.kwh.push(kwh);
            levels.row.push(row as u32);
            levels.index.push(ln);
        }
        levels.has_peers = known > 0 && 2 * known >= levels.day.len();
        if !levels.has_peers {
            levels.index.fill(0.0);
        }
        levels.median_kwh = median(&mut levels.kwh.clone()).unwrap_or(0.0);
        levels
    }

    /// The days by weeks, ascending; weeks without a whole day are left out.
    pub(crate) fn weeks(&self) -> Vec<Week> {
        let mut weeks: Vec<Week> = Vec::new();
        for (&day, &kwh) in self.day.iter().zip(&self.kwh) {
            let number = day.div_euclid(WEEK);
            match weeks.last_mut() {
                Some(week) if week.number == number => {
                    week.days += 1;
                    week.kwh += kwh as f32;
                }
                _ => weeks.push(Week {
                    number,
                    days: 1,
                    kwh: kwh as f32,
                }),
            }
        }
        weeks
    }

    /// Number of whole days.
    #[must_use]
    pub fn len(&self) -> usize {
        self.day.len()
    }

    /// Whether there is no whole day.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.day.is_empty()
    }

    /// Positions of the days in `days`.
    #[must_use]
    pub fn positions(&self, days: Range<i32>) -> Range<usize> {
        let start = self.day.partition_point(|&day| day < days.start);
        let end = self.day.partition_point(|&day| day < days.end);
        start..end.max(start)
    }

    /// Median kWh a day over some of the days; `None` where there are none.
    #[must_use]
    pub fn median_over(&self, positions: Range<usize>) -> Option<f64> {
        median(&mut self.kwh[positions].to_vec())
    }

    /// ln of a day's kWh, never below the floor.
    #[must_use]
    pub fn ln_kwh(&self, position: usize) -> f64 {
        self.kwh[position].max(self.floor_kwh()).ln()
    }

    /// What stands for zero in logarithms, kWh a day.
    #[must_use]
    pub fn floor_kwh(&self) -> f64 {
        (FLOOR_SHARE * self.median_kwh).max(0.02)
    }

    /// Levels by week (Monday to Sunday), days without a peers' index left out. Weeks of a register whose
    /// days are shares of one period (`register`) are one block: they are one measurement.
    #[must_use]
    pub fn blocks(&self, register: bool) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::with_capacity(self.len() / 7 + 2);
        let mut from = 0;
        while from < self.len() {
            // 1970-01-01 was a Thursday.
            let week = |day: i32| (day + 3).div_euclid(WEEK);
            let mut to = from + 1;
            while to < self.len() && week(self.day[to]) == week(self.day[from]) {
                to += 1;
            }
            while register && to < self.len() && (self.kwh[to] - self.kwh[to - 1]).abs() < 3e-6 {
                to += 1;
            }
            let known: Vec<usize> = (from..to).filter(|&i| self.index[i].is_finite()).collect();
            if known.len() >= DAYS_OF_A_LEVEL {
                let mut level: Vec<f64> = known.iter().map(|&i| self.ln_kwh(i)).collect();
                let mut index: Vec<f64> = known.iter().map(|&i| self.index[i]).collect();
                if let (Some(level), Some(index)) = (median(&mut level), median(&mut index)) {
                    blocks.push(Block {
                        first_day: self.day[from],
                        last_day: self.day[to - 1],
                        level,
                        index,
                    });
                }
            }
            from = to;
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::testing::{FIRST_DAY, Profiles, installed, typed};
    use crate::stays::stays;
    use proptest::prelude::*;

    #[test]
    fn a_day_three_quarters_usable_is_filled_up() {
        let mut profiles = Profiles::intervals(0, FIRST_DAY, &[vec![0.5; 48], vec![0.5; 48], vec![0.5; 48]]);
        profiles.usable[1] = 36;
        profiles.usable_kwh[1] = 18_000_000;
        profiles.usable[2] = 35;
        let series = profiles.series();
        let kwh: Vec<Option<f64>> = (0..3).map(|row| whole_day_kwh(&series, row, 48)).collect();
        assert_eq!(kwh, [Some(24.0), Some(24.0), None]);
    }

    #[test]
    fn intervals_by_type() {
        assert_eq!(intervals_of_a_day(&typed("a", Some(300), &[])), 288);
        assert_eq!(intervals_of_a_day(&typed("a", Some(1800), &[])), 48);
        assert_eq!(intervals_of_a_day(&installed()), 1);
        assert_eq!(intervals_of_a_day(&typed("a", None, &[])), 1);
    }

    #[test]
    fn weeks_run_from_monday_and_need_four_days() {
        let kwh: Vec<f64> = (1..=17).map(f64::from).collect();
        let profiles = Profiles::daily(0, FIRST_DAY, &kwh);
        let stay = &stays(&installed())[0];
        let levels = Levels::new(&profiles.series(), 0..17, stay, 1, None);
        assert!(!levels.has_peers);
        let blocks = levels.blocks(false);
        // Three days of the third week are no week.
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (blocks[0].first_day, blocks[0].last_day),
            (FIRST_DAY, FIRST_DAY + 6)
        );
        assert!((blocks[0].level - 4.0_f64.ln()).abs() < 1e-12);
        assert!((blocks[1].level - 11.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn the_days_of_a_register_period_are_one_block() {
        let kwh = [vec![5.0; 60], vec![4.0; 60]].concat();
        let profiles = Profiles::daily(0, FIRST_DAY, &kwh);
        let levels = Levels::new(&profiles.series(), 0..120, &stays(&installed())[0], 1, None);
        let blocks = levels.blocks(true);
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (blocks[0].last_day, blocks[1].last_day),
            (FIRST_DAY + 59, FIRST_DAY + 119)
        );
        assert!(levels.blocks(false).len() > 16);
    }

    proptest! {
        #[test]
        fn quantiles_by_sorting(values in prop::collection::vec(-50.0_f64..50.0, 1..40), q in 0.0_f64..=1.0) {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let position = q * (sorted.len() - 1) as f64;
            let low = sorted[position.floor() as usize];
            let high = sorted[position.ceil() as usize];
            let expected = low + (high - low) * position.fract();
            let found = quantile(&mut values.clone(), q).unwrap();
            prop_assert!((found - expected).abs() < 1e-9);
        }
    }
}
