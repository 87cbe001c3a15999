//! Parquet as other writers lay it out: INT96 times, decimals in byte arrays, text without a mark that it is text.

use std::sync::Arc;

use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
    Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::support::{Read, TestLake};

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// A file of one row group whose columns `write` fills.
fn file(schema: &str, write: impl FnOnce(&mut Group<'_>)) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer =
        SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::default())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn column<T: DataType>(group: &mut Group<'_>, values: &[T::T]) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, None, None).unwrap();
    column.close().unwrap();
}

fn texts(values: &[&str]) -> Vec<ByteArray> {
    values
        .iter()
        .map(|text| ByteArray::from(text.as_bytes().to_vec()))
        .collect()
}

fn read(bytes: Vec<u8>) -> Read {
    TestLake::new("{}")
        .with("measurements.parquet", bytes)
        .scan(&["version"], 10)
        .unwrap()
}

#[test]
fn int96_times_far_beyond_nanoseconds_and_text_without_a_mark() {
    let schema = "message m {
        required binary measuring_component_id;
        required int96 measured_at;
        required binary value (DECIMAL(16, 6));
    }";
    // Julian day 2,460,493 is 2024-07-01; 5,373,484 is 9999-12-31.
    let noon = 43_200_000_000_000_u64 + 5_000;
    let time = |day: u32, nanos: u64| {
        let mut time = Int96::new();
        time.set_data(nanos as u32, (nanos >> 32) as u32, day);
        time
    };
    let bytes = file(schema, |group| {
        column::<ByteArrayType>(group, &texts(&["a ", "é"]));
        column::<Int96Type>(group, &[time(2_460_493, noon), time(5_373_484, 0)]);
        column::<ByteArrayType>(
            group,
            &[
                ByteArray::from(vec![0x01, 0x4f, 0xf0]),
                ByteArray::from(vec![0xff]),
            ],
        );
    });
    let lake = TestLake::new("{}").with("measurements.parquet", bytes);
    assert_eq!(
        lake.scan(&[], 10).unwrap().rows,
        ["a |2024-07-01T12:00:00.000005|86000", "é|9999-12-31T00:00:00|-1"]
    );
    // Its order is not that of times, so nothing is known before reading.
    let scan = lake
        .open()
        .unwrap()
        .plan_measurements(&datalake_deps::lake::ScanOptions::default())
        .unwrap();
    assert_eq!(scan.pieces()[0].range, None);
}

#[test]
fn decimals_of_few_bytes_and_of_integers() {
    for (value_type, bytes) in [
        (
            "required fixed_len_byte_array(7) value (DECIMAL(16, 6))",
            [&[0, 0, 0, 0, 0x01, 0x4f, 0xf0][..], &[0xff; 7]],
        ),
        (
            "required fixed_len_byte_array(16) value (DECIMAL(16, 6))",
            [
                &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x4f, 0xf0],
                &[0xff; 16],
            ],
        ),
    ] {
        let schema = format!(
            "message m {{ required binary measuring_component_id (UTF8); required int64 measured_at (TIMESTAMP_MICROS); {value_type}; required int32 version (UINT_8); }}"
        );
        let bytes = file(&schema, |group| {
            column::<ByteArrayType>(group, &texts(&["a", "b"]));
            column::<Int64Type>(group, &[0, 1_000_000]);
            let values = bytes.map(|bytes| FixedLenByteArray::from(bytes.to_vec()));
            column::<FixedLenByteArrayType>(group, &values);
            column::<Int32Type>(group, &[200, 1]);
        });
        let Read { rows, rejected } = read(bytes);
        assert_eq!(
            rows,
            ["a|1970-01-01T00:00:00|86000|200", "b|1970-01-01T00:00:01|-1|1"]
        );
        assert!(rejected.is_empty());
    }
    let schema = "message m { required binary measuring_component_id (UTF8); required int32 measured_at (DATE); required int32 value (DECIMAL(9, 3)); }";
    let bytes = file(schema, |group| {
        column::<ByteArrayType>(group, &texts(&["a"]));
        column::<Int32Type>(group, &[1]);
        column::<Int32Type>(group, &[86]);
    });
    assert_eq!(read(bytes).rows, ["a|1970-01-02T00:00:00|86000|"]);
}

#[test]
fn a_list_is_not_one_value_a_row() {
    let schema = "message m { required binary measuring_component_id (UTF8); required int64 measured_at (TIMESTAMP_MICROS); repeated int64 value; }";
    let bytes = file(schema, |group| {
        column::<ByteArrayType>(group, &texts(&["a"]));
        column::<Int64Type>(group, &[0]);
        let mut values = group.next_column().unwrap().unwrap();
        values
            .typed::<Int64Type>()
            .write_batch(&[1, 2], Some(&[1, 1]), Some(&[0, 1]))
            .unwrap();
        values.close().unwrap();
    });
    let lake = TestLake::new("{}").with("measurements.parquet", bytes);
    let message = lake.message(lake.measurements());
    assert!(
        message.contains("the column `value` in `LAKE/measurements.parquet` is nested"),
        "{message}"
    );
}
