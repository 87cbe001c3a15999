//! Install events of those whose meter was taken away or switched off, on paper.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use datalake_deps::lake::Preset;

use super::plan::{Plan, Thief};
use super::rewrite::replace;
use crate::synthetic::columns::TableBatch;
use crate::synthetic::error::ToolError;
use crate::synthetic::files::{FileBatches, create, parquet_files};
use crate::synthetic::names;
use crate::synthetic::theft::TheftKind;

const TABLE: &str = "install_event";

/// Copies the table with the removals and disconnections of the plan.
pub(super) fn rewrite(lake: &Path, output: &Path, plan: &Plan) -> Result<(), ToolError> {
    let table = lake.join(TABLE);
    let thief_of: HashMap<&str, &Thief> = plan
        .thieves
        .iter()
        .filter_map(|t| Some((t.event.as_deref()?, t)))
        .collect();
    for file in parquet_files(&table)? {
        let to = output
            .join(TABLE)
            .join(file.strip_prefix(&table).unwrap_or(&file));
        let batches = FileBatches::open(&file, TABLE)?;
        let schema = with_columns(&batches.schema);
        let mut writer = create(&to, Arc::clone(&schema))?;
        for batch in batches {
            let batch = rewrite_batch(&batch?, &schema, &thief_of)?;
            writer.write(&batch).map_err(ToolError::parquet(&to))?;
        }
        writer.close().map_err(ToolError::parquet(&to))?;
    }
    Ok(())
}

/// The schema, with the three columns that a removal or a disconnection needs.
fn with_columns(schema: &Schema) -> Arc<Schema> {
    let preset = match names::position(schema, TABLE, "install_event_id") {
        Some(at) if schema.field(at).name().eq_ignore_ascii_case("install_event_id") => Preset::Canonical,
        _ => Preset::OracleMdm,
    };
    let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
    let mut fields: Vec<Arc<Field>> = schema.fields().to_vec();
    for (name, data_type) in [
        ("removed_at", &moment),
        ("status", &DataType::Utf8),
        ("status_updated_at", &moment),
    ] {
        match names::position(schema, TABLE, name) {
            // A column of nulls only may lack a type.
            Some(at) if schema.field(at).data_type() == &DataType::Null => {
                fields[at] = Arc::new(Field::new(schema.field(at).name(), data_type.clone(), true));
            }
            Some(_) => {}
            None => fields.push(Arc::new(Field::new(
                preset.source_name(TABLE, name),
                data_type.clone(),
                true,
            ))),
        }
    }
    Arc::new(Schema::new(fields))
}

fn rewrite_batch(
    batch: &TableBatch<'_>,
    schema: &Arc<Schema>,
    thief_of: &HashMap<&str, &Thief>,
) -> Result<RecordBatch, ToolError> {
    let (file, id) = (batch.file, batch.text("install_event_id")?);
    let thieves: Vec<Option<&Thief>> = id
        .iter()
        .map(|id| thief_of.get(id.unwrap_or_default().trim()).copied())
        .collect();
    let is = |kind: TheftKind| -> BooleanArray {
        thieves
            .iter()
            .map(|t| Some(t.is_some_and(|t| t.kind == kind)))
            .collect()
    };
    // Noon of the day before: the first day of the theft is whole, whatever the clock's offset.
    let moments: ArrayRef = Arc::new(
        thieves
            .iter()
            .map(|t| t.map(|t| (i64::from(t.onset) * 86_400 - 43_200) * 1_000_000))
            .collect::<TimestampMicrosecondArray>(),
    );
    let (removed, off) = (
        is(TheftKind::UsageAfterRemoval),
        is(TheftKind::UsageWhileDisconnected),
    );
    let mut columns: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .enumerate()
        .map(|(i, field)| match batch.batch.columns().get(i) {
            Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
            _ => new_null_array(field.data_type(), batch.rows()),
        })
        .collect();
    let mut set =
        |name: &'static str, mask: &BooleanArray, new: &dyn arrow::array::Datum| -> Result<(), ToolError> {
            if let Some(at) = names::position(schema, TABLE, name) {
                columns[at] = replace(mask, new, &columns[at], file)?;
            }
            Ok(())
        };
    set("removed_at", &removed, &moments)?;
    set("status", &removed, &StringArray::new_scalar("REMOVE"))?;
    set("status", &off, &StringArray::new_scalar("OFF"))?;
    set("status_updated_at", &off, &moments)?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(ToolError::arrow(file))
}
