//! The figures as Markdown tables.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::bench::measure::Usage;
use crate::bench::work::Work;
use crate::error::Result;

/// One contender's medians.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    median: Usage,
    /// What it wrote aside, where it tells.
    spilled_bytes: Option<u64>,
    /// What it does, where the name does not say.
    about: Option<&'static str>,
}

impl Row {
    /// Of at least one run.
    pub(crate) fn new(
        name: &str,
        runs: &[Usage],
        spilled_bytes: Option<u64>,
        about: Option<&'static str>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            median: medians(runs),
            spilled_bytes,
            about,
        }
    }
}

/// The median of each figure.
pub(crate) fn medians(runs: &[Usage]) -> Usage {
    let of = |field: fn(&Usage) -> f64| median(runs.iter().map(field).collect());
    Usage {
        wall_seconds: of(|usage| usage.wall_seconds),
        cpu_seconds: of(|usage| usage.cpu_seconds),
        peak_mb: of(|usage| usage.peak_mb),
    }
}

/// The middle value; of an even number the mean of the two in the middle; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => 0.0,
    }
}

fn million_rows_a_second(rows: u64, usage: &Usage) -> f64 {
    rows as f64 / usage.wall_seconds / 1e6
}

fn nanoseconds_a_row(rows: u64, usage: &Usage) -> f64 {
    usage.cpu_seconds * 1e9 / rows.max(1) as f64
}

fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1e6))
}

/// The table; all work on the same number of rows, and ratios are to the first of them. `agreeing` are the peers whose
/// features were compared with ours.
pub(crate) fn table(table: &[Row], rows: u64, conditions: &str, agreeing: &[&str]) -> String {
    let mut text = format!("{conditions}; {:.1} million rows\n\n", rows as f64 / 1e6);
    text.push_str("| what | wall s | CPU s | million rows/s | CPU ns/row | peak MB | spilled MB ");
    text.push_str("| wall ratio | CPU ratio | memory ratio |\n");
    text.push_str("|---|---|---|---|---|---|---|---|---|---|\n");
    for row in table {
        let (name, of) = (&row.name, row.median);
        let base = table.first().map_or(of, |row| row.median);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {:.2} | {:.2} | {:.1} | {:.1} | {:.0} | {} | {:.2} | {:.2} | {:.2} |",
            of.wall_seconds,
            of.cpu_seconds,
            million_rows_a_second(rows, &of),
            nanoseconds_a_row(rows, &of),
            of.peak_mb,
            megabytes(row.spilled_bytes),
            of.wall_seconds / base.wall_seconds,
            of.cpu_seconds / base.cpu_seconds,
            of.peak_mb / base.peak_mb,
        );
    }
    text.push('\n');
    for Row { name, about, .. } in table {
        if let Some(about) = about {
            let _ = writeln!(text, "- {name}: {about}");
        }
    }
    let peers = if agreeing.is_empty() {
        "none".to_owned()
    } else {
        agreeing.join(", ")
    };
    let _ = writeln!(
        text,
        "\nPeers whose features are the job's own, to the tolerance of each: {peers}."
    );
    text
}

/// The job on a lake of some size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) service_points: u32,
    pub(crate) work: Work,
    pub(crate) median: Usage,
}

/// What a row costs as the lake grows; `sizes` ascending, ratios to the first.
pub(crate) fn growth(sizes: &[Size]) -> String {
    let mut text = String::from("What a row costs the job as the lake grows:\n\n");
    text.push_str("| service points | million rows | wall s | CPU s | million rows/s | CPU ns/row ");
    text.push_str("| ratio to the smallest | peak MB | spilled MB |\n");
    text.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for size in sizes {
        let cost = |size: &Size| nanoseconds_a_row(size.work.rows, &size.median);
        let base = sizes.first().map_or(0.0, cost);
        let (rows, of) = (size.work.rows, &size.median);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {:.1} | {:.2} | {:.2} | {:.1} | {:.1} | {:.2} | {:.0} | {} |",
            size.service_points,
            rows as f64 / 1e6,
            of.wall_seconds,
            of.cpu_seconds,
            million_rows_a_second(rows, of),
            cost(size),
            cost(size) / base,
            of.peak_mb,
            megabytes(size.work.spilled_bytes),
        );
    }
    text
}

/// Puts the table on standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(wall_seconds: f64, cpu_seconds: f64, peak_mb: f64) -> Usage {
        Usage {
            wall_seconds,
            cpu_seconds,
            peak_mb,
        }
    }

    #[test]
    fn medians_ratios_and_costs_of_a_row_by_hand() {
        let ours = [
            usage(2.0, 3.0, 50.0),
            usage(9.0, 4.0, 52.0),
            usage(1.0, 5.0, 48.0),
        ];
        let peer = [usage(4.0, 8.0, 400.0), usage(8.0, 16.0, 600.0)];
        let rows = [
            Row::new("ours", &ours, Some(7_400_000), None),
            Row::new("peer", &peer, None, Some("what others would take")),
        ];
        assert_eq!(
            table(&rows, 20_000_000, "a lake; 3 runs", &["peer"]),
            "a lake; 3 runs; 20.0 million rows\n\n\
             | what | wall s | CPU s | million rows/s | CPU ns/row | peak MB | spilled MB | wall ratio | CPU ratio | memory ratio |\n\
             |---|---|---|---|---|---|---|---|---|---|\n\
             | ours | 2.00 | 4.00 | 10.0 | 200.0 | 50 | 7 | 1.00 | 1.00 | 1.00 |\n\
             | peer | 6.00 | 12.00 | 3.3 | 600.0 | 500 | - | 3.00 | 3.00 | 10.00 |\n\n\
             - peer: what others would take\n\n\
             Peers whose features are the job's own, to the tolerance of each: peer.\n"
        );
    }

    #[test]
    fn growth_is_told_by_the_cost_of_a_row() {
        let size = |service_points, rows, cpu_seconds, spilled_bytes| Size {
            service_points,
            work: Work { rows, spilled_bytes },
            median: usage(1.0, cpu_seconds, 10.0),
        };
        assert_eq!(
            growth(&[
                size(10, 1_000_000, 0.1, Some(0)),
                size(100, 10_000_000, 1.2, Some(3_000_000))
            ]),
            "What a row costs the job as the lake grows:\n\n\
             | service points | million rows | wall s | CPU s | million rows/s | CPU ns/row | ratio to the smallest | peak MB | spilled MB |\n\
             |---|---|---|---|---|---|---|---|---|\n\
             | 10 | 1.0 | 1.00 | 0.10 | 1.0 | 100.0 | 1.00 | 10 | 0 |\n\
             | 100 | 10.0 | 1.00 | 1.20 | 10.0 | 120.0 | 1.20 | 10 | 3 |\n"
        );
    }
}
