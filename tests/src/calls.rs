//! Calls as a login service of realm `system` makes them, and what their answers mean.

use mfad_client::Client;
use mfad_proto::{
    Account, AccountName, Call, Code, Context, Enrollment, Label, Proof, Realm, Refusal, Reply, UserName,
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
