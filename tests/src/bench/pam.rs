//! What a login costs through PAM, beside Debian's own modules: from `pam_start` to `pam_end`, all of them in this process.
//!
//! The other modules live by the machine's clock and accept a code once, too. So before each login, outside of the measured
//! time, their files are put back to a state in which no code is used, and made durable; what they then write is their own.
//! All state lies on one file system. A module that is not installed has no rows.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use mfad_daemon::clock::{Clock, SystemClock};
use mfad_daemon::totp::{Algorithm, Digits, Generator, NEW_KEY, Step as TotpStep, TotpKey};
use mfad_proto::{Call, Need, Reply};
use nix::unistd::{User, geteuid};

use super::accounts;
use super::benched::{Benched, Store};
use super::folder::Folder;
use super::plan::Plan;
use super::row::Target::AtMost;
use super::row::{Row, Unit};
use super::spread::median_micros;
use crate::pam::{Answer, Conversation, SUCCESS, Step, Transaction};

/// The rows of all rounds.
pub(crate) fn rows(plan: &Plan) -> Vec<Row> {
    let mut bench = Bench::start(plan);
    let rounds = plan.measured("pam", || bench.round(plan));
    let others = Other::ALL.into_iter().filter(|other| bench.others.iter().any(|file| file.other == *other));
    let of = |other: Other| rounds.iter().map(move |round| round.others[other as usize]);
    let mfad = || rounds.iter().map(|round| round.mfad);
    let over = |other: Other| mfad().zip(of(other)).map(|(mfad, other)| mfad / other);
    let bare = || rounds.iter().map(|round| round.others[Other::Permit as usize] + round.calls);
    let own = mfad().zip(bare()).map(|(mfad, bare)| mfad / bare);
    let mut rows = vec![
        Row::new("PAM: mfad", Unit::Micros, mfad()),
        Row::new("PAM: mfad's calls without PAM", Unit::Micros, rounds.iter().map(|round| round.calls)),
    ];
    for other in others {
        rows.push(Row::new(format!("PAM: {}", other.name()), Unit::Micros, of(other)));
        let ratio = Row::new(format!("PAM: mfad / {}", other.name()), Unit::Ratio, over(other));
        let ratio = ratio.target(other.target().map(AtMost));
        rows.push(if other == Other::Permit { ratio.reason(MORE_THAN_PERMIT) } else { ratio });
    }
    rows.push(Row::new("PAM: mfad / (pam_permit + the calls)", Unit::Ratio, own));
    rows
}

/// Medians in microseconds.
#[derive(Default)]
struct Round {
    mfad: f64,
    /// What a login asks of the daemon, over a new connection.
    calls: f64,
    /// By the number of the other module; not set where that is not there.
    others: [f64; Other::ALL.len()],
}

/// A module that mfad's is measured beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Other {
    /// It lets everybody in, and does nothing: what PAM itself costs.
    Permit,
    /// It accepts no code twice, by `DISALLOW_REUSE`.
    GoogleAuthenticator,
    /// With one user in its file.
    Oath,
}

impl Other {
    const ALL: [Self; 3] = [Self::Permit, Self::GoogleAuthenticator, Self::Oath];

    /// Its name, which is its service's, too.
    const fn name(self) -> &'static str {
        match self {
            Self::Permit => "pam_permit",
            Self::GoogleAuthenticator => "pam_google_authenticator",
            Self::Oath => "pam_oath",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Self::Permit => "libpam-modules",
            Self::GoogleAuthenticator => "libpam-google-authenticator",
            Self::Oath => "libpam-oath",
        }
    }

    const fn target(self) -> Option<f64> {
        match self {
            Self::Permit => Some(1.6),
            Self::GoogleAuthenticator => Some(0.35),
            Self::Oath => None,
        }
    }

    /// Its line of a stack, for state in this file.
    fn line(self, file: &Path) -> String {
        let (module, file) = (format!("auth required {}.so", self.name()), file.display());
        match self {
            Self::Permit => module,
            Self::GoogleAuthenticator => format!("{module} secret={file}"),
            Self::Oath => format!("{module} usersfile={file} window=3 digits=6"),
        }
    }

    /// What its file says of a user who has used no code.
    fn unused(self, user: &str) -> String {
        match self {
            Self::Permit => String::new(),
            Self::GoogleAuthenticator => {
                format!("{}\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n", BASE32_NOPAD.encode(&KEY))
            }
            Self::Oath => format!("HOTP/T30/6 {user} - {}\n", HEXLOWER.encode(&KEY)),
        }
    }

    fn is_installed(self) -> bool {
        let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
        let mut folders = folders.chain([PathBuf::from("/usr/lib")]);
        folders.any(|folder| folder.join("security").join(format!("{}.so", self.name())).exists())
    }
}

/// The state of another module.
struct Kept {
    other: Other,
    file: PathBuf,
    unused: String,
}

impl Kept {
    /// As if no code had been used.
    fn put_back(&self) {
        let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&self.file);
        let file = file.as_mut().expect("a file");
        file.write_all(self.unused.as_bytes()).and_then(|()| file.sync_all()).expect("a durable file");
    }
}

/// Everything that is measured in turns.
struct Bench {
    mfad: Benched,
    others: Vec<Kept>,
    services: Folder,
    user: String,
    generator: Generator,
}

impl Bench {
    fn start(plan: &Plan) -> Self {
        let services = Folder::new(plan);
        let user = User::from_uid(geteuid()).ok().flatten().expect("a user who measures").name;
        let mfad = Benched::start(plan, Store::Disk, plan.count(LOGINS));
        let module = std::env::current_exe().expect("a path").with_file_name("libpam_mfad.so");
        let line = format!("auth required {} socket={}", module.display(), mfad.folder().socket().display());
        let write = |name: &str, line: &str| std::fs::write(services.path().join(name), format!("{line}\n"));
        write(OURS, &line).expect("a service");
        write("other", "auth required pam_deny.so").expect("a service");
        let (installed, missing): (Vec<_>, Vec<_>) = Other::ALL.into_iter().partition(|other| other.is_installed());
        for other in missing {
            eprintln!("pam: nothing of {}: the package {} is not installed", other.name(), other.package());
        }
        let keep = |other: Other| {
            let file = services.path().join(format!("{}.state", other.name()));
            write(other.name(), &other.line(&file)).expect("a service");
            Kept { other, file, unused: other.unused(&user) }
        };
        let others = installed.into_iter().map(keep).collect();
        let key = TotpKey::copied(&KEY).expect("a key of the usual length");
        let generator = Generator::new(&key, Algorithm::default(), Digits::default());
        Self { mfad, others, services, user, generator }
    }

    fn round(&mut self, plan: &Plan) -> Round {
        let (mut mfad, mut calls, mut others) = (Vec::new(), Vec::new(), vec![Vec::new(); self.others.len()]);
        for _ in 0..TURNS {
            let fresh = self.mfad.fresh_codes(plan.count(LOGINS));
            mfad.extend(fresh.iter().map(|(user, code)| self.log_in(OURS, user, code)));
            let fresh = self.mfad.fresh(plan.count(LOGINS));
            calls.extend((0..).zip(fresh).map(|(index, verify)| self.call(accounts::begin(index), verify)));
            for (kept, times) in self.others.iter().zip(&mut others) {
                for _ in 0..plan.count(LOGINS) {
                    kept.put_back();
                    let code = self.generator.code(TotpStep::at(SystemClock.unix())).to_string();
                    times.push(self.log_in(kept.other.name(), &self.user, &code));
                }
            }
        }
        let mut round = Round { mfad: median_micros(&mfad), calls: median_micros(&calls), ..Round::default() };
        for (kept, times) in self.others.iter().zip(&others) {
            round.others[kept.other as usize] = median_micros(times);
        }
        round
    }

    /// How long it takes to ask the daemon what the module asks it.
    fn call(&self, begin: Call, verify: Call) -> Duration {
        let began = Instant::now();
        let mut client = self.mfad.connect();
        let need = client.call(begin);
        let reply = client.call(verify);
        drop(client);
        let took = began.elapsed();
        assert!(matches!(need, Ok(Reply::Need(Need::Code))), "no code is needed");
        assert!(matches!(reply, Ok(Reply::Accepted(_))), "a fresh code was not accepted");
        took
    }

    /// How long a login takes.
    fn log_in(&self, service: &str, user: &str, code: &str) -> Duration {
        let conversation =
            Conversation::new(|style, _| if style.asks() { Answer::Text(code.to_owned()) } else { Answer::Nothing });
        let began = Instant::now();
        let mut transaction = Transaction::start(self.services.path(), service, Some(user), &conversation);
        let said = transaction.take(Step::Authenticate, 0);
        drop(transaction);
        let took = began.elapsed();
        assert_eq!(said, SUCCESS, "{service} did not accept a fresh code");
        took
    }
}

/// The service of mfad's own module. It steps aside in one that is named `mfad`.
const OURS: &str = "login";

/// Why a login through mfad takes longer than one through a module that does nothing.
const MORE_THAN_PERMIT: &str = "its calls take longer already, since a verify is durable and pam_permit does nothing";

/// The key of the one account that other modules have.
const KEY: [u8; NEW_KEY] = [0xa5; NEW_KEY];

/// Turns in one round.
const TURNS: usize = 8;

/// Logins through each module in one turn.
const LOGINS: usize = 64;
