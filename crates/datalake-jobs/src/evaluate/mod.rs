//! Judges scores and cases against the truth.
