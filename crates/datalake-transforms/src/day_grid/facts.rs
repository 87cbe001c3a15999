//! What a day profile rests on besides its rows, as one number: is it still what it was when the profile was made?

use crate::model::DAY_SECONDS;
use crate::registry::{Component, Coverage, Registry};
use crate::resolve::expected_multiplier_facts;

/// Digests of what the registry says of components on single days.
#[derive(Debug)]
pub struct DayFacts<'r> {
    registry: &'r Registry,
    /// By component: its id, its interval and its multipliers.
    fixed: Vec<u64>,
}

impl<'r> DayFacts<'r> {
    /// Looks at every component once.
    #[must_use]
    pub fn new(registry: &'r Registry) -> Self {
        let fixed = registry.components.iter().map(|component| {
            let id = digest(component.id.as_bytes());
            let interval = if component.is_energy() {
                u64::from(component.interval_seconds().unwrap_or(0))
            } else {
                0
            };
            mix(mix(id, interval), expected_multiplier_facts(component))
        });
        Self {
            registry,
            fixed: fixed.collect(),
        }
    }

    /// What the profiles of these components (dense indices) on a day rest on. Sums of parts are sums of digests: rows may
    /// come in any order and split.
    #[must_use]
    pub fn of(&self, components: &[u32], day: i32) -> u64 {
        components.iter().fold(0_u64, |sum, &component| {
            let state = coverage_facts(&self.registry.components[component as usize], day);
            sum.wrapping_add(mix(self.fixed[component as usize], state))
        })
    }
}

/// How the day's intervals stand to the install periods: which period it is does not matter to a profile.
fn coverage_facts(component: &Component, day: i32) -> u64 {
    let kind = |coverage: Coverage| match coverage {
        Coverage::On(_) => 1_u64,
        Coverage::Off(_) => 2,
        Coverage::Cut => 3,
        Coverage::Uninstalled => 4,
    };
    if let Some(uniform) = component.uniform_day(day) {
        return kind(uniform);
    }
    let seconds = component.interval_seconds().map_or(DAY_SECONDS, i64::from).max(1);
    let start = i64::from(day) * DAY_SECONDS;
    (0..DAY_SECONDS / seconds).fold(5, |facts, slot| {
        let from = start + slot * seconds;
        mix(facts, kind(component.coverage(from, from + seconds)))
    })
}

/// The two halves of a 64 x 64 bit product, xored, as in the hashes of the wyhash family.
fn mix(a: u64, b: u64) -> u64 {
    const PI: u64 = 0x2436_a885_a308_d313;
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(a ^ GOLDEN) * u128::from(b.wrapping_add(PI));
    (product as u64) ^ (product >> 64) as u64
}

fn digest(bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.fold(bytes.len() as u64, mix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_lake::{interval, registry, stay};

    #[test]
    fn only_what_the_day_rests_on_counts() {
        let facts = |change: fn(&mut Component), day: i32| {
            let mut component = interval("A", 1800);
            component.periods = vec![stay(0, 5 * DAY_SECONDS)];
            change(&mut component);
            DayFacts::new(&registry(vec![component, interval("B", 1800)])).of(&[0], day)
        };
        let same = facts(|_| {}, 3);
        assert_eq!(same, facts(|c| c.periods[0].service_point = 0, 3));
        assert_eq!(
            same,
            facts(|c| c.periods[0].end = 7 * DAY_SECONDS, 3),
            "a removal later on is another day's matter"
        );
        for change in [
            (|c: &mut Component| c.id = "AA".to_owned()) as fn(&mut Component),
            |c| c.periods[0].end = 3 * DAY_SECONDS,
            |c| c.periods[0].end = 3 * DAY_SECONDS + 1800,
            |c| c.periods[0].end = 3 * DAY_SECONDS + 3600,
            |c| c.periods[0].constant_micro += 1,
            |c| c.component_type = interval("A", 900).component_type,
        ] {
            assert_ne!(same, facts(change, 3));
        }
    }

    #[test]
    fn parts_add_up() {
        let lake = registry(vec![interval("A", 1800), interval("B", 1800), interval("C", 900)]);
        let facts = DayFacts::new(&lake);
        assert_eq!(
            facts.of(&[0, 1, 2], 7),
            facts.of(&[2], 7).wrapping_add(facts.of(&[1, 0], 7))
        );
        assert_ne!(facts.of(&[0], 7), facts.of(&[1], 7));
    }
}
