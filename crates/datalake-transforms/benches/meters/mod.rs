//! What the benchmarks share: a registry of half-hourly meters, each at a service point of its own.

use datalake_transforms::conditions::ConditionConfig;
use datalake_transforms::model::{ComponentType, Direction, Kind, MICRO};
use datalake_transforms::registry::{Component, InstallPeriod, Registry, ServicePoint};
use datalake_transforms::resolve::ResolveConfig;

/// Slots of a day.
pub(crate) const SLOTS: usize = 48;

/// Installed for ever, with ids of twelve digits.
pub(crate) fn registry(meters: usize) -> Registry {
    let component_type = ComponentType {
        uom: "kWh".to_owned(),
        direction: Direction::Delivered,
        kind: Kind::Interval,
        interval_seconds: Some(1800),
    };
    let components = (0..meters).map(|meter| Component {
        id: format!("{meter:012}"),
        component_type: Some(component_type.clone()),
        multiplier_micro: MICRO,
        periods: vec![InstallPeriod {
            event_id: "E".to_owned(),
            service_point: meter as u32,
            start: 0,
            end: i64::MAX,
            switches: Vec::new(),
            constant_micro: MICRO,
            removal_recorded: false,
        }],
        ..Component::default()
    });
    Registry::new(components.collect(), vec![ServicePoint::default(); meters])
}

pub(crate) fn config() -> ResolveConfig {
    ResolveConfig::new(&ConditionConfig::default()).unwrap_or_else(|error| unreachable!("{error}"))
}
