//! The smaller tables, read whole.

use arrow::array::{AsArray as _, Float64Array, StringArray, TimestampMicrosecondArray};
use datalake_deps::lake::model::{
    DEVICE, INSPECTION, INSTALL_EVENT, MEASURING_COMPONENT, SERVICE_POINT, TEMPERATURE,
};

use crate::support::{TestLake, array, parquet};

#[test]
fn install_events_come_trimmed_and_on_legal_time() {
    let lake = TestLake::new(r#"{"preset": "oracle_mdm", "install_time_zone": "Europe/Berlin"}"#).with(
        "install_event/part.csv",
        "INSTALL_EVT_ID,DEVICE_CONFIG_ID,D1_SP_ID,D1_INSTALL_DTTM,D1_REMOVAL_DTTM,BO_STATUS_CD,INSTALLATION_CONST\n\
         001 , 0042 ,SP1,01-JUL-2024 12:00:00,,ON,20\n\
         002,0042,SP2,2024-07-01T12:00:00Z,2024-12-01T12:00:00+00:00,REMOVE,0.5\n\
         003,,,,9999-12-31,OFF,\n",
    );
    let read = lake.table(&INSTALL_EVENT).unwrap();
    assert_eq!(
        read.rows,
        [
            "001|0042||SP1|2024-07-01T12:00:00||ON||20000000",
            "002|0042||SP2|2024-07-01T14:00:00|2024-12-01T13:00:00|REMOVE||500000",
            "003|||||9999-12-31T00:00:00|OFF||",
        ]
    );
    assert!(read.rejected.is_empty());
}

#[test]
fn what_can_be_read_of_a_rejected_row_is_kept() {
    let lake = TestLake::new("{}").with(
        "install_event/part.csv",
        "install_event_id,device_id,service_point_id,installed_at\n\
         E1,D1,SP1,2024-01-01\nE2,D2,SP2,31-31-2024\n,D3,SP3,2024-01-01\nE4,D4\n",
    );
    let data = lake.open().unwrap().read_table(&INSTALL_EVENT).unwrap();
    assert_eq!((data.rows_read, data.rejected.len()), (4, 3));
    let [(0, unreadable)] = data.unreadable.as_slice() else {
        panic!("{:?}", data.unreadable);
    };
    let texts = |name: &str| -> Vec<Option<String>> {
        let column: &StringArray = unreadable.column_by_name(name).unwrap().as_string();
        column.iter().map(|text| text.map(str::to_owned)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts("install_event_id"), [some("E2"), None]);
    assert_eq!(texts("device_id"), [some("D2"), some("D3")]);
    assert_eq!(texts("service_point_id"), [some("SP2"), some("SP3")]);
}

#[test]
fn files_of_several_formats_are_one_table_in_path_order() {
    let lake = TestLake::new("{}")
        .with(
            "device/c.jsonl",
            "{\"device_id\": \"3\", \"status\": \"ACTIVE\"}\n",
        )
        .with("device/b.csv", "device_id\n2\n")
        .with(
            "device/a.parquet",
            parquet(vec![("device_id", array(StringArray::from(vec!["1"])))]),
        )
        .with("device/status=RETIRED/d.csv", "device_id\n4\n5\n");
    let read = lake.table(&DEVICE).unwrap();
    assert_eq!(
        read.rows,
        [
            "1|||||",
            "2|||||",
            "3||ACTIVE|||",
            "4||RETIRED|||",
            "5||RETIRED|||"
        ]
    );
    let data = lake.open().unwrap().read_table(&DEVICE).unwrap();
    let from: Vec<&str> = data
        .batches
        .iter()
        .map(|batch| data.files[batch.file].relative.as_ref())
        .collect();
    assert_eq!(
        from,
        [
            "device/a.parquet",
            "device/b.csv",
            "device/c.jsonl",
            "device/status=RETIRED/d.csv"
        ]
    );
}

#[test]
fn one_column_may_be_two_canonical_ones() {
    let config = r#"{"tables": {"measuring_component": {"columns":
        {"measuring_component_id": "id", "device_config_id": "dev", "device_id": "dev", "component_type": "type"}}}}"#;
    let texts = |text: &str| array(StringArray::from(vec![text.to_owned()]));
    let file = parquet(vec![
        ("type", texts("t")),
        ("dev", texts("d")),
        ("id", texts("c")),
    ]);
    for lake in [
        TestLake::new(config).with("measuring_component.csv", "type,dev,id\nt,d,c\n"),
        TestLake::new(config).with(
            "measuring_component.ndjson",
            r#"{"type": "t", "dev": "d", "id": "c"}"#,
        ),
        TestLake::new(config).with("measuring_component.parquet", file),
    ] {
        assert_eq!(lake.table(&MEASURING_COMPONENT).unwrap().rows, ["c|d|d|t||||||"]);
    }
}

#[test]
fn coordinates_are_floats_and_must_be_finite() {
    let lake = TestLake::new("{}").with(
        "service_point.parquet",
        parquet(vec![
            ("service_point_id", array(StringArray::from(vec!["a", "b", "c"]))),
            (
                "latitude",
                array(Float64Array::from(vec![Some(47.5), None, Some(f64::NAN)])),
            ),
            ("longitude", array(StringArray::from(vec!["8.25", "", "1"]))),
        ]),
    );
    let read = lake.table(&SERVICE_POINT).unwrap();
    assert_eq!(read.rows, ["a|||||47.5|8.25|||", "b|||||||||"]);
    assert_eq!(
        read.rejected,
        ["service_point.parquet row 3: number_not_finite latitude NaN"]
    );
}

#[test]
fn dates_are_midnights_and_labels_need_no_date() {
    let lake = TestLake::new("{}")
        .with("temperature.csv", "date,degrees_celsius\n2024-01-31,-3.5\n")
        .with("inspection.csv", "service_point_id,outcome\nSP1,theft\n");
    assert_eq!(
        lake.table(&TEMPERATURE).unwrap().rows,
        ["|2024-01-31T00:00:00|-3.5|"]
    );
    assert_eq!(lake.table(&INSPECTION).unwrap().rows, ["SP1||theft|"]);
}

#[test]
fn a_component_needs_a_device_and_a_type_in_one_of_two_ways() {
    let by_four = TestLake::new("{}").with(
        "measuring_component.csv",
        "measuring_component_id,device_id,uom,direction,kind,interval_seconds,multiplier,register_digits\n1,d,kWh,delivered,interval,1800,1,5\n",
    );
    assert_eq!(
        by_four.table(&MEASURING_COMPONENT).unwrap().rows,
        ["1||d||kWh|delivered|interval|1800|1000000|5"]
    );
    let neither = TestLake::new("{}").with("measuring_component.csv", "measuring_component_id\n1\n");
    insta::assert_snapshot!(neither.message(neither.table(&MEASURING_COMPONENT)), @r"
    exit 65
    error: `LAKE/measuring_component.csv` lacks either `device_config_id` or `device_id` and either `component_type` or `uom` with `direction` with `kind` with `interval_seconds` of the table `measuring_component`
    hint: the preset is `canonical` and the file has the columns `measuring_component_id`; map them in the config's `tables.measuring_component.columns`, or choose another `preset`
    ");
}

#[test]
fn an_optional_table_without_rows_is_not_there() {
    let lake = TestLake::new("{}").with("inspection.csv", "service_point_id,outcome\n");
    let data = lake.open().unwrap().read_table(&INSPECTION).unwrap();
    assert_eq!((data.rows_read, data.batches.len(), data.files.len()), (0, 0, 1));
    let data = lake.open().unwrap().read_table(&SERVICE_POINT).unwrap();
    assert_eq!((data.rows_read, data.batches.len(), data.files.len()), (0, 0, 0));
}

#[test]
fn a_required_table_without_rows_is_an_error() {
    let empty = parquet(vec![("device_id", array(StringArray::from(Vec::<&str>::new())))]);
    let lake = TestLake::new("{}")
        .with("device/a.parquet", empty)
        .with("device/b.csv", "")
        .with("device/c.ndjson", "\n \n");
    insta::assert_snapshot!(lake.message(lake.table(&DEVICE)), @r"
    exit 65
    error: the table `device` has no rows in any of its files (3), the first being `LAKE/device/a.parquet`
    hint: check that the extract of `device` ran and that its filter fits the data
    ");
    let none = TestLake::new("{}");
    insta::assert_snapshot!(none.message(none.table(&DEVICE)), @r"
    exit 66
    error: the table `device` is missing: looked for `LAKE/device/`, `LAKE/device.{parquet,csv,json,ndjson,jsonl}[.gz,.zst]`
    hint: put the table's files there, or say in the config's `tables.device.path` where they are
    ");
    // Rows that were rejected are rows: what became of them is for the job to say.
    let bad = TestLake::new("{}").with("device.csv", "device_id,status\n,ACTIVE\n");
    let read = bad.table(&DEVICE).unwrap();
    assert_eq!(
        read.rejected,
        ["device.csv row 1 line 2: key_missing device_id -"]
    );
}

#[test]
fn rows_do_not_depend_on_how_many_threads_read() {
    let lake = TestLake::new("{}");
    for file in 0..20 {
        let ids = StringArray::from_iter_values((0..50).map(|row| format!("{file}-{row}")));
        let times = TimestampMicrosecondArray::from(vec![0; 50]);
        lake.put(
            &format!("device/{file:02}.parquet"),
            parquet(vec![("device_id", array(ids)), ("installed", array(times))]),
        );
    }
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let many = rayon::ThreadPoolBuilder::new().num_threads(8).build().unwrap();
    let expected: Vec<String> = (0..20)
        .flat_map(|file| (0..50).map(move |row| format!("{file}-{row}|||||")))
        .collect();
    assert_eq!(one.install(|| lake.table(&DEVICE).unwrap()).rows, expected);
    assert_eq!(many.install(|| lake.table(&DEVICE).unwrap()).rows, expected);
}
