//! `PARTIAL_BYPASS`: a part of the day is missing while the home is lived in.
//!
//! Two ways lead here. A *block*: some hours of the day, one after another, fall below all that was usual in them, base load
//! included, while the other hours stay as they were. *Zeros*: days on which intervals are at exactly zero though the
//! greatest interval of the day shows people at home, where such days were rare before. A fridge does not pause at two
//! every night, and nobody switches the mains off for lunch. Both need that energy went
//! missing: what turns up in other hours, or at another resolution, was moved or rounded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::error::TransformError;
use crate::hours::HourChange;
use crate::model::MICRO;

/// Longest block: what is missing nearly all day is a level that fell.
const LONGEST_BLOCK: usize = 20;

/// What the other hours must keep of their level, in part and wholly.
const KEPT: (f64, f64) = (0.55, 0.8);

/// Hours of a block that count in part, and wholly.
const BLOCK_HOURS: (f64, f64) = (2.0, 6.0);

/// Share of the days with zeros that counts in part, and wholly.
const ZERO_DAYS: (f64, f64) = (0.1, 0.6);

/// Share of the day's energy that must be gone, in part and wholly.
const NET_FALL: (f64, f64) = (0.02, 0.08);

/// A day with zeros before counts against as many after.
const BEFORE: f64 = 2.0;

/// Thresholds of `PARTIAL_BYPASS`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PartialBypassConfig {
    /// Hours a day that a hit needs: of the block, or at zero.
    pub min_hours: f64,
    /// Share of the days after the onset, 0..1, that must have zeros where there is no block.
    pub min_zero_days: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for PartialBypassConfig {
    fn default() -> Self {
        Self {
            min_hours: 3.0,
            min_zero_days: 0.3,
            weight: 0.7,
        }
    }
}

impl PartialBypassConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("partial_bypass.min_hours", self.min_hours, 1.0, 20.0)?;
        within("partial_bypass.min_zero_days", self.min_zero_days, 0.05, 1.0)
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    let config = &context.config.partial_bypass;
    let not_judged = |gap| RuleEvidence::not_judged(Rule::PartialBypass, gap, config.min_hours);
    if context.hours.is_empty() {
        return not_judged(Gap::NoHours);
    }
    // Panels that came with the change hide the middle of the day; panels that were there before do not.
    let found = context.best_of_hours(|hours| {
        if context.panels_since(hours.onset_day) {
            not_judged(Gap::ReceivedChannel)
        } else if hours.coarser() {
            not_judged(Gap::CoarseSteps)
        } else {
            at_change(hours, config)
        }
    });
    found.unwrap_or_else(|| not_judged(Gap::NoHours))
}

fn at_change(hours: &HourChange, config: &PartialBypassConfig) -> RuleEvidence {
    let (block, kept) = hours.missing_block();
    let block = if block <= LONGEST_BLOCK { block as f64 } else { 0.0 };
    let of_block = ramp(block, BLOCK_HOURS.0, BLOCK_HOURS.1) * ramp(kept.exp(), KEPT.0, KEPT.1);
    let zero_days = hours.after.zeros_lived_in - BEFORE * hours.before.zeros;
    let zero_hours = (hours.after.zero_hours - hours.before.zero_hours).max(0.0);
    let of_zeros = ramp(zero_days, ZERO_DAYS.0, ZERO_DAYS.1);
    let (value, strength, enough) = if of_block >= of_zeros {
        (block, of_block, of_block > 0.0)
    } else {
        (zero_hours, of_zeros, zero_days >= config.min_zero_days)
    };
    let gone = ramp(hours.net_fall(), NET_FALL.0, NET_FALL.1);
    let (strength, enough) = (strength * gone, enough && gone >= 0.5);
    let hit = enough && value >= config.min_hours;
    RuleEvidence {
        rule: Rule::PartialBypass,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: value as f32,
        threshold: config.min_hours as f32,
        onset_day: hours.onset_day,
        end_day: hours.last_day,
        strength: (if hit { 0.4 + 0.6 * strength } else { 0.6 * strength }) as f32,
        kwh_micro: if hit { fallen_micro(hours) } else { 0 },
    }
}

/// Energy that the hours that fell would have had, at the level before, over the days after; 10^-6 kWh.
pub(super) fn fallen_micro(hours: &HourChange) -> i64 {
    let pairs = hours.before.mean.iter().zip(&hours.after.mean);
    let wh: f64 = pairs.map(|(before, after)| (before - after).max(0.0)).sum();
    (wh * hours.after.days as f64 * (MICRO / 1_000) as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Direction;
    use crate::peers::PeerBuilder;
    use crate::registry::Registry;
    use crate::rules::testing::{
        FIRST_DAY, Profiles, World, from_day, hour_change, hourly_home, judge_hourly, noise, period, places,
        side, typed,
    };
    use crate::suppressors::Suppressor;

    const RULE: Rule = Rule::PartialBypass;

    /// Days of 100 Wh an hour of which some hours are missing, and others are at a share of what they were; `fall`: of the mean.
    fn block(hours: usize, others: f64, fall: f64) -> HourChange {
        let after = |hour| if hour < hours { 0.0 } else { 100.1 * others - 0.1 };
        let mut change = hour_change(&side([100.0; 24]), &side(std::array::from_fn(after)));
        change.after.mean = [100.0 * (1.0 - fall); 24];
        change
    }

    /// Zeros on a share of the days, for so many hours a day on average, and a mean that fell by `fall`.
    fn zeros(before: f64, days: f64, hours: f64) -> RuleEvidence {
        let mut change = block(0, 1.0, 0.1);
        change.before.zeros = before;
        (change.after.zeros_lived_in, change.after.zero_hours) = (days, hours);
        of(&change)
    }

    fn of(change: &HourChange) -> RuleEvidence {
        at_change(change, &PartialBypassConfig::default())
    }

    fn near(found: &RuleEvidence, hit: bool, strength: f32) {
        assert_eq!(found.is_hit(), hit, "{found:?}");
        assert!((found.strength - strength).abs() < 1e-5, "{found:?} {strength}");
    }

    #[test]
    fn three_missing_hours_hit_and_six_are_sure() {
        near(&of(&block(2, 1.0, 0.1)), false, 0.0);
        // A quarter of the way from two hours to six; a hit counts 0.4 before that.
        near(&of(&block(3, 1.0, 0.1)), true, 0.55);
        near(&of(&block(5, 1.0, 0.1)), true, 0.85);
        near(&of(&block(6, 1.0, 0.1)), true, 1.0);
        near(&of(&block(20, 1.0, 0.1)), true, 1.0);
        // A day of which four hours are left is no block that is missing.
        near(&of(&block(21, 1.0, 0.1)), false, 0.0);
    }

    #[test]
    fn the_other_hours_must_have_kept_their_level() {
        near(&of(&block(6, 0.8, 0.1)), true, 1.0);
        near(&of(&block(6, 0.75, 0.1)), true, 0.4 + 0.6 * 0.8);
        near(&of(&block(6, 0.6, 0.1)), true, 0.4 + 0.6 * 0.2);
        near(&of(&block(6, 0.55, 0.1)), false, 0.0);
    }

    #[test]
    fn energy_must_have_gone() {
        near(&of(&block(6, 1.0, 0.08)), true, 1.0);
        near(&of(&block(6, 1.0, 0.065)), true, 0.85);
        near(&of(&block(6, 1.0, 0.051)), true, 0.4 + 0.6 * 31.0 / 60.0);
        // 29 of 60 are less than half of the way, and a near miss.
        near(&of(&block(6, 1.0, 0.049)), false, 0.6 * 29.0 / 60.0);
        near(&of(&block(6, 1.0, 0.02)), false, 0.0);
    }

    #[test]
    fn zeros_on_three_days_in_ten_for_three_hours_hit() {
        near(&zeros(0.0, 0.35, 4.0), true, 0.7);
        near(&zeros(0.0, 0.6, 4.0), true, 1.0);
        near(&zeros(0.0, 0.55, 4.0), true, 0.94);
        near(&zeros(0.0, 0.15, 4.0), false, 0.06);
        near(&zeros(0.0, 0.301, 4.0), true, 0.4 + 0.6 * 0.402);
        near(&zeros(0.0, 0.299, 4.0), false, 0.6 * 0.398);
        assert!(zeros(0.0, 0.6, 3.01).is_hit() && !zeros(0.0, 0.6, 2.99).is_hit());
        // Days with zeros before count twice against them.
        assert!(zeros(0.1, 0.501, 4.0).is_hit() && !zeros(0.1, 0.499, 4.0).is_hit());
    }

    #[test]
    fn an_hour_below_a_third_of_what_was_usual_in_it_is_missing() {
        let left = |wh: f64| {
            let mut change = block(6, 1.0, 0.1);
            change.after.median[..6].fill(wh);
            change.missing_block().0
        };
        assert_eq!((left(34.9), left(35.1)), (6, 0));
        // Where people are up twice the base load is usual, and no more than the base load where it is hidden.
        let mut evening = block(6, 1.0, 0.1);
        evening.before.low[..6].fill(399.0);
        evening.after.median[..6].fill(69.0);
        assert_eq!(evening.missing_block().0, 6);
        evening.after.median[..6].fill(71.0);
        assert_eq!(evening.missing_block().0, 0);
        evening.before.low[..6].fill(400.0);
        evening.after.median[..6].fill(34.9);
        assert_eq!(evening.missing_block().0, 6);
        evening.after.median[..6].fill(35.1);
        assert_eq!(evening.missing_block().0, 0);
    }

    /// From day 80 of 160 on some hours are times a factor.
    fn scaled(hours: std::ops::Range<usize>, factor: f64) -> Vec<Vec<f64>> {
        from_day(hourly_home(1, 160), 80, |_, day| {
            for kwh in &mut day[hours.clone()] {
                *kwh *= factor;
            }
        })
    }

    #[test]
    fn a_night_without_its_base_load_hits_on_the_day() {
        let (found, against) = judge_hourly(&scaled(0..6, 0.1), RULE);
        assert_eq!(found.verdict, Verdict::Hit);
        assert_eq!(
            (found.onset_day, found.end_day),
            (FIRST_DAY + 80, FIRST_DAY + 159)
        );
        assert!((found.value - 6.0).abs() < 1e-6, "{found:?}");
        // Six hours of 0.2 kWh, of which 0.02 were counted, on 80 days: 86.4 kWh, give or take the noise of the others.
        assert!((found.kwh_micro - 86_400_000).abs() < 6_000_000, "{found:?}");
        assert_eq!(against, []);
    }

    #[test]
    fn two_hours_are_too_few_and_half_of_the_base_load_too_much() {
        assert_eq!(judge_hourly(&scaled(0..2, 0.1), RULE).0.verdict, Verdict::Miss);
        let (found, _) = judge_hourly(&scaled(0..6, 0.5), RULE);
        assert_eq!((found.verdict, found.strength), (Verdict::Miss, 0.0));
    }

    #[test]
    fn a_car_that_no_longer_charges_leaves_the_base_load() {
        let with_car = from_day(hourly_home(1, 160), 0, |day, hours| {
            if day < 80 {
                for kwh in &mut hours[1..6] {
                    *kwh += 3.0;
                }
            }
        });
        let (found, _) = judge_hourly(&with_car, RULE);
        assert_eq!((found.verdict, found.strength), (Verdict::Miss, 0.0), "{found:?}");
    }

    #[test]
    fn heating_by_night_hides_how_low_the_nights_are() {
        // The evenings never fall below 0.2 kWh; the nights, without what heated in them, stand at `night`.
        let heated = |night: f64| {
            from_day(hourly_home(1, 160), 0, |day, hours| {
                for kwh in &mut hours[1..7] {
                    *kwh = if day < 80 { 3.0 * *kwh / 0.2 } else { night };
                }
            })
        };
        let (found, _) = judge_hourly(&heated(0.09), RULE);
        assert_eq!((found.verdict, found.strength), (Verdict::Miss, 0.0), "{found:?}");
        let (found, _) = judge_hourly(&heated(0.04), RULE);
        assert!(found.is_hit(), "{found:?}");
        // Where people are up, twice the base load of 0.18 kWh is the measure: below 0.35 x 0.36 kWh hours are missing.
        let awake = |left: f64| {
            from_day(hourly_home(1, 160), 0, |day, hours| {
                for kwh in &mut hours[9..15] {
                    *kwh = if day >= 80 { left } else { 0.5 };
                }
            })
        };
        assert!(judge_hourly(&awake(0.1), RULE).0.is_hit());
        assert!(!judge_hourly(&awake(0.15), RULE).0.is_hit());
    }

    #[test]
    fn zeros_at_another_time_each_day_hit() {
        let spells = from_day(hourly_home(1, 160), 80, |day, hours| {
            let start = (noise(3, day) * 19.0) as usize;
            hours[start..start + 5].fill(0.0);
        });
        let (found, against) = judge_hourly(&spells, RULE);
        assert_eq!(found.verdict, Verdict::Hit);
        assert!((found.value - 5.0).abs() < 1e-6, "{found:?}");
        assert_eq!(against, []);
        // Long ones are most often at zero around midday, but panels do not reach into the night.
        let long = from_day(hourly_home(1, 160), 80, |day, hours| {
            let start = (noise(3, day) * 11.0) as usize;
            hours[start..start + 13].fill(0.0);
        });
        let (found, against) = judge_hourly(&long, RULE);
        assert!(found.is_hit(), "{found:?}");
        assert_eq!(against, []);
    }

    #[test]
    fn zeros_of_an_empty_home_do_not_hit() {
        // The mains are switched off on four days of five: nothing of those days is lived in.
        let weekends = from_day(hourly_home(1, 160), 80, |day, hours| {
            if day % 5 != 0 {
                hours.fill(0.0);
            }
        });
        assert_eq!(judge_hourly(&weekends, RULE).0.verdict, Verdict::Miss);
    }

    #[test]
    fn midday_that_is_gone_on_bright_days_is_solar() {
        let panels = from_day(hourly_home(1, 160), 80, |day, hours| {
            if noise(4, day) < 0.7 {
                hours[9..16].fill(0.01);
            }
        });
        let (found, against) = judge_hourly(&panels, RULE);
        assert!(found.is_hit());
        assert!(against.contains(&Suppressor::Solar), "{against:?}");
        // Fifteen hours of a long day, beside nights that fell by half with the heating.
        let summer = from_day(hourly_home(1, 160), 80, |day, hours| {
            for kwh in hours.iter_mut() {
                *kwh *= 0.5;
            }
            if noise(4, day) < 0.7 {
                hours[5..20].fill(0.0);
            }
        });
        let (found, against) = judge_hourly(&summer, RULE);
        assert!(found.is_hit(), "{found:?}");
        assert!(against.contains(&Suppressor::Solar), "{against:?}");
        // On every day, however dark, it is not.
        let (found, against) = judge_hourly(&scaled(9..16, 0.05), RULE);
        assert!(
            found.is_hit() && !against.contains(&Suppressor::Solar),
            "{against:?}"
        );
    }

    #[test]
    fn hours_whose_energy_turns_up_in_others_were_moved() {
        // A battery: nothing by night, all of it and a little more in the afternoon.
        let battery = from_day(hourly_home(1, 160), 80, |_, day| {
            let night: f64 = day[..6].iter().sum();
            day[..6].fill(0.0);
            day[14] += 1.02 * night;
        });
        let (found, _) = judge_hourly(&battery, RULE);
        assert_eq!((found.verdict, found.strength), (Verdict::Miss, 0.0), "{found:?}");
    }

    #[test]
    fn zeros_of_coarse_steps_are_no_zeros() {
        // From day 80 on the head-end delivers whole kilowatt-hours, and drops what is below.
        let coarse = from_day(hourly_home(1, 160), 80, |_, day| {
            for kwh in day.iter_mut() {
                *kwh = kwh.floor();
            }
        });
        let (found, _) = judge_hourly(&coarse, RULE);
        assert_eq!(found.verdict, Verdict::NotJudged(Gap::CoarseSteps));
    }

    #[test]
    fn panels_that_came_with_the_change_hide_it_and_older_ones_do_not() {
        let profiles = Profiles::intervals(0, FIRST_DAY, &scaled(0..6, 0.1));
        for (first, gap) in [(0, None), (70, Some(Gap::ReceivedChannel))] {
            let mut world = World::steady(typed("MC-0", Some(3600), &[period(0, 0, i64::MAX)]), 3);
            let mut components = world.registry.components.clone();
            let mut channel = typed("MC-999", Some(86_400), &[period(0, 0, i64::MAX)]);
            if let Some(kind) = &mut channel.component_type {
                kind.direction = Direction::Received;
            }
            components.push(channel);
            world.registry = Registry::new(components, places(50));
            let mut builder = PeerBuilder::new(&world.registry);
            let fed_in: Vec<f64> = (0..160).map(|day| if day < first { 0.0 } else { 3.0 }).collect();
            builder.observe_series(&Profiles::daily(31, FIRST_DAY, &fed_in).series(), &world.registry);
            world.peers = builder.finish(20);
            let (found, _) = world.rule(&profiles, RULE);
            match gap {
                Some(gap) => assert_eq!(found.verdict, Verdict::NotJudged(gap)),
                None => assert!(found.is_hit(), "{found:?}"),
            }
        }
    }
}
