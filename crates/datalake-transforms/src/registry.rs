//! The registry: devices, measuring components and install periods joined once, on the measurement clock.
//!
//! Everything in it is sorted by id, so a dense index is the same whatever the order of the input rows.

use crate::model::{ComponentType, Direction, Kind};

/// Everything the measurements are joined with.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Sorted by id; a position in here is the *dense index* of a component.
    pub components: Vec<Component>,
    /// Sorted by id; a position in here is the index of a service point.
    pub service_points: Vec<ServicePoint>,
}

/// A measuring component: one channel of a device.
#[derive(Debug, Clone)]
pub struct Component {
    /// Trimmed id.
    pub id: String,
    /// The device that it is a channel of, where that is known.
    pub device_id: Option<String>,
    /// The device's type, where given.
    pub device_type: Option<String>,
    /// What its type code stands for; `None` for a code that the config does not map.
    pub component_type: Option<ComponentType>,
    /// Component multiplier in 10^-6.
    pub multiplier_micro: i64,
    /// Digits left of the point of a register.
    pub register_digits: Option<u8>,
    /// Install periods of its device configuration, sorted by (start, event id).
    pub periods: Vec<InstallPeriod>,
}

/// One stay of a device at a service point. Times are seconds since 1970-01-01 00:00 on the measurement clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallPeriod {
    /// Id of the install event.
    pub event_id: String,
    /// Index of the service point.
    pub service_point: u32,
    /// Start of the stay.
    pub start: i64,
    /// End of the stay; `i64::MAX` while installed.
    pub end: i64,
    /// Connect and disconnect moments, sorted by time; the first entry is at `start`.
    pub switches: Vec<Switch>,
    /// Install constant in 10^-6.
    pub constant_micro: i64,
    /// Whether a removal was announced by the status as well as the date, so that it was planned.
    pub removal_recorded: bool,
}

/// A moment from which an install period is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Switch {
    /// From this moment, seconds on the measurement clock.
    pub at: i64,
    /// On or off from then.
    pub on: bool,
}

/// Where meters hang.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServicePoint {
    /// Trimmed id.
    pub id: String,
    /// Optional columns of the service_point table.
    pub premise_id: Option<String>,
    /// Tariff or customer class.
    pub rate_class: Option<String>,
    /// Transformer that feeds it.
    pub transformer_id: Option<String>,
}

/// How an interval stands to the install periods of its component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Wholly inside one period and on: the period's position in [`Component::periods`].
    On(u32),
    /// Wholly inside one period and off.
    Off(u32),
    /// An install, a removal or a switch falls inside the interval: it belongs to nothing.
    Cut,
    /// No period touches it.
    Uninstalled,
}

impl Component {
    /// Whether the detections look at it: a mapped component of delivered or received kWh.
    #[must_use]
    pub fn is_energy(&self) -> bool {
        self.component_type
            .as_ref()
            .is_some_and(|t| t.uom.eq_ignore_ascii_case("kWh"))
    }

    /// Delivered kWh: what theft takes from.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.is_energy()
            && self
                .component_type
                .as_ref()
                .is_some_and(|t| t.direction == Direction::Delivered)
    }

    /// Interval length in seconds; `None` for scalar and unmapped components.
    #[must_use]
    pub fn interval_seconds(&self) -> Option<u32> {
        self.component_type
            .as_ref()
            .filter(|t| t.kind == Kind::Interval)
            .and_then(|t| t.interval_seconds)
    }
}
