//! Grants by name become grants by number: the users and groups of this machine as they are when it is asked.

use std::io;

use nix::errno::Errno;
use nix::unistd::Group;

use crate::config::{Grant as Named, Grantee as Name};
use crate::policy::{Grant, Grantee};
use crate::users::{SystemUsers, Users};

/// Looks up whom grants are given to, with one sentence for each that gives nobody anything.
///
/// Such a grant stays, given to nobody: one of `owner` also says that the names of its realm are Unix users, and that must
/// not change when a group is gone or a directory does not answer.
#[must_use]
pub fn resolve(grants: &[Named]) -> (Vec<Grant>, Vec<String>) {
    let mut missing = Vec::new();
    let mut number = |what: &str, name: &str, grant: &Named, found: io::Result<Option<u32>>| {
        let why = match found {
            Ok(Some(number)) => return number,
            Ok(None) => format!("there is no {what} {name}"),
            Err(error) => format!("the {what} {name} cannot be looked up ({error})"),
        };
        missing.push(format!("{why}: its grant in realm {} gives nobody anything", grant.realm));
        NOBODY
    };
    let user = |name: &str| Ok(SystemUsers.by_name(name)?.map(|user| user.uid));
    let resolved = grants.iter().map(|grant| Grant {
        realm: grant.realm.clone(),
        right: grant.right,
        to: match &grant.to {
            Name::User(name) => Grantee::User(number("user", name.as_str(), grant, user(name.as_str()))),
            Name::Group(name) => Grantee::Group(number("group", name, grant, group(name))),
            Name::Socket(name) => Grantee::Socket(name.clone()),
        },
    });
    (resolved.collect(), missing)
}

/// The group whose members administer, when there is one.
#[must_use]
pub fn admins() -> Option<u32> {
    group(ADMINS).ok().flatten()
}

/// The number of the group of this name.
///
/// # Errors
/// When it is not known whether there is one.
pub fn group(name: &str) -> io::Result<Option<u32>> {
    match Group::from_name(name) {
        Ok(group) => Ok(group.map(|group| group.gid.as_raw())),
        // Some directories say so by an error.
        Err(Errno::ENOENT | Errno::ESRCH) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// What the group is called whose members administer.
pub const ADMINS: &str = "mfad-admin";

/// No process has this uid or gid: system calls take it for "leave it as it is".
const NOBODY: u32 = u32::MAX;
