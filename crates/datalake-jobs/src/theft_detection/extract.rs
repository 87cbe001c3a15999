//! Reads the dimension tables into the registry and plans the measurements.

use std::sync::Arc;

use arrow::array::{Array as _, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Field, FieldRef, Schema};
use datalake_deps::fingerprint::{Fingerprint, combine};
use datalake_deps::lake::model::{
    DEVICE, DEVICE_CONFIG, DEVICE_EVENT, INSTALL_EVENT, MEASUREMENTS, MEASURING_COMPONENT, ON_OFF_HISTORY,
    SERVICE_POINT, TEMPERATURE, TableSpec,
};
use datalake_deps::lake::{DataFile, Lake, MeasurementScan, ScanOptions, TableData};
use datalake_transforms::findings::Findings;
use datalake_transforms::model::Kind;
use datalake_transforms::registry::{self, Registry, RegistryInput};
use jiff::civil::DateTime;
use rayon::prelude::*;

use super::config::Config;
use super::error::JobError;
use super::rejected::RejectedRow;

/// The tables that the job reads: the four that it needs, then those that it uses where they are there.
pub(super) static TABLES: [&TableSpec; 9] = [
    &DEVICE,
    &MEASURING_COMPONENT,
    &MEASUREMENTS,
    &INSTALL_EVENT,
    &DEVICE_CONFIG,
    &ON_OFF_HISTORY,
    &SERVICE_POINT,
    &DEVICE_EVENT,
    &TEMPERATURE,
];

/// One input file and what it looked like before it was read.
#[derive(Debug, Clone)]
pub(super) struct InputFile {
    /// Table of the lake.
    pub table: &'static str,
    /// The file.
    pub file: DataFile,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
}

/// All files that the job reads, by table and path.
pub(super) fn inputs(lake: &Lake) -> Result<Vec<InputFile>, JobError> {
    let mut files = Vec::new();
    for spec in TABLES {
        files.extend(lake.files(spec)?.into_iter().map(|file| (spec.name, file)));
    }
    files
        .into_par_iter()
        .map(|(table, file)| {
            let fingerprint = file.fingerprint().map_err(JobError::Fingerprint)?;
            Ok(InputFile {
                table,
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
            (
                format!("{}:{}", input.table, input.file.relative),
                &input.fingerprint,
            )
        })
        .collect();
    combine(
        named
            .iter()
            .map(|(name, fingerprint)| (name.as_str(), *fingerprint)),
    )
}

/// Rows of a dimension table.
#[derive(Debug, Clone)]
pub(super) struct TableRows {
    /// The table.
    pub table: &'static str,
    /// Rows in its files.
    pub read: u64,
    /// Rows kept aside.
    pub rejected: u64,
}

/// The dimension tables, joined.
#[derive(Debug)]
pub(super) struct Dimensions {
    /// What measurements are joined with.
    pub registry: Registry,
    /// What was noticed.
    pub findings: Findings,
    /// Rows kept aside.
    pub rejected: Vec<RejectedRow>,
    /// Row counts of each table that is there.
    pub rows: Vec<TableRows>,
}

/// Reads and joins everything but the measurements.
pub(super) fn dimensions(lake: &Lake, config: &Config) -> Result<Dimensions, JobError> {
    let specs: Vec<&'static TableSpec> = TABLES
        .into_iter()
        .filter(|spec| spec.name != MEASUREMENTS.name)
        .collect();
    let mut tables = Vec::new();
    for spec in specs {
        tables.push((spec.name, lake.read_table(spec)?));
    }
    let batches: Vec<Vec<RecordBatch>> = tables
        .iter()
        .map(|(_, data)| {
            let parts = data.batches.iter();
            parts
                .map(|part| with_delivery(&part.table.batch, &data.files[part.file]))
                .collect()
        })
        .collect::<Result<_, JobError>>()?;
    let table = |name: &str| {
        let position = tables.iter().position(|(table, _)| *table == name);
        position.map_or(&[][..], |position| batches[position].as_slice())
    };
    let events = tables.iter().find(|(table, _)| *table == INSTALL_EVENT.name);
    let unreadable: Vec<RecordBatch> = events
        .iter()
        .flat_map(|(_, data)| {
            let rows = data.unreadable.iter();
            rows.map(|(file, rows)| with_delivery(rows, &data.files[*file]))
        })
        .collect::<Result<_, JobError>>()?;
    let kept: usize = unreadable.iter().map(RecordBatch::num_rows).sum();
    let lost = events.map_or(0, |(_, data)| data.rejected.len().saturating_sub(kept));
    let optional = |name: &str| Some(table(name)).filter(|batches| !batches.is_empty());
    let input = RegistryInput {
        device: table(DEVICE.name),
        measuring_component: table(MEASURING_COMPONENT.name),
        install_event: table(INSTALL_EVENT.name),
        unreadable_install_event: &unreadable,
        lost_install_events: lost as u64,
        device_config: optional(DEVICE_CONFIG.name),
        on_off_history: optional(ON_OFF_HISTORY.name),
        service_point: optional(SERVICE_POINT.name),
        device_event: optional(DEVICE_EVENT.name),
        temperature: optional(TEMPERATURE.name),
    };
    let (registry, findings, refused) = registry::build(&input, &config.registry)?;

    let mut rejected: Vec<RejectedRow> = Vec::new();
    for (name, rejection) in refused {
        if let Some((table, data)) = tables.iter().find(|(table, _)| *table == name) {
            let part = &data.batches[rejection.batch];
            let row_number = part.table.rows.get(rejection.row);
            let file = &data.files[part.file].relative;
            rejected.push(RejectedRow::refused(table, file, row_number, rejection));
        }
    }
    let mut rows = Vec::new();
    for (
        table,
        TableData {
            rejected: unreadable,
            rows_read,
            ..
        },
    ) in tables
    {
        rejected.extend(unreadable.into_iter().map(RejectedRow::from));
        let count = rejected.iter().filter(|row| row.table == table).count() as u64;
        if rows_read > 0 {
            rows.push(TableRows {
                table,
                read: rows_read,
                rejected: count,
            });
        }
    }
    Ok(Dimensions {
        registry,
        findings,
        rejected,
        rows,
    })
}

/// The rows with the time of their delivery, where the file's folder tells.
fn with_delivery(rows: &RecordBatch, file: &DataFile) -> Result<RecordBatch, JobError> {
    let Some(delivered) = file.delivered() else {
        return Ok(rows.clone());
    };
    let since = delivered.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let micros = since.as_secs() * 1_000_000 + i64::from(since.subsec_micros());
    let times = TimestampMicrosecondArray::from_value(micros, rows.num_rows());
    let mut fields: Vec<FieldRef> = rows.schema().fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(
        "delivered_at",
        times.data_type().clone(),
        false,
    )));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(times));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Plans the measurements; register columns are read only where a component is a register.
pub(super) fn plan_measurements(
    lake: &Lake,
    registry: &Registry,
    batch_rows: usize,
) -> Result<MeasurementScan, JobError> {
    let registers = registry.components.iter().any(|component| {
        component
            .component_type
            .as_ref()
            .is_some_and(|t| t.kind == Kind::Scalar)
    });
    let mut columns = vec![
        "condition_code",
        "use_flag",
        "updated_at",
        "version",
        "combined_multiplier",
    ];
    if registers {
        columns.extend([
            "reading",
            "previous_reading",
            "period_start",
            "tariff",
            "meter_status",
        ]);
    }
    Ok(lake.plan_measurements(&ScanOptions {
        columns: &columns,
        batch_rows,
    })?)
}
