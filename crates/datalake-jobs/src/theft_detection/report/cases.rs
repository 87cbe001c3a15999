//! The rows of `theft_cases`, as they are published.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type, UInt32Type};
use datalake_transforms::error::TransformError;

use crate::theft_detection::error::JobError;

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CaseRow {
    /// 16 hexadecimal digits.
    pub(super) case_id: String,
    pub(super) rank: usize,
    pub(super) service_point: Option<String>,
    pub(super) device: Option<String>,
    pub(super) component: String,
    pub(super) score: f64,
    pub(super) onset: i32,
    pub(super) last: i32,
    /// Codes of the hits that count, strongest first.
    pub(super) reasons: Vec<String>,
    /// kWh.
    pub(super) lost: Option<Lost>,
    pub(super) actual_share: f64,
    pub(super) days_observed: u32,
}

/// Energy lost, kWh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lost {
    pub(super) expected: f64,
    pub(super) actual: f64,
    pub(super) kwh: f64,
    pub(super) p10: f64,
    pub(super) p90: f64,
    /// In the tariff's currency.
    pub(super) amount: Option<f64>,
}

impl CaseRow {
    /// The id that the case goes by: the service point's, or the component's where it was never installed.
    pub(super) fn subject(&self) -> &str {
        self.service_point.as_deref().unwrap_or(&self.component)
    }
}

/// All rows, by rank.
pub(super) fn rows(cases: &RecordBatch) -> Result<Vec<CaseRow>, JobError> {
    let text = |name: &str| strings(cases, name);
    let (ids, components) = (text("case_id")?, text("measuring_component_id")?);
    let (points, devices) = (text("service_point_id")?, text("device_id")?);
    let ranks = column(cases, "rank")?.as_primitive_opt::<UInt32Type>();
    let ranks = ranks.ok_or_else(|| bug("rank"))?;
    let days = column(cases, "days_observed")?.as_primitive_opt::<UInt32Type>();
    let days = days.ok_or_else(|| bug("days_observed"))?;
    let number = |name: &str| {
        let array = column(cases, name)?.as_primitive_opt::<Float64Type>();
        array.ok_or_else(|| bug(name))
    };
    let (scores, shares) = (number("score")?, number("actual_share")?);
    let date = |name: &str| {
        let array = column(cases, name)?.as_primitive_opt::<Date32Type>();
        array.ok_or_else(|| bug(name))
    };
    let (onsets, lasts) = (date("onset_date")?, date("last_date")?);
    let energy = |name: &str| {
        let array = column(cases, name)?.as_primitive_opt::<Decimal128Type>();
        array.ok_or_else(|| bug(name))
    };
    let (expected, actual, kwh) = (
        energy("expected_kwh")?,
        energy("actual_kwh")?,
        energy("lost_kwh")?,
    );
    let (p10, p90, amounts) = (
        energy("lost_kwh_p10")?,
        energy("lost_kwh_p90")?,
        energy("lost_amount")?,
    );
    let reasons = column(cases, "reasons")?;
    let reasons = reasons.as_list_opt::<i32>().ok_or_else(|| bug("reasons"))?;
    let maybe = |array: &StringArray, row: usize| array.is_valid(row).then(|| array.value(row).to_owned());
    (0..cases.num_rows())
        .map(|row| {
            let of = |array: &arrow::array::Decimal128Array| array.value(row) as f64 / 1e6;
            let structs = reasons.value(row);
            let codes = structs.as_struct_opt().and_then(|all| all.column_by_name("code"));
            let codes = codes.and_then(|codes| codes.as_string_opt::<i32>());
            let codes = codes.ok_or_else(|| bug("reasons.code"))?;
            Ok(CaseRow {
                case_id: ids.value(row).to_owned(),
                rank: ranks.value(row) as usize,
                service_point: maybe(points, row),
                device: maybe(devices, row),
                component: components.value(row).to_owned(),
                score: scores.value(row),
                onset: onsets.value(row),
                last: lasts.value(row),
                reasons: codes.iter().flatten().map(str::to_owned).collect(),
                lost: kwh.is_valid(row).then(|| Lost {
                    expected: of(expected),
                    actual: of(actual),
                    kwh: of(kwh),
                    p10: of(p10),
                    p90: of(p90),
                    amount: amounts.is_valid(row).then(|| of(amounts)),
                }),
                actual_share: shares.value(row),
                days_observed: days.value(row),
            })
        })
        .collect()
}

/// A column of a table of this job's own.
pub(super) fn column<'a>(table: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, JobError> {
    table.column_by_name(name).ok_or_else(|| bug(name))
}

pub(super) fn strings<'a>(table: &'a RecordBatch, name: &str) -> Result<&'a StringArray, JobError> {
    column(table, name)?
        .as_string_opt::<i32>()
        .ok_or_else(|| bug(name))
}

pub(super) fn bug(name: &str) -> JobError {
    TransformError::Bug(format!("the report does not know the column `{name}`")).into()
}
