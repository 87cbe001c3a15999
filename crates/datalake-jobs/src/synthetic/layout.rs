//! Makes the measurements, file by file. A unit is a set of days and service points that is made on its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use datalake_deps::session::StopFlag;
use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::clock::date;
use super::day::{Row, site_day};
use super::dirt::Dirt;
use super::error::ToolError;
use super::measurements::Encoder;
use super::options::{Args, Format, Layout};
use super::output::TableFile;
use super::random::{Purpose, stream};
use super::registers::Readings;
use super::world::World;

/// Service points of a file in the layout `component`.
const SITES_A_FILE: usize = 500;
/// Service points whose rows are held in memory at a time.
const SITES_A_BLOCK: usize = 4_096;
/// Least number of files of the layout `shuffled`.
const SHUFFLED_FILES: u32 = 8;

/// Files, and what goes into them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unit {
    days: Range<i32>,
    sites: Range<usize>,
    /// Relative to the table's folder; rows go to any of them.
    files: Vec<PathBuf>,
    /// By component and time; else in no order.
    sorted: bool,
}

fn units(args: &Args, first_day: i32, sites: usize) -> Vec<Unit> {
    let last = first_day + args.days as i32;
    let parts = |folder: String, n: u32| -> Vec<PathBuf> {
        (0..n)
            .map(|i| Path::new(&folder).join(format!("part-{i}.{}", args.format.extension())))
            .collect()
    };
    let unit = |days, sites, files, sorted| Unit {
        days,
        sites,
        files,
        sorted,
    };
    match args.layout {
        Layout::Daily => (first_day..last)
            .map(|day| {
                let folder = format!("msrmt_date={}", date(day));
                unit(day..day + 1, 0..sites, parts(folder, args.files_per_day), false)
            })
            .collect(),
        Layout::Monthly => {
            let mut months: BTreeMap<String, Range<i32>> = BTreeMap::new();
            for day in first_day..last {
                let month = date(day).strftime("month=%Y-%m").to_string();
                months.entry(month).or_insert(day..day).end = day + 1;
            }
            months
                .into_iter()
                .map(|(folder, days)| unit(days, 0..sites, parts(folder, args.files_per_day), false))
                .collect()
        }
        Layout::Component => (0..sites)
            .step_by(SITES_A_FILE)
            .enumerate()
            .map(|(i, start)| {
                let file = PathBuf::from(format!("part-{i:05}.{}", args.format.extension()));
                unit(
                    first_day..last,
                    start..(start + SITES_A_FILE).min(sites),
                    vec![file],
                    true,
                )
            })
            .collect(),
        Layout::Shuffled => {
            vec![unit(
                first_day..last,
                0..sites,
                parts(String::new(), args.files_per_day.max(SHUFFLED_FILES)),
                false,
            )]
        }
    }
}

/// Rows written, and energy lost to theft by service point.
pub(crate) struct Made {
    pub(crate) rows: u64,
    /// 10^-6 kWh.
    pub(crate) lost_micro: Vec<i64>,
}

/// Writes all files of the table `measurements` into a folder.
pub(crate) fn make(
    world: &World,
    args: &Args,
    encoder: &Encoder,
    folder: &Path,
    stop: &StopFlag,
) -> Result<Made, ToolError> {
    let readings = Readings::take(world);
    let maker = Maker {
        world,
        dirt: &args.dirt,
        readings: &readings,
        encoder,
        format: args.format,
        folder,
        stop,
    };
    let made = units(args, world.first_day, world.sites.len())
        .par_iter()
        .map(|unit| maker.make(unit))
        .collect::<Result<Vec<_>, _>>()?;
    let mut total = Made {
        rows: 0,
        lost_micro: vec![0; world.sites.len()],
    };
    for (rows, lost) in made {
        total.rows += rows;
        for (site, micro) in lost {
            total.lost_micro[site] += micro;
        }
    }
    Ok(total)
}

struct Maker<'a> {
    world: &'a World,
    dirt: &'a Dirt,
    readings: &'a Readings,
    encoder: &'a Encoder,
    format: Format,
    folder: &'a Path,
    stop: &'a StopFlag,
}

impl Maker<'_> {
    fn make(&self, unit: &Unit) -> Result<(u64, Vec<(usize, i64)>), ToolError> {
        let mut files = unit
            .files
            .iter()
            .map(|f| TableFile::create(&self.folder.join(f), &self.encoder.schema, self.format))
            .collect::<Result<Vec<_>, _>>()?;
        let mut lost = BTreeMap::new();
        let mut count = 0;
        let mut rows = Vec::new();
        if unit.sorted {
            for site in unit.sites.clone() {
                self.stop.check()?;
                rows.clear();
                unit.days
                    .clone()
                    .for_each(|day| self.site_day(site, day, &mut rows, &mut lost));
                rows.sort_by_key(|r| (r.component, r.end));
                count += rows.len() as u64;
                self.write(&mut files[0], &rows)?;
            }
        } else {
            // A block takes every so-manieth service point, so that each covers the whole range of ids.
            let blocks = unit.sites.len().div_ceil(SITES_A_BLOCK).max(1);
            for day in unit.days.clone() {
                for block in 0..blocks {
                    self.stop.check()?;
                    rows.clear();
                    unit.sites
                        .clone()
                        .skip(block)
                        .step_by(blocks)
                        .for_each(|site| self.site_day(site, day, &mut rows, &mut lost));
                    let mut rng = stream(self.world.seed, Purpose::Shuffle, block as u64, i64::from(day));
                    rows.shuffle(&mut rng);
                    count += rows.len() as u64;
                    self.spread(&mut files, &rows, &mut rng)?;
                }
            }
        }
        files.into_iter().try_for_each(TableFile::close)?;
        Ok((count, lost.into_iter().collect()))
    }

    fn site_day(&self, site: usize, day: i32, rows: &mut Vec<Row>, lost: &mut BTreeMap<usize, i64>) {
        let world = self.world;
        let today = &world.calendar[(day - world.first_day) as usize];
        let its = &world.sites[site];
        let micro = site_day(its, world.seed, today, world.slots, self.dirt, rows);
        rows.extend(self.readings.of(its.number, day));
        if micro != 0 {
            *lost.entry(site).or_insert(0) += micro;
        }
    }

    fn spread(
        &self,
        files: &mut [TableFile],
        rows: &[Row],
        rng: &mut rand_chacha::ChaCha8Rng,
    ) -> Result<(), ToolError> {
        if let [only] = files {
            return self.write(only, rows);
        }
        let mut parts = vec![Vec::new(); files.len()];
        for row in rows {
            parts[rng.random_range(0..files.len())].push(*row);
        }
        files
            .iter_mut()
            .zip(&parts)
            .try_for_each(|(file, rows)| self.write(file, rows))
    }

    fn write(&self, file: &mut TableFile, rows: &[Row]) -> Result<(), ToolError> {
        let batch = self.encoder.batch(rows).map_err(ToolError::arrow(self.folder))?;
        file.write(&batch)
    }
}
