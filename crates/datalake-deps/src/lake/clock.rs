//! The two clocks of the lake, and how a time comes onto one of them.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;

use super::config::LakeConfig;
use super::error::LakeError;
use super::model::TableClock;

/// Microseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// 0001-01-01 00:00: canonical timestamps do not go below.
pub(crate) const FIRST_MICROS: i64 = -62_135_596_800 * SECOND;
/// 9999-12-31 23:59:59.999999, and a day, so that the customary "for ever" survives every offset.
pub(crate) const LAST_MICROS: i64 = 253_402_386_400 * SECOND - 1;

/// The clocks that canonical timestamps are on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clocks {
    /// Clock of measurements: a fixed offset.
    pub measurement: TimeZone,
    /// Legal time, that install events are recorded in.
    pub legal: TimeZone,
}

impl Clocks {
    /// The clocks of a config; an error if a zone is unknown or the measurement clock is shifted in summer.
    pub fn new(config: &LakeConfig) -> Result<Self, LakeError> {
        let measurement = zone("measurement_time_zone", &config.measurement_time_zone)?;
        if measurement.to_fixed_offset().is_err() {
            return Err(LakeError::Config {
                key: "measurement_time_zone".to_owned(),
                problem: format!(
                    "`{}` is not a fixed offset, and measurements are never shifted for daylight saving",
                    config.measurement_time_zone
                ),
                hint: "write the zone's standard offset, for instance `+01:00`".to_owned(),
            });
        }
        let legal = match &config.install_time_zone {
            Some(name) => zone("install_time_zone", name)?,
            None => measurement.clone(),
        };
        Ok(Self { measurement, legal })
    }

    /// The zone of a table's clock.
    #[must_use]
    pub fn of(&self, clock: TableClock) -> &TimeZone {
        match clock {
            TableClock::Measurement => &self.measurement,
            TableClock::Legal => &self.legal,
        }
    }
}

/// A zone by IANA name or offset.
pub(crate) fn zone(key: &str, text: &str) -> Result<TimeZone, LakeError> {
    DateTimeParser::new()
        .parse_time_zone(text.trim())
        .map_err(|error| LakeError::Config {
            key: key.to_owned(),
            problem: format!("`{text}` is no time zone: {error}"),
            hint: "write an offset such as `+01:00`, or an IANA name such as `Europe/Berlin`".to_owned(),
        })
}

/// How a table's times come onto its clock.
#[derive(Debug, Clone)]
pub(crate) struct ToClock {
    clock: TimeZone,
    /// Zone of times that carry none, where that is not the clock itself.
    naive: Option<TimeZone>,
}

impl ToClock {
    pub(crate) fn new(clock: TimeZone, naive: Option<TimeZone>) -> Self {
        Self {
            naive: naive.filter(|zone| *zone != clock),
            clock,
        }
    }

    /// Whether times without a zone are on the clock already.
    pub(crate) fn naive_is_on_clock(&self) -> bool {
        self.naive.is_none()
    }

    /// Microseconds to add to an instant; `None` where they depend on the instant.
    pub(crate) fn instant_shift(&self) -> Option<i64> {
        let offset = self.clock.to_fixed_offset().ok()?;
        Some(i64::from(offset.seconds()) * SECOND)
    }

    /// Microseconds to add to a time without a zone; `None` where they depend on the time.
    pub(crate) fn naive_shift(&self) -> Option<i64> {
        match &self.naive {
            None => Some(0),
            Some(zone) => {
                let offset = zone.to_fixed_offset().ok()?;
                Some(self.instant_shift()? - i64::from(offset.seconds()) * SECOND)
            }
        }
    }

    /// An instant (microseconds since the epoch, UTC) on the clock; `None` where that is out of range.
    pub(crate) fn instant(&self, utc_micros: i64) -> Option<i64> {
        let shift = self.instant_shift().unwrap_or_else(|| {
            let offset = self.clock.to_offset(clamped(utc_micros));
            i64::from(offset.seconds()) * SECOND
        });
        utc_micros.checked_add(shift)
    }

    /// A time without a zone on the clock. Of an hour that an autumn day has twice the first is meant; a time that a
    /// spring day skips is moved by the gap.
    pub(crate) fn naive(&self, micros: i64) -> Option<i64> {
        let Some(zone) = &self.naive else {
            return Some(micros);
        };
        if let Some(shift) = self.naive_shift() {
            return micros.checked_add(shift);
        }
        let civil = TimeZone::UTC.to_datetime(clamped(micros));
        let instant = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
        // The clamp may have moved the time; carry the difference over.
        let moved = micros.checked_sub(clamped(micros).as_microsecond())?;
        self.instant(instant.as_microsecond().checked_add(moved)?)
    }
}

/// The nearest instant that zone rules can be asked about.
fn clamped(micros: i64) -> Timestamp {
    let day = 86_400 * SECOND;
    let (least, greatest) = (
        Timestamp::MIN.as_microsecond() + day,
        Timestamp::MAX.as_microsecond() - day,
    );
    Timestamp::from_microsecond(micros.clamp(least, greatest)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::diagnostic::render;

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[test]
    fn instants_come_to_summer_and_winter_time() {
        let berlin = ToClock::new(zone("z", "Europe/Berlin").unwrap(), None);
        assert_eq!(berlin.instant_shift(), None);
        assert_eq!(
            berlin.instant(micros("2024-07-01T10:00:00Z")),
            Some(micros("2024-07-01T12:00:00Z"))
        );
        assert_eq!(
            berlin.instant(micros("2024-01-01T10:00:00Z")),
            Some(micros("2024-01-01T11:00:00Z"))
        );
        let fixed = ToClock::new(zone("z", "+01:00").unwrap(), None);
        assert_eq!(
            fixed.instant(micros("2024-07-01T10:00:00Z")),
            Some(micros("2024-07-01T11:00:00Z"))
        );
    }

    #[test]
    fn times_of_another_zone_come_to_the_clock() {
        let clock = ToClock::new(
            zone("z", "+01:00").unwrap(),
            Some(zone("z", "Europe/Berlin").unwrap()),
        );
        assert!(!clock.naive_is_on_clock());
        assert_eq!(
            clock.naive(micros("2024-07-01T12:00:00Z")),
            Some(micros("2024-07-01T11:00:00Z"))
        );
        assert_eq!(
            clock.naive(micros("2024-01-01T12:00:00Z")),
            Some(micros("2024-01-01T12:00:00Z"))
        );
        // 02:30 comes twice on 2024-10-27: the first, in summer time.
        assert_eq!(
            clock.naive(micros("2024-10-27T02:30:00Z")),
            Some(micros("2024-10-27T01:30:00Z"))
        );
        // 02:30 does not exist on 2024-03-31.
        assert_eq!(
            clock.naive(micros("2024-03-31T02:30:00Z")),
            Some(micros("2024-03-31T02:30:00Z"))
        );
        let utc = ToClock::new(zone("z", "+01:00").unwrap(), Some(TimeZone::UTC));
        assert_eq!(utc.naive_shift(), Some(3_600 * SECOND));
    }

    #[test]
    fn the_end_of_all_days_survives() {
        let berlin = ToClock::new(zone("z", "Europe/Berlin").unwrap(), None);
        let end = LAST_MICROS - 86_400 * SECOND;
        assert_eq!(berlin.instant(end), Some(end + 3_600 * SECOND));
        let from_utc = ToClock::new(zone("z", "Europe/Berlin").unwrap(), Some(TimeZone::UTC));
        assert_eq!(from_utc.naive(end), Some(end + 3_600 * SECOND));
        let to_utc = ToClock::new(TimeZone::UTC, Some(zone("z", "Europe/Berlin").unwrap()));
        assert_eq!(to_utc.naive(end), Some(end - 3_600 * SECOND));
    }

    #[test]
    fn a_measurement_clock_that_is_shifted_in_summer_is_refused() {
        let config = LakeConfig {
            measurement_time_zone: "Europe/Berlin".to_owned(),
            ..LakeConfig::default()
        };
        insta::assert_snapshot!(render(&Clocks::new(&config).unwrap_err()), @r"
        error: the config's `measurement_time_zone` is wrong: `Europe/Berlin` is not a fixed offset, and measurements are never shifted for daylight saving
        hint: write the zone's standard offset, for instance `+01:00`
        ");
        let config = LakeConfig {
            install_time_zone: Some("Europe/Atlantis".to_owned()),
            ..LakeConfig::default()
        };
        assert!(Clocks::new(&config).is_err());
    }
}
