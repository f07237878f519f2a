//! Where the daemon's sockets usually are.

use std::path::{Path, PathBuf};

use mfad_proto::Realm;

/// The public socket: owners and administrators.
#[must_use]
pub fn public() -> PathBuf {
    Path::new(RUN).join(SOCKET)
}

/// The socket of a realm: its login services. It lies in a folder of its own.
#[must_use]
pub fn of_realm(realm: &Realm) -> PathBuf {
    Path::new(RUN).join(realm.as_str()).join(SOCKET)
}

/// The folder of the public socket, and of the folders of the realms.
pub const RUN: &str = "/run/mfad";

/// The name of each socket in its folder.
pub const SOCKET: &str = "mfad.sock";
