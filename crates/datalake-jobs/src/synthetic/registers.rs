//! Scalar registers, read at the end of each month.

use super::clock::{DAY, date};
use super::day::{Metered, Row, metered};
use super::random::{Purpose, stream};
use super::site::{Site, Story};
use super::world::World;
use datalake_transforms::model::{Condition, MICRO};
use rand::RngExt;
use rayon::prelude::*;

/// Digits left of the point: some registers roll over within the data.
pub(crate) const DIGITS: u32 = 5;

/// What a register shows, by the day at whose end it is read.
pub(crate) struct Readings {
    /// Number of the service point, day, row; ascending by the first two.
    rows: Vec<(u32, i32, Row)>,
}

impl Readings {
    /// Reads all registers of the world. The year is gone through for the few service points that have one.
    pub(crate) fn take(world: &World) -> Self {
        let rows = world
            .sites
            .par_iter()
            .filter(|site| site.meters.iter().any(|m| m.components.register.is_some()))
            .map(|site| read(world, site))
            .collect::<Vec<_>>()
            .concat();
        Self { rows }
    }

    /// Readings of a service point on a day.
    pub(crate) fn of(&self, site: u32, day: i32) -> impl Iterator<Item = Row> + '_ {
        let start = self.rows.partition_point(|(s, d, _)| (*s, *d) < (site, day));
        self.rows[start..]
            .iter()
            .take_while(move |(s, d, _)| (*s, *d) == (site, day))
            .map(|(_, _, row)| *row)
    }
}

fn read(world: &World, site: &Site) -> Vec<(u32, i32, Row)> {
    let mut rng = stream(world.seed, Purpose::Reading, u64::from(site.number), -1);
    let full = i64::from(10_u32.pow(DIGITS)) * MICRO;
    // Some stand close to their last digit.
    let start = if rng.random_bool(0.1) {
        full - rng.random_range(1..500) * MICRO
    } else {
        rng.random_range(0..full / 2)
    };
    let start = start / site.resolution_micro * site.resolution_micro;
    let mut counters: Vec<(i64, i64, i64)> = site
        .meters
        .iter()
        .map(|m| {
            let from = m.from.max(i64::from(world.first_day) * DAY);
            // A new meter starts at zero.
            (if m.from == i64::MIN { start } else { 0 }, 0, from)
        })
        .collect();
    let mut rows = Vec::new();
    for today in &world.calendar {
        let day = today.day;
        let Metered { passed, reported, .. } = metered(site, world.seed, today, world.slots);
        let honest = matches!(&site.story, Story::Theft(t) if t.honest_register);
        let counted = if honest { &passed } else { &reported };
        let end = (i64::from(day) + 1) * DAY;
        for (meter, (reading, period, since)) in site.meters.iter().zip(&mut counters) {
            let Some(component) = meter.components.register else {
                continue;
            };
            if meter.until < end || meter.from >= end {
                continue;
            }
            let micro: i64 = counted
                .iter()
                .enumerate()
                .filter(|(slot, _)| {
                    let slot_start = i64::from(day) * DAY + *slot as i64 * (DAY / world.slots as i64);
                    slot_start >= meter.from
                })
                .map(|(_, micro)| micro)
                .sum();
            *period += micro;
            *reading = (*reading + micro).rem_euclid(full);
            if date(day + 1).day() == 1 {
                let row = Row {
                    component,
                    end,
                    micro: *period,
                    condition: Condition::Actual,
                    do_not_use: false,
                    updated: end + 6 * 3_600,
                    version: 1,
                    padded: false,
                    register: Some((*reading, *since)),
                };
                rows.push((site.number, day, row));
                *period = 0;
                *since = end;
            }
        }
    }
    rows
}
