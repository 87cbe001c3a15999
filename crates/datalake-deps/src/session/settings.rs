//! Session settings, `--conf key=value`.

use std::path::{Path, PathBuf};

use super::master::MAX_THREADS;
use super::memory::{available_bytes, parse_bytes};
use super::{Master, SessionError};

/// The settings by their names, and Spark's names for two of them.
pub(super) const KNOWN_SETTINGS: [(&str, Key); 6] = [
    ("threads", Key::Threads),
    ("memory_limit", Key::MemoryLimit),
    ("batch_rows", Key::BatchRows),
    ("spill_folder", Key::SpillFolder),
    ("spark.cores.max", Key::Threads),
    ("spark.executor.memory", Key::MemoryLimit),
];

/// Rows of a batch: above it the columns of one batch leave the cache, and reading slows down.
const DEFAULT_BATCH_ROWS: usize = 8192;
const MAX_BATCH_ROWS: usize = 1 << 20;

/// Of the machine's memory the job's large structures take 3/5; the rest is for everything that is not counted.
const MEMORY_SHARE: (u64, u64) = (3, 5);

/// Where the machine does not say how much memory it has.
const FALLBACK_MEMORY_BYTES: u64 = 2 << 30;
const MIN_MEMORY_BYTES: u64 = 1 << 20;

/// A session setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Threads,
    MemoryLimit,
    BatchRows,
    SpillFolder,
}

/// The settings as they were given; what is not given stays open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Given {
    threads: Option<usize>,
    memory_limit_bytes: Option<u64>,
    batch_rows: Option<usize>,
    spill_folder: Option<PathBuf>,
}

impl Given {
    /// Takes `key=value`; a key given again replaces what was given before.
    pub(super) fn set_text(&mut self, text: &str) -> Result<(), SessionError> {
        match text.split_once('=') {
            Some((key, value)) => self.set(key.trim(), value.trim()),
            None => Err(SessionError::SettingForm {
                text: text.to_owned(),
            }),
        }
    }

    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), SessionError> {
        let error = |why: String| SessionError::Setting {
            key: key.to_owned(),
            value: value.to_owned(),
            why,
        };
        let count = |max: usize| match value.parse() {
            Ok(count) if (1..=max).contains(&count) => Ok(Some(count)),
            _ => Err(error(format!("a whole number from 1 to {max} is needed"))),
        };
        match KNOWN_SETTINGS.iter().find(|(name, _)| *name == key) {
            Some((_, Key::Threads)) => self.threads = count(MAX_THREADS)?,
            Some((_, Key::BatchRows)) => self.batch_rows = count(MAX_BATCH_ROWS)?,
            Some((_, Key::MemoryLimit)) => {
                let bytes = parse_bytes(value).filter(|bytes| *bytes >= MIN_MEMORY_BYTES);
                let why = || error("a size of 1MiB or more is needed, such as 6GB or 512MiB".to_owned());
                self.memory_limit_bytes = Some(bytes.ok_or_else(why)?);
            }
            Some((_, Key::SpillFolder)) if value.is_empty() => {
                return Err(error("a folder is needed".to_owned()));
            }
            Some((_, Key::SpillFolder)) => self.spill_folder = Some(PathBuf::from(value)),
            None => return Err(SessionError::UnknownSetting { key: key.to_owned() }),
        }
        Ok(())
    }

    /// Fills in what is open. `threads` goes before the number in `local[N]`.
    pub(super) fn settle(self, master: &Master) -> Settings {
        let all_cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let of_master = || match master {
            Master::Threads(threads) => *threads,
            Master::AllCores | Master::Cluster(_) => all_cores(),
        };
        let share = || {
            let (part, whole) = MEMORY_SHARE;
            let bytes =
                available_bytes(Path::new("/")).map_or(FALLBACK_MEMORY_BYTES, |all| all / whole * part);
            bytes.max(MIN_MEMORY_BYTES)
        };
        Settings {
            threads: self.threads.unwrap_or_else(of_master),
            memory_limit_bytes: self.memory_limit_bytes.unwrap_or_else(share),
            batch_rows: self.batch_rows.unwrap_or(DEFAULT_BATCH_ROWS),
            spill_base: self.spill_folder.unwrap_or_else(std::env::temp_dir),
        }
    }
}

/// The settings of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) threads: usize,
    pub(super) memory_limit_bytes: u64,
    pub(super) batch_rows: usize,
    pub(super) spill_base: PathBuf,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diagnostic::render;

    fn given(texts: &[&str]) -> Result<Given, SessionError> {
        let mut given = Given::default();
        texts.iter().try_for_each(|text| given.set_text(text))?;
        Ok(given)
    }

    #[test]
    fn settings_and_their_spark_names_are_read() {
        let own = [
            "threads=3",
            "memory_limit=6GB",
            "batch_rows=100",
            "spill_folder=/x=y",
        ];
        let settings = given(&own).unwrap().settle(&Master::AllCores);
        let expected = Settings {
            threads: 3,
            memory_limit_bytes: 6_000_000_000,
            batch_rows: 100,
            spill_base: PathBuf::from("/x=y"),
        };
        assert_eq!(settings, expected);
        let spark = given(&["spark.cores.max = 2", "spark.executor.memory=6g", "threads=5"]).unwrap();
        assert_eq!(spark.threads, Some(5));
        assert_eq!(spark.memory_limit_bytes, Some(6 << 30));
    }

    #[test]
    fn what_is_open_is_filled_in() {
        let settings = Given::default().settle(&Master::Threads(7));
        assert_eq!(settings.threads, 7);
        assert_eq!(settings.batch_rows, 8192);
        assert_eq!(settings.spill_base, std::env::temp_dir());
        let machine = available_bytes(Path::new("/")).unwrap();
        assert_eq!(settings.memory_limit_bytes, machine / 5 * 3);
        assert!(Given::default().settle(&Master::AllCores).threads >= 1);
        assert_eq!(
            given(&["threads=2"]).unwrap().settle(&Master::Threads(7)).threads,
            2
        );
    }

    #[test]
    fn faults_say_what_is_allowed() {
        insta::assert_snapshot!(render(&given(&["thread=3"]).unwrap_err()), @r"
        error: there is no session setting `thread`
        hint: write `--conf key=value`; known keys are threads, memory_limit, batch_rows, spill_folder, spark.cores.max, spark.executor.memory
        ");
        insta::assert_snapshot!(render(&given(&["threads"]).unwrap_err()), @r"
        error: the session setting `threads` has no value
        hint: write `--conf key=value`; known keys are threads, memory_limit, batch_rows, spill_folder, spark.cores.max, spark.executor.memory
        ");
        insta::assert_snapshot!(render(&given(&["threads=0"]).unwrap_err()), @"error: the session setting `threads` cannot be `0`: a whole number from 1 to 1024 is needed");
        insta::assert_snapshot!(render(&given(&["memory_limit=lots"]).unwrap_err()), @"error: the session setting `memory_limit` cannot be `lots`: a size of 1MiB or more is needed, such as 6GB or 512MiB");
        for text in [
            "threads=1025",
            "threads=x",
            "batch_rows=0",
            "batch_rows=1048577",
            "memory_limit=1048575",
            "spill_folder=",
        ] {
            assert!(
                matches!(given(&[text]), Err(SessionError::Setting { .. })),
                "{text}"
            );
        }
        assert!(given(&["threads=1024", "batch_rows=1048576", "memory_limit=1MiB"]).is_ok());
    }
}
