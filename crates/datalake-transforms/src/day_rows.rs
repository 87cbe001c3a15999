//! Rows set aside by day, where the files are laid out neither by time nor by component.
//!
//! A row takes twenty bytes: its cell among those of a day, its value, and its age in one number. Those whose age takes
//! two numbers ([`crate::day_grid`]) are led by another row that holds them, so they take forty.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type, UInt64Type};

use crate::age;
use crate::day_grid::{misplaced, slots};
use crate::error::TransformError;
use crate::measured::Measured;
use crate::registry::Registry;
use crate::resolve::{RowBlock, RowSink, spilled};

/// Rows that are handed over together.
const CHUNK_ROWS: usize = 128;

/// Stands for the cell of a row that leads another one.
const LEADER: u32 = u32::MAX;

/// A row without its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRow {
    cell: u32,
    /// Halves of 64 bits, so that four bytes less are lost between rows: the value, and the age.
    measured: [u32; 2],
    age: [u32; 2],
}

/// What a [`DayRow`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The orders of `updated_at` and version of the next row.
    Orders(u64, u64),
    /// Cell, value and age; the age means nothing behind [`Said::Orders`].
    Row(u32, Measured, u64),
}

impl DayRow {
    fn new(cell: u32, measured: u64, age: u64) -> Self {
        let halves = |bits: u64| [bits as u32, (bits >> 32) as u32];
        Self {
            cell,
            measured: halves(measured),
            age: halves(age),
        }
    }

    fn bits(self) -> (u64, u64) {
        let whole = |[low, high]: [u32; 2]| u64::from(low) | u64::from(high) << 32;
        (whole(self.measured), whole(self.age))
    }

    #[inline]
    pub(crate) fn said(self) -> Said {
        let (measured, age) = self.bits();
        if self.cell == LEADER {
            Said::Orders(measured, age)
        } else {
            // Nobody makes other rows, and what is read back is looked at.
            Said::Row(self.cell, Measured::from_sound_bits(measured), age)
        }
    }
}

/// Where the cells of each component begin among those of a day.
#[derive(Debug, Clone)]
pub struct DayCells {
    /// The first cell of each component, and the number of all of them.
    firsts: Arc<[u32]>,
}

impl DayCells {
    /// Fails where a day of all components has more cells than 32 bits count: fifteen million meters of five minutes.
    pub fn new(registry: &Registry) -> Result<Self, TransformError> {
        let mut cells = 0_u32;
        let mut firsts = Vec::with_capacity(registry.components.len() + 1);
        for component in &registry.components {
            firsts.push(cells);
            cells = cells
                .checked_add(slots(component))
                .filter(|cells| *cells < LEADER)
                .ok_or_else(|| TransformError::Parameter {
                    name: "measuring_component".to_owned(),
                    value: format!("{} rows", registry.components.len()),
                    why: "a day would have more intervals than 32 bits can count".to_owned(),
                })?;
        }
        firsts.push(cells);
        Ok(Self {
            firsts: firsts.into(),
        })
    }
}

/// Takes resolved rows and hands them on by day.
#[derive(Debug)]
pub struct DayRows {
    cells: DayCells,
    /// By day since 1970: a resolved row lies before 2201.
    open: Vec<Vec<DayRow>>,
    full: Vec<(i32, Vec<DayRow>)>,
    /// Component, day and slot of a row that no resolver makes.
    misplaced: Option<(u32, i32, u16)>,
}

impl DayRows {
    /// Without rows.
    #[must_use]
    pub fn new(cells: &DayCells) -> Self {
        Self {
            cells: cells.clone(),
            open: Vec::new(),
            full: Vec::new(),
            misplaced: None,
        }
    }

    /// Rows that are ready to be handed over, at least.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.full.len() * CHUNK_ROWS
    }

    /// Takes what is ready: rows by day, in no order.
    #[must_use]
    pub fn take_ready(&mut self) -> Vec<(i32, Vec<DayRow>)> {
        std::mem::take(&mut self.full)
    }

    /// Takes all rows; fails where one cannot be.
    pub fn take_all(&mut self) -> Result<Vec<(i32, Vec<DayRow>)>, TransformError> {
        if let Some((component, day, slot)) = self.misplaced.take() {
            return Err(misplaced(component, day, slot));
        }
        for (day, rows) in (0..).zip(&mut self.open) {
            if !rows.is_empty() {
                let mut rows = std::mem::take(rows);
                rows.shrink_to_fit();
                self.full.push((day, rows));
            }
        }
        Ok(self.take_ready())
    }

    #[inline]
    fn push(&mut self, day: usize, rows: impl IntoIterator<Item = DayRow>) {
        if day >= self.open.len() {
            self.open.resize_with(day + 1, Vec::new);
        }
        let open = &mut self.open[day];
        open.extend(rows);
        if open.len() >= CHUNK_ROWS {
            // A row and its leader are not parted. What filled one chunk mostly fills the next; a day of few rows takes
            // what they need.
            let next = Vec::with_capacity(CHUNK_ROWS + 1);
            self.full.push((day as i32, std::mem::replace(open, next)));
        }
    }
}

impl RowSink for DayRows {
    fn put(&mut self, rows: &RowBlock) {
        for at in 0..rows.len {
            if !rows.measured[at].is_present() {
                continue;
            }
            let component = rows.component[at] as usize;
            let ends = self.cells.firsts.get(component..component + 2);
            let cell = ends.and_then(|ends| {
                let cell = ends[0] + u32::from(rows.slot[at]);
                (cell < ends[1]).then_some(cell)
            });
            let Some(cell) = cell else {
                self.misplaced = Some((rows.component[at], rows.day[at], rows.slot[at]));
                continue;
            };
            let measured = rows.measured[at].to_bits();
            // No interval that is believed starts before 1970.
            let day = rows.day[at].max(0) as usize;
            if rows.ages_fit {
                self.push(day, [DayRow::new(cell, measured, rows.age[at])]);
                continue;
            }
            let (updated, version) = rows.orders[at];
            let (age, fits) = age::pack(updated, version);
            let row = DayRow::new(cell, measured, age);
            if fits {
                self.push(day, [row]);
            } else {
                self.push(day, [DayRow::new(LEADER, updated, version), row]);
            }
        }
    }
}

/// Columns of spilled rows: an internal format, whose meaning may change with the version.
static SPILL_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("cell", DataType::UInt32, false),
        Field::new("measured", DataType::UInt64, false),
        Field::new("age", DataType::UInt64, false),
    ]))
});

/// Chunks of rows as a batch, to be spilled to a file and read by [`day_rows_from_batch`].
pub fn day_rows_to_batch(chunks: &[Vec<DayRow>]) -> Result<RecordBatch, TransformError> {
    let rows = || chunks.iter().flatten();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows().map(|row| row.cell).collect::<UInt32Array>()),
        Arc::new(rows().map(|row| row.bits().0).collect::<UInt64Array>()),
        Arc::new(rows().map(|row| row.bits().1).collect::<UInt64Array>()),
    ];
    Ok(RecordBatch::try_new(SPILL_SCHEMA.clone(), columns)?)
}

/// Reads what [`day_rows_to_batch`] wrote. A batch that is anything else is an error, never a wrong row.
pub fn day_rows_from_batch(batch: &RecordBatch) -> Result<Vec<DayRow>, TransformError> {
    let cells = spilled::<UInt32Type>(batch, "cell")?;
    let measured = spilled::<UInt64Type>(batch, "measured")?;
    let ages = spilled::<UInt64Type>(batch, "age")?;
    let mut is_led = false;
    let mut rows = Vec::with_capacity(batch.num_rows());
    for (row, ((&cell, &measured), &age)) in cells.iter().zip(measured).zip(ages).enumerate() {
        let is_leader = cell == LEADER;
        if is_leader && is_led || !is_leader && Measured::from_bits(measured).is_none() {
            return Err(TransformError::Bug(format!(
                "row {row} of a spilled batch holds no measurement"
            )));
        }
        is_led = is_leader;
        rows.push(DayRow::new(cell, measured, age));
    }
    if is_led {
        return Err(TransformError::Bug(
            "the last row of a spilled batch is missing".to_owned(),
        ));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::measured::{Mark, order_key};
    use crate::model::Condition;
    use crate::resolve::ResolvedRow;
    use crate::test_lake::{self, interval, register};

    fn row(component: u32, day: i32, slot: u16, updated: i64) -> ResolvedRow {
        let measured = Measured::new(Mark::new(Condition::Actual, true), i64::from(slot) - 3);
        ResolvedRow {
            component,
            day,
            slot,
            measured,
            updated: order_key(Some(updated)),
            version: 0,
        }
    }

    fn set_aside(rows: &[ResolvedRow]) -> Vec<(i32, Vec<DayRow>)> {
        let registry = test_lake::registry(vec![interval("A", 1800), register("B"), interval("C", 86_400)]);
        let mut by_day = DayRows::new(&DayCells::new(&registry).unwrap());
        let mut block = RowBlock::default();
        for rows in rows.chunks(crate::resolve::BLOCK_ROWS) {
            block.fill(rows);
            by_day.put(&block);
        }
        by_day.take_all().unwrap()
    }

    fn said(rows: &[DayRow]) -> Vec<Said> {
        rows.iter().map(|row| row.said()).collect()
    }

    #[test]
    fn rows_come_apart_by_day_and_know_their_cell() {
        assert_eq!(size_of::<DayRow>(), 20);
        let rows = [row(0, 5, 47, 7), row(2, 5, 0, 7), row(0, 2, 1, -7)];
        let found = set_aside(&rows);
        let days: Vec<i32> = found.iter().map(|(day, _)| *day).collect();
        assert_eq!(days, [2, 5]);
        // One age does not fit, so the block's ages are pairs: only that row is led by them.
        let (age, fits) = age::pack(order_key(Some(7)), 0);
        assert!(fits);
        assert_eq!(
            said(&found[1].1),
            [
                Said::Row(47, rows[0].measured, age),
                Said::Row(48, rows[1].measured, age)
            ]
        );
        let led = said(&found[0].1);
        assert_eq!(led[0], Said::Orders(order_key(Some(-7)), 0));
        assert!(matches!(led[1], Said::Row(1, measured, _) if measured == rows[2].measured));
    }

    #[test]
    fn a_row_that_no_resolver_gives_is_a_bug() {
        let registry = test_lake::registry(vec![interval("A", 1800), register("B"), interval("C", 86_400)]);
        for wrong in [
            row(0, 1, 48, 1),
            row(1, 1, 0, 1),
            row(2, 1, 1, 1),
            row(3, 1, 0, 1),
        ] {
            let mut by_day = DayRows::new(&DayCells::new(&registry).unwrap());
            let mut block = RowBlock::default();
            block.fill(&[row(0, 1, 0, 1), wrong]);
            by_day.put(&block);
            let error = by_day.take_all().unwrap_err();
            assert!(matches!(error, TransformError::Bug(_)), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn full_chunks_are_handed_over_before_the_end() {
        let registry = test_lake::registry(vec![interval("A", 300)]);
        let mut by_day = DayRows::new(&DayCells::new(&registry).unwrap());
        let rows: Vec<ResolvedRow> = (0..288).map(|slot| row(0, 9, slot, 1)).collect();
        let mut block = RowBlock::default();
        for rows in rows.chunks(crate::resolve::BLOCK_ROWS) {
            block.fill(rows);
            by_day.put(&block);
        }
        assert_eq!(by_day.ready(), 2 * CHUNK_ROWS);
        let ready = by_day.take_ready();
        let rest = by_day.take_all().unwrap();
        let rows: usize = ready.iter().chain(&rest).map(|(_, rows)| rows.len()).sum();
        assert_eq!((ready.len(), rest.len(), rows), (2, 1, 288));
    }

    #[test]
    fn spilling_and_reading_back_changes_nothing() {
        let chunks: Vec<Vec<DayRow>> = set_aside(&[row(0, 1, 0, -1), row(0, 1, 47, 3), row(2, 1, 0, -9)])
            .into_iter()
            .map(|(_, rows)| rows)
            .collect();
        let batch = day_rows_to_batch(&chunks).unwrap();
        assert_eq!(batch.num_rows(), 5);
        assert_eq!(day_rows_from_batch(&batch).unwrap(), chunks.concat());
    }

    #[test]
    fn a_damaged_spill_is_an_error() {
        let rows = set_aside(&[row(0, 1, 0, -1), row(0, 1, 3, 1)]).remove(0).1;
        let error = |rows: &[DayRow]| {
            let batch = day_rows_to_batch(&[rows.to_vec()]).unwrap();
            day_rows_from_batch(&batch).unwrap_err().to_string()
        };
        let not_measured = [DayRow::new(0, 1, 1)];
        assert!(error(&not_measured).ends_with("row 0 of a spilled batch holds no measurement"));
        assert!(error(&[rows[0], rows[0]]).ends_with("row 1 of a spilled batch holds no measurement"));
        assert!(error(&rows[..1]).ends_with("the last row of a spilled batch is missing"));
        let short = day_rows_to_batch(&[rows]).unwrap().project(&[0, 1]).unwrap();
        let error = day_rows_from_batch(&short).unwrap_err();
        assert_eq!(error.to_string(), "table `spilled rows` has no column `age`");
    }
}
