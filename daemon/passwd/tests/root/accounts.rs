//! Real accounts, the service that is shipped, and the machine's own common-auth.

use mfad_proto::passwd::Answer::{Right, Unavailable, Wrong};

use super::world::World;

const USER: &str = "mfad-alice";
const PASSWORD: &str = "correct horse battery staple";

fn world() -> World {
    let world = World::new();
    world.account(USER, PASSWORD);
    world
}

#[test]
fn a_password_is_right_or_wrong() {
    let world = world();
    world.ask(USER, PASSWORD).assert_answer(Right.to_byte());
    for wrong in
        ["", "wrong", "correct horse battery stapl", "correct horse battery staple ", "CORRECT HORSE BATTERY STAPLE"]
    {
        world.ask(USER, wrong).assert_answer(Wrong.to_byte());
    }
    // What C would take for the right one.
    world.ask(USER, &format!("{PASSWORD}\0")).assert_answer(Wrong.to_byte());
    world.ask(USER, &format!("{PASSWORD}\0more")).assert_answer(Wrong.to_byte());
    // Nothing of all that was remembered.
    world.ask(USER, PASSWORD).assert_answer(Right.to_byte());
}

#[test]
fn nobody_knows_an_unknown_user() {
    let world = world();
    for user in ["mfad-nobody-of-this-name", "MFAD-ALICE", "mfad-alice ", "-l", "mfad-ælice"] {
        world.ask(user, PASSWORD).assert_answer(Wrong.to_byte());
    }
}

#[test]
fn an_account_that_may_not_be_used_has_no_right_password() {
    let closed = [
        ("locked", "usermod --lock"),
        ("expired", "usermod --expiredate 1"),
        ("to be changed at once", "chage --lastday 0"),
        ("expired password", "chage --lastday 1 --maxdays 1 --inactive 1"),
        ("without a password", "passwd --delete"),
    ];
    for (what, command) in closed {
        let world = world();
        world.ask(USER, PASSWORD).assert_answer(Right.to_byte());
        world.shell(&format!("{command} {USER}"), "");
        for password in [PASSWORD, "", "x"] {
            world.ask(USER, password).about(&what).assert_answer(Wrong.to_byte());
        }
    }
}

#[test]
fn a_long_password_is_judged_to_its_last_byte() {
    let world = World::new();
    let longest = "x".repeat(511);
    world.account(USER, &longest);
    world.ask(USER, &longest).assert_answer(Right.to_byte());
    world.ask(USER, &"x".repeat(510)).assert_answer(Wrong.to_byte());
    world.ask(USER, &format!("{}y", "x".repeat(510))).assert_answer(Wrong.to_byte());
    world.ask(USER, &"x".repeat(512)).assert_answer(Wrong.to_byte());
}

#[test]
fn no_module_makes_anybody_wait() {
    // An hour. The helper ends within a minute, or the test fails.
    let service = "auth required pam_faildelay.so delay=3600000000\n@include common-auth\n@include common-account\n";
    let world = World::with_service(service);
    world.account(USER, PASSWORD);
    world.ask(USER, "wrong").assert_answer(Wrong.to_byte());
    world.ask("mfad-nobody-of-this-name", "wrong").assert_answer(Wrong.to_byte());
}

#[test]
fn without_a_service_that_works_nothing_is_known() {
    for service in [
        "auth required pam_there_is_no_such_module.so\naccount required pam_permit.so\n",
        "auth required pam_unix.so\naccount required pam_there_is_no_such_module.so\n",
        "auth required\n",
        "auth optional pam_unix.so nodelay\naccount required pam_there_is_no_such_module.so\n",
        "account required pam_permit.so\nauth [default=ignore] pam_permit.so\n",
    ] {
        let world = World::with_service(service);
        world.account(USER, PASSWORD);
        let talk = world.ask(USER, PASSWORD).about(&service);
        talk.assert_answer(Unavailable.to_byte());
        assert!(talk.stderr.contains("PAM cannot tell: "), "{talk:?}");
    }
}

#[test]
fn a_stack_that_accepts_anybody_knows_no_password() {
    // Root runs the helper, so that pam_rootok is satisfied, too.
    for module in ["pam_permit.so", "pam_rootok.so"] {
        let world = World::with_service(&format!("auth sufficient {module}\naccount required pam_permit.so\n"));
        world.account(USER, PASSWORD);
        let talk = world.ask(USER, PASSWORD);
        talk.assert_answer(Unavailable.to_byte());
        assert!(talk.stderr.contains("no module asked for the password"), "{talk:?}");
    }
}
