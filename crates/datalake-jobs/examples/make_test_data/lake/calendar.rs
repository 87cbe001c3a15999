//! Days and the factors, in percent, that make an honest home's days differ.

use jiff::civil::{Date, DateTime, date};

/// First day with data.
pub(crate) const FIRST: Date = date(2023, 10, 1);
/// Last day with data: 244 days in all.
pub(crate) const LAST: Date = date(2024, 5, 31);

/// When most meters were installed, legal time.
pub(crate) const OLD: DateTime = date(2021, 5, 4).at(9, 30, 0, 0);

/// Percent by month, January first: what weather does to everybody.
const MONTH: [i64; 12] = [120, 110, 100, 90, 80, 75, 70, 70, 85, 100, 110, 120];

/// Percent by day, eleven in turn. Five of eleven are 100, three below, three above: across homes that are at
/// different places of the turn, the median of a day is 100.
const RIPPLE: [i64; 11] = [100, 92, 100, 107, 100, 96, 100, 110, 94, 104, 100];

/// Per mille of the day's energy by hour: a base load at night, a rise at breakfast, a peak in the evening.
const HOUR: [i64; 24] = [
    15, 15, 15, 15, 15, 20, 40, 60, 50, 35, 30, 30, 40, 35, 30, 35, 50, 80, 100, 95, 75, 60, 35, 25,
];

/// Percent by slot, three in turn, so that no two neighbouring intervals of a live home are equal.
const FLICKER: [i64; 3] = [97, 100, 103];

/// Degrees Celsius by month, January first.
const CELSIUS: [i64; 12] = [3, 5, 8, 14, 17, 20, 22, 22, 17, 12, 7, 4];

/// How a household spreads its week, in percent from Monday to Sunday.
#[derive(Clone, Copy)]
pub(crate) enum Week {
    /// At home at the weekend.
    Weekend,
    /// Every day alike.
    Even,
    /// Laundry on Mondays and Thursdays.
    Laundry,
    /// An office: quiet at the weekend.
    Office,
}

impl Week {
    fn percent(self) -> [i64; 7] {
        match self {
            Self::Weekend => [100, 100, 100, 100, 100, 120, 130],
            Self::Even => [100; 7],
            Self::Laundry => [130, 100, 100, 115, 100, 100, 90],
            Self::Office => [120, 120, 120, 120, 110, 60, 50],
        }
    }
}

/// Days since 1970-01-01.
#[must_use]
pub(crate) fn number(day: Date) -> i64 {
    i64::from((day - date(1970, 1, 1)).get_days())
}

/// Every day from `from` to `to`, both included.
pub(crate) fn days(from: Date, to: Date) -> impl Iterator<Item = Date> {
    from.series(jiff::ToSpan::days(1))
        .take_while(move |day| *day <= to)
}

/// What an honest home of `level_wh` a day uses on `day`, in Wh: level x weekday x month x ripple, rounded down.
/// `weather` 1 follows the month once, 2 twice (electric heating), 0 not at all.
#[must_use]
pub(crate) fn honest_wh(level_wh: i64, week: Week, weather: u32, phase: i64, day: Date) -> i64 {
    let weekday = week.percent()[day.weekday().to_monday_zero_offset() as usize];
    let month = (0..weather).fold(100, |percent, _| percent * MONTH[day.month() as usize - 1] / 100);
    let ripple = RIPPLE[(number(day) + phase).rem_euclid(RIPPLE.len() as i64) as usize];
    level_wh * weekday * month * ripple / 1_000_000
}

/// Mean temperature of a day, degrees Celsius: the month's, three down to three up in turn of seven days.
#[must_use]
pub(crate) fn celsius(day: Date) -> i64 {
    CELSIUS[day.month() as usize - 1] + number(day).rem_euclid(7) - 3
}

/// The share of a day's Wh that falls into slot `slot` of `slots`, rounded down.
#[must_use]
pub(crate) fn slot_wh(day_wh: i64, slot: i64, slots: i64) -> i64 {
    if slots < 24 {
        return day_wh / slots;
    }
    let per_hour = slots / 24;
    day_wh * HOUR[(slot / per_hour) as usize] * FLICKER[(slot % 3) as usize] / (100_000 * per_hour)
}
