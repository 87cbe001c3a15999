//! Joining components, devices and install events: on the device configuration where both sides have one, on the
//! device otherwise.

use std::collections::{HashMap, HashSet};

use rayon::slice::ParallelSliceMut as _;

use super::config::RegistryRules;
use super::faults;
use super::notes::Notes;
use super::stays::Stay;
use super::tables::{ComponentRow, DeviceConfigRow, DeviceRow, InstallEventRow};
use crate::error::TransformError;

/// Channels that one device can have. More share a placeholder such as `0` or `UNKNOWN`: joining them would make
/// components times install events.
const MAX_CHANNELS: usize = 256;

/// Positions by id.
pub(super) struct Groups<'a> {
    positions: Vec<u32>,
    ranges: HashMap<&'a str, (u32, u32)>,
}

impl<'a> Groups<'a> {
    fn new(mut pairs: Vec<(&'a str, u32)>) -> Self {
        pairs.par_sort_unstable();
        let mut ranges = HashMap::with_capacity(pairs.len());
        let mut from = 0;
        for group in pairs.chunk_by(|a, b| a.0 == b.0) {
            let to = from + group.len() as u32;
            ranges.insert(group[0].0, (from, to));
            from = to;
        }
        Self {
            positions: pairs.into_iter().map(|(_, position)| position).collect(),
            ranges,
        }
    }

    /// Ascending.
    fn get(&self, id: &str) -> &[u32] {
        match self.ranges.get(id) {
            Some(&(from, to)) => &self.positions[from as usize..to as usize],
            None => &[],
        }
    }
}

/// The devices and device configurations that the lake knows.
pub(super) struct Hubs<'a> {
    devices: HashMap<&'a str, u32>,
    config_to_device: Option<HashMap<&'a str, &'a str>>,
    config_is_device: bool,
}

/// The ids by which a component or an install event is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hub<'a> {
    pub(super) config: Option<&'a str>,
    pub(super) device: Option<&'a str>,
}

impl<'a> Hubs<'a> {
    pub(super) fn new(
        devices: &[DeviceRow<'a>],
        configs: Option<&[DeviceConfigRow<'a>]>,
        rules: &RegistryRules,
    ) -> Self {
        Self {
            devices: devices
                .iter()
                .enumerate()
                .map(|(index, row)| (row.id, index as u32))
                .collect(),
            config_to_device: configs.map(|rows| rows.iter().map(|row| (row.id, row.device_id)).collect()),
            config_is_device: rules.device_config_is_device,
        }
    }

    /// Position of a device in the device table.
    pub(super) fn device(&self, id: &str) -> Option<u32> {
        self.devices.get(id).copied()
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
        let mut hub = Hub { config, device };
        if let (Some(config), Some(map)) = (config, &self.config_to_device) {
            match map.get(config) {
                None => notes.add(table, faults::UNKNOWN_DEVICE_CONFIG, id),
                Some(&mapped) => {
                    if device.is_some_and(|device| device != mapped) {
                        notes.add(table, faults::DEVICE_CONTRADICTS_CONFIG, id);
                    }
                    hub.device = Some(mapped);
                }
            }
        }
        if self.config_is_device {
            if let (Some(config), Some(device)) = (hub.config, hub.device)
                && config != device
                && self.config_to_device.is_none()
            {
                notes.add(table, faults::DEVICE_CONTRADICTS_CONFIG, id);
                hub.device = Some(config);
            }
            hub.device = hub.device.or(hub.config);
            hub.config = hub.config.or(hub.device);
        }
        if hub
            .device
            .is_some_and(|device| !self.devices.contains_key(device))
        {
            notes.add(table, faults::UNKNOWN_DEVICE, id);
        }
        hub
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

/// Joins stays to the components whose hubs are given, in the order of dense indices.
pub(super) fn join<'a>(
    stays: &[Stay<'a>],
    ids: &[&'a str],
    hubs: &[Hub<'a>],
    notes: &mut Notes<'a>,
) -> StayComponents {
    let group = |key: &dyn Fn(&Hub<'a>) -> Option<&'a str>| {
        let keyed = hubs
            .iter()
            .enumerate()
            .filter_map(|(index, hub)| Some((key(hub)?, index as u32)));
        Groups::new(keyed.collect())
    };
    let by_config = group(&|hub| hub.config);
    let by_device = group(&|hub| hub.device);
    let by_device_only = group(&|hub| if hub.config.is_none() { hub.device } else { None });

    let mut joined = StayComponents {
        offsets: vec![0],
        components: Vec::with_capacity(ids.len()),
    };
    let mut crowded: HashSet<(&str, Option<&str>)> = HashSet::new();
    for stay in stays {
        let on_device = if stay.device_config_id.is_some() {
            &by_device_only
        } else {
            &by_device
        };
        let from = joined.components.len();
        for (hub, groups, id) in [
            ("config", &by_config, stay.device_config_id),
            ("device", on_device, stay.device_id),
        ] {
            let group = id.map_or(&[][..], |id| groups.get(id));
            if group.len() <= MAX_CHANNELS {
                joined.components.extend_from_slice(group);
            } else if crowded.insert((hub, id)) {
                for &component in group {
                    notes.add(
                        "measuring_component",
                        faults::TOO_MANY_COMPONENTS,
                        ids[component as usize],
                    );
                }
            }
        }
        joined.components[from..].sort_unstable();
        if joined.components.len() == from {
            notes.add("install_event", faults::WITHOUT_COMPONENT, stay.event_id);
        }
        joined.offsets.push(joined.components.len());
    }
    joined
}
