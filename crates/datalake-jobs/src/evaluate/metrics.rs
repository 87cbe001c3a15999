//! Ranking measures. A label is true where the customer steals.
//!
//! Ties never follow the order of a file. Areas and rates (AUC, true-positive rate) treat tied scores as one
//! step of the curve. Whatever needs a ranking takes [`order`]: score, then a hash of the id, then the id.

use std::cmp::Ordering;

/// One customer to rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Service point.
    pub id: String,
    /// Finite.
    pub score: f64,
    /// Whether it steals.
    pub label: bool,
}

/// Sorts best first: score descending, then FNV-1a of the id with a final mix, then the id.
pub fn order(rows: &mut [Scored]) {
    rows.sort_by_cached_key(|r| (Descending(r.score), hash(&r.id), r.id.clone()));
}

struct Descending(f64);

impl PartialEq for Descending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Descending {}

impl PartialOrd for Descending {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Descending {
    fn cmp(&self, other: &Self) -> Ordering {
        // Adding zero makes the two zeros one score.
        (other.0 + 0.0).total_cmp(&(self.0 + 0.0))
    }
}

fn hash(id: &str) -> u64 {
    let fnv = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    crate::synthetic::random::mix(fnv)
}

/// Area under the ROC curve: the chance that a thief's score exceeds an honest customer's, ties counting half
/// (Mann and Whitney, by midranks). `None` where either side is empty.
#[must_use]
pub fn auc(thieves: &[f64], honest: &[f64]) -> Option<f64> {
    if thieves.is_empty() || honest.is_empty() {
        return None;
    }
    let mut below = 0.0;
    let mut seen_honest = 0_u64;
    // Ascending, so that honest ones met so far lie below.
    for group in groups(thieves, honest).iter().rev() {
        below += group.thieves as f64 * (seen_honest as f64 + 0.5 * group.honest as f64);
        seen_honest += group.honest;
    }
    Some(below / (thieves.len() as f64 * honest.len() as f64))
}

/// True-positive rate where the false-positive rate is `fpr`, on the ROC curve with straight lines between its
/// points: what random order among ties yields on average.
#[must_use]
pub fn tpr_at_fpr(thieves: &[f64], honest: &[f64], fpr: f64) -> Option<f64> {
    if thieves.is_empty() || honest.is_empty() {
        return None;
    }
    let allowed = fpr * honest.len() as f64;
    let (mut tp, mut fp) = (0.0, 0.0);
    for group in groups(thieves, honest) {
        let (more_tp, more_fp) = (group.thieves as f64, group.honest as f64);
        if fp + more_fp > allowed {
            tp += more_tp * (allowed - fp) / more_fp;
            break;
        }
        tp += more_tp;
        fp += more_fp;
    }
    Some(tp / thieves.len() as f64)
}

struct Group {
    thieves: u64,
    honest: u64,
}

/// Customers of equal score, best first.
fn groups(thieves: &[f64], honest: &[f64]) -> Vec<Group> {
    let mut all: Vec<(f64, bool)> = thieves
        .iter()
        .map(|s| (s + 0.0, true))
        .chain(honest.iter().map(|s| (s + 0.0, false)))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.chunk_by(|a, b| a.0.total_cmp(&b.0) == Ordering::Equal)
        .map(|g| {
            let thieves = g.iter().filter(|(_, label)| *label).count() as u64;
            Group {
                thieves,
                honest: g.len() as u64 - thieves,
            }
        })
        .collect()
}

fn hits(labels: &[bool], k: usize) -> usize {
    labels.iter().take(k).filter(|l| **l).count()
}

/// Thieves among the first `k`, as a share of `k` (of all where there are fewer).
#[must_use]
pub fn precision_at(labels: &[bool], k: usize) -> Option<f64> {
    let k = k.min(labels.len());
    (k > 0).then(|| hits(labels, k) as f64 / k as f64)
}

/// Thieves among the first `k`, as a share of all thieves.
#[must_use]
pub fn recall_at(labels: &[bool], k: usize) -> Option<f64> {
    let all = hits(labels, labels.len());
    (all > 0).then(|| hits(labels, k) as f64 / all as f64)
}

/// `(1 / sum r_i) sum r_i P@i` over `i <= k`: it ignores thieves outside the first `k`. 0 where there is none in
/// them, `None` where there is none at all.
#[must_use]
pub fn map_at(labels: &[bool], k: usize) -> Option<f64> {
    if hits(labels, labels.len()) == 0 {
        return None;
    }
    let (mut found, mut sum) = (0_u64, 0.0);
    for (i, label) in labels.iter().take(k).enumerate() {
        if *label {
            found += 1;
            sum += found as f64 / (i + 1) as f64;
        }
    }
    Some(if found == 0 { 0.0 } else { sum / found as f64 })
}

/// Average precision: [`map_at`] over the whole ranking.
#[must_use]
pub fn average_precision(labels: &[bool]) -> Option<f64> {
    map_at(labels, labels.len())
}

/// The `q` quantile by linear interpolation between order statistics (Hyndman and Fan's type 7).
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = q * last as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(last);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64))
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn auc_by_hand() {
        // Pairs won: 4 beats 3, 2, 1 and 1; 2 ties one, beats two: 4 + 2.5 of 8.
        assert_eq!(auc(&[4.0, 2.0], &[3.0, 2.0, 1.0, 1.0]), Some(6.5 / 8.0));
        assert_eq!(auc(&[1.0], &[1.0, 1.0]), Some(0.5));
        assert_eq!(auc(&[0.0], &[-0.0]), Some(0.5));
        assert_eq!(auc(&[], &[1.0]), None);
    }

    #[test]
    fn rate_at_false_positives_by_hand() {
        let honest: Vec<f64> = (0..100).map(f64::from).collect();
        // One honest customer of a hundred may stand above: the threshold lies between 99 and 98.
        assert_eq!(tpr_at_fpr(&[100.0, 98.5, 97.5, 1.0], &honest, 0.01), Some(0.5));
        // All tied: the diagonal.
        assert_eq!(tpr_at_fpr(&[1.0; 4], &[1.0; 10], 0.1), Some(0.1));
        assert_eq!(
            tpr_at_fpr(&[2.0, 1.0], &[1.0; 2], 0.01),
            Some(f64::midpoint(1.0, 0.01))
        );
    }

    #[test]
    fn precision_recall_and_map_by_hand() {
        let labels = [true, false, true, false, false, true];
        assert_eq!(precision_at(&labels, 3), Some(2.0 / 3.0));
        assert_eq!(precision_at(&labels, 100), Some(0.5));
        assert_eq!(recall_at(&labels, 3), Some(2.0 / 3.0));
        // Precision at the hits: 1, 2/3 and 1/2.
        assert_eq!(average_precision(&labels), Some((1.0 + 2.0 / 3.0 + 0.5) / 3.0));
        assert_eq!(map_at(&labels, 3), Some(f64::midpoint(1.0, 2.0 / 3.0)));
        assert_eq!(map_at(&[false, false, true], 2), Some(0.0));
        assert_eq!(map_at(&[false, false], 2), None);
        assert_eq!(precision_at(&[], 3), None);
        assert_eq!(recall_at(&[false], 1), None);
    }

    #[test]
    fn ties_follow_the_hash_of_the_id_not_the_file() {
        let row = |id: &str, score| Scored {
            id: id.to_owned(),
            score,
            label: false,
        };
        let mut a: Vec<_> = (0..50).map(|i| row(&format!("SP-{i:03}"), 0.5)).collect();
        a.push(row("SP-999", 0.9));
        let mut b: Vec<_> = a.iter().rev().cloned().collect();
        order(&mut a);
        order(&mut b);
        assert_eq!(a, b);
        assert_eq!(a[0].id, "SP-999");
        let ids: Vec<_> = a[1..].iter().map(|r| r.id.as_str()).collect();
        assert!(!ids.is_sorted(), "the ids' own order says nothing either");
    }

    #[test]
    fn quantiles_by_hand() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0, 4.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[3.0, 1.0], 0.9), Some(1.0 + 2.0 * 0.9));
        assert_eq!(quantile(&[5.0], 0.1), Some(5.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    proptest! {
        #[test]
        fn auc_is_the_share_of_pairs(
            t in prop::collection::vec(0_u8..6, 1..20), h in prop::collection::vec(0_u8..6, 1..20),
        ) {
            let mut won = 0.0;
            for a in &t {
                for b in &h {
                    won += match a.cmp(b) { Ordering::Greater => 1.0, Ordering::Equal => 0.5, Ordering::Less => 0.0 };
                }
            }
            let floats = |v: &[u8]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
            let expected = won / (t.len() * h.len()) as f64;
            prop_assert!((auc(&floats(&t), &floats(&h)).unwrap() - expected).abs() < 1e-12);
        }

        #[test]
        fn the_rate_grows_with_the_false_positives(
            t in prop::collection::vec(0_u8..6, 1..20), h in prop::collection::vec(0_u8..6, 1..20),
        ) {
            let floats = |v: &[u8]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
            let (t, h) = (floats(&t), floats(&h));
            let rates: Vec<f64> = (0..=10).map(|i| tpr_at_fpr(&t, &h, f64::from(i) / 10.0).unwrap()).collect();
            prop_assert!(rates.windows(2).all(|w| w[0] <= w[1] + 1e-12));
            prop_assert!((rates[10] - 1.0).abs() < 1e-12);
        }
    }
}
