//! The figures as a Markdown table.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::bench::measure::Usage;
use crate::error::Result;

/// One contender's medians.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    median: Usage,
}

impl Row {
    /// Of at least one run.
    pub(crate) fn new(name: &str, runs: &[Usage]) -> Self {
        let of = |field: fn(&Usage) -> f64| median(runs.iter().map(field).collect());
        Self {
            name: name.to_owned(),
            median: Usage {
                wall_seconds: of(|usage| usage.wall_seconds),
                cpu_seconds: of(|usage| usage.cpu_seconds),
                peak_mb: of(|usage| usage.peak_mb),
            },
        }
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

/// The table; ratios are to its first row. `agreeing` are the peers whose features were compared with ours.
pub(crate) fn table(rows: &[Row], conditions: &str, agreeing: &[&str]) -> String {
    let mut text = format!("{conditions}\n\n");
    text.push_str("| what | wall s | CPU s | peak MB | wall ratio | CPU ratio | memory ratio |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for Row { name, median: of } in rows {
        let base = rows.first().map_or(*of, |row| row.median);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {:.2} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2} |",
            of.wall_seconds,
            of.cpu_seconds,
            of.peak_mb,
            of.wall_seconds / base.wall_seconds,
            of.cpu_seconds / base.cpu_seconds,
            of.peak_mb / base.peak_mb,
        );
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
    fn medians_and_ratios_by_hand() {
        let ours = Row::new(
            "ours",
            &[
                usage(2.0, 3.0, 50.0),
                usage(9.0, 4.0, 52.0),
                usage(1.0, 5.0, 48.0),
            ],
        );
        let peer = Row::new("peer", &[usage(4.0, 8.0, 400.0), usage(8.0, 16.0, 600.0)]);
        assert_eq!(
            table(&[ours, peer], "a lake; 3 runs", &["peer"]),
            "a lake; 3 runs\n\n\
             | what | wall s | CPU s | peak MB | wall ratio | CPU ratio | memory ratio |\n\
             |---|---|---|---|---|---|---|\n\
             | ours | 2.00 | 4.00 | 50 | 1.00 | 1.00 | 1.00 |\n\
             | peer | 6.00 | 12.00 | 500 | 3.00 | 3.00 | 10.00 |\n\n\
             Peers whose features are the job's own, to the tolerance of each: peer.\n"
        );
    }
}
