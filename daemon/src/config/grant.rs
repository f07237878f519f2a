//! `[[grant]]`: a right that is given besides, by name. [`crate::grants`] looks the names up.

use std::collections::BTreeSet;

use mfad_proto::{Realm, UserName};
use toml::Spanned;

use super::file::{GrantTable, one_of};
use crate::policy::{self, Right};

/// A right, and the name of whom it is given to.
pub type Grant = policy::Grant<Grantee>;

/// Whom a right is given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grantee {
    /// The Unix user of this name.
    User(UserName),
    /// The Unix group of this name.
    Group(String),
    /// Whoever may open the socket that systemd hands over under this name.
    Socket(String),
}

impl Grant {
    /// Judges one table, in a configuration that serves these realms. On a no, where it is wrong and why.
    pub(super) fn judged(table: Spanned<GrantTable>, served: &BTreeSet<Realm>) -> Result<Self, (usize, String)> {
        let place = table.span().start;
        let GrantTable { realm, right, user, group, socket } = table.into_inner();
        let (realm_place, realm, right) = (realm.span().start, realm.into_inner().0, right.0);
        if !served.contains(&realm) {
            let rule = format!("no realm `{realm}` is served, expected {}", one_of(served.iter().map(Realm::as_str)));
            return Err((realm_place, rule));
        }
        let to = match (user, group, socket) {
            (Some(user), None, None) => Grantee::User(user.0),
            (None, Some(group), None) => Grantee::Group(group.0.0),
            (None, None, Some(socket)) => {
                let place = socket.span().start;
                let name = socket.into_inner().0.0;
                judge_socket(right, &name, served).map_err(|rule| (place, rule))?;
                Grantee::Socket(name)
            }
            (_, _, _) => return Err((place, "a grant names one of user, group and socket".to_owned())),
        };
        Ok(Self { realm, right, to })
    }
}

fn judge_socket(right: Right, name: &str, served: &BTreeSet<Realm>) -> Result<(), String> {
    let fault = match right {
        Right::Owner => {
            "right = \"owner\" is given to a user or a group: who opens a socket need not be anybody here".into()
        }
        Right::Admin => {
            "right = \"admin\" is given to a user or a group: a socket can be handed to a container, whose \
                         root would administer"
                .into()
        }
        Right::Login if PUBLIC.contains(&name) => {
            format!("a socket named {name} is the public one, which everybody may open: give this one another name")
        }
        Right::Login if Realm::new(name).is_some_and(|realm| served.contains(&realm)) => format!(
            "a socket named {name} is that of realm {name} and gives login there alone: give this one another name"
        ),
        Right::Login => return Ok(()),
    };
    Err(fault)
}

/// The names of the public socket: its own, and what systemd says of a socket without a name.
const PUBLIC: [&str; 2] = ["mfad", "unknown"];
