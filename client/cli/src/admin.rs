//! `mfactl admin`: what an administrator does for another user, and for a realm.

use mfad_client::{Client, Options, words};
use mfad_proto::{Call, Enforcement, Note, Realm, RealmPolicy, Refusal, Reply, UserName};

use crate::args::Admin;
use crate::failure::Failure;
use crate::input;
use crate::output::{IssuedObject, Output, PolicyObject};
use crate::session::Session;

/// Runs the command: about a user by `connect`, about the realm at the server's socket.
pub(crate) fn run(
    command: Admin,
    connect: impl FnOnce(UserName) -> Result<Session, Failure>,
    (server, realm): (Options, &Realm),
    output: &Output,
) -> Result<(), Failure> {
    match command {
        Admin::Disable { user, reason } => disable(connect(user)?, reason, output),
        Admin::Unlock { user } => unlock(connect(user)?, output),
        Admin::Recover { user } => recover(connect(user)?, output),
        Admin::Remove { user } => remove(connect(user)?, output),
        Admin::SetPassword { user } => set_password(connect(user)?, output),
        // The commands that list things are rooms of their own.
        Admin::List(_) | Admin::Show { .. } | Admin::Import(_) | Admin::Audit(_) | Admin::Stats { .. } => Ok(()),
        Admin::Enforce { words } => enforce(&words, server, realm, output),
    }
}

fn disable(mut session: Session, reason: Note, output: &Output) -> Result<(), Failure> {
    let account = session.account();
    let said = |user: &UserName| {
        format!("The second factor of {user} is gone. Where one is enforced, the next login asks for a new one.")
    };
    done(&mut session, Call::Disable { account, reason }, Failure::NothingToHelp, said, output)
}

fn unlock(mut session: Session, output: &Output) -> Result<(), Failure> {
    let account = session.account();
    let said = |user: &UserName| format!("{user} can try again.");
    done(&mut session, Call::Unlock { account }, Failure::NothingToHelp, said, output)
}

fn remove(mut session: Session, output: &Output) -> Result<(), Failure> {
    let account = session.account();
    let said = |user: &UserName| format!("{user} is forgotten.");
    done(&mut session, Call::Remove { account }, Failure::NotKnown, said, output)
}

fn set_password(mut session: Session, output: &Output) -> Result<(), Failure> {
    let prompt = format!("New password of {}: ", session.user());
    let password = input::new_password(&prompt, "an empty password protects nothing")?;
    let account = session.account();
    let said = |user: &UserName| format!("The password of {user} is set.");
    // Anybody else's is set.
    done(&mut session, Call::SetPassword { account, password }, Failure::OtherUser, said, output)
}

fn done(
    session: &mut Session,
    call: Call,
    denied: fn(UserName) -> Failure,
    said: impl FnOnce(&UserName) -> String,
    output: &Output,
) -> Result<(), Failure> {
    match session.call(call)? {
        Reply::Done => {
            output.result("done")?;
            output.prose(&said(session.user()))
        }
        // An administrator may know who has a factor, and so what a denial means.
        Reply::Refused(Refusal::Denied) => Err(denied(session.user().clone())),
        other => Err(Failure::unexpected(&other)),
    }
}

fn recover(mut session: Session, output: &Output) -> Result<(), Failure> {
    let account = session.account();
    match session.call(Call::Recover { account })? {
        Reply::Issued(issued) => {
            output.object(&IssuedObject::from(&issued))?;
            output.prose(&format!("Hand this to {}, and to nobody else:", session.user()))?;
            output.prose(&format!("    {}", issued.code.expose()))?;
            output.prose(&format!(
                "It works once, until {}: in the place of a code, or without a second factor as the ticket of an enrolment.",
                words::moment(issued.expires_at)
            ))
        }
        // Anybody else gets a code.
        Reply::Refused(Refusal::Denied) => Err(Failure::OtherUser(session.user().clone())),
        other => Err(Failure::unexpected(&other)),
    }
}

/// Sets whether everybody is asked for a second factor; without a word it shows the rules.
fn enforce(words: &[String], server: Options, realm: &Realm, output: &Output) -> Result<(), Failure> {
    let realm = realm.clone();
    let asks = words.is_empty();
    let call = if asks {
        Call::GetPolicy { realm: realm.clone() }
    } else {
        let enforcement: Enforcement = words.join(" ").parse().map_err(|_e| Failure::Usage(ENFORCE))?;
        Call::SetPolicy { realm: realm.clone(), enforcement }
    };
    let policy = match Client::connect(server)?.call(call)? {
        Reply::Policy(policy) => policy,
        other => return Err(Failure::unexpected(&other)),
    };
    if asks {
        output.object(&PolicyObject::new(&realm, &policy))?
    } else {
        output.result("done")?
    }
    show(&realm, &policy, asks, output)
}

fn show(realm: &Realm, policy: &RealmPolicy, whole: bool, output: &Output) -> Result<(), Failure> {
    let by = if policy.stored { "set by an administrator" } else { "as the configuration says" };
    let now = if policy.enforced { "a second factor is asked of everybody now" } else { "nobody must have one now" };
    output.prose(&format!("realm {realm}: enforce {}, {by}: {now}", policy.enforcement))?;
    if !whole {
        return Ok(());
    }
    output.prose(&format!("  first factor:           {}", policy.first_factor.as_str()))?;
    output.prose(&format!("  first enrolment:        {}", policy.enroll.as_str()))?;
    output.prose(&format!("  replacing a factor:     {}", policy.replace.as_str()))
}

const ENFORCE: &str = "enforce takes on, off, or after YYYY-MM-DD";
