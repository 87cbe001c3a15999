//! Times as text: ISO 8601, the formats of Oracle extracts, and formats from the config.
//!
//! Formats are written in Oracle's elements: `YYYY RR YY MM MON DD HH24 HH12 HH MI SS FF AM PM TZH TZM`; `[...]` is
//! optional, a space stands for any number of them, and other punctuation for itself. Whether day or month comes
//! first is never guessed from the values.

use super::clock::{FIRST_MICROS, LAST_MICROS, SECOND, ToClock};
use super::reject::RejectReason;

/// Formats that need no config, in the order in which they are tried.
const BUILT_IN: [&str; 4] = [
    "DD-MON-YYYY[ HH24:MI[:SS[.FF]]][ TZH:TZM]",
    "DD-MON-YYYY HH12:MI:SS[.FF] AM[ TZH:TZM]",
    "DD-MON-RR[ HH12.MI.SS[.FF] AM][ TZH:TZM]",
    "DD-MM-YYYY[ HH24:MI[:SS[.FF]]][ TZH:TZM]",
];

/// Reads times in the formats of one table.
#[derive(Debug, Clone)]
pub(crate) struct TimestampParser {
    configured: Vec<Vec<Item>>,
    built_in: Vec<Vec<Item>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// A number of `least` to `most` digits.
    Number {
        part: Part,
        least: usize,
        most: usize,
    },
    MonthName,
    Meridiem,
    OffsetHours,
    Literal(u8),
    Space,
    Optional(Vec<Item>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    ShortYear,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
    OffsetMinutes,
}

/// What a format has read so far.
#[derive(Debug, Clone, Default)]
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    afternoon: Option<bool>,
    /// Seconds east of UTC.
    offset: Option<i64>,
    /// Whether `offset` is west of UTC, which -00:30 does not show by its hours.
    west: bool,
}

impl TimestampParser {
    /// A parser of the built-in formats and `configured`; the error is what is wrong with a format.
    pub(crate) fn new(configured: &[String]) -> Result<Self, String> {
        let configured = configured
            .iter()
            .map(|format| compile(format))
            .collect::<Result<Vec<_>, _>>()?;
        let month_first = configured.iter().any(|format| puts_month_before_day(format));
        let built_in = BUILT_IN
            .iter()
            .filter(|format| !(month_first && format.starts_with("DD-MM-")))
            .map(|format| compile(format))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { configured, built_in })
    }

    /// Microseconds on the clock.
    pub(crate) fn parse(&self, text: &str, clock: &ToClock) -> Result<i64, RejectReason> {
        let text = text.trim();
        let fields = first_match(&self.configured, text)
            .or_else(|| iso_8601(text.as_bytes()))
            .or_else(|| first_match(&self.built_in, text))
            .ok_or(RejectReason::InvalidTimestamp)?;
        let micros = fields.civil_micros().ok_or(RejectReason::InvalidTimestamp)?;
        match fields.offset {
            Some(offset) => clock.instant(micros - offset * SECOND),
            None => clock.naive(micros),
        }
        .filter(|micros| (FIRST_MICROS..=LAST_MICROS).contains(micros))
        .ok_or(RejectReason::TimestampOutOfRange)
    }
}

fn first_match(formats: &[Vec<Item>], text: &str) -> Option<Fields> {
    formats.iter().find_map(|format| {
        let mut fields = Fields::default();
        let rest = run(format, text.as_bytes(), &mut fields)?;
        (rest.is_empty() && fields.civil_micros().is_some()).then_some(fields)
    })
}

impl Fields {
    /// Microseconds since 1970-01-01 00:00 as the text's own clock shows them; `None` if there is no such time.
    fn civil_micros(&self) -> Option<i64> {
        let hour = match self.afternoon {
            None => self.hour,
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
        };
        // 24:00 is the end of the day: meter data are stamped with the end of their interval.
        let end_of_day = hour == 24 && self.minute == 0 && self.second == 0 && self.micros == 0;
        if !end_of_day && (hour > 23 || self.minute > 59 || self.second > 59) {
            return None;
        }
        if self.offset.is_some_and(|offset| offset.abs() > 18 * 3_600) {
            return None;
        }
        let (year, month, day) = (
            i16::try_from(self.year).ok()?,
            i8::try_from(self.month).ok()?,
            i8::try_from(self.day).ok()?,
        );
        let date = jiff::civil::Date::new(year, month, day).ok()?;
        let days = date
            .duration_since(jiff::civil::Date::constant(1970, 1, 1))
            .as_hours()
            / 24;
        Some((days * 86_400 + hour * 3_600 + self.minute * 60 + self.second) * SECOND + self.micros)
    }

    fn set(&mut self, part: Part, value: i64, digits: usize) {
        match part {
            Part::Year => self.year = value,
            // Oracle's RR: 00 to 49 are of this century, 50 to 99 of the last.
            Part::ShortYear => self.year = value + if value < 50 { 2_000 } else { 1_900 },
            Part::Month => self.month = value,
            Part::Day => self.day = value,
            Part::Hour => self.hour = value,
            Part::Minute => self.minute = value,
            Part::Second => self.second = value,
            Part::Fraction => {
                self.micros = if digits <= 6 {
                    value * 10_i64.pow(6 - digits as u32)
                } else {
                    value / 10_i64.pow(digits as u32 - 6)
                };
            }
            Part::OffsetMinutes => {
                let seconds = value * 60;
                let hours = self.offset.unwrap_or(0);
                self.offset = Some(if self.west {
                    hours - seconds
                } else {
                    hours + seconds
                });
            }
        }
    }
}

/// Digits at the start of `text`, at most `most`: their value, their number and the rest.
fn number(text: &[u8], least: usize, most: usize) -> Option<(i64, usize, &[u8])> {
    let digits = text
        .iter()
        .take(most)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits < least {
        return None;
    }
    let value = text[..digits]
        .iter()
        .fold(0, |value, byte| value * 10 + i64::from(byte - b'0'));
    Some((value, digits, &text[digits..]))
}

/// Reads `items` from the start of `text` and returns the rest.
fn run<'a>(items: &[Item], mut text: &'a [u8], fields: &mut Fields) -> Option<&'a [u8]> {
    for item in items {
        text = match item {
            Item::Number { part, least, most } => {
                let (value, digits, rest) = number(text, *least, *most)?;
                fields.set(*part, value, digits);
                rest
            }
            Item::MonthName => {
                let name = text.get(..3)?;
                let position = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month))?;
                fields.month = position as i64 + 1;
                &text[3..]
            }
            Item::Meridiem => {
                let word = text.get(..2)?;
                fields.afternoon = Some(match word.to_ascii_uppercase().as_slice() {
                    b"AM" => false,
                    b"PM" => true,
                    _ => return None,
                });
                &text[2..]
            }
            Item::OffsetHours => {
                let sign = *text.first().filter(|byte| matches!(byte, b'+' | b'-'))?;
                let (hours, _, rest) = number(&text[1..], 1, 2)?;
                fields.west = sign == b'-';
                fields.offset = Some(if fields.west { -hours } else { hours } * 3_600);
                rest
            }
            Item::Literal(byte) => text.strip_prefix(std::slice::from_ref(byte))?,
            Item::Space => {
                let spaces = text.iter().take_while(|byte| **byte == b' ').count();
                if spaces == 0 {
                    return None;
                }
                &text[spaces..]
            }
            Item::Optional(inner) => {
                let mut tried = fields.clone();
                match run(inner, text, &mut tried) {
                    Some(rest) => {
                        *fields = tried;
                        rest
                    }
                    None => text,
                }
            }
        };
    }
    Some(text)
}

const MONTHS: [&[u8]; 12] = [
    b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC",
];

/// `YYYY-MM-DD`, then perhaps `T` or spaces and `HH:MM[:SS[.fff]]`, then perhaps `Z`, ` UTC` or an offset.
fn iso_8601(text: &[u8]) -> Option<Fields> {
    let mut fields = Fields::default();
    let (year, _, text) = number(text, 4, 4)?;
    let (month, _, text) = number(text.strip_prefix(b"-")?, 2, 2)?;
    let (day, _, text) = number(text.strip_prefix(b"-")?, 2, 2)?;
    (fields.year, fields.month, fields.day) = (year, month, day);
    if text.is_empty() {
        return Some(fields);
    }
    let text = match text.split_first()? {
        (b'T' | b't', rest) => rest,
        (b' ', rest) => rest.trim_ascii_start(),
        _ => return None,
    };
    let (hour, _, text) = number(text, 2, 2)?;
    let (minute, _, mut text) = number(text.strip_prefix(b":")?, 2, 2)?;
    (fields.hour, fields.minute) = (hour, minute);
    if let Some(rest) = text.strip_prefix(b":") {
        (fields.second, _, text) = number(rest, 2, 2)?;
        if let Some((b'.' | b',', rest)) = text.split_first() {
            let (value, digits, after) = number(rest, 1, 9)?;
            fields.set(Part::Fraction, value, digits);
            // Digits beyond nanoseconds are cut like those beyond microseconds.
            text = &after[after.iter().take_while(|byte| byte.is_ascii_digit()).count()..];
        }
    }
    let text = text.trim_ascii_start();
    match text {
        [] => return Some(fields),
        b"Z" | b"z" | b"UTC" => {
            fields.offset = Some(0);
            return Some(fields);
        }
        _ => {}
    }
    let rest = run(&[Item::OffsetHours], text, &mut fields)?;
    if rest.is_empty() {
        return Some(fields);
    }
    let (minutes, digits, rest) = number(rest.strip_prefix(b":").unwrap_or(rest), 2, 2)?;
    fields.set(Part::OffsetMinutes, minutes, digits);
    rest.is_empty().then_some(fields)
}

/// Elements of a format, those that start like another first.
const ELEMENTS: [(&str, Element); 16] = [
    ("YYYY", Element::Number(Part::Year, 4, 4)),
    ("RR", Element::Number(Part::ShortYear, 2, 2)),
    ("YY", Element::Number(Part::ShortYear, 2, 2)),
    ("MON", Element::Item(Item::MonthName)),
    ("MM", Element::Number(Part::Month, 1, 2)),
    ("MI", Element::Number(Part::Minute, 1, 2)),
    ("DD", Element::Number(Part::Day, 1, 2)),
    ("HH24", Element::Number(Part::Hour, 1, 2)),
    ("HH12", Element::Number(Part::Hour, 1, 2)),
    ("HH", Element::Number(Part::Hour, 1, 2)),
    ("SS", Element::Number(Part::Second, 1, 2)),
    ("FF", Element::Number(Part::Fraction, 1, 9)),
    ("AM", Element::Item(Item::Meridiem)),
    ("PM", Element::Item(Item::Meridiem)),
    ("TZH", Element::Item(Item::OffsetHours)),
    ("TZM", Element::Number(Part::OffsetMinutes, 2, 2)),
];

enum Element {
    Number(Part, usize, usize),
    Item(Item),
}

fn compile(format: &str) -> Result<Vec<Item>, String> {
    let mut open: Vec<Vec<Item>> = vec![Vec::new()];
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let level = open.len();
        let items = open
            .last_mut()
            .ok_or_else(|| format!("`{format}` closes `]` that is not open"))?;
        let element = ELEMENTS.iter().find(|(name, _)| {
            rest.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        });
        if let Some((name, element)) = element {
            items.push(match element {
                Element::Number(part, least, most) => Item::Number {
                    part: *part,
                    least: *least,
                    most: *most,
                },
                Element::Item(item) => item.clone(),
            });
            rest = &rest[name.len()..];
            continue;
        }
        rest = &rest[first.len_utf8()..];
        match first {
            '[' => open.push(Vec::new()),
            ']' if level > 1 => {
                let inner = open.pop().unwrap_or_default();
                if let Some(outer) = open.last_mut() {
                    outer.push(Item::Optional(inner));
                }
            }
            ']' => return Err(format!("`{format}` closes `]` that is not open")),
            ' ' => items.push(Item::Space),
            'T' => items.push(Item::Literal(b'T')),
            _ if first.is_ascii_punctuation() => items.push(Item::Literal(first as u8)),
            _ => return Err(format!("`{format}` has the unknown element `{first}{rest}`")),
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(items), true) => {
            let has = |wanted: &[Part]| {
                contains(
                    &items,
                    &|item| matches!(item, Item::Number { part, .. } if wanted.contains(part)),
                )
            };
            let month = has(&[Part::Month]) || contains(&items, &|item| *item == Item::MonthName);
            if !(has(&[Part::Day]) && month && has(&[Part::Year, Part::ShortYear])) {
                return Err(format!("`{format}` lacks a day, a month or a year"));
            }
            Ok(items)
        }
        _ => Err(format!("`{format}` does not close its `[`")),
    }
}

fn contains(items: &[Item], wanted: &dyn Fn(&Item) -> bool) -> bool {
    items.iter().any(|item| match item {
        Item::Optional(inner) => contains(inner, wanted),
        other => wanted(other),
    })
}

fn puts_month_before_day(items: &[Item]) -> bool {
    let position = |wanted: Part| {
        items
            .iter()
            .position(|item| matches!(item, Item::Number { part, .. } if *part == wanted))
    };
    // A format that starts with the year is no more ambiguous than ISO 8601.
    match (position(Part::Month), position(Part::Day), position(Part::Year)) {
        (Some(month), Some(day), Some(year)) => month < day && day < year,
        (Some(month), Some(day), None) => month < day,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::lake::clock::zone;

    fn clock() -> ToClock {
        ToClock::new(zone("z", "+01:00").unwrap(), None)
    }

    fn read(parser: &TimestampParser, text: &str) -> String {
        match parser.parse(text, &clock()) {
            Ok(micros) => Timestamp::from_microsecond(micros).unwrap().to_string(),
            Err(reason) => reason.code().to_owned(),
        }
    }

    #[test]
    fn formats_that_need_no_config() {
        let parser = TimestampParser::new(&[]).unwrap();
        for (text, expected) in [
            ("2024-01-31", "2024-01-31T00:00:00Z"),
            ("2024-01-31 13:45", "2024-01-31T13:45:00Z"),
            ("2024-01-31T13:45:07", "2024-01-31T13:45:07Z"),
            ("2024-01-31 13:45:07.5", "2024-01-31T13:45:07.5Z"),
            ("2024-01-31 13:45:07,123456789", "2024-01-31T13:45:07.123456Z"),
            ("2024-01-31T13:45:07.123456789012", "2024-01-31T13:45:07.123456Z"),
            ("2024-01-31 24:00", "2024-02-01T00:00:00Z"),
            // With an offset: brought to the clock, +01:00.
            ("2024-01-31T13:45:07Z", "2024-01-31T14:45:07Z"),
            ("2024-01-31 13:45:07 UTC", "2024-01-31T14:45:07Z"),
            ("2024-01-31T13:45:07+02:00", "2024-01-31T12:45:07Z"),
            ("2024-01-31T13:45:07-0330", "2024-01-31T18:15:07Z"),
            ("2024-01-31T13:45:07-00:30", "2024-01-31T15:15:07Z"),
            ("2024-01-31T13:45:07+01", "2024-01-31T13:45:07Z"),
            ("31-JAN-2024 13:45:07", "2024-01-31T13:45:07Z"),
            ("31-jan-2024", "2024-01-31T00:00:00Z"),
            ("31-JAN-24", "2024-01-31T00:00:00Z"),
            ("31-JAN-99", "1999-01-31T00:00:00Z"),
            ("31-JAN-24 11.45.00.000000 PM", "2024-01-31T23:45:00Z"),
            ("31-JAN-24 12.00.00.000000000 AM", "2024-01-31T00:00:00Z"),
            ("31-JAN-24 12.00.00 PM", "2024-01-31T12:00:00Z"),
            ("31-JAN-24 01.00.00.250000 PM +00:00", "2024-01-31T14:00:00.25Z"),
            ("31-JAN-2024 01:00:00 PM", "2024-01-31T13:00:00Z"),
            ("03-04-2024 05:06:07", "2024-04-03T05:06:07Z"),
            ("  03-04-2024 ", "2024-04-03T00:00:00Z"),
        ] {
            assert_eq!(read(&parser, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_read_as_one() {
        let parser = TimestampParser::new(&[]).unwrap();
        for text in [
            "",
            "yesterday",
            "2024-02-30",
            "2024-13-01",
            "2024-01-31 25:00",
            "2024-01-31 24:01",
            "2024-01-31 12:60",
            "2024-01-31 12:00:60",
            "2024-01-31T",
            "2024-01-31 12",
            "2024-01-31 12:00 +19:00",
            "2024-01-31x",
            "04/03/2024",
            "03/04/2024 05:06:07",
            "31-13-2024",
            "31-JAN-24 13.45.00 PM",
            "31-FOO-2024",
            "1706659200",
            "20240131",
            "31-JAN-2024 13:45:07 extra",
        ] {
            assert_eq!(read(&parser, text), "invalid_timestamp", "{text}");
        }
        assert_eq!(read(&parser, "0000-12-31"), "timestamp_out_of_range");
        assert!(parser.parse("9999-12-31 23:59:59", &clock()).is_ok());
        assert!(parser.parse("9999-12-31T23:59:59Z", &clock()).is_ok());
    }

    #[test]
    fn month_before_day_only_by_config_and_then_not_the_other_way_round() {
        let american = TimestampParser::new(&["MM-DD-YYYY[ HH24:MI:SS]".to_owned()]).unwrap();
        assert_eq!(read(&american, "03-04-2024 05:06:07"), "2024-03-04T05:06:07Z");
        assert_eq!(read(&american, "31-01-2024"), "invalid_timestamp");
        assert_eq!(read(&american, "31-JAN-2024"), "2024-01-31T00:00:00Z");
        let european =
            TimestampParser::new(&["DD/MM/YYYY HH24:MI".to_owned(), "YYYYMMDDTHH24MI".to_owned()]).unwrap();
        assert_eq!(read(&european, "3/4/2024 5:06"), "2024-04-03T05:06:00Z");
        assert_eq!(read(&european, "20240403T0506"), "2024-04-03T05:06:00Z");
        assert_eq!(read(&european, "03-04-2024"), "2024-04-03T00:00:00Z");
    }

    #[test]
    fn a_wrong_format_says_what_is_wrong_with_it() {
        for (format, problem) in [
            ("DD.MM.JJJJ", "`DD.MM.JJJJ` has the unknown element `JJJJ`"),
            ("DD-MM-YYYY]", "`DD-MM-YYYY]` closes `]` that is not open"),
            ("DD-MM-YYYY[ HH24", "`DD-MM-YYYY[ HH24` does not close its `[`"),
            ("HH24:MI", "`HH24:MI` lacks a day, a month or a year"),
        ] {
            assert_eq!(TimestampParser::new(&[format.to_owned()]).unwrap_err(), problem);
        }
    }

    proptest! {
        #[test]
        fn every_way_to_write_a_time_reads_as_that_time(seconds in 0_i64..4_000_000_000, micros in 0_i64..1_000_000) {
            let parser = TimestampParser::new(&[]).unwrap();
            let clock = ToClock::new(jiff::tz::TimeZone::UTC, None);
            let time = Timestamp::from_microsecond(seconds * SECOND + micros).unwrap();
            let civil = jiff::tz::TimeZone::UTC.to_datetime(time);
            for text in [
                time.to_string(),
                civil.to_string(),
                civil.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00").to_string(),
                civil.strftime("%d-%b-%Y %H:%M:%S%.6f").to_string().to_uppercase(),
                civil.strftime("%d-%m-%Y %H:%M:%S%.6f").to_string(),
                civil.strftime("%d-%b-%Y %I:%M:%S%.6f %p").to_string(),
            ] {
                prop_assert_eq!(parser.parse(&text, &clock), Ok(time.as_microsecond()), "{}", text);
            }
        }
    }
}
