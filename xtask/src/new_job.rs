pub(crate) fn run(_: &std::path::Path, _: &Args) -> crate::error::Result<()> {
    Ok(())
}
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}
