//! What is missing at a transformer, shared out among the homes behind it that fell together.

use crate::judge::{LEVEL_RULES, StayEvidence};
use crate::registry::Registry;
use crate::rules::{Rule, RuleConfig, RuleEvidence, transformer_balance};

/// Whether a stay claims some of what is missing at its transformer.
pub(super) fn claims(stay: &StayEvidence) -> bool {
    let mut rules = stay.rules.iter();
    rules.any(|rule| rule.rule == Rule::TransformerBalance && rule.is_hit())
}

/// Homes of one transformer are judged apart from each other: here their claims to what is missing meet.
pub(super) fn share_out(evidence: &mut [StayEvidence], registry: &Registry, config: &RuleConfig) {
    let hit = |stay: &StayEvidence| {
        let rules = stay.rules.iter();
        rules
            .enumerate()
            .find(|(_, rule)| rule.rule == Rule::TransformerBalance && rule.is_hit())
            .map(|(position, rule)| (position, *rule))
    };
    // By transformer and onset, as they come back from being shared out; evidence is sorted by place.
    let mut hits: Vec<(u32, i32, usize, usize, RuleEvidence)> = Vec::new();
    for (index, stay) in evidence.iter().enumerate() {
        if let Some((position, rule)) = hit(stay)
            && let Some(transformer) = stay
                .service_point
                .and_then(|place| registry.transformers.feeding(place))
        {
            hits.push((transformer, rule.onset_day, index, position, rule));
        }
    }
    hits.sort_by_key(|&(transformer, onset, index, ..)| (transformer, onset, index));
    for group in hits.chunk_by(|a, b| a.0 == b.0) {
        let mut shared: Vec<RuleEvidence> = group.iter().map(|(.., rule)| *rule).collect();
        transformer_balance::share_out(&mut shared, &config.transformer_balance);
        for (&(_, _, index, position, _), rule) in group.iter().zip(shared) {
            let stay = &mut evidence[index];
            stay.rules[position] = rule;
            // The energy of a fall that turned out to be another home's was not lost here.
            let lost = |rule: &RuleEvidence| rule.is_hit() && LEVEL_RULES.contains(&rule.rule);
            if !stay.rules.iter().any(lost) {
                stay.loss = None;
            }
        }
    }
}
