//! What was noticed while the registry was built: counted cheaply, turned into findings at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::faults::Fault;
use crate::error::Rejection;
use crate::findings::{Finding, Findings};

/// Rows kept aside, each with the name of its table.
pub type Rejections = Vec<(&'static str, Rejection)>;

/// Codes that a message lists at most.
const LISTED: usize = 5;

/// Counts of faults, each with its least key, and the rows kept aside.
#[derive(Default)]
pub(super) struct Notes<'a> {
    by_fault: BTreeMap<(&'static str, &'static str), Note<'a>>,
    rejected: Rejections,
}

struct Note<'a> {
    fault: &'static Fault,
    rows: u64,
    key: &'a str,
    listed: BTreeSet<&'a str>,
    more: bool,
}

/// Where a row came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) table: &'static str,
    pub(super) batch: usize,
    pub(super) row: usize,
}

impl<'a> Notes<'a> {
    /// Counts one row.
    pub(super) fn add(&mut self, table: &'static str, fault: &'static Fault, key: &'a str) {
        self.add_rows(table, fault, key, 1);
    }

    /// Counts several rows of one key.
    pub(super) fn add_rows(&mut self, table: &'static str, fault: &'static Fault, key: &'a str, rows: u64) {
        let note = self.note(table, fault, key);
        note.rows += rows;
        note.key = note.key.min(key);
    }

    /// Counts one row and lists the code that it carries in the message.
    pub(super) fn add_code(
        &mut self,
        table: &'static str,
        fault: &'static Fault,
        key: &'a str,
        code: &'a str,
    ) {
        self.add(table, fault, key);
        let note = self.note(table, fault, key);
        note.listed.insert(code);
        if note.listed.len() > LISTED {
            note.listed.pop_last();
            note.more = true;
        }
    }

    /// Keeps a row aside and counts it.
    pub(super) fn reject(
        &mut self,
        origin: Origin,
        fault: &'static Fault,
        column: &'static str,
        value: String,
        key: Option<&'a str>,
    ) {
        self.add(origin.table, fault, key.unwrap_or(""));
        let rejection = Rejection {
            batch: origin.batch,
            row: origin.row,
            reason: fault.code,
            column,
            value,
        };
        self.rejected.push((origin.table, rejection));
    }

    /// The findings, and the rejected rows in the order of table, batch and row.
    pub(super) fn finish(self) -> (Findings, Rejections) {
        let mut findings = Findings::default();
        for ((table, code), note) in self.by_fault {
            let mut message = note.fault.message.to_owned();
            if !note.listed.is_empty() {
                let listed: Vec<String> = note.listed.iter().map(|code| format!("`{code}`")).collect();
                let more = if note.more { ", ..." } else { "" };
                message = format!("{message}: {}{more}", listed.join(", "));
            }
            findings.merge_one(Finding {
                table: table.to_owned(),
                code: code.to_owned(),
                severity: note.fault.severity,
                rows: note.rows,
                example_key: note.key.to_owned(),
                message,
            });
        }
        let mut rejected = self.rejected;
        rejected.sort_unstable_by_key(|(table, rejection)| (*table, rejection.batch, rejection.row));
        (findings, rejected)
    }

    fn note(&mut self, table: &'static str, fault: &'static Fault, key: &'a str) -> &mut Note<'a> {
        self.by_fault.entry((table, fault.code)).or_insert_with(|| Note {
            fault,
            rows: 0,
            key,
            listed: BTreeSet::new(),
            more: false,
        })
    }
}
