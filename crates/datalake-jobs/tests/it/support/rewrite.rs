//! The rows of a lake in other orders, files and formats.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, DictionaryArray, Float64Array, RecordBatch, StringArray};
use arrow::array::{TimestampMicrosecondArray, TimestampMillisecondArray};
use arrow::datatypes::Int32Type;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

/// The columns of a measurement that this module knows.
pub(crate) const COLUMNS: [&str; 9] = [
    "measuring_component_id",
    "measured_at",
    "value",
    "condition_code",
    "use_flag",
    "updated_at",
    "reading",
    "previous_reading",
    "period_start",
];

/// A measurement as text, in the order of [`COLUMNS`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row(pub(crate) [String; 9]);

impl Row {
    pub(crate) fn get(&self, column: &str) -> &str {
        &self.0[position(column)]
    }

    pub(crate) fn set(&mut self, column: &str, value: &str) {
        value.clone_into(&mut self.0[position(column)]);
    }
}

fn position(column: &str) -> usize {
    COLUMNS.iter().position(|name| *name == column).unwrap()
}

/// How a file of measurements is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Ndjson,
    /// Text ids, microseconds without a zone, decimals.
    ParquetDecimal,
    /// Dictionaries, milliseconds in UTC, doubles, row groups of 1,000 rows.
    ParquetDouble,
    /// Everything as text.
    ParquetText,
}

/// Every format.
pub(crate) const FORMATS: [Format; 5] = [
    Format::Csv,
    Format::Ndjson,
    Format::ParquetDecimal,
    Format::ParquetDouble,
    Format::ParquetText,
];

/// The measurements of the files whose path passes, in the order of paths and lines.
pub(crate) fn measurements(files: &BTreeMap<String, String>, keep: impl Fn(&str) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (path, text) in files
        .iter()
        .filter(|(path, _)| path.starts_with("measurements/") && keep(path))
    {
        let mut lines = text.lines();
        let header: Vec<&str> = lines
            .next()
            .unwrap_or_else(|| panic!("{path} is empty"))
            .split(',')
            .collect();
        for line in lines {
            let mut row = Row(Default::default());
            for (name, cell) in header
                .iter()
                .zip(line.split(','))
                .filter(|(name, _)| COLUMNS.contains(name))
            {
                row.set(name, cell);
            }
            rows.push(row);
        }
    }
    rows
}

/// The files of a lake without its measurements.
pub(crate) fn dimensions(files: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    files
        .iter()
        .filter(|(path, _)| !path.starts_with("measurements/"))
        .map(|(p, t)| (p.clone(), t.clone()))
        .collect()
}

/// Extension and bytes of a file with these rows. Typed formats need rows without dirt.
pub(crate) fn file(rows: &[Row], format: Format) -> (&'static str, Vec<u8>) {
    match format {
        Format::Csv => ("csv", csv(rows).into_bytes()),
        Format::Ndjson => ("ndjson", ndjson(rows).into_bytes()),
        Format::ParquetDecimal | Format::ParquetDouble | Format::ParquetText => {
            ("parquet", parquet(rows, format))
        }
    }
}

pub(crate) fn csv(rows: &[Row]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for row in rows {
        text += &row.0.join(",");
        text += "\n";
    }
    text
}

fn ndjson(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = COLUMNS
            .iter()
            .zip(&row.0)
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(name, cell)| match *name {
                "value" | "reading" | "previous_reading" => format!("\"{name}\":{cell}"),
                _ => format!("\"{name}\":\"{cell}\""),
            })
            .collect();
        text.extend(["{", &cells.join(","), "}\n"]);
    }
    text
}

fn parquet(rows: &[Row], format: Format) -> Vec<u8> {
    let columns = COLUMNS.iter().map(|name| {
        let cells: Vec<Option<&str>> = rows
            .iter()
            .map(|row| Some(row.get(name)).filter(|cell| !cell.is_empty()))
            .collect();
        (*name, column(name, &cells, format))
    });
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap();
    let properties = match format {
        Format::ParquetDouble => WriterProperties::builder()
            .set_max_row_group_row_count(Some(1_000))
            .build(),
        _ => WriterProperties::default(),
    };
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn column(name: &str, cells: &[Option<&str>], format: Format) -> ArrayRef {
    let time = name.ends_with("_at") || name == "period_start";
    let decimal = matches!(name, "value" | "reading" | "previous_reading");
    match format {
        Format::ParquetDecimal if time => Arc::new(
            cells
                .iter()
                .map(|cell| cell.map(microseconds))
                .collect::<TimestampMicrosecondArray>(),
        ),
        Format::ParquetDecimal if decimal => {
            let micro: Decimal128Array = cells
                .iter()
                .map(|cell| cell.map(|text| i128::from(micro(text))))
                .collect();
            Arc::new(micro.with_precision_and_scale(16, 6).unwrap())
        }
        Format::ParquetDouble if time => {
            let millis: TimestampMillisecondArray = cells
                .iter()
                .map(|cell| cell.map(|text| microseconds(text) / 1_000))
                .collect();
            Arc::new(millis.with_timezone("UTC"))
        }
        Format::ParquetDouble if decimal => Arc::new(
            cells
                .iter()
                .map(|cell| cell.map(|text| text.parse().unwrap()))
                .collect::<Float64Array>(),
        ),
        Format::ParquetDouble => Arc::new(cells.iter().copied().collect::<DictionaryArray<Int32Type>>()),
        _ => Arc::new(cells.iter().copied().collect::<StringArray>()),
    }
}

fn microseconds(text: &str) -> i64 {
    let at: jiff::civil::DateTime = text.parse().unwrap();
    at.to_zoned(jiff::tz::TimeZone::UTC)
        .unwrap()
        .timestamp()
        .as_microsecond()
}

/// The decimal text in 10^-6.
pub(crate) fn micro(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    sign * format!("{whole}{fraction:0<6}").parse::<i64>().unwrap()
}
