//! One run's connection, its account, and how the first factor is shown there.

use std::path::PathBuf;

use mfad_client::{Client, Error as ClientError, Options, Trusted, places};
use mfad_proto::{Account, AccountName, Call, Password, Proof, Realm, Reply, Status, UserName};
use nix::unistd::{User, geteuid, getuid};

use crate::failure::Failure;
use crate::input;

/// A connection, and the account that its calls are about.
pub(crate) struct Session {
    client: Client,
    name: AccountName,
    /// Whether the server believes this process about the first factor.
    vouches: bool,
}

impl Session {
    /// Connects to the socket that was named, else to the realm's where it may be opened, else to the public one. The
    /// user is the caller when none was named.
    pub(crate) fn open(
        socket: Option<PathBuf>,
        server_uid: Option<u32>,
        realm: Realm,
        user: Option<UserName>,
    ) -> Result<Self, Failure> {
        let user = user.map_or_else(caller, Ok)?;
        let trusted = |own| Trusted { own, named: server_uid };
        let of_realm = places::of_realm(&realm);
        let (client, on_realm) = match socket {
            Some(path) => {
                let on_realm = path == of_realm;
                (Client::connect(Options::new(path, trusted(true)))?, on_realm)
            }
            None => match Client::connect(Options::new(of_realm, trusted(false))) {
                Ok(client) => (client, true),
                Err(ClientError::NotRunning { .. } | ClientError::Connect { .. }) => {
                    (Client::connect(Options::new(places::public(), trusted(false)))?, false)
                }
                Err(error) => return Err(error.into()),
            },
        };
        let uid = geteuid().as_raw();
        let vouches = on_realm || uid == ROOT || client.server().is_some_and(|server| server.0 == uid);
        Ok(Self { client, name: AccountName { realm, user }, vouches })
    }

    /// Connects to the socket that was named, else to the public one, as an administrator of this account.
    pub(crate) fn of_admin(
        socket: Option<PathBuf>,
        server_uid: Option<u32>,
        name: AccountName,
    ) -> Result<Self, Failure> {
        Ok(Self { client: Client::connect(server(socket, server_uid))?, name, vouches: false })
    }

    pub(crate) fn account(&self) -> Account {
        Account::Name(self.name.clone())
    }

    pub(crate) const fn user(&self) -> &UserName {
        &self.name.user
    }

    /// Shows the first factor: by this process's word, or by the account's password.
    pub(crate) fn proof(&self) -> Result<Proof, Failure> {
        if self.vouches {
            return Ok(Proof::Asserted);
        }
        self.password().map(Proof::Password)
    }

    /// Shows the first factor for an enrolment: an administrator vouches for somebody else.
    pub(crate) fn proof_to_enroll(&self) -> Result<Proof, Failure> {
        let is_own = caller().is_ok_and(|caller| caller == self.name.user);
        if is_own { self.proof() } else { Ok(Proof::Asserted) }
    }

    /// Asks for the account's password.
    pub(crate) fn password(&self) -> Result<Password, Failure> {
        input::password(&format!("Password of {}: ", self.name.user))
    }

    /// How the account stands.
    pub(crate) fn status(&mut self) -> Result<Status, Failure> {
        let account = self.account();
        match self.call(Call::Status { account })? {
            Reply::Status(status) => Ok(status),
            other => Err(Failure::unexpected(&other)),
        }
    }

    pub(crate) fn call(&mut self, call: Call) -> Result<Reply, Failure> {
        Ok(self.client.call(call)?)
    }
}

/// Where the calls go that are about the whole server: the socket that was named, else the public one.
pub(crate) fn server(socket: Option<PathBuf>, server_uid: Option<u32>) -> Options {
    let own = socket.is_some();
    let path = socket.unwrap_or_else(places::public);
    Options::new(path, Trusted { own, named: server_uid })
}

fn caller() -> Result<UserName, Failure> {
    let user = User::from_uid(getuid()).ok().flatten();
    user.and_then(|user| UserName::new(&user.name)).ok_or(Failure::NoUser)
}

const ROOT: u32 = 0;
