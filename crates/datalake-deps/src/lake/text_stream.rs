//! Text files as streams of UTF-8: decompressed and decoded on the way.

use std::io::{BufRead, BufReader, Cursor, Read};

use encoding_rs::Encoding;
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::discover::DataFile;
use super::error::LakeError;

const BUFFER_BYTES: usize = 256 * 1024;
const REPLACEMENT: &str = "\u{fffd}";

/// A text file, decompressed, without a byte order mark.
pub(crate) struct TextStream {
    reader: Box<dyn BufRead + Send>,
    /// Whether bytes that are no text have become U+FFFD; else they come through as they are.
    transcoded: bool,
}

impl TextStream {
    /// Opens a file; gzip and zstd are told by their first bytes, UTF-8 and UTF-16 by their byte order marks.
    pub(crate) fn open(file: &DataFile, encoding: &'static Encoding) -> Result<Self, LakeError> {
        let corrupt = |error| LakeError::corrupt(&file.path, "text", error);
        let file = file.open().map_err(LakeError::Read)?;
        let (magic, raw) = peek(BufReader::with_capacity(BUFFER_BYTES, file)).map_err(LakeError::Read)?;
        let plain: Box<dyn BufRead + Send> = if magic.starts_with(&[0x1f, 0x8b]) {
            let decoder = flate2::bufread::MultiGzDecoder::new(raw);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let decoder = zstd::Decoder::with_buffer(raw).map_err(corrupt)?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
        } else {
            Box::new(raw)
        };
        let (mark, mut text) = peek(plain).map_err(corrupt)?;
        if mark.starts_with(&[0xef, 0xbb, 0xbf]) {
            let mut mark = [0; 3];
            text.read_exact(&mut mark).map_err(corrupt)?;
            return Ok(Self {
                reader: Box::new(text),
                transcoded: false,
            });
        }
        let utf_16 = mark.starts_with(&[0xff, 0xfe]) || mark.starts_with(&[0xfe, 0xff]);
        if encoding == encoding_rs::UTF_8 && !utf_16 {
            return Ok(Self {
                reader: Box::new(text),
                transcoded: false,
            });
        }
        let decoder = DecodeReaderBytesBuilder::new()
            .encoding(Some(encoding))
            .bom_override(true)
            .strip_bom(true)
            .build(text);
        Ok(Self {
            reader: Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)),
            transcoded: true,
        })
    }

    /// A stream over bytes in memory.
    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self {
            reader: Box::new(Cursor::new(bytes.to_vec())),
            transcoded: false,
        }
    }

    /// Appends the next line with its line feed, but no more than `limit` bytes; 0 at the end of the file.
    pub(crate) fn append_line(&mut self, line: &mut Vec<u8>, limit: usize) -> std::io::Result<usize> {
        self.reader.by_ref().take(limit as u64).read_until(b'\n', line)
    }

    /// Whether there is anything but white space.
    pub(crate) fn has_text(mut self) -> std::io::Result<bool> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(false);
            }
            if !buffer.trim_ascii().is_empty() {
                return Ok(true);
            }
            let blank = buffer.len();
            self.reader.consume(blank);
        }
    }

    /// Skips what is left of the current line.
    pub(crate) fn skip_line(&mut self) -> std::io::Result<()> {
        self.reader.skip_until(b'\n').map(|_| ())
    }

    /// The text of some bytes, unless they were no text in the file's encoding.
    pub(crate) fn text<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        let text = std::str::from_utf8(bytes).ok()?;
        (!self.transcoded || !text.contains(REPLACEMENT)).then_some(text)
    }
}

/// The first bytes of a stream, and the stream from its start.
fn peek<R: BufRead + Send>(mut reader: R) -> std::io::Result<(Vec<u8>, impl BufRead + Send + use<R>)> {
    let mut first = Vec::with_capacity(4);
    reader.by_ref().take(4).read_to_end(&mut first)?;
    Ok((first.clone(), Cursor::new(first).chain(reader)))
}
