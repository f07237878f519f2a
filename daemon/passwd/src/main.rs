//! `mfad-passwd`: asks the system's PAM for one password, then exits.
//!
//! The daemon is no root and so cannot ask PAM. It connects here instead, once for each password, and systemd starts
//! this program with the connection as standard input (`Accept=yes`, `StandardInput=socket`). The question and the
//! answer are those of [`mfad_proto::passwd`]; the PAM service is `mfad`. By hand:
//!
//! ```text
//! systemd-socket-activate --accept --inetd --listen=/run/mfad-passwd.sock /usr/libexec/mfad-passwd
//! ```
//!
//! A process for each password, since PAM modules are other people's code: what one of them leaks, keeps or breaks ends
//! with it, and nothing that it does can reach a key of the daemon.
//!
//! MUST: the peer is judged before anything of his is read; the one byte that is written is an answer of PAM's; what goes
//! wrong is told on standard error without the password or the user, since people type passwords as names; the exit
//! status is 0 only when the question was answered.

mod connection;
mod pam;
mod verdict;

use std::ffi::CString;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use mfad_proto::passwd::{Answer, Question};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use nix::unistd::alarm;

use crate::connection::Connection;

/// Asks the system's PAM for one password. The daemon's connection is standard input.
#[derive(Parser)]
#[command(name = "mfad-passwd", version)]
struct Options {
    /// Answer this user, too, beside root and the user mfad
    // The last of all is no user: the kernel says it of a peer that it does not know.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..i64::from(u32::MAX)))]
    daemon_uid: Option<u32>,
}

fn main() -> ExitCode {
    pam::clear_environment();
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
            tell(format_args!("{error}{why}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), connection::Error> {
    // A module may hang, and the signal's default is to end the process: the daemon sees a closed connection.
    alarm::set(LIFETIME_SECONDS);
    let connection = Connection::take()?;
    connection.admit(options.daemon_uid)?;
    keep_to_oneself().map_err(|errno| connection::Error::Process(errno.into()))?;
    let question = connection.question()?;
    let answer = ask(&question);
    drop(question);
    connection.answer(answer)
}

/// What a module writes down is root's alone, and no image of this process is left.
fn keep_to_oneself() -> Result<(), Errno> {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_dumpable(false)
}

/// The answer to a question. PAM is asked only what can be the password of somebody.
fn ask(question: &Question) -> Answer {
    let password = question.password.expose();
    // An empty one opens accounts that have none; C ends at a NUL, and so would ask about another password; and what is
    // longer than an answer to a module may be is nobody's (libcrypt has the same limit).
    if password.is_empty() || password.contains(&0) || password.len() >= pam::LONGEST_RESPONSE {
        return Answer::Wrong;
    }
    // No name with a NUL passes the type.
    let Ok(user) = CString::new(question.user.as_str()) else { return Answer::Wrong };
    let outcome = pam::ask(&user, password);
    let answer = verdict::answer(outcome);
    if answer == Answer::Unavailable {
        tell(format_args!("PAM cannot tell: {outcome}"));
    }
    answer
}

/// A line on standard error.
fn tell(line: fmt::Arguments<'_>) {
    // Nobody may be there to read it.
    writeln!(io::stderr(), "mfad-passwd: {line}").ok();
}

/// From the start to the answer: a second less than the unit allows, and than clients wait.
const LIFETIME_SECONDS: u32 = 14;
