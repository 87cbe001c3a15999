//! Grows one tree, the best leaf first.

use std::ops::Range;

use rayon::prelude::*;

use super::super::tree::{MAX_DEPTH, Node, Side, Tree};
use super::BoostingConfig;
use super::bins::{Bins, CODES, UNKNOWN};

/// Gradient and hessian of a row's loss.
pub(super) type Slope = [f32; 2];

/// Sums over rows.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    gradient: f64,
    hessian: f64,
    rows: u32,
}

impl Cell {
    fn add(&mut self, other: &Self) {
        self.gradient += other.gradient;
        self.hessian += other.hessian;
        self.rows += other.rows;
    }

    fn less(&self, other: &Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
            rows: self.rows - other.rows,
        }
    }

    /// `G^2 / (H + l2)`: twice what the best number for these rows takes from their loss.
    fn worth(&self, l2: f64) -> f64 {
        self.gradient * self.gradient / (self.hessian + l2)
    }
}

/// The best cut of a leaf.
#[derive(Debug, Clone, Copy)]
struct Cut {
    gain: f64,
    /// Position among the tree's features.
    slot: usize,
    /// The last bin that goes low.
    bin: u8,
    unknown: Side,
    low: Cell,
}

/// A leaf that may be cut.
struct Open {
    node: usize,
    depth: usize,
    rows: Range<usize>,
    total: Cell,
    /// By slot, then code.
    cells: Vec<Cell>,
    cut: Option<Cut>,
}

/// What trees are grown from.
pub(super) struct Grower<'a> {
    pub(super) bins: &'a Bins,
    pub(super) config: &'a BoostingConfig,
    /// By row of the matrix.
    pub(super) slopes: &'a [Slope],
    /// Features that this tree may ask for, ascending.
    pub(super) features: &'a [u32],
}

/// Features whose sums are made together by one thread.
const SLOTS_TOGETHER: usize = 4;

impl Grower<'_> {
    /// A tree over these rows, ascending; its leaves hold the step to take, shrunk.
    pub(super) fn grow(&self, mut rows: Vec<u32>) -> Tree {
        let mut nodes = vec![Node::Leaf { value: 0.0, rows: 0 }];
        let cells = self.cells(&rows);
        let total = self.total(&rows);
        let mut open = vec![self.open(0, 0, 0..rows.len(), total, cells)];
        let mut leaves = 1;
        while leaves < self.config.max_leaves as usize {
            let gain = |leaf: &Open| leaf.cut.map_or(f64::NEG_INFINITY, |cut| cut.gain);
            let best = (0..open.len()).max_by(|&a, &b| {
                // Of equals, the one that stands first in the tree.
                gain(&open[a])
                    .total_cmp(&gain(&open[b]))
                    .then(open[b].node.cmp(&open[a].node))
            });
            let Some(best) = best.filter(|&best| open[best].cut.is_some()) else {
                break;
            };
            let leaf = open.swap_remove(best);
            let [low, high] = self.cut(&mut rows, &mut nodes, leaf);
            open.extend([low, high]);
            leaves += 1;
        }
        for leaf in open {
            let step = -leaf.total.gradient / (leaf.total.hessian + self.config.l2);
            nodes[leaf.node] = Node::Leaf {
                value: (step * self.config.learning_rate) as f32,
                rows: leaf.total.rows,
            };
        }
        Tree::new(nodes)
    }

    fn open(&self, node: usize, depth: usize, rows: Range<usize>, total: Cell, cells: Vec<Cell>) -> Open {
        let room = depth < MAX_DEPTH && total.rows >= 2 * self.config.min_rows_in_leaf;
        Open {
            node,
            depth,
            rows,
            cut: if room { self.best_cut(&total, &cells) } else { None },
            total,
            cells,
        }
    }

    /// Parts a leaf in two: puts its rows in order, and the cut and two new nodes into the tree.
    fn cut(&self, rows: &mut [u32], nodes: &mut Vec<Node>, leaf: Open) -> [Open; 2] {
        let Open {
            node,
            depth,
            rows: range,
            total,
            mut cells,
            cut,
        } = leaf;
        let cut = cut.unwrap_or(Cut {
            gain: 0.0,
            slot: 0,
            bin: 0,
            unknown: Side::Low,
            low: Cell::default(),
        });
        let feature = self.features[cut.slot];
        let codes = &self.bins.codes[feature as usize];
        let is_low = |row: u32| {
            let code = codes[row as usize];
            if code == UNKNOWN {
                cut.unknown == Side::Low
            } else {
                code <= cut.bin
            }
        };
        let of_leaf = &mut rows[range.clone()];
        let (low, high): (Vec<u32>, Vec<u32>) = of_leaf.iter().partition(|row| is_low(**row));
        of_leaf[..low.len()].copy_from_slice(&low);
        of_leaf[low.len()..].copy_from_slice(&high);
        let next = nodes.len();
        nodes[node] = Node::Split {
            feature,
            // Beyond the last end lies nothing but what is unknown.
            threshold: *self.bins.ends[feature as usize]
                .get(cut.bin as usize)
                .unwrap_or(&f32::MAX),
            unknown: cut.unknown,
            low: next as u32,
            high: next as u32 + 1,
            rows: total.rows,
        };
        nodes.extend([Node::Leaf { value: 0.0, rows: 0 }; 2]);
        // The sums of the smaller part are made, those of the other are what is left.
        let low_is_smaller = low.len() <= high.len();
        let smaller = self.cells(if low_is_smaller { &low } else { &high });
        for (cell, smaller) in cells.iter_mut().zip(&smaller) {
            *cell = cell.less(smaller);
        }
        let (low_cells, high_cells) = if low_is_smaller {
            (smaller, cells)
        } else {
            (cells, smaller)
        };
        let middle = range.start + low.len();
        let high_total = total.less(&cut.low);
        [
            self.open(next, depth + 1, range.start..middle, cut.low, low_cells),
            self.open(next + 1, depth + 1, middle..range.end, high_total, high_cells),
        ]
    }

    fn total(&self, rows: &[u32]) -> Cell {
        let mut total = Cell::default();
        for &row in rows {
            let [gradient, hessian] = self.slopes[row as usize];
            total.add(&Cell {
                gradient: f64::from(gradient),
                hessian: f64::from(hessian),
                rows: 1,
            });
        }
        total
    }

    /// Sums by slot and code; a slot is added up by one thread, in the order of rows.
    fn cells(&self, rows: &[u32]) -> Vec<Cell> {
        let slopes: Vec<Slope> = rows.iter().map(|&row| self.slopes[row as usize]).collect();
        let mut cells = vec![Cell::default(); self.features.len() * CODES];
        cells
            .par_chunks_mut(CODES)
            .with_min_len(SLOTS_TOGETHER)
            .zip(self.features)
            .for_each(|(cells, &feature)| {
                let codes = &self.bins.codes[feature as usize];
                for (&row, &[gradient, hessian]) in rows.iter().zip(&slopes) {
                    let cell = &mut cells[codes[row as usize] as usize];
                    cell.gradient += f64::from(gradient);
                    cell.hessian += f64::from(hessian);
                    cell.rows += 1;
                }
            });
        cells
    }

    fn best_cut(&self, total: &Cell, cells: &[Cell]) -> Option<Cut> {
        let cuts: Vec<Option<Cut>> = cells
            .par_chunks(CODES)
            .with_min_len(SLOTS_TOGETHER)
            .enumerate()
            .map(|(slot, cells)| self.best_cut_of(slot, total, cells))
            .collect();
        let better = |best: Cut, next: Cut| if next.gain > best.gain { next } else { best };
        cuts.into_iter().flatten().reduce(better)
    }

    fn best_cut_of(&self, slot: usize, total: &Cell, cells: &[Cell]) -> Option<Cut> {
        let BoostingConfig {
            l2,
            min_rows_in_leaf,
            min_child_weight,
            ..
        } = *self.config;
        let feature = self.features[slot] as usize;
        let bins = self.bins.ends[feature].len() + 1;
        let unknown = &cells[UNKNOWN as usize];
        let whole = total.worth(l2);
        let mut best: Option<Cut> = None;
        let mut below = Cell::default();
        for (bin, cell) in cells[..bins].iter().enumerate() {
            below.add(cell);
            let mut try_cut = |low: Cell, side: Side| {
                let high = total.less(&low);
                let allowed = |part: &Cell| part.rows >= min_rows_in_leaf && part.hessian >= min_child_weight;
                if !allowed(&low) || !allowed(&high) {
                    return;
                }
                let gain = low.worth(l2) + high.worth(l2) - whole;
                if gain > MIN_GAIN && best.is_none_or(|best| gain > best.gain) {
                    best = Some(Cut {
                        gain,
                        slot,
                        bin: bin as u8,
                        unknown: side,
                        low,
                    });
                }
            };
            if unknown.rows > 0 {
                let mut with_unknown = below;
                with_unknown.add(unknown);
                try_cut(with_unknown, Side::Low);
                try_cut(below, Side::High);
            } else {
                // None is unknown here: should one come, it goes with the more.
                let side = if 2 * below.rows >= total.rows {
                    Side::Low
                } else {
                    Side::High
                };
                try_cut(below, side);
            }
        }
        best
    }
}

/// What a cut must gain: more than rounding could make up.
const MIN_GAIN: f64 = 1e-9;
