//! Text for a page: ids and texts from the data are hostile, numbers and dates look the same everywhere.

use std::fmt::Write as _;

/// Characters of an id that a list shows at most.
const SHORT: usize = 40;

/// Stands where there is no number.
pub(crate) const NONE: &str = "–";

/// Text that no markup, quote or change of direction can break out of, for content and quoted attributes alike.
///
/// Control characters and marks that turn the direction of writing around, which a reader could not see, are shown by
/// their numbers.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            c if is_hidden(c) => {
                let _ = write!(out, "[U+{:04X}]", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}')
}

/// An id in full, kept apart from the text around it where it could be of another direction.
pub(super) fn id(text: &str) -> String {
    if text.is_ascii() {
        escape(text)
    } else {
        format!("<bdi>{}</bdi>", escape(text))
    }
}

/// An id of which the middle is left out where it is long.
pub(super) fn short_id(text: &str) -> String {
    let length = text.chars().count();
    if length <= SHORT {
        return id(text);
    }
    let head: String = text.chars().take(SHORT / 2).collect();
    let tail: String = text.chars().skip(length - SHORT / 4).collect();
    id(&format!("{head}…{tail}"))
}

/// A number with so many decimals, digits in groups of three. What is not finite is [`NONE`].
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut out = String::new();
    if value < 0.0 && plain.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push('−');
    }
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Energy: decimals as its size deserves.
pub(super) fn kwh(value: f64) -> String {
    let decimals = match value.abs() {
        x if x >= 100.0 || x == 0.0 => 0,
        x if x >= 10.0 => 1,
        _ => 2,
    };
    number(value, decimals)
}

/// A count.
pub(crate) fn count(n: u64) -> String {
    number(n as f64, 0)
}

/// A share of 1 as percent; what is little is not said to be nothing.
pub(crate) fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.0005 {
        return "< 0.1\u{202f}%".to_owned();
    }
    let text = number(100.0 * share, usize::from(share != 0.0 && share.abs() < 0.0995));
    format!("{text}\u{202f}%")
}

/// A measured value without needless zeros, two decimals at most.
pub(super) fn value(value: f32) -> String {
    let text = number(f64::from(value), 2);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// `1 day`, `2 days`.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A calendar date of a day since 1970-01-01, where the calendar reaches so far.
pub(super) fn date(day: i32) -> Option<jiff::civil::Date> {
    let span = jiff::Span::new().try_days(day).ok()?;
    jiff::civil::date(1970, 1, 1).checked_add(span).ok()
}

/// `2024-05-03`.
pub(super) fn iso(day: i32) -> String {
    date(day).map_or_else(|| format!("day {day}"), |date| date.to_string())
}

/// `3 May 2024`.
pub(super) fn long_date(day: i32) -> String {
    date(day).map_or_else(
        || format!("day {day}"),
        |date| format!("{} {} {}", date.day(), month(date.month()), date.year()),
    )
}

/// `May`.
pub(super) fn month(number: i8) -> &'static str {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    usize::try_from(number - 1)
        .ok()
        .and_then(|at| MONTHS.get(at).copied())
        .unwrap_or("?")
}

/// A code as words: `ZERO_WHILE_ON` is `zero while on`.
pub(crate) fn words(code: &str) -> String {
    code.to_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_quotes_and_turned_text_stay_text() {
        assert_eq!(
            escape("</script><img src=x onerror=\"a('b')\">&`"),
            "&lt;/script&gt;&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;&amp;&#96;"
        );
        assert_eq!(
            escape("a\u{202e}b\u{0}c\nd\u{1e}"),
            "a[U+202E]b[U+0000]c[U+000A]d[U+001E]"
        );
        assert_eq!(escape("Zähler 7 שלום"), "Zähler 7 שלום");
    }

    #[test]
    fn a_long_id_keeps_its_ends() {
        assert_eq!(short_id("SP-1"), "SP-1");
        assert_eq!(id("שלום"), "<bdi>שלום</bdi>");
        let long = format!("{}{}", "a".repeat(10_000), "z".repeat(10));
        assert_eq!(
            short_id(&long),
            format!("<bdi>{}…{}</bdi>", "a".repeat(20), "z".repeat(10))
        );
        // A short one of forty characters, however many bytes they take, is whole.
        assert_eq!(
            short_id(&"ä".repeat(40)),
            format!("<bdi>{}</bdi>", "ä".repeat(40))
        );
    }

    #[test]
    fn numbers_by_hand() {
        for (value, decimals, text) in [
            (0.0, 0, "0"),
            (-0.0, 1, "0.0"),
            (-0.04, 1, "0.0"),
            (999.5, 0, "1\u{202f}000"),
            (1_234_567.891, 2, "1\u{202f}234\u{202f}567.89"),
            (-1234.0, 0, "−1\u{202f}234"),
            (f64::NAN, 2, "–"),
        ] {
            assert_eq!(number(value, decimals), text);
        }
        assert_eq!(
            (kwh(123.4), kwh(12.34), kwh(1.234)),
            ("123".into(), "12.3".into(), "1.23".into())
        );
        assert_eq!((kwh(0.0), percent(0.0)), ("0".into(), "0\u{202f}%".into()));
        assert_eq!(percent(0.0001), "< 0.1\u{202f}%");
        assert_eq!(
            (value(0.6), value(21.0), value(f32::NAN)),
            ("0.6".into(), "21".into(), "–".into())
        );
        assert_eq!(
            (percent(0.42), percent(0.005)),
            ("42\u{202f}%".into(), "0.5\u{202f}%".into())
        );
        assert_eq!(
            (counted(1, "day", "days"), counted(2, "day", "days")),
            ("1 day".into(), "2 days".into())
        );
    }

    #[test]
    fn dates_by_hand() {
        assert_eq!((iso(0), iso(19_846)), ("1970-01-01".into(), "2024-05-03".into()));
        assert_eq!(long_date(19_846), "3 May 2024");
        assert_eq!(
            (iso(i32::MIN), long_date(i32::MAX)),
            ("day -2147483648".into(), "day 2147483647".into())
        );
        assert_eq!(words("ZERO_WHILE_ON"), "zero while on");
    }
}
