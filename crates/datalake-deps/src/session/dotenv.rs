//! The file `.env`: variables for this process that need not be exported.

use std::io;
use std::path::Path;

use super::SessionError;

/// Reads `.env` in the working folder, if there is one, and sets the variables that the environment does not have:
/// the environment itself is never overridden. Call it first thing in `main`, before threads exist and before the
/// command line is parsed.
///
/// # Errors
/// [`SessionError::Dotenv`] with the line, never with what stands there; nothing is set then.
pub fn load_dotenv() -> Result<(), SessionError> {
    read(Path::new(".env")).map(|_| ())
}

/// The names that the file holds, none where there is no file.
pub(super) fn read(path: &Path) -> Result<Vec<String>, SessionError> {
    let text = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(SessionError::Dotenv {
                place: path.display().to_string(),
                why: error.to_string(),
            });
        }
    };
    // All lines are looked at before the first is set.
    let entries: Result<Vec<_>, _> = dotenvy::from_read_iter(text.as_bytes()).collect();
    let names = entries
        .map_err(|error| fault(path, &text, &error))?
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    dotenvy::from_read(text.as_bytes()).map_err(|error| fault(path, &text, &error))?;
    Ok(names)
}

fn fault(path: &Path, text: &str, error: &dotenvy::Error) -> SessionError {
    let line = match error {
        dotenvy::Error::LineParse(content, _) => text.lines().position(|line| line == content),
        _ => None,
    };
    let place = match line {
        Some(index) => format!("{}:{}", path.display(), index + 1),
        None => path.display().to_string(),
    };
    // The library's message quotes the line, which may hold a secret.
    SessionError::Dotenv {
        place,
        why: "the line is not of the form NAME=value".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diagnostic::render;

    #[test]
    fn variables_are_set_but_never_overridden() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        assert!(read(&path).unwrap().is_empty());
        let own = "DATALAKE_DEPS_DOTENV_TEST";
        fs_err::write(&path, format!("# note\nexport {own}='a b'\nPATH=overridden\n")).unwrap();
        assert_eq!(read(&path).unwrap(), [own, "PATH"]);
        assert_eq!(std::env::var(own).unwrap(), "a b");
        assert_ne!(std::env::var("PATH").unwrap(), "overridden");
        fs_err::write(&path, format!("{own}=other\n")).unwrap();
        read(&path).unwrap();
        assert_eq!(std::env::var(own).unwrap(), "a b");
    }

    #[test]
    fn a_bad_line_is_named_but_not_shown_and_nothing_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs_err::write(&path, "DATALAKE_DEPS_DOTENV_UNSET=1\nPASSWORD hunter2\n").unwrap();
        let text = render(&read(&path).unwrap_err());
        assert!(text.contains(".env:2`") && !text.contains("hunter2"), "{text}");
        assert!(std::env::var_os("DATALAKE_DEPS_DOTENV_UNSET").is_none());
    }
}
