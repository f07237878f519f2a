//! The accounts of the benchmark, made straight through the library: a million requests would take too long.
//!
//! MUST: [`put`] is the only place that knows how a store holds an account, and leaves a state folder that a daemon
//! opens as one of its own.

use std::path::Path;

use mfad_client::{Client, Options, Trusted};
use mfad_daemon::ledger::{Ledger, MARK_KEY, Mark};
use mfad_daemon::places::Places;
use mfad_daemon::record::{Factor, Record, Seed};
use mfad_daemon::seal::{Sealer, Subject};
use mfad_daemon::setup::{Prepared, ServeOptions, prepare};
use mfad_daemon::store::Change;
use mfad_daemon::totp::{Algorithm, Digits, Generator, NEW_KEY, Step, TotpKey};
use mfad_daemon::used::UsedSteps;
use mfad_proto::{Account, AccountName, Call, Code, Context, Handle, Label, Realm, UserName};
use zeroize::Zeroizing;

use super::folder::{self, Folder};
use super::process::{program, run};

/// Puts the accounts 0..`accounts` into a new state folder. A process of its own does it, so that neither its memory nor
/// its hold on the store is left to the next one.
pub(crate) fn fill_apart(folder: &Folder, accounts: u64) {
    let mut command = program("mfad-bench");
    command.arg("fill").arg(folder.path()).arg(accounts.to_string());
    run(command);
}

/// The other half of [`fill_apart`].
pub(crate) fn fill(folder: &Path, accounts: u64) {
    put(folder, (0..accounts).map(|index| (name(index), record(index))));
}

/// Puts these accounts into a new state folder.
pub(crate) fn put(folder: &Path, mut accounts: impl Iterator<Item = (AccountName, Record)>) {
    let places = Places { config: Some(folder::config(folder)), state: folder::state(folder), key_file: None };
    let options = ServeOptions { places, socket: Some(folder.join("fill.sock")), passwd_socket: None };
    let Prepared { config, .. } = prepare(&options, &mut |_warning| {}).expect("a prepared daemon");
    let sealer = Sealer::new(&config.keyring).expect("locked memory");
    let ledger = Ledger::new(&config.keyring).expect("locked memory");
    let store = config.home.open().expect("an open store");
    let mut mark = Mark { sequence: 1, ..Mark::default() };
    let change = |(name, record): (AccountName, Record)| -> Vec<Change> {
        let sealed = sealer.seal(Subject::Account(&name), &record).expect("a sealed record");
        // As `daemon/ARCHITECTURE.md` has it. If it is wrong, no code is accepted, and the benchmark stops.
        let key = [b"a", name.realm.as_str().as_bytes(), &[0], name.user.as_str().as_bytes()].concat();
        let entries = record.handles().into_iter().map(|handle| {
            let key = [b"h", handle.as_bytes().as_slice()].concat();
            (key, Some(sealer.seal_entry(&handle, &name).expect("a sealed entry")))
        });
        entries.chain([(key, Some(sealed))]).collect()
    };
    loop {
        let batch: Vec<Change> = accounts.by_ref().take(BATCH).flat_map(change).collect();
        if batch.is_empty() {
            break;
        }
        for (key, sealed) in &batch {
            mark.sum.toggle(ledger.print(key, sealed.as_deref().unwrap_or_default()));
            mark.records += 1;
        }
        store.commit(batch).expect("a durable batch");
    }
    let sealed = ledger.seal_mark(&mark).expect("randomness");
    store.commit(vec![(MARK_KEY.to_vec(), Some(sealed))]).expect("a durable mark");
}

/// `Verify` with the code that this account's app shows at this Unix time.
pub(crate) fn verify(index: u64, unix: u64) -> Call {
    let code = generator(index).code(Step::at(unix));
    let code = Code::new(Zeroizing::new(code.as_bytes().to_vec())).expect("a short code");
    Call::Verify { account: Account::Name(name(index)), code, context: context() }
}

/// `Begin` of this account.
pub(crate) fn begin(index: u64) -> Call {
    Call::Begin { account: Account::Name(name(index)), context: context() }
}

fn context() -> Context {
    Context { service: Label::cut("bench"), ..Context::default() }
}

/// The user of this account, and the code that its app shows at this Unix time.
pub(crate) fn shown(index: u64, unix: u64) -> (String, String) {
    (name(index).user.as_str().to_owned(), generator(index).code(Step::at(unix)).to_string())
}

/// `Status` of this account.
pub(crate) fn status(index: u64) -> Call {
    Call::Status { account: Account::Name(name(index)) }
}

/// A connection to the daemon of this folder, through the client that login services use.
pub(crate) fn connect(folder: &Folder) -> Client {
    let mut options = Options::new(folder.socket(), Trusted::OWN);
    // The first answer after a start may take as long as the start.
    options.deadline = std::time::Duration::from_secs(600);
    Client::connect(options).expect("a connection")
}

fn name(index: u64) -> AccountName {
    let user = UserName::new(&format!("user{index:08}")).expect("a legal name");
    AccountName { realm: Realm::system(), user }
}

fn record(index: u64) -> Record {
    // Any step of today is a later one.
    Record { generation: 1, factor: Some(factor(index, Step(0))), ..Record::default() }
}

/// The factor of an account, whose steps up to this one are used.
pub(crate) fn factor(index: u64, used: Step) -> Factor {
    let mut handle = [0; 20];
    handle[..8].copy_from_slice(&index.to_le_bytes());
    let seed = Seed {
        key: key(index),
        algorithm: Algorithm::default(),
        digits: Digits::default(),
        handle: Handle::from_random(handle),
    };
    Factor { seed, enrolled_at: 0, used: UsedSteps::first(used), offset: 0, proved: true }
}

/// What makes an account's codes.
pub(crate) fn generator(index: u64) -> Generator {
    Generator::new(&key(index), Algorithm::default(), Digits::default())
}

/// Keys protect nothing here: the load generator makes them again from the number.
fn key(index: u64) -> TotpKey {
    let mut bytes = [0x5a; NEW_KEY];
    bytes[..8].copy_from_slice(&index.to_le_bytes());
    TotpKey::copied(&bytes).expect("a key of the usual length")
}

/// Accounts in one commit.
const BATCH: usize = 1_000;
