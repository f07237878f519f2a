//! Whether the accounts can be asked: proving, serving, or down for a reason; and the task that leads from one to the
//! other.
//!
//! MUST: requests wait while the first proof runs, and are answered `Unavailable` while the service is down; a store is
//! served only when it was proved; what can pass by itself (a full or read-only disk) is tried again by closing, opening
//! and proving, never by repeating a sync.

use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Duration, interval, sleep};

use crate::accounts::Accounts;
use crate::audit::{Audit, Standing};
use crate::clock::Clock;
use crate::home::Home;
use crate::keyring::{Keyring, SecretKey};
use crate::keys::Keys;
use crate::ledger::{Ledger, LogHead};
use crate::locked;
use crate::metrics::Metrics;
use crate::names::NameHasher;
use crate::proof::{Damage, Progress, REMEDY, prove};
use crate::rotation;
use crate::store::{self, Committer, Failure};
use crate::sweep::{self, Sweeps};

/// What the daemon can do now.
pub(crate) struct Service {
    state: watch::Sender<State>,
    keys: Arc<Keys>,
    ledger: Arc<Ledger>,
    names: NameHasher,
    home: Arc<dyn Home>,
    clock: Arc<dyn Clock>,
    sweeps: Sweeps,
    audit: Arc<Audit>,
    metrics: Arc<Metrics>,
}

#[derive(Clone)]
enum State {
    Proving(Arc<Progress>),
    Serving(Arc<Accounts>),
    Down(String),
}

/// The service is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Down;

impl Service {
    /// Takes the keys over.
    ///
    /// # Errors
    /// When no memory can be locked for them.
    pub(crate) fn new(
        (keyring, root): (Keyring, SecretKey),
        names: NameHasher,
        home: Arc<dyn Home>,
        (clock, sweeps): (Arc<dyn Clock>, Sweeps),
        (audit, metrics): (Arc<Audit>, Arc<Metrics>),
    ) -> Result<Self, locked::Error> {
        let ledger = Arc::new(Ledger::new(&keyring)?);
        let keys = Arc::new(Keys::new(keyring, root, Arc::clone(&home))?);
        let state = watch::Sender::new(State::Proving(Arc::default()));
        Ok(Self { state, keys, ledger, names, home, clock, sweeps, audit, metrics })
    }

    /// The accounts, as soon as the proof has ended.
    pub(crate) async fn accounts(&self) -> Result<Arc<Accounts>, Down> {
        if let Some(accounts) = self.accounts_now() {
            return Ok(accounts);
        }
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Proving(_))).await;
        match settled.as_deref() {
            Ok(State::Serving(accounts)) => Ok(Arc::clone(accounts)),
            Ok(State::Down(_) | State::Proving(_)) | Err(_) => Err(Down),
        }
    }

    /// The accounts, if they can be asked now.
    pub(crate) fn accounts_now(&self) -> Option<Arc<Accounts>> {
        if let State::Serving(accounts) = &*self.state.borrow() { Some(Arc::clone(accounts)) } else { None }
    }

    /// Bytes of the store's files, as far as that can be told.
    pub(crate) async fn store_bytes(&self) -> Option<u64> {
        let home = Arc::clone(&self.home);
        spawn_blocking(move || home.store_bytes()).await.ok()?.ok()
    }

    /// The keys in use.
    pub(crate) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Empty when all is well, else one sentence on what is not.
    pub(crate) fn why(&self) -> String {
        match &*self.state.borrow() {
            State::Serving(_) => String::new(),
            State::Proving(progress) => format!("the store is being checked: {} % done", progress.percent()),
            State::Down(why) => why.clone(),
        }
    }

    /// One line for whoever supervises the process.
    pub(crate) fn status(&self) -> String {
        let accounts = self.accounts_now().map(|accounts| accounts.number());
        accounts.map_or_else(|| self.why(), |accounts| format!("ready, accounts: {accounts}"))
    }

    /// Returns when the store's writer has shown that its queue moves; at once where none serves, and [`Self::why`] says
    /// so.
    pub(crate) async fn answers(&self) {
        if let Some(accounts) = self.accounts_now() {
            accounts.answers().await;
        }
    }

    /// Proves the store, serves it, and brings it back after what can pass by itself. Returns only when the process must
    /// end, with the reason.
    pub(crate) async fn keep(&self) -> Failure {
        loop {
            let failure = match self.open().await {
                Ok(accounts) => {
                    self.publish(State::Serving(Arc::clone(&accounts)));
                    tokio::select! {
                        failure = accounts.failed() => failure,
                        () = rotation::tend(&self.keys, &accounts, &self.audit) => accounts.failed().await,
                        () = sweep::tend(&accounts, (&*self.clock, self.sweeps), &self.audit) => accounts.failed().await,
                        () = self.note_log(&accounts) => accounts.failed().await,
                    }
                }
                Err(failure) => failure,
            };
            match &failure {
                Failure::DiskFull | Failure::ReadOnly | Failure::InUse => {
                    self.publish(State::Down(failure.to_string()));
                    sleep(RETRY).await;
                }
                Failure::Damaged(_) => {
                    self.publish(State::Down(format!("{failure}; {REMEDY}")));
                    std::future::pending::<()>().await;
                }
                Failure::Lost(_) => {
                    self.publish(State::Down(failure.to_string()));
                    return failure;
                }
            }
        }
    }

    /// Ends the service: nobody gets accounts any more. What the audit log holds by now is noted in the store.
    pub(crate) async fn end(&self) {
        let accounts =
            if let State::Serving(accounts) = &*self.state.borrow() { Some(Arc::clone(accounts)) } else { None };
        if let Some(accounts) = accounts {
            // Where it fails, the next start finds the log longer than the store knows, and that is no fault.
            accounts.note_log().await.ok();
        }
        self.state.send_replace(State::Down("mfad is stopping".to_owned()));
    }

    /// Lets the store note whatever of the audit log becomes safe. Ends when it cannot.
    async fn note_log(&self, accounts: &Accounts) {
        let mut advance = self.audit.standing().watch();
        loop {
            advance.next().await;
            if accounts.note_log().await.is_err() {
                return;
            }
        }
    }

    /// Opens and proves the store. Only the first time do requests wait for it: afterwards they know that it is down.
    async fn open(&self) -> Result<Arc<Accounts>, Failure> {
        let progress = match &*self.state.borrow() {
            State::Proving(progress) => Arc::clone(progress),
            State::Serving(_) | State::Down(_) => Arc::default(),
        };
        let (home, ledger) = (Arc::clone(&self.home), Arc::clone(&self.ledger));
        let (watched, metrics) = (Arc::clone(&progress), Arc::clone(&self.metrics));
        let log = Arc::clone(self.audit.standing());
        let mut opening = spawn_blocking(move || open_and_prove(home, (ledger, log), &watched, metrics));
        let mut tick = interval(TELL);
        tick.tick().await;
        loop {
            tokio::select! {
                opened = &mut opening => {
                    let opened = opened.unwrap_or(Err(Failure::Damaged("the proof of the store was cut off".to_owned())));
                    let (committer, known) = opened?;
                    self.audit.known(known);
                    return Ok(Arc::new(Accounts::new(committer, Arc::clone(&self.keys), self.names.clone())));
                }
                _ = tick.tick() => {
                    let line = format!("the store is being checked: {} % done", progress.percent());
                    self.audit.note(&line);
                    sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(EXTENSION), NotifyState::Status(&line)]).ok();
                }
            }
        }
    }

    fn publish(&self, state: State) {
        let (line, was) = match &state {
            State::Serving(_) => ("ready", self.why()),
            State::Proving(_) => ("checking the store", self.why()),
            State::Down(why) => (why.as_str(), self.why()),
        };
        // A retry that fails for the same reason says nothing new.
        if line != was {
            self.audit.note(line);
        }
        if matches!((&*self.state.borrow(), &state), (State::Serving(_), State::Down(_))) {
            self.metrics.stopped_serving();
        }
        self.state.send_replace(state);
        // Ready is whoever can say how it is, also when it is not well. Nothing is said when no supervisor listens.
        sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&self.status())]).ok();
    }
}

/// The store's writer, and what the store knew of the audit log.
fn open_and_prove(
    home: Arc<dyn Home>,
    (ledger, log): (Arc<Ledger>, Arc<Standing>),
    progress: &Progress,
    metrics: Arc<Metrics>,
) -> Result<(Committer, LogHead), Failure> {
    let store = home.open().map_err(|error| unproved(&error))?;
    let head = home.read_head().map_err(|error| unproved(&error))?;
    let proven = prove(&*store, &ledger, head.as_deref(), progress).map_err(|damage| match &damage {
        Damage::Store(error) => unproved(error),
        Damage::NoMark
        | Damage::BrokenMark
        | Damage::NoHead
        | Damage::BrokenHead
        | Damage::OldStore { .. }
        | Damage::OldHead { .. }
        | Damage::Lost { .. }
        | Damage::Changed => Failure::Damaged(damage.to_string()),
    })?;
    let known = proven.mark.log;
    let committer = Committer::start(store, home, (ledger, log), proven, metrics);
    Ok((committer.map_err(|error| Failure::of(&error))?, known))
}

/// What an error before the first commit means: nothing was written, so that nothing can be lost, and a new process would
/// find the same.
fn unproved(error: &store::Error) -> Failure {
    match Failure::of(error) {
        Failure::Lost(why) => Failure::Damaged(format!("the store cannot be read: {why}")),
        known @ (Failure::DiskFull | Failure::ReadOnly | Failure::InUse | Failure::Damaged(_)) => known,
    }
}

/// Between two tries to open a store whose disk was full or read-only.
const RETRY: Duration = Duration::from_secs(1);

/// Between two lines about a long proof.
const TELL: Duration = Duration::from_secs(5);

/// Microseconds that a start may go on after each of those lines: two may be missed.
const EXTENSION: u32 = 15_000_000;
