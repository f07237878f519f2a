//! `ListHandles`, and `mfactl admin list --handles`: every handle once, whatever the size of a page.

use std::collections::BTreeSet;

use mfad_proto::{Call, Handle, HandlePage, ListedHandle, Reply, Stage};
use mfad_tests::bearer::{Bearer, RULES, name, yes};
use mfad_tests::daemon::{Daemon, NOON};

const STEP: u64 = NOON / 30;

/// All handles of realm `netmaker`, asked for so many accounts at a time.
fn all(ask: &mut impl FnMut(Call) -> Reply, limit: u32) -> Vec<ListedHandle> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let Reply::Handles(HandlePage { handles, next }) =
            ask(Call::ListHandles { realm: name("any").realm, after, limit })
        else {
            panic!("no handles")
        };
        all.extend(handles);
        after = next;
        if after.is_none() {
            return all;
        }
    }
}

#[test]
fn every_handle_is_listed_once_with_its_stage() {
    let daemon = Daemon::start_clocked(RULES);
    let mut client = daemon.client();
    let mut ask = |call| client.call(call).unwrap();
    assert_eq!(all(&mut ask, 5), vec![]);
    let users: Vec<_> = (0..150).map(|number| format!("{number:03}{}", "u".repeat(number % 3 * 126))).collect();
    let begun: Vec<_> = users.iter().map(|user| Bearer::begin(&mut ask, user).handle).collect();
    let mut alice = Bearer::begin(&mut ask, "alice");
    yes(ask(alice.verify(STEP)));
    daemon.set_time(NOON + 30);
    let mut new = Bearer::begin(&mut ask, "alice");
    yes(ask(new.verify(STEP + 1)));
    daemon.set_time(NOON + 90);
    let third = Bearer::begin(&mut ask, "alice");

    let of_alice = |listed: &&ListedHandle| listed.user.as_str() == "alice";
    let listed = all(&mut ask, u32::MAX);
    let stages: Vec<_> = listed.iter().filter(of_alice).map(|one| (one.handle, one.stage, one.since)).collect();
    let expected = [
        (third.handle, Stage::Pending, NOON + 90),
        (new.handle, Stage::Current, NOON + 30),
        (alice.handle, Stage::Superseded, NOON),
    ];
    assert_eq!(stages, expected);
    let pending: BTreeSet<_> = listed.iter().filter(|one| !of_alice(one)).map(|one| one.handle.to_string()).collect();
    assert_eq!(pending, begun.iter().map(Handle::to_string).collect());
    for limit in [0, 1, 2, 7, 64] {
        assert_eq!(all(&mut ask, limit), listed, "{limit} at a time");
    }
}

#[test]
fn mfactl_lists_them_for_a_person_and_for_a_program() {
    let daemon = Daemon::start_clocked(RULES);
    let mut client = daemon.client();
    let mut alice = Bearer::begin(&mut |call| client.call(call).unwrap(), "alice");
    let bob = Bearer::begin(&mut |call| client.call(call).unwrap(), "bob");
    yes(client.call(alice.verify(STEP)).unwrap());
    let list = |args: &[&str]| {
        let output = daemon.mfactl(&[&["--realm", "netmaker", "admin", "list", "--handles"], args].concat(), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = list(&[]);
    assert_eq!(shown.lines().count(), 3);
    let has = |words: &[&str]| shown.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(has(&[&alice.handle.to_string(), "current", "alice"]) && has(&[&bob.handle.to_string(), "pending", "bob"]));
    let lines: Vec<serde_json::Value> =
        list(&["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let object = |bearer: &Bearer, user: &str, stage: &str| {
        let handle = bearer.handle.to_string();
        serde_json::json!({ "realm": "netmaker", "user": user, "handle": handle, "stage": stage, "since": NOON })
    };
    assert_eq!(lines, [object(&alice, "alice", "current"), object(&bob, "bob", "pending")]);
    assert_eq!(list(&["--json", "--limit", "1"]).lines().count(), 1);
    assert_eq!(list(&["--json", "--after", "alice"]).lines().count(), 1);
    assert_eq!(list(&["--limit", "0"]), "");
    let both = daemon.mfactl(&["admin", "list", "--handles", "--orphans"], "");
    assert_eq!(both.status.code(), Some(2));
}
