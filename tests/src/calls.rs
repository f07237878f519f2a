//! Calls as a login service of realm `system` makes them, and what their answers mean.

use std::time::{Duration, Instant};

use mfad_client::Client;
use mfad_proto::{
    Account, AccountName, Call, Code, Context, Enrollment, Keys, Label, Need, Proof, Realm, RecoveryCodes, Refusal,
    Reply, Status, UserName,
};
use zeroize::Zeroizing;

/// Begins an enrolment of this user in realm `system`.
///
/// # Panics
/// When it is refused.
pub fn begin_enrollment(client: &mut Client, user: &str) -> Enrollment {
    match client.call(enroll(user)).expect("an answer") {
        Reply::Enrollment(enrollment) => enrollment,
        _ => panic!("no enrolment was begun"),
    }
}

/// `Enroll` with the first factor vouched for.
#[must_use]
pub fn enroll(user: &str) -> Call {
    Call::Enroll { account: account(user), proof: Proof::Asserted, ticket: None, issuer: None, context: context() }
}

/// `Verify`.
#[must_use]
pub fn verify(user: &str, text: &str) -> Call {
    Call::Verify { account: account(user), code: code(text), context: context() }
}

/// `Reset` with the first factor vouched for.
#[must_use]
pub fn reset(user: &str, text: &str) -> Call {
    Call::Reset { account: account(user), proof: Proof::Asserted, code: code(text), context: context() }
}

/// `Recovery` with the first factor vouched for.
#[must_use]
pub fn recovery(user: &str, text: &str) -> Call {
    Call::Recovery { account: account(user), proof: Proof::Asserted, code: code(text) }
}

/// `Resync` with the first factor vouched for.
#[must_use]
pub fn resync(user: &str, first: &str, second: &str) -> Call {
    Call::Resync { account: account(user), proof: Proof::Asserted, first: code(first), second: code(second) }
}

/// How an account stands.
///
/// # Panics
/// When the daemon does not say.
pub fn status(client: &mut Client, user: &str) -> Status {
    match client.call(Call::Status { account: account(user) }).expect("an answer") {
        Reply::Status(status) => status,
        _ => panic!("no status"),
    }
}

/// What a login of this account needs.
///
/// # Panics
/// When the daemon does not say.
pub fn begin(client: &mut Client, user: &str) -> Need {
    match client.call(Call::Begin { account: account(user), context: context() }).expect("an answer") {
        Reply::Need(need) => need,
        _ => panic!("no need"),
    }
}

/// How the keys are, after a call about them.
///
/// # Panics
/// When the daemon does not say.
pub fn keys(client: &mut Client, call: Call) -> Keys {
    match client.call(call).expect("an answer") {
        Reply::Keys(keys) => keys,
        _ => panic!("no word about the keys"),
    }
}

/// Waits until no change of keys runs.
///
/// # Panics
/// When that takes a minute.
pub fn wait_for_keys(client: &mut Client) -> Keys {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let keys = keys(client, Call::KeyStatus);
        if keys.old.is_none() {
            return keys;
        }
        assert!(Instant::now() < end, "the change of keys does not end: {keys:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Confirms an enrolment with this code, and returns the recovery codes.
///
/// # Panics
/// When it is refused.
pub fn confirm(client: &mut Client, user: &str, enrollment: &Enrollment, text: &str) -> Vec<String> {
    let call = Call::Confirm { account: account(user), enrollment: enrollment.id, code: code(text) };
    match client.call(call).expect("an answer") {
        Reply::Enrolled(codes) => texts(&codes),
        _ => panic!("the first code is refused"),
    }
}

/// Recovery codes as text.
#[must_use]
pub fn texts(codes: &RecoveryCodes) -> Vec<String> {
    codes.as_slice().iter().map(|code| code.expose().to_owned()).collect()
}

/// An account of realm `system`.
#[must_use]
pub fn account(user: &str) -> Account {
    Account::Name(AccountName { realm: Realm::system(), user: UserName::new(user).expect("a legal name") })
}

/// A code as it was typed.
#[must_use]
pub fn code(text: &str) -> Code {
    Code::new(Zeroizing::new(text.as_bytes().to_vec())).expect("a short code")
}

/// Where the tests' requests come from.
#[must_use]
pub fn context() -> Context {
    Context { service: Label::cut("test"), ..Context::default() }
}

/// Whether this is an acceptance.
#[must_use]
pub fn accepted(reply: &Reply) -> bool {
    matches!(reply, Reply::Accepted(_))
}

/// Whether this is a denial.
#[must_use]
pub fn denied(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::Denied))
}
