//! An application that knows its users' enrolments by their handles alone, as Netmaker with the drop-in does, and the apps
//! of these users.

use std::sync::Arc;

use mfad_client::Client;
use mfad_proto::{
    Accepted, Account, AccountName, Call, Enrollment, Handle, Proof, Realm, Refusal, Reply, State, UserName,
};

use crate::calls::{code, context};
use crate::daemon::NOON;
use crate::faults::FaultyHome;
use crate::inprocess::{InProcess, SetClock};
use crate::phone::Phone;

/// The rules of a realm for such an application: it asks for no code before a factor is replaced.
pub const RULES: &str = "[realm.netmaker]\nreplace = \"asserted\"\n";

/// One enrolment: its handle, and the app that has its key.
pub struct Bearer {
    /// What the application stores.
    pub handle: Handle,
    /// What the user has.
    pub phone: Phone,
}

impl Bearer {
    /// Of an enrolment that was begun.
    #[must_use]
    pub fn of(enrollment: &Enrollment) -> Self {
        let uri = enrollment.uri.expose().replace("&issuer=netmaker", "");
        Self { handle: enrollment.handle, phone: Phone::scan(&uri) }
    }

    /// Begins an enrolment of this user of realm `netmaker`.
    ///
    /// # Panics
    /// When it is refused.
    pub fn begin(ask: &mut impl FnMut(Call) -> Reply, user: &str) -> Self {
        match ask(enroll(user)) {
            Reply::Enrollment(enrollment) => Self::of(&enrollment),
            _ => panic!("no enrolment was begun"),
        }
    }

    /// `Verify` by the handle, of the app's code of this step.
    #[must_use]
    pub fn verify(&mut self, step: u64) -> Call {
        verify(&self.handle, &self.phone.code(step))
    }
}

/// A daemon with realm `netmaker`, and one client of it.
pub struct Scene {
    /// The installation.
    pub home: Arc<FaultyHome>,
    /// The time that it sees.
    pub clock: SetClock,
    _daemon: InProcess,
    client: Client,
}

impl Scene {
    /// With [`RULES`].
    #[must_use]
    pub fn open() -> Self {
        Self::with(RULES)
    }

    /// With these rules.
    ///
    /// # Panics
    /// When they are none.
    #[must_use]
    pub fn with(rules: &str) -> Self {
        let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
        let daemon = InProcess::start_with_policy(&home, &clock, InProcess::policy(rules));
        let client = daemon.client();
        Self { home, clock, _daemon: daemon, client }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn ask(&mut self, call: Call) -> Reply {
        self.client.call(call).expect("an answer")
    }

    /// Begins an enrolment of this user.
    ///
    /// # Panics
    /// When it is refused.
    pub fn begin(&mut self, user: &str) -> Bearer {
        let client = &mut self.client;
        Bearer::begin(&mut |call| client.call(call).expect("an answer"), user)
    }

    /// Sets the clock to this step, and lets every delay end.
    pub fn at(&self, step: u64) {
        self.clock.set(step * 30);
        self.clock.pass(900);
    }

    /// How the account stands.
    ///
    /// # Panics
    /// When the daemon does not say.
    pub fn state(&mut self, account: Account) -> State {
        match self.ask(Call::Status { account }) {
            Reply::Status(status) => status.state,
            _ => panic!("no status"),
        }
    }

    /// An enrolment that was confirmed and then accepted once more, by the code of the step after this one.
    ///
    /// # Panics
    /// When that is refused.
    pub fn proved(&mut self, user: &str, step: u64) -> Bearer {
        let mut bearer = self.begin(user);
        self.at(step);
        yes(self.client.call(bearer.verify(step)).expect("an answer"));
        self.at(step + 1);
        yes(self.client.call(bearer.verify(step + 1)).expect("an answer"));
        bearer
    }
}

/// The name of a user in realm `netmaker`.
///
/// # Panics
/// When it is not legal.
#[must_use]
pub fn name(user: &str) -> AccountName {
    let (realm, user) = (Realm::new("netmaker"), UserName::new(user));
    AccountName { realm: realm.expect("a legal realm"), user: user.expect("a legal name") }
}

/// The account of that name.
#[must_use]
pub fn named(user: &str) -> Account {
    Account::Name(name(user))
}

/// `Enroll` by name, with the first factor vouched for.
#[must_use]
pub fn enroll(user: &str) -> Call {
    Call::Enroll { account: named(user), proof: Proof::Asserted, ticket: None, issuer: None, context: context() }
}

/// `Verify` by handle.
#[must_use]
pub fn verify(handle: &Handle, text: &str) -> Call {
    Call::Verify { account: Account::Handle(*handle), code: code(text), context: context() }
}

/// `Verify` by name.
#[must_use]
pub fn verify_named(user: &str, text: &str) -> Call {
    Call::Verify { account: named(user), code: code(text), context: context() }
}

/// An acceptance.
///
/// # Panics
/// When it is none.
pub fn yes(reply: Reply) -> Accepted {
    match reply {
        Reply::Accepted(accepted) => accepted,
        Reply::Refused(refusal) => panic!("{refusal:?}"),
        _ => panic!("another answer"),
    }
}

/// A denial.
///
/// # Panics
/// When it is none.
pub fn no(reply: &Reply) {
    match reply {
        Reply::Refused(Refusal::Denied) => {}
        Reply::Refused(refusal) => panic!("{refusal:?}"),
        _ => panic!("no refusal"),
    }
}
