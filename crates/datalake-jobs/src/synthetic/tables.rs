//! The tables beside the measurements, as record batches in the preset's names.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use rand::RngExt;

use super::component_type;
use super::home::Schedule;
use super::ids::{Entity, id};
use super::random::{Purpose, stream};
use super::site::{Disconnection, Meter, Site};
use super::world::{SITES_A_TRANSFORMER, World};
use datalake_deps::lake::Preset;
use datalake_transforms::model::Direction;

/// Share of honest removals whose status nobody changed.
const FORGOTTEN_STATUS: f64 = 0.02;

/// Columns under construction.
struct Columns {
    preset: Preset,
    table: &'static str,
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    fn new(preset: Preset, table: &'static str) -> Self {
        Self {
            preset,
            table,
            fields: Vec::new(),
            arrays: Vec::new(),
        }
    }

    fn add(mut self, name: &'static str, array: ArrayRef) -> Self {
        self.fields.push(Field::new(
            self.preset.source_name(self.table, name),
            array.data_type().clone(),
            true,
        ));
        self.arrays.push(array);
        self
    }

    fn text(self, name: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        self.add(name, Arc::new(StringArray::from_iter_values(values)))
    }

    fn times(self, name: &'static str, seconds: impl IntoIterator<Item = Option<i64>>) -> Self {
        let micros: TimestampMicrosecondArray =
            seconds.into_iter().map(|s| s.map(|s| s * 1_000_000)).collect();
        self.add(name, Arc::new(micros))
    }

    fn decimals(self, name: &'static str, values: impl IntoIterator<Item = i64>) -> Result<Self, ArrowError> {
        let array = Decimal128Array::from_iter_values(values.into_iter().map(|v| i128::from(v) * 1_000_000));
        Ok(self.add(name, Arc::new(array.with_precision_and_scale(16, 6)?)))
    }

    fn finish(self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays)
    }
}

struct Component {
    number: u32,
    device: u32,
    code: String,
    digits: Option<i64>,
}

/// Every table but measurements and truth: name and rows.
pub(crate) fn tables(
    world: &World,
    preset: Preset,
    interval_seconds: u32,
) -> Result<Vec<(&'static str, RecordBatch)>, ArrowError> {
    let meters: Vec<(&Site, &Meter)> = world
        .sites
        .iter()
        .flat_map(|s| s.meters.iter().map(move |m| (s, m)))
        .collect();
    let of = |entity, number| id(preset, entity, number);
    let numbers = || meters.iter().map(|(_, m)| m.device);

    let device = Columns::new(preset, "device")
        .text("device_id", numbers().map(|n| of(Entity::Device, n)))
        .text(
            "device_type",
            meters.iter().map(|(s, _)| device_type(s).to_owned()),
        )
        .text(
            "status",
            meters
                .iter()
                .map(|(_, m)| if m.removed.is_some() { "RETIRED" } else { "ACTIVE" }.to_owned()),
        )
        .text(
            "manufacturer",
            meters.iter().map(|(s, _)| format!("MFR{}", s.number % 3 + 1)),
        )
        .text(
            "model",
            meters
                .iter()
                .map(|(s, _)| format!("M{}", s.resolution_micro / 1_000)),
        )
        .text(
            "serial_number",
            numbers().map(|n| format!("SN{:09}", u64::from(n) * 7 + 3)),
        )
        .finish()?;
    let device_config = Columns::new(preset, "device_config")
        .text("device_config_id", numbers().map(|n| of(Entity::DeviceConfig, n)))
        .text("device_id", numbers().map(|n| of(Entity::Device, n)))
        .finish()?;

    let components: Vec<Component> = meters
        .iter()
        .filter(|(site, _)| !site.orphan)
        .flat_map(|(site, meter)| components(site, meter, interval_seconds))
        .collect();
    let measuring_component = Columns::new(preset, "measuring_component")
        .text(
            "measuring_component_id",
            components.iter().map(|c| of(Entity::Component, c.number)),
        )
        .text(
            "device_config_id",
            components.iter().map(|c| of(Entity::DeviceConfig, c.device)),
        )
        .text("component_type", components.iter().map(|c| c.code.clone()))
        .decimals("multiplier", components.iter().map(|_| 1))?
        .add(
            "register_digits",
            Arc::new(components.iter().map(|c| c.digits).collect::<Int64Array>()),
        )
        .finish()?;

    let legal = |at: Option<i64>| at.map(|at| world.clock.legal(at));
    let states: Vec<(&str, Option<i64>)> = meters.iter().map(|(s, m)| state(world.seed, s, m)).collect();
    let install_event = Columns::new(preset, "install_event")
        .text("install_event_id", numbers().map(|n| of(Entity::InstallEvent, n)))
        .text("device_config_id", numbers().map(|n| of(Entity::DeviceConfig, n)))
        .text(
            "service_point_id",
            meters.iter().map(|(s, _)| of(Entity::ServicePoint, s.number)),
        )
        .times(
            "installed_at",
            meters.iter().map(|(_, m)| legal(Some(m.installed))),
        )
        .times("removed_at", meters.iter().map(|(_, m)| legal(m.removed)))
        .text("status", states.iter().map(|(state, _)| (*state).to_owned()))
        .times("status_updated_at", states.iter().map(|(_, at)| legal(*at)))
        .decimals("install_constant", meters.iter().map(|(s, _)| constant(s)))?
        .finish()?;

    let switches = switches(&meters, preset);
    let on_off_history = Columns::new(preset, "on_off_history")
        .text(
            "install_event_id",
            switches.iter().map(|(n, _, _)| of(Entity::InstallEvent, *n)),
        )
        .times("at", switches.iter().map(|(_, at, _)| legal(Some(*at))))
        .text("state", switches.iter().map(|(_, _, state)| (*state).to_owned()))
        .finish()?;

    let places: Vec<(f64, f64)> = world.sites.iter().map(|s| place(world.seed, s)).collect();
    let service_point = Columns::new(preset, "service_point")
        .text(
            "service_point_id",
            world.sites.iter().map(|s| of(Entity::ServicePoint, s.number)),
        )
        .text(
            "premise_id",
            world.sites.iter().map(|s| of(Entity::Premise, s.number)),
        )
        .text("rate_class", world.sites.iter().map(|s| rate_class(s).to_owned()))
        .text(
            "transformer_id",
            world
                .sites
                .iter()
                .map(|s| of(Entity::Transformer, s.number / SITES_A_TRANSFORMER)),
        )
        .add(
            "latitude",
            Arc::new(Float64Array::from_iter_values(places.iter().map(|p| p.0))),
        )
        .add(
            "longitude",
            Arc::new(Float64Array::from_iter_values(places.iter().map(|p| p.1))),
        )
        .finish()?;

    let days = || world.calendar.iter().map(|today| today.day);
    let degrees = days().map(|day| (world.weather.temperature(day) * 10.0).round() / 10.0);
    let temperature = Columns::new(preset, "temperature")
        .add("date", Arc::new(Date32Array::from_iter_values(days())))
        .add(
            "degrees_celsius",
            Arc::new(Float64Array::from_iter_values(degrees)),
        )
        .finish()?;

    Ok(vec![
        ("device", device),
        ("device_config", device_config),
        ("measuring_component", measuring_component),
        ("install_event", install_event),
        ("on_off_history", on_off_history),
        ("service_point", service_point),
        ("temperature", temperature),
    ])
}

fn components(site: &Site, meter: &Meter, interval_seconds: u32) -> Vec<Component> {
    let interval = |direction| {
        if site.unmapped {
            return format!("E-KWH-{interval_seconds}-SITE");
        }
        // Options with other intervals were refused.
        component_type::code(interval_seconds, direction).unwrap_or_default()
    };
    let component = |number, code, digits| Component {
        number,
        device: meter.device,
        code,
        digits,
    };
    let c = meter.components;
    let mut found = vec![component(c.delivered, interval(Direction::Delivered), None)];
    found.extend(
        c.received
            .map(|n| component(n, interval(Direction::Received), None)),
    );
    found.extend(c.register.map(|n| {
        component(
            n,
            "E-KWH-REGISTER".to_owned(),
            Some(i64::from(super::registers::DIGITS)),
        )
    }));
    found.extend(c.voltage.map(|n| component(n, "E-V2HVHA-15".to_owned(), None)));
    found
}

fn device_type(site: &Site) -> &'static str {
    match (
        site.home.archetype.is_business(),
        site.home.heating.is_some() || site.home.car.is_some(),
    ) {
        (true, _) => "ECOM3PH",
        (false, true) => "ERES3PH",
        (false, false) => "ERES1PH",
    }
}

fn rate_class(site: &Site) -> &'static str {
    match &site.home.heating {
        _ if site.home.archetype.is_business() => "SME",
        Some(heating) if heating.schedule == Schedule::NightStorage => "RES-NIGHT",
        _ => "RES",
    }
}

/// Current transformers of larger businesses.
fn constant(site: &Site) -> i64 {
    if site.home.archetype.is_business() && site.number.is_multiple_of(4) {
        20
    } else {
        1
    }
}

/// Status of the install event and since when.
fn state(seed: u64, site: &Site, meter: &Meter) -> (&'static str, Option<i64>) {
    let forgotten = || {
        let mut rng = stream(seed, Purpose::Site, u64::from(site.number), 1);
        meter.until != i64::MAX && rng.random_bool(FORGOTTEN_STATUS)
    };
    match (meter.removed, site.disconnection) {
        (Some(_), _) if forgotten() => ("ON", Some(meter.installed)),
        (Some(removed), _) => ("REMOVE", Some(removed)),
        (None, Some(Disconnection { off, on: None, .. })) => ("OFF", Some(off)),
        (None, Some(Disconnection { on: Some(on), .. })) => ("ON", Some(on)),
        (None, None) => ("ON", Some(meter.installed)),
    }
}

/// Rows of the on/off history: install event, moment, state.
fn switches(meters: &[(&Site, &Meter)], preset: Preset) -> Vec<(u32, i64, &'static str)> {
    let (on, off) = match preset {
        Preset::Canonical => ("on", "off"),
        Preset::OracleMdm => ("D1ON", "D1OF"),
    };
    let mut rows = Vec::new();
    for (site, meter) in meters {
        if let Some(switch) = site.disconnection.filter(|d| d.recorded) {
            rows.push((meter.device, meter.installed, on));
            rows.push((meter.device, switch.off, off));
            rows.extend(switch.on.map(|at| (meter.device, at, on)));
        }
    }
    rows
}

/// Latitude and longitude: customers of a transformer are neighbours.
fn place(seed: u64, site: &Site) -> (f64, f64) {
    let mut area = stream(
        seed,
        Purpose::Outage,
        u64::from(site.number / SITES_A_TRANSFORMER),
        1,
    );
    let mut own = stream(seed, Purpose::Site, u64::from(site.number), 2);
    let near = |centre: f64, own: f64| ((centre + 0.004 * (own - 0.5)) * 1e6).round() / 1e6;
    (
        near(51.3 + 0.4 * area.random::<f64>(), own.random()),
        near(-0.5 + 0.8 * area.random::<f64>(), own.random()),
    )
}
