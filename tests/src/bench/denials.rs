//! How long denials take, by their reasons: whoever waits for an answer must not learn what it does not say.
//!
//! Each sample has a name of its own, so that no delay comes between, and nothing of an earlier sample is near. Where names
//! are users of this machine there are too few of them: each is asked for again when the daemon has forgotten who it is,
//! with what counts as no failure. All classes of a table are asked over one connection, in random order, so that what
//! else happens on the machine meets them alike. The answers are compared byte by byte; how the times differ is told, not
//! judged.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mfad_daemon::password::Hash;
use mfad_daemon::record::Record;
use mfad_daemon::recovery::{Tag, Tags};
use mfad_daemon::totp::{SEARCH, Step};
use mfad_proto::{
    Account, AccountName, Call, Code, Context, Label, Password, Realm, Refusal, Reply, Response, UserName,
};
use serde_json::json;
use zeroize::Zeroizing;

use super::accounts;
use super::folder::{self, Folder};
use super::load;
use super::plan::Plan;
use super::process::{self, Process, program};
use super::spread::Quartiles;
use crate::random::Random;
use crate::raw::{Answer, Raw};

/// One way to be denied.
struct Class {
    name: &'static str,
    standing: Standing,
    /// Whether there is a password.
    has_password: bool,
    /// What is typed as the password, in a call that has one.
    password: &'static str,
    typed: Typed,
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// There is none, and never was one.
    Unknown,
    /// There is none, and its name was asked for before.
    Asked,
    /// Its factor was given up.
    Released,
    /// It has a factor.
    Enrolled,
    /// It has a factor whose present step is used.
    Used,
    /// It has a factor that too many failures have stopped.
    Stopped,
}

/// What is typed as a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typed {
    /// The code of now.
    Right,
    /// The code of a step outside the window.
    Elsewhere,
    /// No code of any step nearby.
    Wrong,
    /// What could be a recovery code.
    Recovery,
}

const fn verify(name: &'static str, standing: Standing, typed: Typed) -> Class {
    Class { name, standing, has_password: false, password: "", typed }
}

const fn authenticate(name: &'static str, standing: Standing, password: &'static str, typed: Typed) -> Class {
    Class { name, standing, has_password: true, password, typed }
}

/// The classes of `Verify`. The others are compared with the first.
const VERIFY: &[Class] = &[
    verify("unknown name", Standing::Unknown, Typed::Wrong),
    verify("unknown name, asked before", Standing::Asked, Typed::Wrong),
    verify("wrong code", Standing::Enrolled, Typed::Wrong),
    verify("used code", Standing::Used, Typed::Right),
    verify("right code of another step", Standing::Enrolled, Typed::Elsewhere),
    verify("known, not enrolled", Standing::Released, Typed::Wrong),
    verify("stopped account", Standing::Stopped, Typed::Right),
    verify("wrong recovery code", Standing::Enrolled, Typed::Recovery),
    verify("unknown name, recovery code", Standing::Unknown, Typed::Recovery),
];

/// The classes of `Authenticate`.
const AUTHENTICATE: &[Class] = &[
    authenticate("unknown name", Standing::Unknown, RIGHT, Typed::Wrong),
    authenticate("unknown name, asked before", Standing::Asked, RIGHT, Typed::Wrong),
    Class { has_password: false, ..authenticate("no password set", Standing::Enrolled, RIGHT, Typed::Right) },
    authenticate("wrong password", Standing::Enrolled, WRONG, Typed::Right),
    authenticate("wrong password, not enrolled", Standing::Released, WRONG, Typed::Wrong),
    authenticate("wrong code behind right password", Standing::Enrolled, RIGHT, Typed::Wrong),
    authenticate("used code behind right password", Standing::Used, RIGHT, Typed::Right),
    authenticate("stopped account", Standing::Stopped, RIGHT, Typed::Right),
];

/// The classes of `Verify` where names are users of this machine.
const PEOPLE: &[Class] = &[
    verify("no such user", Standing::Unknown, Typed::Right),
    verify("used code", Standing::Used, Typed::Right),
    verify("stopped account", Standing::Stopped, Typed::Right),
];

/// One call and its classes, in a realm of its own.
struct Kind {
    title: &'static str,
    realm: &'static str,
    classes: &'static [Class],
    samples: usize,
}

const KINDS: [Kind; 3] = [
    Kind { title: "Verify", realm: "asserted", classes: VERIFY, samples: 400 },
    Kind { title: "Verify of users of this machine", realm: "system", classes: PEOPLE, samples: 96 },
    Kind { title: "Authenticate", realm: "kept", classes: AUTHENTICATE, samples: 64 },
];

/// A name that is asked for, and how it is known.
struct Asked {
    name: AccountName,
    /// The uid, where it is a user of this machine.
    uid: Option<u32>,
    /// What its key is made of.
    index: u64,
}

/// The users of this machine: one name of each uid.
struct People(Vec<(UserName, u32)>);

impl People {
    fn read() -> Self {
        let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut people: Vec<(UserName, u32)> = Vec::new();
        for line in text.lines() {
            let mut fields = line.split(':');
            let (name, uid) = (fields.next().and_then(UserName::new), fields.nth(1).and_then(|uid| uid.parse().ok()));
            if let (Some(name), Some(uid)) = (name, uid)
                && people.iter().all(|(_, other)| *other != uid)
            {
                people.push((name, uid));
            }
        }
        Self(people)
    }

    /// How many each class of such a kind has.
    fn share(&self) -> usize {
        self.0.len() / (PEOPLE.len() - 1)
    }
}

impl Kind {
    /// How many samples of each class there are.
    fn count(&self, plan: &Plan) -> usize {
        plan.count(self.samples).max(FEWEST)
    }

    fn is_of_people(&self) -> bool {
        self.realm == "system"
    }

    /// Whom a sample of a class asks for.
    fn asked(&self, class: usize, sample: usize, people: &People) -> Asked {
        let realm = Realm::new(self.realm).expect("a legal realm");
        let account = if self.is_of_people() && class > 0 { sample % people.share() } else { sample };
        // Accounts of all classes lie side by side in the store.
        let index = u64::try_from(account * 100 + class).expect("a small number");
        if self.is_of_people() && class > 0 {
            let (user, uid) = people.0[account * (PEOPLE.len() - 1) + class - 1].clone();
            return Asked { name: AccountName { realm, user }, uid: Some(uid), index };
        }
        let user = UserName::new(&format!("user{index:08}")).expect("a legal name");
        Asked { name: AccountName { realm, user }, uid: None, index }
    }

    /// How many accounts each class has.
    fn accounts(&self, samples: usize, people: &People) -> usize {
        if self.is_of_people() { people.share() } else { samples }
    }
}

/// How the denials of one call compare.
pub(crate) struct Table {
    title: &'static str,
    samples: usize,
    classes: Vec<(&'static str, Quartiles)>,
}

/// Measures the denials of each call.
pub(crate) fn tables(plan: &Plan) -> Vec<Table> {
    let folder = Folder::new(plan);
    std::fs::write(folder::config(folder.path()), CONFIG).expect("a written configuration");
    let most = KINDS.iter().map(|kind| kind.count(plan)).max().expect("a call");
    let mut command = program("mfad-bench");
    command.arg("fill-denials").arg(folder.path()).arg((WARM + most).to_string());
    process::run(command);
    let mut command = program("mfad");
    command.arg("serve");
    let _daemon = Process::start(process::serve(command, &folder), &folder);
    let people = People::read();
    let measured = KINDS.iter().filter(|kind| kind.accounts(1, &people) > 0);
    measured.map(|kind| measure(kind, kind.count(plan), &people, &folder)).collect()
}

/// The other half of [`tables`]: so many accounts of each class.
pub(crate) fn fill(folder: &Path, samples: usize) {
    let hash = Hash::make(&password(RIGHT), b"sixteen of salt.").expect("memory for a hash");
    let people = People::read();
    let mut known = Vec::new();
    for kind in &KINDS {
        for (number, class) in kind.classes.iter().enumerate() {
            let asked = (0..kind.accounts(samples, &people)).map(|sample| kind.asked(number, sample, &people));
            known.extend(asked.filter_map(|asked| record(class, &asked, &hash).map(|record| (asked.name, record))));
        }
    }
    accounts::put(folder, known.into_iter());
}

fn record(class: &Class, asked: &Asked, hash: &Hash) -> Option<Record> {
    let password = class.has_password.then(|| hash.duplicate());
    let mut record = Record { generation: 1, password, uid: asked.uid, ..Record::default() };
    match class.standing {
        Standing::Unknown | Standing::Asked => return None,
        Standing::Released => return Some(record),
        Standing::Enrolled => record.factor = Some(accounts::factor(asked.index, Step(0))),
        // Whatever the present step is when it comes to this account.
        Standing::Used => record.factor = Some(accounts::factor(asked.index, Step(Step::at(unix()).0 + 120))),
        Standing::Stopped => {
            record.factor = Some(accounts::factor(asked.index, Step(0)));
            record.tries.codes.in_a_row = 20;
        }
    }
    let tags = (0..10).map(|number| Tag::from_bytes([number; Tag::LENGTH])).collect();
    record.recovery = Tags::new(tags).expect("as many as an account has");
    Some(record)
}

fn measure(kind: &Kind, samples: usize, people: &People, folder: &Folder) -> Table {
    eprintln!("denials: {samples} of each class of {}", kind.title);
    let mut connection = Raw::connect(&folder.socket());
    let denial = denial();
    let mut ask = |number: usize, sample: usize| {
        let class = &kind.classes[number];
        let frame = load::frame(&call(class, kind.asked(number, sample, people)));
        let began = Instant::now();
        connection.send(&frame);
        let answer = connection.receive();
        let took = began.elapsed();
        assert_eq!(answer, Answer::Frame(denial.clone()), "{}: not the bytes of every denial", class.name);
        took
    };
    for (number, class) in kind.classes.iter().enumerate() {
        let asked_before = if class.standing == Standing::Asked { WARM + samples } else { WARM };
        for sample in 0..asked_before {
            ask(number, sample);
        }
    }
    let mut random = Random::default();
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); kind.classes.len()];
    let sampled: Vec<usize> = (WARM..WARM + samples).collect();
    for round in sampled.chunks(kind.accounts(samples, people)) {
        if kind.is_of_people() {
            std::thread::sleep(FORGOTTEN);
        }
        let mut order: Vec<_> =
            (0..kind.classes.len()).flat_map(|class| round.iter().map(move |s| (class, *s))).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, random.below(place + 1));
        }
        for (class, sample) in order {
            times[class].push(ask(class, sample));
        }
    }
    let names = kind.classes.iter().map(|class| class.name);
    let classes = names.zip(times.iter().map(|times| Quartiles::of_micros(times))).collect();
    Table { title: kind.title, samples, classes }
}

/// What follows the length of a frame that denies.
fn denial() -> Vec<u8> {
    let mut buffer = [0; mfad_proto::frame::MAX_FRAME];
    let response = Response { id: 1, reply: Reply::Refused(Refusal::Denied) };
    let length = response.write(&mut buffer).expect("a short response");
    buffer[mfad_proto::frame::PREFIX..length].to_vec()
}

fn call(class: &Class, asked: Asked) -> Call {
    let account = Account::Name(asked.name);
    let code = Code::new(Zeroizing::new(typed(class.typed, asked.index).into_bytes())).expect("a short code");
    let context = Context { service: Label::cut("bench"), ..Context::default() };
    if class.password.is_empty() {
        Call::Verify { account, code, context }
    } else {
        Call::Authenticate { account, password: password(class.password), code, context }
    }
}

fn typed(typed: Typed, index: u64) -> String {
    let (generator, present) = (accounts::generator(index), Step::at(unix()));
    // As many as the daemon may look at, should a step end meanwhile.
    let reach = SEARCH + 1;
    let code = |offset: i64| generator.code(Step(present.0.checked_add_signed(offset).expect("a step"))).to_string();
    let near: Vec<_> = (-reach..=reach).map(code).collect();
    match typed {
        Typed::Right => code(0),
        // Two steps can share a code, and it must not be right.
        Typed::Elsewhere => {
            let acceptable: Vec<_> = (-2..=2).map(code).collect();
            [3, -3, 4].map(code).into_iter().find(|code| !acceptable.contains(code)).expect("another code")
        }
        Typed::Wrong => (0..).map(|code| format!("{code:06}")).find(|code| !near.contains(code)).expect("another code"),
        Typed::Recovery => "AAAA-BBBB-CCCC-DDDD".to_owned(),
    }
}

fn password(text: &str) -> Password {
    Password::new(Zeroizing::new(text.as_bytes().to_vec())).expect("a short password")
}

fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}

impl Table {
    /// Where the median of one class lies outside the quartiles of another.
    fn findings(&self) -> Vec<String> {
        let pairs = self.classes.iter().flat_map(|of| self.classes.iter().map(move |among| (of, among)));
        let outside = pairs.filter(|((_, of), (_, among))| of.p50 < among.p25 || of.p50 > among.p75);
        let told = |((of, times), (among, quartiles)): (&(&str, Quartiles), &(&str, Quartiles))| {
            format!(
                "the median of {of} ({:.0} µs) lies outside the quartiles of {among} ({:.0}..{:.0} µs)",
                times.p50, quartiles.p25, quartiles.p75
            )
        };
        outside.map(told).collect()
    }

    /// Prints the classes, and what is to be found in them.
    pub(crate) fn print(&self, json: bool) {
        let Self { title, samples, classes } = self;
        let (_, first) = classes.first().expect("a class");
        if json {
            for (class, Quartiles { p25, p50, p75 }) in classes {
                let (row, ratio) = (format!("denial of {title}: {class}"), p50 / first.p50);
                let row = json!({
                    "row": row, "value": p50, "p25": p25, "p75": p75, "unit": "µs", "ratio": ratio, "samples": samples,
                    "target": null, "met": null,
                });
                println!("{row}");
            }
            for finding in self.findings() {
                println!(
                    "{}",
                    json!({ "row": format!("finding in {title}"), "value": finding, "target": null, "met": null })
                );
            }
            return;
        }
        let title = format!("denials of {title}, {samples} of each");
        let names = classes.iter().map(|(class, _)| class.chars().count());
        let width = names.chain([title.chars().count()]).max().unwrap_or_default();
        println!("\n{title:<width$} {:>10} {:>10} {:>10} {:>6}", "p25 µs", "p50 µs", "p75 µs", "ratio");
        for (class, Quartiles { p25, p50, p75 }) in classes {
            println!("{class:<width$} {p25:>10.1} {p50:>10.1} {p75:>10.1} {:>6.3}", p50 / first.p50);
        }
        let findings = self.findings();
        findings.iter().for_each(|finding| println!("finding: {finding}"));
        if findings.is_empty() {
            println!("no findings");
        }
    }
}

/// Two realms besides `system`, whose names are not users of this machine: looking them up would only add to the noise.
const CONFIG: &str = "[realm.asserted]\nfirst_factor = \"asserted\"\n[realm.kept]\nfirst_factor = \"password\"\n";

/// Passwords of one length.
const RIGHT: &str = "correct horse";
const WRONG: &str = "battery stapl";

/// Of each class before anything is measured.
const WARM: usize = 4;

/// Quartiles of fewer samples are chance.
const FEWEST: usize = 32;

/// A little longer than the daemon remembers who a user of this machine is.
const FORGOTTEN: Duration = Duration::from_millis(1_100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_outside_the_quartiles_of_another_class_is_a_finding() {
        let quartiles = |p25, p50, p75| Quartiles { p25, p50, p75 };
        let table = |classes| Table { title: "Verify", samples: 1, classes };
        let level = table(vec![("one", quartiles(1.0, 2.0, 3.0)), ("two", quartiles(2.0, 3.0, 4.0))]);
        assert!(level.findings().is_empty());
        let apart = table(vec![("one", quartiles(1.0, 2.0, 9.0)), ("two", quartiles(3.0, 4.0, 5.0))]);
        assert_eq!(apart.findings(), ["the median of one (2 µs) lies outside the quartiles of two (3..5 µs)"]);
    }
}
