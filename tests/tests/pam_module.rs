//! The built PAM module behind the real libpam, in this process: what it links to, what it asks and answers, and that no
//! stack lets anybody in who should not get in.

use std::collections::BTreeSet;

use mfad_proto::{Call, Refusal, Reply};
use mfad_tests::applicant::{LINE, Login, SERVED, Services, enroll, next_code};
use mfad_tests::daemon::Daemon;
use mfad_tests::impostor;
use mfad_tests::pam::{
    AUTH_ERR, AUTHINFO_UNAVAIL, Answer, Conversation, Item, PERM_DENIED, SERVICE_ERR, SUCCESS, Step, Style, Transaction,
};
use mfad_tests::programs::{built, tool};

/// What a tool says of the module.
fn told(program: &str, args: &[&str]) -> String {
    let output = tool(program).args(args).arg(built("libpam_mfad.so")).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn daemon() -> Daemon {
    Daemon::start_clocked(SERVED)
}

/// A stack of the module alone, whose own code so comes out; `PAM_IGNORE` as [`IGNORED`].
fn alone(options: &str) -> String {
    format!("auth required pam_mfad.so realm=town {options}\n")
}

/// What libpam says where nobody has an opinion.
const IGNORED: i32 = PERM_DENIED;

const PERMIT: &str = "auth required pam_permit.so\n";

#[test]
fn it_links_to_nothing_beyond_libc_libpam_and_libgcc() {
    let needed = told("readelf", &["--dynamic", "--wide"]);
    let named = |line: &str| Some(line.split_once("(NEEDED)")?.1.split_once('[')?.1.trim_end_matches(']').to_owned());
    let needed: BTreeSet<_> = needed.lines().filter_map(named).collect();
    // The loader, whose name begins with `ld-`, is a part of libc.
    let is_loader = |name: &String| name.starts_with("ld-") || name == "ld64.so.2";
    let others: Vec<_> = needed.iter().filter(|name| !is_loader(name)).map(String::as_str).collect();
    assert_eq!(others, ["libc.so.6", "libgcc_s.so.1", "libpam.so.0"]);
    assert!(!told("ldd", &["-r"]).contains("undefined"), "a symbol is nowhere");
}

#[test]
fn it_exports_the_six_entry_points_and_holds_nothing_of_the_daemon() {
    let exported = told("nm", &["--dynamic", "--defined-only", "--format=posix"]);
    let exported: Vec<_> = exported.lines().filter_map(|line| line.split(' ').next()).collect();
    let entries = ["acct_mgmt", "authenticate", "chauthtok", "close_session", "open_session", "setcred"];
    assert_eq!(exported, entries.map(|entry| format!("pam_sm_{entry}")));
    let all = told("nm", &["--format=posix"]);
    assert!(all.contains("mfad_client") && all.contains("bincode"), "its symbols were stripped");
    for foreign in ["tokio", "sled", "argon2", "totp_rs", "clap", "serde", "pthread_create", "sigaction", "setenv"] {
        let found: Vec<_> = all.lines().filter(|line| line.contains(foreign)).collect();
        assert!(found.is_empty(), "{foreign}: {found:?}");
    }
}

#[test]
fn every_other_entry_point_is_ignored_with_or_without_an_authentication() {
    let daemon = daemon();
    let mut phone = enroll(&daemon, "ann");
    let services = Services::asking(&daemon.socket());
    let line = |kind: &str| {
        let module = format!("{kind} [ignore=1 default=die] pam_mfad.so realm=town socket=\n");
        format!("{module}{kind} required pam_deny.so\n{kind} required pam_permit.so\n")
    };
    let others: String = ["account", "session", "password"].map(line).concat();
    services.write("ignored", &format!("{}{others}", line("auth")));
    let accepting = format!("auth required pam_mfad.so realm=town socket=\n{PERMIT}{others}");
    services.write("accepting", &accepting);
    // No word of it can be read, and no daemon is there: they do not look.
    services.write("wrong", &others.replace("realm=town socket=", "no-such-option socket=GONE"));
    let silent = Conversation::new(|_, _| Answer::Refusal);
    for service in ["ignored", "wrong"] {
        let mut transaction = Transaction::start(services.path(), service, Some("ann"), &silent);
        let steps = Step::ALL.into_iter().filter(|step| *step != Step::Authenticate);
        for step in steps.filter(|step| service == "ignored" || *step != Step::SetCredentials) {
            assert_eq!(transaction.take(step, 0), SUCCESS, "{service}: {step:?} without an authentication");
        }
    }
    for right in [true, false] {
        let code = next_code(&daemon, &mut phone);
        let answer = Conversation::new(|style, _| match style {
            Style::Hidden if right => Answer::Text(code.clone()),
            Style::Hidden => Answer::Refusal,
            _ => Answer::Nothing,
        });
        let mut transaction = Transaction::start(services.path(), "accepting", Some("ann"), &answer);
        let expected = if right { SUCCESS } else { AUTH_ERR };
        assert_eq!(transaction.take(Step::Authenticate, 0), expected);
        for step in [Step::Account, Step::OpenSession, Step::CloseSession, Step::ChangePassword] {
            assert_eq!(transaction.take(step, 0), SUCCESS, "{step:?} after an authentication: {right}");
        }
        // libpam goes the way of the authentication, and then the module before `pam_permit` has no opinion.
        let credentials = transaction.take(Step::SetCredentials, 0);
        assert_eq!(credentials == SUCCESS, right, "{credentials}");
        assert_eq!(transaction.get(Item::User).as_deref(), Some("ann"));
    }
}

#[test]
fn an_unknown_option_is_a_service_error_before_anybody_is_asked() {
    let daemon = daemon();
    let _phone = enroll(&daemon, "ann");
    let services = Services::of(&daemon, LINE);
    for option in ["no-such", "fail=opened", "realm=", "socket=relative", "server_uid=x", "echo=yes", "prompt="] {
        services.write("login", &alone(&format!("socket= {option}")));
        let Login { code, said } = services.login("ann", &[]);
        let told = "The second factor cannot be used here. Ask the administrator.".to_owned();
        assert_eq!((code, said), (SERVICE_ERR, vec![(Style::Error, told)]), "{option}");
    }
}

#[test]
fn the_answer_is_hidden_unless_the_stack_says_echo() {
    let daemon = daemon();
    let mut phone = enroll(&daemon, "ann");
    let services = Services::of(&daemon, LINE);
    for (options, style, question) in [
        ("", Style::Hidden, "Verification code: "),
        ("echo", Style::Shown, "Verification code: "),
        ("[prompt=Six digits of the app: ]", Style::Hidden, "Six digits of the app: "),
    ] {
        services.write("login", &alone(&format!("socket= {options}")));
        let login = services.login("ann", &[&next_code(&daemon, &mut phone)]);
        assert_eq!((login.code, login.said), (SUCCESS, vec![(style, question.to_owned())]), "{options}");
    }
}

#[test]
fn three_misses_deny_and_each_is_told() {
    let daemon = daemon();
    let mut phone = enroll(&daemon, "ann");
    let services = Services::of(&daemon, &alone("socket="));
    let used = phone.code(daemon.time() / 30);
    let login = services.login("ann", &[&used, &used, &used]);
    assert_eq!(login.code, AUTH_ERR);
    assert_eq!(login.said(Style::Hidden).len(), 3);
    assert_eq!(login.said(Style::Error), ["Not accepted. Each code works once: wait for the next one."; 3]);
    let login = services.login("ann", &["000000", &next_code(&daemon, &mut phone)]);
    assert_eq!(login.code, SUCCESS, "{login:?}");
}

#[test]
fn a_conversation_that_fails_or_answers_nothing_is_denied() {
    let daemon = daemon();
    let _phone = enroll(&daemon, "ann");
    let services = Services::of(&daemon, &alone("socket="));
    for answer in [Answer::Refusal, Answer::Nothing] {
        let mut asked = 0;
        let login = services.converse("login", "ann", |_| {
            asked += 1;
            answer.clone()
        });
        assert_eq!((login.code, asked), (AUTH_ERR, 1), "{answer:?}: {login:?}");
    }
    assert!(services.login("ann", &["", "", ""]).code != SUCCESS);
}

#[test]
fn who_needs_nothing_is_not_asked_and_who_has_no_legal_name_is_not_let_in() {
    let daemon = daemon();
    let services = Services::of(&daemon, &alone("socket="));
    let Login { code, said } = services.login("bob", &[]);
    assert_eq!((code, said), (IGNORED, vec![]));
    for name in ["bob:", "b/ob", "b\nob", &"b".repeat(256)] {
        let login = services.login(name, &[]);
        assert_eq!(login.code, AUTHINFO_UNAVAIL, "{name:?}: {login:?}");
    }
}

#[test]
fn nobody_gets_in_while_the_daemon_is_down_unless_the_stack_says_open() {
    let daemon = daemon();
    let _phone = enroll(&daemon, "ann");
    let services = Services::asking(&daemon.socket());
    for (options, code) in [
        ("socket=GONE", AUTHINFO_UNAVAIL),
        ("socket=GONE fail=closed", AUTHINFO_UNAVAIL),
        ("socket=GONE fail=open", IGNORED),
    ] {
        services.write("login", &alone(options));
        let login = services.login("ann", &[]);
        let unavailable = "The second factor cannot be checked now. Try again later.";
        let said = if code == IGNORED { vec![] } else { vec![(Style::Error, unavailable.to_owned())] };
        assert_eq!((login.code, login.said), (code, said), "{options}");
    }
    // Somebody listens, so this is no outage: whoever can make the daemon fail is not let in.
    let replies: [fn() -> Option<Reply>; 4] = [
        || None,
        || Some(Reply::Refused(Refusal::Unavailable)),
        || Some(Reply::Refused(Refusal::Malformed)),
        || Some(Reply::Done),
    ];
    for (number, reply) in replies.into_iter().enumerate() {
        let socket = daemon.folder().join(format!("impostor-{number}"));
        impostor::serve(&socket, move |_: Call| reply());
        let services = Services::asking(&socket);
        services.write("login", &alone("fail=open socket="));
        assert_eq!(services.login("ann", &[]).code, AUTHINFO_UNAVAIL, "impostor {number}");
    }
}

#[test]
fn a_name_that_libpam_asks_for_is_the_one_that_logs_in() {
    let daemon = daemon();
    let mut phone = enroll(&daemon, "ann");
    let services = Services::of(&daemon, LINE);
    let code = next_code(&daemon, &mut phone);
    let answer = Conversation::new(|style, _| match style {
        Style::Shown => Answer::Text("ann".to_owned()),
        Style::Hidden => Answer::Text(code.clone()),
        Style::Error | Style::Info => Answer::Nothing,
    });
    let mut transaction = Transaction::start(services.path(), "login", None, &answer);
    assert_eq!(transaction.take(Step::Authenticate, 0), SUCCESS);
    assert_eq!(transaction.get(Item::User).as_deref(), Some("ann"));
}

#[test]
fn the_login_says_who_comes_from_where() {
    let daemon = daemon();
    let mut phone = enroll(&daemon, "ann");
    let services = Services::of(&daemon, LINE);
    assert_eq!(services.login("ann", &[&next_code(&daemon, &mut phone)]).code, SUCCESS);
    let audit = daemon.mfactl(&["--realm", "town", "--json", "admin", "audit", "--user", "ann"], "");
    let lines = String::from_utf8(audit.stdout).unwrap();
    let last = lines.lines().rfind(|line| line.contains("verify")).unwrap_or_else(|| panic!("{lines}"));
    for word in ["192.0.2.7", "\"ssh\"", "\"login\""] {
        assert!(last.contains(word), "{word}: {last}");
    }
}
