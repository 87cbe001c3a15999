//! Single columns of Parquet files: every type that arrives, by hand-worked values.

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int8Array, Int32Array, Int64Array, NullArray, StringArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
    UInt8Array, UInt64Array,
};
use arrow::datatypes::i256;

use crate::support::{Read, TestLake, array, parquet};

/// Reads `columns` beside keys that are there if the columns do not name them; the canonical column at `position`.
fn read(config: &str, name: &str, column: ArrayRef, position: usize) -> (Vec<String>, Vec<String>) {
    let len = column.len();
    let mut columns = vec![(name, column)];
    for (other, filler) in [
        ("measuring_component_id", array(StringArray::from(vec!["c"; len]))),
        (
            "measured_at",
            array(TimestampMicrosecondArray::from(vec![0; len])),
        ),
        ("value", array(Int64Array::from(vec![1; len]))),
    ] {
        if other != name {
            columns.push((other, filler));
        }
    }
    let lake = TestLake::new(config).with("measurements.parquet", parquet(columns));
    let Read { rows, rejected } = lake.measurements().unwrap();
    let cells = rows
        .iter()
        .map(|row| row.split('|').nth(position).unwrap().to_owned())
        .collect();
    (cells, rejected)
}

fn value(column: ArrayRef) -> (Vec<String>, Vec<String>) {
    read("{}", "value", column, 2)
}

fn measured_at(config: &str, column: ArrayRef) -> (Vec<String>, Vec<String>) {
    read(config, "measured_at", column, 1)
}

fn decimals(values: &[Option<i128>], precision: u8, scale: i8) -> ArrayRef {
    array(
        Decimal128Array::from(values.to_vec())
            .with_precision_and_scale(precision, scale)
            .unwrap(),
    )
}

#[test]
fn values_of_every_number_type() {
    let good = |column: ArrayRef| {
        let (cells, rejected) = value(column);
        assert!(rejected.is_empty(), "{rejected:?}");
        cells
    };
    assert_eq!(
        good(decimals(&[Some(86_000), None, Some(-1)], 16, 6)),
        ["86000", "", "-1"]
    );
    assert_eq!(
        good(decimals(&[Some(86), None, Some(-1)], 9, 3)),
        ["86000", "", "-1000"]
    );
    assert_eq!(
        good(decimals(&[Some(15), Some(25), Some(-15), None], 38, 7)),
        ["2", "2", "-2", ""]
    );
    assert_eq!(good(decimals(&[Some(7)], 5, 0)), ["7000000"]);
    let wide = Decimal256Array::from(vec![Some(i256::from(8_600)), None])
        .with_precision_and_scale(50, 5)
        .unwrap();
    assert_eq!(good(array(wide)), ["86000", ""]);
    assert_eq!(
        good(array(Int64Array::from(vec![Some(3), None]))),
        ["3000000", ""]
    );
    assert_eq!(good(array(Int8Array::from(vec![-3]))), ["-3000000"]);
    assert_eq!(good(array(UInt64Array::from(vec![3]))), ["3000000"]);
    assert_eq!(good(array(UInt8Array::from(vec![255]))), ["255000000"]);
    assert_eq!(
        good(array(Float64Array::from(vec![Some(0.086), None, Some(-0.1)]))),
        ["86000", "", "-100000"]
    );
    assert_eq!(
        good(array(Float64Array::from(vec![0.000_000_5, 0.000_001_5, 4e12]))),
        ["0", "2", "4000000000000000000"]
    );
    assert_eq!(
        good(array(Float32Array::from(vec![Some(0.086), None]))),
        ["86000", ""]
    );
    assert_eq!(
        good(array(StringArray::from(vec![
            Some(" 0.086 "),
            None,
            Some(" "),
            Some("1e-3")
        ]))),
        ["86000", "", "", "1000"]
    );
    assert_eq!(good(array(NullArray::new(2))), ["", ""]);
}

#[test]
fn values_that_are_no_numbers_or_too_large() {
    let (cells, rejected) = value(array(Float64Array::from(vec![
        Some(f64::NAN),
        Some(1.0),
        Some(f64::INFINITY),
        Some(1e13),
        None,
    ])));
    assert_eq!(cells, ["1000000", ""]);
    assert_eq!(
        rejected,
        [
            "measurements.parquet row 1: number_not_finite value NaN",
            "measurements.parquet row 3: number_not_finite value inf",
            "measurements.parquet row 4: number_out_of_range value 10000000000000.0",
        ]
    );
    let (cells, rejected) = value(decimals(&[Some(1), Some(i128::from(i64::MAX) + 1)], 38, 6));
    assert_eq!(cells, ["1"]);
    assert_eq!(
        rejected,
        ["measurements.parquet row 2: number_out_of_range value 9223372036854.775808"]
    );
    let (cells, rejected) = value(array(Int64Array::from(vec![
        9_223_372_036_855,
        9_223_372_036_854,
    ])));
    assert_eq!(cells, ["9223372036854000000"]);
    assert_eq!(
        rejected,
        ["measurements.parquet row 1: number_out_of_range value 9223372036855"]
    );
    let huge = Decimal256Array::from(vec![i256::MAX])
        .with_precision_and_scale(76, 6)
        .unwrap();
    assert_eq!(value(array(huge)).1.len(), 1);
    let (cells, rejected) = value(array(StringArray::from(vec!["1", "1,5", "nan", "1"])));
    assert_eq!(cells, ["1000000", "1000000"]);
    assert_eq!(
        rejected,
        [
            "measurements.parquet row 2: invalid_number value 1,5",
            "measurements.parquet row 3: number_not_finite value nan",
        ]
    );
}

#[test]
fn a_decimal_comma_by_config() {
    let (cells, rejected) = read(
        r#"{"decimal_comma": true}"#,
        "value",
        array(StringArray::from(vec!["1,5", "1.5"])),
        2,
    );
    assert_eq!(cells, ["1500000"]);
    assert_eq!(rejected, ["measurements.parquet row 2: invalid_number value 1.5"]);
}

#[test]
fn times_of_every_type() {
    const NOON: i64 = 1_719_835_200; // 2024-07-01 12:00
    let clock = r#"{"measurement_time_zone": "+01:00"}"#;
    let good = |config: &str, column: ArrayRef| {
        let (cells, rejected) = measured_at(config, column);
        assert!(rejected.is_empty(), "{rejected:?}");
        cells
    };
    let noon = "2024-07-01T12:00:00";
    assert_eq!(good(clock, array(TimestampSecondArray::from(vec![NOON]))), [noon]);
    assert_eq!(
        good(
            clock,
            array(TimestampMillisecondArray::from(vec![NOON * 1_000 + 5]))
        ),
        ["2024-07-01T12:00:00.005"]
    );
    assert_eq!(
        good(
            clock,
            array(TimestampMicrosecondArray::from(vec![NOON * 1_000_000 + 5]))
        ),
        ["2024-07-01T12:00:00.000005"]
    );
    assert_eq!(
        good(
            clock,
            array(TimestampNanosecondArray::from(vec![
                NOON * 1_000_000_000 + 5_999,
                -1
            ]))
        ),
        ["2024-07-01T12:00:00.000005", "1969-12-31T23:59:59.999999"]
    );
    assert_eq!(
        good(clock, array(Date32Array::from(vec![19_905]))),
        ["2024-07-01T00:00:00"]
    );
    assert_eq!(
        good(clock, array(Date64Array::from(vec![19_905 * 86_400_000]))),
        ["2024-07-01T00:00:00"]
    );
    assert_eq!(
        good(clock, array(StringArray::from(vec!["01-JUL-2024 12:00:00"]))),
        [noon]
    );
    // Instants, whatever zone they are shown in.
    let one = "2024-07-01T13:00:00";
    assert_eq!(
        good(
            clock,
            array(TimestampSecondArray::from(vec![NOON]).with_timezone("Europe/Berlin"))
        ),
        [one]
    );
    assert_eq!(
        good(
            clock,
            array(TimestampMicrosecondArray::from(vec![NOON * 1_000_000]).with_timezone("UTC"))
        ),
        [one]
    );
    assert_eq!(
        good(clock, array(StringArray::from(vec!["2024-07-01T12:00:00Z"]))),
        [one]
    );
    // Written without a zone, in one that is not the clock.
    let berlin =
        r#"{"measurement_time_zone": "+01:00", "tables": {"measurements": {"time_zone": "Europe/Berlin"}}}"#;
    let eleven = "2024-07-01T11:00:00";
    assert_eq!(
        good(
            berlin,
            array(TimestampMicrosecondArray::from(vec![NOON * 1_000_000]))
        ),
        [eleven]
    );
    assert_eq!(
        good(berlin, array(StringArray::from(vec!["2024-07-01 12:00"]))),
        [eleven]
    );
    assert_eq!(
        good(
            berlin,
            array(TimestampMicrosecondArray::from(vec![NOON * 1_000_000]).with_timezone("UTC"))
        ),
        [one]
    );
}

#[test]
fn times_that_are_missing_or_beyond_the_calendar() {
    let (cells, rejected) = measured_at(
        "{}",
        array(TimestampSecondArray::from(vec![
            Some(0),
            None,
            Some(i64::MAX),
            Some(-63_000_000_000),
        ])),
    );
    assert_eq!(cells, ["1970-01-01T00:00:00"]);
    assert_eq!(rejected.len(), 3);
    assert_eq!(
        rejected[0],
        "measurements.parquet row 2: key_missing measured_at -"
    );
    assert!(
        rejected[1].starts_with("measurements.parquet row 3: timestamp_out_of_range measured_at"),
        "{}",
        rejected[1]
    );
    assert!(
        rejected[2].starts_with("measurements.parquet row 4: timestamp_out_of_range measured_at"),
        "{}",
        rejected[2]
    );
    let (cells, rejected) = measured_at("{}", array(StringArray::from(vec!["2024-01-01", "soon", ""])));
    assert_eq!(cells, ["2024-01-01T00:00:00"]);
    assert_eq!(
        rejected,
        [
            "measurements.parquet row 2: invalid_timestamp measured_at soon",
            "measurements.parquet row 3: key_missing measured_at -",
        ]
    );
}

#[test]
fn ids_of_every_type_become_text() {
    let id = |column: ArrayRef| read("{}", "measuring_component_id", column, 0);
    assert_eq!(id(array(StringArray::from(vec![" 007 ", "x"]))).0, [" 007 ", "x"]);
    assert_eq!(
        id(array(Int64Array::from(vec![7, -1, 7, 9_007_199_254_740_993]))).0,
        ["7", "-1", "7", "9007199254740993"]
    );
    assert_eq!(id(array(Int32Array::from(vec![7]))).0, ["7"]);
    assert_eq!(
        id(decimals(&[Some(12_345_678_901_234_567_890)], 38, 0)).0,
        ["12345678901234567890"]
    );
    let fixed = FixedSizeBinaryArray::try_from_iter([b"ab ", b"cde"].into_iter()).unwrap();
    assert_eq!(id(array(fixed)).0, ["ab ", "cde"]);
    let (cells, rejected) = id(array(Int64Array::from(vec![Some(1), None, Some(2)])));
    assert_eq!(cells, ["1", "2"]);
    assert_eq!(
        rejected,
        ["measurements.parquet row 2: key_missing measuring_component_id -"]
    );
    let (cells, rejected) = id(array(StringArray::from(vec![
        Some("a"),
        None,
        Some("   "),
        Some(""),
    ])));
    assert_eq!(cells, ["a"]);
    assert_eq!(rejected.len(), 3);
    assert!(
        rejected.iter().all(|row| row.contains("key_missing")),
        "{rejected:?}"
    );
}

#[test]
fn whole_numbers_of_every_type() {
    let version = |column: ArrayRef| read("{}", "version", column, 10);
    assert_eq!(
        version(array(Int64Array::from(vec![Some(i64::MAX), None]))).0,
        [i64::MAX.to_string().as_str(), ""]
    );
    assert_eq!(version(array(Int32Array::from(vec![2]))).0, ["2"]);
    assert_eq!(version(decimals(&[Some(200)], 10, 2)).0, ["2"]);
    assert_eq!(
        version(array(Float64Array::from(vec![Some(2.0), None]))).0,
        ["2", ""]
    );
    assert_eq!(
        version(array(StringArray::from(vec!["2", "2.0", "3e2"]))).0,
        ["2", "2", "300"]
    );
    let (cells, rejected) = version(array(Float64Array::from(vec![1.5, 2.0, f64::NAN])));
    assert_eq!(cells, ["2"]);
    assert_eq!(
        rejected,
        [
            "measurements.parquet row 1: invalid_integer version 1.5",
            "measurements.parquet row 3: invalid_integer version NaN"
        ]
    );
    assert_eq!(version(decimals(&[Some(150)], 10, 2)).1.len(), 1);
    assert_eq!(version(array(UInt64Array::from(vec![u64::MAX]))).1.len(), 1);
    assert_eq!(
        version(array(StringArray::from(vec!["two"]))).1,
        ["measurements.parquet row 1: invalid_integer version two"]
    );
}

#[test]
fn a_truth_value_may_stand_for_text() {
    let flag = read(
        "{}",
        "use_flag",
        array(BooleanArray::from(vec![Some(true), None])),
        4,
    );
    assert_eq!(flag.0, ["true", ""]);
}
