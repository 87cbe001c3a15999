//! Running other programs: every failure names the command line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// The cargo that runs this program, so that a nested build uses the same toolchain.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// A command as a person would type it: the program's name and its arguments.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let mut text = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let quote = if argument.is_empty() || argument.contains(char::is_whitespace) {
            "'"
        } else {
            ""
        };
        text.extend([" ", quote, &argument, quote]);
    }
    text
}

/// Runs the command with this program's own output streams.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|source| Error::Spawn {
            command: shown(command),
            source,
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed {
            command: shown(command),
            status,
        })
    }
}

/// Runs the command and returns its standard output; its messages go through.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::Spawn {
            command: shown(command),
            source,
        })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Error::Failed {
            command: shown(command),
            status: output.status,
        })
    }
}

/// Whether the command starts and ends well; it prints nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs the command, passes both of its streams on line by line, and returns the lines that `keep` wants.
pub(crate) fn run_keeping(command: &mut Command, keep: impl Fn(&str) -> bool) -> (Vec<String>, Result<()>) {
    eprintln!("$ {}", shown(command));
    let mut kept = Vec::new();
    let result = passing_on(command, |line| {
        if keep(line) {
            kept.push(line.trim().to_owned());
        }
    });
    (kept, result)
}

fn passing_on(command: &mut Command, mut each: impl FnMut(&str)) -> Result<()> {
    let name = shown(command);
    let spawn_error = |source| Error::Spawn {
        command: name.clone(),
        source,
    };
    let (reader, writer) = std::io::pipe()?;
    let twin = writer.try_clone()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(twin)
        .spawn()
        .map_err(spawn_error)?;
    // The command keeps the pipe's writing ends; while this process holds them the reader would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut out = std::io::stdout().lock();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        each(&String::from_utf8_lossy(&line));
        line.clear();
    }
    out.flush()?;
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed {
            command: name,
            status,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shows_a_command_as_it_would_be_typed() {
        let mut command = Command::new("/usr/bin/printf");
        command.args(["a b", "", "c"]);
        assert_eq!(shown(&command), "printf 'a b' '' c");
    }

    #[test]
    fn keeps_the_wanted_lines_of_both_streams() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo ok one; echo no; echo ok two >&2"]);
        let (kept, result) = run_keeping(&mut command, |line| line.starts_with("ok"));
        result.unwrap();
        assert_eq!(kept, ["ok one", "ok two"]);
    }

    #[test]
    fn a_failing_command_is_named_with_its_status() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c 'exit 3'` failed: exit status: 3");
    }
}
