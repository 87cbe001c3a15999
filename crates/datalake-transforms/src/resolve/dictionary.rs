//! Dictionary columns: each entry is looked up once, however many rows and batches point at it.

use arrow::array::{Array, StringArray};

/// What the entries of a dictionary stand for, kept while batches share the dictionary.
#[derive(Debug)]
pub(super) struct PerEntry<T> {
    /// Keeps the entries alive, so that equal addresses mean equal entries.
    values: Option<StringArray>,
    mapped: Vec<T>,
}

impl<T> Default for PerEntry<T> {
    fn default() -> Self {
        Self {
            values: None,
            mapped: Vec::new(),
        }
    }
}

impl<T> PerEntry<T> {
    /// What each entry of `values` stands for; null entries are given as `None`.
    pub(super) fn map(&mut self, values: &StringArray, look_up: impl FnMut(Option<&str>) -> T) -> &[T] {
        if !self.values.as_ref().is_some_and(|kept| same(kept, values)) {
            self.mapped.clear();
            self.mapped.extend(values.iter().map(look_up));
            self.values = Some(values.clone());
        }
        &self.mapped
    }
}

/// Whether two arrays are views of the same memory. A reader makes a new array for each batch of a row group,
/// but over the same buffers.
fn same(a: &StringArray, b: &StringArray) -> bool {
    let nulls = |array: &StringArray| array.nulls().map(|n| (n.buffer().as_ptr(), n.offset()));
    a.len() == b.len()
        && a.value_offsets().as_ptr() == b.value_offsets().as_ptr()
        && a.value_data().as_ptr() == b.value_data().as_ptr()
        && nulls(a) == nulls(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_looked_up_once_per_dictionary() {
        let mut cache = PerEntry::default();
        let mut calls = 0;
        let first = StringArray::from(vec![Some("a"), None]);
        let second = StringArray::from(vec![Some("b"), None]);
        let mut lengths = Vec::new();
        for values in [&first, &first.clone(), &second, &first.slice(0, 1), &first] {
            let mapped = cache.map(values, |entry| {
                calls += 1;
                entry.map(str::to_owned)
            });
            lengths.push((mapped[0].clone(), mapped.len()));
        }
        let a = Some("a".to_owned());
        let b = Some("b".to_owned());
        assert_eq!(
            lengths,
            [(a.clone(), 2), (a.clone(), 2), (b, 2), (a.clone(), 1), (a, 2)]
        );
        assert_eq!(calls, 2 + 2 + 1 + 2);
    }
}
