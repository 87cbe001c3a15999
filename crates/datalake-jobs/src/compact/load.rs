//! What is published beside the measurements.

use std::collections::BTreeMap;

use datalake_deps::lake::{Lake, WriteOptions, write_table};
use datalake_deps::publish::Staging;

use super::error::CompactError;
use super::extract::{InputFile, inner_path};
use crate::theft_detection::rejected::{self, RejectedRow};

/// Name of the table of rows that could not be kept.
pub(super) const REJECTED_ROWS: &str = "rejected_rows";

/// Stages the rows that were kept aside.
pub(super) fn rejected_rows(staging: &Staging<'_>, rows: &mut [RejectedRow]) -> Result<(), CompactError> {
    rows.sort_unstable();
    let batch = rejected::to_batch(rows)?;
    let path = staging.table_path(REJECTED_ROWS)?;
    write_table(&path, &batch.schema(), [&batch], &WriteOptions::default())?;
    Ok(())
}

/// Stages copies of the other tables' files; returns how many files each has.
pub(super) fn copy_tables<'a>(
    lake: &Lake,
    staging: &Staging<'_>,
    others: impl Iterator<Item = &'a InputFile>,
) -> Result<BTreeMap<&'static str, u64>, CompactError> {
    let mut copied = BTreeMap::new();
    for input in others {
        let table = input.spec.name;
        let target = staging.table_folder(table)?.join(inner_path(lake, input));
        let copy = || -> std::io::Result<()> {
            if let Some(folder) = target.parent() {
                fs_err::create_dir_all(folder)?;
            }
            // Not `copy`, which would take over that nobody may write to the file.
            let mut source = input.file.open()?;
            std::io::copy(&mut source, &mut fs_err::File::create_new(&target)?)?;
            Ok(())
        };
        copy().map_err(|source| CompactError::Copy { table, source })?;
        *copied.entry(table).or_default() += 1;
    }
    Ok(copied)
}
