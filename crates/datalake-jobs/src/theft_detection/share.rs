//! How much of a table may be unusable.

use datalake_deps::lake::model::{MEASUREMENTS, MEASURING_COMPONENT};

use super::error::JobError;
use super::extract::TableRows;
use super::rejected::RejectedRow;

/// Rejected rows that a table may have whatever its share, as long as they are within the share of the whole lake: one
/// bad row of a small table is no reason to go without the night's cases.
const FEW_ROWS: f64 = 10.0;

/// Fails where more of a table is unusable than is allowed, a share of its rows. `lake_rows`: of all tables, once that is known.
pub(super) fn check_share(
    counted: &TableRows,
    lake_rows: Option<u64>,
    rows: &[RejectedRow],
    allowed: f64,
) -> Result<(), JobError> {
    let TableRows {
        table,
        read,
        rejected,
    } = *counted;
    let share_of = |rows: u64| allowed * rows as f64;
    let few = lake_rows.map_or(FEW_ROWS, |rows| share_of(rows).min(FEW_ROWS));
    if rejected as f64 <= share_of(read).max(few) {
        return Ok(());
    }
    let mut by_reason = std::collections::BTreeMap::<&str, u64>::new();
    for row in rows.iter().filter(|row| row.table == table) {
        *by_reason.entry(row.reason).or_default() += 1;
    }
    let reasons: Vec<String> = by_reason
        .iter()
        .map(|(reason, rows)| format!("{rows} {reason}"))
        .collect();
    Err(JobError::TooManyRejected {
        table,
        rejected,
        read,
        allowed,
        stopped_early: false,
        reasons: format!(": {}", reasons.join(", ")),
        components: if table == MEASUREMENTS.name {
            rejected_components(rows)
        } else {
            0
        },
    })
}

/// Rejected rows of the table of components: their measurements are unknown too.
pub(super) fn rejected_components(rows: &[RejectedRow]) -> u64 {
    rows.iter()
        .filter(|row| row.table == MEASURING_COMPONENT.name)
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_rows_of_a_table_pass_within_the_share_of_the_lake() {
        let passes = |read, rejected, lake_rows| {
            let counted = TableRows {
                table: MEASUREMENTS.name,
                read,
                rejected,
            };
            check_share(&counted, lake_rows, &[], 0.01).is_ok()
        };
        assert!(passes(20, 10, None) && !passes(20, 11, None));
        assert!(passes(20, 10, Some(1_000_000)) && !passes(20, 11, Some(1_000_000)));
        // One percent of a lake of 500 rows are five.
        assert!(passes(20, 5, Some(500)) && !passes(20, 6, Some(500)));
        // One percent of the table itself, whatever that is.
        assert!(passes(2_000, 20, None) && !passes(2_000, 21, None));
    }
}
