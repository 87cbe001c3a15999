//! Scans the measurements of a lake and says how fast: `cargo run --release --example scan -- LAKE [CONFIG.json]`.
//!
//! The lake's other tables are read too; whatever is rejected is counted by reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use datalake_deps::diagnostic::{Diagnostic, render};
use datalake_deps::lake::model::{MEASUREMENTS, TABLES};
use datalake_deps::lake::{Lake, LakeConfig, LakeError, RejectedRow, ScanOptions};
use rayon::prelude::*;

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    match run(&mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is closed.
            let _ = write!(std::io::stderr(), "{}", render(&error));
            error.exit_code().into()
        }
    }
}

fn run(out: &mut impl Write) -> Result<(), LakeError> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().unwrap_or_else(|| ".".to_owned());
    let config = match arguments.next() {
        None => LakeConfig::default(),
        Some(path) => {
            let text = fs_err::read_to_string(path).map_err(LakeError::Read)?;
            serde_json::from_str(&text).map_err(|error| LakeError::Read(error.into()))?
        }
    };
    let lake = Lake::open(root, config)?;
    for spec in TABLES.iter().filter(|spec| spec.name != MEASUREMENTS.name) {
        let data = lake.read_table(spec)?;
        let _ = writeln!(
            out,
            "{}: {} rows in {} files{}",
            spec.name,
            data.rows_read,
            data.files.len(),
            by_reason(&data.rejected)
        );
    }
    let start = Instant::now();
    let scan = lake.plan_measurements(&ScanOptions::default())?;
    let planned = start.elapsed();
    let bytes: u64 = scan.pieces().iter().map(|piece| piece.bytes).sum();
    let first = scan
        .pieces()
        .iter()
        .filter_map(|piece| piece.range)
        .map(|range| range.0)
        .min();
    let last = scan
        .pieces()
        .iter()
        .filter_map(|piece| piece.range)
        .map(|range| range.1)
        .max();
    let per_piece: Vec<(u64, i128, Vec<RejectedRow>)> = scan
        .pieces()
        .par_iter()
        .map(|piece| {
            let (mut rows, mut sum, mut rejected) = (0, 0_i128, Vec::new());
            scan.read(piece, |mut batch| -> Result<(), LakeError> {
                rows += batch.batch.num_rows() as u64;
                let values = batch.batch.column(2).as_primitive::<Int64Type>();
                sum += if values.null_count() == 0 {
                    values
                        .values()
                        .iter()
                        .map(|value| i128::from(*value))
                        .sum::<i128>()
                } else {
                    values.iter().flatten().map(i128::from).sum::<i128>()
                };
                rejected.append(&mut batch.rejected);
                Ok(())
            })?;
            Ok((rows, sum, rejected))
        })
        .collect::<Result<_, LakeError>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let rows: u64 = per_piece.iter().map(|(rows, _, _)| rows).sum();
    let sum: i128 = per_piece.iter().map(|(_, sum, _)| sum).sum();
    let rejected: Vec<RejectedRow> = per_piece
        .into_iter()
        .flat_map(|(_, _, rejected)| rejected)
        .collect();
    let _ = writeln!(
        out,
        "measurements: {rows} rows in {} pieces, {bytes} bytes, seconds {first:?} to {last:?}, sum {sum} micro{}",
        scan.pieces().len(),
        by_reason(&rejected)
    );
    let _ = writeln!(
        out,
        "planned in {:.3} s, read in {seconds:.3} s: {:.1} million rows/s",
        planned.as_secs_f64(),
        rows as f64 / seconds / 1e6
    );
    Ok(())
}

fn by_reason(rejected: &[RejectedRow]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rejected {
        *counts.entry(row.reason.code()).or_default() += 1;
    }
    let mut text = String::new();
    for (code, count) in counts {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {count} {code}");
    }
    text
}
