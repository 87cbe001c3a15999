//! Evidence packs compressed: each case's drawings while others are drawn, and groups of cases in the page.

use std::io::{self, Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, GzBuilder};

/// Cases of a group: so many share what their packs have in common, and are opened together.
pub(super) const GROUP: usize = 16;

/// Stands between the packs of a group; no pack holds it, because control characters are shown by their numbers.
pub(super) const SEPARATOR: &str = "\u{1e}";

/// Quickly, to be kept until the page is made.
pub(super) fn deflate(html: &str) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(html.as_bytes())?;
    encoder.finish()
}

/// What was deflated.
pub(super) fn inflate(bytes: &[u8]) -> io::Result<String> {
    let mut html = String::new();
    DeflateDecoder::new(bytes).read_to_string(&mut html)?;
    Ok(html)
}

/// Packs of a group as gzip in base64, with nothing of the time or the system in it.
pub(super) fn group(packs: &[String]) -> io::Result<String> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::best());
    encoder.write_all(packs.join(SEPARATOR).as_bytes())?;
    Ok(STANDARD.encode(encoder.finish()?))
}

/// A digest as a content security policy names it.
pub(super) fn policy_digest(code: &str) -> String {
    use sha2::Digest as _;
    format!(
        "'sha256-{}'",
        STANDARD.encode(sha2::Sha256::digest(code.as_bytes()))
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let html = "<p>Zähler</p>".repeat(100);
        assert_eq!(inflate(&deflate(&html).unwrap()).unwrap(), html);
        let packed = group(&[html.clone(), "b".to_owned()]).unwrap();
        let bytes = STANDARD.decode(&packed).unwrap();
        // No time, no name, no system: RFC 1952, section 2.3.
        assert_eq!(bytes[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[9], 255);
        let mut text = String::new();
        GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
        assert_eq!(text.split(SEPARATOR).collect::<Vec<_>>(), [&*html, "b"]);
    }

    #[test]
    fn a_policy_names_code_by_its_digest() {
        // Of nothing, as FIPS 180-4 has it.
        assert_eq!(
            policy_digest(""),
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
        );
    }
}
