//! Bills: what registers that are read every one to four months say of a service point.
//!
//! Daily levels say little of such registers; their bills do. For each service point, over all delivered-kWh registers
//! that hung there: kWh a day of each bill and `l = ln(kWh a day + 0.1)`; `r`, the same less the median `l` of all
//! bills that ended in the same month (the *peers*; at least [`MIN_PEERS`] of them); changes of `l` from bill to bill
//! of one register and against the bill a year before; the register that began last beside those before it; what readings and billed energy have to do with each other;
//! and how long bills are. Slopes are the median of the slopes of all pairs (Theil-Sen).

mod falls;
mod figures;
pub(crate) mod further;
mod lake;
mod order;
pub mod rules;

use rayon::prelude::*;

use crate::model::{DAY_SECONDS, MICRO};
use crate::register_periods::BilledPeriod;
use crate::registry::Registry;
use crate::subject_features::Named;

use figures::Series;
use lake::{Kinds, Lake};

/// Numbers of a service point's bills.
pub(crate) const NAMES: [Named; 54] = [
    (
        "bill_ln_median",
        "ln of the median kWh a day of its bills, and 0.1",
    ),
    ("bill_ln_mean", "ln of the mean kWh a day, and 0.1"),
    ("bill_ln_greatest", "ln of the greatest kWh a day, and 0.1"),
    ("bill_ln_least", "ln of the least kWh a day, and 0.1"),
    ("bill_ln_p10", "10th percentile of l"),
    ("bill_ln_p90", "90th percentile of l"),
    (
        "bill_variation",
        "standard deviation of kWh a day over their mean",
    ),
    ("bill_ln_spread", "standard deviation of l"),
    ("bill_zero_share", "share of bills of exactly 0"),
    ("bill_near_zero_share", "share of bills below 0.3 kWh a day"),
    (
        "bill_longest_zero_run_share",
        "longest run of bills below 0.3 kWh a day, share of all",
    ),
    (
        "bill_last_zero_share",
        "run of such bills at the end, share of all",
    ),
    ("bill_peer_mean", "mean r"),
    ("bill_peer_spread", "standard deviation of r"),
    ("bill_peer_least", "least r"),
    ("bill_peer_greatest", "greatest r"),
    ("bill_peer_first", "mean r of the first 3 bills"),
    ("bill_peer_last", "r of the last bill"),
    ("bill_peer_last3", "mean r of the last 3 bills"),
    (
        "bill_peer_change",
        "mean r of the last quarter of the bills less that of the others",
    ),
    ("bill_worst_fall", "least change of l from one bill to the next"),
    (
        "bill_greatest_rise",
        "greatest change of l from one bill to the next",
    ),
    ("bill_mean_change", "mean size of such changes"),
    ("bill_step_share", "share of changes by a factor of 2 or more"),
    (
        "bill_worst_year_fall",
        "least change of l against the bill a year before",
    ),
    ("bill_last_year_change", "the last such change"),
    ("bill_mean_year_change", "mean size of such changes"),
    ("bill_last_over_median", "last kWh a day over the median"),
    ("bill_last3_over_median", "median of the last 3 over the median"),
    ("bill_first3_over_median", "median of the first 3 over the median"),
    ("bill_trend", "slope of l a year"),
    ("bill_peer_trend", "slope of r a year"),
    ("bill_round_share", "share of bills of whole tens of kWh"),
    (
        "bill_not_actual_share",
        "share of bills that are not between actual readings",
    ),
    (
        "bill_mismatch_share",
        "share of bills other than the difference of their readings",
    ),
    (
        "bill_mismatch_mean_kwh",
        "mean of billed energy less the difference of readings",
    ),
    ("bill_fall_share", "share of bills whose reading fell"),
    (
        "bill_jump_share",
        "share of bills that begin at another reading than the one before ended with",
    ),
    ("bill_jump_up_share", "the same, at a higher one"),
    ("bill_mean_days", "mean length, days"),
    ("bill_spread_days", "standard deviation of lengths, days"),
    ("bill_longest_days", "greatest length, days"),
    ("bill_long_share", "share of bills longer than 130 days"),
    ("bill_short_share", "share of bills shorter than 100 days"),
    ("bill_step_days", "median days from end to end"),
    (
        "bill_spread_step_days",
        "standard deviation of days from end to end",
    ),
    (
        "bill_gap_share",
        "share of bills that begin more than 3 days after the one before ended",
    ),
    (
        "bill_overlap_share",
        "share of bills that begin before the one before ended",
    ),
    (
        "bill_override_share",
        "share of bills whose condition is an override",
    ),
    (
        "bill_last_register_share",
        "share of bills of the register that began last",
    ),
    (
        "bill_exchange_change",
        "median l of the register that began last less that of the others",
    ),
    (
        "bill_before_exchange_change",
        "mean l of the last 3 bills of the others less their median l",
    ),
    (
        "bill_exchange_gap_days",
        "days from the last bill of the others to the first of the register that began last",
    ),
    (
        "bill_first_reading",
        "what the register that began last showed first",
    ),
];

/// Counts and dates of a service point's bills.
pub(crate) const DATED: [Named; 18] = [
    ("bills", "number of bills"),
    ("bill_registers", "number of registers"),
    ("bill_total_kwh", "energy of all bills"),
    ("bill_days", "days of all bills"),
    ("bill_first_day", "start of the first bill, days since 1970-01-01"),
    ("bill_last_day", "end of the last bill, days since 1970-01-01"),
    ("bill_gap_days", "days between bills, overlaps taken off"),
    ("bill_longest_gap_days", "longest time between two bills, days"),
    ("bill_zeros", "number of bills of exactly 0"),
    (
        "bill_last_zero_day",
        "end of the last bill of exactly 0, days since 1970-01-01",
    ),
    ("bill_longs", "number of bills longer than 130 days"),
    ("bill_last_reading", "what the register last showed"),
    ("bill_greatest_reading", "the most that a register showed"),
    ("bill_overrides", "number of bills whose condition is an override"),
    (
        "bill_last_override_day",
        "end of the last such bill, days since 1970-01-01",
    ),
    (
        "bill_last_register_day",
        "start of the first bill of the register that began last, days since 1970-01-01",
    ),
    (
        "bill_last_register_days",
        "days from there to the end of the last bill",
    ),
    (
        "bill_last_month",
        "month of the year in which the last bill ended, 0 to 12",
    ),
];

/// Bills of one month from which on their median is that of the peers.
pub const MIN_PEERS: usize = 30;

/// What was billed at each service point.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bills {
    /// By place, sorted.
    of: Vec<(Place, Bill)>,
    swapped: usize,
}

/// A service point, or a component that was never installed.
type Place = (Option<u32>, u32);

fn place(service_point: Option<u32>, component: u32) -> Place {
    (service_point, service_point.map_or(component, |_| 0))
}

/// The numbers of one service point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bill {
    numbers: [Option<f64>; NAMES.len()],
    dated: [Option<f64>; DATED.len()],
    further: [Option<f64>; further::NAMES.len()],
    further_dated: [Option<f64>; further::DATED.len()],
}

const NO_BILL: Bill = Bill {
    numbers: [None; NAMES.len()],
    dated: [None; DATED.len()],
    further: [None; further::NAMES.len()],
    further_dated: [None; further::DATED.len()],
};

impl Bill {
    /// What [`NAMES`] and [`further::NAMES`] name.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Option<f64>> {
        self.numbers.into_iter().chain(self.further)
    }

    /// What [`DATED`] and [`further::DATED`] name.
    pub(crate) fn dated(&self) -> impl Iterator<Item = Option<f64>> {
        self.dated.into_iter().chain(self.further_dated)
    }
}

/// A bill with known energy.
#[derive(Debug, Clone, Copy)]
struct Period {
    billed: BilledPeriod,
    kwh: f64,
    days: f64,
    /// `l`.
    ln: f64,
    /// `r`; unknown without peers.
    peer: Option<f64>,
    /// The same among bills of the same kind of device.
    kind_peer: Option<f64>,
    /// The same among bills of the same area.
    area_peer: Option<f64>,
}

/// Lengths above which a bill is long, and below which it is short.
const LONG_SHORT_DAYS: (f64, f64) = (130.0, 100.0);

/// Added to kWh a day before logarithms, so that a bill of nothing has one.
const LN_OFFSET: f64 = 0.1;

impl Period {
    fn of(billed: &BilledPeriod) -> Option<Self> {
        let kwh = billed.value_micro? as f64 / MICRO as f64;
        let days = (billed.end - billed.start) as f64 / DAY_SECONDS as f64;
        (days > 0.0).then(|| Self {
            billed: *billed,
            kwh,
            days,
            ln: ((kwh / days).max(0.0) + LN_OFFSET).ln(),
            peer: None,
            kind_peer: None,
            area_peer: None,
        })
    }

    fn kwh_a_day(&self) -> f64 {
        self.kwh / self.days
    }

    /// Months since 1970 of the mean length of the calendar's.
    fn month(&self) -> i64 {
        (self.end_day() * 12.0 / 365.2425).floor() as i64
    }

    fn start_day(&self) -> f64 {
        self.billed.start as f64 / DAY_SECONDS as f64
    }

    fn is_long(&self) -> bool {
        self.days > LONG_SHORT_DAYS.0
    }

    fn is_short(&self) -> bool {
        self.days < LONG_SHORT_DAYS.1
    }

    fn end_day(&self) -> f64 {
        self.billed.end as f64 / DAY_SECONDS as f64
    }
}

/// Holds the bills of one month and group against their median `l`, if they are enough.
fn hold_against<G: Ord>(
    periods: &mut [Period],
    group: impl Fn(&Period) -> G,
    set: impl Fn(&mut Period, f64),
) {
    let key = |period: &Period| (period.month(), group(period));
    // Of one month and group one value after the other.
    periods.sort_unstable_by(|a, b| key(a).cmp(&key(b)).then(a.ln.total_cmp(&b.ln)));
    for peers in periods.chunk_by_mut(|a, b| key(a) == key(b)) {
        if peers.len() >= MIN_PEERS {
            let n = peers.len();
            let median = f64::midpoint(peers[(n - 1) / 2].ln, peers[n / 2].ln);
            for period in peers {
                let against = period.ln - median;
                set(period, against);
            }
        }
    }
}

impl Bills {
    /// From the periods of delivered-kWh registers, in any order.
    #[must_use]
    pub fn of_periods(periods: &[BilledPeriod], registry: &Registry) -> Self {
        let mut billed = periods.to_vec();
        let swapped = order::repair(&mut billed);
        let mut periods: Vec<Period> = billed.iter().filter_map(Period::of).collect();
        let kinds = Kinds::of(registry);
        hold_against(&mut periods, |_| (), |period, r| period.peer = Some(r));
        hold_against(
            &mut periods,
            |period| kinds.device(period),
            |period, r| period.kind_peer = Some(r),
        );
        hold_against(
            &mut periods,
            |period| kinds.area(period),
            |period, r| period.area_peer = Some(r),
        );
        let key = |period: &Period| place(period.billed.service_point, period.billed.component);
        periods.sort_unstable_by_key(|period| {
            let billed = &period.billed;
            (
                key(period),
                billed.component,
                billed.end,
                billed.start,
                billed.value_micro,
            )
        });
        let of: Vec<&[Period]> = periods.chunk_by(|a, b| key(a) == key(b)).collect();
        let lake = Lake::of(&of, &kinds);
        let connected = |period: &Period| {
            let place = registry
                .service_points
                .get(period.billed.service_point? as usize)?;
            Some(place.connected_at? as f64 / DAY_SECONDS as f64)
        };
        Self {
            of: of
                .into_par_iter()
                .map(|periods| {
                    let bill = Series::of(periods).bill(&lake, &kinds, connected(&periods[0]));
                    (key(&periods[0]), bill)
                })
                .collect(),
            swapped,
        }
    }

    /// Bills whose day and month had changed places and were put right.
    #[must_use]
    pub fn swapped(&self) -> usize {
        self.swapped
    }

    /// The numbers of a service point, or of a component that was never installed; all unknown where nothing was billed.
    pub(crate) fn of(&self, service_point: Option<u32>, component: u32) -> Bill {
        let key = place(service_point, component);
        let found = self.of.binary_search_by_key(&key, |(place, _)| *place);
        found.map_or(NO_BILL, |at| self.of[at].1)
    }
}

#[cfg(test)]
mod tests;
