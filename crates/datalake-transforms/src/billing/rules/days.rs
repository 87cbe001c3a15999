//! What bills leave to days: usage without a contract, and long estimation.

use crate::judge::StayEvidence;
use crate::register_periods::BilledPeriod;
use crate::registry::{Component, Coverage, Registry};
use crate::rules::Rule;

/// Delivered-kWh registers whose bills raise questions that only days answer, ascending: energy while off or not installed, or
/// bills that are not actual. `periods` in any order.
#[must_use]
pub fn questions_of_days(periods: &[BilledPeriod], registry: &Registry) -> Vec<u32> {
    let asks = |bill: &&BilledPeriod| {
        let energy = bill.is_actual && bill.value_micro.is_some_and(|value| value > 0);
        let contract = energy && matches!(bill.coverage, Coverage::Off(_) | Coverage::Uninstalled);
        contract || !bill.is_actual
    };
    let is_home = |index: &u32| {
        registry
            .components
            .get(*index as usize)
            .is_some_and(Component::is_delivered)
    };
    let mut found: Vec<u32> = periods.iter().filter(asks).map(|bill| bill.component).collect();
    found.sort_unstable();
    found.dedup();
    found.retain(is_home);
    found
}

/// The rules that days answer.
const OF_DAYS: [Rule; 3] = [
    Rule::UsageNotInstalled,
    Rule::UsageDisconnected,
    Rule::ProlongedEstimation,
];

/// Takes the answers of days, for [`questions_of_days`], into the evidence of bills.
pub fn answer(of_bills: &mut [StayEvidence], of_days: Vec<StayEvidence>) {
    let key = |stay: &StayEvidence| (stay.component, stay.service_point);
    of_bills.sort_unstable_by_key(key);
    for days in of_days {
        let Ok(at) = of_bills.binary_search_by_key(&key(&days), key) else {
            continue;
        };
        let stay = &mut of_bills[at];
        let is_answer = |rule: Rule| OF_DAYS.contains(&rule);
        stay.rules.retain(|found| !is_answer(found.rule));
        stay.rules
            .extend(days.rules.into_iter().filter(|found| is_answer(found.rule)));
        stay.rules.sort_unstable_by_key(|found| found.rule);
        let against = days.suppressions.into_iter();
        stay.suppressions
            .extend(against.filter(|found| is_answer(found.rule)));
        stay.usage_micro = days.usage_micro;
    }
}
