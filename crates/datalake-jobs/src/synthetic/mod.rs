//! Makes a lake out of nothing: customers with a life, some of them thieves, some of them honest but odd.

pub mod attack;
pub(crate) mod clock;
pub(crate) mod columns;
pub mod component_type;
pub mod error;
pub mod files;
pub(crate) mod home;
pub(crate) mod load;
pub mod names;
pub(crate) mod random;
pub mod theft;
pub mod truth;
pub(crate) mod weather;
