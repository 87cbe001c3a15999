//! Tables written as Parquet, the same bytes for the same rows.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};

use super::error::LakeError;

/// What every file says of its writer: no version, so that a new one does not change the bytes by itself.
const CREATED_BY: &str = "datalake";
/// Rows that go to the encoder at a time; pages end where these do, so it is fixed.
const CHUNK_ROWS: usize = 8_192;
const ZSTD_LEVEL: i32 = 3;
/// Largest dictionary of ids: those of a row group whose rows all have another one.
const ID_DICTIONARY_BYTES: usize = 64 << 20;

/// How tables are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOptions {
    /// Rows of a row group.
    pub row_group_rows: usize,
    /// A column of ids: it stays a dictionary where others would not, so that a reader looks each id up once.
    pub id_column: Option<String>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            row_group_rows: 1 << 20,
            id_column: None,
        }
    }
}

/// A file that was written and is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes in lower-case hex, as `sha256sum` prints it.
    pub sha256: String,
}

/// Writes one Parquet file, batch after batch. The bytes depend on schema, rows and options, not on how the rows were
/// spread over batches.
pub struct TableWriter {
    path: PathBuf,
    chunks: BatchCoalescer,
    encoder: ArrowWriter<HashingWriter>,
    rows: u64,
}

impl TableWriter {
    /// Creates the file, or empties it.
    pub fn create(path: &Path, schema: &SchemaRef, options: &WriteOptions) -> Result<Self, LakeError> {
        let file = fs_err::File::create(path).map_err(LakeError::Create)?;
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|error| LakeError::write(path, error))?;
        let mut properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(options.row_group_rows.max(1)));
        if let Some(column) = &options.id_column {
            let column = ColumnPath::new(vec![column.clone()]);
            properties = properties.set_column_dictionary_page_size_limit(column, ID_DICTIONARY_BYTES);
        }
        let properties = properties.build();
        let sink = HashingWriter {
            file: BufWriter::with_capacity(1 << 20, file),
            hash: Sha256::new(),
            bytes: 0,
        };
        let encoder = ArrowWriter::try_new(sink, schema.clone(), Some(properties))
            .map_err(|error| LakeError::write(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            chunks: BatchCoalescer::new(schema.clone(), CHUNK_ROWS),
            encoder,
            rows: 0,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds rows; their schema must be the table's.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.rows += batch.num_rows() as u64;
        self.chunks
            .push_batch(batch.clone())
            .map_err(|error| LakeError::write(&self.path, error))?;
        self.encode_completed()
    }

    /// Ends the file and waits until it is on the disk.
    pub fn finish(mut self) -> Result<WrittenFile, LakeError> {
        self.chunks
            .finish_buffered_batch()
            .map_err(|error| LakeError::write(&self.path, error))?;
        self.encode_completed()?;
        let fail = |error: io::Error| LakeError::write(&self.path, error);
        let sink = self
            .encoder
            .into_inner()
            .map_err(|error| LakeError::write(&self.path, error))?;
        let (bytes, digest) = (sink.bytes, sink.hash.finalize());
        let file = sink.file.into_inner().map_err(|error| fail(error.into_error()))?;
        file.sync_all().map_err(fail)?;
        Ok(WrittenFile {
            rows: self.rows,
            bytes,
            sha256: hex(&digest),
            path: self.path,
        })
    }

    fn encode_completed(&mut self) -> Result<(), LakeError> {
        while let Some(chunk) = self.chunks.next_completed_batch() {
            self.encoder
                .write(&chunk)
                .map_err(|error| LakeError::write(&self.path, error))?;
        }
        Ok(())
    }
}

/// Writes a whole table to one file.
pub fn write_table<'a>(
    path: &Path,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = &'a RecordBatch>,
    options: &WriteOptions,
) -> Result<WrittenFile, LakeError> {
    let mut writer = TableWriter::create(path, schema, options)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()
}

/// Reads back a file that [`TableWriter`] wrote, or any other Parquet file, as it is.
pub fn read_back(path: &Path) -> Result<Vec<RecordBatch>, LakeError> {
    super::parquet_file::read_whole(path)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digits = bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.collect()
}

/// Counts and hashes what goes through.
struct HashingWriter {
    file: BufWriter<fs_err::File>,
    hash: Sha256,
    bytes: u64,
}

impl Write for HashingWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
