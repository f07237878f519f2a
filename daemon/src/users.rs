//! The users of this machine: names to uids and back (getpwnam(3), getpwuid(3), getgrouplist(3)), through whatever the
//! name service switch asks.
//!
//! MUST: a look-up that fails or takes longer than [`PATIENCE`] is an error, never "no such user"; look-ups that hang
//! cannot take the threads of those that login services need.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};

use mfad_proto::UserName;
use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Duration, Instant, timeout};

use crate::policy::Person;

/// Where users are looked up. The calls may take their time.
pub trait Users: Send + Sync + 'static {
    /// The user of this name.
    ///
    /// # Errors
    /// When it is not known whether there is one.
    fn by_name(&self, name: &str) -> io::Result<Option<Found>>;

    /// The user of this uid.
    ///
    /// # Errors
    /// When it is not known whether there is one.
    fn by_uid(&self, uid: u32) -> io::Result<Option<Found>>;

    /// The names of the groups that a user is in.
    ///
    /// # Errors
    /// When they are not known.
    fn groups(&self, user: &Found) -> io::Result<Vec<String>>;

    /// Changes when what is known of users may have.
    fn version(&self) -> Version {
        Version::default()
    }
}

/// A user that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The uid.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The name.
    pub name: String,
}

/// What a directory's files looked like: equal only when nothing was changed in between.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Version([(u64, i64, i64); 2]);

impl Version {
    /// Of a directory that counts its changes.
    #[must_use]
    pub const fn numbered(number: u64) -> Self {
        Self([(number, 0, 0); 2])
    }
}

/// The users that this machine's own look-ups find.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemUsers;

impl Users for SystemUsers {
    fn by_name(&self, name: &str) -> io::Result<Option<Found>> {
        found(User::from_name(name))
    }

    fn by_uid(&self, uid: u32) -> io::Result<Option<Found>> {
        found(User::from_uid(Uid::from_raw(uid)))
    }

    fn groups(&self, user: &Found) -> io::Result<Vec<String>> {
        let name = CString::new(user.name.as_str())?;
        let groups = getgrouplist(&name, Gid::from_raw(user.gid))?;
        // A group without a name can be no exception's.
        groups
            .into_iter()
            .filter_map(|gid| present(Group::from_gid(gid)).map(|group| group.map(|group| group.name)).transpose())
            .collect()
    }

    fn version(&self) -> Version {
        Version(["/etc/passwd", "/etc/group"].map(|file| {
            let metadata = std::fs::metadata(file);
            metadata.map_or((0, 0, 0), |metadata| (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
        }))
    }
}

fn found(user: nix::Result<Option<User>>) -> io::Result<Option<Found>> {
    Ok(present(user)?.map(|user| Found { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name }))
}

/// Some directories say that there is nothing by an error.
fn present<T>(found: nix::Result<Option<T>>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(found),
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// The look-up failed, or took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unknown;

/// Looks users up without holding up the reactor.
pub(crate) struct Directory {
    users: Arc<dyn Users>,
    /// For login services and administrators.
    services: Arc<Semaphore>,
    /// For owners.
    owners: Arc<Semaphore>,
    /// For lists of accounts.
    lists: Arc<Semaphore>,
    recent: Mutex<Recent>,
}

/// For whom a user is looked up. Each of them has turns of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A login service or an administrator.
    Service,
    /// An owner.
    Owner,
    /// An administrator who asks for one user after the other: where all turns hang, it waits for none of them.
    List,
}

impl Asker {
    /// Whether it is an owner who asks.
    pub(crate) const fn of(is_own: bool) -> Self {
        if is_own { Self::Owner } else { Self::Service }
    }
}

/// What was found a moment ago: a login asks three times for the same user.
#[derive(Default)]
struct Recent {
    version: Version,
    answers: HashMap<Question, (Instant, Answer)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Question {
    Person(UserName),
    NameOf(u32),
    Groups(UserName),
}

#[derive(Debug, Clone)]
enum Answer {
    Person(Option<Person>),
    Name(Option<UserName>),
    Groups(Vec<String>),
}

impl Directory {
    pub(crate) fn new(users: Arc<dyn Users>) -> Self {
        let turns = |count| Arc::new(Semaphore::new(count));
        let (services, owners, lists) = (turns(SERVICES), turns(OWNERS), turns(LISTS));
        Self { users, services, owners, lists, recent: Mutex::default() }
    }

    /// Whom a name names, under the one name that the account bears.
    ///
    /// # Errors
    /// [`Unknown`].
    pub(crate) async fn person(&self, name: &UserName, asker: Asker) -> Result<Option<Person>, Unknown> {
        match self.ask(Question::Person(name.clone()), asker).await? {
            Answer::Person(person) => Ok(person),
            Answer::Name(_) | Answer::Groups(_) => Err(Unknown),
        }
    }

    /// What the user of a peer's uid is called.
    ///
    /// # Errors
    /// [`Unknown`].
    pub(crate) async fn name_of(&self, uid: u32) -> Result<Option<UserName>, Unknown> {
        match self.ask(Question::NameOf(uid), Asker::Owner).await? {
            Answer::Name(name) => Ok(name),
            Answer::Person(_) | Answer::Groups(_) => Err(Unknown),
        }
    }

    /// The groups of a user; none when there is no such user.
    ///
    /// # Errors
    /// [`Unknown`].
    pub(crate) async fn groups(&self, name: &UserName, asker: Asker) -> Result<Vec<String>, Unknown> {
        match self.ask(Question::Groups(name.clone()), asker).await? {
            Answer::Groups(groups) => Ok(groups),
            Answer::Person(_) | Answer::Name(_) => Err(Unknown),
        }
    }

    async fn ask(&self, question: Question, asker: Asker) -> Result<Answer, Unknown> {
        let version = self.users.version();
        if let Some(answer) = self.recent(version, &question) {
            return Ok(answer);
        }
        let turns = Arc::clone(match asker {
            Asker::Service => &self.services,
            Asker::Owner => &self.owners,
            Asker::List => &self.lists,
        });
        if asker == Asker::List && turns.available_permits() == 0 {
            return Err(Unknown);
        }
        let (users, asked) = (Arc::clone(&self.users), question.clone());
        let looking = async move {
            // Kept by the thread: one that hangs keeps its turn, so that there are never more of them.
            let turn = turns.acquire_owned().await.map_err(io::Error::other)?;
            let look = move || {
                let _turn = turn;
                look_up(&*users, &asked)
            };
            spawn_blocking(look).await.map_err(io::Error::other)?
        };
        let Ok(Ok(answer)) = timeout(PATIENCE, looking).await else { return Err(Unknown) };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.answers.len() >= MOST_RECENT {
            recent.answers.clear();
        }
        // What was changed while it was looked up is not kept.
        if recent.version == version {
            recent.answers.insert(question, (Instant::now(), answer.clone()));
        }
        Ok(answer)
    }

    fn recent(&self, version: Version, question: &Question) -> Option<Answer> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.version != version {
            *recent = Recent { version, answers: HashMap::new() };
        }
        let (since, answer) = recent.answers.get(question)?;
        (since.elapsed() < FRESH).then(|| answer.clone())
    }
}

fn look_up(users: &dyn Users, question: &Question) -> io::Result<Answer> {
    Ok(match question {
        Question::Person(name) => {
            let Some(found) = users.by_name(name.as_str())? else { return Ok(Answer::Person(None)) };
            // Two names of one uid are one account: that of the name that the uid leads back to.
            let first = users.by_uid(found.uid)?.and_then(|first| UserName::new(&first.name));
            Answer::Person(Some(Person { uid: found.uid, name: first.unwrap_or_else(|| name.clone()) }))
        }
        Question::NameOf(uid) => Answer::Name(users.by_uid(*uid)?.and_then(|found| UserName::new(&found.name))),
        Question::Groups(name) => Answer::Groups(match users.by_name(name.as_str())? {
            Some(found) => users.groups(&found)?,
            None => Vec::new(),
        }),
    })
}

/// For one look-up, with the wait for its turn.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer is good. The files of this machine are watched besides: a change there counts at once.
const FRESH: Duration = Duration::from_secs(1);

/// Answers that are kept.
const MOST_RECENT: usize = 1024;

/// Look-ups at a time.
const SERVICES: usize = 12;
const OWNERS: usize = 4;
const LISTS: usize = 4;
