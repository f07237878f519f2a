//! `mfactl admin import`: factors that other programs have kept.

use mfad_client::Options;
use mfad_proto::Realm;

use crate::args::Import;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(_import: Import, _server: (Options, &Realm), _output: &Output) -> Result<(), Failure> {
    Err(Failure::Refused(mfad_proto::Refusal::Unsupported))
}
