//! The same logical rows in every layout: equal canonical rows, in the same order.

use std::fmt::Write as _;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Decimal128Array, Float64Array, Int64Array, LargeStringArray, RecordBatch,
    StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use jiff::Timestamp;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{TestLake, array, gzip, parquet_with, zstd};

const CONFIG: &str = r#"{"measurement_time_zone": "+01:00", "timestamp_formats": ["YYYY/MM/DD HH24:MI:SS"]}"#;
const HOUR: i64 = 3_600_000_000;

#[derive(Debug, Clone)]
struct Row {
    id: u64,
    /// Microseconds on the measurement clock, whole seconds.
    at: i64,
    micro: Option<i64>,
    code: Option<u32>,
    updated_at: Option<i64>,
    version: Option<i64>,
}

fn row() -> impl Strategy<Value = Row> {
    (
        select(vec![1_u64, 22, 4_711, 900_000_000_001]),
        1_600_000_000_i64..1_600_000_200,
        proptest::option::weighted(0.9, -1_000_000_000_000_i64..1_000_000_000_000),
        proptest::option::of(select(vec![501_000_u32, 301_000, 101_000])),
        proptest::option::of(1_600_000_000_i64..1_700_000_000),
        proptest::option::of(0_i64..5),
    )
        .prop_map(|(id, at, micro, code, updated_at, version)| Row {
            id,
            at: at * 1_000_000,
            micro,
            code,
            updated_at: updated_at.map(|at| at * 1_000_000),
            version,
        })
}

fn decimal(micro: i64) -> String {
    let sign = if micro < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:06}",
        micro.unsigned_abs() / 1_000_000,
        micro.unsigned_abs() % 1_000_000
    )
}

fn civil(micros: i64, format: &str) -> String {
    jiff::tz::TimeZone::UTC
        .to_datetime(Timestamp::from_microsecond(micros).unwrap())
        .strftime(format)
        .to_string()
}

/// What must be read.
fn expected(rows: &[Row]) -> Vec<String> {
    let text = |value: Option<String>| value.unwrap_or_default();
    rows.iter()
        .map(|row| {
            format!(
                "{}|{}|{}|{}||||||{}|{}",
                row.id,
                civil(row.at, "%Y-%m-%dT%H:%M:%S"),
                text(row.micro.map(|micro| micro.to_string())),
                text(row.code.map(|code| code.to_string())),
                text(row.updated_at.map(|at| civil(at, "%Y-%m-%dT%H:%M:%S"))),
                text(row.version.map(|version| version.to_string())),
            )
        })
        .collect()
}

/// How a Parquet file holds ids, values and times.
#[derive(Debug, Clone)]
struct ParquetLayout {
    id: DataType,
    value: DataType,
    time: DataType,
    dictionary: bool,
    statistics: bool,
    version_2: bool,
    compression: Compression,
    row_group_rows: usize,
    page_rows: usize,
}

fn parquet_layout() -> impl Strategy<Value = ParquetLayout> {
    let dictionary = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    let ids = vec![
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::Int64,
        DataType::UInt64,
        DataType::Decimal128(38, 0),
        dictionary,
    ];
    let values = vec![
        DataType::Decimal128(16, 6),
        DataType::Decimal128(38, 6),
        DataType::Decimal128(30, 9),
        DataType::Decimal64(18, 6),
        DataType::Float64,
        DataType::Utf8,
    ];
    let times = vec![
        DataType::Timestamp(TimeUnit::Second, None),
        DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(TimeUnit::Nanosecond, None),
        DataType::Timestamp(TimeUnit::Second, Some("UTC".into())),
        DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Berlin".into())),
        DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into())),
        DataType::Utf8,
    ];
    let codecs = vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
        Compression::GZIP(parquet::basic::GzipLevel::default()),
        Compression::BROTLI(parquet::basic::BrotliLevel::default()),
    ];
    (
        (select(ids), select(values), select(times), select(codecs)),
        any::<[bool; 3]>(),
        (1_usize..40, 1_usize..20),
    )
        .prop_map(
            |((id, value, time, compression), flags, (row_group_rows, page_rows))| ParquetLayout {
                id,
                value,
                time,
                dictionary: flags[0],
                statistics: flags[1],
                version_2: flags[2],
                compression,
                row_group_rows,
                page_rows,
            },
        )
}

fn write_parquet(rows: &[Row], layout: &ParquetLayout) -> Vec<u8> {
    let ids = StringArray::from_iter_values(rows.iter().map(|row| row.id.to_string()));
    let id: ArrayRef = match &layout.id {
        DataType::LargeUtf8 => array(LargeStringArray::from_iter_values(ids.iter().flatten())),
        DataType::Utf8View => array(StringViewArray::from_iter_values(ids.iter().flatten())),
        DataType::Binary => array(BinaryArray::from_iter_values(ids.iter().flatten())),
        other => cast(&ids, other).unwrap(),
    };
    let decimals = || {
        rows.iter()
            .map(|row| row.micro.map(i128::from))
            .collect::<Decimal128Array>()
    };
    let value: ArrayRef = match &layout.value {
        DataType::Float64 => {
            let floats = rows
                .iter()
                .map(|row| row.micro.map(|micro| decimal(micro).parse::<f64>().unwrap()));
            array(floats.collect::<Float64Array>())
        }
        DataType::Utf8 => array(
            rows.iter()
                .map(|row| row.micro.map(decimal))
                .collect::<StringArray>(),
        ),
        other => cast(&decimals().with_precision_and_scale(38, 6).unwrap(), other).unwrap(),
    };
    let time = |times: Vec<Option<i64>>| -> ArrayRef {
        match &layout.time {
            DataType::Utf8 => {
                let texts = times
                    .into_iter()
                    .map(|at| at.map(|at| civil(at, "%d-%b-%Y %H:%M:%S").to_uppercase()));
                array(texts.collect::<StringArray>())
            }
            DataType::Timestamp(unit, Some(zone)) => {
                // An instant: the measurement clock is an hour ahead of UTC.
                let utc = times
                    .into_iter()
                    .map(|at| at.map(|at| at - HOUR))
                    .collect::<TimestampMicrosecondArray>();
                let utc = utc.with_timezone("UTC");
                cast(&utc, &DataType::Timestamp(*unit, Some(zone.clone()))).unwrap()
            }
            other => cast(&TimestampMicrosecondArray::from_iter(times), other).unwrap(),
        }
    };
    let codes = rows
        .iter()
        .map(|row| row.code.map(|code| code.to_string()))
        .collect::<StringArray>();
    let columns = vec![
        (
            "Version",
            array(rows.iter().map(|row| row.version).collect::<Int64Array>()),
        ),
        ("value", value),
        ("extra", array(StringArray::from(vec![Some("x"); rows.len()]))),
        ("measuring_component_id", id),
        (
            "updated_at",
            time(rows.iter().map(|row| row.updated_at).collect()),
        ),
        ("measured_at", time(rows.iter().map(|row| Some(row.at)).collect())),
        ("condition_code", array(codes)),
    ];
    let statistics = if layout.statistics {
        EnabledStatistics::Page
    } else {
        EnabledStatistics::None
    };
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(layout.dictionary)
        .set_statistics_enabled(statistics)
        .set_compression(layout.compression)
        .set_writer_version(if layout.version_2 {
            WriterVersion::PARQUET_2_0
        } else {
            WriterVersion::PARQUET_1_0
        })
        .set_max_row_group_row_count(Some(layout.row_group_rows))
        .set_data_page_row_count_limit(layout.page_rows)
        .set_write_batch_size(layout.page_rows)
        // Small enough that pages fall back from dictionary to plain within a row group.
        .set_dictionary_page_size_limit(24)
        .build();
    parquet_with(columns, properties)
}

const TEXT_TIMES: [&str; 6] = [
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S.000",
    "%Y-%m-%dT%H:%M:%S+01:00",
    "%d-%b-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
];

fn write_csv(rows: &[Row], time: &str, quote_all: bool) -> Vec<u8> {
    let style = if quote_all {
        csv::QuoteStyle::Always
    } else {
        csv::QuoteStyle::Necessary
    };
    let mut writer = csv::WriterBuilder::new()
        .quote_style(style)
        .from_writer(Vec::new());
    let header = [
        "note",
        "measuring_component_id",
        "measured_at",
        "VALUE",
        "condition_code",
        "updated_at",
        "version",
    ];
    writer.write_record(header).unwrap();
    for row in rows {
        let text = |value: Option<String>| value.unwrap_or_default();
        let record = [
            "a, \"b\"\nc".to_owned(),
            row.id.to_string(),
            civil(row.at, time),
            text(row.micro.map(decimal)),
            text(row.code.map(|code| code.to_string())),
            text(row.updated_at.map(|at| civil(at, time))),
            text(row.version.map(|version| version.to_string())),
        ];
        writer.write_record(record).unwrap();
    }
    writer.into_inner().unwrap()
}

fn write_json(rows: &[Row], time: &str, numbers: bool, nulls: bool) -> Vec<u8> {
    let mut text = String::new();
    for row in rows {
        let quoted = |value: &str| format!("\"{value}\"");
        let number = |value: String| if numbers { value } else { quoted(&value) };
        let members = [
            ("extra", Some("{\"nested\": [1, {}]}".to_owned())),
            ("measured_at", Some(quoted(&civil(row.at, time)))),
            ("value", row.micro.map(decimal).map(number)),
            ("measuring_component_id", Some(number(row.id.to_string()))),
            ("condition_code", row.code.map(|code| number(code.to_string()))),
            ("updated_at", row.updated_at.map(|at| quoted(&civil(at, time)))),
            ("version", row.version.map(|version| number(version.to_string()))),
        ];
        let members = members.into_iter().filter_map(|(name, value)| {
            // What the table needs is named even where it is null.
            let value = value.or_else(|| (nulls || name == "value").then(|| "null".to_owned()))?;
            Some(format!("\"{name}\": {value}"))
        });
        writeln!(text, "{{{}}}", members.collect::<Vec<_>>().join(", ")).unwrap();
    }
    text.into_bytes()
}

#[derive(Debug, Clone)]
enum Layout {
    Parquet(ParquetLayout),
    Csv {
        time: &'static str,
        quote_all: bool,
        zip: u8,
    },
    Json {
        time: &'static str,
        numbers: bool,
        nulls: bool,
        zip: u8,
    },
}

fn layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        3 => parquet_layout().prop_map(Layout::Parquet),
        1 => (select(&TEXT_TIMES), any::<bool>(), 0_u8..3).prop_map(|(time, quote_all, zip)| Layout::Csv { time, quote_all, zip }),
        1 => (select(&TEXT_TIMES), any::<[bool; 2]>(), 0_u8..3).prop_map(|(time, flags, zip)| {
            Layout::Json { time, numbers: flags[0], nulls: flags[1], zip }
        }),
    ]
}

fn put(lake: &TestLake, stem: &str, rows: &[Row], layout: &Layout) {
    let (name, zip, bytes) = match layout {
        Layout::Parquet(layout) => ("parquet", 0, write_parquet(rows, layout)),
        Layout::Csv { time, quote_all, zip } => ("csv", *zip, write_csv(rows, time, *quote_all)),
        Layout::Json {
            time,
            numbers,
            nulls,
            zip,
        } => ("ndjson", *zip, write_json(rows, time, *numbers, *nulls)),
    };
    match zip {
        1 => lake.put(&format!("{stem}.{name}.gz"), gzip(&bytes)),
        2 => lake.put(&format!("{stem}.{name}.zst"), zstd(&bytes)),
        _ => lake.put(&format!("{stem}.{name}"), bytes),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_the_same_however_they_were_written(
        rows in proptest::collection::vec(row(), 1..80),
        layouts in proptest::collection::vec(layout(), 1..4),
        batch_rows in 1_usize..50,
    ) {
        let lake = TestLake::new(CONFIG);
        // The rows spread over as many files as there are layouts.
        let size = rows.len().div_ceil(layouts.len());
        for (at, (chunk, layout)) in rows.chunks(size).zip(&layouts).enumerate() {
            put(&lake, &format!("measurements/run={at}/part-{at}"), chunk, layout);
        }
        let read = lake.measurements().unwrap();
        prop_assert_eq!(&read.rows, &expected(&rows));
        prop_assert!(read.rejected.is_empty(), "{:?}", read.rejected);
        // Batch sizes change nothing, and columns that were not asked for are not there.
        let all = lake.scan(&["version"], batch_rows).unwrap().rows;
        let narrow: Vec<String> = expected(&rows).iter().map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            [cells[0], cells[1], cells[2], cells[10]].join("|")
        }).collect();
        prop_assert_eq!(all, narrow);
    }
}

#[test]
fn a_piece_is_a_row_group_with_its_rows_bytes_and_times() {
    let lake = TestLake::new(CONFIG);
    let rows: Vec<Row> = (0..10)
        .map(|at| Row {
            id: 1,
            at: (1_600_000_000 + at * 1_800) * 1_000_000,
            micro: Some(at),
            code: None,
            updated_at: None,
            version: None,
        })
        .collect();
    let layout = |time: DataType, statistics| ParquetLayout {
        id: DataType::Utf8,
        value: DataType::Decimal128(16, 6),
        time,
        dictionary: true,
        statistics,
        version_2: false,
        compression: Compression::UNCOMPRESSED,
        row_group_rows: 4,
        page_rows: 100,
    };
    let zoned = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    lake.put(
        "measurements/a.parquet",
        write_parquet(&rows, &layout(zoned, true)),
    );
    let naive = DataType::Timestamp(TimeUnit::Nanosecond, None);
    lake.put(
        "measurements/b.parquet",
        write_parquet(&rows, &layout(naive.clone(), false)),
    );
    lake.put(
        "measurements/c.parquet",
        write_parquet(&rows, &layout(DataType::Utf8, true)),
    );
    lake.put("measurements/d.csv", write_csv(&rows, TEXT_TIMES[0], false));
    let scan = lake
        .open()
        .unwrap()
        .plan_measurements(&datalake_deps::lake::ScanOptions::default())
        .unwrap();
    let seen: Vec<_> = scan
        .pieces()
        .iter()
        .map(|piece| {
            (
                piece.file,
                piece.row_group,
                piece.rows,
                piece.range.map(|(a, b)| (a - 1_600_000_000, b - 1_600_000_000)),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (0, Some(0), Some(4), Some((0, 5_400))),
            (0, Some(1), Some(4), Some((7_200, 12_600))),
            (0, Some(2), Some(2), Some((14_400, 16_200))),
            (1, Some(0), Some(4), None),
            (1, Some(1), Some(4), None),
            (1, Some(2), Some(2), None),
            (2, Some(0), Some(4), None),
            (2, Some(1), Some(4), None),
            (2, Some(2), Some(2), None),
            (3, None, None, None),
        ]
    );
    let narrow = datalake_deps::lake::ScanOptions {
        columns: &[],
        batch_rows: 100,
    };
    let narrow = lake.open().unwrap().plan_measurements(&narrow).unwrap();
    assert!(narrow.pieces()[0].bytes < scan.pieces()[0].bytes);
    assert_eq!(narrow.schema().fields().len(), 3);
    // Rows are counted through the file, not through the row group.
    let mut numbers = Vec::new();
    narrow
        .read(
            &narrow.pieces()[1],
            |batch| -> Result<(), datalake_deps::lake::LakeError> {
                numbers.extend((0..batch.batch.num_rows()).map(|row| batch.rows.get(row)));
                Ok(())
            },
        )
        .unwrap();
    assert_eq!(numbers, [5, 6, 7, 8]);
}

#[test]
fn times_of_a_zone_with_summer_time_are_bounded_with_a_day_to_spare() {
    // Two in the morning comes twice on 2024-10-27 in Berlin, so order by the wall is not order in time.
    let config =
        r#"{"measurement_time_zone": "+01:00", "tables": {"measurements": {"time_zone": "Europe/Berlin"}}}"#;
    let wall = 1_729_994_400_i64; // 2024-10-27 02:00
    let times = TimestampMicrosecondArray::from(vec![wall * 1_000_000, (wall + 7_200) * 1_000_000]);
    let columns = vec![
        ("measuring_component_id", array(StringArray::from(vec!["a", "a"]))),
        ("measured_at", array(times)),
        ("value", array(Int64Array::from(vec![1, 1]))),
    ];
    let lake = TestLake::new(config).with("measurements.parquet", crate::support::parquet(columns));
    let scan = lake
        .open()
        .unwrap()
        .plan_measurements(&datalake_deps::lake::ScanOptions::default())
        .unwrap();
    assert_eq!(
        scan.pieces()[0].range,
        Some((wall - 3_600 - 86_400, wall + 7_200 + 86_400))
    );
    let read = lake.scan(&[], 10).unwrap();
    assert_eq!(
        read.rows,
        ["a|2024-10-27T01:00:00|1000000", "a|2024-10-27T04:00:00|1000000"]
    );
}

#[test]
fn a_dictionary_is_shared_by_the_batches_of_a_piece() {
    let lake = TestLake::new("{}");
    let ids = StringArray::from_iter_values((0..100).map(|row| format!("component-{}", row % 3)));
    let times = TimestampMicrosecondArray::from_iter_values(0..100);
    let values = Float64Array::from(vec![1.5; 100]);
    let columns = vec![
        ("measuring_component_id", array(ids)),
        ("measured_at", array(times)),
        ("value", array(values)),
    ];
    lake.put("measurements/a.parquet", crate::support::parquet(columns));
    let scan = lake.open().unwrap();
    let scan = scan
        .plan_measurements(&datalake_deps::lake::ScanOptions {
            columns: &[],
            batch_rows: 10,
        })
        .unwrap();
    let mut batches: Vec<RecordBatch> = Vec::new();
    scan.read(
        &scan.pieces()[0],
        |batch| -> Result<(), datalake_deps::lake::LakeError> {
            batches.push(batch.batch);
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(batches.len(), 10);
    let values = |batch: &RecordBatch| {
        use arrow::array::AsArray;
        batch.column(0).as_any_dictionary().values().to_data()
    };
    assert!(
        batches
            .iter()
            .all(|batch| values(batch).ptr_eq(&values(&batches[0])))
    );
    assert_eq!(values(&batches[0]).len(), 3);
    assert_eq!(batches[0].column(0).null_count(), 0);
}
