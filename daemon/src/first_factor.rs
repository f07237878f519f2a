//! Judges passwords: by their hash, or by the system's PAM.
//!
//! MUST: one password of an account at a time in each lane; hashing never takes more memory than [`HASHES`] hashes; owners
//! never take the last turn from login services; a password that nobody could judge is not a wrong one.

use std::sync::Arc;

use mfad_proto::{FirstFactor, Password};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Duration, Instant, sleep};

use crate::helper::{self, Helper};
use crate::locks::{Lock, Locks};
use crate::names;
use crate::password::Hash;
use crate::policy::Permit;

/// Judges passwords.
pub(crate) struct FirstFactors {
    hashes: Turns,
    questions: Turns,
    helper: Arc<Helper>,
    accounts: Locks,
}

impl FirstFactors {
    pub(crate) fn new(helper: Helper) -> Self {
        let (hashes, questions) = (Turns::new(HASHES), Turns::new(QUESTIONS));
        Self { hashes, questions, helper: Arc::new(helper), accounts: Locks::default() }
    }

    /// Waits until no other password of this account is being judged; owners and login services wait apart, as they are
    /// counted.
    pub(crate) async fn turn(&self, permit: &Permit<'_>) -> Lock<'_> {
        let mut key = names::bytes(permit.name());
        key.push(u8::from(permit.is_own()));
        self.accounts.lock(key).await
    }

    /// Whether the password is right. `hash` is what the server keeps of it, if it keeps one.
    ///
    /// # Errors
    /// [`Unjudged`] when nobody can tell.
    pub(crate) async fn judge(
        &self,
        permit: &Permit<'_>,
        password: Password,
        hash: Option<Hash>,
    ) -> Result<bool, Unjudged> {
        match permit.rules().first_factor {
            FirstFactor::Password => {
                let turn = self.hashes.take(permit.is_own()).await?;
                // Who has no password is judged too: it takes as long.
                let (hash, exists) = hash.map_or_else(|| (Hash::of_nobody(), false), |hash| (hash, true));
                let judge = move || {
                    let _turn = turn;
                    hash.is_of(&password)
                };
                let right = spawn_blocking(judge).await.ok().and_then(Result::ok).ok_or(Unjudged::Unhashed)?;
                Ok(right && exists)
            }
            FirstFactor::Pam => {
                let turn = self.questions.take(permit.is_own()).await?;
                let (helper, user) = (Arc::clone(&self.helper), permit.typed().clone());
                let asked = Instant::now();
                let ask = move || {
                    let _turn = turn;
                    helper.ask(&user, &password)
                };
                let answer = spawn_blocking(ask).await;
                // Whatever it says: a yes in another time than a no would tell the password from the code.
                sleep(PAM_ANSWER.saturating_sub(asked.elapsed())).await;
                answer.map_err(|_panic| Unjudged::Unanswered)?.map_err(Unjudged::from)
            }
            FirstFactor::Asserted => Err(Unjudged::Unreached),
        }
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Unjudged`] when there is no memory or no randomness for it.
    pub(crate) async fn hash(&self, permit: &Permit<'_>, password: Password) -> Result<Hash, Unjudged> {
        let turn = self.hashes.take(permit.is_own()).await?;
        let mut salt = [0; Hash::SALT];
        getrandom::fill(&mut salt).map_err(|_e| Unjudged::Unhashed)?;
        let make = move || {
            let _turn = turn;
            Hash::make(&password, &salt)
        };
        spawn_blocking(make).await.ok().and_then(Result::ok).ok_or(Unjudged::Unhashed)
    }
}

/// Why nobody can tell whether a password is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unjudged {
    /// There is no memory, or no randomness, to hash it.
    Unhashed,
    /// Nobody who asks PAM can be reached.
    Unreached,
    /// PAM was asked, and cannot tell or did not answer.
    Unanswered,
}

impl Unjudged {
    /// Whether somebody has looked at the password all the same.
    pub(crate) fn may_have_told(self) -> bool {
        self == Self::Unanswered
    }

    /// In words, for the audit.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unhashed => "the password could not be hashed",
            Self::Unreached => "mfad-passwd could not be reached",
            Self::Unanswered => "the system's PAM could not tell whether the password is right",
        }
    }
}

impl From<helper::Error> for Unjudged {
    fn from(error: helper::Error) -> Self {
        match error {
            helper::Error::Unreached(_) => Self::Unreached,
            helper::Error::Unanswered(_) | helper::Error::Unavailable => Self::Unanswered,
        }
    }
}

/// What is done so many times at once, and by owners only half of that.
struct Turns {
    all: Arc<Semaphore>,
    owners: Arc<Semaphore>,
}

impl Turns {
    fn new(count: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(count)), owners: Arc::new(Semaphore::new(count / 2)) }
    }

    async fn take(&self, is_own: bool) -> Result<Turn, Unjudged> {
        let take = |turns: &Arc<Semaphore>| Arc::clone(turns).acquire_owned();
        let closed = |_closed| Unjudged::Unhashed;
        // An owner waits with the other owners first, so that it never stands before a login service twice.
        let owner = if is_own { Some(take(&self.owners).await.map_err(closed)?) } else { None };
        Ok(Turn { _all: take(&self.all).await.map_err(closed)?, _owner: owner })
    }
}

struct Turn {
    _all: OwnedSemaphorePermit,
    _owner: Option<OwnedSemaphorePermit>,
}

/// Passwords hashed at a time: 19 MiB each.
const HASHES: usize = 2;

/// Questions to PAM at a time.
const QUESTIONS: usize = 8;

/// How long an answer of PAM's takes at least: a no comes at once for a name that does not exist, and after a hash for
/// others.
const PAM_ANSWER: Duration = Duration::from_millis(250);
