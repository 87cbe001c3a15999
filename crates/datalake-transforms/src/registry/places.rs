//! Service points: where components hang or hung, joined with what is known of them.

use rayon::slice::ParallelSliceMut as _;

use super::ServicePoint;
use super::faults;
use super::join::StayComponents;
use super::notes::Notes;
use super::stays::Stay;
use super::tables::{ServicePointRow, UnusableEvent};
use crate::model::MICRO;

/// The service points where components hang or hung, or may.
pub(super) struct Places<'a> {
    /// Sorted.
    ids: Vec<&'a str>,
    /// For each stay that has components, the position of its service point in `ids`.
    of_stay: Vec<u32>,
    /// The same for the events that make no stay.
    of_unusable: Vec<u32>,
}

impl<'a> Places<'a> {
    pub(super) fn gather(
        stays: &[Stay<'a>],
        unusable: &[UnusableEvent<'a>],
        [joined, in_doubt]: &[StayComponents; 2],
    ) -> Self {
        let of_stays = (0..stays.len())
            .filter(|&stay| !joined.of(stay).is_empty())
            .map(|stay| (stays[stay].service_point_id, stay));
        let of_unusable = (0..unusable.len())
            .filter(|&event| !in_doubt.of(event).is_empty())
            .filter_map(|event| Some((unusable[event].service_point_id?, stays.len() + event)));
        let mut pairs: Vec<(&str, usize)> = of_stays.chain(of_unusable).collect();
        pairs.par_sort_unstable();
        let mut places = Self {
            ids: Vec::new(),
            of_stay: vec![u32::MAX; stays.len()],
            of_unusable: vec![u32::MAX; unusable.len()],
        };
        for group in pairs.chunk_by(|a, b| a.0 == b.0) {
            for &(_, event) in group {
                let place = places.ids.len() as u32;
                match event.checked_sub(stays.len()) {
                    None => places.of_stay[event] = place,
                    Some(event) => places.of_unusable[event] = place,
                }
            }
            places.ids.push(group[0].0);
        }
        places
    }

    /// Index of a stay's service point; `u32::MAX` for a stay without components.
    pub(super) fn of(&self, stay: usize) -> u32 {
        self.of_stay[stay]
    }

    /// Index of the service point that an event without a stay names; `None` where it names none, or has no
    /// components.
    pub(super) fn of_unusable(&self, event: usize) -> Option<u32> {
        Some(self.of_unusable[event]).filter(|&place| place != u32::MAX)
    }
}

pub(super) fn service_points<'a>(
    places: &Places<'a>,
    rows: Option<&[ServicePointRow<'a>]>,
    notes: &mut Notes<'a>,
) -> Vec<ServicePoint> {
    let mut rows_left = rows.unwrap_or_default().iter().peekable();
    let mut points = Vec::with_capacity(places.ids.len());
    for &id in &places.ids {
        while let Some(row) = rows_left.next_if(|row| row.id < id) {
            notes.add("service_point", faults::POINT_WITHOUT_INSTALL_EVENT, row.id);
        }
        let row = rows_left.next_if(|row| row.id == id);
        if row.is_none() && rows.is_some() {
            notes.add("install_event", faults::UNKNOWN_SERVICE_POINT, id);
        }
        let text =
            |column: fn(&ServicePointRow<'a>) -> Option<&'a str>| row.and_then(column).map(str::to_owned);
        points.push(ServicePoint {
            id: id.to_owned(),
            premise_id: text(|row| row.premise_id),
            rate_class: text(|row| row.rate_class),
            transformer_id: text(|row| row.transformer_id),
            area_id: text(|row| row.area_id),
            district: text(|row| row.district),
            region: text(|row| row.region),
            connected_at: row
                .and_then(|row| row.connected_at)
                .map(|at| at.div_euclid(MICRO)),
        });
    }
    for row in rows_left {
        notes.add("service_point", faults::POINT_WITHOUT_INSTALL_EVENT, row.id);
    }
    points
}
