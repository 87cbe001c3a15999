//! How many meters under each transformer were silent on a day.

/// Transformer and day.
type Key = (u32, i32);

/// Silent days that are noted before they are counted, at least.
const NOTED: usize = 1 << 16;

/// Silent meters by transformer and day. Lists rather than a map: there may be a hundred million silent days.
#[derive(Debug, Clone, Default)]
pub(super) struct SilentDays {
    /// Sorted, each pair once.
    counted: Vec<(Key, u32)>,
    /// In any order, any number of times.
    noted: Vec<Key>,
}

impl SilentDays {
    /// One more meter was silent.
    pub(super) fn add(&mut self, transformer: u32, day: i32) {
        self.noted.push((transformer, day));
        if self.noted.len() >= NOTED.max(self.counted.len()) {
            self.count();
        }
    }

    fn count(&mut self) {
        self.noted.sort_unstable();
        let runs = self.noted.chunk_by(|a, b| a == b);
        let noted: Vec<(Key, u32)> = runs.map(|run| (run[0], run.len() as u32)).collect();
        self.noted.clear();
        self.join(noted);
    }

    /// Adds another sorted list.
    fn join(&mut self, other: Vec<(Key, u32)>) {
        if self.counted.is_empty() {
            self.counted = other;
            return;
        }
        let mut joined = Vec::with_capacity(self.counted.len() + other.len());
        let mut theirs = other.into_iter().peekable();
        for &(key, mine) in &self.counted {
            while let Some(before) = theirs.next_if(|(at, _)| *at < key) {
                joined.push(before);
            }
            let same = theirs.next_if(|(at, _)| *at == key).map_or(0, |(_, n)| n);
            joined.push((key, mine + same));
        }
        joined.extend(theirs);
        self.counted = joined;
    }

    /// Adds what was noted elsewhere.
    pub(super) fn merge(&mut self, mut other: Self) {
        other.count();
        self.join(other.counted);
    }

    /// Nothing more comes.
    pub(super) fn finish(mut self) -> Self {
        self.count();
        self.noted = Vec::new();
        self
    }

    /// Meters silent under a transformer on a day, once finished.
    pub(super) fn at(&self, transformer: u32, day: i32) -> u32 {
        let wanted = (transformer, day);
        let found = self.counted.binary_search_by_key(&wanted, |&(key, _)| key);
        found.map_or(0, |position| self.counted[position].1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_a_map_counts(keys in prop::collection::vec((0_u32..4, -3_i32..3), 0..60), cuts in prop::collection::vec(0_usize..60, 0..4)) {
            let mut map: BTreeMap<Key, u32> = BTreeMap::new();
            let mut parts = [SilentDays::default(), SilentDays::default()];
            for (position, &(transformer, day)) in keys.iter().enumerate() {
                *map.entry((transformer, day)).or_insert(0) += 1;
                parts[position % 2].add(transformer, day);
                if cuts.contains(&position) {
                    parts[0].count();
                }
            }
            let [mut all, other] = parts;
            all.merge(other);
            let all = all.finish();
            for (transformer, day) in (0..4).flat_map(|t| (-3..3).map(move |d| (t, d))) {
                let expected = map.get(&(transformer, day)).copied().unwrap_or(0);
                prop_assert_eq!(all.at(transformer, day), expected);
            }
        }
    }
}
