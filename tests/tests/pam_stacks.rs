//! The module under every control word, by real libpam: nobody gets in who should not.

use std::collections::BTreeSet;

use mfad_tests::applicant::{SERVED, Services, enroll, next_code, resident};
use mfad_tests::daemon::{Daemon, code, context};
use mfad_tests::pam::{AUTH_ERR, Answer, SUCCESS, Style};
use mfad_tests::peers::account;
use mfad_tests::phone::Phone;

use mfad_proto::Call;

use self::Outcome::{Aborted, Accepted, Denied, DownClosed, DownOpen, Locked, Nothing};

/// What the module comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Accepted,
    Denied,
    /// The daemon says that no second factor is needed.
    Nothing,
    DownClosed,
    DownOpen,
    Aborted,
    Locked,
}

const ALL: [Outcome; 7] = [Accepted, Denied, Nothing, DownClosed, DownOpen, Aborted, Locked];

/// Who has shown what the daemon or the administrator asks for.
const RIGHT: &[Outcome] = &[Accepted, Nothing, DownOpen];

/// A control, and who gets in: behind `pam_permit`, before `pam_permit`, before `pam_deny`, and alone.
struct Control {
    words: &'static str,
    behind: &'static [Outcome],
    before: &'static [Outcome],
    before_deny: &'static [Outcome],
    alone: &'static [Outcome],
}

const CONTROLS: [Control; 8] = [
    wall("required"),
    wall("requisite"),
    wall("[success=ok ignore=ignore default=die]"),
    wall("[success=ok new_authtok_reqd=ok ignore=ignore default=bad]"),
    // Strict: who needs no second factor has to set one up elsewhere.
    Control { behind: &[Accepted], before: &[Accepted], ..wall("[success=ok default=die]") },
    Control { behind: &[Accepted], before: &[Accepted], ..wall("[success=ok default=bad]") },
    // No walls: what these let through is for the lines after them to stop, and the doctor warns of them.
    Control { behind: &ALL, before: &ALL, before_deny: &[Accepted], alone: &[Accepted], words: "sufficient" },
    Control { behind: &ALL, before: &ALL, before_deny: &[], alone: &[Accepted], words: "optional" },
];

/// A control under which the module's word counts. A stack in which nobody has an opinion lets nobody in.
const fn wall(words: &'static str) -> Control {
    Control { words, behind: RIGHT, before: RIGHT, before_deny: &[], alone: &[Accepted] }
}

const PERMIT: &str = "auth required pam_permit.so\n";
const DENY: &str = "auth required pam_deny.so\n";

/// A daemon with one user for each outcome.
struct Gate {
    daemon: Daemon,
    services: Services,
    phone: Phone,
}

impl Gate {
    fn open() -> Self {
        let daemon = Daemon::start_clocked(SERVED);
        let services = Services::asking(&daemon.socket());
        let phone = enroll(&daemon, "ann");
        let mut locked = enroll(&daemon, "eve");
        let wrong = (0..).map(|n| format!("{n:06}")).find(|code| {
            let now = daemon.time() / 30;
            (now - 8..now + 8).all(|step| locked.code(step) != *code)
        });
        let (wrong, mut client) = (wrong.unwrap(), daemon.client());
        for _ in 0..20 {
            let (account, context) = (account(&resident("eve")), context());
            client.call(Call::Verify { account, code: code(&wrong), context }).unwrap();
            daemon.rest(900);
        }
        Self { daemon, services, phone }
    }

    /// Whether somebody gets in through a stack with these lines around the module's.
    fn lets_in(&mut self, outcome: Outcome, (before, control, after): (&str, &str, &str)) -> bool {
        let options = match outcome {
            DownClosed => "socket=GONE",
            DownOpen => "socket=GONE fail=open",
            Accepted | Denied | Nothing | Aborted | Locked => "socket=",
        };
        let stack = format!("{before}auth {control} pam_mfad.so realm=town {options}\n{after}");
        self.services.write("cell", &stack);
        let user = match outcome {
            Nothing => "bob",
            Locked => "eve",
            Accepted | Denied | DownClosed | DownOpen | Aborted => "ann",
        };
        // A code that was used is denied as a wrong one is, and makes nobody wait.
        let used = self.phone.code(self.daemon.time() / 30);
        let typed = if outcome == Accepted { next_code(&self.daemon, &mut self.phone) } else { used };
        let answer = if outcome == Aborted { Answer::Refusal } else { Answer::Text(typed) };
        let login = self.services.converse("cell", user, |_| answer.clone());
        let asked = login.said(Style::Hidden).len();
        let expected = match outcome {
            Accepted | Aborted => 1,
            Denied => 3,
            Nothing | DownClosed | DownOpen | Locked => 0,
        };
        let reached = !before.contains("pam_deny");
        assert_eq!(asked, if reached { expected } else { 0 }, "{outcome:?} {stack}{login:?}");
        if outcome == Accepted && !reached {
            // What was not typed is not used.
            assert_eq!(login.code, AUTH_ERR);
        }
        login.code == SUCCESS
    }

    /// Who gets in.
    fn passes(&mut self, stack: (&str, &str, &str)) -> BTreeSet<Outcome> {
        ALL.into_iter().filter(|outcome| self.lets_in(*outcome, stack)).collect()
    }
}

fn set(outcomes: &[Outcome]) -> BTreeSet<Outcome> {
    outcomes.iter().copied().collect()
}

#[test]
fn nobody_gets_in_who_should_not() {
    let mut gate = Gate::open();
    let requisite_permit = "auth requisite pam_permit.so\n";
    for control in CONTROLS {
        let Control { words, behind, before, before_deny, alone } = control;
        assert_eq!(gate.passes((requisite_permit, words, "")), set(behind), "{words} behind pam_permit");
        assert_eq!(gate.passes(("", words, PERMIT)), set(before), "{words} before pam_permit");
        assert_eq!(gate.passes(("", words, DENY)), set(before_deny), "{words} before pam_deny");
        assert_eq!(gate.passes(("", words, "")), set(alone), "{words} alone");
    }
}

#[test]
fn nobody_is_asked_for_a_code_behind_a_first_factor_that_was_wrong() {
    let mut gate = Gate::open();
    for Control { words, .. } in CONTROLS {
        assert_eq!(gate.passes(("auth requisite pam_deny.so\n", words, PERMIT)), set(&[]), "{words}");
    }
}

#[test]
fn a_jump_over_a_denial_lets_in_whom_it_names() {
    let mut gate = Gate::open();
    let after = format!("auth requisite pam_deny.so\n{PERMIT}");
    for (words, expected) in [
        ("[success=1 default=ignore]", &[Accepted][..]),
        ("[success=1 ignore=1 default=ignore]", RIGHT),
        ("[success=1 ignore=1 default=die]", RIGHT),
        ("[success=done default=die]", &[Accepted]),
    ] {
        assert_eq!(gate.passes(("", words, &after)), set(expected), "{words}");
    }
}
