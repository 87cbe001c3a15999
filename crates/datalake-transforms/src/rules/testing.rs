//! Series and registries made by hand, for tests.
#![allow(clippy::unwrap_used)]

use crate::model::{ComponentType, DAY_SECONDS, Direction, Kind, MICRO};
use crate::registry::{Component, InstallPeriod, Switch};

pub(crate) fn period(service_point: u32, start: i64, end: i64) -> InstallPeriod {
    InstallPeriod {
        event_id: format!("IE-{service_point}-{start}"),
        service_point,
        start,
        end,
        switches: vec![Switch { at: start, on: true }],
        constant_micro: MICRO,
        removal_recorded: end != i64::MAX,
    }
}

/// A delivered daily component.
pub(crate) fn component(periods: &[InstallPeriod]) -> Component {
    Component {
        id: "MC-0".to_owned(),
        device_id: Some("D-0".to_owned()),
        component_type: Some(ComponentType {
            uom: "kWh".to_owned(),
            direction: Direction::Delivered,
            kind: Kind::Interval,
            interval_seconds: Some(DAY_SECONDS as u32),
        }),
        multiplier_micro: MICRO,
        periods: periods.to_vec(),
        ..Component::default()
    }
}
