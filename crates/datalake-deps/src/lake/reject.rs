//! Rows that a reader keeps aside: where they stand in the input, and why they cannot be used.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a row cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// A key column has no value.
    KeyMissing,
    /// Not a decimal number.
    InvalidNumber,
    /// NaN or infinite.
    NumberNotFinite,
    /// Too large for 10^-6 units in 64 bits.
    NumberOutOfRange,
    /// Not a whole number, or one that 64 bits do not hold.
    InvalidInteger,
    /// A text that none of the accepted formats reads as a time.
    InvalidTimestamp,
    /// Outside the years 1 to 9999.
    TimestampOutOfRange,
    /// Bytes that are no text in the file's encoding.
    InvalidEncoding,
    /// More or fewer fields than the header names.
    WrongFieldCount,
    /// A quote that is opened and not closed, or closed before its field ends.
    BrokenQuote,
    /// A line too long to be a record.
    RecordTooLong,
    /// A line that is not one JSON object, or names a column twice.
    MalformedJson,
    /// A JSON value that is an object, a list or a truth value.
    WrongValueType,
}

impl RejectReason {
    /// The code that the `rejected_rows` table shows.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::KeyMissing => "key_missing",
            Self::InvalidNumber => "invalid_number",
            Self::NumberNotFinite => "number_not_finite",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::InvalidInteger => "invalid_integer",
            Self::InvalidTimestamp => "invalid_timestamp",
            Self::TimestampOutOfRange => "timestamp_out_of_range",
            Self::InvalidEncoding => "invalid_encoding",
            Self::WrongFieldCount => "wrong_field_count",
            Self::BrokenQuote => "broken_quote",
            Self::RecordTooLong => "record_too_long",
            Self::MalformedJson => "malformed_json",
            Self::WrongValueType => "wrong_value_type",
        }
    }
}

/// A row that was kept aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RejectedRow {
    /// Canonical name of the table.
    pub table: &'static str,
    /// The file, relative to the lake.
    pub source_file: Arc<str>,
    /// Which row of the file's data it is, from 1; a header does not count.
    pub row_number: u64,
    /// In text files, the line of the (decompressed) file on which the row starts, from 1.
    pub line: Option<u64>,
    /// Why.
    pub reason: RejectReason,
    /// Canonical name of the offending column; absent where the whole row is at fault.
    pub column: Option<&'static str>,
    /// The offending value, or the start of the offending line.
    pub value: Option<String>,
}

/// Bytes of a value that a rejected row keeps.
const VALUE_LIMIT: usize = 200;

/// Cuts a value to what a rejected row keeps, at a character boundary.
pub(crate) fn excerpt(value: &str) -> String {
    if value.len() <= VALUE_LIMIT {
        return value.to_owned();
    }
    let mut end = VALUE_LIMIT;
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &value[..end])
}

/// The first fault of each bad row of a batch.
#[derive(Debug, Default)]
pub(crate) struct BadRows {
    faults: BTreeMap<usize, Fault>,
}

/// What is wrong with a row of a batch.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Position of the column among the columns read.
    pub(crate) column: usize,
    pub(crate) reason: RejectReason,
    pub(crate) value: Option<String>,
}

impl BadRows {
    /// Notes a fault, unless the row has one already.
    pub(crate) fn add(
        &mut self,
        row: usize,
        column: usize,
        reason: RejectReason,
        value: impl FnOnce() -> Option<String>,
    ) {
        self.faults.entry(row).or_insert_with(|| Fault {
            column,
            reason,
            value: value().map(|text| excerpt(&text)),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn contains(&self, row: usize) -> bool {
        self.faults.contains_key(&row)
    }

    /// The faults by row, ascending.
    pub(crate) fn into_faults(self) -> impl Iterator<Item = (usize, Fault)> {
        self.faults.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_never_cuts_a_character() {
        assert_eq!(excerpt("short"), "short");
        let long = format!("{}é{}", "x".repeat(199), "y".repeat(50));
        assert_eq!(excerpt(&long), format!("{}...", "x".repeat(199)));
    }

    #[test]
    fn a_row_keeps_its_first_fault() {
        let mut bad = BadRows::default();
        bad.add(3, 0, RejectReason::KeyMissing, || None);
        bad.add(3, 1, RejectReason::InvalidNumber, || Some("x".to_owned()));
        let faults: Vec<_> = bad
            .into_faults()
            .map(|(row, fault)| (row, fault.reason))
            .collect();
        assert_eq!(faults, [(3, RejectReason::KeyMissing)]);
    }
}
