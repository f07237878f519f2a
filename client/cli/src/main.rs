//! `mfactl`: the command line of mfad. It parses, asks one question after the other, prints, and sets the exit status.
#![expect(clippy::wildcard_enum_match_arm, reason = "every answer that a command does not wait for is one failure")]

mod admin;
mod args;
mod audit;
mod backup;
mod completions;
mod doctor;
mod enroll;
mod failure;
mod file;
mod handles;
mod import;
mod input;
mod key;
mod listing;
mod output;
mod paint;
mod png;
mod recovery;
mod session;
mod stats;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use mfad_client::words;
use mfad_proto::{
    AccountName, Call, Code, Context, Factor, Label, Realm, Reply, State, Status, is_printable, printable,
};

use crate::args::{Admin, Args, Command};
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return misused(&error),
    };
    let output = Output::new(args.json || args.command.is_for_a_program());
    match run(args, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to tell when even this cannot be written.
            output.failure(&failure).ok();
            failure.exit_code()
        }
    }
}

/// Prints help, or what is wrong with the words of the command line. Those may hold what a terminal would obey.
fn misused(error: &clap::Error) -> ExitCode {
    let is_plain = std::env::args_os().all(|arg| arg.to_string_lossy().chars().all(is_printable));
    let said = error.render().to_string();
    let shown = said.lines().map(printable).collect::<Vec<_>>().join("\n");
    // Nothing is left to tell when even this cannot be written.
    let _printed = if is_plain { error.print() } else { writeln!(io::stderr().lock(), "{shown}") };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn run(args: Args, output: &Output) -> Result<(), Failure> {
    let Args { socket, realm: named, server_uid, command, .. } = args;
    let realm = named.clone().unwrap_or_else(Realm::system);
    let connect = |user| Session::open(socket.clone(), server_uid, realm.clone(), user);
    match command {
        Command::Status { user } => status(connect(user)?, output),
        Command::Verify { user, password } => verify(connect(user)?, password, output),
        Command::Reset { user } => reset(connect(user)?, output),
        Command::Passwd { user } => passwd(connect(user)?, output),
        Command::Recovery { user } => recovery::renew(connect(user)?, output),
        Command::Resync { user } => recovery::resync(connect(user)?, output),
        Command::Admin(command) => {
            let account = |user| AccountName { realm: realm.clone(), user };
            let connect = |user| Session::of_admin(socket.clone(), server_uid, account(user));
            let server = session::server(socket.clone(), server_uid);
            match command {
                Admin::List(list) if list.handles => handles::list(list, (server, &realm), output),
                Admin::List(list) => listing::list(list, (server, &realm), output),
                Admin::Show { user } => listing::show(connect(user)?, output),
                Admin::Import(import) => import::run(import, (server, &realm), output),
                Admin::Audit(audit) => audit::run(&audit, (server, named), output),
                Admin::Stats { prometheus } => stats::run(prometheus, server, output),
                other => admin::run(other, connect, (server, &realm), output),
            }
        }
        Command::Key(command) => key::run(&command, session::server(socket, server_uid), output),
        Command::Enroll(enroll) => enroll::run(enroll, connect, output),
        Command::Backup { file, passphrase_file } => {
            backup::run(&session::server(socket, server_uid), &file, passphrase_file.as_deref(), output)
        }
        Command::Doctor => doctor::run(session::server(socket, server_uid), output),
        Command::Completions { shell } => completions::print(shell),
        Command::Man => completions::manual(),
    }
}

fn status(mut session: Session, output: &Output) -> Result<(), Failure> {
    let status = session.status()?;
    output.object(&output::StatusObject::from(&status))?;
    describe(&status, output)
}

/// How an account stands, for a person.
fn describe(status: &Status, output: &Output) -> Result<(), Failure> {
    let time = |at: Option<u64>| at.map_or_else(|| "never".to_owned(), words::moment);
    let (user, state) = (paint::bold(status.user.as_str()), paint::state(status.state, 0));
    output.prose(&format!("{user} in realm {}: {state}", status.realm))?;
    output.prose(&format!("  enrolled:               {}", time(status.enrolled_at)))?;
    output.prose(&format!("  last accepted code:     {}", time(status.last_success)))?;
    output.prose(&format!("  failures since then:    {}", status.failures_since))?;
    output.prose(&format!("  recovery codes left:    {}", status.recovery_left))?;
    output.prose(&format!("  second factor enforced: {}", if status.enforced { "yes" } else { "no" }))?;
    match status.retry_after {
        Some(seconds) => output.prose(&format!("  next try in:            {seconds} s")),
        None => Ok(()),
    }
}

fn verify(mut session: Session, with_password: bool, output: &Output) -> Result<(), Failure> {
    let account = session.account();
    let call = if with_password {
        let (password, code) = (session.password()?, input::code_if_any("Code (empty where there is none): ")?);
        Call::Authenticate { account, password, code, context: context() }
    } else {
        Call::Verify { account, code: input::code("Code: ")?, context: context() }
    };
    match session.call(call)? {
        Reply::Accepted(accepted) => {
            output.object(&output::AcceptedObject::from(&accepted))?;
            output.prose(&paint::good(if accepted.factor == Factor::Password {
                "Accepted: the password is right, and this account needs no code."
            } else {
                "Accepted."
            }))?;
            words::failures(&accepted).map_or(Ok(()), |failures| output.prose(&paint::warn(&failures)))
        }
        other => Err(Failure::unexpected(&other)),
    }
}

fn reset(mut session: Session, output: &Output) -> Result<(), Failure> {
    let proof = session.proof()?;
    let code = input::code("Current code: ")?;
    let account = session.account();
    match session.call(Call::Reset { account, proof, code, context: context() })? {
        Reply::Done => {
            output.result("done")?;
            output.prose(&format!("The second factor of {} is removed.", session.user()))
        }
        Reply::Enrollment(enrollment) => enroll::replace(&mut session, &enrollment, output),
        other => Err(Failure::unexpected(&other)),
    }
}

fn passwd(mut session: Session, output: &Output) -> Result<(), Failure> {
    let old = session.password()?;
    // Who has no factor has no code, and no line for one.
    let code = match session.status()?.state {
        State::Active | State::Locked => input::code("Code: ")?,
        State::None | State::Pending => Code::default(),
    };
    let new = input::new_password("New password: ", "an empty password protects nothing")?;
    let account = session.account();
    match session.call(Call::Passwd { account, old, code, new })? {
        Reply::Done => {
            output.result("done")?;
            output.prose(&format!("The password of {} is changed.", session.user()))
        }
        other => Err(Failure::unexpected(&other)),
    }
}

/// Where a request of this program comes from.
fn context() -> Context {
    Context { service: Label::cut("mfactl"), ..Context::default() }
}
