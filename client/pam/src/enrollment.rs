//! Setting up a factor in the middle of a login: the key, the first code, the recovery codes. A login that is cut off leaves
//! the enrolment pending, and the next one goes on with the same key.
//!
//! MUST: whatever is shown is followed by a question, since sshd shows nothing before.

use mfad_client::module::{Enroll, ModuleOptions};
use mfad_client::{qr, words as shared};
use mfad_proto::{Call, Code, Enrollment, Password, Proof, RecoveryCodes, Reply, SecretText};
use zeroize::Zeroizing;

use crate::application::{Application, Echo};
use crate::daemon::Daemon;
use crate::login::unexpected;
use crate::outcome::Outcome;
use crate::tries::{Judged, Tries};
use crate::{code, words};

/// Leads through the set-up. The first factor was given.
pub(crate) fn enroll<A: Application, D: Daemon>(
    options: &ModuleOptions,
    tries: &mut Tries<'_, A, D>,
    ticket: bool,
) -> Result<(), Outcome> {
    if options.enroll == Enroll::Off {
        tries.application.warn(words::NOT_HERE);
        return Err(Outcome::Denied);
    }
    let echo = if options.echo { Echo::On } else { Echo::Off };
    let reply = if ticket {
        tries.code((words::TICKET, echo), |tries, ticket| begin(tries, Some(ticket)))?
    } else {
        let call = begin(tries, None);
        match tries.submit(call)? {
            Judged::Taken(reply) => reply,
            Judged::Missed(missed) => return Err(missed),
        }
    };
    let Reply::Enrollment(enrollment) = reply else { return Err(unexpected(&reply)) };
    show(&enrollment, tries.application)?;
    let reply = tries.code((words::FIRST_CODE, echo), |tries, code| {
        let (account, enrollment) = (tries.account.clone(), enrollment.id);
        Call::Confirm { account, enrollment, code }
    })?;
    let Reply::Enrolled(codes) = reply else { return Err(unexpected(&reply)) };
    hand_over(&codes, tries.application)
}

/// The call that begins an enrolment, or takes the pending one up again. Where the daemon does not take this process's word
/// for the first factor, the password that another module has asked for shows it.
fn begin<A: Application, D: Daemon>(tries: &Tries<'_, A, D>, ticket: Option<Code>) -> Call {
    let password = if tries.daemon.is_told() { None } else { tries.application.password().and_then(Password::new) };
    let proof = password.map_or(Proof::Asserted, Proof::Password);
    let (account, context) = (tries.account.clone(), tries.context.clone());
    Call::Enroll { account, proof, ticket, issuer: None, context }
}

/// Shows the key as a QR code, and under it as text, which so stands right above the next question on any screen.
fn show(enrollment: &Enrollment, application: &mut impl Application) -> Result<(), Outcome> {
    let key = Zeroizing::new([words::TYPE_KEY, &shared::key_in_fours(enrollment)].concat());
    let code = qr::terminal(&enrollment.qr, false);
    let mut lines = vec!["", words::SET_UP];
    if code.lines().count() > MOST_LINES {
        lines.push(words::TOO_LARGE);
    } else {
        lines.push(words::SCAN);
        lines.extend(code.lines());
    }
    lines.push(&key);
    Ok(application.show(&lines)?)
}

/// Shows the recovery codes, and asks for one of them, so that they are not missed. The factor is set up: the login goes on,
/// whatever the answer is.
fn hand_over(codes: &RecoveryCodes, application: &mut impl Application) -> Result<(), Outcome> {
    let codes = codes.as_slice();
    if codes.is_empty() {
        return Ok(());
    }
    let indented: Vec<_> =
        codes.iter().map(SecretText::expose).map(|code| Zeroizing::new([INDENT, code].concat())).collect();
    let mut lines = vec![words::IS_SET_UP, words::KEEP];
    lines.extend(indented.iter().map(|line| line.as_str()));
    application.show(&lines)?;
    for _ in 0..ANSWERS {
        let typed = application.ask(words::ONE_OF_THEM, Echo::On)?;
        if codes.iter().any(|shown| code::is_same(&typed, shown.expose())) {
            return Ok(());
        }
        application.warn(words::NONE_OF_THEM);
    }
    application.warn(words::NOT_SEEN);
    Ok(())
}

const INDENT: &str = "    ";

/// Lines of a QR code that can be scanned above the key and a question on the smallest usual screen, which has 24. The first
/// may scroll away: it has no modules.
const MOST_LINES: usize = 23;

/// Answers that a person may give to the question for a recovery code.
const ANSWERS: u32 = 3;
