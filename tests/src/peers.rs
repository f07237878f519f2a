//! Peers of every kind at sockets of every kind, the rights that each of them has in words of the tests' own, and the
//! daemon that they meet.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use mfad_daemon::home::Home;
use mfad_daemon::policy::{Grant, Grantee, Peer, Policy, Right, Role, Rules};
use mfad_daemon::record::Record;
use mfad_daemon::seal::{Sealer, Subject};
use mfad_daemon::{Introducer, Listener};
use mfad_proto::frame::{Content, Header, MAX_FRAME, PREFIX};
use mfad_proto::{Account, AccountName, Call, Enforcement, FirstFactor, Realm, Reply, Request, Response, UserName};

use crate::daemon::NOON;
use crate::faults::FaultyHome;
use crate::inprocess::{InProcess, SetClock};
use crate::town::Town;

/// A kind of peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A uid that is no user's.
    Stranger,
    /// A user without any further right.
    User,
    /// A user in group `mfad-admin`.
    Member,
    /// A user in a group that administers realm `system`, and realm `kept`, by grants.
    Operator,
    /// A uid that is a login service of both by grants.
    Service,
    /// uid 0.
    Root,
    /// The uid that the server runs as.
    Server,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Stranger, Self::User, Self::Member, Self::Operator, Self::Service, Self::Root, Self::Server];

    /// Such a peer. Where its kind is one of many users, it is the one of this number.
    #[must_use]
    pub fn peer(self, number: u32) -> Peer {
        let (uid, groups) = match self {
            Self::Stranger => (4242, vec![]),
            Self::User => (Town::uid(number), vec![OWNERS]),
            Self::Member => (Town::uid(number), vec![7, ADMINS]),
            Self::Operator => (Town::uid(number), vec![OPERATORS]),
            Self::Service => (SERVICE, vec![]),
            Self::Root => (0, vec![0]),
            Self::Server => (SERVER, vec![]),
        };
        Peer { uid, gid: 100, groups, pid: 1 }
    }

    /// Whether it is one of many users, each with an account of its own name.
    #[must_use]
    pub fn is_somebody(self) -> bool {
        matches!(self, Self::User | Self::Member | Self::Operator)
    }
}

/// A kind of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Socket {
    /// Of a server that was started by hand.
    ByHand,
    /// Open to everybody.
    Public,
    /// Of realm `system`.
    System,
    /// Of realm `kept`.
    Kept,
    /// Of another name, to which realm `system` is granted.
    Gateway,
    /// Of another name, to which nothing is.
    Backyard,
}

impl Socket {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::ByHand, Self::Public, Self::System, Self::Kept, Self::Gateway, Self::Backyard];

    fn role(self) -> Role {
        match self {
            Self::ByHand => Role::ByHand,
            Self::Public => Role::Public,
            Self::System => Role::Realm(Realm::system()),
            Self::Kept => Role::Realm(kept()),
            Self::Gateway => Role::Named("gateway".to_owned()),
            Self::Backyard => Role::Named("backyard".to_owned()),
        }
    }
}

/// The rights of a peer over an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    /// In the account's realm.
    pub login: bool,
    /// The account is its own.
    pub owner: bool,
    /// In the account's realm.
    pub admin: bool,
    /// Admin of the server.
    pub server: bool,
}

impl Rights {
    /// What PROTOCOL.md gives, line by line. `own` says that the account bears the name of the peer's own uid.
    #[must_use]
    pub fn of(kind: Kind, socket: Socket, realm: &Realm, own: bool) -> Self {
        let open = matches!(socket, Socket::ByHand | Socket::Public);
        let root = open && (kind == Kind::Root || (kind == Kind::Server && socket == Socket::ByHand));
        let system = *realm == Realm::system();
        Self {
            login: root
                || (socket == Socket::System && system)
                || (socket == Socket::Kept && !system)
                || (socket == Socket::Gateway && system)
                || (open && kind == Kind::Service),
            owner: open && own && (system || kind == Kind::User),
            admin: root || (open && matches!(kind, Kind::Member | Kind::Operator)),
            server: root || (open && kind == Kind::Member),
        }
    }
}

/// Rules of a realm that says nothing of itself but who judges its first factor.
///
/// # Panics
/// Never: a realm without a word has rules.
#[must_use]
pub fn rules(first_factor: FirstFactor) -> Rules {
    let rules = InProcess::policy("").realms().get(&Realm::system()).cloned().expect("realm system is always served");
    Rules { first_factor, ..rules }
}

/// The other realm.
///
/// # Panics
/// Never: its name is legal.
#[must_use]
pub fn kept() -> Realm {
    Realm::new("kept").expect("a legal name")
}

/// One connection of one peer.
pub struct Line(UnixStream);

impl Line {
    /// Asks, and waits for the answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn ask(&mut self, call: &Call) -> Reply {
        self.send(call);
        self.receive()
    }

    /// Asks.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn send(&mut self, call: &Call) {
        let mut frame = [0; MAX_FRAME];
        let length = Request::write_call(1, call, &mut frame).expect("a legal request");
        self.0.write_all(&frame[..length]).expect("a daemon that reads");
    }

    /// Waits for the answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn receive(&mut self) -> Reply {
        let mut frame = [0; MAX_FRAME];
        self.0.read_exact(&mut frame[..PREFIX]).expect("an answer");
        let Header::Frame(length) = Header::judge(&frame[..PREFIX]) else { panic!("no frame") };
        self.0.read_exact(&mut frame[PREFIX..length]).expect("a whole answer");
        let Content::Body(body) = Content::of(&frame[..length]) else { panic!("an answer of another version") };
        Response::read(body).expect("a legal answer").reply
    }
}

/// A daemon with a socket of each kind, and the time and the users that it sees.
pub struct Hall {
    /// The installation.
    pub home: Arc<FaultyHome>,
    /// The users.
    pub town: Arc<Town>,
    clock: SetClock,
    now: AtomicU64,
    numbers: AtomicU32,
    doors: Vec<(Socket, Introducer)>,
    sealer: Sealer,
    _daemon: InProcess,
}

impl Hall {
    /// Starts it with these rules of realm `system` and of realm `kept`.
    #[must_use]
    pub fn open(system: Rules, kept: Rules) -> Self {
        Self::reopen(&FaultyHome::new(), system, kept)
    }

    /// Starts it on an installation that was there before.
    #[must_use]
    pub fn reopen(home: &Arc<FaultyHome>, system: Rules, kept: Rules) -> Self {
        Self::reopen_among(Town::default(), home, system, kept)
    }

    /// Starts it on an installation that was there before, where these users live now.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn reopen_among(town: Town, home: &Arc<FaultyHome>, system: Rules, of_kept: Rules) -> Self {
        let realms = BTreeMap::from([(Realm::system(), system), (kept(), of_kept)]);
        let grant = |realm: &Realm, right, to| Grant { realm: realm.clone(), right, to };
        let mut grants = vec![
            grant(&kept(), Right::Owner, Grantee::Group(OWNERS)),
            grant(&Realm::system(), Right::Login, Grantee::Socket("gateway".to_owned())),
        ];
        for realm in realms.keys() {
            grants.push(grant(realm, Right::Login, Grantee::User(SERVICE)));
            grants.push(grant(realm, Right::Admin, Grantee::Group(OPERATORS)));
        }
        let policy = Policy::new(realms, SERVER).with_grants(grants).with_admins(Some(ADMINS));
        let (doors, listeners) = Socket::ALL
            .map(|socket| {
                let (introducer, listener) = Listener::introduced(socket.role());
                ((socket, introducer), listener)
            })
            .into_iter()
            .unzip();
        let (town, clock, home) = (Arc::new(town), SetClock::at(NOON), Arc::clone(home));
        let users = Arc::<Town>::clone(&town);
        let daemon = InProcess::start_with(&home, &clock, policy, users, listeners);
        daemon.wait_until_ready();
        let sealer = Sealer::new(&home.keyring()).expect("locked memory");
        let (now, numbers) = (AtomicU64::new(NOON), AtomicU32::new(1));
        Self { home, town, clock, now, numbers, doors, sealer, _daemon: daemon }
    }

    /// A number that no account has yet.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A connection of this peer.
    ///
    /// # Panics
    /// When the daemon has ended.
    #[must_use]
    pub fn line(&self, socket: Socket, peer: Peer) -> Line {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        ours.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let door = self.doors.iter().find(|(of, _)| *of == socket);
        door.expect("a socket of each kind").1.introduce(theirs, peer).expect("a running daemon");
        Line(ours)
    }

    /// A connection of root.
    #[must_use]
    pub fn root(&self) -> Line {
        self.line(Socket::Public, Kind::Root.peer(0))
    }

    /// Now, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: u64) {
        self.clock.set(self.now.fetch_add(seconds, Ordering::Relaxed) + seconds);
        self.clock.pass(seconds);
    }

    /// Lets every delay end, and no code pass.
    pub fn rest(&self) {
        self.clock.pass(900);
    }

    /// What is stored under a name, as it is: sealed.
    ///
    /// # Panics
    /// When the store cannot be read.
    #[must_use]
    pub fn stored(&self, name: &AccountName) -> Option<Vec<u8>> {
        let store = self.home.inner().open().expect("a store in memory");
        let key = [b"a", name.realm.as_str().as_bytes(), b"\0", name.user.as_str().as_bytes()].concat();
        store.get(&key).expect("a store in memory")
    }

    /// Opens what is stored under a name.
    ///
    /// # Panics
    /// When it does not open.
    #[must_use]
    pub fn open_record(&self, name: &AccountName, sealed: &[u8]) -> Record {
        self.sealer.open(Subject::Account(name), sealed).expect("a record that opens")
    }
}

/// `SetPolicy`.
#[must_use]
pub fn enforce(realm: Realm, enforcement: Enforcement) -> Call {
    Call::SetPolicy { realm, enforcement }
}

/// An account.
///
/// # Panics
/// When the name is not legal.
#[must_use]
pub fn name(realm: &Realm, user: &str) -> AccountName {
    AccountName { realm: realm.clone(), user: UserName::new(user).expect("a legal name") }
}

/// An account as a call names it.
#[must_use]
pub fn account(name: &AccountName) -> Account {
    Account::Name(name.clone())
}

const SERVER: u32 = 990;
const SERVICE: u32 = 700;
const ADMINS: u32 = 500;
const OPERATORS: u32 = 501;
const OWNERS: u32 = 502;
