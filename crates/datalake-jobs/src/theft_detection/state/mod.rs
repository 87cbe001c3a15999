//! What a run keeps for the next one: day profiles, a partition a day, and what became of each piece of the files.
//!
//! A day is taken over only if everything that it was made from is what it was: the pieces that may hold a row of it, the
//! config and the code of these steps, what the registry says of its components on that day, and the file itself, by its
//! checksum. Whatever is not so is made again; nothing here is trusted because it is there.
//!
//! The manifest is the only way in: partitions that it does not name are leftovers. It is replaced by a rename, so a
//! killed run leaves the old one.

mod kept;
mod narrow;
mod partition;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use datalake_deps::fingerprint::sha256_hex;
use datalake_deps::run_record::Rows;
use datalake_deps::store;
use datalake_transforms::accounting::RowCounts;
use datalake_transforms::day_grid::DayFacts;
use datalake_transforms::findings::{Finding, Findings};
use datalake_transforms::registry::Registry;
use datalake_transforms::resolve::{RegisterRow, Resolver};
use serde::{Deserialize, Serialize};

use super::measure::rows_of;
use super::rejected::RejectedRow;
use partition::{KeptFile, date};
pub(super) use partition::{Part, StateError};

/// Folder of the state within the output.
pub(super) const FOLDER: &str = ".state";

/// Version of the files' layout and of the steps that lead to day profiles: raised with every change of what they yield.
const FORMAT: u32 = 3;

const MANIFEST: &str = "manifest.json";

/// Ids that lead to no profile: a piece with more of them is not taken over.
const MAX_OTHERS: usize = 10_000;

/// What became of a piece: everything but its part in the day profiles.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PieceOutcome {
    /// First and last day that its rows may lie on.
    pub days: (i32, i32),
    /// Rows read, rejected, and out of scope.
    pub counts: RowCounts,
    /// What was noticed.
    pub findings: Findings,
    /// Rows kept aside.
    pub rejected: Vec<RejectedRow>,
    /// Rows of registers.
    pub register_rows: Vec<RegisterRow>,
    /// Ids whose rows make no day profile, and how they stand.
    pub others: BTreeMap<String, u64>,
}

/// What became of the rows of a day.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DayOutcome {
    /// Rows used, superseded and out of scope.
    pub counts: RowCounts,
    /// What was noticed.
    pub findings: Findings,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PieceEntry {
    key: String,
    days: (i32, i32),
    counts: Rows,
    findings: Vec<Finding>,
    others: BTreeMap<String, u64>,
    /// Rows of the piece in the file of rejected rows, and in that of register rows.
    rejected: u64,
    register_rows: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct DayEntry {
    day: i32,
    /// Digest of the keys of the pieces that it was made from.
    key: String,
    /// None where no row may be used.
    parts: Vec<Part>,
    counts: Rows,
    findings: Vec<Finding>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    /// Digest of the config that leads to day profiles, and of the code.
    basis: String,
    pieces: Vec<PieceEntry>,
    days: Vec<DayEntry>,
    rejected: Option<KeptFile>,
    register_rows: Option<KeptFile>,
    register_ids: Vec<String>,
}

/// What an earlier run left, as far as it still holds.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
    basis: String,
    manifest: Manifest,
}

/// What can be taken over, and what is to be read.
#[derive(Debug, Default)]
pub(super) struct Takeover {
    /// By piece: what became of it, where it need not be read.
    pub pieces: Vec<Option<PieceOutcome>>,
    /// Days that need not be made again.
    pub days: BTreeMap<i32, DayOutcome>,
    /// Profiles of those days.
    pub profiles: Vec<(i32, arrow::array::RecordBatch)>,
}

/// A piece as this run sees it.
#[derive(Debug, Clone)]
pub(super) struct PieceKey {
    /// Digest of the file's fingerprint, its path and the row group.
    pub key: String,
    /// First and last day that it may hold; `None` where only reading tells.
    pub days: Option<(i32, i32)>,
}

impl State {
    /// Reads what is kept in the output's folder; nothing where it is damaged, or was made by another version or config.
    #[must_use]
    pub(super) fn open(output: &Path, basis: &str) -> Self {
        let folder = output.join(FOLDER);
        let manifest = match read_manifest(&folder) {
            Ok(manifest) => manifest.filter(|manifest| manifest.format == FORMAT && manifest.basis == basis),
            Err(why) => {
                tracing::warn!(
                    "the state in {} cannot be used, all days are made again: {why}",
                    folder.display()
                );
                None
            }
        };
        Self {
            folder,
            basis: basis.to_owned(),
            manifest: manifest.unwrap_or_default(),
        }
    }

    /// Nothing kept: every day is to be made, whatever an earlier run left.
    #[must_use]
    pub(super) fn empty(output: &Path, basis: &str) -> Self {
        Self {
            folder: output.join(FOLDER),
            basis: basis.to_owned(),
            manifest: Manifest::default(),
        }
    }

    /// First and last day of a piece that was read before, for pieces whose footers do not tell.
    #[must_use]
    pub(super) fn days_of(&self) -> HashMap<&str, (i32, i32)> {
        let pieces = self.manifest.pieces.iter();
        pieces.map(|piece| (piece.key.as_str(), piece.days)).collect()
    }

    /// What of the kept holds for these pieces.
    ///
    /// A day is clean if it was made from the same pieces and its partition is sound; a piece need not be read if it was
    /// read before, all of its days are clean, and its rows that make no profile would go the same way.
    pub(super) fn take_over(
        &self,
        pieces: &[PieceKey],
        window: &Range<i32>,
        registry: &Registry,
        resolver: &Resolver<'_>,
    ) -> Takeover {
        let mut takeover = Takeover {
            pieces: vec![None; pieces.len()],
            ..Takeover::default()
        };
        let known: HashMap<&str, usize> = (0..)
            .zip(&self.manifest.pieces)
            .map(|(position, piece)| (piece.key.as_str(), position))
            .collect();
        // A piece whose days nobody knows may hold rows of every day.
        if known.is_empty() || pieces.iter().any(|piece| piece.days.is_none()) {
            return takeover;
        }
        let keys = keys_of_days(pieces);
        let entries: HashMap<i32, &DayEntry> = self.manifest.days.iter().map(|day| (day.day, day)).collect();
        // What a piece keeps beside the profiles has to hold as well: its days are dirty where it does not.
        let stands = |entry: &PieceEntry| {
            entry.others.len() <= MAX_OTHERS
                && entry
                    .others
                    .iter()
                    .all(|(id, standing)| resolver.standing(id) == *standing)
        };
        let sound: Vec<Option<usize>> = pieces
            .iter()
            .map(|piece| {
                let position = *known.get(piece.key.as_str())?;
                stands(&self.manifest.pieces[position]).then_some(position)
            })
            .collect();
        let unsound: BTreeSet<i32> = pieces
            .iter()
            .zip(&sound)
            .filter(|(_, sound)| sound.is_none())
            .flat_map(|(piece, _)| days(piece))
            .collect();
        let clean: Vec<&DayEntry> = keys
            .iter()
            .filter(|(day, _)| window.contains(day) && !unsound.contains(day))
            .filter_map(|(day, key)| entries.get(day).copied().filter(|entry| entry.key == *key))
            .collect();
        let facts = DayFacts::new(registry);
        for (entry, profiles) in partition::read_all(&self.folder, &clean, registry, &facts) {
            takeover.days.insert(
                entry.day,
                DayOutcome {
                    counts: counts_from(&entry.counts),
                    findings: findings_from(&entry.findings),
                },
            );
            takeover
                .profiles
                .extend(profiles.into_iter().map(|profiles| (entry.day, profiles)));
        }
        let Some(mut kept) = kept::Kept::read(&self.folder, &self.manifest, registry) else {
            return Takeover {
                pieces: vec![None; pieces.len()],
                ..Takeover::default()
            };
        };
        for (piece, position) in sound.iter().enumerate() {
            let Some(position) = position else { continue };
            if days(&pieces[piece]).all(|day| takeover.days.contains_key(&day)) {
                let entry = &self.manifest.pieces[*position];
                let (rejected, register_rows) = kept.take(*position);
                takeover.pieces[piece] = Some(PieceOutcome {
                    days: entry.days,
                    counts: counts_from(&entry.counts),
                    findings: findings_from(&entry.findings),
                    rejected,
                    register_rows,
                    others: entry.others.clone(),
                });
            }
        }
        takeover
    }

    /// Makes ready for [`Self::write`].
    pub(super) fn prepare(&self) -> Result<(), StateError> {
        store::make_folder(&self.folder).map_err(StateError::Io)
    }

    /// Removes what this run wrote before it failed to keep it.
    pub(super) fn drop_leftovers(&self) {
        sweep_leftovers(&self.folder, &self.manifest);
    }

    /// Writes profiles of a day, all or a range of components; the batches have no component in common. They count once
    /// [`Self::save`] has named them.
    pub(super) fn write(
        &self,
        day: i32,
        batches: Vec<&arrow::array::RecordBatch>,
        registry: &Registry,
        facts: &DayFacts<'_>,
    ) -> Result<Option<Part>, StateError> {
        partition::write(&self.folder, day, batches, registry, facts)
    }

    /// Keeps what this run made, and drops what nothing names any more.
    ///
    /// `made` are the parts of days that were not taken over; a day that is in neither is left out, and made again next time.
    pub(super) fn save(
        &self,
        registry: &Registry,
        pieces: &[PieceKey],
        outcomes: &[PieceOutcome],
        days: &BTreeMap<i32, DayOutcome>,
        mut made: BTreeMap<i32, Vec<Part>>,
        taken: &BTreeSet<i32>,
    ) -> Result<(), StateError> {
        let learned: Vec<PieceKey> = pieces
            .iter()
            .zip(outcomes)
            .map(|(piece, outcome)| PieceKey {
                key: piece.key.clone(),
                days: piece.days.or(Some(outcome.days)),
            })
            .collect();
        let old: HashMap<i32, &DayEntry> = self.manifest.days.iter().map(|day| (day.day, day)).collect();
        let mut entries = Vec::new();
        for (day, key) in keys_of_days(&learned) {
            let parts = if taken.contains(&day) {
                old.get(&day).map(|entry| entry.parts.clone())
            } else {
                made.remove(&day)
            };
            let Some(parts) = parts else { continue };
            let outcome = days.get(&day).cloned().unwrap_or_default();
            entries.push(DayEntry {
                day,
                key,
                parts,
                counts: rows_of(&outcome.counts),
                findings: outcome.findings.iter().cloned().collect(),
            });
        }
        let kept = kept::write(&self.folder, outcomes, registry)?;
        let manifest = Manifest {
            format: FORMAT,
            basis: self.basis.clone(),
            pieces: pieces
                .iter()
                .zip(outcomes)
                .map(|(piece, outcome)| PieceEntry {
                    key: piece.key.clone(),
                    days: outcome.days,
                    counts: rows_of(&outcome.counts),
                    findings: outcome.findings.iter().cloned().collect(),
                    others: outcome.others.clone(),
                    rejected: outcome.rejected.len() as u64,
                    register_rows: outcome.register_rows.len() as u64,
                })
                .collect(),
            days: entries,
            rejected: kept.rejected,
            register_rows: kept.register_rows,
            register_ids: kept.register_ids,
        };
        write_manifest(&self.folder, &manifest)?;
        sweep_leftovers(&self.folder, &manifest);
        Ok(())
    }
}

fn days(piece: &PieceKey) -> RangeInclusive<i32> {
    match piece.days {
        Some((first, last)) => first..=last,
        #[allow(clippy::reversed_empty_ranges, reason = "no day at all")]
        None => 1..=0,
    }
}

/// Digest of the keys of the pieces that may hold a row of each day.
fn keys_of_days(pieces: &[PieceKey]) -> BTreeMap<i32, String> {
    let mut by_day: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
    for piece in pieces {
        for day in days(piece) {
            by_day.entry(day).or_default().push(&piece.key);
        }
    }
    by_day
        .into_iter()
        .map(|(day, mut keys)| {
            keys.sort_unstable();
            (day, sha256_hex(keys.concat().as_bytes()))
        })
        .collect()
}

fn counts_from(counts: &Rows) -> RowCounts {
    let known = |reasons: &BTreeMap<String, u64>| {
        let reasons = reasons.iter();
        reasons
            .map(|(reason, rows)| (kept::code(reason), *rows))
            .collect()
    };
    RowCounts {
        read: counts.read,
        used: counts.used,
        superseded: counts.superseded,
        out_of_scope: known(&counts.out_of_scope),
        rejected: known(&counts.rejected),
    }
}

fn findings_from(findings: &[Finding]) -> Findings {
    let mut all = Findings::default();
    for finding in findings {
        all.merge_one(finding.clone());
    }
    all
}

/// The manifest, after its own digest in a line of its own.
fn read_manifest(folder: &Path) -> Result<Option<Manifest>, String> {
    let text = match store::read(&folder.join(MANIFEST)) {
        Ok(text) => String::from_utf8(text).map_err(|error| error.to_string())?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let (digest, body) = text.split_once('\n').ok_or("the manifest is cut off")?;
    if sha256_hex(body.as_bytes()) != digest {
        return Err("the manifest does not have its checksum".to_owned());
    }
    serde_json::from_str(body)
        .map(Some)
        .map_err(|error| error.to_string())
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), StateError> {
    let body = serde_json::to_string(manifest).map_err(|error| StateError::Io(error.into()))?;
    let text = format!("{}\n{body}", sha256_hex(body.as_bytes()));
    store::keep(&folder.join(MANIFEST), text.as_bytes()).map_err(StateError::Io)
}

/// Removes files that the manifest does not name. What cannot be removed is in nobody's way.
fn sweep_leftovers(folder: &Path, manifest: &Manifest) {
    let named: BTreeSet<&str> = manifest
        .days
        .iter()
        .flat_map(|day| day.parts.iter().map(|part| &part.file))
        .chain(manifest.rejected.iter())
        .chain(manifest.register_rows.iter())
        .map(|file| file.name.as_str())
        .chain([MANIFEST])
        .collect();
    let mut others = store::names(folder).unwrap_or_default();
    others.retain(|name| !named.contains(name.as_str()));
    let _ = store::remove(folder, &others);
}

/// A line for each day that is kept, for people; `None` where nothing is.
pub(super) fn list(output: &Path) -> Result<Option<String>, StateError> {
    let folder = output.join(FOLDER);
    let Some(manifest) = read_manifest(&folder).map_err(|why| StateError::Damaged { folder, why })? else {
        return Ok(None);
    };
    let mut text = String::from("day         profiles  bytes\n");
    for day in &manifest.days {
        let rows: u64 = day.parts.iter().map(|part| part.rows).sum();
        let bytes: u64 = day.parts.iter().map(|part| part.file.bytes).sum();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{}  {rows:>8}  {bytes}", date(day.day));
    }
    Ok(Some(text))
}

/// Forgets the days from the first to the last, both included, or all; the next run makes them again. Returns how many.
pub(super) fn drop_days(output: &Path, days: Option<(i32, i32)>) -> Result<usize, StateError> {
    let folder = output.join(FOLDER);
    let Some((first, last)) = days else {
        let count = read_manifest(&folder)
            .ok()
            .flatten()
            .map_or(0, |manifest| manifest.days.len());
        return store::names(&folder)
            .and_then(|names| store::remove(&folder, &names))
            .map(|()| count)
            .map_err(StateError::Io);
    };
    let found = read_manifest(&folder).map_err(|why| StateError::Damaged {
        folder: folder.clone(),
        why,
    })?;
    let Some(mut manifest) = found else { return Ok(0) };
    let before = manifest.days.len();
    manifest.days.retain(|day| !(first..=last).contains(&day.day));
    write_manifest(&folder, &manifest)?;
    sweep_leftovers(&folder, &manifest);
    Ok(before - manifest.days.len())
}
