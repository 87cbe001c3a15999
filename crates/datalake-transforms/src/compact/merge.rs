//! Sorted runs of rows as one.

use std::cmp::Ordering;

use super::row::Row;
use super::texts::ReadTexts;
use super::{Soundness, newest};
use crate::error::TransformError;

/// Merges sorted runs, keeps what a later job may need, and shows it key by key; returns how many rows went.
///
/// Memory holds one row a run and the rows of one key.
pub fn merge<E: From<TransformError>>(
    runs: Vec<impl Iterator<Item = Result<Row, E>>>,
    texts: &ReadTexts<'_>,
    sound: Soundness,
    mut visit: impl FnMut(&[Row]) -> Result<(), E>,
) -> Result<u64, E> {
    let mut heap = Heap {
        items: Vec::with_capacity(runs.len()),
        texts,
    };
    let mut runs = runs;
    for (run, rows) in runs.iter_mut().enumerate() {
        if let Some(row) = rows.next() {
            heap.push((row?, run));
        }
    }
    let mut gone = 0;
    let mut of_key: Vec<Row> = Vec::new();
    while let Some(&(row, run)) = heap.items.first() {
        if of_key.first().is_some_and(|first| first.key() != row.key()) {
            gone += newest(&mut of_key, sound);
            visit(&of_key)?;
            of_key.clear();
        }
        of_key.push(row);
        match runs[run].next() {
            Some(next) => {
                let next = next?;
                if heap.compare(&next, &row) == Ordering::Less {
                    return Err(TransformError::Bug("a run of rows is not sorted".to_owned()).into());
                }
                heap.items[0].0 = next;
                heap.sink();
            }
            None => heap.pop(),
        }
    }
    gone += newest(&mut of_key, sound);
    visit(&of_key)?;
    Ok(gone)
}

/// The next row of each run, the least first. The standard heap cannot compare by what lies outside of its items.
struct Heap<'a, 't> {
    items: Vec<(Row, usize)>,
    texts: &'a ReadTexts<'t>,
}

impl Heap<'_, '_> {
    fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let by_id = if a.component == b.component {
            Ordering::Equal
        } else {
            self.texts.get(a.component).cmp(&self.texts.get(b.component))
        };
        by_id.then_with(|| a.compare(b, self.texts))
    }

    fn less(&self, a: usize, b: usize) -> bool {
        self.compare(&self.items[a].0, &self.items[b].0) == Ordering::Less
    }

    fn push(&mut self, item: (Row, usize)) {
        self.items.push(item);
        let mut at = self.items.len() - 1;
        while at > 0 && self.less(at, (at - 1) / 2) {
            self.items.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn pop(&mut self) {
        self.items.swap_remove(0);
        self.sink();
    }

    fn sink(&mut self) {
        let mut at = 0;
        loop {
            let children = [2 * at + 1, 2 * at + 2];
            let below = children.into_iter().filter(|&child| child < self.items.len());
            let Some(least) = below.reduce(|a, b| if self.less(b, a) { b } else { a }) else {
                return;
            };
            if !self.less(least, at) {
                return;
            }
            self.items.swap(at, least);
            at = least;
        }
    }
}
