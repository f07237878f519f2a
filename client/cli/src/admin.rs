//! `mfactl admin`: what an administrator does for another user.

use mfad_proto::{Call, Refusal, Reply};

use crate::args::Admin;
use crate::failure::Failure;
use crate::output::{self, IssuedObject, Output};
use crate::session::Session;

/// Runs the command.
pub(crate) fn run(
    command: Admin,
    connect: impl FnOnce(mfad_proto::UserName) -> Result<Session, Failure>,
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Admin::Unlock { user } => unlock(connect(user)?, output),
        Admin::Recover { user } => recover(connect(user)?, output),
    }
}

fn unlock(mut session: Session, output: &Output) -> Result<(), Failure> {
    let account = session.account();
    match session.call(Call::Unlock { account })? {
        Reply::Done => {
            output.result("done")?;
            output.prose(&format!("{} can try again.", session.user()))
        }
        other => Err(failure(&session, &other)),
    }
}

fn recover(mut session: Session, output: &Output) -> Result<(), Failure> {
    let account = session.account();
    match session.call(Call::Recover { account })? {
        Reply::Issued(issued) => {
            output.object(&IssuedObject::from(&issued))?;
            output.prose(&format!("Hand this to {}, and to nobody else:", session.user()))?;
            output.prose(&format!("    {}", issued.code.expose()))?;
            output.prose(&format!("It works once, in the place of a code, until {}.", output::time(issued.expires_at)))
        }
        other => Err(failure(&session, &other)),
    }
}

/// An administrator may know who has a factor.
fn failure(session: &Session, reply: &Reply) -> Failure {
    match reply {
        Reply::Refused(Refusal::Denied) => Failure::NothingToHelp(session.user().clone()),
        other => Failure::unexpected(other),
    }
}
