//! Install events brought to the measurement clock: from when to when a device hung where, and when it was on.

use super::Switch;
use super::config::RegistryRules;
use super::faults::{self, Fault};
use super::notes::Notes;
use super::switches::{History, StatusSeen, switches};
use super::tables::{InstallEventRow, SwitchRow, UnusableEvent};
use crate::clock::Naming;
use crate::model::{InstallStatus, MICRO};

const TABLE: &str = "install_event";

/// A usable install event. Times are seconds on the measurement clock.
#[derive(Debug, Clone)]
pub(super) struct Stay<'a> {
    pub(super) event_id: &'a str,
    pub(super) device_config_id: Option<&'a str>,
    pub(super) device_id: Option<&'a str>,
    pub(super) service_point_id: &'a str,
    pub(super) start: i64,
    /// `i64::MAX` while installed.
    pub(super) end: i64,
    /// The status says removed, the date is missing: it ended at some time that nobody knows.
    pub(super) end_unknown: bool,
    pub(super) switches: Vec<Switch>,
    pub(super) constant_micro: i64,
    pub(super) removal_recorded: bool,
}

/// The stays, sorted by (start, event id). Pending events and those of no length make none: they join `unusable`.
pub(super) fn stays<'a>(
    events: &[InstallEventRow<'a>],
    history: &[SwitchRow<'a>],
    rules: &RegistryRules,
    unusable: &mut Vec<UnusableEvent<'a>>,
    notes: &mut Notes<'a>,
) -> Vec<Stay<'a>> {
    // Both are sorted by the event's id: one walk meets them.
    let mut histories = history.chunk_by(|a, b| a.event_id == b.event_id).peekable();
    let orphan = |rows: &[SwitchRow<'a>], notes: &mut Notes<'a>| {
        notes.add_rows(
            "on_off_history",
            faults::UNKNOWN_INSTALL_EVENT,
            rows[0].event_id,
            rows.len() as u64,
        );
    };
    let mut stays = Vec::with_capacity(events.len());
    for event in events {
        while let Some(rows) = histories.next_if(|rows| rows[0].event_id < event.id) {
            orphan(rows, notes);
        }
        let history = histories
            .next_if(|rows| rows[0].event_id == event.id)
            .unwrap_or_default();
        match stay(event, history, rules, notes) {
            Ok(stay) => stays.push(stay),
            Err(from) => unusable.push(UnusableEvent {
                id: Some(event.id),
                delivered_at: event.delivered_at,
                status_updated_at: event.status_updated_at,
                device_config_id: event.device_config_id,
                device_id: event.device_id,
                service_point_id: Some(event.service_point_id),
                from,
            }),
        }
    }
    for rows in histories {
        orphan(rows, notes);
    }
    stays.sort_unstable_by(|a, b| (a.start, a.event_id).cmp(&(b.start, b.event_id)));
    stays
}

/// The stay of an event; of one that makes none, from when on its device may hang there all the same.
fn stay<'a>(
    event: &InstallEventRow<'a>,
    history: &[SwitchRow<'a>],
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) -> Result<Stay<'a>, i64> {
    let status = event.status.and_then(|code| {
        let status = rules.install_status.get(code);
        if status.is_none() {
            notes.add_code(TABLE, faults::UNMAPPED_INSTALL_STATUS, event.id, code);
        }
        status
    });
    if status == Some(InstallStatus::Pending) {
        notes.add(TABLE, faults::PENDING_INSTALL, event.id);
        let start = rules.clock.to_measurement(event.installed_at);
        return Err(start.map_or(i64::MIN, |moment| moment.seconds));
    }
    let start = moment(TABLE, event.id, event.installed_at, rules, notes).ok_or(i64::MIN)?;
    let end = match event.removed_at {
        Some(removed_at) => moment(TABLE, event.id, removed_at, rules, notes).ok_or(start)?,
        None => i64::MAX,
    };
    if start == end {
        notes.add(TABLE, faults::ZERO_LENGTH_STAY, event.id);
        return Err(start);
    }
    let has_end = event.removed_at.is_some();
    match status {
        Some(InstallStatus::Removed) if !has_end => notes.add(TABLE, faults::REMOVED_WITHOUT_DATE, event.id),
        Some(InstallStatus::On | InstallStatus::Off) if has_end => {
            notes.add(TABLE, faults::DATE_WITHOUT_REMOVED, event.id);
        }
        _ => {}
    }
    let history: Vec<Switch> = history
        .iter()
        .filter_map(|row| {
            let at = moment("on_off_history", event.id, row.at, rules, notes)?;
            Some(Switch { at, on: row.on })
        })
        .collect();
    let seen = match status {
        Some(InstallStatus::On) => StatusSeen::On,
        Some(InstallStatus::Off) => StatusSeen::Off,
        _ => StatusSeen::Silent,
    };
    // A status time that no calendar knows is no time.
    let status_at = event
        .status_updated_at
        .filter(|_| seen == StatusSeen::Off || !history.is_empty())
        .and_then(|at| moment(TABLE, event.id, at, rules, notes));
    let history = History {
        start,
        end,
        switches: &history,
    };
    let switches = switches(
        &history,
        seen,
        status_at,
        &mut |table: &'static str, fault: &'static Fault| {
            notes.add(table, fault, event.id);
        },
    );
    Ok(Stay {
        event_id: event.id,
        device_config_id: event.device_config_id,
        device_id: event.device_id,
        service_point_id: event.service_point_id,
        start,
        end,
        end_unknown: status == Some(InstallStatus::Removed) && !has_end,
        switches,
        constant_micro: positive(event.constant_micro).unwrap_or_else(|| {
            notes.add(TABLE, faults::NON_POSITIVE_CONSTANT, event.id);
            MICRO
        }),
        removal_recorded: status == Some(InstallStatus::Removed) && has_end,
    })
}

/// A multiplier, 1 where none is given; `None` where it is zero or negative.
pub(super) fn positive(multiplier_micro: Option<i64>) -> Option<i64> {
    Some(multiplier_micro.unwrap_or(MICRO)).filter(|&multiplier| multiplier > 0)
}

fn moment<'a>(
    table: &'static str,
    event_id: &'a str,
    legal_micro: i64,
    rules: &RegistryRules,
    notes: &mut Notes<'a>,
) -> Option<i64> {
    let moment = rules.clock.to_measurement(legal_micro)?;
    match moment.naming {
        Naming::One => {}
        Naming::Ambiguous => notes.add(table, faults::AMBIGUOUS_TIME, event_id),
        Naming::Nonexistent => notes.add(table, faults::NONEXISTENT_TIME, event_id),
    }
    Some(moment.seconds)
}
