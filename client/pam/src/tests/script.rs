//! A program, a person and a daemon that follow a script. A step that is not the next one fails the test, and so does a
//! script that is not used up.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use mfad_client::Error;
use mfad_client::module::ModuleOptions;
use mfad_proto::{
    Account, AccountName, Call, Enrollment, EnrollmentId, Handle, Proof, QrMatrix, Refusal, Reply, SecretText,
};
use zeroize::Zeroizing;

use crate::application::{Aborted, Application, Echo, Item, Severity, Typed};
use crate::daemon::Daemon;
use crate::login::login;
use crate::outcome::ReturnCode;

/// What the module must do next.
pub(super) enum Step {
    /// Makes this call, in the words of [`describe`].
    Calls(&'static str, Result<Reply, Error>),
    /// Asks this, and gets this answer.
    Asks(&'static str, Echo, &'static [u8]),
    /// Asks this, and the person breaks it off.
    AsksInVain(&'static str),
    /// Shows these lines. One that ends with an ellipsis begins with the rest.
    Shows(&'static [&'static str]),
    /// Warns by a line that begins so.
    Warns(&'static str),
    /// Leaves this password to the next module.
    Leaves(&'static [u8]),
    /// Writes a line that begins so to the log.
    Logs(Severity, &'static str),
}

/// A login that has not been played yet.
pub(super) struct Script {
    pub(super) user: &'static [u8],
    pub(super) service: &'static str,
    /// What a module before this one has asked for.
    pub(super) password: Option<&'static [u8]>,
    /// Whether the daemon takes this process's word.
    pub(super) told: bool,
    steps: RefCell<VecDeque<Step>>,
    left: RefCell<Option<Typed>>,
    /// Whether the module has asked for the name.
    has_asked: Cell<bool>,
}

impl Script {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self {
            user: b"alice",
            service: "sshd",
            password: None,
            told: true,
            steps: RefCell::new(steps.into()),
            left: RefCell::default(),
            has_asked: Cell::default(),
        }
    }

    /// Plays it with these options of a line of a stack.
    pub(super) fn play(self, options: &str) -> ReturnCode {
        let options = ModuleOptions::parse(options.split_terminator('|')).expect("known options");
        let code = login(&options, &mut Part(&self), &mut Part(&self));
        assert!(self.steps.borrow().is_empty(), "{} steps are left", self.steps.borrow().len());
        code
    }

    fn next(&self, did: &str) -> Step {
        self.steps.borrow_mut().pop_front().unwrap_or_else(|| panic!("after the last step: {did}"))
    }
}

/// Plays a login of alice at sshd.
pub(super) fn play(options: &str, steps: Vec<Step>) -> ReturnCode {
    Script::new(steps).play(options)
}

/// One side of the script.
struct Part<'s>(&'s Script);

impl Application for Part<'_> {
    fn user(&mut self) -> Result<Vec<u8>, Aborted> {
        assert!(!self.0.has_asked.replace(true), "the program may ask for the name each time");
        if self.0.user.is_empty() { Err(Aborted) } else { Ok(self.0.user.to_vec()) }
    }

    fn item(&self, item: Item) -> String {
        match item {
            Item::Service => self.0.service.to_owned(),
            Item::User => String::from_utf8_lossy(self.0.user).into_owned(),
            Item::RemoteHost => "192.0.2.7".to_owned(),
            Item::Terminal => "ssh".to_owned(),
        }
    }

    fn password(&self) -> Option<Typed> {
        let left = self.0.left.borrow();
        left.clone().or_else(|| self.0.password.map(|password| Zeroizing::new(password.to_vec())))
    }

    fn leave_password(&mut self, password: &[u8]) -> Result<(), Aborted> {
        match self.0.next("leaves a password") {
            Step::Leaves(expected) => assert_eq!(password, expected),
            _ => panic!("it leaves a password"),
        }
        *self.0.left.borrow_mut() = Some(Zeroizing::new(password.to_vec()));
        Ok(())
    }

    fn show(&mut self, lines: &[&str]) -> Result<(), Aborted> {
        let Step::Shows(expected) = self.0.next(&lines.concat()) else { panic!("it shows {lines:#?}") };
        let same = |(line, expected): (&&str, &&str)| {
            expected.strip_suffix('…').map_or(line == expected, |beginning| line.starts_with(beginning))
        };
        let lines: Vec<_> = lines.iter().copied().filter(|line| !line.contains(['█', '▀', '▄'])).collect();
        assert!(lines.len() == expected.len() && lines.iter().zip(expected).all(same), "it shows {lines:#?}");
        Ok(())
    }

    fn warn(&mut self, line: &str) {
        match self.0.next(line) {
            Step::Warns(expected) => assert!(line.starts_with(expected), "it warns: {line}"),
            _ => panic!("it warns: {line}"),
        }
    }

    fn ask(&mut self, question: &str, echo: Echo) -> Result<Typed, Aborted> {
        match self.0.next(question) {
            Step::Asks(expected, visible, answer) => {
                assert_eq!((question, echo), (expected, visible));
                Ok(Zeroizing::new(answer.to_vec()))
            }
            Step::AsksInVain(expected) => {
                assert_eq!(question, expected);
                Err(Aborted)
            }
            _ => panic!("it asks {question}"),
        }
    }

    fn log(&self, severity: Severity, line: &str) {
        match self.0.next(line) {
            Step::Logs(expected, words) => {
                assert!(severity == expected && line.starts_with(words), "it logs: {severity:?} {line}");
            }
            _ => panic!("it logs: {severity:?} {line}"),
        }
    }
}

impl Daemon for Part<'_> {
    fn call(&mut self, call: Call) -> Result<Reply, Error> {
        let call = describe(&call);
        match self.0.next(&call) {
            Step::Calls(expected, reply) => {
                assert_eq!(call, expected);
                reply
            }
            _ => panic!("it calls {call}"),
        }
    }

    fn is_told(&self) -> bool {
        self.0.told
    }
}

/// A call in words, with whatever secret is in it.
fn describe(call: &Call) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let proof = |proof: &Proof| match proof {
        Proof::Asserted => "asserted".to_owned(),
        Proof::Password(password) => text(password.expose()),
    };
    match call {
        Call::Begin { account, context } => {
            format!("begin {} {} {} {}", name(account), context.service, context.rhost, context.tty)
        }
        Call::Verify { account, code, .. } => format!("verify {} {}", name(account), text(code.expose())),
        Call::Authenticate { account, password, code, .. } => {
            format!("authenticate {} {} {}", name(account), text(password.expose()), text(code.expose()))
        }
        Call::Enroll { account, proof: shown, ticket, issuer: None, .. } => {
            let ticket = ticket.as_ref().map_or_else(String::new, |ticket| text(ticket.expose()));
            format!("enroll {} {} {ticket}", name(account), proof(shown))
        }
        Call::Confirm { account, enrollment, code } => {
            format!("confirm {} {enrollment} {}", name(account), text(code.expose()))
        }
        other => panic!("a login calls {}", other.kind().as_str()),
    }
}

fn name(account: &Account) -> String {
    match account {
        Account::Name(AccountName { realm, user }) => format!("{realm}/{user}"),
        Account::Handle(handle) => handle.to_string(),
    }
}

/// A refusal, as the daemon's answer.
pub(super) fn refused(refusal: Refusal) -> Result<Reply, Error> {
    Ok(Reply::Refused(refusal))
}

/// A pending enrolment, whose QR code has so many modules a side.
pub(super) fn enrollment(side: u8) -> Enrollment {
    let bytes = usize::from(side).saturating_mul(side.into()).div_ceil(8);
    Enrollment {
        id: EnrollmentId::from_random([7; 16]),
        uri: SecretText::new(Zeroizing::new("otpauth://totp/a:b?secret=GEZDGNBV&issuer=a".to_owned())).expect("a text"),
        qr: QrMatrix::new(side, Zeroizing::new(vec![0; bytes])).expect("a matrix"),
        expires_at: 0,
        handle: Handle::from_random([0; 20]),
    }
}

pub(super) const BEGIN: &str = "begin system/alice sshd 192.0.2.7 ssh";
pub(super) const DENIED: Step = Step::Warns("Not accepted. Each code works once: wait for the next one.");
