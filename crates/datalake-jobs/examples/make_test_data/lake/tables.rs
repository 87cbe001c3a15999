//! The homes as CSV files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::{Date, DateTime};

use super::bills;
use super::calendar;
use super::dirt;
use super::home::{Change, Home, Meter};

/// Header of the measurement files; only the file of dirt says more.
pub(crate) const MEASUREMENTS: &str =
    "measuring_component_id,measured_at,value,condition_code,use_flag,updated_at\n";

/// Every file: path below the lake, and text.
pub(crate) fn files(homes: &[Home]) -> BTreeMap<String, String> {
    let mut files = measurements(homes);
    files.insert("measurements/corrections.csv".to_owned(), corrections(homes));
    files.insert("measurements/dirt.csv".to_owned(), dirt::measurements(homes));
    files.insert("measurements/other_units.csv".to_owned(), dirt::other_units());
    files.insert("measurements/registers.csv".to_owned(), dirt::registers());
    files.insert("measurements/bills.csv".to_owned(), bills::measurements());
    files.insert("device/device.csv".to_owned(), devices(homes));
    files.insert(
        "measuring_component/measuring_component.csv".to_owned(),
        components(homes),
    );
    files.insert(
        "install_event/install_event.csv".to_owned(),
        install_events(homes),
    );
    files.insert("on_off_history/on_off_history.csv".to_owned(), switches(homes));
    files.insert("device_event/device_event.csv".to_owned(), device_events(homes));
    files.insert("temperature/temperature.csv".to_owned(), temperatures());
    files.insert(
        "service_point/service_point.csv".to_owned(),
        service_points(homes),
    );
    files
}

/// `2024-03-31 08:00:00`.
pub(crate) fn time(moment: DateTime) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `8.4` for 8,400 Wh.
pub(crate) fn kwh(wh: i64) -> String {
    let sign = if wh < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", wh.abs() / 1_000, wh.abs() % 1_000)
}

/// The id of a service point; where a transformer's own meter hangs, it is the transformer's.
fn place(name: &str) -> String {
    if name.starts_with("T-") {
        name.to_owned()
    } else {
        format!("SP-{name}")
    }
}

fn meters(homes: &[Home]) -> impl Iterator<Item = &Meter> {
    homes.iter().flat_map(|home| &home.meters)
}

/// One file a month of the interval's end; the year before the rest is one file.
fn measurements(homes: &[Home]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for meter in meters(homes) {
        for reading in meter.series.readings() {
            let at = reading.measured_at;
            let name = if at.date() < calendar::FIRST {
                "before".to_owned()
            } else {
                at.strftime("%Y-%m").to_string()
            };
            let text = files
                .entry(format!("measurements/{name}.csv"))
                .or_insert_with(|| MEASUREMENTS.to_owned());
            let value = reading.wh.map(kwh).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{},{},{value},{},,{}",
                meter.component,
                time(at),
                reading.condition,
                reading.updated_at
            );
        }
    }
    files
}

/// The rows that replace those of `CORRECTED`, and three that are older than what they meet.
fn corrections(homes: &[Home]) -> String {
    let mut text = MEASUREMENTS.to_owned();
    for meter in meters(homes) {
        let series = &meter.series;
        for change in &series.changes {
            let Change::Updated(from, to, _) = *change else {
                continue;
            };
            for (day, i) in calendar::days(from, to).zip(0..) {
                let wh = calendar::honest_wh(series.level_wh, series.week, series.weather, series.phase, day);
                let end = time(midnight_after(day));
                let _ = writeln!(
                    text,
                    "{},{end},{},501000,,2024-02-02 06:00:00",
                    meter.component,
                    kwh(wh)
                );
                if i < 3 {
                    let _ = writeln!(
                        text,
                        "{},{end},99.999,501000,,2024-01-29 06:00:00",
                        meter.component
                    );
                }
            }
        }
    }
    text
}

/// The end of a day.
pub(crate) fn midnight_after(day: Date) -> DateTime {
    (day + jiff::Span::new().days(1)).at(0, 0, 0, 0)
}

fn devices(homes: &[Home]) -> String {
    let mut text = "device_id,device_type,status,manufacturer,serial_number\n".to_owned();
    for (meter, i) in meters(homes).zip(1..) {
        let _ = writeln!(text, "D-{},SMART-1P,ACTIVE,ACME,{i:08}", meter.name);
    }
    text + dirt::DEVICES + bills::DEVICES
}

fn components(homes: &[Home]) -> String {
    let mut text =
        "measuring_component_id,device_config_id,device_id,component_type,multiplier,register_digits\n"
            .to_owned();
    for meter in meters(homes) {
        let Meter {
            name,
            component,
            component_type,
            ..
        } = meter;
        let _ = writeln!(text, "{component},DC-{name},D-{name},{component_type},1,");
    }
    text + dirt::COMPONENTS + bills::COMPONENTS
}

fn install_events(homes: &[Home]) -> String {
    let mut text =
        "install_event_id,device_config_id,service_point_id,installed_at,removed_at,status,status_updated_at\n"
            .to_owned();
    for meter in meters(homes) {
        for (install, i) in meter.installs.iter().zip(1..) {
            let removed = install.removed.map(time).unwrap_or_default();
            let status_at = install.status_at.map(time).unwrap_or_default();
            let _ = writeln!(
                text,
                "IE-{name}-{i},DC-{name},{},{},{removed},{},{status_at}",
                place(install.place),
                time(install.at),
                install.status,
                name = meter.name,
            );
        }
    }
    text + dirt::INSTALL_EVENTS + bills::INSTALL_EVENTS
}

fn switches(homes: &[Home]) -> String {
    let mut text = "install_event_id,at,state\n".to_owned();
    for meter in meters(homes) {
        for (install, i) in meter.installs.iter().zip(1..) {
            for &(at, on) in &install.switches {
                let state = if on { "on" } else { "off" };
                let _ = writeln!(text, "IE-{}-{i},{},{state}", meter.name, time(at));
            }
        }
    }
    text
}

fn device_events(homes: &[Home]) -> String {
    let mut text = "device_id,at,event_code\n".to_owned();
    for meter in meters(homes) {
        for &(at, code) in &meter.events {
            let _ = writeln!(text, "D-{},{},{code}", meter.name, time(at));
        }
    }
    text + dirt::DEVICE_EVENTS
}

fn temperatures() -> String {
    let mut text = "date,degrees_celsius\n".to_owned();
    for day in calendar::days(calendar::FIRST, calendar::LAST) {
        let _ = writeln!(text, "{day},{}", calendar::celsius(day));
    }
    text
}

fn service_points(homes: &[Home]) -> String {
    let mut text = "service_point_id,premise_id,rate_class,transformer_id\n".to_owned();
    for home in homes {
        let _ = writeln!(
            text,
            "{},P-{},{},{}",
            place(home.name),
            home.name,
            home.rate_class,
            home.transformer
        );
    }
    text + dirt::SERVICE_POINTS + bills::SERVICE_POINTS
}
