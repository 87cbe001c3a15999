//! Hours of the day against days or weeks: where in the day use fell away.

use std::ops::Range;

use datalake_transforms::day_profile::{HOURS, UNKNOWN_HOUR};
use datalake_transforms::evidence_pack::EvidencePack;

use super::super::svg::{Path, Span, px};
use super::super::text;
use super::{LEFT, PLOT, image, months, onset};

/// Steps of the colour scale above zero.
const STEPS: i64 = 7;

/// Pixels of an hour.
const ROW: f64 = 6.0;

const TOP: f64 = 4.0;

/// Days from which on a column is a week.
const MANY_DAYS: u32 = 140;

/// The chart with its legend and its table; nothing where no hour is known.
pub(in super::super) fn figure(pack: &EvidencePack, span: &Span, onset_day: Option<i32>) -> String {
    if pack.hourly_wh.is_empty() {
        return String::new();
    }
    let days = if span.days() > MANY_DAYS { 7 } else { 1 };
    let lead = lead(span, days, onset_day);
    let cells = means(pack, span, days, lead);
    let mut known: Vec<i64> = cells.iter().flatten().flatten().copied().collect();
    known.sort_unstable();
    let Some(&largest) = known.get((known.len() * 19 / 20).min(known.len().saturating_sub(1))) else {
        return String::new();
    };
    let largest = largest.max(1);
    let mut levels: Vec<Path> = (0..=STEPS).map(|_| Path::default()).collect();
    for hour in 0..HOURS {
        let row: Vec<Option<i64>> = cells
            .iter()
            .map(|cells| cells[hour].map(|wh| level(wh, largest)))
            .collect();
        let mut from = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if let Some(path) = run[0].and_then(|level| levels.get_mut(level as usize)) {
                path.run(from, hour as i64, run.len() as i64);
            }
            from += run.len() as i64;
        }
    }
    let body: String = levels
        .iter()
        .enumerate()
        .map(|(level, path)| path.element(&format!("h{level}")))
        .collect();
    let height = ROW * HOURS as f64;
    let bottom = TOP + height;
    let mut svg = format!(
        "<rect class=hn x={} y={} width={} height={} /><svg class=\"plot heat\" x={} y={} width={} height={} \
         viewBox=\"{} -.5 {} {HOURS}\" preserveAspectRatio=none>{body}</svg>",
        px(LEFT),
        px(TOP),
        px(PLOT),
        px(height),
        px(LEFT),
        px(TOP),
        px(PLOT),
        px(height),
        thousandths(f64::from(lead) / f64::from(days)),
        thousandths(f64::from(span.days()) / f64::from(days)),
    );
    for hour in [0_u32, 6, 12, 18] {
        svg += &format!(
            "<text text-anchor=end x={} y={}>{hour:02}:00</text>",
            px(LEFT - 6.0),
            px(TOP + ROW * f64::from(hour) + 9.0)
        );
    }
    svg += &months(span, bottom, bottom + 4.0, true);
    svg += &onset(span, onset_day, TOP, bottom, false);
    let column = if days == 7 { "a week" } else { "a day" };
    let label = format!(
        "Energy by hour of the day, 24 rows from midnight down; a column is {column}. {}",
        onset_day.map_or_else(String::new, |day| sentence(pack, day))
    );
    format!(
        "<figure><figcaption><b>Energy by hour of the day</b> A row is an hour, a column is {column}.</figcaption>{}{}{}</figure>",
        image(bottom + 23.0, &label, &svg),
        legend(largest),
        onset_day.map_or_else(String::new, |day| table(pack, day)),
    )
}

/// Days that the first column lies outside of the chart, so that no column holds days before the onset and after it.
fn lead(span: &Span, days: u32, onset: Option<i32>) -> u32 {
    let before = i64::from(onset.unwrap_or(span.first)) - i64::from(span.first);
    (-before).rem_euclid(i64::from(days)) as u32
}

/// Places on a chart whose unit is a week.
fn thousandths(x: f64) -> String {
    format!("{x:.3}")
}

/// Mean watt-hours by column and hour, of the days on which the hour is known; the first column begins `lead` days before
/// the chart.
fn means(pack: &EvidencePack, span: &Span, days: u32, lead: u32) -> Vec<[Option<i64>; HOURS]> {
    let columns = (span.days() + lead).div_ceil(days) as usize;
    let mut sums = vec![[(0_i64, 0_i64); HOURS]; columns];
    for (day, hours) in pack.days.iter().zip(&pack.hourly_wh) {
        let Ok(after) = u32::try_from(i64::from(day.day) - i64::from(span.first)) else {
            continue;
        };
        let Some(column) = sums.get_mut(((after + lead) / days) as usize) else {
            continue;
        };
        for (sum, &wh) in column
            .iter_mut()
            .zip(hours)
            .filter(|(_, wh)| **wh != UNKNOWN_HOUR)
        {
            sum.0 += i64::from(wh);
            sum.1 += 1;
        }
    }
    let mean = |(sum, n): (i64, i64)| (n > 0).then(|| sum.div_euclid(n));
    sums.into_iter().map(|column| column.map(mean)).collect()
}

/// Step of the scale: 0 for nothing, 1 to [`STEPS`] for what lies above.
fn level(wh: i64, largest: i64) -> i64 {
    if wh <= 0 {
        0
    } else {
        ((wh * STEPS + largest - 1) / largest).clamp(1, STEPS)
    }
}

fn legend(largest: i64) -> String {
    let mut out =
        String::from("<p class=key><span>Wh in the hour</span><span><i class=h0></i> none</span><span>");
    for step in 1..=STEPS {
        out += &format!("<i class=h{step}></i>");
    }
    out += &format!(
        " up to {} and more</span><span><i class=hn></i> not known</span></p>",
        text::number(largest as f64, 0)
    );
    out
}

/// Mean kWh in the hours of a block of the day, over the days before or from the onset on.
fn block(pack: &EvidencePack, hours: &Range<usize>, keep: impl Fn(i32) -> bool) -> Option<f64> {
    let (mut sum, mut n) = (0_i64, 0_i64);
    for (_, day) in pack
        .days
        .iter()
        .zip(&pack.hourly_wh)
        .filter(|(day, _)| keep(day.day))
    {
        let block = &day[hours.clone()];
        if block.iter().all(|&wh| wh != UNKNOWN_HOUR) {
            sum += block.iter().map(|&wh| i64::from(wh)).sum::<i64>();
            n += 1;
        }
    }
    (n > 0).then(|| sum as f64 / n as f64 / 1000.0)
}

const BLOCKS: [(&str, Range<usize>); 4] = [
    ("00:00 to 06:00", 0..6),
    ("06:00 to 12:00", 6..12),
    ("12:00 to 18:00", 12..18),
    ("18:00 to 24:00", 18..24),
];

fn sentence(pack: &EvidencePack, onset: i32) -> String {
    let parts: Vec<String> = BLOCKS
        .iter()
        .filter_map(|(name, hours)| {
            let before = block(pack, hours, |day| day < onset)?;
            let after = block(pack, hours, |day| day >= onset)?;
            Some(format!(
                "{name}: {} kWh before the onset, {} after",
                text::kwh(before),
                text::kwh(after)
            ))
        })
        .collect();
    parts.join("; ")
}

fn table(pack: &EvidencePack, onset: i32) -> String {
    let rows: String = BLOCKS
        .iter()
        .map(|(name, hours)| {
            let before = block(pack, hours, |day| day < onset);
            let after = block(pack, hours, |day| day >= onset);
            let kwh = |value: Option<f64>| value.map_or_else(|| text::NONE.to_owned(), text::kwh);
            let kept = before.zip(after).filter(|(before, _)| *before > 0.0);
            format!(
                "<tr><th scope=row>{name}<td>{}<td>{}<td>{}",
                kwh(before),
                kwh(after),
                kept.map_or_else(
                    || text::NONE.to_owned(),
                    |(before, after)| text::percent(after / before)
                )
            )
        })
        .collect();
    format!(
        "<details><summary>The numbers by part of the day</summary><table class=num><caption>Mean kWh</caption><thead><tr>\
         <th scope=col>Part of the day<th scope=col>Before the onset<th scope=col>From the onset on<th scope=col>Kept\
         <tbody>{rows}</table></details>"
    )
}

#[cfg(test)]
mod tests {
    use datalake_transforms::evidence_pack::{DayState, PackDay};

    use super::*;

    /// `hours(day, hour)` in Wh.
    fn pack(days: i32, hours: impl Fn(i32, usize) -> i32) -> EvidencePack {
        EvidencePack {
            onset_day: Some(2),
            days: (0..days)
                .map(|day| PackDay {
                    day,
                    state: DayState::Whole,
                    kwh: Some(1.0),
                    expected_kwh: None,
                    peers_kwh: None,
                })
                .collect(),
            usual_kwh: None,
            hourly_wh: (0..days)
                .map(|day| std::array::from_fn(|hour| hours(day, hour)))
                .collect(),
        }
    }

    #[test]
    fn levels_by_hand() {
        let levels: Vec<i64> = [-5, 0, 1, 100, 101, 700, 9_000]
            .iter()
            .map(|&wh| level(wh, 700))
            .collect();
        assert_eq!(levels, [0, 0, 1, 1, 2, 7, 7]);
    }

    #[test]
    fn runs_of_one_colour_are_one_stroke() {
        // 700 Wh in the first hour of the first two days, nothing afterwards; the other hours are not known.
        let pack = pack(3, |day, hour| match (hour, day) {
            (0, 0 | 1) => 700,
            (0, _) => 0,
            _ => UNKNOWN_HOUR,
        });
        let svg = figure(&pack, &Span::new(0, 2), Some(2));
        assert!(
            svg.contains("<path class=h0 d=\"m2 0h1\"/><path class=h7 d=\"m0 0h2\"/></svg>"),
            "{svg}"
        );
        assert!(svg.contains("up to 700 and more"), "{svg}");
    }

    #[test]
    fn a_column_of_a_long_chart_is_a_week() {
        let pack = pack(210, |day, _| if day < 7 { 100 + day } else { 40 });
        let means = means(&pack, &Span::new(0, 209), 7, 0);
        assert_eq!((means.len(), means[0][5], means[1][5]), (30, Some(103), Some(40)));
    }

    #[test]
    fn parts_of_the_day_are_compared_before_and_after() {
        let pack = pack(4, |day, hour| if hour < 6 && day >= 2 { 50 } else { 100 });
        let table = table(&pack, 2);
        assert!(
            table.contains("00:00 to 06:00<td>0.60<td>0.30<td>50\u{202f}%"),
            "{table}"
        );
        assert!(
            table.contains("18:00 to 24:00<td>0.60<td>0.60<td>100\u{202f}%"),
            "{table}"
        );
    }
}
