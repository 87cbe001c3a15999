//! From day profiles to the tables: features, peers, rules, service points.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use datalake_transforms::error::TransformError;
use datalake_transforms::features::meter_features;
use datalake_transforms::judge::{StayEvidence, judge};
use datalake_transforms::peers::{PeerBuilder, Peers};
use datalake_transforms::ranking::{Assessment, assemble};
use datalake_transforms::registry::Registry;
use datalake_transforms::rules::RuleConfig;
use datalake_transforms::series::{SeriesBlock, collate};
use rayon::prelude::*;

use super::profile_store::{ProfileStore, StoreError, ranges};

/// What the day profiles say.
#[derive(Debug)]
pub struct Outcome {
    /// `meter_features`, by component.
    pub features: RecordBatch,
    /// Peer groups and their indices.
    pub peers: Peers,
    /// Cases, scores and what led to them.
    pub assessment: Assessment,
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

/// Judges everything that the store holds, in two passes over ranges of components.
pub fn judge_all(
    store: &ProfileStore,
    registry: &Registry,
    rules: &RuleConfig,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Outcome, JudgeError> {
    let ranges: Vec<_> = ranges(registry.components.len() as u32).collect();
    let read = |range| -> Result<Option<SeriesBlock>, JudgeError> {
        let batches = store.read(range)?;
        Ok(if batches.is_empty() {
            None
        } else {
            Some(collate(&batches)?)
        })
    };

    // First pass: what a component says of itself, and what it adds to its peers. Peers are integer counts, so
    // the order in which ranges are merged does not matter.
    let (mut features, builder) = ranges
        .par_iter()
        .enumerate()
        .map(|(position, range)| {
            let mut builder = PeerBuilder::new(registry);
            let features = match read(range)? {
                Some(block) => {
                    builder.observe(&block, registry);
                    vec![(position, meter_features(registry, &block)?)]
                }
                None => Vec::new(),
            };
            progress(1);
            Ok::<_, JudgeError>((features, builder))
        })
        .try_reduce(
            || (Vec::new(), PeerBuilder::new(registry)),
            |mut left, right| {
                left.0.extend(right.0);
                left.1.merge(&right.1);
                Ok(left)
            },
        )?;
    let peers = builder.finish(rules.min_peers);
    features.sort_unstable_by_key(|(position, _)| *position);
    let none = meter_features(registry, &collate(&[])?)?;
    let features = features.iter().map(|(_, batch)| batch);
    let features = concat_batches(&none.schema(), features).map_err(TransformError::from)?;

    // Second pass: the rules, which need the peers.
    let evidence: Vec<Vec<StayEvidence>> = ranges
        .par_iter()
        .map(|range| {
            let found = match read(range)? {
                Some(block) => judge(&block, registry, &peers, rules),
                None => Vec::new(),
            };
            progress(1);
            Ok::<_, JudgeError>(found)
        })
        .collect::<Result<_, _>>()?;
    let assessment = assemble(evidence.into_iter().flatten().collect(), registry, &peers, rules)?;
    Ok(Outcome {
        features,
        peers,
        assessment,
    })
}
