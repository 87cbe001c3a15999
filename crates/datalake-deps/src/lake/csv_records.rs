//! Records of delimited text, told apart even where quotes are broken.
//!
//! Lines are fed to the parser one by one. A record that a lost closing quote has swallowed lines into shows itself by
//! going on for too many lines, by the wrong number of fields, or by the end of the file; then its first line alone is
//! given up, and reading goes on with the line after it.

use super::dialect::CsvDialect;
use super::reject::RejectReason;
use super::text_stream::TextStream;

/// Bytes of a line, or of a record over several lines, at most.
pub(crate) const RECORD_BYTES: usize = 1 << 20;

/// Splits a stream into records.
pub(crate) struct CsvRecords {
    stream: TextStream,
    parser: csv_core::Reader,
    delimiter: u8,
    quote: Option<u8>,
    max_lines: u64,
    /// Lines read and not yet made into records.
    window: Vec<u8>,
    /// Number of the window's first line, from 1.
    line: u64,
    /// The fields of the current record, one after the other.
    fields: Vec<u8>,
    ends: Vec<usize>,
    field_count: usize,
    /// The bytes of the window that the current record was made of.
    consumed: usize,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CsvRecord {
    /// A record that starts on this line.
    Fields { line: u64 },
    /// A line that is no record.
    Broken { line: u64, reason: RejectReason },
}

impl CsvRecords {
    pub(crate) fn new(stream: TextStream, dialect: &CsvDialect) -> Self {
        let parser = csv_core::ReaderBuilder::new()
            .delimiter(dialect.delimiter)
            .quoting(dialect.quote.is_some())
            .quote(dialect.quote.unwrap_or_default())
            .build();
        Self {
            stream,
            parser,
            delimiter: dialect.delimiter,
            quote: dialect.quote,
            max_lines: dialect.max_record_lines,
            window: Vec::new(),
            line: 1,
            fields: vec![0; 1_024],
            ends: vec![0; 64],
            field_count: 0,
            consumed: 0,
        }
    }

    /// The next record or broken line; `None` at the end. Blank lines are skipped.
    pub(crate) fn next(&mut self, expected: Option<usize>) -> std::io::Result<Option<CsvRecord>> {
        self.drop_consumed();
        loop {
            if self.window.is_empty() && !self.read_line()? {
                return Ok(None);
            }
            let end = self.line_end(0);
            if self.window[..end]
                .iter()
                .all(|byte| matches!(byte, b'\r' | b'\n'))
            {
                self.consumed = end;
                self.drop_consumed();
                continue;
            }
            return self.record(expected).map(Some);
        }
    }

    /// The current record's fields.
    pub(crate) fn len(&self) -> usize {
        self.field_count
    }

    /// A field of the current record; `None`: bytes that are no text in the file's encoding.
    pub(crate) fn field(&self, at: usize) -> Option<&str> {
        self.stream.text(self.bytes(at))
    }

    /// The bytes of a field of the current record.
    pub(crate) fn bytes(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.fields[start..self.ends[at]]
    }

    /// The lines of the current record, or the broken line.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.window[..self.consumed]
    }

    /// Gives the current record up for its first line, which has lost a closing quote.
    pub(crate) fn give_up(&mut self) {
        self.consumed = self.line_end(0);
    }

    /// Whether each quote of the current record opens a field, closes it, or is doubled inside. The parser itself takes
    /// what follows a closing quote into the field.
    fn well_quoted(&self) -> bool {
        let Some(quote) = self.quote else { return true };
        let raw = self.raw();
        if !raw.contains(&quote) {
            return true;
        }
        let ends_field = |byte: Option<&u8>| {
            byte.is_none_or(|byte| *byte == self.delimiter || matches!(byte, b'\r' | b'\n'))
        };
        let (mut at, mut starts_field) = (0, true);
        while at < raw.len() {
            if starts_field && raw[at] == quote {
                // To the closing quote.
                loop {
                    at += 1;
                    match (raw.get(at), raw.get(at + 1)) {
                        (None, _) => return false,
                        (Some(byte), Some(next)) if *byte == quote && *next == quote => at += 1,
                        (Some(byte), next) if *byte == quote => {
                            if !ends_field(next) {
                                return false;
                            }
                            break;
                        }
                        _ => {}
                    }
                }
                starts_field = false;
            } else {
                starts_field = raw[at] == self.delimiter;
            }
            at += 1;
        }
        true
    }

    /// Parses the record at the start of the window, reading further lines while it is inside quotes.
    fn record(&mut self, expected: Option<usize>) -> std::io::Result<CsvRecord> {
        let line = self.line;
        let (mut start, mut written, mut lines) = (0, 0, 0);
        self.field_count = 0;
        self.parser.reset();
        loop {
            if start == self.window.len() && !self.read_line()? {
                return Ok(self.broken(line, RejectReason::BrokenQuote));
            }
            let end = self.line_end(start);
            if end - start >= RECORD_BYTES && self.window[end - 1] != b'\n' {
                return if start == 0 {
                    self.too_long(line)
                } else {
                    Ok(self.broken(line, RejectReason::BrokenQuote))
                };
            }
            lines += 1;
            if lines > self.max_lines || end > RECORD_BYTES {
                return Ok(self.broken(line, RejectReason::BrokenQuote));
            }
            if self.parse_line(&mut start, end, &mut written) {
                // The parser ends a record at the carriage return of CR LF.
                let pair = self.window[..start].ends_with(b"\r") && self.window.get(start) == Some(&b'\n');
                self.consumed = start + usize::from(pair);
                let swallowed = lines > 1 && expected.is_some_and(|expected| expected != self.field_count);
                if swallowed || !self.well_quoted() {
                    return Ok(self.broken(line, RejectReason::BrokenQuote));
                }
                return Ok(CsvRecord::Fields { line });
            }
        }
    }

    /// Feeds the window from `start` to `end`; whether a record ended there.
    fn parse_line(&mut self, start: &mut usize, end: usize, written: &mut usize) -> bool {
        // The file's last line may lack its line feed.
        let mut unended = self.window[end - 1] != b'\n';
        loop {
            let input = match (*start < end, unended) {
                (true, _) => &self.window[*start..end],
                (false, true) => b"\n",
                (false, false) => return false,
            };
            let (result, read, wrote, ended) = self.parser.read_record(
                input,
                &mut self.fields[*written..],
                &mut self.ends[self.field_count..],
            );
            if *start < end {
                *start += read;
            } else {
                unended = read == 0;
            }
            *written += wrote;
            self.field_count += ended;
            match result {
                csv_core::ReadRecordResult::Record => return true,
                csv_core::ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                csv_core::ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                csv_core::ReadRecordResult::InputEmpty | csv_core::ReadRecordResult::End => {}
            }
        }
    }

    /// Gives up the first line of the window.
    fn broken(&mut self, line: u64, reason: RejectReason) -> CsvRecord {
        self.consumed = self.line_end(0);
        CsvRecord::Broken { line, reason }
    }

    fn too_long(&mut self, line: u64) -> std::io::Result<CsvRecord> {
        self.stream.skip_line()?;
        // The rest of the line is gone: the window now ends as if the line did.
        self.window.push(b'\n');
        Ok(self.broken(line, RejectReason::RecordTooLong))
    }

    /// Appends a line to the window; false at the end of the file.
    fn read_line(&mut self) -> std::io::Result<bool> {
        Ok(self.stream.append_line(&mut self.window, RECORD_BYTES)? > 0)
    }

    /// The position after the line that starts at `start`.
    fn line_end(&self, start: usize) -> usize {
        self.window[start..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.window.len(), |at| start + at + 1)
    }

    fn drop_consumed(&mut self) {
        let gone = &self.window[..self.consumed];
        self.line += gone.split_inclusive(|byte| *byte == b'\n').count() as u64;
        if self.consumed == self.window.len() {
            self.window.clear();
        } else {
            self.window.drain(..self.consumed);
        }
        self.consumed = 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::lake::config::CsvConfig;

    /// What is read from `text`, a line each: the record's line and its fields, or the reason.
    fn read(text: &str, expected: usize) -> Vec<String> {
        read_with(text, expected, &CsvConfig::default())
    }

    fn read_with(text: &str, expected: usize, config: &CsvConfig) -> Vec<String> {
        let dialect = CsvDialect::new(config, "csv").unwrap();
        let mut records = CsvRecords::new(TextStream::from_bytes(text.as_bytes()), &dialect);
        let mut found = Vec::new();
        while let Some(record) = records.next(Some(expected)).unwrap() {
            found.push(match record {
                CsvRecord::Fields { line } => {
                    let fields: Vec<_> = (0..records.len()).map(|at| records.field(at).unwrap()).collect();
                    format!("{line}: {}", fields.join("|"))
                }
                CsvRecord::Broken { line, reason } => {
                    format!(
                        "{line}! {} {}",
                        reason.code(),
                        String::from_utf8_lossy(records.raw()).trim_end()
                    )
                }
            });
        }
        found
    }

    #[test]
    fn records_quotes_and_line_ends() {
        assert_eq!(
            read(
                "a,b\n1,\"x, \"\"y\"\"\"\r\n\n\r\n2,\"two\nlines\"\n3,5\" pipe\n4,",
                2
            ),
            [
                "1: a|b",
                "2: 1|x, \"y\"",
                "5: 2|two\nlines",
                "7: 3|5\" pipe",
                "8: 4|"
            ]
        );
        assert_eq!(read("", 2), Vec::<String>::new());
        assert_eq!(read("\n\n", 2), Vec::<String>::new());
        assert_eq!(read("one", 1), ["1: one"]);
        assert_eq!(read("\"quoted\"", 1), ["1: quoted"]);
        assert_eq!(read(",\n", 2), ["1: |"]);
    }

    #[test]
    fn a_lost_quote_costs_one_line() {
        // Swallows up to the end of the file.
        assert_eq!(
            read("1,a\n2,\"b\n3,c\n4,d\n", 2),
            ["1: 1|a", "2! broken_quote 2,\"b", "3: 3|c", "4: 4|d"]
        );
        // Swallows up to the next quote, and then has the wrong number of fields.
        assert_eq!(
            read("1,\"a\n2,b\n3,\"c\"\n4,d\n", 2),
            ["1! broken_quote 1,\"a", "2: 2|b", "3: 3|c", "4: 4|d"]
        );
        // Swallows up to the next quote, and the number of fields happens to fit.
        assert_eq!(read("1,\"a\n2,\"b\"\n", 2), ["1! broken_quote 1,\"a", "2: 2|b"]);
        // Closes before its field ends.
        assert_eq!(
            read("\"1\"2,a\n\"3\",b\n", 2),
            ["1! broken_quote \"1\"2,a", "2: 3|b"]
        );
        // On the last line, without a line feed.
        assert_eq!(read("1,a\n2,\"b", 2), ["1: 1|a", "2! broken_quote 2,\"b"]);
    }

    #[test]
    fn a_record_over_too_many_lines_has_lost_a_quote() {
        let config = CsvConfig {
            max_record_lines: 3,
            ..CsvConfig::default()
        };
        assert_eq!(
            read_with("1,\"a\nb\nc\"\n2,d\n", 2, &config),
            ["1: 1|a\nb\nc", "4: 2|d"]
        );
        assert_eq!(
            read_with("1,\"a\n2,b\n3,c\n4,d\n5,\"e\"\n", 2, &config),
            ["1! broken_quote 1,\"a", "2: 2|b", "3: 3|c", "4: 4|d", "5: 5|e"]
        );
    }

    #[test]
    fn an_endless_line_is_given_up_without_holding_it() {
        let text = format!("1,a\n2,{}\n3,c\n", "x".repeat(3 * RECORD_BYTES));
        let found = read(&text, 2);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], "1: 1|a");
        assert!(
            found[1].starts_with("2! record_too_long 2,xxx"),
            "{}",
            &found[1][..40]
        );
        assert_eq!(found[2], "3: 3|c");
    }

    #[test]
    fn other_dialects() {
        let config = CsvConfig {
            delimiter: ';',
            quote: None,
            ..CsvConfig::default()
        };
        assert_eq!(read_with("a;\"b\n1,2;c\n", 2, &config), ["1: a|\"b", "2: 1,2|c"]);
    }

    #[test]
    fn many_and_long_fields_fit() {
        let text = format!("{},{}\n", "x".repeat(5_000), vec!["y"; 200].join(","));
        let found = read(&text, 201);
        assert_eq!(
            found,
            [format!("1: {}|{}", "x".repeat(5_000), vec!["y"; 200].join("|"))]
        );
    }
}
