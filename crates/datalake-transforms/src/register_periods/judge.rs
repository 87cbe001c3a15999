//! What a register's own periods say of a reading that fell: a roll-over, a misread, or energy that ran backwards.

use super::notes::{Note, Notes};
use super::{Counted, Period, overlap_allowed};
use crate::model::{DAY_SECONDS, MICRO};

/// Other periods from which on a register's usual level is known.
const PERIODS_OF_A_LEVEL: usize = 3;

/// A roll-over that makes more than so many times the usual energy a day is none.
const PLAUSIBLE_TIMES: i128 = 10;

/// The usual energy a day counts as no less than this, or a home that stood empty could never roll over.
const LEAST_USUAL_MICRO: i128 = MICRO as i128;

/// A jump and a fall that cancel out leave at most so many times the usual energy.
const LEFT_TIMES: i128 = 3;

/// Decides on roll-overs, and doubts falls that a jump beside them makes up for.
pub(super) fn judge<'a>(periods: Vec<Period<'a>>, limit_micro: i64, notes: &mut Notes) -> Vec<Counted<'a>> {
    let rates = Rates::new(&periods);
    let mut counted: Vec<Counted<'a>> = periods
        .into_iter()
        .map(|period| count(period, &rates, limit_micro, notes))
        .collect();
    let mut doubted = vec![false; counted.len()];
    for fall in 0..counted.len() {
        if !counted[fall].is_fall() {
            continue;
        }
        for jump in [fall.wrapping_sub(1), fall + 1] {
            if counted
                .get(jump)
                .is_some_and(|jump| make_up(&counted[fall], jump, &rates))
            {
                if !doubted[fall] {
                    notes.add(Note::Contradicting, counted[fall].period.row);
                }
                doubted[fall] = true;
                doubted[jump] = true;
            }
        }
    }
    for (counted, doubted) in counted.iter_mut().zip(doubted) {
        counted.doubted = doubted;
    }
    counted
}

fn count<'a>(period: Period<'a>, rates: &Rates, limit_micro: i64, notes: &mut Notes) -> Counted<'a> {
    let rolled = period.energy.and_then(|energy| energy.rolled_micro);
    let believed = rolled.filter(|&rolled| {
        period.actual
            && rates.usual_without(None).is_none_or(|usual| {
                per_day(rolled, &period) <= usual.max(LEAST_USUAL_MICRO).saturating_mul(PLAUSIBLE_TIMES)
            })
    });
    if rolled.is_some() {
        let note = if believed.is_some() {
            Note::RolledOver
        } else {
            Note::RollOverDoubted
        };
        notes.add(note, period.row);
    }
    let micro = believed.or(period.energy.map(|energy| energy.micro));
    let value_micro = micro
        .filter(|micro| micro.unsigned_abs() <= limit_micro.unsigned_abs().into())
        .map(|micro| micro as i64);
    if micro.is_some() && value_micro.is_none() {
        notes.add(Note::OutOfRange, period.row);
    }
    Counted {
        value_micro,
        rolled_over: believed.is_some(),
        doubted: false,
        period,
    }
}

/// Whether the two share a reading that is wrong: what one has too much, the other has too little.
fn make_up(fall: &Counted<'_>, jump: &Counted<'_>, rates: &Rates) -> bool {
    let (Some(fallen), Some(jumped)) = (fall.value_micro, jump.value_micro) else {
        return false;
    };
    if !jump.period.actual || jump.rolled_over || jumped <= 0 || !fall.period.touches(&jump.period) {
        return false;
    }
    let (fallen, jumped) = (i128::from(fallen), i128::from(jumped));
    let usual = rates.usual_without(Some(per_day(jumped, &jump.period)));
    let usual_of = |period: &Period<'_>| {
        let per_day = usual.unwrap_or(0);
        per_day * i128::from(period.end - period.start) / i128::from(DAY_SECONDS)
    };
    let usual_of_both = usual_of(&fall.period) + usual_of(&jump.period);
    let too_little = usual_of(&fall.period) - fallen;
    let too_much = jumped - usual_of(&jump.period);
    let left = fallen + jumped;
    left >= 0 && 2 * too_much >= too_little && (usual.is_none() || left <= LEFT_TIMES * usual_of_both)
}

impl Counted<'_> {
    fn is_fall(&self) -> bool {
        self.period.actual && self.value_micro.is_some_and(|value| value < 0)
    }
}

impl Period<'_> {
    /// Whether one starts from the reading that the other ends with.
    fn touches(&self, other: &Self) -> bool {
        let (first, then) = if self.end <= other.end {
            (self, other)
        } else {
            (other, self)
        };
        let near = (then.start - first.end).abs() <= overlap_allowed(then.end - then.start);
        let differ = then
            .start_reading
            .zip(first.row.reading_micro)
            .is_some_and(|(starts, ends)| starts != ends);
        near && !differ
    }
}

/// Energy a day of the periods that nothing speaks against, ascending.
struct Rates(Vec<i128>);

impl Rates {
    fn new(periods: &[Period<'_>]) -> Self {
        let mut rates: Vec<i128> = periods
            .iter()
            .filter(|period| period.actual && !period.overlaps)
            .filter_map(|period| {
                let energy = period.energy.filter(|energy| energy.rolled_micro.is_none())?;
                (energy.micro >= 0).then(|| per_day(energy.micro, period))
            })
            .collect();
        rates.sort_unstable();
        Self(rates)
    }

    /// Median, one of the rates left out; `None` where there are too few.
    fn usual_without(&self, rate: Option<i128>) -> Option<i128> {
        let left_out = rate.and_then(|rate| self.0.binary_search(&rate).ok());
        let others = self.0.len() - usize::from(left_out.is_some());
        if others < PERIODS_OF_A_LEVEL {
            return None;
        }
        let at = |position: usize| {
            let shift = usize::from(left_out.is_some_and(|left_out| left_out <= position));
            self.0.get(position + shift).copied()
        };
        Some(at((others - 1) / 2)?.midpoint(at(others / 2)?))
    }
}

fn per_day(micro: i128, period: &Period<'_>) -> i128 {
    micro.saturating_mul(DAY_SECONDS.into()) / i128::from((period.end - period.start).max(1))
}
