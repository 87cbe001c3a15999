//! Who would be suspected if a threshold were another: the counts that an assessment under the changed config would have,
//! without making one.

use rayon::prelude::*;

use super::score::{compare_meters, groups, key, subject};
use super::{balance, cases};
use crate::judge::StayEvidence;
use crate::registry::Registry;
use crate::rules::{Rule, RuleConfig};
use crate::what_if::{Anew, Variant};

/// A service point, or a component that was never installed, at which a rule hits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suspect {
    /// Index of the service point; `None` for a component that was never installed.
    pub service_point: Option<u32>,
    /// Dense index of the component with the strongest evidence.
    pub component: u32,
    /// What its hits come to, 0..1: no case where this does not reach `case_threshold`.
    pub hits_score: f64,
    /// Whether it is a case.
    pub is_case: bool,
    /// First onset, as a case would have it, days since 1970-01-01.
    pub onset_day: i32,
    /// Last day with an actual value.
    pub last_day: i32,
    /// A bit for each rule that hits.
    rules: u32,
}

impl Suspect {
    /// Whether a rule is among its reasons.
    #[must_use]
    pub fn has(&self, rule: Rule) -> bool {
        self.rules & (1 << rule as u32) != 0
    }
}

/// The evidence of a lake, grouped by service point, from which variants are counted.
#[derive(Debug)]
pub struct Suspects<'a> {
    registry: &'a Registry,
    evidence: Vec<StayEvidence>,
    groups: Vec<std::ops::Range<usize>>,
    /// Under the config as it is; one for each group.
    base: Vec<Option<Suspect>>,
}

impl<'a> Suspects<'a> {
    /// `evidence` is that of all stays, as it was judged under `config`, in any order.
    #[must_use]
    pub fn new(mut evidence: Vec<StayEvidence>, registry: &'a Registry, config: &RuleConfig) -> Self {
        let groups = groups(&mut evidence);
        let shared = shared_out(&evidence, registry, config);
        let evidence_used = shared.as_ref().unwrap_or(&evidence);
        let base = groups
            .par_iter()
            .map(|stays| suspect(evidence_used[stays.clone()].to_vec(), registry, config))
            .collect();
        Self {
            registry,
            evidence,
            groups,
            base,
        }
    }

    /// Those under the config that the evidence was judged under, by service point.
    #[must_use]
    pub fn as_configured(&self) -> Vec<Suspect> {
        self.base.iter().flatten().copied().collect()
    }

    /// Those under a variant, by service point. `changed` holds the stays that the variant judges otherwise, in any order.
    #[must_use]
    pub fn under(&self, variant: &Variant, changed: &[&StayEvidence]) -> Vec<Suspect> {
        let position = |stay: &StayEvidence| self.evidence.binary_search_by_key(&key(stay), key).ok();
        let mut changed: Vec<(usize, &StayEvidence)> = changed
            .iter()
            .filter_map(|stay| Some((position(stay)?, *stay)))
            .collect();
        changed.sort_by_key(|(position, _)| *position);
        let balanced = self.evidence.iter().chain(changed.iter().map(|(_, stay)| *stay));
        if balanced.into_iter().any(balance::claims) {
            // What is missing at a transformer is shared out among all homes behind it.
            let mut evidence = self.evidence.clone();
            for (position, stay) in changed {
                evidence[position] = stay.clone();
            }
            balance::share_out(&mut evidence, self.registry, &variant.config);
            let found = self
                .groups
                .par_iter()
                .map(|stays| suspect(evidence[stays.clone()].to_vec(), self.registry, &variant.config));
            return found.collect::<Vec<_>>().into_iter().flatten().collect();
        }
        let all = matches!(variant.anew, Anew::Scores | Anew::Everything);
        let found = self.groups.par_iter().zip(&self.base).map(|(stays, base)| {
            let from = changed.partition_point(|(position, _)| *position < stays.start);
            let to = changed.partition_point(|(position, _)| *position < stays.end);
            if from == to && !all {
                return *base;
            }
            let mut group = self.evidence[stays.clone()].to_vec();
            for (position, stay) in &changed[from..to] {
                group[position - stays.start] = (*stay).clone();
            }
            suspect(group, self.registry, &variant.config)
        });
        found.collect::<Vec<_>>().into_iter().flatten().collect()
    }
}

/// The evidence with what is missing at transformers shared out; `None` where nobody claims any.
fn shared_out(
    evidence: &[StayEvidence],
    registry: &Registry,
    config: &RuleConfig,
) -> Option<Vec<StayEvidence>> {
    evidence.iter().any(balance::claims).then(|| {
        let mut evidence = evidence.to_vec();
        balance::share_out(&mut evidence, registry, config);
        evidence
    })
}

fn suspect(mut stays: Vec<StayEvidence>, registry: &Registry, config: &RuleConfig) -> Option<Suspect> {
    compare_meters(&mut stays, registry, config);
    let all = 0..stays.len();
    let subject = subject(&stays, all, config);
    if subject.reasons.is_empty() {
        return None;
    }
    let (onset_day, last_day) = cases::days(&subject, &stays);
    Some(Suspect {
        service_point: stays[0].service_point,
        component: stays[subject.strongest].component,
        hits_score: subject.hits_score,
        is_case: subject.is_case,
        onset_day,
        last_day,
        rules: subject
            .reasons
            .iter()
            .fold(0, |bits, reason| bits | 1 << reason.rule as u32),
    })
}
