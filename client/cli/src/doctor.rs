//! `mfactl doctor`: what keeps mfad from working or from protecting, each with what to do.

use mfad_client::Options;

use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(_server: Options, _output: &Output) -> Result<(), Failure> {
    Err(Failure::Refused(mfad_proto::Refusal::Unsupported))
}
