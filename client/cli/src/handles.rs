//! `mfactl admin list --handles`: the enrolments of a realm by their public names, printed as they come.

use mfad_client::{Client, Options, words};
use mfad_proto::{Call, HandlePage, ListedHandle, Realm, Reply, UserName, printable};

use crate::args::List;
use crate::failure::Failure;
use crate::output::{self, HandleObject, Output};
use crate::paint;

/// Prints the handles of a realm.
pub(crate) fn list(list: List, (server, realm): (Options, &Realm), output: &Output) -> Result<(), Failure> {
    output::to_the_end(pages(list, (server, realm), output))
}

fn pages(list: List, (server, realm): (Options, &Realm), output: &Output) -> Result<(), Failure> {
    let mut client = Client::connect(server)?;
    let (mut after, mut left) = (list.after, list.limit.unwrap_or(u64::MAX));
    let mut is_first = true;
    while left > 0 {
        let asked = u32::try_from(left).unwrap_or(u32::MAX);
        let HandlePage { handles, next } = page(&mut client, realm, after, asked)?;
        for listed in handles.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            if output.is_for_a_program() {
                output.always(&HandleObject::new(realm, listed))?;
            } else {
                if is_first {
                    let head = format!("{:HANDLE$}  {:STAGE$}  {:SINCE$}  USER", "HANDLE", "STAGE", "SINCE");
                    output.prose(&paint::bold(&head))?;
                }
                output.prose(&row(listed))?;
            }
            is_first = false;
            left = left.saturating_sub(1);
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

fn page(client: &mut Client, realm: &Realm, after: Option<UserName>, limit: u32) -> Result<HandlePage, Failure> {
    match client.call(Call::ListHandles { realm: realm.clone(), after, limit })? {
        Reply::Handles(page) => Ok(page),
        other => Err(Failure::unexpected(&other)),
    }
}

fn row(listed: &ListedHandle) -> String {
    let (stage, since) = (listed.stage.as_str(), words::moment(listed.since));
    format!(
        "{:HANDLE$}  {stage:STAGE$}  {since:SINCE$}  {}",
        listed.handle.to_string(),
        printable(listed.user.as_str())
    )
}

/// The columns, in characters.
const HANDLE: usize = 38;
const STAGE: usize = 10;
const SINCE: usize = 20;
