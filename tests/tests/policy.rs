//! Who may ask what: every kind of peer, on every kind of socket, for every call.

use std::collections::BTreeMap;

use mfad_daemon::config::Config;
use mfad_daemon::policy::{Grant, Grantee, Peer, Permit, Person, Policy, Right, Role, Shown};
use mfad_daemon::throttle::Lane;
use mfad_proto::{
    Account, AccountName, CallKind, Context, Handle, Issuer, Label, Password, Proof, Realm, Refusal, UserName,
};
use zeroize::Zeroizing;

const OWN_CALLS: [CallKind; 7] = [
    CallKind::Begin,
    CallKind::Verify,
    CallKind::Reset,
    CallKind::Authenticate,
    CallKind::Recovery,
    CallKind::Resync,
    CallKind::Passwd,
];
/// What an administrator may ask as well.
const SHARED_CALLS: [CallKind; 3] = [CallKind::Status, CallKind::Enroll, CallKind::Confirm];
/// Calls that help somebody else: nothing that a login service may do.
const ADMIN_CALLS: [CallKind; 5] =
    [CallKind::Disable, CallKind::Unlock, CallKind::Recover, CallKind::Remove, CallKind::SetPassword];

const ROOT: u32 = 0;
const SERVER: u32 = 990;
const ALICE: u32 = 1000;
const BOB: u32 = 1001;
const ADMINS: u32 = 500;
const OPERATORS: u32 = 501;

fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn grant(right: Right, to: Grantee) -> Grant {
    Grant { realm: realm("netmaker"), right, to }
}

fn policy() -> Policy {
    let config = Config::parse("[realm.netmaker]\n[realm.other]\n", &Issuer::new("host").unwrap()).unwrap();
    let grants = vec![
        grant(Right::Login, Grantee::User(BOB)),
        grant(Right::Admin, Grantee::Group(OPERATORS)),
        grant(Right::Owner, Grantee::User(ALICE)),
        grant(Right::Login, Grantee::Socket("gateway".to_owned())),
    ];
    Policy::new(config.realms, SERVER).with_grants(grants).with_admins(Some(ADMINS))
}

fn account(realm_name: &str, name: &str) -> Account {
    Account::Name(AccountName { realm: realm(realm_name), user: user(name) })
}

fn peer(uid: u32, groups: &[u32]) -> Peer {
    // The process says nothing of rights, and neither does its own group.
    Peer { uid, gid: 100, groups: groups.to_vec(), pid: 1 }
}

/// Whose uid it is, on this machine.
fn who(uid: u32) -> Option<UserName> {
    match uid {
        ALICE => Some(user("alice")),
        BOB => Some(user("bob")),
        _ => None,
    }
}

/// Asks as the handler does: who the peer is only where that matters.
fn ask<'p>(
    policy: &'p Policy,
    peer: &Peer,
    role: &Role,
    call: CallKind,
    account: &Account,
) -> Result<Permit<'p>, Refusal> {
    let Account::Name(name) = account else { return policy.judge((peer, role), None, call, account)?.settle(None) };
    let named = policy.asks_who(peer, role, call, &name.realm).then(|| who(peer.uid)).flatten();
    let judged = policy.judge((peer, role), named.as_ref(), call, account)?;
    let uids = [("alice", ALICE), ("bob", BOB)];
    let person = judged.unix_name().and_then(|name| {
        let (_, uid) = uids.into_iter().find(|(known, _)| *known == name.as_str())?;
        Some(Person { uid, name: name.clone() })
    });
    judged.settle(person)
}

/// The rights that are to be had in a cell, by the table of PROTOCOL.md in words of the test's own.
fn expected(uid: u32, groups: &[u32], role: &Role, realm_name: &str, name: &str) -> (bool, bool, bool) {
    let open = matches!(role, Role::ByHand | Role::Public);
    let root = open && (uid == ROOT || (uid == SERVER && *role == Role::ByHand));
    let here = realm_name == "netmaker";
    let login = root
        || *role == Role::Realm(realm(realm_name))
        || (here && open && uid == BOB)
        || (here && *role == Role::Named("gateway".to_owned()));
    let owns = open && who(uid) == Some(user(name)) && (realm_name == "system" || (here && uid == ALICE));
    let admin = root || (open && groups.contains(&ADMINS)) || (here && open && groups.contains(&OPERATORS));
    (login, owns, admin)
}

#[test]
fn the_table_of_rights_holds_in_every_cell() {
    let policy = policy();
    let roles = [
        Role::ByHand,
        Role::Public,
        Role::Realm(realm("system")),
        Role::Realm(realm("netmaker")),
        Role::Named("gateway".to_owned()),
        Role::Named("another".to_owned()),
    ];
    let mut cells = 0;
    for uid in [ROOT, SERVER, ALICE, BOB, 4242] {
        for groups in [&[][..], &[ADMINS], &[OPERATORS], &[7, OPERATORS, ADMINS]] {
            let peer = peer(uid, groups);
            for role in &roles {
                for realm_name in ["system", "netmaker", "other"] {
                    for name in ["alice", "bob", "nobody's"] {
                        let (login, owns, admin) = expected(uid, groups, role, realm_name, name);
                        let account = account(realm_name, name);
                        let mut cell = |call, allowed: bool| {
                            let refused = ask(&policy, &peer, role, call, &account).err();
                            let wanted = (!allowed).then_some(Refusal::NotPermitted);
                            assert_eq!(refused, wanted, "uid {uid} {groups:?} {role:?} {call:?} {realm_name}/{name}");
                            cells += 1;
                        };
                        OWN_CALLS.iter().for_each(|call| cell(*call, login || owns));
                        SHARED_CALLS.iter().for_each(|call| cell(*call, login || owns || admin));
                        ADMIN_CALLS.iter().for_each(|call| cell(*call, admin));
                    }
                    let of_realm = policy.judge_realm(&peer, role, &realm(realm_name)).is_ok();
                    assert_eq!(of_realm, expected(uid, groups, role, realm_name, "nobody's").2);
                }
                // Who administers one realm by a grant does not hold the keys of all.
                let all = expected(uid, groups, role, "other", "nobody's").2;
                assert_eq!(policy.judge_server(&peer, role).is_ok(), all, "uid {uid} {groups:?} {role:?}");
            }
        }
    }
    assert_eq!(cells, 5 * 4 * 6 * 3 * 3 * 15);
}

#[test]
fn the_primary_group_counts_as_the_others_do() {
    let policy = policy();
    let peer = Peer { uid: 4242, gid: ADMINS, groups: Vec::new(), pid: 1 };
    assert!(policy.judge_server(&peer, &Role::Public).is_ok());
    assert!(policy.judge_server(&peer, &Role::Realm(realm("system"))).is_err());
}

#[test]
fn a_realm_that_is_not_served_is_nobodys() {
    for role in [Role::ByHand, Role::Public, Role::Realm(realm("unserved"))] {
        for call in OWN_CALLS.into_iter().chain(SHARED_CALLS).chain(ADMIN_CALLS) {
            let refused = ask(&policy(), &peer(ROOT, &[]), &role, call, &account("unserved", "alice")).err();
            assert_eq!(refused, Some(Refusal::NotPermitted), "{role:?} {call:?}");
        }
    }
}

#[test]
fn no_right_is_given_over_a_handle_before_it_is_known_whose_it_is() {
    let handle = Account::Handle(Handle::from_random([1; 20]));
    let refused = ask(&policy(), &peer(ROOT, &[]), &Role::ByHand, CallKind::Verify, &handle).err();
    assert_eq!(refused, Some(Refusal::NotPermitted));
}

#[test]
fn an_owner_whose_name_leads_to_another_uid_by_now_owns_nothing() {
    let policy = policy();
    let alice = peer(ALICE, &[]);
    let judge =
        || policy.judge((&alice, &Role::Public), Some(&user("alice")), CallKind::Verify, &account("system", "alice"));
    assert!(judge().unwrap().settle(Some(Person { uid: ALICE, name: user("alice") })).is_ok());
    for person in [None, Some(Person { uid: BOB, name: user("alice") })] {
        assert_eq!(judge().unwrap().settle(person).err(), Some(Refusal::NotPermitted));
    }
}

#[test]
fn two_names_of_one_uid_are_one_account() {
    let policy = policy();
    let root = peer(ROOT, &[]);
    let judged = policy.judge((&root, &Role::Public), None, CallKind::Verify, &account("system", "toor")).unwrap();
    let permit = judged.settle(Some(Person { uid: ROOT, name: user("root") })).unwrap();
    assert_eq!((permit.name().user.as_str(), permit.uid()), ("root", Some(ROOT)));
    // In a realm whose names are not those of users here, nobody is asked for a uid.
    let judged = policy.judge((&root, &Role::Public), None, CallKind::Verify, &account("other", "toor")).unwrap();
    assert_eq!(judged.unix_name(), None);
}

#[test]
fn only_login_services_vouch_and_administrators_where_they_enrol() {
    let password = || Proof::Password(Password::new(Zeroizing::new(b"secret".to_vec())).unwrap());
    let vouched = |proved: Result<Shown, Refusal>| proved.map(|shown| matches!(shown, Shown::Vouched));
    let policy = policy();
    let cases = [
        (ROOT, &[][..], CallKind::Reset, Ok(true)),
        (ALICE, &[], CallKind::Reset, Err(Refusal::NotPermitted)),
        (ALICE, &[], CallKind::Enroll, Err(Refusal::NotPermitted)),
        (4242, &[ADMINS], CallKind::Enroll, Ok(true)),
        (ALICE, &[ADMINS], CallKind::Enroll, Ok(true)),
        (ALICE, &[ADMINS], CallKind::Reset, Err(Refusal::NotPermitted)),
    ];
    for (uid, groups, call, expected) in cases {
        let peer = peer(uid, groups);
        let permit = ask(&policy, &peer, &Role::Public, call, &account("system", "alice")).unwrap();
        assert_eq!(vouched(permit.first_factor(Proof::Asserted)), expected, "uid {uid} {groups:?} {call:?}");
        assert_eq!(vouched(permit.first_factor(password())), Ok(false), "realm system asks PAM");
    }
    let root = peer(ROOT, &[]);
    let permit = ask(&policy, &root, &Role::Public, CallKind::Reset, &account("other", "alice")).unwrap();
    assert_eq!(vouched(permit.first_factor(password())), Err(Refusal::Unsupported), "nobody here judges it");
    assert_eq!(permit.keeps_passwords(), Err(Refusal::Unsupported));
}

#[test]
fn owners_count_apart_and_are_not_believed_about_the_service() {
    let policy = policy();
    let context = Context { service: Label::cut("cron"), ..Context::default() };
    let lanes = |uid, call| {
        let permit = ask(&policy, &peer(uid, &[]), &Role::Public, call, &account("system", "alice")).unwrap();
        (permit.code_lane(), permit.password_lane(), permit.believed_service(&context).is_some())
    };
    assert_eq!(lanes(ROOT, CallKind::Reset), (Lane::Codes, Lane::Passwords, true));
    assert_eq!(lanes(ROOT, CallKind::Authenticate), (Lane::Codes, Lane::Logins, true));
    assert_eq!(lanes(ALICE, CallKind::Reset), (Lane::Own, Lane::OwnPasswords, false));
    assert_eq!(lanes(ALICE, CallKind::Authenticate), (Lane::Own, Lane::OwnPasswords, false));
}

#[test]
fn those_without_a_right_over_others_are_unprivileged_and_root_is_root_where_no_container_is() {
    let policy = policy();
    let unprivileged = |uid, groups: &[u32], role: &Role| policy.is_unprivileged(&peer(uid, groups), role);
    assert!(!unprivileged(ROOT, &[], &Role::ByHand));
    assert!(!unprivileged(SERVER, &[], &Role::ByHand));
    assert!(unprivileged(SERVER, &[], &Role::Public));
    assert!(unprivileged(ALICE, &[], &Role::ByHand));
    assert!(!unprivileged(ALICE, &[OPERATORS], &Role::Public));
    assert!(!unprivileged(ALICE, &[], &Role::Realm(realm("netmaker"))));
    assert!(unprivileged(ALICE, &[], &Role::Named("another".to_owned())));
    assert!(Policy::new(BTreeMap::new(), SERVER).is_unprivileged(&peer(ROOT, &[]), &Role::ByHand));

    let root = |uid, role: &Role| policy.is_root(&peer(uid, &[]), role);
    assert!(root(ROOT, &Role::Public) && root(ROOT, &Role::ByHand) && root(ROOT, &Role::Realm(realm("system"))));
    assert!(root(SERVER, &Role::ByHand) && !root(SERVER, &Role::Public));
    assert!(!root(ROOT, &Role::Realm(realm("netmaker"))) && !root(ROOT, &Role::Named("gateway".to_owned())));
}
