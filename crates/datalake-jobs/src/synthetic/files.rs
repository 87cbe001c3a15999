//! Parquet tables as folders of files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use fs_err::File;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::columns::TableBatch;
use super::error::ToolError;

/// Rows of a batch: what fits into the caches (larger batches are slower).
const BATCH_ROWS: usize = 8_192;

/// All `.parquet` files under a folder, or the one file that the path names; sorted by path.
pub(crate) fn parquet_files(path: &Path) -> Result<Vec<PathBuf>, ToolError> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, &mut files)?;
        files.retain(|f| f.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet")));
    } else if path.is_file() {
        files.push(path.to_owned());
    }
    if files.is_empty() {
        return Err(ToolError::NoTable {
            path: path.to_owned(),
        });
    }
    files.sort();
    Ok(files)
}

/// All files under a folder; hidden ones and those of unfinished writers (`_` first) are left out.
pub(crate) fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), ToolError> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(['.', '_']) {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The batches of one file of a table.
pub(crate) struct FileBatches<'a> {
    pub(crate) schema: SchemaRef,
    file: &'a Path,
    table: &'static str,
    reader: ParquetRecordBatchReader,
}

impl<'a> FileBatches<'a> {
    pub(crate) fn open(file: &'a Path, table: &'static str) -> Result<Self, ToolError> {
        let opened = File::open(file)?.into_parts().0;
        let builder = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(ToolError::parquet(file))?;
        let schema = Arc::clone(builder.schema());
        let reader = builder
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(ToolError::parquet(file))?;
        Ok(Self {
            schema,
            file,
            table,
            reader,
        })
    }
}

impl<'a> Iterator for FileBatches<'a> {
    type Item = Result<TableBatch<'a>, ToolError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (file, table) = (self.file, self.table);
        self.reader.next().map(|batch| {
            batch
                .map(|batch| TableBatch { batch, file, table })
                .map_err(ToolError::arrow(file))
        })
    }
}

/// Reads a table batch by batch; its files lie under `path`, or `path` is its one file.
pub(crate) fn each_batch(
    path: &Path,
    table: &'static str,
    mut use_batch: impl FnMut(&TableBatch<'_>) -> Result<(), ToolError>,
) -> Result<(), ToolError> {
    for file in parquet_files(path)? {
        for batch in FileBatches::open(&file, table)? {
            use_batch(&batch?)?;
        }
    }
    Ok(())
}

/// Creates a Parquet file, its folder included. Without Arrow's own metadata, as other writers leave it.
pub(crate) fn create(path: &Path, schema: SchemaRef) -> Result<ArrowWriter<std::fs::File>, ToolError> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let file = File::create(path)?.into_parts().0;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("datalake".to_owned())
        .build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(file, schema, options).map_err(ToolError::parquet(path))
}

/// Writes one batch as a whole file.
pub(crate) fn write(path: &Path, batch: &RecordBatch) -> Result<(), ToolError> {
    let mut writer = create(path, batch.schema())?;
    writer.write(batch).map_err(ToolError::parquet(path))?;
    writer.close().map_err(ToolError::parquet(path))?;
    Ok(())
}

/// A folder under construction beside its final place: renamed when whole, removed when dropped before.
pub(crate) struct Staging {
    folder: tempfile::TempDir,
    output: PathBuf,
}

impl Staging {
    /// Refuses an output that holds something already.
    pub(crate) fn new(output: &Path) -> Result<Self, ToolError> {
        if output.exists() && (!output.is_dir() || fs_err::read_dir(output)?.next().is_some()) {
            return Err(ToolError::OutputExists {
                path: output.to_owned(),
            });
        }
        let parent = match output.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        fs_err::create_dir_all(parent)?;
        let folder = tempfile::Builder::new().prefix(".making-").tempdir_in(parent)?;
        Ok(Self {
            folder,
            output: output.to_owned(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts the folder in its place by one rename.
    pub(crate) fn publish(self) -> Result<(), ToolError> {
        if self.output.exists() {
            fs_err::remove_dir(&self.output)?;
        }
        // A temporary folder is private; a lake is as readable as its neighbours.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs_err::set_permissions(self.folder.path(), std::fs::Permissions::from_mode(0o755))?;
        }
        fs_err::rename(self.folder.keep(), &self.output)?;
        Ok(())
    }
}
