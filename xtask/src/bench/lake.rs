//! The synthetic lakes that are measured on, each made once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;

use crate::error::{Error, Result};
use crate::process::{output, run};

/// How large a lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scale {
    /// 200 service points, 60 days, half-hourly: half a million rows, for trying the benchmark out.
    Small,
    /// 2,000 service points, 365 days, half-hourly: about 37 million rows, what a laptop's peers can still hold.
    City,
    /// 1,000,000 service points, 31 days, half-hourly: about 1.6 billion rows, and lakes of a hundredth and a tenth of
    /// the service points, to see what a row costs as the lake grows. No peer runs unless `--peers` asks for it.
    Million,
}

/// How rows are spread over files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Layout {
    /// A folder a day, rows in no order.
    Daily,
    /// Files sorted by component and time.
    Component,
    /// All rows in one file, in no order.
    OneFile,
}

/// A lake on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lake {
    pub(crate) path: PathBuf,
    pub(crate) service_points: u32,
    days: u32,
    /// Length of an interval.
    pub(crate) interval_seconds: u32,
    layout: Layout,
    /// Files of a day, each of its share of the service points; else one file a day of all.
    files_per_day: Option<u32>,
    bytes: u64,
}

/// One seed for all, so that figures of two versions are of the same rows.
const SEED: u32 = 7;

/// How a large utility's system exports a day: in parallel, each file a share of the components, its rows in no order.
/// With as many in a file, the dictionary of ids stays within the page that writers allow it.
const SERVICE_POINTS_A_FILE: u32 = 40_000;

impl Scale {
    /// What the job may take for its large structures; where it is `None`, what it takes by default.
    pub(crate) fn memory_limit(self) -> Option<&'static str> {
        match self {
            Self::Small | Self::City => None,
            Self::Million => Some("6GB"),
        }
    }

    /// Whether peers run without being asked for.
    pub(crate) fn has_peers(self) -> bool {
        self != Self::Million
    }

    /// The lake of this scale, where there is one of that layout.
    pub(crate) fn lake(self, layout: Layout, folder: &Path) -> Result<Lake> {
        let (service_points, days) = match self {
            Self::Small => (200, 60),
            Self::City => (2_000, 365),
            Self::Million if layout == Layout::Daily => return Ok(exported(1_000_000, folder)),
            Self::Million => return Err(Error::NoSuchLake),
        };
        Ok(plan(service_points, days, layout, None, folder))
    }

    /// Smaller lakes of the same kind, ascending, to see what a row costs as the lake grows.
    pub(crate) fn smaller(self, folder: &Path) -> Vec<Lake> {
        match self {
            Self::Small | Self::City => Vec::new(),
            Self::Million => [10_000, 100_000].map(|n| exported(n, folder)).to_vec(),
        }
    }
}

fn exported(service_points: u32, folder: &Path) -> Lake {
    let files = service_points.div_ceil(SERVICE_POINTS_A_FILE);
    plan(service_points, 31, Layout::Daily, Some(files), folder)
}

fn plan(service_points: u32, days: u32, layout: Layout, files_per_day: Option<u32>, folder: &Path) -> Lake {
    let mut lake = Lake {
        path: PathBuf::new(),
        service_points,
        days,
        interval_seconds: 1_800,
        layout,
        files_per_day,
        bytes: 0,
    };
    lake.path = folder.join("lakes").join(lake.name());
    lake
}

impl Lake {
    /// A name for files about this lake.
    pub(crate) fn name(&self) -> String {
        let size = format!("{}x{}x{}", self.service_points, self.days, self.interval_seconds);
        match self.layout {
            Layout::Daily => size,
            Layout::Component => size + "-component",
            Layout::OneFile => size + "-one-file",
        }
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
        match (self.layout, self.files_per_day) {
            (Layout::Daily, None) => {}
            (Layout::Daily, Some(files)) => {
                command.args(["--files-per-day", &files.to_string(), "--file-share", "range"]);
            }
            (Layout::Component, _) => drop(command.args(["--layout", "component"])),
            (Layout::OneFile, _) => drop(command.args(["--layout", "one_file"])),
        }
        command
    }

    /// Bytes of disk that making it takes, a little more rather than less.
    fn bytes_needed(&self) -> u64 {
        let intervals = u64::from(self.service_points) * u64::from(self.days) * 86_400;
        let rows = intervals / u64::from(self.interval_seconds) * 21 / 20;
        // A row takes 3 to 12 bytes; on its way into the one file it is set aside in 47.
        rows * if self.layout == Layout::OneFile { 60 } else { 8 }
    }
}

impl fmt::Display for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service_points,
            days,
            interval_seconds,
            layout,
            files_per_day,
            bytes,
            ..
        } = self;
        write!(
            f,
            "{service_points} service points, {days} days, {interval_seconds} s intervals, "
        )?;
        match (layout, files_per_day) {
            (Layout::Daily, None | Some(1)) => f.write_str("a file a day, its rows in no order"),
            (Layout::Daily, Some(files)) => write!(
                f,
                "{files} files a day, each of its share of the components, its rows in no order"
            ),
            (Layout::Component, _) => f.write_str("files sorted by component and time"),
            (Layout::OneFile, _) => f.write_str("one file of all rows in no order"),
        }?;
        let megabytes = *bytes as f64 / 1e6;
        write!(f, ", {megabytes:.0} MB of measurements")
    }
}

/// The lake, made by `program` where it is not there yet.
pub(crate) fn made(mut lake: Lake, program: &Path) -> Result<Lake> {
    if !lake.path.is_dir() {
        // Under another name until it is whole: a killed run leaves no half lake to measure on.
        let partial = lake.path.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        if let Some(folder) = lake.path.parent() {
            fs::create_dir_all(folder)?;
            enough(folder, lake.bytes_needed(), free_bytes(folder)?)?;
        }
        run(&mut lake.generator(program, &partial))?;
        fs::rename(&partial, &lake.path)?;
    }
    lake.bytes = size(&lake.path.join("measurements"))?;
    Ok(lake)
}

/// Refuses to begin what the disk cannot hold.
fn enough(folder: &Path, needed: u64, free: u64) -> Result<()> {
    if needed <= free {
        return Ok(());
    }
    Err(Error::Space {
        folder: folder.to_owned(),
        needed_mb: needed / 1_000_000,
        free_mb: free / 1_000_000,
    })
}

/// What is free on the disk of a folder, as POSIX's `df` tells.
fn free_bytes(folder: &Path) -> Result<u64> {
    let mut command = Command::new("df");
    command.arg("-Pk").arg(folder);
    let text = String::from_utf8_lossy(&output(&mut command)?).into_owned();
    free_in(&text).ok_or_else(|| Error::Output {
        command: crate::process::shown(&command),
        source: format!("no free space in {text:?}").into(),
    })
}

/// The kilobytes before the share in percent: names before and after them may hold blanks.
fn free_in(text: &str) -> Option<u64> {
    let fields: Vec<&str> = text.lines().nth(1)?.split_whitespace().collect();
    let share = fields.iter().rposition(|field| field.ends_with('%'))?;
    let kilobytes: u64 = fields.get(share.checked_sub(1)?)?.parse().ok()?;
    Some(kilobytes * 1024)
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
        let small = || Scale::Small.lake(Layout::Daily, folder.path()).unwrap();
        write("/bin/mkdir -p $2/measurements/a && echo \"$@\" > $2/measurements/a/b && exit 74");
        made(small(), &program).unwrap_err();
        assert!(!small().path.exists(), "half a lake is no lake");

        write("/bin/mkdir -p $2/measurements/a && printf 12345 > $2/measurements/a/b");
        let lake = made(small(), &program).unwrap();
        assert_eq!(lake.bytes, 5);
        assert_eq!(
            lake.to_string(),
            "200 service points, 60 days, 1800 s intervals, a file a day, its rows in no order, 0 MB of measurements"
        );
        write("exit 74");
        assert_eq!(made(small(), &program).unwrap(), lake, "not made again");
    }

    fn command_for(scale: Scale, layout: Layout) -> String {
        let lake = scale.lake(layout, Path::new("b")).unwrap();
        crate::process::shown(&lake.generator(Path::new("bin/synthetic-lake"), Path::new("o")))
    }

    #[test]
    fn the_generator_is_told_all_that_the_rows_depend_on() {
        let city = "synthetic-lake --output o --service-points 2000 --days 365 --interval-seconds 1800 --seed 7 --preset oracle_mdm";
        assert_eq!(command_for(Scale::City, Layout::Daily), city);
        assert_eq!(
            command_for(Scale::City, Layout::Component),
            format!("{city} --layout component")
        );
        assert_eq!(
            command_for(Scale::City, Layout::OneFile),
            format!("{city} --layout one_file")
        );
        assert_eq!(
            command_for(Scale::Million, Layout::Daily),
            "synthetic-lake --output o --service-points 1000000 --days 31 --interval-seconds 1800 --seed 7 --preset oracle_mdm --files-per-day 25 --file-share range"
        );
    }

    #[test]
    fn every_lake_has_a_folder_of_its_own() {
        let folder = Path::new("b");
        let name = |scale: Scale, layout| scale.lake(layout, folder).unwrap().name();
        assert_eq!(name(Scale::City, Layout::Daily), "2000x365x1800");
        assert_eq!(name(Scale::City, Layout::Component), "2000x365x1800-component");
        assert_eq!(name(Scale::City, Layout::OneFile), "2000x365x1800-one-file");
        let smaller = Scale::Million.smaller(folder);
        let names: Vec<String> = smaller.iter().map(Lake::name).collect();
        assert_eq!(names, ["10000x31x1800", "100000x31x1800"]);
        let files: Vec<_> = smaller.iter().map(|lake| lake.files_per_day).collect();
        assert_eq!(files, [Some(1), Some(3)]);
        assert!(Scale::City.smaller(folder).is_empty());
        assert!(Scale::Million.lake(Layout::OneFile, folder).is_err());
    }

    #[test]
    fn a_disk_that_is_too_small_is_told_before_the_work() {
        let folder = Path::new("lakes");
        let million = Scale::Million.lake(Layout::Daily, folder).unwrap();
        let needed = million.bytes_needed();
        assert!((10_000_000_000..15_000_000_000).contains(&needed), "{needed}");
        enough(folder, needed, needed).unwrap();
        let error = enough(folder, 2_000_000, 1_999_999).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`lakes` has 1 MB free, and 2 MB are needed for a lake"
        );
    }

    #[test]
    fn the_free_space_is_the_figure_before_the_share() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                    my disk 264212084 50793312 44492576 54% /a b\n";
        assert_eq!(free_in(text), Some(44_492_576 * 1024));
        assert_eq!(free_in("Filesystem\n"), None);
        assert!(free_bytes(Path::new(".")).unwrap() > 0);
    }
}
