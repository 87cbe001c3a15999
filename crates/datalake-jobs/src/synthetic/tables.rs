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
    let meters = world
        .sites
        .iter()
        .flat_map(|site| site.meters.iter().map(move |meter| (site, meter)));
    let maker = Maker {
        world,
        preset,
        interval_seconds,
        meters: meters.collect(),
    };
    Ok(vec![
        ("device", maker.device()?),
        ("device_config", maker.device_config()?),
        ("measuring_component", maker.measuring_component()?),
        ("install_event", maker.install_event()?),
        ("on_off_history", maker.on_off_history()?),
        ("service_point", maker.service_point()?),
        ("temperature", maker.temperature()?),
    ])
}

struct Maker<'a> {
    world: &'a World,
    preset: Preset,
    interval_seconds: u32,
    meters: Vec<(&'a Site, &'a Meter)>,
}

impl Maker<'_> {
    fn id(&self, entity: Entity, number: u32) -> String {
        id(self.preset, entity, number)
    }

    /// Ids of something that every meter has one of.
    fn own(&self, entity: Entity) -> impl Iterator<Item = String> {
        self.meters
            .iter()
            .map(move |(_, meter)| self.id(entity, meter.device))
    }

    /// A moment as the install events' clock shows it.
    fn legal(&self, at: Option<i64>) -> Option<i64> {
        at.map(|at| self.world.clock.legal(at))
    }

    fn device(&self) -> Result<RecordBatch, ArrowError> {
        let meters = || self.meters.iter();
        let status = |meter: &Meter| {
            if meter.removed.is_some() {
                "RETIRED"
            } else {
                "ACTIVE"
            }
        };
        Columns::new(self.preset, "device")
            .text("device_id", self.own(Entity::Device))
            .text(
                "device_type",
                meters().map(|(site, _)| device_type(site).to_owned()),
            )
            .text("status", meters().map(|(_, meter)| status(meter).to_owned()))
            .text(
                "manufacturer",
                meters().map(|(site, _)| format!("MFR{}", site.number % 3 + 1)),
            )
            .text(
                "model",
                meters().map(|(site, _)| format!("M{}", site.resolution_micro / 1_000)),
            )
            .text(
                "serial_number",
                meters().map(|(_, meter)| format!("SN{:09}", u64::from(meter.device) * 7 + 3)),
            )
            .finish()
    }

    fn device_config(&self) -> Result<RecordBatch, ArrowError> {
        Columns::new(self.preset, "device_config")
            .text("device_config_id", self.own(Entity::DeviceConfig))
            .text("device_id", self.own(Entity::Device))
            .finish()
    }

    fn measuring_component(&self) -> Result<RecordBatch, ArrowError> {
        let known = self.meters.iter().filter(|(site, _)| !site.orphan);
        let all: Vec<Component> = known
            .flat_map(|(site, meter)| components(site, meter, self.interval_seconds))
            .collect();
        Columns::new(self.preset, "measuring_component")
            .text(
                "measuring_component_id",
                all.iter().map(|c| self.id(Entity::Component, c.number)),
            )
            .text(
                "device_config_id",
                all.iter().map(|c| self.id(Entity::DeviceConfig, c.device)),
            )
            .text("component_type", all.iter().map(|c| c.code.clone()))
            .decimals("multiplier", all.iter().map(|_| 1))?
            .add(
                "register_digits",
                Arc::new(all.iter().map(|c| c.digits).collect::<Int64Array>()),
            )
            .finish()
    }

    fn install_event(&self) -> Result<RecordBatch, ArrowError> {
        let meters = || self.meters.iter();
        let states: Vec<_> = meters()
            .map(|(site, meter)| state(self.world.seed, site, meter))
            .collect();
        Columns::new(self.preset, "install_event")
            .text("install_event_id", self.own(Entity::InstallEvent))
            .text("device_config_id", self.own(Entity::DeviceConfig))
            .text(
                "service_point_id",
                meters().map(|(site, _)| self.id(Entity::ServicePoint, site.number)),
            )
            .times(
                "installed_at",
                meters().map(|(_, meter)| self.legal(Some(meter.installed))),
            )
            .times("removed_at", meters().map(|(_, meter)| self.legal(meter.removed)))
            .text("status", states.iter().map(|(state, _)| (*state).to_owned()))
            .times("status_updated_at", states.iter().map(|(_, at)| self.legal(*at)))
            .decimals("install_constant", meters().map(|(site, _)| constant(site)))?
            .finish()
    }

    fn on_off_history(&self) -> Result<RecordBatch, ArrowError> {
        let rows = switches(&self.meters, self.preset);
        Columns::new(self.preset, "on_off_history")
            .text(
                "install_event_id",
                rows.iter()
                    .map(|(number, _, _)| self.id(Entity::InstallEvent, *number)),
            )
            .times("at", rows.iter().map(|(_, at, _)| self.legal(Some(*at))))
            .text("state", rows.iter().map(|(_, _, state)| (*state).to_owned()))
            .finish()
    }

    fn service_point(&self) -> Result<RecordBatch, ArrowError> {
        let sites = || self.world.sites.iter();
        let places: Vec<_> = sites().map(|site| place(self.world.seed, site)).collect();
        let transformer = |site: &Site| self.id(Entity::Transformer, site.number / SITES_A_TRANSFORMER);
        Columns::new(self.preset, "service_point")
            .text(
                "service_point_id",
                sites().map(|site| self.id(Entity::ServicePoint, site.number)),
            )
            .text(
                "premise_id",
                sites().map(|site| self.id(Entity::Premise, site.number)),
            )
            .text("rate_class", sites().map(|site| rate_class(site).to_owned()))
            .text("transformer_id", sites().map(transformer))
            .add(
                "latitude",
                Arc::new(Float64Array::from_iter_values(places.iter().map(|place| place.0))),
            )
            .add(
                "longitude",
                Arc::new(Float64Array::from_iter_values(places.iter().map(|place| place.1))),
            )
            .finish()
    }

    fn temperature(&self) -> Result<RecordBatch, ArrowError> {
        let days = || self.world.calendar.iter().map(|today| today.day);
        let degrees = days().map(|day| (self.world.weather.temperature(day) * 10.0).round() / 10.0);
        Columns::new(self.preset, "temperature")
            .add("date", Arc::new(Date32Array::from_iter_values(days())))
            .add(
                "degrees_celsius",
                Arc::new(Float64Array::from_iter_values(degrees)),
            )
            .finish()
    }
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
