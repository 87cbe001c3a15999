//! Bills of nothing after bills of something.

use super::{Found, Judge, OTHER_KEPT, USED_BILLS, ZERO_DAYS, days_of, span};
use crate::billing::Period;
use crate::billing::falls::short_of;
use crate::rules::{Gap, Rule, RuleEvidence, Verdict};

fn is_zero(bill: &Period) -> bool {
    bill.billed.value_micro == Some(0)
}

impl Judge<'_> {
    pub(super) fn zero(&self) -> Found {
        let rule = Rule::ZeroWhileOn;
        let config = &self.config.zero_while_on;
        let needed = config.min_days.max(ZERO_DAYS);
        let n = self.usable.len();
        let (found, bills) = self.longest_zeros().unwrap_or((0, n..n));
        let hit = found >= needed;
        let (onset_day, end_day) = if bills.is_empty() {
            (0, 0)
        } else {
            span(self.usable[bills.clone()].iter().map(|bill| &bill.billed))
        };
        let goes_on = hit
            && self
                .other_kept((onset_day, end_day))
                .is_some_and(|kept| kept >= OTHER_KEPT);
        let strength = match (hit, goes_on) {
            (true, true) => 0.8,
            (true, false) => 0.5,
            (false, _) => 0.3 * f64::from(found) / f64::from(needed),
        };
        let missing = short_of(&self.usable[..bills.start], &self.usable[bills.clone()], i64::MIN);
        Found {
            evidence: RuleEvidence {
                rule,
                verdict: if n == 0 {
                    Verdict::NotJudged(Gap::TooFewDays)
                } else if hit {
                    Verdict::Hit
                } else {
                    Verdict::Miss
                },
                value: found as f32,
                threshold: needed as f32,
                onset_day,
                end_day,
                strength: strength as f32,
                kwh_micro: missing.map_or(0, |loss| loss.lost_micro),
            },
            bills,
            taken_back: None,
        }
    }

    /// The most days of bills of 0 in a row after used ones of which more than half are above the least baseline; the latest
    /// of equals.
    fn longest_zeros(&self) -> Option<(u32, std::ops::Range<usize>)> {
        let least = self.config.zero_while_on.min_baseline_kwh_per_day;
        let (mut used, mut above, mut start) = (0, 0, 0);
        let mut longest: Option<(u32, std::ops::Range<usize>)> = None;
        for run in self.usable.chunk_by(|a, b| is_zero(a) == is_zero(b)) {
            let end = start + run.len();
            if is_zero(&run[0]) {
                let days = days_of(run.iter().map(|bill| &bill.billed));
                let is_longest = longest.as_ref().is_none_or(|(most, _)| days >= *most);
                if used >= USED_BILLS && 2 * above > used && is_longest {
                    longest = Some((days, start..end));
                }
            } else {
                let spent = run.iter().filter(|bill| bill.kwh > 0.0);
                let (all, over) = spent.fold((0, 0), |(all, over), bill| {
                    (all + 1, over + usize::from(bill.kwh_a_day() > least))
                });
                (used, above) = (used + all, above + over);
            }
            start = end;
        }
        longest
    }
}
