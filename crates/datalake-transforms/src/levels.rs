//! Levels: the whole days of a stay, as kWh a day, beside what the peers did on those days.
//!
//! Only usable intervals count. A day is whole if three quarters of its intervals are usable and none is cut; what is
//! missing is filled up in proportion. Logarithms are natural: a level that falls by half falls by ln 2 = 0.69.

use std::ops::Range;

use crate::model::{DAY_SECONDS, MICRO};
use crate::peers::DayIndex;
use crate::quantiles::median;
use crate::registry::{Component, DayTemperatures};
use crate::series::DaySeries;
use crate::stays::Stay;

/// Days of a week.
pub const WEEK: i32 = 7;

/// Whole days needed for a week to have a level.
const DAYS_OF_A_LEVEL: usize = 4;

/// A level below this share of the own median counts as this much: the logarithm of zero is no level.
const FLOOR_SHARE: f64 = 0.02;

/// The whole days of a stay; vectors of equal length, one item a day, days ascending, unless they say otherwise.
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
    /// exp of `index`: the peers' level against their usual level; 1 where too few peers have one.
    pub factor: Vec<f64>,
    /// Mean temperature, degrees Celsius, NaN where unknown; empty where the weather is not known at all.
    pub celsius: Vec<f64>,
    /// ln of `kwh`, never below the floor.
    pub ln_kwh: Vec<f64>,
    /// Positions of the days at exactly zero, ascending.
    pub zeros: Vec<usize>,
    /// Whether the peers' level is known on most of the days; where not, nothing is adjusted by it.
    pub has_peers: bool,
    /// Median of `kwh`; 0 where there are no days.
    pub median_kwh: f64,
}

/// What the days of a stay are compared with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The peers' level; `None` where too few peers have one.
    pub index: Option<&'a DayIndex>,
    /// The weather; `None` where it is not known.
    pub weather: Option<&'a DayTemperatures>,
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
        u16::try_from(DAY_SECONDS / i64::from(seconds.max(1)))
            .unwrap_or(u16::MAX)
            .max(1)
    })
}

/// Usable kWh of a whole day; `None` for a day that is not whole.
#[inline]
fn whole_kwh(usable: u16, cut: u16, micro: i64, intervals: u16) -> Option<f64> {
    if usable == 0 || cut > 0 || 4 * u32::from(usable) < 3 * u32::from(intervals) {
        return None;
    }
    let kwh = micro as f64 / MICRO as f64;
    Some(kwh * f64::from(intervals.max(usable)) / f64::from(usable))
}

/// Row, day and kWh of the whole days of a stay among `rows` of a series.
pub(crate) fn whole_days<'a>(
    series: &DaySeries<'a>,
    rows: Range<usize>,
    stay: &Stay,
    intervals: u16,
) -> impl Iterator<Item = (usize, i32, f64)> + use<'a> {
    let days = &series.day[rows.clone()];
    let from = rows.start + days.partition_point(|&day| day < stay.first_whole_day());
    let to = rows.start + days.partition_point(|&day| day < stay.removal_day());
    let rows = from..to.max(from);
    let days = series.day[rows.clone()].iter();
    let usable = series.usable[rows.clone()].iter().zip(&series.cut[rows.clone()]);
    let values = usable.zip(&series.usable_kwh[rows.clone()]);
    rows.zip(days)
        .zip(values)
        .filter_map(move |((row, &day), ((&usable, &cut), &micro))| {
            Some((row, day, whole_kwh(usable, cut, micro, intervals)?))
        })
}

impl Levels {
    /// The whole days among `rows` of a series.
    #[must_use]
    pub fn new(
        series: &DaySeries<'_>,
        rows: Range<usize>,
        stay: &Stay,
        intervals: u16,
        around: Around<'_>,
    ) -> Self {
        let mut levels = Self::default();
        levels.fill(series, rows, stay, intervals, around);
        levels
    }

    /// Takes the whole days among `rows` of a series for those that are here.
    pub(crate) fn fill(
        &mut self,
        series: &DaySeries<'_>,
        rows: Range<usize>,
        stay: &Stay,
        intervals: u16,
        Around { index, weather }: Around<'_>,
    ) {
        self.clear();
        let mut known = 0;
        for (row, day, kwh) in whole_days(series, rows, stay, intervals) {
            if series.usable_kwh[row] == 0 && series.usable_negative[row] == 0 {
                self.zeros.push(self.day.len());
            }
            let (ln, factor) = index
                .and_then(|index| index.level(day))
                .unwrap_or((f64::NAN, 1.0));
            known += usize::from(ln.is_finite());
            self.day.push(day);
            self.kwh.push(kwh);
            self.row.push(row as u32);
            self.index.push(ln);
            self.factor.push(factor);
            if let Some(weather) = weather {
                self.celsius.push(weather.celsius(day).unwrap_or(f64::NAN));
            }
        }
        self.has_peers = known > 0 && 2 * known >= self.day.len();
        if !self.has_peers {
            self.index.fill(0.0);
            self.factor.fill(1.0);
        }
        self.take_logarithms();
    }

    fn clear(&mut self) {
        self.day.clear();
        self.kwh.clear();
        self.row.clear();
        self.index.clear();
        self.factor.clear();
        self.celsius.clear();
        self.zeros.clear();
    }

    /// The median, and with it the floor of the logarithms.
    fn take_logarithms(&mut self) {
        // The logarithms' place serves to find the median first.
        self.ln_kwh.clear();
        self.ln_kwh.extend_from_slice(&self.kwh);
        self.median_kwh = median(&mut self.ln_kwh).unwrap_or(0.0);
        let floor = self.floor_kwh();
        self.ln_kwh.clear();
        self.ln_kwh.extend(self.kwh.iter().map(|kwh| kwh.max(floor).ln()));
    }

    /// Days with peers at their usual level.
    #[cfg(test)]
    pub(crate) fn of(first_day: i32, kwh: &[f64]) -> Self {
        let mut levels = Self {
            day: (first_day..).take(kwh.len()).collect(),
            kwh: kwh.to_vec(),
            row: (0..kwh.len() as u32).collect(),
            index: vec![0.0; kwh.len()],
            factor: vec![1.0; kwh.len()],
            has_peers: true,
            ..Self::default()
        };
        levels.take_logarithms();
        levels
    }

    /// Number of days at exactly zero among `positions`.
    pub(crate) fn zeros_among(&self, positions: Range<usize>) -> usize {
        let before = |position: usize| self.zeros.partition_point(|&zero| zero < position);
        before(positions.end) - before(positions.start)
    }

    /// Whether a day is at exactly zero.
    pub(crate) fn is_zero(&self, position: usize) -> bool {
        self.zeros.binary_search(&position).is_ok()
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

    /// Temperature and energy of the days at `positions` whose temperature is known.
    pub(crate) fn by_temperature(&self, positions: Range<usize>) -> Vec<(f64, f64)> {
        let known = positions.filter_map(|position| Some((self.celsius_at(position)?, self.kwh[position])));
        known.collect()
    }

    /// Temperature of a day; `None` where it is not known.
    pub(crate) fn celsius_at(&self, position: usize) -> Option<f64> {
        let celsius = self.celsius.get(position).copied();
        celsius.filter(|celsius| celsius.is_finite())
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
        let (mut level, mut index) = (Vec::new(), Vec::new());
        let mut from = 0;
        while from < self.len() {
            // 1970-01-01 was a Thursday.
            let monday = |day: i32| day - (day + 3).rem_euclid(WEEK);
            let next = monday(self.day[from]).saturating_add(WEEK);
            let mut to = from + 1;
            while to < self.len() && self.day[to] < next {
                to += 1;
            }
            while register && to < self.len() && (self.kwh[to] - self.kwh[to - 1]).abs() < 3e-6 {
                to += 1;
            }
            level.clear();
            index.clear();
            for position in (from..to).filter(|&position| self.index[position].is_finite()) {
                level.push(self.ln_kwh[position]);
                index.push(self.index[position]);
            }
            if level.len() >= DAYS_OF_A_LEVEL
                && let (Some(level), Some(index)) = (median(&mut level), median(&mut index))
            {
                blocks.push(Block {
                    first_day: self.day[from],
                    last_day: self.day[to - 1],
                    level,
                    index,
                });
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

    #[test]
    fn a_day_three_quarters_usable_is_filled_up() {
        let mut profiles = Profiles::intervals(0, FIRST_DAY, &[vec![0.5; 48], vec![0.5; 48], vec![0.5; 48]]);
        profiles.usable[1] = 36;
        profiles.usable_kwh[1] = 18_000_000;
        profiles.usable[2] = 35;
        let series = profiles.series();
        let day = |row: usize| whole_kwh(series.usable[row], series.cut[row], series.usable_kwh[row], 48);
        let kwh: Vec<Option<f64>> = (0..3).map(day).collect();
        assert_eq!(kwh, [Some(24.0), Some(24.0), None]);
    }

    #[test]
    fn intervals_by_type() {
        assert_eq!(intervals_of_a_day(&typed("a", Some(60), &[])), 1440);
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
        let levels = Levels::new(&profiles.series(), 0..17, stay, 1, Around::default());
        assert!(!levels.has_peers);
        let blocks = levels.blocks(false);
        // Three days of the third week are no week, four are.
        assert_eq!(blocks.len(), 2);
        let one_more = Levels::of(FIRST_DAY, &[5.0; 18]);
        assert_eq!(one_more.blocks(false).len(), 3);
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
        let levels = Levels::new(
            &profiles.series(),
            0..120,
            &stays(&installed())[0],
            1,
            Around::default(),
        );
        let blocks = levels.blocks(true);
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (blocks[0].last_day, blocks[1].last_day),
            (FIRST_DAY + 59, FIRST_DAY + 119)
        );
        assert!(levels.blocks(false).len() > 16);
    }

    #[test]
    fn zeros_and_logarithms_of_the_days() {
        let mut kwh = vec![4.0; 30];
        kwh[3] = 0.0;
        kwh[10..12].fill(0.0);
        kwh[20] = f64::NAN;
        let profiles = Profiles::daily(0, FIRST_DAY, &kwh);
        let mut levels = Levels::of(0, &[1.0; 90]);
        let stay = &stays(&installed())[0];
        levels.fill(&profiles.series(), 0..29, stay, 1, Around::default());
        // What stood there before is gone.
        assert_eq!(
            levels,
            Levels::new(&profiles.series(), 0..29, stay, 1, Around::default())
        );
        assert_eq!((levels.len(), levels.ln_kwh.len()), (29, 29));
        assert_eq!(levels.zeros, [3, 10, 11]);
        assert_eq!(levels.zeros_among(3..11), 2);
        assert!(levels.is_zero(11) && !levels.is_zero(12));
        assert!((levels.ln_kwh[0] - 4.0_f64.ln()).abs() < 1e-12);
        assert!((levels.ln_kwh[3] - 0.08_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn no_day_counts_less_than_twenty_watt_hours_or_two_percent() {
        let least = |usual: f64| Levels::of(FIRST_DAY, &[usual, usual, 0.0]).ln_kwh[2].exp();
        assert!((least(0.1) - 0.02).abs() < 1e-12);
        assert!((least(10.0) - 0.2).abs() < 1e-12);
    }
}
