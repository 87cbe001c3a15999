//! The measurements: planned from footers alone, then streamed piece by piece.

use arrow::array::AsArray;
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use bytes::Bytes;

use super::batch::{Canonicalizer, SourceBatch, TableBatch};
use super::clock::SECOND;
use super::columns::TablePlan;
use super::config::FileFormat;
use super::csv_file::CsvFile;
use super::discover::DataFile;
use super::error::LakeError;
use super::parquet_file::ParquetFile;
use super::source::with_tails;
use super::table::{BATCH_ROWS, read_text};
use super::text_stream::TextStream;

/// What a scan of the measurements yields.
#[derive(Debug, Clone)]
pub struct ScanOptions<'a> {
    /// Canonical names of the optional columns wanted, besides `measuring_component_id`, `measured_at` and `value`.
    pub columns: &'a [&'a str],
    /// Rows of a batch at most.
    pub batch_rows: usize,
}

impl Default for ScanOptions<'_> {
    /// What newest-wins needs: condition code, use flag, update time and version.
    fn default() -> Self {
        Self {
            columns: &["condition_code", "use_flag", "updated_at", "version"],
            batch_rows: BATCH_ROWS,
        }
    }
}

/// One unit of reading: a Parquet row group, or a whole text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Position in [`MeasurementScan::files`].
    pub file: usize,
    /// The row group; `None`: the whole file.
    pub row_group: Option<usize>,
    /// Rows, where they are known before reading.
    pub rows: Option<u64>,
    /// Compressed bytes of the wanted columns; the file's size for text.
    pub bytes: u64,
    /// Least and greatest `measured_at`, both included, in seconds on the measurement clock; `None` where no
    /// statistics tell. Reading fails where a row lies outside.
    pub range: Option<(i64, i64)>,
    /// Bounds of `measuring_component_id` as it stands in the file, by bytes; `None` where no statistics tell. They are
    /// the writer's word: whoever leaves pieces out because of them must see to it that no row is missed.
    pub ids: Option<(String, String)>,
}

/// Canonical measurements of one piece: `measuring_component_id` (dictionary, not trimmed), `measured_at`, `value_micro`
/// and the wanted columns, in the data model's order. A wanted column that the file lacks is null.
pub type MeasurementBatch = TableBatch;

/// A plan to read the measurements.
#[derive(Debug)]
pub struct MeasurementScan {
    plan: TablePlan,
    files: Vec<DataFile>,
    /// The footer of each file, where it is Parquet.
    footers: Vec<Option<ParquetFile>>,
    pieces: Vec<Piece>,
    /// Position of `measured_at` among the planned columns.
    measured_at: usize,
}

impl MeasurementScan {
    pub(crate) fn plan(plan: TablePlan, files: Vec<DataFile>) -> Result<Self, LakeError> {
        let opened: Vec<(Option<ParquetFile>, bool)> =
            with_tails(&files, |file, tail| open(&plan, file, tail))?;
        if !opened.iter().any(|(_, has_rows)| *has_rows)
            && let Some(first) = files.first()
        {
            return Err(LakeError::TableEmpty {
                table: plan.spec.name,
                files: files.len(),
                first: first.path.clone(),
            });
        }
        let position = |name: &str| {
            let position = plan.columns.iter().position(|column| column.spec.name == name);
            position.unwrap_or_default()
        };
        let measured_at = position("measured_at");
        let id = position("measuring_component_id");
        let mut pieces = Vec::new();
        for (at, (file, (footer, has_rows))) in files.iter().zip(&opened).enumerate() {
            match footer {
                Some(footer) => {
                    let ranges = footer.time_ranges(&plan, measured_at);
                    let ids = footer.text_ranges(id);
                    let groups = footer
                        .row_groups
                        .iter()
                        .zip(ranges.into_iter().zip(ids))
                        .enumerate();
                    pieces.extend(groups.filter(|(_, (group, _))| group.rows > 0).map(
                        |(row_group, (group, (range, ids)))| Piece {
                            file: at,
                            row_group: Some(row_group),
                            rows: Some(group.rows),
                            bytes: group.bytes,
                            range: range.map(|(least, greatest)| {
                                (least.div_euclid(SECOND), greatest.div_euclid(SECOND))
                            }),
                            ids,
                        },
                    ));
                }
                None if *has_rows => pieces.push(Piece {
                    file: at,
                    row_group: None,
                    rows: None,
                    bytes: file.bytes,
                    range: None,
                    ids: None,
                }),
                None => {}
            }
        }
        Ok(Self {
            plan,
            footers: opened.into_iter().map(|(footer, _)| footer).collect(),
            files,
            pieces,
            measured_at,
        })
    }

    /// The files, by path.
    #[must_use]
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// The pieces, by file and row group; those without rows are left out.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Schema of every batch.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.plan.schema
    }

    /// Reads a piece, batch after batch in row order, and stops at the first error.
    pub fn read<E: From<LakeError>>(
        &self,
        piece: &Piece,
        mut visit: impl FnMut(MeasurementBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let file = &self.files[piece.file];
        let mut canonicalizer = Canonicalizer::new(&self.plan, file.relative.clone());
        let convert = |source: SourceBatch| -> Result<(), E> {
            let batch = canonicalizer.convert(source, &file.path)?;
            if let Some(range) = piece.range {
                self.check_range(&batch, range, file)?;
            }
            visit(batch)
        };
        match (&self.footers[piece.file], piece.row_group) {
            (Some(footer), Some(row_group)) => footer.read(&self.plan, file, row_group, convert),
            _ => read_text(&self.plan, file, convert),
        }
    }

    /// Days are chosen by the statistics, so a row that they exclude would be lost without a trace.
    fn check_range(&self, batch: &TableBatch, range: (i64, i64), file: &DataFile) -> Result<(), LakeError> {
        let (first, last) = range;
        let times = batch
            .batch
            .column(self.measured_at)
            .as_primitive::<TimestampMicrosecondType>()
            .values();
        // Keys are never null here: rows without one are rejected.
        let (least, greatest) = times
            .iter()
            .fold((i64::MAX, i64::MIN), |(least, greatest), micros| {
                (least.min(*micros), greatest.max(*micros))
            });
        if times.is_empty() {
            return Ok(());
        }
        let (least, greatest) = (least.div_euclid(SECOND), greatest.div_euclid(SECOND));
        match if least < first {
            Some(least)
        } else {
            (greatest > last).then_some(greatest)
        } {
            None => Ok(()),
            Some(found) => Err(LakeError::Statistics {
                file: file.path.clone(),
                first,
                last,
                found,
            }),
        }
    }
}

/// A file's footer or header, and whether there are rows after it.
fn open(
    plan: &TablePlan,
    file: &DataFile,
    tail: Option<Bytes>,
) -> Result<(Option<ParquetFile>, bool), LakeError> {
    match file.format {
        FileFormat::Parquet => {
            let footer = ParquetFile::open_with(plan, file, tail)?;
            let has_rows = footer.rows() > 0;
            Ok((Some(footer), has_rows))
        }
        FileFormat::Csv => match CsvFile::open(plan, file)? {
            Some(mut csv) => Ok((None, csv.has_rows()?)),
            None => Ok((None, false)),
        },
        FileFormat::Json => {
            let stream = TextStream::open(file, encoding_rs::UTF_8)?;
            let has_rows = stream
                .has_text()
                .map_err(|error| super::csv_file::unreadable(file, error))?;
            Ok((None, has_rows))
        }
    }
}
