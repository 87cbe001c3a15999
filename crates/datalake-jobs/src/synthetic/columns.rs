//! Columns of a batch by their canonical names.

use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};

use super::error::ToolError;
use super::names;

/// Position of a column that has to be there.
pub(crate) fn required(schema: &Schema, file: &Path, canonical: &str) -> Result<usize, ToolError> {
    names::position(schema, canonical).ok_or_else(|| ToolError::MissingColumn {
        path: file.to_owned(),
        column: canonical.to_owned(),
        found: schema
            .fields()
            .iter()
            .map(|f| f.name().as_str())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// A column brought to a type, found under either preset's name.
pub(crate) fn column(
    batch: &RecordBatch,
    file: &Path,
    canonical: &str,
    to: &DataType,
) -> Result<ArrayRef, ToolError> {
    let at = required(&batch.schema(), file, canonical)?;
    cast(batch.column(at), to).map_err(ToolError::arrow(file))
}

/// A text column without nulls in it: a null reads as the empty text.
pub(crate) fn text(batch: &RecordBatch, file: &Path, canonical: &str) -> Result<StringArray, ToolError> {
    let array = column(batch, file, canonical, &DataType::Utf8)?;
    let array = array.as_string::<i32>();
    Ok(if array.null_count() == 0 {
        array.clone()
    } else {
        array.iter().map(|v| Some(v.unwrap_or_default())).collect()
    })
}

/// As [`text`], or `None` where the file lacks the column.
pub(crate) fn optional_text(
    batch: &RecordBatch,
    file: &Path,
    canonical: &str,
) -> Result<Option<StringArray>, ToolError> {
    match names::position(&batch.schema(), canonical) {
        Some(_) => text(batch, file, canonical).map(Some),
        None => Ok(None),
    }
}
