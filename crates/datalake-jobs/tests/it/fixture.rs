//! The bundled lake itself, and the account of its rows.

use serde_json::json;

use crate::lake;
use crate::support::Folder;
use crate::support::job::{bundled_lake, run_record, table};

/// `cargo run -p datalake-jobs --example make_test_data` writes what is committed, to the byte.
#[test]
fn the_committed_files_are_what_the_generator_writes() {
    let files = lake::files();
    for (path, text) in &files {
        let committed = fs_err::read_to_string(bundled_lake().join(path)).unwrap();
        assert!(
            committed == *text,
            "{path} differs: run `cargo run -p datalake-jobs --example make_test_data`"
        );
    }
    let mut strangers = Vec::new();
    for table in fs_err::read_dir(bundled_lake())
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if table.is_dir() && table.file_name().is_some_and(|name| name != "expected") {
            for file in fs_err::read_dir(table)
                .unwrap()
                .map(|entry| entry.unwrap().path())
            {
                let relative = file
                    .strip_prefix(bundled_lake())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                if !files.contains_key(&relative) {
                    strangers.push(relative);
                }
            }
        }
    }
    assert!(strangers.is_empty(), "the generator does not write {strangers:?}");
}

/// The lake stays small enough to read and to clone.
#[test]
fn the_lake_is_small() {
    let bytes: usize = lake::files().values().map(String::len).sum();
    assert!(bytes < 1_600_000, "{bytes}");
}

/// The account that the README works out by hand.
#[test]
fn every_row_is_accounted_for() {
    let folder = Folder::with_lake(&lake::files());
    folder.run(&[]).ok();
    let record = run_record(&folder.output());
    assert_eq!(
        record["rows"],
        json!({
            "read": 30_393,
            "used": 30_249,
            "superseded": 29,
            "out_of_scope": {"do_not_use": 3, "not_energy": 96},
            "rejected": {
                "invalid_number": 1,
                "invalid_timestamp": 2,
                "key_missing": 2,
                "measured_at_out_of_range": 1,
                "number_not_finite": 2,
                "number_out_of_range": 1,
                "off_grid": 1,
                "unknown_component": 2,
                "unmapped_component_type": 2,
                "value_missing": 1,
                "wrong_field_count": 1,
            },
        })
    );
}

/// The rows kept aside, by file and line.
#[test]
fn rejected_rows_are_kept_aside() {
    let folder = Folder::with_lake(&lake::files());
    folder.run(&[]).ok();
    let rejected = table(&folder.output(), "rejected_rows");
    let columns = rejected.columns();
    insta::assert_snapshot!(rejected.lines(&columns.iter().map(String::as_str).collect::<Vec<_>>()));
}

/// What the job noticed about the tables.
#[test]
fn findings() {
    let folder = Folder::with_lake(&lake::files());
    folder.run(&[]).ok();
    let findings = table(&folder.output(), "findings");
    insta::assert_snapshot!(findings.lines(&["table", "code", "severity", "rows", "example_key", "message"]));
}
