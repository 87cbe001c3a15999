//! Ranking: from the evidence of stays to one score for each service point, cases and their explanation.
//!
//! A rule contributes `weight x strength x factors of its suppressors`; a miss contributes `near_miss_share` of that. Of several
//! stays at a service point the greatest contribution of each rule counts. Contributions join by noisy-or,
//! `1 - product(1 - c)`, in which the strongest rule of a family ([`crate::rules::Rule::family`]) counts wholly and the
//! others, which see the same fact from other sides, count `corroboration_share` of what they would alone. A service point is
//! a case if its hits alone reach `case_threshold`, and not only those of rules whose weight lies below it; the others stay
//! below it, however many near misses they have. An isolation forest and a model move scores, and open no case either (`combine`).

mod balance;
mod cases;
mod combine;
mod explain;
mod forest;
mod learned;
mod score;
mod siblings;
mod suspects;
#[cfg(test)]
mod tests;

pub use cases::{CASES_SCHEMA, CASES_TABLE, SCORES_SCHEMA, SCORES_TABLE, case_id};
pub use explain::{Explanation, RuleExplanation, StayExplanation};
pub use forest::OddityConfig;
pub use learned::{CONTRIBUTIONS, Contribution, ModelVerdict};
pub use suspects::{Suspect, Suspects};

use std::ops::Range;

use arrow::array::RecordBatch;

use crate::error::TransformError;
use crate::judge::StayEvidence;
use crate::loss::Loss;
use crate::peers::Peers;
use crate::registry::Registry;
use crate::rules::{Rule, RuleConfig};

/// What the whole run found.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// `theft_cases`, by rank; schema [`CASES_SCHEMA`].
    pub cases: RecordBatch,
    /// `theft_scores`, by rank; schema [`SCORES_SCHEMA`].
    pub scores: RecordBatch,
    evidence: Vec<StayEvidence>,
    /// By rank.
    subjects: Vec<Subject>,
}

/// What is scored: a service point, or a component that was never installed anywhere.
#[derive(Debug, Clone)]
struct Subject {
    /// Its stays in `evidence`.
    stays: Range<usize>,
    /// Of the hits alone, 0..1: no case where this does not reach the threshold.
    hits_score: f64,
    /// Of the rules, and the forest where one was grown.
    rules_score: f64,
    /// How odd it is among the others, 0..1; `None` without a forest.
    forest_score: Option<f64>,
    /// What a model says of it; `None` without a model.
    model: Option<ModelVerdict>,
    /// What it is ranked by.
    score: f64,
    is_case: bool,
    /// Hits that count, strongest first.
    reasons: Vec<Reason>,
    /// Position in `evidence` of the stay with the strongest evidence.
    strongest: usize,
    /// Over the stays that hits rest on; `None` where nothing is known of it.
    loss: Option<Loss>,
}

/// A hit that counts for a service point.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reason {
    /// Position in `evidence`.
    stay: usize,
    rule: Rule,
    contribution: f64,
}

/// Scores all service points, ranks them and opens the cases. The order of `evidence` does not matter.
pub fn assemble(
    evidence: Vec<StayEvidence>,
    registry: &Registry,
    peers: &Peers,
    config: &RuleConfig,
) -> Result<Assessment, TransformError> {
    let (evidence, subjects) = score::score(evidence, registry, config);
    let tables = cases::Tables {
        evidence: &evidence,
        subjects: &subjects,
        registry,
        peers,
        config,
    };
    Ok(Assessment {
        cases: tables.cases()?,
        scores: tables.scores()?,
        evidence,
        subjects,
    })
}

impl Assessment {
    /// Puts subjects whose scores have changed in order, and lays the tables out anew.
    fn rank_anew(
        &mut self,
        registry: &Registry,
        peers: &Peers,
        config: &RuleConfig,
    ) -> Result<(), TransformError> {
        combine::rank(&mut self.subjects, &self.evidence, registry);
        let tables = cases::Tables {
            evidence: &self.evidence,
            subjects: &self.subjects,
            registry,
            peers,
            config,
        };
        let (cases, scores) = (tables.cases()?, tables.scores()?);
        (self.cases, self.scores) = (cases, scores);
        Ok(())
    }

    /// The stays of each subject, and the one with the strongest evidence; by rank.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = (&[StayEvidence], &StayEvidence)> {
        let of = |subject: &Subject| {
            let stays = &self.evidence[subject.stays.clone()];
            (stays, &self.evidence[subject.strongest])
        };
        self.subjects.iter().map(of)
    }

    /// Why a service point has the score it has; `None` for one without data. `id` is a service point's, or a
    /// component's for one that was never installed.
    #[must_use]
    pub fn explain(
        &self,
        id: &str,
        registry: &Registry,
        peers: &Peers,
        config: &RuleConfig,
    ) -> Option<Explanation> {
        let position = self.subjects.iter().position(|subject| {
            let stay = &self.evidence[subject.strongest];
            score::subject_id(stay, registry) == id
        })?;
        self.explain_rank(position + 1, registry, peers, config)
    }

    /// The same for the service point of a rank, counted from 1 as in the tables.
    #[must_use]
    pub fn explain_rank(
        &self,
        rank: usize,
        registry: &Registry,
        peers: &Peers,
        config: &RuleConfig,
    ) -> Option<Explanation> {
        let position = rank.checked_sub(1)?;
        let subject = self.subjects.get(position)?;
        Some(explain::explain(
            &self.evidence,
            subject,
            position,
            registry,
            peers,
            config,
        ))
    }

    /// The stays behind a rank, in the order of [`Explanation::stays`], and the position among them of the one with the
    /// strongest evidence.
    #[must_use]
    pub fn stays_of_rank(&self, rank: usize) -> Option<(&[StayEvidence], usize)> {
        let subject = self.subjects.get(rank.checked_sub(1)?)?;
        let strongest = subject.strongest - subject.stays.start;
        Some((&self.evidence[subject.stays.clone()], strongest))
    }

    /// The evidence of all stays, in no order that means anything.
    #[must_use]
    pub fn evidence(&self) -> &[StayEvidence] {
        &self.evidence
    }
}
