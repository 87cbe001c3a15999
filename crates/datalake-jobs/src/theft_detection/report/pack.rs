//! The evidence pack of one case: what an inspector takes along, on one or two sheets of paper.

use datalake_transforms::judge::StayEvidence;
use datalake_transforms::model::{DAY_SECONDS, Direction};
use datalake_transforms::ranking::{Explanation, RuleExplanation, StayExplanation};
use datalake_transforms::registry::{Component, Registry};
use datalake_transforms::rules::Verdict;

use super::cases::CaseRow;
use super::gather::METERS_DRAWN;
use super::model::{self, Meanings};
use super::{text, words};

/// What a pack is made from.
pub(super) struct Case<'a> {
    pub(super) row: &'a CaseRow,
    pub(super) explanation: &'a Explanation,
    pub(super) stays: &'a [StayEvidence],
    /// Position of the stay with the strongest evidence.
    pub(super) strongest: usize,
    /// Figures of the stays that are drawn, with their positions.
    pub(super) figures: &'a [(usize, String)],
    pub(super) registry: &'a Registry,
    pub(super) tariff: Option<f64>,
    pub(super) meanings: &'a Meanings,
}

/// The pack as HTML.
pub(super) fn html(case: &Case<'_>) -> String {
    let row = case.row;
    let kind = if row.service_point.is_some() {
        "Service point"
    } else {
        "Meter never installed,"
    };
    let mut out = format!(
        "<article class=pack><header><h2 tabindex=-1>{kind} {}</h2><p class=sub>Case {} · rank {} · score {} · suspected from {}</p></header>",
        text::id(row.subject()),
        text::escape(&row.case_id),
        row.rank,
        text::number(row.score, 3),
        text::long_date(row.onset),
    );
    out += &format!(
        "<p class=lead>{}</p>",
        text::escape(&words::summary(
            row,
            case.explanation,
            compares(case),
            case.tariff
        ))
    );
    out += &facts(case);
    for (stay, figures) in case.figures {
        if let (Some(evidence), Some(explained)) = (case.stays.get(*stay), case.explanation.stays.get(*stay))
        {
            out += &of_stay(case, evidence, explained, figures, *stay == case.strongest);
        }
    }
    let left = case.stays.len() - case.figures.len();
    if left > 0 {
        out += &format!(
            "<p class=small>Not drawn: {} of this place; the command <code>explain</code> has all.</p>",
            text::counted(left as u64, "more stay", "more stays")
        );
    }
    if let Some(verdict) = &case.explanation.model {
        out += &model::html(verdict, case.meanings);
    }
    out += &meters(case);
    out += NOTES;
    out += "</article>";
    out
}

/// Lines to fill in by hand, on paper only.
const NOTES: &str = "<section class=notes aria-hidden=true><h3>On site</h3><p>Date and name<p>Meter number and seals<p>Reading<p>What was found</section>";

/// Whether the loss is a comparison with what was to be expected, and not usage that nobody pays for.
fn compares(case: &Case<'_>) -> bool {
    let stay = case.stays.get(case.strongest);
    stay.is_some_and(|stay| stay.usage_micro == 0)
}

/// Pairs of a name and a value.
fn facts(case: &Case<'_>) -> String {
    let row = case.row;
    let mut facts: Vec<(&str, String)> = Vec::new();
    let kwh = |value: f64| format!("{} kWh", text::kwh(value));
    if let Some(lost) = row.lost {
        facts.push(("Suspected loss", format!("<b>{}</b>", kwh(lost.kwh))));
        facts.push((
            "Likely between",
            format!("{} and {}", text::kwh(lost.p10), kwh(lost.p90)),
        ));
        if let Some(amount) = lost.amount {
            facts.push(("Worth", text::number(amount, 2)));
        }
        if compares(case) {
            facts.push(("Expected", kwh(lost.expected)));
            facts.push(("Counted", kwh(lost.actual)));
        }
    } else {
        facts.push(("Suspected loss", "not known: no baseline".to_owned()));
    }
    if let Some(verdict) = &case.explanation.model {
        facts.push(("Probability by the model", text::percent(verdict.probability)));
    }
    facts.push(("Onset", text::iso(row.onset)));
    facts.push(("Last actual value", text::iso(row.last)));
    facts.push(("Days with data", text::count(row.days_observed.into())));
    facts.push(("Usable values", text::percent(row.actual_share)));
    let unknown = || text::NONE.to_owned();
    facts.push(("Device", row.device.as_deref().map_or_else(unknown, text::id)));
    facts.push(("Measuring component", text::id(&row.component)));
    let place = case.stays.get(case.strongest).and_then(|stay| stay.service_point);
    let place = place.and_then(|place| case.registry.service_points.get(place as usize));
    let of_place = [
        ("Premise", place.and_then(|place| place.premise_id.as_deref())),
        ("Rate class", place.and_then(|place| place.rate_class.as_deref())),
        (
            "Transformer",
            place.and_then(|place| place.transformer_id.as_deref()),
        ),
        (
            "Peers",
            case.explanation
                .stays
                .get(case.strongest)
                .and_then(|stay| stay.peer_group.as_deref()),
        ),
    ];
    for (name, value) in of_place {
        if let Some(value) = value {
            facts.push((name, text::id(value)));
        }
    }
    let facts: String = facts
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}<dd>{value}</div>"))
        .collect();
    format!("<dl class=facts>{facts}</dl>")
}

fn of_stay(
    case: &Case<'_>,
    evidence: &StayEvidence,
    explained: &StayExplanation,
    figures: &str,
    strongest: bool,
) -> String {
    let kind = if strongest {
        "The meter of the case"
    } else {
        "Also at this place"
    };
    let describes = case
        .registry
        .components
        .get(evidence.component as usize)
        .map_or_else(String::new, measures);
    format!(
        "<section class=stay><h3>{kind}: {} <span class=sub>{describes}, {} to {}</span></h3>{figures}{}</section>",
        text::id(&explained.measuring_component_id),
        text::iso(explained.days.0),
        text::iso(explained.days.1),
        rules(&explained.rules, strongest),
    )
}

/// What a component measures, as words.
fn measures(component: &Component) -> String {
    let Some(kind) = &component.component_type else {
        return "unknown type".to_owned();
    };
    let direction = match kind.direction {
        Direction::Delivered => "delivered",
        Direction::Received => "received",
    };
    let every = match component.interval_seconds() {
        None => "register".to_owned(),
        Some(86_400) => "daily".to_owned(),
        Some(3_600) => "hourly".to_owned(),
        Some(seconds) => format!("every {} minutes", seconds / 60),
    };
    format!("{direction} {}, {every}", text::escape(&kind.uom))
}

/// All rules: hits first, then near misses by strength; those that could not be judged in one line. Of a stay that the case
/// does not rest on (`full` is false), misses that were not near stand in a line too.
fn rules(rules: &[RuleExplanation], full: bool) -> String {
    let mut judged: Vec<&RuleExplanation> = rules
        .iter()
        .filter(|rule| !matches!(rule.evidence.verdict, Verdict::NotJudged(_)))
        .collect();
    judged.sort_by(|a, b| {
        let key = |rule: &RuleExplanation| (rule.evidence.is_hit(), rule.contribution);
        let ((a_hit, a), (b_hit, b)) = (key(a), key(b));
        b_hit.cmp(&a_hit).then(b.total_cmp(&a))
    });
    let (shown, far): (Vec<_>, Vec<_>) = judged
        .into_iter()
        .partition(|rule| full || rule.evidence.is_hit() || rule.contribution >= 0.005);
    let rows: String = shown.into_iter().map(rule).collect();
    let not_judged: Vec<String> = rules
        .iter()
        .filter_map(|rule| match rule.evidence.verdict {
            Verdict::NotJudged(gap) => Some(format!(
                "{} ({})",
                text::words(rule.evidence.rule.code()),
                gap.text()
            )),
            _ => None,
        })
        .collect();
    let mut out = if rows.is_empty() {
        String::new()
    } else {
        format!(
            "<div class=scroll><table class=rules><caption>Rules</caption><thead><tr><th scope=col>Rule<th scope=col>Found<th scope=col>A hit \
         needs<th scope=col>Days<th scope=col class=r>kWh at stake<th scope=col class=r>Strength<th scope=col class=r>Weight\
         <th scope=col class=r>Adds<tbody>{rows}</table></div>"
        )
    };
    if !far.is_empty() {
        let names: Vec<String> = far
            .iter()
            .map(|rule| text::words(rule.evidence.rule.code()))
            .collect();
        out += &format!("<p class=small>No hit: {}.</p>", names.join(", "));
    }
    if !not_judged.is_empty() {
        out += &format!(
            "<p class=small>Not judged: {}.</p>",
            text::escape(&not_judged.join(", "))
        );
    }
    out
}

fn rule(rule: &RuleExplanation) -> String {
    let evidence = &rule.evidence;
    let measure = evidence.rule.measure();
    let (class, verdict) = match (evidence.is_hit(), rule.counts) {
        (true, true) => ("hit", "hit"),
        (true, false) => ("hit", "hit, another counts"),
        _ => ("miss", "no hit"),
    };
    let days = if evidence.is_hit() {
        format!(
            "{} – {}",
            text::iso(evidence.onset_day),
            text::iso(evidence.end_day)
        )
    } else {
        String::new()
    };
    let at_stake = if evidence.is_hit() && evidence.kwh_micro != 0 {
        text::kwh(evidence.kwh_micro as f64 / 1e6)
    } else {
        String::new()
    };
    let mut out = format!(
        "<tr class={class}><th scope=row>{} <span class=v>{verdict}</span><td>{} {}<td>{} {}<td>{days}<td class=r>{at_stake}<td class=r>{}<td class=r>{}<td class=r>{}",
        text::words(evidence.rule.code()),
        text::value(evidence.value),
        measure.unit,
        measure.hit_is,
        text::value(evidence.threshold),
        text::number(f64::from(evidence.strength), 2),
        text::number(rule.weight, 2),
        text::number(rule.contribution, 3),
    );
    for suppression in &rule.suppressions {
        out += &format!(
            "<tr class=against><td colspan=8>against, × {}: {}",
            text::number(f64::from(suppression.factor), 2),
            text::escape(&suppression.text())
        );
    }
    out
}

/// All meters that ever hung at the place.
fn meters(case: &Case<'_>) -> String {
    let place = case.stays.get(case.strongest).and_then(|stay| stay.service_point);
    let Some(place) = place else { return String::new() };
    let all = case.registry.components_at(place);
    if all.len() < 2 {
        return String::new();
    }
    let day = |seconds: i64| i32::try_from(seconds.div_euclid(DAY_SECONDS)).unwrap_or(i32::MAX);
    let mut rows = String::new();
    for component in all
        .iter()
        .take(METERS_DRAWN)
        .filter_map(|&at| case.registry.components.get(at as usize))
    {
        for period in component
            .periods
            .iter()
            .filter(|period| period.service_point == place)
        {
            let until = if period.end == i64::MAX {
                text::NONE.to_owned()
            } else {
                text::iso(day(period.end))
            };
            rows += &format!(
                "<tr><th scope=row>{}<td>{}<td>{}<td>{}<td>{until}",
                text::id(&component.id),
                component
                    .device_id
                    .as_deref()
                    .map_or_else(|| text::NONE.to_owned(), text::id),
                measures(component),
                text::iso(day(period.start)),
            );
        }
    }
    let left = all.len().saturating_sub(METERS_DRAWN);
    let more = if left > 0 {
        format!(
            "<p class=small>Not shown: {}.</p>",
            text::counted(left as u64, "more meter", "more meters")
        )
    } else {
        String::new()
    };
    format!(
        "<section><h3>All meters of this place</h3><div class=scroll><table><thead><tr><th scope=col>Measuring component<th scope=col>Device\
         <th scope=col>Measures<th scope=col>Installed<th scope=col>Until<tbody>{rows}</table></div>{more}</section>"
    )
}
