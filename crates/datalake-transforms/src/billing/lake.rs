//! What all bills together say: how common codes are, and where and when meters were exchanged.

use std::collections::BTreeMap;

use super::Period;
use crate::model::DAY_SECONDS;
use crate::registry::Registry;
use crate::resolve::Codes;

/// Codes that have a rank of their own.
pub(super) const RANKS: usize = 3;

/// How common the codes of a column are.
#[derive(Debug, Default)]
pub(super) struct Commonness {
    counts: BTreeMap<u32, usize>,
    all: usize,
    /// The commonest, most common first.
    ranked: Vec<u32>,
}

impl Commonness {
    fn of(codes: impl Iterator<Item = u32>) -> Self {
        let mut counts = BTreeMap::new();
        let mut all = 0;
        for code in codes.filter(|code| *code != 0) {
            *counts.entry(code).or_default() += 1;
            all += 1;
        }
        let mut ranked: Vec<(usize, u32)> = counts.iter().map(|(code, count)| (*count, *code)).collect();
        ranked.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.truncate(RANKS);
        Self {
            counts,
            all,
            ranked: ranked.into_iter().map(|(_, code)| code).collect(),
        }
    }

    /// Share of all bills with this code; `None` for no code.
    pub(super) fn share(&self, code: u32) -> Option<f64> {
        Some(*self.counts.get(&code)? as f64 / self.all as f64)
    }

    /// Whether it is the code of that rank, 0 for the commonest.
    pub(super) fn is(&self, rank: usize, code: u32) -> bool {
        self.ranked.get(rank) == Some(&code)
    }

    /// Whether there is a code of that rank.
    pub(super) fn has(&self, rank: usize) -> bool {
        self.ranked.len() > rank
    }
}

/// A register that began to count at a service point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    /// First day, since 1970-01-01.
    pub(super) day: i64,
    /// Position of its kind of device among the kinds.
    pub(super) kind: u32,
    /// Whether another register counted there before.
    pub(super) exchanged: bool,
}

/// What stands beside the bills of a service point.
#[derive(Debug, Default)]
pub(super) struct Lake {
    pub(super) conditions: Commonness,
    pub(super) statuses: Commonness,
    pub(super) tariffs: Commonness,
    /// First days of registers, ascending, by area; of those that followed another register, and of the first ones.
    exchanged: BTreeMap<u32, Vec<i64>>,
    first: BTreeMap<u32, Vec<i64>>,
    /// The same by area and kind of device, of those that followed another.
    of_kind: BTreeMap<(u32, u32), Vec<i64>>,
    exchanged_anywhere: Vec<i64>,
    /// Service points with bills, by area.
    places: BTreeMap<u32, usize>,
    all_places: usize,
}

/// Areas and kinds of devices as numbers.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// By service point; those without an area share one.
    areas: Vec<u32>,
    /// By component.
    devices: Vec<u32>,
}

fn numbered<'a>(codes: impl Iterator<Item = Option<&'a str>> + Clone) -> Vec<u32> {
    let known: std::collections::BTreeSet<&str> = codes.clone().flatten().collect();
    let numbers: BTreeMap<&str, u32> = known.into_iter().zip(1..).collect();
    codes
        .map(|code| code.and_then(|code| numbers.get(code).copied()).unwrap_or(0))
        .collect()
}

impl Kinds {
    pub(super) fn of(registry: &Registry) -> Self {
        let areas = registry.service_points.iter();
        Self {
            areas: numbered(areas.map(|place| {
                let area = place.region.as_deref().or(place.district.as_deref());
                area.or(place.transformer_id.as_deref())
            })),
            devices: numbered(
                registry
                    .components
                    .iter()
                    .map(|component| component.device_type.as_deref()),
            ),
        }
    }

    pub(super) fn area(&self, period: &Period) -> u32 {
        let place = period.billed.service_point.map(|place| place as usize);
        place
            .and_then(|place| self.areas.get(place).copied())
            .unwrap_or(0)
    }

    pub(super) fn device(&self, period: &Period) -> u32 {
        let component = period.billed.component as usize;
        self.devices.get(component).copied().unwrap_or(0)
    }
}

/// The registers of one service point, by their first days.
pub(super) fn began(periods: &[Period], kinds: &Kinds) -> Vec<Began> {
    let mut registers: Vec<Began> = periods
        .chunk_by(|a, b| a.billed.component == b.billed.component)
        .filter_map(|register| {
            let start = register.iter().map(|period| period.billed.start).min()?;
            Some(Began {
                day: start.div_euclid(DAY_SECONDS),
                kind: kinds.device(&register[0]),
                exchanged: true,
            })
        })
        .collect();
    registers.sort_unstable_by_key(|began| (began.day, began.kind));
    if let Some(first) = registers.first_mut() {
        first.exchanged = false;
    }
    registers
}

/// Numbers of [`Lake::around`].
pub(super) const AROUND: usize = 6;

impl Lake {
    /// Of the bills of all service points, each with its registers one after the other.
    pub(super) fn of(places: &[&[Period]], kinds: &Kinds) -> Self {
        let codes = |get: fn(&Codes) -> u32| {
            Commonness::of(
                places
                    .iter()
                    .flat_map(move |periods| periods.iter().map(move |period| get(&period.billed.codes))),
            )
        };
        let mut lake = Self {
            conditions: codes(|codes| codes.condition),
            statuses: codes(|codes| codes.meter_status),
            tariffs: codes(|codes| codes.tariff),
            all_places: places.len(),
            ..Self::default()
        };
        for periods in places {
            let Some(first) = periods.first() else { continue };
            let area = kinds.area(first);
            *lake.places.entry(area).or_default() += 1;
            for began in began(periods, kinds) {
                if began.exchanged {
                    lake.exchanged.entry(area).or_default().push(began.day);
                    lake.of_kind
                        .entry((area, began.kind))
                        .or_default()
                        .push(began.day);
                    lake.exchanged_anywhere.push(began.day);
                } else {
                    lake.first.entry(area).or_default().push(began.day);
                }
            }
        }
        let lists = lake.exchanged.values_mut().chain(lake.first.values_mut());
        for days in lists.chain(lake.of_kind.values_mut()) {
            days.sort_unstable();
        }
        lake.exchanged_anywhere.sort_unstable();
        lake
    }

    /// How many registers of other service points began within some days of a service point's last one, for each service
    /// point there: exchanged within 10, 45 and 180 days in the area, within 45 days anywhere, of the same kind within 45
    /// days in the area, and first ones within 45 days in the area.
    pub(super) fn around(&self, periods: &[Period], kinds: &Kinds) -> [Option<f64>; AROUND] {
        let registers = began(periods, kinds);
        let (Some(last), Some(first)) = (registers.last(), periods.first()) else {
            return [None; AROUND];
        };
        let area = kinds.area(first);
        let near = |days: Option<&Vec<i64>>, width: i64, places: usize, of: (bool, Option<u32>)| {
            let own = registers
                .iter()
                .filter(|own| own.exchanged == of.0 && of.1.is_none_or(|kind| own.kind == kind))
                .filter(|own| (own.day - last.day).abs() <= width)
                .count();
            let from = days?.partition_point(|day| *day < last.day - width);
            let to = days?.partition_point(|day| *day <= last.day + width);
            Some((to - from).saturating_sub(own) as f64 / places.max(1) as f64)
        };
        let places = self.places.get(&area).copied().unwrap_or(0);
        let exchanged = |days, width, places, kind| {
            let found = || near(days, width, places, (true, kind));
            last.exchanged.then(found).flatten()
        };
        let of_area = self.exchanged.get(&area);
        [
            exchanged(of_area, 10, places, None),
            exchanged(of_area, 45, places, None),
            exchanged(of_area, 180, places, None),
            exchanged(Some(&self.exchanged_anywhere), 45, self.all_places, None),
            exchanged(self.of_kind.get(&(area, last.kind)), 45, places, Some(last.kind)),
            near(self.first.get(&area), 45, places, (false, None)),
        ]
    }
}
