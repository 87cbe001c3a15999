//! How an interval stands to the install periods of its component.
//!
//! An interval `(start, end]` is covered by a period with `period.start <= start` and `period.end >= end`. Where
//! several cover it, the one that began last counts, then the one with the greatest event id: with periods sorted by
//! (start, event id), the one with the greatest position. An interval that a period touches without covering it, or
//! in which a switch changes the state, is cut.

use super::{Component, Coverage, InstallPeriod};
use crate::model::DAY_SECONDS;

/// Periods in a block of [`Component::block_ends`].
const BLOCK: usize = 64;

impl InstallPeriod {
    /// Whether it was on during the whole of `(start, end]`; `None` where a switch changes the state inside.
    ///
    /// A period is on until its first switch.
    #[must_use]
    pub fn on_during(&self, start: i64, end: i64) -> Option<bool> {
        let next = self.switches.partition_point(|switch| switch.at <= start);
        let on = next.checked_sub(1).is_none_or(|last| self.switches[last].on);
        self.switches[next..]
            .iter()
            .take_while(|switch| switch.at < end)
            .all(|switch| switch.on == on)
            .then_some(on)
    }
}

impl Component {
    /// Sorts the periods by (start, event id) and fills [`Component::block_ends`]. Few periods need no index.
    pub fn index_periods(&mut self) {
        self.periods
            .sort_unstable_by(|a, b| (a.start, &a.event_id).cmp(&(b.start, &b.event_id)));
        self.block_ends = if self.periods.len() > BLOCK {
            self.periods
                .chunks(BLOCK)
                .map(|block| block.iter().map(|period| period.end).max().unwrap_or(i64::MIN))
                .collect()
        } else {
            Vec::new()
        };
    }

    /// How the interval `(start, end]` stands to the periods; seconds on the measurement clock, `start < end`.
    #[must_use]
    pub fn coverage(&self, start: i64, end: i64) -> Coverage {
        let found = self.coverage_as_recorded(start, end);
        if self.beyond_doubt(found, start, end) {
            found
        } else {
            Coverage::Cut
        }
    }

    /// Whether a state that would tell against the customer holds [`Component::doubt_seconds`] around the interval too.
    fn beyond_doubt(&self, found: Coverage, start: i64, end: i64) -> bool {
        let doubt = self.doubt_seconds;
        doubt == 0
            || !matches!(found, Coverage::Off(_) | Coverage::Uninstalled)
            || self.coverage_as_recorded(start.saturating_sub(doubt), end.saturating_add(doubt)) == found
    }

    fn coverage_as_recorded(&self, start: i64, end: i64) -> Coverage {
        let begun = self.periods.partition_point(|period| period.start <= start);
        if let Some(position) = self.last_reaching(begun, end) {
            return self.state(position, start, end);
        }
        let begun = begun + self.periods[begun..].partition_point(|period| period.start < end);
        match self.last_reaching(begun, start.saturating_add(1)) {
            Some(_) => Coverage::Cut,
            None => Coverage::Uninstalled,
        }
    }

    /// The coverage that every interval inside a day has; `None` where they differ. `day` counts from 1970-01-01 on
    /// the measurement clock.
    #[must_use]
    pub fn uniform_day(&self, day: i32) -> Option<Coverage> {
        let start = i64::from(day) * DAY_SECONDS;
        let end = start + DAY_SECONDS;
        // Of all periods that touch the day, the last one takes every interval that it covers. So the day is
        // uniform only if that one covers the day whole.
        let begun = self.periods.partition_point(|period| period.start < end);
        let Some(position) = self.last_reaching(begun, start + 1) else {
            return Some(Coverage::Uninstalled).filter(|&found| self.beyond_doubt(found, start, end));
        };
        let period = &self.periods[position];
        if period.start > start || period.end < end {
            return None;
        }
        match self.state(position, start, end) {
            Coverage::Cut => None,
            uniform => Some(uniform).filter(|&found| self.beyond_doubt(found, start, end)),
        }
    }

    fn state(&self, position: usize, start: i64, end: i64) -> Coverage {
        match self.periods[position].on_during(start, end) {
            Some(true) => Coverage::On(position as u32),
            Some(false) => Coverage::Off(position as u32),
            None => Coverage::Cut,
        }
    }

    /// Greatest position below `below` whose period ends at `end` or later.
    fn last_reaching(&self, below: usize, end: i64) -> Option<usize> {
        let mut below = below;
        while below > 0 {
            let block = (below - 1) / BLOCK;
            if self.block_ends.get(block).is_none_or(|&greatest| greatest >= end) {
                let from = block * BLOCK;
                let found = self.periods[from..below]
                    .iter()
                    .rposition(|period| period.end >= end);
                if let Some(offset) = found {
                    return Some(from + offset);
                }
            }
            below = block * BLOCK;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::registry::Switch;

    const HOUR: i64 = 3600;

    fn period(event_id: &str, start: i64, end: i64, switches: &[(i64, bool)]) -> InstallPeriod {
        InstallPeriod {
            event_id: event_id.to_owned(),
            start,
            end,
            switches: switches.iter().map(|&(at, on)| Switch { at, on }).collect(),
            ..InstallPeriod::default()
        }
    }

    fn component(periods: Vec<InstallPeriod>) -> Component {
        let mut component = Component {
            periods,
            ..Component::default()
        };
        component.index_periods();
        component
    }

    #[test]
    fn edges_on_an_unknown_clock_accuse_nobody() {
        let mut stay = component(vec![period(
            "E",
            100 * HOUR,
            200 * HOUR,
            &[(100 * HOUR, true), (150 * HOUR, false)],
        )]);
        stay.doubt_seconds = 2 * HOUR;
        for (start, expected) in [
            (96, Coverage::Uninstalled),
            (98, Coverage::Cut),
            (99, Coverage::Cut),
            (100, Coverage::On(0)),
            (149, Coverage::On(0)),
            (150, Coverage::Cut),
            (151, Coverage::Cut),
            (152, Coverage::Off(0)),
            (197, Coverage::Off(0)),
            (198, Coverage::Cut),
            (201, Coverage::Cut),
            (202, Coverage::Uninstalled),
        ] {
            assert_eq!(
                stay.coverage(start * HOUR, (start + 1) * HOUR),
                expected,
                "{start}"
            );
        }
        // Days of 24 hours: 0..4 before the stay, 5 and 6 inside, 9 and later after it.
        assert_eq!(stay.uniform_day(3), Some(Coverage::Uninstalled));
        assert_eq!(stay.uniform_day(5), Some(Coverage::On(0)));
        assert_eq!(stay.uniform_day(7), Some(Coverage::Off(0)));
        assert_eq!(stay.uniform_day(9), Some(Coverage::Uninstalled));
        stay.periods[0].end = 216 * HOUR;
        assert_eq!(stay.uniform_day(8), None, "the removal is at the day's end");
    }

    #[test]
    fn edges_of_a_stay() {
        let stay = component(vec![period("E", 100, 200, &[])]);
        for (start, end, expected) in [
            (0, 100, Coverage::Uninstalled),
            (90, 101, Coverage::Cut),
            (99, 110, Coverage::Cut),
            (100, 110, Coverage::On(0)),
            (100, 200, Coverage::On(0)),
            (190, 200, Coverage::On(0)),
            (190, 201, Coverage::Cut),
            (199, 300, Coverage::Cut),
            (200, 210, Coverage::Uninstalled),
            (50, 250, Coverage::Cut),
        ] {
            assert_eq!(stay.coverage(start, end), expected, "({start}, {end}]");
        }
        assert_eq!(component(vec![]).coverage(0, 10), Coverage::Uninstalled);
        assert_eq!(
            component(vec![period("E", 100, i64::MAX, &[])]).coverage(500, 600),
            Coverage::On(0)
        );
    }

    #[test]
    fn an_exchange_cuts_the_interval_that_holds_it() {
        let stays = component(vec![period("B", 150, i64::MAX, &[]), period("A", 100, 150, &[])]);
        assert_eq!(stays.coverage(140, 150), Coverage::On(0));
        assert_eq!(stays.coverage(145, 155), Coverage::Cut);
        assert_eq!(stays.coverage(150, 160), Coverage::On(1));
    }

    #[test]
    fn of_several_the_latest_start_then_the_greatest_id() {
        let stays = component(vec![
            period("A", 0, 900, &[]),
            period("C", 50, 900, &[]),
            period("B", 50, 900, &[]),
        ]);
        assert_eq!(stays.periods[2].event_id, "C");
        assert_eq!(stays.coverage(10, 60), Coverage::On(0), "only A began before 10");
        assert_eq!(stays.coverage(50, 60), Coverage::On(2));
        // The latest that covers it, not the latest that touches it.
        let stays = component(vec![period("A", 0, 900, &[]), period("B", 50, 80, &[])]);
        assert_eq!(stays.coverage(60, 70), Coverage::On(1));
        assert_eq!(stays.coverage(70, 90), Coverage::On(0));
    }

    #[test]
    fn a_switch_cuts_only_where_the_state_changes() {
        let stay = component(vec![period(
            "E",
            0,
            1000,
            &[(0, true), (100, false), (200, false), (300, true)],
        )]);
        for (start, end, expected) in [
            (0, 100, Coverage::On(0)),
            (90, 110, Coverage::Cut),
            (100, 300, Coverage::Off(0)),
            (150, 250, Coverage::Off(0)),
            (290, 310, Coverage::Cut),
            (300, 1000, Coverage::On(0)),
            // Off and on again inside: both ends are on, the interval isn't.
            (50, 350, Coverage::Cut),
        ] {
            assert_eq!(stay.coverage(start, end), expected, "({start}, {end}]");
        }
        assert_eq!(
            component(vec![period("E", 0, 10, &[(5, false)])]).coverage(0, 5),
            Coverage::On(0)
        );
    }

    #[test]
    fn days_by_hand() {
        let day = DAY_SECONDS;
        let stay = component(vec![period("E", day, 4 * day, &[(day, true), (3 * day, false)])]);
        assert_eq!(stay.uniform_day(0), Some(Coverage::Uninstalled));
        assert_eq!(stay.uniform_day(1), Some(Coverage::On(0)));
        assert_eq!(stay.uniform_day(3), Some(Coverage::Off(0)));
        assert_eq!(stay.uniform_day(4), Some(Coverage::Uninstalled));
        let noon = component(vec![period("E", day / 2, 3 * day, &[(2 * day + 1, false)])]);
        assert_eq!(noon.uniform_day(0), None, "installed at noon");
        assert_eq!(noon.uniform_day(1), Some(Coverage::On(0)));
        assert_eq!(noon.uniform_day(2), None, "switched off inside");
        let replaced = component(vec![
            period("A", 0, i64::MAX, &[]),
            period("B", day / 2, i64::MAX, &[]),
        ]);
        assert_eq!(replaced.uniform_day(0), None, "another stay takes over at noon");
        assert_eq!(replaced.uniform_day(1), Some(Coverage::On(1)));
    }

    /// The definition, moment by moment; `step` divides every time that occurs.
    fn brute(component: &Component, start: i64, end: i64, step: i64) -> Coverage {
        let covering = component
            .periods
            .iter()
            .enumerate()
            .filter(|(_, period)| period.start <= start && period.end >= end)
            .max_by_key(|(_, period)| (period.start, &period.event_id));
        if let Some((position, period)) = covering {
            let states: Vec<bool> = (start / step..end / step)
                .map(|moment| {
                    let past = period.switches.iter().rfind(|switch| switch.at <= moment * step);
                    past.is_none_or(|switch| switch.on)
                })
                .collect();
            return match (states.contains(&true), states.contains(&false)) {
                (true, true) => Coverage::Cut,
                (false, _) => Coverage::Off(position as u32),
                (true, false) => Coverage::On(position as u32),
            };
        }
        let touches = |period: &InstallPeriod| period.start.max(start) < period.end.min(end);
        if component.periods.iter().any(touches) {
            Coverage::Cut
        } else {
            Coverage::Uninstalled
        }
    }

    fn stays(count: usize, span: i64, step: i64) -> impl Strategy<Value = Component> {
        let switches = prop::collection::vec((0..span, any::<bool>()), 0..4);
        let stay = (0..span, 1..span, 0..3_u8, switches);
        prop::collection::vec(stay, 0..count).prop_map(move |stays| {
            let periods =
                stays
                    .into_iter()
                    .enumerate()
                    .map(|(index, (start, length, open, mut switches))| {
                        switches.sort_unstable();
                        switches.dedup_by_key(|switch| switch.0);
                        let switches: Vec<_> = switches
                            .into_iter()
                            .map(|(at, on)| ((start + at) * step, on))
                            .collect();
                        let end = if open == 0 {
                            i64::MAX
                        } else {
                            (start + length) * step
                        };
                        period(&format!("{index:03}"), start * step, end, &switches)
                    });
            component(periods.collect())
        })
    }

    proptest! {
        #[test]
        fn equals_the_definition(stays in stays(6, 20, 1), start in 0_i64..40, length in 1_i64..12) {
            let end = start + length;
            prop_assert_eq!(stays.coverage(start, end), brute(&stays, start, end, 1));
        }

        /// Enough periods for several blocks; without the index the answer is the same.
        #[test]
        fn many_periods(mut stays in stays(300, 900, 1), start in 0_i64..1000, length in 1_i64..400) {
            for period in &mut stays.periods {
                period.end = period.end.min(period.start + 30);
            }
            stays.index_periods();
            let end = start + length;
            let indexed = stays.coverage(start, end);
            prop_assert_eq!(indexed, brute(&stays, start, end, 1));
            stays.block_ends.clear();
            prop_assert_eq!(indexed, stays.coverage(start, end));
        }

        /// A day is uniform exactly when all intervals of whole hours inside it have one coverage.
        #[test]
        fn uniform_days(stays in stays(4, 60, HOUR), day in 0_i32..5) {
            let first = i64::from(day) * 24;
            let inside: Vec<Coverage> = (first..first + 24)
                .flat_map(|from| (from + 1..=first + 24).map(move |to| (from, to)))
                .map(|(from, to)| brute(&stays, from * HOUR, to * HOUR, HOUR))
                .collect();
            let uniform = inside.iter().all(|coverage| *coverage == inside[0]).then_some(inside[0]);
            prop_assert_eq!(stays.uniform_day(day), uniform);
        }
    }
}
