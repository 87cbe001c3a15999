//! Energy by day: what was counted, what was to be expected, and what the peers did.

use datalake_transforms::evidence_pack::{DayState, EvidencePack, PackDay};

use super::super::svg::{Axis, Path, Span, px};
use super::super::text;
use super::{LEFT, WIDTH, image, months, onset, plot};

/// Height of the plot, which is also its units, and what stands above and below it.
const HEIGHT: u32 = 210;
const TOP: f64 = 8.0;
const BELOW: f64 = 22.0;

/// Slots from which on lines are means of seven days: single days are noise there.
const MANY_SLOTS: u32 = 120;

/// Days of a mean that must be known.
const KNOWN_DAYS: usize = 3;

/// What a chart has in each slot.
pub(in super::super) struct Slots {
    counted: Vec<Option<f64>>,
    /// Counted without a contract: off, or not installed.
    outside: Vec<Option<f64>>,
    expected: Vec<Option<f64>>,
    low: Vec<Option<f64>>,
    high: Vec<Option<f64>>,
}

impl Slots {
    /// Means over the days of each slot.
    pub(in super::super) fn new(pack: &EvidencePack, span: &Span) -> Self {
        let mean = |get: &dyn Fn(&PackDay) -> Option<f64>| {
            let mut sums = vec![(0.0, 0_u32); span.slots as usize];
            for day in &pack.days {
                if let (Some(slot), Some(value)) = (span.slot(day.day), get(day)) {
                    sums[slot].0 += value;
                    sums[slot].1 += 1;
                }
            }
            let mean = |(sum, n): (f64, u32)| (n > 0).then(|| sum / f64::from(n));
            sums.into_iter().map(mean).collect::<Vec<_>>()
        };
        let of =
            |whole: bool| move |day: &PackDay| day.kwh.filter(|_| (day.state == DayState::Whole) == whole);
        Self {
            counted: mean(&of(true)),
            outside: mean(&of(false)),
            expected: mean(&|day| day.expected_kwh),
            low: mean(&|day| Some(day.peers_kwh?.0)),
            high: mean(&|day| Some(day.peers_kwh?.1)),
        }
    }
}

/// Mean of a slot and the three on either side, where [`KNOWN_DAYS`] of them are known and the slot itself is; none
/// reaches over the onset.
fn mean_of_seven(values: &[Option<f64>], onset: usize) -> Vec<Option<f64>> {
    let (before, after) = values.split_at(onset.min(values.len()));
    [mean_of_run(before), mean_of_run(after)].concat()
}

fn mean_of_run(values: &[Option<f64>]) -> Vec<Option<f64>> {
    (0..values.len())
        .map(|at| {
            values[at]?;
            let around = &values[at.saturating_sub(3)..(at + 4).min(values.len())];
            let known: Vec<f64> = around.iter().flatten().copied().collect();
            (known.len() >= KNOWN_DAYS).then(|| known.iter().sum::<f64>() / known.len() as f64)
        })
        .collect()
}

/// The chart; `onset_day` as the case has it.
pub(in super::super) fn chart(
    pack: &EvidencePack,
    span: &Span,
    onset_day: Option<i32>,
    label: &str,
) -> String {
    let slots = Slots::new(pack, span);
    let smooth = span.bin == 1 && span.slots > MANY_SLOTS;
    let from = onset_day.and_then(|day| span.slot(day)).unwrap_or(0);
    let line = |values: &[Option<f64>]| {
        if smooth {
            mean_of_seven(values, from)
        } else {
            values.to_vec()
        }
    };
    let (expected, low, high) = (line(&slots.expected), line(&slots.low), line(&slots.high));
    let level = line(&slots.counted);

    let most = |values: &[Option<f64>]| values.iter().flatten().copied().fold(0.0, f64::max);
    let least = |values: &[Option<f64>]| values.iter().flatten().copied().fold(0.0, f64::min);
    let own = most(&slots.counted)
        .max(most(&slots.outside))
        .max(most(&expected));
    // The peers shall not press the home's own line to the ground.
    let top = if own > 0.0 {
        own.max(most(&high).min(1.3 * own))
    } else {
        most(&high)
    };
    let axis = Axis::new(least(&slots.counted).min(least(&slots.outside)), top);
    let y = |value: f64| axis.place(value, f64::from(HEIGHT)).clamp(-1e6, 1e6).round() as i64;

    let mut body = band(&low, &high, &y).element("b");
    if onset_day.is_some() {
        body += &lost(&level, &expected, from, &y).element("l");
    }
    let thin = if smooth { "a" } else { "m" };
    body += &curve(&slots.counted, &y).element(thin);
    if smooth {
        body += &curve(&level, &y).element("m");
    }
    body += &curve(&expected, &y).element("e");
    let mut outside = Path::default();
    for (slot, value) in slots.outside.iter().enumerate() {
        if let Some(value) = *value {
            outside.rise(slot as i64, y(0.0), y(value) - y(0.0));
        }
    }
    body += &outside.element("u");

    let bottom = TOP + f64::from(HEIGHT);
    let mut out = String::new();
    for (value, name) in axis.ticks() {
        let at = TOP + axis.place(value, f64::from(HEIGHT));
        let class = if value == 0.0 { "z" } else { "g" };
        out += &format!(
            "<path class={class} d=\"M{} {}H{}\"/>",
            px(LEFT),
            px(at),
            px(WIDTH - 8.0)
        );
        out += &format!(
            "<text text-anchor=end x={} y={}>{name}</text>",
            px(LEFT - 6.0),
            px(at + 4.0)
        );
    }
    out += &format!("<text x=0 y={}>kWh</text>", px(TOP + 4.0));
    out += &months(span, TOP, bottom, true);
    out += &plot(span, TOP, f64::from(HEIGHT), HEIGHT, true, &body);
    out += &onset(span, onset_day, TOP, bottom, true);
    image(bottom + BELOW, label, &out)
}

fn curve(values: &[Option<f64>], y: &impl Fn(f64) -> i64) -> Path {
    let mut path = Path::default();
    for (slot, value) in values.iter().enumerate() {
        match value {
            Some(value) => path.to(slot as i64, y(*value)),
            None => path.lift(),
        }
    }
    path
}

fn band(low: &[Option<f64>], high: &[Option<f64>], y: &impl Fn(f64) -> i64) -> Path {
    let edges: Vec<Option<(i64, i64, i64)>> = (0_i64..)
        .zip(low.iter().zip(high))
        .map(|(slot, (low, high))| Some((slot, y((*high)?), y((*low)?))))
        .collect();
    areas(&edges)
}

/// Between what was expected and what was counted, from the onset on.
fn lost(level: &[Option<f64>], expected: &[Option<f64>], from: usize, y: &impl Fn(f64) -> i64) -> Path {
    let edges: Vec<Option<(i64, i64, i64)>> = (0..level.len())
        .map(|slot| {
            let (expected, level) = (expected[slot]?, level[slot]?);
            (slot >= from && level < expected).then(|| (slot as i64, y(expected), y(level)))
        })
        .collect();
    areas(&edges)
}

fn areas(edges: &[Option<(i64, i64, i64)>]) -> Path {
    let mut path = Path::default();
    for run in edges.split(Option::is_none) {
        let run: Vec<_> = run.iter().flatten().copied().collect();
        path.area(&run);
    }
    path
}

/// The numbers of the chart by month, as a table that is shown on demand.
pub(in super::super) fn table(pack: &EvidencePack) -> String {
    let mut rows = String::new();
    let month = |day: i32| text::date(day).map(|date| (date.year(), date.month()));
    for days in pack.days.chunk_by(|a, b| month(a.day) == month(b.day)) {
        let mean = |get: &dyn Fn(&PackDay) -> Option<f64>| {
            let values: Vec<f64> = days.iter().filter_map(get).collect();
            let sum: f64 = values.iter().sum();
            (sum / values.len() as f64, values.len())
        };
        let whole = |day: &PackDay| day.kwh.filter(|_| day.state == DayState::Whole);
        let (counted, n) = mean(&whole);
        let name = month(days[0].day).map_or_else(String::new, |(year, month)| format!("{year}-{month:02}"));
        rows += &format!(
            "<tr><th scope=row>{name}<td>{n}<td>{}<td>{}<td>{}<td>{}",
            text::kwh(counted),
            text::kwh(mean(&|day| day.expected_kwh).0),
            text::kwh(mean(&|day| Some(day.peers_kwh?.0)).0),
            text::kwh(mean(&|day| Some(day.peers_kwh?.1)).0),
        );
    }
    format!(
        "<details><summary>The numbers by month</summary><div class=scroll><table class=num><caption>Means of kWh a day\
         </caption><thead><tr><th scope=col>Month<th scope=col>Whole days<th scope=col>Counted<th scope=col>Expected\
         <th scope=col>Peers p10<th scope=col>Peers p90<tbody>{rows}</table></div></details>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(kwh: &[Option<f64>]) -> EvidencePack {
        let days = (0..).zip(kwh).map(|(day, &kwh)| PackDay {
            day,
            state: if kwh.is_some() {
                DayState::Whole
            } else {
                DayState::Missing
            },
            kwh,
            expected_kwh: kwh.map(|_| 10.0),
            peers_kwh: Some((5.0, 10.0)),
        });
        EvidencePack {
            onset_day: Some(2),
            days: days.collect(),
            usual_kwh: Some(8.0),
            hourly_wh: Vec::new(),
        }
    }

    #[test]
    fn lines_areas_and_gaps_by_hand() {
        let pack = pack(&[Some(10.0), Some(10.0), Some(4.0), None, Some(0.0)]);
        let svg = chart(&pack, &Span::new(0, 4), Some(2), "a \"label\"");
        // 0 to 10 in steps of 2 over 210 units: 21 a kWh.
        assert!(svg.contains("<path class=m d=\"m0 0 1 0 1 126m2 84\"/>"), "{svg}");
        assert!(svg.contains("<path class=e d=\"m0 0 1 0 1 0m2 0\"/>"), "{svg}");
        assert!(
            svg.contains("<path class=b d=\"m0 0 1 0 1 0 1 0 1 0 0 105-1 0-1 0-1 0-1 0z\"/>"),
            "{svg}"
        );
        // Lost on day 2, between 10 and 4 kWh, and on day 4, which stands alone.
        assert!(
            svg.contains("<path class=l d=\"m2 0 0 126zm2 0 0 210z\"/>"),
            "{svg}"
        );
        assert!(svg.contains("aria-label=\"a &quot;label&quot;\""), "{svg}");
        assert!(svg.contains(">onset 3 Jan 1970<"), "{svg}");
    }

    #[test]
    fn a_mean_of_seven_needs_three() {
        let values: Vec<Option<f64>> = [
            Some(1.0),
            Some(2.0),
            None,
            None,
            None,
            Some(6.0),
            Some(7.0),
            Some(8.0),
        ]
        .to_vec();
        let means = mean_of_seven(&values, 0);
        assert_eq!(means[..3], [None, None, None]);
        assert_eq!(means[6], Some(7.0));
        let step = [vec![Some(4.0); 6], vec![Some(1.0); 6]].concat();
        assert_eq!(
            mean_of_seven(&step, 6),
            step,
            "no mean of both sides of the onset"
        );
    }

    #[test]
    fn usage_without_a_contract_stands_as_bars() {
        let mut pack = pack(&[Some(4.0), Some(4.0), Some(4.0)]);
        pack.days[1].state = DayState::Off;
        let svg = chart(&pack, &Span::new(0, 2), None, "");
        assert!(svg.contains("<path class=u d=\"m1 210v-84\"/>"), "{svg}");
    }

    #[test]
    fn the_table_has_means_of_whole_days() {
        let mut kwh = vec![Some(4.0); 40];
        kwh[0] = None;
        kwh[39] = Some(13.0);
        let table = table(&pack(&kwh));
        assert!(
            table.contains("<tr><th scope=row>1970-01<td>30<td>4.00<td>10.0<td>5.00<td>10.0"),
            "{table}"
        );
        assert!(
            table.contains("<tr><th scope=row>1970-02<td>9<td>5.00<td>10.0<td>5.00<td>10.0"),
            "{table}"
        );
    }
}
