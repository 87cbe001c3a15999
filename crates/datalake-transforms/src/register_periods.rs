//! Register periods: what a scalar register counted between two readings, spread over the days in between.
//!
//! | question | answer |
//! |---|---|
//! | period | from `period_start`, else from the component's reading before, to `measured_at` |
//! | first reading, no `period_start` | bounds the next period, gives no energy; a note |
//! | more than 400 days since the reading before | the same, with a note of its own |
//! | energy | the value; where there is none, reading less previous reading (the row's own, else that of the reading before), times the combined multiplier (the row's own, else that of the registry), rounded down |
//! | register falls | by more than half of its range 10^digits: it rolled over; else the energy is negative |
//! | day's share | floor of the cumulated energy at the day's end less that at its start: the shares of a period add up to it exactly |
//! | usable | a value that counts as actual, the whole period covered by one install event that was on, and no overlap with the period before (see below) |
//! | overlapping periods | both count in full: nothing says which one is wrong. By more than a day and a tenth of its own length, the later one is not usable; a warning. Billing dates that are written in whole months overlap by a few days as a rule |
//!
//! A row counts as used once it won its key, whatever energy it gives: profiles hold shares, so their `intervals`
//! do not add up to rows.

mod spread;

use arrow::array::RecordBatch;

use crate::accounting::RowCounts;
use crate::day_profile::{DayProfile, DayProfileBuilder};
use crate::error::TransformError;
use crate::findings::{Finding, Findings, Severity};
use crate::measured::VALUE_LIMIT_MICRO;
use crate::model::{Condition, DAY_SECONDS, MICRO};
use crate::registry::{Component, Coverage, Registry};
use crate::resolve::{MAX_PERIOD_DAYS, RegisterRow, ResolveConfig, reason, time_text};

use spread::spread;

/// What [`register_periods`] yields.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterOutput {
    /// Day profiles, sorted by component and day, marked `spread`.
    pub profiles: RecordBatch,
    /// The rows given: used, superseded, or out of scope. Nothing of it is counted as read here.
    pub counts: RowCounts,
    /// What was noticed.
    pub findings: Findings,
}

/// A period with what was consumed in it; seconds on the measurement clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Period {
    start: i64,
    end: i64,
    value_micro: Option<i64>,
    condition: Condition,
    coverage: Coverage,
    overlaps: bool,
}

/// Periods and day profiles of register rows.
///
/// `rows` holds all rows of its components, sorted by [`crate::resolve::sort_register_rows`]; cut a large table by
/// [`crate::resolve::component_chunks`], because a row becomes as many rows as its period has days.
pub fn register_periods(
    registry: &Registry,
    config: &ResolveConfig,
    rows: &[RegisterRow],
) -> Result<RegisterOutput, TransformError> {
    if !rows.is_sorted() {
        return Err(TransformError::Bug("register rows are not sorted".to_owned()));
    }
    let mut profiles = DayProfileBuilder::default();
    let mut counts = RowCounts::default();
    let mut notes = Notes::default();
    for of_component in rows.chunk_by(|a, b| a.component == b.component) {
        let index = of_component[0].component;
        let component = registry.components.get(index as usize).ok_or_else(|| {
            TransformError::Bug(format!(
                "register row of component {index}, which the registry lacks"
            ))
        })?;
        let mut days = Days {
            index,
            profiles: Vec::new(),
        };
        let mut before: Option<&RegisterRow> = None;
        for of_moment in of_component.chunk_by(|a, b| a.measured_at == b.measured_at) {
            counts.superseded += of_moment.len() as u64 - 1;
            // Sorted: the newest is the last one.
            let row = &of_moment[of_moment.len() - 1];
            if !row.measured.is_allowed() {
                counts.add_out_of_scope(reason::DO_NOT_USE, 1);
                continue;
            }
            counts.used += 1;
            if let Some(period) = period(component, row, before, &mut notes) {
                days.add(&period, config)?;
            }
            before = Some(row);
        }
        for day in &days.profiles {
            profiles.push(day);
        }
    }
    Ok(RegisterOutput {
        profiles: profiles.finish()?,
        counts,
        findings: notes.into_findings(),
    })
}

/// The period that a row closes, or `None` (with a note) where it has no start.
fn period(
    component: &Component,
    row: &RegisterRow,
    before: Option<&RegisterRow>,
    notes: &mut Notes,
) -> Option<Period> {
    let start = match (row.period_start, before) {
        (Some(start), _) => start,
        (None, None) => {
            notes.add(Note::WithoutStart, component, row);
            return None;
        }
        (None, Some(before)) if row.measured_at - before.measured_at > MAX_PERIOD_DAYS * DAY_SECONDS => {
            notes.add(Note::Gap, component, row);
            return None;
        }
        (None, Some(before)) => before.measured_at,
    };
    let overlaps =
        before.is_some_and(|before| before.measured_at - start > overlap_allowed(row.measured_at - start));
    if overlaps {
        notes.add(Note::Overlap, component, row);
    }
    Some(Period {
        start,
        end: row.measured_at,
        value_micro: consumed(component, row, start, before, notes),
        condition: row.measured.condition(),
        coverage: component.coverage(start, row.measured_at),
        overlaps,
    })
}

/// How far a period of so many seconds may reach into the one before: a day, or a tenth of its length.
fn overlap_allowed(length: i64) -> i64 {
    DAY_SECONDS.max(length / 10)
}

/// What was consumed, from the value or from the readings.
fn consumed(
    component: &Component,
    row: &RegisterRow,
    start: i64,
    before: Option<&RegisterRow>,
    notes: &mut Notes,
) -> Option<i64> {
    if let Some(value) = row.measured.value_micro() {
        return Some(value);
    }
    let reading = row.reading_micro?;
    let previous = row.previous_reading_micro.or_else(|| {
        before
            .filter(|before| before.measured_at == start)
            .and_then(|before| before.reading_micro)
    });
    let Some(previous) = previous else {
        notes.add(Note::WithoutPrevious, component, row);
        return None;
    };
    let mut delta = i128::from(reading) - i128::from(previous);
    if let Some(range) = register_range_micro(component)
        && (-range..-range / 2).contains(&delta)
    {
        delta += range;
        notes.add(Note::RolledOver, component, row);
    }
    let multiplier = row
        .combined_multiplier_micro
        .unwrap_or_else(|| registry_multiplier(component, row));
    let value = delta
        .checked_mul(i128::from(multiplier))
        .map(|product| product.div_euclid(i128::from(MICRO)));
    let value = value.filter(|value| value.unsigned_abs() < VALUE_LIMIT_MICRO as u128);
    if value.is_none() {
        notes.add(Note::OutOfRange, component, row);
    }
    value.map(|value| value as i64)
}

/// Where the register returns to zero, in 10^-6.
fn register_range_micro(component: &Component) -> Option<i128> {
    let digits = u32::from(component.register_digits?);
    10_i128.checked_pow(digits)?.checked_mul(i128::from(MICRO))
}

/// The multiplier of the install period in which the reading was taken; the component's own where there is none.
fn registry_multiplier(component: &Component, row: &RegisterRow) -> i64 {
    match component.coverage(row.measured_at - 1, row.measured_at) {
        Coverage::On(period) | Coverage::Off(period) => component
            .periods
            .get(period as usize)
            .map_or(component.multiplier_micro, |period| {
                component.expected_multiplier_micro(period)
            }),
        Coverage::Cut | Coverage::Uninstalled => component.multiplier_micro,
    }
}

/// The day profiles of one component, days ascending.
struct Days {
    index: u32,
    profiles: Vec<DayProfile>,
}

impl Days {
    /// Adds the shares of a period. Periods come by their ends, so nearly always these are the last days.
    fn add(&mut self, period: &Period, config: &ResolveConfig) -> Result<(), TransformError> {
        for (day, share) in spread(period.start, period.end, period.value_micro) {
            let row = share_row(self.index, day, share, period, config);
            if self.profiles.last().is_none_or(|last| last.day < day) {
                self.profiles.push(row);
                continue;
            }
            match self.profiles.binary_search_by_key(&day, |profile| profile.day) {
                Ok(position) => self.profiles[position].add(&row)?,
                Err(position) => self.profiles.insert(position, row),
            }
        }
        Ok(())
    }
}

/// The profile of one day's share of a period.
fn share_row(
    component: u32,
    day: i32,
    share: Option<i64>,
    period: &Period,
    config: &ResolveConfig,
) -> DayProfile {
    let one_if = |condition: bool| u16::from(condition);
    let is = |condition: Condition| one_if(period.condition == condition);
    let kwh = share.unwrap_or(0);
    let actual = share.is_some() && config.is_actual(period.condition);
    let usable = actual && !period.overlaps && matches!(period.coverage, Coverage::On(_));
    let off = actual && matches!(period.coverage, Coverage::Off(_));
    let uninstalled = actual && period.coverage == Coverage::Uninstalled;
    let kwh_if = |condition: bool| if condition { kwh } else { 0 };
    DayProfile {
        component,
        day,
        intervals: 1,
        valued: one_if(share.is_some()),
        actual: is(Condition::Actual),
        estimated: is(Condition::Estimated),
        missing: is(Condition::Missing),
        overridden: is(Condition::Override),
        unknown: is(Condition::Unknown),
        zero: one_if(share == Some(0)),
        negative: one_if(kwh < 0),
        kwh,
        night_kwh: None,
        min_kwh: kwh,
        max_kwh: kwh,
        usable: one_if(usable),
        usable_zero: one_if(usable && kwh == 0),
        usable_negative: one_if(usable && kwh < 0),
        usable_kwh: kwh_if(usable),
        usable_negative_kwh: kwh_if(usable && kwh < 0),
        off: one_if(off),
        off_kwh: kwh_if(off),
        uninstalled: one_if(uninstalled),
        uninstalled_kwh: kwh_if(uninstalled),
        cut: one_if(period.coverage == Coverage::Cut),
        longest_equal_run: 0,
        shape_hash: None,
        hourly_kwh: None,
        spread: true,
    }
}

/// What may be noticed about a row.
#[derive(Debug, Clone, Copy)]
enum Note {
    WithoutStart,
    Gap,
    Overlap,
    WithoutPrevious,
    RolledOver,
    OutOfRange,
}

/// Code, severity and message of each [`Note`], in its order.
const NOTES: [(&str, Severity, &str); 6] = [
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
        "register_delta_out_of_range",
        Severity::Warning,
        "the difference of the readings needs more than 16 digits: the period has no energy",
    ),
];

/// Counts of notes, with the first row of each: rows come sorted, so it is the least.
#[derive(Debug, Default)]
struct Notes {
    seen: [Option<(u64, String)>; NOTES.len()],
}

impl Notes {
    fn add(&mut self, note: Note, component: &Component, row: &RegisterRow) {
        let seen = &mut self.seen[note as usize];
        match seen {
            Some((rows, _)) => *rows += 1,
            None => {
                *seen = Some((
                    1,
                    format!("{} at {}", component.id, time_text(row.measured_at * MICRO)),
                ));
            }
        }
    }

    fn into_findings(self) -> Findings {
        let mut findings = Findings::default();
        for ((code, severity, message), seen) in NOTES.into_iter().zip(self.seen) {
            if let Some((rows, example_key)) = seen {
                findings.merge_one(Finding {
                    table: "measurements".to_owned(),
                    code: code.to_owned(),
                    severity,
                    rows,
                    example_key,
                    message: message.to_owned(),
                });
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests;
