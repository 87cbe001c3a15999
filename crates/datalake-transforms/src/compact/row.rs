//! One measurement on its way through compaction.

use std::cmp::Ordering;

use super::texts::ReadTexts;

/// Code of a text that a row does not have.
pub(super) const NO_TEXT: u32 = u32::MAX;

/// Positions among a row's numbers. The first two are its age; the rest decides in this order between rows of one age.
pub(super) mod number {
    pub(crate) const UPDATED_AT: usize = 0;
    pub(crate) const VERSION: usize = 1;
    pub(crate) const VALUE: usize = 2;
    pub(crate) const READING: usize = 3;
    pub(crate) const PREVIOUS_READING: usize = 4;
    pub(crate) const PERIOD_START: usize = 5;
    pub(crate) const COMBINED_MULTIPLIER: usize = 6;
}

/// Numbers of a row.
pub(super) const NUMBERS: usize = 7;

/// A row with its texts as codes of [`super::Texts`]; 96 bytes.
///
/// Equal rows are exact duplicates: absent numbers are stored as 0, and every text has one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Microseconds on the measurement clock.
    pub(super) measured_at: i64,
    pub(super) numbers: [i64; NUMBERS],
    pub(super) component: u32,
    pub(super) condition: u32,
    pub(super) use_flag: u32,
    pub(super) tariff: u32,
    pub(super) meter_status: u32,
    /// Which of the numbers are there, a bit each.
    pub(super) given: u8,
}

/// `updated_at` and version of a row; `None` is the least.
pub(super) type Age = (Option<i64>, Option<i64>);

impl Row {
    /// End of the interval or period, microseconds on the measurement clock.
    #[must_use]
    pub fn measured_at(&self) -> i64 {
        self.measured_at
    }

    /// The value in 10^-6 units.
    #[must_use]
    pub fn value_micro(&self) -> Option<i64> {
        self.number(number::VALUE)
    }

    /// Start of the period, microseconds on the measurement clock.
    #[must_use]
    pub fn period_start(&self) -> Option<i64> {
        self.number(number::PERIOD_START)
    }

    pub(super) fn number(&self, at: usize) -> Option<i64> {
        (self.given >> at & 1 == 1).then_some(self.numbers[at])
    }

    pub(super) fn set_number(&mut self, at: usize, number: Option<i64>) {
        self.numbers[at] = number.unwrap_or(0);
        self.given = self.given & !(1 << at) | u8::from(number.is_some()) << at;
    }

    pub(super) fn key(&self) -> (u32, i64) {
        (self.component, self.measured_at)
    }

    pub(super) fn age(&self) -> Age {
        (self.number(number::UPDATED_AT), self.number(number::VERSION))
    }

    /// The order of rows of one component.
    pub(super) fn compare(&self, other: &Self, texts: &ReadTexts<'_>) -> Ordering {
        self.measured_at
            .cmp(&other.measured_at)
            .then_with(|| self.age().cmp(&other.age()))
            .then_with(|| {
                let of = |row: &Self| {
                    let numbers = [
                        number::VALUE,
                        number::READING,
                        number::PREVIOUS_READING,
                        number::PERIOD_START,
                        number::COMBINED_MULTIPLIER,
                    ];
                    numbers.map(|at| row.number(at))
                };
                of(self).cmp(&of(other))
            })
            .then_with(|| texts.get(self.condition).cmp(&texts.get(other.condition)))
            .then_with(|| texts.get(self.use_flag).cmp(&texts.get(other.use_flag)))
            .then_with(|| texts.get(self.tariff).cmp(&texts.get(other.tariff)))
            .then_with(|| texts.get(self.meter_status).cmp(&texts.get(other.meter_status)))
    }
}
