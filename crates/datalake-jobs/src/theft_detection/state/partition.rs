//! A day's profiles as a file: Arrow, its integers as narrow as they fit.
//!
//! Components stand by their ids, since dense indices change with every meter that is bought. Parquet would take about as
//! much room and ten times the processor: its pages and footers are made for larger files than a day of a town.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, FixedSizeListArray, RecordBatch, StringArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use datalake_deps::store;
use datalake_transforms::day_grid::DayFacts;
use datalake_transforms::day_profile::{self, HOURS, column};
use datalake_transforms::error::TransformError;
use datalake_transforms::registry::Registry;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{DayEntry, narrow};

/// The column of ids.
const ID: &str = "measuring_component_id";

/// Why the state could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Its folder failed.
    #[error(transparent)]
    Io(std::io::Error),
    /// A table could not be laid out.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
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
        store::keep(&folder.join(&name), content).map_err(StateError::Io)?;
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
        let content = store::read(&folder.join(&self.name)).ok()?;
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
    let content = encode(&batches, registry)?;
    // Named after its content: nothing that an old manifest names is ever overwritten by something else.
    let digest = twox_hash::XxHash3_64::oneshot(&content);
    let name = format!("day={}.{digest:016x}.arrow", date(day));
    let of_batch = |batch: &&RecordBatch| facts.of(column::components(batch), day);
    Ok(Some(Part {
        file: KeptFile::write(folder, name, &content)?,
        rows: batches.iter().map(|batch| batch.num_rows() as u64).sum(),
        facts: batches.iter().map(of_batch).fold(0, u64::wrapping_add),
    }))
}

/// As `day_profile`, but for ids in place of indices, and integers as narrow as they fit: a column's metadata say by which
/// `base` and `step` a stored number stands for `base + step * number`.
fn encode(batches: &[&RecordBatch], registry: &Registry) -> Result<Vec<u8>, StateError> {
    let whole;
    let batch = if let [batch] = batches {
        *batch
    } else {
        whole = arrow::compute::concat_batches(&day_profile::SCHEMA, batches.iter().copied())?;
        &whole
    };
    let ids = column::components(batch)
        .iter()
        .map(|&component| registry.components[component as usize].id.as_str());
    let mut fields = vec![Field::new(ID, DataType::Utf8, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(ids))];
    for (position, field) in day_profile::SCHEMA.fields().iter().enumerate() {
        let array = batch.column(position);
        let (field, array) = match position {
            // The ids, and the file's own day.
            column::COMPONENT | column::DAY => continue,
            column::HOURLY_WH => {
                let lists = array.as_fixed_size_list();
                let items = lists.values();
                let (item, items) = narrow::narrow("item", items);
                let lists = FixedSizeListArray::try_new(
                    Arc::new(item.clone()),
                    HOURS as i32,
                    items,
                    lists.nulls().cloned(),
                )?;
                let kind = lists.data_type().clone();
                // Metadata of an item are not kept everywhere: they stand at the list.
                let metadata = item.metadata().clone();
                let field = Field::new(field.name(), kind, true).with_metadata(metadata);
                (field, Arc::new(lists) as ArrayRef)
            }
            _ => narrow::narrow(field.name(), array),
        };
        fields.push(field);
        columns.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let mut content = Vec::new();
    let mut writer = FileWriter::try_new(&mut content, &schema)?;
    writer.write(&RecordBatch::try_new(schema.clone(), columns)?)?;
    writer.finish()?;
    drop(writer);
    Ok(content)
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
        let profiles = read(folder, day, &part.file, registry, &by_id)?;
        let same = profiles.num_rows() as u64 == part.rows
            && facts.of(column::components(&profiles), day) == part.facts;
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
    day: i32,
    file: &KeptFile,
    registry: &Registry,
    by_id: &HashMap<&str, u32>,
) -> Option<RecordBatch> {
    let mut reader = FileReader::try_new(Cursor::new(file.read(folder)?), None).ok()?;
    let batch = reader.next()?.ok()?;
    let rows = batch.num_rows();
    let stored = batch.schema();
    let ids = batch.column(0).as_string_opt::<i32>()?;
    // Both the rows and the registry are sorted by id: the next one is nearly always the one after the last.
    let mut next = 0_u32;
    let mut components = Vec::with_capacity(rows);
    for id in ids {
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
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from(components)),
        Arc::new(Date32Array::from_value(day, rows)),
    ];
    for (position, field) in day_profile::SCHEMA.fields().iter().enumerate().skip(2) {
        let array = batch.column_by_name(field.name())?;
        let metadata = stored.field_with_name(field.name()).ok()?.metadata();
        columns.push(if position == column::HOURLY_WH {
            let lists = array.as_fixed_size_list_opt()?;
            let DataType::FixedSizeList(item, size) = field.data_type() else {
                return None;
            };
            let items = narrow::widen(lists.values(), item.data_type(), metadata)?;
            let lists = FixedSizeListArray::try_new(item.clone(), *size, items, narrow::owned_nulls(lists));
            Arc::new(lists.ok()?)
        } else {
            narrow::widen(array, field.data_type(), metadata)?
        });
    }
    RecordBatch::try_new(day_profile::SCHEMA.clone(), columns).ok()
}
