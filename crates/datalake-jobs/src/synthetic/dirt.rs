//! What goes wrong between the meter and the lake.

use clap::Args as ClapArgs;
use datalake_transforms::model::Condition;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::clock::DAY;
use super::day::Row;
use super::error::ToolError;
use super::random::{Purpose, between, mixed, stream};

/// Shares of faults.
#[derive(Debug, Clone, Copy, PartialEq, ClapArgs)]
pub struct Dirt {
    /// Share of rows that arrive twice, exactly alike.
    #[arg(long, default_value_t = 0.002)]
    pub duplicate_share: f64,
    /// Share of rows that come again later with another value.
    #[arg(long, default_value_t = 0.001)]
    pub correction_share: f64,
    /// Share of rows that never arrive, in spells.
    #[arg(long, default_value_t = 0.003)]
    pub gap_share: f64,
    /// Share of rows that are estimated, in spells.
    #[arg(long, default_value_t = 0.005)]
    pub estimated_share: f64,
    /// Share of rows whose condition says that there is no value.
    #[arg(long, default_value_t = 0.0005)]
    pub missing_share: f64,
    /// Share of rows set by an operator.
    #[arg(long, default_value_t = 0.0002)]
    pub override_share: f64,
    /// Share of rows marked as not to be used.
    #[arg(long, default_value_t = 0.0)]
    pub do_not_use_share: f64,
    /// Share of rows whose component id carries blanks.
    #[arg(long, default_value_t = 0.0)]
    pub padded_share: f64,
    /// Share of honest service points whose components are missing from their table.
    #[arg(long, default_value_t = 0.001)]
    pub orphan_share: f64,
    /// Share of honest service points whose component type is not in the default map.
    #[arg(long, default_value_t = 0.001)]
    pub unmapped_share: f64,
}

impl Dirt {
    /// No fault at all.
    pub const NONE: Self = Self {
        duplicate_share: 0.0,
        correction_share: 0.0,
        gap_share: 0.0,
        estimated_share: 0.0,
        missing_share: 0.0,
        override_share: 0.0,
        do_not_use_share: 0.0,
        padded_share: 0.0,
        orphan_share: 0.0,
        unmapped_share: 0.0,
    };

    fn shares(&self) -> [(&'static str, f64); 10] {
        [
            ("--duplicate-share", self.duplicate_share),
            ("--correction-share", self.correction_share),
            ("--gap-share", self.gap_share),
            ("--estimated-share", self.estimated_share),
            ("--missing-share", self.missing_share),
            ("--override-share", self.override_share),
            ("--do-not-use-share", self.do_not_use_share),
            ("--padded-share", self.padded_share),
            ("--orphan-share", self.orphan_share),
            ("--unmapped-share", self.unmapped_share),
        ]
    }

    /// Refuses what is not a share.
    pub(crate) fn check(&self) -> Result<(), ToolError> {
        self.shares()
            .into_iter()
            .try_for_each(|(option, share)| check_share(option, share))
    }
}

/// Refuses what is not between 0 and 1.
pub(crate) fn check_share(option: &'static str, share: f64) -> Result<(), ToolError> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(ToolError::Option {
        option,
        value: share.to_string(),
        why: "a share lies between 0 and 1".to_owned(),
    })
}

/// Longest spell of gaps or estimates, in rows.
const LONGEST_SPELL: i64 = 8;

/// Mean length of a spell that is uniform from 1 to the longest.
const MEAN_SPELL: f64 = (1 + LONGEST_SPELL) as f64 / 2.0;

/// Takes clean rows of one service point and day, gives what arrives.
pub(crate) struct Soiler<'a> {
    dirt: &'a Dirt,
    rng: ChaCha8Rng,
    updated: i64,
    rows: &'a mut Vec<Row>,
    /// Rows still to lose, to estimate; the value that stands in.
    gap: i64,
    estimate: i64,
    stand_in: i64,
}

impl<'a> Soiler<'a> {
    pub(crate) fn new(dirt: &'a Dirt, seed: u64, site: u64, day: i32, rows: &'a mut Vec<Row>) -> Self {
        // Read in the small hours of the next day, all of a meter at once.
        let seconds = mixed(seed, Purpose::Reading, site, i64::from(day) ^ (1 << 40)) % (6 * 3_600);
        let updated = (i64::from(day) + 1) * DAY + 2 * 3_600 + seconds as i64;
        let rng = stream(seed, Purpose::Dirt, site, i64::from(day));
        Self {
            dirt,
            rng,
            updated,
            rows,
            gap: 0,
            estimate: 0,
            stand_in: 0,
        }
    }

    /// One clean row.
    pub(crate) fn push(&mut self, component: u32, end: i64, micro: i64, condition: Condition) {
        let (dirt, rng) = (self.dirt, &mut self.rng);
        let mut hit = |share: f64| share > 0.0 && rng.random_bool(share);
        let gap_starts = hit(dirt.gap_share / MEAN_SPELL);
        let estimate_starts = hit(dirt.estimated_share / MEAN_SPELL);
        let (missing, overridden) = (hit(dirt.missing_share), hit(dirt.override_share));
        let (do_not_use, padded) = (hit(dirt.do_not_use_share), hit(dirt.padded_share));
        let (corrected, duplicated) = (hit(dirt.correction_share), hit(dirt.duplicate_share));
        if gap_starts && self.gap == 0 {
            self.gap = self.rng.random_range(1..=LONGEST_SPELL);
        }
        if estimate_starts && self.estimate == 0 {
            self.estimate = self.rng.random_range(1..=LONGEST_SPELL);
            self.stand_in = micro;
        }
        if self.gap > 0 {
            self.gap -= 1;
            return;
        }
        let mut row = Row {
            component,
            end,
            micro,
            condition,
            do_not_use,
            updated: self.updated,
            version: 1,
            padded,
            register: None,
        };
        if self.estimate > 0 {
            self.estimate -= 1;
            row.condition = Condition::Estimated;
            row.micro = self.stand_in;
        }
        if missing {
            row.condition = Condition::Missing;
            row.micro = 0;
        } else if overridden && row.condition == Condition::Actual {
            row.condition = Condition::Override;
        }
        if corrected && !missing {
            // What came first was wrong; the true value follows after some days, or stands before it in the file.
            let wrong = if self.rng.random_bool(0.3) {
                0.0
            } else {
                between(&mut self.rng, 0.2, 3.0)
            };
            let first = Row {
                micro: (row.micro as f64 * wrong / 1e3).round() as i64 * 1_000,
                ..row
            };
            row.version = 2;
            row.updated += self.rng.random_range(1..=5) * DAY;
            if self.rng.random_bool(0.5) {
                self.rows.extend([row, first]);
            } else {
                self.rows.extend([first, row]);
            }
        } else {
            self.rows.push(row);
        }
        if duplicated {
            self.rows.push(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: i64 = 100_000;

    fn soiled(dirt: &Dirt) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut soiler = Soiler::new(dirt, 1, 7, 100, &mut rows);
        (0..ROWS).for_each(|i| soiler.push(3, i * 1_800, 5_000 + i * 1_000, Condition::Actual));
        rows
    }

    #[test]
    fn clean_rows_stay_clean() {
        let rows = soiled(&Dirt::NONE);
        assert_eq!(rows.len() as i64, ROWS);
        let first = rows[0];
        assert!((101 * DAY + 7_200..101 * DAY + 8 * 3_600).contains(&first.updated));
        for (i, row) in rows.iter().enumerate() {
            assert_eq!(
                *row,
                Row {
                    end: i as i64 * 1_800,
                    micro: 5_000 + i as i64 * 1_000,
                    ..first
                }
            );
        }
    }

    #[test]
    fn each_fault_has_its_share() {
        let near = |count: usize, share: f64| {
            let expected = share * ROWS as f64;
            assert!(
                (count as f64 - expected).abs() < 0.15 * expected,
                "{count} of {expected}"
            );
        };
        let share = 0.05;
        let rows = soiled(&Dirt {
            duplicate_share: share,
            ..Dirt::NONE
        });
        near(rows.len() - ROWS as usize, share);
        assert!(rows.windows(2).any(|w| w[0] == w[1]));

        let rows = soiled(&Dirt {
            gap_share: share,
            ..Dirt::NONE
        });
        near(ROWS as usize - rows.len(), share);

        let rows = soiled(&Dirt {
            estimated_share: share,
            ..Dirt::NONE
        });
        near(
            rows.iter()
                .filter(|r| r.condition == Condition::Estimated)
                .count(),
            share,
        );

        let rows = soiled(&Dirt {
            missing_share: share,
            ..Dirt::NONE
        });
        let missing: Vec<_> = rows
            .iter()
            .filter(|r| r.condition == Condition::Missing)
            .collect();
        near(missing.len(), share);
        assert!(missing.iter().all(|r| r.micro == 0));

        let rows = soiled(&Dirt {
            override_share: share,
            ..Dirt::NONE
        });
        near(
            rows.iter().filter(|r| r.condition == Condition::Override).count(),
            share,
        );
        let rows = soiled(&Dirt {
            do_not_use_share: share,
            padded_share: 2.0 * share,
            ..Dirt::NONE
        });
        near(rows.iter().filter(|r| r.do_not_use).count(), share);
        near(rows.iter().filter(|r| r.padded).count(), 2.0 * share);
    }

    #[test]
    fn the_newer_row_is_the_true_one_wherever_it_stands() {
        let rows = soiled(&Dirt {
            correction_share: 0.05,
            ..Dirt::NONE
        });
        let (mut before, mut after) = (0, 0);
        for pair in rows.windows(2).filter(|w| w[0].end == w[1].end) {
            let (first, newer) = if pair[0].version == 1 {
                (pair[0], pair[1])
            } else {
                (pair[1], pair[0])
            };
            if newer == pair[0] {
                before += 1;
            } else {
                after += 1;
            }
            assert!(newer.updated >= first.updated + DAY && newer.version == 2);
            assert_eq!(newer.micro, 5_000 + newer.end / 1_800 * 1_000);
        }
        assert!(before > 1_500 && after > 1_500, "{before} {after}");
    }

    #[test]
    fn what_is_no_share_is_refused() {
        assert!(Dirt::NONE.check().is_ok());
        for bad in [-0.1, 1.1, f64::NAN] {
            let error = Dirt {
                gap_share: bad,
                ..Dirt::NONE
            }
            .check();
            assert!(matches!(
                error,
                Err(ToolError::Option {
                    option: "--gap-share",
                    ..
                })
            ));
        }
    }
}
