//! Groups of service points in which theft may run together: an area and a season, a make of meter, a range of meter numbers.
//!
//! Who fits tampered meters works a district in a season, and out of a box of meters. What inspections of others in a
//! group found becomes a feature, see [`crate::learning::encoding`].

use std::sync::Arc;

use crate::clock::date;
use crate::error::TransformError;
use crate::judge::StayEvidence;
use crate::learning::encoding::{Grouping, Groups};
use crate::learning::model::Feature;
use crate::model::DAY_SECONDS;
use crate::ranking::Assessment;
use crate::registry::{Component, Registry, ServicePoint};

use super::{Named, row_id};

/// Groups that rest on no date.
const NAMES: [Named; 3] = [
    (
        "area_theft_share",
        "share of thefts among inspected service points of the same area and district",
    ),
    (
        "area_device_theft_share",
        "share of thefts among those of the same area with the same type of device, by the newest meter",
    ),
    (
        "meter_number_theft_share",
        "share of thefts among those whose newest meter is of the same type and thousand of numbers",
    ),
];

/// Groups by the month in which the newest meter was installed.
const DATED: [Named; 1] = [(
    "area_month_theft_share",
    "share of thefts among those of the same area whose newest meter was installed in the same month",
)];

/// Meter numbers of one range.
const NUMBERS: u64 = 1_000;

/// Digits at the end of an id that are its number, at most.
const DIGITS: usize = 18;

/// The features that groups become, in the order of [`subject_groups`].
#[must_use]
pub fn group_features(counts_and_dates: bool) -> Vec<Feature> {
    let dated = DATED.iter().filter(|_| counts_and_dates);
    let named = NAMES.iter().chain(dated);
    named
        .map(|(name, meaning)| Feature {
            name: (*name).to_owned(),
            meaning: (*meaning).to_owned(),
        })
        .collect()
}

/// The groups of every subject of the assessment: those by dates included, which [`Groups::with_groupings`] leaves out.
pub fn subject_groups(assessment: &Assessment, registry: &Registry) -> Result<Groups, TransformError> {
    let mut ids = Vec::new();
    let mut groupings: Vec<Grouping> = NAMES
        .iter()
        .chain(&DATED)
        .map(|(name, _)| Grouping {
            name: (*name).to_owned(),
            groups: Vec::new(),
        })
        .collect();
    for (stays, strongest) in assessment.subjects() {
        ids.push(row_id(strongest, registry));
        let groups = Keys::of(stays, registry).groups();
        for (grouping, group) in groupings.iter_mut().zip(groups) {
            grouping.groups.push(group);
        }
    }
    Groups::new(&ids, groupings)
}

/// What a service point is grouped by.
#[derive(Debug, Default)]
struct Keys {
    area: Option<String>,
    district: Option<String>,
    device_type: Option<String>,
    /// Thousand of the newest meter's number.
    numbers: Option<String>,
    /// Month in which it was installed, as `2019-03`.
    month: Option<String>,
}

impl Keys {
    fn of(stays: &[StayEvidence], registry: &Registry) -> Self {
        let mut keys = Self::default();
        let place = stays.first().and_then(|stay| stay.service_point);
        if let Some(point) = place.and_then(|place| registry.service_points.get(place as usize)) {
            keys.area = area(point).cloned();
            keys.district.clone_from(&point.district);
        }
        let of_stay = |stay: &StayEvidence| {
            let component = registry.components.get(stay.component as usize)?;
            Some((installed(component, place), component))
        };
        // Of meters that were installed together, the one with the greatest id.
        let newest = stays
            .iter()
            .filter_map(of_stay)
            .max_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.device_id.cmp(&other.device_id)));
        if let Some((installed, component)) = newest {
            keys.device_type.clone_from(&component.device_type);
            keys.numbers = component.device_id.as_deref().and_then(number_range);
            keys.month = installed
                .and_then(|at| i32::try_from(at.div_euclid(DAY_SECONDS)).ok())
                .map(month);
        }
        keys
    }

    /// In the order of [`NAMES`], then of [`DATED`].
    fn groups(&self) -> [Option<Arc<str>>; NAMES.len() + DATED.len()] {
        let area = self.area.as_deref();
        let device = self.device_type.as_deref();
        [
            joined(&[area, self.district.as_deref()]),
            joined(&[area, device]),
            self.numbers
                .as_deref()
                .and_then(|numbers| joined(&[device, Some(numbers)])),
            self.month
                .as_deref()
                .and_then(|month| joined(&[area, Some(month)])),
        ]
    }
}

/// The area that a service point counts to: the region, or what else says where it lies.
fn area(point: &ServicePoint) -> Option<&String> {
    let named = point.region.as_ref().or(point.area_id.as_ref());
    named
        .or(point.district.as_ref())
        .or(point.transformer_id.as_ref())
}

/// Start of a component's last stay at a place, seconds on the measurement clock.
fn installed(component: &Component, place: Option<u32>) -> Option<i64> {
    let there = |period: &&crate::registry::InstallPeriod| Some(period.service_point) == place;
    component
        .periods
        .iter()
        .filter(there)
        .map(|period| period.start)
        .max()
}

fn month(day: i32) -> String {
    let mut text = date(day);
    text.truncate("2019-03".len());
    text
}

/// The thousand of the number that an id ends with, as `1335000`; `None` where it ends with no digit.
fn number_range(id: &str) -> Option<String> {
    let digits = id.bytes().rev().take_while(u8::is_ascii_digit).count();
    let number: u64 = id[id.len() - digits.min(DIGITS)..].parse().ok()?;
    Some((number / NUMBERS * NUMBERS).to_string())
}

/// The parts in one text, `?` for those that are not known; `None` where none is.
fn joined(parts: &[Option<&str>]) -> Option<Arc<str>> {
    let known = parts.iter().any(Option::is_some);
    let texts: Vec<&str> = parts.iter().map(|part| part.unwrap_or("?")).collect();
    known.then(|| Arc::from(texts.join(" | ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_not_known_leave_a_mark_and_none_at_all_leave_no_group() {
        assert_eq!(joined(&[Some("a"), None]).as_deref(), Some("a | ?"));
        assert_eq!(joined(&[None, None]), None);
        let keys = Keys {
            area: Some("north".to_owned()),
            device_type: Some("E5".to_owned()),
            month: Some("2019-03".to_owned()),
            ..Keys::default()
        };
        let texts = keys.groups().map(|group| group.unwrap_or_default().to_string());
        assert_eq!(texts, ["north | ?", "north | E5", "", "north | 2019-03"]);
    }

    #[test]
    fn a_number_range_is_a_thousand_of_the_digits_at_the_end() {
        assert_eq!(number_range("0-ELEC-1335667").as_deref(), Some("1335000"));
        assert_eq!(number_range("M-999").as_deref(), Some("0"));
        assert_eq!(number_range("meter"), None);
        assert_eq!(number_range(""), None);
        // The last eighteen of too many.
        let long = format!("9{}", "1".repeat(30));
        assert_eq!(number_range(&long).as_deref(), Some("111111111111111000"));
    }

    #[test]
    fn an_area_is_the_region_before_what_is_smaller() {
        let mut point = ServicePoint {
            transformer_id: Some("T1".to_owned()),
            ..ServicePoint::default()
        };
        let known = |point: &ServicePoint| area(point).cloned().unwrap_or_default();
        assert_eq!(known(&point), "T1");
        point.district = Some("7".to_owned());
        assert_eq!(known(&point), "7");
        point.area_id = Some("A".to_owned());
        assert_eq!(known(&point), "A");
        point.region = Some("R".to_owned());
        assert_eq!(known(&point), "R");
        assert_eq!(month(0), "1970-01");
    }
}
