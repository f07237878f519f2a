//! The one line that a request leaves in the audit.

use mfad_proto::{Account, AccountName, Call, Context, Note, Realm};

use super::outcome::Outcome;
use super::{Caller, Handler};
use crate::audit::{self, Line, Source};
use crate::clock::Stopwatch;
use crate::policy::Role;

impl Handler {
    /// Leaves the line.
    pub(super) fn record(
        &self,
        caller: &Caller,
        (call, watch): (&'static str, Stopwatch),
        (subject, context): (&Subject, &Context),
        outcome: &Outcome,
    ) {
        self.metrics.answered(call, outcome.word(), watch.micros());
        let (name, handle) = match subject {
            Subject::Account(Account::Name(name)) | Subject::Disabled(Account::Name(name), _) => (Some(name), None),
            Subject::Account(Account::Handle(handle)) | Subject::Disabled(Account::Handle(handle), _) => {
                (None, Some(handle))
            }
            Subject::Realm(..) | Subject::Server => (None, None),
        };
        let (realm, said) = match subject {
            Subject::Realm(realm, said) => (Some(realm), said.clone()),
            Subject::Disabled(_, note) => (name.map(|name| &name.realm), Some(note.to_string())),
            Subject::Account(_) | Subject::Server => (name.map(|name| &name.realm), None),
        };
        let hash = |name: &AccountName| audit::short(&self.names.hash(name));
        let of_handle = |handle| audit::short(&self.names.hash_handle(handle));
        let unknown = name.filter(|_| !outcome.known).map(hash).or_else(|| handle.map(of_handle));
        let socket = match &*caller.role {
            Role::ByHand => "by-hand",
            Role::Public => "public",
            Role::Realm(realm) => realm.as_str(),
            Role::Named(name) => name.as_str(),
        };
        let is_unprivileged = self.policy.borrow().is_unprivileged(&caller.peer, &caller.role);
        let source = Source { uid: caller.peer.uid, socket: socket.to_owned(), is_unprivileged };
        let line = Line {
            time: self.time.unix(),
            call,
            realm: realm.map(Realm::as_str),
            user: name.filter(|_| outcome.known).map(|name| name.user.as_str()),
            user_hash: unknown,
            outcome: outcome.word(),
            factor: outcome.factor(),
            said: said.as_deref(),
            reason: outcome.reason.clone(),
            uid: caller.peer.uid,
            pid: caller.peer.pid,
            socket,
            service: context.service.as_str(),
            rhost: context.rhost.as_str(),
            tty: context.tty.as_str(),
            micros: watch.micros(),
        };
        self.audit.write(line, &source);
    }
}

/// Whom a call is about: kept for the audit, since the call itself is used up.
pub(super) enum Subject {
    Account(Account),
    /// With what the administrator gave as the reason.
    Disabled(Account, Note),
    /// With what was set, if anything was.
    Realm(Realm, Option<String>),
    Server,
}

/// Whom a call is about, and where it says it comes from.
pub(super) fn subject(call: &Call) -> (Subject, Context) {
    let nowhere = Context::default;
    match call {
        Call::Ping
        | Call::Audit { .. }
        | Call::Stats { .. }
        | Call::KeyStatus
        | Call::KeyRotate
        | Call::Backup { .. } => (Subject::Server, nowhere()),
        Call::SetPolicy { realm, enforcement } => {
            (Subject::Realm(realm.clone(), Some(format!("enforce {enforcement}"))), nowhere())
        }
        Call::GetPolicy { realm } | Call::List { realm, .. } | Call::ListHandles { realm, .. } => {
            (Subject::Realm(realm.clone(), None), nowhere())
        }
        Call::Disable { account, reason } => (Subject::Disabled(account.clone(), reason.clone()), nowhere()),
        Call::Status { account }
        | Call::Confirm { account, .. }
        | Call::Recovery { account, .. }
        | Call::Resync { account, .. }
        | Call::Passwd { account, .. }
        | Call::Unlock { account }
        | Call::Recover { account }
        | Call::Remove { account }
        | Call::SetPassword { account, .. }
        | Call::Show { account }
        | Call::ImportOne { account, .. } => (Subject::Account(account.clone()), nowhere()),
        Call::Begin { account, context }
        | Call::Verify { account, context, .. }
        | Call::Enroll { account, context, .. }
        | Call::Reset { account, context, .. }
        | Call::Authenticate { account, context, .. } => (Subject::Account(account.clone()), context.clone()),
    }
}
