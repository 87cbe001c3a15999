//! Wall time, processor time and peak memory of one child process and its own children.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::Instant;

use wait4::Wait4 as _;

use crate::error::{Error, Result};
use crate::process::shown;

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    /// Seconds from start to end.
    pub(crate) wall_seconds: f64,
    /// Processor seconds, in user mode and in the kernel.
    pub(crate) cpu_seconds: f64,
    /// Greatest resident memory, in MB of 10^6 bytes.
    pub(crate) peak_mb: f64,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            wall_seconds,
            cpu_seconds,
            peak_mb,
        } = self;
        write!(
            f,
            "{wall_seconds:8.2} s wall {cpu_seconds:8.2} s CPU {peak_mb:8.0} MB"
        )
    }
}

/// Runs the command to its end; what it prints on standard output is dropped, its messages only where it fails.
pub(crate) fn run(command: &mut Command) -> Result<Usage> {
    let name = shown(command);
    let messages = tempfile::NamedTempFile::new()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(messages.reopen()?);
    let start = Instant::now();
    let child = command.spawn().map_err(|source| Error::Spawn {
        command: name.clone(),
        source,
    })?;
    let end = child.wait4()?;
    let wall_seconds = start.elapsed().as_secs_f64();
    if !end.status.success() {
        eprint!("{}", String::from_utf8_lossy(&fs_err::read(messages.path())?));
        return Err(Error::Failed {
            command: name,
            status: end.status,
        });
    }
    Ok(Usage {
        wall_seconds,
        cpu_seconds: (end.rusage.utime + end.rusage.stime).as_secs_f64(),
        peak_mb: end.rusage.maxrss as f64 / 1e6,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_grandchildren_that_are_waited_for() {
        // `:` in a loop of a subshell burns processor time in a process of its own.
        let busy = "(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done); exit 0";
        let usage = run(Command::new("sh").args(["-c", busy])).unwrap();
        assert!(usage.cpu_seconds > 0.0, "{usage}");
        assert!(usage.peak_mb > 0.1 && usage.peak_mb < 1000.0, "in MB: {usage}");
    }

    #[test]
    fn a_failed_run_is_no_measurement() {
        let error = run(Command::new("sh").args(["-c", "exit 65"])).unwrap_err();
        assert!(matches!(error, Error::Failed { status, .. } if status.code() == Some(65)));
    }
}
