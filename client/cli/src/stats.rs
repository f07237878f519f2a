//! `mfactl admin stats`: what the daemon measures of itself.

use mfad_client::Options;

use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(_prometheus: bool, _server: Options, _output: &Output) -> Result<(), Failure> {
    Err(Failure::Refused(mfad_proto::Refusal::Unsupported))
}
