//! Energy balance of transformers: what one supplies against what the meters behind it count.
//!
//! `residual = supplied - (delivered - received)` by day, in whole 10^-6 kWh, gathered over all components in any order: sums of
//! integers commute. A day counts if every meter that hung behind the transformer, and its own, has actual values for
//! it: three quarters of its intervals, filled up in proportion, as for levels. Registers have no days; a group with one that
//! nothing but a register counts is not balanced.
//!
//! Whole days are added up by weeks. The residual holds the technical losses of cables and of the transformer, a few percent of what
//! is supplied: European distribution networks lose 2 to 10 % (CEER, report on power losses, 2017), less than that
//! behind a single transformer. What goes beyond is energy that no meter counts: theft, or a connection that nobody
//! recorded. The balance accuses nobody: see [`crate::rules::transformer_balance`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::findings::{Finding, Findings, Severity};
use crate::levels::{WEEK, intervals_of_a_day};
use crate::model::{DAY_SECONDS, MICRO};
use crate::registry::{Component, Registry};
use crate::rules::transformer_balance::TransformerBalanceConfig;
use crate::series::DaySeries;
use crate::stays::{Stay, rows_of, stays};

/// More energy than this on one day is no measurement; so no sum of less than a million meters leaves 64 bits.
const DAY_LIMIT_MICRO: i64 = 10_000_000 * MICRO;

/// Days that are kept together.
const BLOCK: usize = 64;

/// Days of a week that make it count.
const DAYS_OF_A_WEEK: u8 = 4;

/// Share of the weeks from an onset on that must exceed the technical loss.
const PERSISTENT: f64 = 0.8;

/// Transformers that the finding lists.
const LISTED: usize = 10;

/// One transformer on one day.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// 10^-6 kWh.
    supplied: i64,
    /// Supplied less counted, 10^-6 kWh.
    residual: i64,
    /// Components behind it with actual values.
    behind: u32,
    /// Components of its own meter with actual values.
    own: u32,
}

/// How many components a transformer should have from a day on: differences, sorted by transformer and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    transformer: u32,
    day: i32,
    behind: i32,
    own: i32,
}

/// Gathers the energy of the days; see the module's page.
#[derive(Debug)]
pub(crate) struct BalanceBuilder {
    /// What should be there.
    changes: Arc<Vec<Change>>,
    cells: BTreeMap<(u32, i32), Box<[Cell; BLOCK]>>,
}

/// What a component is to a transformer.
enum Role {
    Behind(u32),
    Own(u32),
}

fn role(registry: &Registry, component: u32, stay: &Stay) -> Option<Role> {
    let transformers = &registry.transformers;
    let place = stay.service_point.filter(|_| transformers.counts(component))?;
    let own = transformers.metered_at(place).map(Role::Own);
    own.or_else(|| transformers.feeding(place).map(Role::Behind))
}

fn day_of(seconds: i64) -> i32 {
    seconds
        .div_euclid(DAY_SECONDS)
        .clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

impl BalanceBuilder {
    /// Goes once through the registry.
    pub(crate) fn new(registry: &Registry) -> Self {
        let mut changes = Vec::new();
        if !registry.transformers.is_empty() {
            for (index, component) in (0..).zip(&registry.components) {
                expect(registry, index, component, &mut changes);
            }
            changes.sort_unstable();
        }
        Self {
            changes: Arc::new(changes),
            cells: BTreeMap::new(),
        }
    }

    /// Nothing gathered yet, for the same registry.
    pub(crate) fn another(&self) -> Self {
        Self {
            changes: Arc::clone(&self.changes),
            cells: BTreeMap::new(),
        }
    }

    /// Adds one component; each is to be observed once, with all its days.
    pub(crate) fn observe(&mut self, series: &DaySeries<'_>, registry: &Registry) {
        let Some(component) = registry.components.get(series.component as usize) else {
            return;
        };
        if self.changes.is_empty() || component.interval_seconds().is_none() {
            return;
        }
        let intervals = u64::from(intervals_of_a_day(component));
        for stay in stays(component) {
            let Some(role) = role(registry, series.component, &stay) else {
                continue;
            };
            let (transformer, own) = match role {
                Role::Behind(transformer) => (transformer, false),
                Role::Own(transformer) => (transformer, true),
            };
            let sign = if component.is_received() { -1 } else { 1 };
            for row in rows_of(&stay, series.day) {
                let day = series.day[row];
                if day < stay.first_whole_day() || day >= stay.removal_day() {
                    continue;
                }
                let Some(micro) = whole_micro(series, row, intervals) else {
                    continue;
                };
                let cell = self.cell(transformer, day);
                if own {
                    cell.supplied = cell.supplied.wrapping_add(sign * micro);
                    cell.residual = cell.residual.wrapping_add(sign * micro);
                    cell.own += 1;
                } else {
                    cell.residual = cell.residual.wrapping_sub(sign * micro);
                    cell.behind += 1;
                }
            }
        }
    }

    fn cell(&mut self, transformer: u32, day: i32) -> &mut Cell {
        let block = (transformer, day.div_euclid(BLOCK as i32));
        let cells = self
            .cells
            .entry(block)
            .or_insert_with(|| Box::new([Cell::default(); BLOCK]));
        &mut cells[day.rem_euclid(BLOCK as i32) as usize]
    }

    /// Adds what another builder of the same registry gathered.
    pub(crate) fn merge(&mut self, other: Self) {
        for (block, theirs) in other.cells {
            let mine = self
                .cells
                .entry(block)
                .or_insert_with(|| Box::new([Cell::default(); BLOCK]));
            for (mine, theirs) in mine.iter_mut().zip(theirs.iter()) {
                mine.supplied = mine.supplied.wrapping_add(theirs.supplied);
                mine.residual = mine.residual.wrapping_add(theirs.residual);
                mine.behind += theirs.behind;
                mine.own += theirs.own;
            }
        }
    }

    /// The weeks of every transformer that has days on which all its meters counted.
    pub(crate) fn finish(self) -> Balances {
        let mut balances = Balances::default();
        let mut changes = self.changes.iter().peekable();
        let (mut at, mut behind, mut own) = (u32::MAX, 0, 0);
        for (&(transformer, block), cells) in &self.cells {
            if transformer != at {
                (at, behind, own) = (transformer, 0, 0);
                balances.start(transformer);
            }
            for (day, cell) in (block * BLOCK as i32..).zip(cells.iter()) {
                let due = |change: &&Change| (change.transformer, change.day) <= (transformer, day);
                while let Some(change) = changes.next_if(due) {
                    if change.transformer == transformer {
                        behind += change.behind;
                        own += change.own;
                    }
                }
                let complete =
                    i64::from(cell.behind) == i64::from(behind) && i64::from(cell.own) == i64::from(own);
                if complete && behind > 0 && own > 0 {
                    balances.add(day, cell);
                }
            }
        }
        balances
    }
}

/// Energy of a day of actual values, filled up in proportion; off counts, because what is switched off counts nothing.
fn whole_micro(series: &DaySeries<'_>, row: usize, intervals: u64) -> Option<i64> {
    let actual = u64::from(series.usable[row]) + u64::from(series.off[row]);
    if actual == 0 || series.cut[row] > 0 || 4 * actual < 3 * intervals {
        return None;
    }
    let micro = series.usable_kwh[row].checked_add(series.off_kwh[row])?;
    let whole = i128::from(micro) * i128::from(intervals.max(actual)) / i128::from(actual);
    i64::try_from(whole)
        .ok()
        .filter(|micro| micro.abs() <= DAY_LIMIT_MICRO)
}

/// From when to when a component should have values, at each transformer that it hung behind or at.
fn expect(registry: &Registry, index: u32, component: &Component, changes: &mut Vec<Change>) {
    for stay in stays(component) {
        let (Some(role), Some(installed)) = (role(registry, index, &stay), stay.installed) else {
            continue;
        };
        let (transformer, behind, own) = match role {
            Role::Behind(transformer) => (transformer, 1, 0),
            Role::Own(transformer) => (transformer, 0, 1),
        };
        changes.push(Change {
            transformer,
            day: day_of(installed),
            behind,
            own,
        });
        if let Some(removed) = stay.removed {
            // A day that the removal cuts is still one on which it should have counted.
            changes.push(Change {
                transformer,
                day: day_of(removed + DAY_SECONDS - 1),
                behind: -behind,
                own: -own,
            });
        }
    }
}

/// A week of one transformer, from Thursday to Wednesday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceWeek {
    /// Weeks since 1970-01-01.
    pub number: i32,
    /// Days that count.
    pub days: u8,
    /// Energy that the transformer supplied on them, 10^-6 kWh.
    pub supplied_micro: i64,
    /// What of it no meter counted, 10^-6 kWh.
    pub residual_micro: i64,
}

impl BalanceWeek {
    /// Residual / supplied; `None` of a week with few days, or in which nothing was supplied.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let counts = self.days >= DAYS_OF_A_WEEK && self.supplied_micro > 0;
        counts.then(|| self.residual_micro as f64 / self.supplied_micro as f64)
    }
}

/// The weeks of all transformers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Balances {
    transformers: Vec<u32>,
    /// Where the weeks of each begin.
    starts: Vec<usize>,
    weeks: Vec<BalanceWeek>,
}

impl Balances {
    fn start(&mut self, transformer: u32) {
        self.transformers.push(transformer);
        self.starts.push(self.weeks.len());
    }

    fn add(&mut self, day: i32, cell: &Cell) {
        let number = day.div_euclid(WEEK);
        let first = self.starts.last().copied().unwrap_or(0);
        if self.weeks[first..]
            .last()
            .is_none_or(|week| week.number != number)
        {
            self.weeks.push(BalanceWeek {
                number,
                days: 0,
                supplied_micro: 0,
                residual_micro: 0,
            });
        }
        if let Some(week) = self.weeks.last_mut() {
            week.days += 1;
            week.supplied_micro = week.supplied_micro.saturating_add(cell.supplied);
            week.residual_micro = week.residual_micro.saturating_add(cell.residual);
        }
    }

    /// The weeks of a transformer that have a day that counts, ascending.
    #[must_use]
    pub fn weeks(&self, transformer: u32) -> &[BalanceWeek] {
        let Ok(position) = self.transformers.binary_search(&transformer) else {
            return &[];
        };
        let end = self.starts.get(position + 1).copied().unwrap_or(self.weeks.len());
        &self.weeks[self.starts[position]..end]
    }
}

/// Energy that no meter counts, lasting to the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Excess {
    /// First day of the first week.
    pub(crate) onset_day: i32,
    /// Residual / supplied since then.
    pub(crate) share: f64,
    /// Residual beyond the technical loss since then, kWh.
    pub(crate) kwh: f64,
}

/// Whether a transformer supplies more than its meters count and its losses take, up to the end.
pub(crate) fn excess(weeks: &[BalanceWeek], config: &TransformerBalanceConfig) -> Option<Excess> {
    let counted: Vec<(&BalanceWeek, bool)> = weeks
        .iter()
        .filter_map(|week| Some((week, week.share()? > config.technical_loss)))
        .collect();
    let (mut above, mut first) = (0_usize, None);
    for (back, &(_, is_above)) in counted.iter().rev().enumerate() {
        above += usize::from(is_above);
        if is_above && above as f64 >= PERSISTENT * (back + 1) as f64 {
            first = Some(counted.len() - 1 - back);
        }
    }
    let since = &counted[first?..];
    if since.len() < config.min_weeks as usize {
        return None;
    }
    let sum =
        |part: fn(&BalanceWeek) -> i64| since.iter().map(|(week, _)| i128::from(part(week))).sum::<i128>();
    let (supplied, residual) = (sum(|week| week.supplied_micro), sum(|week| week.residual_micro));
    let share = residual as f64 / supplied as f64;
    (share > config.technical_loss).then(|| Excess {
        onset_day: since[0].0.number * WEEK,
        share,
        kwh: (residual as f64 - config.technical_loss * supplied as f64) / MICRO as f64,
    })
}

/// Which transformers an analyst should look at, the most energy first.
#[must_use]
pub fn balance_findings(
    balances: &Balances,
    registry: &Registry,
    config: &TransformerBalanceConfig,
) -> Findings {
    let name = |transformer: u32| {
        let place = registry.transformers.supply_of(transformer);
        place.map_or("", |place| registry.service_points[place as usize].id.as_str())
    };
    let mut found: Vec<(&str, Excess)> = balances
        .transformers
        .iter()
        .filter_map(|&transformer| Some((name(transformer), excess(balances.weeks(transformer), config)?)))
        .collect();
    let mut findings = Findings::default();
    if let Some(first) = (0..registry.transformers.len() as u32).map(name).next() {
        findings.merge_one(Finding {
            table: "service_point".to_owned(),
            code: "transformer_meter".to_owned(),
            severity: Severity::Note,
            rows: registry.transformers.len() as u64,
            example_key: first.to_owned(),
            message: "service points whose id is a transformer's: their meters count what it supplies, and are nobody's \
                      home"
                .to_owned(),
        });
    }
    found.sort_by(|a, b| b.1.kwh.total_cmp(&a.1.kwh).then(a.0.cmp(b.0)));
    let Some(least) = found.iter().map(|(name, _)| *name).min() else {
        return findings;
    };
    let listed: Vec<String> = found
        .iter()
        .take(LISTED)
        .map(|(name, excess)| {
            format!(
                "{name} {:.1} % since {} ({:.0} kWh)",
                100.0 * excess.share,
                crate::clock::date(excess.onset_day),
                excess.kwh
            )
        })
        .collect();
    let more = if found.len() > LISTED { ", ..." } else { "" };
    findings.merge_one(Finding {
        table: "service_point".to_owned(),
        code: "transformer_balance".to_owned(),
        severity: Severity::Warning,
        rows: found.len() as u64,
        example_key: least.to_owned(),
        message: format!(
            "transformers that supply more than their meters count and technical losses of {} % take: {}{more}",
            100.0 * config.technical_loss,
            listed.join(", ")
        ),
    });
    findings
}

#[cfg(test)]
mod tests;
