//! Small lakes for tests: components, install periods and measurement batches in a few words.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int32Type;

use crate::conditions::ConditionConfig;
use crate::model::{ComponentType, DAY_SECONDS, Direction, Kind, MICRO};
use crate::registry::{Component, InstallPeriod, Registry, ServicePoint, Switch};
use crate::resolve::ResolveConfig;

pub(crate) const ACTUAL: &str = "501000";
pub(crate) const ESTIMATED: &str = "301000";
pub(crate) const MISSING: &str = "101000";
pub(crate) const OVERRIDE: &str = "901000";

pub(crate) fn config() -> ResolveConfig {
    ResolveConfig::new(&ConditionConfig::default()).unwrap()
}

/// Delivered kWh in intervals of so many seconds, always installed and on.
pub(crate) fn interval(id: &str, seconds: u32) -> Component {
    typed(id, "kWh", Kind::Interval, Some(seconds))
}

/// A register of delivered kWh, always installed and on.
pub(crate) fn register(id: &str) -> Component {
    typed(id, "kWh", Kind::Scalar, None)
}

pub(crate) fn typed(id: &str, uom: &str, kind: Kind, interval_seconds: Option<u32>) -> Component {
    let component_type = ComponentType {
        uom: uom.to_owned(),
        direction: Direction::Delivered,
        kind,
        interval_seconds,
    };
    Component {
        id: id.to_owned(),
        device_id: Some(format!("D-{id}")),
        component_type: Some(component_type),
        multiplier_micro: MICRO,
        periods: vec![stay(0, i64::MAX)],
        ..Component::default()
    }
}

/// On from `start` (seconds) to `end`.
pub(crate) fn stay(start: i64, end: i64) -> InstallPeriod {
    InstallPeriod {
        event_id: format!("IE-{start}"),
        service_point: 0,
        start,
        end,
        switches: vec![Switch { at: start, on: true }],
        constant_micro: MICRO,
        removal_recorded: false,
    }
}

/// Components must come sorted by id.
pub(crate) fn registry(components: Vec<Component>) -> Registry {
    assert!(components.is_sorted_by(|a, b| a.id < b.id));
    Registry::new(
        components,
        vec![ServicePoint {
            id: "SP-1".to_owned(),
            ..ServicePoint::default()
        }],
    )
}

/// A row of measurements; times in seconds, value in 10^-6.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) at: i64,
    pub(crate) value: Option<i64>,
    pub(crate) condition: Option<String>,
    pub(crate) use_flag: Option<String>,
    pub(crate) updated: Option<i64>,
    pub(crate) version: Option<i64>,
    pub(crate) period_start: Option<i64>,
    pub(crate) reading: Option<i64>,
    pub(crate) previous_reading: Option<i64>,
    pub(crate) multiplier: Option<i64>,
    pub(crate) tariff: Option<String>,
    pub(crate) meter_status: Option<String>,
}

/// An actual row.
pub(crate) fn row(id: &str, at: i64, value: i64) -> Row {
    Row {
        id: id.to_owned(),
        at,
        value: Some(value),
        condition: Some(ACTUAL.to_owned()),
        ..Row::default()
    }
}

/// The rows of one day of a component, one per slot, all actual.
pub(crate) fn day_rows(id: &str, day: i32, values: &[i64]) -> Vec<Row> {
    let seconds = DAY_SECONDS / values.len() as i64;
    let start = i64::from(day) * DAY_SECONDS;
    (1..)
        .zip(values)
        .map(|(slot, value)| row(id, start + slot * seconds, *value))
        .collect()
}

/// A batch with all optional columns.
pub(crate) fn batch(rows: &[Row]) -> RecordBatch {
    let text = |get: fn(&Row) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<DictionaryArray<Int32Type>>())
    };
    let time = |get: fn(&Row) -> Option<i64>| -> ArrayRef {
        let micros = rows.iter().map(|row| get(row).map(|second| second * MICRO));
        Arc::new(micros.collect::<TimestampMicrosecondArray>())
    };
    let number =
        |get: fn(&Row) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(get).collect::<Int64Array>()) };
    RecordBatch::try_from_iter_with_nullable([
        ("measuring_component_id", text(|row| Some(&row.id)), true),
        ("measured_at", time(|row| Some(row.at)), true),
        ("value_micro", number(|row| row.value), true),
        ("condition_code", text(|row| row.condition.as_deref()), true),
        ("use_flag", text(|row| row.use_flag.as_deref()), true),
        ("updated_at", time(|row| row.updated), true),
        ("version", number(|row| row.version), true),
        ("period_start", time(|row| row.period_start), true),
        ("reading_micro", number(|row| row.reading), true),
        ("previous_reading_micro", number(|row| row.previous_reading), true),
        ("combined_multiplier_micro", number(|row| row.multiplier), true),
        ("tariff", text(|row| row.tariff.as_deref()), true),
        ("meter_status", text(|row| row.meter_status.as_deref()), true),
    ])
    .unwrap()
}

/// A dictionary column whose entries are not those of another batch, padded as some extracts are.
pub(crate) fn padded_ids(ids: &[Option<&str>]) -> ArrayRef {
    let entries: StringArray = ids.iter().map(|id| id.map(|id| format!("{id}   "))).collect();
    let keys = (0..ids.len() as i32).collect::<Vec<_>>();
    Arc::new(DictionaryArray::<Int32Type>::new(keys.into(), Arc::new(entries)))
}
