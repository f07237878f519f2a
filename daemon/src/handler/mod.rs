//! One match: each call asks the policy, then the accounts, and leaves one audit line.
//!
//! MUST: no rule is decided here; any internal error is `Unavailable`; every request leaves exactly one line.

mod administration;
mod handle;
mod import;
mod line;
mod listing;
mod log;
mod outcome;
mod passwords;
mod stats;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use mfad_proto::{
    Account, AccountName, Call, CallKind, Code, Context, Enrollment, EnrollmentId, Handle, Issuer, Label, Pong,
    Refusal, Reply, State, Status,
};
use tokio::sync::watch;

use crate::accounts::{Accounts, Decided};
use crate::audit::Audit;
use crate::clock::{Now, Stopwatch, Timeline};
use crate::first_factor::FirstFactors;
use crate::metrics::Metrics;
use crate::names::NameHasher;
use crate::otpauth;
use crate::policy::{Peer, Permit, Policy, Role, Shown};
use crate::reason::Reason;
use crate::record::{Pending, Record};
use crate::recovery::{self, RecoveryCode, Tag, Tagger};
use crate::root_key::Source;
use crate::service::{Down, Service};
use crate::totp;
use crate::users::{Asker, Directory};
use crate::vault::{self, Demand, First, Fresh, Opening, Try};

use self::handle::Whose;
use self::line::{Subject, subject};
use self::outcome::{Halt, Outcome};

/// Who asks, and on which socket.
pub(crate) struct Caller {
    pub(crate) peer: Peer,
    pub(crate) role: Arc<Role>,
}

/// Answers requests.
pub(crate) struct Handler {
    pub(crate) policy: watch::Receiver<Arc<Policy>>,
    pub(crate) directory: Directory,
    pub(crate) first_factors: FirstFactors,
    pub(crate) service: Arc<Service>,
    pub(crate) names: NameHasher,
    pub(crate) tagger: Tagger,
    pub(crate) time: Timeline,
    pub(crate) audit: Arc<Audit>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) root_source: Source,
}

/// An answer, and the descriptor that goes with it, if any.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) descriptor: Option<OwnedFd>,
}

impl Handler {
    /// Answers one request.
    pub(crate) async fn answer(&self, caller: &Caller, mut call: Call) -> Answer {
        let watch = Stopwatch::start();
        let kind = call.kind();
        let policy = Arc::clone(&self.policy.borrow());
        let named = self.name(&policy, caller, &mut call).await;
        let (subject, context) = subject(&call);
        let outcome = match named {
            Ok(Whose::Named(handle)) => self.decide(&policy, caller, call, handle).await,
            Ok(Whose::Nobodys(stranger)) => self.refuse(&stranger).await,
            Err(halt) => Err(halt),
        };
        let outcome = outcome.unwrap_or_else(|halt| halt.outcome(|| self.service.why()));
        self.record(caller, (kind.as_str(), watch), (&subject, &context), &outcome);
        Answer { reply: outcome.reply, descriptor: outcome.descriptor }
    }

    /// Leaves the line of a frame that was no request.
    pub(crate) fn refused(&self, caller: &Caller, refusal: Refusal) {
        let outcome = Outcome::plain(Reply::Refused(refusal));
        self.record(caller, ("?", Stopwatch::start()), (&Subject::Server, &Context::default()), &outcome);
    }

    #[expect(clippy::too_many_lines, reason = "one match, with an arm for each call")]
    async fn decide(
        &self,
        policy: &Policy,
        caller: &Caller,
        call: Call,
        handle: Option<Handle>,
    ) -> Result<Outcome, Halt> {
        let (kind, peer, role) = (call.kind(), &caller.peer, &*caller.role);
        let permit = async |account: &Account| self.permit(policy, caller, kind, account).await;
        match call {
            Call::Ping => Ok(Outcome::plain(Reply::Pong(pong(self.service.why())))),
            Call::Begin { account, context } => self.begin(&permit(&account).await?, &context).await,
            Call::Status { account } => self.status(&permit(&account).await?).await,
            Call::Verify { account, code, context } => {
                self.verify(&permit(&account).await?, handle.as_ref(), &code, &context.service).await
            }
            Call::Enroll { account, proof, ticket, issuer, .. } => {
                let permit = permit(&account).await?;
                self.enroll(&permit, permit.first_factor(proof)?, ticket.as_ref(), issuer.as_ref()).await
            }
            Call::Confirm { account, enrollment, code } => {
                self.confirm(&permit(&account).await?, enrollment, &code).await
            }
            Call::Reset { account, proof, code, context } => {
                let permit = permit(&account).await?;
                self.reset(&permit, permit.first_factor(proof)?, &code, &context).await
            }
            Call::Authenticate { account, password, code, context } => {
                let permit = permit(&account).await?;
                self.authenticate(&permit, permit.password(password)?, &code, &context).await
            }
            Call::Recovery { account, proof, code } => {
                let permit = permit(&account).await?;
                self.renew_recovery(&permit, permit.first_factor(proof)?, &code).await
            }
            Call::Resync { account, proof, first, second } => {
                let permit = permit(&account).await?;
                self.resync(&permit, permit.first_factor(proof)?, [&first, &second]).await
            }
            Call::Passwd { account, old, code, new } => {
                let permit = permit(&account).await?;
                permit.keeps_passwords()?;
                self.passwd(&permit, permit.password(old)?, &code, new).await
            }
            Call::Disable { account, .. } => self.disable(&permit(&account).await?).await,
            Call::Unlock { account } => self.unlock(&permit(&account).await?).await,
            Call::Recover { account } => self.recover(&permit(&account).await?).await,
            Call::Remove { account } => self.remove(&permit(&account).await?).await,
            Call::SetPassword { account, password } => {
                let permit = permit(&account).await?;
                permit.keeps_passwords()?;
                self.set_password(&permit, password).await
            }
            Call::SetPolicy { realm, enforcement } => {
                self.set_policy(&policy.judge_realm(peer, role, &realm)?, enforcement).await
            }
            Call::GetPolicy { realm } => self.get_policy(&policy.judge_realm(peer, role, &realm)?).await,
            Call::List { realm, after, limit } => {
                self.list(&policy.judge_realm(peer, role, &realm)?, after.as_ref(), limit).await
            }
            Call::ListHandles { realm, after, limit } => {
                self.list_handles(&policy.judge_realm(peer, role, &realm)?, after.as_ref(), limit).await
            }
            Call::Show { account } => self.show(&permit(&account).await?).await,
            Call::ImportOne { account, factor, apply } => self.import(&permit(&account).await?, factor, apply).await,
            Call::Audit { after, filter, verify } => {
                self.audit(&policy.judge_server(peer, role)?, after, filter, verify).await
            }
            Call::Stats { after } => self.stats(&policy.judge_server(peer, role)?, after).await,
            Call::KeyStatus => self.key_status(&policy.judge_server(peer, role)?).await,
            Call::KeyRotate => self.key_rotate(&policy.judge_server(peer, role)?).await,
            Call::Backup { passphrase } => self.backup(&policy.judge_server(peer, role)?, passphrase).await,
        }
    }

    /// Asks the policy, and where names are those of users of this machine the directory, in the order that keeps those
    /// without a right from asking it anything but who they are.
    async fn permit<'p>(
        &self,
        policy: &'p Policy,
        caller: &Caller,
        kind: CallKind,
        account: &Account,
    ) -> Result<Permit<'p>, Halt> {
        let (peer, role) = (&caller.peer, &*caller.role);
        let who = match account {
            Account::Name(name) if policy.asks_who(peer, role, kind, &name.realm) => {
                self.directory.name_of(peer.uid).await?
            }
            Account::Name(_) | Account::Handle(_) => None,
        };
        let judged = policy.judge((peer, role), who.as_ref(), kind, account)?;
        let person = match judged.unix_name() {
            Some(name) => self.directory.person(name, Asker::of(policy.is_unprivileged(peer, role))).await?,
            None => None,
        };
        Ok(judged.settle(person)?)
    }

    async fn accounts(&self) -> Result<Arc<Accounts>, Refusal> {
        self.service.accounts().await.map_err(|Down| Refusal::Unavailable)
    }

    /// Whether a second factor is enforced for this account now. `service` is one that is believed.
    async fn is_enforced(
        &self,
        accounts: &Accounts,
        permit: &Permit<'_>,
        service: Option<&Label>,
    ) -> Result<bool, Halt> {
        let (name, rules) = (permit.name(), permit.rules());
        let enforcement = accounts.enforcement(&name.realm).await?.unwrap_or(rules.enforce);
        if !enforcement.holds(self.time.unix()) || rules.except.hold(&name.user, service, &[]) {
            return Ok(false);
        }
        if rules.except.groups.is_empty() {
            return Ok(true);
        }
        let groups = self.directory.groups(&name.user, Asker::of(permit.is_own())).await?;
        Ok(!rules.except.hold(&name.user, service, &groups))
    }

    async fn begin(&self, permit: &Permit<'_>, context: &Context) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let enforced = self.is_enforced(&accounts, permit, permit.believed_service(context)).await?;
        let demand = Demand { enforced, enroll: permit.rules().enroll };
        let look = |record: &_, other| vault::begin(record, other, demand, permit.code_lane(), self.time.now());
        Ok(Outcome::seen(accounts.view(permit, look).await, Reply::Need))
    }

    async fn status(&self, permit: &Permit<'_>) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let enforced = self.is_enforced(&accounts, permit, None).await?;
        let look = |record: &_, other| {
            let status = vault::status(record, permit.name(), enforced, permit.code_lane(), self.time.now());
            // Until an administrator acts, nobody gets in by what is there.
            if other { Status { state: State::Locked, ..status } } else { status }
        };
        Ok(Outcome::seen(accounts.view(permit, look).await, Reply::Status))
    }

    async fn verify(
        &self,
        permit: &Permit<'_>,
        handle: Option<&Handle>,
        code: &Code,
        service: &Label,
    ) -> Result<Outcome, Halt> {
        let judge = |record: &mut Record, typed: &Try<'_>, now| match handle {
            Some(handle) => vault::verify_by_handle(record, handle, typed, permit.rules().replace, now),
            None => vault::verify(record, typed, now),
        };
        self.tried(permit, (&First::Vouched, code, service), judge, Reply::Accepted).await
    }

    /// Lets the vault judge what somebody typed, behind the first factor.
    async fn tried<T>(
        &self,
        permit: &Permit<'_>,
        (first, code, service): (&First, &Code, &Label),
        judge: impl FnOnce(&mut Record, &Try<'_>, Now) -> Result<T, Reason>,
        reply: impl FnOnce(T) -> Reply,
    ) -> Result<Outcome, Halt> {
        let typed = self.typed(permit, code, service);
        let decide = |record: &mut _| vault::behind(record, first, |record| judge(record, &typed, self.time.now()));
        Ok(Outcome::judged(self.accounts().await?.change(permit, decide).await, reply))
    }

    fn typed<'t>(&self, permit: &Permit<'t>, code: &'t Code, service: &'t Label) -> Try<'t> {
        let recovery = self.tag(permit, code);
        Try { stack: &permit.rules().stack, code: code.expose(), recovery, lane: permit.code_lane(), service }
    }

    /// The tag of what was typed, when it has the form of a recovery code.
    fn tag(&self, permit: &Permit<'_>, code: &Code) -> Option<Tag> {
        RecoveryCode::parse(code.expose()).map(|code| self.tagger.tag(permit.name(), &code))
    }

    async fn enroll(
        &self,
        permit: &Permit<'_>,
        shown: Shown,
        ticket: Option<&Code>,
        issuer: Option<&Issuer>,
    ) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let opening = Opening { fresh: fresh().map_err(|_e| Refusal::Unavailable)?, rules: permit.rules() };
        if matches!(shown, Shown::Given(_)) {
            let standing = |record: &Record, other: bool| {
                if other { Ok(()) } else { vault::may_enroll(record, permit.rules(), permit.administers()) }
            };
            let Decided { verdict, known } = accounts.view(permit, standing).await?;
            verdict.map_err(|reason| Halt::Uncounted(reason, known))?;
        }
        let proved = self.first(&accounts, permit, shown, None).await?;
        let ticket = ticket.map(|ticket| self.tag(permit, ticket));
        let issuer = issuer.unwrap_or(&permit.rules().issuer);
        let decide = |record: &mut _| {
            vault::behind(record, &proved.first, |record| {
                let pending = vault::enroll(record, opening, ticket, permit.administers(), self.time.now())?;
                Ok(shown_enrollment(pending, issuer, permit.name()))
            })
        };
        Ok(Outcome::judged(accounts.change(permit, decide).await, enrollment))
    }

    async fn confirm(&self, permit: &Permit<'_>, id: EnrollmentId, code: &Code) -> Result<Outcome, Halt> {
        let (codes, tags) = recovery::new_set(&self.tagger, permit.name()).map_err(|_e| Refusal::Unavailable)?;
        let replace = permit.rules().replace;
        let judge = |record: &mut _| vault::confirm(record, (id, code.expose()), tags, replace, self.time.now());
        Ok(Outcome::judged(self.accounts().await?.change(permit, judge).await, |()| Reply::Enrolled(codes)))
    }

    async fn reset(&self, permit: &Permit<'_>, shown: Shown, code: &Code, context: &Context) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let rules = permit.rules();
        let fresh = fresh().map_err(|_e| Refusal::Unavailable)?;
        let proved = self.first(&accounts, permit, shown, Some(permit.code_lane())).await?;
        // Not even an excepted service lets go of a factor that the others would ask for.
        let enforced = self.is_enforced(&accounts, permit, None).await;
        let enforced = self.or_acquit(&accounts, permit, &proved.first, enforced).await?;
        let opening = enforced.then_some(Opening { fresh, rules });
        let judge = |record: &mut _, typed: &Try<'_>, now| {
            let pending = vault::reset(record, typed, opening, now)?;
            Ok(pending.map(|pending| shown_enrollment(pending, &rules.issuer, permit.name())))
        };
        let reply = |begun: Option<_>| begun.map_or(Reply::Done, enrollment);
        self.tried(permit, (&proved.first, code, &context.service), judge, reply).await
    }

    async fn renew_recovery(&self, permit: &Permit<'_>, shown: Shown, code: &Code) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let (codes, tags) = recovery::new_set(&self.tagger, permit.name()).map_err(|_e| Refusal::Unavailable)?;
        let proved = self.first(&accounts, permit, shown, Some(permit.code_lane())).await?;
        let renew = |record: &mut _, typed: &Try<'_>, now| vault::renew_recovery(record, typed, tags, now);
        let shown = (&proved.first, code, &Label::default());
        self.tried(permit, shown, renew, |()| Reply::RecoveryCodes(codes)).await
    }

    async fn resync(&self, permit: &Permit<'_>, shown: Shown, codes: [&Code; 2]) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let proved = self.first(&accounts, permit, shown, Some(permit.code_lane())).await?;
        let (codes, lane) = (codes.map(Code::expose), permit.code_lane());
        let decide = |record: &mut _| {
            vault::behind(record, &proved.first, |record| vault::resync(record, codes, lane, self.time.now()))
        };
        Ok(Outcome::judged(accounts.change(permit, decide).await, |()| Reply::Done))
    }
}

fn pong(why: String) -> Pong {
    Pong { version: env!("CARGO_PKG_VERSION").to_owned(), ready: why.is_empty(), why }
}

fn fresh() -> Result<Fresh, getrandom::Error> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)?;
    Ok(Fresh { id: EnrollmentId::from_random(id), key: totp::new_key()?, handle: import::new_handle()? })
}

type Drawn = Result<Enrollment, otpauth::Error>;

fn shown_enrollment(pending: &Pending, issuer: &Issuer, name: &AccountName) -> Drawn {
    let seed = &pending.seed;
    let uri = otpauth::uri(&seed.key, issuer, &name.user, (seed.algorithm, seed.digits))?;
    let qr = otpauth::qr(&uri)?;
    Ok(Enrollment { id: pending.id, uri, qr, expires_at: pending.expires_at, handle: seed.handle })
}

fn enrollment(drawn: Drawn) -> Reply {
    match drawn {
        Ok(enrollment) => Reply::Enrollment(enrollment),
        Err(otpauth::Error) => Reply::Refused(Refusal::Unavailable),
    }
}
