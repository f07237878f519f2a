//! The daemon as a library call: accept, admit, serve, and stop without losing an answer.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, interval, sleep, timeout};

use crate::audit::{Audit, Chain, Limits};
use crate::clock::{Clock, Timeline};
use crate::connection;
use crate::first_factor::FirstFactors;
use crate::handler::{Caller, Handler};
use crate::helper::Helper;
use crate::home::Home;
use crate::keyring::{Keyring, SecretKey};
use crate::listener::{Acceptor, Listener};
use crate::locked;
use crate::metrics::Metrics;
use crate::names::NameHasher;
use crate::peer;
use crate::policy::{Peer, Policy, Role};
use crate::recovery::Tagger;
use crate::root_key::Source;
use crate::service::Service;
use crate::slots::{Claim, Slots};
use crate::store::Failure;
use crate::sweep::Sweeps;
use crate::users::{Directory, Users};
use crate::watchdog;

/// What a server needs to run.
pub struct Config {
    /// The rules, those that are in force now: each request is judged by one of them.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// Where users of this machine are looked up.
    pub users: Arc<dyn Users>,
    /// Who asks the system's PAM.
    pub helper: Helper,
    /// The keys.
    pub keyring: Keyring,
    /// What wraps them, and will wrap those that follow.
    pub root: SecretKey,
    /// Where that was read from.
    pub root_source: Source,
    /// Where the store and the wrapped keys live.
    pub home: Arc<dyn Home>,
    /// Where the server's own words go, and a copy of each line of the audit, a line at a time.
    pub log: Box<dyn io::Write + Send>,
    /// How much of the audit log is kept.
    pub log_limits: Limits,
    /// How often enrolments that were never confirmed are swept up.
    pub sweeps: Sweeps,
}

/// Serves until `shutdown` resolves, or until the store has failed for good. A store that cannot be proved is no reason
/// to end: the server stays, answers `Unavailable`, and says why.
///
/// # Errors
/// [`Error`] when it cannot start, or had to stop because a sync failed; then the process should end, and start anew.
pub async fn run(
    config: Config,
    listeners: Vec<Listener>,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let Config { policy, users, helper, keyring, root, root_source, home, log, log_limits, sweeps } = config;
    let metrics = Arc::new(Metrics::begin(Arc::clone(&clock)));
    let names = NameHasher::new(&keyring).map_err(Error::Memory)?;
    let chain = Chain::new(&keyring).map_err(Error::Memory)?;
    let place = home.log_folder().map(|folder| (folder, log_limits, chain));
    let audit =
        Arc::new(Audit::start(log, Arc::clone(&clock), place, (&names, Arc::clone(&metrics))).map_err(Error::Io)?);
    let tagger = Tagger::new(&keyring).map_err(Error::Memory)?;
    let time = Timeline::begin(Arc::clone(&clock)).map_err(|error| Error::Io(error.into()))?;
    let told = (Arc::clone(&audit), Arc::clone(&metrics));
    let service = Service::new((keyring, root), names.clone(), home, (clock, sweeps), told).map_err(Error::Memory)?;
    let service = Arc::new(service);
    let (directory, first_factors) = (Directory::new(users), FirstFactors::new(helper));
    let mut rules = policy.clone();
    rules.mark_unchanged();
    let handler = Arc::new(Handler {
        policy,
        directory,
        first_factors,
        service: Arc::clone(&service),
        names,
        tagger,
        time,
        audit: Arc::clone(&audit),
        metrics: Arc::clone(&metrics),
        root_source,
    });
    let (alive, mut all_gone) = mpsc::channel(1);
    let door = Door { handler, slots: Arc::new(Slots::new(metrics)), stop: watch::Sender::new(false) };

    let mut doors = JoinSet::new();
    for listener in listeners {
        let (acceptor, role) = listener.activate().map_err(Error::Io)?;
        doors.spawn(door.clone().open(acceptor, Arc::new(role), alive.clone()));
    }
    drop(alive);
    let failure = tokio::select! {
        () = shutdown => None,
        failure = service.keep() => Some(failure),
        never = tick(&audit) => match never {},
        never = watchdog::feed(&service) => match never {},
        never = note_rules(rules, &audit) => match never {},
    };
    // Says nothing when no supervisor listens.
    sd_notify::notify(&[sd_notify::NotifyState::Stopping]).ok();
    doors.shutdown().await;
    door.stop.send_replace(true);
    // Each connection holds `alive`; nothing is ever sent on it.
    timeout(STOPPING, all_gone.recv()).await.ok();
    audit.stop();
    // A disk that hangs must not keep the process.
    timeout(STOPPING, audit.flush()).await.ok();
    service.end().await;
    failure.map_or(Ok(()), |failure| Err(Error::Store(failure)))
}

/// Why the server ended, or did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    Store(Failure),
    /// There is no memory to keep keys in.
    Memory(locked::Error),
    /// The operating system refused.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(failure) => write!(f, "the server stopped: {failure}"),
            Self::Memory(_) | Self::Io(_) => f.write_str("the server cannot start"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Memory(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Store(_) => None,
        }
    }
}

/// What every accepted connection passes.
#[derive(Clone)]
struct Door {
    handler: Arc<Handler>,
    slots: Arc<Slots>,
    stop: watch::Sender<bool>,
}

impl Door {
    async fn open(self, mut acceptor: Acceptor, role: Arc<Role>, alive: mpsc::Sender<()>) {
        loop {
            match acceptor.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer, &role, &alive),
                // Mostly too many open files: wait for some to close instead of spinning.
                Err(_error) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn admit(&self, stream: UnixStream, peer: Option<Peer>, role: &Arc<Role>, alive: &mpsc::Sender<()>) {
        // A peer that the kernel cannot name is nobody.
        let Ok(peer) = peer.map_or_else(|| peer::of(&stream), Ok) else { return };
        let claim = {
            let policy = self.handler.policy.borrow();
            Claim::new(peer.uid, role, policy.is_unprivileged(&peer, role), policy.is_root(&peer, role))
        };
        let Some(slot) = self.slots.take(claim) else { return connection::turn_away(&stream) };
        let caller = Caller { peer, role: Arc::clone(role) };
        let (handler, stop, alive) = (Arc::clone(&self.handler), self.stop.subscribe(), alive.clone());
        tokio::spawn(async move {
            connection::serve(stream, caller, handler, stop).await;
            drop((slot, alive));
        });
    }
}

/// Lets the audit write what it has summed up, also when nobody asks anything any more.
async fn tick(audit: &Audit) -> Infallible {
    let mut ticks = interval(TICK);
    loop {
        ticks.tick().await;
        audit.tick();
    }
}

/// Leaves a line for each change of the rules.
async fn note_rules(mut rules: watch::Receiver<Arc<Policy>>, audit: &Audit) -> Infallible {
    while rules.changed().await.is_ok() {
        audit.note_rules();
    }
    pending().await
}

/// Between two looks whether a minute is over.
const TICK: Duration = Duration::from_secs(5);

/// For connections to end when the server stops.
const STOPPING: Duration = Duration::from_secs(5);

/// After an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
