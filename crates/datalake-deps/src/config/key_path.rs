//! Dotted paths of config keys: `rules.sustained_drop.ratio`.

use std::fmt;

use super::ConfigError;

/// The keys from the top of the config down to one value.
///
/// Written with dots between the keys; a key that holds anything but letters, digits, `_` and `-` is written in
/// double quotes (`columns."reading date"`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path of these keys.
    pub fn new(keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(keys.into_iter().map(Into::into).collect())
    }

    /// Reads the dotted form.
    ///
    /// # Errors
    /// [`ConfigError::Assignment`] where a key is empty or a quote stays open.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        match Self::parse_prefix(text)? {
            (path, "") => Ok(path),
            (_, rest) => Err(ConfigError::assignment(
                text,
                format!("`{rest}` does not belong to a dotted key"),
            )),
        }
    }

    /// Reads the dotted form up to an `=` or the end, and gives what is left.
    pub(super) fn parse_prefix(text: &str) -> Result<(Self, &str), ConfigError> {
        let mut keys = Vec::new();
        let mut rest = text;
        loop {
            let (key, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted
                    .split_once('"')
                    .ok_or_else(|| ConfigError::assignment(text, "a quote stays open".to_owned()))?,
                None => rest.split_at(rest.find(['.', '=']).unwrap_or(rest.len())),
            };
            if key.is_empty() {
                return Err(ConfigError::assignment(text, "a key is empty".to_owned()));
            }
            keys.push(key.to_owned());
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None => return Ok((Self(keys), after)),
            }
        }
    }

    /// The keys, outermost first.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// The path one key deeper.
    #[must_use]
    pub fn child(&self, key: &str) -> Self {
        let mut keys = self.0.clone();
        keys.push(key.to_owned());
        Self(keys)
    }

    /// Whether `other` is this path or lies below it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, key) in self.0.iter().enumerate() {
            if depth > 0 {
                f.write_str(".")?;
            }
            if key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
                f.write_str(key)?;
            } else {
                write!(f, "\"{key}\"")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_keep_dots_together() {
        let path = KeyPath::parse("columns.\"a.b=c\".name").unwrap();
        assert_eq!(path.keys(), ["columns", "a.b=c", "name"]);
        assert_eq!(path.to_string(), "columns.\"a.b=c\".name");
    }

    #[test]
    fn malformed_paths_are_refused() {
        for text in ["", ".a", "a..b", "a.", "\"a", "\"\"", "\"a\"b", "a=b"] {
            assert!(KeyPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_holds_itself_and_what_is_below() {
        let path = KeyPath::new(["a", "b"]);
        assert!(path.holds(&path) && path.holds(&path.child("c")));
        assert!(!path.holds(&KeyPath::new(["a", "bc"])) && !path.holds(&KeyPath::new(["a"])));
    }

    proptest! {
        #[test]
        fn the_written_form_reads_back(keys in proptest::collection::vec("[a-zA-Z0-9_.= -]{1,6}", 1..4)) {
            let path = KeyPath::new(keys);
            prop_assert_eq!(KeyPath::parse(&path.to_string()).unwrap(), path);
        }
    }
}
