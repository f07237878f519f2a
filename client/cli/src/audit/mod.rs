//! `mfactl admin audit`: what has happened, and whether the log of it is whole.

mod moment;
mod story;
mod verify;

use mfad_client::{Client, Options};
use mfad_proto::{Call, Label, LogFilter, LogPage, LogPlace, Realm, Reply};

use self::story::{Entry, People};
use crate::args::Audit;
use crate::failure::Failure;
use crate::output::{self, Output};

/// Runs the command. Without a realm, it shows all of them.
pub(crate) fn run(audit: &Audit, (server, realm): (Options, Option<Realm>), output: &Output) -> Result<(), Failure> {
    let moment = |text: &Option<String>| text.as_deref().map(moment::parse).transpose();
    let filter = LogFilter {
        realm,
        user: audit.user.clone(),
        since: moment(&audit.since)?,
        until: moment(&audit.until)?,
        outcome: audit.outcome.as_deref().map(Label::cut),
    };
    if filter.since.zip(filter.until).is_some_and(|(since, until)| since >= until) {
        return Err(Failure::Usage("nothing lies between --since and --until"));
    }
    let mut client = Client::connect(server)?;
    // Who only verifies has asked for no lines.
    if !audit.verify || filter != LogFilter::default() {
        output::to_the_end(tell(&mut client, (&filter, audit.outcome.is_some()), output))?;
    }
    if audit.verify { verify::run(&mut client, output) } else { Ok(()) }
}

fn tell(client: &mut Client, (filter, all): (&LogFilter, bool), output: &Output) -> Result<(), Failure> {
    let (mut passed_over, mut people): (u64, _) = (0, People::default());
    each_page(client, filter, false, |page| {
        for line in &page.lines {
            if output.is_for_a_program() {
                output.raw(line.as_str())?;
            } else if let Some(sentence) = Entry::parse(line.as_str()).told(all, &mut people) {
                output.prose(&sentence)?;
            } else {
                passed_over = passed_over.saturating_add(1);
            }
        }
        Ok(())
    })?;
    if passed_over > 0 && output.is_terminal() {
        output.prose(&format!(
            "({passed_over} questions that changed nothing are left out: --outcome answered shows them)"
        ))?;
    }
    Ok(())
}

/// Asks for page after page, and holds one at a time.
fn each_page(
    client: &mut Client,
    filter: &LogFilter,
    verify: bool,
    mut take: impl FnMut(&LogPage) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after: Option<LogPlace> = None;
    loop {
        let page = match client.call(Call::Audit { after, filter: filter.clone(), verify })? {
            Reply::Log(page) => page,
            other => return Err(Failure::unexpected(&other)),
        };
        take(&page)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
