//! Job `theft-detection`: from the four tables of the lake to a ranked, explained list of suspected service
//! points.

pub mod profile_store;
pub mod transform;
pub mod windows;
