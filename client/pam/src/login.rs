//! One login: what the daemon says that it needs, and the way there.

use mfad_client::module::{ModuleOptions, Pass};
use mfad_client::words as shared;
use mfad_proto::{
    Account, AccountName, Call, Context, Factor, Label, Need, Refusal, RemoteHost, Reply, UserName, printable,
};

use crate::application::{Application, Echo, Item, Severity};
use crate::daemon::Daemon;
use crate::outcome::{Outcome, ReturnCode};
use crate::tries::{Judged, Tries, as_code};
use crate::{code, enrollment, joint, words};

/// Logs somebody in, tells the person and the log how it went, and says what PAM is to be told.
pub(crate) fn login(
    options: &ModuleOptions,
    application: &mut impl Application,
    daemon: &mut impl Daemon,
) -> ReturnCode {
    let outcome = attempt(options, application, daemon).err().unwrap_or(Outcome::Accepted);
    let code = outcome.code(options.fail);
    let report = match code {
        ReturnCode::AuthInfoUnavail => {
            // Trying again helps against neither.
            let is_final = matches!(outcome, Outcome::Refused(Refusal::NotPermitted) | Outcome::Unspeakable);
            application.warn(if is_final { words::NOT_PERMITTED } else { words::UNAVAILABLE });
            Some((Severity::Error, "second factor"))
        }
        ReturnCode::Ignore if matches!(outcome, Outcome::Unreached(_)) => {
            Some((Severity::Alert, "LET IN WITHOUT A SECOND FACTOR, as fail=open says: it"))
        }
        ReturnCode::AuthErr | ReturnCode::MaxTries | ReturnCode::ServiceErr => {
            Some((Severity::Notice, "second factor"))
        }
        ReturnCode::Success | ReturnCode::Ignore => options.debug.then_some((Severity::Debug, "second factor:")),
    };
    if let Some((severity, what)) = report {
        application.log(severity, &format!("{what} {outcome}; {}", whose(options, application)));
    }
    code
}

/// Who logs in, and from where, in the words of Linux-PAM's own modules. Before the first factor a name is not written down:
/// people type passwords there.
fn whose(options: &ModuleOptions, application: &impl Application) -> String {
    let [user, rhost, tty] =
        [Item::User, Item::RemoteHost, Item::Terminal].map(|item| printable(&application.item(item)));
    let user = if options.pass == Pass::Forward { "" } else { &user };
    format!("user={user} rhost={rhost} tty={tty}")
}

fn attempt(
    options: &ModuleOptions,
    application: &mut impl Application,
    daemon: &mut impl Daemon,
) -> Result<(), Outcome> {
    let context = Context {
        service: Label::cut(&application.item(Item::Service)),
        rhost: RemoteHost::cut(&application.item(Item::RemoteHost)),
        tty: Label::cut(&application.item(Item::Terminal)),
    };
    if context.service.as_str() == FIRST_FACTOR {
        return Err(Outcome::FirstFactor);
    }
    let user = application.user()?;
    let user = std::str::from_utf8(&user).ok().and_then(UserName::new).ok_or(Outcome::Unspeakable)?;
    let account = Account::Name(AccountName { realm: options.realm.clone(), user });
    let mut tries = Tries { application, daemon, account, context };
    let (account, context) = (tries.account.clone(), tries.context.clone());
    let need = match tries.daemon.call(Call::Begin { account, context }).map_err(Outcome::Unreached)? {
        Reply::Need(need) => need,
        other => return Err(unexpected(&other)),
    };
    match need {
        Need::Nothing => Err(Outcome::Nothing),
        // The first factor was not given yet: nobody is told how the account stands.
        _ if options.pass == Pass::Forward => joint::login(options, &mut tries, need),
        Need::Code => verify(options, &mut tries),
        Need::Enroll { ticket } => enrollment::enroll(options, &mut tries, ticket),
        Need::Locked => {
            tries.application.warn(words::LOCKED);
            Err(Outcome::Locked)
        }
    }
}

/// Asks for a code and the daemon's word on it, unless a module before this one has asked.
fn verify<A: Application, D: Daemon>(options: &ModuleOptions, tries: &mut Tries<'_, A, D>) -> Result<(), Outcome> {
    let call = |tries: &mut Tries<'_, A, D>, code| {
        let (account, context) = (tries.account.clone(), tries.context.clone());
        Call::Verify { account, code, context }
    };
    let given = match options.pass {
        Pass::UseFirst => Some(tries.application.password().ok_or(Outcome::Denied)?),
        Pass::TryFirst => tries.application.password().filter(|given| code::is_likely(given)),
        Pass::Ask | Pass::Forward => None,
    };
    if let Some(given) = given {
        let call = call(tries, as_code(given));
        match tries.submit(call)? {
            Judged::Taken(reply) => return accept(reply, tries.application),
            Judged::Missed(missed) if options.pass == Pass::UseFirst => return Err(missed),
            Judged::Missed(_) => {}
        }
    }
    let echo = if options.echo { Echo::On } else { Echo::Off };
    let reply = tries.code((options.prompt.as_deref().unwrap_or(words::CODE), echo), call)?;
    accept(reply, tries.application)
}

/// Takes a success in, and tells what came before it.
pub(crate) fn accept(reply: Reply, application: &mut impl Application) -> Result<(), Outcome> {
    let Reply::Accepted(accepted) = reply else { return Err(unexpected(&reply)) };
    if let Some(failures) = shared::failures(&accepted) {
        application.warn(&failures);
    }
    if accepted.factor != Factor::Password
        && let Some(left) = words::few_left(accepted.recovery_left)
    {
        application.warn(&left);
    }
    Ok(())
}

/// Why an answer that is not the one that was waited for is no success.
pub(crate) const fn unexpected(reply: &Reply) -> Outcome {
    match reply {
        Reply::Refused(refusal) => Outcome::Refused(*refusal),
        _ => Outcome::Unexpected,
    }
}

/// How the daemon itself asks PAM for a password. A module of ours in that stack would ask the daemon while the daemon waits.
const FIRST_FACTOR: &str = "mfad";
