//! Users of no machine: what a daemon finds when it looks them up, and how long that takes, is as the test says.

use std::io;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use mfad_daemon::users::{Found, Users};

/// Users without end: `own-N` has the uid [`FIRST`] + N. Others live here as long as the test wants.
#[derive(Default)]
pub struct Town(Mutex<Register>);

#[derive(Default)]
struct Register {
    /// Names and their uids. The first of a uid is what it is called.
    people: Vec<(String, u32)>,
    /// Users, each with a group that it is in.
    members: Vec<(String, String)>,
    /// Names whose look-up hangs.
    slow: Vec<String>,
    /// Names whose look-up fails.
    broken: Vec<String>,
}

/// The uid of `own-0`.
pub const FIRST: u32 = 100_000;

impl Town {
    /// The uid of `own-N`.
    #[must_use]
    pub const fn uid(number: u32) -> u32 {
        FIRST + number
    }

    /// The name of the uid of this number.
    #[must_use]
    pub fn name(number: u32) -> String {
        format!("own-{number}")
    }

    /// A user comes to live here; with the uid of another, under one more name.
    pub fn add(&self, name: &str, uid: u32) {
        self.register().people.push((name.to_owned(), uid));
    }

    /// All users of this name go.
    pub fn remove(&self, name: &str) {
        self.register().people.retain(|(known, _)| known != name);
    }

    /// A user joins a group.
    pub fn join(&self, name: &str, group: &str) {
        self.register().members.push((name.to_owned(), group.to_owned()));
    }

    /// Looking for this user takes until [`Self::go_on`], or far longer than a daemon waits.
    pub fn hang(&self, name: &str) {
        self.register().slow.push(name.to_owned());
    }

    /// Nothing hangs any more.
    pub fn go_on(&self) {
        self.register().slow.clear();
    }

    /// Looking for this user fails from now on.
    pub fn fail(&self, name: &str) {
        self.register().broken.push(name.to_owned());
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.0.lock().expect("no other panic")
    }

    /// Waits or fails as the test wants.
    fn ask_for(&self, name: &str) -> io::Result<()> {
        for _ in 0..LONGEST.as_millis() / PAUSE.as_millis() {
            if !self.register().slow.iter().any(|slow| slow == name) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        if self.register().broken.iter().any(|broken| broken == name) {
            return Err(io::Error::other("the directory is not there"));
        }
        Ok(())
    }
}

impl Users for Town {
    fn by_name(&self, name: &str) -> io::Result<Option<Found>> {
        self.ask_for(name)?;
        let known = self.register().people.iter().find(|(known, _)| known == name).map(|(_, uid)| *uid);
        let numbered = || name.strip_prefix("own-")?.parse().ok().map(Self::uid);
        let uid = known.or_else(numbered);
        Ok(uid.map(|uid| Found { uid, gid: uid, name: name.to_owned() }))
    }

    fn by_uid(&self, uid: u32) -> io::Result<Option<Found>> {
        let known = self.register().people.iter().find(|(_, known)| *known == uid).map(|(name, _)| name.clone());
        let Some(name) = known.or_else(|| uid.checked_sub(FIRST).map(Self::name)) else { return Ok(None) };
        self.ask_for(&name)?;
        Ok(Some(Found { uid, gid: uid, name }))
    }

    fn groups(&self, user: &Found) -> io::Result<Vec<String>> {
        self.ask_for(&user.name)?;
        let register = self.register();
        let groups = register.members.iter().filter(|(name, _)| *name == user.name);
        Ok(groups.map(|(_, group)| group.clone()).collect())
    }
}

/// The longest that a look-up hangs, so that a test that fails ends.
const LONGEST: Duration = Duration::from_secs(20);

/// Between two looks at whether it goes on.
const PAUSE: Duration = Duration::from_millis(5);
