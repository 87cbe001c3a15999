//! Bad command lines and configs: what the job says, and how it ends.

use insta::assert_snapshot;

use crate::support::job::bare;
use crate::support::small::small;
use crate::support::{Folder, job};

#[test]
fn an_unknown_key_in_the_config() {
    let folder = Folder::with_lake(&small());
    let config = folder.write(
        "site_config.json",
        br#"{"rules": {"sustained_drop": {"treshold": 0.5}}}"#,
    );
    let outcome = job(&folder.lake(), &folder.output())
        .config(&config)
        .hide(folder.path(), "[folder]")
        .run();
    assert_snapshot!(outcome.verdict(), @r"
    exit 78
    error: config key `rules.sustained_drop.treshold` (file [folder]/site_config.json)
    Caused by: unknown key `treshold`
    hint: known keys are max_ratio, min_days, min_explained, max_hours_ratio, weight
    ");
}

#[test]
fn a_value_that_makes_no_sense() {
    let folder = Folder::with_lake(&small());
    let outcome = job(&folder.lake(), &folder.output())
        .args(&["--set", "rules.sustained_drop.max_ratio=7"])
        .run();
    assert_snapshot!(outcome.verdict(), @r"
    exit 78
    error: config key `rules.sustained_drop.max_ratio` (flag --set)
    Caused by: 7 is not allowed: must be a number from 0.05 to 0.95
    ");
}

#[test]
fn a_config_that_is_no_json() {
    let folder = Folder::with_lake(&small());
    let config = folder.write("site_config.json", b"{\n  \"rules\": {,}\n}\n");
    let outcome = job(&folder.lake(), &folder.output())
        .config(&config)
        .hide(folder.path(), "[folder]")
        .run();
    assert_snapshot!(outcome.verdict(), @r"
    exit 78
    error: the config is not a JSON object: [folder]/site_config.json:2:13
    Caused by: key must be a string
    ");
}

#[test]
fn two_configs() {
    let folder = Folder::with_lake(&small());
    let files: Vec<String> = ["a/datalake_config.json", "b/other_config.json"]
        .iter()
        .map(|name| folder.write(name, b"{}").to_str().unwrap().to_owned())
        .collect();
    let outcome = job(&folder.lake(), &folder.output())
        .args(&["--files", &files.join(",")])
        .hide(folder.path(), "[folder]")
        .run();
    assert_snapshot!(outcome.verdict(), @r"
    exit 78
    error: both `[folder]/a/datalake_config.json` and `[folder]/b/other_config.json` could be the job's config
    hint: give one config: by `--config`, or among `--files`
    ");
}

#[test]
fn a_wrong_flag() {
    assert_snapshot!(bare().args(&["--lake", "x", "--outptu", "y"]).run().verdict(), @r"
    exit 2
    error: unexpected argument '--outptu' found

      tip: a similar argument exists: '--output'

    Usage: theft-detection --lake <DIR> --output <DIR>

    For more information, try '--help'.
    ");
}
