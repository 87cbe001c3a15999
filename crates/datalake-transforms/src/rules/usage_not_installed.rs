//! `USAGE_NOT_INSTALLED`: usage while no install event covers the interval: the meter was removed, or never installed, and still
//! counts.
//!
//! What an install event that cannot be used may cover is not judged, and no meter without install event is where the table
//! of them is incomplete.
//!
//! A day counts if its actual intervals that no install event covers add up to more than `min_kwh_per_day`; a hit needs `min_days`
//! such days. The energy at stake is all of that usage: it is real, and billed to nobody.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, StayContext};
use crate::error::TransformError;

/// Thresholds of `USAGE_NOT_INSTALLED`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UsageNotInstalledConfig {
    /// A day counts if its usage is greater, kWh.
    pub min_kwh_per_day: f64,
    /// Days that a hit needs.
    pub min_days: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for UsageNotInstalledConfig {
    fn default() -> Self {
        Self {
            min_kwh_per_day: 0.1,
            min_days: 2,
            weight: 0.9,
        }
    }
}

impl UsageNotInstalledConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within(
            "usage_not_installed.min_kwh_per_day",
            self.min_kwh_per_day,
            0.0,
            1000.0,
        )?;
        whole("usage_not_installed.min_days", self.min_days, 1, 3650)
    }
}

/// The days that count.
pub(crate) fn days(context: &StayContext<'_>) -> impl Iterator<Item = i32> {
    let series = context.series;
    let least = super::usage::least(context.config.usage_not_installed.min_kwh_per_day);
    context
        .rows_beyond_doubt()
        .filter(move |&row| series.uninstalled_kwh[row] > least)
        .map(move |row| series.day[row])
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.usage_not_installed;
    if context.component.periods.is_empty() && context.registry.install_events_incomplete {
        let needed = f64::from(config.min_days);
        return RuleEvidence::not_judged(Rule::UsageNotInstalled, Gap::InstallEventsIncomplete, needed);
    }
    let over = |rows| {
        super::usage::judge(
            context,
            rows,
            Rule::UsageNotInstalled,
            context.series.uninstalled_kwh,
            config.min_kwh_per_day,
            config.min_days,
        )
    };
    let sure = over(context.rows_beyond_doubt());
    if !sure.is_hit() && over(context.rows.clone()).value > sure.value {
        let needed = f64::from(config.min_days);
        return RuleEvidence::not_judged(Rule::UsageNotInstalled, Gap::InstallInDoubt, needed);
    }
    sure
}

#[cfg(test)]
mod tests {
    use crate::model::DAY_SECONDS;
    use crate::registry::{Doubt, Registry};
    use crate::rules::testing::{FIRST_DAY, Profiles, World, component, period};
    use crate::rules::{Gap, Rule, Verdict};
    use crate::suppressors::Suppressor;

    const RULE: Rule = Rule::UsageNotInstalled;

    /// 3 kWh on each of the days, hanging at the service point on `installed`.
    fn judged(
        days: usize,
        installed: (i32, i32),
        used: std::ops::Range<usize>,
    ) -> (crate::rules::RuleEvidence, Vec<Suppressor>) {
        let at = |day: i32| i64::from(FIRST_DAY + day) * DAY_SECONDS;
        let world = World::steady(component(&[period(0, at(installed.0), at(installed.1))]), days);
        let mut kwh = vec![3.0; days];
        for (day, kwh) in kwh.iter_mut().enumerate() {
            let hangs = (installed.0..installed.1).contains(&(day as i32));
            if !hangs && !used.contains(&day) {
                *kwh = f64::NAN;
            }
        }
        let profiles = Profiles::daily(0, FIRST_DAY, &kwh);
        let rows = profiles.day.len();
        let bare = |row: &usize| {
            let day = profiles.day[*row] - FIRST_DAY;
            !(installed.0..installed.1).contains(&day)
        };
        let first = (0..rows).find(bare).unwrap_or(rows);
        let count = (0..rows).filter(bare).count();
        world.rule(&profiles.clone().uninstall(first..first + count), RULE)
    }

    #[test]
    fn ten_days_after_the_removal_hit() {
        let (evidence, against) = judged(110, (0, 100), 100..110);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 10.0).abs() < 1e-6 && (evidence.threshold - 2.0).abs() < 1e-6);
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY + 100, FIRST_DAY + 109)
        );
        assert_eq!(evidence.kwh_micro, 30_000_000);
        // 0.6 at two days, 1 at fourteen.
        assert!((evidence.strength - (0.6 + 0.4 * 8.0 / 12.0)).abs() < 1e-6);
        assert_eq!(against, []);
    }

    #[test]
    fn never_installed_is_nothing_where_install_events_are_incomplete() {
        let mut world = World::steady(component(&[]), 100);
        let profiles = Profiles::daily(0, FIRST_DAY, &[3.0; 100]).uninstall(0..100);
        assert!(world.rule(&profiles, RULE).0.is_hit());
        world.registry.install_events_incomplete = true;
        assert_eq!(
            world.rule(&profiles, RULE).0.verdict,
            Verdict::NotJudged(Gap::InstallEventsIncomplete)
        );
        assert_eq!(world.judge(&profiles)[0].usage_micro, 0);
        // A meter that was removed has its install event.
        world.registry.components[0] = component(&[period(0, 0, i64::from(FIRST_DAY) * DAY_SECONDS)]);
        assert!(world.rule(&profiles, RULE).0.is_hit());
    }

    #[test]
    fn usage_that_a_faulty_install_event_may_cover_is_not_judged() {
        let day = |day: i32| i64::from(FIRST_DAY + day) * DAY_SECONDS;
        let judged = |periods: &[(i32, i32)], from: i64, used: std::ops::Range<usize>| {
            let periods: Vec<_> = periods.iter().map(|&(a, b)| period(0, day(a), day(b))).collect();
            let mut meter = component(&periods);
            meter.doubt = Some(Doubt {
                from,
                service_point: Some(7),
            });
            let world = World::steady(meter, 120);
            let profiles = Profiles::daily(0, FIRST_DAY, &[3.0; 120]).uninstall(used);
            let stays = world.judge(&profiles);
            assert_eq!(stays.len(), 1);
            let evidence = crate::rules::testing::find(&stays[0], RULE).0;
            (
                stays[0].service_point,
                evidence.verdict,
                evidence.kwh_micro,
                stays[0].usage_micro,
            )
        };
        let in_doubt = Verdict::NotJudged(Gap::InstallInDoubt);
        // Its only event is faulty: nothing to judge by, but the place is known.
        assert_eq!(judged(&[], i64::MIN, 0..120), (Some(7), in_doubt, 0, 0));
        // Outside of a good period, from the faulty event's start on.
        assert_eq!(judged(&[(0, 100)], i64::MIN, 100..120), (Some(0), in_doubt, 0, 0));
        assert_eq!(judged(&[(0, 100)], day(100), 100..120), (Some(0), in_doubt, 0, 0));
        // One day before it is too few, ten are not; no more than these are claimed.
        assert_eq!(judged(&[(0, 100)], day(101), 100..120), (Some(0), in_doubt, 0, 0));
        let ten = 30_000_000;
        assert_eq!(
            judged(&[(0, 100)], day(110), 100..120),
            (Some(0), Verdict::Hit, ten, ten)
        );
        assert_eq!(
            judged(&[(0, 100)], day(110) + 1, 100..120),
            (Some(0), Verdict::Hit, ten, ten)
        );
        // Nothing was used while in doubt.
        assert_eq!(
            judged(&[(0, 120)], i64::MIN, 0..0),
            (Some(0), Verdict::Miss, 0, 0)
        );
    }

    #[test]
    fn one_day_is_a_near_miss() {
        let (evidence, _) = judged(101, (0, 100), 100..101);
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!((evidence.strength - 0.15).abs() < 1e-6);
    }

    /// What speaks against 3 kWh on each of the days `used`, of a meter with these periods (place, days), where another
    /// meter has those.
    fn against(
        own: &[(u32, i32, i32)],
        other: &[(u32, i32, i32)],
        used: std::ops::Range<usize>,
    ) -> Vec<Suppressor> {
        let at = |day: i32| {
            if day == i32::MAX {
                i64::MAX
            } else {
                i64::from(FIRST_DAY + day) * DAY_SECONDS
            }
        };
        let periods = |stays: &[(u32, i32, i32)]| -> Vec<_> {
            stays
                .iter()
                .map(|&(place, from, to)| period(place, at(from), at(to)))
                .collect()
        };
        let mut world = World::steady(component(&periods(own)), 300);
        world.registry.components[1].periods = periods(other);
        let places = world.registry.service_points.clone();
        world.registry = Registry::new(world.registry.components, places);
        let mut kwh = vec![3.0; 300];
        let hangs = |day: i32| own.iter().any(|&(_, from, to)| (from..to).contains(&day));
        for (day, kwh) in kwh.iter_mut().enumerate() {
            if !hangs(day as i32) && !used.contains(&day) {
                *kwh = f64::NAN;
            }
        }
        let mut profiles = Profiles::daily(0, FIRST_DAY, &kwh);
        for row in 0..profiles.day.len() {
            if !hangs(profiles.day[row] - FIRST_DAY) {
                profiles = profiles.uninstall(row..row + 1);
            }
        }
        let stays = world.judge(&profiles);
        let (evidence, against) = crate::rules::testing::find(&stays[0], RULE);
        assert!(evidence.is_hit());
        against
    }

    const EVER: i32 = i32::MAX;
    const LATE: [Suppressor; 1] = [Suppressor::LatePaperwork];

    #[test]
    fn a_removal_recorded_days_before_the_next_install_is_paperwork() {
        let removed = (0, 0, 100);
        // Of the meter itself, at its place or another, or of its successor.
        assert_eq!(against(&[removed, (0, 105, EVER)], &[], 100..105), LATE);
        assert_eq!(against(&[removed, (4, 105, EVER)], &[], 100..105), LATE);
        assert_eq!(against(&[removed], &[(0, 105, EVER)], 100..105), LATE);
        assert_eq!(against(&[removed], &[(0, 114, EVER)], 100..114), LATE);
        // Nothing follows, or too late, or somewhere else.
        assert_eq!(against(&[removed], &[], 100..105), []);
        assert_eq!(against(&[removed], &[(0, 115, EVER)], 100..105), []);
        assert_eq!(against(&[removed, (0, 115, EVER)], &[], 100..105), []);
        assert_eq!(against(&[removed], &[(5, 105, EVER)], 100..105), []);
        // The old meter counts on beside the new one.
        assert_eq!(against(&[removed], &[(0, 105, EVER)], 100..107), []);
        // Another meter hung there all along, or on some of the days.
        assert_eq!(against(&[removed, (0, 105, EVER)], &[(0, 0, EVER)], 100..105), []);
        assert_eq!(against(&[removed], &[(0, 50, 102), (0, 105, EVER)], 100..105), []);
        assert_eq!(
            against(&[removed, (0, 105, EVER)], &[(0, 0, 100)], 100..105),
            LATE
        );
    }

    #[test]
    fn every_gap_with_usage_needs_its_explanation() {
        let early = [(0, 10, 100), (0, 105, 200)];
        assert_eq!(against(&early, &[], 100..105), LATE);
        // After the second removal nothing follows.
        assert_eq!(against(&early, &[], 100..210), []);
        assert_eq!(against(&[], &[(0, 105, EVER)], 100..105), [], "it hung nowhere");
        // Days before the first install and a removal recorded early are both paperwork.
        assert_eq!(against(&[(0, 10, 100), (0, 105, EVER)], &[], 0..105), LATE);
    }

    #[test]
    fn a_few_days_between_two_places_are_a_test() {
        let moved = [(3, 0, 100), (4, 200, EVER)];
        assert_eq!(against(&moved, &[], 129..143), LATE, "29 days after the removal");
        assert_eq!(
            against(&moved, &[], 130..144),
            [],
            "30 days from it, 57 to the install"
        );
        assert_eq!(against(&moved, &[], 158..172), LATE, "29 days before the install");
        assert_eq!(against(&moved, &[], 157..171), []);
        assert_eq!(against(&moved, &[], 110..125), [], "15 days are no test");
        assert_eq!(
            against(&[(3, 0, 100), (3, 200, EVER)], &[], 110..120),
            [],
            "back where it hung"
        );
    }

    #[test]
    fn usage_up_to_the_first_installation_is_paperwork() {
        let (evidence, against) = judged(110, (10, 110), 0..10);
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert_eq!(against, [Suppressor::LatePaperwork]);
    }
}
