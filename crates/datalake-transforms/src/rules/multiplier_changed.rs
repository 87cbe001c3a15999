//! `MULTIPLIER_CHANGED`: the level steps by a fraction that wrong multipliers and lost phases make.
//!
//! One of three current transformers bypassed leaves two thirds, two of them one third; a multiplier of one for one of ten,
//! twenty or forty leaves that fraction. The step must lie within `tolerance` of such a fraction, and everything must have
//! fallen alike: small hours and great ones, nights and evenings. What the peers fell meanwhile is taken from the falls; what
//! they rose is not added to them. Fractions lie near any ratio by chance, so alone
//! this opens no case; it says what to look for where the level fell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Lack, Rule, RuleEvidence, StayContext, Verdict, ramp};
use crate::change_point::Step;
use crate::error::TransformError;
use crate::model::MICRO;

/// Fractions of a true reading.
const FRACTIONS: [f64; 6] = [
    1.0 / 40.0,
    1.0 / 20.0,
    1.0 / 10.0,
    1.0 / 3.0,
    1.0 / 2.0,
    2.0 / 3.0,
];

/// Range (ln) of the falls of small and great values at which they fell alike, and did not.
const ALIKE: (f64, f64) = (0.15, 0.4);

/// What a hit counts where only the days are known: few ways of looking agree more easily.
const OF_DAYS: f64 = 0.4;

/// Thresholds of `MULTIPLIER_CHANGED`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MultiplierChangedConfig {
    /// Distance from a fraction, as a share of it, that a hit allows.
    pub tolerance: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for MultiplierChangedConfig {
    fn default() -> Self {
        Self {
            tolerance: 0.05,
            weight: 0.35,
        }
    }
}

impl MultiplierChangedConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("multiplier_changed.tolerance", self.tolerance, 0.005, 0.2)
    }
}

pub(crate) fn judge(context: &StayContext<'_>, step: Option<&Step>) -> RuleEvidence {
    let config = &context.config.multiplier_changed;
    let of_hours = context.best_of_hours(|hours| {
        let falls = less(hours.falls(), hours.peers);
        at_fall(context, falls, 1.0, (hours.onset_day, hours.last_day))
    });
    let of_step = || {
        let step = step?;
        let (level, upper) = (-step.drop, -step.upper_drop);
        // What is taken from the level as it was counted is what the peers rose.
        let falls = less((level.min(upper), level.max(upper)), step.raw_drop - step.drop);
        Some(at_fall(context, falls, OF_DAYS, (step.onset_day, step.last_day)))
    };
    of_hours.or_else(of_step).unwrap_or_else(|| {
        RuleEvidence::not_judged(Rule::MultiplierChanged, Gap::TooFewDays, config.tolerance)
    })
}

/// Falls (ln) without what a rise of the peers added to them.
fn less(falls: (f64, f64), peers: f64) -> (f64, f64) {
    let rise = peers.max(0.0);
    (falls.0 - rise, falls.1 - rise)
}

/// `falls`: the least and the greatest (ln) among several ways of looking; `share`: what a hit by them counts.
fn at_fall(context: &StayContext<'_>, falls: (f64, f64), share: f64, days: (i32, i32)) -> RuleEvidence {
    let config = &context.config.multiplier_changed;
    let (fall, range, (onset, last)) = (f64::midpoint(falls.0, falls.1), falls.1 - falls.0, days);
    let ratio = (-fall).exp();
    let off = FRACTIONS
        .iter()
        .map(|fraction| (ratio / fraction - 1.0).abs())
        .fold(f64::INFINITY, f64::min);
    let alike = ramp(range, ALIKE.1, ALIKE.0);
    let near = off <= config.tolerance;
    let hit = near && alike >= 0.5;
    let positions = context.levels.positions(onset..last + 1);
    let counted: f64 = context.levels.kwh[positions].iter().sum();
    RuleEvidence {
        rule: Rule::MultiplierChanged,
        verdict: if hit {
            Verdict::Hit
        } else if near {
            Verdict::MissFor(Lack::Uneven)
        } else {
            Verdict::Miss
        },
        value: off.min(9.99) as f32,
        threshold: config.tolerance as f32,
        onset_day: onset,
        end_day: last,
        strength: if hit { (share * alike) as f32 } else { 0.0 },
        kwh_micro: if hit {
            ((counted / ratio - counted).max(0.0) * MICRO as f64).round() as i64
        } else {
            0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::{
        FIRST_DAY, Profiles, World, from_day, home, hourly_home, installed, judge_hourly, noise, period,
        step_to, typed,
    };

    const RULE: Rule = Rule::MultiplierChanged;

    fn scaled(factor: f64) -> Vec<Vec<f64>> {
        from_day(hourly_home(1, 160), 80, |_, day| {
            for kwh in day.iter_mut() {
                *kwh *= factor;
            }
        })
    }

    #[test]
    fn a_third_of_everything_hits() {
        let (found, _) = judge_hourly(&scaled(1.0 / 3.0), RULE);
        assert_eq!(found.verdict, Verdict::Hit);
        assert_eq!(found.onset_day, FIRST_DAY + 80);
        assert!(found.value < 0.03, "{found:?}");
        // Counted on 80 days: a third of 11 kWh; lost twice that: 587 kWh.
        assert!((found.kwh_micro - 587_000_000).abs() < 25_000_000, "{found:?}");
    }

    #[test]
    fn what_the_peers_rise_makes_no_fraction() {
        // The home goes on as before, or falls to a third, while its peers come to use twice as much.
        let judged = |factor: f64| {
            let peers = |peer: usize, day: usize| {
                let level = if day < 80 { 5.0 } else { 10.0 };
                level * (0.95 + 0.1 * noise(peer as u64, day))
            };
            let world = World::new(typed("MC-0", Some(3600), &[period(0, 0, i64::MAX)]), &peers, 160);
            world
                .rule(&Profiles::intervals(0, FIRST_DAY, &scaled(factor)), RULE)
                .0
        };
        assert_ne!(judged(1.0).verdict, Verdict::Hit);
        assert_eq!(judged(1.0 / 3.0).verdict, Verdict::Hit);
        assert_eq!(less((0.5, 0.75), 0.25), (0.25, 0.5));
        assert_eq!(less((0.5, 0.75), -0.25), (0.5, 0.75));
    }

    #[test]
    fn two_fifths_are_no_such_fraction() {
        let (found, _) = judge_hourly(&scaled(0.42), RULE);
        assert_eq!((found.verdict, found.strength), (Verdict::Miss, 0.0));
        assert!((found.value - 0.16).abs() < 0.03, "{found:?}");
    }

    #[test]
    fn an_evening_that_is_gone_is_no_multiplier() {
        let away = from_day(hourly_home(1, 160), 80, |_, day| {
            for kwh in &mut day[18..22] {
                *kwh = 0.2;
            }
        });
        assert_eq!(judge_hourly(&away, RULE).0.verdict, Verdict::Miss);
    }

    /// What is said of the least and the greatest fall (ln) among several ways of looking.
    fn of_falls(least: f64, most: f64) -> RuleEvidence {
        let world = World::steady(installed(), 60);
        let days = (FIRST_DAY + 30, FIRST_DAY + 59);
        world.at_stay(&Profiles::daily(0, FIRST_DAY, &home(1, 60, 8.0)), |context| {
            at_fall(context, (least, most), 1.0, days)
        })
    }

    #[test]
    fn a_level_within_five_percent_of_what_wrong_multipliers_leave_hits() {
        for left in [0.025, 0.05, 0.1, 1.0 / 3.0, 0.5, 2.0 / 3.0] {
            let verdict = |off: f64| {
                let fall = -f64::ln(left * off);
                of_falls(fall, fall).verdict
            };
            for (inside, outside) in [(0.951, 0.949), (1.049, 1.051)] {
                assert_eq!(verdict(inside), Verdict::Hit, "{left} {inside}");
                assert_eq!(verdict(outside), Verdict::Miss, "{left} {outside}");
            }
        }
        // A level that rose to twenty times what it was is off by far, and no number says how far.
        assert!((of_falls(-3.0, -3.0).value - 9.99).abs() < 1e-6);
    }

    #[test]
    fn falls_that_lie_apart_are_not_alike() {
        let half = |range: f64| {
            let middle = std::f64::consts::LN_2;
            of_falls(middle - range / 2.0, middle + range / 2.0)
        };
        // Alike at 0.15, no more at 0.4, straight in between.
        for (range, strength) in [(0.0, 1.0), (0.15, 1.0), (0.2, 0.8), (0.274, 0.504)] {
            let found = half(range);
            assert_eq!(found.verdict, Verdict::Hit, "{range}");
            assert!((found.strength - strength).abs() < 1e-5, "{found:?}");
        }
        assert_eq!(half(0.276).verdict, Verdict::MissFor(Lack::Uneven));
    }

    #[test]
    fn where_only_days_are_known_a_fraction_counts_two_fifths() {
        let world = World::steady(installed(), 200);
        let found = world.at_stay(&Profiles::daily(0, FIRST_DAY, &home(1, 200, 8.0)), |context| {
            judge(context, Some(&step_to(1.0 / 3.0)))
        });
        assert_eq!(found.verdict, Verdict::Hit);
        assert!((found.strength - 0.4).abs() < 1e-6, "{found:?}");
    }
}
