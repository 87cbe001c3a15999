//! What the evaluation says.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::input::{Case, Known, Scores};
use super::metrics::{self, Calibration, Scored};
use crate::synthetic::truth::Truth;

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
    /// Inspections without an answer (a fault, or nobody at home), which make no label; `null` of a truth table.
    pub without_answer: Option<u64>,
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
    /// Inspections in the order of the list until so many thefts are found.
    pub until: Vec<Until>,
    /// How many thefts the first inspections find, at a hundred places of the list.
    pub gains: Vec<Gain>,
    /// How far the scores are probabilities; `null` where one is none. They are made to rank: a model's are calibrated.
    pub calibration: Option<Calibration>,
    /// The same of `model_score`, over those that have one; `null` without a model.
    pub model_calibration: Option<Calibration>,
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
    /// Energy that its thefts took, or that was recovered from them, kWh; `null` where nobody knows.
    pub kwh: Option<f64>,
    /// The same for each inspection.
    pub kwh_per_inspection: Option<f64>,
}

/// How many inspections it takes to find so many thefts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Until {
    /// Thefts.
    pub thefts: usize,
    /// Inspections; `null` where there are not so many thefts.
    pub inspections: Option<usize>,
}

/// A place of the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gain {
    /// Service points up to it.
    pub inspections: usize,
    /// Thieves among them.
    pub thefts: usize,
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
    /// The same without its sign.
    pub onset_error_days: Spread,
    /// Days from the case's onset to the visit that found theft; empty of a truth table.
    pub days_to_visit: Spread,
    /// Of cases of theft with a known loss: energy truly lost.
    pub true_lost_kwh: f64,
    /// Of the same cases: energy that the cases say was lost.
    pub claimed_lost_kwh: f64,
    /// `claimed / true - 1`, one figure a case.
    pub lost_error: Spread,
    /// `|claimed - true|`, kWh, one figure a case.
    pub lost_error_kwh: Spread,
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

/// Counts of thefts for which inspections are counted.
const THEFTS: [usize; 6] = [1, 10, 50, 100, 200, 500];

/// Places of the list at which the curves have a point.
const PLACES: usize = 100;

/// What figures are worked out from.
struct Judging<'a> {
    truth: &'a [Truth],
    scores: &'a BTreeMap<String, f64>,
    cases: Option<&'a BTreeMap<String, Case>>,
    /// Best first.
    ranking: Vec<Scored>,
    /// Scores of honest customers.
    honest: Vec<f64>,
}

/// Judges scores, and cases where given. What is known has one row a service point.
pub(crate) fn judge(known: &Known, judged: &Scores, cases: Option<&BTreeMap<String, Case>>) -> Report {
    let (truth, scores) = (known.rows.as_slice(), &judged.score);
    let judging = Judging::new(truth, scores, cases);
    let ranking = &judging.ranking;
    let labels: Vec<bool> = ranking.iter().map(|row| row.label).collect();
    let of_model: Vec<(f64, bool)> = ranking
        .iter()
        .filter_map(|row| Some((*judged.model.get(&row.id)?, row.label)))
        .collect();
    let of_score: Vec<(f64, bool)> = ranking.iter().map(|row| (row.score, row.label)).collect();
    let (thieves, honest) = (judging.scores_of(&|t| t.is_theft), &judging.honest);
    let scored = truth
        .iter()
        .filter(|t| scores.contains_key(&t.service_point_id))
        .count();
    Report {
        service_points: truth.len(),
        thieves: thieves.len(),
        without_score: truth.len() - scored,
        without_label: scores.len() - scored,
        without_answer: known.visits.as_ref().map(|visits| visits.without_answer),
        auc: metrics::auc(&thieves, honest),
        average_precision: metrics::average_precision(&labels),
        map_at_100: metrics::map_at(&labels, 100),
        map_at_200: metrics::map_at(&labels, 200),
        tpr_at_1pct_fpr: metrics::tpr_at_fpr(&thieves, honest, FPR),
        at: judging.at(&labels, known.energy),
        until: THEFTS
            .map(|thefts| Until {
                thefts,
                inspections: metrics::until(&labels, thefts),
            })
            .to_vec(),
        gains: gains(&labels),
        calibration: metrics::calibration(&of_score),
        model_calibration: metrics::calibration(&of_model),
        kinds: judging.kinds(),
        honest: judging.honest(),
        cases: cases.map(|c| judge_cases(known, c)),
    }
}

impl<'a> Judging<'a> {
    fn new(
        truth: &'a [Truth],
        scores: &'a BTreeMap<String, f64>,
        cases: Option<&'a BTreeMap<String, Case>>,
    ) -> Self {
        let mut judging = Self {
            truth,
            scores,
            cases,
            ranking: Vec::new(),
            honest: Vec::new(),
        };
        judging.ranking = truth
            .iter()
            .map(|t| Scored {
                id: t.service_point_id.clone(),
                score: judging.score(t),
                label: t.is_theft,
            })
            .collect();
        metrics::order(&mut judging.ranking);
        judging.honest = judging.scores_of(&|t| !t.is_theft);
        judging
    }

    fn score(&self, t: &Truth) -> f64 {
        self.scores.get(&t.service_point_id).copied().unwrap_or(0.0)
    }

    fn scores_of(&self, wanted: &dyn Fn(&Truth) -> bool) -> Vec<f64> {
        self.truth
            .iter()
            .filter(|t| wanted(t))
            .map(|t| self.score(t))
            .collect()
    }

    fn count_cases(&self, wanted: &dyn Fn(&Truth) -> bool) -> Option<usize> {
        let cases = self.cases?;
        let found = self.truth.iter().filter(|t| wanted(t));
        Some(found.filter(|t| cases.contains_key(&t.service_point_id)).count())
    }

    /// Kinds of theft, or of honest customers, by name.
    fn names(&self, is_theft: bool) -> BTreeSet<&'a str> {
        let of = self.truth.iter().filter(|t| t.is_theft == is_theft);
        of.map(|t| t.kind.as_str()).collect()
    }

    fn one_percent(&self) -> usize {
        self.truth.len().div_ceil(100)
    }

    fn at(&self, labels: &[bool], energy_is_known: bool) -> Vec<At> {
        let thieves = self.truth.iter().filter(|t| t.is_theft);
        let energy: BTreeMap<&str, f64> = thieves
            .map(|t| (t.service_point_id.as_str(), t.lost_kwh))
            .collect();
        let at = |k: usize| {
            let first = self.ranking.iter().take(k);
            // The sum of nothing is -0.
            let kwh = first.filter_map(|row| energy.get(row.id.as_str())).sum::<f64>() + 0.0;
            let inspections = k.min(labels.len());
            At {
                k,
                precision: metrics::precision_at(labels, k),
                recall: metrics::recall_at(labels, k),
                kwh: energy_is_known.then_some(kwh),
                kwh_per_inspection: (energy_is_known && inspections > 0).then(|| kwh / inspections as f64),
            }
        };
        [100, 200, self.one_percent()].map(at).to_vec()
    }

    fn kinds(&self) -> Vec<KindReport> {
        let of_kind = |kind: &str| {
            let is_kind = |t: &Truth| t.is_theft && t.kind == kind;
            let scores = self.scores_of(&is_kind);
            let delays = |cases| metrics::quantile(&delays(self.truth, cases, &is_kind), 0.5);
            KindReport {
                kind: kind.to_owned(),
                thieves: scores.len(),
                auc: metrics::auc(&scores, &self.honest),
                tpr_at_1pct_fpr: metrics::tpr_at_fpr(&scores, &self.honest, FPR),
                cases: self.count_cases(&is_kind),
                median_delay_days: self.cases.and_then(delays),
            }
        };
        self.names(true).into_iter().map(of_kind).collect()
    }

    fn honest(&self) -> Vec<HonestReport> {
        let first = self.ranking.iter().take(self.one_percent());
        let head: BTreeSet<&str> = first.map(|row| row.id.as_str()).collect();
        let of_kind = |kind: &str| {
            let is_kind = |t: &Truth| !t.is_theft && t.kind == kind;
            let scores = self.scores_of(&is_kind);
            let in_head = self.truth.iter().filter(|t| is_kind(t));
            let in_head = in_head
                .filter(|t| head.contains(t.service_point_id.as_str()))
                .count();
            HonestReport {
                kind: kind.to_owned(),
                customers: scores.len(),
                mean_score: scores.iter().sum::<f64>() / scores.len() as f64,
                in_first_1pct: in_head as f64 / scores.len() as f64,
                cases: self.count_cases(&is_kind),
            }
        };
        self.names(false).into_iter().map(of_kind).collect()
    }
}

fn delays(truth: &[Truth], cases: &BTreeMap<String, Case>, wanted: &dyn Fn(&Truth) -> bool) -> Vec<f64> {
    truth
        .iter()
        .filter(|t| wanted(t))
        .filter_map(|t| {
            let onset = cases.get(&t.service_point_id)?.onset_date?;
            Some(f64::from(onset) - f64::from(t.onset_date?))
        })
        .collect()
}

/// The list at [`PLACES`] places at most, evenly spread.
fn gains(labels: &[bool]) -> Vec<Gain> {
    let n = labels.len();
    let places = n.min(PLACES);
    let mut thefts = 0;
    let mut from = 0;
    (1..=places)
        .map(|place| {
            let to = n * place / places;
            thefts += labels[from..to].iter().filter(|label| **label).count();
            from = to;
            Gain {
                inspections: to,
                thefts,
            }
        })
        .collect()
}

fn judge_cases(known: &Known, cases: &BTreeMap<String, Case>) -> CaseReport {
    let truth = known.rows.as_slice();
    let delay_days = delays(truth, cases, &|t| t.is_theft);
    let visits = known.visits.iter().flat_map(|visits| &visits.found);
    let waited = |(id, day): (&String, &i32)| Some(f64::from(*day) - f64::from(cases.get(id)?.onset_date?));
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
        onset_error_days: Spread::of(&delay_days.iter().map(|days| days.abs()).collect::<Vec<_>>()),
        days_to_visit: Spread::of(&visits.filter_map(waited).collect::<Vec<_>>()),
        delay_days: Spread::of(&delay_days),
        // The sum of nothing is -0.
        true_lost_kwh: lost.iter().map(|l| l.0).sum::<f64>() + 0.0,
        claimed_lost_kwh: lost.iter().map(|l| l.1).sum::<f64>() + 0.0,
        lost_error: Spread::of(&lost.iter().map(|l| l.1 / l.0 - 1.0).collect::<Vec<_>>()),
        lost_error_kwh: Spread::of(&lost.iter().map(|l| (l.1 - l.0).abs()).collect::<Vec<_>>()),
        estimates: in_band.len(),
        in_band: (!in_band.is_empty())
            .then(|| in_band.iter().filter(|b| **b).count() as f64 / in_band.len() as f64),
    }
}
