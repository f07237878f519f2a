//! `mfad check`: what the configuration means, and whether the state can be read. It changes nothing.

mod explain;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use mfad_client::{Client, Options, Trusted};
use mfad_daemon::audit::{self, Limits};
use mfad_daemon::config::Config;
use mfad_daemon::home::{HEAD, LOG, STORE};
use mfad_daemon::inventory;
use mfad_daemon::keyring::Keyring;
use mfad_daemon::ledger::{Ledger, LogHead};
use mfad_daemon::locked;
use mfad_daemon::places::Places;
use mfad_daemon::proof::{Progress, REMEDY, prove};
use mfad_daemon::root_key::{self, Source};
use mfad_daemon::seal::Sealer;
use mfad_daemon::setup;
use mfad_daemon::state::{self, Holder, StateFolder};
use mfad_daemon::store::{self, SledStore, Store};
use mfad_proto::{Call, Reply};

/// Runs the command: status 1 when there are findings.
pub(crate) fn run(places: &Places) -> ExitCode {
    let mut report = Report::default();
    // It reads keys as a daemon does.
    if let Err(error) = setup::close_process() {
        report.finding(&super::chain(&error));
    }
    let config = match places.read_config() {
        Ok(config) => {
            report.fine("the configuration is valid");
            explain::explain(&config, &mut report);
            if let Err(missing) = locked::choose(config.key_memory) {
                report.finding(&super::chain(&missing));
            }
            if let Source::Credential(path) | Source::File(path) = places.key_source_offline(&config)
                && let Err(error) = root_key::read_file(&path)
            {
                report.finding(&super::chain(&error));
            }
            Some(config)
        }
        Err(error) => {
            report.finding(&super::chain(&error));
            None
        }
    };
    match (StateFolder::take_existing(&places.state), &config) {
        (Ok(Some(folder)), Some(config)) => judge_state(&folder, places, config, &mut report),
        (Ok(Some(_)), None) => report.fine("the state was not judged: where its key is, the configuration says"),
        (Ok(None), _) => {
            report.fine(&format!("there is no state in {} yet: the first start makes it", places.state.display()));
        }
        (Err(state::Error::Taken(holder)), _) => judge_daemon(&holder, &mut report),
        (Err(error), _) => report.finding(&super::chain(&error)),
    }
    report.exit_code()
}

/// Collects what was found, and prints it as it comes.
#[derive(Default)]
struct Report {
    findings: u32,
}

impl Report {
    fn fine(&self, line: &str) {
        // A closed standard output leaves the exit status, which says the same.
        writeln!(io::stdout().lock(), "ok       {line}").ok();
    }

    /// What is as it was asked for, and has a price.
    fn note(&self, line: &str) {
        writeln!(io::stdout().lock(), "note     {line}").ok();
    }

    fn finding(&mut self, line: &str) {
        self.findings = self.findings.saturating_add(1);
        writeln!(io::stdout().lock(), "FINDING  {line}").ok();
    }

    fn exit_code(&self) -> ExitCode {
        writeln!(io::stdout().lock(), "{} findings", self.findings).ok();
        if self.findings == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }
}

fn judge_state(folder: &StateFolder, places: &Places, config: &Config, report: &mut Report) {
    if !folder.path().join(STORE).exists() {
        return report.fine("the state folder holds no store yet: the first start makes it");
    }
    let copied = match store::copy(&folder.path().join(STORE)) {
        Ok(copied) => copied,
        Err(error) => return report.finding(&format!("the store cannot be copied to be judged: {error}")),
    };
    let store = match SledStore::open(copied.path()) {
        Ok(store) => store,
        Err(error) => return report.finding(&super::chain(&error)),
    };
    match setup::existing_keyring(folder, &places.key_source_offline(config)) {
        Ok(Some(opened)) => {
            if opened.by_old {
                report.fine("the keyring opens with the old root key: the next start wraps it with the new one");
            }
            judge_records(folder, &store, &opened.keyring, report);
        }
        Ok(None) => report.finding("the state folder holds a store and no keyring: no record in it can be opened"),
        Err(error) => {
            report.finding(&super::chain(&error));
            report.fine("without the key, the records in the store were counted and not judged");
            let mut values: u64 = 0;
            match store.scan(&mut |_, _| values = values.saturating_add(1)) {
                Ok(()) => report.fine(&format!("the store holds {values} sealed values")),
                Err(error) => report.finding(&super::chain(&error)),
            }
        }
    }
}

fn judge_records(folder: &StateFolder, store: &dyn Store, keyring: &Keyring, report: &mut Report) {
    let head = match folder.read(HEAD) {
        Ok(head) => head,
        Err(error) => return report.finding(&super::chain(&error)),
    };
    let head = head.as_ref().map(|content| content.as_slice());
    let (ledger, sealer) = match (Ledger::new(keyring), Sealer::new(keyring)) {
        (Ok(ledger), Ok(sealer)) => (ledger, sealer),
        (Err(error), _) | (_, Err(error)) => return report.finding(&super::chain(&error)),
    };
    match prove(store, &ledger, head, &Progress::default()) {
        Ok(proven) => {
            report.fine(&format!("the store is proved, up to commit {}", proven.mark.sequence));
            judge_log(folder.path().join(LOG), keyring, proven.mark.log, report);
        }
        Err(damage) => report.finding(&format!("{damage}; {REMEDY}")),
    }
    match inventory::take(store, &sealer) {
        Ok(found) => {
            report.fine(&format!("{} accounts: {} active, {} pending", found.accounts, found.active, found.pending));
            if found.unreadable > 0 {
                report.finding(&format!(
                    "{} sealed records do not open: they were changed, moved, or sealed by another key",
                    found.unreadable
                ));
            }
        }
        Err(error) => report.finding(&super::chain(&error)),
    }
}

fn judge_log(folder: PathBuf, keyring: &Keyring, known: LogHead, report: &mut Report) {
    match audit::inspect(folder, Limits::default(), keyring, known) {
        Ok(found) if found.findings.is_empty() => {
            report.fine(&format!("the audit log is whole: {} lines", found.lines));
        }
        Ok(found) => found.findings.iter().for_each(|finding| report.finding(&format!("the audit log: {finding}"))),
        Err(error) => report.finding(&super::chain(&error)),
    }
}

/// The state belongs to a running daemon: it knows best how it is.
fn judge_daemon(holder: &Holder, report: &mut Report) {
    let Some(socket) = &holder.socket else {
        return report.finding("another process holds the state folder, and does not say where it listens");
    };
    let options = Options::new(socket, Trusted::OWN);
    match Client::connect(options).and_then(|mut client| client.call(Call::Ping)) {
        Ok(Reply::Pong(pong)) if pong.ready => {
            report.fine(&format!("mfad {} holds the state and is ready, on {}", pong.version, socket.display()));
        }
        Ok(Reply::Pong(pong)) => report.finding(&format!("mfad {} is not ready: {}", pong.version, pong.why)),
        Ok(_) => report.finding("the process that holds the state answers something else than mfad does"),
        Err(error) => report.finding(&super::chain(&error)),
    }
}
