//! Ids and codes as numbers: each text is kept once, for all threads.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::row::NO_TEXT;
use crate::error::TransformError;

/// Seeded alike in every run; nothing iterates over the map.
type FixedHasher = BuildHasherDefault<DefaultHasher>;

#[derive(Debug, Default)]
struct Inner {
    codes: HashMap<Arc<str>, u32, FixedHasher>,
    texts: Vec<Arc<str>>,
}

/// All texts of the rows. Their codes follow the order in which they came, so nothing is ever ordered by code.
#[derive(Debug, Default)]
pub struct Texts(RwLock<Inner>);

/// The texts as they are now; nobody adds one while this is held.
#[derive(Debug)]
pub struct ReadTexts<'t>(RwLockReadGuard<'t, Inner>);

impl Texts {
    /// The code of each text, blanks around it left out; absent and blank texts have the same code.
    pub(super) fn codes<'a>(
        &self,
        texts: impl Iterator<Item = Option<&'a str>>,
    ) -> Result<Vec<u32>, TransformError> {
        let texts: Vec<&str> = texts.map(|text| text.unwrap_or_default().trim()).collect();
        let mut codes = vec![NO_TEXT; texts.len()];
        let mut strange = Vec::new();
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            for (at, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
                match known.codes.get(*text) {
                    Some(&code) => codes[at] = code,
                    None => strange.push(at),
                }
            }
        }
        if strange.is_empty() {
            return Ok(codes);
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for at in strange {
            codes[at] = known.code(texts[at])?;
        }
        Ok(codes)
    }

    /// The texts, to be looked up by code. Do not wait for other threads while this is held.
    #[must_use]
    pub fn read(&self) -> ReadTexts<'_> {
        ReadTexts(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn code(&mut self, text: &str) -> Result<u32, TransformError> {
        if let Some(&code) = self.codes.get(text) {
            return Ok(code);
        }
        let code = u32::try_from(self.texts.len())
            .ok()
            .filter(|&code| code != NO_TEXT)
            .ok_or_else(|| TransformError::Parameter {
                name: "measurements".to_owned(),
                value: format!("{} ids and codes", self.texts.len()),
                why: "32 bits cannot count them".to_owned(),
            })?;
        let text: Arc<str> = Arc::from(text);
        self.texts.push(Arc::clone(&text));
        self.codes.insert(text, code);
        Ok(code)
    }
}

impl ReadTexts<'_> {
    /// The text of a code; none for that of an absent text.
    pub(super) fn get(&self, code: u32) -> Option<&str> {
        self.0.texts.get(code as usize).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_text_has_one_code_and_blank_is_none() {
        let texts = Texts::default();
        let codes = texts
            .codes([Some("b"), None, Some(" a "), Some("  "), Some("b ")].into_iter())
            .unwrap();
        assert_eq!(codes, [0, NO_TEXT, 1, NO_TEXT, 0]);
        assert_eq!(texts.codes([Some("a")].into_iter()).unwrap(), [1]);
        let read = texts.read();
        assert_eq!(
            (read.get(0), read.get(1), read.get(NO_TEXT)),
            (Some("b"), Some("a"), None)
        );
    }
}
