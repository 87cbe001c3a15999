//! One table file in any of the formats.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use fs_err::File;
use parquet::arrow::ArrowWriter;

use super::error::ToolError;
use super::files;
use super::options::Format;

impl Format {
    /// Ending of the file name.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

enum Inner {
    Parquet(Box<ArrowWriter<std::fs::File>>),
    Csv(Box<csv::Writer<File>>),
    Ndjson(BufWriter<File>),
}

/// A file that takes batches.
pub(crate) struct TableFile {
    path: PathBuf,
    inner: Inner,
}

fn options() -> FormatOptions<'static> {
    FormatOptions::new()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S"))
        .with_null("")
}

impl TableFile {
    pub(crate) fn create(path: &Path, schema: &SchemaRef, format: Format) -> Result<Self, ToolError> {
        let inner = match format {
            Format::Parquet => Inner::Parquet(Box::new(files::create(path, SchemaRef::clone(schema))?)),
            Format::Csv | Format::Ndjson => {
                if let Some(folder) = path.parent() {
                    fs_err::create_dir_all(folder)?;
                }
                let file = File::create(path)?;
                if format == Format::Csv {
                    let mut writer = csv::Writer::from_writer(file);
                    let names = schema.fields().iter().map(|f| f.name());
                    writer.write_record(names).map_err(ToolError::text(path))?;
                    Inner::Csv(Box::new(writer))
                } else {
                    Inner::Ndjson(BufWriter::new(file))
                }
            }
        };
        Ok(Self {
            path: path.to_owned(),
            inner,
        })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ToolError> {
        let path = &self.path;
        if let Inner::Parquet(writer) = &mut self.inner {
            return writer.write(batch).map_err(ToolError::parquet(path));
        }
        let options = options();
        let columns = batch
            .columns()
            .iter()
            .map(|c| ArrayFormatter::try_new(c.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()
            .map_err(ToolError::arrow(path))?;
        let names = batch.schema();
        for row in 0..batch.num_rows() {
            match &mut self.inner {
                Inner::Csv(writer) => {
                    let fields = columns.iter().map(|c| c.value(row).to_string());
                    writer.write_record(fields).map_err(ToolError::text(path))?;
                }
                Inner::Ndjson(writer) => {
                    let mut line = String::from("{");
                    for (i, (field, column)) in names.fields().iter().zip(&columns).enumerate() {
                        let separator = if i == 0 { "" } else { "," };
                        let name = serde_json::Value::from(field.name().as_str());
                        let value = json(batch.column(i).as_ref(), row, &column.value(row).to_string());
                        // Writing to a String cannot fail.
                        let _ = write!(line, "{separator}{name}:{value}");
                    }
                    line.push_str("}\n");
                    writer.write_all(line.as_bytes())?;
                }
                Inner::Parquet(_) => {}
            }
        }
        Ok(())
    }

    pub(crate) fn close(self) -> Result<(), ToolError> {
        match self.inner {
            Inner::Parquet(writer) => {
                writer.close().map_err(ToolError::parquet(&self.path))?;
            }
            Inner::Csv(mut writer) => writer.flush()?,
            Inner::Ndjson(mut writer) => writer.flush()?,
        }
        Ok(())
    }
}

/// Numbers as they are written (a decimal keeps its six places), everything else as text.
fn json(array: &dyn Array, row: usize, text: &str) -> String {
    match array.data_type() {
        _ if array.is_null(row) => "null".to_owned(),
        DataType::Int64 | DataType::Float64 | DataType::Decimal128(_, _) => text.to_owned(),
        _ => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::day::Row;
    use super::super::measurements::Encoder;
    use super::*;
    use datalake_deps::lake::Preset;
    use datalake_transforms::model::Condition;
    use insta::assert_snapshot;

    fn written(format: Format, preset: Preset) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("part");
        let encoder = Encoder::new(preset, true, vec!["0007".to_owned(), "a \"b\", c".to_owned()]);
        let row = Row {
            component: 0,
            end: 19_723 * 86_400 + 1_800,
            micro: 1_234_000,
            condition: Condition::Actual,
            do_not_use: false,
            updated: 19_724 * 86_400,
            version: 1,
            padded: true,
            register: None,
        };
        let missing = Row {
            condition: Condition::Missing,
            micro: 0,
            do_not_use: true,
            padded: false,
            ..row
        };
        let register = Row {
            component: 1,
            register: Some((-5, 0)),
            padded: false,
            micro: -1,
            ..row
        };
        let mut file = TableFile::create(&path, &encoder.schema, format).unwrap();
        file.write(&encoder.batch(&[row, missing, register]).unwrap())
            .unwrap();
        file.close().unwrap();
        fs_err::read_to_string(path).unwrap()
    }

    #[test]
    fn csv() {
        assert_snapshot!(written(Format::Csv, Preset::OracleMdm), @r#"
        MEASR_COMP_ID,MSRMT_DTTM,MSRMT_VAL,MSRMT_COND_FLG,MSRMT_USE_FLG,LAST_UPDATE_DTTM,VERSION,READING_VAL,PREV_MSRMT_DTTM
        0007  ,2024-01-01 00:30:00,1.234000,501000,,2024-01-02 00:00:00,1,,
        0007,2024-01-01 00:30:00,0.000000,201000,D101,2024-01-02 00:00:00,1,,
        "a ""b"", c",2024-01-01 00:30:00,-0.000001,501000,,2024-01-02 00:00:00,1,-0.000005,1970-01-01 00:00:00
        "#);
    }

    #[test]
    fn ndjson() {
        let text = written(Format::Ndjson, Preset::Canonical);
        assert!(
            text.lines()
                .all(|l| serde_json::from_str::<serde_json::Value>(l).unwrap().is_object())
        );
        assert_snapshot!(text, @r#"
        {"measuring_component_id":"0007  ","measured_at":"2024-01-01 00:30:00","value":1.234000,"condition_code":"501000","use_flag":null,"updated_at":"2024-01-02 00:00:00","version":1,"reading":null,"period_start":null}
        {"measuring_component_id":"0007","measured_at":"2024-01-01 00:30:00","value":null,"condition_code":"201000","use_flag":"D101","updated_at":"2024-01-02 00:00:00","version":1,"reading":null,"period_start":null}
        {"measuring_component_id":"a \"b\", c","measured_at":"2024-01-01 00:30:00","value":-0.000001,"condition_code":"501000","use_flag":null,"updated_at":"2024-01-02 00:00:00","version":1,"reading":-0.000005,"period_start":"1970-01-01 00:00:00"}
        "#);
    }
}
