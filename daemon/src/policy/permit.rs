//! What the policy has allowed, as values that only it can make.

use mfad_proto::{AccountName, CallKind, Context, FirstFactor, Label, Password, Proof, Realm, Refusal, UserName};

use super::{Held, Right, Rules};
use crate::throttle::Lane;

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The uid.
    pub uid: u32,
    /// The one name that its account bears: what the uid is called, however it was asked for.
    pub name: UserName,
}

/// A call that is allowed, before it is known whose account the name stands for.
pub struct Judged<'p> {
    pub(super) permit: Permit<'p>,
    /// The uid that the account must have: an owner's own.
    pub(super) owner: Option<u32>,
    pub(super) is_unix: bool,
}

impl<'p> Judged<'p> {
    /// The name to be looked up among the users of this machine, if it names one of them.
    #[must_use]
    pub fn unix_name(&self) -> Option<&UserName> {
        self.is_unix.then_some(&self.permit.name.user)
    }

    /// The permit, once it is known whom [`Self::unix_name`] names; `None` when there is no such user.
    ///
    /// # Errors
    /// `NotPermitted` when it is not the owner who asks as the owner.
    pub fn settle(self, person: Option<Person>) -> Result<Permit<'p>, Refusal> {
        let mut permit = self.permit;
        let person = person.filter(|_| self.is_unix);
        if self.owner.is_some() && self.owner != person.as_ref().map(|person| person.uid) {
            return Err(Refusal::NotPermitted);
        }
        if let Some(Person { uid, name }) = person {
            (permit.uid, permit.name.user) = (Some(uid), name);
        } else if self.is_unix {
            permit.uid = Some(NOBODYS);
        }
        Ok(permit)
    }
}

/// Proof that this peer may ask this call of this account. Only [`Judged::settle`] makes one.
pub struct Permit<'p> {
    pub(super) name: AccountName,
    pub(super) typed: UserName,
    pub(super) uid: Option<u32>,
    pub(super) call: CallKind,
    pub(super) right: Right,
    pub(super) held: Held,
    pub(super) rules: &'p Rules,
}

/// The uid that no user can have (`(uid_t) -1`): of a name that no user of this machine bears.
pub const NOBODYS: u32 = u32::MAX;

/// How a request shows the first factor.
pub enum Shown {
    /// A peer that may vouch for it does.
    Vouched,
    /// A password, still to be judged.
    Given(Password),
}

impl<'p> Permit<'p> {
    /// The account.
    #[must_use]
    pub const fn name(&self) -> &AccountName {
        &self.name
    }

    /// The user as the request names it, which the system's PAM is asked about: of two names of one uid, each may have a
    /// password of its own.
    #[must_use]
    pub const fn typed(&self) -> &UserName {
        &self.typed
    }

    /// The uid that the name stands for now, where names are users of this machine; [`NOBODYS`] when there is no such user.
    #[must_use]
    pub const fn uid(&self) -> Option<u32> {
        self.uid
    }

    /// The call.
    #[must_use]
    pub const fn call(&self) -> CallKind {
        self.call
    }

    /// The rules of its realm.
    #[must_use]
    pub const fn rules(&self) -> &'p Rules {
        self.rules
    }

    /// Whether the peer asks as an administrator, whom the realm's `enroll` does not bind. Root at a socket where it is a
    /// login service, too, is led by that rule as any login service.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.right == Right::Admin
    }

    /// Whether the peer acts on its own account alone.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.right == Right::Owner
    }

    /// Where the peer's tries of codes are counted.
    #[must_use]
    pub const fn code_lane(&self) -> Lane {
        match self.right {
            Right::Login | Right::Admin => Lane::Codes,
            Right::Owner => Lane::Own,
        }
    }

    /// Where the peer's tries of passwords are counted.
    #[must_use]
    pub const fn password_lane(&self) -> Lane {
        match (self.right, self.call) {
            (Right::Owner, _) => Lane::OwnPasswords,
            (Right::Login | Right::Admin, CallKind::Authenticate) => Lane::Logins,
            (Right::Login | Right::Admin, _) => Lane::Passwords,
        }
    }

    /// The service that asks, where it is believed: an owner could name any.
    #[must_use]
    pub fn believed_service<'c>(&self, context: &'c Context) -> Option<&'c Label> {
        (self.right == Right::Login).then_some(&context.service)
    }

    /// How the request shows the first factor.
    ///
    /// # Errors
    /// `NotPermitted` when this peer may not vouch; `Unsupported` for a password in a realm where nobody here judges it.
    pub fn first_factor(&self, proof: Proof) -> Result<Shown, Refusal> {
        match proof {
            Proof::Asserted if self.right == Right::Login => Ok(Shown::Vouched),
            Proof::Asserted if self.held.admin && self.call == CallKind::Enroll => Ok(Shown::Vouched),
            Proof::Asserted => Err(Refusal::NotPermitted),
            Proof::Password(password) => self.password(password),
        }
    }

    /// A password as the first factor.
    ///
    /// # Errors
    /// `Unsupported` in a realm where nobody here judges it.
    pub fn password(&self, password: Password) -> Result<Shown, Refusal> {
        match self.rules.first_factor {
            FirstFactor::Pam | FirstFactor::Password => Ok(Shown::Given(password)),
            FirstFactor::Asserted => Err(Refusal::Unsupported),
        }
    }

    /// Whether the server keeps the passwords of this realm, so that they can be changed here.
    ///
    /// # Errors
    /// `Unsupported`.
    pub fn keeps_passwords(&self) -> Result<(), Refusal> {
        if self.rules.first_factor == FirstFactor::Password { Ok(()) } else { Err(Refusal::Unsupported) }
    }
}

/// Proof that this peer administers the server. Only [`super::Policy::judge_server`] makes one.
pub struct ServerPermit(pub(super) ());

/// Proof that this peer administers this realm. Only [`super::Policy::judge_realm`] makes one.
pub struct RealmPermit<'p> {
    pub(super) realm: Realm,
    pub(super) rules: &'p Rules,
    pub(super) is_unix: bool,
}

impl RealmPermit<'_> {
    /// The realm.
    #[must_use]
    pub const fn realm(&self) -> &Realm {
        &self.realm
    }

    /// Its rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        self.rules
    }

    /// Whether its names are those of users of this machine.
    #[must_use]
    pub const fn is_unix(&self) -> bool {
        self.is_unix
    }
}
