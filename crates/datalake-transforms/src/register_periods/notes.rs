//! What is noticed about register rows, counted by kind.

use crate::findings::{Finding, Findings, Severity};
use crate::measured::{CONTRADICTING_DUPLICATE, CONTRADICTING_DUPLICATE_MESSAGE};
use crate::model::MICRO;
use crate::registry::Registry;
use crate::resolve::{RegisterRow, time_text};

/// What may be noticed about a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Note {
    WithoutStart,
    Gap,
    Overlap,
    WithoutPrevious,
    RolledOver,
    RollOverDoubted,
    Contradicting,
    EstimateReplaced,
    OutOfRange,
    ContradictingDuplicate,
}

/// Code, severity and message of each [`Note`], in its order.
const NOTES: [(&str, Severity, &str); 10] = [
    (
        "register_without_start",
        Severity::Note,
        "the component's first reading says not when its period began: it gives no energy",
    ),
    (
        "register_gap",
        Severity::Note,
        "more than 400 days since the reading before, and no period_start: the row gives no energy",
    ),
    (
        "register_overlap",
        Severity::Warning,
        "the period overlaps the one before by more than a day and a tenth of its length: both count in full, and no rule rests on this one",
    ),
    (
        "register_without_previous",
        Severity::Note,
        "no value, and no reading to take the difference to: the period has no energy",
    ),
    (
        "register_rolled_over",
        Severity::Note,
        "the reading fell by more than half of the register's range: taken as a roll-over",
    ),
    (
        "register_roll_over_doubted",
        Severity::Warning,
        "the reading fell by more than half of the register's range, but one of the two readings is not actual, or a roll-over would make far more than the register's other periods: the energy counts as negative",
    ),
    (
        "register_contradicting",
        Severity::Warning,
        "the register fell, and a jump right before or after makes up for it: one reading is wrong, so no rule rests on either period",
    ),
    (
        "register_estimate_replaced",
        Severity::Note,
        "an actual reading covers the estimated period too: the estimate gives no energy",
    ),
    (
        "register_delta_out_of_range",
        Severity::Warning,
        "the difference of the readings is more than 400 times conditions.max_kwh_per_interval: the period has no energy",
    ),
    (
        CONTRADICTING_DUPLICATE,
        Severity::Warning,
        CONTRADICTING_DUPLICATE_MESSAGE,
    ),
];

/// Counts of notes, with the least row of each.
#[derive(Debug, Default)]
pub(super) struct Notes {
    seen: [Option<(u64, (u32, i64))>; NOTES.len()],
}

impl Notes {
    pub(super) fn add(&mut self, note: Note, row: &RegisterRow) {
        let key = (row.component, row.measured_at);
        let seen = &mut self.seen[note as usize];
        *seen = Some(seen.map_or((1, key), |(rows, least)| (rows + 1, least.min(key))));
    }

    pub(super) fn into_findings(self, registry: &Registry) -> Findings {
        let mut findings = Findings::default();
        for ((code, severity, message), seen) in NOTES.into_iter().zip(self.seen) {
            if let Some((rows, (component, at))) = seen {
                let id = &registry.components[component as usize].id;
                findings.merge_one(Finding {
                    table: "measurements".to_owned(),
                    code: code.to_owned(),
                    severity,
                    rows,
                    example_key: format!("{id} at {}", time_text(at * MICRO)),
                    message: message.to_owned(),
                });
            }
        }
        findings
    }
}
