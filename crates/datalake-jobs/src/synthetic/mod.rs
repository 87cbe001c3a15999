//! Makes a lake out of nothing: customers with a life, some of them thieves, some of them honest but odd.
//!
//! ```text
//! options -> world (weather, customers, stories, meters) -> tables
//!              |
//!              +-> load -> life and theft -> steps of the meter -> dirt -> measurements, unit by unit
//! ```
//!
//! Every day of every customer is a function of the seed, so units are made in parallel and in any order, and
//! memory holds the customers and a block of rows a thread, never a day of the lake. Only the layout of one file
//! needs space on disk beside it: all rows pass through files there once.

pub mod attack;
pub(crate) mod clock;
pub(crate) mod columns;
mod component_type;
mod day;
pub mod dirt;
pub mod error;
pub(crate) mod files;
mod home;
mod ids;
mod layout;
pub mod life;
mod load;
mod measurements;
pub(crate) mod names;
mod one_file;
pub mod options;
mod output;
pub(crate) mod random;
mod registers;
mod site;
mod tables;
pub mod theft;
pub(crate) mod tool;
pub mod truth;
mod weather;
mod world;

use std::ffi::OsString;

use datalake_deps::exit_code::ExitCode;
use datalake_deps::session::{SessionArgs, StopFlag};

use error::ToolError;
use files::Staging;
use ids::{Entity, id};
use measurements::Encoder;
pub use options::Args;
use output::TableFile;
use tool::Tool;
use world::World;

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Service points.
    pub service_points: usize,
    /// Measuring components.
    pub components: u32,
    /// Rows of measurements.
    pub rows: u64,
    /// Service points that steal.
    pub thieves: usize,
}

impl Tool for Args {
    const NAME: &'static str = "synthetic-lake";

    fn session(&self) -> &SessionArgs {
        &self.session
    }

    fn work(&self, stop: &StopFlag) -> Result<(), ToolError> {
        run(self, stop).map(|_| ())
    }
}

/// Runs the tool as its command line says, and returns how the process ends.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    tool::main::<Args>(command_line)
}

/// Makes the lake beside its place and publishes it by one rename.
pub fn run(args: &Args, stop: &StopFlag) -> Result<Summary, ToolError> {
    args.check()?;
    let staging = Staging::new(&args.output)?;
    let root = staging.path();
    let world = World::draw(args)?;
    for (name, batch) in
        tables::tables(&world, args.preset, args.interval_seconds).map_err(ToolError::arrow(root))?
    {
        let path = root
            .join(name)
            .join(format!("part-0.{}", args.format.extension()));
        let mut file = TableFile::create(&path, &batch.schema(), args.format)?;
        file.write(&batch)?;
        file.close()?;
    }
    // Components are numbered from 1.
    let ids = (0..=world.components)
        .map(|n| id(args.preset, Entity::Component, n))
        .collect();
    let encoder = Encoder::new(args.preset, args.register_share > 0.0, ids);
    let made = layout::make(&world, args, &encoder, &root.join("measurements"), stop)?;
    let truth = world.truth(&made.lost_micro, |n| id(args.preset, Entity::ServicePoint, n));
    truth::write(&root.join("truth").join("part-0.parquet"), &truth)?;
    let summary = Summary {
        service_points: world.sites.len(),
        components: world.components,
        rows: made.rows,
        thieves: truth.iter().filter(|t| t.is_theft).count(),
    };
    staging.publish()?;
    tracing::info!(?summary, output = %args.output.display(), "made a lake");
    Ok(summary)
}

#[cfg(test)]
mod tests;
