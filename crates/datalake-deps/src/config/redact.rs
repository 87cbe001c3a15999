//! Keeps secrets out of logs, prints and run records.

use serde_json::Value;

/// What stands in the place of a secret.
const REDACTED: &str = "***";

/// Words that make a key look secret; `key` is one, `keys` and `monkey` are not.
const SECRET_WORDS: [&str; 11] = [
    "apikey",
    "credential",
    "credentials",
    "key",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "secrets",
    "token",
];

/// Whether a config key or variable looks as if its value were secret: one of its words (between `_`, `-`, `.`,
/// blanks, or a change of case) is password, secret, token, key, credential or the like.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    words(key)
        .iter()
        .any(|word| SECRET_WORDS.contains(&word.as_str()))
}

fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in key.chars() {
        let breaks = !character.is_alphanumeric();
        if breaks || (after_lower && character.is_uppercase()) {
            words.push(String::new());
        }
        if let (false, Some(word)) = (breaks, words.last_mut()) {
            word.extend(character.to_lowercase());
        }
        after_lower = character.is_lowercase();
    }
    words
}

/// The same JSON with every string and number under a secret-looking key replaced, and with the user part cut
/// out of URLs.
#[must_use]
pub fn redact(value: &Value) -> Value {
    redact_below(value, false)
}

fn redact_below(value: &Value, secret: bool) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), redact_below(value, secret || is_secret(key))))
            .collect(),
        Value::Array(items) => items.iter().map(|item| redact_below(item, secret)).collect(),
        Value::String(_) | Value::Number(_) if secret => REDACTED.into(),
        Value::String(text) => redact_url(text).into(),
        other => other.clone(),
    }
}

/// `https://user:word@host/x?token=y` without what stands before the `@` and after the `?`; any other text as it is.
#[must_use]
pub fn redact_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{REDACTED}@{host}"),
        None => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, _)) => format!("{path}?{REDACTED}"),
        None => path.to_owned(),
    };
    format!("{scheme}://{host}{path}")
}

/// A message with every URL in it as [`redact_url`] has it.
#[must_use]
pub fn redact_text(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || ['`', '"', '\'', '<', '>', '(', ')'].contains(&c);
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(ends) {
        if word.contains("://") {
            let (url, end) = match word.char_indices().next_back() {
                Some((at, last)) if ends(last) => word.split_at(at),
                _ => (word, ""),
            };
            out.push_str(&redact_url(url));
            out.push_str(end);
        } else {
            out.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_judged_by_their_words() {
        for key in [
            "password",
            "db_password",
            "DATALAKE__S3__SECRET",
            "accessKey",
            "api-key",
            "aws.token",
            "Credentials",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["keys", "monkey", "tokens_per_day", "keyword", "min_days", ""] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn urls_in_messages_lose_their_secrets() {
        assert_eq!(
            redact_text("cannot read `s3://me:word@bucket/lake?token=abc`: not there (see https://host/x)"),
            "cannot read `s3://***@bucket/lake?***`: not there (see https://host/x)"
        );
        assert_eq!(redact_text("a:b@c, no url, d/e?f=g"), "a:b@c, no url, d/e?f=g");
    }

    #[test]
    fn everything_below_a_secret_key_goes() {
        let value = json!({
            "output": "out",
            "token": {"a": "x", "b": [1, "y", true, null]},
            "source": "s3://me:word@bucket/path@x",
            "plain": "s3://bucket/path@x",
            "n": 3,
        });
        let expected = json!({
            "output": "out",
            "token": {"a": "***", "b": ["***", "***", true, null]},
            "source": "s3://***@bucket/path@x",
            "plain": "s3://bucket/path@x",
            "n": 3,
        });
        assert_eq!(redact(&value), expected);
        assert_eq!(redact(&expected), expected);
    }
}
