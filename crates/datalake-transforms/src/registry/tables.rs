//! The rows of the dimension tables, read, sorted by id and freed of duplicates.
//!
//! Of the rows with one id those of the newest delivery count. Among them the rest of the content decides, so neither files
//! nor row order can change what is kept: of most tables the greatest row, of install events see [`settled`].

use std::cmp::Ordering;

use arrow::array::RecordBatch;
use rayon::slice::ParallelSliceMut as _;

use super::columns::Columns;
use super::config::{OnOff, RegistryRules};
use super::faults;
use super::notes::{Notes, Origin};
use crate::error::TransformError;
use crate::model::InstallStatus;

/// 0001-01-01 and 2201-01-01 in microseconds: install times lie between.
pub(super) const FIRST_MICRO: i64 = -62_135_596_800_000_000;
pub(super) const LAST_MICRO: i64 = 7_289_654_400_000_000;

/// When a row was delivered, where the layout of the lake says so: not a column of the tables themselves.
pub(super) const DELIVERED_AT: &str = "delivered_at";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeviceRow<'a> {
    pub(super) id: &'a str,
    pub(super) status: Option<&'a str>,
    pub(super) device_type: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeviceConfigRow<'a> {
    pub(super) id: &'a str,
    pub(super) device_id: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ComponentRow<'a> {
    pub(super) id: &'a str,
    pub(super) device_config_id: Option<&'a str>,
    pub(super) device_id: Option<&'a str>,
    pub(super) component_type: Option<&'a str>,
    pub(super) uom: Option<&'a str>,
    pub(super) direction: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) interval_seconds: Option<i64>,
    pub(super) multiplier_micro: Option<i64>,
    pub(super) register_digits: Option<i64>,
}

/// Times are legal, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InstallEventRow<'a> {
    pub(super) id: &'a str,
    pub(super) delivered_at: Option<i64>,
    pub(super) status_updated_at: Option<i64>,
    pub(super) removed_at: Option<i64>,
    pub(super) installed_at: i64,
    pub(super) status: Option<&'a str>,
    pub(super) service_point_id: &'a str,
    pub(super) device_config_id: Option<&'a str>,
    pub(super) device_id: Option<&'a str>,
    pub(super) constant_micro: Option<i64>,
}

/// An install event that makes no stay, though it may stand for one: where and when, only the faulty cells know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnusableEvent<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) delivered_at: Option<i64>,
    pub(super) status_updated_at: Option<i64>,
    pub(super) device_config_id: Option<&'a str>,
    pub(super) device_id: Option<&'a str>,
    pub(super) service_point_id: Option<&'a str>,
    /// The device may hang there from this moment on: seconds on the measurement clock.
    pub(super) from: i64,
}

/// The time is legal, in microseconds. The whole row is the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SwitchRow<'a> {
    pub(super) event_id: &'a str,
    pub(super) at: i64,
    pub(super) on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServicePointRow<'a> {
    pub(super) id: &'a str,
    pub(super) premise_id: Option<&'a str>,
    pub(super) rate_class: Option<&'a str>,
    pub(super) transformer_id: Option<&'a str>,
    pub(super) area_id: Option<&'a str>,
    pub(super) district: Option<&'a str>,
    pub(super) region: Option<&'a str>,
    /// Legal time, in microseconds.
    pub(super) connected_at: Option<i64>,
}

pub(super) fn devices<'a>(
    batches: &'a [RecordBatch],
    notes: &mut Notes<'a>,
) -> Result<Vec<DeviceRow<'a>>, TransformError> {
    const TABLE: &str = "device";
    let mut rows = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let columns = Columns::new(TABLE, batch);
        columns.require(&["device_id"])?;
        let delivered_at = columns.time(DELIVERED_AT)?;
        let id = columns.text("device_id")?;
        let (status, device_type) = (columns.text("status")?, columns.text("device_type")?);
        for row in 0..batch.num_rows() {
            let origin = Origin {
                table: TABLE,
                batch: batch_index,
                row,
            };
            let Some(id) = id.get(row) else {
                notes.reject(origin, faults::KEY_MISSING, "device_id", String::new(), None);
                continue;
            };
            let row_read = DeviceRow {
                id,
                status: status.get(row),
                device_type: device_type.get(row),
            };
            rows.push((delivered_at.get(row), row_read));
        }
    }
    Ok(keep_last(rows, TABLE, |row| row.id, notes))
}

pub(super) fn device_configs<'a>(
    batches: &'a [RecordBatch],
    notes: &mut Notes<'a>,
) -> Result<Vec<DeviceConfigRow<'a>>, TransformError> {
    const TABLE: &str = "device_config";
    let mut rows = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let columns = Columns::new(TABLE, batch);
        columns.require(&["device_config_id", "device_id"])?;
        let delivered_at = columns.time(DELIVERED_AT)?;
        let (id, device_id) = (columns.text("device_config_id")?, columns.text("device_id")?);
        for row in 0..batch.num_rows() {
            let origin = Origin {
                table: TABLE,
                batch: batch_index,
                row,
            };
            match (id.get(row), device_id.get(row)) {
                (Some(id), Some(device_id)) => {
                    rows.push((delivered_at.get(row), DeviceConfigRow { id, device_id }));
                }
                (None, _) => {
                    notes.reject(
                        origin,
                        faults::KEY_MISSING,
                        "device_config_id",
                        String::new(),
                        None,
                    );
                }
                (id, None) => notes.reject(origin, faults::KEY_MISSING, "device_id", String::new(), id),
            }
        }
    }
    Ok(keep_last(rows, TABLE, |row| row.id, notes))
}

pub(super) fn components<'a>(
    batches: &'a [RecordBatch],
    notes: &mut Notes<'a>,
) -> Result<Vec<ComponentRow<'a>>, TransformError> {
    const TABLE: &str = "measuring_component";
    let mut rows = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let columns = Columns::new(TABLE, batch);
        columns.require(&["measuring_component_id"])?;
        let delivered_at = columns.time(DELIVERED_AT)?;
        let id = columns.text("measuring_component_id")?;
        let (device_config_id, device_id) = (columns.text("device_config_id")?, columns.text("device_id")?);
        let component_type = columns.text("component_type")?;
        let (uom, direction) = (columns.text("uom")?, columns.text("direction")?);
        let (kind, interval_seconds) = (columns.text("kind")?, columns.integer("interval_seconds")?);
        let multiplier_micro = columns.integer("multiplier_micro")?;
        let register_digits = columns.integer("register_digits")?;
        for row in 0..batch.num_rows() {
            let origin = Origin {
                table: TABLE,
                batch: batch_index,
                row,
            };
            let Some(id) = id.get(row) else {
                notes.reject(
                    origin,
                    faults::KEY_MISSING,
                    "measuring_component_id",
                    String::new(),
                    None,
                );
                continue;
            };
            let row_read = ComponentRow {
                id,
                device_config_id: device_config_id.get(row),
                device_id: device_id.get(row),
                component_type: component_type.get(row),
                uom: uom.get(row),
                direction: direction.get(row),
                kind: kind.get(row),
                interval_seconds: interval_seconds.get(row),
                multiplier_micro: multiplier_micro.get(row),
                register_digits: register_digits.get(row),
            };
            rows.push((delivered_at.get(row), row_read));
        }
    }
    Ok(keep_last(rows, TABLE, |row| row.id, notes))
}

/// The events, and those of no use. `unreadable`: what can be read of the rows that the reader has kept aside.
pub(super) fn install_events<'a>(
    batches: &'a [RecordBatch],
    unreadable: &'a [RecordBatch],
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) -> Result<(Vec<InstallEventRow<'a>>, Vec<UnusableEvent<'a>>), TransformError> {
    const TABLE: &str = "install_event";
    let mut unusable = unreadable_events(unreadable)?;
    let mut rows = readable_events(batches, &mut unusable, notes)?;
    rows.par_sort_unstable();
    let mut events = Vec::with_capacity(rows.len());
    for rows in rows.chunk_by(|a, b| a.id == b.id) {
        for pair in rows.windows(2) {
            let fault = if pair[0].says_the_same(&pair[1]) {
                faults::DUPLICATE_ROW
            } else {
                faults::CONTRADICTING_DUPLICATE
            };
            notes.add(TABLE, fault, pair[0].id);
        }
        events.extend(settled(rows, rules, &mut unusable));
    }
    // What a newer row of the same event corrects is no longer in doubt.
    unusable.retain(|event| {
        let known = event
            .id
            .and_then(|id| events.binary_search_by_key(&id, |row| row.id).ok());
        known.is_none_or(|position| !events[position].is_newer_than(event))
    });
    Ok((events, unusable))
}

fn unreadable_events(batches: &[RecordBatch]) -> Result<Vec<UnusableEvent<'_>>, TransformError> {
    let mut unusable = Vec::new();
    for batch in batches {
        let columns = Columns::new("install_event", batch);
        let (id, service_point_id) = (
            columns.text("install_event_id")?,
            columns.text("service_point_id")?,
        );
        let (device_config_id, device_id) = (columns.text("device_config_id")?, columns.text("device_id")?);
        let delivered_at = columns.time(DELIVERED_AT)?;
        unusable.extend((0..batch.num_rows()).map(|row| UnusableEvent {
            id: id.get(row),
            delivered_at: delivered_at.get(row),
            status_updated_at: None,
            device_config_id: device_config_id.get(row),
            device_id: device_id.get(row),
            service_point_id: service_point_id.get(row),
            from: i64::MIN,
        }));
    }
    Ok(unusable)
}

fn readable_events<'a>(
    batches: &'a [RecordBatch],
    unusable: &mut Vec<UnusableEvent<'a>>,
    notes: &mut Notes<'a>,
) -> Result<Vec<InstallEventRow<'a>>, TransformError> {
    const TABLE: &str = "install_event";
    let mut rows = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let columns = Columns::new(TABLE, batch);
        columns.require(&["install_event_id", "service_point_id", "installed_at"])?;
        let (id, service_point_id) = (
            columns.text("install_event_id")?,
            columns.text("service_point_id")?,
        );
        let (device_config_id, device_id) = (columns.text("device_config_id")?, columns.text("device_id")?);
        let (installed_at, removed_at) = (columns.time("installed_at")?, columns.time("removed_at")?);
        let (status, status_updated_at) = (columns.text("status")?, columns.time("status_updated_at")?);
        let constant_micro = columns.integer("install_constant_micro")?;
        let delivered_at = columns.time(DELIVERED_AT)?;
        for row in 0..batch.num_rows() {
            let origin = Origin {
                table: TABLE,
                batch: batch_index,
                row,
            };
            let (device_config_id, device_id) = (device_config_id.get(row), device_id.get(row));
            let mut reject = |fault, column, time: Option<i64>, key| {
                let shown = time.map(show_time).unwrap_or_default();
                notes.reject(origin, fault, column, shown, key);
                unusable.push(UnusableEvent {
                    id: key,
                    delivered_at: delivered_at.get(row),
                    status_updated_at: status_updated_at.get(row),
                    device_config_id,
                    device_id,
                    service_point_id: service_point_id.get(row),
                    from: i64::MIN,
                });
            };
            let Some(id) = id.get(row) else {
                reject(faults::KEY_MISSING, "install_event_id", None, None);
                continue;
            };
            if device_config_id.is_none() && device_id.is_none() {
                reject(faults::DEVICE_MISSING, "device_config_id", None, Some(id));
                continue;
            }
            let Some(service_point_id) = service_point_id.get(row) else {
                reject(faults::SERVICE_POINT_MISSING, "service_point_id", None, Some(id));
                continue;
            };
            let Some(installed_at) = installed_at.get(row) else {
                reject(faults::INSTALL_TIME_MISSING, "installed_at", None, Some(id));
                continue;
            };
            if !(FIRST_MICRO..LAST_MICRO).contains(&installed_at) {
                let fault = faults::INSTALL_TIME_OUT_OF_RANGE;
                reject(fault, "installed_at", Some(installed_at), Some(id));
                continue;
            }
            let mut removed_at = removed_at.get(row);
            if removed_at.is_some_and(|removed| removed < installed_at) {
                reject(
                    faults::REMOVED_BEFORE_INSTALLED,
                    "removed_at",
                    removed_at,
                    Some(id),
                );
                continue;
            }
            if removed_at.is_some_and(|removed| removed >= LAST_MICRO) {
                notes.add(TABLE, faults::OPEN_END_DATE, id);
                removed_at = None;
            }
            rows.push(InstallEventRow {
                id,
                delivered_at: delivered_at.get(row),
                status_updated_at: status_updated_at.get(row),
                removed_at,
                installed_at,
                status: status.get(row),
                service_point_id,
                device_config_id,
                device_id,
                constant_micro: constant_micro.get(row),
            });
        }
    }
    Ok(rows)
}

impl InstallEventRow<'_> {
    /// Whether two rows differ in nothing but their delivery.
    fn says_the_same(&self, other: &Self) -> bool {
        Self {
            delivered_at: other.delivered_at,
            ..*self
        } == *other
    }

    fn is_newer_than(&self, event: &UnusableEvent<'_>) -> bool {
        let status_is_newer = self
            .status_updated_at
            .zip(event.status_updated_at)
            .is_some_and(|(own, other)| own > other);
        match self.delivered_at.cmp(&event.delivered_at) {
            Ordering::Less => false,
            Ordering::Equal => status_is_newer,
            Ordering::Greater => true,
        }
    }
}

/// What the sorted rows of one event come to. The newest delivery counts, then the newest status. Rows as new as each
/// other that contradict are read in the way that accuses nobody: installed at the earliest and removed at the latest of
/// what they say, and on rather than off. A device that only the others name may have hung there as well.
fn settled<'a>(
    rows: &[InstallEventRow<'a>],
    rules: &RegistryRules,
    unusable: &mut Vec<UnusableEvent<'a>>,
) -> Option<InstallEventRow<'a>> {
    let newest = *rows.last()?;
    let mut settled = newest;
    let as_new = |row: &&InstallEventRow<'_>| {
        row.delivered_at == newest.delivered_at
            && (row.status_updated_at.is_none() || row.status_updated_at == newest.status_updated_at)
    };
    let innocence = |code: Option<&str>| match code.and_then(|code| rules.install_status.get(code)) {
        Some(InstallStatus::On) => 4,
        None => 3,
        Some(InstallStatus::Removed) => 2,
        Some(InstallStatus::Off) => 1,
        Some(InstallStatus::Pending) => 0,
    };
    for row in rows.iter().filter(as_new) {
        settled.installed_at = settled.installed_at.min(row.installed_at);
        settled.removed_at = settled
            .removed_at
            .zip(row.removed_at)
            .map(|(one, other)| one.max(other));
        if innocence(row.status) > innocence(settled.status) {
            settled.status = row.status;
        }
        if (row.device_config_id, row.device_id) != (newest.device_config_id, newest.device_id) {
            unusable.push(UnusableEvent {
                id: Some(row.id),
                delivered_at: row.delivered_at,
                status_updated_at: row.status_updated_at,
                device_config_id: row.device_config_id,
                device_id: row.device_id,
                service_point_id: Some(row.service_point_id),
                from: i64::MIN,
            });
        }
    }
    Some(settled)
}

/// Sorted by (install event, time); of on and off at one moment, on is kept.
pub(super) fn switches<'a>(
    batches: &'a [RecordBatch],
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) -> Result<Vec<SwitchRow<'a>>, TransformError> {
    const TABLE: &str = "on_off_history";
    let mut rows = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let columns = Columns::new(TABLE, batch);
        columns.require(&["install_event_id", "at", "state"])?;
        let event_id = columns.text("install_event_id")?;
        let (at, state) = (columns.time("at")?, columns.text("state")?);
        for row in 0..batch.num_rows() {
            let origin = Origin {
                table: TABLE,
                batch: batch_index,
                row,
            };
            let Some(event_id) = event_id.get(row) else {
                notes.reject(
                    origin,
                    faults::KEY_MISSING,
                    "install_event_id",
                    String::new(),
                    None,
                );
                continue;
            };
            let time = at.get(row);
            let Some(at) = time.filter(|at| (FIRST_MICRO..LAST_MICRO).contains(at)) else {
                let shown = time.map(show_time).unwrap_or_default();
                notes.reject(origin, faults::SWITCH_TIME_MISSING, "at", shown, Some(event_id));
                continue;
            };
            let code = state.get(row).unwrap_or("");
            let Some(state) = rules.on_off_state.get(code) else {
                notes.reject(
                    origin,
                    faults::UNMAPPED_STATE,
                    "state",
                    code.to_owned(),
                    Some(event_id),
                );
                continue;
            };
            rows.push(SwitchRow {
                event_id,
                at,
                on: state == OnOff::On,
            });
        }
    }
    rows.par_sort_unstable();
    rows.dedup_by(|row, kept| {
        if row != kept {
            return false;
        }
        notes.add(TABLE, faults::DUPLICATE_ROW, row.event_id);
        true
    });
    rows.dedup_by(|row, kept| {
        if (row.event_id, row.at) != (kept.event_id, kept.at) {
            return false;
        }
        notes.add(TABLE, faults::CONTRADICTING_SWITCH, row.event_id);
        kept.on = true;
        true
    });
    Ok(rows)
}

pub(super) fn service_points<'a>(
    batches: &'a [RecordBatch],
    notes: &mut Notes<'a>,
) -> Result<Vec<ServicePointRow<'a>>, TransformError> {
    const TABLE: &str = "service_point";
    let mut rows = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let columns = Columns::new(TABLE, batch);
        columns.require(&["service_point_id"])?;
        let delivered_at = columns.time(DELIVERED_AT)?;
        let (id, premise_id) = (columns.text("service_point_id")?, columns.text("premise_id")?);
        let (rate_class, transformer_id) = (columns.text("rate_class")?, columns.text("transformer_id")?);
        let area_id = columns.text("area_id")?;
        let (district, region) = (columns.text("district")?, columns.text("region")?);
        let connected_at = columns.time("connected_at")?;
        for row in 0..batch.num_rows() {
            let origin = Origin {
                table: TABLE,
                batch: batch_index,
                row,
            };
            let Some(id) = id.get(row) else {
                notes.reject(
                    origin,
                    faults::KEY_MISSING,
                    "service_point_id",
                    String::new(),
                    None,
                );
                continue;
            };
            let row_read = ServicePointRow {
                id,
                premise_id: premise_id.get(row),
                rate_class: rate_class.get(row),
                transformer_id: transformer_id.get(row),
                area_id: area_id.get(row),
                district: district.get(row),
                region: region.get(row),
                connected_at: connected_at.get(row),
            };
            rows.push((delivered_at.get(row), row_read));
        }
    }
    Ok(keep_last(rows, TABLE, |row| row.id, notes))
}

/// Sorts by id, and of the rows with one id keeps the greatest of the newest delivery.
fn keep_last<'a, T: Ord + Copy + Send>(
    mut rows: Vec<(Option<i64>, T)>,
    table: &'static str,
    id: impl Fn(&T) -> &'a str + Sync,
    notes: &mut Notes<'a>,
) -> Vec<T> {
    rows.par_sort_unstable_by(|(delivered, row), (other_delivered, other)| {
        (id(row), delivered, row).cmp(&(id(other), other_delivered, other))
    });
    rows.dedup_by(|(delivered, row), (kept_delivered, kept)| {
        if id(row) != id(kept) {
            return false;
        }
        let fault = if row == kept {
            faults::DUPLICATE_ROW
        } else {
            faults::CONTRADICTING_DUPLICATE
        };
        notes.add(table, fault, id(row));
        (*kept_delivered, *kept) = (*delivered, *row);
        true
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

/// A naive time as text, for the table of rejected rows.
pub(super) fn show_time(micro: i64) -> String {
    jiff::Timestamp::from_microsecond(micro).map_or_else(
        |_| format!("{micro} us"),
        |time| time.to_string().trim_end_matches('Z').replace('T', " "),
    )
}
