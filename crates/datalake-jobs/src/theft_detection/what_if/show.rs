//! The counts, for people and for machines.

use std::fmt::Write as _;

use datalake_transforms::rules::Rule;
use serde_json::json;

use super::{Counted, Counts, SCORE, WhatIf};
use crate::theft_detection::summary::grid;

impl WhatIf {
    /// A table for each key; what the config says is marked.
    pub(super) fn table(&self, counted: &Counted) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{} cases as configured (*); nothing was written",
            counted.configured.cases
        );
        let rows: Vec<_> = self.values.iter().zip(&counted.values).collect();
        for rows in rows.chunk_by(|a, b| a.0.key == b.0.key) {
            let value = &rows[0].0;
            let rule = value
                .rule
                .map_or(String::new(), |rule| format!(" ({})", rule.code()));
            let _ = writeln!(out, "\n{}{rule}", value.key);
            let header = header("value", value.rule.is_some(), &counted.configured);
            let cells = rows.iter().map(|(value, counts)| {
                let mark = if value.configured { " *" } else { "" };
                cells(format!("{}{mark}", value.text), counts)
            });
            out.push_str(&grid(&header, cells.collect()));
        }
        let _ = writeln!(out, "\nthe best of {} with a hit, by {SCORE}", counted.suspected);
        let mut header = header("threshold", false, &counted.configured);
        header.insert(0, "wanted");
        let best = counted.best.iter().map(|best| {
            let per = if best.per == "week" { " a week" } else { "" };
            let mut row = vec![format!("{}{per}", best.wanted)];
            row.extend(match (best.case_threshold, &best.counts) {
                (Some(threshold), Some(counts)) => cells(threshold.to_string(), counts),
                _ => vec!["-".to_owned(); header.len() - 1],
            });
            row
        });
        let best: Vec<Vec<String>> = best.collect();
        out.push_str(&grid(&header, best));
        let _ = writeln!(out, "\ncases as configured by week");
        let weeks = counted.weeks.iter().map(|week| {
            vec![
                week.from.clone(),
                week.onsets.to_string(),
                week.last_seen.to_string(),
            ]
        });
        out.push_str(&grid(&["week from", "onsets", "last seen"], weeks.collect()));
        out
    }

    /// One JSON object, pretty, that ends in a line break.
    pub(super) fn json(&self, counted: &Counted) -> String {
        let values = self.values.iter().zip(&counted.values);
        let values = values.map(|(value, counts)| {
            let mut of = json!({
                "key": value.key,
                "rule": value.rule.map(Rule::code),
                "value": value.text,
                "configured": value.configured,
            });
            if let (Some(of), Some(counts)) = (of.as_object_mut(), json!(counts).as_object_mut()) {
                of.append(counts);
            }
            of
        });
        let all = json!({
            "suspected": counted.suspected,
            "configured": counted.configured,
            "values": values.collect::<Vec<_>>(),
            "best": counted.best,
            "weeks": counted.weeks,
        });
        format!("{all:#}\n")
    }
}

fn header(first: &'static str, of_rule: bool, counts: &Counts) -> Vec<&'static str> {
    let mut header = vec![first];
    header.extend(of_rule.then_some("hits"));
    header.extend(["cases", "onsets a week"]);
    if counts.inspected.is_some() {
        header.extend(["inspected", "theft"]);
    }
    header
}

fn cells(first: String, counts: &Counts) -> Vec<String> {
    let mut cells = vec![first];
    cells.extend(counts.hits.map(|hits| hits.to_string()));
    cells.extend([counts.cases.to_string(), format!("{:.1}", counts.onsets_a_week)]);
    cells.extend(
        [counts.inspected, counts.thefts]
            .into_iter()
            .flatten()
            .map(|n| n.to_string()),
    );
    cells
}
