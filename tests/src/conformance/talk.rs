//! A dialogue with a daemon that lives: each turn is one call of the client under test, and what it must be told.

use mfad_proto::{Account, AccountName, Call, Context, EnrollmentId, Label, Proof, RemoteHost, UserName};
use serde_json::{Value, json};

use super::{Candidate, Library, Outcome, Report, Subject};
use crate::app::App;
use crate::calls::code;
use crate::daemon::Daemon;
use crate::listed::realm;

/// The daemon, and who asks it.
pub(super) struct Talk<'t> {
    pub(super) daemon: Daemon,
    subject: Box<dyn Subject>,
    /// Asks in place of a client that has no words for something.
    library: Library,
    shown: fn(&mut Value),
    report: &'t mut Report,
}

/// A turn that did not go as it must: what was asked, and what was told.
pub(super) type Fault = String;

impl<'t> Talk<'t> {
    pub(super) fn begin(daemon: Daemon, candidate: &Candidate<'_>, report: &'t mut Report) -> Self {
        let socket = daemon.socket();
        let library = Library::new(&socket);
        Self { subject: (candidate.start)(&socket), library, daemon, shown: candidate.shown, report }
    }

    /// Leads one part of the dialogue.
    pub(super) fn part(&mut self, name: &str, part: fn(&mut Self) -> Result<(), Fault>) {
        let judgement = part(self);
        self.report.note(&format!("dialogue, {name}"), judgement);
    }

    /// One turn: the reply has these fields, whatever others it has.
    pub(super) fn turn(&mut self, call: Call, mut expected: Value) -> Result<Value, Fault> {
        let name = call.kind().as_str();
        let reply = self.ask(call)?;
        (self.shown)(&mut expected);
        let fields = expected.as_object().expect("an object");
        let other: Vec<_> = fields.iter().filter(|(key, value)| reply[key.as_str()] != **value).collect();
        if other.is_empty() { Ok(reply) } else { Err(format!("{name} told {reply}, and not {other:?}")) }
    }

    /// One turn that is refused for this reason.
    pub(super) fn refused(&mut self, call: Call, refusal: &str) -> Result<(), Fault> {
        self.turn(call, json!({ "reply": "refused", "refusal": refusal })).map(drop)
    }

    /// One turn that is done.
    pub(super) fn done(&mut self, call: Call) -> Result<(), Fault> {
        self.turn(call, json!({ "reply": "done" })).map(drop)
    }

    fn ask(&mut self, mut call: Call) -> Result<Value, Fault> {
        let by_handle = matches!(call.account_mut(), Some(Account::Handle(_)));
        let name = [call.kind().as_str(), if by_handle { "-by-handle" } else { "" }].concat();
        // A call is no clone: it bears secrets. The one in reserve is read from what this one is written as.
        let reserve = again(&call);
        let mut outcome = self.subject.ask(call);
        if let Outcome::Lacks(_) = outcome {
            self.report.lacks(&name);
            outcome = self.library.ask(reserve);
        }
        match outcome {
            Outcome::Reply(reply) => Ok(reply),
            other => Err(format!("{name} told {other:?}")),
        }
    }

    /// Enrols, and returns the app and the recovery codes. The step of now is used.
    pub(super) fn enroll(&mut self, of: &str, user: &str, proof: Proof) -> Result<(App, Vec<String>), Fault> {
        let call = Call::Enroll { account: account(of, user), proof, ticket: None, issuer: None, context: context() };
        let begun = self.turn(call, json!({ "reply": "enrollment" }))?;
        self.confirm(of, user, &begun)
    }

    /// Confirms an enrolment that has begun.
    pub(super) fn confirm(&mut self, of: &str, user: &str, begun: &Value) -> Result<(App, Vec<String>), Fault> {
        let app = App::scan(text(begun, "uri"));
        let first = app.code(self.now());
        let call = Call::Confirm { account: account(of, user), enrollment: id_of(begun), code: code(&first) };
        let enrolled = self.turn(call, json!({ "reply": "enrolled" }))?;
        Ok((app, codes(&enrolled)?))
    }

    pub(super) fn now(&self) -> u64 {
        self.daemon.time()
    }

    /// The next code of an app: the daemon's clock is moved to its step.
    pub(super) fn next(&self, app: &App) -> String {
        self.daemon.set_time(self.now() + 30);
        app.code(self.now())
    }
}

fn again(call: &Call) -> Call {
    let mut buffer = [0; mfad_proto::frame::MAX_FRAME];
    let length = mfad_proto::Request::write_call(1, call, &mut buffer).expect("a legal call");
    mfad_proto::Request::read(&buffer[5..length]).expect("a legal call").call
}

/// An account by its name.
pub(super) fn account(of: &str, user: &str) -> Account {
    Account::Name(AccountName { realm: realm(of), user: UserName::new(user).expect("a legal name") })
}

/// Where the dialogue's requests come from.
pub(super) fn context() -> Context {
    Context { service: Label::cut("conformance"), rhost: RemoteHost::cut("192.0.2.7"), tty: Label::cut("pts/3") }
}

/// A text of a reply.
///
/// # Panics
/// When there is none: the turn before did not ask for it.
pub(super) fn text<'r>(reply: &'r Value, key: &str) -> &'r str {
    reply[key].as_str().unwrap_or_else(|| panic!("{reply} has no {key}"))
}

/// The ten recovery codes of a reply.
pub(super) fn codes(reply: &Value) -> Result<Vec<String>, Fault> {
    let codes = reply["recovery_codes"].as_array().into_iter().flatten();
    let codes: Vec<_> = codes.filter_map(|code| code.as_str().map(str::to_owned)).collect();
    if codes.len() == 10 { Ok(codes) } else { Err(format!("{} recovery codes", codes.len())) }
}

/// The id of an enrolment that has begun.
pub(super) fn id_of(begun: &Value) -> EnrollmentId {
    let bytes = data_encoding::HEXLOWER.decode(text(begun, "enrollment").as_bytes()).expect("hexadecimal digits");
    EnrollmentId::from_random(bytes.try_into().expect("16 bytes"))
}
