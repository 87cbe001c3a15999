//! A session as one has it in a console: no command line, and the config pasted as a string.
//!
//! `cargo run -p datalake-deps --example console`; each line also works in the REPL of evcxr.

use datalake_deps::config::{ConfigLayers, JobConfig};
use datalake_deps::diagnostic::{Diagnostic, render};
use datalake_deps::session::{SessionOptions, start_session};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    output: String,
    min_days: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            output: "out".to_owned(),
            min_days: 14,
        }
    }
}

fn explore() -> Result<(), Box<dyn Diagnostic>> {
    let (session, log, _) = start_session(SessionOptions {
        app_name: "console",
        master: Some("local[*]"),
        session_config: &[("memory_limit", "512MiB")],
        ..SessionOptions::default()
    })
    .map_err(boxed)?;
    let config = JobConfig::parse(r#"{"min_days": 21}"#).map_err(boxed)?;
    let config = ConfigLayers::new()
        .with_job_config(config)
        .resolve::<Config>()
        .map_err(boxed)?;
    log.info(format_args!(
        "min_days is {} ({})",
        config.value.min_days, config.origins["min_days"]
    ));
    let sum: u64 = session.install(|| (1..=100).sum());
    log.info(format_args!(
        "the session's {} threads add up to {sum}",
        session.threads()
    ));
    Ok(())
}

fn boxed(error: impl Diagnostic) -> Box<dyn Diagnostic> {
    Box::new(error)
}

fn main() -> std::process::ExitCode {
    match explore() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", render(&*error));
            error.exit_code().into()
        }
    }
}
