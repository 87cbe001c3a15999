//! How the score of the rules and what else is known become one score, and the order of subjects by it.

use super::Subject;
use super::score::subject_id;
use crate::judge::StayEvidence;
use crate::registry::Registry;

/// How far below the threshold the scores of those that are no case end.
pub(super) const BELOW_THRESHOLD: f64 = 0.01;

/// Joins a score and further evidence of probability `part`, as if they were independent: `1 - (1 - score) (1 - part)`; all are
/// 0..1. Only rules open a case: what is none keeps its order and stays below the threshold.
pub(super) fn combine(score: f64, part: f64, is_case: bool, threshold: f64) -> f64 {
    let joined = 1.0 - (1.0 - score) * (1.0 - part);
    let joined = if is_case {
        joined
    } else {
        joined.min(threshold - BELOW_THRESHOLD)
    };
    // Six decimals: what stands in the table is what was ranked.
    (joined * 1e6).round() / 1e6
}

/// The score with a model: of a case what [`combine`] gives; of others the same, squeezed below the threshold, so that no two
/// that a model tells apart end there together.
pub(super) fn combine_with_model(score: f64, probability: f64, is_case: bool, threshold: f64) -> f64 {
    let joined = combine(score, probability, true, threshold);
    if is_case {
        joined
    } else {
        ((threshold - BELOW_THRESHOLD) * joined * 1e6).round() / 1e6
    }
}

/// Puts subjects in order: by score, then by the energy lost, then by id.
pub(super) fn rank(subjects: &mut [Subject], evidence: &[StayEvidence], registry: &Registry) {
    subjects.sort_by(|a, b| {
        let lost = |subject: &Subject| subject.loss.map_or(-1, |loss| loss.lost_micro);
        b.score
            .total_cmp(&a.score)
            .then_with(|| lost(b).cmp(&lost(a)))
            .then_with(|| {
                let id = |subject: &Subject| subject_id(&evidence[subject.strongest], registry);
                id(a).cmp(id(b))
            })
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_by_hand() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(combine(0.6, 0.1, true, 0.5), 0.64);
        near(combine(0.2, 0.1, false, 0.5), 0.28);
        near(combine(0.48, 0.5, false, 0.5), 0.49);
        near(combine_with_model(0.6, 0.5, true, 0.5), 0.8);
        // 0.49 x (1 - 0.8 x 0.5).
        near(combine_with_model(0.2, 0.5, false, 0.5), 0.294);
        near(combine_with_model(0.0, 1.0, false, 0.5), 0.49);
    }
}
