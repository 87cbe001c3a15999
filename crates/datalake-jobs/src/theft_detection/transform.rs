//! From day profiles to the tables: features, peers, rules, service points.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use datalake_transforms::balance::balance_findings;
use datalake_transforms::error::TransformError;
use datalake_transforms::features::{ahead_of_the_lake, meter_features};
use datalake_transforms::findings::Findings;
use datalake_transforms::judge::StayEvidence;
use datalake_transforms::model::DAY_SECONDS;
use datalake_transforms::peers::{PeerBuilder, Peers};
use datalake_transforms::ranking::{Assessment, assemble};
use datalake_transforms::register_periods::register_periods;
use datalake_transforms::registry::Registry;
use datalake_transforms::resolve::{MAX_PERIOD_DAYS, RegisterRow, ResolveConfig};
use datalake_transforms::rules::RuleConfig;
use datalake_transforms::series::{SeriesBlock, Share, collate, collate_shares};
use datalake_transforms::what_if::{Changed, judge_variants};
use rayon::prelude::*;

use super::bills::Bills;
use super::profile_store::{ProfileStore, StoreError};
use super::what_if::{Counted, WhatIf};

/// What the day profiles say.
#[derive(Debug)]
pub(super) struct Outcome {
    /// `meter_features`, by component.
    pub features: RecordBatch,
    /// Peer groups and their indices.
    pub peers: Peers,
    /// What was noticed.
    pub findings: Findings,
    /// Cases, scores and what led to them.
    pub assessment: Assessment,
    /// The counts at other thresholds, where they were asked for.
    pub what_if: Option<Counted>,
}

/// Why the day profiles could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// Day profiles could not be read back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A transformation gave up.
    #[error(transparent)]
    Transform(#[from] TransformError),
}

/// Day profiles that are read together at most; each takes about 230 bytes.
const RANGE_PROFILES: i64 = 1 << 18;

/// All day profiles: those in the store, and those of registers, which are made when they are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profiles<'a> {
    /// Profiles of interval components.
    pub(super) store: &'a ProfileStore,
    /// Rows of registers that are read every few days, sorted by component.
    pub(super) register_rows: &'a [RegisterRow],
    /// Rows of registers with long periods, likewise: judged by bills, and spread over days only where days are asked for.
    pub(super) bill_rows: &'a [RegisterRow],
    /// What they are joined with.
    pub(super) registry: &'a Registry,
    /// Condition codes and use flags.
    pub(super) conditions: &'a ResolveConfig,
}

impl Profiles<'_> {
    /// Ranges of components to read one at a time; shorter ones where long registers stand.
    pub(super) fn ranges(&self) -> Vec<Range<u32>> {
        let mut cuts = Vec::new();
        let mut profiles = 0;
        for rows in self.register_rows.chunk_by(|a, b| a.component == b.component) {
            let (first, last) = (&rows[0], &rows[rows.len() - 1]);
            let days = (last.measured_at - first.measured_at) / DAY_SECONDS + MAX_PERIOD_DAYS;
            profiles += days;
            if profiles > RANGE_PROFILES {
                cuts.push(first.component);
                profiles = days;
            }
        }
        let mut cuts = cuts.into_iter().peekable();
        let mut cut = Vec::new();
        for range in self.store.ranges(self.registry.components.len() as u32) {
            let mut start = range.start;
            while let Some(at) = cuts.next_if(|&at| at < range.end) {
                if at > start {
                    cut.push(start..at);
                    start = at;
                }
            }
            cut.push(start..range.end);
        }
        cut
    }

    /// The day profiles of a range by component; `None` where there are none, as of registers with long periods.
    pub(super) fn read(&self, range: &Range<u32>) -> Result<Option<SeriesBlock>, JudgeError> {
        self.with_days_of(range, &[])
    }

    /// The bills of some registers with long periods spread over their days.
    pub(super) fn days_of_bills(&self, components: &[u32]) -> Result<Option<SeriesBlock>, JudgeError> {
        let mut batches = Vec::new();
        for &component in components {
            let rows = rows_of(self.bill_rows, &(component..component + 1));
            batches.push(register_periods(self.registry, self.conditions, rows)?.profiles);
        }
        Ok((!batches.is_empty()).then(|| collate(&batches)).transpose()?)
    }

    /// The same as [`Self::read`], and the bills of some registers with long periods (ascending) spread over their days.
    pub(super) fn with_days_of(
        &self,
        range: &Range<u32>,
        bills: &[u32],
    ) -> Result<Option<SeriesBlock>, JudgeError> {
        let mut batches = self.store.read(range)?;
        let spread = [rows_of(self.register_rows, range)];
        let bills = bills.iter().filter(|component| range.contains(component));
        let bills = bills.map(|&component| rows_of(self.bill_rows, &(component..component + 1)));
        for rows in spread.into_iter().chain(bills).filter(|rows| !rows.is_empty()) {
            let registers = register_periods(self.registry, self.conditions, rows)?;
            let all = 0..registers.profiles.num_rows();
            batches.push((Arc::new(registers.profiles), all));
        }
        Ok(if batches.is_empty() {
            None
        } else {
            let shares = batches
                .iter()
                .map(|(batch, rows)| Share::new(batch, rows.clone()));
            Some(collate_shares(shares.collect::<Result<_, _>>()?)?)
        })
    }
}

fn rows_of<'r>(rows: &'r [RegisterRow], range: &Range<u32>) -> &'r [RegisterRow] {
    let from = rows.partition_point(|row| row.component < range.start);
    let to = rows.partition_point(|row| row.component < range.end);
    &rows[from..to]
}

/// Judges all day profiles, in two passes over ranges of components.
pub(super) fn judge_all(
    profiles: Profiles<'_>,
    rules: &RuleConfig,
    what_if: Option<&WhatIf>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Outcome, JudgeError> {
    let registry = profiles.registry;
    let ranges = profiles.ranges();

    // First pass: what a component says of itself, and what it adds to its peers. Peers are integer counts, so
    // the order in which ranges are merged does not matter. A builder takes many ranges: each has a place for every
    // transformer and every day of every group.
    let builder = PeerBuilder::new(registry);
    let (mut features, builder) = ranges
        .par_iter()
        .enumerate()
        .try_fold(
            || (Vec::new(), builder.another()),
            |(mut features, mut builder), (position, range)| {
                if let Some(block) = profiles.read(range)? {
                    builder.observe(&block, registry);
                    features.push((position, meter_features(registry, &block)?));
                }
                progress(1);
                Ok::<_, JudgeError>((features, builder))
            },
        )
        .try_reduce(
            || (Vec::new(), builder.another()),
            |mut left, right| {
                left.0.extend(right.0);
                left.1.merge(right.1);
                Ok(left)
            },
        )?;
    let peers = builder.finish(rules.min_peers);
    features.sort_unstable_by_key(|(position, _)| *position);
    let none = meter_features(registry, &collate(&[])?)?;
    let features = features.iter().map(|(_, batch)| batch);
    let features = concat_batches(&none.schema(), features).map_err(TransformError::from)?;

    // Second pass: the rules, which need the peers.
    let variants = what_if.map_or(&[][..], |asked| &asked.variants);
    let context = (registry, &peers, rules);
    let evidence: Vec<(Vec<StayEvidence>, Vec<Changed>)> = ranges
        .par_iter()
        .map(|range| {
            let found = match profiles.read(range)? {
                Some(block) => judge_variants(&block, context, variants),
                None => (Vec::new(), Vec::new()),
            };
            progress(1);
            Ok::<_, JudgeError>(found)
        })
        .collect::<Result<_, _>>()?;
    let bills = Bills::of(profiles)?;
    let features = bills.add_features(features, registry)?;
    let of_bills = bills.judge(profiles, (&peers, rules), variants)?;
    let evidence = evidence.into_iter().chain([of_bills]).collect::<Vec<_>>();
    let mut stays = Vec::with_capacity(evidence.iter().map(|(stays, _)| stays.len()).sum());
    let mut changed = Vec::new();
    for (of_stays, of_changed) in evidence {
        stays.extend(of_stays);
        changed.extend(of_changed);
    }
    let counted = what_if.map(|asked| asked.count(stays.clone(), &changed, registry, rules));
    let mut assessment = assemble(stays, registry, &peers, rules)?;
    assessment.look_for_the_odd((registry, &peers, rules))?;
    let mut findings = ahead_of_the_lake(&features)?;
    findings.merge(balance_findings(
        peers.balances(),
        registry,
        &rules.transformer_balance,
    ));
    Ok(Outcome {
        features,
        peers,
        findings,
        assessment,
        what_if: counted,
    })
}
