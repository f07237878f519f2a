//! `mfactl admin audit`: what has happened.

use mfad_client::Options;
use mfad_proto::Realm;

use crate::args::Audit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(_audit: Audit, _server: (Options, Option<Realm>), _output: &Output) -> Result<(), Failure> {
    Err(Failure::Refused(mfad_proto::Refusal::Unsupported))
}
