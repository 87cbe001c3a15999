//! Everything about the lake that is not a measurement: drawn once, kept in memory, read by every day.

use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::clock::{Clock, DAY, day_number};
use super::error::ToolError;
use super::life::{Life, LifeKind};
use super::load::Today;
use super::options::Args;
use super::random::{Purpose, stream};
use super::site::{Dark, Frame, Part, Site, Story};
use super::truth::{HONEST, Truth};
use super::weather::Weather;

/// Service points that one transformer feeds.
pub(crate) const SITES_A_TRANSFORMER: u32 = 40;

/// The drawn world.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) first_day: i32,
    pub(crate) slots: usize,
    pub(crate) clock: Clock,
    pub(crate) weather: Weather,
    /// One item a day.
    pub(crate) calendar: Vec<Today>,
    pub(crate) sites: Vec<Site>,
    pub(crate) components: u32,
}

impl World {
    pub(crate) fn draw(args: &Args) -> Result<Self, ToolError> {
        let first_day = day_number(args.first_day);
        let days = args.days as i32;
        let clock = Clock::new(&args.time_zone, first_day)?;
        let weather = Weather::draw(args.seed, first_day, days);
        let calendar: Vec<Today> = (first_day..first_day + days)
            .map(|day| Today::new(day, &weather, clock.shift_hours(day)))
            .collect();
        let frame = Frame {
            seed: args.seed,
            first_day,
            days,
            slots: args.slots(),
            calendar: &calendar,
            register_share: args.register_share,
            voltage_share: args.voltage_share,
            orphan_share: args.dirt.orphan_share,
            unmapped_share: args.dirt.unmapped_share,
        };
        let (parts, outages) = parts(args)?;
        let mut sites: Vec<Site> = parts
            .par_iter()
            .enumerate()
            .map(|(i, part)| Site::draw(i as u32, *part, &frame))
            .collect();
        for transformer in outages {
            cut_off(&mut sites, transformer, &frame);
        }
        let components = number(&mut sites);
        Ok(Self {
            seed: args.seed,
            first_day,
            slots: args.slots(),
            clock,
            weather,
            calendar,
            sites,
            components,
        })
    }

    /// The truth table; `lost_micro` has an item per service point.
    pub(crate) fn truth(&self, lost_micro: &[i64], id: impl Fn(u32) -> String) -> Vec<Truth> {
        self.sites
            .iter()
            .zip(lost_micro)
            .map(|(site, lost)| {
                let (kind, is_theft, onset_date, end_date) = match &site.story {
                    Story::Plain => (HONEST, false, None, None),
                    Story::Odd(life) => (life.kind.name(), false, Some(life.onset), life.end),
                    Story::Theft(theft) => (theft.kind.name(), true, Some(theft.onset), theft.end),
                };
                Truth {
                    service_point_id: id(site.number),
                    kind: kind.to_owned(),
                    is_theft,
                    onset_date,
                    end_date,
                    lost_kwh: *lost as f64 / 1e6,
                }
            })
            .collect()
    }
}

/// Who plays which part, and which transformers fail. Kinds take turns, so that each has its share.
fn parts(args: &Args) -> Result<(Vec<Part>, Vec<u32>), ToolError> {
    let n = args.service_points as usize;
    let mut rng = stream(args.seed, Purpose::Story, u64::MAX, 0);
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut rng);
    let thieves = (args.theft_share * n as f64).round() as usize;
    let odd = ((args.hard_negative_share * n as f64).round() as usize).min(n - thieves);
    let mut parts = vec![Part::Plain; n];

    let mut kinds = args.theft_kinds()?;
    kinds.shuffle(&mut rng);
    for (turn, site) in order[..thieves].iter().enumerate() {
        parts[*site] = Part::Thief(kinds[turn % kinds.len()]);
    }
    let mut kinds = args.life_kinds();
    kinds.shuffle(&mut rng);
    let mut in_outages = 0;
    for (turn, site) in order[thieves..thieves + odd].iter().enumerate() {
        match kinds[turn % kinds.len()] {
            // An outage strikes neighbours, not customers drawn at random.
            LifeKind::AreaOutage => in_outages += 1,
            kind => parts[*site] = Part::Odd(kind),
        }
    }
    let transformers = (n as u32).div_ceil(SITES_A_TRANSFORMER);
    let mut outages: Vec<u32> = (0..transformers).collect();
    outages.shuffle(&mut rng);
    outages.truncate((in_outages as u32).div_ceil(SITES_A_TRANSFORMER) as usize);
    outages.sort_unstable();
    Ok((parts, outages))
}

/// Takes the power from all service points of a transformer; those with nothing else to tell get the label.
fn cut_off(sites: &mut [Site], transformer: u32, frame: &Frame<'_>) {
    let mut rng = stream(frame.seed, Purpose::Outage, u64::from(transformer), 0);
    let life = Life::draw(LifeKind::AreaOutage, frame.first_day, frame.days, &mut rng);
    let from = i64::from(life.onset) * DAY + rng.random_range(0..DAY / 60) * 60;
    // Some hours, or up to the end of the last day.
    let until = match life.end {
        Some(end) if end > life.onset => i64::from(end) * DAY + rng.random_range(0..DAY / 60) * 60,
        _ => from + rng.random_range(2..20) * 1_800,
    };
    let dark = Dark {
        from,
        until,
        silent: rng.random_bool(0.5),
    };
    let first = (transformer * SITES_A_TRANSFORMER) as usize;
    let last = (first + SITES_A_TRANSFORMER as usize).min(sites.len());
    for site in &mut sites[first..last] {
        if site.dark.is_none() {
            site.dark = Some(dark);
        }
        if matches!(site.story, Story::Plain) {
            site.live(life, frame.seed, &mut rng);
        }
    }
}

/// Numbers devices and components in the order of the service points; returns the number of components.
fn number(sites: &mut [Site]) -> u32 {
    let (mut devices, mut components) = (0, 0);
    let next = |counter: &mut u32| {
        *counter += 1;
        *counter
    };
    for meter in sites.iter_mut().flat_map(|s| s.meters.iter_mut()) {
        meter.device = next(&mut devices);
        let c = &mut meter.components;
        c.delivered = next(&mut components);
        for channel in [&mut c.received, &mut c.register, &mut c.voltage]
            .into_iter()
            .flatten()
        {
            *channel = next(&mut components);
        }
    }
    components
}
