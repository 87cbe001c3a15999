//! Which slots were decided by nothing but the value: rows of one key and age that contradict each other.

use std::cmp::Ordering;

use crate::findings::{Finding, Severity};
use crate::measured::{CONTRADICTING_DUPLICATE, CONTRADICTING_DUPLICATE_MESSAGE, Measured};
use crate::model::MICRO;
use crate::resolve::time_text;

/// Age in one number or two, and the content.
type Version = (u64, u64, Measured);

/// A bit for each slot, set while two of its newest rows contradict each other; empty until some do.
///
/// Of the rows that tie at the top, the second value that differs sets the bit whichever comes first, and a row that
/// beats them all takes it back. So the bits depend on the set of rows alone.
#[derive(Debug, Default)]
pub(super) struct Contests {
    bits: Vec<u64>,
}

impl Contests {
    pub(super) fn clear(&mut self) {
        self.bits.clear();
    }

    /// Notes that a row met the one that a slot holds. They are not the same, and there are `slots` slots.
    pub(super) fn between(&mut self, slot: usize, challenger: Version, holder: Version, slots: usize) {
        let tie = (challenger.0, challenger.1) == (holder.0, holder.1);
        let (word, bit) = (slot / 64, 1 << (slot % 64));
        if tie && challenger.2.contradicts(holder.2) {
            if self.bits.is_empty() {
                self.bits.resize(slots.div_ceil(64), 0);
            }
            self.bits[word] |= bit;
        } else if challenger > holder && !self.bits.is_empty() {
            self.bits[word] &= !bit;
        }
    }

    /// The slots whose bit is set, ascending.
    pub(super) fn contradicting(&self) -> impl Iterator<Item = usize> {
        self.bits.iter().enumerate().flat_map(|(word, &bits)| {
            let set = move |bit: &usize| bits >> bit & 1 == 1;
            let last = if bits == 0 { 0 } else { 64 };
            (0..last).filter(set).map(move |bit| word * 64 + bit)
        })
    }
}

/// The order of example keys, which go on after the id.
pub(super) fn by_key(a: &str, b: &str) -> Ordering {
    let key = |id: &str| id.bytes().chain(" at ".bytes()).collect::<Vec<u8>>();
    if a == b {
        Ordering::Equal
    } else {
        key(a).cmp(&key(b))
    }
}

/// `keys` of the measurements are in dispute; the least of them ends at `at` seconds.
pub(super) fn finding(keys: u64, id: &str, at: i64) -> Finding {
    Finding {
        table: "measurements".to_owned(),
        code: CONTRADICTING_DUPLICATE.to_owned(),
        severity: Severity::Warning,
        rows: keys,
        example_key: format!("{id} at {}", time_text(at * MICRO)),
        message: CONTRADICTING_DUPLICATE_MESSAGE.to_owned(),
    }
}
