//! A local user who wants to keep others from logging in: as many connections as the daemon gives, each always full of the
//! requests that cost it most. It goes on until it is killed.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Parser;
use mfad_client::{Client, Options, Trusted};
use mfad_proto::{Account, AccountName, Call, Context, Password, Proof, Realm, UserName};
use mfad_tests::calls::code;
use zeroize::Zeroizing;

#[derive(Parser)]
struct Args {
    socket: std::path::PathBuf,
    realm: String,
    /// Its own account.
    user: String,
    /// Its own password.
    password: String,
    /// Somebody else's account.
    victim: String,
}

/// Connections that are tried to be held: more than one user gets.
const CONNECTIONS: usize = 40;

fn main() {
    let args = Arc::new(Args::parse());
    let answered = Arc::new(AtomicU64::new(0));
    for number in 0..CONNECTIONS {
        let (args, answered) = (Arc::clone(&args), Arc::clone(&answered));
        std::thread::spawn(move || flood(number, &args, &answered));
    }
    loop {
        std::thread::sleep(Duration::from_millis(100));
        println!("{}", answered.load(Ordering::Relaxed));
        std::io::stdout().flush().expect("a listening test");
    }
}

fn flood(number: usize, args: &Args, answered: &AtomicU64) {
    let account = |user: &str| {
        let realm = Realm::new(&args.realm).expect("a legal realm");
        Account::Name(AccountName { realm, user: UserName::new(user).expect("a legal name") })
    };
    let password = |text: &str| Password::new(Zeroizing::new(text.as_bytes().to_vec())).expect("a short password");
    let calls = || {
        let own = |n: usize| match (number + n) % 8 {
            0 => Call::Status { account: account(&args.user) },
            1 => Call::Verify { account: account(&args.user), code: code("000000"), context: Context::default() },
            2 => Call::Verify { account: account(&args.victim), code: code("000000"), context: Context::default() },
            3 => Call::Begin { account: account(&args.victim), context: Context::default() },
            4 => Call::Backup { passphrase: password("none of yours") },
            5 => Call::Enroll {
                account: account(&args.user),
                proof: Proof::Password(password(&args.password)),
                ticket: None,
                issuer: None,
                context: Context::default(),
            },
            // The right password, so that no delay protects the daemon from hashing it again and again.
            _ => Call::Authenticate {
                account: account(&args.user),
                password: password(&args.password),
                code: code("000000"),
                context: Context::default(),
            },
        };
        (0..64).map(own).collect::<Vec<_>>()
    };
    loop {
        let mut options = Options::new(&args.socket, Trusted { own: false, named: None });
        options.deadline = Duration::from_secs(60);
        let Ok(mut client) = Client::connect(options) else { continue };
        let replies = client.call_all(calls());
        let count = replies.iter().filter(|reply| reply.is_ok()).count();
        answered.fetch_add(u64::try_from(count).expect("a small number"), Ordering::Relaxed);
    }
}
