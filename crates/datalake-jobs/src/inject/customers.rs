//! Who hangs on which measuring components.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::Array;

use datalake_transforms::component_type::default_component_types;
use datalake_transforms::model::{Direction, Kind};

use crate::synthetic::columns::TableBatch;
use crate::synthetic::error::ToolError;
use crate::synthetic::files::each_batch;

/// A service point and the delivered-kWh components that were ever installed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Customer {
    pub(super) service_point_id: String,
    /// Trimmed ids, ascending.
    pub(super) components: Vec<String>,
    /// Of all of them; customers with components of different intervals are left out.
    pub(super) interval_seconds: u32,
    /// The only install event, where there is only one and nothing ended it.
    pub(super) open_event: Option<String>,
}

struct InstallEvent {
    id: String,
    service_point_id: String,
    ended: bool,
}

/// Customers in the order of their ids.
pub(super) fn read(lake: &Path) -> Result<Vec<Customer>, ToolError> {
    let mut device_of_config = BTreeMap::new();
    if lake.join("device_config").is_dir() {
        each_batch(&lake.join("device_config"), "device_config", |batch| {
            let (config, device) = (batch.text("device_config_id")?, batch.text("device_id")?);
            for i in 0..batch.rows() {
                device_of_config.insert(
                    config.value(i).trim().to_owned(),
                    device.value(i).trim().to_owned(),
                );
            }
            Ok(())
        })?;
    }

    let mut events: BTreeMap<String, Vec<InstallEvent>> = BTreeMap::new();
    each_batch(&lake.join("install_event"), "install_event", |batch| {
        let (id, service_point) = (batch.text("install_event_id")?, batch.text("service_point_id")?);
        let removed = batch.position("removed_at").map(|at| batch.batch.column(at));
        let status = batch.optional_text("status")?;
        for (i, hub) in hubs(batch, &device_of_config)?.into_iter().enumerate() {
            let on = status
                .as_ref()
                .is_none_or(|s| s.value(i).trim().eq_ignore_ascii_case("ON"));
            events.entry(hub).or_default().push(InstallEvent {
                id: id.value(i).trim().to_owned(),
                service_point_id: service_point.value(i).trim().to_owned(),
                ended: !on || removed.is_some_and(|r| r.is_valid(i)),
            });
        }
        Ok(())
    })?;

    let types = default_component_types();
    let mut components: BTreeMap<String, Vec<(String, u32)>> = BTreeMap::new();
    each_batch(
        &lake.join("measuring_component"),
        "measuring_component",
        |batch| {
            let (id, code) = (
                batch.text("measuring_component_id")?,
                batch.text("component_type")?,
            );
            for (i, hub) in hubs(batch, &device_of_config)?.into_iter().enumerate() {
                let delivered = types.get(code.value(i).trim()).filter(|t| {
                    t.uom == "kWh" && t.direction == Direction::Delivered && t.kind == Kind::Interval
                });
                if let Some(interval) = delivered.and_then(|t| t.interval_seconds) {
                    components
                        .entry(hub)
                        .or_default()
                        .push((id.value(i).trim().to_owned(), interval));
                }
            }
            Ok(())
        },
    )?;
    Ok(join(&events, &components))
}

/// What components and install events meet at: the device where the row names it, else the device of its
/// configuration, else the configuration itself.
fn hubs(
    batch: &TableBatch<'_>,
    device_of_config: &BTreeMap<String, String>,
) -> Result<Vec<String>, ToolError> {
    let config = batch.optional_text("device_config_id")?;
    let device = match config {
        None => Some(batch.text("device_id")?),
        Some(_) => batch.optional_text("device_id")?,
    };
    let device_at = |i| device.as_ref().map_or("", |d| d.value(i).trim());
    Ok((0..batch.rows())
        .map(
            |i| match (device_at(i), config.as_ref().map(|c| c.value(i).trim())) {
                ("", Some(c)) => device_of_config.get(c).cloned().unwrap_or_else(|| c.to_owned()),
                (d, _) => d.to_owned(),
            },
        )
        .collect())
}

fn join(
    events: &BTreeMap<String, Vec<InstallEvent>>,
    components: &BTreeMap<String, Vec<(String, u32)>>,
) -> Vec<Customer> {
    type Found<'a> = (Vec<&'a (String, u32)>, Vec<&'a InstallEvent>);
    let mut by_point: BTreeMap<&str, Found> = BTreeMap::new();
    for (hub, events) in events {
        for event in events {
            let (found, its_events) = by_point.entry(&event.service_point_id).or_default();
            found.extend(components.get(hub).into_iter().flatten());
            its_events.push(event);
        }
    }
    let mut customers = Vec::new();
    for (service_point_id, (mut found, its_events)) in by_point {
        found.sort();
        found.dedup();
        let Some((_, interval_seconds)) = found.first() else {
            continue;
        };
        if found.iter().any(|(_, i)| i != interval_seconds) {
            continue;
        }
        customers.push(Customer {
            service_point_id: service_point_id.to_owned(),
            components: found.iter().map(|(id, _)| id.clone()).collect(),
            interval_seconds: *interval_seconds,
            open_event: match its_events[..] {
                [only] if !only.ended => Some(only.id.clone()),
                _ => None,
            },
        });
    }
    customers
}
