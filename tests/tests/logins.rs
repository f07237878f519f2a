//! Logins through Debian's own sshd, sudo, su and login, with the lines of `client/pam/README.md`: who gets in, who does not,
//! what they are shown, and what the audit log says. Run with the feature `root`.

use mfad_proto::DENIED_TEXT;
use mfad_tests::calls::status;
use mfad_tests::front::{ALICE, Front, LOGIN, PASSWORD};
use mfad_tests::syslog::Syslog;
use mfad_tests::visitor::QUESTION;
use mfad_tests::way::Way;

const LOCKED: &str = "This second factor is locked. Ask the administrator.";
const UNAVAILABLE: &str = "The second factor cannot be checked now. Try again later.";

/// The same tests for each way in.
macro_rules! ways {
    ($($module:ident: $way:expr,)*) => {
        $(mod $module {
            use super::Way;

            const WAY: Way = $way;

            #[test]
            fn a_right_code_lets_in() {
                super::a_right_code_lets_in(WAY);
            }

            #[test]
            fn three_wrong_codes_let_nobody_in() {
                super::three_wrong_codes_let_nobody_in(WAY);
            }

            #[test]
            fn a_replayed_code_lets_nobody_in() {
                super::a_replayed_code_lets_nobody_in(WAY);
            }

            #[test]
            fn a_recovery_code_lets_in_once() {
                super::a_recovery_code_lets_in_once(WAY);
            }

            #[test]
            fn a_short_delay_is_told_and_the_question_stays() {
                super::a_short_delay_is_told_and_the_question_stays(WAY);
            }

            #[test]
            fn a_long_delay_is_told_and_ends_the_login() {
                super::a_long_delay_is_told_and_ends_the_login(WAY);
            }

            #[test]
            fn a_locked_factor_lets_nobody_in() {
                super::a_locked_factor_lets_nobody_in(WAY);
            }

            #[test]
            fn a_disabled_factor_is_not_asked_for() {
                super::a_disabled_factor_is_not_asked_for(WAY);
            }

            #[test]
            fn a_factor_that_is_disabled_meanwhile_lets_nobody_in() {
                super::a_factor_that_is_disabled_meanwhile_lets_nobody_in(WAY);
            }

            #[test]
            fn without_a_daemon_nobody_gets_in() {
                super::without_a_daemon_nobody_gets_in(WAY);
            }

            #[test]
            fn without_a_daemon_fail_open_lets_in_and_raises_an_alarm() {
                super::without_a_daemon_fail_open_lets_in_and_raises_an_alarm(WAY);
            }

            #[test]
            fn a_daemon_that_goes_while_the_question_stands_lets_nobody_in() {
                super::a_daemon_that_goes_while_the_question_stands_lets_nobody_in(WAY);
            }

            #[test]
            fn a_daemon_may_restart_while_the_question_stands() {
                super::a_daemon_may_restart_while_the_question_stands(WAY);
            }

            #[test]
            fn a_wrong_first_factor_costs_no_try() {
                super::a_wrong_first_factor_costs_no_try(WAY);
            }
        })*
    };
}

ways! {
    sshd_with_password: Way::SshPassword,
    sshd_with_key: Way::SshKey,
    sudo: Way::Sudo,
    su: Way::Su,
    login: Way::Login,
}

/// What the log should say, line by line.
fn judged(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(outcome, reason)| ((*outcome).to_owned(), (*reason).to_owned())).collect()
}

fn a_right_code_lets_in(way: Way) {
    let (front, factor) = Front::enrolled(way);
    let mut visitor = front.visit_with_password();
    visitor.gives(&front.code(&factor));
    visitor.gets_in();
    assert_eq!(front.judged(), judged(&[("accepted", "")]));
    // Where the login came from stands there, too.
    let line = front.lines().remove(0);
    let (rhost, tty) = (line["rhost"].as_str().unwrap_or_default(), line["tty"].as_str().unwrap());
    if way.is_ssh() {
        assert_eq!((rhost, tty), ("127.0.0.1", "ssh"), "{line}");
    } else {
        assert!(rhost.is_empty() && tty.starts_with("/dev/pts/"), "{line}");
    }
}

fn three_wrong_codes_let_nobody_in(way: Way) {
    let (front, factor) = Front::enrolled(way);
    let wrong = front.wrong_code(&factor);
    let mut visitor = front.visit_with_password();
    visitor.gives(&wrong);
    assert!(visitor.gives(&wrong).contains(DENIED_TEXT));
    assert!(visitor.gives(&wrong).contains(DENIED_TEXT));
    let shown = visitor.is_turned_away();
    assert!(shown.contains(DENIED_TEXT) && !shown.contains(QUESTION), "{shown}");
    assert_eq!(front.judged(), judged(&[("denied", "wrong code"); 3]));
    assert_eq!(status(&mut front.client(LOGIN), ALICE).failures_since, 3);
}

fn a_replayed_code_lets_nobody_in(way: Way) {
    let (front, factor) = Front::enrolled(way);
    let code = front.code(&factor);
    let mut visitor = front.visit_with_password();
    visitor.gives(&code);
    visitor.gets_in();
    let mut thief = front.visit_with_password();
    (0..3).for_each(|_| drop(thief.gives(&code)));
    assert!(thief.is_turned_away().contains(DENIED_TEXT));
    let replayed = ("denied", "replayed: this code's step is used");
    assert_eq!(front.judged(), judged(&[("accepted", ""), replayed, replayed, replayed]));
    assert_eq!(status(&mut front.client(LOGIN), ALICE).failures_since, 0);
    front.turn();
    let mut visitor = front.visit_with_password();
    visitor.gives(&code);
    assert!(visitor.gives(&front.code(&factor)).contains(DENIED_TEXT));
    visitor.gets_in();
}

fn a_recovery_code_lets_in_once(way: Way) {
    let (front, factor) = Front::enrolled(way);
    let mut visitor = front.visit_with_password();
    visitor.gives(&factor.spares[4].to_lowercase());
    visitor.gets_in();
    assert_eq!(status(&mut front.client(LOGIN), ALICE).recovery_left, 9);
    let mut visitor = front.visit_with_password();
    visitor.gives(&factor.spares[4]);
    assert!(visitor.gives(&factor.spares[5]).contains(DENIED_TEXT));
    visitor.gets_in();
    assert_eq!(front.judged(), judged(&[("accepted", ""), ("denied", "wrong code"), ("accepted", "")]));
}

fn a_short_delay_is_told_and_the_question_stays(way: Way) {
    let (front, factor) = Front::enrolled(way);
    front.miss(ALICE, &factor, 3);
    let mut visitor = front.visit_with_password();
    visitor.gives(&front.code(&factor));
    visitor.sees("Too many failures: no code is looked at before ");
    visitor.sees(" UTC (5 seconds from now).");
    front.rest(5);
    visitor.gives(&front.code(&factor));
    visitor.gets_in();
    let too_soon = ("try_later", "too soon after failures: 5 s are left");
    assert_eq!(front.judged(), judged(&[too_soon, ("accepted", "")]));
}

fn a_long_delay_is_told_and_ends_the_login(way: Way) {
    let (front, factor) = Front::enrolled(way);
    front.miss(ALICE, &factor, 6);
    let mut visitor = front.visit_with_password();
    visitor.gives(&front.code(&factor));
    let shown = visitor.is_turned_away();
    assert!(shown.contains("Too many failures") && shown.contains("(40 seconds from now)."), "{shown}");
    assert!(!shown.contains(QUESTION), "{shown}");
    // The code was not looked at, and is as good as before.
    front.rest(40);
    let mut visitor = front.visit_with_password();
    visitor.gives(&front.code(&factor));
    visitor.gets_in();
}

fn a_locked_factor_lets_nobody_in(way: Way) {
    let (front, factor) = Front::enrolled(way);
    front.miss(ALICE, &factor, 20);
    front.rest(900);
    let shown = front.visit_with_password().is_turned_away();
    assert!(shown.contains(LOCKED) && !shown.contains(QUESTION), "{shown}");
    assert!(front.mfactl("admin unlock alice").status.success());
    let mut visitor = front.visit_with_password();
    visitor.gives(&front.code(&factor));
    visitor.gets_in();
}

fn a_disabled_factor_is_not_asked_for(way: Way) {
    let (front, _factor) = Front::enrolled(way);
    assert!(front.mfactl("admin disable alice --reason 'lost phone'").status.success());
    let shown = front.visit_with_password().gets_in();
    assert!(!shown.contains(QUESTION), "{shown}");
}

fn a_factor_that_is_disabled_meanwhile_lets_nobody_in(way: Way) {
    let (front, factor) = Front::enrolled(way);
    let mut visitor = front.visit_with_password();
    visitor.sees(QUESTION);
    assert!(front.mfactl("admin disable alice --reason 'lost phone'").status.success());
    visitor.types(&front.code(&factor));
    assert!(visitor.gives(&front.code(&factor)).contains(DENIED_TEXT));
    visitor.gives(&front.code(&factor));
    visitor.is_turned_away();
    assert_eq!(front.judged(), judged(&[("denied", "not enrolled"); 3]));
}

fn without_a_daemon_nobody_gets_in(way: Way) {
    let (mut front, _factor) = Front::enrolled(way);
    front.stop_daemon();
    let shown = front.visit_with_password().is_turned_away();
    assert!(shown.contains(UNAVAILABLE) && !shown.contains(QUESTION), "{shown}");
}

fn without_a_daemon_fail_open_lets_in_and_raises_an_alarm(way: Way) {
    let mut front = Front::with_options(way, "fail=open");
    let log = Syslog::listen(front.machine());
    let factor = front.enroll(ALICE);
    front.stop_daemon();
    let shown = front.visit_with_password().gets_in();
    assert!(!shown.contains(QUESTION), "{shown}");
    let alarm = log.wait_for("LET IN WITHOUT A SECOND FACTOR, as fail=open says: ");
    // The facility is authpriv, or the program's own; the priority is alert.
    let priority: u32 = alarm.trim_start_matches('<').split('>').next().unwrap().parse().unwrap();
    assert_eq!(priority & 7, 1, "{alarm}");
    assert!(alarm.contains(&format!("pam_mfad({}:auth)", way.service())), "{alarm}");
    front.start_daemon();
    let mut visitor = front.visit_with_password();
    visitor.gives(&front.code(&factor));
    visitor.gets_in();
}

fn a_daemon_that_goes_while_the_question_stands_lets_nobody_in(way: Way) {
    // fail=open is for logins that never found it.
    for options in ["", "fail=open"] {
        let mut front = Front::with_options(way, options);
        let factor = front.enroll(ALICE);
        let mut visitor = front.visit_with_password();
        visitor.sees(QUESTION);
        front.stop_daemon();
        visitor.types(&front.code(&factor));
        assert!(visitor.is_turned_away().contains(UNAVAILABLE));
    }
}

fn a_daemon_may_restart_while_the_question_stands(way: Way) {
    let (mut front, factor) = Front::enrolled(way);
    let wrong = front.wrong_code(&factor);
    let mut visitor = front.visit_with_password();
    visitor.sees(QUESTION);
    front.stop_daemon();
    front.start_daemon();
    visitor.types(&wrong);
    assert!(visitor.sees(QUESTION).contains(DENIED_TEXT));
    front.crash_daemon();
    front.start_daemon();
    visitor.types(&front.code(&factor));
    visitor.gets_in();
    // A crash may take the lines of the second before it with it.
    assert_eq!(front.judged().last(), judged(&[("accepted", "")]).last());
}

fn a_wrong_first_factor_costs_no_try(way: Way) {
    let (front, factor) = Front::enrolled(way);
    let turned_away = if way == Way::SshKey {
        let key = front.read(mfad_tests::front::KEY);
        front.perform("ssh-keygen -q -t ed25519 -N '' -f other && mv other /etc/ssh/key");
        let shown = front.visit().is_turned_away();
        front.write(mfad_tests::front::KEY, &key);
        shown
    } else {
        let mut visitor = front.visit();
        visitor.passes_first_factor(&format!("{PASSWORD}!"));
        visitor.is_turned_away()
    };
    assert!(!turned_away.contains(QUESTION), "{turned_away}");
    assert_eq!(front.judged(), judged(&[]));
    assert_eq!(status(&mut front.client(LOGIN), ALICE).failures_since, 0);
    let mut visitor = front.visit_with_password();
    visitor.gives(&front.code(&factor));
    visitor.gets_in();
}
