//! Published tables as tests read them.

use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A table in memory.
pub(crate) struct Table(pub(crate) RecordBatch);

/// One item of a case's `reasons`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) onset: String,
    pub(crate) end: String,
    pub(crate) strength: f64,
    pub(crate) value: f64,
    pub(crate) threshold: f64,
    /// Energy at stake, kWh.
    pub(crate) kwh: f64,
}

impl Table {
    pub(crate) fn read(file: &Path) -> Self {
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(fs_err::File::open(file).unwrap().into_parts().0)
                .unwrap();
        let schema = reader.schema().clone();
        let batches = reader.build().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        Self(concat_batches(&schema, &batches).unwrap())
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.num_rows()
    }

    pub(crate) fn columns(&self) -> Vec<String> {
        self.0
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    fn array(&self, column: &str) -> &ArrayRef {
        self.0
            .column_by_name(column)
            .unwrap_or_else(|| panic!("no column {column}"))
    }

    /// The cell as text; empty for null.
    pub(crate) fn text(&self, row: usize, column: &str) -> String {
        text(self.array(column), row)
    }

    /// The cell as a number; panics for null.
    pub(crate) fn number(&self, row: usize, column: &str) -> f64 {
        number(self.array(column), row)
    }

    /// The row whose `column` says `value`.
    pub(crate) fn find(&self, column: &str, value: &str) -> Option<usize> {
        (0..self.rows()).find(|&row| self.text(row, column) == value)
    }

    /// The cell of a list of texts.
    pub(crate) fn list(&self, row: usize, column: &str) -> Vec<String> {
        let items = self.array(column).as_list::<i32>().value(row);
        (0..items.len()).map(|i| text(&items, i)).collect()
    }

    /// The reasons of a case.
    pub(crate) fn reasons(&self, row: usize) -> Vec<Reason> {
        let items = self.array("reasons").as_list::<i32>().value(row);
        let items: &StructArray = items.as_struct();
        let of = |name: &str| {
            items
                .column_by_name(name)
                .unwrap_or_else(|| panic!("no field {name}"))
        };
        (0..items.len())
            .map(|i| Reason {
                code: text(of("code"), i),
                onset: text(of("onset_date"), i),
                end: text(of("end_date"), i),
                strength: number(of("strength"), i),
                value: number(of("value"), i),
                threshold: number(of("threshold"), i),
                kwh: number(of("kwh"), i),
            })
            .collect()
    }

    /// The rows with these columns as lines of `name=value`, for snapshots.
    pub(crate) fn lines(&self, columns: &[&str]) -> String {
        let mut lines = String::new();
        for row in 0..self.rows() {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| format!("{column}={}", self.text(row, column)))
                .collect();
            lines += &cells.join(" ");
            lines += "\n";
        }
        lines
    }
}

fn text(array: &dyn Array, row: usize) -> String {
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default()).unwrap();
    formatter.value(row).to_string()
}

fn number(array: &dyn Array, row: usize) -> f64 {
    assert!(array.is_valid(row), "null where a number is expected");
    match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row),
        DataType::Decimal128(_, scale) => {
            array.as_primitive::<Decimal128Type>().value(row) as f64 / 10_f64.powi(i32::from(*scale))
        }
        DataType::Date32 => f64::from(array.as_primitive::<Date32Type>().value(row)),
        _ => text(array, row).parse().unwrap(),
    }
}
