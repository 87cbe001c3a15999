//! Decodes columns of a lake's measurements by the parquet crate alone, and does nothing with them: no job over the
//! same Parquet files takes less. `cargo run --release --example decode -- LAKE [COLUMN..]`
//!
//! Columns are named canonically and found under the names of Oracle's MDM as well; by default those that a key, its
//! newest row and the row's standing need. What a file lacks is left out. Row groups are decoded in parallel, texts
//! as dictionaries where all pages are dictionary-encoded, decimals as the integers that they are stored as.

use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use datalake_deps::lake::Preset;
use fs_err::File;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Encoding, Type as Physical};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use rayon::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Rows of a batch: what fits into the caches.
const BATCH_ROWS: usize = 8_192;

const COLUMNS: [&str; 7] = [
    "measuring_component_id",
    "measured_at",
    "value",
    "condition_code",
    "use_flag",
    "updated_at",
    "version",
];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let lake = PathBuf::from(arguments.next().unwrap_or_else(|| ".".to_owned()));
    let named: Vec<String> = arguments.collect();
    let columns: Vec<&'static str> = COLUMNS
        .into_iter()
        .filter(|column| named.is_empty() || named.iter().any(|name| name == column))
        .collect();

    let start = Instant::now();
    let mut paths = Vec::new();
    collect(&lake.join("measurements"), &mut paths)?;
    let files = paths
        .into_par_iter()
        .map(|path| {
            let file = File::open(&path)?.into_parts().0;
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            Ok((path, ArrowReaderMetadata::load(&file, options)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let groups: Vec<(&Path, &ArrowReaderMetadata, usize)> = files
        .iter()
        .flat_map(|(path, footer)| {
            let groups = 0..footer.metadata().num_row_groups();
            groups.map(move |group| (path.as_path(), footer, group))
        })
        .collect();
    let rows = groups
        .par_iter()
        .map(|&(path, footer, group)| decode(path, footer, group, &columns))
        .try_reduce(|| 0, |left, right| Ok(left + right))?;
    let seconds = start.elapsed().as_secs_f64();
    writeln!(
        std::io::stdout().lock(),
        "{rows} rows of {} columns in {} row groups of {} files, {seconds:.3} s: {:.1} million rows/s",
        columns.len(),
        groups.len(),
        files.len(),
        rows as f64 / seconds / 1e6
    )?;
    Ok(())
}

/// The Parquet files below a folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            files.push(path);
        }
    }
    Ok(())
}

/// Decodes the columns of one row group; returns its number of rows.
fn decode(path: &Path, footer: &ArrowReaderMetadata, group: usize, columns: &[&'static str]) -> Result<u64> {
    let metadata: &Arc<ParquetMetaData> = footer.metadata();
    let chunks = metadata.row_group(group);
    let fields = footer.schema().fields().iter();
    let wanted: Vec<Field> = fields
        .map(|field| {
            let decoded = decoded(field.data_type(), chunk(chunks, field.name()));
            field.as_ref().clone().with_data_type(decoded)
        })
        .collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(wanted)));
    let footer = ArrowReaderMetadata::try_new(Arc::clone(metadata), options)?;
    let names = columns
        .iter()
        .flat_map(|column| [*column, Preset::OracleMdm.source_name("measurements", column)]);
    let mask = ProjectionMask::columns(footer.parquet_schema(), names);
    let file = File::open(path)?.into_parts().0;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer)
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(BATCH_ROWS)
        .build()?;
    let mut rows = 0;
    for batch in reader {
        rows += touch(&batch?);
    }
    Ok(rows)
}

fn chunk<'a>(chunks: &'a RowGroupMetaData, name: &str) -> Option<&'a ColumnChunkMetaData> {
    let of_name = |chunk: &&ColumnChunkMetaData| chunk.column_path().string() == name;
    chunks.columns().iter().find(of_name)
}

/// The type that costs the decoder least.
fn decoded(own: &DataType, chunk: Option<&ColumnChunkMetaData>) -> DataType {
    let physical = chunk.map(ColumnChunkMetaData::column_type);
    match own {
        DataType::Utf8 if chunk.is_some_and(all_dictionary) => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        DataType::Decimal128(precision, scale)
            if *precision <= 18 && matches!(physical, Some(Physical::INT32 | Physical::INT64)) =>
        {
            DataType::Decimal64(*precision, *scale)
        }
        other => other.clone(),
    }
}

/// Whether no data page fell back from the dictionary.
fn all_dictionary(chunk: &ColumnChunkMetaData) -> bool {
    chunk.page_encoding_stats_mask().is_some_and(|mask| {
        mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY)
    })
}

/// Sees to it that the columns are made; they are not looked into.
fn touch(batch: &RecordBatch) -> u64 {
    for column in batch.columns() {
        black_box(column.len());
    }
    batch.num_rows() as u64
}
