//! The program `mfad`: `serve` is the daemon, `demo` shows it, `check` judges its configuration and state, `restore`
//! puts a backup back.
#![forbid(unsafe_code)]

mod check;
mod demo;
mod manual;
mod restoring;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use mfad_daemon::clock::SystemClock;
use mfad_daemon::places::Places;
use mfad_daemon::reload::Reloader;
use mfad_daemon::setup::{self, Prepared, ServeOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// One local second-factor verifier for every service on this machine.
#[derive(Parser)]
#[command(name = "mfad", version, arg_required_else_help = true, subcommand_required = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon in the foreground, until SIGTERM
    Serve(ServeOptions),
    /// Show the whole flow with a private daemon that leaves nothing behind
    Demo {
        /// Scan with a real authenticator app, and type its codes
        #[arg(long)]
        interactive: bool,
    },
    /// Judge the configuration and a private copy of the store; status 1 on findings
    Check(Places),
    /// Put a backup back into the state folder, while no daemon runs
    Restore(restoring::Options),
    /// Print a page of the manual
    #[command(hide = true)]
    Man {
        /// Which
        #[arg(default_value = "mfad")]
        page: manual::Which,
    },
    /// Print a script that completes mfad's words in a shell
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Serve(options) => report(serve(&options)),
        Command::Demo { interactive } => report(demo::run(interactive)),
        Command::Check(places) => check::run(&places),
        Command::Restore(options) => report(restoring::run(&options)),
        Command::Man { page } => report(manual::print(page, Args::command()).map_err(Into::into)),
        Command::Completions { shell } => report(manual::completions(shell, Args::command()).map_err(Into::into)),
    }
}

fn serve(options: &ServeOptions) -> Result<(), Box<dyn Error>> {
    let Prepared { config, listeners, reloader } = setup::prepare(options, &mut |line| tell(line))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let hangup = signal(SignalKind::hangup())?;
        let shutdown = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = reload_at(hangup, reloader) => {}
            }
        };
        Ok(mfad_daemon::run(config, listeners, Arc::new(SystemClock), shutdown).await?)
    });
    // A look-up or a question to PAM that hangs must not keep the process.
    runtime.shutdown_background();
    ended
}

/// Reads the configuration again at each signal. It resolves never.
async fn reload_at(mut hangup: Signal, reloader: Reloader) {
    let reloader = Arc::new(reloader);
    while hangup.recv().await.is_some() {
        let reloader = Arc::clone(&reloader);
        let reload = move || {
            if let Err(error) = reloader.reload(&mut |line| tell(line)) {
                tell(&format!("the rules from before stay in force: {}", chain(&error)));
            }
        };
        // It looks users and groups up, which may take its time. A panic there has been told.
        tokio::task::spawn_blocking(reload).await.ok();
    }
    std::future::pending().await
}

/// Prints an error with its causes, as far as standard error takes them.
fn report(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    tell(&chain(&*error));
    ExitCode::FAILURE
}

fn tell(line: &str) {
    // Whoever closed standard error does not want to hear it.
    writeln!(io::stderr().lock(), "mfad: {line}").ok();
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
