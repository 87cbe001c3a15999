//! Makes the measurements, file by file. A unit is a set of days and service points that is made on its own.
//!
//! Where each file of a day holds a range of service points, a unit is a file, and its rows are shuffled as a whole:
//! the rows of a file are then in no order at all, but its ids are few enough for one dictionary.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use datalake_deps::session::StopFlag;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::clock::date;
use super::day::{Row, site_day};
use super::dirt::Dirt;
use super::error::ToolError;
use super::measurements::Encoder;
use super::one_file::Buckets;
use super::options::{Args, Format, Layout, Share};
use super::output::TableFile;
use super::random::{Purpose, stream};
use super::registers::Readings;
use super::world::World;

/// Service points of a file in the layout `component`.
const SITES_A_FILE: usize = 500;
/// Service points whose rows are held in memory at a time.
const SITES_A_BLOCK: usize = 4_096;
/// Slots that are held in memory at a time where a file is shuffled as a whole: some 200 MB of rows.
const SLOTS_A_FILE: usize = 3 << 20;
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
    /// Position among the units of the same days: each shuffles its rows in its own way.
    part: u64,
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
        part: 0,
    };
    // The files of a folder: one unit for all of them, or a unit each.
    let folder = |days: Range<i32>, folder: String| -> Vec<Unit> {
        let files = parts(folder, args.files_per_day);
        if args.file_share == Share::Chance {
            return vec![unit(days, 0..sites, files, false)];
        }
        let n = files.len();
        let of = |(i, file)| Unit {
            part: i as u64,
            ..unit(
                days.clone(),
                i * sites / n..(i + 1) * sites / n,
                vec![file],
                false,
            )
        };
        files.into_iter().enumerate().map(of).collect()
    };
    match args.layout {
        Layout::Daily => (first_day..last)
            .flat_map(|day| folder(day..day + 1, format!("msrmt_date={}", date(day))))
            .collect(),
        Layout::Monthly => {
            let mut months: BTreeMap<String, Range<i32>> = BTreeMap::new();
            for day in first_day..last {
                let month = date(day).strftime("month=%Y-%m").to_string();
                months.entry(month).or_insert(day..day).end = day + 1;
            }
            months
                .into_iter()
                .flat_map(|(month, days)| folder(days, month))
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
        // Rows go from all units to the one file: see `Buckets`.
        Layout::OneFile => (first_day..last)
            .map(|day| unit(day..day + 1, 0..sites, Vec::new(), false))
            .collect(),
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
        block: match args.file_share {
            Share::Chance => SITES_A_BLOCK,
            Share::Range => (SLOTS_A_FILE / world.slots).max(1),
        },
    };
    let units = units(args, world.first_day, world.sites.len());
    let made = if args.layout == Layout::OneFile {
        let slots = world.sites.len() * world.slots * args.days as usize;
        let buckets = Buckets::new(folder, slots)?;
        let made = units
            .par_iter()
            .map(|unit| maker.set_aside(unit, &buckets))
            .collect::<Result<Vec<_>, _>>()?;
        let file = format!("part-0.{}", args.format.extension());
        buckets.write(world.seed, encoder, &folder.join(file), args.format, stop)?;
        made
    } else {
        units
            .par_iter()
            .map(|unit| maker.make(unit))
            .collect::<Result<Vec<_>, _>>()?
    };
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
    /// Service points whose rows are held in memory at a time.
    block: usize,
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
        if unit.sorted {
            let mut rows = Vec::new();
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
            count += self.blocks(unit, &mut lost, |rows, rng| self.spread(&mut files, rows, rng))?;
        }
        files.into_iter().try_for_each(TableFile::close)?;
        Ok((count, lost.into_iter().collect()))
    }

    /// As [`Maker::make`], with the rows set aside for the one file.
    fn set_aside(&self, unit: &Unit, buckets: &Buckets) -> Result<(u64, Vec<(usize, i64)>), ToolError> {
        let mut lost = BTreeMap::new();
        let count = self.blocks(unit, &mut lost, |rows, rng| buckets.add(rows, rng))?;
        Ok((count, lost.into_iter().collect()))
    }

    /// Hands out the rows of a unit in no order, block by block, and counts them.
    fn blocks(
        &self,
        unit: &Unit,
        lost: &mut BTreeMap<usize, i64>,
        mut each: impl FnMut(&[Row], &mut ChaCha8Rng) -> Result<(), ToolError>,
    ) -> Result<u64, ToolError> {
        let mut count = 0;
        let mut rows = Vec::new();
        // A block takes every so-manieth service point, so that each covers the whole range of ids.
        let blocks = unit.sites.len().div_ceil(self.block).max(1);
        for day in unit.days.clone() {
            for block in 0..blocks {
                self.stop.check()?;
                rows.clear();
                unit.sites
                    .clone()
                    .skip(block)
                    .step_by(blocks)
                    .for_each(|site| self.site_day(site, day, &mut rows, lost));
                let entity = unit.part << 32 | block as u64;
                let mut rng = stream(self.world.seed, Purpose::Shuffle, entity, i64::from(day));
                rows.shuffle(&mut rng);
                count += rows.len() as u64;
                each(&rows, &mut rng)?;
            }
        }
        Ok(count)
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

    fn spread(&self, files: &mut [TableFile], rows: &[Row], rng: &mut ChaCha8Rng) -> Result<(), ToolError> {
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
