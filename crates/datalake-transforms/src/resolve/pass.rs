//! The pass over the rows of a batch: arithmetic for those that go the straight way, a closer look at the others.

use std::ops::Range;

use arrow::array::{Array, ArrowPrimitiveType, PrimitiveArray};
use arrow::buffer::NullBuffer;

use super::columns::{Columns, item};
use super::index::{Entry, Index, class};
use super::register_rows::{Codes, RegisterRow};
use super::rows::{BLOCK_ROWS, ResolvedRow, ResolvedRows, RowBlock, RowSink};
use super::{MAX_PERIOD_DAYS, MICROS, reason, slot, time_text};
use crate::age;
use crate::error::Rejection;
use crate::measured::{Mark, Measured, order_key};
use crate::model::DAY_SECONDS;

/// One batch, with all that its rows are looked up in.
pub(super) struct Pass<'a> {
    pub(super) columns: &'a Columns<'a>,
    pub(super) index: &'a Index<'a>,
    pub(super) entries: &'a [Entry],
    pub(super) marks: &'a [Mark],
    pub(super) limit: u64,
    pub(super) register_limit: i64,
}

impl Pass<'_> {
    /// Resolves all rows.
    pub(super) fn run(&self, out: &mut ResolvedRows, sink: &mut impl RowSink) {
        let columns = self.columns;
        let has_nulls = columns.has_nulls(&(0..self.marks.len()));
        let ages = Ages::of(columns);
        let mut block = RowBlock::default();
        let mut not_energy = 0;
        let rows = self.marks.len();
        for from in (0..rows).step_by(BLOCK_ROWS) {
            let rows = from..(from + BLOCK_ROWS).min(rows);
            block.len = rows.len();
            ages.fill(rows.clone(), &mut block);
            let all_straight = if has_nulls && columns.has_nulls(&rows) {
                self.places::<true>(rows.clone(), &mut block)
            } else {
                self.places::<false>(rows.clone(), &mut block)
            };
            block.present = block.len;
            if !all_straight {
                for (at, row) in rows.enumerate() {
                    if !block.measured[at].is_present()
                        && let Some(row) = self.other(row, out, &mut not_energy)
                    {
                        block.set(at, &row);
                    }
                }
                block.count();
            }
            sink.put(&block);
        }
        out.counts.add_out_of_scope(reason::NOT_ENERGY, not_energy);
    }

    /// Components, days, slots and values of the rows that are as nearly all are: an interval with a value. The places of
    /// all others stay empty; says whether there are none. `NULLS`: whether a key or value may be null.
    fn places<const NULLS: bool>(&self, rows: Range<usize>, block: &mut RowBlock) -> bool {
        const UNKNOWN: Entry = Entry {
            component: 0,
            class: class::NULL,
        };
        let columns = self.columns;
        let keys = &columns.component.keys.values()[rows.clone()];
        let times = &columns.measured_at.values()[rows.clone()];
        let values = &columns.value.values()[rows.clone()];
        let marks = &self.marks[rows.clone()];
        let by_class = &*self.index.by_class;
        let limit = self.limit;
        let mut has_place = [false; BLOCK_ROWS];
        let places = block
            .component
            .iter_mut()
            .zip(&mut block.day)
            .zip(&mut block.slot);
        let places = places.zip(&mut has_place);
        for ((((component, day), slot), has_place), (&key, &time)) in places.zip(keys.iter().zip(times)) {
            // Anything may stand below a null.
            let entry = *self.entries.get(key as usize).unwrap_or(&UNKNOWN);
            *component = entry.component;
            (*day, *slot, *has_place) = by_class[usize::from(entry.class)].place(time);
        }
        let mut all_straight = true;
        let measured = block.measured.iter_mut().zip(&has_place);
        for (row, ((measured, &has_place), (&mark, &value))) in
            rows.zip(measured.zip(marks.iter().zip(values)))
        {
            let known = !NULLS || (null_key(columns, row).is_none() && columns.value.is_valid(row));
            let is_straight = known & has_place & (value.unsigned_abs() <= limit);
            *measured = Measured::given(is_straight, mark, value);
            all_straight &= is_straight;
        }
        all_straight
    }

    /// A row that needs a closer look.
    #[inline(never)]
    fn other(&self, row: usize, out: &mut ResolvedRows, not_energy: &mut u64) -> Option<ResolvedRow> {
        let columns = self.columns;
        if let Some(column) = null_key(columns, row) {
            reject(out, row, reason::KEY_MISSING, column, String::new());
            return None;
        }
        let time = columns.measured_at.value(row);
        let mark = self.marks[row];
        let entry = self.entries[columns.component.keys.value(row) as usize];
        let Some(length) = self.index.lengths.get(usize::from(entry.class)) else {
            if entry.class == class::NOT_ENERGY {
                *not_energy += 1;
            } else if entry.class == class::SCALAR {
                push_register_row(columns, row, entry.component, mark, self.register_limit, out);
            } else {
                reject_component(columns, row, entry.class, out);
            }
            return None;
        };
        let (day, slot) = match length.position(time) {
            Ok(position) => position,
            Err(why) => {
                reject(out, row, why, "measured_at", time_text(time));
                return None;
            }
        };
        let measured = match item(Some(columns.value), row) {
            None if mark.may_lack_value() => Measured::without_value(mark),
            None => {
                reject(out, row, reason::VALUE_MISSING, "value", String::new());
                return None;
            }
            Some(value) if value.unsigned_abs() > self.limit => {
                reject(out, row, reason::VALUE_OUT_OF_RANGE, "value", micro_text(value));
                return None;
            }
            Some(value) => Measured::new(mark, value),
        };
        Some(ResolvedRow {
            component: entry.component,
            day,
            slot,
            measured,
            updated: order_key(item(columns.updated_at, row)),
            version: order_key(item(columns.version, row)),
        })
    }
}

/// The columns that say how new a row is.
struct Ages<'a> {
    updated: Option<Items<'a>>,
    version: Option<Items<'a>>,
}

/// The items of a column.
#[derive(Clone, Copy)]
struct Items<'a> {
    values: &'a [i64],
    nulls: Option<&'a NullBuffer>,
}

impl<'a> Items<'a> {
    fn of<T: ArrowPrimitiveType<Native = i64>>(column: &'a PrimitiveArray<T>) -> Self {
        Self {
            values: column.values(),
            nulls: column.nulls().filter(|nulls| nulls.null_count() > 0),
        }
    }

    fn order(self, row: usize) -> u64 {
        let known = self.nulls.is_none_or(|nulls| nulls.is_valid(row));
        order_key(known.then(|| self.values[row]))
    }
}

impl<'a> Ages<'a> {
    fn of(columns: &Columns<'a>) -> Self {
        Self {
            updated: columns.updated_at.map(Items::of),
            version: columns.version.map(Items::of),
        }
    }

    /// The ages of some rows.
    fn fill(&self, rows: Range<usize>, block: &mut RowBlock) {
        let mut beyond = 0;
        match (self.updated, self.version) {
            (
                Some(Items {
                    values: updated,
                    nulls: None,
                }),
                Some(Items {
                    values: versions,
                    nulls: None,
                }),
            ) => {
                let known = updated[rows.clone()].iter().zip(&versions[rows.clone()]);
                for (age, (&updated, &version)) in block.age.iter_mut().zip(known) {
                    let (packed, too_much) = age::pack_known(updated, version);
                    *age = packed;
                    beyond |= too_much;
                }
            }
            (updated, version) => {
                for (age, row) in block.age.iter_mut().zip(rows.clone()) {
                    let order = |items: Option<Items<'_>>| items.map_or(0, |items| items.order(row));
                    let (packed, fits) = age::pack(order(updated), order(version));
                    *age = packed;
                    beyond |= u64::from(!fits);
                }
            }
        }
        block.ages_fit = beyond == 0;
        if !block.ages_fit {
            for (orders, row) in block.orders.iter_mut().zip(rows) {
                let order = |items: Option<Items<'_>>| items.map_or(0, |items| items.order(row));
                *orders = (order(self.updated), order(self.version));
            }
        }
    }
}

/// The key column that is null in a row.
fn null_key(columns: &Columns<'_>, row: usize) -> Option<&'static str> {
    if columns.component.keys.is_null(row) {
        Some("measuring_component_id")
    } else if columns.measured_at.is_null(row) {
        Some("measured_at")
    } else {
        None
    }
}

fn push_register_row(
    columns: &Columns<'_>,
    row: usize,
    component: u32,
    mark: Mark,
    limit_micro: i64,
    out: &mut ResolvedRows,
) {
    let at = columns.measured_at.value(row);
    if at <= 0 || at as u64 > slot::LAST_MEASURED_AT_MICROS {
        return reject(
            out,
            row,
            reason::MEASURED_AT_OUT_OF_RANGE,
            "measured_at",
            time_text(at),
        );
    }
    let measured_at = at.div_euclid(MICROS);
    let period_start = item(columns.period_start, row).map(|start| start.div_euclid(MICROS));
    if let Some(start) = period_start {
        let why = if start >= measured_at {
            Some(reason::PERIOD_NOT_POSITIVE)
        } else if i128::from(measured_at) - i128::from(start) > i128::from(MAX_PERIOD_DAYS * DAY_SECONDS) {
            Some(reason::PERIOD_TOO_LONG)
        } else {
            None
        };
        if let Some(why) = why {
            let start = columns.period_start.map_or(0, |column| column.value(row));
            return reject(out, row, why, "period_start", time_text(start));
        }
    }
    let reading_micro = item(columns.reading, row);
    let measured = match item(Some(columns.value), row) {
        Some(value) if value.unsigned_abs() > limit_micro.unsigned_abs() => {
            return reject(out, row, reason::VALUE_OUT_OF_RANGE, "value", micro_text(value));
        }
        Some(value) => Measured::new(mark, value),
        None if reading_micro.is_some() || mark.may_lack_value() => Measured::without_value(mark),
        None => return reject(out, row, reason::VALUE_MISSING, "value", String::new()),
    };
    out.register_rows.push(RegisterRow {
        component,
        measured_at,
        updated: order_key(item(columns.updated_at, row)),
        version: order_key(item(columns.version, row)),
        measured,
        period_start,
        reading_micro,
        previous_reading_micro: item(columns.previous_reading, row),
        combined_multiplier_micro: item(columns.combined_multiplier, row),
        codes: Codes {
            condition: Codes::of(columns.condition.as_ref().and_then(|text| text.get(row))),
            tariff: Codes::of(columns.tariff.as_ref().and_then(|text| text.get(row))),
            meter_status: Codes::of(columns.meter_status.as_ref().and_then(|text| text.get(row))),
        },
    });
}

#[cold]
fn reject_component(columns: &Columns<'_>, row: usize, found: u8, out: &mut ResolvedRows) {
    let key = columns.component.keys.value(row) as usize;
    let id = if columns.component.values.is_null(key) {
        ""
    } else {
        columns.component.values.value(key).trim()
    };
    let why = match found {
        class::UNMAPPED => reason::UNMAPPED_COMPONENT_TYPE,
        class::NULL => reason::KEY_MISSING,
        _ => reason::UNKNOWN_COMPONENT,
    };
    reject(out, row, why, "measuring_component_id", id.to_owned());
}

#[cold]
fn reject(out: &mut ResolvedRows, row: usize, reason: &'static str, column: &'static str, value: String) {
    out.counts.add_rejected(reason, 1);
    out.rejections.push(Rejection {
        batch: out.batches,
        row,
        reason,
        column,
        value,
    });
}

/// A number of 10^-6 units as a decimal.
pub(super) fn micro_text(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let size = value.unsigned_abs();
    format!("{sign}{}.{:06}", size / MICROS as u64, size % MICROS as u64)
}
