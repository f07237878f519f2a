//! The daemon, reached when the first question is asked, and by one connection for the whole login.

use mfad_client::module::ModuleOptions;
use mfad_client::{Client, Error, Options, Trusted, places};
use mfad_proto::{Call, Reply};
use nix::unistd::geteuid;

/// Answers calls.
pub(crate) trait Daemon {
    /// Asks, and waits for the answer.
    fn call(&mut self, call: Call) -> Result<Reply, Error>;

    /// Whether it believes this process that the first factor was given.
    fn is_told(&self) -> bool;
}

/// The daemon behind a socket.
pub(crate) struct Remote {
    options: Options,
    told: bool,
    client: Option<Client>,
}

impl Remote {
    /// The daemon behind the socket that the options name; else a program of root asks on the realm's, and any other on the
    /// public one.
    pub(crate) fn new(options: &ModuleOptions) -> Self {
        let named = options.server_uid;
        let (path, own, told) = match &options.socket {
            Some(path) => (path.clone(), true, true),
            None if geteuid().is_root() => (places::of_realm(&options.realm), false, true),
            None => (places::public(), false, false),
        };
        Self { options: Options::new(path, Trusted { own, named }), told, client: None }
    }
}

impl Daemon for Remote {
    fn call(&mut self, call: Call) -> Result<Reply, Error> {
        let client = match &mut self.client {
            Some(client) => client,
            unconnected @ None => unconnected.insert(Client::new(self.options.clone())),
        };
        client.call(call)
    }

    fn is_told(&self) -> bool {
        self.told
    }
}
