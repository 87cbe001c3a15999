//! The evaluation as a part of a page, and as a page of its own.

// A template beside its values reads as the markup that it becomes.
#![allow(clippy::format_collect, clippy::format_push_string)]

use super::curves::Curve;
use super::metrics::Calibration;
use super::report::{Report, Spread};
use crate::synthetic::truth::HONEST;
use crate::theft_detection::report::{page, text};

/// A file that needs nothing else.
pub(super) fn page(report: &Report) -> String {
    let mut out = page::begin("How good the list is", None);
    out += "<header class=top><h1>How good the list is</h1><p class=sub>Scores and cases of service points beside what is known of them.</p>\
            </header>\n<main>\n";
    out += &section(report);
    out += "</main>\n</body>\n</html>\n";
    out
}

/// The figures with their curves.
pub(crate) fn section(report: &Report) -> String {
    format!(
        "<section aria-labelledby=h-quality><h2 id=h-quality>How good is this list?</h2>{}{}<div class=two>{}{}</div><div class=two><div>{}</div><div>{}</div></div>{}{}</section>",
        lead(report),
        tiles(report),
        gains(report),
        precision_recall(report),
        calibration("Scores as probabilities", report.calibration.as_ref()),
        calibration("The model’s probabilities", report.model_calibration.as_ref()),
        tables(report),
        cases(report),
    )
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| text::NONE.to_owned(), |value| text::number(value, 3))
}

fn kwh(value: Option<f64>) -> String {
    value.map_or_else(|| text::NONE.to_owned(), |value| text::number(value, 0))
}

fn lead(report: &Report) -> String {
    let count = |n: usize| text::count(n as u64);
    let mut lead = format!(
        "Of {} with an answer, {} are theft.",
        text::counted(report.service_points as u64, "service point", "service points"),
        count(report.thieves),
    );
    if report.without_label > 0 {
        lead += &format!(
            " {} more have a score and no answer.",
            count(report.without_label)
        );
    }
    if report.without_score > 0 {
        lead += &format!(
            " {} have an answer and no score: they count as 0.",
            count(report.without_score)
        );
    }
    if let Some(rows) = report.without_answer.filter(|rows| *rows > 0) {
        lead += &format!(
            " {} ended without an answer (a fault, or nobody at home).",
            text::counted(rows, "inspection", "inspections")
        );
    }
    format!("<p class=lead>{lead}</p>")
}

fn tiles(report: &Report) -> String {
    let mut tiles = vec![
        (
            share(report.auc),
            "AUC: the chance that a thief stands above an honest customer",
        ),
        (share(report.average_precision), "average precision"),
        (
            share(report.map_at_100),
            "MAP@100, which ignores thieves below the first 100",
        ),
        (share(report.map_at_200), "MAP@200"),
        (
            share(report.tpr_at_1pct_fpr),
            "of the thieves found where 1 % of the honest are",
        ),
    ];
    if let Some(calibration) = &report.calibration {
        tiles.push((
            text::number(calibration.brier, 3),
            "Brier score of the scores, 0 is best",
        ));
    }
    let tiles: String = tiles
        .iter()
        .map(|(value, name)| format!("<div><dt>{name}<dd>{value}</div>"))
        .collect();
    format!("<dl class=tiles>{tiles}</dl>")
}

fn gains(report: &Report) -> String {
    if report.thieves == 0 {
        return String::new();
    }
    let (all, thieves) = (report.service_points as f64, report.thieves as f64);
    let mut points = vec![(0.0, 0.0)];
    points.extend(
        report
            .gains
            .iter()
            .map(|at| (at.inspections as f64 / all, at.thefts as f64 / thieves)),
    );
    Curve {
        label: "Share of the thefts found by share of the list inspected, from the top; the straight line is a list in no order.",
        axes: ("Share of the list inspected", "Thefts found by inspecting the first"),
        points: &points,
        marked: false,
        beside: ((0.0, 0.0), (1.0, 1.0)),
    }
    .svg()
}

fn precision_recall(report: &Report) -> String {
    if report.thieves == 0 {
        return String::new();
    }
    let thieves = report.thieves as f64;
    let found = report.gains.iter().filter(|at| at.thefts > 0);
    let points: Vec<(f64, f64)> = found
        .map(|at| {
            (
                at.thefts as f64 / thieves,
                at.thefts as f64 / at.inspections as f64,
            )
        })
        .collect();
    let usual = thieves / report.service_points as f64;
    Curve {
        label: "Share of inspections that find theft (precision) by share of the thefts found (recall); the straight line is a list in no order.",
        axes: ("Recall", "Precision by recall"),
        points: &points,
        marked: false,
        beside: ((0.0, usual), (1.0, usual)),
    }
    .svg()
}

fn calibration(name: &str, calibration: Option<&Calibration>) -> String {
    let Some(found) = calibration else {
        return String::new();
    };
    let points: Vec<(f64, f64)> = found
        .bins
        .iter()
        .map(|bin| (bin.mean_score, bin.theft_share))
        .collect();
    let chart = Curve {
        label: "Share of theft by mean score, in ten bins; on the straight line scores are probabilities.",
        axes: ("Mean score", name),
        points: &points,
        marked: true,
        beside: ((0.0, 0.0), (1.0, 1.0)),
    };
    let rows: String = found
        .bins
        .iter()
        .map(|bin| {
            format!(
                "<tr><th scope=row>from {}<td>{}<td>{}<td>{}",
                text::number(bin.from, 1),
                text::count(bin.customers as u64),
                text::number(bin.mean_score, 3),
                text::number(bin.theft_share, 3)
            )
        })
        .collect();
    format!(
        "{}<p class=small>Brier score {}, expected calibration error {}.</p><details><summary>The numbers</summary><table class=num><thead><tr>\
         <th scope=col>Score<th scope=col>Service points<th scope=col>Mean score<th scope=col>Share of theft<tbody>{rows}</table></details>",
        chart.svg(),
        text::number(found.brier, 3),
        text::number(found.expected_error, 3)
    )
}

fn tables(report: &Report) -> String {
    let at: String = report
        .at
        .iter()
        .map(|at| {
            format!(
                "<tr><th scope=row>first {}<td>{}<td>{}<td>{}<td>{}",
                text::count(at.k as u64),
                share(at.precision),
                share(at.recall),
                kwh(at.kwh),
                kwh(at.kwh_per_inspection)
            )
        })
        .collect();
    let until: String = report
        .until
        .iter()
        .filter_map(|until| Some((until.thefts, until.inspections?)))
        .map(|(thefts, inspections)| {
            format!(
                "<tr><th scope=row>{}<td>{}",
                text::counted(thefts as u64, "theft", "thefts"),
                text::count(inspections as u64)
            )
        })
        .collect();
    format!(
        "<div class=two><section><h3>By number of inspections</h3><div class=scroll><table class=num><thead><tr><th scope=col>Inspections\
         <th scope=col>Hit rate<th scope=col>Thefts found<th scope=col>kWh<th scope=col>kWh each<tbody>{at}</table></div></section>\
         <section><h3>Inspections until</h3><table class=num><thead><tr><th scope=col>Found<th scope=col>Inspections<tbody>{until}</table></section></div>{}",
        kinds(report)
    )
}

fn kinds(report: &Report) -> String {
    let count = |n: Option<usize>| n.map_or_else(|| text::NONE.to_owned(), |n| text::count(n as u64));
    let kinds: String = report
        .kinds
        .iter()
        .map(|kind| {
            format!(
                "<tr><th scope=row>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
                text::escape(&text::words(&kind.kind)),
                text::count(kind.thieves as u64),
                share(kind.auc),
                share(kind.tpr_at_1pct_fpr),
                count(kind.cases),
                kwh(kind.median_delay_days)
            )
        })
        .collect();
    let honest: String = report
        .honest
        .iter()
        .map(|kind| {
            let name = if kind.kind == HONEST {
                "nothing odd"
            } else {
                &kind.kind
            };
            format!(
                "<tr><th scope=row>{}<td>{}<td>{}<td>{}<td>{}",
                text::escape(&text::words(name)),
                text::count(kind.customers as u64),
                text::number(kind.mean_score, 3),
                text::percent(kind.in_first_1pct),
                count(kind.cases)
            )
        })
        .collect();
    format!(
        "<section><h3>Kinds of theft</h3><div class=scroll><table class=num><thead><tr><th scope=col>Kind<th scope=col>Thieves<th scope=col>AUC\
         <th scope=col>Found at 1 % false<th scope=col>Cases<th scope=col>Median delay, days<tbody>{kinds}</table></div></section>\
         <section><h3>Honest customers</h3><div class=scroll><table class=num><thead><tr><th scope=col>Kind<th scope=col>Customers\
         <th scope=col>Mean score<th scope=col>In the first 1 %<th scope=col>Cases<tbody>{honest}</table></div></section>"
    )
}

fn cases(report: &Report) -> String {
    let Some(cases) = &report.cases else {
        return String::new();
    };
    let row = |name: &str, of: &Spread, decimals: usize| {
        let figure = |value: Option<f64>| {
            value.map_or_else(|| text::NONE.to_owned(), |value| text::number(value, decimals))
        };
        if of.n == 0 {
            return String::new();
        }
        format!(
            "<tr><th scope=row>{name}<td>{}<td>{}<td>{}<td>{}",
            text::count(of.n as u64),
            figure(of.p10),
            figure(of.median),
            figure(of.p90)
        )
    };
    let rows = [
        row("Onset less the true one, days", &cases.delay_days, 0),
        row("The same without its sign", &cases.onset_error_days, 0),
        row(
            "Onset to the visit that found theft, days",
            &cases.days_to_visit,
            0,
        ),
        row("Loss less the true one, of the true one", &cases.lost_error, 2),
        row("The same in kWh, without its sign", &cases.lost_error_kwh, 0),
    ]
    .concat();
    let band = cases.in_band.map_or_else(String::new, |share| {
        format!(
            " The band p10 – p90 holds the truth of {} of {}.",
            text::percent(share),
            text::counted(cases.estimates as u64, "estimate", "estimates")
        )
    });
    format!(
        "<section><h3>Cases</h3><p class=small>{}, {} of them theft: {} of all thieves.{band}</p><div class=scroll><table class=num><thead><tr>\
         <th scope=col>Of the cases of theft<th scope=col>Cases<th scope=col>p10<th scope=col>Median<th scope=col>p90<tbody>{rows}</table></div></section>",
        text::counted(cases.cases as u64, "case", "cases"),
        text::count(cases.thefts as u64),
        cases.recall.map_or_else(|| text::NONE.to_owned(), text::percent),
    )
}
