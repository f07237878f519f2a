//! `mfactl admin list` and `admin show`. A list is printed as it comes: however long it is, a page of it is in memory.

use mfad_client::{Client, Options, words};
use mfad_proto::{
    AccountPage, Call, FactorProfile, Holder, Listed, Profile, Realm, Refusal, Reply, State, UserName, printable,
};

use crate::args::{List, StateWord};
use crate::failure::Failure;
use crate::output::{self, ListedObject, Output, ProfileObject};
use crate::paint;
use crate::session::Session;

/// Prints the accounts of a realm.
pub(crate) fn list(list: List, (server, realm): (Options, &Realm), output: &Output) -> Result<(), Failure> {
    output::to_the_end(pages(list, (server, realm), output))
}

fn pages(mut list: List, (server, realm): (Options, &Realm), output: &Output) -> Result<(), Failure> {
    let mut client = Client::connect(server)?;
    let (mut table, mut shown) = (None, 0_u64);
    let most = list.limit.unwrap_or(u64::MAX);
    while shown < most {
        let AccountPage { accounts, next } = page(&mut client, realm, list.after.take(), list.asks(most, shown))?;
        let left = usize::try_from(most.saturating_sub(shown)).unwrap_or(usize::MAX);
        let picked: Vec<_> = accounts.iter().filter(|listed| list.picks(listed)).take(left).collect();
        shown = shown.saturating_add(u64::try_from(picked.len()).unwrap_or(u64::MAX));
        if output.is_for_a_program() {
            picked.iter().try_for_each(|listed| output.always(&ListedObject::new(realm, listed)))?;
        } else if !picked.is_empty() {
            let table = table_of(&mut table, &picked, output)?;
            picked.iter().try_for_each(|listed| output.prose(&table.row(listed)))?;
        }
        list.after = next;
        if list.after.is_none() {
            break;
        }
    }
    if output.is_terminal() { output.prose(&count(shown)) } else { Ok(()) }
}

fn page(client: &mut Client, realm: &Realm, after: Option<UserName>, limit: u32) -> Result<AccountPage, Failure> {
    match client.call(Call::List { realm: realm.clone(), after, limit })? {
        Reply::Accounts(page) => Ok(page),
        other => Err(Failure::unexpected(&other)),
    }
}

fn count(shown: u64) -> String {
    if shown == 1 { "1 account".to_owned() } else { format!("{shown} accounts") }
}

impl List {
    /// How many accounts are worth asking for: where some are left out here, as many as the server gives.
    fn asks(&self, most: u64, shown: u64) -> u32 {
        let all = self.state.is_none() && !self.orphans;
        if all { u32::try_from(most.saturating_sub(shown)).unwrap_or(u32::MAX) } else { u32::MAX }
    }

    fn picks(&self, listed: &Listed) -> bool {
        let state = self.state.is_none_or(|state| {
            listed.state
                == match state {
                    StateWord::None => State::None,
                    StateWord::Pending => State::Pending,
                    StateWord::Active => State::Active,
                    StateWord::Locked => State::Locked,
                }
        });
        state && (!self.orphans || matches!(listed.holder, Holder::Gone | Holder::Other))
    }
}

/// The table that was begun, or a new one, whose head is printed then.
fn table_of<'t>(table: &'t mut Option<Table>, first: &[&Listed], output: &Output) -> Result<&'t Table, Failure> {
    if table.is_none() {
        let new = Table::new(first);
        output.prose(&new.head())?;
        *table = Some(new);
    }
    table.as_ref().ok_or(Failure::Unexpected("a table without a head"))
}

/// How wide its columns are. A longer name pushes the rest of its row to the right.
struct Table {
    user: usize,
}

impl Table {
    fn new(first: &[&Listed]) -> Self {
        let longest = first.iter().map(|listed| listed.user.as_str().chars().count()).max();
        Self { user: longest.unwrap_or_default().clamp(NARROWEST, WIDEST) }
    }

    fn head(&self) -> String {
        let state = format!("{:STATE$}", "STATE");
        let head = self.line(["USER", &state, "ENROLLED", "LAST-SUCCESS", "RECOVERY", "FAILURES", "NOTE"]);
        paint::bold(&head)
    }

    fn row(&self, listed: &Listed) -> String {
        let time = |time: Option<u64>| time.map_or_else(|| "-".to_owned(), words::moment);
        let (enrolled, last) = (time(listed.enrolled_at), time(listed.last_success));
        let (left, failed) = (listed.recovery_left.to_string(), listed.failures_since.to_string());
        let (user, state) = (printable(listed.user.as_str()), paint::state(listed.state, STATE));
        self.line([&user, &state, &enrolled, &last, &left, &failed, &paint::warn(&note(listed))])
    }

    fn line(&self, [user, state, enrolled, last, left, failed, note]: [&str; 7]) -> String {
        let width = self.user;
        let line = format!("{user:width$}  {state}  {enrolled:20}  {last:20}  {left:>8}  {failed:>8}  {note}");
        line.trim_end().to_owned()
    }
}

fn note(listed: &Listed) -> String {
    let holder = match listed.holder {
        Holder::NotUnix | Holder::Same => None,
        Holder::Gone => Some("no such Unix user".to_owned()),
        Holder::Other => Some("another uid".to_owned()),
        Holder::Unknown => Some("Unix user not looked up".to_owned()),
    };
    let wait = listed.retry_after.map(|seconds| format!("wait {seconds} s"));
    holder.into_iter().chain(wait).collect::<Vec<_>>().join(", ")
}

/// Prints everything about one account that is no secret.
pub(crate) fn show(mut session: Session, output: &Output) -> Result<(), Failure> {
    let account = session.account();
    let profile = match session.call(Call::Show { account })? {
        Reply::Profile(profile) => profile,
        Reply::Refused(Refusal::Denied) => return Err(Failure::NotKnown(session.user().clone())),
        other => return Err(Failure::unexpected(&other)),
    };
    output.object(&ProfileObject::from(&*profile))?;
    crate::describe(&profile.status, output)?;
    let line = |label: &str, value: &str| output.prose(&format!("  {label:23} {value}"));
    for (label, seconds) in
        [("next password in:", profile.password_retry_after), ("next login in:", profile.login_retry_after)]
    {
        if let Some(seconds) = seconds {
            line(label, &format!("{seconds} s"))?;
        }
    }
    if let Some(last) = &profile.last_failure {
        line("last failure:", &words::failure(last))?;
    }
    if profile.own_locked {
        line("the owner's own tries:", "stopped")?;
    }
    if let Some(factor) = &profile.factor {
        line("codes:", &codes(factor))?;
        line("handle:", &factor.handle.to_string())?;
    }
    line("enrolments so far:", &profile.generation.to_string())?;
    for (label, end) in
        [("enrolment begun until:", profile.pending_until), ("issued code until:", profile.issued_until)]
    {
        if let Some(end) = end {
            line(label, &words::moment(end))?;
        }
    }
    line("password kept by mfad:", if profile.has_password { "yes" } else { "no" })?;
    let unix = unix(&profile);
    if unix.is_empty() { Ok(()) } else { line("Unix user:", &unix) }
}

fn codes(factor: &FactorProfile) -> String {
    let clock = match (factor.behind, factor.ahead) {
        (0, 0) => String::new(),
        (0, ahead) => format!(", of a clock that is {} s ahead", ahead.saturating_mul(STEP_SECONDS)),
        (behind, _) => format!(", of a clock that is {} s behind", behind.saturating_mul(STEP_SECONDS)),
    };
    format!("{} digits, {}{clock}", factor.digits.count(), factor.algorithm.as_str())
}

fn unix(profile: &Profile) -> String {
    let noted = profile.uid.map_or_else(|| "no uid is noted".to_owned(), |uid| format!("uid {uid} is noted"));
    match profile.holder {
        Holder::NotUnix => String::new(),
        Holder::Same => noted,
        Holder::Gone => format!("there is none of this name; {noted}"),
        Holder::Other => format!("the name has another uid now; {noted}"),
        Holder::Unknown => format!("could not be looked up; {noted}"),
    }
}

/// The column of names, in characters.
const NARROWEST: usize = 8;
const WIDEST: usize = 40;

/// The column of states, in characters.
const STATE: usize = 7;

/// Of a code, in seconds.
const STEP_SECONDS: u32 = 30;
