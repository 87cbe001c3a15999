//! From component ids to dense indices, built once and shared by all resolvers.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use hashbrown::HashTable;

use super::slot::IntervalLength;
use crate::error::TransformError;
use crate::model::Kind;
use crate::registry::{Component, Registry};

/// Seeded alike in every run; nothing iterates over the map.
type FixedHasher = BuildHasherDefault<DefaultHasher>;

/// All ids, one after another: those of a file are mostly neighbours, and lie together here.
#[derive(Debug, Default)]
struct Ids {
    text: String,
    /// Where each id ends in the text, and what becomes of its rows.
    entries: Vec<(usize, Entry)>,
    /// Positions in `entries`.
    table: HashTable<u32>,
}

impl Ids {
    /// Adds an id that is not there yet.
    fn push(&mut self, id: &str, entry: Entry) {
        let position = self.entries.len() as u32;
        self.text.push_str(id);
        self.entries.push((self.text.len(), entry));
        let (text, entries) = (&self.text, &self.entries);
        self.table.insert_unique(hash(id), position, |&position| {
            hash(id_at(text, entries, position))
        });
    }

    fn get(&self, id: &str) -> Option<Entry> {
        let is_it = |&position: &u32| id_at(&self.text, &self.entries, position) == id;
        let position = *self.table.find(hash(id), is_it)?;
        Some(self.entries[position as usize].1)
    }
}

fn hash(id: &str) -> u64 {
    FixedHasher::default().hash_one(id)
}

fn id_at<'t>(text: &'t str, entries: &[(usize, Entry)], position: u32) -> &'t str {
    let position = position as usize;
    let start = position.checked_sub(1).map_or(0, |before| entries[before].0);
    &text[start..entries[position].0]
}

/// What becomes of the rows of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Dense index; 0 where the class has none.
    pub(super) component: u32,
    /// Below [`class::SPECIAL`] a position in [`Index::lengths`], else one of the constants.
    pub(super) class: u8,
}

/// Classes of rows that do not go the straight way.
pub(super) mod class {
    pub(crate) const SPECIAL: u8 = 250;
    pub(crate) const SCALAR: u8 = 250;
    pub(crate) const NOT_ENERGY: u8 = 251;
    pub(crate) const UNMAPPED: u8 = 252;
    pub(crate) const UNKNOWN: u8 = 253;
    pub(crate) const NULL: u8 = 254;
}

/// What a row's combined multiplier is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// The component was never installed: its install constant is unknown.
    Nothing,
    /// All its install periods agree.
    Always(i64),
    /// It depends on the period.
    ByPeriod,
}

#[derive(Debug)]
pub(super) struct Index<'r> {
    pub(super) registry: &'r Registry,
    pub(super) lengths: Vec<IntervalLength>,
    /// The same by class, [`IntervalLength::NONE`] for those that have none.
    pub(super) by_class: Box<[IntervalLength; 256]>,
    /// By dense index.
    pub(super) multipliers: Vec<Expected>,
    ids: Ids,
}

impl<'r> Index<'r> {
    pub(super) fn new(registry: &'r Registry) -> Result<Self, TransformError> {
        let mut seconds: Vec<u32> = registry
            .components
            .iter()
            .filter(|c| c.is_energy())
            .filter_map(Component::interval_seconds)
            .collect();
        seconds.sort_unstable();
        seconds.dedup();
        // At most 46 lengths divide a day and pass the check, so a class fits into a byte.
        let lengths = seconds
            .iter()
            .map(|s| IntervalLength::new(*s))
            .collect::<Result<Vec<_>, _>>()?;
        let mut ids = Ids::default();
        for (position, component) in registry.components.iter().enumerate() {
            let class = match (&component.component_type, component.interval_seconds()) {
                (None, _) => class::UNMAPPED,
                (Some(_), _) if component.is_other_use() => class::SCALAR,
                (Some(_), _) if !component.is_energy() => class::NOT_ENERGY,
                (Some(_), Some(length)) => seconds.binary_search(&length).unwrap_or_default() as u8,
                (Some(t), None) if t.kind == Kind::Scalar => class::SCALAR,
                (Some(_), None) => {
                    return Err(TransformError::Parameter {
                        name: "interval_seconds".to_owned(),
                        value: "absent".to_owned(),
                        why: format!("the type of interval component {} needs one", component.id),
                    });
                }
            };
            let index = u32::try_from(position).map_err(|_| TransformError::Parameter {
                name: "measuring_component".to_owned(),
                value: format!("{} rows", registry.components.len()),
                why: "more components than 32 bits can count".to_owned(),
            })?;
            ids.push(
                &component.id,
                Entry {
                    component: index,
                    class,
                },
            );
        }
        let multipliers = registry.components.iter().map(expected).collect();
        Ok(Self {
            registry,
            by_class: Box::new(std::array::from_fn(|class| {
                lengths.get(class).copied().unwrap_or(IntervalLength::NONE)
            })),
            lengths,
            multipliers,
            ids,
        })
    }

    /// What becomes of the rows of an id, as one number: its class, and for registers what multipliers are expected.
    pub(super) fn standing(&self, id: &str) -> u64 {
        let entry = self.entry(Some(id));
        let multiplier = if entry.class == class::SCALAR {
            expected_multiplier_facts(&self.registry.components[entry.component as usize])
        } else {
            0
        };
        multiplier.rotate_left(8) ^ u64::from(entry.class)
    }

    /// What becomes of the rows of an id, which may be padded with blanks.
    pub(super) fn entry(&self, id: Option<&str>) -> Entry {
        match id.map(str::trim) {
            None | Some("") => Entry {
                component: 0,
                class: class::NULL,
            },
            Some(id) => self.ids.get(id).unwrap_or(Entry {
                component: 0,
                class: class::UNKNOWN,
            }),
        }
    }
}

/// What rows' combined multipliers are compared with, as one number.
pub(crate) fn expected_multiplier_facts(component: &Component) -> u64 {
    match expected(component) {
        Expected::Nothing => 0,
        Expected::Always(multiplier) => multiplier as u64 ^ 1,
        // Where it depends on the period, the periods count, too.
        Expected::ByPeriod => component.periods.iter().fold(2, |facts: u64, period| {
            let parts = [
                period.start,
                period.end,
                component.expected_multiplier_micro(period),
            ];
            parts.iter().fold(facts, |facts, part| {
                facts.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ *part as u64
            })
        }),
    }
}

fn expected(component: &Component) -> Expected {
    let mut multipliers = component
        .periods
        .iter()
        .map(|period| component.expected_multiplier_micro(period));
    match multipliers.next() {
        None => Expected::Nothing,
        Some(first) if multipliers.all(|other| other == first) => Expected::Always(first),
        Some(_) => Expected::ByPeriod,
    }
}
