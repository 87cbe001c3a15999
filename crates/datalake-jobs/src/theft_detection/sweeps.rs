//! Sweeps: the days in order, each read piece after piece, a day closed when no piece to come can hold a row of it.
//!
//! Where files are laid out by time, a few days are open at once, whatever the length of the lake, and every piece is
//! read once. To keep several threads busy the days are cut into several sweeps; a piece that straddles a cut is read
//! by both sides, and its rejected rows are accounted for by the first.

use std::ops::Range;

/// What is known of a piece before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// First and last day (of interval starts) that the piece may hold.
    pub days: (i32, i32),
    /// What it costs to read: compressed bytes, or rows, as long as all pieces use the same measure.
    pub cost: u64,
}

/// One piece of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Position of the piece.
    pub piece: usize,
    /// Whether this sweep accounts for the piece's rejected rows.
    pub home: bool,
    /// After this piece, the days before this one are complete.
    pub complete_before: i32,
}

/// A range of days and the pieces to read for it, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sweep {
    /// Days, end excluded.
    pub days: Range<i32>,
    /// Days that are open at once.
    pub open_days: usize,
    /// At least one.
    pub steps: Vec<Step>,
}

/// Bounds of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Tasks that run at once.
    pub threads: usize,
    /// Days whose grids fit into one task's share of the memory.
    pub max_open_days: usize,
    /// Highest total cost, as a multiple of reading everything once, that is worth it.
    pub max_amplification: f64,
}

/// Below this cost (about bytes) one thread is done before others would have started.
const SMALL: u64 = 4 << 20;

/// Sweeps of one thread: its last one should not leave the others waiting for long.
const SWEEPS_A_THREAD: usize = 6;

/// Total cost, as a multiple of reading everything once, that is paid for evenly busy threads.
const EVEN: f64 = 1.05;

/// A lake whose files claim more days than this has a wrong clock somewhere.
const MAX_DAYS: i64 = 200 * 366;

/// Cuts the days into sweeps; `None` where pieces overlap so much that too many days would be open, or too much be read
/// twice. The sweeps tile the days from the first to the last that any piece may hold, but for days that none may.
#[must_use]
pub(super) fn sweeps(spans: &[Span], limits: Limits) -> Option<Vec<Sweep>> {
    let first = spans.iter().map(|span| span.days.0).min()?;
    let last = spans.iter().map(|span| span.days.1).max()?;
    if i64::from(last) - i64::from(first) > MAX_DAYS {
        return None;
    }
    let end = last + 1;
    let total: u64 = spans.iter().map(|span| span.cost.max(1)).sum();
    let crossing = crossing_costs(spans, first, end);
    let starting = starting_costs(spans, first, end);
    let fewest = if total <= SMALL { 1 } else { limits.threads.max(1) };
    let mut number = if fewest == 1 { 1 } else { fewest * SWEEPS_A_THREAD };
    let cuts = loop {
        let cuts = cut(&crossing, &starting, total, number);
        let extra: u64 = cuts.iter().map(|&day| crossing[day]).sum();
        let amplification = (total + extra) as f64 / total as f64;
        if amplification <= EVEN || (number == fewest && amplification <= limits.max_amplification) {
            break cuts;
        }
        if number == fewest {
            return None;
        }
        number = (number / 2).max(fewest);
    };
    if cuts.len() + 1 < fewest {
        return None;
    }
    let mut edges = vec![first];
    edges.extend(cuts.iter().map(|&day| first + day as i32));
    edges.push(end);
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&piece| (spans[piece].days, piece));
    let sweeps: Vec<Sweep> = edges
        .windows(2)
        .map(|pair| sweep(spans, &order, pair[0]..pair[1]))
        .filter(|sweep| !sweep.steps.is_empty())
        .collect();
    let fits = sweeps.iter().all(|sweep| sweep.open_days <= limits.max_open_days);
    fits.then_some(sweeps)
}

/// For each day, what the pieces cost that hold both it and the day before: the price of a cut before it.
fn crossing_costs(spans: &[Span], first: i32, end: i32) -> Vec<u64> {
    let mut change = vec![0_i128; (end - first) as usize + 2];
    for span in spans {
        let (from, to) = span.days;
        if to > from {
            change[(from - first) as usize + 1] += i128::from(span.cost.max(1));
            change[(to - first) as usize + 1] -= i128::from(span.cost.max(1));
        }
    }
    let mut running = 0_i128;
    let running = change[..(end - first) as usize].iter().map(|change| {
        running += change;
        running as u64
    });
    running.collect()
}

/// What the pieces cost that start on each day.
fn starting_costs(spans: &[Span], first: i32, end: i32) -> Vec<u64> {
    let mut costs = vec![0; (end - first) as usize];
    for span in spans {
        costs[(span.days.0 - first) as usize] += span.cost.max(1);
    }
    costs
}

/// Cuts into at most `number` parts of about equal cost, each at the cheapest day nearby.
fn cut(crossing: &[u64], starting: &[u64], total: u64, number: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = Vec::new();
    let mut sum = 0_u128;
    let mut next = 1;
    let share = |part: usize| u128::from(total) * part as u128 / number as u128;
    let mut around: Option<Range<usize>> = None;
    for (day, cost) in starting.iter().enumerate() {
        // Cuts may move by a quarter of a part to either side.
        let (low, high) = (share(next) - share(1) / 4, share(next) + share(1) / 4);
        if next < number && day > 0 && sum >= low {
            around = Some(around.map_or(day..day + 1, |days| days.start..day + 1));
        }
        sum += u128::from(*cost);
        if next < number && (sum >= high || day + 1 == starting.len()) {
            if let Some(days) = around.take() {
                cuts.extend(days.min_by_key(|&day| crossing[day]));
            }
            while next < number && sum + share(1) / 4 >= share(next) {
                next += 1;
            }
        }
    }
    cuts.dedup();
    cuts
}

fn sweep(spans: &[Span], order: &[usize], days: Range<i32>) -> Sweep {
    let held: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&piece| spans[piece].days.0 < days.end && spans[piece].days.1 >= days.start)
        .collect();
    let mut steps = Vec::with_capacity(held.len());
    let mut open_days = 1;
    let (mut low, mut high) = (days.start, days.start);
    for (position, &piece) in held.iter().enumerate() {
        let (from, to) = spans[piece].days;
        high = high.max(to.min(days.end - 1));
        open_days = open_days.max((high - low + 1) as usize);
        // Pieces are in the order of their first days: the next one tells for all that follow.
        let next = held
            .get(position + 1)
            .map_or(days.end, |&next| spans[next].days.0);
        low = low.max(next.min(days.end));
        steps.push(Step {
            piece,
            home: days.contains(&from),
            complete_before: low,
        });
    }
    Sweep {
        days,
        open_days,
        steps,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        threads: 2,
        max_open_days: 64,
        max_amplification: 1.25,
    };

    fn span(from: i32, to: i32) -> Span {
        Span {
            days: (from, to),
            cost: 10 << 20,
        }
    }

    #[test]
    fn daily_files_open_a_day_at_a_time() {
        let spans: Vec<Span> = (100..130).map(|day| span(day, day)).collect();
        let sweeps = sweeps(&spans, LIMITS).unwrap();
        assert!((8..=12).contains(&sweeps.len()), "{}", sweeps.len());
        assert!(sweeps.iter().all(|sweep| sweep.open_days == 1));
        assert_eq!(
            sweeps.iter().map(|sweep| sweep.steps.len()).sum::<usize>(),
            30,
            "each is read once"
        );
    }

    #[test]
    fn files_by_the_day_of_the_end_share_a_boundary_with_the_next() {
        // The file of day d also holds the interval that ended at 00:00, which belongs to d - 1.
        let spans: Vec<Span> = (100..200).map(|day| span(day - 1, day)).collect();
        let sweeps = sweeps(&spans, LIMITS).unwrap();
        assert!(sweeps.iter().all(|sweep| sweep.open_days == 2));
        let read = sweeps.iter().map(|sweep| sweep.steps.len()).sum::<usize>();
        assert!(
            read <= 105,
            "{read} of 100 files are read: five percent more at most"
        );
        let first = &sweeps[0];
        assert_eq!(first.days.start, 99);
        assert_eq!(
            first.steps[0],
            Step {
                piece: 0,
                home: true,
                complete_before: 100
            },
            "the next file holds 100, but no more of 99"
        );
        assert!(
            !sweeps[1].steps[0].home,
            "the shared file is accounted for by the sweep before"
        );
    }

    #[test]
    fn what_overlaps_too_much_is_no_sweep() {
        let all: Vec<Span> = (0..40).map(|_| span(0, 50)).collect();
        assert_eq!(
            sweeps(&all, LIMITS),
            None,
            "every cut would read everything twice"
        );
        let one = Limits { threads: 1, ..LIMITS };
        assert_eq!(sweeps(&all, one).unwrap().len(), 1, "one thread needs no cut");
        let narrow = Limits {
            max_open_days: 50,
            ..one
        };
        assert_eq!(sweeps(&all, narrow), None, "51 days are open at once");
        assert_eq!(sweeps(&[span(0, i32::MAX - 1)], one), None, "a clock gone wild");
        assert_eq!(sweeps(&[], LIMITS), None);
    }

    proptest! {
        /// Sweeps tile the days; each piece is read by every sweep that holds a day of it and has one home; when a step
        /// closes days, no later one may hold a row of them; the open days suffice.
        #[test]
        fn every_row_finds_its_day_open(
            raw in prop::collection::vec((0_i32..300, 0_i32..9, 1_u64..(20 << 20)), 1..80),
            threads in 1_usize..5,
        ) {
            let spans: Vec<Span> = raw
                .iter()
                .map(|&(from, length, cost)| Span { days: (from, from + length), cost })
                .collect();
            let limits = Limits { threads, max_open_days: 400, max_amplification: 9.0 };
            let Some(sweeps) = sweeps(&spans, limits) else { return Ok(()) };
            for pair in sweeps.windows(2) {
                prop_assert!(pair[0].days.end <= pair[1].days.start);
            }
            for (piece, span) in spans.iter().enumerate() {
                let homes = sweeps.iter().flat_map(|s| &s.steps).filter(|s| s.piece == piece && s.home).count();
                prop_assert_eq!(homes, 1);
                for day in span.days.0..=span.days.1 {
                    let sweep = sweeps.iter().find(|sweep| sweep.days.contains(&day)).unwrap();
                    prop_assert!(sweep.steps.iter().any(|step| step.piece == piece));
                }
            }
            for sweep in &sweeps {
                let mut open = sweep.days.start;
                for step in &sweep.steps {
                    for day in spans[step.piece].days.0..=spans[step.piece].days.1 {
                        if sweep.days.contains(&day) {
                            prop_assert!(day >= open && day < open + sweep.open_days as i32);
                        }
                    }
                    open = step.complete_before;
                }
                prop_assert_eq!(open, sweep.days.end);
            }
        }
    }
}
