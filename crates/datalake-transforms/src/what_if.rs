//! What would be suspected if a threshold were another.
//!
//! A stay is read, levelled and compared with its peers once, and then judged under each [`Variant`] of the config, as far as
//! the variant can change anything ([`Anew`]): mostly one rule. Where the rule's hit stays what it was, so does all that
//! follows from it, and nothing is kept; where it does not, the stay is judged wholly under the variant. So the counts are
//! those of a run under the changed config, and dozens of variants cost about what one run does.
//!
//! Looser thresholds never yield fewer hits of their rule. Cases may be fewer in rare homes: what `SUSTAINED_DROP` calls a
//! fall decides, too, what is held against it.

use crate::judge::{Scratch, Shared, StayEvidence, each_stay, judge_shared, judge_stay};
use crate::peers::Peers;
use crate::registry::Registry;
use crate::rules::{Rule, RuleConfig, RuleEvidence, StayContext};
use crate::series::SeriesBlock;

/// What has to be done anew where a setting changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anew {
    /// One rule, and whatever a hit of it leads to.
    Rule(Rule),
    /// What rules contribute, and the rules that compare meters.
    Scores,
    /// All rules.
    Everything,
}

impl Anew {
    /// What a key below `rules` changes, such as `sustained_drop.max_ratio`; `None` where it changes what comes before the
    /// rules, as the size of peer groups does.
    #[must_use]
    pub fn of(key: &[impl AsRef<str>]) -> Option<Self> {
        let key: Vec<&str> = key.iter().map(AsRef::as_ref).collect();
        let rule = |section: &str| Rule::ALL.into_iter().find(|rule| rule.section() == section);
        Some(match key.as_slice() {
            ["min_peers"] => return None,
            // Which rules open cases follows from it, too.
            ["case_threshold"] => Self::Scores,
            [section, last] => match rule(section) {
                Some(_) if *last == "weight" => Self::Scores,
                Some(Rule::DropAfterExchange | Rule::SiblingMismatch | Rule::RegisterMismatch) => {
                    Self::Scores
                }
                // Others look at what they found, hit or not.
                Some(Rule::SustainedDrop | Rule::ZeroWhileOn) | None => Self::Everything,
                Some(rule) => Self::Rule(rule),
            },
            _ => Self::Everything,
        })
    }
}

/// A config that differs from the one that is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The config; it differs in what `anew` covers and nothing else.
    pub config: RuleConfig,
    /// What has to be done anew.
    pub anew: Anew,
}

/// A stay that a variant judges otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Position of the variant.
    pub variant: usize,
    /// What is found under it.
    pub stay: StayEvidence,
}

/// As [`crate::judge::judge`], and the stays that variants judge otherwise.
#[must_use]
pub fn judge_variants(
    block: &SeriesBlock,
    (registry, peers, config): (&Registry, &Peers, &RuleConfig),
    variants: &[Variant],
) -> (Vec<StayEvidence>, Vec<Changed>) {
    let judged = block.par_map_with(Scratch::default, |scratch, series| {
        let (mut stays, mut changed) = (Vec::with_capacity(1), Vec::new());
        each_stay(scratch, &series, (registry, peers, config), |context| {
            let shared = Shared::of(context);
            let stay = judge_shared(context, &shared);
            for (position, variant) in variants.iter().enumerate() {
                let stay = under(variant, context, &shared, &stay);
                changed.extend(stay.map(|stay| Changed {
                    variant: position,
                    stay,
                }));
            }
            stays.push(stay);
        });
        (stays, changed)
    });
    let (mut stays, mut changed) = (Vec::with_capacity(judged.len()), Vec::new());
    for (of_stays, of_changed) in judged {
        stays.extend(of_stays);
        changed.extend(of_changed);
    }
    (stays, changed)
}

/// What a variant finds; `None` where it makes no difference to who is suspected.
fn under(
    variant: &Variant,
    context: &StayContext<'_>,
    shared: &Shared,
    stay: &StayEvidence,
) -> Option<StayEvidence> {
    let context = StayContext {
        config: &variant.config,
        ..context.clone()
    };
    match variant.anew {
        Anew::Scores => None,
        Anew::Rule(rule) => {
            let now = shared.rule(&context, rule)?;
            let was = stay.rules.iter().find(|found| found.rule == rule)?;
            (!means_the_same(was, &now)).then(|| judge_shared(&context, shared))
        }
        Anew::Everything => {
            let now = judge_stay(&context);
            let same = now.suppressions == stay.suppressions
                && now.rules.len() == stay.rules.len()
                && now
                    .rules
                    .iter()
                    .zip(&stay.rules)
                    .all(|(a, b)| means_the_same(a, b));
            (!same).then_some(now)
        }
    }
}

/// Whether two findings of a rule lead to the same suspicion: both no hits, or the same hit.
fn means_the_same(a: &RuleEvidence, b: &RuleEvidence) -> bool {
    let meaning = |found: &RuleEvidence| {
        found.is_hit().then_some((
            found.onset_day,
            found.end_day,
            found.strength,
            found.value,
            found.kwh_micro,
        ))
    };
    meaning(a) == meaning(b)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::judge::judge;
    use crate::ranking::{Suspects, assemble};
    use crate::rules::testing::{FIRST_DAY, PEERS, Profiles, World, hourly_home, installed, noise, typed};
    use crate::series::collate;
    use arrow::array::AsArray as _;

    #[test]
    fn hits_of_other_values_may_be_shared_out_otherwise() {
        let hit = |value| RuleEvidence {
            verdict: crate::rules::Verdict::Hit,
            strength: 1.0,
            value,
            ..RuleEvidence::not_judged(Rule::TransformerBalance, crate::rules::Gap::NoFall, 0.5)
        };
        assert!(means_the_same(&hit(1.2), &hit(1.2)));
        assert!(!means_the_same(&hit(1.2), &hit(0.95)));
    }

    /// A config with one key changed.
    fn with(config: &RuleConfig, key: &str, value: f64) -> Option<Variant> {
        let path: Vec<&str> = key.split('.').collect();
        let mut json = serde_json::to_value(config).unwrap();
        let place = path.iter().fold(&mut json, |at, key| &mut at[*key]);
        *place = if place.is_u64() {
            serde_json::json!(value as u64)
        } else {
            serde_json::json!(value)
        };
        let config: RuleConfig = serde_json::from_value(json).unwrap();
        config.validate().ok()?;
        Some(Variant {
            config,
            anew: Anew::of(&path).unwrap(),
        })
    }

    /// Every threshold of every rule at every value worth a look, and settings that all rules share.
    fn variants(config: &RuleConfig) -> Vec<(Option<Rule>, String, Variant)> {
        let mut all = Vec::new();
        for rule in Rule::ALL {
            for threshold in rule.thresholds() {
                let key = format!("{}.{}", rule.section(), threshold.key);
                all.extend(threshold.values.iter().filter_map(|&value| {
                    Some((Some(rule), format!("{key}={value}"), with(config, &key, value)?))
                }));
            }
            let key = format!("{}.weight", rule.section());
            all.extend(with(config, &key, 0.9).map(|variant| (Some(rule), key, variant)));
        }
        for (key, value) in [
            ("case_threshold", 0.3),
            ("case_threshold", 0.8),
            ("near_miss_share", 0.9),
            ("corroboration_share", 0.6),
            ("baseline_days", 100.0),
            ("back_billing_months", 1.0),
            ("suppressors.season", 0.1),
            ("suppressors.new_install", 0.05),
            ("sustained_drop.max_hours_ratio", 0.95),
            ("zero_while_on.min_baseline_kwh_per_day", 5.0),
            ("oddity.weight", 0.2),
        ] {
            all.push((None, format!("{key}={value}"), with(config, key, value).unwrap()));
        }
        all
    }

    /// Homes that do a little of everything, hourly, so that every rule has something to say.
    fn lake(seed: u64) -> (World, Vec<Profiles>) {
        let days = 240;
        let kwh = |peer: usize, day: usize| 9.0 + noise(peer as u64, day);
        let world = World::new(typed("MC-0", Some(3600), &installed().periods), &kwh, days);
        let profiles = (0..=PEERS as u32).map(|at| {
            let mut home = hourly_home(seed + u64::from(at), days);
            for (day, hours) in home.iter_mut().enumerate().skip(120) {
                for (hour, kwh) in hours.iter_mut().enumerate() {
                    match at % 10 {
                        0 => *kwh *= 0.35 + 0.02 * f64::from(at / 10),
                        1 if day >= 200 => *kwh = 0.0,
                        2 if (8..13).contains(&hour) => *kwh = 0.0,
                        3 => *kwh = kwh.min(0.4),
                        4 if day % 40 < 3 => *kwh = -0.2,
                        5 => *kwh *= 1.0 - 0.005 * (day - 120) as f64,
                        6 if day % 30 < 12 => *kwh = 0.5,
                        7 => *kwh *= 0.55,
                        _ => {}
                    }
                }
            }
            let of = Profiles::intervals(at, FIRST_DAY, &home);
            match at {
                8 => of.uninstall(230..236),
                18 => of.switch_off(220..223),
                28 => of.estimate(180..225),
                _ => of,
            }
        });
        (world, profiles.collect())
    }

    /// Service points of the cases that an assessment under a config has, by brute force, and how many name a rule.
    fn by_a_run(
        world: &World,
        block: &SeriesBlock,
        config: &RuleConfig,
        rule: Option<Rule>,
    ) -> (Vec<String>, usize) {
        let stays = judge(block, &world.registry, &world.peers, config);
        let found = assemble(stays, &world.registry, &world.peers, config).unwrap();
        let ids = found.cases["service_point_id"].as_string::<i32>();
        let mut ids: Vec<String> = ids.iter().flatten().map(str::to_owned).collect();
        ids.sort_unstable();
        let codes = found.scores["reason_codes"].as_list::<i32>();
        let names = |row: usize| {
            let codes = codes.value(row);
            codes
                .as_string::<i32>()
                .iter()
                .flatten()
                .any(|code| Some(code) == rule.map(Rule::code))
        };
        (
            ids,
            (0..found.scores.num_rows()).filter(|&row| names(row)).count(),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2))]
        #[test]
        fn the_suspects_of_every_variant_are_those_of_a_run_under_its_config(seed in 0_u64..1_000) {
            let (world, profiles) = lake(seed);
            let batches: Vec<_> = profiles.iter().map(Profiles::batch).collect();
            let block = collate(&batches).unwrap();
            let named = variants(&world.config);
            let variants: Vec<Variant> = named.iter().map(|(_, _, variant)| variant.clone()).collect();
            let (stays, changed) = judge_variants(&block, (&world.registry, &world.peers, &world.config), &variants);
            prop_assert_eq!(&format!("{stays:?}"), &format!("{:?}", judge(&block, &world.registry, &world.peers, &world.config)));
            let suspects = Suspects::new(stays, &world.registry, &world.config);
            let mut hits = std::collections::BTreeMap::<String, Vec<usize>>::new();
            let mut differ = 0;
            for (position, (rule, key, variant)) in named.iter().enumerate() {
                let own: Vec<&StayEvidence> = changed
                    .iter()
                    .filter(|changed| changed.variant == position)
                    .map(|changed| &changed.stay)
                    .collect();
                differ += own.len();
                let found = suspects.under(variant, &own);
                let mut cases: Vec<String> = found
                    .iter()
                    .filter(|suspect| suspect.is_case)
                    .map(|suspect| world.registry.service_points[suspect.service_point.unwrap() as usize].id.clone())
                    .collect();
                cases.sort_unstable();
                let with_rule = found.iter().filter(|suspect| rule.is_some_and(|rule| suspect.has(rule))).count();
                prop_assert_eq!((cases, with_rule), by_a_run(&world, &block, &variant.config, *rule), "{}", key);
                if let Some((key, _)) = key.split_once('=').filter(|_| rule.is_some()) {
                    hits.entry(key.to_owned()).or_default().push(with_rule);
                }
            }
            // Values ascend: what needs at least so much is hit less and less, all else more and more.
            for (key, hits) in hits {
                let ascends = hits.is_sorted();
                let descends = hits.iter().rev().is_sorted();
                prop_assert!(if key.contains(".min_") { descends } else { ascends }, "{}: {:?}", key, hits);
            }
            prop_assert!(differ > 20, "thresholds matter: {}", differ);
        }
    }

    #[test]
    fn what_a_key_changes() {
        let of = |key: &str| Anew::of(&key.split('.').collect::<Vec<_>>());
        assert_eq!(of("min_peers"), None);
        assert_eq!(of("case_threshold"), Some(Anew::Scores));
        assert_eq!(of("flatline.min_days"), Some(Anew::Rule(Rule::Flatline)));
        assert_eq!(of("flatline.weight"), Some(Anew::Scores));
        assert_eq!(of("drop_after_exchange.max_ratio"), Some(Anew::Scores));
        assert_eq!(of("sustained_drop.max_ratio"), Some(Anew::Everything));
        assert_eq!(of("suppressors.solar"), Some(Anew::Everything));
    }

    #[test]
    fn a_hit_that_differs_in_its_threshold_alone_means_the_same() {
        let (world, profiles) = lake(1);
        let stay = &world.judge(&profiles[0])[0];
        let hit = *stay.rules.iter().find(|rule| rule.is_hit()).unwrap();
        assert!(means_the_same(
            &hit,
            &RuleEvidence {
                threshold: 9.0,
                ..hit
            }
        ));
        assert!(!means_the_same(
            &hit,
            &RuleEvidence {
                strength: 0.01,
                ..hit
            }
        ));
        assert!(!means_the_same(&hit, &RuleEvidence { onset_day: 1, ..hit }));
    }
}
