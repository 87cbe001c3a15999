//! The second pass: judges every stay of every component by all rules.

use crate::billing::rules::TakenBack;
use crate::change_point::Step;
use crate::hours::{HourChange, HourScratch};
use crate::levels::{Around, Block, Levels, Week, intervals_of_a_day};
use crate::loss::{Loss, first_billable_day, loss};
use crate::peers::Peers;
use crate::registry::Registry;
use crate::rules::drop_after_exchange::Edges;
use crate::rules::fall::Fall;
use crate::rules::zero_while_on::ZeroRun;
use crate::rules::{
    Rule, RuleConfig, RuleEvidence, StayContext, Verdict, clipped_peaks, flatline, gradual_decline,
    load_shifted, mean_shape, missing_before_drop, multiplier_changed, overlapping_install, partial_bypass,
    pattern_lost, peer_low, prolonged_estimation, repeated_day, reverse_flow, sustained_drop,
    tamper_then_drop, transformer_balance, usage_disconnected, usage_not_installed, zero_while_on,
};
use crate::series::{DaySeries, SeriesBlock};
use crate::stays::{Stay, rows_of, stays};
use crate::suppressors::{Suppression, suppress};

/// Everything found at one stay: about 600 bytes, whatever the length of the series.
#[derive(Debug, Clone, PartialEq)]
pub struct StayEvidence {
    /// Dense index of the component.
    pub component: u32,
    /// Index of the service point; `None` for a component that was never installed anywhere that is known.
    pub service_point: Option<u32>,
    /// First day that has a row.
    pub first_day: i32,
    /// Last day that has a row.
    pub last_day: i32,
    /// Last day that has an actual value; `last_day` where none has.
    pub last_actual_day: i32,
    /// Days that have a row.
    pub days_observed: u32,
    /// Usable intervals / all intervals.
    pub actual_share: f32,
    /// All rules but those that take two stays: `DROP_AFTER_EXCHANGE`, `SIBLING_MISMATCH`, `REGISTER_MISMATCH`.
    pub rules: Vec<RuleEvidence>,
    /// What speaks against them.
    pub suppressions: Vec<Suppression>,
    /// Both ends, for the comparison with the meters before and after; `None` without whole days.
    pub edges: Option<Edges>,
    /// Week by week, for the comparison with siblings; empty where nothing else ever hung at the service point.
    pub weeks: Vec<Week>,
    /// By the home's own baseline from the first onset of a hit; `None` without a hit or a baseline.
    pub loss: Option<Loss>,
    /// What the register that was fitted next read, where that is evidence of a fall in bills.
    pub taken_back: Option<TakenBack>,
    /// Usage of the hits of the two usage rules within the billable time, 10^-6 kWh.
    pub usage_micro: i64,
}

/// Judges all delivered-kWh components of a block; the order is that of the components and their stays.
#[must_use]
pub fn judge(
    block: &SeriesBlock,
    registry: &Registry,
    peers: &Peers,
    config: &RuleConfig,
) -> Vec<StayEvidence> {
    let judged = block.par_map_with(Scratch::default, |scratch, series| {
        judge_with(scratch, &series, registry, peers, config)
    });
    let mut all = Vec::with_capacity(judged.iter().map(Vec::len).sum());
    all.extend(judged.into_iter().flatten());
    all
}

/// Judges one component: one item for each stay that has rows; nothing for what is not delivered kWh.
#[must_use]
pub fn judge_series(
    series: &DaySeries<'_>,
    registry: &Registry,
    peers: &Peers,
    config: &RuleConfig,
) -> Vec<StayEvidence> {
    judge_with(&mut Scratch::default(), series, registry, peers, config)
}

/// Memory that is used again for every stay.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    levels: Levels,
    hours: HourScratch,
    changes: Vec<HourChange>,
}

/// The same; `scratch` is overwritten by each stay.
fn judge_with(
    scratch: &mut Scratch,
    series: &DaySeries<'_>,
    registry: &Registry,
    peers: &Peers,
    config: &RuleConfig,
) -> Vec<StayEvidence> {
    let mut all = Vec::with_capacity(1);
    each_stay(scratch, series, (registry, peers, config), |context| {
        all.push(judge_stay(context));
    });
    all
}

/// Gives every stay of one component that has rows, ready to be judged; none of what is not delivered kWh.
pub(crate) fn each_stay(
    scratch: &mut Scratch,
    series: &DaySeries<'_>,
    (registry, peers, config): (&Registry, &Peers, &RuleConfig),
    mut judged: impl FnMut(&StayContext<'_>),
) {
    let Some(component) = registry.components.get(series.component as usize) else {
        return;
    };
    if !component.is_delivered() {
        return;
    }
    let intervals = intervals_of_a_day(component);
    let group = peers.group(series.component);
    for stay in stays(component) {
        let rows = rows_of(&stay, series.day);
        let own = stay
            .service_point
            .and_then(|place| registry.transformers.metered_at(place));
        // A transformer's own meter is nobody's home.
        if rows.is_empty() || own.is_some() {
            continue;
        }
        let around = Around {
            index: group.and_then(|group| group.index.as_ref()),
            weather: registry.weather.at(stay.service_point),
        };
        let Scratch {
            levels,
            hours,
            changes,
        } = &mut *scratch;
        levels.fill(series, rows.clone(), &stay, intervals, around);
        HourChange::find(series, levels, hours, changes);
        let context = StayContext {
            registry,
            component,
            series,
            stay: &stay,
            rows,
            intervals,
            levels,
            hours: changes,
            peers,
            group,
            received: first_received(registry, peers, &stay),
            config,
        };
        judged(&context);
    }
}

/// Components of one service point; what has more is a placeholder for places unknown.
pub(crate) const COMPONENTS_OF_A_PLACE: usize = 200;

/// First day on which a channel of the stay's service point received energy. A channel without data may have done so at any
/// time: the last day that there is, so that it is never long before.
fn first_received(registry: &Registry, peers: &Peers, stay: &Stay) -> Option<i32> {
    let place = stay.service_point?;
    let from = stay.installed.unwrap_or(i64::MIN);
    if registry.components_at(place).len() > COMPONENTS_OF_A_PLACE {
        return None;
    }
    let channels = registry.received_channels(place, from, stay.removed.unwrap_or(i64::MAX));
    channels
        .filter_map(|channel| peers.first_received(channel).unwrap_or(Some(i32::MAX)))
        .min()
}

fn has_siblings(context: &StayContext<'_>) -> bool {
    context.stay.service_point.is_some_and(|place| {
        (2..=COMPONENTS_OF_A_PLACE).contains(&context.registry.components_at(place).len())
    })
}

/// What several rules and the suppressors share of one stay. Of the config it depends on the sections of `ZERO_WHILE_ON` and
/// `SUSTAINED_DROP` alone.
pub(crate) struct Shared {
    blocks: Vec<Block>,
    zero: (RuleEvidence, Option<ZeroRun>),
    drop: (RuleEvidence, Option<Step>),
    /// Onset and level after / before of the fall that others look around.
    fall: Option<(i32, f64)>,
    /// All falls that an event or a balance may stand beside.
    falls: Vec<Fall>,
}

impl Shared {
    pub(crate) fn of(context: &StayContext<'_>) -> Self {
        let blocks: Vec<Block> = context.levels.blocks(context.is_register());
        let drop = sustained_drop::judge(context, &blocks);
        let fall = match (context.hours.first(), &drop.1) {
            (Some(hours), _) => Some((hours.onset_day, hours.level().exp())),
            (None, Some(step)) => Some((step.onset_day, step.drop.exp())),
            (None, None) => None,
        };
        let zero = zero_while_on::judge(context);
        Self {
            falls: falls(context, &zero.0, &drop.0, drop.1.as_ref()),
            zero,
            blocks,
            drop,
            fall,
        }
    }

    /// What a rule finds; `None` of those that compare meters, which a stay alone says nothing of.
    pub(crate) fn rule(&self, context: &StayContext<'_>, rule: Rule) -> Option<RuleEvidence> {
        let step = self.drop.1.as_ref();
        Some(match rule {
            Rule::UsageNotInstalled => usage_not_installed::judge(context),
            Rule::UsageDisconnected => usage_disconnected::judge(context),
            Rule::ZeroWhileOn => self.zero.0,
            Rule::SustainedDrop => self.drop.0,
            Rule::GradualDecline => gradual_decline::judge(context, &self.blocks),
            Rule::MultiplierChanged => multiplier_changed::judge(context, step),
            Rule::MissingBeforeDrop => missing_before_drop::judge(context, self.fall),
            Rule::PartialBypass => partial_bypass::judge(context),
            Rule::ClippedPeaks => clipped_peaks::judge(context),
            Rule::MeanShape => mean_shape::judge(context),
            Rule::LoadShifted => load_shifted::judge(context),
            Rule::PatternLost => pattern_lost::judge(context, step.map(|step| step.onset_day)),
            Rule::Flatline => flatline::judge(context),
            Rule::RepeatedDay => repeated_day::judge(context),
            Rule::ReverseFlow => reverse_flow::judge(context),
            Rule::OverlappingInstall => overlapping_install::judge(context),
            Rule::TamperThenDrop => tamper_then_drop::judge(context, &self.falls, &self.blocks).0,
            Rule::TransformerBalance => transformer_balance::judge(context, &self.falls, &self.blocks),
            Rule::ProlongedEstimation => prolonged_estimation::judge(context),
            Rule::PeerLow => peer_low::judge(context),
            Rule::DropAfterExchange | Rule::SiblingMismatch | Rule::RegisterMismatch => return None,
        })
    }
}

pub(crate) fn judge_stay(context: &StayContext<'_>) -> StayEvidence {
    judge_shared(context, &Shared::of(context))
}

/// The same, of what was found before.
pub(crate) fn judge_shared(context: &StayContext<'_>, shared: &Shared) -> StayEvidence {
    let (levels, blocks) = (context.levels, &shared.blocks);
    // More come when the meters of a place are compared.
    let mut rules = Vec::with_capacity(Rule::ALL.len());
    rules.extend(Rule::ALL.iter().filter_map(|&rule| shared.rule(context, rule)));
    let mut suppressions = suppress(context, &rules, shared.zero.1.as_ref(), shared.drop.1.as_ref());
    if let (_, Some(fall)) = tamper_then_drop::judge(context, &shared.falls, blocks) {
        // What explains the fall without theft explains it after an event as well.
        let own = suppressions.iter().filter(|found| found.rule == fall.rule);
        let rule = Rule::TamperThenDrop;
        let same: Vec<Suppression> = own.map(|found| Suppression { rule, ..*found }).collect();
        suppressions.extend(same);
    }
    let series = context.series;
    let rows = context.rows.clone();
    let sum = |column: &[u16]| column[rows.clone()].iter().map(|&n| u64::from(n)).sum::<u64>();
    let (usable, present) = (sum(series.usable), sum(series.intervals));
    let last_actual_day = context.last_actual_day();
    let billable = first_billable_day(last_actual_day, context.config.back_billing_months);
    StayEvidence {
        component: series.component,
        service_point: context.stay.service_point,
        first_day: series.day[rows.start],
        last_day: series.day[rows.end - 1],
        last_actual_day,
        days_observed: rows.len() as u32,
        actual_share: if present == 0 {
            0.0
        } else {
            (usable as f64 / present as f64) as f32
        },
        edges: Edges::new(levels),
        weeks: if has_siblings(context) {
            levels.weeks()
        } else {
            Vec::new()
        },
        loss: level_loss(context, blocks, &rules, billable),
        taken_back: None,
        usage_micro: usage(context, &rules, billable),
        rules,
        suppressions,
    }
}

/// The falls of the level that other evidence may stand beside: zeros, changes of the hours, and the step of the days.
fn falls(
    context: &StayContext<'_>,
    zero: &RuleEvidence,
    drop: &RuleEvidence,
    step: Option<&Step>,
) -> Vec<Fall> {
    let fall = |rule, (onset, end), ratio| Fall {
        rule,
        onset,
        end,
        ratio,
    };
    let mut falls = Vec::new();
    if zero.is_hit() {
        falls.push(fall(Rule::ZeroWhileOn, (zero.onset_day, zero.end_day), 0.0));
    }
    if !matches!(drop.verdict, Verdict::NotJudged(_)) {
        let of = |days, ratio| fall(Rule::SustainedDrop, days, ratio);
        let hours = context.hours.iter();
        falls.extend(hours.map(|hours| of((hours.onset_day, hours.last_day), hours.level().exp())));
        falls.extend(step.map(|step| of((step.onset_day, step.last_day), step.drop.exp())));
    }
    falls
}

/// Rules whose hits mean that the home used more than was counted.
pub(crate) const LEVEL_RULES: [Rule; 9] = [
    Rule::ZeroWhileOn,
    Rule::SustainedDrop,
    Rule::GradualDecline,
    Rule::PartialBypass,
    Rule::ClippedPeaks,
    Rule::Flatline,
    Rule::ReverseFlow,
    Rule::TamperThenDrop,
    Rule::TransformerBalance,
];

fn level_loss(
    context: &StayContext<'_>,
    blocks: &[Block],
    rules: &[RuleEvidence],
    billable: i32,
) -> Option<Loss> {
    let hits = || {
        rules
            .iter()
            .filter(|rule| rule.is_hit() && LEVEL_RULES.contains(&rule.rule))
    };
    // The start of a window is no onset where a rule knows one, and leaves no baseline before it.
    let dated = hits()
        .filter(|hit| hit.rule.dates())
        .map(|hit| hit.onset_day)
        .min();
    let onset = dated.or_else(|| hits().map(|hit| hit.onset_day).min())?;
    let end = hits().map(|hit| hit.end_day).max()?;
    let days = onset.max(billable)..end + 1;
    // A day counts if a level was low on it; of a meter that ran backwards now and then, the days on which it did.
    let counts = |position: usize| {
        let day = context.levels.day[position];
        hits().any(|hit| {
            let within = (hit.onset_day..=hit.end_day).contains(&day);
            let row = context.levels.row[position] as usize;
            within && (hit.rule != Rule::ReverseFlow || context.series.usable_negative_kwh[row] < 0)
        })
    };
    loss(context.levels, blocks, onset, days, counts)
}

fn usage(context: &StayContext<'_>, rules: &[RuleEvidence], billable: i32) -> i64 {
    let series = context.series;
    let mut total = 0_i64;
    for rule in rules.iter().filter(|rule| rule.is_hit()) {
        let (kwh, rows) = match rule.rule {
            Rule::UsageNotInstalled => (series.uninstalled_kwh, context.rows_beyond_doubt()),
            Rule::UsageDisconnected => (series.off_kwh, context.rows.clone()),
            _ => continue,
        };
        for row in rows {
            if series.day[row] >= billable {
                total = total.saturating_add(kwh[row].max(0));
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::DAY_SECONDS;
    use crate::ranking::assemble;
    use crate::rules::testing::{
        FIRST_DAY, PEERS, Profiles, World, component, home, installed, period, scaled,
    };
    use crate::series::collate;
    use proptest::prelude::*;

    /// Day profiles of the component under test and of homes beside it, some of them odd.
    fn lake(seed: u64) -> Vec<Profiles> {
        (0..=PEERS as u32)
            .map(|home_index| {
                let kwh = home(seed + u64::from(home_index), 240, 4.0 + f64::from(home_index % 7));
                let kwh = match home_index % 5 {
                    0 => scaled(kwh, 150..240, 0.3),
                    1 => scaled(kwh, 200..240, 0.0),
                    _ => kwh,
                };
                Profiles::daily(home_index, FIRST_DAY, &kwh)
            })
            .collect()
    }

    fn judged(world: &World, order: &[Profiles], threads: usize) -> (RecordBatches, Vec<StayEvidence>) {
        let batches: Vec<_> = order.iter().map(Profiles::batch).collect();
        let block = collate(&batches).unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let evidence = judge(&block, &world.registry, &world.peers, &world.config);
            let mut shuffled = evidence.clone();
            shuffled.reverse();
            let found = assemble(shuffled, &world.registry, &world.peers, &world.config).unwrap();
            ((found.cases, found.scores), evidence)
        })
    }

    type RecordBatches = (arrow::array::RecordBatch, arrow::array::RecordBatch);

    #[test]
    fn the_window_of_a_decline_is_no_onset_of_the_loss() {
        // 8 kWh a day, from day 120 of 300 on less and less, to a quarter: the slope's window begins before the level's step.
        let way = |day: usize| day.saturating_sub(120) as f64 / 180.0;
        let kwh: Vec<f64> = (0..300)
            .zip(home(1, 300, 8.0))
            .map(|(day, kwh)| kwh * 0.25_f64.powf(way(day)))
            .collect();
        let stay = World::steady(installed(), 300)
            .judge(&Profiles::daily(0, FIRST_DAY, &kwh))
            .remove(0);
        let hit = |rule| {
            stay.rules
                .iter()
                .find(|found| found.rule == rule && found.is_hit())
        };
        let (drop, decline) = (
            hit(Rule::SustainedDrop).unwrap(),
            hit(Rule::GradualDecline).unwrap(),
        );
        assert!(decline.onset_day < drop.onset_day - 30, "{decline:?}");
        assert_eq!(stay.loss.unwrap().lost_micro, drop.kwh_micro);
    }

    #[test]
    fn of_a_meter_that_ran_backwards_now_and_then_only_those_days_are_lost() {
        // 8 kWh a day, give or take a little; -2 on days 100 and 130. The days between wobble, which is no loss.
        let mut kwh = home(1, 160, 8.0);
        for (day, kwh) in kwh[..100].iter_mut().enumerate() {
            *kwh = 7.9 + 0.1 * (day % 3) as f64;
        }
        (kwh[100], kwh[130]) = (-2.0, -2.0);
        let stays = World::steady(installed(), 160).judge(&Profiles::daily(0, FIRST_DAY, &kwh));
        let hit = stays[0]
            .rules
            .iter()
            .find(|rule| rule.rule == Rule::ReverseFlow)
            .unwrap();
        assert!(hit.is_hit(), "{hit:?}");
        let loss = stays[0].loss.unwrap();
        assert_eq!(loss.actual_micro, -4_000_000);
        assert!((loss.lost_micro - 20_000_000).abs() < 400_000, "{loss:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn neither_order_nor_threads_matter(seed in 0_u64..1_000, turn in 0_usize..30) {
            let world = World::steady(installed(), 240);
            let mut profiles = lake(seed);
            let (tables, evidence) = judged(&world, &profiles, 1);
            prop_assert!(tables.0.num_rows() > 0);
            profiles.rotate_left(turn);
            for threads in [2, 7] {
                let (again, same) = judged(&world, &profiles, threads);
                prop_assert_eq!(&again, &tables);
                prop_assert_eq!(format!("{same:?}"), format!("{evidence:?}"));
            }
        }

        #[test]
        fn ratios_and_verdicts_do_not_depend_on_the_size_of_the_home(seed in 0_u64..1_000, size in 0.5_f64..20.0) {
            let world = World::steady(installed(), 240);
            let kwh = scaled(home(seed, 240, 8.0), 150..240, 0.4);
            let bigger: Vec<f64> = kwh.iter().map(|kwh| kwh * size).collect();
            let drop = |kwh: &[f64]| world.rule(&Profiles::daily(0, FIRST_DAY, kwh), Rule::SustainedDrop).0;
            let (a, b) = (drop(&kwh), drop(&bigger));
            prop_assert_eq!(a.verdict, b.verdict);
            prop_assert_eq!(a.onset_day, b.onset_day);
            prop_assert!((a.value - b.value).abs() < 1e-3);
            prop_assert!((a.strength - b.strength).abs() < 1e-3);
        }
    }

    #[test]
    fn a_meter_that_moves_is_judged_at_each_place() {
        let at = |day: i32| i64::from(FIRST_DAY + day) * DAY_SECONDS;
        let world = World::steady(
            component(&[period(3, at(0), at(100)), period(4, at(120), i64::MAX)]),
            240,
        );
        // A small home after a large one is no drop: these are two homes.
        let kwh = scaled(home(1, 240, 20.0), 100..240, 0.4);
        let profiles = Profiles::daily(0, FIRST_DAY, &kwh).uninstall(100..120);
        let stays = world.judge(&profiles);
        assert_eq!(stays.len(), 2);
        assert_eq!(
            (stays[0].service_point, stays[1].service_point),
            (Some(3), Some(4))
        );
        assert_eq!((stays[0].days_observed, stays[1].days_observed), (120, 120));
        let hits = |stay: &StayEvidence| -> Vec<Rule> {
            stay.rules
                .iter()
                .filter(|rule| rule.is_hit())
                .map(|rule| rule.rule)
                .collect()
        };
        // What was used after the removal belongs to the place before.
        assert_eq!(hits(&stays[0]), [Rule::UsageNotInstalled]);
        assert_eq!(hits(&stays[1]), []);
        assert_eq!(stays[0].usage_micro, profiles.uninstalled_kwh.iter().sum::<i64>());
    }

    #[test]
    fn received_energy_is_not_judged() {
        let mut received = installed();
        if let Some(kind) = &mut received.component_type {
            kind.direction = crate::model::Direction::Received;
        }
        let world = World::steady(received, 100);
        assert_eq!(
            world.judge(&Profiles::daily(0, FIRST_DAY, &home(1, 100, 5.0))),
            []
        );
    }

    #[test]
    fn a_row_without_an_actual_value_moves_neither_the_end_nor_the_billable_time() {
        let world = World::steady(installed(), 240);
        let kwh = scaled(home(1, 240, 8.0), 150..240, 0.3);
        let expected = world.judge(&Profiles::daily(0, FIRST_DAY, &kwh)).remove(0);
        assert!(expected.loss.is_some());
        let mut ahead = kwh;
        ahead.resize(2000, f64::NAN);
        ahead.push(4.0);
        let found = world
            .judge(&Profiles::daily(0, FIRST_DAY, &ahead).estimate(240..241))
            .remove(0);
        assert_eq!(found.last_day, FIRST_DAY + 2000);
        assert_eq!(found.last_actual_day, FIRST_DAY + 239);
        assert_eq!(found.loss, expected.loss);
        // The row counts as a day of estimation, and as nothing else.
        for (found, expected) in found.rules.iter().zip(&expected.rules) {
            if found.rule != Rule::ProlongedEstimation {
                // As text, because a rule that was not judged has no number.
                assert_eq!(format!("{found:?}"), format!("{expected:?}"));
            }
        }
        // Usage without a contract is actual too.
        let usage = world
            .judge(&Profiles::daily(0, FIRST_DAY, &[2.0; 40]).switch_off(30..40))
            .remove(0);
        assert_eq!(usage.last_actual_day, FIRST_DAY + 39);
    }

    #[test]
    fn usage_older_than_the_billable_time_is_not_claimed() {
        let mut world = World::steady(installed(), 240);
        world.config.back_billing_months = 1;
        let profiles = Profiles::daily(0, FIRST_DAY, &vec![2.0; 240]).switch_off(100..240);
        let stays = world.judge(&profiles);
        assert_eq!(stays[0].usage_micro, 30 * 2_000_000);
        let usage = stays[0]
            .rules
            .iter()
            .find(|rule| rule.rule == Rule::UsageDisconnected)
            .unwrap();
        assert_eq!(usage.kwh_micro, 140 * 2_000_000);
        // A year, where nothing else is said.
        let profiles = Profiles::daily(0, FIRST_DAY, &vec![2.0; 500]).switch_off(100..500);
        let stays = World::steady(installed(), 500).judge(&profiles);
        assert_eq!(stays[0].usage_micro, 365 * 2_000_000);
    }
}
