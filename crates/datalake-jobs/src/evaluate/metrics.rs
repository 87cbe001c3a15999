//! Ranking measures. A label is true where the customer steals.
//!
//! Ties never follow the order of a file. Areas and rates (AUC, true-positive rate) treat tied scores as one
//! step of the curve. Whatever needs a ranking takes [`order`]: score, then a hash of the id, then the id.

use std::cmp::Ordering;

use serde::Serialize;

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

/// Number of the first customers among which there are `n` thieves: inspections until the `n`-th theft. `None` where there are
/// fewer, or none is asked for.
#[must_use]
pub fn until(labels: &[bool], n: usize) -> Option<usize> {
    let mut thieves = labels.iter().enumerate().filter(|(_, label)| **label);
    thieves.nth(n.checked_sub(1)?).map(|(position, _)| position + 1)
}

/// Customers of about the same score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    /// Lowest score of it; the highest is that of the next one, which it leaves out.
    pub from: f64,
    /// Customers.
    pub customers: usize,
    /// Their mean score.
    pub mean_score: f64,
    /// Share of them that steals.
    pub theft_share: f64,
}

/// How far scores are probabilities.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Mean squared difference of score and label (Brier 1950).
    pub brier: f64,
    /// Mean difference of mean score and share of theft over the bins, by customers (Naeini et al. 2015).
    pub expected_error: f64,
    /// Bins that hold somebody, by score.
    pub bins: Vec<Bin>,
}

/// Bins of equal width between 0 and 1.
const BINS: usize = 10;

/// Compares scores with how many steal, in ten bins; 1 is in the last one. `None` where there is nobody, or a score is no
/// number from 0 to 1. Sums go by the order of the rows.
#[must_use]
pub fn calibration(rows: &[(f64, bool)]) -> Option<Calibration> {
    if rows.is_empty() || rows.iter().any(|(score, _)| !(0.0..=1.0).contains(score)) {
        return None;
    }
    let truth = |label: bool| f64::from(u8::from(label));
    // Customers, sum of scores, thieves.
    let mut sums = [(0_usize, 0.0, 0_usize); BINS];
    let mut squares = 0.0;
    for &(score, label) in rows {
        let bin = &mut sums[((score * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + 1, bin.1 + score, bin.2 + usize::from(label));
        squares += (score - truth(label)).powi(2);
    }
    let bins: Vec<Bin> = sums
        .iter()
        .zip(0_u8..)
        .filter(|((customers, ..), _)| *customers > 0)
        .map(|(&(customers, scores, thieves), at)| Bin {
            from: f64::from(at) / BINS as f64,
            customers,
            mean_score: scores / customers as f64,
            theft_share: thieves as f64 / customers as f64,
        })
        .collect();
    let gap = |bin: &Bin| bin.customers as f64 * (bin.mean_score - bin.theft_share).abs();
    Some(Calibration {
        brier: squares / rows.len() as f64,
        expected_error: bins.iter().map(gap).sum::<f64>() / rows.len() as f64,
        bins,
    })
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
    fn inspections_until_a_theft_by_hand() {
        let labels = [false, true, false, true];
        assert_eq!(
            [0, 1, 2, 3].map(|n| until(&labels, n)),
            [None, Some(2), Some(4), None]
        );
    }

    #[test]
    fn calibration_by_hand() {
        // Two at 0.9, one of which steals; one honest at 0.2; one thief at 1.
        let found = calibration(&[(0.9, true), (1.0, true), (0.9, false), (0.2, false)]).unwrap();
        assert!((found.brier - (0.01 + 0.0 + 0.81 + 0.04) / 4.0).abs() < 1e-12);
        // |2.8 / 3 - 2 / 3| of three, and 0.2 of one.
        assert!((found.expected_error - (3.0 * (2.8 / 3.0 - 2.0 / 3.0) + 0.2) / 4.0).abs() < 1e-12);
        let bins: Vec<_> = found.bins.iter().map(|bin| (bin.from, bin.customers)).collect();
        assert_eq!(bins, [(0.2, 1), (0.9, 3)]);
        assert_eq!(calibration(&[]), None);
        assert_eq!(calibration(&[(1.2, true)]), None);
        assert_eq!(calibration(&[(f64::NAN, true)]), None);
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
        fn figures_of_a_list_are_those_of_counting(
            rows in prop::collection::vec((0_u8..=100, any::<bool>()), 1..60), k in 1_usize..70, n in 1_usize..8,
        ) {
            let rows: Vec<(f64, bool)> = rows.iter().map(|(s, l)| (f64::from(*s) / 100.0, *l)).collect();
            let labels: Vec<bool> = rows.iter().map(|r| r.1).collect();
            let among = |k: usize| (0..k.min(labels.len())).filter(|i| labels[*i]).count();
            let all = among(labels.len());
            prop_assert_eq!(precision_at(&labels, k), Some(among(k) as f64 / k.min(labels.len()) as f64));
            prop_assert_eq!(recall_at(&labels, k), (all > 0).then(|| among(k) as f64 / all as f64));
            prop_assert_eq!(until(&labels, n), (1..=labels.len()).find(|k| among(*k) >= n));
            let hits: Vec<usize> = (1..=k.min(labels.len())).filter(|i| labels[i - 1]).collect();
            let map: f64 = hits.iter().map(|i| among(*i) as f64 / *i as f64).sum::<f64>() / hits.len().max(1) as f64;
            let found = map_at(&labels, k);
            prop_assert!(found.map_or(all == 0, |found| (found - map).abs() < 1e-12));

            let found = calibration(&rows).unwrap();
            // E(s - y)^2 = E s^2 - 2 E sy + E y.
            let mean = |of: &dyn Fn(f64, f64) -> f64| {
                rows.iter().map(|(s, l)| of(*s, f64::from(u8::from(*l)))).sum::<f64>() / rows.len() as f64
            };
            prop_assert!((found.brier - (mean(&|s, _| s * s) - 2.0 * mean(&|s, y| s * y) + mean(&|_, y| y))).abs() < 1e-12);
            let mut error = 0.0;
            for tenth in 0..10 {
                let within = |s: f64| s * 10.0 >= f64::from(tenth) && (s * 10.0 < f64::from(tenth + 1) || tenth == 9);
                error += mean(&|s, y| if within(s) { s - y } else { 0.0 }).abs();
            }
            prop_assert!((found.expected_error - error).abs() < 1e-12);
            prop_assert_eq!(found.bins.iter().map(|bin| bin.customers).sum::<usize>(), rows.len());
        }

        #[test]
        fn the_rate_lies_on_the_curve_through_all_thresholds(
            t in prop::collection::vec(0_u8..6, 1..20), h in prop::collection::vec(0_u8..6, 1..20), fpr in 0.0_f64..1.0,
        ) {
            let share = |v: &[u8], least: u8| v.iter().filter(|x| **x >= least).count() as f64 / v.len() as f64;
            // From a threshold that nobody reaches down to one that all do.
            let curve: Vec<(f64, f64)> = (0..=6_u8).rev().map(|least| (share(&h, least), share(&t, least))).collect();
            let at = curve.iter().rposition(|point| point.0 <= fpr).unwrap();
            let from = curve[at];
            let to = curve.get(at + 1).copied().unwrap_or(from);
            let part = if to.0 > from.0 { (fpr - from.0) / (to.0 - from.0) } else { 0.0 };
            let expected = from.1 + part * (to.1 - from.1);
            let floats = |v: &[u8]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
            prop_assert!((tpr_at_fpr(&floats(&t), &floats(&h), fpr).unwrap() - expected).abs() < 1e-9);
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
