//! The model: its file, and the features of service points that it looks at.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::fingerprint::sha256_hex;
use datalake_deps::store;
use datalake_transforms::billing::Bills;
use datalake_transforms::error::TransformError;
use datalake_transforms::learning::Matrix;
use datalake_transforms::learning::encoding::Groups;
use datalake_transforms::learning::model::{Model, ModelError};
use datalake_transforms::register_periods::BilledPeriod;
use datalake_transforms::rules::RuleConfig;
use datalake_transforms::subject_features::{SubjectData, model_features, subject_groups, subject_matrix};

use super::bills::periods_of;
use super::transform::{Outcome, Profiles};

/// Largest file that is read as a model.
const MAX_MODEL_BYTES: u64 = 256 << 20;

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// It is not there, or cannot be read.
    #[error("cannot read the model")]
    Read(#[source] std::io::Error),
    /// Too large to be one.
    #[error("`{}` is larger than {} MB, so it is no model", path.display(), MAX_MODEL_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not the JSON of a model.
    #[error("`{}` is not the file of a model", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A model that must not be used.
    #[error("the model `{}` cannot be used", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ModelError,
    },
}

impl Diagnostic for ModelFileError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read(_) => ExitCode::NoInput,
            Self::TooLarge { .. } | Self::Parse { .. } | Self::Refused { .. } => ExitCode::BadData,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Read(_) => Some("--model names a file that train-theft-model has written".to_owned()),
            _ => Some("train it again with this version's train-theft-model".to_owned()),
        }
    }
}

/// A model whose file was checked.
#[derive(Debug)]
pub(super) struct LoadedModel {
    /// The model.
    pub(super) model: Model,
    /// SHA-256 of its file.
    pub(super) sha256: String,
}

impl LoadedModel {
    /// Reads and checks a file.
    pub(super) fn read(path: &str) -> Result<Self, ModelFileError> {
        let path = Path::new(path);
        let mut bytes = Vec::new();
        let file = store::open(path).map_err(ModelFileError::Read)?;
        // One byte more than allowed tells a file that is too large.
        file.take(MAX_MODEL_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(ModelFileError::Read)?;
        let path = || path.to_owned();
        if bytes.len() as u64 > MAX_MODEL_BYTES {
            return Err(ModelFileError::TooLarge { path: path() });
        }
        let model: Model = serde_json::from_slice(&bytes)
            .map_err(|source| ModelFileError::Parse { path: path(), source })?;
        model
            .check(&model_features(model.training.counts_and_dates))
            .map_err(|source| ModelFileError::Refused { path: path(), source })?;
        Ok(Self {
            sha256: sha256_hex(&bytes),
            model,
        })
    }

    /// What the model says of all subjects, whose features are given; contributions also for the one called `explained`.
    pub(super) fn judge(
        &self,
        profiles: Profiles<'_>,
        outcome: &mut Outcome,
        (features, rules): (&Features, &RuleConfig),
        explained: Option<&str>,
    ) -> Result<(), TransformError> {
        let known: Vec<&str> = self
            .model
            .features
            .iter()
            .map(|feature| feature.name.as_str())
            .collect();
        let numbers = features.numbers.with_columns(|name| known.contains(&name));
        let matrix = numbers.with_added(features.groups.encoded(&self.model.encodings))?;
        let context = (profiles.registry, &outcome.peers, rules);
        outcome
            .assessment
            .judge_by(&self.model, &matrix, context, explained)
    }
}

/// What models look at, counts and dates included, one row a subject.
#[derive(Debug, Default)]
pub(crate) struct Features {
    /// Numbers.
    pub(crate) numbers: Matrix,
    /// Groups of the same rows.
    pub(crate) groups: Groups,
}

/// The features of all subjects.
pub(super) fn features_of(profiles: Profiles<'_>, outcome: &Outcome) -> Result<Features, TransformError> {
    let registry = profiles.registry;
    let delivered = |period: &BilledPeriod| {
        let component = registry.components.get(period.component as usize);
        component.is_some_and(datalake_transforms::registry::Component::is_delivered)
    };
    let mut periods = periods_of(profiles, profiles.register_rows)?;
    periods.extend(periods_of(profiles, profiles.bill_rows)?);
    periods.retain(delivered);
    let bills = Bills::of_periods(&periods, registry);
    if bills.swapped() > 0 {
        tracing::warn!(
            bills = bills.swapped(),
            "readings say that day and month of dates have changed places: features of bills are made of dates put right"
        );
    }
    let data = SubjectData {
        registry,
        meter_features: &outcome.features,
        bills: &bills,
    };
    Ok(Features {
        numbers: subject_matrix(&outcome.assessment, &data)?,
        groups: subject_groups(&outcome.assessment, registry)?,
    })
}
