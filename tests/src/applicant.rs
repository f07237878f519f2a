//! Somebody who logs in through Linux-PAM and the built module: PAM services in a folder of the test's own, and users of a
//! realm whose names need not be users of this machine.

use std::collections::VecDeque;
use std::path::Path;

use mfad_proto::{AccountName, Call, Proof, Reply};
use tempfile::TempDir;

use crate::calls::{code, context};
use crate::daemon::Daemon;
use crate::listed::realm;
use crate::pam::{Answer, Conversation, Item, Step, Style, Transaction};
use crate::peers::{account, name};
use crate::phone::Phone;
use crate::programs::built;

/// The realm that the applicants live in. A daemon serves it when [`SERVED`] is in its configuration.
pub const TOWN: &str = "town";

/// The configuration of a daemon that serves them.
pub const SERVED: &str = "[realm.town]\n";

/// A line of a stack for them.
pub const LINE: &str = "auth required pam_mfad.so socket= realm=town\n";

/// A folder of PAM services.
pub struct Services {
    folder: TempDir,
    socket: String,
}

impl Services {
    /// Services that ask the daemon behind this socket.
    ///
    /// # Panics
    /// When there is no room for a temporary folder.
    #[must_use]
    pub fn asking(socket: &Path) -> Self {
        let socket = socket.to_str().expect("a path in UTF-8").to_owned();
        let services = Self { folder: tempfile::tempdir().expect("a temporary folder"), socket };
        // libpam complains where there is none.
        services.write("other", "auth required pam_deny.so\n");
        services
    }

    /// The same with one service, named `login`, of these lines.
    #[must_use]
    pub fn of(daemon: &Daemon, stack: &str) -> Self {
        let services = Self::asking(&daemon.socket());
        services.write("login", stack);
        services
    }

    /// Writes a service. In its lines `pam_mfad.so` is the built module, `socket=` the daemon's socket, and `socket=GONE` one
    /// where nobody listens.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, service: &str, stack: &str) {
        let module = built("libpam_mfad.so");
        let stack = stack.replace("pam_mfad.so", module.to_str().expect("a path in UTF-8"));
        let named = format!("socket={}", self.socket);
        let stack = stack.replace("socket= ", &format!("{named} ")).replace("socket=\n", &format!("{named}\n"));
        let stack = stack.replace("socket=GONE", &format!("{named}.gone"));
        std::fs::write(self.folder.path().join(service), stack).expect("a written service");
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `pam_authenticate` of the service `login`, with these answers to its questions.
    ///
    /// # Panics
    /// When answers are left over, or the user's name has changed.
    #[must_use]
    pub fn login(&self, user: &str, answers: &[&str]) -> Login {
        let mut left: VecDeque<_> = answers.iter().map(|answer| Answer::Text((*answer).to_owned())).collect();
        let login = self.converse("login", user, |_| left.pop_front().unwrap_or(Answer::Refusal));
        assert!(left.is_empty(), "{left:?} were not asked for: {login:?}");
        login
    }

    /// `pam_authenticate` of this service. Each question is answered as `answer` wants.
    ///
    /// # Panics
    /// When the user's name has changed.
    pub fn converse(&self, service: &str, user: &str, mut answer: impl FnMut(&str) -> Answer) -> Login {
        let mut said = Vec::new();
        let conversation = Conversation::new(|style, text| {
            said.push((style, text.to_owned()));
            if style.asks() { answer(text) } else { Answer::Nothing }
        });
        let mut transaction = Transaction::start(self.path(), service, Some(user), &conversation);
        transaction.set(Item::RemoteHost, "192.0.2.7");
        transaction.set(Item::Terminal, "ssh");
        let code = transaction.take(Step::Authenticate, 0);
        assert_eq!(transaction.get(Item::User).as_deref(), Some(user), "the user has changed");
        drop(transaction);
        drop(conversation);
        Login { code, said }
    }
}

/// What came out.
#[derive(Debug)]
pub struct Login {
    /// What PAM says.
    pub code: i32,
    /// What the modules have said, in order.
    pub said: Vec<(Style, String)>,
}

impl Login {
    /// The messages of one style.
    #[must_use]
    pub fn said(&self, style: Style) -> Vec<&str> {
        self.said.iter().filter(|(of, _)| *of == style).map(|(_, text)| text.as_str()).collect()
    }
}

/// Enrols this user at the daemon's time, whose step is used then.
///
/// # Panics
/// When it is refused.
#[must_use]
pub fn enroll(daemon: &Daemon, user: &str) -> Phone {
    let (mut client, account) = (daemon.client(), account(&resident(user)));
    let (context, proof) = (context(), Proof::Asserted);
    let call = Call::Enroll { account: account.clone(), proof, ticket: None, issuer: None, context };
    let Ok(Reply::Enrollment(enrollment)) = client.call(call) else { panic!("no enrolment was begun") };
    let mut phone = Phone::scan(enrollment.uri.expose());
    let code = code(&phone.code(daemon.time() / 30));
    let call = Call::Confirm { account, enrollment: enrollment.id, code };
    assert!(matches!(client.call(call), Ok(Reply::Enrolled(_))), "the first code is refused");
    phone
}

/// Moves the daemon's clock to the next step, and returns the code of it.
pub fn next_code(daemon: &Daemon, phone: &mut Phone) -> String {
    daemon.set_time(daemon.time() + 30);
    phone.code(daemon.time() / 30)
}

/// The account of an applicant.
#[must_use]
pub fn resident(user: &str) -> AccountName {
    name(&realm(TOWN), user)
}
