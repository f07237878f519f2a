//! Who may ask what: every kind of peer, on every kind of socket, for every call.

use std::collections::BTreeMap;

use mfad_daemon::config::Config;
use mfad_daemon::policy::{Peer, Policy, Role};
use mfad_proto::{Account, AccountName, CallKind, Handle, Issuer, Proof, Realm, Refusal, UserName};

const ACCOUNT_CALLS: [CallKind; 8] = [
    CallKind::Begin,
    CallKind::Status,
    CallKind::Verify,
    CallKind::Enroll,
    CallKind::Confirm,
    CallKind::Reset,
    CallKind::Recovery,
    CallKind::Resync,
];
/// Calls that help somebody else: nothing that a login service may do.
const ADMIN_CALLS: [CallKind; 2] = [CallKind::Unlock, CallKind::Recover];
const ROOT: u32 = 0;
const SERVER: u32 = 990;
const STRANGER: u32 = 1000;

fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

fn policy() -> Policy {
    let config = Config::parse("[realm.netmaker]\n", &Issuer::new("host").unwrap()).unwrap();
    Policy::new(config.realms, SERVER)
}

fn account(realm_name: &str) -> Account {
    Account::Name(AccountName { realm: realm(realm_name), user: UserName::new("alice").unwrap() })
}

fn peer(uid: u32) -> Peer {
    // The process says nothing of rights, and neither does its group yet.
    Peer { uid, gid: uid, pid: 1 }
}

#[test]
fn the_table_of_rights_holds_in_every_cell() {
    let policy = policy();
    let mut cells = 0;
    for uid in [ROOT, SERVER, STRANGER] {
        for (role, allowed) in [
            (Role::ByHand, uid == ROOT || uid == SERVER),
            (Role::Public, uid == ROOT),
            // Whoever could open a realm's socket is a login service of that realm, and of no other.
            (Role::Realm(realm("system")), true),
            (Role::Realm(realm("netmaker")), false),
        ] {
            for call in ACCOUNT_CALLS {
                let judged = policy.judge(&peer(uid), &role, call, &account("system"));
                assert_eq!(judged.is_ok(), allowed, "uid {uid}, {role:?}, {call:?}");
                if let Err(refusal) = judged {
                    assert_eq!(refusal, Refusal::NotPermitted);
                }
                cells += 1;
            }
            let administers = allowed && !matches!(role, Role::Realm(_));
            for call in ADMIN_CALLS {
                let judged = policy.judge(&peer(uid), &role, call, &account("system"));
                assert_eq!(judged.is_ok(), administers, "uid {uid}, {role:?}, {call:?}");
                cells += 1;
            }
            assert_eq!(policy.judge_server(&peer(uid), &role).is_ok(), administers, "uid {uid}, {role:?}");
        }
    }
    assert_eq!(cells, 3 * 4 * 10);
}

#[test]
fn a_realm_that_is_not_served_is_nobodys() {
    for role in [Role::ByHand, Role::Public, Role::Realm(realm("other"))] {
        for call in ACCOUNT_CALLS {
            let refused = policy().judge(&peer(ROOT), &role, call, &account("other")).err();
            assert_eq!(refused, Some(Refusal::NotPermitted), "{role:?} {call:?}");
        }
    }
}

#[test]
fn an_account_by_handle_is_not_served_yet() {
    let handle = Account::Handle(Handle::from_random([1; 20]));
    let refused = policy().judge(&peer(ROOT), &Role::ByHand, CallKind::Verify, &handle).err();
    assert_eq!(refused, Some(Refusal::Unsupported));
}

#[test]
fn the_first_factor_is_the_word_of_a_login_service() {
    let policy = policy();
    let permit = policy.judge(&peer(ROOT), &Role::ByHand, CallKind::Reset, &account("system")).unwrap();
    assert_eq!(permit.first_factor(CallKind::Reset, &Proof::Asserted), Ok(()));
    let password = mfad_proto::Password::new(zeroize::Zeroizing::new(b"secret".to_vec())).unwrap();
    assert_eq!(permit.first_factor(CallKind::Reset, &Proof::Password(password)), Err(Refusal::Unsupported));
}

#[test]
fn only_those_without_any_right_are_strangers() {
    let policy = policy();
    assert!(!policy.is_stranger(&peer(ROOT), &Role::ByHand));
    assert!(!policy.is_stranger(&peer(SERVER), &Role::ByHand));
    assert!(policy.is_stranger(&peer(STRANGER), &Role::ByHand));
    assert!(policy.is_stranger(&peer(SERVER), &Role::Public));
    assert!(!policy.is_stranger(&peer(STRANGER), &Role::Realm(realm("netmaker"))));
    assert!(Policy::new(BTreeMap::new(), SERVER).is_stranger(&peer(ROOT), &Role::ByHand));
}
