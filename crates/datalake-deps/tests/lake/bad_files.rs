//! Files and configs that end the reading, each with its message.

use arrow::array::{
    Float64Array, Int64Array, StringArray, StructArray, TimestampMicrosecondArray, TimestampSecondArray,
};
use arrow::datatypes::{DataType, Field};
use datalake_deps::lake::ScanOptions;
use datalake_deps::lake::model::DEVICE;
use proptest::prelude::*;
use std::sync::Arc;

use crate::support::{TestLake, array, gzip, parquet, zstd};

fn measurements(rows: i64) -> Vec<u8> {
    parquet(vec![
        (
            "measuring_component_id",
            array(StringArray::from_iter_values(
                (0..rows).map(|row| format!("c{}", row % 7)),
            )),
        ),
        (
            "measured_at",
            array(TimestampMicrosecondArray::from_iter_values(
                (0..rows).map(|row| row * 900_000_000),
            )),
        ),
        (
            "value",
            array(Float64Array::from_iter_values(
                (0..rows).map(|row| row as f64 / 8.0),
            )),
        ),
    ])
}

#[test]
fn a_parquet_file_that_is_cut_off_or_something_else() {
    let whole = measurements(1_000);
    let lake = TestLake::new("{}").with("measurements/a.parquet", &whole[..whole.len() / 2]);
    insta::assert_snapshot!(lake.message(lake.measurements()), @r"
    exit 65
    error: `LAKE/measurements/a.parquet` cannot be read as Parquet
    Caused by: Parquet error: Invalid Parquet file. Corrupt footer
    hint: the file may be cut off or still being written; deliver it again, or move it out of the table
    ");
    let lake = TestLake::new("{}").with("measurements/a.parquet", "device_id,status\n1,A\n");
    insta::assert_snapshot!(lake.message(lake.measurements()), @r"
    exit 65
    error: `LAKE/measurements/a.parquet` cannot be read as Parquet
    Caused by: Parquet error: Invalid Parquet file. Corrupt footer
    hint: the file may be cut off or still being written; deliver it again, or move it out of the table
    ");
    let lake = TestLake::new("{}").with("measurements/a.parquet", "");
    insta::assert_snapshot!(lake.message(lake.measurements()), @r"
    exit 65
    error: `LAKE/measurements/a.parquet` cannot be read as Parquet
    Caused by: EOF: Parquet file too small. Size is 0 but need 8
    hint: the file may be cut off or still being written; deliver it again, or move it out of the table
    ");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn damaged_parquet_never_panics(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in proptest::option::weighted(0.1, any::<prop::sample::Index>())) {
        let mut bytes = measurements(300);
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let lake = TestLake::new("{}").with("measurements/a.parquet", &bytes);
        // Whether the damage shows or not: an error or rows, but no panic.
        if let Err(error) = lake.measurements() {
            prop_assert!(error.to_string().contains("a.parquet"), "{}", error);
        }
    }

    #[test]
    fn damaged_text_never_panics(bytes in proptest::collection::vec(prop_oneof![3 => select_bytes(), 1 => any::<u8>()], 0..400), name in prop::sample::select(vec!["device.csv", "device.ndjson"])) {
        let mut text = if name.ends_with("csv") { b"device_id,status\n".to_vec() } else { Vec::new() };
        text.extend_from_slice(&bytes);
        let lake = TestLake::new("{}").with(name, &text);
        if let Ok(read) = lake.table(&DEVICE) {
            let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).count();
            prop_assert!(read.rows.len() + read.rejected.len() <= lines);
        }
    }
}

fn select_bytes() -> impl Strategy<Value = u8> {
    prop::sample::select(b"\"\"\"\n\n,,1a{}:[]\r ".to_vec())
}

#[test]
fn text_that_was_compressed_and_cut_off() {
    let text: String = std::iter::once("device_id\n".to_owned())
        .chain((0..50_000).map(|row| format!("{row}\n")))
        .collect();
    for (name, bytes) in [
        ("device.csv.gz", gzip(text.as_bytes())),
        ("device.csv.zst", zstd(text.as_bytes())),
    ] {
        let lake = TestLake::new("{}").with(name, &bytes[..bytes.len() / 2]);
        let message = lake.message(lake.table(&DEVICE));
        assert!(
            message.starts_with(&format!(
                "exit 65\nerror: `LAKE/{name}` cannot be read as compressed text\n"
            )),
            "{message}"
        );
        assert!(message.contains("hint: the file may be cut off"), "{message}");
    }
}

#[test]
fn one_json_list_instead_of_lines() {
    let lake = TestLake::new("{}").with(
        "device.json",
        "[{\"device_id\": \"1\"},\n {\"device_id\": \"2\"}]\n",
    );
    insta::assert_snapshot!(lake.message(lake.table(&DEVICE)), @r"
    exit 65
    error: `LAKE/device.json` is one JSON list, not one object a line
    hint: write each object on a line of its own, as `jq -c '.[]'` does
    ");
}

#[test]
fn columns_that_are_missing_or_of_a_type_that_does_not_fit() {
    let lake = TestLake::new("{}").with("measurements.csv", "component,measured_at,kwh\n1,2024-01-01,1\n");
    insta::assert_snapshot!(lake.message(lake.measurements()), @r"
    exit 65
    error: `LAKE/measurements.csv` lacks `measuring_component_id` and `value` of the table `measurements`
    hint: the preset is `canonical` and the file has the columns `component`, `measured_at`, `kwh`; map them in the config's `tables.measurements.columns`, or choose another `preset`
    ");
    let lake = TestLake::new("{}").with("device.ndjson", "{\"id\": 1}\n{\"status\": \"A\"}\n");
    insta::assert_snapshot!(lake.message(lake.table(&DEVICE)), @r"
    exit 65
    error: `LAKE/device.ndjson` lacks `device_id` of the table `device`
    hint: the preset is `canonical` and the file has the columns `id`, `status`; map them in the config's `tables.device.columns`, or choose another `preset`
    ");
    let columns = |id, at| {
        vec![
            ("measuring_component_id", id),
            ("measured_at", at),
            ("value", array(Int64Array::from(vec![1]))),
        ]
    };
    let id = || array(StringArray::from(vec!["c"]));
    let at = || array(TimestampSecondArray::from(vec![1]));
    let lake = TestLake::new("{}").with(
        "measurements.parquet",
        parquet(columns(array(Float64Array::from(vec![1.0])), at())),
    );
    insta::assert_snapshot!(lake.message(lake.measurements()), @r"
    exit 65
    error: the column `measuring_component_id` in `LAKE/measurements.parquet` is Float64, which does not hold text or a whole number
    hint: map another column in the config, or write the extract with a fitting type; text always fits
    ");
    // Seconds or milliseconds, since when: a bare number does not say.
    let lake = TestLake::new("{}").with(
        "measurements.parquet",
        parquet(columns(id(), array(Int64Array::from(vec![1])))),
    );
    insta::assert_snapshot!(lake.message(lake.measurements()), @r"
    exit 65
    error: the column `measured_at` in `LAKE/measurements.parquet` is Int64, which does not hold a date or time
    hint: map another column in the config, or write the extract with a fitting type; text always fits
    ");
    let nested = StructArray::from(vec![(Arc::new(Field::new("t", DataType::Utf8, true)), id())]);
    let lake = TestLake::new("{}").with("measurements.parquet", parquet(columns(array(nested), at())));
    insta::assert_snapshot!(lake.message(lake.measurements()), @r"
    exit 65
    error: the column `measuring_component_id` in `LAKE/measurements.parquet` is nested, which does not hold one value a row
    hint: map another column in the config, or write the extract with a fitting type; text always fits
    ");
}

#[test]
fn nested_columns_that_nobody_asked_for_do_no_harm() {
    let nested = StructArray::from(vec![
        (
            Arc::new(Field::new("a", DataType::Utf8, true)),
            array(StringArray::from(vec!["x"])),
        ),
        (
            Arc::new(Field::new("b", DataType::Int64, true)),
            array(Int64Array::from(vec![1])),
        ),
    ]);
    let lake = TestLake::new("{}").with(
        "measurements.parquet",
        parquet(vec![
            ("before", array(nested)),
            ("measuring_component_id", array(StringArray::from(vec!["c"]))),
            ("measured_at", array(TimestampSecondArray::from(vec![60]))),
            ("value", array(Int64Array::from(vec![1]))),
        ]),
    );
    assert_eq!(
        lake.scan(&[], 10).unwrap().rows,
        ["c|1970-01-01T00:01:00|1000000"]
    );
}

#[test]
fn measurements_without_rows() {
    let lake = TestLake::new("{}")
        .with("measurements/a.parquet", measurements(0))
        .with("measurements/b.csv", "measuring_component_id,measured_at,value\n")
        .with("measurements/c.ndjson", " \n");
    insta::assert_snapshot!(lake.message(lake.measurements()), @r"
    exit 65
    error: the table `measurements` has no rows in any of its files (3), the first being `LAKE/measurements/a.parquet`
    hint: check that the extract of `measurements` ran and that its filter fits the data
    ");
    lake.put(
        "measurements/d.csv",
        "measuring_component_id,measured_at,value\n1,2024-01-01,1\n",
    );
    assert_eq!(
        lake.scan(&[], 10).unwrap().rows,
        ["1|2024-01-01T00:00:00|1000000"]
    );
}

#[test]
fn statistics_that_exclude_a_row() {
    let last = 4_711_i64 * 900_000_000;
    let mut bytes = measurements(4_712);
    let footer = bytes.len()
        - 8
        - u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
    let (wanted, lie) = (last.to_le_bytes(), (last - 900_000_000).to_le_bytes());
    let mut changed = 0;
    for at in footer..bytes.len() - 8 {
        if bytes[at..at + 8] == wanted {
            bytes[at..at + 8].copy_from_slice(&lie);
            changed += 1;
        }
    }
    assert!(changed > 0);
    let lake = TestLake::new("{}").with("measurements/a.parquet", bytes);
    insta::assert_snapshot!(lake.message(lake.measurements()), @r"
    exit 65
    error: `LAKE/measurements/a.parquet` holds a row at 4239900 in a row group whose statistics end at 0 and 4239000
    hint: the writer of the file is at fault; write the file again with another one
    ");
}

#[test]
fn a_file_that_changes_under_the_job() {
    let lake = TestLake::new("{}").with("measurements/a.parquet", measurements(10));
    let scan = lake
        .open()
        .unwrap()
        .plan_measurements(&ScanOptions::default())
        .unwrap();
    lake.put("measurements/a.parquet", measurements(20));
    let result = scan.read(&scan.pieces()[0], |_| Ok(()));
    insta::assert_snapshot!(lake.message(result), @r"
    exit 75
    error: `LAKE/measurements/a.parquet` was changed while the job was running
    hint: run the job again once the delivery is complete
    ");
}

#[test]
fn a_visitor_can_stop_the_reading() {
    let lake = TestLake::new("{}").with("measurements/a.parquet", measurements(100));
    let scan = lake
        .open()
        .unwrap()
        .plan_measurements(&ScanOptions {
            columns: &[],
            batch_rows: 10,
        })
        .unwrap();
    let mut seen = 0;
    let result = scan.read(&scan.pieces()[0], |batch| {
        seen += batch.batch.num_rows();
        if seen == 30 {
            Err(Box::<dyn std::error::Error>::from("enough"))
        } else {
            Ok(())
        }
    });
    assert_eq!(result.unwrap_err().to_string(), "enough");
    assert_eq!(seen, 30);
}

#[test]
fn configs_that_mean_nothing() {
    for (config, key) in [
        (r#"{"tables": {"devices": {}}}"#, "tables.devices"),
        (
            r#"{"measurement_time_zone": "Europe/Berlin"}"#,
            "measurement_time_zone",
        ),
        (r#"{"install_time_zone": "Berlin"}"#, "install_time_zone"),
        (r#"{"csv": {"encoding": "klingon"}}"#, "csv.encoding"),
        (r#"{"csv": {"delimiter": "é"}}"#, "csv.delimiter"),
        (r#"{"csv": {"header": false}}"#, "csv.column_names"),
        (
            r#"{"tables": {"device": {"csv": {"quote": "“"}}}}"#,
            "tables.device.csv.quote",
        ),
    ] {
        let lake = TestLake::new(config).with("device.csv", "device_id\n1\n");
        let message = lake.message(lake.open());
        assert!(
            message.starts_with(&format!("exit 78\nerror: the config's `{key}` is wrong: ")),
            "{message}"
        );
        assert!(message.contains("\nhint: "), "{message}");
    }
    let lake = TestLake::new("{}");
    let gone = datalake_deps::lake::Lake::open(
        lake.path().join("gone"),
        datalake_deps::lake::LakeConfig::default(),
    );
    let message = lake.message(gone);
    assert!(
        message.starts_with("exit 66\nerror: cannot read the lake\nCaused by: "),
        "{message}"
    );
}
