//! The type of a component: from its type code, else from the columns that say the same in four parts.

use super::config::RegistryRules;
use super::faults;
use super::notes::Notes;
use super::tables::ComponentRow;
use crate::component_type::check;
use crate::model::{ComponentType, Direction, Kind};

const TABLE: &str = "measuring_component";

pub(super) fn component_type<'a>(
    row: &ComponentRow<'a>,
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) -> Option<ComponentType> {
    let mapped = row
        .component_type
        .and_then(|code| rules.component_types.get(code));
    if let Some(mapped) = mapped {
        if contradicts(row, mapped) {
            notes.add(TABLE, faults::TYPE_CONTRADICTS_COLUMNS, row.id);
        }
        return Some(mapped.clone());
    }
    let from_columns = from_columns(row);
    if from_columns.is_none() {
        match row.component_type {
            Some(code) => notes.add_code(TABLE, faults::UNMAPPED_TYPE, row.id, code),
            None => notes.add(TABLE, faults::INCOMPLETE_TYPE, row.id),
        }
    }
    from_columns
}

fn from_columns(row: &ComponentRow<'_>) -> Option<ComponentType> {
    let interval_seconds = match row.interval_seconds {
        Some(seconds) => Some(u32::try_from(seconds).ok()?),
        None => None,
    };
    let component_type = ComponentType {
        uom: row.uom?.to_owned(),
        direction: direction(row.direction?)?,
        kind: kind(row.kind?)?,
        interval_seconds,
    };
    check(&component_type).is_ok().then_some(component_type)
}

/// Whether a column that is given says something else.
fn contradicts(row: &ComponentRow<'_>, mapped: &ComponentType) -> bool {
    row.uom.is_some_and(|uom| !uom.eq_ignore_ascii_case(&mapped.uom))
        || row
            .direction
            .is_some_and(|text| direction(text) != Some(mapped.direction))
        || row.kind.is_some_and(|text| kind(text) != Some(mapped.kind))
        || row
            .interval_seconds
            .is_some_and(|seconds| mapped.interval_seconds.map(i64::from) != Some(seconds))
}

fn direction(text: &str) -> Option<Direction> {
    match text.to_ascii_lowercase().as_str() {
        "delivered" => Some(Direction::Delivered),
        "received" => Some(Direction::Received),
        _ => None,
    }
}

fn kind(text: &str) -> Option<Kind> {
    match text.to_ascii_lowercase().as_str() {
        "interval" => Some(Kind::Interval),
        "scalar" => Some(Kind::Scalar),
        _ => None,
    }
}
