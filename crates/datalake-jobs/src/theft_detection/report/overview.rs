//! The overview: what was judged, what is suspected, and what the data are worth.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, UInt32Type};
use datalake_transforms::findings::Severity;

use super::cases::{CaseRow, bug, column};
use super::charts::columns::{Column, FULL, HALF, bar, chart};
use super::{Report, text};
use crate::theft_detection::error::JobError;

/// Bands of the score distribution.
const BANDS: usize = 40;

/// Months of the chart of onsets at most.
const MONTHS: usize = 36;

/// The whole overview.
pub(super) fn html(report: &Report<'_>, cases: &[CaseRow]) -> Result<String, JobError> {
    let totals = totals(report, cases);
    let reasons = reasons(cases);
    let onsets = onsets(cases);
    let scores = scores(report)?;
    let quality = quality(report)?;
    let findings = findings(report);
    let peers = peers(report);
    let config = config(report);
    Ok(format!(
        "<section id=overview aria-labelledby=h-overview><h2 id=h-overview>Overview</h2>{totals}\
         <div class=two>{reasons}{onsets}</div>{scores}\
         <div class=two>{quality}<div>{config}{peers}</div></div>{findings}</section>"
    ))
}

fn totals(report: &Report<'_>, cases: &[CaseRow]) -> String {
    let mut meters: Vec<u32> = report
        .assessment
        .evidence()
        .iter()
        .map(|stay| stay.component)
        .collect();
    meters.sort_unstable();
    meters.dedup();
    let scored = report.assessment.scores.num_rows();
    let known: Vec<_> = cases.iter().filter_map(|case| case.lost).collect();
    let sum = |get: &dyn Fn(&super::cases::Lost) -> f64| known.iter().map(get).sum::<f64>();
    let mut tiles = vec![
        (text::count(scored as u64), "service points judged".to_owned()),
        (text::count(meters.len() as u64), "meters judged".to_owned()),
        (
            text::count(cases.len() as u64),
            format!(
                "cases, {} of the service points",
                if scored == 0 {
                    text::NONE.to_owned()
                } else {
                    text::percent(cases.len() as f64 / scored as f64)
                }
            ),
        ),
        (
            format!("{} kWh", text::number(sum(&|lost| lost.kwh), 0)),
            format!(
                "suspected loss; the cases’ own p10 – p90 add up to {} – {}",
                text::number(sum(&|lost| lost.p10), 0),
                text::number(sum(&|lost| lost.p90), 0)
            ),
        ),
    ];
    if let Some(tariff) = report.config.rules.tariff_per_kwh {
        tiles.push((
            text::number(sum(&|lost| lost.amount.unwrap_or(0.0)), 2),
            format!("suspected loss at {} a kWh", text::number(tariff, 4)),
        ));
    }
    let tiles: String = tiles
        .iter()
        .map(|(value, name)| format!("<div><dt>{name}<dd>{value}</div>"))
        .collect();
    format!("<dl class=tiles>{tiles}</dl>")
}

/// Cases by reason; a case with several counts in each.
fn reasons(cases: &[CaseRow]) -> String {
    let mut counts = BTreeMap::<&str, u64>::new();
    for code in cases.iter().flat_map(|case| &case.reasons) {
        *counts.entry(code).or_default() += 1;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|&(code, n)| (std::cmp::Reverse(n), code));
    let most = counts.first().map_or(1, |first| first.1) as f64;
    let rows: String = counts
        .iter()
        .map(|&(code, n)| {
            format!(
                "<tr><th scope=row>{}<td class=r>{}<td>{}",
                text::escape(&text::words(code)),
                text::count(n),
                bar(n as f64 / most)
            )
        })
        .collect();
    format!(
        "<section><h3>Cases by reason</h3><p class=small>A case with several reasons counts in each.</p><table class=bars><thead class=hide>\
         <tr><th scope=col>Reason<th scope=col>Cases<th scope=col>Bar<tbody>{rows}</table></section>"
    )
}

/// Cases by month of onset; earlier ones than the chart has room for stand together in its first column.
fn onsets(cases: &[CaseRow]) -> String {
    let month =
        |day: i32| text::date(day).map(|date| i32::from(date.year()) * 12 + i32::from(date.month()) - 1);
    let months: Vec<i32> = cases.iter().filter_map(|case| month(case.onset)).collect();
    let (Some(&first), Some(&last)) = (months.iter().min(), months.iter().max()) else {
        return String::new();
    };
    let first = first.max(last - MONTHS as i32 + 1);
    let name = |month: i32| {
        format!(
            "{} {}",
            text::month((month.rem_euclid(12) + 1) as i8),
            month.div_euclid(12)
        )
    };
    let columns: Vec<Column> = (first..=last)
        .map(|at| {
            let n = months.iter().filter(|&&month| month.max(first) == at).count();
            let earlier = at == first && months.iter().any(|&month| month < first);
            let label = if earlier {
                format!("to {}", name(at))
            } else {
                name(at)
            };
            (label, n as u64, false)
        })
        .collect();
    let every = columns.len().div_ceil(6);
    let label = "Cases by month of onset.";
    format!(
        "<section><h3>Cases by month of onset</h3>{}{}</section>",
        chart(HALF, &columns, every, false, label),
        numbers(&columns, "Month", "Cases")
    )
}

/// The numbers of a chart as a table that is shown on demand.
fn numbers(columns: &[Column], what: &str, counted: &str) -> String {
    let rows: String = columns
        .iter()
        .filter(|column| column.1 > 0)
        .map(|(name, n, _)| {
            format!(
                "<tr><th scope=row>{}<td class=r>{}",
                text::escape(name),
                text::count(*n)
            )
        })
        .collect();
    format!(
        "<details><summary>The numbers</summary><table><thead><tr><th scope=col>{what}<th scope=col class=r>{counted}<tbody>{rows}</table></details>"
    )
}

/// Service points by score, those of cases in another colour.
fn scores(report: &Report<'_>) -> Result<String, JobError> {
    let scores = column(&report.assessment.scores, "score")?;
    let scores = scores
        .as_primitive_opt::<Float64Type>()
        .ok_or_else(|| bug("score"))?;
    let mut counts = [0_u64; BANDS];
    for &score in scores.values() {
        counts[((score * BANDS as f64) as usize).min(BANDS - 1)] += 1;
    }
    let threshold = report.config.rules.case_threshold;
    let edge = |band: usize| band as f64 / BANDS as f64;
    let columns: Vec<Column> = counts
        .iter()
        .enumerate()
        .map(|(band, &n)| {
            let name = text::number(edge(band), 3);
            (
                name.trim_end_matches('0').trim_end_matches('.').to_owned(),
                n,
                edge(band) >= threshold - 1e-9,
            )
        })
        .collect();
    let cases = report.assessment.cases.num_rows() as u64;
    let label = format!(
        "Service points by score: {} below the threshold of {threshold}, {} at or above it.",
        text::count(scores.len() as u64 - cases),
        text::count(cases)
    );
    Ok(format!(
        "<section><h3>Service points by score</h3><p class=small>{label} The scale of counts is logarithmic.</p>{}{}</section>",
        chart(FULL, &columns, 4, true, &label),
        numbers(&columns, "Score from", "Service points")
    ))
}

/// Where the rows went, and how much of the values is actual.
fn quality(report: &Report<'_>) -> Result<String, JobError> {
    let counts = report.counts;
    let total = counts.read.max(1) as f64;
    let mut rows = String::new();
    let mut row = |name: &str, n: u64, detail: bool| {
        let class = if detail { " class=detail" } else { "" };
        rows.push_str(&format!(
            "<tr{class}><th scope=row>{}<td class=r>{}<td class=r>{}",
            text::escape(name),
            text::count(n),
            text::percent(n as f64 / total)
        ));
    };
    row("measurements read", counts.read, false);
    row("used", counts.used, false);
    row("superseded by newer rows", counts.superseded, false);
    row("out of scope", counts.out_of_scope.values().sum(), false);
    for (reason, n) in &counts.out_of_scope {
        row(&text::words(reason), *n, true);
    }
    row("rejected", counts.rejected.values().sum(), false);
    for (reason, n) in &counts.rejected {
        row(&text::words(reason), *n, true);
    }
    for table in report.tables {
        rows.push_str(&format!(
            "<tr><th scope=row>{} read<td class=r>{}<td class=r>{}",
            text::escape(table.table),
            text::count(table.read),
            if table.rejected > 0 {
                format!("{} rejected", text::count(table.rejected))
            } else {
                String::new()
            }
        ));
    }
    let mut sentence = String::new();
    for (name, what) in [
        ("actual_share", "actual"),
        ("estimated_share", "estimated"),
        ("missing_share", "missing"),
    ] {
        let share = mean_share(report, name)?;
        if let Some(share) = share {
            sentence += &format!(
                "{}{} {what}",
                if sentence.is_empty() {
                    "Of the values of a meter, on average "
                } else {
                    ", "
                },
                text::percent(share)
            );
        }
    }
    if !sentence.is_empty() {
        sentence.push('.');
    }
    Ok(format!(
        "<section><h3>Data</h3><p class=small>{sentence}</p><table class=num><thead class=hide><tr><th scope=col>Rows<th scope=col>Count\
         <th scope=col>Share<tbody>{rows}</table></section>"
    ))
}

/// A share of the features, meters weighed by their days.
fn mean_share(report: &Report<'_>, name: &str) -> Result<Option<f64>, JobError> {
    let shares = column(report.features, name)?;
    let shares = shares
        .as_primitive_opt::<Float64Type>()
        .ok_or_else(|| bug(name))?;
    let days = column(report.features, "days")?;
    let days = days.as_primitive_opt::<UInt32Type>().ok_or_else(|| bug("days"))?;
    let (mut sum, mut all) = (0.0, 0.0);
    for row in (0..shares.len()).filter(|&row| shares.is_valid(row)) {
        sum += shares.value(row) * f64::from(days.value(row));
        all += f64::from(days.value(row));
    }
    Ok((all > 0.0).then(|| sum / all))
}

fn findings(report: &Report<'_>) -> String {
    let mut by_severity = String::new();
    for severity in [Severity::Rejected, Severity::Warning, Severity::Note] {
        let found: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .collect();
        if !found.is_empty() {
            let rows: u64 = found.iter().map(|finding| finding.rows).sum();
            by_severity += &format!(
                "<li><span class=\"tag {0}\">{0}</span> {1}, {2}",
                severity.name(),
                text::counted(found.len() as u64, "kind", "kinds"),
                text::counted(rows, "row", "rows")
            );
        }
    }
    let mut all: Vec<_> = report.findings.iter().collect();
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let rows: String = all
        .iter()
        .map(|finding| {
            format!(
                "<tr><td><span class=\"tag {0}\">{0}</span><th scope=row>{1}<td>{2}<td class=r>{3}<td>{4}<td>{5}",
                finding.severity.name(),
                text::escape(&text::words(&finding.code)),
                text::escape(&finding.table),
                text::count(finding.rows),
                text::escape(&finding.message),
                text::short_id(&finding.example_key)
            )
        })
        .collect();
    if rows.is_empty() {
        return "<section><h3>Findings about the input</h3><p class=small>None.</p></section>".to_owned();
    }
    format!(
        "<section><h3>Findings about the input</h3><ul class=inline>{by_severity}</ul><details><summary>All findings</summary><div class=scroll>\
         <table><thead><tr><th scope=col>Severity<th scope=col>Finding<th scope=col>Table<th scope=col class=r>Rows<th scope=col>What it means\
         <th scope=col>Example<tbody>{rows}</table></div></details></section>"
    )
}

/// Peer groups that have members.
fn peers(report: &Report<'_>) -> String {
    let rows: String = report
        .peers
        .groups()
        .iter()
        .filter(|group| group.members > 0)
        .map(|group| {
            let usual = group
                .ln_mean_median
                .map_or_else(|| text::NONE.to_owned(), |ln| text::kwh(ln.exp()));
            let index = if group.index.is_some() {
                "yes"
            } else {
                "too few: a wider group serves"
            };
            format!(
                "<tr><th scope=row>{}<td class=r>{}<td class=r>{usual}<td>{index}",
                text::short_id(&group.name),
                text::count(group.members)
            )
        })
        .collect();
    format!(
        "<section><h3>Peer groups</h3><details><summary>Who is compared with whom</summary><div class=scroll><table><thead><tr><th scope=col>Group\
         <th scope=col class=r>Stays of 28 whole days or more<th scope=col class=r>Median kWh a day<th scope=col>Has an index<tbody>{rows}\
         </table></div></details></section>"
    )
}

/// The settings that decide most.
fn config(report: &Report<'_>) -> String {
    let rules = &report.config.rules;
    let window = &report.config.window;
    let bound = |day: i32, open: i32| {
        if day == open {
            "all that there are".to_owned()
        } else {
            text::iso(day)
        }
    };
    let last = if window.end == i32::MAX {
        i32::MAX
    } else {
        window.end - 1
    };
    let facts = [
        ("A case needs a score of", text::number(rules.case_threshold, 2)),
        (
            "Tariff a kWh",
            rules
                .tariff_per_kwh
                .map_or_else(|| "none: no amounts".to_owned(), |tariff| text::number(tariff, 4)),
        ),
        (
            "Loss is counted back for",
            text::counted(rules.back_billing_months.into(), "month", "months"),
        ),
        (
            "A baseline needs",
            text::counted(rules.baseline_days.into(), "whole day", "whole days"),
        ),
        (
            "A peer group needs",
            text::counted(rules.min_peers.into(), "stay", "stays"),
        ),
        ("First day judged", bound(window.start, i32::MIN)),
        ("Last day judged", bound(last, i32::MAX)),
        (
            "Clock of measurements",
            text::escape(&report.config.lake.measurement_time_zone),
        ),
        (
            "Clock of install events",
            report.config.lake.install_time_zone.as_deref().map_or_else(
                || "not known: two hours around installs, removals and switches decide nothing".to_owned(),
                text::escape,
            ),
        ),
    ];
    let facts: String = facts
        .iter()
        .map(|(name, value)| format!("<tr><th scope=row>{name}<td>{value}"))
        .collect();
    format!("<section><h3>Settings</h3><table>{facts}</table></section>")
}
