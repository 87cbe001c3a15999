//! Learning from outcomes of inspections, and telling the odd from the usual without them.
//!
//! | module | what |
//! |---|---|
//! | [`matrix`] | named columns of numbers, rows by id |
//! | [`forest`] | isolation forest: how odd a row is among the others, no labels needed |
//! | [`boosting`] | gradient-boosted trees: the model of a row's label |
//! | [`logistic`] | L2 logistic regression: the baseline that trees have to beat |
//! | [`tree`] | one tree of a model: what it says of a row, and what each feature contributes to that |
//! | [`calibration`] | from a raw score to a probability |
//! | [`encoding`] | shares of thefts in groups of rows |
//! | [`folds`] | which rows are held out |
//! | [`model`] | a model as it is kept in a file, and what a file has to hold to be believed |
//!
//! Rows are sorted by id before anything is added up, trees are grown each with a stream of random numbers of its
//! own, and samples are drawn by hashes of ids: neither threads nor the order of rows change a bit of the result.

pub mod boosting;
pub mod calibration;
pub mod encoding;
pub mod folds;
pub mod forest;
pub mod logistic;
pub mod matrix;
pub mod model;
mod random;
pub mod tree;

pub use matrix::Matrix;
