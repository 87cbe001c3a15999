//! The README's commands: what it tells people to type is what CI runs.
//!
//! A fenced block marked `sh` is run, from the project's root, in the order of the text. A block marked
//! `sh by-hand` is not (it needs another machine, root, or hours); of its lines, and of the rest, those that
//! start with `cargo` are checked against the command lines that exist, so that none outlives its command.

use std::path::Path;
use std::process::Command;

use clap::Parser as _;
use fs_err as fs;

use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::process::run_keeping;

/// A fenced block of shell commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Line of the opening fence, from 1.
    pub(crate) line: usize,
    /// What follows the fence: `sh` or `sh by-hand`.
    pub(crate) mark: String,
    /// The commands; lines that end in a backslash are joined, comments and empty lines are gone.
    pub(crate) commands: Vec<String>,
}

impl Block {
    fn runs(&self) -> bool {
        self.mark == "sh"
    }
}

/// Runs the README's commands; returns the closing lines of the test runners among them.
pub(crate) fn run(root: &Path, keep: impl Fn(&str) -> bool + Copy) -> (Vec<String>, Result<()>) {
    let text = match fs::read_to_string(root.join("README.md")) {
        Ok(text) => text,
        Err(error) => return (Vec::new(), Err(error.into())),
    };
    let mut kept = Vec::new();
    for command in blocks(&text)
        .iter()
        .filter(|block| block.runs())
        .flat_map(|block| &block.commands)
    {
        // As on a fresh checkout: some commands refuse an output that is there already.
        if let Some(output) = local_output(command)
            && let Err(error) = remove_if_there(&root.join(output))
        {
            return (kept, Err(error.into()));
        }
        let (lines, result) = run_keeping(
            Command::new("bash")
                .args(["-euo", "pipefail", "-c", command])
                .current_dir(root),
            keep,
        );
        kept.extend(lines);
        if result.is_err() {
            return (kept, result);
        }
    }
    (kept, Ok(()))
}

/// The folder below `local` that a command writes.
fn local_output(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace();
    words.find(|word| *word == "--output")?;
    words
        .next()
        .filter(|output| output.starts_with("local/") && !output.contains(".."))
}

fn remove_if_there(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Whether the README's commands run all tests of the default members.
pub(crate) fn covers_tests(root: &Path) -> bool {
    fs::read_to_string(root.join("README.md")).is_ok_and(|text| runs_all_tests(&text))
}

fn runs_all_tests(markdown: &str) -> bool {
    let blocks = blocks(markdown);
    let mut run = blocks
        .iter()
        .filter(|block| block.runs())
        .flat_map(|block| &block.commands);
    run.any(|command| command == "cargo test")
}

/// The shell blocks of a Markdown text.
pub(crate) fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(mark) = line.trim_start().strip_prefix("```").map(str::trim) else {
            continue;
        };
        let body = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| line.trim() != "```");
        if mark
            .split_whitespace()
            .next()
            .is_some_and(|language| ["sh", "bash", "console"].contains(&language))
        {
            blocks.push(Block {
                line: number + 1,
                mark: mark.to_owned(),
                commands: commands(body),
            });
        } else {
            body.for_each(drop);
        }
    }
    blocks
}

fn commands<'a>(body: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut commands = Vec::new();
    let mut open = String::new();
    for line in body.filter(|line| !line.trim_start().starts_with('#')) {
        let line = line.split(" #").next().unwrap_or(line).trim();
        if let Some(start) = line.strip_suffix('\\') {
            open.push_str(start);
        } else {
            open.push_str(line);
            if !open.is_empty() {
                commands.push(std::mem::take(&mut open));
            }
        }
    }
    commands
}

/// What is wrong with the README's blocks: the line and how to mend it.
pub(crate) fn problems(markdown: &str, metadata: &Metadata) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    for block in blocks(markdown) {
        if !["sh", "sh by-hand"].contains(&block.mark.as_str()) {
            let text = format!(
                "a block marked `{}`: mark it `sh` (CI runs it) or `sh by-hand`",
                block.mark
            );
            problems.push((block.line, text));
        }
        for command in &block.commands {
            if block.runs() && command.starts_with("cargo xtask ci") {
                problems.push((
                    block.line,
                    "CI cannot run itself: mark this block `sh by-hand`".to_owned(),
                ));
            }
            if let Some(problem) = unknown(command, metadata) {
                problems.push((block.line, problem));
            }
        }
    }
    problems
}

/// What a `cargo` command names that is not there.
fn unknown(command: &str, metadata: &Metadata) -> Option<String> {
    let mut words = command.split_whitespace();
    if words.next() != Some("cargo") {
        return None;
    }
    let words: Vec<&str> = words.take_while(|word| *word != "--").collect();
    if let Some(("xtask", arguments)) = words.split_first().map(|(first, rest)| (*first, rest)) {
        let line = ["cargo xtask"].iter().chain(arguments);
        return crate::Cli::try_parse_from(line)
            .err()
            .filter(clap::Error::use_stderr)
            .map(|error| {
                format!(
                    "`{command}` is no command: {}",
                    error.to_string().lines().next().unwrap_or("")
                )
            });
    }
    for (flag, kind) in [("--bin", "bin"), ("--example", "example")] {
        let name = words
            .iter()
            .position(|word| *word == flag)
            .and_then(|at| words.get(at + 1));
        let exists = |name: &str| {
            metadata
                .members()
                .any(|member| member.targets_of(kind).any(|n| n == name))
        };
        if let Some(name) = name.filter(|name| !exists(name)) {
            return Some(format!("`{command}` names {flag} {name}, which no crate has"));
        }
    }
    None
}

/// The README as text, with a hint where there is none.
pub(crate) fn read(root: &Path) -> Result<String> {
    let path = root.join("README.md");
    if !path.is_file() {
        return Err(Error::Missing {
            path,
            hint: "a newcomer starts there: write it",
        });
    }
    Ok(fs::read_to_string(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::tests::example;

    const TEXT: &str = "\
# Title
```sh
# build first
cargo run --bin theft -- \\
    --lake data

cargo test    # all of them
```
```rust
cargo nonsense
```
```sh by-hand
sudo systemctl start x
```
";

    #[test]
    fn only_outputs_below_local_are_cleared() {
        assert_eq!(
            local_output("make --output local/lake --seed 1"),
            Some("local/lake")
        );
        assert_eq!(local_output("make --output local/../crates"), None);
        assert_eq!(local_output("make --output /data"), None);
        assert_eq!(local_output("make --lake local/lake"), None);
    }

    #[test]
    fn finds_shell_blocks_joins_lines_and_drops_comments() {
        let found = blocks(TEXT);
        assert_eq!(
            found,
            [
                Block {
                    line: 2,
                    mark: "sh".into(),
                    commands: vec!["cargo run --bin theft -- --lake data".into(), "cargo test".into()],
                },
                Block {
                    line: 12,
                    mark: "sh by-hand".into(),
                    commands: vec!["sudo systemctl start x".into()]
                },
            ]
        );
        assert!(found[0].runs());
        assert!(!found[1].runs());
    }

    #[test]
    fn only_the_plain_command_counts_as_all_tests() {
        assert!(runs_all_tests("```sh\ncargo test\n```\n"));
        assert!(!runs_all_tests("```sh by-hand\ncargo test\n```\n"));
        assert!(!runs_all_tests("```sh\ncargo test --lib\n```\n"));
    }

    #[test]
    fn a_good_text_has_no_problem() {
        assert_eq!(problems(TEXT, &example()), []);
    }

    #[test]
    fn names_what_is_not_there() {
        let check = |text: &str| -> Vec<String> {
            problems(text, &example())
                .into_iter()
                .map(|(line, text)| format!("{line}: {text}"))
                .collect()
        };
        assert_eq!(
            check("```sh\ncargo run --bin thief\n```\n"),
            ["1: `cargo run --bin thief` names --bin thief, which no crate has"]
        );
        assert_eq!(
            check("a\n```sh\ncargo xtask tidyy\n```\n"),
            ["2: `cargo xtask tidyy` is no command: error: unrecognized subcommand 'tidyy'"]
        );
        assert_eq!(
            check("```sh\ncargo xtask ci\n```\n"),
            ["1: CI cannot run itself: mark this block `sh by-hand`"]
        );
        assert_eq!(
            check("```bash\nls\n```\n"),
            ["1: a block marked `bash`: mark it `sh` (CI runs it) or `sh by-hand`"]
        );
        assert_eq!(
            check("```sh by-hand\ncargo xtask package --verify --twice\n```\n"),
            [""; 0]
        );
    }
}
