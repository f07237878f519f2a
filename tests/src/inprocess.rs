//! The daemon as a library call in a thread of the test, on a home and by a clock of the test's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mfad_client::{Client, Options, Trusted};
use mfad_daemon::audit::Limits;
use mfad_daemon::clock::Clock;
use mfad_daemon::config::Config as File;
use mfad_daemon::helper::Helper;
use mfad_daemon::policy::{Policy, Role};
use mfad_daemon::root_key::Source;
use mfad_daemon::sweep::Sweeps;
use mfad_daemon::users::{SystemUsers, Users};
use mfad_daemon::{Access, Config, Error, Listener, run};
use mfad_proto::{Call, Issuer, Pong, Reply};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};

use crate::faults::FaultyHome;

/// Clocks that stand still until they are set.
#[derive(Clone)]
pub struct SetClock {
    unix: Arc<AtomicU64>,
    monotonic: Arc<AtomicU64>,
}

impl SetClock {
    /// Clocks at this Unix time.
    #[must_use]
    pub fn at(unix: u64) -> Self {
        Self { unix: Arc::new(AtomicU64::new(unix)), monotonic: Arc::default() }
    }

    /// Sets the wall clock.
    pub fn set(&self, unix: u64) {
        self.unix.store(unix, Ordering::SeqCst);
    }

    /// Lets seconds pass on the monotonic clock.
    pub fn pass(&self, seconds: u64) {
        self.monotonic.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn unix(&self) -> u64 {
        self.unix.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.monotonic.load(Ordering::SeqCst))
    }
}

/// A running daemon.
pub struct InProcess {
    folder: TempDir,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl InProcess {
    /// Starts a daemon on this home, with the usual rules.
    ///
    /// # Panics
    /// When its socket cannot be made.
    #[must_use]
    pub fn start(home: &Arc<FaultyHome>, clock: &SetClock) -> Self {
        Self::start_with_policy(home, clock, Self::policy(""))
    }

    /// The rules of a configuration file.
    ///
    /// # Panics
    /// When the text is none.
    #[must_use]
    pub fn policy(text: &str) -> Policy {
        let file = File::parse(text, &Issuer::new("test").expect("a legal issuer")).expect("a legal configuration");
        Policy::new(file.realms, nix::unistd::geteuid().as_raw())
    }

    /// Starts a daemon on this home, with these rules.
    ///
    /// # Panics
    /// When its socket cannot be made.
    #[must_use]
    pub fn start_with_policy(home: &Arc<FaultyHome>, clock: &SetClock, policy: Policy) -> Self {
        Self::start_with(home, clock, policy, Arc::new(SystemUsers), Vec::new())
    }

    /// Starts a daemon on this home, with these rules, these users, and these listeners besides the one by hand.
    ///
    /// # Panics
    /// When its socket cannot be made.
    #[must_use]
    pub fn start_with(
        home: &Arc<FaultyHome>,
        clock: &SetClock,
        policy: Policy,
        users: Arc<dyn Users>,
        mut listeners: Vec<Listener>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let access = Access { mode: 0o666, group: None };
        listeners.push(Listener::bind(&folder.path().join("s"), Role::ByHand, &access).expect("a socket"));
        let (_rules, policy) = watch::channel(Arc::new(policy));
        let helper = Helper::usual();
        let (keyring, root, home) = (home.keyring(), home.root(), Arc::<FaultyHome>::clone(home));
        let (log, log_limits, root_source) = (Box::new(std::io::sink()), Limits::default(), Source::StateFolder);
        // What a test counts, nothing in the background may change.
        let sweeps = Sweeps::NEVER;
        let config = Config { policy, users, helper, keyring, root, root_source, home, log, log_limits, sweeps };
        let (shutdown, stopped) = oneshot::channel();
        let clock = Arc::new(clock.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run(config, listeners, clock, async {
                // A dropped sender asks for the end as well.
                stopped.await.ok();
            }))
        });
        Self { folder, shutdown: Some(shutdown), thread: Some(thread) }
    }

    /// A connection to the daemon.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::connect(self.options()).expect("a connection")
    }

    /// How to connect to the daemon.
    #[must_use]
    pub fn options(&self) -> Options {
        let mut options = Options::new(self.socket(), Trusted::OWN);
        options.deadline = Duration::from_secs(30);
        options
    }

    /// How the daemon says that it is.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn ping(&self) -> Pong {
        match self.client().call(Call::Ping) {
            Ok(Reply::Pong(pong)) => pong,
            _ => panic!("no answer to a ping"),
        }
    }

    /// Asks until the daemon is ready.
    ///
    /// # Panics
    /// When it is not within 20 seconds.
    pub fn wait_until_ready(&self) {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while !self.ping().ready {
            assert!(std::time::Instant::now() < end, "it does not get ready: {}", self.ping().why);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks the daemon to stop, and waits until it has.
    ///
    /// # Errors
    /// What it stopped with.
    ///
    /// # Panics
    /// When it panicked.
    pub fn stop(mut self) -> Result<(), Error> {
        drop(self.shutdown.take());
        self.thread.take().expect("a thread").join().expect("no panic")
    }

    /// Waits until the daemon has stopped by itself.
    ///
    /// # Errors
    /// What it stopped with.
    ///
    /// # Panics
    /// When it panicked.
    pub fn wait(mut self) -> Result<(), Error> {
        let ended = self.thread.take().expect("a thread").join().expect("no panic");
        drop(self.shutdown.take());
        ended
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
