//! Which sockets there are, and what each is for: those that systemd hands over, or those of the design.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use listenfd::ListenFd;
use mfad_proto::Realm;

use crate::config::Config;
use crate::listener::{self, Access, Listener};
use crate::policy::Role;

/// The sockets that systemd hands over, each with its role by name: a realm's, one that a grant names, else the public one.
///
/// # Errors
/// [`Error`].
#[expect(clippy::disallowed_methods, reason = "systemd names the sockets in the environment alone")]
pub(crate) fn handed_over(file: &Config) -> Result<Vec<Listener>, Error> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut sockets = ListenFd::from_env();
    let mut listeners = Vec::with_capacity(sockets.len());
    for index in 0..sockets.len() {
        let role = role_of(file, names.next().unwrap_or_default())?;
        if let Some(socket) = sockets.take_unix_listener(index).map_err(Error::Io)? {
            listeners.push(Listener::adopt(OwnedFd::from(socket), role));
        }
    }
    Ok(listeners)
}

fn role_of(file: &Config, name: &str) -> Result<Role, Error> {
    match Realm::new(name) {
        // What systemd says of a socket without a name.
        None if name.is_empty() => Ok(Role::Public),
        Some(realm) if file.realms.contains_key(&realm) => Ok(Role::Realm(realm)),
        Some(_) if matches!(name, "mfad" | "unknown") => Ok(Role::Public),
        Some(_) | None if file.has_socket(name) => Ok(Role::Named(name.to_owned())),
        Some(_) | None => Err(Error::Name(name.to_owned())),
    }
}

/// The group whose members may use a realm's socket.
#[must_use]
pub fn group_of(realm: &Realm) -> Option<String> {
    (*realm != Realm::system()).then(|| format!("mfad-{realm}"))
}

/// The sockets of the design, made here: the public one, and one for each realm in a folder of its own.
///
/// # Errors
/// [`Error`].
pub(crate) fn standard(file: &Config) -> Result<Vec<Listener>, Error> {
    let run = Path::new(RUN);
    make_folder(run)?;
    let public = Access { mode: 0o666, group: None };
    let mut listeners = vec![Listener::bind(&run.join(SOCKET), Role::Public, &public).map_err(Error::Listen)?];
    for realm in file.realms.keys() {
        let folder = run.join(realm.as_str());
        make_folder(&folder)?;
        let group = group_of(realm);
        let access = Access { mode: if group.is_some() { 0o660 } else { 0o600 }, group };
        let listener = Listener::bind(&folder.join(SOCKET), Role::Realm(realm.clone()), &access);
        listeners.push(listener.map_err(Error::Listen)?);
    }
    Ok(listeners)
}

/// Makes a folder that everybody may enter, whatever the umask says. One that is there stays as it is.
fn make_folder(path: &Path) -> Result<(), Error> {
    match fs::create_dir(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(Error::Io),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::Io(error)),
    }
}

/// Why there are no sockets.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// One cannot be made.
    Listen(listener::Error),
    /// One that systemd handed over has a name that is neither a realm's nor a grant's.
    Name(String),
    /// The operating system refused.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(_) | Self::Io(_) => f.write_str("the sockets cannot be made"),
            Self::Name(name) => write!(
                f,
                "systemd handed over a socket named {name:?}, which is neither mfad, nor a realm, nor in a grant of the \
                 configuration: set FileDescriptorName= in its unit"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Name(_) => None,
        }
    }
}

const RUN: &str = "/run/mfad";
const SOCKET: &str = "mfad.sock";
