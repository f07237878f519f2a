//! From a command line to the arguments of [`crate::run`]: configuration, state, keys, store and sockets, in the order
//! in which each protects the next.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;

use crate::audit::Limits;
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::helper::Helper;
use crate::home::{FolderHome, HEAD, Home, KEYRING, STORE, UNFINISHED};
use crate::keyring::{self, Keyring, SecretKey};
use crate::ledger::{Ledger, MARK_KEY, Mark};
use crate::listener::{self, Access, Listener};
use crate::locked;
use crate::places::Places;
use crate::policy::Role;
use crate::reload::Reloader;
use crate::restore;
use crate::root_key::{self, Source};
use crate::server::Config;
use crate::sockets;
use crate::state::{self, StateFolder};
use crate::store;
use crate::sweep::Sweeps;
use crate::users::SystemUsers;

/// The options of `mfad serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeOptions {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment here would become the group's help text")]
    pub places: Places,
    /// Serve on this one socket, by hand [default: the sockets that systemd hands over, else those below /run/mfad]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Where mfad-passwd is reached, which asks the system's PAM [default: /run/mfad-passwd.sock; a daemon that is root
    /// and finds nobody there runs mfad-passwd itself]
    #[arg(long, value_name = "PATH")]
    pub passwd_socket: Option<PathBuf>,
}

/// A server that is ready to run.
pub struct Prepared {
    /// The arguments of [`crate::run`].
    pub config: Config,
    /// Its sockets.
    pub listeners: Vec<Listener>,
    /// Reads the rules anew while it runs.
    pub reloader: Reloader,
}

/// Builds the arguments of [`crate::run`]. `tell` hears what the person who starts the server should know.
///
/// Must be called before any thread starts: it sets the process's umask and limits.
///
/// # Errors
/// [`Error`], whose sources say what is wrong and what to do.
pub fn prepare(options: &ServeOptions, tell: &mut dyn FnMut(&str)) -> Result<Prepared, Error> {
    close_process()?;
    let file = options.places.read_config().map_err(Error::Config)?;
    if let Err(missing) = locked::choose(file.key_memory) {
        tell(&missing.warning());
    }
    let state = Arc::new(StateFolder::take(&options.places.state).map_err(Error::State)?);
    restore::finish(&state).map_err(Error::Restore)?;
    let home: Arc<dyn Home> = Arc::new(FolderHome::new(Arc::clone(&state)));
    let root_source = options.places.key_source(&file);
    let (keyring, root) = open_keyring(&state, &*home, &root_source, tell)?;
    let server_uid = geteuid().as_raw();
    let listeners = match &options.socket {
        Some(path) => {
            vec![Listener::bind(path, Role::ByHand, &Access { mode: 0o666, group: None }).map_err(Error::Listen)?]
        }
        None => match sockets::handed_over(&file).map_err(Error::Sockets)? {
            activated if activated.is_empty() => sockets::standard(&file).map_err(Error::Sockets)?,
            activated => activated,
        },
    };
    let paths: Vec<_> = listeners.iter().filter_map(Listener::path).map(absolute).collect();
    if let Some(first) = paths.first() {
        state.announce(first).map_err(Error::State)?;
    }
    paths.iter().for_each(|path| tell(&format!("listening on {}", path.display())));
    let (reloader, policy) = Reloader::begin(options.places.clone(), file, server_uid, tell);
    let usual = Helper::usual();
    let helper = match &options.passwd_socket {
        Some(socket) => Helper { socket: socket.clone(), program: None },
        None => usual,
    };
    let (users, log) = (Arc::new(SystemUsers), Box::new(io::stderr()));
    let (log_limits, sweeps) = (Limits::default(), Sweeps::default());
    let config = Config { policy, users, helper, keyring, root, root_source, home, log, log_limits, sweeps };
    Ok(Prepared { config, listeners, reloader })
}

/// A keyring that was opened.
pub struct Opened {
    /// The keys.
    pub keyring: Keyring,
    /// The root key that is to wrap them.
    pub root: SecretKey,
    /// Whether it was the root key before this one that opened them.
    pub by_old: bool,
}

/// Opens the keyring of a state folder, with the root key or with the one before it; `Ok(None)` when the folder has none
/// yet. It changes nothing.
///
/// # Errors
/// [`Error::NoKey`] when there is a keyring and no root key; else those of reading and unwrapping.
pub fn existing_keyring(state: &StateFolder, source: &Source) -> Result<Option<Opened>, Error> {
    let Some(wrapped) = state.read(KEYRING).map_err(Error::State)? else { return Ok(None) };
    let root = source.read(state).map_err(Error::RootKey)?.ok_or_else(|| Error::NoKey(state.path().to_owned()))?;
    let (keyring, by_old) = match Keyring::unwrap(&wrapped, &root) {
        Err(keyring::Error::WrongKey) => {
            let old = source.read_old(state).map_err(Error::RootKey)?;
            let old = old.ok_or(Error::Keyring(keyring::Error::WrongKey))?;
            (Keyring::unwrap(&wrapped, &old).map_err(Error::Keyring)?, true)
        }
        unwrapped => (unwrapped.map_err(Error::Keyring)?, false),
    };
    Ok(Some(Opened { keyring, root, by_old }))
}

/// Why a server cannot start.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The configuration.
    Config(config::Error),
    /// The state folder.
    State(state::Error),
    /// The root key.
    RootKey(root_key::Error),
    /// There is a keyring in this state folder, and no root key to open it.
    NoKey(PathBuf),
    /// The state folder holds enrolments and no keyring.
    NoKeyring(PathBuf),
    /// The keyring.
    Keyring(keyring::Error),
    /// A restore that was cut off, and cannot be finished.
    Restore(restore::Error),
    /// The store.
    Store(store::Error),
    /// A socket.
    Listen(listener::Error),
    /// The sockets.
    Sockets(sockets::Error),
    /// The operating system refused.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(_)
            | Self::State(_)
            | Self::RootKey(_)
            | Self::Keyring(_)
            | Self::Restore(_)
            | Self::Store(_)
            | Self::Listen(_)
            | Self::Sockets(_)
            | Self::Io(_) => f.write_str("mfad cannot start"),
            Self::NoKey(folder) => write!(
                f,
                "{} holds enrolments, and the root key that opens them is gone: name it with --key-file, or put \
                 root.key back",
                folder.display()
            ),
            Self::NoKeyring(folder) => write!(
                f,
                "{} holds a store, and the keyring that opens it is gone: put the file keyring back",
                folder.display()
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::State(error) => Some(error),
            Self::RootKey(error) => Some(error),
            Self::Keyring(error) => Some(error),
            Self::Restore(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Listen(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Sockets(error) => Some(error),
            Self::NoKey(_) | Self::NoKeyring(_) => None,
        }
    }
}

/// Keeps others out of files and memory, and makes room for as many connections as are served.
///
/// # Errors
/// When the kernel refuses.
pub fn close_process() -> Result<(), Error> {
    umask(Mode::from_bits_truncate(0o077));
    locked::return_large_blocks();
    let refused = |errno: nix::errno::Errno| Error::Io(errno.into());
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(refused)?;
    nix::sys::prctl::set_dumpable(false).map_err(refused)?;
    let (_soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(refused)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(refused)
}

fn open_keyring(
    state: &StateFolder,
    home: &dyn Home,
    source: &Source,
    tell: &mut dyn FnMut(&str),
) -> Result<(Keyring, SecretKey), Error> {
    let unfinished = state.holds(UNFINISHED);
    if !unfinished && let Some(Opened { keyring, root, by_old }) = existing_keyring(state, source)? {
        if by_old {
            state.replace(KEYRING, &keyring.wrap(&root).map_err(Error::Keyring)?).map_err(Error::State)?;
            tell("the keyring is wrapped by the new root key now: the old one is not needed any more");
        }
        return Ok((keyring, root));
    }
    // New keys beside an old store would make every enrolment in it unreadable for good.
    if !unfinished && (state.holds(STORE) || state.holds(HEAD)) {
        return Err(Error::NoKeyring(state.path().to_owned()));
    }
    let root: SecretKey = match source.read(state).map_err(Error::RootKey)? {
        Some(root) => root,
        None => {
            tell(&root_key::warning(state.path()));
            root_key::make(state).map_err(Error::RootKey)?
        }
    };
    let keyring = found(state, home, &root)?;
    Ok((keyring, root))
}

/// Founds a new installation: keys, an empty store with its first mark, and a head. A mark file tells a start that was cut
/// off in the middle, which begins again, from a state that has lost a part, which must never be founded anew.
fn found(state: &StateFolder, home: &dyn Home, root: &SecretKey) -> Result<Keyring, Error> {
    state.replace(UNFINISHED, b"").map_err(Error::State)?;
    state.discard(STORE).map_err(Error::State)?;
    let keyring = Keyring::generate(SystemClock.unix()).map_err(Error::Keyring)?;
    let ledger = Ledger::new(&keyring).map_err(|error| Error::Keyring(error.into()))?;
    found_store(home, &ledger).map_err(Error::Store)?;
    state.replace(KEYRING, &keyring.wrap(root).map_err(Error::Keyring)?).map_err(Error::State)?;
    state.discard(UNFINISHED).map_err(Error::State)?;
    Ok(keyring)
}

/// Writes the first mark and head of an empty store.
///
/// # Errors
/// When the store cannot be opened or written.
pub fn found_store(home: &dyn Home, ledger: &Ledger) -> Result<(), store::Error> {
    let random = |error: getrandom::Error| store::Error::Io(error.into());
    let mark = ledger.seal_mark(&Mark::default()).map_err(random)?;
    home.open()?.commit(vec![(MARK_KEY.to_vec(), Some(mark))])?;
    home.write_head(&ledger.seal_head(0).map_err(random)?)
}

/// The path from the root: whoever reads it may stand elsewhere.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
