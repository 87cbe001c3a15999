//! When an installed device was on: from the on/off history, else from the status.
//!
//! A device that is off makes every kWh suspect, so it counts as off only where something says so:
//! - the history gives the exact moments; before its first entry the device counts as on;
//! - without a history, status off counts from the moment at which the status was set, and not at all where that
//!   moment is not known;
//! - where the status contradicts the last entry of the history, the newer of the two counts, and on where it is not
//!   known which is newer.

use super::Switch;
use super::faults::{self, Fault};

/// A stay and the entries of its history, sorted by time; on and off may alternate or repeat.
#[derive(Debug, Clone, Copy)]
pub(super) struct History<'h> {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) switches: &'h [Switch],
}

/// What the status of an install event says of on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatusSeen {
    On,
    Off,
    /// Removed, not mapped, or none.
    Silent,
}

/// The switches of a stay: the first at its start, all others inside it, each a change.
pub(super) fn switches(
    history: &History<'_>,
    status: StatusSeen,
    status_at: Option<i64>,
    note: &mut dyn FnMut(&'static str, &'static Fault),
) -> Vec<Switch> {
    let &History { start, end, switches } = history;
    let before = switches.partition_point(|switch| switch.at <= start);
    let on_at_start = before.checked_sub(1).is_none_or(|last| switches[last].on);
    let mut kept = vec![Switch {
        at: start,
        on: on_at_start,
    }];
    for &switch in &switches[before..] {
        if switch.at > end {
            note("on_off_history", faults::SWITCH_AFTER_REMOVAL);
        } else if switch.at < end {
            push_change(&mut kept, switch);
        }
    }
    let last = *kept.last().unwrap_or(&Switch { at: start, on: true });
    if switches.is_empty() {
        if status == StatusSeen::Off {
            match status_at {
                Some(at) if at < end => push_change(
                    &mut kept,
                    Switch {
                        at: at.max(start),
                        on: false,
                    },
                ),
                // Set when the stay was over: it says nothing of the stay.
                Some(_) => {}
                None => note("install_event", faults::OFF_WITHOUT_TIME),
            }
        }
    } else if (status == StatusSeen::On && !last.on) || (status == StatusSeen::Off && last.on) {
        note("install_event", faults::STATUS_CONTRADICTS_HISTORY);
        let last_at = switches[switches.len() - 1].at;
        match status_at {
            Some(at) if at > last_at && at < end => push_change(
                &mut kept,
                Switch {
                    at: at.max(start),
                    on: !last.on,
                },
            ),
            None if !last.on => push_change(
                &mut kept,
                Switch {
                    at: last.at,
                    on: true,
                },
            ),
            _ => {}
        }
    }
    kept
}

/// Appends a switch that is not before the last one; one at the same moment replaces it, one without a change is
/// left out.
fn push_change(kept: &mut Vec<Switch>, switch: Switch) {
    if kept.len() > 1 && kept.last().is_some_and(|last| last.at == switch.at) {
        kept.pop();
    }
    match kept.last_mut() {
        Some(last) if last.at == switch.at => last.on = switch.on,
        Some(last) if last.on == switch.on => {}
        _ => kept.push(switch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stay from 100 to 200; switches as `80+ 120-`, the findings' codes after a bar.
    fn check(history: &[(i64, bool)], status: StatusSeen, status_at: Option<i64>, expected: &str) {
        let history: Vec<Switch> = history.iter().map(|&(at, on)| Switch { at, on }).collect();
        let mut codes = Vec::new();
        let stay = History {
            start: 100,
            end: 200,
            switches: &history,
        };
        let kept = switches(&stay, status, status_at, &mut |_, fault| codes.push(fault.code));
        let kept: Vec<String> = kept
            .iter()
            .map(|s| format!("{}{}", s.at, if s.on { '+' } else { '-' }))
            .collect();
        let shown: Vec<String> = std::iter::once(kept.join(" "))
            .chain(codes.into_iter().map(str::to_owned))
            .collect();
        assert_eq!(shown.join(" | "), expected);
    }

    #[test]
    fn without_history_the_status_counts() {
        use StatusSeen::{Off, On, Silent};
        check(&[], On, None, "100+");
        check(&[], On, Some(150), "100+");
        check(&[], Silent, Some(150), "100+");
        check(&[], Off, Some(150), "100+ 150-");
        check(&[], Off, Some(100), "100-");
        check(&[], Off, Some(50), "100-");
        check(&[], Off, Some(200), "100+");
        check(&[], Off, None, "100+ | off_without_time");
    }

    #[test]
    fn the_history_gives_the_moments() {
        use StatusSeen::Silent;
        check(&[(120, false), (150, true)], Silent, None, "100+ 120- 150+");
        check(
            &[(120, false), (130, false), (150, true), (160, true)],
            Silent,
            None,
            "100+ 120- 150+",
        );
        // The state at the start is the last one before it.
        check(&[(50, true), (80, false)], Silent, None, "100-");
        check(
            &[(80, true), (100, false), (150, true)],
            Silent,
            None,
            "100- 150+",
        );
        // Before the first entry: on.
        check(&[(150, true)], Silent, None, "100+");
        check(&[(200, false)], Silent, None, "100+");
        check(
            &[(201, false), (300, true)],
            Silent,
            None,
            "100+ | switch_after_removal | switch_after_removal",
        );
    }

    #[test]
    fn the_newer_of_status_and_history_counts() {
        use StatusSeen::{Off, On};
        check(&[(120, false)], Off, Some(150), "100+ 120-");
        check(&[(120, false), (150, true)], On, None, "100+ 120- 150+");
        // Reconnected, says the later status.
        check(
            &[(120, false)],
            On,
            Some(150),
            "100+ 120- 150+ | status_contradicts_history",
        );
        // The history is the newer one.
        check(
            &[(120, false)],
            On,
            Some(110),
            "100+ 120- | status_contradicts_history",
        );
        // Nobody knows: on.
        check(&[(120, false)], On, None, "100+ | status_contradicts_history");
        check(&[(80, false)], On, None, "100+ | status_contradicts_history");
        check(&[(80, false)], On, Some(90), "100+ | status_contradicts_history");
        check(
            &[(120, false), (150, true)],
            Off,
            None,
            "100+ 120- 150+ | status_contradicts_history",
        );
        check(
            &[(120, false), (150, true)],
            Off,
            Some(140),
            "100+ 120- 150+ | status_contradicts_history",
        );
        check(
            &[(120, false), (150, true)],
            Off,
            Some(170),
            "100+ 120- 150+ 170- | status_contradicts_history",
        );
    }
}
