//! Who steals, how, and from which day.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::customers::Customer;
use super::survey::Extent;
use crate::synthetic::random::{Purpose, stream};
use crate::synthetic::theft::TheftKind;

/// Days of data that a customer must have, and of energy above zero.
const LEAST_DAYS: i64 = 30;

/// How often a smaller customer is looked for before another kind is taken.
const DONOR_TRIES: usize = 200;

/// The choices.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Customers with enough data.
    pub(super) eligible: usize,
    /// In the order of their service points.
    pub(super) thieves: Vec<Thief>,
}

/// One thief.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thief {
    /// Position of the customer.
    pub(super) customer: usize,
    pub(super) kind: TheftKind,
    /// First day of the theft, days since 1970-01-01.
    pub(super) onset: i32,
    pub(super) interval_seconds: u32,
    pub(super) components: Vec<String>,
    /// Component of a smaller customer, for the kind that needs one.
    pub(super) donor: Option<String>,
    /// Install event to end or to switch off, for the kinds that need one.
    pub(super) event: Option<String>,
}

impl Plan {
    /// Components whose rows have to be read, ascending.
    pub(super) fn components(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self
            .thieves
            .iter()
            .flat_map(|t| t.components.iter().chain(&t.donor).map(String::as_str))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Draws thieves among the customers with enough data; kinds take turns, so that each has its share.
pub(super) fn plan(
    customers: &[Customer],
    extents: &[Extent],
    kinds: &[TheftKind],
    share: f64,
    seed: u64,
) -> Plan {
    let mut rng = stream(seed, Purpose::Inject, 0, 0);
    let mut eligible: Vec<usize> = (0..customers.len())
        .filter(|&i| days(&extents[i]) >= LEAST_DAYS && extents[i].sum_micro > 0)
        .collect();
    let candidates = eligible.clone();
    eligible.shuffle(&mut rng);
    let wanted = (share * eligible.len() as f64).round() as usize;
    let mut turns: Vec<TheftKind> = Vec::new();
    let mut thieves = Vec::new();
    for &customer in eligible.iter().take(wanted) {
        let (who, extent) = (&customers[customer], &extents[customer]);
        let slots = (86_400 / who.interval_seconds) as usize;
        let first_day = (extent.first - 1).div_euclid(86_400);
        let onset = first_day + (rng.random_range(0.3..0.8) * days(extent) as f64) as i64;
        let donor = donor(customer, &candidates, customers, extents, &mut rng);
        let possible = |kind: &TheftKind| {
            kind.suits(slots)
                && (*kind != TheftKind::SmallerProfile || donor.is_some())
                && (!kind.is_unbilled() || who.open_event.is_some())
        };
        // A turn goes round all kinds; what does not suit this customer stays for the next.
        if !turns.iter().any(possible) {
            let mut round = kinds.to_vec();
            round.shuffle(&mut rng);
            turns.extend(round);
        }
        let Some(at) = turns.iter().position(possible) else {
            continue;
        };
        let kind = turns.remove(at);
        thieves.push(Thief {
            customer,
            kind,
            onset: onset as i32,
            interval_seconds: who.interval_seconds,
            components: who.components.clone(),
            donor: donor.filter(|_| kind == TheftKind::SmallerProfile),
            event: who.open_event.clone().filter(|_| kind.is_unbilled()),
        });
    }
    thieves.sort_by_key(|t| t.customer);
    Plan {
        eligible: candidates.len(),
        thieves,
    }
}

fn days(extent: &Extent) -> i64 {
    if extent.rows == 0 {
        0
    } else {
        (extent.last - extent.first) / 86_400 + 1
    }
}

/// A customer of the same interval with a tenth to six tenths of the mean.
fn donor(
    customer: usize,
    candidates: &[usize],
    customers: &[Customer],
    extents: &[Extent],
    rng: &mut rand_chacha::ChaCha8Rng,
) -> Option<String> {
    let mean = |i: usize| extents[i].sum_micro as f64 / extents[i].rows.max(1) as f64;
    (0..DONOR_TRIES).find_map(|_| {
        let other = candidates[rng.random_range(0..candidates.len())];
        let ratio = mean(other) / mean(customer);
        let fits = customers[other].interval_seconds == customers[customer].interval_seconds
            && (0.1..0.6).contains(&ratio)
            && extents[other].first <= extents[customer].last
            && extents[other].last >= extents[customer].last;
        if fits {
            customers[other].components.first().cloned()
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lake(n: usize, interval_seconds: u32) -> (Vec<Customer>, Vec<Extent>) {
        let customers = (0..n)
            .map(|i| Customer {
                service_point_id: format!("SP-{i:03}"),
                components: vec![format!("MC-{i:03}")],
                interval_seconds,
                open_event: Some(format!("IE-{i:03}")),
            })
            .collect();
        let extents = (0..n)
            .map(|i| Extent {
                first: 86_400,
                last: 100 * 86_400,
                rows: 100,
                sum_micro: 1_000_000 * (1 + (i as i128 * 7) % 20),
            })
            .collect();
        (customers, extents)
    }

    #[test]
    fn the_share_the_onsets_and_the_turns() {
        let (customers, extents) = lake(300, 1_800);
        let kinds: Vec<_> = TheftKind::ALL
            .iter()
            .copied()
            .filter(|k| *k != TheftKind::SlowExchange)
            .collect();
        let plan = plan(&customers, &extents, &kinds, 0.2, 7);
        assert_eq!((plan.eligible, plan.thieves.len()), (300, 60));
        // Days 0 to 99: 30 % to 80 % of them lie before the onset.
        assert!(plan.thieves.iter().all(|t| (30..80).contains(&t.onset)));
        assert!(plan.thieves.windows(2).all(|w| w[0].customer < w[1].customer));
        for kind in kinds {
            let count = plan.thieves.iter().filter(|t| t.kind == kind).count();
            assert!((2..=3).contains(&count), "{} {count}", kind.name());
        }
        for thief in &plan.thieves {
            assert_eq!(thief.event.is_some(), thief.kind.is_unbilled());
            assert_eq!(thief.donor.is_some(), thief.kind == TheftKind::SmallerProfile);
        }
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let (customers, extents) = lake(100, 86_400);
        let kinds = TheftKind::ALL;
        let draw = |seed| plan(&customers, &extents, &kinds, 0.1, seed);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(3).thieves.iter().all(|t| t.kind.suits(1)));
    }

    #[test]
    fn too_little_data_is_left_alone() {
        let (customers, mut extents) = lake(10, 1_800);
        extents[..5]
            .iter_mut()
            .for_each(|e| e.last = e.first + 20 * 86_400);
        extents[5].sum_micro = 0;
        extents[6] = Extent::NONE;
        let plan = plan(&customers, &extents, &[TheftKind::JokarH1], 1.0, 1);
        assert_eq!(
            plan.thieves.iter().map(|t| t.customer).collect::<Vec<_>>(),
            [7, 8, 9]
        );
    }
}
