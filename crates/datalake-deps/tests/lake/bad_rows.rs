//! Rows that are kept aside while the rest of the file is read.

use std::sync::Arc;

use datalake_deps::lake::model::DEVICE;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::support::{TestLake, gzip};

#[test]
fn csv_rows() {
    let mut text = b"note,measuring_component_id,measured_at,value,condition_code,version\n".to_vec();
    text.extend_from_slice(b"x,1,2024-01-01 00:15,0.5,501000,1\n");
    text.extend_from_slice(b"x,1,2024-01-01 00:30,0.5\n");
    text.extend_from_slice(b"x,1,2024-01-01 00:30,0.5,501000,1,1\n");
    text.extend_from_slice(b"x,,2024-01-01 00:30,0.5,501000,1\n");
    text.extend_from_slice(b"x,1,01/02/2024,0.5,501000,1\n");
    text.extend_from_slice(b"\n");
    text.extend_from_slice(b"x,1,2024-01-01 00:30,half,501000,1\n");
    text.extend_from_slice(b"x,1,2024-01-01 00:30,NaN,501000,1\n");
    text.extend_from_slice(b"x,1,2024-01-01 00:30,1e13,501000,1\n");
    text.extend_from_slice(b"x,1,2024-01-01 00:30,0.5,501000,one\n");
    text.extend_from_slice(b"x,\xff1,2024-01-01 00:30,0.5,501000,1\n");
    text.extend_from_slice(b"\xff,1,2024-01-01 00:45,0.5,501000,1\n");
    text.extend_from_slice(b"x,\"1,2024-01-01 00:30,0.5,501000,1\n");
    text.extend_from_slice(b"x,1,2024-01-01 01:00,0.5,\"501\"000,1\n");
    text.extend_from_slice(b"\"a\nb\",1,2024-01-01 01:15,,,");
    let lake = TestLake::new("{}")
        .with("measurements/a.csv", &text)
        .with("measurements/b.csv.gz", gzip(&text));
    let read = lake.scan(&["condition_code", "version"], 4).unwrap();
    let good = [
        "1|2024-01-01T00:15:00|500000|501000|1",
        "1|2024-01-01T00:45:00|500000|501000|1",
        "1|2024-01-01T01:15:00|||",
    ];
    assert_eq!(read.rows, [good, good].concat());
    let bad = |file: &str| {
        [
            "row 2 line 3: wrong_field_count - x,1,2024-01-01 00:30,0.5",
            "row 3 line 4: wrong_field_count - x,1,2024-01-01 00:30,0.5,501000,1,1",
            "row 4 line 5: key_missing measuring_component_id -",
            "row 5 line 6: invalid_timestamp measured_at 01/02/2024",
            "row 6 line 8: invalid_number value half",
            "row 7 line 9: number_not_finite value NaN",
            "row 8 line 10: number_out_of_range value 1e13",
            "row 9 line 11: invalid_integer version one",
            "row 10 line 12: invalid_encoding measuring_component_id \u{fffd}1",
            "row 12 line 14: broken_quote - x,\"1,2024-01-01 00:30,0.5,501000,1",
            "row 13 line 15: broken_quote - x,1,2024-01-01 01:00,0.5,\"501\"000,1",
        ]
        .map(|row| format!("measurements/{file} {row}"))
    };
    assert_eq!(read.rejected, [bad("a.csv"), bad("b.csv.gz")].concat());
}

#[test]
fn a_quote_lost_in_an_id_does_not_swallow_the_lines_after_it() {
    let lake = TestLake::new("{}").with(
        "device.csv",
        "device_id,status\n\"1,A\n2,\"B\"\n\"3\",C\n\"4,\nD\",E\n",
    );
    let read = lake.table(&DEVICE).unwrap();
    // What is left of the last record is a row by itself: only its meaning can tell that it is none.
    assert_eq!(read.rows, ["2||B|||", "3||C|||", "D\"||E|||"]);
    assert_eq!(
        read.rejected,
        [
            "device.csv row 1 line 2: broken_quote - \"1,A",
            "device.csv row 4 line 5: broken_quote - \"4,",
        ]
    );
}

#[test]
fn transcoded_text_that_is_none_in_its_encoding() {
    let mut bytes: Vec<u8> = "device_id\n1\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    bytes.extend_from_slice(&[0x00, 0xd8]); // half of a surrogate pair
    bytes.extend("\n2\n".encode_utf16().flat_map(u16::to_le_bytes));
    let lake = TestLake::new(r#"{"csv": {"encoding": "utf-16le"}}"#).with("device.csv", bytes);
    let read = lake.table(&DEVICE).unwrap();
    assert_eq!(read.rows, ["1|||||", "2|||||"]);
    assert_eq!(
        read.rejected,
        ["device.csv row 2 line 3: invalid_encoding device_id \u{fffd}"]
    );
}

#[test]
fn json_lines() {
    let mut text = Vec::new();
    for line in [
        &br#"{"device_id": "1", "status": "A"}"#[..],
        br#"{"device_id": "2", "#,
        br#"{"device_id": {"id": 3}}"#,
        br#"{"device_id": ["4"]}"#,
        br#"{"device_id": true}"#,
        br#"{"device_id": null}"#,
        br#"{"status": "A"}"#,
        br#"{"device_id": "8", "device_id": "8"}"#,
        br#"{"device_id": "9"} {"device_id": "10"}"#,
        br#""device_id""#,
        b"{\"device_id\": \"\xff\"}",
        br#"{"device_id": "12", "status": "\ud800"}"#,
        br#"{"device_id": 13, "unknown": {"deep": [[[{}]]]}}"#,
    ] {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    let lake = TestLake::new("{}").with("device.jsonl", text);
    let read = lake.table(&DEVICE).unwrap();
    assert_eq!(read.rows, ["1||A|||", "13|||||"]);
    let expected = [
        r#"row 2 line 2: malformed_json - {"device_id": "2", "#,
        r#"row 3 line 3: wrong_value_type device_id {"id": 3}"#,
        r#"row 4 line 4: wrong_value_type device_id ["4"]"#,
        "row 5 line 5: wrong_value_type device_id true",
        "row 6 line 6: key_missing device_id -",
        "row 7 line 7: key_missing device_id -",
        r#"row 8 line 8: malformed_json - {"device_id": "8", "device_id": "8"}"#,
        r#"row 9 line 9: malformed_json - {"device_id": "9"} {"device_id": "10"}"#,
        r#"row 10 line 10: malformed_json - "device_id""#,
        "row 11 line 11: invalid_encoding - {\"device_id\": \"\u{fffd}\"}",
        r#"row 12 line 12: malformed_json status "\ud800""#,
    ];
    assert_eq!(read.rejected, expected.map(|row| format!("device.jsonl {row}")));
}

#[test]
fn a_json_line_without_end_is_given_up_without_holding_it() {
    let text = format!(
        "{{\"device_id\": \"1\"}}\n{{\"device_id\": \"{}\"}}\n{{\"device_id\": \"3\"}}\n",
        "x".repeat(3 << 20)
    );
    let lake = TestLake::new("{}").with("device.jsonl", text);
    let read = lake.table(&DEVICE).unwrap();
    assert_eq!(read.rows, ["1|||||", "3|||||"]);
    assert!(
        read.rejected[0].starts_with("device.jsonl row 2 line 2: record_too_long - {\"device_id\": \"xxx")
    );
    assert!(read.rejected[0].len() < 300);
}

#[test]
fn parquet_text_that_is_no_utf_8_costs_its_rows_only() {
    for dictionary in [true, false] {
        let schema = "message m { required binary measuring_component_id (UTF8); required int64 measured_at (TIMESTAMP_MILLIS); optional int64 value; optional binary version; }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(dictionary)
            .build();
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let text = |texts: &[&[u8]]| {
            texts
                .iter()
                .map(|text| ByteArray::from(text.to_vec()))
                .collect::<Vec<_>>()
        };
        let mut column = group.next_column().unwrap().unwrap();
        let ids = text(&[b"a", b"\xff\xfe", b"b", b"\xff\xfe"]);
        column
            .typed::<ByteArrayType>()
            .write_batch(&ids, None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&[1_000, 2_000, 3_000, 4_000], None, None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<Int64Type>()
            .write_batch(&[1, 2, 3], Some(&[1, 1, 0, 1]), None)
            .unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<ByteArrayType>()
            .write_batch(&text(&[b"1", b"2", b"\xff", b"4"]), Some(&[1, 1, 1, 1]), None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        let lake = TestLake::new("{}").with("measurements.parquet", bytes);
        let read = lake.scan(&["version"], 3).unwrap();
        assert_eq!(read.rows, ["a|1970-01-01T00:00:01|1000000|1"]);
        assert_eq!(
            read.rejected,
            [
                "measurements.parquet row 2: invalid_encoding measuring_component_id \u{fffd}\u{fffd}",
                "measurements.parquet row 3: invalid_encoding version \u{fffd}",
                "measurements.parquet row 4: invalid_encoding measuring_component_id \u{fffd}\u{fffd}",
            ]
        );
    }
}
