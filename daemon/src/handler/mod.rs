//! One match: each call asks the policy, then the accounts, and leaves one audit line.
//!
//! MUST: no rule is decided here; any internal error is `Unavailable`; every request leaves exactly one line.

mod outcome;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use mfad_proto::{
    Account, AccountName, Call, CallKind, Code, Context, EnrollmentId, Handle, Issued, Issuer, Label, Password, Pong,
    Refusal, Reply,
};

use crate::accounts::{self, Accounts};
use crate::audit::{Audit, Line};
use crate::backup;
use crate::clock::{Now, Stopwatch, Timeline};
use crate::names::NameHasher;
use crate::otpauth;
use crate::policy::{Peer, Permit, Policy, Role, ServerPermit};
use crate::reason::Reason;
use crate::record::{Pending, Record};
use crate::recovery::{self, RecoveryCode, Tagger};
use crate::service::{Down, Service};
use crate::store;
use crate::totp;
use crate::vault::{self, Fresh, Try};

use self::outcome::Outcome;

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
    pub(crate) tagger: Tagger,
    pub(crate) time: Timeline,
    pub(crate) audit: Arc<Audit>,
}

/// An answer, and the descriptor that goes with it, if any.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) descriptor: Option<OwnedFd>,
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
                Outcome { reason, ..Outcome::plain(Reply::Refused(refusal)) }
            }
        };
        self.record(caller, (kind.as_str(), watch), (account.as_ref(), &context), &outcome);
        Answer { reply: outcome.reply, descriptor: outcome.descriptor }
    }

    /// Leaves the line of a frame that was no request.
    pub(crate) fn refused(&self, caller: &Caller, refusal: Refusal) {
        let outcome = Outcome::plain(Reply::Refused(refusal));
        self.record(caller, ("?", Stopwatch::start()), (None, &Context::default()), &outcome);
    }

    async fn decide(&self, caller: &Caller, kind: CallKind, call: Call) -> Result<Outcome, Refusal> {
        let permit = |account: &Account| self.policy.judge(&caller.peer, &caller.role, kind, account);
        match call {
            Call::Ping => Ok(Outcome::plain(Reply::Pong(pong(self.service.why())))),
            Call::Begin { account, .. } => {
                let permit = permit(&account)?;
                let look = |record: &_| vault::begin(record, self.time.now());
                Ok(Outcome::seen(self.accounts().await?.view(&permit, look).await, Reply::Need))
            }
            Call::Status { account } => {
                let permit = permit(&account)?;
                let look = |record: &_| vault::status(record, permit.name(), self.time.now());
                Ok(Outcome::seen(self.accounts().await?.view(&permit, look).await, Reply::Status))
            }
            Call::Verify { account, code, context } => {
                let permit = permit(&account)?;
                self.tried(&permit, (&code, &context.service), vault::verify, Reply::Accepted).await
            }
            Call::Enroll { account, proof, ticket, issuer, .. } => {
                let permit = permit(&account)?;
                permit.first_factor(kind, &proof)?;
                self.enroll(&permit, ticket.as_ref(), issuer.as_ref()).await
            }
            Call::Confirm { account, enrollment, code } => {
                let permit = permit(&account)?;
                self.confirm(&permit, enrollment, &code).await
            }
            Call::Reset { account, proof, code, context } => {
                let permit = permit(&account)?;
                permit.first_factor(kind, &proof)?;
                self.tried(&permit, (&code, &context.service), vault::reset, |()| Reply::Done).await
            }
            Call::Recovery { account, proof, code } => {
                let permit = permit(&account)?;
                permit.first_factor(kind, &proof)?;
                self.renew_recovery(&permit, &code).await
            }
            Call::Resync { account, proof, first, second } => {
                let permit = permit(&account)?;
                permit.first_factor(kind, &proof)?;
                let codes = [first.expose(), second.expose()];
                let judge = |record: &mut _| vault::resync(record, codes, permit.lane(), self.time.now());
                Ok(Outcome::judged(self.accounts().await?.change(&permit, judge).await, |()| Reply::Done))
            }
            Call::Unlock { account } => {
                let permit = permit(&account)?;
                let unlock = |record: &mut _| vault::unlock(record, self.time.now());
                Ok(Outcome::judged(self.accounts().await?.change(&permit, unlock).await, |()| Reply::Done))
            }
            Call::Recover { account } => {
                let permit = permit(&account)?;
                self.recover(&permit).await
            }
            Call::KeyStatus => self.key_status(caller).await,
            Call::KeyRotate => self.key_rotate(caller).await,
            Call::Backup { passphrase } => self.backup(caller, passphrase).await,
        }
    }

    async fn accounts(&self) -> Result<Arc<Accounts>, Refusal> {
        self.service.accounts().await.map_err(|Down| Refusal::Unavailable)
    }

    /// Lets the vault judge what somebody typed.
    async fn tried<T>(
        &self,
        permit: &Permit<'_>,
        (code, service): (&Code, &Label),
        judge: impl FnOnce(&mut Record, &Try<'_>, Now) -> Result<T, Reason>,
        reply: impl FnOnce(T) -> Reply,
    ) -> Result<Outcome, Refusal> {
        let recovery = RecoveryCode::parse(code.expose()).map(|code| self.tagger.tag(permit.name(), &code));
        let typed = Try { code: code.expose(), recovery, lane: permit.lane(), service };
        let decide = |record: &mut _| judge(record, &typed, self.time.now());
        Ok(Outcome::judged(self.accounts().await?.change(permit, decide).await, reply))
    }

    async fn enroll(
        &self,
        permit: &Permit<'_>,
        ticket: Option<&Code>,
        issuer: Option<&Issuer>,
    ) -> Result<Outcome, Refusal> {
        // No account has a ticket yet, so that each one given is wrong.
        let no_ticket = ticket.map_or(Ok(()), |_wrong| Err(Reason::NoTicket));
        let fresh = fresh().map_err(|_e| Refusal::Unavailable)?;
        let issuer = issuer.unwrap_or(&permit.rules().issuer);
        let accounts = self.accounts().await?;
        let decided = accounts.change(permit, |record| {
            no_ticket?;
            let pending = vault::enroll(record, fresh, permit.rules(), self.time.now())?;
            Ok(shown(pending, issuer, permit.name()))
        });
        Ok(Outcome::judged(decided.await, |shown| match shown {
            Ok(enrollment) => Reply::Enrollment(enrollment),
            Err(otpauth::Error) => Reply::Refused(Refusal::Unavailable),
        }))
    }

    async fn confirm(&self, permit: &Permit<'_>, id: EnrollmentId, code: &Code) -> Result<Outcome, Refusal> {
        let (codes, tags) = recovery::new_set(&self.tagger, permit.name()).map_err(|_e| Refusal::Unavailable)?;
        let judge = |record: &mut _| vault::confirm(record, id, code.expose(), tags, self.time.now());
        Ok(Outcome::judged(self.accounts().await?.change(permit, judge).await, |()| Reply::Enrolled(codes)))
    }

    async fn renew_recovery(&self, permit: &Permit<'_>, code: &Code) -> Result<Outcome, Refusal> {
        let (codes, tags) = recovery::new_set(&self.tagger, permit.name()).map_err(|_e| Refusal::Unavailable)?;
        let renew = |record: &mut _, typed: &Try<'_>, now| vault::renew_recovery(record, typed, tags, now);
        self.tried(permit, (code, &Label::default()), renew, |()| Reply::RecoveryCodes(codes)).await
    }

    async fn recover(&self, permit: &Permit<'_>) -> Result<Outcome, Refusal> {
        let code = RecoveryCode::random().map_err(|_e| Refusal::Unavailable)?;
        let tag = self.tagger.tag(permit.name(), &code);
        let issue = |record: &mut _| vault::issue(record, tag, self.time.now());
        let decided = self.accounts().await?.change(permit, issue).await;
        Ok(Outcome::judged(decided, |expires_at| Reply::Issued(Issued { code: code.text(), expires_at })))
    }

    async fn key_rotate(&self, caller: &Caller) -> Result<Outcome, Refusal> {
        let _permit: ServerPermit = self.policy.judge_server(&caller.peer, &caller.role)?;
        let records = self.accounts().await?.records();
        match self.service.keys().renew(self.time.unix(), records).await {
            Ok(()) => self.key_status(caller).await,
            Err(error) => Ok(Outcome::unavailable(&error)),
        }
    }

    async fn key_status(&self, caller: &Caller) -> Result<Outcome, Refusal> {
        let _permit: ServerPermit = self.policy.judge_server(&caller.peer, &caller.role)?;
        let records = self.accounts().await?.records();
        Ok(Outcome::plain(Reply::Keys(self.service.keys().status(records).await)))
    }

    async fn backup(&self, caller: &Caller, passphrase: Password) -> Result<Outcome, Refusal> {
        let permit = self.policy.judge_server(&caller.peer, &caller.role)?;
        if passphrase.expose().is_empty() {
            return Err(Refusal::Malformed);
        }
        let accounts = self.accounts().await?;
        let keyring = self.service.keys().keyring().await;
        let snapshot = match accounts.snapshot(&permit).await {
            Ok(snapshot) => snapshot,
            Err(accounts::Error::Store(store::Error::Busy)) => return Err(Refusal::TryLater { seconds: BUSY_SECONDS }),
            Err(error) => return Ok(Outcome::unavailable(&error)),
        };
        let records = snapshot.mark().records;
        let audit = Arc::clone(&self.audit);
        let ended = move |result: Result<(), backup::Error>| match result {
            Ok(()) => audit.note(&format!("a backup of {records} records was handed over")),
            Err(error) => audit.note(&format!("a backup was not finished: {error}")),
        };
        let pipe = backup::pour(snapshot, Arc::clone(&keyring), passphrase, ended);
        let descriptor = Some(pipe.map_err(|_e| Refusal::Unavailable)?);
        Ok(Outcome { descriptor, ..Outcome::plain(Reply::Backup { records }) })
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
            time: self.time.unix(),
            call,
            realm: name.map(|name| name.realm.as_str()),
            user: name.filter(|_| outcome.known).map(|name| name.user.as_str()),
            user_hash: name.filter(|_| !outcome.known).map(hash),
            outcome: outcome.word(),
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
        Call::Ping | Call::KeyStatus | Call::KeyRotate | Call::Backup { .. } => (None, Context::default()),
        Call::Status { account }
        | Call::Confirm { account, .. }
        | Call::Recovery { account, .. }
        | Call::Resync { account, .. }
        | Call::Unlock { account }
        | Call::Recover { account } => (Some(account.clone()), Context::default()),
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

/// When to ask again while another backup is being made.
const BUSY_SECONDS: u32 = 60;
