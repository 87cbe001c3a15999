//! What a model says of a case: its probability, and what speaks for theft and against.

use std::collections::BTreeMap;

use datalake_transforms::ranking::{Contribution, ModelVerdict};
use datalake_transforms::subject_features::model_features;

use super::text;

/// What features say, by their names.
pub(super) struct Meanings(BTreeMap<String, String>);

impl Meanings {
    /// Of all features that a model may look at.
    pub(super) fn new() -> Self {
        let all = model_features(true).into_iter();
        Self(all.map(|feature| (feature.name, feature.meaning)).collect())
    }

    /// What a feature says; its name as words where nothing is known of it.
    fn of(&self, feature: &str) -> String {
        let meaning = self.0.get(feature);
        meaning.cloned().unwrap_or_else(|| text::words(feature))
    }
}

/// The section of a pack.
pub(super) fn html(verdict: &ModelVerdict, meanings: &Meanings) -> String {
    let rows: String = verdict
        .contributions
        .iter()
        .filter(|found| found.contribution.abs() >= LEAST)
        .map(|found| row(found, meanings))
        .collect();
    let table = if rows.is_empty() {
        String::new()
    } else {
        format!(
            "<div class=scroll><table><thead><tr><th scope=col>What it looks at<th scope=col class=r>Here<th scope=col>Speaks\
             <th scope=col class=r>Odds<tbody>{rows}</table></div>"
        )
    };
    format!(
        "<section><h3>What the model says</h3><p class=small>Learned from earlier inspections: of homes with such figures about {} were theft \
         (probability {}). Below is what moved that most; × 2 doubles the odds of theft, × 0.5 halves them. It is no evidence by itself.</p>{table}</section>",
        text::percent(verdict.probability),
        text::number(verdict.probability, 3),
    )
}

/// Contributions (log-odds) that are nearer to nothing are left out: they move the odds by less than two of a hundred.
const LEAST: f64 = 0.02;

fn row(found: &Contribution, meanings: &Meanings) -> String {
    let value = found.value.map_or_else(|| "unknown".to_owned(), plain);
    let (class, speaks) = if found.contribution > 0.0 {
        ("hit", "for theft")
    } else {
        ("miss", "against")
    };
    format!(
        "<tr class={class}><th scope=row>{}<td class=r>{value}<td>{speaks}<td class=r>× {}",
        text::escape(&meanings.of(&found.feature)),
        text::number(found.contribution.exp(), 2),
    )
}

/// A number with as many decimals as its size deserves.
fn plain(value: f64) -> String {
    let decimals = match value.abs() {
        x if x >= 100.0 => 0,
        x if x >= 1.0 => 2,
        _ => 3,
    };
    let text = text::number(value, decimals);
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(feature: &str, value: Option<f64>, contribution: f64) -> Contribution {
        Contribution {
            feature: feature.into(),
            value,
            contribution,
        }
    }

    #[test]
    fn a_verdict_by_hand() {
        let verdict = ModelVerdict {
            probability: 0.731_2,
            contributions: vec![
                of("sustained_drop_value", Some(0.35), 1.0),
                of("no <such> thing", None, -std::f64::consts::LN_2),
                of("days", Some(365.0), 0.019),
            ],
        };
        let html = html(&verdict, &Meanings::new());
        assert!(
            html.contains("about 73\u{202f}% were theft (probability 0.731)"),
            "{html}"
        );
        // e to the 1, and to -ln 2.
        assert!(
            html.contains("<tr class=hit><th scope=row>SUSTAINED_DROP: of the level before<td class=r>0.35<td>for theft<td class=r>× 2.72"),
            "{html}"
        );
        assert!(
            html.contains(
                "<th scope=row>no &lt;such&gt; thing<td class=r>unknown<td>against<td class=r>× 0.50"
            ),
            "{html}"
        );
        assert_eq!(
            html.matches("<tr class").count(),
            2,
            "what moves nothing is left out"
        );
        assert_eq!(
            (plain(1234.5), plain(2.5), plain(0.0)),
            ("1\u{202f}234".into(), "2.5".into(), "0".into())
        );
    }
}
