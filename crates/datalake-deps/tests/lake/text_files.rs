//! Text files in the dialects and encodings that sites deliver.

use datalake_deps::lake::model::DEVICE;

use crate::support::{TestLake, gzip, zstd};

fn devices(lake: &TestLake) -> Vec<String> {
    let read = lake.table(&DEVICE).unwrap();
    assert!(read.rejected.is_empty(), "{:?}", read.rejected);
    read.rows
}

#[test]
fn encodings_and_byte_order_marks() {
    let text = "device_id,device_type\nZähler-1,Müller\n2,\n";
    let config = |encoding: &str| TestLake::new(&format!(r#"{{"csv": {{"encoding": "{encoding}"}}}}"#));
    let latin: Vec<u8> = text.chars().map(|character| character as u8).collect();
    let wide = |mark: bool| -> Vec<u8> {
        let mark = if mark { "\u{feff}" } else { "" };
        format!("{mark}{text}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect()
    };
    let big: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for lake in [
        config("utf-8").with("device.csv", text),
        config("utf-8").with("device.csv", &marked),
        config("latin1").with("device.csv", &latin),
        config("windows-1252").with("device.csv", &latin),
        config("utf-16le").with("device.csv", wide(false)),
        // A mark wins over the config.
        config("utf-8").with("device.csv", wide(true)),
        config("latin1").with("device.csv", &big),
        config("latin1").with("device.csv", &marked),
        config("utf-8").with("device.csv.gz", gzip(&marked)),
        config("latin1").with("device.csv.zst", zstd(&latin)),
        // Compression is told by the first bytes, not by the name.
        config("utf-8").with("device.csv", gzip(text.as_bytes())),
    ] {
        assert_eq!(devices(&lake), ["Zähler-1|Müller||||", "2|||||"]);
    }
}

#[test]
fn members_of_gzip_and_frames_of_zstd_are_one_file() {
    let (head, tail) = ("device_id\n1\n", "2\n3\n");
    let gz = [gzip(head.as_bytes()), gzip(tail.as_bytes())].concat();
    let zst = [zstd(head.as_bytes()), zstd(tail.as_bytes())].concat();
    for lake in [
        TestLake::new("{}").with("device.csv.gz", gz),
        TestLake::new("{}").with("device.csv.zst", zst),
    ] {
        assert_eq!(lake.table(&DEVICE).unwrap().rows, ["1|||||", "2|||||", "3|||||"]);
    }
}

#[test]
fn a_dialect_by_config_for_one_table() {
    let config = r#"{
        "tables": {"device": {
            "csv": {"delimiter": ";", "quote": "'", "header": false, "column_names": ["nr", "kind", "x"], "null_values": ["NULL", "-"]},
            "columns": {"device_id": "nr", "device_type": "kind"}
        }}
    }"#;
    let lake = TestLake::new(config).with("device.csv", "'1;2';a;x\r\n3;NULL;x\r\n4;-;\"\r\n");
    assert_eq!(
        lake.table(&DEVICE).unwrap().rows,
        ["1;2|a||||", "3|||||", "4|||||"]
    );
}

#[test]
fn tabs_and_headers_in_another_order_per_file() {
    let lake = TestLake::new(r#"{"csv": {"delimiter": "\t"}}"#)
        .with("device/a.csv", "device_id\tstatus\n1\tACTIVE\n")
        .with("device/b.csv", " STATUS \tmodel\tDevice_Id\nRETIRED\tM\t2\n");
    assert_eq!(
        lake.table(&DEVICE).unwrap().rows,
        ["1||ACTIVE|||", "2||RETIRED||M|"]
    );
}

#[test]
fn json_numbers_are_read_as_they_are_written() {
    let lake = TestLake::new("{}").with(
        "measurements.ndjson",
        concat!(
            "{\"measuring_component_id\": 7, \"measured_at\": \"2024-01-01\", \"value\": 0.1}\n",
            "{\"measuring_component_id\": 12345678901234567890123, \"measured_at\": \"2024-01-01\", \"value\": 1e-7}\n",
            "\n",
            "  {\"measuring_component_id\": \"\\u0037\\t\", \"measured_at\": \"2024-01-01\", \"value\": 0.0000015000000000000000000001}  \r\n",
            "{\"MEASURING_COMPONENT_ID\": \"x\", \"measured_at\": \"2024-01-01\", \"value\": null, \"Value\": 3, \"version\": 2.0}",
        ),
    );
    let read = lake.scan(&["version"], 100).unwrap();
    assert_eq!(
        read.rows,
        [
            "7|2024-01-01T00:00:00|100000|",
            "12345678901234567890123|2024-01-01T00:00:00|0|",
            "7\t|2024-01-01T00:00:00|2|",
            "x|2024-01-01T00:00:00||2",
        ]
    );
    assert!(read.rejected.is_empty());
}

#[test]
fn a_decimal_comma_is_for_text_and_not_for_json_numbers() {
    let lake = TestLake::new(r#"{"decimal_comma": true}"#).with(
        "measurements.ndjson",
        "{\"measuring_component_id\": 1.5, \"measured_at\": \"2024-01-01\", \"value\": 1.5}\n{\"measuring_component_id\": 1, \"measured_at\": \"2024-01-01\", \"value\": \"2,5\"}\n",
    );
    let read = lake.scan(&[], 100).unwrap();
    assert_eq!(
        read.rows,
        ["1.5|2024-01-01T00:00:00|1500000", "1|2024-01-01T00:00:00|2500000"]
    );
}
