//! A case in plain words, which never say more than the evidence: what is suspected is not proved.

use datalake_transforms::ranking::Explanation;
use datalake_transforms::rules::RuleEvidence;

use super::cases::CaseRow;
use super::text;

/// One paragraph: what was counted and what was to be expected, which rules hit, the loss, and what speaks against it.
///
/// `compares` says that the loss is a comparison with what was to be expected, and not usage that nobody pays for.
pub(super) fn summary(
    case: &CaseRow,
    explanation: &Explanation,
    compares: bool,
    tariff: Option<f64>,
) -> String {
    let mut sentences = Vec::new();
    if let Some(lost) = case.lost.filter(|lost| compares && lost.expected > 0.0) {
        let counted = text::kwh(lost.actual);
        let expected = text::kwh(lost.expected);
        let share = if lost.actual >= 0.0 {
            format!(": {}", text::percent(lost.actual / lost.expected))
        } else {
            String::new()
        };
        sentences.push(format!(
            "From {} on the meter counted {counted} kWh where {expected} kWh were to be expected{share}.",
            text::long_date(case.onset),
        ));
    } else {
        sentences.push(format!(
            "What was found begins on {}.",
            text::long_date(case.onset)
        ));
    }
    let hits: Vec<String> = counting(explanation).map(phrase).collect();
    if !hits.is_empty() {
        let rules = if hits.len() == 1 {
            "One rule hits"
        } else {
            "Rules that hit"
        };
        sentences.push(format!("{rules}: {}.", hits.join("; ")));
    }
    sentences.extend(afterwards(explanation));
    if let Some(lost) = case.lost {
        let worth = match (lost.amount, tariff) {
            (Some(amount), Some(tariff)) => format!(
                ", worth {} at {} a kWh",
                text::number(amount, 2),
                text::number(tariff, 4)
            ),
            _ => String::new(),
        };
        // Usage without a contract was counted, and has no band.
        let band = if lost.p90 - lost.p10 > 0.005 * lost.kwh {
            format!(
                " (between {} and {} kWh with a likelihood of 80 %)",
                text::kwh(lost.p10),
                text::kwh(lost.p90)
            )
        } else {
            String::new()
        };
        sentences.push(format!(
            "If that is theft, about {} kWh were not paid for{band}{worth}.",
            text::kwh(lost.kwh),
        ));
    }
    let against = against(explanation);
    sentences.push(if against.is_empty() {
        "Nothing that is looked for explains it without theft.".to_owned()
    } else {
        format!("Against theft speaks: {}.", against.join("; "))
    });
    sentences.push("It is a suspicion to be looked into on site, and no proof.".to_owned());
    sentences.join(" ")
}

/// Hits that count, strongest first.
fn counting(explanation: &Explanation) -> impl Iterator<Item = &RuleEvidence> {
    let mut hits: Vec<_> = explanation
        .stays
        .iter()
        .flat_map(|stay| &stay.rules)
        .filter(|rule| rule.counts)
        .collect();
    hits.sort_by(|a, b| b.contribution.total_cmp(&a.contribution));
    hits.into_iter().map(|rule| &rule.evidence)
}

/// `sustained drop: 0.31 of the level before, a hit needs at most 0.6`.
fn phrase(evidence: &RuleEvidence) -> String {
    let measure = evidence.rule.measure();
    format!(
        "{}, {} {} (a hit needs {} {}), {} to {}",
        text::words(evidence.rule.code()),
        text::value(evidence.value),
        measure.unit,
        measure.hit_is,
        text::value(evidence.threshold),
        text::long_date(evidence.onset_day),
        text::long_date(evidence.end_day),
    )
}

/// What happened after the hits that count.
fn afterwards(explanation: &Explanation) -> impl Iterator<Item = String> {
    let counts = explanation.stays.iter().flat_map(|stay| &stay.rules);
    let texts = counts
        .filter(|rule| rule.counts)
        .filter_map(|rule| rule.afterwards.as_ref());
    texts.map(|text| format!("Afterwards: {text}."))
}

/// What speaks against the hits that count; each text once.
fn against(explanation: &Explanation) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let counts = explanation.stays.iter().flat_map(|stay| &stay.rules);
    for suppression in counts
        .filter(|rule| rule.counts)
        .flat_map(|rule| &rule.suppressions)
    {
        let text = suppression.text();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use datalake_transforms::ranking::{RuleExplanation, StayExplanation};
    use datalake_transforms::rules::{Rule, Verdict};
    use datalake_transforms::suppressors::{Suppression, Suppressor};

    use super::super::cases::Lost;
    use super::*;

    fn hit(rule: Rule, value: f32, contribution: f64, suppressions: Vec<Suppression>) -> RuleExplanation {
        RuleExplanation {
            evidence: RuleEvidence {
                rule,
                verdict: Verdict::Hit,
                value,
                threshold: 0.6,
                onset_day: 19_846,
                end_day: 19_904,
                strength: 1.0,
                kwh_micro: 0,
            },
            weight: 1.0,
            suppressions,
            afterwards: None,
            contribution,
            counts: true,
        }
    }

    fn explanation(rules: Vec<RuleExplanation>) -> Explanation {
        Explanation {
            id: "SP-1".to_owned(),
            score: 0.8,
            rank: 1,
            case_threshold: 0.5,
            is_case: true,
            lost_kwh: None,
            model: None,
            stays: vec![StayExplanation {
                measuring_component_id: "MC-1".to_owned(),
                device_id: None,
                peer_group: None,
                days: (0, 9),
                days_observed: 10,
                rules,
            }],
        }
    }

    fn case(lost: Option<Lost>) -> CaseRow {
        CaseRow {
            case_id: "0123456789abcdef".to_owned(),
            rank: 1,
            service_point: Some("SP-1".to_owned()),
            device: None,
            component: "MC-1".to_owned(),
            score: 0.8,
            onset: 19_846,
            last: 19_904,
            reasons: vec!["SUSTAINED_DROP".to_owned()],
            lost,
            actual_share: 1.0,
            days_observed: 10,
        }
    }

    const LOST: Lost = Lost {
        expected: 500.0,
        actual: 210.0,
        kwh: 291.5,
        p10: 240.0,
        p90: 368.0,
        amount: Some(72.875),
    };

    #[test]
    fn a_fall_in_words() {
        let vacancy = Suppression {
            suppressor: Suppressor::Vacancy,
            rule: Rule::SustainedDrop,
            factor: 0.5,
            measured: 0.2,
        };
        let explanation = explanation(vec![
            hit(Rule::PeerLow, -4.0, 0.1, Vec::new()),
            hit(Rule::SustainedDrop, 0.31, 0.5, vec![vacancy]),
        ]);
        insta::assert_snapshot!(
            summary(&case(Some(LOST)), &explanation, true, Some(0.25)).replace('\u{202f}', "_"),
            @"From 3 May 2024 on the meter counted 210 kWh where 500 kWh were to be expected: 42_%. Rules that hit: sustained drop, 0.31 of the level before (a hit needs at most 0.6), 3 May 2024 to 30 Jun 2024; peer low, −4 robust z among the peers (a hit needs at most 0.6), 3 May 2024 to 30 Jun 2024. If that is theft, about 292 kWh were not paid for (between 240 and 368 kWh with a likelihood of 80 %), worth 72.88 at 0.2500 a kWh. Against theft speaks: the home looks empty: its days vary 0.20 times as much as before. It is a suspicion to be looked into on site, and no proof."
        );
    }

    #[test]
    fn what_happened_afterwards_is_told_of_hits_that_count() {
        let mut drop = hit(Rule::SustainedDrop, 0.31, 0.5, Vec::new());
        drop.afterwards = Some("the next register read 8.0 kWh a day".to_owned());
        let told = " Afterwards: the next register read 8.0 kWh a day. If that is theft,";
        let text = summary(&case(Some(LOST)), &explanation(vec![drop.clone()]), true, None);
        assert!(text.contains(told), "{text}");
        drop.counts = false;
        let text = summary(&case(Some(LOST)), &explanation(vec![drop]), true, None);
        assert!(!text.contains("Afterwards"), "{text}");
    }

    #[test]
    fn usage_without_a_contract_is_compared_with_nothing() {
        let explanation = explanation(vec![hit(Rule::UsageNotInstalled, 12.0, 0.5, Vec::new())]);
        let text = summary(&case(Some(LOST)), &explanation, false, None);
        assert!(
            text.starts_with(
                "What was found begins on 3 May 2024. One rule hits: usage not installed, 12 days"
            ),
            "{text}"
        );
        assert!(!text.contains("worth"), "{text}");
        let counted = Lost {
            p10: 291.5,
            p90: 291.5,
            ..LOST
        };
        let exact = summary(&case(Some(counted)), &explanation, false, None);
        assert!(
            exact.contains("about 292 kWh were not paid for."),
            "a band of nothing: {exact}"
        );
        assert!(
            text.contains("Nothing that is looked for explains it without theft."),
            "{text}"
        );
    }

    #[test]
    fn nothing_is_said_of_an_unknown_loss_and_no_share_of_a_negative_count() {
        let explanation = explanation(Vec::new());
        assert!(!summary(&case(None), &explanation, true, None).contains("kWh"));
        let backwards = Lost { actual: -4.0, ..LOST };
        let text = summary(&case(Some(backwards)), &explanation, true, None);
        assert!(
            text.contains("counted −4.00 kWh where 500 kWh were to be expected."),
            "{text}"
        );
    }
}
