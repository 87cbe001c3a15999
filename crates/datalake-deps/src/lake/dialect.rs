//! How CSV files are written, checked.

use encoding_rs::Encoding;

use super::config::CsvConfig;
use super::error::LakeError;

/// A [`CsvConfig`] that means something.
#[derive(Debug, Clone)]
pub(crate) struct CsvDialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: Option<u8>,
    pub(crate) encoding: &'static Encoding,
    /// Names of the columns; `None`: the first record has them.
    pub(crate) column_names: Option<Vec<String>>,
    pub(crate) null_values: Vec<String>,
    pub(crate) max_record_lines: u64,
}

impl CsvDialect {
    /// Checks a config that stands below the key `at`.
    pub(crate) fn new(config: &CsvConfig, at: &str) -> Result<Self, LakeError> {
        let wrong = |key: &str, problem: String, hint: &str| LakeError::Config {
            key: format!("{at}.{key}"),
            problem,
            hint: hint.to_owned(),
        };
        let one_byte = |key: &str, character: char| {
            let byte = u8::try_from(character).ok().filter(u8::is_ascii);
            byte.filter(|byte| !matches!(byte, b'\r' | b'\n')).ok_or_else(|| {
                let hint = "write one ASCII character, for instance `;`, `|` or `\\t`";
                wrong(key, format!("`{character}` cannot be used"), hint)
            })
        };
        let delimiter = one_byte("delimiter", config.delimiter)?;
        let quote = config.quote.map(|quote| one_byte("quote", quote)).transpose()?;
        if quote == Some(delimiter) {
            return Err(wrong(
                "quote",
                "it is the delimiter too".to_owned(),
                "write `null` where nothing is quoted",
            ));
        }
        let encoding = Encoding::for_label(config.encoding.as_bytes()).ok_or_else(|| {
            let hint = "write a label such as `utf-8`, `latin1`, `windows-1252` or `utf-16le`";
            wrong("encoding", format!("`{}` is no encoding", config.encoding), hint)
        })?;
        if config.header != config.column_names.is_empty() {
            let problem = if config.header {
                "the header names the columns already"
            } else {
                "there is no header"
            };
            let hint = "name the columns either by `header` or by `column_names`";
            return Err(wrong("column_names", problem.to_owned(), hint));
        }
        Ok(Self {
            delimiter,
            quote,
            encoding,
            column_names: (!config.header).then(|| config.column_names.clone()),
            null_values: config.null_values.clone(),
            max_record_lines: u64::from(config.max_record_lines.max(1)),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn each_key_is_checked() {
        for (config, message) in [
            (
                r#"{"delimiter": "→"}"#,
                "the config's `csv.delimiter` is wrong: `→` cannot be used",
            ),
            (
                r#"{"quote": "\n"}"#,
                "the config's `csv.quote` is wrong: `\n` cannot be used",
            ),
            (
                r#"{"quote": ","}"#,
                "the config's `csv.quote` is wrong: it is the delimiter too",
            ),
            (
                r#"{"encoding": "klingon"}"#,
                "the config's `csv.encoding` is wrong: `klingon` is no encoding",
            ),
            (
                r#"{"header": false}"#,
                "the config's `csv.column_names` is wrong: there is no header",
            ),
            (
                r#"{"column_names": ["a"]}"#,
                "the config's `csv.column_names` is wrong: the header names the columns already",
            ),
        ] {
            let config: CsvConfig = serde_json::from_str(config).unwrap();
            assert_eq!(CsvDialect::new(&config, "csv").unwrap_err().to_string(), message);
        }
        let dialect = CsvDialect::new(&CsvConfig::default(), "csv").unwrap();
        assert_eq!((dialect.delimiter, dialect.quote), (b',', Some(b'"')));
        assert_eq!(dialect.encoding, encoding_rs::UTF_8);
    }
}
