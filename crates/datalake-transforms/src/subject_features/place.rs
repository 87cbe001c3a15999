//! What hangs at a place, and how common its kind is.

use std::collections::BTreeMap;

use super::Named;
use crate::judge::StayEvidence;
use crate::registry::Registry;

/// Of the service point.
pub(super) const NAMES: [Named; 9] = [
    ("meters", "measuring components with data"),
    ("devices", "devices with data"),
    ("stays", "stays of meters with data"),
    (
        "device_type_share",
        "share of all components with the same type of device as the strongest",
    ),
    (
        "last_device_type_share",
        "the same of the component whose data end last",
    ),
    (
        "rate_class_share",
        "share of all service points with the same rate class",
    ),
    (
        "transformer_share",
        "share of all service points fed by the same transformer",
    ),
    (
        "district_share",
        "share of all service points in the same district",
    ),
    ("region_share", "share of all service points in the same region"),
];

/// How often each code is met: trees tell codes apart by it, and no code needs a number of its own.
struct Shares<'a> {
    counts: BTreeMap<&'a str, u32>,
    all: u32,
}

impl<'a> Shares<'a> {
    fn of(codes: impl Iterator<Item = Option<&'a str>>) -> Self {
        let mut shares = Self {
            counts: BTreeMap::new(),
            all: 0,
        };
        for code in codes {
            shares.all += 1;
            if let Some(code) = code {
                *shares.counts.entry(code).or_default() += 1;
            }
        }
        shares
    }

    fn get(&self, code: Option<&str>) -> Option<f64> {
        let count = *self.counts.get(code?)?;
        Some(f64::from(count) / f64::from(self.all))
    }
}

pub(super) struct Places<'a> {
    registry: &'a Registry,
    device_types: Shares<'a>,
    rate_classes: Shares<'a>,
    transformers: Shares<'a>,
    districts: Shares<'a>,
    regions: Shares<'a>,
}

impl<'a> Places<'a> {
    pub(super) fn of(registry: &'a Registry) -> Self {
        let components = registry.components.iter();
        let places = || registry.service_points.iter();
        Self {
            registry,
            device_types: Shares::of(components.map(|component| component.device_type.as_deref())),
            rate_classes: Shares::of(places().map(|place| place.rate_class.as_deref())),
            transformers: Shares::of(places().map(|place| place.transformer_id.as_deref())),
            districts: Shares::of(places().map(|place| place.district.as_deref())),
            regions: Shares::of(places().map(|place| place.region.as_deref())),
        }
    }

    pub(super) fn numbers(
        &self,
        stays: &[StayEvidence],
        strongest: &StayEvidence,
    ) -> [Option<f64>; NAMES.len()] {
        let component = |stay: &StayEvidence| &self.registry.components[stay.component as usize];
        let mut meters: Vec<u32> = stays.iter().map(|stay| stay.component).collect();
        meters.sort_unstable();
        meters.dedup();
        let mut devices: Vec<&str> = stays
            .iter()
            .filter_map(|stay| component(stay).device_id.as_deref())
            .collect();
        devices.sort_unstable();
        devices.dedup();
        let type_share = |stay: &StayEvidence| self.device_types.get(component(stay).device_type.as_deref());
        // Of several that end on one day, the commonest kind: no id decides.
        let last_day = stays.iter().map(|stay| stay.last_day).max();
        let last = stays
            .iter()
            .filter(|stay| Some(stay.last_day) == last_day)
            .filter_map(type_share)
            .max_by(f64::total_cmp);
        let place = strongest
            .service_point
            .and_then(|place| self.registry.service_points.get(place as usize));
        [
            Some(meters.len() as f64),
            Some(devices.len() as f64),
            Some(stays.len() as f64),
            type_share(strongest),
            last,
            self.rate_classes
                .get(place.and_then(|place| place.rate_class.as_deref())),
            self.transformers
                .get(place.and_then(|place| place.transformer_id.as_deref())),
            self.districts
                .get(place.and_then(|place| place.district.as_deref())),
            self.regions.get(place.and_then(|place| place.region.as_deref())),
        ]
    }
}
