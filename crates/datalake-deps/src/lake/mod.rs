//! Tables of the lake, read into canonical batches and written.

mod batch;
mod clock;
mod columns;
mod config;
mod convert;
mod csv_file;
mod csv_records;
mod decimal;
mod dialect;
mod discover;
mod error;
mod json_file;
mod measurements;
pub mod model;
mod parquet_file;
mod preset;
mod reject;
mod table;
mod text_batch;
mod text_column;
mod text_stream;
mod timestamp;
mod write;

pub use batch::{RowNumbers, TableBatch};
pub use clock::Clocks;
pub use config::{CsvConfig, FileFormat, LakeConfig, TableConfig};
pub use discover::DataFile;
pub use error::LakeError;
pub use measurements::{MeasurementBatch, MeasurementScan, Piece, ScanOptions};
pub use preset::Preset;
pub use reject::{RejectReason, RejectedRow};
pub use table::{BATCH_ROWS, FileBatch, Lake, TableData};
pub use write::{TableWriter, WriteOptions, WrittenFile, read_back, write_table};
