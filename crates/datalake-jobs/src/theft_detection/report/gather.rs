//! The third pass over the day profiles: draws the days of the cases' meters, range by range of components.
//!
//! Drawings are kept compressed, so that what is in memory at a time is what the other passes need too.

use datalake_transforms::evidence_pack::{DayState, EvidencePack, PackDay, evidence_pack};
use datalake_transforms::judge::StayEvidence;
use datalake_transforms::peers::Peers;
use datalake_transforms::quantiles::median;
use datalake_transforms::ranking::Assessment;
use datalake_transforms::registry::{InstallPeriod, Registry};
use datalake_transforms::series::SeriesBlock;
use rayon::prelude::*;

use super::charts::{daily, heat, timeline};
use super::svg::Span;
use super::{packed, text};
use crate::theft_detection::error::JobError;
use crate::theft_detection::transform::Profiles;

/// Stays of a case that are drawn; the others are counted.
pub(super) const STAYS_DRAWN: usize = 5;

/// Meters of one place whose install periods are drawn; what has more is a placeholder for places unknown.
pub(super) const METERS_DRAWN: usize = 20;

/// Days that a chart shows before the onset, and in all where the onset is no reason for more.
const DAYS_BEFORE: i32 = 365;
const DAYS: i32 = 730;

/// Days after the last actual value that are shown.
const DAYS_AFTER: i32 = 90;

/// The drawings of all cases.
#[derive(Debug, Default)]
pub(in crate::theft_detection) struct Drawings {
    /// By case and place within it; compressed.
    all: Vec<Drawing>,
}

/// Where a drawing belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    component: u32,
    /// Rank of the case.
    rank: usize,
    /// Among the stays that are drawn, 0 = the one with the strongest evidence.
    order: usize,
    /// Among all stays of the case.
    stay: usize,
}

#[derive(Debug)]
struct Drawing {
    place: Place,
    html: Vec<u8>,
}

impl Drawings {
    /// Those of a case in their order, each with the position of its stay.
    pub(super) fn of(&self, rank: usize) -> Result<Vec<(usize, String)>, JobError> {
        let from = self.all.partition_point(|drawing| drawing.place.rank < rank);
        let to = self.all.partition_point(|drawing| drawing.place.rank <= rank);
        self.all[from..to]
            .iter()
            .map(|drawing| {
                let html = packed::inflate(&drawing.html).map_err(JobError::Packing)?;
                Ok((drawing.place.stay, html))
            })
            .collect()
    }
}

/// Stays in the order in which a case shows them: the strongest first.
pub(super) fn shown(stays: &[StayEvidence], strongest: usize) -> impl Iterator<Item = usize> {
    let others = (0..stays.len()).filter(move |&stay| stay != strongest);
    std::iter::once(strongest).chain(others).take(STAYS_DRAWN)
}

/// Draws the stays of the first `cases` ranks.
pub(in crate::theft_detection) fn gather(
    profiles: Profiles<'_>,
    assessment: &Assessment,
    peers: &Peers,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Drawings, JobError> {
    let mut places = Vec::new();
    for rank in 1..=assessment.cases.num_rows() {
        let Some((stays, strongest)) = assessment.stays_of_rank(rank) else {
            continue;
        };
        places.extend(shown(stays, strongest).enumerate().map(|(order, stay)| Place {
            component: stays[stay].component,
            rank,
            order,
            stay,
        }));
    }
    places.sort_unstable();
    let drawn: Vec<Vec<Drawing>> = profiles
        .ranges()
        .par_iter()
        .map(|range| {
            let from = places.partition_point(|place| place.component < range.start);
            let to = places.partition_point(|place| place.component < range.end);
            let wanted = &places[from..to];
            let block = if wanted.is_empty() {
                None
            } else {
                let mut drawn: Vec<u32> = wanted.iter().map(|place| place.component).collect();
                drawn.dedup();
                profiles.with_days_of(range, &drawn)?
            };
            let drawn = block.map_or_else(
                || Ok(Vec::new()),
                |block| {
                    let draw = |place: &Place| draw(*place, &block, assessment, profiles.registry, peers);
                    wanted.par_iter().map(draw).collect()
                },
            );
            progress(1);
            drawn
        })
        .collect::<Result<_, JobError>>()?;
    let mut all: Vec<Drawing> = drawn.into_iter().flatten().collect();
    all.sort_unstable_by_key(|drawing| (drawing.place.rank, drawing.place.order));
    Ok(Drawings { all })
}

fn draw(
    place: Place,
    block: &SeriesBlock,
    assessment: &Assessment,
    registry: &Registry,
    peers: &Peers,
) -> Result<Drawing, JobError> {
    let (stays, strongest) = assessment.stays_of_rank(place.rank).unwrap_or_default();
    let html = stays.get(place.stay).and_then(|stay| {
        let position = block.components.binary_search(&place.component).ok()?;
        let pack = evidence_pack(&block.series(position), stay, registry, peers)?;
        let onset = pack.onset_day.or_else(|| first_onset(stays));
        let shown: Vec<&StayEvidence> = shown(stays, strongest).map(|at| &stays[at]).collect();
        let common = span(&shown, onset);
        let overlaps = common.share(stay.last_actual_day) > 0.0 && common.share(stay.first_day) < 1.0;
        let span = if overlaps { common } else { span(&[stay], onset) };
        Some(figures(&pack, &span, stay, registry, place.order == 0))
    });
    let html = packed::deflate(&html.unwrap_or_default()).map_err(JobError::Packing)?;
    Ok(Drawing { place, html })
}

/// The figures of a stay; `full` for the one that the case rests on most.
fn figures(pack: &EvidencePack, span: &Span, stay: &StayEvidence, registry: &Registry, full: bool) -> String {
    let label = levels(pack);
    let any = |has: &dyn Fn(&PackDay) -> bool| pack.days.iter().any(has);
    let legend: String = [
        ("m", "counted", any(&|day| day.state == DayState::Whole)),
        (
            "e",
            "expected by the home’s own days before",
            any(&|day| day.expected_kwh.is_some()),
        ),
        ("l", "short of it", any(&|day| day.expected_kwh.is_some())),
        (
            "b",
            "four fifths of the peers, at this home’s usual level",
            any(&|day| day.peers_kwh.is_some()),
        ),
        (
            "u",
            "counted while off or not installed",
            any(&|day| day.state != DayState::Whole && day.kwh.is_some()),
        ),
    ]
    .iter()
    .filter(|(_, _, drawn)| *drawn)
    .map(|(class, name, _)| format!("<span><i class={class}></i> {name}</span>"))
    .collect();
    let mut html = format!(
        "<figure><figcaption><b>Energy a day</b> {label}</figcaption>{}<p class=key>{legend}</p>{}</figure>",
        daily::chart(pack, span, pack.onset_day, &format!("Energy a day. {label}")),
        daily::table(pack),
    );
    if full {
        html += &heat::figure(pack, span, pack.onset_day);
    }
    let (own, others) = periods(stay, registry);
    html += &timeline::figure(pack, span, pack.onset_day, &own, &others);
    html
}

/// First onset of any hit at the place.
fn first_onset(stays: &[StayEvidence]) -> Option<i32> {
    let rules = stays.iter().flat_map(|stay| &stay.rules);
    rules.filter(|rule| rule.is_hit()).map(|hit| hit.onset_day).min()
}

/// The days that the charts of all stays of a case show, so that they stand below each other: a year before the onset and all
/// that follows, two years at least where there are so many.
fn span(stays: &[&StayEvidence], onset: Option<i32>) -> Span {
    let end = |stay: &&StayEvidence| stay.last_day.min(stay.last_actual_day.saturating_add(DAYS_AFTER));
    let last = stays.iter().map(end).max().unwrap_or(0);
    let first = stays.iter().map(|stay| stay.first_day).min().unwrap_or(last);
    let two_years = last.saturating_sub(DAYS - 1);
    let from = onset.map_or(two_years, |onset| {
        onset.saturating_sub(DAYS_BEFORE).min(two_years)
    });
    Span::new(first.max(from), last)
}

/// Usual days before and after the onset, as a sentence.
fn levels(pack: &EvidencePack) -> String {
    let usual = |keep: &dyn Fn(i32) -> bool| {
        let days = pack.days.iter().filter(|day| keep(day.day));
        median(&mut days.filter_map(|day| day.kwh).collect::<Vec<_>>())
    };
    let Some(onset) = pack.onset_day else {
        return usual(&|_| true).map_or_else(
            || "No whole day was counted.".to_owned(),
            |kwh| format!("The median day has {} kWh.", text::kwh(kwh)),
        );
    };
    match (usual(&|day| day < onset), usual(&|day| day >= onset)) {
        (Some(before), Some(after)) => format!(
            "The median day has {} kWh before the onset and {} kWh from then on.",
            text::kwh(before),
            text::kwh(after)
        ),
        (None, Some(after)) => format!("The median day has {} kWh from the onset on.", text::kwh(after)),
        (Some(before), None) => format!(
            "The median day has {} kWh before the onset; no whole day follows.",
            text::kwh(before)
        ),
        (None, None) => "No whole day was counted.".to_owned(),
    }
}

/// Install periods of the meter at the stay's place, and of the other meters there.
fn periods<'r>(
    stay: &StayEvidence,
    registry: &'r Registry,
) -> (Vec<&'r InstallPeriod>, Vec<&'r InstallPeriod>) {
    let Some(place) = stay.service_point else {
        return (Vec::new(), Vec::new());
    };
    let of = |component: u32| {
        let periods = registry
            .components
            .get(component as usize)
            .map(|found| &found.periods);
        periods
            .into_iter()
            .flatten()
            .filter(|period| period.service_point == place)
    };
    let device = |component: u32| registry.components.get(component as usize)?.device_id.as_deref();
    let own = of(stay.component).collect();
    let others = registry
        .components_at(place)
        .iter()
        .copied()
        // Other channels of the same meter hang there whenever it does.
        .filter(|&other| {
            other != stay.component && (device(other).is_none() || device(other) != device(stay.component))
        });
    (own, others.take(METERS_DRAWN).flat_map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stay(first_day: i32, last_day: i32, last_actual_day: i32) -> StayEvidence {
        StayEvidence {
            component: 0,
            service_point: None,
            first_day,
            last_day,
            last_actual_day,
            days_observed: 1,
            actual_share: 1.0,
            rules: Vec::new(),
            suppressions: Vec::new(),
            edges: None,
            weeks: Vec::new(),
            loss: None,
            taken_back: None,
            usage_micro: 0,
        }
    }

    #[test]
    fn charts_show_a_year_before_the_onset_and_no_stray_end() {
        let of = |first, last, actual, onset| span(&[&stay(first, last, actual)], onset);
        assert_eq!(of(0, 400, 400, Some(300)), Span::new(0, 400));
        // Three years: the last two, or from a year before an earlier onset.
        assert_eq!(of(0, 1094, 1094, Some(1000)), Span::new(365, 1094));
        assert_eq!(of(0, 1094, 1094, Some(500)), Span::new(135, 1094));
        // A row dated years ahead without an actual value.
        assert_eq!(of(0, 5000, 400, None), Span::new(0, 490));
        // Meters that followed each other.
        assert_eq!(
            span(&[&stay(200, 300, 300), &stay(0, 199, 199)], Some(200)),
            Span::new(0, 300)
        );
    }

    #[test]
    fn the_strongest_stay_is_shown_first_and_a_few_of_the_others() {
        let stays = vec![stay(0, 1, 1); 9];
        assert_eq!(shown(&stays, 3).collect::<Vec<_>>(), [3, 0, 1, 2, 4]);
        assert_eq!(shown(&stays[..1], 0).collect::<Vec<_>>(), [0]);
    }
}
