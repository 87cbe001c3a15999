//! Service points: where components hang or hung, joined with what is known of them.

use std::collections::HashMap;

use rayon::slice::ParallelSliceMut as _;

use super::ServicePoint;
use super::faults;
use super::join::StayComponents;
use super::notes::Notes;
use super::stays::Stay;
use super::tables::ServicePointRow;

/// The service points where components hang or hung, sorted by id.
pub(super) struct Places<'a> {
    ids: Vec<&'a str>,
    index: HashMap<&'a str, u32>,
}

impl<'a> Places<'a> {
    pub(super) fn gather(stays: &[Stay<'a>], joined: &StayComponents) -> Self {
        let used = stays
            .iter()
            .enumerate()
            .filter(|(stay, _)| !joined.of(*stay).is_empty());
        let mut ids: Vec<&str> = used.map(|(_, stay)| stay.service_point_id).collect();
        ids.par_sort_unstable();
        ids.dedup();
        let index = ids
            .iter()
            .enumerate()
            .map(|(index, &id)| (id, index as u32))
            .collect();
        Self { ids, index }
    }

    /// Only asked for stays that have components.
    pub(super) fn of(&self, stay: &Stay<'_>) -> u32 {
        self.index.get(stay.service_point_id).copied().unwrap_or(u32::MAX)
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
