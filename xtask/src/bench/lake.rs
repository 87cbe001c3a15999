//! The synthetic lakes that are measured on, each made once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::error::Result;
use crate::process::run;

/// How large a lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scale {
    /// 200 service points, 60 days, half-hourly: half a million rows, for trying the benchmark out.
    Small,
    /// 2,000 service points, 365 days, half-hourly: about 35 million rows, what a laptop's peers can still hold.
    City,
}

/// A lake on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lake {
    pub(crate) path: PathBuf,
    service_points: u32,
    days: u32,
    /// Length of an interval.
    pub(crate) interval_seconds: u32,
    bytes: u64,
}

/// One seed for all, so that figures of two versions are of the same rows.
const SEED: u32 = 7;

impl Scale {
    fn plan(self, folder: &Path) -> Lake {
        let (service_points, days, interval_seconds) = match self {
            Self::Small => (200, 60, 1800),
            Self::City => (2_000, 365, 1800),
        };
        let name = format!("{service_points}x{days}x{interval_seconds}");
        Lake {
            path: folder.join("lakes").join(name),
            service_points,
            days,
            interval_seconds,
            bytes: 0,
        }
    }
}

impl Lake {
    /// A name for files about this lake.
    pub(crate) fn name(&self) -> String {
        format!("{}x{}x{}", self.service_points, self.days, self.interval_seconds)
    }

    fn generator(&self, program: &Path, output: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("--output").arg(output);
        for (flag, value) in [
            ("--service-points", self.service_points),
            ("--days", self.days),
            ("--interval-seconds", self.interval_seconds),
            ("--seed", SEED),
        ] {
            command.args([flag, &value.to_string()]);
        }
        command.args(["--preset", "oracle_mdm"]);
        command
    }
}

impl fmt::Display for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service_points,
            days,
            interval_seconds,
            bytes,
            ..
        } = self;
        let megabytes = *bytes as f64 / 1e6;
        write!(
            f,
            "{service_points} service points, {days} days, {interval_seconds} s intervals, {megabytes:.0} MB of measurements"
        )
    }
}

/// The lake of this scale, made by `program` where it is not there yet.
pub(crate) fn made(scale: Scale, folder: &Path, program: &Path) -> Result<Lake> {
    let mut lake = scale.plan(folder);
    if !lake.path.is_dir() {
        // Under another name until it is whole: a killed run leaves no half lake to measure on.
        let partial = lake.path.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(folder.join("lakes"))?;
        run(&mut lake.generator(program, &partial))?;
        fs::rename(&partial, &lake.path)?;
    }
    lake.bytes = size(&lake.path.join("measurements"))?;
    Ok(lake)
}

fn size(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            size(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_is_made_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("make");
        let write = |script: &str| {
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
            fs::set_permissions(&program, mode).unwrap();
        };
        write("/bin/mkdir -p $2/measurements/a && echo \"$@\" > $2/measurements/a/b && exit 74");
        made(Scale::Small, folder.path(), &program).unwrap_err();
        assert!(
            !Scale::Small.plan(folder.path()).path.exists(),
            "half a lake is no lake"
        );

        write("/bin/mkdir -p $2/measurements/a && printf 12345 > $2/measurements/a/b");
        let lake = made(Scale::Small, folder.path(), &program).unwrap();
        assert_eq!(lake.bytes, 5);
        assert_eq!(
            lake.to_string(),
            "200 service points, 60 days, 1800 s intervals, 0 MB of measurements"
        );
        write("exit 74");
        assert_eq!(
            made(Scale::Small, folder.path(), &program).unwrap(),
            lake,
            "not made again"
        );
    }

    #[test]
    fn the_generator_is_told_all_that_the_rows_depend_on() {
        let command = Scale::City
            .plan(Path::new("b"))
            .generator(Path::new("bin/synthetic-lake"), Path::new("o"));
        assert_eq!(
            crate::process::shown(&command),
            "synthetic-lake --output o --service-points 2000 --days 365 --interval-seconds 1800 --seed 7 --preset oracle_mdm"
        );
    }
}
