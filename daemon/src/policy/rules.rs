//! The rules of one realm, as a configuration gives them.

use mfad_proto::{Enforcement, Enrolling, FirstFactor, Issuer, Label, Replacing, UserName};

use crate::stack::Stack;
use crate::totp::{Algorithm, Digits};

/// The rules of one realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What an authenticator app shows above a code.
    pub issuer: Issuer,
    /// The length of new codes.
    pub digits: Digits,
    /// The hash of new factors.
    pub algorithm: Algorithm,
    /// Who judges the first factor.
    pub first_factor: FirstFactor,
    /// What a login takes.
    pub stack: Stack,
    /// What the first enrolment takes.
    pub enroll: Enrolling,
    /// What replacing a working factor takes.
    pub replace: Replacing,
    /// Whether everybody is asked for a second factor, until an administrator stores another word.
    pub enforce: Enforcement,
    /// Who is not.
    pub except: Exceptions,
}

/// Who is not asked to set up a second factor. Who has one is asked for its code all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exceptions {
    /// These users.
    pub users: Vec<UserName>,
    /// Members of these Unix groups.
    pub groups: Vec<String>,
    /// Logins through these services.
    pub services: Vec<Label>,
}

impl Exceptions {
    /// Whether this login is excepted. `service` is one that a login service has named, `groups` are the user's.
    #[must_use]
    pub fn hold(&self, user: &UserName, service: Option<&Label>, groups: &[String]) -> bool {
        self.users.contains(user)
            || service.is_some_and(|service| self.services.contains(service))
            || self.groups.iter().any(|group| groups.contains(group))
    }
}
