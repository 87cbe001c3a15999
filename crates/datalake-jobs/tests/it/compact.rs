//! The job `compact`: another lake, and the same cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::Parser as _;
use datalake_deps::session::StopFlag;
use datalake_jobs::synthetic;
use insta::assert_snapshot;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use serde_json::json;

use crate::lake;
use crate::support::job::{bundled_config, compact, run_record, table, table_file};
use crate::support::rewrite::{self, FORMATS, Format, Row};
use crate::support::small::{MEASUREMENTS, small, small_and};
use crate::support::{Folder, Table, job};

/// All published files but the record, by path.
fn files_of(output: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    // Tables are links: follow them, as readers do.
    let mut open = vec![output.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && name != ".versions" {
                open.push(path);
            } else if path.is_file() && name != "run.json" {
                let inner = path.strip_prefix(output).unwrap().to_owned();
                files.insert(inner, fs_err::read(&path).unwrap());
            }
        }
    }
    files
}

fn measurements_of(output: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files_of(output);
    files.retain(|path, _| path.starts_with("measurements"));
    assert!(!files.is_empty());
    files
}

/// Names of files that differ, so that a failure does not print megabytes.
#[track_caller]
fn assert_same(left: &BTreeMap<PathBuf, Vec<u8>>, right: &BTreeMap<PathBuf, Vec<u8>>) {
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>());
    let differ: Vec<_> = left
        .iter()
        .filter(|(path, bytes)| right[*path] != **bytes)
        .collect();
    let differ: Vec<_> = differ.iter().map(|(path, _)| path).collect();
    assert!(differ.is_empty(), "bytes differ in {differ:?}");
}

/// What the theft job noticed besides rejected rows. Two findings count rows, not keys: superseded rows are gone.
fn findings(output: &Path) -> Vec<String> {
    let findings: Table = table(output, "findings");
    (0..findings.rows())
        .filter(|&row| findings.text(row, "severity") != "rejected")
        .map(|row| {
            let code = findings.text(row, "code");
            let counts_rows =
                ["unknown_condition_code", "combined_multiplier_differs"].contains(&code.as_str());
            let columns = ["table", "severity", "rows", "example_key", "message"];
            let cells = columns
                .iter()
                .filter(|column| !(counts_rows && **column == "rows"))
                .map(|column| findings.text(row, column));
            format!("{code}: {}", cells.collect::<Vec<_>>().join(" | "))
        })
        .collect()
}

/// Compacts the lake of `folder` and runs the theft job on both lakes; returns the theft job's log on the second.
#[track_caller]
fn same_cases(folder: &Folder, config: &Path, compaction: &[&str]) -> String {
    let compacted = folder.path().join("compacted");
    compact(&folder.lake(), &compacted)
        .config(config)
        .args(compaction)
        .run()
        .ok();
    let detect = |lake: &Path, output: &Path| job(lake, output).config(config).run().ok().stderr;
    let (before, after) = (folder.path().join("before"), folder.path().join("after"));
    detect(&folder.lake(), &before);
    let log = detect(&compacted, &after);
    for name in ["theft_cases", "theft_scores", "meter_features"] {
        let bytes = |output: &Path| fs_err::read(table_file(output, name)).unwrap();
        assert!(bytes(&before) == bytes(&after), "{name} differs");
    }
    assert_eq!(findings(&before), findings(&after));
    log
}

/// Every row of the record is accounted for; returns read, kept, superseded and rejected.
fn account(output: &Path) -> [u64; 4] {
    let rows = &run_record(output)["rows"];
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let rejected: u64 = rows["rejected"].as_object().unwrap().values().map(number).sum();
    let counts = [&rows["read"], &rows["used"], &rows["superseded"]].map(number);
    assert_eq!(counts[0], counts[1] + counts[2] + rejected);
    [counts[0], counts[1], counts[2], rejected]
}

#[test]
fn the_bundled_lake_has_the_same_cases_by_day_and_month() {
    let folder = Folder::with_lake(&lake::files());
    for compaction in [
        &["--by", "day"][..],
        &["--by", "month"],
        &[
            "--by",
            "day",
            "--conf",
            "memory_limit=1MiB",
            "--conf",
            "threads=2",
        ],
    ] {
        let log = same_cases(&folder, &bundled_config(), compaction);
        assert!(log.contains("day by day"), "{log}");
    }
    let [read, kept, superseded, rejected] = account(&folder.path().join("compacted"));
    assert!(read > 20_000 && kept > 20_000 && superseded > 0 && rejected > 0);
    assert!(
        folder
            .path()
            .join("compacted/measurements/year=2024/month=02/day=29/part-0.parquet")
            .is_file()
    );
    let copied = fs_err::read(folder.path().join("compacted/device/device.csv")).unwrap();
    assert_eq!(
        copied,
        fs_err::read(folder.lake().join("device/device.csv")).unwrap()
    );
}

/// A lake with every fault, in another system's names, formats and clocks.
fn dirty_lake(more: &[&str]) -> Folder {
    let folder = Folder::new();
    let lake = folder.lake();
    let line = [
        "synthetic-lake",
        "--output",
        lake.to_str().unwrap(),
        "--service-points=20",
        "--days=60",
        "--interval-seconds=3600",
        "--seed=11",
        "--register-share=0.4",
        "--voltage-share=0.3",
        "--duplicate-share=0.05",
        "--correction-share=0.05",
        "--estimated-share=0.05",
        "--missing-share=0.05",
        "--override-share=0.02",
        "--do-not-use-share=0.02",
        "--padded-share=0.2",
        "--orphan-share=0",
        "--unmapped-share=0",
    ];
    let args = synthetic::Args::parse_from(line.iter().chain(more));
    synthetic::run(&args, &StopFlag::default()).unwrap();
    folder
}

#[test]
fn a_dirty_lake_has_the_same_cases_whatever_its_names_formats_and_clocks() {
    let zones = [
        json!({}),
        // Times without a zone are moved to the clock: the compacted ones must not be moved again.
        json!({"measurement_time_zone": "+01:00", "tables": {"measurements": {"time_zone": "UTC"}}}),
    ];
    for (more, zone) in [
        (
            &["--preset=oracle_mdm", "--format=csv", "--layout=shuffled"][..],
            &zones[1],
        ),
        (
            &["--preset=oracle_mdm", "--format=ndjson", "--layout=component"],
            &zones[0],
        ),
        (&["--format=parquet", "--layout=daily"], &zones[1]),
    ] {
        let folder = dirty_lake(more);
        let mut config = zone.clone();
        config["install_time_zone"] = json!("Europe/London");
        config["max_rejected_share"] = json!(0.5);
        if more[0].contains("oracle") {
            config["preset"] = json!("oracle_mdm");
        }
        let config = folder.write("config.json", config.to_string().as_bytes());
        let log = same_cases(&folder, &config, &[]);
        assert!(log.contains("day by day"), "{log}");
        let compacted = folder.path().join("compacted");
        let [_, _, superseded, _] = account(&compacted);
        assert!(superseded > 1_000, "{superseded}");
        // Compacting what is compacted changes nothing, clocks included.
        let again = folder.path().join("again");
        compact(&compacted, &again).config(&config).run().ok();
        assert_same(&measurements_of(&compacted), &measurements_of(&again));
        assert_eq!(account(&again)[2], 0);
    }
}

/// A newer row that the theft job refuses must not hide the older one that it uses.
#[test]
fn a_row_that_may_be_refused_hides_nothing() {
    let mut files = small();
    let text = files.get_mut(MEASUREMENTS).unwrap();
    let rows = text.replace(",501000\n", ",501000,2024-06-01 00:00:00\n");
    *text = rows.replacen("condition_code\n", "condition_code,updated_at\n", 1);
    for line in [
        "MC-1,2024-02-01 00:00:00,,501000,2024-06-02 00:00:00",
        "MC-1,2024-02-02 00:00:00,5000000,501000,2024-06-02 00:00:00",
        "MC-1,2024-02-03 00:00:00,,101000,2024-06-02 00:00:00",
        "MC-1,2024-02-04 00:00:00,7,501000,2024-06-02 00:00:00",
        "MC-1,2024-02-05 00:00:00,8,501000,2024-06-01 00:00:00",
        "MC-1,2024-02-05 00:00:00,9,501000,2024-05-01 00:00:00",
    ] {
        text.push_str(line);
        text.push('\n');
    }
    let folder = Folder::with_lake(&files);
    same_cases(&folder, &bundled_config(), &[]);
    assert_eq!(account(&folder.path().join("compacted")), [366, 364, 2, 0]);
    assert!(
        findings(&folder.path().join("after"))
            .iter()
            .any(|finding| finding.contains("contradict"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 2, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same bytes whatever the order of rows, their spread over files of any format, threads and memory.
    #[test]
    fn order_files_threads_and_memory_do_not_change_a_byte(
        seed in any::<u64>(),
        formats in prop::collection::vec(prop::sample::select(FORMATS.to_vec()), 1..6),
        threads in 1_usize..4,
        memory in prop::sample::select(vec!["1MiB", "1GiB"]),
        by in prop::sample::select(vec!["day", "month"]),
    ) {
        static EXPECTED: [OnceLock<BTreeMap<PathBuf, Vec<u8>>>; 2] = [OnceLock::new(), OnceLock::new()];
        let mut rows = rewrite::measurements(&lake::files(), |path| !path.ends_with("dirt.csv"));
        let compacted = |parts: &[(Vec<Row>, Format)], more: &[&str]| {
            let folder = Folder::with_lake(&rewrite::dimensions(&lake::files()));
            for (at, (rows, format)) in parts.iter().enumerate() {
                let (extension, bytes) = rewrite::file(rows, *format);
                folder.write(&format!("lake/measurements/rows-{at}.{extension}"), &bytes);
            }
            compact(&folder.lake(), &folder.output()).args(&["--by", by]).args(more).run().ok();
            measurements_of(&folder.output())
        };
        let expected = EXPECTED[usize::from(by == "day")]
            .get_or_init(|| compacted(&[(rows.clone(), Format::ParquetDecimal)], &[]));
        rows.extend_from_within(..rows.len() / 3);
        rows.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
        let size = rows.len().div_ceil(formats.len());
        let parts: Vec<_> = rows.chunks(size).map(<[Row]>::to_vec).zip(formats.clone()).collect();
        let conf = [format!("threads={threads}"), format!("memory_limit={memory}")];
        let found = compacted(&parts, &["--conf", &conf[0], "--conf", &conf[1]]);
        assert_same(expected, &found);
    }
}

#[test]
fn a_second_run_does_nothing_and_force_writes_the_same_bytes() {
    let folder = Folder::with_lake(&small());
    let run = |more: &[&str]| {
        compact(&folder.lake(), &folder.output())
            .args(more)
            .run()
            .ok()
            .stdout
    };
    assert_snapshot!(run(&[]), @r"
    measurements: 360 rows read = 360 kept + 0 superseded or repeated + 0 rejected
    files written: 120
    copied as they are: device, install_event, measuring_component
    published in [output]
    ");
    let first = files_of(&folder.output());
    assert_snapshot!(run(&[]), @"unchanged: [output] is up to date");
    let record = run_record(&folder.output());
    assert_eq!(
        (&record["status"], &record["rows"]["read"]),
        (&json!("unchanged"), &json!(360))
    );
    run(&["--force"]);
    assert_eq!(run_record(&folder.output())["status"], "succeeded");
    assert_same(&first, &files_of(&folder.output()));
    // Thresholds of the theft job are nothing to this one, and the period is.
    assert!(run(&["--set", "rules.min_peers=7"]).starts_with("unchanged"));
    assert!(run(&["--by", "month"]).contains("files written: 4\n"));
    // A table that is only copied counts as well.
    folder.write("lake/device/device.csv", b"device_id\nD-1\nD-2\nD-3\nD-4\n");
    assert!(run(&["--by", "month"]).contains("published"));
}

#[test]
fn a_killed_run_leaves_whole_tables() {
    let folder = Folder::with_lake(&lake::files());
    let start = || compact(&folder.lake(), &folder.output()).config(&bundled_config());
    let began = std::time::Instant::now();
    start().run().ok();
    let time = began.elapsed();
    let expected = files_of(&folder.output());
    for kill in 1..5 {
        let (mut child, home) = start().args(&["--force"]).spawn();
        std::thread::sleep(time * kill / 4);
        // The child may have ended already.
        let _ = child.kill();
        child.wait().unwrap();
        drop(home);
        assert_same(&expected, &files_of(&folder.output()));
    }
    assert!(start().run().ok().stdout.starts_with("unchanged"));
    assert!(!folder.output().join(".versions/.staging").exists());
}

#[test]
fn outputs_that_would_harm_are_refused() {
    let folder = Folder::with_lake(&small());
    let table = folder.lake().join("measurements/compacted");
    assert_snapshot!(compact(&folder.lake(), &table).run().verdict(), @r"
    exit 78
    error: the output `[lake]/measurements/compacted` lies in the folder of the table `measurements`, `[lake]/measurements`
    hint: publish beside the lake, or in a folder of its own
    ");
    assert!(!table.exists());
    assert_snapshot!(compact(&folder.lake(), &folder.lake()).run().verdict(), @r"
    exit 78
    error: the output `[lake]` is the lake itself
    hint: name another folder; a compacted lake is compacted anew from its source
    ");
    let theft = folder.path().join("theft");
    job(&folder.lake(), &theft).run().ok();
    assert_snapshot!(compact(&folder.lake(), &theft).run().verdict(), @r"
    exit 78
    error: `[output]` holds the tables of the job `theft-detection`
    hint: give the compacted lake a folder of its own
    ");
    assert!(theft.join("theft_cases/part-0.parquet").is_file());
}

#[test]
fn bad_input_ends_with_a_record_and_publishes_nothing() {
    let folder = small_and(
        MEASUREMENTS,
        "MC-1,2024-02-30 00:00:00,1,501000\n,2024-02-03 00:00:00,1,501000\n",
    );
    let run = |more: &[&str]| compact(&folder.lake(), &folder.output()).args(more).run();
    assert_snapshot!(run(&["--set", "max_rejected_share=0.001"]).verdict(), @r"
    exit 65
    error: 2 of 362 rows of `measurements` cannot be used: more than the allowed share of 0.001: 1 invalid_timestamp, 1 key_missing
    hint: a wrong preset, column map or format shows as many rejected rows; max_rejected_share allows more
    ");
    let record = run_record(&folder.output());
    assert_eq!(
        (&record["status"], &record["exit_code"]),
        (&json!("failed"), &json!(65))
    );
    assert!(!folder.output().join("measurements").exists());
    run(&[]).ok();
    assert_eq!(account(&folder.output()), [362, 360, 0, 2]);
    let rejected = table(&folder.output(), "rejected_rows");
    assert_snapshot!(rejected.lines(&["table", "source_file", "row_number", "reason", "column", "value"]), @r"
    table=measurements source_file=measurements/2024.csv row_number=361 reason=invalid_timestamp column=measured_at value=2024-02-30 00:00:00
    table=measurements source_file=measurements/2024.csv row_number=362 reason=key_missing column=measuring_component_id value=
    ");
    assert_snapshot!(run(&["--preset", "oracle_mdm"]).verdict(), @r"
    exit 65
    error: `[lake]/measurements/2024.csv` lacks `MEASR_COMP_ID` (measuring_component_id) and `MSRMT_DTTM` (measured_at) and `MSRMT_VAL` (value) of the table `measurements`
    hint: the preset is `oracle_mdm` and the file has the columns `measuring_component_id`, `measured_at`, `value`, `condition_code`; map them in the config's `tables.measurements.columns`, or choose another `preset`
    ");
    assert_snapshot!(run(&["--by", "year"]).stderr.lines().next().unwrap_or_default(), @"error: invalid value 'year' for '--by <PERIOD>': unknown variant `year`, expected `day` or `month`");
}

/// The config says where the source's tables lie: the output says how to be read.
#[test]
fn tables_of_another_place_get_their_own_names() {
    let mut files = small();
    let text = files.remove(MEASUREMENTS).unwrap();
    files.insert("export/msrmt/2024.csv".to_owned(), text);
    let folder = Folder::with_lake(&files);
    let config = folder.write(
        "config.json",
        br#"{"tables":{"measurements":{"path":"export/msrmt"}}}"#,
    );
    let done = compact(&folder.lake(), &folder.output())
        .config(&config)
        .run()
        .ok();
    assert_snapshot!(done.stdout.lines().last().unwrap_or_default(), @"the config says where tables of the source lie; to read the output, add --set tables.measurements.path=measurements");
    job(&folder.output(), &folder.path().join("theft"))
        .config(&config)
        .args(&["--set", "tables.measurements.path=measurements"])
        .run()
        .ok();
}
