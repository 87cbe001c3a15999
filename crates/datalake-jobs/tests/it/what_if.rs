//! `what-if`: its counts are those of runs, and it writes nothing.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use serde_json::Value;

use crate::lake;
use crate::support::Folder;
use crate::support::job::{bundled_config, job, table};

fn counted(folder: &Folder, more: &[&str]) -> Value {
    let mut args = vec!["what-if", "--format", "json"];
    args.extend(more);
    serde_json::from_str(&folder.run(&args).ok().stdout).unwrap()
}

/// Cases of a run with a key set, and service points whose reasons name a rule.
fn by_a_run(folder: &Folder, set: Option<&str>, rule: Option<&str>) -> (u64, u64) {
    let set: Vec<&str> = set.into_iter().flat_map(|set| ["--set", set]).collect();
    folder.run(&[&set[..], &["--force"]].concat()).ok();
    let cases = table(&folder.output(), "theft_cases").lines(&["case_id"]);
    let codes = table(&folder.output(), "theft_scores").lines(&["reason_codes"]);
    let named = codes
        .lines()
        .filter(|line| rule.is_some_and(|rule| line.contains(rule)));
    (cases.lines().count() as u64, named.count() as u64)
}

#[test]
fn at_the_configured_values_the_counts_are_those_of_the_run() {
    let folder = Folder::with_lake(&lake::files());
    let counted = counted(&folder, &[]);
    assert!(!folder.output().exists(), "something was written");
    let (cases, _) = by_a_run(&folder, None, None);
    assert!(cases > 5);
    assert_eq!(counted["configured"]["cases"], cases);
    let codes = table(&folder.output(), "theft_scores").lines(&["reason_codes"]);
    let mut keys = BTreeMap::<&str, u32>::new();
    for value in counted["values"].as_array().unwrap() {
        let key = value["key"].as_str().unwrap();
        let configured = value["configured"].as_bool().unwrap();
        *keys.entry(key).or_default() += u32::from(configured);
        if configured {
            assert_eq!(value["cases"], cases, "{key}");
        }
        if let Some(rule) = value["rule"].as_str().filter(|_| configured) {
            let hits = codes.lines().filter(|line| line.contains(rule)).count();
            assert_eq!(value["hits"], hits, "{key}");
        }
    }
    // The score's and one at least of each of the 21 rules, each at its configured value once.
    assert!(keys.len() >= 22 && keys.values().all(|&n| n == 1), "{keys:?}");
}

#[test]
fn at_other_values_the_counts_are_those_of_runs_with_them() {
    let folder = Folder::with_lake(&lake::files());
    let asked = [
        ("rules.sustained_drop.max_ratio=0.3", Some("SUSTAINED_DROP")),
        (
            "rules.usage_not_installed.min_days=1",
            Some("USAGE_NOT_INSTALLED"),
        ),
        ("rules.case_threshold=0.7", None),
    ];
    let at: Vec<&str> = asked.iter().flat_map(|(at, _)| ["--at", at]).collect();
    let counted = counted(&folder, &at);
    for (at, rule) in asked {
        let (key, value) = at.split_once('=').unwrap();
        let found = counted["values"].as_array().unwrap().iter();
        let found: Vec<&Value> = found
            .filter(|found| found["key"] == key && found["value"] == value)
            .collect();
        let (cases, hits) = by_a_run(&folder, Some(at), rule);
        assert_eq!(found[0]["cases"], cases, "{at}");
        assert_eq!(found[0]["hits"].as_u64(), rule.map(|_| hits), "{at}");
    }
    // Only what was asked for, the configured values, and the threshold of the score.
    let keys = counted["values"].as_array().unwrap();
    let keys: std::collections::BTreeSet<&str> = keys.iter().map(|of| of["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), asked.len());
}

#[test]
fn a_higher_threshold_never_makes_more_cases() {
    let folder = Folder::with_lake(&lake::files());
    let counted = counted(&folder, &["--rule", "PEER_LOW"]);
    let of = |key: &str, what: &str| -> Vec<u64> {
        let values = counted["values"].as_array().unwrap().iter();
        let of = values.filter(|value| value["key"] == key);
        of.map(|value| value[what].as_u64().unwrap()).collect()
    };
    let cases = of("rules.case_threshold", "cases");
    assert!(
        cases.is_sorted_by(|a, b| a >= b) && cases[0] > cases[6],
        "{cases:?}"
    );
    let hits = of("rules.peer_low.max_robust_z", "hits");
    assert!(hits.is_sorted() && hits.len() >= 5, "{hits:?}");
    // 50 are more than there are; the threshold of what there is makes so many.
    assert_eq!(counted["best"][0]["case_threshold"], Value::Null);
}

#[test]
fn outcomes_of_inspections_are_counted_among_the_cases() {
    let mut files = lake::files();
    let rows = "service_point_id,inspected_at,outcome\nSP-DROP-HIT,,theft\nSP-ZERO-GAP,,no_theft\nSP-ZERO-GAP,,no_access\nSP-NONE,,theft\n";
    files.insert("inspection/inspection.csv".to_owned(), rows.to_owned());
    let folder = Folder::with_lake(&files);
    let counted = counted(&folder, &["--rule", "PEER_LOW"]);
    let configured = &counted["configured"];
    assert_eq!(
        (&configured["inspected"], &configured["thefts"]),
        (&2.into(), &1.into())
    );
    let strict = &counted["values"].as_array().unwrap()[5];
    assert_eq!(strict["value"], "0.8");
    assert_eq!((&strict["inspected"], &strict["thefts"]), (&0.into(), &0.into()));
}

#[test]
fn the_table_is_for_people() {
    let folder = Folder::with_lake(&lake::files());
    let outcome = folder.run(&["what-if", "--rule", "sustained_drop"]).ok();
    assert_snapshot!(outcome.stdout);
}

#[test]
fn what_cannot_be_varied() {
    let folder = Folder::with_lake(&lake::files());
    let verdict = |args: &[&str]| {
        let run = job(&folder.lake(), &folder.output())
            .config(&bundled_config())
            .arg("what-if");
        run.args(args).run().verdict()
    };
    assert_snapshot!(verdict(&["--at", "rules.min_peers=5"]), @r"
    exit 2
    error: `rules.min_peers` cannot be varied by what-if: peer groups are made before the rules
    hint: give a key below `rules`, such as --at rules.sustained_drop.max_ratio=0.4,0.5
    ");
    assert_snapshot!(verdict(&["--at", "install_time_zone=UTC"]), @r"
    exit 2
    error: `install_time_zone` cannot be varied by what-if: it is no key below `rules`
    hint: give a key below `rules`, such as --at rules.sustained_drop.max_ratio=0.4,0.5
    ");
    assert_snapshot!(verdict(&["--at", "rules.case_threshold=7"]), @r"
    exit 78
    error: config key `rules.case_threshold` (flag --at)
    Caused by: 7 is not allowed: must be a number from 0.05 to 1
    ");
    // Numbers and texts by turns, in no order.
    let mixed: Vec<String> = (0..60)
        .map(|at| match at % 3 {
            0 => "some".to_owned(),
            _ => format!("0.{}", 10 + at * 37 % 80),
        })
        .collect();
    let mixed = verdict(&["--at", &format!("rules.case_threshold={}", mixed.join(","))]);
    assert!(
        mixed.starts_with("exit 78\nerror: config key `rules.case_threshold`"),
        "{mixed}"
    );
    assert_snapshot!(verdict(&["--at", "rules.peer_low.sight=1"]), @r"
    exit 78
    error: config key `rules.peer_low.sight` (flag --at)
    Caused by: unknown key `sight`
    hint: known keys are max_robust_z, spread_floor, weight
    ");
}
