//! Parquet files: the footer once, then row groups as batches.
//!
//! Only the needed columns are known to the decoder: the footer is cut down to them, so that columns nobody asked for
//! cost neither memory nor trouble. Text is asked for as dictionaries of bytes, which come straight from the file's
//! dictionary pages; whether the bytes are UTF-8 is looked at once an entry, and a bad one costs its rows only.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataBuilder, ParquetMetaDataReader,
    RowGroupMetaData,
};
use parquet::file::statistics::Statistics;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use super::batch::{RowNumbers, SourceBatch};
use super::columns::{Source, TablePlan};
use super::convert::ColumnConverter;
use super::discover::DataFile;
use super::error::LakeError;
use super::reject::BadRows;
use super::source::Source as FileSource;
use super::text_batch::constant;

/// A file whose footer has been read.
#[derive(Debug)]
pub(crate) struct ParquetFile {
    metadata: ArrowReaderMetadata,
    /// For each planned column, its position among the decoded ones.
    sources: Vec<Source>,
    pub(crate) row_groups: Vec<RowGroup>,
}

/// What is known of a row group before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowGroup {
    /// Number of its first row in the file, from 1.
    pub(crate) first_row: u64,
    pub(crate) rows: u64,
    /// Compressed bytes of the planned columns.
    pub(crate) bytes: u64,
    /// The decoded columns that hold anything, ascending: what the statistics call all null is not read.
    held: Vec<usize>,
}

impl ParquetFile {
    /// Reads a file's footer.
    pub(crate) fn open(plan: &TablePlan, file: &DataFile) -> Result<Self, LakeError> {
        Self::open_with(plan, file, None)
    }

    /// The same, where the last bytes of an object were fetched already.
    pub(crate) fn open_with(
        plan: &TablePlan,
        file: &DataFile,
        tail: Option<Bytes>,
    ) -> Result<Self, LakeError> {
        let handle = FileSource::footer(file, tail)?;
        let (footer, types) = guarded(&file.path, || {
            let footer = Arc::new(ParquetMetaDataReader::new().parse_and_finish(&handle)?);
            // Types that only the writer's own schema tells, such as seconds or zones; without it the file's do.
            let types = ArrowReaderMetadata::try_new(footer.clone(), ArrowReaderOptions::new());
            Ok((footer, types.ok().map(|metadata| metadata.schema().clone())))
        })?;
        let root = footer.file_metadata().schema().get_fields();
        let names: Vec<&str> = root.iter().map(|field| field.name()).collect();
        let mut sources = plan.resolve(file, &names)?;
        // The decoder yields the needed columns in the file's order, each of them once.
        let mut needed: Vec<usize> = sources
            .iter()
            .filter_map(|source| {
                if let Source::Field(at) = source {
                    Some(*at)
                } else {
                    None
                }
            })
            .collect();
        needed.sort_unstable();
        needed.dedup();
        for (column, source) in sources.iter_mut().enumerate() {
            if let Source::Field(at) = source {
                if !root[*at].is_primitive() || repeated(&root[*at]) {
                    return Err(LakeError::ColumnType {
                        file: file.path.clone(),
                        column: plan.columns[column].source_name.clone(),
                        found: "nested".to_owned(),
                        expected: "one value a row",
                    });
                }
                *at = needed.binary_search(at).unwrap_or_default();
            }
        }
        let metadata = guarded(&file.path, || reduce(&footer, &needed, types.as_deref()))?;
        let mut first_row = 1;
        let mut row_groups = Vec::with_capacity(footer.num_row_groups());
        for group in metadata.metadata().row_groups() {
            let rows = u64::try_from(group.num_rows())
                .map_err(|error| LakeError::corrupt(&file.path, "Parquet", error))?;
            let bytes = group
                .columns()
                .iter()
                .map(|chunk| chunk.compressed_size().max(0) as u64)
                .sum();
            row_groups.push(RowGroup {
                first_row,
                rows,
                bytes,
                held: held_columns(group),
            });
            first_row += rows;
        }
        Ok(Self {
            metadata,
            sources,
            row_groups,
        })
    }

    /// Rows of the file.
    pub(crate) fn rows(&self) -> u64 {
        self.row_groups.iter().map(|group| group.rows).sum()
    }

    /// Least and greatest canonical value (microseconds) of a timestamp column by row group, where statistics tell.
    pub(crate) fn time_ranges(&self, plan: &TablePlan, column: usize) -> Vec<Option<(i64, i64)>> {
        let unknown = vec![None; self.row_groups.len()];
        let Source::Field(at) = &self.sources[column] else {
            return unknown;
        };
        let schema = self.metadata.schema();
        let field = schema.field(*at);
        let is_time = matches!(
            field.data_type(),
            DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64
        );
        let physical = self.metadata.parquet_schema().column(*at).physical_type();
        // INT96 has no order that statistics could follow.
        if !is_time || physical == PhysicalType::INT96 {
            return unknown;
        }
        let bounds = || -> Option<(ArrayRef, ArrayRef)> {
            let converter =
                StatisticsConverter::try_new(field.name(), schema, self.metadata.parquet_schema()).ok()?;
            let groups = self.metadata.metadata().row_groups();
            Some((
                converter.row_group_mins(groups).ok()?,
                converter.row_group_maxes(groups).ok()?,
            ))
        };
        let Ok(Some((least, greatest))) = catch_unwind(AssertUnwindSafe(bounds)) else {
            return unknown;
        };
        let canonical = |array: &ArrayRef| -> Option<Int64Array> {
            let mut bad = BadRows::default();
            let mut converter = ColumnConverter::new(plan, column, plan.columns[column].spec);
            let converted = converter.convert(Some(array), array.len(), plan, &mut bad).ok()?;
            let micros = arrow::compute::cast(&converted, &DataType::Int64).ok()?;
            let rows = micros.as_primitive::<Int64Type>().iter().enumerate();
            Some(
                rows.map(|(row, value)| value.filter(|_| !bad.contains(row)))
                    .collect(),
            )
        };
        match (canonical(&least), canonical(&greatest)) {
            (Some(least), Some(greatest)) => {
                // Where summer time ends, a later time without a zone may be an earlier instant, by a day at most.
                let zoned = matches!(field.data_type(), DataType::Timestamp(_, Some(_)));
                let shift = if zoned {
                    plan.clock.instant_shift()
                } else {
                    plan.clock.naive_shift()
                };
                let slack = if shift.is_some() { 0 } else { 86_400 * 1_000_000 };
                let ranges = least.iter().zip(&greatest);
                ranges
                    .map(|(least, greatest)| Some((least? - slack, greatest? + slack)))
                    .collect()
            }
            _ => unknown,
        }
    }

    /// Bounds of a text column by row group, where statistics tell; values may be padded with blanks.
    ///
    /// A writer may cut long bounds short, which makes them wider and never narrower.
    pub(crate) fn text_ranges(&self, column: usize) -> Vec<Option<(String, String)>> {
        let Source::Field(at) = &self.sources[column] else {
            return vec![None; self.row_groups.len()];
        };
        let bounds = |group: &RowGroupMetaData| {
            let Some(Statistics::ByteArray(bounds)) = group.column(*at).statistics() else {
                return None;
            };
            let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
            Some((text(bounds.min_opt()?.data())?, text(bounds.max_opt()?.data())?))
        };
        let groups = self.metadata.metadata().row_groups();
        groups.iter().map(bounds).collect()
    }

    /// Reads a row group, batch after batch.
    pub(crate) fn read<E: From<LakeError>>(
        &self,
        plan: &TablePlan,
        file: &DataFile,
        row_group: usize,
        mut visit: impl FnMut(SourceBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let group = &self.row_groups[row_group];
        let chunks = self.metadata.metadata().row_group(row_group);
        let ranges = group.held.iter().map(|column| {
            let (start, length) = chunks.column(*column).byte_range();
            start..start.saturating_add(length)
        });
        let handle = FileSource::ranges(file, ranges)?;
        let mut reader = guarded(&file.path, || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(handle, self.metadata.clone())
                .with_row_groups(vec![row_group])
                .with_projection(ProjectionMask::leaves(
                    self.metadata.parquet_schema(),
                    group.held.iter().copied(),
                ))
                .with_batch_size(plan.batch_rows)
                .build()
        })?;
        let mut done = 0;
        while let Some(batch) = guarded(&file.path, || {
            reader.next().transpose().map_err(ParquetError::from)
        })? {
            let first = group.first_row + done;
            done += batch.num_rows() as u64;
            visit(self.source_batch(&batch, first, &group.held))?;
        }
        if done != group.rows {
            let problem = format!(
                "row group {row_group} should have {} rows and has {done}",
                group.rows
            );
            return Err(LakeError::corrupt(&file.path, "Parquet", problem).into());
        }
        Ok(())
    }

    fn source_batch(&self, batch: &RecordBatch, first_row: u64, held: &[usize]) -> SourceBatch {
        let columns = self.sources.iter().map(|source| match source {
            Source::Field(at) => Some(batch.column(held.binary_search(at).ok()?).clone()),
            Source::Partition(value) => Some(constant(value.as_deref(), batch.num_rows())),
            Source::Absent => None,
        });
        SourceBatch {
            len: batch.num_rows(),
            columns: columns.collect(),
            rows: RowNumbers::From(first_row),
            lines: None,
            malformed: Vec::new(),
        }
    }
}

/// The columns of a row group that are not all null. One column at least is kept, so that rows can be counted.
fn held_columns(group: &RowGroupMetaData) -> Vec<usize> {
    let is_held = |column: &ColumnChunkMetaData| {
        let nulls = column.statistics().and_then(Statistics::null_count_opt);
        nulls.is_none_or(|nulls| i64::try_from(nulls) != Ok(group.num_rows()))
    };
    let mut held: Vec<usize> = (0..group.num_columns())
        .filter(|&column| is_held(group.column(column)))
        .collect();
    if held.is_empty() && group.num_columns() > 0 {
        held.push(0);
    }
    held
}

/// Every row of a file, in the file's own types.
pub(crate) fn read_whole(path: &Path) -> Result<Vec<RecordBatch>, LakeError> {
    let handle = fs_err::File::open(path).map_err(LakeError::Read)?.into_file();
    guarded(path, || {
        let reader = ParquetRecordBatchReaderBuilder::try_new(handle)?.build()?;
        reader.map(|batch| batch.map_err(ParquetError::from)).collect()
    })
}

/// Runs a piece of the decoder, with its errors and panics as errors about the file.
///
/// Bytes of a damaged file can trip assertions and index checks inside the decoder. Nothing that the closure touched is
/// used again after a panic, so no half-changed state can be seen.
fn guarded<T>(file: &Path, decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, LakeError> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(ParquetError::External(error))) => Err(match error.downcast::<std::io::Error>() {
            // The disk is at fault, not the file.
            Ok(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
                let text = format!("{}: {error}", file.display());
                LakeError::Read(std::io::Error::new(error.kind(), text))
            }
            Ok(error) => LakeError::corrupt(file, "Parquet", error),
            Err(error) => LakeError::corrupt(file, "Parquet", error),
        }),
        Ok(Err(error)) => Err(LakeError::corrupt(file, "Parquet", error)),
        Err(panic) => Err(LakeError::corrupt(file, "Parquet", panic_text(&*panic))),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    format!("the decoder gave up: {text}")
}

fn repeated(field: &Type) -> bool {
    field.get_basic_info().has_repetition()
        && field.get_basic_info().repetition() == parquet::basic::Repetition::REPEATED
}

/// A footer that knows the columns at `needed` only, to be decoded into the types that conversions start from.
fn reduce(
    footer: &ParquetMetaData,
    needed: &[usize],
    types: Option<&Schema>,
) -> Result<ArrowReaderMetadata, ParquetError> {
    let file = footer.file_metadata();
    let root = file.schema();
    // A top-level primitive field is one leaf; the fields before it may be many.
    let descriptor = file.schema_descr();
    let leaf = |field: usize| {
        (0..descriptor.num_columns()).find(|leaf| descriptor.get_column_root_idx(*leaf) == field)
    };
    let leaves = needed
        .iter()
        .map(|field| leaf(*field).ok_or_else(|| ParquetError::General("a column has no data".to_owned())))
        .collect::<Result<Vec<_>, _>>()?;
    let fields = needed
        .iter()
        .map(|at| plain_field(&root.get_fields()[*at]))
        .collect::<Result<Vec<_>, _>>()?;
    let group = Type::group_type_builder(root.name())
        .with_fields(fields.clone())
        .build()?;
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(group)));
    let rows = footer.row_groups().iter().map(|group| {
        if group.num_columns() != descriptor.num_columns() {
            return Err(ParquetError::General("a row group lacks columns".to_owned()));
        }
        let chunks = leaves.iter().map(|leaf| group.column(*leaf).clone()).collect();
        RowGroupMetaData::builder(schema.clone())
            .set_num_rows(group.num_rows())
            .set_total_byte_size(group.total_byte_size())
            .set_column_metadata(chunks)
            .build()
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let reduced = FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(str::to_owned),
        None,
        schema,
        None,
    );
    let metadata = Arc::new(ParquetMetaDataBuilder::new(reduced).set_row_groups(rows).build());
    let own = ArrowReaderMetadata::try_new(
        metadata.clone(),
        ArrowReaderOptions::new().with_skip_arrow_metadata(true),
    )?;
    let wanted: Vec<Field> = own
        .schema()
        .fields()
        .iter()
        .zip(&fields)
        .zip(needed)
        .map(|((field, parquet), at)| {
            let told = types.map(|types| types.field(*at).data_type());
            let decoded = decoded_type(parquet, field.data_type(), told);
            field.as_ref().clone().with_data_type(decoded)
        })
        .collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(wanted)));
    match ArrowReaderMetadata::try_new(metadata, options) {
        Ok(metadata) => Ok(metadata),
        // What the writer's schema tells does not fit the data: go by the data alone.
        Err(_) if types.is_some() => reduce(footer, needed, None),
        Err(error) => Err(error),
    }
}

/// A field without the mark that it is text: the decoder would refuse a whole page for one bad byte.
fn plain_field(field: &TypePtr) -> Result<TypePtr, ParquetError> {
    let info = field.get_basic_info();
    let is_decimal = matches!(info.logical_type_ref(), Some(LogicalType::Decimal(_)))
        || info.converted_type() == parquet::basic::ConvertedType::DECIMAL;
    if field.get_physical_type() != PhysicalType::BYTE_ARRAY || is_decimal {
        return Ok(field.clone());
    }
    let plain = Type::primitive_type_builder(field.name(), PhysicalType::BYTE_ARRAY)
        .with_repetition(info.repetition())
        .build()?;
    Ok(Arc::new(plain))
}

/// The type to decode a column into: `own` is what the file's schema gives, `told` what the writer's Arrow schema adds.
fn decoded_type(field: &Type, own: &DataType, told: Option<&DataType>) -> DataType {
    let told = match told {
        Some(DataType::Dictionary(_, value)) => Some(value.as_ref()),
        other => other,
    };
    let zone = match told {
        Some(DataType::Timestamp(_, zone)) => zone.clone(),
        _ => None,
    };
    match (field.get_physical_type(), own) {
        (PhysicalType::BYTE_ARRAY, DataType::Binary) => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Binary))
        }
        // Nanoseconds in 64 bits end in 2262, and INT96 does not.
        (PhysicalType::INT96, _) => DataType::Timestamp(TimeUnit::Microsecond, zone),
        // Eighteen digits are 64 bits: half the work of 128.
        (PhysicalType::INT32 | PhysicalType::INT64, DataType::Decimal128(precision, scale))
            if *precision <= 18 =>
        {
            DataType::Decimal64(*precision, *scale)
        }
        (PhysicalType::FIXED_LEN_BYTE_ARRAY, DataType::Decimal128(precision, scale))
            if *precision <= 18 && fits_64_bits(field) =>
        {
            DataType::Decimal64(*precision, *scale)
        }
        (PhysicalType::INT32 | PhysicalType::INT64, _) => match told {
            // Units that Parquet has no name for.
            Some(DataType::Timestamp(TimeUnit::Second, _) | DataType::Date64)
                if !matches!(own, DataType::Timestamp(_, _)) =>
            {
                told.cloned().unwrap_or_else(|| own.clone())
            }
            _ => own.clone(),
        },
        _ => own.clone(),
    }
}

fn fits_64_bits(field: &Type) -> bool {
    matches!(field, Type::PrimitiveType { type_length, .. } if (1..=8).contains(type_length))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::diagnostic::render;

    #[test]
    fn a_disk_that_fails_is_no_fault_of_the_file() {
        let failing = |kind: std::io::ErrorKind| {
            let error = ParquetError::External(Box::new(std::io::Error::from(kind)));
            guarded(Path::new("a.parquet"), || -> Result<(), ParquetError> {
                Err(error)
            })
            .unwrap_err()
        };
        let disk = failing(std::io::ErrorKind::StorageFull);
        assert!(
            matches!(&disk, LakeError::Read(error) if error.to_string().starts_with("a.parquet: ")),
            "{disk:?}"
        );
        assert!(matches!(
            failing(std::io::ErrorKind::UnexpectedEof),
            LakeError::Corrupt { .. }
        ));
    }

    #[test]
    fn a_panic_of_the_decoder_is_an_error_about_the_file() {
        let error = guarded(Path::new("a.parquet"), || -> Result<(), ParquetError> {
            panic!("index {} out of range", 7)
        });
        insta::assert_snapshot!(render(&error.unwrap_err()), @r"
        error: `a.parquet` cannot be read as Parquet
        Caused by: the decoder gave up: index 7 out of range
        hint: the file may be cut off or still being written; deliver it again, or move it out of the table
        ");
    }
}
