//! Resolving: measurement rows with ids and times become rows with dense indices and positions in a day.
//!
//! A row's day is the day of its interval's *start*, `measured_at - interval_seconds`, on the measurement clock,
//! and its slot the start's second of the day divided by the interval length. Ids, condition codes and use flags
//! are looked up once per dictionary entry; the pass over the rows does arithmetic only.

mod columns;
mod config;
mod dictionary;
mod index;
mod pass;
pub mod reason;
mod register_rows;
mod rows;
mod slot;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};

use self::columns::{Columns, TABLE, Text};
pub(crate) use self::columns::{primitive, wrong_type};
use self::dictionary::PerEntry;
use self::index::{Entry, Expected, Index, class};
use self::pass::Pass;
use crate::error::TransformError;
use crate::findings::{Finding, Findings, Severity};
use crate::measured::Mark;
use crate::model::Condition;
use crate::registry::{Coverage, Registry};

pub use config::ResolveConfig;
pub(crate) use index::expected_multiplier_facts;
pub use register_rows::{
    Codes, RegisterRow, component_chunks, register_rows_from_batch, register_rows_to_batch,
    sort_register_rows,
};
pub(crate) use rows::spilled;
pub use rows::{BLOCK_ROWS, ResolvedRow, ResolvedRows, RowBlock, RowSink};
pub use slot::MIN_INTERVAL_SECONDS;

/// Longest period of a register that is believed, in days.
pub const MAX_PERIOD_DAYS: i64 = 400;

const MICROS: i64 = 1_000_000;

/// Turns batches of measurements into rows that a day grid or the register periods take.
///
/// One resolver serves one thread; [`Resolver::fork`] gives another one that shares the index of components.
#[derive(Debug)]
pub struct Resolver<'r> {
    config: Arc<ResolveConfig>,
    index: Arc<Index<'r>>,
    components: PerEntry<Entry>,
    conditions: PerEntry<Mark>,
    use_flags: PerEntry<bool>,
    marks: Vec<Mark>,
    tallies: Tallies,
    others: BTreeMap<String, u64>,
}

/// What is counted on the way and becomes findings.
#[derive(Debug, Default)]
struct Tallies {
    /// Rows whose combined multiplier differs, and the least of them: component, `measured_at`.
    multiplier_differs: u64,
    multiplier_example: Option<(u32, i64)>,
    /// Rows whose condition code is in no range, and the least code.
    unknown_condition: u64,
    unknown_condition_example: Option<String>,
}

impl<'r> Resolver<'r> {
    /// A resolver for the components of `registry`.
    ///
    /// Fails where a component type of kWh has an interval length that does not divide a day.
    pub fn new(registry: &'r Registry, config: ResolveConfig) -> Result<Self, TransformError> {
        Ok(Self::with(Arc::new(config), Arc::new(Index::new(registry)?)))
    }

    /// Another resolver with the same registry and config, for another thread.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::with(Arc::clone(&self.config), Arc::clone(&self.index))
    }

    fn with(config: Arc<ResolveConfig>, index: Arc<Index<'r>>) -> Self {
        Self {
            config,
            index,
            components: PerEntry::default(),
            conditions: PerEntry::default(),
            use_flags: PerEntry::default(),
            marks: Vec::new(),
            tallies: Tallies::default(),
            others: BTreeMap::new(),
        }
    }

    /// Appends the rows of a batch to `out`, and counts those that go nowhere.
    ///
    /// The batch has the canonical columns of measurements; see the crate's data model. A row must be resolved
    /// once only, or it is counted twice.
    pub fn resolve(&mut self, batch: &RecordBatch, out: &mut ResolvedRows) -> Result<(), TransformError> {
        let mut rows = std::mem::take(&mut out.rows);
        rows.reserve(batch.num_rows());
        let resolved = self.resolve_into(batch, out, &mut rows);
        out.rows = rows;
        resolved
    }

    /// As [`Self::resolve`], but hands the rows of interval components to `sink`; `out` gets the rest.
    pub fn resolve_into(
        &mut self,
        batch: &RecordBatch,
        out: &mut ResolvedRows,
        sink: &mut impl RowSink,
    ) -> Result<(), TransformError> {
        let columns = Columns::of(batch)?;
        self.mark_rows(&columns, batch.num_rows());
        let index = &*self.index;
        let others = &mut self.others;
        let entries = self.components.map(columns.component.values, |id| {
            let entry = index.entry(id);
            if let Some(id) = id.filter(|_| entry.class >= class::SPECIAL) {
                let id = id.trim();
                if !others.contains_key(id) {
                    others.insert(id.to_owned(), index.standing(id));
                }
            }
            entry
        });
        out.counts.read += batch.num_rows() as u64;
        let pass = Pass {
            columns: &columns,
            index,
            entries,
            marks: &self.marks,
            limit: self.config.limit_micro.unsigned_abs(),
            register_limit: self.config.register_limit_micro(),
        };
        pass.run(out, sink);
        out.batches += 1;
        check_multipliers(&columns, entries, index, &mut self.tallies);
        Ok(())
    }

    /// The ids since the last call whose rows make no day profile: unknown, not of energy, registers. Each with its
    /// [`Self::standing`], by which a later run sees whether its rows would still go the same way.
    #[must_use]
    pub fn take_others(&mut self) -> BTreeMap<String, u64> {
        // The next batch may share the dictionary with the last one: its entries are to be looked up again.
        self.components = PerEntry::default();
        std::mem::take(&mut self.others)
    }

    /// What becomes of the rows of an id, as one number.
    #[must_use]
    pub fn standing(&self, id: &str) -> u64 {
        self.index.standing(id)
    }

    /// What was noticed since the last call.
    #[must_use]
    pub fn take_findings(&mut self) -> Findings {
        let tallies = std::mem::take(&mut self.tallies);
        let mut findings = Findings::default();
        if let Some((component, at)) = tallies.multiplier_example {
            let id = &self.index.registry.components[component as usize].id;
            findings.merge_one(Finding {
                table: TABLE.to_owned(),
                code: "combined_multiplier_differs".to_owned(),
                severity: Severity::Warning,
                rows: tallies.multiplier_differs,
                example_key: format!("{id} at {}", time_text(at)),
                message:
                    "the combined multiplier is not the component's multiplier times the install constant; \
                          the value was used as it is"
                        .to_owned(),
            });
        }
        if let Some(code) = tallies.unknown_condition_example {
            let treated = if self.config.unknown_condition_is_actual {
                "actual"
            } else {
                "not actual"
            };
            findings.merge_one(Finding {
                table: TABLE.to_owned(),
                code: "unknown_condition_code".to_owned(),
                severity: Severity::Note,
                rows: tallies.unknown_condition,
                example_key: code,
                message: format!("the condition code is in no range of the config; treated as {treated}"),
            });
        }
        findings
    }

    /// Condition and use of every row, into `self.marks`.
    fn mark_rows(&mut self, columns: &Columns<'_>, rows: usize) {
        const UNKNOWN: Mark = Mark::new(Condition::Unknown, true);
        self.marks.clear();
        self.marks.resize(rows, UNKNOWN);
        let config = &*self.config;
        if let Some(text) = columns.condition {
            let by_entry = self.conditions.map(text.values, |code| {
                Mark::new(config.conditions.classify(code), true)
            });
            for_each_key(text, &mut self.marks, |mark, entry| *mark = by_entry[entry]);
            if by_entry.contains(&UNKNOWN) {
                self.tallies.count_unknown_conditions(text, by_entry, UNKNOWN);
            }
        }
        if let Some(text) = columns.use_flag {
            let unusable = self.use_flags.map(text.values, |flag| {
                flag.is_some_and(|flag| config.is_unusable(flag))
            });
            if unusable.contains(&true) {
                for_each_key(text, &mut self.marks, |mark, entry| {
                    if unusable[entry] {
                        *mark = mark.forbidden();
                    }
                });
            }
        }
    }
}

/// Calls `apply` with the mark and the dictionary entry of each row that has one.
fn for_each_key(text: Text<'_>, marks: &mut [Mark], mut apply: impl FnMut(&mut Mark, usize)) {
    let keys = text.keys;
    if keys.null_count() == 0 {
        for (mark, key) in marks.iter_mut().zip(keys.values()) {
            apply(mark, *key as usize);
        }
    } else {
        for (row, mark) in marks.iter_mut().enumerate() {
            if keys.is_valid(row) {
                apply(mark, keys.value(row) as usize);
            }
        }
    }
}

impl Tallies {
    fn count_unknown_conditions(&mut self, text: Text<'_>, by_entry: &[Mark], unknown: Mark) {
        let mut rows = vec![0_u64; by_entry.len()];
        for key in text.keys.iter().flatten() {
            rows[key as usize] += 1;
        }
        for (entry, rows) in rows.into_iter().enumerate() {
            // A null entry is no code.
            if rows == 0 || by_entry[entry] != unknown || text.values.is_null(entry) {
                continue;
            }
            self.unknown_condition += rows;
            let code = text.values.value(entry).trim();
            if self
                .unknown_condition_example
                .as_deref()
                .is_none_or(|least| code < least)
            {
                self.unknown_condition_example = Some(code.to_owned());
            }
        }
    }
}

/// Compares the rows' combined multipliers with those of the registry; a difference of 10^-6 is rounding.
fn check_multipliers(columns: &Columns<'_>, entries: &[Entry], index: &Index<'_>, tallies: &mut Tallies) {
    let Some(given) = columns.combined_multiplier else {
        return;
    };
    for (row, key) in columns.component.keys.iter().enumerate() {
        let Some(key) = key else { continue };
        let entry = entries[key as usize];
        if (entry.class >= class::SPECIAL && entry.class != class::SCALAR) || given.is_null(row) {
            continue;
        }
        let at = columns.measured_at.value(row);
        let expected = match index.multipliers[entry.component as usize] {
            Expected::Nothing => None,
            Expected::Always(multiplier) => Some(multiplier),
            Expected::ByPeriod => multiplier_at(index, entry, at),
        };
        let given = given.value(row);
        if expected.is_some_and(|expected| expected.abs_diff(given) > 1) {
            tallies.multiplier_differs += 1;
            let example = (entry.component, at);
            tallies.multiplier_example = Some(
                tallies
                    .multiplier_example
                    .map_or(example, |least| least.min(example)),
            );
        }
    }
}

/// The multiplier of the install period that covers the end of an interval.
fn multiplier_at(index: &Index<'_>, entry: Entry, at_micros: i64) -> Option<i64> {
    let component = &index.registry.components[entry.component as usize];
    let end = at_micros.div_euclid(MICROS);
    match component.coverage(end - 1, end) {
        Coverage::On(period) | Coverage::Off(period) => component
            .periods
            .get(period as usize)
            .map(|period| component.expected_multiplier_micro(period)),
        Coverage::Cut | Coverage::Uninstalled => None,
    }
}

/// A naive time as text, or the bare number where it is beyond all calendars.
pub(crate) fn time_text(micros: i64) -> String {
    // By the calendar, not as an instant: those end a day before 9999-12-31, which systems write for "never".
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    match epoch.checked_add(jiff::SignedDuration::from_micros(micros)) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S%.f").to_string(),
        Err(_) => format!("{micros} microseconds since 1970"),
    }
}

#[cfg(test)]
mod tests;
