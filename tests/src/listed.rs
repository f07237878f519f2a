//! Accounts as an administrator asks for them, one of them or a whole realm's, and as they are made for that.

use mfad_client::Client;
use mfad_proto::{AccountName, AccountPage, Call, Listed, Realm, Reply, UserName};

use crate::peers::account;

/// A realm.
///
/// # Panics
/// When the name is not legal.
#[must_use]
pub fn realm(text: &str) -> Realm {
    Realm::new(text).expect("a legal name")
}

/// `List`.
///
/// # Panics
/// When the name is not legal.
#[must_use]
pub fn list(realm: &Realm, after: Option<&str>, limit: u32) -> Call {
    Call::List { realm: realm.clone(), after: after.map(|user| UserName::new(user).expect("a legal name")), limit }
}

/// A page of a list.
///
/// # Panics
/// When it is something else.
#[must_use]
pub fn page(reply: Reply) -> AccountPage {
    match reply {
        Reply::Accounts(page) => page,
        _ => panic!("no page of accounts"),
    }
}

/// All accounts of a realm, by pages of this size.
///
/// # Panics
/// When a page is larger, or does not get on.
pub fn all(ask: &mut impl FnMut(Call) -> Reply, realm: &Realm, limit: u32) -> Vec<Listed> {
    let (mut found, mut after) = (Vec::<Listed>::new(), None::<UserName>);
    loop {
        let page = page(ask(list(realm, after.as_ref().map(UserName::as_str), limit)));
        assert!(page.accounts.len() <= usize::try_from(limit.max(1)).expect("a number"), "a page of {limit} is larger");
        found.extend(page.accounts);
        let Some(next) = page.next else { return found };
        assert!(after.is_none_or(|after| after.as_str() < next.as_str()), "it does not get on");
        after = Some(next);
    }
}

/// The names in a list.
#[must_use]
pub fn names(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|listed| listed.user.as_str()).collect()
}

/// Names in the order of their bytes.
#[must_use]
pub fn sorted<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable_by_key(|name| name.as_bytes());
    names
}

/// Makes an account without a factor, which costs one commit.
///
/// # Panics
/// When it is refused.
pub fn make(client: &mut Client, name: &AccountName) {
    let made = client.call(Call::Recover { account: account(name) }).expect("an answer");
    assert!(matches!(made, Reply::Issued(_)), "{name:?} is not made");
}
