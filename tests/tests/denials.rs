//! What a denial costs: one commit of the same size, whatever its reason, so that neither disk nor time tells the reasons
//! apart. A try that comes too soon is not looked at, and costs none.

use std::sync::Arc;

use mfad_proto::{Call, EnrollmentId, Refusal, Reply};
use mfad_tests::calls::{account, begin_enrollment, code, denied, recovery, reset, resync, verify};
use mfad_tests::daemon::NOON;
use mfad_tests::faults::FaultyHome;
use mfad_tests::inprocess::{InProcess, SetClock};
use mfad_tests::phone::Phone;
use mfad_tests::random::Random;

#[test]
fn every_denial_is_one_commit_of_the_same_size_and_a_try_too_soon_is_none() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let mut client = daemon.client();
    let mut random = Random::default();
    let mut enroll = |user: &str| Phone::enroll(&mut client, user, NOON);
    let (mut alice, mut gone) = (enroll("alice"), enroll("gone"));
    let step = NOON / 30;
    let (right, used, wrong) = (alice.code(step + 1), alice.code(step), alice.wrong(step, &mut random));
    let elsewhere = alice.code(step + 3);
    assert!(matches!(client.call(reset("gone", &gone.code(step + 1))), Ok(Reply::Done)));
    let _pending = begin_enrollment(&mut client, "pending");
    let form = "AAAA-BBBB-CCCC-DDDD";
    let confirm = |user: &str, id| Call::Confirm { account: account(user), enrollment: id, code: code(&wrong) };
    let nobodys = EnrollmentId::from_random([1; 16]);
    let asked = [
        ("a wrong code", verify("alice", &wrong)),
        ("a used code", verify("alice", &used)),
        ("a code of another step", verify("alice", &elsewhere)),
        ("no code", verify("alice", "")),
        ("a wrong recovery code", verify("alice", form)),
        ("an unknown name", verify("nobody", &wrong)),
        ("an unknown name with a recovery code", verify("nobody", form)),
        ("a very long unknown name", verify(&"n".repeat(255), &wrong)),
        ("a name that was reset", verify("gone", &wrong)),
        ("a name that is pending", verify("pending", &wrong)),
        ("a reset", reset("alice", &wrong)),
        ("new recovery codes", recovery("alice", &wrong)),
        ("a resync", resync("alice", &wrong, &wrong)),
        ("a resync of an unknown name", resync("nobody", &wrong, &wrong)),
        ("an unknown enrolment", confirm("alice", nobodys)),
        ("an enrolment of nobody", confirm("nobody", nobodys)),
    ];
    let mut sizes = None;
    let mut costs = |home: &Arc<FaultyHome>, what: &str, reply: &Reply, before: u64| {
        assert!(denied(reply), "{what}");
        assert_eq!(home.commits() - before, 1, "{what}");
        let latest = home.latest();
        assert_eq!(*sizes.get_or_insert_with(|| latest.clone()), latest, "{what}");
    };
    for (what, call) in asked {
        clock.pass(900);
        let before = home.commits();
        let reply = client.call(call).unwrap();
        costs(&home, what, &reply, before);
    }
    while client.call(verify("alice", &right)).is_ok_and(|reply| !denied(&reply)) {
        // One more failure at a time, until the account is stopped.
        clock.pass(900);
        assert!(denied(&client.call(verify("alice", &wrong)).unwrap()));
        let before = home.commits();
        let soon = client.call(verify("alice", &wrong)).unwrap();
        if matches!(soon, Reply::Refused(Refusal::TryLater { .. })) {
            assert_eq!(home.commits(), before, "a try that came too soon");
        }
    }
    let before = home.commits();
    let reply = client.call(verify("alice", &right)).unwrap();
    costs(&home, "a stopped account", &reply, before);
}
