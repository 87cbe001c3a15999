//! `what-if`: how many cases there would be at other thresholds.

mod show;

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use datalake_deps::config::{Assignment, ConfigArgs, JobConfig, KeyPath, Resolved};
use datalake_deps::lake::Lake;
use datalake_deps::run_record::RunRecord;
use datalake_transforms::error::TransformError;
use datalake_transforms::judge::StayEvidence;
use datalake_transforms::ranking::{Suspect, Suspects};
use datalake_transforms::registry::Registry;
use datalake_transforms::rules::{Rule, RuleConfig};
use datalake_transforms::what_if::{Anew, Changed, Variant};
use serde::Serialize;

use super::config::{RawConfig, validate};
use super::error::JobError;
use super::job::{Job, VERSION, print, resolve};
use crate::format::Format;
use crate::inspections::Inspections;
use crate::synthetic::truth;

/// The threshold of the score.
const SCORE: &str = "rules.case_threshold";

/// Values of it.
const SCORES: [f64; 7] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// Numbers of cases for which a threshold of the score is looked for.
const WANTED: [usize; 4] = [50, 100, 200, 500];

/// Weeks up to the last day with an actual value over which new onsets are counted.
const WEEKS: usize = 13;

/// What to vary, and how to show it.
#[derive(Debug, Clone, clap::Args)]
pub struct WhatIfArgs {
    /// Vary the thresholds of this rule; repeatable.
    #[arg(long = "rule", value_name = "CODE", value_parser = rule)]
    pub rules: Vec<Rule>,
    /// Vary this key below `rules`, such as `rules.sustained_drop.max_ratio=0.4,0.5`; repeatable.
    #[arg(long, value_name = "KEY=VALUE,..")]
    pub at: Vec<At>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// A key and the values that it is to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    key: KeyPath,
    values: Vec<String>,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, values) = text.split_once('=').ok_or("an `=` is missing after the key")?;
        let key = KeyPath::parse(key).map_err(|error| error.to_string())?;
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        if values.iter().any(String::is_empty) {
            return Err("a value is empty".to_owned());
        }
        Ok(Self { key, values })
    }
}

fn rule(text: &str) -> Result<Rule, String> {
    let known = || Rule::ALL.map(Rule::code).join(", ");
    let found = Rule::ALL
        .into_iter()
        .find(|rule| rule.code().eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("the rules are {}", known()))
}

/// What is asked: values of keys, each with the config that it makes.
#[derive(Debug)]
pub(super) struct WhatIf {
    values: Vec<Value>,
    /// One for each value.
    pub(super) variants: Vec<Variant>,
    /// Whether a service point is known to steal.
    labels: Option<BTreeMap<String, bool>>,
}

/// A value of a key.
#[derive(Debug)]
struct Value {
    key: String,
    /// The rule whose section the key is in.
    rule: Option<Rule>,
    text: String,
    /// Whether it is what the config says.
    configured: bool,
}

/// What there would be at one value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Counts {
    /// Service points at which the rule hits, cases or not; `null` where the key is no rule's.
    pub(super) hits: Option<usize>,
    /// Cases.
    pub(super) cases: usize,
    /// Of these, such with an onset in the last weeks, a week.
    onsets_a_week: f64,
    /// Of the cases, those that were inspected with an answer; `null` where the lake has no outcomes.
    inspected: Option<usize>,
    /// Of those, theft.
    thefts: Option<usize>,
}

/// The threshold of the score that makes a wanted number of cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Best {
    wanted: usize,
    /// `week` where so many onsets a week are wanted, over the last weeks.
    per: &'static str,
    /// `null` where there are not so many.
    case_threshold: Option<f64>,
    #[serde(flatten)]
    counts: Option<Counts>,
}

/// Cases of the config as it is in one of the last weeks.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Week {
    /// First day of it, `2024-01-31`.
    from: String,
    /// Cases with their onset in it.
    onsets: usize,
    /// Cases with their last actual value in it.
    last_seen: usize,
}

/// All counts.
#[derive(Debug)]
pub(super) struct Counted {
    /// Service points at which any rule hits.
    suspected: usize,
    configured: Counts,
    values: Vec<Counts>,
    best: Vec<Best>,
    weeks: Vec<Week>,
}

impl Job<'_> {
    /// Counts under every variant that is asked for, and prints it.
    pub(super) fn what_if(
        self,
        asked: &WhatIfArgs,
        resolved: &Resolved<RawConfig>,
        flags: &ConfigArgs,
        file: Option<&JobConfig>,
    ) -> Result<(), JobError> {
        let with = |more: Assignment| {
            let mut flags = flags.clone();
            flags.set.push(more);
            Ok(validate(&resolve(&flags, file.cloned())?)?.rules)
        };
        let mut what_if = WhatIf::plan(asked, resolved, &with)?;
        let lake = Lake::open(self.lake, self.config.lake.clone())?;
        what_if.labels = labels(&lake, self.lake)?;
        let job = Job {
            what_if: Some(&what_if),
            ..self
        };
        let assessed = job.assess(&lake, &mut RunRecord::start(self.session, VERSION))?;
        let bug = || TransformError::Bug("what-if counted nothing".to_owned());
        let counted = assessed.outcome.what_if.ok_or_else(bug)?;
        print(&match asked.format {
            Format::Table => what_if.table(&counted),
            Format::Json => what_if.json(&counted),
        })
    }
}

/// Who is known to steal, and who not: by inspections, or by the truth table of a lake that was made.
fn labels(lake: &Lake, folder: &str) -> Result<Option<BTreeMap<String, bool>>, JobError> {
    if let Some(found) = Inspections::read(lake)? {
        return Ok(Some(found.thefts()));
    }
    let table = Path::new(folder).join("truth");
    if !table.exists() {
        return Ok(None);
    }
    let rows = truth::read(&table)?;
    let of = |row: truth::Truth| (row.service_point_id, row.is_theft);
    Ok(Some(rows.into_iter().map(of).collect()))
}

impl WhatIf {
    /// What the flags ask for; without one the thresholds of all rules. `with` is the config's rules with one more key set.
    fn plan(
        asked: &WhatIfArgs,
        resolved: &Resolved<RawConfig>,
        with: &dyn Fn(Assignment) -> Result<RuleConfig, JobError>,
    ) -> Result<Self, JobError> {
        let number = |value: &f64| value.to_string();
        let mut keys = vec![(
            KeyPath::parse(SCORE)?,
            SCORES.iter().map(number).collect::<Vec<_>>(),
        )];
        let rules = match asked.rules.as_slice() {
            [] if asked.at.is_empty() => &Rule::ALL[..],
            some => some,
        };
        for rule in rules {
            keys.extend(rule.thresholds().iter().map(|threshold| {
                let key = KeyPath::new(["rules", &rule.section(), threshold.key]);
                (key, threshold.values.iter().map(number).collect())
            }));
        }
        keys.extend(asked.at.iter().map(|at| (at.key.clone(), at.values.clone())));
        let mut plan = Self {
            values: Vec::new(),
            variants: Vec::new(),
            labels: None,
        };
        for (key, values) in keys {
            plan.vary(&key, values, resolved, with)?;
        }
        Ok(plan)
    }

    /// Adds the values of a key, that of the config among them.
    fn vary(
        &mut self,
        key: &KeyPath,
        mut values: Vec<String>,
        resolved: &Resolved<RawConfig>,
        with: &dyn Fn(Assignment) -> Result<RuleConfig, JobError>,
    ) -> Result<(), JobError> {
        let refused = |why| JobError::WhatIf {
            key: key.to_string(),
            why,
        };
        let [top, rest @ ..] = key.keys() else {
            return Err(refused("it is empty"));
        };
        if top != "rules" || rest.is_empty() {
            return Err(refused("it is no key below `rules`"));
        }
        let anew = Anew::of(rest).ok_or_else(|| refused("peer groups are made before the rules"))?;
        let rule = Rule::ALL
            .into_iter()
            .find(|rule| rest.len() > 1 && rest[0] == rule.section());
        let place = key.keys().iter().try_fold(resolved.json(), |at, key| at.get(key));
        values.extend(place.filter(|place| place.is_number()).map(ToString::to_string));
        // What is no number goes to the end, where the config refuses it.
        let number = |text: &String| text.parse().unwrap_or(f64::NAN);
        values.sort_by(|a, b| number(a).total_cmp(&number(b)));
        let mut last: Option<RuleConfig> = None;
        for value in values {
            let config = with(Assignment {
                path: key.clone(),
                text: value.clone(),
                flag: "--at",
            })?;
            // 0.50 and 0.5 are one value.
            if last.as_ref() == Some(&config) {
                continue;
            }
            last = Some(config.clone());
            self.values.push(Value {
                key: key.to_string(),
                rule,
                text: value,
                configured: config == resolved.value.rules,
            });
            self.variants.push(Variant { config, anew });
        }
        Ok(())
    }

    /// Counts under the config, and under every variant. `stays` is the evidence under the config.
    pub(super) fn count(
        &self,
        stays: Vec<StayEvidence>,
        changed: &[Changed],
        registry: &Registry,
        config: &RuleConfig,
    ) -> Counted {
        let last_day = stays.iter().map(|stay| stay.last_actual_day).max().unwrap_or(0);
        let suspects = Suspects::new(stays, registry, config);
        let base = suspects.as_configured();
        let counter = Counter {
            labels: self.labels.as_ref(),
            registry,
            // Of the day after the last one, so many weeks before.
            recent: last_day + 1 - 7 * WEEKS as i32,
        };
        let mut of_variants: Vec<Vec<&StayEvidence>> = vec![Vec::new(); self.variants.len()];
        for changed in changed {
            of_variants[changed.variant].push(&changed.stay);
        }
        let values = self.values.iter().zip(&self.variants).zip(&of_variants);
        let values = values.map(|((value, variant), changed)| {
            let found = suspects.under(variant, changed);
            counter.counts(&found, value.rule)
        });
        Counted {
            suspected: base.len(),
            values: values.collect(),
            configured: counter.counts(&base, None),
            best: counter.best(&suspects, &base, config),
            weeks: counter.weeks(&base),
        }
    }
}

/// Counts suspects.
struct Counter<'a> {
    labels: Option<&'a BTreeMap<String, bool>>,
    registry: &'a Registry,
    /// First day of the last weeks.
    recent: i32,
}

impl Counter<'_> {
    fn counts(&self, suspects: &[Suspect], rule: Option<Rule>) -> Counts {
        let cases = || suspects.iter().filter(|suspect| suspect.is_case);
        let outcomes = self.labels.map(|labels| {
            let place = |case: &Suspect| Some(&self.registry.service_points[case.service_point? as usize].id);
            let known: Vec<bool> = cases()
                .filter_map(|case| labels.get(place(case)?).copied())
                .collect();
            (known.len(), known.iter().filter(|is_theft| **is_theft).count())
        });
        let recent = cases().filter(|case| case.onset_day >= self.recent).count();
        Counts {
            hits: rule.map(|rule| suspects.iter().filter(|suspect| suspect.has(rule)).count()),
            cases: cases().count(),
            onsets_a_week: recent as f64 / WEEKS as f64,
            inspected: outcomes.map(|outcomes| outcomes.0),
            thefts: outcomes.map(|outcomes| outcomes.1),
        }
    }

    fn best(&self, all: &Suspects<'_>, suspects: &[Suspect], config: &RuleConfig) -> Vec<Best> {
        let descending = |of: &dyn Fn(&&Suspect) -> bool| {
            let mut scores: Vec<f64> = suspects
                .iter()
                .filter(of)
                .map(|suspect| suspect.hits_score)
                .collect();
            scores.sort_by(|a, b| b.total_cmp(a));
            scores
        };
        let under = |threshold: f64| {
            let config = with_threshold(config, threshold);
            let anew = Anew::Scores;
            self.counts(&all.under(&Variant { config, anew }, &[]), None)
        };
        let (scores, recent) = (
            descending(&|_| true),
            descending(&|suspect| suspect.onset_day >= self.recent),
        );
        let best = |wanted: usize, per, score: Option<&f64>| {
            let threshold = score.and_then(|&score| threshold_at(score, config));
            Best {
                wanted,
                per,
                case_threshold: threshold,
                counts: threshold.map(under),
            }
        };
        let of_all = WANTED.map(|wanted| best(wanted, "lake", scores.get(wanted - 1)));
        let a_week = WANTED.map(|wanted| best(wanted, "week", recent.get(wanted * WEEKS - 1)));
        of_all.into_iter().chain(a_week).collect()
    }

    fn weeks(&self, suspects: &[Suspect]) -> Vec<Week> {
        let cases = || suspects.iter().filter(|suspect| suspect.is_case);
        let week = |at: usize| {
            let days = self.recent + 7 * at as i32..self.recent + 7 * (at as i32 + 1);
            let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days.start));
            Week {
                from: date.map_or_else(|_| format!("day {}", days.start), |date| date.to_string()),
                onsets: cases().filter(|case| days.contains(&case.onset_day)).count(),
                last_seen: cases().filter(|case| days.contains(&case.last_day)).count(),
            }
        };
        (0..WEEKS).map(week).collect()
    }
}

fn with_threshold(config: &RuleConfig, case_threshold: f64) -> RuleConfig {
    RuleConfig {
        case_threshold,
        ..config.clone()
    }
}

/// The threshold that just lets a score in; `None` where no config may have it.
fn threshold_at(score: f64, config: &RuleConfig) -> Option<f64> {
    // A config is written with four decimals; what is cut off keeps the last one in.
    let threshold = (score * 1e4).floor() / 1e4;
    let allowed = with_threshold(config, threshold).validate().is_ok();
    allowed.then_some(threshold)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_threshold_is_cut_off_and_one_that_the_config_refuses_is_none() {
        let at = |score| threshold_at(score, &RuleConfig::default());
        assert_eq!(at(0.612_39), Some(0.6123));
        assert_eq!(at(0.05), Some(0.05));
        assert_eq!(at(0.049_99), None);
    }

    #[test]
    fn keys_with_values_are_read() {
        let at: At = "rules.sustained_drop.max_ratio=0.4, 0.5".parse().unwrap();
        assert_eq!(at.key.to_string(), "rules.sustained_drop.max_ratio");
        assert_eq!(at.values, ["0.4", "0.5"]);
        for text in ["rules.case_threshold", "a=", "a=1,,2", "=1"] {
            assert!(text.parse::<At>().is_err(), "{text}");
        }
        assert_eq!(rule("peer_low"), Ok(Rule::PeerLow));
        assert!(rule("PEER").unwrap_err().contains("PEER_LOW"));
    }
}
