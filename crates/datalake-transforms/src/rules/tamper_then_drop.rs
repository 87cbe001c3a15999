//! `TAMPER_THEN_DROP`: a tamper or power event of the meter, and soon after it a fall.
//!
//! A cover that is opened, a magnet or a supply that fails for one meter alone says that somebody was at it. By itself
//! that is no evidence: covers are opened by electricians, too. What counts is the fall that follows within days, by
//! actual values: zeros, a step of the level, or a change of the hours. How sure the rule is follows how deep the level
//! fell; an event of the supply counts less than one that nothing but tampering makes, and an event of a device that reports such
//! events all the time counts as little as it is likely to fall before a change by chance.
//!
//! Events on the days on which the meter was installed, removed or switched are the utility's own work. Those that many
//! neighbours had at the same time never get here, see [`crate::registry::DeviceEvent`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::whole;
use super::fall::Fall;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::levels::Block;
use crate::loss::loss;
use crate::model::DAY_SECONDS;
use crate::registry::DeviceEvent;

/// What an event of the supply counts of one of tampering.
const POWER: f64 = 0.6;

/// What a fall so many days too late counts, at most.
const LATE: f64 = 0.5;

/// Seconds on either side of the utility's own work at the meter.
const OWN_WORK_SECONDS: i64 = DAY_SECONDS;

/// Thresholds of `TAMPER_THEN_DROP`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TamperThenDropConfig {
    /// Days from the event to the onset of the fall that a hit must not exceed.
    pub max_days: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for TamperThenDropConfig {
    fn default() -> Self {
        Self {
            max_days: 3,
            weight: 0.45,
        }
    }
}

impl TamperThenDropConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        whole("tamper_then_drop.max_days", self.max_days, 0, 30)
    }
}

/// The rule's evidence, and the fall that it rests on.
pub(crate) fn judge(
    context: &StayContext<'_>,
    falls: &[Fall],
    blocks: &[Block],
) -> (RuleEvidence, Option<Fall>) {
    let config = &context.config.tamper_then_drop;
    let threshold = f64::from(config.max_days);
    let not_judged = |gap| {
        (
            RuleEvidence::not_judged(Rule::TamperThenDrop, gap, threshold),
            None,
        )
    };
    if context.component.events.is_empty() {
        return not_judged(Gap::NoEvents);
    }
    if falls.is_empty() || context.is_register() {
        return not_judged(Gap::NoFall);
    }
    let usual = [false, true].map(|power| by_chance(context, power, config.max_days));
    let mut best: Option<(RuleEvidence, Fall)> = None;
    for fall in falls {
        for event in &context.component.events {
            let days = i64::from(fall.onset) - event.at.div_euclid(DAY_SECONDS);
            if days < 0 {
                continue;
            }
            let found = at_event(
                days,
                event,
                fall,
                config,
                usual[usize::from(event.kind.is_power())],
            );
            let rank = |found: &RuleEvidence| (found.is_hit(), found.strength, -found.value);
            if best.is_none_or(|(best, _)| rank(&found) > rank(&best)) && !own_work(context, event) {
                best = Some((found, *fall));
            }
        }
    }
    let Some((mut found, fall)) = best else {
        return not_judged(Gap::NoEvents);
    };
    if found.is_hit() {
        let days = fall.onset..fall.end.saturating_add(1);
        let lost = loss(context.levels, blocks, fall.onset, days, |_| true);
        found.kwh_micro = lost.map_or(0, |loss| loss.lost_micro);
    }
    (found, Some(fall))
}

/// Whether the utility was at the meter itself: an install, a removal or a switch of the same day.
fn own_work(context: &StayContext<'_>, event: &DeviceEvent) -> bool {
    let near = |at: i64| event.at.abs_diff(at) <= OWN_WORK_SECONDS.unsigned_abs();
    context.component.periods.iter().any(|period| {
        near(period.start) || near(period.end) || period.switches.iter().any(|switch| near(switch.at))
    })
}

/// How likely an event of the supply, or one of tampering, lies within the days before any day, by the days on which the device
/// reported one besides the one in question.
fn by_chance(context: &StayContext<'_>, power: bool, max_days: u32) -> f64 {
    // What the device reported at another place, or before its values, says nothing of these days.
    let (first, last) = (context.rows.start, context.rows.end - 1);
    let (first, last) = (context.series.day[first], context.series.day[last]);
    let mut days: Vec<i64> = context
        .component
        .events
        .iter()
        .filter(|event| event.kind.is_power() == power)
        .map(|event| event.at.div_euclid(DAY_SECONDS))
        .filter(|day| (i64::from(first)..=i64::from(last)).contains(day))
        .collect();
    days.dedup();
    let observed = f64::from(last - first + 1);
    let share = (days.len().saturating_sub(1) as f64 / observed).min(1.0);
    1.0 - (1.0 - share).powi(max_days as i32 + 1)
}

/// `by_chance`: how likely there is such an event before any day.
fn at_event(
    days: i64,
    event: &DeviceEvent,
    fall: &Fall,
    config: &TamperThenDropConfig,
    by_chance: f64,
) -> RuleEvidence {
    let threshold = f64::from(config.max_days);
    let days = days as f64;
    let kind = if event.kind.is_power() { POWER } else { 1.0 };
    let depth = fall.depth();
    let hit = days <= threshold && fall.bears_a_hit();
    let in_time = if days <= threshold {
        1.0
    } else {
        LATE * ramp(days, 2.0 * threshold + 1.0, threshold)
    };
    RuleEvidence {
        rule: Rule::TamperThenDrop,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: days as f32,
        threshold: threshold as f32,
        onset_day: fall.onset,
        end_day: fall.end,
        strength: (kind * depth * in_time * (1.0 - by_chance)) as f32,
        kwh_micro: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{DeviceEventKind, Switch};
    use crate::rules::testing::{FIRST_DAY, Profiles, World, find, home, installed, period, scaled, typed};
    use crate::suppressors::Suppressor;

    const RULE: Rule = Rule::TamperThenDrop;

    fn event(kind: DeviceEventKind, day: i32) -> DeviceEvent {
        DeviceEvent {
            at: i64::from(FIRST_DAY + day) * DAY_SECONDS + 14 * 3600,
            kind,
        }
    }

    /// 40 % of the level from day 200 of 300 on, unless `factor` says otherwise.
    fn judged(events: &[DeviceEvent], factor: f64) -> (RuleEvidence, Vec<Suppressor>) {
        let mut component = installed();
        component.events = events.to_vec();
        let kwh = scaled(home(1, 300, 8.0), 200..300, factor);
        World::steady(component, 300).rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE)
    }

    #[test]
    fn a_cover_opened_two_days_before_a_fall_hits() {
        let (found, against) = judged(&[event(DeviceEventKind::CoverOpen, 198)], 0.4);
        assert_eq!(found.verdict, Verdict::Hit);
        assert!((found.value - 2.0).abs() < 1e-6, "{found:?}");
        assert!((found.strength - 1.0).abs() < 1e-6, "{found:?}");
        assert_eq!(
            (found.onset_day, found.end_day),
            (FIRST_DAY + 200, FIRST_DAY + 299)
        );
        // 60 % of 8 kWh on 100 days.
        assert!((found.kwh_micro - 480_000_000).abs() < 40_000_000, "{found:?}");
        assert_eq!(against, []);
    }

    #[test]
    fn three_days_hit_and_four_are_a_near_miss() {
        let at = |day| judged(&[event(DeviceEventKind::Tamper, day)], 0.4).0;
        assert_eq!(at(200).verdict, Verdict::Hit);
        assert_eq!(at(197).verdict, Verdict::Hit);
        let near = at(196);
        assert_eq!(near.verdict, Verdict::Miss);
        // A quarter of the way from 3 to 7 days, and half of that for being late.
        assert!((near.strength - 0.375).abs() < 1e-6, "{near:?}");
        assert!(at(193).strength.abs() < 1e-6);
        // What comes after the fall did not bring it about.
        assert_eq!(at(201).verdict, Verdict::NotJudged(Gap::NoEvents));
    }

    #[test]
    fn an_event_after_which_the_level_stayed_is_no_hit() {
        let (found, _) = judged(&[event(DeviceEventKind::MagneticField, 199)], 1.0);
        assert!(!found.is_hit(), "{found:?}");
        assert!(found.strength < 0.2, "{found:?}");
    }

    #[test]
    fn a_supply_that_failed_counts_less() {
        let (found, _) = judged(&[event(DeviceEventKind::PowerLost, 199)], 0.4);
        assert_eq!(found.verdict, Verdict::Hit);
        assert!((found.strength - 0.6).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn a_device_that_reports_tampering_all_the_time_says_little() {
        // On every fifth of 300 days: 59 besides the one before the fall, so that four days in a row are without one with a
        // likelihood of (1 - 59/300)^4 = 0.416.
        let events: Vec<DeviceEvent> = (0..300)
            .step_by(5)
            .map(|day| event(DeviceEventKind::Tamper, day + 4))
            .collect();
        let (found, _) = judged(&events, 0.4);
        assert!((found.strength - 0.416).abs() < 0.001, "{found:?}");
    }

    #[test]
    fn what_a_device_reported_at_another_place_says_nothing_of_this_one() {
        // An event a day for 199 days at the place before, and one before the fall at this one.
        let moved = i64::from(FIRST_DAY + 200) * DAY_SECONDS;
        let periods = [period(1, 0, moved), period(0, moved, i64::MAX)];
        let mut component = typed("MC-0", Some(86_400), &periods);
        let days = (0..199).chain([399]);
        component.events = days.map(|day| event(DeviceEventKind::Tamper, day)).collect();
        let kwh = scaled(home(1, 500, 8.0), 400..500, 0.4);
        let stays = World::steady(component, 500).judge(&Profiles::daily(0, FIRST_DAY, &kwh));
        let stay = stays.iter().find(|stay| stay.service_point == Some(0));
        let found = stay.map(|stay| find(stay, RULE).0);
        let strength = found.map_or(0.0, |found| found.strength);
        assert!((strength - 1.0).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn without_events_nothing_is_said() {
        assert_eq!(judged(&[], 0.4).0.verdict, Verdict::NotJudged(Gap::NoEvents));
    }

    #[test]
    fn zeros_after_an_event_hit_too() {
        let (found, _) = judged(&[event(DeviceEventKind::Removal, 199)], 0.0);
        assert_eq!(found.verdict, Verdict::Hit);
        assert_eq!(found.onset_day, FIRST_DAY + 200);
    }

    #[test]
    fn the_work_of_the_utility_is_no_tampering() {
        let mut period = period(0, 0, i64::MAX);
        period.switches.push(Switch {
            at: i64::from(FIRST_DAY + 199) * DAY_SECONDS,
            on: true,
        });
        let mut component = typed("MC-0", Some(86_400), &[period]);
        component.events = vec![event(DeviceEventKind::CoverOpen, 199)];
        let kwh = scaled(home(1, 300, 8.0), 200..300, 0.4);
        let world = World::steady(component, 300);
        let (found, _) = world.rule(&Profiles::daily(0, FIRST_DAY, &kwh), RULE);
        assert_eq!(found.verdict, Verdict::NotJudged(Gap::NoEvents));
    }

    #[test]
    fn a_fall_by_estimates_is_none() {
        let mut component = installed();
        component.events = vec![event(DeviceEventKind::Tamper, 199)];
        let kwh = scaled(home(1, 300, 8.0), 200..300, 0.4);
        let profiles = Profiles::daily(0, FIRST_DAY, &kwh).estimate(200..300);
        let (found, _) = World::steady(component, 300).rule(&profiles, RULE);
        assert!(!found.is_hit(), "{found:?}");
    }

    #[test]
    fn what_explains_the_fall_speaks_against_the_rule_as_well() {
        // Forty days are few to know a home by.
        let mut component = installed();
        component.events = vec![event(DeviceEventKind::Tamper, 39)];
        let kwh = scaled(home(1, 160, 8.0), 40..160, 0.3);
        let world = World::steady(component, 160);
        let stays = world.judge(&Profiles::daily(0, FIRST_DAY, &kwh));
        let (found, against) = find(&stays[0], RULE);
        assert!(found.is_hit(), "{found:?}");
        assert!(against.contains(&Suppressor::NewInstall), "{against:?}");
        assert_eq!(find(&stays[0], Rule::SustainedDrop).1, against);
    }
}
