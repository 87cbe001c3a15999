//! What every rule is given: one stay, its rows and whole days, its peers and the thresholds.

use std::ops::Range;

use super::{RuleConfig, RuleEvidence};
use crate::hours::HourChange;
use crate::levels::Levels;
use crate::model::DAY_SECONDS;
use crate::peers::{PeerGroup, Peers};
use crate::registry::{Component, Registry};
use crate::series::DaySeries;
use crate::stays::Stay;

/// One stay, ready to be judged.
#[derive(Debug, Clone)]
pub(crate) struct StayContext<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) component: &'a Component,
    pub(crate) series: &'a DaySeries<'a>,
    pub(crate) stay: &'a Stay,
    /// Rows of the series that belong to the stay.
    pub(crate) rows: Range<usize>,
    /// Intervals of a whole day.
    pub(crate) intervals: u16,
    pub(crate) levels: &'a Levels,
    /// How the hours changed: at most two changes, none where the hours are not known.
    pub(crate) hours: &'a [HourChange],
    pub(crate) peers: &'a Peers,
    pub(crate) group: Option<&'a PeerGroup>,
    /// First day on which a channel of the service point received energy; `None` where none did during the stay.
    pub(crate) received: Option<i32>,
    pub(crate) config: &'a RuleConfig,
}

/// Days of received energy before a change from which panels are no news.
const PANELS_BEFORE: i32 = 60;

impl StayContext<'_> {
    /// Registers are read now and then: their days are shares of a period.
    pub(crate) fn is_register(&self) -> bool {
        self.component.interval_seconds().is_none()
    }

    /// Whether panels explain a change on a day: energy was received, and not long before.
    pub(crate) fn panels_since(&self, onset: i32) -> bool {
        self.received.is_some_and(|first| first > onset - PANELS_BEFORE)
    }

    /// What a rule finds at the change of the hours that speaks most for it; `None` where the hours are not known.
    pub(crate) fn best_of_hours(&self, judge: impl Fn(&HourChange) -> RuleEvidence) -> Option<RuleEvidence> {
        let mut best: Option<RuleEvidence> = None;
        for found in self.hours.iter().map(judge) {
            let rank = |evidence: &RuleEvidence| (evidence.is_hit(), evidence.strength);
            if best.is_none_or(|best| rank(&found) > rank(&best)) {
                best = Some(found);
            }
        }
        best
    }

    /// The rows before what install events of no use leave in doubt.
    pub(crate) fn rows_beyond_doubt(&self) -> Range<usize> {
        let Some(doubt) = self.component.doubt else {
            return self.rows.clone();
        };
        let days = &self.series.day[self.rows.clone()];
        let sure = days.partition_point(|&day| (i64::from(day) + 1) * DAY_SECONDS <= doubt.from);
        self.rows.start..self.rows.start + sure
    }

    /// Last day that has an actual value, or else a row; rows are never empty.
    ///
    /// What is counted back from the end counts from here: a row without an actual value says nothing of its time.
    pub(crate) fn last_actual_day(&self) -> i32 {
        let series = self.series;
        let is_actual =
            |row: &usize| series.usable[*row] > 0 || series.off[*row] > 0 || series.uninstalled[*row] > 0;
        let last = self.rows.clone().rev().find(is_actual);
        series.day[last.unwrap_or(self.rows.end - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Direction;
    use crate::peers::PeerBuilder;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, period, places, typed};

    #[test]
    fn panels_of_two_months_before_are_no_news() {
        let world = World::steady(installed(), 200);
        let news = |days_before: i32| {
            world.at_stay(&Profiles::daily(0, FIRST_DAY, &home(1, 200, 8.0)), |context| {
                let context = StayContext {
                    received: Some(FIRST_DAY + 100 - days_before),
                    ..context.clone()
                };
                context.panels_since(FIRST_DAY + 100)
            })
        };
        assert!(news(59) && !news(60) && news(-50));
    }

    #[test]
    fn a_place_of_two_hundred_components_has_channels_and_one_of_more_is_none() {
        let received = |components: usize| {
            let hung = || [period(0, 0, i64::MAX)];
            let mut all: Vec<Component> = (0..components)
                .map(|n| typed(&format!("MC-{n:03}"), Some(86_400), &hung()))
                .collect();
            if let Some(of) = &mut all[1].component_type {
                of.direction = Direction::Received;
            }
            let mut world = World::steady(installed(), 200);
            world.registry = Registry::new(all, places(1));
            let mut builder = PeerBuilder::new(&world.registry);
            let panels = Profiles::daily(1, FIRST_DAY + 7, &[5.0; 30]);
            builder.observe_series(&panels.series(), &world.registry);
            world.peers = builder.finish(20);
            let profiles = Profiles::daily(0, FIRST_DAY, &home(1, 200, 8.0));
            world.at_stay(&profiles, |context| context.received)
        };
        assert_eq!(received(200), Some(FIRST_DAY + 7));
        assert_eq!(received(201), None);
    }
}
