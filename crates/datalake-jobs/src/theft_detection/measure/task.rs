//! One thread's part in reading: a grid, buffers, and what becomes of the piece at hand.

use std::ops::Range;

use datalake_deps::lake::{MeasurementBatch, Piece};
use datalake_transforms::day_grid::{DayGrid, GridDay};
use datalake_transforms::day_rows::{DayRow, DayRows};
use datalake_transforms::resolve::{ResolvedRows, Resolver};

use super::super::error::JobError;
use super::super::rejected::RejectedRow;
use super::super::row_store::RowStore;
use super::super::state::PieceOutcome;
use super::{OUTSIDE_WINDOW, Run, TABLE, locked};

/// Rows of a task between two hand-overs to the row store.
const HANDOVER_ROWS: usize = 1 << 17;

/// First and last day of a piece without rows.
const NO_DAYS: (i32, i32) = (0, -1);

/// A thread's own grid and buffers.
pub(super) struct Task<'r, 'a> {
    run: &'r Run<'a>,
    resolver: Resolver<'a>,
    rows: ResolvedRows,
    grid: Option<DayGrid<'a>>,
    /// What becomes of the piece that is being read.
    outcome: PieceOutcome,
}

impl<'r, 'a> Task<'r, 'a> {
    pub(super) fn new(run: &'r Run<'a>) -> Self {
        Self {
            run,
            resolver: run.resolver.fork(),
            rows: ResolvedRows::default(),
            grid: None,
            outcome: PieceOutcome::default(),
        }
    }

    /// An empty grid for these days and components.
    pub(super) fn reset(&mut self, days: Range<i32>, components: Range<u32>) -> Result<(), JobError> {
        if let Some(grid) = &mut self.grid {
            grid.move_to(days, components)?;
        } else {
            let measure = &self.run.measure;
            let grid = DayGrid::new(measure.registry, measure.conditions, days, components)?;
            self.grid = Some(grid);
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, day: i32, rows: &[DayRow]) -> Result<(), JobError> {
        if let Some(grid) = &mut self.grid {
            grid.insert_day(day, rows)?;
        }
        Ok(())
    }

    /// Reads a piece into the grid; `account` for its rows where this is the one place to do so.
    pub(super) fn fill(&mut self, piece: usize, account: bool) -> Result<(), JobError> {
        self.begin(piece)?;
        let run = self.run;
        let found = &run.measure.scan.pieces()[piece];
        run.measure.scan.read(found, |batch| -> Result<(), JobError> {
            self.rows.clear();
            if let Some(grid) = &mut self.grid {
                self.resolver.resolve_into(&batch.batch, &mut self.rows, grid)?;
                grid.check()?;
            }
            if account {
                self.account(found, batch)
            } else {
                Ok(())
            }
        })?;
        if account {
            self.end(piece);
        }
        Ok(())
    }

    /// Reads a piece into the row store, by way of `aside`, which is left empty.
    pub(super) fn set_aside(
        &mut self,
        piece: usize,
        aside: &mut DayRows,
        store: &RowStore,
    ) -> Result<(), JobError> {
        self.begin(piece)?;
        let run = self.run;
        let found = &run.measure.scan.pieces()[piece];
        self.rows.clear();
        let mut days = NO_DAYS;
        let mut hand_over = |by_day: Vec<(i32, Vec<DayRow>)>| -> Result<(), JobError> {
            for (day, _) in &by_day {
                days = if days == NO_DAYS {
                    (*day, *day)
                } else {
                    (days.0.min(*day), days.1.max(*day))
                };
            }
            let wanted = by_day.into_iter().filter(|(day, _)| !run.taken.contains(day));
            Ok(store.add(wanted.collect())?)
        };
        run.measure.scan.read(found, |batch| -> Result<(), JobError> {
            self.rows.batches = 0;
            self.resolver.resolve_into(&batch.batch, &mut self.rows, aside)?;
            self.account(found, batch)?;
            if aside.ready() >= HANDOVER_ROWS {
                hand_over(aside.take_ready())?;
            }
            Ok(())
        })?;
        hand_over(aside.take_all()?)?;
        self.outcome.days = days;
        self.end(piece);
        Ok(())
    }

    fn begin(&mut self, piece: usize) -> Result<(), JobError> {
        self.run.measure.session.check_stop()?;
        // What a piece before left that was not accounted for here.
        let _ = self.resolver.take_others();
        let _ = self.resolver.take_findings();
        self.outcome = PieceOutcome {
            days: self.run.days_of(piece).unwrap_or(NO_DAYS),
            ..PieceOutcome::default()
        };
        Ok(())
    }

    fn end(&mut self, piece: usize) {
        self.outcome.findings.merge(self.resolver.take_findings());
        self.outcome.others = self.resolver.take_others();
        locked(&self.run.outcomes)[piece] = Some(std::mem::take(&mut self.outcome));
        (self.run.progress)(self.run.measure.scan.pieces()[piece].bytes);
    }

    /// Takes over what the reader and the resolver kept aside of the batch just resolved.
    fn account(&mut self, piece: &Piece, batch: MeasurementBatch) -> Result<(), JobError> {
        let source_file = &self.run.measure.scan.files()[piece.file].relative;
        let outcome = &mut self.outcome;
        let mut counts = std::mem::take(&mut self.rows.counts);
        let kept_aside = (batch.rejected.len() + self.rows.rejections.len()) as u64;
        counts.read += batch.rejected.len() as u64;
        let keep = !self.run.has_examples_enough();
        for row in batch.rejected {
            counts.add_rejected(row.reason.code(), 1);
            if keep {
                outcome.rejected.push(row.into());
            }
        }
        for rejection in self.rows.rejections.drain(..) {
            let row_number = batch.rows.get(rejection.row);
            let row = RejectedRow::refused(TABLE, source_file, row_number, rejection);
            if keep {
                outcome.rejected.push(row);
            }
        }
        outcome.register_rows.append(&mut self.rows.register_rows);
        outcome.counts.merge(&counts);
        self.run.check_rejected(counts.read, kept_aside)
    }

    /// Keeps the profiles of the days before `day`, which are complete.
    pub(super) fn advance(&mut self, day: i32) -> Result<(), JobError> {
        match &mut self.grid {
            Some(grid) if day > grid.days().start => {
                let days = grid.advance(day)?;
                self.keep(days, true)
            }
            _ => Ok(()),
        }
    }

    /// Keeps the profiles of all days of the grid; `large`: whether they are large enough for files of their own.
    pub(super) fn finish(&mut self, large: bool) -> Result<(), JobError> {
        match &mut self.grid {
            Some(grid) => {
                let days = grid.finish_days()?;
                self.keep(days, large)
            }
            None => Ok(()),
        }
    }

    fn keep(&mut self, days: Vec<GridDay>, large: bool) -> Result<(), JobError> {
        let run = self.run;
        for day in days {
            if run.taken.contains(&day.day) {
                continue;
            }
            let wanted = run.measure.window.contains(&day.day);
            {
                let mut all = locked(&run.days);
                let outcome = all.entry(day.day).or_default();
                if wanted {
                    outcome.counts.merge(&day.counts);
                    outcome.findings.merge(day.findings);
                } else {
                    outcome
                        .counts
                        .add_out_of_scope(OUTSIDE_WINDOW, day.counts.accounted());
                }
            }
            if !wanted {
                continue;
            }
            if let Some(saver) = &run.saver {
                saver.keep(day.day, day.profiles.as_ref(), large);
            }
            if let Some(profiles) = day.profiles {
                run.measure.store.add(profiles)?;
            }
        }
        Ok(())
    }
}
