//! What was found in a file goes to the daemon, a batch at a time, so that one commit can hold many; others are served in
//! between.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::time::Duration;

use mfad_client::{Client, Error as ClientError, Options};
use mfad_proto::{Account, AccountName, Call, Imported, Realm, Refusal, Reply, UserName};

use super::netmaker::Taken;
use super::report::Report;
use super::{Entry, Found, Place, Refused, Source};
use crate::failure::Failure;
use crate::output::Output;

/// One run.
pub(super) struct Transfer<'o> {
    client: Client,
    realm: Realm,
    apply: bool,
    /// Hashes of the users that had an entry already: eight bytes a user.
    seen: HashSet<u64>,
    hasher: RandomState,
    report: Report<'o>,
    /// What is to be written into the file; only with `--rewrite`.
    taken: Option<Vec<Taken>>,
}

impl<'o> Transfer<'o> {
    /// Connects, and asks whether the caller administers the realm: after that, "not permitted" is about an account.
    pub(super) fn begin(
        (mut server, realm): (Options, &Realm),
        (apply, rewrite): (bool, bool),
        (file, output): (&Path, &'o Output),
    ) -> Result<Self, Failure> {
        server.deadline = server.deadline.max(PATIENCE);
        let mut client = Client::connect(server)?;
        match client.call(Call::GetPolicy { realm: realm.clone() })? {
            Reply::Policy(_) => {}
            other => return Err(Failure::unexpected(&other)),
        }
        Ok(Self {
            client,
            realm: realm.clone(),
            apply,
            seen: HashSet::new(),
            hasher: RandomState::new(),
            report: Report::begin(file, apply, output),
            taken: rewrite.then(Vec::new),
        })
    }

    /// Sends everything, or says how far it came.
    pub(super) fn all(&mut self, source: &mut dyn Source) -> Result<(), Failure> {
        let came = self.each(source);
        if came.is_err() {
            self.report.cut_off()?;
        }
        came
    }

    fn each(&mut self, source: &mut dyn Source) -> Result<(), Failure> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let found = source.next()?;
            let is_last = found.is_none();
            batch.extend(found.map(|found| self.once_a_user(found)));
            if batch.len() == BATCH || is_last {
                self.send(&mut batch)?;
                self.report.progress(source.progress());
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// What is to be written into the file.
    pub(super) fn taken(&self) -> &[Taken] {
        self.taken.as_deref().unwrap_or_default()
    }

    /// Ends the report, with how many keys were replaced in the file, if they were to be.
    pub(super) fn close(self, rewritten: Result<Option<u64>, Failure>) -> Result<(), Failure> {
        match rewritten {
            Ok(rewritten) => self.report.close(rewritten),
            Err(failure) => self.report.cut_off().and(Err(failure)),
        }
    }

    /// The daemon would say the same, but a dry run must, too, and it stores nothing.
    fn once_a_user(&mut self, found: Found) -> Found {
        let what = found.what.and_then(|entry| {
            let is_first = self.seen.insert(self.hasher.hash_one(entry.user.as_str()));
            if is_first {
                Ok(entry)
            } else {
                Err(Refused::new(entry.user.as_str(), "an entry before it is this user's"))
            }
        });
        Found { what, ..found }
    }

    fn send(&mut self, batch: &mut Vec<Found>) -> Result<(), Failure> {
        let mut calls = Vec::with_capacity(BATCH);
        let mut asked = Vec::with_capacity(BATCH);
        for Found { place, what } in batch.drain(..) {
            let what = what.map(|Entry { user, factor, note }| {
                let account = Account::Name(AccountName { realm: self.realm.clone(), user: user.clone() });
                calls.push(Call::ImportOne { account, factor, apply: self.apply });
                (user, note)
            });
            asked.push((place, what));
        }
        let mut answers = self.client.call_all(calls).into_iter();
        let mut ended = None;
        for (place, what) in asked {
            let told = match what {
                Err(refused) => self.report.refused(&place, &refused),
                Ok(entry) => {
                    let answer = answers.next().unwrap_or(Err(ClientError::Gone));
                    self.answered(place, entry, answer)
                }
            };
            if let Err(failure) = told {
                ended.get_or_insert(failure);
            }
        }
        ended.map_or(Ok(()), Err)
    }

    fn answered(
        &mut self,
        place: Place,
        (user, note): (UserName, Option<&'static str>),
        answer: Result<Reply, ClientError>,
    ) -> Result<(), Failure> {
        let why = match answer? {
            Reply::Imported(Imported { already, handle }) => {
                self.report.taken(&place, &user, already, note)?;
                if let (Some(taken), Place::Row(row), Some(handle)) = (&mut self.taken, place, handle) {
                    taken.push(Taken { row, user, handle });
                }
                return Ok(());
            }
            Reply::Refused(Refusal::Denied) => NOBODY,
            Reply::Refused(Refusal::NotPermitted) => ENROLLED,
            other => return Err(Failure::unexpected(&other)),
        };
        self.report.refused(&place, &Refused::new(user.as_str(), why))
    }
}

/// As many as a daemon works on at once for one connection, with room to spare.
const BATCH: usize = 32;

/// A whole batch may have to wait for a busy disk.
const PATIENCE: Duration = Duration::from_secs(30);

const NOBODY: &str = "this machine has no such user, or the account belongs to another uid: mfad's log says which";

const ENROLLED: &str = "the account has another second factor: mfactl admin disable takes it away";
