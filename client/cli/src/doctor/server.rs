//! Who serves, what it lets this caller ask, and what it says of itself.

use std::error::Error as _;
use std::path::PathBuf;

use mfad_client::{Client, Error, Options};
use mfad_proto::{Call, Metric, Pong, Refusal, Reply, Sample, StatsPlace};
use nix::unistd::geteuid;

use super::Machine;
use super::owners::name;
use super::report::Said;

/// What a server has answered.
pub(super) struct Server {
    pub(super) path: PathBuf,
    pub(super) link: Result<u32, Error>,
    pong: Answer<Pong>,
    pub(super) may_administer: Answer<bool>,
    /// Where the root key was read from, in the server's word.
    pub(super) key: Answer<String>,
    samples: Answer<Vec<Sample>>,
}

/// An answer, or why there is none.
pub(super) enum Answer<T> {
    Given(T),
    Refused(Refusal),
    /// In words that follow "not known: ".
    Missing(String),
}

impl Server {
    /// Asks everything that the checks need. What builds on an answer that did not come is not asked.
    pub(super) fn ask(options: &Options) -> Self {
        let without = |link, why: &str| Self {
            path: options.path.clone(),
            link,
            pong: Answer::Missing(why.to_owned()),
            may_administer: Answer::Missing(why.to_owned()),
            key: Answer::Missing(why.to_owned()),
            samples: Answer::Missing(why.to_owned()),
        };
        let mut client = match Client::connect(options.clone()) {
            Ok(client) => client,
            Err(error) => return without(Err(error), SILENT),
        };
        let uid = client.server().map_or(u32::MAX, |server| server.0);
        let pong = ask(&mut client, Call::Ping, |reply| if let Reply::Pong(pong) = reply { Some(pong) } else { None });
        if !matches!(&pong, Answer::Given(pong) if pong.ready) {
            // Other calls would wait for a proof, and say no more.
            return Self { pong, ..without(Ok(uid), "mfad answers nothing now") };
        }
        let may_administer = ask(&mut client, Call::KeyStatus, |reply| matches!(reply, Reply::Keys(_)).then_some(true));
        let samples = samples(&mut client);
        let key = key_source(&samples);
        Self { path: options.path.clone(), link: Ok(uid), pong, may_administer, key, samples }
    }
}

impl Server {
    /// What the server has counted, where it tells.
    pub(super) fn count(&self, metric: u32) -> Option<u64> {
        let Answer::Given(samples) = &self.samples else { return None };
        samples.iter().find(|sample| sample.metric == metric).map(|sample| sample.value)
    }
}

fn ask<T>(client: &mut Client, call: Call, wanted: impl FnOnce(Reply) -> Option<T>) -> Answer<T> {
    match client.call(call) {
        Ok(Reply::Refused(refusal)) => Answer::Refused(refusal),
        Ok(reply) => wanted(reply)
            .map_or_else(|| Answer::Missing("it gave an answer to another question".to_owned()), Answer::Given),
        Err(error) => Answer::Missing(chain(&error)),
    }
}

/// The server's own measurements.
fn samples(client: &mut Client) -> Answer<Vec<Sample>> {
    let (mut samples, mut after) = (Vec::new(), None);
    for _page in 0..PAGES {
        let page =
            ask(client, Call::Stats { after }, |reply| if let Reply::Stats(page) = reply { Some(page) } else { None });
        let page = match page {
            Answer::Given(page) => page,
            Answer::Refused(refusal) => return Answer::Refused(refusal),
            Answer::Missing(why) => return Answer::Missing(why),
        };
        samples.extend(page.samples);
        match page.next {
            Some(next @ StatsPlace::Sample(_)) => after = Some(next),
            Some(StatsPlace::Account(_)) | None => break,
        }
    }
    Answer::Given(samples)
}

/// The label of the sample that tells where the root key was read from.
fn key_source(samples: &Answer<Vec<Sample>>) -> Answer<String> {
    let samples = match samples {
        Answer::Given(samples) => samples,
        Answer::Refused(refusal) => return Answer::Refused(*refusal),
        Answer::Missing(why) => return Answer::Missing(why.clone()),
    };
    let told = samples.iter().find(|sample| sample.metric == Metric::KEY_INFO);
    told.map_or(Answer::Refused(Refusal::Unsupported), |sample| {
        Answer::Given(sample.labels.first().map(ToString::to_string).unwrap_or_default())
    })
}

/// An error and its causes.
pub(super) fn chain(error: &Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Check: the server is one that may be.
pub(super) fn uid(machine: &Machine) -> Vec<Said> {
    let check = "server";
    vec![match &machine.server.link {
        Ok(uid) => Said::ok(check, format!("{} serves, who may", name(*uid))),
        Err(Error::WrongServer { path, uid }) => Said::finding(
            check,
            format!(
                "{} serves on {}, who may not: nothing was sent there, and no login is let in",
                name(uid.0),
                path.display()
            ),
            format!(
                "stop that process; or, if that user is meant to serve, name uid {0} with --server-uid, MFAD_SERVER_UID or \
                 server_uid={0} in the PAM lines",
                uid.0
            ),
        ),
        Err(_) => Said::note(check, SILENT),
    }]
}

/// Check: this caller may administer.
pub(super) fn rights(machine: &Machine) -> Vec<Said> {
    let check = "rights";
    vec![match &machine.server.may_administer {
        Answer::Given(_) => Said::ok(check, "you may administer"),
        Answer::Refused(Refusal::NotPermitted) => Said::advice(
            check,
            "you may not administer on this socket",
            format!(
                "run as root, or let root put you into the group: usermod -aG mfad-admin {}, and log in anew",
                name(geteuid().as_raw())
            ),
        ),
        Answer::Refused(_) => Said::note(check, "whether you may administer is not known: mfad does not say now"),
        Answer::Missing(why) => Said::note(check, format!("whether you may administer is not known: {why}")),
    }]
}

/// Check: the server's program is this one's age.
pub(super) fn version(machine: &Machine) -> Vec<Said> {
    let (check, own) = ("version", env!("CARGO_PKG_VERSION"));
    let remedy = "install mfad and mfactl of one version, then restart the daemon: systemctl restart mfad";
    vec![match (&machine.server.pong, &machine.server.link) {
        (Answer::Given(pong), _) if pong.version == own => Said::ok(check, format!("mfad and mfactl are {own}")),
        (Answer::Given(pong), _) => Said::finding(check, format!("mfad is {}, and mfactl {own}", pong.version), remedy),
        (Answer::Refused(_) | Answer::Missing(_), Ok(_)) => {
            Said::finding(check, format!("mfad does not say its version: {}", why(&machine.server.pong)), remedy)
        }
        (Answer::Refused(_) | Answer::Missing(_), _) => Said::note(check, SILENT),
    }]
}

/// Check: the store is proved and served.
pub(super) fn store(machine: &Machine) -> Vec<Said> {
    let check = "store";
    vec![match &machine.server.pong {
        Answer::Given(pong) if pong.ready => Said::ok(check, "the store is proved, and served"),
        Answer::Given(pong) if pong.why.starts_with(PROVING) => Said::note(check, pong.why.as_str()),
        Answer::Given(pong) => Said::finding(
            check,
            format!("mfad answers nothing: {}", pong.why),
            "look at its log (journalctl -u mfad) and run mfad check; mfad restore puts a backup back",
        ),
        pong => Said::note(check, format!("how the store is, is not known: {}", why(pong))),
    }]
}

fn why<T>(answer: &Answer<T>) -> &str {
    match answer {
        Answer::Given(_) => "",
        Answer::Refused(_) => "it refuses",
        Answer::Missing(why) => why,
    }
}

const SILENT: &str = "there is no mfad to ask";
const PROVING: &str = "the store is being checked";

/// More than the samples of a server itself can fill.
const PAGES: u32 = 64;
