//! The bundled lake: who is in it, what their meters say, and the files that come of it.

use std::collections::BTreeMap;

pub(crate) mod bills;
pub(crate) mod calendar;
pub(crate) mod cast;
pub(crate) mod dirt;
pub(crate) mod home;
pub(crate) mod tables;

/// Every file of the lake: path below the lake's folder, and text.
#[must_use]
pub(crate) fn files() -> BTreeMap<String, String> {
    tables::files(&cast::homes())
}
