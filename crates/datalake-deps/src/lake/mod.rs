//! Tables of the lake, read into canonical batches and written.
//!
//! [`model`] declares the tables, [`LakeConfig`] says how a site's files look, and [`Lake`] reads them: a smaller table
//! whole by [`Lake::read_table`], the measurements piece by piece by [`Lake::plan_measurements`]. Every row of a file
//! comes out as a canonical row or as a [`RejectedRow`]; what stops a whole file is a [`LakeError`].
//!
//! | situation | what happens |
//! |---|---|
//! | a required table is not there, or its folder holds no data files | [`LakeError::TableMissing`] |
//! | a required table has files and no row, good or bad | [`LakeError::TableEmpty`] |
//! | an optional table is not there or has no rows | no batches |
//! | a column is there in some files only | null in the rows of the others |
//! | a required column is not there in one file | [`LakeError::ColumnMissing`] |
//! | a key is null or blank; a number, time or text is none | the row is rejected |
//! | a required column that is no key is null in a row | the row is kept: its meaning is for the job to judge |
//!
//! Timestamps of `measurements` and `temperature` are on the measurement clock, those of all other tables on legal time.
//! INT96 and other times without a zone are taken to be on the table's clock, unless its `time_zone` says otherwise.

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
mod measurement_file;
mod measurements;
pub mod model;
mod parquet_file;
mod preset;
mod reject;
#[cfg(test)]
mod remote_tests;
mod source;
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
pub use measurement_file::{DECIMAL_LIMIT_MICRO, MeasurementFiles, MeasurementWriter};
pub use measurements::{MeasurementBatch, MeasurementScan, Piece, ScanOptions};
pub use preset::Preset;
pub use reject::{RejectReason, RejectedRow};
pub use table::{BATCH_ROWS, FileBatch, Lake, TableData};
pub use write::{TableWriter, WriteOptions, WrittenFile, read_back, write_table};
