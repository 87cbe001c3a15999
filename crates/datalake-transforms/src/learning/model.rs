//! A model as it is kept in a file: everything that is needed to apply it, to check it, and to know what it is worth.
//!
//! Nothing in it depends on the clock or on threads: the same labels and lake give the same model.

use serde::{Deserialize, Serialize};

use super::boosting::{BoostingConfig, Trees};
use super::calibration::Calibration;
use super::encoding::Encoding;
use super::logistic::{Logistic, LogisticConfig};

/// Version of the layout that this code writes and reads.
pub const FORMAT: u32 = 2;

/// Trees of a model at most.
const MAX_TREES: usize = 20_000;

/// What a model of this project's jobs is a model of.
pub const KIND: &str = "theft";

/// One number of a service point that a model looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Name, with the unit at its end where it has one.
    pub name: String,
    /// What it says, in words.
    pub meaning: String,
}

/// What a model was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Job that trained it.
    pub job: String,
    /// Version of that job.
    pub job_version: String,
    /// Fingerprint of the lake's files, labels included.
    pub input_fingerprint: String,
    /// Fingerprint of the config.
    pub config_fingerprint: String,
    /// Whether its features hold counts and dates.
    pub counts_and_dates: bool,
    /// Service points with a label.
    pub labelled: u64,
    /// Those of them that steal.
    pub thefts: u64,
}

/// How a model did on service points that it had not seen, by cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Held-out parts.
    pub folds: u32,
    /// Area under the ROC curve: the chance that a theft scores above another.
    pub auc: Option<f64>,
    /// Average precision.
    pub average_precision: Option<f64>,
    /// Share of thefts found where one of a hundred others is, too.
    pub theft_share_at_1_percent_false: Option<f64>,
    /// Average precision within the first 100.
    pub map_100: Option<f64>,
    /// Average precision within the first 200.
    pub map_200: Option<f64>,
    /// At some numbers of inspections.
    pub at: Vec<AtInspections>,
}

/// What so many inspections would find.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtInspections {
    /// Inspections, the highest scores first.
    pub inspections: u64,
    /// Share of them that find a theft.
    pub precision: Option<f64>,
    /// Share of all thefts that they find.
    pub recall: Option<f64>,
}

/// What gives the raw score, with the settings that it was made with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Learner {
    /// Gradient-boosted trees.
    BoostedTrees {
        /// Settings.
        hyperparameters: BoostingConfig,
        /// The trees.
        fitted: Trees,
    },
    /// Logistic regression.
    Logistic {
        /// Settings.
        hyperparameters: LogisticConfig,
        /// The coefficients.
        fitted: Logistic,
    },
}

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// [`FORMAT`].
    pub format: u32,
    /// [`KIND`].
    pub kind: String,
    /// What it was trained on.
    pub training: Training,
    /// What it is worth.
    pub cross_validation: Figures,
    /// The same of the baseline, logistic regression on the same features and folds.
    pub baseline: Figures,
    /// From raw score to probability.
    pub calibration: Calibration,
    /// What it looks at, in the order of its columns.
    pub features: Vec<Feature>,
    /// Shares of thefts in groups: the last of the features are made with them.
    pub encodings: Vec<Encoding>,
    /// What gives the raw score.
    pub learner: Learner,
}

/// Why a model cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Another layout.
    #[error("the model has format {found}; this version reads format {FORMAT}")]
    Format {
        /// What it says.
        found: u32,
    },
    /// A model of something else.
    #[error("the model is of kind `{found}`, expected `{KIND}`")]
    Kind {
        /// What it says.
        found: String,
    },
    /// It looks at other numbers than this version makes.
    #[error("feature {position} of the model is {found}, this version has {expected}")]
    Features {
        /// First position, from 1, at which they differ.
        position: usize,
        /// The model's.
        found: String,
        /// This version's.
        expected: String,
    },
    /// It is damaged, or was never written by this project.
    #[error("the model is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: String,
    },
}

/// What a model says of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Probability of theft, calibrated.
    pub probability: f64,
    /// Log-odds before calibration.
    pub raw: f64,
}

impl Model {
    /// Whether everything in it can be believed, and it looks at exactly `features`.
    pub fn check(&self, features: &[Feature]) -> Result<(), ModelError> {
        if self.format != FORMAT {
            return Err(ModelError::Format { found: self.format });
        }
        if self.kind != KIND {
            return Err(ModelError::Kind {
                found: self.kind.chars().take(100).collect(),
            });
        }
        let n = self.features.len().max(features.len());
        let quoted = |feature: Option<&Feature>| {
            feature.map_or_else(
                || "missing".to_owned(),
                |feature| format!("`{}`", feature.name.chars().take(100).collect::<String>()),
            )
        };
        let name = |feature: Option<&Feature>| feature.map(|feature| feature.name.clone());
        if let Some(at) = (0..n).find(|&at| name(self.features.get(at)) != name(features.get(at))) {
            return Err(ModelError::Features {
                position: at + 1,
                found: quoted(self.features.get(at)),
                expected: quoted(features.get(at)),
            });
        }
        self.fault()
            .map_or(Ok(()), |what| Err(ModelError::Damaged { what }))
    }

    fn fault(&self) -> Option<String> {
        let Calibration { slope, intercept } = self.calibration;
        if !slope.is_finite() || !intercept.is_finite() || slope < 0.0 {
            return Some("its calibration is no rising curve".to_owned());
        }
        let tail = self.features.len().saturating_sub(self.encodings.len());
        let names = self.features[tail..].iter().map(|feature| &feature.name);
        if !names.eq(self.encodings.iter().map(|encoding| &encoding.name)) {
            return Some("its groups are not the last of its features".to_owned());
        }
        if let Some(what) = self.encodings.iter().find_map(Encoding::fault) {
            return Some(what);
        }
        match &self.learner {
            Learner::BoostedTrees { fitted, .. } => {
                if !fitted.base.is_finite() {
                    return Some("its base is no number".to_owned());
                }
                if fitted.trees.len() > MAX_TREES {
                    return Some(format!(
                        "it has {} trees; {MAX_TREES} are allowed",
                        fitted.trees.len()
                    ));
                }
                let of_tree = |(at, tree): (usize, &super::tree::Tree)| {
                    tree.fault(self.features.len())
                        .map(|what| format!("tree {at}: {what}"))
                };
                fitted.trees.iter().enumerate().find_map(of_tree)
            }
            Learner::Logistic { fitted, .. } => {
                if fitted.coefficients.len() != self.features.len() {
                    return Some(format!(
                        "it has {} coefficients for {} features",
                        fitted.coefficients.len(),
                        self.features.len()
                    ));
                }
                let sound = |c: &super::logistic::Coefficient| {
                    [c.mean, c.deviation, c.slope, c.unknown]
                        .iter()
                        .all(|x| x.is_finite())
                        && c.deviation > 0.0
                };
                let all = fitted.intercept.is_finite() && fitted.coefficients.iter().all(sound);
                (!all).then(|| "a coefficient is no number".to_owned())
            }
        }
    }

    /// What it says of a row, values by feature.
    #[must_use]
    pub fn judge(&self, row: &[f32]) -> Verdict {
        let raw = match &self.learner {
            Learner::BoostedTrees { fitted, .. } => fitted.raw(row),
            Learner::Logistic { fitted, .. } => fitted.raw(row),
        };
        Verdict {
            probability: self.calibration.probability(raw),
            raw,
        }
    }

    /// What each feature adds to the raw score, and the score that they start from.
    #[must_use]
    pub fn contributions(&self, row: &[f32]) -> (f64, Vec<f64>) {
        match &self.learner {
            Learner::BoostedTrees { fitted, .. } => fitted.contributions(row),
            Learner::Logistic { fitted, .. } => fitted.contributions(row),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::super::logistic::Coefficient;
    use super::super::matrix::tests::uniform;
    use super::*;

    fn features(names: &[&str]) -> Vec<Feature> {
        names
            .iter()
            .map(|name| Feature {
                name: (*name).to_owned(),
                meaning: "for a test".to_owned(),
            })
            .collect()
    }

    fn figures() -> Figures {
        Figures {
            folds: 5,
            auc: Some(0.5),
            average_precision: None,
            theft_share_at_1_percent_false: None,
            map_100: None,
            map_200: None,
            at: Vec::new(),
        }
    }

    fn model() -> Model {
        let matrix = uniform(300, 2, 0.1, 1);
        let labels: Vec<bool> = matrix.column(0).iter().map(|x| *x > 0.6).collect();
        let hyperparameters = BoostingConfig {
            max_trees: 5,
            inner_folds: 0,
            fits: 1,
            ..BoostingConfig::default()
        };
        Model {
            format: FORMAT,
            kind: KIND.to_owned(),
            training: Training {
                job: "a test".to_owned(),
                job_version: "1".to_owned(),
                input_fingerprint: "none".to_owned(),
                config_fingerprint: "none".to_owned(),
                counts_and_dates: true,
                labelled: 300,
                thefts: 120,
            },
            cross_validation: figures(),
            baseline: figures(),
            calibration: Calibration {
                slope: 1.0,
                intercept: 0.0,
            },
            features: features(&["f0", "f1"]),
            encodings: Vec::new(),
            learner: Learner::BoostedTrees {
                hyperparameters,
                fitted: Trees::fit(&matrix, &labels, &hyperparameters),
            },
        }
    }

    /// A regression with these slopes on raw values.
    pub(crate) fn regression(intercept: f64, slopes: &[(&str, f64)]) -> Model {
        let names: Vec<&str> = slopes.iter().map(|(name, _)| *name).collect();
        let of = |slope: f64| Coefficient {
            mean: 0.0,
            deviation: 1.0,
            slope,
            unknown: 0.0,
        };
        Model {
            features: features(&names),
            learner: Learner::Logistic {
                hyperparameters: LogisticConfig::default(),
                fitted: Logistic {
                    intercept,
                    coefficients: slopes.iter().map(|(_, slope)| of(*slope)).collect(),
                },
            },
            ..model()
        }
    }

    fn refusal(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let mut value = serde_json::to_value(model()).unwrap();
        change(&mut value);
        match serde_json::from_value::<Model>(value) {
            Ok(model) => model.check(&features(&["f0", "f1"])).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let written = serde_json::to_string(&model()).unwrap();
        let read: Model = serde_json::from_str(&written).unwrap();
        read.check(&features(&["f0", "f1"])).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
        assert_eq!(serde_json::to_string(&model()).unwrap(), written);
        for row in [[0.1, 0.2], [0.9, f32::NAN], [f32::NAN, 0.5]] {
            let (mean, parts) = read.contributions(&row);
            let verdict = read.judge(&row);
            assert!((mean + parts.iter().sum::<f64>() - verdict.raw).abs() < 1e-9);
            assert!((verdict.probability - 1.0 / (1.0 + (-verdict.raw).exp())).abs() < 1e-12);
        }
    }

    #[test]
    fn a_model_with_other_features_is_refused_by_the_first_that_differs() {
        let refused = |names: &[&str]| model().check(&features(names)).unwrap_err().to_string();
        assert_eq!(
            refused(&["f0", "g1"]),
            "feature 2 of the model is `f1`, this version has `g1`"
        );
        assert_eq!(
            refused(&["f0"]),
            "feature 2 of the model is `f1`, this version has missing"
        );
        assert_eq!(
            refused(&["f0", "f1", "f2"]),
            "feature 3 of the model is missing, this version has `f2`"
        );
    }

    #[test]
    fn a_damaged_or_foreign_model_is_refused() {
        assert!(refusal(|model| model["format"] = 1.into()).contains("format 1"));
        assert!(refusal(|model| model["kind"] = "weather".into()).contains("`weather`"));
        let strange = serde_json::json!([{"name": "g", "all": {"thefts": 0, "rows": 0}, "groups": {}}]);
        assert!(
            refusal(|model| model["encodings"] = strange.clone()).contains("not the last of its features")
        );
        let wrong = serde_json::json!([{"name": "f1", "all": {"thefts": 2, "rows": 1}, "groups": {}}]);
        assert!(refusal(|model| model["encodings"] = wrong.clone()).contains("`f1` counts more thefts"));
        assert!(refusal(|model| model["extra"] = 1.into()).contains("unknown field `extra`"));
        assert!(refusal(|model| model["calibration"]["slope"] = (-1.0).into()).contains("rising"));
        let node = "/learner/boosted_trees/fitted/trees/0/0/split";
        let low = move |model: &mut serde_json::Value, to: u64| {
            *model.pointer_mut(&format!("{node}/low")).unwrap() = to.into();
        };
        assert!(refusal(|model| low(model, 0)).contains("tree 0: its node 0 leads to node 0"));
        assert!(refusal(|model| low(model, 4_000_000_000)).contains("leads to node 4000000000"));
        assert!(refusal(|model| low(model, 5_000_000_000)).contains("expected u32"));
        let threshold = |model: &mut serde_json::Value| {
            *model.pointer_mut(&format!("{node}/threshold")).unwrap() = 1e300.into();
        };
        assert!(refusal(threshold).contains("threshold of its node 0"));
        let trees = |model: &mut serde_json::Value| {
            let one = model
                .pointer("/learner/boosted_trees/fitted/trees/0")
                .unwrap()
                .clone();
            *model.pointer_mut("/learner/boosted_trees/fitted/trees").unwrap() =
                vec![one; MAX_TREES + 1].into();
        };
        assert!(refusal(trees).contains("20001 trees"));
    }

    #[test]
    fn a_regression_is_checked_like_trees_are() {
        let coefficient = Coefficient {
            mean: 0.0,
            deviation: 1.0,
            slope: 2.0,
            unknown: 0.5,
        };
        let with = |coefficients: Vec<Coefficient>| Model {
            learner: Learner::Logistic {
                hyperparameters: LogisticConfig::default(),
                fitted: Logistic {
                    intercept: -1.0,
                    coefficients,
                },
            },
            ..model()
        };
        let check = |model: &Model| {
            model
                .check(&features(&["f0", "f1"]))
                .map_err(|error| error.to_string())
        };
        let sound = with(vec![coefficient; 2]);
        assert_eq!(check(&sound), Ok(()));
        // -1 + 2 x 0.25 + 0.5.
        assert_eq!(sound.judge(&[0.25, f32::NAN]).raw, 0.0);
        assert_eq!(sound.judge(&[0.25, f32::NAN]).probability, 0.5);
        assert!(
            check(&with(vec![coefficient; 3]))
                .unwrap_err()
                .contains("3 coefficients for 2")
        );
        let flat = Coefficient {
            deviation: 0.0,
            ..coefficient
        };
        assert!(
            check(&with(vec![coefficient, flat]))
                .unwrap_err()
                .contains("no number")
        );
    }
}
