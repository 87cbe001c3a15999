//! The truth table: what is known of each service point because it was made so.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Date32Type, Field, Schema};

use super::columns::float;
use super::error::ToolError;
use super::files::{self, each_batch};

/// `kind` of a service point where nothing odd happens.
pub const HONEST: &str = "honest";

/// One row of the truth table.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The service point.
    pub service_point_id: String,
    /// Kind of theft, kind of honest oddity, or [`HONEST`].
    pub kind: String,
    /// Whether it is theft.
    pub is_theft: bool,
    /// First day of it, days since 1970-01-01; `None` for plain honest ones.
    pub onset_date: Option<i32>,
    /// Last day of it; `None` where it lasts to the end of the data.
    pub end_date: Option<i32>,
    /// Energy that passed the customer and was not billed, net; 0 for honest ones.
    pub lost_kwh: f64,
}

/// Writes the table.
pub(crate) fn write(path: &Path, rows: &[Truth]) -> Result<(), ToolError> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("service_point_id", DataType::Utf8, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("is_theft", DataType::Boolean, false),
        Field::new("onset_date", DataType::Date32, true),
        Field::new("end_date", DataType::Date32, true),
        Field::new("lost_kwh", DataType::Float64, false),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|r| &r.service_point_id),
        )),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|r| &r.kind))),
        Arc::new(rows.iter().map(|r| Some(r.is_theft)).collect::<BooleanArray>()),
        Arc::new(rows.iter().map(|r| r.onset_date).collect::<Date32Array>()),
        Arc::new(rows.iter().map(|r| r.end_date).collect::<Date32Array>()),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|r| r.lost_kwh))),
    ];
    let batch = RecordBatch::try_new(schema, columns).map_err(ToolError::arrow(path))?;
    files::write(path, &batch)
}

/// Reads the table, from a file or a folder.
pub(crate) fn read(path: &Path) -> Result<Vec<Truth>, ToolError> {
    let mut rows = Vec::new();
    each_batch(path, "truth", |batch| {
        let (id, kind) = (batch.text("service_point_id")?, batch.text("kind")?);
        let is_theft = batch.column("is_theft", &DataType::Boolean)?;
        let is_theft = is_theft.as_boolean();
        let onset = batch.column("onset_date", &DataType::Date32)?;
        let end = batch.column("end_date", &DataType::Date32)?;
        let (onset, end) = (
            onset.as_primitive::<Date32Type>(),
            end.as_primitive::<Date32Type>(),
        );
        let lost = batch.column("lost_kwh", &DataType::Float64)?;
        rows.extend((0..batch.rows()).map(|i| Truth {
            service_point_id: id.value(i).trim().to_owned(),
            kind: kind.value(i).to_owned(),
            is_theft: is_theft.is_valid(i) && is_theft.value(i),
            onset_date: onset.is_valid(i).then(|| onset.value(i)),
            end_date: end.is_valid(i).then(|| end.value(i)),
            lost_kwh: float(&lost, i).unwrap_or(0.0),
        }));
        Ok(())
    })?;
    Ok(rows)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let rows = vec![
            Truth {
                service_point_id: "SP-1".to_owned(),
                kind: "fdi1".to_owned(),
                is_theft: true,
                onset_date: Some(19_000),
                end_date: None,
                lost_kwh: 12.5,
            },
            Truth {
                service_point_id: "SP-2".to_owned(),
                kind: HONEST.to_owned(),
                is_theft: false,
                onset_date: None,
                end_date: None,
                lost_kwh: 0.0,
            },
        ];
        let path = folder.path().join("truth").join("part-0.parquet");
        write(&path, &rows).unwrap();
        assert_eq!(read(&path).unwrap(), rows);
        assert_eq!(read(folder.path()).unwrap(), rows);
    }

    #[test]
    fn a_missing_table_and_a_missing_column_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let err = read(folder.path()).unwrap_err();
        assert!(matches!(err, ToolError::NoTable { .. }), "{err}");
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, false)]));
        let batch =
            RecordBatch::try_new(schema, vec![Arc::new(arrow::array::Int64Array::from(vec![1]))]).unwrap();
        files::write(&folder.path().join("a.parquet"), &batch).unwrap();
        let err = read(folder.path()).unwrap_err();
        assert!(
            err.to_string().contains("has no column `service_point_id`"),
            "{err}"
        );
    }
}
