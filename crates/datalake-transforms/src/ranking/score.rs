//! Scores: what every rule contributes, and what they come to.

use super::combine::{BELOW_THRESHOLD, rank};
use super::{Reason, Subject, balance, siblings};
use crate::judge::StayEvidence;
use crate::loss::Loss;
use crate::registry::Registry;
use crate::rules::{Family, Rule, RuleConfig, RuleEvidence, Verdict};
use crate::rules::{drop_after_exchange, register_mismatch, sibling_mismatch};
use crate::suppressors::{PAPERWORK_DAYS, Suppression, Suppressor};

/// A successor that reads so much of the level before the onset goes on as before.
const CONTINUITY: std::ops::RangeInclusive<f64> = 0.8..=1.6;

/// Meters of one service point; what has more is a placeholder for places unknown, and nothing follows anything there.
const METERS_OF_A_PLACE: usize = 50;

/// Share of the threshold that the hits of rules which can open a case alone must reach.
const OPENING_SHARE: f64 = 0.4;

/// Days from the end of a hit to the exchange that ended it.
const EXCHANGE_DAYS: i32 = 60;

/// The id that a subject is known by: the service point's, else the component's.
pub(super) fn subject_id<'a>(stay: &StayEvidence, registry: &'a Registry) -> &'a str {
    match stay.service_point {
        Some(place) => &registry.service_points[place as usize].id,
        None => &registry.components[stay.component as usize].id,
    }
}

/// What is left of a rule's strength after the suppressors of its stay.
pub(super) fn factor(stay: &StayEvidence, rule: Rule) -> f64 {
    stay.suppressions
        .iter()
        .filter(|suppression| suppression.rule == rule)
        .map(|suppression| f64::from(suppression.factor))
        .product()
}

/// What a rule contributes to the score, before it joins the others.
pub(super) fn contribution(stay: &StayEvidence, rule: &RuleEvidence, config: &RuleConfig) -> f64 {
    let share = match rule.verdict {
        Verdict::Hit => 1.0,
        Verdict::Miss | Verdict::MissFor(_) => config.near_miss_share,
        Verdict::NotJudged(_) => 0.0,
    };
    share * config.weight(rule.rule) * f64::from(rule.strength) * factor(stay, rule.rule)
}

/// Groups the stays by service point, compares meters that followed each other, scores and ranks.
pub(super) fn score(
    mut evidence: Vec<StayEvidence>,
    registry: &Registry,
    config: &RuleConfig,
) -> (Vec<StayEvidence>, Vec<Subject>) {
    let groups = groups(&mut evidence);
    balance::share_out(&mut evidence, registry, config);
    let mut subjects = Vec::with_capacity(groups.len());
    for stays in groups {
        compare_meters(&mut evidence[stays.clone()], registry, config);
        subjects.push(subject(&evidence, stays, config));
    }
    rank(&mut subjects, &evidence, registry);
    (evidence, subjects)
}

/// What stays are sorted by.
pub(super) fn key(stay: &StayEvidence) -> (u64, u32, i32) {
    let place = stay.service_point.map_or(u64::MAX, u64::from);
    (place, stay.component, stay.first_day)
}

/// Puts the stays in order, and gives those of each subject.
pub(super) fn groups(evidence: &mut [StayEvidence]) -> Vec<std::ops::Range<usize>> {
    evidence.sort_by_key(key);
    let same = |a: &StayEvidence, b: &StayEvidence| {
        a.service_point == b.service_point && (a.service_point.is_some() || a.component == b.component)
    };
    let mut start = 0;
    let group = |stays: &[StayEvidence]| {
        start += stays.len();
        start - stays.len()..start
    };
    evidence.chunk_by(same).map(group).collect()
}

/// Adds the rules that compare meters to every stay, to the old meter the suppressor of an exchange with continuity, and what
/// siblings made up for.
pub(super) fn compare_meters(stays: &mut [StayEvidence], registry: &Registry, config: &RuleConfig) {
    let device = |stay: &StayEvidence| registry.components[stay.component as usize].device_id.as_deref();
    // None at a placeholder: each with each would be the square of a lake.
    let compared = if stays.len() <= METERS_OF_A_PLACE {
        stays.len()
    } else {
        0
    };
    let found: Vec<(Option<usize>, RuleEvidence)> = stays
        .iter()
        .map(|new| {
            // The channel of the old meter that counted most; meters side by side are no exchange.
            let old = (0..compared)
                .filter(|&position| {
                    let old = &stays[position];
                    let other = device(old).is_none() || device(old) != device(new);
                    other
                        && old
                            .edges
                            .zip(new.edges)
                            .is_some_and(|(old, new)| old.replaced_by(&new))
                })
                .max_by(|&a, &b| {
                    let tail = |position: usize| {
                        stays[position]
                            .edges
                            .map_or(f32::MIN, |edges| edges.tail.level.adjusted)
                    };
                    tail(a).total_cmp(&tail(b)).then(b.cmp(&a))
                });
            let edges = old.and_then(|old| stays[old].edges);
            let rule =
                drop_after_exchange::judge(edges.as_ref(), new.edges.as_ref(), &config.drop_after_exchange);
            (old, rule)
        })
        .collect();
    for (new, (old, rule)) in found.into_iter().enumerate() {
        stays[new].rules.push(rule);
        if let Some(old) = old {
            continue_as_before(stays, old, new, config);
        }
    }
    for position in 0..stays.len() {
        removed_early(stays, position, registry, config);
    }
    siblings::compare(&mut stays[..compared], registry, config);
    for stay in &mut stays[compared..] {
        if stay.rules.iter().any(|found| found.rule == Rule::SiblingMismatch) {
            continue;
        }
        stay.rules.extend([
            sibling_mismatch::judge(None, &config.sibling_mismatch),
            register_mismatch::judge(&[], None, &config.register_mismatch),
        ]);
    }
    for stay in stays.iter_mut() {
        stay.rules.sort_by_key(|rule| rule.rule);
    }
    siblings::suppress(stays, config);
}

/// Usage after a removal that ends where another meter's data begin, soon after and with no other meter counting
/// meanwhile: the exchange took place then, whatever day was recorded.
fn removed_early(stays: &mut [StayEvidence], position: usize, registry: &Registry, config: &RuleConfig) {
    let device = |stay: &StayEvidence| registry.components[stay.component as usize].device_id.as_deref();
    let old = &stays[position];
    let usage = old
        .rules
        .iter()
        .find(|rule| rule.rule == Rule::UsageNotInstalled && rule.is_hit());
    let known = |found: &Suppression| found.suppressor == Suppressor::LatePaperwork;
    let Some(usage) =
        usage.filter(|_| stays.len() <= METERS_OF_A_PLACE && !old.suppressions.iter().any(known))
    else {
        return;
    };
    let others = || {
        stays
            .iter()
            .filter(|other| device(other).is_none() || device(other) != device(old))
            .filter(|other| other.component != old.component)
    };
    let meanwhile =
        |other: &StayEvidence| other.first_day <= usage.end_day && other.last_day >= usage.onset_day;
    let follows = |other: &StayEvidence| {
        other.first_day > usage.end_day && other.first_day - usage.onset_day <= PAPERWORK_DAYS
    };
    if !others().any(follows) || others().any(meanwhile) {
        return;
    }
    let found = Suppression {
        suppressor: Suppressor::LatePaperwork,
        rule: usage.rule,
        factor: config.suppressors.factor(Suppressor::LatePaperwork) as f32,
        measured: -usage.value,
    };
    stays[position].suppressions.push(found);
}

/// A fault of the old meter that the new one mended speaks against theft.
fn continue_as_before(stays: &mut [StayEvidence], old: usize, new: usize, config: &RuleConfig) {
    let Some((before, after)) = stays[old].edges.zip(stays[new].edges) else {
        return;
    };
    let ratio = f64::from(after.head.level.adjusted - before.head.level.adjusted).exp();
    if !CONTINUITY.contains(&ratio) {
        return;
    }
    let factor = config.suppressors.factor(Suppressor::ExchangeWithContinuity) as f32;
    let hits: Vec<Rule> = stays[old]
        .rules
        .iter()
        .filter(|rule| {
            matches!(
                rule.rule,
                Rule::ZeroWhileOn | Rule::SustainedDrop | Rule::Flatline | Rule::TamperThenDrop
            ) && rule.is_hit()
                && after.days.0 - rule.end_day <= EXCHANGE_DAYS
        })
        .map(|rule| rule.rule)
        .collect();
    for rule in hits {
        stays[old].suppressions.push(Suppression {
            suppressor: Suppressor::ExchangeWithContinuity,
            rule,
            factor,
            measured: ratio as f32,
        });
    }
}

pub(super) fn subject(
    evidence: &[StayEvidence],
    stays: std::ops::Range<usize>,
    config: &RuleConfig,
) -> Subject {
    let mut best_hit: [Option<Reason>; Rule::ALL.len()] = [None; Rule::ALL.len()];
    let mut best_miss = [0.0_f64; Rule::ALL.len()];
    for position in stays.clone() {
        let stay = &evidence[position];
        for rule in &stay.rules {
            let contribution = contribution(stay, rule, config);
            let slot = rule.rule as usize;
            if rule.is_hit() {
                if contribution > 0.0 && best_hit[slot].is_none_or(|best| contribution > best.contribution) {
                    best_hit[slot] = Some(Reason {
                        stay: position,
                        rule: rule.rule,
                        contribution,
                    });
                }
            } else {
                best_miss[slot] = best_miss[slot].max(contribution);
            }
        }
    }
    let mut reasons: Vec<Reason> = best_hit.into_iter().flatten().collect();
    let hits = Rule::ALL.map(|rule| best_hit[rule as usize].map_or(0.0, |reason| reason.contribution));
    let all = Rule::ALL.map(|rule| hits[rule as usize].max(best_miss[rule as usize]));
    // Rules that could not open a case by themselves do not open one together.
    let opening = Rule::ALL.map(|rule| {
        let opens = config.weight(rule) >= config.case_threshold;
        if opens { hits[rule as usize] } else { 0.0 }
    });
    let hits_score = joined(&hits, config);
    let is_case = hits_score >= config.case_threshold
        && joined(&opening, config) >= OPENING_SHARE * config.case_threshold;
    let joined = joined(&all, config);
    let score = if is_case {
        joined
    } else {
        joined.min(config.case_threshold - BELOW_THRESHOLD)
    };
    reasons.sort_by(|a, b| {
        b.contribution
            .total_cmp(&a.contribution)
            .then_with(|| a.rule.cmp(&b.rule))
    });
    let strongest = reasons.first().map_or_else(
        || strongest_without_hits(evidence, stays.clone(), config),
        |reason| reason.stay,
    );
    // Six decimals: what stands in the table is what was ranked.
    let rules_score = (score * 1e6).round() / 1e6;
    Subject {
        loss: loss(evidence, &reasons, strongest),
        stays,
        hits_score,
        rules_score,
        model: None,
        forest_score: None,
        score: rules_score,
        is_case,
        reasons,
        strongest,
    }
}

/// What contributions (by rule, 0 for none) come to: 1 - product(1 - c), in which the strongest of a family counts wholly and
/// the others by `corroboration_share`.
fn joined(contributions: &[f64; Rule::ALL.len()], config: &RuleConfig) -> f64 {
    let mut strongest = [0.0_f64; Family::COUNT];
    for rule in Rule::ALL {
        let most = &mut strongest[rule.family() as usize];
        *most = most.max(contributions[rule as usize]);
    }
    let mut absent = 1.0;
    for rule in Rule::ALL {
        let contribution = contributions[rule as usize];
        let most = &mut strongest[rule.family() as usize];
        // The first of equals is the strongest.
        let share = if contribution > 0.0 && contribution >= *most {
            *most = f64::INFINITY;
            1.0
        } else {
            config.corroboration_share
        };
        absent *= 1.0 - share * contribution;
    }
    1.0 - absent
}

fn strongest_without_hits(
    evidence: &[StayEvidence],
    stays: std::ops::Range<usize>,
    config: &RuleConfig,
) -> usize {
    let sum = |position: usize| -> f64 {
        let stay = &evidence[position];
        stay.rules
            .iter()
            .map(|rule| contribution(stay, rule, config))
            .sum()
    };
    stays
        .clone()
        .max_by(|&a, &b| sum(a).total_cmp(&sum(b)).then(b.cmp(&a)))
        .unwrap_or(stays.start)
}

/// Loss at the strongest stay: channels of one service point may count the same energy twice.
fn loss(evidence: &[StayEvidence], reasons: &[Reason], strongest: usize) -> Option<Loss> {
    let stay = &evidence[strongest];
    let exchange = reasons
        .iter()
        .find(|reason| reason.rule == Rule::DropAfterExchange && reason.stay == strongest)
        .and_then(|_| exchange_loss(stay));
    let counted = |rule: Rule| {
        reasons
            .iter()
            .any(|reason| reason.stay == strongest && reason.rule == rule)
    };
    let usage = counted(Rule::UsageNotInstalled) || counted(Rule::UsageDisconnected);
    let mut loss = match (stay.loss, exchange) {
        (Some(own), Some(exchange)) if exchange.lost_micro > own.lost_micro => exchange,
        (Some(own), _) => own,
        (None, Some(exchange)) => exchange,
        (None, None) if usage => Loss::default(),
        (None, None) => return None,
    };
    // Usage without a contract was counted, but under nobody's name: all of it is lost, and exactly known.
    loss.expected_micro = loss.expected_micro.saturating_add(stay.usage_micro);
    loss.lost_micro = loss.lost_micro.saturating_add(stay.usage_micro);
    loss.lost_p10_micro = loss.lost_p10_micro.saturating_add(stay.usage_micro);
    loss.lost_p90_micro = loss.lost_p90_micro.saturating_add(stay.usage_micro);
    Some(loss)
}

/// Loss of a new meter by the level of the old one; the band is a quarter either way, for want of a better one.
fn exchange_loss(stay: &StayEvidence) -> Option<Loss> {
    let edges = stay.edges?;
    let rule = stay
        .rules
        .iter()
        .find(|rule| rule.rule == Rule::DropAfterExchange)?;
    let expected = rule.kwh_micro.saturating_add(edges.kwh_micro);
    let short = |expected: i64| expected.saturating_sub(edges.kwh_micro).max(0);
    Some(Loss {
        expected_micro: expected,
        actual_micro: edges.kwh_micro,
        lost_micro: rule.kwh_micro,
        lost_p10_micro: short(expected / 4 * 3),
        lost_p90_micro: short((expected / 4).saturating_mul(5)),
    })
}
