//! What a transformation noticed about its input: kinds of fault, counted, with one example each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing was left out.
    Note,
    /// Something was decided that a person should look at.
    Warning,
    /// Rows were kept aside in `rejected_rows`.
    Rejected,
}

impl Severity {
    /// The name that the `findings` table shows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Rejected => "rejected",
        }
    }
}

/// One kind of fault in one table: how many rows show it, and the least key that does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Table of the lake, for instance `install_event`.
    pub table: String,
    /// Code, lower case with underscores, for instance `removed_before_installed`.
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// Rows (or keys) that show it.
    pub rows: u64,
    /// The least key that shows it, so that the example does not depend on the order of rows.
    pub example_key: String,
    /// One sentence: what it is and what was done about it.
    pub message: String,
}

/// Gathers findings; merging is commutative, so any order of work yields the same list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    by_code: BTreeMap<(String, String), Finding>,
}

impl Findings {
    /// Counts one row.
    pub fn add(&mut self, table: &str, code: &str, severity: Severity, key: &str, message: &str) {
        self.merge_one(Finding {
            table: table.to_owned(),
            code: code.to_owned(),
            severity,
            rows: 1,
            example_key: key.to_owned(),
            message: message.to_owned(),
        });
    }

    /// Adds everything that `other` holds.
    pub fn merge(&mut self, other: Self) {
        for finding in other.by_code.into_values() {
            self.merge_one(finding);
        }
    }

    /// Adds a finding that may stand for many rows.
    pub fn merge_one(&mut self, finding: Finding) {
        match self.by_code.entry((finding.table.clone(), finding.code.clone())) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(finding);
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => {
                let kept = slot.get_mut();
                kept.rows += finding.rows;
                kept.severity = kept.severity.max(finding.severity);
                if finding.example_key < kept.example_key {
                    kept.example_key = finding.example_key;
                }
            }
        }
    }

    /// The findings, sorted by table and code.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.by_code.values()
    }

    /// Whether nothing was noticed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_code.is_empty()
    }
}
