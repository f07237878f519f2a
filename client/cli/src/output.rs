//! What is printed: prose for a person, or JSON on standard output with the prose on standard error.

use std::io::{self, IsTerminal, Write};

use mfad_proto::{
    Accepted, Enrollment, Failure as FailedTry, Issued, Keys, Listed, ListedHandle, Profile, Realm, RealmPolicy,
    SecretText, Status,
};
use serde::Serialize;

use crate::failure::Failure;
use crate::paint;

/// Where things are printed.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        paint::follow_prose(json);
        Self { json }
    }

    /// Prints a line for a person.
    pub(crate) fn prose(&self, line: &str) -> Result<(), Failure> {
        let written =
            if self.json { writeln!(io::stderr().lock(), "{line}") } else { writeln!(io::stdout().lock(), "{line}") };
        written.map_err(unwritable)
    }

    /// Prints a text as it is on standard output.
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        io::stdout().lock().write_all(text.as_bytes()).map_err(unwritable)
    }

    /// Whether [`Self::prose`] goes to a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        if self.json { io::stderr().is_terminal() } else { io::stdout().is_terminal() }
    }

    /// Whether a program reads standard output.
    pub(crate) const fn is_for_a_program(&self) -> bool {
        self.json
    }

    /// Prints an object for a program, when one asked for it.
    pub(crate) fn object(&self, object: &impl Serialize) -> Result<(), Failure> {
        if self.json { self.always(object) } else { Ok(()) }
    }

    /// Prints an object for a program.
    pub(crate) fn always(&self, object: &impl Serialize) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, object).map_err(|error| unwritable(error.into()))?;
        writeln!(out).map_err(unwritable)
    }

    /// Prints a line for a program as it is.
    pub(crate) fn raw(&self, line: &str) -> Result<(), Failure> {
        writeln!(io::stdout().lock(), "{line}").map_err(unwritable)
    }

    /// Prints `{"result": …}`, when a program asked for it.
    pub(crate) fn result(&self, result: &'static str) -> Result<(), Failure> {
        self.object(&ResultObject { result, retry_after: None })
    }

    /// Prints why a command did not succeed.
    pub(crate) fn failure(&self, failure: &Failure) -> Result<(), Failure> {
        if let Some(result) = failure.result() {
            self.object(&ResultObject { result, retry_after: failure.retry_after() })?;
        }
        writeln!(io::stderr().lock(), "{} {failure}", paint::failure("mfactl:")).map_err(unwritable)
    }
}

/// What printing a list came to: whoever reads no further has seen enough.
pub(crate) fn to_the_end(printed: Result<(), Failure>) -> Result<(), Failure> {
    match printed {
        Err(Failure::Io(_, error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

#[derive(Serialize)]
struct ResultObject {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
}

/// `status`.
#[derive(Serialize)]
pub(crate) struct StatusObject<'a> {
    realm: &'a str,
    user: &'a str,
    state: &'static str,
    enforced: bool,
    recovery_left: u32,
    enrolled_at: Option<u64>,
    last_success: Option<u64>,
    failures_since: u32,
    retry_after: Option<u32>,
}

impl<'a> From<&'a Status> for StatusObject<'a> {
    fn from(status: &'a Status) -> Self {
        Self {
            realm: status.realm.as_str(),
            user: status.user.as_str(),
            state: status.state.as_str(),
            enforced: status.enforced,
            recovery_left: status.recovery_left,
            enrolled_at: status.enrolled_at,
            last_success: status.last_success,
            failures_since: status.failures_since,
            retry_after: status.retry_after,
        }
    }
}

/// One account of `admin list`.
#[derive(Serialize)]
pub(crate) struct ListedObject<'a> {
    #[serde(flatten)]
    status: StatusObject<'a>,
    holder: &'static str,
}

impl<'a> ListedObject<'a> {
    pub(crate) fn new(realm: &'a Realm, listed: &'a Listed) -> Self {
        let status = StatusObject {
            realm: realm.as_str(),
            user: listed.user.as_str(),
            state: listed.state.as_str(),
            enforced: listed.enforced,
            recovery_left: listed.recovery_left,
            enrolled_at: listed.enrolled_at,
            last_success: listed.last_success,
            failures_since: listed.failures_since,
            retry_after: listed.retry_after,
        };
        Self { status, holder: listed.holder.as_str() }
    }
}

/// One handle of `admin list --handles`.
#[derive(Serialize)]
pub(crate) struct HandleObject<'a> {
    realm: &'a str,
    user: &'a str,
    handle: String,
    stage: &'static str,
    since: u64,
}

impl<'a> HandleObject<'a> {
    pub(crate) fn new(realm: &'a Realm, listed: &'a ListedHandle) -> Self {
        Self {
            realm: realm.as_str(),
            user: listed.user.as_str(),
            handle: listed.handle.to_string(),
            stage: listed.stage.as_str(),
            since: listed.since,
        }
    }
}

/// `admin show`.
#[derive(Serialize)]
pub(crate) struct ProfileObject<'a> {
    #[serde(flatten)]
    status: StatusObject<'a>,
    holder: &'static str,
    uid: Option<u32>,
    generation: u64,
    algorithm: Option<&'static str>,
    digits: Option<u8>,
    clock_offset: Option<i64>,
    handle: Option<String>,
    pending_until: Option<u64>,
    issued_until: Option<u64>,
    has_password: bool,
    last_failure: Option<FailureObject<'a>>,
    password_retry_after: Option<u32>,
    login_retry_after: Option<u32>,
    own_locked: bool,
}

impl<'a> From<&'a Profile> for ProfileObject<'a> {
    fn from(profile: &'a Profile) -> Self {
        let factor = profile.factor.as_ref();
        Self {
            status: StatusObject::from(&profile.status),
            holder: profile.holder.as_str(),
            uid: profile.uid,
            generation: profile.generation,
            algorithm: factor.map(|factor| factor.algorithm.as_str()),
            digits: factor.map(|factor| factor.digits.count()),
            clock_offset: factor.map(|factor| i64::from(factor.ahead).saturating_sub(i64::from(factor.behind))),
            handle: factor.map(|factor| factor.handle.to_string()),
            pending_until: profile.pending_until,
            issued_until: profile.issued_until,
            has_password: profile.has_password,
            last_failure: profile.last_failure.as_ref().map(FailureObject::from),
            password_retry_after: profile.password_retry_after,
            login_retry_after: profile.login_retry_after,
            own_locked: profile.own_locked,
        }
    }
}

/// A right code.
#[derive(Serialize)]
pub(crate) struct AcceptedObject<'a> {
    result: &'static str,
    factor: &'static str,
    recovery_left: u32,
    failures_since: u32,
    last_failure: Option<FailureObject<'a>>,
}

/// A failed try.
#[derive(Serialize)]
pub(crate) struct FailureObject<'a> {
    time: u64,
    service: &'a str,
}

impl<'a> From<&'a FailedTry> for FailureObject<'a> {
    fn from(failure: &'a FailedTry) -> Self {
        Self { time: failure.time, service: failure.service.as_str() }
    }
}

impl<'a> From<&'a Accepted> for AcceptedObject<'a> {
    fn from(accepted: &'a Accepted) -> Self {
        Self {
            result: "accepted",
            factor: accepted.factor.as_str(),
            recovery_left: accepted.recovery_left,
            failures_since: accepted.failures_since,
            last_failure: accepted.last_failure.as_ref().map(FailureObject::from),
        }
    }
}

/// A pending enrolment. It borrows the secrets, and lives for the one expression that prints them.
#[derive(Serialize)]
pub(crate) struct EnrollmentObject<'a> {
    enrollment: String,
    uri: &'a str,
    secret: &'a str,
    expires_at: u64,
}

impl<'a> EnrollmentObject<'a> {
    pub(crate) fn new(enrollment: &'a Enrollment, secret: &'a str) -> Self {
        Self {
            enrollment: enrollment.id.to_string(),
            uri: enrollment.uri.expose(),
            secret,
            expires_at: enrollment.expires_at,
        }
    }
}

/// Recovery codes, after `enrolled` or `done`.
#[derive(Serialize)]
pub(crate) struct RecoveryObject<'a> {
    result: &'static str,
    recovery_codes: Vec<&'a str>,
}

impl<'a> RecoveryObject<'a> {
    pub(crate) fn new(result: &'static str, codes: &'a [SecretText]) -> Self {
        Self { result, recovery_codes: codes.iter().map(SecretText::expose).collect() }
    }
}

/// A recovery code that was issued.
#[derive(Serialize)]
pub(crate) struct IssuedObject<'a> {
    result: &'static str,
    recovery_code: &'a str,
    expires_at: u64,
}

impl<'a> From<&'a Issued> for IssuedObject<'a> {
    fn from(issued: &'a Issued) -> Self {
        Self { result: "done", recovery_code: issued.code.expose(), expires_at: issued.expires_at }
    }
}

/// `key status`.
#[derive(Serialize)]
pub(crate) struct KeysObject {
    key: u32,
    made_at: u64,
    old: Option<u32>,
    records: u64,
    left: u64,
}

impl From<&Keys> for KeysObject {
    fn from(keys: &Keys) -> Self {
        let Keys { id, made_at, old, records, left } = *keys;
        Self { key: id, made_at, old, records, left }
    }
}

/// `admin enforce` without a word.
#[derive(Serialize)]
pub(crate) struct PolicyObject<'a> {
    realm: &'a str,
    enforcement: String,
    stored: bool,
    enforced: bool,
    first_factor: &'static str,
    enroll: &'static str,
    replace: &'static str,
}

impl<'a> PolicyObject<'a> {
    pub(crate) fn new(realm: &'a Realm, policy: &RealmPolicy) -> Self {
        Self {
            realm: realm.as_str(),
            enforcement: policy.enforcement.to_string(),
            stored: policy.stored,
            enforced: policy.enforced,
            first_factor: policy.first_factor.as_str(),
            enroll: policy.enroll.as_str(),
            replace: policy.replace.as_str(),
        }
    }
}

fn unwritable(error: io::Error) -> Failure {
    Failure::Io("the answer cannot be printed".to_owned(), error)
}
