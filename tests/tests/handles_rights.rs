//! Who hears of an account that a handle names: nobody learns of handles outside his realm, and an owner knows his own alone.

use mfad_proto::{
    Account, AccountName, Call, Enrollment, FirstFactor, Handle, Proof, Realm, Refusal, Replacing, Reply, Response,
};
use mfad_tests::bearer::{Bearer, no, verify, yes};
use mfad_tests::calls::context;
use mfad_tests::daemon::NOON;
use mfad_tests::faults::FaultyHome;
use mfad_tests::peers::{Hall, Kind, Line, Socket, account, kept, name, rules};
use mfad_tests::random::Random;
use mfad_tests::rights::Table;
use mfad_tests::town::Town;

const STEP: u64 = NOON / 30;

fn hall() -> Hall {
    let of_kept = rules(FirstFactor::Asserted);
    Hall::open(rules(FirstFactor::Password), mfad_daemon::policy::Rules { replace: Replacing::Asserted, ..of_kept })
}

fn begin(line: &mut Line, name: &AccountName) -> Enrollment {
    let (account, context) = (account(name), context());
    match line.ask(&Call::Enroll { account, proof: Proof::Asserted, ticket: None, issuer: None, context }) {
        Reply::Enrollment(enrollment) => enrollment,
        _ => panic!("no enrolment was begun"),
    }
}

/// An account with a factor, which root has confirmed by its handle.
fn bearer(hall: &Hall, name: &AccountName) -> Bearer {
    let mut root = hall.root();
    let mut bearer = Bearer::of(&begin(&mut root, name));
    yes(root.ask(&bearer.verify(hall.now() / 30)));
    bearer
}

fn bytes(reply: Reply) -> Vec<u8> {
    let mut frame = [0; mfad_proto::frame::MAX_FRAME];
    let length = Response { id: 1, reply }.write(&mut frame).unwrap();
    frame[..length].to_vec()
}

#[test]
fn a_login_service_learns_nothing_of_handles_outside_its_realm() {
    let (hall, table) = (hall(), Table::read());
    let alice = bearer(&hall, &name(&Realm::system(), "alice"));
    let mut root = hall.root();
    let pending = begin(&mut root, &name(&Realm::system(), "pending")).handle;
    let unknown = Handle::from_random([9; 20]);
    let mut line = hall.line(Socket::Kept, Kind::Root.peer(0));
    for row in table.rows() {
        let answers = [unknown, alice.handle, pending].map(|handle| {
            hall.rest();
            let mut call = row.call(Account::Handle(handle), &kept());
            call.account_mut()?;
            let before = hall.home.commits();
            let reply = bytes(line.ask(&call));
            Some((reply, hall.home.commits() - before, hall.home.latest()))
        });
        let [nobodys, others @ ..] = &answers;
        others.iter().for_each(|answer| assert_eq!(answer, nobodys, "{}", row.name));
        if let Some((reply, _, _)) = nobodys {
            let refusals = [Refusal::Denied, Refusal::NotPermitted].map(|refusal| bytes(Reply::Refused(refusal)));
            assert!(refusals.contains(reply), "{}", row.name);
        }
        if ["Begin", "Status"].contains(&row.name.as_str()) {
            assert_eq!(nobodys.as_ref().map(|(reply, ..)| reply), Some(&bytes(Reply::Refused(Refusal::Denied))));
        }
    }
    let mut root = hall.root();
    assert!(matches!(root.ask(&Call::Status { account: Account::Handle(alice.handle) }), Reply::Status(_)));
}

#[test]
fn guesses_under_a_foreign_handle_are_throttled_as_those_under_an_unknown_one_and_stop_nobody() {
    let hall = hall();
    let mut alice = bearer(&hall, &name(&Realm::system(), "alice"));
    hall.pass(30);
    let mut line = hall.line(Socket::Kept, Kind::Root.peer(0));
    for handle in [alice.handle, Handle::from_random([9; 20])] {
        let right = verify(&handle, &alice.phone.code(hall.now() / 30));
        (0..3).for_each(|_| no(&line.ask(&right)));
        let Reply::Refused(Refusal::TryLater { seconds }) = line.ask(&right) else { panic!("no delay") };
        assert_eq!(seconds, 5);
        for _ in 0..30 {
            hall.rest();
            no(&line.ask(&right));
        }
    }
    assert_eq!(yes(hall.root().ask(&alice.verify(hall.now() / 30))).failures_since, 0);
}

#[test]
fn an_owner_names_his_own_account_by_its_handle_and_is_told_nothing_of_others() {
    let (hall, table) = (hall(), Table::read());
    let number = hall.number();
    let (own, other) =
        (name(&Realm::system(), &Town::name(number)), name(&Realm::system(), &Town::name(hall.number())));
    let (mut mine, others) = (bearer(&hall, &own), bearer(&hall, &other));
    let mut line = hall.line(Socket::Public, Kind::User.peer(number));
    hall.pass(30);
    let commits = hall.home.commits();
    for row in table.rows() {
        for handle in [others.handle, Handle::from_random([9; 20])] {
            let mut call = row.call(Account::Handle(handle), &Realm::system());
            if call.account_mut().is_some() {
                let reply = line.ask(&call);
                assert!(matches!(reply, Reply::Refused(Refusal::NotPermitted)), "{}", row.name);
            }
        }
    }
    assert_eq!(hall.home.commits(), commits, "something was stored");
    yes(line.ask(&mine.verify(hall.now() / 30)));
    assert!(matches!(line.ask(&Call::Status { account: Account::Handle(mine.handle) }), Reply::Status(_)));
    assert!(matches!(
        line.ask(&Call::Unlock { account: Account::Handle(mine.handle) }),
        Reply::Refused(Refusal::NotPermitted)
    ));
    // His own tries do not stop real logins.
    let wrong = mine.phone.wrong(hall.now() / 30, &mut Random::default());
    for _ in 0..20 {
        hall.rest();
        no(&line.ask(&verify(&mine.handle, &wrong)));
    }
    hall.pass(30);
    yes(hall.root().ask(&mine.verify(hall.now() / 30)));
}

#[test]
fn an_administrator_is_denied_what_nobody_bears_and_stores_nothing() {
    let (hall, table) = (hall(), Table::read());
    let alice = bearer(&hall, &name(&kept(), "alice"));
    let mut line = hall.line(Socket::Public, Kind::Operator.peer(1));
    let commits = hall.home.commits();
    for row in
        table.rows().iter().filter(|row| ["Show", "Unlock", "Disable", "Remove", "Recover"].contains(&&*row.name))
    {
        let call = row.call(Account::Handle(Handle::from_random([9; 20])), &kept());
        no(&line.ask(&call));
    }
    assert_eq!(hall.home.commits(), commits);
    let show = Call::Show { account: Account::Handle(alice.handle) };
    let Reply::Profile(profile) = line.ask(&show) else { panic!("no profile") };
    assert_eq!(profile.status.user.as_str(), "alice");
    assert!(matches!(line.ask(&Call::Unlock { account: Account::Handle(alice.handle) }), Reply::Done));
}

#[test]
fn a_peer_without_any_right_is_refused_before_anything_is_looked_up() {
    let (hall, table) = (hall(), Table::read());
    let alice = bearer(&hall, &name(&Realm::system(), "alice"));
    for (socket, kind) in [(Socket::Backyard, Kind::Root), (Socket::Gateway, Kind::Root)] {
        let mut line = hall.line(socket, kind.peer(0));
        for row in table.rows() {
            let mut call = row.call(Account::Handle(alice.handle), &Realm::system());
            let admin_alone = ["Show", "Disable", "Unlock", "Recover", "Remove", "SetPassword", "ImportOne"];
            if call.account_mut().is_some() && (socket == Socket::Backyard || admin_alone.contains(&row.name.as_str()))
            {
                assert!(matches!(line.ask(&call), Reply::Refused(Refusal::NotPermitted)), "{socket:?} {}", row.name);
            }
        }
    }
}

#[test]
fn the_handle_of_a_user_whose_name_has_another_uid_now_lets_nobody_in() {
    let home = FaultyHome::new();
    let where_carol_has = |uid| {
        let town = Town::default();
        town.add("carol", uid);
        Hall::reopen_among(town, &home, rules(FirstFactor::Password), rules(FirstFactor::Asserted))
    };
    let mut old = bearer(&where_carol_has(7001), &name(&Realm::system(), "carol"));
    let hall = where_carol_has(7002);
    hall.pass(30);
    let mut root = hall.root();
    no(&root.ask(&old.verify(STEP + 1)));
    assert!(matches!(
        root.ask(&Call::Begin { account: Account::Handle(old.handle), context: context() }),
        Reply::Need(mfad_proto::Need::Locked)
    ));
}
