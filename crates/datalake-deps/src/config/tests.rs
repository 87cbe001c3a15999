//! The layers together: precedence, origins, errors.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::diagnostic::{Diagnostic as _, render};
use crate::exit_code::ExitCode;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Raw {
    output: String,
    rules: Rules,
    types: BTreeMap<String, Kind>,
    zones: Vec<String>,
    tariff: Option<f64>,
    store: Option<Store>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Rules {
    min_days: u32,
    ratio: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Kind {
    uom: String,
    interval_seconds: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Store {
    url: String,
    password: Option<u64>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            min_days: 14,
            ratio: 0.6,
        }
    }
}

impl Default for Raw {
    fn default() -> Self {
        let kwh = Kind {
            uom: "kWh".to_owned(),
            interval_seconds: Some(900),
        };
        Self {
            output: "out".to_owned(),
            rules: Rules::default(),
            types: BTreeMap::from([("E-KWH-15-DEL".to_owned(), kwh)]),
            zones: vec!["UTC".to_owned()],
            tariff: None,
            store: None,
        }
    }
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
}

fn resolve(
    file: Option<Value>,
    environment: &[(&str, &str)],
    flags: &[&str],
) -> Result<Resolved<Raw>, ConfigError> {
    let mut layers = ConfigLayers::new();
    if let Some(value) = file {
        layers = layers.with_job_config(JobConfig {
            value,
            origin: Origin::File(PathBuf::from("a.json")),
        });
    }
    let args = ["job"]
        .into_iter()
        .chain(flags.iter().flat_map(|flag| ["--set", *flag]));
    let variables = environment
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    layers
        .with_environment(variables)?
        .with_flags(&Cli::parse_from(args).config)
        .resolve()
}

fn fault(file: Value) -> String {
    let error = resolve(Some(file), &[], &[]).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Config);
    render(&error)
}

#[test]
fn without_layers_everything_is_default() {
    let resolved = resolve(None, &[("HOME", "/x"), ("DATALAKE_MASTER", "local")], &[]).unwrap();
    assert_eq!(resolved.value, Raw::default());
    assert!(resolved.origins.values().all(|origin| *origin == Origin::Default));
    let paths: Vec<_> = resolved.origins.keys().map(String::as_str).collect();
    let expected = [
        "output",
        "rules.min_days",
        "rules.ratio",
        "store",
        "tariff",
        "types.E-KWH-15-DEL.interval_seconds",
        "types.E-KWH-15-DEL.uom",
        "zones",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn later_layers_win_key_by_key() {
    let file = json!({"output": "f", "rules": {"min_days": 1, "ratio": 0.1}, "zones": ["A", "B"]});
    let environment = [
        ("DATALAKE__RULES__MIN_DAYS", "2"),
        ("DATALAKE__RULES__RATIO", "0.2"),
    ];
    let resolved = resolve(Some(file), &environment, &["rules.min_days=3"]).unwrap();
    assert_eq!(resolved.value.output, "f");
    assert_eq!(
        resolved.value.rules,
        Rules {
            min_days: 3,
            ratio: 0.2
        }
    );
    assert_eq!(resolved.value.zones, ["A", "B"]);
    assert_eq!(resolved.origins["output"], Origin::File("a.json".into()));
    assert_eq!(resolved.origins["rules.min_days"], Origin::Flag("--set"));
    assert_eq!(
        resolved.origins["rules.ratio"],
        Origin::Environment("DATALAKE__RULES__RATIO".to_owned())
    );
    assert_eq!(resolved.origins["types.E-KWH-15-DEL.uom"], Origin::Default);
    assert_eq!(resolved.origins["zones"], Origin::File("a.json".into()));
}

#[test]
fn maps_gain_entries_and_keep_the_default_ones() {
    let environment = [
        ("DATALAKE__TYPES__E_KWH_15_DEL__UOM", "V"),
        ("DATALAKE__TYPES__E-KWH-15-DEL__UOM", "Wh"),
    ];
    let resolved = resolve(
        Some(json!({"types": {"G": {"uom": "m3"}}})),
        &environment,
        &["types.\"a.b\".uom=x"],
    )
    .unwrap();
    let uoms: Vec<_> = resolved
        .value
        .types
        .iter()
        .map(|(code, kind)| (code.as_str(), kind.uom.as_str()))
        .collect();
    // The variable's name met the default key whatever its case; where it met none, it was lower-cased.
    assert_eq!(
        uoms,
        [
            ("E-KWH-15-DEL", "Wh"),
            ("G", "m3"),
            ("a.b", "x"),
            ("e_kwh_15_del", "V")
        ]
    );
    assert_eq!(resolved.origins["types.\"a.b\".uom"], Origin::Flag("--set"));
    assert_eq!(resolved.origins["types.G.interval_seconds"], Origin::Default);
}

#[test]
fn texts_become_what_the_key_holds() {
    let flags = [
        "output=123",
        "tariff=0.25",
        "zones=[\"X\"]",
        "store={\"url\":\"s3://b\"}",
        "rules={\"ratio\":1}",
        "store.url=null-and-void",
    ];
    let value = resolve(None, &[], &flags).unwrap().value;
    assert_eq!(value.output, "123");
    assert_eq!(value.tariff, Some(0.25));
    assert_eq!(value.zones, ["X"]);
    assert_eq!(value.store.unwrap().url, "null-and-void");
    assert_eq!(
        value.rules,
        Rules {
            min_days: 14,
            ratio: 1.0
        }
    );
    let value = resolve(
        Some(json!({"tariff": 1.0})),
        &[],
        &["tariff=null", "output=\"12\""],
    )
    .unwrap()
    .value;
    assert_eq!(value.tariff, None);
    assert_eq!(value.output, "12");
}

#[test]
fn bad_keys_are_named_with_path_origin_and_known_keys() {
    insta::assert_snapshot!(fault(json!({"rules": {"min_day": 3}})), @r"
    error: config key `rules.min_day` (file a.json)
    Caused by: unknown key `min_day`
    hint: known keys are min_days, ratio
    ");
    insta::assert_snapshot!(fault(json!({"rules": {"min_days": -3}})), @r"
    error: config key `rules.min_days` (file a.json)
    Caused by: invalid value: integer `-3`, expected u32
    ");
    insta::assert_snapshot!(fault(json!({"rules": 3})), @r"
    error: config key `rules` (file a.json)
    Caused by: invalid type: integer `3`, expected an object
    ");
    insta::assert_snapshot!(fault(json!({"zones": ["a", 1]})), @r#"
    error: config key `zones[1]` (file a.json)
    Caused by: invalid type: integer `1`, expected a string
    "#);
    insta::assert_snapshot!(fault(json!({"types": {"a.b": {"uom": 1}}})), @r#"
    error: config key `types."a.b".uom` (file a.json)
    Caused by: invalid type: integer `1`, expected a string
    "#);
    insta::assert_snapshot!(fault(json!({"nothing": null})), @r"
    error: config key `nothing` (file a.json)
    Caused by: unknown key `nothing`
    hint: known keys are output, rules, types, zones, tariff, store
    ");
    let error = resolve(None, &[("DATALAKE__RULES__RATIO", "much")], &[]).unwrap_err();
    insta::assert_snapshot!(render(&error), @r#"
    error: config key `rules.ratio` (environment DATALAKE__RULES__RATIO)
    Caused by: invalid type: string "much", expected f64
    "#);
    let error = resolve(None, &[("DATALAKE__RULES____RATIO", "much")], &[]).unwrap_err();
    insta::assert_snapshot!(render(&error), @r"
    error: cannot read the setting `DATALAKE__RULES____RATIO`
    Caused by: a key is empty
    hint: write a dotted key and a value: `--set a.b=1`, or `DATALAKE__A__B=1` in the environment
    ");
    let error = resolve(None, &[], &["rule.ratio=1"]).unwrap_err();
    insta::assert_snapshot!(render(&error), @r"
    error: config key `rule` (flag --set)
    Caused by: unknown key `rule`
    hint: known keys are output, rules, types, zones, tariff, store
    ");
}

#[test]
fn a_secret_is_shown_in_no_error_and_no_record() {
    let error = fault(json!({"store": {"password": "hunter2"}}));
    insta::assert_snapshot!(error, @r"
    error: config key `store.password` (file a.json)
    Caused by: its value has the wrong form; it is not shown, since the key looks secret
    ");
    let file = json!({"store": {"url": "s3://me:hunter2@b", "password": 12345}});
    let resolved = resolve(Some(file), &[], &[]).unwrap();
    assert_eq!(resolved.json()["store"]["password"], 12345);
    let text = resolved.print_text();
    assert!(!text.contains("hunter2") && !text.contains("12345"), "{text}");
    insta::assert_snapshot!(text, @r#"
    {
      "config": {
        "output": "out",
        "rules": {
          "min_days": 14,
          "ratio": 0.6
        },
        "types": {
          "E-KWH-15-DEL": {
            "uom": "kWh",
            "interval_seconds": 900
          }
        },
        "zones": [
          "UTC"
        ],
        "tariff": null,
        "store": {
          "url": "s3://***@b",
          "password": "***"
        }
      },
      "origins": {
        "output": "default",
        "rules.min_days": "default",
        "rules.ratio": "default",
        "store.password": "file a.json",
        "store.url": "file a.json",
        "tariff": "default",
        "types.E-KWH-15-DEL.interval_seconds": "default",
        "types.E-KWH-15-DEL.uom": "default",
        "zones": "default"
      }
    }
    "#);
}

#[test]
fn validation_faults_carry_the_origin() {
    let resolved = resolve(None, &[], &["rules.ratio=7"]).unwrap();
    insta::assert_snapshot!(render(&resolved.error_at("rules.ratio", "must lie between 0 and 1")), @r"
    error: config key `rules.ratio` (flag --set)
    Caused by: must lie between 0 and 1
    ");
    insta::assert_snapshot!(render(&resolved.error_at("rules", "ratio and min_days contradict")), @r"
    error: config key `rules` (flag --set)
    Caused by: ratio and min_days contradict
    ");
    insta::assert_snapshot!(render(&resolved.error_at("tariff", "must be set")), @r"
    error: config key `tariff` (default)
    Caused by: must be set
    ");
}

proptest! {
    #[test]
    fn the_printed_config_resolves_to_itself(min_days in any::<u32>(), output in "[a-z/]{0,9}", tariff in proptest::option::of(0.0..9.0)) {
        let file = json!({"output": output, "rules": {"min_days": min_days}, "tariff": tariff});
        let first = resolve(Some(file), &[], &[]).unwrap();
        let again = resolve(Some(first.record()["config"].clone()), &[], &[]).unwrap();
        prop_assert_eq!(first.value, again.value);
    }
}
