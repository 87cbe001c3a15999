//! Lists what the job reads.

use std::path::{Path, PathBuf};

use datalake_deps::fingerprint::{Fingerprint, combine};
use datalake_deps::lake::model::{MEASUREMENTS, TABLES, TableSpec};
use datalake_deps::lake::{DataFile, Lake, LakeError, MeasurementScan, ScanOptions};
use rayon::prelude::*;

use super::error::CompactError;

/// One input file and what it looked like before it was read.
#[derive(Debug, Clone)]
pub(super) struct InputFile {
    /// Table of the lake.
    pub(super) spec: &'static TableSpec,
    /// The file.
    pub(super) file: DataFile,
    /// Its fingerprint.
    pub(super) fingerprint: Fingerprint,
}

/// All files of the lake by table and path. Tables other than the measurements may be missing: they are only copied.
pub(super) fn inputs(lake: &Lake) -> Result<Vec<InputFile>, CompactError> {
    let mut files = Vec::new();
    for spec in TABLES {
        match lake.files(spec) {
            Ok(of_table) => files.extend(of_table.into_iter().map(|file| (spec, file))),
            Err(LakeError::TableMissing { .. })
                if spec.name != MEASUREMENTS.name && lake.configured_path(spec).is_none() => {}
            Err(error) => return Err(error.into()),
        }
    }
    files
        .into_par_iter()
        .map(|(spec, file)| {
            let fingerprint = file.fingerprint().map_err(CompactError::Fingerprint)?;
            Ok(InputFile {
                spec,
                file,
                fingerprint,
            })
        })
        .collect()
}

/// One fingerprint of all inputs. Files count by their path within the lake, so a copied lake is the same lake.
#[must_use]
pub(super) fn input_fingerprint(inputs: &[InputFile]) -> String {
    let named: Vec<(String, &Fingerprint)> = inputs
        .iter()
        .map(|input| {
            let name = format!("{}:{}", input.spec.name, input.file.relative);
            (name, &input.fingerprint)
        })
        .collect();
    combine(
        named
            .iter()
            .map(|(name, fingerprint)| (name.as_str(), *fingerprint)),
    )
}

/// Where the file of a table lies below the table's folder; a table that is one file keeps that file's name.
#[must_use]
pub(super) fn inner_path(lake: &Lake, input: &InputFile) -> PathBuf {
    let folder = lake.configured_path(input.spec).unwrap_or(input.spec.name);
    let folder = lake.root().join(folder);
    let path = &input.file.path;
    match path.strip_prefix(&folder) {
        Ok(inner) if inner != Path::new("") => inner.to_owned(),
        _ => path.file_name().map_or_else(|| path.clone(), PathBuf::from),
    }
}

/// Plans the measurements, with all their columns.
pub(super) fn plan_measurements(lake: &Lake, batch_rows: usize) -> Result<MeasurementScan, CompactError> {
    let columns: Vec<&str> = MEASUREMENTS.columns.iter().map(|column| column.name).collect();
    Ok(lake.plan_measurements(&ScanOptions {
        columns: &columns,
        batch_rows,
    })?)
}
