//! The whole file.
