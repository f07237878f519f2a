//! Who may ask what: rights from kernel credentials, from groups, and from the socket the request came in on.
//!
//! MUST: pure; nothing a peer says of itself counts; only this room can make a [`Permit`], and every decision about an
//! account demands one; what no line allows is refused; a realm's socket gives `login` in that realm and nothing else,
//! whoever is at the other end.

mod handle;
mod permit;
mod rules;

use std::collections::BTreeMap;

use mfad_proto::{Account, CallKind, Realm, Refusal, UserName};

pub use handle::{Named, Stranger};
pub use permit::{Judged, NOBODYS, Permit, Person, RealmPermit, ServerPermit, Shown};
pub use rules::{Exceptions, Rules};

/// The process at the other end of a connection, as the kernel describes it at the time when it connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user id.
    pub uid: u32,
    /// Its effective group id.
    pub gid: u32,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
    /// Its process id.
    pub pid: i32,
}

impl Peer {
    fn is_in(&self, group: u32) -> bool {
        self.gid == group || self.groups.contains(&group)
    }
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
    /// A socket of another name that systemd hands over: what grants give it, and nothing else.
    Named(String),
}

/// What a peer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Ask what a login needs, verify, enrol during a login; vouch for the first factor.
    Login,
    /// Act on the account of one's own user.
    Owner,
    /// Administer.
    Admin,
}

/// A right that the configuration gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant<To = Grantee> {
    /// In which realm.
    pub realm: Realm,
    /// Which right.
    pub right: Right,
    /// To whom.
    pub to: To,
}

/// Whether the names in this realm are those of users of this machine.
#[must_use]
pub fn has_unix_users<To>(realm: &Realm, grants: &[Grant<To>]) -> bool {
    *realm == Realm::system() || grants.iter().any(|grant| grant.realm == *realm && grant.right == Right::Owner)
}

/// Whom a right is given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grantee {
    /// Processes of this uid, on the public socket.
    User(u32),
    /// Processes in this group, on the public socket.
    Group(u32),
    /// Whoever may open the socket of this name.
    Socket(String),
}

/// The rights that a peer has in a realm.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    login: bool,
    owner: bool,
    admin: bool,
}

impl Held {
    const fn has(self, right: Right) -> bool {
        match right {
            Right::Login => self.login,
            Right::Owner => self.owner,
            Right::Admin => self.admin,
        }
    }
}

/// All rules of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    realms: BTreeMap<Realm, Rules>,
    grants: Vec<Grant>,
    /// The group whose members administer.
    admins: Option<u32>,
    server_uid: u32,
}

impl Policy {
    /// The rules of the served realms, and the uid that the server runs as.
    #[must_use]
    pub const fn new(realms: BTreeMap<Realm, Rules>, server_uid: u32) -> Self {
        Self { realms, grants: Vec::new(), admins: None, server_uid }
    }

    /// With these rights besides.
    #[must_use]
    pub fn with_grants(mut self, grants: Vec<Grant>) -> Self {
        self.grants = grants;
        self
    }

    /// With this group as the administrators.
    #[must_use]
    pub const fn with_admins(mut self, group: Option<u32>) -> Self {
        self.admins = group;
        self
    }

    /// The served realms and their rules.
    #[must_use]
    pub const fn realms(&self) -> &BTreeMap<Realm, Rules> {
        &self.realms
    }

    /// Whether it matters which user of this machine the peer is: it has no other right to ask this, and could be an owner.
    #[must_use]
    pub fn asks_who(&self, peer: &Peer, role: &Role, call: CallKind, realm: &Realm) -> bool {
        let (held, wanted) = (self.held(peer, role, realm), wanted(call));
        self.realms.contains_key(realm)
            && wanted.contains(&Right::Owner)
            && !wanted.iter().any(|right| held.has(*right))
            && self.has_owner(peer, role, realm)
    }

    /// May this peer ask this of this account? `who` is the user of this machine that its uid belongs to.
    ///
    /// # Errors
    /// `NotPermitted`, also for an account named by a handle: [`Self::judge_handle`] says first whose it is.
    pub fn judge(
        &self,
        (peer, role): (&Peer, &Role),
        who: Option<&UserName>,
        call: CallKind,
        account: &Account,
    ) -> Result<Judged<'_>, Refusal> {
        let name = match account {
            Account::Name(name) => name.clone(),
            Account::Handle(_) => return Err(Refusal::NotPermitted),
        };
        let rules = self.realms.get(&name.realm).ok_or(Refusal::NotPermitted)?;
        let owner = who == Some(&name.user) && self.has_owner(peer, role, &name.realm);
        let held = Held { owner, ..self.held(peer, role, &name.realm) };
        let right = *wanted(call).iter().find(|right| held.has(**right)).ok_or(Refusal::NotPermitted)?;
        let is_unix = has_unix_users(&name.realm, &self.grants);
        let permit = Permit { typed: name.user.clone(), name, uid: None, call, right, held, rules };
        Ok(Judged { permit, owner: (right == Right::Owner).then_some(peer.uid), is_unix })
    }

    /// May this peer ask this of this realm?
    ///
    /// # Errors
    /// `NotPermitted`.
    pub fn judge_realm(&self, peer: &Peer, role: &Role, realm: &Realm) -> Result<RealmPermit<'_>, Refusal> {
        let rules = self.realms.get(realm).ok_or(Refusal::NotPermitted)?;
        let held = self.held(peer, role, realm);
        let is_unix = has_unix_users(realm, &self.grants);
        if held.admin { Ok(RealmPermit { realm: realm.clone(), rules, is_unix }) } else { Err(Refusal::NotPermitted) }
    }

    /// May this peer ask this of the whole server? Who administers one realm by a grant may not.
    ///
    /// # Errors
    /// `NotPermitted`.
    pub fn judge_server(&self, peer: &Peer, role: &Role) -> Result<ServerPermit, Refusal> {
        if self.administers_all(peer, role) { Ok(ServerPermit(())) } else { Err(Refusal::NotPermitted) }
    }

    /// Whether this peer is bound by the limits for those who have no right but over themselves.
    #[must_use]
    pub fn is_unprivileged(&self, peer: &Peer, role: &Role) -> bool {
        self.realms.keys().all(|realm| {
            let held = self.held(peer, role, realm);
            !held.login && !held.admin
        })
    }

    /// Whether this peer is the machine's root at a socket that no container is handed: no limit for one user binds it.
    #[must_use]
    pub fn is_root(&self, peer: &Peer, role: &Role) -> bool {
        match role {
            Role::ByHand => peer.uid == ROOT || peer.uid == self.server_uid,
            Role::Public => peer.uid == ROOT,
            Role::Realm(realm) => peer.uid == ROOT && *realm == Realm::system(),
            Role::Named(_) => false,
        }
    }

    /// The rights but that of an owner.
    fn held(&self, peer: &Peer, role: &Role, realm: &Realm) -> Held {
        let granted = |right| {
            let mut grants = self.grants.iter().filter(|grant| grant.realm == *realm && grant.right == right);
            grants.any(|grant| match (&grant.to, role) {
                (Grantee::User(uid), Role::ByHand | Role::Public) => peer.uid == *uid,
                (Grantee::Group(gid), Role::ByHand | Role::Public) => peer.is_in(*gid),
                (Grantee::Socket(name), Role::Named(socket)) => name == socket,
                (Grantee::User(_) | Grantee::Group(_), Role::Realm(_) | Role::Named(_)) => false,
                (Grantee::Socket(_), Role::ByHand | Role::Public | Role::Realm(_)) => false,
            })
        };
        match role {
            // Root can open every realm's socket: refusing it here would protect nothing.
            Role::ByHand | Role::Public => Held {
                login: self.is_root(peer, role) || granted(Right::Login),
                owner: false,
                admin: self.administers_all(peer, role) || granted(Right::Admin),
            },
            Role::Realm(of) => Held { login: of == realm, ..Held::default() },
            Role::Named(_) => Held { login: granted(Right::Login), ..Held::default() },
        }
    }

    fn administers_all(&self, peer: &Peer, role: &Role) -> bool {
        match role {
            Role::ByHand | Role::Public => {
                self.is_root(peer, role) || self.admins.is_some_and(|group| peer.is_in(group))
            }
            Role::Realm(_) | Role::Named(_) => false,
        }
    }

    /// Whether the peer's own user owns the account of its name in this realm.
    fn has_owner(&self, peer: &Peer, role: &Role, realm: &Realm) -> bool {
        let open = matches!(role, Role::ByHand | Role::Public);
        let granted = || {
            let mut grants = self.grants.iter().filter(|grant| grant.realm == *realm && grant.right == Right::Owner);
            grants.any(|grant| match grant.to {
                Grantee::User(uid) => peer.uid == uid,
                Grantee::Group(gid) => peer.is_in(gid),
                Grantee::Socket(_) => false,
            })
        };
        open && (*realm == Realm::system() || granted())
    }
}

/// The rights that allow a call about an account, the one to be used first.
const fn wanted(call: CallKind) -> &'static [Right] {
    match call {
        CallKind::Begin
        | CallKind::Verify
        | CallKind::Reset
        | CallKind::Authenticate
        | CallKind::Recovery
        | CallKind::Resync
        | CallKind::Passwd => &[Right::Login, Right::Owner],
        CallKind::Status | CallKind::Enroll | CallKind::Confirm => &[Right::Login, Right::Admin, Right::Owner],
        CallKind::Show
        | CallKind::Disable
        | CallKind::Unlock
        | CallKind::Recover
        | CallKind::Remove
        | CallKind::SetPassword
        | CallKind::ImportOne => &[Right::Admin],
        CallKind::Ping
        | CallKind::List
        | CallKind::SetPolicy
        | CallKind::GetPolicy
        | CallKind::Audit
        | CallKind::Stats
        | CallKind::KeyStatus
        | CallKind::KeyRotate
        | CallKind::Backup
        | CallKind::ListHandles => &[],
    }
}

const ROOT: u32 = 0;
