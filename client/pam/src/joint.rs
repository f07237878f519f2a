//! `forward_pass`: password and code in one field, judged by the daemon both at once, and the password left to the next
//! module.
//!
//! MUST: no code is sent alone, since nobody has shown a password yet: else whoever knows a name could use its tries up.

use mfad_client::module::ModuleOptions;
use mfad_proto::{Call, Need, Password, Refusal, Reply};

use crate::application::{Application, Echo};
use crate::daemon::Daemon;
use crate::login::{accept, unexpected};
use crate::outcome::Outcome;
use crate::tries::{Tries, as_code, copy};
use crate::{code, enrollment, words};

/// Asks for both factors, or for the password alone where a second factor must be set up first.
pub(crate) fn login<A: Application, D: Daemon>(
    options: &ModuleOptions,
    tries: &mut Tries<'_, A, D>,
    need: Need,
) -> Result<(), Outcome> {
    let enrolls = matches!(need, Need::Enroll { .. });
    let usual = if enrolls { words::PASSWORD } else { words::PASSWORD_AND_CODE };
    let question = options.prompt.as_deref().filter(|_| !enrolls).unwrap_or(usual);
    let echo = if options.echo && !enrolls { Echo::On } else { Echo::Off };
    let mut shown = copy(&[]);
    let reply = tries.until_taken(|tries| {
        let field = tries.application.ask(question, echo)?;
        if field.is_empty() {
            return Ok(None);
        }
        let (password, code) = if enrolls { (field.as_slice(), [].as_slice()) } else { code::part(&field) };
        shown = copy(password);
        let Some(password) = Password::new(copy(password)) else { return Ok(None) };
        let (account, context) = (tries.account.clone(), tries.context.clone());
        Ok(Some(Call::Authenticate { account, password, code: as_code(copy(code)), context }))
    })?;
    match reply {
        Reply::Accepted(_) => {
            tries.application.leave_password(&shown)?;
            accept(reply, tries.application)
        }
        Reply::Refused(Refusal::EnrollmentRequired) => {
            tries.application.leave_password(&shown)?;
            enrollment::enroll(options, tries, matches!(need, Need::Enroll { ticket: true }))
        }
        _ => Err(unexpected(&reply)),
    }
}
