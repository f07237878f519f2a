//! What is generated from definitions: mfad(8) and shell completions from that of the command line, and mfad.toml(5) from the
//! commented sample of a configuration.

mod sample;

use std::io::{self, Write};

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use mfad_client::manual::Page;

/// A page of the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// mfad(8)
    Mfad,
    /// mfad.toml(5)
    #[value(name = "mfad.toml")]
    Toml,
}

/// Prints a page.
pub(crate) fn print(which: Which, command: Command) -> io::Result<()> {
    let page = match which {
        Which::Mfad => MFAD.write(command)?,
        Which::Toml => sample::page(command.get_version().unwrap_or_default()),
    };
    io::stdout().lock().write_all(&page)
}

/// Prints a script that completes words in a shell.
pub(crate) fn completions(shell: Shell, mut command: Command) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "mfad", &mut script);
    io::stdout().lock().write_all(&script)
}

const MFAD: Page<'_> = Page {
    section: "8",
    statuses: &[
        ("0", "It is done; of check: nothing is wrong."),
        ("1", "It is not; of check: something is wrong."),
        ("2", "usage"),
    ],
    files: &[
        ("/etc/mfad/mfad.toml", "The configuration, which is optional."),
        (
            "/etc/credstore.encrypted/mfad.key",
            "The root key, sealed to this machine, where mfad.service starts the daemon.",
        ),
        ("/etc/mfad/root.key", "The root key, where key_file of the configuration says so."),
        ("/var/lib/mfad", "The state: lock, head, keyring, store, and without a key_file the root key, root.key."),
        ("/run/mfad/mfad.sock", "The public socket: owners and administrators."),
        ("/run/mfad/REALM/mfad.sock", "The socket of a realm: its login services."),
        ("/run/mfad-passwd.sock", "Where mfad-passwd is reached, which asks the system's PAM about passwords."),
    ],
    environment: &[
        ("CREDENTIALS_DIRECTORY", "Where systemd has put the credential mfad.key, the root key."),
        ("LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID", "The sockets that systemd hands over."),
        ("NOTIFY_SOCKET", "Where systemd is told that the daemon is ready, how it is, or that it stops."),
        ("WATCHDOG_USEC", "How often systemd must hear that the daemon still decides."),
    ],
    see_also: &["mfactl(1)", "mfad.toml(5)", "pam_mfad(8)", "systemd-creds(1)", "systemd.socket(5)"],
};
