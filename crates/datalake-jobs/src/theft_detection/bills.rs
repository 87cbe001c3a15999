//! Registers with long periods on their way past the days: their bills, features and evidence.

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use datalake_transforms::billing::rules::{BillLake, answer, questions_of_days};
use datalake_transforms::error::TransformError;
use datalake_transforms::features::features_of_bills;
use datalake_transforms::judge::{StayEvidence, judge};
use datalake_transforms::peers::Peers;
use datalake_transforms::register_periods::{BilledPeriod, billed_periods, long_registers};
use datalake_transforms::registry::{Component, Registry};
use datalake_transforms::resolve::{RegisterRow, component_chunks};
use datalake_transforms::rules::RuleConfig;
use datalake_transforms::what_if::{Changed, Variant};
use rayon::prelude::*;

use super::transform::{JudgeError, Profiles};

/// Register rows whose bills are made together.
const ROWS_TOGETHER: usize = 1 << 16;

/// Registers that are spread over days together, where days are asked for.
const SPREAD_TOGETHER: usize = 64;

/// Rows of registers that are judged by bills, and those of the others; both keep their order. What else is used at a
/// place (gas, heat, water) is evidence of bills, whatever its periods.
pub(super) fn set_bills_aside(
    registry: &Registry,
    rows: Vec<RegisterRow>,
) -> (Vec<RegisterRow>, Vec<RegisterRow>) {
    let long = long_registers(registry, &rows);
    rows.into_iter().partition(|row| {
        let component = registry.components.get(row.component as usize);
        component.is_some_and(Component::is_other_use) || long.binary_search(&row.component).is_ok()
    })
}

/// The bills of register rows, by component and end.
pub(super) fn periods_of(
    profiles: Profiles<'_>,
    rows: &[RegisterRow],
) -> Result<Vec<BilledPeriod>, TransformError> {
    let periods: Vec<Vec<BilledPeriod>> = component_chunks(rows, ROWS_TOGETHER)
        .into_par_iter()
        .map(|rows| billed_periods(profiles.registry, profiles.conditions, rows))
        .collect::<Result<_, _>>()?;
    Ok(periods.into_iter().flatten().collect())
}

/// The bills of registers with long periods.
pub(super) struct Bills {
    periods: Vec<BilledPeriod>,
}

impl Bills {
    pub(super) fn of(profiles: Profiles<'_>) -> Result<Self, TransformError> {
        Ok(Self {
            periods: periods_of(profiles, profiles.bill_rows)?,
        })
    }

    /// The table of features with the rows of these registers, by component.
    pub(super) fn add_features(
        &self,
        of_days: RecordBatch,
        registry: &Registry,
    ) -> Result<RecordBatch, TransformError> {
        let is_energy = |period: &&BilledPeriod| {
            let component = registry.components.get(period.component as usize);
            component.is_some_and(Component::is_energy)
        };
        let periods: Vec<BilledPeriod> = self.periods.iter().filter(is_energy).copied().collect();
        if periods.is_empty() {
            return Ok(of_days);
        }
        let of_bills = features_of_bills(registry, &periods)?;
        let both = concat_batches(&of_days.schema(), [&of_days, &of_bills])?;
        let ids = both
            .column_by_name("measuring_component_id")
            .and_then(|column| column.as_any().downcast_ref::<arrow::array::StringArray>());
        let ids = ids.ok_or_else(|| TransformError::Bug("features without ids".to_owned()))?;
        let mut order: Vec<u32> = (0..both.num_rows() as u32).collect();
        order.sort_unstable_by_key(|&row| ids.value(row as usize));
        Ok(take_record_batch(&both, &UInt32Array::from(order))?)
    }

    /// The evidence of these registers, and what variants of the config make of it.
    pub(super) fn judge(
        &self,
        profiles: Profiles<'_>,
        (peers, config): (&Peers, &RuleConfig),
        variants: &[Variant],
    ) -> Result<(Vec<StayEvidence>, Vec<Changed>), JudgeError> {
        let registry = profiles.registry;
        let lake = BillLake::of(&self.periods, registry);
        let questions = questions_of_days(&self.periods, registry);
        let under = |config: &RuleConfig| -> Result<Vec<StayEvidence>, JudgeError> {
            let mut stays = lake.judge(registry, config);
            let answers: Vec<Vec<StayEvidence>> = questions
                .par_chunks(SPREAD_TOGETHER)
                .map(|components| {
                    let block = profiles.days_of_bills(components)?;
                    Ok(block.map_or_else(Vec::new, |block| judge(&block, registry, peers, config)))
                })
                .collect::<Result<_, JudgeError>>()?;
            answer(&mut stays, answers.into_iter().flatten().collect());
            Ok(stays)
        };
        let stays = under(config)?;
        let mut changed = Vec::new();
        if stays.is_empty() {
            return Ok((stays, changed));
        }
        for (variant, asked) in variants.iter().enumerate() {
            let now = under(&asked.config)?;
            let differ = now.into_iter().zip(&stays).filter(|(now, was)| {
                format!("{:?}", now.rules) != format!("{:?}", was.rules)
                    || now.suppressions != was.suppressions
            });
            changed.extend(differ.map(|(stay, _)| Changed { variant, stay }));
        }
        Ok((stays, changed))
    }
}
