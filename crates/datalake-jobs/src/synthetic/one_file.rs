//! All rows in one file, in no order: what memory cannot hold is shuffled by way of the disk.
//!
//! Each row goes to a bucket drawn by chance; a bucket is a file of fixed-length records. Then bucket after bucket
//! is sorted (rows arrive in the order of the threads, which must not show), shuffled, and written to the one file.

use std::io::{BufReader, Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use datalake_deps::session::StopFlag;
use datalake_transforms::model::Condition;
use fs_err::File;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::day::Row;
use super::error::ToolError;
use super::measurements::Encoder;
use super::options::Format;
use super::output::TableFile;
use super::random::{Purpose, stream};

/// Rows of a bucket, about: what one thread holds in memory.
const ROWS: usize = 1 << 20;
/// Most files to hold open; above that buckets grow.
const MOST: usize = 512;
/// Bytes of a record.
const RECORD: usize = 47;

/// Files of rows set aside, removed when dropped.
pub(super) struct Buckets {
    files: Vec<Mutex<File>>,
    folder: tempfile::TempDir,
}

impl Buckets {
    /// Buckets for about this number of rows, beside a folder.
    pub(super) fn new(beside: &Path, rows: usize) -> Result<Self, ToolError> {
        let parent = beside.parent().unwrap_or(beside);
        let folder = tempfile::Builder::new().prefix(".rows-").tempdir_in(parent)?;
        let files = (0..rows.div_ceil(ROWS).clamp(1, MOST))
            .map(|i| Ok(Mutex::new(File::create(folder.path().join(i.to_string()))?)))
            .collect::<Result<_, ToolError>>()?;
        Ok(Self { files, folder })
    }

    /// Sets rows aside, each by chance.
    pub(super) fn add(&self, rows: &[Row], rng: &mut ChaCha8Rng) -> Result<(), ToolError> {
        let mut parts = vec![Vec::new(); self.files.len()];
        for row in rows {
            parts[rng.random_range(0..self.files.len())].extend(record(row));
        }
        for (file, bytes) in self.files.iter().zip(&parts) {
            // A poisoned lock means that another thread panicked: the run fails with that panic anyway.
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(bytes)?;
        }
        Ok(())
    }

    /// Writes all rows to one file. Buckets are made ready as many at a time as there are threads.
    pub(super) fn write(
        self,
        seed: u64,
        encoder: &Encoder,
        path: &Path,
        format: Format,
        stop: &StopFlag,
    ) -> Result<(), ToolError> {
        let mut file = TableFile::create(path, &encoder.schema, format)?;
        let numbers: Vec<usize> = (0..self.files.len()).collect();
        for some in numbers.chunks(rayon::current_num_threads()) {
            stop.check()?;
            let batches = some
                .par_iter()
                .map(|number| {
                    let bucket = self.folder.path().join(number.to_string());
                    let mut rows = read(&bucket)?;
                    fs_err::remove_file(&bucket)?;
                    rows.par_sort_unstable();
                    rows.shuffle(&mut stream(seed, Purpose::Shuffle, *number as u64, i64::MAX));
                    encoder.batch(&rows).map_err(ToolError::arrow(path))
                })
                .collect::<Result<Vec<_>, _>>()?;
            batches.iter().try_for_each(|batch| file.write(batch))?;
        }
        file.close()
    }
}

fn read(path: &Path) -> Result<Vec<Row>, ToolError> {
    let file = File::open(path)?;
    let records = file.metadata()?.len() as usize / RECORD;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut bytes = [0; RECORD];
    let mut rows = Vec::with_capacity(records);
    for _ in 0..records {
        reader.read_exact(&mut bytes)?;
        rows.push(row(&bytes));
    }
    Ok(rows)
}

fn record(row: &Row) -> [u8; RECORD] {
    let (reading, since) = row.register.unwrap_or_default();
    let flags = [row.do_not_use, row.padded, row.register.is_some()];
    let flags = flags
        .iter()
        .rev()
        .fold(0, |bits, flag| bits << 1 | u8::from(*flag));
    let mut bytes = [0; RECORD];
    bytes[..4].copy_from_slice(&row.component.to_le_bytes());
    for (i, number) in [row.end, row.micro, row.updated, reading, since]
        .into_iter()
        .enumerate()
    {
        bytes[4 + 8 * i..12 + 8 * i].copy_from_slice(&number.to_le_bytes());
    }
    bytes[44..].copy_from_slice(&[row.condition as u8, row.version, flags]);
    bytes
}

fn row(bytes: &[u8; RECORD]) -> Row {
    let number = |i: usize| {
        let mut number = [0; 8];
        number.copy_from_slice(&bytes[4 + 8 * i..12 + 8 * i]);
        i64::from_le_bytes(number)
    };
    let [condition, version, flags] = [bytes[44], bytes[45], bytes[46]];
    let conditions = [
        Condition::Actual,
        Condition::Estimated,
        Condition::Missing,
        Condition::Override,
    ];
    Row {
        component: u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        end: number(0),
        micro: number(1),
        condition: conditions
            .into_iter()
            .find(|of| *of as u8 == condition)
            .unwrap_or(Condition::Unknown),
        do_not_use: flags & 1 != 0,
        updated: number(2),
        version,
        padded: flags & 2 != 0,
        register: (flags & 4 != 0).then(|| (number(3), number(4))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_from_its_record() {
        let plain = Row {
            component: u32::MAX - 1,
            end: 1_700_000_000,
            micro: -7_000,
            condition: Condition::Actual,
            do_not_use: false,
            updated: i64::MIN,
            version: 2,
            padded: true,
            register: None,
        };
        let odd = Row {
            condition: Condition::Unknown,
            do_not_use: true,
            padded: false,
            register: Some((0, -1)),
            ..plain
        };
        for condition in [Condition::Estimated, Condition::Missing, Condition::Override] {
            let other = Row { condition, ..odd };
            assert_eq!(row(&record(&other)), other);
        }
        assert_eq!(row(&record(&plain)), plain);
        assert_eq!(row(&record(&odd)), odd);
    }
}
