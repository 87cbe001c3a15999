//! Writes the small lake in `test_data/`: `cargo run -p datalake-jobs --example make_test_data [FOLDER]`.
//!
//! The lake is made of integers only, so that every number in it can be worked out by hand; `test_data/README.md`
//! does so. A test checks that the committed files are what this writes.

use std::path::PathBuf;
use std::process::ExitCode;

mod lake;

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../test_data"),
        PathBuf::from,
    );
    for (path, text) in lake::files() {
        let file = folder.join(&path);
        let written = file
            .parent()
            .map_or(Ok(()), fs_err::create_dir_all)
            .and_then(|()| fs_err::write(&file, text));
        if let Err(error) = written {
            eprintln!("error: {error}\nhint: name a folder that can be written to");
            return ExitCode::from(73);
        }
    }
    ExitCode::SUCCESS
}
