//! Delimited text files as batches.

use super::batch::SourceBatch;
use super::columns::{Source, TablePlan};
use super::csv_records::{CsvRecord, CsvRecords};
use super::discover::DataFile;
use super::error::LakeError;
use super::reject::RejectReason;
use super::text_batch::TextBatchBuilder;
use super::text_stream::TextStream;

/// Reads one CSV file.
pub(crate) struct CsvFile<'a> {
    plan: &'a TablePlan,
    file: &'a DataFile,
    records: CsvRecords,
    sources: Vec<Source>,
    /// Fields that a record must have.
    width: usize,
    builder: TextBatchBuilder,
}

impl<'a> CsvFile<'a> {
    /// Opens a file and reads its header. `None`: the file is empty.
    pub(crate) fn open(plan: &'a TablePlan, file: &'a DataFile) -> Result<Option<Self>, LakeError> {
        let stream = TextStream::open(file, plan.csv.encoding)?;
        let mut records = CsvRecords::new(stream, &plan.csv);
        let names = match &plan.csv.column_names {
            Some(names) => names.clone(),
            None => match read_header(&mut records, file)? {
                Some(names) => names,
                None => return Ok(None),
            },
        };
        let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
        let sources = plan.resolve(file, &borrowed)?;
        Ok(Some(Self {
            plan,
            file,
            records,
            builder: TextBatchBuilder::new(&sources),
            sources,
            width: names.len(),
        }))
    }

    /// The next batch.
    pub(crate) fn next_batch(&mut self) -> Result<Option<SourceBatch>, LakeError> {
        while self.builder.len() < self.plan.batch_rows {
            let record = self
                .records
                .next(Some(self.width))
                .map_err(|error| unreadable(self.file, error))?;
            match record {
                None => break,
                Some(CsvRecord::Fields { line }) => self.row(line),
                Some(CsvRecord::Broken { line, reason }) => {
                    self.builder.reject(line, reason, None, self.records.raw());
                }
            }
        }
        Ok(self.builder.finish())
    }

    /// Whether there is anything after the header.
    pub(crate) fn has_rows(&mut self) -> Result<bool, LakeError> {
        let first = self
            .records
            .next(Some(self.width))
            .map_err(|error| unreadable(self.file, error))?;
        Ok(first.is_some())
    }

    fn row(&mut self, line: u64) {
        let records = &self.records;
        if records.len() != self.width {
            self.builder
                .reject(line, RejectReason::WrongFieldCount, None, records.raw());
            return;
        }
        for (column, source) in self.sources.iter().enumerate() {
            if let Source::Field(at) = source
                && records.field(*at).is_none()
            {
                self.builder.reject(
                    line,
                    RejectReason::InvalidEncoding,
                    Some(column),
                    records.bytes(*at),
                );
                return;
            }
        }
        // No id, time, number or code has lines: a quote was lost, and they are records of their own.
        let swallows_lines =
            |source: &Source| matches!(source, Source::Field(at) if records.bytes(*at).contains(&b'\n'));
        if self.sources.iter().any(swallows_lines) {
            self.records.give_up();
            self.builder
                .reject(line, RejectReason::BrokenQuote, None, self.records.raw());
            return;
        }
        let nulls = &self.plan.csv.null_values;
        let sources = &self.sources;
        self.builder.push(line, |column| {
            let Source::Field(at) = &sources[column] else {
                return None;
            };
            let text = records.field(*at)?;
            (!text.is_empty() && !nulls.iter().any(|null| null == text)).then_some(text)
        });
    }
}

fn read_header(records: &mut CsvRecords, file: &DataFile) -> Result<Option<Vec<String>>, LakeError> {
    match records.next(None).map_err(|error| unreadable(file, error))? {
        None => Ok(None),
        Some(CsvRecord::Fields { .. }) => (0..records.len())
            .map(|at| records.field(at).map(|name| name.trim().to_owned()))
            .collect::<Option<Vec<_>>>()
            .map(Some)
            .ok_or_else(|| {
                LakeError::corrupt(
                    &file.path,
                    "CSV",
                    "its header is no text in the configured encoding",
                )
            }),
        Some(CsvRecord::Broken { reason, .. }) => {
            let problem = format!("its header is no record: {}", reason.code());
            Err(LakeError::corrupt(&file.path, "CSV", problem))
        }
    }
}

/// A failure half-way through a text file: mostly a compressed one that was cut off.
pub(crate) fn unreadable(file: &DataFile, error: std::io::Error) -> LakeError {
    use std::io::ErrorKind::{AlreadyExists, InvalidData, InvalidInput, NotFound, Other, UnexpectedEof};
    match error.kind() {
        // Of an object: replaced, or removed, since it was listed.
        AlreadyExists | NotFound if file.object.is_some() => LakeError::Changed {
            file: file.path.clone(),
        },
        InvalidData | InvalidInput | Other | UnexpectedEof => {
            LakeError::corrupt(&file.path, "compressed text", error)
        }
        _ => LakeError::Read(std::io::Error::new(
            error.kind(),
            format!("{}: {error}", file.path.display()),
        )),
    }
}
