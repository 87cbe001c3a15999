//! The tables `theft_cases` and `theft_scores`.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, Date32Builder, Decimal128Builder, Float64Array, Float64Builder, ListBuilder, RecordBatch,
    StringArray, StringBuilder, StructBuilder, UInt32Array,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use super::score::subject_id;
use super::{Reason, Subject, learned};
use crate::error::TransformError;
use crate::judge::StayEvidence;
use crate::loss::Loss;
use crate::model::MICRO;
use crate::peers::Peers;
use crate::registry::Registry;
use crate::rules::{RuleConfig, RuleEvidence};

/// Name of the table of cases.
pub const CASES_TABLE: &str = "theft_cases";

/// Name of the table of scores.
pub const SCORES_TABLE: &str = "theft_scores";

/// Energy and amounts: exact to 10^-6.
const DECIMAL: DataType = DataType::Decimal128(18, 6);

fn text_list() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::Utf8, false)))
}

fn reason_fields() -> Fields {
    Fields::from(vec![
        Field::new("code", DataType::Utf8, false),
        Field::new("onset_date", DataType::Date32, false),
        Field::new("end_date", DataType::Date32, false),
        Field::new("strength", DataType::Float64, false),
        Field::new("value", DataType::Float64, false),
        Field::new("threshold", DataType::Float64, false),
        Field::new("kwh", DECIMAL, false),
    ])
}

/// Contribution of a reason / that of the strongest, from which it has a say in the onset.
const DATING_SHARE: f64 = 0.5;

/// Columns of `theft_cases`, one row per suspected service point, by rank.
///
/// | column | meaning |
/// |---|---|
/// | case_id | [`case_id`] of service point and first onset |
/// | rank | 1 = first to inspect |
/// | service_point_id | null for a meter that was never installed anywhere |
/// | device_id, measuring_component_id | the meter with the strongest evidence |
/// | score | 0..1 |
/// | onset_date, last_date | first onset of the reasons that date a case ([`crate::rules::Rule::dates`]) and count at least half of the strongest; last day of the reasons that count so much, at most the last with an actual value |
/// | reasons | hits, strongest first; `kwh` is the energy at stake by that rule alone |
/// | suppressors | what speaks against theft, `rule: name: why` |
/// | expected_kwh, actual_kwh | over the days that the energy lost is counted on, within the billable time; what was counted without a contract is expected and not part of the actual |
/// | lost_kwh, lost_kwh_p10, lost_kwh_p90 | energy lost, the greater of expected_kwh - actual_kwh and 0 (see [`crate::loss`]), and its band; null where there is no baseline |
/// | lost_amount | lost_kwh times the tariff; null without one |
/// | actual_share | usable intervals / all intervals |
/// | days_observed | days with data |
/// | model_contributions | what adds most to, or takes most from, the log-odds of the model, the largest first; null without a model |
pub static CASES_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let reason = Field::new("item", DataType::Struct(reason_fields()), false);
    Arc::new(Schema::new(vec![
        Field::new("case_id", DataType::Utf8, false),
        Field::new("rank", DataType::UInt32, false),
        Field::new("service_point_id", DataType::Utf8, true),
        Field::new("device_id", DataType::Utf8, true),
        Field::new("measuring_component_id", DataType::Utf8, false),
        Field::new("score", DataType::Float64, false),
        Field::new("onset_date", DataType::Date32, false),
        Field::new("last_date", DataType::Date32, false),
        Field::new("reasons", DataType::List(Arc::new(reason)), false),
        Field::new("suppressors", text_list(), false),
        Field::new("expected_kwh", DECIMAL, true),
        Field::new("actual_kwh", DECIMAL, true),
        Field::new("lost_kwh", DECIMAL, true),
        Field::new("lost_kwh_p10", DECIMAL, true),
        Field::new("lost_kwh_p90", DECIMAL, true),
        Field::new("lost_amount", DECIMAL, true),
        Field::new("actual_share", DataType::Float64, false),
        Field::new("days_observed", DataType::UInt32, false),
        learned::field(),
    ]))
});

/// Columns of `theft_scores`, one row per service point with data (or component that was never installed), by rank.
pub static SCORES_SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("service_point_id", DataType::Utf8, true),
        Field::new("score", DataType::Float64, false),
        Field::new("rank", DataType::UInt32, false),
        Field::new("reason_codes", text_list(), false),
        Field::new("forest_score", DataType::Float64, true),
        Field::new("model_score", DataType::Float64, true),
        Field::new("peer_group", DataType::Utf8, true),
    ]))
});

/// Id of a case: FNV-1a (64 bits) over the service point's id, a zero byte and the first onset (days since 1970-01-01,
/// 32 bits, little-endian); 16 hexadecimal digits. The same service point and onset give the same id on every run.
#[must_use]
pub fn case_id(service_point: &str, onset_day: i32) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let onset = onset_day.to_le_bytes();
    for &byte in service_point.as_bytes().iter().chain(&[0]).chain(&onset) {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// What both tables are made from.
pub(super) struct Tables<'a> {
    pub(super) evidence: &'a [StayEvidence],
    /// By rank.
    pub(super) subjects: &'a [Subject],
    pub(super) registry: &'a Registry,
    pub(super) peers: &'a Peers,
    pub(super) config: &'a RuleConfig,
}

impl Tables<'_> {
    fn stay(&self, subject: &Subject) -> &StayEvidence {
        &self.evidence[subject.strongest]
    }

    fn service_point(&self, subject: &Subject) -> Option<&str> {
        let place = self.stay(subject).service_point?;
        Some(&self.registry.service_points[place as usize].id)
    }

    fn rule(&self, reason: &Reason) -> Result<&RuleEvidence, TransformError> {
        self.evidence[reason.stay]
            .rules
            .iter()
            .find(|rule| rule.rule == reason.rule)
            .ok_or_else(|| TransformError::Bug(format!("reason {} without evidence", reason.rule.code())))
    }

    pub(super) fn scores(&self) -> Result<RecordBatch, TransformError> {
        let n = self.subjects.len();
        let mut codes =
            ListBuilder::new(StringBuilder::new()).with_field(Field::new("item", DataType::Utf8, false));
        for subject in self.subjects {
            for reason in &subject.reasons {
                codes.values().append_value(reason.rule.code());
            }
            codes.append(true);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(
                self.subjects
                    .iter()
                    .map(|subject| self.service_point(subject))
                    .collect::<StringArray>(),
            ),
            Arc::new(Float64Array::from_iter_values(
                self.subjects.iter().map(|subject| subject.score),
            )),
            Arc::new(UInt32Array::from_iter_values(1..=n as u32)),
            Arc::new(codes.finish()),
            Arc::new(
                self.subjects
                    .iter()
                    .map(|subject| subject.forest_score)
                    .collect::<Float64Array>(),
            ),
            Arc::new(
                self.subjects
                    .iter()
                    .map(|subject| subject.model.as_ref().map(|model| model.probability))
                    .collect::<Float64Array>(),
            ),
            Arc::new(
                self.subjects
                    .iter()
                    .map(|subject| {
                        let group = self.peers.group(self.stay(subject).component)?;
                        Some(group.name.as_str())
                    })
                    .collect::<StringArray>(),
            ),
        ];
        Ok(RecordBatch::try_new(SCORES_SCHEMA.clone(), columns)?)
    }

    pub(super) fn cases(&self) -> Result<RecordBatch, TransformError> {
        let cases: Vec<(u32, &Subject)> = (1..)
            .zip(self.subjects)
            .filter(|(_, subject)| subject.is_case)
            .collect();
        let subjects = || cases.iter().map(|&(_, subject)| subject);
        let stays = || subjects().map(|subject| self.stay(subject));
        let component = |stay: &StayEvidence| &self.registry.components[stay.component as usize];

        let mut ids = StringBuilder::new();
        let mut onsets = Date32Builder::new();
        let mut lasts = Date32Builder::new();
        let reason = Field::new("item", DataType::Struct(reason_fields()), false);
        let mut reasons =
            ListBuilder::new(StructBuilder::from_fields(reason_fields(), cases.len())).with_field(reason);
        let mut against =
            ListBuilder::new(StringBuilder::new()).with_field(Field::new("item", DataType::Utf8, false));
        for subject in subjects() {
            let (onset, last) = days(subject, self.evidence);
            for reason in &subject.reasons {
                let rule = self.rule(reason)?;
                append_reason(
                    reasons.values(),
                    rule,
                    subject_id(self.stay(subject), self.registry),
                )?;
            }
            reasons.append(true);
            for text in self.suppressors(subject) {
                against.values().append_value(text);
            }
            against.append(true);
            ids.append_value(case_id(subject_id(self.stay(subject), self.registry), onset));
            onsets.append_value(onset);
            // What is found on days without an actual value begins after the last that has one.
            lasts.append_value(last.max(onset));
        }
        let energy = |part: fn(&Loss) -> i64| {
            decimals(
                "energy lost",
                subjects().map(|subject| {
                    let energy = subject.loss.map(|loss| i128::from(part(&loss)));
                    (subject_id(self.stay(subject), self.registry), energy)
                }),
            )
        };
        let tariff_micro = self
            .config
            .tariff_per_kwh
            .map(|tariff| (tariff * MICRO as f64).round() as i128);
        let amounts = subjects().map(|subject| {
            let amount = subject.loss.zip(tariff_micro).map(|(loss, tariff)| {
                (i128::from(loss.lost_micro) * tariff + i128::from(MICRO / 2)) / i128::from(MICRO)
            });
            (subject_id(self.stay(subject), self.registry), amount)
        });
        let columns: Vec<ArrayRef> = vec![
            Arc::new(ids.finish()),
            Arc::new(UInt32Array::from_iter_values(cases.iter().map(|&(rank, _)| rank))),
            Arc::new(
                subjects()
                    .map(|subject| self.service_point(subject))
                    .collect::<StringArray>(),
            ),
            Arc::new(
                stays()
                    .map(|stay| component(stay).device_id.as_deref())
                    .collect::<StringArray>(),
            ),
            Arc::new(StringArray::from_iter_values(
                stays().map(|stay| component(stay).id.as_str()),
            )),
            Arc::new(Float64Array::from_iter_values(
                subjects().map(|subject| subject.score),
            )),
            Arc::new(onsets.finish()),
            Arc::new(lasts.finish()),
            Arc::new(reasons.finish()),
            Arc::new(against.finish()),
            energy(|loss| loss.expected_micro)?,
            energy(|loss| loss.actual_micro)?,
            energy(|loss| loss.lost_micro)?,
            energy(|loss| loss.lost_p10_micro)?,
            energy(|loss| loss.lost_p90_micro)?,
            decimals("the amount lost", amounts)?,
            Arc::new(Float64Array::from_iter_values(
                stays().map(|stay| shortest(stay.actual_share)),
            )),
            Arc::new(UInt32Array::from_iter_values(
                stays().map(|stay| stay.days_observed),
            )),
            learned::column(subjects())?,
        ];
        Ok(RecordBatch::try_new(CASES_SCHEMA.clone(), columns)?)
    }

    /// What speaks against the case, in the order of stays and rules.
    fn suppressors(&self, subject: &Subject) -> Vec<String> {
        let mut texts = Vec::new();
        for stay in &self.evidence[subject.stays.clone()] {
            for suppression in &stay.suppressions {
                let hit = stay
                    .rules
                    .iter()
                    .any(|rule| rule.rule == suppression.rule && rule.is_hit());
                if hit {
                    texts.push(format!(
                        "{}: {}: {}",
                        suppression.rule.code(),
                        suppression.suppressor.name(),
                        suppression.text()
                    ));
                }
            }
        }
        texts
    }
}

/// First onset of the reasons that date a subject, and its last day with an actual value; the limits of the type without a
/// reason.
pub(super) fn days(subject: &Subject, evidence: &[StayEvidence]) -> (i32, i32) {
    // Rules that look at a window, or around an onset, date nothing unless there is nothing else; nor does a reason that
    // hardly counts.
    let enough = DATING_SHARE * subject.reasons.first().map_or(0.0, |reason| reason.contribution);
    let dates = |reason: &Reason| reason.rule.dates() && reason.contribution >= enough;
    let dated = subject.reasons.iter().any(dates);
    let found = || {
        subject.reasons.iter().filter_map(|reason| {
            let stay = &evidence[reason.stay];
            let rule = stay.rules.iter().find(|rule| rule.rule == reason.rule)?;
            Some((reason, rule, stay.last_actual_day))
        })
    };
    let onsets = found()
        .filter(|(reason, ..)| dates(reason) || !dated)
        .map(|(_, rule, _)| rule.onset_day);
    let lasts = found()
        .filter(|(reason, ..)| reason.contribution >= enough)
        .map(|(_, rule, last_actual_day)| rule.end_day.min(last_actual_day));
    (onsets.min().unwrap_or(i32::MAX), lasts.max().unwrap_or(i32::MIN))
}

/// A 32-bit number as the 64-bit one that prints alike: 0.6, not 0.6000000238.
pub(super) fn shortest(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}

/// Greatest number of 10^-6 that eighteen digits hold. Sums upstream saturate above it, so that no wrong one gets through.
const DECIMAL_MAX: i128 = 999_999_999_999_999_999;

/// The value, or an error where it has more than eighteen digits.
fn decimal(what: &str, id: &str, value: i128) -> Result<i128, TransformError> {
    if (-DECIMAL_MAX..=DECIMAL_MAX).contains(&value) {
        return Ok(value);
    }
    Err(TransformError::Overflow {
        what: what.to_owned(),
        key: id.to_owned(),
    })
}

/// A column of 10^-6 from pairs of id and value.
fn decimals<'a>(
    what: &str,
    values: impl Iterator<Item = (&'a str, Option<i128>)>,
) -> Result<ArrayRef, TransformError> {
    let mut builder = Decimal128Builder::new().with_data_type(DECIMAL);
    for (id, value) in values {
        builder.append_option(value.map(|value| decimal(what, id, value)).transpose()?);
    }
    Ok(Arc::new(builder.finish()))
}

fn append_reason(reason: &mut StructBuilder, rule: &RuleEvidence, id: &str) -> Result<(), TransformError> {
    fn field<T: arrow::array::ArrayBuilder>(
        reason: &mut StructBuilder,
        position: usize,
    ) -> Result<&mut T, TransformError> {
        reason
            .field_builder::<T>(position)
            .ok_or_else(|| TransformError::Bug(format!("field {position} of `reasons` has another type")))
    }
    field::<StringBuilder>(reason, 0)?.append_value(rule.rule.code());
    field::<Date32Builder>(reason, 1)?.append_value(rule.onset_day);
    field::<Date32Builder>(reason, 2)?.append_value(rule.end_day);
    field::<Float64Builder>(reason, 3)?.append_value(shortest(rule.strength));
    field::<Float64Builder>(reason, 4)?.append_value(shortest(rule.value));
    field::<Float64Builder>(reason, 5)?.append_value(shortest(rule.threshold));
    field::<Decimal128Builder>(reason, 6)?.append_value(decimal(
        "energy at stake",
        id,
        i128::from(rule.kwh_micro),
    )?);
    reason.append(true);
    Ok(())
}
