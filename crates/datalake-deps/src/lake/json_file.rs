//! Newline-delimited JSON files as batches: one object a line.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::batch::SourceBatch;
use super::columns::{Source, TablePlan, partition};
use super::csv_file::unreadable;
use super::csv_records::RECORD_BYTES;
use super::discover::DataFile;
use super::error::LakeError;
use super::model::ColumnType;
use super::reject::RejectReason;
use super::text_batch::TextBatchBuilder;
use super::text_stream::TextStream;

/// Reads one file of JSON lines.
pub(crate) struct JsonFile<'a> {
    plan: &'a TablePlan,
    file: &'a DataFile,
    stream: TextStream,
    names: Names,
    sources: Vec<Source>,
    builder: TextBatchBuilder,
    line: u64,
    buffer: Vec<u8>,
    /// Which planned columns a row has named so far.
    seen: Vec<bool>,
    /// The names of the first rows, for the message about a column that no row has.
    existing: BTreeSet<String>,
    rows: u64,
}

/// Which members of an object are read: those that a planned column is named after, each once.
#[derive(Debug, Default)]
struct Names {
    exact: BTreeMap<String, usize>,
    /// Without regard to case; `None` where that fits several names.
    lower: BTreeMap<String, Option<usize>>,
}

impl Names {
    /// The position of the member of this name.
    fn add(&mut self, name: &str) -> usize {
        if let Some(known) = self.exact.get(name) {
            return *known;
        }
        let at = self.exact.len();
        self.exact.insert(name.to_owned(), at);
        self.lower
            .entry(name.to_ascii_lowercase())
            .and_modify(|several| *several = None)
            .or_insert(Some(at));
        at
    }
}

/// Rows whose members are remembered for messages.
const REMEMBERED_ROWS: u64 = 100;

impl<'a> JsonFile<'a> {
    pub(crate) fn open(plan: &'a TablePlan, file: &'a DataFile) -> Result<Self, LakeError> {
        let stream = TextStream::open(file, encoding_rs::UTF_8)?;
        let mut names = Names::default();
        let mut sources = Vec::with_capacity(plan.columns.len());
        for column in &plan.columns {
            // Rows need not name what is null, so only the folders' names are known before reading.
            let partition = partition(file, &column.source_name)?;
            sources.push(match partition {
                Source::Absent => Source::Field(names.add(&column.source_name)),
                known => known,
            });
        }
        Ok(Self {
            builder: TextBatchBuilder::new(&sources),
            seen: sources
                .iter()
                .map(|source| matches!(source, Source::Partition(_)))
                .collect(),
            plan,
            file,
            stream,
            names,
            sources,
            line: 0,
            buffer: Vec::new(),
            existing: BTreeSet::new(),
            rows: 0,
        })
    }

    /// The next batch.
    pub(crate) fn next_batch(&mut self) -> Result<Option<SourceBatch>, LakeError> {
        while self.builder.len() < self.plan.batch_rows {
            if !self.read_line().map_err(|error| unreadable(self.file, error))? {
                break;
            }
            self.row()?;
        }
        let batch = self.builder.finish();
        if batch.is_none() && self.rows > 0 {
            let existing: Vec<&String> = self.existing.iter().collect();
            self.plan.check(&self.file.path, &existing, |at| self.seen[at])?;
        }
        Ok(batch)
    }

    /// The next line that is not blank, into the buffer.
    fn read_line(&mut self) -> std::io::Result<bool> {
        loop {
            self.buffer.clear();
            if self.stream.append_line(&mut self.buffer, RECORD_BYTES)? == 0 {
                return Ok(false);
            }
            self.line += 1;
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    fn row(&mut self) -> Result<(), LakeError> {
        if self.buffer.len() == RECORD_BYTES && self.buffer.last() != Some(&b'\n') {
            self.stream
                .skip_line()
                .map_err(|error| unreadable(self.file, error))?;
            self.builder
                .reject(self.line, RejectReason::RecordTooLong, None, &self.buffer);
            return Ok(());
        }
        let Some(text) = self.stream.text(&self.buffer) else {
            self.builder
                .reject(self.line, RejectReason::InvalidEncoding, None, &self.buffer);
            return Ok(());
        };
        if self.line == 1 && text.trim_start().starts_with('[') {
            return Err(LakeError::JsonList {
                file: self.file.path.clone(),
            });
        }
        let mut deserializer = serde_json::Deserializer::from_str(text.trim());
        let remember = (self.rows < REMEMBERED_ROWS).then_some(&mut self.existing);
        let object = ObjectSeed {
            names: &self.names,
            remember,
            width: self.names.exact.len(),
        };
        let members = object
            .deserialize(&mut deserializer)
            .and_then(|members| deserializer.end().map(|()| members));
        let Ok(members) = members else {
            self.builder
                .reject(self.line, RejectReason::MalformedJson, None, &self.buffer);
            return Ok(());
        };
        self.rows += 1;
        let mut cells: Vec<Option<Cow<'_, str>>> = vec![None; self.sources.len()];
        for (at, source) in self.sources.iter().enumerate() {
            let Source::Field(member) = source else { continue };
            let Some(raw) = members[*member] else { continue };
            self.seen[at] = true;
            let decimal = !matches!(
                self.plan.columns[at].spec.column_type,
                ColumnType::Text | ColumnType::Timestamp
            );
            match cell(raw.get(), decimal && self.plan.decimal_comma) {
                Ok(cell) => cells[at] = cell,
                Err(reason) => {
                    self.builder
                        .reject(self.line, reason, Some(at), raw.get().as_bytes());
                    return Ok(());
                }
            }
        }
        self.builder.push(self.line, |at| cells[at].as_deref());
        Ok(())
    }
}

/// The text of a JSON value: a string's content, or a number as it is written.
fn cell(raw: &str, comma: bool) -> Result<Option<Cow<'_, str>>, RejectReason> {
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text: Cow<'_, str> = match serde_json::from_str::<&str>(raw) {
                Ok(text) => Cow::Borrowed(text),
                // It has escapes.
                Err(_) => Cow::Owned(serde_json::from_str(raw).map_err(|_| RejectReason::MalformedJson)?),
            };
            Ok((!text.is_empty()).then_some(text))
        }
        Some(b'n') => Ok(None),
        Some(b'-' | b'0'..=b'9') if comma => Ok(Some(Cow::Owned(raw.replace('.', ",")))),
        Some(b'-' | b'0'..=b'9') => Ok(Some(Cow::Borrowed(raw))),
        _ => Err(RejectReason::WrongValueType),
    }
}

/// Reads an object's members that are planned columns; a column named twice is an error.
struct ObjectSeed<'n> {
    names: &'n Names,
    remember: Option<&'n mut BTreeSet<String>>,
    width: usize,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values: Vec<Option<&'de RawValue>> = vec![None; self.width];
        // Whether the value stands under the exact name, which wins over one in another case.
        let mut exact = vec![false; self.width];
        while let Some(found) = map.next_key_seed(MemberSeed {
            names: self.names,
            remember: self.remember.as_deref_mut(),
        })? {
            let Some((at, is_exact)) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value = map.next_value::<&'de RawValue>()?;
            match (values[at].is_some(), exact[at], is_exact) {
                (true, true, false) => {}
                (true, seen, now) if seen == now => {
                    return Err(serde::de::Error::custom("a column is named twice"));
                }
                _ => {
                    values[at] = Some(value);
                    exact[at] = is_exact;
                }
            }
        }
        Ok(values)
    }
}

/// Tells which planned column a member's name means, and whether exactly, without keeping the name.
struct MemberSeed<'n> {
    names: &'n Names,
    remember: Option<&'n mut BTreeSet<String>>,
}

impl<'de> DeserializeSeed<'de> for MemberSeed<'_> {
    type Value = Option<(usize, bool)>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberSeed<'_> {
    type Value = Option<(usize, bool)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        if let Some(remember) = self.remember {
            remember.insert(name.to_owned());
        }
        if let Some(at) = self.names.exact.get(name) {
            return Ok(Some((*at, true)));
        }
        let lower = self.names.lower.get(&name.to_ascii_lowercase());
        Ok(lower.copied().flatten().map(|at| (at, false)))
    }
}
