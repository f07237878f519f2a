//! One match: each call asks the policy, then the accounts, and leaves one audit line.
//!
//! MUST: no rule is decided here; any internal error is `Unavailable`; every request leaves exactly one line.

use std::error::Error as _;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use mfad_proto::{
    Account, AccountName, Call, CallKind, Code, Context, EnrollmentId, Handle, Issuer, Password, Pong, RecoveryCodes,
    Refusal, Reply,
};

use crate::accounts::{self, Accounts, Decided};
use crate::audit::{Audit, Line};
use crate::backup;
use crate::clock::{Clock, Stopwatch};
use crate::names::NameHasher;
use crate::otpauth;
use crate::policy::{Peer, Permit, Policy, Role};
use crate::record::Pending;
use crate::service::{Down, Service};
use crate::store;
use crate::totp;
use crate::vault::{self, Fresh, Reason};

/// Who asks, and on which socket.
pub(crate) struct Caller {
    pub(crate) peer: Peer,
    pub(crate) role: Arc<Role>,
}

/// Answers requests.
pub(crate) struct Handler {
    pub(crate) policy: Policy,
    pub(crate) service: Arc<Service>,
    pub(crate) names: NameHasher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) audit: Arc<Audit>,
}

/// An answer, and the descriptor that goes with it, if any.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) descriptor: Option<OwnedFd>,
}

/// An answer, and what the audit must know of it.
struct Outcome {
    reply: Reply,
    descriptor: Option<OwnedFd>,
    reason: Option<String>,
    /// Whether the account exists, so that its name may be written.
    known: bool,
}

impl Handler {
    /// Answers one request.
    pub(crate) async fn answer(&self, caller: &Caller, call: Call) -> Answer {
        let watch = Stopwatch::start();
        let kind = call.kind();
        let (account, context) = subject(&call);
        let outcome = match self.decide(caller, kind, call).await {
            Ok(outcome) => outcome,
            Err(refusal) => {
                let reason = (refusal == Refusal::Unavailable).then(|| self.service.why());
                Outcome { reply: Reply::Refused(refusal), reason, known: false, descriptor: None }
            }
        };
        self.record(caller, (kind.as_str(), watch), (account.as_ref(), &context), &outcome);
        Answer { reply: outcome.reply, descriptor: outcome.descriptor }
    }

    /// Leaves the line of a frame that was no request.
    pub(crate) fn refused(&self, caller: &Caller, refusal: Refusal) {
        let outcome = Outcome { reply: Reply::Refused(refusal), reason: None, known: false, descriptor: None };
        self.record(caller, ("?", Stopwatch::start()), (None, &Context::default()), &outcome);
    }

    async fn decide(&self, caller: &Caller, kind: CallKind, call: Call) -> Result<Outcome, Refusal> {
        let permit = |account: &Account| self.policy.judge(&caller.peer, &caller.role, kind, account);
        let now = self.clock.unix();
        match call {
            Call::Ping => Ok(Outcome {
                reply: Reply::Pong(pong(self.service.why())),
                reason: None,
                known: false,
                descriptor: None,
            }),
            Call::Begin { account, .. } => {
                let permit = permit(&account)?;
                Ok(answered(self.accounts().await?.view(&permit, vault::begin).await, Reply::Need))
            }
            Call::Status { account } => {
                let permit = permit(&account)?;
                let look = |record: &_| vault::status(record, permit.name(), now);
                Ok(answered(self.accounts().await?.view(&permit, look).await, Reply::Status))
            }
            Call::Verify { account, code, context } => {
                let permit = permit(&account)?;
                let judge = |record: &mut _| vault::verify(record, code.expose(), &context, now);
                Ok(judged(self.accounts().await?.change(&permit, judge).await, Reply::Accepted))
            }
            Call::Enroll { account, proof, ticket, issuer, .. } => {
                let permit = permit(&account)?;
                permit.first_factor(kind, &proof)?;
                self.enroll(&permit, ticket.as_ref(), issuer.as_ref(), now).await
            }
            Call::Confirm { account, enrollment, code } => {
                let permit = permit(&account)?;
                let judge = |record: &mut _| vault::confirm(record, enrollment, code.expose(), now);
                Ok(judged(self.accounts().await?.change(&permit, judge).await, |()| {
                    Reply::Enrolled(RecoveryCodes::default())
                }))
            }
            Call::Reset { account, proof, code, context } => {
                let permit = permit(&account)?;
                permit.first_factor(kind, &proof)?;
                let judge = |record: &mut _| vault::reset(record, code.expose(), &context, now);
                Ok(judged(self.accounts().await?.change(&permit, judge).await, |()| Reply::Done))
            }
            Call::Backup { passphrase } => self.backup(caller, passphrase).await,
        }
    }

    async fn accounts(&self) -> Result<Arc<Accounts>, Refusal> {
        self.service.accounts().await.map_err(|Down| Refusal::Unavailable)
    }

    async fn enroll(
        &self,
        permit: &Permit<'_>,
        ticket: Option<&Code>,
        issuer: Option<&Issuer>,
        now: u64,
    ) -> Result<Outcome, Refusal> {
        // No account has a ticket yet, so that each one given is wrong.
        let no_ticket = ticket.map_or(Ok(()), |_wrong| Err(Reason::NoTicket));
        let fresh = fresh().map_err(|_e| Refusal::Unavailable)?;
        let issuer = issuer.unwrap_or(&permit.rules().issuer);
        let accounts = self.accounts().await?;
        let decided = accounts.change(permit, |record| {
            no_ticket?;
            vault::enroll(record, fresh, permit.rules(), now).map(|pending| shown(pending, issuer, permit.name()))
        });
        Ok(match decided.await {
            // The account's own peer may know that it is enrolled: `Status` tells it the same.
            Ok(Decided { verdict: Err(reason @ Reason::Enrolled), known }) => Outcome {
                reply: Reply::Refused(Refusal::NotPermitted),
                reason: Some(reason.to_string()),
                known,
                descriptor: None,
            },
            decided => judged(decided, |shown| match shown {
                Ok(enrollment) => Reply::Enrollment(enrollment),
                Err(otpauth::Error) => Reply::Refused(Refusal::Unavailable),
            }),
        })
    }

    async fn backup(&self, caller: &Caller, passphrase: Password) -> Result<Outcome, Refusal> {
        let permit = self.policy.judge_server(&caller.peer, &caller.role)?;
        if passphrase.expose().is_empty() {
            return Err(Refusal::Malformed);
        }
        let snapshot = match self.accounts().await?.snapshot(&permit).await {
            Ok(snapshot) => snapshot,
            Err(accounts::Error::Store(store::Error::Busy)) => return Err(Refusal::TryLater { seconds: BUSY_SECONDS }),
            Err(error) => return Ok(unavailable(&error)),
        };
        let records = snapshot.mark().records;
        let audit = Arc::clone(&self.audit);
        let ended = move |result: Result<(), backup::Error>| match result {
            Ok(()) => audit.note(&format!("a backup of {records} records was handed over")),
            Err(error) => audit.note(&format!("a backup was not finished: {error}")),
        };
        let pipe = backup::pour(snapshot, self.service.keyring(), passphrase, ended);
        let descriptor = Some(pipe.map_err(|_e| Refusal::Unavailable)?);
        Ok(Outcome { reply: Reply::Backup { records }, reason: None, known: false, descriptor })
    }

    fn record(
        &self,
        caller: &Caller,
        (call, watch): (&str, Stopwatch),
        (account, context): (Option<&Account>, &Context),
        outcome: &Outcome,
    ) {
        let name = account.and_then(|account| match account {
            Account::Name(name) => Some(name),
            Account::Handle(_) => None,
        });
        let hash = |name: &AccountName| {
            let hash = self.names.hash(name);
            HEXLOWER.encode(hash.first_chunk::<8>().map_or(&[], |short| short.as_slice()))
        };
        self.audit.write(&Line {
            time: self.clock.unix(),
            call,
            realm: name.map(|name| name.realm.as_str()),
            user: name.filter(|_| outcome.known).map(|name| name.user.as_str()),
            user_hash: name.filter(|_| !outcome.known).map(hash),
            outcome: outcome_word(&outcome.reply),
            reason: outcome.reason.clone(),
            uid: caller.peer.uid,
            pid: caller.peer.pid,
            socket: match &*caller.role {
                Role::ByHand => "by-hand",
                Role::Public => "public",
                Role::Realm(realm) => realm.as_str(),
            },
            service: context.service.as_str(),
            rhost: context.rhost.as_str(),
            tty: context.tty.as_str(),
            micros: watch.micros(),
        });
    }
}

/// Whom a call is about, and where it says it comes from: kept for the audit, since the call itself is used up.
fn subject(call: &Call) -> (Option<Account>, Context) {
    match call {
        Call::Ping | Call::Backup { .. } => (None, Context::default()),
        Call::Status { account } | Call::Confirm { account, .. } => (Some(account.clone()), Context::default()),
        Call::Begin { account, context }
        | Call::Verify { account, context, .. }
        | Call::Enroll { account, context, .. }
        | Call::Reset { account, context, .. } => (Some(account.clone()), context.clone()),
    }
}

fn pong(why: String) -> Pong {
    Pong { version: env!("CARGO_PKG_VERSION").to_owned(), ready: why.is_empty(), why }
}

fn fresh() -> Result<Fresh, getrandom::Error> {
    let (mut id, mut handle) = ([0; 16], [0; 20]);
    getrandom::fill(&mut id)?;
    getrandom::fill(&mut handle)?;
    Ok(Fresh { id: EnrollmentId::from_random(id), key: totp::new_key()?, handle: Handle::from_random(handle) })
}

fn shown(pending: &Pending, issuer: &Issuer, name: &AccountName) -> Result<mfad_proto::Enrollment, otpauth::Error> {
    let seed = &pending.seed;
    let uri = otpauth::uri(&seed.key, issuer, &name.user, (seed.algorithm, seed.digits))?;
    let qr = otpauth::qr(&uri)?;
    Ok(mfad_proto::Enrollment { id: pending.id, uri, qr, expires_at: pending.expires_at, handle: seed.handle })
}

fn answered<T>(decided: Result<Decided<T>, accounts::Error>, reply: impl FnOnce(T) -> Reply) -> Outcome {
    match decided {
        Ok(Decided { verdict, known }) => Outcome { reply: reply(verdict), reason: None, known, descriptor: None },
        Err(error) => unavailable(&error),
    }
}

fn judged<T>(decided: Result<Decided<Result<T, Reason>>, accounts::Error>, reply: impl FnOnce(T) -> Reply) -> Outcome {
    match decided {
        Ok(Decided { verdict: Ok(verdict), known }) => {
            Outcome { reply: reply(verdict), reason: None, known, descriptor: None }
        }
        Ok(Decided { verdict: Err(reason), known }) => Outcome {
            reply: Reply::Refused(Refusal::Denied),
            reason: Some(reason.to_string()),
            known,
            descriptor: None,
        },
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &accounts::Error) -> Outcome {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Outcome {
        reply: Reply::Refused(Refusal::Unavailable),
        reason: Some(format!("{error}{cause}")),
        known: false,
        descriptor: None,
    }
}

const fn outcome_word(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused(Refusal::Denied) => "denied",
        Reply::Refused(Refusal::TryLater { .. }) => "try_later",
        Reply::Refused(Refusal::EnrollmentRequired) => "enrollment_required",
        Reply::Refused(Refusal::NotPermitted) => "not_permitted",
        Reply::Refused(Refusal::Unavailable) => "unavailable",
        Reply::Refused(Refusal::Malformed) => "malformed",
        Reply::Refused(Refusal::Unsupported) => "unsupported",
        Reply::GoingAway => "going_away",
        Reply::Pong(_) | Reply::Need(_) | Reply::Status(_) => "answered",
        Reply::Accepted(_) => "accepted",
        Reply::Enrollment(_) => "enrollment_begun",
        Reply::Enrolled(_) => "enrolled",
        Reply::Done | Reply::Backup { .. } => "done",
    }
}

/// When to ask again while another backup is being made.
const BUSY_SECONDS: u32 = 60;
