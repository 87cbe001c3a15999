//! How what the rules found and what a model says become one score, and the order of subjects by it.

use super::Subject;
use super::score::subject_id;
use crate::judge::StayEvidence;
use crate::registry::Registry;

/// The score of a subject, from that of its rules and the probability that a model gives it; both 0..1.
pub(super) fn combine(rules_score: f64, _model: Option<f64>) -> f64 {
    rules_score
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
