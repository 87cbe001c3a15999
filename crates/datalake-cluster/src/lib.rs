//! The jobs where one host is not enough: on object stores.

pub mod jobs;
