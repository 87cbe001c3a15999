//! Service points: where components hang or hung, joined with what is known of them.

use rayon::slice::ParallelSliceMut as _;

use super::ServicePoint;
use super::faults;
use super::join::StayComponents;
use super::notes::Notes;
use super::stays::Stay;
use super::tables::ServicePointRow;

/// The service points where components hang or hung.
pub(super) struct Places<'a> {
    /// Sorted.
    ids: Vec<&'a str>,
    /// For each stay that has components, the position of its service point in `ids`.
    of_stay: Vec<u32>,
}

impl<'a> Places<'a> {
    pub(super) fn gather(stays: &[Stay<'a>], joined: &StayComponents) -> Self {
        let mut pairs: Vec<(&str, usize)> = (0..stays.len())
            .filter(|&stay| !joined.of(stay).is_empty())
            .map(|stay| (stays[stay].service_point_id, stay))
            .collect();
        pairs.par_sort_unstable();
        let mut places = Self {
            ids: Vec::new(),
            of_stay: vec![u32::MAX; stays.len()],
        };
        for group in pairs.chunk_by(|a, b| a.0 == b.0) {
            for &(_, stay) in group {
                places.of_stay[stay] = places.ids.len() as u32;
            }
            places.ids.push(group[0].0);
        }
        places
    }

    /// Index of a stay's service point; `u32::MAX` for a stay without components.
    pub(super) fn of(&self, stay: usize) -> u32 {
        self.of_stay[stay]
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
        });
    }
    for row in rows_left {
        notes.add("service_point", faults::POINT_WITHOUT_INSTALL_EVENT, row.id);
    }
    points
}
