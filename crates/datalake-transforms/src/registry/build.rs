//! Building the registry from the dimension tables.

use arrow::array::RecordBatch;
use rayon::prelude::*;

use super::config::{DeviceStatus, RegistryConfig, RegistryRules};
use super::device_events;
use super::faults;
use super::join::{Hub, Hubs, StayComponents, check_joinable, join};
use super::notes::{Notes, Rejections};
use super::overlaps::overlaps;
use super::places::{Places, service_points};
use super::stays::{Stay, positive, stays};
use super::tables::{self, ComponentRow, DeviceRow, InstallEventRow, ServicePointRow, UnusableEvent};
use super::temperature;
use super::types::component_type;
use super::{Component, Doubt, InstallPeriod, Registry};
use crate::error::TransformError;
use crate::findings::Findings;
use crate::model::{ComponentType, MICRO};

/// Registers with more digits would leave the range of 64-bit integers of 10^-6 units.
const MAX_REGISTER_DIGITS: i64 = 12;

/// Share of the energy components that may lack install events. Where it is more, not that many meters hang nowhere:
/// the extract lacks install events.
const MAX_UNINSTALLED_SHARE: f64 = 0.2;

/// The dimension tables, in the canonical columns, each as any number of batches in any order. A column `delivered_at`
/// (a time) may say when the rows were delivered: of rows with one id the newest delivery counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct RegistryInput<'a> {
    /// Devices.
    pub device: &'a [RecordBatch],
    /// Channels of devices.
    pub measuring_component: &'a [RecordBatch],
    /// Stays of devices at service points, in legal time.
    pub install_event: &'a [RecordBatch],
    /// The rows of `install_event` that could not be read, as far as they could.
    pub unreadable_install_event: &'a [RecordBatch],
    /// Rows of `install_event` of which nothing could be read.
    pub lost_install_events: u64,
    /// Which device a device configuration belongs to, where the lake has it.
    pub device_config: Option<&'a [RecordBatch]>,
    /// Connects and disconnects in legal time, where the lake has them.
    pub on_off_history: Option<&'a [RecordBatch]>,
    /// What is known of service points, where the lake has it.
    pub service_point: Option<&'a [RecordBatch]>,
    /// Tamper and power events of devices in legal time, where the lake has them.
    pub device_event: Option<&'a [RecordBatch]>,
    /// Temperatures on the measurement clock, where the lake has them.
    pub temperature: Option<&'a [RecordBatch]>,
}

/// Joins the dimension tables.
///
/// Returns the registry, what was noticed, and the rows kept aside with the name of their table; each of these is in
/// the findings too. Nothing depends on the order of batches and rows, but for the positions of rows kept aside.
///
/// # Errors
/// A wrong config, a column that is missing or of another type than the canonical one, or tables that have no ids in
/// common.
pub fn build(
    input: &RegistryInput<'_>,
    config: &RegistryConfig,
) -> Result<(Registry, Findings, Rejections), TransformError> {
    let rules = config.validate()?;
    let mut notes = Notes::default();
    let devices = tables::devices(input.device, &mut notes)?;
    let configs = match input.device_config {
        Some(batches) => Some(tables::device_configs(batches, &mut notes)?),
        None => None,
    };
    let rows = tables::components(input.measuring_component, &mut notes)?;
    let (mut events, mut unusable) = tables::install_events(
        input.install_event,
        input.unreadable_install_event,
        &rules,
        &mut notes,
    )?;
    let history = tables::switches(input.on_off_history.unwrap_or_default(), &rules, &mut notes)?;
    let points = match input.service_point {
        Some(batches) => Some(tables::service_points(batches, &mut notes)?),
        None => None,
    };

    check_joinable(&rows, &events, configs.is_some(), &rules)?;
    let hubs = Hubs::new(&devices, configs.as_deref(), &rules, &mut notes);
    let component_hubs: Vec<Hub<'_>> = rows
        .iter()
        .map(|row| {
            hubs.resolve(
                "measuring_component",
                row.id,
                row.device_config_id,
                row.device_id,
                &mut notes,
            )
        })
        .collect();
    hang_on_hubs(&mut events, &mut unusable, &hubs, &mut notes);
    let nowhere = |event: &UnusableEvent<'_>| event.device_config_id.is_none() && event.device_id.is_none();
    let lost = input.lost_install_events + unusable.iter().filter(|event| nowhere(event)).count() as u64;
    let stays = stays(&events, &history, &rules, &mut unusable, &mut notes);
    unusable.sort_unstable();
    let ids: Vec<&str> = rows.iter().map(|row| row.id).collect();
    let joined = join(&stays, &unusable, &ids, &component_hubs, &mut notes)?;
    let places = Places::gather(&stays, &unusable, &joined);
    let [joined, in_doubt] = joined;
    let doubts = doubts(&unusable, &in_doubt, &places, rows.len());

    let mut channels = channels(&rows, &component_hubs, &rules, &mut notes);
    note_devices(&devices, &channels, &stays, &joined, &rules, &mut notes);
    let overlaps = overlaps(&stays, &joined, &places, &channels, &mut notes);
    let mut stays_of: Vec<(u32, u32)> = (0..stays.len())
        .flat_map(|stay| {
            joined
                .of(stay)
                .iter()
                .map(move |&component| (component, stay as u32))
        })
        .collect();
    // Stays are sorted by (start, event id), so this sorts each component's the same way.
    stays_of.par_sort_unstable();
    let ranges = ranges(&stays_of, channels.len());
    let installs = ranges.windows(2).map(|range| range[1] - range[0]);
    let uninstalled: Vec<usize> = installs
        .enumerate()
        .filter_map(|(index, installs)| (installs == 0).then_some(index))
        .collect();
    let install_events_incomplete = note_uninstalled(&channels, &uninstalled, &doubts, lost, &mut notes);
    let components: Vec<Component> = channels
        .par_iter_mut()
        .zip(ranges.par_windows(2))
        .zip(doubts)
        .map(|((channel, range), doubt)| {
            let stays_of = &stays_of[range[0]..range[1]];
            component(channel, stays_of, &stays, doubt, &places, &devices)
        })
        .collect();
    let service_points = service_points(&places, points.as_deref(), &mut notes);

    let mut registry = Registry::new(components, service_points);
    registry.overlaps = overlaps;
    for component in &mut registry.components {
        component.doubt_seconds = rules.clock.doubt_seconds();
    }
    registry.install_events_incomplete = install_events_incomplete;
    let points = points.as_deref().unwrap_or_default();
    hang_optional(&mut registry, input, points, &rules, &mut notes)?;
    let (findings, rejected) = notes.finish();
    Ok((registry, findings, rejected))
}

/// Completes what install events say of their hub: the device of a config, and the config of a device.
fn hang_on_hubs<'a>(
    events: &mut [InstallEventRow<'a>],
    unusable: &mut [UnusableEvent<'a>],
    hubs: &Hubs<'a>,
    notes: &mut Notes<'a>,
) {
    for event in events {
        let hub = hubs.resolve(
            "install_event",
            event.id,
            event.device_config_id,
            event.device_id,
            notes,
        );
        (event.device_config_id, event.device_id) = (hub.config, hub.device);
    }
    for event in unusable {
        // What contradicts in a row that is not used is no news.
        let hub = hubs.resolve(
            "install_event",
            event.id.unwrap_or(""),
            event.device_config_id,
            event.device_id,
            &mut Notes::default(),
        );
        (event.device_config_id, event.device_id) = (hub.config, hub.device);
    }
}

/// What no stay depends on: the weather of service points, and what devices say of themselves.
fn hang_optional<'a>(
    registry: &mut Registry,
    input: &RegistryInput<'a>,
    points: &[ServicePointRow<'a>],
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) -> Result<(), TransformError> {
    let temperatures = temperature::rows(input.temperature.unwrap_or_default(), notes)?;
    registry.weather = temperature::weather(&temperatures, &registry.service_points, points, notes);
    let events = device_events::rows(input.device_event.unwrap_or_default(), rules, notes)?;
    device_events::hang(&events, registry, rules, notes);
    Ok(())
}

/// A component before its stays are hung onto it.
pub(super) struct Channel<'a> {
    row: &'a ComponentRow<'a>,
    device_id: Option<&'a str>,
    /// Position in the device table.
    device: Option<u32>,
    pub(super) component_type: Option<ComponentType>,
    multiplier_micro: i64,
    register_digits: Option<u8>,
}

fn channels<'a>(
    rows: &'a [ComponentRow<'a>],
    component_hubs: &[Hub<'a>],
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) -> Vec<Channel<'a>> {
    const TABLE: &str = "measuring_component";
    rows.iter()
        .zip(component_hubs)
        .map(|(row, hub)| {
            if hub.device.is_none() {
                notes.add(TABLE, faults::COMPONENT_WITHOUT_DEVICE, row.id);
            }
            let multiplier_micro = positive(row.multiplier_micro).unwrap_or_else(|| {
                notes.add(TABLE, faults::NON_POSITIVE_MULTIPLIER, row.id);
                MICRO
            });
            let register_digits = row.register_digits.and_then(|digits| {
                if (1..=MAX_REGISTER_DIGITS).contains(&digits) {
                    return u8::try_from(digits).ok();
                }
                notes.add(TABLE, faults::INVALID_REGISTER_DIGITS, row.id);
                None
            });
            Channel {
                row,
                device_id: hub.device,
                device: hub.device_position,
                component_type: component_type(row, rules, notes),
                multiplier_micro,
                register_digits,
            }
        })
        .collect()
}

fn note_devices<'a>(
    devices: &[DeviceRow<'a>],
    channels: &[Channel<'a>],
    stays: &[Stay<'a>],
    joined: &StayComponents,
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) {
    const TABLE: &str = "device";
    let mut has_component = vec![false; devices.len()];
    for device in channels.iter().filter_map(|channel| channel.device) {
        has_component[device as usize] = true;
    }
    let mut installed = vec![false; devices.len()];
    let lasting = stays
        .iter()
        .enumerate()
        .filter(|(_, stay)| stay.end == i64::MAX && !stay.end_unknown);
    for (index, _) in lasting {
        for &component in joined.of(index) {
            if let Some(device) = channels[component as usize].device {
                installed[device as usize] = true;
            }
        }
    }
    for (index, device) in devices.iter().enumerate() {
        if !has_component[index] {
            notes.add(TABLE, faults::DEVICE_WITHOUT_COMPONENT, device.id);
        }
        let Some(code) = device.status else { continue };
        match rules.device_status.get(code) {
            None => notes.add_code(TABLE, faults::UNMAPPED_DEVICE_STATUS, device.id, code),
            Some(DeviceStatus::Retired) if installed[index] => {
                notes.add(TABLE, faults::RETIRED_DEVICE_INSTALLED, device.id);
            }
            Some(_) => {}
        }
    }
}

/// What the events that make no stay leave in doubt of each component. `unusable` is sorted, so of several service
/// points the one of the greatest event is kept, however the rows came.
fn doubts(
    unusable: &[UnusableEvent<'_>],
    in_doubt: &StayComponents,
    places: &Places<'_>,
    components: usize,
) -> Vec<Option<Doubt>> {
    let mut doubts: Vec<Option<Doubt>> = vec![None; components];
    for (index, event) in unusable.iter().enumerate() {
        for &component in in_doubt.of(index) {
            let known = &mut doubts[component as usize];
            *known = Some(Doubt {
                from: known.map_or(event.from, |doubt| doubt.from.min(event.from)),
                service_point: places
                    .of_unusable(index)
                    .or(known.and_then(|doubt| doubt.service_point)),
            });
        }
    }
    doubts
}

/// Notes the components without install event. Whether those of energy are so many, or rows of install events so
/// unreadable, that having none says nothing of a component.
fn note_uninstalled<'a>(
    channels: &[Channel<'a>],
    uninstalled: &[usize],
    doubts: &[Option<Doubt>],
    lost: u64,
    notes: &mut Notes<'a>,
) -> bool {
    const TABLE: &str = "measuring_component";
    let is_energy = |channel: &Channel<'_>| {
        channel
            .component_type
            .as_ref()
            .is_some_and(ComponentType::is_energy)
    };
    let mut missing = Vec::new();
    for &index in uninstalled {
        let channel = &channels[index];
        if doubts[index].is_some() {
            notes.add(TABLE, faults::WITHOUT_USABLE_INSTALL_EVENT, channel.row.id);
            continue;
        }
        notes.add(TABLE, faults::WITHOUT_INSTALL_EVENT, channel.row.id);
        if is_energy(channel) {
            missing.push(channel.row.id);
        }
    }
    let energy = channels.iter().filter(|channel| is_energy(channel)).count();
    let many = missing.len() as f64 > MAX_UNINSTALLED_SHARE * energy as f64;
    if missing.is_empty() || (!many && lost == 0) {
        return false;
    }
    for id in missing {
        notes.add("install_event", faults::INCOMPLETE, id);
    }
    true
}

/// Where each component's part of the sorted pairs begins; one entry more than there are components.
fn ranges(stays_of: &[(u32, u32)], components: usize) -> Vec<usize> {
    let mut ranges = vec![0; components + 1];
    for &(component, _) in stays_of {
        ranges[component as usize + 1] += 1;
    }
    for index in 0..components {
        ranges[index + 1] += ranges[index];
    }
    ranges
}

fn component(
    channel: &mut Channel<'_>,
    stays_of: &[(u32, u32)],
    stays: &[Stay<'_>],
    doubt: Option<Doubt>,
    places: &Places<'_>,
    devices: &[DeviceRow<'_>],
) -> Component {
    let start = |&(_, stay): &(u32, u32)| stays[stay as usize].start;
    let periods = stays_of.iter().map(|&(_, index)| {
        let stay = &stays[index as usize];
        let end = if stay.end_unknown {
            let next = stays_of.partition_point(|other| start(other) <= stay.start);
            stays_of.get(next).map_or(stay.end, start)
        } else {
            stay.end
        };
        InstallPeriod {
            event_id: stay.event_id.to_owned(),
            service_point: places.of(index as usize),
            start: stay.start,
            end,
            switches: stay.switches.clone(),
            constant_micro: stay.constant_micro,
            removal_recorded: stay.removal_recorded,
        }
    });
    let device_type = channel
        .device
        .and_then(|device| devices[device as usize].device_type);
    Component {
        id: channel.row.id.to_owned(),
        device_id: channel.device_id.map(str::to_owned),
        device_type: device_type.map(str::to_owned),
        component_type: channel.component_type.take(),
        multiplier_micro: channel.multiplier_micro,
        register_digits: channel.register_digits,
        periods: periods.collect(),
        block_ends: Vec::new(),
        doubt_seconds: 0,
        events: Vec::new(),
        // When a component was installed at all is what the faulty event does not tell.
        doubt: doubt.map(|doubt| Doubt {
            from: if stays_of.is_empty() { i64::MIN } else { doubt.from },
            ..doubt
        }),
    }
}
