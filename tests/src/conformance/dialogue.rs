//! What is said to a daemon that lives: every call, and every refusal.

use std::time::{Duration, Instant};

use mfad_proto::{
    Account, Algorithm, Call, Digits, Enforcement, ForeignFactor, Handle, Issuer, LogFilter, Note, Proof, Realm,
    StatsPlace, TotpKey, UserName,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::talk::{Fault, Talk, account, codes, context, id_of, text};
use super::{Candidate, Report};
use crate::app::{App, other_than};
use crate::calls::code;
use crate::daemon::Daemon;
use crate::listed::realm;
use crate::rights::password;

/// Leads all of it.
pub(super) fn lead(candidate: &Candidate<'_>, report: &mut Report) {
    let mut daemon = Daemon::unstarted("mfad-clocked", REALMS);
    daemon.set_helper(daemon.folder().join("nobody"));
    daemon.spawn();
    let mut talk = Talk::begin(daemon, candidate, report);
    talk.part("how the server is", |talk| {
        let healthy = json!({ "reply": "pong", "version": env!("CARGO_PKG_VERSION"), "ready": true, "why": "" });
        talk.turn(Call::Ping, healthy).map(drop)
    });
    talk.part("an account enrols and logs in", enrolment);
    talk.part("a factor is looked after", care);
    talk.part("guesses must wait, and are stopped", guesses);
    talk.part("the server keeps passwords, and enforces", passwords);
    talk.part("an administrator helps", administration);
    talk.part("a factor is imported", import);
    talk.part("handles stand for accounts", handles);
    talk.part("accounts are listed", lists);
    talk.part("the log and the measurements are read", records);
    talk.part("keys are changed, and a backup is made", keys);
    talk.part("what is not served, not permitted, not legal, or not there", refusals);
}

/// Realm `town` vouches; `kept` keeps passwords; `tickets` asks for tickets; `shop` replaces factors without a code. Nobody
/// judges the passwords of `system`.
const REALMS: &str = "[realm.town]\n[realm.kept]\nfirst_factor = \"password\"\n[realm.tickets]\nenroll = \"ticket\"\n\
    [realm.shop]\nreplace = \"asserted\"\n";

fn enrolment(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let (ann, begin) =
        (|| account("town", "ann"), || Call::Begin { account: account("town", "ann"), context: context() });
    talk.turn(begin(), json!({ "reply": "need", "need": "nothing" }))?;
    let nobody = json!({
        "reply": "status", "realm": "town", "user": "ann", "state": "none", "enforced": false, "recovery_left": 0,
        "enrolled_at": null, "last_success": null, "failures_since": 0, "retry_after": null,
    });
    talk.turn(Call::Status { account: ann() }, nobody)?;
    let issuer = Issuer::new("The Town");
    let enroll = Call::Enroll { account: ann(), proof: Proof::Asserted, ticket: None, issuer, context: context() };
    let begun = talk.turn(enroll, json!({ "reply": "enrollment", "expires_at": talk.now() + 600 }))?;
    let uri = text(&begun, "uri");
    if !uri.starts_with("otpauth://totp/The%20Town:ann?secret=") || !text(&begun, "handle").starts_with("mfad1:") {
        return Err(format!("the URI or the handle is another one: {begun}"));
    }
    talk.turn(Call::Status { account: ann() }, json!({ "state": "pending" }))?;
    let (app, enrolled) = (App::scan(uri), talk.now());
    let confirm = |code| Call::Confirm { account: ann(), enrollment: id_of(&begun), code };
    let wrong = wrong(talk, &app);
    talk.refused(confirm(code(&wrong)), "denied")?;
    let spare = codes(&talk.turn(confirm(code(&app.code(enrolled))), json!({ "reply": "enrolled" }))?)?;
    talk.turn(begin(), json!({ "reply": "need", "need": "code" }))?;

    let verify = |typed: &str| Call::Verify { account: ann(), code: code(typed), context: context() };
    talk.refused(verify(&app.code(enrolled)), "denied")?;
    talk.refused(verify(&wrong), "denied")?;
    let next = talk.next(&app);
    let failure = json!({ "time": enrolled, "service": "conformance" });
    let accepted = json!({
        "reply": "accepted", "factor": "totp", "recovery_left": 10, "failures_since": 1, "last_failure": failure,
    });
    talk.turn(verify(&next), accepted)?;
    talk.refused(verify(&next), "denied")?;
    let accepted = json!({
        "reply": "accepted", "factor": "recovery", "recovery_left": 9, "failures_since": 0, "last_failure": null,
    });
    talk.turn(verify(&spare[0].to_lowercase().replace('-', " ")), accepted)?;
    talk.refused(verify(&spare[0]), "denied")?;
    let stands = json!({
        "reply": "status", "state": "active", "recovery_left": 9, "enrolled_at": enrolled, "last_success": talk.now(),
        "failures_since": 1,
    });
    talk.turn(Call::Status { account: ann() }, stands).map(drop)
}

fn care(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let bob = || account("town", "bob");
    let (app, spare) = talk.enroll("town", "bob", Proof::Asserted)?;
    let recovery = |typed: &str| Call::Recovery { account: bob(), proof: Proof::Asserted, code: code(typed) };
    let renewed = codes(&talk.turn(recovery(&spare[0]), json!({ "reply": "recovery_codes" }))?)?;
    talk.refused(recovery(&spare[1]), "denied")?;
    // The app's clock is three steps ahead.
    let resync = |[first, second]: [u64; 2]| {
        let (first, second) = (code(&app.code(first)), code(&app.code(second)));
        Call::Resync { account: bob(), proof: Proof::Asserted, first, second }
    };
    let ahead = |steps: u64| talk.now() + 30 * steps;
    let (first, second) = (ahead(2), ahead(3));
    talk.refused(resync([second, first]), "denied")?;
    talk.done(resync([first, second]))?;
    let (verify, accepted) = (
        Call::Verify { account: bob(), code: code(&app.code(second + 30)), context: context() },
        json!({ "reply": "accepted", "factor": "totp" }),
    );
    talk.turn(verify, accepted)?;
    let reset =
        |typed: &str| Call::Reset { account: bob(), proof: Proof::Asserted, code: code(typed), context: context() };
    talk.done(reset(&renewed[0]))?;
    talk.refused(reset(&renewed[1]), "denied")?;
    let begin = Call::Begin { account: bob(), context: context() };
    talk.turn(begin, json!({ "reply": "need", "need": "nothing" })).map(drop)
}

fn guesses(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let eve = || account("town", "eve");
    let (app, _) = talk.enroll("town", "eve", Proof::Asserted)?;
    let wrong = wrong(talk, &app);
    let verify = |typed: &str| Call::Verify { account: eve(), code: code(typed), context: context() };
    for _ in 0..3 {
        talk.refused(verify(&wrong), "denied")?;
    }
    let next = talk.next(&app);
    talk.turn(verify(&next), json!({ "reply": "refused", "refusal": "try_later", "seconds": 5 }))?;
    talk.turn(Call::Status { account: eve() }, json!({ "retry_after": 5, "failures_since": 3 }))?;
    for _ in 0..17 {
        talk.daemon.rest(900);
        talk.refused(verify(&wrong), "denied")?;
    }
    let begin = || Call::Begin { account: eve(), context: context() };
    talk.turn(begin(), json!({ "reply": "need", "need": "locked" }))?;
    talk.turn(Call::Status { account: eve() }, json!({ "state": "locked", "retry_after": null }))?;
    talk.daemon.rest(900);
    talk.refused(verify(&next), "denied")?;
    talk.done(Call::Unlock { account: eve() })?;
    talk.turn(begin(), json!({ "reply": "need", "need": "code" }))?;
    talk.turn(verify(&next), json!({ "reply": "accepted", "failures_since": 20 })).map(drop)
}

fn passwords(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let cleo = || account("kept", "cleo");
    let authenticate = |secret: &str, typed: &str| Call::Authenticate {
        account: cleo(),
        password: password(secret),
        code: code(typed),
        context: context(),
    };
    let passwd =
        |old, typed, new| Call::Passwd { account: cleo(), old: password(old), code: code(typed), new: password(new) };
    let set = |enforcement| Call::SetPolicy { realm: realm("kept"), enforcement };
    talk.done(Call::SetPassword { account: cleo(), password: password("horse") })?;
    talk.turn(authenticate("horse", ""), json!({ "reply": "accepted", "factor": "password" }))?;
    talk.refused(authenticate("mule", ""), "denied")?;
    talk.done(passwd("horse", "", "goat"))?;
    talk.refused(passwd("goat", "", ""), "malformed")?;

    let later = json!({ "after": talk.now() + 3600 });
    let policy = json!({
        "reply": "policy", "enforcement": later, "stored": true, "enforced": false, "first_factor": "password",
        "enroll": "open", "replace": "code",
    });
    talk.turn(set(Enforcement::After { time: talk.now() + 3600 }), policy)?;
    talk.turn(set(Enforcement::On), json!({ "reply": "policy", "enforcement": "on", "enforced": true }))?;
    talk.turn(Call::GetPolicy { realm: realm("kept") }, json!({ "enforcement": "on", "enforced": true }))?;
    let begin = Call::Begin { account: cleo(), context: context() };
    talk.turn(begin, json!({ "reply": "need", "need": "enroll", "ticket": false }))?;
    talk.refused(authenticate("goat", ""), "enrollment_required")?;
    let enroll = |secret| Call::Enroll {
        account: cleo(),
        proof: Proof::Password(password(secret)),
        ticket: None,
        issuer: None,
        context: context(),
    };
    talk.refused(enroll("mule"), "denied")?;
    let (app, spare) = talk.enroll("kept", "cleo", Proof::Password(password("goat")))?;
    talk.refused(enroll("goat"), "not_permitted")?;
    talk.refused(authenticate("goat", &app.code(talk.now())), "denied")?;
    let next = talk.next(&app);
    talk.turn(authenticate("goat", &next), json!({ "reply": "accepted", "factor": "totp", "recovery_left": 10 }))?;
    talk.done(passwd("goat", &spare[0], "lamb"))?;
    let reset = Call::Reset {
        account: cleo(),
        proof: Proof::Password(password("lamb")),
        code: code(&spare[1]),
        context: context(),
    };
    let begun = talk.turn(reset, json!({ "reply": "enrollment", "expires_at": talk.now() + 600 }))?;
    talk.confirm("kept", "cleo", &begun)?;
    talk.turn(set(Enforcement::Off), json!({ "enforcement": "off", "enforced": false, "stored": true })).map(drop)
}

fn administration(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let dan = || account("tickets", "dan");
    let disable = || Call::Disable { account: dan(), reason: Note::new("the phone is lost").expect("a legal reason") };
    let enroll = |ticket: Option<&str>| Call::Enroll {
        account: dan(),
        proof: Proof::Asserted,
        ticket: ticket.map(code),
        issuer: None,
        context: context(),
    };
    talk.refused(disable(), "denied")?;
    talk.turn(
        Call::SetPolicy { realm: realm("tickets"), enforcement: Enforcement::On },
        json!({ "enroll": "ticket" }),
    )?;
    let begin = Call::Begin { account: dan(), context: context() };
    talk.turn(begin, json!({ "reply": "need", "need": "enroll", "ticket": true }))?;
    let issued = json!({ "reply": "issued", "expires_at": talk.now() + 24 * 3600 });
    let ticket = talk.turn(Call::Recover { account: dan() }, issued.clone())?;
    talk.refused(enroll(Some("K7QX-2MZA-WD4T-BN6E")), "denied")?;
    let begun = talk.turn(enroll(Some(text(&ticket, "code"))), json!({ "reply": "enrollment" }))?;
    talk.confirm("tickets", "dan", &begun)?;
    let lost = talk.turn(Call::Recover { account: dan() }, issued)?;
    let verify = Call::Verify { account: dan(), code: code(text(&lost, "code")), context: context() };
    talk.turn(verify, json!({ "reply": "accepted", "factor": "recovery", "recovery_left": 10 }))?;
    talk.done(disable())?;
    talk.turn(Call::Show { account: dan() }, json!({ "reply": "profile", "factor": null, "generation": 1 }))?;
    talk.done(Call::Remove { account: dan() })?;
    talk.refused(Call::Remove { account: dan() }, "denied")?;
    talk.refused(Call::Unlock { account: dan() }, "denied")?;
    talk.refused(Call::Show { account: dan() }, "denied")
}

fn import(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let factor = |key: u8| ForeignFactor {
        key: TotpKey::new(Zeroizing::new(vec![key; 20])).expect("a key of legal length"),
        algorithm: Algorithm::Sha256,
        digits: Digits::new(8).expect("a legal count"),
    };
    let one = |key, apply| Call::ImportOne { account: account("town", "gus"), factor: factor(key), apply };
    talk.turn(one(7, false), json!({ "reply": "imported", "already": false, "handle": null }))?;
    let taken = talk.turn(one(7, true), json!({ "reply": "imported", "already": false }))?;
    talk.turn(one(7, true), json!({ "already": true, "handle": taken["handle"] }))?;
    talk.refused(one(8, true), "not_permitted")?;
    let shown = talk.turn(Call::Show { account: account("town", "gus") }, json!({ "reply": "profile" }))?;
    let made = json!({ "algorithm": "SHA256", "digits": 8, "behind": 0, "ahead": 0, "handle": taken["handle"] });
    if shown["factor"] == made { Ok(()) } else { Err(format!("the factor is another one: {shown}")) }
}

fn handles(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let verify = |handle: &Account, typed: &str| {
        let Account::Handle(handle) = handle else { unreachable!("accounts by handle alone") };
        Call::Verify { account: Account::Handle(*handle), code: code(typed), context: context() }
    };
    let accepted = || json!({ "reply": "accepted", "factor": "totp", "recovery_left": 0 });
    let (first, app) = begin_by_handle(talk, "shop", "hal")?;
    let now = talk.now();
    talk.turn(verify(&first, &app.code(now)), accepted())?;
    talk.refused(verify(&first, &app.code(now)), "denied")?;
    // The application has not stored the second one: the first goes on working until the second is accepted once more.
    let (second, newer) = begin_by_handle(talk, "shop", "hal")?;
    talk.turn(verify(&second, &newer.code(talk.now())), accepted())?;
    let next = talk.next(&app);
    talk.turn(verify(&first, &next), accepted())?;
    talk.turn(verify(&second, &newer.code(talk.now())), accepted())?;
    let next = talk.next(&app);
    talk.refused(verify(&first, &next), "denied")?;
    let list = Call::ListHandles { realm: realm("shop"), after: None, limit: 10 };
    let listed = talk.turn(list, json!({ "reply": "handles", "next": null }))?;
    let stages: Vec<_> = listed["handles"].as_array().into_iter().flatten().map(|each| text(each, "stage")).collect();
    if stages == ["current"] { Ok(()) } else { Err(format!("another list of handles: {listed}")) }
}

/// Begins an enrolment, and returns its account by handle and the app.
fn begin_by_handle(talk: &mut Talk<'_>, of: &str, user: &str) -> Result<(Account, App), Fault> {
    let (proof, context) = (Proof::Asserted, context());
    let enroll = Call::Enroll { account: account(of, user), proof, ticket: None, issuer: None, context };
    let begun = talk.turn(enroll, json!({ "reply": "enrollment" }))?;
    let handle = Handle::new(text(&begun, "handle")).ok_or("no handle")?;
    Ok((Account::Handle(handle), App::scan(text(&begun, "uri"))))
}

fn lists(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let (mut users, mut after) = (Vec::new(), None);
    loop {
        let list = Call::List { realm: realm("town"), after, limit: 2 };
        let page = talk.turn(list, json!({ "reply": "accounts" }))?;
        users.extend(page["accounts"].as_array().into_iter().flatten().map(|each| text(each, "user").to_owned()));
        match page["next"].as_str() {
            Some(next) => after = UserName::new(next),
            None => break,
        }
    }
    if users == ["ann", "bob", "eve", "gus"] { Ok(()) } else { Err(format!("the accounts are {users:?}")) }
}

fn records(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let filter = |user: &str| LogFilter {
        realm: Some(realm("town")),
        user: UserName::new(user),
        since: None,
        until: Some(u64::MAX),
        outcome: None,
    };
    let audit = |user, verify| Call::Audit { after: None, filter: filter(user), verify };
    let page = talk.turn(audit("gus", false), json!({ "reply": "log", "findings": [] }))?;
    let lines: Vec<_> = page["lines"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    // The first of them bears a hash: the name was unknown then.
    if lines.len() < 4 || !lines[1..].iter().all(|line| line.contains("\"gus\"")) {
        return Err(format!("these are not the lines about gus: {page}"));
    }
    talk.turn(audit("gus", true), json!({ "reply": "log", "lines": [], "findings": [] }))?;
    let first = talk.turn(Call::Stats { after: None }, json!({ "reply": "stats" }))?;
    let samples = first["samples"].as_array().map_or(0, Vec::len);
    let after = first["next"]["sample"].as_u64().and_then(|number| u32::try_from(number).ok());
    let after = after.map_or(StatsPlace::Account(None), StatsPlace::Sample);
    let second = talk.turn(Call::Stats { after: Some(after) }, json!({ "reply": "stats" }))?;
    if samples > 0 && second != first { Ok(()) } else { Err(format!("{first}, and then {second}")) }
}

fn keys(talk: &mut Talk<'_>) -> Result<(), Fault> {
    talk.turn(Call::KeyStatus, json!({ "reply": "keys", "key": 1, "old": null, "left": 0 }))?;
    talk.turn(Call::KeyRotate, json!({ "reply": "keys", "key": 2, "made_at": talk.now() }))?;
    let end = Instant::now() + Duration::from_secs(60);
    while talk.turn(Call::KeyStatus, json!({ "key": 2 }))?["old"] != Value::Null {
        if Instant::now() > end {
            return Err("the change of keys does not end".to_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    talk.refused(Call::Backup { passphrase: password("") }, "malformed")?;
    let backup = talk.turn(Call::Backup { passphrase: password("battery staple") }, json!({ "reply": "backup" }))?;
    if backup["records"].as_u64() >= Some(6) { Ok(()) } else { Err(format!("it holds too little: {backup}")) }
}

fn refusals(talk: &mut Talk<'_>) -> Result<(), Fault> {
    let begin = |of, user| Call::Begin { account: account(of, user), context: context() };
    let authenticate = |of, user| Call::Authenticate {
        account: account(of, user),
        password: password("horse"),
        code: code("123456"),
        context: context(),
    };
    talk.refused(begin("elsewhere", "ann"), "not_permitted")?;
    talk.refused(authenticate("town", "ann"), "unsupported")?;
    talk.refused(Call::SetPassword { account: account("town", "ann"), password: password("horse") }, "unsupported")?;
    talk.refused(Call::SetPassword { account: account("kept", "ann"), password: password("") }, "malformed")?;
    talk.refused(authenticate(Realm::system().as_str(), "root"), "unavailable")?;
    let nobody = Call::Verify { account: account("town", "nobody"), code: code(""), context: context() };
    talk.refused(nobody, "denied")
}

/// A code of no step near now.
fn wrong(talk: &Talk<'_>, app: &App) -> String {
    other_than(&(0..12).map(|n| app.code(talk.now() - 150 + 30 * n)).collect::<Vec<_>>())
}
