//! The registry: devices, measuring components and install periods joined once, on the measurement clock.
//!
//! Everything in it is sorted by id, so a dense index is the same whatever the order of the input rows.
//!
//! [`build`] makes it from the dimension tables, [`Component::coverage`] says how an interval stands to the install
//! periods of its component.
//!
//! Where the tables contradict each other or are silent, nothing is decided against a customer, and each case is a
//! finding:
//! - a removal date ends a stay whatever the status; a status that says removed without a date does not, until the
//!   device's next stay begins;
//! - a device counts as off only from a moment that the on/off history or the status names;
//! - an install that is pending, or has no length, covers nothing; one that ends before it begins is kept aside; what
//!   its device measured outside of other stays is in doubt, see [`Doubt`];
//! - of rows with one id the newest delivery and status count; install events as new as each other last from the
//!   earliest install to the latest removal, and other rows are kept by the greatest content;
//! - where many components have no install event, or rows of the table cannot be read, having none means nothing;
//! - a code that the config does not map is no status and no type, never a guess.

use crate::model::{ComponentType, Direction, Kind, MICRO};

mod build;
mod columns;
mod config;
mod coverage;
mod device_events;
mod faults;
mod join;
mod notes;
mod overlaps;
mod places;
mod siblings;
mod stays;
mod switches;
mod tables;
mod temperature;
mod transformers;
mod types;

pub use build::{RegistryInput, build};
pub use config::{CodeMap, DeviceStatus, EventCodes, OnOff, RegistryConfig, RegistryRules};
pub use device_events::{DeviceEvent, DeviceEventKind};
pub use notes::Rejections;
pub use siblings::Siblings;
pub use temperature::{DayTemperatures, Weather};
pub use transformers::Transformers;

/// Everything the measurements are joined with.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Sorted by id; a position in here is the *dense index* of a component.
    pub components: Vec<Component>,
    /// Sorted by id; a position in here is the index of a service point.
    pub service_points: Vec<ServicePoint>,
    /// Stays that contradict each other, sorted.
    pub overlaps: Vec<Overlap>,
    /// Which components ever hung at which service point.
    pub siblings: Siblings,
    /// Transformers with a meter of their own.
    pub transformers: Transformers,
    /// Temperatures by service point, where they are given.
    pub weather: Weather,
    /// Whether rows of install events are lost, or so many components lack install events that having none says nothing of a component.
    pub install_events_incomplete: bool,
}

/// A measuring component: one channel of a device.
#[derive(Debug, Clone, Default)]
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
    /// What install events that cannot be used leave open.
    pub doubt: Option<Doubt>,
    /// Greatest end in each block of `periods`, so that a search among very many can skip; empty is right too,
    /// only slower. See [`Component::index_periods`].
    pub block_ends: Vec<i64>,
    /// Seconds on either side of the edges of periods and of switches in which it is in doubt whether it was off or
    /// not installed: intervals there are cut. 0 where the legal clock is known.
    pub doubt_seconds: i64,
    /// Tamper and power events of its device that it did not share with its neighbours, sorted by time.
    pub events: Vec<DeviceEvent>,
}

/// One stay of a device at a service point. Times are seconds since 1970-01-01 00:00 on the measurement clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

/// An install event that makes no period (pending, of no length, or faulty) may stand for a stay all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// From this moment on the meter may have hung somewhere outside its periods: seconds on the measurement clock,
    /// `i64::MIN` where even that is not known.
    pub from: i64,
    /// The service point that such an event names.
    pub service_point: Option<u32>,
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
    /// Premise that it belongs to, where given.
    pub premise_id: Option<String>,
    /// Tariff or customer class, where given.
    pub rate_class: Option<String>,
    /// Transformer that feeds it, where given.
    pub transformer_id: Option<String>,
    /// Area whose weather it has, where given.
    pub area_id: Option<String>,
    /// District that it lies in, where given.
    pub district: Option<String>,
    /// Region that it lies in, where given.
    pub region: Option<String>,
    /// When it was connected, seconds since 1970-01-01 of legal time, where given.
    pub connected_at: Option<i64>,
}

/// How two stays contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OverlapKind {
    /// One device hangs at two service points at once.
    DeviceAtTwoPlaces,
    /// Two devices hang at one service point at once, with channels of the same unit and direction. Normal where a
    /// place has two meters.
    TwoDevicesAtOnePlace,
}

/// Two stays that contradict each other. Each stay is compared with the one, of those that began before it, that
/// lasts longest: a stay is the later part of at most one overlap of a kind and component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overlap {
    /// Dense index of the component of the stay that began later.
    pub component: u32,
    /// Dense index of the component of the stay that began earlier; may be the same component.
    pub other: u32,
    /// What contradicts.
    pub kind: OverlapKind,
    /// Where `component` and `other` hang.
    pub service_points: (u32, u32),
    /// Start of the time that both stays share, seconds on the measurement clock.
    pub from: i64,
    /// Its end; `i64::MAX` while it lasts.
    pub to: i64,
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

impl Registry {
    /// A registry of components and service points that are sorted by id already, without overlaps: sorts and
    /// indexes each component's periods and gathers the siblings.
    #[must_use]
    pub fn new(mut components: Vec<Component>, service_points: Vec<ServicePoint>) -> Self {
        for component in &mut components {
            component.index_periods();
        }
        let siblings = Siblings::gather(&components, service_points.len());
        let transformers = Transformers::gather(&components, &service_points, &siblings);
        Self {
            transformers,
            components,
            service_points,
            overlaps: Vec::new(),
            siblings,
            weather: Weather::default(),
            install_events_incomplete: false,
        }
    }

    /// Dense indices of the components that ever hung at a service point, ascending.
    #[must_use]
    pub fn components_at(&self, service_point: u32) -> &[u32] {
        self.siblings.at(service_point)
    }

    /// The components that receive energy (solar, for instance) and hung at the service point at some moment of `from..to`,
    /// seconds on the measurement clock.
    pub fn received_channels(&self, service_point: u32, from: i64, to: i64) -> impl Iterator<Item = u32> {
        let hung = move |period: &InstallPeriod| {
            period.service_point == service_point && period.start < to && period.end > from
        };
        let components = self.components_at(service_point).iter().copied();
        components.filter(move |&index| {
            let component = self.components.get(index as usize);
            component.is_some_and(|component| component.is_received() && component.periods.iter().any(hung))
        })
    }
}

impl Component {
    /// Whether the detections look at it: a mapped component of delivered or received kWh.
    #[must_use]
    pub fn is_energy(&self) -> bool {
        self.component_type.as_ref().is_some_and(ComponentType::is_energy)
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

    /// A register of gas, heat or water, see [`ComponentType::is_other_use`].
    #[must_use]
    pub fn is_other_use(&self) -> bool {
        self.component_type
            .as_ref()
            .is_some_and(ComponentType::is_other_use)
    }

    /// Received kWh: what the customer feeds in.
    #[must_use]
    pub fn is_received(&self) -> bool {
        self.is_energy() && !self.is_delivered()
    }

    /// Interval length in seconds; `None` for scalar and unmapped components.
    #[must_use]
    pub fn interval_seconds(&self) -> Option<u32> {
        self.component_type
            .as_ref()
            .filter(|t| t.kind == Kind::Interval)
            .and_then(|t| t.interval_seconds)
    }

    /// The service point where it hung last, by start of the stay; where it never hung anywhere, the one that an
    /// install event of no use names.
    #[must_use]
    pub fn last_service_point(&self) -> Option<u32> {
        let last = self.periods.last().map(|period| period.service_point);
        last.or(self.doubt.and_then(|doubt| doubt.service_point))
    }

    /// The combined multiplier that its measurements should carry during `period`, in 10^-6: component multiplier
    /// times install constant, rounded half to even. Saturates at `i64::MAX`.
    #[must_use]
    pub fn expected_multiplier_micro(&self, period: &InstallPeriod) -> i64 {
        let product = i128::from(self.multiplier_micro) * i128::from(period.constant_micro);
        let (whole, rest) = (
            product.div_euclid(i128::from(MICRO)),
            product.rem_euclid(i128::from(MICRO)),
        );
        let half = i128::from(MICRO / 2);
        let up = rest > half || (rest == half && whole % 2 != 0);
        i64::try_from(whole + i128::from(up)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests;
