//! Lays out the tables and publishes them together.

use arrow::array::{RecordBatch, StringArray, UInt64Array};
use arrow::error::ArrowError;
use datalake_deps::lake::{WriteOptions, write_table};
use datalake_deps::publish::{Manifest, OutputLock, Provenance};
use datalake_transforms::findings::Findings;

use super::error::JobError;

/// The tables of a run, named and in the order in which they are written.
#[derive(Debug)]
pub(super) struct Tables {
    /// Suspected service points, by rank.
    pub theft_cases: RecordBatch,
    /// All service points with data, by rank.
    pub theft_scores: RecordBatch,
    /// All components with data, by id.
    pub meter_features: RecordBatch,
    /// Kinds of fault, by table and code.
    pub findings: RecordBatch,
    /// Rows kept aside, by table, file and row.
    pub rejected_rows: RecordBatch,
}

/// Names of the tables.
pub(super) const TABLES: [&str; 5] = [
    "theft_cases",
    "theft_scores",
    "meter_features",
    "findings",
    "rejected_rows",
];

impl Tables {
    fn by_name(&self) -> [(&'static str, &RecordBatch); 5] {
        [
            (TABLES[0], &self.theft_cases),
            (TABLES[1], &self.theft_scores),
            (TABLES[2], &self.meter_features),
            (TABLES[3], &self.findings),
            (TABLES[4], &self.rejected_rows),
        ]
    }
}

/// Publishes all tables in one step, or none.
pub(super) fn publish(
    lock: &mut OutputLock<'_>,
    tables: &Tables,
    provenance: Provenance,
) -> Result<Manifest, JobError> {
    let staging = lock.stage(&TABLES)?;
    for (name, batch) in tables.by_name() {
        let path = staging.table_path(name)?;
        write_table(&path, &batch.schema(), [batch], &WriteOptions::default())?;
    }
    Ok(staging.publish(provenance)?)
}

/// The `findings` table.
pub(super) fn findings_batch(findings: &Findings) -> Result<RecordBatch, ArrowError> {
    use std::sync::Arc;
    let rows: Vec<_> = findings.iter().collect();
    let text = |get: fn(&datalake_transforms::findings::Finding) -> &str| {
        Arc::new(rows.iter().map(|row| Some(get(row))).collect::<StringArray>()) as _
    };
    RecordBatch::try_from_iter_with_nullable([
        ("table", text(|f| &f.table), false),
        ("code", text(|f| &f.code), false),
        ("severity", text(|f| f.severity.name()), false),
        (
            "rows",
            Arc::new(rows.iter().map(|f| f.rows).collect::<UInt64Array>()) as _,
            false,
        ),
        ("example_key", text(|f| &f.example_key), false),
        ("message", text(|f| &f.message), false),
    ])
}
