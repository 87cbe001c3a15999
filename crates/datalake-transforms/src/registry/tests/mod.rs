//! The registry as a whole: small lakes written out as text, and what becomes of them.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use jiff::Timestamp;

use super::{Registry, RegistryConfig, RegistryInput, Rejections, build};
use crate::error::TransformError;
use crate::findings::Findings;

mod device_events;
mod devices;
mod installs;
mod orders;
mod temperature;

/// A lake whose tables are written as lines of cells between bars, the first line naming the columns.
#[derive(Debug, Clone, Default)]
struct Lake {
    device: Vec<RecordBatch>,
    measuring_component: Vec<RecordBatch>,
    install_event: Vec<RecordBatch>,
    unreadable_install_event: Vec<RecordBatch>,
    lost_install_events: u64,
    device_config: Option<Vec<RecordBatch>>,
    on_off_history: Option<Vec<RecordBatch>>,
    service_point: Option<Vec<RecordBatch>>,
    device_event: Option<Vec<RecordBatch>>,
    temperature: Option<Vec<RecordBatch>>,
}

impl Lake {
    fn device(mut self, text: &str) -> Self {
        self.device.push(table(text));
        self
    }

    fn component(mut self, text: &str) -> Self {
        self.measuring_component.push(table(text));
        self
    }

    fn install(mut self, text: &str) -> Self {
        self.install_event.push(table(text));
        self
    }

    fn unreadable_install(mut self, text: &str) -> Self {
        self.unreadable_install_event.push(table(text));
        self
    }

    fn device_config(mut self, text: &str) -> Self {
        self.device_config.get_or_insert_default().push(table(text));
        self
    }

    fn on_off(mut self, text: &str) -> Self {
        self.on_off_history.get_or_insert_default().push(table(text));
        self
    }

    fn service_point(mut self, text: &str) -> Self {
        self.service_point.get_or_insert_default().push(table(text));
        self
    }

    fn device_event(mut self, text: &str) -> Self {
        self.device_event.get_or_insert_default().push(table(text));
        self
    }

    fn temperature(mut self, text: &str) -> Self {
        self.temperature.get_or_insert_default().push(table(text));
        self
    }

    fn build(&self, config: &RegistryConfig) -> Result<(Registry, Findings, Rejections), TransformError> {
        let input = RegistryInput {
            device: &self.device,
            measuring_component: &self.measuring_component,
            install_event: &self.install_event,
            unreadable_install_event: &self.unreadable_install_event,
            lost_install_events: self.lost_install_events,
            device_config: self.device_config.as_deref(),
            on_off_history: self.on_off_history.as_deref(),
            service_point: self.service_point.as_deref(),
            device_event: self.device_event.as_deref(),
            temperature: self.temperature.as_deref(),
        };
        build(&input, config)
    }

    /// Everything that a build yields, as text.
    fn show(&self) -> String {
        self.show_with(&RegistryConfig::default())
    }

    fn show_with(&self, config: &RegistryConfig) -> String {
        match self.build(config) {
            Ok((registry, findings, rejected)) => [
                show_registry(&registry),
                show_findings(&findings),
                show_rejected(&rejected),
            ]
            .concat(),
            Err(error) => format!("error: {error}\n"),
        }
    }
}

/// One device, one half-hourly component.
fn one_meter() -> Lake {
    Lake::default().device("device_id\nD1").component(
        "measuring_component_id | device_id | component_type
         M1 | D1 | E-KWH-30-DEL",
    )
}

fn table(text: &str) -> RecordBatch {
    let mut lines = text
        .lines()
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.collect();
    let columns = names.iter().enumerate().map(|(index, &name)| {
        let cells = rows
            .iter()
            .map(|row| Some(row[index]).filter(|cell| !cell.is_empty()));
        let array: ArrayRef = match name {
            "installed_at" | "removed_at" | "status_updated_at" | "at" | "date" | "delivered_at"
            | "connected_at" => Arc::new(
                cells
                    .map(|cell| cell.map(micro))
                    .collect::<TimestampMicrosecondArray>(),
            ),
            "interval_seconds" | "register_digits" | "multiplier_micro" | "install_constant_micro" => {
                Arc::new(
                    cells
                        .map(|cell| cell.map(|cell| cell.parse().unwrap()))
                        .collect::<Int64Array>(),
                )
            }
            "degrees_celsius" => Arc::new(
                cells
                    .map(|cell| cell.map(|cell| cell.parse().unwrap()))
                    .collect::<Float64Array>(),
            ),
            _ => Arc::new(cells.collect::<StringArray>()),
        };
        (name, array, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// `2024-01-31` or `2024-01-31 12:00`.
fn micro(text: &str) -> i64 {
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00"));
    format!("{date}T{time}:00Z")
        .parse::<Timestamp>()
        .unwrap()
        .as_microsecond()
}

fn show_time(seconds: i64) -> String {
    if seconds == i64::MAX || seconds == i64::MIN {
        return "...".to_owned();
    }
    let text = Timestamp::from_second(seconds).unwrap().to_string();
    let text = text.trim_end_matches(":00Z").trim_end_matches("T00:00");
    text.replace('T', " ")
}

/// A line a component, a line a period: `E1 at SP1: from .. to, on 10:00 off 12:00`.
fn show_registry(registry: &Registry) -> String {
    let mut lines = Vec::new();
    let place = |index: u32| registry.service_points[index as usize].id.as_str();
    for component in &registry.components {
        let known = component
            .component_type
            .as_ref()
            .map_or("unmapped".to_owned(), |known| {
                let seconds = known
                    .interval_seconds
                    .map(|seconds| format!(" {seconds}"))
                    .unwrap_or_default();
                format!("{} {:?}{seconds}", known.uom, known.direction)
            });
        let device = component.device_id.as_deref().unwrap_or("-");
        lines.push(format!("{} of {device}, {known}", component.id));
        for period in &component.periods {
            let switches: Vec<String> = period
                .switches
                .iter()
                .map(|switch| {
                    format!(
                        "{} {}",
                        if switch.on { "on" } else { "off" },
                        show_time(switch.at)
                    )
                })
                .collect();
            lines.push(format!(
                "  {} at {}: {} .. {}{}: {}",
                period.event_id,
                place(period.service_point),
                show_time(period.start),
                show_time(period.end),
                if period.removal_recorded { " recorded" } else { "" },
                switches.join(", "),
            ));
        }
        for event in &component.events {
            lines.push(format!("  {:?} {}", event.kind, show_time(event.at)));
        }
        if let Some(doubt) = component.doubt {
            let at = doubt.service_point.map_or("nowhere", place);
            lines.push(format!("  in doubt at {at} from {}", show_time(doubt.from)));
        }
    }
    let id = |index: u32| registry.components[index as usize].id.as_str();
    for overlap in &registry.overlaps {
        lines.push(format!(
            "{:?}: {} at {}, {} at {}: {} .. {}",
            overlap.kind,
            id(overlap.component),
            place(overlap.service_points.0),
            id(overlap.other),
            place(overlap.service_points.1),
            show_time(overlap.from),
            show_time(overlap.to),
        ));
    }
    lines
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<Vec<_>>()
        .concat()
}

fn show_findings(findings: &Findings) -> String {
    findings
        .iter()
        .map(|f| {
            let key = if f.example_key.is_empty() {
                "-"
            } else {
                &f.example_key
            };
            format!("{} {}.{} {} {key}\n", f.severity.name(), f.table, f.code, f.rows)
        })
        .collect::<Vec<_>>()
        .concat()
}

fn show_rejected(rejected: &Rejections) -> String {
    rejected
        .iter()
        .map(|(table, r)| {
            format!(
                "aside {table} {}:{} {} {}=`{}`\n",
                r.batch, r.row, r.reason, r.column, r.value
            )
        })
        .collect::<Vec<_>>()
        .concat()
}
