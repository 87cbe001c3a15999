//! Features of subjects: one row of numbers for each service point, for a model to learn from.
//!
//! | group | numbers |
//! |---|---|
//! | rules | of each rule of [`Rule::ALL`]: value, strength, hit and what its suppressors left, at the stay where it found most |
//! | meter | of `meter_features`, at the stay with the strongest evidence: those that may be compared between meters |
//! | place | meters and devices; how common the kind of device and the tariff are |
//! | bills | of registers: see [`crate::billing`] |
//! | counts and dates | how many days and bills, from when to when; may be left out |
//! | groups | shares of thefts among others of the same area, season or make of meter: see [`subject_groups`] |
//!
//! Which service points get inspected, and for how long their data are kept, often hangs together with the outcome. So
//! counts and dates are a group of their own: a model without them can only learn from what was consumed. Nothing
//! here follows the id of a service point, the order of rows or the day of the run.

mod groups;
mod meter;
mod place;

use arrow::array::RecordBatch;

use crate::billing::{self, Bills};
use crate::error::TransformError;
use crate::judge::StayEvidence;
use crate::learning::Matrix;
use crate::learning::model::Feature;
use crate::ranking::Assessment;
use crate::registry::Registry;
use crate::rules::{Rule, RuleEvidence, Verdict};

pub use groups::{group_features, subject_groups};
use meter::MeterTable;
use place::Places;

/// What is known of subjects besides the evidence of rules.
#[derive(Debug, Clone, Copy)]
pub struct SubjectData<'a> {
    /// What is installed where.
    pub registry: &'a Registry,
    /// The table `meter_features`.
    pub meter_features: &'a RecordBatch,
    /// What was billed by registers.
    pub bills: &'a Bills,
}

/// Name and meaning.
pub(crate) type Named = (&'static str, &'static str);

/// Numbers of each rule.
const OF_A_RULE: usize = 4;

/// The features in the order of their columns.
#[must_use]
pub fn features(counts_and_dates: bool) -> Vec<Feature> {
    let mut features = Vec::new();
    for rule in Rule::ALL {
        let code = rule.code().to_lowercase();
        let unit = rule.measure().unit;
        let of_rule: [(&str, String); OF_A_RULE] = [
            ("value", format!("{}: {unit}", rule.code())),
            (
                "strength",
                format!("{}: how sure, or how near, 0 to 1", rule.code()),
            ),
            ("hit", format!("{}: 1 where it hit, else 0", rule.code())),
            (
                "left",
                format!("{}: what suppressors left of it, 0 to 1", rule.code()),
            ),
        ];
        features.extend(of_rule.map(|(what, meaning)| Feature {
            name: format!("{code}_{what}"),
            meaning,
        }));
    }
    let of_bills = billing::NAMES.iter().chain(&billing::further::NAMES);
    let named = meter::NAMES.iter().chain(&place::NAMES).chain(of_bills);
    let dated = meter::DATED.iter().chain(&billing::DATED);
    let dated = dated.chain(&billing::further::DATED);
    features.extend(
        named
            .chain(dated.filter(|_| counts_and_dates))
            .map(|(name, meaning)| Feature {
                name: (*name).to_owned(),
                meaning: (*meaning).to_owned(),
            }),
    );
    features
}

/// Everything that a model looks at, in the order of its columns: [`features`], then [`group_features`].
#[must_use]
pub fn model_features(counts_and_dates: bool) -> Vec<Feature> {
    let mut all = features(counts_and_dates);
    all.extend(group_features(counts_and_dates));
    all
}

/// The id of a subject's row: the service point's; of a component that was never installed its own after a control
/// character, so that it meets no service point's.
#[must_use]
pub fn row_id(stay: &StayEvidence, registry: &Registry) -> String {
    match stay.service_point {
        Some(place) => registry.service_points[place as usize].id.clone(),
        None => format!("\u{1}{}", registry.components[stay.component as usize].id),
    }
}

/// The features of every subject of the assessment, counts and dates included; [`features`] has their names, and
/// [`Matrix::with_columns`] leaves some out.
pub fn subject_matrix(assessment: &Assessment, data: &SubjectData<'_>) -> Result<Matrix, TransformError> {
    let meters = MeterTable::of(data.meter_features)?;
    let places = Places::of(data.registry);
    let layout = features(true);
    let mut ids = Vec::new();
    let mut columns: Vec<Vec<f32>> = vec![Vec::new(); layout.len()];
    let mut row: Vec<Option<f64>> = Vec::with_capacity(layout.len());
    for (stays, strongest) in assessment.subjects() {
        ids.push(row_id(strongest, data.registry));
        row.clear();
        for rule in Rule::ALL {
            row.extend(of_rule(stays, rule));
        }
        let component = &data.registry.components[strongest.component as usize];
        let at = meters.position(&component.id);
        row.extend(meters.numbers(at));
        row.extend(places.numbers(stays, strongest));
        let bill = data.bills.of(strongest.service_point, strongest.component);
        row.extend(bill.numbers());
        row.extend(meters.dated(at));
        row.extend(bill.dated());
        if row.len() != layout.len() {
            return Err(TransformError::Bug(format!(
                "{} features were made, {} have names",
                row.len(),
                layout.len()
            )));
        }
        for (column, value) in columns.iter_mut().zip(&row) {
            column.push(value.map_or(f32::NAN, |value| value as f32));
        }
    }
    let names = layout.into_iter().map(|feature| feature.name);
    Matrix::new(ids, names.zip(columns).collect())
}

/// What an isolation forest looks at: what each rule measured, and how strongly it speaks after its suppressors. Nothing
/// else, because the columns of `meter_features` rest on estimates, too, and no case may.
pub(crate) fn oddity_matrix(assessment: &Assessment, registry: &Registry) -> Result<Matrix, TransformError> {
    let names = Rule::ALL.iter().flat_map(|rule| {
        let code = rule.code().to_lowercase();
        [format!("{code}_value"), code]
    });
    let names: Vec<String> = names.collect();
    let mut ids = Vec::new();
    let mut columns: Vec<Vec<f32>> = vec![Vec::new(); names.len()];
    for (stays, strongest) in assessment.subjects() {
        ids.push(row_id(strongest, registry));
        for (columns, rule) in columns.chunks_exact_mut(2).zip(Rule::ALL) {
            let [value, strength, _, left] = of_rule(stays, rule);
            let left = strength.zip(left).map(|(strength, left)| strength * left);
            for (column, value) in columns.iter_mut().zip([value, left]) {
                column.push(value.map_or(f32::NAN, |value| value as f32));
            }
        }
    }
    // A rule that nothing was there to judge by, for want of its table, must not change what is drawn for the others.
    let is_known = |(_, column): &(String, Vec<f32>)| column.iter().any(|value| !value.is_nan());
    Matrix::new(ids, names.into_iter().zip(columns).filter(is_known).collect())
}

/// Last day with data, at any meter, of each of these rows; `i32::MIN` for ids that are no subject's.
#[must_use]
pub fn last_days(assessment: &Assessment, registry: &Registry, ids: &[String]) -> Vec<i32> {
    let mut days = vec![i32::MIN; ids.len()];
    for (stays, strongest) in assessment.subjects() {
        if let Ok(row) = ids.binary_search(&row_id(strongest, registry)) {
            days[row] = stays.iter().map(|stay| stay.last_day).max().unwrap_or(i32::MIN);
        }
    }
    days
}

/// What a rule found at the stay where it found most: a hit before a miss, then by what its suppressors left of it.
fn of_rule(stays: &[StayEvidence], rule: Rule) -> [Option<f64>; OF_A_RULE] {
    let left = |stay: &StayEvidence| -> f64 {
        let own = stay.suppressions.iter().filter(|found| found.rule == rule);
        own.map(|found| f64::from(found.factor)).product()
    };
    let judged = |stay: &'_ StayEvidence| -> Option<(RuleEvidence, f64)> {
        let found = stay.rules.iter().find(|found| found.rule == rule)?;
        (!matches!(found.verdict, Verdict::NotJudged(_))).then(|| (*found, left(stay)))
    };
    let most = stays
        .iter()
        .filter_map(judged)
        .max_by(|(a, a_left), (b, b_left)| {
            let worth = |found: &RuleEvidence, left: f64| f64::from(found.strength) * left;
            // Values decide last, so that the order of meters does not.
            a.is_hit()
                .cmp(&b.is_hit())
                .then(worth(a, *a_left).total_cmp(&worth(b, *b_left)))
                .then(a.value.total_cmp(&b.value))
        });
    let Some((found, left)) = most else {
        return [None, None, Some(0.0), None];
    };
    [
        Some(f64::from(found.value)),
        Some(f64::from(found.strength)),
        Some(f64::from(u8::from(found.is_hit()))),
        Some(left),
    ]
}

#[cfg(test)]
mod tests;
