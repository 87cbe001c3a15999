//! The two clocks: measurements keep standard time all year, install events follow legal time.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::error::ToolError;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// A time zone seen from its standard time. Moments are seconds since 1970-01-01 00:00 on the standard clock.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    zone: TimeZone,
    standard_offset: i64,
}

impl Clock {
    /// A clock by the IANA name of its zone.
    pub(crate) fn new(zone: &str, first_day: i32) -> Result<Self, ToolError> {
        let found = TimeZone::get(zone).map_err(|e| ToolError::Option {
            option: "--time-zone",
            value: zone.to_owned(),
            why: e.to_string(),
        })?;
        // The lesser of a winter's and a summer's offset, on either half of the globe.
        let offset = |days: i64| offset(&found, (i64::from(first_day) + days) * DAY);
        let standard_offset = offset(0).min(offset(91)).min(offset(182)).min(offset(273));
        Ok(Self {
            zone: found,
            standard_offset,
        })
    }

    /// A moment as legal time shows it.
    pub(crate) fn legal(&self, standard: i64) -> i64 {
        let utc = standard - self.standard_offset;
        utc + offset(&self.zone, utc)
    }

    /// Hours that legal time is ahead at noon of a day: habits follow it.
    pub(crate) fn shift_hours(&self, day: i32) -> f64 {
        let noon = i64::from(day) * DAY + DAY / 2;
        (self.legal(noon) - noon) as f64 / 3_600.0
    }
}

fn offset(zone: &TimeZone, utc: i64) -> i64 {
    // Outside the years that jiff knows there is no daylight saving to be had either.
    Timestamp::from_second(utc).map_or(0, |t| i64::from(zone.to_offset(t).seconds()))
}

/// Days since 1970-01-01.
pub(crate) fn day_number(date: Date) -> i32 {
    let epoch = jiff::civil::date(1970, 1, 1);
    (date - epoch).get_days()
}

/// The date of a day number.
pub(crate) fn date(day: i32) -> Date {
    jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;

    fn moment(y: i16, m: i8, d: i8, h: i64) -> i64 {
        i64::from(day_number(jiff::civil::date(y, m, d))) * DAY + h * 3_600
    }

    #[test]
    fn summer_is_an_hour_ahead() {
        for zone in ["Europe/London", "Europe/Berlin", "Australia/Sydney"] {
            let clock = Clock::new(zone, day_number(jiff::civil::date(2023, 7, 1))).unwrap();
            let summer = if zone.starts_with('A') { 1 } else { 7 };
            assert_eq!(
                clock.legal(moment(2024, summer, 10, 12)),
                moment(2024, summer, 10, 13),
                "{zone}"
            );
            assert_eq!(
                clock.legal(moment(2024, 8 - summer, 10, 12)),
                moment(2024, 8 - summer, 10, 12),
                "{zone}"
            );
        }
        let clock = Clock::new("Europe/London", 19_700).unwrap();
        assert_eq!(clock.shift_hours(day_number(jiff::civil::date(2024, 7, 1))), 1.0);
        // 31 March 2024, 01:00 standard time: the moment of the change.
        assert_eq!(clock.legal(moment(2024, 3, 31, 1)), moment(2024, 3, 31, 2));
        assert_eq!(
            clock.legal(moment(2024, 3, 31, 1) - 1),
            moment(2024, 3, 31, 1) - 1
        );
        assert!(Clock::new("Europe/Nowhere", 0).is_err());
    }

    #[test]
    fn days_and_dates() {
        assert_eq!(day_number(jiff::civil::date(2024, 1, 1)), 19_723);
        assert_eq!(date(19_723).to_string(), "2024-01-01");
    }
}
