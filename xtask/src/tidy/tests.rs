#![allow(clippy::unwrap_used)]
use super::*;
use crate::metadata::tests::example;

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_top_level_is_closed_but_for_dotfiles() {
    let files = [
        ".ci/run",
        "Cargo.toml",
        "crates/a/src/lib.rs",
        "deploy/a.service",
        "deploy/b.service",
        "notes.txt",
    ];
    let files = files.map(str::to_owned);
    assert_eq!(
        lines(&top_level(&files)),
        [
            "error: deploy: does not belong at the top: move it below crates, configs or xtask",
            "error: notes.txt: does not belong at the top: move it below crates, configs or xtask",
        ]
    );
}

#[test]
fn every_banned_text_is_found_with_its_line() {
    for (start, end, mend) in BANNED {
        let text = format!("fine\nlet a = {start}{end});\n");
        assert_eq!(
            lines(&banned("crates/a/src/lib.rs", &text)),
            [format!("error: crates/a/src/lib.rs:2: `{start}{end}` is {mend}")]
        );
    }
    assert_eq!(banned("a.rs", "let path = root.join(\"target\");\n"), []);
}

#[test]
fn a_large_source_is_a_warning_only() {
    let at_limit = "a".repeat(25 * 1024);
    assert_eq!(source("crates/a/src/lib.rs", &at_limit), []);
    let past = "a".repeat(25 * 1024 + 1);
    assert_eq!(
        lines(&source("crates/a/src/lib.rs", &past)),
        ["warning: crates/a/src/lib.rs: 25 KB: a file past 25 KB is two things, split it"]
    );
}

#[test]
fn transformations_are_pure_outside_of_comments() {
    let text = "//! Unlike std::fs, this reads nothing.\nlet a = std::env::var(\"A\");\n";
    assert_eq!(
        lines(&source("crates/datalake-transforms/src/a.rs", text)),
        [
            "error: crates/datalake-transforms/src/a.rs:2: `std::env` reads the environment: \
             a transformation is a function of its input, move this to datalake-deps"
        ]
    );
    assert_eq!(source("crates/datalake-deps/src/a.rs", text), []);
}

#[test]
fn manifests_inherit_versions_and_lints() {
    let good = "[dependencies]\nserde.workspace = true\nclap = { workspace = true, optional = true }\n\n[lints]\nworkspace = true\n";
    assert_eq!(manifest("crates/a/Cargo.toml", good), []);
    let bad = "[package]\nname = \"a\"\n[dev-dependencies]\nserde = \"1\"\n";
    assert_eq!(
        lines(&manifest("crates/a/Cargo.toml", bad)),
        [
            "error: crates/a/Cargo.toml:4: name the version in the root Cargo.toml, with its reason, \
             and write `.workspace = true`",
            "error: crates/a/Cargo.toml: has no `[lints] workspace = true`",
        ]
    );
}

#[test]
fn only_jobs_know_both_sides() {
    let mut metadata = example();
    let package = &mut metadata.packages[0];
    assert_eq!(layering(package), []);
    package.name = "datalake-transforms".into();
    package.dependencies[0].name = "datalake-deps".into();
    assert_eq!(
        lines(&layering(package)),
        [
            "error: crates/datalake-transforms/Cargo.toml: `datalake-transforms` must not depend on \
             `datalake-deps`: jobs are the only glue between the two sides"
        ]
    );
    package.dependencies[0].kind = Some("dev".into());
    assert_eq!(layering(package), [], "tests may use both");
}

#[test]
fn variables_are_whole_literals_outside_of_comments() {
    let text = "
        // \"DATALAKE_COMMENT\"
        const A: &str = \"DATALAKE_MASTER\";
        const PREFIX: &str = \"DATALAKE__\";
        let b = (\"DATALAKE_FILES\", \"DATALAKE_a\", \"about DATALAKE_X\");
        #[cfg(test)]
        const C: &str = \"DATALAKE_MADE_UP\";
    ";
    let found = environment_variables("crates/a/src/lib.rs", text);
    assert_eq!(found, ["DATALAKE_MASTER", "DATALAKE_FILES"]);
    assert!(environment_variables("crates/a/src/b/tests.rs", text).is_empty());
    assert!(environment_variables("crates/a/tests/it/main.rs", text).is_empty());
}

#[test]
fn a_variable_must_be_in_a_guide() {
    let variables = [("a.rs", "DATALAKE_MASTER"), ("b.rs", "DATALAKE_MASTER")];
    let variables = variables.map(|(path, name)| (path.to_owned(), name.to_owned()));
    assert_eq!(
        undocumented(&variables, "| `DATALAKE_MASTER` | where it runs |"),
        []
    );
    assert_eq!(
        lines(&undocumented(&variables, "nothing")),
        ["error: a.rs: `DATALAKE_MASTER` is in no guide: say in README.md or .env.example what it does"]
    );
}
