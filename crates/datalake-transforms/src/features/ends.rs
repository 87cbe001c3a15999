//! Meters whose rows run on long after the lake has ended: times that cannot be.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Date32Type;

use crate::error::TransformError;
use crate::findings::{Finding, Findings, Severity};
use crate::model::DAYS_AHEAD;

/// Fewer components do not say when the lake ends.
const MIN_COMPONENTS: usize = 20;

/// What the last days of all components say of times ahead of the lake; `features` holds every component once.
///
/// The lake ends on the first day by which 99 % of the components, rounded down, have had their last row.
pub fn ahead_of_the_lake(features: &RecordBatch) -> Result<Findings, TransformError> {
    let column = |name: &str| {
        features
            .column_by_name(name)
            .ok_or_else(|| TransformError::MissingColumn {
                table: super::TABLE.to_owned(),
                column: name.to_owned(),
            })
    };
    let ids = column("measuring_component_id")?.as_string::<i32>();
    let ends = column("last_day")?.as_primitive::<Date32Type>().values();
    let mut findings = Findings::default();
    if ends.len() < MIN_COMPONENTS {
        return Ok(findings);
    }
    let mut sorted = ends.to_vec();
    sorted.sort_unstable();
    let lake = sorted[ends.len() * 99 / 100 - 1];
    for (id, &end) in ids.iter().zip(ends) {
        if end - lake <= DAYS_AHEAD {
            continue;
        }
        findings.merge_one(Finding {
            table: "measurements".to_owned(),
            code: "ahead_of_the_lake".to_owned(),
            severity: Severity::Warning,
            rows: 1,
            example_key: id.unwrap_or_default().to_owned(),
            message: format!(
                "meters whose last row lies more than {DAYS_AHEAD} days past the day on which 99 % of the meters have ended: check the clock"
            ),
        });
    }
    Ok(findings)
}
