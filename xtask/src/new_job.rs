//! Scaffolds a job: a thin binary, and a module with extract, transform and load, that runs and is tested.
//!
//! ```text
//! crates/datalake-jobs/src/bin/<name>.rs
//! crates/datalake-jobs/src/<name>/{mod,error,extract,transform,load}.rs
//! crates/datalake-jobs/src/lib.rs            + `pub mod <name>;`
//! ```
//!
//! The new binary needs to be entered nowhere else: the archive, the units and CI find it by cargo.

mod check;

use std::path::Path;

use fs_err as fs;

use crate::error::{Error, Result};
use crate::process::{cargo, run as run_command};

pub(crate) use check::run as check;

/// The crate of the jobs.
const CRATE: &str = "crates/datalake-jobs";

/// The scaffold's files: where each goes below `src`, and its text.
const TEMPLATES: [(&str, &str); 6] = [
    ("bin/{{name}}.rs", include_str!("../assets/new_job/bin.rs.in")),
    ("{{module}}/mod.rs", include_str!("../assets/new_job/mod.rs.in")),
    (
        "{{module}}/error.rs",
        include_str!("../assets/new_job/error.rs.in"),
    ),
    (
        "{{module}}/extract.rs",
        include_str!("../assets/new_job/extract.rs.in"),
    ),
    (
        "{{module}}/transform.rs",
        include_str!("../assets/new_job/transform.rs.in"),
    ),
    ("{{module}}/load.rs", include_str!("../assets/new_job/load.rs.in")),
];

/// Names that a module cannot have: keywords, and what the crate root means already.
const RESERVED: [&str; 16] = [
    "as", "async", "await", "crate", "dyn", "enum", "extern", "fn", "impl", "match", "mod", "self", "super",
    "trait", "type", "use",
];

/// Options of `new-job`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job's name: lower-case words joined by hyphens.
    name: String,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let name = args.name.as_str();
    check_name(name)?;
    write(root, name)?;
    run_command(cargo(root).args(["fmt", "--package", "datalake-jobs"]))?;
    eprintln!(
        "try it: cargo test -p datalake-jobs {} && cargo run --bin {name} -- --help",
        module(name)
    );
    Ok(())
}

/// Writes the scaffold's files and declares its module.
fn write(root: &Path, name: &str) -> Result<()> {
    let source = root.join(CRATE).join("src");
    let files = TEMPLATES.map(|(path, text)| (source.join(fill(path, name)), fill(text, name)));
    // All or nothing: a second scaffold under one name must not replace half of the first.
    for (path, _) in &files {
        if path.exists() {
            return Err(Error::Exists(path.clone()));
        }
    }
    for (path, text) in &files {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
        eprintln!("wrote {}", path.display());
    }
    let library = source.join("lib.rs");
    fs::write(&library, declare(&fs::read_to_string(&library)?, &module(name)))?;
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    let error = |why| {
        Err(Error::JobName {
            name: name.to_owned(),
            why,
        })
    };
    if name.is_empty() || name.len() > 48 {
        return error("it must have 1 to 48 characters");
    }
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return error("it may hold lower-case letters, digits and hyphens only");
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || name.split('-').any(str::is_empty) {
        return error("it must start with a letter, and no word of it may be empty");
    }
    if RESERVED.contains(&name) {
        return error("it is a word of the language");
    }
    Ok(())
}

fn module(name: &str) -> String {
    name.replace('-', "_")
}

fn fill(template: &str, name: &str) -> String {
    template
        .replace("{{name}}", name)
        .replace("{{module}}", &module(name))
}

/// The library's text with `pub mod <module>;` in its place among its sorted likes.
fn declare(library: &str, module: &str) -> String {
    let line = format!("pub mod {module};");
    let declared = |line: &&str| line.starts_with("pub mod ");
    let before = library
        .lines()
        .filter(declared)
        .take_while(|other| **other < *line)
        .count();
    let mut lines: Vec<&str> = library.lines().collect();
    let places: Vec<usize> = (0..lines.len()).filter(|at| declared(&lines[*at])).collect();
    let at = match (places.get(before), places.last()) {
        (Some(next), _) => *next,
        (None, Some(last)) => last + 1,
        (None, None) => lines.len(),
    };
    if places.is_empty() {
        lines.push("");
    }
    lines.insert(at + usize::from(places.is_empty()), &line);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_joined_by_hyphens() {
        for good in ["forecast", "load-forecast", "voltage-2g"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Load",
            "load_forecast",
            "-load",
            "load-",
            "a--b",
            "2g",
            "../x",
            "type",
            &"a".repeat(49),
        ] {
            assert!(matches!(check_name(bad), Err(Error::JobName { .. })), "{bad}");
        }
    }

    #[test]
    fn the_module_is_declared_in_its_sorted_place() {
        let check = |library: &str, module: &str| declare(library, module);
        assert_eq!(check("//! Jobs.\n", "b"), "//! Jobs.\n\npub mod b;\n");
        let two = "//! Jobs.\n\npub mod b;\npub mod d;\n";
        assert_eq!(
            check(two, "a"),
            "//! Jobs.\n\npub mod a;\npub mod b;\npub mod d;\n"
        );
        assert_eq!(
            check(two, "c"),
            "//! Jobs.\n\npub mod b;\npub mod c;\npub mod d;\n"
        );
        assert_eq!(
            check(two, "e"),
            "//! Jobs.\n\npub mod b;\npub mod d;\npub mod e;\n"
        );
    }

    #[test]
    fn the_scaffold_is_formatted_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join(CRATE).join("src");
        fs::create_dir_all(&source).unwrap();
        fs::write(source.join("lib.rs"), "//! Jobs.\n").unwrap();
        write(folder.path(), "sample-job").unwrap();

        let library = fs::read_to_string(source.join("lib.rs")).unwrap();
        assert_eq!(library, "//! Jobs.\n\npub mod sample_job;\n");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.rustfmt.toml");
        for (path, _) in TEMPLATES {
            let path = source.join(fill(path, "sample-job"));
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains("{{"), "{}", path.display());
            let mut rustfmt = std::process::Command::new("rustfmt");
            rustfmt
                .args(["--check", "--edition", "2024", "--config-path"])
                .arg(&rules)
                .arg(&path);
            run_command(&mut rustfmt).unwrap();
        }

        let text = fs::read_to_string(source.join("sample_job/load.rs")).unwrap();
        fs::remove_file(source.join("bin/sample-job.rs")).unwrap();
        assert!(matches!(
            write(folder.path(), "sample-job"),
            Err(Error::Exists(_))
        ));
        assert_eq!(
            fs::read_to_string(source.join("sample_job/load.rs")).unwrap(),
            text
        );
        assert!(!source.join("bin/sample-job.rs").exists(), "all or nothing");
    }
}
