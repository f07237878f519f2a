//! Every kind of peer at every kind of socket: each call as the table of PROTOCOL.md says, and every sequence of up to four
//! calls. Nobody gets past enforcement, and nobody touches another's account.

use std::collections::BTreeMap;
use std::sync::Mutex;

use mfad_proto::{Call, FirstFactor, Keys, Realm, Refusal, Reply};
use mfad_tests::calls::code;
use mfad_tests::faults::FaultyHome;
use mfad_tests::peers::{Hall, Kind, Line, Rights, Socket, account, kept, name, rules};
use mfad_tests::rights::{Cell, Row, Table};
use mfad_tests::sequence::{Place, Sequence, Start};
use mfad_tests::standing::{Letter, Standing};
use mfad_tests::town::Town;

/// Calls in the longest sequence: four, and in the loop that is worked with one less, which takes an eighth of the time.
const LONGEST: usize = if cfg!(feature = "root") { 4 } else { 3 };

/// The part of all sequences of four calls that must be made at least.
const SHARE: u32 = if cfg!(feature = "root") { 1 } else { 10 };

/// What changes an account, and what asks about it.
const LETTERS: [Letter; 16] = [
    Letter::Begin,
    Letter::Status,
    Letter::VerifyWrong,
    Letter::VerifyRight,
    Letter::VerifySpare,
    Letter::Enroll,
    Letter::Confirm,
    Letter::Reset,
    Letter::Recovery,
    Letter::Resync,
    Letter::Disable,
    Letter::Unlock,
    Letter::Recover,
    Letter::Remove,
    Letter::EnforceOff,
    Letter::EnforceOn,
];

/// All kinds of peers at all kinds of sockets, with an account of their own and with another's.
fn cells() -> Vec<(Kind, Socket, bool)> {
    let mut cells = Vec::new();
    for socket in Socket::ALL {
        for kind in Kind::ALL {
            cells.push((kind, socket, false));
            if kind.is_somebody() {
                cells.push((kind, socket, true));
            }
        }
    }
    cells
}

fn is_not_permitted(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::NotPermitted))
}

#[test]
fn the_table_of_rights_holds_in_every_cell() {
    let table = Table::read();
    let hall = Hall::open(rules(FirstFactor::Password), rules(FirstFactor::Asserted));
    let mut root = hall.root();
    let mut looked_at = 0;
    for (kind, socket, own) in cells() {
        for realm in [Realm::system(), kept()] {
            let rights = Rights::of(kind, socket, &realm, own);
            for row in table.rows() {
                let number = hall.number();
                let name = name(&realm, &Town::name(number));
                let mut line = hall.line(socket, kind.peer(if own { number } else { 0 }));
                let (commits, call) = (hall.home.commits(), row.call(account(&name), &realm));
                let reply = answered_now(&mut line, &call);
                let what = format!("{kind:?} at {socket:?} about {realm}, own {own}: {}", row.name);
                let refused = row.cell(rights) == Cell::NotPermitted;
                assert_eq!(is_not_permitted(&reply), refused, "{what}");
                if refused {
                    assert_eq!(hall.home.commits(), commits, "{what}: something was stored");
                } else if realm == kept() && row.takes_password() {
                    assert!(matches!(reply, Reply::Refused(Refusal::Unsupported)), "{what}");
                } else if row.name == "Passwd" || row.name == "SetPassword" || row.cell(rights) == Cell::Judged {
                    assert!(is_judged(&reply), "{what}");
                } else if row.name == "Audit" {
                    // No log is kept here, whose lines would bring batches by themselves: see the next test.
                    assert!(matches!(reply, Reply::Refused(Refusal::Unsupported)), "{what}");
                } else {
                    assert!(is_answer(row, &reply), "{what}");
                }
                if row.name == "KeyRotate" && !refused {
                    while !matches!(root.ask(&Call::KeyStatus), Reply::Keys(Keys { old: None, .. })) {}
                }
                looked_at += 1;
            }
        }
    }
    println!("{looked_at} cells");
    assert_eq!(looked_at, Socket::ALL.len() * 10 * 2 * 31);
}

#[test]
fn the_log_is_read_by_those_alone_whom_the_table_names() {
    let table = Table::read();
    let home = FaultyHome::with_log();
    let hall = Hall::reopen(&home, rules(FirstFactor::Password), rules(FirstFactor::Asserted));
    let (row, mut read) = (table.row("Audit"), 0);
    for (kind, socket, own) in cells() {
        let rights = Rights::of(kind, socket, &Realm::system(), own);
        let reply =
            hall.line(socket, kind.peer(0)).ask(&row.call(account(&name(&Realm::system(), "u")), &Realm::system()));
        let refused = row.cell(rights) == Cell::NotPermitted;
        assert_eq!(is_not_permitted(&reply), refused, "{kind:?} at {socket:?}");
        assert!(refused || is_answer(row, &reply), "{kind:?} at {socket:?}");
        read += usize::from(!refused);
    }
    assert!(read >= 4, "{read}");
}

/// The answer, when there is one: only one backup is made at a time.
fn answered_now(line: &mut Line, call: &Call) -> Reply {
    loop {
        let reply = line.ask(call);
        if !matches!((call, &reply), (Call::Backup { .. }, Reply::Refused(Refusal::TryLater { .. }))) {
            return reply;
        }
    }
}

/// What may come of a call about an account that nobody has heard of.
fn is_judged(reply: &Reply) -> bool {
    let denied = matches!(reply, Reply::Refused(Refusal::Denied));
    denied || matches!(reply, Reply::Enrollment(_) | Reply::Issued(_) | Reply::Imported(_) | Reply::Done)
}

fn is_answer(row: &Row, reply: &Reply) -> bool {
    match row.name.as_str() {
        "Ping" => matches!(reply, Reply::Pong(_)),
        "Begin" => matches!(reply, Reply::Need(_)),
        "Status" => matches!(reply, Reply::Status(_)),
        "List" => matches!(reply, Reply::Accounts(_)),
        "ListHandles" => matches!(reply, Reply::Handles(_)),
        "SetPolicy" | "GetPolicy" => matches!(reply, Reply::Policy(_)),
        "Audit" => matches!(reply, Reply::Log(_)),
        "Stats" => matches!(reply, Reply::Stats(_)),
        "KeyStatus" | "KeyRotate" => matches!(reply, Reply::Keys(_)),
        "Backup" => matches!(reply, Reply::Backup { .. }),
        _ => false,
    }
}

/// Some sequences at one place: all that begin with this call, or the empty one.
#[derive(Clone)]
struct Job {
    place: Place,
    start: Start,
    first: Option<Letter>,
    /// What is tried.
    letters: &'static [Letter],
    /// What a sequence goes on after; what else changes something comes last.
    grows: &'static [Letter],
}

/// The daemon of one worker, and an account in each realm that nobody is to touch.
struct World<'h> {
    hall: &'h Hall,
    table: &'h Table,
    bystanders: Vec<Sequence<'h>>,
    tally: Tally,
}

/// How many sequences were made, by the rights of who made them, and how many calls.
#[derive(Default)]
struct Tally {
    sequences: BTreeMap<&'static str, u32>,
    calls: u32,
}

impl<'h> World<'h> {
    fn new(hall: &'h Hall, table: &'h Table) -> Self {
        let enroll = |realm| {
            let (kind, socket, own, proof) = (Kind::Root, Socket::Public, false, "Asserted");
            Sequence::begin(hall, table, &Place { kind, socket, realm, own, proof }, Start::Enrolled)
        };
        let bystanders = [Realm::system(), kept()].map(enroll).into_iter().collect();
        Self { hall, table, bystanders, tally: Tally::default() }
    }

    /// What becomes of an account by this call of the peer of this place.
    fn after(&self, standing: &Standing, letter: Letter, place: &Place) -> Standing {
        let mut after = *standing;
        if self.table.row(&letter.row(place.proof)).cell(place.rights()) != Cell::NotPermitted {
            after.judge(letter);
        }
        after
    }

    fn run(&mut self, job: &Job) {
        let standing = job.start.standing(&job.place);
        if job.first.is_none_or(|first| self.after(&standing, first, &job.place) != standing) {
            self.explore(job, &mut Vec::from_iter(job.first));
        }
    }

    /// Makes a sequence, and those that are longer.
    fn explore(&mut self, job: &Job, path: &mut Vec<Letter>) {
        let untouched: Vec<_> = self.bystanders.iter().map(|of| self.hall.stored(&of.name)).collect();
        let mut sequence = Sequence::begin(self.hall, self.table, &job.place, job.start);
        path.iter().for_each(|letter| sequence.play(*letter));
        let (mut longer, mut made) = (Vec::new(), 1);
        for letter in job.letters.iter().filter(|_| path.len() < LONGEST) {
            if self.after(&sequence.standing, *letter, &job.place) != sequence.standing {
                longer.push(*letter);
            } else {
                // It changes nothing, as is looked at here: whatever comes after it is a shorter sequence.
                sequence.play(*letter);
                made += 1;
            }
        }
        sequence.look();
        if path.len() <= 1 || !job.place.rights().login {
            made += self.trespass(&mut sequence);
        }
        let touched: Vec<_> = self.bystanders.iter().map(|of| self.hall.stored(&of.name)).collect();
        assert!(touched == untouched, "{:?} has touched another's account by {path:?}", job.place);
        *self.tally.sequences.entry(named(job.place.rights())).or_default() += made;
        self.tally.calls += sequence.calls;
        drop(sequence);
        if job.first.is_some() && path.iter().all(|letter| job.grows.contains(letter)) {
            for letter in longer {
                path.push(letter);
                self.explore(job, path);
                path.pop();
            }
        }
    }

    /// Lets the peer try everything with accounts that it has no right to, and the codes of their apps.
    fn trespass(&mut self, sequence: &mut Sequence<'_>) -> u32 {
        let mut tried = 0;
        for bystander in &mut self.bystanders {
            let (name, right) = (bystander.name.clone(), bystander.right_code());
            let of = sequence.place();
            if Rights::of(of.kind, of.socket, &name.realm, false) != Rights::default() {
                continue;
            }
            for row in self.table.rows().iter().filter(|row| row.name != "Ping" && !row.takes_password()) {
                let call = match row.call(account(&name), &name.realm) {
                    Call::Verify { account, context, .. } => Call::Verify { account, code: code(&right), context },
                    Call::Reset { account, proof, context, .. } => {
                        Call::Reset { account, proof, code: code(&right), context }
                    }
                    call => call,
                };
                let commits = self.hall.home.commits();
                let reply = sequence.ask(&call);
                assert!(is_not_permitted(&reply), "{:?} reaches {name:?} by {}", sequence.place(), row.name);
                assert_eq!(self.hall.home.commits(), commits, "{}: something was stored", row.name);
                tried += 1;
            }
        }
        tried
    }
}

/// The rights in one word.
fn named(rights: Rights) -> &'static str {
    match (rights.login, rights.owner, rights.admin) {
        (false, false, false) => "none",
        (true, _, false) => "login",
        (false, true, false) => "owner",
        (false, false, true) => "admin",
        (false, true, true) => "owner and admin",
        (true, _, true) => "login and admin",
    }
}

/// Does all jobs, by two workers with a daemon each.
fn work(jobs: Vec<Job>, open: impl Fn() -> Hall + Sync) -> Tally {
    let (table, jobs) = (Table::read(), Mutex::new(jobs));
    let next = || jobs.lock().expect("no panic of the other worker").pop();
    let worker = || {
        let hall = open();
        let mut world = World::new(&hall, &table);
        while let Some(job) = next() {
            world.run(&job);
        }
        let World { bystanders, tally, .. } = world;
        for mut bystander in bystanders {
            bystander.look();
            bystander.play(Letter::VerifyRight);
        }
        tally
    };
    std::thread::scope(|scope| {
        let workers = [scope.spawn(worker), scope.spawn(worker)];
        workers.into_iter().fold(Tally::default(), |mut all, one| {
            let one = one.join().expect("a worker without a panic");
            for (rights, count) in one.sequences {
                *all.sequences.entry(rights).or_default() += count;
            }
            Tally { calls: all.calls + one.calls, ..all }
        })
    })
}

/// The jobs at one place.
fn jobs(place: &Place, start: Start, letters: &'static [Letter], grows: &'static [Letter]) -> Vec<Job> {
    let job = |first| Job { place: place.clone(), start, first, letters, grows };
    std::iter::once(None).chain(letters.iter().copied().map(Some)).map(job).collect()
}

/// What most sequences go on after: the others change nothing of what the next calls may do, or something else does as much.
const MOST: [Letter; 6] =
    [Letter::VerifyRight, Letter::Enroll, Letter::Confirm, Letter::Reset, Letter::Disable, Letter::EnforceOff];

/// What the sequences at a place go on after. One place of each combination of rights has everything.
fn grows(place: &Place) -> &'static [Letter] {
    let whole = match place.socket {
        Socket::Public => matches!(place.kind, Kind::Root | Kind::User | Kind::Member),
        Socket::System => place.kind == Kind::Stranger,
        Socket::ByHand | Socket::Kept | Socket::Gateway | Socket::Backyard => false,
    };
    if whole { &LETTERS } else { &MOST }
}

#[test]
fn in_every_sequence_of_four_calls_nobody_gets_past_enforcement_or_at_anothers_account() {
    let mut all = Vec::new();
    for (kind, socket, own) in cells() {
        let place = Place { kind, socket, realm: Realm::system(), own, proof: "Asserted" };
        for start in [Start::Unknown, Start::Begun, Start::Enrolled] {
            // Whoever may begin an enrolment does so in a sequence.
            if start != Start::Begun || !(place.rights().login || place.rights().admin) {
                all.extend(jobs(&place, start, &LETTERS, grows(&place)));
            }
        }
    }
    let Tally { sequences, calls } =
        work(all, || Hall::open(rules(FirstFactor::Asserted), rules(FirstFactor::Asserted)));
    println!("{} sequences, {calls} calls: {sequences:?}", sequences.values().sum::<u32>());
    // Who has no right makes sequences of one call; who has all of them makes thousands.
    let least = [
        ("none", 1500),
        ("owner", 500),
        ("login", 8000),
        ("admin", 3000),
        ("owner and admin", 5000),
        ("login and admin", 9000),
    ];
    for (rights, least) in least {
        assert!(sequences.get(rights).is_some_and(|made| *made >= least / SHARE), "{rights}: {sequences:?}");
    }
    assert_eq!(sequences.len(), least.len());
}

#[test]
fn in_every_sequence_of_four_calls_an_owner_with_a_password_gets_no_further_than_his_own_account() {
    const LETTERS: [Letter; 6] =
        [Letter::Begin, Letter::VerifyRight, Letter::Enroll, Letter::Confirm, Letter::Reset, Letter::Authenticate];
    let (kind, socket, own) = (Kind::User, Socket::Public, true);
    let place = Place { kind, socket, realm: kept(), own, proof: "Password" };
    let all = [Start::Unknown, Start::Enrolled].into_iter().flat_map(|start| jobs(&place, start, &LETTERS, &LETTERS));
    let open = || Hall::open(rules(FirstFactor::Asserted), rules(FirstFactor::Password));
    let Tally { sequences, calls } = work(all.collect(), open);
    println!("{} sequences, {calls} calls with passwords", sequences["owner"]);
    assert!(sequences["owner"] > 500 / SHARE, "{sequences:?}");
}
