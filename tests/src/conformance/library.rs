//! The client in Rust.

use std::io::Read;
use std::path::Path;

use mfad_client::backup;
use mfad_client::{Client, Error, Options, Trusted};
use mfad_proto::{Call, Reply, Response};

use super::frames::without_id;
use super::{Outcome, Subject};
use crate::render;

/// The crate `mfad-client`.
pub struct Library {
    client: Client,
    options: Options,
}

impl Library {
    /// A client on this socket.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        let options = Options::new(socket, Trusted::OWN);
        Self { client: Client::new(options.clone()), options }
    }

    fn reply(&mut self, call: Call) -> Result<Reply, String> {
        let told = |error: Error| error.to_string();
        let Call::Backup { passphrase } = call else { return self.client.call(call).map_err(told) };
        match backup::receive(&self.options, passphrase).map_err(told)? {
            Err(refused) => Ok(refused),
            Ok(backup::Stream { records, mut pipe }) => {
                let mut bytes = Vec::new();
                pipe.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
                if bytes.ends_with(b"mfad end") { Ok(Reply::Backup { records }) } else { Err("no backup came".into()) }
            }
        }
    }
}

impl Subject for Library {
    fn ask(&mut self, call: Call) -> Outcome {
        match self.reply(call) {
            Ok(reply) => Outcome::Reply(without_id(&render::response(&Response { id: 1, reply }))),
            Err(why) => Outcome::NoAnswer(why),
        }
    }
}
