//! What this run makes, on its way into the state.
//!
//! The state saves time and nothing else: where it cannot be written, the log says so and the run goes on without.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use datalake_transforms::day_grid::DayFacts;
use datalake_transforms::registry::Registry;
use rayon::prelude::*;

use super::super::state::{DayOutcome, Part, PieceKey, PieceOutcome, State, StateError};
use super::locked;

/// Bytes of small profiles that wait for the rest of their day: many small files cost more than they save.
const WAITING_BYTES: usize = 1 << 30;

pub(super) struct Saver<'a> {
    state: &'a State,
    registry: &'a Registry,
    facts: DayFacts<'a>,
    failed: AtomicBool,
    made: Mutex<BTreeMap<i32, Vec<Part>>>,
    waiting: Mutex<(usize, BTreeMap<i32, Vec<RecordBatch>>)>,
}

impl<'a> Saver<'a> {
    /// `None`, with a line in the log, where the folder was not made ready.
    pub(super) fn new(
        state: &'a State,
        registry: &'a Registry,
        ready: Result<(), StateError>,
    ) -> Option<Self> {
        let saver = Self {
            state,
            registry,
            facts: DayFacts::new(registry),
            failed: AtomicBool::new(false),
            made: Mutex::default(),
            waiting: Mutex::default(),
        };
        saver.tried(ready).map(|()| saver)
    }

    fn tried<T>(&self, done: Result<T, StateError>) -> Option<T> {
        match done {
            Ok(done) => Some(done),
            Err(error) => {
                if !self.failed.swap(true, Ordering::Relaxed) {
                    tracing::warn!("day profiles are not kept for the next run: {error}");
                }
                None
            }
        }
    }

    /// Takes profiles of a day, all or a range of components; small ones wait for the others of their day.
    pub(super) fn keep(&self, day: i32, profiles: Option<&RecordBatch>, large: bool) {
        if self.failed.load(Ordering::Relaxed) {
            return;
        }
        if large {
            self.write(day, profiles.into_iter().collect());
            return;
        }
        let mut waiting = locked(&self.waiting);
        let batches = waiting.1.entry(day).or_default();
        batches.extend(profiles.cloned());
        waiting.0 += profiles.map_or(0, RecordBatch::get_array_memory_size);
        if waiting.0 > WAITING_BYTES && !self.failed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "day profiles are not kept for the next run: there are too many of a lake that is laid out by component"
            );
            waiting.1.clear();
        }
    }

    fn write(&self, day: i32, batches: Vec<&RecordBatch>) {
        let part = self.tried(self.state.write(day, batches, self.registry, &self.facts));
        locked(&self.made).entry(day).or_default().extend(part.flatten());
    }

    pub(super) fn end(
        self,
        keys: &[PieceKey],
        outcomes: &[PieceOutcome],
        days: &BTreeMap<i32, DayOutcome>,
        taken: &BTreeSet<i32>,
    ) {
        let waiting = std::mem::take(&mut locked(&self.waiting).1);
        waiting
            .par_iter()
            .for_each(|(day, batches)| self.write(*day, batches.iter().collect()));
        if self.failed.load(Ordering::Relaxed) {
            // The tables need the room more.
            self.state.drop_leftovers();
            return;
        }
        let mut made = std::mem::take(&mut *locked(&self.made));
        // A day that no row fell on is made as well.
        for key in keys.iter().zip(outcomes) {
            let (first, last) = key.0.days.unwrap_or(key.1.days);
            for day in first..=last {
                made.entry(day).or_default();
            }
        }
        let saved = self.state.save(self.registry, keys, outcomes, days, made, taken);
        if self.tried(saved).is_none() {
            self.state.drop_leftovers();
        }
    }
}
