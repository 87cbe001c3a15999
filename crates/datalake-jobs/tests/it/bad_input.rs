//! Bad input: what the job says, how it ends, and what it keeps aside.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::support::job::{bare, run_record, table};
use crate::support::rewrite::{self, Format};
use crate::support::{Folder, Outcome, job};

/// Three homes over 120 days: 360 rows, so that one bad row is 0.3 %.
fn small() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut put = |path: &str, text: &str| files.insert(path.to_owned(), text.to_owned());
    put("device/device.csv", "device_id\nD-1\nD-2\nD-3\n");
    put(
        "measuring_component/measuring_component.csv",
        "measuring_component_id,device_config_id,device_id,component_type\n\
         MC-1,DC-1,D-1,E-KWH-DAILY-DEL\nMC-2,DC-2,D-2,E-KWH-DAILY-DEL\nMC-3,DC-3,D-3,E-KWH-DAILY-DEL\n",
    );
    put(
        "install_event/install_event.csv",
        "install_event_id,device_config_id,service_point_id,installed_at,removed_at,status\n\
         IE-1,DC-1,SP-1,2021-05-04 09:30:00,,ON\n\
         IE-2,DC-2,SP-2,2021-05-04 09:30:00,,ON\n\
         IE-3,DC-3,SP-3,2021-05-04 09:30:00,,ON\n",
    );
    let mut text = "measuring_component_id,measured_at,value,condition_code\n".to_owned();
    for day in 0..120 {
        let end = jiff::civil::date(2024, 1, 2) + jiff::Span::new().days(day);
        for home in 1..=3 {
            let _ = writeln!(
                text,
                "MC-{home},{end} 00:00:00,{home}.{:03},501000",
                100 + day * 37 % 300
            );
        }
    }
    put("measurements/2024.csv", &text);
    files
}

/// The small lake with `text` in place of the file `path`.
fn small_with(path: &str, text: &str) -> Folder {
    let mut files = small();
    files.insert(path.to_owned(), text.to_owned());
    Folder::with_lake(&files)
}

/// The small lake with one line more in a file.
fn small_and(path: &str, line: &str) -> Folder {
    let mut files = small();
    files.get_mut(path).unwrap().push_str(line);
    Folder::with_lake(&files)
}

fn run(folder: &Folder) -> Outcome {
    job(&folder.lake(), &folder.output())
        .hide(folder.path(), "[folder]")
        .run()
}

/// What was kept aside and what was found, one line each.
fn aside(folder: &Folder) -> String {
    let rejected = table(&folder.output(), "rejected_rows");
    let findings = table(&folder.output(), "findings");
    rejected.lines(&rejected.columns().iter().map(String::as_str).collect::<Vec<_>>())
        + &findings.lines(&["table", "code", "severity", "rows", "example_key"])
}

const MEASUREMENTS: &str = "measurements/2024.csv";
const INSTALLS: &str = "install_event/install_event.csv";
const COMPONENTS: &str = "measuring_component/measuring_component.csv";

#[test]
fn the_small_lake_is_good() {
    let folder = Folder::with_lake(&small());
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @"");
}

#[test]
fn a_lake_that_is_not_there() {
    let folder = Folder::new();
    assert_snapshot!(run(&folder).verdict(), @"");
}

#[test]
fn a_missing_table() {
    let mut files = small();
    files.remove(INSTALLS);
    assert_snapshot!(run(&Folder::with_lake(&files)).verdict(), @"");
}

#[test]
fn a_failed_run_leaves_a_record() {
    let mut files = small();
    files.remove(INSTALLS);
    let folder = Folder::with_lake(&files);
    run(&folder);
    let record = run_record(&folder.output());
    assert_eq!(record["status"], "failed");
    assert_eq!(record["exit_code"], 66);
    assert!(record["error"].to_string().contains("install_event"), "{record}");
}

#[test]
fn a_missing_column() {
    let mut files = small();
    let text = files.get_mut(MEASUREMENTS).unwrap();
    *text = text.replacen("value", "amount", 1);
    assert_snapshot!(run(&Folder::with_lake(&files)).verdict(), @"");
}

#[test]
fn a_truncated_parquet_file() {
    let mut files = small();
    let rows = rewrite::measurements(&files, |_| true);
    files.remove(MEASUREMENTS);
    let folder = Folder::with_lake(&files);
    let (_, bytes) = rewrite::file(&rows, Format::ParquetDecimal);
    folder.write("lake/measurements/rows.parquet", &bytes[..bytes.len() / 2]);
    assert_snapshot!(run(&folder).verdict(), @"");
}

#[test]
fn a_parquet_file_with_a_hole() {
    let mut files = small();
    let rows = rewrite::measurements(&files, |_| true);
    files.remove(MEASUREMENTS);
    let folder = Folder::with_lake(&files);
    let (_, mut bytes) = rewrite::file(&rows, Format::ParquetDecimal);
    // The footer is whole; the pages before it are not.
    bytes[4..400].fill(0xff);
    folder.write("lake/measurements/rows.parquet", &bytes);
    assert_snapshot!(run(&folder).verdict(), @"");
}

#[test]
fn a_broken_quote() {
    let folder = small_and(
        MEASUREMENTS,
        "MC-1,2024-06-01 00:00:00,\"1.0,501000\nMC-1,2024-06-02 00:00:00,1.0,501000\n",
    );
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @"");
}

#[test]
fn a_line_with_too_few_fields() {
    let folder = small_and(MEASUREMENTS, "MC-1,2024-06-01 00:00:00\n");
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @"");
}

#[test]
fn invalid_utf8() {
    let folder = Folder::with_lake(&small());
    let mut bytes = small()[MEASUREMENTS].clone().into_bytes();
    bytes.extend_from_slice(b"MC-\xff\xfe,2024-06-01 00:00:00,1.0,501000\n");
    folder.write("lake/measurements/2024.csv", &bytes);
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @"");
}

#[test]
fn nan_infinity_and_too_much() {
    let mut folder = small();
    // Enough good rows that four bad ones stay below 1 %.
    let mut more = String::new();
    for day in 0..120 {
        let end = jiff::civil::date(2023, 6, 1) + jiff::Span::new().days(day);
        let _ = writeln!(more, "MC-1,{end} 00:00:00,1.5,501000");
    }
    for value in ["NaN", "-Infinity", "1e30", "9223372036855"] {
        let _ = writeln!(more, "MC-1,2024-06-01 00:00:00,{value},501000");
    }
    folder.get_mut(MEASUREMENTS).unwrap().push_str(&more);
    let folder = Folder::with_lake(&folder);
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @"");
}

#[test]
fn a_sum_that_overflows() {
    let mut files = small();
    let components = files.get_mut(COMPONENTS).unwrap();
    *components = components.replacen("MC-1,DC-1,D-1,E-KWH-DAILY-DEL", "MC-1,DC-1,D-1,E-KWH-60-DEL", 1);
    let text = files.get_mut(MEASUREMENTS).unwrap();
    text.push_str(
        "MC-1,2024-06-01 01:00:00,9000000000000,501000\nMC-1,2024-06-01 02:00:00,9000000000000,501000\n",
    );
    assert_snapshot!(run(&Folder::with_lake(&files)).verdict(), @"");
}

#[test]
fn too_many_rejected_rows() {
    let folder = small_and(MEASUREMENTS, &"MC-1,2024-06-01 00:00:00,abc,501000\n".repeat(4));
    assert_snapshot!(run(&folder).verdict(), @"");
}

#[test]
fn an_unmapped_component_type() {
    // 120 of 360 rows hang on it: more than may be rejected.
    let folder = small_with(
        COMPONENTS,
        &small()[COMPONENTS].replacen("D-3,E-KWH-DAILY-DEL", "D-3,E-KWH-7-DEL", 1),
    );
    assert_snapshot!(run(&folder).verdict(), @"");
}

#[test]
fn an_unmapped_component_type_that_the_config_maps() {
    let folder = small_with(
        COMPONENTS,
        &small()[COMPONENTS].replacen("D-3,E-KWH-DAILY-DEL", "D-3,E-KWH-7-DEL", 1),
    );
    let config = folder.write(
        "site_config.json",
        br#"{"registry": {"component_types": {"E-KWH-7-DEL":
            {"uom": "kWh", "direction": "delivered", "kind": "interval", "interval_seconds": 86400}}}}"#,
    );
    job(&folder.lake(), &folder.output()).config(&config).run().ok();
    assert_eq!(table(&folder.output(), "rejected_rows").rows(), 0);
}

#[test]
fn a_removal_before_its_install() {
    let folder = small_and(
        INSTALLS,
        "IE-4,DC-3,SP-3,2020-06-02 09:00:00,2020-06-01 09:00:00,REMOVE\n",
    );
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @"");
}

#[test]
fn duplicate_ids() {
    let mut files = small();
    files.get_mut("device/device.csv").unwrap().push_str("D-1\n");
    files
        .get_mut(COMPONENTS)
        .unwrap()
        .push_str("MC-2,DC-3,D-3,E-KWH-DAILY-DEL\n");
    files
        .get_mut(INSTALLS)
        .unwrap()
        .push_str("IE-1,DC-1,SP-1,2021-05-04 09:30:00,,ON\n");
    let folder = Folder::with_lake(&files);
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @"");
}

#[test]
fn an_empty_table() {
    let header = "measuring_component_id,measured_at,value,condition_code\n";
    assert_snapshot!(run(&small_with(MEASUREMENTS, header)).verdict(), @"");
}

#[test]
fn an_empty_file() {
    assert_snapshot!(run(&small_with(MEASUREMENTS, "")).verdict(), @"");
}

#[test]
fn an_empty_dimension_table() {
    assert_snapshot!(run(&small_with("device/device.csv", "device_id\n")).verdict(), @"");
}

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
    assert_snapshot!(outcome.verdict(), @"");
}

#[test]
fn a_value_that_makes_no_sense() {
    let folder = Folder::with_lake(&small());
    let outcome = job(&folder.lake(), &folder.output())
        .args(&["--set", "rules.sustained_drop.max_ratio=7"])
        .run();
    assert_snapshot!(outcome.verdict(), @"");
}

#[test]
fn a_config_that_is_no_json() {
    let folder = Folder::with_lake(&small());
    let config = folder.write("site_config.json", b"{\n  \"rules\": {,}\n}\n");
    let outcome = job(&folder.lake(), &folder.output())
        .config(&config)
        .hide(folder.path(), "[folder]")
        .run();
    assert_snapshot!(outcome.verdict(), @"");
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
    assert_snapshot!(outcome.verdict(), @"");
}

#[test]
fn an_output_below_a_file() {
    let folder = Folder::with_lake(&small());
    let file = folder.write("file", b"");
    let outcome = job(&folder.lake(), &file.join("output"))
        .hide(folder.path(), "[folder]")
        .run();
    assert_snapshot!(outcome.verdict(), @"");
}

#[test]
fn an_output_where_nobody_may_write() {
    let folder = Folder::with_lake(&small());
    let outcome = job(&folder.lake(), "/proc/self/output".as_ref()).run();
    assert_snapshot!(outcome.verdict(), @"");
}

#[test]
fn an_output_that_holds_something_else() {
    let folder = Folder::with_lake(&small());
    let theirs = folder.write("output/theft_cases/notes.txt", b"mine");
    let outcome = run(&folder);
    assert_eq!(fs_err::read(theirs).unwrap(), b"mine");
    assert_snapshot!(outcome.verdict(), @"");
}

#[test]
fn a_full_disk() {
    let folder = Folder::with_lake(&small());
    fs_err::create_dir_all(folder.output()).unwrap();
    let Some(_disk) = SmallDisk::mount(&folder.output()) else {
        eprintln!("skipped: mounting a small tmpfs needs root");
        return;
    };
    // Leaves room for a few pages, so that the run begins to write.
    fs_err::write(folder.output().join("ballast"), vec![0; 50 << 10]).unwrap();
    assert_snapshot!(run(&folder).verdict(), @"");
}

/// A tmpfs of 64 KiB that is gone with the value.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &std::path::Path) -> Option<Self> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_wrong_flag() {
    assert_snapshot!(bare().args(&["--lake", "x", "--outptu", "y"]).run().verdict(), @"");
}
