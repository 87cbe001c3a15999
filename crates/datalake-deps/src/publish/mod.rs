//! Publishes a set of tables together or not at all.
//!
//! In an object store one write of `current.json` does it. On a local file system:
//!
//! ```text
//! OUTPUT/theft_cases                  -> .versions/current/theft_cases      (link, made once)
//! OUTPUT/.versions/.lock              held by the run that writes
//! OUTPUT/.versions/.staging/          tables of the run that writes
//! OUTPUT/.versions/current            -> 1f0c..                             (link, replaced by one rename)
//! OUTPUT/.versions/previous           -> 77ab..
//! OUTPUT/.versions/1f0c../manifest.json
//! OUTPUT/.versions/1f0c../theft_cases/part-0.parquet
//! ```
//!
//! # Why a kill at any instant does no harm
//! Everything happens under the lock, which the system takes back from a dead process. The steps, in order:
//!
//! 1. **Write** the tables into `.staging`. Nothing points there; the next run removes what is left.
//! 2. **Seal**: sync and digest each file, then write `manifest.json`. A version without it is none.
//! 3. **Place**: rename `.staging` to the version's id. Whole, but nothing points there yet.
//! 4. **Link** `OUTPUT/<table>` where that is missing. Before the first publish such a link leads nowhere, so
//!    that a reader finds no table at all rather than some of them.
//! 5. **Remember** what `current` points to as `previous`.
//! 6. **Switch**: one rename replaces the link `current`. All tables change with it.
//! 7. **Clean**: remove the links of tables that are no more, and all versions but `current` and `previous`.
//!
//! A kill before the sixth step leaves the old tables, a kill after it the new ones. What was synced before
//! each rename makes the same hold for a power cut.
//!
//! A reader that opens several tables, and wants them of one version, resolves `current` once
//! ([`Output::current`]); that version outlives the next publish as `previous`.

mod error;
mod manifest;
mod output;
mod remote;
mod staging;
#[cfg(test)]
mod tests;

pub use error::PublishError;
pub use manifest::{Manifest, Provenance, PublishedFile};
pub use output::{Output, OutputLock};
pub(crate) use remote::current_of;
pub use staging::Staging;
