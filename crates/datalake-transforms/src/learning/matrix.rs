//! Numbers to learn from: named columns, rows sorted by id.

use crate::error::TransformError;

use super::random::hash_text;

/// Named columns of 32-bit numbers over rows with an id each; NaN = unknown.
///
/// Rows are sorted by id, so that whatever is added up over them comes out the same whatever order they came in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    ids: Vec<String>,
    hashes: Vec<u64>,
    names: Vec<String>,
    /// By column, then row.
    columns: Vec<Vec<f32>>,
}

impl Matrix {
    /// A matrix of `columns` (name and one value a row) over rows of these ids, in any order. What is not finite counts
    /// as unknown.
    ///
    /// Fails as a bug where an id or a name stands twice, or a column has another length.
    pub fn new(mut ids: Vec<String>, columns: Vec<(String, Vec<f32>)>) -> Result<Self, TransformError> {
        let bug = |what: String| Err(TransformError::Bug(what));
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| ids[a as usize].cmp(&ids[b as usize]));
        if let Some(pair) = order
            .windows(2)
            .find(|pair| ids[pair[0] as usize] == ids[pair[1] as usize])
        {
            return bug(format!(
                "two rows to learn from are called `{}`",
                ids[pair[0] as usize]
            ));
        }
        let mut names = Vec::with_capacity(columns.len());
        let mut sorted = Vec::with_capacity(columns.len());
        for (name, values) in columns {
            if values.len() != ids.len() {
                return bug(format!(
                    "feature `{name}` has {} values for {} rows",
                    values.len(),
                    ids.len()
                ));
            }
            if names.contains(&name) {
                return bug(format!("two features are called `{name}`"));
            }
            names.push(name);
            let value = |&row: &u32| known(values[row as usize]);
            sorted.push(order.iter().map(value).collect());
        }
        ids.sort_unstable();
        Ok(Self {
            hashes: ids.iter().map(|id| hash_text(id)).collect(),
            ids,
            names,
            columns: sorted,
        })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// Ids of the rows, ascending.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Values of a column, by row.
    #[must_use]
    pub fn column(&self, column: usize) -> &[f32] {
        &self.columns[column]
    }

    /// Hash of a row's id.
    pub(super) fn hash(&self, row: usize) -> u64 {
        self.hashes[row]
    }

    /// The row with that id.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        self.ids.binary_search_by(|known| known.as_str().cmp(id)).ok()
    }

    /// Values of one row into `row`, by column.
    pub fn row_into(&self, position: usize, row: &mut Vec<f32>) {
        row.clear();
        row.extend(self.columns.iter().map(|column| column[position]));
    }

    /// The rows at these positions, which ascend.
    #[must_use]
    pub fn select(&self, positions: &[u32]) -> Self {
        let pick = |&position: &u32| position as usize;
        Self {
            ids: positions.iter().map(|at| self.ids[pick(at)].clone()).collect(),
            hashes: positions.iter().map(|at| self.hashes[pick(at)]).collect(),
            names: self.names.clone(),
            columns: self
                .columns
                .iter()
                .map(|column| positions.iter().map(|at| column[pick(at)]).collect())
                .collect(),
        }
    }

    /// The same rows with further columns (name and one value a row, in the order of the rows).
    ///
    /// Fails as a bug where a name stands twice, or a column has another length.
    pub fn with_added(mut self, columns: Vec<(String, Vec<f32>)>) -> Result<Self, TransformError> {
        for (name, values) in columns {
            if self.names.contains(&name) || values.len() != self.rows() {
                return Err(TransformError::Bug(format!(
                    "feature `{name}` does not fit the others"
                )));
            }
            self.names.push(name);
            self.columns.push(values.into_iter().map(known).collect());
        }
        Ok(self)
    }

    /// The same rows with those columns only for which `keep` holds.
    #[must_use]
    pub fn with_columns(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = || (0..self.names.len()).filter(|&column| keep(&self.names[column]));
        Self {
            ids: self.ids.clone(),
            hashes: self.hashes.clone(),
            names: kept().map(|column| self.names[column].clone()).collect(),
            columns: kept().map(|column| self.columns[column].clone()).collect(),
        }
    }
}

/// Infinite is unknown, and there is one zero.
fn known(value: f32) -> f32 {
    if value.is_finite() { value + 0.0 } else { f32::NAN }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;
    use crate::learning::random::Stream;

    /// Columns `a`, `b`, `c`, ...: `rows` uniform numbers each, with `unknown` of them NaN.
    pub(in crate::learning) fn uniform(rows: usize, columns: usize, unknown: f64, seed: u64) -> Matrix {
        let mut stream = Stream::new(seed, 0);
        let mut value = || {
            let known = stream.unit() >= unknown;
            let value = stream.unit() as f32;
            if known { value } else { f32::NAN }
        };
        let columns = (0..columns)
            .map(|i| (format!("f{i}"), (0..rows).map(|_| value()).collect()))
            .collect();
        Matrix::new((0..rows).map(|i| format!("SP-{i:06}")).collect(), columns).unwrap()
    }

    #[test]
    fn rows_are_sorted_and_what_is_infinite_is_unknown() {
        let ids = vec!["b".to_owned(), "a".to_owned()];
        let matrix = Matrix::new(ids, vec![("x".to_owned(), vec![f32::INFINITY, 2.0])]).unwrap();
        assert_eq!(matrix.ids(), ["a", "b"]);
        assert_eq!(matrix.column(0)[0], 2.0);
        assert!(matrix.column(0)[1].is_nan());
        assert_eq!((matrix.position("b"), matrix.position("c")), (Some(1), None));
    }

    #[test]
    fn a_part_of_rows_and_columns_keeps_their_names() {
        let matrix = uniform(5, 3, 0.0, 1);
        let part = matrix.select(&[1, 4]).with_columns(|name| name != "f1");
        assert_eq!(part.ids(), ["SP-000001", "SP-000004"]);
        assert_eq!(part.names(), ["f0", "f2"]);
        assert_eq!(part.column(1), [matrix.column(2)[1], matrix.column(2)[4]]);
        assert_eq!(part.hash(1), matrix.hash(4));
    }

    #[test]
    fn further_columns_stand_at_the_end() {
        let matrix = uniform(2, 1, 0.0, 1);
        let more = || vec![("g".to_owned(), vec![1.0, f32::INFINITY])];
        let found = matrix.clone().with_added(more()).unwrap();
        assert_eq!(found.names(), ["f0", "g"]);
        assert_eq!(found.column(1)[0], 1.0);
        assert!(found.column(1)[1].is_nan());
        assert!(found.with_added(more()).is_err());
        assert!(matrix.with_added(vec![("h".to_owned(), vec![1.0])]).is_err());
    }

    #[test]
    fn names_that_stand_twice_are_a_bug() {
        let twice = |ids: &[&str], names: &[&str]| {
            let columns = names
                .iter()
                .map(|name| ((*name).to_owned(), vec![0.0; ids.len()]));
            Matrix::new(ids.iter().map(|id| (*id).to_owned()).collect(), columns.collect())
                .unwrap_err()
                .to_string()
        };
        assert!(twice(&["a", "a"], &["x"]).contains("`a`"));
        assert!(twice(&["a", "b"], &["x", "x"]).contains("`x`"));
    }
}
