//! Siblings: the other delivered channels and meters of a service point.
//!
//! Energy that moves to another channel (a second tariff, a second meter, a two-rate meter for a single-rate one) is not lost.
//! What a fall at one stay left to the place as a whole is taken from the mean kWh a day of all its stays, over up to twelve
//! weeks before the onset and as many after it.

use std::ops::Range;

use crate::judge::StayEvidence;
use crate::levels::WEEK;
use crate::registry::Registry;
use crate::rules::{Rule, RuleConfig, RuleEvidence, register_mismatch, sibling_mismatch};
use crate::suppressors::{Suppression, Suppressor};

/// Weeks on either side of an onset.
const WEEKS: i32 = 12;

/// Share of the fall that the siblings must make up for.
const MADE_UP: f64 = 0.5;

/// Mean kWh a day of a stay over some weeks; 0 where it was not there, `None` where it was and nothing is known of it.
fn rate(stay: &StayEvidence, weeks: &Range<i32>) -> Option<f64> {
    let from = stay.weeks.partition_point(|week| week.number < weeks.start);
    let to = stay.weeks.partition_point(|week| week.number < weeks.end);
    let (days, kwh) = stay.weeks[from..to].iter().fold((0.0, 0.0), |sum, week| {
        (sum.0 + f64::from(week.days), sum.1 + f64::from(week.kwh))
    });
    if days > 0.0 {
        // A meter that came or went in between was there for a part of the weeks.
        let held = (stay.first_day.div_euclid(WEEK)).max(weeks.start)
            ..(stay.last_actual_day.div_euclid(WEEK) + 1).min(weeks.end);
        let share = f64::from(held.end - held.start) / f64::from(weeks.end - weeks.start);
        return Some(kwh / days * share);
    }
    let there =
        stay.first_day.div_euclid(WEEK) < weeks.end && stay.last_actual_day.div_euclid(WEEK) >= weeks.start;
    (!there).then_some(0.0)
}

/// Share of the fall found by `rule` at `stays[fallen]` that the place as a whole did not lose; `None` where nothing fell.
fn made_up(stays: &[StayEvidence], fallen: usize, rule: &RuleEvidence) -> Option<f64> {
    let onset = rule.onset_day.div_euclid(WEEK);
    let before = onset - WEEKS..onset;
    let after = onset + 1
        ..(onset + 1 + WEEKS)
            .min(rule.end_day.div_euclid(WEEK))
            .max(onset + 2);
    let mut place = 0.0;
    for stay in stays {
        place += rate(stay, &after)? - rate(stay, &before)?;
    }
    let fall = if rule.rule == Rule::DropAfterExchange {
        // What the old meter counted, less what this one does.
        let was: f64 = stays
            .iter()
            .map(|stay| rate(stay, &before))
            .sum::<Option<f64>>()?;
        was - rate(&stays[fallen], &after)?
    } else {
        rate(&stays[fallen], &before)? - rate(&stays[fallen], &after)?
    };
    (fall > 0.0).then(|| 1.0 + place / fall)
}

/// Adds `SIBLING_MISMATCH` and `REGISTER_MISMATCH` to every stay of one service point.
pub(super) fn compare(stays: &mut [StayEvidence], registry: &Registry, config: &RuleConfig) {
    let comparable = stays.len() >= 2
        && stays
            .iter()
            .all(|stay| !stay.weeks.is_empty() || stay.edges.is_none());
    for position in 0..stays.len() {
        let stay = &stays[position];
        // Bills are compared where they are judged.
        if stay.rules.iter().any(|found| found.rule == Rule::SiblingMismatch) {
            continue;
        }
        let fall = stay
            .rules
            .iter()
            .find(|rule| rule.is_hit() && [Rule::ZeroWhileOn, Rule::SustainedDrop].contains(&rule.rule));
        let fall = fall
            .filter(|_| comparable)
            .and_then(|fall| Some((fall, made_up(stays, position, fall)?)));
        let mismatch = sibling_mismatch::judge(fall, &config.sibling_mismatch);
        let register = register_of(stays, position, registry).map(|at| stays[at].weeks.as_slice());
        let shortfall = register_mismatch::judge(&stay.weeks, register, &config.register_mismatch);
        stays[position].rules.extend([mismatch, shortfall]);
    }
}

/// The register of the same device as an interval channel's.
fn register_of(stays: &[StayEvidence], intervals: usize, registry: &Registry) -> Option<usize> {
    let component = |position: usize| &registry.components[stays[position].component as usize];
    let own = component(intervals);
    own.interval_seconds()?;
    let device = own.device_id.as_deref()?;
    (0..stays.len()).find(|&other| {
        let other = component(other);
        other.interval_seconds().is_none() && other.device_id.as_deref() == Some(device)
    })
}

/// Adds the suppressor to the falls of one service point that its siblings made up for.
pub(super) fn suppress(stays: &mut [StayEvidence], config: &RuleConfig) {
    if stays.len() < 2
        || stays
            .iter()
            .any(|stay| stay.weeks.is_empty() && stay.edges.is_some())
    {
        return;
    }
    let factor = config.suppressors.factor(Suppressor::SiblingRose) as f32;
    for fallen in 0..stays.len() {
        let found: Vec<Suppression> = stays[fallen]
            .rules
            .iter()
            .filter(|rule| {
                let of_level = [
                    Rule::ZeroWhileOn,
                    Rule::SustainedDrop,
                    Rule::DropAfterExchange,
                    Rule::TamperThenDrop,
                ];
                rule.is_hit() && of_level.contains(&rule.rule)
            })
            .filter_map(|rule| {
                let share = made_up(stays, fallen, rule).filter(|share| *share >= MADE_UP)?;
                Some(Suppression {
                    suppressor: Suppressor::SiblingRose,
                    rule: rule.rule,
                    factor,
                    measured: share as f32,
                })
            })
            .collect();
        stays[fallen].suppressions.extend(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::levels::Week;
    use crate::rules::Verdict;

    /// A stay at 1970-01-01 + 7 x weeks, at so many kWh a day.
    fn stay(parts: &[(Range<i32>, f32)]) -> StayEvidence {
        let (first, last) = (parts[0].0.start, parts[parts.len() - 1].0.end);
        StayEvidence {
            component: 0,
            service_point: Some(0),
            first_day: first * WEEK,
            last_day: last * WEEK - 1,
            last_actual_day: last * WEEK - 1,
            days_observed: ((last - first) * WEEK) as u32,
            actual_share: 1.0,
            rules: Vec::new(),
            suppressions: Vec::new(),
            edges: None,
            weeks: parts
                .iter()
                .flat_map(|(weeks, kwh)| {
                    weeks.clone().map(move |number| Week {
                        number,
                        days: 7,
                        kwh: 7.0 * kwh,
                    })
                })
                .collect(),
            loss: None,
            taken_back: None,
            usage_micro: 0,
        }
    }

    fn hit(rule: Rule, weeks: Range<i32>) -> RuleEvidence {
        RuleEvidence {
            rule,
            verdict: Verdict::Hit,
            value: 0.5,
            threshold: 0.6,
            onset_day: weeks.start * WEEK,
            end_day: weeks.end * WEEK - 1,
            strength: 1.0,
            kwh_micro: 0,
        }
    }

    fn share(stays: &[StayEvidence], rule: Rule) -> Option<f64> {
        made_up(stays, 0, &hit(rule, 50..100))
    }

    fn near(found: Option<f64>, wanted: f64) {
        assert!((found.unwrap() - wanted).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn what_the_other_channel_gained_was_not_lost() {
        let fallen = stay(&[(0..50, 10.0), (50..100, 4.0)]);
        near(
            share(
                &[fallen.clone(), stay(&[(0..50, 3.0), (50..100, 9.0)])],
                Rule::SustainedDrop,
            ),
            1.0,
        );
        near(
            share(
                &[fallen.clone(), stay(&[(0..50, 3.0), (50..100, 6.0)])],
                Rule::SustainedDrop,
            ),
            0.5,
        );
        near(
            share(&[fallen.clone(), stay(&[(0..100, 3.0)])], Rule::SustainedDrop),
            0.0,
        );
        // A second meter that was hung up a week after the fall.
        near(
            share(&[fallen, stay(&[(51..100, 6.0)])], Rule::SustainedDrop),
            1.0,
        );
    }

    #[test]
    fn twelve_weeks_before_and_after_are_compared() {
        // 6 kWh a day less than in the twelve weeks before; what was earlier and what came later is much more. The two weeks at
        // either end of the twelve are not those next to them.
        let fallen = stay(&[
            (0..38, 100.0),
            (38..40, 30.0),
            (40..50, 6.0),
            (50..61, 4.6),
            (61..63, 1.0),
            (63..100, 100.0),
        ]);
        near(
            share(
                &[fallen, stay(&[(0..50, 1.0), (50..100, 4.0)])],
                Rule::SustainedDrop,
            ),
            0.5,
        );
    }

    #[test]
    fn a_meter_replaced_by_two_is_compared_with_both() {
        let low = stay(&[(50..100, 6.0)]);
        let night = stay(&[(50..100, 4.0)]);
        let old = stay(&[(0..50, 10.0)]);
        near(
            share(&[low.clone(), night, old.clone()], Rule::DropAfterExchange),
            1.0,
        );
        near(share(&[low, old], Rule::DropAfterExchange), 0.0);
    }

    #[test]
    fn a_sibling_that_nothing_is_known_of_proves_nothing() {
        let fallen = stay(&[(0..50, 10.0), (50..100, 4.0)]);
        let silent = stay(&[(0..30, 3.0), (70..100, 9.0)]);
        assert_eq!(share(&[fallen, silent], Rule::SustainedDrop), None);
    }

    #[test]
    fn half_of_the_fall_is_enough_to_suppress() {
        let config = RuleConfig::default();
        let suppressed = |after: f32| {
            let mut fallen = stay(&[(0..50, 10.0), (50..100, 4.0)]);
            fallen.rules.push(hit(Rule::SustainedDrop, 50..100));
            let mut stays = [fallen, stay(&[(0..50, 3.0), (50..100, after)])];
            suppress(&mut stays, &config);
            stays[0]
                .suppressions
                .first()
                .map(|found| (found.suppressor, found.factor))
        };
        assert_eq!(suppressed(6.1), Some((Suppressor::SiblingRose, 0.2)));
        assert_eq!(suppressed(5.9), None);
    }
}
