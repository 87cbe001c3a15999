//! The report: one HTML file with an overview, the ranked list, and the evidence of each case.
//!
//! | module | what it does |
//! |---|---|
//! | `gather` | the third pass: draws the days of the cases' meters, kept compressed |
//! | `charts`, `svg` | charts as inline SVG |
//! | `pack`, `words` | the evidence of a case, and its summary in plain words |
//! | `model` | what a model says of a case |
//! | `overview`, `list` | what stands on the first page |
//! | `packed` | compression |
//! | `page` | the file around all of it |
//! | `file` | where it goes |
//!
//! The same input gives the same bytes: there is nothing of the clock, the run or the machine in it.

// A template beside its values reads as the markup that it becomes; the time goes into compression.
#![allow(clippy::format_collect, clippy::format_push_string)]

mod cases;
pub(crate) mod charts;
pub(super) mod file;
mod gather;
mod list;
mod model;
mod overview;
mod pack;
mod packed;
pub(crate) mod page;
pub(crate) mod svg;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod words;

use std::path::Path;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Float64Type;
use datalake_deps::logging::Logger;
use datalake_deps::run_record::RunRecord;
use datalake_transforms::accounting::RowCounts;
use datalake_transforms::error::TransformError;
use datalake_transforms::findings::Findings;
use datalake_transforms::peers::Peers;
use datalake_transforms::ranking::Assessment;
use datalake_transforms::registry::Registry;
use rayon::prelude::*;

use super::config::Config;
use super::error::JobError;
use super::extract::TableRows;
use super::transform::{Outcome, Profiles};
use crate::evaluate::{
    self,
    input::{Known, Scores},
};
use crate::inspections::Inspections;
use cases::CaseRow;
pub(super) use gather::Drawings;
use model::Meanings;
use page::Page;

/// Draws the days of the cases' meters, with a progress bar and a step of the record; nothing where no file is asked for.
pub(super) fn draw(
    file: Option<&Path>,
    profiles: Profiles<'_>,
    outcome: &Outcome,
    log: &Logger,
    record: &mut RunRecord,
) -> Result<Option<Drawings>, JobError> {
    if file.is_none() {
        return Ok(None);
    }
    let bar = log.progress_bar(profiles.ranges().len() as u64, "evidence");
    let (assessment, peers) = (&outcome.assessment, &outcome.peers);
    let drawings = record.time("evidence", || {
        gather::gather(profiles, assessment, peers, &|done| bar.inc(done))
    });
    bar.finish_and_clear();
    drawings.map(Some)
}

/// What a report is made from.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// Where the rows of the measurements went.
    pub(super) counts: &'a RowCounts,
    /// Rows of the other tables.
    pub(super) tables: &'a [TableRows],
    /// What was noticed.
    pub(super) findings: &'a Findings,
    /// `meter_features`.
    pub(super) features: &'a RecordBatch,
    /// Cases, scores and what led to them.
    pub(super) assessment: &'a Assessment,
    /// What hangs where.
    pub(super) registry: &'a Registry,
    /// Peer groups.
    pub(super) peers: &'a Peers,
    /// Thresholds and clocks.
    pub(super) config: &'a Config,
    /// The days of the cases' meters, drawn.
    pub(super) drawings: &'a Drawings,
    /// Outcomes of inspections, where the lake has some.
    pub(super) inspections: Option<&'a Inspections>,
}

impl Report<'_> {
    /// The file.
    pub(super) fn html(&self) -> Result<String, JobError> {
        let cases = cases::rows(&self.assessment.cases)?;
        let evidence = self.assessment.evidence();
        let first = evidence.iter().map(|stay| stay.first_day).min();
        let last = evidence.iter().map(|stay| stay.last_actual_day).max();
        let meanings = Meanings::new();
        let groups = cases
            .par_chunks(packed::GROUP)
            .map(|cases| {
                let packs: Vec<String> = cases
                    .iter()
                    .map(|case| self.pack(case, &meanings))
                    .collect::<Result<_, _>>()?;
                packed::group(&packs).map_err(JobError::Packing)
            })
            .collect::<Result<_, JobError>>()?;
        Ok(page::html(&Page {
            days: first.zip(last),
            cases: cases.len(),
            overview: overview::html(self, &cases)? + &self.quality(&cases)?,
            list: list::table(&cases, self.config.rules.tariff_per_kwh.is_some()),
            groups,
        }))
    }

    /// The list beside the outcomes of inspections; nothing without any.
    fn quality(&self, cases: &[CaseRow]) -> Result<String, JobError> {
        let Some(inspections) = self.inspections else {
            return Ok(String::new());
        };
        let table = &self.assessment.scores;
        let ids = cases::strings(table, "service_point_id")?;
        let numbers = |name: &str| {
            let numbers = cases::column(table, name)?.as_primitive_opt::<Float64Type>();
            let of = ids.iter().zip(numbers.ok_or_else(|| cases::bug(name))?);
            let of = of.filter_map(|(id, number)| Some((id?.to_owned(), number?)));
            Ok::<_, JobError>(of.collect())
        };
        let scores = Scores {
            score: numbers("score")?,
            model: numbers("model_score")?,
        };
        let of_case = |case: &CaseRow| {
            let judged = evaluate::input::Case {
                rank: case.rank as i64,
                onset_date: Some(case.onset),
                lost_kwh: case.lost.map(|lost| lost.kwh),
                band: case.lost.map(|lost| (lost.p10, lost.p90)),
            };
            Some((case.service_point.clone()?, judged))
        };
        let judged = cases.iter().filter_map(of_case).collect();
        let known = Known::of_inspections(inspections, None);
        Ok(evaluate::section(&evaluate::report::judge(
            &known,
            &scores,
            Some(&judged),
        )))
    }

    fn pack(&self, case: &CaseRow, meanings: &Meanings) -> Result<String, JobError> {
        let rules = &self.config.rules;
        let explanation = self
            .assessment
            .explain_rank(case.rank, self.registry, self.peers, rules);
        let (Some(explanation), Some((stays, strongest))) =
            (explanation, self.assessment.stays_of_rank(case.rank))
        else {
            return Err(TransformError::Bug(format!("case {} has no evidence", case.case_id)).into());
        };
        Ok(pack::html(&pack::Case {
            row: case,
            explanation: &explanation,
            stays,
            strongest,
            figures: &self.drawings.of(case.rank)?,
            registry: self.registry,
            tariff: rules.tariff_per_kwh,
            meanings,
        }))
    }
}
