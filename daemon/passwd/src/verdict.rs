//! What PAM's codes mean for a password: right, wrong, or that PAM cannot tell.
//!
//! MUST: right needs both of PAM's calls to succeed and a module to have asked for the password; wrong is said only where
//! PAM has judged; whatever else comes means that nothing is known.

use std::ffi::c_int;
use std::fmt;

use mfad_proto::passwd::Answer;

/// What came of asking PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What `pam_start` returned if it failed, else `pam_authenticate`.
    pub(crate) authentication: c_int,
    /// What `pam_acct_mgmt` returned. It is asked only about a user who was authenticated.
    pub(crate) account: Option<c_int>,
    /// A module asked for the password, and was given it.
    pub(crate) given: bool,
    /// A module asked for something else, or once more, and was given nothing.
    pub(crate) refused: bool,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "authentication ended with code {}", self.authentication)?;
        if let Some(account) = self.account {
            write!(f, ", the account's check with code {account}")?;
        }
        if !self.given {
            f.write_str("; no module asked for the password")?;
        }
        if self.refused {
            f.write_str("; a module asked for more than one password, so it does not belong in the service mfad")?;
        }
        Ok(())
    }
}

/// The answer to the question.
pub(crate) fn answer(outcome: Outcome) -> Answer {
    let said = match meaning(outcome.authentication) {
        Answer::Right => outcome.account.map_or(Answer::Unavailable, meaning),
        said @ (Answer::Wrong | Answer::Unavailable) => said,
    };
    match said {
        // pam_permit, pam_rootok and the like accept anybody: that says nothing of a password.
        Answer::Right if !outcome.given => Answer::Unavailable,
        // So libpam itself ends where no module decided: a line of the service is broken, or all of them were ignored.
        Answer::Wrong if outcome.authentication == PERM_DENIED && !outcome.given => Answer::Unavailable,
        // Debian's common-auth turns every failure into PAM_AUTH_ERR, a question that found no answer as well.
        Answer::Wrong if outcome.refused => Answer::Unavailable,
        Answer::Right | Answer::Wrong | Answer::Unavailable => said,
    }
}

/// What one call's code means.
///
/// Wrong are the codes with which a module has judged the password, the user or the account. An expired password is wrong, too,
/// until it is changed: nobody may log in with it. Unavailable are the rest, among them some that sound like a judgement:
/// `PAM_CRED_INSUFFICIENT` is said of the caller, who may not read what he would have to compare, `PAM_CRED_UNAVAIL` and
/// `PAM_CRED_ERR` of tickets that could not be had, and `PAM_AUTHTOK_ERR` and its kin of a password that did not get
/// through.
fn meaning(code: c_int) -> Answer {
    match code {
        SUCCESS => Answer::Right,
        PERM_DENIED | AUTH_ERR | USER_UNKNOWN | MAXTRIES | NEW_AUTHTOK_REQD | ACCT_EXPIRED | CRED_EXPIRED
        | AUTHTOK_EXPIRED => Answer::Wrong,
        _ => Answer::Unavailable,
    }
}

// Linux-PAM's numbers, which are the same on every architecture.
pub(crate) const SUCCESS: c_int = 0;
pub(crate) const BUF_ERR: c_int = 5;
const PERM_DENIED: c_int = 6;
const AUTH_ERR: c_int = 7;
const USER_UNKNOWN: c_int = 10;
const MAXTRIES: c_int = 11;
const NEW_AUTHTOK_REQD: c_int = 12;
const ACCT_EXPIRED: c_int = 13;
const CRED_EXPIRED: c_int = 16;
pub(crate) const CONV_ERR: c_int = 19;
const AUTHTOK_EXPIRED: c_int = 27;

#[cfg(test)]
mod tests {
    use super::*;
    use Answer::{Right, Unavailable, Wrong};

    /// Every code of Linux-PAM, in the order of `_pam_types.h`.
    const CODES: [(&str, Answer); 32] = [
        ("PAM_SUCCESS", Right),
        ("PAM_OPEN_ERR", Unavailable),
        ("PAM_SYMBOL_ERR", Unavailable),
        ("PAM_SERVICE_ERR", Unavailable),
        ("PAM_SYSTEM_ERR", Unavailable),
        ("PAM_BUF_ERR", Unavailable),
        ("PAM_PERM_DENIED", Wrong),
        ("PAM_AUTH_ERR", Wrong),
        ("PAM_CRED_INSUFFICIENT", Unavailable),
        ("PAM_AUTHINFO_UNAVAIL", Unavailable),
        ("PAM_USER_UNKNOWN", Wrong),
        ("PAM_MAXTRIES", Wrong),
        ("PAM_NEW_AUTHTOK_REQD", Wrong),
        ("PAM_ACCT_EXPIRED", Wrong),
        ("PAM_SESSION_ERR", Unavailable),
        ("PAM_CRED_UNAVAIL", Unavailable),
        ("PAM_CRED_EXPIRED", Wrong),
        ("PAM_CRED_ERR", Unavailable),
        ("PAM_NO_MODULE_DATA", Unavailable),
        ("PAM_CONV_ERR", Unavailable),
        ("PAM_AUTHTOK_ERR", Unavailable),
        ("PAM_AUTHTOK_RECOVERY_ERR", Unavailable),
        ("PAM_AUTHTOK_LOCK_BUSY", Unavailable),
        ("PAM_AUTHTOK_DISABLE_AGING", Unavailable),
        ("PAM_TRY_AGAIN", Unavailable),
        ("PAM_IGNORE", Unavailable),
        ("PAM_ABORT", Unavailable),
        ("PAM_AUTHTOK_EXPIRED", Wrong),
        ("PAM_MODULE_UNKNOWN", Unavailable),
        ("PAM_BAD_ITEM", Unavailable),
        ("PAM_CONV_AGAIN", Unavailable),
        ("PAM_INCOMPLETE", Unavailable),
    ];

    const ASKED: [(bool, bool); 4] = [(true, false), (true, true), (false, false), (false, true)];

    /// The codes with their numbers, and two that no PAM has.
    fn codes() -> impl Iterator<Item = (c_int, &'static str, Answer)> {
        let known = (0..).zip(CODES).map(|(code, (name, answer))| (code, name, answer));
        known.chain([(32, "32", Unavailable), (-1, "-1", Unavailable), (c_int::MAX, "the largest", Unavailable)])
    }

    #[test]
    fn every_code_of_an_authentication_has_its_answer() {
        for (code, name, expected) in codes() {
            for (given, refused) in ASKED {
                let found = answer(Outcome { authentication: code, account: None, given, refused });
                // Without the account's check nothing is right.
                let expected = match expected {
                    Right => Unavailable,
                    Wrong if refused || (name == "PAM_PERM_DENIED" && !given) => Unavailable,
                    Wrong | Unavailable => expected,
                };
                assert_eq!(found, expected, "{name}, given: {given}, refused: {refused}");
            }
        }
    }

    #[test]
    fn every_code_of_an_account_has_its_answer() {
        for (code, name, expected) in codes() {
            for (given, refused) in ASKED {
                let found = answer(Outcome { authentication: SUCCESS, account: Some(code), given, refused });
                let expected = match expected {
                    Right if !given => Unavailable,
                    Wrong if refused => Unavailable,
                    Right | Wrong | Unavailable => expected,
                };
                assert_eq!(found, expected, "{name}, given: {given}, refused: {refused}");
            }
        }
    }

    #[test]
    fn no_account_makes_up_for_an_authentication() {
        for (code, name, expected) in codes().skip(1) {
            let found = answer(Outcome { authentication: code, account: Some(SUCCESS), given: true, refused: false });
            assert_eq!(found, expected, "{name}");
            assert_ne!(found, Right, "{name}");
        }
    }
}
