//! Transformers that have a meter of their own, and the service points that they feed.
//!
//! A lake says that a meter counts what a transformer supplies by hanging it at a service point whose id is the transformer's: the
//! `transformer_id` of the service points behind it. A service point that is fed by a transformer itself is none, whatever its id:
//! where customers and transformers are numbered alike, nobody's meter is taken for a transformer's.

use std::collections::BTreeSet;

use super::{Component, ServicePoint, Siblings};
use crate::model::Kind;

const NONE: u32 = u32::MAX;

/// Transformers with a meter of their own, numbered in the order of their ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transformers {
    /// Service point of each one's own meter, ascending.
    supply: Vec<u32>,
    /// By service point: the transformer that feeds it.
    feeding: Vec<u32>,
    /// By component: whether its energy is to be counted. Of channels of one device and direction those of the shortest
    /// interval are, because a register beside them counts the same energy once more.
    counted: Vec<bool>,
}

impl Transformers {
    /// Service points are sorted by id.
    pub(super) fn gather(components: &[Component], places: &[ServicePoint], siblings: &Siblings) -> Self {
        let named: BTreeSet<&str> = places
            .iter()
            .filter_map(|place| place.transformer_id.as_deref())
            .collect();
        let mut supply = Vec::new();
        for id in named {
            if let Ok(place) = places.binary_search_by(|place| place.id.as_str().cmp(id))
                && places[place].transformer_id.is_none()
                && !siblings.at(place as u32).is_empty()
            {
                supply.push(place as u32);
            }
        }
        if supply.is_empty() {
            return Self::default();
        }
        let number = |id: &str| supply.binary_search_by(|&place| places[place as usize].id.as_str().cmp(id));
        let feeding = places.iter().map(|place| {
            let fed_by = place.transformer_id.as_deref().and_then(|id| number(id).ok());
            fed_by.map_or(NONE, |number| number as u32)
        });
        Self {
            feeding: feeding.collect(),
            counted: counted(components),
            supply,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.supply.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.supply.is_empty()
    }

    /// The service point of a transformer's own meter.
    #[must_use]
    pub fn supply_of(&self, transformer: u32) -> Option<u32> {
        self.supply.get(transformer as usize).copied()
    }

    /// The transformer whose own meter hangs at a service point.
    #[must_use]
    pub fn metered_at(&self, service_point: u32) -> Option<u32> {
        self.supply
            .binary_search(&service_point)
            .ok()
            .map(|number| number as u32)
    }

    /// The transformer with a meter that feeds a service point.
    #[must_use]
    pub fn feeding(&self, service_point: u32) -> Option<u32> {
        let number = self.feeding.get(service_point as usize).copied();
        number.filter(|&number| number != NONE)
    }

    /// Whether the energy of a component is to be counted.
    #[must_use]
    pub fn counts(&self, component: u32) -> bool {
        self.counted.get(component as usize).copied().unwrap_or(false)
    }
}

fn counted(components: &[Component]) -> Vec<bool> {
    /// Device, whether it receives, and how coarse: a register is coarser than any interval.
    type Key<'a> = (&'a str, bool, u32);
    let coarse = |component: &Component| {
        let scalar = component
            .component_type
            .as_ref()
            .is_none_or(|t| t.kind == Kind::Scalar);
        let seconds = component.interval_seconds().unwrap_or(u32::MAX);
        if scalar { u32::MAX } else { seconds }
    };
    let mut counted: Vec<bool> = components.iter().map(Component::is_energy).collect();
    let mut channels: Vec<(Key<'_>, usize)> = components
        .iter()
        .enumerate()
        .filter(|(_, component)| component.is_energy())
        .filter_map(|(index, component)| {
            let device = component.device_id.as_deref()?;
            Some(((device, component.is_received(), coarse(component)), index))
        })
        .collect();
    channels.sort_unstable();
    for device in channels.chunk_by(|a, b| (a.0.0, a.0.1) == (b.0.0, b.0.1)) {
        let finest = device[0].0.2;
        for &((.., coarseness), index) in device {
            counted[index] = coarseness == finest;
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::super::Registry;
    use super::*;
    use crate::rules::testing::{period, typed};

    fn gathered(places: &[(&str, Option<&str>)]) -> Transformers {
        let components = (0..places.len() as u32)
            .map(|place| typed(&format!("MC-{place}"), Some(1800), &[period(place, 0, i64::MAX)]));
        let points = places.iter().map(|&(id, transformer)| ServicePoint {
            id: id.to_owned(),
            transformer_id: transformer.map(str::to_owned),
            ..ServicePoint::default()
        });
        Registry::new(components.collect(), points.collect()).transformers
    }

    #[test]
    fn a_meter_at_a_transformers_id_is_its_own() {
        let found = gathered(&[
            ("S1", Some("T1")),
            ("S2", Some("T2")),
            ("S3", Some("T3")),
            ("T1", None),
            ("T3", None),
        ]);
        assert_eq!(found.len(), 2);
        assert_eq!((found.supply_of(0), found.supply_of(1)), (Some(3), Some(4)));
        assert_eq!(
            [0, 1, 2, 3].map(|place| found.feeding(place)),
            [Some(0), None, Some(1), None]
        );
        assert_eq!(
            [0, 3, 4].map(|place| found.metered_at(place)),
            [None, Some(0), Some(1)]
        );
        assert!(found.counts(0) && !found.counts(9));
    }

    #[test]
    fn a_customer_whose_id_is_a_transformers_is_still_a_customer() {
        assert!(gathered(&[("1", Some("2")), ("2", Some("1"))]).is_empty());
        assert!(gathered(&[("1", Some("1"))]).is_empty());
    }

    #[test]
    fn of_channels_of_one_device_and_direction_the_finest_count() {
        let channel = |id: &str, interval, device: &str| {
            let mut component = typed(id, interval, &[]);
            component.device_id = Some(device.to_owned());
            component
        };
        let mut received = channel("d", None, "D1");
        if let Some(kind) = &mut received.component_type {
            kind.direction = crate::model::Direction::Received;
        }
        let channels = [
            channel("a", Some(1800), "D1"),
            channel("b", None, "D1"),
            channel("c", Some(1800), "D1"),
            received,
            channel("e", None, "D2"),
        ];
        assert_eq!(counted(&channels), [true, false, true, true, true]);
    }
}
