//! Bad input: what the job says, how it ends, and what it keeps aside.

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::support::job::{run_record, table};
use crate::support::rewrite::{self, Format};
use crate::support::small::{COMPONENTS, INSTALLS, MEASUREMENTS, aside, run, small, small_and, small_with};
use crate::support::{Folder, job};

#[test]
fn the_small_lake_is_good() {
    let folder = Folder::with_lake(&small());
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @"");
}

#[test]
fn a_lake_that_is_not_there() {
    let folder = Folder::new();
    assert_snapshot!(run(&folder).verdict(), @r"
    exit 66
    error: cannot read the lake
    Caused by: failed to read directory `[lake]`: No such file or directory (os error 2)
    hint: check that the file is there and readable for the job's user
    ");
}

#[test]
fn a_missing_table() {
    let mut files = small();
    files.remove(INSTALLS);
    assert_snapshot!(run(&Folder::with_lake(&files)).verdict(), @r"
    exit 66
    error: the table `install_event` is missing: looked for `[lake]/install_event/`, `[lake]/install_event.{parquet,csv,json,ndjson,jsonl}[.gz,.zst]`
    hint: put the table's files there, or say in the config's `tables.install_event.path` where they are
    ");
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
    assert_snapshot!(run(&Folder::with_lake(&files)).verdict(), @r"
    exit 65
    error: `[lake]/measurements/2024.csv` lacks `value` of the table `measurements`
    hint: the preset is `canonical` and the file has the columns `measuring_component_id`, `measured_at`, `amount`, `condition_code`; map them in the config's `tables.measurements.columns`, or choose another `preset`
    ");
}

#[test]
fn a_truncated_parquet_file() {
    let mut files = small();
    let rows = rewrite::measurements(&files, |_| true);
    files.remove(MEASUREMENTS);
    let folder = Folder::with_lake(&files);
    let (_, bytes) = rewrite::file(&rows, Format::ParquetDecimal);
    folder.write("lake/measurements/rows.parquet", &bytes[..bytes.len() / 2]);
    assert_snapshot!(run(&folder).verdict(), @r"
    exit 65
    error: `[lake]/measurements/rows.parquet` cannot be read as Parquet
    Caused by: Parquet error: Invalid Parquet file. Corrupt footer
    hint: the file may be cut off or still being written; deliver it again, or move it out of the table
    ");
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
    assert_snapshot!(run(&folder).verdict(), @r"
    exit 65
    error: `[lake]/measurements/rows.parquet` cannot be read as Parquet
    Caused by: Parquet argument error: Parquet error: Unexpected struct field type 15
    hint: the file may be cut off or still being written; deliver it again, or move it out of the table
    ");
}

#[test]
fn a_broken_quote() {
    let folder = small_and(
        MEASUREMENTS,
        "MC-1,2024-06-01 00:00:00,\"1.0,501000\nMC-1,2024-06-02 00:00:00,1.0,501000\n",
    );
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @r#"
    table=measurements source_file=measurements/2024.csv row_number=361 reason=broken_quote column= value=MC-1,2024-06-01 00:00:00,"1.0,501000
    table=measurements code=broken_quote severity=rejected rows=1 example_key=MC-1,2024-06-01 00:00:00,"1.0,501000
    "#);
}

#[test]
fn a_line_with_too_few_fields() {
    let folder = small_and(MEASUREMENTS, "MC-1,2024-06-01 00:00:00\n");
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @r"
    table=measurements source_file=measurements/2024.csv row_number=361 reason=wrong_field_count column= value=MC-1,2024-06-01 00:00:00
    table=measurements code=wrong_field_count severity=rejected rows=1 example_key=MC-1,2024-06-01 00:00:00
    ");
}

#[test]
fn invalid_utf8() {
    let folder = Folder::with_lake(&small());
    let mut bytes = small()[MEASUREMENTS].clone().into_bytes();
    bytes.extend_from_slice(b"MC-\xff\xfe,2024-06-01 00:00:00,1.0,501000\n");
    folder.write("lake/measurements/2024.csv", &bytes);
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @r"
    table=measurements source_file=measurements/2024.csv row_number=361 reason=invalid_encoding column=measuring_component_id value=MC-��
    table=measurements code=invalid_encoding severity=rejected rows=1 example_key=measuring_component_id=MC-��
    ");
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
    for value in ["NaN", "-Infinity", "1e30", "10000000000"] {
        let _ = writeln!(more, "MC-1,2024-06-01 00:00:00,{value},501000");
    }
    folder.get_mut(MEASUREMENTS).unwrap().push_str(&more);
    let folder = Folder::with_lake(&folder);
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @r"
    table=measurements source_file=measurements/2024.csv row_number=481 reason=number_not_finite column=value value=NaN
    table=measurements source_file=measurements/2024.csv row_number=482 reason=number_not_finite column=value value=-Infinity
    table=measurements source_file=measurements/2024.csv row_number=483 reason=number_out_of_range column=value value=1e30
    table=measurements source_file=measurements/2024.csv row_number=484 reason=value_out_of_range column=value value=10000000000.000000
    table=measurements code=number_not_finite severity=rejected rows=2 example_key=value=-Infinity
    table=measurements code=number_out_of_range severity=rejected rows=1 example_key=value=1e30
    table=measurements code=value_out_of_range severity=rejected rows=1 example_key=value=10000000000.000000
    ");
}

#[test]
fn a_sum_beyond_64_bits_is_exact() {
    let mut files = small();
    let components = files.get_mut(COMPONENTS).unwrap();
    *components = components.replacen("MC-1,DC-1,D-1,E-KWH-DAILY-DEL", "MC-1,DC-1,D-1,E-KWH-60-DEL", 1);
    // 2,400 hours of 4,294,967,295 kWh, the most that a config can allow: more than 9.2 x 10^18 millionths in all.
    let text = files.get_mut(MEASUREMENTS).unwrap();
    for hour in 1..=2400 {
        let end = jiff::civil::date(2024, 6, 1).at(0, 0, 0, 0) + jiff::Span::new().hours(hour);
        let _ = writeln!(
            text,
            "MC-1,{},4294967295,501000",
            end.strftime("%Y-%m-%d %H:%M:%S")
        );
    }
    let micro: i128 = rewrite::measurements(&files, |_| true)
        .iter()
        .filter(|row| row.get("measuring_component_id") == "MC-1")
        .map(|row| i128::from(rewrite::micro(row.get("value"))))
        .sum();
    assert!(micro > i128::from(i64::MAX));
    let folder = Folder::with_lake(&files);
    let config = folder.write(
        "site_config.json",
        br#"{"conditions": {"max_kwh_per_interval": 4294967295}}"#,
    );
    job(&folder.lake(), &folder.output()).config(&config).run().ok();
    let features = table(&folder.output(), "meter_features");
    let row = features.find("measuring_component_id", "MC-1").unwrap();
    let expected = micro as f64 / 1e6;
    assert!((features.number(row, "total_kwh") / expected - 1.0).abs() < 1e-15);
}

#[test]
fn too_many_rejected_rows() {
    let folder = small_and(MEASUREMENTS, &"MC-1,2024-06-01 00:00:00,abc,501000\n".repeat(4));
    assert_snapshot!(run(&folder).verdict(), @r"
    exit 65
    error: 4 of 364 rows of `measurements` cannot be used: more than the allowed share of 0.01: 4 invalid_number
    hint: a wrong preset, column map or clock shows as many rejected rows; `--dry-run` lists them by reason, max_rejected_share allows more
    ");
}

/// The measurements of a component that could not be read are rejected with it, and the message says where to look.
#[test]
fn a_broken_row_of_measuring_component() {
    let text = "measuring_component_id,device_config_id,device_id,uom,direction,kind,interval_seconds\n\
         MC-1,DC-1,D-1,kWh,delivered,interval,86400\nMC-2,DC-2,D-2,kWh,delivered,interval,86400\n\
         MC-3,DC-3,D-3,kWh,delivered,interval,1d\n";
    let folder = small_with(COMPONENTS, text);
    assert_snapshot!(run(&folder).verdict(), @r"
    exit 65
    error: 120 of 360 rows of `measurements` cannot be used: more than the allowed share of 0.01: 120 unknown_component; rejected rows of `measuring_component`: 1
    hint: a wrong preset, column map or clock shows as many rejected rows; `--dry-run` lists them by reason, max_rejected_share allows more
    ");
}

#[test]
fn a_dry_run_lists_what_is_rejected_and_ends_as_the_run_would() {
    let folder = small_and(
        MEASUREMENTS,
        &("MC-1,2024-06-01 00:00:00,abc,501000\n".repeat(4) + "MC-9,2024-06-01 00:00:00,1,501000\n"),
    );
    let whole = run(&folder);
    let dry = job(&folder.lake(), &folder.output())
        .hide(folder.path(), "[folder]")
        .arg("--dry-run")
        .run();
    assert_eq!(dry.verdict(), whole.verdict());
    assert_snapshot!(dry.stdout, @r"
    measurements: 365 rows read = 360 used + 0 superseded + 0 out of scope + 5 rejected
      rejected: 4 invalid_number
      rejected: 1 unknown_component
    device: 3 rows read
    measuring_component: 3 rows read
    install_event: 3 rows read

    findings (all of them in the table `findings`):
      severity  table         code               rows  example
      rejected  measurements  invalid_number     4     value=abc
      rejected  measurements  unknown_component  1     measuring_component_id=MC-9

    0 suspected of 3 service points

    dry run: nothing was written
    ");
}

#[test]
fn an_unmapped_component_type() {
    // 120 of 360 rows hang on it: more than may be rejected.
    let folder = small_with(
        COMPONENTS,
        &small()[COMPONENTS].replacen("D-3,E-KWH-DAILY-DEL", "D-3,E-KWH-7-DEL", 1),
    );
    assert_snapshot!(run(&folder).verdict(), @r"
    exit 65
    error: 120 of 360 rows of `measurements` cannot be used: more than the allowed share of 0.01: 120 unmapped_component_type
    hint: a wrong preset, column map or clock shows as many rejected rows; `--dry-run` lists them by reason, max_rejected_share allows more
    ");
}

#[test]
fn an_unmapped_component_type_that_the_config_maps() {
    let folder = small_with(
        COMPONENTS,
        &small()[COMPONENTS].replacen("D-3,E-KWH-DAILY-DEL", "D-3,E-KWH-7-DEL", 1),
    );
    let config = folder.write(
        "site_config.json",
        br#"{"component_types": {"E-KWH-7-DEL":
            {"uom": "kWh", "direction": "delivered", "kind": "interval", "interval_seconds": 86400}}}"#,
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
    // One of four rows is more than the share of the table, but few, and within the share of the lake's 378 rows.
    run(&folder).ok();
    assert_snapshot!(aside(&folder), @r"
    table=install_event source_file=install_event/install_event.csv row_number=4 reason=removed_before_installed column=removed_at value=2020-06-01 09:00:00
    table=install_event code=removed_before_installed severity=rejected rows=1 example_key=IE-4
    ");
}

#[test]
fn removals_before_their_installs_beyond_what_the_whole_lake_may_have() {
    let backwards = |n| format!("IE-{n},DC-3,SP-3,2020-06-02 09:00:00,2020-06-01 09:00:00,REMOVE\n");
    let folder = small_and(INSTALLS, &(4..9).map(backwards).collect::<String>());
    assert_snapshot!(run(&folder).verdict(), @r"
    exit 65
    error: 5 of 8 rows of `install_event` cannot be used: more than the allowed share of 0.01: 5 removed_before_installed
    hint: a wrong preset, column map or clock shows as many rejected rows; `--dry-run` lists them by reason, max_rejected_share allows more
    ");
}

#[test]
fn install_events_of_other_ids() {
    let mut files = small();
    let installs = files.get_mut(INSTALLS).unwrap();
    *installs = installs.replace(",DC-", ",XX-");
    assert_snapshot!(run(&Folder::with_lake(&files)).verdict(), @r"
    exit 65
    error: no id of `install_event.device_config_id` (for example `XX-1`) is met by one of `measuring_component.device_config_id` (for example `DC-1`)
    hint: without install events every meter would seem to hang nowhere; deliver both with the same ids, prefixes and leading zeros included, or map other columns with tables.install_event.columns.device_config_id or tables.measuring_component.columns.device_config_id in the config
    ");
}

/// Whatever is wrong with the only install event of a meter, its customer is not accused, and the place is known.
#[test]
fn an_install_event_of_no_use_accuses_nobody() {
    for event in [
        "2021-05-04 09:30:00,2020-05-04 09:30:00,REMOVE",
        "31-31-2021,,ON",
        "2204-01-01 09:00:00,,ON",
        ",,ON",
        "2021-05-04 09:30:00,2021-05-04 09:30:00,ON",
        "2021-05-04 09:30:00,,PENDING",
    ] {
        let good = "2021-05-04 09:30:00,,ON\n";
        let mut files = small();
        let installs = files.get_mut(INSTALLS).unwrap();
        *installs = installs.replacen(
            &format!("IE-3,DC-3,SP-3,{good}"),
            &format!("IE-3,DC-3,SP-3,{event}\n"),
            1,
        );
        let folder = Folder::with_lake(&files);
        run(&folder).ok();
        assert_eq!(table(&folder.output(), "theft_cases").rows(), 0, "{event}");
        let scores = table(&folder.output(), "theft_scores");
        assert!(scores.find("service_point_id", "SP-3").is_some(), "{event}");
    }
}

/// Daily deliveries of the whole table: a removal date that the later one takes back, and one that it brings.
#[test]
fn of_several_deliveries_the_newest_counts() {
    let cases = |first: &str, second: &str| {
        let mut files = small();
        let installs = files.remove(INSTALLS).unwrap();
        for (delivery, removed) in [("2024-04-01", first), ("2024-05-05", second)] {
            let text = installs.replacen(
                "SP-3,2021-05-04 09:30:00,",
                &format!("SP-3,2021-05-04 09:30:00,{removed}"),
                1,
            );
            files.insert(format!("install_event/run_date={delivery}/part.csv"), text);
        }
        let folder = Folder::with_lake(&files);
        run(&folder).ok();
        let cases = table(&folder.output(), "theft_cases");
        cases.lines(&["service_point_id"])
    };
    let removed = "2024-03-20 09:00:00";
    assert_eq!(cases(removed, ""), "");
    assert_eq!(cases("", removed), "service_point_id=SP-3\n");
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
    assert_snapshot!(aside(&folder), @r"
    table=device code=device_without_component severity=note rows=1 example_key=D-2
    table=device code=duplicate_row severity=note rows=1 example_key=D-1
    table=install_event code=duplicate_row severity=note rows=1 example_key=IE-1
    table=install_event code=install_event_without_component severity=warning rows=1 example_key=IE-2
    table=measuring_component code=contradicting_duplicate severity=warning rows=1 example_key=MC-2
    ");
}

#[test]
fn an_empty_table() {
    let header = "measuring_component_id,measured_at,value,condition_code\n";
    assert_snapshot!(run(&small_with(MEASUREMENTS, header)).verdict(), @r"
    exit 65
    error: the table `measurements` has no rows in any of its files (1), the first being `[lake]/measurements/2024.csv`
    hint: check that the extract of `measurements` ran and that its filter fits the data
    ");
}

#[test]
fn an_empty_file() {
    assert_snapshot!(run(&small_with(MEASUREMENTS, "")).verdict(), @r"
    exit 65
    error: the table `measurements` has no rows in any of its files (1), the first being `[lake]/measurements/2024.csv`
    hint: check that the extract of `measurements` ran and that its filter fits the data
    ");
}

#[test]
fn an_empty_dimension_table() {
    assert_snapshot!(run(&small_with("device/device.csv", "device_id\n")).verdict(), @r"
    exit 65
    error: the table `device` has no rows in any of its files (1), the first being `[lake]/device/device.csv`
    hint: check that the extract of `device` ran and that its filter fits the data
    ");
}
