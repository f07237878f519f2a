//! `mfactl backup`: what comes through the pipe goes into a file, which appears when it is complete.

use std::io::{self, Read, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use mfad_client::Options;
use mfad_client::backup::{Stream, receive};
use mfad_proto::Password;

use crate::failure::Failure;
use crate::file::NewFile;
use crate::input;
use crate::output::Output;

/// Runs the command.
pub(crate) fn run(
    options: &Options,
    file: &Path,
    passphrase_file: Option<&Path>,
    output: &Output,
) -> Result<(), Failure> {
    let passphrase = passphrase(passphrase_file)?;
    let failure = |error| Failure::Io(format!("{} was not written", file.display()), error);
    // Made before anything is asked of the daemon: a place that cannot be written costs it nothing.
    let mut new = NewFile::begin(file).map_err(failure)?;
    let stream = match receive(options, passphrase)? {
        Ok(stream) => stream,
        Err(refused) => return Err(Failure::unexpected(&refused)),
    };
    let records = stream.records;
    copy(stream, &mut new).and_then(|()| new.put()).map_err(failure)?;
    output.result("done")?;
    output.prose(&format!("{records} records are in {}. Without its passphrase nobody can read it.", file.display()))
}

/// A passphrase that a person has typed twice, or that a program has given once.
fn passphrase(file: Option<&Path>) -> Result<Password, Failure> {
    let Some(path) = file else { return input::new_password("Passphrase for the backup: ", EMPTY) };
    let passphrase = input::password_from(path)?;
    if passphrase.expose().is_empty() { Err(Failure::Usage(EMPTY)) } else { Ok(passphrase) }
}

const EMPTY: &str = "an empty passphrase protects nothing";

/// Copies the stream to its end.
fn copy(mut stream: Stream, new: &mut NewFile) -> io::Result<()> {
    let bar = progress(stream.records);
    let mut end = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = stream.pipe.read(&mut chunk)?;
        let bytes = chunk.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        new.write_all(bytes)?;
        bar.inc(u64::try_from(count).unwrap_or(u64::MAX));
        end.extend_from_slice(bytes);
        end.drain(..end.len().saturating_sub(FOOTER.len()));
    }
    bar.finish_and_clear();
    if end != FOOTER {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the daemon did not finish it; its log says why"));
    }
    Ok(())
}

/// A bar for a person, on standard error; nothing when that is no terminal.
fn progress(records: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent} % of about {total_bytes}");
    let bar = ProgressBar::new(records.saturating_mul(RECORD_BYTES));
    bar.with_style(style.unwrap_or_else(|_e| ProgressStyle::default_bar()))
}

/// What a backup ends with when it is complete.
const FOOTER: &[u8] = b"mfad end";

/// About as much as a record takes in a backup, for the bar alone.
const RECORD_BYTES: u64 = 915;
