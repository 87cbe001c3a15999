//! The rows of pieces that are in no day profile: those kept aside, and those of registers. One file of each for all
//! pieces, in the order of the pieces.

use std::collections::{BTreeSet, HashMap};
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{SchemaRef, UInt64Type};
use arrow::ipc::CompressionType;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use datalake_transforms::registry::Registry;
use datalake_transforms::resolve::{RegisterRow, register_rows_from_batch, register_rows_to_batch};

use super::partition::{KeptFile, StateError};
use super::{Manifest, PieceOutcome};
use crate::theft_detection::rejected::{self, RejectedRow};

/// What [`write`] wrote.
pub(super) struct Written {
    pub(super) rejected: Option<KeptFile>,
    pub(super) register_rows: Option<KeptFile>,
    /// Ids that the register rows' component numbers point into.
    pub(super) register_ids: Vec<String>,
}

pub(super) fn write(
    folder: &Path,
    outcomes: &[PieceOutcome],
    registry: &Registry,
) -> Result<Written, StateError> {
    let rejected: Vec<RejectedRow> = outcomes
        .iter()
        .flat_map(|outcome| outcome.rejected.iter().cloned())
        .collect();
    let rejected = if rejected.is_empty() {
        None
    } else {
        Some(keep(folder, "rejected", &rejected::to_batch(&rejected)?)?)
    };
    let rows = || outcomes.iter().flat_map(|outcome| &outcome.register_rows);
    let numbers: BTreeSet<u32> = rows().map(|row| row.component).collect();
    let number_of: HashMap<u32, u32> = (0..)
        .zip(&numbers)
        .map(|(number, component)| (*component, number))
        .collect();
    let renumbered: Vec<RegisterRow> = rows()
        .map(|row| RegisterRow {
            component: number_of[&row.component],
            ..*row
        })
        .collect();
    let register_rows = if renumbered.is_empty() {
        None
    } else {
        Some(keep(folder, "registers", &register_rows_to_batch(&renumbered)?)?)
    };
    let id = |component: &u32| registry.components[*component as usize].id.clone();
    Ok(Written {
        rejected,
        register_rows,
        register_ids: numbers.iter().map(id).collect(),
    })
}

/// Named after its content: a run that is killed has overwritten nothing that the old manifest names.
fn keep(folder: &Path, what: &str, batch: &RecordBatch) -> Result<KeptFile, StateError> {
    let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let mut content = Vec::new();
    let mut writer = FileWriter::try_new_with_options(&mut content, &batch.schema(), options)?;
    writer.write(batch)?;
    writer.finish()?;
    drop(writer);
    let name = format!("{what}.{:016x}.arrow", twox_hash::XxHash3_64::oneshot(&content));
    KeptFile::write(folder, name, &content)
}

/// Kept rows, cut by piece.
pub(super) struct Kept {
    rejected: Vec<Vec<RejectedRow>>,
    register_rows: Vec<Vec<RegisterRow>>,
}

impl Kept {
    /// Reads both files; `None` where one is not what the manifest says.
    pub(super) fn read(folder: &Path, manifest: &Manifest, registry: &Registry) -> Option<Self> {
        let mut rejected = rejected_rows(folder, manifest.rejected.as_ref())?.into_iter();
        let mut register_rows = register_rows(folder, manifest, registry)?.into_iter();
        let pieces = &manifest.pieces;
        let cut = Self {
            rejected: pieces
                .iter()
                .map(|piece| rejected.by_ref().take(piece.rejected as usize).collect())
                .collect(),
            register_rows: pieces
                .iter()
                .map(|piece| {
                    register_rows
                        .by_ref()
                        .take(piece.register_rows as usize)
                        .flatten()
                        .collect()
                })
                .collect(),
        };
        let whole = rejected.next().is_none() && register_rows.next().is_none();
        whole.then_some(cut)
    }

    /// The rows of a piece of the manifest.
    pub(super) fn take(&mut self, piece: usize) -> (Vec<RejectedRow>, Vec<RegisterRow>) {
        (
            std::mem::take(&mut self.rejected[piece]),
            std::mem::take(&mut self.register_rows[piece]),
        )
    }
}

fn batch(folder: &Path, file: &KeptFile) -> Option<RecordBatch> {
    let mut reader = FileReader::try_new(Cursor::new(file.read(folder)?), None).ok()?;
    reader.next()?.ok()
}

fn rejected_rows(folder: &Path, file: Option<&KeptFile>) -> Option<Vec<RejectedRow>> {
    let Some(file) = file else { return Some(Vec::new()) };
    let batch = batch(folder, file)?;
    let expected: SchemaRef = rejected::schema();
    if batch.schema() != expected {
        return None;
    }
    let text = |column: usize| batch.column(column).as_string_opt::<i32>();
    let (table, source, reason) = (text(0)?, text(1)?, text(3)?);
    let (column, value) = (text(4)?, text(5)?);
    let number = batch.column(2).as_primitive_opt::<UInt64Type>()?;
    let given = |array: &arrow::array::StringArray, row: usize| {
        array.is_valid(row).then(|| array.value(row).to_owned())
    };
    let mut files: HashMap<&str, Arc<str>> = HashMap::new();
    let rows = (0..batch.num_rows()).map(|row| RejectedRow {
        table: code(table.value(row)),
        source_file: files
            .entry(source.value(row))
            .or_insert_with_key(|path| Arc::from(*path))
            .clone(),
        row_number: number.value(row),
        reason: code(reason.value(row)),
        column: given(column, row).map(|column| code(&column)),
        value: given(value, row),
    });
    Some(rows.collect())
}

/// Register rows under this run's dense indices; `None` for the rows of a component that is gone.
fn register_rows(
    folder: &Path,
    manifest: &Manifest,
    registry: &Registry,
) -> Option<Vec<Option<RegisterRow>>> {
    let Some(file) = &manifest.register_rows else {
        return Some(Vec::new());
    };
    let mut rows = Vec::new();
    register_rows_from_batch(&batch(folder, file)?, &mut rows).ok()?;
    let components: Vec<Option<u32>> = manifest
        .register_ids
        .iter()
        .map(|id| {
            let found = registry
                .components
                .binary_search_by(|component| component.id.as_str().cmp(id));
            found.ok().map(|position| position as u32)
        })
        .collect();
    rows.into_iter()
        .map(|row| {
            let component = *components.get(row.component as usize)?;
            Some(component.map(|component| RegisterRow { component, ..row }))
        })
        .collect()
}

/// A code as the static text that codes are: there are few of them, and each is kept once.
pub(super) fn code(text: &str) -> &'static str {
    static CODES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut codes = CODES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(known) = codes.get(text) {
        return known;
    }
    let leaked: &'static str = Box::leak(text.to_owned().into_boxed_str());
    codes.insert(leaked);
    leaked
}
