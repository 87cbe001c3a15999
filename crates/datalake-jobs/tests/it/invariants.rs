//! The promises of the job that hold for every input; killed runs are in `kills`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use proptest::prelude::*;
use rand::SeedableRng;
use rand::seq::SliceRandom;

use crate::lake;
use crate::support::job::{published, run_record, table};
use crate::support::rewrite::{self, FORMATS, Format, Row};
use crate::support::{Folder, job};

/// The bundled lake without its file of dirt, which typed formats cannot hold.
fn clean_rows(files: &BTreeMap<String, String>) -> Vec<Row> {
    rewrite::measurements(files, |path| !path.ends_with("dirt.csv"))
}

/// A lake with the bundled dimension tables and these measurements, one file a part.
fn lake_of(parts: &[(Vec<Row>, Format)]) -> Folder {
    let folder = Folder::with_lake(&rewrite::dimensions(&lake::files()));
    for ((rows, format), i) in parts.iter().zip(0..) {
        let (extension, bytes) = rewrite::file(rows, *format);
        folder.write(
            &format!("lake/measurements/part={}/rows-{i:02}.{extension}", i % 3),
            &bytes,
        );
    }
    folder
}

fn tables_of(folder: &Folder, more: &[&str]) -> BTreeMap<&'static str, Vec<u8>> {
    folder.run(more).ok();
    published(&folder.output())
}

/// Tables as a list of those that differ, so that a failure does not print megabytes.
#[track_caller]
fn assert_same(left: &BTreeMap<&str, Vec<u8>>, right: &BTreeMap<&str, Vec<u8>>) {
    let differ: Vec<&&str> = left
        .iter()
        .filter(|(name, bytes)| right[**name] != **bytes)
        .map(|(n, _)| n)
        .collect();
    assert!(differ.is_empty(), "bytes differ in {differ:?}");
}

/// 1: the same bytes whatever the number of threads and the rows of a batch.
#[test]
fn threads_do_not_change_a_byte() {
    let folder = Folder::with_lake(&lake::files());
    let one = tables_of(&folder, &["--conf", "threads=1", "--force"]);
    for conf in ["threads=2", "threads=7"] {
        assert_same(&one, &tables_of(&folder, &["--conf", conf, "--force"]));
    }
    assert_same(
        &one,
        &tables_of(&folder, &["--conf", "batch_rows=1000", "--force"]),
    );
}

/// 1: the same bytes from CSV, NDJSON and Parquet of any types.
#[test]
fn formats_do_not_change_a_byte() {
    let rows = clean_rows(&lake::files());
    let csv = tables_of(&lake_of(&[(rows.clone(), Format::Csv)]), &[]);
    for format in FORMATS {
        assert_same(&csv, &tables_of(&lake_of(&[(rows.clone(), format)]), &[]));
    }
}

/// 1: the same bytes whether the measurements are shuffled by day or, where the files' statistics say what days
/// they hold, read by windows of days; and whether everything fits into the memory or is spilled.
#[test]
fn plans_and_memory_do_not_change_a_byte() {
    let rows = clean_rows(&lake::files());
    let shuffled = lake_of(&[(rows.clone(), Format::Csv)]);
    let expected = tables_of(&shuffled, &[]);
    let spilling = ["--force", "--conf", "memory_limit=1MiB", "--conf", "threads=2"];
    assert_same(&expected, &tables_of(&shuffled, &spilling));

    let by_day = Folder::with_lake(&rewrite::dimensions(&lake::files()));
    let mut days: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        days.entry(row.get("measured_at")[..10].to_owned())
            .or_default()
            .push(row);
    }
    // Every other format, so that the types of neighbouring files differ as well.
    for ((day, rows), format) in days
        .iter()
        .zip([Format::ParquetDecimal, Format::ParquetDouble].iter().cycle())
    {
        let (extension, bytes) = rewrite::file(rows, *format);
        by_day.write(
            &format!("lake/measurements/msrmt_date={day}/part-0.{extension}"),
            &bytes,
        );
    }
    let outcome = by_day.run(&[]).ok();
    assert!(outcome.stderr.contains("day by day"), "{}", outcome.stderr);
    assert_same(&expected, &published(&by_day.output()));
    assert_same(&expected, &tables_of(&by_day, &spilling));
}

/// 1: the rows of the dimension tables may come in any order, too.
#[test]
fn rows_of_dimensions_may_come_in_any_order() {
    let files = lake::files();
    let reversed: BTreeMap<String, String> = files
        .iter()
        .map(|(path, text)| {
            let (header, rest) = text.split_once('\n').unwrap();
            let mut lines: Vec<&str> = rest.lines().collect();
            if !path.starts_with("measurements/") {
                lines.reverse();
            }
            (path.clone(), format!("{header}\n{}\n", lines.join("\n")))
        })
        .collect();
    let mut left = tables_of(&Folder::with_lake(&files), &[]);
    let mut right = tables_of(&Folder::with_lake(&reversed), &[]);
    // Row numbers of rejected rows are what they are.
    left.remove("rejected_rows");
    right.remove("rejected_rows");
    assert_same(&left, &right);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// 1: the same bytes however rows are shuffled, cut into files, and repeated; a repeated row only counts as
    /// superseded.
    #[test]
    fn order_files_and_repetition_do_not_change_a_case(
        seed in any::<u64>(),
        formats in prop::collection::vec(prop::sample::select(FORMATS.to_vec()), 1..6),
        threads in 1_usize..4,
        repeat in any::<bool>(),
    ) {
        static EXPECTED: OnceLock<BTreeMap<&'static str, Vec<u8>>> = OnceLock::new();
        let mut rows = clean_rows(&lake::files());
        let expected = EXPECTED.get_or_init(|| tables_of(&lake_of(&[(rows.clone(), Format::Csv)]), &[]));
        let once = rows.len();
        if repeat {
            rows.extend_from_within(..once / 3);
        }
        rows.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
        let size = rows.len().div_ceil(formats.len());
        let parts: Vec<_> = rows.chunks(size).map(<[Row]>::to_vec).zip(formats.clone()).collect();
        let folder = lake_of(&parts);
        assert_same(expected, &tables_of(&folder, &["--conf", &format!("threads={threads}")]));
        let counts = &run_record(&folder.output())["rows"];
        prop_assert_eq!(counts["read"].as_u64(), Some(rows.len() as u64));
    }
}

/// 2: nothing changed, nothing done; `--force` does it again to the same bytes; a changed file is noticed.
#[test]
fn a_second_run_leaves_every_byte() {
    let folder = Folder::with_lake(&lake::files());
    let first = tables_of(&folder, &[]);
    assert_eq!(run_record(&folder.output())["status"], "succeeded");
    let inodes = |folder: &Folder| {
        use std::os::unix::fs::MetadataExt;
        let file = folder.output().join("theft_cases/part-0.parquet");
        fs_err::metadata(file)
            .map(|meta| (meta.ino(), meta.mtime_nsec()))
            .unwrap()
    };
    let before = inodes(&folder);
    let rows = run_record(&folder.output())["rows"].clone();
    assert!(rows["read"].as_u64().unwrap() > 20_000);

    let second = folder.run(&[]).ok();
    assert!(second.stdout.starts_with("unchanged"), "{}", second.stdout);
    let record = run_record(&folder.output());
    assert_eq!(record["status"], "unchanged");
    assert_eq!(record["rows"], rows, "the account of what is published stays");
    assert_eq!(before, inodes(&folder), "the table was written again");
    assert_same(&first, &published(&folder.output()));

    assert_same(&first, &tables_of(&folder, &["--force"]));
    assert_eq!(run_record(&folder.output())["status"], "succeeded");

    let mut files = lake::files();
    let may = files.get_mut("measurements/2024-05.csv").unwrap();
    *may = may.replacen(",501000,", ",301000,", 1);
    folder.write_lake(&files);
    folder.run(&[]).ok();
    assert_eq!(run_record(&folder.output())["status"], "succeeded");
}

/// 2: another config is another question.
#[test]
fn a_changed_config_is_another_run() {
    let folder = Folder::with_lake(&lake::files());
    tables_of(&folder, &[]);
    folder.run(&["--set", "rules.sustained_drop.max_ratio=0.5"]).ok();
    assert_eq!(run_record(&folder.output())["status"], "succeeded");
}

/// 2: `f(f(x)) = f(x)`: a lake of the newest rows alone gives what the lake with all rows gives.
#[test]
fn newest_rows_alone_give_the_same_tables() {
    let rows = clean_rows(&lake::files());
    let all = tables_of(&lake_of(&[(rows.clone(), Format::Csv)]), &[]);
    let newest = newest_wins(&rows);
    assert_eq!(newest_wins(&newest), newest, "newest-wins is idempotent");
    assert!(newest.len() < rows.len(), "the lake holds superseded rows");
    let mut alone = tables_of(&lake_of(&[(newest, Format::Csv)]), &[]);
    let mut all = all;
    // Superseded rows are counted among the findings.
    alone.remove("findings");
    all.remove("findings");
    assert_same(&all, &alone);
}

/// Of the rows with one key the newest, by brute force.
fn newest_wins(rows: &[Row]) -> Vec<Row> {
    let mut best: BTreeMap<(String, String), Row> = BTreeMap::new();
    for row in rows {
        let key = (
            row.get("measuring_component_id").trim().to_owned(),
            row.get("measured_at").to_owned(),
        );
        let slot = best.entry(key).or_insert_with(|| row.clone());
        // Text of one length compares as time does; empty is least.
        if row.get("updated_at") > slot.get("updated_at") {
            *slot = row.clone();
        }
    }
    best.into_values().collect()
}

/// 3: what was read is what was used, superseded, out of scope or rejected.
#[test]
fn rows_are_conserved() {
    let folder = Folder::with_lake(&lake::files());
    folder.run(&[]).ok();
    let rows = &run_record(&folder.output())["rows"];
    let one = |name: &str| {
        rows[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no {name} in {rows}"))
    };
    let by_reason = |name: &str| -> u64 {
        rows[name]
            .as_object()
            .unwrap()
            .values()
            .map(|count| count.as_u64().unwrap())
            .sum()
    };
    assert_eq!(
        one("read"),
        one("used") + one("superseded") + by_reason("out_of_scope") + by_reason("rejected"),
        "{rows}"
    );
    let lines: usize = lake::files()
        .iter()
        .filter(|(path, _)| path.starts_with("measurements/"))
        .map(|(_, text)| text.lines().count() - 1)
        .sum();
    assert_eq!(one("read"), lines as u64);
}

/// 5: a component's energy is the sum of its rows, to the last digit.
#[test]
fn energy_is_added_exactly() {
    let rows = clean_rows(&lake::files());
    let folder = lake_of(&[(rows.clone(), Format::Csv)]);
    folder.run(&[]).ok();
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for row in newest_wins(&rows) {
        if !row.get("value").is_empty() {
            let id = row.get("measuring_component_id").trim().to_owned();
            *sums.entry(id).or_default() += rewrite::micro(row.get("value"));
        }
    }
    let features = table(&folder.output(), "meter_features");
    let mut compared = 0;
    for row in 0..features.rows() {
        let id = features.text(row, "measuring_component_id");
        if id == "MC-REGISTER" || id.starts_with("MC-BILLS") {
            continue;
        }
        let total = features.number(row, "total_kwh");
        assert_eq!((total * 1e6).round() as i64, sums[&id], "{id}");
        compared += 1;
    }
    // All but gas, volts, the unmapped and the registers, whose bills are differences of readings.
    assert_eq!(compared, sums.len() - 2);
}

/// 6: the crate of the transformations has nothing to do I/O, read a clock, log or draw unseeded numbers with.
#[test]
fn transforms_do_no_input_or_output() {
    const WORDS: [&str; 17] = [
        "std::fs",
        "fs_err",
        "std::io",
        "std::env",
        "env!(",
        "std::time",
        "SystemTime",
        "Instant::",
        "::now(",
        "std::net",
        "std::process",
        "std::thread",
        "tracing",
        "println!",
        "print!",
        "rand::rng",
        "TimeZone::system",
    ];
    const DEPENDENCIES: [&str; 9] = [
        "arrow",
        "hashbrown",
        "jiff",
        "rand",
        "rand_chacha",
        "rayon",
        "schemars",
        "serde",
        "thiserror",
    ];
    let crate_folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../datalake-transforms");
    let mut folders = vec![crate_folder.join("src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = fs_err::read_to_string(&path).unwrap();
            for (line, number) in text.lines().zip(1..) {
                let code = line.split("//").next().unwrap_or_default();
                if let Some(word) = WORDS.iter().find(|word| code.contains(**word)) {
                    panic!(
                        "{}:{number}: `{word}` has no place in a transformation",
                        path.display()
                    );
                }
            }
        }
    }
    assert!(files > 10, "the sources are elsewhere now");
    let manifest = fs_err::read_to_string(crate_folder.join("Cargo.toml")).unwrap();
    let section = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    for line in section
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let name = line.split(['.', ' ', '=']).next().unwrap();
        assert!(
            DEPENDENCIES.contains(&name),
            "`{name}` is new here: can it do I/O?"
        );
    }
}

/// 7: whatever stands in rows that are estimated, cut by an install or a switch, or superseded, the cases are the
/// same bytes.
#[test]
fn a_case_rests_on_actual_values_alone() {
    let rows = clean_rows(&lake::files());
    let mut other = rows.clone();
    let mut changed = 0;
    for row in &mut other {
        let id = row.get("measuring_component_id");
        let estimated = row.get("condition_code") == "301000";
        // The day of the removal or disconnection at noon.
        let cut = (id.starts_with("MC-REMOVED")
            || ["MC-OFF-HIT", "MC-OFF-NEAR", "MC-OFF-ESTIMATED"].contains(&id))
            && row.get("measured_at") == "2024-03-05 00:00:00";
        let superseded = row.get("updated_at") == "2024-01-29 06:00:00";
        if estimated || cut || superseded {
            row.set("value", "77.777");
            changed += 1;
        }
    }
    // 12 after a removal, 16 while off, 110 of the drop, 45 and 30 of estimation; 3 cut by a removal (the
    // fourth has no row that day) and 3 by a disconnection; 3 superseded.
    assert_eq!(changed, 12 + 16 + 110 + 45 + 30 + 3 + 3 + 3);
    let folder = lake_of(&[(rows, Format::Csv)]);
    let left = tables_of(&folder, &[]);
    let right = tables_of(&lake_of(&[(other, Format::Csv)]), &[]);
    assert_eq!(left["theft_cases"], right["theft_cases"]);
    assert_eq!(left["theft_scores"], right["theft_scores"]);
    assert_ne!(
        left["meter_features"], right["meter_features"],
        "the features are over all rows"
    );
    assert!(
        table(&folder.output(), "theft_cases").rows() > 5,
        "nothing was put to the test"
    );
}

/// The bundled lake's own folder is read and nothing in it is written.
#[test]
fn the_lake_is_only_read() {
    let folder = Folder::with_lake(&lake::files());
    let list = |folder: &Folder| -> Vec<(std::path::PathBuf, Vec<u8>)> {
        lake::files()
            .keys()
            .map(|path| (path.into(), fs_err::read(folder.lake().join(path)).unwrap()))
            .collect()
    };
    let before = list(&folder);
    job(&folder.lake(), &folder.output()).run().ok();
    assert_eq!(before, list(&folder));
}
