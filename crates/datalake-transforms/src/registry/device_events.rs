//! What devices say of themselves: tamper and power events, hung onto the components of their devices.
//!
//! Times are legal, like those of install events. What an event code means is config; a code that is not mapped is a finding,
//! and its events are not used. A power event that many devices of a neighbourhood had at the same time is an outage, and
//! says nothing of any of them.
//!
//! Default codes are names and the dotted types of IEC 61968-9, which mean one thing wherever they stand. Bare numbers are not
//! among them: 42 is a magnetic field in the logs of Dutch meters and something else in those of others.

use std::collections::{BTreeMap, HashMap};

use arrow::array::RecordBatch;
use rayon::slice::ParallelSliceMut as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::columns::Columns;
use super::config::RegistryRules;
use super::faults;
use super::notes::{Notes, Origin};
use super::tables::{FIRST_MICRO, LAST_MICRO, show_time};
use super::{Component, Registry};
use crate::error::TransformError;

/// What a device says has happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceEventKind {
    /// Somebody tampers with it, in a way that the code does not tell.
    Tamper,
    /// The cover of the meter or of its terminals was opened.
    CoverOpen,
    /// A strong magnetic field.
    MagneticField,
    /// It runs backwards, or its current was turned round.
    ReverseRotation,
    /// It was taken out of its socket, or tilted.
    Removal,
    /// Its supply failed.
    PowerLost,
    /// Its supply came back.
    PowerRestored,
    /// Known, and no sign of anything: covers that close, clocks that are set.
    Harmless,
}

impl DeviceEventKind {
    /// Whether it is of the supply, which fails for honest reasons, too.
    #[must_use]
    pub fn is_power(self) -> bool {
        matches!(self, Self::PowerLost | Self::PowerRestored)
    }
}

/// One event of a device that may mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceEvent {
    /// Seconds since 1970-01-01 00:00 on the measurement clock.
    pub at: i64,
    /// What happened.
    pub kind: DeviceEventKind,
}

/// Codes by name, with underscores for blanks and dashes. The names of the kinds; those of the standard and fraud
/// detection logs of DLMS/COSEM companion specifications; of the event codes of ANSI C12.19; of Itron's and Oracle's
/// products; and end device event types of IEC 61968-9, of a meter (3) or any device (0).
pub(super) const CODES: [(&str, DeviceEventKind); 64] = {
    use DeviceEventKind::{
        CoverOpen, Harmless, MagneticField, PowerLost, PowerRestored, Removal, ReverseRotation, Tamper,
    };
    [
        ("TAMPER", Tamper),
        ("COVER_OPEN", CoverOpen),
        ("MAGNETIC_FIELD", MagneticField),
        ("REVERSE_ROTATION", ReverseRotation),
        ("REMOVAL", Removal),
        ("POWER_LOST", PowerLost),
        ("POWER_RESTORED", PowerRestored),
        ("HARMLESS", Harmless),
        ("POWER_DOWN", PowerLost),
        ("POWER_UP", PowerRestored),
        ("POWER_FAILURE", PowerLost),
        ("POWER_RETURNED", PowerRestored),
        ("TERMINAL_COVER_REMOVED", CoverOpen),
        ("TERMINAL_COVER_OPENED", CoverOpen),
        ("TERMINAL_COVER_CLOSED", Harmless),
        ("METER_COVER_REMOVED", CoverOpen),
        ("METER_COVER_OPENED", CoverOpen),
        ("METER_COVER_CLOSED", Harmless),
        ("MODULE_COVER_OPENED", CoverOpen),
        ("MODULE_COVER_CLOSED", Harmless),
        ("COVER_OPENED", CoverOpen),
        ("COVER_CLOSED", Harmless),
        ("STRONG_DC_FIELD_DETECTED", MagneticField),
        ("NO_STRONG_DC_FIELD_ANYMORE", Harmless),
        ("REVERSE_POWER_FLOW_START", ReverseRotation),
        ("REVERSE_POWER_FLOW_END", Harmless),
        ("CURRENT_REVERSAL", ReverseRotation),
        ("FRAUD_ATTEMPT", Tamper),
        ("CLOCK_ADJUSTED", Harmless),
        ("CLOCK_INVALID", Harmless),
        ("EVENT_LOG_CLEARED", Harmless),
        ("BATTERY_VOLTAGE_LOW", Harmless),
        ("REPLACE_BATTERY", Harmless),
        ("FIRMWARE_ACTIVATED", Harmless),
        ("PRIMARY_POWER_DOWN", PowerLost),
        ("PRIMARY_POWER_UP", PowerRestored),
        ("TAMPER_ATTEMPT_SUSPECTED", Tamper),
        ("REVERSE_ROTATION_DETECTED", ReverseRotation),
        ("MAGNETIC_TAMPER", MagneticField),
        ("MAGNETIC_DETECTED", MagneticField),
        ("TILT_DETECTED", Removal),
        ("INVERSION_TAMPER", ReverseRotation),
        ("REMOVAL_TAMPER", Removal),
        ("METER_INVERSION", ReverseRotation),
        ("METER_REMOVAL", Removal),
        ("TAMPER_DETECTED", Tamper),
        ("LAST_GASP", PowerLost),
        ("POWER_OUTAGE", PowerLost),
        ("POWER_RESTORATION", PowerRestored),
        ("LOW_BATTERY", Harmless),
        ("0.12.43.257", Tamper),
        ("3.12.0.257", Tamper),
        ("3.12.43.257", Tamper),
        ("0.12.29.39", CoverOpen),
        ("3.12.29.39", CoverOpen),
        ("0.12.141.39", CoverOpen),
        ("3.12.141.39", CoverOpen),
        ("0.12.66.242", MagneticField),
        ("3.12.66.242", MagneticField),
        ("0.12.66.243", Harmless),
        ("0.12.48.219", ReverseRotation),
        ("3.12.48.219", ReverseRotation),
        ("0.26.38.47", PowerLost),
        ("0.26.38.49", PowerRestored),
    ]
};

/// The code as it is looked up: blanks and dashes are underscores.
pub(super) fn code_of(text: &str) -> String {
    text.trim().to_ascii_uppercase().replace([' ', '-'], "_")
}

/// Power events of one moment: so many seconds on either side of each.
const SAME_MOMENT_SECONDS: i64 = 15 * 60;

/// Devices with a power event at the same moment that make an outage: this many, and this share of the neighbourhood.
const OUTAGE_DEVICES: u32 = 3;
const OUTAGE_SHARE: f64 = 0.3;

/// Components of one device; what has more is a placeholder such as `UNKNOWN`, on whose components events say nothing.
const COMPONENTS_OF_A_DEVICE: usize = 200;

/// Legal time, in microseconds. The whole row is the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventRow<'a> {
    device_id: &'a str,
    at: i64,
    kind: DeviceEventKind,
}

/// Rows that may mean something, sorted, each once.
pub(super) fn rows<'a>(
    batches: &'a [RecordBatch],
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) -> Result<Vec<EventRow<'a>>, TransformError> {
    const TABLE: &str = "device_event";
    let mut rows = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let columns = Columns::new(TABLE, batch);
        columns.require(&["device_id", "at", "event_code"])?;
        let (device_id, at) = (columns.text("device_id")?, columns.time("at")?);
        let code = columns.text("event_code")?;
        for row in 0..batch.num_rows() {
            let origin = Origin {
                table: TABLE,
                batch: batch_index,
                row,
            };
            let Some(device_id) = device_id.get(row) else {
                notes.reject(origin, faults::KEY_MISSING, "device_id", String::new(), None);
                continue;
            };
            let time = at.get(row);
            let Some(at) = time.filter(|at| (FIRST_MICRO..LAST_MICRO).contains(at)) else {
                let shown = time.map(show_time).unwrap_or_default();
                notes.reject(origin, faults::EVENT_TIME_MISSING, "at", shown, Some(device_id));
                continue;
            };
            let code = code.get(row).unwrap_or("");
            match rules.device_event_codes.get(code) {
                None => notes.add_code(TABLE, faults::UNMAPPED_EVENT, device_id, code),
                Some(DeviceEventKind::Harmless) => {}
                Some(kind) => rows.push(EventRow { device_id, at, kind }),
            }
        }
    }
    rows.par_sort_unstable();
    rows.dedup();
    Ok(rows)
}

/// The devices that have components, sorted by id.
struct Devices {
    /// Components by device.
    components: Vec<u32>,
    /// Where the components of each device end.
    ends: Vec<usize>,
    /// Neighbourhood by service point: its transformer; 0 where that is not given.
    neighbourhood_of: Vec<u32>,
    /// Devices by neighbourhood.
    members: Vec<u32>,
}

impl Devices {
    fn of(registry: &Registry) -> Self {
        let id = |component: u32| registry.components[component as usize].device_id.as_deref();
        let mut components: Vec<u32> = (0..registry.components.len() as u32)
            .filter(|&component| id(component).is_some())
            .collect();
        components.par_sort_unstable_by_key(|&component| (id(component), component));
        let mut ends = Vec::new();
        for device in components.chunk_by(|&a, &b| id(a) == id(b)) {
            ends.push(ends.last().copied().unwrap_or(0) + device.len());
        }
        let places = registry.service_points.iter();
        let named = places.filter_map(|place| Some((place.transformer_id.as_deref()?, 0)));
        let mut numbers: BTreeMap<&str, u32> = named.collect();
        for (number, place) in (1..).zip(numbers.values_mut()) {
            *place = number;
        }
        let places = registry.service_points.iter();
        let mut devices = Self {
            components,
            ends,
            neighbourhood_of: places
                .map(|place| place.transformer_id.as_deref().map_or(0, |id| numbers[id]))
                .collect(),
            members: vec![0; numbers.len() + 1],
        };
        for device in 0..devices.ends.len() {
            let neighbourhood = devices.neighbourhood(registry, device, i64::MAX);
            devices.members[neighbourhood as usize] += 1;
        }
        devices
    }

    fn components(&self, device: usize) -> &[u32] {
        let from = device.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.components[from..self.ends[device]]
    }

    /// The device of an id, among those from position `from` on.
    fn position(&self, registry: &Registry, from: usize, id: &str) -> Option<usize> {
        let of = |end: &usize| {
            let component = &registry.components[self.components[end - 1] as usize];
            component.device_id.as_deref()
        };
        let at = from + self.ends[from..].partition_point(|end| of(end) < Some(id));
        (self.ends.get(at).and_then(of) == Some(id)).then_some(at)
    }

    /// Where it hung at a moment, or last.
    fn neighbourhood(&self, registry: &Registry, device: usize, at: i64) -> u32 {
        let component = &registry.components[self.components(device)[0] as usize];
        let mut periods = component.periods.iter();
        let place = periods
            .find(|period| (period.start..period.end).contains(&at))
            .map(|period| period.service_point)
            .or(component.last_service_point());
        place.map_or(0, |place| self.neighbourhood_of[place as usize])
    }
}

/// Sorted by neighbourhood and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PowerEvent {
    neighbourhood: u32,
    at: i64,
    device: usize,
    /// Position among all events.
    index: usize,
}

/// Which power events of one neighbourhood of so many devices, sorted by time, many others had as well.
fn shared(events: &[PowerEvent], members: u32) -> Vec<bool> {
    let needed = OUTAGE_DEVICES.max((OUTAGE_SHARE * f64::from(members)).ceil() as u32) as usize;
    // Events of each device that are in the window around the one looked at.
    let mut within: HashMap<usize, u32> = HashMap::new();
    let (mut from, mut to) = (0, 0);
    events
        .iter()
        .map(|event| {
            while to < events.len() && events[to].at <= event.at.saturating_add(SAME_MOMENT_SECONDS) {
                *within.entry(events[to].device).or_insert(0) += 1;
                to += 1;
            }
            while events[from].at < event.at.saturating_sub(SAME_MOMENT_SECONDS) {
                if let Some(count) = within.get_mut(&events[from].device) {
                    *count -= 1;
                    if *count == 0 {
                        within.remove(&events[from].device);
                    }
                }
                from += 1;
            }
            within.len() >= needed
        })
        .collect()
}

/// Hangs the events onto the components of their devices, but for those of outages.
pub(super) fn hang<'a>(
    rows: &[EventRow<'a>],
    registry: &mut Registry,
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) {
    const TABLE: &str = "device_event";
    if rows.is_empty() {
        return;
    }
    let devices = Devices::of(registry);
    // Row, device and event.
    let mut found: Vec<(usize, usize, DeviceEvent)> = Vec::with_capacity(rows.len());
    let (mut first, mut device) = (0, 0);
    for group in rows.chunk_by(|a, b| a.device_id == b.device_id) {
        let id = group[0].device_id;
        let position = devices.position(registry, device, id);
        device = position.unwrap_or(device);
        if position.is_some_and(|at| devices.components(at).len() > COMPONENTS_OF_A_DEVICE) {
            // Each event with each component would be the square of a lake.
            notes.add_rows(TABLE, faults::EVENT_OF_PLACEHOLDER, id, group.len() as u64);
        } else if position.is_some() {
            found.extend(group.iter().zip(first..).filter_map(|(row, index)| {
                let at = rules.clock.to_measurement(row.at)?.seconds;
                Some((index, device, DeviceEvent { at, kind: row.kind }))
            }));
        } else {
            notes.add_rows(TABLE, faults::EVENT_WITHOUT_COMPONENT, id, group.len() as u64);
        }
        first += group.len();
    }
    let mut power: Vec<PowerEvent> = (0..)
        .zip(&found)
        .filter(|(_, (.., event))| event.kind.is_power())
        .map(|(index, &(_, device, event))| PowerEvent {
            neighbourhood: devices.neighbourhood(registry, device, event.at),
            at: event.at,
            device,
            index,
        })
        .collect();
    power.par_sort_unstable();
    let mut of_outage = vec![false; found.len()];
    for group in power.chunk_by(|a, b| a.neighbourhood == b.neighbourhood) {
        let members = devices.members[group[0].neighbourhood as usize];
        for (event, shared) in group.iter().zip(shared(group, members)) {
            of_outage[event.index] = shared;
        }
    }
    let mut events: Vec<(u32, DeviceEvent)> = Vec::with_capacity(found.len());
    for (&(row, device, event), of_outage) in found.iter().zip(of_outage) {
        if of_outage {
            notes.add(TABLE, faults::OUTAGE, rows[row].device_id);
            continue;
        }
        let components = devices.components(device).iter();
        events.extend(components.map(|&component| (component, event)));
    }
    events.par_sort_unstable();
    for group in events.chunk_by(|a, b| a.0 == b.0) {
        let component: &mut Component = &mut registry.components[group[0].0 as usize];
        component.events = group.iter().map(|&(_, event)| event).collect();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::registry::RegistryConfig;

    #[test]
    fn a_code_means_the_same_however_it_is_written() {
        let rules = RegistryConfig::default().validate().unwrap();
        for (code, kind) in [
            ("TERMINAL_COVER_REMOVED", Some(DeviceEventKind::CoverOpen)),
            ("terminal cover removed", Some(DeviceEventKind::CoverOpen)),
            ("Tamper-Attempt Suspected", Some(DeviceEventKind::Tamper)),
            ("3.12.0.257", Some(DeviceEventKind::Tamper)),
            ("Meter Cover Closed", Some(DeviceEventKind::Harmless)),
            ("42", None),
            ("", None),
        ] {
            assert_eq!(rules.device_event_codes.get(code), kind, "{code}");
        }
        let codes: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), CODES.len(), "each code stands there once");
        assert!(CODES.iter().all(|(code, _)| code_of(code) == *code));
    }

    proptest! {
        /// By looking at every pair of events.
        #[test]
        fn outages_are_what_counting_finds(
            members in 1_u32..14,
            events in prop::collection::vec((0_i64..6_000, 0_usize..8), 0..40),
        ) {
            let mut events: Vec<PowerEvent> = events
                .into_iter()
                .map(|(at, device)| PowerEvent { neighbourhood: 1, at, device, index: 0 })
                .collect();
            events.sort_unstable();
            let expected: Vec<bool> = events
                .iter()
                .map(|event| {
                    let near = events.iter().filter(|other| (other.at - event.at).abs() <= 900);
                    let devices: BTreeSet<usize> = near.map(|other| other.device).collect();
                    devices.len() >= 3 && devices.len() as f64 >= 0.3 * f64::from(members)
                })
                .collect();
            prop_assert_eq!(shared(&events, members), expected);
        }
    }
}
