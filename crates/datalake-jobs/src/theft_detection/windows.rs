//! Which days are gathered together: windows of days, planned from what the files say they hold.
//!
//! A window is a range of days whose grid fits into a task's share of the memory. Every piece (a Parquet row
//! group, or a whole text file) that may hold a row of the window is read for it, so a piece that straddles a
//! boundary is read once per window it touches. Where the files are laid out by time that costs a few percent;
//! where they are not, the plan says so and the rows are shuffled by day instead, each read once.

use std::ops::Range;

/// What is known of a piece before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PieceSpan {
    /// First and last day (of interval starts) that the piece may hold; `None` where nothing is known.
    pub days: Option<(i32, i32)>,
    /// What it costs to read: compressed bytes, or rows, as long as all pieces use the same measure.
    pub cost: u64,
}

/// A range of days, the pieces to read for it, and whether rows of a piece are counted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    /// Days, end excluded.
    pub days: Range<i32>,
    /// Pieces to read; `true` marks the one window that accounts for the piece's rejected rows.
    pub pieces: Vec<(usize, bool)>,
}

/// How the measurements are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Straight into the grids of these windows, each independent of the others.
    Windows(Vec<Window>),
    /// Every piece once, rows set aside by chunks of days, then chunk by chunk.
    Shuffle,
}

/// Bounds of a plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Days whose grid fits into one task's share of the memory; at least 1.
    pub max_days: u32,
    /// Tasks that run at once.
    pub threads: usize,
    /// Highest total cost, as a multiple of reading everything once, that is still worth avoiding a shuffle.
    pub max_amplification: f64,
}

/// Plans the reading of `spans`.
///
/// The plan is a function of its arguments alone. Windows tile the days that any piece may hold, without overlaps,
/// and without gaps but those of a year and more in which no piece holds a day.
#[must_use]
pub(crate) fn plan(spans: &[PieceSpan], limits: Limits) -> Plan {
    if spans.is_empty() {
        return Plan::Windows(Vec::new());
    }
    let Some(known) = spans.iter().map(|s| s.days).collect::<Option<Vec<_>>>() else {
        return Plan::Shuffle;
    };
    let stretches = stretches(spans, &known);
    let days: u64 = stretches.iter().map(|stretch| u64::from(stretch.days())).sum();
    // A lake whose files claim more days than a meter lives has a wrong clock somewhere: dense planning per
    // day would be wasteful, and the shuffle copes with any days.
    if days > MAX_DAYS {
        return Plan::Shuffle;
    }
    let total: u64 = spans.iter().map(|s| s.cost.max(1)).sum();
    // Small windows keep the grid in the caches and the tasks balanced; large ones straddle less.
    let mut length = 1_u32;
    loop {
        let length_now = length.min(limits.max_days);
        let cuts: Vec<Vec<i32>> = stretches.iter().map(|stretch| stretch.cut(length_now)).collect();
        let extra: u64 = stretches
            .iter()
            .zip(&cuts)
            .flat_map(|(stretch, cuts)| cuts.iter().map(|&day| stretch.crossing_at(day)))
            .sum();
        let amplification = (total + extra) as f64 / total as f64;
        let windows = cuts.iter().map(|cuts| cuts.len() + 1).sum::<usize>();
        if amplification <= limits.max_amplification {
            // One window on many threads leaves all but one idle: shuffling parallelizes over pieces.
            if windows < limits.threads && spans.len() >= limits.threads && total > SMALL {
                return Plan::Shuffle;
            }
            return Plan::Windows(assign(&known, &stretches, &cuts));
        }
        if length_now == limits.max_days || u64::from(length_now) >= days {
            return Plan::Shuffle;
        }
        length = length.saturating_mul(2);
    }
}

/// Days or components that are planned one by one, at most: each is weighed as a place for a cut.
const MAX_DAYS: u64 = 1 << 22;

/// A file of a wrong clock lies years from all others: so many days without data end a stretch.
const GAP_DAYS: i32 = 366;

/// Days without a long gap, and what a cut before each of them costs.
#[derive(Debug)]
struct Stretch {
    first: i32,
    end: i32,
    crossing: Vec<u64>,
}

impl Stretch {
    fn days(&self) -> u32 {
        self.end.wrapping_sub(self.first) as u32
    }

    fn crossing_at(&self, day: i32) -> u64 {
        self.crossing[(day - self.first) as usize]
    }

    fn cut(&self, length: u32) -> Vec<i32> {
        cut(&self.crossing, self.first, self.end, length)
    }
}

/// The stretches of days that pieces hold, ascending; costs are left out where there are too many days.
fn stretches(spans: &[PieceSpan], known: &[(i32, i32)]) -> Vec<Stretch> {
    let mut order: Vec<usize> = (0..known.len()).collect();
    order.sort_unstable_by_key(|&piece| known[piece]);
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut members: Vec<usize> = Vec::new();
    let close = |stretch: &mut Stretch, members: &mut Vec<usize>| {
        if u64::from(stretch.days()) <= MAX_DAYS {
            stretch.crossing = crossing_costs(spans, known, members, stretch.first, stretch.days() as usize);
        }
        members.clear();
    };
    for piece in order {
        let (from, to) = known[piece];
        let end = to.saturating_add(1);
        match stretches.last_mut() {
            Some(last) if from <= last.end.saturating_add(GAP_DAYS) => last.end = last.end.max(end),
            last => {
                if let Some(last) = last {
                    close(last, &mut members);
                }
                stretches.push(Stretch {
                    first: from,
                    end,
                    crossing: Vec::new(),
                });
            }
        }
        members.push(piece);
    }
    if let Some(last) = stretches.last_mut() {
        close(last, &mut members);
    }
    stretches
}

/// Below this cost (about bytes) one thread is done before others would have started.
const SMALL: u64 = 4 << 20;

/// For each day `d`, what the pieces cost that hold both `d - 1` and `d`: reading them twice is the price of
/// a cut before `d`. `members` are the pieces of the stretch.
fn crossing_costs(
    spans: &[PieceSpan],
    known: &[(i32, i32)],
    members: &[usize],
    first: i32,
    days: usize,
) -> Vec<u64> {
    let mut delta = vec![0_i128; days + 2];
    for &piece in members {
        let (span, (from, to)) = (&spans[piece], known[piece]);
        if to > from {
            delta[(from - first) as usize + 1] += i128::from(span.cost.max(1));
            delta[(to - first) as usize + 1] -= i128::from(span.cost.max(1));
        }
    }
    let mut running = 0_i128;
    delta[..=days]
        .iter()
        .map(|change| {
            running += change;
            running as u64
        })
        .collect()
}

/// Cuts `first..end` into windows of at most `length` days: wherever a cut is free, else where it is cheapest
/// in the second half of the window.
fn cut(crossing: &[u64], first: i32, end: i32, length: u32) -> Vec<i32> {
    let mut cuts = Vec::new();
    let mut start = first;
    loop {
        let limit = start.saturating_add(length as i32);
        if limit >= end {
            // What is left fits; a cut inside it would only shorten the last window.
            break;
        }
        let earliest = start + (length as i32 / 2).max(1);
        let best = (earliest..=limit)
            .min_by_key(|&day| (crossing[(day - first) as usize], std::cmp::Reverse(day)))
            .unwrap_or(limit);
        cuts.push(best);
        start = best;
    }
    cuts
}

fn assign(known: &[(i32, i32)], stretches: &[Stretch], cuts: &[Vec<i32>]) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for (stretch, cuts) in stretches.iter().zip(cuts) {
        let mut edges = vec![stretch.first];
        edges.extend_from_slice(cuts);
        edges.push(stretch.end);
        windows.extend(edges.windows(2).map(|pair| Window {
            days: pair[0]..pair[1],
            pieces: Vec::new(),
        }));
    }
    for (piece, &(from, to)) in known.iter().enumerate() {
        let home = windows.partition_point(|w| w.days.end <= from);
        for (position, window) in windows.iter_mut().enumerate().skip(home) {
            if window.days.start > to {
                break;
            }
            window.pieces.push((piece, position == home));
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(from: i32, to: i32) -> PieceSpan {
        PieceSpan {
            days: Some((from, to)),
            cost: 10 << 20,
        }
    }

    const LIMITS: Limits = Limits {
        max_days: 64,
        threads: 2,
        max_amplification: 1.2,
    };

    #[test]
    fn daily_files_make_one_window_a_day() {
        let spans: Vec<_> = (100..130).map(|d| span(d, d)).collect();
        let Plan::Windows(windows) = plan(&spans, LIMITS) else {
            panic!("shuffled")
        };
        assert_eq!(windows.len(), 30);
        assert_eq!(
            windows[3],
            Window {
                days: 103..104,
                pieces: vec![(3, true)]
            }
        );
    }

    #[test]
    fn files_by_the_day_of_the_end_share_their_boundary() {
        // The file of day d also holds the interval that ended at 00:00, which belongs to d - 1.
        let spans: Vec<_> = (100..200).map(|d| span(d - 1, d)).collect();
        let Plan::Windows(windows) = plan(&spans, LIMITS) else {
            panic!("shuffled")
        };
        // Windows of 8 days read 1 file in 8 twice: 12.5 % more, within the 20 % allowed; 4 days would cost 25 %.
        assert_eq!(windows[0].days, 99..107);
        assert_eq!(windows[0].pieces.len(), 8);
        assert_eq!(
            windows[1].pieces[0],
            (7, false),
            "the shared file is counted by the window before"
        );
    }

    #[test]
    fn pieces_that_all_hold_everything_are_shuffled() {
        let spans: Vec<_> = (0..40).map(|_| span(0, 364)).collect();
        assert_eq!(plan(&spans, LIMITS), Plan::Shuffle);
    }

    #[test]
    fn unknown_days_are_shuffled_and_a_small_lake_is_one_window() {
        assert_eq!(plan(&[PieceSpan { days: None, cost: 1 }], LIMITS), Plan::Shuffle);
        let small = PieceSpan {
            days: Some((0, 20)),
            cost: 100,
        };
        let Plan::Windows(windows) = plan(&[small.clone(), small], LIMITS) else {
            panic!("shuffled")
        };
        assert_eq!(windows.len(), 1);
        assert_eq!(windows[0].pieces, vec![(0, true), (1, true)]);
    }

    #[test]
    fn a_clock_gone_wild_is_shuffled() {
        assert_eq!(plan(&[span(0, i32::MAX - 1)], LIMITS), Plan::Shuffle);
    }

    #[test]
    fn one_file_of_a_wrong_clock_does_not_shuffle_the_others() {
        let mut spans: Vec<_> = (100..130).map(|d| span(d, d)).collect();
        spans.push(span(2_900_000, 2_900_000));
        spans.insert(0, span(-700_000, -700_000));
        let Plan::Windows(windows) = plan(&spans, LIMITS) else {
            panic!("shuffled")
        };
        assert_eq!(windows.len(), 32);
        assert_eq!(
            (&windows[0].days, &windows[1].days, &windows[31].days),
            (&(-700_000..-699_999), &(100..101), &(2_900_000..2_900_001))
        );
        assert_eq!(windows[31].pieces, vec![(31, true)]);
    }

    proptest! {
        /// Windows tile the days; every day of every piece is read by the window that holds it; every piece
        /// has exactly one home.
        #[test]
        fn windows_cover_every_piece_once(
            raw in prop::collection::vec((0_i32..300, 0_i32..6, 1_u64..(20 << 20)), 1..60),
            max_days in 1_u32..80,
        ) {
            let spans: Vec<_> = raw
                .iter()
                .map(|&(from, length, cost)| PieceSpan { days: Some((from, from + length)), cost })
                .collect();
            let limits = Limits { max_days, threads: 2, max_amplification: 1.5 };
            if let Plan::Windows(windows) = plan(&spans, limits) {
                for pair in windows.windows(2) {
                    prop_assert_eq!(pair[0].days.end, pair[1].days.start);
                }
                for window in &windows {
                    prop_assert!(window.days.end - window.days.start <= max_days as i32);
                    prop_assert!(!window.days.is_empty());
                }
                for (piece, span) in spans.iter().enumerate() {
                    let (from, to) = span.days.unwrap_or_default();
                    let homes = windows.iter().flat_map(|w| &w.pieces).filter(|p| **p == (piece, true)).count();
                    prop_assert_eq!(homes, 1);
                    for day in from..=to {
                        let window = windows.iter().find(|w| w.days.contains(&day));
                        prop_assert!(window.is_some_and(|w| w.pieces.iter().any(|p| p.0 == piece)));
                    }
                }
            }
        }
    }
}
