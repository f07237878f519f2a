//! The daemon as a library call: accept, admit, serve, and stop without losing an answer.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::os::unix::uds_local_socket::tokio::Listener as Acceptor;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use crate::accounts::Accounts;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::connection;
use crate::handler::{Caller, Handler};
use crate::keyring::Keyring;
use crate::listener::Listener;
use crate::policy::{Peer, Policy, Role};
use crate::seal::Sealer;
use crate::slots::{Claim, Slots};
use crate::state::StateFolder;
use crate::store::{self, Committer, Store};

/// What a server needs to run.
pub struct Config {
    /// The rules.
    pub policy: Policy,
    /// The keys.
    pub keyring: Keyring,
    /// The store.
    pub store: Arc<dyn Store>,
    /// The folder that keeps other processes away from the store, when it is on disk. Held until the store is closed.
    pub state: Option<StateFolder>,
    /// The uid that counts as root on a socket made by hand.
    pub server_uid: u32,
}

/// Serves until `shutdown` resolves, or until the store has failed.
///
/// # Errors
/// [`Error`] when it cannot start, or had to stop because a commit failed; then the process should end, and start anew.
pub async fn run(
    config: Config,
    listeners: Vec<Listener>,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let Config { policy, keyring, store, state, server_uid } = config;
    let committer = Committer::start(store).map_err(Error::Store)?;
    let accounts = Accounts::new(committer, Sealer::new(&keyring));
    let audit = Audit::start().map_err(Error::Io)?;
    let handler = Arc::new(Handler { policy, accounts, clock, audit });
    let (alive, mut all_gone) = mpsc::channel(1);
    let door =
        Door { handler: Arc::clone(&handler), slots: Arc::default(), stop: watch::Sender::new(false), server_uid };

    let mut doors = JoinSet::new();
    for listener in listeners {
        let (acceptor, role) = listener.activate().map_err(Error::Io)?;
        doors.spawn(door.clone().open(acceptor, Arc::new(role), alive.clone()));
    }
    drop(alive);
    // Both say nothing when no supervisor listens.
    sd_notify::notify(&[sd_notify::NotifyState::Ready]).ok();
    let failed = tokio::select! {
        () = shutdown => false,
        () = handler.accounts.failed() => true,
    };
    sd_notify::notify(&[sd_notify::NotifyState::Stopping]).ok();
    doors.shutdown().await;
    door.stop.send_replace(true);
    // Each connection holds `alive`; nothing is ever sent on it.
    timeout(STOPPING, all_gone.recv()).await.ok();
    // In this order: the store is closed before the folder's lock goes.
    drop((door, handler));
    drop(state);
    if failed { Err(Error::Store(store::Error::Stopped)) } else { Ok(()) }
}

/// Why the server ended, or did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    Store(store::Error),
    /// The operating system refused.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store(_) => "the server stopped because of its store",
            Self::Io(_) => "the server cannot start",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Io(error) => Some(error),
        }
    }
}

/// What every accepted connection passes.
#[derive(Clone)]
struct Door {
    handler: Arc<Handler>,
    slots: Arc<Slots>,
    stop: watch::Sender<bool>,
    server_uid: u32,
}

impl Door {
    async fn open(self, acceptor: Acceptor, role: Arc<Role>, alive: mpsc::Sender<()>) {
        loop {
            match acceptor.accept().await {
                Ok(stream) => self.admit(UnixStream::from(stream), &role, &alive),
                // Mostly too many open files: wait for some to close instead of spinning.
                Err(_error) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn admit(&self, stream: UnixStream, role: &Arc<Role>, alive: &mpsc::Sender<()>) {
        // A peer that the kernel cannot name is nobody.
        let Ok(credentials) = getsockopt(&stream.as_fd(), PeerCredentials) else { return };
        let peer = Peer { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() };
        let claim = Claim {
            uid: peer.uid,
            stranger: self.handler.policy.is_stranger(&peer, role),
            root: peer.uid == 0 || (peer.uid == self.server_uid && **role == Role::ByHand),
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

/// For connections to end when the server stops.
const STOPPING: Duration = Duration::from_secs(5);

/// After an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
