//! The ranked list, a row a case: readable as it stands, searched and sorted by the page's own code.

use super::cases::CaseRow;
use super::text;

/// Rows that are shown at a time. Those beyond stand in a table for browsers without scripts, which others keep as text
/// until it is needed.
pub(super) const PAGE_ROWS: usize = 100;

/// Columns: key in the address, heading, class.
const COLUMNS: [(&str, &str, &str); 9] = [
    ("rank", "Rank", "r"),
    ("id", "Service point", ""),
    ("device", "Device", ""),
    ("score", "Score", "r"),
    ("onset", "Onset", ""),
    ("reason", "Reasons", ""),
    ("lost_kwh", "Lost kWh", "r"),
    ("lost_kwh_p90", "p10 – p90", "r"),
    ("actual_share", "Usable", "r"),
];

/// A tariff gives one more.
const AMOUNT: (&str, &str, &str) = ("lost_amount", "Worth", "r");

/// The table, and another one of the rows beyond the first page.
pub(super) fn table(cases: &[CaseRow], with_amount: bool) -> String {
    let (first, rest) = cases.split_at(PAGE_ROWS.min(cases.len()));
    let mut out = String::from(
        "<table id=list class=list><caption class=hide>Cases by rank; a heading sorts by its column.</caption>",
    );
    part(&mut out, first, with_amount);
    out += "</table>";
    if !rest.is_empty() {
        out += "<noscript><table class=list><caption>Further cases</caption>";
        part(&mut out, rest, with_amount);
        out += "</table></noscript>";
    }
    out
}

fn part(out: &mut String, cases: &[CaseRow], with_amount: bool) {
    *out += "<thead><tr>";
    for (key, name, class) in COLUMNS.into_iter().chain(with_amount.then_some(AMOUNT)) {
        let class = if class.is_empty() {
            String::new()
        } else {
            format!(" class={class}")
        };
        let sorted = if key == "rank" { " aria-sort=ascending" } else { "" };
        *out += &format!("<th scope=col data-k={key}{class}{sorted}><span>{name}</span>");
    }
    *out += "<tbody>";
    for case in cases {
        row(out, case, with_amount);
    }
}

fn row(out: &mut String, case: &CaseRow, with_amount: bool) {
    let none = || text::NONE.to_owned();
    let reasons: Vec<String> = case
        .reasons
        .iter()
        .map(|code| text::escape(&text::words(code)))
        .collect();
    let (lost, band, amount) = case.lost.map_or_else(
        || (none(), none(), none()),
        |lost| {
            (
                text::number(lost.kwh, 0),
                format!("{} – {}", text::number(lost.p10, 0), text::number(lost.p90, 0)),
                lost.amount.map_or_else(none, |amount| text::number(amount, 2)),
            )
        },
    );
    *out += &format!(
        "<tr><td>{}<th scope=row><a href=#case={}>{}</a><td>{}<td>{}<td>{}<td>{}<td>{lost}<td>{band}<td>{}",
        case.rank,
        text::escape(&case.case_id),
        text::short_id(case.subject()),
        case.device.as_deref().map_or_else(none, text::short_id),
        text::number(case.score, 3),
        text::iso(case.onset),
        reasons.join(", "),
        text::percent(case.actual_share),
    );
    if with_amount {
        *out += "<td>";
        *out += &amount;
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::Lost;
    use super::*;

    pub(in super::super) fn case(rank: usize, id: &str) -> CaseRow {
        CaseRow {
            case_id: format!("{rank:016x}"),
            rank,
            service_point: Some(id.to_owned()),
            device: Some("D\"1".to_owned()),
            component: "MC".to_owned(),
            score: 0.987_6,
            onset: 19_846,
            last: 19_900,
            reasons: vec!["ZERO_WHILE_ON".to_owned(), "FLATLINE".to_owned()],
            lost: Some(Lost {
                expected: 2000.0,
                actual: 500.0,
                kwh: 1500.4,
                p10: 1200.0,
                p90: 1800.0,
                amount: Some(375.1),
            }),
            actual_share: 0.93,
            days_observed: 365,
        }
    }

    #[test]
    fn a_row_by_hand() {
        let table = table(&[case(1, "</a><script>")], true).replace('\u{202f}', "_");
        assert!(
            table.ends_with(
                "<tbody><tr><td>1<th scope=row><a href=#case=0000000000000001>&lt;/a&gt;&lt;script&gt;</a><td>D&quot;1\
                 <td>0.988<td>2024-05-03<td>zero while on, flatline<td>1_500<td>1_200 – 1_800<td>93_%<td>375.10</table>"
            ),
            "{table}"
        );
    }

    #[test]
    fn rows_beyond_the_first_page_stand_apart() {
        let cases: Vec<CaseRow> = (1..=101).map(|rank| case(rank, "SP")).collect();
        let table = table(&cases, false);
        let (first, rest) = table.split_once("<noscript>").unwrap_or_default();
        assert_eq!(first.matches("<a href").count(), 100);
        assert_eq!(rest.matches("<a href").count(), 1);
        assert!(rest.contains("#case=0000000000000065"), "{rest}");
        assert_eq!(super::table(&[], false).matches("<tbody>").count(), 1);
    }
}
