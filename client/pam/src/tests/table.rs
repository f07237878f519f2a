//! What PAM is told: the table of the design, row by row.

use std::io;
use std::path::PathBuf;

use mfad_client::module::{Enroll, Fail, ModuleOptions, Pass};
use mfad_client::{Error, ServerUid};
use mfad_proto::{Malformed, Realm, Refusal, Response};

use crate::outcome::{Outcome, ReturnCode};

/// The numbers of Linux-PAM's `_pam_types.h`.
const SUCCESS: i32 = 0;
const SERVICE_ERR: i32 = 3;
const AUTH_ERR: i32 = 7;
const AUTHINFO_UNAVAIL: i32 = 9;
const MAXTRIES: i32 = 11;
const IGNORE: i32 = 25;

fn error(kind: i32) -> io::Error {
    io::Error::from_raw_os_error(kind)
}

#[test]
fn each_outcome_has_its_code() {
    let path = || "/s".into();
    for (outcome, closed, open) in [
        (Outcome::Accepted, SUCCESS, SUCCESS),
        (Outcome::Denied, AUTH_ERR, AUTH_ERR),
        (Outcome::Aborted, AUTH_ERR, AUTH_ERR),
        (Outcome::Nothing, IGNORE, IGNORE),
        (Outcome::FirstFactor, IGNORE, IGNORE),
        (Outcome::Locked, MAXTRIES, MAXTRIES),
        (Outcome::TooSoon, MAXTRIES, MAXTRIES),
        (Outcome::Misconfigured, SERVICE_ERR, SERVICE_ERR),
        (Outcome::Unexpected, AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL),
        (Outcome::Unspeakable, AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL),
        (Outcome::Refused(Refusal::Unavailable), AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL),
        (Outcome::Refused(Refusal::NotPermitted), AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL),
        (Outcome::Refused(Refusal::Malformed), AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL),
        (Outcome::Refused(Refusal::Unsupported), AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL),
        (Outcome::Refused(Refusal::EnrollmentRequired), AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL),
        (Outcome::Refused(Refusal::Denied), AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL),
        (Outcome::Refused(Refusal::TryLater { seconds: 1 }), AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL),
        // ENOENT and ECONNREFUSED.
        (Outcome::Unreached(Error::NotRunning { path: path(), error: error(2) }), AUTHINFO_UNAVAIL, IGNORE),
        (Outcome::Unreached(Error::NotRunning { path: path(), error: error(111) }), AUTHINFO_UNAVAIL, IGNORE),
        // The daemon had answered before.
        (
            Outcome::Unanswered(Error::NotRunning { path: path(), error: error(111) }),
            AUTHINFO_UNAVAIL,
            AUTHINFO_UNAVAIL,
        ),
    ] {
        let codes = [Fail::Closed, Fail::Open].map(|fail| outcome.code(fail).number());
        assert_eq!(codes, [closed, open], "{outcome:?}");
    }
}

#[test]
fn every_other_way_to_have_no_answer_is_never_ignored() {
    let path = || "/s".into();
    let malformed = Response::read(&[]).err().expect("nothing is no response");
    let errors: [fn(PathBuf, Malformed) -> Error; 8] = [
        |path, _| Error::Connect { path, error: error(13) },
        |path, _| Error::WrongServer { path, uid: ServerUid(7) },
        |_, _| Error::Deadline,
        |_, _| Error::Gone,
        |_, _| Error::UnknownFate,
        |_, _| Error::Version { min: 2, max: 2 },
        |_, malformed| Error::Malformed(malformed),
        |_, _| Error::Protocol("p"),
    ];
    for make in errors {
        for outcome in [Outcome::Unreached, Outcome::Unanswered].map(|kind| kind(make(path(), malformed))) {
            let codes = [Fail::Closed, Fail::Open].map(|fail| outcome.code(fail).number());
            assert_eq!(codes, [AUTHINFO_UNAVAIL; 2], "{outcome:?}");
        }
    }
}

#[test]
fn only_an_accepted_factor_is_a_success() {
    for code in [ReturnCode::ServiceErr, ReturnCode::AuthErr, ReturnCode::AuthInfoUnavail, ReturnCode::MaxTries] {
        assert!(![SUCCESS, IGNORE].contains(&code.number()), "{code:?}");
    }
    assert_eq!((ReturnCode::Success.number(), ReturnCode::Ignore.number()), (SUCCESS, IGNORE));
}

#[test]
fn options_are_what_the_design_says_and_nothing_else() {
    let parse = |words: &'static str| ModuleOptions::parse(words.split_terminator('|'));
    assert_eq!(parse(""), Ok(ModuleOptions::default()));
    let all = "realm=town|socket=/s|server_uid=7|enroll=off|fail=open|prompt=Code: |echo|use_first_pass|debug";
    let expected = ModuleOptions {
        realm: Realm::new("town").expect("a realm"),
        socket: Some("/s".into()),
        server_uid: Some(7),
        enroll: Enroll::Off,
        fail: Fail::Open,
        prompt: Some("Code: ".to_owned()),
        echo: true,
        pass: Pass::UseFirst,
        debug: true,
    };
    assert_eq!(parse(all), Ok(expected));
    let usual = "realm=system|enroll=off|enroll=prompt|fail=open|fail=closed";
    assert_eq!(parse(usual), Ok(ModuleOptions::default()));
    assert_eq!(parse("try_first_pass|try_first_pass").map(|options| options.pass), Ok(Pass::TryFirst));
    assert_eq!(parse("forward_pass").map(|options| options.pass), Ok(Pass::Forward));
    for wrong in [
        "nullok",
        "ECHO",
        "echo=1",
        "realm",
        "realm=",
        "realm=Town",
        "socket=",
        "socket=s",
        "server_uid=",
        "server_uid=-1",
        "server_uid=x",
        "enroll=",
        "enroll=on",
        "enroll",
        "fail",
        "fail=",
        "fail=OPEN",
        "prompt",
        "prompt=",
        "debug=yes",
        "",
    ] {
        let words: Vec<_> = ["echo", wrong, "debug"].into();
        assert_eq!(ModuleOptions::parse(words), Err(wrong));
    }
    for pair in ["try_first_pass|use_first_pass", "use_first_pass|forward_pass", "forward_pass|try_first_pass"] {
        assert_eq!(parse(pair).err(), pair.split('|').nth(1));
    }
}
