//! Enforcement, tickets and exceptions, each by itself: what a login is asked for, and what an enrolment takes.

use mfad_daemon::policy::Rules;
use mfad_proto::{
    AccountName, Call, Context, Enforcement, Enrolling, Enrollment, FirstFactor, Label, Need, Note, Proof, Realm,
    Refusal, Replacing, Reply, State, UserName,
};
use mfad_tests::calls::{accepted, code, denied};
use mfad_tests::daemon::NOON;
use mfad_tests::faults::FaultyHome;
use mfad_tests::peers::{Hall, Kind, Line, Socket, account, enforce, name, rules};
use mfad_tests::phone::Phone;
use mfad_tests::town::Town;

const DAY: u64 = 24 * 60 * 60;

/// Realm `system` as it is where nobody has changed it, but enforced.
fn enforced() -> Rules {
    Rules { enforce: Enforcement::On, ..rules(FirstFactor::Asserted) }
}

fn hall(system: Rules) -> Hall {
    Hall::open(system, rules(FirstFactor::Asserted))
}

fn alice(hall: &Hall) -> AccountName {
    name(&Realm::system(), &Town::name(hall.number()))
}

/// A line of somebody who administers, and is no login service.
fn admin(hall: &Hall) -> Line {
    hall.line(Socket::Public, Kind::Member.peer(0))
}

fn need(line: &mut Line, name: &AccountName, service: &str) -> Need {
    let context = Context { service: Label::cut(service), ..Context::default() };
    match line.ask(&Call::Begin { account: account(name), context }) {
        Reply::Need(need) => need,
        _ => panic!("no need"),
    }
}

fn state(line: &mut Line, name: &AccountName) -> State {
    match line.ask(&Call::Status { account: account(name) }) {
        Reply::Status(status) => status.state,
        _ => panic!("no status"),
    }
}

fn verify(name: &AccountName, text: &str) -> Call {
    Call::Verify { account: account(name), code: code(text), context: Context::default() }
}

fn enroll(name: &AccountName, ticket: Option<&str>) -> Call {
    let (proof, ticket) = (Proof::Asserted, ticket.map(code));
    Call::Enroll { account: account(name), proof, ticket, issuer: None, context: Context::default() }
}

fn reset(name: &AccountName, text: &str) -> Call {
    Call::Reset { account: account(name), proof: Proof::Asserted, code: code(text), context: Context::default() }
}

fn confirm(name: &AccountName, begun: &Enrollment, text: &str) -> Call {
    Call::Confirm { account: account(name), enrollment: begun.id, code: code(text) }
}

fn begun(reply: Reply) -> Enrollment {
    match reply {
        Reply::Enrollment(begun) => begun,
        _ => panic!("no enrolment was begun"),
    }
}

fn not_permitted(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::NotPermitted))
}

/// The code of now, which is a new one.
fn fresh(hall: &Hall, phone: &mut Phone) -> String {
    hall.pass(60);
    phone.code(hall.now() / 30)
}

fn finish(hall: &Hall, line: &mut Line, name: &AccountName, begun: &Enrollment) -> Phone {
    let mut phone = Phone::scan(begun.uri.expose());
    let text = fresh(hall, &mut phone);
    assert!(matches!(line.ask(&confirm(name, begun, &text)), Reply::Enrolled(_)));
    phone
}

fn enrolled(hall: &Hall, line: &mut Line, name: &AccountName) -> Phone {
    let begun = begun(line.ask(&enroll(name, None)));
    finish(hall, line, name, &begun)
}

fn ticket(line: &mut Line, name: &AccountName) -> String {
    match line.ask(&Call::Recover { account: account(name) }) {
        Reply::Issued(issued) => issued.code.expose().to_owned(),
        _ => panic!("no ticket"),
    }
}

#[test]
fn an_account_without_a_factor_is_led_to_set_one_up_and_not_let_in() {
    let hall = hall(enforced());
    let (mut root, alice) = (hall.root(), alice(&hall));
    assert_eq!(need(&mut root, &alice, ""), Need::Enroll { ticket: false });
    assert!(denied(&root.ask(&verify(&alice, "000000"))));
    let begun = begun(root.ask(&enroll(&alice, None)));
    assert_eq!(need(&mut root, &alice, ""), Need::Enroll { ticket: false }, "begun is not done");
    let mut phone = Phone::scan(begun.uri.expose());
    assert!(denied(&root.ask(&verify(&alice, &phone.code(hall.now() / 30)))), "begun is not done");
    finish(&hall, &mut root, &alice, &begun);
    assert_eq!(need(&mut root, &alice, ""), Need::Code);
    assert!(accepted(&root.ask(&verify(&alice, &fresh(&hall, &mut phone)))));
}

#[test]
fn users_services_and_groups_are_excepted_each_as_it_is_believed() {
    let mut rules = enforced();
    let must = Need::Enroll { ticket: false };
    rules.except.users.push(UserName::new("carol").unwrap());
    rules.except.services.push(Label::cut("cron"));
    rules.except.groups.push("robots".to_owned());
    let hall = hall(rules);
    hall.town.add("carol", 2000);
    hall.town.add("Carol", 2001);
    hall.town.add("robot", 2002);
    hall.town.join("robot", "users");
    hall.town.join("robot", "robots");
    let mut root = hall.root();
    let of = |user| name(&Realm::system(), user);
    assert_eq!(need(&mut root, &of("carol"), "sshd"), Need::Nothing);
    assert_eq!(need(&mut root, &of("Carol"), "sshd"), must, "names differ by their case");
    assert_eq!(need(&mut root, &of("robot"), "sshd"), Need::Nothing);
    assert_eq!(need(&mut root, &of("own-1"), "sshd"), must);
    assert_eq!(need(&mut root, &of("own-1"), "cron"), Need::Nothing);
    // Whoever only owns the account could say anything.
    let mut own = hall.line(Socket::Public, Kind::User.peer(1));
    assert_eq!(need(&mut own, &of("own-1"), "cron"), must, "an owner was believed");
    for (kind, socket) in [(Kind::Service, Socket::Public), (Kind::Stranger, Socket::System)] {
        assert_eq!(need(&mut hall.line(socket, kind.peer(0)), &of("own-1"), "cron"), Need::Nothing, "{kind:?}");
    }
    // An exception is from setting a factor up, not from using it.
    let mut phone = enrolled(&hall, &mut root, &of("carol"));
    assert_eq!(need(&mut root, &of("carol"), "cron"), Need::Code);
    // And nobody leaves his factor through an excepted service where the others would ask for one.
    let mut other = enrolled(&hall, &mut root, &of("own-1"));
    let context = Context { service: Label::cut("cron"), ..Context::default() };
    let (account, text) = (account(&of("own-1")), code(&fresh(&hall, &mut other)));
    let by_cron = Call::Reset { account, proof: Proof::Asserted, code: text, context };
    assert!(matches!(root.ask(&by_cron), Reply::Enrollment(_)));
    let text = fresh(&hall, &mut phone);
    assert!(matches!(root.ask(&reset(&of("carol"), &text)), Reply::Done));
}

#[test]
fn enforcement_from_a_day_on_begins_on_that_day() {
    let day = NOON + 1000;
    let hall = hall(Rules { enforce: Enforcement::After { time: day }, ..enforced() });
    let (mut root, alice) = (hall.root(), alice(&hall));
    hall.pass(999);
    assert_eq!(need(&mut root, &alice, ""), Need::Nothing);
    hall.pass(1);
    assert_eq!(need(&mut root, &alice, ""), Need::Enroll { ticket: false });
    let later = enforce(Realm::system(), Enforcement::After { time: day + 10 });
    assert!(matches!(admin(&hall).ask(&later), Reply::Policy(policy) if !policy.enforced && policy.stored));
    assert_eq!(need(&mut root, &alice, ""), Need::Nothing);
    hall.pass(10);
    assert_eq!(need(&mut root, &alice, ""), Need::Enroll { ticket: false });
}

#[test]
fn in_a_closed_realm_an_administrator_enrols_and_nobody_else() {
    let hall = hall(Rules { enroll: Enrolling::Closed, ..enforced() });
    let (number, mut root) = (hall.number(), hall.root());
    let alice = name(&Realm::system(), &Town::name(number));
    assert_eq!(need(&mut root, &alice, ""), Need::Locked);
    let mut service = hall.line(Socket::Public, Kind::Service.peer(0));
    let ticket = ticket(&mut admin(&hall), &alice);
    for ticket in [None, Some(ticket.as_str())] {
        assert!(not_permitted(&service.ask(&enroll(&alice, ticket))));
        // Root asks as a login service, and is led as one.
        assert!(not_permitted(&root.ask(&enroll(&alice, ticket))));
        assert!(not_permitted(&hall.line(Socket::System, Kind::Root.peer(0)).ask(&enroll(&alice, ticket))));
    }
    assert_eq!(state(&mut root, &alice), State::None);
    let begun = begun(admin(&hall).ask(&enroll(&alice, None)));
    // Its owner may finish what an administrator has begun.
    let mut phone = finish(&hall, &mut hall.line(Socket::Public, Kind::User.peer(number)), &alice, &begun);
    assert_eq!(need(&mut root, &alice, ""), Need::Code);
    // Replacing it takes a code of it, and no administrator.
    assert!(matches!(service.ask(&reset(&alice, &fresh(&hall, &mut phone))), Reply::Enrollment(_)));
}

#[test]
fn a_ticket_opens_one_enrolment_outlives_a_login_that_is_cut_off_and_lapses_after_a_day() {
    let hall = hall(Rules { enroll: Enrolling::Ticket, ..enforced() });
    let (mut service, mut admin) = (hall.line(Socket::Public, Kind::Service.peer(0)), admin(&hall));
    let (alice, bob) = (alice(&hall), alice(&hall));
    assert_eq!(need(&mut service, &alice, ""), Need::Enroll { ticket: true });
    let old = ticket(&mut admin, &alice);
    let good = ticket(&mut admin, &alice);
    let of_bob = ticket(&mut admin, &bob);
    for wrong in [None, Some("AAAA-BBBB-CCCC-DDDD"), Some(""), Some("000000"), Some(&*old), Some(&*of_bob)] {
        assert!(denied(&service.ask(&enroll(&alice, wrong))), "{wrong:?}");
    }
    assert!(denied(&service.ask(&verify(&alice, &good))), "a ticket lets nobody in");
    let first = begun(service.ask(&enroll(&alice, Some(&good))));
    assert!(denied(&service.ask(&enroll(&alice, None))), "what was begun with a ticket goes on without one");
    drop(service);
    let mut service = hall.line(Socket::Public, Kind::Service.peer(0));
    let again = begun(service.ask(&enroll(&alice, Some(&good))));
    assert_eq!(first.id, again.id);
    // Also when the term of what was begun is over, by a while.
    hall.pass(3600);
    let again = begun(service.ask(&enroll(&alice, Some(&good))));
    assert_ne!(first.id, again.id);
    finish(&hall, &mut service, &alice, &again);
    let take_away = Call::Disable { account: account(&alice), reason: Note::new("a test").unwrap() };
    assert!(matches!(admin.ask(&take_away), Reply::Done));
    assert!(denied(&service.ask(&enroll(&alice, Some(&good)))), "a ticket opened a second enrolment");
    let late = ticket(&mut admin, &alice);
    hall.pass(DAY - 1);
    assert!(matches!(service.ask(&enroll(&alice, Some(&late))), Reply::Enrollment(_)));
    hall.pass(1);
    assert!(denied(&service.ask(&enroll(&alice, Some(&late)))), "after a day");
    assert!(matches!(admin.ask(&enroll(&alice, None)), Reply::Enrollment(_)), "an administrator needs none");
}

#[test]
fn a_reset_where_it_is_enforced_leaves_the_old_factor_until_the_new_one_is_confirmed() {
    let hall = hall(enforced());
    let (mut root, alice) = (hall.root(), alice(&hall));
    let mut old = enrolled(&hall, &mut root, &alice);
    let begun = begun(root.ask(&reset(&alice, &fresh(&hall, &mut old))));
    assert_eq!((state(&mut root, &alice), need(&mut root, &alice, "")), (State::Active, Need::Code));
    assert!(accepted(&root.ask(&verify(&alice, &fresh(&hall, &mut old)))));
    let mut new = Phone::scan(begun.uri.expose());
    assert!(denied(&root.ask(&verify(&alice, &fresh(&hall, &mut new)))), "not confirmed yet");
    finish(&hall, &mut root, &alice, &begun);
    assert!(denied(&root.ask(&verify(&alice, &fresh(&hall, &mut old)))), "the old factor still works");
    hall.rest();
    assert!(accepted(&root.ask(&verify(&alice, &fresh(&hall, &mut new)))));
}

#[test]
fn a_reset_where_it_is_not_enforced_takes_the_factor_away() {
    let hall = hall(rules(FirstFactor::Asserted));
    let (mut root, alice) = (hall.root(), alice(&hall));
    let mut phone = enrolled(&hall, &mut root, &alice);
    assert!(matches!(root.ask(&reset(&alice, &fresh(&hall, &mut phone))), Reply::Done));
    assert_eq!((state(&mut root, &alice), need(&mut root, &alice, "")), (State::None, Need::Nothing));
    assert!(denied(&root.ask(&verify(&alice, &fresh(&hall, &mut phone)))));
}

#[test]
fn what_an_administrator_stores_wins_over_the_rules_and_outlives_the_daemon() {
    let home = FaultyHome::new();
    let open = |enforce| Hall::reopen(&home, Rules { enforce, ..enforced() }, rules(FirstFactor::Asserted));
    let must = Need::Enroll { ticket: false };
    let (first, user) = (open(Enforcement::On), name(&Realm::system(), "own-1"));
    let get = Call::GetPolicy { realm: Realm::system() };
    assert!(matches!(admin(&first).ask(&get), Reply::Policy(policy) if policy.enforced && !policy.stored));
    assert!(matches!(admin(&first).ask(&enforce(Realm::system(), Enforcement::Off)), Reply::Policy(_)));
    assert_eq!(need(&mut first.root(), &user, ""), Need::Nothing);
    drop(first);
    let second = open(Enforcement::On);
    assert_eq!(need(&mut second.root(), &user, ""), Need::Nothing, "the rules won");
    assert!(matches!(admin(&second).ask(&get), Reply::Policy(policy) if !policy.enforced && policy.stored));
    assert!(matches!(admin(&second).ask(&enforce(Realm::system(), Enforcement::On)), Reply::Policy(_)));
    drop(second);
    let third = open(Enforcement::Off);
    assert_eq!(need(&mut third.root(), &user, ""), must, "the rules won");
    // Of the other realm nobody has said anything.
    let other = name(&mfad_tests::peers::kept(), "own-1");
    assert_eq!(need(&mut third.root(), &other, ""), Need::Nothing);
}

#[test]
fn what_was_begun_without_a_code_of_the_factor_is_not_what_a_reset_begins() {
    let home = FaultyHome::new();
    let open = |replace| Hall::reopen(&home, Rules { replace, ..enforced() }, rules(FirstFactor::Asserted));
    let (first, alice) = (open(Replacing::Asserted), name(&Realm::system(), "own-1"));
    let mut root = first.root();
    let mut phone = enrolled(&first, &mut root, &alice);
    let without = begun(root.ask(&enroll(&alice, None)));
    assert_eq!(begun(root.ask(&enroll(&alice, None))).id, without.id, "it is not resumed");
    let with = begun(root.ask(&reset(&alice, &fresh(&first, &mut phone))));
    assert_ne!(with.id, without.id, "a key that was shown without a code goes on with one");
    assert!(denied(&root.ask(&confirm(&alice, &without, "000000"))));
    let without = begun(root.ask(&enroll(&alice, None)));
    assert_ne!(with.id, without.id);
    let elapsed = first.now() - NOON;
    drop((root, first));
    // The realm has come to ask for a code meanwhile: what was begun without one comes to nothing.
    let second = open(Replacing::Code);
    second.pass(elapsed);
    let (mut root, mut new) = (second.root(), Phone::scan(without.uri.expose()));
    let text = fresh(&second, &mut new);
    assert!(not_permitted(&root.ask(&confirm(&alice, &without, &text))));
    assert!(not_permitted(&root.ask(&enroll(&alice, None))));
    assert!(accepted(&root.ask(&verify(&alice, &fresh(&second, &mut phone)))));
}
