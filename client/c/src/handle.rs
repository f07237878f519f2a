//! A client as C holds it: where the server is, the connection, and what is to be told of the latest call.
#![expect(unreachable_pub, reason = "cbindgen reads what is public")]

use std::error::Error as _;
use std::ffi::{CString, c_int};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mfad_client::{Client, Error, Options, Trusted, places};
use mfad_proto::{Account, AccountName, Call, Issuer, Realm, Refusal, Reply, UserName};

use crate::outcome::Outcome;

/// A client: where the server is, and the connection to it. Make it with mfad_new, and free it with mfad_free.
pub struct Handle {
    realm: Realm,
    options: Options,
    issuer: Option<Issuer>,
    client: Option<Client>,
    told: Told,
}

/// What is to be told of the latest call.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) message: CString,
    pub(crate) retry_after: u32,
    pub(crate) os_error: c_int,
}

/// What a program may not give, and why.
pub(crate) struct Invalid(pub(crate) &'static str);

impl Handle {
    /// A client of a realm, on its usual socket.
    pub(crate) fn new(realm: Realm) -> Self {
        let options = Options::new(places::of_realm(&realm), Trusted::default());
        Self { realm, options, issuer: None, client: None, told: Told::default() }
    }

    /// On a path that was given, this process's own uid may serve; on a usual one never.
    pub(crate) fn set_path(&mut self, path: PathBuf, is_usual: bool) {
        self.close();
        self.options.path = path;
        self.options.trusted.own = !is_usual;
    }

    pub(crate) fn set_server_uid(&mut self, uid: u32) {
        self.close();
        self.options.trusted.named = Some(uid);
    }

    pub(crate) fn set_deadlines(&mut self, deadline: Duration, password_deadline: Duration) {
        self.close();
        self.options.deadline = deadline;
        self.options.password_deadline = password_deadline;
    }

    pub(crate) fn set_issuer(&mut self, issuer: Option<Issuer>) {
        self.issuer = issuer;
    }

    pub(crate) fn issuer(&self) -> Option<Issuer> {
        self.issuer.clone()
    }

    /// The account of a user in the client's realm.
    pub(crate) fn account(&self, user: UserName) -> Account {
        Account::Name(AccountName { realm: self.realm.clone(), user })
    }

    pub(crate) fn connect(&mut self) -> Outcome {
        self.close();
        match Client::connect(self.options.clone()) {
            Ok(client) => {
                self.client = Some(client);
                self.told = Told::default();
                Outcome::Ok
            }
            Err(error) => self.fails(&error),
        }
    }

    pub(crate) fn close(&mut self) {
        self.client = None;
    }

    /// The uid that serves, while there is a connection.
    pub(crate) fn server_uid(&self) -> Option<u32> {
        self.client.as_ref().and_then(Client::server).map(|server| server.0)
    }

    /// Asks, and takes out of the answer what the call waits for.
    pub(crate) fn ask<T>(&mut self, call: Call, read: impl FnOnce(Reply) -> Option<T>) -> Result<T, Outcome> {
        self.told = Told::default();
        let is_harmless = call.kind().is_read_only();
        let client = self.client.get_or_insert_with(|| Client::new(self.options.clone()));
        match client.call(call) {
            Ok(Reply::Refused(refusal)) => Err(self.is_refused(refusal)),
            Ok(reply) => read(reply).ok_or_else(|| {
                // As good as no answer, and nothing more is believed of that server's connection.
                self.close();
                let error = if is_harmless { Error::Protocol("an answer to another call") } else { Error::UnknownFate };
                self.fails(&error)
            }),
            Err(error) => Err(self.fails(&error)),
        }
    }

    pub(crate) fn told(&self) -> &Told {
        &self.told
    }

    /// Nothing is told any more of what came before.
    pub(crate) fn is_set(&mut self) -> Outcome {
        self.told = Told::default();
        Outcome::Ok
    }

    pub(crate) fn is_invalid(&mut self, invalid: &Invalid) -> Outcome {
        self.tell(invalid.0, 0, 0);
        Outcome::Invalid
    }

    fn is_refused(&mut self, refusal: Refusal) -> Outcome {
        let outcome = Outcome::from(refusal);
        let seconds = if let Refusal::TryLater { seconds } = refusal { seconds } else { 0 };
        self.told = Told { message: outcome.text().to_owned(), retry_after: seconds, os_error: 0 };
        outcome
    }

    fn fails(&mut self, error: &Error) -> Outcome {
        let mut message = error.to_string();
        let source = error.source();
        if let Some(source) = source {
            message = format!("{message}: {source}");
        }
        let system = source.and_then(|source| source.downcast_ref::<io::Error>());
        self.tell(&message, 0, system.and_then(io::Error::raw_os_error).unwrap_or(0));
        Outcome::from(error)
    }

    fn tell(&mut self, message: &str, retry_after: u32, os_error: c_int) {
        // No path of a socket and no text of the library has a NUL.
        self.told = Told { message: CString::new(message).unwrap_or_default(), retry_after, os_error };
    }
}
