//! The second pass: judges every stay of every component by all rules.

use rayon::prelude::*;

use crate::change_point::Step;
use crate::levels::{Block, Levels, intervals_of_a_day};
use crate::loss::{Loss, first_billable_day, loss};
use crate::peers::Peers;
use crate::registry::Registry;
use crate::rules::drop_after_exchange::Edges;
use crate::rules::{
    Rule, RuleConfig, RuleEvidence, StayContext, flatline, overlapping_install, peer_low,
    prolonged_estimation, reverse_flow, sustained_drop, usage_disconnected, usage_not_installed,
    zero_while_on,
};
use crate::series::{DaySeries, SeriesBlock};
use crate::stays::{Stay, rows_of, stays};
use crate::suppressors::{Suppression, suppress};

/// Everything found at one stay: about 600 bytes, whatever the length of the series.
#[derive(Debug, Clone, PartialEq)]
pub struct StayEvidence {
    /// Dense index of the component.
    pub component: u32,
    /// Index of the service point; `None` for a component that was never installed anywhere.
    pub service_point: Option<u32>,
    /// First day that has a row.
    pub first_day: i32,
    /// Last day that has a row.
    pub last_day: i32,
    /// Days that have a row.
    pub days_observed: u32,
    /// Usable intervals / all intervals.
    pub actual_share: f32,
    /// All rules but `DROP_AFTER_EXCHANGE`, which takes two stays.
    pub rules: Vec<RuleEvidence>,
    /// What speaks against them.
    pub suppressions: Vec<Suppression>,
    /// Both ends, for the comparison with the meters before and after; `None` without whole days.
    pub edges: Option<Edges>,
    /// By the home's own baseline from the first onset of a hit; `None` without a hit or a baseline.
    pub loss: Option<Loss>,
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
    let judged: Vec<Vec<StayEvidence>> = block
        .range()
        .into_par_iter()
        .map(|position| judge_series(&block.series(position), registry, peers, config))
        .collect();
    judged.into_iter().flatten().collect()
}

/// Judges one component: one item for each stay that has rows; nothing for what is not delivered kWh.
#[must_use]
pub fn judge_series(
    series: &DaySeries<'_>,
    registry: &Registry,
    peers: &Peers,
    config: &RuleConfig,
) -> Vec<StayEvidence> {
    let Some(component) = registry.components.get(series.component as usize) else {
        return Vec::new();
    };
    if !component.is_delivered() {
        return Vec::new();
    }
    let intervals = intervals_of_a_day(component);
    let group = peers.group(series.component);
    let mut all = Vec::with_capacity(1);
    for stay in stays(component) {
        let rows = rows_of(&stay, series.day);
        if rows.is_empty() {
            continue;
        }
        let index = group.and_then(|group| group.index.as_ref());
        let levels = Levels::new(series, rows.clone(), &stay, intervals, index);
        let context = StayContext {
            registry,
            component,
            series,
            stay: &stay,
            rows,
            intervals,
            levels: &levels,
            peers,
            group,
            received: has_received_channel(registry, &stay),
            config,
        };
        all.push(judge_stay(&context));
    }
    all
}

fn has_received_channel(registry: &Registry, stay: &Stay) -> bool {
    stay.service_point.is_some_and(|place| {
        let from = stay.installed.unwrap_or(i64::MIN);
        registry.has_received_channel(place, from, stay.removed.unwrap_or(i64::MAX))
    })
}

fn judge_stay(context: &StayContext<'_>) -> StayEvidence {
    let levels = context.levels;
    let blocks: Vec<Block> = levels.blocks(context.is_register());
    let (zero, run) = zero_while_on::judge(context);
    let (drop, step) = sustained_drop::judge(context, &blocks);
    let rules = vec![
        usage_not_installed::judge(context),
        usage_disconnected::judge(context),
        zero,
        drop,
        flatline::judge(context),
        reverse_flow::judge(context),
        overlapping_install::judge(context),
        prolonged_estimation::judge(context),
        peer_low::judge(context),
    ];
    let step: Option<Step> = step;
    let suppressions = suppress(context, &rules, run.as_ref(), step.as_ref());
    let series = context.series;
    let rows = context.rows.clone();
    let sum = |column: &[u16]| column[rows.clone()].iter().map(|&n| u64::from(n)).sum::<u64>();
    let (usable, present) = (sum(series.usable), sum(series.intervals));
    let last_day = context.last_day();
    let billable = first_billable_day(last_day, context.config.back_billing_months);
    StayEvidence {
        component: series.component,
        service_point: context.stay.service_point,
        first_day: series.day[rows.start],
        last_day,
        days_observed: rows.len() as u32,
        actual_share: if present == 0 {
            0.0
        } else {
            (usable as f64 / present as f64) as f32
        },
        edges: Edges::new(levels),
        loss: level_loss(context, &rules, billable),
        usage_micro: usage(context, &rules, billable),
        rules,
        suppressions,
    }
}

/// Rules whose hits mean that the home used more than was counted.
const LEVEL_RULES: [Rule; 4] = [
    Rule::ZeroWhileOn,
    Rule::SustainedDrop,
    Rule::Flatline,
    Rule::ReverseFlow,
];

fn level_loss(context: &StayContext<'_>, rules: &[RuleEvidence], billable: i32) -> Option<Loss> {
    let hits = || {
        rules
            .iter()
            .filter(|rule| rule.is_hit() && LEVEL_RULES.contains(&rule.rule))
    };
    let onset = hits().map(|hit| hit.onset_day).min()?;
    let end = hits().map(|hit| hit.end_day).max()?;
    let days = onset.max(billable)..end + 1;
    loss(context.levels, onset, days, context.is_register())
}

fn usage(context: &StayContext<'_>, rules: &[RuleEvidence], billable: i32) -> i64 {
    let series = context.series;
    let mut total = 0_i64;
    for rule in rules.iter().filter(|rule| rule.is_hit()) {
        let kwh = match rule.rule {
            Rule::UsageNotInstalled => series.uninstalled_kwh,
            Rule::UsageDisconnected => series.off_kwh,
            _ => continue,
        };
        for row in context.rows.clone() {
            if series.day[row] >= billable {
                total = total.saturating_add(kwh[row].max(0));
            }
        }
    }
    total
}
