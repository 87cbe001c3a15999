//! Joining components, devices and install events: on the device configuration where both sides have one, on the
//! device otherwise.

use std::collections::HashMap;
use std::ops::Range;

use rayon::slice::ParallelSliceMut as _;

use super::config::RegistryRules;
use super::faults;
use super::notes::Notes;
use super::stays::Stay;
use super::tables::{ComponentRow, DeviceConfigRow, DeviceRow, InstallEventRow, UnusableEvent};
use crate::error::TransformError;

/// Components times install events that one device can have. More share a placeholder such as `0` or `UNKNOWN`, which
/// says nothing of what hangs where, and would make as many periods.
const MAX_JOINED: usize = 65_536;

/// Components by the id that they are joined on.
struct Groups<'a> {
    components: Vec<u32>,
    /// Where each group lies in `components`.
    ranges: Vec<Range<usize>>,
    /// Install events of each group.
    events: Vec<usize>,
    by_id: HashMap<&'a str, usize>,
}

impl<'a> Groups<'a> {
    fn new(pairs: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let mut pairs: Vec<(&str, u32)> = pairs.collect();
        pairs.par_sort_unstable();
        let mut ranges = Vec::new();
        let mut by_id = HashMap::with_capacity(pairs.len());
        let mut from = 0;
        for group in pairs.chunk_by(|a, b| a.0 == b.0) {
            by_id.insert(group[0].0, ranges.len());
            ranges.push(from..from + group.len());
            from += group.len();
        }
        let components = pairs.into_iter().map(|(_, component)| component).collect();
        Self {
            components,
            events: vec![0; ranges.len()],
            ranges,
            by_id,
        }
    }

    /// The group of an id, which gains one install event.
    fn count(&mut self, id: Option<&str>) -> Option<usize> {
        let group = *self.by_id.get(id?)?;
        self.events[group] += 1;
        Some(group)
    }

    /// Ascending.
    fn components(&self, group: usize) -> &[u32] {
        &self.components[self.ranges[group].clone()]
    }

    fn is_placeholder(&self, group: usize) -> bool {
        self.ranges[group].len() * self.events[group] > MAX_JOINED
    }
}

/// The devices and device configurations that the lake knows.
pub(super) struct Hubs<'a> {
    devices: HashMap<&'a str, u32>,
    /// Each configuration's device, and the device's position.
    configs: Option<HashMap<&'a str, (&'a str, Option<u32>)>>,
    config_is_device: bool,
}

/// The ids by which a component or an install event is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hub<'a> {
    pub(super) config: Option<&'a str>,
    pub(super) device: Option<&'a str>,
    /// Position in the device table, of a device that is there.
    pub(super) device_position: Option<u32>,
}

impl<'a> Hubs<'a> {
    pub(super) fn new(
        devices: &[DeviceRow<'a>],
        configs: Option<&[DeviceConfigRow<'a>]>,
        rules: &RegistryRules,
        notes: &mut Notes<'a>,
    ) -> Self {
        let devices: HashMap<&str, u32> = devices
            .iter()
            .zip(0..)
            .map(|(row, index)| (row.id, index))
            .collect();
        let configs = configs.map(|rows| {
            rows.iter()
                .map(|row| {
                    let position = devices.get(row.device_id).copied();
                    if position.is_none() {
                        notes.add("device_config", faults::UNKNOWN_DEVICE, row.id);
                    }
                    (row.id, (row.device_id, position))
                })
                .collect()
        });
        Self {
            devices,
            configs,
            config_is_device: rules.device_config_is_device,
        }
    }

    /// Completes what a row says of its device, and notes what contradicts.
    pub(super) fn resolve(
        &self,
        table: &'static str,
        id: &'a str,
        config: Option<&'a str>,
        device: Option<&'a str>,
        notes: &mut Notes<'a>,
    ) -> Hub<'a> {
        let mapped = match (config, &self.configs) {
            (Some(config), Some(configs)) => {
                let mapped = configs.get(config).copied();
                if mapped.is_none() {
                    notes.add(table, faults::UNKNOWN_DEVICE_CONFIG, id);
                }
                mapped
            }
            // Declared equal, and no table says otherwise.
            (Some(config), None) if self.config_is_device => Some((config, self.position(config))),
            _ => None,
        };
        let mut hub = if let Some((mapped, device_position)) = mapped {
            if device.is_some_and(|device| device != mapped) {
                notes.add(table, faults::DEVICE_CONTRADICTS_CONFIG, id);
            }
            Hub {
                config,
                device: Some(mapped),
                device_position,
            }
        } else {
            let device = if self.config_is_device {
                device.or(config)
            } else {
                device
            };
            Hub {
                config,
                device,
                device_position: device.and_then(|device| self.position(device)),
            }
        };
        if self.config_is_device {
            hub.config = hub.config.or(hub.device);
        }
        if hub.device.is_some() && hub.device_position.is_none() {
            notes.add(table, faults::UNKNOWN_DEVICE, id);
        }
        hub
    }

    fn position(&self, device: &str) -> Option<u32> {
        self.devices.get(device).copied()
    }
}

/// Whether the tables can be joined at all; an error says what to set.
pub(super) fn check_joinable(
    components: &[ComponentRow<'_>],
    events: &[InstallEventRow<'_>],
    has_config_table: bool,
    rules: &RegistryRules,
) -> Result<(), TransformError> {
    if has_config_table || rules.device_config_is_device {
        return Ok(());
    }
    let refuse = |why: &str| {
        Err(TransformError::Parameter {
            name: "device_config_is_device".to_owned(),
            value: "false".to_owned(),
            why: format!(
                "{why}; give a device_config table, or map `measuring_component.device_id`, or set \
                 `device_config_is_device` to true if both ids are the same in this lake"
            ),
        })
    };
    if !components.is_empty() && components.iter().all(|row| row.device_id.is_none()) {
        return refuse("measuring_component has no `device_id`, so its rows cannot be joined to devices");
    }
    let config_only = !events.is_empty() && events.iter().all(|row| row.device_id.is_none());
    if config_only && !components.is_empty() && components.iter().all(|row| row.device_config_id.is_none()) {
        return refuse(
            "install_event has only `device_config_id` and measuring_component only `device_id`, so they cannot be \
             joined",
        );
    }
    Ok(())
}

/// The components of every stay: those of `stays[i]` are `components[offsets[i]..offsets[i + 1]]`, ascending.
pub(super) struct StayComponents {
    offsets: Vec<usize>,
    components: Vec<u32>,
}

impl StayComponents {
    pub(super) fn of(&self, stay: usize) -> &[u32] {
        &self.components[self.offsets[stay]..self.offsets[stay + 1]]
    }
}

/// Joins stays, and install events that make none, to the components whose hubs are given, in the order of dense
/// indices.
///
/// An error where there are install events and components and none of either is met: every meter would seem to
/// hang nowhere.
pub(super) fn join<'a>(
    stays: &[Stay<'a>],
    unusable: &[UnusableEvent<'a>],
    ids: &[&'a str],
    hubs: &[Hub<'a>],
    notes: &mut Notes<'a>,
) -> Result<[StayComponents; 2], TransformError> {
    let keyed = |key: fn(&Hub<'a>) -> Option<&'a str>| {
        Groups::new(
            hubs.iter()
                .zip(0_u32..)
                .filter_map(move |(hub, index)| Some((key(hub)?, index))),
        )
    };
    let mut groups = [
        keyed(|hub| hub.config),
        keyed(|hub| hub.device),
        // For events that have a configuration: what they cannot reach by it.
        keyed(|hub| if hub.config.is_none() { hub.device } else { None }),
    ];
    let events = stays
        .iter()
        .map(|stay| (stay.device_config_id, stay.device_id))
        .chain(
            unusable
                .iter()
                .map(|event| (event.device_config_id, event.device_id)),
        );
    let found: Vec<[(usize, Option<usize>); 2]> = events
        .clone()
        .map(|(config, device)| {
            let by_device = if config.is_some() { 2 } else { 1 };
            [(0, config), (by_device, device)].map(|(kind, id)| (kind, groups[kind].count(id)))
        })
        .collect();
    if found.iter().flatten().all(|(_, group)| group.is_none()) {
        let components = hubs.iter().map(|hub| (hub.config, hub.device));
        if let Some(error) = nothing_joins(events, components) {
            return Err(error);
        }
    }
    note_placeholders(&groups, ids, notes);

    let (of_stays, of_unusable) = found.split_at(stays.len());
    let joined = components_of(&groups, of_stays);
    for (index, stay) in stays.iter().enumerate() {
        if joined.of(index).is_empty() {
            notes.add("install_event", faults::WITHOUT_COMPONENT, stay.event_id);
        }
    }
    Ok([joined, components_of(&groups, of_unusable)])
}

/// The components of the groups found for each event, by the kind of id.
fn components_of(groups: &[Groups<'_>; 3], found: &[[(usize, Option<usize>); 2]]) -> StayComponents {
    let mut joined = StayComponents {
        offsets: vec![0],
        components: Vec::with_capacity(found.len()),
    };
    for found in found {
        let from = joined.components.len();
        for &(kind, group) in found {
            if let Some(group) = group.filter(|&group| !groups[kind].is_placeholder(group)) {
                joined
                    .components
                    .extend_from_slice(groups[kind].components(group));
            }
        }
        joined.components[from..].sort_unstable();
        joined.offsets.push(joined.components.len());
    }
    joined
}

/// The error with an example of each side, given as pairs of device configuration and device; `None` where one side
/// has no ids, which other findings tell.
fn nothing_joins<'a>(
    events: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)> + Clone,
    components: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)> + Clone,
) -> Option<TransformError> {
    const CONFIG: &str = "device_config_id";
    const DEVICE: &str = "device_id";
    let event_config = events.clone().filter_map(|ids| ids.0).min();
    let component_config = components.clone().filter_map(|ids| ids.0).min();
    let event_device = events.filter_map(|ids| ids.1).min();
    let component_device = components.filter_map(|ids| ids.1).min();
    let pairs = [
        (CONFIG, event_config, CONFIG, component_config),
        (DEVICE, event_device, DEVICE, component_device),
        (CONFIG, event_config, DEVICE, component_device),
        (DEVICE, event_device, CONFIG, component_config),
    ];
    pairs
        .into_iter()
        .find_map(|(column, id, other_column, other_id)| {
            Some(TransformError::NothingJoins {
                column: format!("install_event.{column}"),
                id: id?.to_owned(),
                other_column: format!("measuring_component.{other_column}"),
                other_id: other_id?.to_owned(),
            })
        })
}

/// Each component of a placeholder is noted once.
fn note_placeholders<'a>(groups: &[Groups<'a>], ids: &[&'a str], notes: &mut Notes<'a>) {
    let mut noted = vec![false; ids.len()];
    for groups in groups {
        for group in (0..groups.ranges.len()).filter(|&group| groups.is_placeholder(group)) {
            for &component in groups.components(group) {
                noted[component as usize] = true;
            }
        }
    }
    for (&id, _) in ids.iter().zip(noted).filter(|(_, noted)| *noted) {
        notes.add("measuring_component", faults::PLACEHOLDER_DEVICE, id);
    }
}
