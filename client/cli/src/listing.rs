//! `mfactl admin list` and `admin show`.

use mfad_client::Options;
use mfad_proto::Realm;

use crate::args::List;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

pub(crate) fn list(_list: List, _server: (Options, &Realm), _output: &Output) -> Result<(), Failure> {
    Err(Failure::Refused(mfad_proto::Refusal::Unsupported))
}

pub(crate) fn show(_session: Session, _output: &Output) -> Result<(), Failure> {
    Err(Failure::Refused(mfad_proto::Refusal::Unsupported))
}
