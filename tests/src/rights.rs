//! The table of rights in PROTOCOL.md, as it stands there, and the requests that its rows mean.

use mfad_proto::{
    Account, Algorithm, Call, CallKind, Context, Digits, Enforcement, EnrollmentId, ForeignFactor, LogFilter, Note,
    Password, Proof, Realm, TotpKey,
};
use zeroize::Zeroizing;

use crate::calls::code;
use crate::peers::Rights;

/// What a peer that has one right alone is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// What the account allows.
    Judged,
    /// An answer.
    Answered,
    /// Nothing.
    NotPermitted,
}

/// The table.
pub struct Table(Vec<Row>);

/// One row of it.
pub struct Row {
    /// The call, and where that matters how the first factor is shown.
    pub name: String,
    login: Cell,
    owner: Cell,
    admin: Cell,
    none: Cell,
}

impl Table {
    /// Reads the table, which has a row for every call and for nothing else.
    ///
    /// # Panics
    /// When it is not so.
    #[must_use]
    pub fn read() -> Self {
        let text = include_str!("../../proto/PROTOCOL.md");
        let (_, after) = text.split_once("\n| Call | login | owner | admin | none |\n").expect("the table of rights");
        let rows: Vec<_> = after.lines().skip(1).take_while(|line| line.starts_with('|')).map(Row::read).collect();
        let mut names: Vec<_> = CallKind::ALL.into_iter().flat_map(rows_of).collect();
        for row in &rows {
            let place = names.iter().position(|name| *name == row.name);
            names.swap_remove(place.unwrap_or_else(|| panic!("the row {:?} is no call's, or there twice", row.name)));
        }
        assert!(names.is_empty(), "the table has no row for {names:?}");
        Self(rows)
    }

    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.0
    }

    /// The row of this name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn row(&self, name: &str) -> &Row {
        let row = self.0.iter().find(|row| row.name == name);
        row.unwrap_or_else(|| panic!("the table has no row {name:?}"))
    }
}

/// The names of the rows of a call.
fn rows_of(call: CallKind) -> Vec<String> {
    let proofs = matches!(call, CallKind::Enroll | CallKind::Reset | CallKind::Recovery | CallKind::Resync);
    if proofs { vec![format!("{call:?}, Asserted"), format!("{call:?}, Password")] } else { vec![format!("{call:?}")] }
}

impl Row {
    fn read(line: &str) -> Self {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, login, owner, admin, none] = cells[..] else { panic!("no row of the table of rights: {line}") };
        let cell = |word: &str| match word {
            "judged" => Cell::Judged,
            "answered" => Cell::Answered,
            "NotPermitted" => Cell::NotPermitted,
            _ => panic!("a cell of the table of rights says {word:?}"),
        };
        let [login, owner, admin, none] = [login, owner, admin, none].map(cell);
        Self { name: name.to_owned(), login, owner, admin, none }
    }

    /// What a peer with these rights is told: where it has several, the better answer.
    #[must_use]
    pub fn cell(&self, rights: Rights) -> Cell {
        let admin = if self.is_of_server() { rights.server } else { rights.admin };
        let held = [(rights.login, self.login), (rights.owner, self.owner), (admin, self.admin), (true, self.none)];
        let mut cells = held.into_iter().filter(|(held, _)| *held).map(|(_, cell)| cell);
        cells.find(|cell| *cell != Cell::NotPermitted).unwrap_or(Cell::NotPermitted)
    }

    /// Whether it is about the whole server.
    #[must_use]
    pub fn is_of_server(&self) -> bool {
        matches!(self.name.as_str(), "Audit" | "Stats" | "KeyStatus" | "KeyRotate" | "Backup")
    }

    /// Whether it takes a server that judges passwords.
    #[must_use]
    pub fn takes_password(&self) -> bool {
        self.name.ends_with(", Password") || matches!(self.name.as_str(), "Authenticate" | "Passwd" | "SetPassword")
    }

    /// The call, about this account or else about its realm. Whatever it brings is wrong.
    ///
    /// # Panics
    /// Never: the table has rows of calls alone.
    #[must_use]
    pub fn call(&self, account: Account, realm: &Realm) -> Call {
        let (name, proof) = self.name.split_once(", ").unwrap_or((&self.name, ""));
        let proof = if proof == "Password" { Proof::Password(password("a wrong one")) } else { Proof::Asserted };
        let (wrong, context) = (|| code("000000"), Context::default());
        match name {
            "Ping" => Call::Ping,
            "Begin" => Call::Begin { account, context },
            "Status" => Call::Status { account },
            "Verify" => Call::Verify { account, code: wrong(), context },
            "Enroll" => Call::Enroll { account, proof, ticket: None, issuer: None, context },
            "Confirm" => Call::Confirm { account, enrollment: EnrollmentId::from_random([7; 16]), code: wrong() },
            "Reset" => Call::Reset { account, proof, code: wrong(), context },
            "Authenticate" => Call::Authenticate { account, password: password("a wrong one"), code: wrong(), context },
            "Recovery" => Call::Recovery { account, proof, code: wrong() },
            "Resync" => Call::Resync { account, proof, first: wrong(), second: wrong() },
            "Passwd" => Call::Passwd { account, old: password("a wrong one"), code: wrong(), new: password("new") },
            "List" => Call::List { realm: realm.clone(), after: None, limit: 1 },
            "ListHandles" => Call::ListHandles { realm: realm.clone(), after: None, limit: 1 },
            "Show" => Call::Show { account },
            "Disable" => Call::Disable { account, reason: Note::new("a test").expect("a legal note") },
            "Unlock" => Call::Unlock { account },
            "Recover" => Call::Recover { account },
            "Remove" => Call::Remove { account },
            "SetPolicy" => Call::SetPolicy { realm: realm.clone(), enforcement: Enforcement::Off },
            "GetPolicy" => Call::GetPolicy { realm: realm.clone() },
            "SetPassword" => Call::SetPassword { account, password: password("any") },
            "ImportOne" => Call::ImportOne { account, factor: factor(), apply: true },
            "Audit" => Call::Audit { after: None, filter: LogFilter::default(), verify: true },
            "Stats" => Call::Stats { after: None },
            "KeyStatus" => Call::KeyStatus,
            "KeyRotate" => Call::KeyRotate,
            "Backup" => Call::Backup { passphrase: password("any") },
            _ => panic!("{name} is no call"),
        }
    }
}

fn factor() -> ForeignFactor {
    let key = TotpKey::new(Zeroizing::new(vec![7; TotpKey::MIN])).expect("a long key");
    ForeignFactor { key, algorithm: Algorithm::default(), digits: Digits::default() }
}

/// A password.
///
/// # Panics
/// When it is too long for one.
#[must_use]
pub fn password(text: &str) -> Password {
    Password::new(Zeroizing::new(text.as_bytes().to_vec())).expect("a short password")
}
