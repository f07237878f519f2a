//! `mfactl enroll`: in one go with a person, or in two steps for a program.

use std::path::Path;

use mfad_client::qr;
use mfad_client::words::{key, key_in_fours};
use mfad_proto::{Call, Code, Enrollment, EnrollmentId, Refusal, Reply, UserName};

use crate::args::Enroll;
use crate::context;
use crate::failure::Failure;
use crate::file::NewFile;
use crate::input;
use crate::output::{EnrollmentObject, Output, RecoveryObject};
use crate::paint;
use crate::png;
use crate::recovery;
use crate::session::Session;

/// Runs the command.
pub(crate) fn run(
    options: Enroll,
    connect: impl FnOnce(Option<UserName>) -> Result<Session, Failure>,
    output: &Output,
) -> Result<(), Failure> {
    let Enroll { user, png, issuer, ticket, begin, confirm } = options;
    if !begin && confirm.is_none() && !input::is_terminal() {
        return Err(Failure::Usage("without a terminal, use enroll --begin USER, then enroll --confirm ID USER"));
    }
    let unwritable = |path: &Path, error| Failure::Io(format!("{} cannot be written", path.display()), error);
    // Before anything is begun: a place that cannot be written costs nothing.
    let picture =
        png.map(|path| NewFile::begin(&path).map_err(|error| unwritable(&path, error)).map(|file| (path, file)));
    let picture = picture.transpose()?;
    let mut session = connect(user)?;
    if let Some(id) = confirm {
        return finish(&mut session, id, input::code("First code: ")?, output);
    }
    let (account, proof) = (session.account(), session.proof_to_enroll()?);
    let code = ticket.then(|| input::code("Ticket from the administrator: ")).transpose()?;
    let reply = session.call(Call::Enroll { account, proof, ticket: code, issuer, context: context() })?;
    let enrollment = match reply {
        Reply::Enrollment(enrollment) => enrollment,
        Reply::Refused(Refusal::NotPermitted) => return Err(refused(&mut session)?),
        Reply::Refused(Refusal::Denied) if !ticket => return Err(Failure::NotBegun),
        other => return Err(Failure::unexpected(&other)),
    };
    if let Some((path, mut file)) = picture {
        let written = png::write_png(&enrollment.qr, &mut file).and_then(|()| file.put());
        written.map_err(|error| unwritable(&path, error))?;
    }
    if begin {
        return output.object(&EnrollmentObject::new(&enrollment, key(&enrollment)));
    }
    show(&enrollment, output)?;
    ask(&mut session, enrollment.id, output)
}

/// Goes on with an enrolment that a reset has begun: with a person at once, for a program as `--begin` ends.
pub(crate) fn replace(session: &mut Session, enrollment: &Enrollment, output: &Output) -> Result<(), Failure> {
    if output.is_for_a_program() || !input::is_terminal() {
        return output.always(&EnrollmentObject::new(enrollment, key(enrollment)));
    }
    output.prose("A second factor is enforced here. The old one works until the new one is confirmed:")?;
    show(enrollment, output)?;
    ask(session, enrollment.id, output)
}

/// Why an enrolment was refused: mostly because there is one.
fn refused(session: &mut Session) -> Result<Failure, Failure> {
    Ok(match session.status() {
        Ok(status) if status.enrolled_at.is_some() => Failure::Enrolled(session.user().clone()),
        Ok(_) => Failure::Closed,
        Err(_) => Failure::Refused(Refusal::NotPermitted),
    })
}

fn show(enrollment: &Enrollment, output: &Output) -> Result<(), Failure> {
    output.prose("Scan this with any authenticator app:")?;
    output.prose(&qr::terminal(&enrollment.qr, output.is_terminal()))?;
    output.prose("Or type this key into it (time-based):")?;
    output.prose(&format!("    {}", *key_in_fours(enrollment)))
}

/// A person mistypes: the enrolment stays, and the next code is another try.
fn ask(session: &mut Session, id: EnrollmentId, output: &Output) -> Result<(), Failure> {
    for _ in 1..TRIES {
        match finish(session, id, input::code("First code from the app: ")?, output) {
            Err(denied @ Failure::Refused(Refusal::Denied)) => output.prose(&paint::bad(&denied.to_string()))?,
            other => return other,
        }
    }
    finish(session, id, input::code("First code from the app: ")?, output)
}

fn finish(session: &mut Session, enrollment: EnrollmentId, code: Code, output: &Output) -> Result<(), Failure> {
    let account = session.account();
    match session.call(Call::Confirm { account, enrollment, code })? {
        Reply::Enrolled(codes) => {
            let codes = codes.as_slice();
            output.object(&RecoveryObject::new("enrolled", codes))?;
            output.prose(&format!("{} is enrolled. That code is used: log in with the next one.", session.user()))?;
            if codes.is_empty() { Ok(()) } else { recovery::show(codes, output) }
        }
        other => Err(Failure::unexpected(&other)),
    }
}

/// How often a person may mistype the first code.
const TRIES: u32 = 3;
