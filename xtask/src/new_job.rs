//! Scaffolds a job: a thin binary, and a module with extract, transform and load, that runs and is tested.
//!
//! ```text
//! crates/datalake-jobs/src/bin/<name>.rs
//! crates/datalake-jobs/src/<name>/{mod,error,extract,transform,load}.rs
//! crates/datalake-jobs/src/lib.rs            + `pub mod <name>;`
//! ```
//!
//! The new binary needs to be entered nowhere else: the archive, the units and CI find it by cargo.

use std::path::Path;

use fs_err as fs;

use crate::error::{Error, Result};
use crate::process::{cargo, run as run_command};

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
    run_command(cargo(root).args(["fmt", "--package", "datalake-jobs"]))?;
    eprintln!(
        "try it: cargo test -p datalake-jobs {} && cargo run --bin {name} -- --help",
        module(name)
    );
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
    if name
        .split('-')
        .any(|word| !word.starts_with(|first: char| first.is_ascii_lowercase()))
    {
        return error("each of its words must start with a letter");
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
    use crate::process::output;
    use std::path::PathBuf;
    use std::process::Command;

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

    /// A copy of the workspace, one folder deeper than the original: so cargo gives the copied crates other names
    /// in the target folder that both share, and takes the dependencies from there as they are.
    fn copy(root: &Path, to: &Path) -> PathBuf {
        let copy = to.join("copy");
        let mut list = Command::new("git");
        list.current_dir(root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        for name in String::from_utf8(output(&mut list).unwrap())
            .unwrap()
            .split_terminator('\0')
        {
            if root.join(name).is_file() {
                fs::create_dir_all(copy.join(name).parent().unwrap()).unwrap();
                fs::copy(root.join(name), copy.join(name)).unwrap();
            }
        }
        let manifest = fs::read_to_string(copy.join("Cargo.toml")).unwrap();
        let deeper = manifest
            .replace("\"crates/", "\"copy/crates/")
            .replace("\"xtask\"", "\"copy/xtask\"");
        fs::write(to.join("Cargo.toml"), deeper).unwrap();
        fs::remove_file(copy.join("Cargo.toml")).unwrap();
        fs::rename(copy.join("Cargo.lock"), to.join("Cargo.lock")).unwrap();
        copy
    }

    #[test]
    fn the_scaffold_compiles_passes_its_tests_and_is_formatted() {
        let root = crate::project_root().unwrap();
        let target = crate::metadata::Metadata::read(&root).unwrap().target_directory;
        let folder = tempfile::tempdir().unwrap();
        let copy = copy(&root, folder.path());
        let args = Args {
            name: "sample-job".into(),
        };
        run(&copy, &args).unwrap();

        let before = fs::read_to_string(copy.join(CRATE).join("src/sample_job/mod.rs")).unwrap();
        assert!(
            matches!(run(&copy, &args), Err(Error::Exists(_))),
            "nothing is overwritten"
        );
        assert_eq!(
            fs::read_to_string(copy.join(CRATE).join("src/sample_job/mod.rs")).unwrap(),
            before
        );

        let mut test = cargo(&copy);
        test.args([
            "test",
            "--locked",
            "--package",
            "datalake-jobs",
            "--lib",
            "--bin",
            "sample-job",
            "sample_job",
        ]);
        let report = String::from_utf8(output(test.env("CARGO_TARGET_DIR", &target)).unwrap()).unwrap();
        assert!(
            report.contains("test sample_job::tests::"),
            "its tests ran: {report}"
        );
        run_command(cargo(&copy).args(["fmt", "--package", "datalake-jobs", "--check"])).unwrap();
    }
}
