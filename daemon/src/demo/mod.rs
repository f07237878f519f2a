//! `mfad demo`: the whole flow against a daemon of its own, over the real socket and by the real clock.
//!
//! MUST: it needs no root, and leaves nothing behind: no folder, and no process, also when it is interrupted.

mod authenticator;
mod stage;

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

use mfad_client::{Client, qr};
use mfad_proto::{
    Account, AccountName, Call, Code, Context, Enforcement, Enrollment, Label, Password, Proof, Realm, Refusal, Reply,
    SecretText, UserName,
};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use authenticator::{Authenticator, Computed, Person};
use stage::Stage;

/// Runs the demo.
pub(crate) fn run(interactive: bool) -> Result<(), Box<dyn Error>> {
    let stage = Arc::new(Stage::set()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shown = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        // The terminal was closed.
        let mut hangup = signal(SignalKind::hangup())?;
        let on_stage = Arc::clone(&stage);
        // The error's text crosses the thread: what is behind it need not.
        let show = tokio::task::spawn_blocking(move || show(&on_stage, interactive).map_err(|e| super::chain(&*e)));
        tokio::select! {
            shown = show => Ok::<_, Box<dyn Error>>(shown?),
            _ = terminate.recv() => Ok(Err("interrupted".to_owned())),
            _ = interrupt.recv() => Ok(Err("interrupted".to_owned())),
            _ = hangup.recv() => Ok(Err("interrupted".to_owned())),
        }
    });
    let cleared = stage.clear();
    // A person may still be asked for a code in that thread: it must not hold the process.
    runtime.shutdown_background();
    shown??;
    cleared?;
    say("nothing is left behind: the daemon has stopped, and its folder is gone")
}

fn show(stage: &Stage, interactive: bool) -> Result<(), Box<dyn Error>> {
    stage.start()?;
    let mut play = Play { client: stage.connect()?, step: 0 };
    play.tell("a daemon runs as a process of its own, on a socket in a private folder")?;

    play.done(Call::SetPassword { account: alice(), password: password(PASSWORD) })?;
    play.accepted(log_in(PASSWORD, code("")?))?;
    play.tell("alice has a password, and logs in with it alone: nothing more is asked of her yet")?;

    let enrollment = play.enroll()?;
    play.tell("with her password she begins to enrol; any authenticator app can scan this:")?;
    say(&qr::terminal(&enrollment.qr, true))?;
    let mut app: Box<dyn Authenticator> =
        if interactive { Box::new(Person) } else { Box::new(Computed::scan(&enrollment)?) };

    let (_, enrolled) = play.until_accepted(&mut *app, "the first code", |code| Call::Confirm {
        account: alice(),
        enrollment: enrollment.id,
        code,
    })?;
    let Reply::Enrolled(recovery) = enrolled else { return Err("the enrolment was not confirmed".into()) };
    play.tell("its first code is right: alice is enrolled, and gets ten recovery codes, this once:")?;
    for pair in recovery.as_slice().chunks(2) {
        let pair: Vec<_> = pair.iter().map(SecretText::expose).collect();
        say(&format!("        {}", pair.join("    ")))?;
    }

    let next = "the next code, when the app shows a new one";
    let (used, _) = play.until_accepted(&mut *app, next, |code| log_in(PASSWORD, code))?;
    play.tell("password and next code are right: alice logs in")?;
    play.denied(verify(code(&used)?))?;
    play.tell("the same code a second time is refused")?;
    play.denied(log_in(PASSWORD, code(&app.wrong())?))?;
    play.denied(log_in("not her password", code(&app.any())?))?;
    play.tell("a wrong code is refused, and so is a wrong password, in the same words")?;

    stage.restart()?;
    play.client = stage.connect()?;
    play.denied(verify(code(&used)?))?;
    play.tell("a new daemon process on the same state: the enrolment is there, and the used code stays used")?;

    let kept = recovery.as_slice().first().ok_or("there are no recovery codes")?.expose();
    play.accepted(verify(code(&kept.to_ascii_lowercase())?))?;
    play.denied(verify(code(kept)?))?;
    play.tell("alice has left the phone at home: a recovery code lets her in, and works once")?;

    play.until_accepted(&mut *app, "once more the next code", |code| Call::Reset {
        account: alice(),
        proof: Proof::Asserted,
        code,
        context: context(),
    })?;
    play.tell("with one more code alice gives up the second factor")?;
    play.denied(verify(code(&app.any())?))?;
    play.tell("no code is right any more")?;

    play.enforce()?;
    play.must_enroll(log_in(PASSWORD, code("")?))?;
    play.tell(
        "the administrator enforces a second factor: now her right password is not enough, and she must enrol anew",
    )
}

/// The dialogue, line by line.
struct Play {
    client: Client,
    step: u32,
}

impl Play {
    fn tell(&mut self, line: &str) -> Result<(), Box<dyn Error>> {
        self.step = self.step.saturating_add(1);
        say(&format!("{:2}. {line}", self.step))
    }

    fn enroll(&mut self) -> Result<Enrollment, Box<dyn Error>> {
        let call = Call::Enroll {
            account: alice(),
            proof: Proof::Password(password(PASSWORD)),
            ticket: None,
            issuer: None,
            context: context(),
        };
        if let Reply::Enrollment(enrollment) = self.client.call(call)? {
            return Ok(enrollment);
        }
        Err("the daemon did not begin an enrolment".into())
    }

    /// Sends the authenticator's codes until one is accepted; only a person is asked again.
    fn until_accepted(
        &mut self,
        app: &mut dyn Authenticator,
        which: &str,
        call: impl Fn(Code) -> Call,
    ) -> Result<(Zeroizing<String>, Reply), Box<dyn Error>> {
        loop {
            let typed = app.next(which)?;
            match self.client.call(call(code(&typed)?))? {
                right @ (Reply::Accepted(_) | Reply::Enrolled(_) | Reply::Done) => return Ok((typed, right)),
                Reply::Refused(Refusal::Denied) if app.may_mistype() => say(mfad_proto::DENIED_TEXT)?,
                Reply::Refused(Refusal::TryLater { seconds }) if app.may_mistype() => {
                    say(&format!("Too many failed tries: nothing is looked at for {seconds} s."))?;
                }
                Reply::Refused(refusal) => return Err(format!("a right code was refused: {refusal:?}").into()),
                Reply::GoingAway
                | Reply::Pong(_)
                | Reply::Need(_)
                | Reply::Status(_)
                | Reply::Enrollment(_)
                | Reply::Backup { .. }
                | Reply::RecoveryCodes(_)
                | Reply::Issued(_)
                | Reply::Keys(_)
                | Reply::Policy(_)
                | Reply::Accounts(_)
                | Reply::Profile(_)
                | Reply::Imported(_)
                | Reply::Log(_)
                | Reply::Stats(_)
                | Reply::Handles(_) => {
                    return Err("the daemon gave an answer to another question".into());
                }
            }
        }
    }

    fn done(&mut self, call: Call) -> Result<(), Box<dyn Error>> {
        if matches!(self.client.call(call)?, Reply::Done) {
            return Ok(());
        }
        Err("the daemon did not do what the administrator asked".into())
    }

    fn enforce(&mut self) -> Result<(), Box<dyn Error>> {
        let call = Call::SetPolicy { realm: realm(), enforcement: Enforcement::On };
        if matches!(self.client.call(call)?, Reply::Policy(policy) if policy.enforced) {
            return Ok(());
        }
        Err("the daemon does not enforce a second factor".into())
    }

    fn must_enroll(&mut self, call: Call) -> Result<(), Box<dyn Error>> {
        if matches!(self.client.call(call)?, Reply::Refused(Refusal::EnrollmentRequired)) {
            return Ok(());
        }
        Err("a login without a second factor was not led to an enrolment".into())
    }

    fn accepted(&mut self, call: Call) -> Result<(), Box<dyn Error>> {
        if matches!(self.client.call(call)?, Reply::Accepted(_)) {
            return Ok(());
        }
        Err("a right code was refused".into())
    }

    fn denied(&mut self, call: Call) -> Result<(), Box<dyn Error>> {
        if matches!(self.client.call(call)?, Reply::Refused(Refusal::Denied)) {
            return Ok(());
        }
        Err("a code that should have been refused was not".into())
    }
}

fn verify(code: Code) -> Call {
    Call::Verify { account: alice(), code, context: context() }
}

fn log_in(typed: &'static str, code: Code) -> Call {
    Call::Authenticate { account: alice(), password: password(typed), code, context: context() }
}

#[expect(clippy::expect_used, reason = "INVARIANT: the literals are short")]
fn password(text: &'static str) -> Password {
    Password::new(Zeroizing::new(text.as_bytes().to_vec())).expect("a short password")
}

fn code(text: &str) -> Result<Code, Box<dyn Error>> {
    Code::new(Zeroizing::new(text.as_bytes().to_vec())).ok_or_else(|| "the code is longer than any is".into())
}

#[expect(clippy::expect_used, reason = "INVARIANT: the literal is a legal name")]
fn alice() -> Account {
    Account::Name(AccountName { realm: realm(), user: UserName::new("alice").expect("a legal user name") })
}

#[expect(clippy::expect_used, reason = "INVARIANT: the literal is a legal name")]
fn realm() -> Realm {
    Realm::new(stage::REALM).expect("a legal realm")
}

fn context() -> Context {
    Context { service: Label::cut("demo"), ..Context::default() }
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(io::stdout().lock(), "{line}")?)
}

const PASSWORD: &str = "alice's password";
