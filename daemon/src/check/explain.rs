//! What a configuration means, in the words of who answers for it, and what each weakening costs.

use mfad_daemon::config::{Config, Grant, Grantee};
use mfad_daemon::grants;
use mfad_daemon::listener;
use mfad_daemon::policy::{Exceptions, Right, Rules};
use mfad_daemon::sockets;
use mfad_daemon::totp::Algorithm;
use mfad_daemon::users::{SystemUsers, Users};
use mfad_proto::{Enforcement, Enrolling, FirstFactor, Realm, Replacing};

use super::Report;

/// Explains all of it.
pub(super) fn explain(config: &Config, report: &mut Report) {
    for (realm, rules) in &config.realms {
        explain_login(realm, rules, report);
        explain_enrolment(realm, rules, report);
        explain_enforcement(realm, rules, report);
        judge_names(realm, &rules.except, report);
        if let Some(group) = sockets::group_of(realm)
            && let Err(error) = listener::gid(&group)
        {
            report.finding(&format!("the socket of realm {realm} cannot be made: {error}"));
        }
    }
    report.fine(&match grants::admins() {
        Some(gid) => format!("root and the members of group {} (gid {gid}) administer every realm", grants::ADMINS),
        None => format!("root alone administers every realm: there is no group {}", grants::ADMINS),
    });
    config.grants.iter().for_each(|grant| report.fine(&said(grant)));
    let (_, missing) = grants::resolve(&config.grants);
    missing.iter().for_each(|line| report.finding(line));
}

fn explain_login(realm: &Realm, rules: &Rules, report: &mut Report) {
    let first = match rules.first_factor {
        FirstFactor::Pam => "the system's PAM judges the first factor",
        FirstFactor::Password => "mfad judges the first factor, and keeps a hash of each password",
        FirstFactor::Asserted => "login services judge the first factor",
    };
    report.fine(&format!("realm {realm}: {first}; a login takes {}", rules.stack));
    if rules.first_factor == FirstFactor::Asserted {
        report.note(&format!(
            "realm {realm}: a login service is believed when it says that a password was right (first_factor = \
             \"asserted\"); nobody here can judge one, so that owners cannot act for themselves"
        ));
    }
    if !rules.stack.takes("recovery") {
        report.note(&format!(
            "realm {realm}: the stack takes no recovery code: when a phone is lost only an administrator can help, by \
             disabling the factor"
        ));
    }
}

fn explain_enrolment(realm: &Realm, rules: &Rules, report: &mut Report) {
    let digits = match rules.digits.count() {
        6 => "6 digits".to_owned(),
        count => format!("{count} digits (some authenticator apps ignore this and show 6)"),
    };
    let hash = match rules.algorithm {
        Algorithm::Sha1 => "SHA-1",
        Algorithm::Sha256 => "SHA-256 (some authenticator apps ignore this and use SHA-1)",
        Algorithm::Sha512 => "SHA-512 (some authenticator apps ignore this and use SHA-1)",
    };
    let issuer = rules.issuer.as_str();
    report.fine(&format!("realm {realm}: apps show the issuer {issuer:?}; new codes have {digits}, by {hash}"));
    let enroll = match rules.enroll {
        Enrolling::Open => {
            "the first enrolment takes the first factor alone: whoever has the password of an account without a factor \
             enrols first"
        }
        Enrolling::Ticket => {
            "the first enrolment takes the first factor and a ticket, which an administrator issues with mfactl admin \
             recover"
        }
        Enrolling::Closed => "only an administrator begins a first enrolment",
    };
    report.fine(&format!("realm {realm}: {enroll} (enroll = \"{}\")", rules.enroll.as_str()));
    match rules.replace {
        Replacing::Code => report.fine(&format!("realm {realm}: replacing a working factor takes a code of it")),
        Replacing::Asserted => report.note(&format!(
            "realm {realm}: replacing a working factor takes the first factor alone (replace = \"asserted\"): whoever \
             has the password can replace the phone"
        )),
    }
}

fn explain_enforcement(realm: &Realm, rules: &Rules, report: &mut Report) {
    let alone = "an account without a second factor logs in with the first alone";
    let demanded = match rules.enroll {
        Enrolling::Open => "every account needs a second factor, and who has none sets one up at the next login",
        Enrolling::Ticket => "every account needs a second factor, and who has none sets one up with a ticket",
        Enrolling::Closed => "every account needs a second factor, and who has none cannot log in",
    };
    let wins = "what mfactl admin enforce stores wins over this";
    match rules.enforce {
        Enforcement::Off => report.note(&format!("realm {realm}: {alone} (enforce = \"off\"); {wins}")),
        Enforcement::On => report.fine(&format!("realm {realm}: {demanded} (enforce = \"on\"); {wins}")),
        after @ Enforcement::After { .. } => report.note(&format!(
            "realm {realm}: {alone} until 00:00 UTC of the day of enforce = \"{after}\"; then {demanded}; {wins}"
        )),
    }
    let Exceptions { users, groups, services } = &rules.except;
    let users: Vec<_> = users.iter().map(|user| user.as_str()).collect();
    let services: Vec<_> = services.iter().map(|service| service.as_str()).collect();
    let groups: Vec<_> = groups.iter().map(String::as_str).collect();
    let excepted = [
        ("users", users, ""),
        ("members of the groups", groups, ""),
        ("logins through the services", services, " (their names are believed from login services alone)"),
    ];
    let excepted: Vec<_> = excepted
        .iter()
        .filter(|(_, names, _)| !names.is_empty())
        .map(|(what, names, aside)| format!("{what} {}{aside}", names.join(", ")))
        .collect();
    if !excepted.is_empty() {
        report.note(&format!(
            "realm {realm}: no second factor is demanded of {}; who has one is asked for its code all the same",
            excepted.join(", nor of ")
        ));
    }
}

/// Finds exceptions that except nobody.
fn judge_names(realm: &Realm, except: &Exceptions, report: &mut Report) {
    let mut judge = |key: &str, what: &str, name: &str, found: std::io::Result<bool>| match found {
        Ok(true) => {}
        Ok(false) => report.finding(&format!("realm {realm}: {key}: there is no {what} {name}: it excepts nobody")),
        Err(error) => {
            report.finding(&format!("realm {realm}: {key}: the {what} {name} cannot be looked up ({error})"));
        }
    };
    for user in except.users.iter().filter(|_| *realm == Realm::system()) {
        let found = SystemUsers.by_name(user.as_str()).map(|user| user.is_some());
        judge("except_users", "user", user.as_str(), found);
    }
    for group in &except.groups {
        judge("except_groups", "group", group, grants::group(group).map(|gid| gid.is_some()));
    }
}

/// A grant in words.
fn said(grant: &Grant) -> String {
    let realm = &grant.realm;
    let to = match &grant.to {
        Grantee::User(user) => format!("user {user}"),
        Grantee::Group(group) => format!("group {group}"),
        Grantee::Socket(socket) => format!("whoever may open the socket named {socket}"),
    };
    match grant.right {
        Right::Login => format!("{to} is a login service of realm {realm}: what it says of a first factor is believed"),
        Right::Owner if *realm == Realm::system() => {
            format!("{to} needs no grant to act in realm {realm} on the account of the same name: every user may")
        }
        Right::Owner => format!(
            "{to} may act in realm {realm} on the account of the same name: the names there are those of Unix users"
        ),
        Right::Admin => format!("{to} administers realm {realm}: it can disable anybody's factor there"),
    }
}
