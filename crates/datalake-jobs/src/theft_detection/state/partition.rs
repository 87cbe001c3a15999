//! A day's profiles as a file: Parquet whose integers are packed by their differences, readable by anything that reads
//! Parquet.
//!
//! Components stand by their ids, since dense indices change with every meter that is bought. The 24 hours are columns of
//! their own: nested columns cost several times as much to write and read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datalake_transforms::day_grid::DayFacts;
use datalake_transforms::day_profile::{self, HOURS, column, hours_array};
use datalake_transforms::error::TransformError;
use datalake_transforms::registry::Registry;
use fs_err as fs;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::DayEntry;

/// Why the state could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Its folder failed.
    #[error(transparent)]
    Io(std::io::Error),
    /// A table could not be laid out.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// A file could not be encoded.
    #[error("the state in `{}` cannot be written", folder.display())]
    Parquet {
        /// The folder.
        folder: PathBuf,
        /// What the encoder said.
        source: ParquetError,
    },
    /// Profiles that are none: a bug.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// It is not what a run wrote.
    #[error("the state in `{}` is damaged: {why}", folder.display())]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A file that the manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptFile {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// XXH3 of the content: against damage, not against malice, and as fast as the memory.
    pub(super) xxh3: u64,
}

impl KeptFile {
    /// Writes a file under its own name, or not at all.
    pub(super) fn write(folder: &Path, name: String, content: &[u8]) -> Result<Self, StateError> {
        let partial = folder.join(format!("{name}.partial"));
        fs::write(&partial, content).map_err(StateError::Io)?;
        fs::rename(partial, folder.join(&name)).map_err(StateError::Io)?;
        Ok(Self {
            name,
            bytes: content.len() as u64,
            xxh3: twox_hash::XxHash3_64::oneshot(content),
        })
    }

    /// The content, if it is what was written.
    pub(super) fn read(&self, folder: &Path) -> Option<Vec<u8>> {
        // The manifest has a checksum of its own; a name that leads elsewhere is not one of ours all the same.
        if self.name.contains('/') {
            return None;
        }
        let content = fs::read(folder.join(&self.name)).ok()?;
        let sound =
            content.len() as u64 == self.bytes && twox_hash::XxHash3_64::oneshot(&content) == self.xxh3;
        sound.then_some(content)
    }
}

/// `2024-01-31`.
pub(super) fn date(day: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    let date = epoch.checked_add(jiff::Span::new().days(day));
    date.map_or_else(|_| day.to_string(), |date| date.to_string())
}

/// A file of a day: all of its components, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::theft_detection) struct Part {
    pub(super) file: KeptFile,
    pub(super) rows: u64,
    /// What the registry says of its components on the day, see [`DayFacts`].
    pub(super) facts: u64,
}

/// Writes profiles of a day; the batches are sorted by component and have no component in common.
pub(super) fn write(
    folder: &Path,
    day: i32,
    mut batches: Vec<&RecordBatch>,
    registry: &Registry,
    facts: &DayFacts<'_>,
) -> Result<Option<Part>, StateError> {
    batches.retain(|batch| batch.num_rows() > 0);
    if batches.is_empty() {
        return Ok(None);
    }
    batches.sort_by_key(|batch| column::components(batch)[0]);
    let content = encode(&batches, registry).map_err(|error| match error {
        Encode::Parquet(source) => StateError::Parquet {
            folder: folder.to_owned(),
            source,
        },
        Encode::Arrow(error) => error.into(),
    })?;
    // Named after its content: nothing that an old manifest names is ever overwritten by something else.
    let digest = twox_hash::XxHash3_64::oneshot(&content);
    let name = format!("day={}.{digest:016x}.parquet", date(day));
    let of_batch = |batch: &&RecordBatch| facts.of(column::components(batch), day);
    Ok(Some(Part {
        file: KeptFile::write(folder, name, &content)?,
        rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
        facts: batches.iter().map(of_batch).fold(0, u64::wrapping_add),
    }))
}

enum Encode {
    Parquet(ParquetError),
    Arrow(arrow::error::ArrowError),
}

fn encode(batches: &[&RecordBatch], registry: &Registry) -> Result<Vec<u8>, Encode> {
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_compression(Compression::UNCOMPRESSED)
        .set_encoding(Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding("measuring_component_id".into(), Encoding::DELTA_BYTE_ARRAY)
        .set_column_encoding("spread".into(), Encoding::PLAIN)
        .set_column_encoding("has_hours".into(), Encoding::PLAIN)
        .set_column_encoding("shape_hash".into(), Encoding::PLAIN)
        .set_offset_index_disabled(true)
        .build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), SCHEMA.clone(), Some(properties)).map_err(Encode::Parquet)?;
    for batch in batches {
        let flat = flatten(batch, registry).map_err(Encode::Arrow)?;
        writer.write(&flat).map_err(Encode::Parquet)?;
    }
    writer.into_inner().map_err(Encode::Parquet)
}

/// Name of an hour's column.
fn hour_name(hour: usize) -> String {
    format!("kwh_{hour:02}")
}

/// As `day_profile`, but for ids in place of indices, and the hours side by side.
static SCHEMA: std::sync::LazyLock<SchemaRef> = std::sync::LazyLock::new(|| {
    let mut fields = vec![Field::new("measuring_component_id", DataType::Utf8, false)];
    for (position, field) in day_profile::SCHEMA.fields().iter().enumerate() {
        match position {
            column::COMPONENT => {}
            column::HOURLY_KWH => {
                let hour = |hour| Field::new(hour_name(hour), DataType::Int64, true);
                fields.push(Field::new("has_hours", DataType::Boolean, false));
                fields.extend((0..HOURS).map(hour));
            }
            _ => fields.push(field.as_ref().clone()),
        }
    }
    Arc::new(Schema::new(fields))
});

fn flatten(batch: &RecordBatch, registry: &Registry) -> Result<RecordBatch, arrow::error::ArrowError> {
    let ids = column::components(batch)
        .iter()
        .map(|&component| registry.components[component as usize].id.as_str());
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(ids))];
    for (position, array) in batch.columns().iter().enumerate() {
        match position {
            column::COMPONENT => {}
            column::HOURLY_KWH => {
                let rows = batch.num_rows();
                let lists = array.as_fixed_size_list();
                let known = arrow::compute::is_not_null(lists)?;
                let all_null = lists.null_count() == lists.len();
                columns.push(Arc::new(known));
                let items = lists.values().as_primitive::<Int64Type>();
                for hour in 0..HOURS {
                    let item = |row: usize| {
                        let at = lists.value_offset(row) as usize + hour;
                        (lists.is_valid(row) && items.is_valid(at)).then(|| items.value(at))
                    };
                    columns.push(Arc::new(if all_null {
                        Int64Array::new_null(rows)
                    } else {
                        (0..rows).map(item).collect::<Int64Array>()
                    }));
                }
            }
            _ => columns.push(array.clone()),
        }
    }
    RecordBatch::try_new(SCHEMA.clone(), columns)
}

/// The days whose partition is sound and whose components are what they were, with their profiles under this run's dense
/// indices.
pub(super) fn read_all<'e>(
    folder: &Path,
    entries: &[&'e DayEntry],
    registry: &Registry,
    facts: &DayFacts<'_>,
) -> Vec<(&'e DayEntry, Vec<RecordBatch>)> {
    let by_id: HashMap<&str, u32> = (0..)
        .zip(&registry.components)
        .map(|(position, component)| (component.id.as_str(), position))
        .collect();
    let sound = |day: i32, part: &Part| -> Option<RecordBatch> {
        let profiles = read(folder, &part.file, registry, &by_id)?;
        let same = profiles.num_rows() as u64 == part.rows
            && facts.of(column::components(&profiles), day) == part.facts
            && column::days(&profiles).iter().all(|found| *found == day);
        same.then_some(profiles)
    };
    entries
        .par_iter()
        .filter_map(|entry| {
            let parts: Option<Vec<RecordBatch>> =
                entry.parts.iter().map(|part| sound(entry.day, part)).collect();
            if parts.is_none() {
                tracing::info!(
                    "the profiles of {} are made again: they or the registry changed",
                    date(entry.day)
                );
            }
            Some((*entry, parts?))
        })
        .collect()
}

fn read(
    folder: &Path,
    file: &KeptFile,
    registry: &Registry,
    by_id: &HashMap<&str, u32>,
) -> Option<RecordBatch> {
    let content = file.read(folder)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(content)).ok()?;
    let rows = usize::try_from(reader.metadata().file_metadata().num_rows()).ok()?;
    let mut batches = reader.with_batch_size(rows.max(1)).build().ok()?;
    let flat = batches.next()?.ok()?;
    if flat.num_rows() != rows || flat.schema().fields().len() != SCHEMA.fields().len() {
        return None;
    }
    unflatten(&flat, registry, by_id)
}

fn unflatten(flat: &RecordBatch, registry: &Registry, by_id: &HashMap<&str, u32>) -> Option<RecordBatch> {
    let rows = flat.num_rows();
    let ids = flat.column(0).as_string_opt::<i32>()?;
    // Both the rows and the registry are sorted by id: the next one is nearly always the one after the last.
    let mut next = 0_u32;
    let mut components = Vec::with_capacity(rows);
    for id in ids.iter() {
        let id = id?;
        let found = registry
            .components
            .get(next as usize)
            .filter(|component| component.id == id);
        let component = if found.is_some() { next } else { *by_id.get(id)? };
        components.push(component);
        next = component + 1;
    }
    if !components.is_sorted() {
        return None;
    }
    let mut columns: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from(components))];
    let mut position = 1;
    for at in 1..day_profile::SCHEMA.fields().len() {
        if at != column::HOURLY_KWH {
            columns.push(flat.column(position).clone());
            position += 1;
            continue;
        }
        let known: Vec<bool> = flat.column(position).as_boolean_opt()?.values().iter().collect();
        let mut hours = Vec::new();
        if known.contains(&true) {
            hours.resize(rows * HOURS, day_profile::UNKNOWN_HOUR);
            for hour in 0..HOURS {
                let items = flat.column(position + 1 + hour).as_primitive_opt::<Int64Type>()?;
                for (row, kwh) in items.iter().enumerate() {
                    hours[row * HOURS + hour] = kwh.unwrap_or(day_profile::UNKNOWN_HOUR);
                }
            }
        }
        columns.push(hours_array(hours, &known).ok()?);
        position += 1 + HOURS;
    }
    RecordBatch::try_new(day_profile::SCHEMA.clone(), columns).ok()
}
