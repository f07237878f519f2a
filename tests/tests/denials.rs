//! What a denial costs: one commit of the same size, whatever its reason, so that neither disk nor time tells the reasons
//! apart; two where a password comes with the code, which is charged before it is judged. A try that comes too soon is not
//! looked at, and costs none.

use std::sync::Arc;

use mfad_proto::{Call, EnrollmentId, Password, Refusal, Reply};
use mfad_tests::calls::{account, begin_enrollment, code, context, denied, recovery, reset, resync, verify};
use mfad_tests::daemon::NOON;
use mfad_tests::faults::FaultyHome;
use mfad_tests::inprocess::{InProcess, SetClock};
use mfad_tests::phone::Phone;
use mfad_tests::random::Random;
use zeroize::Zeroizing;

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

#[test]
fn every_denial_of_a_password_and_a_code_is_two_commits_of_the_same_size() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let rules = InProcess::policy("[realm.system]\nfirst_factor = \"password\"\n");
    let daemon = InProcess::start_with_policy(&home, &clock, rules);
    let mut client = daemon.client();
    let (right, wrong) = ("correct horse", "battery staple");
    let mut phones = ["alice", "without", "stopped", "gone"].map(|user| Phone::enroll(&mut client, user, NOON));
    for user in ["alice", "stopped", "gone", "plain"] {
        let set = Call::SetPassword { account: account(user), password: password(right) };
        assert!(matches!(client.call(set), Ok(Reply::Done)), "{user}");
    }
    let (step, mut random) = (NOON / 30, Random::default());
    let wrong_codes = phones.each_mut().map(|phone| phone.wrong(step, &mut random));
    let [good, of_without, of_stopped, of_gone] = phones.each_mut().map(|phone| phone.code(step + 1));
    let (used, elsewhere) = (phones[0].code(step), phones[0].code(step + 3));
    assert!(matches!(client.call(reset("gone", &of_gone)), Ok(Reply::Done)));
    let _pending = begin_enrollment(&mut client, "pending");
    for _ in 0..20 {
        assert!(denied(&client.call(verify("stopped", &wrong_codes[2])).unwrap()));
        clock.pass(900);
    }
    let [bad, ..] = wrong_codes;
    let (form, long) = ("AAAA-BBBB-CCCC-DDDD", "n".repeat(255));
    let asked = [
        ("an unknown name", "nobody", right, bad.as_str()),
        ("an unknown name again", "nobody", "", ""),
        ("an unknown name with a recovery code", "nobody", right, form),
        ("a very long unknown name", &long, right, &bad),
        ("a name that is pending", "pending", right, &bad),
        ("no password set", "without", right, &of_without),
        ("a wrong password", "alice", wrong, &good),
        ("a wrong password and a wrong code", "alice", wrong, &bad),
        ("no password", "alice", "", &good),
        ("a wrong password without a factor", "plain", wrong, &bad),
        ("a wrong password of a name that was reset", "gone", wrong, &bad),
        ("a wrong code", "alice", right, &bad),
        ("a used code", "alice", right, &used),
        ("a code of another step", "alice", right, &elsewhere),
        ("no code", "alice", right, ""),
        ("a wrong recovery code", "alice", right, form),
        ("a stopped account", "stopped", right, &of_stopped),
        ("a wrong password of a stopped account", "stopped", wrong, &of_stopped),
    ];
    let mut size = None;
    for (what, user, typed, text) in asked {
        clock.pass(900);
        let before = home.commits();
        assert!(denied(&client.call(authenticate(user, typed, text)).unwrap()), "{what}");
        assert_eq!(home.commits() - before, 2, "{what}");
        let [charge, decision] = home.latest_two();
        assert_eq!(charge, decision, "{what}");
        assert_eq!(*size.get_or_insert_with(|| charge.clone()), charge, "{what}");
    }
    while !matches!(client.call(authenticate("alice", wrong, &good)), Ok(Reply::Refused(Refusal::TryLater { .. }))) {}
    let before = home.commits();
    let soon = client.call(authenticate("alice", right, &good)).unwrap();
    assert!(matches!(soon, Reply::Refused(Refusal::TryLater { .. })));
    assert_eq!(home.commits(), before, "a try that came too soon");
    clock.pass(60);
    let accepted = client.call(authenticate("alice", right, &good)).unwrap();
    assert!(matches!(accepted, Reply::Accepted(_)), "the last denials were of a code that is right");
}

fn authenticate(user: &str, typed: &str, text: &str) -> Call {
    Call::Authenticate { account: account(user), password: password(typed), code: code(text), context: context() }
}

fn password(text: &str) -> Password {
    Password::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}
