//! Transformations of the meter data lake: pure functions over Arrow record batches, parallel with rayon.
//!
//! Nothing in this crate reads a file, a clock or an environment variable, and nothing logs. Every function
//! returns its output together with what it noticed ([`findings::Finding`]), and yields the same bytes for the
//! same rows whatever their order and the number of threads.
//!
//! The way of the data:
//!
//! ```text
//! device, measuring_component, install_event -> registry::build (legal time -> clock -> install periods)
//! measurements -> resolve -> day_grid -> day_profile (one row per component and day)
//! day_profile -> series -> features (one row per component)
//! series + peers -> rules (evidence) -> suppressors -> loss -> cases
//! ```

pub mod accounting;
mod age;
pub mod balance;
pub mod billing;
pub mod change_point;
pub mod clock;
pub mod compact;
pub mod component_type;
pub mod conditions;
pub mod day_grid;
pub mod day_noise;
pub mod day_profile;
pub mod day_rows;
pub mod error;
pub mod evidence_pack;
pub mod features;
pub mod findings;
pub(crate) mod hours;
pub mod judge;
pub mod learning;
pub mod levels;
pub mod loss;
pub mod measured;
pub mod model;
pub mod newest_wins;
pub mod peers;
pub mod quantiles;
pub mod ranking;
pub mod register_periods;
pub mod registry;
pub mod resolve;
pub mod rules;
pub mod series;
pub mod stays;
pub mod subject_features;
pub mod suppressors;
mod weather;
pub mod what_if;

#[cfg(test)]
pub(crate) mod test_lake;
