//! What a run prints on standard output: where the rows went, what was noticed, and the first cases.

use std::fmt::Write as _;

use arrow::array::{Array, AsArray, ListArray, RecordBatch, StructArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, UInt32Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datalake_transforms::accounting::RowCounts;
use datalake_transforms::findings::{Findings, Severity};

use super::extract::TableRows;

/// Cases that the summary shows.
const FIRST_CASES: usize = 10;

/// Findings that the summary shows.
const FIRST_FINDINGS: usize = 20;

/// The summary as plain text that ends in a line break.
#[must_use]
pub(super) fn text(
    counts: &RowCounts,
    tables: &[TableRows],
    findings: &Findings,
    cases: &RecordBatch,
    scored: usize,
) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "measurements: {} rows read = {} used + {} superseded + {} out of scope + {} rejected",
        counts.read,
        counts.used,
        counts.superseded,
        counts.out_of_scope.values().sum::<u64>(),
        counts.rejected.values().sum::<u64>(),
    );
    for (what, reasons) in [
        ("out of scope", &counts.out_of_scope),
        ("rejected", &counts.rejected),
    ] {
        for (reason, rows) in reasons {
            let _ = writeln!(out, "  {what}: {rows} {reason}");
        }
    }
    for table in tables {
        let _ = write!(out, "{}: {} rows read", table.table, table.read);
        let _ = match table.rejected {
            0 => writeln!(out),
            rejected => writeln!(out, ", {rejected} rejected"),
        };
    }
    let shown: Vec<_> = findings.iter().filter(|f| f.severity > Severity::Note).collect();
    if !shown.is_empty() {
        let _ = writeln!(out, "\nfindings (all of them in the table `findings`):");
        let rows = shown.iter().take(FIRST_FINDINGS).map(|f| {
            vec![
                f.severity.name().to_owned(),
                f.table.clone(),
                f.code.clone(),
                f.rows.to_string(),
                f.example_key.clone(),
            ]
        });
        out.push_str(&grid(
            &["severity", "table", "code", "rows", "example"],
            rows.collect(),
        ));
    }
    let _ = writeln!(out, "\n{} suspected of {scored} service points", cases.num_rows());
    if cases.num_rows() > 0 {
        out.push_str(&grid(
            &["rank", "service point", "score", "onset", "lost kWh", "reasons"],
            case_rows(cases),
        ));
        if cases.num_rows() > FIRST_CASES {
            let _ = writeln!(
                out,
                "({} more in the table `theft_cases`)",
                cases.num_rows() - FIRST_CASES
            );
        }
    }
    out
}

fn case_rows(cases: &RecordBatch) -> Vec<Vec<String>> {
    let column = |name: &str| cases.column_by_name(name);
    let (Some(rank), Some(point), Some(component), Some(score), Some(onset), Some(lost), Some(reasons)) = (
        column("rank"),
        column("service_point_id"),
        column("measuring_component_id"),
        column("score"),
        column("onset_date"),
        column("lost_kwh"),
        column("reasons"),
    ) else {
        return Vec::new();
    };
    let point = point.as_string::<i32>();
    let onset = onset.as_primitive::<Date32Type>();
    let lost_kwh = lost.as_primitive_opt::<Decimal128Type>();
    let date = ArrayFormatter::try_new(onset, &FormatOptions::default());
    (0..cases.num_rows().min(FIRST_CASES))
        .map(|row| {
            vec![
                rank.as_primitive::<UInt32Type>().value(row).to_string(),
                if point.is_null(row) {
                    format!("(none; meter {})", component.as_string::<i32>().value(row))
                } else {
                    point.value(row).to_owned()
                },
                format!("{:.3}", score.as_primitive::<Float64Type>().value(row)),
                date.as_ref()
                    .map_or_else(|_| String::new(), |date| date.value(row).to_string()),
                match lost_kwh {
                    Some(lost) if lost.is_valid(row) => format!("{:.1}", lost.value(row) as f64 / 1e6),
                    _ => "-".to_owned(),
                },
                reason_codes(reasons.as_list(), row),
            ]
        })
        .collect()
}

fn reason_codes(reasons: &ListArray, row: usize) -> String {
    let reasons = reasons.value(row);
    let reasons: &StructArray = reasons.as_struct();
    let Some(codes) = reasons.column_by_name("code") else {
        return String::new();
    };
    codes
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// Columns padded to their widest cell; the last one is not padded.
pub(super) fn grid(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut lines = vec![header.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>()];
    lines.extend(rows);
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        out.push_str("  ");
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_pads_all_but_the_last_column() {
        let rows = vec![
            vec!["1".to_owned(), "a".to_owned()],
            vec!["10".to_owned(), "long text".to_owned()],
        ];
        assert_eq!(
            grid(&["rank", "why"], rows),
            "  rank  why\n  1     a\n  10    long text\n"
        );
    }
}
