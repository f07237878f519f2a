//! `mfactl doctor`: what keeps mfad from working or from protecting, each with what to do.
//!
//! MUST: it changes nothing; a check that fails does not end the others; what cannot be looked at is said; whatever a file
//! or a program says is cut to a bounded size, and escaped before it is printed.

mod adjtimex;
mod clock;
mod config;
mod credential;
mod key;
mod log;
mod owners;
mod pam;
mod program;
mod report;
mod server;
mod socket;
mod sshd;
mod sudo;
mod text;

use mfad_client::Options;
use nix::unistd::geteuid;

use self::owners::Owners;
use self::pam::Pam;
use self::report::{Report, Said};
use self::server::Server;
use self::sshd::Sshd;
use crate::failure::Failure;
use crate::output::{self, Output};

/// Runs the command. It fails when there are findings.
pub(crate) fn run(options: Options, output: &Output) -> Result<(), Failure> {
    output::to_the_end(examine(&Machine::look(options), Report::new(output)))
}

fn examine(machine: &Machine, mut report: Report<'_>) -> Result<(), Failure> {
    for check in CHECKS {
        for said in check(machine) {
            report.print(&said)?;
        }
    }
    report.end()
}

/// What several checks need to know.
struct Machine {
    options: Options,
    owners: Owners,
    server: Server,
    pam: Pam,
    sshd: Sshd,
}

impl Machine {
    fn look(options: Options) -> Self {
        let (server, owners) = (Server::ask(&options), Owners::of(options.trusted));
        let sshd = Sshd::ask(&owners);
        Self { options, owners, server, pam: Pam::read(), sshd }
    }
}

fn is_root() -> bool {
    geteuid().is_root()
}

/// In the order in which each builds on those before.
const CHECKS: [fn(&Machine) -> Vec<Said>; 15] = [
    socket::public,
    socket::realms,
    server::uid,
    server::rights,
    server::version,
    server::store,
    log::judge,
    clock::judge,
    key::judge,
    config::file,
    config::meaning,
    config::state,
    pam::judge,
    sshd::judge,
    sudo::judge,
];
