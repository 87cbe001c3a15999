//! Register periods: what a scalar register counted between two readings, spread over the days in between.
//!
//! | question | answer |
//! |---|---|
//! | period | from `period_start`, else from the component's reading before, to `measured_at` |
//! | first reading, no `period_start` | bounds the next period, gives no energy; a note |
//! | more than 400 days since the reading before | the same, with a note of its own |
//! | energy | the value; where there is none, reading less previous reading (the row's own, else that of the reading before), times the combined multiplier (the row's own, else that of the registry), rounded down |
//! | missing row | is no reading, whatever stands in it: the next period starts at the reading before. Its own period is marked missing where no other covers it |
//! | estimated reading | what it has too much, the next period has too little. So estimates and the actual reading that follows are one actual period from the last actual reading, with the sum of their energy; where that is longer than 400 days, or no actual reading came before or after, all of it counts as estimated |
//! | estimate inside an actual period | where the actual row's own `period_start` or `previous_reading` reaches back over estimates, they give no energy; a note |
//! | register falls | by more than half of its range 10^digits between two actual readings, and the roll-over makes at most ten times the usual energy a day (median of the register's other periods; from three on): it rolled over; else the energy is negative |
//! | fall beside a jump | a period right before or after that has too much by at least half of what the fall has too little: one reading is wrong. Both count, neither is usable; a warning |
//! | day's share | floor of the cumulated energy at the day's end less that at its start: the shares of a period add up to it exactly |
//! | usable | energy between two actual readings, the whole period covered by one install event that was on, and no overlap with the period before (see below) |
//! | overlapping periods | both count in full: nothing says which one is wrong. By more than a day and a tenth of its own length, the later one is not usable; a warning. Billing dates that are written in whole months overlap by a few days as a rule |
//!
//! A row counts as used once it won its key, whatever energy it gives: profiles hold shares, so their `intervals`
//! do not add up to rows.

mod chain;
mod energy;
mod judge;
mod long;
mod notes;
mod spread;

use arrow::array::RecordBatch;

use crate::accounting::RowCounts;
use crate::day_profile::{DayProfile, DayProfileBuilder};
use crate::error::TransformError;
use crate::findings::Findings;
use crate::model::{Condition, DAY_SECONDS};
use crate::registry::{Component, Coverage, Registry};
use crate::resolve::{Codes, RegisterRow, ResolveConfig, reason};

use chain::Chain;
use energy::Energy;
pub use long::long_registers;
use notes::{Note, Notes};
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

/// A period with what its readings say; seconds on the measurement clock.
#[derive(Debug, Clone, Copy)]
struct Period<'a> {
    /// The row that closes it.
    row: &'a RegisterRow,
    start: i64,
    end: i64,
    energy: Option<Energy>,
    start_reading: Option<i64>,
    condition: Condition,
    /// Whether the energy lies between two actual readings.
    actual: bool,
    coverage: Coverage,
    overlaps: bool,
}

/// A period with what counts as consumed in it.
#[derive(Debug, Clone, Copy)]
struct Counted<'a> {
    period: Period<'a>,
    value_micro: Option<i64>,
    rolled_over: bool,
    /// Whether another period contradicts it.
    doubted: bool,
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
        let periods = periods(registry, config, of_component, (&mut counts, &mut notes))?;
        let mut days = Days {
            index,
            profiles: Vec::new(),
        };
        for period in periods {
            days.add(&period)?;
        }
        for day in &days.profiles {
            profiles.push(day);
        }
    }
    Ok(RegisterOutput {
        profiles: profiles.finish()?,
        counts,
        findings: notes.into_findings(registry),
    })
}

/// What becomes of register rows, and what is noticed about them: as [`register_periods`] says, without the profiles.
pub fn account_for(
    registry: &Registry,
    config: &ResolveConfig,
    rows: &[RegisterRow],
) -> Result<(RowCounts, Findings), TransformError> {
    let mut counts = RowCounts::default();
    let mut notes = Notes::default();
    for of_component in rows.chunk_by(|a, b| a.component == b.component) {
        periods(registry, config, of_component, (&mut counts, &mut notes))?;
    }
    Ok((counts, notes.into_findings(registry)))
}

/// The periods of register rows as bills know them, component by component in the order of their ends: what
/// [`register_periods`] spreads over days. `rows` as there.
pub fn billed_periods(
    registry: &Registry,
    config: &ResolveConfig,
    rows: &[RegisterRow],
) -> Result<Vec<BilledPeriod>, TransformError> {
    let mut billed = Vec::new();
    let (mut counts, mut notes) = (RowCounts::default(), Notes::default());
    for of_component in rows.chunk_by(|a, b| a.component == b.component) {
        let component = component_of(registry, of_component)?;
        let periods = periods(registry, config, of_component, (&mut counts, &mut notes))?;
        billed.extend(periods.into_iter().map(|counted| {
            let Period { row, start, end, .. } = counted.period;
            BilledPeriod {
                component: row.component,
                service_point: match counted.period.coverage {
                    Coverage::On(at) | Coverage::Off(at) => component
                        .periods
                        .get(at as usize)
                        .map(|period| period.service_point),
                    Coverage::Cut | Coverage::Uninstalled => component.last_service_point(),
                },
                start,
                end,
                value_micro: counted.value_micro,
                previous_reading_micro: counted.period.start_reading,
                reading_micro: row.reading_micro,
                is_actual: counted.period.actual && !counted.doubted,
                condition: counted.period.condition,
                codes: row.codes,
                coverage: counted.period.coverage,
                overlaps: counted.period.overlaps,
                by_readings_micro: counted.by_readings_micro(component),
            }
        }));
    }
    Ok(billed)
}

/// One period of a register, as [`billed_periods`] yields it. Times in seconds on the measurement clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BilledPeriod {
    /// Dense index of the component.
    pub component: u32,
    /// Where it hung then; where it hung last, if no install event covers the period.
    pub service_point: Option<u32>,
    /// Start.
    pub start: i64,
    /// End.
    pub end: i64,
    /// Energy, 10^-6 kWh; `None` where it is unknown.
    pub value_micro: Option<i64>,
    /// What the register showed at the start, 10^-6.
    pub previous_reading_micro: Option<i64>,
    /// What it showed at the end, 10^-6.
    pub reading_micro: Option<i64>,
    /// Whether the energy lies between two actual readings that nothing contradicts.
    pub is_actual: bool,
    /// What the row that closes it says of itself.
    pub condition: Condition,
    /// What else it says.
    pub codes: Codes,
    /// How the period stands to the install periods of its component.
    pub coverage: Coverage,
    /// Whether it reaches too far into the period before.
    pub overlaps: bool,
    /// Difference of its readings times the multiplier, 10^-6 kWh; of a register that rolled over as it went on. `None` where
    /// a reading is not known.
    pub by_readings_micro: Option<i64>,
}

impl BilledPeriod {
    /// Whether rules may rest on its energy: known and actual, all of it inside one install period that was on, and
    /// not counted twice.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.value_micro.is_some()
            && self.is_actual
            && !self.overlaps
            && matches!(self.coverage, Coverage::On(_))
    }
}

impl Counted<'_> {
    fn by_readings_micro(&self, component: &Component) -> Option<i64> {
        let found = energy::difference(component, self.period.row, self.period.start_reading?)?;
        let rolled = found.rolled_micro.filter(|_| self.rolled_over);
        i64::try_from(rolled.unwrap_or(found.micro)).ok()
    }
}

fn component_of<'r>(registry: &'r Registry, rows: &[RegisterRow]) -> Result<&'r Component, TransformError> {
    let index = rows[0].component;
    registry.components.get(index as usize).ok_or_else(|| {
        TransformError::Bug(format!(
            "register row of component {index}, which the registry lacks"
        ))
    })
}

/// The periods of one component.
fn periods<'a>(
    registry: &'a Registry,
    config: &'a ResolveConfig,
    of_component: &'a [RegisterRow],
    (counts, notes): (&mut RowCounts, &mut Notes),
) -> Result<Vec<Counted<'a>>, TransformError> {
    let component = component_of(registry, of_component)?;
    let mut newest = Vec::new();
    for of_moment in of_component.chunk_by(|a, b| a.measured_at == b.measured_at) {
        counts.superseded += of_moment.len() as u64 - 1;
        // Sorted: the newest is the last one.
        let row = &of_moment[of_moment.len() - 1];
        if of_moment.iter().any(|other| contradicts(row, other)) {
            notes.add(Note::ContradictingDuplicate, row);
        }
        if !row.measured.is_allowed() {
            counts.add_out_of_scope(reason::DO_NOT_USE, 1);
            continue;
        }
        counts.used += 1;
        newest.push(row);
    }
    let mut chain = Chain::new(component, config, notes);
    for row in newest {
        chain.add(row);
    }
    let periods = chain.finish();
    Ok(judge::judge(periods, config.register_limit_micro(), notes))
}

/// Whether nothing but what they measured decides between two rows of one moment.
fn contradicts(newest: &RegisterRow, other: &RegisterRow) -> bool {
    let read = |row: &RegisterRow| row.measured.is_allowed().then_some(row.reading_micro).flatten();
    let other_reading = read(newest).zip(read(other)).is_some_and(|(a, b)| a != b);
    (newest.updated, newest.version) == (other.updated, other.version)
        && newest.measured.condition() == other.measured.condition()
        && (newest.measured.contradicts(other.measured) || other_reading)
}

/// How far a period of so many seconds may reach into the one before: a day, or a tenth of its length.
pub(crate) fn overlap_allowed(length: i64) -> i64 {
    DAY_SECONDS.max(length / 10)
}

/// The day profiles of one component, days ascending.
struct Days {
    index: u32,
    profiles: Vec<DayProfile>,
}

impl Days {
    /// Adds the shares of a period. Periods come by their ends, so nearly always these are the last days.
    fn add(&mut self, counted: &Counted<'_>) -> Result<(), TransformError> {
        let Period { start, end, .. } = counted.period;
        for (day, share) in spread(start, end, counted.value_micro) {
            let row = share_row(self.index, day, share, counted);
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
fn share_row(component: u32, day: i32, share: Option<i64>, counted: &Counted<'_>) -> DayProfile {
    let period = &counted.period;
    let one_if = |condition: bool| u16::from(condition);
    let is = |condition: Condition| one_if(period.condition == condition);
    let kwh = share.unwrap_or(0);
    let actual = share.is_some() && period.actual && !counted.doubted;
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
        hourly_wh: None,
        spread: true,
    }
}

#[cfg(test)]
mod tests;
