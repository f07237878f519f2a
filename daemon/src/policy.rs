//! Who may ask what: rights from kernel credentials and from the socket the request came in on.
//!
//! MUST: pure; nothing a peer says of itself counts; only this file can make a [`Permit`], and every decision about an
//! account demands one; what no line allows is refused.

use std::collections::BTreeMap;

use mfad_proto::{Account, AccountName, CallKind, Issuer, Proof, Realm, Refusal};

use crate::throttle::Lane;
use crate::totp::{Algorithm, Digits};

/// The process at the other end of a connection, as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user id when it connected.
    pub uid: u32,
    /// Its effective group id when it connected.
    pub gid: u32,
    /// Its process id when it connected.
    pub pid: i32,
}

/// What a socket is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The one socket of a server that was started by hand: all rights that credentials allow.
    ByHand,
    /// `/run/mfad/mfad.sock`, open to everybody.
    Public,
    /// `/run/mfad/REALM/mfad.sock`: whoever may open it is a login service of that realm.
    Realm(Realm),
}

/// What a peer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Ask what a login needs, verify, enrol during a login; vouch for the first factor.
    Login,
    /// Administer.
    Admin,
}

/// The rules of one realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What an authenticator app shows above a code.
    pub issuer: Issuer,
    /// The length of new codes.
    pub digits: Digits,
    /// The hash of new factors.
    pub algorithm: Algorithm,
    /// What replacing a working factor takes.
    pub replace: Replace,
}

/// What replacing a working factor takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replace {
    /// A code of it: through `Reset`, or by an administrator.
    #[default]
    Code,
    /// The first factor alone is enough.
    Asserted,
}

/// Proof that this peer may ask this call of this account. Only [`Policy::judge`] makes one.
pub struct Permit<'p> {
    name: AccountName,
    right: Right,
    rules: &'p Rules,
}

impl Permit<'_> {
    /// The account.
    #[must_use]
    pub const fn name(&self) -> &AccountName {
        &self.name
    }

    /// The rules of its realm.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        self.rules
    }

    /// Where the peer's tries of codes are counted.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        match self.right {
            Right::Login | Right::Admin => Lane::Codes,
        }
    }

    /// Judges the first factor: the word of a peer that may vouch for it.
    ///
    /// # Errors
    /// `NotPermitted` when this peer may not; `Unsupported` for a password, which no verifier here can judge yet.
    pub const fn first_factor(&self, call: CallKind, proof: &Proof) -> Result<(), Refusal> {
        match (proof, self.right, call) {
            (Proof::Asserted, Right::Login, _) | (Proof::Asserted, Right::Admin, CallKind::Enroll) => Ok(()),
            (Proof::Asserted, Right::Admin, _) => Err(Refusal::NotPermitted),
            (Proof::Password(_), _, _) => Err(Refusal::Unsupported),
        }
    }
}

/// Proof that this peer administers the server. Only [`Policy::judge_server`] makes one.
pub struct ServerPermit(());

/// All rules of the server.
#[derive(Debug, Clone)]
pub struct Policy {
    realms: BTreeMap<Realm, Rules>,
    server_uid: u32,
}

impl Policy {
    /// The rules of the served realms, and the uid that the server runs as.
    #[must_use]
    pub const fn new(realms: BTreeMap<Realm, Rules>, server_uid: u32) -> Self {
        Self { realms, server_uid }
    }

    /// The served realms and their rules.
    #[must_use]
    pub const fn realms(&self) -> &BTreeMap<Realm, Rules> {
        &self.realms
    }

    /// May this peer ask this of this account?
    ///
    /// # Errors
    /// `NotPermitted`, or `Unsupported` for an account named by a handle.
    pub fn judge(&self, peer: &Peer, role: &Role, call: CallKind, account: &Account) -> Result<Permit<'_>, Refusal> {
        let name = match account {
            Account::Name(name) => name.clone(),
            Account::Handle(_) => return Err(Refusal::Unsupported),
        };
        let rules = self.realms.get(&name.realm).ok_or(Refusal::NotPermitted)?;
        let held = self.rights(peer, role, &name.realm);
        let right = wanted(call).iter().find(|right| held.contains(right)).ok_or(Refusal::NotPermitted)?;
        Ok(Permit { name, right: *right, rules })
    }

    /// May this peer ask this of the whole server?
    ///
    /// # Errors
    /// `NotPermitted`.
    pub fn judge_server(&self, peer: &Peer, role: &Role) -> Result<ServerPermit, Refusal> {
        let admin = self.realms.keys().any(|realm| self.rights(peer, role, realm).contains(&Right::Admin));
        if admin { Ok(ServerPermit(())) } else { Err(Refusal::NotPermitted) }
    }

    /// Whether this peer is bound by the limits for strangers: no right anywhere.
    #[must_use]
    pub fn is_stranger(&self, peer: &Peer, role: &Role) -> bool {
        self.realms.keys().all(|realm| self.rights(peer, role, realm).is_empty())
    }

    fn rights(&self, peer: &Peer, role: &Role, realm: &Realm) -> &'static [Right] {
        match role {
            Role::ByHand if peer.uid == ROOT || peer.uid == self.server_uid => &[Right::Login, Right::Admin],
            // Root can open every realm's socket: refusing it here would protect nothing.
            Role::Public if peer.uid == ROOT => &[Right::Login, Right::Admin],
            Role::ByHand | Role::Public => &[],
            Role::Realm(of) if of == realm => &[Right::Login],
            Role::Realm(_) => &[],
        }
    }
}

/// The rights that allow a call, the one to be used first.
const fn wanted(call: CallKind) -> &'static [Right] {
    match call {
        CallKind::Ping | CallKind::KeyStatus | CallKind::KeyRotate | CallKind::Backup => &[],
        CallKind::Begin | CallKind::Verify | CallKind::Reset | CallKind::Recovery | CallKind::Resync => &[Right::Login],
        CallKind::Status | CallKind::Enroll | CallKind::Confirm => &[Right::Login, Right::Admin],
        CallKind::Unlock | CallKind::Recover => &[Right::Admin],
    }
}

const ROOT: u32 = 0;
