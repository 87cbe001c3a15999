//! The service points of a lake as a model learns from them.

use datalake_deps::config::Resolved;
use datalake_deps::lake::Lake;
use datalake_deps::logging::Logger;
use datalake_deps::run_record::RunRecord;
use datalake_deps::session::Session;
use datalake_transforms::subject_features::last_days;

use super::config::{RawConfig, validate};
use super::error::JobError;
use super::extract;
use super::job::{Job, VERSION, lake_folder};
use super::learned::Features;
use super::provenance::config_fingerprint;

/// What a model learns from: all service points, and what they depend on.
pub(crate) struct Subjects {
    /// The lake.
    pub(crate) lake: Lake,
    /// Their features, counts and dates included.
    pub(crate) features: Features,
    /// Last day with data of each row of the features, days since 1970-01-01.
    pub(crate) last_days: Vec<i32>,
    /// Fingerprint of the files that the features depend on.
    pub(crate) input_fingerprint: String,
    /// Fingerprint of the config that they depend on.
    pub(crate) config_fingerprint: String,
}

/// The service points of a lake as a run would see them; nothing is written.
pub(crate) fn subjects(
    session: &Session,
    log: &Logger,
    resolved: &Resolved<RawConfig>,
) -> Result<Subjects, JobError> {
    let config = validate(resolved)?;
    let lake = Lake::open(lake_folder(resolved)?, config.lake.clone())?;
    let inputs = extract::inputs(&lake)?;
    let job = Job {
        session,
        log,
        config: &config,
        lake: lake_folder(resolved)?,
        dry_run: false,
        report: None,
        state: None,
        model: None,
        explained: None,
        what_if: None,
        wants_features: true,
    };
    let assessed = job.assess(&lake, &mut RunRecord::start(session, VERSION))?;
    let features = assessed.features.unwrap_or_default();
    let assessment = &assessed.outcome.assessment;
    Ok(Subjects {
        last_days: last_days(assessment, &assessed.registry, features.numbers.ids()),
        features,
        input_fingerprint: extract::input_fingerprint(&inputs),
        config_fingerprint: config_fingerprint(resolved, None),
        lake,
    })
}
