//! Which file a row belongs in: one a day, or one a month.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::row::Row;
use crate::model::{DAY_SECONDS, MICRO};

/// What one file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day: later jobs read window after window of days, each row once.
    #[default]
    Day,
    /// A calendar month: fewer files, for lakes of few rows a day.
    Month,
}

const EPOCH: Date = date(1970, 1, 1);
/// The first day of year 0.
const FIRST_DAY: i64 = -719_528;
/// The last day of the calendar, 9999-12-31.
const LAST_DAY: i64 = 2_932_896;

impl Period {
    /// Its name in config and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The period of a row that was measured in this second: 00:00 belongs to the day before, as the end of its last
    /// interval does. Days and months are counted from 1970-01; what lies beyond the calendar is in its last one.
    #[must_use]
    pub fn of_second(self, second: i64) -> i32 {
        let day = Self::day_of(second);
        match self {
            Self::Day => day,
            Self::Month => {
                let date = Self::date(day);
                (i32::from(date.year()) - 1970) * 12 + i32::from(date.month()) - 1
            }
        }
    }

    /// The folders of a period below the table's: hive partitions, none of which looks like the date of a delivery.
    #[must_use]
    pub fn folder(self, period: i32) -> String {
        match self {
            Self::Day => {
                let date = Self::date(period);
                format!(
                    "year={:04}/month={:02}/day={:02}",
                    date.year(),
                    date.month(),
                    date.day()
                )
            }
            Self::Month => {
                let (year, month) = (period.div_euclid(12) + 1970, period.rem_euclid(12) + 1);
                format!("year={year:04}/month={month:02}")
            }
        }
    }

    /// The rows of each period, periods ascending, rows in the order they came.
    #[must_use]
    pub fn split(self, rows: &[Row]) -> Vec<(i32, Vec<Row>)> {
        let mut by_period: BTreeMap<i32, Vec<Row>> = BTreeMap::new();
        // Rows of one day mostly come together, and a month is not read off a number.
        let period = |row: &Row| Self::day_of(row.measured_at.div_euclid(MICRO));
        for rows in rows.chunk_by(|a, b| period(a) == period(b)) {
            let second = rows[0].measured_at.div_euclid(MICRO);
            by_period
                .entry(self.of_second(second))
                .or_default()
                .extend_from_slice(rows);
        }
        by_period.into_iter().collect()
    }

    fn day_of(second: i64) -> i32 {
        second
            .saturating_sub(1)
            .div_euclid(DAY_SECONDS)
            .clamp(FIRST_DAY, LAST_DAY) as i32
    }

    fn date(day: i32) -> Date {
        EPOCH.saturating_add(jiff::Span::new().days(day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(date: Date, of_day: i64) -> i64 {
        date.duration_since(EPOCH).as_secs() + of_day
    }

    #[test]
    fn midnight_ends_the_day_before() {
        let day = |date, of_day| Period::Day.folder(Period::Day.of_second(second(date, of_day)));
        assert_eq!(day(date(2024, 3, 1), 0), "year=2024/month=02/day=29");
        assert_eq!(day(date(2024, 3, 1), 1), "year=2024/month=03/day=01");
        assert_eq!(Period::Day.of_second(1), 0);
        assert_eq!(Period::Day.of_second(0), -1);
        let month = |date, of_day| Period::Month.folder(Period::Month.of_second(second(date, of_day)));
        assert_eq!(month(date(2024, 1, 1), 0), "year=2023/month=12");
        assert_eq!(month(date(2024, 1, 1), 1800), "year=2024/month=01");
        assert_eq!(month(date(1969, 12, 31), 1800), "year=1969/month=12");
    }

    #[test]
    fn beyond_the_calendar_is_its_last_day() {
        assert_eq!(Period::date(LAST_DAY as i32), Date::MAX);
        assert_eq!(Period::date(FIRST_DAY as i32), date(0, 1, 1));
        for period in [Period::Day, Period::Month] {
            let last = period.of_second(second(date(9999, 12, 31), 1));
            assert_eq!(period.of_second(i64::MAX), last);
            assert!(period.of_second(i64::MIN) <= period.of_second(second(date(1, 1, 1), 1)));
        }
        assert_eq!(
            Period::Day.folder(Period::Day.of_second(second(date(9999, 12, 31), 5))),
            "year=9999/month=12/day=31"
        );
    }

    #[test]
    fn no_folder_is_the_date_of_a_delivery() {
        for part in Period::Day.folder(19_000).split('/') {
            let value = part.split_once('=').map_or("", |(_, value)| value);
            assert!(value.parse::<jiff::civil::DateTime>().is_err(), "{value}");
        }
    }
}
