//! Tables written, and read back.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datalake_deps::lake::{TableWriter, WriteOptions, read_back, write_table};
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::support::TestLake;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("kwh", DataType::Int64, true),
    ]))
}

fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
    let ids = StringArray::from_iter_values(rows.clone().map(|row| format!("service-point-{}", row % 97)));
    let values = rows
        .map(|row| (row % 5 != 0).then_some(row * row))
        .collect::<Int64Array>();
    RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(values)]).unwrap()
}

#[test]
fn what_is_written_is_reported_and_read_back() {
    let lake = TestLake::new("{}");
    let path = lake.path().join("scores.parquet");
    let options = WriteOptions {
        row_group_rows: 20_000,
        ..WriteOptions::default()
    };
    let written = write_table(
        &path,
        &schema(),
        &[batch(0..30_000), batch(30_000..50_000)],
        &options,
    )
    .unwrap();
    let bytes = fs_err::read(&path).unwrap();
    assert_eq!(written.rows, 50_000);
    assert_eq!(written.bytes, bytes.len() as u64);
    let digest = Sha256::digest(&bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
    assert_eq!(written.sha256, digest);
    assert_eq!(
        concat_batches(&schema(), &read_back(&path).unwrap()).unwrap(),
        batch(0..50_000)
    );
    let reader = SerializedFileReader::new(fs_err::File::open(&path).unwrap().into_file()).unwrap();
    let rows: Vec<i64> = reader
        .metadata()
        .row_groups()
        .iter()
        .map(parquet::file::metadata::RowGroupMetaData::num_rows)
        .collect();
    assert_eq!(rows, [20_000, 20_000, 10_000]);
    assert_eq!(reader.metadata().file_metadata().created_by(), Some("datalake"));
}

/// Published tables are promised to stay the same byte for byte: what changes these bytes, be it a dependency, breaks
/// that promise to everyone who compares checksums.
#[test]
fn the_bytes_are_pinned() {
    let lake = TestLake::new("{}");
    let path = lake.path().join("pinned.parquet");
    let written = write_table(&path, &schema(), &[batch(0..30_000)], &WriteOptions::default()).unwrap();
    insta::assert_snapshot!(written.sha256, @"f9309a7fab3f48fcc7e8e981ff7aa0f1b7c7a982b892859304f445df74b610a3");
    assert_eq!(WriteOptions::default().row_group_rows, 1_048_576);
}

#[test]
fn a_table_without_rows_is_a_file_too() {
    let lake = TestLake::new("{}");
    let path = lake.path().join("empty.parquet");
    let written = write_table(&path, &schema(), &[], &WriteOptions::default()).unwrap();
    assert_eq!(written.rows, 0);
    assert!(
        read_back(&path)
            .unwrap()
            .iter()
            .all(|batch| batch.num_rows() == 0)
    );
}

#[test]
fn what_cannot_be_written_or_read_back_says_so() {
    let lake = TestLake::new("{}").with("broken.parquet", "PAR1 and nothing else");
    let path = lake.path().join("no/such/folder/scores.parquet");
    let message = lake.message(write_table(&path, &schema(), &[], &WriteOptions::default()));
    assert!(
        message.starts_with("exit 73\nerror: cannot create a table file\nCaused by: "),
        "{message}"
    );
    assert!(
        message.contains("LAKE/no/such/folder/scores.parquet"),
        "{message}"
    );
    let message = lake.message(read_back(&lake.path().join("broken.parquet")));
    assert!(
        message.starts_with("exit 65\nerror: `LAKE/broken.parquet` cannot be read as Parquet\n"),
        "{message}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn bytes_do_not_depend_on_how_rows_come_in_batches(sizes in proptest::collection::vec(0_i64..12_000, 1..8)) {
        let lake = TestLake::new("{}");
        let rows: i64 = sizes.iter().sum();
        let options = WriteOptions {
            row_group_rows: 10_000,
            ..WriteOptions::default()
        };
        let whole = write_table(&lake.path().join("a.parquet"), &schema(), &[batch(0..rows)], &options).unwrap();
        let mut writer = TableWriter::create(&lake.path().join("b.parquet"), &schema(), &options).unwrap();
        let mut first = 0;
        for size in sizes {
            writer.write(&batch(first..first + size)).unwrap();
            first += size;
        }
        prop_assert_eq!(writer.finish().unwrap().sha256, whole.sha256);
    }
}
