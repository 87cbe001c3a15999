//! The jobs from outside: its command line, its files, its exit codes.
//!
//! | module | what it shows |
//! |---|---|
//! | `fixture` | `test_data/` is what its generator writes, and the job accounts for every row of it |
//! | `cases` | every home of `test_data/` gets the verdict that its README works out |
//! | `bad_input`, `bad_config`, `bad_output` | each kind of bad input, config and output ends with its exit code and message |
//! | `bills` | registers that are read by the quarter, from bills to a case |
//! | `compact` | `theft-detection` finds in a compacted lake what it finds in the lake |
//! | `invariants` | the promises that hold for every input |
//! | `kills` | a run killed at any instant leaves whole tables |
//! | `learning` | `train-theft-model` learns from inspections, and `theft-detection` uses what it learned |
//! | `report` | the report's file, and what is said where it cannot be written |
//! | `what_if` | its counts are those of runs under other thresholds |
//! | `seed_parity` | the command line, the config and the session behave as users know them |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_config;
mod bad_input;
mod bad_output;
mod bills;
mod cases;
mod compact;
mod fixture;
mod invariants;
mod kills;
mod learning;
mod report;
mod seed_parity;
mod state;
mod support;
mod what_if;

#[path = "../../examples/make_test_data/lake/mod.rs"]
mod lake;
