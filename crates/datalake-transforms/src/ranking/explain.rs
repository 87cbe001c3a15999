//! Explanations: everything that led to a service point's score, as data and as plain text.

use std::fmt::{self, Display, Formatter};

use super::cases::shortest;
use super::score::{contribution, subject_id};
use super::{Contribution, ModelVerdict, Subject};
use crate::clock::date;
use crate::judge::StayEvidence;
use crate::model::MICRO;
use crate::peers::Peers;
use crate::registry::Registry;
use crate::rules::{Rule, RuleConfig, RuleEvidence, Verdict};
use crate::suppressors::Suppression;

/// Why a service point has the score that it has.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Id of the service point, or of the component where it was never installed.
    pub id: String,
    /// 0..1.
    pub score: f64,
    /// 1 = first to inspect.
    pub rank: usize,
    /// What a case needs.
    pub case_threshold: f64,
    /// Whether it is a case.
    pub is_case: bool,
    /// Energy lost with its band, kWh; `None` where it is unknown.
    pub lost_kwh: Option<(f64, f64, f64)>,
    /// What a model says of it; `None` without a model.
    pub model: Option<ModelVerdict>,
    /// All stays at the service point.
    pub stays: Vec<StayExplanation>,
}

/// What was found at one stay.
#[derive(Debug, Clone, PartialEq)]
pub struct StayExplanation {
    /// Id of the component.
    pub measuring_component_id: String,
    /// Its device.
    pub device_id: Option<String>,
    /// Peer group that it was compared with.
    pub peer_group: Option<String>,
    /// First and last day with data, since 1970-01-01.
    pub days: (i32, i32),
    /// Days with data.
    pub days_observed: u32,
    /// All rules.
    pub rules: Vec<RuleExplanation>,
}

/// What one rule found.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleExplanation {
    /// As it was judged.
    pub evidence: RuleEvidence,
    /// Weight in the score.
    pub weight: f64,
    /// What speaks against it.
    pub suppressions: Vec<Suppression>,
    /// What happened afterwards that speaks for it.
    pub afterwards: Option<String>,
    /// What it contributes to the score, before it joins the others.
    pub contribution: f64,
    /// Whether it is the one of its kind that counts for the service point.
    pub counts: bool,
}

pub(super) fn explain(
    evidence: &[StayEvidence],
    subject: &Subject,
    position: usize,
    registry: &Registry,
    peers: &Peers,
    config: &RuleConfig,
) -> Explanation {
    let kwh = |micro: i64| micro as f64 / MICRO as f64;
    let stays = subject
        .stays
        .clone()
        .map(|stay| {
            let found = &evidence[stay];
            let component = &registry.components[found.component as usize];
            StayExplanation {
                measuring_component_id: component.id.clone(),
                device_id: component.device_id.clone(),
                peer_group: peers.group(found.component).map(|group| group.name.clone()),
                days: (found.first_day, found.last_day),
                days_observed: found.days_observed,
                rules: found
                    .rules
                    .iter()
                    .map(|rule| RuleExplanation {
                        evidence: *rule,
                        weight: config.weight(rule.rule),
                        suppressions: found
                            .suppressions
                            .iter()
                            .filter(|suppression| suppression.rule == rule.rule)
                            .copied()
                            .collect(),
                        afterwards: found
                            .taken_back
                            .filter(|_| rule.rule == Rule::SustainedDrop)
                            .map(|back| back.text(&registry.components[back.component as usize].id)),
                        contribution: contribution(found, rule, config),
                        counts: subject
                            .reasons
                            .iter()
                            .any(|reason| reason.stay == stay && reason.rule == rule.rule),
                    })
                    .collect(),
            }
        })
        .collect();
    Explanation {
        id: subject_id(&evidence[subject.strongest], registry).to_owned(),
        score: subject.score,
        rank: position + 1,
        case_threshold: config.case_threshold,
        is_case: subject.is_case,
        model: subject.model.clone(),
        lost_kwh: subject.loss.map(|loss| {
            (
                kwh(loss.lost_micro),
                kwh(loss.lost_p10_micro),
                kwh(loss.lost_p90_micro),
            )
        }),
        stays,
    }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let case = if self.is_case { "a case" } else { "no case" };
        writeln!(
            f,
            "{}: score {:.3}, rank {}, {case} (threshold {})",
            self.id, self.score, self.rank, self.case_threshold
        )?;
        if let Some((lost, low, high)) = self.lost_kwh {
            writeln!(f, "energy lost: {lost:.1} kWh (p10 {low:.1}, p90 {high:.1})")?;
        }
        if let Some(model) = &self.model {
            write!(f, "{model}")?;
        }
        for stay in &self.stays {
            write!(f, "{stay}")?;
        }
        Ok(())
    }
}

impl Display for ModelVerdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "model: probability of theft {:.3}", self.probability)?;
        for found in &self.contributions {
            let value = found
                .value
                .map_or_else(|| "unknown".to_owned(), |value| format!("{value}"));
            let Contribution {
                feature,
                contribution,
                ..
            } = found;
            writeln!(f, "  {contribution:+.3} {feature} = {value}")?;
        }
        Ok(())
    }
}

impl Display for StayExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{} (device {}, peers {}), {} to {}, {} days with data",
            self.measuring_component_id,
            self.device_id.as_deref().unwrap_or("unknown"),
            self.peer_group.as_deref().unwrap_or("none"),
            date(self.days.0),
            date(self.days.1),
            self.days_observed
        )?;
        for rule in &self.rules {
            write!(f, "{rule}")?;
        }
        Ok(())
    }
}

impl Display for RuleExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let evidence = &self.evidence;
        let code = evidence.rule.code();
        let verdict = match evidence.verdict {
            Verdict::NotJudged(gap) => return writeln!(f, "  {code:<21} not judged: {}", gap.text()),
            Verdict::Hit => "HIT ",
            Verdict::Miss | Verdict::MissFor(_) => "miss",
        };
        let measure = evidence.rule.measure();
        write!(
            f,
            "  {code:<21} {verdict} {} {} (needs {} {})",
            number(evidence.value),
            measure.unit,
            measure.hit_is,
            number(evidence.threshold),
        )?;
        if let Verdict::MissFor(lack) = evidence.verdict {
            write!(f, ", but {}", lack.text())?;
        }
        if evidence.is_hit() {
            write!(f, ", {} to {}", date(evidence.onset_day), date(evidence.end_day))?;
            if evidence.kwh_micro != 0 {
                write!(
                    f,
                    ", {:.1} kWh at stake",
                    evidence.kwh_micro as f64 / MICRO as f64
                )?;
            }
        }
        writeln!(
            f,
            "; strength {:.2} x weight {:.2} -> {:.3}{}",
            evidence.strength,
            self.weight,
            self.contribution,
            if evidence.is_hit() && !self.counts {
                " (another counts)"
            } else {
                ""
            }
        )?;
        if let Some(text) = &self.afterwards {
            writeln!(f, "    afterwards: {text}")?;
        }
        for suppression in &self.suppressions {
            writeln!(
                f,
                "    against: {} x {:.2}: {}",
                suppression.suppressor.name(),
                suppression.factor,
                suppression.text()
            )?;
        }
        Ok(())
    }
}

/// Two decimals where there are any.
fn number(value: f32) -> String {
    let rounded = (shortest(value) * 100.0).round() / 100.0;
    format!("{rounded}")
}
