//! Shares of thefts in groups of rows: what inspections of others in the same area and season, or of the same make of meter,
//! say of a row.
//!
//! A group's share is `(thefts + 20 base) / (rows + 20)`, with the share of all rows as `base`: a group of few rows says
//! little. The shares that a model learns from are taken *out of fold* ([`Groups::out_of_fold`]): what stands at a row
//! was counted without the fold that it is in, so that its own label is no part of it. Rows to be judged have the
//! counts of all rows that were learned from ([`Encoding::share`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::folds::fold;
use super::random::mix;
use crate::error::TransformError;

/// Rows of the base rate that are added to each group.
const SMOOTHING_ROWS: f64 = 20.0;

/// Folds of [`Groups::out_of_fold`].
const FOLDS: u32 = 5;

/// Groups at most that a model may carry for one encoding.
const MAX_GROUPS: usize = 5_000_000;

/// One way of putting rows into groups: for each row its group, `None` where that is not known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grouping {
    /// Name of the feature that the shares become.
    pub name: String,
    /// By row.
    pub groups: Vec<Option<Arc<str>>>,
}

/// Groupings of rows, which are sorted by id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Groups {
    ids: Vec<String>,
    groupings: Vec<Grouping>,
}

impl Groups {
    /// Groups of rows of these ids, in any order.
    ///
    /// Fails as a bug where an id stands twice, or a grouping has another length.
    pub fn new(ids: &[String], groupings: Vec<Grouping>) -> Result<Self, TransformError> {
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_unstable_by(|&a, &b| ids[a].cmp(&ids[b]));
        if order.windows(2).any(|pair| ids[pair[0]] == ids[pair[1]])
            || groupings
                .iter()
                .any(|grouping| grouping.groups.len() != ids.len())
        {
            return Err(TransformError::Bug(
                "groups of rows that are not one a row".to_owned(),
            ));
        }
        let sorted = |grouping: Grouping| Grouping {
            groups: order.iter().map(|&row| grouping.groups[row].clone()).collect(),
            name: grouping.name,
        };
        Ok(Self {
            groupings: groupings.into_iter().map(sorted).collect(),
            ids: order.iter().map(|&row| ids[row].clone()).collect(),
        })
    }

    /// Ids of the rows, ascending.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// The rows at these positions, which ascend.
    #[must_use]
    pub fn select(&self, positions: &[u32]) -> Self {
        let pick = |grouping: &Grouping| Grouping {
            name: grouping.name.clone(),
            groups: positions
                .iter()
                .map(|&at| grouping.groups[at as usize].clone())
                .collect(),
        };
        Self {
            ids: positions
                .iter()
                .map(|&at| self.ids[at as usize].clone())
                .collect(),
            groupings: self.groupings.iter().map(pick).collect(),
        }
    }

    /// The same rows with those groupings only for whose names `keep` holds.
    #[must_use]
    pub fn with_groupings(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = self.groupings.iter().filter(|grouping| keep(&grouping.name));
        Self {
            ids: self.ids.clone(),
            groupings: kept.cloned().collect(),
        }
    }

    /// Counts of all groupings, by the labels of the rows.
    #[must_use]
    pub fn encodings(&self, thefts: &[bool]) -> Vec<Encoding> {
        let of = |grouping: &Grouping| Encoding::fit(grouping, thefts);
        self.groupings.iter().map(of).collect()
    }

    /// Columns to learn from: name, and each row's share counted without the fold that it is in.
    #[must_use]
    pub fn out_of_fold(&self, thefts: &[bool], seed: u64) -> Vec<(String, Vec<f32>)> {
        // Other folds than those that are held out to judge a model by.
        let seed = mix(seed ^ 0x656e_636f_6465);
        let folds: Vec<u32> = self.ids.iter().map(|id| fold(id, FOLDS, seed)).collect();
        let of = |grouping: &Grouping| {
            let shares = Encoding::out_of_fold(grouping, thefts, &folds);
            (grouping.name.clone(), shares)
        };
        self.groupings.iter().map(of).collect()
    }

    /// Columns of rows to be judged: name, and each row's share by the counts of `encodings`; unknown where there is no
    /// such grouping.
    #[must_use]
    pub fn encoded(&self, encodings: &[Encoding]) -> Vec<(String, Vec<f32>)> {
        let of = |encoding: &Encoding| {
            let grouping = self
                .groupings
                .iter()
                .find(|grouping| grouping.name == encoding.name);
            let shares = grouping.map_or_else(
                || vec![f32::NAN; self.ids.len()],
                |grouping| {
                    let groups = grouping.groups.iter();
                    groups.map(|group| encoding.share(group.as_deref())).collect()
                },
            );
            (encoding.name.clone(), shares)
        };
        encodings.iter().map(of).collect()
    }
}

/// Rows of a group, and thefts among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Thefts.
    pub thefts: u32,
    /// All rows.
    pub rows: u32,
}

impl Counted {
    fn add(&mut self, is_theft: bool) {
        self.rows += 1;
        self.thefts += u32::from(is_theft);
    }

    fn less(self, part: Self) -> Self {
        Self {
            thefts: self.thefts - part.thefts,
            rows: self.rows - part.rows,
        }
    }

    /// Share of thefts, drawn towards that of `all`.
    fn share(self, all: Self) -> f32 {
        let base = if all.rows == 0 {
            0.0
        } else {
            f64::from(all.thefts) / f64::from(all.rows)
        };
        let share =
            (f64::from(self.thefts) + SMOOTHING_ROWS * base) / (f64::from(self.rows) + SMOOTHING_ROWS);
        share as f32
    }
}

/// Counts of one grouping, as a model carries them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// Name of the feature.
    pub name: String,
    /// Rows with a group.
    pub all: Counted,
    /// By group.
    pub groups: BTreeMap<String, Counted>,
}

impl Encoding {
    fn fit(grouping: &Grouping, thefts: &[bool]) -> Self {
        let mut encoding = Self {
            name: grouping.name.clone(),
            all: Counted::default(),
            groups: BTreeMap::new(),
        };
        for (group, &is_theft) in grouping.groups.iter().zip(thefts) {
            if let Some(group) = group {
                encoding.all.add(is_theft);
                // Most rows meet a group that is there already: no text is made for those.
                if let Some(counted) = encoding.groups.get_mut(&**group) {
                    counted.add(is_theft);
                } else {
                    encoding
                        .groups
                        .entry(group.to_string())
                        .or_default()
                        .add(is_theft);
                }
            }
        }
        encoding
    }

    /// The share of a group; of one that nothing was learned of the share of all rows, NaN where the group is not known.
    #[must_use]
    pub fn share(&self, group: Option<&str>) -> f32 {
        group.map_or(f32::NAN, |group| {
            let counted = self.groups.get(group).copied().unwrap_or_default();
            counted.share(self.all)
        })
    }

    /// Each row's share by the rows of other folds alone.
    fn out_of_fold(grouping: &Grouping, thefts: &[bool], folds: &[u32]) -> Vec<f32> {
        let all = Self::fit(grouping, thefts);
        let mut of_fold = vec![Counted::default(); FOLDS as usize];
        let mut of_both: BTreeMap<(&str, u32), Counted> = BTreeMap::new();
        let rows = || grouping.groups.iter().zip(thefts).zip(folds);
        for ((group, &is_theft), &fold) in rows() {
            if let Some(group) = group {
                of_fold[fold as usize].add(is_theft);
                of_both.entry((group, fold)).or_default().add(is_theft);
            }
        }
        let share = |((group, _), &fold): ((&Option<Arc<str>>, &bool), &u32)| {
            let Some(group) = group.as_deref() else {
                return f32::NAN;
            };
            let counted = |found: Option<&Counted>| found.copied().unwrap_or_default();
            let others = counted(all.groups.get(group)).less(counted(of_both.get(&(group, fold))));
            others.share(all.all.less(of_fold[fold as usize]))
        };
        rows().map(share).collect()
    }

    /// What is wrong with one that was read from a file.
    pub(super) fn fault(&self) -> Option<String> {
        let sound = |counted: &Counted| counted.thefts <= counted.rows;
        let name: String = self.name.chars().take(100).collect();
        if self.groups.len() > MAX_GROUPS {
            return Some(format!("`{name}` has more than {MAX_GROUPS} groups"));
        }
        (!sound(&self.all) || !self.groups.values().all(sound))
            .then(|| format!("`{name}` counts more thefts than rows"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::learning::random::Stream;

    fn grouping(groups: &[&str]) -> Grouping {
        let group = |text: &&str| (!text.is_empty()).then(|| Arc::from(*text));
        Grouping {
            name: "area".to_owned(),
            groups: groups.iter().map(group).collect(),
        }
    }

    #[test]
    fn a_share_by_hand() {
        let found = Encoding::fit(
            &grouping(&["a", "a", "a", "b", ""]),
            &[true, true, false, false, true],
        );
        assert_eq!(found.all, Counted { thefts: 2, rows: 4 });
        // (2 + 20 x 0.5) / (3 + 20), (0 + 10) / 21, and the base.
        assert_eq!(found.share(Some("a")), (12.0_f64 / 23.0) as f32);
        assert_eq!(found.share(Some("b")), (10.0_f64 / 21.0) as f32);
        assert_eq!(found.share(Some("never seen")), 0.5);
        assert!(found.share(None).is_nan());
    }

    #[test]
    fn out_of_fold_a_share_is_what_the_other_folds_alone_would_give() {
        let mut stream = Stream::new(3, 0);
        let groups: Vec<String> = (0..400)
            .map(|_| format!("g{}", (stream.unit() * 12.0) as u32))
            .collect();
        let thefts: Vec<bool> = (0..400).map(|_| stream.unit() < 0.3).collect();
        let folds: Vec<u32> = (0..400).map(|_| (stream.unit() * 5.0) as u32).collect();
        let texts: Vec<&str> = groups.iter().map(String::as_str).collect();
        let found = Encoding::out_of_fold(&grouping(&texts), &thefts, &folds);
        for row in 0..400 {
            let others: Vec<usize> = (0..400).filter(|&other| folds[other] != folds[row]).collect();
            let kept: Vec<&str> = others.iter().map(|&other| texts[other]).collect();
            let labels: Vec<bool> = others.iter().map(|&other| thefts[other]).collect();
            let expected = Encoding::fit(&grouping(&kept), &labels).share(Some(texts[row]));
            assert_eq!(found[row], expected, "row {row}");
            // Its own label is no part of it.
            let mut turned = thefts.clone();
            turned[row] = !turned[row];
            let again = Encoding::out_of_fold(&grouping(&texts), &turned, &folds);
            assert_eq!(again[row], found[row], "row {row}");
        }
    }

    #[test]
    fn groups_that_mean_nothing_tell_nothing() {
        let mut stream = Stream::new(11, 0);
        let rows = 20_000;
        let ids: Vec<String> = (0..rows).map(|row| format!("SP-{row:05}")).collect();
        let groups = (0..rows)
            .map(|_| Some(Arc::from(format!("{}", (stream.unit() * 2_000.0) as u32))))
            .collect();
        let thefts: Vec<bool> = (0..rows).map(|_| stream.unit() < 0.1).collect();
        let name = "random".to_owned();
        let groups = Groups::new(&ids, vec![Grouping { name, groups }]).unwrap();
        let (_, shares) = groups.out_of_fold(&thefts, 1).remove(0);
        // Chance that a theft has a greater share than another row.
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by(|&a, &b| shares[a].total_cmp(&shares[b]));
        let (mut below, mut won) = (0_u64, 0_u64);
        for row in order {
            if thefts[row] {
                won += below;
            } else {
                below += 1;
            }
        }
        let stealing = rows as u64 - below;
        let auc = won as f64 / (below * stealing) as f64;
        assert!((0.48..0.52).contains(&auc), "{auc}");
    }

    #[test]
    fn groups_follow_their_ids_and_what_is_read_back_encodes_the_same() {
        let ids = vec!["b".to_owned(), "a".to_owned(), "c".to_owned()];
        let groups = Groups::new(&ids, vec![grouping(&["x", "y", "x"])]).unwrap();
        assert_eq!(groups.ids(), ["a", "b", "c"]);
        let encodings = groups.encodings(&[false, true, true]);
        assert_eq!(encodings[0].groups["x"], Counted { thefts: 2, rows: 2 });
        let text = serde_json::to_string(&encodings).unwrap();
        let read: Vec<Encoding> = serde_json::from_str(&text).unwrap();
        let part = groups.select(&[1, 2]);
        assert_eq!(part.ids(), ["b", "c"]);
        assert_eq!(part.encoded(&read), part.encoded(&encodings));
        assert_eq!(part.encoded(&read)[0].1, [encodings[0].share(Some("x")); 2]);
        let none = groups.with_groupings(|name| name != "area").encoded(&read);
        assert!(none[0].1.iter().all(|share| share.is_nan()));
        assert!(Groups::new(&["a".to_owned(), "a".to_owned()], vec![]).is_err());
        assert!(Groups::new(&ids, vec![grouping(&["x"])]).is_err());
        let mut wrong = encodings[0].clone();
        assert_eq!(wrong.fault(), None);
        wrong.all.thefts = 9;
        assert!(wrong.fault().unwrap().contains("more thefts than rows"));
    }
}
