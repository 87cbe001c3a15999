//! The evaluation for a terminal.

use std::fmt::Write as _;

use super::report::{Report, Spread};
use crate::synthetic::truth::HONEST;

impl Report {
    /// The report for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut line = |text: String| {
            let _ = writeln!(out, "{}", text.trim_end());
        };
        line(format!(
            "{} service points, {} thieves; {} without a score, {} scores without a label",
            self.service_points, self.thieves, self.without_score, self.without_label
        ));
        if let Some(rows) = self.without_answer.filter(|rows| *rows > 0) {
            line(format!(
                "{rows} inspections without an answer (fault, no access) do not count"
            ));
        }
        line(format!(
            "AUC {}  average precision {}  MAP@100 {}  MAP@200 {}  TPR at 1 % FPR {}",
            show(self.auc),
            show(self.average_precision),
            show(self.map_at_100),
            show(self.map_at_200),
            show(self.tpr_at_1pct_fpr)
        ));
        for at in &self.at {
            line(format!(
                "first {:>6}: precision {}  recall {}  {} kWh, {} an inspection",
                at.k,
                show(at.precision),
                show(at.recall),
                kwh(at.kwh),
                kwh(at.kwh_per_inspection)
            ));
        }
        let until = self
            .until
            .iter()
            .filter_map(|until| Some((until.thefts, until.inspections?)));
        let until: Vec<String> = until
            .map(|(thefts, visits)| format!("{thefts} by {visits}"))
            .collect();
        line(format!(
            "thefts found by so many inspections: {}",
            until.join(", ")
        ));
        for (name, calibration) in [("scores", &self.calibration), ("model", &self.model_calibration)] {
            let Some(found) = calibration else { continue };
            line(format!(
                "{name} as probabilities: Brier score {:.3}, expected calibration error {:.3}",
                found.brier, found.expected_error
            ));
            let bins = found.bins.iter().map(|bin| {
                format!(
                    "{:.2} -> {:.2} of {}",
                    bin.mean_score, bin.theft_share, bin.customers
                )
            });
            line(format!(
                "  mean score -> share of theft: {}",
                bins.collect::<Vec<_>>().join(", ")
            ));
        }
        out + &self.kinds_text() + &self.cases_text()
    }

    fn kinds_text(&self) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut line = |text: String| {
            let _ = writeln!(out, "{}", text.trim_end());
        };
        line(String::new());
        line(format!(
            "{:<26}{:>8}{:>8}{:>12}{:>8}{:>14}",
            "kind of theft", "thieves", "AUC", "TPR@1%FPR", "cases", "median delay"
        ));
        for k in &self.kinds {
            line(format!(
                "{:<26}{:>8}{:>8}{:>12}{:>8}{:>14}",
                k.kind,
                k.thieves,
                show(k.auc),
                show(k.tpr_at_1pct_fpr),
                count(k.cases),
                k.median_delay_days
                    .map_or("-".to_owned(), |d| format!("{d:.0} d"))
            ));
        }
        line(String::new());
        line(format!(
            "{:<26}{:>9}{:>12}{:>12}{:>8}",
            "honest", "customers", "mean score", "in first 1%", "cases"
        ));
        for h in &self.honest {
            let name = if h.kind == HONEST {
                "(nothing odd)"
            } else {
                &h.kind
            };
            line(format!(
                "{:<26}{:>9}{:>12.4}{:>12.4}{:>8}",
                name,
                h.customers,
                h.mean_score,
                h.in_first_1pct,
                count(h.cases)
            ));
        }
        out
    }

    fn cases_text(&self) -> String {
        let Some(c) = &self.cases else {
            return String::new();
        };
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut line = |text: String| {
            let _ = writeln!(out, "{}", text.trim_end());
        };
        line(String::new());
        line(format!(
            "{} cases, {} of them theft; recall {}",
            c.cases,
            c.thefts,
            show(c.recall)
        ));
        line(format!(
            "days from the true onset to the case's: {}",
            c.delay_days.text(0)
        ));
        line(format!("without the sign: {}", c.onset_error_days.text(0)));
        if c.days_to_visit.n > 0 {
            line(format!(
                "days from the case's onset to the visit that found theft: {}",
                c.days_to_visit.text(0)
            ));
        }
        line(format!(
            "lost energy: {:.0} kWh truly, {:.0} kWh by the cases; error {}; truth in the band of {} of {} estimates",
            c.true_lost_kwh,
            c.claimed_lost_kwh,
            c.lost_error.text(2),
            show(c.in_band),
            c.estimates
        ));
        line(format!("  without the sign: {} kWh", c.lost_error_kwh.text(0)));
        out
    }
}

impl Spread {
    fn text(&self, decimals: usize) -> String {
        let figure = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.decimals$}"));
        format!(
            "{} .. {} .. {} (p10, median, p90 of {})",
            figure(self.p10),
            figure(self.median),
            figure(self.p90),
            self.n
        )
    }
}

fn show(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |v| format!("{v:.3}"))
}

fn count(value: Option<usize>) -> String {
    value.map_or("-".to_owned(), |v| v.to_string())
}

fn kwh(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |v| format!("{v:.0}"))
}
