//! Legal time brought to the measurement clock.
//!
//! Install events are written in legal time, which is shifted for daylight saving; measurements in the standard time
//! of the meter, a fixed offset from UTC. Comparing the two raw is an hour wrong all summer, and shows as usage
//! after a disconnection.
//!
//! Twice a year a legal time is no single moment. In autumn an hour occurs twice: the earlier of the two moments is
//! taken. In spring an hour doesn't occur: the moment of the change is taken. So the order of legal times is kept: a
//! removal never falls before its install, and a stay that begins where another ends still does. Each such time is
//! told to the caller, who makes a finding of it.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TransformError;

/// Microseconds of a second.
const SECOND_MICRO: i64 = 1_000_000;

/// What legal time may differ from a clock taken for it: an hour in summer, and another for zones that shift by two.
const DOUBT_SECONDS: i64 = 2 * 3600;

/// The two clocks of the lake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClockConfig {
    /// The clock of measurements: `UTC` or a fixed offset such as `+01:00`. Standard time, never shifted for
    /// daylight saving.
    pub measurement_time_zone: String,
    /// The clock of install events and on/off histories: an IANA zone such as `Europe/London`, `UTC`, or a fixed
    /// offset. Absent: taken for the measurement clock, and within two hours of an install, a removal or a switch
    /// nothing is decided against a customer, because legal time may be an hour off all summer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_time_zone: Option<String>,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self {
            measurement_time_zone: "UTC".to_owned(),
            install_time_zone: None,
        }
    }
}

/// Converts legal times to the measurement clock. Zones come from the database compiled in, never from the host.
#[derive(Debug, Clone)]
pub struct LegalClock {
    zone: TimeZone,
    offset_seconds: i64,
    known: bool,
}

/// A legal time on the measurement clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970-01-01 00:00 on the measurement clock.
    pub seconds: i64,
    /// Whether the legal time named one moment.
    pub naming: Naming,
}

/// How many moments a legal time names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// One, as nearly all do.
    One,
    /// Two, in the hour that autumn repeats.
    Ambiguous,
    /// None, in the hour that spring skips.
    Nonexistent,
}

impl LegalClock {
    /// Reads both zones; an error says which one is wrong and what is allowed.
    pub fn new(config: &ClockConfig) -> Result<Self, TransformError> {
        let name = config.measurement_time_zone.trim();
        let offset_seconds = fixed_offset(name).ok_or_else(|| TransformError::Parameter {
            name: "measurement_time_zone".to_owned(),
            value: format!("`{name}`"),
            why:
                "it must be `UTC` or a fixed offset such as `+01:00`, because the measurement clock is never \
                  shifted for daylight saving"
                    .to_owned(),
        })?;
        let name = config.install_time_zone.as_deref().unwrap_or(name).trim();
        let zone = match fixed_offset(name) {
            Some(seconds) => Offset::from_seconds(seconds).ok().map(TimeZone::fixed),
            None => TimeZoneDatabase::bundled().get(name).ok(),
        };
        let zone = zone.ok_or_else(|| TransformError::Parameter {
            name: "install_time_zone".to_owned(),
            value: format!("`{name}`"),
            why: "it must be an IANA time zone such as `Europe/London`, `UTC`, or a fixed offset such as `+01:00`"
                .to_owned(),
        })?;
        Ok(Self {
            zone,
            offset_seconds: i64::from(offset_seconds),
            known: config.install_time_zone.is_some(),
        })
    }

    /// Seconds around a legal time in which it is in doubt what holds: none where the zone is known.
    #[must_use]
    pub fn doubt_seconds(&self) -> i64 {
        if self.known { 0 } else { DOUBT_SECONDS }
    }

    /// Brings a naive legal time, in microseconds since 1970-01-01 00:00 of that clock, to the measurement clock.
    /// Fractions of a second are cut off. `None` outside the years -9999 to 9999.
    #[must_use]
    pub fn to_measurement(&self, legal_micro: i64) -> Option<Moment> {
        let legal = legal_micro.div_euclid(SECOND_MICRO);
        let civil = Offset::UTC.to_datetime(Timestamp::from_second(legal).ok()?);
        let at = |offset: Offset| legal - i64::from(offset.seconds());
        let (instant, naming) = match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => (at(offset), Naming::One),
            AmbiguousOffset::Fold { before, .. } => (at(before), Naming::Ambiguous),
            AmbiguousOffset::Gap { before, .. } => (self.change_before(at(before))?, Naming::Nonexistent),
        };
        Some(Moment {
            seconds: instant + self.offset_seconds,
            naming,
        })
    }

    /// The zone's last change before `instant`, both in seconds of UTC.
    fn change_before(&self, instant: i64) -> Option<i64> {
        // A change at `instant` itself counts too: `preceding` excludes its argument.
        let after = Timestamp::from_second(instant.checked_add(1)?).ok()?;
        Some(self.zone.preceding(after).next()?.timestamp().as_second())
    }
}

/// A day since 1970-01-01 as `YYYY-MM-DD`.
pub(crate) fn date(day: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch
        .checked_add(jiff::Span::new().days(day))
        .map_or_else(|_| format!("day {day}"), |date| date.to_string())
}

/// Seconds of `UTC`, `Z`, `+HH:MM` or `-HH:MM`; `None` for anything else.
fn fixed_offset(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("UTC") || text.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let (sign, digits) = match text.as_bytes() {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let &[h1, h2, b':', m1, m2] = digits else {
        return None;
    };
    if ![h1, h2, m1, m2].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |tens: u8, ones: u8| i32::from(tens - b'0') * 10 + i32::from(ones - b'0');
    let (hours, minutes) = (number(h1, h2), number(m1, m2));
    (hours <= 14 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn clock(measurement: &str, install: &str) -> LegalClock {
        LegalClock::new(&ClockConfig {
            measurement_time_zone: measurement.to_owned(),
            install_time_zone: Some(install.to_owned()),
        })
        .unwrap()
    }

    /// Seconds of a civil time, reckoned as if it were UTC.
    fn civil(text: &str) -> i64 {
        format!("{}Z", text.replace(' ', "T"))
            .parse::<Timestamp>()
            .unwrap()
            .as_second()
    }

    fn check(clock: &LegalClock, legal: &str, measured: &str, naming: Naming) {
        let moment = clock.to_measurement(civil(legal) * SECOND_MICRO).unwrap();
        let shown = Timestamp::from_second(moment.seconds).unwrap().to_string();
        assert_eq!(
            (shown.replace('T', " ").replace('Z', ""), moment.naming),
            (measured.to_owned(), naming)
        );
    }

    #[test]
    fn london_is_an_hour_ahead_in_summer_only() {
        let clock = clock("UTC", "Europe/London");
        check(&clock, "2024-01-15 10:00:00", "2024-01-15 10:00:00", Naming::One);
        check(&clock, "2024-07-15 10:00:00", "2024-07-15 09:00:00", Naming::One);
    }

    #[test]
    fn the_spring_gap_of_london_closes_on_the_moment_of_the_change() {
        // On 2024-03-31 at 01:00 UTC clocks went from 01:00 to 02:00.
        let clock = clock("UTC", "Europe/London");
        check(&clock, "2024-03-31 00:59:59", "2024-03-31 00:59:59", Naming::One);
        check(
            &clock,
            "2024-03-31 01:00:00",
            "2024-03-31 01:00:00",
            Naming::Nonexistent,
        );
        check(
            &clock,
            "2024-03-31 01:30:00",
            "2024-03-31 01:00:00",
            Naming::Nonexistent,
        );
        check(
            &clock,
            "2024-03-31 01:59:59",
            "2024-03-31 01:00:00",
            Naming::Nonexistent,
        );
        check(&clock, "2024-03-31 02:00:00", "2024-03-31 01:00:00", Naming::One);
        check(&clock, "2024-03-31 02:15:00", "2024-03-31 01:15:00", Naming::One);
    }

    #[test]
    fn the_autumn_hour_of_london_is_its_first_pass() {
        // On 2024-10-27 at 01:00 UTC clocks went from 02:00 back to 01:00.
        let clock = clock("UTC", "Europe/London");
        check(&clock, "2024-10-27 00:59:59", "2024-10-26 23:59:59", Naming::One);
        check(
            &clock,
            "2024-10-27 01:00:00",
            "2024-10-27 00:00:00",
            Naming::Ambiguous,
        );
        check(
            &clock,
            "2024-10-27 01:59:59",
            "2024-10-27 00:59:59",
            Naming::Ambiguous,
        );
        check(&clock, "2024-10-27 02:00:00", "2024-10-27 02:00:00", Naming::One);
    }

    #[test]
    fn new_york_on_its_own_standard_time() {
        // Meters at -05:00; on 2024-03-10 at 02:00 EST clocks went to 03:00, on 2024-11-03 at 02:00 EDT back to 01:00.
        let clock = clock("-05:00", "America/New_York");
        check(&clock, "2024-02-01 12:00:00", "2024-02-01 12:00:00", Naming::One);
        check(
            &clock,
            "2024-03-10 02:30:00",
            "2024-03-10 02:00:00",
            Naming::Nonexistent,
        );
        check(&clock, "2024-07-04 12:00:00", "2024-07-04 11:00:00", Naming::One);
        check(
            &clock,
            "2024-11-03 01:30:00",
            "2024-11-03 00:30:00",
            Naming::Ambiguous,
        );
        check(&clock, "2024-11-03 02:00:00", "2024-11-03 02:00:00", Naming::One);
    }

    #[test]
    fn a_fixed_offset_for_both_clocks() {
        check(
            &clock("+01:00", "+01:00"),
            "2024-07-15 10:00:00",
            "2024-07-15 10:00:00",
            Naming::One,
        );
        check(
            &clock("+05:30", "UTC"),
            "2024-07-15 23:00:00",
            "2024-07-16 04:30:00",
            Naming::One,
        );
    }

    #[test]
    fn offsets_reach_to_the_last_minute_of_fourteen_hours() {
        for (offset, seconds) in [("+14:59", 53_940), ("-12:48", -46_080), ("z", 0)] {
            assert_eq!(fixed_offset(offset), Some(seconds));
        }
    }

    #[test]
    fn times_beyond_the_calendar_are_none() {
        let clock = clock("UTC", "Europe/London");
        assert_eq!(clock.to_measurement(i64::MAX), None);
        assert_eq!(clock.to_measurement(i64::MIN), None);
    }

    #[test]
    fn wrong_zones_are_named() {
        let refuse = |measurement: &str, install: &str| {
            LegalClock::new(&ClockConfig {
                measurement_time_zone: measurement.to_owned(),
                install_time_zone: Some(install.to_owned()),
            })
            .unwrap_err()
            .to_string()
        };
        insta::assert_snapshot!(refuse("Europe/London", "UTC"), @"parameter `measurement_time_zone` is `Europe/London`: it must be `UTC` or a fixed offset such as `+01:00`, because the measurement clock is never shifted for daylight saving");
        insta::assert_snapshot!(refuse("UTC", "Europe/Londn"), @"parameter `install_time_zone` is `Europe/Londn`: it must be an IANA time zone such as `Europe/London`, `UTC`, or a fixed offset such as `+01:00`");
        for wrong in ["+1:00", "+15:00", "+01:60", "01:00", "+0100", "", "+ab:cd"] {
            assert!(refuse(wrong, "UTC").contains("measurement_time_zone"), "{wrong}");
        }
    }

    proptest! {
        /// The order of legal times is kept, through gaps and folds.
        #[test]
        fn order_is_kept(
            (zone, change) in prop::sample::select(vec![
                ("Europe/London", "2024-03-31 01:00:00"),
                ("Europe/London", "2024-10-27 01:00:00"),
                ("America/New_York", "2024-03-10 02:00:00"),
                ("America/New_York", "2024-11-03 01:00:00"),
                ("Australia/Lord_Howe", "2024-04-07 01:30:00"),
                ("Australia/Lord_Howe", "2024-10-06 02:00:00"),
                ("UTC", "2024-10-06 02:00:00"),
            ]),
            shift in -4_000_i64..8_000,
            step in 0_i64..8_000,
        ) {
            let (clock, a) = (clock("UTC", zone), civil(change) + shift);
            let at = |legal: i64| clock.to_measurement(legal * SECOND_MICRO).unwrap().seconds;
            prop_assert!(at(a) <= at(a + step));
        }

        /// A time that names one moment is what the zone shows at that moment.
        #[test]
        fn one_moment_shows_its_legal_time(legal in 0_i64..2_000_000_000) {
            let clock = clock("+02:00", "America/New_York");
            let moment = clock.to_measurement(legal * SECOND_MICRO).unwrap();
            let instant = Timestamp::from_second(moment.seconds - 7200).unwrap();
            let shown = TimeZoneDatabase::bundled().get("America/New_York").unwrap().to_datetime(instant);
            if moment.naming != Naming::Nonexistent {
                prop_assert_eq!(Offset::UTC.to_timestamp(shown).unwrap().as_second(), legal);
            }
        }
    }

    #[test]
    fn without_a_zone_two_hours_around_a_legal_time_are_in_doubt() {
        let unknown = LegalClock::new(&ClockConfig::default()).unwrap();
        assert_eq!(unknown.doubt_seconds(), 7_200);
        assert_eq!(clock("UTC", "Europe/London").doubt_seconds(), 0);
    }
}
