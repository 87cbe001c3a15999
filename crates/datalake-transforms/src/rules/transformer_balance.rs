//! `TRANSFORMER_BALANCE`: the home's use fell, and its transformer goes on supplying what it used.
//!
//! A transformer with a meter of its own is balanced against the meters behind it ([`crate::balance`]). A home that uses
//! less lowers both sides; a thief lowers what is counted, and the residual rises by what he takes. So of each fall of the level
//! it is asked what of it shows in the residual: the rise of the residual per day, from the weeks before the onset to those after
//! it, over the energy per day that the home counts less (the slope of the residual on the customer's drop). Where several homes
//! fell in the same weeks, they share the rise (`share_out`).
//!
//! A residual that is high all along, or that rises while nobody's use falls, names nobody: it is a finding about the
//! transformer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::fall::Fall;
use super::{Gap, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::balance::BalanceWeek;
use crate::error::TransformError;
use crate::levels::{Block, WEEK};
use crate::loss::loss;
use crate::model::MICRO;
use crate::quantiles::median;

/// Weeks before an onset that the residual is taken from at most.
const WEEKS_BEFORE: i32 = 12;

/// Share of what is supplied below which a rise of the residual is technical: losses grow with the square of the load.
const LEAST_RISE: f64 = 0.01;

/// The same in units of the spread that the residual's share had in the weeks before.
const ABOVE_NOISE: f64 = 3.0;

/// Days between the onsets of falls that may be told apart by nothing but their size.
const TOGETHER_DAYS: i32 = 2 * WEEK;

/// Thresholds of `TRANSFORMER_BALANCE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TransformerBalanceConfig {
    /// Share of what a transformer supplies that cables and the transformer itself lose, 0..0.5; only what is missing beyond it
    /// counts.
    pub technical_loss: f64,
    /// Share of a home's fall that must show in the residual for a hit, 0..1.
    pub min_share: f64,
    /// Weeks of the balance that are needed on either side of a fall, and for the residual to be persistent.
    pub min_weeks: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for TransformerBalanceConfig {
    fn default() -> Self {
        Self {
            technical_loss: 0.06,
            min_share: 0.5,
            min_weeks: 3,
            weight: 0.6,
        }
    }
}

impl TransformerBalanceConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within(
            "transformer_balance.technical_loss",
            self.technical_loss,
            0.0,
            0.5,
        )?;
        within("transformer_balance.min_share", self.min_share, 0.05, 1.0)?;
        whole("transformer_balance.min_weeks", self.min_weeks, 2, 52)
    }
}

pub(crate) fn judge(context: &StayContext<'_>, falls: &[Fall], blocks: &[Block]) -> RuleEvidence {
    let config = &context.config.transformer_balance;
    let not_judged = |gap| RuleEvidence::not_judged(Rule::TransformerBalance, gap, config.min_share);
    let place = context.stay.service_point;
    let Some(transformer) = place.and_then(|place| context.registry.transformers.feeding(place)) else {
        return not_judged(Gap::NoBalance);
    };
    let weeks = context.peers.balances().weeks(transformer);
    let mut best: Option<RuleEvidence> = None;
    let mut fell = false;
    for fall in falls.iter().filter(|fall| fall.bears_a_hit()) {
        fell = true;
        let Some(rise) = rise(weeks, fall, config) else {
            continue;
        };
        let days = fall.onset..fall.end.saturating_add(1);
        let counted = context.levels.positions(days.clone()).len();
        let lost = loss(context.levels, blocks, fall.onset, days, |_| true);
        let Some(lost) = lost.filter(|lost| lost.lost_micro > 0 && counted > 0) else {
            continue;
        };
        let fallen = lost.lost_micro as f64 / MICRO as f64 / counted as f64;
        let share = (rise.missing / fallen).max(0.0);
        let found = at_fall(fall, share, &rise, lost.lost_micro, config);
        let rank = |found: &RuleEvidence| (found.is_hit(), found.strength);
        if best.is_none_or(|best| rank(&found) > rank(&best)) {
            best = Some(found);
        }
    }
    best.unwrap_or_else(|| not_judged(if fell { Gap::NoBalance } else { Gap::NoFall }))
}

/// How the residual changed at an onset.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rise {
    /// What is missing since, kWh a day: the rise of the residual, less what the technical losses rose by with the load.
    missing: f64,
    /// What is supplied since, kWh a day.
    supplied: f64,
    /// Residual / supplied since.
    share: f64,
    /// Robust spread of the weekly shares before.
    noise: f64,
}

/// The weeks before the week of an onset and the whole weeks of the fall; `None` where there are fewer than needed of either.
fn rise(weeks: &[BalanceWeek], fall: &Fall, config: &TransformerBalanceConfig) -> Option<Rise> {
    let week = fall.onset.div_euclid(WEEK);
    let end = fall.end.saturating_add(1).div_euclid(WEEK);
    let counted = |keep: &dyn Fn(i32) -> bool| -> Vec<&BalanceWeek> {
        let weeks = weeks.iter().filter(|week| week.share().is_some());
        weeks.filter(|week| keep(week.number)).collect()
    };
    let before = counted(&|number| (week - WEEKS_BEFORE..week).contains(&number));
    let after = counted(&|number| (week + 1..end).contains(&number));
    if before.len().min(after.len()) < config.min_weeks as usize {
        return None;
    }
    let per_day = |weeks: &[&BalanceWeek], part: fn(&BalanceWeek) -> i64| -> f64 {
        let sum: i128 = weeks.iter().map(|week| i128::from(part(week))).sum();
        let days: u32 = weeks.iter().map(|week| u32::from(week.days)).sum();
        sum as f64 / MICRO as f64 / f64::from(days)
    };
    let residual = [&before, &after].map(|weeks| per_day(weeks, |week| week.residual_micro));
    let supplied = [&before, &after].map(|weeks| per_day(weeks, |week| week.supplied_micro));
    let technical = (residual[0] / supplied[0]).clamp(0.0, config.technical_loss);
    let mut shares: Vec<f64> = before.iter().filter_map(|week| week.share()).collect();
    let middle = median(&mut shares)?;
    for share in &mut shares {
        *share = (*share - middle).abs();
    }
    Some(Rise {
        missing: residual[1] - residual[0] - technical * (supplied[1] - supplied[0]),
        supplied: supplied[1],
        share: residual[1] / supplied[1],
        noise: 1.4826 * median(&mut shares)?,
    })
}

/// `share`: of the home's fall, what shows in the residual.
fn at_fall(
    fall: &Fall,
    share: f64,
    rise: &Rise,
    lost_micro: i64,
    config: &TransformerBalanceConfig,
) -> RuleEvidence {
    let beyond_noise = rise.missing >= rise.supplied * LEAST_RISE.max(ABOVE_NOISE * rise.noise);
    let hit = share >= config.min_share && beyond_noise && rise.share > config.technical_loss;
    RuleEvidence {
        rule: Rule::TransformerBalance,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: share as f32,
        threshold: config.min_share as f32,
        onset_day: fall.onset,
        end_day: fall.end,
        strength: if hit { strength(share, config) } else { 0.0 },
        kwh_micro: if hit { lost_micro } else { 0 },
    }
}

/// 0..1, by the share of the fall that shows in the residual.
fn strength(share: f64, config: &TransformerBalanceConfig) -> f32 {
    (0.5 + 0.5 * ramp(share, config.min_share, 0.9_f64.max(config.min_share + 0.05))) as f32
}

/// Hits of homes behind one transformer whose falls began in the same weeks share what is missing: each gets of it what its
/// fall is of all their falls. `hits` are those of one transformer, and come back in the order of their onsets.
pub(crate) fn share_out(hits: &mut [RuleEvidence], config: &TransformerBalanceConfig) {
    /// What a home counts less, 10^-6 kWh a day.
    fn fallen(hit: &RuleEvidence) -> i64 {
        hit.kwh_micro / i64::from(hit.end_day - hit.onset_day + 1).max(1)
    }
    hits.sort_by_key(|hit| hit.onset_day);
    let (mut from, mut to, mut together) = (0, 0, 0_i128);
    let mut shares = Vec::with_capacity(hits.len());
    for hit in &*hits {
        while to < hits.len() && hits[to].onset_day - hit.onset_day <= TOGETHER_DAYS {
            together += i128::from(fallen(&hits[to]));
            to += 1;
        }
        while hit.onset_day - hits[from].onset_day > TOGETHER_DAYS {
            together -= i128::from(fallen(&hits[from]));
            from += 1;
        }
        shares.push(f64::from(hit.value) * (fallen(hit) as f64 / together.max(1) as f64));
    }
    for (hit, share) in hits.iter_mut().zip(shares) {
        let is_hit = share >= config.min_share;
        hit.value = share as f32;
        hit.verdict = if is_hit { Verdict::Hit } else { Verdict::Miss };
        hit.strength = if is_hit { strength(share, config) } else { 0.0 };
        hit.kwh_micro = if is_hit { hit.kwh_micro } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::peers::PeerBuilder;
    use crate::registry::{Registry, ServicePoint};
    use crate::rules::testing::{FIRST_DAY, Profiles, World, find, home, period, scaled, typed};

    const RULE: Rule = Rule::TransformerBalance;

    /// Days of the lake; falls begin on day 98, a Monday.
    const DAYS: usize = 196;
    const ONSET: usize = 98;

    /// A street of three homes behind T, whose meter hangs at the service point T. `counted` of what each home uses, by home; what
    /// the transformer supplies is what they use, and five percent.
    fn street(used: &[Vec<f64>; 3], counted: &[Vec<f64>; 3]) -> (World, Vec<Profiles>) {
        let mut places: Vec<ServicePoint> = (0..3)
            .map(|place| ServicePoint {
                id: format!("SP-{place}"),
                transformer_id: Some("T".to_owned()),
                ..ServicePoint::default()
            })
            .collect();
        places.push(ServicePoint {
            id: "T".to_owned(),
            ..ServicePoint::default()
        });
        let components =
            (0..4).map(|at| typed(&format!("MC-{at}"), Some(86_400), &[period(at, 0, i64::MAX)]));
        let registry = Registry::new(components.collect(), places);
        let supplied: Vec<f64> = (0..DAYS)
            .map(|day| used.iter().map(|home| home[day]).sum::<f64>() / 0.95)
            .collect();
        let mut profiles: Vec<Profiles> = (0..)
            .zip(counted)
            .map(|(at, kwh)| Profiles::daily(at, FIRST_DAY, kwh))
            .collect();
        profiles.push(Profiles::daily(3, FIRST_DAY, &supplied));
        let mut builder = PeerBuilder::new(&registry);
        for profiles in &profiles {
            builder.observe_series(&profiles.series(), &registry);
        }
        let world = World {
            peers: builder.finish(20),
            registry,
            config: crate::rules::RuleConfig::default(),
        };
        (world, profiles)
    }

    fn homes() -> [Vec<f64>; 3] {
        [1, 2, 3].map(|seed| home(seed, DAYS, 8.0))
    }

    #[test]
    fn what_a_thief_takes_is_missing_at_the_transformer() {
        let used = homes();
        let mut counted = used.clone();
        counted[0] = scaled(counted[0].clone(), ONSET..DAYS, 0.4);
        let (world, profiles) = street(&used, &counted);
        let (found, _) = world.rule(&profiles[0], RULE);
        assert_eq!(found.verdict, Verdict::Hit, "{found:?}");
        // All of the fall shows, give or take what the home's days vary.
        assert!((found.value - 1.0).abs() < 0.1, "{found:?}");
        assert!(
            (found.onset_day - FIRST_DAY - ONSET as i32).abs() <= 1,
            "{found:?}"
        );
        // 60 % of 8 kWh on 98 days.
        assert!((found.kwh_micro - 470_400_000).abs() < 40_000_000, "{found:?}");
        // Those who did not fall are not named.
        for profiles in &profiles[1..3] {
            assert_eq!(
                world.rule(profiles, RULE).0.verdict,
                Verdict::NotJudged(Gap::NoFall)
            );
        }
        // The transformer's own meter is nobody's home.
        assert_eq!(world.judge(&profiles[3]), []);
    }

    #[test]
    fn a_home_that_uses_less_is_supplied_less() {
        let mut used = homes();
        used[0] = scaled(used[0].clone(), ONSET..DAYS, 0.4);
        let (world, profiles) = street(&used, &used);
        let (found, _) = world.rule(&profiles[0], RULE);
        assert_eq!(found.verdict, Verdict::Miss);
        assert!(found.value.abs() < 0.05, "{found:?}");
    }

    #[test]
    fn a_residual_that_was_there_before_names_nobody() {
        // The third home steals all along, and the first one moves out.
        let mut used = homes();
        used[0] = scaled(used[0].clone(), ONSET..DAYS, 0.4);
        let mut counted = used.clone();
        counted[2] = scaled(counted[2].clone(), 0..DAYS, 0.3);
        let (world, profiles) = street(&used, &counted);
        assert_eq!(world.rule(&profiles[0], RULE).0.verdict, Verdict::Miss);
    }

    #[test]
    fn a_rise_smaller_than_half_of_the_fall_is_a_near_miss() {
        // Of the fall by 60 % a third is stolen, the rest is not used.
        let honest = homes();
        let (mut used, mut counted) = (honest.clone(), honest);
        used[0] = scaled(used[0].clone(), ONSET..DAYS, 0.6);
        counted[0] = scaled(counted[0].clone(), ONSET..DAYS, 0.4);
        let (world, profiles) = street(&used, &counted);
        let (found, _) = world.rule(&profiles[0], RULE);
        assert_eq!(found.verdict, Verdict::Miss);
        assert!((found.value - 0.333).abs() < 0.06, "{found:?}");
    }

    #[test]
    fn days_without_an_actual_value_of_every_meter_do_not_count() {
        let used = homes();
        let mut counted = used.clone();
        counted[0] = scaled(counted[0].clone(), ONSET..DAYS, 0.4);
        // The second home's meter is silent from the fall on.
        counted[1][ONSET..].fill(f64::NAN);
        let (world, profiles) = street(&used, &counted);
        assert_eq!(
            world.rule(&profiles[0], RULE).0.verdict,
            Verdict::NotJudged(Gap::NoBalance)
        );
    }

    #[test]
    fn zeros_that_ended_are_looked_at_while_they_lasted() {
        // Bypassed for eight weeks, and back.
        let used = homes();
        let mut counted = used.clone();
        counted[0] = scaled(counted[0].clone(), ONSET..ONSET + 56, 0.0);
        let (world, profiles) = street(&used, &counted);
        let (found, _) = world.rule(&profiles[0], RULE);
        assert_eq!(found.verdict, Verdict::Hit, "{found:?}");
        assert!((found.value - 1.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn what_is_within_the_technical_loss_is_none() {
        let used = homes();
        let mut counted = used.clone();
        counted[0] = scaled(counted[0].clone(), ONSET..DAYS, 0.4);
        let (mut world, profiles) = street(&used, &counted);
        // A fifth of 25 kWh is missing.
        world.config.transformer_balance.technical_loss = 0.3;
        assert_eq!(world.rule(&profiles[0], RULE).0.verdict, Verdict::Miss);
    }

    /// A week of seven days, energies in kWh.
    fn week(number: i32, supplied: i64, residual: i64) -> BalanceWeek {
        BalanceWeek {
            number,
            days: 7,
            supplied_micro: supplied * MICRO,
            residual_micro: residual * MICRO,
        }
    }

    /// A fall from the Thursday of week 115 to the end of week 120.
    fn fall() -> Fall {
        Fall {
            rule: Rule::SustainedDrop,
            onset: 115 * WEEK,
            end: 121 * WEEK - 1,
            ratio: 0.4,
        }
    }

    /// Weeks of 700 kWh, of which 28 are missing before week 115 and 98 from it on, unless `residual` says otherwise.
    fn weeks(numbers: std::ops::Range<i32>, residual: impl Fn(i32) -> Option<i64>) -> Vec<BalanceWeek> {
        let usual = |number| if number < 115 { 28 } else { 98 };
        numbers
            .map(|number| week(number, 700, residual(number).unwrap_or(usual(number))))
            .collect()
    }

    #[test]
    fn the_rise_is_that_from_the_twelve_weeks_before_to_the_weeks_after() {
        let config = TransformerBalanceConfig::default();
        let missing = |weeks: &[BalanceWeek]| rise(weeks, &fall(), &config).unwrap().missing;
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        // 14 kWh a day less 4.
        near(missing(&weeks(90..121, |_| None)), 10.0);
        // Eight times twelve weeks' residual more in the first of them is eight more of each; in the week before it is nothing.
        near(
            missing(&weeks(90..121, |number| (number == 103).then_some(28 + 12 * 7))),
            9.0,
        );
        near(
            missing(&weeks(90..121, |number| (number == 102).then_some(28 + 12 * 7))),
            10.0,
        );
        // The week of the onset is of neither side.
        near(
            missing(&weeks(90..121, |number| (number == 115).then_some(700))),
            10.0,
        );
    }

    #[test]
    fn three_weeks_on_either_side_are_needed() {
        let config = TransformerBalanceConfig::default();
        let known = |numbers| rise(&weeks(numbers, |_| None), &fall(), &config).is_some();
        assert!(known(112..119));
        assert!(!known(113..119), "two before");
        assert!(!known(112..118), "two after the week of the onset");
    }

    #[test]
    fn losses_rise_with_the_load() {
        let config = TransformerBalanceConfig::default();
        let missing = |percent: i64| {
            // Twice the load from week 115 on, and as much of it missing as before.
            let weeks: Vec<BalanceWeek> = (105..121)
                .map(|number| {
                    let supplied = if number < 115 { 700 } else { 1400 };
                    week(number, supplied, supplied * percent / 100)
                })
                .collect();
            rise(&weeks, &fall(), &config).unwrap().missing
        };
        assert!(missing(5).abs() < 1e-9);
        // Technical losses are 6 % at most: of ten percent of 100 kWh more a day four are no loss of the lines.
        assert!((missing(10) - 4.0).abs() < 1e-9);
    }

    #[test]
    fn the_spread_of_the_weeks_before_is_the_noise() {
        let config = TransformerBalanceConfig::default();
        // 3, 4, 4 and 5 percent in turn: half of the weeks are one percent off.
        let shares = [21, 28, 28, 35];
        let weeks = weeks(103..121, |number| {
            (number < 115).then_some(shares[number as usize % 4])
        });
        let noise = rise(&weeks, &fall(), &config).unwrap().noise;
        assert!((noise - 1.4826 * 0.005).abs() < 1e-9, "{noise}");
    }

    #[test]
    fn a_rise_must_leave_the_noise_and_the_technical_loss() {
        let config = TransformerBalanceConfig::default();
        let plain = Rise {
            missing: 1.0,
            supplied: 10.0,
            share: 0.1,
            noise: 0.0,
        };
        let hit = |share, rise: Rise| at_fall(&fall(), share, &rise, 1, &config).is_hit();
        assert!(hit(0.5, plain) && !hit(0.499, plain), "half of the fall");
        // One percent of what is supplied, and three times the spread.
        assert!(hit(
            1.0,
            Rise {
                missing: 0.101,
                ..plain
            }
        ));
        assert!(!hit(
            1.0,
            Rise {
                missing: 0.099,
                ..plain
            }
        ));
        assert!(hit(
            1.0,
            Rise {
                noise: 0.033,
                ..plain
            }
        ));
        assert!(!hit(
            1.0,
            Rise {
                noise: 0.034,
                ..plain
            }
        ));
        assert!(hit(
            1.0,
            Rise {
                share: 0.061,
                ..plain
            }
        ));
        assert!(!hit(
            1.0,
            Rise {
                share: 0.059,
                ..plain
            }
        ));
    }

    #[test]
    fn a_fall_that_shows_wholly_is_surer_than_one_that_shows_by_half() {
        let config = TransformerBalanceConfig::default();
        let near = |share, config: &TransformerBalanceConfig, expected: f32| {
            assert!((strength(share, config) - expected).abs() < 1e-6, "{share}");
        };
        near(0.5, &config, 0.5);
        near(0.6, &config, 0.625);
        near(0.7, &config, 0.75);
        near(0.9, &config, 1.0);
        // Where nearly all of it must show, the way is short.
        let strict = TransformerBalanceConfig {
            min_share: 0.95,
            ..config
        };
        near(0.975, &strict, 0.75);
    }

    #[test]
    fn falls_two_weeks_apart_share_and_a_day_more_is_apart() {
        let config = TransformerBalanceConfig::default();
        let hit = |onset_day| RuleEvidence {
            verdict: Verdict::Hit,
            value: 1.0,
            onset_day,
            end_day: onset_day + 99,
            kwh_micro: 100_000_000,
            ..RuleEvidence::not_judged(RULE, Gap::NoFall, 0.5)
        };
        let values = |apart| {
            let mut hits = [hit(200), hit(200 + apart)];
            share_out(&mut hits, &config);
            hits.map(|hit| (1000.0 * hit.value).round() as i32)
        };
        assert_eq!(values(14), [500, 500]);
        assert_eq!(values(15), [1000, 1000]);
    }

    #[test]
    fn thirty_homes_that_stole_alike_are_all_named() {
        let config = TransformerBalanceConfig::default();
        // What is missing is thirty times what each of them counts less.
        let plain = Rise {
            missing: 180.0,
            supplied: 400.0,
            share: 0.45,
            noise: 0.0,
        };
        let mut hits = [at_fall(&fall(), 30.0, &plain, 252_000_000, &config); 30];
        share_out(&mut hits, &config);
        assert!(
            hits.iter()
                .all(|hit| hit.is_hit() && (hit.value - 1.0).abs() < 1e-5)
        );
    }

    #[test]
    fn homes_that_fell_together_share_what_is_missing() {
        let config = TransformerBalanceConfig::default();
        let hit = |onset_day, kwh_micro, value| RuleEvidence {
            verdict: Verdict::Hit,
            value,
            onset_day,
            end_day: onset_day + 99,
            strength: 1.0,
            kwh_micro,
            ..RuleEvidence::not_judged(RULE, Gap::NoFall, 0.5)
        };
        // 9 kWh a day are missing; homes that fell by 9 and 1 on the same days, and one that fell by 3 months before.
        let mut hits = [
            hit(210, 900_000_000, 1.0),
            hit(212, 100_000_000, 9.0),
            hit(100, 300_000_000, 0.8),
        ];
        share_out(&mut hits, &config);
        let values = hits.map(|hit| (hit.onset_day, f64::from(hit.value)));
        assert!(
            (values[0].1 - 0.8).abs() < 1e-6 && values[0].0 == 100,
            "{values:?}"
        );
        assert!((values[1].1 - 0.9).abs() < 1e-6 && (values[2].1 - 0.9).abs() < 1e-6);
        // Of what two homes of one size lost only one part in two was missing, and a third of them is too little.
        let mut three = [hit(1, 300, 1.0), hit(1, 300, 1.0), hit(1, 300, 1.0)];
        share_out(&mut three, &config);
        assert!(
            three
                .iter()
                .all(|hit| hit.verdict == Verdict::Miss && hit.kwh_micro == 0)
        );
    }

    #[test]
    fn the_evidence_of_the_others_stands_beside_it() {
        let used = homes();
        let mut counted = used.clone();
        counted[0] = scaled(counted[0].clone(), ONSET..DAYS, 0.4);
        let (world, profiles) = street(&used, &counted);
        let stays = world.judge(&profiles[0]);
        assert!(find(&stays[0], Rule::SustainedDrop).0.is_hit());
    }
}
