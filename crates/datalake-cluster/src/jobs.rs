//! All jobs in one program, called by the name that it is called by: as `theft-detection`, or `datalake-jobs theft-detection`.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;

use datalake_deps::exit_code::ExitCode;
use datalake_jobs::{compact, theft_detection, train_theft_model};

/// A job: its name, and its main function.
type Job = (&'static str, fn(Vec<OsString>) -> ExitCode);

const JOBS: [Job; 3] = [
    (theft_detection::NAME, |args| theft_detection::main(args)),
    (compact::NAME, |args| compact::main(args)),
    (train_theft_model::NAME, |args| train_theft_model::main(args)),
];

/// Runs the job that the command line names, and returns how the process ends.
pub fn main(command_line: impl IntoIterator<Item = OsString>) -> ExitCode {
    datalake_object_store::install();
    let mut args: Vec<OsString> = command_line.into_iter().collect();
    if let Some((_, job)) = args
        .first()
        .and_then(|program| job_of(Path::new(program).file_name()?))
    {
        return job(args);
    }
    let asked = args.get(1).cloned().unwrap_or_default();
    if let Some((_, job)) = job_of(&asked) {
        args.remove(0);
        return job(args);
    }
    let names: Vec<&str> = JOBS.iter().map(|(name, _)| *name).collect();
    let text = format!(
        "error: `{}` is no job\nhint: say one of {} first; `datalake-jobs JOB --help` tells more\n",
        asked.display(),
        names.join(", ")
    );
    // Where standard error is closed there is nobody to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::Usage
}

fn job_of(name: &OsStr) -> Option<Job> {
    JOBS.into_iter().find(|(job, _)| name == *job)
}
