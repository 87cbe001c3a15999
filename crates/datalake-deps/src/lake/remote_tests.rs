//! A lake in an object store reads as the same lake on a disk.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::model::{DEVICE, INSTALL_EVENT, MEASUREMENTS, MEASURING_COMPONENT, TEMPERATURE};
use super::*;
use crate::diagnostic::{Diagnostic as _, render};
use crate::exit_code::ExitCode;
use crate::store::tests::{MemoryStore, memory_store};
use crate::store::{Condition, ObjectStore as _};

const ROWS: i64 = 5_000;

fn put(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, content).unwrap();
}

/// `ROWS` half-hourly rows from a time on in row groups of 1,000, and a column that no job asks for.
fn measurements(from: i64) -> Vec<u8> {
    let ids: Vec<String> = (0..ROWS).map(|row| format!("MC-{}", row % 7)).collect();
    let times = (0..ROWS).map(|row| (from + row / 7 * 1800) * 1_000_000);
    let text: Vec<String> = (0..ROWS)
        .map(|row| format!("{:x}", row.wrapping_mul(0x9e37_79b9)))
        .collect();
    let batch = RecordBatch::try_from_iter([
        (
            "measuring_component_id",
            Arc::new(StringArray::from(ids)) as ArrayRef,
        ),
        ("comment", Arc::new(StringArray::from(text))),
        (
            "measured_at",
            Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
        ),
        (
            "value",
            Arc::new(Float64Array::from_iter_values(
                (0..ROWS).map(|row| f64::from(row as u32) / 8.0),
            )),
        ),
    ])
    .unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1000))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// The same lake on a disk and in a store.
fn lakes(bucket: &str) -> (tempfile::TempDir, Arc<MemoryStore>) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    put(root, "device.csv", b"device_id\nD-1\n");
    put(
        root,
        "device_config/run_date=2024-02-01/a b%3Ac.csv",
        b"device_config_id,device_id\nC-1,D-1\n",
    );
    put(root, "measuring_component/part.ndjson", b"{\"measuring_component_id\":\"MC-1\",\"device_config_id\":\"C-1\",\"component_type\":\"E-KWH-INT30\"}\n");
    let events =
        b"install_event_id,device_config_id,service_point_id,installed_at\nI-1,C-1,SP-1,2023-01-01\n";
    put(root, "install_event/_temporary/no.csv", b"half");
    put(root, "install_event/part.csv", events);
    put(root, "measurements/a.parquet", &measurements(1_700_000_000));
    put(root, "measurements/b.parquet", &measurements(1_710_000_000));
    let store = memory_store(bucket);
    for file in walk(root) {
        let key = format!("deep/lake/{}", file.strip_prefix(root).unwrap().display());
        store.upload(&key, &file).unwrap();
    }
    // What some tools call a folder.
    store
        .write(
            "deep/lake/measurements/v1.2/",
            bytes::Bytes::new(),
            Condition::Always,
        )
        .unwrap();
    store
        .write("deep/lake/install_event/", bytes::Bytes::new(), Condition::Always)
        .unwrap();
    (folder, store)
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn read_all(lake: &Lake) -> Vec<String> {
    let mut text = Vec::new();
    for spec in [&DEVICE, &MEASURING_COMPONENT, &INSTALL_EVENT, &TEMPERATURE] {
        let data = lake.read_table(spec).unwrap();
        text.push(format!("{:?}", data.batches));
        for file in data.files {
            text.push(format!(
                "{} {:?} {:?} {}",
                file.relative, file.format, file.partitions, file.bytes
            ));
        }
    }
    let scan = lake.plan_measurements(&ScanOptions::default()).unwrap();
    for piece in scan.pieces() {
        text.push(format!("{piece:?}"));
        scan.read(piece, |batch| -> Result<(), LakeError> {
            text.push(format!("{:?} {:?}", batch.batch, batch.rows));
            Ok(())
        })
        .unwrap();
    }
    text
}

#[test]
fn a_lake_in_a_store_is_the_lake_on_the_disk() {
    let (folder, _) = lakes("same-lake");
    let local = Lake::open(folder.path(), LakeConfig::default()).unwrap();
    let remote = Lake::open("mem://same-lake/deep//lake/", LakeConfig::default()).unwrap();
    let read = read_all(&remote);
    assert_eq!(read.len(), read_all(&local).len());
    for (remote, local) in read.iter().zip(read_all(&local)) {
        assert!(*remote == local, "{remote}\n{local}");
    }
    assert_eq!(remote.files(&MEASUREMENTS).unwrap().len(), 2);
}

#[test]
fn only_what_is_asked_for_is_fetched() {
    let (_folder, store) = lakes("few-bytes");
    let lake = Lake::open("mem://few-bytes/deep/lake", LakeConfig::default()).unwrap();
    let scan = lake.plan_measurements(&ScanOptions::default()).unwrap();
    let planned = store.bytes_read();
    let sizes: u64 = scan.files().iter().map(|file| file.bytes).sum();
    scan.read(&scan.pieces()[0], |_| Ok::<(), LakeError>(())).unwrap();
    let piece = store.bytes_read() - planned;
    let group = scan.pieces()[0].bytes;
    assert!(
        piece >= group && piece < sizes / 5,
        "{piece} of {sizes}, the columns have {group}"
    );
}

#[test]
fn a_file_that_changes_in_between_is_no_data() {
    let (_folder, store) = lakes("changed");
    let lake = Lake::open("mem://changed/deep/lake", LakeConfig::default()).unwrap();
    let scan = lake.plan_measurements(&ScanOptions::default()).unwrap();
    let other = measurements(1_700_000_060);
    store
        .write(
            "deep/lake/measurements/a.parquet",
            other.into(),
            Condition::Always,
        )
        .unwrap();
    let error = scan
        .read(&scan.pieces()[0], |_| Ok::<(), LakeError>(()))
        .unwrap_err();
    assert!(matches!(error, LakeError::Changed { .. }), "{error}");
    let before = lake.files(&MEASUREMENTS).unwrap()[1].fingerprint().unwrap();
    store
        .write(
            "deep/lake/measurements/b.parquet",
            measurements(1_700_000_060).into(),
            Condition::Always,
        )
        .unwrap();
    assert_ne!(
        lake.files(&MEASUREMENTS).unwrap()[1].fingerprint().unwrap(),
        before
    );
}

#[test]
fn what_is_not_there_is_named_by_its_url() {
    memory_store("empty");
    let lake = Lake::open("mem://empty/lake", LakeConfig::default()).unwrap();
    let error = lake.files(&DEVICE).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::NoInput);
    insta::assert_snapshot!(render(&error), @r"
    error: the table `device` is missing: looked for `mem://empty/lake/device/`, `mem://empty/lake/device.{parquet,csv,json,ndjson,jsonl}[.gz,.zst]`
    hint: put the table's files there, or say in the config's `tables.device.path` where they are
    ");
    let store = memory_store("empty");
    store
        .write(
            "lake/device/_delta_log/0.json",
            b"{}".to_vec().into(),
            Condition::Always,
        )
        .unwrap();
    assert!(matches!(lake.files(&DEVICE), Err(LakeError::DeltaTable { .. })));
}

#[test]
fn a_table_that_does_not_lie_below_the_lake_is_refused() {
    let (_folder, _) = lakes("outside");
    for path in ["/raw/device", "s3://other/device"] {
        let table = TableConfig {
            path: Some(path.to_owned()),
            ..TableConfig::default()
        };
        let config = LakeConfig {
            tables: [("device".to_owned(), table)].into(),
            ..LakeConfig::default()
        };
        let error = Lake::open("mem://outside/deep/lake", config).unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::Config);
    }
}

#[test]
fn what_another_job_published_in_the_lake_is_not_taken_for_the_lake() {
    let (_folder, _) = lakes("beside");
    let output = crate::publish::Output::open("mem://beside/deep/lake").unwrap();
    let mut lock = output.lock("run", &std::env::temp_dir()).unwrap();
    let publish = |lock: &mut crate::publish::OutputLock<'_>, table: &str| {
        let staging = lock.stage(&[table]).unwrap();
        fs_err::write(staging.table_folder(table).unwrap().join("part.txt"), "x").unwrap();
        let provenance = crate::publish::Provenance {
            job: "a job".to_owned(),
            code_version: String::new(),
            input_fingerprint: String::new(),
            config_fingerprint: String::new(),
        };
        staging.publish(provenance).unwrap();
    };
    publish(&mut lock, "theft_cases");
    let lake = Lake::open("mem://beside/deep/lake", LakeConfig::default()).unwrap();
    assert_eq!(lake.files(&DEVICE).unwrap().len(), 1);
    drop(lock);
    let mut lock = output.lock("next", &std::env::temp_dir()).unwrap();
    publish(&mut lock, "measurements");
    let lake = Lake::open("mem://beside/deep/lake", LakeConfig::default()).unwrap();
    assert!(lake.root().display().to_string().contains("/.versions/"));
}

#[test]
fn an_output_in_a_table_is_seen_by_its_url() {
    let (_folder, _) = lakes("around");
    let lake = Lake::open("mem://around/deep/lake", LakeConfig::default()).unwrap();
    let around = |path: &str| lake.table_around(Path::new(path)).map(|(table, _)| table);
    assert_eq!(
        around("mem://around/deep/lake/measurements/out"),
        Some("measurements")
    );
    assert_eq!(around("mem://around/deep/lake/out"), None);
    assert_eq!(around("mem://other/deep/lake/measurements"), None);
    assert_eq!(around("/deep/lake/measurements"), None);
}
