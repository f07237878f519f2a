//! `mfactl recovery` and `mfactl resync`: what the owner of a factor does when the phone or its clock is gone.

use mfad_proto::{Call, Reply, SecretText};

use crate::failure::Failure;
use crate::input;
use crate::output::{Output, RecoveryObject};
use crate::session::Session;

/// Runs `recovery`.
pub(crate) fn renew(mut session: Session, output: &Output) -> Result<(), Failure> {
    let proof = session.proof()?;
    let code = input::code("Current code, or a recovery code: ")?;
    let account = session.account();
    match session.call(Call::Recovery { account, proof, code })? {
        Reply::RecoveryCodes(codes) => {
            output.object(&RecoveryObject::new("done", codes.as_slice()))?;
            output.prose("The recovery codes from before are void.")?;
            show(codes.as_slice(), output)
        }
        other => Err(Failure::unexpected(&other)),
    }
}

/// Runs `resync`.
pub(crate) fn resync(mut session: Session, output: &Output) -> Result<(), Failure> {
    let proof = session.proof()?;
    let first = input::code("Code that the app shows now: ")?;
    let second = input::code("Code that it shows next: ")?;
    let account = session.account();
    match session.call(Call::Resync { account, proof, first, second })? {
        Reply::Done => {
            output.result("done")?;
            output.prose("The app's clock is followed from now on. Both codes are used: log in with the next one.")
        }
        other => Err(Failure::unexpected(&other)),
    }
}

/// Shows recovery codes, this once.
pub(crate) fn show(codes: &[SecretText], output: &Output) -> Result<(), Failure> {
    // A program has them on standard output; its standard error may be a log.
    if output.is_for_a_program() {
        return Ok(());
    }
    output.prose("Keep these recovery codes apart from the phone. Each works once:")?;
    codes.iter().try_for_each(|code| output.prose(&format!("    {}", code.expose())))
}
