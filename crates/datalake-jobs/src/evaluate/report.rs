//! What the evaluation says, as a structure and as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::input::Case;
use super::metrics::{self, Scored};
use crate::synthetic::truth::{HONEST, Truth};

/// False-positive rate at which thieves are counted.
const FPR: f64 = 0.01;

/// The whole result. A figure is `null` where it is not defined, for instance without a single thief.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Labelled service points.
    pub service_points: usize,
    /// Of those, thieves.
    pub thieves: usize,
    /// Labelled service points without a score: they count as 0.
    pub without_score: usize,
    /// Scored service points without a label: they do not count.
    pub without_label: usize,
    /// Area under the ROC curve, ties by midranks.
    pub auc: Option<f64>,
    /// Average precision.
    pub average_precision: Option<f64>,
    /// Mean average precision over the first 100; ignores thieves outside them.
    pub map_at_100: Option<f64>,
    /// The same over the first 200.
    pub map_at_200: Option<f64>,
    /// True-positive rate at 1 % false positives.
    pub tpr_at_1pct_fpr: Option<f64>,
    /// Precision and recall at 100, 200 and 1 % of the service points.
    pub at: Vec<At>,
    /// Thieves by kind.
    pub kinds: Vec<KindReport>,
    /// Honest customers by oddity, the plain ones included.
    pub honest: Vec<HonestReport>,
    /// What the cases say, where they are given.
    pub cases: Option<CaseReport>,
}

/// The head of the ranking.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct At {
    /// Length of the head.
    pub k: usize,
    /// Thieves in it as a share of it.
    pub precision: Option<f64>,
    /// Thieves in it as a share of all.
    pub recall: Option<f64>,
}

/// One kind of theft against all honest customers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindReport {
    /// The kind.
    pub kind: String,
    /// Thieves.
    pub thieves: usize,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// Share found at 1 % false positives.
    pub tpr_at_1pct_fpr: Option<f64>,
    /// Of the thieves, those with a case.
    pub cases: Option<usize>,
    /// Median of the days from the true onset to the case's.
    pub median_delay_days: Option<f64>,
}

/// One kind of honest customer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HonestReport {
    /// The oddity.
    pub kind: String,
    /// Customers.
    pub customers: usize,
    /// Mean score.
    pub mean_score: f64,
    /// Share in the first 1 % of all.
    pub in_first_1pct: f64,
    /// Of the customers, those that became a case.
    pub cases: Option<usize>,
}

/// Cases against the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseReport {
    /// Cases at labelled service points.
    pub cases: usize,
    /// Of those, theft.
    pub thefts: usize,
    /// Thieves with a case as a share of all thieves.
    pub recall: Option<f64>,
    /// Days from the true onset to the case's; negative where the case starts too early.
    pub delay_days: Spread,
    /// Of cases of theft with a known loss: energy truly lost.
    pub true_lost_kwh: f64,
    /// Of the same cases: energy that the cases say was lost.
    pub claimed_lost_kwh: f64,
    /// `claimed / true - 1`, one figure a case.
    pub lost_error: Spread,
    /// Those of these cases whose energy is an estimate: energy that was counted has no band.
    pub estimates: usize,
    /// Share of the estimates whose p10-p90 band holds the truth.
    pub in_band: Option<f64>,
}

/// Quantiles of a set of figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Figures.
    pub n: usize,
    /// A tenth lies below.
    pub p10: Option<f64>,
    /// Half lies below.
    pub median: Option<f64>,
    /// Nine tenths lie below.
    pub p90: Option<f64>,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        Self {
            n: values.len(),
            p10: metrics::quantile(values, 0.1),
            median: metrics::quantile(values, 0.5),
            p90: metrics::quantile(values, 0.9),
        }
    }
}

/// Judges scores, and cases where given. `truth` has one row a service point.
pub(super) fn judge(
    truth: &[Truth],
    scores: &BTreeMap<String, f64>,
    cases: Option<&BTreeMap<String, Case>>,
) -> Report {
    let score = |t: &Truth| scores.get(&t.service_point_id).copied().unwrap_or(0.0);
    let mut ranking: Vec<Scored> = truth
        .iter()
        .map(|t| Scored {
            id: t.service_point_id.clone(),
            score: score(t),
            label: t.is_theft,
        })
        .collect();
    metrics::order(&mut ranking);
    let labels: Vec<bool> = ranking.iter().map(|r| r.label).collect();
    let one_percent = truth.len().div_ceil(100);
    let head: BTreeSet<&str> = ranking.iter().take(one_percent).map(|r| r.id.as_str()).collect();

    let of = |wanted: &dyn Fn(&Truth) -> bool| -> Vec<f64> {
        truth.iter().filter(|t| wanted(t)).map(score).collect()
    };
    let (thieves, honest) = (of(&|t| t.is_theft), of(&|t| !t.is_theft));
    let names = |is_theft: bool| -> BTreeSet<&str> {
        truth
            .iter()
            .filter(|t| t.is_theft == is_theft)
            .map(|t| t.kind.as_str())
            .collect()
    };
    let count_cases = |wanted: &dyn Fn(&Truth) -> bool| {
        cases.map(|c| {
            truth
                .iter()
                .filter(|t| wanted(t) && c.contains_key(&t.service_point_id))
                .count()
        })
    };
    Report {
        service_points: truth.len(),
        thieves: thieves.len(),
        without_score: truth
            .iter()
            .filter(|t| !scores.contains_key(&t.service_point_id))
            .count(),
        without_label: scores.len()
            - truth
                .iter()
                .filter(|t| scores.contains_key(&t.service_point_id))
                .count(),
        auc: metrics::auc(&thieves, &honest),
        average_precision: metrics::average_precision(&labels),
        map_at_100: metrics::map_at(&labels, 100),
        map_at_200: metrics::map_at(&labels, 200),
        tpr_at_1pct_fpr: metrics::tpr_at_fpr(&thieves, &honest, FPR),
        at: [100, 200, one_percent]
            .map(|k| At {
                k,
                precision: metrics::precision_at(&labels, k),
                recall: metrics::recall_at(&labels, k),
            })
            .to_vec(),
        kinds: names(true)
            .into_iter()
            .map(|kind| {
                let is_kind = |t: &Truth| t.is_theft && t.kind == kind;
                let scores = of(&is_kind);
                KindReport {
                    kind: kind.to_owned(),
                    thieves: scores.len(),
                    auc: metrics::auc(&scores, &honest),
                    tpr_at_1pct_fpr: metrics::tpr_at_fpr(&scores, &honest, FPR),
                    cases: count_cases(&is_kind),
                    median_delay_days: cases
                        .and_then(|c| metrics::quantile(&delays(truth, c, &is_kind), 0.5)),
                }
            })
            .collect(),
        honest: names(false)
            .into_iter()
            .map(|kind| {
                let is_kind = |t: &Truth| !t.is_theft && t.kind == kind;
                let scores = of(&is_kind);
                let in_head = truth
                    .iter()
                    .filter(|t| is_kind(t) && head.contains(t.service_point_id.as_str()))
                    .count();
                HonestReport {
                    kind: kind.to_owned(),
                    customers: scores.len(),
                    mean_score: scores.iter().sum::<f64>() / scores.len() as f64,
                    in_first_1pct: in_head as f64 / scores.len() as f64,
                    cases: count_cases(&is_kind),
                }
            })
            .collect(),
        cases: cases.map(|c| judge_cases(truth, c)),
    }
}

fn delays(truth: &[Truth], cases: &BTreeMap<String, Case>, wanted: &dyn Fn(&Truth) -> bool) -> Vec<f64> {
    truth
        .iter()
        .filter(|t| wanted(t))
        .filter_map(|t| {
            Some(f64::from(
                cases.get(&t.service_point_id)?.onset_date? - t.onset_date?,
            ))
        })
        .collect()
}

fn judge_cases(truth: &[Truth], cases: &BTreeMap<String, Case>) -> CaseReport {
    let found: Vec<(&Truth, &Case)> = truth
        .iter()
        .filter_map(|t| Some((t, cases.get(&t.service_point_id)?)))
        .collect();
    let thefts = found.iter().filter(|(t, _)| t.is_theft).count();
    let all = truth.iter().filter(|t| t.is_theft).count();
    // Kinds that only move energy lose none: a ratio to (almost) nothing says nothing.
    let lost: Vec<_> = found
        .iter()
        .filter(|(t, _)| t.is_theft && t.lost_kwh >= 1.0)
        .filter_map(|(t, c)| Some((t.lost_kwh, c.lost_kwh?, c.band)))
        .collect();
    let in_band: Vec<bool> = lost
        .iter()
        .filter_map(|(t, _, band)| Some((t, band.filter(|(low, high)| low < high)?)))
        .map(|(t, (low, high))| (low..=high).contains(t))
        .collect();
    CaseReport {
        cases: found.len(),
        thefts,
        recall: (all > 0).then(|| thefts as f64 / all as f64),
        delay_days: Spread::of(&delays(truth, cases, &|t| t.is_theft)),
        // The sum of nothing is -0.
        true_lost_kwh: lost.iter().map(|l| l.0).sum::<f64>() + 0.0,
        claimed_lost_kwh: lost.iter().map(|l| l.1).sum::<f64>() + 0.0,
        lost_error: Spread::of(&lost.iter().map(|l| l.1 / l.0 - 1.0).collect::<Vec<_>>()),
        estimates: in_band.len(),
        in_band: (!in_band.is_empty())
            .then(|| in_band.iter().filter(|b| **b).count() as f64 / in_band.len() as f64),
    }
}

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
                "first {:>6}: precision {}  recall {}",
                at.k,
                show(at.precision),
                show(at.recall)
            ));
        }
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
        if let Some(c) = &self.cases {
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
            line(format!(
                "lost energy: {:.0} kWh truly, {:.0} kWh by the cases; error {}; truth in the band of {} of {} estimates",
                c.true_lost_kwh,
                c.claimed_lost_kwh,
                c.lost_error.text(2),
                show(c.in_band),
                c.estimates
            ));
        }
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
