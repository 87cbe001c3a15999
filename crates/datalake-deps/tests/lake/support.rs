//! Lakes in temporary folders, and what is read from them as plain text.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::util::display::array_value_to_string;
use datalake_deps::diagnostic::{Diagnostic, render};
use datalake_deps::lake::model::TableSpec;
use datalake_deps::lake::{Lake, LakeConfig, LakeError, RejectedRow, ScanOptions};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

pub(crate) struct TestLake {
    folder: tempfile::TempDir,
    config: LakeConfig,
}

/// All rows of the measurements and of what was rejected, one text each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) rows: Vec<String>,
    pub(crate) rejected: Vec<String>,
}

impl TestLake {
    pub(crate) fn new(config: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            config: serde_json::from_str(config).unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.put(name, bytes);
        self
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }

    pub(crate) fn open(&self) -> Result<Lake, LakeError> {
        Lake::open(self.path(), self.config.clone())
    }

    /// The measurements with all their columns.
    pub(crate) fn measurements(&self) -> Result<Read, LakeError> {
        let columns = [
            "condition_code",
            "use_flag",
            "reading",
            "previous_reading",
            "period_start",
            "combined_multiplier",
            "updated_at",
            "version",
        ];
        self.scan(&columns, 5)
    }

    pub(crate) fn scan(&self, columns: &[&str], batch_rows: usize) -> Result<Read, LakeError> {
        let scan = self
            .open()?
            .plan_measurements(&ScanOptions { columns, batch_rows })?;
        let mut read = Read {
            rows: Vec::new(),
            rejected: Vec::new(),
        };
        for piece in scan.pieces() {
            scan.read(piece, |batch| -> Result<(), LakeError> {
                assert_eq!(batch.batch.schema(), *scan.schema());
                read.rows.extend(rows(&batch.batch));
                read.rejected.extend(batch.rejected.iter().map(rejected));
                Ok(())
            })?;
        }
        Ok(read)
    }

    /// A whole table.
    pub(crate) fn table(&self, spec: &'static TableSpec) -> Result<Read, LakeError> {
        let data = self.open()?.read_table(spec)?;
        let mut read = Read {
            rows: Vec::new(),
            rejected: data.rejected.iter().map(rejected).collect(),
        };
        for batch in &data.batches {
            assert_eq!(batch.table.batch.schema(), spec.schema());
            read.rows.extend(rows(&batch.table.batch));
        }
        assert_eq!(data.rows_read as usize, read.rows.len() + read.rejected.len());
        Ok(read)
    }

    /// How an error is shown, with the folder's changing name taken out.
    pub(crate) fn message<T: std::fmt::Debug>(&self, result: Result<T, LakeError>) -> String {
        let error = result.unwrap_err();
        let text = format!("exit {}\n{}", error.exit_code().code(), render(&error));
        text.replace(&self.path().display().to_string(), "LAKE")
    }
}

/// `a|b|c` for each row; null is empty.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<String> {
    (0..batch.num_rows())
        .map(|row| {
            let cells = batch
                .columns()
                .iter()
                .map(|column| array_value_to_string(column, row).unwrap());
            cells.collect::<Vec<_>>().join("|")
        })
        .collect()
}

fn rejected(row: &RejectedRow) -> String {
    let line = row.line.map(|line| format!(" line {line}")).unwrap_or_default();
    let column = row.column.unwrap_or("-");
    let value = row.value.as_deref().unwrap_or("-");
    format!(
        "{} row {}{line}: {} {column} {value}",
        row.source_file,
        row.row_number,
        row.reason.code()
    )
}

/// A Parquet file of these columns, in the writer's default layout.
pub(crate) fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    parquet_with(columns, WriterProperties::default())
}

pub(crate) fn parquet_with(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    );
    let batch = batch.unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

pub(crate) fn array<T: arrow::array::Array + 'static>(array: T) -> ArrayRef {
    Arc::new(array)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}
