//! Where everything lies: what a command line says, and else the usual places.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use nix::unistd::geteuid;

use crate::config::{self, Config};
use crate::root_key::Source;

/// Where everything lies. `serve` and `check` share it.
#[derive(Debug, Clone, Args)]
pub struct Places {
    /// The configuration [default: /etc/mfad/mfad.toml, if it is there]
    #[arg(long, value_name = "F")]
    pub config: Option<PathBuf>,
    /// The state folder
    #[arg(long, value_name = "DIR", default_value = STATE)]
    pub state: PathBuf,
    /// The root key's file; - reads standard input [default: systemd's credential mfad.key, else key_file of the
    /// configuration, else root.key in the state folder]
    #[arg(long, value_name = "F")]
    pub key_file: Option<PathBuf>,
}

impl Places {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`config::Error`]; a missing file is one only when it was named.
    pub fn read_config(&self) -> Result<Config, config::Error> {
        let host = config::host_issuer();
        match &self.config {
            Some(path) => Config::read(path, &host),
            None => match Config::read(Path::new(CONFIG), &host) {
                Err(config::Error::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                    Ok(Config::without_file(&host))
                }
                read => read,
            },
        }
    }

    /// Where the root key comes from.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "systemd names the folder of credentials in the environment alone")]
    pub fn key_source(&self, config: &Config) -> Source {
        let credentials = std::env::var("CREDENTIALS_DIRECTORY").ok().map(PathBuf::from);
        Source::choose(self.key_file.as_deref(), credentials.as_deref(), config.key_file.as_deref())
    }

    /// Where the root key comes from for a command that runs by hand while the daemon does not: for root and the usual state
    /// also from the credential of the daemon's unit.
    #[must_use]
    pub fn key_source_offline(&self, config: &Config) -> Source {
        let chosen = self.key_source(config);
        let is_named = self.key_file.is_some() || matches!(chosen, Source::Credential(_));
        if is_named || !self.is_units() { chosen } else { Source::of_unit().unwrap_or(chosen) }
    }

    /// Whether this may be about the state of the daemon's unit.
    fn is_units(&self) -> bool {
        self.state == Path::new(STATE) && geteuid().is_root()
    }
}

const CONFIG: &str = "/etc/mfad/mfad.toml";

const STATE: &str = "/var/lib/mfad";
