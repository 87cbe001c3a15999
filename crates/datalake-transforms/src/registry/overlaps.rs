//! Stays that contradict each other: one device at two places, two devices at one place.
//!
//! Both are one question. Items (a device's stays, or a service point's) are sorted by start; each is compared with
//! the longest lasting of those that began before it and bear another label (another place, another device). That is
//! linear, and finds an overlap for every stay that has one.

use std::collections::{BTreeMap, HashMap};

use rayon::slice::ParallelSliceMut as _;

use super::build::Channel;
use super::faults;
use super::join::StayComponents;
use super::notes::Notes;
use super::places::Places;
use super::stays::Stay;
use super::{Overlap, OverlapKind};

/// Both kinds of overlap. Stays that ended at a time that nobody knows take no part.
pub(super) fn overlaps<'a>(
    stays: &[Stay<'a>],
    joined: &StayComponents,
    places: &Places<'a>,
    channels: &[Channel<'a>],
    notes: &mut Notes<'a>,
) -> Vec<Overlap> {
    let lasting: Vec<usize> = (0..stays.len())
        .filter(|&stay| !stays[stay].end_unknown && !joined.of(stay).is_empty())
        .collect();
    // A device by its id where that is known, else by its configuration.
    let mut numbers: HashMap<(&str, &str), u32> = HashMap::new();
    let mut device_of = vec![0; stays.len()];
    for &stay in &lasting {
        let key = match (stays[stay].device_id, stays[stay].device_config_id) {
            (Some(device), _) => ("device", device),
            (None, config) => ("config", config.unwrap_or("")),
        };
        let next = numbers.len() as u32;
        device_of[stay] = *numbers.entry(key).or_insert(next);
    }
    let item = |stay: usize, label: u32, tag: usize| Item {
        start: stays[stay].start,
        end: stays[stay].end,
        label,
        tag,
    };
    let mut overlaps = Vec::new();

    let mut by_device: Vec<(u32, usize)> = lasting.iter().map(|&stay| (device_of[stay], stay)).collect();
    by_device.par_sort_unstable();
    for group in by_device
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|group| group.len() > 1)
    {
        let items = group.iter().map(|&(_, stay)| item(stay, places.of(stay), stay));
        sweep(items, |pair| {
            let later = &stays[pair.later];
            notes.add("install_event", faults::DEVICE_AT_TWO_PLACES, later.event_id);
            let before = joined.of(pair.earlier);
            for &component in joined.of(pair.later) {
                overlaps.push(Overlap {
                    component,
                    other: before.binary_search(&component).map_or(before[0], |_| component),
                    kind: OverlapKind::DeviceAtTwoPlaces,
                    service_points: (places.of(pair.later), places.of(pair.earlier)),
                    from: pair.from,
                    to: pair.to,
                });
            }
        });
    }

    let mut by_channel = Vec::with_capacity(lasting.len());
    let mut units: BTreeMap<String, u32> = BTreeMap::new();
    for &stay in &lasting {
        let place = places.of(stay);
        for &component in joined.of(stay) {
            if let Some(known) = &channels[component as usize].component_type {
                let next = units.len() as u32;
                let unit = *units.entry(known.uom.to_ascii_lowercase()).or_insert(next);
                by_channel.push(((place, unit, known.direction), stay, component));
            }
        }
    }
    by_channel.par_sort_unstable();
    for group in by_channel
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|group| group.len() > 1)
    {
        let items = group
            .iter()
            .enumerate()
            .map(|(tag, &(_, stay, _))| item(stay, device_of[stay], tag));
        sweep(items, |pair| {
            let ((place, ..), later, component) = group[pair.later];
            notes.add(
                "install_event",
                faults::TWO_DEVICES_AT_ONE_PLACE,
                stays[later].event_id,
            );
            overlaps.push(Overlap {
                component,
                other: group[pair.earlier].2,
                kind: OverlapKind::TwoDevicesAtOnePlace,
                service_points: (place, place),
                from: pair.from,
                to: pair.to,
            });
        });
    }
    overlaps.par_sort_unstable();
    overlaps
}

/// A stay, labelled.
#[derive(Debug, Clone, Copy)]
struct Item {
    start: i64,
    end: i64,
    label: u32,
    /// The caller's own mark.
    tag: usize,
}

/// An earlier and a later item that overlap, and from when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    earlier: usize,
    later: usize,
    from: i64,
    to: i64,
}

/// Overlaps among items that are sorted by start, as tags.
fn sweep(items: impl IntoIterator<Item = Item>, mut found: impl FnMut(Pair)) {
    // The longest lasting item so far, and the longest lasting of those with another label than its.
    let mut longest: Option<Item> = None;
    let mut other: Option<Item> = None;
    for item in items {
        let rival = if longest.is_some_and(|kept| kept.label != item.label) {
            longest
        } else {
            other
        };
        if let Some(rival) = rival.filter(|rival| rival.end > item.start) {
            let to = rival.end.min(item.end);
            found(Pair {
                earlier: rival.tag,
                later: item.tag,
                from: item.start,
                to,
            });
        }
        match longest {
            Some(kept) if kept.label == item.label => {
                if item.end > kept.end {
                    longest = Some(item);
                }
            }
            Some(kept) if item.end <= kept.end => {
                if other.is_none_or(|second| item.end > second.end) {
                    other = Some(item);
                }
            }
            _ => {
                other = longest;
                longest = Some(item);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn swept(stays: &[(i64, i64, u32)]) -> Vec<Pair> {
        let items = stays.iter().enumerate().map(|(tag, &(start, end, label))| Item {
            start,
            end,
            label,
            tag,
        });
        let mut pairs = Vec::new();
        sweep(items, |pair| pairs.push(pair));
        pairs
    }

    #[test]
    fn by_hand() {
        assert_eq!(
            swept(&[(0, 10, 1), (10, 20, 2)]),
            [],
            "one ends where the other begins"
        );
        assert_eq!(swept(&[(0, 10, 1), (5, 20, 1)]), [], "one label");
        let expected = [Pair {
            earlier: 0,
            later: 1,
            from: 9,
            to: 10,
        }];
        assert_eq!(swept(&[(0, 10, 1), (9, 20, 2)]), expected);
        // The second is inside the first; the third meets the first only.
        let expected = [
            Pair {
                earlier: 0,
                later: 1,
                from: 2,
                to: 4,
            },
            Pair {
                earlier: 0,
                later: 2,
                from: 6,
                to: 30,
            },
        ];
        assert_eq!(swept(&[(0, 30, 1), (2, 4, 2), (6, 40, 2)]), expected);
        // The longest so far bears the same label: the other one counts.
        let expected = [
            Pair {
                earlier: 0,
                later: 1,
                from: 1,
                to: 50,
            },
            Pair {
                earlier: 1,
                later: 2,
                from: 3,
                to: 7,
            },
        ];
        assert_eq!(swept(&[(0, 90, 1), (1, 50, 2), (3, 7, 1)]), expected);
    }

    proptest! {
        /// A stay has an overlap exactly when some earlier one with another label shares time with it, and it is
        /// told with the longest lasting of these.
        #[test]
        fn equals_all_pairs(mut stays in prop::collection::vec((0_i64..30, 1_i64..20, 0_u32..4), 0..25)) {
            stays.sort_unstable();
            let stays: Vec<_> = stays.into_iter().map(|(start, length, label)| (start, start + length, label)).collect();
            let mut expected = Vec::new();
            for (later, &(start, end, label)) in stays.iter().enumerate() {
                let longest = stays[..later].iter().filter(|s| s.2 != label && s.1 > start).map(|s| s.1).max();
                expected.extend(longest.map(|longest| (later, start, longest.min(end))));
            }
            let found: Vec<_> = swept(&stays).iter().map(|pair| (pair.later, pair.from, pair.to)).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
